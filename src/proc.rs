//! The table of processes, as the system tells it under `/proc`: who started whom, when, with which words, and who has locked what.
//!
//! Everything here is a look at a moment. A number is used again after its process has ended, so whoever keeps one keeps
//! [`Stat::started`] with it. Where a system has no such table, nothing is known.

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
pub struct Table(PathBuf);

impl Default for Table {
    fn default() -> Table {
        Table(PathBuf::from("/proc"))
    }
}

/// What a running process is like: `/proc/PID/stat`, see proc(5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// `R`, `S`, `D`, `T`, `Z` and so on.
    pub state: char,
    /// The process that started it, or has taken it over.
    pub parent: u32,
    /// Its group, by the number of the leader.
    pub group: u32,
    /// Its session, by the number of the leader.
    pub session: u32,
    /// When it began, in ticks since the system did.
    pub started: u64,
}

impl Stat {
    /// Whether it has ended, and nobody has asked how.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// A lock on a file that some process has: a line of `/proc/locks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// The process, where it is one that can be seen from here.
    pub pid: Option<u32>,
    /// The file, by its number in its file system.
    pub inode: u64,
}

impl Table {
    /// The table below another root.
    #[must_use]
    pub fn at(root: &Path) -> Table {
        Table(root.to_owned())
    }

    fn file(&self, pid: u32, name: &str) -> PathBuf {
        self.0.join(pid.to_string()).join(name)
    }

    /// Every process' number.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        let entries = std::fs::read_dir(&self.0).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// What a process is like, if it is there.
    #[must_use]
    pub fn stat(&self, pid: u32) -> Option<Stat> {
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
    #[must_use]
    pub fn ancestors(&self, pid: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut at = pid;
        while let Some(stat) = self.stat(at).filter(|stat| stat.parent > 1 && found.len() < DEEPEST) {
            found.push(stat.parent);
            at = stat.parent;
        }
        found
    }

    /// What a process calls itself: the program's name, of which the system keeps 15 bytes.
    #[must_use]
    pub fn name(&self, pid: u32) -> Option<String> {
        Some(std::fs::read_to_string(self.file(pid, "comm")).ok()?.trim_end_matches('\n').to_owned())
    }

    /// The words with which it was started, the program first.
    #[must_use]
    pub fn arguments(&self, pid: u32) -> Vec<String> {
        let bytes = std::fs::read(self.file(pid, "cmdline")).unwrap_or_default();
        bytes.split(|b| *b == 0).filter(|part| !part.is_empty()).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }

    /// Whether a process runs one of these programs: itself, or as the script of an interpreter.
    #[must_use]
    pub fn runs(&self, pid: u32, programs: &[&str]) -> bool {
        let arguments = self.arguments(pid);
        let is_one_of = |argument: Option<&String>, names: &[&str]| {
            argument.and_then(|argument| Path::new(argument).file_stem()).is_some_and(|name| names.iter().any(|known| name == *known))
        };
        let (first, second) = (arguments.first(), arguments.get(1));
        is_one_of(first, programs) || is_one_of(first, INTERPRETERS) && is_one_of(second, programs)
    }

    /// The directory in which it works.
    #[must_use]
    pub fn cwd(&self, pid: u32) -> Option<PathBuf> {
        std::fs::read_link(self.file(pid, "cwd")).ok()
    }

    /// The values of variables in a process' environment, where that may be looked at.
    #[must_use]
    pub fn variables(&self, pid: u32, names: &[&str]) -> Vec<(String, String)> {
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
    #[must_use]
    pub fn open(&self, pid: u32) -> Vec<(String, PathBuf)> {
        let entries = std::fs::read_dir(self.file(pid, "fd")).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.to_owned(), std::fs::read_link(entry.path()).ok()?))).collect()
    }

    /// What is known of a descriptor.
    #[must_use]
    pub fn descriptor(&self, pid: u32, fd: &str) -> String {
        std::fs::read_to_string(self.file(pid, "fdinfo").join(fd)).unwrap_or_default()
    }

    /// The user whose process it is.
    #[cfg(unix)]
    #[must_use]
    pub fn user(&self, pid: u32) -> Option<u32> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(self.0.join(pid.to_string())).ok().map(|meta| meta.uid())
    }

    /// The user whose process it is.
    #[cfg(not(unix))]
    #[must_use]
    pub fn user(&self, _: u32) -> Option<u32> {
        None
    }

    /// How many milliseconds ago a process began.
    #[must_use]
    pub fn age(&self, stat: &Stat) -> Option<i64> {
        let text = std::fs::read_to_string(self.0.join("uptime")).ok()?;
        let up: f64 = text.split_whitespace().next()?.parse().ok()?;
        let up = u64::try_from(std::time::Duration::try_from_secs_f64(up).ok()?.as_millis()).ok()?;
        i64::try_from(up.saturating_sub(stat.started.saturating_mul(1000) / TICKS)).ok()
    }

    /// What tells this start of the system from any other.
    #[must_use]
    pub fn boot(&self) -> String {
        let text = std::fs::read_to_string(self.0.join("sys/kernel/random/boot_id")).unwrap_or_default();
        text.trim().to_owned()
    }

    /// A file of the table itself.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        std::fs::read_to_string(self.0.join(name)).ok()
    }

    /// The locks that processes have on files. The kernel's list is read in pieces, between which it may change: one that is there
    /// can be missed.
    #[must_use]
    pub fn locks(&self) -> Vec<Held> {
        let text = self.text("locks").unwrap_or_default();
        text.lines().filter_map(held).collect()
    }
}

/// The lock of a line such as `3: FLOCK  ADVISORY  WRITE 4711 08:01:131 0 EOF`; of who waits for one an arrow
/// stands before the kind.
fn held(line: &str) -> Option<Held> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, _, _, "READ" | "WRITE", pid, file, ..] = words.as_slice() else { return None };
    let inode = file.rsplit(':').next()?.parse().ok()?;
    Some(Held { pid: pid.parse().ok(), inode })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A table of files that say this.
    fn table(files: &[(&str, &str)]) -> (tempfile::TempDir, Table) {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let file = root.path().join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let table = Table::at(root.path());
        (root, table)
    }

    #[test]
    fn a_name_may_hold_whatever_its_process_likes() {
        let stat = "12 (a) Z 1 (b) S 7 8 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 4711 1 2";
        let (_root, table) = table(&[("12/stat", stat), ("12/comm", "a) Z 1 (b\n"), ("12/cmdline", "/bin/a\0--b\0\0")]);
        let found = table.stat(12).unwrap();
        assert_eq!(found, Stat { state: 'S', parent: 7, group: 8, session: 9, started: 4711 });
        assert_eq!((table.name(12).as_deref(), table.arguments(12)), (Some("a) Z 1 (b"), vec!["/bin/a".to_owned(), "--b".to_owned()]));
        assert!(!found.is_over() && Stat { state: 'Z', ..found }.is_over());
        assert_eq!((table.stat(13), table.name(13), table.pids()), (None, None, vec![12]));
    }

    #[test]
    fn who_waits_for_a_lock_does_not_have_it() {
        let locks = "1: POSIX  ADVISORY  READ  11 08:01:131 128 128\n2: FLOCK  ADVISORY  WRITE 12 00:2a:132 0 EOF\n\
                     2: -> FLOCK  ADVISORY  WRITE 13 00:2a:131 0 EOF\n3: OFDLCK ADVISORY  WRITE -1 00:2a:133 0 EOF\nnothing\n";
        let (_root, table) = table(&[("locks", locks)]);
        let held = [(Some(11), 131), (Some(12), 132), (None, 133)].map(|(pid, inode)| Held { pid, inode });
        assert_eq!(table.locks(), held);
    }
}
