//! History that outlives the logs, and moves between machines.

use std::fs;

use serde_json::{Value, json};

use super::{Machine, is_private};

fn total(machine: &Machine) -> Value {
    let report = machine.json(&["report", "daily", "--all"]);
    json!([report["rows"], report["total"], machine.json(&["sessions", "--all"])["sessions"]])
}

#[test]
fn reports_over_all_time_stay_when_agents_have_deleted_their_logs() {
    let machine = Machine::new();
    let before = total(&machine);
    assert_eq!(machine.json(&["store", "info"])["total"]["only_here"]["sessions"], json!(0));
    for dir in ["home/.claude/projects/-work-api", "home/.codex/sessions"] {
        fs::remove_dir_all(machine.path(dir)).unwrap();
    }
    assert_eq!(total(&machine), before, "nothing is forgotten");
    // Not after the next look at everything, and not when the sums are computed anew.
    assert_eq!(machine.run(&["doctor", "--rebuild"]).code, 0);
    assert_eq!(total(&machine), before);

    let info = machine.json(&["store", "info"])["total"].clone();
    let only_here = json!({"sessions": 3, "calls": 4, "cost": {"usd": 0.0318, "nano_usd": 31_800_000, "basis": "mixed", "lower_bound": true, "unpriced_calls": 1}});
    assert_eq!((&info["logs"], &info["logs_gone"], &info["only_here"]), (&json!(0), &json!(3), &only_here));
    let text = machine.run(&["store", "info"]).out;
    assert!(text.contains("3 sessions are only here (≥$0.03): agents have deleted the logs"), "{text}");
    let doctor = machine.run(&["doctor"]);
    assert!(doctor.code == 0 && doctor.out.contains("3 files are gone, their figures kept"), "{}", doctor.out);
}

#[test]
fn the_store_says_what_it_holds() {
    let machine = Machine::new();
    let info = machine.json(&["store", "info"]);
    assert!(info["schema"].as_u64().unwrap() >= 4 && info["size"].as_u64().unwrap() > 0 && info["writer"] == json!(true), "{info}");
    let codex = info["agents"].as_array().unwrap().iter().find(|a| a["agent"] == "codex").unwrap();
    let counts = ["sessions", "tasks", "calls", "facts", "logs", "logs_gone"].map(|key| codex[key].as_u64().unwrap());
    assert_eq!(counts, [1, 1, 1, 1, 1, 0]);
    assert_eq!(
        (&info["total"]["oldest"], &info["total"]["newest"]),
        (&json!("2026-11-01T10:00:00.000Z"), &json!("2026-11-02T23:40:05.000Z"))
    );
    assert!(Machine::empty().run(&["store", "info"]).out.ends_with("Nothing is in it yet.\n"));
}

#[test]
fn a_history_moves_to_another_machine_and_counts_once_there() {
    let (here, there) = (Machine::new(), Machine::empty());
    fs::copy(here.path("config.toml"), there.path("config.toml")).unwrap();
    let file = here.path("laptop.history.gz");
    let name = file.to_str().unwrap();
    let written = here.json(&["store", "export", name]);
    assert_eq!((&written["sessions"], &written["calls"], &written["facts"]), (&json!(3), &json!(4), &json!(4)));
    assert!(is_private(&file));

    let new = |n: u64| json!({"sessions": 3 * n, "calls": 4 * n, "facts": 4 * n, "limits": 0});
    assert_eq!(there.json(&["store", "import", name, "--dry-run"])["files"][0]["new"], Value::Null);
    assert!(total(&there)[0].as_array().unwrap().is_empty(), "nothing was changed");
    assert_eq!(there.json(&["store", "import", name])["files"][0]["new"], new(1));
    assert_eq!(total(&there), total(&here));
    assert_eq!(there.json(&["store", "import", name, name])["files"][1]["new"], new(0));
    assert_eq!(total(&there), total(&here));
    assert_eq!(there.json(&["store", "info"])["total"]["only_here"]["sessions"], json!(3));
    // Its own logs, once they are there, are the same history.
    copy(&here.path("home"), &there.path("home"));
    assert_eq!(total(&there), total(&here));
}

fn copy(from: &std::path::Path, to: &std::path::Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            fs::create_dir_all(target).unwrap();
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn an_archive_is_not_overwritten_unasked_and_leaves_nothing_half_written() {
    let machine = Machine::new();
    machine.write("kept.gz", "somebody's");
    let file = machine.path("kept.gz");
    let error = machine.run(&["store", "export", file.to_str().unwrap(), "--json"]).error();
    assert!(error["message"].as_str().unwrap().ends_with("kept.gz is already there"), "{error}");
    assert_eq!((&error["code"], &error["hint"]), (&json!("usage"), &json!("--force replaces it")));
    assert_eq!(fs::read_to_string(&file).unwrap(), "somebody's\n");
    assert_eq!(machine.run(&["store", "export", file.to_str().unwrap(), "--force"]).code, 0);
    assert!(fs::read(&file).unwrap().starts_with(&[0x1f, 0x8b]));
    let piped = machine.command(&["store", "export", "-"]).output().unwrap();
    assert!(piped.status.success() && piped.stdout.starts_with(&[0x1f, 0x8b]) && piped.stderr.is_empty());
    let names: Vec<_> = fs::read_dir(machine.path("")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(names.iter().all(|name| !name.contains(".tmp")), "{names:?}");
    assert_eq!(machine.run(&["store", "export", machine.path("no/such/dir.gz").to_str().unwrap()]).code, 1);
}

#[test]
fn a_bad_archive_is_refused_as_a_whole_even_behind_a_good_one() {
    let (here, there) = (Machine::new(), Machine::empty());
    let good = here.path("good.gz");
    assert_eq!(here.run(&["store", "export", good.to_str().unwrap()]).code, 0);
    let bytes = fs::read(&good).unwrap();
    fs::write(here.path("cut.gz"), &bytes[..bytes.len() - 20]).unwrap();
    here.write("text.gz", "no archive");
    for (bad, why) in [("cut.gz", "it is cut off after line"), ("text.gz", "it is no history of aifinops")] {
        let bad = here.path(bad);
        let error = there.run(&["store", "import", good.to_str().unwrap(), bad.to_str().unwrap(), "--json"]).error();
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
        assert_eq!(error["code"], json!("archive"));
        assert!(total(&there)[0].as_array().unwrap().is_empty());
    }
    let error = there.run(&["store", "import", "/nowhere/x.gz", "--json"]).error();
    assert_eq!(
        (&error["code"], error["message"].as_str().unwrap()),
        (&json!("file"), "could not read /nowhere/x.gz: No such file or directory")
    );
}

#[test]
fn compacting_keeps_everything_and_waits_for_nobody() {
    let machine = Machine::new();
    let before = total(&machine);
    let sizes = machine.json(&["store", "compact"]);
    assert!(sizes["after"].as_u64() <= sizes["before"].as_u64(), "{sizes}");
    assert_eq!(total(&machine), before);
    let lock = fs::OpenOptions::new().append(true).open(machine.path("data/writer.lock")).unwrap();
    lock.lock().unwrap();
    for command in [&["store", "compact", "--json"][..], &["store", "import", "x.gz", "--json"]] {
        if command[1] == "import" {
            assert_eq!(machine.run(&["store", "export", machine.path("x.gz").to_str().unwrap()]).code, 0);
        }
        let file = machine.path("x.gz");
        let command: Vec<&str> = command.iter().map(|word| if *word == "x.gz" { file.to_str().unwrap() } else { word }).collect();
        let error = machine.run(&command).error();
        assert_eq!((&error["code"], &error["hint"]), (&json!("busy"), &json!("end it first, then try again")));
        let told = error["message"].as_str().unwrap();
        assert!(told.starts_with("the store is being written by "), "{told}");
        if cfg!(target_os = "linux") {
            assert!(told.contains(&format!("(process {})", std::process::id())), "{told}");
        }
    }
    assert_eq!(total(&machine), before);
}
