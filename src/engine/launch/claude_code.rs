//! Claude Code: `ANTHROPIC_BASE_URL`, which its settings may hold too (then they win, and `--settings` over them). Of several
//! `--settings` it heeds one: where the user gives his own, ours has no place, and an address in any settings is not overcome.
//! <https://docs.anthropic.com/en/docs/claude-code/settings>

use std::path::Path;

use serde_json::{Value, json};

use super::{Change, Launch, Plan, World, json_file, route, says_yes};

pub(super) struct ClaudeCode;

const VARIABLE: &str = "ANTHROPIC_BASE_URL";
const DEFAULT: &str = "https://api.anthropic.com";
/// Clouds whose requests are signed for the address that they go to, or have addresses per region.
const CLOUDS: [(&str, &str); 3] = [
    ("CLAUDE_CODE_USE_BEDROCK", "Amazon Bedrock"),
    ("CLAUDE_CODE_USE_VERTEX", "Google Vertex AI"),
    ("CLAUDE_CODE_USE_FOUNDRY", "Microsoft Foundry"),
];

impl Launch for ClaudeCode {
    fn agent(&self) -> &'static str {
        "claude-code"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["claude", "claude-code"]
    }

    fn marks(&self) -> &'static [(&'static str, bool)] {
        &[("CLAUDE_CODE_SESSION_ID", true), ("CLAUDECODE", false)]
    }

    fn plan(&self, world: &World<'_>) -> Result<Plan, String> {
        let user = world.var("CLAUDE_CONFIG_DIR").map_or_else(|| world.home.join(".claude"), Into::into);
        // The strongest last.
        let files = [user.join("settings.json"), world.cwd.join(".claude/settings.json"), world.cwd.join(".claude/settings.local.json")];
        let mut settings: Vec<Value> = files.iter().filter_map(|path| json_file(path)).collect();
        let given = given(world.args);
        for text in &given {
            settings.push(read(text, world.cwd).ok_or("what --settings names cannot be read, and may lead past the proxy")?);
        }
        let set = |name: &str| {
            let of = |settings: &Value| word(settings.get("env")?.get(name)?);
            settings.iter().rev().find_map(of)
        };
        for (variable, cloud) in CLOUDS {
            if set(variable).map_or_else(|| world.is_on(variable), |value| says_yes(&value)) {
                return Err(format!("{variable} is set, and calls to {cloud} cannot go through a proxy"));
            }
        }
        let in_settings = set(VARIABLE);
        let settings_win = in_settings.is_some();
        if settings_win && !given.is_empty() {
            return Err(format!("its settings hold {VARIABLE}, and --settings of your own leaves no place for the proxy's"));
        }
        // An empty one wins over the environment too, and stands for the maker's address.
        let address = in_settings.map_or_else(|| world.var(VARIABLE), |own| Some(own).filter(|own| !own.trim().is_empty()));
        let upstream = world.upstream(address, DEFAULT);
        Ok(Plan {
            routes: vec![route("anthropic", upstream)],
            change: Box::new(move |base| {
                let address = base("anthropic");
                let settings = || vec!["--settings".to_owned(), json!({"env": {VARIABLE: address}}).to_string()];
                let before = if settings_win { settings() } else { Vec::new() };
                Change { env: vec![(VARIABLE.to_owned(), address)], before, ..Change::default() }
            }),
        })
    }
}

/// What the user gives with `--settings`: files, or JSON. Claude Code heeds one of several; here each counts, the last most.
fn given(args: &[String]) -> Vec<&str> {
    let mut out: Vec<&str> = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--settings" {
            out.push(args.next().map_or("", String::as_str));
        } else if let Some(text) = arg.strip_prefix("--settings=") {
            out.push(text);
        }
    }
    out
}

/// Settings that were given. A pipe can be read once only, and that is for the agent to do.
fn read(text: &str, cwd: &Path) -> Option<Value> {
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).ok();
    }
    let path = cwd.join(text);
    if path.is_file() { json_file(&path) } else { None }
}

/// A variable's value; Claude Code takes numbers and truth values for their words.
fn word(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}
