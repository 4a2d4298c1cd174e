//! What saves the ledger when its file is damaged: a copy that is made of it now and then, and the rows that can still be read.
//!
//! The ledger is the one thing here that no log can give back. Its copy is a whole database of its own, put in its place at
//! once; a damaged ledger is begun anew with what the copy holds, and then with the rows of the damaged file that are newer.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, params, params_from_iter};

use super::StoreError;
use super::beside::Place;
use super::ledger::{DECISION, decision};
use super::open::private_file;
use crate::model::Millis;

/// What is rescued: what people and caps have decided and said. What has been told, and what is under way, begins anew.
const TABLES: [&str; 3] = ["decision", "tag", "variable"];

/// So many of the newest decisions are looked for in the record: more than its log ever holds before it is written back.
const NEWEST: i64 = 1000;

/// How many rows a rescue has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Rescued {
    /// In the copy.
    pub copied: usize,
    /// In the damaged file, and newer than the copy.
    pub read: usize,
}

/// Where the copy of a database lies.
pub(super) fn copy_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".copy");
    PathBuf::from(name)
}

/// Copies a database beside itself, if it is sound: a damaged one must not take the place of a sound copy, and is marked.
pub(super) fn copy(conn: &Connection, place: &Place) -> Result<(), StoreError> {
    let path = &place.path;
    let fail = |source| StoreError::Sqlite { doing: "copying the record of caps", path: path.clone(), source };
    let word: String = conn.query_row("PRAGMA quick_check(1)", [], |r| r.get(0)).map_err(fail)?;
    if word != "ok" {
        place.mark_damaged();
        return Ok(());
    }
    let copy = copy_of(path);
    let beside = copy.with_extension(format!("copy-{}", std::process::id()));
    let made = make(conn, &beside).map_err(fail);
    let kept = made.and_then(|()| std::fs::rename(&beside, &copy).map_err(|source| StoreError::Create { path: copy.clone(), source }));
    if kept.is_err() {
        let _ = std::fs::remove_file(&beside);
    }
    kept
}

fn make(from: &Connection, path: &Path) -> rusqlite::Result<()> {
    let _ = std::fs::remove_file(path); // of a process that was killed, and had the same number
    private_file(path).map_err(|error| rusqlite::Error::InvalidPath(PathBuf::from(error.to_string())))?;
    let mut to = Connection::open(path)?;
    rusqlite::backup::Backup::new(from, &mut to)?.run_to_completion(i32::MAX, Duration::ZERO, None)?;
    // A file by itself, without a log beside it.
    to.pragma_update(None, "journal_mode", "DELETE")
}

/// Whether the decision that was put in last is the one that had this seal; else it is taken out again.
fn is_sealed(to: &Connection, seal: Option<i64>) -> bool {
    let sql = format!("{DECISION} WHERE id = last_insert_rowid() AND seal = coalesce(?1, seal)");
    let is_whole = to.query_row(&sql, [seal], decision).is_ok();
    if !is_whole {
        // Where that fails, reading it will.
        let _ = to.execute("DELETE FROM decision WHERE id = last_insert_rowid()", []);
    }
    is_whole
}

/// Puts into a new database what the copy holds, and what can still be read of the damaged one. Others may be writing to the
/// new one already.
pub(super) fn rescue(conn: &Connection, path: &Path, damaged: &Path) -> Rescued {
    let mut found = Rescued::default();
    let mut known = HashSet::new();
    // All at once: others wait for that a moment, and no row is lost because one of them writes just then.
    let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate);
    for (from, count) in [(copy_of(path).as_path(), &mut found.copied), (damaged, &mut found.read)] {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let Ok(from) = Connection::open_with_flags(from, flags) else { continue };
        for table in TABLES {
            // As far as it goes: from either end to where the damage is.
            for order in ["ASC", "DESC"] {
                let _ = rows(&from, conn, (table, order), &mut known, count);
            }
        }
        // The copy may be from before a raise was ended.
        let _ = ended(conn, &from).and_then(|ended| end(conn, &ended));
    }
    // Where none could be begun, each row was put by itself.
    if tx.is_ok_and(|tx| tx.commit().is_err()) { Rescued::default() } else { found }
}

/// The decisions, by their numbers in the copy, that the copy has and the record has not.
fn missing(record: &Connection, copy: &Connection) -> rusqlite::Result<HashSet<i64>> {
    let sql = "SELECT id, at, kind, cap, who, amount FROM decision WHERE id > (SELECT max(id) FROM decision) - ?1";
    let mut ask = copy.prepare(sql)?;
    let mut same = record.prepare("SELECT 1 FROM decision WHERE at = ?1 AND kind = ?2 AND cap = ?3 AND who = ?4 AND amount = ?5")?;
    let mut rows = ask.query([NEWEST])?;
    let mut missing = HashSet::new();
    while let Some(row) = rows.next()? {
        let values: Vec<Value> = (1..=5).map(|i| row.get(i)).collect::<Result<_, _>>()?;
        if !same.exists(params_from_iter(values))? {
            missing.insert(row.get(0)?);
        }
    }
    Ok(missing)
}

/// Raises, by their numbers in one database, that end sooner in another one, and when. Nothing but that ever changes of a decision, and
/// it only ever becomes sooner.
fn ended(one: &Connection, other: &Connection) -> rusqlite::Result<Vec<(i64, Millis)>> {
    // Those of earlier releases have no seals that would show what is as it was written.
    let Ok(mut ask) = other.prepare(&format!("{DECISION} WHERE kind = 'raise'")) else { return Ok(Vec::new()) };
    let mut same =
        one.prepare("SELECT id FROM decision WHERE kind = 'raise' AND at = ?1 AND cap = ?2 AND who = ?3 AND amount = ?4 AND until > ?5")?;
    let mut ended = Vec::new();
    // As far as it can be read.
    for raise in ask.query_map([], decision)?.map_while(Result::ok).flatten() {
        let Some(until) = raise.until else { continue };
        let ids = same.query_map(params![raise.at, raise.cap, raise.who, raise.amount, until], |r| r.get(0))?;
        for id in ids {
            ended.push((id?, until));
        }
    }
    Ok(ended)
}

fn end(conn: &Connection, ended: &[(i64, Millis)]) -> rusqlite::Result<()> {
    let mut put = conn.prepare("UPDATE decision SET until = ?2 WHERE id = ?1")?;
    ended.iter().try_for_each(|(id, until)| put.execute(params![id, until]).map(|_| ()))
}

/// Puts back what the copy has of decisions and the record has no more, and gives of how many. The newest ones lie in the log beside
/// the database; where that was torn or taken away, `SQLite` goes on without them and without a word.
pub(super) fn regain(conn: &Connection, path: &Path) -> rusqlite::Result<usize> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let Ok(copy) = Connection::open_with_flags(copy_of(path), flags) else { return Ok(0) };
    // A copy that is damaged itself has nothing to give.
    if copy.query_row("PRAGMA quick_check(1)", [], |r| r.get::<_, String>(0)).is_ok_and(|word| word == "ok") {
        if missing(conn, &copy)?.is_empty() && ended(conn, &copy)?.is_empty() {
            return Ok(0);
        }
        // Once more, now that nobody else can be putting them back.
        let tx = Transaction::new_unchecked(conn, TransactionBehavior::Immediate)?;
        let (missing, ended) = (missing(&tx, &copy)?, ended(&tx, &copy)?);
        end(&tx, &ended)?;
        let mut count = ended.len();
        let all = copy.prepare("SELECT id FROM decision")?.query_map([], |r| r.get(0))?.collect::<rusqlite::Result<HashSet<i64>>>()?;
        let mut known = all.difference(&missing).copied().collect();
        rows(&copy, &tx, ("decision", "ASC"), &mut known, &mut count)?;
        tx.commit()?;
        return Ok(count);
    }
    Ok(0)
}

/// Takes the rows that are not there yet, up to the first that cannot be read. Decisions get numbers of their own.
fn rows(
    from: &Connection,
    to: &Connection,
    (table, order): (&str, &str),
    known: &mut HashSet<i64>,
    count: &mut usize,
) -> rusqlite::Result<()> {
    let is_numbered = table == "decision";
    let statement = to.prepare(&format!("SELECT * FROM {table}"))?;
    // A copy may be of an earlier release, and have less.
    let other = from.prepare(&format!("SELECT * FROM {table}"))?;
    let is_there = |column: &str| other.column_names().any(|there| there == column);
    let is_own = |column: &str| column == "seal" || is_numbered && column == "id";
    let columns: Vec<&str> = statement.column_names().filter(|column| is_there(column) && !is_own(column)).collect();
    let names = columns.join(", ");
    // Decisions are only ever added; of what people have said otherwise, the newest counts.
    let newest = columns.iter().map(|column| format!("{column} = excluded.{column}")).collect::<Vec<_>>().join(", ");
    let clash = if is_numbered { String::new() } else { format!("ON CONFLICT DO UPDATE SET {newest} WHERE excluded.at > at") };
    let marks = vec!["?"; columns.len()].join(", ");
    let (number, key) = if is_numbered { ("id", "id") } else { ("0", "session") };
    let seal = if is_there("seal") { "seal" } else { "NULL" };
    let mut ask = from.prepare(&format!("SELECT {number}, {names}, {seal} FROM {table} ORDER BY {key} {order}"))?;
    let mut put = to.prepare(&format!("INSERT INTO {table} ({names}) VALUES ({marks}) {clash}"))?;
    let mut rows = ask.query([])?;
    while let Some(row) = rows.next()? {
        if is_numbered && !known.insert(row.get(0)?) {
            continue;
        }
        let values: Vec<Value> = (1..=columns.len()).map(|i| row.get(i)).collect::<Result<_, _>>()?;
        // A row whose values are of other kinds than the table takes was hit by the damage.
        let is_put = put.execute(params_from_iter(values)).is_ok_and(|rows| rows > 0);
        // So was one that is not what was sealed.
        let is_whole = is_put && (!is_numbered || is_sealed(to, row.get(columns.len() + 1)?));
        *count += usize::from(is_whole);
    }
    Ok(())
}
