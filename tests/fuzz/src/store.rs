//! A log's bytes into the store.

use super::{empty, split};
use aifinops::engine::ingest::Ingest;
use aifinops::model::{AgentId, Window};
use aifinops::pricing::{Book, Pricer};
use aifinops::store::Store;
use aifinops::tail::Catalog;
use std::fs::{self, OpenOptions};
use std::io::Write as _;

const FILES: [(AgentId, &str); 3] = [
    ("claude-code", "s1.jsonl"),
    ("codex", "rollout-2026-08-10T09-00-00-019feae6-7680-7000-8000-000000000001.jsonl"),
    ("gemini-cli", "tmp/p/chats/session-a1.jsonl"),
];

fn ingest(agent: AgentId, root: &std::path::Path) -> Ingest {
    Ingest::new(Store::in_memory().unwrap(), Pricer::new(Book::embedded()), Catalog::new(vec![(agent, root.to_owned())]), 1)
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, text)) = split(data) else { return };
    let (agent, name) = FILES[how % FILES.len()];
    let root = empty("store");
    let path = root.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    let mut whole = ingest(agent, &root);
    let report = whole.scan_quietly().expect("the store takes what a log says");
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    assert_eq!(whole.scan_quietly().unwrap().files_read, 0, "nothing has happened since");
    let total = whole.store.total(Window::ALL).unwrap();
    // The same, read while it is written.
    let cut = text[..text.len() * (how >> 2) / 64].iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    fs::write(&path, &text[..cut]).unwrap();
    let mut pieces = ingest(agent, &root);
    pieces.scan_quietly().unwrap();
    if cut < text.len() {
        OpenOptions::new().append(true).open(&path).unwrap().write_all(&text[cut..]).unwrap();
        pieces.scan_quietly().unwrap();
    }
    assert_eq!(pieces.store.total(Window::ALL).unwrap(), total);
    for ingest in [&mut whole, &mut pieces] {
        assert_eq!(ingest.store.rebuild().unwrap().wrong(), 0);
        assert_eq!(ingest.store.integrity(), None);
    }
}
