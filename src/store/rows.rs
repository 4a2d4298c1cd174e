//! Calls and facts as they are packed, rows of numbers, and what earlier releases kept as rows.

use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension as _, Statement};

use crate::model::{FactKind, Key, Millis, Money, Speed, Tier, Tokens};

use super::merge::{CallRow, FactRow};
use super::pack::{Bytes, Packed, put_count, put_key, put_number};
use super::shelf::Shelf;

/// The columns that [`call_from_row`] reads.
const CALL_COLUMNS: &str = "session, task, at, model, input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, searches, context, flags, reported, nanos";

/// A row of numbers, as all large tables have them.
pub(super) type Numbers<const WIDTH: usize> = [Option<i64>; WIDTH];

/// Writes rows, each added to the row of its key that may be there: `conflict` says how.
pub(super) fn upsert_all<const WIDTH: usize>(
    tx: &Connection,
    table: &str,
    conflict: &str,
    rows: impl Iterator<Item = Numbers<WIDTH>>,
) -> rusqlite::Result<()> {
    let mut rows = rows.peekable();
    if rows.peek().is_none() {
        return Ok(());
    }
    let values = vec!["?"; WIDTH].join(",");
    let mut upsert = tx.prepare_cached(&format!("INSERT INTO {table} VALUES ({values}) ON CONFLICT DO UPDATE SET {conflict}"))?;
    for row in rows {
        bind(&mut upsert, 0, &row)?;
        upsert.raw_execute()?;
    }
    Ok(())
}

fn bind<const WIDTH: usize>(insert: &mut Statement<'_>, from: usize, row: &Numbers<WIDTH>) -> rusqlite::Result<()> {
    for (i, value) in row.iter().enumerate() {
        insert.raw_bind_parameter(from + i + 1, value)?;
    }
    Ok(())
}

impl Packed for CallRow {
    const TABLE: &'static str = "packed_call";
    const HAS_TRAIL: bool = true;

    fn step(&self) -> (i64, Millis) {
        (self.session, self.at)
    }

    fn encode(&self, to: &mut Vec<u8>) {
        put_number(to, self.session);
        put_key(to, self.task);
        put_number(to, self.at);
        put_number(to, self.model);
        let t = &self.tokens;
        for count in [t.input, t.cache_read, t.cache_write_5m, t.cache_write_1h, t.output, t.reasoning] {
            put_count(to, count);
        }
        put_count(to, u64::from(self.searches));
        put_count(to, self.context);
        put_number(to, self.flags());
        for money in [self.reported, self.money] {
            put_count(to, u64::from(money.is_some()));
            if let Some(money) = money {
                put_number(to, money.nanos());
            }
        }
    }

    fn decode(from: &mut Bytes<'_>) -> Option<CallRow> {
        let mut row = CallRow {
            session: from.number()?,
            task: from.key()?,
            at: from.number()?,
            model: from.number()?,
            tokens: Tokens {
                input: from.count()?,
                cache_read: from.count()?,
                cache_write_5m: from.count()?,
                cache_write_1h: from.count()?,
                output: from.count()?,
                reasoning: from.count()?,
            },
            searches: u32::try_from(from.count()?).ok()?,
            tier: Tier::Standard,
            speed: Speed::default(),
            context: from.count()?,
            sidechain: false,
            lower_bound: false,
            gap: false,
            reported: None,
            money: None,
        };
        row.set_flags(from.number()?);
        for money in [&mut row.reported, &mut row.money] {
            if from.count()? != 0 {
                *money = Some(Money::from_nanos(from.number()?));
            }
        }
        Some(row)
    }
}

impl Packed for FactRow {
    const TABLE: &'static str = "packed_fact";
    const HAS_TRAIL: bool = false;

    fn step(&self) -> (i64, Millis) {
        (self.session, self.at)
    }

    fn encode(&self, to: &mut Vec<u8>) {
        put_number(to, self.session);
        put_key(to, self.task);
        put_number(to, self.at);
        put_number(to, self.kind.to_sql());
        put_number(to, self.flags());
        put_number(to, self.name.unwrap_or(0));
        if let Some(same) = self.same {
            put_count(to, u64::from(same));
        }
    }

    fn decode(from: &mut Bytes<'_>) -> Option<FactRow> {
        let (session, task, at) = (from.number()?, from.key()?, from.number()?);
        let kind = FactKind::from_sql(from.number()?)?;
        let mut row =
            FactRow { session, task, at, kind, name: None, seen: false, failed: false, open: false, sidechain: false, same: None };
        let flags = from.number()?;
        row.set_flags(flags);
        row.name = Some(from.number()?).filter(|name| *name != 0);
        if FactRow::has_same(flags) {
            row.same = Some(u32::try_from(from.count()?).ok()?);
        }
        Some(row)
    }
}

/// Reads a call from [`CALL_COLUMNS`], beginning at column `i`.
fn call_from_row(r: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<CallRow> {
    let count = |c: usize| r.get::<_, i64>(i + c).map(i64::cast_unsigned);
    let money = |c: usize| r.get::<_, Option<i64>>(i + c).map(|m| m.map(Money::from_nanos));
    let mut row = CallRow {
        session: r.get(i)?,
        task: Key::from_sql(r.get(i + 1)?),
        at: r.get(i + 2)?,
        model: r.get(i + 3)?,
        tokens: Tokens {
            input: count(4)?,
            cache_read: count(5)?,
            cache_write_5m: count(6)?,
            cache_write_1h: count(7)?,
            output: count(8)?,
            reasoning: count(9)?,
        },
        searches: r.get(i + 10)?,
        tier: Tier::Standard,
        speed: Speed::default(),
        context: count(11)?,
        sidechain: false,
        lower_bound: false,
        gap: false,
        reported: money(13)?,
        money: money(14)?,
    };
    row.set_flags(r.get(i + 12)?);
    Ok(row)
}

/// Rows of an old table that are packed at a time.
const AT_A_TIME: usize = 50_000;

/// Moves what the tables of earlier releases hold to the packs, and drops them. What this release does not understand is
/// left behind.
pub(super) fn pack_old(tx: &Connection) -> rusqlite::Result<()> {
    let calls = format!("SELECT key, {CALL_COLUMNS} FROM call ORDER BY key");
    pack_rows(tx, &calls, |r| call_from_row(r, 1).map(Some))?;
    pack_rows(tx, "SELECT key, session, task, at, kind, name, flags FROM fact ORDER BY key", |r| fact_from_row(r, 1))?;
    tx.execute_batch("DROP TABLE call; DROP TABLE fact")
}

fn pack_rows<R: Packed>(
    tx: &Connection,
    sql: &str,
    read: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<Option<R>>,
) -> rusqlite::Result<()> {
    let mut query = tx.prepare(sql)?;
    let mut rows = query.query([])?;
    let mut shelf = Shelf::default();
    while let Some(r) = rows.next()? {
        if let Some(row) = read(r)? {
            shelf.add(Key::from_sql(r.get(0)?), row);
        }
        if shelf.len() == AT_A_TIME {
            shelf.store(tx)?;
        }
    }
    shelf.store(tx)
}

/// Reads a fact from its columns, beginning at column `i`; nothing for one of a kind that a newer release wrote.
fn fact_from_row(r: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<Option<FactRow>> {
    let Some(kind) = FactKind::from_sql(r.get(i + 3)?) else { return Ok(None) };
    let (session, task, at, name) = (r.get(i)?, Key::from_sql(r.get(i + 1)?), r.get(i + 2)?, r.get(i + 4)?);
    let mut row = FactRow { session, task, at, kind, name, seen: false, failed: false, open: false, sidechain: false, same: None };
    row.set_flags(r.get(i + 5)?);
    Ok(Some(row))
}

/// A name by its id.
pub(super) fn read_name(tx: &Connection, id: i64) -> rusqlite::Result<Option<Arc<str>>> {
    tx.prepare_cached("SELECT text FROM name WHERE id = ?1")?
        .query_row([id], |r| r.get::<_, String>(0))
        .optional()
        .map(|text| text.map(|t| Arc::from(t.as_str())))
}
