//! The books: what a gateway has told is kept as it was told, once, for as long as it holds.

mod team;

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use aifinops::gateways::DAY;
use aifinops::model::{
    DaySpend, GatewayBudget, GatewayCall, GatewayFact, GatewayRates, Me, Millis, Money, Named, Rate, TagSpend, Tokens, Whose, Window,
};
use aifinops::store::books::{Account, Extra, FILE, Freshness, Known, SpendSum, Word};
use aifinops::store::{Books, StoreError};
use proptest::prelude::*;
use tempfile::TempDir;

use super::{ANN_KEY, CI_KEY, NOW, TODAY, some, usd};

const TEAM: &str = "team";
const URL: &str = "https://gateway.example.com";
/// All days that matter here.
const DAYS: (i64, i64) = (TODAY - 100, TODAY + 100);
/// What sums are made by.
const BY: [Whose; 5] = [Whose::User, Whose::Team, Whose::Key, Whose::Model, Whose::Tag];

/// Books in a directory of their own.
struct Desk {
    dir: TempDir,
    books: Books,
}

impl Desk {
    fn new() -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let books = open(&dir);
        Desk { dir, books }
    }

    fn begin(&mut self, now: Millis) -> i64 {
        self.books.begin_round(TEAM, URL, "litellm", None, now).unwrap()
    }

    fn take(&mut self, round: i64, facts: &[GatewayFact]) {
        self.books.take(TEAM, round, facts, false).unwrap();
    }

    /// A round that tells this and ends well.
    fn round(&mut self, now: Millis, facts: &[GatewayFact]) {
        let round = self.begin(now);
        self.take(round, facts);
        self.books.end_round(TEAM, round, now, &[]).unwrap();
    }

    /// A round that tells the calls of a window once more, and all of them.
    fn read_whole(&mut self, (from, to): (Millis, Millis), calls: &[GatewayCall]) {
        let round = self.begin(NOW);
        let facts = [GatewayFact::Calls(calls.to_vec()), GatewayFact::AllCalls { from, to }];
        self.books.take(TEAM, round, &facts, true).unwrap();
        self.books.end_round(TEAM, round, NOW, &[]).unwrap();
    }

    fn account(&self) -> Account {
        self.books.account(TEAM).unwrap().unwrap()
    }

    fn known(&self) -> Known {
        self.books.known(TEAM).unwrap()
    }

    fn calls(&self) -> Vec<String> {
        self.books.calls(TEAM, Window::ALL, None).unwrap().into_iter().map(|call| call.id).collect()
    }

    fn gone(&self) -> Vec<String> {
        self.books.gone(TEAM, Window::ALL, None).unwrap().into_iter().map(|call| call.id).collect()
    }

    fn sums(&self, whose: Whose) -> BTreeMap<String, SpendSum> {
        self.books.sums(TEAM, whose, DAYS).unwrap()
    }

    /// What every user has spent.
    fn spends(&self) -> Vec<(String, Option<Money>)> {
        self.sums(Whose::User).into_iter().map(|(user, sum)| (user, sum.spend)).collect()
    }

    fn picture(&self) -> Picture {
        picture(&self.books, TEAM)
    }
}

fn open(dir: &TempDir) -> Books {
    let (books, notice) = Books::open(dir.path(), Duration::from_secs(5)).unwrap();
    assert_eq!(notice, None);
    books
}

/// Everything that is known of a gateway but how asking it went.
#[derive(Debug, PartialEq)]
struct Picture {
    known: Known,
    calls: Vec<GatewayCall>,
    gone: Vec<GatewayCall>,
    sums: Vec<BTreeMap<String, SpendSum>>,
    memory: BTreeMap<String, String>,
}

fn picture(books: &Books, name: &str) -> Picture {
    Picture {
        known: books.known(name).unwrap(),
        calls: books.calls(name, Window::ALL, None).unwrap(),
        gone: books.gone(name, Window::ALL, None).unwrap(),
        sums: BY.iter().map(|whose| books.sums(name, *whose, DAYS).unwrap()).collect(),
        memory: books.memory(name).unwrap(),
    }
}

/// Two calls, one of which failed, with 130 tokens.
fn day(day: i64, user: &str, model: &str, spend: &str) -> DaySpend {
    let tokens = Tokens { input: 100, cache_read: 20, cache_write_5m: 2, cache_write_1h: 1, output: 7, reasoning: 3 };
    let (user, model, spend) = (some(user), some(model), Some(usd(spend)));
    DaySpend { day, user, team: None, key: None, model, spend, requests: 2, failed: 1, tokens }
}

fn days(rows: Vec<DaySpend>) -> GatewayFact {
    GatewayFact::Days { from: TODAY - 1, to: TODAY + 1, rows }
}

fn call(id: &str, at: Millis, spend: &str) -> GatewayCall {
    GatewayCall { id: id.to_owned(), at, ended: at + 5, user: some("ann"), spend: usd(spend), ..GatewayCall::default() }
}

fn budget(whose: Whose, id: &str, limit: &str, spent: &str) -> GatewayBudget {
    GatewayBudget {
        whose,
        id: id.to_owned(),
        team: None,
        limit: (!limit.is_empty()).then(|| usd(limit)),
        spent: Some(usd(spent)),
        period: some("1d"),
        since: Some(TODAY * DAY),
        resets_at: Some((TODAY + 1) * DAY),
        blocked: false,
    }
}

fn named(whose: Whose, id: &str, name: &str, team: &str, user: &str) -> Named {
    Named { whose, id: id.to_owned(), name: some(name), team: some(team), user: some(user) }
}

fn tag(day: i64, tag: &str, spend: &str) -> TagSpend {
    TagSpend { day, tag: tag.to_owned(), spend: usd(spend), requests: 3, failed: 1, tokens: 9 }
}

fn me() -> Me {
    Me {
        user: some("ann"),
        name: some("Ann"),
        key: some(ANN_KEY),
        alias: some("ann-laptop"),
        teams: vec!["t-web".to_owned()],
        role: "internal_user".to_owned(),
        sees_all: false,
        may_write: false,
        may_spend: true,
    }
}

/// One of each.
fn facts() -> Vec<GatewayFact> {
    let rate = |text| Rate::parse_usd_per_million(text);
    let whole = GatewayCall {
        answer: some("msg_1"),
        request: some("call-1"),
        team: some("t-web"),
        key: some(ANN_KEY),
        model: some("anthropic/claude-sonnet-4-5"),
        session: some("s-1"),
        client: some("claude-cli/2.1.197"),
        tokens: Tokens { input: 1, cache_read: 2, cache_write_5m: 3, cache_write_1h: 4, output: 5, reasoning: 6 },
        rates: GatewayRates { input: rate("3"), output: rate("15"), cache_read: rate("0.3"), cache_write: rate("3.75") },
        ..call("a", NOW - 9000, "0.25")
    };
    let refused = GatewayCall { failed: true, over_budget: true, user: None, ..call("b", NOW - 8000, "0") };
    vec![
        GatewayFact::Version("1.106.2".to_owned()),
        GatewayFact::Me(me()),
        days(vec![day(TODAY, "ann", "m1", "1.5"), day(TODAY - 1, "ann", "m2", "0.25"), day(TODAY, "", "", "0.000000001")]),
        GatewayFact::Tags { from: TODAY - 1, to: TODAY + 1, rows: vec![tag(TODAY, "search", "1.5")] },
        GatewayFact::Names(vec![named(Whose::User, "ann", "Ann", "", ""), named(Whose::Key, ANN_KEY, "ann-laptop", "t-web", "ann")]),
        GatewayFact::Budgets(vec![
            budget(Whose::User, "ann", "10", "2"),
            GatewayBudget { team: some("t-web"), period: None, since: None, resets_at: None, ..budget(Whose::Member, "ann", "3", "1") },
            GatewayBudget { blocked: true, spent: None, ..budget(Whose::Key, ANN_KEY, "", "0") },
        ]),
        GatewayFact::Calls(vec![whole, refused]),
        GatewayFact::AllCalls { from: NOW - 10_000, to: NOW },
        GatewayFact::Remember("days", TODAY.to_string()),
        GatewayFact::Cannot("budgets of tags"),
    ]
}

#[test]
fn what_is_told_is_kept_as_it_was_told() {
    let mut desk = Desk::new();
    desk.round(NOW, &facts());
    let of_fact = |wanted: &str| facts().into_iter().find(|fact| format!("{fact:?}").starts_with(wanted)).unwrap();
    let GatewayFact::Calls(calls) = of_fact("Calls") else { panic!("no calls") };
    assert_eq!(desk.books.calls(TEAM, Window::ALL, None).unwrap(), calls);
    let (GatewayFact::Budgets(budgets), GatewayFact::Names(names)) = (of_fact("Budgets"), of_fact("Names")) else { panic!("neither") };
    let known = desk.known();
    assert!(budgets.len() == known.budgets.len() && budgets.iter().all(|budget| known.budgets.contains(budget)), "{known:?}");
    assert!(names.len() == known.names.len() && names.iter().all(|name| known.names.contains(name)), "{known:?}");
    let account = desk.account();
    assert_eq!((account.version.as_deref(), account.me), (Some("1.106.2"), Some(me())));
    assert_eq!((account.name.as_str(), account.url.as_str(), account.kind.as_str()), (TEAM, URL, "litellm"));
    let memory = desk.books.memory(TEAM).unwrap();
    assert_eq!((memory["days"].as_str(), memory["calls"].as_str()), (TODAY.to_string().as_str(), NOW.to_string().as_str()));
}

#[test]
fn calls_are_found_by_when_they_began_and_by_whose_they_are() {
    let mut desk = Desk::new();
    desk.round(NOW, &facts());
    let ids = |from, to, user| -> Vec<String> {
        desk.books.calls(TEAM, Window { from, to }, user).unwrap().into_iter().map(|call| call.id).collect()
    };
    assert_eq!(ids(NOW - 9000, NOW - 8000, None), ["a"]);
    assert_eq!(ids(NOW - 9000, NOW, None), ["a", "b"]);
    assert_eq!(ids(NOW - 8999, NOW, None), ["b"]);
    assert_eq!(ids(0, NOW, Some("ann")), ["a"]);
    assert_eq!(ids(0, NOW, Some("bob")), Vec::<String>::new());
}

#[test]
fn telling_the_same_again_changes_nothing() {
    let mut desk = Desk::new();
    let round = desk.begin(NOW);
    desk.take(round, &facts());
    let (account, picture) = (desk.account(), desk.picture());
    for whole in [false, true] {
        desk.books.take(TEAM, round, &facts(), whole).unwrap();
        assert_eq!(desk.account(), account);
        assert_eq!(desk.picture(), picture);
    }
    desk.books.end_round(TEAM, round, NOW, &[]).unwrap();
    assert_eq!(desk.picture(), picture);
    // Nor does another round, nor another process.
    desk.round(NOW + 1, &facts());
    assert_eq!(desk.picture(), picture);
    assert_eq!(self::picture(&open(&desk.dir), TEAM), picture);
}

#[test]
fn a_day_is_replaced_as_a_whole() {
    let mut desk = Desk::new();
    let before = GatewayFact::Days { from: TODAY - 5, to: TODAY - 5, rows: vec![day(TODAY - 5, "cid", "m", "7")] };
    desk.round(NOW, &[before, days(vec![day(TODAY, "ann", "m", "1"), day(TODAY, "bob", "m", "2")])]);
    desk.round(NOW, &[days(vec![day(TODAY, "ann", "m", "1.25")])]);
    let spend = |text: &str| Some(usd(text));
    assert_eq!(desk.spends(), [("ann".to_owned(), spend("1.25")), ("cid".to_owned(), spend("7"))]);
    desk.round(NOW, &[days(Vec::new())]);
    assert_eq!(desk.spends(), [("cid".to_owned(), spend("7"))], "a day on which nothing was spent after all");
}

#[test]
fn rows_of_one_place_are_one_row() {
    let mut desk = Desk::new();
    let unknown = DaySpend { spend: None, ..day(TODAY, "ann", "m", "0") };
    desk.round(NOW, &[days(vec![unknown.clone(), day(TODAY, "ann", "m", "1"), day(TODAY, "ann", "m", "0.5"), unknown])]);
    let expected = SpendSum { spend: Some(usd("1.5")), requests: 8, failed: 4, tokens: 4 * 130 };
    assert_eq!(desk.sums(Whose::User), BTreeMap::from([("ann".to_owned(), expected)]));
}

#[test]
fn tags_are_replaced_as_days_are() {
    let mut desk = Desk::new();
    let tags = |rows| GatewayFact::Tags { from: TODAY, to: TODAY, rows };
    desk.round(NOW, &[tags(vec![tag(TODAY, "search", "1"), tag(TODAY, "agents", "2")])]);
    desk.round(NOW, &[tags(vec![tag(TODAY, "search", "3")])]);
    let expected = SpendSum { spend: Some(usd("3")), requests: 3, failed: 1, tokens: 9 };
    assert_eq!(desk.sums(Whose::Tag), BTreeMap::from([("search".to_owned(), expected)]));
}

#[test]
fn a_call_that_is_told_again_is_the_same_call() {
    let mut desk = Desk::new();
    desk.round(NOW, &[GatewayFact::Calls(vec![call("a", NOW, "1"), call("b", NOW, "2")])]);
    let later = GatewayCall { ended: NOW + 99, failed: true, ..call("a", NOW, "0") };
    desk.round(NOW, &[GatewayFact::Calls(vec![later.clone()])]);
    assert_eq!(desk.books.calls(TEAM, Window::ALL, None).unwrap(), [later, call("b", NOW, "2")]);
}

#[test]
fn of_two_rounds_at_once_neither_takes_the_others_word_for_gone() {
    let mut desk = Desk::new();
    let told = [GatewayFact::Budgets(vec![budget(Whose::User, "ann", "10", "1")]), GatewayFact::Calls(vec![call("a", NOW, "1")])];
    let whole = GatewayFact::AllCalls { from: NOW - DAY, to: NOW + 1 };
    let (early, late) = (desk.begin(NOW), desk.begin(NOW));
    for round in [late, early] {
        desk.take(round, &told);
    }
    for round in [late, early] {
        desk.books.take(TEAM, round, std::slice::from_ref(&whole), true).unwrap();
        desk.books.end_round(TEAM, round, NOW, &[]).unwrap();
    }
    assert_eq!((desk.calls(), desk.gone()), (vec!["a".to_owned()], Vec::new()));
    assert_eq!(desk.known().budgets.len(), 1);
}

#[test]
fn a_round_that_fails_keeps_what_was_known_and_its_age() {
    let mut desk = Desk::new();
    let first = desk.begin(NOW);
    desk.take(first, &facts());
    desk.books.end_round(TEAM, first, NOW, &["budgets of tags", "calls"]).unwrap();
    let picture = desk.picture();
    let good = Account { cannot: vec!["budgets of tags".to_owned(), "calls".to_owned()], ..desk.account() };
    assert_eq!((good.asked_at, good.tried_at, good.problem.as_deref(), good.failures), (Some(NOW), Some(NOW), None, 0));
    for (failures, later) in [(1, NOW + 60_000), (2, NOW + 120_000)] {
        desk.begin(later);
        desk.books.fail_round(TEAM, "the gateway is in trouble (503): no reason given", later + 30_000).unwrap();
        let expected = Account {
            tried_at: Some(later),
            problem: some("the gateway is in trouble (503): no reason given"),
            not_before: later + 30_000,
            failures,
            round: first + i64::from(failures),
            ..good.clone()
        };
        assert_eq!(desk.account(), expected);
        assert_eq!(desk.picture(), picture);
    }
    let now = NOW + 180_000;
    desk.round(now, &facts());
    let again = Account { asked_at: Some(now), tried_at: Some(now), round: first + 3, cannot: Vec::new(), ..good };
    assert_eq!(desk.account(), again);
}

#[test]
fn a_budget_that_is_told_no_more_is_gone_when_its_round_has_ended() {
    let mut desk = Desk::new();
    let both = GatewayFact::Budgets(vec![budget(Whose::User, "ann", "10", "2"), budget(Whose::User, "bob", "5", "1")]);
    desk.round(NOW, &[both]);
    let round = desk.begin(NOW);
    desk.take(round, &[GatewayFact::Budgets(vec![budget(Whose::User, "ann", "20", "3")])]);
    assert_eq!(desk.known().budgets.len(), 2, "the round may tell of the other one yet");
    desk.books.fail_round(TEAM, "late", 0).unwrap();
    assert_eq!(desk.known().budgets, [budget(Whose::User, "ann", "20", "3"), budget(Whose::User, "bob", "5", "1")]);
    desk.round(NOW, &[GatewayFact::Budgets(vec![budget(Whose::User, "ann", "20", "4")])]);
    assert_eq!(desk.known().budgets, [budget(Whose::User, "ann", "20", "4")]);
    // Two budgets of one holder differ by their period or their team.
    let week = GatewayBudget { period: some("7d"), ..budget(Whose::User, "ann", "50", "9") };
    let for_good = GatewayBudget { period: None, ..budget(Whose::User, "ann", "500", "90") };
    let of_team = |team: &str| GatewayBudget { team: some(team), ..budget(Whose::Member, "ann", "1", "0") };
    let all = vec![budget(Whose::User, "ann", "20", "4"), week, for_good, of_team("t-web"), of_team("t-ops")];
    desk.round(NOW, &[GatewayFact::Budgets(all.clone())]);
    let known = desk.known().budgets;
    assert!(known.len() == 5 && all.iter().all(|budget| known.contains(budget)), "{known:?}");
}

#[test]
fn nothing_that_is_known_of_a_name_is_taken_back() {
    let mut desk = Desk::new();
    desk.round(NOW, &[GatewayFact::Names(vec![named(Whose::Key, "k", "laptop", "", "ann")])]);
    desk.round(NOW, &[GatewayFact::Names(vec![named(Whose::Key, "k", "", "t-web", "")])]);
    assert_eq!(desk.known().names, [named(Whose::Key, "k", "laptop", "t-web", "ann")]);
    desk.round(NOW, &[GatewayFact::Names(vec![named(Whose::Key, "k", "new laptop", "", "")])]);
    assert_eq!(desk.known().names, [named(Whose::Key, "k", "new laptop", "t-web", "ann")]);
}

fn extra(id: &str, at: Millis) -> Extra {
    Extra { id: id.to_owned(), at, agent: some("claude-code"), session: None, model: some("m"), money: usd("0.5"), tokens: 7 }
}

#[test]
fn another_gateway_under_the_same_name_begins_with_nothing() {
    let nothing = picture(&Desk::new().books, TEAM);
    for (url, kind) in [("https://other.example.com", "litellm"), (URL, "openrouter")] {
        let mut desk = Desk::new();
        desk.round(NOW, &facts());
        desk.books.set_extras(TEAM, 0, &[extra("a", NOW)]).unwrap();
        let beside = desk.books.begin_round("beside", "https://beside.example.com", "litellm", None, NOW).unwrap();
        desk.books.take("beside", beside, &facts(), false).unwrap();
        let other = picture(&desk.books, "beside");
        // Another word for whose spend is one's own makes it no other gateway.
        assert_eq!(desk.books.begin_round(TEAM, URL, "litellm", Some("bob"), NOW).unwrap(), 2);
        assert_eq!((desk.account().user, desk.spends().len()), (some("bob"), 2));
        assert_eq!(desk.books.begin_round(TEAM, url, kind, None, NOW).unwrap(), 1);
        assert_eq!(desk.picture(), nothing);
        assert_eq!(desk.books.extras(TEAM, Window::ALL).unwrap(), []);
        let account =
            Account { name: TEAM.into(), url: url.into(), kind: kind.into(), tried_at: Some(NOW), round: 1, ..Account::default() };
        assert_eq!(desk.account(), account);
        assert_eq!(picture(&desk.books, "beside"), other, "what others have told stays");
    }
}

#[test]
fn a_gateway_is_forgotten_with_all_that_it_told() {
    let mut desk = Desk::new();
    desk.round(NOW, &facts());
    desk.books.forget(TEAM).unwrap();
    assert_eq!((desk.books.account(TEAM).unwrap(), desk.books.accounts().unwrap()), (None, vec![]));
    assert_eq!(desk.picture(), picture(&Desk::new().books, TEAM));
}

#[test]
fn a_row_that_is_there_no_more_is_missed_when_all_are_read_again() {
    let (a, b, c) = (call("a", NOW - 30, "1"), call("b", NOW - 20, "2"), call("c", NOW - 10, "4"));
    let all = [a.clone(), b.clone(), c.clone()];
    let mut desk = Desk::new();
    desk.round(NOW, &[GatewayFact::Calls(all.to_vec())]);
    // Who asks only for what is new misses nothing.
    desk.round(NOW, &[GatewayFact::Calls(vec![c.clone()]), GatewayFact::AllCalls { from: NOW - 100, to: NOW }]);
    assert_eq!((desk.calls().len(), desk.gone()), (3, vec![]));
    // Nor what lies outside of what was read again; a window's end is outside.
    desk.read_whole((NOW - 30, NOW - 20), std::slice::from_ref(&a));
    assert_eq!((desk.calls().len(), desk.gone()), (3, vec![]));
    desk.read_whole((NOW - 100, NOW), &[a.clone(), c.clone()]);
    assert_eq!((desk.calls(), desk.gone()), (vec!["a".to_owned(), "c".to_owned()], vec!["b".to_owned()]));
    assert_eq!(desk.books.gone(TEAM, Window::ALL, None).unwrap(), std::slice::from_ref(&b), "what it was is known still");
    let spent = desk.books.spend_of(TEAM, "ann", Window::ALL).unwrap();
    assert_eq!(spent, usd("5"), "what is gone is not counted");
    // What comes back is there again.
    desk.round(NOW, &[GatewayFact::Calls(vec![b])]);
    assert_eq!((desk.calls().len(), desk.gone()), (3, vec![]));
    desk.read_whole((NOW - 100, NOW), &[]);
    assert_eq!((desk.calls(), desk.gone().len()), (vec![], 3));
    desk.read_whole((NOW - 100, NOW), &all);
    assert_eq!((desk.calls().len(), desk.gone()), (3, vec![]));
}

#[test]
fn a_users_calls_of_a_time_are_added_up() {
    let mut desk = Desk::new();
    let bobs = GatewayCall { user: some("bob"), ..call("c", NOW - 15, "100") };
    desk.round(NOW, &[GatewayFact::Calls(vec![call("a", NOW - 20, "1.000000001"), call("b", NOW - 10, "2"), bobs])]);
    let spent = |from, to| desk.books.spend_of(TEAM, "ann", Window { from, to }).unwrap();
    assert_eq!(spent(NOW - 20, NOW - 10), usd("1.000000001"));
    assert_eq!(spent(NOW - 20, NOW), usd("3.000000001"));
    assert_eq!(spent(NOW, NOW + 1), Money::ZERO);
    assert_eq!(desk.books.spend_of("other", "ann", Window::ALL).unwrap(), Money::ZERO);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_books() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut desk = Desk::new();
    desk.round(NOW, &facts());
    let mut names = Vec::new();
    for entry in fs::read_dir(desk.dir.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        names.push(entry.file_name().into_string().unwrap());
    }
    assert!(names.contains(&FILE.to_owned()) && names.len() > 1, "{names:?}");
    assert!(names.iter().all(|name| name.starts_with(FILE)), "{names:?}");
}

#[test]
fn books_that_are_damaged_are_moved_aside_and_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    assert!(Books::open_existing(dir.path(), Duration::from_secs(5)).unwrap().is_none(), "looking makes none");
    fs::write(dir.path().join(FILE), "no database ".repeat(1000)).unwrap();
    let (mut books, notice) = Books::open(dir.path(), Duration::from_secs(5)).unwrap();
    let notice = notice.unwrap();
    assert!(notice.contains("damaged") && notice.contains("asked anew") && !notice.contains('\n'), "{notice}");
    assert_eq!(books.begin_round(TEAM, URL, "litellm", None, NOW).unwrap(), 1);
    drop(books);
    assert_eq!(open(&dir).accounts().unwrap().len(), 1, "the next one finds nothing wrong");
}

#[test]
fn books_of_a_newer_release_are_refused_in_words_and_left_alone() {
    let desk = Desk::new();
    let path = desk.dir.path().join(FILE);
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Books::open(desk.dir.path(), Duration::from_secs(5)).map(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }) && error.to_string().contains("newer aifinops"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn whoever_looks_on_hears_of_a_change() {
    let mut desk = Desk::new();
    let reader = open(&desk.dir);
    let before = reader.data_version();
    assert_eq!(reader.data_version(), before);
    desk.round(NOW, &facts());
    assert_ne!(reader.data_version(), before);
}

#[test]
fn ones_own_spend_is_whose_the_settings_say_or_else_the_keys_users() {
    let own = |user: &str, me: Option<Me>| Account { user: some(user), me, ..Account::default() }.own_user();
    assert_eq!(own("", None), None);
    assert_eq!(own("", Some(me())), some("ann"));
    assert_eq!(own("bob", Some(me())), some("bob"));
    // A key that sees everybody is not the one that agents use.
    assert_eq!(own("", Some(Me { sees_all: true, ..me() })), None);
    assert_eq!(own("bob", Some(Me { sees_all: true, ..me() })), some("bob"));
}

#[test]
fn what_only_a_gateway_knows_is_said_anew_from_an_instant_on() {
    let mut desk = Desk::new();
    desk.books.set_extras(TEAM, 0, &[extra("a", 100), extra("b", 200)]).unwrap();
    desk.books.set_extras("other", 0, &[extra("a", 150)]).unwrap();
    desk.books.set_extras(TEAM, 200, &[extra("c", 300)]).unwrap();
    let found = |gateway, from, to| {
        let mut extras = desk.books.extras(gateway, Window { from, to }).unwrap();
        extras.sort_by_key(|extra| extra.at);
        extras
    };
    assert_eq!(found(TEAM, 0, 1000), [extra("a", 100), extra("c", 300)]);
    assert_eq!(found(TEAM, 100, 300), [extra("a", 100)]);
    assert_eq!(found("other", 0, 1000), [extra("a", 150)], "of another gateway, whatever becomes of this one's");
}

#[test]
fn a_gateways_word_on_a_call_is_kept_for_forty_days() {
    let desk = Desk::new();
    let word = |call: &str, at: Millis| Word {
        call: call.to_owned(),
        at,
        agent: "claude-code".to_owned(),
        session: some("s-1"),
        model: some("m"),
        version: some("1.106.2"),
        spend: Some(usd("0.000000001")),
        retries: Some(2),
        status: 200,
    };
    let silent = Word { session: None, model: None, version: None, spend: None, retries: None, status: 422, ..word("b", NOW + 1) };
    for word in [word("old", NOW - 41 * DAY), word("a", NOW - 39 * DAY), word("a", NOW), silent.clone()] {
        desk.books.keep_word(&word).unwrap();
    }
    assert_eq!(desk.books.words(Window::ALL).unwrap(), [word("a", NOW), silent]);
    assert_eq!(desk.books.words(Window { from: NOW, to: NOW + 1 }).unwrap(), [word("a", NOW)]);
}

/// A row of a few users, teams, keys and models on a few days.
fn row() -> impl Strategy<Value = DaySpend> {
    let place = (TODAY - 3..=TODAY, 0..3_usize, 0..2_usize, 0..3_usize, 0..3_usize);
    let counts = (0..1000_u64, 0..1000_u64, 0..1000_u64, 0..1000_u64, 0..1000_u64);
    (place, prop::option::weighted(0.8, 0..5_000_000_000_i64), 0..9_u64, 0..9_u64, counts).prop_map(
        |((day, user, team, key, model), nanos, requests, failed, counts)| {
            let (input, cache_read, short, long, output) = counts;
            let one_of = |names: &[&str], at: usize| some(names[at]);
            DaySpend {
                day,
                user: one_of(&["", "ann", "bob"], user),
                team: one_of(&["", "t-web"], team),
                key: one_of(&["", "k1", "k2"], key),
                model: one_of(&["", "m1", "m2"], model),
                spend: nanos.map(Money::from_nanos),
                requests,
                failed,
                tokens: Tokens { input, cache_read, cache_write_5m: short, cache_write_1h: long, output, reasoning: 5 },
            }
        },
    )
}

/// What some rows add up to, by one of their names.
fn by_hand<'a>(rows: impl Iterator<Item = &'a DaySpend>, name: impl Fn(&DaySpend) -> Option<&String>) -> BTreeMap<String, SpendSum> {
    let mut sums: BTreeMap<String, SpendSum> = BTreeMap::new();
    for row in rows {
        let sum = sums.entry(name(row).cloned().unwrap_or_default()).or_default();
        if let Some(spend) = row.spend {
            sum.spend = Some(sum.spend.unwrap_or_default() + spend);
        }
        sum.requests += row.requests;
        sum.failed += row.failed;
        sum.tokens += row.tokens.total();
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn sums_are_those_of_the_rows(rows in prop::collection::vec(row(), 0..30), from in TODAY - 4..=TODAY, length in 0..5_i64) {
        let mut desk = Desk::new();
        desk.round(NOW, &[GatewayFact::Days { from: TODAY - 9, to: TODAY, rows: rows.clone() }]);
        let span = (from, from + length);
        let inside = || rows.iter().filter(move |row| (span.0..=span.1).contains(&row.day));
        let sums = |whose| desk.books.sums(TEAM, whose, span).unwrap();
        prop_assert_eq!(sums(Whose::User), by_hand(inside(), |row| row.user.as_ref()));
        prop_assert_eq!(sums(Whose::Team), by_hand(inside(), |row| row.team.as_ref()));
        prop_assert_eq!(sums(Whose::Key), by_hand(inside(), |row| row.key.as_ref()));
        prop_assert_eq!(sums(Whose::Model), by_hand(inside(), |row| row.model.as_ref()));
        let anns = inside().filter(|row| row.user.as_deref() == Some("ann"));
        let within = |whose, id| desk.books.sums_within(TEAM, whose, id, span).unwrap();
        prop_assert_eq!(within(Whose::User, "ann"), by_hand(anns, |row| row.model.as_ref()));
        let of_model = inside().filter(|row| row.model.as_deref() == Some("m1"));
        prop_assert_eq!(within(Whose::Model, "m1"), by_hand(of_model, |row| row.user.as_ref()));
        let nobodys = inside().filter(|row| row.key.is_none());
        prop_assert_eq!(within(Whose::Key, ""), by_hand(nobodys, |row| row.model.as_ref()));
    }
}

#[test]
fn spend_that_names_no_user_is_the_keys_users() {
    let mut desk = Desk::new();
    let of_key = |key: &str, user: &str, spend: &str| DaySpend { key: some(key), ..day(TODAY, user, "m", spend) };
    let names = vec![named(Whose::Key, ANN_KEY, "ann-laptop", "", "ann"), named(Whose::Key, CI_KEY, "ci-bot", "t-web", "")];
    let rows =
        vec![of_key(ANN_KEY, "", "1"), of_key(ANN_KEY, "bob", "2"), of_key(CI_KEY, "", "4"), of_key("?", "", "8"), of_key("", "", "16")];
    desk.round(NOW, &[days(rows), GatewayFact::Names(names)]);
    let spend = |text: &str| Some(usd(text));
    assert_eq!(desk.spends(), [(String::new(), spend("28")), ("ann".to_owned(), spend("1")), ("bob".to_owned(), spend("2"))]);
    let anns = desk.books.sums_within(TEAM, Whose::User, "ann", DAYS).unwrap();
    assert_eq!(anns["m"].spend, spend("1"));
}

#[test]
fn a_gateway_that_tells_no_money_has_spent_nobody_knows_what() {
    let mut desk = Desk::new();
    desk.round(NOW, &[days(vec![DaySpend { spend: None, ..day(TODAY, "ann", "m", "0") }, day(TODAY, "bob", "m", "0")])]);
    assert_eq!(desk.spends(), [("ann".to_owned(), None), ("bob".to_owned(), Some(Money::ZERO))]);
}

#[test]
fn refusals_for_want_of_a_budget_are_counted_while_they_are_there() {
    let mut desk = Desk::new();
    let refused = |id: &str, at, user: &str| GatewayCall { user: some(user), failed: true, over_budget: true, ..call(id, at, "0") };
    let calls = [refused("a", NOW - 20, "ann"), refused("b", NOW - 10, "ann"), refused("c", NOW - 10, ""), call("d", NOW - 10, "1")];
    desk.round(NOW, &[GatewayFact::Calls(calls.to_vec())]);
    let counted = |desk: &Desk, from| desk.books.over_budget(TEAM, Whose::User, Window { from, to: NOW }).unwrap();
    assert_eq!(counted(&desk, 0), BTreeMap::from([("ann".to_owned(), 2), (String::new(), 1)]));
    assert_eq!(counted(&desk, NOW - 10), BTreeMap::from([("ann".to_owned(), 1), (String::new(), 1)]));
    desk.read_whole((NOW - 100, NOW), &calls[1..]);
    assert_eq!(counted(&desk, 0), BTreeMap::from([("ann".to_owned(), 1), (String::new(), 1)]));
}

#[test]
fn figures_are_old_once_two_rounds_at_the_gateway_s_own_pace_have_not_come() {
    const MINUTE: Millis = 60_000;
    let mut desk = Desk::new();
    let at = |desk: &Desk, minutes: Millis| desk.books.account(TEAM).unwrap().unwrap_or_default().freshness(NOW + minutes * MINUTE);
    assert_eq!(at(&desk, 0), Freshness::Never);
    let round = desk.begin(NOW);
    desk.books.fail_round(TEAM, "no route to host", NOW).unwrap();
    assert_eq!(at(&desk, 0), Freshness::Failed);
    // A gateway that says nothing of its pace is asked each two minutes.
    desk.books.end_round(TEAM, round, NOW, &[]).unwrap();
    assert_eq!((at(&desk, 5), at(&desk, 6)), (Freshness::Fresh, Freshness::Old));
    // One that is asked each hour is not old after ten minutes.
    desk.round(NOW, &[GatewayFact::Remember("every", (60 * MINUTE).to_string())]);
    assert_eq!((at(&desk, 10), at(&desk, 121), at(&desk, 122)), (Freshness::Fresh, Freshness::Fresh, Freshness::Old));
    desk.begin(NOW);
    desk.books.fail_round(TEAM, "no route to host", NOW).unwrap();
    assert_eq!(at(&desk, 1), Freshness::Stale);
}
