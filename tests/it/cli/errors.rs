//! What goes wrong: in words or as one object, with the promised exit codes; and nothing from a log reaches a terminal.

use std::io::Read as _;
use std::process::Stdio;

use serde_json::json;

use super::{FIRST, HOSTILE, Machine, Run};

#[test]
fn an_unknown_session() {
    let machine = Machine::new();
    let run = machine.run(&["session", "zzzz", "--json"]);
    assert_eq!(run.code, 3);
    assert_eq!(run.error()["code"], "not_found");
    let run = machine.run(&["session", "zzzz"]);
    assert_eq!((run.code, run.out.as_str()), (3, ""));
    assert_eq!(run.err, "error: no session's id begins with `zzzz`\n hint: list all ids with `aifinops sessions --all`\n");
}

#[test]
fn an_ambiguous_prefix_lists_what_it_may_mean() {
    let machine = Machine::new();
    let run = machine.run(&["session", "aaaa", "--json"]);
    assert_eq!(run.code, 2);
    let error = run.error();
    assert_eq!(error["code"], "ambiguous");
    assert!(error["message"].as_str().unwrap().contains(FIRST));
    assert_eq!(machine.run(&["session", "aaaa1"]).code, 0);
    assert_eq!(machine.run(&["session", "aaaa1111…"]).code, 0, "as a table shortens it");
}

#[test]
fn usage_errors_are_objects_too() {
    let machine = Machine::new();
    for args in [
        &["sessions", "--nonsense", "--json"][..],
        &["report", "hourly", "--json"],
        &["sessions", "--since", "soon", "--json"],
        &["sessions", "--since", "2026-11-02", "--until", "2026-11-01", "--json"],
        &["sessions", "--all", "--range", "7d", "--json"],
        &["sessions", "--timezone", "Mars/Base", "--json"],
        &["top", "--once", "--sort", "beauty", "--json"],
        &["sessions", "--root", "nobody=/x", "--json"],
        &["prices", "set", "house", "--json"],
        &["prices", "update", "--url", "http://example.org/list.json", "--json"],
    ] {
        let run = machine.run(args);
        assert_eq!(run.code, 2, "{args:?}: {}", run.err);
        let error = run.error();
        assert_eq!(error["code"], "usage", "{args:?}");
        assert!(error["hint"].is_string(), "{args:?}");
    }
}

#[test]
fn help_says_everything_and_has_examples() {
    let machine = Machine::empty();
    for command in
        [&[][..], &["top"], &["sessions"], &["session"], &["report"], &["prices"], &["doctor"], &["config"], &["completions"], &["man"]]
    {
        let run = machine.run(&[command, &["--help"]].concat());
        assert_eq!(run.code, 0);
        assert!(run.out.contains("EXAMPLES:"), "{command:?}");
    }
    let bare = machine.run(&[]);
    assert!(bare.code == 0 && bare.out.contains("Usage: aifinops"), "no terminal: help");
    assert!(!machine.path("data").exists(), "help touches nothing");
}

#[test]
fn an_empty_machine_is_no_error() {
    let machine = Machine::empty();
    for args in [&["sessions"][..], &["report", "daily"], &["top", "--once"]] {
        let run = machine.run(args);
        assert_eq!((run.code, run.err.as_str()), (0, ""));
        assert!(run.out.contains("No agent logs found. Looked in:"), "{}", run.out);
        assert!(run.out.contains("aifinops top --demo"));
    }
    assert_eq!(machine.json(&["sessions", "--all"])["sessions"], json!([]));
    let report = machine.json(&["report", "daily", "--all"]);
    assert_eq!((&report["rows"], &report["total"]["calls"]), (&json!([]), &json!(0)));
}

#[test]
fn hostile_logs_never_reach_the_terminal() {
    let machine = Machine::new().with_hostile_log();
    for args in [
        &["sessions", "--all"][..],
        &["sessions", "--all", "--json"],
        &["session", HOSTILE],
        &["session", HOSTILE, "--json"],
        &["report", "models", "--all"],
        &["report", "projects", "--all", "--json"],
        &["report", "daily", "--all", "--json"],
        &["top", "--once", "--range", "all"],
        &["prices", "show"],
        &["doctor", "--files"],
        &["doctor", "--json"],
        &["session", "\u{1b}[31m"],
        &["prices", "show", "\u{1b}[31m", "--json"],
    ] {
        let run = machine.run(args);
        let all = run.out + &run.err;
        let bad = |c: &char| c.is_control() && *c != '\n' || *c == '\u{202e}';
        assert_eq!(all.chars().find(bad), None, "{args:?}: {all:?}");
        assert!(!all.contains(r"\u001b"), "{args:?}: {all}");
    }
    let session = machine.json(&["session", HOSTILE]);
    assert_eq!(session["models"], json!(["evil\u{fffd}[31m\u{fffd}"]));
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let machine = Machine::new();
    let mut child = machine.command(&["man"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
    assert_eq!((child.wait().unwrap().code(), err.as_str()), (Some(0), ""));
}

#[test]
fn a_damaged_store_is_told_and_replaced() {
    let machine = Machine::new();
    machine.write("data/aifinops.db", &"this is no database ".repeat(1000));
    let run = machine.run(&["sessions", "--all"]);
    assert_eq!(run.code, 0);
    assert!(run.err.contains("damaged"), "{}", run.err);
    assert!(run.out.starts_with("3 sessions"));
    assert_eq!(machine.run(&["sessions", "--all", "--quiet"]).err, "");
}

/// A number without a name, as containers have them, has no home. The directory that it happens to be in is none either: a repository may
/// hold settings and logs of its own making.
#[cfg(unix)]
#[test]
fn who_has_no_home_reads_and_writes_nothing_where_he_happens_to_be() {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    if !nix::unistd::geteuid().is_root() {
        return; // nobody else may become such a number
    }
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("aifinops");
    // By another process: what a test beside this one starts would inherit the file, open for writing, and it would be busy.
    assert!(Command::new("cp").arg(env!("CARGO_BIN_EXE_aifinops")).arg(&program).status().unwrap().success());
    fs::create_dir_all(dir.path().join(".config/aifinops")).unwrap();
    fs::write(dir.path().join(".config/aifinops/config.toml"), "theme = \"nord\"\n").unwrap();
    for path in ["", ".config", ".config/aifinops"] {
        fs::set_permissions(dir.path().join(path), fs::Permissions::from_mode(0o777)).unwrap();
    }
    let run = |args: &[&str]| {
        let mut command = Command::new(&program);
        command.args(args).env_clear().uid(54_321).gid(54_321).current_dir(dir.path()).stdin(Stdio::null());
        Run::of(command.output().unwrap())
    };
    assert_eq!(run(&["hook", "codex"]).code, 0);
    let sessions = run(&["sessions"]);
    assert!(sessions.err.contains("there is no home directory; set HOME, AIFINOPS_HOME or --home"), "{}", sessions.err);
    let theme = run(&["config", "show", "--json"]).out;
    assert!(theme.contains("\"theme\"") && !theme.contains("nord"), "{theme}");
    let mut left: Vec<String> = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    left.sort_unstable();
    assert_eq!(left, [".config", "aifinops"]);
}
