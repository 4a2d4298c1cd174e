//! The terminal as a way to tell a person.

use std::path::Path;

use super::terminal::Machine;

fn bytes(env: &[(&str, &str)]) -> String {
    let machine = Machine::new();
    let program = Path::new(env!("CARGO_BIN_EXE_aifinops"));
    let mut run = machine.run_with(program, &["alerts", "test", "--way", "terminal"], env, 100, 30);
    run.shows(&["✓ terminal  sent"]);
    assert!(run.ended().success());
    String::from_utf8(run.bytes()).unwrap()
}

const BODY: &str = "This is how you will be told of caps, costly sessions and stopped loops.";

#[test]
fn over_ssh_the_bell_and_the_notification_reach_the_terminal() {
    let said = bytes(&[("SSH_CONNECTION", "10.0.0.1 1 10.0.0.2 22")]);
    let nine = format!("\u{7}\u{1b}]9;aifinops: A sample from aifinops: {BODY}\u{7}");
    assert!(said.contains(&format!("{nine}\u{1b}]777;notify;A sample from aifinops;{BODY}\u{7}")), "{said:?}");
}

#[test]
fn tmux_is_asked_to_let_it_through() {
    let said = bytes(&[("TMUX", "/tmp/tmux-0/default,1,0"), ("TERM_PROGRAM", "ghostty")]);
    let expected = format!("\u{7}\u{1b}Ptmux;\u{1b}\u{1b}]777;notify;A sample from aifinops;{BODY}\u{7}\u{1b}\\");
    assert!(said.contains(&expected), "{said:?}");
}

#[test]
fn without_a_terminal_it_says_so() {
    // A process that leads a session of its own has no terminal.
    let machine = Machine::new();
    let mut command = std::process::Command::new("setsid");
    let Ok(out) = command
        .args(["--wait", env!("CARGO_BIN_EXE_aifinops"), "alerts", "test", "--way", "terminal"])
        .env("AIFINOPS_HOME", machine.path("home"))
        .output()
    else {
        return;
    };
    let text = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.code() == Some(1) && text.starts_with("✗ terminal  no terminal to write to: "), "{text}");
}
