//! Going through all calls or tasks of a window: what loops, waste and exports ask.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::params;

use crate::model::{IdMap, Key, KeyMap, Millis, Window};

use super::merge::CallRow;
use super::pack;
use super::read::{SessionRow, TaskRow, slots_range, task, text};
use super::sums::{self, Sums};
use super::{Store, StoreError};

/// A tool call that came again in its task, with the same arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The tool's name.
    pub tool: Arc<str>,
    /// How often the task has made the call in all.
    pub times: u64,
}

/// A time in which a session asked a model: the slot's first instant, and the model's id.
pub type Asked = (Millis, i64);

impl Store {
    /// Looks at every call of the window, in no order: one pass over all that is stored.
    pub fn each_call(&self, window: Window, mut look: impl FnMut(Key, &CallRow)) -> Result<(), StoreError> {
        let look = |key, call: Option<CallRow>| {
            if let Some(call) = call.filter(|call| window.contains(call.at)) {
                look(key, &call);
            }
        };
        pack::each(&self.conn, look).map_err(self.fail("going through the calls"))
    }

    /// The tasks that began in the window and asked a model at least once, oldest first.
    pub fn tasks_in(&self, window: Window) -> Result<Vec<TaskRow>, StoreError> {
        let sql = format!(
            "SELECT t.key, t.session, t.started_at, t.ended_at, {} FROM task t
             WHERE t.started_at >= ?1 AND t.started_at < ?2 AND t.calls > 0 ORDER BY t.started_at, t.key",
            sums::columns("t")
        );
        self.rows("listing tasks", &sql, params![window.from, window.to], task)
    }

    /// The call that each task has made most often, where any came again.
    pub fn repeats(&self) -> Result<KeyMap<Repeat>, StoreError> {
        let names = self.names()?;
        let rows = self.rows("listing calls that came again", "SELECT task, name, times FROM repeat WHERE times > 0", [], |r| {
            Ok((Key::from_sql(r.get(0)?), r.get::<_, i64>(1)?, r.get::<_, i64>(2)?.cast_unsigned()))
        })?;
        let mut found: KeyMap<Repeat> = KeyMap::default();
        for (task, name, times) in rows {
            let tool = names.get(&name).cloned().unwrap_or_else(|| Arc::from("?"));
            let repeat = Repeat { tool, times: times + 1 };
            let known = found.entry(task).or_insert_with(|| repeat.clone());
            if known.times < repeat.times {
                *known = repeat;
            }
        }
        Ok(found)
    }

    /// As [`Store::repeats`], of one task.
    pub fn repeat_of(&self, task: Key) -> Result<Option<Repeat>, StoreError> {
        let sql = "SELECT n.text, r.times FROM repeat r LEFT JOIN name n ON n.id = r.name WHERE r.task = ?1 AND r.times > 0
                   ORDER BY r.times DESC LIMIT 1";
        let rows = self.rows("looking up calls that came again", sql, [task.to_sql()], |r| {
            Ok(Repeat { tool: text(r, 0)?.unwrap_or_else(|| Arc::from("?")), times: r.get::<_, i64>(1)?.cast_unsigned() + 1 })
        })?;
        Ok(rows.into_iter().next())
    }

    /// Every session, without its sums.
    pub fn heads(&self) -> Result<HashMap<i64, SessionRow>, StoreError> {
        Ok(self.heads_where("true", [])?.into_iter().map(|row| (row.id, row)).collect())
    }

    /// When each session asked which models, in quarters of an hour.
    pub fn asked(&self, window: Window) -> Result<IdMap<i64, Vec<Asked>>, StoreError> {
        let (from, to) = slots_range(window);
        let sql = "SELECT session, slot, model FROM rollup WHERE slot >= ?1 AND slot < ?2 AND calls > 0";
        let rows = self.rows("listing models by time", sql, params![from, to], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)? * crate::model::time::SLOT, r.get::<_, i64>(2)?))
        })?;
        let mut found: IdMap<i64, Vec<Asked>> = IdMap::default();
        for (session, slot, model) in rows {
            found.entry(session).or_default().push((slot, model));
        }
        Ok(found)
    }

    /// The sums of each quarter of an hour in the window, over everything, oldest first.
    pub fn slot_sums(&self, window: Window) -> Result<Vec<(Millis, Sums)>, StoreError> {
        let (from, to) = slots_range(window);
        let sql = format!(
            "SELECT r.slot, {} FROM rollup r WHERE r.slot >= ?1 AND r.slot < ?2 GROUP BY r.slot ORDER BY r.slot",
            sums::sum_columns("r")
        );
        self.rows("summing quarters of an hour", &sql, params![from, to], |r| {
            Ok((r.get::<_, i64>(0)? * crate::model::time::SLOT, Sums::from_row(r, 1)?))
        })
    }

    /// The sessions with a line since an instant, without their sums.
    pub fn heads_since(&self, since: Millis) -> Result<Vec<SessionRow>, StoreError> {
        self.heads_where("s.last_at >= ?1", [since])
    }
}
