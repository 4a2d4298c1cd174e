//! Loops: their distribution, the groups, and the tasks one by one.

use std::sync::Arc;

use aifinops::engine::hand::Wish;
use aifinops::engine::loops::LoopsPicture;
use aifinops::engine::{Command, Snapshot};
use aifinops::insight::loops::{Place, histogram};
use aifinops::insight::spread::Spread;
use aifinops::model::time::MINUTE;
use aifinops::model::{Cost, Key, Zone};
use aifinops::query::loops::{Among, By, Loop, group, groups};
use aifinops::store::Sums;
use aifinops::store::scan::Repeat;

use aifinops::ui::app::Effect;

use super::stage::{Stage, lines, text};
use super::world::{NOW, cents};
use super::{HUGE, SMALL, USUAL, WIDE, shows};

const NAMES: [(&str, &str, &str); 4] = [
    ("claude-code", "claude-opus-4-5", "api-server"),
    ("codex", "gpt-5.2-codex", "web"),
    ("claude-code", "claude-sonnet-4-5", "infra"),
    ("gemini-cli", "gemini-3-pro", "docs"),
];

/// The n-th task: some steps, some cents a step.
fn task(n: i64) -> Loop {
    let (agent, model, project) = NAMES[usize::try_from(n % 4).unwrap()];
    let steps = 1 + n * n % 43;
    let sums = Sums {
        calls: steps,
        tools: steps * 2,
        failures: n % 3,
        nanos: cents(steps * 4).nanos(),
        priced: steps,
        prompts: 1,
        ..Sums::default()
    };
    Loop {
        key: Key(n.cast_unsigned()),
        session: 1 + n % 3,
        uid: Arc::from(format!("{n:08}-0000-4000-8000-000000000000")),
        agent: Arc::from(agent),
        project: Arc::from(project),
        cwd: Some(Arc::from(format!("/home/someone/{project}"))),
        branch: None,
        model: Some(Arc::from(model)),
        started_at: NOW - n * 3_600_000,
        ended_at: NOW - n * 3_600_000 + steps * MINUTE / 2,
        sums,
        subagents: Cost::default(),
        subagent_steps: 0,
        repeat: (n % 5 == 0).then(|| Repeat { tool: Arc::from("Bash"), times: 3 + n.cast_unsigned() % 7 }),
        is_running: false,
    }
}

/// What forty tasks look like, three of them at work.
fn picture() -> LoopsPicture {
    let tasks: Vec<Loop> = (1..=40).map(task).collect();
    let all: Vec<&Loop> = tasks.iter().collect();
    let steps: Spread = tasks.iter().map(Loop::steps).collect();
    let top = |of: fn(&Loop) -> i64| {
        let mut sorted = tasks.clone();
        sorted.sort_by_key(|task| std::cmp::Reverse((of(task), task.started_at)));
        sorted
    };
    let running = [(3, Among::Project), (5, Among::Agent), (44, Among::All)].map(|(n, among)| {
        let task = Loop { is_running: true, ..task(n) };
        let task = if n == 44 { Loop { sums: Sums { calls: 61, ..task.sums }, ..task } } else { task };
        (task.clone(), Place::of(task.steps(), &steps), among)
    });
    let by = |by: By| groups(&all, by, Zone::UTC);
    LoopsPicture {
        all: group(&all),
        histogram: histogram(&steps),
        groups: [
            by(By { agent: true, ..By::default() }),
            by(By { model: true, ..By::default() }),
            by(By { project: true, ..By::default() }),
            by(By { week: true, ..By::default() }),
        ],
        longest: top(Loop::steps),
        dearest: top(|task| task.cost().known.nanos()),
        running: running.into(),
    }
}

fn view(picture: LoopsPicture) -> Stage {
    let mut stage = Stage::new(Snapshot { loops: Some(Arc::new(picture)), ..(*Stage::workday().snapshot).clone() });
    stage.press("2");
    stage
}

#[test]
fn the_view_of_the_loops() {
    let all = [SMALL, USUAL, WIDE, HUGE];
    let mut stage = view(picture());
    stage.app.alerts = vec![
        (
            false,
            "A loop has run 61 steps in api-server".to_owned(),
            "claude-code: your p99 of claude-code in api-server is 41 steps".to_owned(),
        ),
        (true, "Cap reached: daily cap of $20.00".to_owned(), "$20.31 of $20.00 spent".to_owned()),
    ];
    shows("loops", &mut stage, &all);
    stage.press("tab");
    shows("loops_longest", &mut stage, &[USUAL, WIDE]);
    stage.press_all(&["tab", "tab", "b", "b", "b"]);
    shows("loops_alerts", &mut stage, &[USUAL, WIDE]);
    shows("loops_none", &mut view(LoopsPicture::default()), &[SMALL, USUAL]);
}

#[test]
fn every_size_shows_loops_without_tearing() {
    let mut stage = view(picture());
    for (width, height) in [(30, 6), (40, 12), (45, 9), (80, 24), (100, 40), (116, 20), (240, 70)] {
        let screen = lines(&stage.draw(width, height));
        assert_eq!(screen.len(), usize::from(height), "{width}x{height}");
        assert!(
            screen.iter().any(|line| line.contains("61") || height < 9),
            "{width}x{height}: the running loop is not there\n{screen:#?}"
        );
    }
}

#[test]
fn the_selected_task_is_opened_and_its_session_can_be_stopped() {
    let mut stage = view(picture());
    stage.press("down");
    let effects = stage.press("x");
    assert_eq!(effects, [Effect::Send(Command::Find(3, Wish::Stop))]);
    assert_eq!(stage.app.selected, Some(3));
    stage.press("enter");
    assert_eq!(stage.app.view, aifinops::ui::app::View::Session);
    stage.press("2");
    stage.press("esc");
    assert_eq!(stage.app.view, aifinops::ui::app::View::Sessions);
    assert!(text(&stage.draw(80, 24)).contains("AGENT"));
}
