//! `OpenRouter`: answers of the form that its package specifies.

use aifinops::gateways::openrouter::OpenRouter;
use aifinops::gateways::{Answer, Ask, DAY, Gateway as _, Holder, Method, Per, Refusal};
use aifinops::model::{DaySpend, GatewayBudget, Tokens, Whose};
use serde_json::{Value, json};

use super::{DECEMBER, MONDAY, NOVEMBER, TODAY, Told, bears_everything, no, ok, only, plan, round, text, usd, wish};

fn own(is_management: bool, budgets: &Value) -> Value {
    json!({"data": {
        "label": "sk-or-v1-0e6...1c9", "limit": 20, "limit_remaining": 12.5, "limit_reset": "monthly",
        "usage": 81.25, "usage_daily": 1.07, "usage_weekly": 5.5, "usage_monthly": 7.5,
        "byok_usage": 3, "byok_usage_daily": 0.25, "byok_usage_weekly": 1, "byok_usage_monthly": 2,
        "include_byok_in_limit": false, "is_free_tier": false, "is_management_key": is_management, "is_provisioning_key": is_management,
        "budgets": budgets, "effective_budget": null, "workspace_id": "ws-1", "organization_id": null, "creator_user_id": "user-1",
        "rate_limit": {"interval": "10s", "note": "", "requests": -1}
    }})
}

fn layer(scope: &str, limit: f64, spend: f64, interval: &Value, resets_at: &Value) -> Value {
    json!({"scope": scope, "limit_usd": limit, "spend_usd": spend, "remaining_usd": limit - spend, "reset_interval": interval,
        "resets_at": resets_at, "budget_id": null, "guardrail_id": null, "include_byok": false})
}

fn day(date: &str, model: &str, space: &str, usage: f64, byok: f64) -> Value {
    json!({"date": date, "model": model, "model_permaslug": format!("{model}-1"), "endpoint_id": "e", "provider_name": "P", "usage": usage,
        "byok_usage_inference": byok, "requests": 3, "prompt_tokens": 1000, "completion_tokens": 200, "reasoning_tokens": 50,
        "cached_tokens": 400, "workspace_id": space})
}

fn key(hash: &str, space: &str, limit: &Value, daily: f64) -> Value {
    let remaining = limit.as_f64().map_or(Value::Null, |limit| json!(limit - 2.5));
    json!({"hash": hash, "name": format!("key {hash}"), "label": "sk-or-v1-...", "disabled": hash == "k3", "limit": limit,
        "limit_remaining": remaining, "limit_reset": "daily", "usage": 99, "usage_daily": daily, "usage_weekly": 9, "usage_monthly": 9,
        "byok_usage_daily": 0, "creator_user_id": "user-1", "workspace_id": space, "created_at": "2026-11-01", "updated_at": null})
}

/// An account with two workspaces; the first one's keys stand on two pages.
fn account(ask: &Ask) -> Told {
    let path = ask.request.path.as_str();
    ok(match path {
        "/api/v1/key" => own(true, &json!([])),
        "/api/v1/activity?group_by=workspace" => json!({"data": [
            day("2026-11-20", "anthropic/claude-opus-5-5", "ws-1", 1.5, 0.5),
            day("2026-11-20", "anthropic/claude-opus-5-5", "ws-1", 0.000_000_001, 0.0),
            day("2026-11-21", "openai/gpt-6-sol", "ws-2", 0.125, 0.0),
            day("2026-09-01", "openai/gpt-6-sol", "ws-2", 1000.0, 0.0),
            day("2026-11-22", "openai/gpt-6-sol", "ws-2", 1000.0, 0.0)
        ]}),
        "/api/v1/organization/members?limit=100&offset=0" => json!({"total_count": 1, "data": [
            {"id": "user-1", "email": "ada@example.com", "first_name": "Ada", "last_name": null, "role": "admin"}
        ]}),
        "/api/v1/workspaces?limit=100&offset=0" => {
            json!({"total_count": 2, "data": [{"id": "ws-1", "name": "One"}, {"id": "ws-2", "name": "Two"}]})
        }
        "/api/v1/keys?include_disabled=true&offset=0&workspace_id=ws-1" => json!({"data": [key("k1", "ws-1", &json!(10), 0.75)]}),
        "/api/v1/keys?include_disabled=true&offset=1&workspace_id=ws-1" => json!({"data": [key("k2", "ws-1", &Value::Null, 0.5)]}),
        "/api/v1/keys?include_disabled=true&offset=0&workspace_id=ws-2" => json!({"data": [key("k3", "ws-2", &Value::Null, 0.0)]}),
        "/api/v1/keys?include_disabled=true&offset=2&workspace_id=ws-1"
        | "/api/v1/keys?include_disabled=true&offset=1&workspace_id=ws-2" => {
            json!({"data": []})
        }
        other => panic!("asked for {other}"),
    })
}

fn budget(whose: Whose, id: &str, limit: i64, spent: i64, period: Option<&str>, days: Option<(i64, i64)>) -> GatewayBudget {
    GatewayBudget {
        whose,
        id: id.to_owned(),
        team: None,
        limit: usd(limit),
        spent: usd(spent),
        period: period.map(str::to_owned),
        since: days.map(|(from, _)| from * DAY),
        resets_at: days.map(|(_, to)| to * DAY),
        blocked: false,
    }
}

#[test]
fn a_developers_own_key_tells_today_and_the_budgets_that_hold_for_it() {
    let budgets = json!([
        layer("workspace_default_member", 50.0, 10.0, &json!("weekly"), &json!("2026-11-23T00:00:00Z")),
        layer("member", 30.0, 10.0, &json!("weekly"), &json!("2026-11-23T00:00:00Z")),
        layer("workspace", 500.0, 123.456_789, &json!("monthly"), &Value::Null),
        layer("api_key", 5.0, 1.07, &json!("daily"), &json!("2026-11-23T00:00:00.000Z")),
        layer("key_limit", 100.0, 81.25, &Value::Null, &Value::Null),
        layer("something new", 1.0, 1.0, &json!("daily"), &Value::Null)
    ]);
    let round = round(&OpenRouter, &plan(TODAY - 30), |_| ok(own(false, &budgets))).unwrap();
    assert_eq!(round.paths(), ["/api/v1/key"], "nothing else is asked with a key that may not have it");
    let today = DaySpend {
        day: TODAY,
        user: text("user-1"),
        team: text("ws-1"),
        key: text("sk-or-v1-0e6...1c9"),
        // To the provider and to OpenRouter.
        spend: usd(1_320_000_000),
        ..DaySpend::default()
    };
    assert_eq!(round.rows(), [today]);
    let of_key = |limit, spent, period, days| budget(Whose::Key, "sk-or-v1-0e6...1c9", limit, spent, period, days);
    let expected = [
        budget(Whose::User, "user-1", 30_000_000_000, 10_000_000_000, Some("weekly"), Some((MONDAY, MONDAY + 7))),
        budget(Whose::Team, "ws-1", 500_000_000_000, 123_456_789_000, Some("monthly"), Some((NOVEMBER, DECEMBER))),
        of_key(100_000_000_000, 81_250_000_000, None, None),
        of_key(5_000_000_000, 1_070_000_000, Some("daily"), Some((TODAY, TODAY + 1))),
    ];
    assert_eq!(round.budgets(), expected);
    let me = round.me().unwrap();
    assert!(!me.sees_all && !me.may_write && me.may_spend);
    assert_eq!(round.cannot().len(), 1);
}

#[test]
fn an_answer_without_layers_has_the_keys_own_limit() {
    let round = round(&OpenRouter, &plan(TODAY), |_| ok(own(false, &Value::Null))).unwrap();
    let expected = budget(Whose::Key, "sk-or-v1-0e6...1c9", 20_000_000_000, 7_500_000_000, Some("monthly"), Some((NOVEMBER, DECEMBER)));
    assert_eq!(round.budgets(), [expected]);
}

#[test]
fn a_management_key_tells_days_by_model_and_today_by_key() {
    let round = round(&OpenRouter, &plan(TODAY - 10), account).unwrap();
    let of_model = |day, model: &str, space: &str, nanos, times: u64| DaySpend {
        day,
        team: text(space),
        model: text(model),
        spend: usd(nanos),
        requests: 3 * times,
        tokens: Tokens { input: 600 * times, cache_read: 400 * times, output: 200 * times, reasoning: 50 * times, ..Tokens::default() },
        ..DaySpend::default()
    };
    let of_key = |key: &str, nanos| DaySpend {
        day: TODAY,
        user: text("user-1"),
        team: text("ws-1"),
        key: text(key),
        spend: usd(nanos),
        ..DaySpend::default()
    };
    let expected = [
        of_model(TODAY - 2, "anthropic/claude-opus-5-5", "ws-1", 2_000_000_001, 2),
        of_model(TODAY - 1, "openai/gpt-6-sol", "ws-2", 125_000_000, 1),
        of_key("k1", 750_000_000),
        of_key("k2", 500_000_000),
    ];
    assert_eq!(round.rows(), expected);
    assert_eq!(round.spans(), [(TODAY - 10, TODAY - 1), (TODAY, TODAY)]);
    let day = Some((TODAY, TODAY + 1));
    let disabled = GatewayBudget { limit: None, spent: None, blocked: true, ..budget(Whose::Key, "k3", 0, 0, Some("daily"), day) };
    assert_eq!(round.budgets(), [budget(Whose::Key, "k1", 10_000_000_000, 2_500_000_000, Some("daily"), day), disabled]);
    assert_eq!(round.name(Whose::User, "user-1"), text("Ada"));
    assert_eq!(round.name(Whose::Team, "ws-2"), text("Two"));
    assert_eq!(round.name(Whose::Key, "k2"), text("key k2"));
    let me = round.me().unwrap();
    assert!(me.sees_all && me.may_write && !me.may_spend);
}

#[test]
fn a_day_that_is_not_in_the_books_yet_is_not_told() {
    let late = |ask: &Ask| {
        if ask.request.path.contains("/activity") { ok(json!({"data": [day("2026-11-20", "m", "ws-1", 1.0, 0.0)]})) } else { account(ask) }
    };
    let round = round(&OpenRouter, &plan(TODAY - 5), late).unwrap();
    assert_eq!(round.spans(), [(TODAY - 5, TODAY - 2), (TODAY, TODAY)]);
}

#[test]
fn today_alone_needs_no_books_of_days_that_are_over() {
    let round = round(&OpenRouter, &plan(TODAY), account).unwrap();
    assert!(round.paths().iter().all(|path| !path.contains("activity")));
    assert_eq!(round.spend(), 1_250_000_000);
}

#[test]
fn what_is_refused_is_said_and_the_rest_goes_on() {
    for status in [401, 403] {
        let only_itself = |ask: &Ask| if ask.request.path == "/api/v1/key" { account(ask) } else { no(status) };
        let round = round(&OpenRouter, &plan(TODAY - 5), only_itself).unwrap();
        assert_eq!(round.cannot(), ["spend of days that are over", "keys, and what they have spent today"]);
        assert!(round.rows().is_empty());
    }
    assert!(matches!(round(&OpenRouter, &plan(TODAY), |_| no(401)), Err(Refusal::Key(_))));
}

#[test]
fn an_account_without_workspaces_has_keys_all_the_same() {
    let old = |ask: &Ask| match ask.request.path.as_str() {
        "/api/v1/workspaces?limit=100&offset=0" => no(404),
        // A server that knows no pages answers with the first one again.
        "/api/v1/keys?include_disabled=true&offset=0" | "/api/v1/keys?include_disabled=true&offset=1" => {
            ok(json!({"data": [key("k1", "ws-1", &json!(10), 0.75)]}))
        }
        _ => account(ask),
    };
    let round = round(&OpenRouter, &plan(TODAY), old).unwrap();
    assert_eq!(round.spend(), 750_000_000, "once");
}

#[test]
fn the_limit_of_a_key_is_written_with_the_digits_it_has() {
    let wished = wish(Whose::Key, "k1", usd(12_340_000_001), Per::Week);
    assert_eq!(OpenRouter.find(&wished).unwrap().path, "/api/v1/keys/k1");
    let body = json!({"data": key("k1", "ws-1", &json!(10), 0.75)}).to_string();
    let answer = Answer { status: 200, version: None, body: body.as_bytes() };
    let holder = OpenRouter.found(&wished, &answer).unwrap().unwrap();
    assert_eq!((holder.name.clone(), holder.limit, holder.spent), (text("key k1"), usd(10_000_000_000), usd(2_500_000_000)));
    assert_eq!(OpenRouter.found(&wished, &Answer { status: 404, ..answer }).unwrap(), None);
    assert!(matches!(OpenRouter.found(&wished, &Answer { status: 403, ..answer }), Err(Refusal::Forbidden(_))));

    let requests = OpenRouter.set_budget(&wished, &holder);
    assert_eq!(requests[0].body.as_deref(), Some(r#"{"limit":12.340000001,"limit_reset":"weekly"}"#));
    let (method, path, _) = only(requests);
    assert_eq!((method, path.as_str()), (Method::Patch, "/api/v1/keys/k1"));
    let (_, _, body) = only(OpenRouter.set_budget(&wish(Whose::Key, "k1", None, Per::Week), &holder));
    assert_eq!(body, json!({"limit": null, "limit_reset": null}));
    assert_eq!(OpenRouter.find(&wish(Whose::User, "user-1", None, Per::Day)), None);
    assert!(OpenRouter.set_budget(&wish(Whose::User, "user-1", None, Per::Day), &Holder::default()).is_empty());
}

#[test]
fn nonsense_is_borne() {
    bears_everything(&OpenRouter, &plan(TODAY - 3), account);
    bears_everything(&OpenRouter, &plan(TODAY - 3), |_| {
        ok(own(false, &json!([layer("api_key", 5.0, 1.0, &json!("daily"), &json!("2026-11-23T00:00:00Z"))])))
    });
}
