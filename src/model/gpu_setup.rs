//! What a person has set about GPUs: from when on a card is idle and that is told, and which machines are asked.

use super::Money;
use super::gateway::KeySource;
use super::gpu::Permille;
use super::time::{HOUR, MINUTE, Millis};

/// From when on a card is what, and from when on that is told. A threshold that is `None` is off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuSetup {
    /// Whether cards are looked at at all.
    pub watch: bool,
    /// Used so much, a card works.
    pub busy: Permille,
    /// So long it must be quiet before it is idle.
    pub quiet: Millis,
    /// Used less than this over a day, it is told.
    pub target: Option<Permille>,
    /// Idle for so long, and for so much money, it is told.
    pub idle: Option<Millis>,
    /// See [`GpuSetup::idle`].
    pub idle_cost: Money,
    /// Idle with its memory held for so long, it is told.
    pub reserved: Option<Millis>,
    /// At work and getting nowhere for so long, it is stalled.
    pub stalled: Option<Millis>,
    /// A process whose session ended so long ago, it is told.
    pub zombie: Option<Millis>,
    /// A process so old, it is told.
    pub ttl: Option<Millis>,
    /// A server's cache so full, it is told.
    pub kv: Option<Permille>,
    /// A card so hot, it is told.
    pub hot: Option<i32>,
    /// What a kilowatt-hour costs.
    pub kwh: Option<Money>,
}

impl Default for GpuSetup {
    fn default() -> GpuSetup {
        GpuSetup {
            watch: true,
            busy: 50,
            quiet: MINUTE,
            target: Some(600),
            idle: Some(15 * MINUTE),
            idle_cost: Money::from_nanos(1_000_000_000),
            reserved: Some(30 * MINUTE),
            stalled: Some(5 * MINUTE),
            zombie: Some(10 * MINUTE),
            ttl: None,
            kv: Some(950),
            hot: Some(87),
            kwh: None,
        }
    }
}

impl GpuSetup {
    /// Lengths in hours as they are set.
    #[must_use]
    pub const fn hours(hours: i64) -> Millis {
        hours * HOUR
    }
}

/// A machine, or a server, that is asked over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuHost {
    /// What the person calls it.
    pub name: String,
    /// Its address.
    pub url: String,
    /// The cards that a server there runs on, by their ids or names; nothing where it says so itself.
    pub gpus: Vec<String>,
    /// Where its key comes from, if it wants one.
    pub key: Option<KeySource>,
}

impl GpuHost {
    /// A port of this machine on which a process listens that holds one of its cards; no name in the settings begins so.
    #[must_use]
    pub fn found(port: u16) -> GpuHost {
        GpuHost { name: format!(":{port}"), url: format!("http://127.0.0.1:{port}"), gpus: Vec::new(), key: None }
    }

    /// Whether it was found, and not named by anybody.
    #[must_use]
    pub fn is_found(&self) -> bool {
        is_found(&self.name)
    }
}

/// Whether a host of this name was found, and not named by anybody.
#[must_use]
pub fn is_found(name: &str) -> bool {
    name.starts_with(':')
}
