//! Writing down what cards and servers did, a minute at a time, and reading back what is shown of it.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::card::Card;
use super::picture::ProcessView;
use super::server::{Id, Server};
use crate::model::time::{DAY, HOUR, MINUTE};
use crate::model::{Millis, Money, Window, Zone};
use crate::query::gpus::{Heat, heat};
use crate::store::gpus::{CardRow, CardSums, HeldRow, HeldSums};
use crate::store::{GpuBook, StoreError};

/// How long another process that writes is waited for.
const PATIENCE: Duration = Duration::from_millis(500);
/// Days that are shown hour by hour.
const DAYS: u32 = 7;
/// How often what is too old is looked for.
const CLEAN: Millis = 6 * HOUR;

/// The file, and what it says of today.
pub(super) struct Ledger {
    dir: PathBuf,
    book: Option<GpuBook>,
    zone: Zone,
    cleaned_at: Option<Millis>,
    written_at: i64,
    /// Who had which card today.
    pub(super) held: Vec<HeldSums>,
    /// The last days, hour by hour.
    pub(super) heat: Arc<Heat>,
    /// What is wrong with it.
    pub(super) problem: Option<String>,
}

/// Who had a card in a minute, in milliseconds.
pub(super) type Holders = BTreeMap<(String, i64, String, String), Millis>;

impl Ledger {
    pub(super) fn new(dir: &Path, zone: Zone) -> Ledger {
        Ledger {
            dir: dir.to_owned(),
            book: None,
            zone,
            cleaned_at: None,
            written_at: 0,
            held: Vec::new(),
            heat: Arc::default(),
            problem: None,
        }
    }

    pub(super) fn book(&self) -> Option<&GpuBook> {
        self.book.as_ref()
    }

    /// Opens the file: not before there is something to write.
    pub(super) fn open(&mut self) {
        if self.book.is_none() {
            match GpuBook::open(&self.dir, PATIENCE) {
                Ok((book, notice)) => (self.book, self.problem) = (Some(book), notice),
                Err(error) => self.problem = Some(error.to_string()),
            }
        }
    }

    /// Once a minute: writes what is over, and reads what today is then.
    pub(super) fn keep(
        &mut self,
        cards: &mut HashMap<String, Card>,
        servers: &mut HashMap<Id, Server>,
        holders: &mut Holders,
        now: Millis,
    ) {
        let minute = now.div_euclid(MINUTE);
        if minute == self.written_at || self.book.is_none() {
            return;
        }
        if self.book.as_ref().is_some_and(GpuBook::is_displaced) {
            return self.leave(cards); // what is over is written into the one that stands there now
        }
        self.written_at = minute;
        match self.write(cards, servers, holders, (now, false)) {
            Ok(()) => self.problem = None,
            // What could not be written is lost; the next minutes are not.
            Err(error) => {
                self.problem = Some(error.to_string());
                self.leave(cards);
            }
        }
    }

    /// The next file is opened anew, and may have other numbers for cards.
    fn leave(&mut self, cards: &mut HashMap<String, Card>) {
        self.book = None;
        for card in cards.values_mut() {
            card.id = None;
        }
    }

    /// The end: what is not over is written as it is.
    pub(super) fn finish(
        &mut self,
        cards: &mut HashMap<String, Card>,
        servers: &mut HashMap<Id, Server>,
        holders: &mut Holders,
        now: Millis,
    ) {
        // Nobody is left to be told that it could not be.
        let _ = self.write(cards, servers, holders, (now, true));
    }

    fn write(
        &mut self,
        cards: &mut HashMap<String, Card>,
        servers: &mut HashMap<Id, Server>,
        holders: &mut Holders,
        (now, is_end): (Millis, bool),
    ) -> Result<(), StoreError> {
        let Some(book) = &mut self.book else { return Ok(()) };
        for (uid, card) in cards.iter_mut() {
            let Some(id) = note(book, uid, card, now)? else { continue };
            let taken = if is_end { card.meter.end() } else { card.meter.take(now) };
            let minutes: Vec<_> = taken.iter().map(|(at, minute)| card.row(*at, minute)).collect();
            let mut held = Vec::new();
            for minute in &minutes {
                let of_minute = |key: &(String, i64, String, String)| key.0 == *uid && key.1 == minute.at;
                let keys: Vec<_> = holders.keys().filter(|key| of_minute(key)).cloned().collect();
                let seen = minute.states.iter().sum::<Millis>().max(1);
                for key in keys {
                    let millis = holders.remove(&key).unwrap_or(0).min(seen);
                    let part = |money: Option<Money>| money.map(|money| money.scale(millis, seen));
                    let (_, at, agent, session) = key;
                    held.push(HeldRow { at, agent, session, millis, cost: part(minute.cost), idle_cost: part(minute.idle_cost) });
                }
            }
            book.write(id, &minutes, &held)?;
        }
        // Whose minute was never written is of no card any more.
        holders.retain(|(_, at, _, _), _| *at > now.div_euclid(MINUTE) - 60);
        let rows: Vec<_> = servers.iter_mut().flat_map(|(id, server)| server.take(id, if is_end { now + MINUTE } else { now })).collect();
        if !rows.is_empty() {
            book.write_serving(&rows)?;
        }
        if self.cleaned_at.is_none_or(|at| now - at >= CLEAN) {
            self.cleaned_at = Some(now);
            book.forget_old(now)?;
        }
        self.read(cards, servers, now)
    }

    /// Reads what today and the last hour are, as far as they have been written.
    pub(super) fn read(
        &mut self,
        cards: &mut HashMap<String, Card>,
        servers: &mut HashMap<Id, Server>,
        now: Millis,
    ) -> Result<(), StoreError> {
        let Some(book) = &self.book else { return Ok(()) };
        let today = Window::today(now, self.zone);
        let sums = book.sums(today)?;
        let day = book.sums(Window { from: now - DAY, to: now })?;
        for (uid, card) in cards.iter_mut() {
            let Some(id) = note(book, uid, card, now)? else { continue };
            let of_card = |all: &[CardSums]| all.iter().find(|sums| sums.card == id).cloned().unwrap_or_default();
            (card.written, card.day) = (of_card(&sums), of_card(&day));
        }
        self.held = book.held(today)?;
        self.heat = Arc::new(heat(book, now, DAYS)?);
        if !servers.is_empty() {
            let served = book.served((now - HOUR).div_euclid(MINUTE))?;
            for (id, server) in servers.iter_mut() {
                let name = id.name();
                if let Some(row) = served.iter().find(|row| row.server == name && row.model == id.model()) {
                    server.wrote(row);
                }
            }
        }
        Ok(())
    }

    /// The beginning of today.
    pub(super) fn midnight(&self, now: Millis) -> Millis {
        Window::today(now, self.zone).from
    }
}

/// The card's number in the store; it gets one when it is first asked for.
fn note(book: &GpuBook, uid: &str, card: &mut Card, now: Millis) -> Result<Option<i64>, StoreError> {
    if let Some(id) = card.id {
        return Ok(Some(id));
    }
    let Some(found) = card.found() else { return Ok(None) };
    let reading = &found.reading;
    let id = book.note_card(&CardRow {
        id: 0,
        host: reading.host.clone().unwrap_or_default(),
        uid: uid.to_owned(),
        name: crate::model::text::clean(&reading.name),
        vendor: reading.vendor.word().to_owned(),
        parent: reading.slice.as_ref().map(|slice| slice.parent.clone()),
        seen_at: now,
    })?;
    card.id = Some(id);
    card.resume(book.idle_since(id, now)?.map(|minute| minute * MINUTE));
    Ok(Some(id))
}

/// Notes who has had which card since the last moment.
pub(super) fn hold(holders: &mut Holders, processes: &[ProcessView], now: Millis, passed: Millis) {
    let minute = now.div_euclid(MINUTE);
    let mut seen = std::collections::BTreeSet::new();
    for view in processes {
        let Some(owner) = view.owner.as_ref().filter(|owner| !owner.session.is_empty()) else { continue };
        let key = (view.card.clone(), minute, owner.agent.clone(), owner.session.clone());
        // Several processes of a session on one card hold it once.
        if seen.insert(key.clone()) {
            *holders.entry(key).or_default() += passed;
        }
    }
}
