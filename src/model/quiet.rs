//! Hours in which nobody wants to be told anything.

use super::Zone;
use std::fmt;

use chrono::{Days, MappedLocalTime, NaiveDate, TimeDelta, TimeZone as _};

use super::time::{Millis, day_of};

/// Minutes in a day of the clock.
const DAY: u16 = 24 * 60;

/// A span of every night (or day) in local time, such as 22:00 to 07:00; it may go past midnight.
///
/// Where the clocks change, the span is still one piece: it begins when its first minute comes for the first time and
/// ends when its last one has passed for good. A minute that is skipped stands for the one after the gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quiet {
    /// Minutes after midnight; the first quiet one.
    from: u16,
    /// Minutes after midnight; the first one that is not quiet any more.
    to: u16,
}

impl Quiet {
    /// Reads `22:00-07:00`. `None` for anything else, and where both ends are the same.
    #[must_use]
    pub fn parse(text: &str) -> Option<Quiet> {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minute(from.trim())?, minute(to.trim())?);
        (from != to).then_some(Quiet { from, to })
    }

    /// The end of the quiet span that an instant lies in; `None` where it lies in none.
    #[must_use]
    pub fn until(self, now: Millis, zone: Zone) -> Option<Millis> {
        let today = day_of(now, zone);
        let yesterday = today.checked_sub_days(Days::new(1)).unwrap_or(today);
        let mut end = None;
        // An hour that comes twice can make the span of one day touch that of the next.
        for day in [yesterday, today, after(today)] {
            let (from, to) = self.span(day, zone);
            let at = end.unwrap_or(now);
            if from <= at && at < to {
                end = Some(to);
            }
        }
        end
    }

    /// The span that begins on a day: its first instant, and the first one after it.
    fn span(self, day: NaiveDate, zone: Zone) -> (Millis, Millis) {
        let last = if self.to > self.from { day } else { after(day) };
        (instant(day, self.from, zone, false), instant(last, self.to, zone, true))
    }
}

impl fmt::Display for Quiet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}-{:02}:{:02}", self.from / 60, self.from % 60, self.to / 60, self.to % 60)
    }
}

/// Minutes after midnight of `22:00` or `7:30`.
fn minute(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let digits = |text: &str, most: usize| text.len() <= most && !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(hour, 2) || minute.len() != 2 || !digits(minute, 2) {
        return None;
    }
    let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

fn after(day: NaiveDate) -> NaiveDate {
    day.checked_add_days(Days::new(1)).unwrap_or(day)
}

/// The instant of a local time: the first or the last one where it comes twice, the end of the gap where it is skipped.
fn instant(day: NaiveDate, minute: u16, zone: Zone, last: bool) -> Millis {
    let mut local = day.and_time(chrono::NaiveTime::MIN) + TimeDelta::minutes(i64::from(minute));
    // The longest gap there ever was is a whole day (Samoa, 2011).
    for _ in 0..=DAY {
        match zone.from_local_datetime(&local) {
            MappedLocalTime::Single(at) => return at.timestamp_millis(),
            MappedLocalTime::Ambiguous(first, second) => return if last { second } else { first }.timestamp_millis(),
            MappedLocalTime::None => local += TimeDelta::minutes(1),
        }
    }
    local.and_utc().timestamp_millis()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_two_times_of_the_clock_make_a_span() {
        for (text, shown) in [("22:00-07:00", "22:00-07:00"), ("9:05 - 17:30", "09:05-17:30"), ("00:00-23:59", "00:00-23:59")] {
            assert_eq!(Quiet::parse(text).map(|quiet| quiet.to_string()).as_deref(), Some(shown));
        }
        for text in ["", "22:00", "22-7", "24:00-07:00", "22:60-07:00", "22:00-22:00", "+2:00-03:00", "22:0-07:00", "22:00-07:00-08:00"] {
            assert_eq!(Quiet::parse(text), None, "{text}");
        }
    }
}
