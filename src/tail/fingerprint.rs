//! Knowing a file again.

use std::fs::Metadata;
use std::io;
#[cfg(unix)]
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use crate::model::Key;
use crate::store::FileStat;

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
    let (ino, changed) = (
        0,
        meta.modified()
            .ok()
            .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
            .and_then(|d| i64::try_from(d.as_nanos()).ok())
            .unwrap_or(0),
    );
    FileStat { ino, size: meta.len(), mtime: changed, version }
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
