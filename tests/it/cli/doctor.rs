//! What `doctor` says of what cannot be read, cannot be opened, or is open to others.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::{Machine, Run};

fn problems(found: &Value) -> Vec<&str> {
    found["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect()
}

#[cfg(unix)]
#[test]
fn what_cannot_be_looked_into_is_told_and_not_taken_for_gone() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    assert_eq!(machine.run(&["sessions", "--all"]).err, "");
    let dir = machine.path("home/.claude/projects/-work-api");
    let rights = |mode| fs::set_permissions(&dir, fs::Permissions::from_mode(mode)).unwrap();
    rights(0o000);
    if fs::read_dir(&dir).is_ok() {
        rights(0o700); // root may look into everything, and has nothing to test here
        return;
    }
    let run = machine.run(&["sessions", "--all"]);
    assert!(run.out.starts_with("3 sessions"), "what was read before stays: {}", run.out);
    assert!(run.err.contains("-work-api: Permission denied; `aifinops doctor` says more"), "{}", run.err);
    let found = machine.json(&["doctor"]);
    assert_eq!(found["failed"][0], json!({"path": dir.display().to_string(), "error": "Permission denied"}));
    assert!(found["files"].as_array().unwrap().iter().all(|file| file["exists"] == json!(true)), "nobody knows that they are gone");
    let text = machine.run(&["doctor"]);
    assert!(text.out.contains("Permission denied") && text.err.is_empty() && !text.out.contains("says why"), "{}{}", text.out, text.err);
    rights(0o700);
}

#[cfg(unix)]
#[test]
fn a_root_that_cannot_be_read_is_not_an_empty_machine() {
    let machine = Machine::empty();
    // A link to itself can be read by nobody, not even by root.
    let root = machine.path("loop");
    std::os::unix::fs::symlink(&root, &root).unwrap();
    let flag = format!("codex={}", root.display());
    let run = machine.run(&["sessions", "--root", &flag]);
    assert!(run.code == 0 && !run.out.contains("No agent logs found"), "{}", run.out);
    assert!(run.err.starts_with("not read: ") && run.err.contains("/loop: ") && !run.err.contains("os error"), "{}", run.err);
    let found = machine.json(&["doctor", "--root", &flag]);
    assert_eq!((found["failed"].as_array().unwrap().len(), &found["failed"][0]["path"]), (1, &json!(root.display().to_string())));
    machine.write("file", "");
    let run = machine.run(&["sessions", "--root", &format!("codex={}", machine.path("file").display())]);
    assert!(run.err.contains("/file: is no directory"), "{}", run.err);
}

#[cfg(unix)]
#[test]
fn a_pipe_with_a_logs_name_is_left_alone_and_named() {
    let machine = Machine::new();
    let pipe = machine.path("home/.claude/projects/-work-api/pipe.jsonl");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let found = machine.json(&["doctor"]);
    assert_eq!(found["failed"][0]["path"], json!(pipe.display().to_string()));
    assert!(found["failed"][0]["error"].as_str().unwrap().contains("is a pipe, a socket or a device"), "{found}");
    let text = machine.run(&["doctor"]).out;
    assert_eq!(text.matches("pipe.jsonl").count(), 1, "{text}");
}

#[test]
fn a_damaged_compressed_log_is_told_in_words() {
    let machine = Machine::new();
    let log = |id: &str| format!("home/.codex/archived_sessions/rollout-2026-11-02T12-00-00-{id}.jsonl.zst");
    machine.write(&log(super::SECOND), "no frame at all");
    let whole = fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/sources/codex/compressed.jsonl.zst")).unwrap();
    fs::write(machine.path(&log(super::FIRST)), &whole[..whole.len() / 2]).unwrap();
    let run = machine.run(&["sessions", "--all"]);
    assert!(run.err.contains("2 log files could not be read; `aifinops doctor` says why"), "{}", run.err);
    let found = machine.json(&["doctor"]);
    let mut errors: Vec<&str> = found["failed"].as_array().unwrap().iter().map(|failed| failed["error"].as_str().unwrap()).collect();
    errors.sort_unstable();
    assert_eq!(errors, ["the compressed log is cut off", "the compressed log is damaged"]);
    let text = machine.run(&["doctor"]);
    assert!(text.out.contains("the compressed log is cut off") && !text.err.contains("says why"), "{}{}", text.out, text.err);
}

#[test]
fn a_store_of_a_newer_release_keeps_neither_doctor_nor_prices_from_answering() {
    let machine = Machine::new();
    machine.run(&["sessions"]);
    let db = rusqlite::Connection::open(machine.path("data/aifinops.db")).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    drop(db);
    assert_eq!(machine.run(&["sessions", "--json"]).error()["code"], "store");
    let run = machine.run(&["doctor", "--json"]);
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    let found: Value = serde_json::from_str(&run.out).unwrap();
    assert!(found["store"]["damage"].as_str().unwrap().contains("was written by a newer aifinops (schema 99"), "{found}");
    assert_eq!(found["store"]["path"], json!(machine.path("data/aifinops.db").display().to_string()));
    assert!(found["roots"].as_array().unwrap().iter().any(|root| root["files"] == json!(2)), "{found}");
    assert!(!found["settings"].as_array().unwrap().is_empty());
    let text = machine.run(&["doctor"]);
    assert!(text.code == 1 && text.out.contains("! the store at") && text.out.contains("AIFINOPS_TIMEZONE"), "{}", text.out);
    let prices = machine.run(&["prices", "show"]);
    assert!(prices.code == 0 && prices.out.contains("models · ") && prices.err.contains("newer aifinops"), "{}{}", prices.out, prices.err);
    assert_eq!(machine.json(&["prices", "show"])["models"], json!([]));
}

#[test]
fn a_damaged_price_list_is_a_problem() {
    let machine = Machine::new();
    machine.write("data/prices.tsv", "# aifinops prices 1\n# models: 5\nx\t1,2\n");
    let found = machine.json(&["doctor"]);
    let told = problems(&found);
    assert!(told[0].contains("prices.tsv: ") && told[0].ends_with("; using the built-in prices"), "{told:?}");
    assert!(machine.run(&["sessions", "--all"]).err.contains("prices.tsv: "));
    let text = machine.run(&["doctor"]);
    assert!(text.out.contains("! ") && text.out.contains("prices.tsv: ") && text.err.is_empty(), "{}{}", text.out, text.err);
}

#[cfg(unix)]
#[test]
fn what_is_open_to_others_is_told_and_closed() {
    use std::os::unix::fs::PermissionsExt as _;
    let machine = Machine::new();
    machine.run(&["sessions"]);
    let open = |name: &str, mode| fs::set_permissions(machine.path(name), fs::Permissions::from_mode(mode)).unwrap();
    let mode = |name: &str| fs::metadata(machine.path(name)).unwrap().permissions().mode() & 0o777;
    open("data", 0o755);
    open("data/aifinops.db", 0o644);
    let found = machine.json(&["doctor"]);
    let told = problems(&found);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told.iter().any(|p| p.ends_with("aifinops.db was open to others (mode 0644); now it is yours alone")), "{told:?}");
    assert_eq!((mode("data"), mode("data/aifinops.db")), (0o700, 0o600));
    assert!(problems(&machine.json(&["doctor"])).is_empty());
    // Other commands close what is open without a word; a directory that holds more than the store is left as it is.
    machine.write("data/mine.txt", "");
    open("data", 0o755);
    open("data/aifinops.db", 0o640);
    assert_eq!(machine.run(&["sessions"]).err, "");
    assert_eq!((mode("data"), mode("data/aifinops.db")), (0o755, 0o600));
    assert!(problems(&machine.json(&["doctor"]))[0].contains("data is open to others (mode 0755); `chmod go= "));
}

#[test]
fn an_unknown_theme_is_told_everywhere() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["config", "set", "theme", "nordd", "--json"]).error()["code"], "config");
    assert_eq!(machine.run(&["top", "--once", "--theme", "nordd", "--json"]).error()["code"], "usage");
    machine.write("config.toml", "theme = \"nordd\"");
    for command in [&["doctor"][..], &["config", "show"]] {
        let found = machine.json(command);
        assert!(
            problems(&found)[0].contains("config.toml:1: theme: no theme is named `nordd`, did you mean `nord`?; allowed: dark"),
            "{found}"
        );
    }
    let run = machine.run(&["top", "--once"]);
    assert!(run.code == 0 && run.err.contains("no theme is named `nordd`"), "{}", run.err);
    let run = Run::of(machine.command(&["top", "--once"]).env("AIFINOPS_THEME", "x").output().unwrap());
    assert!(run.err.contains("AIFINOPS_THEME: theme: no theme is named `x`"), "{}", run.err);
    machine.write("themes/mine.toml", "inherits = \"dark\"");
    assert_eq!(machine.run(&["config", "set", "theme", "mine"]).code, 0);
    assert!(problems(&machine.json(&["doctor"])).is_empty());
}

#[test]
fn an_incomplete_price_is_told_with_its_line() {
    let machine = Machine::new();
    let run = machine.run(&["config", "set", "prices.new-model.input", "3", "--json"]);
    assert_eq!((run.code, &run.error()["code"]), (1, &json!("config")));
    machine.write("config.toml", "[prices.new-model]\ninput = \"3\"\n");
    for command in [&["doctor"][..], &["config", "show"]] {
        let found = machine.json(command);
        assert!(problems(&found)[0].contains("config.toml:1: prices.new-model: "), "{found}");
    }
    assert_eq!(machine.run(&["sessions", "--price", "new-model=input:3", "--json"]).error()["code"], "usage");
}

#[test]
fn guards_and_the_machines_policy_are_told() {
    let machine = Machine::new();
    let guards = |found: &Value| -> Vec<(String, String)> {
        let text = |guard: &Value, key: &str| guard[key].as_str().unwrap().to_owned();
        found["guards"].as_array().unwrap().iter().map(|guard| (text(guard, "agent"), text(guard, "state"))).collect()
    };
    let found = machine.json(&["doctor"]);
    assert!(guards(&found).contains(&("claude-code".to_owned(), "not_installed".to_owned())), "{found}");
    assert!(found["policy"]["caps"].is_array() && found["policy"]["holds"].is_boolean(), "{found}");
    assert_eq!(machine.run(&["guard", "install", "claude-code"]).code, 0);
    assert!(guards(&machine.json(&["doctor"])).contains(&("claude-code".to_owned(), "installed".to_owned())));
    assert!(machine.run(&["doctor"]).out.contains("claude-code  ✓ installed"));
}

/// Nothing is left of a database, in its log neither.
fn damage(machine: &Machine, name: &str) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(machine.path(&format!("data/{name}{suffix}")));
    }
    fs::write(machine.path(&format!("data/{name}")), [7; 8192]).unwrap();
}

#[test]
fn what_was_damaged_is_mended_and_what_was_done_is_told() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["cap", "set", "20"]).code, 0);
    let sessions = machine.json(&["sessions", "--all"]);
    for name in ["aifinops.db", "ledger.db"] {
        damage(&machine, name);
    }
    let found = machine.json(&["doctor"]);
    let told = problems(&found);
    let is_told = |what: &str| told.iter().any(|problem| problem.contains(what));
    assert!(is_told("the record of caps was damaged and has been moved to") && is_told("1 came back from its copy"), "{told:?}");
    let mut aside: Vec<&str> = found["moved_aside"].as_array().unwrap().iter().map(|path| path.as_str().unwrap()).collect();
    aside.sort_unstable();
    assert!(
        aside.len() == 2 && aside[0].ends_with("data/aifinops.db.damaged-1") && aside[1].ends_with("data/ledger.db.damaged-1"),
        "{aside:?}"
    );
    assert!(found["databases"].as_array().unwrap().iter().all(|database| database["damage"].is_null()), "{found}");
    assert_eq!(machine.json(&["sessions", "--all"]), sessions, "all logs were read again");
    assert_eq!(machine.json(&["cap", "log"])["decisions"].as_array().unwrap().len(), 1);
    let text = machine.run(&["doctor"]);
    assert!(text.out.contains("ledger.db.damaged-1: was damaged or another program's, and was moved aside"), "{}", text.out);
    assert!(problems(&machine.json(&["doctor"])).is_empty(), "done once");
}

#[test]
fn which_release_a_database_came_from_is_told() {
    let machine = Machine::empty();
    fs::create_dir_all(machine.path("data")).unwrap();
    for (fixture, name) in [("schema4.sql", "aifinops.db"), ("ledger1.sql", "ledger.db")] {
        let path = format!("{}/tests/fixtures/stores/{fixture}", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(path).unwrap().replace("@HOME@", machine.path("home").to_str().unwrap());
        rusqlite::Connection::open(machine.path(&format!("data/{name}"))).unwrap().execute_batch(&text).unwrap();
    }
    let found = machine.json(&["doctor"]);
    let of = |at: usize| [&found["databases"][at]["schema"], &found["databases"][at]["came_from"], &found["databases"][at]["damage"]];
    assert_eq!(of(0), [&json!(8), &json!(4), &Value::Null], "{found}");
    assert_eq!(of(1), [&json!(3), &json!(1), &Value::Null], "{found}");
    let text = machine.run(&["doctor"]).out;
    assert!(text.contains("✓ aifinops.db: schema 8, brought up to date from 4"), "{text}");
    assert!(text.contains("✓ ledger.db: schema 3, brought up to date from 1"), "{text}");
}

#[test]
fn a_database_of_a_newer_release_is_told_whichever_it_is() {
    let machine = Machine::new();
    assert_eq!(machine.run(&["cap", "set", "20"]).code, 0);
    let path = machine.path("data/ledger.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    let run = machine.run(&["cap", "show"]);
    assert!(run.code == 1 && run.err.contains("newer aifinops"), "{}", run.err);
    let found = machine.json(&["doctor"]);
    assert_eq!(found["databases"][1]["damage"], json!("its schema 99 is of a newer aifinops; this one knows 3"), "{found}");
    assert_eq!(found["moved_aside"], json!([]));
}
