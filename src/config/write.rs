//! The file on disk: whole or not at all, readable by its owner only, and never a link replaced by a file.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::edit::ConfigError;

/// The text of the file; `None` when there is none.
pub(super) fn read(file: &Path) -> Result<Option<String>, ConfigError> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(ConfigError::Io { path: file.to_owned(), source }),
    }
}

/// Writes beside the file and renames over it, so that a crash leaves the old one.
pub(super) fn write(file: &Path, text: &str) -> Result<(), ConfigError> {
    let target = target(file);
    replace(&target, text).map_err(|source| ConfigError::Io { path: target, source })
}

fn replace(target: &Path, text: &str) -> io::Result<()> {
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private_directory().create(directory)?;
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let beside = directory.join(format!(".{name}.{}.tmp", std::process::id()));
    // Left behind by a crash of a process with the same number.
    let _ = fs::remove_file(&beside);
    let written = fill(&beside, target, text).and_then(|()| fs::rename(&beside, target));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn fill(beside: &Path, target: &Path, text: &str) -> io::Result<()> {
    let mut out = private_file().open(beside)?;
    out.write_all(text.as_bytes())?;
    // Whoever opened the file to others meant it.
    if let Ok(old) = fs::metadata(target) {
        out.set_permissions(old.permissions())?;
    }
    out.sync_all()
}

/// Where a link leads, even when nothing is there yet.
fn target(file: &Path) -> PathBuf {
    if let Ok(path) = fs::canonicalize(file) {
        return path;
    }
    let mut path = file.to_owned();
    // As many links as systems follow.
    for _ in 0..40 {
        let Ok(next) = fs::read_link(&path) else { break };
        path = path.parent().map_or_else(|| next.clone(), |parent| parent.join(&next));
    }
    path
}

fn private_directory() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
