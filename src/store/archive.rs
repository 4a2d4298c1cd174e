//! The history as a file that can be moved to another machine.
//!
//! **Format 1.** gzip over lines of JSON in UTF-8, one record a line. The first line is the [`Head`]:
//! `{"aifinops_history":1,"schema":4,"version":"0.1.0","machine":"desk","at":1795000000000}`. Then come all sessions,
//! `{"session":{…}}`; then `{"call":{…}}`, `{"fact":{…}}` and `{"limit":{…}}`, which name their session by its place among
//! the sessions, from 0; and at last `{"end":{…}}`, which says how many of each there are. Keys are the agents' own ids,
//! hashed: 16 hexadecimal digits. Times are UTC milliseconds, money nano-dollars, kinds and tiers the store's numbers.
//!
//! A field at its usual value is left out, and a field or record that the reader does not know is skipped: a later release
//! may add some within format 1. What changes the meaning of the rest needs another number there, which older releases
//! refuse.
//!
//! **Why calls and not sums.** The same call can be in the histories of two machines, or in a history and in a log that is
//! still there. So what is imported goes through the same door as what is read from logs: a call is kept once under its
//! agent's id, the fullest version of it, and who owns what several sessions hold is decided by the same rules. Nothing of
//! what an archive says is added to a sum without that. Costs are not in it: they are computed from the price book of the
//! machine that imports, as everywhere. What no price book can say, the agents' own reports, is.
//!
//! No prompt, code or tool output is in it: the store has none. How far logs are read, caps and decisions stay on their
//! machine.

use serde::{Deserialize, Serialize};

use crate::model::Millis;

use super::StoreError;

mod line;
mod read;
mod write;

pub use read::{Imported, Known, check};
pub use write::Look;

/// The format that this release writes, and the newest that it reads.
pub const FORMAT: u32 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The format; that it is there says what file this is.
    pub aifinops_history: u32,
    /// The schema of the store that it came from: for people.
    #[serde(default)]
    pub schema: i64,
    /// The release that wrote it: for people.
    #[serde(default)]
    pub version: String,
    /// The machine's name: for people.
    #[serde(default)]
    pub machine: String,
    /// When it was written.
    #[serde(default)]
    pub at: Millis,
}

/// How much is in an archive.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Sessions.
    pub sessions: u64,
    /// Model calls.
    pub calls: u64,
    /// Prompts, tool calls, retries and the like.
    pub facts: u64,
    /// What providers last said of their limits.
    pub limits: u64,
}

/// What a whole archive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    /// Where it came from.
    pub head: Head,
    /// How much there is.
    pub counts: Counts,
    /// Records that a newer release wrote and this one does not understand.
    pub unknown: u64,
}

/// What can go wrong with an archive.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The file is something else.
    #[error("it is no history of aifinops: {why}")]
    Foreign {
        /// What it looks like.
        why: String,
    },
    /// A newer release wrote it.
    #[error("it was written by aifinops {version} in format {found}, and this one reads up to {FORMAT}")]
    Newer {
        /// The release that wrote it.
        version: String,
        /// Its format.
        found: u32,
    },
    /// Its end is missing.
    #[error("it is cut off after line {line}")]
    Cut {
        /// The last whole line, from 1.
        line: u64,
    },
    /// A line says something that cannot be.
    #[error("line {line} is damaged: {why}")]
    Damaged {
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        why: String,
    },
    /// It holds sessions of an agent that this release does not know.
    #[error("it holds sessions of `{agent}`, an agent that this aifinops does not know")]
    Agent {
        /// The agent's name.
        agent: String,
    },
    /// It could not be read.
    #[error("it could not be read: {0}")]
    Read(std::io::Error),
    /// It could not be written.
    #[error("it could not be written: {0}")]
    Write(#[from] std::io::Error),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
