//! How the databases in the data directory are: for `doctor`.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::{beside, books, gpus, ledger, open};

/// One database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Where it lies.
    pub path: PathBuf,
    /// Its schema's version; nothing where it cannot be read.
    pub schema: Option<i64>,
    /// The newest version that this release knows.
    pub known: i64,
    /// The version that it was brought up to date from, where it was.
    pub came_from: Option<i64>,
    /// What `SQLite`'s own check found; nothing where all is sound.
    pub damage: Option<String>,
}

/// The databases that are there.
#[must_use]
pub fn databases(dir: &Path) -> Vec<Health> {
    let kinds: [(&str, i64); 4] = [
        (open::FILE, open::newest()),
        (ledger::FILE, ledger::KIND.known()),
        (books::FILE, books::KIND.known()),
        (gpus::FILE, gpus::KIND.known()),
    ];
    let there = kinds.into_iter().map(|(name, known)| (dir.join(name), known)).filter(|(path, _)| path.exists());
    there.map(|(path, known)| look(path, known)).collect()
}

fn look(path: PathBuf, known: i64) -> Health {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&path, flags);
    let ask = |sql: &str| conn.as_ref().ok()?.query_row(sql, [], |r| r.get::<_, i64>(0)).ok();
    let damage = match &conn {
        Ok(conn) => match conn.query_row("PRAGMA quick_check(1)", [], |r| r.get::<_, String>(0)) {
            Ok(word) if word == "ok" => None,
            Ok(word) => Some(word),
            Err(error) => Some(error.to_string()),
        },
        Err(error) => Some(error.to_string()),
    };
    let came_from = ask(&format!("SELECT version FROM {} LIMIT 1", beside::CAME_FROM));
    Health { schema: ask("PRAGMA user_version"), known, came_from, damage, path }
}

/// Databases that were damaged, or another program's, and have been moved aside; the oldest first.
#[must_use]
pub fn set_aside(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let is_one = |path: &PathBuf| {
        let number = path.file_name().and_then(|name| name.to_str()?.rsplit_once(".damaged-"));
        number.is_some_and(|(_, number)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()))
    };
    let mut found: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_one).collect();
    found.sort_by_key(|path| (fs::metadata(path).and_then(|meta| meta.modified()).ok(), path.clone()));
    found
}
