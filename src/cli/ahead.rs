//! A moment to come, as people write it: `midnight`, `2h`, `18:00`, `friday`, `2026-12-01`, `2026-12-01T18:00`.

use chrono::{Datelike as _, Days, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Weekday};

use crate::model::time::{HOUR, MINUTE, day_of, start_of};
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
    if let Some(length) = length(&text) {
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
        return (0..2).find_map(|days| at(today.checked_add_days(Days::new(days))?, clock, zone).filter(|at| *at > now));
    }
    let moment = ["%Y-%m-%dt%H:%M", "%Y-%m-%d %H:%M"].iter().find_map(|form| NaiveDateTime::parse_from_str(&text, form).ok());
    if let Some(moment) = moment {
        return at(moment.date(), moment.time(), zone);
    }
    chrono::DateTime::parse_from_rfc3339(&text.to_uppercase()).ok().map(|moment| moment.timestamp_millis())
}

/// A clock's moment on a day; where clocks skip it, the one an hour later.
fn at(day: NaiveDate, clock: NaiveTime, zone: Zone) -> Option<Millis> {
    let local = day.and_time(clock);
    let found = zone.from_local_datetime(&local).earliest();
    found.or_else(|| zone.from_local_datetime(&(local + chrono::Duration::hours(1))).earliest()).map(|at| at.timestamp_millis())
}

/// `90s`, `30m`, `2h`, `1d`, `1w`, and together: `1h30m`.
fn length(text: &str) -> Option<Millis> {
    let (mut total, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
        let (number, after) = rest.split_at_checked(digits)?;
        let mut letters = after.chars();
        let unit = match letters.next()? {
            's' => 1000,
            'm' => MINUTE,
            'h' => HOUR,
            'd' => 24 * HOUR,
            'w' => 7 * 24 * HOUR,
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(Millis::from(number.parse::<u32>().ok()?))?)?;
        rest = letters.as_str();
    }
    (total > 0).then_some(total)
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
