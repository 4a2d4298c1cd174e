//! Langfuse: answers of the form that its package and pages specify.

use aifinops::gateways::langfuse::Langfuse;
use aifinops::gateways::{Answer, Ask, DAY, Gateway as _, Plan, Refusal, Request};
use aifinops::model::{DaySpend, GatewayCall, Millis, Tokens, time};
use serde_json::{Value, json};

use super::{NOW, TODAY, Told, bears_everything, no, ok, plan, round, text, usd};

const HOUR: Millis = 3_600_000;

fn observation(id: &str, at: Millis, user: &Value, cost: &Value) -> Value {
    json!({"id": id, "traceId": "trace-1", "startTime": time::rfc3339(at), "endTime": time::rfc3339(at + 2500), "projectId": "p1",
        "parentObservationId": null, "type": "GENERATION", "name": "call", "level": "DEFAULT", "userId": user, "sessionId": "session-1",
        "model": "claude-opus-5-5", "usageDetails": {"input": 100, "cache_read_input_tokens": 400, "cache_creation_input_tokens": 10,
            "output": 20, "output_reasoning_tokens": 5, "total": 535}, "costDetails": {"total": cost}, "totalCost": cost})
}

fn step(id: &str) -> Value {
    let at = time::rfc3339(NOW);
    json!({"id": id, "traceId": "trace-1", "startTime": at, "type": "SPAN", "model": null, "usageDetails": {}, "totalCost": null})
}

fn metric(day: &str, model: &Value, cost: &Value) -> Value {
    json!({"time_dimension": day, "providedModelName": model, "sum_totalCost": cost, "sum_inputTokens": "5000", "sum_outputTokens": 700,
        "count_count": "12"})
}

fn has(ask: &Ask, word: &str) -> bool {
    ask.request.path.contains(word)
}

fn project(ask: &Ask) -> Told {
    ok(if has(ask, "/api/public/projects") {
        json!({"data": [{"id": "p1", "name": "Agents", "organization": {"id": "o", "name": "O"}, "metadata": {}}]})
    } else if has(ask, "/api/public/health") {
        json!({"status": "OK", "version": "3.150.0"})
    } else {
        panic!("asked for {}", ask.request.path)
    })
}

/// A cloud: two pages of observations, and metrics for days before.
fn cloud(ask: &Ask) -> Told {
    ok(if has(ask, "/v2/observations") && has(ask, "&cursor=") {
        let mut failed = observation("o4", NOW - DAY, &json!("bo"), &Value::Null);
        failed["level"] = json!("ERROR");
        json!({"data": [step("s2"), observation("o3", NOW - DAY, &json!("ada"), &json!("0.5")), failed], "meta": {}})
    } else if has(ask, "/v2/observations") {
        json!({"data": [observation("o1", NOW - HOUR, &json!("ada"), &json!(0.012_345_678)), step("s1"),
            observation("o2", NOW - 5 * HOUR, &json!("ada"), &json!(0.1))], "meta": {"cursor": "eyJh+="}})
    } else if has(ask, "/v2/metrics") {
        let of_model = metric("2026-11-10", &json!("claude-opus-5-5"), &json!("1.25"));
        json!({"data": [of_model, metric("2026-11-12T00:00:00Z", &Value::Null, &json!(0.75))]})
    } else {
        return project(ask);
    })
}

/// A self-hosted release without the second version of anything.
fn old(ask: &Ask) -> Told {
    if has(ask, "/v2/") {
        return no(404);
    }
    if !has(ask, "/metrics/daily") {
        return project(ask);
    }
    let of = |model: &Value, cost: f64| {
        json!({"model": model, "inputUsage": 1200, "outputUsage": 1300, "totalUsage": 2500, "countTraces": 3,
        "countObservations": 4, "totalCost": cost})
    };
    let page = if has(ask, "&page=2&") { 2 } else { 1 };
    let days = if page == 1 {
        let models = [of(&json!("a"), 50.0), of(&json!("b"), 52.0)];
        json!([{"date": "2026-11-22", "countTraces": 1, "countObservations": 2, "totalCost": 102.0, "usage": models}])
    } else {
        let nameless = of(&Value::Null, 1.0);
        json!([{"date": "2026-11-21", "totalCost": 3.5, "usage": []}, {"date": "2026-11-20", "totalCost": 1, "usage": [nameless]}])
    };
    ok(json!({"data": days, "meta": {"page": page, "limit": 50, "totalItems": 3, "totalPages": 2}}))
}

fn of_calls(times: u64) -> Tokens {
    Tokens {
        input: 100 * times,
        cache_read: 400 * times,
        cache_write_5m: 10 * times,
        cache_write_1h: 0,
        output: 25 * times,
        reasoning: 5 * times,
    }
}

#[test]
fn the_last_days_are_told_by_user_and_earlier_ones_by_model() {
    let round = round(&Langfuse, &plan(TODAY - 20), cloud).unwrap();
    let by_user = |day, user: &str, spend, requests, failed| DaySpend {
        day,
        user: text(user),
        model: text("claude-opus-5-5"),
        spend,
        requests,
        failed,
        tokens: of_calls(requests),
        ..DaySpend::default()
    };
    let sum = Tokens { input: 5000, output: 700, ..Tokens::default() };
    let expected = [
        by_user(TODAY - 1, "ada", usd(500_000_000), 1, 0),
        // A call without a price.
        by_user(TODAY - 1, "bo", None, 1, 1),
        by_user(TODAY, "ada", usd(112_345_678), 2, 0),
        DaySpend {
            day: TODAY - 12,
            model: text("claude-opus-5-5"),
            spend: usd(1_250_000_000),
            requests: 12,
            tokens: sum,
            ..DaySpend::default()
        },
        // What has no model is no call.
        DaySpend { day: TODAY - 10, spend: usd(750_000_000), tokens: sum, ..DaySpend::default() },
    ];
    assert_eq!(round.rows(), expected);
    assert_eq!(round.spans(), [(TODAY - 6, TODAY), (TODAY - 12, TODAY - 7)], "earlier days may be out of the plan's reach");
    let me = round.me().unwrap();
    assert_eq!((me.alias, me.teams, me.sees_all), (text("Agents"), vec!["p1".to_owned()], true));
    assert!(round.cannot().is_empty());
}

#[test]
fn later_rounds_read_what_is_new_by_user() {
    let known = |from_day| Plan { me: round(&Langfuse, &plan(TODAY), cloud).unwrap().me(), ..plan(from_day) };
    for from_day in [TODAY - 1, TODAY - 20] {
        let later = round(&Langfuse, &known(from_day), cloud).unwrap();
        assert!(later.paths().iter().all(|path| !path.contains("metrics")), "{:?}", later.paths());
        assert_eq!(later.spans(), [(from_day, TODAY)]);
    }
    let after_long = round(&Langfuse, &known(TODAY - 40), cloud).unwrap();
    assert!(after_long.paths().iter().any(|path| path.contains("metrics")));
}

#[test]
fn observations_are_asked_for_by_time_and_cursor() {
    let round = round(&Langfuse, &plan(TODAY - 1), cloud).unwrap();
    let paths: Vec<&str> = round.paths().into_iter().filter(|path| path.contains("observations")).collect();
    let range = "fromStartTime=2026-11-21T00%3A00%3A00.000Z&toStartTime=2026-11-22T12%3A00%3A00.000Z";
    let expected = format!("/api/public/v2/observations?fields=core,basic,usage,model&limit=1000&{range}");
    assert_eq!(paths, [expected.clone(), format!("{expected}&cursor=eyJh%2B%3D")]);
    assert!(round.all_calls().is_empty(), "nobody has asked for calls");
}

#[test]
fn calls_have_their_session_and_their_price() {
    let wanted = Plan { calls_from: Some(NOW - 2 * DAY), ..plan(TODAY) };
    let round = round(&Langfuse, &wanted, cloud).unwrap();
    let calls = round.calls();
    assert_eq!(calls.iter().map(|call| call.id.as_str()).collect::<Vec<_>>(), ["o1", "o2", "o3", "o4"]);
    let expected = GatewayCall {
        id: "o1".to_owned(),
        at: NOW - HOUR,
        ended: NOW - HOUR + 2500,
        user: text("ada"),
        model: text("claude-opus-5-5"),
        session: text("session-1"),
        tokens: of_calls(1),
        spend: usd(12_345_678).unwrap(),
        ..GatewayCall::default()
    };
    assert_eq!(calls[0], expected);
    assert!(calls[3].failed);
    assert_eq!(round.all_calls(), [(NOW - 2 * DAY, NOW - HOUR)], "what has not ended yet comes later");
    assert_eq!(round.spans(), [(TODAY, TODAY)], "calls of earlier days are no whole days");
}

#[test]
fn an_id_that_litellm_has_given_a_call_holds_the_providers() {
    let named = |ask: &Ask| {
        if !has(ask, "/v2/observations") {
            return cloud(ask);
        }
        let ids = ["time-09-00-00-123456_msg_01Ab", "msg_01Ab", "time-_", "time-zone_x", "time-09-00-00"];
        ok(json!({"data": ids.map(|id| observation(id, NOW - HOUR, &json!("ada"), &json!(1))), "meta": {}}))
    };
    let round = round(&Langfuse, &Plan { calls_from: Some(NOW - 2 * DAY), ..plan(TODAY) }, named).unwrap();
    let answers: Vec<Option<String>> = round.calls().iter().map(|call| call.answer.clone()).collect();
    assert_eq!(answers, [text("msg_01Ab"), None, None, None, None]);
}

#[test]
fn metrics_that_are_cut_off_are_asked_for_in_halves() {
    let full = |ask: &Ask| {
        if !has(ask, "/v2/metrics") {
            return cloud(ask);
        }
        // The first question is for more than a day; everything but single days is cut off.
        let is_one_day = ask.request.path.matches("2026-11-15").count() == 2 || ask.request.path.matches("2026-11-14").count() == 2;
        let rows = if is_one_day { 1 } else { 1000 };
        ok(json!({"data": vec![metric("2026-11-15", &json!("m"), &json!(0.001)); rows]}))
    };
    let round = round(&Langfuse, &plan(TODAY - 8), full).unwrap();
    assert_eq!(round.paths().iter().filter(|path| path.contains("/v2/metrics")).count(), 3);
    assert_eq!(round.spans(), [(TODAY - 6, TODAY), (TODAY - 8, TODAY - 8), (TODAY - 7, TODAY - 7)]);
    assert_eq!(round.spend() - 612_345_678, 1_000_000, "not the thousand rows that were cut off");
}

#[test]
fn an_older_release_has_daily_metrics() {
    let round = round(&Langfuse, &plan(TODAY - 5), old).unwrap();
    let row = |day, model: Option<&str>, nanos, requests, tokens| DaySpend {
        day,
        model: model.map(str::to_owned),
        spend: usd(nanos),
        requests,
        tokens,
        ..DaySpend::default()
    };
    let of = Tokens { input: 1200, output: 1300, ..Tokens::default() };
    let expected = [
        row(TODAY - 2, None, 1_000_000_000, 0, of),
        row(TODAY - 1, None, 3_500_000_000, 0, Tokens::default()),
        row(TODAY, Some("a"), 50_000_000_000, 4, of),
        row(TODAY, Some("b"), 52_000_000_000, 4, of),
    ];
    assert_eq!(round.rows(), expected, "the sum of a day is not added to its models");
    assert_eq!(round.cannot(), ["spend of users, and single calls"]);
}

#[test]
fn keys_that_are_wrong_and_releases_that_know_nothing() {
    assert!(matches!(round(&Langfuse, &plan(TODAY), |_| no(401)), Err(Refusal::Key(_))));
    let nothing = round(&Langfuse, &plan(TODAY), |ask| if has(ask, "health") { project(ask) } else { no(404) }).unwrap();
    assert_eq!(nothing.cannot(), ["spend of users, and single calls", "spend by day and model"]);
    assert!(nothing.spans().is_empty());
}

#[test]
fn it_is_known_by_its_health() {
    assert_eq!(Langfuse.knock(), Some(Request::get("/api/public/health")));
    let is_it = |status, body: &str| Langfuse.is_it(&Answer { status, version: None, body: body.as_bytes() });
    assert!(is_it(200, r#"{"status":"OK","version":"3.150.0"}"#));
    for body in [r#"{"status":"OK"}"#, r#"{"status":"healthy","version":"1"}"#, r#"{"status":"OK","version":""}"#, "OK", "<html>", "[]"] {
        assert!(!is_it(200, body), "{body}");
    }
    assert!(!is_it(503, r#"{"status":"OK","version":"3.150.0"}"#));
}

#[test]
fn nonsense_is_borne() {
    bears_everything(&Langfuse, &Plan { calls_from: Some(0), ..plan(TODAY - 20) }, cloud);
    bears_everything(&Langfuse, &plan(TODAY - 20), old);
}
