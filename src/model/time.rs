//! Instants, days and windows. Stored times are UTC milliseconds; days belong to the viewer's zone.

use super::Zone;
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, SecondsFormat, TimeZone, Utc, Weekday};

/// Milliseconds since the Unix epoch, UTC.
pub type Millis = i64;

/// A minute in [`Millis`].
pub const MINUTE: Millis = 60_000;
/// An hour in [`Millis`].
pub const HOUR: Millis = 60 * MINUTE;
/// A day, as clocks that are never changed have it.
pub const DAY: Millis = 24 * HOUR;
/// The width of a rollup's slot: every zone's midnight falls on a quarter of an hour.
pub const SLOT: Millis = 15 * MINUTE;
/// Slots of a UTC day.
pub const SLOTS_A_DAY: i64 = 24 * HOUR / SLOT;

/// A half-open span of time, `from` included, `to` excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Window {
    /// The first instant inside.
    pub from: Millis,
    /// The first instant after.
    pub to: Millis,
}

impl Window {
    /// All of time.
    pub const ALL: Window = Window { from: i64::MIN / 2, to: i64::MAX / 2 };

    /// Whether the instant lies inside.
    #[must_use]
    pub const fn contains(&self, at: Millis) -> bool {
        self.from <= at && at < self.to
    }

    /// The window in whole quarters of an hour, as figures are kept. What is open stays so.
    #[must_use]
    pub const fn in_quarters(self) -> Window {
        let Window { from, to } = self;
        Window {
            from: if from == Window::ALL.from { from } else { from - from.rem_euclid(SLOT) },
            to: if to == Window::ALL.to { to } else { to + (SLOT - to.rem_euclid(SLOT)) % SLOT },
        }
    }

    /// The viewer's day that `now` falls in: 23 or 25 hours long where the clocks change.
    #[must_use]
    pub fn today(now: Millis, zone: Zone) -> Window {
        let day = day_of(now, zone);
        Window { from: start_of(day, zone), to: start_of(next(day), zone) }
    }

    /// The last `days` days of the viewer, today included.
    #[must_use]
    pub fn last_days(now: Millis, zone: Zone, days: u64) -> Window {
        let today = day_of(now, zone);
        let first = today.checked_sub_days(Days::new(days.saturating_sub(1))).unwrap_or(today);
        Window { from: start_of(first, zone), to: start_of(next(today), zone) }
    }
}

/// The viewer's week that `now` falls in, beginning on this weekday.
#[must_use]
pub fn week(now: Millis, zone: Zone, start: Weekday) -> Window {
    let today = day_of(now, zone);
    let since = today.weekday().days_since(start);
    let first = today.checked_sub_days(Days::new(u64::from(since))).unwrap_or(today);
    let after = first.checked_add_days(Days::new(7)).unwrap_or(first);
    Window { from: start_of(first, zone), to: start_of(after, zone) }
}

/// The viewer's calendar month that `now` falls in.
#[must_use]
pub fn month(now: Millis, zone: Zone) -> Window {
    let first = day_of(now, zone).with_day(1).unwrap_or_default();
    let after = first.checked_add_months(Months::new(1)).unwrap_or(first);
    Window { from: start_of(first, zone), to: start_of(after, zone) }
}

fn next(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(day)
}

/// The viewer's calendar day of an instant.
#[must_use]
pub fn day_of(at: Millis, zone: Zone) -> NaiveDate {
    utc(at).with_timezone(&zone).date_naive()
}

/// The first instant of a calendar day: midnight, or what follows it where midnight is skipped.
#[must_use]
pub fn start_of(day: NaiveDate, zone: Zone) -> Millis {
    let midnight = day.and_time(NaiveTime::MIN);
    let mut probe = midnight;
    // Clocks skip at most a few hours (a whole day once, Samoa 2011); walk to the first instant that exists.
    for _ in 0..=(24 * 4) {
        if let Some(found) = zone.from_local_datetime(&probe).earliest() {
            return found.timestamp_millis();
        }
        probe += chrono::Duration::minutes(15);
    }
    midnight.and_utc().timestamp_millis()
}

/// A quarter of a million years: the calendar ends a little later, with room for every zone.
const FAR: Millis = 8_000_000_000_000_000;

/// The instant as a UTC date; the nearest one that a calendar has where it is out of range.
#[must_use]
pub fn utc(at: Millis) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.clamp(-FAR, FAR)).unwrap_or_default()
}

/// RFC 3339 in UTC with milliseconds, as all JSON output writes times.
#[must_use]
pub fn rfc3339(at: Millis) -> String {
    utc(at).to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The Monday of the week that the day is in. Reports, loops and trends go by it: the
/// setting `week_start` is for caps and forecasts.
#[must_use]
pub fn week_of(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(u64::from(day.weekday().num_days_from_monday()))).unwrap_or(day)
}

/// Parses the RFC 3339 stamps of agents' logs. The usual shape (`2026-08-09T18:02:42.528Z`) takes a short way.
#[must_use]
pub fn parse_stamp(text: &[u8]) -> Option<Millis> {
    fast_stamp(text).or_else(|| {
        let text = std::str::from_utf8(text).ok()?;
        DateTime::parse_from_rfc3339(text).ok().map(|t| t.timestamp_millis())
    })
}

/// `YYYY-MM-DDThh:mm:ss[.fff…]Z` without a library's generality: this runs once per log line.
fn fast_stamp(text: &[u8]) -> Option<Millis> {
    let number = |from: usize, to: usize| -> Option<i64> {
        text.get(from..to)?.iter().try_fold(0_i64, |n, c| c.is_ascii_digit().then(|| n * 10 + i64::from(c - b'0')))
    };
    let at = |i: usize| text.get(i).copied();
    if at(4)? != b'-' || at(7)? != b'-' || at(10)? != b'T' || at(13)? != b':' || at(16)? != b':' || *text.last()? != b'Z' {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    if !(1..=12).contains(&month) || !(1..=28).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None; // rare days and odd values: let the library decide
    }
    let millis = match at(19)? {
        b'Z' => 0,
        b'.' if text.get(23..text.len() - 1).is_some_and(|rest| rest.iter().all(u8::is_ascii_digit)) => number(20, 23)?,
        _ => return None,
    };
    Some(((days_from_civil(year, month, day) * 24 + hour) * 60 + minute) * MINUTE + second * 1000 + millis)
}

/// Days since the epoch of a Gregorian date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
const fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// A length of time the way people read it: `42s`, `7m`, `1h 05m`, `3d 4h`.
#[must_use]
pub fn span(millis: Millis) -> String {
    let seconds = millis.max(0) / 1000;
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h {:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d {}h", seconds / 86_400, seconds / 3600 % 24),
    }
}
