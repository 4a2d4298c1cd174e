//! Setting budgets: who is meant is looked up first, and what is asked for is exactly what was wished.

use std::collections::BTreeMap;

use aifinops::gateways::litellm::LiteLlm;
use aifinops::gateways::{Answer, BudgetWish, Gateway as _, Holder, Method, Per, Refusal, Request};
use aifinops::model::{Money, Whose};
use proptest::prelude::*;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::{CUSTOMERS, KEY_INFO, KEYS, ONLY_ADMINS, TEAM_INFO, USER_INFO};
use crate::gateways::{ANN_KEY, CI_KEY, some, usd};

fn wish(whose: Whose, id: &str) -> BudgetWish {
    BudgetWish { whose, id: id.to_owned(), team: None, limit: Some(usd("12.5")), per: Per::Day, reset: false }
}

fn member(id: &str) -> BudgetWish {
    BudgetWish { team: some("t/web"), ..wish(Whose::Member, id) }
}

fn found(wish: &BudgetWish, status: u16, body: &str) -> Result<Option<Holder>, Refusal> {
    LiteLlm.found(wish, &Answer { status, version: None, body: body.as_bytes() })
}

fn holder(id: &str, limit: &str, period: &str, spent: &str) -> Holder {
    let limit = (!limit.is_empty()).then(|| usd(limit));
    Holder { id: id.to_owned(), name: None, limit, period: some(period), spent: Some(usd(spent)), notes: Vec::new() }
}

/// The orders for a wish, once the holder is known.
fn orders(wish: &BudgetWish) -> Vec<(Method, String, Value)> {
    let body = |request: &Request| serde_json::from_str(request.body.as_deref().unwrap()).unwrap();
    let requests = LiteLlm.set_budget(wish, &Holder { id: wish.id.clone(), ..Holder::default() });
    requests.into_iter().map(|request| (request.method, request.path.clone(), body(&request))).collect()
}

fn post(path: &str, body: Value) -> (Method, String, Value) {
    (Method::Post, path.to_owned(), body)
}

#[test]
fn whoever_is_meant_is_looked_up_without_changing_anything() {
    for (wish, path) in [
        (wish(Whose::User, "ann@example.com"), "/user/info?user_id=ann%40example.com"),
        (wish(Whose::Team, "t-web"), "/team/info?team_id=t-web"),
        (member("ann"), "/team/info?team_id=t%2Fweb"),
        (wish(Whose::Key, "ann laptop"), "/key/list?return_full_object=true&size=100&page=1&key_alias=ann%20laptop"),
        (wish(Whose::Customer, "a&b"), "/customer/info?end_user_id=a%26b"),
    ] {
        assert_eq!(LiteLlm.find(&wish), Some(Request::get(path)));
    }
    assert_eq!(LiteLlm.find(&wish(Whose::Key, ANN_KEY)), Some(Request::get(format!("/key/info?key={ANN_KEY}"))));
    for whose in [Whose::Member, Whose::Tag, Whose::Model, Whose::Organization] {
        assert_eq!(LiteLlm.find(&wish(whose, "x")), None, "{}", whose.word());
        assert_eq!(orders(&wish(whose, "x")).len(), usize::from(whose == Whose::Member));
    }
}

#[test]
fn a_holder_is_known_with_its_budget_and_what_was_spent_of_it() {
    let user = format!(r#"{{"user_id": "ann", "user_info": {USER_INFO}, "keys": [{{"token": "k", "team_id": ""}}], "teams": []}}"#);
    let ann = Holder { name: some("Ann"), ..holder("ann", "10", "7d", "2") };
    assert_eq!(found(&wish(Whose::User, "ann"), 200, &user), Ok(Some(ann)));
    let team = Holder { name: some("web"), ..holder("t-web", "25", "30d", "4.5") };
    assert_eq!(found(&wish(Whose::Team, "t-web"), 200, TEAM_INFO), Ok(Some(team)));
    assert_eq!(found(&member("bob"), 200, TEAM_INFO), Ok(Some(holder("bob", "2.5", "1mo", "2"))));
    assert_eq!(found(&member("cid"), 200, TEAM_INFO), Ok(Some(holder("cid", "", "", "0"))));
    let key = Holder { name: some("ann-laptop"), ..holder(ANN_KEY, "5", "1d", "1.25") };
    assert_eq!(found(&wish(Whose::Key, ANN_KEY), 200, KEY_INFO), Ok(Some(key.clone())));
    // By its name it is found under its hash, which the orders go to.
    let keys: Value = serde_json::from_str(KEYS).unwrap();
    let one = json!({"keys": [keys["keys"][0]]}).to_string();
    assert_eq!(found(&wish(Whose::Key, "ann-laptop"), 200, &one), Ok(Some(key)));
    let customers: Value = serde_json::from_str(CUSTOMERS).unwrap();
    let acme = Holder { name: some("Acme"), ..holder("acme", "1", "1d", "0.021") };
    assert_eq!(found(&wish(Whose::Customer, "acme"), 200, &customers[1].to_string()), Ok(Some(acme)));
}

#[test]
fn nobody_is_made_by_a_budget() {
    let missing = r#"{"detail": "User dave not found"}"#;
    for wish in [wish(Whose::User, "dave"), wish(Whose::Team, "t-x"), member("dave"), wish(Whose::Key, "x"), wish(Whose::Customer, "x")] {
        assert_eq!(found(&wish, 404, missing), Ok(None), "{}", wish.whose.word());
    }
    for body in [
        json!({"user_id": "dave", "user_info": null, "keys": [], "teams": []}).to_string(),
        json!({"user_id": "dave", "keys": []}).to_string(),
        // Somebody else is not who was meant.
        format!(r#"{{"user_id": "dave", "user_info": {USER_INFO}, "keys": [], "teams": []}}"#),
    ] {
        assert_eq!(found(&wish(Whose::User, "dave"), 200, &body), Ok(None), "{body}");
    }
    assert_eq!(found(&member("dave"), 200, TEAM_INFO), Ok(None));
    assert_eq!(found(&wish(Whose::Key, "x"), 200, r#"{"keys": [], "total_pages": 0}"#), Ok(None));
    assert_eq!(found(&wish(Whose::Tag, "x"), 200, "[]"), Ok(None));
}

#[test]
fn two_keys_of_one_name_are_not_guessed_between() {
    let why = found(&wish(Whose::Key, "laptop"), 200, KEYS).unwrap_err();
    assert_eq!(why.to_string(), "the gateway refuses (409): 2 keys have this name: give the key's hash");
    assert!(!why.to_string().contains(&CI_KEY[..8]));
}

#[test]
fn a_key_that_may_not_look_is_refused() {
    for wish in [wish(Whose::User, "ann"), wish(Whose::Key, "x"), wish(Whose::Team, "x"), member("ann"), wish(Whose::Customer, "x")] {
        let why = found(&wish, 401, ONLY_ADMINS).unwrap_err();
        assert!(matches!(why, Refusal::Key(_)), "{why:?}");
        let why = found(&wish, 403, r#"{"error": {"message": "no"}}"#).unwrap_err();
        assert_eq!(why, Refusal::Forbidden("no".to_owned()));
    }
}

#[test]
fn what_a_budget_will_not_do_is_said() {
    let keys = json!([{"token": "a", "team_id": "t-web"}, {"token": "b", "team_id": null}, {"token": "c", "team_id": "t-x"}]);
    let user = format!(r#"{{"user_id": "ann", "user_info": {USER_INFO}, "keys": {keys}, "teams": []}}"#);
    let notes = found(&wish(Whose::User, "ann"), 200, &user).unwrap().unwrap().notes;
    assert_eq!(notes.len(), 1);
    assert!(notes[0].starts_with("2 of this user's keys belong to a team") && notes[0].contains("--team TEAM"), "{}", notes[0]);
    let reset = |wish: BudgetWish| BudgetWish { reset: true, ..wish };
    let notes = found(&reset(wish(Whose::Team, "t-web")), 200, TEAM_INFO).unwrap().unwrap().notes;
    assert!(notes.len() == 1 && notes[0].contains("cannot set back what a team has spent"), "{notes:?}");
    let acme = r#"{"user_id": "acme", "spend": 0.021}"#;
    let notes = found(&reset(wish(Whose::Customer, "acme")), 200, acme).unwrap().unwrap().notes;
    assert!(notes.len() == 1 && notes[0].contains("cannot set back what a customer has spent"), "{notes:?}");
    assert_eq!(found(&reset(member("ann")), 200, TEAM_INFO).unwrap().unwrap().notes, Vec::<String>::new());
}

#[test]
fn a_budget_is_set_by_one_order_where_one_will_do() {
    assert_eq!(
        orders(&wish(Whose::User, "ann")),
        [post("/user/update", json!({"user_id": "ann", "max_budget": 12.5, "budget_duration": "1d"}))]
    );
    assert_eq!(
        orders(&BudgetWish { per: Per::Week, ..wish(Whose::Team, "t-web") }),
        [post("/team/update", json!({"team_id": "t-web", "max_budget": 12.5, "budget_duration": "7d"}))]
    );
    assert_eq!(
        orders(&BudgetWish { per: Per::Month, ..wish(Whose::Key, ANN_KEY) }),
        [post("/key/update", json!({"key": ANN_KEY, "max_budget": 12.5, "budget_duration": "30d"}))]
    );
    assert_eq!(
        orders(&member("ann")),
        [post("/team/member_update", json!({"team_id": "t/web", "user_id": "ann", "max_budget_in_team": 12.5, "budget_duration": "1d"}))]
    );
    // A customer has no period: it gets a budget of its own that has one, whether or not that is there already.
    let budget = json!({"budget_id": "aifinops-customer-acme", "max_budget": 12.5, "budget_duration": "1d"});
    assert_eq!(
        orders(&wish(Whose::Customer, "acme")),
        [
            post("/budget/new", budget.clone()),
            post("/budget/update", budget),
            post("/customer/update", json!({"user_id": "acme", "budget_id": "aifinops-customer-acme"})),
        ]
    );
}

#[test]
fn what_was_spent_is_set_back_where_that_is_wished_and_can_be() {
    let reset = |wish: BudgetWish| orders(&BudgetWish { reset: true, ..wish });
    let zero = json!({"reset_to": 0});
    assert_eq!(
        reset(wish(Whose::User, "ann")),
        [post("/user/update", json!({"user_id": "ann", "max_budget": 12.5, "budget_duration": "1d", "spend": 0}))]
    );
    assert_eq!(reset(wish(Whose::Key, ANN_KEY))[1..], [post(&format!("/key/{ANN_KEY}/reset_spend"), zero.clone())]);
    assert_eq!(reset(member("ann/1"))[1..], [post("/team/t%2Fweb/member/ann%2F1/reset_spend", zero)]);
    assert_eq!(reset(wish(Whose::Team, "t-web")), orders(&wish(Whose::Team, "t-web")));
    assert_eq!(reset(wish(Whose::Customer, "acme")), orders(&wish(Whose::Customer, "acme")));
}

#[test]
fn a_budget_is_taken_away_with_its_period() {
    let none = |wish: BudgetWish| orders(&BudgetWish { limit: None, ..wish });
    assert_eq!(
        none(wish(Whose::User, "ann")),
        [post("/user/update", json!({"user_id": "ann", "max_budget": null, "budget_duration": null}))]
    );
    assert_eq!(
        none(member("ann")),
        [post("/team/member_update", json!({"team_id": "t/web", "user_id": "ann", "max_budget_in_team": null, "budget_duration": null}))]
    );
    assert_eq!(none(wish(Whose::Customer, "acme")), [post("/budget/delete", json!({"id": "aifinops-customer-acme"}))]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A million dollars is more than anybody means.
    #[test]
    fn an_amount_is_written_with_its_exact_digits(nanos in 0..=1_000_000_000_000_000_i64) {
        let limit = Money::from_nanos(nanos);
        for (whose, field) in [(Whose::User, "max_budget"), (Whose::Member, "max_budget_in_team"), (Whose::Customer, "max_budget")] {
            let wish = BudgetWish { limit: Some(limit), team: some("t"), ..wish(whose, "x") };
            let requests = LiteLlm.set_budget(&wish, &Holder { id: "x".to_owned(), ..Holder::default() });
            let body: BTreeMap<String, Box<RawValue>> = serde_json::from_str(requests[0].body.as_deref().unwrap()).unwrap();
            prop_assert_eq!(Money::parse_usd(body[field].get()), Some(limit), "{}", requests[0].path);
        }
    }
}
