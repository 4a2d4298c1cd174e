//! The view of a gateway's team: rows with budgets, what is below one of them, and today in two ledgers.

use std::sync::Arc;

use aifinops::engine::team::{Ledger, TeamAsk, TeamPicture};
use aifinops::engine::{Command, Snapshot};
use aifinops::insight::reconcile::{Class, Total};
use aifinops::model::{GatewayBudget, Me, Millis, Money, Whose};
use aifinops::query::team::{BudgetView, Inside, Team, TeamRow, TeamSession};
use aifinops::store::books::{Account, SpendSum};
use aifinops::ui::app::{Effect, View};

use super::shows;
use super::stage::{Stage, text};
use super::world::{NOW, cents};

/// Sizes of terminals: the smallest that people use, the usual one, and larger ones.
const SIZES: [(u16, u16); 4] = [(40, 12), (80, 24), (120, 32), (200, 60)];
const HOUR: Millis = 3_600_000;

fn sum(amount: i64, requests: u64, failed: u64) -> SpendSum {
    SpendSum { spend: Some(cents(amount)), requests, failed, tokens: requests * 1_000 }
}

fn budget(limit: i64, spent: i64, runs_out_in: Option<Millis>, blocked: bool) -> BudgetView {
    let budget = GatewayBudget {
        whose: Whose::User,
        id: String::new(),
        team: None,
        limit: Some(cents(limit)),
        spent: Some(cents(spent)),
        period: Some("1d".to_owned()),
        since: Some(NOW - 15 * HOUR),
        resets_at: Some(NOW + 9 * HOUR),
        blocked,
    };
    BudgetView { budget, limit: cents(limit), spent: cents(spent), runs_out_at: runs_out_in.map(|millis| NOW + millis) }
}

fn row(id: &str, name: &str, team: Option<&str>, month: i64, budget: Option<BudgetView>) -> TeamRow {
    TeamRow {
        whose: Whose::User,
        id: id.to_owned(),
        name: name.to_owned(),
        team: team.map(str::to_owned),
        own: id == "ana",
        sums: [sum(month / 20, 3, 0), sum(month / 4, 40, 1), sum(month, 160, 6)],
        over_budget: if id.is_empty() { None } else { Some(if id == "bo" { 4 } else { 0 }) },
        budget,
    }
}

fn rows() -> Vec<TeamRow> {
    vec![
        row("bo", "Bo", Some("platform"), 61_240, Some(budget(2_000, 2_013, None, false))),
        row("ana", "Ana", Some("platform"), 40_118, Some(budget(2_000, 740, None, false))),
        row("eve", "Eve\u{1b}[31m", Some("データ基盤"), 20_950, Some(budget(1_500, 700, Some(3 * HOUR), false))),
        row("u-0b5c", "someone-with-a-very-long-name-indeed@example.com", None, 3_012, Some(budget(500, 12, None, true))),
        row("", "(nobody)", None, 77, None),
    ]
}

fn account(problem: Option<&str>) -> Account {
    Account {
        name: "team".to_owned(),
        url: "https://gateway.example.com".to_owned(),
        kind: "litellm".to_owned(),
        version: Some("1.106.2".to_owned()),
        me: Some(Me { user: Some("ana".to_owned()), ..Me::default() }),
        asked_at: Some(NOW - if problem.is_some() { 2 * HOUR } else { 4_000 }),
        problem: problem.map(str::to_owned),
        ..Account::default()
    }
}

fn picture(by: Whose) -> TeamPicture {
    let session = |id: &str, client: &str, calls, spend, ago| TeamSession {
        id: id.to_owned(),
        client: Some(client.to_owned()),
        calls,
        spend: cents(spend),
        last_at: NOW - ago,
    };
    let parts = [("anthropic/claude-opus-5-5", 50_000), ("openai/gpt-6-sol", 11_000), ("openai/house-model", 240)];
    let inside = Inside {
        parts: parts
            .iter()
            .map(|(name, month)| ((*name).to_owned(), [sum(month / 20, 3, 0), sum(month / 4, 9, 0), sum(*month, 90, 2)]))
            .collect(),
        sessions: vec![
            session("7b1c0d52-7a3e-4b65-9d0e-000000000001", "claude-cli/2.3.9 (external, cli)", 120, 40_000, HOUR),
            session("019a6c1e-0000-7000-8000-000000000002", "codex_exec/0.169.0", 31, 11_000, 30 * HOUR),
        ],
    };
    let differs = |cents_: i64, calls| Total { calls, difference: cents(cents_) };
    let totals = vec![
        (Class::Same, differs(0, 80)),
        (Class::SideCall, differs(12, 4)),
        (Class::GatewayUnpriced, differs(-340, 9)),
        (Class::Rate, differs(55, 2)),
    ];
    let local = cents(1_000);
    let gateway = totals.iter().fold(local, |sum, (_, total)| sum + total.difference);
    TeamPicture {
        ask: TeamAsk { gateway: 0, by, row: None },
        team: Some(Team { account: account(None), rows: rows(), total: None }),
        inside: Some(("bo".to_owned(), inside)),
        ledger: Some(Ledger { user: Some("ana".to_owned()), local, gateway, totals }),
    }
}

fn with(gateways: Vec<Account>, team: Option<TeamPicture>, keys: &[&str]) -> Stage {
    let snapshot = Snapshot { gateways: Arc::new(gateways), team: team.map(Arc::new), ..(*Stage::workday().snapshot).clone() };
    let mut stage = Stage::new(snapshot);
    stage.press("6");
    stage.press_all(keys);
    stage
}

/// The view after some keys.
pub(super) fn view(keys: &[&str]) -> Stage {
    with(vec![account(None)], Some(picture(Whose::User)), keys)
}

/// The view of a machine without a gateway, and that of one whose gateway was never read.
pub(super) fn of_nothing() -> [Stage; 2] {
    [with(Vec::new(), None, &[]), with(vec![Account { asked_at: None, ..account(None) }], None, &[])]
}

#[test]
fn the_team_with_its_budgets_and_two_ledgers() {
    shows("team", &mut view(&[]), &SIZES);
}

#[test]
fn what_is_below_a_row_has_the_room_for_itself() {
    shows("team_opened", &mut view(&["enter"]), &[(80, 24), (120, 32)]);
    let mut stage = view(&["enter", "esc"]);
    assert_eq!(stage.app.view, View::Team, "back is back to the rows first");
    stage.press("esc");
    assert_eq!(stage.app.view, View::Sessions);
}

#[test]
fn figures_that_are_old_say_so_and_why() {
    let why = "gateway.example.com cannot be reached: connection refused";
    let mut stage = with(vec![account(Some(why))], Some(picture(Whose::User)), &[]);
    shows("team_stale", &mut stage, &[(80, 24), (120, 32)]);
    let drawn = text(&stage.draw(120, 32));
    assert!(drawn.contains("stale, 2h 00m old") && drawn.contains(why) && drawn.contains("gw ✗"), "{drawn}");
}

#[test]
fn without_a_gateway_it_says_what_to_do() {
    let [mut none, mut unread] = of_nothing();
    shows("team_none", &mut none, &[(60, 18), (120, 30)]);
    shows("team_unread", &mut unread, &[(80, 24)]);
}

#[test]
fn rows_are_sorted_filtered_and_followed() {
    let mut stage = view(&[]);
    let names = |stage: &Stage| -> Vec<String> { stage.app.team_rows(&stage.snapshot).iter().map(|row| row.id.clone()).collect() };
    assert_eq!(names(&stage), ["bo", "ana", "eve", "u-0b5c", ""]);
    stage.press_all(&["s", "s", "s"]);
    assert_eq!(names(&stage), ["bo", "eve", "ana", "u-0b5c", ""], "by the share of the budget that is used");
    stage.press("r");
    assert_eq!(names(&stage)[0], "", "the other way round");
    stage.press("r");
    stage.press("/");
    stage.type_text("plat");
    stage.press("enter");
    assert_eq!(names(&stage), ["bo", "ana"], "a filter is met by the team's name as well");
    let effects = stage.press("down");
    let ask = TeamAsk { gateway: 0, by: Whose::User, row: Some("ana".to_owned()) };
    assert_eq!(effects, [Effect::Send(Command::Team(Some(ask)))], "what is below the row it comes to is asked for");
    stage.press("esc");
    assert_eq!((names(&stage).len(), stage.app.view), (5, View::Team), "the filter goes before the view does");
}

#[test]
fn the_engine_is_asked_while_somebody_looks_and_no_longer() {
    let mut stage = view(&[]);
    let effects = stage.press("b");
    assert_eq!(effects, [Effect::Send(Command::Team(Some(TeamAsk { gateway: 0, by: Whose::Team, row: None })))]);
    assert!(text(&stage.draw(120, 32)).contains("reading…"), "rows of another kind are not shown as these");
    assert!(stage.press("1").contains(&Effect::Send(Command::Team(None))));
}

#[test]
fn the_two_ledgers_add_up_on_the_screen() {
    let drawn = text(&view(&[]).draw(200, 60));
    for part in ["the logs say", "$10.00", "-$3.40", "+$0.12", "+$0.55", "the gateway says", "$7.27"] {
        assert!(drawn.contains(part), "{part}: {drawn}");
    }
    assert_eq!(picture(Whose::User).ledger.map(|ledger| ledger.gateway), Some(Money::from_nanos(7_270_000_000)));
}
