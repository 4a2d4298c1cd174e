//! Who writes the store, where the system tells.

use std::path::Path;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::model::secret::mask;
use crate::model::text::fit;
use crate::proc::Table;
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
    // One that is there can be missed.
    (0..TRIES).find_map(|_| told(dir)).unwrap_or_else(|| "another aifinops".to_owned())
}

/// The system's table of processes says which one has a file.
#[cfg(unix)]
fn told(dir: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;

    let inode = std::fs::metadata(dir.join(LOCK)).ok()?.ino();
    let table = Table::default();
    let pid = table.locks().iter().find(|held| held.inode == inode)?.pid?;
    let words = table.arguments(pid);
    let (program, rest) = words.split_first()?;
    let name = Path::new(program).file_name()?.to_string_lossy();
    let line = mask(std::iter::once(name.as_ref()).chain(rest.iter().map(String::as_str)));
    Some(format!("`{}` (process {pid})", fit(&line, WIDTH)))
}

#[cfg(not(unix))]
fn told(_dir: &Path) -> Option<String> {
    None
}
