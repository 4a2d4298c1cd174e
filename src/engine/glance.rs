//! A glance: what a status line shows, in milliseconds whatever the size of the history.
//!
//! Like a hook's judgement, it brings in the tail of the one conversation that it was handed, asks the sums, and is done. It
//! walks no root. What other sessions have written since somebody last read all logs is missing, so [`Glance::behind`] says
//! when somebody should.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::time::Duration;

use super::ingest::Ingest;
use super::journal;
use super::judge::{MOST_LOG, MOST_TAIL, Question, focus, logs};
use super::rules::Rules;
use super::view::living_of;
use crate::budgets::Standing;
use crate::model::time::HOUR;
use crate::model::{Cost, Millis, RateLimit, Window};
use crate::query::caps::{self, Focus};
use crate::query::{self, Living, SessionView};
use crate::store::read::LimitRow;
use crate::store::{Store, StoreError};

/// How long the record of caps is waited for.
const PATIENCE: Duration = Duration::from_millis(10);

/// When somebody was last asked to read all logs, in the store's memory.
const ASKED: &str = "glance";
/// So often, where nobody else reads them.
const OFTEN: Millis = 20_000;

/// What there is to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// The session that was asked about, once it has a line in its log.
    pub session: Option<Looked>,
    /// What was spent since midnight, by everybody.
    pub today: Cost,
    /// What was spent in the last hour, by everybody: the burn rate per hour.
    pub last_hour: Cost,
    /// How the caps stand that cover the session; all of them where none was asked about.
    pub caps: Vec<Standing>,
    /// Sessions that live, where that was wanted.
    pub live: Option<usize>,
    /// Whether not all logs have been read yet: then what all of them cost is not known.
    pub partial: bool,
    /// Whether somebody should read all logs.
    pub behind: bool,
    /// Whether the store's log should be written back.
    pub untidy: bool,
}

/// One session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// What it and its subagents have cost over all their life.
    pub cost: Cost,
    /// Steps of its running or last task.
    pub steps: u64,
    /// How full its context is, in per mille, where that was wanted.
    pub context_permille: Option<u32>,
    /// What its provider has said about limits.
    pub limits: Vec<LimitRow>,
}

/// What is to be looked at.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The session.
    pub question: Option<Question>,
    /// What its agent has told about limits: it is kept.
    pub told: Vec<RateLimit>,
    /// Whether the agent has not told how full the context is.
    pub context: bool,
    /// Whether living sessions are counted.
    pub live: bool,
}

/// Looks.
pub fn glance(ingest: &mut Ingest, dir: &Path, rules: &Rules, wanted: &Wanted, now: Millis) -> Result<Glance, StoreError> {
    let Some(question) = &wanted.question else {
        let mut found = totals(&ingest.store, dir, rules, None, now)?;
        finish(ingest, &mut found, wanted, rules, now, false)?;
        return Ok(found);
    };
    let paths = logs(ingest, question);
    let is_long = ingest.unread(question.agent, &paths)? > MOST_TAIL;
    let read = if is_long { BTreeSet::new() } else { paths };
    let ask = |store: &Store| {
        let focus = focus(store, question)?;
        let mut found = totals(store, dir, rules, Some(&focus), now)?;
        if let Some(id) = focus.session {
            found.session = Some(session(store, id)?);
        }
        Ok((found, focus.session))
    };
    let (mut found, id) = match ingest.ask(question.agent, &read, ask) {
        // Somebody writes for longer than we wait: what has been kept can be read all the same.
        Err(error) if error.is_busy() => ingest.ask(question.agent, &BTreeSet::new(), ask)?,
        asked => asked?,
    };
    if let Some(id) = id {
        // Another one that writes keeps us waiting: the next glance tells it again.
        let _ = ingest.store.keep_limits(question.agent, id, &wanted.told);
        if let (Some(session), true) = (&mut found.session, wanted.told.is_empty()) {
            session.limits = ingest.store.limits(id)?;
        }
        if let (Some(session), true) = (&mut found.session, wanted.context) {
            session.context_permille = views(ingest, rules, now, &Living::new(), &[id])?.first().and_then(SessionView::context_permille);
        }
    }
    finish(ingest, &mut found, wanted, rules, now, is_long)?;
    Ok(found)
}

/// What is the same whoever asks.
fn totals(store: &Store, dir: &Path, rules: &Rules, focus: Option<&Focus>, now: Millis) -> Result<Glance, StoreError> {
    let mut last_hour = Cost::default();
    store.each_recent(now - HOUR, |_, _, cost| last_hour += cost)?;
    Ok(Glance {
        today: store.total(Window::today(now, rules.zone))?.cost(),
        last_hour,
        caps: standings(store, dir, rules, focus, now)?,
        partial: store.is_partial(),
        ..Glance::default()
    })
}

fn standings(store: &Store, dir: &Path, rules: &Rules, focus: Option<&Focus>, now: Millis) -> Result<Vec<Standing>, StoreError> {
    if rules.caps.is_empty() && rules.elsewhere.gateways.is_empty() {
        return Ok(Vec::new());
    }
    // Without its record a cap shows as it was set.
    let raises = journal::ledger(dir, PATIENCE, now).and_then(|ledger| caps::raises(&ledger, now)).unwrap_or_default();
    rules.standings(store, &raises, focus, now)
}

fn session(store: &Store, id: i64) -> Result<Looked, StoreError> {
    let spend = store.spend_of(&store.conversation(id)?)?;
    Ok(Looked {
        cost: spend.iter().fold(Cost::default(), |sum, row| sum + row.sums.cost()),
        steps: store.loops(&[id], Window::ALL)?.get(&id).map_or(0, |(last, _)| *last),
        context_permille: None,
        limits: Vec::new(),
    })
}

/// What may be asked outside of the answer.
fn finish(ingest: &mut Ingest, found: &mut Glance, wanted: &Wanted, rules: &Rules, now: Millis, is_long: bool) -> Result<(), StoreError> {
    if wanted.live {
        found.live = Some(count_live(ingest, rules, now)?);
    }
    let store = &ingest.store;
    let is_due = || store.meta(ASKED).and_then(|at| at.parse::<Millis>().ok()).is_none_or(|at| !(0..OFTEN).contains(&(now - at)));
    found.behind = store.is_writer() && (is_long || is_due()) && store.set_meta(ASKED, &now.to_string()).is_ok();
    found.untidy = store.is_writer() && store.log_size() > MOST_LOG;
    Ok(())
}

/// Sessions that live, as the screen counts them: those with a process, and those that have said something lately.
fn count_live(ingest: &mut Ingest, rules: &Rules, now: Millis) -> Result<usize, StoreError> {
    let living = living_of(&ingest.catalog);
    let mut ids: BTreeSet<i64> = ingest.store.sessions_since(now - HOUR)?.into_iter().map(|who| who.id).collect();
    for (agent, uid) in living.keys() {
        ids.extend(ingest.store.session_of(agent, uid)?.map(|who| who.id));
    }
    let ids: Vec<i64> = ids.into_iter().collect();
    Ok(views(ingest, rules, now, &living, &ids)?.iter().filter(|session| session.state.is_live()).count())
}

fn views(ingest: &mut Ingest, rules: &Rules, now: Millis, living: &Living, ids: &[i64]) -> Result<Vec<SessionView>, StoreError> {
    // The burn rate of each is not asked for.
    let hour = HashMap::new();
    let asking = query::Asking { window: Window::today(now, rules.zone), now, zone: rules.zone, living, hour: Some(&hour) };
    query::sessions_by_id(&ingest.store, &mut ingest.prices, &asking, ids)
}
