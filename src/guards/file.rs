//! Settings files on disk: whole or not at all, their rights kept, never a link replaced by a file.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::GuardError;

/// Settings are kilobytes; what is larger is no settings file.
const LARGEST: u64 = 8 << 20;

/// The copy of a file as it was before us.
const BACKUP: &str = ".aifinops.bak";

/// What is to be changed, and how it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// One change per file, in order.
    pub edits: Vec<Edit>,
}

/// The change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub path: PathBuf,
    /// Its text now; `None` when there is no file.
    pub before: Option<String>,
    /// Its text then; `None` when there will be no file.
    pub after: Option<String>,
    /// Whether a copy is kept: it is a person's own file, and nothing of ours is in it yet.
    pub backup: bool,
}

impl Plan {
    /// Whether nothing changes.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.edits.iter().all(|edit| edit.before == edit.after)
    }

    /// Adds a change, unless it is none.
    pub(super) fn push(&mut self, edit: Edit) {
        if edit.before != edit.after {
            self.edits.push(edit);
        }
    }

    /// Carries it out, if the files still are what the plan was made from.
    pub fn apply(&self) -> Result<(), GuardError> {
        for edit in &self.edits {
            if read(&edit.path)? != edit.before {
                return Err(GuardError::Changed { path: edit.path.clone() });
            }
        }
        self.edits.iter().try_for_each(Edit::apply)
    }
}

impl Edit {
    fn apply(&self) -> Result<(), GuardError> {
        let target = target(&self.path);
        let backup = backup_of(&target);
        if let Some(before) = self.before.as_ref().filter(|_| self.backup) {
            write(&backup, before).map_err(failed("write", &backup))?;
        }
        match &self.after {
            Some(text) => write(&target, text).map_err(failed("write", &target))?,
            None => fs::remove_file(&target).map_err(failed("remove", &target))?,
        }
        // A copy of what is there again is of no use, and would speak for another file later.
        if !self.backup && self.after.is_some() && read(&backup)? == self.after {
            let _ = fs::remove_file(&backup);
        }
        Ok(())
    }
}

/// The text of a file; `None` when there is none.
pub(super) fn read(path: &Path) -> Result<Option<String>, GuardError> {
    let size = match fs::metadata(path) {
        Ok(meta) => meta.len(),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Ok(None),
        Err(source) => return Err(failed("read", path)(source)),
    };
    let invalid = |why: &str| GuardError::Invalid { path: path.to_owned(), line: 0, why: why.to_owned() };
    if size > LARGEST {
        return Err(invalid("is too large for a settings file"));
    }
    match fs::read(path) {
        Ok(bytes) => String::from_utf8(bytes).map(Some).map_err(|_| invalid("is not UTF-8")),
        Err(source) => Err(failed("read", path)(source)),
    }
}

/// The text of the copy that was kept; `None` when there is none.
pub(super) fn backup(path: &Path) -> Option<String> {
    read(&backup_of(&target(path))).ok().flatten()
}

fn backup_of(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(BACKUP);
    target.with_file_name(name)
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> GuardError {
    let path = path.to_owned();
    move |source| GuardError::Io { doing, path, source }
}

/// Where a link leads, even when nothing is there yet: settings are often links into a repository of dotfiles.
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

/// Writes beside the file and renames over it, so that a crash leaves the old one.
fn write(target: &Path, text: &str) -> io::Result<()> {
    let directory = target.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(directory)?;
    let name = target.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
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
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // Settings may hold keys: a new file is its owner's alone.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut out = options.open(beside)?;
    out.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(target) {
        out.set_permissions(old.permissions())?;
    }
    out.sync_all()
}
