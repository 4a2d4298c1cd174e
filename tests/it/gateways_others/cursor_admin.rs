//! Cursor's Admin API: answers of the form that its pages specify.

use aifinops::gateways::cursor_admin::CursorAdmin;
use aifinops::gateways::{Ask, Auth, DAY, Gateway as _, Method, Plan, Refusal};
use aifinops::model::{DaySpend, GatewayBudget, GatewayCall, Millis, Tokens, Whose};
use serde_json::{Value, json};

use super::{NOVEMBER, NOW, TODAY, Told, bears_everything, no, ok, plan, round, text, usd};

const HOUR: Millis = 3_600_000;

fn event(at: Millis, user: &str, charged: &Value, total: &Value) -> Value {
    json!({"timestamp": at.to_string(), "userEmail": user, "model": "claude-opus-5-5", "kind": "Usage-based", "maxMode": true,
        "requestsCosts": 5, "isTokenBasedCall": true, "isChargeable": true, "isHeadless": false, "chargedCents": charged,
        "cursorTokenFee": 1.18,
        "tokenUsage": {"inputTokens": 126, "outputTokens": 450, "cacheWriteTokens": 6112, "cacheReadTokens": 11964, "totalCents": total,
            "discountPercentOff": 0}})
}

fn events(page: u64, rows: &Value, has_next: bool) -> Value {
    json!({"totalUsageEventsCount": 4, "usageEvents": rows, "period": {"startDate": 0, "endDate": 0},
        "pagination": {"numPages": 2, "currentPage": page, "pageSize": 100, "hasNextPage": has_next, "hasPreviousPage": false}})
}

fn member(email: &Value, spend: f64, limit: &Value) -> Value {
    json!({"userId": 7, "name": "Ada", "email": email, "role": "member", "spendCents": spend, "overallSpendCents": 5000,
        "includedSpendCents": 3000, "fastPremiumRequests": 3, "hardLimitOverrideDollars": 0, "monthlyLimitDollars": limit})
}

fn page_of(ask: &Ask) -> u64 {
    let body: Value = serde_json::from_str(ask.request.body.as_deref().unwrap()).unwrap();
    assert_eq!((ask.request.method, &body["pageSize"]), (Method::Post, &json!(100)));
    body["page"].as_u64().unwrap()
}

fn server(ask: &Ask) -> Told {
    let yesterday = NOW - DAY;
    ok(match (ask.request.path.as_str(), page_of(ask)) {
        ("/teams/spend", 1) => json!({"teamMemberSpend": [member(&json!("ada@example.com"), 1234.5, &json!(50))],
            "subscriptionCycleStart": NOVEMBER * DAY, "totalMembers": 2, "totalPages": 2}),
        ("/teams/spend", 2) => {
            let mut bo = member(&json!("bo@example.com"), 0.0, &Value::Null);
            bo["effectivePerUserLimitDollars"] = json!(20);
            json!({"teamMemberSpend": [bo, member(&Value::Null, 1.0, &Value::Null)], "subscriptionCycleStart": NOVEMBER * DAY,
                "totalMembers": 2, "totalPages": 2})
        }
        ("/teams/filtered-usage-events", 1) => {
            let mut failed = event(NOW - HOUR, "ada@example.com", &json!(0), &json!(20.0));
            failed["kind"] = json!("Errored, Not Charged");
            events(1, &json!([failed, event(NOW - 3 * HOUR, "ada@example.com", &json!(21.36232), &json!(20.18232))]), true)
        }
        ("/teams/filtered-usage-events", 2) => events(
            2,
            &json!([
                event(yesterday, "ada@example.com", &json!(0.5), &json!(20.0)),
                event(yesterday - 1, "bo@example.com", &Value::Null, &json!(2))
            ]),
            false,
        ),
        other => panic!("asked for {other:?}"),
    })
}

fn used(times: u64) -> Tokens {
    Tokens { input: 126 * times, cache_read: 11_964 * times, cache_write_5m: 6112 * times, output: 450 * times, ..Tokens::default() }
}

#[test]
fn what_members_spend_beyond_the_plan_is_a_budget() {
    let round = round(&CursorAdmin, &plan(TODAY - 3), server).unwrap();
    let budget = |id: &str, limit, spent| GatewayBudget {
        whose: Whose::User,
        id: id.to_owned(),
        team: None,
        limit: usd(limit),
        spent: usd(spent),
        period: text("billing cycle"),
        since: Some(NOVEMBER * DAY),
        resets_at: Some((NOVEMBER + 30) * DAY),
        blocked: false,
    };
    assert_eq!(round.budgets(), [budget("ada@example.com", 50_000_000_000, 12_345_000_000), budget("bo@example.com", 20_000_000_000, 0)]);
    assert_eq!(round.name(Whose::User, "ada@example.com"), text("Ada"));
    assert_eq!(round.names().len(), 2, "who has no address is in no event either");
    assert_eq!(CursorAdmin.auth(), Auth::Basic);
}

#[test]
fn events_are_added_up_by_day_and_member_with_what_they_were_charged() {
    let round = round(&CursorAdmin, &plan(TODAY - 3), server).unwrap();
    let row = |day, user: &str, nanos, requests, failed| DaySpend {
        day,
        user: text(user),
        model: text("claude-opus-5-5"),
        spend: usd(nanos),
        requests,
        failed,
        tokens: used(requests),
        ..DaySpend::default()
    };
    let expected = [
        row(TODAY - 1, "ada@example.com", 5_000_000, 1, 0),
        // No charge is told: the price of the tokens, and the fee.
        row(TODAY - 1, "bo@example.com", 31_800_000, 1, 0),
        // 21.36232 cents have the fee in them.
        row(TODAY, "ada@example.com", 213_623_200, 2, 1),
    ];
    assert_eq!(round.rows(), expected);
    assert_eq!(round.spans(), [(TODAY - 1, TODAY)], "a day before the first event may be one that Cursor has forgotten");
    assert!(round.calls().is_empty() && round.all_calls().is_empty(), "nobody has asked for calls");
}

#[test]
fn calls_are_told_one_by_one_with_an_id_that_stays() {
    let wanted = Plan { calls_from: Some(NOW - 10 * HOUR), ..plan(TODAY - 3) };
    let first = round(&CursorAdmin, &wanted, server).unwrap();
    let calls = first.calls();
    assert_eq!(calls.len(), 2, "those of yesterday were not asked for");
    let expected = GatewayCall {
        id: format!("{} ada@example.com claude-opus-5-5 126/11964/6112/450", NOW - 3 * HOUR),
        at: NOW - 3 * HOUR,
        ended: NOW - 3 * HOUR,
        user: text("ada@example.com"),
        model: text("claude-opus-5-5"),
        tokens: used(1),
        spend: usd(213_623_200).unwrap(),
        ..GatewayCall::default()
    };
    assert_eq!(calls[1], expected);
    assert!(calls[0].failed && calls[0].id != calls[1].id);
    assert_eq!(first.all_calls(), [(NOW - 10 * HOUR, NOW - 2 * HOUR)], "the last hours' events may still come");
    assert_eq!(round(&CursorAdmin, &wanted, server).unwrap().calls(), calls);
    assert_eq!(first.spend(), 250_423_200, "whole days, whatever calls are wanted");
}

#[test]
fn what_a_late_event_moves_onto_the_next_page_counts_once() {
    let row = |hours: Millis| event(NOW - hours * HOUR, "ada@example.com", &json!(10), &json!(1));
    let moved = |ask: &Ask| {
        if ask.request.path == "/teams/spend" {
            return server(ask);
        }
        // Between the two questions one has come in front of all.
        let page = page_of(ask);
        ok(if page == 1 { events(1, &json!([row(3), row(4)]), true) } else { events(2, &json!([row(4), row(5)]), false) })
    };
    let round = round(&CursorAdmin, &Plan { calls_from: Some(NOW - DAY), ..plan(TODAY - 1) }, moved).unwrap();
    assert_eq!(round.calls().len(), 3);
    assert_eq!(round.spend(), 300_000_000);
}

#[test]
fn what_is_asked_is_thirty_days_at_most() {
    let begin = |plan: &Plan| {
        let asks = CursorAdmin.begin(plan);
        let ask = asks.iter().find(|ask| ask.request.path.contains("events")).unwrap();
        let body: Value = serde_json::from_str(ask.request.body.as_deref().unwrap()).unwrap();
        assert_eq!(body["endDate"], json!(NOW));
        body["startDate"].as_i64().unwrap()
    };
    assert_eq!(begin(&plan(TODAY - 90)), (TODAY - 29) * DAY);
    assert_eq!(begin(&plan(TODAY - 1)), (TODAY - 1) * DAY);
    // Calls that are wanted from earlier on do not make days be told again.
    let calls = Plan { calls_from: Some((TODAY - 5) * DAY + 7), ..plan(TODAY - 1) };
    assert_eq!(begin(&calls), (TODAY - 5) * DAY + 7);
    assert_eq!(round(&CursorAdmin, &calls, server).unwrap().spans(), [(TODAY - 1, TODAY)]);
    assert_eq!(begin(&Plan { calls_from: Some(0), ..plan(TODAY) }), (TODAY - 29) * DAY);
}

#[test]
fn pages_end_where_the_count_is_reached_or_nothing_comes() {
    let bare = |ask: &Ask| {
        let page = page_of(ask);
        match ask.request.path.as_str() {
            "/teams/spend" => server(ask),
            _ if page < 3 => {
                let row = event(NOW - page.cast_signed(), "ada@example.com", &json!(1), &json!(1));
                ok(json!({"totalUsageEventsCount": 2, "usageEvents": [row]}))
            }
            _ => panic!("asked for page {page}"),
        }
    };
    assert_eq!(round(&CursorAdmin, &plan(TODAY), bare).unwrap().requests(), 2);
    let endless = |ask: &Ask| if ask.request.path == "/teams/spend" { server(ask) } else { ok(events(1, &json!([]), true)) };
    let empty = round(&CursorAdmin, &plan(TODAY - 3), endless).unwrap();
    assert_eq!((empty.spans(), empty.requests()), (vec![(TODAY, TODAY)], 0));
}

#[test]
fn a_small_team_is_refused_and_told_so() {
    let refused = round(&CursorAdmin, &plan(TODAY), |_| no(403)).unwrap();
    assert_eq!(refused.cannot(), ["budgets, and what members have spent in this cycle", "spend by day, and single calls"]);
    assert!(matches!(round(&CursorAdmin, &plan(TODAY), |_| no(401)), Err(Refusal::Key(_))));
}

#[test]
fn nonsense_is_borne() {
    bears_everything(&CursorAdmin, &Plan { calls_from: Some(0), ..plan(TODAY - 3) }, server);
}
