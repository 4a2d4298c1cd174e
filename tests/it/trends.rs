//! Trends of a made-up fortnight, each figure computed by hand.

use aifinops::engine::ingest::Ingest;
use aifinops::model::time::{HOUR, rfc3339};
use aifinops::model::{Millis, Money, Window, Zone};
use aifinops::query::trends::units::{self, Units};
use aifinops::query::trends::{self, Dimension, Metric, Period};
use serde_json::{Value, json};

use crate::home::{Home, scan};

const DAY: Millis = 24 * HOUR;
/// 2026-03-02, 00:00 UTC: a Monday.
const MONDAY: Millis = 1_772_409_600_000;

struct Log {
    home: Home,
    n: u64,
}

impl Log {
    fn new() -> Log {
        Log { home: Home::new(), n: 0 }
    }

    fn line(&mut self, session: &str, kind: &str, at: Millis, message: &Value) {
        self.n += 1;
        let line = json!({
            "type": kind, "sessionId": session, "uuid": format!("u-{}", self.n), "requestId": format!("r-{}", self.n),
            "timestamp": rfc3339(at), "cwd": format!("/code/{session}"), "version": "2.1.235", "message": message,
        });
        self.home.append(&format!(".claude/projects/-code/{session}.jsonl"), format!("{line}\n").as_bytes());
    }

    fn prompt(&mut self, session: &str, at: Millis) {
        self.line(session, "user", at, &json!({"role": "user", "content": "do it"}));
    }

    /// A call with so many tokens: outside the cache, from it, written.
    fn call(&mut self, session: &str, at: Millis, model: &str, [input, cached, output]: [u64; 3], tool: bool) {
        let id = format!("m{}", self.n + 1);
        let block = if tool {
            json!({"type": "tool_use", "id": format!("t-{id}"), "name": "Bash", "input": {}})
        } else {
            json!({"type": "text", "text": "done"})
        };
        let usage = json!({"input_tokens": input, "cache_read_input_tokens": cached, "output_tokens": output});
        let message = json!({"id": id, "model": model, "role": "assistant", "content": [block], "stop_reason": "end_turn", "usage": usage});
        self.line(session, "assistant", at, &message);
        if tool {
            let result = json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": format!("t-{id}"), "is_error": true, "content": "no"}]});
            self.line(session, "user", at + 1000, &result);
        }
    }

    fn read(&self) -> Ingest {
        let mut ingest = self.home.fresh_reader();
        scan(&mut ingest);
        ingest
    }
}

/// Two weeks: in the first one session with one task of two calls, in the second two sessions with three tasks.
fn fortnight() -> Log {
    let mut log = Log::new();
    let (sonnet, week) = ("claude-sonnet-4-5", 7 * DAY);
    log.prompt("api", MONDAY + 9 * HOUR);
    log.call("api", MONDAY + 9 * HOUR + 1000, sonnet, [10_000, 30_000, 1_000], true);
    log.call("api", MONDAY + 9 * HOUR + 5000, sonnet, [10_000, 30_000, 1_000], false);
    log.prompt("api", MONDAY + week + 9 * HOUR);
    log.call("api", MONDAY + week + 9 * HOUR + 1000, sonnet, [10_000, 90_000, 1_000], false);
    log.prompt("web", MONDAY + week + DAY + 14 * HOUR);
    log.call("web", MONDAY + week + DAY + 14 * HOUR + 1000, sonnet, [20_000, 0, 2_000], true);
    log.call("web", MONDAY + week + DAY + 14 * HOUR + 5000, sonnet, [20_000, 0, 2_000], true);
    log.prompt("web", MONDAY + week + DAY + 15 * HOUR);
    log.call("web", MONDAY + week + DAY + 15 * HOUR + 1000, "nobody-knows-this", [1_000, 0, 0], false);
    log
}

fn both_weeks(ingest: &mut Ingest) -> [Units; 2] {
    let windows = [0, 7].map(|days| Window { from: MONDAY + days * DAY, to: MONDAY + (days + 7) * DAY });
    let asking = units::Asking { windows: &windows, keeps: &|_| true, passes: &|_| true };
    units::units(&ingest.store, &mut ingest.prices, &asking).unwrap().try_into().unwrap()
}

#[test]
fn what_one_of_something_costs() {
    let [first, second] = both_weeks(&mut fortnight().read());
    // $3 in, $0.30 from the cache, $15 out for a million tokens: twice 3 + 0.9 + 1.5 cents.
    let cents = |tenths: i64| Some(tenths * 1_000_000);
    assert_eq!(first.value(Metric::Spend), cents(108));
    assert_eq!((first.value(Metric::PerTask), first.value(Metric::PerSession)), (cents(108), cents(108)));
    // 3 + 2.7 + 1.5, and twice 6 + 3: 25.2 cents, three tasks, two sessions.
    assert_eq!(second.value(Metric::Spend), cents(252));
    assert_eq!((second.value(Metric::PerTask), second.value(Metric::PerSession)), (cents(84), cents(126)));
    assert_eq!(second.cost().unpriced_calls, 1, "a lower bound, and said to be one");
    // 41 000 twice; and 1 000, 22 000, 22 000, 101 000.
    assert_eq!((first.value(Metric::RequestMedian), first.value(Metric::RequestMost)), (Some(41_000), Some(41_000)));
    assert_eq!((second.value(Metric::RequestMedian), second.value(Metric::RequestMost)), (Some(22_000), Some(101_000)));
    // 60 000 of 80 000 prompt tokens; 90 000 of 141 000.
    assert_eq!((first.value(Metric::CacheHit), second.value(Metric::CacheHit)), (Some(750), Some(638)));
    assert_eq!((first.value(Metric::ToolFailures), first.value(Metric::Retries)), (Some(1000), Some(0)));
    assert_eq!(second.change(&first, Metric::PerTask), Some(-222), "from 10.8 to 8.4 cents");
    assert_eq!(second.change(&first, Metric::CacheHit), Some(-149));
}

#[test]
fn of_some_models_alone_tasks_and_retries_are_not_known() {
    let mut ingest = fortnight().read();
    let windows = [Window::ALL];
    let asking = units::Asking { windows: &windows, keeps: &|_| true, passes: &|model| model.contains("sonnet") };
    let [found] = units::units(&ingest.store, &mut ingest.prices, &asking).unwrap().try_into().unwrap();
    assert_eq!((found.sums.calls, found.value(Metric::PerSession)), (5, Some(180_000_000)), "36 cents, two sessions");
    for metric in [Metric::PerTask, Metric::Retries, Metric::ToolFailures] {
        assert_eq!(found.value(metric), None, "{metric:?}");
    }
    assert_eq!(found.beside_models(|sums| sums.tools), None);
}

#[test]
fn a_million_tokens_in_and_out_by_model() {
    let [first, second] = both_weeks(&mut fortnight().read());
    let model = |units: &Units| *units.models.iter().find(|(name, _)| name.contains("sonnet")).unwrap().1;
    // 7.8 cents for 80 000 tokens in: 97.5 cents a million. Out it is the list price.
    assert_eq!(model(&first).million_in(), Some(Money::from_nanos(975_000_000)));
    assert_eq!(model(&first).million_out(), Some(Money::from_nanos(15_000_000_000)));
    // 17.7 cents for 140 000.
    assert_eq!(model(&second).million_in().map(|money| money.nanos() / 1000), Some(1_264_285));
    let unknown = second.models.iter().find(|(name, _)| name.contains("nobody")).unwrap().1;
    assert_eq!((unknown.million_in(), unknown.cost.money()), (None, None));
}

#[test]
fn periods_are_stacked_by_what_they_are_told_apart_by() {
    let mut ingest = fortnight().read();
    let now = MONDAY + 9 * DAY;
    let found = trends::trends(&ingest.store, &mut ingest.prices, now, Zone::UTC).unwrap();
    let weeks = found.stack(Period::Week, Dimension::Project).unwrap();
    let names: Vec<&str> = weeks.names.iter().map(|(name, _)| &**name).collect();
    // 18 cents each; the one with a call of unknown price comes first.
    assert_eq!(names, ["web", "api"]);
    let [.., first, second] = &weeks.bars[..] else { panic!("{weeks:?}") };
    let cents = |parts: [i64; 2]| parts.map(|tenths| tenths * 1_000_000);
    assert_eq!(first.parts[..2], cents([0, 108]));
    assert_eq!(second.parts[..2], cents([180, 72]));
    let days = found.stack(Period::Day, Dimension::Agent).unwrap();
    assert_eq!(days.bars.len(), 60);
    assert_eq!(days.bars.iter().filter(|bar| bar.cost.known > Money::ZERO).count(), 3);
    // The calendar begins with the week of the first day; what is to come is no day yet.
    let [(_, first), (_, second)] = &found.heat.weeks[..] else { panic!("{:?}", found.heat) };
    assert_eq!(first.map(|cost| cost.is_some()), [true; 7]);
    assert_eq!(second.map(|cost| cost.is_some()), [true, true, true, false, false, false, false]);
    assert_eq!(second[1].unwrap().known.nanos(), 180_000_000);
    assert_eq!(found.hours[9].known.nanos(), 180_000_000);
    assert_eq!(found.hours.iter().filter(|cost| cost.known > Money::ZERO).count(), 2);
    // The running week is compared with as much of the one before: both Mondays.
    let pair = found.units(Period::Week).unwrap();
    assert_eq!((pair.before.value(Metric::Spend), pair.now.value(Metric::Spend)), (Some(108_000_000), Some(252_000_000)));
}

#[test]
fn a_running_period_is_compared_with_the_same_length_and_days_of_25_hours_are_days() {
    let zone = Zone::named("Europe/Zurich").unwrap();
    let at = |text: &str| chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
    let now = at("2026-10-25T12:00:00+01:00");
    let today = trends::beginnings(Period::Day, now, zone, 1)[0];
    assert_eq!(trends::window(Period::Day, today, zone).to - trends::window(Period::Day, today, zone).from, 25 * HOUR);
    let before = trends::same_before(Period::Day, today, now, zone).unwrap();
    // Thirteen hours of today are over.
    assert_eq!((before.from, before.to - before.from), (at("2026-10-24T00:00:00+02:00"), 13 * HOUR));
    let month = trends::beginnings(Period::Month, now, zone, 3);
    assert_eq!(month.iter().map(ToString::to_string).collect::<Vec<_>>(), ["2026-08-01", "2026-09-01", "2026-10-01"]);
}
