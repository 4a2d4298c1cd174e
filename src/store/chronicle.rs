//! All calls or tasks of a window in the order of time, one by one: what is written out whole.
//!
//! **Why so.** Calls lie in the order of their keys, which are hashes, and a million of them are too many to hold. So their
//! moments are collected first, a few bytes each, and put in order; then all that is stored is gone through once for each
//! part of them that fits. Everything sees one state of the store, whoever writes meanwhile.

use rusqlite::params;

use crate::model::{Key, Millis, Window};

use super::merge::CallRow;
use super::read::{TaskRow, task};
use super::sums::{self, Of};
use super::{Store, StoreError};

/// Calls that are held at once.
const PART: usize = 150_000;

/// Calls that a window holds, in the order of time.
#[derive(Debug)]
pub struct Chronicle<'a> {
    store: &'a Store,
    _snapshot: Option<rusqlite::Transaction<'a>>,
    moments: Vec<(Millis, Key)>,
    part: usize,
}

impl Store {
    /// The calls of a window that are wanted, put in order.
    pub fn chronicle(&self, window: Window, wanted: impl Fn(&CallRow) -> bool) -> Result<Chronicle<'_>, StoreError> {
        self.chronicle_in_parts(window, wanted, PART)
    }

    fn chronicle_in_parts(&self, window: Window, wanted: impl Fn(&CallRow) -> bool, part: usize) -> Result<Chronicle<'_>, StoreError> {
        let snapshot = self.snapshot().map_err(self.fail("going through the calls"))?;
        let mut moments = Vec::new();
        self.each_call(window, |key, call| {
            if wanted(call) {
                moments.push((call.at, key));
            }
        })?;
        moments.sort_unstable();
        Ok(Chronicle { store: self, _snapshot: snapshot, moments, part })
    }

    /// Looks at the tasks that began in the window and asked a model at least once, oldest first.
    pub fn each_task<E: From<StoreError>>(&self, window: Window, mut look: impl FnMut(&TaskRow) -> Result<(), E>) -> Result<(), E> {
        let fail = self.fail("listing tasks");
        let sql = format!(
            "SELECT t.key, t.session, t.started_at, t.ended_at, {} FROM task t
             WHERE t.started_at >= ?1 AND t.started_at < ?2 AND t.calls > 0 ORDER BY t.started_at, t.key",
            sums::columns(Of::Tasks)
        );
        let mut query = self.conn.prepare_cached(&sql).map_err(&fail)?;
        let mut rows = query.query(params![window.from, window.to]).map_err(&fail)?;
        while let Some(row) = rows.next().map_err(&fail)? {
            look(&task(row).map_err(&fail)?)?;
        }
        Ok(())
    }

    /// How many tasks [`Store::each_task`] looks at.
    pub fn tasks_count(&self, window: Window) -> Result<u64, StoreError> {
        let sql = "SELECT count(*) FROM task WHERE started_at >= ?1 AND started_at < ?2 AND calls > 0";
        let count = self.rows("counting tasks", sql, params![window.from, window.to], |r| r.get::<_, i64>(0))?;
        Ok(count.first().map_or(0, |n| n.unsigned_abs()))
    }
}

impl Chronicle<'_> {
    /// How many calls there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.moments.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.moments.is_empty()
    }

    /// Leaves out all but the oldest ones.
    pub fn truncate(&mut self, most: usize) {
        self.moments.truncate(most);
    }

    /// Looks at each of them, oldest first.
    pub fn each<E: From<StoreError>>(&self, mut look: impl FnMut(Key, &CallRow) -> Result<(), E>) -> Result<(), E> {
        for part in self.moments.chunks(self.part) {
            let (Some(first), Some(last)) = (part.first(), part.last()) else { continue };
            let window = Window { from: first.0, to: last.0.saturating_add(1) };
            let mut calls: Vec<(Key, CallRow)> = Vec::with_capacity(part.len());
            self.store.each_call(window, |key, call| {
                // The border of two parts may lie between two calls of one moment.
                let moment = (call.at, key);
                if moment >= *first && moment <= *last && part.binary_search(&moment).is_ok() {
                    calls.push((key, call.clone()));
                }
            })?;
            calls.sort_unstable_by_key(|(key, call)| (call.at, *key));
            for (key, call) in &calls {
                look(*key, call)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::pack;
    use super::*;
    use crate::model::{Speed, Tier, Tokens};

    fn call(at: Millis) -> CallRow {
        CallRow {
            session: 1,
            task: Key(1),
            at,
            model: 0,
            tokens: Tokens::default(),
            searches: 0,
            tier: Tier::Standard,
            speed: Speed::default(),
            context: 0,
            sidechain: false,
            lower_bound: false,
            gap: false,
            reported: None,
            money: None,
        }
    }

    #[test]
    fn calls_come_in_the_order_of_time_each_once_however_few_are_held_at_once() {
        let store = Store::in_memory().unwrap();
        let calls: Vec<CallRow> = (0..500).map(|n| call(1000 - n / 7)).collect();
        let keyed: Vec<(Key, &CallRow)> = (0_u64..).map(|n| Key::of(&[&n.to_le_bytes()])).zip(&calls).collect();
        pack::save(&store.conn, keyed.clone()).unwrap();
        let mut expected: Vec<(Millis, Key)> = keyed.iter().map(|(key, call)| (call.at, *key)).filter(|(at, _)| *at >= 940).collect();
        expected.sort_unstable();
        for part in [1, 3, 7, 499, 10_000] {
            let chronicle = store.chronicle_in_parts(Window { from: 940, to: 1001 }, |_| true, part).unwrap();
            let mut seen = Vec::new();
            chronicle
                .each(|key, call| {
                    seen.push((call.at, key));
                    Ok::<(), StoreError>(())
                })
                .unwrap();
            assert!(seen == expected && chronicle.len() == expected.len(), "parts of {part}");
        }
        assert!(store.chronicle(Window::ALL, |call| call.session == 2).unwrap().is_empty());
    }
}
