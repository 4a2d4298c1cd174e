//! Agents' logs: one file per agent, and the registry.
//!
//! A source knows where its agent keeps logs and what each line means. It reads in two movements, so that one big file
//! can use every core: [`Source::skim`] turns lines into small records without any memory of earlier lines, and a
//! [`Fold`] then takes those records in the order of the file and keeps what must be remembered between them. The
//! memory is saved beside the file's offset, so reading can stop and go on at any line.

use std::any::Any;
use std::path::{Path, PathBuf};

use crate::model::{AgentId, Batch, Key, SessionState};

pub mod claude_code;
pub mod codex;
pub mod cost;
pub mod gemini_cli;
pub mod intern;
pub mod json;
pub mod lines;
pub mod opencode;
pub mod recent;
pub mod table;

pub use table::{RowId, Table};

/// All agents, in the order in which they are looked for. A new agent is its file and its line here.
pub const ALL: &[&dyn Source] = &[&claude_code::ClaudeCode, &codex::Codex, &gemini_cli::GeminiCli, &opencode::OpenCode];

/// The source of an agent by its name.
#[must_use]
pub fn by_agent(agent: &str) -> Option<&'static dyn Source> {
    ALL.iter().copied().find(|s| s.agent() == agent)
}

/// The directories and variables that decide where logs lie.
pub struct Places<'a> {
    /// The user's home directory, or what replaces it.
    pub home: &'a Path,
    /// Looks up an environment variable; empty ones do not exist.
    pub env: &'a dyn Fn(&str) -> Option<String>,
}

/// Records that a skim produced, of a type that only their own source knows.
pub struct Skim(Box<dyn Any + Send>);

impl Skim {
    /// Wraps a source's own records.
    #[must_use]
    pub fn new<T: Any + Send>(records: T) -> Skim {
        Skim(Box::new(records))
    }

    /// Looks at them; `None` for records of another source.
    #[must_use]
    pub fn peek<T: Any + Send>(&self) -> Option<&T> {
        self.0.downcast_ref::<T>()
    }

    /// Unwraps them again; `None` for records of another source.
    #[must_use]
    pub fn open<T: Any + Send>(self) -> Option<T> {
        self.0.downcast::<T>().ok().map(|boxed| *boxed)
    }
}

/// What an agent's own process registry says about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Liveness {
    /// The session's id.
    pub uid: String,
    /// What it does; `None` when only its being open is known.
    pub state: Option<SessionState>,
    /// Its process, where known.
    pub pid: Option<u32>,
}

/// One agent's logs.
pub trait Source: Send + Sync {
    /// The agent's name in configuration, filters and JSON.
    fn agent(&self) -> AgentId;

    /// The version of what this reader understands. Raising it makes every file be read again.
    fn version(&self) -> u32;

    /// The directories to look in, existing or not; a log itself where the user has named it to the agent.
    fn roots(&self, places: &Places<'_>) -> Vec<PathBuf>;

    /// How deep below a root logs may lie; 1 is in the root itself.
    fn depth(&self) -> usize {
        12
    }

    /// The tables to read, where the agent's logs are databases. Their rows are skimmed as lines.
    fn tables(&self) -> &'static [Table] {
        &[]
    }

    /// Whether a file under a root is a log to read.
    fn accepts(&self, path: &Path) -> bool;

    /// Turns complete lines into records, remembering nothing.
    fn skim(&self, lines: &[u8]) -> Skim;

    /// Whether a log is one document, written anew with every change, and no lines that are added to it.
    fn is_document(&self, _path: &Path) -> bool {
        false
    }

    /// Turns a whole document into records.
    fn skim_document(&self, bytes: &[u8]) -> Skim {
        self.skim(bytes)
    }

    /// A fold at the start of a file, or where `carry` was saved.
    fn fold(&self, path: &Path, carry: Option<&[u8]>) -> Box<dyn Fold>;

    /// A small file beside a log that says more about its session.
    fn companion(&self, _log: &Path) -> Option<PathBuf> {
        None
    }

    /// The logs of a session's subagents, which lie beside its own.
    fn parts(&self, _log: &Path) -> Vec<PathBuf> {
        Vec::new()
    }

    /// The identity of the call that a model answered under this id, where the agent's log has that id.
    fn call_key(&self, _answer: &str) -> Option<Key> {
        None
    }

    /// What the agent's requests call themselves: how their `User-Agent` begins.
    fn clients(&self) -> &'static [&'static str] {
        &[]
    }

    /// Which sessions of this agent have a living process.
    fn alive(&self, _roots: &[PathBuf]) -> Vec<Liveness> {
        Vec::new()
    }
}

/// The memory between the lines of one file.
pub trait Fold: Send {
    /// Takes the next records of the file and says what they mean.
    fn feed(&mut self, records: Skim, out: &mut Batch);

    /// The memory as bytes, for the next process that reads on.
    fn carry(&self) -> Vec<u8>;

    /// The id of the session whose history the next records repeat, if its own file would help to tell them apart.
    fn wants_ancestor(&self, _records: &Skim) -> Option<String> {
        None
    }

    /// Shows the records of that ancestor's file, so that repeated ones can be told from new ones.
    fn ancestor(&mut self, _records: Skim) {}

    /// Says that the file was read before, when it held something else.
    fn again(&mut self) {}

    /// The rows that will be changed in place: they are read again with whatever is new.
    fn unfinished(&self) -> &[RowId] {
        &[]
    }

    /// Shows the companion file.
    fn companion(&mut self, _bytes: &[u8]) {}

    /// Whether the companion file would still say something: it may be written after the log has been begun.
    fn lacks_companion(&self) -> bool {
        false
    }
}
