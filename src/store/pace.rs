//! Spend over time, as forecasts and trends ask for it.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::model::time::SLOT;
use crate::model::{Millis, SessionKind, Window};

use super::read::SlotRow;
use super::sums::{self, Of, Sums};
use super::{Store, StoreError};

/// Which rows `r` of `rollup` are in a window: what [`Store::in_window`] replaces by its bounds.
pub(super) const IN_WINDOW: &str = "r.slot IN WINDOW";

/// The first quarter of an hour of a window, and the first one behind it.
pub(super) fn slots_range(window: Window) -> (i64, i64) {
    (window.from.div_euclid(SLOT), window.to.saturating_add(SLOT - 1).div_euclid(SLOT))
}

fn slot(r: &rusqlite::Row<'_>, names: &HashMap<i64, Arc<str>>) -> rusqlite::Result<SlotRow> {
    Ok(SlotRow {
        at: r.get::<_, i64>(0)? * SLOT,
        session: r.get(1)?,
        model: names.get(&r.get::<_, i64>(2)?).cloned(),
        sums: Sums::from_row(r, 3)?,
    })
}

impl Store {
    /// The rows of a query that says [`IN_WINDOW`].
    ///
    /// A scan up to a slot ends at the first row that reads as a later one, so one damaged row would hide all that come after it
    /// from their seals. Where nothing is later than the window the scan goes to the end instead. That end is a bound as well: given
    /// the lower one alone, the database reads the sums of all time by their session where a query is grouped by it.
    pub(super) fn in_window<T>(
        &self,
        doing: &'static str,
        sql: &str,
        window: Window,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let (from, to) = slots_range(window);
        let last = format!("SELECT r.slot, {} FROM rollup r ORDER BY r.slot DESC LIMIT 1", sums::columns(Of::Slots));
        let last = self.rows(doing, &last, [], |r| Sums::from_row(r, 1).and_then(|_| r.get::<_, i64>(0)))?.pop();
        let to = if last.is_none_or(|last| last < to) { i64::MAX } else { to.saturating_sub(1) };
        self.rows(doing, &sql.replace(IN_WINDOW, "r.slot >= ?1 AND r.slot <= ?2"), [from, to], read)
    }

    /// The sums of a window, over everything.
    pub fn total(&self, window: Window) -> Result<Sums, StoreError> {
        let sql = format!("SELECT {} FROM rollup r WHERE {IN_WINDOW}", sums::sum_columns(Of::Slots));
        Ok(self.in_window("summing", &sql, window, |r| Sums::from_row(r, 0))?.into_iter().next().unwrap_or_default())
    }

    /// Every slot of the window with a model call, by session and model, oldest first.
    pub fn slots(&self, window: Window) -> Result<Vec<SlotRow>, StoreError> {
        let names = self.names()?;
        let sql = format!(
            "SELECT r.slot, r.session, r.model, {} FROM rollup r WHERE {IN_WINDOW} AND r.calls <> 0 ORDER BY r.slot",
            sums::columns(Of::Slots)
        );
        self.in_window("listing slots", &sql, window, |r| slot(r, &names))
    }

    /// The sums of each quarter of an hour in which anything happened, over everything, oldest first.
    pub fn pace(&self, window: Window) -> Result<Vec<(Millis, Sums)>, StoreError> {
        let sql =
            format!("SELECT r.slot, {} FROM rollup r WHERE {IN_WINDOW} GROUP BY r.slot ORDER BY r.slot", sums::sum_columns(Of::Slots));
        self.in_window("summing up quarters of an hour", &sql, window, |r| Ok((r.get::<_, i64>(0)? * SLOT, Sums::from_row(r, 1)?)))
    }

    /// The first quarter of an hour in which anything happened.
    pub fn first_slot(&self) -> Result<Option<Millis>, StoreError> {
        let sql = "SELECT slot FROM rollup ORDER BY slot LIMIT 1";
        Ok(self.rows("looking up where records begin", sql, [], |r| r.get::<_, i64>(0))?.pop().map(|slot| slot * SLOT))
    }

    /// Looks at each row of [`Store::slots`], and at what happened without a model call: prompts, tool calls, retries. Nothing is
    /// gathered: a year has many.
    pub fn each_happening(&self, window: Window, mut look: impl FnMut(SlotRow)) -> Result<(), StoreError> {
        let names = self.names()?;
        let sql =
            format!("SELECT r.slot, r.session, r.model, {} FROM rollup r WHERE {IN_WINDOW} ORDER BY r.slot", sums::columns(Of::Slots));
        let read = |r: &rusqlite::Row<'_>| slot(r, &names).map(&mut look);
        self.in_window("listing what happened", &sql, window, read).map(|_: Vec<()>| ())
    }

    /// The sessions that are no other session's subagents.
    pub fn sessions_of_people(&self) -> Result<HashSet<i64>, StoreError> {
        let sql = "SELECT id FROM session WHERE kind <> ?1";
        Ok(self.rows("listing sessions", sql, [SessionKind::Subagent.to_sql()], |r| r.get(0))?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cap is asked about before every step: what it costs may depend on its window, and not on all that was ever spent.
    #[test]
    fn a_window_is_looked_up_by_its_time_however_it_is_grouped() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap().store;
        let joined = "FROM rollup r LEFT JOIN session s ON s.id = r.session LEFT JOIN name n ON n.id = r.model";
        for window in [Window::ALL, Window { from: 0, to: SLOT }] {
            for group in ["", "GROUP BY r.session", "GROUP BY r.session, r.model", "GROUP BY r.slot ORDER BY r.slot"] {
                let sql = format!("EXPLAIN QUERY PLAN SELECT s.cwd, n.text, sum(r.nanos) {joined} WHERE {IN_WINDOW} {group}");
                let plan: Vec<String> = store.in_window("explaining", &sql, window, |r| r.get(3)).unwrap();
                assert!(plan.iter().any(|step| step == "SEARCH r USING PRIMARY KEY (slot>? AND slot<?)"), "{group}: {plan:?}");
            }
        }
    }
}
