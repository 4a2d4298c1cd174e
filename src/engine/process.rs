//! The process of a session's agent: found by the agent's own registry, by who writes its log, or by program and directory.

use std::path::PathBuf;

use crate::model::{secret, text};
use crate::proc::Table;

/// The columns that a command may take where it is named.
const WIDEST: usize = 60;

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

impl Process {
    /// The process that has this number now.
    #[must_use]
    pub fn of(pid: u32) -> Process {
        let table = Table::default();
        let stat = table.stat(pid);
        Process { pid, started: stat.map(|s| s.started), command: command(&table, pid), leads: stat.is_some_and(|s| s.group == pid) }
    }

    /// Whether the number still stands for this process, as far as can be known.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.started.is_none() || Table::default().stat(self.pid).map(|s| s.started) == self.started
    }

    /// Whether it has been stopped and could go on, or waits for a child that has been; `None` where that cannot be known.
    #[must_use]
    pub fn is_stopped(&self) -> Option<bool> {
        Table::default().stat(self.pid).filter(|s| Some(s.started) == self.started).map(|s| matches!(s.state, 'T' | 't' | 'D'))
    }
}

/// Finds the process.
pub fn find(clues: &Clues) -> Result<Process, Missing> {
    let (own, table) = (std::process::id(), Table::default());
    let pid = match clues.pid {
        Some(pid) => pid,
        None => search(&table, clues, own)?,
    };
    if pid == own || table.ancestors(own).contains(&pid) {
        return Err(Missing::Around(pid));
    }
    Ok(Process::of(pid))
}

fn search(table: &Table, clues: &Clues, own: u32) -> Result<u32, Missing> {
    let pids: Vec<u32> = table.pids().into_iter().filter(|pid| *pid != own).collect();
    let writers: Vec<u32> = pids.iter().copied().filter(|pid| writes(table, *pid, &clues.logs)).collect();
    if !writers.is_empty() {
        return one(table, writers);
    }
    let at_work = |pid: &u32| {
        let cwd = clues.cwd.as_deref().is_some_and(|cwd| table.cwd(*pid).is_some_and(|at| at == cwd));
        cwd && table.runs(*pid, clues.programs)
    };
    one(table, pids.into_iter().filter(at_work).collect())
}

/// The one of several that has started the others.
fn one(table: &Table, mut pids: Vec<u32>) -> Result<u32, Missing> {
    let all = pids.clone();
    pids.retain(|pid| !table.ancestors(*pid).iter().any(|parent| all.contains(parent)));
    match pids.as_slice() {
        [] => Err(Missing::None),
        [pid] => Ok(*pid),
        _ => Err(Missing::Several(pids)),
    }
}

/// Whether a process has one of these files open to write it.
fn writes(table: &Table, pid: u32, logs: &[PathBuf]) -> bool {
    !logs.is_empty() && table.open(pid).iter().any(|(fd, target)| logs.contains(target) && is_for_writing(table, pid, fd))
}

/// Whoever only reads a log (a pager, another screen) is not its agent.
fn is_for_writing(table: &Table, pid: u32, fd: &str) -> bool {
    let info = table.descriptor(pid, fd);
    let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & 0o3 != 0)
}

/// A process' command, short and safe to show: without the keys that were given to it.
pub(super) fn command(table: &Table, pid: u32) -> String {
    let words = table.arguments(pid);
    let words = if words.is_empty() { vec!["(unknown)".to_owned()] } else { words };
    text::fit(&text::clean(&secret::mask(words.iter().map(String::as_str))), WIDEST)
}
