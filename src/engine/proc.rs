//! The table of processes, as the system tells it under `/proc`: who started whom, when, and with which words.
//!
//! Everything here is a look at a moment. A number is used again after its process has ended, so whoever keeps one keeps
//! [`Stat::started`] with it.

use std::path::{Path, PathBuf};

/// What runs a program that is a script.
const INTERPRETERS: &[&str] = &["node", "nodejs", "bun", "deno", "python", "python3", "sh", "bash", "dash", "zsh"];
/// The longest chain of parents that is looked at.
const DEEPEST: usize = 64;
/// More of a process' environment than this is not looked at.
const LONGEST: u64 = 1 << 20;
/// Ticks of the system's clock in a second, as `/proc` counts them on every Linux (`USER_HZ`, see proc(5)).
const TICKS: u64 = 100;

/// The table below a root, which is `/proc` but in tests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Table(PathBuf);

impl Default for Table {
    fn default() -> Table {
        Table(PathBuf::from("/proc"))
    }
}

/// What a running process is like: `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub state: char,
    pub parent: u32,
    pub group: u32,
    pub session: u32,
    /// When it began, in ticks since the system did.
    pub started: u64,
}

impl Table {
    pub(super) fn at(root: &Path) -> Table {
        Table(root.to_owned())
    }

    fn file(&self, pid: u32, name: &str) -> PathBuf {
        self.0.join(pid.to_string()).join(name)
    }

    /// Every process' number.
    pub(super) fn pids(&self) -> Vec<u32> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    pub(super) fn stat(&self, pid: u32) -> Option<Stat> {
        let text = std::fs::read_to_string(self.file(pid, "stat")).ok()?;
        // The name in parentheses may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        let session = fields.next()?.parse().ok()?;
        let started = fields.nth(15)?.parse().ok()?;
        Some(Stat { state, parent, group, session, started })
    }

    /// The processes that it comes from, the nearest first, without the first one of all.
    pub(super) fn ancestors(&self, pid: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = pid;
        while let Some(stat) = self.stat(at).filter(|stat| stat.parent > 1 && found.len() < DEEPEST) {
            found.push(stat.parent);
            at = stat.parent;
        }
        found
    }

    pub(super) fn arguments(&self, pid: u32) -> Vec<String> {
        let bytes = std::fs::read(self.file(pid, "cmdline")).unwrap_or_default();
        bytes.split(|b| *b == 0).filter(|part| !part.is_empty()).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    /// Whether a process runs one of these programs: itself, or as the script of an interpreter.
    pub(super) fn runs(&self, pid: u32, programs: &[&str]) -> bool {
        let arguments = self.arguments(pid);
        let is_one_of = |argument: Option<&String>, names: &[&str]| {
            argument.and_then(|argument| Path::new(argument).file_stem()).is_some_and(|name| names.iter().any(|known| name == *known))
        };
        let (first, second) = (arguments.first(), arguments.get(1));
        is_one_of(first, programs) || is_one_of(first, INTERPRETERS) && is_one_of(second, programs)
    }

    pub(super) fn cwd(&self, pid: u32) -> Option<PathBuf> {
        std::fs::read_link(self.file(pid, "cwd")).ok()
    }

    /// The value of a variable in a process' environment, where that may be looked at.
    pub(super) fn variables(&self, pid: u32, names: &[&str]) -> Vec<(String, String)> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        let read = std::fs::File::open(self.file(pid, "environ")).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
        if read.is_err() {
            return Vec::new();
        }
        let pair = |part: &[u8]| {
            let text = std::str::from_utf8(part).ok()?;
            let (name, value) = text.split_once('=')?;
            names.contains(&name).then(|| (name.to_owned(), value.to_owned()))
        };
        bytes.split(|b| *b == 0).filter_map(pair).collect()
    }

    /// What a process has open: the targets of its descriptors, with their names.
    pub(super) fn open(&self, pid: u32) -> Vec<(String, PathBuf)> {
        let entries = std::fs::read_dir(self.file(pid, "fd")).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.to_owned(), std::fs::read_link(entry.path()).ok()?))).collect()
    }

    /// What is known of a descriptor.
    pub(super) fn descriptor(&self, pid: u32, fd: &str) -> String {
        std::fs::read_to_string(self.file(pid, "fdinfo").join(fd)).unwrap_or_default()
    }

    /// The user whose process it is.
    #[cfg(unix)]
    pub(super) fn user(&self, pid: u32) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(self.0.join(pid.to_string())).ok().map(|meta| meta.uid())
    }

    #[cfg(not(unix))]
    pub(super) fn user(&self, _: u32) -> Option<u32> {
        None
    }

    /// How many milliseconds ago a process began.
    pub(super) fn age(&self, stat: &Stat) -> Option<i64> {
        let text = std::fs::read_to_string(self.0.join("uptime")).ok()?;
        let up: f64 = text.split_whitespace().next()?.parse().ok()?;
        let up = u64::try_from(std::time::Duration::try_from_secs_f64(up).ok()?.as_millis()).ok()?;
        i64::try_from(up.saturating_sub(stat.started.saturating_mul(1000) / TICKS)).ok()
    }

    /// What tells this start of the system from any other.
    pub(super) fn boot(&self) -> String {
        let text = std::fs::read_to_string(self.0.join("sys/kernel/random/boot_id")).unwrap_or_default();
        text.trim().to_owned()
    }

    /// A file of the table itself.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.0.join(name)).ok()
    }
}
