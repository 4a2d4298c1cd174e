//! One line, whatever is handed over: for Claude Code's status line, for tmux, for a prompt.

use std::fs;
use std::io::Write as _;
use std::process::Stdio;

use serde_json::{Value, json};

use super::{CODEX, FIRST, Machine, Run, SECOND, answer, prompt};
use crate::papers::section;

/// What Claude Code hands over; the tests take away from it.
fn handed(machine: &Machine) -> Value {
    json!({
        "session_id": FIRST,
        "transcript_path": machine.path(&format!("home/.claude/projects/-work-api/{FIRST}.jsonl")),
        "cwd": "/code/api",
        "model": {"id": "house", "display_name": "House"},
        "workspace": {"current_dir": "/code/api", "project_dir": "/code/api"},
        "version": "2.1.197",
        "cost": {"total_cost_usd": 7.5, "total_duration_ms": 2768},
        "context_window": {"context_window_size": 200_000, "used_percentage": 34.5},
        "rate_limits": {
            "five_hour": {"used_percentage": 42, "resets_at": 4_100_000_000_u64},
            "seven_day": {"used_percentage": 36.04, "resets_at": 4_100_000_000_u64},
        },
    })
}

fn ask(machine: &Machine, args: &[&str], stdin: &[u8]) -> Run {
    let mut command = machine.command(&[&["statusline"], args].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A line that reads nothing may have ended by now.
    let _ = child.stdin.take().unwrap().write_all(stdin);
    let run = Run::of(child.wait_with_output().unwrap());
    assert_eq!((run.code, run.err.as_str(), run.out.matches('\n').count()), (0, "", 1), "{}", run.out);
    run
}

/// A machine whose logs have been read.
fn known() -> Machine {
    let machine = Machine::new();
    assert_eq!(machine.run(&["sessions", "--all"]).code, 0);
    machine
}

fn line(machine: &Machine, handed: &Value) -> String {
    ask(machine, &["--color", "never"], handed.to_string().as_bytes()).out
}

#[test]
fn before_all_logs_have_been_read_todays_spend_is_not_known_and_the_sessions_is() {
    let machine = Machine::new();
    assert_eq!(
        line(&machine, &handed(&machine)),
        "session $0.02 · today ? · ?/h · loop 2 · context 34% · 5h 42% · week 36%\n",
        "its log has been read, and nobody else's"
    );
    assert_eq!(ask(&Machine::new(), &["--plain"], b"").out, "today ? · ?/h\n");
    // A script waits, and is told.
    let json: Value = serde_json::from_str(&ask(&Machine::new(), &["--plain", "--json"], b"").out).unwrap();
    assert_eq!((&json["today"]["nano_usd"], &json["live"]), (&json!(0), &json!(0)));
    // Where no other log is, nothing else was spent.
    let alone = Machine::empty();
    let id = "cccc4444-0000-4000-8000-000000000009";
    alone.write(&format!("home/.claude/projects/-work-api/{id}.jsonl"), &prompt(id, "p", "2026-11-01T10:00:00.000Z", "/code/api"));
    let handed = json!({"session_id": id, "transcript_path": alone.path(&format!("home/.claude/projects/-work-api/{id}.jsonl"))});
    assert_eq!(line(&alone, &handed), "session $0.00 · today $0.00 · $0.00/h\n");
}

#[test]
fn a_session_is_told_in_one_line() {
    let machine = known();
    assert_eq!(line(&machine, &handed(&machine)), "session $0.02 · today $0.00 · $0.00/h · loop 2 · context 34% · 5h 42% · week 36%\n");
    // A step that has just been written counts at once.
    let log = machine.path(&format!("home/.claude/projects/-work-api/{FIRST}.jsonl"));
    for n in 0..100 {
        let step = answer(FIRST, &format!("new{n}"), "2026-11-01T10:01:00.000Z", "/code/api", "house", r#"{"type":"text","text":"x"}"#);
        fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(format!("{step}\n").as_bytes()).unwrap();
    }
    assert!(line(&machine, &handed(&machine)).starts_with("session $0.92 · today $0.00 · $0.00/h · loop 102 · "), "102 × $0.009");
}

#[test]
fn a_session_that_no_log_shows_yet_costs_what_its_agent_says() {
    let machine = known();
    let mut handed = handed(&machine);
    handed["session_id"] = json!("ffffffff-0000-4000-8000-00000000000f");
    handed["transcript_path"] = json!("/nowhere/ffffffff-0000-4000-8000-00000000000f.jsonl");
    assert_eq!(line(&machine, &handed), "session $7.50 · today $0.00 · $0.00/h · context 34% · 5h 42% · week 36%\n");
    // What has no known price is no zero.
    handed["session_id"] = json!(SECOND);
    handed["transcript_path"] = json!(machine.path(&format!("home/.claude/projects/-work-api/{SECOND}.jsonl")));
    assert!(line(&machine, &handed).starts_with("session ? · "));
}

#[test]
fn todays_spend_stands_against_its_cap_and_another_cap_that_binds_beside_it() {
    let machine = Machine::new();
    let now = chrono::Utc::now().format("%Y-%m-%dT%H:%M:%S.000Z").to_string();
    let id = "cccc4444-0000-4000-8000-000000000009";
    machine.write(
        &format!("home/.claude/projects/-work-api/{id}.jsonl"),
        &[prompt(id, "p", &now, "/code/api"), answer(id, "m", &now, "/code/api", "house", r#"{"type":"text","text":"x"}"#)].join("\n"),
    );
    let config = fs::read_to_string(machine.path("config.toml")).unwrap();
    machine.write("config.toml", &format!("{config}[caps.day]\nlimit = \"$0.01\"\n[caps.task]\nper = \"task\"\nlimit = \"1 step\"\n"));
    assert_eq!(machine.run(&["sessions", "--all"]).code, 0);
    let handed = json!({"session_id": id, "transcript_path": machine.path(&format!("home/.claude/projects/-work-api/{id}.jsonl"))});
    let line = line(&machine, &handed);
    assert!(line.contains("today $0.009 of $0.01 (90%) · task 1 step of 1 step (100%) · $0.009/h · loop 1"), "{line}");
    assert_eq!(machine.run(&["cap", "raise", "0.01", "day"]).code, 0);
    let raised = self::line(&machine, &handed);
    assert!(raised.contains("today $0.009 of $0.02 (45%)"), "{raised}");
}

#[test]
fn limits_that_are_told_are_kept_with_the_session() {
    let machine = Machine::new();
    line(&machine, &handed(&machine));
    let limits = |id: &str| machine.json(&["session", id])["limits"].clone();
    let told = limits(FIRST);
    let seen: Vec<_> = told.as_array().unwrap().iter().map(|l| (&l["window_minutes"], &l["used_percent"], &l["resets_at"])).collect();
    let at = json!("2099-12-03T16:53:20.000Z");
    assert_eq!(seen, [(&json!(300), &json!(42.0), &at), (&json!(10_080), &json!(36.0), &at)]);
    // The same again writes nothing, something else does.
    line(&machine, &handed(&machine));
    assert_eq!(limits(FIRST), told);
    let mut more = handed(&machine);
    more["rate_limits"]["five_hour"]["used_percentage"] = json!(43.2);
    line(&machine, &more);
    assert_eq!(limits(FIRST)[0]["used_percent"], json!(43.2));
    // Where the agent tells nothing, what it told before holds until the window begins anew.
    more.as_object_mut().unwrap().remove("rate_limits");
    assert!(line(&machine, &more).ends_with(" · 5h 43% · week 36%\n"));
    assert_eq!(limits(CODEX).as_array().unwrap().len(), 1, "and Codex' own are as they were");
}

#[test]
fn what_is_near_its_limit_says_when_it_begins_anew() {
    let machine = Machine::new();
    let mut handed = handed(&machine);
    let soon = chrono::Utc::now().timestamp() + 2 * 3600 + 1800;
    handed["rate_limits"]["five_hour"] = json!({"used_percentage": 95, "resets_at": soon});
    let line = line(&machine, &handed);
    assert!(line.contains(" · 5h 95%, new in 2h ") && line.contains(" · week 36%"), "{line}");
}

#[test]
fn nothing_and_rubbish_give_the_plain_line() {
    let machine = known();
    let plain = "today $0.00 · $0.00/h · 0 live\n";
    assert_eq!(ask(&machine, &["--plain"], b"").out, plain);
    for rubbish in [&b""[..], b"not json", b"[1]", b"{\"session_id\":", b"\xff\xfe\x00", &vec![b'{'; 1 << 21]] {
        assert_eq!(ask(&machine, &[], rubbish).out, plain, "{:?}", rubbish.get(..20));
    }
    // An object that says nothing is an agent all the same.
    assert_eq!(line(&machine, &json!({})), "today $0.00 · $0.00/h\n");
}

#[test]
fn nothing_that_is_handed_over_drives_a_terminal_or_adds_a_line() {
    let machine = Machine::new();
    let mut handed = handed(&machine);
    handed["model"]["display_name"] = json!("ev\u{1b}[31mil\nsecond\r\u{7}\u{202e}");
    handed["cwd"] = json!("/code/\u{1b}]0;owned\u{7}");
    handed["session_id"] = json!("\u{1b}[2J");
    let run = ask(&machine, &["--color", "never", "--format", "{model}|{project}|\u{9b}"], handed.to_string().as_bytes());
    assert_eq!(run.out, "ev\u{fffd}[31mil\u{fffd}second\u{fffd}\u{fffd}\u{fffd}|\u{fffd}]0;owned\u{fffd}|\u{fffd}\n");
}

#[test]
fn an_agent_gets_colours_and_a_pipe_does_not() {
    let machine = Machine::new();
    let mut handed = handed(&machine);
    handed["rate_limits"]["five_hour"]["used_percentage"] = json!(92);
    let handed = handed.to_string();
    let has_colours = |run: &Run| run.out.contains('\u{1b}');
    assert!(ask(&machine, &[], handed.as_bytes()).out.contains("\u{1b}[31m92%"));
    assert!(!has_colours(&ask(&machine, &["--plain"], b"")));
    assert!(has_colours(&ask(&machine, &["--plain", "--color", "always"], b"")));
    let mut command = machine.command(&["statusline"]);
    let mut child = command.env("NO_COLOR", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(handed.as_bytes()).unwrap();
    assert!(!has_colours(&Run::of(child.wait_with_output().unwrap())));
}

#[test]
fn where_the_store_cannot_be_used_what_was_handed_over_is_still_told() {
    let machine = Machine::new();
    machine.write("data", "a file where the directory should be");
    assert_eq!(line(&machine, &handed(&machine)), "session $7.50 · today ? · ?/h · context 34% · 5h 42% · week 36%\n");
    assert_eq!(ask(&machine, &["--plain"], b"").out, "today ? · ?/h\n");
}

#[test]
fn while_another_process_writes_its_lines_count_and_are_left_to_it() {
    let machine = known();
    let lock = fs::OpenOptions::new().append(true).open(machine.path("data/writer.lock")).unwrap();
    lock.lock().unwrap();
    let log = machine.path(&format!("home/.claude/projects/-work-api/{FIRST}.jsonl"));
    let step = answer(FIRST, "late", "2026-11-01T10:01:00.000Z", "/code/api", "house", r#"{"type":"text","text":"x"}"#);
    fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(format!("{step}\n").as_bytes()).unwrap();
    assert!(line(&machine, &handed(&machine)).starts_with("session $0.03 · today $0.00 · $0.00/h · loop 3 · "));
    let store = aifinops::store::Store::open_quickly(&machine.path("data"), std::time::Duration::from_secs(1)).unwrap();
    assert_eq!(store.row_counts().unwrap().0, 4, "the store has the calls that it had");
}

#[test]
fn while_another_process_holds_the_store_for_long_what_is_kept_is_told() {
    let machine = known();
    let log = machine.path(&format!("home/.claude/projects/-work-api/{FIRST}.jsonl"));
    let step = answer(FIRST, "late", "2026-11-01T10:01:00.000Z", "/code/api", "house", r#"{"type":"text","text":"x"}"#);
    fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(format!("{step}\n").as_bytes()).unwrap();
    let other = rusqlite::Connection::open(machine.path("data/aifinops.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert!(line(&machine, &handed(&machine)).starts_with("session $0.02 · today $0.00 · $0.00/h · loop 2 · "));
    other.execute_batch("ROLLBACK").unwrap();
    assert!(line(&machine, &handed(&machine)).starts_with("session $0.03 · today $0.00 · $0.00/h · loop 3 · "));
}

#[test]
fn a_format_is_checked_and_scripts_get_json() {
    let machine = Machine::new();
    let run = machine.run(&["statusline", "--plain", "--format", "{todayy}"]);
    assert_eq!(run.code, 2);
    assert!(run.err.contains("there is no {todayy}; there are {session} {today}"), "{}", run.err);
    let run = ask(&machine, &["--json"], handed(&machine).to_string().as_bytes());
    let found: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(found["session"]["cost"]["nano_usd"], json!(18_000_000));
    assert_eq!(
        (&found["session"]["loop_steps"], &found["session"]["context_permille"], &found["live"]),
        (&json!(2), &json!(345), &json!(0))
    );
    assert_eq!(
        found["limits"][1],
        json!({"limit": "", "window_minutes": 10_080, "used_permille": 360, "resets_at": "2099-12-03T16:53:20.000Z"})
    );
}

#[test]
fn the_line_for_zsh_keeps_its_percent_signs_in_the_readme_and_in_the_help() {
    // Zsh takes the signs of a prompt for its own after it has put the output of a command in: two of them are one.
    let line = r"setopt prompt_subst; RPROMPT='${$(aifinops statusline --plain)//\%/%%}'";
    let help = Machine::empty().run(&["statusline", "--help"]).out;
    for (place, text) in [("help", help.as_str()), ("README", section("### A status line"))] {
        assert!(text.contains(line), "{place}\n{text}");
        assert_eq!(text.matches("RPROMPT").count(), 1, "{place}\n{text}");
    }
}
