//! Agents' logs line by line, and the ordinary way of reading them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use std::fs;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use aifinops::engine::ingest::{Ingest, ScanReport, Watcher};
use aifinops::model::time::rfc3339;
use aifinops::model::{Millis, Window};
use aifinops::pricing::{Book, Pricer};
use aifinops::sources::{self, Places};
use aifinops::store::read::SessionRow;
use aifinops::store::{FileRow, Store, Sums};
use aifinops::tail::Catalog;
use serde_json::{Value, json};
use tempfile::TempDir;

/// The model of every Claude line.
pub(crate) const MODEL: &str = "claude-sonnet-4-5";
/// 2026-03-02, 08:00 UTC.
const BEGIN: Millis = 1_772_438_400_000;

/// Chance, the same every time: `SplitMix64`.
pub(crate) struct Rng(pub(crate) u64);

impl Rng {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

/// The UUID of the n-th thing of its kind.
pub(crate) fn uuid(kind: u16, n: u64) -> String {
    format!("{kind:08x}-0000-4000-8000-{n:012x}")
}

pub(crate) fn stamp(n: u64) -> String {
    rfc3339(BEGIN + i64::try_from(n).unwrap() * 1000)
}

/// A line of Claude Code's, its fields in the order of the agent's own.
fn claude(session: &str, n: u64, kind: &str, message: &Value) -> String {
    let uuid = uuid(7, n);
    format!(
        r#"{{"parentUuid":null,"isSidechain":false,"cwd":"/code/app","sessionId":"{session}","version":"2.1.235","gitBranch":"main","message":{message},"type":"{kind}","uuid":"{uuid}","timestamp":"{}"}}"#,
        stamp(n)
    )
}

/// What a human typed; `n` names the line.
pub(crate) fn prompt(session: &str, n: u64) -> String {
    claude(session, n, "user", &json!({"role": "user", "content": format!("Füge € und 🦀 hinzu, Nr. {n}")}))
        .replace("🦀", if n.is_multiple_of(2) { "🦀" } else { "\\ud83e\\udd80" })
}

/// A block of response `call` in line `n`: `output` tokens so far, and the call of a tool if it is that block.
pub(crate) fn answer(session: &str, n: u64, call: u64, output: u64, tool: Option<u64>) -> String {
    let block = match tool {
        Some(tool) => json!({"type": "tool_use", "id": format!("toolu_{tool:08}"), "name": "Bash", "input": {"command": "true"}}),
        None => json!({"type": "text", "text": format!("Größe \"{n}\" ✓ 漢字")}),
    };
    let message = json!({
        "id": format!("msg_{call:08}"), "model": MODEL, "role": "assistant", "content": [block], "stop_reason": "end_turn",
        "usage": {"input_tokens": 3, "cache_read_input_tokens": 100 + call, "cache_creation_input_tokens": 0, "output_tokens": output},
    });
    claude(session, n, "assistant", &message)
}

fn codex(n: u64, kind: &str, payload: &Value) -> String {
    format!(r#"{{"timestamp":"{}","type":"{kind}","payload":{payload}}}"#, stamp(n))
}

/// The header of a Codex thread.
pub(crate) fn header(thread: &str, n: u64) -> String {
    let meta = json!({"id": thread, "timestamp": stamp(n), "cwd": "/code/app", "originator": "codex_cli", "cli_version": "0.156.0"});
    codex(n, "session_meta", &meta)
}

/// The settings of a turn.
pub(crate) fn context(turn: &str, n: u64) -> String {
    codex(n, "turn_context", &json!({"turn_id": turn, "cwd": "/code/app", "model": "gpt-5.1"}))
}

/// A prompt to Codex.
pub(crate) fn message(n: u64) -> String {
    codex(n, "event_msg", &json!({"type": "user_message", "message": format!("Prüfe 漢字 Nr. {n}")}))
}

/// A tool call of Codex.
pub(crate) fn shell(n: u64) -> String {
    codex(n, "response_item", &json!({"type": "function_call", "name": "shell", "call_id": format!("call_{n:08}"), "arguments": "{}"}))
}

/// Counters of a Codex thread: input (with what came from the cache), of it cached, and output.
pub(crate) type Counters = [u64; 3];

/// The counters after a call.
pub(crate) fn count(n: u64, total: Counters, last: Counters) -> String {
    let usage = |c: Counters| json!({"input_tokens": c[0], "cached_input_tokens": c[1], "output_tokens": c[2], "reasoning_output_tokens": 0, "total_tokens": c[0] + c[2]});
    let info = json!({"total_token_usage": usage(total), "last_token_usage": usage(last), "model_context_window": 258_400});
    codex(n, "event_msg", &json!({"type": "token_count", "info": info, "rate_limits": null}))
}

/// A home directory with logs in it, and a directory for the store.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Home {
        Home { dir: TempDir::new().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The store's directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// Where the transcript of a session lies.
    pub(crate) fn claude(&self, session: &str) -> PathBuf {
        self.path().join(format!(".claude/projects/-work-app/{session}.jsonl"))
    }

    /// Where the rollout of a thread lies.
    pub(crate) fn codex(&self, thread: &str) -> PathBuf {
        self.path().join(format!(".codex/sessions/2026/03/02/rollout-2026-03-02T08-00-00-{thread}.jsonl"))
    }

    /// A reader that keeps what it reads in this store.
    pub(crate) fn reader(&self, store: Store) -> Ingest {
        let places = Places { home: self.path(), env: &|_| None };
        let roots: Vec<_> = sources::ALL.iter().flat_map(|s| s.roots(&places).into_iter().map(|root| (s.agent(), root))).collect();
        Ingest::new(store, Pricer::new(Book::embedded()), Catalog::new(roots), 2)
    }

    /// A reader that goes on where the store in [`Home::data`] stands.
    pub(crate) fn resume(&self) -> Ingest {
        let opened = Store::open(&self.data()).unwrap();
        assert_eq!(opened.notice, None);
        self.reader(opened.store)
    }
}

/// Adds bytes to the end of a file, which need not exist.
pub(crate) fn append(path: &Path, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::OpenOptions::new().append(true).create(true).open(path).unwrap().write_all(bytes.as_ref()).unwrap();
}

/// Writes a file and puts it in the place of another in one step.
pub(crate) fn replace(path: &Path, bytes: impl AsRef<[u8]>) {
    let beside = path.with_extension("tmp");
    fs::write(&beside, bytes).unwrap();
    fs::rename(beside, path).unwrap();
}

/// Reads whatever is new, failures included in the report.
pub(crate) fn look(ingest: &mut Ingest) -> ScanReport {
    ingest.scan(&mut Watcher::Screen(&mut |_, _, _, _| ControlFlow::Continue(()))).unwrap()
}

/// Reads whatever is new; gives how many files were opened for it.
pub(crate) fn scan(ingest: &mut Ingest) -> usize {
    let report = look(ingest);
    assert!(report.failed.is_empty(), "{:?}", report.failed);
    report.files_read
}

/// The sums over everything.
pub(crate) fn total(ingest: &Ingest) -> Sums {
    ingest.store.total(Window::ALL).unwrap()
}

/// The sums of one session; zeros where there is none.
pub(crate) fn session(ingest: &Ingest, uid: &str) -> Sums {
    let rows: Vec<SessionRow> = ingest.store.sessions(Window::ALL).unwrap();
    rows.iter().find(|r| &*r.uid == uid).map(|r| r.sums).unwrap_or_default()
}

/// What is remembered of a file.
pub(crate) fn file(ingest: &Ingest, path: &Path) -> FileRow {
    ingest.store.file(path).unwrap().unwrap_or_else(|| panic!("{} is not known", path.display()))
}

/// Where a text begins in some bytes.
pub(crate) fn find(bytes: &[u8], text: &str) -> usize {
    bytes.windows(text.len()).position(|w| w == text.as_bytes()).unwrap()
}
