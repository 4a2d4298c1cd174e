//! The Claude apps gateway: answers of the form that a real server gave.

use aifinops::gateways::claude_apps::ClaudeApps;
use aifinops::gateways::{Answer, Ask, BudgetWish, DAY, Gateway as _, Holder, Method, Per, Proof, Refusal, Request};
use aifinops::model::{DaySpend, GatewayBudget, Whose};
use serde_json::{Value, json};

use super::{DECEMBER, MONDAY, NOVEMBER, TODAY, Told, bears_everything, no, ok, only, plan, round, text, usd, wish};

const EFFECTIVE: &str = "/v1/organizations/spend_limits/effective";

/// A member's row of a period, as the server tells it.
fn row(user: &str, group: &str, period: &str, amount: &Value, source: &Value, spent: &str) -> Value {
    json!({
        "scope": {"type": "user", "user_id": user},
        "groups": [group],
        "actor": {"type": "user_actor", "user_id": user, "name": null, "email_address": format!("{user}@example.com"), "deleted": false},
        "amount": amount,
        "currency": "USD",
        "period": period,
        "source": source,
        "spend_limit_id": "spl_1",
        "period_to_date_spend": spent
    })
}

fn ada() -> Vec<Value> {
    let mut daily = row("ada", "eng", "daily", &json!("10000"), &json!({"type": "user", "user_id": "ada"}), "15.938");
    daily["actor"]["name"] = json!("Ada");
    vec![
        daily,
        row("ada", "eng", "weekly", &Value::Null, &Value::Null, "15.938"),
        row("ada", "eng", "monthly", &json!("50000"), &json!({"type": "organization"}), "2015.9"),
    ]
}

fn bo() -> Vec<Value> {
    let group = json!({"type": "rbac_group", "rbac_group_id": "contractors"});
    vec![row("bo", "contractors", "daily", &json!("5"), &group, "6"), row("bo", "contractors", "weekly", &Value::Null, &Value::Null, "6")]
}

fn server(ask: &Ask) -> Told {
    match ask.request.path.as_str() {
        "/v1/organizations/spend_limits/effective?limit=100" => ok(json!({"data": ada(), "next_page": "page two"})),
        "/v1/organizations/spend_limits/effective?limit=100&page=page%20two" => ok(json!({"data": bo(), "next_page": null})),
        other => panic!("asked for {other}"),
    }
}

#[test]
fn limits_of_all_pages_become_budgets_in_their_periods() {
    let round = round(&ClaudeApps, &plan(TODAY - 30), server).unwrap();
    assert_eq!(round.paths().len(), 2);
    let budget = |id: &str, limit, spent, period: &str, from: i64, to: i64| GatewayBudget {
        whose: Whose::User,
        id: id.to_owned(),
        team: None,
        limit,
        spent: usd(spent),
        period: text(period),
        since: Some(from * DAY),
        resets_at: Some(to * DAY),
        blocked: false,
    };
    // The one that bites first comes last.
    let expected = [
        budget("ada", None, 159_380_000, "weekly", MONDAY, MONDAY + 7),
        budget("ada", usd(500_000_000_000), 20_159_000_000, "monthly", NOVEMBER, DECEMBER),
        budget("ada", usd(100_000_000_000), 159_380_000, "daily", TODAY, TODAY + 1),
        budget("bo", None, 60_000_000, "weekly", MONDAY, MONDAY + 7),
        budget("bo", usd(50_000_000), 60_000_000, "daily", TODAY, TODAY + 1),
    ];
    assert_eq!(round.budgets(), expected);
    assert_eq!((round.name(Whose::User, "ada"), round.name(Whose::User, "bo")), (text("Ada"), text("bo@example.com")));
    assert_eq!(round.names().len(), 2, "a member has one name, whatever rows there are");
}

#[test]
fn what_was_spent_today_is_told_once_whatever_other_periods_say() {
    let round = round(&ClaudeApps, &plan(TODAY - 30), server).unwrap();
    let spent = |user: &str, nanos| DaySpend { day: TODAY, user: text(user), spend: usd(nanos), ..DaySpend::default() };
    assert_eq!(round.rows(), [spent("ada", 159_380_000), spent("bo", 60_000_000)]);
    assert_eq!(round.spans(), [(TODAY, TODAY)], "no other day is known");
    let me = round.me().unwrap();
    assert!(me.sees_all && !me.may_spend && me.role == "admin key");
}

#[test]
fn a_member_that_two_pages_tell_has_spent_once() {
    let again = |ask: &Ask| {
        let next = if ask.request.path.contains("&page=") { Value::Null } else { json!("2") };
        ok(json!({"data": ada(), "next_page": next}))
    };
    let round = round(&ClaudeApps, &plan(TODAY), again).unwrap();
    assert_eq!((round.spend(), round.paths().len()), (159_380_000, 2));
}

#[test]
fn no_row_of_a_day_is_not_a_day_without_spend() {
    let weekly = |_: &Ask| ok(json!({"data": [row("ada", "eng", "weekly", &Value::Null, &Value::Null, "7")], "next_page": null}));
    let round = round(&ClaudeApps, &plan(TODAY), weekly).unwrap();
    assert!(round.spans().is_empty());
    assert_eq!(round.budgets().len(), 1);
    let idle = |_: &Ask| ok(json!({"data": [row("ada", "eng", "daily", &Value::Null, &Value::Null, "0")], "next_page": null}));
    let round = super::round(&ClaudeApps, &plan(TODAY), idle).unwrap();
    assert_eq!((round.spans(), round.rows()), (vec![(TODAY, TODAY)], Vec::new()), "a member that has spent nothing is known");
}

#[test]
fn amounts_in_another_currency_are_no_dollars() {
    let euros = |_: &Ask| {
        let mut row = row("ada", "eng", "daily", &json!("100"), &Value::Null, "50");
        row["currency"] = json!("EUR");
        ok(json!({"data": [row], "next_page": null}))
    };
    let round = round(&ClaudeApps, &plan(TODAY), euros).unwrap();
    assert_eq!((round.budgets(), round.spans()), (Vec::new(), Vec::new()));
    assert_eq!(round.cannot(), ["budgets in another currency than US dollars"]);
}

#[test]
fn a_page_that_names_itself_as_the_next_one_is_the_last() {
    let same = |_: &Ask| ok(json!({"data": ada(), "next_page": "x"}));
    assert_eq!(round(&ClaudeApps, &plan(TODAY), same).unwrap().paths().len(), 2);
}

#[test]
fn a_wrong_key_is_no_key_without_rights() {
    let wrong = |_: &Ask| {
        (401, json!({"type": "error", "error": {"type": "authentication_error", "message": "missing or invalid admin credentials"}}))
    };
    assert!(matches!(round(&ClaudeApps, &plan(TODAY), wrong), Err(Refusal::Key(_))));
    let round = round(&ClaudeApps, &plan(TODAY), |_| no(403)).unwrap();
    assert_eq!(round.cannot(), ["budgets and what was spent of them"]);
}

#[test]
fn it_is_known_by_how_it_refuses() {
    assert_eq!(ClaudeApps.knock(), Some(Request::get("/v1/organizations/spend_limits")));
    let is_it = |status, body: &str| ClaudeApps.is_it(&Answer { status, version: None, body: body.as_bytes() });
    let refusal =
        r#"{"type":"error","error":{"type":"authentication_error","message":"missing or invalid admin credentials"},"request_id":"r"}"#;
    assert!(is_it(401, refusal));
    assert!(!is_it(200, refusal));
    assert!(!is_it(401, r#"{"type":"error","error":{"type":"authentication_error","message":"x-api-key header is required"}}"#));
    assert_eq!(ClaudeApps.proof(), Proof::Real);
}

#[test]
fn whoever_gets_a_limit_is_looked_up() {
    let answer = json!({"data": ([ada(), bo()].concat()), "next_page": null}).to_string();
    let answer = Answer { status: 200, version: None, body: answer.as_bytes() };
    let ask = |wish: &BudgetWish| ClaudeApps.find(wish).unwrap().path;

    let of_ada = wish(Whose::User, "ada", usd(1), Per::Month);
    assert_eq!(ask(&of_ada), format!("{EFFECTIVE}?user_ids[]=ada&period[]=monthly"));
    let holder = ClaudeApps.found(&of_ada, &answer).unwrap().unwrap();
    assert_eq!((holder.id.as_str(), holder.name.as_deref(), holder.period.as_deref()), ("ada", Some("Ada"), Some("monthly")));
    assert_eq!((holder.limit, holder.spent), (usd(500_000_000_000), usd(20_159_000_000)));
    assert_eq!(holder.notes, ["the limit in force is that of the organization"]);

    assert_eq!(ClaudeApps.found(&wish(Whose::User, "eve", None, Per::Day), &answer).unwrap(), None);
    let group = ClaudeApps.found(&wish(Whose::Team, "contractors", usd(1), Per::Day), &answer).unwrap().unwrap();
    assert_eq!((group.id.as_str(), group.limit, group.spent), ("contractors", usd(50_000_000), None));
    assert!(group.notes.iter().any(|note| note.contains("each member's limit")));
    assert_eq!(ClaudeApps.found(&wish(Whose::Team, "nobody", None, Per::Day), &answer).unwrap(), None);
    assert_eq!(
        ClaudeApps.find(&wish(Whose::Team, "contractors", None, Per::Day)).unwrap().path,
        format!("{EFFECTIVE}?period[]=daily&limit=100")
    );
    assert_eq!(ClaudeApps.find(&wish(Whose::Key, "k", None, Per::Day)), None);
}

#[test]
fn the_organization_is_there_whether_or_not_it_has_a_limit() {
    let list = json!({"has_more": false, "first_id": "a", "last_id": "b", "data": [
        {"type": "spend_limit", "id": "a", "scope": {"type": "organization"}, "amount": "50000", "currency": "USD", "period": "monthly"},
        {"type": "spend_limit", "id": "b", "scope": {"type": "user", "user_id": "ada"}, "amount": "1", "currency": "USD", "period": "daily"}
    ]});
    let list = list.to_string();
    let answer = Answer { status: 200, version: None, body: list.as_bytes() };
    let limit = |per| {
        let wished = wish(Whose::Organization, "anything", None, per);
        assert_eq!(ClaudeApps.find(&wished).unwrap().path, "/v1/organizations/spend_limits?limit=100");
        let holder = ClaudeApps.found(&wished, &answer).unwrap().unwrap();
        assert_eq!(holder.id, "organization");
        holder.limit
    };
    assert_eq!((limit(Per::Month), limit(Per::Day)), (usd(500_000_000_000), None));
}

#[test]
fn whoever_is_not_on_the_first_page_is_looked_for_on_the_next() {
    let answer = |body: &Value| {
        let body = body.to_string();
        let (group, all) = (wish(Whose::Team, "contractors", usd(1), Per::Day), wish(Whose::Organization, "", usd(1), Per::Day));
        [group, all].map(|wish| {
            let answer = Answer { status: 200, version: None, body: body.as_bytes() };
            let asked = ClaudeApps.find(&wish).unwrap();
            let more = ClaudeApps.find_more(&wish, &asked, &answer);
            (ClaudeApps.found(&wish, &answer).unwrap().is_some(), more.map(|request| request.path))
        })
    };
    let [group, _] = answer(&json!({"data": ada(), "next_page": "page two"}));
    assert_eq!(group, (false, Some(format!("{EFFECTIVE}?period[]=daily&limit=100&page=page%20two"))));
    let [_, all] = answer(&json!({"data": [], "has_more": true, "first_id": "a", "last_id": "spl_9"}));
    assert_eq!(all, (false, Some("/v1/organizations/spend_limits?limit=100&after_id=spl_9".to_owned())));
    let [group, all] = answer(&json!({"data": ada(), "next_page": null, "has_more": false, "last_id": "spl_9"}));
    assert_eq!((group, all), ((false, None), (true, None)), "the last page");
}

#[test]
fn taking_a_limit_away_leaves_an_inherited_one() {
    let answer = json!({"data": ada(), "next_page": null}).to_string();
    let orders = |per| {
        let clear = wish(Whose::User, "ada", None, per);
        let holder = ClaudeApps.found(&clear, &Answer { status: 200, version: None, body: answer.as_bytes() }).unwrap().unwrap();
        (holder.limit, ClaudeApps.set_budget(&clear, &holder).len())
    };
    assert_eq!(orders(Per::Day), (usd(100_000_000_000), 1), "her own");
    assert_eq!(orders(Per::Month), (None, 0), "the organization's");
    assert_eq!(orders(Per::Week), (None, 0), "none");
}

#[test]
fn an_amount_is_kept_in_whole_cents() {
    assert_eq!(Some(ClaudeApps.kept(usd(10_005_000_000).unwrap())), usd(10_000_000_000), "never more than was meant");
    assert_eq!(Some(ClaudeApps.kept(usd(10_010_000_000).unwrap())), usd(10_010_000_000));
}

#[test]
fn a_limit_is_written_as_a_string_of_whole_cents() {
    let holder = |id: &str| Holder { id: id.to_owned(), ..Holder::default() };
    let body = |wish: &BudgetWish, id: &str| {
        let (method, path, body) = only(ClaudeApps.set_budget(wish, &holder(id)));
        assert_eq!((method, path.as_str()), (Method::Post, "/v1/organizations/spend_limits"));
        body
    };
    let of_ada = wish(Whose::User, "ada", usd(100_000_000_000), Per::Day);
    assert_eq!(body(&of_ada, "ada"), json!({"scope": {"type": "user", "user_id": "ada"}, "amount": "10000", "period": "daily"}));
    let group = wish(Whose::Team, "eng", usd(12_349_999_999), Per::Week);
    assert_eq!(body(&group, "eng"), json!({"scope": {"type": "rbac_group", "rbac_group_id": "eng"}, "amount": "1234", "period": "weekly"}));
    let all = wish(Whose::Organization, "", None, Per::Month);
    assert_eq!(body(&all, "organization"), json!({"scope": {"type": "organization"}, "amount": null, "period": "monthly"}));
    assert!(ClaudeApps.set_budget(&wish(Whose::Tag, "t", None, Per::Day), &holder("t")).is_empty());
}

#[test]
fn nonsense_is_borne() {
    bears_everything(&ClaudeApps, &plan(TODAY - 3), server);
}
