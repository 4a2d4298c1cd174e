//! The tasks of some weeks, as far as it follows from them what is usual: each is looked at once, and few things of it are kept.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::{Living, state};
use super::Baselines;
use super::tasks::{Head, Ids, heads, root_of};
use crate::insight::spread::Counts;
use crate::model::{Cost, IdMap, Key, Millis, Money, SessionKind, SessionState, Window};
use crate::store::{Store, StoreError};

/// What a task cost, its subagents included.
#[derive(Debug, Clone, Copy)]
pub struct Paid {
    session: i64,
    /// When it began.
    pub started_at: Millis,
    key: Key,
    /// As far as it is known.
    pub cost: Money,
    /// Whether it is known whole.
    pub is_whole: bool,
}

/// What a subagent's task cost, when it began, and the session of the person that it was for.
type Side = (i64, Millis, Cost);

/// The lengths of the tasks that began since an instant, those that are over; and what the tasks since another one cost.
pub fn past(
    store: &Store,
    living: &Living,
    (since, paid_since): (Millis, Millis),
    now: Millis,
) -> Result<(Baselines, Vec<Paid>), StoreError> {
    let heads = heads(store)?;
    let ids: Ids<'_> = heads.values().map(|head| ((&*head.row.agent, &*head.row.uid), head.row.id)).collect();
    let mut lengths: HashMap<(Arc<str>, Arc<str>), Counts> = HashMap::new();
    let mut last: IdMap<i64, (Millis, Key, i64)> = IdMap::default();
    let (mut paid, mut sides): (Vec<Paid>, Vec<Side>) = (Vec::new(), Vec::new());
    store.each_loop(Window { from: since, to: i64::MAX }, |row| {
        let Some(head) = heads.get(&row.session) else { return };
        let (session, started_at, cost) = (row.session, row.started_at, row.sums.cost());
        let is_paid = started_at >= paid_since;
        if head.row.kind == SessionKind::Subagent {
            sides.extend(root_of(&head.row, &heads, &ids).filter(|_| is_paid).map(|root| (root, started_at, cost)));
            return;
        }
        lengths.entry((head.row.agent.clone(), head.project.clone())).or_default().add(row.sums.calls);
        let known = last.entry(session).or_insert((started_at, row.key, row.sums.calls));
        if (known.0, known.1) < (started_at, row.key) {
            *known = (started_at, row.key, row.sums.calls);
        }
        if is_paid {
            paid.push(Paid { session, started_at, key: row.key, cost: cost.known, is_whole: cost.unpriced_calls == 0 });
        }
    })?;
    for (session, (_, _, steps)) in last {
        let Some(Head { row, project }) = heads.get(&session) else { continue };
        let live = living.get(&(row.agent.clone(), row.uid.clone()));
        if state(row.turn, row.kind, row.last_at, live, now) == SessionState::Working
            && let Some(counts) = lengths.get_mut(&(row.agent.clone(), project.clone()))
        {
            counts.take_back(steps);
        }
    }
    add_subagents(&mut paid, &sides);
    Ok((Baselines::from(lengths), paid))
}

/// Adds what subagents cost to the task during which they began.
fn add_subagents(paid: &mut [Paid], sides: &[Side]) {
    paid.sort_unstable_by_key(|task| (task.session, task.started_at, task.key));
    for (root, began, cost) in sides {
        let before = paid.partition_point(|task| (task.session, task.started_at) <= (*root, *began));
        let task = before.checked_sub(1).and_then(|last| paid.get_mut(last)).filter(|task| task.session == *root);
        if let Some(task) = task {
            task.cost += cost.known;
            task.is_whole &= cost.unpriced_calls == 0;
        }
    }
}
