//! A moment to come, as people write it: `midnight`, `2h`, `18:00`, `friday`, `2026-12-01`, `2026-12-01T18:00`.

use chrono::{Datelike as _, Days, NaiveDate, NaiveTime, Weekday};

use super::moment::{length, moment, on_clock};
use crate::model::time::{day_of, start_of};
use crate::model::{Millis, Window, Zone};

/// The moment; a day is meant up to its end, a time of day is the next one. `None` where the text says nothing.
#[must_use]
pub fn ahead(text: &str, now: Millis, zone: Zone) -> Option<Millis> {
    let text = text.trim().to_lowercase();
    let today = day_of(now, zone);
    let end = |day: NaiveDate| Some(start_of(day.checked_add_days(Days::new(1))?, zone));
    match text.as_str() {
        "midnight" | "today" => return Some(Window::today(now, zone).to),
        "tomorrow" => return end(today.checked_add_days(Days::new(1))?),
        _ => {}
    }
    if let Some(length) = length(&text).filter(|length| *length > 0) {
        return now.checked_add(length);
    }
    if let Ok(weekday) = text.parse::<Weekday>() {
        let on = weekday.days_since(today.weekday());
        return end(today.checked_add_days(Days::new(u64::from(on)))?);
    }
    if let Ok(day) = NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
        return end(day);
    }
    if let Ok(clock) = NaiveTime::parse_from_str(&text, "%H:%M") {
        return (0..2).find_map(|days| on_clock(today.checked_add_days(Days::new(days))?.and_time(clock), zone).filter(|at| *at > now));
    }
    moment(&text, zone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone() -> Zone {
        Zone::named("Europe/Zurich").unwrap()
    }

    fn at(text: &str) -> Millis {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    #[test]
    fn moments_to_come() {
        // A Wednesday.
        let now = at("2026-11-18T12:00:00+01:00");
        for (text, expected) in [
            ("midnight", "2026-11-19T00:00:00+01:00"),
            ("2h", "2026-11-18T14:00:00+01:00"),
            ("1h30m", "2026-11-18T13:30:00+01:00"),
            ("18:00", "2026-11-18T18:00:00+01:00"),
            ("09:00", "2026-11-19T09:00:00+01:00"),
            ("friday", "2026-11-21T00:00:00+01:00"),
            ("Wed", "2026-11-19T00:00:00+01:00"),
            ("2026-12-01", "2026-12-02T00:00:00+01:00"),
            ("2026-12-01T10:00:00Z", "2026-12-01T11:00:00+01:00"),
            ("2026-12-01T10:00", "2026-12-01T10:00:00+01:00"),
            ("2026-12-01 10:00", "2026-12-01T10:00:00+01:00"),
        ] {
            assert_eq!(ahead(text, now, zone()), Some(at(expected)), "{text}");
        }
        for text in ["", "soon", "h", "2", "-2h", "2x", "25:00", "0h"] {
            assert_eq!(ahead(text, now, zone()), None, "{text}");
        }
    }

    #[test]
    fn a_time_of_day_that_is_skipped_comes_an_hour_later() {
        // 02:30 does not exist on 2026-03-29 in Zurich.
        let now = at("2026-03-29T00:30:00+01:00");
        assert_eq!(ahead("02:30", now, zone()), Some(at("2026-03-29T03:30:00+02:00")));
        assert_eq!(ahead("midnight", now, zone()), Some(at("2026-03-30T00:00:00+02:00")));
    }
}
