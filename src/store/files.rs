//! How far each log file is read.

use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension as _, params};

use crate::model::{Key, KeyMap};

use super::{Store, StoreError, seal};

/// What decides without opening a file whether it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileStat {
    /// Its inode; 0 where the system has none.
    pub ino: u64,
    /// Its size in bytes.
    pub size: u64,
    /// When it last changed, in nanoseconds since 1970: its change time; of a database, and where the system has none, its modification time.
    pub mtime: i64,
    /// The parser's version that read it.
    pub version: u32,
}

/// Everything remembered of a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileRow {
    /// Where it lies.
    pub path: PathBuf,
    /// Whose log it is.
    pub agent: String,
    /// As it was when last read.
    pub stat: FileStat,
    /// The first byte not read yet: always behind a newline.
    pub offset: u64,
    /// How many bytes at the start `head_hash` covers.
    pub head_len: u64,
    /// The identity of those bytes: another file under the same name shows here.
    pub head_hash: u64,
    /// The identity of the bytes just before `offset`: a rewritten file shows here.
    pub tail_hash: u64,
    /// How often it has been begun anew.
    pub generation: u32,
    /// Lines read.
    pub lines: u64,
    /// Lines that could not be read.
    pub malformed: u64,
    /// Why the first of them could not.
    pub first_malformed: Option<String>,
    /// The reader's memory.
    pub carry: Vec<u8>,
}

/// A path as a key: every start looks up every file.
#[must_use]
pub fn path_key(path: &Path) -> Key {
    Key::of(&[path.to_string_lossy().as_bytes()])
}

impl Store {
    /// The state of all files by [`path_key`], without their readers' memory.
    pub fn file_stats(&self) -> Result<KeyMap<FileStat>, StoreError> {
        let fail = self.fail("listing log files");
        let mut query = self.conn.prepare_cached("SELECT path, ino, size, mtime, version FROM file").map_err(&fail)?;
        let rows = query
            .query_map([], |r| {
                let stat = FileStat {
                    ino: r.get::<_, i64>(1)?.cast_unsigned(),
                    size: r.get::<_, i64>(2)?.cast_unsigned(),
                    mtime: r.get(3)?,
                    version: r.get(4)?,
                };
                Ok((Key::of(&[r.get_ref(0)?.as_bytes()?]), stat))
            })
            .map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// All log files that are known.
    pub fn paths(&self) -> Result<Vec<PathBuf>, StoreError> {
        let fail = self.fail("listing log files");
        let mut query = self.conn.prepare_cached("SELECT path FROM file").map_err(&fail)?;
        let rows = query.query_map([], |r| r.get::<_, String>(0).map(PathBuf::from)).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// What is remembered of one file.
    pub fn file(&self, path: &Path) -> Result<Option<FileRow>, StoreError> {
        self.conn
            .prepare_cached(&format!("SELECT {ALL} FROM file f LEFT JOIN carry c ON c.path = f.path WHERE f.path = ?1"))
            .and_then(|mut q| q.query_row([path.to_string_lossy()], read).optional())
            .map_err(self.fail("looking up a log file"))
    }

    /// What is remembered of all files, for `doctor`.
    pub fn files(&self) -> Result<Vec<FileRow>, StoreError> {
        let fail = self.fail("listing log files");
        let mut query =
            self.conn.prepare(&format!("SELECT {ALL} FROM file f LEFT JOIN carry c ON c.path = f.path ORDER BY f.path")).map_err(&fail)?;
        let rows = query.query_map([], read).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// The log files that a session was read from.
    pub fn files_of(&self, session: i64) -> Result<Vec<PathBuf>, StoreError> {
        let fail = self.fail("looking up a session's files");
        let mut query = self.conn.prepare_cached("SELECT path FROM file WHERE session = ?1 ORDER BY mtime DESC").map_err(&fail)?;
        let rows = query.query_map([session], |r| r.get::<_, String>(0).map(PathBuf::from)).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }
}

const ALL: &str = "f.path, agent, ino, size, mtime, version, offset, head_len, head_hash, tail_hash, generation, lines, malformed, first_malformed, c.memory";

fn read(r: &rusqlite::Row<'_>) -> rusqlite::Result<FileRow> {
    let unsigned = |i: usize| r.get::<_, i64>(i).map(i64::cast_unsigned);
    Ok(FileRow {
        path: PathBuf::from(r.get::<_, String>(0)?),
        agent: r.get(1)?,
        stat: FileStat { ino: unsigned(2)?, size: unsigned(3)?, mtime: r.get(4)?, version: r.get(5)? },
        offset: unsigned(6)?,
        head_len: unsigned(7)?,
        head_hash: unsigned(8)?,
        tail_hash: unsigned(9)?,
        generation: r.get(10)?,
        lines: unsigned(11)?,
        malformed: unsigned(12)?,
        first_malformed: r.get(13)?,
        carry: match r.get_ref(14)?.as_blob_or_null()? {
            Some(memory) => seal::opened(memory)?.to_vec(),
            None => Vec::new(),
        },
    })
}

/// Writes a file's state inside the transaction that writes what was read from it.
pub(super) fn save(tx: &rusqlite::Connection, file: &FileRow, session: Option<i64>) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO file (path, agent, ino, size, mtime, version, offset, head_len, head_hash, tail_hash, generation, lines, malformed, first_malformed, session)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)
         ON CONFLICT (path) DO UPDATE SET ino = excluded.ino, size = excluded.size, mtime = excluded.mtime, version = excluded.version,
            offset = excluded.offset, head_len = excluded.head_len, head_hash = excluded.head_hash, tail_hash = excluded.tail_hash,
            generation = excluded.generation, lines = excluded.lines, malformed = excluded.malformed,
            first_malformed = excluded.first_malformed, session = coalesce(file.session, excluded.session)",
    )?
    .execute(params![
        file.path.to_string_lossy(),
        file.agent,
        file.stat.ino.cast_signed(),
        file.stat.size.cast_signed(),
        file.stat.mtime,
        file.stat.version,
        file.offset.cast_signed(),
        file.head_len.cast_signed(),
        file.head_hash.cast_signed(),
        file.tail_hash.cast_signed(),
        file.generation,
        file.lines.cast_signed(),
        file.malformed.cast_signed(),
        file.first_malformed,
        session,
    ])?;
    tx.prepare_cached("INSERT INTO carry VALUES (?1, ?2) ON CONFLICT (path) DO UPDATE SET memory = excluded.memory")?
        .execute(params![file.path.to_string_lossy(), seal::sealed(&file.carry)])
        .map(|_| ())
}
