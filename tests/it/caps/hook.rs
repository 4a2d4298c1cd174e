//! The hook as agents run it, when what it needs is broken: it says what `on_failure` says, writes down why, and what can
//! be mended is mended by the time somebody asks again.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use super::commands::Machine;

fn data(machine: &Machine) -> PathBuf {
    machine.dir.path().join("data")
}

/// What `aifinops hook codex` answers to a prompt.
fn ask(machine: &Machine) -> Output {
    let mut command = machine.command(&["hook", "codex"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(br#"{"hook_event_name":"UserPromptSubmit","session_id":"s","cwd":"/w"}"#).unwrap();
    child.wait_with_output().unwrap()
}

fn blocks(output: &Output) -> bool {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).contains("\"block\"")
}

fn log(machine: &Machine) -> String {
    fs::read_to_string(data(machine).join("aifinops.log")).unwrap_or_default()
}

/// Nothing is left of a database, in its log neither.
fn damage(machine: &Machine, name: &str) {
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(data(machine).join(format!("{name}{suffix}")));
    }
    fs::write(data(machine).join(name), [7; 8192]).unwrap();
}

/// Waits for what a process in the background does.
fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn machine(on_failure: &str) -> Machine {
    let machine = Machine::new();
    machine.ok(&["config", "set", "on_failure", on_failure]);
    machine.ok(&["cap", "set", "20"]);
    machine
}

#[test]
fn a_damaged_store_is_mended_behind_the_hook_that_met_it() {
    for (on_failure, is_blocked) in [("open", false), ("closed", true)] {
        let machine = machine(on_failure);
        machine.ok(&["sessions"]);
        damage(&machine, "aifinops.db");
        assert_eq!(blocks(&ask(&machine)), is_blocked, "{on_failure}");
        assert!(log(&machine).contains(&format!("(on_failure = {on_failure})")), "{}", log(&machine));
        wait_until("the store is whole again", || !blocks(&ask(&machine)) && data(&machine).join("aifinops.db.damaged-1").exists());
    }
}

#[test]
fn a_record_of_caps_that_was_damaged_is_not_lost_without_a_word() {
    let machine = machine("closed");
    machine.calls(1);
    machine.ok(&["cap", "set", "0.01"]);
    machine.ok(&["sessions"]);
    damage(&machine, "ledger.db");
    assert!(blocks(&ask(&machine)), "the cap still holds");
    assert!(log(&machine).contains("the record of caps was damaged and has been moved to"), "{}", log(&machine));
}

#[test]
fn where_nothing_can_be_written_the_agent_is_told_why() {
    for (on_failure, is_blocked) in [("open", false), ("closed", true)] {
        let machine = machine(on_failure);
        fs::remove_dir_all(data(&machine)).unwrap();
        fs::write(data(&machine), "no directory").unwrap();
        let output = ask(&machine);
        assert_eq!(blocks(&output), is_blocked, "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot tell what was spent"), "{output:?}");
    }
}

#[test]
fn what_a_conversation_spends_after_its_last_question_counts_for_the_next_one() {
    let machine = machine("closed");
    machine.ok(&["cap", "set", "0.05"]);
    assert!(!blocks(&ask(&machine)));
    // Another agent's conversation, which has asked nothing: its log is nobody's but this.
    machine.calls(5);
    wait_until("the other log has been read", || blocks(&ask(&machine)));
}

/// There is more to bring up to date than a hook has time for, and whoever only runs agents starts nothing else.
#[test]
fn a_large_store_of_an_earlier_release_is_brought_up_to_date_behind_the_hook_that_met_it() {
    let machine = machine("open");
    let path = data(&machine).join("aifinops.db");
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(data(&machine).join(format!("aifinops.db{suffix}")));
    }
    let old = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/stores/schema1.sql")).unwrap();
    let conn = rusqlite::Connection::open(&path).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.execute_batch(&old.replace("@HOME@", machine.dir.path().to_str().unwrap())).unwrap();
    conn.execute_batch(
        "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 300000)
         INSERT INTO rollup SELECT i, 1, 1, 1, 10, 0, 0, 0, 5, 0, 0, 175000, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 FROM n",
    )
    .unwrap();
    let schema = || conn.query_row("PRAGMA user_version", [], |r| r.get::<_, i64>(0)).unwrap();
    assert_eq!(schema(), 1);
    assert!(!blocks(&ask(&machine)));
    assert!(log(&machine).contains("cannot tell what was spent"), "{}", log(&machine));
    wait_until("the store is of this release", || schema() == 8);
}
