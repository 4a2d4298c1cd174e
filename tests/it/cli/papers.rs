//! The README's chapter on JSON, beside the answers.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{CODEX, FIRST, Machine};
use crate::papers::{README, names, section};

#[test]
fn what_doctor_finds_is_listed() {
    let answer = Machine::new().run(&["doctor", "--json"]).out;
    let rows = section("### `doctor --json`").lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let found: BTreeSet<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(rows.collect::<BTreeSet<_>>(), found);
}

#[test]
fn every_part_of_a_setting_is_named() {
    let shown = Machine::empty().json(&["config", "show"]);
    let keys: Vec<&str> = shown["settings"].as_array().unwrap().iter().map(|row| row["key"].as_str().unwrap()).collect();
    let parts: Vec<&&str> = keys.iter().filter(|key| key.contains('.')).collect();
    assert!(parts.len() > 25);
    let unsaid: Vec<&&&str> = parts.iter().filter(|key| !README.contains(**key)).collect();
    assert!(unsaid.is_empty(), "{unsaid:?}");
}

/// All names of fields in an answer.
fn fields(answer: &Value, found: &mut BTreeSet<String>) {
    match answer {
        Value::Object(object) => {
            for (name, value) in object {
                found.insert(name.clone());
                fields(value, found);
            }
        }
        Value::Array(values) => values.iter().for_each(|value| fields(value, found)),
        _ => {}
    }
}

#[test]
fn every_field_of_an_answer_is_in_the_chapter_on_json() {
    let machine = Machine::new();
    machine.write(
        "config.toml",
        "[prices]\nhouse = { input = \"3\", output = \"15\", cache_read = \"0.30\", cache_write_5m = \"3.75\" }\n[experiments.new-router]\nowner = \"ana\"\nbudget = \"$200\"\n",
    );
    let kept = machine.path("history.gz");
    let kept = kept.to_str().unwrap();
    let chapter = names(section("## JSON"));
    let mut unsaid: Vec<String> = Vec::new();
    for line in [
        "top --all",
        "sessions --all",
        &format!("session {FIRST}"),
        &format!("session {CODEX}"),
        "report daily --all",
        "report --by month,project,feature --all",
        "waste --all --what-if house",
        "loops --all --by week",
        "trends --all",
        "forecast",
        "forecast --backtest",
        &format!("tag {FIRST} feature=checkout"),
        &format!("tag {FIRST}"),
        "tag --list",
        "experiments",
        "cap set 20",
        "cap set 60steps --per task",
        "cap raise 5 day",
        "cap show",
        "cap clear day",
        "cap log",
        "guard status",
        "guard install --all --dry-run",
        "alerts list",
        "alerts snooze burn_rate 2h",
        "alerts wake burn_rate",
        "statusline --plain",
        "statusline install --dry-run",
        "store info",
        "store compact",
        &format!("store export {kept}"),
        &format!("store import {kept}"),
        "prices show",
        "prices show claude-opus-4-6",
        "prices set mine --input 1 --output 2",
        "config",
        "config show",
        "config path",
        "config set theme nord",
        "export sessions",
        "export tasks",
        "export calls",
        "export days",
        &format!("export session {FIRST}"),
        "gateway status",
        "gpu history",
        "gpu prices",
        "doctor",
    ] {
        let answer = machine.json(&line.split(' ').collect::<Vec<_>>());
        let mut found = BTreeSet::new();
        fields(&answer, &mut found);
        // Of the backtest the chapter says so once for all of them.
        let is_said = |name: &str| chapter.contains(name.strip_prefix("straight_line_").unwrap_or(name));
        unsaid.extend(found.iter().filter(|name| !is_said(name)).map(|name| format!("{line}: {name}")));
    }
    assert!(unsaid.is_empty(), "{unsaid:#?}");
}
