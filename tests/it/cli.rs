//! The command line as its users meet it: the real binary, its output byte for byte, its exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

mod ahead;
mod contract;
mod doctor;
mod errors;
mod export;
mod hour;
mod modes;
mod papers;
mod settings;
mod statusline;
mod store;
mod tag;
mod top;
mod waste;
mod windows;

/// A home with handwritten logs, and a price list of one model so that every figure can be computed by hand:
/// `house` costs $3 in, $15 out, $0.30 from the cache, $3.75 into it.
struct Machine {
    dir: TempDir,
}

const FIRST: &str = "aaaa1111-0000-4000-8000-000000000001";
const SECOND: &str = "aaaa2222-0000-4000-8000-000000000002";
const HOSTILE: &str = "bbbb3333-0000-4000-8000-000000000003";
const CODEX: &str = "019e0000-0000-7000-8000-000000000004";

impl Machine {
    /// Nothing on it.
    fn empty() -> Machine {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("home")).unwrap();
        Machine { dir }
    }

    /// Two agents, two days, four sessions.
    fn new() -> Machine {
        let machine = Machine::empty();
        machine.write(
            "config.toml",
            "[prices]\nhouse = { input = \"3\", output = \"15\", cache_read = \"0.30\", cache_write_5m = \"3.75\" }\n",
        );
        let claude = "home/.claude/projects/-work-api";
        machine.write(
            &format!("{claude}/{FIRST}.jsonl"),
            &[
                prompt(FIRST, "p1", "2026-11-01T10:00:00.000Z", "/code/api"),
                answer(FIRST, "m1", "2026-11-01T10:00:05.000Z", "/code/api", "house", r#"{"type":"tool_use","id":"t1","name":"Bash","input":{}}"#),
                format!(
                    r#"{{"type":"user","sessionId":"{FIRST}","uuid":"r1","timestamp":"2026-11-01T10:00:07.000Z","cwd":"/code/api","gitBranch":"main","version":"2.1.80","toolUseResult":{{}},"message":{{"role":"user","content":[{{"type":"tool_result","tool_use_id":"t1","is_error":true,"content":"no"}}]}}}}"#
                ),
                answer(FIRST, "m2", "2026-11-01T10:00:09.000Z", "/code/api", "house", r#"{"type":"text","text":"done"}"#),
            ]
            .join("\n"),
        );
        machine.write(
            &format!("{claude}/{SECOND}.jsonl"),
            &[
                prompt(SECOND, "p2", "2026-11-02T23:40:00.000Z", "/code/api"),
                answer(SECOND, "m3", "2026-11-02T23:40:05.000Z", "/code/api", "nobody-knows-this", r#"{"type":"text","text":"hi"}"#),
            ]
            .join("\n"),
        );
        machine.write(&format!("home/.codex/sessions/2026/11/02/rollout-2026-11-02T12-00-00-{CODEX}.jsonl"), &codex());
        machine
    }

    /// One more session, whose log tries to drive the terminal.
    fn with_hostile_log(self) -> Machine {
        let (cwd, model) = (r"/code/e\u001b]0;owned\u0007vil\u202e", r"evil\u001b[31m\u009b");
        self.write(
            &format!("home/.claude/projects/-work-evil/{HOSTILE}.jsonl"),
            &[
                prompt(HOSTILE, "p9", "2026-11-01T09:00:00.000Z", cwd),
                answer(
                    HOSTILE,
                    "m9",
                    "2026-11-01T09:00:05.000Z",
                    cwd,
                    model,
                    r#"{"type":"tool_use","id":"t9","name":"B\u001bash","input":{}}"#,
                ),
                "\u{1b}[2J{not json".to_owned(),
            ]
            .join("\n"),
        );
        self
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("{}\n", text.trim_end())).unwrap();
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
        command.args(args).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("AIFINOPS_HOME", self.path("home")).env("AIFINOPS_DATA_DIR", self.path("data"));
        command.env("AIFINOPS_CONFIG", self.path("config.toml")).env("AIFINOPS_TIMEZONE", "UTC");
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        Run::of(self.command(args).output().unwrap())
    }

    /// Runs a command that must succeed and reads its JSON.
    fn json(&self, args: &[&str]) -> Value {
        let run = self.run(&[args, &["--json"]].concat());
        assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}");
        serde_json::from_str(&run.out).unwrap()
    }
}

/// What a command printed.
struct Run {
    code: i32,
    out: String,
    err: String,
}

impl Run {
    fn of(output: Output) -> Run {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Run { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The error object on standard error, and nothing else there.
    fn error(&self) -> Value {
        assert_eq!(self.out, "");
        let object: Value = serde_json::from_str(&self.err).unwrap();
        assert_eq!(object.as_object().unwrap().keys().collect::<Vec<_>>(), ["error"]);
        object["error"].clone()
    }
}

fn prompt(session: &str, id: &str, at: &str, cwd: &str) -> String {
    format!(
        r#"{{"type":"user","sessionId":"{session}","uuid":"{id}","parentUuid":null,"timestamp":"{at}","cwd":"{cwd}","gitBranch":"main","version":"2.1.80","message":{{"role":"user","content":"do it"}}}}"#
    )
}

/// One response: 1000 in, 5000 from the cache, 400 into it, 200 out.
fn answer(session: &str, id: &str, at: &str, cwd: &str, model: &str, block: &str) -> String {
    let stop = if block.contains("tool_use") { "tool_use" } else { "end_turn" };
    format!(
        r#"{{"type":"assistant","sessionId":"{session}","uuid":"u-{id}","requestId":"req-{id}","timestamp":"{at}","cwd":"{cwd}","gitBranch":"main","version":"2.1.80","message":{{"id":"msg-{id}","role":"assistant","model":"{model}","stop_reason":"{stop}","content":[{block}],"usage":{{"input_tokens":1000,"cache_read_input_tokens":5000,"cache_creation_input_tokens":400,"output_tokens":200}}}}}}"#
    )
}

/// A rollout of one task: 3000 in, of them 1000 from the cache; 500 out, of them 100 reasoning.
fn codex() -> String {
    [
        format!(
            r#"{{"timestamp":"2026-11-02T12:00:00.000Z","type":"session_meta","payload":{{"id":"{CODEX}","timestamp":"2026-11-02T12:00:00.000Z","cwd":"/code/web","originator":"codex-tui","cli_version":"0.140.0","source":"cli","git":{{"branch":"feat/x"}}}}}}"#
        ),
        r#"{"timestamp":"2026-11-02T12:00:01.000Z","type":"turn_context","payload":{"turn_id":"turn-1","cwd":"/code/web","model":"house"}}"#.to_owned(),
        r#"{"timestamp":"2026-11-02T12:00:01.500Z","type":"event_msg","payload":{"type":"user_message","message":"please"}}"#.to_owned(),
        r#"{"timestamp":"2026-11-02T12:00:04.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":3000,"cached_input_tokens":1000,"output_tokens":500,"reasoning_output_tokens":100,"total_tokens":3500},"last_token_usage":{"input_tokens":3000,"cached_input_tokens":1000,"output_tokens":500,"reasoning_output_tokens":100,"total_tokens":3500},"model_context_window":258400},"rate_limits":{"limit_id":"codex","primary":{"used_percent":10.5,"window_minutes":300,"resets_at":1793600000}}}}"#.to_owned(),
    ]
    .join("\n")
}

/// Whether a file is readable by its owner only.
fn is_private(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::metadata(path).unwrap().permissions().mode() & 0o777 == 0o600
    }
    #[cfg(not(unix))]
    path.exists()
}
