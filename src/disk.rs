//! Files that are replaced: whole or not at all, readable by their owner only, and never a link replaced by a file.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Puts `bytes` in the place of a file: written beside it and renamed over it, so that a crash leaves the old one. Its rights
/// are kept; a new file, and a new directory, are their owner's alone.
///
/// # Errors
/// What the system says; then the old file is as it was.
pub fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    private_directory().create(directory)?;
    let name = target.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let beside = directory.join(format!(".{name}.{}.tmp", std::process::id()));
    // Left behind by a crash of a process with the same number.
    let _ = fs::remove_file(&beside);
    let written = fill(&beside, target, bytes).and_then(|()| fs::rename(&beside, target));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written
}

fn fill(beside: &Path, target: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut out = private_file().open(beside)?;
    out.write_all(bytes)?;
    // Whoever opened the file to others meant it.
    if let Ok(old) = fs::metadata(target) {
        out.set_permissions(old.permissions())?;
    }
    out.sync_all()
}

/// Where a link leads, even when nothing is there yet: settings are often links into a repository of dotfiles.
#[must_use]
pub fn target(file: &Path) -> PathBuf {
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
