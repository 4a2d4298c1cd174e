//! Windows, zones and filters.

use super::{CODEX, FIRST, Machine, SECOND};

fn ids(machine: &Machine, args: &[&str]) -> Vec<String> {
    let list = machine.json(&[&["sessions", "--sort=-started"], args].concat());
    list["sessions"].as_array().unwrap().iter().map(|s| s["id"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn since_and_until() {
    let machine = Machine::new();
    assert_eq!(ids(&machine, &["--since", "2026-11-01", "--until", "2026-11-01"]), [FIRST]);
    assert_eq!(ids(&machine, &["--since", "2026-11-02"]), [CODEX, SECOND]);
    assert_eq!(ids(&machine, &["--until", "2026-11-02"]), [FIRST, CODEX, SECOND], "the last day is whole");
    assert_eq!(ids(&machine, &["--until", "2026-11-02T12:00"]), [FIRST], "a moment is not");
    assert_eq!(ids(&machine, &["--since", "2026-11-02T12:00", "--until", "2026-11-02 13:00"]), [CODEX]);
    assert_eq!(ids(&machine, &["--since", "2026-11-02T23:30:00Z"]), [SECOND]);
}

#[test]
fn days_belong_to_the_zone() {
    let machine = Machine::new();
    let zurich = ["--timezone", "Europe/Zurich"];
    assert_eq!(ids(&machine, &[&["--since", "2026-11-03"], &zurich[..]].concat()), [SECOND]);
    let report = machine.json(&[&["report", "daily", "--all", "--by", "day"], &zurich[..]].concat());
    let days: Vec<_> = report["rows"].as_array().unwrap().iter().map(|r| r["day"].as_str().unwrap()).collect();
    assert_eq!(days, ["2026-11-01", "2026-11-02", "2026-11-03"]);
}

#[test]
fn filters_and_limits() {
    let machine = Machine::new();
    assert_eq!(ids(&machine, &["--all", "--agent", "codex"]), [CODEX]);
    assert_eq!(ids(&machine, &["--all", "--project", "API"]), [FIRST, SECOND]);
    assert_eq!(ids(&machine, &["--all", "--model", "house", "project:web"]), [CODEX]);
    assert_eq!(ids(&machine, &["--all", "--limit", "1"]), [FIRST]);
    assert!(ids(&machine, &["--all", "--live"]).is_empty());
    assert_eq!(machine.run(&["sessions", "--all", "--agent", "nobody"]).code, 2, "there is no such agent");
    let run = machine.run(&["sessions", "--all", "agent:nobody"]);
    assert!(run.code == 0 && run.out.starts_with("Nothing in this window"), "{}", run.out);
    let report = machine.json(&["report", "agents", "--all", "--project", "web"]);
    assert_eq!((report["rows"].as_array().unwrap().len(), &report["total"]["calls"]), (1, &serde_json::json!(1)));
}

#[test]
fn a_name_with_a_space_is_one_word() {
    let machine = Machine::new();
    let (apart, app) = ("dddd0000-0000-4000-8000-000000000001", "dddd0000-0000-4000-8000-000000000002");
    for (id, at, cwd) in [(apart, "10:00:00", "/code/my stuff/app"), (app, "10:01:00", "/code/my app")] {
        let step = super::answer(id, &format!("m-{id}"), &format!("2026-11-05T{at}.000Z"), cwd, "house", r#"{"type":"text","text":"x"}"#);
        machine.write(&format!("home/.claude/projects/-code-{id}/{id}.jsonl"), &step);
    }
    assert_eq!(ids(&machine, &["--all", "--project", "my app"]), [app]);
    assert_eq!(ids(&machine, &["--all", "project:\"My App\""]), [app], "as it is typed in the screen");
    assert_eq!(ids(&machine, &["--all", "project:my", "app"]), [apart, app], "two words, each met by both");
}

#[test]
fn sessions_in_the_root_directory_are_a_project() {
    let machine = Machine::empty();
    machine.write(
        "home/.claude/projects/-/x.jsonl",
        &super::answer(FIRST, "m", "2026-11-05T10:00:00.000Z", "/", "house", r#"{"type":"text","text":"x"}"#),
    );
    for filter in [&[][..], &["--agent", "claude-code"]] {
        let report = machine.json(&[&["report", "projects", "--all"], filter].concat());
        assert_eq!(report["rows"][0]["project"], "/", "{filter:?}");
    }
}

#[test]
fn another_root_replaces_the_usual_ones() {
    let machine = Machine::new();
    machine.write(&format!("elsewhere/{SECOND}.jsonl"), &super::prompt(SECOND, "p", "2026-11-05T10:00:00Z", "/x"));
    let root = format!("codex={}", machine.path("elsewhere").display());
    let doctor = machine.json(&["doctor", "--root", &root]);
    let roots: Vec<_> = doctor["roots"].as_array().unwrap().iter().filter(|r| r["agent"] == "codex").collect();
    assert_eq!(roots.len(), 1);
    assert_eq!(roots[0]["files"], 1);
}

#[test]
fn weeks_are_whole() {
    use chrono::{DateTime, Datelike as _, Days, Utc, Weekday};
    let window = Machine::empty().json(&["report", "weekly"])["window"].clone();
    let at = |name: &str| window[name].as_str().unwrap().parse::<DateTime<Utc>>().unwrap();
    assert_eq!(at("from").weekday(), Weekday::Mon);
    let monday = (at("to") - chrono::Duration::milliseconds(1)).date_naive().week(Weekday::Mon).first_day();
    assert_eq!(at("from").date_naive() + Days::new(77), monday, "twelve of them, this one included");
}

#[test]
fn a_moved_home_never_meets_the_desktops_real_logs() {
    let machine = Machine::empty();
    let real = machine.path("real/claude/projects/-x");
    std::fs::create_dir_all(&real).unwrap();
    std::fs::write(real.join(format!("{FIRST}.jsonl")), super::prompt(FIRST, "p", "2026-11-05T10:00:00Z", "/x")).unwrap();
    let roots = |config: &std::path::Path| {
        let output = machine.command(&["doctor", "--json"]).env("XDG_CONFIG_HOME", config).output().unwrap();
        let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        found["roots"].as_array().unwrap().iter().map(|root| root["path"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert!(roots(&machine.path("real")).iter().all(|root| root.starts_with(machine.path("home").to_str().unwrap())));
    let inside = machine.path("home/config");
    assert!(roots(&inside).contains(&inside.join("claude/projects").display().to_string()), "inside the home it counts");
}

#[test]
fn a_length_beyond_all_calendars_is_refused() {
    let machine = Machine::new();
    machine.write("config.toml", "[caps.day]\nlimit = \"$10\"\n");
    for args in [&["sessions", "--since", "99999999d"][..], &["cap", "raise", "10", "day", "--until", "99999999d"]] {
        let run = machine.run(&[args, &["--json"]].concat());
        assert_eq!((run.code, &run.error()["code"]), (2, &serde_json::json!("usage")), "{args:?}: {}", run.err);
    }
    assert_eq!(machine.run(&["cap", "raise", "10", "day", "--until", "365d"]).code, 0);
}
