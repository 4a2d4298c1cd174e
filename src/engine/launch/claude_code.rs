//! Claude Code: `ANTHROPIC_BASE_URL`, which its settings may hold too (then they win, and `--settings` over them).
//! <https://docs.anthropic.com/en/docs/claude-code/settings>

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
        let settings: Vec<Value> = files.iter().filter_map(|path| json_file(path)).collect();
        let set = |name: &str| {
            let of = |settings: &Value| settings.get("env")?.get(name)?.as_str().map(str::to_owned);
            settings.iter().rev().find_map(of).filter(|value| !value.is_empty())
        };
        for (variable, cloud) in CLOUDS {
            if set(variable).map_or_else(|| world.is_on(variable), |value| says_yes(&value)) {
                return Err(format!("{variable} is set, and calls to {cloud} cannot go through a proxy"));
            }
        }
        let in_settings = set(VARIABLE);
        let settings_win = in_settings.is_some();
        let upstream = world.upstream(in_settings.or_else(|| world.var(VARIABLE)), DEFAULT);
        let own = world.args.to_vec();
        Ok(Plan {
            routes: vec![route("anthropic", upstream)],
            change: Box::new(move |base| {
                let address = base("anthropic");
                let mut args = own.clone();
                if settings_win && !own.iter().any(|arg| arg == "--settings" || arg.starts_with("--settings=")) {
                    let settings = json!({"env": {VARIABLE: address}}).to_string();
                    args.splice(0..0, ["--settings".to_owned(), settings]);
                }
                Change { env: vec![(VARIABLE.to_owned(), address)], args }
            }),
        })
    }
}
