//! One list of cards from several sources: a card that two of them see is one card.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::card::HOST_STALE;
use super::{Seen, Sight};
use crate::model::Millis;
use crate::model::address::{host as host_of, is_loopback};
use crate::model::gpu::{GpuReading, Vendor, Via};

/// A card, who has seen it, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub reading: GpuReading,
    pub source: String,
    pub at: Millis,
    pub is_local: bool,
}

impl Found {
    /// Whether the same one speaks of the card.
    pub(super) fn is_same_voice(&self, other: &Found) -> bool {
        self.source == other.source && self.reading.via == other.reading.via
    }
}

/// A card that was seen, before it is known to be one that somebody else has seen as well.
struct Seeing {
    found: Found,
    /// Whether it is this machine's own, whoever has said so.
    is_here: bool,
    /// Whether the same one has spoken of it just before.
    is_kept: bool,
}

/// All cards of all sources, each once: what this machine itself says goes before what others say of it, then comes who has
/// spoken of the card `before`, as long as that is fresh, and then who speaks later. `hostname` is this machine's.
pub(super) fn cards<'a, 'b>(
    seen: impl Iterator<Item = (&'a Seen, &'a Sight)>,
    now: Millis,
    hostname: Option<&str>,
    before: impl Fn(&str) -> Option<&'b Found>,
) -> Vec<Found> {
    let mut all: Vec<Seeing> = Vec::new();
    for (seen, sight) in seen {
        for reading in &sight.cards {
            let at = reading.at.unwrap_or(seen.at).min(seen.at);
            let is_here = seen.is_local || is_here(sight, reading, hostname);
            let found = Found { reading: reading.clone(), source: seen.source.clone(), at, is_local: seen.is_local };
            let is_kept = now - at <= HOST_STALE && before(&reading.id).is_some_and(|before| before.is_same_voice(&found));
            all.push(Seeing { found, is_here, is_kept });
        }
    }
    let rank = |seeing: &Seeing| (!seeing.found.is_local, !seeing.is_kept, -seeing.found.at);
    all.sort_by(|a, b| rank(a).cmp(&rank(b)).then_with(|| voice(&a.found).cmp(&voice(&b.found))));
    let mut kept: BTreeMap<String, Seeing> = BTreeMap::new();
    let mut places: HashMap<String, Vec<String>> = HashMap::new();
    for seeing in all {
        let reading = &seeing.found.reading;
        let (id, place) = (reading.id.clone(), reading.pci.clone().filter(|_| reading.slice.is_none()));
        let there = place.as_ref().and_then(|pci| places.get(pci));
        let mut neighbours = there.into_iter().flatten().filter_map(|id| kept.get(id));
        if kept.contains_key(&id) || neighbours.any(|known| is_same_card(known, &seeing)) {
            continue;
        }
        if let Some(pci) = place {
            places.entry(pci).or_default().push(id.clone());
        }
        kept.insert(id, seeing);
    }
    let mut out: Vec<Found> = kept.into_values().map(|seeing| seeing.found).collect();
    out.extend(wholes(&out));
    out.sort_by(|a, b| order(&a.reading).cmp(&order(&b.reading)));
    out
}

fn voice(found: &Found) -> (&str, Option<&Via>) {
    (&found.source, found.reading.via.as_ref())
}

/// Whether what an exporter speaks of is this machine's: it runs here, or says this machine's name.
fn is_here(sight: &Sight, reading: &GpuReading, hostname: Option<&str>) -> bool {
    let is_loop = |place: &str| is_loopback(host_of(place));
    let target = reading.via.as_ref().and_then(|via| via.target.as_deref());
    let runs_here = sight.url.as_deref().is_some_and(is_loop) && target.is_none_or(|target| is_loop(&format!("http://{target}")));
    runs_here || hostname.zip(reading.host.as_deref()).is_some_and(|(own, said)| is_name(own, said))
}

/// Whether two names are of one machine: one of them may be without its domain.
fn is_name(own: &str, said: &str) -> bool {
    let short = |name: &str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let is_whole = own.contains('.') && said.contains('.');
    let is_same = if is_whole { own.eq_ignore_ascii_case(said) } else { short(own) == short(said) };
    is_same && !short(own).is_empty() && short(own) != "localhost"
}

/// Whether two that speak of a card at an address speak of the same one. Everybody has the same UUID for a card of NVIDIA's, so
/// that two of those are two cards; and a card has one size.
fn is_same_card(known: &Seeing, other: &Seeing) -> bool {
    let (a, b) = (&known.found.reading, &other.found.reading);
    let is_there = a.host == b.host || known.found.is_local && other.is_here;
    let has_uuid = |reading: &GpuReading| reading.vendor == Vendor::Nvidia && !reading.id.contains(':');
    let is_size = |(a, b): (u64, u64)| a.abs_diff(b) <= a.max(b) / 8;
    is_there && !(has_uuid(a) && has_uuid(b)) && (a.is_unified || a.memory_total.zip(b.memory_total).is_none_or(is_size))
}

/// The cards of which nothing is said but what their instances do. They are what is paid for.
fn wholes(found: &[Found]) -> Vec<Found> {
    let ids: BTreeSet<&str> = found.iter().map(|found| found.reading.id.as_str()).collect();
    let mut out: BTreeMap<&str, Found> = BTreeMap::new();
    for part in found {
        let Some(slice) = &part.reading.slice else { continue };
        if !ids.contains(slice.parent.as_str()) {
            let GpuReading { host, index, vendor, name, pci, at, via, .. } = part.reading.clone();
            let reading = GpuReading { id: slice.parent.clone(), host, index, vendor, name, pci, at, via, ..GpuReading::default() };
            out.entry(&slice.parent).or_insert_with(|| Found { reading, ..part.clone() });
        }
    }
    out.into_values().collect()
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
    use crate::model::gpu::Slice;
    use std::time::Duration;

    fn seen(source: &str, is_local: bool, at: Millis, cards: Vec<GpuReading>) -> Seen {
        let what: Result<Sight, Trouble> = Ok(Sight { cards, ..Sight::default() });
        Seen { source: source.to_owned(), is_local, about: String::new(), at, took: Duration::ZERO, what }
    }

    fn all(seen: &[&Seen]) -> Vec<Found> {
        cards(seen.iter().map(|seen| (*seen, seen.what.as_ref().unwrap())), 10, Some("n1.lan"), |_| None)
    }

    fn card(id: &str, host: Option<&str>, pci: Option<&str>) -> GpuReading {
        GpuReading { id: id.to_owned(), host: host.map(str::to_owned), pci: pci.map(str::to_owned), ..GpuReading::default() }
    }

    #[test]
    fn a_card_that_is_seen_twice_is_one_and_the_machine_itself_knows_it_best() {
        let local = seen("nvml", true, 5, vec![card("aa", None, Some("0000:83:00.0"))]);
        let exporter = seen("n1", false, 9, vec![card("aa", Some("n1"), None), card("bb", Some("n1"), None)]);
        let found = all(&[&local, &exporter]);
        let names: Vec<(&str, &str)> = found.iter().map(|f| (f.reading.id.as_str(), f.source.as_str())).collect();
        assert_eq!(names, [("aa", "nvml"), ("bb", "n1")]);
    }

    #[test]
    fn a_card_without_a_uuid_is_the_one_at_its_address() {
        let nvml = seen("nvml", true, 5, vec![card("aa", None, Some("0000:83:00.0"))]);
        let drm = seen("drm", true, 6, vec![card("0000:83:00.0", None, Some("0000:83:00.0"))]);
        let found = all(&[&nvml, &drm]);
        assert_eq!(found.len(), 1);
    }

    #[test]
    fn of_two_hosts_that_speak_of_one_card_the_later_one_is_heard() {
        let (old, new) = (seen("a", false, 5, vec![card("aa", Some("n1"), None)]), seen("b", false, 8, vec![card("aa", Some("n1"), None)]));
        let found = all(&[&old, &new]);
        assert_eq!(found.iter().map(|f| f.source.as_str()).collect::<Vec<_>>(), ["b"]);
    }

    fn at(url: &str, seen: Seen) -> Seen {
        let what = seen.what.map(|sight| Sight { url: Some(url.to_owned()), ..sight });
        Seen { what, ..seen }
    }

    fn amd(id: &str, host: Option<&str>, pci: &str) -> GpuReading {
        GpuReading { vendor: Vendor::Amd, memory_total: Some(192 << 30), ..card(id, host, Some(pci)) }
    }

    #[test]
    fn who_has_spoken_of_a_card_is_heard_again_as_long_as_that_is_fresh() {
        let (a, b) = (seen("a", false, 5, vec![card("aa", Some("n1"), None)]), seen("b", false, 8, vec![card("aa", Some("n1"), None)]));
        let before = all(&[&a]).remove(0);
        let heard = |now| cards([(&a, a.what.as_ref().unwrap()), (&b, b.what.as_ref().unwrap())].into_iter(), now, None, |_| Some(&before));
        assert_eq!(heard(10)[0].source, "a");
        assert_eq!(heard(5 + HOST_STALE)[0].source, "a");
        assert_eq!(heard(6 + HOST_STALE)[0].source, "b");
    }

    #[test]
    fn an_exporter_on_this_machine_speaks_of_its_own_cards() {
        let amdgpu = seen("amdgpu", true, 5, vec![amd("1234567890abcdef", None, "0000:c1:00.0")]);
        let said = |host: Option<&str>| vec![amd("72ff74a1-0000-1000-8034-567890abcdef", host, "0000:c1:00.0")];
        for (url, host, count) in [
            ("http://localhost:5000", None, 1),
            ("http://127.0.0.1:5000", Some("a-container"), 1),
            ("http://10.0.0.7:5000", Some("n1"), 1),
            ("http://10.0.0.7:5000", Some("N1.lan"), 1),
            ("http://10.0.0.7:5000", Some("n1.elsewhere"), 2),
            ("http://10.0.0.7:5000", Some("n2"), 2),
        ] {
            let exporter = at(url, seen("amd", false, 9, said(host)));
            assert_eq!(all(&[&amdgpu, &exporter]).len(), count, "{url} {host:?}");
        }
        // A Prometheus on this machine has its figures from others.
        let via = |target: &str| Some(Via { exporter: "amd", target: Some(target.to_owned()) });
        for (target, count) in [("n2:5000", 2), ("localhost:5000", 1)] {
            let of_target = said(Some("n2")).into_iter().map(|card| GpuReading { via: via(target), ..card }).collect();
            let fleet = at("http://localhost:9090", seen("prom", false, 9, of_target));
            assert_eq!(all(&[&amdgpu, &fleet]).len(), count, "{target}");
        }
    }

    #[test]
    fn two_uuids_or_two_sizes_at_one_address_are_two_cards() {
        let nvidia = |id: &str| GpuReading { vendor: Vendor::Nvidia, ..card(id, None, Some("0000:83:00.0")) };
        let tunnel = |cards| at("http://localhost:9400", seen("n1", false, 9, cards));
        assert_eq!(all(&[&seen("nvml", true, 5, vec![nvidia("aa")]), &tunnel(vec![nvidia("bb")])]).len(), 2);
        let small = GpuReading { memory_total: Some(64 << 30), ..amd("bb", None, "0000:83:00.0") };
        assert_eq!(all(&[&seen("amdgpu", true, 5, vec![amd("aa", None, "0000:83:00.0")]), &tunnel(vec![small])]).len(), 2);
    }

    #[test]
    fn a_card_of_which_its_instances_alone_are_seen_is_there_itself() {
        let part = |id: &str| {
            let slice = Slice { parent: "aa".to_owned(), profile: "3g.71gb".to_owned(), of: Some((3, 7)) };
            GpuReading { slice: Some(slice), name: "NVIDIA H200".to_owned(), index: Some(0), ..card(id, Some("n1"), None) }
        };
        let found = all(&[&seen("n1", false, 9, vec![part("aa/gi1"), part("aa/gi2")])]);
        assert_eq!(found.iter().map(|found| found.reading.id.as_str()).collect::<Vec<_>>(), ["aa", "aa/gi1", "aa/gi2"]);
        let whole = &found[0].reading;
        assert_eq!((whole.name.as_str(), whole.host.as_deref(), &whole.slice), ("NVIDIA H200", Some("n1"), &None));
    }
}
