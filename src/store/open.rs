//! Opening the database: permissions, settings, migrations, and who may write.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::StoreError;
use super::aside::{mark, set_aside};
use super::beside::{Place, note_version};
use super::rebuild::rebuild;
use super::rows::pack_old;
use super::seal::{check_names, seal_names, seal_old};
use crate::disk::{self, Lock};

/// The schema's steps, applied in order and never edited.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_first.sql"),
    include_str!("migrations/0002_tools.sql"),
    include_str!("migrations/0003_packs.sql"),
    include_str!("migrations/0004_days.sql"),
    include_str!("migrations/0005_repeats.sql"),
    include_str!("migrations/0006_told.sql"),
    include_str!("migrations/0007_seals.sql"),
    include_str!("migrations/0008_names.sql"),
];

/// The newest version of the schema.
pub(super) fn newest() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The database's name in the data directory.
pub const FILE: &str = "aifinops.db";

/// How the notice begins of a store that had to be opened in memory.
pub const FORGETFUL: &str = "nothing will be remembered";

const DAMAGED: &str = "was damaged";

/// What marks a database as ours: "aifi".
const APPLICATION: i64 = 0x6169_6669;

/// How long a statement waits for another process' lock.
const BUSY: Duration = Duration::from_secs(2);

/// A log of more bytes than this is written back by whoever has just answered.
const TIDY_FROM: u64 = 4 << 20;

/// What is kept in memory of the database's pages, in KiB, as `SQLite` wants it said. A process that stays fills it sooner or
/// later, however little it does; the system has the pages at hand as well.
const CACHE: i64 = -4096;
/// The same during a large import.
const CACHE_FOR_MUCH: i64 = -49_152;

/// The open database.
#[derive(Debug)]
pub struct Store {
    pub(super) conn: Connection,
    pub(super) place: Place,
    /// Held for as long as this process is the one that writes.
    lock: Option<Lock>,
}

/// How opening went.
#[derive(Debug)]
pub struct Opened {
    /// The store.
    pub store: Store,
    /// What the user should know: a damaged store was moved aside, a directory cannot be written.
    pub notice: Option<String>,
}

impl Store {
    /// Opens the store in `dir`, making it if need be.
    ///
    /// A damaged database is moved aside and a new one begun, since all of it can be read again from the logs. Where the
    /// directory cannot be written the store lives in memory for this run. Both are told in the notice. A database of a
    /// newer release is an error.
    pub fn open(dir: &Path) -> Result<Opened, StoreError> {
        match Store::open_on_disk(dir) {
            Err(error @ StoreError::Newer { .. }) => Err(error),
            Err(error) => {
                let notice = format!("{FORGETFUL} after this run: {error}");
                Ok(Opened { store: Store::in_memory_from(&dir.join(FILE))?, notice: Some(notice) })
            }
            opened => opened,
        }
    }

    /// As [`Store::open`], where a directory that cannot be written is an error.
    pub fn open_on_disk(dir: &Path) -> Result<Opened, StoreError> {
        let path = dir.join(FILE);
        match Store::open_file(dir, &path) {
            // Damage that a run met in the middle of its work.
            Ok(store) if store.is_writer() && mark(&path).exists() => {
                drop(store);
                Store::replace(dir)
            }
            Ok(store) => Ok(Opened { store, notice: None }),
            Err(error @ StoreError::Foreign { .. }) => Store::begin_anew(dir, "was another program's database", Some(error)),
            Err(error) if error.is_damage() => Store::begin_anew(dir, DAMAGED, Some(error)),
            Err(error) => Err(error),
        }
    }

    /// Moves the damaged database in `dir` aside and begins a new one. Nothing of this process may have it open.
    pub fn replace(dir: &Path) -> Result<Opened, StoreError> {
        Store::begin_anew(dir, DAMAGED, None)
    }

    /// Only who may write moves a database aside: under somebody who writes to it, its file must not be exchanged. `met` is what
    /// is wrong with it, for who may not.
    fn begin_anew(dir: &Path, why: &str, met: Option<StoreError>) -> Result<Opened, StoreError> {
        let path = dir.join(FILE);
        let Some(lock) = take_lock(&dir.join("writer.lock"))? else {
            return met.map_or_else(|| Store::open_file(dir, &path).map(|store| Opened { store, notice: None }), Err);
        };
        let aside = set_aside(&path);
        drop(lock);
        let store = Store::open_file(dir, &path)?;
        let notice = format!("the store {why} and has been moved to {}; all logs are read again", aside.display());
        Ok(Opened { store, notice: Some(notice) })
    }

    fn open_file(dir: &Path, path: &Path) -> Result<Store, StoreError> {
        private_dir(dir)?;
        private_file(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let fail = |doing| move |source| StoreError::Sqlite { doing, path: path.to_path_buf(), source };
        let conn = Connection::open_with_flags(path, flags).map_err(fail("opening it"))?;
        let mut store = Store { conn, place: Place::of(path), lock: None };
        // SQLite does not wait for the lock that the first switch to WAL needs.
        let begun = Instant::now();
        while let Err(error) = store.recognize(BUSY).and_then(|()| store.configure()) {
            if !error.is_busy() || begun.elapsed() > BUSY {
                return Err(error);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        store.migrate()?;
        check_names(&store.conn).map_err(store.fail("reading names"))?;
        // Neither reading nor locking tells whether the database can be written: a write that changes nothing does.
        let fail = |doing| move |source| StoreError::Sqlite { doing, path: path.to_path_buf(), source };
        store.lock = take_lock(&dir.join("writer.lock"))?;
        if store.lock.is_some() {
            store
                .conn
                .execute_batch("BEGIN IMMEDIATE; ROLLBACK")
                .or_else(unless_busy)
                .map_err(fail("looking whether it can be written"))?;
        }
        Ok(store)
    }

    /// Opens the store for an answer that somebody waits for: no statement waits longer than `patience` for another process,
    /// and nothing is mended. What is wrong is an error; the next one who opens it with time deals with it.
    pub fn open_quickly(dir: &Path, patience: Duration) -> Result<Store, StoreError> {
        let mut store = Store::open_beside(dir, patience)?;
        store.lock = take_lock(&dir.join("writer.lock"))?;
        Ok(store)
    }

    /// As [`Store::open_quickly`], for who only looks on, and so never stands in the way of who would write.
    pub fn open_beside(dir: &Path, patience: Duration) -> Result<Store, StoreError> {
        private_dir(dir)?;
        let path = dir.join(FILE);
        private_file(&path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let fail = |source| StoreError::Sqlite { doing: "opening it", path: path.clone(), source };
        let conn = Connection::open_with_flags(&path, flags).map_err(fail)?;
        let mut store = Store { conn, place: Place::of(&path), lock: None };
        let fail = |source| StoreError::Sqlite { doing: "opening it", path: path.clone(), source };
        // Whoever holds it whole is waited for once, not with each question.
        if store.conn.busy_timeout(patience).and_then(|()| is_current(&store.conn)).map_err(fail)? {
            store.configure_quickly()?;
        } else {
            store.recognize(patience)?;
            store.configure()?;
            store.migrate()?;
        }
        Ok(store)
    }

    /// A store that lives as long as the process and begins with what the database in `path` holds, as far as that can be
    /// read.
    fn in_memory_from(path: &Path) -> Result<Store, StoreError> {
        let mut store = Store::in_memory()?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
        // Where nobody can write, nobody changes it: without that promise SQLite needs a file of its own beside it.
        let uri = format!("file:{}?immutable=1", path.display().to_string().replace('%', "%25").replace('?', "%3f").replace('#', "%23"));
        let copied = Connection::open_with_flags(path, flags)
            .and_then(|from| copy(&from, &mut store.conn))
            .or_else(|_| Connection::open_with_flags(uri, flags).and_then(|from| copy(&from, &mut store.conn)));
        if copied.is_err() || store.recognize(BUSY).is_err() || store.migrate().is_err() {
            return Store::in_memory();
        }
        Ok(store)
    }

    /// A store that lives as long as the process.
    pub fn in_memory() -> Result<Store, StoreError> {
        let path = PathBuf::from(":memory:");
        let conn = Connection::open_in_memory().map_err(|source| StoreError::Sqlite { doing: "opening it", path: path.clone(), source })?;
        let mut store = Store { conn, place: Place::of(&path), lock: None };
        store.configure()?;
        store.migrate()?;
        Ok(store)
    }

    /// Whether this process may write: only one does, the others follow.
    #[must_use]
    pub fn is_writer(&self) -> bool {
        self.lock.is_some() || self.is_in_memory()
    }

    /// Whether it ends with the process.
    #[must_use]
    pub fn is_in_memory(&self) -> bool {
        self.place.path.as_os_str() == ":memory:"
    }

    /// Tries again to become the one that writes, after another process has ended.
    pub fn become_writer(&mut self) -> bool {
        if !self.is_writer()
            && !self.is_displaced()
            && let Some(dir) = self.place.path.parent()
        {
            self.lock = take_lock(&dir.join("writer.lock")).unwrap_or_default();
        }
        self.is_writer()
    }

    /// Whether its file is another one by now, or gone: somebody moved it aside or deleted it. What is written to it is read by nobody.
    #[must_use]
    pub fn is_displaced(&self) -> bool {
        !self.is_in_memory() && self.place.is_displaced()
    }

    /// Lets another process write.
    pub fn stop_writing(&mut self) {
        self.lock = None;
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.place.path
    }

    /// The directory that it lies in.
    #[must_use]
    pub fn dir(&self) -> PathBuf {
        self.place.path.parent().map(Path::to_path_buf).unwrap_or_default()
    }

    /// The version of `SQLite` in use.
    #[must_use]
    pub fn sqlite_version() -> &'static str {
        rusqlite::version()
    }

    pub(super) fn fail(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        let (place, is_on_disk) = (self.place.clone(), !self.is_in_memory());
        move |source| {
            let error = StoreError::Sqlite { doing, path: place.path.clone(), source };
            if error.is_damage() && is_on_disk {
                place.mark_damaged();
            }
            error
        }
    }

    /// Whether the file is a store at all, and one that this release may touch: nothing is written before that is known.
    fn recognize(&self, patience: Duration) -> Result<(), StoreError> {
        let fail = self.fail("opening it");
        self.conn.busy_timeout(patience).map_err(&fail)?;
        recognize(&self.conn, &self.place.path, "opening it", (APPLICATION, newest())).map(|_| ())
    }

    fn configure(&self) -> Result<(), StoreError> {
        let fail = self.fail("setting it up");
        // The last process to close would otherwise write the whole log back and wait for the disk.
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(&fail)?;
        // Plans that depend on the values bound to a statement would be made anew with every value.
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(&fail)?;
        // A store that another process fills for the first time has no log yet, and will have one.
        match self.conn.pragma_update(None, "journal_mode", "WAL").map_err(&fail) {
            Err(error) if error.is_busy() && self.has_schema() => {}
            other => other?,
        }
        self.conn
            .execute_batch(
                "PRAGMA synchronous = NORMAL; PRAGMA temp_store = MEMORY;
                 PRAGMA wal_autocheckpoint = 8000; PRAGMA journal_size_limit = 8388608;",
            )
            .and_then(|()| self.conn.pragma_update(None, "cache_size", CACHE))
            .map_err(&fail)?;
        self.conn.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    /// What an answer in milliseconds needs of [`Store::configure`]: the rest has been done by whoever made the file.
    fn configure_quickly(&self) -> Result<(), StoreError> {
        let fail = self.fail("setting it up");
        self.conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true).map_err(&fail)?;
        self.conn.execute_batch("PRAGMA synchronous = NORMAL").map_err(&fail)?;
        self.conn.set_prepared_statement_cache_capacity(64);
        Ok(())
    }

    /// Applies the steps that are missing, as a whole.
    fn migrate(&mut self) -> Result<(), StoreError> {
        let fail = self.fail("bringing its schema up to date");
        let known = newest();
        let found: i64 = self.conn.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(&fail)?;
        if found == known {
            return Ok(());
        }
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        // Another process may have done it while this one waited.
        let found: i64 = tx.query_row("PRAGMA user_version", [], |r| r.get(0)).map_err(&fail)?;
        for step in MIGRATIONS.iter().skip(usize::try_from(found).unwrap_or(0)) {
            tx.execute_batch(step).map_err(&fail)?;
        }
        if (1..7).contains(&found) {
            seal_old(&tx).map_err(&fail)?;
        }
        if (1..8).contains(&found) {
            seal_names(&tx).map_err(&fail)?;
        }
        if found < 3 {
            pack_old(&tx).map_err(&fail)?;
        }
        if found == 1 {
            // A failure whose call no log shows counted for the tool calls of 0.1.0.
            rebuild(&tx).map_err(&fail)?;
        }
        note_version(&tx, found).map_err(&fail)?;
        tx.pragma_update(None, "application_id", APPLICATION).map_err(&fail)?;
        tx.pragma_update(None, "user_version", known).map_err(&fail)?;
        tx.commit().map_err(&fail)
    }

    /// Writes the log back into the database and gives up its space. Not needed for safety; done when there is time.
    pub fn checkpoint(&self) {
        // The first writes back while others go on writing; the second finds nothing left to write and keeps them waiting
        // for a moment only. Busy readers only delay it.
        for mode in ["PASSIVE", "TRUNCATE"] {
            let _ = self.conn.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
        }
    }

    /// Prepares for a large import, or goes back to the usual: much memory for the database's pages, the log written back
    /// later, and no log at all for a store that is empty. What is new needs no copy of what was there, so the pages are
    /// written once, to their place; a rollback journal keeps the few old ones.
    pub fn make_room(&self, much: bool) {
        // Only matters of speed: where another process is looking on, the log stays.
        let _ = self.conn.pragma_update(None, "cache_size", if much { CACHE_FOR_MUCH } else { CACHE });
        let _ = self.conn.execute_batch(if much {
            "PRAGMA wal_autocheckpoint = 0"
        } else {
            "PRAGMA wal_autocheckpoint = 8000; PRAGMA shrink_memory"
        });
        let mode = if much && self.is_empty().unwrap_or(false) { "TRUNCATE" } else { "WAL" };
        let _ = self.conn.pragma_update(None, "journal_mode", mode);
    }

    /// Whether no log has been read yet.
    pub(super) fn is_empty(&self) -> rusqlite::Result<bool> {
        self.conn
            .prepare_cached("SELECT NOT EXISTS (SELECT 1 FROM packed_call) AND NOT EXISTS (SELECT 1 FROM packed_fact)")?
            .query_row([], |r| r.get(0))
    }

    /// Whether the schema is there.
    fn has_schema(&self) -> bool {
        self.conn.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0)).is_ok_and(|version| version > 0)
    }

    /// Bytes that the next process to open the store has to go through first.
    #[must_use]
    pub fn log_size(&self) -> u64 {
        let mut log = self.place.path.clone().into_os_string();
        log.push("-wal");
        fs::metadata(log).map_or(0, |meta| meta.len())
    }

    /// [`Store::checkpoint`], if the log has grown so much that the next process would feel it when it opens the store.
    pub fn tidy(&self) {
        if self.is_writer() && self.log_size() > TIDY_FROM {
            self.checkpoint();
        }
    }

    /// A number that changes when another connection has written.
    #[must_use]
    pub fn data_version(&self) -> i64 {
        self.conn.query_row("PRAGMA data_version", [], |r| r.get(0)).unwrap_or(0)
    }

    /// `SQLite`'s own check of the whole file: `None` when it is sound.
    #[must_use]
    pub fn integrity(&self) -> Option<String> {
        let word = self.conn.query_row("PRAGMA integrity_check(1)", [], |r| r.get::<_, String>(0));
        match word {
            Ok(word) if word == "ok" => None,
            Ok(word) => Some(word),
            Err(error) => Some(error.to_string()),
        }
    }

    /// The bytes that the database and its log take on disk.
    #[must_use]
    pub fn size(&self) -> u64 {
        ["", "-wal", "-shm"]
            .iter()
            .filter_map(|suffix| {
                let mut name = self.place.path.clone().into_os_string();
                name.push(suffix);
                fs::metadata(name).ok().map(|m| m.len())
            })
            .sum()
    }
}

/// Whether a database is a store of this very schema, with a log.
fn is_current(conn: &Connection) -> rusqlite::Result<bool> {
    let number = |sql: &str| conn.query_row(sql, [], |r| r.get::<_, i64>(0));
    let is_ours = number("PRAGMA user_version")? == newest() && number("PRAGMA application_id")? == APPLICATION;
    Ok(is_ours && conn.query_row("PRAGMA journal_mode", [], |r| r.get::<_, String>(0))? == "wal")
}

/// Makes a directory, and those above it, that only their owner may enter: as the XDG base directory specification has it.
pub fn private_dir(dir: &Path) -> Result<(), StoreError> {
    if dir.is_dir() {
        return Ok(());
    }
    disk::private_directory().create(dir).map_err(|source| StoreError::Create { path: dir.to_path_buf(), source })
}

/// Makes a file that only its owner may read, before `SQLite` would make it with the umask's rights.
pub(super) fn private_file(path: &Path) -> Result<(), StoreError> {
    disk::no_pipe(path).map_err(|source| StoreError::Create { path: path.to_path_buf(), source })?;
    // A database that is there is not opened: closing it again would take away the locks that SQLite holds on it elsewhere in this
    // process, for that is how locks of files are (fcntl(2), "Advisory record locking").
    match disk::private_file().open(disk::target(path)) {
        Ok(_) => Ok(()),
        Err(_) if path.exists() => Ok(()), // SQLite will say what it can do with it
        Err(source) => Err(StoreError::Create { path: path.to_path_buf(), source }),
    }
}

/// The lock of the one that writes, or nothing while another process holds it.
fn take_lock(path: &Path) -> Result<Option<Lock>, StoreError> {
    Lock::take(path).map_err(|source| StoreError::Create { path: path.to_path_buf(), source })
}

/// The schema's version, of a file that is `application`'s or empty, and not newer than what is `known`: nothing is written before
/// that is known.
pub(super) fn recognize(conn: &Connection, path: &Path, doing: &'static str, (application, known): (i64, i64)) -> Result<i64, StoreError> {
    // In one statement: another process may be making the file just now.
    let sql = "SELECT user_version, application_id, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version, pragma_application_id";
    let row = |r: &rusqlite::Row<'_>| Ok((r.get::<_, i64>(0)?, r.get::<_, i64>(1)?, r.get::<_, i64>(2)?));
    let path = || path.to_path_buf();
    let (found, whose, tables) = conn.query_row(sql, [], row).map_err(|source| StoreError::Sqlite { doing, path: path(), source })?;
    match whose == application {
        true if found > known => Err(StoreError::Newer { path: path(), found, known }),
        false if tables > 0 || found > 0 => Err(StoreError::Foreign { path: path() }),
        _ => Ok(found),
    }
}

/// Another process that writes shows that writing is possible.
pub(super) fn unless_busy(error: rusqlite::Error) -> rusqlite::Result<()> {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    if matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked)) { Ok(()) } else { Err(error) }
}

/// Copies a whole database.
fn copy(from: &Connection, to: &mut Connection) -> rusqlite::Result<()> {
    rusqlite::backup::Backup::new(from, to)?.run_to_completion(i32::MAX, Duration::ZERO, None)
}
