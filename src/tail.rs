//! From files to records: which files there are, which have changed, and what their new lines say.
//!
//! It knows the trait [`crate::sources::Source`] and no agent's format, and it never writes. A file is read up to its
//! last newline only, so that a record that is being written is never taken for a broken one, and it is known again by
//! its first kilobyte and the bytes before its offset rather than by its inode, which systems use again.
//!
//! Some agents write databases. Their rows are turned into lines ([`foreign`]), and what is behind that does not know the
//! difference.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use memchr::memmem;

pub mod catalog;
pub mod fingerprint;
pub mod foreign;
pub mod pool;
pub mod span;
pub mod watch;

pub use catalog::{Catalog, Found, RootReport};
pub use pool::{Job, Pool, Reading};
pub use span::Buffer;

/// A line longer than this is passed over and counted. Codex' own limit is 16 MiB.
pub const MAX_LINE: usize = 32 << 20;
/// How much of a file is read at once; larger files are shared between the cores in pieces of this size.
pub const CHUNK: u64 = 2 << 20;

/// Opens a log. What has taken its place meanwhile, a pipe or a device, is not waited for: it is an error.
pub fn open(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, nix::fcntl::OFlag::O_NONBLOCK.bits());
    let file = options.open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("is a pipe, a socket or a device, and left alone")) }
}

/// How far from its end a log is looked through for its last call.
const LAST_BYTES: u64 = 256 << 10;

/// Whether the end of a log has this text in it.
#[must_use]
pub fn mentions(log: &Path, text: &str) -> bool {
    let tail = || {
        let mut file = open(log)?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(LAST_BYTES)))?;
        let mut tail = Vec::new();
        file.take(LAST_BYTES).read_to_end(&mut tail)?;
        io::Result::Ok(tail)
    };
    tail().is_ok_and(|tail| memmem::find(&tail, text.as_bytes()).is_some())
}
