//! Whose child a process was: kept, since that cannot be found out any more once its parent has ended.

use rusqlite::{OptionalExtension as _, params};

use super::super::StoreError;
use super::GpuBook;
use crate::model::Millis;

/// Whose a process is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct OwnerRow {
    /// The process: the start of the system, its number, and when it began in the system's own count.
    pub process: (String, u32, u64),
    /// The agent.
    pub agent: String,
    /// The agent's id of the session; empty where only the agent is known.
    pub session: String,
    /// The session's project.
    pub project: String,
    /// By which rule it was found: a letter.
    pub rule: String,
    /// The agent's own process, and when it began.
    pub root: Option<(u32, u64)>,
    /// When it was last seen.
    pub seen_at: Millis,
    /// When the agent's process was found to have ended.
    pub ended_at: Option<Millis>,
}

impl GpuBook {
    /// Keeps whose a process is.
    pub fn remember(&self, row: &OwnerRow) -> Result<(), StoreError> {
        let (boot, pid, started) = &row.process;
        let root = row.root.map(|(pid, started)| (pid, i64::try_from(started).unwrap_or(i64::MAX)));
        self.conn
            .execute(
                "INSERT OR REPLACE INTO owner VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
                params![
                    boot,
                    pid,
                    i64::try_from(*started).unwrap_or(i64::MAX),
                    row.agent,
                    row.session,
                    row.project,
                    row.rule,
                    root.map(|(pid, _)| pid),
                    root.map(|(_, started)| started),
                    row.seen_at,
                    row.ended_at
                ],
            )
            .map(|_| ())
            .map_err(self.fail("noting whose a process is"))
    }

    /// Whose a process was when it was last seen.
    pub fn recall(&self, boot: &str, pid: u32, started: u64) -> Result<Option<OwnerRow>, StoreError> {
        let started_at = i64::try_from(started).unwrap_or(i64::MAX);
        self.conn
            .query_row(
                "SELECT agent, session, project, rule, root, root_started, seen_at, ended_at FROM owner
                 WHERE boot = ?1 AND pid = ?2 AND started = ?3",
                params![boot, pid, started_at],
                |r| {
                    let root: Option<u32> = r.get(4)?;
                    let root_started: Option<i64> = r.get(5)?;
                    Ok(OwnerRow {
                        process: (boot.to_owned(), pid, started),
                        agent: r.get(0)?,
                        session: r.get(1)?,
                        project: r.get(2)?,
                        rule: r.get(3)?,
                        root: root.zip(root_started.and_then(|started| u64::try_from(started).ok())),
                        seen_at: r.get(6)?,
                        ended_at: r.get(7)?,
                    })
                },
            )
            .optional()
            .map_err(self.fail("looking up whose a process was"))
    }
}
