//! What the books of providers have in common: rows gathered over several answers, spans of days, periods, own addresses.
//!
//! **Why so.** What is told of a day replaces what was known of it, while a provider tells a day's tokens in one answer and
//! its money in another one, both of them in pages. So the rows that were gathered travel in the next question, and a day is
//! told once, when it is complete.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use chrono::Weekday;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::answer::{escaped, some};
use super::{Answer, Ask, DAY, Per, Refusal};
use crate::model::{DaySpend, GatewayBudget, GatewayCall, GatewayFact, Millis, Money, Tokens, Window, Zone, time};

/// A row's place: day, user, team, key and model.
type Place = (i64, Option<String>, Option<String>, Option<String>, Option<String>);

/// Rows of some days, both included, gathered over answers. Rows of one place add up.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub(super) struct Sheet {
    pub(super) from: i64,
    pub(super) to: i64,
    rows: BTreeMap<Place, DaySpend>,
}

/// A sheet between two answers.
#[derive(Serialize, Deserialize)]
struct Kept {
    from: i64,
    to: i64,
    rows: Vec<Row>,
}

/// A row between two answers: nano-dollars where there is money, calls, failed ones, and tokens in the order of [`Tokens`].
#[derive(Serialize, Deserialize)]
struct Row {
    place: Place,
    nanos: Option<i64>,
    requests: u64,
    failed: u64,
    tokens: [u64; 6],
}

impl From<Sheet> for Kept {
    fn from(sheet: Sheet) -> Kept {
        let rows = sheet.rows.into_iter().map(|(place, row)| {
            let of = row.tokens;
            let tokens = [of.input, of.cache_read, of.cache_write_5m, of.cache_write_1h, of.output, of.reasoning];
            Row { place, nanos: row.spend.map(Money::nanos), requests: row.requests, failed: row.failed, tokens }
        });
        Kept { from: sheet.from, to: sheet.to, rows: rows.collect() }
    }
}

impl From<Kept> for Sheet {
    fn from(kept: Kept) -> Sheet {
        let mut sheet = Sheet::new(kept.from, kept.to);
        for Row { place: (day, user, team, key, model), nanos, requests, failed, tokens } in kept.rows {
            let [input, cache_read, minutes, hour, output, reasoning] = tokens;
            let tokens = Tokens { input, cache_read, cache_write_5m: minutes, cache_write_1h: hour, output, reasoning };
            sheet.add(DaySpend { day, user, team, key, model, spend: nanos.map(Money::from_nanos), requests, failed, tokens });
        }
        sheet
    }
}

impl Sheet {
    /// An empty one.
    pub(super) fn new(from: i64, to: i64) -> Sheet {
        Sheet { from, to, rows: BTreeMap::new() }
    }

    /// Adds a row; what is of another day, or says nothing, is left out.
    pub(super) fn add(&mut self, row: DaySpend) {
        let is_money = row.spend.is_some_and(|spend| spend != Money::ZERO);
        let says_nothing = !is_money && row.requests == 0 && row.failed == 0 && row.tokens == Tokens::default();
        if says_nothing || row.day < self.from || row.day > self.to {
            return;
        }
        let place = (row.day, row.user.clone(), row.team.clone(), row.key.clone(), row.model.clone());
        match self.rows.get_mut(&place) {
            None => {
                self.rows.insert(place, row);
            }
            Some(known) => {
                known.spend = match (known.spend, row.spend) {
                    (Some(known), Some(more)) => Some(known + more),
                    (known, more) => known.or(more),
                };
                known.requests = known.requests.saturating_add(row.requests);
                known.failed = known.failed.saturating_add(row.failed);
                known.tokens += row.tokens;
            }
        }
    }

    /// Adds a call to its day; one without a price says nothing of money.
    pub(super) fn add_call(&mut self, call: &GatewayCall, is_priced: bool) {
        self.add(DaySpend {
            day: call.at.div_euclid(DAY),
            user: call.user.clone(),
            team: None,
            key: None,
            model: call.model.clone(),
            spend: is_priced.then_some(call.spend),
            requests: 1,
            failed: u64::from(call.failed),
            tokens: call.tokens,
        });
    }

    /// Whether a day is the last one that is gathered.
    pub(super) const fn ends_with(&self, day: i64) -> bool {
        self.to == day
    }

    /// The user of each key that one user alone has used.
    pub(super) fn owners(&self) -> BTreeMap<String, String> {
        let mut owners: BTreeMap<String, Option<String>> = BTreeMap::new();
        for row in self.rows.values() {
            if let (Some(key), Some(user)) = (&row.key, &row.user) {
                let owner = owners.entry(key.clone()).or_insert_with(|| Some(user.clone()));
                *owner = owner.take().filter(|owner| owner == user);
            }
        }
        owners.into_iter().filter_map(|(key, owner)| Some((key, owner?))).collect()
    }

    /// What was gathered.
    pub(super) fn days(self) -> GatewayFact {
        GatewayFact::Days { from: self.from, to: self.to, rows: self.rows.into_values().collect() }
    }

    /// The same, from the first day on that has a row: books that go back less far do not say that nothing was before.
    pub(super) fn since_first(mut self) -> GatewayFact {
        self.from = self.rows.keys().next().map_or(self.to, |place| place.0);
        self.days()
    }

    /// The same, up to the last day that has a row: a day that is not in the books yet is not one without spend.
    pub(super) fn until_last(mut self) -> Option<GatewayFact> {
        self.to = self.rows.keys().next_back()?.0;
        Some(self.days())
    }
}

/// What travels with a question, as text.
pub(super) fn packed<T: Serialize>(kept: &T) -> String {
    serde_json::to_string(kept).unwrap_or_default()
}

/// What travelled with a question.
pub(super) fn unpacked<T: DeserializeOwned>(ask: &Ask) -> Result<T, Refusal> {
    serde_json::from_str(&ask.at).map_err(|error| Refusal::Unreadable(format!("what was gathered before is lost ({error})")))
}

/// Whether this key may not have it, or nothing is there. A key that is not accepted at all is something else.
pub(super) const fn is_closed(answer: &Answer<'_>) -> bool {
    matches!(answer.status, 403..=405)
}

/// The mark of the next page; the one that was asked for just now would never end.
pub(super) fn next_page(ask: &Ask, next: Option<String>) -> Option<String> {
    page_after(&ask.request.path, next)
}

/// The mark of the page after that of a path.
pub(super) fn page_after(path: &str, next: Option<String>) -> Option<String> {
    some(next).filter(|next| !path.ends_with(&format!("={}", escaped(next))))
}

/// Days in spans of at most so many, both ends included.
pub(super) fn spans(from: i64, to: i64, most: i64) -> Vec<(i64, i64)> {
    let mut spans = Vec::new();
    let mut first = from;
    while first <= to {
        let last = to.min(first.saturating_add(most.max(1) - 1));
        spans.push((first, last));
        first = last.saturating_add(1);
    }
    spans
}

/// The word of most providers for a period.
pub(super) const fn word(per: Per) -> &'static str {
    match per {
        Per::Day => "daily",
        Per::Week => "weekly",
        Per::Month => "monthly",
    }
}

/// The running day, week from Monday, or month, all in UTC.
pub(super) fn running(word: Option<&str>, now: Millis) -> Option<Window> {
    Some(match Per::from_period(word?)? {
        Per::Day => Window::today(now, Zone::UTC),
        Per::Week => time::week(now, Zone::UTC, Weekday::Mon),
        Per::Month => time::month(now, Zone::UTC),
    })
}

/// Whole cents, as a decimal number; what is finer is left out, so that nobody may spend more than was meant.
pub(super) fn whole_cents(money: Money) -> String {
    (money.nanos().max(0) / CENT).to_string()
}

/// The money that [`whole_cents`] says.
pub(super) fn in_cents(money: Money) -> Money {
    Money::from_nanos(money.nanos().max(0) / CENT * CENT)
}

/// Nano-dollars of a cent.
const CENT: i64 = 10_000_000;

/// Puts the budgets of a holder in order, the one that bites first last: where one is kept for a holder, it is that one.
pub(super) fn tightest_last(budgets: &mut [GatewayBudget]) {
    let left = |budget: &GatewayBudget| left(budget).map(Reverse);
    budgets.sort_by(|a, b| (a.whose, &a.id, &a.team, left(a)).cmp(&(b.whose, &b.id, &b.team, left(b))));
}

/// What is left of a budget; nothing where there is no limit.
pub(super) fn left(budget: &GatewayBudget) -> Option<Money> {
    Some(budget.limit? - budget.spent.unwrap_or_default())
}

/// Whether a host is this address, or one below it.
pub(super) fn is_under(host: &str, home: &str) -> bool {
    host.strip_suffix(home).is_some_and(|head| head.is_empty() || head.ends_with('.'))
}
