//! What a person should hear of now: levels of caps, caps that are reached, costly sessions, loops that were stopped,
//! broken guards, models without a price. A look at the sums, whoever asks: the screen, `watch`, or what a hook leaves
//! behind. That each is told once is the business of whoever tells.

use std::path::Path;
use std::time::Duration;

use crate::alerts::{Alert, AlertKind, Memory, REMEMBERED, Urgency};
use crate::attribution::PREFIX;
use crate::budgets::{self, Standing};
use crate::engine::journal;
use crate::engine::judge::{level_key, level_until};
use crate::engine::lookout::Sight;
use crate::engine::rules::Rules;
use crate::model::time::{HOUR, MINUTE};
use crate::model::{Millis, Money, Window};
use crate::query::caps;
use crate::query::{Labeler, experiments, project_of};
use crate::store::ledger::{Decision, Kind};
use crate::store::{Ledger, Store, StoreError};

/// Loops stopped longer ago are no news.
const NEWS: Millis = 10 * MINUTE;

/// A guard that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokenGuard {
    /// The agent's name.
    pub agent: &'static str,
    /// What is wrong, in words.
    pub why: String,
}

/// What to look at.
pub struct Watch<'a> {
    /// The rules.
    pub rules: &'a Rules,
    /// What a session may cost before somebody should hear of it.
    pub session_over: Option<Money>,
    /// Guards that do not hold.
    pub guards: &'a [BrokenGuard],
    /// What is unusual.
    pub sight: &'a Sight,
    /// Now.
    pub now: Millis,
}

/// How caps stand, and what there is to tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Round {
    /// Each cap, those per session or task for each session of the last hour.
    pub standings: Vec<Standing>,
    /// What there is to tell, told before or not.
    pub alerts: Vec<Alert>,
    /// The keys of what is over: it may be told again when it comes back.
    pub over: Vec<String>,
}

/// Looks.
pub fn round(store: &Store, ledger: &Ledger, watch: &Watch<'_>) -> Result<Round, StoreError> {
    let (rules, now) = (watch.rules, watch.now);
    let raises = caps::raises(ledger, now)?;
    let standings = rules.standings_of_each(store, &raises, now)?;
    let experiments = experiments_of(store, ledger, watch)?;
    let mut alerts: Vec<Alert> = standings.iter().chain(&experiments).filter_map(|standing| level(standing, watch)).collect();
    alerts.extend(costly(store, watch)?);
    alerts.extend(ledger.decisions(now - NEWS, usize::MAX)?.iter().filter_map(|decision| stopped(decision, now)));
    alerts.extend(unpriced(store, watch)?);
    alerts.extend(watch.guards.iter().map(|guard| broken(guard, watch)));
    alerts.extend(watch.sight.alerts.iter().cloned());
    for key in &watch.sight.over {
        let key = told_key(key);
        if ledger.until(&key, now)?.is_some() {
            ledger.forget(&key)?;
        }
    }
    let snoozed = ledger.held(SNOOZE, now)?;
    alerts.retain(|alert| snoozed.iter().all(|(key, _)| key.strip_prefix(SNOOZE) != Some(alert.kind.word())));
    Ok(Round { standings, alerts, over: watch.sight.over.clone() })
}

/// How experiments stand; where there are none, nothing is asked.
fn experiments_of(store: &Store, ledger: &Ledger, watch: &Watch<'_>) -> Result<Vec<Standing>, StoreError> {
    if watch.rules.attribution.experiments.is_empty() {
        return Ok(Vec::new());
    }
    let labeler = Labeler::new(watch.rules.attribution.clone(), Some(ledger))?;
    Ok(experiments::all(store, &watch.rules.about(&labeler, watch.now))?.into_iter().map(|view| view.standing).collect())
}

fn level(standing: &Standing, watch: &Watch<'_>) -> Option<Alert> {
    let level = standing.level()?;
    let reached = standing.is_reached();
    let title = title(standing, level);
    let body = match (reached, standing.cap.has_teeth()) {
        (true, true) => budgets::halt_text(standing, watch.rules.zone).trim_start_matches("aifinops: ").to_owned(),
        // The title says all.
        _ if standing.has_ended() => owner(standing),
        _ => format!("{}; it {}", budgets::spent_text(standing), budgets::resets(standing, watch.rules.zone)),
    };
    Some(Alert {
        kind: match (&standing.cap.experiment, reached) {
            (Some(_), _) => AlertKind::Experiment,
            (None, true) => AlertKind::CapHit,
            (None, false) => AlertKind::CapLevel,
        },
        key: level_key(standing, None),
        at: watch.now,
        until: level_until(standing, watch.now),
        title,
        body,
        urgency: if reached && standing.cap.has_teeth() { Urgency::Critical } else { Urgency::Normal },
    })
}

fn title(standing: &Standing, level: u16) -> String {
    let words = standing.cap.words();
    match &standing.cap.experiment {
        Some(experiment) if standing.has_ended() => format!("The experiment {} has ended; {} spent", experiment.name, standing.spent()),
        Some(experiment) if standing.is_reached() => format!("The experiment {} is over its budget", experiment.name),
        None if standing.is_reached() => format!("{} reached: {words}", if standing.cap.has_teeth() { "Cap" } else { "Limit" }),
        _ => format!("{level}% of the {words}"),
    }
}

/// Whose experiment it is.
fn owner(standing: &Standing) -> String {
    let owner = standing.cap.experiment.as_ref().and_then(|experiment| experiment.owner.as_deref());
    owner
        .map_or_else(|| "`aifinops experiments` shows it.".to_owned(), |owner| format!("It is {owner}'s; `aifinops experiments` shows it."))
}

/// Sessions that are at work and have cost more than anybody expects of one.
fn costly(store: &Store, watch: &Watch<'_>) -> Result<Vec<Alert>, StoreError> {
    let Some(over) = watch.session_over else { return Ok(Vec::new()) };
    let mut alerts = Vec::new();
    for who in store.sessions_since(watch.now - HOUR)? {
        let ids = store.conversation(who.id)?;
        // A subagent's spend is its session's.
        if ids.first() != Some(&who.id) {
            continue;
        }
        let spent: Money = store.spend_of(&ids)?.iter().map(|row| row.sums.cost().known).sum();
        if spent < over {
            continue;
        }
        alerts.push(Alert {
            kind: AlertKind::SessionOver,
            key: format!("session:{}:{}:{}", who.agent, who.uid, over.nanos()),
            at: watch.now,
            until: watch.now + REMEMBERED,
            title: format!("A session has cost {spent}"),
            body: format!(
                "{} in {}, over {over} (`alerts.session_over`). `aifinops session {}` shows where it went; `aifinops cap set {} --per \
                 session` bounds every session.",
                who.agent,
                project_of(who.cwd.as_deref()),
                who.uid.chars().take(8).collect::<String>(),
                over.exact()
            ),
            urgency: Urgency::Normal,
        });
    }
    Ok(alerts)
}

/// A loop that was stopped. That a prompt was blocked, the person at the agent has seen.
fn stopped(decision: &Decision, now: Millis) -> Option<Alert> {
    let how = match decision.kind {
        Kind::HaltStep => "was halted between two steps",
        // Whoever stops it by hand knows of it.
        Kind::Stop if !decision.cap.is_empty() => "was ended by a signal",
        Kind::Refuse => "had its next call refused",
        _ => return None,
    };
    let (agent, session) = (decision.agent.as_deref().unwrap_or("an agent"), decision.session.as_deref().unwrap_or_default());
    let short: String = session.chars().take(8).collect();
    Some(Alert {
        kind: AlertKind::LoopStopped,
        // Once for a session and cap while they are stopped: an agent that asks again and again is one piece of news.
        key: format!("stopped:{agent}:{session}:{}", decision.cap),
        at: now,
        until: now + HOUR,
        title: format!("{agent} {how}"),
        body: match decision.cap.strip_prefix(PREFIX) {
            Some(experiment) => format!("Session {short}, by the experiment `{experiment}`. `aifinops experiments` says why."),
            None => format!("Session {short}, by the cap `{}`. `aifinops cap raise` makes room.", decision.cap),
        },
        urgency: Urgency::Critical,
    })
}

/// Models of today's calls that no list has a price for.
fn unpriced(store: &Store, watch: &Watch<'_>) -> Result<Vec<Alert>, StoreError> {
    let mut models: Vec<String> = Vec::new();
    for row in store.spend(Window::today(watch.now, watch.rules.zone))? {
        if row.sums.unpriced > 0
            && let Some(model) = row.model
            && !models.contains(&model.to_string())
        {
            models.push(model.to_string());
        }
    }
    let alert = |model: String| Alert {
        kind: AlertKind::Unpriced,
        key: format!("unpriced:{model}"),
        at: watch.now,
        until: watch.now + REMEMBERED,
        title: format!("No price is known for {model}"),
        body: format!(
            "Its calls are shown as unknown and count against caps at the assumed price. `aifinops prices set {model}` gives it one."
        ),
        urgency: Urgency::Normal,
    };
    Ok(models.into_iter().map(alert).collect())
}

fn broken(guard: &BrokenGuard, watch: &Watch<'_>) -> Alert {
    Alert {
        kind: AlertKind::GuardBroken,
        key: format!("guard:{}:{}", guard.agent, guard.why),
        at: watch.now,
        until: watch.now + 24 * HOUR,
        title: format!("The guard of {} does not hold", guard.agent),
        body: format!("{}. `aifinops guard verify` looks closer.", guard.why),
        urgency: Urgency::Critical,
    }
}

/// What the keys of kinds that are not told for a while begin with, in the ledger.
pub const SNOOZE: &str = "snooze:";

fn told_key(key: &str) -> String {
    format!("told:{key}")
}

/// What has been told, kept in the ledger: by all processes, in all runs.
#[derive(Debug)]
pub struct Told(Ledger);

impl Told {
    /// Opens the ledger for it.
    pub fn open(dir: &Path, patience: Duration, now: Millis) -> Result<Told, StoreError> {
        journal::ledger(dir, patience, now).map(Told)
    }
}

impl Memory for Told {
    fn first(&self, key: &str, until: Millis, now: Millis) -> bool {
        // What cannot be remembered is told rather than kept back.
        self.0.first(&told_key(key), until, now).unwrap_or(true)
    }

    fn forget(&self, key: &str) {
        // Then it stays told; the person at the log still finds it.
        let _ = self.0.forget(&told_key(key));
    }
}
