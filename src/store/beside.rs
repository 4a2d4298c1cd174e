//! How the small databases beside the store are opened: the record of caps, what gateways have counted, and what GPUs have done.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;
use super::aside::{mark, set_aside};
use super::open::{private_dir, private_file, recognize, unless_busy};
use super::rescue::copy_of;
use crate::disk::{Lock, identity};

/// The table that says which version a database was brought up to date from. Not a part of any schema: only `doctor` asks.
pub(super) const CAME_FROM: &str = "came_from";

/// Notes in a database that it is brought up to date.
pub(super) fn note_version(conn: &Connection, found: i64) -> rusqlite::Result<()> {
    if found == 0 {
        return Ok(());
    }
    conn.execute_batch(&format!(
        "CREATE TABLE IF NOT EXISTS {CAME_FROM} (version INTEGER NOT NULL) STRICT; DELETE FROM {CAME_FROM}; INSERT INTO {CAME_FROM} VALUES ({found})"
    ))
}

/// What such a database is.
pub(super) struct Kind {
    /// Its file's name in the data directory.
    pub file: &'static str,
    /// What marks the file as ours.
    pub application: i64,
    /// The schema's steps, applied in order and never edited.
    pub migrations: &'static [&'static str],
    /// How far a transaction is written through before it counts: `SQLite`'s word.
    pub synchronous: &'static str,
    /// What opening it is called in an error.
    pub opening: &'static str,
}

/// An open one.
pub(super) struct Opened {
    pub conn: Connection,
    pub place: Place,
    /// Where a damaged one was moved to, and this one begun anew.
    pub aside: Option<PathBuf>,
}

/// Where an open database lies.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub path: PathBuf,
    /// Which file that was when it was opened.
    file: Option<(u64, u64)>,
}

impl Place {
    /// Where the database lies that has just been opened.
    pub(super) fn of(path: &Path) -> Place {
        Place { path: path.to_path_buf(), file: identity(path) }
    }

    /// Whether another file stands there by now, or none: it was moved aside or deleted, and what is written to the open one is
    /// read by nobody.
    pub(super) fn is_displaced(&self) -> bool {
        identity(&self.path) != self.file
    }

    /// Marks the database as damaged, so that whoever opens it next deals with that; but not another one in its place.
    pub(super) fn mark_damaged(&self) {
        if !self.is_displaced() {
            let _ = private_file(&mark(&self.path)); // without it the next one meets the damage as this one did
        }
    }
}

impl Kind {
    /// Opens it, making it if need be. A statement waits at most `patience` for another process. One that is damaged, or not
    /// ours, is moved aside and begun anew.
    pub(super) fn open(&self, dir: &Path, patience: Duration) -> Result<Opened, StoreError> {
        private_dir(dir)?;
        let path = dir.join(self.file);
        let before = identity(&path);
        if is_gone(&path) {
            let (conn, aside) = self.begin_anew(&path, patience)?;
            return Ok(Opened { conn, place: Place::of(&path), aside });
        }
        let (conn, aside) = match self.open_file(&path, patience) {
            Err(error) if is_lost(&error) || identity(&path) != before => self.begin_anew(&path, patience)?,
            // Damage that was met in the middle of somebody's work; or somebody was moving the file aside just now, and what was
            // opened or made is in the middle of that: its log would go the same way.
            Ok(conn) if mark(&path).exists() || identity(&path) != before => {
                drop(conn);
                self.begin_anew(&path, patience)?
            }
            opened => (opened?, None),
        };
        Ok(Opened { conn, place: Place::of(&path), aside })
    }

    /// Several processes may meet the same damage: one moves it aside, and the others go on with what that one has begun.
    fn begin_anew(&self, path: &Path, patience: Duration) -> Result<(Connection, Option<PathBuf>), StoreError> {
        let _alone = lock(path)?;
        if !mark(path).exists() && !is_gone(path) {
            match self.open_file(path, patience) {
                Err(error) if is_lost(&error) => {}
                opened => return opened.map(|conn| (conn, None)),
            }
        }
        let aside = set_aside(path);
        Ok((self.open_file(path, patience)?, Some(aside)))
    }

    fn open_file(&self, path: &Path, patience: Duration) -> Result<Connection, StoreError> {
        private_file(path)?;
        let fail = |source| StoreError::Sqlite { doing: self.opening, path: path.to_path_buf(), source };
        let mut conn = Connection::open(path).map_err(fail)?;
        conn.busy_timeout(patience).map_err(fail)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(fail)?;
        let found = recognize(&conn, path, self.opening, (self.application, self.known()))?;
        conn.pragma_update(None, "synchronous", self.synchronous).map_err(fail)?;
        if found < self.known() {
            self.migrate(&mut conn, patience).map_err(fail)?;
        }
        Ok(conn)
    }

    /// The newest version of its schema.
    pub(super) fn known(&self) -> i64 {
        i64::try_from(self.migrations.len()).unwrap_or(i64::MAX)
    }

    fn migrate(&self, conn: &mut Connection, patience: Duration) -> rusqlite::Result<()> {
        // SQLite does not wait for the lock that the first switch to WAL needs.
        let begun = Instant::now();
        while let Err(error) = conn.pragma_update(None, "journal_mode", "WAL") {
            if unless_busy(error).is_err() || begun.elapsed() > patience {
                return conn.pragma_update(None, "journal_mode", "WAL");
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have done it while this one waited.
        let found = version(&tx)?;
        for step in self.migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
            tx.execute_batch(step)?;
        }
        note_version(&tx, found)?;
        tx.pragma_update(None, "application_id", self.application)?;
        tx.pragma_update(None, "user_version", self.known())?;
        tx.commit()
    }
}

/// Whether nothing can be done with the file: it is damaged, or another program's.
fn is_lost(error: &StoreError) -> bool {
    error.is_damage() || matches!(error, StoreError::Foreign { .. })
}

/// Whether there is nothing in it although there has been: it has a copy.
fn is_gone(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |meta| meta.len() == 0) && copy_of(path).exists()
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |r| r.get(0))
}

/// Waits until nobody else is mending this database; held until it is dropped.
fn lock(path: &Path) -> Result<Lock, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push("-mend");
    let name = PathBuf::from(name);
    Lock::wait(&name).map_err(|source| StoreError::Create { path: name, source })
}

/// What a failed statement becomes. Damage is marked, so that whoever opens the file next deals with it.
pub(super) fn failed(place: &Place, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
    let place = place.clone();
    move |source| {
        let error = StoreError::Sqlite { doing, path: place.path.clone(), source };
        if error.is_damage() {
            place.mark_damaged();
        }
        error
    }
}
