//! `export`: what the files hold, where they go, and what they never hold.

mod cells;
mod files;
mod focus;
mod page;
mod places;
mod rules;

use serde_json::{Value, json};

use super::{CODEX, FIRST, HOSTILE, Machine, SECOND};

/// The rows of a CSV file, each by the names of its columns.
type Rows = Vec<std::collections::BTreeMap<String, String>>;

fn csv(text: &str) -> Rows {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn row<'a>(rows: &'a Rows, column: &str, value: &str) -> &'a std::collections::BTreeMap<String, String> {
    rows.iter().find(|row| row[column] == value).unwrap()
}

/// What an export writes to standard output.
fn export(machine: &Machine, args: &[&str]) -> String {
    let run = machine.run(&[&["export"], args].concat());
    assert_eq!(run.code, 0, "{args:?}: {}", run.err);
    run.out
}

#[test]
fn sessions_as_a_spreadsheet_takes_them() {
    let rows = csv(&export(&Machine::new(), &["sessions"]));
    assert_eq!(rows.iter().map(|row| row["id"].as_str()).collect::<Vec<_>>(), [FIRST, CODEX, SECOND], "by the time they began");
    let first = row(&rows, "id", FIRST);
    let figures = ["tasks", "steps", "tool_calls", "tool_failures", "input_tokens", "cache_read_tokens", "cost_usd", "cost_basis"];
    assert_eq!(figures.map(|name| first[name].as_str()), ["1", "2", "1", "1", "2000", "10000", "0.018", "priced"]);
    assert_eq!((first["started_at"].as_str(), first["models"].as_str()), ("2026-11-01T10:00:00.000Z", "house"));
    let second = row(&rows, "id", SECOND);
    assert_eq!(
        ["cost_usd", "cost_basis", "cost_is_lower_bound", "unpriced_calls"].map(|name| second[name].as_str()),
        ["", "unknown", "true", "1"]
    );
}

#[test]
fn tasks_calls_and_days_add_up_to_the_same() {
    let machine = Machine::new();
    let sum = |what| {
        let rows = csv(&export(&machine, &[what]));
        let nanos = |row: &std::collections::BTreeMap<String, String>| rules::Number::read(&row["cost_usd"]).map_or(0, |n| n.in_units(9));
        (
            rows.len(),
            rows.iter().map(nanos).sum::<i128>(),
            rows.iter().map(|row| row["unpriced_calls"].parse::<u64>().unwrap()).sum::<u64>(),
        )
    };
    assert_eq!(["sessions", "tasks", "calls", "days"].map(sum), [3, 3, 4, 3].map(|rows| (rows, 31_800_000, 1)));
}

#[test]
fn calls_come_in_the_order_of_time_with_their_task_and_model() {
    let rows = csv(&export(&Machine::new(), &["calls"]));
    let at: Vec<&str> = rows.iter().map(|row| row["at"].as_str()).collect();
    assert!(at.is_sorted() && at[0] == "2026-11-01T10:00:05.000Z", "{at:?}");
    assert_eq!(rows[0]["task"], rows[1]["task"]);
    assert_ne!(rows[0]["call"], rows[1]["call"]);
    assert_eq!(
        ["session", "project", "branch", "model", "tier", "cost_usd"].map(|c| rows[0][c].as_str()),
        [FIRST, "api", "main", "house", "standard", "0.009"]
    );
}

#[test]
fn windows_and_filters_hold() {
    let machine = Machine::new();
    let ids = |args: &[&str], column: &str| csv(&export(&machine, args)).iter().map(|row| row[column].clone()).collect::<Vec<_>>();
    assert_eq!(ids(&["sessions", "--agent", "codex"], "id"), [CODEX]);
    assert_eq!(ids(&["tasks", "--since", "2026-11-02"], "session"), [CODEX, SECOND]);
    assert_eq!(ids(&["calls", "--until", "2026-11-01"], "session"), [FIRST, FIRST]);
    assert_eq!(ids(&["days", "--model", "nobody"], "model"), ["nobody-knows-this"]);
    assert_eq!(ids(&["calls", "--model", "house", "--agent", "claude"], "model"), ["house", "house"]);
}

#[test]
fn json_keeps_the_shapes_of_the_contract() {
    let machine = Machine::new();
    let document: Value = serde_json::from_str(&export(&machine, &["tasks", "--format", "json"])).unwrap();
    let first = &document["tasks"][0];
    assert_eq!(
        first["tokens"],
        json!({"input": 2000, "cache_read": 10_000, "cache_write_5m": 800, "cache_write_1h": 0, "output": 400, "reasoning": 0})
    );
    assert_eq!(first["cost"], json!({"usd": 0.018, "nano_usd": 18_000_000, "basis": "priced", "lower_bound": false, "unpriced_calls": 0}));
    assert_eq!(document["window"], json!({"from": null, "to": null}));
    let lines = export(&machine, &["tasks", "--format", "jsonl"]);
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(Value::Array(lines), document["tasks"]);
    let run = machine.run(&["export", "sessions", "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap()["sessions"].as_array().unwrap().len(), 3);
    assert_eq!(export(&Machine::empty(), &["days", "--format", "json"]), "{\"days\":[\n],\"window\":{\"from\":null,\"to\":null}}\n");
}

#[test]
fn a_summary_says_what_a_reviewer_asks() {
    let machine = Machine::new();
    let text = export(&machine, &["session", "aaaa1"]);
    for line in [
        "### Agent session in `api`",
        "| Branch | `main` |",
        "| When | 2026-11-01 10:00 to 2026-11-01 10:00 (UTC) |",
        "| Cost | $0.02 (list prices of ",
        "| Tasks | 1, 2 steps |",
        "| Loops | 2 steps at the median, 2 at most |",
        "| Tool calls | 1, 1 failed |",
        "| `house` | 2 | 13.2k | $0.02 |",
        "| `Bash` | 1 | 1 |",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    assert!(export(&machine, &["session", "aaaa2"]).contains("| Cost | ? (no price known, 1 call without a price) |"));
    let json: Value = serde_json::from_str(&export(&machine, &["session", "aaaa1", "--format", "json"])).unwrap();
    assert_eq!((&json["id"], &json["loops"]), (&json!(FIRST), &json!({"p50": 2, "p95": 2, "max": 2})));
    assert_eq!((&json["tools"], &json["cost"]["nano_usd"]), (&json!([{"name": "Bash", "calls": 1, "failures": 1}]), &json!(18_000_000)));
    assert_eq!(json["models"][0]["name"], "house");
    assert_eq!(machine.run(&["export", "session", "zzzz"]).code, 3);
}

#[test]
fn no_export_holds_a_prompt_or_drives_anything() {
    let machine = Machine::new().with_hostile_log();
    for what in ["sessions", "tasks", "calls", "days"] {
        for format in ["csv", "json", "jsonl", "markdown", "html"] {
            innocent(&export(&machine, &[what, "--format", format]));
        }
    }
    for format in ["md", "html", "json"] {
        innocent(&export(&machine, &["session", HOSTILE, "--format", format]));
    }
    innocent(&export(&machine, &["focus"]));
}

fn innocent(text: &str) {
    for word in ["do it", "please", "\u{1b}", "\u{202e}", "\u{7}", "\u{9b}"] {
        assert!(!text.contains(word), "{word:?}: {text}");
    }
}

#[test]
fn every_help_has_an_example() {
    let machine = Machine::empty();
    for command in [&[][..], &["sessions"], &["tasks"], &["calls"], &["days"], &["session"], &["focus"]] {
        let run = machine.run(&[&["export"], command, &["--help"]].concat());
        assert!(run.code == 0 && run.out.contains("EXAMPLES:") && run.out.contains("aifinops export"), "{command:?}");
    }
}
