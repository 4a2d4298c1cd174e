//! Tags: what people have said that a session was for; and what hooks have seen of its agent's process.
//!
//! Neither can be read again from a log, so both are in the ledger, under the agent's own id of the session.

use std::sync::Arc;

use rusqlite::{OptionalExtension as _, params};

use super::read::text;
use super::spend::Closed;
use super::{Ledger, StoreError, seal};
use crate::model::{Dimension, Millis};

/// One tag of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// The agent's name.
    pub agent: Arc<str>,
    /// The agent's id of the session.
    pub session: Arc<str>,
    /// What is said.
    pub dimension: Dimension,
    /// The value.
    pub value: Arc<str>,
    /// When it was said.
    pub at: Millis,
    /// By whom.
    pub who: Arc<str>,
}

/// One variable of the process of a session's agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The agent's name.
    pub agent: Arc<str>,
    /// The agent's id of the session.
    pub session: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
    /// Its value.
    pub value: Arc<str>,
}

const TAGS: &str = "SELECT agent, session, name, value, at, who FROM tag ORDER BY at DESC, agent, session, name";

/// A row; `None` for a dimension that this release does not know.
fn tag(r: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Tag>> {
    let Some(dimension) = Dimension::from_word(r.get_ref(2)?.as_str()?) else { return Ok(None) };
    Ok(Some(Tag {
        agent: text(r, 0)?.unwrap_or_default(),
        session: text(r, 1)?.unwrap_or_default(),
        dimension,
        value: text(r, 3)?.unwrap_or_default(),
        at: r.get(4)?,
        who: text(r, 5)?.unwrap_or_default(),
    }))
}

impl Ledger {
    /// All tags, the newest first.
    pub fn tags(&self) -> Result<Vec<Tag>, StoreError> {
        let fail = self.fail("reading tags");
        let mut query = self.conn.prepare_cached(TAGS).map_err(&fail)?;
        let rows = query.query_map([], tag).map_err(&fail)?;
        rows.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(&fail)
    }

    /// Tags a session, all at once; a dimension without a value loses its tag.
    pub fn tag(
        &self,
        (agent, session): (&str, &str),
        changes: &[(Dimension, Option<Arc<str>>)],
        now: Millis,
        who: &str,
    ) -> Result<(), StoreError> {
        let fail = self.fail("tagging a session");
        let tx = self.conn.unchecked_transaction().map_err(&fail)?;
        for (dimension, value) in changes {
            match value {
                Some(value) => tx.execute(
                    "INSERT OR REPLACE INTO tag VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![agent, session, dimension.word(), value, now, who],
                ),
                None => tx.execute("DELETE FROM tag WHERE agent = ?1 AND session = ?2 AND name = ?3", [agent, session, dimension.word()]),
            }
            .map_err(&fail)?;
        }
        tx.commit().map_err(&fail)
    }

    /// All variables that hooks have seen.
    pub fn variables(&self) -> Result<Vec<Variable>, StoreError> {
        let fail = self.fail("reading variables");
        let mut query = self.conn.prepare_cached("SELECT agent, session, name, value FROM variable").map_err(&fail)?;
        let read = |r: &rusqlite::Row<'_>| {
            Ok(Variable {
                agent: text(r, 0)?.unwrap_or_default(),
                session: text(r, 1)?.unwrap_or_default(),
                name: text(r, 2)?.unwrap_or_default(),
                value: text(r, 3)?.unwrap_or_default(),
            })
        };
        let rows = query.query_map([], read).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// Remembers variables of a session's process; nothing is written where they are known already.
    pub fn note_variables(&self, agent: &str, session: &str, seen: &[(&str, Arc<str>)], now: Millis) -> Result<(), StoreError> {
        let fail = self.fail("remembering variables");
        let known = "SELECT EXISTS (SELECT 1 FROM variable WHERE agent = ?1 AND session = ?2 AND name = ?3 AND value = ?4)";
        for (name, value) in seen {
            let is_known: bool = self.conn.query_row(known, params![agent, session, name, value], |r| r.get(0)).map_err(&fail)?;
            if !is_known {
                let put = "INSERT OR REPLACE INTO variable VALUES (?1, ?2, ?3, ?4, ?5)";
                self.conn.execute(put, params![agent, session, name, value, now]).map_err(&fail)?;
            }
        }
        Ok(())
    }

    /// What an experiment's sessions of earlier days have cost, if it was added up in this state.
    pub fn trial(&self, name: &str, state: i64) -> Result<Option<Closed>, StoreError> {
        let sql = "SELECT known, assumed, unpriced, lower, tokens, steps, seal FROM trial WHERE name = ?1 AND state = ?2";
        self.conn.query_row(sql, params![name, state], |r| seal::checked(r, 0)).optional().map_err(self.fail("looking up an experiment"))
    }

    /// Remembers what [`Ledger::trial`] gives.
    pub fn keep_trial(&self, name: &str, state: i64, numbers: Closed) -> Result<(), StoreError> {
        let [known, assumed, unpriced, lower, tokens, steps] = numbers;
        let sql = "INSERT OR REPLACE INTO trial VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
        let kept = self.conn.execute(sql, params![name, state, known, assumed, unpriced, lower, tokens, steps]);
        kept.map(|_| ()).map_err(self.fail("remembering an experiment"))
    }
}
