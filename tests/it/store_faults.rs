//! A store that is damaged, foreign, newer, locked, or has no room: what was right is kept, what is wrong is said in one
//! line, and in the end the totals are exact.
//!
//! Faults are numbered as in the reliability table: a full disk (R12), damage (R13), two processes (R11), modes (S4).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod access;
mod damage;
mod upgrade;

use std::process::Command;

use aifinops::store::Sums;

use crate::logs::{Home, answer, append, prompt, scan, total, uuid};

/// Forty sessions of thirty calls, and their sums.
fn history() -> (Home, Sums) {
    let home = Home::new();
    for s in 0..40 {
        let uid = uuid(1, s);
        let lines = (1..=30).map(|i| 100 * s + i).map(|n| answer(&uid, n, n, 5 + n % 90, Some(n)) + "\n");
        append(&home.claude(&uid), prompt(&uid, 100 * s) + "\n" + &lines.collect::<String>());
    }
    let mut ingest = home.reader(aifinops::store::Store::in_memory().unwrap());
    scan(&mut ingest);
    let sums = total(&ingest);
    assert_eq!((sums.calls, sums.prompts, sums.tools), (1200, 40, 1200));
    (home, sums)
}

/// One line that a person can read.
fn is_clear(words: &str) -> bool {
    !words.contains('\n') && words.len() > 20 && !words.contains("Err(") && !words.contains("Some(")
}

/// The program, looking at this home, run by a shell that first does this.
fn program(home: &Home, before: &str) -> Command {
    let mut command = Command::new("sh");
    command.arg("-c").arg(format!(r#"{before}; exec "$0" "$@""#));
    command.args([env!("CARGO_BIN_EXE_aifinops"), "report", "daily", "--all", "--json"]);
    for name in
        ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "OPENCODE_DATA_DIR", "OPENCODE_DB", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]
    {
        command.env_remove(name);
    }
    command.env("HOME", home.path()).env("AIFINOPS_HOME", home.path()).env("AIFINOPS_DATA_DIR", home.data());
    command.env("AIFINOPS_CONFIG", home.path().join("no/config.toml"));
    command
}
