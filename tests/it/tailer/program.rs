//! What may happen to a few log files, and a toy model of what was there to be counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use aifinops::engine::ingest::Ingest;
use proptest::prelude::*;

use crate::logs::{Counters, Home, answer, append, context, count, header, prompt, replace, scan, shell, uuid};

/// One thing that happens to file `.0`. The shares are of 256.
#[derive(Debug, Clone)]
pub(super) enum Op {
    /// Whole lines are written, of kinds chosen by the bytes.
    Append(usize, Vec<u8>),
    /// A part of a line is written; the rest follows with whatever is written next.
    Part(usize, u8, u8),
    /// The process that wrote a part is gone, another goes on.
    Abandon(usize),
    /// Cut to a share of its length.
    Truncate(usize, u8),
    /// Cut before its last newline.
    TruncateByOne(usize),
    /// Renamed; the next line begins a new file.
    Rotate(usize),
    /// A file with other content is renamed over it.
    Replace(usize, Vec<u8>),
    /// A copy of it is renamed over it.
    ReplaceBySame(usize),
    /// Written anew in place, equally long.
    Rewrite(usize),
    Delete(usize),
    /// The reader looks.
    Scan,
    /// The program ends and begins.
    Reopen,
}

pub(super) fn program() -> impl Strategy<Value = Vec<Op>> {
    let file = 0..3_usize;
    let kinds = || prop::collection::vec(any::<u8>(), 1..6);
    let op = prop_oneof![
        6 => (file.clone(), kinds()).prop_map(|(f, k)| Op::Append(f, k)),
        4 => (file.clone(), any::<u8>(), any::<u8>()).prop_map(|(f, k, cut)| Op::Part(f, k, cut)),
        1 => file.clone().prop_map(Op::Abandon),
        2 => (file.clone(), prop_oneof![Just(0), Just(128), any::<u8>()]).prop_map(|(f, at)| Op::Truncate(f, at)),
        1 => file.clone().prop_map(Op::TruncateByOne),
        2 => file.clone().prop_map(Op::Rotate),
        2 => (file.clone(), kinds()).prop_map(|(f, k)| Op::Replace(f, k)),
        1 => file.clone().prop_map(Op::ReplaceBySame),
        1 => file.clone().prop_map(Op::Rewrite),
        1 => file.prop_map(Op::Delete),
        8 => Just(Op::Scan),
        2 => Just(Op::Reopen),
    ];
    prop::collection::vec(op, 1..40)
}

/// Something that a line says.
#[derive(Debug, Clone)]
enum Said {
    Prompt(u64),
    Tool(u64),
    Call(u64, Counters),
}

/// Everything that was said in one session, each thing once.
#[derive(Debug, Clone, Default)]
pub(super) struct Told {
    pub(super) prompts: BTreeSet<u64>,
    pub(super) tools: BTreeSet<u64>,
    /// Input, cached and output tokens; of several sightings the fullest.
    pub(super) calls: BTreeMap<u64, Counters>,
}

impl Told {
    fn add(&mut self, said: &[Said]) {
        for said in said {
            match *said {
                Said::Prompt(n) => _ = self.prompts.insert(n),
                Said::Tool(n) => _ = self.tools.insert(n),
                Said::Call(n, tokens) => {
                    let known = self.calls.entry(n).or_default();
                    *known = [0, 1, 2].map(|i| known[i].max(tokens[i]));
                }
            }
        }
    }
}

/// A line without its end.
fn record(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// A log and who writes it.
struct Writer {
    uid: String,
    path: PathBuf,
    codex: bool,
    rest: Vec<u8>,
    totals: Counters,
    call: u64,
    output: u64,
    moved: u64,
}

/// The files as they are, and what they ever said.
pub(super) struct World {
    home: Home,
    pub(super) ingest: Ingest,
    writers: Vec<Writer>,
    disk: BTreeMap<PathBuf, Vec<u8>>,
    lines: HashMap<Vec<u8>, (usize, Vec<Said>)>,
    next: u64,
    /// By session: what was complete in a file when the reader looked.
    pub(super) seen: Vec<(String, Told)>,
    /// By session: what was ever written or begun.
    pub(super) made: Vec<Told>,
}

impl World {
    /// Two transcripts of Claude Code and a rollout of Codex, none of them written yet.
    pub(super) fn new() -> World {
        let home = Home::new();
        let writer = |n: u64| {
            let codex = n == 2;
            let uid = uuid(1 + u16::from(codex), n);
            let path = if codex { home.codex(&uid) } else { home.claude(&uid) };
            Writer { uid, path, codex, rest: Vec::new(), totals: [0; 3], call: 0, output: 0, moved: 0 }
        };
        let writers: Vec<Writer> = (0..3).map(writer).collect();
        let seen = writers.iter().map(|w| (w.uid.clone(), Told::default())).collect();
        let ingest = home.resume();
        let (disk, lines, made) = (BTreeMap::new(), HashMap::new(), vec![Told::default(); 3]);
        World { home, ingest, writers, disk, lines, next: 1, seen, made }
    }

    /// Does it, in the files and in the model. Says whether the reader has looked.
    pub(super) fn run(&mut self, op: &Op) -> bool {
        match op {
            Op::Append(f, kinds) => {
                let lines: Vec<u8> = kinds.iter().flat_map(|kind| self.line(*f, *kind)).collect();
                self.write(*f, &lines);
            }
            Op::Part(f, kind, cut) => {
                let line = self.line(*f, *kind);
                // Between the last two bytes as often as anywhere else.
                let at = if *cut > 200 { line.len() - 1 } else { line.len() * usize::from(*cut) / 256 };
                self.write(*f, &line[..at]);
                self.writers[*f].rest = line[at..].to_vec();
            }
            Op::Abandon(f) => self.writers[*f].rest.clear(),
            Op::Truncate(f, share) => self.truncate(*f, |bytes| bytes.len() * usize::from(*share) / 256),
            Op::TruncateByOne(f) => self.truncate(*f, |bytes| bytes.iter().rposition(|b| *b == b'\n').unwrap_or(0)),
            Op::Rotate(f) => self.rotate(*f),
            Op::Replace(f, kinds) => {
                let path = self.writers[*f].path.clone();
                self.disk.remove(&path);
                self.writers[*f].rest.clear();
                let bytes: Vec<u8> = kinds.iter().flat_map(|kind| self.line(*f, *kind)).collect();
                let bytes = [self.beginning(*f), bytes].concat();
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                replace(&path, &bytes);
                self.disk.insert(path, bytes);
            }
            Op::ReplaceBySame(f) => {
                if let Some(bytes) = self.disk.get(&self.writers[*f].path) {
                    replace(&self.writers[*f].path, bytes);
                }
            }
            Op::Rewrite(f) => self.rewrite(*f),
            Op::Delete(f) => {
                self.writers[*f].rest.clear();
                if self.disk.remove(&self.writers[*f].path).is_some() {
                    fs::remove_file(&self.writers[*f].path).unwrap();
                }
            }
            Op::Scan => return self.scan(),
            Op::Reopen => self.ingest = self.home.resume(),
        }
        false
    }

    fn scan(&mut self) -> bool {
        for line in self.disk.values().flat_map(|bytes| bytes.split_inclusive(|b| *b == b'\n')) {
            // A record that only lacks its newline counts already, and whichever newline it gets is one.
            let ends = line.ends_with(b"\n") || line.ends_with(b"}");
            if let Some((f, said)) = self.lines.get(record(line)).filter(|_| ends) {
                self.seen[*f].1.add(said);
            }
        }
        scan(&mut self.ingest);
        true
    }

    /// A new line of a kind, known to the model from now on.
    fn line(&mut self, f: usize, kind: u8) -> Vec<u8> {
        let n = self.next;
        self.next += 1;
        let writer = &mut self.writers[f];
        let uid = &writer.uid;
        let (line, said) = match (writer.codex, kind % 4) {
            (true, 0) => (context(&format!("turn-{n}"), n), vec![]),
            (true, 1) => (shell(n), vec![Said::Tool(n)]),
            (true, _) => {
                let last = [110 + n, 100, 7 + n % 5];
                writer.totals = [0, 1, 2].map(|i| writer.totals[i] + last[i]);
                (count(n, writer.totals, last), vec![Said::Call(n, [10 + n, 100, last[2]])])
            }
            (false, 0) => (prompt(uid, n), vec![Said::Prompt(n)]),
            (false, block) => {
                if block == 1 || writer.call == 0 {
                    (writer.call, writer.output) = (n, 0);
                }
                writer.output += 5;
                let call = Said::Call(writer.call, [3, 100 + writer.call, writer.output]);
                let tool = (block == 3).then_some(n);
                let said = tool.map(Said::Tool).into_iter().chain([call]).collect();
                (answer(uid, n, writer.call, writer.output, tool), said)
            }
        };
        let line = (line + if n.is_multiple_of(3) { "\r\n" } else { "\n" }).into_bytes();
        self.made[f].add(&said);
        self.lines.insert(record(&line).to_vec(), (f, said));
        line
    }

    /// What stands at the beginning of a new file.
    fn beginning(&mut self, f: usize) -> Vec<u8> {
        self.next += 1;
        if self.writers[f].codex { (header(&self.writers[f].uid, self.next) + "\n").into_bytes() } else { Vec::new() }
    }

    fn write(&mut self, f: usize, bytes: &[u8]) {
        let path = self.writers[f].path.clone();
        let mut text = std::mem::take(&mut self.writers[f].rest);
        match self.disk.get(&path) {
            None => text = self.beginning(f),
            // Codex ends a torn line before it goes on; Claude Code does not.
            Some(old) if text.is_empty() && self.writers[f].codex && old.last().is_some_and(|b| *b != b'\n') => text.push(b'\n'),
            Some(_) => {}
        }
        text.extend(bytes);
        append(&path, &text);
        self.disk.entry(path).or_default().extend(text);
    }

    fn truncate(&mut self, f: usize, to: impl Fn(&[u8]) -> usize) {
        let Writer { path, rest, .. } = &mut self.writers[f];
        rest.clear();
        if let Some(bytes) = self.disk.get_mut(path) {
            bytes.truncate(to(bytes));
            fs::File::options().write(true).open(path).unwrap().set_len(bytes.len() as u64).unwrap();
        }
    }

    fn rotate(&mut self, f: usize) {
        // Running totals tell nothing of lines that were cut out before anybody read on under the old name.
        if self.writers[f].codex {
            self.scan();
        }
        let writer = &mut self.writers[f];
        writer.rest.clear();
        if let Some(bytes) = self.disk.remove(&writer.path) {
            writer.moved += 1;
            let to = if writer.codex {
                self.home.path().join(".codex/archived_sessions").join(writer.path.file_name().unwrap())
            } else {
                writer.path.with_file_name(format!("{}-{}.jsonl", writer.moved, writer.uid))
            };
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::rename(&writer.path, &to).unwrap();
            self.disk.insert(to, bytes);
        }
    }

    /// Every line that the model knows gives way to a new one, as long by blanks at its end.
    fn rewrite(&mut self, f: usize) {
        let path = self.writers[f].path.clone();
        self.writers[f].rest.clear();
        let Some(old) = self.disk.get(&path).cloned() else { return };
        let mut text = if self.writers[f].codex { self.beginning(f) } else { Vec::new() };
        while text.len() < old.len() {
            text.extend(self.line(f, if text.len() % 2 == 0 { 2 } else { 1 }));
        }
        text.truncate(old.len());
        // Older systems stamp changes of a few milliseconds alike.
        std::thread::sleep(Duration::from_millis(12));
        fs::write(&path, &text).unwrap();
        self.disk.insert(path, text);
    }
}
