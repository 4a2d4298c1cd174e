//! The JSON contract, pinned.

use serde_json::{Value, json};

use super::{CODEX, FIRST, Machine, SECOND};

fn cost(nanos: i64, usd: f64) -> Value {
    json!({"usd": usd, "nano_usd": nanos, "basis": "priced", "lower_bound": false, "unpriced_calls": 0})
}

fn unknown() -> Value {
    json!({"usd": null, "nano_usd": null, "basis": "unknown", "lower_bound": true, "unpriced_calls": 1})
}

fn tokens(input: u64, read: u64, write: u64, output: u64, reasoning: u64) -> Value {
    json!({"input": input, "cache_read": read, "cache_write_5m": write, "cache_write_1h": 0, "output": output, "reasoning": reasoning})
}

fn session<'a>(list: &'a Value, id: &str) -> &'a Value {
    list["sessions"].as_array().unwrap().iter().find(|s| s["id"] == id).unwrap()
}

#[test]
fn sessions_have_the_fields_of_the_contract_first_and_in_order() {
    let machine = Machine::new();
    let out = machine.run(&["sessions", "--all", "--sort", "started", "--json"]).out;
    let head = concat!(
        r#"{"sessions":[{"id":"aaaa2222-0000-4000-8000-000000000002","agent":"claude-code","parent":null,"project":"api","branch":"main","#,
        r#""models":["nobody-knows-this"],"state":"ended","started_at":"2026-11-02T23:40:00.000Z","last_at":"2026-11-02T23:40:05.000Z","#,
        r#""tasks":1,"steps":1,"longest_loop":1,"tool_calls":0,"tool_failures":0,"retries":0,"compactions":0,"#,
        r#""tokens":{"input":1000,"cache_read":5000,"cache_write_5m":400,"cache_write_1h":0,"output":200,"reasoning":0},"#,
        r#""cost":{"usd":null,"nano_usd":null,"basis":"unknown","lower_bound":true,"unpriced_calls":1},"#,
    );
    assert!(out.starts_with(head), "{out}");
    assert!(out.ends_with("}\n"));
}

#[test]
fn sessions_carry_exact_figures() {
    let list = Machine::new().json(&["sessions", "--all"]);
    assert_eq!(list["sessions"].as_array().unwrap().len(), 3);
    assert_eq!(list["window"], json!({"from": null, "to": null}));
    let first = session(&list, FIRST);
    assert_eq!(first["tokens"], tokens(2000, 10_000, 800, 400, 0));
    // 2 × (1000 × 3 + 5000 × 0.30 + 400 × 3.75 + 200 × 15) / 1 000 000
    assert_eq!(first["cost"], cost(18_000_000, 0.018));
    assert_eq!((&first["steps"], &first["longest_loop"], &first["tasks"]), (&json!(2), &json!(2), &json!(1)));
    assert_eq!((&first["tool_calls"], &first["tool_failures"]), (&json!(1), &json!(1)));
    let codex = session(&list, CODEX);
    assert_eq!(codex["tokens"], tokens(2000, 1000, 0, 500, 100));
    assert_eq!(codex["cost"], cost(13_800_000, 0.0138));
    assert_eq!((&codex["agent"], &codex["project"], &codex["branch"]), (&json!("codex"), &json!("web"), &json!("feat/x")));
    assert_eq!((&codex["context_window"], &codex["kind"]), (&json!(258_400), &json!("main")));
}

#[test]
fn money_is_written_digit_by_digit() {
    let machine = Machine::new();
    machine
        .write("config.toml", "[prices]\nhouse = { input = \"0.000001\", output = \"0\", cache_read = \"0\", cache_write_5m = \"0\" }\n");
    let out = machine.run(&["sessions", "--all", "--agent", "claude-code", "--model", "house", "--json"]).out;
    assert!(out.contains(r#""cost":{"usd":0.000000002,"nano_usd":2,"#), "{out}");
}

#[test]
fn the_daily_report_has_rows_of_day_agent_and_model() {
    let report = Machine::new().json(&["report", "daily", "--all"]);
    let rows = json!([
        {"day": "2026-11-01", "agent": "claude-code", "model": "house", "calls": 2, "tokens": tokens(2000, 10_000, 800, 400, 0), "cost": cost(18_000_000, 0.018)},
        {"day": "2026-11-02", "agent": "claude-code", "model": "nobody-knows-this", "calls": 1, "tokens": tokens(1000, 5000, 400, 200, 0), "cost": unknown()},
        {"day": "2026-11-02", "agent": "codex", "model": "house", "calls": 1, "tokens": tokens(2000, 1000, 0, 500, 100), "cost": cost(13_800_000, 0.0138)},
    ]);
    assert_eq!(report["rows"], rows);
    let mut total = cost(31_800_000, 0.0318);
    total["basis"] = json!("mixed");
    total["lower_bound"] = json!(true);
    total["unpriced_calls"] = json!(1);
    assert_eq!(report["total"], json!({"calls": 4, "tokens": tokens(5000, 16_000, 1200, 1100, 100), "cost": total}));
}

#[test]
fn by_narrows_the_rows() {
    let machine = Machine::new();
    let rows = |args: &[&str]| machine.json(args)["rows"].clone();
    let keys = |row: &Value| (row["day"].clone(), row["agent"].clone(), row["model"].clone());
    let days = rows(&["report", "daily", "--all", "--by", "day"]);
    assert_eq!(
        days.as_array().unwrap().iter().map(keys).collect::<Vec<_>>(),
        [(json!("2026-11-01"), Value::Null, Value::Null), (json!("2026-11-02"), Value::Null, Value::Null),]
    );
    let projects = rows(&["report", "monthly", "--all", "--by", "project"]);
    assert_eq!(projects[0]["month"], json!("2026-11"));
    assert_eq!((&projects[0]["project"], &projects[1]["project"]), (&json!("api"), &json!("web")));
    let weeks = rows(&["report", "weekly", "--all", "--by", "agent", "--model", "house"]);
    assert_eq!((&weeks[0]["week"], &weeks[0]["calls"]), (&json!("2026-10-26"), &json!(2)));
    assert_eq!((&weeks[1]["week"], &weeks[1]["agent"]), (&json!("2026-11-02"), &json!("codex")));
    let models = rows(&["report", "models", "--all"]);
    assert_eq!((&models[0]["model"], &models[0]["day"], &models[0]["agent"]), (&json!("house"), &Value::Null, &Value::Null));
    assert_eq!(models[0]["cost"]["nano_usd"], json!(31_800_000));
}

#[test]
fn a_session_has_its_tasks_tools_and_limits() {
    let machine = Machine::new();
    let first = machine.json(&["session", "aaaa1"]);
    assert_eq!(first["id"], FIRST);
    let task = json!([{
        "started_at": "2026-11-01T10:00:00.000Z", "ended_at": "2026-11-01T10:00:09.000Z", "steps": 2, "tool_calls": 1, "tool_failures": 1,
        "retries": 0, "tokens": tokens(2000, 10_000, 800, 400, 0), "cost": cost(18_000_000, 0.018),
    }]);
    assert_eq!(first["task_list"], task);
    assert_eq!(first["tools"], json!([{"name": "Bash", "calls": 1, "failures": 1}]));
    let codex = machine.json(&["session", CODEX]);
    assert_eq!(codex["limits"][0]["used_percent"], json!(10.5));
    assert_eq!(codex["limits"][0]["window_minutes"], json!(300));
}

#[test]
fn one_moment_of_the_screen() {
    let moment = Machine::new().json(&["top", "--once", "--range", "all"]);
    assert_eq!(
        moment["today"],
        cost(0, 0.0)
            .as_object()
            .map(|zero| {
                let mut zero = zero.clone();
                zero["usd"] = json!(0);
                Value::Object(zero)
            })
            .unwrap()
    );
    assert_eq!((&moment["projection"], &moment["live"]), (&Value::Null, &json!(0)));
    assert_eq!(moment["burn_rate"]["nano_usd"], json!(0));
    assert_eq!(moment["sessions"].as_array().unwrap().len(), 3);
}

#[test]
fn people_get_tables() {
    let machine = Machine::new();
    let sessions = machine.run(&["sessions", "--all", "--sort", "started"]);
    let lines: Vec<&str> = sessions.out.lines().collect();
    assert_eq!((sessions.code, lines.len()), (0, 6));
    assert_eq!(lines[0], "3 sessions · all time · 0 live");
    assert!(lines[2].contains("nobody-knows-this") && lines[2].trim_end().ends_with("?  aaaa2222"), "{}", lines[2]);
    assert!(lines[3].contains("$0.01  019e0000"), "{}", lines[3]);
    assert!(lines[5].contains("total") && lines[5].contains("≥$0.03"), "{}", lines[5]);
    let report = machine.run(&["report", "daily", "--all"]).out;
    assert!(report.contains("2026-11-02  house, nobody-knows-this"), "{report}");
    let detail = machine.run(&["session", SECOND]).out;
    assert!(detail.contains("? (no price known)"), "{detail}");
    for args in [&["sessions", "--all"][..], &["report", "daily", "--all", "--breakdown"]] {
        let mut command = machine.command(args);
        let run = super::Run::of(command.env("COLUMNS", "60").output().unwrap());
        let widest = run.out.lines().map(|line| line.chars().count()).max();
        assert!(widest.unwrap() <= 60, "{}", run.out);
    }
}

#[test]
fn what_has_no_directory_has_no_project() {
    let machine = Machine::new();
    let id = "cccc4444-0000-4000-8000-000000000005";
    let log = [
        super::prompt(id, "p5", "2026-11-02T08:00:00.000Z", ""),
        super::answer(id, "m5", "2026-11-02T08:00:05.000Z", "", "house", r#"{"type":"text","text":"hi"}"#),
    ];
    machine.write(&format!("home/.claude/projects/-/{id}.jsonl"), &log.join("\n"));
    assert_eq!(session(&machine.json(&["sessions", "--all"]), id)["project"], Value::Null);
    let rows = machine.json(&["report", "projects", "--all"])["rows"].clone();
    assert!(rows.as_array().unwrap().iter().any(|row| row["project"] == Value::Null), "{rows}");
}

#[test]
fn rows_stand_for_calls_or_a_cost() {
    let machine = Machine::new();
    let id = "cccc4444-0000-4000-8000-000000000005";
    let prompt = super::prompt(id, "p5", "2026-10-20T08:00:00.000Z", "/code/quiet");
    machine.write(&format!("home/.claude/projects/-/{id}.jsonl"), &prompt);
    for args in [&["report", "daily", "--by", "day"][..], &["report", "projects"], &["report", "weekly", "--by", "project"]] {
        let rows = machine.json(&[args, &["--all"]].concat())["rows"].clone();
        assert!(rows.as_array().unwrap().iter().all(|row| row["calls"] != json!(0)), "{args:?}: {rows}");
    }
}

#[test]
fn prices_appear_twice_and_as_they_are_billed() {
    let machine = Machine::new();
    let shown = |model: &str| machine.json(&["prices", "show", model])["models"][0].clone();
    let listed = shown("claude-opus-4-6");
    assert_eq!(listed["web_search"], json!({"usd": 0.01, "nano_usd": 10_000_000}));
    let batch =
        |model: &Value| model["variants"].as_array().unwrap().iter().find(|v| v["tier"] == "batch").unwrap()["per_million_tokens"].clone();
    assert_eq!(batch(&listed)["cache_write_1h"]["usd"], json!(5), "twice the input of a batch");
    assert_eq!(machine.run(&["prices", "set", "claude-opus-4-6", "--input", "4"]).code, 0);
    let own = shown("claude-opus-4-6");
    assert_eq!((&batch(&own)["input"]["usd"], &own["per_million_tokens"]["input"]["usd"]), (&json!(4), &json!(4)));
    for rate in ["output", "cache_read", "cache_write_5m", "cache_write_1h"] {
        assert_eq!(batch(&own)[rate], batch(&listed)[rate], "{rate} of a batch");
        assert_eq!(own["per_million_tokens"][rate], listed["per_million_tokens"][rate], "{rate}");
    }
}

#[cfg(unix)]
#[test]
fn an_edit_answers_with_what_is_wrong_now() {
    let machine = Machine::new();
    let edit = || super::Run::of(machine.command(&["config", "edit", "--json"]).env("EDITOR", "echo").output().unwrap());
    let run = edit();
    let path = machine.path("config.toml").display().to_string();
    assert_eq!(serde_json::from_str::<Value>(&run.out).unwrap(), json!({"path": path, "exists": true, "problems": []}));
    machine.write("config.toml", "range = today");
    let run = edit();
    let answer: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((run.code, answer["problems"].as_array().unwrap().len()), (1, 1), "{answer}");
}
