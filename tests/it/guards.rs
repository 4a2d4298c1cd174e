//! Guards: what they write into agents' settings and take out again, what they answer, and that their commands run.

use std::fs;
use std::path::{Path, PathBuf};

use aifinops::guards::{self, Guard, Site, State};
use aifinops::sources::Places;
use tempfile::TempDir;

mod answers;
mod codex;
mod commands;
mod round_trips;
mod status_line;

/// Where our program would be; a name that a shell has to be told about.
const BINARY: &str = "/opt/it's here/aifinops";

/// A home of nobody's.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new() -> Home {
        Home { dir: tempfile::tempdir().unwrap() }
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn read(&self, below: &str) -> Option<String> {
        fs::read_to_string(self.path(below)).ok()
    }

    /// Every file and what is in it.
    fn everything(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        let mut next = vec![self.dir.path().to_path_buf()];
        while let Some(dir) = next.pop() {
            for entry in fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    next.push(path);
                } else {
                    found.push((path.clone(), fs::read(&path).unwrap()));
                }
            }
        }
        found.sort();
        found
    }

    fn with<T>(&self, binary: &str, act: impl FnOnce(&Site<'_>) -> T) -> T {
        let env = |name: &str| (name == "PATH").then(|| self.path("bin").to_string_lossy().into_owned());
        let places = Places { home: self.dir.path(), env: &env };
        act(&Site { places: &places, binary: Path::new(binary) })
    }

    fn install(&self, guard: &dyn Guard) -> bool {
        self.install_from(BINARY, guard)
    }

    fn install_from(&self, binary: &str, guard: &dyn Guard) -> bool {
        self.with(binary, |site| {
            let plan = guard.install(site).unwrap();
            plan.apply().unwrap();
            !plan.is_nothing()
        })
    }

    fn uninstall(&self, guard: &dyn Guard) -> bool {
        self.with(BINARY, |site| {
            let plan = guard.uninstall(site).unwrap();
            plan.apply().unwrap();
            !plan.is_nothing()
        })
    }

    fn state(&self, guard: &dyn Guard) -> State {
        self.with(BINARY, |site| guard.status(site).state)
    }

    /// A program on the search path that prints this.
    fn program(&self, name: &str, says: &str) {
        let path = format!("bin/{name}");
        self.write(&path, &format!("#!/bin/sh\necho '{says}'\n"));
        #[cfg(unix)]
        fs::set_permissions(self.path(&path), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
}

fn guard(agent: &str) -> &'static dyn Guard {
    guards::by_agent(agent).unwrap()
}

/// The agents whose settings are JSON, and where those are.
const JSON_SETTINGS: [(&str, &str); 3] =
    [("claude-code", ".claude/settings.json"), ("codex", ".codex/hooks.json"), ("gemini-cli", ".gemini/settings.json")];

#[test]
fn an_agent_that_is_not_here_is_not_guarded() {
    let home = Home::new();
    for guard in guards::ALL {
        assert_eq!(home.state(*guard), State::Absent, "{}", guard.agent());
        assert!(!home.uninstall(*guard));
    }
    assert!(home.everything().is_empty());
    home.program("gemini", "0.61.0");
    assert_eq!(home.state(guard("gemini-cli")), State::NotInstalled, "a program is enough");
}

#[test]
fn installing_twice_changes_nothing_and_uninstalling_leaves_nothing() {
    let home = Home::new();
    for guard in guards::ALL {
        assert!(home.install(*guard), "{}", guard.agent());
        assert_eq!(home.state(*guard), State::Installed, "{}", guard.agent());
        let before = home.everything();
        assert!(!home.install(*guard), "{}", guard.agent());
        assert_eq!(home.everything(), before);
        assert!(home.uninstall(*guard));
        assert_eq!(home.everything(), Vec::new(), "{}", guard.agent());
        assert!(!home.uninstall(*guard));
    }
}

#[cfg(unix)]
#[test]
fn new_settings_are_private_and_old_ones_keep_their_rights_and_links() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let mode = |path: &str| fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o777;
    home.install(guard("claude-code"));
    assert_eq!(mode(".claude/settings.json"), 0o600);
    home.write("dotfiles/gemini.json", "{}\n");
    fs::set_permissions(home.path("dotfiles/gemini.json"), fs::Permissions::from_mode(0o644)).unwrap();
    fs::create_dir_all(home.path(".gemini")).unwrap();
    std::os::unix::fs::symlink("../dotfiles/gemini.json", home.path(".gemini/settings.json")).unwrap();
    home.install(guard("gemini-cli"));
    assert!(fs::symlink_metadata(home.path(".gemini/settings.json")).unwrap().is_symlink());
    assert!(home.read("dotfiles/gemini.json").unwrap().contains("BeforeModel"));
    assert_eq!(mode("dotfiles/gemini.json"), 0o644);
    home.uninstall(guard("gemini-cli"));
    assert_eq!(home.read("dotfiles/gemini.json").unwrap(), "{}\n");
}

#[test]
fn a_settings_file_that_is_not_valid_is_refused_and_left_alone() {
    let home = Home::new();
    let broken = ["{", "{\"a\": 1,}", "[]", "{\"hooks\": []}", "{\"hooks\": {\"UserPromptSubmit\": {}, \"BeforeAgent\": 1}}", "\u{feff}{}"];
    for (agent, file) in JSON_SETTINGS {
        for text in broken {
            home.write(file, text);
            let refused = home.with(BINARY, |site| guard(agent).install(site).unwrap_err().to_string());
            assert!(refused.contains(file.rsplit('/').next().unwrap()), "{refused}");
            assert_eq!(home.read(file).unwrap(), text, "{agent}");
        }
        home.write(file, "{");
        assert!(matches!(home.state(guard(agent)), State::Broken(why) if why.contains("line 1")), "{agent}");
    }
    home.write(".claude/settings.json", "{} // no comments here");
    assert!(home.with(BINARY, |site| guard("claude-code").install(site)).is_err());
    // Codex' trust goes into another file: if that one is broken, neither is touched.
    home.write(".codex/hooks.json", "{}");
    home.write(".codex/config.toml", "model = \n");
    let refused = home.with(BINARY, |site| guard("codex").install(site).unwrap_err().to_string());
    assert!(refused.contains("config.toml: line 1"), "{refused}");
    assert_eq!(home.read(".codex/hooks.json").unwrap(), "{}");
}

#[test]
fn a_copy_is_kept_of_what_was_there_before_us_and_only_of_that() {
    let home = Home::new();
    let (claude, file, copy) = (guard("claude-code"), ".claude/settings.json", ".claude/settings.json.aifinops.bak");
    home.write(file, "{\"model\": \"opus\"}\n");
    home.install(claude);
    assert_eq!(home.read(copy).unwrap(), "{\"model\": \"opus\"}\n");
    // Another binary's hooks are replaced; that is no reason for another copy.
    assert!(home.install_from("/new/aifinops", claude));
    assert_eq!(home.read(copy).unwrap(), "{\"model\": \"opus\"}\n");
    // What somebody added meanwhile stays, and so does the copy.
    let added = home.read(file).unwrap().replacen("opus", "sonnet", 1);
    home.write(file, &added);
    home.uninstall(claude);
    assert_eq!(home.read(file).unwrap(), "{\"model\": \"sonnet\"}\n");
    assert!(home.read(copy).is_some());
}

#[cfg(unix)]
#[test]
fn what_the_administrator_writes_stays_its_owners() {
    use std::os::unix::fs::{MetadataExt as _, chown};

    if !nix::unistd::geteuid().is_root() {
        return; // nobody else may write in other people's homes
    }
    let home = Home::new();
    home.write(".claude/settings.json", "{\"model\": \"opus\"}\n");
    home.write(".codex/config.toml", "model = \"x\"\n");
    let somebody = Some(54_321);
    for path in ["", ".claude", ".claude/settings.json", ".codex", ".codex/config.toml"] {
        chown(home.path(path), somebody, somebody).unwrap();
    }
    let others = || -> Vec<PathBuf> {
        let of_others = |path: &PathBuf| fs::metadata(path).is_ok_and(|meta| (meta.uid(), meta.gid()) != (54_321, 54_321));
        home.everything().into_iter().map(|(path, _)| path).filter(of_others).collect()
    };
    home.install(guard("claude-code"));
    home.install(guard("codex"));
    assert_eq!(others(), Vec::<PathBuf>::new());
    home.uninstall(guard("claude-code"));
    home.uninstall(guard("codex"));
    assert_eq!(others(), Vec::<PathBuf>::new());
}

#[test]
fn a_guard_of_another_binary_is_stale_until_it_is_installed_again() {
    for guard in guards::ALL {
        let home = Home::new();
        home.install_from("/old/aifinops", *guard);
        assert!(matches!(home.state(*guard), State::Stale(_)), "{}", guard.agent());
        assert!(home.state(*guard).needs_attention());
        assert!(home.install(*guard));
        assert_eq!(home.state(*guard), State::Installed);
        assert!(!home.everything().iter().any(|(_, bytes)| String::from_utf8_lossy(bytes).contains("/old/aifinops")));
        home.uninstall(*guard);
        assert_eq!(home.everything(), Vec::new(), "{}", guard.agent());
    }
}

#[test]
fn guards_that_will_not_run_are_told() {
    let home = Home::new();
    let disabled = |agent: &str, word: &str| match home.state(guard(agent)) {
        State::Disabled(why) => assert!(why.contains(word), "{why}"),
        other => panic!("{agent}: {other:?}"),
    };
    home.write(".claude/settings.json", "{\"disableAllHooks\": true}");
    home.install(guard("claude-code"));
    disabled("claude-code", "disableAllHooks");
    home.write(".gemini/settings.json", "{\"hooksConfig\": {\"disabled\": [\"aifinops\"]} /* me */}");
    home.install(guard("gemini-cli"));
    disabled("gemini-cli", "hooksConfig.disabled");
    home.write(".gemini/settings.json", "{\"hooksConfig\": {\"enabled\": false}}");
    home.install(guard("gemini-cli"));
    disabled("gemini-cli", "hooksConfig.enabled");
    home.write(".codex/config.toml", "[features]\nhooks = false\n");
    home.install(guard("codex"));
    disabled("codex", "features.hooks");
    home.write(".codex/config.toml", "model = \"x\"\n");
    assert!(matches!(home.state(guard("codex")), State::Untrusted(_)), "the trust has gone");
    assert!(home.install(guard("codex")), "and comes back");
    assert_eq!(home.state(guard("codex")), State::Installed);
    // Somebody's hook before ours moves it: the trust is void.
    let moved = home.read(".codex/hooks.json").unwrap().replacen("\"PostToolUse\": [", "\"PostToolUse\": [{\"hooks\": []},", 1);
    home.write(".codex/hooks.json", &moved);
    assert!(matches!(home.state(guard("codex")), State::Untrusted(_)));
    home.install(guard("codex"));
    assert_eq!(home.state(guard("codex")), State::Installed);
    home.uninstall(guard("codex"));
    assert_eq!(home.read(".codex/config.toml").unwrap(), "model = \"x\"\n", "old trust goes, too");
}

#[test]
fn claude_code_gets_only_events_that_its_release_knows() {
    let events = |says: Option<&str>| {
        let home = Home::new();
        if let Some(says) = says {
            home.program("claude", says);
        }
        home.install(guard("claude-code"));
        assert_eq!(home.state(guard("claude-code")), State::Installed);
        let settings: serde_json::Value = serde_json::from_str(&home.read(".claude/settings.json").unwrap()).unwrap();
        settings["hooks"].as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(events(Some("2.1.197 (Claude Code)")), ["PostToolBatch", "UserPromptSubmit"]);
    // A release that does not know an event drops the whole file.
    for old in [Some("2.0.14 (Claude Code)"), Some("?"), None] {
        assert_eq!(events(old), ["PostToolUse", "PreToolUse", "UserPromptSubmit"], "{old:?}");
    }
}

#[test]
fn somebody_else_s_change_in_between_is_not_overwritten() {
    let home = Home::new();
    home.write(".gemini/settings.json", "{}");
    home.with(BINARY, |site| {
        let plan = guard("gemini-cli").install(site).unwrap();
        home.write(".gemini/settings.json", "{\"theme\": \"x\"}");
        assert!(plan.apply().unwrap_err().to_string().contains("somebody else"));
    });
    assert_eq!(home.read(".gemini/settings.json").unwrap(), "{\"theme\": \"x\"}");
}
