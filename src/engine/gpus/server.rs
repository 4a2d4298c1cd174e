//! One inference server over time: what it gets done, on which cards, and what a million tokens of it cost.

use std::collections::BTreeMap;

use super::picture::{CardView, ServerView};
use super::{Seen, Sight};
use crate::insight::gpu::meter::Scaled;
use crate::insight::gpu::rate::{Counts, Done};
use crate::insight::gpu::{Flow, Serving, Worth};
use crate::model::address::{host as host_of, is_loopback};
use crate::model::gpu::{ServerReading, plain_uuid};
use crate::model::time::{HOUR, MINUTE};
use crate::model::{Millis, Money};
use crate::store::gpus::ServingRow;

/// The usual time between two looks, at most.
const EVERY: Millis = 5000;
/// A look older than this says nothing of now.
const STALE: Millis = 20_000;

/// What tells a model of a server apart from all others, whoever speaks of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Id {
    /// Where it is: `host:port`.
    pub place: String,
    kind: &'static str,
    model: String,
}

impl Id {
    /// Of an address, or of a place that somebody else names.
    pub(super) fn of(place: Option<&str>, reading: &ServerReading) -> Id {
        let place = place.unwrap_or_default();
        let bare = place.split_once("://").map_or(place, |(_, rest)| rest).split('/').next().unwrap_or_default();
        Id { place: bare.to_ascii_lowercase(), kind: reading.kind, model: reading.model.clone().unwrap_or_default() }
    }

    /// The name in the store.
    pub(super) fn name(&self) -> String {
        format!("{} {}", self.place, self.kind)
    }

    /// The model in the store.
    pub(super) fn model(&self) -> &str {
        &self.model
    }
}

/// A server that is watched.
#[derive(Debug, Default)]
pub(super) struct Server {
    reading: ServerReading,
    name: String,
    /// Whether it speaks for itself: somebody who speaks for a fleet is heard only where it does not.
    is_direct: bool,
    /// Whether it is on this machine: what a Prometheus elsewhere calls `localhost` is not.
    is_here: bool,
    source: String,
    url: String,
    /// The cards that the settings name.
    named: Vec<String>,
    pub(super) cards: Vec<String>,
    per_hour: Option<Money>,
    seen_at: Millis,
    flow: Flow,
    has_moved: bool,
    stuck_since: Option<Millis>,
    /// Minutes that have not been written.
    minutes: BTreeMap<i64, Worth>,
    /// The last hour, as far as it has been written.
    written: Worth,
}

impl Server {
    /// Takes what it has said, if that is new.
    pub(super) fn see(&mut self, seen: &Seen, (sight, place): (&Sight, Option<&str>), reading: &ServerReading) {
        let is_other = self.source != seen.source;
        let is_better = place.is_none() && !self.is_direct || seen.at - self.seen_at > STALE;
        // The same look again; a clock may have been set back since.
        if seen.at == self.seen_at || is_other && !is_better {
            return;
        }
        if is_other {
            // Two that speak of it do not count at the same moments.
            self.flow = Flow::default();
            seen.source.clone_into(&mut self.source);
            self.is_direct = place.is_none();
        }
        self.seen_at = seen.at;
        let is_here = |url: &str| is_loopback(host_of(url));
        self.is_here = is_here(sight.url.as_deref().unwrap_or_default()) && place.is_none_or(|place| is_here(&format!("http://{place}")));
        self.name = place.map_or_else(|| seen.source.clone(), str::to_owned);
        self.url = place.map_or_else(|| sight.url.clone().unwrap_or_default(), |place| format!("http://{place}"));
        self.named.clone_from(&sight.gpus);
        let is_running = reading.running.is_some_and(|running| running > 0);
        let counts = Counts {
            prompt: reading.prompt,
            cached: reading.cached,
            generated: reading.generated,
            progress: reading.progress,
            first_token: reading.first_token,
        };
        let done = self.flow.look(seen.at, counts, is_running, self.per_hour, EVERY);
        // Of a first look, or one after a gap, nobody knows whether anything has moved since; of one that counts nothing, ever.
        let moved = done.filter(|_| counts.is_any()).map(|done| done.has_moved);
        self.has_moved = moved == Some(true);
        self.stuck_since = match moved {
            Some(false) if is_running => self.stuck_since.or(Some(seen.at)),
            None if is_running => self.stuck_since,
            _ => None,
        };
        if let Some(done) = done {
            self.minutes.entry(done.at.div_euclid(MINUTE)).or_default().add(&done);
        }
        self.reading = reading.clone();
    }

    /// Finds the cards that it runs on. `listeners` are the ports of this machine, and the cards that are held there.
    pub(super) fn find_cards(&mut self, cards: &[CardView], listeners: &[(u16, String)], is_alone: bool) {
        let whole = |card: &&CardView| card.reading.slice.is_none();
        self.cards = if !self.named.is_empty() {
            let is_named = |card: &CardView| self.named.iter().any(|name| names(name, card));
            cards.iter().filter(|card| is_named(card)).map(|card| card.reading.id.clone()).collect()
        } else if self.is_here {
            let port = port_of(&self.url);
            listeners.iter().filter(|(own, _)| Some(*own) == port).map(|(_, card)| card.clone()).collect()
        } else {
            let host = self.reading.host.as_deref().unwrap_or_else(|| host_of(&self.url));
            let is_there = |card: &&CardView| card.reading.host.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(host));
            let there: Vec<String> = cards.iter().filter(whole).filter(is_there).map(|card| card.reading.id.clone()).collect();
            // Which cards of a host are whose cannot be told where there are several servers.
            if is_alone { there } else { Vec::new() }
        };
        let own = self.cards.iter().map(|id| cards.iter().find(|card| card.reading.id == *id));
        // An instance is a part of its card: both are paid for with the card's price.
        let is_paid = |card: &CardView| card.reading.slice.as_ref().is_some_and(|slice| self.cards.contains(&slice.parent));
        let prices = own.filter(|card| !card.is_some_and(is_paid)).map(|card| Some(card?.price.as_ref()?.per_hour));
        let all: Option<Vec<Money>> = prices.collect();
        self.per_hour = all.filter(|all| !all.is_empty()).map(|all| all.into_iter().sum());
    }

    /// Whether it runs on a card and has said just now what it does.
    pub(super) fn is_on(&self, card: &str, now: Millis) -> bool {
        now - self.seen_at <= STALE && self.cards.iter().any(|own| own == card)
    }

    /// What it does, for the state of its cards; nothing of one that counts nothing: whether that gets anywhere nobody knows.
    pub(super) fn serving(&self) -> Option<Serving> {
        let ServerReading { prompt, generated, progress, .. } = self.reading;
        let counts = Counts { prompt, generated, progress, ..Counts::default() };
        counts.is_any().then(|| Serving {
            is_running: self.reading.running.is_some_and(|running| running > 0),
            has_moved: self.has_moved,
            is_live: self.reading.progress.is_some(),
        })
    }

    /// The minutes that are over, to be written.
    pub(super) fn take(&mut self, id: &Id, now: Millis) -> Vec<ServingRow> {
        let later = self.minutes.split_off(&now.div_euclid(MINUTE));
        let over = std::mem::replace(&mut self.minutes, later);
        over.into_iter().map(|(at, worth)| row(id, at, &worth)).collect()
    }

    /// Takes what has been written of the last hour.
    pub(super) fn wrote(&mut self, row: &ServingRow) {
        let unsigned = |n: i64| u64::try_from(n).unwrap_or(0);
        self.written = Worth {
            millis: row.millis,
            busy: row.busy,
            prompt: unsigned(row.prompt),
            cached: unsigned(row.cached),
            generated: unsigned(row.generated),
            priced: (unsigned(row.priced.0), unsigned(row.priced.1)),
            cost: row.cost.map(whole),
            busy_cost: row.busy_cost.map(whole),
            ..Worth::default()
        };
    }

    pub(super) fn view(&self, now: Millis) -> ServerView {
        let mut hour = self.written;
        self.minutes.values().for_each(|worth| sum(&mut hour, worth));
        ServerView {
            name: self.name.clone(),
            url: self.url.clone(),
            reading: self.reading.clone(),
            is_stale: now - self.seen_at > STALE,
            cards: self.cards.clone(),
            per_hour: self.per_hour,
            now: self.flow.now(),
            hour,
            stuck_since: self.stuck_since,
        }
    }

    /// Who speaks of it.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Whether nothing has been heard of it for so long that it is no more.
    pub(super) fn is_gone(&self, now: Millis) -> bool {
        now - self.seen_at > HOUR
    }
}

/// Money that has been written down, in the unit in which it is added up.
fn whole(money: Money) -> Scaled {
    Scaled::of(money, HOUR)
}

fn sum(all: &mut Worth, part: &Worth) {
    let done = Done {
        millis: part.millis,
        prompt: part.prompt,
        cached: part.cached,
        generated: part.generated,
        first_token: part.first_token,
        ..Done::default()
    };
    all.add(&done);
    all.busy += part.busy;
    all.priced = (all.priced.0 + part.priced.0, all.priced.1 + part.priced.1);
    for (sum, part) in [(&mut all.cost, part.cost), (&mut all.busy_cost, part.busy_cost)] {
        if let Some(cost) = part {
            *sum.get_or_insert_default() += cost;
        }
    }
}

fn row(id: &Id, at: i64, worth: &Worth) -> ServingRow {
    let signed = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let priced = (signed(worth.priced.0), signed(worth.priced.1));
    // Money and tokens of a minute are of the same time, or its money is not known.
    let is_priced = worth.priced == (worth.prompt, worth.generated);
    ServingRow {
        server: id.name(),
        model: id.model().to_owned(),
        at,
        millis: worth.millis,
        busy: worth.busy,
        prompt: signed(worth.prompt),
        cached: signed(worth.cached),
        generated: signed(worth.generated),
        priced,
        cost: worth.cost.filter(|_| is_priced).map(Scaled::money),
        busy_cost: worth.busy_cost.filter(|_| is_priced).map(Scaled::money),
    }
}

/// Whether a name in the settings is this card's: its id, its number, or a part of its name.
fn names(name: &str, card: &CardView) -> bool {
    let reading = &card.reading;
    plain_uuid(name) == reading.id
        || reading.index.is_some_and(|index| index.to_string() == name && reading.host.is_none())
        || reading.name.eq_ignore_ascii_case(name)
        || card.short_name().eq_ignore_ascii_case(name)
}

pub(super) fn port_of(url: &str) -> Option<u16> {
    let (scheme, rest) = url.split_once("://")?;
    let place = rest.split('/').next()?;
    let own = place.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    own.or(if scheme.eq_ignore_ascii_case("https") { Some(443) } else { Some(80) })
}

#[cfg(test)]
mod tests {
    use super::super::Trouble;
    use super::*;
    use crate::model::gpu::{GpuReading, Slice};
    use crate::pricing::gpu::GpuPrice;
    use std::time::Duration;

    /// A server that has said the same at several looks.
    fn heard(reading: &ServerReading) -> Server {
        let mut server = Server::default();
        for at in [1000, 3000, 5000] {
            let sight = Sight { url: Some("http://127.0.0.1:8000".to_owned()), ..Sight::default() };
            let what: Result<Sight, Trouble> = Ok(sight.clone());
            let seen = Seen { source: "s".to_owned(), is_local: false, about: String::new(), at, took: Duration::ZERO, what };
            server.see(&seen, (&sight, None), reading);
        }
        server
    }

    #[test]
    fn a_server_on_a_card_and_on_its_instances_pays_for_the_card_once() {
        let card = |id: &str, dollars: i64, parent: Option<&str>| {
            let slice = parent.map(|parent| Slice { parent: parent.to_owned(), ..Slice::default() });
            let per_hour = Money::from_nanos(dollars * 1_000_000_000);
            let price = GpuPrice { per_hour, source: String::new(), as_of: None, is_owned: false };
            CardView {
                reading: GpuReading { id: id.to_owned(), index: Some(0), slice, ..GpuReading::default() },
                price: Some(price),
                ..CardView::default()
            }
        };
        let cards = [card("aa", 7, None), card("mig-1", 3, Some("aa")), card("mig-2", 4, Some("aa"))];
        for (name, count, dollars) in [("0", 3, 7), ("mig-1", 1, 3)] {
            let mut server = Server { named: vec![name.to_owned()], ..Server::default() };
            server.find_cards(&cards, &[], true);
            assert_eq!((server.cards.len(), server.per_hour.map(Money::nanos)), (count, Some(dollars * 1_000_000_000)), "{name}");
        }
    }

    #[test]
    fn a_server_that_counts_nothing_is_not_one_that_gets_nowhere() {
        let silent = ServerReading { kind: "ollama", ..ServerReading::default() };
        let running = ServerReading { kind: "triton", running: Some(3), ..ServerReading::default() };
        for reading in [silent, running] {
            let server = heard(&reading);
            assert_eq!((server.serving(), server.stuck_since), (None, None), "{}", reading.kind);
        }
        let stuck = heard(&ServerReading { kind: "vllm", running: Some(3), generated: Some(7), ..ServerReading::default() });
        assert_eq!((stuck.serving(), stuck.stuck_since), (Some(Serving { is_running: true, ..Serving::default() }), Some(3000)));
    }
}
