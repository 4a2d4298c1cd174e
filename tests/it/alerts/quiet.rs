//! Quiet hours go by the clock on the wall, also on days on which it is changed.

use std::sync::LazyLock;

use aifinops::model::{Millis, Quiet, Zone};
use chrono::{DateTime, TimeZone as _, Timelike as _};
use proptest::prelude::*;

const MINUTE: Millis = 60_000;
const HOUR: Millis = 60 * MINUTE;
/// Zones that change their clocks by an hour, by half an hour, at midnight, by a whole day, and not at all.
static ZONES: LazyLock<[Zone; 6]> = LazyLock::new(|| {
    [
        Zone::named("Europe/Berlin").unwrap(),
        Zone::named("America/New_York").unwrap(),
        Zone::named("Australia/Lord_Howe").unwrap(),
        Zone::named("America/Santiago").unwrap(),
        Zone::named("Pacific/Apia").unwrap(),
        Zone::named("Asia/Kolkata").unwrap(),
    ]
});

fn at(text: &str) -> Millis {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

fn quiet(text: &str) -> Quiet {
    Quiet::parse(text).unwrap()
}

/// Minutes after midnight on the wall.
fn wall(now: Millis, zone: Zone) -> u32 {
    let local = zone.timestamp_millis_opt(now).unwrap();
    local.hour() * 60 + local.minute()
}

#[test]
fn a_night_goes_past_midnight() {
    let night = quiet("22:00-07:00");
    let end = Some(at("2026-11-26T07:00:00Z"));
    assert_eq!(night.until(at("2026-11-25T21:59:59Z"), Zone::UTC), None);
    assert_eq!(night.until(at("2026-11-25T22:00:00Z"), Zone::UTC), end);
    assert_eq!(night.until(at("2026-11-26T06:59:59Z"), Zone::UTC), end);
    assert_eq!(night.until(at("2026-11-26T07:00:00Z"), Zone::UTC), None);
}

#[test]
fn a_night_is_an_hour_shorter_or_longer_when_the_clocks_change() {
    let berlin = Zone::named("Europe/Berlin").unwrap();
    let night = quiet("22:00-07:00");
    assert_eq!(night.until(at("2026-03-28T21:00:00Z"), berlin), Some(at("2026-03-29T05:00:00Z")), "eight hours");
    assert_eq!(night.until(at("2026-10-24T20:00:00Z"), berlin), Some(at("2026-10-25T06:00:00Z")), "ten hours");
}

#[test]
fn an_end_that_comes_twice_counts_the_second_time_and_one_that_is_skipped_after_the_gap() {
    let berlin = Zone::named("Europe/Berlin").unwrap();
    // 02:30 comes at 00:30 and at 01:30 UTC.
    let night = quiet("22:00-02:30");
    let end = at("2026-10-25T01:30:00Z");
    for now in (at("2026-10-24T20:00:00Z")..end).step_by(60_000) {
        assert_eq!(night.until(now, berlin), Some(end));
    }
    assert_eq!(night.until(end, berlin), None);
    // 02:30 does not come: 02:00 is 03:00.
    assert_eq!(night.until(at("2026-03-28T22:00:00Z"), berlin), Some(at("2026-03-29T01:00:00Z")));
    assert_eq!(quiet("02:10-02:50").until(at("2026-03-29T01:00:00Z"), berlin), None, "a span within the gap is empty");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn quiet_hours_are_whole_and_are_those_of_the_clock(
        zone in prop::sample::select(&ZONES[..]), from in 0_u32..1440, length in 1_u32..1440,
        now in 1_262_304_000_000_i64..1_830_000_000_000, near in prop::option::of((0_usize..8, -36_i64..36)),
    ) {
        // Every other case lies within a day and a half of a change of clocks.
        let changes = [
            "2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2026-11-01T06:00:00Z", "2026-04-04T15:00:00Z",
            "2026-10-03T15:30:00Z", "2026-09-06T04:00:00Z", "2011-12-30T10:00:00Z",
        ];
        let now = near.map_or(now, |(which, hours)| at(changes[which]) + hours * HOUR + now % HOUR);
        let to = (from + length) % 1440;
        let hours = quiet(&format!("{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60));
        let minute = wall(now, zone);
        let inside = if from < to { from <= minute && minute < to } else { minute >= from || minute < to };
        let until = hours.until(now, zone);
        if let Some(end) = until {
            prop_assert!(now < end && end - now <= 50 * HOUR);
            // The same end from everywhere within, and no quiet at the end.
            prop_assert_eq!(hours.until(now + (end - now) / 2, zone), Some(end));
            prop_assert_eq!(hours.until(end - 1, zone), Some(end));
            prop_assert_eq!(hours.until(end, zone), None);
        }
        // Where no clock is changed within a day and more, the wall's clock alone decides.
        let offset = |at: Millis| { use chrono::Offset as _; zone.timestamp_millis_opt(at).unwrap().offset().fix().local_minus_utc() };
        let calm = (-30..=30).all(|hours| offset(now) == offset(now + hours * HOUR));
        if calm {
            prop_assert_eq!(until.is_some(), inside);
            if let Some(end) = until {
                prop_assert_eq!(wall(end, zone), to);
                prop_assert!(end - now <= 24 * HOUR);
            }
        }
    }
}
