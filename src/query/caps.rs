//! How caps stand: what was spent under each of them.

use std::collections::BTreeSet;

use chrono::Weekday;

use crate::budgets::{self, Assumed, Raise, Spend, Standing};
use crate::model::cap::{Cap, Span, Unit};
use crate::model::time::{DAY, HOUR};
use crate::model::{Amount, Key, Millis, Money, Turn, Whose, Window, Zone};
use crate::store::read::StepRow;
use crate::store::spend::{Closed, SpendRow, Task, Who};
use crate::store::{Ledger, Store, StoreError, Sums};

mod beyond;
mod days;

pub use crate::store::ledger::{Decision, Kind};
pub use beyond::{Beyond, OwnBudget};
pub use days::{DAYS, Days, days};

/// Who is asked about: caps that do not cover it do not stand in its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Focus {
    /// The session's id in the store, once it has one.
    pub session: Option<i64>,
    /// The agent's id of it, where known.
    pub uid: Option<String>,
    /// The agent's name.
    pub agent: String,
    /// The directory, where known.
    pub cwd: Option<String>,
    /// The model that will be asked, where known.
    pub model: Option<String>,
}

impl From<Who> for Focus {
    fn from(who: Who) -> Focus {
        Focus {
            session: Some(who.id),
            uid: Some(who.uid.to_string()),
            agent: who.agent.to_string(),
            cwd: who.cwd.as_deref().map(str::to_owned),
            model: who.model.as_deref().map(str::to_owned),
        }
    }
}

/// What a question about caps needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The caps.
    pub caps: &'a [Cap],
    /// Raises in force.
    pub raises: &'a [Raise],
    /// What is known beyond the logs.
    pub beyond: &'a Beyond,
    /// The price of calls without one.
    pub assumed: Assumed,
    /// The day that weeks begin on.
    pub week_start: Weekday,
    /// Now.
    pub now: Millis,
    /// The viewer's zone.
    pub zone: Zone,
}

/// How far back sessions count as running, for caps per session or task that are asked about in general.
const RECENT: Millis = HOUR;

/// How each cap stands that covers the one asked about; all of them where nobody is asked about. A cap per session then stands as it
/// does for the session that has used up most of it, and one per task as for the running task that has.
pub fn standings(store: &Store, asking: &Asking<'_>, focus: Option<&Focus>) -> Result<Vec<Standing>, StoreError> {
    of_all(store, asking, focus, |cap, raised| match focus {
        Some(focus) => Ok(vec![of_one(store, asking, cap, raised, focus)?]),
        None => Ok(vec![foremost(store, asking, cap, raised)?]),
    })
}

/// How each cap stands, one per session or task for each session of the last hour: what there is to tell and to end is of every one of
/// them, and of tasks that are over as well.
pub fn standings_of_each(store: &Store, asking: &Asking<'_>) -> Result<Vec<Standing>, StoreError> {
    of_all(store, asking, None, |cap, raised| Ok(each(store, asking, cap, raised)?.into_iter().map(|(_, standing)| standing).collect()))
}

/// How each cap stands; `narrow` says it of those per session or task.
fn of_all(
    store: &Store,
    asking: &Asking<'_>,
    focus: Option<&Focus>,
    narrow: impl Fn(&Cap, i64) -> Result<Vec<Standing>, StoreError>,
) -> Result<Vec<Standing>, StoreError> {
    let mut read = Read::new();
    let mut out = Vec::new();
    for cap in asking.caps {
        if focus.is_some_and(|f| !cap.scope.covers(&f.agent, f.cwd.as_deref(), f.model.as_deref())) {
            continue;
        }
        let raised = budgets::raised(cap, asking.raises, asking.now);
        match budgets::window(cap.span, asking.now, asking.zone, asking.week_start) {
            Some(window) => {
                let is_gpu = cap.limit.unit == Unit::Gpu;
                let mut spend = if is_gpu { Spend::default() } else { within(store, asking, cap, window, &mut read)? };
                spend.add(&asking.beyond.under(cap, window));
                out.push(Standing { cap: cap.clone(), window, spend, raised, subject: None });
            }
            None => out.extend(narrow(cap, raised)?),
        }
    }
    for own in &asking.beyond.budgets {
        out.extend(at_gateway(store, asking, own, &mut read)?);
    }
    Ok(out)
}

/// How a budget at a gateway stands. That of a team is spent by others as well: the gateway alone knows how much.
fn at_gateway(store: &Store, asking: &Asking<'_>, own: &OwnBudget, read: &mut Read) -> Result<Option<Standing>, StoreError> {
    let Some(cap) = beyond::cap(&own.gateway, &own.budget) else { return Ok(None) };
    let window = beyond::window(&own.budget, asking.now);
    let is_known = window.from != Millis::MIN && own.budget.whose != Whose::Team;
    let mut seen = if is_known { within(store, asking, &cap, window, read)? } else { Spend::default() };
    if is_known {
        seen.add(&asking.beyond.under(&cap, window));
    }
    Ok(Some(beyond::standing(cap, own, window, &seen, asking.now)))
}

/// Windows that have been read for one question.
type Read = Vec<(Window, Vec<SpendRow>)>;

/// From so many whole days on it is worth remembering what was spent in them.
const MANY_DAYS: i64 = 2;

/// The spend under a cap of the calendar. Whole days that are over are added up once.
fn within(store: &Store, asking: &Asking<'_>, cap: &Cap, window: Window, read: &mut Read) -> Result<Spend, StoreError> {
    // Yesterday may still be told of.
    let days = (window.from.div_euclid(DAY) + i64::from(window.from.rem_euclid(DAY) > 0), asking.now.min(window.to).div_euclid(DAY) - 1);
    if days.1 - days.0 < MANY_DAYS {
        return part(store, asking, cap, window, read);
    }
    let scope = scope_key(cap, asking.assumed);
    let mut total = if let Some(numbers) = store.closed(&scope, days)? {
        from_closed(numbers)
    } else {
        let spend = part(store, asking, cap, Window { from: days.0 * DAY, to: days.1 * DAY }, read)?;
        remembered(store.keep_closed(&scope, days, to_closed(&spend)))?;
        spend
    };
    total.add(&part(store, asking, cap, Window { from: window.from, to: days.0 * DAY }, read)?);
    total.add(&part(store, asking, cap, Window { from: days.1 * DAY, to: window.to }, read)?);
    Ok(total)
}

/// What could not be remembered is added up again the next time: that the store is locked or the disk full is no reason to know nothing.
pub(super) fn remembered(kept: Result<(), StoreError>) -> Result<(), StoreError> {
    kept.or_else(|error| if error.is_damage() { Err(error) } else { Ok(()) })
}

/// The spend under a cap in a window, which is read once for all caps.
fn part(store: &Store, asking: &Asking<'_>, cap: &Cap, window: Window, read: &mut Read) -> Result<Spend, StoreError> {
    if window.from >= window.to {
        return Ok(Spend::default());
    }
    if !read.iter().any(|(known, _)| *known == window) {
        read.push((window, store.spend(window)?));
    }
    let rows = read.iter().find(|(known, _)| *known == window).map(|(_, rows)| rows.as_slice()).unwrap_or_default();
    Ok(under(cap, rows, asking.assumed))
}

/// Whose spend a cap counts, and at which price what has none.
fn scope_key(cap: &Cap, assumed: Assumed) -> String {
    let part = |text: &Option<String>| text.as_deref().unwrap_or_default().replace('|', "||");
    let (scope, rates) = (&cap.scope, (assumed.input.nanos_per_million(), assumed.output.nanos_per_million()));
    format!("{} | {} | {} | {} | {}", part(&scope.agent), part(&scope.project), part(&scope.model), rates.0, rates.1)
}

pub(super) fn to_closed(spend: &Spend) -> Closed {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    [
        spend.known.nanos(),
        spend.assumed.nanos(),
        count(spend.unpriced_calls),
        i64::from(spend.lower_bound),
        count(spend.tokens),
        count(spend.steps),
    ]
}

pub(super) fn from_closed([known, assumed, unpriced, lower, tokens, steps]: Closed) -> Spend {
    let count = |n: i64| u64::try_from(n).unwrap_or(0);
    Spend {
        known: Money::from_nanos(known),
        assumed: Money::from_nanos(assumed),
        unpriced_calls: count(unpriced),
        lower_bound: lower != 0,
        tokens: count(tokens),
        steps: count(steps),
        ..Spend::default()
    }
}

/// A cap per session or task, for one of them.
fn narrow(cap: &Cap, raised: i64, subject: Option<String>, spend: Spend) -> Standing {
    Standing { cap: cap.clone(), window: Window::ALL, spend, raised, subject }
}

/// How a cap per session or task stands for the one asked about.
fn of_one(store: &Store, asking: &Asking<'_>, cap: &Cap, raised: i64, focus: &Focus) -> Result<Standing, StoreError> {
    let spent = |id| spend_of(store, cap, &store.conversation(id)?, asking.assumed);
    Ok(narrow(cap, raised, None, focus.session.map(spent).transpose()?.unwrap_or_default()))
}

/// How a cap per session or task stands for each conversation of the last hour, with where its last task stands. It is called by the
/// session that began it: what its subagents spend is its own.
fn each(store: &Store, asking: &Asking<'_>, cap: &Cap, raised: i64) -> Result<Vec<(Turn, Standing)>, StoreError> {
    let mut seen = BTreeSet::new();
    let mut out = Vec::new();
    for who in store.sessions_since(asking.now - RECENT)? {
        if !cap.scope.covers(&who.agent, who.cwd.as_deref(), who.model.as_deref()) {
            continue;
        }
        let conversation = store.conversation(who.id)?;
        let root = conversation.first().copied().unwrap_or(who.id);
        if !seen.insert(root) {
            continue;
        }
        let root = if root == who.id { who } else { store.who(root)?.unwrap_or(who) };
        let spend = spend_of(store, cap, &conversation, asking.assumed)?;
        out.push((root.turn, narrow(cap, raised, Some(root.uid.to_string()), spend)));
    }
    Ok(out)
}

/// How a cap per session or task stands for whoever has used up most of it. A task that is over is stopped by none.
fn foremost(store: &Store, asking: &Asking<'_>, cap: &Cap, raised: i64) -> Result<Standing, StoreError> {
    let mut most: Option<Standing> = None;
    for (turn, standing) in each(store, asking, cap, raised)? {
        let counts = cap.span != Span::Task || turn != Turn::Ended;
        if counts && most.as_ref().is_none_or(|most| standing.permille() > most.permille()) {
            most = Some(standing);
        }
    }
    Ok(most.unwrap_or_else(|| narrow(cap, raised, None, Spend::default())))
}

/// What a conversation, or its last task, has spent under a cap.
fn spend_of(store: &Store, cap: &Cap, conversation: &[i64], assumed: Assumed) -> Result<Spend, StoreError> {
    if cap.span == Span::Task {
        let Some(Task { tasks, began, sums }) = store.last_task(conversation)? else { return Ok(Spend::default()) };
        if cap.limit.unit == Unit::Repeats {
            return repeated(store, &tasks);
        }
        // A task's sums do not tell its models apart; its steps do. Of which model a call was that failed is not known.
        return if cap.scope.model.is_some() && cap.limit.unit != Unit::Retries {
            of_steps(store, cap, conversation, began, assumed)
        } else {
            Ok(spend_of_sums(&sums, assumed))
        };
    }
    // The session itself is covered: of its models those count that the cap names.
    Ok(under(cap, &store.spend_of(conversation)?, assumed))
}

/// How often a task, or a subagent of it, has made the same tool call.
fn repeated(store: &Store, tasks: &[Key]) -> Result<Spend, StoreError> {
    let mut total = Spend::default();
    for task in tasks {
        let times = store.repeat_of(*task)?.map_or(0, |repeat| repeat.times);
        total.repeats = total.repeats.max(times);
    }
    Ok(total)
}

/// The steps of a task that are looked at one by one.
const MOST_STEPS: usize = 10_000;

/// The spend of a conversation since an instant, with the models that a cap names.
fn of_steps(store: &Store, cap: &Cap, conversation: &[i64], since: Millis, assumed: Assumed) -> Result<Spend, StoreError> {
    let mut total = Spend::default();
    for id in conversation {
        let steps = store.steps_since(*id, since, MOST_STEPS)?;
        let is_covered = |step: &&StepRow| cap.scope.names_model(step.model.as_deref());
        for step in steps.iter().filter(is_covered) {
            total.add(&Spend {
                known: step.money.unwrap_or_default(),
                assumed: if step.money.is_none() { assumed.cost(&step.tokens, 1, 1) } else { Money::ZERO },
                unpriced_calls: u64::from(step.money.is_none()),
                lower_bound: step.lower_bound,
                tokens: step.tokens.total(),
                steps: 1,
                ..Spend::default()
            });
        }
    }
    Ok(total)
}

/// The spend of the rows that a cap covers.
fn under(cap: &Cap, rows: &[SpendRow], assumed: Assumed) -> Spend {
    let mut total = Spend::default();
    for row in rows.iter().filter(|row| cap.scope.covers(&row.agent, row.cwd.as_deref(), row.model.as_deref())) {
        total.add(&spend_of_sums(&row.sums, assumed));
    }
    total
}

/// Sums as spend. Sums of one model have all calls priced or none, but for what agents report themselves.
#[must_use]
pub fn spend_of_sums(sums: &Sums, assumed: Assumed) -> Spend {
    let (cost, tokens) = (sums.cost(), sums.tokens());
    let calls = u64::try_from(sums.calls).unwrap_or(0);
    Spend {
        known: cost.known,
        assumed: assumed.cost(&tokens, cost.unpriced_calls, calls),
        unpriced_calls: cost.unpriced_calls,
        lower_bound: cost.lower_bound_calls > 0,
        tokens: tokens.total(),
        steps: calls,
        repeats: 0,
        retries: u64::try_from(sums.retries).unwrap_or(0),
        gpu: Money::ZERO,
    }
}

/// The raises in force.
pub fn raises(ledger: &Ledger, now: Millis) -> Result<Vec<Raise>, StoreError> {
    Ok(ledger.raises(now)?.into_iter().filter_map(raise).collect())
}

fn raise(decision: Decision) -> Option<Raise> {
    let by = Amount { unit: Unit::from_word(&decision.unit)?, count: decision.amount };
    Some(Raise { cap: decision.cap, by, at: decision.at, until: decision.until?, reason: decision.why })
}
