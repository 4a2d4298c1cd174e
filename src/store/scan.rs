//! Going through all calls or tasks of a window: what loops, waste and exports ask.

use std::collections::HashMap;
use std::sync::Arc;

use rusqlite::params;

use crate::model::{IdMap, Key, KeySet, Millis, Window};

use super::merge::CallRow;
use super::pace::IN_WINDOW;
use super::pack;
use super::read::{SessionRow, TaskRow, task, text};
use super::sums::{self, Of};
use super::{Store, StoreError, seal};

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

    /// Looks at the tasks that began in the window and asked a model at least once, in no order: putting all of them in order
    /// would take as much room as all of them.
    pub fn each_loop(&self, window: Window, mut look: impl FnMut(&TaskRow)) -> Result<(), StoreError> {
        let fail = self.fail("listing tasks");
        let columns = sums::columns(Of::Tasks);
        let sql = format!(
            "SELECT t.key, t.session, t.started_at, t.ended_at, {columns} FROM task t WHERE t.started_at >= ?1 AND t.started_at < ?2 AND t.calls > 0"
        );
        let mut query = self.conn.prepare_cached(&sql).map_err(&fail)?;
        let mut rows = query.query(params![window.from, window.to]).map_err(&fail)?;
        while let Some(row) = rows.next().map_err(&fail)? {
            look(&task(row).map_err(&fail)?);
        }
        Ok(())
    }

    /// A task by its key.
    pub fn task(&self, key: Key) -> Result<Option<TaskRow>, StoreError> {
        let sql = format!("SELECT t.key, t.session, t.started_at, t.ended_at, {} FROM task t WHERE t.key = ?1", sums::columns(Of::Tasks));
        Ok(self.rows("looking up a task", &sql, [key.to_sql()], task)?.pop())
    }

    /// The last task of a session, as [`Store::tasks`] lists them.
    pub fn newest_task(&self, session: i64) -> Result<Option<TaskRow>, StoreError> {
        let zero = sums::COLUMNS.map(|c| format!("t.{c} = 0")).join(" AND ");
        let sql = format!(
            "SELECT t.key, t.session, t.started_at, t.ended_at, {} FROM task t WHERE t.session = ?1 AND NOT ({zero})
             ORDER BY t.started_at DESC, t.key DESC LIMIT 1",
            sums::columns(Of::Tasks)
        );
        Ok(self.rows("looking up the last task", &sql, [session], task)?.pop())
    }

    /// All tasks of some sessions, oldest first.
    pub fn tasks_of(&self, sessions: &[i64]) -> Result<Vec<TaskRow>, StoreError> {
        let mut tasks = Vec::new();
        for session in sessions {
            tasks.extend(self.tasks(*session)?);
        }
        tasks.sort_by_key(|task| (task.started_at, task.key));
        Ok(tasks)
    }

    /// The tasks in which a call came again.
    pub fn repeating(&self) -> Result<KeySet, StoreError> {
        let fail = self.fail("listing calls that came again");
        let mut query = self.conn.prepare_cached("SELECT task FROM repeat WHERE times > 0").map_err(&fail)?;
        let found = query.query_map([], |r| r.get(0).map(Key::from_sql)).map_err(&fail)?;
        found.collect::<Result<_, _>>().map_err(&fail)
    }

    /// The call that a task has made most often, where any came again.
    pub fn repeat_of(&self, task: Key) -> Result<Option<Repeat>, StoreError> {
        let seal = seal::without("r", [(1, "task"), (2, "call"), (3, "name")]);
        let sql = format!(
            "SELECT n.text, r.times, {seal} FROM repeat r LEFT JOIN name n ON n.id = r.name WHERE r.task = ?1 AND r.times > 0
             ORDER BY r.times DESC LIMIT 1"
        );
        let rows = self.rows("looking up calls that came again", &sql, [task.to_sql()], |r| {
            let [times] = seal::checked(r, 1)?;
            Ok(Repeat { tool: text(r, 0)?.unwrap_or_else(|| Arc::from("?")), times: times.cast_unsigned() + 1 })
        })?;
        Ok(rows.into_iter().next())
    }

    /// Every session, without its sums.
    pub fn heads(&self) -> Result<HashMap<i64, SessionRow>, StoreError> {
        Ok(self.heads_where("true", [])?.into_iter().map(|row| (row.id, row)).collect())
    }

    /// When each session asked which models, in quarters of an hour.
    pub fn asked(&self, window: Window) -> Result<IdMap<i64, Vec<Asked>>, StoreError> {
        let sql = format!("SELECT r.session, r.slot, r.model FROM rollup r WHERE {IN_WINDOW} AND r.calls > 0");
        let rows = self.in_window("listing models by time", &sql, window, |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)? * crate::model::time::SLOT, r.get::<_, i64>(2)?))
        })?;
        let mut found: IdMap<i64, Vec<Asked>> = IdMap::default();
        for (session, slot, model) in rows {
            found.entry(session).or_default().push((slot, model));
        }
        Ok(found)
    }

    /// The sessions with a line since an instant, without their sums.
    pub fn heads_since(&self, since: Millis) -> Result<Vec<SessionRow>, StoreError> {
        self.heads_where("s.last_at >= ?1", [since])
    }
}
