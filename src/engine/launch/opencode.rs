//! `OpenCode`: the address of each provider that is in use, as configuration for this run in `OPENCODE_CONFIG_CONTENT`,
//! which is laid over the user's own. <https://opencode.ai/docs/config>
//!
//! A provider that is only named there would count as configured. So of the ones that `OpenCode` brings along those are
//! pointed for which the user has a key, a login or a setting.

use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::{Change, Launch, Plan, World, json_file, plain_json, route};

pub(super) struct OpenCode;

const CONTENT: &str = "OPENCODE_CONFIG_CONTENT";

/// Providers that `OpenCode` brings along: name, variable of the key, address.
const KNOWN: [(&str, &str, &str); 10] = [
    ("anthropic", "ANTHROPIC_API_KEY", "https://api.anthropic.com/v1"),
    ("openai", "OPENAI_API_KEY", "https://api.openai.com/v1"),
    ("google", "GOOGLE_GENERATIVE_AI_API_KEY", "https://generativelanguage.googleapis.com/v1beta"),
    ("openrouter", "OPENROUTER_API_KEY", "https://openrouter.ai/api/v1"),
    ("deepseek", "DEEPSEEK_API_KEY", "https://api.deepseek.com"),
    ("xai", "XAI_API_KEY", "https://api.x.ai/v1"),
    ("groq", "GROQ_API_KEY", "https://api.groq.com/openai/v1"),
    ("mistral", "MISTRAL_API_KEY", "https://api.mistral.ai/v1"),
    ("opencode", "OPENCODE_API_KEY", "https://opencode.ai/zen/v1"),
    ("moonshotai", "MOONSHOT_API_KEY", "https://api.moonshot.ai/v1"),
];

impl Launch for OpenCode {
    fn agent(&self) -> &'static str {
        "opencode"
    }

    fn programs(&self) -> &'static [&'static str] {
        &["opencode", "opencode-ai"]
    }

    fn marks(&self) -> &'static [(&'static str, bool)] {
        &[("OPENCODE", false)]
    }

    fn plan(&self, world: &World<'_>) -> Result<Plan, String> {
        let given = world.var(CONTENT);
        let content = match &given {
            None => Value::Object(Map::new()),
            Some(text) => serde_json::from_str(text)
                .or_else(|_| serde_json::from_str(&plain_json(text)))
                .map_err(|_| format!("{CONTENT} is no JSON"))?,
        };
        let mut configs: Vec<Value> = files(world).iter().filter_map(|path| json_file(path)).collect();
        configs.push(content.clone());
        let logins = world.var("XDG_DATA_HOME").map_or_else(|| world.home.join(".local/share"), PathBuf::from).join("opencode/auth.json");
        // Its names only: which providers there is a login for.
        let logins: Vec<String> = json_file(&logins).and_then(|json| Some(json.as_object()?.keys().cloned().collect())).unwrap_or_default();
        let mut providers: Vec<(String, String)> = Vec::new();
        for (name, key, default) in KNOWN {
            let is_named = configs.iter().any(|config| config.pointer(&format!("/provider/{name}")).is_some());
            if is_named || world.var(key).is_some() || logins.iter().any(|login| login == name) {
                providers.push((name.to_owned(), default.to_owned()));
            }
        }
        for config in &configs {
            for (name, provider) in config.get("provider").and_then(Value::as_object).into_iter().flatten() {
                let Some(address) = provider.pointer("/options/baseURL").and_then(Value::as_str).filter(|url| !url.contains('{')) else {
                    continue;
                };
                providers.retain(|(known, _)| known != name);
                providers.push((name.clone(), address.to_owned()));
            }
        }
        if providers.is_empty() {
            return Err("no provider with a known address is configured".to_owned());
        }
        let routes = providers
            .iter()
            .enumerate()
            .map(|(n, (_, address))| route(&format!("p{n}"), world.upstream(Some(address.clone()), "")))
            .collect();
        Ok(Plan {
            routes,
            change: Box::new(move |base| {
                let mut content = content.clone();
                for (n, (name, _)) in providers.iter().enumerate() {
                    set(&mut content, &["provider", name, "options", "baseURL"], json!(base(&format!("p{n}"))));
                }
                Change { env: vec![(CONTENT.to_owned(), content.to_string())], ..Change::default() }
            }),
        })
    }
}

/// The user's configuration, the weakest first.
fn files(world: &World<'_>) -> Vec<PathBuf> {
    const NAMES: [&str; 2] = ["opencode.json", "opencode.jsonc"];
    let user = world.var("XDG_CONFIG_HOME").map_or_else(|| world.home.join(".config"), PathBuf::from).join("opencode");
    let mut files = vec![user.join("config.json")];
    files.extend(NAMES.map(|name| user.join(name)));
    files.extend(world.var("OPENCODE_CONFIG").map(PathBuf::from));
    let mut above: Vec<&std::path::Path> = world.cwd.ancestors().collect();
    above.reverse();
    files.extend(above.iter().flat_map(|dir| NAMES.map(|name| dir.join(name))));
    files.extend(above.iter().flat_map(|dir| NAMES.map(|name| dir.join(".opencode").join(name))));
    if let Some(dir) = world.var("OPENCODE_CONFIG_DIR") {
        files.extend(NAMES.map(|name| PathBuf::from(&dir).join(name)));
    }
    files
}

/// Sets a value deep inside, making the objects on the way.
fn set(json: &mut Value, path: &[&str], value: Value) {
    let Some((name, rest)) = path.split_first() else {
        *json = value;
        return;
    };
    if !json.is_object() {
        *json = Value::Object(Map::new());
    }
    if let Value::Object(map) = json {
        set(map.entry((*name).to_owned()).or_insert(Value::Null), rest, value);
    }
}
