//! Codex knows hooks by their place and keeps trust under it: those of others stay where they are, and stay trusted.

use std::fs;

use aifinops::guards::{Site, State};
use aifinops::sources::Places;
use serde_json::{Value, json};

use super::{BINARY, Home, guard};

const HOOKS: &str = ".codex/hooks.json";
const CONFIG: &str = ".codex/config.toml";

/// A hook of somebody else's.
fn theirs(what: &str) -> Value {
    json!({"hooks": [{"type": "command", "command": format!("/usr/bin/theirs {what}"), "timeout": 9}]})
}

/// A home with our guard, and somebody's trusted hooks behind ours.
fn shared() -> Home {
    let home = Home::new();
    home.write(CONFIG, "model = \"x\"\n");
    home.install_from("/old/aifinops", guard("codex"));
    let mut hooks: Value = serde_json::from_str(&home.read(HOOKS).unwrap()).unwrap();
    for event in ["UserPromptSubmit", "PostToolUse"] {
        hooks["hooks"][event].as_array_mut().unwrap().push(theirs(event));
    }
    hooks["hooks"]["Stop"] = json!([theirs("stop")]);
    home.write(HOOKS, &serde_json::to_string_pretty(&hooks).unwrap());
    let trusted = |(event, at): (&str, &str)| {
        format!("\n[hooks.state.\"{}:{event}:{at}\"]\ntrusted_hash = \"sha256:{event}\"\n", home.path(HOOKS).display())
    };
    let all = [("user_prompt_submit", "1:0"), ("post_tool_use", "1:0"), ("stop", "0:0")].map(trusted).concat();
    home.write(CONFIG, &(home.read(CONFIG).unwrap() + &all));
    home
}

/// Where trust in hooks of others is kept: event and place by hash.
fn trust(home: &Home) -> Vec<(String, String)> {
    let config: toml::Table = home.read(CONFIG).unwrap().parse().unwrap();
    let states = config["hooks"]["state"].as_table().unwrap();
    let own = format!("{}:", home.path(HOOKS).display());
    let place = |(key, item): (&String, &toml::Value)| {
        let hash = item["trusted_hash"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let place = key.strip_prefix(&own)?.strip_prefix(&format!("{hash}:"))?;
        Some((hash.to_owned(), place.to_owned()))
    };
    let mut found: Vec<_> = states.iter().filter_map(place).collect();
    found.sort();
    found
}

fn places(list: [(&str, &str); 3]) -> Vec<(String, String)> {
    list.map(|(event, place)| (event.to_owned(), place.to_owned())).to_vec()
}

#[test]
fn installing_again_leaves_others_hooks_in_their_places_and_trusted() {
    let home = shared();
    let before = trust(&home);
    assert_eq!(before, places([("post_tool_use", "1:0"), ("stop", "0:0"), ("user_prompt_submit", "1:0")]));
    assert!(home.install(guard("codex")), "the program has moved");
    assert_eq!(home.state(guard("codex")), State::Installed);
    assert_eq!(trust(&home), before);
    let hooks: Value = serde_json::from_str(&home.read(HOOKS).unwrap()).unwrap();
    for event in ["UserPromptSubmit", "PostToolUse"] {
        let groups = hooks["hooks"][event].as_array().unwrap();
        assert_eq!((groups.len(), &groups[1]), (2, &theirs(event)));
        assert!(groups[0].to_string().contains("s here/aifinops' hook codex"), "{groups:?}");
    }
    assert!(!home.read(HOOKS).unwrap().contains("/old/"));
    assert!(!home.install(guard("codex")), "twice changes nothing");
}

#[test]
fn trust_in_others_hooks_moves_with_them_where_ours_go() {
    let home = shared();
    home.install(guard("codex"));
    home.uninstall(guard("codex"));
    let hooks: Value = serde_json::from_str(&home.read(HOOKS).unwrap()).unwrap();
    assert_eq!(hooks["hooks"]["PostToolUse"], json!([theirs("PostToolUse")]));
    assert_eq!(trust(&home), places([("post_tool_use", "0:0"), ("stop", "0:0"), ("user_prompt_submit", "0:0")]));
    let config = home.read(CONFIG).unwrap();
    assert_eq!(config.matches("trusted_hash").count(), 3, "{config}");
    // What a person has switched off stays off.
    let off = config.replace("trusted_hash = \"sha256:stop\"\n", "enabled = false\n");
    home.write(CONFIG, &off);
    home.install(guard("codex"));
    home.uninstall(guard("codex"));
    assert_eq!(home.read(CONFIG).unwrap(), off);
}

#[cfg(unix)]
#[test]
fn a_second_home_that_shares_the_configuration_takes_no_trust_away() {
    let home = Home::new();
    home.write("dot/config.toml", "model = \"x\"\n");
    for codex in [".codex", "work"] {
        fs::create_dir_all(home.path(codex)).unwrap();
        std::os::unix::fs::symlink(home.path("dot/config.toml"), home.path(codex).join("config.toml")).unwrap();
    }
    let second = |act: &dyn Fn(&Site<'_>)| {
        let work = home.path("work").to_string_lossy().into_owned();
        let env = |name: &str| (name == "CODEX_HOME").then(|| work.clone());
        let places = Places { home: home.dir.path(), env: &env };
        act(&Site { places: &places, binary: BINARY.as_ref() });
    };
    home.install(guard("codex"));
    second(&|site| guard("codex").install(site).unwrap().apply().unwrap());
    assert_eq!(home.state(guard("codex")), State::Installed);
    second(&|site| assert_eq!(guard("codex").status(site).state, State::Installed));
    second(&|site| guard("codex").uninstall(site).unwrap().apply().unwrap());
    assert_eq!(home.state(guard("codex")), State::Installed);
    home.uninstall(guard("codex"));
    assert_eq!(home.read("dot/config.toml").unwrap(), "model = \"x\"\n");
}

#[cfg(unix)]
#[test]
fn what_can_be_done_by_halves_only_is_not_done() {
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;

    if !nix::unistd::geteuid().is_root() {
        return; // nobody else can leave a directory to somebody, and its rights to none
    }
    let home = Home::new();
    home.write("ro/config.toml", "model = \"x\"\n");
    fs::create_dir_all(home.path(".codex")).unwrap();
    std::os::unix::fs::symlink(home.path("ro/config.toml"), home.path(CONFIG)).unwrap();
    let somebody = 54_321;
    for path in ["", ".codex"] {
        std::os::unix::fs::chown(home.path(path), Some(somebody), Some(somebody)).unwrap();
    }
    fs::set_permissions(home.path("ro"), fs::Permissions::from_mode(0o555)).unwrap();
    let program = home.path("aifinops");
    assert!(std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_aifinops")).arg(&program).status().unwrap().success());
    let mut command = std::process::Command::new(&program);
    command.args(["guard", "install", "codex"]).env_clear().env("HOME", home.path("")).uid(somebody).gid(somebody);
    let run = command.output().unwrap();
    let told = String::from_utf8(run.stdout).unwrap();
    assert!(run.status.code() == Some(1) && told.contains("! codex: "), "{told}");
    assert_eq!(home.read(HOOKS), None, "{told}");
}

#[test]
fn hooks_that_will_not_ask_are_no_success() {
    let home = Home::new();
    home.write(CONFIG, "[features]\nhooks = false\n");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_aifinops"));
    command.args(["guard", "install", "codex"]).env_clear().env("HOME", home.path(""));
    let run = command.output().unwrap();
    let told = String::from_utf8(run.stdout).unwrap();
    assert_eq!(run.status.code(), Some(1), "{told}");
    assert!(
        told.contains("! codex: it stands in the settings, and does not ask\n") && told.contains("`features.hooks` is false"),
        "{told}"
    );
}
