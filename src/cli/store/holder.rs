//! Who writes the store, where the system tells.

use std::path::Path;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::model::text::fit;
use crate::store::Store;

/// The file that the process which writes holds.
const LOCK: &str = "writer.lock";
/// Of a long command line so many columns are shown.
const WIDTH: usize = 60;
/// How often the list of locks is read.
const TRIES: u32 = 5;

/// The store, if this process is the one that may write it for good.
pub fn store_to_write(context: &Context) -> Result<Store, CliError> {
    let store = context.store()?;
    if store.path().as_os_str() == ":memory:" {
        let source = std::io::ErrorKind::PermissionDenied.into();
        return Err(CliError::File { doing: "write to", path: context.settings.data_dir.value.clone(), source });
    }
    if store.is_writer() { Ok(store) } else { Err(CliError::Held { by: holder(&context.settings.data_dir.value) }) }
}

/// The process that writes, as a person knows it: `aifinops top (process 4711)`.
#[must_use]
pub fn holder(dir: &Path) -> String {
    // The kernel's list is read in pieces, between which it may change: one that is there can be missed.
    (0..TRIES).find_map(|_| told(dir)).unwrap_or_else(|| "another aifinops".to_owned())
}

/// The kernel's list of locks says which process has a file.
#[cfg(target_os = "linux")]
fn told(dir: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let inode = std::fs::metadata(dir.join(LOCK)).ok()?.ino();
    let pid = locked_by(&std::fs::read_to_string("/proc/locks").ok()?, inode)?;
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let mut words = command.split(|byte| *byte == 0).map(String::from_utf8_lossy).filter(|word| !word.is_empty());
    let program = words.next()?;
    let name = Path::new(program.as_ref()).file_name()?.to_string_lossy().into_owned();
    let line = std::iter::once(name).chain(words.map(std::borrow::Cow::into_owned)).collect::<Vec<_>>().join(" ");
    Some(format!("`{}` (process {pid})", fit(&line, WIDTH)))
}

#[cfg(not(target_os = "linux"))]
fn told(_dir: &Path) -> Option<String> {
    None
}

/// The process in a line such as `3: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`.
#[cfg(target_os = "linux")]
fn locked_by(locks: &str, inode: u64) -> Option<u32> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let [_, "FLOCK", _, "WRITE", pid, file, ..] = words.as_slice() else { return None };
        let is_it = file.rsplit(':').next()?.parse() == Ok(inode);
        pid.parse().ok().filter(|_| is_it)
    })
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_holds_the_file_is_found() {
        let locks = "1: POSIX  ADVISORY  READ  11 08:01:131 128 128\n2: FLOCK  ADVISORY  WRITE 12 00:2a:132 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 00:2a:131 0 EOF\n3: FLOCK  ADVISORY  WRITE 14 00:2a:131 0 EOF\n";
        assert_eq!((locked_by(locks, 131), locked_by(locks, 132), locked_by(locks, 133)), (Some(14), Some(12), None));
    }
}
