//! Limits of plans that an agent tells while it runs, and not in its log.

use rusqlite::params;

use crate::model::{AgentId, RateLimit};

use super::{Store, StoreError};

impl Store {
    /// Keeps what an agent has told about a session's limits, unless the store has heard something newer. What is the same
    /// as before is not written again: an agent tells it several times a second.
    pub fn keep_limits(&self, agent: AgentId, session: i64, limits: &[RateLimit]) -> Result<bool, StoreError> {
        let fail = self.fail("keeping rate limits");
        let known = self.limits(session)?;
        let mut has_changed = false;
        for limit in limits {
            let id = limit.limit.as_deref().unwrap_or_default();
            let is_same = |known: &&super::read::LimitRow| {
                &*known.limit == id
                    && known.window_minutes == limit.window_minutes
                    && known.used_permille == limit.used_permille
                    && known.resets_at == limit.resets_at
            };
            if known.iter().any(|known| is_same(&known)) {
                continue;
            }
            let written = self
                .conn
                .prepare_cached(
                    "INSERT INTO rate_limit VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT DO UPDATE SET at = excluded.at, used_permille = excluded.used_permille, resets_at = excluded.resets_at,
                        plan = excluded.plan WHERE excluded.at >= rate_limit.at",
                )
                .and_then(|mut q| {
                    q.execute(params![agent, session, id, limit.window_minutes, limit.at, limit.used_permille, limit.resets_at, limit.plan])
                })
                .map_err(&fail)?;
            has_changed |= written > 0;
        }
        Ok(has_changed)
    }
}
