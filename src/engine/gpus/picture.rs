//! The picture of all GPUs, complete and never changed once it is published.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::alerts::Alert;
use crate::insight::gpu::{State, Worth};
use crate::model::gpu::{GpuProcess, GpuReading, Permille, ServerReading};
use crate::model::{Millis, Money};
use crate::pricing::gpu::GpuPrice;
use crate::query::gpus::Heat;
use crate::store::gpus::CardSums;

/// Everything that is known of GPUs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GpuPicture {
    /// When it was made.
    pub at: Millis,
    /// Who was asked, and how that went.
    pub sources: Vec<SourceView>,
    /// The cards: this machine's first, an instance after its card.
    pub cards: Vec<CardView>,
    /// The inference servers.
    pub servers: Vec<ServerView>,
    /// The processes on cards.
    pub processes: Vec<ProcessView>,
    /// The last seven days, hour by hour.
    pub heat: Arc<Heat>,
    /// What there is to tell.
    pub alerts: Vec<Alert>,
    /// The keys of what is over: it may be told again when it comes back.
    pub over: Vec<String>,
    /// What the user should know.
    pub notices: Vec<String>,
    /// Whether nobody looks at anything: it is set so.
    pub is_off: bool,
}

/// How a source does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SourceState {
    /// It answers.
    Well,
    /// It has nothing to look at.
    Absent,
    /// It fails.
    Broken,
    /// It has not answered for too long.
    Stale,
    /// It has not answered yet.
    #[default]
    Waiting,
}

impl SourceState {
    /// The word for people and programs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            SourceState::Well => "ok",
            SourceState::Absent => "absent",
            SourceState::Broken => "broken",
            SourceState::Stale => "stale",
            SourceState::Waiting => "waiting",
        }
    }
}

/// A source of figures.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceView {
    /// Its name.
    pub name: String,
    /// What it is, in words.
    pub about: String,
    /// How it does.
    pub state: SourceState,
    /// Why it has nothing to say.
    pub why: Option<String>,
    /// When it last had something to say.
    pub seen_at: Option<Millis>,
    /// Milliseconds that its last look took.
    pub took: Option<u64>,
    /// The cards that it sees, and the servers.
    pub sees: (usize, usize),
    /// Whether it is another machine.
    pub is_remote: bool,
}

/// A card, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardView {
    /// The last look at it.
    pub reading: GpuReading,
    /// Who has seen it.
    pub source: String,
    /// When.
    pub seen_at: Millis,
    /// What it does.
    pub state: State,
    /// Since when.
    pub since: Millis,
    /// Whether the look is too old to say what the card does now.
    pub is_stale: bool,
    /// What an hour costs.
    pub price: Option<GpuPrice>,
    /// What it has done today.
    pub today: CardSums,
    /// What it has done in the last 24 hours, as far as it has been written.
    pub day: CardSums,
    /// Its use, minute by minute, the newest last; nothing where nobody looked.
    pub history: VecDeque<Option<Permille>>,
    /// What the energy of today has cost, where what a kilowatt-hour costs is known: a part of the cost of a card that is not
    /// rented, and known besides of one that is.
    pub energy_cost: Option<Money>,
    /// Who has it, as far as that is known.
    pub owner: Option<String>,
}

impl CardView {
    /// The name for people: without who made it.
    #[must_use]
    pub fn short_name(&self) -> String {
        let name = self.reading.name.trim();
        let bare = ["NVIDIA ", "AMD ", "Intel(R) ", "Intel "].iter().find_map(|maker| name.strip_prefix(maker)).unwrap_or(name);
        let bare = bare.strip_prefix("GeForce ").unwrap_or(bare);
        match &self.reading.slice {
            Some(slice) => slice.profile.clone(),
            None => bare.to_owned(),
        }
    }
}

/// Whose a process is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owner {
    /// The agent.
    pub agent: String,
    /// The agent's id of the session; empty where only the agent is known.
    pub session: String,
    /// Its project.
    pub project: String,
    /// How sure that is, from A to E.
    pub rule: char,
    /// When the agent's process ended, if it has.
    pub ended_at: Option<Millis>,
}

impl Owner {
    /// What the letter stands for.
    #[must_use]
    pub const fn reason(&self) -> &'static str {
        match self.rule {
            'A' => "the agent's process has started it",
            'B' => "it is of the agent's process group or session",
            'C' => "its environment names the agent",
            'D' => "it works in the session's directory, and began in its time",
            _ => "labels of the machine name it",
        }
    }

    /// The owner in a few letters: `claude·api`.
    #[must_use]
    pub fn short(&self) -> String {
        let agent = self.agent.split('-').next().unwrap_or(&self.agent);
        if self.project.is_empty() { agent.to_owned() } else { format!("{agent}·{}", self.project) }
    }
}

/// A process on a card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ProcessView {
    /// The card's id.
    pub card: String,
    /// What the card's source says of it.
    pub process: GpuProcess,
    /// Whether there is such a process here: a container's numbers are other numbers.
    pub is_visible: bool,
    /// Its command, safe to show.
    pub command: String,
    /// Whose process it is, by the system's name of the user.
    pub user: Option<String>,
    /// When it began.
    pub started_at: Option<Millis>,
    /// Its parents, the nearest first: number and command.
    pub parents: Vec<(u32, String)>,
    /// Whose it is.
    pub owner: Option<Owner>,
    /// Whether its session has ended too long ago.
    pub is_zombie: bool,
    /// Whether it is an inference server's: several sessions may use that.
    pub is_shared: bool,
    /// What the card has cost today while this process' session had it.
    pub burnt: Option<Money>,
}

/// An inference server, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServerView {
    /// What it is called: the name in the settings, or its port.
    pub name: String,
    /// Its address.
    pub url: String,
    /// The last look at it.
    pub reading: ServerReading,
    /// Whether that is too old.
    pub is_stale: bool,
    /// The cards that it runs on, by their ids.
    pub cards: Vec<String>,
    /// What an hour of those costs; nothing where a price, or which cards they are, is not known.
    pub per_hour: Option<Money>,
    /// What it has done in the last minutes.
    pub now: Worth,
    /// What it has done in the last hour.
    pub hour: Worth,
    /// Since when it is at work and gets nowhere.
    pub stuck_since: Option<Millis>,
}

impl GpuPicture {
    /// The whole cards: not their instances.
    pub fn whole(&self) -> impl Iterator<Item = &CardView> {
        self.cards.iter().filter(|card| card.reading.slice.is_none())
    }

    /// That there is no card, in a sentence.
    #[must_use]
    pub fn no_card(&self) -> &'static str {
        if self.sources.iter().any(|source| source.is_remote) {
            "No GPU was found, on this machine or on those that are asked."
        } else {
            "No GPU was found on this machine, and none is asked for elsewhere."
        }
    }

    /// The card of this id.
    #[must_use]
    pub fn card(&self, id: &str) -> Option<&CardView> {
        self.cards.iter().find(|card| card.reading.id == id)
    }

    /// How much the cards are used on average, of those of which that is known.
    #[must_use]
    pub fn used(&self) -> Option<Permille> {
        let known: Vec<u32> = self.whole().filter(|card| !card.is_stale).filter_map(|card| card.reading.used).map(u32::from).collect();
        let count = u32::try_from(known.len()).ok().filter(|count| *count > 0)?;
        Permille::try_from(known.iter().sum::<u32>() / count).ok()
    }

    /// What all cards with a price cost an hour, and how many have none.
    #[must_use]
    pub fn per_hour(&self) -> (Option<Money>, usize) {
        let priced = self.whole().filter_map(|card| card.price.as_ref()).map(|price| price.per_hour);
        (priced.reduce(|a, b| a + b), self.whole().filter(|card| card.price.is_none()).count())
    }

    /// What idleness has cost today, of cards with a price.
    #[must_use]
    pub fn idle_today(&self) -> Option<Money> {
        let known: Vec<Money> = self.whole().filter_map(|card| card.today.idle_cost).collect();
        (!known.is_empty()).then(|| known.into_iter().sum())
    }

    /// What cards have cost today, of those with a price.
    #[must_use]
    pub fn cost_today(&self) -> Option<Money> {
        let known: Vec<Money> = self.whole().filter_map(|card| card.today.cost).collect();
        (!known.is_empty()).then(|| known.into_iter().sum())
    }

    /// How many cards are in a state.
    #[must_use]
    pub fn count(&self, state: State) -> usize {
        self.whole().filter(|card| card.state == state).count()
    }

    /// Whether there is anything to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cards.is_empty() && self.servers.is_empty()
    }
}

/// The newest picture.
pub type Pictures = tokio::sync::watch::Receiver<Arc<GpuPicture>>;
