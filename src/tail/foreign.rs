//! Databases that agents write: their new rows, as lines.
//!
//! They are only read, while their agent writes them, and it must not notice. Nothing is locked but for the moment in which
//! some rows are read; nothing is ever checkpointed; and where nobody has the database open, it is read in a way that
//! leaves no files beside it.
//!
//! **What is new.** `SQLite` numbers the rows of a table as they are inserted, so what follows the last number that was
//! read is new, and no row is looked at twice. Agents also take rows back, whose numbers are then given to others. So a
//! few rows read before are remembered with their ids (`Place`): reading goes on behind the newest that is still there.
//! Rows that are changed in place are asked for by their ids, as long as their source says that they are not finished.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _};
use serde::{Deserialize, Serialize};

use crate::sources::RowId;
use crate::sources::table::Table;
use crate::store::FileStat;

use super::fingerprint;

mod query;

use query::{Query, queries, quoted, string, text};

/// How long a lock of the agent's is waited for.
const PATIENCE: Duration = Duration::from_millis(250);
/// Rows that are remembered of each table, to go on behind them.
const MOST_ANCHORS: usize = 24;
/// How far a database is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// For each table some rows that were read, by number and id, the last one at the end.
    anchors: BTreeMap<String, Vec<(i64, String)>>,
}

impl Place {
    /// Whether nothing was read yet.
    pub(super) fn is_start(&self) -> bool {
        self.anchors.values().all(Vec::is_empty)
    }

    fn last(&self, table: &str) -> i64 {
        self.anchors.get(table).and_then(|rows| rows.last()).map_or(0, |(number, _)| *number)
    }

    /// Remembers a row, and forgets one that has a neighbour: the farther back, the fewer are kept.
    fn pass(&mut self, table: &str, number: i64, id: String) {
        let rows = self.anchors.entry(table.to_owned()).or_default();
        rows.push((number, id));
        if rows.len() > MOST_ANCHORS {
            let gap = |rows: &[(i64, String)]| match rows {
                [before, _, behind] => (behind.0 - before.0).saturating_mul(1000) / (number - before.0).max(1),
                _ => i64::MAX,
            };
            let densest = rows.windows(3).enumerate().min_by_key(|(_, rows)| gap(rows)).map_or(0, |(i, _)| i + 1);
            rows.remove(densest);
        }
    }
}

/// Lines made of rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    /// The lines.
    pub lines: Vec<u8>,
    /// Rows that are too long, or have nothing in them, and were passed over.
    pub passed_over: u64,
}

/// A database that is open for reading.
pub(super) struct Database {
    conn: Connection,
    path: PathBuf,
    queries: Vec<Query>,
    /// How the file looked when it was opened, if it is read as one that nobody writes.
    still: Option<FileStat>,
}

/// The file beside a database that belongs to it: beside the database itself, not beside a link to it.
#[must_use]
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.canonicalize().unwrap_or_else(|_| path.to_path_buf()).into_os_string();
    name.push(suffix);
    PathBuf::from(name)
}

/// The database that a file beside it belongs to.
#[must_use]
pub fn owner(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    ["-wal", "-journal"].iter().find_map(|suffix| name.strip_suffix(suffix)).map(|name| path.with_file_name(name))
}

impl Database {
    /// Opens a database to read these tables, of which some have to be there.
    pub(super) fn open(path: &Path, tables: &'static [Table]) -> io::Result<Database> {
        let still = is_still(path).then(|| fs::metadata(path).map(|meta| fingerprint::stat(&meta, 0))).transpose()?;
        let conn = connect(path, still.is_some()).map_err(words)?;
        let queries = queries(&conn, tables).map_err(words)?;
        if queries.is_empty() && !is_empty(&conn).map_err(words)? {
            let names: Vec<&str> = tables.iter().map(|table| table.name).collect();
            return Err(other(format!("is no database of this agent, or of a newer release: it has no table {}", names.join(" or "))));
        }
        Ok(Database { conn, path: path.to_path_buf(), queries, still })
    }

    /// The tables that are there.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'static str> {
        self.queries.iter().map(|query| query.table.name)
    }

    /// Goes back to the newest row of each table that is still the one that was read.
    pub(super) fn find_again(&self, place: &mut Place) -> io::Result<()> {
        let there: BTreeSet<&str> = self.tables().collect();
        place.anchors.retain(|table, _| there.contains(table.as_str()));
        for Query { table, .. } in &self.queries {
            let Some(rows) = place.anchors.get_mut(table.name) else { continue };
            let sql = format!("SELECT {} FROM {} WHERE rowid = ?1", quoted(table.id), quoted(table.name));
            let mut ask = self.conn.prepare_cached(&sql).map_err(words)?;
            while let Some((number, id)) = rows.last() {
                let found: Option<String> = ask.query_row([number], |r| Ok(text(r.get_ref(0)?))).optional().map_err(words)?;
                if found.as_deref() == Some(id) {
                    break;
                }
                rows.pop();
            }
        }
        Ok(())
    }

    /// Adds the rows of a table behind `place`, up to about so many bytes; says whether there are more.
    pub(super) fn read(&self, table: &str, place: &mut Place, most: usize, out: &mut Rows) -> io::Result<bool> {
        let Some(query) = self.queries.iter().find(|query| query.table.name == table) else { return Ok(false) };
        let sql = format!("{} WHERE t.rowid > ?1 ORDER BY t.rowid", query.sql);
        let mut statement = self.conn.prepare_cached(&sql).map_err(words)?;
        let mut rows = statement.query([place.last(table)]).map_err(words)?;
        let mut last = None;
        let mut more = false;
        while let Some(row) = rows.next().map_err(words)? {
            if out.lines.len() >= most {
                more = true;
                break;
            }
            query.line(row, out).map_err(words)?;
            last = Some((row.get::<_, i64>(0).map_err(words)?, text(row.get_ref(1).map_err(words)?)));
        }
        drop(rows);
        self.check()?;
        if let Some((number, id)) = last {
            place.pass(table, number, id);
        }
        Ok(more)
    }

    /// Adds one row once more, as it is now.
    pub(super) fn read_again(&self, row: &RowId, out: &mut Rows) -> io::Result<()> {
        let Some(query) = self.queries.iter().find(|query| query.table.name == row.table) else { return Ok(()) };
        let sql = format!("{} WHERE t.{} = ?1", query.sql, quoted(query.table.id));
        let mut statement = self.conn.prepare_cached(&sql).map_err(words)?;
        let mut rows = statement.query([&row.id]).map_err(words)?;
        if let Some(row) = rows.next().map_err(words)? {
            query.line(row, out).map_err(words)?;
        } else {
            out.lines.extend_from_slice(b"{\"table\":");
            string(&row.table, &mut out.lines);
            out.lines.extend_from_slice(b",\"id\":");
            string(&row.id, &mut out.lines);
            out.lines.extend_from_slice(b",\"gone\":true}\n");
        }
        drop(rows);
        self.check()
    }

    /// Whether its agent may be writing it.
    pub(super) const fn is_live(&self) -> bool {
        self.still.is_none()
    }

    /// Whether what was just read can be trusted: a file that is read as one that nobody writes was not written.
    fn check(&self) -> io::Result<()> {
        let Some(still) = self.still else { return Ok(()) };
        let now = fs::metadata(&self.path).map(|meta| fingerprint::stat(&meta, 0))?;
        if now == still { Ok(()) } else { Err(other("was written while it was read; it is read again".to_owned())) }
    }
}

/// Whether nobody has the database open, nor left anything in the files beside it.
fn is_still(path: &Path) -> bool {
    let is_there = |suffix| fs::symlink_metadata(beside(path, suffix)).is_ok();
    let log = fs::metadata(beside(path, "-wal")).map_or(0, |meta| meta.len());
    log == 0 && !is_there("-shm") && !is_there("-journal")
}

fn connect(path: &Path, is_still: bool) -> rusqlite::Result<Connection> {
    let mut uri = "file:".to_owned();
    for byte in path.to_string_lossy().bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            _ => {
                let _ = write!(uri, "%{byte:02X}");
            }
        }
    }
    uri.push_str("?mode=ro");
    if is_still {
        uri.push_str("&immutable=1");
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(uri, flags)?;
    conn.busy_timeout(PATIENCE)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    conn.pragma_update(None, "query_only", true)?;
    Ok(conn)
}

fn is_empty(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("SELECT count(*) FROM sqlite_master", [], |r| r.get::<_, i64>(0)).map(|count| count == 0)
}

fn other(words: String) -> io::Error {
    io::Error::other(words)
}

/// What went wrong, for people.
#[expect(clippy::needless_pass_by_value, reason = "it takes what `map_err` gives")]
fn words(error: rusqlite::Error) -> io::Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => other("is locked by another program; it is read later".to_owned()),
        Some(ErrorCode::NotADatabase) => other("is no SQLite database".to_owned()),
        Some(ErrorCode::DatabaseCorrupt) => other(format!("is a damaged SQLite database ({error})")),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly) => {
            other(format!("cannot be read while its agent is writing: its directory lets nobody but the agent in ({error})"))
        }
        _ => other(error.to_string()),
    }
}
