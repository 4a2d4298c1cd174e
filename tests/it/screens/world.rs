//! Pictures to draw: sessions, details and snapshots at one fixed moment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use aifinops::budgets::{Raise, Spend, Standing};
use aifinops::config::{Currency, Group};
use aifinops::engine::caps::Caps;
use aifinops::engine::snapshot::{BUCKETS, Burn};
use aifinops::engine::{Snapshot, Span};
use aifinops::insight::waste::{Category, Part, Place, Waste};
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{Cap, Cost, Key, Labels, Millis, Money, SessionKind, SessionState, Tokens, Turn, Window, Zone, cap};
use aifinops::query::caps::{Days, Decision, Kind};
use aifinops::query::forecast::Midnight;
use aifinops::query::{SessionDetail, SessionView, TaskView};
use aifinops::store::Sums;
use aifinops::store::read::{LimitRow, StepRow, ToolRow};
use aifinops::store::strain::Billing;
use aifinops::tail::RootReport;
use aifinops::ui::app::{App, Options, default_columns};
use aifinops::ui::columns::Column;
use aifinops::ui::keymap::Keymap;
use aifinops::ui::theme;

/// 2026-08-12, 15:04 UTC: a Wednesday.
pub(crate) const NOW: Millis = 1_786_547_040_000;

/// Cents as money.
pub(crate) fn cents(cents: i64) -> Money {
    Money::from_nanos(cents * 10_000_000)
}

/// A cost that the price book gave.
pub(crate) fn priced(amount: i64) -> Cost {
    Cost { known: cents(amount), priced_calls: 10, ..Cost::default() }
}

/// The sums of some calls at a price, with tokens in the proportions of real work.
pub(crate) fn sums(calls: i64, amount: i64) -> Sums {
    Sums {
        calls,
        input: calls * 700,
        cache_read: calls * 74_000,
        cache_write_5m: calls * 2_100,
        cache_write_1h: calls * 300,
        output: calls * 900,
        reasoning: calls * 250,
        nanos: cents(amount).nanos(),
        priced: calls,
        prompts: 3,
        tools: calls - 1,
        failures: calls / 12,
        ..Sums::default()
    }
}

/// A session at work: every test changes what it is about.
pub(crate) fn session(id: i64, project: &str) -> SessionView {
    SessionView {
        id,
        agent: Arc::from("claude-code"),
        uid: Arc::from(format!("{id:08x}-0000-4000-8000-000000000000")),
        parent: None,
        kind: SessionKind::Main,
        project: Arc::from(project),
        cwd: Some(Arc::from(format!("/code/{project}"))),
        branch: Some(Arc::from("main")),
        remote: None,
        labels: Labels::default(),
        role: None,
        version: Some(Arc::from("2.1.80")),
        model: Some(Arc::from("claude-opus-4-7-20260401")),
        models: vec![Arc::from("claude-opus-4-7-20260401")],
        turn: Turn::Open,
        state: SessionState::Working,
        started_at: Some(NOW - 2 * HOUR),
        last_at: Some(NOW - id * 1000),
        loop_steps: 9,
        longest_loop: 20,
        context: Some(68_000),
        context_window: Some(200_000),
        sums: sums(60, 150),
        today: priced(150),
        lifetime: priced(150),
        last_hour: priced(40),
    }
}

/// A session that another one started.
pub(crate) fn child(id: i64, parent: &SessionView, role: &str) -> SessionView {
    SessionView {
        agent: parent.agent.clone(),
        parent: Some(parent.uid.clone()),
        kind: SessionKind::Subagent,
        role: Some(Arc::from(role)),
        model: Some(Arc::from("claude-haiku-4-5-20251001")),
        ..session(id, &parent.project)
    }
}

/// Every kind of session that there is.
pub(crate) fn some_of_each() -> Vec<SessionView> {
    let api = SessionView {
        branch: Some(Arc::from("feat/billing")),
        loop_steps: 48,
        context: Some(171_000),
        sums: sums(180, 532),
        today: priced(532),
        lifetime: priced(891),
        last_hour: priced(210),
        ..session(1, "api-server")
    };
    let explore = SessionView { sums: sums(12, 31), today: priced(31), lifetime: priced(31), loop_steps: 12, ..child(2, &api, "explore") };
    let tests = SessionView {
        state: SessionState::Ended,
        sums: sums(5, 4),
        today: priced(4),
        lifetime: priced(4),
        last_hour: Cost::default(),
        ..child(3, &api, "test-writer")
    };
    let web = SessionView {
        agent: Arc::from("codex"),
        model: Some(Arc::from("gpt-5-codex")),
        state: SessionState::Waiting,
        turn: Turn::Ended,
        context_window: Some(258_400),
        sums: sums(90, 210),
        today: priced(210),
        lifetime: priced(210),
        ..session(4, "web")
    };
    let fork = SessionView { kind: SessionKind::Fork, parent: Some(web.uid.clone()), state: SessionState::Idle, ..web.clone() };
    let fork = SessionView { id: 5, uid: Arc::from("00000005-fork"), sums: sums(4, 9), today: priced(9), lifetime: priced(9), ..fork };
    let nobody_knows = Cost { unpriced_calls: 14, ..Cost::default() };
    let unpriced = SessionView {
        model: Some(Arc::from("house-llm-70b")),
        sums: Sums { nanos: 0, priced: 0, unpriced: 14, ..sums(14, 0) },
        today: nobody_knows,
        lifetime: nobody_knows,
        last_hour: nobody_knows,
        context_window: None,
        ..session(6, "infra")
    };
    let low = Cost { lower_bound_calls: 3, ..priced(77) };
    let lower_bound = SessionView {
        sums: Sums { lower: 3, ..sums(22, 77) },
        state: SessionState::Idle,
        today: low,
        lifetime: low,
        last_hour: low,
        ..session(7, "docs")
    };
    let nowhere = SessionView {
        cwd: None,
        branch: None,
        model: None,
        context: None,
        loop_steps: 0,
        state: SessionState::Ended,
        sums: Sums { prompts: 1, ..Sums::default() },
        today: Cost::default(),
        lifetime: priced(3),
        last_hour: Cost::default(),
        ..session(8, "")
    };
    let wide =
        SessionView {
            sums: sums(2, 2), today: priced(2), lifetime: priced(2), loop_steps: 30, ..session(9, "データ基盤-プロジェクト")
        };
    vec![api, explore, tests, web, fork, unpriced, lower_bound, nowhere, wide]
}

/// Everything about one session: fourteen tasks, the last of them long.
pub(crate) fn detail(session: &SessionView, children: Vec<SessionView>) -> SessionDetail {
    let task = |i: i64| TaskView {
        key: Key(u64::try_from(i).unwrap()),
        started_at: NOW - (15 - i) * 9 * MINUTE,
        ended_at: NOW - (15 - i) * 9 * MINUTE + i * 40_000,
        sums: Sums { retries: i % 3, ..sums(i * 3 + 1, i * 7) },
    };
    let step = |i: u64| StepRow {
        task: Key(i / 10 + 1),
        at: NOW - i64::try_from(150 - i).unwrap() * 50_000,
        model: session.model.clone(),
        tokens: Tokens { input: 700, cache_read: 74_000, output: 900, ..Tokens::default() },
        context: 20_000 + i * 1_000,
        money: (!i.is_multiple_of(17)).then(|| Money::from_nanos(i64::try_from(i % 11 * 9_000_000).unwrap())),
        lower_bound: false,
        billing: Billing::default(),
    };
    let tool = |name: &str, calls, failures| ToolRow { name: Arc::from(name), calls, failures };
    let limit = |window_minutes, used_permille| LimitRow {
        agent: session.agent.clone(),
        limit: Arc::from(""),
        window_minutes,
        at: NOW - MINUTE,
        used_permille,
        resets_at: Some(NOW + 95 * MINUTE),
    };
    SessionDetail {
        waste: waste(),
        session: session.clone(),
        children,
        tasks: (1..=14).map(task).collect(),
        steps: (0..150).map(step).collect(),
        tools: vec![tool("Bash", 31, 6), tool("Edit", 11, 0), tool("Read", 6, 0), tool("mcp__tracker__list_issues", 2, 1)],
        limits: vec![limit(300, 420), limit(10_080, 915)],
        files: vec![PathBuf::from("/home/someone/.claude/projects/-work-api/log.jsonl")],
    }
}

/// Where the money of 180 steps went: some of it counted, some estimated, one category with nothing in it.
fn waste() -> Waste {
    let part = |steps, tokens, amount, estimated| Part {
        steps,
        tokens: Tokens { cache_read: tokens, ..Tokens::default() },
        cost: priced(amount),
        estimated,
    };
    let mut waste = Waste { steps: 180, cost: priced(891), ..Waste::default() };
    let place = |steps, tokens, amount| Place { steps, tokens, cost: Cost { priced_calls: steps, ..priced(amount) } };
    waste.places =
        [place(70, 3_100_000, 93), place(60, 4_000_000, 120), place(50, 6_200_000, 189), place(0, 0, 0), place(0, 0, 0), place(0, 0, 0)];
    waste.add(Category::Resent, part(171, 13_300_000, 402, 0));
    waste.add(Category::Missed, part(3, 310_000, 117, 0));
    waste.add(Category::Unread, part(2, 48_000, 6, 2));
    waste.add(Category::Failed, part(19, 21_000, 11, 19));
    waste
}

/// A picture of these sessions.
pub(crate) fn snapshot(sessions: Vec<SessionView>) -> Snapshot {
    let sum = |of: &dyn Fn(&SessionView) -> Cost| sessions.iter().fold(Cost::default(), |sum, s| sum + of(s));
    let mut total = Sums::default();
    for session in &sessions {
        total.add(&session.sums, 1);
    }
    let last_hour = sum(&|s| s.last_hour);
    let buckets = (0..BUCKETS as u64).map(|i| (i * 7 % 13) * 30_000_000).collect();
    Snapshot {
        at: NOW,
        span: Span::Today,
        total,
        today: total,
        burn: Burn { last_hour, buckets },
        projection: (total.nanos > 0).then(|| {
            let likely = total.cost().known + last_hour.known.scale(9, 1);
            Midnight { low: total.cost().known, likely, high: likely + likely, from: total.cost() + last_hour }
        }),
        live: sessions.iter().filter(|s| s.state.is_live()).count(),
        progress: None,
        notices: Vec::new(),
        detail: None,
        roots: vec![root("claude-code", "/home/someone/.claude/projects", true, 12)],
        sessions: sessions.into_iter().map(Arc::new).collect(),
        ..Snapshot::default()
    }
}

/// A place where logs were looked for.
pub(crate) fn root(agent: &'static str, path: &str, exists: bool, files: usize) -> RootReport {
    RootReport { agent, path: PathBuf::from(path), exists, files, problems: Vec::new() }
}

/// What an app is made of when nothing is configured.
pub(crate) fn options() -> Options {
    Options {
        columns: default_columns(),
        sort: (Column::Today, false),
        group: Group::None,
        filter: String::new(),
        span: Span::Today,
        theme: theme::load("dark", None).unwrap(),
        themes: theme::names(None),
        keys: Keymap::new(&BTreeMap::new()).0,
        currency: Currency::default(),
        zone: Zone::UTC,
        problems: Vec::new(),
    }
}

/// An app that has seen a picture.
pub(crate) fn app(snapshot: &Snapshot) -> App {
    let mut app = App::new(options());
    app.take(snapshot);
    app
}

/// A cap and what was spent under it, in cents.
pub(crate) fn standing(cap: Cap, used: i64) -> Standing {
    let window = aifinops::budgets::window(cap.span, NOW, Zone::UTC, chrono::Weekday::Mon).unwrap_or(Window::ALL);
    let spend = Spend { known: cents(used), tokens: 3_400_000, steps: 57, ..Spend::default() };
    Standing { cap, window, spend, raised: 0, subject: None }
}

/// A cap of so many cents.
pub(crate) fn cap(name: &str, limit: i64, span: cap::Span) -> Cap {
    Cap::new(name, cap::Amount::money(cents(limit)), span)
}

/// A decision, so many minutes ago.
pub(crate) fn decision(kind: Kind, name: &str, minutes: i64) -> Decision {
    let met = kind.stops() || kind == Kind::Level;
    Decision {
        at: NOW - minutes * MINUTE,
        kind,
        cap: name.to_owned(),
        agent: met.then(|| "claude-code".to_owned()),
        session: met.then(|| "00000001-0000-4000-8000-000000000000".to_owned()),
        unit: "usd".to_owned(),
        spent: cents(1_248).nanos(),
        amount: cents(if kind == Kind::Raise { 500 } else { 2_000 }).nanos(),
        until: (kind == Kind::Raise).then_some(NOW + HOUR),
        who: "ada".to_owned(),
        why: (kind == Kind::Raise).then(|| "release day".to_owned()),
    }
}

/// The days of a cap, in cents, growing and falling.
fn days(name: &str, most: i64) -> Days {
    Days { cap: name.to_owned(), spent: (1..30).map(|i| cents(i * 7 % 13 * most / 12).nanos()).collect() }
}

/// Some caps with room, one of them close to its limit.
pub(crate) fn some_caps() -> Caps {
    let scoped =
        Cap { scope: cap::Scope { agent: Some("codex".to_owned()), ..cap::Scope::default() }, ..cap("week-codex", 4_000, cap::Span::Week) };
    let loops =
        Cap { action: cap::Action::Warn, ..Cap::new("task-steps", cap::Amount { unit: cap::Unit::Steps, count: 60 }, cap::Span::Task) };
    let day = Standing { raised: cents(500).nanos(), ..standing(cap("day", 2_000, cap::Span::Day), 1_248) };
    let raise = Raise {
        cap: "day".to_owned(),
        by: cap::Amount::money(cents(500)),
        at: NOW - 30 * MINUTE,
        until: NOW + HOUR,
        reason: Some("release day".to_owned()),
    };
    let kinds = [Kind::Raise, Kind::Level, Kind::HaltStep, Kind::BlockPrompt, Kind::Refuse, Kind::Stop, Kind::Failure, Kind::Set];
    let decisions =
        kinds.into_iter().zip([30, 31, 95, 2_000, 3_000, 3_100, 4_000, 9_000]).map(|(kind, minutes)| decision(kind, "day", minutes));
    Caps {
        standings: vec![day, standing(scoped, 1_910), Standing { subject: Some("0000-a-session".to_owned()), ..standing(loops, 0) }],
        raises: vec![raise],
        decisions: decisions.collect(),
        days: vec![days("day", 2_300), days("week-codex", 3_000)],
        problem: None,
    }
}
