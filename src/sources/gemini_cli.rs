//! Gemini CLI.
//!
//! **Where.** `.gemini/tmp/<project>/chats/` in the home directory, or in `$GEMINI_CLI_HOME`, which takes its place:
//! `session-<UTC minute>-<first 8 of the id>.jsonl`, and a subagent's `<parent session>/<id>.jsonl`. `<project>` is a short
//! name; `.project_root` beside `chats`, or `.gemini/projects.json`, says whose. In older releases it is the SHA-256 of the
//! directory, and a session is one document, `session-*.json`, written anew with every change; resumed in a newer release it
//! goes on as lines under the same ids in `session-*.jsonl`.
//!
//! **Lines.** A header with the session's id, messages, `{"$set":…}` and `{"$rewindTo":…}`. A message is written again under
//! its id when its tokens or the results of its tools are known: the last one holds. `$set.messages` repeats the whole
//! conversation after it was changed (summarized, rewound, resumed) and tells nothing to count but the summary. What
//! `$rewindTo` hides was spent all the same. Results of tools and contexts that the program adds (`<session_context>`,
//! `<hook_context>`) are messages of the user's, too.
//!
//! **Tokens** are per call. `input` includes `cached`; `output` excludes `thoughts`; `tool` tokens are a further part of the
//! prompt: `total` is input, output, thoughts and tool together. Messages that the program makes up have none.
//!
//! **Not told**: failed calls that were tried again, the calls that summarize or search the web, costs and branches.
//!
//! Sources of these rules: google-gemini/gemini-cli (`packages/core/src/services/chatRecordingService.ts`,
//! `packages/core/src/core/geminiChat.ts`), and sessions of 2025-12 to 0.61.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{Fold, Places, Skim, Source};
use crate::model::AgentId;

mod fold;
mod line;

/// The name used everywhere.
pub const AGENT: AgentId = "gemini-cli";

/// The source.
pub struct GeminiCli;

impl Source for GeminiCli {
    fn agent(&self) -> AgentId {
        AGENT
    }

    fn version(&self) -> u32 {
        // 3: when a model, a context was told.
        3
    }

    fn clients(&self) -> &'static [&'static str] {
        &["GeminiCLI"]
    }

    fn roots(&self, places: &Places<'_>) -> Vec<PathBuf> {
        let home = (places.env)("GEMINI_CLI_HOME").map_or_else(|| places.home.to_path_buf(), PathBuf::from);
        vec![home.join(".gemini/tmp")]
    }

    fn accepts(&self, path: &Path) -> bool {
        // Other files lie beside the sessions: typed prompts, outputs of tools, copies that the agent could not read.
        let Some((_, parent)) = place(path) else { return false };
        let is = |extension| path.extension().is_some_and(|e| e == extension);
        is("jsonl")
            || (is("json") && parent.is_none() && path.file_name().and_then(OsStr::to_str).is_some_and(|n| n.starts_with("session-")))
    }

    fn is_document(&self, path: &Path) -> bool {
        path.extension().is_some_and(|e| e == "json")
    }

    fn skim(&self, lines: &[u8]) -> Skim {
        Skim::new(line::skim(lines))
    }

    fn skim_document(&self, bytes: &[u8]) -> Skim {
        Skim::new(line::skim_document(bytes))
    }

    fn fold(&self, path: &Path, carry: Option<&[u8]>) -> Box<dyn Fold> {
        Box::new(fold::GeminiFold::new(path, carry))
    }

    fn companion(&self, log: &Path) -> Option<PathBuf> {
        let (project, _) = place(log)?;
        let root = project.join(".project_root");
        if root.exists() {
            return Some(root);
        }
        Some(project.parent()?.parent()?.join("projects.json"))
    }
}

/// The project's directory that a log lies in, and the session that started it if it is a subagent's.
fn place(log: &Path) -> Option<(&Path, Option<&str>)> {
    let dir = log.parent()?;
    if dir.file_name()? == "chats" {
        return Some((dir.parent()?, None));
    }
    let chats = dir.parent().filter(|d| d.file_name().is_some_and(|n| n == "chats"))?;
    Some((chats.parent()?, Some(dir.file_name()?.to_str()?)))
}
