//! `LiteLLM`: who asks, what may be asked, and what the answers mean, led through whole rounds by hand. Answers have the
//! form of real ones; all that stands in them was made up for these tests.

mod budgets;
mod calls;
mod days;
mod hostile;
mod set;

use std::collections::{BTreeMap, VecDeque};

use aifinops::gateways::litellm::LiteLlm;
use aifinops::gateways::{Answer, Ask, DAY, Gateway as _, Method, News, Plan, Refusal};
use aifinops::model::time::HOUR;
use aifinops::model::{DaySpend, GatewayBudget, GatewayCall, GatewayFact, Me, Millis, Named, TagSpend};
use serde_json::json;

use super::{ANN_KEY, NOW, TODAY, some, tells_a_secret};

const KEY_INFO: &str = include_str!("../../fixtures/gateways/litellm/key_info.json");
const USER_INFO: &str = include_str!("../../fixtures/gateways/litellm/user_info.json");
const KEYS: &str = include_str!("../../fixtures/gateways/litellm/keys.json");
const TEAM_INFO: &str = include_str!("../../fixtures/gateways/litellm/team_info.json");
const USERS: &str = include_str!("../../fixtures/gateways/litellm/users.json");
const CUSTOMERS: &str = include_str!("../../fixtures/gateways/litellm/customers.json");
const TAG_BUDGETS: &str = include_str!("../../fixtures/gateways/litellm/tag_budgets.json");
const DAYS: &str = include_str!("../../fixtures/gateways/litellm/days.json");
const TAGS: &str = include_str!("../../fixtures/gateways/litellm/tags.json");
const CALLS: &str = include_str!("../../fixtures/gateways/litellm/calls.json");

const MASTER: &str = r#"{"error": {"message": "Key not found in database", "type": "not_found_error", "param": "key", "code": "404"}}"#;
const MEMBER: &str = r#"{"user_id": "ann", "team_id": "t-web", "budget_id": "b-2", "spend": 1.5000000000000002, "role": "user",
    "litellm_budget_table": {"budget_id": "b-2", "max_budget": 3.0, "budget_duration": null, "budget_reset_at": null}}"#;
const LAST_USERS: &str = r#"{"users": [{"user_id": "cid", "user_alias": "", "user_email": null, "spend": 0.0, "max_budget": 1e-07}],
    "total": 3, "page": 2, "page_size": 100, "total_pages": 2}"#;
const VERSION: &str = r#"{"docs_title": "LiteLLM Proxy", "litellm_version": "1.106.2", "useful_links": {}}"#;
const NOT_FOUND: &str = r#"{"detail": "Not Found"}"#;
const FORBIDDEN: &str = r#"{"error": {"message": "Virtual key is not allowed to call this route.", "type": "auth_error", "code": "403"}}"#;
const ONLY_ADMINS: &str = r#"{"error": {"message": "Authentication Error, Only proxy admin can be used to do this. Your role=internal_user",
    "type": "auth_error", "param": "None", "code": "401"}}"#;

/// What a server answers: status and body.
#[derive(Debug, Clone)]
struct Told {
    status: u16,
    body: String,
}

fn ok(body: impl Into<String>) -> Told {
    Told { status: 200, body: body.into() }
}

fn no(status: u16, body: impl Into<String>) -> Told {
    Told { status, body: body.into() }
}

/// Yesterday and today, and the calls of the last hour.
fn plan() -> Plan {
    Plan { now: NOW, from_day: TODAY - 1, calls_from: Some(NOW - HOUR), whole: false, memory: BTreeMap::new(), me: None }
}

fn read(ask: &Ask, told: &Told, plan: &Plan) -> Result<News, Refusal> {
    LiteLlm.read(ask, &Answer { status: told.status, version: None, body: told.body.as_bytes() }, plan)
}

/// The path of a question without its query.
fn place(ask: &Ask) -> &str {
    ask.request.path.split('?').next().unwrap_or_default()
}

/// A whole round.
#[derive(Debug, Default)]
struct Round {
    asks: Vec<Ask>,
    facts: Vec<GatewayFact>,
}

/// Asks until nothing is left to ask: the pages of a list in their order, before whatever else there is to ask.
fn round(plan: &Plan, server: impl Fn(&Ask) -> Told) -> Result<Round, Refusal> {
    let mut round = Round::default();
    let mut next: VecDeque<Ask> = LiteLlm.begin(plan).into();
    while let Some(ask) = next.pop_front() {
        assert!(round.asks.len() < 500, "it never ends: {ask:?}");
        let news = read(&ask, &server(&ask), plan)?;
        for more in news.asks.into_iter().rev() {
            next.push_front(more);
        }
        round.facts.extend(news.facts);
        round.asks.push(ask);
    }
    Ok(round)
}

impl Round {
    fn paths(&self) -> Vec<&str> {
        self.asks.iter().map(|ask| ask.request.path.as_str()).collect()
    }

    fn me(&self) -> Me {
        self.facts.iter().find_map(|fact| if let GatewayFact::Me(me) = fact { Some(me.clone()) } else { None }).unwrap()
    }

    /// The first question of a kind.
    fn ask(&self, place_of: &str) -> &Ask {
        self.asks.iter().find(|ask| place(ask) == place_of).unwrap()
    }

    fn cannot(&self) -> Vec<&str> {
        self.facts.iter().filter_map(|fact| if let GatewayFact::Cannot(what) = fact { Some(*what) } else { None }).collect()
    }

    fn versions(&self) -> Vec<&str> {
        self.facts.iter().filter_map(|fact| if let GatewayFact::Version(v) = fact { Some(v.as_str()) } else { None }).collect()
    }
}

fn told_budgets(facts: &[GatewayFact]) -> Vec<GatewayBudget> {
    let of = |fact: &GatewayFact| if let GatewayFact::Budgets(budgets) = fact { budgets.clone() } else { Vec::new() };
    facts.iter().flat_map(of).collect()
}

fn told_names(facts: &[GatewayFact]) -> Vec<Named> {
    let of = |fact: &GatewayFact| if let GatewayFact::Names(names) = fact { names.clone() } else { Vec::new() };
    facts.iter().flat_map(of).collect()
}

fn day_rows(facts: &[GatewayFact]) -> Vec<DaySpend> {
    let of = |fact: &GatewayFact| if let GatewayFact::Days { rows, .. } = fact { rows.clone() } else { Vec::new() };
    facts.iter().flat_map(of).collect()
}

fn tag_rows(facts: &[GatewayFact]) -> Vec<TagSpend> {
    let of = |fact: &GatewayFact| if let GatewayFact::Tags { rows, .. } = fact { rows.clone() } else { Vec::new() };
    facts.iter().flat_map(of).collect()
}

fn all_calls(facts: &[GatewayFact]) -> Vec<GatewayCall> {
    let of = |fact: &GatewayFact| if let GatewayFact::Calls(calls) = fact { calls.clone() } else { Vec::new() };
    facts.iter().flat_map(of).collect()
}

/// The windows of which all calls are said to have been told.
fn windows(facts: &[GatewayFact]) -> Vec<(Millis, Millis)> {
    facts.iter().filter_map(|fact| if let GatewayFact::AllCalls { from, to } = fact { Some((*from, *to)) } else { None }).collect()
}

/// What everybody is answered, whoever asks.
fn anybody(ask: &Ask) -> Told {
    match place(ask) {
        "/user/daily/activity/aggregated" => ok(DAYS),
        "/tag/daily/activity/aggregated" => ok(TAGS),
        "/key/list" => ok(KEYS),
        "/public/model_hub/info" => ok(VERSION),
        "/spend/logs/v2" => ok(CALLS),
        _ => no(404, NOT_FOUND),
    }
}

/// A server that is asked with the key of Ann's laptop.
fn developer(ask: &Ask) -> Told {
    match place(ask) {
        "/key/info" => ok(KEY_INFO),
        "/v2/user/info" => ok(USER_INFO),
        "/team/info" => ok(TEAM_INFO),
        "/team/t-web/members/me" => ok(MEMBER),
        _ => anybody(ask),
    }
}

/// A server that is asked with a key that can do anything, and belongs to nobody.
fn master(ask: &Ask) -> Told {
    match place(ask) {
        "/key/info" => no(404, MASTER),
        "/user/list" if ask.request.path.contains("page=2") => ok(LAST_USERS),
        "/user/list" => ok(USERS),
        "/team/list" => {
            let team: serde_json::Value = serde_json::from_str(TEAM_INFO).unwrap();
            let mut row = team["team_info"].clone();
            row["team_memberships"] = team["team_memberships"].clone();
            ok(json!([row]).to_string())
        }
        "/customer/list" => ok(CUSTOMERS),
        "/tag/list" => ok(TAG_BUDGETS),
        _ => anybody(ask),
    }
}

/// A server that is asked with a key for looking on: of everybody, but not of everything.
fn viewer(ask: &Ask) -> Told {
    match place(ask) {
        "/key/info" => {
            ok(json!({"key": "v", "info": {"key_alias": "monitor", "user_id": "monitor", "key_type": "management"}}).to_string())
        }
        "/v2/user/info" => ok(json!({"user_id": "monitor", "user_role": "proxy_admin_viewer", "teams": []}).to_string()),
        "/tag/daily/activity/aggregated" | "/tag/daily/activity" | "/tag/list" | "/customer/list" => no(403, FORBIDDEN),
        _ => master(ask),
    }
}

/// A server of an older release, asked with the key of Ann's laptop.
fn old(ask: &Ask) -> Told {
    match place(ask) {
        "/v2/user/info" | "/tag/daily/activity/aggregated" | "/team/t-web/members/me" | "/public/model_hub/info" => no(404, NOT_FOUND),
        "/user/info" => ok(format!(r#"{{"user_id": "ann", "user_info": {USER_INFO}, "keys": [], "teams": []}}"#)),
        "/user/daily/activity/aggregated" | "/spend/logs/v2" => no(401, ONLY_ADMINS),
        "/user/daily/activity" => ok(DAYS),
        "/tag/daily/activity" => ok(TAGS),
        "/spend/logs" => ok(serde_json::from_str::<serde_json::Value>(CALLS).unwrap()["data"].to_string()),
        _ => developer(ask),
    }
}

#[test]
fn a_developers_key_is_asked_of_its_own_and_of_its_team() {
    let round = round(&plan(), developer).unwrap();
    assert_eq!(
        round.paths(),
        [
            "/key/info",
            "/v2/user/info?user_id=ann",
            "/user/daily/activity/aggregated?start_date=2026-11-21&end_date=2026-11-23&api_key_limit=1000",
            "/tag/daily/activity/aggregated?start_date=2026-11-21&end_date=2026-11-23&api_key_limit=1000",
            "/key/list?return_full_object=true&size=100&page=1",
            "/team/info?team_id=t-web",
            "/team/t-web/members/me",
            "/public/model_hub/info",
            "/spend/logs/v2?start_date=2026-11-22%2011%3A00%3A00&end_date=2026-11-22%2013%3A00%3A00&page=1&page_size=500\
             &sort_by=startTime&sort_order=asc",
        ]
    );
    assert!(round.asks.iter().all(|ask| ask.request.method == Method::Get && ask.request.body.is_none()), "a round changes nothing");
    let me = Me {
        user: some("ann"),
        name: some("Ann"),
        key: some(ANN_KEY),
        alias: some("ann-laptop"),
        teams: vec!["t-web".to_owned()],
        role: "internal_user".to_owned(),
        sees_all: false,
        may_write: false,
        may_spend: true,
    };
    assert_eq!(round.me(), me);
    assert_eq!((round.cannot(), round.versions()), (vec![], vec!["1.106.2"]));
    assert_eq!((day_rows(&round.facts).len(), tag_rows(&round.facts).len(), all_calls(&round.facts).len()), (5, 4, 6));
}

#[test]
fn the_master_key_sees_and_may_change_everything_and_belongs_to_nobody() {
    let round = round(&plan(), master).unwrap();
    let me = Me { role: "master key".to_owned(), sees_all: true, may_write: true, may_spend: true, ..Me::default() };
    assert_eq!(round.me(), me);
    let places: Vec<&str> = round.asks.iter().map(place).collect();
    assert_eq!(
        places,
        [
            "/key/info",
            "/user/daily/activity/aggregated",
            "/tag/daily/activity/aggregated",
            "/key/list",
            "/user/list",
            "/user/list",
            "/team/list",
            "/customer/list",
            "/tag/list",
            "/public/model_hub/info",
            "/spend/logs/v2",
        ]
    );
    assert_eq!(round.cannot(), Vec::<&str>::new());
}

#[test]
fn a_viewers_key_sees_everybody_and_changes_nothing() {
    let round = round(&plan(), viewer).unwrap();
    let me = round.me();
    assert_eq!((me.user, me.role), (some("monitor"), "proxy_admin_viewer".to_owned()));
    assert_eq!((me.sees_all, me.may_write, me.may_spend), (true, false, false));
    // What it is not told of is no reason to stop, and is asked for in the older way first.
    assert_eq!(round.cannot(), ["spend by tag", "budgets of customers", "budgets of tags"]);
    assert!(round.paths().contains(&"/tag/daily/activity?start_date=2026-11-21&end_date=2026-11-23&page_size=1000&page=1"));
    assert_eq!((day_rows(&round.facts).len(), all_calls(&round.facts).len()), (5, 6));
}

#[test]
fn an_administrator_may_change_budgets_unless_the_key_is_for_reading_only() {
    for (role, kind, sees_all, may_write, may_spend) in [
        ("proxy_admin", "default", true, true, true),
        ("proxy_admin", "management", true, true, false),
        ("proxy_admin", "read_only", true, false, false),
        ("proxy_admin_viewer", "default", true, false, true),
        ("internal_user", "management", false, false, false),
        ("", "", false, false, true),
    ] {
        let server = |ask: &Ask| match place(ask) {
            "/key/info" => ok(json!({"key": "k", "info": {"user_id": "ann", "key_type": some(kind)}}).to_string()),
            "/v2/user/info" => ok(json!({"user_id": "ann", "user_role": some(role)}).to_string()),
            _ => master(ask),
        };
        let me = round(&plan(), server).unwrap().me();
        assert_eq!((me.sees_all, me.may_write, me.may_spend), (sees_all, may_write, may_spend), "{role} with a key of the type {kind}");
    }
}

#[test]
fn a_key_without_a_user_is_asked_of_its_team() {
    let server = |ask: &Ask| match place(ask) {
        "/key/info" => ok(json!({"key": "k", "info": {"key_alias": "ci-bot", "user_id": null, "team_id": "t-web"}}).to_string()),
        _ => developer(ask),
    };
    let round = round(&plan(), server).unwrap();
    let me = round.me();
    assert_eq!((me.user, me.alias, me.teams), (None, some("ci-bot"), vec!["t-web".to_owned()]));
    assert_eq!((me.sees_all, me.may_write), (false, false));
    assert!(!round.paths().iter().any(|path| path.contains("user/info")), "there is no user to ask of");
    assert!(round.paths().contains(&"/team/info?team_id=t-web"));
}

#[test]
fn names_of_users_and_teams_are_escaped_in_addresses() {
    let server = |ask: &Ask| match place(ask) {
        "/key/info" => ok(json!({"key": "k", "info": {"user_id": "ann+1@example.com&x=/y", "team_id": "a/b?c#d é"}}).to_string()),
        "/v2/user/info" => ok(USER_INFO),
        "/team/info" => ok(TEAM_INFO),
        _ => anybody(ask),
    };
    let round = round(&plan(), server).unwrap();
    for path in [
        "/v2/user/info?user_id=ann%2B1%40example.com%26x%3D%2Fy",
        "/team/info?team_id=a%2Fb%3Fc%23d%20%C3%A9",
        "/team/a%2Fb%3Fc%23d%20%C3%A9/members/me",
    ] {
        assert!(round.paths().contains(&path), "{path} is not among {:?}", round.paths());
    }
}

#[test]
fn an_older_release_is_asked_in_its_own_words() {
    let round = round(&plan(), old).unwrap();
    assert_eq!(
        round.paths(),
        [
            "/key/info",
            "/v2/user/info?user_id=ann",
            "/user/info?user_id=ann",
            "/user/daily/activity/aggregated?start_date=2026-11-21&end_date=2026-11-23&api_key_limit=1000",
            "/user/daily/activity?start_date=2026-11-21&end_date=2026-11-23&page_size=1000&page=1",
            "/tag/daily/activity/aggregated?start_date=2026-11-21&end_date=2026-11-23&api_key_limit=1000",
            "/tag/daily/activity?start_date=2026-11-21&end_date=2026-11-23&page_size=1000&page=1",
            "/key/list?return_full_object=true&size=100&page=1",
            "/team/info?team_id=t-web",
            "/team/t-web/members/me",
            "/public/model_hub/info",
            "/spend/logs/v2?start_date=2026-11-22%2011%3A00%3A00&end_date=2026-11-22%2013%3A00%3A00&page=1&page_size=500\
             &sort_by=startTime&sort_order=asc",
            "/spend/logs?start_date=2026-11-22&end_date=2026-11-23&summarize=false",
        ]
    );
    let newer = self::round(&plan(), developer).unwrap();
    assert_eq!(round.me(), newer.me());
    assert_eq!(day_rows(&round.facts), day_rows(&newer.facts));
    assert_eq!(tag_rows(&round.facts), tag_rows(&newer.facts));
    assert_eq!(all_calls(&round.facts), all_calls(&newer.facts));
    assert_eq!(windows(&round.facts), [(TODAY * DAY, NOW)]);
    // The team's answer has told of its members: only the version is missing.
    assert_eq!((round.cannot(), round.versions()), (vec![], vec![]));
}

#[test]
fn what_only_administrators_see_is_no_reason_to_stop() {
    for server in [developer, master] {
        for ask in round(&plan(), server).unwrap().asks.iter().skip(2) {
            for told in [no(401, ONLY_ADMINS), no(403, FORBIDDEN), no(404, NOT_FOUND), no(405, "")] {
                let news = read(ask, &told, &plan()).unwrap();
                let is_quiet = news.facts.iter().all(|fact| matches!(fact, GatewayFact::Cannot(_)));
                assert!(is_quiet && news.asks.len() <= 1, "{}: {news:?}", ask.what);
            }
        }
    }
}

#[test]
fn a_key_that_is_not_known_ends_the_round() {
    let said = format!("Authentication Error, Invalid proxy server token passed. Key Hash (Token) ={ANN_KEY}. Unable to find token");
    let told = no(401, json!({"error": {"message": said, "type": "token_not_found_in_db", "code": "401"}}).to_string());
    for server in [developer, master, viewer, old] {
        for ask in &round(&plan(), server).unwrap().asks {
            match read(ask, &told, &plan()) {
                Err(why) => assert!(matches!(&why, Refusal::Key(_)) && !tells_a_secret(&why.to_string()), "{}: {why:?}", ask.what),
                // Nobody needs a key to hear the version.
                Ok(news) => assert_eq!((place(ask), news), ("/public/model_hub/info", News::default())),
            }
        }
    }
}

#[test]
fn a_blocked_key_ends_the_round_although_administrators_are_named() {
    let said = "Authentication Error, Key is blocked. Update via `/key/unblock` if you're an admin.";
    let blocked = no(401, json!({"error": {"message": said, "type": "auth_error", "code": "401"}}).to_string());
    let why = round(&plan(), |_| blocked.clone()).unwrap_err();
    assert_eq!(why, Refusal::Key(said.to_owned()));
    assert_eq!(why.to_string(), format!("the gateway does not accept the key (401): {said}"));
}

#[test]
fn a_gateway_that_keeps_nothing_or_is_none_says_so() {
    let why = |told: Told| round(&plan(), |_| told.clone()).unwrap_err().to_string();
    let without = r#"{"error": {"message": "Authentication Error, DB not connected. See the docs", "code": "500"}}"#;
    assert_eq!(why(no(500, without)), "this LiteLLM runs without a database, and keeps no spend");
    assert_eq!(why(no(500, "oops")), "the gateway is in trouble (500): no reason given");
    // There is nothing here: that is not the master key's 404.
    assert_eq!(why(no(404, NOT_FOUND)), "the gateway has nothing there (404): Not Found");
    let page = why(ok("<!DOCTYPE html><html><body>Welcome</body></html>"));
    assert!(page.starts_with("the gateway's answer cannot be read: a web page"), "{page}");
}

#[test]
fn the_version_is_heard_wherever_it_is_told() {
    let ask = LiteLlm.begin(&plan()).remove(0);
    let answer = Answer { status: 200, version: Some("1.99.0"), body: KEY_INFO.as_bytes() };
    let news = LiteLlm.read(&ask, &answer, &plan()).unwrap();
    assert!(news.facts.contains(&GatewayFact::Version("1.99.0".to_owned())));
}

#[test]
fn it_is_known_by_its_sign_of_life_and_by_no_address() {
    assert_eq!(LiteLlm.knock().unwrap().path, "/health/liveliness");
    let is_it = |status, body: &str| LiteLlm.is_it(&Answer { status, version: None, body: body.as_bytes() });
    assert!(is_it(200, "\"I'm alive!\"") && is_it(200, "I'm alive!"));
    assert!(!is_it(404, "\"I'm alive!\"") && !is_it(200, "<html>hello</html>") && !is_it(200, ""));
    assert!(!LiteLlm.is_home("litellm.ai"));
}

#[test]
fn advice_says_what_the_key_sees_and_which_would_do() {
    let of = |me: &Me| LiteLlm.advice(me).join("\n");
    let master = of(&Me { role: "master key".into(), sees_all: true, may_write: true, may_spend: true, ..Me::default() });
    assert!(master.contains("belongs to nobody") && master.contains("fewer rights"), "{master}");
    let viewer = of(&Me { role: "proxy_admin_viewer".into(), sees_all: true, ..Me::default() });
    assert!(
        viewer.contains("everybody") && !viewer.contains("fewer rights") && viewer.contains("needs a key of a proxy_admin"),
        "{viewer}"
    );
    let own = of(&Me { role: "internal_user".into(), may_spend: true, ..Me::default() });
    assert!(own.contains("your own spend") && !own.contains("your teams"), "{own}");
}
