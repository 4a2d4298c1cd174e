//! Sessions as attribution sees them: what their logs say of where they ran, and whose they are.

use std::sync::Arc;

use super::read::text;
use super::sums::{self, Of, Sums};
use super::{Store, StoreError};
use crate::model::time::{SLOT, SLOTS_A_DAY};
use crate::model::{Millis, SessionKind};

/// A session and what decides what it was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kin {
    /// The store's id.
    pub id: i64,
    /// The agent's name.
    pub agent: Arc<str>,
    /// The agent's id of the session.
    pub uid: Arc<str>,
    /// The session it belongs to or was forked from.
    pub parent: Option<Arc<str>>,
    /// What kind of conversation it is.
    pub kind: SessionKind,
    /// Its directory.
    pub cwd: Option<Arc<str>>,
    /// Its git branch.
    pub branch: Option<Arc<str>>,
    /// The address of its git remote.
    pub remote: Option<Arc<str>>,
}

const KIN: &str = "SELECT id, agent, uid, parent_uid, kind, cwd, branch, remote FROM session";

fn kin(r: &rusqlite::Row<'_>) -> rusqlite::Result<Kin> {
    Ok(Kin {
        id: r.get(0)?,
        agent: text(r, 1)?.unwrap_or_default(),
        uid: text(r, 2)?.unwrap_or_default(),
        parent: text(r, 3)?,
        kind: SessionKind::from_sql(r.get(4)?),
        cwd: text(r, 5)?,
        branch: text(r, 6)?,
        remote: text(r, 7)?,
    })
}

impl Store {
    /// A session by its agent and the agent's id.
    pub fn kin(&self, agent: &str, uid: &str) -> Result<Option<Kin>, StoreError> {
        Ok(self.rows("looking up a session", &format!("{KIN} WHERE agent = ?1 AND uid = ?2"), [agent, uid], kin)?.pop())
    }

    /// A session by the store's id.
    pub fn kin_of(&self, id: i64) -> Result<Option<Kin>, StoreError> {
        Ok(self.rows("looking up a session", &format!("{KIN} WHERE id = ?1"), [id], kin)?.pop())
    }

    /// The sessions with a line since an instant.
    pub fn kin_since(&self, since: Millis) -> Result<Vec<Kin>, StoreError> {
        self.rows("listing sessions", &format!("{KIN} WHERE last_at >= ?1"), [since], kin)
    }

    /// How many sessions have had no line since an instant, and how often the sums of the UTC days before it have changed.
    pub fn past(&self, day: i64) -> Result<(i64, i64), StoreError> {
        let sql = "SELECT count(*) FROM session WHERE last_at < ?1";
        let quiet = self.rows("counting sessions", sql, [day * SLOT * SLOTS_A_DAY], |r| r.get(0))?.pop().unwrap_or(0);
        Ok((quiet, self.changes_of_days((i64::MIN, day))?))
    }

    /// What some sessions have spent over all their life, model by model; what has calls without a price apart.
    pub fn sums_of(&self, ids: &[i64]) -> Result<Vec<Sums>, StoreError> {
        let list = format!("[{}]", ids.iter().map(i64::to_string).collect::<Vec<_>>().join(","));
        let columns = sums::sum_columns(Of::Slots);
        let members = "r.session IN (SELECT value FROM json_each(?1))";
        // By session there would be thousands of rows, where a few answer as well.
        let sql = format!("SELECT {columns} FROM rollup r WHERE {members} GROUP BY r.model, r.unpriced > 0");
        self.rows("summing up sessions", &sql, [list], |r| Sums::from_row(r, 0))
    }

    /// All sessions.
    pub fn all_kin(&self) -> Result<Vec<Kin>, StoreError> {
        self.rows("listing sessions", KIN, [], kin)
    }
}
