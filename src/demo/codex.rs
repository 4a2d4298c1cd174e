//! Somebody who works with Codex.

use std::io;
use std::path::Path;

use serde_json::{Value, json};

use crate::model::Millis;
use crate::model::time::{HOUR, rfc3339, utc};

use super::actor::{Actor, Pace, Part, Phase};
use super::log::Log;
use super::records::{self, Usage};
use super::rng::Rng;
use super::words;

/// The window that Codex gives its models.
const WINDOW: u64 = 258_400;
/// The context that makes it summarize, and what is left of it.
const FULL: u64 = 220_000;
const LEFT: u64 = 26_000;

/// A session.
pub(super) struct Codex {
    log: Log,
    rng: Rng,
    part: Part,
    thread: String,
    pace: Pace,
    goal: u64,
    phase: Phase,
    steps: u64,
    tasks: u64,
    turn: String,
    began: Millis,
    tool: String,
    context: u64,
    cached: u64,
    last: Usage,
    total: Usage,
    /// Tenths of a percent of the five-hour window, and when it ends.
    used: u32,
    resets: Millis,
}

impl Codex {
    /// A session that begins then, when this much of the five-hour window is used, in tenths of a percent.
    pub(super) fn new(home: &Path, part: Part, mut rng: Rng, at: Millis, used: u32) -> Codex {
        let thread = rng.uuid();
        let day = utc(at);
        let dir = home.join(".codex/sessions").join(day.format("%Y/%m/%d").to_string());
        let log = Log::new(dir.join(format!("rollout-{}-{thread}.jsonl", day.format("%Y-%m-%dT%H-%M-%S"))));
        let goal = rng.within(Pace::PAST.goal);
        let mut codex = Codex {
            log,
            rng,
            thread,
            pace: Pace::PAST,
            goal,
            phase: Phase::Rest,
            steps: 0,
            tasks: 0,
            turn: String::new(),
            began: at,
            tool: String::new(),
            context: part.context,
            cached: 0,
            last: Usage::default(),
            total: Usage::default(),
            used,
            resets: at + 4 * HOUR,
            part,
        };
        let meta = json!({
            "id": codex.thread, "session_id": codex.thread, "timestamp": rfc3339(at), "cwd": part.cwd(), "originator": "codex-tui",
            "cli_version": "0.146.0", "source": "cli", "thread_source": "user", "model_provider": "openai",
            "git": {"branch": part.branch},
        });
        codex.line(at, "session_meta", &meta);
        codex
    }

    fn line(&mut self, at: Millis, kind: &str, payload: &Value) {
        self.log.push(&json!({"timestamp": rfc3339(at), "type": kind, "payload": payload}));
    }

    fn prompt(&mut self, at: Millis) {
        let texts = self.part.prompts;
        let turn = usize::try_from(self.tasks).unwrap_or(0) % texts.len().max(1);
        let text = texts.get(turn).copied().unwrap_or_default();
        self.turn = self.rng.uuid();
        let started = json!({"type": "task_started", "turn_id": self.turn, "started_at": at / 1000, "model_context_window": WINDOW});
        self.line(at, "event_msg", &started);
        let context = json!({
            "turn_id": self.turn, "cwd": self.part.cwd(), "model": self.part.model, "effort": "medium", "approval_policy": "on-request",
        });
        self.line(at, "turn_context", &context);
        self.line(at, "response_item", &records::message("user", text));
        self.line(at, "event_msg", &json!({"type": "user_message", "message": text, "images": []}));
        self.began = at;
        self.tasks += 1;
        self.steps = 0;
        self.context += self.rng.within((60, 900));
        self.phase = Phase::Think;
    }

    /// Counts a call whose prompt is the context.
    fn call(&mut self) {
        let output = self.rng.within(self.pace.output);
        let read = self.cached.min(self.context) / 128 * 128;
        self.last = Usage { input: self.context - read, read, written: 0, output, reasoning: output / 3 };
        self.total.add(&self.last);
        self.cached = self.context;
        self.context += output;
        self.steps += 1;
        self.used = (self.used + u32::from(self.rng.chance(600))).min(960);
    }

    /// Codex tells its counters when a call's tools are done.
    fn count(&mut self, at: Millis) {
        let week = (f64::from(self.used / 4 + 180) / 10.0, 10_080, self.resets / 1000 + 260_000);
        let limits = [(f64::from(self.used) / 10.0, 300, self.resets / 1000), week];
        let count = records::token_count(&self.total, &self.last, WINDOW, limits);
        self.line(at, "event_msg", &count);
    }

    fn think(&mut self, at: Millis) -> Millis {
        if self.context > FULL {
            self.line(at, "compacted", &json!({"message": "What was done so far, in short.", "replacement_history": []}));
            (self.context, self.cached) = (LEFT, 0);
            return self.rng.millis(self.pace.think);
        }
        self.call();
        self.line(at, "response_item", &json!({"type": "reasoning", "summary": [], "encrypted_content": ""}));
        if self.steps > self.goal {
            let text = self.rng.pick(words::ANSWERS);
            self.line(at, "response_item", &records::message("assistant", text));
            self.line(at, "event_msg", &json!({"type": "agent_message", "message": text}));
            self.count(at);
            let done = json!({
                "type": "task_complete", "turn_id": self.turn, "last_agent_message": text, "started_at": self.began / 1000,
                "completed_at": at / 1000, "duration_ms": at - self.began,
            });
            self.line(at, "event_msg", &done);
            self.goal = self.rng.within(self.pace.goal);
            self.phase = Phase::Rest;
            return self.rng.millis(self.pace.rest);
        }
        self.tool = self.rng.id("call_", 24);
        let record = if self.rng.chance(300) {
            json!({"type": "custom_tool_call", "name": "apply_patch", "call_id": self.tool, "status": "completed", "input": "*** Begin Patch"})
        } else {
            let arguments = json!({"cmd": self.rng.pick(words::COMMANDS)}).to_string();
            json!({"type": "function_call", "name": "exec_command", "call_id": self.tool, "arguments": arguments})
        };
        self.line(at, "response_item", &record);
        self.phase = Phase::Tool;
        self.rng.millis(self.pace.tool)
    }

    fn result(&mut self, at: Millis) -> Millis {
        let failed = self.rng.chance(self.pace.fail);
        let text = self.rng.pick(if failed { words::FAILED } else { words::DONE });
        let output = format!("Wall time: 0.4 seconds\nProcess exited with code {}\nOutput:\n{text}", u8::from(failed));
        self.line(at, "response_item", &json!({"type": "function_call_output", "call_id": self.tool, "output": output}));
        self.count(at);
        self.context += self.rng.within(self.pace.grow);
        self.phase = Phase::Think;
        self.rng.millis(self.pace.think)
    }
}

impl Actor for Codex {
    fn act(&mut self, at: Millis) -> Millis {
        match self.phase {
            Phase::Rest => {
                self.prompt(at);
                self.rng.millis(self.pace.think)
            }
            Phase::Think | Phase::Child => self.think(at),
            Phase::Tool => self.result(at),
        }
    }

    fn waits(&self) -> bool {
        self.phase == Phase::Rest
    }

    fn set(&mut self, pace: Pace, goal: u64) {
        (self.pace, self.goal) = (pace, goal);
    }

    fn flush(&mut self) -> io::Result<bool> {
        self.log.flush()
    }

    fn close(self: Box<Self>, at: Millis) -> io::Result<()> {
        self.log.close(at)
    }
}
