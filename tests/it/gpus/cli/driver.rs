//! One look at cards whose driver a stand-in plays: as text, as JSON, and by the doctor.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use aifinops::model::text::is_hostile;
use serde_json::{Value, json};

use super::super::fake::Fake;
use super::{Host, Run, all, fields, keys, now};

/// A machine whose driver is played: a card at work with a process on it, and one that says nothing but a name that wants to
/// drive the terminal.
pub(in super::super) fn played() -> Option<Fake> {
    let mut fake = Fake::new()?;
    fake.says(&[
        ("count", 2),
        ("gpu0.util", 97),
        ("gpu0.mem.total", 141 << 30),
        ("gpu0.mem.used", 112 << 30),
        ("gpu0.power", 512_345),
        ("gpu0.limit", 700_000),
        ("gpu0.temp", 61),
        ("gpu0.clock", 1980),
        ("gpu0.reasons", 4),
        ("gpu0.compute", 2),
        ("gpu0.compute0.pid", 4242),
        ("gpu0.compute0.mem", 111 << 30),
        ("gpu0.compute1.pid", 77),
    ]);
    fake.set("gpu0.name", "NVIDIA H200").set("gpu1.name", "NVIDIA \u{1b}[31mRed\u{202e}\u{7}Card");
    fs::create_dir(fake.machine.path().join("proc/4242")).unwrap();
    fake.machine.proc("uptime", "20000.00 1.00");
    fake.machine.proc("4242/stat", "4242 (python) S 1 4242 4242 0 0 0 0 0 0 0 0 0 0 0 0 0 1 0 128000 0 0");
    fake.machine.proc("4242/cmdline", "python\0train.py\0\u{1b}]0;owned\u{7}\0");
    Some(fake)
}

/// A command on a machine with this driver.
fn on(host: &Host, fake: &Fake, args: &[&str]) -> Command {
    let mut command = host.command(args);
    command.env("AIFINOPS_SYSROOT", fake.machine.path()).env("AIFINOPS_NVML", fake.places().nvml.unwrap());
    command
}

#[test]
fn one_look_as_text_says_what_is_known_and_a_dash_for_what_is_not() {
    let Some(fake) = played() else { return };
    let host = Host::new();
    // Where standard output is no terminal, it looks once as well.
    let [once, piped] = [&["gpu", "--once"][..], &["gpu"]].map(|args| on(&host, &fake, args).stdout(Stdio::piped()).spawn());
    for child in [once, piped] {
        let run = Run::of(child.unwrap().wait_with_output().unwrap());
        assert_eq!(run.code, 0);
        assert!(!run.out.chars().any(|c| is_hostile(c) && c != '\n'), "{:?}", run.out);
        let line = |word: &str| run.out.lines().find(|line| line.contains(word)).unwrap_or_else(|| panic!("{word} is not in\n{}", run.out));
        let cells = |word: &str| line(word).split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ");
        assert!(run.out.starts_with("2 GPUs: 1 busy, 1 unknown · $3.50/h + 1 unpriced"), "{}", run.out);
        assert!(cells(" H200 ").starts_with("0 H200 busy 97% — 112/141G 512/700W 61° $3.50 "), "{}", run.out);
        assert!(cells("Card").starts_with("1 �[31mRed��Card unknown — — — — — — —"), "{}", run.out);
        assert!(cells("4242").starts_with("4242 0 111G — 5h 12m "), "{}", run.out);
        assert!(line("4242").ends_with("python train.py �]0;owned�"), "{}", run.out);
        assert!(line(" 77 ").contains("not visible here: a container"), "{}", run.out);
        assert!(run.out.contains("list prices of 2026-11"), "{}", run.out);
    }
}

#[test]
fn the_json_says_what_the_driver_says_and_null_for_what_it_does_not_say() {
    let Some(fake) = played() else { return };
    let host = Host::new();
    let asked = now();
    let run = Run::of(on(&host, &fake, &["gpu", "--json"]).output().unwrap());
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    assert!(!run.out.chars().any(|c| is_hostile(c) && c != '\n'), "{:?}", run.out);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    let (first, second) = (&found["cards"][0], &found["cards"][1]);
    for (name, expected) in [
        ("index", json!(0)),
        ("name", json!("NVIDIA H200")),
        ("vendor", json!("nvidia")),
        ("source", json!("nvml")),
        ("state", json!("busy")),
        ("stale", json!(false)),
        ("utilization", json!(97.0)),
        ("memory_used_bytes", json!(112_u64 << 30)),
        ("power_watts", json!(512.345)),
        ("power_cap_watts", json!(700.0)),
        ("temperature_celsius", json!(61)),
        ("sm_mhz", json!(1980)),
        ("throttled_by", json!("power cap")),
        ("driver_idle", json!(false)),
    ] {
        assert_eq!(first[name], expected, "{name}");
    }
    assert_eq!((&first["price"]["usd_per_hour"], &first["price"]["owned"]), (&json!(3.5), &json!(false)));
    for name in ["utilization", "sm", "memory_used_bytes", "memory_total_bytes", "power_watts", "temperature_celsius", "sm_mhz", "price"] {
        assert_eq!(second[name], Value::Null, "{name} of a card that says nothing");
    }
    assert_eq!((&second["state"], &second["today"]["idle_usd"]), (&json!("unknown"), &Value::Null));
    for card in [first, second] {
        let since = chrono::DateTime::parse_from_rfc3339(card["since"].as_str().unwrap()).unwrap().timestamp_millis();
        assert!((asked - 1000..=now()).contains(&since), "{}: it has not been so since {}", card["name"], card["since"]);
    }
    let visible = |pid: u32| found["processes"].as_array().unwrap().iter().find(|row| row["pid"] == json!(pid)).unwrap()["visible"].clone();
    assert_eq!((visible(4242), visible(77)), (json!(true), json!(false)));
    assert!(first["owner"].as_str().unwrap().ends_with(": python"), "who can be seen is named: {}", first["owner"]);
    assert_eq!((&found["total"]["cards"], &found["total"]["unpriced"]), (&json!(2), &json!(1)));
    assert_eq!(fields(&found).difference(&fields(&all())).collect::<Vec<_>>(), Vec::<&String>::new());
}

#[test]
fn doctor_says_which_way_is_found_and_what_it_sees() {
    let Some(fake) = played() else { return };
    let host = Host::new();
    let text = Run::of(on(&host, &fake, &["doctor", "gpu"]).output().unwrap());
    assert_eq!((text.code, text.err.as_str()), (0, ""));
    let words = ["✓ nvml: driver 580.95.05, NVML", "GPUs: 2", "· amdgpu: ", "1 processes on cards have numbers of another namespace"];
    for words in words {
        assert!(text.out.contains(words), "{words} is not in\n{}", text.out);
    }
    assert!(!text.out.chars().any(|c| is_hostile(c) && c != '\n'), "{:?}", text.out);
    let run = Run::of(on(&host, &fake, &["doctor", "gpu", "--json", "--gpu-host", "n1=http://127.0.0.1:9"]).output().unwrap());
    let found: Value = serde_json::from_str(&run.out).unwrap();
    let source = |name: &str| found["sources"].as_array().unwrap().iter().find(|source| source["name"] == json!(name)).unwrap().clone();
    assert_eq!((&source("nvml")["state"], &source("nvml")["cards"]), (&json!("ok"), &json!(2)));
    assert_eq!((&source("n1")["state"], &source("n1")["remote"]), (&json!("broken"), &json!(true)), "nobody listens there: {found}");
    insta::assert_snapshot!(keys(&found), @r"
    notices
    sources
    sources[].about
    sources[].cards
    sources[].name
    sources[].remote
    sources[].seen_at
    sources[].servers
    sources[].state
    sources[].took_millis
    sources[].why
    ");
}

#[test]
fn without_the_library_a_look_waits_for_nvidia_smi() {
    let host = Host::new();
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    symlink(tests.join("gpu/fake_nvidia_smi.sh"), host.path("bin/nvidia-smi")).unwrap();
    for (name, fixture) in [("help.txt", "help-query-gpu.txt"), ("cards.csv", "discrete.csv"), ("processes.csv", "processes.csv")] {
        fs::copy(tests.join("fixtures/gpus/nvidia_smi").join(fixture), host.path("bin").join(name)).unwrap();
    }
    let path = format!("{}:/usr/bin:/bin", host.path("bin").display());
    let run = |args: &[&str]| Run::of(host.command(args).env("PATH", &path).output().unwrap());
    let cards = fs::read_to_string(host.path("bin/cards.csv")).unwrap().lines().count();
    let look: Value = serde_json::from_str(&run(&["gpu", "--json"]).out).unwrap();
    assert_eq!(look["cards"].as_array().unwrap().len(), cards, "{look}");
    let doctor = run(&["doctor", "gpu"]).out;
    assert!(doctor.contains("· nvml: ") && doctor.contains("✓ nvidia-smi: "), "{doctor}");
}

#[test]
fn what_is_not_watched_is_not_even_asked_and_nobody_waits_for_it() {
    let Some(fake) = played() else { return };
    let host = Host::new();
    host.ok(&["config", "set", "gpu.watch", "off"]);
    host.ok(&["config", "set", "gpu_hosts.n1", "http://127.0.0.1:9"]);
    let begun = Instant::now();
    for args in [&["gpu"][..], &["gpu", "--once"], &["doctor", "gpu"]] {
        let run = Run::of(on(&host, &fake, args).output().unwrap());
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        assert!(run.out.starts_with("GPUs are not watched: `gpu.watch` is off."), "{args:?}: {}", run.out);
    }
    for args in [&["gpu", "--json"][..], &["doctor", "gpu", "--json"]] {
        let run = Run::of(on(&host, &fake, args).output().unwrap());
        let found: Value = serde_json::from_str(&run.out).unwrap();
        assert_eq!((run.code, &found["sources"]), (0, &json!([])), "{args:?}: {found}");
    }
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert_eq!(fake.calls(), 0);
}

#[test]
fn other_commands_go_on_as_before() {
    let Some(fake) = played() else { return };
    let host = Host::new();
    for args in
        [&["watch", "--once"][..], &["watch", "--once", "--json"], &["alerts", "list"], &["doctor"], &["top", "--once"], &["sessions"]]
    {
        let run = Run::of(on(&host, &fake, args).output().unwrap());
        assert_eq!(run.code, 0, "{args:?}: {}", run.err);
    }
    assert_eq!(fake.calls(), 0, "and none of them asks the driver");
    let run = Run::of(on(&host, &fake, &["alerts", "snooze", "gpu_idle", "2h"]).output().unwrap());
    assert_eq!(run.code, 0, "{}", run.err);
}
