//! Forecasts from a made-up past whose every figure can be computed by hand.

use aifinops::budgets::Assumed;
use aifinops::engine::ingest::Ingest;
use aifinops::model::time::{HOUR, rfc3339};
use aifinops::model::{Amount, Cap, Millis, Money, Zone, cap};
use aifinops::query::caps::Asking;
use aifinops::query::forecast::backtest::backtest;
use aifinops::query::forecast::{self, Forecast};
use chrono::Weekday;
use serde_json::json;

use crate::home::{Home, scan};

const DAY: Millis = 24 * HOUR;
/// 2026-03-02, 00:00 UTC: a Monday.
const MONDAY: Millis = 1_772_409_600_000;
/// What one call costs: 100 000 tokens in at $3 a million.
const CALL: i64 = 300_000_000;

/// A call at each of these instants, all in one session.
fn home_with(calls: &[Millis], model: &str) -> (Home, Ingest) {
    let home = Home::new();
    let line = |(n, at): (usize, &Millis)| {
        let message = json!({
            "id": format!("msg_{n:08}"), "model": model, "role": "assistant", "content": [{"type": "text", "text": "done"}],
            "stop_reason": "end_turn", "usage": {"input_tokens": 100_000, "output_tokens": 0},
        });
        json!({
            "type": "assistant", "sessionId": "s1", "uuid": format!("u-{n}"), "requestId": format!("r-{n}"), "timestamp": rfc3339(*at),
            "cwd": "/code/app", "version": "2.1.235", "message": message,
        })
        .to_string()
            + "\n"
    };
    let log: String = calls.iter().enumerate().map(line).collect();
    home.append(".claude/projects/-code-app/s1.jsonl", log.as_bytes());
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    (home, ingest)
}

/// At ten and at three o'clock of so many days.
fn days(count: i64) -> Vec<Millis> {
    (0..count).flat_map(|day| [10, 15].map(|hour| MONDAY + day * DAY + hour * HOUR)).collect()
}

fn foretell(ingest: &Ingest, now: Millis, caps: &[Cap]) -> Forecast {
    let asking = Asking {
        caps,
        raises: &[],
        beyond: &aifinops::query::caps::Beyond::default(),
        assumed: Assumed::default(),
        week_start: Weekday::Mon,
        now,
        zone: Zone::UTC,
    };
    forecast::forecast(&ingest.store, &asking).unwrap()
}

#[test]
fn a_day_goes_on_as_days_of_the_past_went() {
    // Fifteen days, the last of which has had its first call only.
    let mut calls = days(14);
    calls.push(MONDAY + 14 * DAY + 10 * HOUR);
    let (_home, ingest) = home_with(&calls, "claude-sonnet-4-5");
    let cap = Cap::new("day", Amount::money(Money::from_nanos(CALL + CALL / 2)), cap::Span::Day);
    let now = MONDAY + 14 * DAY + 12 * HOUR;
    let found = foretell(&ingest, now, &[cap]);
    assert_eq!(found.days, 13, "the first day may be a part of one");
    let [today, week, month] = &found.spans[..] else { panic!("{:?}", found.spans) };
    assert_eq!(today.spent.known.nanos(), CALL);
    // Every day was the same, so nothing is uncertain: two calls a day, seven and 31 days.
    for (ahead, calls) in [(today, 2), (week, 14), (month, 60)] {
        let end = ahead.end.unwrap();
        assert_eq!([end.low, end.likely, end.high], [calls * CALL; 3], "{:?}", ahead.span);
    }
    let reach = found.caps[0].reach.unwrap();
    // Half of the call at three o'clock: as if it were spent evenly over its hour.
    assert_eq!((reach.permille, reach.likely), (1000, Some(MONDAY + 14 * DAY + 15 * HOUR + HOUR / 2)));
}

#[test]
fn without_a_day_of_history_nobody_can_tell_and_with_few_it_is_said() {
    let (_home, ingest) = home_with(&[MONDAY + 10 * HOUR], "claude-sonnet-4-5");
    let first = foretell(&ingest, MONDAY + 12 * HOUR, &[]);
    assert_eq!((first.days, first.spans.iter().filter(|ahead| ahead.end.is_some()).count()), (0, 0));
    assert_eq!(first.spans[0].spent.known.nanos(), CALL, "what was spent is known");
    let second = foretell(&ingest, MONDAY + DAY + 12 * HOUR, &[]);
    assert_eq!(second.days, 1, "a part of a day is better than nothing");
    assert!(second.spans[0].end.is_some());
}

#[test]
fn a_price_that_nobody_knows_is_no_forecast_of_zero() {
    let (_home, ingest) = home_with(&days(10), "nobody-knows-this");
    let found = foretell(&ingest, MONDAY + 10 * DAY + 12 * HOUR, &[]);
    assert_eq!((found.past.money(), found.past.unpriced_calls), (None, 20));
    assert!(found.spans.iter().all(|ahead| ahead.end.is_none()), "{:?}", found.spans);
    let history = forecast::recent(&ingest.store, MONDAY + 10 * DAY, Zone::UTC).unwrap();
    assert!(history.cost.is_lower_bound());
}

#[test]
fn a_cap_is_foretold_in_its_own_unit_and_scope() {
    let (_home, ingest) = home_with(&days(14), "claude-sonnet-4-5");
    let steps = Cap::new("steps", Amount { unit: cap::Unit::Steps, count: 10 }, cap::Span::Week);
    let scope = cap::Scope { agent: Some("codex".to_owned()), ..cap::Scope::default() };
    let others = Cap { scope, ..Cap::new("others", Amount::money(Money::from_nanos(1)), cap::Span::Week) };
    let found = foretell(&ingest, MONDAY + 14 * DAY, &[steps, others]);
    let end = found.caps[0].end.unwrap();
    assert_eq!((end.low, end.likely, end.high), (14, 14, 14));
    // Two steps a day: the tenth is taken in the afternoon of Friday.
    assert_eq!(found.caps[0].reach.unwrap().likely, Some(MONDAY + 18 * DAY + 16 * HOUR));
    assert_eq!(found.caps[1].reach.unwrap().permille, 0, "another agent's spend is not its own");
}

#[test]
fn midnight_follows_todays_own_pace() {
    let (_home, ingest) = home_with(&days(14), "claude-sonnet-4-5");
    let now = MONDAY + 14 * DAY + 12 * HOUR;
    let history = forecast::recent(&ingest.store, now, Zone::UTC).unwrap();
    let spent = |calls: i64| aifinops::model::Cost::priced(Money::from_nanos(calls * CALL));
    let likely = |calls| forecast::midnight(&history, now, spent(calls)).unwrap().likely.nanos();
    assert_eq!(likely(1), 2 * CALL);
    // Four calls until now against one is a busy day: (4 + 2) / (1 + 2) of the usual rest.
    assert_eq!(likely(4), 6 * CALL);
    assert!(forecast::midnight(&history, MONDAY, spent(1)).is_none(), "no day before this one is known");
}

#[test]
fn the_back_test_foretells_whole_spans_of_the_past_only() {
    // Calls in the morning only: a straight line never learns that nothing comes after them.
    let calls: Vec<Millis> = (0..30).flat_map(|day| [8, 9, 10].map(|hour| MONDAY + day * DAY + hour * HOUR)).collect();
    let (_home, ingest) = home_with(&calls, "claude-sonnet-4-5");
    let now = MONDAY + 30 * DAY;
    let history = forecast::half_a_year(&ingest.store, now, Zone::UTC).unwrap();
    let scores = backtest(&history, Weekday::Mon);
    let [day, week, month, all] = &scores[..] else { panic!("{scores:?}") };
    // From the second day up to the last but one, seven times each; weeks from the second; March began before its records.
    assert_eq!((day.spans, day.forecasts), (28, 28 * 7));
    assert_eq!((week.spans, week.forecasts), (3, 3 * 7 * 7));
    assert_eq!((month.spans, month.ours), (0, None));
    assert_eq!((day.ours, week.ours), (Some(0), Some(0)), "every day is the same");
    // At 15:00 all has been spent: a line over 24 hours ends 60% too high.
    assert!(day.line.unwrap() >= 330, "{day:?}");
    assert_eq!((day.held, all.forecasts, all.span), (Some(1000), day.forecasts + week.forecasts, None));
}
