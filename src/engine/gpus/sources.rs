//! What sources have said last, and what they have said last that was of use.

use std::collections::BTreeMap;

use super::picture::{SourceState, SourceView};
use super::{Seen, Sight, Trouble};
use crate::gpus::PROBES;
use crate::model::Millis;
use crate::model::gpu_setup::{GpuHost, is_found};

/// A source that has said nothing of use for so long is stale; and a local one.
const STALE: Millis = 20_000;
const LOCAL_STALE: Millis = 8_000;

/// All sources that have been heard.
#[derive(Debug, Default)]
pub(super) struct Sources(BTreeMap<String, Source>);

#[derive(Debug)]
struct Source {
    last: Seen,
    good: Option<Seen>,
}

impl Sources {
    /// Whether a source has never been heard before.
    pub(super) fn is_new(&self, name: &str) -> bool {
        !self.0.contains_key(name)
    }

    /// Takes what one has said.
    pub(super) fn take(&mut self, seen: Seen) {
        let good = if seen.what.is_ok() { Some(seen.clone()) } else { self.0.remove(&seen.source).and_then(|source| source.good) };
        // A card that is gone is not seen any more; one that could not be looked at is seen as it was.
        let good = good.filter(|_| !matches!(seen.what, Err(Trouble::Absent(_))));
        self.0.insert(seen.source.clone(), Source { last: seen, good });
    }

    /// What each of them has seen last.
    pub(super) fn sights(&self) -> impl Iterator<Item = (&Seen, &Sight)> + Clone {
        self.0.values().filter_map(|source| source.good.as_ref()).filter_map(|seen| Some((seen, seen.what.as_ref().ok()?)))
    }

    /// Forgets hosts that nobody asks any more.
    pub(super) fn keep(&mut self, hosts: &[GpuHost]) {
        self.0.retain(|name, source| source.last.is_local || hosts.iter().any(|host| host.name == *name));
    }

    /// Forgets everybody.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// All of them as they are shown, those among them that have not been heard yet.
    pub(super) fn views(&self, asked: &[GpuHost], now: Millis) -> Vec<SourceView> {
        let unheard = PROBES.iter().filter(|known| known.instead_of.is_none() && self.is_new(known.name));
        let unheard = unheard.map(|known| waiting(known.name, known.about, false));
        let hosts = asked.iter().filter(|host| self.is_new(&host.name)).map(|host| waiting(&host.name, &host.url, true));
        // A port that was found and turned out to be nobody's is nobody's failure.
        let is_told = |source: &&Source| source.good.is_some() || !is_found(&source.last.source);
        self.0.values().filter(is_told).map(|source| source.view(now)).chain(unheard).chain(hosts).collect()
    }
}

fn waiting(name: &str, about: &str, is_remote: bool) -> SourceView {
    SourceView { name: name.to_owned(), about: about.to_owned(), is_remote, ..SourceView::default() }
}

impl Source {
    fn view(&self, now: Millis) -> SourceView {
        let (last, good) = (&self.last, self.good.as_ref());
        let limit = if last.is_local { LOCAL_STALE } else { STALE };
        let state = match &last.what {
            _ if good.is_some_and(|good| now - good.at > limit) => SourceState::Stale,
            Ok(_) => SourceState::Well,
            Err(Trouble::Absent(_)) => SourceState::Absent,
            Err(Trouble::Broken(_)) => SourceState::Broken,
        };
        let sight = good.and_then(|good| good.what.as_ref().ok());
        SourceView {
            name: last.source.clone(),
            about: last.about.clone(),
            state,
            why: match &last.what {
                Err(Trouble::Absent(why) | Trouble::Broken(why)) => Some(why.clone()),
                Ok(_) if state == SourceState::Stale => Some("it has not answered since: the driver or the host hangs".to_owned()),
                Ok(_) => None,
            },
            seen_at: good.map(|good| good.at),
            took: u64::try_from(last.took.as_millis()).ok(),
            sees: sight.map_or((0, 0), |sight| (sight.cards.len(), sight.servers.len())),
            is_remote: !last.is_local,
        }
    }
}
