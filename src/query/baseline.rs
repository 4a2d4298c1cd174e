//! What is usual for this person: how long loops run, what an hour costs, how large prompts are, what a task costs.

use std::collections::BTreeMap;

use chrono::NaiveDate;

use super::Living;
use super::loops::{self, BASELINE, Baselines, Paid, Short};
use crate::insight::spread::Spread;
use crate::model::time::{DAY, HOUR, SLOT, day_of};
use crate::model::{Millis, Money, Window, Zone};
use crate::store::{Store, StoreError, Sums};

/// The slots of an hour.
const SLOTS: i64 = 4;
/// How many days an hour is compared with.
const DAYS_OF_HOURS: i64 = 28;
/// How many days prompts are compared with.
const DAYS_OF_PROMPTS: i64 = 14;
/// Days with fewer calls do not say how large prompts are.
const CALLS: i64 = 20;

/// The mean cost of some tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TaskCost {
    /// How many tasks.
    pub tasks: i64,
    /// What all of them cost.
    pub total: Money,
}

impl TaskCost {
    fn of<'a>(tasks: impl Iterator<Item = &'a Paid>) -> TaskCost {
        // A task whose cost is not known whole says nothing about the mean.
        tasks
            .filter(|task| task.is_whole)
            .fold(TaskCost::default(), |sum, task| TaskCost { tasks: sum.tasks + 1, total: sum.total + task.cost })
    }

    /// The mean in nano-dollars; `None` without any task.
    #[must_use]
    pub fn mean(&self) -> Option<i64> {
        self.total.nanos().checked_div(self.tasks)
    }
}

/// What is usual.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Baseline {
    /// How long the tasks of the last weeks ran, those that are over.
    pub loops: Baselines,
    /// What the same hour cost on earlier days, where anything was spent, in nano-dollars.
    pub hours: Spread,
    /// The mean tokens of a prompt on each of the last days.
    pub prompts: Spread,
    /// Tasks of the last seven days, and of the seven before.
    pub weeks: (TaskCost, TaskCost),
}

/// What is now.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Present {
    /// What the last hour cost, of what is known.
    pub hour: Money,
    /// The mean tokens of today's prompts, where there are enough to tell.
    pub prompt: Option<i64>,
    /// The calendar day.
    pub day: NaiveDate,
    /// Its short tasks.
    pub short: Vec<Short>,
}

/// Looks back. Takes some tens of milliseconds on a store of years: not for every frame.
pub fn baseline(store: &Store, living: &Living, now: Millis, zone: Zone) -> Result<Baseline, StoreError> {
    let since = |days: i64| now - days * DAY;
    let (lengths, paid) = loops::past(store, living, (now - BASELINE, since(14)), now)?;
    let week = |from: Millis, to: Millis| TaskCost::of(paid.iter().filter(|task| (from..to).contains(&task.started_at)));
    let weeks = (week(since(7), i64::MAX), week(since(14), since(7)));
    let slots = store.pace(Window { from: since(DAYS_OF_HOURS + 1), to: now })?;
    Ok(Baseline { loops: lengths, weeks, hours: hours(&slots, now), prompts: prompts(&slots, now, zone) })
}

/// What is now, in the same measures.
pub fn present(store: &Store, living: &Living, now: Millis, zone: Zone) -> Result<Present, StoreError> {
    let midnight = Window::today(now, zone).from;
    let slots = store.pace(Window { from: midnight.min(now - HOUR), to: i64::MAX })?;
    let last = now.div_euclid(SLOT);
    let today = day_of(now, zone);
    let hour = slots.iter().filter(|(at, _)| (last - SLOTS + 1..=last).contains(&at.div_euclid(SLOT))).map(|(_, sums)| sums.nanos).sum();
    let mut sums = Sums::default();
    slots.iter().filter(|(at, _)| day_of(*at, zone) == today).for_each(|(_, part)| sums.add(part, 1));
    let short = loops::short(store, midnight, living, now)?;
    Ok(Present { hour: Money::from_nanos(hour), prompt: mean_prompt(&sums), day: today, short })
}

/// What the same four quarters cost on each earlier day, where anything was spent in them.
fn hours(slots: &[(Millis, Sums)], now: Millis) -> Spread {
    let last = now.div_euclid(SLOT);
    let mut by_day: BTreeMap<i64, i64> = BTreeMap::new();
    for (at, sums) in slots {
        let back = last - at.div_euclid(SLOT);
        let (days, rest) = (back.div_euclid(DAY / SLOT), back.rem_euclid(DAY / SLOT));
        if rest < SLOTS && (1..=DAYS_OF_HOURS).contains(&days) && sums.nanos > 0 {
            *by_day.entry(days).or_default() += sums.nanos;
        }
    }
    by_day.into_values().collect()
}

fn prompts(slots: &[(Millis, Sums)], now: Millis, zone: Zone) -> Spread {
    let (today, first) = (day_of(now, zone), day_of(now - DAYS_OF_PROMPTS * DAY, zone));
    let mut by_day: BTreeMap<NaiveDate, Sums> = BTreeMap::new();
    for (at, sums) in slots {
        let day = day_of(*at, zone);
        if (first..today).contains(&day) {
            by_day.entry(day).or_default().add(sums, 1);
        }
    }
    by_day.values().filter_map(mean_prompt).collect()
}

fn mean_prompt(sums: &Sums) -> Option<i64> {
    let prompt = i64::try_from(sums.tokens().prompt()).ok()?;
    (sums.calls >= CALLS).then(|| prompt / sums.calls)
}
