//! Going through all calls or tasks of a window: what loops, waste and exports ask.

use rusqlite::params;

use crate::model::{Key, Window};

use super::merge::CallRow;
use super::pack;
use super::read::{TaskRow, task};
use super::sums;
use super::{Store, StoreError};

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
}
