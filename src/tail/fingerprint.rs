//! Knowing a file again.

use std::fs::Metadata;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;

use crate::model::Key;
use crate::sources::Source;
use crate::store::FileStat;

use super::foreign::beside;

/// How many bytes at the start identify a file.
pub const HEAD: u64 = 1024;
/// How many bytes before the offset show whether what was read is still there: enough to hold what differs between
/// lines that end alike.
pub const TAIL: u64 = 512;

/// What can be seen of a file without opening it. The change time moves on every write and rename, and nobody can set
/// it back: a rewrite of the same size within the same modification time shows.
#[must_use]
pub fn stat(meta: &Metadata, version: u32) -> FileStat {
    #[cfg(unix)]
    let (ino, changed) = (meta.ino(), meta.ctime().saturating_mul(1_000_000_000).saturating_add(meta.ctime_nsec()));
    #[cfg(not(unix))]
    let (ino, changed) = (0, modified(meta));
    FileStat { ino, size: meta.len(), mtime: changed, version }
}

/// What can be seen of a log of this source without opening it.
///
/// What is new in a database stands in a file beside it, often for hours. Both are known by their modification time: to
/// open a database can move the change time, and a database is never renamed over another in between two writes.
#[must_use]
pub fn of(source: &dyn Source, path: &Path, meta: &Metadata) -> FileStat {
    let seen = stat(meta, source.version());
    if source.tables().is_empty() {
        return seen;
    }
    let log = std::fs::metadata(beside(path, "-wal")).ok().filter(|log| log.len() > 0);
    let size = seen.size.saturating_add(log.as_ref().map_or(0, Metadata::len));
    FileStat { size, mtime: modified(meta).max(log.as_ref().map_or(0, modified)), ..seen }
}

/// The modification time in nanoseconds; 0 where the system has none.
fn modified(meta: &Metadata) -> i64 {
    let since = meta.modified().ok().and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    since.and_then(|since| i64::try_from(since.as_nanos()).ok()).unwrap_or(0)
}

/// The identity of the `len` bytes that begin at `from`.
pub fn hash_at(file: &std::fs::File, from: u64, len: u64) -> io::Result<u64> {
    let mut bytes = vec![0; usize::try_from(len.min(HEAD)).unwrap_or(0)];
    read_exact_at(file, &mut bytes, from)?;
    Ok(Key::of(&[&bytes]).0)
}

/// Reads at a place without moving the file's own position, so that several threads can share the file.
#[cfg(unix)]
pub fn read_at(file: &std::fs::File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    file.read_at(buf, at)
}

/// Reads at a place.
#[cfg(not(unix))]
pub fn read_at(file: &std::fs::File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    use std::io::{Read as _, Seek as _};
    let mut file = file.try_clone()?;
    file.seek(io::SeekFrom::Start(at))?;
    file.read(buf)
}

fn read_exact_at(file: &std::fs::File, mut buf: &mut [u8], mut at: u64) -> io::Result<()> {
    while !buf.is_empty() {
        match read_at(file, buf, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                at += n as u64;
                buf = buf.get_mut(n..).unwrap_or_default();
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
