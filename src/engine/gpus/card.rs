//! One card over time: its state, its meter, its last hour.

use std::collections::VecDeque;

use super::merge::Found;
use super::picture::CardView;
use super::{GpuSettings, TICK};
use crate::insight::gpu::meter::Scaled;
use crate::insight::gpu::{Look, Machine, Meter, Minute, Rules, Serving, State, Tick};
use crate::model::gpu::{GpuReading, Health, Permille};
use crate::model::time::MINUTE;
use crate::model::{Millis, Money};
use crate::pricing::gpu::{Asked, GpuPrice};
use crate::store::gpus::{CardSums, MinuteRow};

/// Minutes of use that are shown.
const HISTORY: usize = 60;
/// A local look that is older than this, and one of a host, say nothing of now.
const LOCAL_STALE: Millis = 3 * TICK + 1000;
pub(super) const HOST_STALE: Millis = 20_000;

/// A card that is watched.
#[derive(Debug, Default)]
pub(super) struct Card {
    machine: Machine,
    pub(super) meter: Meter,
    found: Option<Found>,
    /// Which counter of energy is read: another one with everybody else who speaks of the card.
    counter: u32,
    pub(super) price: Option<GpuPrice>,
    is_stale: bool,
    history: VecDeque<Option<Permille>>,
    /// The minute that is being averaged: its number, the sum and the count.
    minute: (i64, u64, u64),
    /// Its number in the store, once it has one.
    pub(super) id: Option<i64>,
    /// What the store says of today; what waits to be written is not in it.
    pub(super) written: CardSums,
    /// What it says of the last 24 hours.
    pub(super) day: CardSums,
    /// Since when it was idle before this process watched.
    before: Option<Millis>,
    /// What a kilowatt-hour costs, where that is paid besides: a rented card's is in its price.
    kwh: Option<Money>,
}

impl Card {
    /// Takes what was seen of it last.
    pub(super) fn see(&mut self, found: Found, settings: &GpuSettings) {
        let reading = &found.reading;
        let asked = Asked {
            id: &reading.id,
            name: &reading.name,
            host: reading.host.as_deref(),
            source: Some(found.source.as_str()).filter(|_| !found.is_local),
            slice: reading.slice.as_ref(),
        };
        self.price = settings.tariff.price(asked);
        self.kwh = settings.setup.kwh.filter(|_| self.price.as_ref().is_none_or(|price| price.is_owned));
        if self.found.as_ref().is_some_and(|before| !before.is_same_voice(&found)) {
            self.counter = self.counter.wrapping_add(1);
        }
        self.found = Some(found);
    }

    pub(super) fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }

    pub(super) fn per_hour(&self) -> Option<Money> {
        self.price.as_ref().map(|price| price.per_hour)
    }

    /// Somebody has watched before this process did.
    pub(super) fn resume(&mut self, idle_since: Option<Millis>) {
        self.before = idle_since;
    }

    /// A moment has passed. `parts` is what its instances do, together.
    pub(super) fn tick(&mut self, now: Millis, serving: Option<Serving>, parts: Option<State>, rules: &Rules) {
        let Some(found) = &self.found else { return };
        let reading = &found.reading;
        let age = now - found.at;
        self.is_stale = age > if found.is_local { LOCAL_STALE } else { HOST_STALE };
        let look = Look {
            at: now,
            health: Some(reading.health).filter(|_| !self.is_stale),
            used: reading.used,
            sm: reading.sm,
            driver_idle: reading.driver_idle,
            power: reading.power,
            power_cap: reading.power_cap,
            is_held: is_held(reading),
            serving,
            parts,
        };
        if self.meter.is_gap(now, TICK) {
            // Nobody knows what it did meanwhile: it is not idle since before.
            self.machine.look(&Look { at: now, ..Look::default() }, rules);
        }
        let state = self.machine.look(&look, rules);
        if let Some(before) = self.before.take() {
            self.machine.resume(before);
        }
        // An instance is a part of its card, which has the power and the figure of use; a sleeping or lost card has none.
        let is_known = state != State::Unknown && reading.health == Health::Well;
        let per_hour = self.per_hour().filter(|_| state != State::Asleep || !self.price.as_ref().is_some_and(|price| price.is_owned));
        self.meter.tick(
            Tick {
                at: now,
                state,
                pausing: self.machine.pausing_since().is_some(),
                used: reading.used.filter(|_| is_known),
                energy: reading.energy.filter(|_| is_known),
                counter: self.counter,
                power: reading.power.filter(|_| is_known),
                memory: reading.memory_used.filter(|_| is_known),
                per_hour,
                target: rules.target,
            },
            TICK,
        );
        self.remember(now, reading.used.or(reading.sm).filter(|_| is_known));
    }

    /// What it does as a part of its card, as far as that is known: a pause is none of work.
    pub(super) fn as_part(&self) -> Option<State> {
        match self.machine.state().0 {
            State::Busy if self.machine.pausing_since().is_some() => Some(State::Idle),
            state @ (State::Busy | State::Idle | State::Reserved | State::Stalled) => Some(state),
            State::Asleep | State::Lost | State::Unknown => None,
        }
    }

    fn remember(&mut self, now: Millis, used: Option<Permille>) {
        let number = now.div_euclid(MINUTE);
        if number != self.minute.0 {
            // A clock that was set back has no minutes that nobody looked at.
            let passed = usize::try_from(number - self.minute.0).unwrap_or(1).min(HISTORY);
            if self.minute.0 > 0 {
                self.history.push_back(self.average());
                self.history.extend(std::iter::repeat_n(None, passed - 1));
            }
            while self.history.len() > HISTORY {
                self.history.pop_front();
            }
            self.minute = (number, 0, 0);
        }
        if let Some(used) = used {
            self.minute.1 += u64::from(used);
            self.minute.2 += 1;
        }
    }

    fn average(&self) -> Option<Permille> {
        Permille::try_from(self.minute.1.checked_div(self.minute.2)?).ok()
    }

    /// A minute as it is written.
    pub(super) fn row(&self, at: i64, minute: &Minute) -> MinuteRow {
        row(at, minute, self.kwh)
    }

    /// The card as it is shown. `since` is the beginning of today.
    pub(super) fn view(&self, since: Millis, kwh: Option<Money>) -> Option<CardView> {
        let found = self.found.as_ref()?;
        let (state, state_since) = self.machine.state();
        let mut today = self.written.clone();
        let first = since.div_euclid(MINUTE);
        let last = self.written.last;
        self.meter
            .waiting()
            .filter(|(number, _)| *number >= first && *number > last)
            .for_each(|(number, minute)| add(&mut today, &self.row(number, minute)));
        let energy_cost = kwh.zip(today.energy).map(|(kwh, energy)| energy_cost(kwh, energy));
        let history = self.history.iter().copied().chain([self.average()]).collect();
        Some(CardView {
            reading: found.reading.clone(),
            source: found.source.clone(),
            seen_at: found.at,
            state,
            since: state_since,
            is_stale: self.is_stale,
            price: self.price.clone(),
            today,
            day: self.day.clone(),
            history,
            energy_cost,
            owner: None,
        })
    }
}

/// A minute as it is written.
fn row(at: i64, minute: &Minute, kwh: Option<Money>) -> MinuteRow {
    let [busy, idle, reserved, stalled, asleep, lost, _] = minute.states;
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let drawn = kwh.zip(minute.energy).map(|(kwh, energy)| energy_cost(kwh, signed(energy)));
    let (wasted, seen) = (idle + reserved + stalled, minute.seen().max(1));
    let sum = |a: Option<Money>, b: Option<Money>| [a, b].into_iter().flatten().reduce(|a, b| a + b);
    MinuteRow {
        at,
        states: [busy, idle, reserved, stalled, asleep, lost],
        used: (signed(minute.used.0), minute.used.1),
        used_most: minute.used_most,
        energy: minute.energy.map(signed),
        memory: minute.memory.map(signed),
        cost: sum(minute.cost.map(Scaled::money), drawn),
        // What had a price and nothing of it for nothing has cost nothing for nothing.
        idle_cost: sum(minute.cost.map(|_| minute.idle.map_or(Money::ZERO, Scaled::money)), drawn.map(|drawn| drawn.scale(wasted, seen))),
        underuse: minute.underuse.map(Scaled::money),
    }
}

/// What so many millijoules cost.
#[must_use]
pub(super) fn energy_cost(kwh: Money, millijoules: i64) -> Money {
    kwh.scale(millijoules, 3_600_000_000)
}

/// Adds a minute to sums.
fn add(sums: &mut CardSums, row: &MinuteRow) {
    for (sum, part) in sums.states.iter_mut().zip(row.states) {
        *sum += part;
    }
    sums.used.0 += row.used.0;
    sums.used.1 += row.used.1;
    sums.used_most = sums.used_most.max(row.used_most);
    let grow = |sum: &mut Option<Money>, part: Option<Money>| {
        if let Some(part) = part {
            *sum.get_or_insert_default() += part;
        }
    };
    grow(&mut sums.cost, row.cost);
    grow(&mut sums.idle_cost, row.idle_cost);
    grow(&mut sums.underuse, row.underuse);
    if let Some(energy) = row.energy {
        *sums.energy.get_or_insert_default() += energy;
    }
    if row.cost.is_none() {
        sums.unpriced += row.states.iter().sum::<Millis>();
    }
}

/// A card of whose processes nothing is known has this much of its memory in use when somebody holds it: what a driver keeps
/// for itself is less.
const HELD: u64 = 1 << 30;

/// Whether somebody holds a card's memory: a process with memory of it, or with an unknown amount.
fn is_held(reading: &GpuReading) -> bool {
    match &reading.processes {
        Some(processes) => processes.iter().any(|process| process.memory != Some(0) && !process.is_graphics),
        None => !reading.is_unified && reading.memory_used.is_some_and(|used| used > HELD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gpu::Via;

    #[test]
    fn what_two_count_of_one_card_is_not_energy_that_it_has_drawn() {
        // A counter of the driver's life, one of an exporter's, and both behind one Prometheus server.
        let said = |source: &str, exporter, energy| {
            let via = Some(Via { exporter, target: None });
            let reading = GpuReading { id: "aa".to_owned(), used: Some(900), energy: Some(energy), via, ..GpuReading::default() };
            Found { reading, source: source.to_owned(), at: 0, is_local: false }
        };
        let looks = [
            said("n1", "a", 100),
            said("n1", "a", 700),
            said("n1", "b", 9_000_000_000),
            said("n1", "b", 9_000_000_050),
            said("n2", "b", 12_000_000_000),
            said("n1", "a", 900),
            said("n1", "a", 905),
        ];
        let mut card = Card::default();
        for (at, found) in (1..).map(|n| n * TICK).zip(looks) {
            card.see(Found { at, ..found }, &GpuSettings::default());
            card.tick(at, None, None, &Rules::default());
        }
        assert_eq!(card.meter.waiting().filter_map(|(_, minute)| minute.energy).sum::<u64>(), 600 + 50 + 5);
    }
}
