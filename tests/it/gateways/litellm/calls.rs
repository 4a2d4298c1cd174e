//! Single calls: what a row says, and that every row of a window is read, however many there are.

use std::collections::BTreeSet;

use aifinops::gateways::{Ask, DAY, Plan, Refusal};
use aifinops::model::time::{HOUR, MINUTE, parse_stamp, rfc3339};
use aifinops::model::{GatewayCall, GatewayFact, GatewayRates, Millis, Rate, Tokens};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{
    CALLS, FORBIDDEN, NOT_FOUND, ONLY_ADMINS, Round, Told, all_calls, developer, master, no, ok, place, plan, read, round, windows,
};
use crate::gateways::{ANN_KEY, NOW, TODAY, some, usd};

const LOGS: &str = "/spend/logs/v2";

fn calls_ask() -> Ask {
    round(&plan(), developer).unwrap().ask(LOGS).clone()
}

/// What the only page of a window tells.
fn told(body: &str) -> Vec<GatewayFact> {
    let news = read(&calls_ask(), &ok(body), &plan()).unwrap();
    assert_eq!(news.asks, []);
    news.facts
}

/// The call that a row becomes; the row has a beginning and an id already.
fn call(more: &Value) -> Option<GatewayCall> {
    let mut row = json!({"request_id": "r", "startTime": "2026-11-22T11:30:00Z"});
    row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all_calls(&told(&json!({"data": [row]}).to_string())).pop()
}

/// A time of today.
fn at(hour: i64, minute: i64, millis: i64) -> Millis {
    TODAY * DAY + hour * HOUR + minute * MINUTE + millis
}

#[test]
fn a_row_becomes_a_call_with_all_that_is_known_of_it() {
    let facts = told(CALLS);
    let calls = all_calls(&facts);
    let ids: Vec<&str> = calls.iter().map(|call| call.id.as_str()).collect();
    assert_eq!(ids, ["msg_01", "msg_02", "resp_bGl0ZWxsbQ", "f-1", "b-1", "c-1"], "questions about users are no calls of models");
    let rate = Rate::parse_usd_per_million;
    assert_eq!(
        calls[0],
        GatewayCall {
            id: "msg_01".to_owned(),
            answer: None,
            request: some("call-1"),
            at: at(11, 10, 250),
            ended: at(11, 10, 2750),
            user: some("ann"),
            team: some("t-web"),
            key: some(ANN_KEY),
            model: some("anthropic/claude-sonnet-4-5"),
            session: some("5e55ee00-0000-4000-8000-000000000001"),
            client: some("claude-cli/2.1.197 (external, cli)"),
            tokens: Tokens { input: 1000, cache_read: 500, cache_write_5m: 200, cache_write_1h: 100, output: 40, reasoning: 0 },
            spend: usd("0.0051"),
            rates: GatewayRates { input: rate("3"), output: rate("15"), cache_read: rate("0.3"), cache_write: rate("3.75") },
            failed: false,
            over_budget: false,
        }
    );
    assert_eq!(
        calls[1],
        GatewayCall {
            id: "msg_02".to_owned(),
            request: some("call-2"),
            at: at(11, 11, 0),
            ended: at(11, 11, 1000),
            model: some("anthropic/claude-haiku-4-5"),
            session: some("5e55ee00-0000-4000-8000-000000000002"),
            tokens: Tokens { input: 5, output: 1, ..Tokens::default() },
            spend: usd("0.0000001"),
            ..GatewayCall::default()
        }
    );
    assert_eq!(
        calls[2],
        GatewayCall {
            id: "resp_bGl0ZWxsbQ".to_owned(),
            at: at(11, 12, 0),
            ended: at(11, 12, 4000),
            model: some("openai/gpt-5.2-codex"),
            session: some("c0dec0de-0000-4000-8000-000000000003"),
            client: some("codex_exec/0.169.0 (Debian 12.0.0; x86_64)"),
            tokens: Tokens { input: 1700, cache_read: 11_000, output: 400, reasoning: 250, ..Tokens::default() },
            spend: usd("0.0105"),
            ..GatewayCall::default()
        }
    );
    let outcomes: Vec<_> = calls[3..].iter().map(|call| (call.failed, call.over_budget, call.session.as_deref(), call.spend)).collect();
    assert_eq!(outcomes, [(true, false, None, usd("0")), (true, true, None, usd("0")), (false, false, Some("f00f"), usd("0"))]);
    assert_eq!((calls[4].at, calls[4].ended), (at(11, 14, 0), at(11, 14, 0)), "an end that is not known is the beginning");
    assert_eq!(windows(&facts), [(NOW - HOUR, NOW)]);
}

#[test]
fn the_session_is_the_agents_own_where_the_row_has_it() {
    let old = "user_0f_account_1b_session_s-1";
    let new = r#"{"device_id":"0f","account_uuid":"","session_id":"s-2"}"#;
    for (kind, client, end_user, session_id, session) in [
        ("anthropic_messages", "", old, "x", "s-1"),
        ("anthropic_messages", "", new, "x", "s-2"),
        ("completion", "claude-cli/2.1.197 (external, cli)", old, "x", "s-1"),
        // Older releases leave it on the calls of other agents that have the same key.
        ("aresponses", "codex_exec/0.169.0", old, "x", "x"),
        ("aresponses", "", new, "x", "x"),
        ("anthropic_messages", "", "acme", "x", "x"),
        ("anthropic_messages", "", "", "x", "x"),
        ("anthropic_messages", "", "user_0f_account_1b_session_", "x", "x"),
        ("anthropic_messages", "", r#"{"device_id":"0f"}"#, "x", "x"),
        ("anthropic_messages", "", r#"{"session_id":""}"#, "x", "x"),
        ("anthropic_messages", "", "", "", ""),
    ] {
        let row = json!({"call_type": kind, "end_user": end_user, "session_id": session_id, "metadata": {"user_agent": client}});
        assert_eq!(call(&row).unwrap().session, some(session), "{row}");
    }
}

#[test]
fn what_was_cached_is_no_plain_input_and_is_counted_once() {
    let tokens = |input, cache_read, cache_write_5m, cache_write_1h, output| Tokens {
        input,
        cache_read,
        cache_write_5m,
        cache_write_1h,
        output,
        reasoning: 0,
    };
    let hours = json!({"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20});
    for (usage, more, expected) in [
        (json!({}), json!({}), tokens(100, 0, 0, 0, 7)),
        (Value::Null, Value::Null, tokens(100, 0, 0, 0, 7)),
        (json!({"prompt_tokens": 90, "completion_tokens": 8}), json!({}), tokens(90, 0, 0, 0, 8)),
        (json!({"prompt_tokens": null, "completion_tokens": null}), json!({}), tokens(100, 0, 0, 0, 7)),
        (json!({"cache_read_input_tokens": 60}), json!({"cache_read_input_tokens": 60}), tokens(40, 60, 0, 0, 7)),
        (json!({"prompt_tokens_details": {"cached_tokens": 60}}), json!({}), tokens(40, 60, 0, 0, 7)),
        (json!({"cache_creation_input_tokens": 30}), json!({}), tokens(70, 0, 30, 0, 7)),
        (
            json!({"prompt_tokens_details": {"cache_creation_tokens": 30, "cache_creation_token_details": hours}}),
            json!({}),
            tokens(70, 0, 10, 20, 7),
        ),
        // What cannot be is cut off where it can.
        (json!({"cache_read_input_tokens": 500}), json!({}), tokens(0, 500, 0, 0, 7)),
        (json!({"prompt_tokens_details": {"cache_creation_token_details": hours}}), json!({}), tokens(100, 0, 0, 0, 7)),
        (json!({"cache_read_input_tokens": "60", "completion_tokens": 7.0}), json!({}), tokens(40, 60, 0, 0, 7)),
    ] {
        let row = json!({
            "prompt_tokens": 100, "completion_tokens": 7, "metadata": {"usage_object": usage, "additional_usage_values": more}
        });
        assert_eq!(call(&row).unwrap().tokens, expected, "{row}");
    }
}

#[test]
fn a_call_has_failed_where_the_row_says_so_and_is_over_budget_where_the_error_says_so() {
    let trouble = |class: &str, message: &str| json!({"error_information": {"error_class": class, "error_message": message}});
    for (status, metadata, failed, over_budget) in [
        ("success", json!({}), false, false),
        ("success", json!({"status": null}), false, false),
        ("", json!({"status": "failure"}), true, false),
        ("failure", Value::Null, true, false),
        ("failure", trouble("InternalServerError", "overloaded"), true, false),
        ("failure", trouble("BudgetExceededError", ""), true, true),
        ("failure", trouble("", "Budget has been exceeded! Key=ann-laptop Current cost: 2, Max budget: 1"), true, true),
        ("failure", trouble("", "ExceededBudget: End User=acme over budget. Spend=2, Budget=1"), true, true),
    ] {
        let row = json!({"status": status, "metadata": metadata});
        let call = call(&row).unwrap();
        assert_eq!((call.failed, call.over_budget), (failed, over_budget), "{row}");
    }
}

#[test]
fn metadata_is_read_out_of_a_text_too() {
    let inner = json!({"user_agent": "claude-cli/2.1.197", "usage_object": {"cache_read_input_tokens": 60}}).to_string();
    let call_of = |metadata: Value| call(&json!({"prompt_tokens": 100, "metadata": metadata})).unwrap();
    let told = call_of(json!(inner));
    assert_eq!((told.client, told.tokens.cache_read), (some("claude-cli/2.1.197"), 60));
    for nothing in [json!("{}"), json!("no JSON"), json!(""), json!([1, 2]), json!(5), Value::Null] {
        let told = call_of(nothing.clone());
        assert_eq!((told.client, told.tokens.input), (None, 100), "{nothing}");
    }
}

#[test]
fn what_is_no_call_is_left_out() {
    for row in [
        json!({"call_type": "/key/info"}),
        json!({"call_type": "/user/daily/activity"}),
        json!({"request_id": null}),
        json!({"request_id": ""}),
        json!({"startTime": null}),
        json!({"startTime": "yesterday"}),
    ] {
        assert_eq!(call(&row), None, "{row}");
    }
    assert_eq!(call(&json!({"call_type": null})).map(|call| call.id), some("r"));
}

#[test]
fn what_cannot_be_a_price_is_none() {
    let priced = |input: &str, output: &str| {
        let value = format!(r#"{{"input_cost_per_token": {input}, "output_cost_per_token": {output}}}"#);
        let row = format!(
            r#"{{"data": [{{"request_id": "r", "startTime": "2026-11-22T11:30:00Z",
                "metadata": {{"model_map_information": {{"model_map_value": {value}}}}}}}]}}"#
        );
        all_calls(&told(&row)).remove(0).rates
    };
    let rate = Rate::parse_usd_per_million;
    assert_eq!(priced("2.5e-07", "0"), GatewayRates { input: rate("0.25"), output: rate("0"), ..GatewayRates::default() });
    assert_eq!(priced("0.000003", "\"1.5e-05\""), GatewayRates { input: rate("3"), output: rate("15"), ..GatewayRates::default() });
    assert_eq!(priced("null", "-1e-06"), GatewayRates::default());
    assert_eq!(priced("1e300", "\"free\""), GatewayRates::default());
}

/// A gateway with a call every so often, which counts to ten thousand and no further.
struct Ledger {
    from: Millis,
    every: Millis,
    calls: i64,
    /// The longest page that it gives.
    longest: usize,
}

impl Ledger {
    fn new(from: Millis, every: Millis, calls: i64) -> Ledger {
        Ledger { from, every, calls, longest: 1000 }
    }

    fn id(n: i64) -> String {
        format!("call-{n}")
    }

    fn ids(&self) -> BTreeSet<String> {
        (0..self.calls).map(Ledger::id).collect()
    }

    fn answer(&self, ask: &Ask) -> Told {
        if place(ask) != LOGS {
            return master(ask);
        }
        let query = ask.request.path.split_once('?').unwrap().1.replace("%3A", ":").replace("%20", "T");
        let value = |name: &str| query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('=')).unwrap();
        let stamp = |name: &str| parse_stamp(format!("{}Z", value(name)).as_bytes()).unwrap();
        assert_eq!((value("sort_by"), value("sort_order")), ("startTime", "asc"));
        let (from, to) = (stamp("start_date"), stamp("end_date"));
        let (page, size): (usize, usize) = (value("page").parse().unwrap(), value("page_size").parse().unwrap());
        if size > self.longest {
            return no(422, r#"{"detail": [{"loc": ["query", "page_size"], "msg": "Input should be less than or equal to 100"}]}"#);
        }
        let begun = |n: &i64| self.from + n * self.every;
        let inside: Vec<i64> = (0..self.calls).filter(|n| (from..=to).contains(&begun(n))).collect();
        let row = |n: &i64| format!(r#"{{"request_id": "{}", "startTime": "{}"}}"#, Ledger::id(*n), rfc3339(begun(n)));
        let rows: Vec<String> = inside.iter().skip((page - 1) * size).take(size).map(row).collect();
        let (total, is_capped) = (inside.len().min(10_000), inside.len() > 10_000);
        ok(format!(r#"{{"data": [{}], "total": {total}, "page": {page}, "total_is_capped": {is_capped}}}"#, rows.join(", ")))
    }

    /// Asks for everything since an instant.
    fn read_since(&self, from: Millis) -> Round {
        let plan = Plan { calls_from: Some(from), ..plan() };
        round(&plan, |ask| self.answer(ask)).unwrap()
    }

    /// Whether all calls have been told, and no time is left out of what is said to be whole.
    fn is_read(&self, round: &Round, from: Millis) {
        let ids: BTreeSet<String> = all_calls(&round.facts).into_iter().map(|call| call.id).collect();
        assert_eq!(ids.difference(&self.ids()).count(), 0, "there are calls that nobody made");
        assert_eq!(self.ids().difference(&ids).count(), 0, "calls are missing");
        let begun = windows(&round.facts).into_iter().filter(|(from, _)| *from <= NOW);
        let whole = begun.fold(from, |until, (from, to)| {
            assert!(from <= until, "nobody has looked at {until} to {from}");
            until.max(to)
        });
        assert_eq!(whole, NOW, "calls that are to come are not whole yet");
    }
}

#[test]
fn pages_are_read_until_one_is_not_full() {
    for (calls, pages) in [(0, 1), (499, 1), (500, 2), (501, 2), (1500, 4)] {
        let ledger = Ledger::new(NOW - HOUR, 2000, calls);
        let round = ledger.read_since(NOW - HOUR);
        ledger.is_read(&round, NOW - HOUR);
        assert_eq!(round.asks.iter().filter(|ask| place(ask) == LOGS).count(), pages, "{calls} calls");
        assert_eq!(windows(&round.facts), [(NOW - HOUR, NOW)]);
    }
}

#[test]
fn a_window_with_too_many_calls_is_asked_for_in_halves() {
    let ledger = Ledger::new(NOW - HOUR + 200, 300, 11_000);
    // Not on a whole second: halves meet in the middle of one.
    let from = NOW - HOUR + 123;
    let round = ledger.read_since(from);
    ledger.is_read(&round, from);
    let logs: Vec<&str> = round.asks.iter().filter(|ask| place(ask) == LOGS).map(|ask| ask.request.path.as_str()).collect();
    assert!(logs[0].contains("11%3A00%3A00&") && logs[0].contains("13%3A00%3A00&"), "{}", logs[0]);
    assert!(logs[1].contains("11%3A00%3A00&") && logs[1].contains("12%3A00%3A01&"), "{}", logs[1]);
    assert!(logs.len() < 50, "{} questions", logs.len());
}

#[test]
fn an_older_release_is_asked_for_shorter_pages() {
    for (calls, pages) in [(0, 2), (99, 2), (100, 3), (1501, 17)] {
        let ledger = Ledger { longest: 100, ..Ledger::new(NOW - HOUR, 2000, calls) };
        let round = ledger.read_since(NOW - HOUR);
        ledger.is_read(&round, NOW - HOUR);
        assert_eq!(round.asks.iter().filter(|ask| place(ask) == LOGS).count(), pages, "{calls} calls, one question for nothing");
    }
    // Halves of a window are asked for in short pages, too.
    let ledger = Ledger { longest: 100, ..Ledger::new(NOW - HOUR, 500, 6500) };
    ledger.is_read(&ledger.read_since(NOW - HOUR), NOW - HOUR);
    // Pages that are still too long are no reason to ask for ever.
    let ledger = Ledger { longest: 10, ..Ledger::new(NOW - HOUR, 500, 100) };
    let why = round(&plan(), |ask| ledger.answer(ask)).unwrap_err();
    assert!(matches!(why, Refusal::Refused { status: 422, .. }), "{why:?}");
}

#[test]
fn a_minute_is_read_as_it_is_however_full() {
    let ledger = Ledger::new(NOW - 30 * MINUTE, 5, 6000);
    let round = ledger.read_since(NOW - HOUR);
    ledger.is_read(&round, NOW - HOUR);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_call_is_left_out(since in 0..2 * HOUR, every in 1..20_000_i64, calls in 0..7000_i64) {
        let from = NOW - since;
        let calls = calls.min(since / every);
        let ledger = Ledger::new(from, every, calls);
        ledger.is_read(&ledger.read_since(from), from);
    }
}

#[test]
fn an_older_release_tells_a_user_its_own_calls_day_by_day() {
    let plan = Plan { calls_from: Some(NOW - DAY), ..plan() };
    let round = round(&plan, |ask| match place(ask) {
        LOGS => no(401, ONLY_ADMINS),
        "/spend/logs" if ask.request.path.contains("start_date=2026-11-22") => {
            ok(serde_json::from_str::<Value>(CALLS).unwrap()["data"].to_string())
        }
        "/spend/logs" => ok("[]"),
        _ => developer(ask),
    })
    .unwrap();
    let paths: Vec<&str> = round.paths().into_iter().filter(|path| path.starts_with("/spend/logs?")).collect();
    assert_eq!(
        paths,
        [
            "/spend/logs?start_date=2026-11-21&end_date=2026-11-22&summarize=false",
            "/spend/logs?start_date=2026-11-22&end_date=2026-11-23&summarize=false",
        ]
    );
    assert_eq!(all_calls(&round.facts), all_calls(&told(CALLS)));
    assert_eq!(windows(&round.facts), [((TODAY - 1) * DAY, TODAY * DAY), (TODAY * DAY, NOW)]);
}

#[test]
fn a_day_that_an_older_release_cuts_is_not_told_to_be_whole() {
    let row = |n: usize| json!({"request_id": format!("r{n}"), "startTime": "2026-11-21T00:00:01Z", "user": "ann", "spend": 0.01});
    let rows = |count: usize| (0..count).map(row).collect::<Value>().to_string();
    let told = |count: usize| {
        let plan = Plan { calls_from: Some(NOW - DAY), ..plan() };
        let server = |ask: &Ask| match place(ask) {
            LOGS => no(401, ONLY_ADMINS),
            "/spend/logs" => ok(if ask.request.path.contains("start_date=2026-11-21") { rows(count) } else { "[]".to_owned() }),
            _ => developer(ask),
        };
        let facts = round(&plan, server).unwrap().facts;
        let is_cut = facts.iter().any(|fact| matches!(fact, GatewayFact::Cannot(what) if what.starts_with("calls ")));
        (windows(&facts).len(), is_cut)
    };
    assert_eq!([told(9_999), told(10_000)], [(2, false), (1, true)]);
}

#[test]
fn calls_that_nobody_may_see_are_said_to_be_missing() {
    for (status, body) in [(403, FORBIDDEN), (404, NOT_FOUND), (401, ONLY_ADMINS)] {
        let server = |ask: &Ask| if place(ask).starts_with("/spend/logs") { no(status, body) } else { developer(ask) };
        let round = round(&plan(), server).unwrap();
        assert_eq!(round.cannot(), ["calls"], "{status}");
        assert_eq!((all_calls(&round.facts), windows(&round.facts)), (vec![], vec![]), "{status}");
    }
}

#[test]
fn where_calls_are_not_wanted_none_are_asked_for() {
    let plan = Plan { calls_from: None, ..plan() };
    let round = round(&plan, master).unwrap();
    assert!(!round.paths().iter().any(|path| path.starts_with("/spend/logs")), "{:?}", round.paths());
}
