//! Somebody who works with Claude Code.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::model::Millis;
use crate::model::time::{HOUR, MINUTE, rfc3339};

use super::actor::{Actor, Pace, Part, Phase};
use super::log::Log;
use super::records::{self, Usage};
use super::rng::Rng;
use super::words;

const VERSION: &str = "2.1.235";
/// The part of the prompt that every session shares: always in the cache.
const SHARED: u64 = 16_000;
/// The context that makes Claude Code summarize, and what is left of it.
const FULL: u64 = 188_000;
const LEFT: u64 = 24_000;
/// From the end of one subagent to the next.
const NEXT_CHILD: Millis = 100_000;

/// A session, or one of its subagents.
pub(super) struct Claude {
    log: Log,
    /// Files beside it: finished subagents, and what is noted about them.
    beside: Vec<Log>,
    dir: PathBuf,
    rng: Rng,
    part: Part,
    session: String,
    agent: Option<String>,
    pace: Pace,
    goal: u64,
    phase: Phase,
    steps: u64,
    tasks: u64,
    began: Millis,
    prompt_id: String,
    last_line: Option<String>,
    tools: Vec<String>,
    context: u64,
    cached: u64,
    called: Millis,
    hiccup: bool,
    delegates: Option<Millis>,
    child: Option<Box<Claude>>,
}

impl Claude {
    pub(super) fn new(home: &Path, part: Part, mut rng: Rng) -> Claude {
        let session = rng.uuid();
        let slug: String = part.cwd().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
        let dir = home.join(".claude/projects").join(slug);
        let log = Log::new(dir.join(format!("{session}.jsonl")));
        let goal = rng.within(Pace::PAST.goal);
        Claude {
            log,
            beside: Vec::new(),
            dir,
            rng,
            session,
            agent: None,
            pace: Pace::PAST,
            goal,
            phase: Phase::Rest,
            steps: 0,
            tasks: 0,
            began: 0,
            prompt_id: String::new(),
            last_line: None,
            tools: Vec::new(),
            context: part.context,
            cached: SHARED,
            called: Millis::MIN / 2,
            hiccup: false,
            delegates: None,
            child: None,
            part,
        }
    }

    /// One of its calls will be refused once.
    pub(super) const fn with_hiccup(mut self) -> Claude {
        self.hiccup = true;
        self
    }

    /// It sends out a subagent when it comes to it after that instant.
    pub(super) const fn delegating(mut self, at: Millis) -> Claude {
        self.delegates = Some(at);
        self
    }

    fn line(&mut self, at: Millis, mut record: Value) {
        let uuid = self.rng.uuid();
        let common = json!({
            "uuid": uuid, "parentUuid": self.last_line, "sessionId": self.session, "timestamp": rfc3339(at), "cwd": self.part.cwd(),
            "gitBranch": self.part.branch, "version": VERSION, "userType": "external", "entrypoint": "cli",
            "isSidechain": self.agent.is_some(), "promptId": self.prompt_id,
        });
        if let (Some(fields), Value::Object(common)) = (record.as_object_mut(), common) {
            fields.extend(common);
            if let Some(agent) = &self.agent {
                fields.insert("agentId".to_owned(), json!(agent));
            }
        }
        self.log.push(&record);
        self.last_line = Some(uuid);
    }

    /// Whether it makes the same call for ever.
    const fn is_stuck(&self) -> bool {
        self.goal == u64::MAX
    }

    fn prompt(&mut self, at: Millis) {
        let texts = self.part.prompts;
        let turn = usize::try_from(self.tasks).unwrap_or(0) % texts.len().max(1);
        let text = texts.get(turn).copied().unwrap_or_default();
        if self.agent.is_none() {
            self.prompt_id = self.rng.uuid();
        }
        self.line(at, records::prompt(text));
        self.began = at;
        self.tasks += 1;
        self.steps = 0;
        self.context += self.rng.within((60, 900));
        self.phase = Phase::Think;
    }

    /// A whole response: what was thought, then these blocks.
    fn answer(&mut self, at: Millis, stop: &str, blocks: &[Value]) {
        let kept = if self.agent.is_some() { 5 * MINUTE } else { HOUR };
        let read = if at.saturating_sub(self.called) < kept { self.cached } else { SHARED }.min(self.context);
        let input = self.rng.within((3, 12)).min(self.context - read);
        let output = self.rng.within(self.pace.output);
        let usage = Usage { input, read, written: self.context - read - input, output, reasoning: output / 4 };
        let usage = usage.claude(self.agent.is_none());
        let (id, request) = (self.rng.id("msg_01", 22), self.rng.id("req_01", 22));
        let thought = json!({"type": "thinking", "thinking": "", "signature": ""});
        for (i, content) in std::iter::once(&thought).chain(blocks).enumerate() {
            let early = if i == 0 { 300 } else { 0 };
            self.line(at - early, records::block(&id, &request, self.part.model, stop, &usage, content));
        }
        self.cached = self.context;
        self.context += output;
        self.called = at;
        self.steps += 1;
    }

    fn think(&mut self, at: Millis) -> Millis {
        if self.hiccup && self.steps == 2 {
            self.hiccup = false;
            self.line(at, records::retry());
            return 1_400;
        }
        if self.context > FULL {
            for record in records::compaction(self.context, LEFT) {
                self.line(at, record);
            }
            (self.context, self.cached) = (LEFT, SHARED);
            return self.rng.millis(self.pace.think);
        }
        if self.steps >= self.goal {
            let text = self.rng.pick(words::ANSWERS);
            self.answer(at, "end_turn", &[json!({"type": "text", "text": text})]);
            if self.agent.is_none() {
                self.line(at, records::turn_end(at - self.began));
            }
            self.goal = self.rng.within(self.pace.goal);
            self.phase = Phase::Rest;
            return self.rng.millis(self.pace.rest);
        }
        if self.delegates.is_some_and(|since| at >= since) {
            self.delegates = None;
            self.send_child(at);
            return 900;
        }
        let count = if !self.is_stuck() && self.rng.chance(150) { 2 } else { 1 };
        let mut blocks = Vec::with_capacity(count);
        for _ in 0..count {
            let id = self.rng.id("toolu_01", 22);
            let (name, input) = match (self.is_stuck(), self.agent.is_some()) {
                (true, _) => ("Bash", json!({"command": words::STUCK})),
                (_, searches) => records::tool(&mut self.rng, &self.part.cwd(), searches),
            };
            blocks.push(json!({"type": "tool_use", "id": id, "name": name, "input": input}));
            self.tools.push(id);
        }
        self.answer(at, "tool_use", &blocks);
        self.phase = Phase::Tool;
        self.rng.millis(self.pace.tool)
    }

    fn results(&mut self, at: Millis) -> Millis {
        for id in std::mem::take(&mut self.tools) {
            let failed = self.rng.chance(self.pace.fail);
            let text = match (failed, self.is_stuck()) {
                (true, true) => words::STUCK_OUTPUT,
                (true, false) => self.rng.pick(words::FAILED),
                (false, _) => self.rng.pick(words::DONE),
            };
            let details = if failed { json!(format!("Error: {text}")) } else { json!({"stdout": text, "interrupted": false}) };
            self.line(at, records::result(&id, failed, text, &details));
            self.context += self.rng.within(self.pace.grow);
        }
        self.phase = Phase::Think;
        self.rng.millis(self.pace.think)
    }

    fn send_child(&mut self, at: Millis) {
        let tool = self.rng.id("toolu_01", 22);
        let agent = self.rng.id("a", 16);
        let ask = json!({"description": "Find the billing periods", "prompt": words::EXPLORE, "subagent_type": "Explore"});
        self.answer(at, "tool_use", &[json!({"type": "tool_use", "id": tool, "name": "Agent", "input": ask})]);
        let beside = self.dir.join(&self.session).join("subagents");
        let mut meta = Log::new(beside.join(format!("agent-{agent}.meta.json")));
        meta.push(&json!({"agentType": "Explore", "description": "Find the billing periods", "toolUseId": tool, "spawnDepth": 1}));
        self.beside.push(meta);
        let part = Part { model: "claude-haiku-4-5", prompts: &[words::EXPLORE], context: 11_000, ..self.part };
        let mut rng = self.rng.fork();
        let goal = rng.within(Pace::EXPLORE.goal);
        self.child = Some(Box::new(Claude {
            log: Log::new(beside.join(format!("agent-{agent}.jsonl"))),
            session: self.session.clone(),
            agent: Some(agent),
            prompt_id: self.prompt_id.clone(),
            pace: Pace::EXPLORE,
            goal,
            cached: 0,
            ..Claude::new(&self.dir, part, rng)
        }));
        self.tools.push(tool);
        self.phase = Phase::Child;
    }

    fn follow_child(&mut self, at: Millis) -> Millis {
        let Some(child) = &mut self.child else {
            self.phase = Phase::Think;
            return 1;
        };
        let pause = child.act(at);
        if !child.waits() {
            return pause;
        }
        let details = json!({"status": "completed", "agentId": child.agent, "agentType": "Explore", "totalDurationMs": at - child.began});
        let tool = self.tools.pop().unwrap_or_default();
        self.line(at, records::result(&tool, false, "Four places; two of them round.", &details));
        self.context += self.rng.within((900, 2_000));
        self.beside.extend(self.child.take().map(|child| child.log));
        self.delegates = Some(at + NEXT_CHILD);
        self.phase = Phase::Think;
        self.rng.millis(self.pace.think)
    }
}

impl Actor for Claude {
    fn act(&mut self, at: Millis) -> Millis {
        match self.phase {
            Phase::Rest => {
                self.prompt(at);
                self.rng.millis(self.pace.think)
            }
            Phase::Think => self.think(at),
            Phase::Tool => self.results(at),
            Phase::Child => self.follow_child(at),
        }
    }

    fn waits(&self) -> bool {
        self.phase == Phase::Rest
    }

    fn set(&mut self, pace: Pace, goal: u64) {
        (self.pace, self.goal) = (pace, goal);
    }

    fn flush(&mut self) -> io::Result<bool> {
        let mut written = self.log.flush()?;
        for mut log in std::mem::take(&mut self.beside) {
            written |= log.flush()?;
        }
        if let Some(child) = &mut self.child {
            written |= child.flush()?;
        }
        Ok(written)
    }

    fn close(self: Box<Self>, at: Millis) -> io::Result<()> {
        self.beside.into_iter().chain([self.log]).try_for_each(|log| log.close(at))
    }
}
