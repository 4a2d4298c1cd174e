//! Days belong to the viewer: 23 to 25 hours long where clocks change, and sometimes not there at all.

use aifinops::model::time::{HOUR, MINUTE, SLOT, day_of, parse_stamp, rfc3339, span, start_of, utc, week_of};
use aifinops::model::{Millis, Window, Zone};
use std::sync::LazyLock;

use chrono::{DateTime, Datelike as _, Days, NaiveDate, TimeZone as _, Weekday};
use proptest::prelude::*;

static BERLIN: LazyLock<Zone> = LazyLock::new(|| Zone::named("Europe/Berlin").unwrap());
static SAO_PAULO: LazyLock<Zone> = LazyLock::new(|| Zone::named("America/Sao_Paulo").unwrap());
static LORD_HOWE: LazyLock<Zone> = LazyLock::new(|| Zone::named("Australia/Lord_Howe").unwrap());
static APIA: LazyLock<Zone> = LazyLock::new(|| Zone::named("Pacific/Apia").unwrap());
static CASABLANCA: LazyLock<Zone> = LazyLock::new(|| Zone::named("Africa/Casablanca").unwrap());

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> Millis {
    DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// The viewer's day that holds noon of that date.
fn today(date: &str, zone: Zone) -> Window {
    let noon = zone.from_local_datetime(&day(date).and_hms_opt(12, 0, 0).unwrap()).unwrap();
    Window::today(noon.timestamp_millis(), zone)
}

fn length(window: Window) -> Millis {
    window.to - window.from
}

#[test]
fn an_ordinary_day_has_24_hours() {
    assert_eq!(length(today("2026-08-10", *BERLIN)), 24 * HOUR);
    assert_eq!(today("2026-08-10", *BERLIN).from, at("2026-08-09T22:00:00Z"));
}

#[test]
fn berlin_s_day_in_march_has_23_hours_and_the_one_in_october_25() {
    assert_eq!(length(today("2026-03-29", *BERLIN)), 23 * HOUR);
    assert_eq!(length(today("2026-10-25", *BERLIN)), 25 * HOUR);
    let october = today("2026-10-25", *BERLIN);
    assert!(october.contains(at("2026-10-25T02:30:00+02:00")) && october.contains(at("2026-10-25T02:30:00+01:00")));
    assert!(october.contains(at("2026-10-25T23:59:59.999+01:00")) && !october.contains(at("2026-10-26T00:00:00+01:00")));
}

#[test]
fn a_day_begins_at_one_where_midnight_was_skipped() {
    // Brazil's clocks went from 00:00 to 01:00 on 4 November 2018.
    assert_eq!(start_of(day("2018-11-04"), *SAO_PAULO), at("2018-11-04T01:00:00-02:00"));
    assert_eq!(length(today("2018-11-04", *SAO_PAULO)), 23 * HOUR);
    // And from 00:00 back to 23:00 in February: the day before has 25 hours.
    assert_eq!(length(today("2018-02-17", *SAO_PAULO)), 25 * HOUR);
}

#[test]
fn lord_howe_changes_by_half_an_hour() {
    assert_eq!(length(today("2026-04-05", *LORD_HOWE)), 24 * HOUR + 30 * MINUTE);
    assert_eq!(length(today("2026-10-04", *LORD_HOWE)), 23 * HOUR + 30 * MINUTE);
}

#[test]
fn samoa_left_out_a_whole_day() {
    let before = at("2011-12-29T23:59:59-10:00");
    let after = at("2011-12-31T00:00:00+14:00");
    assert_eq!((day_of(before, *APIA), day_of(after, *APIA)), (day("2011-12-29"), day("2011-12-31")));
    assert_eq!(start_of(day("2011-12-30"), *APIA), after, "the day that never was begins with the next one");
    let last = Window::today(before, *APIA);
    assert_eq!((last.to, length(last)), (after, 24 * HOUR));
    assert_eq!(length(Window::last_days(after, *APIA, 2)), 24 * HOUR, "of the last two days one never was");
}

#[test]
fn casablanca_changes_its_clocks_around_ramadan() {
    // In 2026 clocks go back on 15 February and forward on 22 March.
    assert_eq!(length(today("2026-02-15", *CASABLANCA)), 25 * HOUR);
    assert_eq!(length(today("2026-03-22", *CASABLANCA)), 23 * HOUR);
}

#[test]
fn the_last_days_are_calendar_days() {
    let now = at("2026-03-31T12:00:00+02:00");
    let week = Window::last_days(now, *BERLIN, 7);
    assert_eq!((week.from, week.to), (at("2026-03-25T00:00:00+01:00"), at("2026-04-01T00:00:00+02:00")));
    assert_eq!(length(week), (7 * 24 - 1) * HOUR);
    assert_eq!(Window::last_days(now, *BERLIN, 1), Window::today(now, *BERLIN));
    assert_eq!(Window::last_days(now, *BERLIN, 0), Window::today(now, *BERLIN));
}

#[test]
fn every_day_begins_on_the_border_of_a_slot() {
    for zone in [
        *BERLIN,
        *SAO_PAULO,
        *LORD_HOWE,
        *APIA,
        *CASABLANCA,
        Zone::named("Asia/Kathmandu").unwrap(),
        Zone::named("Pacific/Chatham").unwrap(),
        Zone::named("Australia/Eucla").unwrap(),
    ] {
        let mut date = day("2010-01-01");
        while date < day("2030-01-01") {
            assert_eq!(start_of(date, zone).rem_euclid(SLOT), 0, "{date} in {zone}");
            date = date + Days::new(13);
        }
    }
}

#[test]
fn stamps_are_read_in_the_shapes_that_agents_write() {
    let noon = at("2026-08-09T12:00:00Z");
    for (text, millis) in [
        ("2026-08-09T12:00:00Z", 0),
        ("2026-08-09T12:00:00.528Z", 528),
        ("2026-08-09T12:00:00.528999Z", 528),
        ("2026-08-09T12:00:00.5Z", 500),
        ("2026-08-09T12:00:00.528123456Z", 528),
        ("2026-08-09T14:00:00.001+02:00", 1),
        ("2026-08-09T05:00:00-07:00", 0),
    ] {
        assert_eq!(parse_stamp(text.as_bytes()), Some(noon + millis), "{text}");
    }
}

#[test]
fn what_is_no_stamp_is_none() {
    for text in [
        "",
        "Z",
        "2026-08-09",
        "2026-02-30T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-08-09T25:00:00Z",
        "2026-08-09T12:60:00.000Z",
        "2026-08-09T12:00:00.Z",
        "2026-08-09T12:00:00.528",
        "2026-08-09T12:00:00.12xZ",
        "2026-08-09T12:00:00.123xyzZ",
        "1786284000",
    ] {
        assert_eq!(parse_stamp(text.as_bytes()), None, "{text}");
    }
    assert_eq!(parse_stamp(b"2026-08-09T12:00:00.\xff\xff\xffZ"), None);
}

#[test]
fn instants_beyond_the_calendar_stay_inside_it() {
    assert!(utc(i64::MAX).year() > 200_000 && utc(i64::MIN).year() < -200_000);
    for extreme in [i64::MAX, i64::MIN, i64::MAX / 2, 0] {
        let _ = (rfc3339(extreme), day_of(extreme, *BERLIN), Window::today(extreme, *BERLIN), Window::last_days(extreme, *APIA, u64::MAX));
    }
}

#[test]
fn lengths_of_time_read_as_people_say_them() {
    let told = [
        (-5, "0s"),
        (42_999, "42s"),
        (60_000, "1m"),
        (7 * MINUTE, "7m"),
        (65 * MINUTE, "1h 05m"),
        (23 * HOUR, "23h 00m"),
        (76 * HOUR, "3d 4h"),
    ];
    for (millis, text) in told {
        assert_eq!(span(millis), text);
    }
}

fn zones() -> impl Strategy<Value = Zone> {
    prop::sample::select(Zone::names().filter_map(Zone::named).collect::<Vec<_>>())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_instant_lies_in_its_own_day(now in at("2017-01-01T00:00:00Z")..at("2090-01-01T00:00:00Z"), zone in zones()) {
        let window = Window::today(now, zone);
        prop_assert!(window.contains(now), "{} in {zone}", rfc3339(now));
        prop_assert_eq!(day_of(window.from, zone), day_of(now, zone));
        prop_assert!(day_of(window.to, zone) > day_of(now, zone));
        prop_assert!(day_of(window.to - 1, zone) <= day_of(now, zone));
    }

    #[test]
    fn days_follow_each_other_without_a_gap(days in 0..26_000_u64, zone in zones()) {
        let first = day("2017-01-01") + Days::new(days);
        let (from, to) = (start_of(first, zone), start_of(first + Days::new(1), zone));
        prop_assert!(from <= to && to - from <= 26 * HOUR, "{first} in {zone} has {} minutes", (to - from) / MINUTE);
        prop_assert!(to == from || day_of(from, zone) == first, "{first} in {zone}");
        prop_assert!(day_of(from - 1, zone) < first, "{first} in {zone} begins with its first instant");
    }

    #[test]
    fn weeks_begin_on_a_monday(days in 0..36_000_u64) {
        let date = day("1990-01-01") + Days::new(days);
        let monday = week_of(date);
        prop_assert_eq!(monday.weekday(), Weekday::Mon);
        prop_assert!((0..7).contains(&(date - monday).num_days()));
    }

    #[test]
    fn stamps_are_read_as_the_library_reads_them(millis in at("0001-01-01T00:00:00Z")..at("9999-12-31T23:59:59Z"), digits in 0..10_usize, offset in -840..841_i32) {
        let time = utc(millis);
        let fraction = format!("{:03}000000", time.timestamp_subsec_millis());
        let mut text = time.format("%Y-%m-%dT%H:%M:%S").to_string();
        if digits > 0 {
            text = format!("{text}.{}", &fraction[..digits]);
        }
        let expected = |text: &str| DateTime::parse_from_rfc3339(text).ok().map(|t| t.timestamp_millis());
        let zulu = format!("{text}Z");
        prop_assert_eq!(parse_stamp(zulu.as_bytes()), expected(&zulu));
        let local = format!("{text}{}{:02}:{:02}", if offset < 0 { '-' } else { '+' }, offset.abs() / 60, offset.abs() % 60);
        prop_assert_eq!(parse_stamp(local.as_bytes()), expected(&local));
    }

    #[test]
    fn what_is_written_is_read_again(millis in at("0001-01-01T00:00:00Z")..at("9999-12-31T23:59:59Z")) {
        prop_assert_eq!(parse_stamp(rfc3339(millis).as_bytes()), Some(millis));
    }

    #[test]
    fn odd_stamps_mean_what_the_library_says(text in "[0-9]{4}-[0-9]{2}-[0-3][0-9]T[0-2][0-9]:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,9})?Z") {
        let expected = DateTime::parse_from_rfc3339(&text).ok().map(|t| t.timestamp_millis());
        prop_assert_eq!(parse_stamp(text.as_bytes()), expected, "{}", text);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let _ = parse_stamp(&bytes);
    }
}
