//! Cards, out of what an exporter has said: a line of it is one figure, and its labels say of which card.
//!
//! The labels are not the same on every line: one has the UUID and the next one only the number. Lines that can be told to
//! speak of the same card are put together here, for every exporter in the same way.

use std::collections::HashMap;

use super::exposition::{Exposition, Sample};
use super::number;
use super::prometheus::own;
use crate::model::gpu::{GpuReading, Slice, Throttle, plain_pci, plain_uuid};

/// Cards, and instances of them, that one page may speak of.
const MOST_CARDS: usize = 4096;
/// What is kept of the labels that say who has a card.
const MOST_LABELS: usize = 16;
/// Labels that say who has a card: those of Kubernetes, and those of schedulers of jobs.
const OWNERS: [&str; 7] = ["namespace", "pod", "container", "hpc_job", "job_id", "job_user", "job_partition"];
/// What all-smi's `src/device/readers/apple_silicon.rs` calls the graphics of every Mac.
const OF_EVERY_MAC: &str = "applesilicongpu";

/// Of what a line speaks, as far as its labels say.
#[derive(Debug, Clone, Copy, Default)]
pub struct Who<'a> {
    /// The card's UUID.
    pub uuid: Option<&'a str>,
    /// Its PCI address.
    pub pci: Option<&'a str>,
    /// The machine.
    pub host: Option<&'a str>,
    /// The card's number there.
    pub index: Option<&'a str>,
    /// Its name.
    pub name: Option<&'a str>,
    /// Which of its instances, where it is one.
    pub instance: Option<&'a str>,
    /// The name of the instance's size.
    pub profile: Option<&'a str>,
}

impl<'a> Who<'a> {
    /// What one line has said, and another one besides.
    fn and(self, other: Who<'a>) -> Who<'a> {
        Who {
            uuid: self.uuid.or(other.uuid),
            pci: self.pci.or(other.pci),
            host: self.host.or(other.host),
            index: self.index.or(other.index),
            name: self.name.or(other.name),
            instance: self.instance.or(other.instance),
            profile: self.profile.or(other.profile),
        }
    }

    /// The id of the whole card.
    fn card(&self) -> String {
        let own = match (self.uuid, self.pci) {
            (Some(uuid), _) => plain_uuid(uuid),
            (None, Some(pci)) => plain_pci(pci),
            (None, None) => self.index.unwrap_or_default().to_owned(),
        };
        match self.host {
            Some(host) if self.uuid.is_none() || own == OF_EVERY_MAC => format!("{host}/{own}"),
            _ => own,
        }
    }

    /// The instance, as a part of its card.
    fn slice(&self) -> Option<Slice> {
        self.instance?;
        let profile = self.profile.unwrap_or_default();
        Some(Slice { parent: self.card(), profile: profile.to_owned(), of: compute_slices(profile, self.name.unwrap_or_default()) })
    }
}

/// What a card is found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Key<'a> {
    Uuid(&'a str),
    Pci(Option<&'a str>, &'a str),
    Place(Option<&'a str>, &'a str),
    Instance(usize, &'a str),
}

/// A card or an instance of one, and the lines that speak of it.
#[derive(Debug)]
pub struct Card<'a> {
    who: Who<'a>,
    samples: Vec<&'a Sample>,
}

impl<'a> Card<'a> {
    /// Whether it is an instance, and not the whole card.
    #[must_use]
    pub fn is_instance(&self) -> bool {
        self.who.instance.is_some()
    }

    /// Its name, where a line has said it.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.who.name.unwrap_or_default()
    }

    /// The lines of a name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &'a Sample> {
        self.samples.iter().copied().filter(move |sample| sample.name == name)
    }

    /// The figure of a name: the first one that is a number.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.all(name).map(|sample| sample.value).find(|value| value.is_finite())
    }

    /// Who has it, as lines of it say that are its alone.
    #[must_use]
    pub fn owners(&self, is_its: impl Fn(&Sample) -> bool) -> Vec<(String, String)> {
        let mut found = Vec::new();
        for sample in self.samples.iter().filter(|sample| is_its(sample)) {
            for (name, value) in owners(sample) {
                let is_new = !found.iter().any(|(key, known): &(String, String)| key == name && known == value);
                if is_new && found.len() < MOST_LABELS {
                    found.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        found
    }
}

/// The labels of a line that say who has the card.
fn owners(sample: &Sample) -> impl Iterator<Item = (&'static str, &str)> {
    // Prometheus adds the pod that it has scraped, and where nobody has the card, that is all there is: the exporter's own.
    let is_exporter = sample.label("exported_pod").is_none() && sample.label("pod").is_some_and(|pod| pod.contains("exporter"));
    let names = OWNERS.into_iter().filter(move |name| !is_exporter || !matches!(*name, "namespace" | "pod" | "container"));
    names.filter_map(|name| Some((name, own(sample, name)?)))
}

/// All cards that a page speaks of.
#[derive(Debug, Default)]
pub struct Cards<'a> {
    cards: Vec<Card<'a>>,
    known: HashMap<Key<'a>, usize>,
}

impl<'a> Cards<'a> {
    /// Puts the lines of some names together by what they speak of. Where `who` says nothing, a line is left out.
    pub fn of<'n>(
        said: &'a Exposition,
        names: impl IntoIterator<Item = &'n str>,
        who: impl Fn(&'a Sample) -> Option<Who<'a>>,
    ) -> Cards<'a> {
        let mut cards = Cards::default();
        for sample in names.into_iter().flat_map(|name| said.all(name)) {
            if let Some(card) = who(sample).and_then(|who| cards.card(who)) {
                card.samples.push(sample);
            }
        }
        cards
    }

    /// What there is to say of each card; a card of which nothing is known is left out.
    #[must_use]
    pub fn readings(&self, read: impl Fn(&Card<'a>) -> GpuReading) -> Vec<GpuReading> {
        self.cards
            .iter()
            .map(|card| (card, read(card)))
            .filter(|(_, reading)| is_known(reading))
            .map(|(card, reading)| named(card, reading))
            .collect()
    }

    fn card(&mut self, who: Who<'a>) -> Option<&mut Card<'a>> {
        let whole = self.whole(who)?;
        let at = match who.instance {
            Some(instance) => self.at(Key::Instance(whole, instance))?,
            None => whole,
        };
        let of = self.cards.get(whole)?.who;
        let card = self.cards.get_mut(at)?;
        if at != whole {
            card.who = card.who.and(who).and(of);
        }
        Some(card)
    }

    /// The whole card that a line speaks of, or of an instance of which.
    fn whole(&mut self, who: Who<'a>) -> Option<usize> {
        let uuid = who.uuid.map(Key::Uuid);
        let pci = who.pci.map(|pci| Key::Pci(who.host, pci));
        let place = who.index.map(|index| Key::Place(who.host, index));
        let keys = [uuid, pci, place];
        let found = keys.iter().flatten().find_map(|key| {
            let at = *self.known.get(key)?;
            // At one place there can have been two cards: another UUID is another card.
            let is_other = who.uuid.is_some() && self.cards.get(at)?.who.uuid.is_some_and(|uuid| who.uuid != Some(uuid));
            (!is_other).then_some(at)
        });
        let at = match found {
            Some(at) => at,
            None => self.add(*keys.iter().flatten().next()?)?,
        };
        for key in keys.into_iter().flatten() {
            self.known.entry(key).or_insert(at);
        }
        let card = self.cards.get_mut(at)?;
        card.who = card.who.and(Who { instance: None, profile: None, ..who });
        Some(at)
    }

    fn at(&mut self, key: Key<'a>) -> Option<usize> {
        if let Some(at) = self.known.get(&key) { Some(*at) } else { self.add(key) }
    }

    fn add(&mut self, key: Key<'a>) -> Option<usize> {
        let at = self.cards.len();
        (at < MOST_CARDS).then(|| {
            self.cards.push(Card { who: Who::default(), samples: Vec::new() });
            self.known.insert(key, at);
            at
        })
    }
}

/// Whether there is a figure.
fn is_known(reading: &GpuReading) -> bool {
    let GpuReading { used, sm, tensor, bandwidth, memory_used, memory_total, power, power_cap, energy, .. } = reading;
    let GpuReading { temperature, clock, throttle, driver_idle, ecc, xid, processes, .. } = reading;
    [used, sm, tensor, bandwidth].iter().any(|share| share.is_some())
        || [memory_used, memory_total, power, power_cap, energy, ecc, xid].iter().any(|count| count.is_some())
        || temperature.is_some()
        || clock.is_some()
        || throttle.is_some()
        || driver_idle.is_some()
        || processes.is_some()
}

/// A reading with the name of what it is a reading of.
fn named(card: &Card<'_>, reading: GpuReading) -> GpuReading {
    let who = &card.who;
    let whole = who.card();
    GpuReading {
        id: who.instance.map_or_else(|| whole.clone(), |instance| format!("{whole}/gi{instance}")),
        host: who.host.map(str::to_owned),
        index: who.index.and_then(|index| index.parse().ok()),
        name: card.name().to_owned(),
        pci: who.pci.map(plain_pci),
        slice: who.slice(),
        at: card.samples.iter().filter_map(|sample| sample.at).max(),
        ..reading
    }
}

/// Says of a card whose page does not name its machine that it is this one's: there can be another one of the same number, or at
/// the same address, elsewhere.
pub fn place(reading: &mut GpuReading, host: &str) {
    let is_there_once = |id: &str| id.bytes().any(|byte| !byte.is_ascii_digit()) && !id.contains(':') && id != OF_EVERY_MAC;
    if reading.host.is_none() && !is_there_once(reading.slice.as_ref().map_or(&reading.id, |slice| &slice.parent)) {
        reading.id = format!("{host}/{}", reading.id);
        if let Some(slice) = &mut reading.slice {
            slice.parent = format!("{host}/{}", slice.parent);
        }
    }
}

/// The share of a card that an instance of it has, by the name of its size: `3g.71gb` are three of seven slices. NVIDIA's
/// MIG user guide: an A30 has four.
fn compute_slices(profile: &str, card: &str) -> Option<(u16, u16)> {
    let all = if card.split([' ', '-']).any(|word| word == "A30") { 4 } else { 7 };
    let slices: u16 = profile.split('.').find_map(|part| part.strip_suffix('g')?.parse().ok())?;
    (1..=all).contains(&slices).then_some((slices, all))
}

/// The reasons for which a driver of NVIDIA keeps a card's clocks low, and whether one of them is that the card is idle: the
/// bits of `nvmlClocksEventReasons` in nvml.h.
#[must_use]
pub fn reasons(mask: f64) -> Option<(Throttle, bool)> {
    number::whole(mask).map(super::nvml::reasons::read)
}

/// Megahertz, of a figure of which one is so many of them.
#[must_use]
pub fn megahertz(value: f64, by: f64) -> Option<u32> {
    number::scaled(value, by).and_then(|clock| u32::try_from(clock).ok())
}
