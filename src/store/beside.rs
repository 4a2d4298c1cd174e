//! How the small databases beside the store are opened: the record of caps, and what gateways have counted.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, TransactionBehavior};

use super::StoreError;
use super::open::{private_dir, private_file, set_aside};

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
    pub path: PathBuf,
    /// Where a damaged one was moved to, and this one begun anew.
    pub aside: Option<PathBuf>,
}

impl Kind {
    /// Opens it, making it if need be. A statement waits at most `patience` for another process. One that is damaged, or not
    /// ours, is moved aside and begun anew.
    pub(super) fn open(&self, dir: &Path, patience: Duration) -> Result<Opened, StoreError> {
        private_dir(dir)?;
        let path = dir.join(self.file);
        let (conn, aside) = match self.open_file(&path, patience) {
            Err(error) if error.is_damage() || matches!(error, StoreError::Foreign { .. }) => {
                let aside = set_aside(&path);
                (self.open_file(&path, patience)?, Some(aside))
            }
            opened => (opened?, None),
        };
        Ok(Opened { conn, path, aside })
    }

    fn open_file(&self, path: &Path, patience: Duration) -> Result<Connection, StoreError> {
        private_file(path)?;
        let fail = |source| StoreError::Sqlite { doing: self.opening, path: path.to_path_buf(), source };
        let mut conn = Connection::open(path).map_err(fail)?;
        conn.busy_timeout(patience).map_err(fail)?;
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(fail)?;
        let known = i64::try_from(self.migrations.len()).unwrap_or(i64::MAX);
        let found = version(&conn).map_err(fail)?;
        if found > known {
            return Err(StoreError::Newer { path: path.to_path_buf(), found, known });
        }
        conn.pragma_update(None, "synchronous", self.synchronous).map_err(fail)?;
        if found == known {
            let application: i64 = conn.query_row("PRAGMA application_id", [], |r| r.get(0)).map_err(fail)?;
            return if application == self.application { Ok(conn) } else { Err(StoreError::Foreign { path: path.to_path_buf() }) };
        }
        self.migrate(&mut conn).map_err(fail)?;
        Ok(conn)
    }

    fn migrate(&self, conn: &mut Connection) -> rusqlite::Result<()> {
        conn.pragma_update(None, "journal_mode", "WAL")?;
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have done it while this one waited.
        let found = version(&tx)?;
        for step in self.migrations.iter().skip(usize::try_from(found).unwrap_or(0)) {
            tx.execute_batch(step)?;
        }
        tx.pragma_update(None, "application_id", self.application)?;
        tx.pragma_update(None, "user_version", i64::try_from(self.migrations.len()).unwrap_or(i64::MAX))?;
        tx.commit()
    }
}

fn version(conn: &Connection) -> rusqlite::Result<i64> {
    conn.query_row("PRAGMA user_version", [], |r| r.get(0))
}
