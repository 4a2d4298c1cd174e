//! The processes on this machine's cards: what they are, whose they are, and on which ports they listen.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use super::super::process::command;
use super::card::Card;
use super::ledger::Ledger;
use super::owner::{Clue, Owners};
use super::picture::ProcessView;
use super::ports;
use crate::model::gpu::GpuProcess;
use crate::model::secret::mask;
use crate::model::text::clean;
use crate::model::{Millis, Money};
use crate::proc::{Stat, Table};

/// How often it is looked again at what seldom changes: names, parents, and ports.
const SELDOM: Duration = Duration::from_secs(30);

/// Who uses the cards.
pub(super) struct Users {
    table: Table,
    owners: Owners,
    /// What they look like, by their number and their start.
    faces: HashMap<(u32, u64), Face>,
    /// Ports of this machine, and the processes that hold cards there.
    listening: Vec<(u16, u32)>,
    looked: Option<(Instant, BTreeSet<u32>)>,
}

/// What a process looks like.
#[derive(Debug, Clone)]
struct Face {
    looked: Instant,
    parent: u32,
    command: String,
    user: Option<String>,
    parents: Vec<(u32, String)>,
}

impl Users {
    pub(super) fn new(table: Table) -> Users {
        Users { owners: Owners::new(&table), table, faces: HashMap::new(), listening: Vec::new(), looked: None }
    }

    /// Looks at every process on every card. `clues` are the sessions that may own them, asked for where there is any.
    pub(super) fn look(
        &mut self,
        cards: &HashMap<String, Card>,
        clues: &mut dyn FnMut() -> Vec<Clue>,
        ledger: &Ledger,
        (now, patience): (Millis, Millis),
    ) -> Vec<ProcessView> {
        let found = || cards.values().filter_map(|card| Some((card, card.found()?)));
        let any = found().any(|(_, found)| found.reading.processes.as_ref().is_some_and(|processes| !processes.is_empty()));
        let clues = if any { clues() } else { Vec::new() };
        let mut views = Vec::new();
        let mut seen = BTreeSet::new();
        for (card, found) in found() {
            for process in found.reading.processes.iter().flatten() {
                let mut view = ProcessView { card: found.reading.id.clone(), process: process.clone(), ..ProcessView::default() };
                match self.table.stat(process.pid).filter(|_| found.is_local) {
                    Some(stat) => {
                        seen.insert((process.pid, stat.started));
                        self.describe(&mut view, &stat, (&clues, ledger), now);
                    }
                    // Some sources call a process by its whole command.
                    None => view.command = process.name.as_deref().map(|name| clean(&mask([name]))).unwrap_or_default(),
                }
                let ended = view.owner.as_ref().and_then(|owner| owner.ended_at);
                view.is_zombie = ended.is_some_and(|at| now - at >= patience);
                view.burnt = burnt(ledger, card.id, &view);
                views.push(view);
            }
        }
        self.faces.retain(|id, _| seen.contains(id));
        self.listen(&views);
        for view in &mut views {
            view.is_shared = self.listening.iter().any(|(_, pid)| *pid == view.process.pid);
        }
        views.sort_by(|a, b| (&a.card, a.process.pid).cmp(&(&b.card, b.process.pid)));
        views
    }

    /// What the system's table says of a process.
    fn describe(&mut self, view: &mut ProcessView, stat: &Stat, (clues, ledger): (&[Clue], &Ledger), now: Millis) {
        let GpuProcess { pid, .. } = view.process;
        let id = (pid, stat.started);
        // A process whose parent has ended has another one now, and some give themselves a name.
        if self.faces.get(&id).is_none_or(|face| face.parent != stat.parent || face.looked.elapsed() >= SELDOM) {
            self.faces.insert(id, self.face(pid, stat));
        }
        if let Some(face) = self.faces.get(&id) {
            (view.command, view.user, view.parents) = (face.command.clone(), face.user.clone(), face.parents.clone());
        }
        view.is_visible = true;
        view.started_at = self.table.age(stat).map(|age| now - age);
        view.owner = self.owners.of(&self.table, pid, stat, clues, ledger.book(), now);
    }

    fn face(&self, pid: u32, stat: &Stat) -> Face {
        let parents = self.table.ancestors(pid).into_iter().map(|parent| (parent, command(&self.table, parent))).collect();
        Face {
            looked: Instant::now(),
            parent: stat.parent,
            command: command(&self.table, pid),
            user: self.table.user(pid).map(user_name),
            parents,
        }
    }

    /// Looks who listens, when the processes are others or a while has passed.
    fn listen(&mut self, views: &[ProcessView]) {
        let pids: BTreeSet<u32> = views.iter().filter(|v| v.is_visible && !v.process.is_graphics).map(|v| v.process.pid).collect();
        let is_due = self.looked.as_ref().is_none_or(|(at, known)| at.elapsed() >= SELDOM || *known != pids);
        if is_due {
            self.listening = ports::of(&self.table, &pids);
            self.looked = Some((Instant::now(), pids));
        }
    }

    /// The ports of this machine on which processes listen that hold its cards, each once.
    pub(super) fn ports(&self) -> BTreeSet<u16> {
        self.listening.iter().map(|(port, _)| *port).collect()
    }

    /// Those ports, with the cards that are held there.
    pub(super) fn listeners(&self, views: &[ProcessView]) -> Vec<(u16, String)> {
        let cards = |pid: u32| views.iter().filter(move |view| view.process.pid == pid).map(|view| view.card.clone());
        self.listening.iter().flat_map(|(port, pid)| cards(*pid).map(|card| (*port, card))).collect()
    }
}

/// What a card has cost today while the session of a process had it.
fn burnt(ledger: &Ledger, card: Option<i64>, view: &ProcessView) -> Option<Money> {
    let (owner, card) = (view.owner.as_ref()?, card?);
    ledger.held.iter().find(|held| held.card == card && held.agent == owner.agent && held.session == owner.session)?.cost
}

#[cfg(unix)]
fn user_name(uid: u32) -> String {
    let found = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    found.map_or_else(|| uid.to_string(), |user| clean(&user.name))
}

#[cfg(not(unix))]
fn user_name(uid: u32) -> String {
    uid.to_string()
}
