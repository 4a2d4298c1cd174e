//! The memory between transcript lines: which task runs, which tools have no result yet, which sidechain a line is of.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Batch, Beside, Call, Clock, Fact, FactKind, Key, Millis, SessionKind, SessionUpdate, Speed, Tokens, Turn, tell};
use crate::sources::lines::Lines;
use crate::sources::recent::Recent;
use crate::sources::{Fold, Skim};

use super::AGENT;
use super::line::{Answer, Body, Record, Stop, ToolId, ToolUse};

/// Pending tools, open sidechains and conversations beyond these are forgotten, oldest first: a hostile log must not grow
/// a file's memory.
const MOST_PENDING: usize = 64;
const MOST_CHAINS: usize = 32;
const MOST_TALKS: usize = 256;

/// What is remembered of one conversation in the file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Talk {
    uid: String,
    parent: Option<String>,
    task: u64,
    slash: Option<(u64, Millis)>,
    pending: Vec<u64>,
    #[serde(default, skip_serializing_if = "Recent::is_empty")]
    recent: Recent,
    /// The last calls under ids that are not unique: the id and the call's own key.
    #[serde(default)]
    numbered: Vec<(u64, u64)>,
    open: bool,
    last_at: Millis,
    #[serde(default)]
    clock: Clock,
    role: Option<String>,
    /// Lines without any id so far.
    nameless: u64,
}

impl Talk {
    /// The key of a tool call in this message, and whether its id alone was that until now.
    fn new_tool(&mut self, id: ToolId, message: Key) -> (Key, bool) {
        if id.is_unique {
            return (id.key, false);
        }
        let key = Key::of(&[b"numbered", &message.0.to_le_bytes(), &id.key.0.to_le_bytes()]);
        let before = self.numbered.len();
        self.numbered.retain(|(known, _)| *known != id.key.0);
        let is_new = self.numbered.len() == before;
        if self.numbered.len() >= MOST_PENDING {
            self.numbered.remove(0);
        }
        self.numbered.push((id.key.0, key.0));
        (key, is_new)
    }

    /// The key of the tool call that a result belongs to.
    fn known_tool(&self, id: ToolId) -> Key {
        self.numbered.iter().find(|(known, _)| *known == id.key.0).map_or(id.key, |(_, key)| Key(*key))
    }
}

/// An inline sidechain: its conversation, and the lines that its next line may follow.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Chain {
    talk: usize,
    ends: Vec<u64>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Memory {
    talks: Vec<Talk>,
    chains: Vec<Chain>,
    role: Option<String>,
}

/// The fold of one transcript.
pub(super) struct ClaudeFold {
    stem: Arc<str>,
    /// The agent's id, when the whole file is a subagent's.
    agent: Option<Arc<str>>,
    memory: Memory,
    /// The conversation whose place another has just taken.
    replaced: Option<usize>,
}

impl ClaudeFold {
    pub(super) fn new(path: &Path, carry: Option<&[u8]>) -> ClaudeFold {
        let stem = path.file_stem().and_then(|s| s.to_str()).unwrap_or("unknown");
        let agent = stem.strip_prefix("agent-").map(Arc::from);
        let memory = carry.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        ClaudeFold { stem: Arc::from(stem), agent, memory, replaced: None }
    }

    /// The conversation a line belongs to.
    fn talk_of(&mut self, record: &Record) -> usize {
        let session = record.session.clone().unwrap_or_else(|| self.stem.clone());
        if let Some(stem) = self.agent.clone() {
            let agent = record.agent.clone().unwrap_or(stem);
            return self.talk(&format!("{session}/{agent}"), Some(&session));
        }
        if !record.sidechain {
            return self.talk(&session, None);
        }
        if let Some(agent) = record.agent.as_deref() {
            return self.talk(&format!("{session}/{agent}"), Some(&session));
        }
        self.chain(record)
    }

    fn talk(&mut self, uid: &str, parent: Option<&str>) -> usize {
        if let Some(i) = self.memory.talks.iter().position(|t| t.uid == uid) {
            return i;
        }
        let parent = parent.map(str::to_owned);
        let talk = Talk {
            task: Key::of(&[AGENT.as_bytes(), b"task", uid.as_bytes()]).0,
            role: if parent.is_some() { self.memory.role.clone() } else { None },
            uid: uid.to_owned(),
            parent,
            ..Talk::default()
        };
        let talks = &mut self.memory.talks;
        let oldest = talks.iter().enumerate().min_by_key(|(_, t)| t.last_at).map(|(i, _)| i);
        if talks.len() >= MOST_TALKS
            && let Some(i) = oldest
            && let Some(place) = talks.get_mut(i)
        {
            *place = talk;
            self.memory.chains.retain(|c| c.talk != i);
            self.replaced = Some(i);
            return i;
        }
        talks.push(talk);
        talks.len() - 1
    }

    /// Inline sidechains have no id: a line follows its `parentUuid`, and one without a parent begins a subagent.
    fn chain(&mut self, record: &Record) -> usize {
        let line = record.uuid.map_or(0, |k| k.0);
        let found = match record.parent {
            None => None,
            Some(parent) => self.memory.chains.iter().rposition(|c| c.ends.contains(&parent.0)).or(self.memory.chains.len().checked_sub(1)),
        };
        if let Some(chain) = found.and_then(|i| self.memory.chains.get_mut(i)) {
            chain.ends.push(line);
            if chain.ends.len() > MOST_PENDING {
                chain.ends.remove(0);
            }
            return chain.talk;
        }
        let session = record.session.clone().unwrap_or_else(|| self.stem.clone());
        let talk = self.talk(&format!("{session}/side-{line:016x}"), Some(&session));
        if self.memory.chains.len() >= MOST_CHAINS {
            self.memory.chains.remove(0);
        }
        self.memory.chains.push(Chain { talk, ends: vec![line] });
        talk
    }
}

/// Writes what the lines of one batch say, remembering which session has which index.
struct Writer<'a> {
    out: &'a mut Batch,
    /// Index in `out.sessions` of each conversation met in this batch.
    index: Vec<Option<u32>>,
}

impl Writer<'_> {
    fn session(&mut self, i: usize, talk: &Talk) -> u32 {
        if self.index.len() <= i {
            self.index.resize(i + 1, None);
        }
        if let Some(Some(known)) = self.index.get(i) {
            return *known;
        }
        let index = u32::try_from(self.out.sessions.len()).unwrap_or(u32::MAX);
        self.out.sessions.push(SessionUpdate {
            uid: Arc::from(talk.uid.as_str()),
            parent: talk.parent.as_deref().map(Arc::from),
            kind: if talk.parent.is_some() { SessionKind::Subagent } else { SessionKind::Main },
            role: talk.role.as_deref().map(Arc::from),
            ..SessionUpdate::default()
        });
        if let Some(slot) = self.index.get_mut(i) {
            *slot = Some(index);
        }
        index
    }
}

impl Fold for ClaudeFold {
    fn feed(&mut self, records: Skim, out: &mut Batch) {
        let Some(lines) = records.open::<Lines<Record>>() else { return };
        let records = lines.counted(out);
        let mut writer = Writer { out, index: Vec::new() };
        for record in records {
            if record.session.is_none() && matches!(record.body, Body::Other) {
                continue; // snapshots and summaries of no session
            }
            let i = self.talk_of(&record);
            if let Some(slot) = self.replaced.take().and_then(|i| writer.index.get_mut(i)) {
                *slot = None;
            }
            if let Some(talk) = self.memory.talks.get_mut(i) {
                let session = writer.session(i, talk);
                take(talk, session, record, writer.out);
            }
        }
        for (i, talk) in self.memory.talks.iter().enumerate() {
            if let Some(Some(index)) = writer.index.get(i)
                && let Some(update) = usize::try_from(*index).ok().and_then(|n| writer.out.sessions.get_mut(n))
            {
                let turn = match (talk.open, talk.pending.is_empty()) {
                    (_, false) => Turn::ToolPending,
                    (true, true) => Turn::Open,
                    (false, true) => Turn::Ended,
                };
                update.turn = Some((talk.clock.now(), turn));
            }
        }
    }

    fn carry(&self) -> Vec<u8> {
        serde_json::to_vec(&self.memory).unwrap_or_default()
    }

    fn companion(&mut self, bytes: &[u8]) {
        #[derive(Deserialize)]
        struct Meta {
            #[serde(rename = "agentType")]
            agent_type: Option<String>,
        }
        if let Ok(meta) = serde_json::from_slice::<Meta>(bytes) {
            let role = meta.agent_type;
            self.memory
                .talks
                .iter_mut()
                .filter(|talk| talk.parent.is_some())
                .for_each(|talk| talk.role = talk.role.take().or(role.clone()));
            self.memory.role = role;
        }
    }

    fn lacks_companion(&self) -> bool {
        self.memory.role.is_none() && self.memory.talks.iter().any(|talk| talk.parent.is_some())
    }
}

/// Takes one line into its conversation.
fn take(talk: &mut Talk, session: u32, record: Record, out: &mut Batch) {
    let at = record.at.unwrap_or(talk.last_at);
    talk.last_at = at;
    talk.clock.tick(at);
    if let Some(update) = usize::try_from(session).ok().and_then(|n| out.sessions.get_mut(n)) {
        see(update, &record, talk.clock);
    }
    let key = record.uuid.unwrap_or_else(|| {
        // Lines without any id are told apart by their place.
        talk.nameless = talk.nameless.wrapping_add(1);
        Key::of(&[AGENT.as_bytes(), talk.uid.as_bytes(), &at.to_le_bytes(), &talk.nameless.to_le_bytes()])
    });
    let sidechain = record.sidechain || talk.parent.is_some();
    let fact = |key: Key, task: u64, kind: FactKind| Fact {
        key,
        session,
        task: Key(task),
        at,
        kind,
        name: None,
        seen: true,
        failed: false,
        open: false,
        same: None,
        sidechain,
    };
    match record.body {
        Body::Prompt if talk.parent.is_some() => talk.open = true, // what the parent session asked of its subagent
        Body::Prompt => {
            talk.task = key.0;
            talk.slash = None;
            talk.pending.clear();
            talk.open = true;
            out.facts.push(fact(key, talk.task, FactKind::Prompt));
        }
        Body::Queued if talk.parent.is_some() => {} // what the parent session told its subagent meanwhile
        Body::Queued => {
            let kind = if talk.open { FactKind::QueuedPrompt } else { FactKind::Prompt };
            if kind == FactKind::Prompt {
                talk.task = key.0;
            }
            out.facts.push(fact(key, talk.task, kind));
        }
        Body::Slash => talk.slash = Some((key.0, at)),
        Body::Results(results) => {
            talk.open = true;
            for (tool, failed) in results {
                let tool = talk.known_tool(tool);
                talk.pending.retain(|p| *p != tool.0);
                if failed {
                    out.facts.push(Fact { seen: false, failed: true, ..fact(tool, talk.task, FactKind::Tool) });
                }
            }
        }
        Body::Interrupt => {
            talk.open = false;
            talk.pending.clear();
        }
        Body::TurnEnd => talk.open = false,
        Body::Retry => out.facts.push(fact(key, talk.task, FactKind::Retry)),
        Body::Compaction(left) => {
            if let (Some(left), Some(update)) = (left, usize::try_from(session).ok().and_then(|n| out.sessions.get_mut(n))) {
                tell(&mut update.context, talk.clock.now(), left);
            }
            out.facts.push(fact(key, talk.task, FactKind::Compaction));
        }
        Body::Answer(ref answer) => {
            if answer.synthetic {
                if answer.api_error {
                    out.facts.push(fact(key, talk.task, FactKind::ApiError));
                }
                talk.open = false;
                talk.pending.clear();
                return;
            }
            if let Some((slash, since)) = talk.slash.take() {
                talk.task = slash;
                out.facts.push(Fact { at: since, ..fact(Key(slash), slash, FactKind::Prompt) });
            }
            for ToolUse { id, name, same } in &answer.tools {
                let (tool, was_its_id) = talk.new_tool(*id, answer.key.unwrap_or(key));
                if was_its_id {
                    out.outdated.push((session, id.key)); // the first readers counted it so
                }
                talk.pending.push(tool.0);
                let same = talk.recent.meet(Key(talk.task), tool, *same);
                out.facts.push(Fact { name: Some(name.clone()), same, ..fact(tool, talk.task, FactKind::Tool) });
            }
            let overflow = talk.pending.len().saturating_sub(MOST_PENDING);
            talk.pending.drain(..overflow);
            talk.open = answer.stop != Some(Stop::Done);
            call(talk, session, &record, answer, (answer.key.unwrap_or(key), at), out);
        }
        // A slash command that only the program answered is no prompt.
        Body::Machine => talk.slash = None,
        Body::Other => {}
    }
}

/// What any line says about its session.
fn see(update: &mut SessionUpdate, record: &Record, clock: Clock) {
    if let Some(at) = record.at {
        update.seen = Some(update.seen.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        if let Some(cwd) = &record.cwd {
            update.cwd.get_or_insert_with(|| (clock.now(), cwd.clone()));
        }
    }
    if let Some(branch) = &record.branch {
        tell(&mut update.branch, clock.now(), branch.clone());
    }
    if let Some(version) = &record.version {
        tell(&mut update.version, clock.now(), version.clone());
    }
    if let Some(origin) = &record.forked_from
        && *origin != update.uid
        && update.kind != SessionKind::Subagent
    {
        update.forked = true;
        update.kind = SessionKind::Fork;
        update.parent = Some(origin.clone());
    }
}

fn call(talk: &Talk, session: u32, record: &Record, answer: &Answer, (key, at): (Key, Millis), out: &mut Batch) {
    let context = answer.context.unwrap_or_else(|| answer.tokens.total());
    if let Some(update) = usize::try_from(session).ok().and_then(|n| out.sessions.get_mut(n)) {
        if let Some(model) = &answer.model {
            tell(&mut update.model, talk.clock.now(), model.clone());
        }
        if context > 0 {
            tell(&mut update.context, talk.clock.now(), context);
        }
    }
    let base = Call {
        key,
        session,
        task: Key(talk.task),
        at,
        model: answer.model.clone(),
        tokens: answer.tokens,
        searches: answer.searches,
        tier: answer.tier,
        speed: answer.speed,
        context,
        sidechain: record.sidechain || talk.parent.is_some(),
        lower_bound: answer.stop.is_none() && record.version.as_deref().is_some_and(is_low),
        gap: false,
        reported: answer.reported,
    };
    for why in Beside::ALL {
        for (nth, part) in answer.beside.iter().filter(|part| part.why == why).enumerate() {
            let advice = why == Beside::Advisor;
            out.calls.push(Call {
                key: why.key(key, nth),
                model: part.model.clone().or_else(|| answer.model.clone().filter(|_| !advice)),
                tokens: part.tokens,
                context: 0,
                searches: 0,
                reported: None,
                lower_bound: false,
                speed: if advice { Speed::default() } else { answer.speed },
                ..base.clone()
            });
        }
    }
    if answer.tokens != Tokens::default() || answer.model.is_some() {
        out.calls.push(base);
    }
}

/// Whether a release logs outputs that are too low when no line has a `stop_reason` (measured: all before 2.1.59).
fn is_low(version: &str) -> bool {
    let mut parts = version.split('.').map(|p| p.parse::<u32>().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0), parts.next().unwrap_or(0)) < (2, 1, 59)
}
