//! Spend over time, as forecasts and trends ask for it.

use std::collections::HashSet;

use rusqlite::params;

use crate::model::time::SLOT;
use crate::model::{Millis, SessionKind, Window};

use super::read::{SlotRow, slots_range};
use super::sums::{self, Of, Sums};
use super::{Store, StoreError};

impl Store {
    /// The sums of each quarter of an hour in which anything happened, over everything, oldest first.
    pub fn pace(&self, window: Window) -> Result<Vec<(Millis, Sums)>, StoreError> {
        let (from, to) = slots_range(window);
        let sql = format!(
            "SELECT r.slot, {} FROM rollup r WHERE r.slot >= ?1 AND r.slot < ?2 GROUP BY r.slot ORDER BY r.slot",
            sums::sum_columns(Of::Slots)
        );
        self.rows("summing up quarters of an hour", &sql, params![from, to], |r| Ok((r.get::<_, i64>(0)? * SLOT, Sums::from_row(r, 1)?)))
    }

    /// The first quarter of an hour in which anything happened.
    pub fn first_slot(&self) -> Result<Option<Millis>, StoreError> {
        let sql = "SELECT slot FROM rollup ORDER BY slot LIMIT 1";
        Ok(self.rows("looking up where records begin", sql, [], |r| r.get::<_, i64>(0))?.pop().map(|slot| slot * SLOT))
    }

    /// Looks at each row of [`Store::slots`], and at what happened without a model call: prompts, tool calls, retries. Nothing is
    /// gathered: a year has many.
    pub fn each_happening(&self, window: Window, mut look: impl FnMut(SlotRow)) -> Result<(), StoreError> {
        let (from, to) = slots_range(window);
        let names = self.names()?;
        let sql = format!(
            "SELECT r.slot, r.session, r.model, {} FROM rollup r WHERE r.slot >= ?1 AND r.slot < ?2 ORDER BY r.slot",
            sums::columns(Of::Slots)
        );
        let read = |r: &rusqlite::Row<'_>| {
            look(SlotRow {
                at: r.get::<_, i64>(0)? * SLOT,
                session: r.get(1)?,
                model: names.get(&r.get::<_, i64>(2)?).cloned(),
                sums: Sums::from_row(r, 3)?,
            });
            Ok(())
        };
        self.rows("listing what happened", &sql, params![from, to], read).map(|_: Vec<()>| ())
    }

    /// The sessions that are no other session's subagents.
    pub fn sessions_of_people(&self) -> Result<HashSet<i64>, StoreError> {
        let sql = "SELECT id FROM session WHERE kind <> ?1";
        Ok(self.rows("listing sessions", sql, [SessionKind::Subagent.to_sql()], |r| r.get(0))?.into_iter().collect())
    }
}
