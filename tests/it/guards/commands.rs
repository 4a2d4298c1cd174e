//! The commands: the real binary, as agents and people start it.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use super::Home;

const BINARY: &str = env!("CARGO_BIN_EXE_aifinops");

fn aifinops(home: &Home, args: &[&str]) -> Output {
    let mut command = Command::new(BINARY);
    command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", home.path("bin").display()));
    command.env("HOME", home.path("")).env("AIFINOPS_HOME", home.path("")).env("AIFINOPS_DATA_DIR", home.path("data"));
    command.env("AIFINOPS_CONFIG", home.path("config.toml")).args(args).output().unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&output.stdout)))
}

/// Runs a command as an agent does, and gives its answer.
fn ask(command: &str, question: &str, halt: Option<&str>) -> Output {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell.env_remove("AIFINOPS_HOOK_HALT");
    if let Some(text) = halt {
        shell.env("AIFINOPS_HOOK_HALT", text);
    }
    let mut child = shell.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(question.as_bytes()); // a shell that ends at once does not read
    drop(stdin);
    child.wait_with_output().unwrap()
}

/// The commands that stand in a settings file.
fn commands(text: &str) -> Vec<String> {
    let settings: Value = serde_json::from_str(text).unwrap();
    let groups = settings["hooks"].as_object().unwrap().values().flat_map(|groups| groups.as_array().unwrap().iter());
    groups.flat_map(|group| group["hooks"].as_array().unwrap().iter()).map(|hook| hook["command"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn from_installing_to_uninstalling() {
    let home = Home::new();
    home.write(".claude/settings.json", "{\n  \"model\": \"opus\"\n}\n");
    home.write(".codex/config.toml", "model = \"m\" # mine\n");
    home.write(".gemini/settings.json", "{\n  \"ui\": {} // plain\n}\n");
    home.write(".config/opencode/opencode.json", "{}");
    home.program("codex", "no server");
    let before = home.everything();

    let dry = json_of(&aifinops(&home, &["guard", "install", "--all", "--dry-run", "--json"]));
    assert_eq!(dry["guards"].as_array().unwrap().len(), 4);
    assert!(dry["guards"].as_array().unwrap().iter().all(|guard| guard["changed"] == true && guard["state"] == "not_installed"));
    assert_eq!(home.everything(), before, "a dry run changes nothing");
    let told = String::from_utf8(aifinops(&home, &["guard", "install", "claude-code", "--dry-run"]).stdout).unwrap();
    assert!(told.contains("+   \"model\": \"opus\",") && told.contains("change ") && told.contains("UserPromptSubmit"), "{told}");

    let installed = aifinops(&home, &["guard", "install", "--all"]);
    assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stdout));
    let status = json_of(&aifinops(&home, &["guard", "status", "--json"]));
    let found: Vec<&str> = status["guards"].as_array().unwrap().iter().map(|guard| guard["state"].as_str().unwrap()).collect();
    assert_eq!(found, ["installed"; 4], "{status}");

    let verify = aifinops(&home, &["guard", "verify", "--json"]);
    let proved = json_of(&verify);
    assert!(verify.status.success() && proved["guards"].as_array().unwrap().iter().all(|guard| guard["proved"] == true), "{proved}");
    let again = json_of(&aifinops(&home, &["guard", "install", "--all", "--json"]));
    assert!(again["guards"].as_array().unwrap().iter().all(|guard| guard["changed"] == false), "{again}");

    // A guard that is not trusted any more is told, and does not count as proved.
    home.write(".codex/config.toml", "model = \"m\" # mine\n");
    let verify = aifinops(&home, &["guard", "verify"]);
    let told = String::from_utf8(verify.stdout).unwrap();
    assert!(verify.status.code() == Some(1) && told.contains("! codex: untrusted") && told.contains("/hooks"), "{told}");
    aifinops(&home, &["guard", "install", "codex"]);

    assert!(aifinops(&home, &["guard", "uninstall", "--all"]).status.success());
    let left: Vec<_> = home.everything().into_iter().filter(|(path, _)| !path.ends_with(".aifinops.bak")).collect();
    assert_eq!(left, before);
}

#[test]
fn a_file_that_cannot_be_used_fails_alone() {
    let home = Home::new();
    home.write(".claude/settings.json", "{ no");
    home.write(".gemini/settings.json", "{}");
    let installed = aifinops(&home, &["guard", "install", "--all"]);
    let told = String::from_utf8(installed.stdout).unwrap();
    assert_eq!(installed.status.code(), Some(1));
    assert!(told.contains("! claude-code:") && told.contains("nothing was changed") && told.contains("✓ gemini-cli"), "{told}");
    assert_eq!(home.read(".claude/settings.json").unwrap(), "{ no");
    let usage = aifinops(&home, &["guard", "install"]);
    assert_eq!(usage.status.code(), Some(2), "whom, must be said");
}

#[test]
fn a_hook_answers_only_what_it_must() {
    let hook = |agent: &str, question: &str, halt: Option<&str>| {
        let out = ask(&format!("'{BINARY}' hook {agent}"), question, halt);
        (out.status.code(), String::from_utf8(out.stdout).unwrap())
    };
    let prompt = json!({"session_id": "s", "hook_event_name": "UserPromptSubmit", "prompt": "x".repeat(6 << 20)}).to_string();
    assert_eq!(hook("claude-code", &prompt, None), (Some(0), String::new()));
    let (code, said) = hook("claude-code", &prompt, Some("stop \"now\""));
    assert_eq!((code, serde_json::from_str::<Value>(&said).unwrap()), (Some(0), json!({"decision": "block", "reason": "stop \"now\""})));
    for nonsense in ["", "no json", "[]", "{\"hook_event_name\": 7}", "{"] {
        assert_eq!(hook("gemini-cli", nonsense, Some("stop")), (Some(0), String::new()), "{nonsense}");
    }
    assert_eq!(hook("nobody", &prompt, Some("stop")).0, Some(1), "1 halts no agent");
    let event = hook("codex UserPromptSubmit", "{}", Some("stop"));
    assert!(event.1.contains("block"), "{event:?}");
}

#[test]
fn gemini_goes_on_when_our_program_has_gone() {
    let home = Home::new();
    fs::create_dir_all(home.path("bin dir")).unwrap();
    let program = home.path("bin dir/aifinops");
    fs::copy(BINARY, &program).unwrap();
    home.install_from(&program.to_string_lossy(), super::guard("gemini-cli"));
    let commands = commands(&home.read(".gemini/settings.json").unwrap());
    assert_eq!(commands.len(), 2);
    for command in &commands {
        let said = ask(command, "{\"hook_event_name\": \"BeforeModel\"}", Some("stop"));
        assert!(said.status.success() && !said.stdout.is_empty(), "{command}");
    }
    fs::remove_file(&program).unwrap();
    for command in &commands {
        let said = ask(command, "{\"hook_event_name\": \"BeforeModel\"}", Some("stop"));
        assert_eq!((said.status.code(), said.stdout.len()), (Some(0), 0), "Gemini refuses every prompt at 127");
    }
}

/// The plugin of `OpenCode` in another runtime of JavaScript, with a client that writes down what is asked of it.
#[test]
fn opencode_s_plugin_aborts_where_it_must_and_never_stands_in_the_way() {
    let works = |command: &str| Command::new(command).arg("--version").output().is_ok_and(|out| out.status.success());
    let Some(runtime) = ["node", "bun"].into_iter().find(|command| works(command)) else {
        eprintln!("no runtime of JavaScript here; the plugin was not run");
        return;
    };
    let home = Home::new();
    let run = |binary: &Path, halt: Option<&str>, abort: &str| {
        home.install_from(&binary.to_string_lossy(), super::guard("opencode"));
        let plugin = home.read(".config/opencode/plugin/aifinops.js").unwrap();
        home.write("p/plugin.mjs", &plugin);
        let script = format!(
            "import {{ Aifinops }} from './plugin.mjs'\nconst calls = []\nconst client = {{ session: {{ abort: async (what) => {{ calls.push(['abort', what.path.id]); {abort} }} }}, tui: {{ showToast: async (what) => {{ calls.push(['toast', what.body.message]) }} }} }}\nconst hooks = await Aifinops({{ client, directory: '/w' }})\ntry {{ await hooks['chat.params']({{ sessionID: 'ses_1', agent: 'build' }}, {{}}) }} catch (e) {{ calls.push(['threw', e.message]) }}\nconsole.log(JSON.stringify(calls))\n"
        );
        home.write("p/run.mjs", &script);
        let mut command = Command::new(runtime);
        command.arg(home.path("p/run.mjs")).env_remove("AIFINOPS_HOOK_HALT");
        if let Some(text) = halt {
            command.env("AIFINOPS_HOOK_HALT", text);
        }
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        json_of(&out)
    };
    let good = "return { data: true }";
    assert_eq!(run(Path::new(BINARY), None, good), json!([]));
    assert_eq!(run(Path::new(BINARY), Some("stop"), good), json!([["abort", "ses_1"], ["toast", "stop"]]));
    assert_eq!(
        run(Path::new(BINARY), Some("stop"), "throw new Error('gone')"),
        json!([["abort", "ses_1"], ["toast", "stop"], ["threw", "stop"]])
    );
    assert_eq!(run(Path::new("/nowhere/aifinops"), Some("stop"), good), json!([]));
    assert_eq!(run(Path::new("/bin/cat"), Some("stop"), good), json!([]), "a program that says something else");
}
