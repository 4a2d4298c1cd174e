//! Calls and facts as rows of their tables, both ways.

use std::sync::Arc;

use rusqlite::{CachedStatement, Connection, OptionalExtension as _, Statement, params};

use crate::model::{FactKind, Key, Money, Speed, Tier, Tokens};

use super::merge::{CallRow, FactRow};

/// Columns of a call, its key included.
const CALL_WIDTH: usize = 16;
/// Columns of a fact, its key included.
const FACT_WIDTH: usize = 7;

/// The columns that [`call_from_row`] reads.
pub(super) const CALL_COLUMNS: &str = "session, task, at, model, input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, searches, context, flags, reported, nanos";

/// A row of numbers, as all large tables have them.
pub(super) type Numbers<const WIDTH: usize> = [Option<i64>; WIDTH];

/// Rows that one statement writes: what it costs besides its rows is paid once for all of them.
const AT_ONCE: usize = 1;

/// Writes rows whose keys are known to be new. One that is there after all undoes the transaction.
pub(super) fn insert_new<const WIDTH: usize>(
    tx: &Connection,
    table: &str,
    mut rows: impl ExactSizeIterator<Item = Numbers<WIDTH>>,
) -> rusqlite::Result<()> {
    // By default a statement of several rows keeps a copy of every page it touches, to be able to undo itself alone.
    let statement = |rows: usize| {
        let row = format!("({})", vec!["?"; WIDTH].join(","));
        tx.prepare_cached(&format!("INSERT OR ROLLBACK INTO {table} VALUES {}", vec![row; rows].join(",")))
    };
    for size in [AT_ONCE, 1] {
        if rows.len() < size {
            continue;
        }
        let mut insert = statement(size)?;
        while rows.len() >= size {
            for (i, row) in rows.by_ref().take(size).enumerate() {
                bind(&mut insert, i * WIDTH, &row)?;
            }
            insert.raw_execute()?;
        }
    }
    Ok(())
}

/// Writes rows, each added to the row of its key that may be there: `conflict` says how.
pub(super) fn upsert_all<const WIDTH: usize>(
    tx: &Connection,
    table: &str,
    conflict: &str,
    rows: impl Iterator<Item = Numbers<WIDTH>>,
) -> rusqlite::Result<()> {
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

/// A call as a row of its table.
pub(super) fn call_numbers(key: Key, row: &CallRow) -> Numbers<CALL_WIDTH> {
    let t = &row.tokens;
    [
        Some(key.to_sql()),
        Some(row.session),
        Some(row.task.to_sql()),
        Some(row.at),
        Some(row.model),
        Some(t.input.cast_signed()),
        Some(t.cache_read.cast_signed()),
        Some(t.cache_write_5m.cast_signed()),
        Some(t.cache_write_1h.cast_signed()),
        Some(t.output.cast_signed()),
        Some(t.reasoning.cast_signed()),
        Some(i64::from(row.searches)),
        Some(row.context.cast_signed()),
        Some(row.flags()),
        row.reported.map(Money::nanos),
        row.money.map(Money::nanos),
    ]
}

/// A fact as a row of its table.
pub(super) fn fact_numbers(key: Key, row: &FactRow) -> Numbers<FACT_WIDTH> {
    [Some(key.to_sql()), Some(row.session), Some(row.task.to_sql()), Some(row.at), Some(row.kind.to_sql()), row.name, Some(row.flags())]
}

/// A statement that [`is_new`] runs for calls.
pub(super) fn insert_call(tx: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    tx.prepare_cached("INSERT OR IGNORE INTO call VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)")
}

/// A statement that [`is_new`] runs for facts.
pub(super) fn insert_fact(tx: &Connection) -> rusqlite::Result<CachedStatement<'_>> {
    tx.prepare_cached("INSERT OR IGNORE INTO fact VALUES (?,?,?,?,?,?,?)")
}

/// Writes a row unless its key is there already; says whether it was written.
pub(super) fn is_new<const WIDTH: usize>(insert: &mut CachedStatement<'_>, row: &Numbers<WIDTH>) -> rusqlite::Result<bool> {
    bind(insert, 0, row)?;
    Ok(insert.raw_execute()? == 1)
}

/// Reads a call from [`CALL_COLUMNS`], beginning at column `i`.
pub(super) fn call_from_row(r: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<CallRow> {
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

/// A call that is known to be there.
pub(super) fn read_call(tx: &Connection, key: Key) -> rusqlite::Result<CallRow> {
    tx.prepare_cached(&format!("SELECT {CALL_COLUMNS} FROM call WHERE key = ?1"))?.query_row([key.to_sql()], |r| call_from_row(r, 0))
}

/// Replaces a call.
pub(super) fn update_call(tx: &Connection, key: Key, row: &CallRow) -> rusqlite::Result<()> {
    tx.prepare_cached("DELETE FROM call WHERE key = ?1")?.execute([key.to_sql()])?;
    is_new(&mut insert_call(tx)?, &call_numbers(key, row)).map(|_| ())
}

/// A fact, if it is there; one of a kind that a newer release wrote is not.
pub(super) fn read_fact(tx: &Connection, key: Key) -> rusqlite::Result<Option<FactRow>> {
    tx.prepare_cached("SELECT session, task, at, kind, name, flags FROM fact WHERE key = ?1")?
        .query_row([key.to_sql()], |r| fact_from_row(r, 0))
        .optional()
        .map(Option::flatten)
}

/// Reads a fact from its columns without the key, beginning at column `i`.
pub(super) fn fact_from_row(r: &rusqlite::Row<'_>, i: usize) -> rusqlite::Result<Option<FactRow>> {
    let Some(kind) = FactKind::from_sql(r.get(i + 3)?) else { return Ok(None) };
    let flags: i64 = r.get(i + 5)?;
    Ok(Some(FactRow {
        session: r.get(i)?,
        task: Key::from_sql(r.get(i + 1)?),
        at: r.get(i + 2)?,
        kind,
        name: r.get(i + 4)?,
        seen: flags & 1 != 0,
        failed: flags & 2 != 0,
        sidechain: flags & 4 != 0,
    }))
}

/// Replaces a fact.
pub(super) fn update_fact(tx: &Connection, key: Key, row: &FactRow) -> rusqlite::Result<()> {
    tx.prepare_cached("UPDATE fact SET session = ?2, task = ?3, at = ?4, kind = ?5, name = ?6, flags = ?7 WHERE key = ?1")?
        .execute(params![key.to_sql(), row.session, row.task.to_sql(), row.at, row.kind.to_sql(), row.name, row.flags()])
        .map(|_| ())
}

/// A name by its id.
pub(super) fn read_name(tx: &Connection, id: i64) -> rusqlite::Result<Option<Arc<str>>> {
    tx.prepare_cached("SELECT text FROM name WHERE id = ?1")?
        .query_row([id], |r| r.get::<_, String>(0))
        .optional()
        .map(|text| text.map(|t| Arc::from(t.as_str())))
}
