//! Codex at work: counters that rise, are written again and begin anew; subagents; and forks in their ways of copying.

use aifinops::model::Millis;
use aifinops::model::time::rfc3339;

use super::{Log, Step};

/// 2026-08-10, 09:00 UTC.
const START: Millis = 1_786_352_400_000;

struct Thread {
    id: String,
    /// Each record's time and the rest of it.
    records: Vec<(Millis, String)>,
    /// Input, cached and output tokens so far.
    totals: [u64; 3],
    turns: u32,
    after: Option<(usize, usize)>,
}

struct Work {
    threads: Vec<Thread>,
    now: Millis,
    ids: u32,
}

/// What Codex would have written had these things happened.
pub(super) fn logs(steps: &[Step]) -> Vec<Log> {
    let mut work = Work { threads: Vec::new(), now: START, ids: 0 };
    work.begin("");
    for (what, who, how, much) in steps {
        work.now += Millis::from(*much) * 7 + 1;
        let who = usize::from(*who) % work.threads.len();
        match what {
            0..=2 => work.turn(who, *how),
            3..=7 => work.call(who, *how, *much),
            8 => work.repeat(who),
            9 => work.tool(who, *how),
            10 => work.threads[who].totals = [0; 3],
            11 | 12 => work.fork(who, *how),
            13 => work.subagent(who),
            14 => work.put(who, r#""type":"compacted","payload":{"message":"so far"}"#.to_owned()),
            15 => work.now -= 3_600_000, // the clock is set back
            _ => work.begin(""),
        }
    }
    work.threads.iter().map(Thread::log).collect()
}

impl Thread {
    fn log(&self) -> Log {
        let path = format!(".codex/sessions/2026/08/10/rollout-2026-08-10T09-00-00-{}.jsonl", self.id);
        let lines = self.records.iter().map(|(at, rest)| format!(r#"{{"timestamp":"{}",{rest}}}"#, rfc3339(*at))).collect();
        Log { path, lines, after: self.after }
    }
}

impl Work {
    /// An id that carries its time, as Codex' do.
    fn id(&mut self) -> String {
        self.ids += 1;
        let time = format!("{:012x}", self.now);
        let (high, low) = time.split_at(8);
        format!("{high}-{low}-7000-8000-{:012x}", self.ids.wrapping_mul(0x9e37_79b9))
    }

    fn put(&mut self, thread: usize, rest: String) {
        self.threads[thread].records.push((self.now, rest));
    }

    fn event(&mut self, thread: usize, kind: &str, rest: &str) {
        self.put(thread, format!(r#""type":"event_msg","payload":{{"type":"{kind}"{rest}}}"#));
    }

    /// A new thread with its header, which nothing else follows yet.
    fn open(&mut self, more: &str) -> usize {
        let id = self.id();
        let header =
            format!(r#""type":"session_meta","payload":{{"id":"{id}","timestamp":"{}","cwd":"/code/api"{more}}}"#, rfc3339(self.now));
        self.threads.push(Thread { id, records: vec![(self.now, header)], totals: [0; 3], turns: 0, after: None });
        self.threads.len() - 1
    }

    fn begin(&mut self, more: &str) {
        let thread = self.open(more);
        self.turn(thread, 0);
    }

    fn turn(&mut self, thread: usize, how: u8) {
        let turn = self.id();
        self.threads[thread].turns += 1;
        let text = format!("prompt {}", self.threads[thread].turns / 2); // the same words now and then
        let model = ["gpt-5", "gpt-5.3-codex", "mystery-model"][usize::from(how % 3)];
        self.event(thread, "task_started", &format!(r#","turn_id":"{turn}""#));
        self.put(thread, format!(r#""type":"turn_context","payload":{{"turn_id":"{turn}","cwd":"/code/api","model":"{model}"}}"#));
        self.event(thread, "user_message", &format!(r#","message":"{text}""#));
    }

    fn call(&mut self, thread: usize, how: u8, much: u16) {
        let (input, output) = (u64::from(much) + 1, u64::from(how) + 1);
        let last = [input, input / 2, output];
        let totals = &mut self.threads[thread].totals;
        for (total, more) in totals.iter_mut().zip(last) {
            *total += more;
        }
        let totals = *totals;
        self.count(thread, totals, last);
        if how & 1 == 0 {
            self.event(thread, "task_complete", "");
        }
    }

    fn count(&mut self, thread: usize, totals: [u64; 3], last: [u64; 3]) {
        let usage = |[input, cached, output]: [u64; 3]| {
            format!(
                r#"{{"input_tokens":{input},"cached_input_tokens":{cached},"output_tokens":{output},"total_tokens":{}}}"#,
                input + output
            )
        };
        let info = format!(r#","info":{{"total_token_usage":{},"last_token_usage":{}}}"#, usage(totals), usage(last));
        self.event(thread, "token_count", &info);
    }

    /// The screen was refreshed: the last counter again.
    fn repeat(&mut self, thread: usize) {
        let last = self.threads[thread].records.iter().rev().find(|(_, rest)| rest.contains("total_token_usage")).cloned();
        if let Some((_, rest)) = last {
            self.put(thread, rest);
        }
    }

    fn tool(&mut self, thread: usize, how: u8) {
        let id = self.id();
        self.put(thread, format!(r#""type":"response_item","payload":{{"type":"function_call","name":"exec_command","call_id":"{id}"}}"#));
        self.put(
            thread,
            format!(
                r#""type":"response_item","payload":{{"type":"function_call_output","call_id":"{id}","output":"Exit code: {}\n"}}"#,
                how % 2
            ),
        );
    }

    /// A fork: its own header, then everything of its parent, stamped anew in one burst or not at all.
    fn fork(&mut self, of: usize, how: u8) {
        self.now += 5000;
        let parent = self.threads[of].id.clone();
        let records = self.threads[of].records.clone();
        let thread = self.open(&format!(r#","forked_from_id":"{parent}""#));
        self.threads[thread].after = Some((of, records.len()));
        self.threads[thread].totals = self.threads[of].totals;
        self.threads[thread].turns = self.threads[of].turns;
        for (at, rest) in records {
            let at = if how & 1 == 0 { at } else { self.now };
            self.threads[thread].records.push((at, rest));
        }
        self.now += 5000;
        self.turn(thread, how);
        self.call(thread, how, 77);
    }

    fn subagent(&mut self, of: usize) {
        let parent = self.threads[of].id.clone();
        let source = format!(r#","source":{{"subagent":{{"thread_spawn":{{"parent_thread_id":"{parent}","agent_nickname":"Ada"}}}}}}"#);
        self.begin(&source);
        let thread = self.threads.len() - 1;
        self.threads[thread].after = Some((of, 1));
        self.call(thread, 2, 700);
    }
}
