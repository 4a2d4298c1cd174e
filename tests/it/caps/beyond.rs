//! What gateways know beyond the logs counts under caps; and a budget at a gateway is a cap like the others.

use std::time::Duration;

use aifinops::budgets::{self, Assumed, Spend, Standing};
use aifinops::engine::ingest::Ingest;
use aifinops::gateways::DAY;
use aifinops::model::cap::{Cap, GATEWAY_PREFIX, Scope, Span};
use aifinops::model::time::HOUR;
use aifinops::model::{GatewayBudget, GatewayCall, GatewayFact, Me, Millis, Money, Named, Whose, Window, Zone};
use aifinops::query::caps::{Asking, Beyond, Focus, OwnBudget, standings};
use aifinops::store::books::Extra;
use aifinops::store::{Books, Store};
use chrono::Weekday;
use tempfile::TempDir;

use super::{cap, usd};
use crate::logs::{Home, answer, append, scan, stamp, uuid};

/// A Monday in March, 8:00 UTC.
fn begin() -> Millis {
    chrono::DateTime::parse_from_rfc3339(&stamp(0)).unwrap().timestamp_millis()
}

/// The midnight before.
fn midnight() -> Millis {
    begin() - 8 * HOUR
}

fn now() -> Millis {
    begin() + 100_000
}

/// Logs of so many calls of Claude Code's in the directory `app`, of $0.015 and a little each.
fn logs(calls: u64) -> Ingest {
    let home = Home::new();
    let uid = uuid(1, 1);
    for n in 1..=calls {
        append(&home.claude(&uid), answer(&uid, n, n, 1000, None) + "\n");
    }
    let mut ingest = home.reader(Store::in_memory().unwrap());
    scan(&mut ingest);
    ingest
}

fn ask(logs: &Ingest, caps: &[Cap], beyond: &Beyond, now: Millis) -> Vec<Standing> {
    asked_by(logs, caps, beyond, now, None)
}

fn asked_by(logs: &Ingest, caps: &[Cap], beyond: &Beyond, now: Millis, focus: Option<&Focus>) -> Vec<Standing> {
    let asking = Asking { caps, raises: &[], beyond, assumed: Assumed::default(), week_start: Weekday::Mon, now, zone: Zone::UTC };
    standings(&logs.store, &asking, focus).unwrap()
}

/// What the logs say alone of the day.
fn logged(logs: &Ingest) -> Money {
    ask(logs, &[cap("100", Span::Day)], &Beyond::default(), now())[0].spend.known
}

/// A call of a dollar that no log knows.
fn extra(agent: Option<&str>, model: Option<&str>, at: Millis) -> Extra {
    let (agent, model) = (agent.map(str::to_owned), model.map(str::to_owned));
    Extra { id: "x".to_owned(), at, agent, session: None, model, money: usd("1"), tokens: 500 }
}

fn extras(extras: Vec<Extra>) -> Beyond {
    Beyond { extras, budgets: Vec::new(), ..Beyond::default() }
}

fn claudes(at: Millis) -> Beyond {
    extras(vec![extra(Some("claude-code"), Some("anthropic/claude-sonnet-4-5"), at)])
}

fn scoped(agent: &str, project: &str, model: &str) -> Cap {
    let part = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    Cap { scope: Scope { agent: part(agent), project: part(project), model: part(model) }, ..cap("100", Span::Day) }
}

/// A day's budget of Ann's.
fn budget(whose: Whose, limit: &str, spent: &str) -> GatewayBudget {
    GatewayBudget {
        whose,
        id: "ann".to_owned(),
        team: None,
        limit: Some(usd(limit)),
        spent: Some(usd(spent)),
        period: Some("1d".to_owned()),
        since: Some(midnight()),
        resets_at: Some(midnight() + DAY),
        blocked: false,
    }
}

/// One for good.
fn for_good(budget: GatewayBudget) -> GatewayBudget {
    GatewayBudget { period: None, since: None, resets_at: None, ..budget }
}

/// Budgets, when the gateway has told of own calls of so much.
fn held(calls: Money, budgets: Vec<GatewayBudget>) -> Beyond {
    let own = |budget| OwnBudget { gateway: "team".to_owned(), budget, calls: Some(calls) };
    Beyond { budgets: budgets.into_iter().map(own).collect(), ..Beyond::default() }
}

/// How the only budget stands.
fn held_to(logs: &Ingest, beyond: &Beyond) -> Standing {
    let mut all = ask(logs, &[], beyond, now());
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

#[test]
fn a_call_that_only_a_gateway_knows_counts_under_the_caps_that_cover_it() {
    let logs = logs(10);
    let known = claudes(now() - 1000);
    let nobodys = extras(vec![extra(None, None, now() - 1000)]);
    for (scope, beyond, counts) in [
        (scoped("", "", ""), &known, true),
        (scoped("claude-code", "", ""), &known, true),
        (scoped("codex", "", ""), &known, false),
        (scoped("", "", "sonnet"), &known, true),
        (scoped("", "", "claude-sonnet-*"), &known, true),
        (scoped("", "", "opus"), &known, false),
        (scoped("claude-code", "", "sonnet"), &known, true),
        // Of a call without a log nobody knows the project, so it is nobody's.
        (scoped("", "app", ""), &known, false),
        (scoped("", "*", ""), &known, false),
        // What is not known of it is no way out of a cap; but whose it is nobody knows.
        (scoped("", "", ""), &nobodys, true),
        (scoped("", "", "opus"), &nobodys, true),
        (scoped("claude-code", "", ""), &nobodys, false),
    ] {
        let of = |beyond: &Beyond| ask(&logs, std::slice::from_ref(&scope), beyond, now())[0].spend;
        let mut expected = of(&Beyond::default());
        if counts {
            expected.add(&Spend { known: usd("1"), tokens: 500, steps: 1, ..Spend::default() });
        }
        assert_eq!(of(beyond), expected, "{}", scope.scope);
    }
}

#[test]
fn what_a_gateway_says_a_logged_call_cost_more_is_no_call_of_its_own() {
    let logs = logs(10);
    let dearer = extras(vec![Extra { tokens: 0, ..extra(Some("claude-code"), None, now()) }]);
    let all = [cap("100", Span::Day), cap("11 steps", Span::Day), cap("100M tokens", Span::Day)];
    let (with, without) = (ask(&logs, &all, &dearer, now()), ask(&logs, &all, &Beyond::default(), now()));
    assert_eq!(with[0].spent().count, without[0].spent().count + usd("1").nanos());
    assert_eq!((with[1].spent(), with[2].spent()), (without[1].spent(), without[2].spent()));
}

#[test]
fn it_counts_in_the_days_weeks_and_months_that_it_began_in() {
    let logs = logs(1);
    let spans = [Span::Day, Span::Week, Span::Month, Span::Session, Span::Task];
    let caps = spans.map(|span| cap("100", span));
    let without = ask(&logs, &caps, &Beyond::default(), now());
    // The day is a Monday, and the one before it the first of the month.
    for (at, counts) in [
        (midnight(), [true, true, true]),
        (midnight() + DAY - 1, [true, true, true]),
        (midnight() + DAY, [false, true, true]),
        (midnight() - 1, [false, false, true]),
        (midnight() - DAY, [false, false, true]),
        (midnight() - DAY - 1, [false, false, false]),
    ] {
        let with = ask(&logs, &caps, &claudes(at), now());
        let more: Vec<Money> = with.iter().zip(&without).map(|(with, without)| with.spend.known - without.spend.known).collect();
        let expected: Vec<Money> = counts.map(|counts| if counts { usd("1") } else { Money::ZERO }).to_vec();
        assert_eq!(&more[..3], expected.as_slice(), "{}", (at - midnight()) / HOUR);
        assert_eq!(more[3..], [Money::ZERO; 2], "a session and a task are what their log says");
    }
}

#[test]
fn it_stops_an_agent_as_what_is_logged_does() {
    let logs = logs(10);
    for (limit, alone, with) in [("1", false, true), ("2", false, false), ("11 steps", false, true), ("12 steps", false, false)] {
        let caps = [cap(limit, Span::Day)];
        assert_eq!(ask(&logs, &caps, &Beyond::default(), now())[0].halts(), alone, "{limit}");
        assert_eq!(ask(&logs, &caps, &claudes(now()), now())[0].halts(), with, "{limit}");
    }
}

#[test]
fn a_budget_stands_at_the_larger_of_what_gateway_and_logs_say() {
    let logs = logs(10);
    let said = logged(&logs);
    assert!(said > usd("0.15") && said < usd("0.16"), "{said}");
    let exact = said.exact();
    for (counted, calls, expected) in [
        // Nothing has come through yet.
        ("0", Money::ZERO, said),
        // Both say the same.
        (exact.as_str(), said, said),
        // It says that the same calls were dearer.
        ("2", usd("2"), usd("2")),
        // It knows of some only: the others went around it.
        ("0.05", usd("0.05"), said),
        // It has set its own figure back: from then on that one counts.
        ("0", said, Money::ZERO),
        ("0.01", said, usd("0.01")),
        // It has counted before that budget, or for another machine, what no call tells.
        ("7", said, usd("7")),
    ] {
        for whose in [Whose::User, Whose::Key, Whose::Member] {
            let standing = held_to(&logs, &held(calls, vec![budget(whose, "10", counted)]));
            assert_eq!(standing.spend.money(), expected, "{counted} of {calls}, of a {}", whose.word());
        }
    }
    // What went through it without a log is in its figure already, and is not counted once more.
    let unseen = Beyond { extras: claudes(now()).extras, ..held(said + usd("1"), vec![budget(Whose::User, "10", "1.5")]) };
    assert_eq!(held_to(&logs, &unseen).spend.money(), usd("1.5"));
}

#[test]
fn a_call_whose_price_the_gateway_alone_knows_is_spent_once() {
    let home = Home::new();
    let uid = uuid(1, 1);
    for n in 1..=10 {
        append(&home.claude(&uid), answer(&uid, n, n, 1000, None).replace("claude-sonnet-4-5", "a-model-of-nobodys") + "\n");
    }
    let mut logs = home.reader(Store::in_memory().unwrap());
    scan(&mut logs);
    let assumed = ask(&logs, &[cap("100", Span::Day)], &Beyond::default(), now())[0].spend;
    assert!(assumed.known == Money::ZERO && assumed.assumed > usd("0.1"), "{assumed:?}");
    let exact = assumed.assumed.exact();
    for (counted, calls, expected) in [("0", "0", exact.as_str()), ("0.1", "0.1", exact.as_str()), ("9", "9", "9")] {
        for tells in [true, false] {
            let mut beyond = held(usd(calls), vec![budget(Whose::User, "10", counted)]);
            if !tells {
                beyond.budgets[0].calls = None;
            }
            assert_eq!(held_to(&logs, &beyond).spend.money(), usd(expected), "{counted} at the gateway; it tells calls: {tells}");
        }
    }
}

#[test]
fn a_teams_budget_is_what_the_gateway_says_of_it() {
    let logs = logs(10);
    for spent in ["0", "0.01", "7"] {
        let standing = held_to(&logs, &held(Money::ZERO, vec![budget(Whose::Team, "10", spent)]));
        assert_eq!(standing.spend.money(), usd(spent), "others spend it too");
    }
}

#[test]
fn a_budget_is_a_cap_that_nobody_raises_here() {
    let logs = logs(1);
    let budgets = [Whose::User, Whose::Key, Whose::Member, Whose::Team].map(|whose| budget(whose, "10", "1"));
    let told = ask(&logs, &[], &held(Money::ZERO, budgets.to_vec()), now());
    let names: Vec<&str> = told.iter().map(|standing| standing.cap.name.as_str()).collect();
    assert_eq!(names, ["gateway.team", "gateway.team.key", "gateway.team.member", "gateway.team.team"]);
    for standing in &told {
        let cap = &standing.cap;
        assert!(cap.name.starts_with(GATEWAY_PREFIX) && cap.managed && cap.scope.is_everything() && cap.has_teeth());
        assert_eq!((cap.gateway.as_deref(), cap.words().as_str()), (Some("team"), "budget of $10.00 at the gateway team"));
        assert_eq!(standing.window, Window { from: midnight(), to: midnight() + DAY });
    }
    for (period, span) in [
        ("1d", Span::Day),
        ("24h", Span::Day),
        ("90m", Span::Day),
        ("7d", Span::Week),
        ("1w", Span::Week),
        ("week", Span::Week),
        ("month", Span::Month),
        ("30d", Span::Month),
        ("1mo", Span::Month),
    ] {
        let budget = GatewayBudget { period: Some(period.to_owned()), ..budget(Whose::User, "10", "1") };
        assert_eq!(held_to(&logs, &held(Money::ZERO, vec![budget])).cap.span, span, "{period}");
    }
    let without = GatewayBudget { limit: None, ..budget(Whose::User, "10", "1") };
    assert_eq!(ask(&logs, &[], &held(Money::ZERO, vec![without]), now()), []);
}

#[test]
fn whichever_has_less_left_binds() {
    let logs = logs(10);
    let day = [cap("1", Span::Day)];
    for (limit, spent, binds, halts) in [
        ("10", "1", "day", false),
        ("5", "0.5", "day", false),
        ("10", "9", "gateway.team", false),
        ("10", "9.999999999", "gateway.team", false),
        ("10", "10", "gateway.team", true),
        ("10", "25", "gateway.team", true),
    ] {
        let told = ask(&logs, &day, &held(logged(&logs), vec![budget(Whose::User, limit, spent)]), now());
        assert_eq!(told[1].left().count, (usd(limit) - usd(spent)).max(Money::ZERO).nanos(), "{spent} of {limit}");
        assert_eq!(budgets::binding(&told).unwrap().cap.name, binds, "{spent} of {limit}");
        let verdict = budgets::verdict(&told).map(|standing| standing.cap.name.as_str());
        assert_eq!((told[1].halts(), verdict), (halts, halts.then_some("gateway.team")), "{spent} of {limit}");
    }
    // Where the gateway has counted nothing yet, the logs know better.
    let told = ask(&logs, &day, &held(Money::ZERO, vec![budget(Whose::User, "0.1", "0")]), now());
    assert_eq!(budgets::verdict(&told).unwrap().cap.name, "gateway.team");
}

#[test]
fn a_budget_holds_whoever_asks() {
    let logs = logs(1);
    let focus = Focus { session: None, uid: None, agent: "codex".to_owned(), cwd: Some("/code/other".to_owned()), model: None };
    let beyond = held(Money::ZERO, vec![budget(Whose::User, "10", "10")]);
    let told = asked_by(&logs, &[scoped("claude-code", "", "")], &beyond, now(), Some(&focus));
    assert_eq!(told.iter().map(|standing| standing.cap.name.as_str()).collect::<Vec<_>>(), ["gateway.team"]);
    assert!(told[0].halts());
}

/// A budget of a day's length that ended then, with all of it used up.
fn ended(end: Millis) -> GatewayBudget {
    GatewayBudget { since: Some(end - DAY), resets_at: Some(end), ..budget(Whose::User, "10", "10") }
}

#[test]
fn a_period_that_is_over_starts_anew_before_the_gateway_says_so() {
    let logs = logs(10);
    let said = logged(&logs);
    // It ended at midnight, or at the moment before the first call.
    for end in [midnight(), begin()] {
        let standing = held_to(&logs, &held(Money::ZERO, vec![ended(end)]));
        assert_eq!(standing.window, Window { from: end, to: end + DAY });
        assert_eq!((standing.spend.money(), standing.halts()), (said, false), "what was spent since");
    }
    // It ends now, after all of the calls: they are of the last one. A moment before it still holds.
    let end = begin() + HOUR;
    let at = |now| ask(&logs, &[], &held(Money::ZERO, vec![ended(end)]), now).remove(0);
    assert_eq!((at(end).spend.money(), at(end).halts()), (Money::ZERO, false));
    assert!(at(end - 1).halts());
}

#[test]
fn the_period_of_a_gateway_that_was_not_asked_for_days_is_the_running_one() {
    let logs = logs(10);
    let said = logged(&logs);
    for days in [2, 3, 30] {
        let standing = held_to(&logs, &held(Money::ZERO, vec![ended(midnight() - days * DAY)]));
        assert_eq!(standing.window, Window { from: midnight(), to: midnight() + DAY }, "{days} days later");
        assert_eq!(standing.spend.money(), said, "{days} days later");
    }
}

#[test]
fn a_budget_without_a_period_never_resets_and_says_so() {
    let logs = logs(10);
    let standing = held_to(&logs, &held(Money::ZERO, vec![for_good(budget(Whose::User, "5", "5"))]));
    // How long it has been spent nobody knows: only the gateway does.
    assert_eq!((standing.spend.money(), standing.halts()), (usd("5"), true));
    assert_eq!(budgets::resets(&standing, Zone::UTC), "does not reset");
    assert_eq!(
        budgets::halt_text(&standing, Zone::UTC),
        "aifinops: $5.00 of $5.00 spent: the budget at the gateway team is used up and does not reset. \
         Who looks after the gateway can raise it: aifinops gateway cap set"
    );
    assert_eq!((budgets::time_left(&standing, now()), standing.ends()), (None, None));
    assert_eq!(budgets::resets_in(&standing, now()), "never");
    let little = held_to(&logs, &held(Money::ZERO, vec![for_good(budget(Whose::User, "5", "0"))]));
    assert_eq!((little.spend.money(), little.halts()), (Money::ZERO, false));
}

/// A forecast of a window without an end would look at every day until the end of time.
#[test]
fn a_budget_without_a_period_is_not_foretold() {
    let logs = logs(10);
    let beyond = held(Money::ZERO, vec![for_good(budget(Whose::User, "5", "1"))]);
    let caps = [Cap::new("day", aifinops::model::cap::Amount::money(usd("20")), Span::Day)];
    let asking = Asking {
        caps: &caps,
        raises: &[],
        beyond: &beyond,
        assumed: Assumed::default(),
        week_start: Weekday::Mon,
        now: now(),
        zone: Zone::UTC,
    };
    let ahead = aifinops::query::forecast::forecast(&logs.store, &asking).unwrap();
    assert_eq!(ahead.caps.iter().map(|cap| &*cap.standing.cap.name).collect::<Vec<_>>(), ["day"]);
}

#[test]
fn what_people_read_says_when_the_period_ends() {
    let logs = logs(10);
    let zurich = Zone::named("Europe/Zurich").unwrap();
    let standing = held_to(&logs, &held(logged(&logs), vec![budget(Whose::User, "5", "6.5")]));
    assert_eq!(
        budgets::halt_text(&standing, Zone::UTC),
        "aifinops: $6.50 of $5.00 spent: the budget at the gateway team is used up and resets at midnight (Tue 3 Mar 00:00). \
         Who looks after the gateway can raise it: aifinops gateway cap set"
    );
    assert_eq!(budgets::resets(&standing, zurich), "resets (Tue 3 Mar 01:00)", "the gateway's midnight is not the viewer's");
    assert_eq!(budgets::time_left(&standing, midnight() + 20 * HOUR).as_deref(), Some("4h 00m"));
}

/// Books of one gateway.
struct Desk {
    _dir: TempDir,
    books: Books,
}

impl Desk {
    fn new(user: Option<&str>, facts: &[GatewayFact]) -> Desk {
        let dir = tempfile::tempdir().unwrap();
        let (mut books, _) = Books::open(dir.path(), Duration::from_secs(5)).unwrap();
        let round = books.begin_round("team", "https://gateway.example.com", "litellm", user, now()).unwrap();
        books.take("team", round, facts, false).unwrap();
        books.end_round("team", round, now(), &[]).unwrap();
        Desk { _dir: dir, books }
    }

    fn read(&self) -> Beyond {
        Beyond::read(&self.books, &["team".to_owned()], midnight(), now()).unwrap()
    }

    /// Whose budgets, and which, are one's own.
    fn own(&self) -> Vec<String> {
        self.read().budgets.iter().map(|own| format!("{} {}", own.budget.whose.word(), own.budget.id)).collect()
    }
}

fn key_of(team: Option<&str>) -> GatewayFact {
    let (id, user, team) = ("k".to_owned(), Some("ann".to_owned()), team.map(str::to_owned));
    GatewayFact::Names(vec![Named { whose: Whose::Key, id, name: None, team, user }])
}

fn me(sees_all: bool) -> GatewayFact {
    GatewayFact::Me(Me { user: Some("ann".to_owned()), key: Some("k".to_owned()), sees_all, ..Me::default() })
}

/// Budgets of everybody and everything.
fn everybodys() -> GatewayFact {
    let of = |whose, id: &str, team: Option<&str>| GatewayBudget {
        id: id.to_owned(),
        team: team.map(str::to_owned),
        ..budget(whose, "10", "1")
    };
    GatewayFact::Budgets(vec![
        of(Whose::User, "ann", None),
        of(Whose::User, "bob", None),
        of(Whose::Key, "k", None),
        of(Whose::Key, "k2", None),
        of(Whose::Team, "t-web", None),
        of(Whose::Team, "t-ops", None),
        of(Whose::Member, "ann", Some("t-web")),
        of(Whose::Member, "ann", Some("t-ops")),
        of(Whose::Member, "bob", Some("t-web")),
        of(Whose::Customer, "ann", None),
        of(Whose::Tag, "ann", None),
        of(Whose::Organization, "ann", None),
    ])
}

#[test]
fn ones_own_budgets_are_those_that_the_key_is_held_to() {
    let own = |user: Option<&str>, sees_all, team: Option<&str>| {
        let mut told = Desk::new(user, &[me(sees_all), key_of(team), everybodys()]).own();
        told.sort_unstable();
        told
    };
    assert_eq!(own(None, false, None), ["key k", "user ann"]);
    // A key of a team obeys the team's budgets and the member's, and not its user's own.
    assert_eq!(own(None, false, Some("t-web")), ["key k", "member ann", "team t-web"]);
    assert_eq!(own(Some("bob"), false, Some("t-web")), ["key k", "member bob", "team t-web"]);
    // A key that sees everybody is not the one that agents use: the settings name the user.
    assert_eq!(own(None, true, Some("t-web")), Vec::<String>::new());
    assert_eq!(own(Some("bob"), true, None), ["member bob", "user bob"]);
    assert_eq!(own(Some("eve"), true, None), Vec::<String>::new());
}

#[test]
fn what_is_known_beyond_the_logs_is_read_of_the_gateways_that_are_set() {
    let call = |id: &str, at, spend: &str, user: &str| GatewayCall {
        id: id.to_owned(),
        at,
        ended: at,
        user: Some(user.to_owned()),
        spend: usd(spend),
        ..GatewayCall::default()
    };
    let calls = vec![
        call("a", midnight() - 1, "100", "ann"),
        call("b", midnight(), "1", "ann"),
        call("c", now(), "2.5", "ann"),
        call("d", now(), "50", "bob"),
    ];
    let whole = GatewayFact::AllCalls { from: midnight() - DAY, to: now() };
    let mut desk = Desk::new(None, &[me(false), key_of(None), everybodys(), GatewayFact::Calls(calls), whole]);
    desk.books
        .set_extras("team", 0, &[extra(None, None, midnight() - 1), Extra { id: "y".to_owned(), ..extra(None, None, midnight()) }])
        .unwrap();
    let told = desk.read();
    assert_eq!(told.budgets.iter().map(|own| (own.gateway.as_str(), own.calls)).collect::<Vec<_>>(), [("team", Some(usd("3.5"))); 2]);
    assert_eq!(told.extras.iter().map(|extra| extra.id.as_str()).collect::<Vec<_>>(), ["y"]);
    assert_eq!(Beyond::read(&desk.books, &["other".to_owned()], midnight(), now()).unwrap().budgets, []);
}

#[test]
fn a_call_that_two_gateways_have_seen_is_one_call() {
    let mut desk = Desk::new(None, &[me(false)]);
    let round = desk.books.begin_round("traces", "https://traces.example.com", "langfuse", Some("ann"), now()).unwrap();
    let call =
        |id: &str, answer: &str| GatewayCall { id: id.to_owned(), answer: Some(answer.to_owned()), at: now(), ..GatewayCall::default() };
    // Each calls it by a name of its own; the provider's is the same.
    desk.books.take("team", 1, &[GatewayFact::Calls(vec![call("row-1", "msg_1"), call("row-2", "msg_1")])], false).unwrap();
    desk.books.take("traces", round, &[GatewayFact::Calls(vec![call("time_msg_1", "msg_1")])], false).unwrap();
    let of = |id: &str, money: &str| Extra { id: id.to_owned(), money: usd(money), ..extra(None, None, now()) };
    desk.books.set_extras("team", 0, &[of("row-1", "1"), of("msg_2", "2")]).unwrap();
    desk.books.set_extras("traces", 0, &[of("time_msg_1", "1.5"), of("msg_2", "1"), of("msg_3", "4")]).unwrap();
    let gateways = ["team", "traces"].map(str::to_owned);
    let told = Beyond::read(&desk.books, &gateways, midnight(), now()).unwrap().extras;
    let mut told: Vec<_> = told.iter().map(|extra| (extra.id.as_str(), extra.money)).collect();
    told.sort_unstable();
    assert_eq!(told, [("msg_2", usd("2")), ("msg_3", usd("4")), ("time_msg_1", usd("1.5"))], "the larger amount counts");
    // Of one gateway two rows are two.
    desk.books.set_extras("team", 0, &[of("row-1", "1"), of("row-2", "1")]).unwrap();
    let told = Beyond::read(&desk.books, &gateways[..1], midnight(), now()).unwrap().extras;
    assert_eq!(told.len(), 2);
}

#[test]
fn of_a_gateway_that_tells_no_single_calls_the_larger_figure_counts() {
    let logs = logs(10);
    let said = logged(&logs);
    // It has counted the very calls that the logs show.
    let same = GatewayBudget { spent: Some(said), ..budget(Whose::User, "10", "0") };
    let dearer = budget(Whose::User, "10", "2");
    for (told, expected) in [(same, said), (dearer, usd("2")), (budget(Whose::User, "10", "0.01"), said)] {
        let desk = Desk::new(Some("ann"), &[GatewayFact::Budgets(vec![told])]);
        assert_eq!(desk.read().budgets[0].calls, None);
        assert_eq!(held_to(&logs, &desk.read()).spend.money(), expected);
    }
    // Nor of one that has told them once, and no longer does to this key.
    let whole = GatewayFact::AllCalls { from: midnight(), to: now() };
    let mut desk = Desk::new(Some("ann"), &[GatewayFact::Budgets(vec![budget(Whose::User, "10", "2")]), whole]);
    assert_eq!(desk.read().budgets[0].calls, Some(Money::ZERO));
    desk.books.end_round("team", 1, now(), &["calls"]).unwrap();
    assert_eq!(desk.read().budgets[0].calls, None);
}
