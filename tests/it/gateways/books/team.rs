//! A team as its gateway has counted it: who has spent how much, of which budget, and who is about to run out.

use aifinops::gateways::DAY;
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{DaySpend, GatewayBudget, GatewayCall, GatewayFact, Me, Millis, Money, Tokens, Whose};
use aifinops::query::team::{self, BY, BudgetView, State, Team, TeamRow};
use aifinops::store::books::SpendSum;

use super::{Desk, TEAM, budget, call, day, me, named, tag};
use crate::gateways::{ANN_KEY, CI_KEY, NOW, TODAY, some, usd};

impl Desk {
    fn team_at(&self, by: Whose, now: Millis) -> Team {
        team::team(&self.books, TEAM, by, now).unwrap().unwrap()
    }

    fn team(&self, by: Whose) -> Team {
        self.team_at(by, NOW)
    }

    fn row(&self, by: Whose, id: &str) -> TeamRow {
        self.team(by).rows.into_iter().find(|row| row.id == id).unwrap()
    }

    /// The budget of Ann at some time, when the gateway tells this one.
    fn anns(&mut self, budget: GatewayBudget, now: Millis) -> BudgetView {
        self.round(now, &[GatewayFact::Budgets(vec![budget])]);
        self.team_at(Whose::User, now).rows.remove(0).budget.unwrap()
    }
}

/// Everything of the last two months.
fn days(rows: Vec<DaySpend>) -> GatewayFact {
    GatewayFact::Days { from: TODAY - 60, to: TODAY + 5, rows }
}

/// A budget of Ann's for the day that begins with `TODAY`.
fn anns(limit: &str, spent: &str) -> GatewayBudget {
    budget(Whose::User, "ann", limit, spent)
}

/// A time of today.
fn at(hour: i64, minute: i64) -> Millis {
    TODAY * DAY + hour * HOUR + minute * MINUTE
}

#[test]
fn a_gateway_that_was_never_asked_has_no_team() {
    let desk = Desk::new();
    for by in BY {
        assert_eq!(team::team(&desk.books, TEAM, by, NOW).unwrap(), None);
    }
}

#[test]
fn spans_of_days_end_with_today_and_hold_what_begins_in_them() {
    assert_eq!(team::spans(NOW), [(TODAY, TODAY + 1), (TODAY - 6, TODAY + 1), (TODAY - 29, TODAY + 1)]);
    // Days are UTC's, from midnight on.
    assert_eq!(team::spans(TODAY * DAY)[0].0, TODAY);
    assert_eq!(team::spans(TODAY * DAY - 1)[0].0, TODAY - 1);
    let mut desk = Desk::new();
    // Each row has another digit.
    let rows = [(2, "1000000"), (1, "100000"), (0, "10000"), (-1, "1000"), (-6, "100"), (-7, "10"), (-29, "1"), (-30, "0.1")];
    desk.round(NOW, &[days(rows.into_iter().map(|(ago, spend)| day(TODAY + ago, "ann", "m", spend)).collect())]);
    let spends = |now| {
        let row = desk.team_at(Whose::User, now).rows.remove(0);
        [0, 1, 2].map(|span| team::spend(&row, span).unwrap())
    };
    // What a clock that is ahead has counted already is of today.
    assert_eq!(spends(NOW), [usd("110000"), usd("111100"), usd("111111")]);
    assert_eq!(spends(TODAY * DAY), spends(NOW));
    assert_eq!(spends((TODAY + 1) * DAY - 1), spends(NOW));
    assert_eq!(spends((TODAY + 1) * DAY), [usd("1100000"), usd("1111000"), usd("1111110")]);
    assert_eq!(spends(TODAY * DAY - 1), [usd("11000"), usd("11110"), usd("11111.1")]);
}

#[test]
fn the_dearest_of_the_month_comes_first_and_the_total_is_all_of_it() {
    let mut desk = Desk::new();
    let silent = DaySpend { spend: None, ..day(TODAY, "eve", "m", "0") };
    let rows = vec![
        day(TODAY, "ann", "m", "1"),
        day(TODAY - 8, "bob", "m", "5"),
        day(TODAY - 3, "cid", "m", "5"),
        day(TODAY, "", "", "3"),
        silent,
    ];
    desk.round(NOW, &[days(rows), GatewayFact::Names(vec![named(Whose::User, "cid", "Cid", "", "")])]);
    let team = desk.team(Whose::User);
    let order: Vec<(&str, &str)> = team.rows.iter().map(|row| (row.id.as_str(), row.name.as_str())).collect();
    assert_eq!(order, [("cid", "Cid"), ("bob", "bob"), ("", "(nobody)"), ("ann", "ann"), ("eve", "eve")]);
    let sum = |spend: &str, rows: u64| SpendSum { spend: Some(usd(spend)), requests: 2 * rows, failed: rows, tokens: 130 * rows };
    assert_eq!(team.total, Some([sum("4", 3), sum("9", 4), sum("14", 5)]));
    // Where no money is told at all, there is none to show.
    desk.round(NOW, &[days(vec![DaySpend { spend: None, ..day(TODAY, "eve", "m", "0") }])]);
    assert_eq!(desk.team(Whose::User).total.unwrap().map(|sum| sum.spend), [None, None, None]);
}

#[test]
fn an_empty_team_has_spent_nothing() {
    let mut desk = Desk::new();
    desk.round(NOW, &[]);
    let team = desk.team(Whose::Model);
    assert_eq!((team.rows.len(), team.total.unwrap().map(|sum| sum.spend)), (0, [Some(Money::ZERO); 3]));
}

#[test]
fn tags_overlap_and_have_no_total() {
    let mut desk = Desk::new();
    desk.round(NOW, &[GatewayFact::Tags { from: TODAY, to: TODAY, rows: vec![tag(TODAY, "search", "2"), tag(TODAY, "agents", "2")] }]);
    let team = desk.team(Whose::Tag);
    assert_eq!(team.rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>(), ["agents", "search"]);
    assert_eq!(team.total, None);
}

#[test]
fn whoever_has_a_budget_is_there_without_having_spent() {
    let mut desk = Desk::new();
    let budgets = vec![anns("10", "0"), budget(Whose::User, "bob", "", "0"), budget(Whose::Team, "t-web", "5", "0")];
    desk.round(NOW, &[GatewayFact::Budgets(budgets)]);
    let rows = desk.team(Whose::User).rows;
    assert_eq!(rows.iter().map(|row| row.id.as_str()).collect::<Vec<_>>(), ["ann"], "what has no limit is no budget");
    assert_eq!(team::spend(&rows[0], 2), Some(Money::ZERO));
    assert_eq!(desk.row(Whose::Team, "t-web").budget.unwrap().limit, usd("5"));
}

#[test]
fn ones_own_rows_are_marked() {
    let of = |me: Me, user: Option<&str>| {
        let mut desk = Desk::new();
        let row = DaySpend { team: some("t-web"), key: some(ANN_KEY), ..day(TODAY, "ann", "m", "1") };
        let other = DaySpend { team: some("t-ops"), key: some(CI_KEY), ..day(TODAY, "bob", "m", "1") };
        let facts = [GatewayFact::Me(me), days(vec![row, other, day(TODAY, "", "", "1")])];
        let round = desk.books.begin_round(TEAM, super::URL, "litellm", user, NOW).unwrap();
        desk.take(round, &facts);
        let own = |by| desk.team(by).rows.into_iter().filter(|row| row.own).map(|row| row.id).collect::<Vec<_>>();
        [own(Whose::User), own(Whose::Team), own(Whose::Key), own(Whose::Model)].concat()
    };
    assert_eq!(of(me(), None), ["ann", "t-web", ANN_KEY]);
    assert_eq!(of(me(), Some("bob")), ["bob", "t-web", ANN_KEY], "the settings know better whose spend it is");
    let viewer = Me { user: some("monitor"), key: some("v"), teams: Vec::new(), sees_all: true, ..me() };
    assert_eq!(of(viewer.clone(), None), Vec::<String>::new());
    assert_eq!(of(viewer, Some("ann")), ["ann"]);
    assert_eq!(of(Me::default(), None), Vec::<String>::new(), "what nobody is named for is nobody's");
}

#[test]
fn people_see_names_and_the_beginning_of_a_hash() {
    let mut desk = Desk::new();
    let of_key = |key: &str| DaySpend { key: some(key), ..day(TODAY, "ann", "m", "1") };
    let names = vec![
        named(Whose::Key, ANN_KEY, "ann-laptop", "t-web", "ann"),
        named(Whose::Key, "k2", "", "t-ops", "ann"),
        named(Whose::Team, "t-web", "Web", "", ""),
        named(Whose::User, "ann", "Ann", "", ""),
    ];
    desk.round(NOW, &[days(vec![of_key(ANN_KEY), of_key(CI_KEY), of_key("k2")]), GatewayFact::Names(names)]);
    let name = |by, id| {
        let row = desk.row(by, id);
        (row.name, row.team)
    };
    assert_eq!(name(Whose::Key, ANN_KEY), ("ann-laptop".to_owned(), some("Web")));
    assert_eq!(name(Whose::Key, CI_KEY), ("eeee5555ffff…".to_owned(), None));
    assert_eq!(name(Whose::Key, "k2"), ("k2".to_owned(), some("t-ops")));
    assert_eq!(name(Whose::User, "ann"), ("Ann".to_owned(), some("t-ops")), "a user's team is one of the keys'");
    assert_eq!(name(Whose::Model, "m"), ("m".to_owned(), None));
}

#[test]
fn a_budget_is_near_its_end_over_or_blocked() {
    let mut desk = Desk::new();
    // At the end of a day nothing can be said of its pace any more.
    let late = at(23, 59);
    for (limit, spent, permille, state) in [
        ("10", "0", 0, State::Fine),
        ("10", "7.999999999", 799, State::Fine),
        ("10", "8", 800, State::Near),
        ("10", "9.999999999", 999, State::Near),
        ("10", "10", 1000, State::Over),
        ("10", "25", 2500, State::Over),
        ("0", "0", 0, State::Over),
        ("10", "-1", 0, State::Fine),
    ] {
        let view = desk.anns(anns(limit, spent), late);
        assert_eq!((view.permille(), view.state()), (permille, state), "{spent} of {limit}");
        assert_eq!(view.left(), (usd(limit) - usd(spent)).max(Money::ZERO), "{spent} of {limit}");
    }
    let view = desk.anns(GatewayBudget { blocked: true, ..anns("10", "1") }, late);
    assert_eq!(view.state(), State::Blocked);
    assert_eq!([State::Fine, State::Near, State::Over, State::Blocked].map(State::word), ["ok", "near", "over", "blocked"]);
}

#[test]
fn at_its_pace_a_budget_ends_before_its_period_or_not() {
    let mut desk = Desk::new();
    for (now, limit, spent, ends) in [
        // Six of ten by noon: four more take eight hours.
        (at(12, 0), "10", "6", Some(at(20, 0))),
        (at(18, 0), "10", "9", Some(at(20, 0))),
        (at(6, 0), "10", "7.5", Some(at(8, 0))),
        // Five by noon last until midnight, which is not before the end.
        (at(12, 0), "10", "5", None),
        (at(12, 0), "10", "5.1", Some(at(12, 0) + 41_505_882)),
        (at(12, 0), "10", "0", None),
        (at(12, 0), "10", "-3", None),
        // Nothing is left to end.
        (at(12, 0), "10", "10", None),
        // A day is too young for an hour and eleven minutes.
        (at(1, 11), "10", "7", None),
        (at(1, 12), "10", "7", Some(at(1, 12) + 1_851_428)),
        // Before it begins, and after it has ended.
        (at(0, 0) - 1, "10", "7", None),
        (at(24, 0), "10", "7", None),
    ] {
        let view = desk.anns(anns(limit, spent), now);
        assert_eq!(view.runs_out_at, ends, "{spent} of {limit} after {} minutes", (now - at(0, 0)) / MINUTE);
        let is_near = ends.is_some() || view.permille() >= 800;
        assert_eq!(view.state() >= State::Near, is_near);
    }
    // A budget without a period has no pace.
    let for_good = GatewayBudget { period: None, since: None, resets_at: None, ..anns("10", "7") };
    assert_eq!(desk.anns(for_good, at(12, 0)).runs_out_at, None);
}

#[test]
fn what_was_spent_in_a_period_that_is_over_is_spent_no_more() {
    let mut desk = Desk::new();
    let over = anns("10", "12");
    assert_eq!(desk.anns(over.clone(), at(24, 0) - 1).spent, usd("12"));
    let view = desk.anns(over, at(24, 0));
    assert_eq!((view.spent, view.state(), view.runs_out_at), (Money::ZERO, State::Fine, None), "the gateway sets it back later");
}

#[test]
fn of_several_budgets_the_one_that_is_used_up_most_is_shown() {
    let within = |team: &str, limit: &str, spent: &str| GatewayBudget { team: some(team), ..budget(Whose::Member, "ann", limit, spent) };
    let shown = |budgets: Vec<GatewayBudget>| {
        let mut desk = Desk::new();
        desk.round(at(23, 59), &[days(vec![day(TODAY, "ann", "m", "1")]), GatewayFact::Budgets(budgets)]);
        desk.row(Whose::User, "ann").budget.map(|view| (view.budget.whose, view.limit))
    };
    assert_eq!(shown(vec![anns("10", "5"), within("t-web", "3", "2"), within("t-ops", "3", "1")]), Some((Whose::Member, usd("3"))));
    assert_eq!(shown(vec![anns("10", "9"), within("t-web", "3", "2")]), Some((Whose::User, usd("10"))));
    assert_eq!(shown(vec![anns("10", "5"), within("t-web", "2", "1")]), Some((Whose::User, usd("10"))), "its own, of two alike");
    let week = GatewayBudget { period: some("7d"), ..anns("20", "19") };
    assert_eq!(shown(vec![anns("10", "5"), week]), Some((Whose::User, usd("20"))));
    let blocked = GatewayBudget { blocked: true, ..anns("10", "1") };
    assert_eq!(shown(vec![blocked, within("t-web", "3", "3")]), Some((Whose::User, usd("10"))));
    assert_eq!(shown(vec![anns("", "5"), budget(Whose::Key, "ann", "1", "1")]), None);
}

#[test]
fn refused_calls_of_thirty_days_are_counted_where_calls_are_told() {
    let mut desk = Desk::new();
    let month = (TODAY - 29) * DAY;
    let refused = |id: &str, at| GatewayCall { failed: true, over_budget: true, ..call(id, at, "0") };
    let calls = vec![refused("a", month - 1), refused("b", month), refused("c", NOW), call("d", NOW, "1")];
    desk.round(NOW, &[days(vec![day(TODAY, "ann", "m", "1"), day(TODAY, "bob", "m", "1")])]);
    assert_eq!(desk.row(Whose::User, "ann").over_budget, None, "nobody knows");
    desk.round(NOW, &[GatewayFact::Calls(calls), GatewayFact::AllCalls { from: month, to: NOW }]);
    assert_eq!((desk.row(Whose::User, "ann").over_budget, desk.row(Whose::User, "bob").over_budget), (Some(2), Some(0)));
    // With another key they may be seen no more.
    let round = desk.begin(NOW);
    desk.books.end_round(TEAM, round, NOW, &["calls"]).unwrap();
    assert_eq!(desk.row(Whose::User, "ann").over_budget, None);
}

#[test]
fn of_a_tags_budget_the_days_say_what_was_spent() {
    let mut desk = Desk::new();
    let rows = vec![tag(TODAY - 7, "search", "100"), tag(TODAY - 6, "search", "2"), tag(TODAY, "search", "1"), tag(TODAY, "agents", "50")];
    let silent = |period: &str, since: i64| GatewayBudget {
        spent: None,
        period: some(period),
        since: Some(since * DAY),
        ..budget(Whose::Tag, "search", "4", "0")
    };
    let tags = GatewayFact::Tags { from: TODAY - 60, to: TODAY, rows };
    for (budget, spent) in [
        (silent("1d", TODAY), "1"),
        (silent("7d", TODAY - 6), "3"),
        // A figure of the gateway's own is not doubted.
        (GatewayBudget { spent: Some(usd("0.5")), ..silent("1d", TODAY) }, "0.5"),
        // Since when it holds nobody knows.
        (GatewayBudget { since: None, resets_at: None, ..silent("", TODAY) }, "0"),
    ] {
        desk.round(NOW, &[tags.clone(), GatewayFact::Budgets(vec![budget.clone()])]);
        assert_eq!(desk.row(Whose::Tag, "search").budget.unwrap().spent, usd(spent), "{budget:?}");
    }
}

#[test]
fn below_a_row_are_its_models_and_its_sessions() {
    let mut desk = Desk::new();
    let said = |id: &str, at, session: &str, spend: &str| GatewayCall {
        session: some(session),
        model: some("m1"),
        client: some("claude-cli/2.1.197"),
        tokens: Tokens { input: 1, ..Tokens::default() },
        ..call(id, at, spend)
    };
    let calls = vec![
        said("a", NOW - 50, "s-1", "1"),
        said("b", NOW - 40, "s-2", "3"),
        said("c", NOW - 30, "s-1", "1"),
        GatewayCall { failed: true, ..said("d", NOW - 20, "s-1", "0") },
        GatewayCall { user: some("bob"), ..said("e", NOW - 10, "s-3", "9") },
        said("f", (TODAY - 29) * DAY - 1, "s-4", "9"),
        said("g", NOW, "", "9"),
    ];
    let rows = vec![day(TODAY, "ann", "m1", "2"), day(TODAY - 8, "ann", "m2", "3"), day(TODAY, "bob", "m1", "9")];
    desk.round(NOW, &[days(rows), GatewayFact::Calls(calls)]);
    let inside = team::inside(&desk.books, TEAM, (Whose::User, "ann"), NOW).unwrap();
    let parts: Vec<_> = inside.parts.iter().map(|(model, sums)| (model.as_str(), sums.clone().map(|sum| sum.spend.unwrap()))).collect();
    let zero = Money::ZERO;
    assert_eq!(parts, [("m2", [zero, zero, usd("3")]), ("m1", [usd("2"), usd("2"), usd("2")])]);
    let sessions: Vec<_> = inside.sessions.iter().map(|s| (s.id.as_str(), s.calls, s.spend, s.last_at)).collect();
    assert_eq!(sessions, [("s-2", 1, usd("3"), NOW - 40), ("s-1", 2, usd("2"), NOW - 30)]);
    // Below a model stand its users, and everybody's sessions.
    let inside = team::inside(&desk.books, TEAM, (Whose::Model, "m1"), NOW).unwrap();
    assert_eq!(inside.parts.iter().map(|(user, _)| user.as_str()).collect::<Vec<_>>(), ["bob", "ann"]);
    assert_eq!(inside.sessions.iter().map(|session| session.id.as_str()).collect::<Vec<_>>(), ["s-3", "s-2", "s-1"]);
}
