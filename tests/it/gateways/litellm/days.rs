//! Spend by day: every row once, whatever is told of it how often and on how many pages, and sums that are the gateway's own.

use std::collections::BTreeMap;

use aifinops::gateways::{Ask, DAY, Refusal};
use aifinops::model::time::rfc3339;
use aifinops::model::{DaySpend, GatewayFact, Money, Named, TagSpend, Tokens, Whose};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::{DAYS, NOT_FOUND, TAGS, day_rows, developer, no, ok, plan, read, round, tag_rows, told_names};
use crate::gateways::{ANN_KEY, CI_KEY, TODAY, some, usd};

fn ask(place: &str) -> Ask {
    round(&plan(), developer).unwrap().ask(place).clone()
}

fn days_ask() -> Ask {
    ask("/user/daily/activity/aggregated")
}

/// What the aggregated form tells.
fn told(body: &Value) -> Vec<GatewayFact> {
    read(&days_ask(), &ok(body.to_string()), &plan()).unwrap().facts
}

/// What the pages tell; all but the last say that there are more.
fn told_in_pages(pages: &[Value]) -> Vec<GatewayFact> {
    let mut asks = read(&days_ask(), &no(404, NOT_FOUND), &plan()).unwrap().asks;
    let mut facts = Vec::new();
    for (at, page) in pages.iter().enumerate() {
        assert_eq!((asks.len(), facts.len()), (1, 0), "page {at}");
        let path = "/user/daily/activity?start_date=2026-11-21&end_date=2026-11-23&page_size=1000&page=";
        assert_eq!(asks[0].request.path, format!("{path}{}", at + 1));
        let mut page = page.clone();
        page["metadata"] = json!({"page": at + 1, "has_more": at + 1 < pages.len()});
        let news = read(&asks[0], &ok(page.to_string()), &plan()).unwrap();
        (asks, facts) = (news.asks, news.facts);
    }
    assert_eq!(asks, []);
    facts
}

/// What one key has done with one model on one day.
#[derive(Debug, Clone)]
struct Cell {
    day: i64,
    key: usize,
    model: usize,
    row: DaySpend,
}

/// Keys, with their names, teams and users.
const KEYS: [(&str, &str, &str, &str); 4] =
    [("k0", "laptop", "t-web", "ann"), ("k1", "ci-bot", "t-web", ""), ("k2", "", "", "bob"), ("k3", "", "", "")];
const MODELS: [&str; 3] = ["anthropic/claude-sonnet-4-5", "openai/gpt-5.2-codex", ""];

/// The row that a cell should become.
fn row(cell: &Cell) -> DaySpend {
    let (key, _, team, user) = KEYS[cell.key];
    DaySpend { day: cell.day, user: some(user), team: some(team), key: some(key), model: some(MODELS[cell.model]), ..cell.row.clone() }
}

fn add(sum: &mut DaySpend, row: &DaySpend) {
    sum.spend = Some(sum.spend.unwrap_or_default() + row.spend.unwrap_or_default());
    sum.requests += row.requests;
    sum.failed += row.failed;
    sum.tokens += row.tokens;
}

fn sum<'a>(rows: impl Iterator<Item = &'a DaySpend>) -> DaySpend {
    rows.fold(DaySpend { spend: Some(Money::ZERO), ..DaySpend::default() }, |mut sum, row| {
        add(&mut sum, row);
        sum
    })
}

/// A dollar amount as a number of JSON.
fn number(money: Option<Money>) -> Value {
    serde_json::from_str(&money.unwrap_or_default().exact()).unwrap()
}

fn metrics<'a>(cells: impl Iterator<Item = &'a Cell>) -> Value {
    let sum = sum(cells.map(|cell| &cell.row));
    json!({
        "spend": number(sum.spend), "prompt_tokens": sum.tokens.prompt(), "completion_tokens": sum.tokens.output,
        "cache_read_input_tokens": sum.tokens.cache_read, "cache_creation_input_tokens": sum.tokens.cache_write_5m,
        "api_requests": sum.requests, "failed_requests": sum.failed, "successful_requests": sum.requests - sum.failed,
    })
}

/// The part of some keys.
fn by_key(cells: &[&Cell], named: usize) -> Value {
    let mut out = Map::new();
    for (at, (key, name, team, user)) in KEYS.iter().enumerate().take(named) {
        if cells.iter().any(|cell| cell.key == at) {
            let metadata = json!({"key_alias": some(name), "team_id": some(team), "user_id": some(user), "key_exists": true});
            let metrics = metrics(cells.iter().copied().filter(|cell| cell.key == at));
            out.insert((*key).to_owned(), json!({"metrics": metrics, "metadata": metadata}));
        }
    }
    Value::Object(out)
}

/// An answer about these cells that tells so many keys apart; the others are in its totals only.
fn activity(cells: &[Cell], named: usize) -> Value {
    let mut days: BTreeMap<i64, Vec<&Cell>> = BTreeMap::new();
    for cell in cells {
        days.entry(cell.day).or_default().push(cell);
    }
    let results = days.into_iter().rev().map(|(day, cells)| {
        let mut models = Map::new();
        for (at, model) in MODELS.iter().enumerate() {
            let of: Vec<&Cell> = cells.iter().copied().filter(|cell| cell.model == at).collect();
            if !of.is_empty() {
                let part = json!({"metrics": metrics(of.iter().copied()), "metadata": {}, "api_key_breakdown": by_key(&of, named)});
                models.insert((*model).to_owned(), part);
            }
        }
        let breakdown = json!({"models": models, "api_keys": by_key(&cells, named), "mcp_servers": {}});
        json!({"date": rfc3339(day * DAY)[..10], "metrics": metrics(cells.iter().copied()), "breakdown": breakdown})
    });
    json!({"results": results.collect::<Vec<_>>(), "metadata": {"has_more": false}})
}

fn cell() -> impl Strategy<Value = Cell> {
    let counts = (0..100_000_u64, 0..100_000_u64, 0..10_000_u64, 0..10_000_u64);
    let place = (TODAY - 1..=TODAY, 0..KEYS.len(), 0..MODELS.len());
    (place, 0..2_000_000_000_i64, counts, 0..4_u64, 0..3_u64).prop_map(|((day, key, model), nanos, counts, good, failed)| {
        let (input, cache_read, cache_write_5m, output) = counts;
        let tokens = Tokens { input, cache_read, cache_write_5m, output, ..Tokens::default() };
        let spend = Some(Money::from_nanos(nanos));
        Cell { day, key, model, row: DaySpend { spend, requests: good + failed, failed, tokens, ..DaySpend::default() } }
    })
}

/// The rows that cells should become: one for each place.
fn merged(cells: &[Cell]) -> Vec<DaySpend> {
    let mut rows: BTreeMap<(i64, usize, usize), DaySpend> = BTreeMap::new();
    for cell in cells {
        let place = (cell.day, cell.key, cell.model);
        let empty = DaySpend { spend: None, requests: 0, failed: 0, tokens: Tokens::default(), ..row(cell) };
        add(rows.entry(place).or_insert(empty), &cell.row);
    }
    let mut rows: Vec<DaySpend> = rows.into_values().collect();
    rows.retain(|row| row.requests > 0 || row.spend != Some(Money::ZERO) || row.tokens != Tokens::default());
    rows
}

fn sorted(mut rows: Vec<DaySpend>) -> Vec<DaySpend> {
    rows.sort_by_key(|row| (row.day, row.key.clone(), row.model.clone()));
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    /// Keys beyond those that the gateway tells apart are in a row of nobody's, so that the sums are the gateway's.
    #[test]
    fn rows_add_up_to_what_the_gateway_has_counted_however_few_keys_it_names(
        cells in prop::collection::vec(cell(), 0..24),
        named in 0..=KEYS.len(),
    ) {
        let rows = day_rows(&told(&activity(&cells, named)));
        for day in [TODAY - 1, TODAY] {
            let of_day = sum(rows.iter().filter(|row| row.day == day));
            let expected = sum(cells.iter().filter(|cell| cell.day == day).map(|cell| &cell.row));
            prop_assert_eq!(of_day, expected);
        }
        let told: Vec<Cell> = cells.iter().filter(|cell| cell.key < named).cloned().collect();
        let with_key = rows.iter().filter(|row| row.key.is_some()).cloned().collect();
        prop_assert_eq!(sorted(with_key), sorted(merged(&told)));
        let nobodys = rows.iter().filter(|row| row.key.is_none());
        prop_assert!(nobodys.clone().all(|row| row.user.is_none() && row.team.is_none() && row.model.is_none()));
        prop_assert!(nobodys.count() <= 2, "one for each day");
    }

    /// Pages are of rows, and a day may stand on all of them.
    #[test]
    fn pages_of_the_same_days_are_one_answer(cells in prop::collection::vec((cell(), 0..3_usize), 0..24), last in 0..3_usize) {
        let all: Vec<Cell> = cells.iter().map(|(cell, _)| cell.clone()).collect();
        let of_page = |page: usize| cells.iter().filter(|(_, at)| *at.min(&last) == page).map(|(cell, _)| cell.clone()).collect::<Vec<_>>();
        let pages: Vec<Value> = (0..=last).map(|page| activity(&of_page(page), KEYS.len())).collect();
        prop_assert_eq!(told_in_pages(&pages), told(&activity(&all, KEYS.len())));
    }
}

#[test]
fn each_key_and_model_of_a_day_is_a_row_and_so_is_what_has_no_model() {
    let body: Value = serde_json::from_str(DAYS).unwrap();
    let facts = told(&body);
    let ann = |day, model: &str, spend: &str, requests, failed, tokens| DaySpend {
        day,
        user: some("ann"),
        team: some("t-web"),
        key: some(ANN_KEY),
        model: some(model),
        spend: Some(usd(spend)),
        requests,
        failed,
        tokens,
    };
    let tokens = |input, cache_read, cache_write_5m, output| Tokens { input, cache_read, cache_write_5m, output, ..Tokens::default() };
    let robot = ann(TODAY, "anthropic/claude-sonnet-4-5", "0.0689408", 3, 0, tokens(900, 0, 0, 10));
    let rows = vec![
        ann(TODAY - 1, "openai/house-model", "0", 1, 0, tokens(300, 0, 0, 20)),
        DaySpend { user: None, key: some(CI_KEY), ..robot },
        // Refused before a model was known.
        ann(TODAY, "", "0", 1, 1, Tokens::default()),
        ann(TODAY, "anthropic/claude-sonnet-4-5", "0.1", 2, 0, tokens(300, 1000, 200, 40)),
        ann(TODAY, "openai/gpt-5.2-codex", "0.2", 2, 1, tokens(600, 1000, 0, 50)),
    ];
    assert_eq!(facts[1..], [GatewayFact::Days { from: TODAY - 1, to: TODAY + 1, rows }], "tomorrow has begun on a clock that is ahead");
    let key = |id: &str, name: &str, user| Named { whose: Whose::Key, id: id.to_owned(), name: some(name), team: some("t-web"), user };
    assert_eq!(told_names(&facts), [key(ANN_KEY, "ann-laptop", some("ann")), key(CI_KEY, "ci-bot", None)]);
}

#[test]
fn a_key_that_only_a_model_names_is_counted_once() {
    let names = json!({"key_alias": "ann-laptop", "team_id": "t-web", "user_id": "ann"});
    let of_key = json!({"metrics": {"spend": 1, "prompt_tokens": 100, "api_requests": 2}, "metadata": names});
    let facts = told(&json!({"results": [{
        "date": "2026-11-22",
        "metrics": {"spend": 3, "prompt_tokens": 300, "api_requests": 5},
        "breakdown": {"models": {"m": {"metrics": {}, "api_key_breakdown": {"k": of_key}}}, "api_keys": {}},
    }]}));
    let rows = day_rows(&facts);
    let spends: Vec<_> = rows.iter().map(|row| (row.key.as_deref(), row.spend, row.tokens.input, row.requests)).collect();
    assert_eq!(spends, [(None, Some(usd("2")), 200, 3), (Some("k"), Some(usd("1")), 100, 2)]);
}

#[test]
fn an_answer_without_rows_says_that_nothing_was_spent() {
    for body in [json!({"results": [], "metadata": {}}), json!({"results": [{"date": "2026-11-22", "metrics": {}, "breakdown": {}}]})] {
        let facts = told(&body);
        assert_eq!(facts[1..], [GatewayFact::Days { from: TODAY - 1, to: TODAY + 1, rows: Vec::new() }], "{body}");
    }
}

#[test]
fn an_answer_that_lacks_its_rows_says_nothing() {
    for body in ["{}", "[]", "{\"results\": null}", "{\"error\": \"of the database\"}"] {
        let result = read(&ask("/user/daily/activity/aggregated"), &ok(body), &plan());
        assert!(matches!(result, Err(Refusal::Unreadable(_))), "what is known of the days must stay: {body}: {result:?}");
    }
}

#[test]
fn a_day_that_is_none_is_left_out() {
    let day = |date: &str| json!({"date": date, "metrics": {"spend": 1, "api_requests": 1}});
    for date in ["", "today", "2026-13-01", "2026-02-30", "22.11.2026", "2026-11-2é", "99999-01-01"] {
        assert_eq!(day_rows(&told(&json!({"results": [day(date)]}))), [], "{date}");
    }
    let rows = day_rows(&told(&json!({"results": [day("2026-11-22T00:00:00Z")]})));
    assert_eq!(rows.iter().map(|row| row.day).collect::<Vec<_>>(), [TODAY]);
}

fn tag(day: i64, tag: &str, spend: &str, requests: u64, failed: u64, tokens: u64) -> TagSpend {
    TagSpend { day, tag: tag.to_owned(), spend: usd(spend), requests, failed, tokens }
}

#[test]
fn tags_are_told_as_they_are_and_never_added_up() {
    let facts = read(&ask("/tag/daily/activity/aggregated"), &ok(TAGS), &plan()).unwrap().facts;
    let rows = vec![
        tag(TODAY - 1, "feature:search", "0", 1, 0, 0),
        tag(TODAY, "User-Agent: claude-cli", "0.3", 5, 1, 0),
        tag(TODAY, "User-Agent: claude-cli/2.1.197", "0.3", 5, 1, 0),
        tag(TODAY, "feature:search", "0.1", 3, 1, 420),
    ];
    assert_eq!(facts, [GatewayFact::Tags { from: TODAY - 1, to: TODAY + 1, rows }]);
}

#[test]
fn pages_of_tags_are_one_answer() {
    let page = |has_more: bool| TAGS.replace("\"has_more\": false", &format!("\"has_more\": {has_more}"));
    let first = read(&ask("/tag/daily/activity/aggregated"), &no(404, NOT_FOUND), &plan()).unwrap();
    let second = read(&first.asks[0], &ok(page(true)), &plan()).unwrap();
    assert_eq!((second.facts, second.asks.len()), (vec![], 1));
    assert_eq!(second.asks[0].request.path, "/tag/daily/activity?start_date=2026-11-21&end_date=2026-11-23&page_size=1000&page=2");
    let last = read(&second.asks[0], &ok(page(false)), &plan()).unwrap();
    assert_eq!(last.asks, []);
    // The same rows stand on both pages.
    let rows = tag_rows(&last.facts);
    assert_eq!(rows[1], tag(TODAY, "User-Agent: claude-cli", "0.6", 10, 2, 0));
    assert_eq!(rows[3..], [tag(TODAY, "feature:search", "0.2", 6, 2, 840)]);
}
