//! The program is killed at any moment, again and again, while agents write on: in the end every figure is exact (R1).

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

mod tree;

use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aifinops::model::Window;
use aifinops::store::{Store, Sums};

use crate::logs::{Home, Rng};
use tree::Tree;

/// How often it is killed.
const KILLS: usize = 200;
/// The logs at the beginning.
const BYTES: usize = 20 << 20;
const SEED: u64 = 20_260_302;

fn program(home: &Home) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
    command.args(["report", "daily", "--all", "--json"]).stdin(Stdio::null());
    for name in
        ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "OPENCODE_DATA_DIR", "OPENCODE_DB", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]
    {
        command.env_remove(name);
    }
    command.env("HOME", home.path()).env("AIFINOPS_HOME", home.path()).env("AIFINOPS_DATA_DIR", home.data());
    command.env("AIFINOPS_CONFIG", home.path().join("no/config.toml"));
    command
}

/// Starts the program and kills it after so long. `false` if it was faster.
fn kill(home: &Home, after: Duration) -> bool {
    let mut child = program(home).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(after);
    let killed = child.try_wait().unwrap().is_none();
    child.kill().unwrap(); // SIGKILL: nothing of it runs any more
    let status = child.wait().unwrap();
    assert!(killed || status.success(), "{status}");
    killed
}

/// Sums by session, as the store has them.
fn stored(home: &Home) -> BTreeMap<String, Sums> {
    let opened = Store::open(&home.data()).unwrap();
    assert_eq!(opened.notice, None);
    assert_eq!(opened.store.integrity(), None);
    let rows = opened.store.sessions(Window::ALL).unwrap();
    rows.into_iter().filter(|r| !r.sums.is_zero()).map(|r| (r.uid.to_string(), counted(&r.sums))).collect()
}

/// What the tree counts as well.
fn counted(sums: &Sums) -> Sums {
    let Sums { calls, input, cache_read, output, prompts, tools, .. } = *sums;
    Sums { calls, input, cache_read, output, prompts, tools, ..Sums::default() }
}

#[test]
fn two_hundred_kills_leave_every_figure_exact() {
    println!("seed {SEED}");
    let mut rng = Rng(SEED);
    let home = Home::new();
    let mut tree = Tree::new(&home, SEED);
    while tree.bytes < BYTES {
        tree.grow(&mut rng);
    }
    let begun = Instant::now();
    let whole = {
        assert!(program(&home).output().unwrap().status.success());
        u64::try_from(begun.elapsed().as_millis()).unwrap().clamp(100, 4000)
    };
    let (mut kills, mut runs, mut behind) = (0, 0, 0);
    let mut anew = true;
    while kills < KILLS {
        runs += 1;
        assert!(runs < 3 * KILLS, "the program is faster than its killer");
        // Mostly a store that goes on and is killed early; now and then one that has everything to read.
        if rng.below(20) == 0 {
            // One that was killed at its very beginning has made none yet.
            let removed = fs::remove_dir_all(home.data());
            assert!(removed.as_ref().err().is_none_or(|error| error.kind() == std::io::ErrorKind::NotFound), "{removed:?}");
            anew = true;
        }
        let after = if anew || rng.below(8) == 0 { rng.next() % (whole * 5 / 4) } else { 1 + rng.next() % 60 };
        anew = false;
        kills += usize::from(kill(&home, Duration::from_millis(after)));
        for _ in 0..rng.below(4) {
            tree.grow(&mut rng);
        }
        if runs % 5 == 0 {
            let found = stored(&home);
            for (uid, sums) in &found {
                let truth = tree.truth[uid].to_array();
                assert!(sums.to_array().iter().zip(truth).all(|(is, most)| *is <= most), "seed {SEED}, run {runs}: {uid} {sums:?}");
            }
            behind += usize::from(!found.is_empty() && found != tree.truth);
        }
    }
    tree.settle();
    let output = program(&home).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let found = stored(&home);
    for (uid, truth) in &tree.truth {
        assert_eq!(found.get(uid), Some(truth), "seed {SEED}: {uid}");
    }
    assert_eq!(found.len(), tree.truth.len(), "seed {SEED}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let calls: i64 = tree.truth.values().map(|s| s.calls).sum();
    assert_eq!(report["total"]["calls"].as_i64(), Some(calls), "and so it is told");
    let sums = Store::open(&home.data()).unwrap().store.rebuild().unwrap();
    assert_eq!(sums.wrong(), 0);
    println!(
        "{kills} kills in {runs} runs, {behind} of the looks between them met a store that was behind, in {:?} (whole import {whole} ms)",
        begun.elapsed()
    );
    assert!(behind > 0, "the program is never caught with something left to read");
}
