//! Caps: what amounts mean, how windows lie, what counts under which cap, and what stops.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod beyond;
mod commands;
mod enforcer;
mod gate;
mod hook;
mod judge;
mod ledger;
mod watchman;

use aifinops::budgets::{self, Assumed, Raise, Spend, Standing};
use aifinops::model::cap::{Action, Amount, AmountError, Cap, Scope, Span, Unit};
use aifinops::model::time::HOUR;
use aifinops::model::{Millis, Money, Rate, Tokens, Window, Zone};
use chrono::Weekday;
use proptest::prelude::*;

pub(crate) fn usd(text: &str) -> Money {
    Money::parse_usd(text).unwrap()
}

fn at(text: &str) -> Millis {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

pub(crate) fn cap(limit: &str, span: Span) -> Cap {
    Cap::new(span.word(), Amount::parse(limit).unwrap(), span)
}

fn standing(cap: Cap, spent: &str) -> Standing {
    let window = Window { from: 0, to: 24 * HOUR };
    Standing { cap, window, spend: Spend { known: usd(spent), ..Spend::default() }, raised: 0, subject: None }
}

#[test]
fn amounts_are_read_as_people_write_them_and_exactly() {
    for (text, unit, count) in [
        ("20", Unit::Money, 20_000_000_000),
        ("$7.50", Unit::Money, 7_500_000_000),
        ("0.000000001", Unit::Money, 1),
        ("1,000", Unit::Money, 1_000_000_000_000),
        ("$1,250.50", Unit::Money, 1_250_500_000_000),
        ("1,000,000 tokens", Unit::Tokens, 1_000_000),
        ("5 M tokens", Unit::Tokens, 5_000_000),
        ("3 USD", Unit::Money, 3_000_000_000),
        ("5M tokens", Unit::Tokens, 5_000_000),
        ("1.5k tokens", Unit::Tokens, 1500),
        ("250_000tokens", Unit::Tokens, 250_000),
        ("60 steps", Unit::Steps, 60),
        ("1 step", Unit::Steps, 1),
    ] {
        assert_eq!(Amount::parse(text), Ok(Amount { unit, count }), "{text}");
    }
    for (text, why) in [
        ("", AmountError::Shape),
        ("abc", AmountError::Shape),
        ("1e9", AmountError::Shape),
        ("1.2.3", AmountError::Shape),
        ("5 bananas", AmountError::Shape),
        ("NaN", AmountError::Shape),
        ("inf", AmountError::Shape),
        (".", AmountError::Shape),
        ("1,5", AmountError::Comma),
        ("7,50", AmountError::Comma),
        ("1.000,50", AmountError::Comma),
        ("1,0000", AmountError::Comma),
        ("0,500", AmountError::Comma),
        ("2000,000", AmountError::Comma),
        (",500", AmountError::Comma),
        ("0", AmountError::Zero),
        ("$0.00", AmountError::Zero),
        ("0 steps", AmountError::Zero),
        ("-5", AmountError::Negative),
        ("-$5", AmountError::Negative),
        ("$-5", AmountError::Negative),
        ("-1 tokens", AmountError::Negative),
        ("1000000.01", AmountError::Huge),
        ("99999999999999999999999", AmountError::Huge),
        ("9999999B tokens", AmountError::Huge),
        ("0.0000000001", AmountError::Fine),
        ("1.5 steps", AmountError::Fine),
        ("1.0005k tokens", AmountError::Fine),
    ] {
        assert_eq!(Amount::parse(text), Err(why), "{text}");
    }
}

proptest! {
    #[test]
    fn what_an_amount_says_of_itself_reads_back(count in 1_i64..1_000_000_000_000, unit in 0..3) {
        let unit = [Unit::Money, Unit::Tokens, Unit::Steps][usize::try_from(unit).unwrap()];
        let amount = Amount { unit, count };
        prop_assert_eq!(Amount::parse(&amount.text()), Ok(amount));
    }

    #[test]
    fn no_text_makes_an_amount_panic(text in "\\PC{0,24}") {
        if let Ok(amount) = Amount::parse(&text) {
            prop_assert!(amount.count > 0);
        }
    }

    #[test]
    fn a_window_holds_its_moment_and_the_next_one_begins_where_it_ends(
        now in 946_684_800_000_i64..4_102_444_800_000,
        zone in prop::sample::select(vec![
            Zone::UTC, Zone::named("Europe/Zurich").unwrap(), Zone::named("America/Sao_Paulo").unwrap(), Zone::named("Africa/Cairo").unwrap(), Zone::named("Asia/Kathmandu").unwrap(),
            Zone::named("Pacific/Apia").unwrap(), Zone::named("Australia/Lord_Howe").unwrap(), Zone::named("America/Havana").unwrap(),
        ]),
        span in prop::sample::select(vec![Span::Day, Span::Week, Span::Month]),
        start in prop::sample::select(vec![Weekday::Mon, Weekday::Sun, Weekday::Sat]),
    ) {
        let window = budgets::window(span, now, zone, start).unwrap();
        prop_assert!(window.contains(now), "{window:?} {now}");
        let next = budgets::window(span, window.to, zone, start).unwrap();
        prop_assert_eq!(next.from, window.to);
        prop_assert!(next.to > next.from);
        // A quarter of an hour is the grain of the sums.
        prop_assert_eq!(window.from % (15 * 60_000), 0);
    }

    #[test]
    fn assumed_money_grows_with_what_has_no_price(input in 0_u64..1_000_000_000, output in 0_u64..1_000_000, unpriced in 0_u64..50, calls in 1_u64..50) {
        let assumed = Assumed::default();
        let tokens = Tokens { input, output, ..Tokens::default() };
        let some = assumed.cost(&tokens, unpriced.min(calls), calls);
        prop_assert!(some >= Money::ZERO && some <= assumed.cost(&tokens, calls, calls));
        prop_assert_eq!(assumed.cost(&tokens, 0, calls), Money::ZERO);
    }
}

#[test]
fn days_are_the_users_days_whatever_the_clocks_do() {
    let day = |now: &str, zone: Zone| {
        let window = budgets::window(Span::Day, at(now), zone, Weekday::Mon).unwrap();
        (window.to - window.from) / HOUR
    };
    assert_eq!(day("2026-03-29T12:00:00Z", Zone::named("Europe/Zurich").unwrap()), 23);
    assert_eq!(day("2026-10-25T12:00:00Z", Zone::named("Europe/Zurich").unwrap()), 25);
    assert_eq!(day("2026-11-25T12:00:00Z", Zone::named("Europe/Zurich").unwrap()), 24);
    // Midnight does not exist: the day begins at one.
    assert_eq!(day("2018-11-04T12:00:00Z", Zone::named("America/Sao_Paulo").unwrap()), 23);
    let window = budgets::window(Span::Day, at("2024-04-26T12:00:00Z"), Zone::named("Africa/Cairo").unwrap(), Weekday::Mon).unwrap();
    assert_eq!(window.from, at("2024-04-26T01:00:00+03:00"));
    // Samoa had no 30 December 2011: the 29th is followed by the 31st.
    let window = budgets::window(Span::Day, at("2011-12-29T20:00:00-10:00"), Zone::named("Pacific/Apia").unwrap(), Weekday::Mon).unwrap();
    assert_eq!(window.to, at("2011-12-31T00:00:00+14:00"));
}

#[test]
fn weeks_begin_where_the_user_says() {
    let now = at("2026-11-25T12:00:00Z"); // a Wednesday
    let from = |start| budgets::window(Span::Week, now, Zone::UTC, start).unwrap().from;
    assert_eq!(from(Weekday::Mon), at("2026-11-23T00:00:00Z"));
    assert_eq!(from(Weekday::Sun), at("2026-11-22T00:00:00Z"));
    assert_eq!(from(Weekday::Wed), at("2026-11-25T00:00:00Z"));
    assert_eq!(from(Weekday::Thu), at("2026-11-19T00:00:00Z"));
}

#[test]
fn a_scope_covers_what_it_names_and_what_nobody_can_tell() {
    let scope = |agent: &str, project: &str, model: &str| {
        let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Scope { agent: part(agent), project: part(project), model: part(model) }
    };
    assert!(scope("", "", "").covers("codex", None, None));
    assert!(scope("codex", "", "").covers("codex", None, None));
    assert!(!scope("codex", "", "").covers("claude-code", None, None));
    assert!(scope("", "web-*", "").covers("codex", Some("/home/me/web-shop/"), None));
    assert!(!scope("", "web-*", "").covers("codex", Some("/home/web-me/api"), None));
    assert!(scope("", "*/clients/*", "").covers("codex", Some("/home/me/clients/acme/api"), None));
    assert!(scope("", "web", "").covers("codex", None, None), "a project that is not known is not a way out");
    assert!(scope("", "", "opus").covers("claude-code", None, Some("claude-opus-4-6")));
    assert!(!scope("", "", "opus").covers("claude-code", None, Some("claude-haiku-4-5")));
    assert!(scope("", "", "gpt-5*").covers("codex", None, Some("gpt-5.3-codex")));
    assert!(!scope("", "", "gpt-5*").covers("codex", None, Some("openai/gpt-5")));
}

#[test]
fn levels_rise_with_what_is_used_and_the_last_is_reached_only_at_the_limit() {
    let level = |spent| standing(cap("20", Span::Day), spent).level();
    assert_eq!(level("9.999999999"), None);
    assert_eq!(level("10"), Some(50));
    assert_eq!(level("15.99"), Some(50));
    assert_eq!(level("16"), Some(80));
    assert_eq!(level("19.999999999"), Some(80));
    assert_eq!(level("20"), Some(100));
    assert_eq!(level("500"), Some(100));
    let silent = Cap { notify: Vec::new(), ..cap("20", Span::Day) };
    assert_eq!(standing(silent, "500").level(), None);
}

#[test]
fn a_cap_stops_at_its_limit_and_not_before_and_a_warning_never_does() {
    assert!(!standing(cap("20", Span::Day), "19.999999999").halts());
    assert!(standing(cap("20", Span::Day), "20").halts());
    assert!(!standing(Cap { action: Action::Warn, ..cap("20", Span::Day) }, "99").halts());
    assert_eq!(budgets::verdict(&[standing(cap("20", Span::Day), "5")]), None);
    let mut week = standing(cap("100", Span::Week), "100");
    week.window.to = 7 * 24 * HOUR;
    let both = [standing(cap("20", Span::Day), "25"), week];
    assert_eq!(budgets::verdict(&both).unwrap().cap.span, Span::Week, "the one that holds longest");
}

#[test]
fn a_raise_makes_room_until_it_ends_and_never_under_a_policy() {
    let raise = |cap: &str, by: &str, until| Raise { cap: cap.to_owned(), by: Amount::parse(by).unwrap(), at: 0, until, reason: None };
    let raises = [raise("day", "10", 100), raise("day", "5", 200), raise("week", "7", 200), raise("day", "9 steps", 200)];
    let day = cap("20", Span::Day);
    assert_eq!(budgets::raised(&day, &raises, 50), 15_000_000_000);
    assert_eq!(budgets::raised(&day, &raises, 100), 5_000_000_000);
    assert_eq!(budgets::raised(&day, &raises, 200), 0);
    assert_eq!(budgets::raised(&Cap { managed: true, ..day }, &raises, 50), 0);
}

#[test]
fn caps_that_can_never_be_reached_are_found() {
    let day = cap("20", Span::Day);
    let names = |caps: &[Cap]| -> Vec<(String, String)> {
        budgets::shadowed(caps).iter().map(|(inner, outer)| (inner.name.clone(), outer.name.clone())).collect()
    };
    assert_eq!(names(&[day.clone(), cap("100", Span::Week)]), []);
    assert_eq!(names(&[day.clone(), cap("10", Span::Week)]), [("day".to_owned(), "week".to_owned())]);
    let codex = Cap { name: "codex".into(), scope: Scope { agent: Some("codex".into()), ..Scope::default() }, ..cap("30", Span::Day) };
    assert_eq!(names(&[day.clone(), codex.clone()]), [("codex".to_owned(), "day".to_owned())]);
    assert_eq!(names(&[Cap { action: Action::Warn, ..day.clone() }, codex]), [], "what only warns binds nothing");
    assert_eq!(names(&[day.clone(), cap("5 steps", Span::Day)]), [], "dollars and steps do not compare");
    let twin = Cap { name: "twin".into(), ..day.clone() };
    assert_eq!(names(&[day, twin]), [("twin".to_owned(), "day".to_owned())], "of two equal ones the later is idle");
}

#[test]
fn what_people_read_says_what_was_spent_which_cap_when_it_resets_and_how_to_go_on() {
    let mut over = standing(cap("20", Span::Day), "20.31");
    over.window = budgets::window(Span::Day, at("2026-11-25T15:00:00Z"), Zone::named("Europe/Zurich").unwrap(), Weekday::Mon).unwrap();
    assert_eq!(
        budgets::halt_text(&over, Zone::named("Europe/Zurich").unwrap()),
        "aifinops: $20.31 of $20.00 spent: the daily cap is reached and resets at midnight (Thu 26 Nov 00:00). \
         To go on now: aifinops cap raise 11"
    );
    over.spend.assumed = usd("3");
    over.spend.unpriced_calls = 2;
    assert!(budgets::halt_text(&over, Zone::UTC).contains("$23.31 of $20.00 spent, $3.00 of it assumed for 2 calls without a known price"));
    let managed = Standing { cap: Cap { managed: true, ..over.cap.clone() }, ..over.clone() };
    assert!(budgets::halt_text(&managed, Zone::UTC).ends_with("It is set by this machine's policy: ask your administrator."));
    let loops = Cap { name: "loops".into(), ..cap("60 steps", Span::Task) };
    let task = Standing { cap: loops, window: Window::ALL, spend: Spend { steps: 60, ..Spend::default() }, raised: 0, subject: None };
    assert_eq!(
        budgets::halt_text(&task, Zone::UTC),
        "aifinops: 60 steps of 60 steps spent: the cap per task is reached and holds for this task. To go on now: aifinops cap raise \"30 steps\" loops"
    );
}

#[test]
fn the_price_of_what_has_none_is_dearer_than_what_agents_use() {
    let assumed = Assumed::default();
    let tokens = Tokens { input: 1_000_000, cache_read: 1_000_000, output: 1_000_000, ..Tokens::default() };
    assert_eq!(assumed.cost(&tokens, 1, 1), usd("105"));
    let third = Assumed { input: Rate::parse_usd_per_million("1").unwrap(), output: Rate::parse_usd_per_million("0").unwrap() };
    // A third of the calls has no price: a third of the tokens, rounded up.
    assert_eq!(third.cost(&Tokens { input: 1_000_000, ..Tokens::default() }, 1, 3), Money::from_nanos(333_333_333));
}
