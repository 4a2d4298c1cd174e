//! Changes to the sums, gathered so that each row is written once.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::model::time::{SLOT, SLOTS_A_DAY};
use crate::model::{FactKind, IdMap, Key, KeyMap, Millis};

use super::merge::{CallRow, FactRow};
use super::rows::{Numbers, upsert_all};
use super::sums::{COLUMNS, Sums, WIDTH};

/// Columns of a slot: its time, session and model, and the counters.
const SLOT_WIDTH: usize = 3 + WIDTH;
/// Columns of a task: its key, session, first and last instant, and the counters.
const TASK_WIDTH: usize = 4 + WIDTH;
/// Columns of a tool: its session and name, its calls and its failures.
const TOOL_WIDTH: usize = 4;

/// Columns of a call that came again: its task, hash and name, and how often.
const REPEAT_WIDTH: usize = 4;

/// Changes to slots, tasks and tools.
#[derive(Debug, Default)]
pub(super) struct Deltas {
    slots: IdMap<(i64, i64, i64), Sums>,
    tasks: KeyMap<TaskDelta>,
    /// Calls and failures by session and name; name 0 is not known yet.
    tools: IdMap<(i64, i64), (i64, i64)>,
    /// How often tool calls came again, by task, hash and name.
    repeats: HashMap<(i64, i64, i64), i64>,
}

#[derive(Debug)]
struct TaskDelta {
    session: i64,
    first: Millis,
    last: Millis,
    sums: Sums,
    /// Whether its own prompt was seen: that names the session it belongs to.
    begun: bool,
}

impl Deltas {
    /// Counts a call, or with a `sign` of -1 takes it back.
    pub(super) fn call(&mut self, row: &CallRow, sign: i64) {
        self.count(row.session, row.task, row.at, row.model, &row.sums(), sign);
    }

    /// Counts a fact, or with a `sign` of -1 takes it back.
    pub(super) fn fact(&mut self, row: &FactRow, sign: i64) {
        let sums = row.sums();
        self.count(row.session, row.task, row.at, 0, &sums, sign);
        if row.kind == FactKind::Tool {
            let tool = self.tools.entry((row.session, row.name.unwrap_or(0))).or_default();
            tool.0 += sums.tools * sign;
            tool.1 += sums.failures * sign;
            if let Some(same) = row.same.filter(|_| row.seen) {
                *self.repeats.entry((row.task.to_sql(), i64::from(same), row.name.unwrap_or(0))).or_default() += sign;
            }
        }
    }

    fn count(&mut self, session: i64, task: Key, at: Millis, model: i64, sums: &Sums, sign: i64) {
        self.slots.entry((at.div_euclid(SLOT), session, model)).or_default().add(sums, sign);
        let delta = self.tasks.entry(task).or_insert(TaskDelta { session, first: at, last: at, sums: Sums::default(), begun: false });
        delta.sums.add(sums, sign);
        if sign > 0 {
            delta.first = delta.first.min(at);
            delta.last = delta.last.max(at);
            if sums.prompts > 0 {
                delta.begun = true;
                delta.session = session;
            }
        }
    }

    /// Adds everything to the store's sums.
    pub(super) fn flush(self, tx: &Connection) -> rusqlite::Result<()> {
        let add = |table: &str| COLUMNS.map(|c| format!("{c} = {table}.{c} + excluded.{c}")).join(", ");
        let mut slots: Vec<_> = self.slots.into_iter().filter(|(_, sums)| !sums.is_zero()).collect();
        slots.sort_unstable_by_key(|(key, _)| *key);
        let rows = slots.iter().map(|((slot, session, model), sums)| row::<3, SLOT_WIDTH>([*slot, *session, *model], sums));
        upsert_all(tx, "rollup", &add("rollup"), rows)?;
        let mut days: Vec<i64> = slots.iter().map(|((slot, _, _), _)| slot.div_euclid(SLOTS_A_DAY)).collect();
        days.dedup();
        let days = days.into_iter().map(|day| -> Numbers<2> { [Some(day), Some(1)] });
        upsert_all(tx, "day_version", "changes = day_version.changes + 1", days)?;

        // Where a task's prompt is seen, it names the session; else the first that was met keeps it.
        let mut tasks: Vec<_> = self.tasks.into_iter().collect();
        tasks.sort_unstable_by_key(|(key, _)| key.to_sql());
        let (begun, others): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|(_, delta)| delta.begun);
        for (tasks, session) in [(begun, "excluded.session"), (others, "task.session")] {
            let conflict = format!(
                "session = {session}, started_at = min(task.started_at, excluded.started_at),
                    ended_at = max(task.ended_at, excluded.ended_at), {}",
                add("task")
            );
            let rows = tasks.iter().map(|(key, d)| row::<4, TASK_WIDTH>([key.to_sql(), d.session, d.first, d.last], &d.sums));
            upsert_all(tx, "task", &conflict, rows)?;
        }

        let mut tools: Vec<_> = self.tools.into_iter().filter(|(_, counts)| *counts != (0, 0)).collect();
        tools.sort_unstable_by_key(|(key, _)| *key);
        let rows = tools
            .iter()
            .map(|((session, name), (calls, failures))| -> Numbers<TOOL_WIDTH> { [*session, *name, *calls, *failures].map(Some) });
        upsert_all(tx, "tool", "calls = tool.calls + excluded.calls, failures = tool.failures + excluded.failures", rows)?;

        let mut repeats: Vec<_> = self.repeats.into_iter().filter(|(_, times)| *times != 0).collect();
        repeats.sort_unstable_by_key(|(key, _)| *key);
        let rows = repeats.iter().map(|((task, call, name), times)| -> Numbers<REPEAT_WIDTH> { [*task, *call, *name, *times].map(Some) });
        upsert_all(tx, "repeat", "times = repeat.times + excluded.times", rows)
    }
}

/// A row of its first columns and the counters.
fn row<const HEAD: usize, const ALL: usize>(head: [i64; HEAD], sums: &Sums) -> Numbers<ALL> {
    let mut row = [None; ALL];
    for (to, from) in row.iter_mut().zip(head.into_iter().chain(sums.to_array())) {
        *to = Some(from);
    }
    row
}
