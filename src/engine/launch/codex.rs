//! Codex: an override of the address of whichever provider is in force, by `-c`: its key, headers and login stay as
//! they are. Of the built-in provider that is `openai_base_url`; with a `ChatGPT` login, which its requests show by a
//! header, the same requests go to `ChatGPT`'s address. <https://developers.openai.com/codex/config-reference>

use std::collections::BTreeSet;

use toml::Table;

use super::{Change, Launch, Plan, Route, World};

pub(super) struct Codex;

const DEFAULT: &str = "https://api.openai.com/v1";
/// Where requests with a `ChatGPT` login go, and the header that shows it.
const CHATGPT: (&str, &str) = ("chatgpt-account-id", "https://chatgpt.com/backend-api/codex");

impl Launch for Codex {
    fn agent(&self) -> &'static str {
        "codex"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["codex"]
    }

    fn marks(&self) -> &'static [(&'static str, bool)] {
        &[("CODEX_THREAD_ID", true), ("CODEX_CI", false), ("CODEX_SANDBOX", false)]
    }

    fn plan(&self, world: &World<'_>) -> Result<Plan, String> {
        let dir = world.var("CODEX_HOME").map_or_else(|| world.home.join(".codex"), Into::into);
        let config: Table = std::fs::read_to_string(dir.join("config.toml")).ok().and_then(|text| text.parse().ok()).unwrap_or_default();
        let args = Args::read(world.args);
        if args.is_local {
            return Err("--oss asks a model on this machine, which costs nothing".to_owned());
        }
        let text = |table: &Table, name: &str| table.get(name)?.as_str().map(str::to_owned);
        let profile = args.profile.clone().or_else(|| text(&config, "profile"));
        let profile = profile.and_then(|name| config.get("profiles")?.get(&name)?.as_table().cloned()).unwrap_or_default();
        let setting = |name: &str| args.set(name).or_else(|| text(&profile, name)).or_else(|| text(&config, name));
        let provider = setting("model_provider").unwrap_or_else(|| "openai".to_owned());
        let (key, own) = if provider == "openai" {
            ("openai_base_url".to_owned(), setting("openai_base_url").or_else(|| world.var("OPENAI_BASE_URL")))
        } else {
            let key = format!("model_providers.{provider}.base_url");
            let in_file = || text(config.get("model_providers")?.get(&provider)?.as_table()?, "base_url");
            let own = args.set(&key).or_else(in_file);
            if own.is_none() && world.upstream.is_none() {
                return Err(format!("the address of its provider `{provider}` is not known"));
            }
            (key, own)
        };
        let is_own = own.is_some() || world.upstream.is_some();
        let route = Route {
            name: "openai".to_owned(),
            upstream: world.upstream(own, DEFAULT),
            unless: (!is_own).then(|| (CHATGPT.0, CHATGPT.1.to_owned())),
        };
        let without = args.places(&key);
        Ok(Plan {
            routes: vec![route],
            change: Box::new(move |base| {
                let address = toml::Value::String(base("openai"));
                let before = vec!["-c".to_owned(), format!("{key}={address}")];
                Change { before, without: without.clone(), ..Change::default() }
            }),
        })
    }
}

/// The user's arguments, as far as they matter here.
struct Args {
    /// Overrides: which arguments they take, their name and their value.
    overrides: Vec<(std::ops::Range<usize>, String, String)>,
    profile: Option<String>,
    is_local: bool,
}

impl Args {
    fn read(all: &[String]) -> Args {
        let mut args = Args { overrides: Vec::new(), profile: None, is_local: false };
        let mut rest = all.iter().enumerate();
        while let Some((at, arg)) = rest.next() {
            let (flag, joined) = match arg.split_once('=') {
                Some((flag, value)) if flag.starts_with("--") => (flag, Some(value.to_owned())),
                _ => (arg.as_str(), None),
            };
            let mut value = || match &joined {
                Some(value) => Some((value.clone(), at + 1)),
                None => rest.next().map(|(at, value)| (value.clone(), at + 1)),
            };
            match flag {
                "--" => break,
                "-c" | "--config" => {
                    let Some((value, end)) = value() else { break };
                    if let Some((name, value)) = value.split_once('=') {
                        let value = value.trim().trim_matches(['"', '\'']).to_owned();
                        args.overrides.push((at..end, name.trim().to_owned(), value));
                    }
                }
                "-p" | "--profile" => args.profile = value().map(|(value, _)| value),
                "--oss" => args.is_local = true,
                _ => {}
            }
        }
        args
    }

    fn set(&self, name: &str) -> Option<String> {
        self.overrides.iter().rev().find(|(_, set, _)| set == name).map(|(_, _, value)| value.clone())
    }

    /// The arguments of the overrides of this name.
    fn places(&self, name: &str) -> BTreeSet<usize> {
        self.overrides.iter().filter(|(_, set, _)| set == name).flat_map(|(range, ..)| range.clone()).collect()
    }
}
