//! Files that somebody may edit while the screen is open: told of once an edit is over.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// What shows that a file is another one, or holds something else.
type Stamp = Option<(u64, u64, Option<SystemTime>)>;

/// The files and how they were last seen.
#[derive(Debug, Default)]
pub(super) struct Files {
    paths: Vec<PathBuf>,
    known: Vec<Stamp>,
    /// How they looked when they were last different; an editor may still be writing.
    pending: Option<Vec<Stamp>>,
}

/// What a look has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Seen {
    Nothing,
    /// Something happens: look again soon.
    Soon,
    /// Something has changed, and stayed so since the last look.
    Changed,
}

impl Files {
    pub(super) fn new(paths: Vec<PathBuf>) -> Files {
        let known = stamps(&paths);
        Files { paths, known, pending: None }
    }

    pub(super) fn look(&mut self) -> Seen {
        if self.paths.is_empty() {
            return Seen::Nothing;
        }
        let now = stamps(&self.paths);
        if now == self.known {
            self.pending = None;
            return Seen::Nothing;
        }
        if self.pending.as_ref() == Some(&now) {
            self.pending = None;
            self.known = now;
            return Seen::Changed;
        }
        self.pending = Some(now);
        Seen::Soon
    }
}

fn stamps(paths: &[PathBuf]) -> Vec<Stamp> {
    paths.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Stamp {
    let meta = std::fs::metadata(path).ok()?;
    Some((file_number(&meta), meta.len(), meta.modified().ok()))
}

#[cfg(unix)]
fn file_number(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(meta)
}

#[cfg(not(unix))]
fn file_number(_: &std::fs::Metadata) -> u64 {
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_told_once_and_only_when_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        let mut files = Files::new(vec![path.clone()]);
        assert_eq!(files.look(), Seen::Nothing);
        std::fs::write(&path, "").unwrap();
        assert_eq!(files.look(), Seen::Soon);
        std::fs::write(&path, "theme = \"dark\"").unwrap();
        assert_eq!(files.look(), Seen::Soon);
        assert_eq!((files.look(), files.look()), (Seen::Changed, Seen::Nothing));
        std::fs::remove_file(&path).unwrap();
        assert_eq!((files.look(), files.look(), files.look()), (Seen::Soon, Seen::Changed, Seen::Nothing));
    }
}
