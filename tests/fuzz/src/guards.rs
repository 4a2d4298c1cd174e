//! Install and uninstall in whole homes, Codex' trust among it.

use super::{empty, parts, split};
use aifinops::guards::{self, Site, State, status_line};
use aifinops::sources::Places;
use std::fs;
use std::path::{Path, PathBuf};

const FILES: [(&str, &[&str]); 4] = [
    ("claude-code", &[".claude/settings.json"]),
    ("codex", &[".codex/hooks.json", ".codex/config.toml"]),
    ("gemini-cli", &[".gemini/settings.json"]),
    ("opencode", &[".config/opencode/plugin/aifinops.js"]),
];

fn everything(dir: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut found, mut next) = (Vec::new(), vec![dir.to_owned()]);
    while let Some(dir) = next.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { next.push(path) } else { found.push((path.clone(), fs::read(&path).unwrap())) }
        }
    }
    found.sort();
    found
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    let (agent, files) = FILES[how % FILES.len()];
    let guard = guards::by_agent(agent).unwrap();
    let home = empty("guards");
    for (file, text) in files.iter().zip(parts(data)) {
        let path = home.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let places = Places { home: &home, env: &|_| None };
    let site = Site { places: &places, binary: Path::new("/opt/it's here/aifinops") };
    let before = everything(&home);
    let stood = guard.status(&site).state;
    assert_eq!(everything(&home), before, "looking changes nothing");
    match guard.install(&site) {
        Err(_) => assert_eq!(everything(&home), before, "refused, and left alone"),
        Ok(plan) => {
            plan.apply().unwrap();
            let state = guard.status(&site).state;
            let is_in = match agent {
                // Where `hooks` is something else than a table, nobody can be trusted (F7).
                "codex" => matches!(state, State::Installed | State::Disabled(_) | State::Untrusted(_)),
                _ => matches!(state, State::Installed | State::Disabled(_)),
            };
            assert!(is_in, "{agent}: {state:?}");
            assert!(guard.install(&site).unwrap().is_nothing(), "twice changes nothing");
            guard.uninstall(&site).unwrap().apply().unwrap();
            assert!(guard.uninstall(&site).unwrap().is_nothing());
            // Only where nothing of ours was there before is everything as it was.
            if matches!(stood, State::NotInstalled | State::Absent) {
                let after = everything(&home);
                for (path, bytes) in &before {
                    let now = after.iter().find(|(other, _)| other == path).map(|(_, bytes)| bytes.as_slice());
                    if path.ends_with("config.toml") {
                        // TOML libraries write line ends of their own where trust had to go into braces: the meaning stays.
                        let read = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<toml::Table>().ok();
                        let has_hooks = |bytes: &[u8]| bytes.windows(5).any(|word| word == b"hooks");
                        if has_hooks(bytes) {
                            assert_eq!(now.and_then(read).map(|t| t.to_string()), read(bytes).map(|t| t.to_string()));
                            continue;
                        }
                    }
                    assert_eq!(now.map(String::from_utf8_lossy), Some(String::from_utf8_lossy(bytes)), "{}", path.display());
                }
                assert!(after.iter().all(|(path, _)| before.iter().any(|(known, _)| known == path)), "something is left: {after:?}");
            }
        }
    }
    if agent == "claude-code" {
        let before = everything(&home);
        match status_line::install(&site) {
            Err(_) => assert_eq!(everything(&home), before),
            Ok(plan) => {
                let is_new = matches!(status_line::status(&site).state, State::NotInstalled);
                plan.apply().unwrap();
                assert!(status_line::install(&site).unwrap().is_nothing());
                status_line::uninstall(&site).unwrap().apply().unwrap();
                if is_new {
                    let settings = status_line::settings(&site);
                    let text = |all: &[(PathBuf, Vec<u8>)]| all.iter().find(|(path, _)| *path == settings).map(|(_, bytes)| bytes.clone());
                    assert_eq!(text(&everything(&home)), text(&before));
                }
            }
        }
    }
}
