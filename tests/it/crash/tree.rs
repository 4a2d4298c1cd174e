//! Agents that write, and what they spent: counted here as it is written, not as it is read.

use std::collections::BTreeMap;
use std::path::PathBuf;

use aifinops::store::Sums;

use crate::logs::{Home, Rng, answer, append, context, count, header, message, prompt, shell, uuid};

/// Sessions of each agent.
const SESSIONS: u64 = 60;

struct Log {
    uid: String,
    path: PathBuf,
    codex: bool,
    totals: [u64; 3],
    /// The rest of a line that was begun.
    rest: String,
    begun: bool,
}

/// The logs of both agents.
pub(super) struct Tree {
    logs: Vec<Log>,
    next: u64,
    filler: String,
    /// Bytes written.
    pub(super) bytes: usize,
    /// By session, what the complete lines say.
    pub(super) truth: BTreeMap<String, Sums>,
}

impl Tree {
    pub(super) fn new(home: &Home, seed: u64) -> Tree {
        let log = |n: u64| {
            let codex = n >= SESSIONS;
            let uid = uuid(1 + u16::from(codex), n);
            let path = if codex { home.codex(&uid) } else { home.claude(&uid) };
            Log { uid, path, codex, totals: [0; 3], rest: String::new(), begun: false }
        };
        let filler = format!("{seed:x} ").repeat(700);
        Tree { logs: (0..2 * SESSIONS).map(log).collect(), next: 1, filler, bytes: 0, truth: BTreeMap::new() }
    }

    /// One of the sessions goes on for a while; sometimes its last line is only begun.
    pub(super) fn grow(&mut self, rng: &mut Rng) {
        let which = rng.below(self.logs.len());
        let mut text = String::new();
        for _ in 0..=rng.below(8) {
            self.task(which, rng, &mut text);
        }
        let log = &mut self.logs[which];
        let mut text = std::mem::take(&mut log.rest) + &text;
        if rng.below(3) == 0 {
            // The figures of this line count as well: whoever reads the truth waits for the rest.
            let (mut cut, last) = (text.len() - 1, text[..text.len() - 1].rfind('\n').map_or(0, |i| i + 1));
            cut -= rng.below(cut - last);
            while !text.is_char_boundary(cut) {
                cut -= 1;
            }
            log.rest = text.split_off(cut);
        }
        self.bytes += text.len();
        append(&log.path, text);
    }

    /// Writes the rest of all lines that were begun.
    pub(super) fn settle(&mut self) {
        for log in &mut self.logs {
            append(&log.path, std::mem::take(&mut log.rest));
        }
    }

    /// A prompt, and a few calls with tools.
    fn task(&mut self, which: usize, rng: &mut Rng, text: &mut String) {
        let Tree { logs, next, filler, truth, .. } = self;
        let log = &mut logs[which];
        let sums = truth.entry(log.uid.clone()).or_default();
        let mut n = || {
            *next += 1;
            *next
        };
        let mut line = |line: String| {
            text.push_str(&line);
            text.push('\n');
        };
        let uid = &log.uid;
        if log.codex {
            if !log.begun {
                line(header(uid, n()));
            }
            let turn = n();
            line(context(&format!("turn-{turn}"), turn));
            line(message(turn));
        } else {
            line(prompt(uid, n()).replace("hinzu", filler));
        }
        log.begun = true;
        sums.prompts += 1;
        for _ in 0..=rng.below(5) {
            let (id, output) = (n(), 5 + rng.next() % 900);
            sums.calls += 1;
            sums.tools += 1;
            sums.output += output.cast_signed();
            if log.codex {
                let last = [110 + id, 100, output];
                log.totals = [0, 1, 2].map(|i| log.totals[i] + last[i]);
                line(shell(id).replace("\"{}\"", &format!("\"{filler}\"")));
                line(count(id, log.totals, last));
                sums.input += 10 + id.cast_signed();
                sums.cache_read += 100;
            } else {
                line(answer(uid, id, id, 1, None).replace("漢字", filler));
                line(answer(uid, n(), id, output, Some(id)));
                sums.input += 3;
                sums.cache_read += 100 + id.cast_signed();
            }
        }
    }
}
