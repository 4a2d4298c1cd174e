//! What the process that writes remembers between its writes.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::model::{AgentId, IdMap, Key};

use super::deltas::Deltas;
use super::merge::{CallRow, FactRow};
use super::shelf::Shelf;

/// Ids that stay the same for as long as the process lives, and what copies have been met and not yet been decided about.
///
/// It holds for one store, and for as long as no transaction is rolled back.
#[derive(Debug, Default)]
pub struct Memory {
    pub(super) names: Names,
    pub(super) sessions: HashMap<(AgentId, Arc<str>), i64>,
    pub(super) pending: Pending,
    /// The calls met in this transaction.
    pub(super) calls: Shelf<CallRow>,
    /// The facts met in this transaction.
    pub(super) facts: Shelf<FactRow>,
}

impl Memory {
    /// Forgets which keys there are. Done at the end of a scan: from then on few come at a time.
    pub fn forget_keys(&mut self) {
        self.calls.forget_keys();
        self.facts.forget_keys();
    }
}

/// The ids of names, both ways.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub ids: HashMap<Arc<str>, i64>,
    pub texts: IdMap<i64, Arc<str>>,
    /// The strings last asked for: readers share one string among the lines of a file.
    recent: Vec<(Arc<str>, i64)>,
}

/// How many strings are found again without being looked at.
const RECENT: usize = 6;

impl Names {
    /// The id, if the name has one that is known.
    pub(super) fn get(&mut self, text: &Arc<str>) -> Option<i64> {
        if let Some((_, id)) = self.recent.iter().find(|(known, _)| Arc::ptr_eq(known, text)) {
            return Some(*id);
        }
        let id = *self.ids.get(text)?;
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push((text.clone(), id));
        Some(id)
    }

    /// Learns a name's id.
    pub(super) fn learn(&mut self, text: &Arc<str>, id: i64) {
        self.ids.insert(text.clone(), id);
        self.texts.insert(id, text.clone());
    }
}

/// What a write has changed, and what it leaves for [`super::Store::settle`].
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub deltas: Deltas,
    /// Copies met in this write.
    pub claims: Vec<Claim>,
    /// Sessions that share something since the last decision.
    pub disputed: BTreeSet<i64>,
    /// Sessions that lost or got a call because its original has come to light.
    pub moved: BTreeSet<i64>,
    /// Sessions whose figures or state changed.
    pub touched: BTreeSet<i64>,
}

/// A session other than the owner's in whose log a call or fact also stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Claim {
    pub key: Key,
    pub session: i64,
    pub task: Key,
}

impl Pending {
    /// Notes that a call has another version in the store now.
    pub(super) fn call_changed(&mut self, old: &CallRow, new: &CallRow) {
        if new.session != old.session {
            self.moved.extend([old.session, new.session]);
        }
        self.touched.extend([old.session, new.session]);
        self.deltas.call(old, -1);
        self.deltas.call(new, 1);
    }

    /// Notes that a fact has another version in the store now.
    pub(super) fn fact_changed(&mut self, old: &FactRow, new: &FactRow) {
        self.touched.extend([old.session, new.session]);
        self.deltas.fact(old, -1);
        self.deltas.fact(new, 1);
    }

    /// Remembers that two sessions' logs hold the same thing, unless one is plainly the copy.
    pub(super) fn dispute(&mut self, key: Key, a: (i64, Key, bool), b: (i64, Key, bool)) {
        if a.0 != b.0 && a.2 == b.2 {
            self.claims.push(Claim { key, session: a.0, task: a.1 });
            self.claims.push(Claim { key, session: b.0, task: b.1 });
        }
    }
}

/// The key of a call whose id some other session's call already has.
pub(super) fn other_key(key: Key, session: i64) -> Key {
    Key::of(&[b"other", &key.0.to_le_bytes(), &session.to_le_bytes()])
}
