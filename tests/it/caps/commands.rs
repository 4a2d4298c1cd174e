//! `cap set|show|raise|clear|log` as people type them: the file keeps its comments, the ledger keeps every word, and what
//! makes no sense changes nothing.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

use crate::logs::{answer, uuid};

pub(super) struct Machine {
    pub(super) dir: TempDir,
}

impl Machine {
    pub(super) fn new() -> Machine {
        Machine { dir: tempfile::tempdir().unwrap() }
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("config.toml")
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(super) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
        for name in ["CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME", "XDG_CONFIG_HOME", "AIFINOPS_CAPS"] {
            command.env_remove(name);
        }
        let data = self.dir.path().join("data");
        command.env("AIFINOPS_HOME", self.dir.path().join("home")).env("AIFINOPS_DATA_DIR", data).env("USER", "me");
        command.env("AIFINOPS_CONFIG", self.config()).env("AIFINOPS_TIMEZONE", "Europe/Zurich").args(args);
        command
    }

    pub(super) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[args, &["--json"]].concat())).unwrap()
    }

    /// The exit code and the one error as JSON.
    fn error(&self, args: &[&str]) -> (i32, Value) {
        let output = self.run(&[args, &["--json"]].concat());
        let error: Value = serde_json::from_slice(&output.stderr).unwrap_or_else(|_| panic!("{args:?}: {output:?}"));
        (output.status.code().unwrap(), error["error"].clone())
    }

    /// Calls of today: each writes 1,000 tokens for $0.015, and reads a few.
    pub(super) fn calls(&self, n: u64) {
        let uid = uuid(1, 1);
        let path = self.dir.path().join(format!("home/.claude/projects/-code-app/{uid}.jsonl"));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let today = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Millis, true);
        let line = |i| {
            let line = answer(&uid, 1, i, 1000, None);
            let at = line.find("\"timestamp\":\"").unwrap() + 13;
            format!("{}{today}{}\n", &line[..at], &line[at + 24..])
        };
        fs::write(path, (1..=n).map(line).collect::<String>()).unwrap();
    }
}

#[test]
fn a_cap_is_written_into_the_file_and_its_comments_stay() {
    let machine = Machine::new();
    let before = "# mine\ntheme = \"nord\" # cold\n\n[caps.old] # keep me\nlimit = \"$1\"\nper = \"month\"\n";
    fs::write(machine.config(), before).unwrap();
    assert!(machine.ok(&["cap", "set", "20"]).contains("daily cap of $20.00, called `day`"));
    machine.ok(&["cap", "set", "60 steps", "--per", "task", "--agent", "codex", "--notify", "80,100", "--action", "stop"]);
    machine.ok(&["cap", "set", "7.50", "--project", "a,b:c\"d*", "--name", "odd"]);
    let text = fs::read_to_string(machine.config()).unwrap();
    assert!(text.starts_with(before), "{text}");
    insta::assert_snapshot!(&text[before.len()..], @r#"

    [caps.day]
    limit = "$20"
    per = "day"

    [caps.task-steps-codex]
    limit = "60 steps"
    per = "task"
    agent = "codex"
    notify = [80, 100]
    action = "stop"

    [caps.odd]
    limit = "$7.5"
    per = "day"
    project = 'a,b:c"d*'
    "#);
    machine.ok(&["cap", "set", "5M tokens", "--name", "day"]);
    let caps = machine.json(&["cap", "show"])["caps"].clone();
    let names: Vec<&str> = caps.as_array().unwrap().iter().map(|cap| cap["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["old", "day", "task-steps-codex", "odd"]);
    assert_eq!(caps[1]["limit"], serde_json::json!({"unit": "tokens", "count": 5_000_000}));
    assert_eq!(caps[3]["project"], "a,b:c\"d*");
}

#[test]
fn a_cap_that_makes_no_sense_is_refused_and_changes_nothing() {
    let machine = Machine::new();
    machine.ok(&["cap", "set", "20"]);
    let before = fs::read(machine.config()).unwrap();
    for (args, word) in [
        (&["cap", "set", "-5"][..], "negative"),
        (&["cap", "set", "0"], "zero"),
        (&["cap", "set", "99999999999"], "too much"),
        (&["cap", "set", "twenty"], "no amount"),
        (&["cap", "set", "5", "--agent", "nobody"], "nobody"),
        (&["cap", "set", "5", "--per", "year"], "year"),
        (&["cap", "set", "5", "--action", "explode"], "explode"),
        (&["cap", "set", "5", "--notify", "0"], "percentage"),
        (&["cap", "set", "5", "--name", "policy.day"], "policy"),
        (&["cap", "set", "5", "--name", "two words"], "one word"),
        (&["cap", "set", "5", "--name", ""], "one word"),
        (&["cap", "set", "5", "--project", " "], "no pattern"),
        (&["cap", "set", "1,5"], "comma"),
        (&["cap", "raise", "0"], "nothing to raise"),
        (&["cap", "raise", "5", "--until", "-1h"], "no time"),
        (&["cap", "raise", "-5"], "negative"),
        (&["cap", "raise", "5", "--until", "yesterdayish"], "no time"),
        (&["cap", "raise", "5", "--until", "2020-01-01"], "past"),
        (&["cap", "raise", "5 steps", "day"], "cannot be raised"),
    ] {
        let (code, error) = machine.error(args);
        assert!(error["message"].as_str().unwrap().contains(word), "{args:?}: {error}");
        assert!([1, 2].contains(&code), "{args:?}: {code}");
    }
    let (code, error) = machine.error(&["cap", "clear", "nope"]);
    assert_eq!((code, error["code"].as_str()), (3, Some("no_cap")));
    assert_eq!(fs::read(machine.config()).unwrap(), before);
}

/// A name that is made up must not take the place of a cap over something else: that one would be gone without a word.
#[test]
fn a_made_up_name_takes_no_other_caps_place() {
    let machine = Machine::new();
    machine.ok(&["cap", "set", "20"]);
    for project in ["日本語", "[", "checkout-flaky-test", "checkout-flaky-tool", "web", "web-*"] {
        machine.ok(&["cap", "set", "5", "--project", project]);
    }
    machine.ok(&["cap", "set", "6", "--project", "web"]);
    machine.ok(&["cap", "set", "21"]);
    let caps = machine.json(&["cap", "show"])["caps"].as_array().unwrap().clone();
    let mut found: Vec<(&str, f64)> =
        caps.iter().map(|cap| (cap["name"].as_str().unwrap(), cap["limit"]["usd"].as_f64().unwrap())).collect();
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    assert_eq!(found.len(), 7, "{found:?}");
    assert_eq!(found[0], ("day", 21.0), "{found:?}");
    assert!(found.contains(&("day-web", 6.0)) && found.contains(&("day-web-2", 5.0)), "{found:?}");
}

#[test]
fn show_says_what_is_left_and_which_cap_binds_and_check_tells_scripts() {
    let machine = Machine::new();
    assert!(machine.ok(&["cap", "show"]).contains("No caps are set"));
    machine.calls(10);
    machine.ok(&["cap", "set", "0.20"]);
    machine.ok(&["cap", "set", "100", "--per", "month"]);
    let shown = machine.json(&["cap", "show"]);
    let (day, month) = (&shown["caps"][0], &shown["caps"][1]);
    assert_eq!((day["used_permille"].as_u64().unwrap() / 100, day["level"].as_u64()), (7, Some(50)), "{day}");
    assert_eq!((day["binds"].as_bool(), month["binds"].as_bool()), (Some(true), Some(false)));
    assert_eq!(day["spent"]["nano_usd"], month["spent"]["nano_usd"]);
    let sum = |field: &str| day[field]["nano_usd"].as_i64().unwrap();
    assert_eq!(sum("spent") + sum("left"), 200_000_000);
    assert_eq!(machine.run(&["cap", "show", "--check"]).status.code(), Some(0));
    machine.calls(14);
    let output = machine.run(&["cap", "show", "--check"]);
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8_lossy(&output.stdout).contains("STOPPED"));
}

#[test]
fn a_raise_is_kept_with_its_reason_and_ends_with_the_cap() {
    let machine = Machine::new();
    machine.calls(14);
    machine.ok(&["cap", "set", "0.20"]);
    assert_eq!(machine.json(&["cap", "show"])["stopped"], true);
    let raised = machine.json(&["cap", "raise", "10", "--until", "2h", "--reason", "release day"]);
    assert_eq!((raised["cap"].as_str(), raised["allowed"]["usd"].as_f64(), &raised["stopped_by"]), (Some("day"), Some(10.2), &Value::Null));
    assert_eq!(machine.json(&["cap", "show"])["stopped"], false);
    let log = machine.json(&["cap", "log"]);
    let decisions: Vec<(&str, &str, &str)> = log["decisions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| (d["decision"].as_str().unwrap(), d["who"].as_str().unwrap(), d["why"].as_str().unwrap_or_default()))
        .collect();
    assert_eq!(decisions, [("raise", "me", "release day"), ("set", "me", "")]);
    // A cap that is set anew begins without what was granted on top of the old one.
    machine.ok(&["cap", "set", "0.19"]);
    assert_eq!(machine.json(&["cap", "show"])["stopped"], true);
    machine.ok(&["cap", "clear"]);
    assert_eq!(machine.json(&["cap", "show"]), serde_json::json!({"caps": [], "stopped": false, "policy": null}));
    assert_eq!(machine.json(&["cap", "log", "--limit", "1"])["decisions"][0]["decision"], "clear");
}

#[test]
fn a_slip_of_the_pen_sets_no_agent_free() {
    let machine = Machine::new();
    machine.calls(14);
    machine.ok(&["cap", "set", "0.20"]);
    machine.ok(&["cap", "set", "30", "--per", "week"]);
    assert_eq!(machine.json(&["cap", "show"])["stopped"], true);
    let good = fs::read_to_string(machine.config()).unwrap();
    for broken in [
        good.replace("\"$0.2\"", "\"$0.2"),
        good.replace("$0.2", "much"),
        good.replace("\"day\"", "\"never\""),
        good.replace("[caps.day]", "[caps.day"),
    ] {
        fs::write(machine.config(), &broken).unwrap();
        let shown = machine.json(&["cap", "show"]);
        assert_eq!((shown["stopped"].as_bool(), shown["caps"].as_array().unwrap().len()), (Some(true), 2), "{broken}");
        let told = machine.run(&["cap", "show"]);
        assert!(String::from_utf8_lossy(&told.stderr).contains("what was there before holds"), "{told:?}");
    }
    // What a flag says for one run is not what was there before.
    fs::write(machine.config(), &good).unwrap();
    machine.ok(&["cap", "show", "--cap", "day=limit:1000"]);
    fs::write(machine.config(), good.replace("$0.2", "much")).unwrap();
    assert_eq!(machine.json(&["cap", "show"])["stopped"], true);
    // Taken away on purpose is taken away.
    fs::write(machine.config(), "").unwrap();
    assert_eq!(machine.json(&["cap", "show"])["caps"], serde_json::json!([]));
}

#[test]
fn caps_from_the_environment_hold_and_are_not_cleared_from_a_file() {
    let machine = Machine::new();
    let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
    command.env("AIFINOPS_HOME", machine.dir.path()).env("AIFINOPS_CAPS", "day=limit:20;loops=limit:60 steps,per:task,action:stop");
    let output = command.args(["cap", "clear", "day", "--json"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("AIFINOPS_CAPS"));
}

#[test]
fn a_name_of_the_policy_is_none_for_a_cap_of_ones_own() {
    let machine = Machine::new();
    fs::write(machine.config(), "[caps.\"policy.day\"]\nlimit = \"$1000\"\n\n[caps.day]\nlimit = \"$1\"\n").unwrap();
    let caps = machine.json(&["cap", "show"])["caps"].clone();
    assert_eq!(caps.as_array().unwrap().iter().map(|cap| cap["name"].as_str().unwrap()).collect::<Vec<_>>(), ["day"]);
    let told = machine.run(&["cap", "show"]);
    assert!(String::from_utf8_lossy(&told.stderr).contains("those of the machine's policy"), "{told:?}");
}

#[test]
fn the_record_says_when_a_window_is_empty() {
    let machine = Machine::new();
    assert_eq!(machine.ok(&["cap", "log"]), "Nothing has been decided yet.\n");
    machine.ok(&["cap", "set", "20"]);
    assert_eq!(machine.ok(&["cap", "log", "--until", "2020-01-01"]), "Nothing was decided in this window.\n");
}

#[test]
fn a_watch_that_looks_once_says_everything_once() {
    let machine = Machine::new();
    machine.calls(14);
    machine.ok(&["cap", "set", "0.20"]);
    let look = || machine.ok(&["watch", "--once", "--alert", "ways=none"]);
    assert!(look().contains("Cap reached: daily cap of $0.20"));
    assert_eq!(look(), "");
    machine.ok(&["cap", "set", "0.19"]);
    assert!(look().contains("Cap reached: daily cap of $0.19"));
}

#[test]
fn one_moment_of_the_screen_says_how_caps_stand() {
    let machine = Machine::new();
    machine.calls(14);
    let now = machine.json(&["top", "--once"]);
    assert_eq!((&now["caps"], &now["stopped"]), (&serde_json::json!([]), &Value::Bool(false)));
    machine.ok(&["cap", "set", "0.20"]);
    let now = machine.json(&["top", "--once"]);
    assert_eq!((now["caps"][0]["name"].as_str(), now["stopped"].as_bool()), (Some("day"), Some(true)));
    assert!(machine.ok(&["top", "--once"]).contains("STOPPED 105% of $0.20 (day)"), "{}", machine.ok(&["top", "--once"]));
}

#[test]
fn a_cap_that_has_just_been_set_outlives_a_broken_edit() {
    let machine = Machine::new();
    for limit in ["100", "1"] {
        machine.ok(&["cap", "set", limit]);
    }
    let text = fs::read_to_string(machine.config()).unwrap();
    fs::write(machine.config(), text.replace("$1", "nonsense")).unwrap();
    assert_eq!(machine.json(&["cap", "show"])["caps"][0]["limit"]["usd"], 1);
    fs::write(machine.config(), text).unwrap();
    machine.ok(&["cap", "clear"]);
    fs::write(machine.config(), "[caps.day]\nlimit = 'nonsense'\n").unwrap();
    assert_eq!(machine.json(&["cap", "show"])["caps"], serde_json::json!([]), "what was taken away does not come back");
}

#[test]
fn the_log_is_whole_where_all_of_it_is_asked_for() {
    let machine = Machine::new();
    machine.ok(&["cap", "set", "1"]);
    let ledger = aifinops::store::Ledger::open(&machine.dir.path().join("data"), std::time::Duration::from_secs(9)).unwrap().0;
    let first = ledger.decisions(0, 1).unwrap().pop().unwrap();
    for at in 1..60 {
        ledger.record(&aifinops::store::ledger::Decision { at, ..first.clone() }).unwrap();
    }
    let shown = machine.run(&["cap", "log"]);
    let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).lines().count();
    assert_eq!((lines(&shown.stdout), String::from_utf8_lossy(&shown.stderr).trim()), (51, "50 of 60; `--all` shows all of them"));
    assert_eq!(lines(&machine.run(&["cap", "log", "--all"]).stdout), 61);
    assert_eq!(machine.json(&["cap", "log"])["decisions"].as_array().unwrap().len(), 60);
    assert_eq!(machine.json(&["cap", "log", "--limit", "7"])["decisions"].as_array().unwrap().len(), 7);
    assert_eq!(machine.error(&["cap", "log", "--limit", "0"]).0, 2);
}
