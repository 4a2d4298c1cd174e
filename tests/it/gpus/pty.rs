//! GPUs in a terminal: a driver that a stand-in plays, and a screen that shows what it says while it says it.

#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use super::cli::driver::played;
use super::fake::Fake;
use crate::pty::terminal::{Machine, Terminal};

/// The longest that a look at a driver may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// The program in a terminal, on a machine with this driver.
fn run(machine: &Machine, fake: &Fake, args: &[&str]) -> Terminal {
    let (root, library) = (fake.machine.path().to_owned(), fake.places().nvml.unwrap());
    let env = [("AIFINOPS_SYSROOT", root.to_str().unwrap()), ("AIFINOPS_NVML", library.to_str().unwrap())];
    machine.run_with(Path::new(env!("CARGO_BIN_EXE_aifinops")), args, &env, 130, 30)
}

#[test]
fn the_cards_are_shown_and_what_they_do_changes_on_the_screen() {
    let Some(mut fake) = played() else { return };
    let machine = Machine::new();
    let mut screen = run(&machine, &fake, &["gpu"]);
    screen.shows(&["GPUs 2 · 1 busy", "H200", "97%", "112/141G", "512/700W", "61°", "python train.py", "unknown"]);
    fake.says(&[("gpu0.util", 31), ("gpu0.power", 403_000)]);
    screen.shows(&["31%", "403/700W"]);
    screen.shows_no("97%");
    fake.set("gpu0.lost", 1);
    screen.shows(&["1 lost"]);
    screen.press("q");
    assert!(screen.ended().success());
    screen.is_restored();
    let bytes = String::from_utf8_lossy(&screen.bytes()).into_owned();
    assert!(!bytes.contains("\u{1b}[31mRed") && !bytes.contains("]0;owned\u{7}") && !bytes.contains('\u{202e}'), "a name drives nothing");
    assert!(machine.path("data/gpus.db").exists(), "what was seen is kept");
}

/// Has the driver hang: what it reads is a pipe that nobody writes into, until this is dropped.
fn hang(fake: &Fake) -> fs::File {
    let (pipe, scenario) = (fake.machine.path().join("pipe"), fake.machine.path().join("scenario.txt"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::rename(&pipe, &scenario).unwrap();
    let begun = Instant::now();
    loop {
        // It opens only once somebody waits at the other end.
        match fs::OpenOptions::new().write(true).custom_flags(nix::libc::O_NONBLOCK).open(&scenario) {
            Ok(held) => return held,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "the driver is not asked: {error}"),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn while_the_driver_hangs_keys_work_and_quitting_ends_at_once() {
    let Some(fake) = played() else { return };
    let machine = Machine::new();
    let mut screen = run(&machine, &fake, &["top"]);
    screen.shows(&["GPU 97%", "7 GPU"]);
    screen.press("7");
    screen.shows(&["GPUs 2 · 1 busy", "H200"]);
    let _held = hang(&fake);
    screen.press("b");
    assert!(screen.shows(&["7 days of use"]) < Duration::from_secs(5));
    screen.press("1");
    assert!(screen.shows(&["aifinops top --demo"]) < Duration::from_secs(5));
    let begun = Instant::now();
    screen.press("q");
    assert!(screen.ended().success());
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    screen.is_restored();
}

#[test]
fn without_a_card_the_screen_says_so_and_json_needs_no_screen() {
    let machine = Machine::new();
    let root = machine.path("root");
    fs::create_dir(&root).unwrap();
    let none = root.join("none.so");
    let env = [("AIFINOPS_SYSROOT", root.to_str().unwrap()), ("AIFINOPS_NVML", none.to_str().unwrap()), ("PATH", root.to_str().unwrap())];
    let mut screen = machine.run_with(Path::new(env!("CARGO_BIN_EXE_aifinops")), &["gpu"], &env, 100, 30);
    screen.shows(&["No GPU was found on this machine", "aifinops doctor gpu says where it was looked"]);
    screen.press("q");
    assert!(screen.ended().success());
    let json = machine.run_with(Path::new(env!("CARGO_BIN_EXE_aifinops")), &["gpu", "--json"], &env, 100, 30);
    json.shows(&["\"cards\":[]"]);
}
