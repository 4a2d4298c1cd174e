//! Calls that share an agent's id with another session's call, and so have a key of their own.
//!
//! That key depends on this store's ids. Which key the call would have without the other one is written down beside the
//! settings, since another store may hold only one of both: there, and in an archive, the call has its own key.

use std::collections::HashMap;

use rusqlite::{Connection, params};

use crate::model::Key;

/// What such an entry's name begins with.
const PREFIX: &str = "other ";

/// Writes down that the call at `here` is one that its agent calls `own`.
pub(super) fn remember(tx: &Connection, here: Key, own: Key) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR IGNORE INTO meta VALUES (?1, ?2)")?
        .execute(params![format!("{PREFIX}{:016x}", here.0), format!("{:016x}", own.0)])
        .map(|_| ())
}

/// All of them: the key that its agent gave a call, by the key that it has here.
pub(super) fn all(tx: &Connection) -> rusqlite::Result<HashMap<Key, Key>> {
    let mut query = tx.prepare("SELECT substr(name, length(?1) + 1), value FROM meta WHERE name GLOB ?1 || '*'")?;
    let rows = query.query_map([PREFIX], |r| Ok((r.get::<_, String>(0)?, r.get::<_, String>(1)?)))?;
    let key = |text: &str| u64::from_str_radix(text, 16).ok().map(Key);
    let mut all = HashMap::new();
    for row in rows {
        let (here, own) = row?;
        all.extend(key(&here).zip(key(&own)));
    }
    Ok(all)
}
