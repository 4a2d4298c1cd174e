//! What sessions were for: rules, tags and parents; reports by them; experiments with budgets.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use chrono::{SecondsFormat, Utc};
use serde_json::Value;
use tempfile::TempDir;

mod commands;
mod experiments;
mod family;
mod report;
mod rules;

/// Of three projects: a session with a subagent and a fork on a ticket's branch, one of Codex with a remote, and one that no
/// rule knows.
const MAIN: &str = "aaaa1111-0000-4000-8000-000000000001";
const FORK: &str = "aaaa2222-0000-4000-8000-000000000002";
const OTHER: &str = "bbbb3333-0000-4000-8000-000000000003";
const CODEX: &str = "019e0000-0000-7000-8000-000000000004";

/// `house` costs $10 per million tokens in; every call here has 100,000 of them: a dollar.
const PRICES: &str = "[prices]\nhouse = { input = \"10\", output = \"10\" }\n";

struct Machine {
    dir: TempDir,
}

impl Machine {
    /// A machine with these settings; its prices come after them.
    fn new(config: &str) -> Machine {
        let machine = Machine { dir: tempfile::tempdir().unwrap() };
        machine.configure(config);
        let claude = "home/.claude/projects/-code-shop";
        machine.write(
            &format!("{claude}/{MAIN}.jsonl"),
            &[call(MAIN, "m1", 1, "shop", "feat/PAY-7-refunds"), call(MAIN, "m2", 2, "shop", "feat/PAY-7-refunds")],
        );
        let side = call(MAIN, "m3", 3, "shop", "other/BUG-9").replace("\"isSidechain\":false", "\"isSidechain\":true,\"agentId\":\"a7\"");
        machine.write(&format!("{claude}/{MAIN}/subagents/agent-a7.jsonl"), &[side]);
        machine.write(
            "home/.claude/projects/-code-notes/bbbb3333-0000-4000-8000-000000000003.jsonl",
            &[call(OTHER, "m4", 4, "notes", "main")],
        );
        machine.write(&format!("home/.codex/sessions/2026/11/02/rollout-2026-11-02T12-00-00-{CODEX}.jsonl"), &codex(None));
        machine
    }

    fn configure(&self, config: &str) {
        fs::write(self.path("config.toml"), format!("{config}\n{PRICES}")).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, lines: &[String]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{}\n", lines.join("\n"))).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
        command.args(args).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("USER", "me");
        command.env("AIFINOPS_HOME", self.path("home")).env("AIFINOPS_DATA_DIR", self.path("data"));
        command.env("AIFINOPS_CONFIG", self.path("config.toml")).env("AIFINOPS_TIMEZONE", "UTC");
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What a command prints that must succeed without a word on standard error.
    fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).as_ref()), (Some(0), ""), "{args:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn json(&self, args: &[&str]) -> Value {
        serde_json::from_str(&self.ok(&[args, &["--json"]].concat())).unwrap()
    }

    /// The `dimensions` of a session that have a value.
    fn labels(&self, session: &str) -> String {
        let found = self.json(&["session", session])["dimensions"].clone();
        let names = ["team", "feature", "customer", "environment", "experiment"];
        assert_eq!(found.as_object().unwrap().len(), names.len());
        let values = names.iter().filter_map(|name| Some(format!("{name}={}", found[name].as_str()?)));
        values.collect::<Vec<_>>().join(" ")
    }

    /// What the hook of an agent answers at a prompt. One that had no time left, on a machine that is busy with other
    /// tests, lets go whatever was spent: it is asked again.
    fn ask(&self, agent: &str, session: &str, cwd: &str, env: &[(&str, &str)]) -> String {
        let late = || fs::read_to_string(self.path("data/aifinops.log")).unwrap_or_default().matches("no answer within").count();
        let begun = std::time::Instant::now();
        while begun.elapsed() < std::time::Duration::from_mins(1) {
            let before = late();
            let answer = self.ask_once(agent, session, cwd, env);
            if late() == before {
                return answer;
            }
            std::thread::sleep(std::time::Duration::from_millis(100));
        }
        panic!("no answer in time for a minute");
    }

    fn ask_once(&self, agent: &str, session: &str, cwd: &str, env: &[(&str, &str)]) -> String {
        let mut command = self.command(&["hook", agent]);
        command.envs(env.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let question = serde_json::json!({"hook_event_name": "UserPromptSubmit", "session_id": session, "cwd": cwd});
        child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// A call of Claude Code's that costs a dollar, some minutes ago.
fn call(session: &str, id: &str, minutes: i64, project: &str, branch: &str) -> String {
    let at = (Utc::now() - chrono::Duration::minutes(30 - minutes)).to_rfc3339_opts(SecondsFormat::Millis, true);
    format!(
        r#"{{"type":"assistant","isSidechain":false,"sessionId":"{session}","uuid":"u-{id}","requestId":"req-{id}","timestamp":"{at}","cwd":"/code/{project}","gitBranch":"{branch}","version":"2.1.80","message":{{"id":"msg-{id}","role":"assistant","model":"house","stop_reason":"end_turn","content":[{{"type":"text","text":"x"}}],"usage":{{"input_tokens":100000,"output_tokens":0}}}}}}"#
    )
}

/// A rollout of one call that costs a dollar; in a repository whose address has a password in it.
fn codex(remote: Option<&str>) -> Vec<String> {
    let at = |seconds: i64| (Utc::now() - chrono::Duration::seconds(900 - seconds)).to_rfc3339_opts(SecondsFormat::Millis, true);
    let remote = remote.unwrap_or("https://bot:hunter2@github.com/acme/web.git");
    let usage = r#"{"input_tokens":100000,"cached_input_tokens":0,"output_tokens":0,"reasoning_output_tokens":0,"total_tokens":100000}"#;
    vec![
        format!(
            r#"{{"timestamp":"{0}","type":"session_meta","payload":{{"id":"{CODEX}","timestamp":"{0}","cwd":"/code/web","originator":"codex-tui","cli_version":"0.140.0","source":"cli","git":{{"commit_hash":"c","branch":"main","repository_url":"{remote}"}}}}}}"#,
            at(0)
        ),
        format!(r#"{{"timestamp":"{}","type":"turn_context","payload":{{"turn_id":"turn-1","cwd":"/code/web","model":"house"}}}}"#, at(1)),
        format!(r#"{{"timestamp":"{}","type":"event_msg","payload":{{"type":"user_message","message":"please"}}}}"#, at(2)),
        format!(
            r#"{{"timestamp":"{}","type":"event_msg","payload":{{"type":"token_count","info":{{"total_token_usage":{usage},"last_token_usage":{usage},"model_context_window":258400}}}}}}"#,
            at(3)
        ),
    ]
}

/// Whether any file below a directory holds these bytes.
fn holds(dir: &Path, bytes: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() { holds(&path, bytes) } else { fs::read(&path).unwrap().windows(bytes.len()).any(|part| part == bytes.as_bytes()) }
    })
}
