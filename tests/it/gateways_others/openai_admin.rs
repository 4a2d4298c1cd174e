//! `OpenAI`'s Admin API: answers of the form that its package specifies.

use aifinops::gateways::openai_admin::OpenAiAdmin;
use aifinops::gateways::{Ask, DAY, Gateway as _, Refusal};
use aifinops::model::{DaySpend, GatewayBudget, Tokens, Whose};
use serde_json::{Value, json};

use super::{DECEMBER, NOVEMBER, TODAY, Told, bears_everything, no, ok, plan, round, text, usd};

const SECONDS: i64 = 86_400;

fn bucket(day: i64, results: &Value) -> Value {
    json!({"object": "bucket", "start_time": day * SECONDS, "end_time": (day + 1) * SECONDS, "results": results})
}

fn page(buckets: &[Value], next: &Value) -> Value {
    json!({"object": "page", "data": buckets, "has_more": next.is_string(), "next_page": next})
}

fn usage(user: &str, key: &str, input: u64) -> Value {
    json!({"object": "organization.usage.completions.result", "input_tokens": input, "input_cached_tokens": 60,
        "input_cache_write_tokens": 10, "output_tokens": 20, "num_model_requests": 3, "project_id": "proj_1",
        "user_id": user, "api_key_id": key, "model": "gpt-6-astra",
        "batch": null, "service_tier": null, "input_uncached_tokens": null})
}

fn cost(key: &Value, item: &Value, value: &Value) -> Value {
    json!({"object": "organization.costs.result", "amount": {"value": value, "currency": "usd"}, "line_item": item, "project_id": "proj_1",
        "api_key_id": key, "quantity": 100, "quantity_unit": "tokens"})
}

fn has(ask: &Ask, word: &str) -> bool {
    ask.request.path.contains(word)
}

fn server(ask: &Ask) -> Told {
    ok(if has(ask, "/usage/completions") && has(ask, "&page=") {
        page(&[bucket(TODAY, &json!([usage("user-1", "key_1", 100), usage("user-2", "key_2", 80)]))], &Value::Null)
    } else if has(ask, "/usage/completions") {
        page(
            &[bucket(TODAY - 1, &json!([usage("user-1", "key_1", 100), usage("user-1", "key_3", 70), usage("user-2", "key_3", 70)]))],
            &json!("p2"),
        )
    } else if has(ask, "/costs") && has(ask, "&page=") {
        page(
            &[bucket(TODAY, &json!([cost(&json!("key_1"), &json!("gpt-6-astra, output_tokens"), &json!("0.06000000000000001"))]))],
            &Value::Null,
        )
    } else if has(ask, "/costs") {
        let items = json!([
            cost(&json!("key_1"), &json!("gpt-6-astra, input_tokens"), &json!(1.25)),
            cost(&json!("key_1"), &json!("gpt-6-astra, output_tokens"), &json!(0.5)),
            cost(&json!("key_3"), &json!("gpt-6-astra, input_tokens"), &json!(2)),
            cost(&Value::Null, &json!("web search tool calls"), &json!(0.01))
        ]);
        page(&[bucket(TODAY - 1, &items)], &json!("c2"))
    } else if has(ask, "/projects/") {
        if has(ask, "proj_1") { limit(2000, "enforcing") } else { return no(404) }
    } else if has(ask, "/projects?") {
        json!({"object": "list", "has_more": false, "last_id": "proj_3", "data": [
            {"id": "proj_1", "name": "Web", "status": "active"}, {"id": "proj_2", "name": "Old", "status": "archived"},
            {"id": "proj_3", "name": "New", "status": "active"}
        ]})
    } else if has(ask, "/users") && has(ask, "after=user-1") {
        let user = json!({"id": "user-2", "email": "bo@example.com"});
        json!({"object": "list", "has_more": false, "last_id": "user-2", "data": [{"id": "user-2", "user": user}]})
    } else if has(ask, "/users") {
        let user = json!({"id": "user-1", "name": "Ada", "email": "ada@example.com"});
        json!({"object": "list", "has_more": true, "last_id": "user-1", "data": [user]})
    } else if has(ask, "/spend_limit") {
        limit(50_000, "inactive")
    } else {
        panic!("asked for {}", ask.request.path)
    })
}

fn limit(cents: u64, status: &str) -> Value {
    json!({"object": "organization.spend_limit", "currency": "USD", "interval": "month", "threshold_amount": cents,
        "enforcement": {"status": status}})
}

#[test]
fn usage_carries_tokens_and_costs_carry_money() {
    let round = round(&OpenAiAdmin, &plan(TODAY - 1), server).unwrap();
    let row = |day, user: Option<&str>, key: Option<&str>, spend| DaySpend {
        day,
        user: user.map(str::to_owned),
        team: text("proj_1"),
        key: key.map(str::to_owned),
        model: text("gpt-6-astra"),
        spend,
        ..DaySpend::default()
    };
    let with_tokens = |input, row: DaySpend| DaySpend {
        requests: 3,
        tokens: Tokens { input, cache_read: 60, cache_write_5m: 10, output: 20, ..Tokens::default() },
        ..row
    };
    let expected = [
        DaySpend { model: None, ..row(TODAY - 1, None, None, usd(10_000_000)) },
        // Two users have used this key: nobody knows whose money it is.
        row(TODAY - 1, None, Some("key_3"), usd(2_000_000_000)),
        with_tokens(30, row(TODAY - 1, Some("user-1"), Some("key_1"), usd(1_750_000_000))),
        with_tokens(0, row(TODAY - 1, Some("user-1"), Some("key_3"), None)),
        with_tokens(0, row(TODAY - 1, Some("user-2"), Some("key_3"), None)),
        with_tokens(30, row(TODAY, Some("user-1"), Some("key_1"), usd(60_000_000))),
        with_tokens(10, row(TODAY, Some("user-2"), Some("key_2"), None)),
    ];
    assert_eq!(round.rows(), expected);
    assert_eq!((round.spend(), round.requests()), (3_820_000_000, 15));
}

#[test]
fn what_is_asked_is_a_month_at_most_by_day_and_group() {
    let asks = OpenAiAdmin.begin(&plan(TODAY - 40));
    let usage: Vec<&Ask> = asks.iter().filter(|ask| has(ask, "/usage/completions")).collect();
    assert_eq!(usage.len(), 2);
    let (from, to) = ((TODAY - 40) * SECONDS, (TODAY - 9) * SECONDS);
    let groups = "group_by[]=project_id&group_by[]=user_id&group_by[]=api_key_id&group_by[]=model";
    let range = format!("start_time={from}&end_time={to}&bucket_width=1d&limit=31");
    assert_eq!(usage[0].request.path, format!("/v1/organization/usage/completions?{range}&{groups}"));
    assert!(has(usage[1], &format!("start_time={to}&end_time={}", (TODAY + 1) * SECONDS)));
}

#[test]
fn limits_are_budgets_of_a_month() {
    let round = round(&OpenAiAdmin, &plan(TODAY), server).unwrap();
    let budget = |whose, id: &str, limit, blocked| GatewayBudget {
        whose,
        id: id.to_owned(),
        team: None,
        limit: usd(limit),
        spent: None,
        period: text("month"),
        since: Some(NOVEMBER * DAY),
        resets_at: Some(DECEMBER * DAY),
        blocked,
    };
    let expected =
        [budget(Whose::Organization, "organization", 500_000_000_000, false), budget(Whose::Team, "proj_1", 20_000_000_000, true)];
    assert_eq!(round.budgets(), expected);
    assert!(!round.paths().iter().any(|path| path.contains("proj_2/")), "archived projects spend nothing");
    assert_eq!((round.name(Whose::User, "user-1"), round.name(Whose::User, "user-2")), (text("Ada"), text("bo@example.com")));
    assert_eq!(round.name(Whose::Team, "proj_2"), text("Old"));
}

#[test]
fn a_grouping_that_is_refused_is_asked_more_simply() {
    let simple = |ask: &Ask| if has(ask, "/costs") && has(ask, "api_key_id") { no(400) } else { server(ask) };
    let round = round(&OpenAiAdmin, &plan(TODAY - 1), simple).unwrap();
    assert_eq!((round.spend(), round.requests()), (3_820_000_000, 15), "the same money, once");
}

#[test]
fn what_one_half_refuses_the_other_still_tells() {
    let no_costs = |ask: &Ask| if has(ask, "/costs") { no(403) } else { server(ask) };
    let round_of_usage = round(&OpenAiAdmin, &plan(TODAY - 1), no_costs).unwrap();
    assert_eq!((round_of_usage.spend(), round_of_usage.requests()), (0, 15));
    assert!(round_of_usage.rows().iter().all(|row| row.spend.is_none()), "not known is not nothing");
    assert_eq!(round_of_usage.cannot(), ["what usage costs"]);

    let no_usage = |ask: &Ask| if has(ask, "/usage/") { no(403) } else { server(ask) };
    let round_of_costs = round(&OpenAiAdmin, &plan(TODAY - 1), no_usage).unwrap();
    assert_eq!((round_of_costs.spend(), round_of_costs.requests()), (3_820_000_000, 0));

    let nothing = round(&OpenAiAdmin, &plan(TODAY - 1), |_| no(403)).unwrap();
    assert!(nothing.spans().is_empty() && nothing.cannot().len() == 5, "{:?}", nothing.cannot());
    assert!(matches!(round(&OpenAiAdmin, &plan(TODAY), |_| no(401)), Err(Refusal::Key(_))));
}

#[test]
fn money_that_is_no_dollars_is_not_counted() {
    let euros = |ask: &Ask| {
        let mut told = server(ask);
        if has(ask, "/costs") {
            for item in told.1["data"][0]["results"].as_array_mut().unwrap() {
                item["amount"]["currency"] = json!("eur");
            }
        }
        told
    };
    assert_eq!(round(&OpenAiAdmin, &plan(TODAY - 1), euros).unwrap().spend(), 0);
}

#[test]
fn nonsense_is_borne() {
    bears_everything(&OpenAiAdmin, &plan(TODAY - 40), server);
}
