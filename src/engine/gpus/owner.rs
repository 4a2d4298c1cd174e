//! Whose a process on a card is.
//!
//! Asked from the surest to the least sure; the first that has an answer is believed, and its letter is shown with it. What
//! was found is kept beside the process' number and its start, here and on disk: once the agent has ended, its children are
//! the system's, and nobody could find out any more whose they were.

use std::collections::HashMap;

use super::super::launch;
use super::picture::Owner;
use crate::model::text::clean;
use crate::model::time::DAY;
use crate::model::{Millis, SessionKind, SessionState};
use crate::proc::{Stat, Table};
use crate::query::{Living, project_of, state};
use crate::store::gpus::OwnerRow;
use crate::store::read::SessionRow;
use crate::store::{GpuBook, Store, StoreError};

/// Sessions that were last heard of longer ago own nothing that is new.
const RECENT: Millis = 7 * DAY;
/// A process may begin so long after its session was last heard of.
const AFTER: Millis = 10 * 60_000;
/// Processes that are remembered.
const MOST: usize = 4096;

/// A session that may own a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clue {
    /// The agent.
    pub agent: String,
    /// The agent's id of the session.
    pub session: String,
    /// Its project.
    pub project: String,
    /// Its directory.
    pub cwd: Option<String>,
    /// The agent's process, where its own registry names it.
    pub pid: Option<u32>,
    /// When it began.
    pub started_at: Option<Millis>,
    /// When it was last heard of.
    pub last_at: Option<Millis>,
    /// Whether it goes on.
    pub is_live: bool,
}

/// What is known of the sessions of a week, for those who look for owners, whatever a screen shows. A subagent runs in its
/// parent's process.
pub fn clues(store: &Store, living: &Living, now: Millis) -> Result<Vec<Clue>, StoreError> {
    let clue = |head: SessionRow| {
        let live = living.get(&(head.agent.clone(), head.uid.clone()));
        Clue {
            agent: head.agent.to_string(),
            session: head.uid.to_string(),
            project: project_of(head.cwd.as_deref()).to_string(),
            cwd: head.cwd.as_deref().map(str::to_owned),
            pid: live.and_then(|live| live.pid),
            started_at: head.started_at,
            last_at: head.last_at,
            is_live: state(head.turn, head.kind, head.last_at, live, now) != SessionState::Ended,
        }
    };
    let heads = store.heads_since(now - RECENT)?;
    Ok(heads.into_iter().filter(|head| head.kind != SessionKind::Subagent).map(clue).collect())
}

/// An owner, and the agent's process.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    owner: Owner,
    root: Option<(u32, u64)>,
    /// Whether this has been written down as it is.
    is_kept: bool,
}

/// Whose processes are, and were.
#[derive(Debug, Default)]
pub(super) struct Owners {
    known: HashMap<(u32, u64), Known>,
    boot: String,
}

impl Owners {
    pub(super) fn new(table: &Table) -> Owners {
        Owners { known: HashMap::new(), boot: table.boot() }
    }

    /// Whose a process is. `stat` is the process' own.
    pub(super) fn of(
        &mut self,
        table: &Table,
        pid: u32,
        stat: &Stat,
        clues: &[Clue],
        book: Option<&GpuBook>,
        now: Millis,
    ) -> Option<Owner> {
        if self.known.len() > MOST {
            self.known.clear();
        }
        let id = (pid, stat.started);
        let before = self.known.remove(&id).or_else(|| self.recall(id, book));
        // What was found once is true for good; without a session it may still become more.
        let is_whole = before.as_ref().is_some_and(|known| !known.owner.session.is_empty());
        let found = if is_whole { None } else { search(table, pid, stat, clues, now) };
        let mut known = match (found, before) {
            (Some(found), Some(before)) if found.owner.session.is_empty() || found.owner == before.owner => before,
            (Some(found), _) => found,
            (None, before) => before?,
        };
        let ended = ended_at(table, &known, clues, now);
        if known.owner.ended_at.is_none() != ended.is_none() {
            known.owner.ended_at = ended;
            known.is_kept = false;
        }
        if let Some(book) = book.filter(|_| !known.is_kept) {
            known.is_kept = book.remember(&row(&self.boot, id, &known, now)).is_ok();
        }
        let owner = known.owner.clone();
        self.known.insert(id, known);
        Some(owner)
    }

    fn recall(&self, (pid, started): (u32, u64), book: Option<&GpuBook>) -> Option<Known> {
        let row = book?.recall(&self.boot, pid, started).ok()??;
        let owner = Owner {
            agent: row.agent,
            session: row.session,
            project: row.project,
            rule: row.rule.chars().next().unwrap_or('E'),
            ended_at: row.ended_at,
        };
        Some(Known { owner, root: row.root, is_kept: true })
    }
}

fn row(boot: &str, (pid, started): (u32, u64), known: &Known, now: Millis) -> OwnerRow {
    OwnerRow {
        process: (boot.to_owned(), pid, started),
        agent: known.owner.agent.clone(),
        session: known.owner.session.clone(),
        project: known.owner.project.clone(),
        rule: known.owner.rule.to_string(),
        root: known.root,
        seen_at: now,
        ended_at: known.owner.ended_at,
    }
}

/// When the agent ended: its process is gone, or its session is over as far as its log says.
fn ended_at(table: &Table, known: &Known, clues: &[Clue], now: Millis) -> Option<Millis> {
    let before = known.owner.ended_at;
    if let Some((pid, started)) = known.root {
        let lives = table.stat(pid).is_some_and(|stat| stat.started == started && stat.state != 'Z');
        return if lives { None } else { before.or(Some(now)) };
    }
    let clue = clues.iter().find(|clue| clue.agent == known.owner.agent && clue.session == known.owner.session);
    // Sessions of which nothing is heard any more, or not yet, are as they were.
    let Some(clue) = clue else { return before };
    if clue.is_live { None } else { before.or(clue.last_at).or(Some(now)) }
}

fn search(table: &Table, pid: u32, stat: &Stat, clues: &[Clue], now: Millis) -> Option<Known> {
    by_ancestor(table, pid, clues)
        .or_else(|| by_group(table, stat, clues))
        .or_else(|| by_environment(table, pid, clues))
        .or_else(|| by_place(table, pid, stat, clues, now))
}

fn known(clue: &Clue, rule: char, root: Option<(u32, u64)>) -> Known {
    let owner = Owner { agent: clue.agent.clone(), session: clue.session.clone(), project: clue.project.clone(), rule, ended_at: None };
    Known { owner, root, is_kept: false }
}

/// A: the agent's process is one that it comes from. Where the agent's log does not name its process, the program does, and
/// the directory says which of its sessions it is.
fn by_ancestor(table: &Table, pid: u32, clues: &[Clue]) -> Option<Known> {
    let ancestors = table.ancestors(pid);
    for parent in &ancestors {
        let Some(stat) = table.stat(*parent) else { continue };
        let root = Some((*parent, stat.started));
        if let Some(clue) = clues.iter().find(|clue| clue.pid == Some(*parent)) {
            return Some(known(clue, 'A', root));
        }
        if let Some(agent) = launch::ALL.into_iter().find(|agent| table.runs(*parent, agent.programs())) {
            // The variables that it gives to its children name the session exactly.
            let marked = by_environment(table, pid, clues).filter(|known| known.owner.agent == agent.agent());
            let owner = marked.map(|known| known.owner).or_else(|| at_work(table, *parent, agent.agent(), clues));
            let owner = owner.unwrap_or_else(|| Owner { agent: agent.agent().to_owned(), ..Owner::default() });
            return Some(Known { owner: Owner { rule: 'A', ..owner }, root, is_kept: false });
        }
    }
    None
}

/// The session of an agent that works where its process does; of several the one that was heard of last.
fn at_work(table: &Table, pid: u32, agent: &str, clues: &[Clue]) -> Option<Owner> {
    let cwd = table.cwd(pid)?;
    let here = clues.iter().filter(|clue| clue.agent == agent && clue.cwd.as_deref().is_some_and(|own| cwd.as_path() == own));
    here.max_by_key(|clue| (clue.is_live, clue.last_at)).map(|clue| known(clue, 'A', None).owner)
}

/// B: the agent leads its group, or its session of the system.
fn by_group(table: &Table, stat: &Stat, clues: &[Clue]) -> Option<Known> {
    let clue = clues.iter().find(|clue| clue.pid.is_some_and(|root| root > 1 && (root == stat.group || root == stat.session)))?;
    let root = clue.pid.and_then(|pid| Some((pid, table.stat(pid)?.started)));
    // A number that is used again is nobody's leader: the leader began before.
    root.is_none_or(|(_, started)| started <= stat.started).then(|| known(clue, 'B', root))
}

/// C: its environment has what an agent gives to what it starts.
fn by_environment(table: &Table, pid: u32, clues: &[Clue]) -> Option<Known> {
    let names: Vec<&str> = launch::ALL.into_iter().flat_map(|agent| agent.marks().iter().map(|(name, _)| *name)).collect();
    let found = table.variables(pid, &names);
    let value = |name: &str| found.iter().find(|(own, value)| own == name && !value.is_empty()).map(|(_, value)| value.as_str());
    for agent in launch::ALL {
        let Some((_, is_session, text)) = agent.marks().iter().find_map(|(name, is_session)| Some((name, *is_session, value(name)?)))
        else {
            continue;
        };
        if is_session {
            let clue = clues.iter().find(|clue| clue.agent == agent.agent() && clue.session == text);
            let unknown = || Clue { agent: agent.agent().to_owned(), session: clean(text), ..Clue::default() };
            return Some(known(&clue.cloned().unwrap_or_else(unknown), 'C', None));
        }
        let owner = at_work(table, pid, agent.agent(), clues);
        let owner = owner.unwrap_or_else(|| Owner { agent: agent.agent().to_owned(), ..Owner::default() });
        return Some(Known { owner: Owner { rule: 'C', ..owner }, root: None, is_kept: false });
    }
    None
}

/// D: it works in a session's directory, and began while that went on.
fn by_place(table: &Table, pid: u32, stat: &Stat, clues: &[Clue], now: Millis) -> Option<Known> {
    let cwd = table.cwd(pid)?;
    let began = now - table.age(stat)?;
    let fits = |clue: &&Clue| {
        let inside = clue.cwd.as_deref().is_some_and(|own| own.len() > 1 && cwd.starts_with(own));
        let in_time =
            clue.started_at.is_some_and(|from| from <= began) && (clue.is_live || clue.last_at.is_some_and(|to| began <= to + AFTER));
        inside && in_time
    };
    clues.iter().filter(fits).max_by_key(|clue| clue.last_at).map(|clue| known(clue, 'D', None))
}
