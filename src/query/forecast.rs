//! Where today, this week and this month will end, and when caps will be reached.

use std::collections::HashMap;

use chrono::Weekday;

use crate::budgets::{self, Standing};
use crate::insight::forecast::{Course, Futures, MOST_DAYS, Outlook, Reach};
use crate::model::cap::Span;
use crate::model::time::HOUR;
use crate::model::{Cost, Millis, Money, Window, Zone};
use crate::store::read::SlotRow;
use crate::store::spend::Who;
use crate::store::{Store, StoreError, Sums};

use super::caps;

pub mod backtest;
mod history;

pub use history::History;

/// The spans that are foretold, with those of caps.
pub const SPANS: [Span; 3] = [Span::Day, Span::Week, Span::Month];

/// Where one span ends, in nano-dollars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ahead {
    /// A day, a week or a month.
    pub span: Span,
    /// The one that now falls in.
    pub window: Window,
    /// What has been spent in it.
    pub spent: Cost,
    /// Where it ends; nothing without a day of history, or where no price is known.
    pub end: Option<Outlook>,
}

/// Where a cap's span ends and when the cap is reached, in the cap's unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapAhead {
    /// How it stands.
    pub standing: Standing,
    /// Where its span ends; nothing without a day of history.
    pub end: Option<Outlook>,
    /// When it is reached.
    pub reach: Option<Reach>,
}

/// What is foretold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Forecast {
    /// The days of history that it comes from.
    pub days: usize,
    /// What those days cost: whether it is all known.
    pub past: Cost,
    /// Today, this week and this month.
    pub spans: Vec<Ahead>,
    /// The caps of the calendar.
    pub caps: Vec<CapAhead>,
}

/// So many days that end now.
fn days(days: usize, now: Millis) -> Window {
    Window { from: now - Millis::try_from(days).unwrap_or(0) * 24 * HOUR, to: now }
}

/// The time whose history counts, which is longer than any month.
fn looked_at(now: Millis) -> Window {
    days(MOST_DAYS + 2, now)
}

/// Foretells the spans and the caps.
pub fn forecast(store: &Store, asking: &caps::Asking<'_>) -> Result<Forecast, StoreError> {
    let (now, zone) = (asking.now, asking.zone);
    let rows = store.slots(looked_at(now))?;
    let first = store.first_slot()?;
    let all = history(&rows, first, asking, |row| Some(row.sums.nanos));
    let mut out = Forecast { days: all.days_before(now), past: total(&rows, looked_at(now)), ..Forecast::default() };
    for span in SPANS {
        let Some(window) = budgets::window(span, now, zone, asking.week_start) else { continue };
        let spent = total(&rows, window);
        let course = all.course(now, window);
        let end = Futures::of(&course).map(|futures| futures.outlook());
        out.spans.push(Ahead { span, window, spent, end: end.filter(|_| out.past.money().is_some()) });
    }
    let whose: HashMap<i64, Who> = store.sessions_since(looked_at(now).from)?.into_iter().map(|who| (who.id, who)).collect();
    for standing in caps::standings(store, asking, None)?.into_iter().filter(|standing| standing.ends().is_some()) {
        let (cap, window) = (&standing.cap, standing.window);
        let covered = |row: &SlotRow| {
            let who = whose.get(&row.session);
            let cwd = who.and_then(|who| who.cwd.as_deref());
            cap.scope
                .covers(who.map_or("", |who| &who.agent), cwd, row.model.as_deref())
                .then(|| caps::spend_of_sums(&row.sums, asking.assumed).in_unit(cap.limit.unit).count)
        };
        let course = history(&rows, first, asking, covered).course(now, window);
        let course = Course { spent: standing.spent().count, ..course };
        let futures = Futures::of(&course);
        let (end, reach) = (futures.as_ref().map(Futures::outlook), futures.map(|f| f.reach(standing.allowed().count)));
        out.caps.push(CapAhead { standing, end, reach });
    }
    Ok(out)
}

/// What some quarters of an hour cost, of those that count.
fn history(rows: &[SlotRow], first: Option<Millis>, asking: &caps::Asking<'_>, amount: impl Fn(&SlotRow) -> Option<i64>) -> History {
    History::new(rows.iter().filter_map(|row| Some((row.at, amount(row)?))), first, looked_at(asking.now), asking.zone)
}

fn total(rows: &[SlotRow], window: Window) -> Cost {
    let mut sums = Sums::default();
    for row in rows.iter().filter(|row| window.contains(row.at)) {
        sums.add(&row.sums, 1);
    }
    sums.cost()
}

/// What everything has cost in the days that count.
pub fn recent(store: &Store, now: Millis, zone: Zone) -> Result<History, StoreError> {
    over(store, looked_at(now), zone)
}

/// What everything has cost in half a year, and in the days that count for its first one.
pub fn half_a_year(store: &Store, now: Millis, zone: Zone) -> Result<History, StoreError> {
    over(store, days(backtest::MOST + MOST_DAYS + 2, now), zone)
}

fn over(store: &Store, window: Window, zone: Zone) -> Result<History, StoreError> {
    let rows = store.pace(window)?;
    let mut history = History::new(rows.iter().map(|(at, sums)| (*at, sums.nanos)), store.first_slot()?, window, zone);
    history.cost = rows.iter().fold(Cost::default(), |sum, (_, sums)| sum + sums.cost());
    Ok(history)
}

/// Where today ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Midnight {
    /// One of ten days ends lower.
    pub low: Money,
    /// The middle.
    pub likely: Money,
    /// One of ten days ends higher.
    pub high: Money,
    /// What it rests on: whether all of that is known.
    pub from: Cost,
}

impl Midnight {
    /// The middle as a cost, with how sure it is.
    #[must_use]
    pub fn cost(&self) -> Cost {
        Cost { known: self.likely, ..self.from }
    }
}

/// Where today ends, after so much has been spent; nothing without a day of history, and where nothing is spent or expected.
#[must_use]
pub fn midnight(history: &History, now: Millis, today: Cost) -> Option<Midnight> {
    let spent = today.money()?.nanos();
    let course = history.course(now, Window::today(now, history.zone()));
    let course = Course { today: spent, spent, ..course };
    let end = Futures::of(&course)?.outlook();
    let [low, likely, high] = [end.low, end.likely, end.high].map(Money::from_nanos);
    (high > Money::ZERO).then_some(Midnight { low, likely, high, from: history.cost + today })
}

/// The calendar's span that an instant falls in.
fn window_of(span: Span, at: Millis, zone: Zone, week_start: Weekday) -> Option<Window> {
    budgets::window(span, at, zone, week_start)
}
