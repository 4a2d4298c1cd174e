//! Which log files there are.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use walkdir::WalkDir;

use crate::model::AgentId;
use crate::sources::{self, Source};
use crate::store::FileStat;

use super::{fingerprint, foreign};

/// Links to directories beyond these are not followed, and problems beyond these not told.
const MOST_LINKS: usize = 256;
const MOST_PROBLEMS: usize = 20;

/// What a walk has met, so that nothing is met twice.
#[derive(Debug, Default)]
struct Seen {
    dirs: HashSet<PathBuf>,
    files: HashSet<PathBuf>,
    links: usize,
}

/// A log file.
#[derive(Debug, Clone)]
pub struct Found {
    /// Whose log it is.
    pub agent: AgentId,
    /// Where it lies.
    pub path: PathBuf,
    /// What can be seen of it without opening it.
    pub stat: FileStat,
    /// When it was last written: the newest are read first.
    pub modified: SystemTime,
}

/// What was found under one root.
#[derive(Debug, Clone)]
pub struct RootReport {
    /// Whose root it is.
    pub agent: AgentId,
    /// The directory.
    pub path: PathBuf,
    /// Whether it exists.
    pub exists: bool,
    /// Log files below it.
    pub files: usize,
    /// What could not be looked into, and why.
    pub problems: Vec<(PathBuf, String)>,
}

impl RootReport {
    /// Whether something that could not be looked into is gone by now, or can be.
    #[must_use]
    pub fn is_mended(&self) -> bool {
        self.problems.iter().any(|(path, _)| match path.metadata() {
            Ok(meta) => meta.is_file() || (meta.is_dir() && path.read_dir().is_ok()),
            Err(_) => path.symlink_metadata().is_err(),
        })
    }

    fn problem(&mut self, path: &Path, why: impl std::fmt::Display) {
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push((path.to_path_buf(), why.to_string()));
        }
    }
}

/// The roots to look in, and the files found there so far.
#[derive(Debug, Default)]
pub struct Catalog {
    roots: Vec<(AgentId, PathBuf)>,
    /// The file of each session id that a file name ends with.
    by_id: HashMap<String, PathBuf>,
}

impl Catalog {
    /// A catalog of these roots. The same directory named twice, also through links, is looked into once.
    #[must_use]
    pub fn new(roots: Vec<(AgentId, PathBuf)>) -> Catalog {
        let mut seen = HashSet::new();
        let roots =
            roots.into_iter().filter(|(agent, path)| seen.insert((*agent, path.canonicalize().unwrap_or_else(|_| path.clone())))).collect();
        Catalog { roots, by_id: HashMap::new() }
    }

    /// The roots.
    #[must_use]
    pub fn roots(&self) -> &[(AgentId, PathBuf)] {
        &self.roots
    }

    /// The roots of one agent.
    #[must_use]
    pub fn roots_of(&self, agent: AgentId) -> Vec<PathBuf> {
        self.roots.iter().filter(|(a, _)| *a == agent).map(|(_, path)| path.clone()).collect()
    }

    /// Walks all roots. Links to directories are followed once, loops are not; pipes and devices are left alone.
    #[must_use]
    pub fn walk(&self) -> (Vec<Found>, Vec<RootReport>) {
        let mut files = Vec::new();
        let mut reports = Vec::new();
        let mut seen = Seen::default();
        for (agent, root) in self.roots.clone() {
            let mut report = RootReport { agent, path: root.clone(), exists: root.exists(), files: 0, problems: Vec::new() };
            match std::fs::metadata(&root) {
                Ok(meta) if meta.is_file() && names_itself(agent) => {
                    if let Some(source) = sources::by_agent(agent)
                        && root.canonicalize().is_ok_and(|real| seen.files.insert(real))
                    {
                        find(source, root.clone(), &meta, &mut files, &mut report);
                    }
                }
                Ok(meta) if !meta.is_dir() => {
                    report.problem(&root, "is no directory");
                    report.exists = false;
                }
                Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => report.problem(&root, error),
                _ => {}
            }
            if let (true, Some(source)) = (root.is_dir(), sources::by_agent(agent)) {
                Catalog::walk_root(source, &root, &mut seen, &mut files, &mut report);
            }
            reports.push(report);
        }
        files.sort_by(|a, b| b.modified.cmp(&a.modified).then_with(|| a.path.cmp(&b.path)));
        (files, reports)
    }

    fn walk_root(source: &dyn Source, root: &Path, seen: &mut Seen, files: &mut Vec<Found>, report: &mut RootReport) {
        // A root inside another one is looked into with it; a link may lead back.
        match root.canonicalize() {
            Ok(real) if !seen.dirs.iter().any(|dir| real.starts_with(dir)) => seen.dirs.insert(real),
            _ => return,
        };
        for entry in WalkDir::new(root).max_depth(source.depth()) {
            let entry = match entry {
                Ok(entry) => entry,
                Err(error) => {
                    let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                    report.problem(error.path().unwrap_or(root), why);
                    continue;
                }
            };
            let kind = entry.file_type();
            if kind.is_symlink() && entry.depth() > 0 {
                Catalog::follow(source, entry.path(), seen, files, report);
            } else if !kind.is_dir() && source.accepts(entry.path()) {
                match entry.metadata() {
                    Ok(meta) if meta.is_file() => find(source, entry.into_path(), &meta, files, report),
                    Ok(_) => report.problem(entry.path(), "is a pipe, a socket or a device, and left alone"),
                    Err(error) => {
                        let why = error.io_error().map_or_else(|| error.to_string(), ToString::to_string);
                        report.problem(entry.path(), why);
                    }
                }
            }
        }
    }

    /// What a link leads to: a log, or a directory that is not looked into anyway.
    fn follow(source: &dyn Source, link: &Path, seen: &mut Seen, files: &mut Vec<Found>, report: &mut RootReport) {
        let (real, meta) = match (link.canonicalize(), std::fs::metadata(link)) {
            (Ok(real), Ok(meta)) => (real, meta),
            (Err(error), _) | (_, Err(error)) => {
                if source.accepts(link) {
                    report.problem(link, error);
                }
                return;
            }
        };
        if meta.is_dir() {
            if source.depth() < 2 {
                return;
            }
            let inside = seen.dirs.iter().any(|dir| real.starts_with(dir));
            if !inside && seen.links < MOST_LINKS {
                seen.links += 1;
                Catalog::walk_root(source, link, seen, files, report);
            }
        } else if meta.is_file() && source.accepts(link) && !seen.dirs.iter().any(|dir| real.starts_with(dir)) && seen.files.insert(real) {
            find(source, link.to_path_buf(), &meta, files, report);
        }
    }

    /// Whether there is any log besides these: stops at the first one.
    #[must_use]
    pub fn has_others(&self, own: &BTreeSet<PathBuf>) -> bool {
        self.roots.iter().any(|(agent, root)| {
            let Some(source) = sources::by_agent(agent) else { return false };
            let entries = WalkDir::new(root).follow_links(true).max_depth(source.depth()).into_iter().filter_map(Result::ok);
            entries.filter(|entry| entry.file_type().is_file() && source.accepts(entry.path())).any(|entry| !own.contains(entry.path()))
        })
    }

    /// Looks at one path that the system says has changed: a log of a known root, or nothing.
    pub fn look(&mut self, path: &Path) -> Option<Found> {
        // What an agent writes beside its database concerns the database.
        let owner = foreign::owner(path);
        let path = owner.as_deref().unwrap_or(path);
        let itself = self.roots.iter().find(|(_, root)| path == root);
        let (agent, root) = itself.or_else(|| self.roots.iter().find(|(_, root)| path.starts_with(root)))?;
        let (agent, source) = (*agent, sources::by_agent(agent)?);
        let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        let is_log = if path == root { names_itself(agent) } else { source.accepts(path) };
        let depth = path.strip_prefix(root).map_or(0, |below| below.components().count());
        if !is_log || depth > source.depth() {
            return None;
        }
        self.remember(path);
        Some(Found {
            agent,
            path: path.to_path_buf(),
            stat: fingerprint::of(source, path, &meta),
            modified: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }

    /// As [`Catalog::look`], for a log that an agent itself has named: it need not lie below a known root.
    pub fn look_as(&mut self, agent: AgentId, path: &Path) -> Option<Found> {
        if let Some(found) = self.look(path) {
            return Some(found);
        }
        let source = sources::by_agent(agent)?;
        let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        source.accepts(path).then(|| Found {
            agent,
            path: path.to_path_buf(),
            stat: fingerprint::of(source, path, &meta),
            modified: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        })
    }

    /// The databases of an agent that keeps its sessions in them.
    #[must_use]
    pub fn databases(&self, agent: AgentId) -> Vec<PathBuf> {
        let Some(source) = sources::by_agent(agent).filter(|source| !source.tables().is_empty()) else { return Vec::new() };
        let mut found = Vec::new();
        for root in self.roots_of(agent) {
            match std::fs::read_dir(&root) {
                Ok(entries) => found.extend(entries.flatten().map(|entry| entry.path()).filter(|path| source.accepts(path))),
                Err(_) if root.is_file() => found.push(root),
                Err(_) => {}
            }
        }
        found
    }

    /// Remembers which file belongs to which session, by their paths.
    pub fn index_paths<'a>(&mut self, paths: impl IntoIterator<Item = &'a Path>) {
        paths.into_iter().for_each(|path| self.remember(path));
    }

    /// Remembers which file belongs to which session; called before files are read.
    pub fn index(&mut self, found: &[Found]) {
        self.by_id.clear(); // files move
        for file in found {
            self.remember(&file.path);
        }
    }

    fn remember(&mut self, path: &Path) {
        if let Some(id) = id_of(path) {
            self.by_id.entry(id.to_owned()).or_insert_with(|| path.to_path_buf());
        }
    }

    /// The file whose name ends with this session id.
    #[must_use]
    pub fn file_of(&self, id: &str) -> Option<&Path> {
        self.by_id.get(id).map(PathBuf::as_path)
    }
}

/// Whether a root may be a log itself: the agent was told to write its database there, under whatever name.
fn names_itself(agent: AgentId) -> bool {
    sources::by_agent(agent).is_some_and(|source| !source.tables().is_empty())
}

fn find(source: &dyn Source, path: PathBuf, meta: &std::fs::Metadata, files: &mut Vec<Found>, report: &mut RootReport) {
    report.files += 1;
    files.push(Found {
        agent: source.agent(),
        stat: fingerprint::of(source, &path, meta),
        path,
        modified: meta.modified().unwrap_or(SystemTime::UNIX_EPOCH),
    });
}

/// The UUID at the end of a file's name.
fn id_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?;
    let stem = name.trim_end_matches(".zst").trim_end_matches(".jsonl");
    stem.get(stem.len().checked_sub(36)?..)
}
