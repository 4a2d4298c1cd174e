//! The configuration file on disk.

use std::io;
use std::path::Path;

use super::edit::ConfigError;
use crate::disk;

/// The text of the file; `None` when there is none.
pub(super) fn read(file: &Path) -> Result<Option<String>, ConfigError> {
    match disk::read_text(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Io { path: file.to_owned(), source }),
    }
}

/// Puts `text` in the place of what the file says.
pub(super) fn write(file: &Path, text: &str) -> Result<(), ConfigError> {
    let target = disk::target(file);
    disk::replace(&target, text.as_bytes()).map_err(|source| ConfigError::Io { path: target, source })
}
