//! How much of the time between two looks the engines of a card worked for one client.
//!
//! The rules are those of the kernel documentation (gpu/drm-usage-stats.rst): busy nanoseconds over the time that has gone
//! by, or busy cycles over all cycles, for each engine of the kind; and a value that steps back is no news: the larger one
//! holds until it is reached again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::fdinfo::{Engine, named};
use crate::model::gpu::Permille;

/// Two looks that are closer together are one: drivers round.
const SHORTEST: Duration = Duration::from_millis(50);
/// All of the time, in the unit of shares: small, since many clients of little use are added up.
const WHOLE: u64 = 1_000_000;

/// A share of time, as the house has it; no more than all of it, since clients are not read at the same moment.
#[must_use]
pub(super) fn permille(share: u64) -> Permille {
    let rounded = share.saturating_add(500) / 1000;
    Permille::try_from(rounded.min(1000)).unwrap_or(1000)
}

/// The engines of a card, as one client sees them.
#[derive(Debug, Clone)]
pub(super) struct Meters {
    at: Instant,
    /// Whether there was a look before that one.
    runs: bool,
    engines: BTreeMap<String, Engine>,
    shares: BTreeMap<String, u64>,
}

impl Meters {
    /// Of a client that was not known before.
    #[must_use]
    pub(super) fn new(now: Instant) -> Self {
        Self { at: now, runs: false, engines: BTreeMap::new(), shares: BTreeMap::new() }
    }

    /// The client was looked at.
    pub(super) fn read(&mut self, engines: &BTreeMap<String, Engine>, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        if !self.runs {
            self.engines.clone_from(engines);
        } else if passed < SHORTEST {
            return;
        } else {
            self.shares = engines.iter().filter_map(|(name, now)| Some((name.clone(), self.share(name, now, passed)?))).collect();
            self.keep(engines);
        }
        (self.at, self.runs) = (now, true);
    }

    /// How much of the time each engine worked for it, in millionths; no engine where that is not known.
    pub(super) fn shares(&self) -> impl Iterator<Item = (&str, u64)> {
        self.shares.iter().map(|(engine, share)| (engine.as_str(), *share))
    }

    fn share(&self, name: &str, now: &Engine, passed: Duration) -> Option<u64> {
        // amdgpu leaves out an engine until it has worked for the client.
        let before = self.engines.get(name).copied().unwrap_or(Engine { busy: Some(0), ..Engine::default() });
        let (work, time) = if let (Some(busy), Some(then)) = (now.busy, before.busy) {
            (busy.saturating_sub(then), passed.as_nanos())
        } else {
            let time = now.total?.checked_sub(before.total?)?;
            (now.cycles?.saturating_sub(before.cycles?), u128::from(time))
        };
        let time = time.checked_mul(u128::from(now.capacity.unwrap_or(1).max(1)))?;
        let share = u128::from(work) * u128::from(WHOLE);
        share.checked_div(time).map(|share| u64::try_from(share).unwrap_or(WHOLE).min(WHOLE))
    }

    fn keep(&mut self, engines: &BTreeMap<String, Engine>) {
        for (name, now) in engines {
            let Some(kept) = named(&mut self.engines, name) else { continue };
            kept.busy = kept.busy.max(now.busy);
            kept.cycles = kept.cycles.max(now.cycles);
            // This one is a clock: it begins anew when the card wakes.
            kept.total = now.total;
        }
    }
}
