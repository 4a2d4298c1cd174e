//! Which calls a session made, and when: the way from a session to its calls.
//!
//! Some dozens of steps share a row, as calls do. A step is written when its call is met, and again when the call turns
//! out to be another session's or of another time; what it was before is never taken out. So a step only says where to
//! look: the call itself says whether it is the session's, and from when.

use std::collections::BTreeSet;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, params};

use crate::model::{Key, Millis};

use super::merge::CallRow;
use super::pack::{Bytes, put_key, put_number, torn};
use super::seal;

/// Steps that a row holds at most.
const MOST: usize = 48;

/// A call's session, time and key.
pub(super) type Step = (i64, Millis, Key);

/// Adds steps.
pub(super) fn add(tx: &Connection, mut steps: Vec<Step>) -> rusqlite::Result<()> {
    steps.sort_unstable();
    let mut trail = Trail {
        newest: tx.prepare_cached("SELECT part, first, last, steps FROM trail WHERE session = ?1 ORDER BY part DESC LIMIT 1")?,
        write: tx.prepare_cached("INSERT OR REPLACE INTO trail VALUES (?1, ?2, ?3, ?4, ?5)")?,
    };
    steps.chunk_by(|a, b| a.0 == b.0).try_for_each(|steps| trail.extend(steps))
}

struct Trail<'a> {
    newest: CachedStatement<'a>,
    write: CachedStatement<'a>,
}

impl Trail<'_> {
    /// Adds steps of one session: to its newest row as long as there is room, then to new ones.
    fn extend(&mut self, steps: &[Step]) -> rusqlite::Result<()> {
        let Some((session, ..)) = steps.first() else { return Ok(()) };
        let newest =
            self.newest.query_row([session], |r| Ok((r.get::<_, i64>(0)?, r.get(1)?, r.get(2)?, r.get::<_, Vec<u8>>(3)?))).optional()?;
        let (mut part, mut first, mut last, sealed) = newest.unwrap_or_else(|| (0, Millis::MAX, Millis::MIN, seal::sealed(&[])));
        let mut bytes = seal::opened(&sealed)?.to_vec();
        let mut held = read(&bytes).count();
        for (_, at, key) in steps {
            if held >= MOST {
                self.write.execute(params![session, part, first, last, seal::sealed(&bytes)])?;
                (part, first, last, held) = (part + 1, Millis::MAX, Millis::MIN, 0);
                bytes.clear();
            }
            put_number(&mut bytes, *at);
            put_key(&mut bytes, *key);
            (first, last, held) = (first.min(*at), last.max(*at), held + 1);
        }
        self.write.execute(params![session, part, first, last, seal::sealed(&bytes)]).map(|_| ())
    }
}

fn read(steps: &[u8]) -> impl Iterator<Item = rusqlite::Result<(Millis, Key)>> {
    let mut rest = Bytes(steps);
    std::iter::from_fn(move || {
        if rest.0.is_empty() {
            return None;
        }
        let step = rest.number().zip(rest.key());
        if step.is_none() {
            rest = Bytes(&[]);
        }
        Some(step.ok_or_else(torn))
    })
}

/// The steps of a session from `since` on and before `until`, oldest first.
pub(super) fn of(tx: &Connection, session: i64, since: Millis, until: Millis) -> rusqlite::Result<BTreeSet<(Millis, Key)>> {
    let mut steps = BTreeSet::new();
    let mut query = tx.prepare_cached("SELECT steps FROM trail WHERE session = ?1 AND last >= ?2 AND first < ?3")?;
    let mut rows = query.query(params![session, since, until])?;
    while let Some(row) = rows.next()? {
        for step in read(seal::opened(row.get_ref(0)?.as_blob()?)?) {
            let step = step?;
            if (since..until).contains(&step.0) {
                steps.insert(step);
            }
        }
    }
    Ok(steps)
}

/// Whether a call is what a step says.
pub(super) fn is_of(call: &CallRow, session: i64, at: Millis) -> bool {
    call.session == session && call.at == at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_of_a_session_are_found_by_time_however_many_there_are() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("migrations/0003_packs.sql")).unwrap();
        let step = |n: u64| (i64::from(n % 2 == 1), 1000 - n.cast_signed(), Key(n));
        add(&conn, (0..301).map(step).collect()).unwrap();
        add(&conn, vec![step(300), step(301)]).unwrap();
        let odd = of(&conn, 1, Millis::MIN, Millis::MAX).unwrap();
        assert_eq!(odd.iter().map(|(_, key)| key.0).collect::<Vec<_>>(), (0..302).rev().step_by(2).collect::<Vec<_>>());
        assert_eq!(of(&conn, 0, 700, 703).unwrap().into_iter().collect::<Vec<_>>(), [(700, Key(300)), (702, Key(298))]);
        assert!(of(&conn, 2, Millis::MIN, Millis::MAX).unwrap().is_empty());
        let parts: i64 = conn.query_row("SELECT count(*) FROM trail WHERE session = 1", [], |r| r.get(0)).unwrap();
        assert_eq!(parts, 4);
    }
}
