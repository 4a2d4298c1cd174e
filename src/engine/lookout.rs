//! What is unusual now: loops that run long or in circles, storms of retries, hours, prompts and tasks that cost more than
//! they did, dear models for small work.
//!
//! Every alert says the number, what it is compared with, and what to do. Something that goes up and down around its
//! threshold is told once: it is over only when it has fallen clearly below.

use std::collections::BTreeMap;

use crate::alerts::{Alert, AlertKind, REMEMBERED, Urgency};
use crate::insight::unusual::{Usual, growth};
use crate::model::time::DAY;
use crate::model::tokens::compact;
use crate::model::{Lookout, Millis, Money};
use crate::pricing::Class;
use crate::query::baseline::{Baseline, Present};
use crate::query::loops::{Loop, MOST_OUTPUT};

use super::gateways::Drift;

/// An hour that costs less than this is nothing to worry about, however unusual it is.
const LEAST_HOUR: Money = Money::from_nanos(5_000_000_000);
/// Something is over below so many percent of its threshold.
const OVER_BELOW: i64 = 80;
/// Days of prompts that are needed to say how large they usually are.
const DAYS: usize = 5;
/// Tasks of a week that are needed to say what one costs.
const TASKS: i64 = 20;

/// What the lookout looks at.
pub struct View<'a> {
    /// The thresholds.
    pub limits: &'a Lookout,
    /// What is usual.
    pub baseline: &'a Baseline,
    /// What is now.
    pub present: Present,
    /// The running tasks.
    pub running: &'a [Loop],
    /// By how much gateways and logs differ today.
    pub drifts: &'a [Drift],
    /// The class of a model; `None` where nobody knows it.
    pub class: &'a dyn Fn(&str) -> Option<Class>,
    /// Now.
    pub now: Millis,
}

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sight {
    /// What is unusual, told before or not.
    pub alerts: Vec<Alert>,
    /// The keys of what is over: it may be told again when it comes back.
    pub over: Vec<String>,
}

/// Looks.
#[must_use]
pub fn look(view: &View<'_>) -> Sight {
    let mut sight = Sight::default();
    for task in view.running {
        let found = [long(view, task), circling(view, task), storm(view, task)];
        sight.alerts.extend(found.into_iter().flatten().filter(|alert| !view.limits.is_muted(alert.kind.word(), task.cwd.as_deref())));
    }
    sight.alerts.extend(view.drifts.iter().filter_map(|drift| drifted(view, drift)));
    sight.alerts.extend(flagship(view));
    for found in [burn(view), prompts(view), task_cost(view)].into_iter().flatten() {
        match found {
            Found::Unusual(alert) => sight.alerts.push(alert),
            Found::Over(key) => sight.over.push(key.to_owned()),
        }
    }
    sight
}

/// A difference of less than this is nothing to worry about, however large a part it is.
const LEAST_DRIFT: Money = Money::from_nanos(1_000_000_000);

fn drifted(view: &View<'_>, drift: &Drift) -> Option<Alert> {
    let limit = i128::from(view.limits.drift?);
    let apart = i128::from(drift.apart.nanos()) * 100;
    if drift.apart < LEAST_DRIFT || apart < limit * i128::from(drift.base.nanos().max(1)) {
        return None;
    }
    let title = format!("The gateway {} and the logs differ by {}", drift.gateway, drift.apart.display());
    let body = format!(
        "Of {} today, in calls that both should have; from {limit} % on it is told. `aifinops gateway reconcile` says why, call by call.",
        drift.base.display()
    );
    let key = format!("{}:{}:{}", AlertKind::GatewayDrift.word(), drift.gateway, drift.day);
    Some(alert(view, AlertKind::GatewayDrift, key, 2 * DAY, title, body))
}

/// Where something stands that goes up and down.
enum Found {
    Unusual(Alert),
    /// Clearly below its threshold.
    Over(&'static str),
}

fn alert(view: &View<'_>, kind: AlertKind, key: String, forget: Millis, title: String, body: String) -> Alert {
    Alert { kind, key, at: view.now, until: view.now + forget, title, body, urgency: Urgency::Normal }
}

fn task_key(kind: AlertKind, task: &Loop) -> String {
    format!("{}:{}:{}:{:016x}", kind.word(), task.agent, task.uid, task.key.0)
}

/// The session for people, and what ends it.
fn what_to_do(task: &Loop) -> String {
    let short: String = task.uid.chars().take(8).collect();
    format!("Session {short}. Look at it, or stop it with `x` on the screen; `aifinops cap set \"50 steps\" --per task` bounds every loop.")
}

fn long(view: &View<'_>, task: &Loop) -> Option<Alert> {
    let (place, among) = view.baseline.loops.place(task);
    let steps = task.steps();
    let fixed = view.limits.loop_steps.map(i64::from).filter(|limit| steps > *limit);
    let rare = place.points.filter(|_| view.limits.loop_p99 && place.is_rare());
    let compared = match (fixed, rare) {
        (_, Some(points)) => format!("{} {} is {} steps, half of them take {}", "your p99", among.words(task), points.p99, points.p50),
        (Some(limit), None) => format!("the limit is {limit} steps"),
        (None, None) => return None,
    };
    let title = format!("A loop has run {steps} steps in {}", task.project);
    let body = format!("{}: {compared}. It has cost {}. {}", task.agent, task.cost().display(), what_to_do(task));
    Some(alert(view, AlertKind::LoopLong, task_key(AlertKind::LoopLong, task), REMEMBERED, title, body))
}

fn circling(view: &View<'_>, task: &Loop) -> Option<Alert> {
    let limit = u64::from(view.limits.same_call?);
    let repeat = task.repeat.as_ref().filter(|repeat| repeat.times >= limit)?;
    let title = format!("{} calls {} again and again", task.agent, repeat.tool);
    let body = format!(
        "{} times with the same arguments in one task in {}; from {limit} times on it is told. {}",
        repeat.times,
        task.project,
        what_to_do(task)
    );
    Some(alert(view, AlertKind::SameCall, task_key(AlertKind::SameCall, task), REMEMBERED, title, body))
}

fn storm(view: &View<'_>, task: &Loop) -> Option<Alert> {
    let limit = i64::from(view.limits.retries?);
    let retries = task.sums.retries;
    if retries < limit {
        return None;
    }
    let title = format!("{retries} model calls of one task were tried again");
    let body = format!(
        "{} in {}; from {limit} on it is told. The provider may be overloaded, or the network broken: wait, or stop it. {}",
        task.agent,
        task.project,
        what_to_do(task)
    );
    Some(alert(view, AlertKind::RetryStorm, task_key(AlertKind::RetryStorm, task), REMEMBERED, title, body))
}

fn burn(view: &View<'_>) -> Option<Found> {
    const KEY: &str = "burn_rate";
    let usual = Usual::of(&view.baseline.hours, view.limits.burn?)?;
    let (hour, limit) = (view.present.hour.nanos(), usual.limit.max(LEAST_HOUR.nanos()));
    if hour <= limit {
        return below(hour, limit).then_some(Found::Over(KEY));
    }
    let title = format!("{} in the last hour", view.present.hour);
    let body = format!(
        "This hour of the day usually costs {} (the median of {} days); above {} it is told. `aifinops top` shows who spends.",
        Money::from_nanos(usual.median),
        view.baseline.hours.count(),
        Money::from_nanos(limit)
    );
    Some(Found::Unusual(alert(view, AlertKind::BurnRate, KEY.to_owned(), DAY, title, body)))
}

fn prompts(view: &View<'_>) -> Option<Found> {
    const KEY: &str = "prompt_growth";
    let percent = i64::from(view.limits.prompt_growth?);
    let today = view.present.prompt?;
    let usual = view.baseline.prompts.median().filter(|_| view.baseline.prompts.count() >= DAYS)?;
    let grown = growth(today, usual)?;
    if grown < percent {
        return below(grown.max(0), percent).then_some(Found::Over(KEY));
    }
    let tokens = |n: i64| compact(n.unsigned_abs());
    let title = format!("Prompts are {grown}% larger than usual");
    let body = format!(
        "{} tokens each today, {} on a usual day of the last two weeks. Long sessions and large files make them so: compact or begin \
         anew; `aifinops waste` shows what is sent again.",
        tokens(today),
        tokens(usual)
    );
    Some(Found::Unusual(alert(view, AlertKind::PromptGrowth, KEY.to_owned(), DAY, title, body)))
}

fn task_cost(view: &View<'_>) -> Option<Found> {
    const KEY: &str = "task_cost";
    const WEEK: Millis = 7 * DAY;
    let percent = i64::from(view.limits.task_cost?);
    let (now, before) = view.baseline.weeks;
    if now.tasks < TASKS || before.tasks < TASKS {
        return None;
    }
    let (mean, last) = (now.mean()?, before.mean()?);
    let share = growth(mean, last)?.saturating_add(100);
    if share < percent {
        return below(share, percent).then_some(Found::Over(KEY));
    }
    let title = format!("A task costs {} now", Money::from_nanos(mean));
    let body = format!(
        "{share}% of the {} of the week before ({} and {} tasks). `aifinops loops --by model --range 7d` shows where.",
        Money::from_nanos(last),
        now.tasks,
        before.tasks
    );
    Some(Found::Unusual(alert(view, AlertKind::TaskCost, KEY.to_owned(), WEEK, title, body)))
}

/// A model made for more that did many short tasks today; the one that did most.
fn flagship(view: &View<'_>) -> Option<Alert> {
    let limit = usize::try_from(view.limits.flagship?).ok()?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for task in view.present.short.iter().filter(|task| !view.limits.is_muted(AlertKind::Flagship.word(), task.cwd.as_deref())) {
        *counts.entry(&task.model).or_default() += 1;
    }
    counts.retain(|model, n| *n >= limit && (view.class)(model) == Some(Class::Flagship));
    let (model, n) = counts.into_iter().rev().max_by_key(|(_, n)| *n)?;
    let title = format!("{model} did {n} short tasks today");
    let body = format!(
        "One model call each, without a tool, of {MOST_OUTPUT} written tokens at most; from {limit} on it is told. A small model does \
         these for a part of the price: `aifinops waste --what-if MODEL` says for which."
    );
    Some(alert(view, AlertKind::Flagship, format!("{}:{}", AlertKind::Flagship.word(), view.present.day), 2 * DAY, title, body))
}

fn below(value: i64, limit: i64) -> bool {
    i128::from(value) * 100 < i128::from(limit) * i128::from(OVER_BELOW)
}
