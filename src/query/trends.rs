//! How spend changes over time: what periods cost and of what, on which days and at which hours, and what one of
//! something costs.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{Datelike as _, Days, Months, NaiveDate, Timelike as _};

use crate::model::time::{day_of, start_of, utc, week_of};
use crate::model::{Cost, Millis, Window, Zone};
use crate::pricing::Pricer;
use crate::store::read::Place;
use crate::store::{Store, StoreError};

pub mod units;

pub use super::report::Period;
pub use units::{Metric, ModelUnits, Units};

/// All periods, in the order that a key goes through.
pub const PERIODS: [Period; 3] = [Period::Day, Period::Week, Period::Month];

/// What spend is told apart by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Dimension {
    /// By model.
    #[default]
    Model,
    /// By project.
    Project,
    /// By agent.
    Agent,
}

impl Dimension {
    /// All of them, in the order that a key goes through.
    pub const ALL: [Dimension; 3] = [Dimension::Model, Dimension::Project, Dimension::Agent];

    /// The word on screen.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Dimension::Model => "model",
            Dimension::Project => "project",
            Dimension::Agent => "agent",
        }
    }
}

/// Parts that are told apart by name; the others are one.
pub const PARTS: usize = 4;

/// One period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// Its first day.
    pub first: NaiveDate,
    /// What it cost.
    pub cost: Cost,
    /// Nano-dollars of each name of the stack, then of all others.
    pub parts: [i64; PARTS + 1],
}

/// Periods side by side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stack {
    /// The dearest of the dimension over all periods shown, and what each cost; at most [`PARTS`].
    pub names: Vec<(Arc<str>, Cost)>,
    /// What all others cost, if there are any.
    pub others: Option<Cost>,
    /// The periods, the oldest first, the running one last.
    pub bars: Vec<Bar>,
}

/// The days of the calendar.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heat {
    /// The Monday of each week, the oldest first, and what its days cost; nothing for days before records and after today.
    pub weeks: Vec<(NaiveDate, [Option<Cost>; 7])>,
}

/// One period beside the one before it, over the same length.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pair {
    /// The running period.
    pub now: Units,
    /// The same length of the one before.
    pub before: Units,
}

/// What the view of the trends shows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Trends {
    /// By period and dimension, in the order of [`PERIODS`] and [`Dimension::ALL`].
    pub stacks: [[Stack; 3]; 3],
    /// The calendar.
    pub heat: Heat,
    /// What each hour of the clock cost in the last [`HOUR_DAYS`] days.
    pub hours: [Cost; 24],
    /// What one of something costs, by period.
    pub units: [Pair; 3],
}

/// The days that hours of the clock are summed up over.
pub const HOUR_DAYS: u64 = 30;
/// Weeks of the calendar.
const WEEKS: u64 = 53;
/// Periods shown: days, weeks, months.
const SHOWN: [usize; 3] = [60, 53, 13];

impl Trends {
    /// The stack of a period and a dimension.
    #[must_use]
    pub fn stack(&self, period: Period, by: Dimension) -> Option<&Stack> {
        let of = |period: Period| PERIODS.iter().position(|p| *p == period);
        self.stacks.get(of(period)?)?.get(Dimension::ALL.iter().position(|d| *d == by)?)
    }

    /// What one of something costs in a period.
    #[must_use]
    pub fn units(&self, period: Period) -> Option<&Pair> {
        self.units.get(PERIODS.iter().position(|p| *p == period)?)
    }
}

/// The first days of the last periods, the oldest first, the running one last.
#[must_use]
pub fn beginnings(period: Period, now: Millis, zone: Zone, count: usize) -> Vec<NaiveDate> {
    let first = period.first(now, zone);
    let back = |n: usize| {
        let n = u32::try_from(n).unwrap_or(u32::MAX);
        match period {
            Period::Day => first.checked_sub_days(Days::new(u64::from(n))),
            Period::Week => first.checked_sub_days(Days::new(7 * u64::from(n))),
            Period::Month => first.checked_sub_months(Months::new(n)),
        }
    };
    (0..count).rev().filter_map(back).collect()
}

/// The period that begins on a day.
#[must_use]
pub fn window(period: Period, first: NaiveDate, zone: Zone) -> Window {
    let next = match period {
        Period::Day => first.succ_opt(),
        Period::Week => first.checked_add_days(Days::new(7)),
        Period::Month => first.checked_add_months(Months::new(1)),
    };
    Window { from: start_of(first, zone), to: start_of(next.unwrap_or(first), zone) }
}

/// The same length of the period before: the running one is compared with as much of it.
#[must_use]
pub fn same_before(period: Period, first: NaiveDate, now: Millis, zone: Zone) -> Option<Window> {
    let own = window(period, first, zone);
    let before = match period {
        Period::Day => first.pred_opt(),
        Period::Week => first.checked_sub_days(Days::new(7)),
        Period::Month => first.checked_sub_months(Months::new(1)),
    };
    let before = window(period, before?, zone);
    let to = if own.contains(now) { (before.from + (now - own.from)).min(before.to) } else { before.to };
    Some(Window { to, ..before })
}

/// Everything that the view shows: one look at the sums of a year, and one at its calls.
pub fn trends(store: &Store, prices: &mut Pricer, now: Millis, zone: Zone) -> Result<Trends, StoreError> {
    let mut trends = Trends::default();
    let begin = PERIODS.iter().zip(SHOWN).filter_map(|(period, shown)| beginnings(*period, now, zone, shown).first().copied()).min();
    let begin = begin.map_or(now, |first| start_of(first, zone));
    let mut rows: Vec<Spent> = Vec::new();
    store.each_happening(Window { from: begin, to: now.saturating_add(1) }, |row| {
        if row.sums.calls != 0 || row.sums.nanos != 0 {
            rows.push(Spent { at: row.at, session: row.session, cost: row.sums.cost(), model: row.model });
        }
    })?;
    let places = store.session_places()?;
    for ((period, shown), stacks) in PERIODS.into_iter().zip(SHOWN).zip(&mut trends.stacks) {
        let firsts = beginnings(period, now, zone, shown);
        for (by, stack) in Dimension::ALL.into_iter().zip(stacks) {
            *stack = stack_of(&rows, &firsts, by, &places, zone);
        }
    }
    trends.heat = heat(&rows, store.first_slot()?, now, zone);
    let month = Window::last_days(now, zone, HOUR_DAYS);
    for row in rows.iter().filter(|row| month.contains(row.at)) {
        let hour = usize::try_from(utc(row.at).with_timezone(&zone).hour()).unwrap_or(0);
        if let Some(cost) = trends.hours.get_mut(hour) {
            *cost += row.cost;
        }
    }
    drop((rows, places)); // what comes now looks at many things as well
    let mut windows = Vec::new();
    for period in PERIODS {
        let first = period.first(now, zone);
        let own = window(period, first, zone);
        windows.push(own);
        windows.push(same_before(period, first, now, zone).unwrap_or(Window { to: own.from, from: own.from }));
    }
    let mut found = units::units(store, prices, &units::Asking { windows: &windows, keeps: &|_| true, passes: &|_| true })?.into_iter();
    for pair in &mut trends.units {
        let (now, before) = (found.next(), found.next());
        *pair = Pair { now: now.unwrap_or_default(), before: before.unwrap_or_default() };
    }
    Ok(trends)
}

/// What one session spent with one model in a quarter of an hour.
struct Spent {
    at: Millis,
    session: i64,
    model: Option<Arc<str>>,
    cost: Cost,
}

fn stack_of(rows: &[Spent], firsts: &[NaiveDate], by: Dimension, places: &HashMap<i64, Place>, zone: Zone) -> Stack {
    let none: Arc<str> = Arc::from("");
    let starts: Vec<Millis> = firsts.iter().map(|first| start_of(*first, zone)).collect();
    let mut by_name: HashMap<Arc<str>, Vec<Cost>> = HashMap::new();
    for row in rows {
        let Some(bar) = starts.partition_point(|start| *start <= row.at).checked_sub(1) else { continue };
        let name = match by {
            Dimension::Model => row.model.as_ref(),
            Dimension::Project => places.get(&row.session).map(|(_, project)| project),
            Dimension::Agent => places.get(&row.session).map(|(agent, _)| agent),
        };
        let bars = by_name.entry(name.unwrap_or(&none).clone()).or_insert_with(|| vec![Cost::default(); starts.len()]);
        if let Some(cost) = bars.get_mut(bar) {
            *cost += row.cost;
        }
    }
    let total = |bars: &[Cost]| bars.iter().fold(Cost::default(), |sum, cost| sum + *cost);
    let mut named: Vec<(Arc<str>, Cost, Vec<Cost>)> = by_name.into_iter().map(|(name, bars)| (name, total(&bars), bars)).collect();
    named.sort_by(|(a_name, a, _), (b_name, b, _)| {
        b.known.cmp(&a.known).then(b.unpriced_calls.cmp(&a.unpriced_calls)).then(a_name.cmp(b_name))
    });
    let bar = |(i, first): (usize, &NaiveDate)| {
        let mut bar = Bar { first: *first, cost: Cost::default(), parts: [0; PARTS + 1] };
        for (rank, (_, _, bars)) in named.iter().enumerate() {
            let cost = bars.get(i).copied().unwrap_or_default();
            bar.cost += cost;
            if let Some(part) = bar.parts.get_mut(rank.min(PARTS)) {
                *part = part.saturating_add(cost.known.nanos());
            }
        }
        bar
    };
    let bars = firsts.iter().enumerate().map(bar).collect();
    let others = named.get(PARTS..).filter(|rest| !rest.is_empty());
    let others = others.map(|rest| rest.iter().fold(Cost::default(), |sum, (_, cost, _)| sum + *cost));
    named.truncate(PARTS);
    Stack { names: named.into_iter().map(|(name, cost, _)| (name, cost)).collect(), others, bars }
}

fn heat(rows: &[Spent], begin: Option<Millis>, now: Millis, zone: Zone) -> Heat {
    let today = day_of(now, zone);
    let Some(begin) = begin.map(|at| day_of(at, zone)) else { return Heat::default() };
    let last = week_of(today);
    let oldest = last.checked_sub_days(Days::new(7 * (WEEKS - 1))).unwrap_or(last).max(week_of(begin));
    let mut weeks: Vec<(NaiveDate, [Option<Cost>; 7])> = Vec::new();
    let mut monday = Some(oldest);
    while let Some(at) = monday.filter(|at| *at <= last) {
        let day = |weekday: u64| at.checked_add_days(Days::new(weekday)).filter(|day| (begin..=today).contains(day));
        weeks.push((at, std::array::from_fn(|weekday| day(weekday as u64).map(|_| Cost::default()))));
        monday = at.checked_add_days(Days::new(7));
    }
    for row in rows {
        let day = day_of(row.at, zone);
        let weekday = usize::try_from(day.weekday().num_days_from_monday()).unwrap_or(0);
        let place = usize::try_from((week_of(day) - oldest).num_days().div_euclid(7)).ok().and_then(|week| weeks.get_mut(week));
        if let Some(cost) = place.and_then(|(_, days)| days.get_mut(weekday)).and_then(Option::as_mut) {
            *cost += row.cost;
        }
    }
    Heat { weeks }
}
