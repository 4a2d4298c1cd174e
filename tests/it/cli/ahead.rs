//! `forecast` and `trends` as programs and people get them.

use aifinops::model::time::rfc3339;
use serde_json::{Value, json};

use super::{FIRST, Machine, answer, prompt};

const DAY: i64 = 24 * 3_600_000;

/// A machine on which the same has been done at noon of each of the last so many days, today not.
fn worked_for(days: i64) -> Machine {
    let machine = Machine::empty();
    machine.write("config.toml", "[prices]\nhouse = { input = \"3\", output = \"15\", cache_read = \"0.30\", cache_write_5m = \"3.75\" }\n\n[caps.day]\nlimit = \"1000\"\n");
    let now = i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap();
    let today = now - now.rem_euclid(DAY);
    let mut lines = Vec::new();
    for day in 1..=days {
        let at = |seconds: i64| rfc3339(today - day * DAY + DAY / 2 + seconds * 1000);
        lines.push(prompt(FIRST, &format!("p{day}"), &at(0), "/code/api"));
        lines.push(answer(FIRST, &format!("m{day}"), &at(5), "/code/api", "house", r#"{"type":"text","text":"done"}"#));
    }
    lines.reverse();
    machine.write(&format!("home/.claude/projects/-work-api/{FIRST}.jsonl"), &lines.join("\n"));
    machine
}

/// What one answer costs.
const ANSWER: i64 = 9_000_000;

#[test]
fn a_forecast_says_what_it_comes_from() {
    let found = worked_for(20).json(&["forecast"]);
    assert_eq!((&found["footing"], &found["history_days"]), (&json!("history"), &json!(19)));
    let spans: Vec<&Value> = found["forecasts"].as_array().unwrap().iter().map(|span| &span["span"]).collect();
    assert_eq!(spans, ["day", "week", "month"]);
    let cap = &found["caps"][0];
    assert_eq!((&cap["name"], &cap["reached"], &cap["reach"]["permille"]), (&json!("day"), &json!(false), &json!(0)));
    assert_eq!((&cap["allowed"]["nano_usd"], &cap["reach"]["likely"]), (&json!(1_000_000_000_000_i64), &Value::Null));
    for (days, footing) in [(0, "none"), (1, "few_days"), (4, "few_days")] {
        let machine = worked_for(days);
        let found = machine.json(&["forecast"]);
        assert_eq!(found["footing"], footing, "{days}");
        assert_eq!(found["forecasts"][1]["likely"].is_null(), days == 0, "{days}");
        if days == 4 {
            assert!(machine.run(&["forecast"]).out.contains("from only 3 days of history"));
        }
    }
}

#[test]
fn people_get_a_table_with_a_range_and_when_caps_are_reached() {
    let out = worked_for(20).run(&["forecast"]).out;
    for words in [
        "from 19 days of history",
        "today",
        "this week",
        "this month",
        "8 OF 10",
        "daily cap of $1,000.00",
        "will not be reached before it resets",
    ] {
        assert!(out.contains(words), "{words}\n{out}");
    }
    let nothing = Machine::empty().run(&["forecast"]);
    assert!(nothing.code == 0 && nothing.out.contains("No agent logs found"), "{}", nothing.out);
    let first = worked_for(0);
    first.write("home/.claude/projects/-work-api/x.jsonl", &prompt(FIRST, "p", &rfc3339(1_780_000_000_000), "/code/api"));
    assert_eq!(first.run(&["forecast"]).code, 0);
}

#[test]
fn a_back_test_prints_both_errors() {
    let machine = worked_for(20);
    let found = machine.json(&["forecast", "--backtest"]);
    let day = &found["backtest"][0];
    // Every day is the same: nothing is missed, while a line ends at twice as much in the middle of the afternoon.
    assert_eq!((&day["span"], &day["median_error_permille"]), (&json!("day"), &json!(0)));
    assert!(day["straight_line_median_error_permille"].as_i64().unwrap() > 300, "{day}");
    let out = machine.run(&["forecast", "--backtest"]).out;
    assert!(out.contains("STRAIGHT LINE") && out.contains("0.0%"), "{out}");
    assert!(worked_for(1).run(&["forecast", "--backtest"]).out.contains("no whole day"));
}

#[test]
fn trends_have_a_row_for_each_period_and_its_change() {
    let machine = worked_for(20);
    let found = machine.json(&["trends", "daily"]);
    let rows = found["rows"].as_array().unwrap();
    assert_eq!((&found["period"], rows.len()), (&json!("day"), 14));
    let row = &rows[5];
    assert_eq!((&row["tasks"], &row["sessions"], &row["calls"], &row["running"]), (&json!(1), &json!(1), &json!(1), &json!(false)));
    assert_eq!((&row["cost"]["nano_usd"], &row["usd_per_task"]["nano_usd"]), (&json!(ANSWER), &json!(ANSWER)));
    assert_eq!((&row["tokens_per_request_p50"], &row["tokens_per_request_p99"]), (&json!(6_600), &json!(6_600)));
    // 5000 of 6400 prompt tokens.
    assert_eq!((&row["cache_hit_permille"], &row["retry_permille"], &row["tool_failure_permille"]), (&json!(781), &json!(0), &Value::Null));
    assert_eq!((&row["change_permille"]["cost"], &row["change_permille"]["usd_per_task"]), (&json!(0), &json!(0)));
    // 3 + 1.5 + 1.5 thousandths of a dollar for 6400 tokens in.
    assert_eq!(row["models"][0]["usd_per_million_in"]["nano_usd"], json!(937_500_000));
    assert_eq!(row["models"][0]["usd_per_million_out"]["nano_usd"], json!(15_000_000_000_i64));
    assert_eq!(rows[13]["running"], true);
    let all = machine.json(&["trends", "daily", "--all"]);
    assert_eq!(all["rows"].as_array().unwrap().len(), 21, "from the first day on");
    let none = machine.run(&["trends", "weekly", "agent:codex"]);
    assert!(none.code == 0 && none.out.contains("filter"), "{}", none.out);
    let table = machine.run(&["trends"]).out;
    assert!(table.contains("PER TASK") && table.contains("1M IN") && table.contains("house"), "{table}");
}
