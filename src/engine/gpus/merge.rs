//! One list of cards from several sources: a card that two of them see is one card.

use std::collections::BTreeMap;

use super::{Seen, Sight};
use crate::model::Millis;
use crate::model::gpu::GpuReading;

/// A card, who has seen it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub reading: GpuReading,
    pub source: String,
    pub at: Millis,
    pub is_local: bool,
}

/// All cards of all sources, each once: what this machine itself says goes before what others say of it, and of two hosts
/// that speak of the same card the one that speaks later.
pub(super) fn cards<'a>(seen: impl Iterator<Item = (&'a Seen, &'a Sight)>) -> Vec<Found> {
    let mut all: Vec<Found> = Vec::new();
    for (seen, sight) in seen {
        for reading in &sight.cards {
            let at = reading.at.unwrap_or(seen.at).min(seen.at);
            all.push(Found { reading: reading.clone(), source: seen.source.clone(), at, is_local: seen.is_local });
        }
    }
    all.sort_by(|a, b| b.is_local.cmp(&a.is_local).then(b.at.cmp(&a.at)).then(a.source.cmp(&b.source)));
    let mut kept: BTreeMap<String, Found> = BTreeMap::new();
    let mut addresses: Vec<(Option<String>, String)> = Vec::new();
    for found in all {
        let reading = &found.reading;
        let place = reading.pci.clone().filter(|_| reading.slice.is_none()).map(|pci| (reading.host.clone(), pci));
        let is_known = kept.contains_key(&reading.id) || place.as_ref().is_some_and(|place| addresses.contains(place));
        if is_known {
            continue;
        }
        addresses.extend(place);
        kept.insert(reading.id.clone(), found);
    }
    let mut out: Vec<Found> = kept.into_values().collect();
    out.sort_by(|a, b| order(&a.reading).cmp(&order(&b.reading)));
    out
}

/// This machine first, then hosts by name; an instance behind its card.
fn order(reading: &GpuReading) -> (bool, Option<&str>, u32, &str, bool, &str) {
    let whole = reading.slice.as_ref().map_or(reading.id.as_str(), |slice| slice.parent.as_str());
    let index = reading.index.unwrap_or(u32::MAX);
    (reading.host.is_some(), reading.host.as_deref(), index, whole, reading.slice.is_some(), &reading.id)
}

#[cfg(test)]
mod tests {
    use super::super::Trouble;
    use super::*;
    use std::time::Duration;

    fn seen(source: &str, is_local: bool, at: Millis, cards: Vec<GpuReading>) -> Seen {
        let what: Result<Sight, Trouble> = Ok(Sight { cards, ..Sight::default() });
        Seen { source: source.to_owned(), is_local, about: String::new(), at, took: Duration::ZERO, what }
    }

    fn card(id: &str, host: Option<&str>, pci: Option<&str>) -> GpuReading {
        GpuReading { id: id.to_owned(), host: host.map(str::to_owned), pci: pci.map(str::to_owned), ..GpuReading::default() }
    }

    #[test]
    fn a_card_that_is_seen_twice_is_one_and_the_machine_itself_knows_it_best() {
        let local = seen("nvml", true, 5, vec![card("aa", None, Some("0000:83:00.0"))]);
        let exporter = seen("n1", false, 9, vec![card("aa", Some("n1"), None), card("bb", Some("n1"), None)]);
        let found = cards([&local, &exporter].into_iter().map(|seen| (seen, seen.what.as_ref().unwrap())));
        let names: Vec<(&str, &str)> = found.iter().map(|f| (f.reading.id.as_str(), f.source.as_str())).collect();
        assert_eq!(names, [("aa", "nvml"), ("bb", "n1")]);
    }

    #[test]
    fn a_card_without_a_uuid_is_the_one_at_its_address() {
        let nvml = seen("nvml", true, 5, vec![card("aa", None, Some("0000:83:00.0"))]);
        let drm = seen("drm", true, 6, vec![card("0000:83:00.0", None, Some("0000:83:00.0"))]);
        let found = cards([&nvml, &drm].into_iter().map(|seen| (seen, seen.what.as_ref().unwrap())));
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn of_two_hosts_that_speak_of_one_card_the_later_one_is_heard() {
        let (old, new) = (seen("a", false, 5, vec![card("aa", Some("n1"), None)]), seen("b", false, 8, vec![card("aa", Some("n1"), None)]));
        let found = cards([&old, &new].into_iter().map(|seen| (seen, seen.what.as_ref().unwrap())));
        assert_eq!(found.iter().map(|f| f.source.as_str()).collect::<Vec<_>>(), ["b"]);
    }
}
