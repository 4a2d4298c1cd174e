//! The past as forecasts take it: what was spent in each hour of the clock, day by day.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate, Timelike as _};

use crate::insight::forecast::{Course, HOURS, MOST_DAYS, Past, Stretch};
use crate::model::time::{HOUR, MINUTE, SLOT, day_of, start_of, utc};
use crate::model::{Cost, Millis, Window, Zone};

/// What was spent over time, in one unit.
#[derive(Debug, Clone)]
pub struct History {
    zone: Zone,
    /// Quarters of an hour in order, and what was spent up to the end of each.
    spent: Vec<(Millis, i64)>,
    /// The days from the first one on which anything is known, without a gap.
    days: BTreeMap<NaiveDate, Past>,
    /// That first day, of which a part may be missing.
    first: Option<NaiveDate>,
    /// The cost behind it: whether all of it is known.
    pub cost: Cost,
}

impl History {
    /// The history that quarters of an hour make, which are in order and all those of a window that ends now; `first` is
    /// when records begin.
    #[must_use]
    pub fn new(quarters: impl Iterator<Item = (Millis, i64)>, first: Option<Millis>, window: Window, zone: Zone) -> History {
        let mut sum = 0_i64;
        let mut spent: Vec<(Millis, i64)> = Vec::new();
        let mut days: BTreeMap<NaiveDate, Past> = BTreeMap::new();
        for (at, amount) in quarters {
            let amount = amount.max(0);
            sum = sum.saturating_add(amount);
            match spent.last_mut().filter(|(last, _)| *last == at) {
                Some(last) => last.1 = sum,
                None => spent.push((at, sum)),
            }
            let local = utc(at).with_timezone(&zone);
            let past = days.entry(local.date_naive()).or_default();
            if let Some(hour) = past.hours.get_mut(usize::try_from(local.hour()).unwrap_or(0)) {
                *hour = hour.saturating_add(amount);
            }
        }
        let first = first.map(|at| day_of(at, zone));
        let mut day = first.map(|first| first.max(day_of(window.from, zone)));
        while let Some(at) = day.filter(|at| *at <= day_of(window.to, zone)) {
            let past = days.entry(at).or_default();
            past.weekday = weekday(at);
            even_out(past, at, zone);
            day = at.succ_opt();
        }
        History { zone, spent, days, first, cost: Cost::default() }
    }

    /// The zone that its days are of.
    #[must_use]
    pub const fn zone(&self) -> Zone {
        self.zone
    }

    /// The first day on which anything is known.
    #[must_use]
    pub const fn first(&self) -> Option<NaiveDate> {
        self.first
    }

    /// The last quarter of an hour in which anything was spent.
    #[must_use]
    pub fn last(&self) -> Option<Millis> {
        self.spent.last().map(|(at, _)| *at)
    }

    /// What was spent in a window.
    #[must_use]
    pub fn spent(&self, window: Window) -> i64 {
        let before = |at: Millis| {
            let place = self.spent.partition_point(|(quarter, _)| *quarter < at);
            place.checked_sub(1).and_then(|i| self.spent.get(i)).map_or(0, |(_, sum)| *sum)
        };
        before(window.to).saturating_sub(before(window.from))
    }

    /// How many days before this moment's own count.
    #[must_use]
    pub fn days_before(&self, now: Millis) -> usize {
        self.past(day_of(now, self.zone)).len()
    }

    /// The days before this one that count. The first of all is but a part of a day, and counts only while there is no other.
    fn past(&self, today: NaiveDate) -> Vec<Past> {
        let oldest = today.checked_sub_days(Days::new(MOST_DAYS as u64)).unwrap_or(today);
        let mut days: Vec<(&NaiveDate, &Past)> = self.days.range(oldest..today).collect();
        if days.len() > 1 && days.first().is_some_and(|(day, _)| Some(**day) == self.first) {
            days.remove(0);
        }
        days.into_iter().map(|(_, past)| past.clone()).collect()
    }

    /// What is known at a moment about a window that it falls in.
    #[must_use]
    pub fn course(&self, now: Millis, window: Window) -> Course {
        let zone = self.zone;
        let today = day_of(now, zone);
        let day = |day: NaiveDate| Window { from: start_of(day, zone), to: start_of(day.succ_opt().unwrap_or(day), zone) };
        let own = day(today);
        let begin = day_of(window.from, zone);
        let mut ahead = vec![stretch(today, Window { from: now, to: own.to }, zone)];
        let mut next = today.succ_opt();
        while let Some(at) = next.filter(|at| start_of(*at, zone) < window.to) {
            ahead.push(stretch(at, day(at), zone));
            next = at.succ_opt();
        }
        Course {
            past: self.past(today),
            gone: stretch(today, Window { from: own.from, to: now }, zone),
            today: self.spent(Window { from: own.from, to: now }),
            over: self.days.range(begin.min(today)..today).map(|(day, _)| weekday(*day)).collect(),
            spent: self.spent(Window { from: window.from, to: now }),
            ahead,
        }
    }
}

fn weekday(day: NaiveDate) -> u8 {
    u8::try_from(day.weekday().num_days_from_monday()).unwrap_or(0)
}

/// An hour of the clock that came twice counts for one.
fn even_out(past: &mut Past, day: NaiveDate, zone: Zone) {
    let window = Window { from: start_of(day, zone), to: start_of(day.succ_opt().unwrap_or(day), zone) };
    if window.to - window.from == 24 * HOUR {
        return;
    }
    for (hour, minutes) in past.hours.iter_mut().zip(minutes(window, zone)) {
        if minutes > 60 {
            *hour = hour.saturating_mul(60) / i64::from(minutes);
        }
    }
}

/// A part of a day.
fn stretch(day: NaiveDate, window: Window, zone: Zone) -> Stretch {
    Stretch { from: window.from, weekday: weekday(day), minutes: minutes(window, zone) }
}

/// The minutes of each hour of the clock in a part of a day.
fn minutes(window: Window, zone: Zone) -> [u32; HOURS] {
    let hour_of = |at: Millis| usize::try_from(utc(at).with_timezone(&zone).hour()).unwrap_or(0);
    if window.to - window.from == 24 * HOUR && hour_of(window.from) == 0 && hour_of(window.to) == 0 {
        return [60; HOURS];
    }
    let mut millis = [0_i64; HOURS];
    let mut at = window.from;
    while at < window.to {
        // Clocks are changed on a quarter of an hour.
        let next = ((at.div_euclid(SLOT) + 1) * SLOT).min(window.to);
        if let Some(hour) = millis.get_mut(hour_of(at)) {
            *hour += next - at;
        }
        at = next;
    }
    millis.map(|millis| u32::try_from((millis + MINUTE / 2) / MINUTE).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Millis {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn zurich() -> Zone {
        Zone::named("Europe/Zurich").unwrap()
    }

    #[test]
    fn days_of_23_and_25_hours_have_their_own_minutes() {
        let of = |day: &str| {
            let day: NaiveDate = day.parse().unwrap();
            let window = Window { from: start_of(day, zurich()), to: start_of(day.succ_opt().unwrap(), zurich()) };
            minutes(window, zurich())
        };
        let (plain, spring, autumn) = (of("2026-10-24"), of("2026-03-29"), of("2026-10-25"));
        assert_eq!(plain, [60; HOURS]);
        assert_eq!((spring[1], spring[2], spring[3]), (60, 0, 60));
        assert_eq!((autumn[1], autumn[2], autumn[3]), (60, 120, 60));
    }

    #[test]
    fn what_is_left_of_today_is_told_to_the_minute() {
        let now = at("2026-11-18T16:50:00+01:00");
        let history = History::new(std::iter::empty(), None, Window { from: 0, to: now }, zurich());
        let course = history.course(now, Window::today(now, zurich()));
        assert_eq!((course.ahead.len(), course.ahead[0].minutes[15], course.ahead[0].minutes[16]), (1, 0, 10));
        assert_eq!((course.gone.minutes[16], course.gone.minutes[17]), (50, 0));
        assert!(course.past.is_empty());
    }

    #[test]
    fn a_day_without_spend_is_a_day_and_the_first_one_is_but_a_part() {
        let quarter = |text: &str, amount: i64| (at(text), amount);
        let rows = [
            quarter("2026-11-10T17:00:00+01:00", 5),
            quarter("2026-11-11T09:15:00+01:00", 7),
            quarter("2026-11-11T09:30:00+01:00", 8),
            quarter("2026-11-13T10:00:00+01:00", 9),
        ];
        let history = |now: &str| History::new(rows.iter().copied(), Some(rows[0].0), Window { from: 0, to: at(now) }, zurich());
        let days = |now: &str| history(now).course(at(now), Window::today(at(now), zurich())).past;
        assert_eq!(days("2026-11-11T12:00:00+01:00").len(), 1, "there is no other");
        let past = days("2026-11-14T12:00:00+01:00");
        assert_eq!(past.iter().map(|day| day.hours.iter().sum::<i64>()).collect::<Vec<_>>(), [15, 0, 9]);
        assert_eq!((past[0].weekday, past[0].hours[9]), (2, 15));
        let now = at("2026-11-13T23:00:00+01:00");
        let week = crate::model::time::week(now, zurich(), chrono::Weekday::Mon);
        let course = history("2026-11-13T23:00:00+01:00").course(now, week);
        assert_eq!((course.spent, course.today, course.over, course.ahead.len()), (29, 9, vec![1, 2, 3], 3));
    }
}
