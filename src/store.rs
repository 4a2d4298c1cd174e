//! The truth: one `SQLite` file. SQL has its home here and nowhere else.
//!
//! **Why so.** Agents delete their logs, processes get killed, and a screen must not cost what is stored but what it
//! shows. So a batch's rows, the changes they make to the sums, and the file's new offset are committed in one
//! transaction; calls are keyed by the agents' own ids, so that reading something twice changes nothing; and everything
//! that is drawn comes from sums kept per quarter of an hour, session and model.
//!
//! `SQLite` before 3.51.3 can corrupt a database that two processes write in WAL mode (the "WAL-reset" race); a test
//! holds the bundled version above it.

use std::path::PathBuf;

pub mod archive;
mod aside;
mod beside;
pub mod books;
pub mod chronicle;
mod compact;
pub mod deltas;
pub mod family;
pub mod files;
pub mod gpus;
pub mod health;
pub mod info;
pub mod kin;
pub mod ledger;
pub mod limits;
pub mod memory;
pub mod merge;
mod meta;
pub mod open;
mod others;
pub mod pace;
mod pack;
pub mod pending;
pub mod read;
pub mod rebuild;
mod rescue;
pub mod rows;
pub mod scan;
mod seal;
mod shelf;
pub mod spend;
pub mod strain;
pub mod sums;
pub mod tags;
mod trail;
pub mod write;

pub use books::Books;
pub use files::{FileRow, FileStat};
pub use gpus::GpuBook;
pub use kin::Kin;
pub use ledger::{Decision, Ledger};
pub use memory::Memory;
pub use open::{Opened, Store};
pub use sums::Sums;
pub use write::Piece;

/// What can go wrong with the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It has just been begun, and knows less than was spent.
    #[error("the logs have not been read into the store yet; that is being done now")]
    Partial,
    /// `SQLite` refused.
    #[error("the store could not be used while {doing}: {} ({path})", word(source))]
    Sqlite {
        /// The operation.
        doing: &'static str,
        /// The database file.
        path: PathBuf,
        /// `SQLite`'s word.
        source: rusqlite::Error,
    },
    /// The directory or file could not be made.
    #[error("could not create {path}: {source}")]
    Create {
        /// The directory or file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
    /// The database is some other program's.
    #[error("the database at {path} is not a store of aifinops")]
    Foreign {
        /// The database file.
        path: PathBuf,
    },
    /// A newer release wrote it.
    #[error(
        "the store at {path} was written by a newer aifinops (schema {found}, this one knows {known}): update aifinops, or set another data dir"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema.
        found: i64,
        /// Ours.
        known: i64,
    },
}

impl StoreError {
    /// Whether the database file itself is damaged or is no database. All our statements are known to fit our schema: one
    /// that does not, or a value of another type than its column's, is damage as well.
    #[must_use]
    pub fn is_damage(&self) -> bool {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, QueryReturnedNoRows, SqlInputError, SqliteFailure,
            Utf8Error,
        };
        use rusqlite::ErrorCode::{DatabaseCorrupt, NotADatabase};
        let StoreError::Sqlite { source, .. } = self else { return false };
        match source {
            SqlInputError { msg, .. } => is_schema(msg),
            SqliteFailure(error, Some(msg)) if error.extended_code == 1 => is_schema(msg),
            // Values that nobody wrote; and a row that an index says is there, and is not.
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) | Utf8Error(..) | QueryReturnedNoRows => {
                true
            }
            _ => matches!(source.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase)),
        }
    }

    /// Whether another process holds a lock.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
        matches!(self, StoreError::Sqlite { source, .. } if matches!(source.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked)))
    }

    /// Whether trying again later may succeed: a full disk, a lock, a directory that cannot be written.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        use rusqlite::ErrorCode::{CannotOpen, DatabaseBusy, DatabaseLocked, DiskFull, ReadOnly, SystemIoFailure};
        matches!(self, StoreError::Sqlite { source, .. }
            if matches!(source.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked | DiskFull | SystemIoFailure | ReadOnly | CannotOpen)))
    }
}

/// What `SQLite` says, without the statement that it says it about.
fn word(error: &rusqlite::Error) -> String {
    if let rusqlite::Error::SqlInputError { msg, .. } = error { msg.clone() } else { error.to_string() }
}

/// Whether `SQLite` misses a part of the schema.
fn is_schema(message: &str) -> bool {
    message.starts_with("no such ") || message.contains(" has no column ")
}
