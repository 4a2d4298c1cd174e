//! What a moment is written with, whether it is past ([`when`](super::when)) or to come ([`ahead`](super::ahead)): a length of time, or
//! a time on a clock.

use chrono::{DateTime, Duration, NaiveDateTime, TimeZone as _};

use crate::model::time::{DAY, HOUR, MINUTE};
use crate::model::{Millis, Zone};

/// The longest length that is taken for one, a hundred years: nobody means more, and a moment so far away could not be written down.
const LONGEST: Millis = 36_525 * DAY;

/// `90s`, `30m`, `2h`, `1d`, `1w`, and together: `1h30m`; up to a hundred years.
pub(super) fn length(text: &str) -> Option<Millis> {
    let (mut total, mut rest) = (0_i64, text);
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
        let (number, after) = rest.split_at_checked(digits)?;
        let mut letters = after.chars();
        let unit = match letters.next()? {
            's' => 1000,
            'm' => MINUTE,
            'h' => HOUR,
            'd' => DAY,
            'w' => 7 * DAY,
            _ => return None,
        };
        total = total.checked_add(unit.checked_mul(Millis::from(number.parse::<u32>().ok()?))?)?;
        rest = letters.as_str();
    }
    (!text.is_empty() && total <= LONGEST).then_some(total)
}

/// `2026-11-01t10:00`, with seconds or without, on the viewer's clock; with a zone behind it, on that zone's.
pub(super) fn moment(text: &str, zone: Zone) -> Option<Millis> {
    let plain = text.replace('t', " ");
    let local = ["%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"].iter().find_map(|form| NaiveDateTime::parse_from_str(&plain, form).ok());
    match local {
        Some(local) => on_clock(local, zone),
        None => DateTime::parse_from_rfc3339(&text.to_uppercase()).ok().map(|moment| moment.timestamp_millis()),
    }
}

/// The moment at which the viewer's clock says this: the first one where it is put back, an hour later where it skips it.
pub(super) fn on_clock(local: NaiveDateTime, zone: Zone) -> Option<Millis> {
    let first = |local: NaiveDateTime| zone.from_local_datetime(&local).earliest();
    first(local).or_else(|| first(local.checked_add_signed(Duration::hours(1))?)).map(|moment| moment.timestamp_millis())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_ends_where_nobody_means_it() {
        for (text, expected) in [
            ("90s", Some(90_000)),
            ("1h30m", Some(HOUR + 30 * MINUTE)),
            ("2w1d", Some(15 * DAY)),
            ("36525d", Some(LONGEST)),
            ("36525d1s", None),
            ("5218w", None),
            ("99999999d", None),
            ("4294967295w4294967295w", None),
            ("99999999999h", None),
            ("", None),
            ("d", None),
        ] {
            assert_eq!(length(text), expected, "{text}");
        }
    }
}
