//! A case: its files, and the home they are laid out in.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::expect::Expected;
use crate::home::Home;
use crate::opencode_db;

/// One case. Files are in the order of their names: a case names an original before its copies.
pub(super) struct Case {
    pub name: String,
    pub expected: Expected,
    /// Where each file lies in the home, and what it holds.
    files: Vec<(String, Vec<u8>)>,
}

fn folder(agent: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sources").join(agent)
}

/// Logs without an expectation, and expectations without a log.
pub(super) fn lonely(agent: &str) -> Vec<String> {
    let (mut logs, mut expectations) = (BTreeSet::new(), BTreeSet::new());
    for entry in fs::read_dir(folder(agent)).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        match name.strip_suffix(".expect.json") {
            Some(case) => expectations.insert(case.to_owned()),
            None => logs.insert(name.trim_end_matches(".zst").trim_end_matches(".jsonl").to_owned()),
        };
    }
    logs.symmetric_difference(&expectations).cloned().collect()
}

impl Case {
    /// All cases of an agent that have an expectation.
    pub(super) fn all(agent: &str) -> Vec<Case> {
        let folder = folder(agent);
        let mut names: Vec<String> = fs::read_dir(&folder)
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.strip_suffix(".expect.json").map(str::to_owned))
            .collect();
        names.sort();
        names.into_iter().map(|name| Case::load(agent, &folder, name)).collect()
    }

    fn load(agent: &str, folder: &Path, name: String) -> Case {
        let text = fs::read_to_string(folder.join(format!("{name}.expect.json"))).unwrap();
        let expected = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{name}.expect.json: {error}"));
        let (below, single) = match agent {
            "claude-code" => (".claude/projects/-work-api", ".claude/projects/-work-api"),
            "gemini-cli" => (".gemini", ".gemini/tmp/api/chats"),
            "opencode" => (".local/share/opencode", ".local/share/opencode"),
            _ => (".codex", ".codex/sessions/2026/08/10"),
        };
        let mut files = Vec::new();
        let dir = folder.join(&name);
        if dir.is_dir() {
            gather(&dir, below, &mut files);
        } else {
            for suffix in ["jsonl", "jsonl.zst"] {
                if let Ok(bytes) = fs::read(folder.join(format!("{name}.{suffix}"))) {
                    files.push((format!("{single}/{name}.{suffix}"), bytes));
                }
            }
        }
        assert!(!files.is_empty(), "{name} has no log");
        if agent == "opencode" {
            for (path, _) in &mut files {
                let name = if dir.is_dir() { path.trim_end_matches(".jsonl").to_owned() } else { format!("{single}/opencode") };
                *path = format!("{name}.db");
            }
        }
        Case { name, expected, files }
    }

    pub(super) fn about(&self) -> &str {
        &self.expected.about
    }

    /// Where the logs lie in the home.
    pub(super) fn paths(&self) -> Vec<String> {
        self.files.iter().map(|(path, _)| path.clone()).collect()
    }

    /// A home with all files.
    pub(super) fn home(&self) -> Home {
        let home = Home::new();
        for (path, bytes) in &self.files {
            if is_database(path) {
                opencode_db::write(&opencode_db::open(&home.path().join(path)), bytes);
            } else {
                home.append(path, bytes);
            }
        }
        home
    }

    /// A home whose logs grow in that many pieces each, cut anywhere; `look` is called after each piece.
    pub(super) fn grow(&self, pieces: usize, look: impl FnMut(&Home)) -> Home {
        self.grow_by(|_, whole| whole.div_ceil(pieces), look)
    }

    /// A home whose logs grow line by line.
    pub(super) fn grow_by_lines(&self, look: impl FnMut(&Home)) -> Home {
        self.grow_by(|rest, _| rest.iter().position(|b| *b == b'\n').map_or(rest.len(), |i| i + 1), look)
    }

    /// `step` says how many bytes are written next, given those that are left and how many there were.
    fn grow_by(&self, step: impl Fn(&[u8], usize) -> usize, mut look: impl FnMut(&Home)) -> Home {
        let home = Home::new();
        let (logs, others): (Vec<_>, Vec<_>) =
            self.files.iter().partition(|(path, _)| is_database(path) || Path::new(path).extension().is_some_and(|e| e == "jsonl"));
        for (path, bytes) in others {
            home.append(path, bytes); // small files beside the logs, and compressed ones, are written at once
        }
        look(&home);
        for (path, bytes) in logs {
            let mut rest = bytes.as_slice();
            let database = is_database(path).then(|| opencode_db::open(&home.path().join(path)));
            while !rest.is_empty() {
                let (mut now, mut later) = rest.split_at(step(rest, bytes.len()).clamp(1, rest.len()));
                if let Some(database) = &database {
                    let to = now.len() + later.iter().position(|b| *b == b'\n').map_or(0, |i| i + 1);
                    (now, later) = rest.split_at(if now.ends_with(b"\n") { now.len() } else { to });
                    opencode_db::write(database, now);
                } else {
                    home.append(path, now);
                }
                look(&home);
                rest = later;
            }
        }
        home
    }
}

fn is_database(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|e| e == "db")
}

fn gather(dir: &Path, below: &str, files: &mut Vec<(String, Vec<u8>)>) {
    let mut entries: Vec<PathBuf> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort_by_key(|path| (path.is_dir(), path.clone()));
    for path in entries {
        let name = format!("{below}/{}", path.file_name().unwrap().to_str().unwrap());
        if path.is_dir() {
            gather(&path, &name, files);
        } else {
            files.push((name, fs::read(&path).unwrap()));
        }
    }
}
