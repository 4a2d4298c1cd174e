//! The system's word that files have changed.
//!
//! Watches are per directory and not delivered everywhere, so they only make things quicker: the engine walks all roots
//! now and then as well, and where watching is impossible it looks at the files in use itself.
//!
//! A watch can be lost without a word: its directory is taken away and another put in its place, or the events that told of new
//! directories overflowed the system's queue. So what is watched is known by its identity, and after anything lost all is watched
//! anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};

/// Paths that have changed since they were last taken.
#[derive(Debug, Default)]
pub struct Dirty {
    /// Files and directories to look at.
    pub paths: BTreeSet<PathBuf>,
    /// Whether events were lost: everything has to be looked at.
    pub rescan: bool,
}

/// What the system's thread has said.
#[derive(Default)]
struct Heard {
    dirty: Dirty,
    /// A directory could not be watched that came later.
    failed: Option<String>,
}

/// More changed paths than this are not listed one by one.
const MOST: usize = 4096;
/// How often it is tried again to watch what could not be watched.
const RETRY: Duration = Duration::from_secs(30);

/// Called whenever something has changed, on the system's thread.
type Wake = Arc<dyn Fn() + Send + Sync>;

/// Watches directories and gathers what changes.
pub struct Watch {
    watcher: Option<RecommendedWatcher>,
    wake: Wake,
    heard: Arc<Mutex<Heard>>,
    /// The directories that are watched, and which ones they were.
    watched: BTreeMap<PathBuf, Identity>,
    /// Whether watches may be missing that nobody knows of.
    distrusted: bool,
    problem: Option<String>,
    tried_at: Instant,
}

/// Which directory it is, whatever its name.
type Identity = (u64, u64);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watch").field("watched", &self.watched).field("problem", &self.problem).finish_non_exhaustive()
    }
}

impl Watch {
    /// Begins to watch nothing; `wake` is called (on the system's thread) whenever something has changed.
    #[must_use]
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Watch {
        let mut watch = Watch {
            watcher: None,
            wake: Arc::new(wake),
            heard: Arc::default(),
            watched: BTreeMap::new(),
            distrusted: false,
            problem: None,
            tried_at: Instant::now(),
        };
        watch.open();
        watch
    }

    fn open(&mut self) {
        match notify::recommended_watcher(handler(self.heard.clone(), self.wake.clone())) {
            Ok(watcher) => self.watcher = Some(watcher),
            Err(error) => self.problem = Some(words(&error)),
        }
    }

    /// Watches these directories, each with everything below it where that is asked for. A file is watched with the directory
    /// that it lies in, so that those beside it are seen as well. What does not exist is not an error: call again later, and
    /// again, since directories come and go.
    pub fn cover<'a>(&mut self, roots: impl Iterator<Item = (&'a Path, bool)>, now: Instant) {
        let is_due = self.problem.is_some() && now.duration_since(self.tried_at) >= RETRY;
        if self.distrusted || is_due {
            self.begin_anew(now);
        }
        for (root, deep) in roots {
            match root.parent() {
                Some(parent) if root.is_file() => self.add(parent, false),
                _ => self.add(root, deep),
            }
        }
    }

    /// Takes all watches back: they are given anew by the next [`Watch::cover`].
    fn begin_anew(&mut self, now: Instant) {
        (self.distrusted, self.problem, self.tried_at) = (false, None, now);
        self.watched.clear();
        self.watcher = None; // and with it whatever it watched
        self.open();
    }

    fn add(&mut self, dir: &Path, deep: bool) {
        let Some(identity) = identity(dir) else { return };
        let Some(watcher) = &mut self.watcher else { return };
        match self.watched.get(dir) {
            Some(known) if *known == identity => return,
            // Another directory of the same name: its old watch, if it is still there, is of no use.
            Some(_) => drop(watcher.unwatch(dir)),
            None => {}
        }
        let mode = if deep { RecursiveMode::Recursive } else { RecursiveMode::NonRecursive };
        match watcher.watch(dir, mode) {
            Ok(()) => drop(self.watched.insert(dir.to_path_buf(), identity)),
            Err(error) => self.problem = Some(words(&error)),
        }
    }

    /// Whether a watched directory is another one by now: it was moved away, and made anew.
    #[must_use]
    pub fn has_lost(&self) -> bool {
        self.watched.iter().any(|(dir, known)| identity(dir).is_some_and(|found| found != *known))
    }

    /// Says that watches may be missing, such as of a directory that nobody could look into.
    pub const fn distrust(&mut self) {
        self.distrusted = true;
    }

    /// What could not be watched, in words; `None` where every existing directory asked for is watched.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// What has changed since the last call.
    #[must_use]
    pub fn take(&mut self) -> Dirty {
        let Heard { dirty, failed } = std::mem::take(&mut *self.heard.lock().unwrap_or_else(PoisonError::into_inner));
        self.distrusted |= dirty.rescan;
        if let Some(failed) = failed {
            // Nothing is gained by trying again at once.
            (self.problem, self.distrusted, self.tried_at) = (Some(failed), false, Instant::now());
        }
        dirty
    }
}

fn handler(heard: Arc<Mutex<Heard>>, wake: Wake) -> impl Fn(notify::Result<notify::Event>) + Send + 'static {
    move |event| {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        let Heard { dirty, failed } = &mut *heard;
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
            Err(error) => {
                dirty.rescan = true;
                if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) {
                    *failed = Some(words(&error));
                }
            }
        }
        drop(heard);
        wake();
    }
}

#[cfg(unix)]
fn identity(dir: &Path) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(dir).ok().filter(std::fs::Metadata::is_dir).map(|meta| (meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn identity(dir: &Path) -> Option<Identity> {
    dir.is_dir().then_some((0, 0))
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
