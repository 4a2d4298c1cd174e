//! What sources turn log lines into: model calls, countable facts, and what they say about sessions.

use std::sync::Arc;

use super::key::Key;
use super::money::Money;
use super::session::SessionUpdate;
use super::time::Millis;
use super::tokens::Tokens;

/// The service tier a call was billed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tier {
    /// The list price.
    #[default]
    Standard,
    /// Faster for a surcharge.
    Priority,
    /// Slower at a discount.
    Flex,
    /// Asynchronous at a discount.
    Batch,
    /// Faster still, for a larger surcharge.
    Ultrafast,
    /// One that this program does not know: nor does it know what it costs.
    Unknown,
}

impl Tier {
    /// The word used in exports.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Tier::Standard => "standard",
            Tier::Priority => "priority",
            Tier::Flex => "flex",
            Tier::Batch => "batch",
            Tier::Ultrafast => "ultrafast",
            Tier::Unknown => "unknown",
        }
    }

    /// The number the store keeps.
    #[must_use]
    pub const fn to_sql(self) -> i64 {
        match self {
            Tier::Standard => 0,
            Tier::Priority => 1,
            Tier::Flex => 2,
            Tier::Batch => 3,
            Tier::Ultrafast => 4,
            Tier::Unknown => 5,
        }
    }

    /// Back from the store's number; one that a newer release wrote is not known here.
    #[must_use]
    pub const fn from_sql(value: i64) -> Tier {
        match value {
            0 => Tier::Standard,
            1 => Tier::Priority,
            2 => Tier::Flex,
            3 => Tier::Batch,
            4 => Tier::Ultrafast,
            _ => Tier::Unknown,
        }
    }

    /// By the word that services and agents use for it. `auto` leaves it to the service, which bills the list price unless
    /// it says otherwise; `on_demand` is Groq's word for that price, `fast` Codex's for priority.
    #[must_use]
    pub const fn named(word: &[u8]) -> Tier {
        match word {
            b"" | b"standard" | b"default" | b"auto" | b"on_demand" => Tier::Standard,
            b"priority" | b"fast" => Tier::Priority,
            b"flex" => Tier::Flex,
            b"batch" => Tier::Batch,
            b"ultrafast" => Tier::Ultrafast,
            _ => Tier::Unknown,
        }
    }
}

/// Why a service made another request for an answer. It bills it beside the answer, whose own tokens do not hold its.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beside {
    /// Another model was asked for advice.
    Advisor,
    /// The conversation was summarized to make room.
    Compaction,
    /// A model had begun to answer and declined; another one has answered in its place.
    Declined,
}

impl Beside {
    /// All of them.
    pub const ALL: [Beside; 3] = [Beside::Advisor, Beside::Compaction, Beside::Declined];

    /// The identity of the request: the one of this kind, counted from 0, that was made for the answer of this key.
    #[must_use]
    pub fn key(self, answer: Key, nth: usize) -> Key {
        let kind: &[u8] = match self {
            Beside::Advisor => b"advisor",
            Beside::Compaction => b"compaction",
            Beside::Declined => b"declined",
        };
        Key::of(&[kind, &answer.0.to_le_bytes(), &nth.to_le_bytes()])
    }
}

/// Modifiers of a call's price that apply to all of its token rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Speed {
    /// Anthropic's fast mode: a premium on every rate.
    pub fast: bool,
    /// Inference pinned to the United States: a surcharge where the model has one.
    pub us_only: bool,
}

/// One model call. The same call may be met many times, fuller each time, in several files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The agent's own identity of the call.
    pub key: Key,
    /// Index into [`Batch::sessions`].
    pub session: u32,
    /// The task it is a step of.
    pub task: Key,
    /// When it was answered.
    pub at: Millis,
    /// The model's name as logged; `None` when the log does not say.
    pub model: Option<Arc<str>>,
    /// Its tokens.
    pub tokens: Tokens,
    /// Web searches billed per request.
    pub searches: u32,
    /// The service tier.
    pub tier: Tier,
    /// Fast mode and residency.
    pub speed: Speed,
    /// The context the next prompt starts from.
    pub context: u64,
    /// Whether the line is a copy made for a side conversation: the original owns the call.
    pub sidechain: bool,
    /// Whether the logged output is known to be too low.
    pub lower_bound: bool,
    /// Whether the tokens may hold those of other calls, which the log does not show.
    pub gap: bool,
    /// A cost the agent itself reports.
    pub reported: Option<Money>,
}

/// The kinds of countable facts besides model calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FactKind {
    /// A human prompt; begins a task unless it joined a running one.
    Prompt,
    /// A tool call.
    Tool,
    /// A model call that failed and was tried again.
    Retry,
    /// A model call that was given up.
    ApiError,
    /// The context was summarized to make room.
    Compaction,
    /// A human prompt delivered while the agent worked: counted, but the running task goes on.
    QueuedPrompt,
}

impl FactKind {
    /// The number the store keeps.
    #[must_use]
    pub const fn to_sql(self) -> i64 {
        match self {
            FactKind::Prompt => 0,
            FactKind::Tool => 1,
            FactKind::Retry => 2,
            FactKind::ApiError => 3,
            FactKind::Compaction => 4,
            FactKind::QueuedPrompt => 5,
        }
    }

    /// Back from the store's number; `None` for one a newer release wrote.
    #[must_use]
    pub const fn from_sql(value: i64) -> Option<FactKind> {
        Some(match value {
            0 => FactKind::Prompt,
            1 => FactKind::Tool,
            2 => FactKind::Retry,
            3 => FactKind::ApiError,
            4 => FactKind::Compaction,
            5 => FactKind::QueuedPrompt,
            _ => return None,
        })
    }
}

/// Something countable that happened in a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about what was met")]
pub struct Fact {
    /// Its identity; a tool's call and its failure share one.
    pub key: Key,
    /// Index into [`Batch::sessions`].
    pub session: u32,
    /// The task it belongs to.
    pub task: Key,
    /// When it happened.
    pub at: Millis,
    /// What it is.
    pub kind: FactKind,
    /// A tool's name.
    pub name: Option<Arc<str>>,
    /// Whether the thing itself was seen (a tool's failure may be met before its call).
    pub seen: bool,
    /// Whether a tool call failed.
    pub failed: bool,
    /// Whether the log will say more of a tool call that has not ended: what it says in the end takes the place of this.
    pub open: bool,
    /// The hash of a tool call's name and arguments, where one of the task's calls just before was the same.
    pub same: Option<u32>,
    /// Whether the line is a copy made for a side conversation.
    pub sidechain: bool,
}

/// How much of a plan's window is used up, as the agent was told by its provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateLimit {
    /// Index into [`Batch::sessions`].
    pub session: u32,
    /// When it was told.
    pub at: Millis,
    /// The limit's id where several exist.
    pub limit: Option<Arc<str>>,
    /// The window's length in minutes (300 is five hours, 10080 a week).
    pub window_minutes: u32,
    /// Used share in tenths of a percent.
    pub used_permille: u32,
    /// When the window starts anew.
    pub resets_at: Option<Millis>,
    /// The plan's name.
    pub plan: Option<Arc<str>>,
}

/// Everything that a piece of one log file says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    /// The sessions that the rest refers to by index.
    pub sessions: Vec<SessionUpdate>,
    /// Model calls, in the order of the file.
    pub calls: Vec<Call>,
    /// Facts, in the order of the file.
    pub facts: Vec<Fact>,
    /// Keys under which earlier readers have counted a tool call of a session, which it has no more: the session's index and the key.
    pub outdated: Vec<(u32, Key)>,
    /// The newest rate limits met.
    pub limits: Vec<RateLimit>,
    /// Lines read.
    pub lines: u64,
    /// Lines that were no JSON of the agent's, and the first of their reasons.
    pub malformed: u64,
    /// Why the first malformed line was refused.
    pub first_malformed: Option<String>,
}
