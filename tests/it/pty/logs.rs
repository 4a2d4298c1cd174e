//! The screen over real logs: none, hostile ones, and one that grows.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use aifinops::model::time::rfc3339;

use serde_json::json;

use super::terminal::Machine;
use crate::opencode_db;

const ID: &str = "aaaa1111-0000-4000-8000-000000000001";
/// A model of which a million tokens cost a dollar, so that every figure can be seen at once.
const PRICES: &str = "[prices]\nhouse = { input = \"1\", output = \"1\", cache_read = \"1\", cache_write_5m = \"1\" }\n";

pub(super) fn now() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    rfc3339(i64::try_from(now.as_millis()).unwrap() - 1000)
}

fn prompt(id: &str, cwd: &str, branch: &str) -> String {
    format!(
        r#"{{"type":"user","sessionId":"{ID}","uuid":"{id}","timestamp":"{}","cwd":"{cwd}","gitBranch":"{branch}","version":"2.1.80","message":{{"role":"user","content":"do it"}}}}"#,
        now()
    )
}

/// One answer that costs so many dollars.
fn answer(id: &str, dollars: u32, names: [&str; 4]) -> String {
    let [cwd, branch, model, tool] = names;
    format!(
        r#"{{"type":"assistant","sessionId":"{ID}","uuid":"u-{id}","requestId":"r-{id}","timestamp":"{}","cwd":"{cwd}","gitBranch":"{branch}","version":"2.1.80","message":{{"id":"m-{id}","role":"assistant","model":"{model}","stop_reason":"tool_use","content":[{{"type":"tool_use","id":"t-{id}","name":"{tool}","input":{{}}}}],"usage":{{"input_tokens":{}000000,"output_tokens":0}}}}}}"#,
        now(),
        dollars
    )
}

fn log(machine: &Machine, lines: &[String]) -> PathBuf {
    machine.write("config.toml", PRICES);
    machine.write(&format!("home/.claude/projects/-work-api/{ID}.jsonl"), &(lines.join("\n") + "\n"))
}

fn append(path: &Path, line: &str) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(format!("{line}\n").as_bytes()).unwrap();
}

#[test]
fn an_empty_machine_is_told_where_was_looked() {
    let machine = Machine::new();
    let mut top = machine.run(&["top"], 120, 30);
    top.shows(&["No agent logs yet", "Looked in", ".claude/projects", ".codex/sessions", ".gemini/tmp", ".local/share/opencode", "--demo"]);
    top.press("\rjks?qq");
    assert!(top.ended().success());
    top.is_restored();
}

#[test]
fn the_first_log_on_an_empty_machine_appears() {
    let machine = Machine::new();
    machine.write("config.toml", PRICES);
    let mut top = machine.run(&["top"], 120, 30);
    top.shows(&["Looked in"]);
    log(&machine, &[prompt("p1", "/code/first", "main"), answer("1", 2, ["/code/first", "main", "house", "Bash"])]);
    top.shows(&["first", "$2.00 today"]);
    top.press("q");
    assert!(top.ended().success());
}

#[test]
fn a_log_that_grows_is_followed() {
    let machine = Machine::new();
    let names = ["/code/api", "main", "house", "Bash"];
    let path = log(&machine, &[prompt("p1", "/code/api", "main"), answer("1", 1, names)]);
    let mut top = machine.run(&["top"], 120, 30);
    top.shows(&["api", "$1.00 today", "Bash 1"]);
    let mut slowest = std::time::Duration::ZERO;
    for total in 2..=6 {
        append(&path, &answer(&total.to_string(), 1, names));
        slowest = slowest.max(top.shows(&[&format!("${total}.00 today"), &format!("Bash {total}")]));
    }
    println!("from a line in a log to the screen: at most {slowest:?}");
    // Half a line is no line.
    let line = answer("7", 10, names);
    let (begin, end) = line.split_at(100);
    OpenOptions::new().append(true).open(&path).unwrap().write_all(begin.as_bytes()).unwrap();
    append(&path, end);
    top.shows(&["$16.00 today"]);
    top.press("q");
    assert!(top.ended().success());
}

#[test]
fn a_database_that_its_agent_writes_is_followed() {
    let machine = Machine::new();
    machine.write("config.toml", PRICES);
    let mut top = machine.run(&["top"], 120, 30);
    top.shows(&["Looked in"]);
    // The agent begins, and keeps its database open.
    let agent = opencode_db::open(&machine.path("home/.local/share/opencode/opencode.db"));
    let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap() - 1000;
    let began = now();
    opencode_db::row(
        &agent,
        &json!({"table": "session", "id": "ses_1", "directory": "/code/api", "version": "1.18.33", "time_created": began}),
    );
    let mut slowest = std::time::Duration::ZERO;
    for total in 1..=5 {
        let (message, at) = (format!("msg_{total}"), now());
        opencode_db::row(
            &agent,
            &json!({"table": "message", "id": message, "session_id": "ses_1", "time_created": at,
            "data": {"role": "assistant", "modelID": "house", "time": {"created": at}}}),
        );
        opencode_db::row(
            &agent,
            &json!({"table": "part", "id": format!("prt_{total}"), "message_id": message, "session_id": "ses_1",
            "time_created": at, "data": {"type": "step-finish", "cost": 0, "tokens": {"input": 1_000_000, "output": 0}}}),
        );
        slowest = slowest.max(top.shows(&["opencode", "api", &format!("${total}.00 today")]));
    }
    println!("from a row in a database to the screen: at most {slowest:?}");
    top.press("q");
    assert!(top.ended().success());
}

#[test]
fn keys_are_answered_while_nothing_else_happens() {
    let machine = Machine::new();
    let names = ["/code/api", "main", "house", "Bash"];
    log(&machine, &[prompt("p1", "/code/api", "main"), answer("1", 1, names)]);
    let mut top = machine.run(&["top"], 120, 30);
    top.shows(&["$1.00 today", "Bash 1"]);
    let mut slowest = std::time::Duration::ZERO;
    for _ in 0..3 {
        for (key, words) in
            [("?", "Help"), ("\u{1b}", "by today ▾"), ("r", "by today ▴"), ("r", "by today ▾"), ("\r", "BEGAN"), ("h", "by today")]
        {
            top.press(key);
            slowest = slowest.max(top.shows(&[words]));
            if key == "\u{1b}" {
                top.shows_no("Help");
            }
        }
    }
    println!("from a key to the screen: at most {slowest:?}");
    top.press("q");
    assert!(top.ended().success());
}

#[test]
fn a_hostile_log_never_drives_the_terminal() {
    let machine = Machine::new();
    let evil = |name: &str| format!(r"{name}\u001b]0;pwned\u0007\u001b[31mred\u009b1m\u001b[2J\u202ereversed\r\n\b\u0000end");
    let (cwd, branch, model, tool) = (format!("/code/{}", evil("proj")), evil("branch"), evil("model"), evil("tool"));
    let names = [cwd.as_str(), branch.as_str(), model.as_str(), tool.as_str()];
    log(&machine, &[prompt("p1", &cwd, &branch), answer("1", 1, names), "\u{1b}]0;pwned\u{7}not json".to_owned()]);
    let mut top = machine.run(&["top"], 240, 50);
    // This terminal leaves out the replacement signs.
    top.shows(&["proj]0;pwned", "branch]0;pwned", "model]0;pwned", "tool]0;pwned"]);
    // Every view, and a filter that quotes the log.
    top.press("\r");
    top.shows(&["BEGAN"]);
    top.press("\u{1b}");
    top.shows(&["by today"]);
    for _ in 0..3 {
        top.press("b");
    }
    top.shows(&["by model"]);
    top.press("b?");
    top.shows(&["Help"]);
    top.press("\u{1b}");
    top.shows_no("Help");
    top.press("/proj");
    top.shows(&["filter proj"]);
    top.press("\r");
    top.press("q");
    assert!(top.ended().success());
    top.is_restored();

    let sent = top.bytes();
    let holds = |part: &[u8]| sent.windows(part.len()).any(|window| window == part);
    assert!(holds(b"pwned"), "the name itself is shown");
    for sequence in [&b"\x1b]"[..], b"\x1b[31m", b"\x1b[31mred", b"\x07", b"\0", b"\x08", b"\xc2\x9b", b"\xe2\x80\xae"] {
        assert!(!holds(sequence), "{:?} was sent", String::from_utf8_lossy(sequence));
    }
    // The screen is cleared at the start only, by the program itself.
    let text = String::from_utf8_lossy(&sent);
    for (at, _) in text.match_indices("pwned") {
        assert!(!text[..at].ends_with("\u{1b}]0;"));
    }
}

#[test]
fn a_second_screen_follows_the_first() {
    let machine = Machine::new();
    let names = ["/code/api", "main", "house", "Bash"];
    let path = log(&machine, &[prompt("p1", "/code/api", "main"), answer("1", 1, names)]);
    let mut first = machine.run(&["top"], 120, 30);
    first.shows(&["$1.00 today"]);
    let mut second = machine.run(&["top"], 120, 30);
    second.shows(&["$1.00 today", "another aifinops"]);
    append(&path, &answer("2", 1, names));
    first.shows(&["$2.00 today"]);
    second.shows(&["$2.00 today"]);
    // When the first one leaves, the second takes over.
    first.press("q");
    assert!(first.ended().success());
    append(&path, &answer("3", 1, names));
    second.shows(&["$3.00 today"]);
    second.press("q");
    assert!(second.ended().success());
}

#[test]
fn ctrl_c_in_the_pager_ends_the_pager_only() {
    let machine = Machine::new();
    let names = ["/code/api", "main", "house", "Bash"];
    let path = log(&machine, &[prompt("p1", "/code/api", "main"), answer("1", 1, names)]);
    let pager = machine.write("pager.sh", "echo THIS IS THE PAGER\nread words\necho IT WAS TOLD $words\nexec sleep 20\n");
    machine.write("config.toml", &format!("open_with = \"sh {}\"\n{PRICES}", pager.display()));
    let mut top = machine.run(&["top"], 120, 30);
    top.shows(&["$1.00 today", "Bash 1"]);
    for _ in 0..2 {
        top.press("o");
        top.shows(&["THIS IS THE PAGER"]);
        // Every key is the pager's.
        top.press("jxyq\n");
        top.shows(&["IT WAS TOLD jxyq"]);
        top.press("\u{3}");
        top.shows(&["$1.00 today", "Sessions"]);
    }
    // What is gone is said, and nothing is opened.
    std::fs::remove_file(path).unwrap();
    top.press("o");
    top.shows(&["the log is gone"]);
    top.press("q");
    assert!(top.ended().success());
    top.is_restored();
}

#[test]
fn a_log_without_a_session_of_today_is_a_log_all_the_same() {
    let machine = Machine::new();
    let mut top = machine.run(&["top"], 60, 20);
    top.shows(&["No agent logs yet", "aifinops top --demo", "not there"]);
    let old = prompt("p1", "/code/old", "main").replace(&now()[..4], "2020");
    log(&machine, &[old]);
    top.shows(&["nothing today"]);
    top.shows_no("No agent logs yet");
    top.press("q");
    assert!(top.ended().success());
}
