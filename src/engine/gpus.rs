//! GPUs, watched: what they do, who holds them, what that costs.
//!
//! ```text
//!  probes  ── a thread each: a driver may take as long as it likes ──┐
//!  hosts   ── one thread, a request each, all of them bounded ───────┤ what was seen
//!  /proc   ── whose processes those are ─────────────────────────────┘      │
//!                                                                         keeper ── states, money ──► store
//!                                                                           └──► the picture ──► screen, alerts
//! ```
//!
//! Nobody waits for anybody: the keeper works with what was seen last, and what was seen too long ago is "stale".

pub mod alerts;
mod card;
mod hosts;
mod keeper;
mod ledger;
mod local;
mod merge;
mod owner;
pub mod picture;
mod ports;
mod server;
mod sources;
mod users;
pub mod words;

pub use keeper::{Keeper, Setup};
pub use local::places;
pub use owner::{Clue, clues};
pub use picture::{CardView, GpuPicture, Owner, ProcessView, ServerView, SourceState, SourceView};

use std::time::Duration;

use crate::insight::gpu::Rules;
use crate::model::Millis;
use crate::model::gpu_setup::{GpuHost, GpuSetup};
use crate::pricing::gpu::Tariff;

/// How often cards are looked at.
pub const EVERY: Duration = Duration::from_secs(2);
/// The same in milliseconds.
const TICK: Millis = 2000;

/// What is set about GPUs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GpuSettings {
    /// What is watched, and from when on it is told.
    pub setup: GpuSetup,
    /// What an hour costs.
    pub tariff: Tariff,
    /// Machines that are asked.
    pub hosts: Vec<GpuHost>,
}

impl GpuSettings {
    /// From when on a card is what.
    #[must_use]
    pub fn rules(&self) -> Rules {
        rules(&self.setup)
    }
}

/// What the keeper is told.
#[derive(Debug)]
enum News {
    /// A source has looked.
    Seen(Box<Seen>),
    /// The end.
    Stop,
}

/// From when on a card is what, as it is set.
fn rules(setup: &GpuSetup) -> Rules {
    let base = Rules::default();
    let stalled = setup.stalled.unwrap_or(Millis::MAX / 4);
    let target = setup.target.unwrap_or(0);
    // What counts at the end only is waited for at least as long as what counts all the time.
    Rules { busy: setup.busy, quiet: setup.quiet, stalled, stalled_at_end: base.stalled_at_end.max(stalled), target, ..base }
}

/// What one source has seen.
#[derive(Debug, Clone)]
struct Seen {
    /// Which source: a probe's name, or the name of a host.
    source: String,
    /// Whether it is a probe of this machine.
    is_local: bool,
    /// What it is, in words.
    about: String,
    /// When.
    at: Millis,
    /// How long looking took.
    took: Duration,
    /// What was seen, or why nothing could be.
    what: Result<Sight, Trouble>,
}

/// What was seen.
#[derive(Debug, Clone, Default)]
struct Sight {
    cards: Vec<crate::model::gpu::GpuReading>,
    /// Servers; with each its place, `host:port`, where somebody else speaks of it.
    servers: Vec<(Option<String>, crate::model::gpu::ServerReading)>,
    /// The address, of what was asked over the network.
    url: Option<String>,
    /// The cards that a server there runs on, as the settings say.
    gpus: Vec<String>,
}

/// Why nothing was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    /// There is nothing to see.
    Absent(String),
    /// There is something, and it could not be looked at.
    Broken(String),
}
