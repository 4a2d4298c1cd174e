//! Where exports go: begun before the work, private, whole or not at all, and never over what is there.

use std::fs;

use super::super::{Machine, is_private};
use super::export;

fn names(machine: &Machine, dir: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(machine.path(dir)).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn place(machine: &Machine, name: &str) -> String {
    fs::create_dir_all(machine.path("out")).unwrap();
    machine.path("out").join(name).to_str().unwrap().to_owned()
}

#[test]
fn the_ending_says_the_format_and_the_file_is_its_owners() {
    let machine = Machine::new();
    let endings = [
        ("a.csv", "started_at,"),
        ("a.json", "{\"sessions\":["),
        ("a.jsonl", "{\"started_at\""),
        ("a.md", "# Sessions"),
        ("a.html", "<!doctype html>"),
    ];
    for (name, begin) in endings {
        let file = place(&machine, name);
        let run = machine.run(&["export", "sessions", "-o", &file]);
        assert_eq!((run.code, run.out.as_str()), (0, ""), "{}", run.err);
        assert_eq!(run.err, format!("{file}: 3 sessions\n"));
        assert!(fs::read_to_string(&file).unwrap().starts_with(begin), "{name}");
        assert!(is_private(file.as_ref()), "{name}");
    }
    let odd = place(&machine, "a.txt");
    assert_eq!(machine.run(&["export", "sessions", "-o", &odd, "--format", "jsonl"]).code, 0);
    assert!(fs::read_to_string(odd).unwrap().starts_with("{\"started_at\""), "the flag has the last word");
    assert_eq!(names(&machine, "out"), ["a.csv", "a.html", "a.json", "a.jsonl", "a.md", "a.txt"], "nothing else is left");
}

#[test]
fn a_dash_is_standard_output() {
    let machine = Machine::new();
    assert_eq!(export(&machine, &["tasks", "-o", "-"]), export(&machine, &["tasks"]));
    assert!(!machine.path("-").exists());
}

#[test]
fn with_json_a_file_is_answered_for_as_json() {
    let machine = Machine::new();
    let file = place(&machine, "calls.csv");
    let answer = machine.json(&["export", "calls", "-o", &file]);
    assert_eq!(answer, serde_json::json!({"file": file, "format": "csv", "rows": 4}));
}

#[test]
fn a_file_that_is_there_stays_unless_forced() {
    let machine = Machine::new();
    let file = place(&machine, "sessions.csv");
    fs::write(&file, "mine").unwrap();
    let run = machine.run(&["export", "sessions", "-o", &file]);
    assert_eq!((run.code, fs::read_to_string(&file).unwrap().as_str()), (2, "mine"));
    assert_eq!(run.err, format!("error: {file} is there already\n hint: --force replaces it; -o FILE takes another name\n"));
    assert!(!machine.path("data").exists(), "refused before anything was done");
    assert_eq!(machine.run(&["export", "sessions", "-o", &file, "--force"]).code, 0);
    assert!(fs::read_to_string(&file).unwrap().starts_with("started_at,"));
    assert_eq!(names(&machine, "out"), ["sessions.csv"]);
}

#[test]
fn what_cannot_be_written_fails_before_the_work() {
    let machine = Machine::new();
    let nowhere = machine.path("no/such/place.csv");
    for target in [nowhere.to_str().unwrap(), machine.path("home").to_str().unwrap()] {
        let run = machine.run(&["export", "calls", "--json", "--force", "-o", target]);
        assert_eq!((run.code, run.error()["code"].as_str()), (1, Some("file")), "{target}");
        assert!(run.error()["message"].as_str().unwrap().contains(target));
    }
    assert!(!machine.path("data").exists(), "no log has been read");
}

#[test]
fn an_export_that_fails_leaves_nothing() {
    let machine = Machine::new();
    let file = place(&machine, "summary.md");
    assert_eq!(machine.run(&["export", "session", "nobody", "-o", &file]).code, 3);
    assert_eq!(names(&machine, "out"), Vec::<String>::new());
    fs::write(&file, "mine").unwrap();
    assert_eq!(machine.run(&["export", "session", "nobody", "-o", &file, "--force"]).code, 3);
    assert_eq!((names(&machine, "out"), fs::read_to_string(&file).unwrap().as_str()), (vec!["summary.md".to_owned()], "mine"));
}

#[cfg(unix)]
#[test]
fn links_stay_links_and_pipes_stay_pipes() {
    use std::os::unix::fs::{FileTypeExt as _, symlink};

    let machine = Machine::new();
    let (link, real) = (place(&machine, "link.csv"), place(&machine, "real.csv"));
    fs::write(&real, "old").unwrap();
    symlink(&real, &link).unwrap();
    assert_eq!(machine.run(&["export", "sessions", "-o", &link]).code, 2);
    assert_eq!(machine.run(&["export", "sessions", "-o", &link, "--force"]).code, 0);
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert!(fs::read_to_string(&real).unwrap().starts_with("started_at,"));
    let run = machine.run(&["export", "sessions", "-o", "/dev/null"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
}

#[test]
fn formulas_of_a_log_are_texts_in_a_spreadsheet() {
    let machine = Machine::new();
    let id = "cccc4444-0000-4000-8000-000000000005";
    let cwd = "/code/=HYPERLINK(1)";
    let log = [
        super::super::prompt(id, "p5", "2026-11-02T08:00:00.000Z", cwd),
        super::super::answer(id, "m5", "2026-11-02T08:00:05.000Z", cwd, "@SUM(A1);=1", r#"{"type":"text","text":"hi"}"#),
    ];
    machine.write(&format!("home/.claude/projects/-/{id}.jsonl"), &log.join("\n").replace("\"main\"", "\" -2+3\""));
    for (args, column, text) in [
        (&["calls"][..], "model", "'@SUM(A1);'=1"),
        (&["calls"], "project", "'=HYPERLINK(1)"),
        (&["sessions"], "branch", " '-2+3"),
        (&["sessions"], "models", "'@SUM(A1);'=1"),
    ] {
        let rows = super::csv(&export(&machine, args));
        assert!(rows.iter().any(|row| row[column] == text), "{column}: {rows:?}");
    }
    assert!(rules_hold_for_cells(&export(&machine, &["focus"])));
}

/// No cell begins as a formula does.
fn rules_hold_for_cells(text: &str) -> bool {
    super::csv(text)
        .iter()
        .flat_map(std::collections::BTreeMap::values)
        .all(|cell| super::rules::Number::read(cell).is_some() || !cell.trim_start().starts_with(['=', '+', '-', '@']))
}
