//! Budgets: whose they are, what was spent of them, and when their period began.

use aifinops::gateways::{Ask, DAY};
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{GatewayBudget, GatewayFact, Millis, Named, Whose};
use serde_json::{Value, json};

use super::{KEYS, Told, developer, master, ok, plan, read, round, told_budgets, told_names};
use crate::gateways::{ANN_KEY, CI_KEY, DECEMBER, NOVEMBER, TODAY, some, usd};

/// A budget for good.
fn budget(whose: Whose, id: &str, limit: &str, spent: &str) -> GatewayBudget {
    GatewayBudget {
        whose,
        id: id.to_owned(),
        team: None,
        limit: (!limit.is_empty()).then(|| usd(limit)),
        spent: (!spent.is_empty()).then(|| usd(spent)),
        period: None,
        since: None,
        resets_at: None,
        blocked: false,
    }
}

/// One that began on a day and begins anew on another.
fn per(period: &str, days: (i64, i64), budget: GatewayBudget) -> GatewayBudget {
    GatewayBudget { period: some(period), since: Some(days.0 * DAY), resets_at: Some(days.1 * DAY), ..budget }
}

fn within(team: &str, budget: GatewayBudget) -> GatewayBudget {
    GatewayBudget { team: some(team), ..budget }
}

fn named(whose: Whose, id: &str, name: &str) -> Named {
    Named { whose, id: id.to_owned(), name: some(name), team: None, user: None }
}

/// The question about keys, as a round asks it.
fn keys_ask() -> Ask {
    round(&plan(), developer).unwrap().ask("/key/list").clone()
}

fn keys_told(answer: &Told) -> Vec<GatewayFact> {
    read(&keys_ask(), answer, &plan()).unwrap().facts
}

#[test]
fn a_developer_is_told_of_its_key_itself_its_team_and_the_members() {
    let facts = round(&plan(), developer).unwrap().facts;
    let today = (TODAY, TODAY + 1);
    let key = per("1d", today, budget(Whose::Key, ANN_KEY, "5", "1.25"));
    assert_eq!(
        told_budgets(&facts),
        [
            key.clone(),
            per("7d", (TODAY - 6, TODAY + 1), budget(Whose::User, "ann", "10", "2")),
            key,
            GatewayBudget { blocked: true, ..budget(Whose::Key, CI_KEY, "", "0.0689408") },
            per("30d", (NOVEMBER, DECEMBER), budget(Whose::Team, "t-web", "25", "4.5")),
            within("t-web", budget(Whose::Member, "ann", "3", "1.5")),
            within("t-web", per("1mo", (NOVEMBER, DECEMBER), budget(Whose::Member, "bob", "2.5", "2"))),
            within("t-web", budget(Whose::Member, "ann", "3", "1.5")),
        ]
    );
    let laptop = Named { team: some("t-web"), user: some("ann"), ..named(Whose::Key, ANN_KEY, "ann-laptop") };
    let told = told_names(&facts);
    for name in [
        laptop,
        // A key without a name is called by its end, which is all that people ever see of it.
        Named { team: some("t-web"), ..named(Whose::Key, CI_KEY, "sk-...Zz9Q") },
        named(Whose::User, "ann", "Ann"),
        named(Whose::Team, "t-web", "web"),
    ] {
        assert!(told.contains(&name), "{name:?} is not among {told:?}");
    }
}

#[test]
fn everybodys_budgets_are_read_to_the_last_page() {
    let round = round(&plan(), master).unwrap();
    let told = told_budgets(&round.facts);
    let of = |whose: Whose| told.iter().filter(|budget| budget.whose == whose).cloned().collect::<Vec<_>>();
    assert_eq!(
        of(Whose::User),
        [
            per("7d", (TODAY - 6, TODAY + 1), budget(Whose::User, "ann", "10", "2")),
            budget(Whose::User, "bob", "", "0"),
            budget(Whose::User, "cid", "0.0000001", "0"),
        ]
    );
    assert_eq!(of(Whose::Team), [per("30d", (NOVEMBER, DECEMBER), budget(Whose::Team, "t-web", "25", "4.5"))]);
    assert_eq!(of(Whose::Member).iter().map(|budget| budget.id.as_str()).collect::<Vec<_>>(), ["ann", "bob"]);
    assert!(round.paths().contains(&"/user/list?page=2&page_size=100"));
    // Without a name the address of the mail is one; without both there is none.
    let users: Vec<Named> = told_names(&round.facts).into_iter().filter(|named| named.whose == Whose::User).collect();
    assert_eq!(users, [named(Whose::User, "ann", "Ann"), named(Whose::User, "bob", "bob@example.com"), named(Whose::User, "cid", "")]);
}

#[test]
fn of_customers_and_tags_those_with_a_budget_are_told() {
    let facts = round(&plan(), master).unwrap().facts;
    let told = told_budgets(&facts);
    let of = |whose: Whose| told.iter().filter(|budget| budget.whose == whose).cloned().collect::<Vec<_>>();
    let today = (TODAY, TODAY + 1);
    assert_eq!(of(Whose::Customer), [per("1d", today, GatewayBudget { blocked: true, ..budget(Whose::Customer, "acme", "1", "0.021") })]);
    assert_eq!(of(Whose::Tag).iter().map(|tag| (tag.id.as_str(), tag.limit)).collect::<Vec<_>>(), [("feature:search", Some(usd("0.5")))]);
    assert!(told_names(&facts).contains(&named(Whose::Customer, "acme", "Acme")));
}

#[test]
fn a_second_page_of_keys_is_asked_for_and_no_third() {
    let first = KEYS.replace("\"total_pages\": 1", "\"total_pages\": 2");
    let ask = keys_ask();
    let news = read(&ask, &ok(first.as_str()), &plan()).unwrap();
    assert_eq!(news.asks.len(), 1);
    assert_eq!(news.asks[0].request.path, "/key/list?return_full_object=true&size=100&page=2");
    assert_eq!(read(&news.asks[0], &ok(first.as_str()), &plan()).unwrap().asks, []);
}

#[test]
fn spend_is_exact_to_the_nano_dollar_whatever_a_float_makes_of_it() {
    for (text, exact) in [
        ("0.30000000000000004", "0.3"),
        ("0.06992000000000001", "0.06992"),
        ("0.002399249999999999", "0.00239925"),
        ("1.7399448000000004", "1.7399448"),
        ("5.0000000000000004e-09", "0.000000005"),
        ("1e-07", "0.0000001"),
        ("4.9e-10", "0"),
        ("-0.010000000000000002", "-0.01"),
        ("12345.678901234", "12345.678901234"),
        ("\"0.125\"", "0.125"),
        ("7", "7"),
        ("null", ""),
        ("true", ""),
        ("{\"usd\": 1}", ""),
        ("1e400", ""),
    ] {
        let facts = keys_told(&ok(format!(r#"{{"keys": [{{"token": "k", "spend": {text}}}], "total_pages": 1}}"#)));
        assert_eq!(told_budgets(&facts), [budget(Whose::Key, "k", "", exact)], "{text}");
    }
}

#[test]
fn a_period_begins_where_its_end_and_its_length_say() {
    let begins = |period: Value, end: Value| -> Option<Millis> {
        let row = json!({"token": "k", "max_budget": 1, "budget_duration": period, "budget_reset_at": end});
        told_budgets(&keys_told(&ok(json!({"keys": [row]}).to_string())))[0].since
    };
    let (tomorrow, monday, december) = ("2026-11-23T00:00:00Z", "2026-11-23T00:00:00+00:00", "2026-12-01T00:00:00Z");
    for (period, end, began) in [
        ("1d", tomorrow, TODAY * DAY),
        ("24h", tomorrow, TODAY * DAY),
        ("daily", tomorrow, TODAY * DAY),
        // Without a zone it is UTC's.
        ("1d", "2026-11-23T00:00:00", TODAY * DAY),
        ("1d", "2026-11-23T00:00:00.000000", TODAY * DAY),
        ("7d", monday, (TODAY - 6) * DAY),
        ("1w", monday, (TODAY - 6) * DAY),
        ("weekly", monday, (TODAY - 6) * DAY),
        // Thirty days are the calendar's month.
        ("30d", december, NOVEMBER * DAY),
        ("1mo", december, NOVEMBER * DAY),
        ("monthly", december, NOVEMBER * DAY),
        ("30d", "2026-03-01T00:00:00Z", (TODAY - 294) * DAY),
        ("3d", tomorrow, (TODAY - 2) * DAY),
        ("90m", "2026-11-22T13:30:00Z", TODAY * DAY + 12 * HOUR),
        ("30s", "2026-11-22T13:30:30Z", TODAY * DAY + 13 * HOUR + 30 * MINUTE),
    ] {
        assert_eq!(begins(json!(period), json!(end)), Some(began), "{period} until {end}");
    }
    for (period, end) in [
        (json!("1y"), json!(tomorrow)),
        (json!("soon"), json!(tomorrow)),
        (json!(""), json!(tomorrow)),
        (json!("99999999999999999999d"), json!(tomorrow)),
        (json!("9999999999999999d"), json!(tomorrow)),
        (json!("1d"), json!("tomorrow")),
        (json!("1d"), json!("")),
        (json!("1d"), Value::Null),
        (Value::Null, json!(tomorrow)),
        (Value::Null, Value::Null),
    ] {
        assert_eq!(begins(period.clone(), end.clone()), None, "{period} until {end}");
    }
}
