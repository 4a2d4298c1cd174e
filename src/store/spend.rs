//! Spend as caps see it: sums by agent, directory and model.

use std::sync::Arc;

use rusqlite::params;

use super::merge::CallRow;
use super::pace::IN_WINDOW;
use super::pack::{self, Found};
use super::read::text;
use super::sums::{self, Of, Sums};
use super::trail;
use super::{Store, StoreError, seal};
use crate::model::{Key, Millis, SessionKind, Turn, Window};

/// What was spent by one agent in one directory with one model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpendRow {
    /// The agent's name.
    pub agent: Arc<str>,
    /// The session's directory, where known.
    pub cwd: Option<Arc<str>>,
    /// The model's name, where known.
    pub model: Option<Arc<str>>,
    /// The sums.
    pub sums: Sums,
}

/// Who a session is: what decides which caps it falls under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The store's id.
    pub id: i64,
    /// The agent's name.
    pub agent: Arc<str>,
    /// The agent's id of the session.
    pub uid: Arc<str>,
    /// Its directory, where known.
    pub cwd: Option<Arc<str>>,
    /// The model last asked.
    pub model: Option<Arc<str>>,
    /// Where its last task stands.
    pub turn: Turn,
}

/// A call that an agent's log shows, as far as it helps to know it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    /// Its identity.
    pub key: Key,
    /// The agent's id of its session.
    pub session: Arc<str>,
    /// When it was answered.
    pub at: Millis,
    /// All tokens of its prompt.
    pub prompt: u64,
    /// Its output.
    pub output: u64,
}

/// A conversation's running or last task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The root's task, and those of the subagents that began during it.
    pub tasks: Vec<Key>,
    /// When it began.
    pub began: Millis,
    /// The sums of all of them.
    pub sums: Sums,
}

/// Six sums over days that are over.
pub type Closed = [i64; 6];

const WHO: &str = "SELECT s.id, s.agent, s.uid, s.cwd, n.text, s.turn FROM session s LEFT JOIN name n ON n.id = s.model";

fn who(r: &rusqlite::Row<'_>) -> rusqlite::Result<Who> {
    Ok(Who {
        id: r.get(0)?,
        agent: text(r, 1)?.unwrap_or_default(),
        uid: text(r, 2)?.unwrap_or_default(),
        cwd: text(r, 3)?,
        model: text(r, 4)?,
        turn: Turn::from_sql(r.get(5)?),
    })
}

fn spend(r: &rusqlite::Row<'_>) -> rusqlite::Result<SpendRow> {
    Ok(SpendRow { agent: r.get(0)?, cwd: text(r, 1)?, model: text(r, 2)?, sums: Sums::from_row(r, 3)? })
}

impl Store {
    /// The spend of a window by agent, directory and model.
    pub fn spend(&self, window: Window) -> Result<Vec<SpendRow>, StoreError> {
        // A sum without its session is an error, where a join would leave it out.
        let sql = format!(
            "SELECT s.agent, s.cwd, n.text, {} FROM rollup r LEFT JOIN session s ON s.id = r.session LEFT JOIN name n ON n.id = r.model
             WHERE {IN_WINDOW} GROUP BY r.session, r.model",
            sums::sum_columns(Of::Slots)
        );
        self.in_window("summing spend", &sql, window, spend)
    }

    /// What was spent under a scope from one UTC day up to another, if it has been added up since those days last changed.
    /// The numbers are the caller's own.
    pub fn closed(&self, scope: &str, days: (i64, i64)) -> Result<Option<Closed>, StoreError> {
        let seal = seal::without("c", [(6, "from_day"), (7, "to_day"), (8, "changes")]);
        let sql = format!(
            "SELECT known, assumed, unpriced, lower, tokens, steps, {seal} FROM closed c WHERE scope = ?1 AND from_day = ?2 AND to_day = ?3
             AND changes = (SELECT coalesce(sum(changes), 0) FROM day_version WHERE day >= ?2 AND day < ?3)"
        );
        Ok(self.rows("looking up days that are over", &sql, params![scope, days.0, days.1], |r| seal::checked(r, 0))?.pop())
    }

    /// Remembers what [`Store::closed`] gives; nothing where another process is the one that writes.
    pub fn keep_closed(&self, scope: &str, days: (i64, i64), numbers: Closed) -> Result<(), StoreError> {
        if !self.is_writer() {
            return Ok(());
        }
        let [known, assumed, unpriced, lower, tokens, steps] = numbers;
        self.conn
            .prepare_cached(
                "INSERT INTO closed VALUES (?1, ?2, ?3, (SELECT coalesce(sum(changes), 0) FROM day_version WHERE day >= ?2 AND day < ?3),
                    ?4, ?5, ?6, ?7, ?8, ?9)
                 ON CONFLICT DO UPDATE SET to_day = excluded.to_day, changes = excluded.changes, known = excluded.known,
                    assumed = excluded.assumed, unpriced = excluded.unpriced, lower = excluded.lower, tokens = excluded.tokens,
                    steps = excluded.steps",
            )
            .and_then(|mut q| q.execute(params![scope, days.0, days.1, known, assumed, unpriced, lower, tokens, steps]))
            .map(|_| ())
            .map_err(self.fail("remembering days that are over"))
    }

    /// How often the sums of the UTC days from one up to another have been changed.
    pub fn changes_of_days(&self, days: (i64, i64)) -> Result<i64, StoreError> {
        let sql = "SELECT coalesce(sum(changes), 0) FROM day_version WHERE day >= ?1 AND day < ?2";
        Ok(self.rows("looking up days that have changed", sql, params![days.0, days.1], |r| r.get(0))?.pop().unwrap_or(0))
    }

    /// The spend of some sessions over all their life, by session and model.
    pub fn spend_of(&self, ids: &[i64]) -> Result<Vec<SpendRow>, StoreError> {
        let sql = format!(
            "SELECT s.agent, s.cwd, n.text, {} FROM rollup r JOIN session s ON s.id = r.session LEFT JOIN name n ON n.id = r.model
             WHERE r.session = ?1 GROUP BY r.model",
            sums::sum_columns(Of::Slots)
        );
        let mut out = Vec::new();
        for id in ids {
            out.extend(self.rows("summing up a session", &sql, [id], spend)?);
        }
        Ok(out)
    }

    /// A session by its agent and the agent's id.
    pub fn session_of(&self, agent: &str, uid: &str) -> Result<Option<Who>, StoreError> {
        let sql = format!("{WHO} WHERE s.agent = ?1 AND s.uid = ?2");
        Ok(self.rows("looking up a session", &sql, [agent, uid], who)?.pop())
    }

    /// A session by the store's id.
    pub fn who(&self, id: i64) -> Result<Option<Who>, StoreError> {
        Ok(self.rows("looking up a session", &format!("{WHO} WHERE s.id = ?1"), [id], who)?.pop())
    }

    /// The session that a log file belongs to.
    pub fn session_of_file(&self, path: &std::path::Path) -> Result<Option<Who>, StoreError> {
        let sql = format!("{WHO} WHERE s.id = (SELECT session FROM file WHERE path = ?1)");
        Ok(self.rows("looking up a log file", &sql, [path.to_string_lossy()], who)?.pop())
    }

    /// Sessions with a line since an instant.
    pub fn sessions_since(&self, since: Millis) -> Result<Vec<Who>, StoreError> {
        let sql = format!("{WHO} WHERE s.last_at >= ?1 ORDER BY s.last_at DESC");
        self.rows("listing sessions", &sql, [since], who)
    }

    /// The calls of an agent since an instant, whichever session they are of.
    pub fn calls_since(&self, agent: &str, since: Millis) -> Result<Vec<Logged>, StoreError> {
        let doing = "listing calls";
        let fail = self.fail(doing);
        let _snapshot = self.snapshot().map_err(&fail)?;
        let sessions = "SELECT id, uid FROM session WHERE agent = ?1 AND last_at >= ?2";
        let sessions = self.rows(doing, sessions, params![agent, since], |r| Ok((r.get::<_, i64>(0)?, text(r, 1)?.unwrap_or_default())))?;
        let mut out = Vec::new();
        for (id, uid) in sessions {
            for (at, key) in trail::of(&self.conn, id, since, Millis::MAX).map_err(&fail)? {
                if let Found::Row(call) = pack::find::<CallRow>(&self.conn, key).map_err(&fail)?
                    && trail::is_of(&call, id, at)
                {
                    out.push(Logged { key, session: uid.clone(), at, prompt: call.tokens.prompt(), output: call.tokens.output });
                }
            }
        }
        out.sort_unstable_by_key(|call| (call.at, call.key.0));
        Ok(out)
    }

    /// The calls of a window, of all sessions: by the sessions that have a line since it began, not by a pass over everything.
    pub fn calls_between(&self, window: Window) -> Result<Vec<(Key, CallRow)>, StoreError> {
        let doing = "listing calls";
        let fail = self.fail(doing);
        let _snapshot = self.snapshot().map_err(&fail)?;
        let sql = "SELECT id FROM session WHERE last_at >= ?1 AND (started_at IS NULL OR started_at < ?2)";
        let sessions: Vec<i64> = self.rows(doing, sql, params![window.from, window.to], |r| r.get(0))?;
        let mut out = Vec::new();
        for id in sessions {
            for (at, key) in trail::of(&self.conn, id, window.from, window.to).map_err(&fail)? {
                if let Found::Row(call) = pack::find::<CallRow>(&self.conn, key).map_err(&fail)?
                    && trail::is_of(&call, id, at)
                {
                    out.push((key, call));
                }
            }
        }
        out.sort_unstable_by_key(|(key, call)| (call.at, key.0));
        Ok(out)
    }

    /// A session's conversation: the one that started it and all subagents, itself included. The first is the root.
    pub fn conversation(&self, id: i64) -> Result<Vec<i64>, StoreError> {
        let subagent = SessionKind::Subagent.to_sql();
        let up = "WITH RECURSIVE up (id, agent, parent, kind, depth) AS (
                SELECT id, agent, parent_uid, kind, 0 FROM session WHERE id = ?1
                UNION ALL
                SELECT s.id, s.agent, s.parent_uid, s.kind, u.depth + 1 FROM up u
                JOIN session s ON s.agent = u.agent AND s.uid = u.parent WHERE u.kind = ?2 AND u.depth < 16)
            SELECT id FROM up ORDER BY depth DESC LIMIT 1";
        let root: Option<i64> = self.rows("looking up a session", up, params![id, subagent], |r| r.get(0))?.pop();
        let down = "WITH RECURSIVE down (id, agent, uid, depth) AS (
                SELECT id, agent, uid, 0 FROM session WHERE id = ?1
                UNION
                SELECT s.id, s.agent, s.uid, d.depth + 1 FROM down d
                JOIN session s ON s.parent_uid = d.uid AND s.agent = d.agent WHERE s.kind = ?2 AND d.depth < 16)
            SELECT id FROM down ORDER BY depth";
        self.rows("listing subagents", down, params![root.unwrap_or(id), subagent], |r| r.get(0))
    }

    /// The running or last task of a conversation: that of the root, and what its subagents have begun since; nothing while
    /// there is none.
    pub fn last_task(&self, conversation: &[i64]) -> Result<Option<Task>, StoreError> {
        let Some((root, others)) = conversation.split_first() else { return Ok(None) };
        let columns = sums::columns(Of::Tasks);
        let last = format!(
            "SELECT t.key, t.started_at, {columns} FROM task t WHERE t.session = ?1 ORDER BY t.started_at DESC, t.key DESC LIMIT 1"
        );
        let read = |r: &rusqlite::Row<'_>| Ok((Key::from_sql(r.get(0)?), r.get::<_, Millis>(1)?, Sums::from_row(r, 2)?));
        let Some((key, began, sums)) = self.rows("looking up a task", &last, [root], read)?.pop() else { return Ok(None) };
        let mut task = Task { tasks: vec![key], began, sums };
        let since = format!("SELECT t.key, t.started_at, {columns} FROM task t WHERE t.session = ?1 AND t.started_at >= ?2");
        for id in others {
            for (key, _, part) in self.rows("summing up a task", &since, params![id, began], read)? {
                task.tasks.push(key);
                task.sums.add(&part, 1);
            }
        }
        Ok(Some(task))
    }
}
