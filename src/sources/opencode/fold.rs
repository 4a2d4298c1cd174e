//! The memory between rows: which task runs in which session, and which rows are going to change.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Batch, Call, Fact, FactKind, Key, Millis, SessionKind, SessionUpdate, Speed, Tier, Turn, tell};
use crate::sources::lines::Lines;
use crate::sources::recent::Recent;
use crate::sources::table::RowId;
use crate::sources::{Fold, Skim};

use super::AGENT;
use super::data::Outcome;
use super::line::{Event, Record, RowState, Step};

/// Sessions, rows and tools beyond these are forgotten, oldest first: a database holds years, the memory the present.
const MOST_TALKS: usize = 64;
const MOST_UNFINISHED: usize = 256;
const MOST_PENDING: usize = 32;
const MOST_MACHINE: usize = 32;

/// What is remembered of one session.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Talk {
    uid: String,
    /// The task that a human began last.
    task: u64,
    /// Messages in which the program asked something since: they go on with that task.
    machine: Vec<u64>,
    /// Tool calls that have not ended, and when their messages were made.
    pending: Vec<(u64, Millis)>,
    /// When a human last asked something: tool calls before that are given up.
    asked_at: Millis,
    #[serde(default, skip_serializing_if = "Recent::is_empty")]
    recent: Recent,
    open: bool,
    /// The newest message met, and whether it is an answer: one that is made in the same moment follows the prompt.
    said_at: (Millis, bool),
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    /// The sessions, the one that spoke last at the end.
    talks: Vec<Talk>,
    unfinished: Vec<RowId>,
}

/// The fold of one database.
pub(super) struct OpenCodeFold {
    memory: Memory,
}

impl OpenCodeFold {
    pub(super) fn new(carry: Option<&[u8]>) -> OpenCodeFold {
        OpenCodeFold { memory: carry.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default() }
    }
}

impl Memory {
    /// The session's talk, moved to the end.
    fn talk(&mut self, record: &Record) -> Option<&mut Talk> {
        let uid = &record.session.uid;
        match self.talks.iter().rposition(|talk| talk.uid == **uid) {
            Some(i) if i + 1 == self.talks.len() => {}
            Some(i) => {
                let talk = self.talks.remove(i);
                self.talks.push(talk);
            }
            None => {
                if self.talks.len() >= MOST_TALKS {
                    self.talks.remove(0);
                }
                let task = Key::of(&[AGENT.as_bytes(), b"task", uid.as_bytes()]).0;
                self.talks.push(Talk { uid: uid.as_ref().to_owned(), task, ..Talk::default() });
            }
        }
        self.talks.last_mut()
    }

    fn note(&mut self, row: RowId, state: RowState) {
        let known = self.unfinished.iter().position(|known| *known == row);
        match (state, known) {
            (RowState::Unfinished, None) => {
                if self.unfinished.len() >= MOST_UNFINISHED {
                    self.unfinished.remove(0);
                }
                self.unfinished.push(row);
            }
            (RowState::Final | RowState::Gone, Some(i)) => {
                self.unfinished.remove(i);
            }
            _ => {}
        }
    }
}

impl Talk {
    /// The task that a record of this session belongs to.
    fn task_of(&self, record: &Record) -> Key {
        match record.answers {
            // A subagent has one task. Whoever answers the program goes on with what a human began.
            Some(task) if record.session.parent.is_none() && task.0 != self.task && !self.machine.contains(&task.0) => task,
            _ => Key(self.task),
        }
    }

    fn asked(&mut self, task: Key, by_machine: bool, record: &Record) {
        if !by_machine {
            self.asked_at = self.asked_at.max(record.said_at);
            self.pending.retain(|(_, said_at)| *said_at >= self.asked_at);
            // Words that come with a prompt do not make it the program's.
            self.machine.retain(|known| *known != task.0);
            if task.0 != self.task {
                self.machine.clear();
            }
            self.task = task.0;
        } else if task.0 != self.task && !self.machine.contains(&task.0) {
            if self.machine.len() >= MOST_MACHINE {
                self.machine.remove(0);
            }
            self.machine.push(task.0);
        }
    }

    fn tool(&mut self, key: Key, outcome: Outcome, said_at: Millis) {
        self.pending.retain(|(known, _)| *known != key.0);
        if outcome == Outcome::Open && said_at >= self.asked_at {
            if self.pending.len() >= MOST_PENDING {
                self.pending.remove(0);
            }
            self.pending.push((key.0, said_at));
        }
    }

    fn turn(&self) -> Turn {
        match (self.open, self.pending.is_empty()) {
            (true, false) => Turn::ToolPending,
            (true, true) => Turn::Open,
            (false, _) => Turn::Ended,
        }
    }
}

impl Fold for OpenCodeFold {
    fn feed(&mut self, records: Skim, out: &mut Batch) {
        let Some(lines) = records.open::<Lines<Record>>() else { return };
        let records = lines.counted(out);
        let mut index: HashMap<Arc<str>, u32> = HashMap::new();
        for record in records {
            if record.state != RowState::Gone {
                let session = *index.entry(record.session.uid.clone()).or_insert_with(|| {
                    out.sessions.push(SessionUpdate { uid: record.session.uid.clone(), ..SessionUpdate::default() });
                    u32::try_from(out.sessions.len() - 1).unwrap_or(u32::MAX)
                });
                if let Some(talk) = self.memory.talk(&record) {
                    take(talk, session, &record, out);
                }
            }
            self.memory.note(record.row, record.state);
        }
    }

    fn carry(&self) -> Vec<u8> {
        serde_json::to_vec(&self.memory).unwrap_or_default()
    }

    fn unfinished(&self) -> &[RowId] {
        &self.memory.unfinished
    }
}

/// Takes one row into its session.
fn take(spoken: &mut Talk, session: u32, record: &Record, out: &mut Batch) {
    for (key, event) in &record.events {
        let (mut same, mut at, mut open) = (None, record.at, false);
        let (task, kind, name, failed) = match event {
            Event::Prompt(task) => {
                spoken.asked(*task, false, record);
                (*task, FactKind::Prompt, None, false)
            }
            Event::Machine(task) => {
                spoken.asked(*task, true, record);
                continue;
            }
            Event::Call(step) => {
                let call = call(spoken.task_of(record), session, record, *key, step);
                out.calls.push(call);
                continue;
            }
            Event::Tool(key, name, outcome, hash, since) => {
                spoken.tool(*key, *outcome, record.said_at);
                (at, open) = (*since, *outcome == Outcome::Open);
                let task = spoken.task_of(record);
                // Arguments may still be written.
                same = if open { None } else { spoken.recent.meet(task, *key, *hash) };
                (task, FactKind::Tool, name.clone(), *outcome == Outcome::Failed)
            }
            Event::Retry => (spoken.task_of(record), FactKind::Retry, None, false),
            Event::Error => (spoken.task_of(record), FactKind::ApiError, None, false),
            // It is asked for in a message of its own.
            Event::Compaction => (Key(spoken.task), FactKind::Compaction, None, false),
        };
        let sidechain = record.session.parent.is_some();
        out.facts.push(Fact { key: *key, session, task, at, kind, name, seen: true, failed, open, same, sidechain });
    }
    let said_at = (record.said_at, record.is_answer);
    if let Some(turn) = record.turn
        && said_at >= spoken.said_at
    {
        spoken.said_at = said_at;
        spoken.open = turn == Turn::Open;
    }
    if let Some(update) = usize::try_from(session).ok().and_then(|n| out.sessions.get_mut(n)) {
        see(update, record);
        update.turn = Some((spoken.said_at.0, spoken.turn()));
    }
}

/// What any row says about its session.
fn see(update: &mut SessionUpdate, record: &Record) {
    let session = &record.session;
    let made = session.created.unwrap_or(record.at);
    // What was copied is older than the session that it was copied into.
    let (first, last) = (made.min(record.at.max(made)), record.at.max(made));
    update.seen = Some(update.seen.map_or((first, last), |seen| (seen.0.min(first), seen.1.max(last))));
    update.cwd = session.directory.clone().map(|cwd| (made, cwd)).or(update.cwd.take());
    if let Some(version) = &session.version {
        tell(&mut update.version, record.at, version.clone());
    }
    if session.parent.is_some() {
        update.kind = SessionKind::Subagent;
        update.parent.clone_from(&session.parent);
        update.role = update.role.take().or(record.agent.clone());
    } else if record.is_copy || session.forked_from.is_some() {
        update.kind = SessionKind::Fork;
        update.forked = true;
        update.parent = session.forked_from.clone().or(update.parent.take());
    }
    for (_, event) in &record.events {
        if let Event::Call(step) = event {
            if let Some(model) = &record.model {
                tell(&mut update.model, record.at, model.clone());
            }
            tell(&mut update.context, record.at, left(step));
        }
    }
}

/// What a step leaves in the context: of a summary only what it says.
fn left(step: &Step) -> u64 {
    if step.is_summary { step.tokens.output } else { step.tokens.total() }
}

fn call(task: Key, session: u32, record: &Record, key: Key, step: &Step) -> Call {
    Call {
        key,
        session,
        task,
        at: record.at,
        model: record.model.clone(),
        tokens: step.tokens,
        searches: 0,
        tier: Tier::Standard,
        speed: Speed::default(),
        context: step.tokens.total(),
        sidechain: record.session.parent.is_some(),
        lower_bound: false,
        gap: false,
        reported: step.cost,
    }
}
