//! `OpenCode`.
//!
//! **Where.** `$XDG_DATA_HOME/opencode` or `~/.local/share/opencode` on every system; `OPENCODE_DATA_DIR` moves the
//! directory by the convention of its readers. In it lies `opencode.db`, or `opencode-<channel>.db` of other channels
//! than the stable one; `OPENCODE_DB` names another file, absolute or inside that directory. The tree of JSON files below
//! `storage/` that releases before 1.2 wrote is not read: they moved it into the database and left it lying there.
//!
//! **What.** A row of `message` is a prompt or an answer, a row of `part` a piece of one: text, a tool call, and after each
//! model call a `step-finish` with its tokens and cost. The counters of a message are those of its last step only, so they
//! count where a message has no parts. Rows are changed in place while an answer is written. A second generation of tables
//! keeps everything of a step in one row of `session_message`; where a session stands in both, the older one is read.
//!
//! **Tokens.** `input` excludes the cache. Whether `output` includes `reasoning` follows from `total` where it is told:
//! it did in 1.2 and does no longer.
//!
//! **Copies.** A fork copies messages and parts under new ids and keeps the times in them. So a call's identity is made of
//! what a copy keeps: when its message was made, its model, its tokens and its cost. Subagents' histories are not copied,
//! and several that begin in one moment may look alike: theirs includes the session. A message that is older than its
//! session tells that the session is a fork; only the newest releases name the original.
//!
//! **Cost** is what the agent reports. It reports zero for subscriptions and local models: that is taken for silence. Where
//! the output includes the reasoning, it has charged that twice (measured on 1.2): the list's price counts. A model that a
//! program on the user's machine serves is not its maker's, so it carries the program's name (`ollama/deepseek-r1`).
//!
//! Sources of these rules: the schema and the events of 1.18, exports of 1.2, and recordings of releases between them.

use std::path::{Path, PathBuf};

use super::table::{Has, Related, Table, Twins};
use super::{Fold, Places, Skim, Source};
use crate::model::AgentId;

mod data;
mod fold;
mod line;

/// The name used everywhere.
pub const AGENT: AgentId = "opencode";

/// The source.
pub struct OpenCode;

const SESSION: Related = Related {
    table: "session",
    id: "id",
    by: "session_id",
    columns: &["parent_id", "directory", "version", "time_created", "fork_session_id"],
    json: None,
};

/// Messages first: what a part says is told by its message.
static TABLES: [Table; 3] = [
    Table {
        name: "message",
        id: "id",
        json: "data",
        columns: &["session_id", "time_created"],
        related: &[SESSION],
        has: &[Has { name: "parts", table: "part", column: "message_id", by: "id" }],
        twins: None,
    },
    Table {
        name: "part",
        id: "id",
        json: "data",
        columns: &["session_id", "message_id", "time_created"],
        related: &[SESSION, Related { table: "message", id: "id", by: "message_id", columns: &[], json: Some("data") }],
        has: &[],
        twins: Some(Twins { group: "message_id", containing: "\"step-finish\"" }),
    },
    Table {
        name: "session_message",
        id: "id",
        json: "data",
        columns: &["session_id", "type", "time_created"],
        related: &[SESSION],
        has: &[Has { name: "older", table: "message", column: "session_id", by: "session_id" }],
        twins: None,
    },
];

impl Source for OpenCode {
    fn agent(&self) -> AgentId {
        AGENT
    }

    fn version(&self) -> u32 {
        // 3: when a model, a context was told; tool calls that have not ended.
        // 4: local models; costs that charge reasoning twice.
        4
    }

    fn clients(&self) -> &'static [&'static str] {
        &["opencode/"]
    }

    fn roots(&self, places: &Places<'_>) -> Vec<PathBuf> {
        let mut roots = Vec::new();
        if let Some(list) = (places.env)("OPENCODE_DATA_DIR") {
            roots.extend(list.split(',').map(str::trim).filter(|entry| !entry.is_empty()).map(PathBuf::from));
        } else {
            let share = (places.env)("XDG_DATA_HOME").map_or_else(|| places.home.join(".local/share"), PathBuf::from);
            let others = ["AppData/Local", "AppData/Roaming"].iter().filter(|_| cfg!(windows)).map(|dir| places.home.join(dir));
            roots.extend(std::iter::once(share).chain(others).map(|dir| dir.join("opencode")));
        }
        if let Some(file) = (places.env)("OPENCODE_DB").filter(|file| file != ":memory:") {
            let file = roots.first().map(|data| data.join(&file)).unwrap_or_default(); // an absolute one stays as it is
            if !roots.iter().any(|root| file.parent() == Some(root)) || !self.accepts(&file) {
                roots.push(file);
            }
        }
        roots
    }

    /// Beside the database lie trees of snapshots and of older logs, with very many files.
    fn depth(&self) -> usize {
        1
    }

    fn tables(&self) -> &'static [Table] {
        &TABLES
    }

    fn accepts(&self, path: &Path) -> bool {
        let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_suffix(".db"));
        name.is_some_and(|name| name == "opencode" || name.starts_with("opencode-"))
    }

    fn skim(&self, lines: &[u8]) -> Skim {
        Skim::new(line::skim(lines))
    }

    fn fold(&self, _path: &Path, carry: Option<&[u8]>) -> Box<dyn Fold> {
        Box::new(fold::OpenCodeFold::new(carry))
    }
}
