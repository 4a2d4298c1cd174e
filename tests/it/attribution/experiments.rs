//! Experiments: a budget and a last day; over either it is told once, and blocked where that is asked for.

use std::fs;

use chrono::{Duration, Utc};
use serde_json::Value;

use super::{CODEX, MAIN, Machine, OTHER};

/// An experiment called `router`, that the shop's sessions belong to.
fn config(parts: &str) -> String {
    format!("[[attribution]]\nproject = \"shop\"\nset = {{ experiment = \"router\" }}\n\n[experiments.router]\nowner = \"ana\"\n{parts}\n")
}

fn day(days: i64) -> String {
    (Utc::now() + Duration::days(days)).format("%Y-%m-%d").to_string()
}

fn first(machine: &Machine) -> Value {
    machine.json(&["experiments"])["experiments"][0].clone()
}

/// What is told of experiments now: the key that it is told once for, and the title.
fn alerts(machine: &Machine) -> Vec<(String, String)> {
    let lines = machine.ok(&["watch", "--once", "--json"]);
    let all = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let text = |alert: &Value, key: &str| alert[key].as_str().unwrap().to_owned();
    all.filter(|alert| alert["kind"] == "experiment").map(|alert| (text(&alert, "key"), text(&alert, "title"))).collect()
}

#[test]
fn an_experiment_costs_what_its_sessions_cost() {
    let machine = Machine::new(&config(&format!("budget = \"$10\"\nends = {}", day(3))));
    let found = first(&machine);
    assert_eq!((&found["state"], &found["spent"]["usd"], &found["left"]["usd"]), (&"running".into(), &3.into(), &7.into()));
    assert_eq!(
        (&found["sessions"], &found["used_permille"], &found["owner"], &found["ends"]),
        (&2.into(), &300.into(), &"ana".into(), &day(3).into())
    );
    machine.ok(&["tag", OTHER, "experiment=router"]);
    assert_eq!(first(&machine)["spent"]["usd"], 4);
    machine.ok(&["tag", MAIN, "experiment=none"]);
    assert_eq!(first(&machine)["spent"]["usd"], 1, "the subagent leaves with its session");
    let text = machine.ok(&["experiments"]);
    assert!(text.contains("router") && text.contains("$1.00") && text.contains("$10.00") && text.contains("running"), "{text}");
}

#[test]
fn over_its_budget_its_sessions_are_blocked_and_no_others() {
    let machine = Machine::new(&config("budget = 3\naction = \"block\""));
    machine.ok(&["sessions"]);
    let answer = machine.ask("claude-code", MAIN, "/code/shop", &[]);
    assert!(answer.contains("$3.00 of $3.00 spent: the experiment router is over its budget. Ask ana"), "{answer}");
    assert_eq!(machine.ask("claude-code", OTHER, "/code/notes", &[]), "");
    assert_eq!(machine.ask("codex", CODEX, "/code/web", &[]), "");
    // One that no log shows yet, in the same project.
    assert!(machine.ask("claude-code", "cccc0000-0000-4000-8000-000000000009", "/code/shop", &[]).contains("over its budget"));
    assert_eq!(first(&machine)["stops"], true);
    let log = machine.json(&["cap", "log"]);
    assert!(log.to_string().contains("experiment.router"), "{log}");
    machine.configure(&config("budget = 3.01\naction = \"block\""));
    assert_eq!(machine.ask("claude-code", MAIN, "/code/shop", &[]), "");
    machine.configure(&config("budget = 3\naction = \"warn\""));
    assert_eq!(machine.ask("claude-code", MAIN, "/code/shop", &[]), "", "who only wants to hear of it is not blocked");
}

#[test]
fn after_its_last_day_it_is_over_whatever_is_left() {
    let of = |ends: &str| Machine::new(&config(&format!("budget = 1000\nends = \"{ends}\"\naction = \"block\"")));
    let machine = of(&day(-1));
    machine.ok(&["sessions"]);
    let found = first(&machine);
    assert_eq!((&found["state"], &found["stops"], &found["left"]["usd"]), (&"ended".into(), &true.into(), &997.into()));
    assert!(machine.ask("claude-code", MAIN, "/code/shop", &[]).contains(&format!("the experiment router has ended with {}", day(-1))));
    // Not before the day is over.
    let machine = of(&day(0));
    machine.ok(&["sessions"]);
    assert_eq!(first(&machine)["state"], "running");
    assert_eq!(machine.ask("claude-code", MAIN, "/code/shop", &[]), "");
}

#[test]
fn each_of_its_states_is_told_once() {
    let machine = Machine::new(&config("budget = \"$3.50\""));
    let mut keys = std::collections::BTreeSet::new();
    let ended = format!("budget = \"$200\"\nends = {}", day(-2));
    for (parts, title) in [
        ("budget = \"$3.50\"", "80% of the budget of $3.50 of the experiment router"),
        ("budget = \"$2\"", "The experiment router is over its budget"),
        (&ended, "The experiment router has ended; $3.00 spent"),
    ] {
        machine.configure(&config(parts));
        let told = alerts(&machine);
        assert_eq!(told.iter().map(|(_, title)| title.as_str()).collect::<Vec<_>>(), [title]);
        assert_eq!(alerts(&machine), [], "it is told once");
        keys.extend(told.into_iter().map(|(key, _)| key));
    }
    assert_eq!(keys.len(), 3);
    machine.configure("");
    assert_eq!(alerts(&machine), []);
}

#[test]
fn a_broken_experiment_is_told_by_its_line_and_costs_only_itself() {
    let machine = Machine::new(
        "[experiments.a]\nowner = \"ana\"\n\n[experiments.b]\nbudget = \"5M tokens\"\n\n[experiments.c]\nbudget = 5\nends = \"soon\"\n\n[experiments.d]\nbudget = 5\naction = \"stop\"\n\n[experiments.e]\nbudget = 5\n\n[caps.\"experiment.e\"]\nlimit = 1\n",
    );
    let output = machine.run(&["experiments"]);
    let told = String::from_utf8(output.stderr).unwrap();
    for (line, why) in [
        (1, "experiments.a.budget: is missing"),
        (5, "experiments.b.budget: `5M tokens` is no money"),
        (9, "experiments.c.ends: `soon` is no day"),
        (13, "experiments.d.action: `stop` is not one of the allowed values"),
        (18, "names that begin with `experiment.`"),
    ] {
        assert!(told.lines().any(|one| one.contains(&format!("config.toml:{line}: ")) && one.contains(why)), "{line} {why}: {told}");
    }
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 2, "{text}");
}

#[test]
fn a_slip_of_the_pen_sets_nobody_free() {
    let machine = Machine::new(&config("budget = 3\naction = \"block\""));
    machine.ok(&["sessions"]);
    machine.ok(&["experiments"]);
    for broken in ["budget = 3x\naction = \"block\"", "budget = 3\naction = \"blok\"", "budget = 3\naction = \"block"] {
        machine.configure(&config(broken));
        assert!(machine.ask("claude-code", MAIN, "/code/shop", &[]).contains("over its budget"), "{broken}");
        let output = machine.run(&["sessions"]);
        assert!(String::from_utf8_lossy(&output.stderr).contains("what was there before holds: router"), "{output:?}");
    }
    machine.configure("");
    machine.ok(&["experiments"]);
    machine.configure(&config("budget = 3x"));
    assert_eq!(machine.ask("claude-code", MAIN, "/code/shop", &[]), "", "who has taken it away does not get it back");
}

#[test]
fn a_cap_cannot_be_raised_over_an_experiment() {
    let machine = Machine::new(&config("budget = 1\naction = \"block\""));
    let output = machine.run(&["cap", "raise", "10", "experiment.router"]);
    assert!(!output.status.success());
    let before = fs::read(machine.path("config.toml")).unwrap();
    machine.ok(&["config", "set", "experiments.router.budget", "50"]);
    assert_ne!(fs::read(machine.path("config.toml")).unwrap(), before);
    assert_eq!(first(&machine)["budget"]["usd"], 50);
}

/// What the hook says that has been spent, of a budget of a cent.
fn hook_says(machine: &Machine) -> String {
    let answer = machine.ask("claude-code", MAIN, "/code/shop", &[]);
    answer.split("aifinops: ").nth(1).and_then(|rest| rest.split(" of $0.01 spent").next()).unwrap_or_else(|| panic!("{answer}")).to_owned()
}

#[test]
fn a_hook_remembers_earlier_days_and_still_sees_every_change() {
    let machine = Machine::new(&config("budget = 0.01\naction = \"block\""));
    let old = |id: &str, call: &str| {
        let line = super::call(id, call, 0, "shop", "main");
        let at = line.find("\"timestamp\":\"").unwrap() + 13;
        format!("{}{}{}", &line[..at], (Utc::now() - Duration::days(9)).format("%Y-%m-%dT%H:%M:%S%.3fZ"), &line[at + 24..])
    };
    let path = |id: &str| format!("home/.claude/projects/-code-shop/{id}.jsonl");
    let (quiet, late) = ("dddd0000-0000-4000-8000-000000000001", "dddd0000-0000-4000-8000-000000000002");
    machine.write(&path(quiet), &[old(quiet, "o1")]);
    machine.ok(&["sessions"]);
    let whole = |machine: &Machine| format!("${}.00", first(machine)["spent"]["usd"]);
    for _ in 0..2 {
        assert_eq!((hook_says(&machine), whole(&machine)), ("$4.00".to_owned(), "$4.00".to_owned()));
    }
    // Another log of earlier days comes to light.
    machine.write(&path(late), &[old(late, "o2")]);
    machine.ok(&["sessions"]);
    assert_eq!((hook_says(&machine), whole(&machine)), ("$5.00".to_owned(), "$5.00".to_owned()));
    // A session of earlier days goes on.
    machine.write(&path(quiet), &[old(quiet, "o1"), super::call(quiet, "n1", 5, "shop", "main")]);
    machine.ok(&["sessions"]);
    assert_eq!((hook_says(&machine), whole(&machine)), ("$6.00".to_owned(), "$6.00".to_owned()));
    // A tag takes one of them out.
    machine.ok(&["tag", late, "experiment=none"]);
    assert_eq!((hook_says(&machine), whole(&machine)), ("$5.00".to_owned(), "$5.00".to_owned()));
}
