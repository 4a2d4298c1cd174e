//! Reading: what screens, commands and exports ask.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::session::project_of;
use crate::model::{Cost, Key, Millis, Money, SessionKind, Tokens, Turn, Window};

use super::merge::CallRow;
use super::pace::{IN_WINDOW, slots_range};
use super::pack::{self, Found};
use super::strain::Billing;
use super::sums::{self, Of, Sums};
use super::{Store, StoreError, seal, trail};

/// A session and what it did in the window asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the columns of the session table and of the sums")]
pub struct SessionRow {
    pub id: i64,
    pub agent: Arc<str>,
    pub uid: Arc<str>,
    pub parent: Option<Arc<str>>,
    pub kind: SessionKind,
    pub started_at: Option<Millis>,
    pub last_at: Option<Millis>,
    pub cwd: Option<Arc<str>>,
    pub branch: Option<Arc<str>>,
    pub remote: Option<Arc<str>>,
    pub version: Option<Arc<str>>,
    pub role: Option<Arc<str>>,
    /// The model last asked.
    pub model: Option<Arc<str>>,
    pub context: Option<u64>,
    pub window: Option<u64>,
    pub turn: Turn,
    pub sums: Sums,
}

/// A session that was asked for by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looked {
    /// The session, with its sums inside the first window.
    pub row: SessionRow,
    /// Its sums inside each window.
    pub sums: [Sums; 3],
    /// The models asked inside the first window.
    pub models: Vec<Arc<str>>,
}

/// What one session spent with one model on one day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlotRow {
    /// The slot's first instant.
    pub at: Millis,
    /// The session.
    pub session: i64,
    /// The model's name; `None` where the log does not say.
    pub model: Option<Arc<str>>,
    /// The sums.
    pub sums: Sums,
}

/// A task and its sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskRow {
    /// Its identity.
    pub key: Key,
    /// Its session.
    pub session: i64,
    /// Its first and last instant.
    pub started_at: Millis,
    /// Its last instant.
    pub ended_at: Millis,
    /// The sums; `calls` are its steps.
    pub sums: Sums,
}

/// One step of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// The task it belongs to.
    pub task: Key,
    /// When.
    pub at: Millis,
    /// The model's name.
    pub model: Option<Arc<str>>,
    /// Its tokens.
    pub tokens: Tokens,
    /// The context it left.
    pub context: u64,
    /// Its cost, where known.
    pub money: Option<Money>,
    /// Whether the true output is higher.
    pub lower_bound: bool,
    /// What else its price depends on.
    pub billing: Billing,
}

/// How often a tool was called in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolRow {
    /// The tool's name.
    pub name: Arc<str>,
    /// Calls.
    pub calls: u64,
    /// Of them failed.
    pub failures: u64,
}

/// How much of a plan's window is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRow {
    /// Whose.
    pub agent: Arc<str>,
    /// The limit's id, may be empty.
    pub limit: Arc<str>,
    /// The window's length.
    pub window_minutes: u32,
    /// When it was told.
    pub at: Millis,
    /// Used share in tenths of a percent.
    pub used_permille: u32,
    /// When it starts anew.
    pub resets_at: Option<Millis>,
}

/// A session's agent and project.
pub type Place = (Arc<str>, Arc<str>);
/// A session that was looked for: its id, agent and the agent's own id.
pub type Match = (i64, Arc<str>, Arc<str>);

const SESSION: &str = "s.id, s.agent, s.uid, s.parent_uid, s.kind, s.started_at, s.last_at, s.cwd, s.branch, s.version, s.role, n.text, s.context, s.window, s.turn, s.remote, s.model, s.seal";
const SESSION_WIDTH: usize = 18;
/// Above this many sessions one scan is cheaper than looking each up.
const MANY: usize = 400;

pub(super) fn text(r: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<Option<Arc<str>>> {
    Ok(r.get_ref(i)?.as_str_or_null()?.map(Arc::from))
}

fn session(r: &rusqlite::Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow { sums: Sums::from_row(r, SESSION_WIDTH)?, ..head(r)? })
}

/// A session without its sums.
fn head(r: &rusqlite::Row<'_>) -> rusqlite::Result<SessionRow> {
    let number = |i: usize| r.get::<_, Option<i64>>(i);
    let (kind, started_at, last_at, model, context, window, turn) =
        (r.get(4)?, number(5)?, number(6)?, number(16)?, number(12)?, number(13)?, r.get(14)?);
    seal::check(r.get(17)?, [Some(kind), started_at, last_at, model, context, window, Some(turn)].map(Option::unwrap_or_default))?;
    Ok(SessionRow {
        id: r.get(0)?,
        agent: text(r, 1)?.unwrap_or_default(),
        uid: text(r, 2)?.unwrap_or_default(),
        parent: text(r, 3)?,
        kind: SessionKind::from_sql(kind),
        started_at,
        last_at,
        cwd: text(r, 7)?,
        branch: text(r, 8)?,
        version: text(r, 9)?,
        role: text(r, 10)?,
        model: text(r, 11)?,
        context: context.map(i64::cast_unsigned),
        window: window.map(i64::cast_unsigned),
        turn: Turn::from_sql(turn),
        remote: text(r, 15)?,
        sums: Sums::default(),
    })
}

impl Store {
    /// Holds what several statements see to one state of the store, whoever writes meanwhile. Whoever is writing sees its own.
    pub(super) fn snapshot(&self) -> rusqlite::Result<Option<rusqlite::Transaction<'_>>> {
        self.conn.is_autocommit().then(|| self.conn.unchecked_transaction()).transpose()
    }

    pub(super) fn rows<T>(
        &self,
        doing: &'static str,
        sql: &str,
        values: impl rusqlite::Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let fail = self.fail(doing);
        let mut query = self.conn.prepare_cached(sql).map_err(&fail)?;
        let rows = query.query_map(values, read).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// The sessions with any activity in the window, and their sums inside it.
    pub fn sessions(&self, window: Window) -> Result<Vec<SessionRow>, StoreError> {
        let sums = sums::sum_columns(Of::Slots);
        // A sum without its session is an error, where a join would leave it out.
        let sql = format!(
            "SELECT {SESSION}, {sums} FROM rollup r LEFT JOIN session s ON s.id = r.session LEFT JOIN name n ON n.id = s.model
             WHERE {IN_WINDOW} GROUP BY r.session"
        );
        let mut rows = self.in_window("listing sessions", &sql, window, session)?;
        if window == Window::ALL {
            // Sessions that only began: no call, no prompt that counts.
            let zeros = sums::zeros();
            let sql = format!(
                "SELECT {SESSION}, {zeros} FROM session s LEFT JOIN name n ON n.id = s.model
                 WHERE NOT EXISTS (SELECT 1 FROM rollup r WHERE r.session = s.id)"
            );
            rows.extend(self.rows("listing sessions", &sql, [], session)?);
        }
        Ok(rows)
    }

    /// Sessions of a condition on `s`, without their sums.
    pub(super) fn heads_where(&self, which: &str, values: impl rusqlite::Params) -> Result<Vec<SessionRow>, StoreError> {
        let sql = format!("SELECT {SESSION} FROM session s LEFT JOIN name n ON n.id = s.model WHERE {which}");
        self.rows("listing sessions", &sql, values, head)
    }

    /// Some sessions by id, each looked at once.
    pub fn sessions_by_id(&self, ids: &[i64], windows: [Window; 3]) -> Result<Vec<Looked>, StoreError> {
        let heads = format!("SELECT {SESSION} FROM session s LEFT JOIN name n ON n.id = s.model WHERE s.id = ?1");
        let slots = format!("SELECT r.slot, r.model, {} FROM rollup r WHERE r.session = ?1", sums::columns(Of::Slots));
        let windows = windows.map(slots_range);
        let names = self.names()?;
        let mut found = Vec::with_capacity(ids.len());
        for id in ids {
            let Some(mut row) = self.rows("looking up a session", &heads, [id], head)?.pop() else { continue };
            let mut sums = [Sums::default(); 3];
            let mut models = Vec::new();
            self.rows("summing up a session", &slots, [id], |r| {
                let (slot, model, part) = (r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, Sums::from_row(r, 2)?);
                for ((from, to), sums) in windows.iter().zip(&mut sums) {
                    if (*from..*to).contains(&slot) {
                        sums.add(&part, 1);
                    }
                }
                let asked = windows.first().is_some_and(|(from, to)| (*from..*to).contains(&slot)) && part.calls > 0;
                models.extend(names.get(&model).filter(|_| asked).cloned());
                Ok(())
            })?;
            models.sort_unstable();
            models.dedup();
            [row.sums, _, _] = sums;
            found.push(Looked { row, sums, models });
        }
        Ok(found)
    }

    /// Names of models and tools by their ids.
    pub fn names(&self) -> Result<HashMap<i64, Arc<str>>, StoreError> {
        let rows = self.rows("listing names", "SELECT id, text FROM name", [], |r| Ok((r.get(0)?, text(r, 1)?.unwrap_or_default())))?;
        Ok(rows.into_iter().collect())
    }

    /// The steps of each session's last task, and of its longest one in the window.
    pub fn loops(&self, ids: &[i64], window: Window) -> Result<HashMap<i64, (u64, u64)>, StoreError> {
        let mut found: HashMap<i64, (u64, u64)> = HashMap::with_capacity(ids.len());
        let mut newest: HashMap<i64, Millis> = HashMap::with_capacity(ids.len());
        let read = |r: &rusqlite::Row<'_>| {
            let (session, started, ended) = (r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(3)?);
            let steps = r.get::<_, i64>(2)?.cast_unsigned();
            let entry = found.entry(session).or_default();
            if ended >= window.from && started < window.to {
                entry.1 = entry.1.max(steps);
            }
            if newest.get(&session).is_none_or(|at| started >= *at) {
                newest.insert(session, started);
                entry.0 = steps;
            }
            Ok(())
        };
        let columns = "session, started_at, calls, ended_at";
        if ids.len() > MANY {
            self.rows("looking up loops", &format!("SELECT {columns} FROM task"), [], read)?;
        } else {
            let mut read = read;
            let sql = format!("SELECT {columns} FROM task WHERE session = ?1");
            for id in ids {
                self.rows("looking up loops", &sql, [id], &mut read)?;
            }
        }
        Ok(found)
    }

    /// The models that sessions asked in the window, by session.
    pub fn models(&self, window: Window) -> Result<HashMap<i64, Vec<Arc<str>>>, StoreError> {
        let names = self.names()?;
        let sql = format!("SELECT DISTINCT r.session, r.model FROM rollup r WHERE {IN_WINDOW} AND r.calls > 0");
        let rows = self.in_window("listing models", &sql, window, |r| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?)))?;
        let mut found: HashMap<i64, Vec<Arc<str>>> = HashMap::new();
        for (session, model) in rows {
            if let Some(name) = names.get(&model) {
                found.entry(session).or_default().push(name.clone());
            }
        }
        for models in found.values_mut() {
            models.sort();
        }
        Ok(found)
    }

    /// What each session has cost since an instant.
    pub fn recent_cost(&self, since: Millis) -> Result<HashMap<i64, Cost>, StoreError> {
        let mut costs: HashMap<i64, Cost> = HashMap::new();
        self.each_recent(since, |_, session, cost| *costs.entry(session).or_default() += cost)?;
        Ok(costs)
    }

    /// The agent and project of every session.
    pub fn session_places(&self) -> Result<HashMap<i64, Place>, StoreError> {
        let mut shared: HashMap<String, Arc<str>> = HashMap::new();
        let mut share = |text: &str| shared.entry(text.to_owned()).or_insert_with(|| Arc::from(text)).clone();
        let rows = self.rows("listing sessions", "SELECT id, agent, coalesce(cwd, '') FROM session", [], |r| {
            let project = share(project_of(r.get_ref(2)?.as_str()?));
            let agent = share(r.get_ref(1)?.as_str()?);
            Ok((r.get(0)?, (agent, project)))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// Sessions whose agent or id matches: the id itself, or a prefix of it, or of the part behind a slash.
    pub fn find_sessions(&self, prefix: &str) -> Result<Vec<Match>, StoreError> {
        let sql = "SELECT id, agent, uid FROM session WHERE uid = ?1 OR substr(uid, 1, length(?1)) = ?1
                   OR (instr(uid, '/') > 0 AND substr(uid, instr(uid, '/') + 1, length(?1)) = ?1) ORDER BY uid <> ?1, last_at DESC";
        self.rows("looking up a session", sql, [prefix], |r| {
            Ok((r.get(0)?, text(r, 1)?.unwrap_or_default(), text(r, 2)?.unwrap_or_default()))
        })
    }

    /// The direct children of a session.
    pub fn children_of(&self, agent: &str, uid: &str) -> Result<Vec<i64>, StoreError> {
        self.rows(
            "listing subagents",
            "SELECT id FROM session WHERE agent = ?1 AND parent_uid = ?2 ORDER BY started_at",
            [agent, uid],
            |r| r.get(0),
        )
    }

    /// A session's tasks, oldest first.
    pub fn tasks(&self, id: i64) -> Result<Vec<TaskRow>, StoreError> {
        let zero = sums::COLUMNS.map(|c| format!("t.{c} = 0")).join(" AND ");
        let sql = format!(
            "SELECT t.key, t.session, t.started_at, t.ended_at, {} FROM task t WHERE t.session = ?1 AND NOT ({zero}) ORDER BY t.started_at, t.key",
            sums::columns(Of::Tasks)
        );
        self.rows("listing tasks", &sql, [id], task)
    }

    /// A session's model calls, oldest first; only the last `limit`.
    pub fn steps(&self, id: i64, limit: usize) -> Result<Vec<StepRow>, StoreError> {
        self.steps_since(id, Millis::MIN, limit)
    }

    /// As [`Store::steps`], from an instant on.
    pub fn steps_since(&self, id: i64, since: Millis, limit: usize) -> Result<Vec<StepRow>, StoreError> {
        let names = self.names()?;
        let fail = self.fail("listing steps");
        let _snapshot = self.snapshot().map_err(&fail)?;
        let mut rows = Vec::new();
        for (at, key) in trail::of(&self.conn, id, since, Millis::MAX).map_err(&fail)?.into_iter().rev() {
            if rows.len() >= limit {
                break;
            }
            let Found::Row(call) = pack::find::<CallRow>(&self.conn, key).map_err(&fail)? else { continue };
            if trail::is_of(&call, id, at) {
                rows.push(StepRow {
                    billing: Billing::from(&call),
                    task: call.task,
                    at: call.at,
                    model: names.get(&call.model).cloned(),
                    tokens: call.tokens,
                    context: call.context,
                    money: call.money,
                    lower_bound: call.lower_bound,
                });
            }
        }
        rows.reverse();
        Ok(rows)
    }

    /// Instant, session and cost of the calls since `since`, oldest first.
    pub fn recent_spend(&self, since: Millis) -> Result<Vec<(Millis, i64, Cost)>, StoreError> {
        let mut spend = Vec::new();
        self.each_recent(since, |at, session, cost| spend.push((at, session, cost)))?;
        spend.sort_by_key(|(at, ..)| *at);
        Ok(spend)
    }

    /// Looks at the instant, session and cost of each call since `since`, session by session. Nothing is gathered: there may be
    /// many.
    pub fn each_recent(&self, since: Millis, look: impl FnMut(Millis, i64, Cost)) -> Result<(), StoreError> {
        let sessions = "SELECT id FROM session WHERE last_at >= ?1";
        let sessions = self.rows("summing the last hour", sessions, [since], |r| r.get::<_, i64>(0))?;
        self.each_recent_of(&sessions, since, look)
    }

    /// As [`Store::each_recent`], of some sessions.
    pub fn each_recent_of(&self, sessions: &[i64], since: Millis, mut look: impl FnMut(Millis, i64, Cost)) -> Result<(), StoreError> {
        let fail = self.fail("summing the last hour");
        let _snapshot = self.snapshot().map_err(&fail)?;
        for session in sessions.iter().copied() {
            for (at, key) in trail::of(&self.conn, session, since, Millis::MAX).map_err(&fail)? {
                let Found::Row(call) = pack::find::<CallRow>(&self.conn, key).map_err(&fail)? else { continue };
                if !trail::is_of(&call, session, at) {
                    continue;
                }
                let cost = match (call.money, call.reported) {
                    (None, _) => Cost::unknown(),
                    (Some(money), None) => Cost::priced(money),
                    (Some(money), Some(_)) => Cost::reported(money),
                };
                // Without a price it is a bound of nothing.
                let is_low = call.lower_bound && cost.unpriced_calls == 0;
                look(at, session, Cost { lower_bound_calls: u64::from(is_low), ..cost });
            }
        }
        Ok(())
    }

    /// A session's tools, most used first.
    pub fn tools(&self, id: i64) -> Result<Vec<ToolRow>, StoreError> {
        let seal = seal::without("t", [(2, "session"), (3, "name")]);
        let sql = format!(
            "SELECT coalesce(n.text, '?'), sum(t.calls), sum(t.failures), sum({seal}) FROM tool t LEFT JOIN name n ON n.id = t.name
             WHERE t.session = ?1 AND (t.calls <> 0 OR t.failures <> 0) GROUP BY 1 ORDER BY 2 DESC, 1"
        );
        self.rows("listing tools", &sql, [id], |r| {
            let [calls, failures] = seal::checked(r, 1)?;
            Ok(ToolRow { name: text(r, 0)?.unwrap_or_default(), calls: calls.cast_unsigned(), failures: failures.cast_unsigned() })
        })
    }

    /// What providers last said about a session's limits.
    pub fn limits(&self, id: i64) -> Result<Vec<LimitRow>, StoreError> {
        let sql = "SELECT agent, limit_id, window_minutes, at, used_permille, resets_at FROM rate_limit WHERE session = ?1 ORDER BY window_minutes";
        self.rows("listing rate limits", sql, [id], |r| {
            Ok(LimitRow {
                agent: text(r, 0)?.unwrap_or_default(),
                limit: text(r, 1)?.unwrap_or_default(),
                window_minutes: r.get(2)?,
                at: r.get(3)?,
                used_permille: r.get(4)?,
                resets_at: r.get(5)?,
            })
        })
    }

    /// Models without a price, and the calls that asked them.
    pub fn unpriced(&self) -> Result<Vec<(Arc<str>, u64)>, StoreError> {
        let sql = "SELECT coalesce(n.text, '(no model in the log)'), sum(r.unpriced) FROM rollup r LEFT JOIN name n ON n.id = r.model
                   GROUP BY r.model HAVING sum(r.unpriced) > 0 ORDER BY 2 DESC";
        self.rows("listing unpriced models", sql, [], |r| Ok((text(r, 0)?.unwrap_or_default(), r.get::<_, i64>(1)?.cast_unsigned())))
    }
}

pub(super) fn task(r: &rusqlite::Row<'_>) -> rusqlite::Result<TaskRow> {
    Ok(TaskRow {
        key: Key::from_sql(r.get(0)?),
        session: r.get(1)?,
        started_at: r.get(2)?,
        ended_at: r.get(3)?,
        sums: Sums::from_row(r, 4)?,
    })
}
