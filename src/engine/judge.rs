//! The judgement that a hook inside an agent asks for, in milliseconds: may it go on?
//!
//! It brings in the tail of the one conversation that the hook was handed, asks the sums, and answers. It never walks a
//! root, so the size of the history does not matter. It works whether or not another `aifinops` runs: see
//! [`Ingest::ask`].

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::gate::caps as proxied;
use super::ingest::Ingest;
use super::journal;
use super::rules::{Rules, decision};
use crate::alerts::REMEMBERED;
use crate::budgets::{self, Standing};
use crate::model::Millis;
use crate::model::cap::{Span, Unit};
use crate::query::Labeler;
use crate::query::caps::{self, Focus};
use crate::sources;
use crate::store::ledger::{Decision, Kind};
use crate::store::pending::{self, Pending};
use crate::store::{Ledger, Store, StoreError};
use crate::tail;

/// More new bytes than this are not read while an agent waits: the sums as they are decide, and somebody else reads.
pub(super) const MOST_TAIL: u64 = 8 << 20;

/// Whoever opens the store while nobody else has it open goes through its log first: 0.4 ms for so many bytes.
pub(super) const MOST_LOG: u64 = 256 << 10;

/// When a hook asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before a prompt reaches the model.
    Prompt,
    /// Between two steps of a running task.
    Step,
}

/// Whose agent asks, and where its log lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The agent's name.
    pub agent: &'static str,
    /// The agent's id of the session.
    pub session: Option<String>,
    /// Its log.
    pub transcript: Option<PathBuf>,
    /// Its directory.
    pub cwd: Option<PathBuf>,
    /// When it asks.
    pub moment: Moment,
    /// A tool call of the last model call: once its id is in the log, so is that call.
    pub tool_use: Option<String>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Judgement {
    /// Why the agent must not go on; nothing where it may.
    pub halt: Option<Standing>,
    /// Levels that have just been reached for the first time in their window: somebody has to tell.
    pub reached: Vec<Standing>,
    /// Whether somebody should read all logs: so much has not been read yet, or nobody else does and a prompt begins. What
    /// a session spends after its last question stands in its log only, and no hook of another one looks there.
    pub behind: bool,
    /// Whether the store's log should be written back, so that the next one who opens it is as quick.
    pub untidy: bool,
    /// Whether something could not be written down, such as beside a busy ledger: what was decided stands all the same.
    pub unrecorded: bool,
}

/// How long a write to the ledger waits for another process.
const PATIENCE: Duration = Duration::from_millis(30);

/// Judges. `waiting` is called before a wait for an agent that writes its log late.
pub fn judge(
    ingest: &mut Ingest,
    dir: &Path,
    rules: &Rules,
    question: &Question,
    now: Millis,
    who: &str,
    waiting: &dyn Fn(),
) -> Result<Judgement, StoreError> {
    let paths = logs(ingest, question);
    let is_long = ingest.unread(question.agent, &paths)? > MOST_TAIL;
    let read = if is_long { BTreeSet::new() } else { paths };
    // Without experiments nobody asks what the session is for.
    let mut ledger = if rules.attribution.experiments.is_empty() { None } else { Some(journal::ledger(dir, PATIENCE, now)?) };
    let labeler = ledger.as_ref().map(|ledger| Labeler::new(rules.attribution.clone(), Some(ledger))).transpose()?;
    let scene = Scene { rules, labels: labeler.as_ref().zip(ledger.as_ref()), question, now };
    let (mut standings, is_near) = look(ingest, &scene, &read)?;
    if is_near && !standings.iter().any(Standing::halts) && !is_logged(question) {
        waiting();
        wait_for_log(question);
        standings = look(ingest, &scene, &read)?.0;
    }
    // A new prompt begins a task of its own, whatever the last one cost.
    if question.moment == Moment::Prompt {
        standings.retain(|s| s.cap.span != Span::Task);
    }
    // What a proxy has let through may be in no log yet, or never.
    let is_announced = pending::is_announced(dir);
    if is_announced && ledger.is_none() {
        ledger = Some(journal::ledger(dir, PATIENCE, now)?);
    }
    if let Some(ledger) = ledger.as_ref().filter(|_| is_announced) {
        // What a proxy has left behind that was killed is in the logs, or nowhere.
        let counts = |call: &Pending| !is_own(call, question) && proxied::is_alive(call.pid);
        let others: Vec<Pending> = ledger.pending()?.into_iter().filter(counts).collect();
        for standing in &mut standings {
            standing.spend.add(&proxied::waiting(standing, &others, None, None));
        }
    }
    let behind = is_long || (question.moment == Moment::Prompt && ingest.store.is_writer());
    let untidy = ingest.store.is_writer() && ingest.store.log_size() > MOST_LOG;
    let mut judgement = Judgement { behind, untidy, ..Judgement::default() };
    // Only what is near its limit needs the ledger.
    if standings.iter().any(|s| s.level().is_some() || s.is_reached()) {
        let ledger = match ledger.take() {
            Some(ledger) => ledger,
            None => journal::ledger(dir, PATIENCE, now)?,
        };
        settle(&ledger, &mut standings, question, now, who, &mut judgement)?;
    }
    Ok(judgement)
}

/// Whether a proxy's call may be one of the session that asks, whose log shows it by now: then it counts already.
fn is_own(call: &Pending, question: &Question) -> bool {
    call.agent == question.agent && (call.session.is_none() || call.session == question.session)
}

/// What is asked, and by which rules.
struct Scene<'a> {
    rules: &'a Rules,
    labels: Option<(&'a Labeler, &'a Ledger)>,
    question: &'a Question,
    now: Millis,
}

/// Reads what is new and says how the caps of the session stand; and whether one more call may use one of them up.
fn look(ingest: &mut Ingest, scene: &Scene<'_>, logs: &BTreeSet<PathBuf>) -> Result<(Vec<Standing>, bool), StoreError> {
    let Scene { rules, labels, question, now } = *scene;
    ingest.ask(question.agent, logs, |store| {
        let focus = focus(store, question)?;
        // Raises are looked up only once a cap is near its limit.
        let mut standings = rules.standings(store, &[], Some(&focus), now)?;
        if let Some((labeler, ledger)) = labels {
            standings.extend(rules.experiment(store, labeler, ledger, &focus, now)?);
        }
        let is_near = question.tool_use.is_some() && is_near(store, &standings, focus.session)?;
        Ok((standings, is_near))
    })
}

/// Whether a call as large as twice the last ones would use up what is left of a cap.
fn is_near(store: &Store, standings: &[Standing], session: Option<i64>) -> Result<bool, StoreError> {
    const LAST: usize = 3;
    let toothed: Vec<&Standing> = standings.iter().filter(|s| s.cap.has_teeth()).collect();
    if toothed.is_empty() {
        return Ok(false);
    }
    let steps = session.map_or(Ok(Vec::new()), |id| store.steps(id, LAST))?;
    let money = steps.iter().filter_map(|step| step.money).max().map(|money| money.nanos().saturating_mul(2));
    let tokens =
        steps.iter().map(|step| step.tokens.total()).max().map(|tokens| i64::try_from(tokens).unwrap_or(i64::MAX).saturating_mul(2));
    Ok(toothed.into_iter().any(|standing| {
        let next = match standing.cap.limit.unit {
            Unit::Money => money,
            Unit::Tokens => tokens,
            Unit::Steps | Unit::Repeats | Unit::Retries => Some(1),
            // A call of a model uses up no GPU's time.
            Unit::Gpu => None,
        };
        // Of a session's first call nobody knows how large it is.
        next.is_none_or(|next| standing.left().count <= next)
    }))
}

/// An agent that writes its log by a timer is waited for so long.
const LATE: Duration = Duration::from_millis(400);
/// How often its log is looked at meanwhile.
const PAUSE: Duration = Duration::from_millis(5);

fn wait_for_log(question: &Question) {
    let begun = Instant::now();
    while begun.elapsed() < LATE && !is_logged(question) {
        std::thread::sleep(PAUSE);
    }
}

/// Whether the log shows the call that asked for the tool. Where that cannot be told, nobody waits for it.
fn is_logged(question: &Question) -> bool {
    let (Some(id), Some(log)) = (&question.tool_use, &question.transcript) else { return true };
    let parts = sources::by_agent(question.agent).map(|source| source.parts(log)).unwrap_or_default();
    std::iter::once(log).chain(&parts).any(|log| tail::mentions(log, id))
}

/// Counts raises in, finds what halts and what has just been reached, and writes it down.
fn settle(
    ledger: &Ledger,
    standings: &mut [Standing],
    question: &Question,
    now: Millis,
    who: &str,
    judgement: &mut Judgement,
) -> Result<(), StoreError> {
    let raises = caps::raises(ledger, now)?;
    for standing in standings.iter_mut() {
        standing.raised = standing.raised.saturating_add(budgets::raised(&standing.cap, &raises, now));
    }
    judgement.halt = budgets::verdict(standings).cloned();
    // From here on only what is written down can fail, and that undoes no verdict.
    judgement.unrecorded = record(ledger, standings, question, now, who, judgement).is_err();
    Ok(())
}

/// Writes down what was decided, and what has just been reached.
fn record(
    ledger: &Ledger,
    standings: &[Standing],
    question: &Question,
    now: Millis,
    who: &str,
    judgement: &mut Judgement,
) -> Result<(), StoreError> {
    let decision = |standing: &Standing, kind: Kind| Decision {
        agent: Some(question.agent.to_owned()),
        session: question.session.clone(),
        ..decision(standing, kind, now, who)
    };
    let levels = reached(ledger, standings, question.session.as_deref(), now).and_then(|reached| {
        judgement.reached = reached;
        let level = |standing: &Standing| standing.level().map(|level| format!("{level}%"));
        let mut all = judgement.reached.iter();
        all.try_for_each(|standing| ledger.record(&Decision { why: level(standing), ..decision(standing, Kind::Level) }))
    });
    let kind = match question.moment {
        Moment::Prompt => Kind::BlockPrompt,
        Moment::Step => Kind::HaltStep,
    };
    let halt = judgement.halt.as_ref().map_or(Ok(()), |standing| ledger.record(&decision(standing, kind)));
    levels.and(halt)
}

/// The caps of which a level has been reached that nobody was told of in this window.
pub fn reached(ledger: &Ledger, standings: &[Standing], session: Option<&str>, now: Millis) -> Result<Vec<Standing>, StoreError> {
    let mut out = Vec::new();
    for standing in standings {
        if standing.level().is_some() && ledger.first(&level_key(standing, session), level_until(standing, now), now)? {
            out.push(standing.clone());
        }
    }
    Ok(out)
}

/// What a level of a cap is told once for: the cap, its window or session, its limit and the level.
#[must_use]
pub fn level_key(standing: &Standing, session: Option<&str>) -> String {
    let of = if standing.cap.span.is_calendar() {
        standing.window.from.to_string()
    } else {
        standing.subject.as_deref().or(session).unwrap_or_default().to_owned()
    };
    let level = standing.level().unwrap_or_default();
    // Who has raised a cap has heard of its lower levels; that the new limit is reached as well is news.
    let limit = if standing.is_reached() { standing.allowed() } else { standing.cap.limit };
    format!("cap:{}:{of}:{}:{level}", standing.cap.name, limit.count)
}

/// Until when it is remembered that a level was told.
#[must_use]
pub fn level_until(standing: &Standing, now: Millis) -> Millis {
    match (&standing.cap.experiment, standing.cap.span.is_calendar()) {
        // It begins anew never.
        (Some(_), _) => Millis::MAX,
        (None, true) => standing.window.to,
        (None, false) => now + REMEMBERED,
    }
}

/// The logs of the conversation; for an agent that keeps all of them in one database, that.
pub(super) fn logs(ingest: &Ingest, question: &Question) -> BTreeSet<PathBuf> {
    let Some(log) = &question.transcript else { return ingest.catalog.databases(question.agent).into_iter().collect() };
    let parts = sources::by_agent(question.agent).map(|source| source.parts(log)).unwrap_or_default();
    parts.into_iter().chain([log.clone()]).collect()
}

/// Whose session it is.
pub(super) fn focus(store: &Store, question: &Question) -> Result<Focus, StoreError> {
    let found = match (&question.session, &question.transcript) {
        (Some(uid), _) => store.session_of(question.agent, uid)?,
        (None, Some(log)) => store.session_of_file(log)?,
        (None, None) => None,
    };
    Ok(found.map_or_else(|| stranger(question), Focus::from))
}

/// A session that no log shows yet.
fn stranger(question: &Question) -> Focus {
    Focus {
        session: None,
        uid: question.session.clone(),
        agent: question.agent.to_owned(),
        cwd: question.cwd.as_ref().map(|cwd| cwd.to_string_lossy().into_owned()),
        model: None,
    }
}
