//! Keys are nowhere but in the one header that they are for: in no file, in no output, whatever is done and whatever fails.

use std::cell::RefCell;
use std::fs;
use std::path::{Path, PathBuf};

use super::Machine;
use super::ledger::{ADMIN, Call, Ledger, VIEWER, WORDS, ago};
use super::server::{Asked, Mood, Server};

/// All files below a directory.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

/// Neither key is in what was said, or in any file; nor is the part of one that is not told by its name.
fn is_silent(machine: &Machine, said: &str) {
    for key in [VIEWER, ADMIN] {
        let secret = key.rsplit('-').next().unwrap();
        assert_eq!(said.lines().find(|line| line.contains(secret)), None);
        for file in files(machine.dir.path()) {
            let bytes = fs::read(&file).unwrap();
            assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{}", file.display());
        }
    }
}

/// Whatever can be done with a gateway.
const EVERYTHING: [&[&str]; 21] = [
    &["gateway", "sync"],
    &["gateway", "sync", "--json"],
    &["gateway", "status"],
    &["gateway", "status", "--json"],
    &["gateway", "reconcile"],
    &["gateway", "reconcile", "--json"],
    &["gateway", "reconcile", "--csv"],
    &["gateway", "cap", "set", "alice", "20/day", "--dry-run"],
    &["gateway", "cap", "set", "alice", "20/day", "--dry-run", "--json", "--token-env", "ADMIN"],
    &["gateway", "cap", "set", "alcie", "20/day", "--token-env", "ADMIN"],
    &["gateway", "cap", "clear", "alice", "--json"],
    &["team"],
    &["team", "--csv"],
    &["team", "--by", "key", "--json"],
    &["team", "alice"],
    &["export", "team", "--by", "key", "--format", "markdown"],
    &["config", "show"],
    &["config", "show", "--json"],
    &["doctor"],
    &["doctor", "--json"],
    &["report", "daily", "--json"],
];

/// What shows how asking went.
const AFTERWARDS: [&[&str]; 4] = [&["gateway", "sync"], &["gateway", "sync", "--json"], &["gateway", "status"], &["team", "--json"]];

#[test]
fn keys_are_in_no_file_and_in_no_output() {
    let calls = vec![Call::of("alice", "c1", ago(0, 1), 1_000_000), Call::of("bob", "c2", ago(2, 1), 2_000_000)];
    let server = Server::new(Ledger { calls, ..Ledger::new() });
    let machine = Machine::new();
    let said = RefCell::new(String::new());
    let run = |args: &[&str]| {
        let run = machine.run(args);
        said.borrow_mut().push_str(&run.all());
        run.code
    };
    let (url, file) = (server.url(), machine.key_file("key", VIEWER, 0o600));
    let failing = format!("cat '{file}' >&2; exit 3");
    let command = format!("cat '{file}'");
    for source in [["--token-env", "VIEWER"], ["--token-file", &file], ["--token-command", &command]] {
        assert_eq!(run(&[&["gateway", "add", "team", &url][..], &source].concat()), 0);
        for args in AFTERWARDS {
            assert_eq!(run(args), 0, "{args:?}");
        }
        run(&["config", "show"]);
    }
    for args in EVERYTHING {
        run(args);
    }
    assert_eq!(run(&["gateway", "cap", "set", "alice", "20/day", "--token-env", "ADMIN"]), 0);

    // Everything that can go wrong, with the key in whatever the gateway says.
    for mood in [
        Mood::Says(401, WORDS),
        Mood::Says(403, WORDS),
        Mood::Says(422, WORDS),
        Mood::Says(500, WORDS),
        Mood::Busy { times: u32::MAX, again: "120" },
        Mood::Elsewhere(format!("{}/sign-in?key={VIEWER}&{ADMIN}", server.url_by_name())),
        Mood::Page,
        Mood::Cut,
    ] {
        server.be(mood);
        for args in AFTERWARDS {
            run(args);
        }
        assert_ne!(run(&["gateway", "cap", "set", "alice", "20/day", "--token-env", "ADMIN"]), 0);
        assert_ne!(run(&["gateway", "add", "more", &url, "--token-env", "VIEWER"]), 0);
        assert_ne!(run(&["gateway", "add", "more", &url, "--token-command", &failing]), 0);
        assert_ne!(run(&["gateway", "add", "more", &url, "--token-env", VIEWER]), 0);
    }
    server.be(Mood::Usual);
    assert_eq!(run(&["gateway", "sync"]), 0);
    is_silent(&machine, &said.borrow());
    private(&machine);
    assert_eq!(run(&["gateway", "remove", "team"]), 0);
    is_silent(&machine, &said.borrow());

    // Both keys were there to be told: the gateway has got them, in this header and nowhere else.
    let asked = server.news();
    for key in [VIEWER, ADMIN] {
        assert!(asked.iter().any(|asked| asked.key.as_deref() == Some(key)));
        let is_elsewhere = |asked: &Asked| asked.path.contains(key) || asked.body.contains(key);
        assert!(!asked.iter().any(is_elsewhere));
        assert!(asked.iter().all(|asked| asked.head.matches(key).count() <= 1));
    }
}

/// What is kept is its owner's alone.
fn private(machine: &Machine) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let data = files(&machine.path("data"));
        let books = data.iter().filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("gateways.db"));
        let kept: Vec<&PathBuf> = books.collect();
        assert!(!kept.is_empty());
        for path in kept.into_iter().chain([&machine.path("config.toml")]) {
            assert_eq!(mode(path), 0o600, "{}", path.display());
        }
        assert_eq!(mode(&machine.path("data")), 0o700);
    }
    assert!(machine.config().unwrap().contains("[gateways.team]"));
}

#[test]
fn a_key_that_the_gateway_repeats_is_not_repeated_once_more() {
    let server = Server::new(Ledger::new());
    let machine = Machine::synced(&server);
    for words in [
        "Received API Key = KEY, which is none",
        "no: 'KEY'",
        "(KEY)",
        "KEY.KEY,KEY",
        "prefixKEY",
        "key:KEY",
        "{\"key\":\"KEY\",\"ok\":false}",
        "https://gateway.example.com/?key=KEY&x=1",
        "Bearer\tKEY",
    ] {
        server.be(Mood::Says(401, words));
        for args in [&["gateway", "sync"][..], &["gateway", "cap", "set", "alice", "1/day", "--token-env", "ADMIN"], &["team"]] {
            is_silent(&machine, &machine.run(args).all());
        }
    }
}
