//! Limits of plans: the newest word of each provider.

use rusqlite::{Connection, params};

use crate::model::{AgentId, RateLimit};

use super::read::LimitRow;
use super::{Store, StoreError};

/// Keeps what was told about a limit of a session, unless something newer is known. Gives whether it was written.
pub(super) fn save(tx: &Connection, agent: AgentId, session: i64, limit: &RateLimit) -> rusqlite::Result<bool> {
    let written = tx
        .prepare_cached(
            "INSERT INTO rate_limit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET at = excluded.at, used_permille = excluded.used_permille, resets_at = excluded.resets_at,
                plan = excluded.plan WHERE excluded.at >= rate_limit.at",
        )?
        .execute(params![
            agent,
            session,
            limit.limit.as_deref().unwrap_or_default(),
            limit.window_minutes,
            limit.at,
            limit.used_permille,
            limit.resets_at,
            limit.plan
        ])?;
    Ok(written > 0)
}

impl Store {
    /// Keeps what an agent has told about a session's limits while it ran: no log says it. What is the same as before is not
    /// written again, since it is told several times a second. Gives whether anything was written.
    pub fn keep_limits(&self, agent: AgentId, session: i64, told: &[RateLimit]) -> Result<bool, StoreError> {
        if told.is_empty() {
            return Ok(false);
        }
        let known = self.limits(session)?;
        let is_known = |limit: &RateLimit| {
            let is_same = |known: &LimitRow| {
                (&*known.limit, known.window_minutes) == (limit.limit.as_deref().unwrap_or_default(), limit.window_minutes)
                    && (known.used_permille, known.resets_at) == (limit.used_permille, limit.resets_at)
            };
            known.iter().any(is_same)
        };
        let mut has_changed = false;
        for limit in told.iter().filter(|limit| !is_known(limit)) {
            has_changed |= save(&self.conn, agent, session, limit).map_err(self.fail("keeping rate limits"))?;
        }
        Ok(has_changed)
    }
}
