//! What Codex itself says about its hooks: `codex app-server`, JSON-RPC by lines, `hooks/list`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::{Value, json};

use crate::guards::State;

/// Starting takes under a second; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(15);

/// How Codex sees the hooks with this command; `None` when it does not say.
pub(super) fn listed(program: &Path, home: &Path, codex_home: &Path, command: &str, expected: usize) -> Option<State> {
    let mut server = Command::new(program)
        .arg("app-server")
        .env("HOME", home)
        .env("CODEX_HOME", codex_home)
        .current_dir(codex_home)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let answer = ask(&mut server, codex_home);
    let _ = server.kill();
    let _ = server.wait();
    judge(&answer?, command, expected)
}

fn ask(server: &mut Child, cwd: &Path) -> Option<Value> {
    let (mut stdin, stdout) = (server.stdin.take()?, server.stdout.take()?);
    let client = json!({"name": "aifinops", "title": "aifinops", "version": env!("CARGO_PKG_VERSION")});
    let requests = [
        json!({"id": 1, "method": "initialize", "params": {"clientInfo": client}}),
        json!({"method": "initialized"}),
        json!({"id": 2, "method": "hooks/list", "params": {"cwds": [cwd]}}),
    ];
    let (tell, told) = mpsc::sync_channel(1);
    // Ends with the server's output, which ends with the server.
    std::thread::spawn(move || {
        let answers = BufReader::new(stdout).lines().map_while(Result::ok).filter_map(|line| serde_json::from_str::<Value>(&line).ok());
        if let Some(answer) = answers.into_iter().find(|answer| answer.get("id") == Some(&json!(2))) {
            let _ = tell.send(answer);
        }
    });
    for request in requests {
        writeln!(stdin, "{request}").ok()?;
    }
    stdin.flush().ok()?;
    told.recv_timeout(PATIENCE).ok()
}

fn judge(answer: &Value, command: &str, expected: usize) -> Option<State> {
    let places = answer.pointer("/result/data")?.as_array()?;
    let hooks = places.iter().filter_map(|place| place.get("hooks")?.as_array()).flatten();
    let ours: Vec<&Value> = hooks.filter(|hook| hook.get("command").and_then(Value::as_str) == Some(command)).collect();
    if ours.len() < expected {
        return Some(State::Broken(format!("Codex lists {} of its {expected} hooks", ours.len())));
    }
    if ours.iter().any(|hook| hook.get("enabled") == Some(&Value::Bool(false))) {
        return Some(State::Disabled("Codex says that it is disabled".to_owned()));
    }
    let is_trusted = |hook: &&Value| {
        hook.get("isManaged") == Some(&Value::Bool(true)) || hook.get("trustStatus").and_then(Value::as_str) == Some("trusted")
    };
    if ours.iter().all(is_trusted) {
        return Some(State::Installed);
    }
    Some(State::Untrusted("Codex says that it is not trusted".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_codex_says_is_understood() {
        let answer = |status: &str, enabled: bool| {
            let hook = json!({"command": "c", "enabled": enabled, "isManaged": false, "trustStatus": status});
            json!({"id": 2, "result": {"data": [{"cwd": "/", "hooks": [hook, {"command": "other", "trustStatus": "untrusted"}]}]}})
        };
        assert_eq!(judge(&answer("trusted", true), "c", 1), Some(State::Installed));
        assert!(matches!(judge(&answer("untrusted", true), "c", 1), Some(State::Untrusted(_))));
        assert!(matches!(judge(&answer("trusted", false), "c", 1), Some(State::Disabled(_))));
        assert!(matches!(judge(&answer("trusted", true), "c", 2), Some(State::Broken(_))));
        assert_eq!(judge(&json!({"id": 2, "error": {"message": "no such method"}}), "c", 1), None);
    }
}
