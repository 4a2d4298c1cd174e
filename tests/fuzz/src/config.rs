//! Reading and editing the file.

use super::{dir, harmless, parts, split};
use aifinops::config::{Flags, Loaded, describe, load, set, unset};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// A key, its parts, and a value that it takes.
const KEYS: &[(&str, &[&str], &str)] = &[
    ("theme", &["theme"], "mono"),
    ("range", &["range"], "all"),
    ("mouse", &["mouse"], "false"),
    ("threads", &["threads"], "3"),
    ("columns", &["columns"], "['age', \"agent\"]"),
    ("open_with", &["open_with"], "bat --paging always"),
    ("attribution", &["attribution"], "[{ project = 'web', branch = '(a+)', set = { team = 'x', feature = '$1' } }]"),
    ("currency", &["currency"], "GBP:0.8:£"),
    ("currency.symbol", &["currency", "symbol"], "GBP "),
    ("caps.day", &["caps", "day"], "limit:20,per:day"),
    ("caps.loops.notify", &["caps", "loops", "notify"], "[80, 100]"),
    ("experiments.router", &["experiments", "router"], "budget:200,owner:ana,ends:2026-12-31"),
    ("gateways.team", &["gateways", "team"], "url:https://gateway.example.com,kind:litellm,token_env:LITELLM_KEY"),
    ("alerts.quiet", &["alerts", "quiet"], "22:00-07:00"),
    ("lookout.same_call", &["lookout", "same_call"], "8"),
    ("gpu_prices.H200", &["gpu_prices", "H200"], "3.10"),
    ("gpu_hosts.n1", &["gpu_hosts", "n1"], "http://n1:9400"),
    ("keys.quit", &["keys", "quit"], "q,ctrl-c"),
    ("roots.codex", &["roots", "codex"], "/a:/b"),
    ("prices.\"acme/m.1\"", &["prices", "acme/m.1"], "input:3,output:15"),
    ("prices.\"acme/m.1\".input", &["prices", "acme/m.1", "input"], "1"),
];

type Leaves = BTreeMap<Vec<String>, String>;

/// Every value of a file by its whole key. Lists are one value.
fn leaves(table: &toml::Table, at: &[String], out: &mut Leaves) {
    for (name, value) in table {
        let at = [at, std::slice::from_ref(name)].concat();
        match value {
            toml::Value::Table(table) => leaves(table, &at, out),
            value => _ = out.insert(at, value.to_string()),
        }
    }
}

fn read(text: &str) -> Option<Leaves> {
    let mut out = Leaves::new();
    leaves(&text.parse::<toml::Table>().ok()?, &[], &mut out);
    Some(out)
}

/// The values besides those of a key.
fn rest(leaves: &Leaves, path: &[&str]) -> Leaves {
    leaves
        .iter()
        .filter(|(at, _)| !at.iter().map(String::as_str).take(path.len()).eq(path.iter().copied()))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect()
}

fn home() -> PathBuf {
    let home = dir().join("config-home");
    fs::create_dir_all(home.join(".config/aifinops")).unwrap();
    home
}

fn loaded(env: Option<&str>) -> Loaded {
    let home = home().display().to_string();
    load(&Flags::default(), &|name| match name {
        "HOME" => Some(home.clone()),
        "TZ" => Some("UTC".to_owned()),
        "AIFINOPS_CAPS"
        | "AIFINOPS_PRICES"
        | "AIFINOPS_GATEWAYS"
        | "AIFINOPS_KEYS"
        | "AIFINOPS_GPU_HOSTS"
        | "AIFINOPS_ATTRIBUTION"
        | "AIFINOPS_ALERTS" => env.map(str::to_owned),
        _ => None,
    })
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    let mut pieces = parts(data);
    let Ok(text) = std::str::from_utf8(pieces.next().unwrap_or_default()) else { return };
    let given = pieces.next().and_then(|value| std::str::from_utf8(value).ok());
    let file = home().join(".config/aifinops/config.toml");
    fs::write(&file, text).unwrap();

    // Reading: never fails, and what is told is safe to show.
    let first = loaded(given);
    for problem in &first.problems {
        harmless(&problem.message);
        harmless(&problem.place);
        assert!(problem.line.is_none_or(|line| (1..=text.split('\n').count()).contains(&line)), "{problem:?}");
    }
    let rows = describe(&first.settings);
    assert!(rows.len() >= 20);
    assert_eq!(loaded(given), first, "the same file says the same");

    // Editing: one key changes and the rest is kept.
    let (key, path, usual) = KEYS[how % KEYS.len()];
    let value = given.filter(|_| how & 0x40 != 0).unwrap_or(usual);
    let before = read(text);
    if let Err(error) = set(&file, key, value) {
        assert_eq!(fs::read_to_string(&file).unwrap(), text, "refused, and the file is as it was: {error}");
    } else {
        let after_text = fs::read_to_string(&file).unwrap();
        let after = read(&after_text).expect("it is still TOML");
        let before = before.expect("only TOML is edited");
        assert_eq!(rest(&after, path), rest(&before, path), "{key} = {value}");
        if value == usual {
            assert!(after.keys().any(|at| at.iter().map(String::as_str).take(path.len()).eq(path.iter().copied())));
            // Twice changes nothing.
            set(&file, key, value).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), after_text);
            let told = loaded(None);
            let is_about = |p: &&aifinops::config::Problem| p.key == key || p.key.starts_with(&format!("{key}."));
            assert_eq!(told.problems.iter().find(is_about), None, "what was set is in force");
        }
        if let Err(error) = unset(&file, key) {
            assert_eq!(fs::read_to_string(&file).unwrap(), after_text, "{error}");
        } else {
            let left = read(&fs::read_to_string(&file).unwrap()).unwrap();
            assert_eq!(rest(&left, path), rest(&after, path));
            assert!(!left.keys().any(|at| at.iter().map(String::as_str).take(path.len()).eq(path.iter().copied())));
        }
    }
    // A key, too, may be anything.
    if let Some(key) = given {
        let text = fs::read_to_string(&file).unwrap();
        if set(&file, key, "1").is_err() {
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}
