//! What questions about waste ask of single sessions and of tasks with trouble in them.

use rusqlite::params;

use crate::model::{Key, Millis, Speed, Tier};

use super::merge::CallRow;
use super::pack::{self, Found};
use super::sums::{self, Of, Sums};
use super::{Store, StoreError, trail};

/// What the price of a call depends on besides its model and tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Billing {
    /// Web searches billed per request.
    pub searches: u32,
    /// The service tier.
    pub tier: Tier,
    /// Fast mode and residency.
    pub speed: Speed,
    /// Whether the agent told the cost itself.
    pub reported: bool,
}

impl From<&CallRow> for Billing {
    fn from(call: &CallRow) -> Billing {
        Billing { searches: call.searches, tier: call.tier, speed: call.speed, reported: call.reported.is_some() }
    }
}

/// A task in which a tool failed or a context was summarized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StrainRow {
    /// The task.
    pub task: Key,
    /// Its tool calls.
    pub tools: u64,
    /// Those that failed.
    pub failures: u64,
    /// How often its context was summarized.
    pub compactions: u64,
}

impl Store {
    /// The tasks in which a tool failed or a context was summarized: of one session, or of all.
    pub fn strains(&self, session: Option<i64>) -> Result<Vec<StrainRow>, StoreError> {
        let of = if session.is_some() { "session = ?1" } else { "?1 IS NULL" };
        let columns = sums::columns(Of::Tasks);
        let sql = format!("SELECT key, {columns} FROM task t WHERE {of} AND (failures > 0 OR compactions > 0)");
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        self.rows("listing tasks with failures", &sql, params![session], |r| {
            let sums = Sums::from_row(r, 1)?;
            Ok(StrainRow {
                task: Key::from_sql(r.get(0)?),
                tools: count(sums.tools),
                failures: count(sums.failures),
                compactions: count(sums.compactions),
            })
        })
    }

    /// Looks at every call of a session, in the order of time.
    pub fn each_call_of(&self, session: i64, mut look: impl FnMut(Key, &CallRow)) -> Result<(), StoreError> {
        let fail = self.fail("going through a session's calls");
        let _snapshot = self.snapshot().map_err(&fail)?;
        for (at, key) in trail::of(&self.conn, session, Millis::MIN, Millis::MAX).map_err(&fail)? {
            let Found::Row(call) = pack::find::<CallRow>(&self.conn, key).map_err(&fail)? else { continue };
            if trail::is_of(&call, session, at) {
                look(key, &call);
            }
        }
        Ok(())
    }
}
