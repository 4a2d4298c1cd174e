//! Anthropic's Admin API: answers of the form that its package and pages specify.

use aifinops::gateways::anthropic_admin::AnthropicAdmin;
use aifinops::gateways::{Ask, DAY, Gateway as _, Refusal};
use aifinops::model::{DaySpend, GatewayBudget, Tokens, Whose};
use serde_json::{Value, json};

use super::{DECEMBER, MONDAY, NOVEMBER, TODAY, Told, bears_everything, no, ok, plan, round, text, usd};

fn group(actor: &Value, key: &Value, model: &Value) -> Value {
    json!({"actor": actor, "workspace_id": "wrkspc_1", "api_key_id": key, "model": model, "product": null})
}

fn ada() -> Value {
    json!({"type": "user_actor", "user_id": "user_1", "name": "Ada", "email_address": "ada@example.com", "deleted": false})
}

fn usage(date: &str, group: &Value, input: u64) -> Value {
    json!({"starting_at": format!("{date}T00:00:00Z"), "ending_at": "", "group": group, "usage": {
        "uncached_input_tokens": input, "cache_read_input_tokens": 400, "output_tokens": 30, "total_tokens": 0, "requests": 2,
        "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}, "server_tool_use": {"web_search_requests": 1}
    }})
}

fn cost(date: &str, group: &Value, amount: &str) -> Value {
    json!({"starting_at": format!("{date}T00:00:00Z"), "ending_at": "", "group": group,
        "cost": {"amount": amount, "list_amount": "99999", "currency": "USD", "requests": 2}})
}

fn has(ask: &Ask, word: &str) -> bool {
    ask.request.path.contains(word)
}

/// An organization with analytics, in two pages of usage; and with limits of members.
fn enterprise(ask: &Ask) -> Told {
    let opus = json!("claude-opus-5-5");
    let with_key = group(&ada(), &json!("apikey_1"), &opus);
    let robot = group(&json!({"type": "service_account_actor", "service_account_id": "svac_1"}), &Value::Null, &opus);
    let bare = group(&json!({"type": "api_actor", "api_key_id": "apikey_2"}), &Value::Null, &Value::Null);
    ok(if has(ask, "/analytics/usage") && has(ask, "&page=") {
        json!({"data": [usage("2026-11-21", &with_key, 5), usage("2026-11-22", &robot, 7)], "has_more": false, "next_page": null})
    } else if has(ask, "/analytics/usage") {
        json!({"data": [usage("2026-11-21", &with_key, 100)], "has_more": true, "next_page": "p/2"})
    } else if has(ask, "/analytics/cost") {
        json!({"data": [
            cost("2026-11-21", &with_key, "123.4567"), cost("2026-11-22", &robot, "0.00001"), cost("2026-11-22", &bare, "50"),
            cost("2026-10-01", &bare, "100000")
        ], "has_more": false, "next_page": null})
    } else if has(ask, "/api_keys") {
        let scope = json!({"type": "workspace", "workspace_id": "wrkspc_1"});
        json!({"data": [{"id": "apikey_1", "name": "ada's laptop", "type": "api_key", "scope": scope}], "has_more": false,
            "first_id": "apikey_1", "last_id": "apikey_1"})
    } else if has(ask, "/workspaces") {
        json!({"data": [{"id": "wrkspc_1", "name": "Default"}], "has_more": false, "last_id": "wrkspc_1"})
    } else if has(ask, "/spend_limits/effective") {
        json!({"data": [{"scope": {"type": "user", "user_id": "user_1"}, "actor": ada(), "amount": "12000", "currency": "USD",
            "period": "weekly", "period_to_date_spend": "120.5", "source": {"type": "seat_tier", "seat_tier": "premium"},
            "spend_limit_id": "spl_1"}], "next_page": null})
    } else {
        panic!("asked for {}", ask.request.path)
    })
}

/// A bucket of a day.
fn bucket(date: &str, results: &Value) -> Value {
    json!({"starting_at": format!("{date}T00:00:00Z"), "ending_at": "", "results": results})
}

/// An organization without analytics and without limits of members.
fn console(ask: &Ask) -> Told {
    if has(ask, "/analytics/") {
        return no(404);
    }
    if has(ask, "/spend_limits/effective") {
        return no(400);
    }
    ok(if has(ask, "/usage_report/messages") {
        json!({"data": [
            bucket("2026-11-21", &json!([
                {"uncached_input_tokens": 100, "cache_read_input_tokens": 400, "output_tokens": 30, "api_key_id": "apikey_1",
                    "workspace_id": null, "model": "claude-opus-5-5",
                    "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20}}
            ])),
            bucket("2026-11-22", &json!([]))
        ], "has_more": false, "next_page": null})
    } else if has(ask, "/cost_report") {
        json!({"data": [bucket("2026-11-21", &json!([
            {"amount": "123.45", "currency": "USD", "workspace_id": null, "model": "claude-opus-5-5", "token_type": "output_tokens"},
            {"amount": "0.5", "currency": "USD", "workspace_id": null, "model": "claude-opus-5-5", "token_type": "cache_read_input_tokens"},
            {"amount": "10", "currency": "USD", "workspace_id": null, "model": null, "cost_type": "web_search"}
        ]))], "has_more": false, "next_page": null})
    } else if has(ask, "/claude_code?starting_at=2026-11-21") {
        json!({"data": [
            person(&json!({"type": "user_actor", "email_address": "ada@example.com"}), "subscription"),
            person(&json!({"type": "api_actor", "api_key_name": "ci"}), "api")
        ], "has_more": false, "next_page": null})
    } else if has(ask, "/claude_code?") {
        json!({"data": [], "has_more": false, "next_page": null})
    } else if has(ask, "/spend_limits?") {
        json!({"data": [
            limit(&json!({"type": "organization"}), "500000", true),
            limit(&json!({"type": "workspace", "workspace_id": "wrkspc_1"}), "100", true),
            limit(&json!({"type": "usage_tier"}), "1000000", true),
            limit(&json!({"type": "rbac_group", "rbac_group_id": "g"}), "5", true),
            limit(&json!({"type": "workspace", "workspace_id": "wrkspc_2"}), "100", false)
        ], "next_page": null})
    } else {
        return enterprise(ask);
    })
}

fn person(actor: &Value, kind: &str) -> Value {
    json!({"date": "2026-11-21T00:00:00Z", "actor": actor, "customer_type": kind, "terminal_type": "vscode", "model_breakdown": [{
        "model": "claude-opus-5-5", "tokens": {"input": 1, "output": 2, "cache_read": 3, "cache_creation": 4},
        "estimated_cost": {"currency": "USD", "amount": 1025}
    }]})
}

fn limit(scope: &Value, amount: &str, enabled: bool) -> Value {
    json!({"type": "spend_limit", "id": "spl", "scope": scope, "amount": amount, "currency": "USD", "period": "monthly",
        "is_enabled": enabled})
}

#[test]
fn tokens_of_usage_and_money_of_cost_meet_in_one_row() {
    let round = round(&AnthropicAdmin, &plan(TODAY - 2), enterprise).unwrap();
    let tokens = |input, times: u64| Tokens {
        input,
        cache_read: 400 * times,
        cache_write_5m: 10 * times,
        cache_write_1h: 20 * times,
        output: 30 * times,
        reasoning: 0,
    };
    let row = |day, user: Option<&str>, key: Option<&str>, nanos| DaySpend {
        day,
        user: user.map(str::to_owned),
        team: text("wrkspc_1"),
        key: key.map(str::to_owned),
        spend: usd(nanos),
        ..DaySpend::default()
    };
    let opus = text("claude-opus-5-5");
    let expected = [
        DaySpend {
            model: opus.clone(),
            requests: 4,
            tokens: tokens(105, 2),
            ..row(TODAY - 1, Some("user_1"), Some("apikey_1"), 1_234_567_000)
        },
        row(TODAY, None, Some("apikey_2"), 500_000_000),
        // A hundred-thousandth of a cent.
        DaySpend { model: opus, requests: 2, tokens: tokens(7, 1), ..row(TODAY, Some("svac_1"), None, 100) },
    ];
    assert_eq!(round.rows(), expected);
    assert_eq!(round.spans(), [(TODAY - 2, TODAY)]);
    assert_eq!(round.name(Whose::User, "user_1"), text("Ada"));
    assert_eq!(round.name(Whose::Key, "apikey_1"), text("ada's laptop"));
    assert_eq!(round.name(Whose::Team, "wrkspc_1"), text("Default"));
}

#[test]
fn what_is_asked_is_a_month_at_most_and_speaks_the_beta() {
    let asks = AnthropicAdmin.begin(&plan(TODAY - 40));
    let usage: Vec<&Ask> = asks.iter().filter(|ask| has(ask, "/analytics/usage")).collect();
    let range = |ask: &Ask, range: &str| assert!(has(ask, range), "{}", ask.request.path);
    assert_eq!(usage.len(), 2);
    range(
        usage[0],
        "usage?starting_at=2026-10-13T00:00:00Z&ending_at=2026-11-13T00:00:00Z&time_bucket_width=1d&limit=1000&group_by[]=actor",
    );
    range(usage[1], "usage?starting_at=2026-11-13T00:00:00Z&ending_at=2026-11-23T00:00:00Z&");
    assert!(usage[0].request.headers.contains(&("anthropic-version", "2023-06-01")));
    assert!(usage[0].request.headers.contains(&("anthropic-beta", "analytics-usage-cost-2026-08-24")));
    // The books begin with the year.
    let first = AnthropicAdmin.begin(&plan(0));
    assert!(first.iter().any(|ask| has(ask, "usage?starting_at=2026-01-01T00:00:00Z&")));
    assert!(!first.iter().any(|ask| has(ask, "starting_at=2025")));
}

#[test]
fn limits_of_members_are_budgets() {
    let round = round(&AnthropicAdmin, &plan(TODAY), enterprise).unwrap();
    let expected = GatewayBudget {
        whose: Whose::User,
        id: "user_1".to_owned(),
        team: None,
        limit: usd(120_000_000_000),
        spent: usd(1_205_000_000),
        period: text("weekly"),
        since: Some(MONDAY * DAY),
        resets_at: Some((MONDAY + 7) * DAY),
        blocked: false,
    };
    assert_eq!(round.budgets(), [expected]);
    assert_eq!(round.me().unwrap().role, "admin key");
}

#[test]
fn without_analytics_the_older_reports_are_added_up_once() {
    let round = round(&AnthropicAdmin, &plan(TODAY - 1), console).unwrap();
    let row = |user: Option<&str>, key: Option<&str>, spend, tokens| DaySpend {
        day: TODAY - 1,
        user: user.map(str::to_owned),
        key: key.map(str::to_owned),
        model: text("claude-opus-5-5"),
        spend,
        tokens,
        ..DaySpend::default()
    };
    let messages = Tokens { input: 100, cache_read: 400, cache_write_5m: 10, cache_write_1h: 20, output: 30, reasoning: 0 };
    let member = Tokens { input: 1, cache_read: 3, cache_write_5m: 4, output: 2, ..Tokens::default() };
    let expected = [
        DaySpend { model: None, ..row(None, None, usd(100_000_000), Tokens::default()) },
        row(None, None, usd(1_239_500_000), Tokens::default()),
        row(None, Some("apikey_1"), None, messages),
        // A member with a subscription: used, and not billed. What the key named ci has used is above.
        row(Some("ada@example.com"), None, None, member),
    ];
    assert_eq!(round.rows(), expected);
    assert_eq!((round.spend(), round.tokens()), (1_339_500_000, messages + member));
    assert_eq!(round.name(Whose::User, "ada@example.com"), text("ada@example.com"));
    let days = round.paths().iter().filter(|path| path.contains("/claude_code?")).count();
    assert_eq!(days, 2, "each day of its own");
    let budget = |whose, id: &str, limit| GatewayBudget {
        whose,
        id: id.to_owned(),
        team: None,
        limit: usd(limit),
        spent: None,
        period: text("monthly"),
        since: Some(NOVEMBER * DAY),
        resets_at: Some(DECEMBER * DAY),
        blocked: false,
    };
    let expected = [
        budget(Whose::Team, "wrkspc_1", 1_000_000_000),
        budget(Whose::Organization, "organization", 5_000_000_000_000),
        budget(Whose::Organization, "usage tier", 10_000_000_000_000),
    ];
    assert_eq!(round.budgets(), expected);
    assert!(round.cannot().is_empty());
}

#[test]
fn claude_code_alone_is_taken_with_its_estimates_where_there_is_nothing_else() {
    let code_only = |ask: &Ask| if has(ask, "/claude_code?") { console(ask) } else { no(403) };
    let round = round(&AnthropicAdmin, &plan(TODAY - 1), code_only).unwrap();
    assert_eq!(round.spend(), 10_250_000_000, "the key's, and not the subscription's");
    assert!(round.cannot().contains(&"usage besides that of Claude Code"));
    assert_eq!(round.me().unwrap().role, "analytics key");
}

#[test]
fn a_key_that_may_have_nothing_tells_nothing() {
    let round = round(&AnthropicAdmin, &plan(TODAY - 1), |_| no(403)).unwrap();
    assert!(round.rows().is_empty() && round.spans().is_empty(), "no rights are not days without spend");
    for cannot in ["usage, and what it costs", "budgets", "names of keys", "names of workspaces"] {
        assert!(round.cannot().contains(&cannot), "{cannot}");
    }
    assert!(matches!(super::round(&AnthropicAdmin, &plan(TODAY), |_| no(401)), Err(Refusal::Key(_))));
}

#[test]
fn an_organization_that_knows_no_keys_is_asked_without_them() {
    let narrow = |ask: &Ask| if has(ask, "/analytics/") && has(ask, "api_key_id") { no(400) } else { enterprise(ask) };
    let round = round(&AnthropicAdmin, &plan(TODAY - 2), narrow).unwrap();
    assert_eq!((round.spend(), round.requests()), (1_734_567_100, 6));
    assert!(round.paths().iter().any(|path| path.contains("/analytics/cost") && !path.contains("api_key_id")), "cost by the same groups");
}

#[test]
fn usage_without_cost_has_no_money() {
    let free = |ask: &Ask| if has(ask, "/analytics/cost") { no(403) } else { enterprise(ask) };
    let round = round(&AnthropicAdmin, &plan(TODAY - 2), free).unwrap();
    assert!(round.rows().iter().all(|row| row.spend.is_none() && row.requests > 0));
    assert_eq!(round.cannot(), ["what usage costs"]);
}

#[test]
fn nonsense_is_borne() {
    bears_everything(&AnthropicAdmin, &plan(TODAY - 40), enterprise);
    bears_everything(&AnthropicAdmin, &plan(TODAY - 3), console);
}
