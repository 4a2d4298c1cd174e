//! The system's word that files have changed.
//!
//! Watches are per directory and not delivered everywhere, so they only make things quicker: the engine walks all roots
//! now and then as well, and where watching is impossible it looks at the files in use itself.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Paths that have changed since they were last taken.
#[derive(Debug, Default)]
pub struct Dirty {
    /// Files and directories to look at.
    pub paths: BTreeSet<PathBuf>,
    /// Whether events were lost: everything has to be looked at.
    pub rescan: bool,
}

/// More changed paths than this are not listed one by one.
const MOST: usize = 4096;

/// Watches directories and gathers what changes.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    dirty: Arc<Mutex<Dirty>>,
    watched: BTreeSet<PathBuf>,
    /// What could not be watched, in words.
    pub problem: Option<String>,
}

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("watched", &self.watched).field("problem", &self.problem).finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to watch nothing; `wake` is called (on the system's thread) whenever something has changed.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + 'static) -> Watch {
        let dirty = Arc::new(Mutex::new(Dirty::default()));
        let sink = dirty.clone();
        let handler = move |event: notify::Result<notify::Event>| {
            let mut dirty = sink.lock().unwrap_or_else(PoisonError::into_inner);
            match event {
                Ok(event) if matches!(event.kind, EventKind::Access(_)) => return,
                Ok(event) => {
                    dirty.rescan |= event.need_rescan();
                    if dirty.paths.len() < MOST {
                        dirty.paths.extend(event.paths);
                    } else {
                        dirty.rescan = true;
                    }
                }
                Err(_) => dirty.rescan = true,
            }
            drop(dirty);
            wake();
        };
        match notify::recommended_watcher(handler) {
            Ok(watcher) => Watch { watcher: Some(watcher), dirty, watched: BTreeSet::new(), problem: None },
            Err(error) => Watch { watcher: None, dirty, watched: BTreeSet::new(), problem: Some(words(&error)) },
        }
    }

    /// Watches a directory, and everything below it if it is `deep`. A file is watched with the directory that it lies in,
    /// so that those beside it are seen as well. What does not exist is not an error: call again later.
    pub fn add(&mut self, root: &Path, deep: bool) {
        let (dir, deep) = match root.parent() {
            Some(parent) if root.is_file() => (parent, false),
            _ => (root, deep),
        };
        if self.watched.contains(dir) || !dir.is_dir() {
            return;
        }
        let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        if let Some(watcher) = &mut self.watcher {
            match watcher.watch(dir, mode) {
                Ok(()) => {
                    self.watched.insert(dir.to_path_buf());
                }
                Err(error) => self.problem = Some(words(&error)),
            }
        }
    }

    /// Whether every existing directory asked for is watched.
    #[must_use]
    pub const fn is_sound(&self) -> bool {
        self.problem.is_none()
    }

    /// What has changed since the last call.
    #[must_use]
    pub fn take(&self) -> Dirty {
        std::mem::take(&mut *self.dirty.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn words(error: &notify::Error) -> String {
    match error.kind {
        notify::ErrorKind::MaxFilesWatch => {
            "the system's limit of watched directories is reached (fs.inotify.max_user_watches): files are looked at every second instead"
                .to_owned()
        }
        _ => format!("directories cannot be watched ({error}): files are looked at every second instead"),
    }
}
