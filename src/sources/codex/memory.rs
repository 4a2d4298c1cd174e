//! What is remembered of a rollout between two readings.

use serde::{Deserialize, Serialize};

use super::counters::Counters;
use super::history::History;
use crate::model::{Clock, Millis};
use crate::sources::recent::Recent;

/// Where the reading of a rollout stands.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a thread")]
pub(super) struct Memory {
    pub(super) thread: Option<String>,
    pub(super) parent: Option<String>,
    pub(super) subagent: bool,
    pub(super) forked: bool,
    pub(super) nickname: Option<String>,
    /// A history that may follow the header: the next record tells, and it may not be written yet.
    pub(super) maybe: Option<History>,
    pub(super) history: Option<History>,
    #[serde(flatten)]
    pub(super) counters: Counters,
    /// Whether the model has said anything in this file that is the thread's own.
    pub(super) spoke: bool,
    /// Whether the context was summarized since the last call: several records tell of it.
    pub(super) compacted: bool,
    /// Web searches since the last call.
    pub(super) searches: u32,
    /// Whether a prompt has been met that nothing has followed yet.
    pub(super) just_asked: bool,
    /// The tier that holds from the next turn on.
    pub(super) next_tier: Option<u8>,
    /// Whether the file was read before and was another then: what was cut out of it has been counted.
    pub(super) again: bool,
    pub(super) turn: Option<String>,
    pub(super) task: u64,
    /// Prompts counted in this turn, and a message that is one if no better record of a prompt comes.
    pub(super) prompts: Vec<u64>,
    pub(super) fallback: Option<(u64, Millis)>,
    pub(super) model: Option<String>,
    /// When the model was last told.
    pub(super) model_at: Millis,
    /// The greatest of several models that were told at that time, where it is not the last one of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) greater: Option<String>,
    pub(super) tier: u8,
    pub(super) pending: Vec<u64>,
    #[serde(skip_serializing_if = "Recent::is_empty")]
    pub(super) recent: Recent,
    pub(super) open: bool,
    pub(super) last_at: Millis,
    pub(super) clock: Clock,
    /// Tool calls without an id so far.
    pub(super) nameless: u64,
}

impl Memory {
    /// Keeps a model that is told. What pieces of a log tell one after another is what the whole tells.
    pub(super) fn tell_model(&mut self, model: &str) {
        let now = self.clock.now();
        let before = self.told_model().filter(|before| self.model_at == now && *before > model);
        self.greater = before.map(str::to_owned);
        self.model_at = now;
        if self.model.as_deref() != Some(model) {
            self.model = Some(model.to_owned());
        }
    }

    /// The model as the session's: of those of one time the greatest.
    pub(super) fn told_model(&self) -> Option<&str> {
        self.greater.as_deref().or(self.model.as_deref())
    }
}
