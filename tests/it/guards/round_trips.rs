//! Installing and uninstalling leaves every byte as it was, however a person writes JSON.

use aifinops::guards::State;
use proptest::prelude::*;

use super::{Home, JSON_SETTINGS, guard};

/// There and back, with what others wrote still in force in between.
fn there_and_back(agent: &str, file: &str, text: &str) {
    let home = Home::new();
    home.write(file, text);
    home.install(guard(agent));
    let installed = home.read(file).unwrap();
    assert_eq!(home.state(guard(agent)), State::Installed, "{text:?}\n{installed}");
    assert!(!home.install(guard(agent)), "{text:?}\n{installed}");
    home.uninstall(guard(agent));
    assert_eq!(home.read(file).unwrap(), text, "by way of\n{installed}");
    assert!(home.everything().iter().all(|(path, _)| path.ends_with(file)), "{:?}", home.everything());
}

#[test]
fn settings_as_people_write_them() {
    let shapes = [
        "",
        "\n",
        "{}",
        "{}\n",
        "{ }",
        "{\n}\n",
        "{\n\n}\n",
        "  {\t}\n\n",
        "{\"model\":\"opus\"}",
        "{ \"model\": \"opus\" }\n",
        "{\n  \"model\": \"opus\"\n}\n",
        "{\n\t\"model\": \"opus\",\n\t\"env\": {\n\t\t\"A\": \"1\"\n\t}\n}",
        "{\r\n    \"model\": \"opus\"\r\n}\r\n",
        "{\n  \"a\": 1\n , \"b\": 2 }\n",
        "{\"hooks\":{}}",
        "{\"hooks\": {}}\n",
        "{\n  \"hooks\": {},\n  \"z\": 1\n}\n",
        "{\n  \"hooks\": {\n  }\n}\n",
        "{\"hooks\":{\"UserPromptSubmit\":[],\"BeforeModel\":[ ],\"PostToolUse\":[\n]}}",
        "{\n  \"hooks\": {\n    \"PostToolUse\": [\n      {\n        \"matcher\": \"Bash\",\n        \"hooks\": [{\"type\": \"command\", \"command\": \"beep\"}]\n      }\n    ],\n    \"BeforeModel\": [{\"hooks\": [{\"type\": \"command\", \"command\": \"beep\"}]}]\n  }\n}\n",
        "{\"hooks\": {\"UserPromptSubmit\": [{\"hooks\": []}]}, \"ü\": \"\\u00fc 🙂 \\\" // no comment /* nor this */\"}",
    ];
    for (agent, file) in JSON_SETTINGS {
        for text in shapes {
            there_and_back(agent, file, text);
        }
    }
}

#[test]
fn comments_stay_where_they_are_and_say_what_they_said() {
    let shapes = [
        "// mine\n{}\n",
        "{ // mine\n}\n",
        "{\n  // nothing yet\n}\n",
        "{\n  \"a\": 1 // one\n}\n",
        "{\n  \"a\": 1, // one\n  \"b\": 2 // two\u{a0}\n  // the end\n}\n// really\n",
        "{\n  \"a\": 1 /* one\n  and more */\n}\n",
        "{\"a\": 1 /* one */}",
        "{\"a\": 1 // one\n}",
        "{\n  \"hooks\": { /* none */ }, // why\n  \"a\": 1\n}\n",
        "{\n  \"hooks\": {\n    \"BeforeModel\": [\n      // mine\n      {\"hooks\": [{\"command\": \"beep\"}]} // loud\n    ]\n  }\n}\n",
    ];
    for text in shapes {
        there_and_back("gemini-cli", ".gemini/settings.json", text);
    }
    let home = Home::new();
    home.write(".gemini/settings.json", shapes[4]);
    home.install(guard("gemini-cli"));
    let installed = home.read(".gemini/settings.json").unwrap();
    assert!(installed.contains("\"b\": 2, // two\u{a0}\n  \"hooks\": {\n"), "{installed}");
}

#[test]
fn a_comment_within_what_we_have_put_in_stays() {
    for (before, after) in [
        ("\"hooks\": {", "\"hooks\": {\n    // MINE, off for now"),
        ("\"BeforeModel\": [", "\"BeforeModel\": [ // MINE"),
        ("\"hooks\": [", "\"hooks\": [ /* MINE */"),
    ] {
        let home = Home::new();
        home.write(".gemini/settings.json", "{\n  // my theme\n  \"theme\": \"x\"\n}\n");
        home.install(guard("gemini-cli"));
        let installed = home.read(".gemini/settings.json").unwrap();
        assert!(installed.contains(before), "{installed}");
        home.write(".gemini/settings.json", &installed.replacen(before, after, 1));
        home.uninstall(guard("gemini-cli"));
        let left = home.read(".gemini/settings.json").unwrap();
        assert!(left.contains("MINE") && left.contains("// my theme") && !left.contains("aifinops"), "{left}");
    }
}

#[test]
fn other_people_s_hooks_stay_and_keep_their_place() {
    let theirs = r#"{"hooks": {"UserPromptSubmit": [{"hooks": [{"type": "command", "command": "log aifinops hook claude-code"}]}], "Stop": [{"hooks": []}]}}"#;
    let home = Home::new();
    home.write(".claude/settings.json", theirs);
    home.install(guard("claude-code"));
    let settings: serde_json::Value = serde_json::from_str(&home.read(".claude/settings.json").unwrap()).unwrap();
    assert_eq!(settings["hooks"]["UserPromptSubmit"][0]["hooks"][0]["command"], "log aifinops hook claude-code");
    assert_eq!(settings["hooks"]["UserPromptSubmit"].as_array().unwrap().len(), 2);
    // An agent writes its settings anew, in its own way; somebody puts a hook into our group and one after us.
    let mut settings = settings;
    let beep = serde_json::json!({"type": "command", "command": "beep"});
    settings["hooks"]["UserPromptSubmit"][1]["hooks"].as_array_mut().unwrap().push(beep.clone());
    settings["hooks"]["PostToolUse"].as_array_mut().unwrap().push(serde_json::json!({"hooks": [beep]}));
    home.write(".claude/settings.json", &serde_json::to_string_pretty(&settings).unwrap());
    assert_eq!(home.state(guard("claude-code")), State::Installed);
    home.uninstall(guard("claude-code"));
    let left: serde_json::Value = serde_json::from_str(&home.read(".claude/settings.json").unwrap()).unwrap();
    let wanted = serde_json::json!({"hooks": {
        "UserPromptSubmit": [{"hooks": [{"type": "command", "command": "log aifinops hook claude-code"}]}, {"hooks": [beep]}],
        "PostToolUse": [{"hooks": [beep]}],
        "Stop": [{"hooks": []}]}});
    assert_eq!(left, wanted);
}

/// Space between the parts of a JSON text.
fn space() -> impl Strategy<Value = String> {
    prop_oneof![4 => Just(String::new()), 4 => Just(" ".to_owned()), 2 => Just("\n".to_owned()), 3 => Just("\n  ".to_owned()), 1 => Just("\r\n\t".to_owned()), 1 => Just("\n\n    ".to_owned())]
}

/// A value in any formatting.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("-2.5e3".to_owned()),
        Just("null".to_owned()),
        Just("\"a, {b} // \\\" é\"".to_owned()),
        Just("[]".to_owned()),
        Just("{}".to_owned())
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let part = (space(), inner, space()).boxed();
        prop_oneof![
            prop::collection::vec(part.clone(), 1..3).prop_map(|parts| {
                let parts: Vec<String> = parts.into_iter().map(|(a, value, b)| format!("{a}{value}{b}")).collect();
                format!("[{}]", parts.join(","))
            }),
            prop::collection::vec(part, 1..3).prop_map(|parts| object(&parts)),
        ]
    })
}

fn object(parts: &[(String, String, String)]) -> String {
    let parts: Vec<String> = parts.iter().enumerate().map(|(i, (a, value, b))| format!("{a}\"k{i}\"{b}:{a}{value}{b}")).collect();
    format!("{{{}}}", parts.join(","))
}

/// Hooks of somebody's, in any formatting, or none.
fn hooks() -> impl Strategy<Value = Option<String>> {
    let handlers = prop_oneof![Just("[]"), Just("[{\"command\": \"beep\"}]"), Just("[ {\"command\":\"a\"},\n {\"command\":\"b\"} ]")];
    let groups = prop::collection::vec((space(), handlers, space()), 0..3).prop_map(|groups| {
        let groups: Vec<String> = groups.into_iter().map(|(a, handlers, b)| format!("{a}{{\"hooks\":{b}{handlers}}}{b}")).collect();
        groups.join(",")
    });
    let event = prop::sample::subsequence(vec!["UserPromptSubmit", "PostToolUse", "PreToolUse", "BeforeModel", "Stop"], 0..4);
    prop::option::of((event, groups, space(), space()).prop_map(|(events, groups, a, b)| {
        let events: Vec<String> = events.into_iter().map(|event| format!("{a}\"{event}\":{b}[{groups}]{a}")).collect();
        format!("{{{}{b}}}", events.join(","))
    }))
}

/// A whole file.
fn settings() -> impl Strategy<Value = String> {
    (prop::collection::vec((space(), value(), space()), 0..4), hooks(), 0_usize..4, space(), space()).prop_map(
        |(parts, hooks, at, a, b)| {
            let mut members: Vec<String> =
                parts.into_iter().enumerate().map(|(i, (x, value, y))| format!("{x}\"m{i}\"{y}:{x}{value}{y}")).collect();
            if let Some(hooks) = hooks {
                members.insert(at.min(members.len()), format!("{a}\"hooks\":{b}{hooks}{a}"));
            }
            let inner = if members.is_empty() { a.clone() } else { members.join(",") };
            format!("{a}{{{inner}}}{b}")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_formatting_survives(text in settings(), which in 0_usize..3) {
        let (agent, file) = JSON_SETTINGS[which];
        there_and_back(agent, file, &text);
    }
}
