//! How long a card was in which state, minute by minute, and what that cost.
//!
//! A time that nobody looked at is no time of any state: it costs nothing, and is missing from the minute. A pause whose end
//! is not known yet is held back until it is, so a minute is complete only a while after it is over.

use std::collections::BTreeMap;

use super::State;
use crate::model::gpu::Permille;
use crate::model::time::MINUTE;
use crate::model::{Millis, Money};

/// Nano-dollars times milliseconds an hour: the unit in which money is added up.
const PER_HOUR: i128 = 3_600_000;
/// A gap of more than so many times the usual time between two looks is a time that nobody looked at.
const GAP: Millis = 3;
/// Minutes that wait to be written; more are of a store that cannot be written, and the oldest are let go.
const MOST: usize = 24 * 60;

/// What a minute of a card was.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Minute {
    /// Milliseconds in each state, in the order of [`State::ALL`].
    pub states: [Millis; 7],
    /// Use times milliseconds, and the milliseconds that it is known of.
    pub used: (u64, Millis),
    /// The most that it was used.
    pub used_most: Option<Permille>,
    /// Millijoules.
    pub energy: Option<u64>,
    /// The most memory in use, in bytes.
    pub memory: Option<u64>,
    /// What it cost; nothing where no price is known.
    pub cost: Option<Scaled>,
    /// The part of it that was for nothing.
    pub idle: Option<Scaled>,
    /// What more use would have been had for the same money, up to the target: never a part of [`Minute::idle`].
    pub underuse: Option<Scaled>,
}

/// Money in nano-dollars × milliseconds an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Scaled(i128);

impl Scaled {
    /// What so long at this price costs.
    #[must_use]
    pub fn of(per_hour: Money, millis: Millis) -> Scaled {
        Scaled(i128::from(per_hour.nanos()) * i128::from(millis))
    }

    /// As money, rounded down.
    #[must_use]
    pub fn money(self) -> Money {
        let nanos = self.0 / PER_HOUR;
        Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
    }
}

impl std::ops::AddAssign for Scaled {
    fn add_assign(&mut self, other: Scaled) {
        self.0 = self.0.saturating_add(other.0);
    }
}

impl Minute {
    /// Milliseconds that somebody looked at.
    #[must_use]
    pub fn seen(&self) -> Millis {
        self.states.iter().sum()
    }

    fn add_state(&mut self, state: State, millis: Millis) {
        if let Some(slot) = State::ALL.iter().position(|known| *known == state).and_then(|at| self.states.get_mut(at)) {
            *slot += millis;
        }
    }

    fn add_idle(&mut self, scaled: Option<Scaled>) {
        if let Some(scaled) = scaled {
            *self.idle.get_or_insert_default() += scaled;
        }
    }
}

/// What a look has said, as far as it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tick {
    /// When.
    pub at: Millis,
    /// What the card does.
    pub state: State,
    /// Since when it is quiet, while that may still be a pause.
    pub pausing: bool,
    /// How much it is used.
    pub used: Option<Permille>,
    /// Millijoules since some beginning.
    pub energy: Option<u64>,
    /// Which counter says so: what two of them say has nothing to do with each other.
    pub counter: u32,
    /// Milliwatts.
    pub power: Option<u64>,
    /// Bytes of memory in use.
    pub memory: Option<u64>,
    /// The price of an hour.
    pub per_hour: Option<Money>,
    /// Used less than this, it is too large.
    pub target: Permille,
}

/// A time that may have been a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pause {
    minute: i64,
    millis: Millis,
    cost: Option<Scaled>,
}

/// A card's meter.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    last: Option<Tick>,
    minutes: BTreeMap<i64, Minute>,
    pauses: Vec<Pause>,
}

impl Meter {
    /// Whether nobody has looked for too long, or the clock was set.
    #[must_use]
    pub fn is_gap(&self, at: Millis, every: Millis) -> bool {
        self.last.is_some_and(|last| !(1..=GAP * every).contains(&(at - last.at)))
    }

    /// Takes a look; `every` is the usual time between two.
    pub fn tick(&mut self, tick: Tick, every: Millis) {
        let is_gap = self.is_gap(tick.at, every);
        let Some(last) = self.last.replace(tick) else { return };
        let passed = tick.at - last.at;
        if is_gap || tick.state == State::Unknown {
            // What is not known is not idle either: a pause that nobody saw the end of was one.
            self.settle(State::Busy);
            return;
        }
        if !tick.pausing {
            let was_idle = tick.state == State::Idle || tick.state == State::Reserved;
            self.settle(if was_idle { tick.state } else { State::Busy });
        }
        let energy = energy(&last, &tick, passed);
        let mut from = last.at;
        while from < tick.at {
            let minute = from.div_euclid(MINUTE);
            let to = ((minute + 1) * MINUTE).min(tick.at);
            self.add(minute, to - from, &tick, energy.map(|all| share(all, to - from, passed)));
            from = to;
        }
        while self.minutes.len() > MOST {
            self.minutes.pop_first();
        }
    }

    fn add(&mut self, number: i64, millis: Millis, tick: &Tick, energy: Option<u64>) {
        let minute = self.minutes.entry(number).or_default();
        let cost = tick.per_hour.map(|price| Scaled::of(price, millis));
        if let Some(cost) = cost {
            *minute.cost.get_or_insert_default() += cost;
        }
        if tick.pausing {
            self.pauses.push(Pause { minute: number, millis, cost });
        } else {
            minute.add_state(tick.state, millis);
            if tick.state.is_waste() {
                minute.add_idle(cost);
            }
        }
        if let Some(used) = tick.used {
            minute.used.0 += u64::from(used) * millis.unsigned_abs();
            minute.used.1 += millis;
            minute.used_most = minute.used_most.max(Some(used));
            if let Some(price) = tick.per_hour.filter(|_| tick.target > 0) {
                let missing = i64::from(tick.target.saturating_sub(used));
                *minute.underuse.get_or_insert_default() += Scaled::of(price.scale(missing, i64::from(tick.target)), millis);
            }
        }
        if let Some(energy) = energy {
            *minute.energy.get_or_insert_default() += energy;
        }
        minute.memory = minute.memory.max(tick.memory);
    }

    /// It is known now what the pauses were.
    fn settle(&mut self, state: State) {
        for pause in self.pauses.drain(..) {
            let Some(minute) = self.minutes.get_mut(&pause.minute) else { continue };
            minute.add_state(state, pause.millis);
            if state.is_waste() {
                minute.add_idle(pause.cost);
            }
        }
    }

    /// Everything that has not been taken yet: minutes by their number since 1970, pauses left out.
    pub fn waiting(&self) -> impl Iterator<Item = (i64, &Minute)> {
        self.minutes.iter().map(|(number, minute)| (*number, minute))
    }

    /// The minutes that are over and complete; each is given once.
    pub fn take(&mut self, now: Millis) -> Vec<(i64, Minute)> {
        let open = self.pauses.first().map_or(i64::MAX, |pause| pause.minute).min(now.div_euclid(MINUTE));
        let later = self.minutes.split_off(&open);
        std::mem::replace(&mut self.minutes, later).into_iter().collect()
    }

    /// Everything, complete or not: the end.
    pub fn end(&mut self) -> Vec<(i64, Minute)> {
        self.settle(State::Busy);
        std::mem::take(&mut self.minutes).into_iter().collect()
    }
}

/// Millijoules between two looks: by one and the same counter where there is one that did not begin anew, else by its power.
fn energy(last: &Tick, tick: &Tick, passed: Millis) -> Option<u64> {
    let both = last.energy.zip(tick.energy).filter(|_| last.counter == tick.counter);
    let counted = both.and_then(|(before, now)| now.checked_sub(before));
    let drawn = || {
        let (before, now) = last.power.zip(tick.power)?;
        Some(before.midpoint(now) * passed.unsigned_abs() / 1000)
    };
    counted.or_else(drawn)
}

fn share(all: u64, part: Millis, of: Millis) -> u64 {
    let (part, of) = (u128::from(part.unsigned_abs()), u128::from(of.unsigned_abs().max(1)));
    u64::try_from(u128::from(all) * part / of).unwrap_or(u64::MAX)
}
