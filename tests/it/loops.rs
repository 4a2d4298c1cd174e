//! How long loops run: tasks with their steps, models, subagents and calls that came again; and what is unusual in them.

use std::collections::HashMap;

use aifinops::budgets::{Assumed, spent_text};
use aifinops::engine::ingest::Ingest;
use aifinops::model::cap::{Amount, Cap, Span};
use aifinops::model::{Millis, Window};
use aifinops::query::caps::{Asking, Focus, standings};
use aifinops::query::loops::{By, Loop, groups, loops};
use aifinops::store::Store;

use crate::logs::{Home, answer, append, context, count, header, message, prompt, scan, shell, stamp, uuid};

mod lookout;

pub(crate) fn at(n: u64) -> Millis {
    chrono::DateTime::parse_from_rfc3339(&stamp(n)).unwrap().timestamp_millis()
}

/// A session of one task: `steps` calls, each with a tool call; those from `again` on are the same.
pub(crate) fn task(home: &Home, session: &str, first: u64, steps: u64) {
    let log = home.claude(session);
    append(&log, prompt(session, first) + "\n");
    for n in 1..=steps {
        append(&log, answer(session, first + n, first + n, 100, Some(first + n)) + "\n");
    }
}

fn read(home: &Home) -> Ingest {
    let mut ingest = home.reader(Store::open(&home.data()).unwrap().store);
    scan(&mut ingest);
    ingest
}

fn all(home: &Home) -> Vec<Loop> {
    loops(&read(home).store, Window::ALL, &HashMap::new(), at(100_000)).unwrap()
}

#[test]
fn a_task_is_as_long_as_it_has_steps_and_percentiles_are_of_tasks() {
    let home = Home::new();
    for n in 1..=20 {
        task(&home, &uuid(1, n), n * 1000, n);
    }
    let tasks = all(&home);
    assert_eq!(tasks.iter().map(Loop::steps).collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    let group = groups(&tasks.iter().collect::<Vec<_>>(), By::default(), aifinops::model::Zone::UTC).pop().unwrap();
    assert_eq!((group.tasks, group.steps.p50, group.steps.p95, group.steps.p99, group.steps.max), (20, 10, 19, 20, 20));
    // From the prompt to the last answer, a second a line.
    assert_eq!((group.millis.p50, group.millis.max), (10_000, 20_000));
    assert_eq!(group.tool_calls, (210, 0));
    assert_eq!(group.cost.known, tasks.iter().map(|task| task.cost().known).sum());
}

#[test]
fn a_call_that_comes_again_in_its_task_is_counted_once_however_often_it_is_read() {
    let home = Home::new();
    let (first, second) = (uuid(1, 1), uuid(1, 2));
    task(&home, &first, 0, 6);
    task(&home, &first, 100, 1);
    // The session is resumed under another id: its file begins with a copy of everything.
    let copy = std::fs::read_to_string(home.claude(&first)).unwrap().replace(&first, &second);
    append(&home.claude(&second), copy);
    task(&home, &second, 200, 2);
    let mut ingest = read(&home);
    let tasks = loops(&ingest.store, Window::ALL, &HashMap::new(), at(1000)).unwrap();
    let times = |tasks: &[Loop]| tasks.iter().map(|t| t.repeat.as_ref().map(|r| (r.tool.to_string(), r.times))).collect::<Vec<_>>();
    assert_eq!(times(&tasks), [Some(("Bash".to_owned(), 6)), None, Some(("Bash".to_owned(), 2))]);
    // Sums made anew say the same.
    ingest.store.rebuild().unwrap();
    assert_eq!(times(&loops(&ingest.store, Window::ALL, &HashMap::new(), at(1000)).unwrap()), times(&tasks));
}

/// The log of a session's subagent, and a line of it.
fn side(home: &Home, session: &str) -> std::path::PathBuf {
    home.claude(session).with_extension("").join("subagents/agent-abc.jsonl")
}

fn of_side(line: &str) -> String {
    line.replace("\"isSidechain\":false", "\"isSidechain\":true,\"agentId\":\"abc\"") + "\n"
}

#[test]
fn subagents_cost_but_are_no_steps() {
    let home = Home::new();
    let session = uuid(1, 1);
    task(&home, &session, 0, 3);
    for n in 1..=4 {
        append(&side(&home, &session), of_side(&answer(&session, 50 + n, 50 + n, 1000, None)));
    }
    task(&home, &session, 100, 1);
    let tasks = all(&home);
    assert_eq!(tasks.iter().map(Loop::steps).collect::<Vec<_>>(), [3, 1]);
    let (first, second) = (&tasks[0], &tasks[1]);
    assert!(first.subagents.known > first.sums.cost().known && first.cost().known > first.subagents.known);
    assert_eq!(second.subagents, aifinops::model::Cost::default());
}

#[test]
fn sums_made_anew_leave_a_subagents_money_with_its_task() {
    let home = Home::new();
    let session = uuid(1, 1);
    task(&home, &session, 0, 3);
    // Its first answer is begun during the first task, and told in full during the second.
    append(&side(&home, &session), of_side(&answer(&session, 50, 50, 10, None)));
    task(&home, &session, 100, 1);
    append(&side(&home, &session), of_side(&answer(&session, 50, 150, 1000, None)));
    let mut ingest = read(&home);
    let subagents = |ingest: &Ingest| {
        let tasks = loops(&ingest.store, Window::ALL, &HashMap::new(), at(1000)).unwrap();
        tasks.iter().map(|task| task.subagents.known.nanos()).collect::<Vec<_>>()
    };
    let before = subagents(&ingest);
    assert!(before[0] > 0 && before[1] == 0, "{before:?}");
    ingest.store.rebuild().unwrap();
    assert_eq!(subagents(&ingest), before);
}

#[test]
fn a_task_is_its_models_though_the_session_asked_several() {
    let home = Home::new();
    let session = uuid(1, 1);
    task(&home, &session, 0, 2);
    let log = home.claude(&session);
    append(&log, prompt(&session, 20) + "\n");
    for n in 21..24 {
        append(&log, answer(&session, n, n, 10, None).replace("claude-sonnet-4-5", "claude-opus-4-5") + "\n");
    }
    append(&log, answer(&session, 25, 25, 10, None) + "\n");
    let models: Vec<String> = all(&home).iter().map(|task| task.model.as_deref().unwrap().to_owned()).collect();
    assert_eq!(models, ["claude-sonnet-4-5", "claude-opus-4-5"]);
}

#[test]
fn codex_loops_are_told_too() {
    let home = Home::new();
    let thread = uuid(2, 1);
    let log = home.codex(&thread);
    let lines = [
        header(&thread, 0),
        context("t1", 1),
        message(2),
        shell(3),
        count(4, [100, 0, 10], [100, 0, 10]),
        shell(5),
        count(6, [250, 0, 20], [150, 0, 10]),
    ];
    append(&log, lines.join("\n") + "\n");
    let tasks = all(&home);
    assert_eq!((tasks.len(), tasks[0].steps(), tasks[0].sums.tools), (1, 2, 2));
    assert_eq!(tasks[0].repeat.as_ref().map(|r| (&*r.tool, r.times)), Some(("shell", 2)));
}

#[test]
fn a_cap_in_repeats_is_reached_by_a_loop_that_goes_in_circles() {
    let home = Home::new();
    let session = uuid(1, 1);
    task(&home, &session, 0, 4);
    let standing = |limit: &str| {
        let ingest = read(&home);
        let cap = Cap::new("circle", Amount::parse(limit).unwrap(), Span::Task);
        let asking = Asking {
            caps: &[cap],
            raises: &[],
            beyond: &aifinops::query::caps::Beyond::default(),
            assumed: Assumed::default(),
            week_start: chrono::Weekday::Mon,
            now: at(10),
            zone: aifinops::model::Zone::UTC,
        };
        let focus = Focus::from(ingest.store.session_of("claude-code", &session).unwrap().unwrap());
        standings(&ingest.store, &asking, Some(&focus)).unwrap().pop().unwrap()
    };
    let reached = standing("4 repeats");
    assert!(reached.halts());
    assert_eq!(spent_text(&reached), "the same tool call made 4 times of 4");
    assert!(!standing("5 repeats").halts());
    // Another task begins anew.
    task(&home, &session, 100, 2);
    assert_eq!(standing("4 repeats").spent().count, 2);
}
