//! How each agent is pointed, with the settings that a user may have.

use std::collections::BTreeSet;
use std::fs;

use aifinops::engine::launch::{self, Change, Plan, World};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Files of a home, variables and arguments; gives the plan, or why there is none.
fn plan(agent: &str, files: &[(&str, &str)], env: &[(&str, &str)], args: &[&str], upstream: Option<&str>) -> Result<Plan, String> {
    let home = TempDir::new().unwrap();
    for (path, text) in files {
        let path = home.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let args = owned(args);
    let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned());
    let cwd = home.path().join("work");
    let world = World { env: &env, home: home.path(), cwd: &cwd, args: &args, upstream };
    launch::of_agent(agent).map_or_else(|| Ok(launch::unknown(&world)), |agent| agent.plan(&world))
}

/// Route and upstream of each route, and what is different.
fn pointed(plan: Result<Plan, String>) -> (Vec<(String, String)>, Change) {
    let plan = plan.unwrap_or_else(|why| panic!("{why}"));
    let routes = plan.routes.iter().map(|route| (route.name.clone(), route.upstream.clone())).collect();
    (routes, (plan.change)(&|name| format!("http://proxy/{name}")))
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn pairs(list: &[(&str, &str)]) -> Vec<(String, String)> {
    list.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
}

#[test]
fn agents_are_known_by_their_program() {
    let name = |program: &str| launch::of_program(program).map(launch::Launch::agent);
    let names = ["claude", "/usr/bin/codex", "./gemini", "opencode", "sh", "claude-x", ""].map(name);
    assert_eq!(names, [Some("claude-code"), Some("codex"), Some("gemini-cli"), Some("opencode"), None, None, None]);
    let packages = ["@anthropic-ai/claude-code", "@openai/codex@0.169.0", "codex.js", "@google/gemini-cli", "opencode-ai@latest"].map(name);
    assert_eq!(packages, [Some("claude-code"), Some("codex"), Some("codex"), Some("gemini-cli"), Some("opencode")]);
    let find = |command: &str| {
        let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
        launch::find(&words).map(|(at, agent)| (at, agent.agent()))
    };
    assert_eq!(find("claude -p codex"), Some((0, "claude-code")));
    assert_eq!(find("npx -y @openai/codex@latest exec claude"), Some((2, "codex")));
    assert_eq!(find("/usr/bin/env A=1 node /opt/gemini.js -p x"), Some((3, "gemini-cli")));
    assert_eq!((find("sh -c codex"), find("npx other"), find("")), (None, None, None));
}

#[test]
fn claude_code() {
    let (routes, change) = pointed(plan("claude-code", &[], &[], &["-p", "x"], None));
    assert_eq!(routes, pairs(&[("anthropic", "https://api.anthropic.com")]));
    assert_eq!(
        (change.env, change.before, change.without),
        (pairs(&[("ANTHROPIC_BASE_URL", "http://proxy/anthropic")]), Vec::new(), BTreeSet::new())
    );
    let env = [("ANTHROPIC_BASE_URL", "https://gateway/x")];
    assert_eq!(pointed(plan("claude-code", &[], &env, &[], None)).0, pairs(&[("anthropic", "https://gateway/x")]));
    assert_eq!(pointed(plan("claude-code", &[], &env, &[], Some("http://other"))).0, pairs(&[("anthropic", "http://other")]));
    // Settings win over the environment, and a flag over settings.
    let files = [
        (".claude/settings.json", r#"{"env":{"ANTHROPIC_BASE_URL":"https://user"}}"#),
        ("work/.claude/settings.json", r#"{"env":{"ANTHROPIC_BASE_URL":"https://project"}}"#),
    ];
    let (routes, change) = pointed(plan("claude-code", &files, &env, &["-p"], None));
    assert_eq!(routes, pairs(&[("anthropic", "https://project")]));
    assert_eq!(change.args(&owned(&["-p"])), ["--settings", r#"{"env":{"ANTHROPIC_BASE_URL":"http://proxy/anthropic"}}"#, "-p"]);
    let cloud = plan("claude-code", &[(".claude/settings.json", r#"{"env":{"CLAUDE_CODE_USE_BEDROCK":"1"}}"#)], &[], &[], None);
    assert!(cloud.is_err_and(|why| why.contains("Amazon Bedrock")));
    assert!(plan("claude-code", &[(".claude/settings.json", "{ broken")], &[("CLAUDE_CODE_USE_VERTEX", "0")], &[], None).is_ok());
}

type Files<'a> = &'a [(&'a str, &'a str)];

#[test]
fn claude_code_with_settings_of_its_users_own() {
    let maker = pairs(&[("anthropic", "https://api.anthropic.com")]);
    let base_url = |address: &str| format!(r#"{{"env":{{"ANTHROPIC_BASE_URL":"{address}"}}}}"#);
    let (user, own) = (base_url("https://user"), base_url("https://own"));
    let (user, own) = (user.as_str(), own.as_str());
    let why = |files: &[(&str, &str)], args: &[&str]| plan("claude-code", files, &[], args, None).err().unwrap_or_default();
    // Where no settings hold an address, the variable is enough.
    for args in [["--settings", r#"{"model":"x"}"#], ["-p", "--settings={}"], ["--settings", "own.json"]] {
        let (routes, change) = pointed(plan("claude-code", &[("work/own.json", "{ // mine\n}")], &[], &args, None));
        assert_eq!(change.args(&owned(&args)), args);
        assert_eq!((routes, change.env), (maker.clone(), pairs(&[("ANTHROPIC_BASE_URL", "http://proxy/anthropic")])));
    }
    // Where some do, nothing of ours would win over them.
    let of_user = [(".claude/settings.json", user)];
    let inline = format!("--settings={own}");
    // What is in files, and what the user says.
    let cases: [(Files<'_>, &[&str]); 5] = [
        (&of_user, &["--settings", "{}"]),
        (&of_user, &["-p", "x", "--settings={}"]),
        (&[], &["--settings", own]),
        (&[], &[inline.as_str()]),
        (&[("work/own.json", own)], &["--settings", "own.json"]),
    ];
    for (files, args) in cases {
        let why = why(files, args);
        assert!(why.contains("its settings hold ANTHROPIC_BASE_URL, and --settings of your own"), "{files:?} {args:?}: {why}");
    }
    // What it says of clouds counts most.
    let cloud = |value: &str| format!(r#"{{"env":{{"CLAUDE_CODE_USE_BEDROCK":{value}}}}}"#);
    let (on, off) = (cloud("1"), cloud("\"0\""));
    let (on, off) = (on.as_str(), off.as_str());
    assert!(why(&[], &["--settings", on]).contains("Amazon Bedrock"));
    assert_eq!(why(&[(".claude/settings.json", on)], &["--settings", off]), "");
    // Nobody knows what is in what cannot be read.
    for args in [&["--settings", "none.json"][..], &["--settings={ broken"], &["--settings"]] {
        assert!(why(&[], args).contains("cannot be read"), "{args:?}");
    }
}

#[test]
fn an_empty_address_in_claude_codes_settings_is_its_makers() {
    let files = [(".claude/settings.json", r#"{"env":{"ANTHROPIC_BASE_URL":""}}"#)];
    let (routes, change) = pointed(plan("claude-code", &files, &[("ANTHROPIC_BASE_URL", "https://env")], &[], None));
    assert_eq!(routes, pairs(&[("anthropic", "https://api.anthropic.com")]));
    assert_eq!(change.args(&owned(&[])), ["--settings", r#"{"env":{"ANTHROPIC_BASE_URL":"http://proxy/anthropic"}}"#]);
}

#[test]
fn codex() {
    let built_in = plan("codex", &[], &[], &["exec", "x"], None).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(built_in.routes[0].unless, Some(("chatgpt-account-id", "https://chatgpt.com/backend-api/codex".to_owned())));
    let (routes, change) = pointed(Ok(built_in));
    assert_eq!(routes, pairs(&[("openai", "https://api.openai.com/v1")]));
    assert_eq!(change.args(&owned(&["exec", "x"])), ["-c", "openai_base_url=\"http://proxy/openai\"", "exec", "x"]);
    let config = "model_provider = \"mine\"\n[model_providers.mine]\nbase_url = \"http://mine/v1\"\n[model_providers.other]\nbase_url = \"http://other/v1\"\n[profiles.p]\nmodel_provider = \"other\"\n[profiles.q]\nmodel_provider = \"openai\"\n";
    let files = [(".codex/config.toml", config)];
    let of = |args: &[&str]| {
        let (routes, change) = pointed(plan("codex", &files, &[], args, None));
        (routes[0].1.clone(), change.args(&owned(args)))
    };
    let point = |key: &str| format!("{key}=\"http://proxy/openai\"");
    assert_eq!(of(&[]), ("http://mine/v1".to_owned(), vec!["-c".to_owned(), point("model_providers.mine.base_url")]));
    assert_eq!(of(&["--profile=p"]).1[1], point("model_providers.other.base_url"));
    assert_eq!(of(&["-p", "q"]).1[1], point("openai_base_url"));
    assert_eq!(of(&["--config", "model_provider=other"]).1[1], point("model_providers.other.base_url"));
    // The user's own override is where it goes on to, and must not win.
    let (upstream, args) = of(&["exec", "-c", "model_providers.mine.base_url='http://own'", "-c", "x=1", "--", "-c"]);
    assert_eq!((upstream.as_str(), &args[2..]), ("http://own", ["exec", "-c", "x=1", "--", "-c"].map(str::to_owned).as_slice()));
    let nowhere = plan("codex", &[], &[], &["-c", "model_provider=unheard"], None);
    assert!(nowhere.is_err_and(|why| why.contains("`unheard`")));
    assert!(plan("codex", &[], &[], &["--oss"], None).is_err());
    assert!(plan("codex", &[(".codex/config.toml", "= broken")], &[], &["-c"], None).is_ok());
    let own = plan("codex", &[], &[], &[], Some("http://gateway")).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(own.routes[0].unless, None);
}

#[test]
fn gemini() {
    let (routes, change) = pointed(plan("gemini-cli", &[], &[], &[], None));
    assert_eq!(
        routes,
        pairs(&[("gemini", "https://generativelanguage.googleapis.com"), ("code-assist", "https://cloudcode-pa.googleapis.com")])
    );
    assert_eq!(change.env[0], ("GOOGLE_GEMINI_BASE_URL".to_owned(), "http://proxy/gemini".to_owned()));
    let env = [("GOOGLE_GENAI_USE_VERTEXAI", "true"), ("GOOGLE_CLOUD_LOCATION", "europe-west1")];
    let (routes, change) = pointed(plan("gemini-cli", &[], &env, &[], None));
    assert_eq!(routes[2], ("vertex".to_owned(), "https://europe-west1-aiplatform.googleapis.com".to_owned()));
    assert_eq!(change.env[2].0, "GOOGLE_VERTEX_BASE_URL");
}

#[test]
fn opencode() {
    assert!(plan("opencode", &[], &[], &[], None).is_err());
    let config = r#"{ // mine
        "provider": { "mock": { "options": { "baseURL": "http://mock/v1", }, }, "anthropic": { "options": {} } } }"#;
    let files = [
        (".config/opencode/opencode.jsonc", config),
        (".local/share/opencode/auth.json", r#"{"openrouter":{"type":"api","key":"hidden"},"github-copilot":{}}"#),
        (
            "work/opencode.json",
            r#"{"provider":{"mock":{"options":{"baseURL":"http://project/v1"}},"tpl":{"options":{"baseURL":"{env:X}"}}}}"#,
        ),
    ];
    let env = [("OPENCODE_CONFIG_CONTENT", r#"{"theme":"x","provider":{"openai":{"options":{"timeout":5}}}}"#)];
    let (routes, change) = pointed(plan("opencode", &files, &env, &["run"], None));
    let upstreams: Vec<&str> = routes.iter().map(|(_, upstream)| upstream.as_str()).collect();
    assert_eq!(
        upstreams,
        ["https://api.anthropic.com/v1", "https://api.openai.com/v1", "https://openrouter.ai/api/v1", "http://project/v1"]
    );
    let content: Value = serde_json::from_str(&change.env[0].1).unwrap();
    let at = |n: usize| json!({"baseURL": format!("http://proxy/p{n}")});
    let expected = json!({"theme": "x", "provider": {
        "anthropic": {"options": at(0)},
        "openai": {"options": {"timeout": 5, "baseURL": "http://proxy/p1"}},
        "openrouter": {"options": at(2)},
        "mock": {"options": at(3)},
    }});
    assert_eq!((content, change.args(&owned(&["run"]))), (expected, owned(&["run"])));
}

#[test]
fn anybody_else() {
    let (routes, change) = pointed(plan("", &[], &[("OPENAI_BASE_URL", "http://local/v1")], &["x"], None));
    assert_eq!(routes[0].1, "https://api.anthropic.com");
    assert_eq!(routes[1].1, "http://local/v1");
    let names: Vec<&str> = change.env.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["ANTHROPIC_BASE_URL", "OPENAI_BASE_URL", "OPENAI_API_BASE", "GOOGLE_GEMINI_BASE_URL"]);
    assert_eq!(change.args(&owned(&["x"])), ["x"]);
}
