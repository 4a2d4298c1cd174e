//! The registry of running sessions: `<root>/../sessions/<pid>.json`, written on each change of state since 2.1.139.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::model::SessionState;
use crate::proc::Table;
use crate::sources::Liveness;

#[derive(Deserialize)]
struct Entry {
    pid: Option<u32>,
    #[serde(rename = "sessionId", alias = "session_id")]
    session: Option<String>,
    status: Option<String>,
    #[serde(rename = "procStart")]
    proc_start: Option<String>,
}

/// A registry file is a few hundred bytes; anything larger is not one.
const MAX_ENTRY: u64 = 64 * 1024;

/// Reads all entries whose process lives.
pub(super) fn read(roots: &[PathBuf]) -> Vec<Liveness> {
    let mut found = Vec::new();
    for root in roots {
        let Some(dir) = root.parent().map(|p| p.join("sessions")) else { continue };
        let Ok(entries) = std::fs::read_dir(dir) else { continue };
        for entry in entries.flatten() {
            let small = entry.metadata().is_ok_and(|m| m.is_file() && m.len() <= MAX_ENTRY);
            if small && let Some(live) = parse(&entry.path()) {
                found.push(live);
            }
        }
    }
    found
}

fn parse(path: &Path) -> Option<Liveness> {
    let entry: Entry = serde_json::from_slice(&std::fs::read(path).ok()?).ok()?;
    // Old entries are called `pid-<n>.json` and name the process only there.
    let stem = path.file_stem()?.to_str()?;
    let pid = entry.pid.or_else(|| stem.trim_start_matches("pid-").parse().ok())?;
    if !lives(pid, entry.proc_start.as_deref()) {
        return None;
    }
    let state = match entry.status.as_deref() {
        Some("busy" | "shell") => Some(SessionState::Working),
        Some("waiting") => Some(SessionState::Waiting),
        Some("idle") => Some(SessionState::Idle),
        _ => None,
    };
    Some(Liveness { uid: entry.session?, state, pid: Some(pid) })
}

/// Whether the process exists and is the one that wrote the entry: pids are used again after a crash.
fn lives(pid: u32, started: Option<&str>) -> bool {
    if !cfg!(target_os = "linux") {
        return true; // no cheap way to look; entries are removed on a normal exit
    }
    let Some(stat) = Table::default().stat(pid) else { return false };
    started.and_then(|started| started.parse().ok()).is_none_or(|started: u64| started == stat.started)
}
