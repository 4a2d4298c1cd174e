//! Rows of neighbouring keys, packed together into one row of a table.
//!
//! **Why so.** What logs hold is many small things, and most of what it costs to write one is the price of a row of its
//! own. Keys are hashes: they spread evenly, and nobody asks for a range of them. So some dozens of neighbours share a
//! row, a blob that begins at a key and reaches up to where the next one begins. A row that grows too long is split, so
//! that finding, adding and changing something costs the same however much is stored.
//!
//! An entry is its length, its key and what the type makes of it; entries stand in the order of their keys. Behind the last one
//! stands the seal of all of them.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _};

use super::seal;
use crate::model::{Key, Millis};

/// Entries that a pack is filled with.
const FILL: usize = 32;
/// Entries that a pack holds at most.
const MOST: usize = 48;

/// What can be packed.
pub(super) trait Packed: Sized {
    /// Its table: `first`, the lowest key that a pack may hold, and `packed`, its entries.
    const TABLE: &'static str;
    /// Whether a session's rows are looked for.
    const HAS_TRAIL: bool;

    /// Whose it is, and when it was.
    fn step(&self) -> (i64, Millis);

    /// Writes everything but the key, at most 240 bytes.
    fn encode(&self, to: &mut Vec<u8>);

    /// Back from [`Packed::encode`]; `None` for bytes that are none of its, or that a newer release wrote.
    fn decode(from: &mut Bytes<'_>) -> Option<Self>;
}

/// Bytes that are read from the front.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next byte.
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    /// The next eight bytes, a key.
    pub(super) fn key(&mut self) -> Option<Key> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(Key(u64::from_le_bytes(*head)))
    }

    /// The next number, as [`put_count`] wrote it.
    pub(super) fn count(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    /// The next number, as [`put_number`] wrote it.
    pub(super) fn number(&mut self) -> Option<i64> {
        let folded = self.count()?;
        Some((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed())
    }
}

/// Writes a number, small ones in few bytes.
pub(super) fn put_count(to: &mut Vec<u8>, mut number: u64) {
    while number > 0x7f {
        to.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    to.push(number.to_le_bytes()[0]);
}

/// Writes a number of either sign.
pub(super) fn put_number(to: &mut Vec<u8>, number: i64) {
    put_count(to, (number << 1 ^ number >> 63).cast_unsigned());
}

/// Writes a key.
pub(super) fn put_key(to: &mut Vec<u8>, key: Key) {
    to.extend_from_slice(&key.0.to_le_bytes());
}

/// The entries of a pack: key, and what stands behind it.
struct Entries<'a>(Bytes<'a>);

impl Entries<'_> {
    /// Those of a pack as it is stored; an error where it is not what was stored.
    fn of(packed: &[u8]) -> rusqlite::Result<Entries<'_>> {
        Ok(Entries(Bytes(seal::opened(packed)?)))
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = rusqlite::Result<(Key, &'a [u8])>;

    fn next(&mut self) -> Option<Self::Item> {
        let len = usize::from(self.0.byte()?);
        let entry = self.0.take(len).and_then(|entry| {
            let mut entry = Bytes(entry);
            Some((entry.key()?, entry.0))
        });
        if entry.is_none() {
            self.0 = Bytes(&[]);
        }
        Some(entry.ok_or_else(torn))
    }
}

/// A pack that does not hold what its lengths say.
pub(super) fn torn() -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(1, Type::Blob, "a pack is torn".into())
}

/// What [`find`] finds.
#[derive(Debug)]
pub(super) enum Found<R> {
    /// No entry of the key.
    Nothing,
    /// The row.
    Row(R),
    /// An entry that this release does not understand.
    Foreign,
}

/// The row of a key.
pub(super) fn find<R: Packed>(tx: &Connection, key: Key) -> rusqlite::Result<Found<R>> {
    let sql = format!("SELECT packed FROM {} WHERE first <= ?1 ORDER BY first DESC LIMIT 1", R::TABLE);
    let mut query = tx.prepare_cached(&sql)?;
    let mut rows = query.query([key.to_sql()])?;
    let Some(row) = rows.next()? else { return Ok(Found::Nothing) };
    for entry in Entries::of(row.get_ref(0)?.as_blob()?)? {
        let (found, bytes) = entry?;
        if found == key {
            return Ok(R::decode(&mut Bytes(bytes)).map_or(Found::Foreign, Found::Row));
        }
    }
    Ok(Found::Nothing)
}

/// Looks at every entry, in the order of their keys; `None` for one that this release does not understand.
pub(super) fn each<R: Packed>(tx: &Connection, mut look: impl FnMut(Key, Option<R>)) -> rusqlite::Result<()> {
    let mut query = tx.prepare(&format!("SELECT packed FROM {} ORDER BY first", R::TABLE))?;
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        for entry in Entries::of(row.get_ref(0)?.as_blob()?)? {
            let (key, bytes) = entry?;
            look(key, R::decode(&mut Bytes(bytes)));
        }
    }
    Ok(())
}

/// Packs that are looked at between two writes.
const AT_ONCE: usize = 1000;

/// Looks at every row, and writes those that `change` says it has changed; gives their number.
pub(super) fn update<R: Packed>(tx: &Connection, mut change: impl FnMut(&mut R) -> bool) -> rusqlite::Result<u64> {
    let mut query = tx.prepare(&format!("SELECT first, packed FROM {} WHERE first >= ?1 ORDER BY first LIMIT {AT_ONCE}", R::TABLE))?;
    let mut count = 0;
    let mut from = Some(i64::MIN);
    while let Some(first) = from.take() {
        let mut changed = Vec::new();
        let mut rows = query.query([first])?;
        while let Some(row) = rows.next()? {
            from = row.get::<_, i64>(0)?.checked_add(1);
            for entry in Entries::of(row.get_ref(1)?.as_blob()?)? {
                let (key, bytes) = entry?;
                let Some(mut row) = R::decode(&mut Bytes(bytes)) else { continue };
                if change(&mut row) {
                    changed.push((key, row));
                }
            }
        }
        drop(rows);
        count += changed.len() as u64;
        save(tx, changed.iter().map(|(key, row)| (*key, row)).collect())?;
    }
    Ok(count)
}

/// Writes rows, each in the place of the one of its key that may be there.
pub(super) fn save<R: Packed>(tx: &Connection, mut rows: Vec<(Key, &R)>) -> rusqlite::Result<()> {
    rows.sort_unstable_by_key(|(key, _)| key.to_sql());
    let table = R::TABLE;
    let mut near = tx.prepare_cached(&format!("SELECT first, packed FROM {table} WHERE first <= ?1 ORDER BY first DESC LIMIT 1"))?;
    let mut after = tx.prepare_cached(&format!("SELECT min(first) FROM {table} WHERE first > ?1"))?;
    let mut write = tx.prepare_cached(&format!("INSERT OR REPLACE INTO {table} VALUES (?1, ?2)"))?;
    let mut rest = rows.as_slice();
    let mut merged = Merged::default();
    while let Some((key, _)) = rest.first() {
        let pack: Option<(i64, Vec<u8>)> = near.query_row([key.to_sql()], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
        let (first, packed) = pack.unzip();
        let first = first.unwrap_or(i64::MIN);
        let next: Option<i64> = after.query_row([first], |r| r.get(0))?;
        let (here, later) = rest.split_at(rest.partition_point(|(key, _)| next.is_none_or(|next| key.to_sql() < next)));
        rest = later;
        merged.fill(packed.as_deref(), here)?;
        for (i, (key, bytes)) in merged.packs().enumerate() {
            write.execute(rusqlite::params![if i == 0 { first } else { key }, seal::sealed(bytes)])?;
        }
    }
    Ok(())
}

/// Takes out the row of a key, whatever it is.
pub(super) fn remove<R: Packed>(tx: &Connection, key: Key) -> rusqlite::Result<()> {
    let table = R::TABLE;
    let near = format!("SELECT first, packed FROM {table} WHERE first <= ?1 ORDER BY first DESC LIMIT 1");
    let pack: Option<(i64, Vec<u8>)> = tx.prepare_cached(&near)?.query_row([key.to_sql()], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    let Some((first, packed)) = pack else { return Ok(()) };
    let mut rest = Merged::default();
    for entry in Entries::of(&packed)? {
        let (found, bytes) = entry?;
        if found != key {
            rest.put(found, |to| to.extend_from_slice(bytes));
        }
    }
    if rest.bytes.is_empty() {
        tx.prepare_cached(&format!("DELETE FROM {table} WHERE first = ?1"))?.execute([first]).map(|_| ())
    } else {
        tx.prepare_cached(&format!("UPDATE {table} SET packed = ?2 WHERE first = ?1"))?
            .execute((first, seal::sealed(&rest.bytes)))
            .map(|_| ())
    }
}

/// The entries of a pack and those that came to them.
#[derive(Debug, Default)]
struct Merged {
    bytes: Vec<u8>,
    /// Key and first byte of each entry.
    entries: Vec<(i64, usize)>,
}

impl Merged {
    fn fill<R: Packed>(&mut self, packed: Option<&[u8]>, rows: &[(Key, &R)]) -> rusqlite::Result<()> {
        self.bytes.clear();
        self.entries.clear();
        let mut rows = rows.iter().peekable();
        for entry in packed.map_or_else(|| Ok(Entries(Bytes(&[]))), Entries::of)? {
            let (key, bytes) = entry?;
            while let Some((new, row)) = rows.next_if(|(new, _)| new.to_sql() <= key.to_sql()) {
                self.put(*new, |to| row.encode(to));
            }
            if self.entries.last().is_none_or(|(last, _)| *last < key.to_sql()) {
                self.put(key, |to| to.extend_from_slice(bytes));
            }
        }
        for (new, row) in rows {
            self.put(*new, |to| row.encode(to));
        }
        Ok(())
    }

    fn put(&mut self, key: Key, write: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.entries.push((key.to_sql(), start));
        self.bytes.push(0);
        put_key(&mut self.bytes, key);
        write(&mut self.bytes);
        let len = self.bytes.len() - start - 1;
        if let Some(place) = self.bytes.get_mut(start) {
            *place = u8::try_from(len).unwrap_or(u8::MAX);
        }
    }

    /// The packs to write, each with its first key.
    fn packs(&self) -> impl Iterator<Item = (i64, &[u8])> {
        let size = if self.entries.len() > MOST { FILL } else { MOST };
        let ends = self.entries.iter().skip(size).step_by(size).map(|(_, at)| *at).chain([self.bytes.len()]);
        let starts = self.entries.iter().step_by(size);
        starts.zip(ends).filter_map(|((key, from), to)| Some((*key, self.bytes.get(*from..to)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::merge::FactRow;
    use super::*;
    use crate::model::FactKind;

    fn fact(session: i64) -> FactRow {
        FactRow {
            session,
            task: Key(7),
            at: -5,
            kind: FactKind::Tool,
            name: Some(3),
            seen: true,
            failed: false,
            open: false,
            sidechain: true,
            same: None,
        }
    }

    fn table() -> Connection {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch(include_str!("migrations/0003_packs.sql")).unwrap();
        conn
    }

    fn found(conn: &Connection, key: Key) -> Option<FactRow> {
        match find(conn, key).unwrap() {
            Found::Row(row) => Some(row),
            Found::Nothing | Found::Foreign => None,
        }
    }

    #[test]
    fn numbers_of_every_size_come_back() {
        let numbers = [0, 1, -1, 63, 64, -64, -65, 1 << 40, i64::MAX, i64::MIN];
        let mut bytes = Vec::new();
        for n in numbers {
            put_number(&mut bytes, n);
        }
        let mut read = Bytes(&bytes);
        assert_eq!(numbers.map(|_| read.number().unwrap()), numbers);
        assert_eq!(read.number(), None);
    }

    #[test]
    fn rows_that_come_in_any_order_are_found_again_and_packs_stay_small() {
        let conn = table();
        let keys: Vec<Key> = (0..5000_u64).map(|n| Key::of(&[&n.to_le_bytes()])).collect();
        for (size, from) in [(1, 0), (500, 1), (3, 501), (4496, 504)] {
            let rows: Vec<FactRow> = (from..from + size).map(fact).collect();
            let from = usize::try_from(from).unwrap();
            save(&conn, keys[from..].iter().copied().zip(&rows).collect()).unwrap();
        }
        for (session, key) in (0..).zip(&keys) {
            assert_eq!(found(&conn, *key), Some(fact(session)));
        }
        assert_eq!(found(&conn, Key(1)), None);
        let mut seen = Vec::new();
        each::<FactRow>(&conn, |key, row| seen.push((key.to_sql(), row.is_some()))).unwrap();
        assert!(seen.len() == keys.len() && seen.is_sorted() && seen.iter().all(|(_, is_whole)| *is_whole));
        let longest: i64 = conn.query_row("SELECT max(length(packed)) FROM packed_fact", [], |r| r.get(0)).unwrap();
        assert!(longest <= 48 * 40, "{longest} bytes");
    }

    #[test]
    fn a_row_takes_the_place_of_the_one_of_its_key() {
        let conn = table();
        let keys: Vec<Key> = (0..100_u64).map(|n| Key::of(&[&n.to_le_bytes()])).collect();
        let first = fact(1);
        save(&conn, keys.iter().map(|key| (*key, &first)).collect()).unwrap();
        let changed = update(&conn, |row: &mut FactRow| std::mem::replace(&mut row.session, 2) == 1).unwrap();
        assert_eq!(changed, 100);
        save(&conn, vec![(keys[50], &fact(3))]).unwrap();
        let sessions: Vec<i64> = keys.iter().map(|key| found(&conn, *key).unwrap().session).collect();
        assert!(sessions.iter().enumerate().all(|(i, session)| *session == if i == 50 { 3 } else { 2 }), "{sessions:?}");
    }

    #[test]
    fn what_a_newer_release_wrote_stays_as_it_is() {
        let conn = table();
        save(&conn, vec![(Key(1), &fact(1))]).unwrap();
        let mut packed: Vec<u8> = conn.query_row("SELECT packed FROM packed_fact", [], |r| r.get(0)).unwrap();
        packed.truncate(seal::opened(&packed).unwrap().len());
        packed.extend([11, 5, 0, 0, 0, 0, 0, 0, 0, 9, 9, 9]);
        conn.execute("UPDATE packed_fact SET packed = ?1", [seal::sealed(&packed)]).unwrap();
        save(&conn, vec![(Key(2), &fact(2)), (Key(9), &fact(9))]).unwrap();
        assert!(matches!(find::<FactRow>(&conn, Key(5)), Ok(Found::Foreign)));
        assert!([1, 2, 9].iter().all(|n| found(&conn, Key(*n)).is_some()));
    }

    #[test]
    fn a_row_is_taken_out_and_its_neighbours_stay() {
        let conn = table();
        let keys: Vec<Key> = (0..100_u64).map(|n| Key::of(&[&n.to_le_bytes()])).collect();
        let one = fact(1);
        save(&conn, keys.iter().map(|key| (*key, &one)).collect()).unwrap();
        for gone in 0..keys.len() {
            remove::<FactRow>(&conn, keys[gone]).unwrap();
            remove::<FactRow>(&conn, keys[gone]).unwrap();
            assert!(keys.iter().enumerate().all(|(i, key)| found(&conn, *key).is_some() == (i > gone)));
        }
        save(&conn, vec![(keys[7], &fact(2))]).unwrap();
        assert_eq!(found(&conn, keys[7]), Some(fact(2)));
    }

    #[test]
    fn a_torn_pack_is_an_error() {
        let conn = table();
        save(&conn, vec![(Key(1), &fact(1)), (Key(2), &fact(2))]).unwrap();
        conn.execute("UPDATE packed_fact SET packed = substr(packed, 1, length(packed) - 1)", []).unwrap();
        assert!(find::<FactRow>(&conn, Key(3)).is_err());
        assert!(each::<FactRow>(&conn, |_, _| {}).is_err());
        assert!(save(&conn, vec![(Key(3), &fact(3))]).is_err());
    }
}
