//! The last hour: what is not known of it is said, not summed away.

use std::time::{SystemTime, UNIX_EPOCH};

use aifinops::model::time::rfc3339;
use serde_json::{Value, json};

use super::{FIRST, Machine, answer, prompt};

/// The same log, its answers a minute old.
fn recent(answers: impl Fn(&str, &str) -> Vec<String>) -> Machine {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let [at, later] = [60_000, 50_000].map(|ago| rfc3339(i64::try_from(now).unwrap() - ago));
    let machine = Machine::empty();
    machine
        .write("config.toml", "[prices]\nhouse = { input = \"3\", output = \"15\", cache_read = \"0.30\", cache_write_5m = \"3.75\" }\n");
    let lines = [vec![prompt(FIRST, "p1", &at, "/code/api")], answers(&at, &later)].concat();
    machine.write(&format!("home/.claude/projects/-work-api/{FIRST}.jsonl"), &lines.join("\n"));
    machine
}

fn done(id: &str, at: &str, model: &str) -> String {
    answer(FIRST, id, at, "/code/api", model, r#"{"type":"text","text":"done"}"#)
}

#[test]
fn a_call_whose_counters_are_too_low_makes_the_last_hour_a_lower_bound() {
    // An older release wrote what was counted when the answer began, and no reason why it ended.
    let low =
        |at: &str| done("m1", at, "house").replace(r#""stop_reason":"end_turn""#, r#""stop_reason":null"#).replace("2.1.80", "2.0.10");
    let moment = recent(|at, _| vec![low(at), done("m2", at, "house")]).json(&["top", "--once", "--range", "all"]);
    for cost in [&moment["burn_rate"], &moment["sessions"][0]["last_hour"]] {
        assert_eq!((&cost["lower_bound"], &cost["unpriced_calls"], &cost["basis"]), (&json!(true), &json!(0), &json!("priced")), "{cost}");
        assert_eq!(cost["nano_usd"], 18_000_000);
    }
    let exact = recent(|at, _| vec![done("m1", at, "house")]).json(&["top", "--once", "--range", "all"]);
    assert_eq!(exact["burn_rate"]["lower_bound"], false);
}

#[test]
fn a_call_without_a_price_is_counted_once_wherever_it_is_part_of_the_sum() {
    let moment = recent(|at, _| vec![done("m1", at, "house"), done("m2", at, "nobody-knows-this"), done("m3", at, "nobody-knows-this")])
        .json(&["top", "--once", "--range", "all"]);
    let unpriced = |cost: &Value| (cost["unpriced_calls"].clone(), cost["lower_bound"].clone());
    assert_eq!(moment["projection"], Value::Null, "without a day of history nobody can tell");
    for cost in [&moment["burn_rate"], &moment["sessions"][0]["last_hour"]] {
        assert_eq!(unpriced(cost), (json!(2), json!(true)), "{moment}");
    }
}

#[test]
fn the_tables_loop_is_that_of_the_running_or_last_task() {
    let machine = recent(|at, later| {
        let second = prompt(FIRST, "p2", later, "/code/api");
        vec![done("m1", at, "house"), done("m2", at, "house"), done("m3", at, "house"), second, done("m4", later, "house")]
    });
    let session = machine.json(&["sessions", "--all"])["sessions"][0].clone();
    let (last, longest) = (session["loop_steps"].as_u64().unwrap(), session["longest_loop"].as_u64().unwrap());
    assert!(last < longest, "{session}");
    let table = machine.run(&["sessions", "--all"]).out;
    let head: Vec<&str> = table.lines().nth(1).unwrap().split_whitespace().collect();
    let row: Vec<&str> = table.lines().find(|line| line.contains("claude-code")).unwrap().split_whitespace().collect();
    // The sign of the state has no head.
    let at = head.iter().position(|word| *word == "LOOP").unwrap() + 1;
    assert_eq!(row[at], last.to_string(), "{table}");
}
