//! Settings files on disk: whole or not at all, their rights kept, never a link replaced by a file.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::GuardError;
use crate::disk::{no_pipe, replace, target};

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
        for (at, edit) in self.edits.iter().enumerate() {
            if let Err(error) = edit.apply() {
                // Half of it is worse than nothing.
                self.edits.iter().take(at).rev().for_each(Edit::take_back);
                return Err(error);
            }
        }
        Ok(())
    }
}

impl Edit {
    /// Puts back what was there, as well as that can be done.
    fn take_back(&self) {
        let target = target(&self.path);
        let _ = match &self.before {
            Some(text) => replace(&target, text.as_bytes()),
            None => fs::remove_file(&target),
        };
        if self.backup {
            let _ = fs::remove_file(backup_of(&target));
        }
    }

    fn apply(&self) -> Result<(), GuardError> {
        let target = target(&self.path);
        let backup = backup_of(&target);
        if let Some(before) = self.before.as_ref().filter(|_| self.backup) {
            replace(&backup, before.as_bytes()).map_err(failed("write", &backup))?;
        }
        match &self.after {
            Some(text) => replace(&target, text.as_bytes()).map_err(failed("write", &target))?,
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
    match no_pipe(path).and_then(|()| fs::read(path)) {
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
