//! Which stretch of time: `--all`, `--range`, `--since`, `--until`.

use chrono::{Datelike as _, Days, NaiveDate, Weekday};
use clap::Args;

use crate::config::Range;
use crate::engine::Span;
use crate::model::time::{day_of, start_of};
use crate::model::{Millis, Window, Zone};

use super::error::CliError;
use super::moment::{length, moment};
use super::words;

/// A range's window that ends with today.
#[must_use]
pub fn window_of(range: Range, now: Millis, zone: Zone) -> Window {
    span_of(range).window(now, zone)
}

/// A range as the engine knows it.
#[must_use]
pub const fn span_of(range: Range) -> Span {
    match range {
        Range::Today => Span::Today,
        Range::Days7 => Span::Days(7),
        Range::Days30 => Span::Days(30),
        Range::All => Span::All,
    }
}

/// The window as typed.
///
/// Figures are kept per quarter of an hour, so a window is widened to whole quarters.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Window")]
pub struct WindowArgs {
    /// Everything that is known
    #[arg(long, conflicts_with_all = ["range", "since", "until"])]
    pub all: bool,
    /// A window by name
    #[arg(long, value_parser = words::ranges(), conflicts_with_all = ["since", "until"])]
    pub range: Option<Range>,
    /// From this moment or day on
    ///
    /// A day (`2026-11-01`, `today`, `yesterday`, `monday`), a moment (`2026-11-01T10:00`, or RFC 3339 with its own
    /// zone), or a time ago (`30m`, `12h`, `7d`, `2w`, `1h30m`). Days and moments are of your time zone. Figures are kept per
    /// quarter of an hour: the window is widened to whole quarters.
    #[arg(long, value_name = "WHEN")]
    pub since: Option<String>,
    /// Up to this moment, or up to the end of this day
    #[arg(long, value_name = "WHEN")]
    pub until: Option<String>,
}

impl WindowArgs {
    /// The window that was asked for in whole quarters of an hour, as figures are kept: the same for all of a command's
    /// answer. `None` if none was asked for.
    pub fn window(&self, now: Millis, zone: Zone) -> Result<Option<Window>, CliError> {
        Ok(self.exact(now, zone)?.map(Window::in_quarters))
    }

    /// The window to the instant, for what is no figure; `None` if none was asked for.
    pub fn exact(&self, now: Millis, zone: Zone) -> Result<Option<Window>, CliError> {
        if self.all {
            return Ok(Some(Window::ALL));
        }
        if let Some(range) = self.range {
            return Ok(Some(window_of(range, now, zone)));
        }
        if self.since.is_none() && self.until.is_none() {
            return Ok(None);
        }
        let edge = |flag: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => parse(text, now, zone).map(Some).ok_or_else(|| bad(flag, text)),
        };
        let from = edge("since", &self.since)?.map_or(Window::ALL.from, |m| m.start(zone));
        let to = edge("until", &self.until)?.map_or(Window::ALL.to, |m| m.end(zone));
        if from >= to {
            return Err(CliError::usage("the window is empty: --since is not before --until", "--until names the last day or moment"));
        }
        Ok(Some(Window { from, to }))
    }
}

fn bad(flag: &str, text: &str) -> CliError {
    CliError::usage(
        format!("`{text}` is no time for --{flag}"),
        "try a day (2026-11-01, yesterday, monday), a moment (2026-11-01T10:00) or a time ago (12h, 7d)",
    )
}

/// A day or a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mark {
    Day(NaiveDate),
    Moment(Millis),
}

impl Mark {
    fn start(self, zone: Zone) -> Millis {
        match self {
            Mark::Day(day) => start_of(day, zone),
            Mark::Moment(at) => at,
        }
    }

    /// A day ends with its last instant, a moment with itself.
    fn end(self, zone: Zone) -> Millis {
        match self {
            Mark::Day(day) => start_of(day.checked_add_days(Days::new(1)).unwrap_or(day), zone),
            Mark::Moment(at) => at,
        }
    }
}

fn parse(text: &str, now: Millis, zone: Zone) -> Option<Mark> {
    let text = text.trim().to_lowercase();
    let today = day_of(now, zone);
    match text.as_str() {
        "now" => return Some(Mark::Moment(now)),
        "today" => return Some(Mark::Day(today)),
        "yesterday" => return today.checked_sub_days(Days::new(1)).map(Mark::Day),
        _ => {}
    }
    if let Ok(weekday) = text.parse::<Weekday>() {
        let back = today.weekday().days_since(weekday);
        return today.checked_sub_days(Days::new(u64::from(back))).map(Mark::Day);
    }
    if let Ok(day) = NaiveDate::parse_from_str(&text, "%Y-%m-%d") {
        return Some(Mark::Day(day));
    }
    let ago = |length| now.checked_sub(length);
    length(&text).and_then(ago).or_else(|| moment(&text, zone)).map(Mark::Moment)
}

/// The window in words for a headline: `2026-11-22`, `2026-11-16 – 2026-11-22`, `all time`.
#[must_use]
pub fn describe(window: Window, zone: Zone) -> String {
    let open = (window.from == Window::ALL.from, window.to == Window::ALL.to);
    let mark = |at: Millis| {
        let day = day_of(at, zone);
        if start_of(day, zone) == at { day.to_string() } else { clock(at, zone) }
    };
    let last = || if start_of(day_of(window.to, zone), zone) == window.to { mark_day(window.to - 1, zone) } else { clock(window.to, zone) };
    match open {
        (true, true) => "all time".to_owned(),
        (false, true) => format!("since {}", mark(window.from)),
        (true, false) => format!("until {}", last()),
        (false, false) => {
            let (from, to) = (mark(window.from), last());
            if from == to { from } else { format!("{from} – {to}") }
        }
    }
}

fn mark_day(at: Millis, zone: Zone) -> String {
    day_of(at, zone).to_string()
}

/// A moment on the viewer's clock: `2026-11-22 14:05`.
#[must_use]
pub fn clock(at: Millis, zone: Zone) -> String {
    crate::model::time::utc(at).with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// A moment to come: `Fri 4 Dec 18:00`, with its year where that is another one.
#[must_use]
pub fn coming(at: Millis, now: Millis, zone: Zone) -> String {
    let of = |at| crate::model::time::utc(at).with_timezone(&zone);
    let form = if of(at).year() == of(now).year() { "%a %-d %b %H:%M" } else { "%a %-d %b %Y %H:%M" };
    of(at).format(form).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::HOUR;

    fn zone() -> Zone {
        Zone::named("Europe/Zurich").unwrap()
    }

    fn at(text: &str) -> Millis {
        chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
    }

    fn window(since: Option<&str>, until: Option<&str>) -> Result<Option<Window>, CliError> {
        // A Wednesday.
        let now = at("2026-11-18T12:00:00+01:00");
        let args = WindowArgs { since: since.map(str::to_owned), until: until.map(str::to_owned), ..WindowArgs::default() };
        args.exact(now, zone())
    }

    #[test]
    fn days_include_their_end_and_moments_do_not() {
        let found = window(Some("2026-10-25"), Some("2026-10-25")).unwrap().unwrap();
        assert_eq!(found.to - found.from, 25 * HOUR, "clocks are put back on that day");
        let found = window(Some("2026-11-01T10:00"), Some("2026-11-01 12:30")).unwrap().unwrap();
        assert_eq!((found.from, found.to), (at("2026-11-01T10:00:00+01:00"), at("2026-11-01T12:30:00+01:00")));
    }

    #[test]
    fn figures_are_of_whole_quarters() {
        let args =
            |since: &str, until: &str| WindowArgs { since: Some(since.to_owned()), until: Some(until.to_owned()), ..WindowArgs::default() };
        let window = |since, until| args(since, until).window(0, zone()).unwrap().unwrap();
        let whole = window("2026-11-01T10:00", "2026-11-01T11:00");
        assert_eq!(window("2026-11-01T10:14:59", "2026-11-01T10:45:01"), whole);
        assert_eq!(window("2026-11-01T10:00", "2026-11-01T11:00"), whole, "what is whole stays so");
        let open = WindowArgs { since: Some("2026-11-01T10:14".to_owned()), ..WindowArgs::default() }.window(0, zone()).unwrap().unwrap();
        assert_eq!((open.from, open.to), (whole.from, Window::ALL.to));
    }

    #[test]
    fn words_and_times_ago() {
        for (text, expected) in [
            ("today", "2026-11-18T00:00:00+01:00"),
            ("yesterday", "2026-11-17T00:00:00+01:00"),
            ("monday", "2026-11-16T00:00:00+01:00"),
            ("Wed", "2026-11-18T00:00:00+01:00"),
            ("thursday", "2026-11-12T00:00:00+01:00"),
            ("12h", "2026-11-18T00:00:00+01:00"),
            ("7d", "2026-11-11T12:00:00+01:00"),
            ("1h30m", "2026-11-18T10:30:00+01:00"),
            ("2026-11-01T10:00:30", "2026-11-01T10:00:30+01:00"),
            ("2026-11-01T10:00:00Z", "2026-11-01T11:00:00+01:00"),
        ] {
            assert_eq!(window(Some(text), None).unwrap().unwrap().from, at(expected), "{text}");
        }
    }

    #[test]
    fn nonsense_and_empty_windows_are_refused() {
        assert!(window(None, None).unwrap().is_none());
        for text in ["soon", "2026-13-01", "d", "-3d", ""] {
            assert_eq!(window(Some(text), None).unwrap_err().code(), "usage", "{text}");
        }
        assert!(window(Some("today"), Some("yesterday")).is_err());
    }

    #[test]
    fn what_is_to_come_next_year_says_so() {
        let now = at("2026-11-18T12:00:00+01:00");
        assert_eq!(coming(at("2026-12-31T23:59:00+01:00"), now, zone()), "Thu 31 Dec 23:59");
        assert_eq!(coming(at("2027-01-01T00:00:00+01:00"), now, zone()), "Fri 1 Jan 2027 00:00");
    }

    #[test]
    fn windows_in_words() {
        let words = |since, until| describe(window(since, until).unwrap().unwrap(), zone());
        assert_eq!(words(Some("today"), Some("today")), "2026-11-18");
        assert_eq!(words(Some("monday"), Some("today")), "2026-11-16 – 2026-11-18");
        assert_eq!(words(Some("12h"), None), "since 2026-11-18");
        assert_eq!(words(None, Some("2026-11-01T10:00")), "until 2026-11-01 10:00");
        assert_eq!(describe(Window::ALL, zone()), "all time");
    }
}
