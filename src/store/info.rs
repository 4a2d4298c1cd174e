//! What the store holds, by agent: for people who wonder what is kept and what would be lost.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::model::{IdMap, Millis};

use super::merge::{CallRow, FactRow};
use super::pack::{self, Packed};
use super::read::text;
use super::sums::{self, Of, Sums};
use super::{Store, StoreError};

/// What is kept of one agent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Held {
    /// Sessions.
    pub sessions: u64,
    /// Tasks in which a model was asked.
    pub tasks: u64,
    /// Model calls.
    pub calls: u64,
    /// Prompts, tool calls, retries and the like.
    pub facts: u64,
    /// The first and the last line's time.
    pub span: Option<(Millis, Millis)>,
    /// Log files that are still there.
    pub logs: u64,
    /// Log files that have been read and are gone.
    pub logs_gone: u64,
    /// Sessions without a log any more: nothing but the store knows of them.
    pub only_here: u64,
    /// All counters of those sessions.
    pub only_here_sums: Sums,
}

impl Held {
    fn add(&mut self, other: &Held) {
        self.sessions += other.sessions;
        self.tasks += other.tasks;
        self.calls += other.calls;
        self.facts += other.facts;
        self.logs += other.logs;
        self.logs_gone += other.logs_gone;
        self.only_here += other.only_here;
        self.only_here_sums.add(&other.only_here_sums, 1);
        self.span = match (self.span, other.span) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (a, b) => a.or(b),
        };
    }
}

/// What is kept of each agent, and of all together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holdings {
    /// By the agent's name.
    pub agents: BTreeMap<Arc<str>, Held>,
}

impl Holdings {
    /// All agents together.
    #[must_use]
    pub fn total(&self) -> Held {
        self.agents.values().fold(Held::default(), |mut total, held| {
            total.add(held);
            total
        })
    }
}

impl Store {
    /// The schema's version.
    #[must_use]
    pub fn schema(&self) -> i64 {
        self.conn.query_row("PRAGMA user_version", [], |r| r.get(0)).unwrap_or(0)
    }

    /// How many sessions there are.
    pub fn session_count(&self) -> Result<u64, StoreError> {
        let counts = self.rows("counting sessions", "SELECT count(*) FROM session", [], |r| r.get::<_, i64>(0))?;
        Ok(counts.first().map_or(0, |count| count.unsigned_abs()))
    }

    /// Calls and facts.
    pub fn row_counts(&self) -> Result<(u64, u64), StoreError> {
        let fail = self.fail("counting rows");
        let (mut calls, mut facts) = (0, 0);
        pack::each::<CallRow>(&self.conn, |_, _| calls += 1).map_err(&fail)?;
        pack::each::<FactRow>(&self.conn, |_, _| facts += 1).map_err(&fail)?;
        Ok((calls, facts))
    }

    /// What is kept. `is_there` says whether a log still is.
    pub fn holdings(&self, is_there: &dyn Fn(&Path) -> bool) -> Result<Holdings, StoreError> {
        let _snapshot = self.snapshot().map_err(self.fail("looking at what is kept"))?;
        let mut found = Holdings::default();
        let logs = self.logs(is_there, &mut found)?;
        let mut agent_of: IdMap<i64, Arc<str>> = IdMap::default();
        let mut alone: HashSet<i64> = HashSet::new();
        let sql = "SELECT s.id, s.agent, s.started_at, s.last_at, p.id FROM session s
                   LEFT JOIN session p ON s.kind = 1 AND p.agent = s.agent AND p.uid = s.parent_uid";
        let sessions = self.rows("listing sessions", sql, [], |r| {
            let span = r.get::<_, Option<Millis>>(2)?.zip(r.get::<_, Option<Millis>>(3)?);
            Ok((r.get::<_, i64>(0)?, text(r, 1)?.unwrap_or_default(), span, r.get::<_, Option<i64>>(4)?))
        })?;
        for (id, agent, span, parent) in sessions {
            let held = found.agents.entry(agent.clone()).or_default();
            let is_alone = !logs.have(id, parent, &agent);
            held.add(&Held { sessions: 1, span, only_here: u64::from(is_alone), ..Held::default() });
            if is_alone {
                alone.insert(id);
            }
            agent_of.insert(id, agent);
        }
        let tasks = self.rows("counting tasks", "SELECT session, count(*) FROM task WHERE calls > 0 GROUP BY session", [], |r| {
            Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?.unsigned_abs()))
        })?;
        for (session, tasks) in tasks {
            if let Some(held) = agent_of.get(&session).and_then(|agent| found.agents.get_mut(agent)) {
                held.tasks += tasks;
            }
        }
        for (agent, calls) in self.count_rows::<CallRow>(&agent_of)? {
            found.agents.entry(agent).or_default().calls += calls;
        }
        for (agent, facts) in self.count_rows::<FactRow>(&agent_of)? {
            found.agents.entry(agent).or_default().facts += facts;
        }
        let sql = format!("SELECT r.session, {} FROM rollup r GROUP BY r.session", sums::sum_columns(Of::Slots));
        for (session, sums) in self.rows("summing", &sql, [], |r| Ok((r.get::<_, i64>(0)?, Sums::from_row(r, 1)?)))? {
            let held = agent_of.get(&session).filter(|_| alone.contains(&session)).and_then(|agent| found.agents.get_mut(agent));
            if let Some(held) = held {
                held.only_here_sums.add(&sums, 1);
            }
        }
        Ok(found)
    }

    /// Rows of a kind by agent.
    fn count_rows<R: Packed>(&self, agent_of: &IdMap<i64, Arc<str>>) -> Result<BTreeMap<Arc<str>, u64>, StoreError> {
        let mut by_agent: BTreeMap<&Arc<str>, u64> = BTreeMap::new();
        pack::each::<R>(&self.conn, |_, row| {
            if let Some(agent) = row.and_then(|row| agent_of.get(&row.step().0)) {
                *by_agent.entry(agent).or_default() += 1;
            }
        })
        .map_err(self.fail("counting rows"))?;
        Ok(by_agent.into_iter().map(|(agent, count)| (agent.clone(), count)).collect())
    }

    fn logs(&self, is_there: &dyn Fn(&Path) -> bool, found: &mut Holdings) -> Result<Logs, StoreError> {
        let mut logs = Logs::default();
        let mut with_own: HashSet<Arc<str>> = HashSet::new();
        let files = self.rows("listing log files", "SELECT path, agent, session FROM file", [], |r| {
            Ok((PathBuf::from(r.get::<_, String>(0)?), text(r, 1)?.unwrap_or_default(), r.get::<_, Option<i64>>(2)?))
        })?;
        for (path, agent, session) in files {
            let is_there = is_there(&path);
            let held = found.agents.entry(agent.clone()).or_default();
            held.logs += u64::from(is_there);
            held.logs_gone += u64::from(!is_there);
            match session {
                Some(session) => {
                    with_own.insert(agent);
                    logs.own.insert(session);
                    if is_there {
                        logs.there.insert(session);
                    }
                }
                None if is_there => {
                    logs.shared.insert(agent);
                }
                None => {}
            }
        }
        // A log of nobody's is a database only where no session has a log of its own: else nothing is in it.
        logs.shared.retain(|agent| !with_own.contains(agent));
        Ok(logs)
    }
}

/// Which sessions have logs.
#[derive(Debug, Default)]
struct Logs {
    /// Sessions that had a log of their own.
    own: HashSet<i64>,
    /// Those of them that still have one.
    there: HashSet<i64>,
    /// Agents with a log that holds many sessions.
    shared: HashSet<Arc<str>>,
}

impl Logs {
    /// Whether a session's log is there. A subagent without one of its own stands in that of the session it belongs to.
    fn have(&self, session: i64, parent: Option<i64>, agent: &Arc<str>) -> bool {
        let told = [Some(session), parent].into_iter().flatten().find(|session| self.own.contains(session));
        told.map_or_else(|| self.shared.contains(agent), |session| self.there.contains(&session))
    }
}
