//! What all probes of the system's files do alike: they find their cards, leave alone those that sleep, and say of the
//! others what a card of their kind says of itself.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use super::clients::{Clients, Process, Use};
use crate::gpus::sysfs::{self, Card, Glance, Rest};
use crate::gpus::{Ask, Places, ProbeError};
use crate::model::gpu::{GpuProcess, GpuReading, Health};

/// The cards of one kind; `S` is what is remembered of each between two looks.
pub struct Watch<S> {
    sys: PathBuf,
    proc: PathBuf,
    is_mine: fn(&Card) -> bool,
    absent: &'static str,
    clients: Clients,
    seats: Vec<Seat<S>>,
}

struct Seat<S> {
    card: Card,
    rest: Rest,
    last: Option<GpuReading>,
    state: S,
}

/// One look at one card.
pub struct Turn<'a> {
    /// What is asked.
    pub ask: Ask,
    /// When.
    pub now: Instant,
    /// Whether to look at what hardly ever changes: that is asked, or was never looked at.
    pub slow: bool,
    /// How its clients used it when they were looked at last.
    pub users: Option<&'a Use>,
}

impl<S: Default> Watch<S> {
    /// The cards of these places that are of the kind; where there are none, `absent` says so.
    pub fn open(places: &Places, is_mine: fn(&Card) -> bool, absent: &'static str) -> Result<Self, ProbeError> {
        let (sys, proc, clients) = (places.sys.clone(), places.proc.clone(), Clients::new(&places.proc));
        let mut watch = Self { sys, proc, is_mine, absent, clients, seats: Vec::new() };
        watch.find()?;
        Ok(watch)
    }

    /// Looks at each card that may be looked at. `look` is given a reading that says what the card is, and what was said of it
    /// the last time and hardly ever changes.
    pub fn poll(
        &mut self,
        ask: Ask,
        now: Instant,
        mut look: impl FnMut(&Card, &mut S, &mut GpuReading, &Turn<'_>),
    ) -> Result<Vec<GpuReading>, ProbeError> {
        if ask.slow {
            self.find()?;
        }
        let glances: Vec<Glance> = self.seats.iter_mut().map(|seat| seat.glance(ask, now)).collect();
        if ask.processes {
            let awake = self.seats.iter().zip(&glances).filter(|(_, glance)| **glance == Glance::Awake);
            let cards: Vec<&Card> = awake.map(|(seat, _)| &seat.card).collect();
            if !cards.is_empty() {
                self.clients.look(&cards, now);
            }
        }
        let mut readings = Vec::with_capacity(self.seats.len());
        for (index, (seat, glance)) in self.seats.iter_mut().zip(glances).enumerate() {
            let key = seat.card.key();
            let mut reading = seat.begin(index);
            match (glance, &seat.last) {
                (Glance::Rests, Some(last)) => reading = last.clone(),
                (Glance::Asleep, _) => {
                    let GpuReading { id, index, vendor, name, pci, is_unified, .. } = reading;
                    reading = GpuReading { id, index, vendor, name, pci, is_unified, health: Health::Asleep, ..GpuReading::default() };
                    seat.state = S::default();
                    self.clients.forget(&key);
                }
                (_, last) => {
                    let is_fresh = last.as_ref().is_none_or(|last| last.health != Health::Well);
                    if ask.processes {
                        reading.hidden = self.clients.hidden();
                    }
                    let turn = Turn { ask, now, slow: ask.slow || is_fresh, users: self.clients.of(&key) };
                    look(&seat.card, &mut seat.state, &mut reading, &turn);
                    seat.rest.looked(reading.used, now);
                }
            }
            seat.last = Some(reading.clone());
            readings.push(reading);
        }
        Ok(readings)
    }

    /// The drivers and how many cards they have, for `doctor`.
    #[must_use]
    pub fn about(&self) -> String {
        let drivers: BTreeSet<&str> = self.seats.iter().map(|seat| seat.card.driver.as_str()).collect();
        let drivers = drivers.into_iter().collect::<Vec<_>>().join(", ");
        let kernel =
            sysfs::word(&self.proc.join("sys/kernel/osrelease")).map_or_else(String::new, |release| format!(" of Linux {release}"));
        let cards = if self.seats.len() == 1 { "1 card".to_owned() } else { format!("{} cards", self.seats.len()) };
        format!("{drivers}{kernel}: {cards}")
    }

    /// Finds the cards anew: one may have been plugged in or pulled out.
    fn find(&mut self) -> Result<(), ProbeError> {
        let mut known = std::mem::take(&mut self.seats);
        for card in sysfs::cards(&self.sys).into_iter().filter(self.is_mine) {
            let seat = match known.iter().position(|seat| seat.card.key() == card.key()) {
                Some(at) => Seat { card, ..known.swap_remove(at) },
                None => Seat { card, rest: Rest::default(), last: None, state: S::default() },
            };
            self.seats.push(seat);
        }
        for gone in known {
            self.clients.forget(&gone.card.key());
        }
        if self.seats.is_empty() { Err(ProbeError::Absent(self.absent.to_owned())) } else { Ok(()) }
    }
}

impl<S> Seat<S> {
    fn glance(&mut self, ask: Ask, now: Instant) -> Glance {
        let glance = self.rest.glance(&self.card.device(), now);
        // Who uses it was never asked before: that answer is worth a look.
        let is_new = ask.processes && self.last.as_ref().is_none_or(|last| last.processes.is_none());
        if glance == Glance::Rests && is_new { Glance::Awake } else { glance }
    }

    /// A reading that says what the card is, and what was said the last time of things that are not looked at each time.
    fn begin(&self, index: usize) -> GpuReading {
        let plain = GpuReading {
            id: self.card.key(),
            vendor: self.card.vendor(),
            name: self.card.driver.clone(),
            pci: self.card.pci.clone(),
            index: u32::try_from(index).ok(),
            ..GpuReading::default()
        };
        let Some(last) = &self.last else { return plain };
        GpuReading {
            id: last.id.clone(),
            name: last.name.clone(),
            is_unified: last.is_unified,
            power_cap: last.power_cap,
            ecc: last.ecc,
            processes: last.processes.clone(),
            hidden: last.hidden,
            ..plain
        }
    }
}

/// The processes of a card as a reading has them; `memory` says which of its memories count.
#[must_use]
pub fn processes(users: &Use, memory: fn(&Process) -> Option<u64>) -> Vec<GpuProcess> {
    let plain = |user: &Process| GpuProcess { pid: user.pid, memory: memory(user), used: user.used, is_graphics: user.draws, name: None };
    users.processes.iter().map(plain).collect()
}

/// What some processes hold together; nothing where that is known of none.
#[must_use]
pub fn held(processes: &[GpuProcess]) -> Option<u64> {
    processes.iter().filter_map(|process| process.memory).reduce(u64::saturating_add)
}
