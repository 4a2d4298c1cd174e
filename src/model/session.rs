//! Sessions: who is talking, where, and whether somebody waits for somebody.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::time::Millis;

/// The name of an agent as used in configuration, filters and JSON, such as `claude-code`.
pub type AgentId = &'static str;

/// Agents start agents: so many generations up are looked at; more is a circle in what the logs say.
pub const MOST_ANCESTORS: usize = 16;

/// The last part of a directory, whichever system wrote it: a session's project.
#[must_use]
pub fn project_of(cwd: &str) -> &str {
    match cwd.trim_end_matches(['/', '\\']) {
        // The root has no last part, and is a directory all the same.
        "" => cwd.get(..1).unwrap_or_default(),
        path => path.rsplit(['/', '\\']).next().unwrap_or_default(),
    }
}

/// What kind of conversation a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SessionKind {
    /// A person's own conversation.
    #[default]
    Main,
    /// Started by another session to do a part of its work.
    Subagent,
    /// Continues from a copy of another session's history.
    Fork,
}

impl SessionKind {
    /// The word used on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            SessionKind::Main => "main",
            SessionKind::Subagent => "subagent",
            SessionKind::Fork => "fork",
        }
    }

    /// The number the store keeps.
    #[must_use]
    pub const fn to_sql(self) -> i64 {
        match self {
            SessionKind::Main => 0,
            SessionKind::Subagent => 1,
            SessionKind::Fork => 2,
        }
    }

    /// Back from the store's number.
    #[must_use]
    pub const fn from_sql(value: i64) -> SessionKind {
        match value {
            1 => SessionKind::Subagent,
            2 => SessionKind::Fork,
            _ => SessionKind::Main,
        }
    }
}

/// Where the last task of a session stands, as far as the log tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Turn {
    /// The agent has answered and it is the human's turn.
    #[default]
    Ended,
    /// The agent is at work.
    Open,
    /// A tool call has no result yet: it runs, or waits for a permission.
    ToolPending,
}

impl Turn {
    /// The number the store keeps.
    #[must_use]
    pub const fn to_sql(self) -> i64 {
        match self {
            Turn::Ended => 0,
            Turn::Open => 1,
            Turn::ToolPending => 2,
        }
    }

    /// Back from the store's number.
    #[must_use]
    pub const fn from_sql(value: i64) -> Turn {
        match value {
            1 => Turn::Open,
            2 => Turn::ToolPending,
            _ => Turn::Ended,
        }
    }
}

/// What a session does right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SessionState {
    /// The agent works: a model call or a tool runs.
    Working,
    /// The agent waits for its human.
    Waiting,
    /// Its process has been paused from outside, and can go on.
    Paused,
    /// Open, but nothing has happened for a while.
    Idle,
    /// Over, as far as anything on this machine shows.
    Ended,
}

impl SessionState {
    /// The word used on screen and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            SessionState::Working => "working",
            SessionState::Waiting => "waiting",
            SessionState::Paused => "paused",
            SessionState::Idle => "idle",
            SessionState::Ended => "ended",
        }
    }

    /// Whether the session counts as live: somebody may still spend in it without starting anything.
    #[must_use]
    pub const fn is_live(self) -> bool {
        matches!(self, SessionState::Working | SessionState::Waiting | SessionState::Paused)
    }
}

/// Something that a log tells again and again, of which the newest counts: when it was told, by a [`Clock`], and what.
pub type Told<T> = Option<(Millis, T)>;

/// The time of a log's lines, one that never goes back and never stands still: where a clock is set back, and where lines
/// share a stamp, each line is a millisecond later than the one before it. So what is told last is newest, however the log
/// is cut into pieces.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Clock(Millis);

impl Clock {
    /// Goes on to a line with this stamp.
    pub fn tick(&mut self, stamp: Millis) {
        self.0 = stamp.max(self.0.saturating_add(1));
    }

    /// The time of the line that it went on to last.
    #[must_use]
    pub const fn now(self) -> Millis {
        self.0
    }
}

/// Keeps the newer of what is known and what is told. Of two things told at the same time it is the greater one: that does
/// not depend on which was met first.
pub fn tell<T: Ord>(known: &mut Told<T>, at: Millis, value: T) {
    if known.as_ref().is_none_or(|(since, old)| (*since, old) < (at, &value)) {
        *known = Some((at, value));
    }
}

/// What a batch of log lines says about a session. Several updates of one session merge in any order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionUpdate {
    /// The agent's own id of the session; a subagent's is `parent/agent`.
    pub uid: Arc<str>,
    /// The session that this one belongs to or was forked from.
    pub parent: Option<Arc<str>>,
    /// What kind of conversation it is.
    pub kind: SessionKind,
    /// Whether the log itself says that this session starts with another's history.
    pub forked: bool,
    /// The first and last time stamped on its own lines; `None` when no line carried a time.
    pub seen: Option<(Millis, Millis)>,
    /// The working directory first seen, and when that was told: the earliest names the project.
    pub cwd: Told<Arc<str>>,
    /// The git branch last seen.
    pub branch: Told<Arc<str>>,
    /// The address of the git remote last seen, as [`super::remote::normal`] has it.
    pub remote: Told<Arc<str>>,
    /// The agent's version last seen.
    pub version: Told<Arc<str>>,
    /// The model last asked.
    pub model: Told<Arc<str>>,
    /// What a subagent calls itself (`Explore`, a nickname).
    pub role: Option<Arc<str>>,
    /// Tokens in the context after the last call of the main chain.
    pub context: Told<u64>,
    /// The size of the context window, where the log tells.
    pub window: Told<u64>,
    /// Where the last task stands after these lines.
    pub turn: Told<Turn>,
}
