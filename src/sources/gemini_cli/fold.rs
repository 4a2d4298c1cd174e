//! The memory between the lines: whose conversation it is, which task runs, which tools have no result yet.

use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::{Batch, Call, Clock, Fact, FactKind, Key, Millis, SessionKind, SessionUpdate, Speed, Tier, Turn, tell};
use crate::sources::lines::Lines;
use crate::sources::recent::Recent;
use crate::sources::{Fold, Skim};

use super::line::{Header, Message, Record, Speaker, Status};
use super::{AGENT, place};

/// Pending tools beyond these are forgotten, oldest first.
const MOST_PENDING: usize = 64;
/// A path, or an id, is not longer than this.
const LONGEST: usize = 4096;

#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
struct Memory {
    session: Option<String>,
    /// The log says that it is a subagent's.
    subagent: bool,
    cwd: Option<String>,
    started: Option<Millis>,
    task: u64,
    /// A command that is a prompt if the model answers it.
    slash: Option<(u64, Millis)>,
    pending: Vec<u64>,
    #[serde(skip_serializing_if = "Recent::is_empty")]
    recent: Recent,
    open: bool,
    last_at: Millis,
    clock: Clock,
}

/// The fold of one session's log.
pub(super) struct GeminiFold {
    stem: String,
    /// The name of the project's directory.
    project: Option<String>,
    /// The session that started this one.
    parent: Option<Arc<str>>,
    memory: Memory,
    /// The session's place in the batch that is being written.
    index: Option<u32>,
}

impl GeminiFold {
    pub(super) fn new(path: &Path, carry: Option<&[u8]>) -> GeminiFold {
        let place = place(path);
        let project = place.and_then(|(project, _)| project.file_name()?.to_str()).map(str::to_owned);
        GeminiFold {
            stem: path.file_stem().and_then(|s| s.to_str()).unwrap_or("unknown").to_owned(),
            project,
            parent: place.and_then(|(_, parent)| parent).map(Arc::from),
            memory: carry.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default(),
            index: None,
        }
    }

    fn session(&self) -> &str {
        self.memory.session.as_deref().unwrap_or(&self.stem)
    }

    /// Ids are unique in a session only: the program derives some of them from what it says.
    fn key(&self, label: &[u8], id: Key) -> Key {
        Key::of(&[AGENT.as_bytes(), label, self.session().as_bytes(), &id.0.to_le_bytes()])
    }

    const fn is_subagent(&self) -> bool {
        self.parent.is_some() || self.memory.subagent
    }

    /// The session's update in this batch.
    fn update<'a>(&mut self, out: &'a mut Batch) -> Option<&'a mut SessionUpdate> {
        if self.index.is_none() {
            self.memory.session.get_or_insert_with(|| self.stem.clone());
            let (m, session) = (&self.memory, self.session());
            let uid = self.parent.as_ref().map_or_else(|| Arc::from(session), |parent| Arc::from(format!("{parent}/{session}")));
            self.index = u32::try_from(out.sessions.len()).ok();
            out.sessions.push(SessionUpdate {
                uid,
                parent: self.parent.clone(),
                kind: if self.parent.is_some() { SessionKind::Subagent } else { SessionKind::Main },
                cwd: m.cwd.as_deref().map(|cwd| (m.started.unwrap_or(m.last_at), Arc::from(cwd))),
                ..SessionUpdate::default()
            });
        }
        usize::try_from(self.index?).ok().and_then(|i| out.sessions.get_mut(i))
    }

    fn see(&mut self, at: Option<Millis>, out: &mut Batch) {
        if let (Some(at), Some(update)) = (at, self.update(out)) {
            update.seen = Some(update.seen.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
            self.memory.last_at = self.memory.last_at.max(at);
        }
    }

    /// The file beside the log knows best; what the model was told comes next.
    fn learn_directory(&mut self, cwd: Option<&Arc<str>>, out: &mut Batch) {
        if let (None, Some(cwd)) = (&self.memory.cwd, cwd.filter(|cwd| cwd.len() <= LONGEST)) {
            self.memory.cwd = Some(cwd.to_string());
            let since = self.memory.started.unwrap_or(self.memory.last_at);
            if let Some(update) = self.update(out) {
                update.cwd = Some((since, cwd.clone()));
            }
        }
    }

    fn header(&mut self, header: &Header, out: &mut Batch) {
        let session = header.session.as_deref().filter(|s| s.len() <= LONGEST);
        if let Some(session) = session.filter(|s| self.memory.session.as_deref() != Some(s)) {
            self.settle(out);
            self.memory = Memory { session: Some(session.to_owned()), cwd: self.memory.cwd.take(), ..Memory::default() };
            self.memory.task = Key::of(&[AGENT.as_bytes(), b"task", session.as_bytes()]).0;
        }
        self.memory.subagent = header.subagent;
        self.memory.started = header.started.or(self.memory.started);
        self.change(header, out);
        for message in &header.messages {
            self.message(message, out);
        }
    }

    fn change(&mut self, change: &Header, out: &mut Batch) {
        self.memory.clock.tick(change.started.max(change.updated).unwrap_or_default());
        self.see(change.started, out);
        self.see(change.updated, out);
        self.learn_directory(change.cwd.as_ref(), out);
        for summary in &change.summaries {
            let key = self.key(b"compaction", *summary);
            self.fact(key, FactKind::Compaction, self.memory.last_at, out);
        }
    }

    fn fact<'a>(&mut self, key: Key, kind: FactKind, at: Millis, out: &'a mut Batch) -> Option<&'a mut Fact> {
        self.update(out)?;
        let (session, task) = (self.index?, Key(self.memory.task));
        out.facts.push(Fact {
            key,
            session,
            task,
            at,
            kind,
            name: None,
            seen: true,
            failed: false,
            open: false,
            same: None,
            sidechain: false,
        });
        out.facts.last_mut()
    }

    fn prompt(&mut self, key: Key, at: Millis, out: &mut Batch) {
        self.memory.task = key.0;
        self.memory.pending.clear();
        self.fact(key, FactKind::Prompt, at, out);
    }

    fn message(&mut self, message: &Message, out: &mut Batch) {
        self.memory.clock.tick(message.at.unwrap_or_default());
        self.see(message.at, out);
        self.learn_directory(message.cwd.as_ref(), out);
        let at = message.at.unwrap_or(self.memory.last_at);
        match message.speaker {
            // What the parent session asked of its subagent.
            Speaker::Human | Speaker::Slash if self.is_subagent() => self.memory.open = true,
            Speaker::Human => {
                self.memory.slash = None;
                self.memory.open = true;
                self.prompt(self.key(b"prompt", message.id), at, out);
            }
            Speaker::Slash => self.memory.slash = Some((self.key(b"prompt", message.id).0, at)),
            Speaker::Machine => self.memory.open = true,
            Speaker::Model { spoke } => self.answer(message, spoke, at, out),
            Speaker::ApiError => {
                self.fact(self.key(b"error", message.id), FactKind::ApiError, at, out);
                self.end();
            }
            Speaker::Interrupt => self.end(),
            Speaker::Program => {}
        }
    }

    fn end(&mut self) {
        self.memory.open = false;
        self.memory.pending.clear();
    }

    fn answer(&mut self, message: &Message, spoke: bool, at: Millis, out: &mut Batch) {
        if let Some((slash, since)) = self.memory.slash.take_if(|_| message.tokens.is_some()) {
            self.prompt(Key(slash), since, out);
        }
        self.call(message, at, out);
        for (i, tool) in message.tools.iter().enumerate() {
            let id = tool.id.unwrap_or_else(|| Key::of(&[&message.id.0.to_le_bytes(), &i.to_le_bytes()]));
            let key = self.key(b"tool", id);
            self.memory.pending.retain(|p| *p != key.0);
            if tool.status == Status::Pending {
                self.memory.pending.push(key.0);
            }
            let task = Key(self.memory.task);
            let same = if tool.status == Status::Pending { None } else { self.memory.recent.meet(task, key, tool.same) };
            if let Some(fact) = self.fact(key, FactKind::Tool, at, out) {
                fact.same = same;
                fact.name = Some(tool.name.clone());
                fact.failed = matches!(tool.status, Status::Failed | Status::Declined);
            }
        }
        let overflow = self.memory.pending.len().saturating_sub(MOST_PENDING);
        self.memory.pending.drain(..overflow);
        // Tools are told when they are done: until then only an answer without a word says that it goes on. A human who
        // declines all of them is asked what to do instead.
        let goes_on = message.tools.iter().any(|t| t.status != Status::Declined) && !message.tools.iter().any(|t| t.is_last);
        self.memory.open = if message.tools.is_empty() { !spoke } else { goes_on };
    }

    fn call(&mut self, message: &Message, at: Millis, out: &mut Batch) {
        let Some(tokens) = message.tokens else { return };
        // Thoughts are not sent again.
        let context = tokens.total() - tokens.reasoning;
        let now = self.memory.clock.now();
        let Some(update) = self.update(out) else { return };
        if let Some(model) = &message.model {
            tell(&mut update.model, now, model.clone());
        }
        if context > 0 {
            tell(&mut update.context, now, context);
        }
        let Some(session) = self.index else { return };
        out.calls.push(Call {
            key: self.key(b"call", message.id),
            session,
            task: Key(self.memory.task),
            at,
            model: message.model.clone(),
            tokens,
            searches: 0,
            tier: Tier::Standard,
            speed: Speed::default(),
            context,
            sidechain: false,
            lower_bound: false,
            gap: false,
            reported: None,
        });
    }

    /// Says where the session stands and lets another one take its place.
    fn settle(&mut self, out: &mut Batch) {
        if self.index.is_some() {
            let turn = match (self.memory.open, self.memory.pending.is_empty()) {
                (_, false) => Turn::ToolPending,
                (true, true) => Turn::Open,
                (false, true) => Turn::Ended,
            };
            let now = self.memory.clock.now();
            if let Some(update) = self.update(out) {
                update.turn = Some((now, turn));
            }
        }
        self.index = None;
    }
}

impl Fold for GeminiFold {
    fn feed(&mut self, records: Skim, out: &mut Batch) {
        let Some(lines) = records.open::<Lines<Record>>() else { return };
        let records = lines.counted(out);
        for record in records {
            match record {
                Record::Header(header) => self.header(&header, out),
                Record::Change(change) => self.change(&change, out),
                Record::Message(message) => self.message(&message, out),
                Record::Rewind => {
                    self.memory.clock.tick(0);
                    self.end();
                    // It may come alone, long after what it takes back.
                    if self.memory.session.is_some() {
                        self.update(out);
                    }
                }
            }
        }
        self.settle(out);
    }

    fn carry(&self) -> Vec<u8> {
        serde_json::to_vec(&self.memory).unwrap_or_default()
    }

    /// `.project_root` holds the path alone, `projects.json` the name of each path.
    fn companion(&mut self, bytes: &[u8]) {
        #[derive(Deserialize)]
        struct Projects {
            projects: std::collections::BTreeMap<String, String>,
        }
        let cwd = if bytes.first() == Some(&b'{') {
            let known = serde_json::from_slice::<Projects>(bytes).ok();
            known.and_then(|known| known.projects.into_iter().find(|(_, name)| Some(name) == self.project.as_ref()).map(|(path, _)| path))
        } else {
            std::str::from_utf8(bytes).ok().map(|path| path.trim().to_owned())
        };
        self.memory.cwd = cwd.filter(|path| !path.is_empty() && path.len() <= LONGEST && !path.contains('\n'));
    }

    fn lacks_companion(&self) -> bool {
        self.memory.cwd.is_none()
    }
}
