//! Caps on the screen: set from it, edited behind its back; and agents that are stopped and paused from it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Child;
use std::time::{Duration, Instant};

use aifinops::model::time::rfc3339;

use super::terminal::{Machine, Terminal};
use crate::run::hears_sigint;

const ID: &str = "aaaa1111-0000-4000-8000-000000000001";
const PRICES: &str = "[prices]\nhouse = { input = \"1\", output = \"1\", cache_read = \"1\", cache_write_5m = \"1\" }\n";

/// A session in a directory that has cost so many dollars today.
fn spent(machine: &Machine, dollars: u32) {
    let cwd = machine.path("work");
    fs::create_dir_all(&cwd).unwrap();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let at = rfc3339(i64::try_from(now.as_millis()).unwrap() - 500);
    let cwd = cwd.display();
    let prompt = format!(
        r#"{{"type":"user","sessionId":"{ID}","uuid":"p","timestamp":"{at}","cwd":"{cwd}","version":"2.1.80","message":{{"role":"user","content":"do it"}}}}"#
    );
    let answer = format!(
        r#"{{"type":"assistant","sessionId":"{ID}","uuid":"u","requestId":"r","timestamp":"{at}","cwd":"{cwd}","version":"2.1.80","message":{{"id":"m","role":"assistant","model":"house","stop_reason":"tool_use","content":[],"usage":{{"input_tokens":{dollars}000000,"output_tokens":0}}}}}}"#
    );
    machine.write("config.toml", PRICES);
    machine.write(&format!("home/.claude/projects/-work/{ID}.jsonl"), &format!("{prompt}\n{answer}\n"));
}

fn config(machine: &Machine) -> String {
    fs::read_to_string(machine.path("config.toml")).unwrap()
}

#[test]
fn a_cap_is_set_and_raised_from_the_screen() {
    let machine = Machine::new();
    spent(&machine, 5);
    let mut top = machine.run(&["top"], 100, 30);
    top.shows(&["$5.00 today", "work"]);
    top.press("5");
    top.shows(&["No caps yet", "aifinops cap set 20"]);
    top.press("c");
    top.shows(&["Set a cap"]);
    top.press("-3\r");
    top.shows(&["`-3` is negative"]);
    top.press("\u{7f}\u{7f}4\r");
    top.shows(&["set: daily cap of $4.00", "STOPPED", "125% of $4.00", "■ day"]);
    assert!(config(&machine).contains("limit = \"$4") && config(&machine).contains("house"), "{}", config(&machine));
    // There is one to raise now.
    top.press("c");
    top.shows(&["Raise a cap", "raise day by"]);
    top.press("6\tsoon\r");
    top.shows(&["`soon` is no time"]);
    top.press("\u{7f}\u{7f}\u{7f}\u{7f}2h\r");
    top.shows(&["raised: `day` by $6.00", "50% of $10.00", "1 raise", "set", "● day"]);
    top.shows_no("STOPPED");
    top.press("q");
    assert!(top.ended().success());
    top.is_restored();
    let log = String::from_utf8(machine.piped(&["cap", "log", "--json"]).stdout).unwrap();
    assert!(log.contains("\"raise\"") && log.contains("\"set\""), "{log}");
}

#[test]
fn an_edit_is_picked_up_and_a_broken_one_keeps_what_was_good() {
    let machine = Machine::new();
    spent(&machine, 5);
    let mut top = machine.run(&["top"], 120, 30);
    top.shows(&["$5.00 today"]);
    let with = |cap: &str| machine.write("config.toml", &format!("theme = \"nord\"\n{PRICES}{cap}"));
    with("[caps.day]\nlimit = \"$20\"\n");
    top.shows(&["25% of $20.00", "the settings have changed: caps, theme"]);
    with("[caps.day]\nlimit = \"$10\"\n");
    top.shows(&["50% of $10.00"]);
    with("[caps.day]\nlimit = \"ten\"\n");
    top.shows(&["the edit is broken, the last good one holds", "50% of $10.00"]);
    with("[caps.day]\nlimit = \"$50\"\n");
    top.shows(&["10% of $50.00"]);
    top.shows_no("the edit is broken");
    with("");
    top.shows_no("of $50.00");
    top.press("q");
    assert!(top.ended().success());
}

/// A program called `claude` at work in the session's directory, with a group of its own.
fn agent(machine: &Machine, script: &str) -> Child {
    let program = machine.write("bin/claude", &format!("#!/bin/sh\n{script}\nwhile :; do sleep 0.1; done\n"));
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    let child = hears_sigint(program).current_dir(machine.path("work")).process_group(0).spawn().unwrap();
    // Until then it is whoever starts it, and no agent that could be found.
    let name = format!("/proc/{}/comm", child.id());
    within(|| fs::read_to_string(&name).map_or(!Path::new("/proc").exists(), |name| name.trim() == "claude"));
    child
}

/// Whether it stands still: stopped, or waiting for a child to begin that has been stopped.
fn is_still(pid: u32) -> bool {
    matches!(state_of(pid), 'T' | 'D')
}

fn state_of(pid: u32) -> char {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').and_then(|(_, rest)| rest.trim_start().chars().next()).unwrap_or('?')
}

fn within(wish: impl Fn() -> bool) {
    let begin = Instant::now();
    while !wish() {
        assert!(begin.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn opened(machine: &Machine) -> Terminal {
    let top = machine.run(&["top"], 120, 30);
    top.shows(&["$5.00 today", "work"]);
    top
}

#[test]
#[cfg(target_os = "linux")]
fn an_agent_is_paused_goes_on_and_is_stopped() {
    let machine = Machine::new();
    spent(&machine, 5);
    let mut agent = agent(&machine, "");
    let pid = agent.id();
    let mut top = opened(&machine);
    top.press("p");
    top.shows(&[&format!("paused: work, process {pid}"), "‖ claude-code"]);
    within(|| is_still(pid));
    top.press("p");
    top.shows(&[&format!("goes on: work, process {pid}"), "● claude-code"]);
    within(|| state_of(pid) == 'S');

    top.press("x");
    top.shows(&["Stop work?", &format!("process {pid}"), "bin/claude", "SIGTERM", "y stops it"]);
    top.press("n");
    top.shows_no("Stop work?");
    assert_ne!(state_of(pid), '?');
    top.press("x");
    top.shows(&["Stop work?"]);
    top.press("y");
    let status = agent.wait().unwrap();
    assert!(!status.success());
    top.shows(&[&format!("process {pid} has ended after SIGINT")]);
    top.press("x");
    top.shows(&["no process of this session was found"]);
    top.press("q");
    assert!(top.ended().success());
    let log = String::from_utf8(machine.piped(&["cap", "log", "--json"]).stdout).unwrap();
    assert!(log.contains("\"stop\"") && log.contains(ID) && log.contains(&format!("process {pid}")), "{log}");
}

#[test]
#[cfg(target_os = "linux")]
fn who_does_not_listen_is_ended_by_stronger_signals_and_who_stays_paused_is_told() {
    let machine = Machine::new();
    spent(&machine, 5);
    let mut deaf = agent(&machine, "trap '' INT");
    let pid = deaf.id();
    let mut top = opened(&machine);
    top.press("x");
    top.shows(&["Stop work?"]);
    top.press("y");
    top.shows(&["SIGINT; SIGTERM in 5 s"]);
    deaf.wait().unwrap();
    top.shows(&[&format!("process {pid} has ended after SIGTERM")]);

    let mut paused = agent(&machine, "");
    let pid = paused.id();
    top.press("p");
    top.shows(&[&format!("paused: work, process {pid}")]);
    top.press("q");
    assert!(top.ended().success());
    let told = top.text();
    assert!(told.contains("work stays paused") && told.contains(&format!("kill -CONT -- -{pid}")), "{told}");
    assert!(is_still(pid));
    paused.kill().unwrap();
    paused.wait().unwrap();
}
