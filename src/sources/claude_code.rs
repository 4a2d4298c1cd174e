//! Claude Code.
//!
//! **Where.** `~/.claude/projects/<slug>/<session>.jsonl`; `CLAUDE_CONFIG_DIR` moves the root (one path for the agent
//! itself, a comma-separated list by the convention of its readers), and `$XDG_CONFIG_HOME/claude` was used by older
//! releases. Claude Desktop's agent mode writes the same below `Claude/local-agent-mode-sessions`.
//!
//! **Subagents** come in three layouts: `<session>/subagents/agent-*.jsonl` (2.1.2 and later), `agent-*.jsonl` beside
//! the session, and `isSidechain` lines inside it.
//!
//! **One response is many lines**, one content block each, all with one `message.id` and the same prompt-side counters.
//! The largest `output_tokens` is the right one, and the id alone is the identity: copies made by resume, fork and side
//! questions keep it, sometimes under another `requestId`. Before 2.1.59 a response whose lines carry no `stop_reason`
//! has an output that is too low. `progress` lines and `toolUseResult.usage` repeat what other lines say.
//!
//! Sources of these rules: Anthropic documents where transcripts lie and calls the record format internal
//! (code.claude.com/docs); the rest was measured on transcripts of 1.0 to 2.1.278.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Fold, Liveness, Places, Skim, Source};
use crate::model::{AgentId, Key};

mod fold;
mod line;
mod registry;

/// The name used everywhere.
pub const AGENT: AgentId = "claude-code";

/// Subagents that have written nothing for so long are over.
const RECENT: Duration = Duration::from_hours(24);

/// The source.
pub struct ClaudeCode;

impl Source for ClaudeCode {
    fn agent(&self) -> AgentId {
        AGENT
    }

    fn version(&self) -> u32 {
        // 3: when a branch, a model, a context was told. 4: requests that are billed beside an answer.
        4
    }

    fn call_key(&self, answer: &str) -> Option<Key> {
        Some(line::call_key(answer.as_bytes()))
    }

    fn clients(&self) -> &'static [&'static str] {
        &["claude-cli/", "claude-code/"]
    }

    fn roots(&self, places: &Places<'_>) -> Vec<PathBuf> {
        let mut roots = Vec::new();
        if let Some(list) = (places.env)("CLAUDE_CONFIG_DIR") {
            for entry in list.split(',').map(str::trim).filter(|e| !e.is_empty()) {
                let dir = expand(entry, places.home);
                roots.push(if dir.file_name().is_some_and(|n| n == "projects") { dir } else { dir.join("projects") });
            }
        } else {
            roots.push(places.home.join(".claude/projects"));
            let config = (places.env)("XDG_CONFIG_HOME").map_or_else(|| places.home.join(".config"), PathBuf::from);
            roots.push(config.join("claude/projects"));
        }
        for desktop in [".config/Claude", "Library/Application Support/Claude", "AppData/Roaming/Claude"] {
            roots.push(places.home.join(desktop).join("local-agent-mode-sessions"));
        }
        roots
    }

    fn accepts(&self, path: &Path) -> bool {
        path.extension().is_some_and(|e| e == "jsonl")
            && path.file_name().is_none_or(|n| n != "journal.jsonl" && n != "history.jsonl")
            // Desktop's tree holds other JSONL files; transcripts lie below a directory called `projects`.
            && (!has_part(path, "local-agent-mode-sessions") || has_part(path, "projects"))
    }

    fn skim(&self, lines: &[u8]) -> Skim {
        Skim::new(line::skim(lines))
    }

    fn fold(&self, path: &Path, carry: Option<&[u8]>) -> Box<dyn Fold> {
        Box::new(fold::ClaudeFold::new(path, carry))
    }

    fn companion(&self, log: &Path) -> Option<PathBuf> {
        let stem = log.file_stem()?.to_str()?;
        stem.starts_with("agent-").then(|| log.with_file_name(format!("{stem}.meta.json")))
    }

    fn parts(&self, log: &Path) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(log.with_extension("").join("subagents")) else { return Vec::new() };
        let is_recent = |path: &PathBuf| {
            let written = path.metadata().and_then(|meta| meta.modified()).ok();
            written.and_then(|at| at.elapsed().ok()).is_none_or(|ago| ago < RECENT)
        };
        entries.flatten().map(|entry| entry.path()).filter(|path| self.accepts(path) && is_recent(path)).collect()
    }

    fn alive(&self, roots: &[PathBuf]) -> Vec<Liveness> {
        registry::read(roots)
    }
}

fn expand(entry: &str, home: &Path) -> PathBuf {
    match entry.strip_prefix("~/") {
        Some(rest) => home.join(rest),
        None if entry == "~" => home.to_path_buf(),
        None => PathBuf::from(entry),
    }
}

fn has_part(path: &Path, part: &str) -> bool {
    path.components().any(|c| c.as_os_str() == part)
}
