//! The process of a session's agent: found by the agent's own registry, by who writes its log, or by program and directory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::model::text;

/// The columns that a command may take where it is named.
const WIDEST: usize = 60;
/// What runs a program that is a script.
const INTERPRETERS: &[&str] = &["node", "nodejs", "bun", "deno", "python", "python3", "sh", "bash", "dash", "zsh"];
/// The longest chain of parents that is looked at.
const DEEPEST: usize = 64;

/// A process, and what tells it apart from another one that has its number later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// When it began, in the system's own count; `None` where the system does not say.
    pub started: Option<u64>,
    /// Its command, short and safe to show.
    pub command: String,
    /// Whether it leads a group: then everything that it has started is meant, too.
    pub leads: bool,
}

/// What is known of the process that is looked for.
#[derive(Debug, Clone, Default)]
pub struct Clues {
    /// Its number, as its agent's registry has it.
    pub pid: Option<u32>,
    /// The logs that it writes.
    pub logs: Vec<PathBuf>,
    /// Its directory.
    pub cwd: Option<PathBuf>,
    /// The names of its program.
    pub programs: &'static [&'static str],
}

/// Why there is no one process to speak of.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Missing {
    /// Nothing was found.
    #[error("no process of this session was found; it may have ended")]
    None,
    /// It may be any of these.
    #[error("several processes may be this session's ({}); stop the right one by hand", list(.0))]
    Several(Vec<u32>),
    /// Signalling it would end this screen as well.
    #[error("this screen runs inside that agent (process {0}); stop it there")]
    Around(u32),
}

fn list(pids: &[u32]) -> String {
    pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

/// What a running process is like: `/proc/PID/stat`.
struct Stat {
    state: char,
    parent: u32,
    group: u32,
    started: u64,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    let started = fields.nth(16)?.parse().ok()?;
    Some(Stat { state, parent, group, started })
}

impl Process {
    /// The process that has this number now.
    #[must_use]
    pub fn of(pid: u32) -> Process {
        let stat = stat(pid);
        Process { pid, started: stat.as_ref().map(|s| s.started), command: command(pid), leads: stat.is_some_and(|s| s.group == pid) }
    }

    /// Whether the number still stands for this process, as far as can be known.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.started.is_none() || stat(self.pid).map(|s| s.started) == self.started
    }

    /// Whether it has been stopped and could go on, or waits for a child that has been; `None` where that cannot be known.
    #[must_use]
    pub fn is_stopped(&self) -> Option<bool> {
        stat(self.pid).filter(|s| Some(s.started) == self.started).map(|s| matches!(s.state, 'T' | 't' | 'D'))
    }
}

/// Finds the process.
pub fn find(clues: &Clues) -> Result<Process, Missing> {
    let own = std::process::id();
    let pid = match clues.pid {
        Some(pid) => pid,
        None => search(clues, own)?,
    };
    if pid == own || ancestors(own).contains(&pid) {
        return Err(Missing::Around(pid));
    }
    Ok(Process::of(pid))
}

fn search(clues: &Clues, own: u32) -> Result<u32, Missing> {
    let pids: Vec<u32> = std::fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|e| number(&e.file_name()))
        .filter(|pid| *pid != own)
        .collect();
    let writers: Vec<u32> = pids.iter().copied().filter(|pid| writes(*pid, &clues.logs)).collect();
    if !writers.is_empty() {
        return one(writers);
    }
    let at_work = |pid: &u32| {
        let cwd = clues.cwd.as_deref().is_some_and(|cwd| std::fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|at| at == cwd));
        cwd && runs(*pid, clues.programs)
    };
    one(pids.into_iter().filter(at_work).collect())
}

/// The one of several that has started the others.
fn one(mut pids: Vec<u32>) -> Result<u32, Missing> {
    let all = pids.clone();
    pids.retain(|pid| !ancestors(*pid).iter().any(|parent| all.contains(parent)));
    match pids.as_slice() {
        [] => Err(Missing::None),
        [pid] => Ok(*pid),
        _ => Err(Missing::Several(pids)),
    }
}

fn ancestors(pid: u32) -> Vec<u32> {
    let mut found = Vec::new();
    let mut at = pid;
    while let Some(stat) = stat(at).filter(|stat| stat.parent > 1 && found.len() < DEEPEST) {
        found.push(stat.parent);
        at = stat.parent;
    }
    found
}

fn number(name: &OsStr) -> Option<u32> {
    name.to_str()?.parse().ok()
}

/// Whether a process has one of these files open to write it.
fn writes(pid: u32, logs: &[PathBuf]) -> bool {
    if logs.is_empty() {
        return false;
    }
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.flatten().any(|entry| {
        let is_log = std::fs::read_link(entry.path()).is_ok_and(|target| logs.contains(&target));
        is_log && is_for_writing(pid, &entry.file_name())
    })
}

/// Whoever only reads a log (a pager, another screen) is not its agent.
fn is_for_writing(pid: u32, fd: &OsStr) -> bool {
    let info = std::fs::read_to_string(Path::new(&format!("/proc/{pid}/fdinfo")).join(fd)).unwrap_or_default();
    let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 0o3 != 0)
}

fn arguments(pid: u32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    bytes.split(|b| *b == 0).filter(|part| !part.is_empty()).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
}

/// Whether a process runs one of these programs: itself, or as the script of an interpreter.
fn runs(pid: u32, programs: &[&str]) -> bool {
    let arguments = arguments(pid);
    let is_one_of = |argument: Option<&String>, names: &[&str]| {
        argument.and_then(|argument| Path::new(argument).file_stem()).is_some_and(|name| names.iter().any(|known| name == *known))
    };
    let (first, second) = (arguments.first(), arguments.get(1));
    is_one_of(first, programs) || is_one_of(first, INTERPRETERS) && is_one_of(second, programs)
}

fn command(pid: u32) -> String {
    let words = arguments(pid);
    let words = if words.is_empty() { vec!["(unknown)".to_owned()] } else { words };
    text::fit(&text::clean(&words.join(" ")), WIDEST)
}
