//! The memory between rollout lines: counters so far, the running turn, and a copied history that has not ended.

use std::path::Path;
use std::sync::Arc;

use crate::model::{Batch, Call, Fact, FactKind, Key, Millis, SessionKind, SessionUpdate, Speed, Tier, Turn, tell};
use crate::sources::lines::Lines;
use crate::sources::{Fold, Skim};

use super::AGENT;
use super::counters;
use super::history::{Known, begins_with_history, first_counter, possible_history};
use super::limits;
use super::line::{Body, Count, Meta, Record, Usage};
use super::memory::Memory;

/// Pending tools beyond these are forgotten, oldest first.
const MOST_PENDING: usize = 64;

/// The fold of one rollout.
pub(super) struct CodexFold {
    stem: String,
    memory: Memory,
    model: Option<Arc<str>>,
    /// What the thread holds whose records this file repeats, where its file could be read.
    known: Option<Known>,
}

impl CodexFold {
    pub(super) fn new(path: &Path, carry: Option<&[u8]>) -> CodexFold {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("unknown");
        let stem = name.trim_end_matches(".zst").trim_end_matches(".jsonl");
        // `rollout-<time>-<thread>`: the thread is told by the name as well.
        let thread = stem.len().checked_sub(37).filter(|_| stem.starts_with("rollout-")).and_then(|at| stem.get(at..)?.strip_prefix('-'));
        let stem = thread.unwrap_or(stem).to_owned();
        let memory: Memory = carry.and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        CodexFold { stem, model: memory.model.as_deref().map(Arc::from), memory, known: None }
    }

    /// The thread whose earlier file this one goes on from: `rollout-<time>-<thread>_<rollout>`.
    fn reverted(&self) -> Option<&str> {
        let before = self.stem.rsplit_once('_')?.0;
        before.get(before.len().checked_sub(36)?..)
    }

    fn thread(&self) -> &str {
        self.memory.thread.as_deref().unwrap_or(&self.stem)
    }

    /// The first header names the thread; further ones are a parent's, copied.
    fn begin(&mut self, meta: &Meta, at: Option<Millis>) {
        let m = &mut self.memory;
        m.thread = Some(meta.id.as_deref().unwrap_or(&self.stem).to_owned());
        m.parent = meta.parent.as_deref().or(meta.forked_from.as_deref()).map(str::to_owned);
        m.subagent = meta.subagent;
        m.forked = meta.forked_from.is_some();
        m.nickname = meta.nickname.as_deref().map(str::to_owned);
        m.task = Key::of(&[AGENT.as_bytes(), b"task", m.thread.as_deref().unwrap_or_default().as_bytes()]).0;
        match possible_history(meta, at) {
            Some(history) if history.own_from.is_some() => m.history = Some(history),
            other => m.maybe = other,
        }
    }

    fn update(&self) -> SessionUpdate {
        let m = &self.memory;
        SessionUpdate {
            uid: Arc::from(self.thread()),
            parent: m.parent.as_deref().map(Arc::from),
            kind: if m.subagent {
                SessionKind::Subagent
            } else if m.forked {
                SessionKind::Fork
            } else {
                SessionKind::Main
            },
            forked: m.forked,
            role: m.nickname.as_deref().map(Arc::from),
            ..SessionUpdate::default()
        }
    }

    /// A record of a history that belongs to another thread: only the counters go on from it.
    fn pass_over(&mut self, record: &Record) {
        match &record.body {
            Body::Count(count) => {
                if let Some(totals) = count.totals {
                    self.memory.counters.pass_over(totals, count.last);
                }
            }
            Body::Context { model: Some(model), .. } => self.set_model(model.clone()),
            _ => {}
        }
    }

    fn set_model(&mut self, model: Arc<str>) {
        self.memory.tell_model(&model);
        if self.model.as_ref() != Some(&model) {
            self.model = Some(model);
        }
    }

    fn begin_turn(&mut self, turn: &str) {
        if self.memory.turn.as_deref() == Some(turn) {
            return;
        }
        let task = Key::of(&[AGENT.as_bytes(), b"turn", self.thread().as_bytes(), turn.as_bytes()]).0;
        let m = &mut self.memory;
        m.turn = Some(turn.to_owned());
        m.task = task;
        m.prompts.clear();
        m.fallback = None;
        m.pending.clear();
        if let Some(tier) = m.next_tier.take() {
            m.tier = tier;
        }
    }

    fn fact(&self, key: Key, kind: FactKind, at: Millis) -> Fact {
        Fact {
            key,
            session: 0,
            task: Key(self.memory.task),
            at,
            kind,
            name: None,
            seen: true,
            failed: false,
            open: false,
            same: None,
            sidechain: false,
        }
    }

    fn prompt(&mut self, text: u64, at: Millis, out: &mut Batch) {
        if self.memory.turn.is_none() && !(self.memory.just_asked && self.memory.prompts.contains(&text)) {
            // Releases without turn ids: each prompt begins a turn.
            self.memory.prompts.clear();
            self.memory.task = Key::of(&[AGENT.as_bytes(), b"prompt", self.thread().as_bytes(), &at.to_le_bytes()]).0;
        }
        self.memory.fallback = None;
        self.memory.just_asked = true;
        if self.memory.prompts.contains(&text) {
            return;
        }
        let kind = if self.memory.prompts.is_empty() { FactKind::Prompt } else { FactKind::QueuedPrompt };
        let overflow = (self.memory.prompts.len() + 1).saturating_sub(MOST_PENDING);
        self.memory.prompts.drain(..overflow);
        self.memory.prompts.push(text);
        self.memory.open = true;
        let key = Key::of(&[AGENT.as_bytes(), b"prompt", &self.memory.task.to_le_bytes(), &text.to_le_bytes()]);
        out.facts.push(self.fact(key, kind, at));
    }

    fn take(&mut self, record: Record, out: &mut Batch) {
        let at = record.at.unwrap_or(self.memory.last_at);
        self.memory.last_at = at;
        self.memory.clock.tick(at);
        let now = self.memory.clock.now();
        if let Some(update) = out.sessions.first_mut()
            && record.at.is_some()
        {
            update.seen = Some(update.seen.map_or((at, at), |(first, last)| (first.min(at), last.max(at))));
        }
        let place = |label: &[u8], thread: &str| Key::of(&[AGENT.as_bytes(), label, thread.as_bytes(), &at.to_le_bytes()]);
        match record.body {
            Body::Meta(_) | Body::Other => {}
            Body::Output => self.memory.spoke = true,
            Body::Settings { model, tier } => {
                self.memory.next_tier = tier.and_then(|tier| u8::try_from(tier.to_sql()).ok()).or(self.memory.next_tier);
                if let Some(model) = model.filter(|_| self.model.is_none()) {
                    self.set_model(model);
                }
            }
            Body::Context { turn, model, cwd, tier } => {
                if let Some(turn) = turn {
                    self.begin_turn(&turn);
                }
                if let Some(tier) = tier {
                    self.memory.tier = u8::try_from(tier.to_sql()).unwrap_or(0);
                }
                if let Some(model) = model {
                    self.set_model(model);
                }
                if let (Some(update), Some(cwd)) = (out.sessions.first_mut(), cwd) {
                    update.cwd.get_or_insert((now, cwd));
                }
            }
            Body::Started { turn, window } => {
                if let Some(turn) = turn {
                    self.begin_turn(&turn);
                }
                self.memory.open = true;
                set_window(out, now, window);
            }
            Body::Ended { failed } => {
                if failed {
                    let key = place(b"failed", self.thread());
                    out.facts.push(self.fact(key, FactKind::ApiError, at));
                }
                self.settle_fallback(out);
                self.memory.open = false;
                self.memory.pending.clear();
            }
            Body::Prompt(text) => self.prompt(text.0, at, out),
            Body::Input(text) => {
                if self.memory.prompts.is_empty() {
                    self.memory.fallback = Some((text.0, at));
                }
            }
            Body::Count(count) => self.count(&count, at, out),
            Body::Call { totals, own } => self.call(totals, own, at, out),
            Body::Tool { call, name, same, search } => {
                self.memory.spoke = true;
                self.memory.just_asked = false;
                self.memory.searches = self.memory.searches.saturating_add(u32::from(search));
                self.tool(call, name, same, at, out);
            }
            Body::Result { call, failed } => {
                let key = self.own(call);
                self.memory.pending.retain(|p| *p != key.0);
                if failed {
                    out.facts.push(Fact { seen: false, failed: true, ..self.fact(key, FactKind::Tool, at) });
                }
            }
            Body::Retry => {
                let key = place(b"retry", self.thread());
                out.facts.push(self.fact(key, FactKind::Retry, at));
            }
            Body::ApiError => {
                let key = place(b"error", self.thread());
                out.facts.push(self.fact(key, FactKind::ApiError, at));
            }
            Body::Compaction if self.memory.compacted => {}
            Body::Compaction => {
                self.memory.compacted = true;
                let key = place(b"compacted", self.thread());
                out.facts.push(self.fact(key, FactKind::Compaction, at));
            }
        }
    }

    /// Tool ids are unique in a thread only.
    fn own(&self, call: Key) -> Key {
        Key::of(&[self.thread().as_bytes(), &call.0.to_le_bytes()])
    }

    fn tool(&mut self, call: Key, name: Arc<str>, same: u32, at: Millis, out: &mut Batch) {
        let key = if call.0 == 0 {
            self.memory.nameless = self.memory.nameless.wrapping_add(1);
            // A file that goes on from an earlier one of the same thread counts anew.
            let place = self.reverted().map_or_else(|| self.thread(), |_| &self.stem);
            Key::of(&[AGENT.as_bytes(), b"nameless", place.as_bytes(), &self.memory.nameless.to_le_bytes()])
        } else {
            let key = self.own(call);
            self.memory.pending.push(key.0);
            let overflow = self.memory.pending.len().saturating_sub(MOST_PENDING);
            self.memory.pending.drain(..overflow);
            key
        };
        let same = self.memory.recent.meet(Key(self.memory.task), key, same);
        out.facts.push(Fact { name: Some(name), same, ..self.fact(key, FactKind::Tool, at) });
    }

    /// Where no record says "prompt", the first user message that Codex did not inject was one.
    fn settle_fallback(&mut self, out: &mut Batch) {
        if let Some((text, since)) = self.memory.fallback.take()
            && self.memory.prompts.is_empty()
        {
            self.prompt(text, since, out);
        }
    }

    fn count(&mut self, count: &Count, at: Millis, out: &mut Batch) {
        limits::keep(&count.limits, at, out);
        set_window(out, self.memory.clock.now(), count.window);
        let Some(totals) = self.memory.counters.told(count) else { return };
        let context = count.last.map(|l| l.total).filter(|t| *t > 0);
        if let (Some(context), Some(update)) = (context, out.sessions.first_mut()) {
            tell(&mut update.context, self.memory.clock.now(), context);
        }
        let inherited = self.memory.counters.are_none() && self.is_inherited(&totals, count.last.as_ref());
        let Some((used, gap)) = self.memory.counters.raise(totals, count.last, inherited, self.memory.again) else { return };
        self.settle_fallback(out);
        (self.memory.compacted, self.memory.just_asked) = (false, false);
        let searches = std::mem::take(&mut self.memory.searches);
        let key = Key::of(&[
            AGENT.as_bytes(),
            b"call",
            self.thread().as_bytes(),
            &self.memory.counters.segment.to_le_bytes(),
            &[totals.input, totals.cached, totals.written, totals.output, totals.reasoning, totals.total].map(u64::to_le_bytes).concat(),
        ]);
        out.calls.push(Call {
            key,
            session: 0,
            task: Key(self.memory.task),
            at,
            model: self.model.clone(),
            tokens: counters::normal(&used),
            searches,
            tier: Tier::from_sql(i64::from(self.memory.tier)),
            speed: Speed::default(),
            context: context.unwrap_or(used.input + used.output),
            sidechain: false,
            lower_bound: false,
            gap,
            reported: None,
        });
    }

    /// A call that is told before its counter is. Where the thread goes on from another's, only the counter is sure.
    fn call(&mut self, totals: Usage, own: Usage, at: Millis, out: &mut Batch) {
        if self.memory.counters.go_on(&totals, &own, self.is_of_others()) {
            self.count(&Count { totals: Some(totals), last: Some(own), ..Count::default() }, at, out);
        }
    }

    /// Whether what the file begins with may be another thread's.
    fn is_of_others(&self) -> bool {
        self.memory.forked || self.memory.subagent || self.memory.parent.is_some() || self.reverted().is_some()
    }

    /// Whether the first counter of a file is another's last one, told again: a fork or a revert that copies no records
    /// begins with it.
    fn is_inherited(&self, totals: &Usage, last: Option<&Usage>) -> bool {
        let of_others = self.is_of_others();
        let holds_history = last.is_some_and(|last| last.total < totals.total);
        // Where the other's file is gone: a call's counter comes after what the model said.
        of_others && self.known.as_ref().map_or(holds_history && !self.memory.spoke, |known| known.has_count(totals, last))
    }
}

fn set_window(out: &mut Batch, now: Millis, window: Option<u64>) {
    if let (Some(window), Some(update)) = (window, out.sessions.first_mut()) {
        tell(&mut update.window, now, window);
    }
}

impl Fold for CodexFold {
    fn feed(&mut self, records: Skim, out: &mut Batch) {
        let Some(lines) = records.open::<Lines<Record>>() else { return };
        let records = lines.counted(out);
        let mut records = records.into_iter();
        if self.memory.thread.is_none() {
            match records.next() {
                Some(Record { at, ordinal: _, body: Body::Meta(meta) }) => {
                    self.begin(&meta, at);
                    out.sessions.push(self.update());
                    if let Some(update) = out.sessions.first_mut() {
                        let at = at.or(meta.at);
                        self.memory.clock.tick(at.unwrap_or(0));
                        let told = |text: &Option<Arc<str>>| text.clone().map(|text| (self.memory.clock.now(), text));
                        update.seen = at.map(|t| (t, t));
                        update.cwd = told(&meta.cwd);
                        update.branch = told(&meta.branch);
                        update.remote = told(&meta.remote);
                        update.version = told(&meta.version);
                    }
                    self.memory.last_at = at.unwrap_or(0);
                }
                Some(first) => {
                    // A rollout that lost its header is a thread named by its file.
                    self.begin(&Meta::default(), first.at);
                    out.sessions.push(self.update());
                    self.take(first, out);
                }
                None => return, // no line yet, no session yet
            }
        }
        if out.sessions.is_empty() {
            out.sessions.push(self.update());
        }
        for record in records {
            if let Some(history) = self.memory.maybe.take()
                && matches!(record.body, Body::Meta(_))
            {
                self.memory.history = Some(history);
            }
            if let Some(history) = &mut self.memory.history {
                if !history.ends_before(&record, self.known.as_ref()) {
                    self.pass_over(&record);
                    continue;
                }
                if history.own_from.is_some() {
                    // The newest subagents count from zero although they repeat their parent's records.
                    self.memory.counters.begin_anew();
                }
                self.memory.history = None;
            }
            self.take(record, out);
        }
        if let Some(update) = out.sessions.first_mut() {
            let m = &self.memory;
            let turn = match (m.open, m.pending.is_empty()) {
                (true, false) => Turn::ToolPending,
                (true, true) => Turn::Open,
                (false, _) => Turn::Ended,
            };
            update.turn = Some((m.clock.now(), turn));
            update.model = m.told_model().map(|model| (m.model_at, Arc::from(model)));
        }
    }

    fn carry(&self) -> Vec<u8> {
        serde_json::to_vec(&self.memory).unwrap_or_default()
    }

    fn wants_ancestor(&self, records: &Skim) -> Option<String> {
        if let Some(history) = &self.memory.history {
            // Once: what it says is known from then on, however long the history goes on.
            return (history.wants_parent() && self.known.is_none()).then(|| history.of.clone());
        }
        let records = records.peek::<Lines<Record>>()?.records.as_slice();
        if self.memory.counters.are_none() && self.known.is_none() && first_counter(records).is_some() {
            // Nothing copied, perhaps: then the other file tells whether the first counter is a new one.
            let (forked, parent) = match (&self.memory.thread, records) {
                (None, [Record { body: Body::Meta(meta), .. }, ..]) if meta.own_from.is_none() => {
                    (meta.forked_from.as_deref(), meta.parent.as_deref())
                }
                (Some(_), _) => (self.memory.parent.as_deref().filter(|_| self.memory.forked), self.memory.parent.as_deref()),
                _ => (None, None),
            };
            let parent = parent.filter(|_| begins_with_history(records));
            if let Some(of) = self.reverted().or(forked).or(parent) {
                return Some(of.to_owned());
            }
        }
        let (history, next) = match (&self.memory.thread, &self.memory.maybe, records) {
            (None, _, [Record { at, body: Body::Meta(meta), .. }, next, ..]) => (possible_history(meta, *at)?, next),
            (Some(_), Some(history), [next, ..]) => (history.clone(), next),
            _ => return None,
        };
        (matches!(next.body, Body::Meta(_)) && history.wants_parent()).then_some(history.of)
    }

    fn again(&mut self) {
        self.memory.again = true;
    }

    fn ancestor(&mut self, records: Skim) {
        if let Some(lines) = records.open::<Lines<Record>>() {
            self.known.get_or_insert_default().learn(&lines.records);
        }
    }
}
