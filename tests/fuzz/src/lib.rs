//! What the targets have in common.

pub mod archive;
pub mod claude_code;
pub mod codex;
pub mod config;
pub mod exposition;
pub mod fdinfo;
pub mod gateways;
pub mod gemini_cli;
pub mod guards;
pub mod hook;
pub mod json;
pub mod memory;
pub mod money;
pub mod nvidia_smi;
pub mod opencode;
pub mod policy;
pub mod prices;
pub mod prometheus;
pub mod settings;
pub mod span;
pub mod sqlite;
pub mod statusline;
pub mod store;
pub mod tail;
pub mod text;
pub mod themes;
pub mod wires;
pub mod words;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aifinops::model::text::is_hostile;
use aifinops::model::{self, Batch, Call, Fact, Tokens, Turn};
use aifinops::sources::{self, Source};
use aifinops::store::{FileRow, Piece, Sums};
use aifinops::tail::{Catalog, Job, Pool, Reading, fingerprint};
use tempfile::TempDir;

/// A parser's promises, held for one input; a promise that is broken is a panic.
pub type Run = fn(&[u8]);

/// All targets by their names.
pub const ALL: &[(&str, Run)] = &[
    ("archive", archive::run),
    ("claude_code", claude_code::run),
    ("codex", codex::run),
    ("config", config::run),
    ("exposition", exposition::run),
    ("fdinfo", fdinfo::run),
    ("gateways", gateways::run),
    ("gemini_cli", gemini_cli::run),
    ("guards", guards::run),
    ("hook", hook::run),
    ("json", json::run),
    ("memory", memory::run),
    ("money", money::run),
    ("nvidia_smi", nvidia_smi::run),
    ("opencode", opencode::run),
    ("policy", policy::run),
    ("prices", prices::run),
    ("prometheus", prometheus::run),
    ("settings", settings::run),
    ("span", span::run),
    ("sqlite", sqlite::run),
    ("statusline", statusline::run),
    ("store", store::run),
    ("tail", tail::run),
    ("text", text::run),
    ("themes", themes::run),
    ("wires", wires::run),
    ("words", words::run),
];

/// The last byte, which says how, and what stands before it.
pub fn split(data: &[u8]) -> Option<(usize, &[u8])> {
    data.split_last().map(|(how, rest)| (usize::from(*how), rest))
}

/// Parts between bytes that no text has.
pub fn parts(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    data.split(|byte| *byte == 0xff)
}

/// A directory of this thread. On a disk each `fsync` of `disk::replace` costs milliseconds: TMPDIR=/dev/shm.
pub fn dir() -> PathBuf {
    thread_local!(static DIR: TempDir = TempDir::new().unwrap());
    DIR.with(|dir| dir.path().to_owned())
}

/// Nothing in it drives a terminal.
#[track_caller]
pub fn harmless(text: &str) {
    assert!(!text.chars().any(is_hostile), "{text:?}");
}

/// What a session's log says that changes, and when it said so.
#[derive(Debug, Default, PartialEq)]
pub struct Now {
    texts: [model::Told<Arc<str>>; 4],
    counts: [model::Told<u64>; 2],
    turn: model::Told<Turn>,
}

/// What a log says, whatever the pieces that it was read in: sessions by their names.
#[derive(Debug, Default, PartialEq)]
pub struct Told {
    pub calls: Vec<(Arc<str>, Call)>,
    pub facts: Vec<(Arc<str>, Fact)>,
    pub now: BTreeMap<Arc<str>, Now>,
    pub lines: u64,
    pub malformed: u64,
}

impl Told {
    pub fn take(&mut self, batch: &Batch) {
        let uid = |session: u32| batch.sessions[usize::try_from(session).unwrap()].uid.clone();
        self.calls.extend(batch.calls.iter().map(|call| (uid(call.session), Call { session: 0, ..call.clone() })));
        self.facts.extend(batch.facts.iter().map(|fact| (uid(fact.session), Fact { session: 0, ..fact.clone() })));
        for session in &batch.sessions {
            let now = self.now.entry(session.uid.clone()).or_default();
            let texts = [&session.branch, &session.remote, &session.version, &session.model];
            for (known, told) in now.texts.iter_mut().zip(texts) {
                if let Some((at, text)) = told {
                    model::tell(known, *at, text.clone());
                }
            }
            for (known, told) in now.counts.iter_mut().zip([session.context, session.window]) {
                if let Some((at, count)) = told {
                    model::tell(known, at, count);
                }
            }
            if session.turn.map(|(at, _)| at) >= now.turn.map(|(at, _)| at) {
                now.turn = session.turn;
            }
        }
        assert!(batch.limits.iter().all(|limit| usize::try_from(limit.session).unwrap() < batch.sessions.len()));
        self.lines += batch.lines;
        self.malformed += batch.malformed;
    }

    pub fn check(&self) {
        assert!(self.malformed <= self.lines);
        let mut sum = Tokens::default();
        let mut sums = Sums::default();
        for (_, call) in &self.calls {
            assert!(call.tokens.reasoning <= call.tokens.output, "{call:?}");
            sum += call.tokens;
        }
        let _ = (sum.total(), sum.cache_hit_permille());
        self.facts.iter().for_each(|(_, fact)| sums.add(&Sums::of(fact), 1));
    }
}

/// Reads a log in pieces of so many lines, the memory saved and loaded between them; gives the memory at its end.
pub fn read_log(source: &dyn Source, path: &Path, log: &[u8], lines: usize, carry: Option<Vec<u8>>) -> (Told, Vec<u8>) {
    let mut told = Told::default();
    let mut carry = carry;
    let all: Vec<&[u8]> = log.split_inclusive(|byte| *byte == b'\n').collect();
    for piece in all.chunks(lines.max(1)) {
        let mut fold = source.fold(path, carry.as_deref());
        let skim = source.skim(&piece.concat());
        let _ = fold.wants_ancestor(&skim);
        let mut batch = Batch::default();
        fold.feed(skim, &mut batch);
        told.take(&batch);
        carry = Some(fold.carry());
    }
    let carry = carry.unwrap_or_else(|| source.fold(path, None).carry());
    (told, carry)
}

/// What a target of one agent does.
pub fn log(agent: &str, paths: [&str; 2], data: &[u8]) {
    let Some((how, log)) = split(data) else { return };
    let source = sources::by_agent(agent).unwrap();
    let path = Path::new(paths[how & 1]);
    let (whole, carry) = read_log(source, path, log, usize::MAX, None);
    whole.check();
    // Pieces say what the whole does, and leave the same behind.
    let (pieces, other) = read_log(source, path, log, 1 + (how >> 1) % 5, None);
    assert_eq!(pieces, whole);
    assert_eq!(String::from_utf8_lossy(&other), String::from_utf8_lossy(&carry));
    // What is saved is loaded, and saved again as it was.
    assert_eq!(source.fold(path, Some(&carry)).carry(), carry);
    assert!(carry.len() <= (64 << 10) + 16 * log.len(), "{} bytes of memory for {} of log", carry.len(), log.len());
    // The parts that nothing is promised of but to be survived: somebody else's bytes as companion, ancestor, document.
    let mut fold = source.fold(path, None);
    fold.companion(log);
    fold.again();
    fold.ancestor(source.skim(log));
    let mut batch = Batch::default();
    fold.feed(source.skim(log), &mut batch);
    let mut told = Told::default();
    told.take(&batch);
    told.check();
    assert!(fold.unfinished().len() <= 256);
    let mut batch = Batch::default();
    source.fold(Path::new("/h/tmp/p/chats/session-a1.json"), None).feed(source.skim_document(log), &mut batch);
    let mut told = Told::default();
    told.take(&batch);
    told.check();
    assert!(batch.lines <= if source.is_document(Path::new("/h/tmp/p/chats/session-a1.json")) { 1 } else { u64::MAX });
}

/// Reads a file as the engine does, one thread.
pub fn read_file(source: &'static dyn Source, path: &Path, known: Option<FileRow>) -> Vec<Piece> {
    let stat = fingerprint::of(source, path, &fs::metadata(path).unwrap());
    let job = Job { agent: source.agent(), path: path.to_owned(), stat, known };
    let catalog = Catalog::new(Vec::new());
    let pieces = RefCell::new(Vec::new());
    Pool::new(vec![job], &catalog).work(&|reading: Reading| {
        if let Reading::Piece(piece) = reading {
            pieces.borrow_mut().push(*piece);
        }
        true
    });
    pieces.into_inner()
}

/// An empty directory below the thread's own.
pub fn empty(name: &str) -> PathBuf {
    let path = dir().join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}
