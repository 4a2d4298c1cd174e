//! An agent that is started by `run` has the terminal as if it had been started alone.

use std::path::Path;

use super::terminal::Machine;

#[test]
fn keys_go_to_the_agent() {
    let machine = Machine::new();
    let mut run = machine.run(&["run", "--no-proxy", "--", "sh", "-c", "echo ready; read line; echo \"got $line\"; exit 6"], 80, 24);
    run.shows(&["ready"]);
    run.press("words\r");
    run.shows(&["got words"]);
    assert_eq!(run.ended().exit_code(), 6);
    run.is_restored();
}

#[test]
fn ctrl_c_is_the_agents_affair() {
    let machine = Machine::new();
    let script = "trap 'echo heard' INT; echo ready; read line; read line; echo \"got $line\"";
    let mut run = machine.run(&["run", "--no-proxy", "--", "bash", "-c", script], 80, 24);
    run.shows(&["ready"]);
    run.press("\u{3}");
    run.shows(&["heard"]);
    run.press("one\r");
    run.press("two\r");
    run.shows(&["got"]);
    assert!(run.ended().success());
}

#[test]
fn ctrl_z_stops_both_and_the_shell_brings_both_back() {
    let machine = Machine::new();
    let mut shell = machine.run_with(Path::new("/bin/bash"), &["--norc", "--noprofile", "-i"], &[("PS1", "prompt> ")], 100, 24);
    shell.shows(&["prompt>"]);
    let program = env!("CARGO_BIN_EXE_aifinops");
    shell.press(&format!("{program} run --no-proxy -- sh -c 'echo re\"\"ady; exec cat'\r"));
    shell.until("the program", |lines| lines.iter().any(|line| line.trim() == "ready"));
    shell.press("first\r");
    shell.until("an echo", |lines| lines.iter().filter(|line| line.trim() == "first").count() == 2);
    shell.press("\u{1a}");
    shell.shows(&["Stopped"]);
    shell.press("echo $((40 + 2))\r");
    shell.shows(&["42"]);
    shell.press("fg\r");
    // The shell takes keys one by one until it has given the terminal away, and keeps none of them for others.
    let echoes = |lines: &[String]| lines.iter().filter(|line| line.trim() == "second").count() >= 2;
    for _ in 0..40 {
        shell.press("second\r");
        std::thread::sleep(std::time::Duration::from_millis(250));
        if echoes(&shell.lines()) {
            break;
        }
    }
    shell.until("an echo", echoes);
    shell.press("\u{4}");
    shell.until("the prompt", |lines| lines.iter().rfind(|line| !line.trim().is_empty()).is_some_and(|line| line.trim() == "prompt>"));
    shell.press("echo code $?\r");
    shell.shows(&["code 0"]);
    shell.press("exit\r");
    assert!(shell.ended().success());
}

#[test]
fn a_window_that_changes_is_told_to_the_agent() {
    let machine = Machine::new();
    let script = "trap 'stty size' WINCH; echo ready; while :; do read -t 1 line && exit 0; done";
    let mut run = machine.run(&["run", "--no-proxy", "--", "bash", "-c", script], 80, 24);
    run.shows(&["ready"]);
    run.resize(100, 30);
    run.shows(&["30 100"]);
    run.press("x\r");
    assert!(run.ended().success());
}
