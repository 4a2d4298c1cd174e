//! Whatever a file to write is called: exactly the file that was named is written, or none; and no file is ever called by what
//! a log says.

#![cfg(unix)]

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use super::super::{Machine, is_private};
use super::export;

/// Everything below a directory: what a file holds, where a link leads.
fn tree(dir: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    for entry in walkdir::WalkDir::new(dir) {
        let entry = entry.unwrap();
        let (path, kind) = (entry.path(), entry.file_type());
        let holds = match () {
            () if kind.is_symlink() => format!("-> {}", fs::read_link(path).unwrap().display()),
            () if kind.is_file() => format!("{:?}", fs::read(path).unwrap()),
            () => "/".to_owned(),
        };
        found.insert(path.strip_prefix(dir).unwrap().to_owned(), holds);
    }
    found
}

/// A directory with files, links and a directory in it, below one of its own.
fn place(machine: &Machine) -> PathBuf {
    let out = machine.path("around/out");
    fs::create_dir_all(out.join("dir")).unwrap();
    fs::write(out.join("there"), "mine").unwrap();
    fs::write(machine.path("around/above"), "mine").unwrap();
    fs::hard_link(out.join("there"), out.join("second-name")).unwrap();
    for (link, to) in [
        ("link", "there"),
        ("link-to-dir", "dir"),
        ("link-above", "../above"),
        ("loop", "loop"),
        ("led", "dir/leads"),
        ("led-twice", "led"),
        ("lost", "nowhere/x"),
    ] {
        symlink(to, out.join(link)).unwrap();
    }
    out
}

/// Names under which a file is written, and where it lies then, from the place.
fn good(out: &Path) -> Vec<(OsString, OsString)> {
    let here = [
        "plain",
        ".hidden",
        "..two",
        "...three",
        " blanks ",
        "-o",
        "--force",
        "~",
        "*",
        "?",
        "[a]",
        "{a,b}",
        "$HOME",
        "$(touch pwned)",
        "`touch pwned`",
        "a;b",
        "a|b",
        "a&b",
        "a>b",
        "a\"b",
        "a'b",
        "a\\b",
        "..\\..\\b",
        "%2e%2e%2fb",
        "C:b",
        "CON",
        "a\nb",
        "a\rb",
        "a\tb",
        "\u{1b}[2Jb",
        "\u{202e}b",
        "\u{9b}31mb",
        "\u{7f}",
        "é",
        "e\u{301}",
        "🦀",
        "https:",
    ];
    let mut names: Vec<(OsString, OsString)> = here.iter().map(|name| (format!("./{name}").into(), (*name).into())).collect();
    // As long as names may be, and with as little room beside them.
    for long in [230, 239, 240, 241, 242, 243, 245, 250, 254, 255] {
        names.push(("n".repeat(long).into(), "n".repeat(long).into()));
    }
    for long in ["é".repeat(127), "漢".repeat(85), "🦀".repeat(63)] {
        names.push((long.clone().into(), long.into()));
    }
    if cfg!(target_os = "linux") {
        for bytes in [b"\xff\xfe".to_vec(), [0xff; 250].to_vec()] {
            names.push((OsString::from_vec(bytes.clone()), OsString::from_vec(bytes)));
        }
    }
    for (name, lies) in [
        ("dir/in", "dir/in"),
        ("dir//in", "dir/in"),
        ("dir/../up", "up"),
        ("dir/./../dir/in", "dir/in"),
        ("link-to-dir/in", "dir/in"),
        ("../beside", "../beside"),
        ("led", "dir/leads"),
        ("led-twice", "dir/leads"),
    ] {
        names.push((name.into(), lies.into()));
    }
    names.push((out.join("absolute").into(), "absolute".into()));
    names
}

/// Names under which nothing is written.
fn bad() -> Vec<OsString> {
    let mut names: Vec<OsString> = [
        "there",
        "./there",
        "second-name",
        "link",
        "link-above",
        "../above",
        "dir/../there",
        "link-to-dir/../there",
        "dir",
        "dir/",
        "dir/.",
        "link-to-dir",
        ".",
        "..",
        "../..",
        "/",
        "new/",
        "new/.",
        "new/..",
        "there/",
        "there/new",
        "there/../new",
        "nowhere/new",
        "nowhere/../new",
        "~/new",
        "lost",
        "loop",
        "loop/new",
        "",
    ]
    .map(OsString::from)
    .to_vec();
    names.extend(
        ["n".repeat(256), "n".repeat(300), "é".repeat(128), "n/".repeat(3000) + "n", format!("{}/n", "n".repeat(300))].map(OsString::from),
    );
    if cfg!(target_os = "linux") {
        names.extend(["/proc/new", "/dev/null/new", "/dev/full"].map(OsString::from));
    }
    names
}

/// The ways to have a file written.
fn ways(machine: &Machine, out: &Path, name: &OsString) -> [Command; 2] {
    let mut sheet = machine.command(&["export", "sessions", "--format", "csv", "-o"]);
    sheet.arg(name).current_dir(out);
    let mut archive = machine.command(&["store", "export", "--"]);
    archive.arg(name).current_dir(out);
    [sheet, archive]
}

#[test]
fn the_file_that_is_named_is_written_and_no_other() {
    const PARTS: usize = 4;
    std::thread::scope(|scope| {
        for part in 0..PARTS {
            scope.spawn(move || {
                let machine = Machine::new();
                let out = place(&machine);
                let names = good(&out);
                assert!(names.len() >= 50, "{}", names.len());
                for (name, lies) in names.into_iter().skip(part).step_by(PARTS) {
                    is_written(&machine, &out, &name, &out.join(lies));
                }
            });
        }
    });
}

/// Under this name exactly this file is written, and nobody else may read it.
fn is_written(machine: &Machine, out: &Path, name: &OsString, file: &Path) {
    let before = tree(&machine.path("around"));
    let called = name.to_string_lossy();
    for mut way in ways(machine, out, name) {
        let output = way.output().unwrap();
        assert!(output.status.success(), "{called:?}: {}", String::from_utf8_lossy(&output.stderr));
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!told.trim_end().chars().any(aifinops::model::text::is_hostile), "{told:?}");
        assert!(is_private(file), "{called:?}");
        assert!(fs::metadata(file).unwrap().len() > 100, "{called:?}");
        fs::remove_file(file).unwrap();
        assert!(tree(&machine.path("around")) == before, "{called:?}: something else has come up, or is gone");
    }
}

#[test]
fn where_no_file_may_be_nothing_is_touched() {
    let machine = Machine::new();
    let out = place(&machine);
    let before = tree(&machine.path("around"));
    for name in bad() {
        let called = name.to_string_lossy();
        for (what, mut way) in ["sheet", "archive"].iter().zip(ways(&machine, &out, &name)) {
            let output = way.output().unwrap();
            let err = String::from_utf8(output.stderr).unwrap();
            assert!(matches!(output.status.code(), Some(1 | 2)) && output.stdout.is_empty(), "{what} {called:?}: {err}");
            assert!(err.starts_with("error: ") && !err.contains("os error"), "{what} {called:?}: {err}");
            assert!(tree(&machine.path("around")) == before, "{what} {called:?}");
            let before_the_work = name == "/dev/full" || !machine.path("data").exists();
            assert!(before_the_work, "{what} {called:?} was refused after the work");
        }
        let _ = fs::remove_dir_all(machine.path("data"));
    }
}

#[test]
fn force_replaces_files_and_nothing_else() {
    let machine = Machine::new();
    let out = place(&machine);
    let before = tree(&machine.path("around"));
    for name in ["dir", "dir/", "dir/.", ".", "/", "new/", "there/", "there/new", "nowhere/new", "lost", "loop", "loop/new"] {
        for words in [["export", "sessions", "--force", "-o"], ["store", "export", "--force", "--"]] {
            let output = machine.command(&words).arg(name).current_dir(&out).output().unwrap();
            assert!(!output.status.success(), "{words:?} {name}");
            assert!(tree(&machine.path("around")) == before, "{name}");
        }
    }
}

/// What a log may call its directory, its branch, its model, its tool and itself.
const NAMES: [&str; 12] = [
    "../../../../escaped",
    "/escaped",
    "..",
    ".",
    "",
    "/",
    "a/../../../escaped",
    "..\\..\\escaped",
    "es\u{0}caped",
    "~/escaped",
    "$(touch escaped)",
    "file:///escaped",
];

#[test]
fn no_file_is_called_by_what_a_log_says() {
    let machine = Machine::new();
    let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).chain(["escaped".repeat(50)]).collect();
    for (n, name) in names.iter().enumerate() {
        let id = format!("cccc4444-0000-4000-8000-{n:012}");
        let quoted = json!(name).to_string();
        let word = &quoted[1..quoted.len() - 1];
        let block = format!(r#"{{"type":"tool_use","id":"t{n}","name":{quoted},"input":{{"file_path":{quoted}}}}}"#);
        // One session under its own id, and one that calls itself something else than its file.
        for session in [id.as_str(), word] {
            let at = "2026-11-02T08:00:00.000Z";
            let log = [
                super::super::prompt(session, &format!("p-{n}"), at, word),
                super::super::answer(session, &format!("m-{n}-{}", session.len()), at, word, word, &block),
            ];
            let file = format!("home/.claude/projects/-c{n}/{}{}.jsonl", &id[..35], usize::from(session == word));
            machine.write(&file, &log.join("\n").replace("\"main\"", &quoted));
        }
        let rollout = super::super::codex().replace("/code/web", word).replace("feat/x", word).replace("house", word);
        let thread = format!("019e0000-0000-7000-8000-{n:012}");
        machine.write(
            &format!("home/.codex/sessions/2026/11/02/rollout-2026-11-02T12-00-00-{thread}.jsonl"),
            &rollout.replace(super::super::CODEX, word),
        );
    }
    let out = machine.path("out");
    fs::create_dir(&out).unwrap();
    export(&machine, &["sessions"]);
    let outside = |machine: &Machine| {
        let mut found = tree(machine.path("").as_path());
        found.retain(|path, _| !path.starts_with("data"));
        found
    };
    let known = |dir: &str| tree(&machine.path(dir)).into_keys().collect::<Vec<_>>();
    let (mut before, data) = (outside(&machine), known("data"));
    let mut written = |args: &[&str], file: &str| {
        let run = machine.command(args).current_dir(&out).output().unwrap();
        assert!(run.status.success(), "{args:?}: {}", String::from_utf8_lossy(&run.stderr));
        let after = outside(&machine);
        let new: Vec<&PathBuf> = after.keys().filter(|path| !before.contains_key(*path)).collect();
        assert_eq!(new, [Path::new(&format!("out/{file}"))], "{args:?}");
        assert!(before.iter().all(|(path, holds)| after.get(path) == Some(holds)), "{args:?}: nothing else has changed");
        before = after;
    };
    for what in ["sessions", "tasks", "calls", "days"] {
        for ending in ["csv", "json", "jsonl", "md", "html"] {
            let file = format!("{what}.{ending}");
            written(&["export", what, "-o", &file], &file);
        }
    }
    written(&["export", "focus", "-o", "focus.csv"], "focus.csv");
    written(&["store", "export", "history.gz"], "history.gz");
    for (n, ending) in (0..names.len()).zip(["md", "html", "json"].iter().cycle()) {
        let (id, file) = (format!("cccc4444-0000-4000-8000-{n:012}"), format!("{n}.{ending}"));
        if machine.run(&["session", &id]).code == 0 {
            written(&["export", "session", &id, "-o", &file], &file);
        }
    }
    assert_eq!(known("data"), data, "and the store has the files that it had");
    // What was exported is no better on another machine.
    let there = Machine::empty();
    assert_eq!(there.run(&["store", "import", out.join("history.gz").to_str().unwrap()]).code, 0);
    assert_eq!(outside(&there).into_keys().collect::<Vec<_>>(), [Path::new(""), Path::new("home")]);
    let hits = fs::read_dir("/").unwrap().filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().contains("escaped")).count();
    assert_eq!(hits, 0);
}
