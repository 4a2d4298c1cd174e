//! Claude Code at work: streamed responses, tools, subagents, side questions, and copies of whole histories.

use aifinops::model::Millis;
use aifinops::model::time::rfc3339;

use super::{Log, Step};

/// 2026-08-10, 09:00 UTC.
const START: Millis = 1_786_352_400_000;

/// A line with `$S` where the session's id stands, and `$F` where a copy names its original.
struct Talk {
    session: String,
    agent: Option<String>,
    path: String,
    lines: Vec<String>,
    /// How the copied lines at its start name their original.
    copied: (usize, String),
    after: Option<(usize, usize)>,
}

struct Work {
    talks: Vec<Talk>,
    now: Millis,
    /// Ids given so far.
    ids: u32,
}

/// What Claude Code would have written had these things happened.
pub(super) fn logs(steps: &[Step]) -> Vec<Log> {
    let mut work = Work { talks: Vec::new(), now: START, ids: 0 };
    work.begin();
    for (what, who, how, much) in steps {
        work.now += Millis::from(*much) * 7; // up to eight minutes, sometimes none at all
        let who = usize::from(*who) % work.talks.len();
        match what {
            0..=2 => work.prompt(who),
            3..=8 => work.answer(who, *how, *much),
            9 => work.subagent(who),
            10 => work.aside(who),
            11 | 12 => work.copy(who, how % 2 == 0),
            13 => work.system(who, r#""subtype":"api_error","error":{"status":529}"#),
            14 => work.system(who, r#""subtype":"compact_boundary","compactMetadata":{"postTokens":900}"#),
            15 => work.now -= 3_600_000, // the clock is set back
            _ => work.begin(),
        }
    }
    work.talks.iter().map(Talk::log).collect()
}

impl Talk {
    fn log(&self) -> Log {
        let side = if self.agent.is_some() { "true" } else { "false" };
        let agent = self.agent.as_ref().map(|a| format!(r#","agentId":"{a}""#)).unwrap_or_default();
        let (copies, from) = &self.copied;
        let line = |(i, line): (usize, &String)| {
            let from = if i < *copies { from.as_str() } else { "" };
            line.replace("$S", &self.session).replace("$F", &format!(r#"{from}{agent},"isSidechain":{side}"#))
        };
        Log { path: self.path.clone(), lines: self.lines.iter().enumerate().map(line).collect(), after: self.after }
    }
}

impl Work {
    fn id(&mut self) -> u32 {
        self.ids += 1;
        self.ids
    }

    fn open(&mut self, session: String, agent: Option<String>) -> usize {
        let file = match &agent {
            Some(agent) => format!("{session}/subagents/agent-{agent}"),
            None => session.clone(),
        };
        let path = format!(".claude/projects/-work-api/{file}.jsonl");
        self.talks.push(Talk { session, agent, path, lines: Vec::new(), copied: (0, String::new()), after: None });
        self.talks.len() - 1
    }

    fn begin(&mut self) {
        // The names are in no order, so that nothing can depend on it.
        let id = self.id();
        let session = format!("{:08x}-0000-4000-8000-000000000000", id.wrapping_mul(0x9e37_79b9));
        let talk = self.open(session, None);
        self.prompt(talk);
    }

    fn line(&mut self, talk: usize, kind: &str, rest: &str) {
        let (id, at) = (self.id(), rfc3339(self.now));
        let line = format!(
            r#"{{"type":"{kind}","uuid":"line-{id}","sessionId":"$S"$F,"cwd":"/code/api","version":"2.1.226","timestamp":"{at}",{rest}}}"#
        );
        self.talks[talk].lines.push(line);
    }

    fn prompt(&mut self, talk: usize) {
        self.line(talk, "user", r#""message":{"role":"user","content":"do it"}"#);
    }

    fn system(&mut self, talk: usize, rest: &str) {
        self.line(talk, "system", rest);
    }

    /// One response on one to three lines; some with a tool that may fail, its result sometimes between the lines.
    fn answer(&mut self, talk: usize, how: u8, much: u16) {
        let id = self.id();
        let blocks = how % 3 + 1;
        let model = ["claude-opus-4-6", "claude-haiku-4-5", "mystery-model"][usize::from(how / 3 % 3)];
        let (tool, failed) = (how & 32 != 0, how & 64 != 0);
        for block in 1..=blocks {
            let last = block == blocks;
            let output = if how & 128 != 0 || last { u64::from(much) } else { u64::from(block) };
            let content = if last && tool {
                format!(r#"{{"type":"tool_use","id":"toolu_{id}","name":"Bash","input":{{}}}}"#)
            } else {
                r#"{"type":"text","text":"."}"#.to_owned()
            };
            let stop = match (last, tool) {
                (false, _) => "null",
                (_, true) => "\"tool_use\"",
                (_, false) => "\"end_turn\"",
            };
            let usage = format!(
                r#"{{"input_tokens":{},"cache_read_input_tokens":{much},"cache_creation_input_tokens":10,"cache_creation":{{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":6}},"output_tokens":{output}}}"#,
                how / 4
            );
            self.line(talk, "assistant", &format!(r#""requestId":"req_{id}","message":{{"id":"msg_{id}","role":"assistant","model":"{model}","stop_reason":{stop},"content":[{content}],"usage":{usage}}}"#));
            self.now += Millis::from(how) * 10;
        }
        if tool {
            self.line(
                talk,
                "user",
                &format!(
                    r#""message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"toolu_{id}","is_error":{failed}}}]}}"#
                ),
            );
        }
    }

    fn subagent(&mut self, of: usize) {
        let agent = format!("a{:06x}", self.id().wrapping_mul(40_503) & 0xff_ffff);
        let talk = self.open(self.talks[of].session.clone(), Some(agent));
        self.prompt(talk);
        self.answer(talk, 0, 50);
    }

    /// A side question: its transcript begins with the conversation's, every response under another request.
    fn aside(&mut self, of: usize) {
        if self.talks[of].agent.is_some() {
            return;
        }
        let lines: Vec<String> = self.talks[of].lines.iter().map(|l| l.replace("\"req_", "\"again_")).collect();
        let agent = format!("aside_question-{}", self.id());
        let talk = self.open(self.talks[of].session.clone(), Some(agent));
        self.talks[talk].after = Some((of, lines.len()));
        self.talks[talk].lines = lines;
        self.prompt(talk);
        self.answer(talk, 1, 5);
    }

    /// A resume or fork that begins with the whole history; older releases do not say so.
    fn copy(&mut self, of: usize, marked: bool) {
        if self.talks[of].agent.is_some() {
            return;
        }
        let id = self.id();
        let lines = self.talks[of].lines.clone();
        let from = if marked { format!(r#","forkedFrom":{{"sessionId":"{}"}}"#, self.talks[of].session) } else { String::new() };
        let talk = self.open(format!("{:08x}-0000-4000-8000-00000000000f", id.wrapping_mul(0x85eb_ca6b)), None);
        self.talks[talk].after = Some((of, lines.len()));
        self.talks[talk].copied = (lines.len(), from);
        self.talks[talk].lines = lines;
    }
}
