//! Codex CLI.
//!
//! **Where.** `$CODEX_HOME` or `~/.codex`: `sessions/YYYY/MM/DD/rollout-<local time>-<thread>.jsonl` and, flat,
//! `archived_sessions/`. Cold rollouts may be compressed to `.jsonl.zst`; the plain file wins where both exist.
//!
//! **Counters.** `token_count` events carry cumulative totals of the thread and the last call's own. The same totals are
//! written again on every refresh of the screen; a call is what raises them. Totals that fall begin a new count. `input`
//! includes cached and cache-write tokens; `output` includes reasoning. The model is the last `turn_context`'s. Since 0.169
//! a `token_usage_record` tells a call, and the totals with it, before the call's tools run.
//!
//! **Copies.** A fork, a backtrack and a subagent with history begin with their parent's records, stamped anew or not;
//! those belong to the parent and are passed over. How the end of the copy is found is told in `codex/history.rs`.
//! Paginated rollouts point into the parent instead (`history_base`) and copy nothing, or number their records and say
//! where their own begin (`subagent_history_start_ordinal`).
//!
//! **Locks** (`thread-writer-locks/<thread>.lock`) are looked up in `/proc/locks` and never taken: Codex tries without
//! waiting and would refuse the thread.
//!
//! Sources of these rules: openai/codex at main of 2026-08 (`codex-rs/protocol`, `codex-rs/rollout`), and rollouts of
//! 0.46 to 0.169.

use std::path::{Path, PathBuf};

use super::{Fold, Liveness, Places, Skim, Source};
use crate::model::AgentId;

mod counters;
mod fold;
mod history;
mod limits;
mod line;
mod locks;
mod memory;
mod outcome;

/// The name used everywhere.
pub const AGENT: AgentId = "codex";

/// The source.
pub struct Codex;

impl Source for Codex {
    fn agent(&self) -> AgentId {
        AGENT
    }

    fn version(&self) -> u32 {
        // 2: git remotes. 3: when a branch, a model, a context was told.
        // 4: tiers beyond the usual ones; which searches are billed.
        4
    }

    fn clients(&self) -> &'static [&'static str] {
        &["codex"]
    }

    fn roots(&self, places: &Places<'_>) -> Vec<PathBuf> {
        let homes = match (places.env)("CODEX_HOME") {
            Some(list) => list.split(',').map(str::trim).filter(|e| !e.is_empty()).map(PathBuf::from).collect(),
            None => vec![places.home.join(".codex")],
        };
        homes.iter().flat_map(|home| [home.join("sessions"), home.join("archived_sessions")]).collect()
    }

    fn accepts(&self, path: &Path) -> bool {
        if path.extension().is_some_and(|e| e == "jsonl") {
            return true;
        }
        // A compressed rollout counts only where the plain one is gone.
        path.extension().is_some_and(|e| e == "zst") && {
            let plain = path.with_extension("");
            plain.extension().is_some_and(|e| e == "jsonl") && !plain.exists()
        }
    }

    fn skim(&self, lines: &[u8]) -> Skim {
        Skim::new(line::skim(lines))
    }

    fn fold(&self, path: &Path, carry: Option<&[u8]>) -> Box<dyn Fold> {
        Box::new(fold::CodexFold::new(path, carry))
    }

    fn alive(&self, roots: &[PathBuf]) -> Vec<Liveness> {
        locks::held(roots)
    }
}
