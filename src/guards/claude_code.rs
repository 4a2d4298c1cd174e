//! Claude Code: hooks in `settings.json`.
//!
//! **Events.** `UserPromptSubmit` before a prompt's first call; `PostToolBatch` after the tools of a call and before the
//! next one, once per call however many tools it asked for, and also for tools that failed, were refused or do not
//! exist. Both also inside subagents. Claude Code starts tools while the answer still streams, so at `PreToolUse` and
//! `PostToolUse` the call may not have ended; at `PostToolBatch` it has.
//!
//! **The transcript** is written by a timer: the call is in it 70 to 100 ms after its answer has ended (2.1.197), so a
//! batch of quick tools is asked about before its call can be read. [`Ask::tool_use`] says what to wait for. A
//! subagent's own transcript is written at once.
//!
//! **Answers.** `{"decision":"block"}` refuses a prompt, `{"continue":false}` ends the turn; with both no further call
//! was made by 2.1.197 and 2.1.330. Refusing a tool ends nothing.
//!
//! **Older releases** skip a whole settings file for one event they do not know (issue 85 of farouqaldori/vibe-notch:
//! "Files with errors are skipped entirely"). `PostToolBatch` is written only for a release that is known to have it;
//! all others get `PreToolUse` and `PostToolUse`, which every release with hooks knows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use super::hooks::Hooks;
use super::settings::{Dialect, Document};
use super::{Ask, Guard, GuardError, Moment, Plan, Reply, Sample, Site, State, Status, Verdict, ask, command, file, process};
use crate::model::AgentId;
use crate::sources::claude_code::AGENT;

/// The events of releases that have `PostToolBatch`.
const EVENTS: &[&str] = &["UserPromptSubmit", "PostToolBatch"];

/// The events of all releases.
const OLDER_EVENTS: &[&str] = &["UserPromptSubmit", "PreToolUse", "PostToolUse"];

/// The first release whose documentation names `PostToolBatch`; it ignores events that it does not know.
const BATCHES_SINCE: (u32, u32, u32) = (2, 1, 152);

/// Settings that an administrator has written, which win over everybody's.
const MANAGED: [&str; 2] = ["/etc/claude-code/managed-settings.json", "/Library/Application Support/ClaudeCode/managed-settings.json"];

/// The guard.
pub struct ClaudeCode;

impl ClaudeCode {
    fn hooks<'a>(site: &Site<'a>, events: &'static [&'static str]) -> Hooks<'a> {
        Hooks {
            agent: AGENT,
            file: site.dir("CLAUDE_CONFIG_DIR", ".claude").join("settings.json"),
            dialect: Dialect::Strict,
            binary: site.binary,
            command: command::plain(site.binary, AGENT),
            timeout: command::PATIENCE_SECONDS,
            name: None,
            events,
        }
    }

    /// The set that is installed: either does, whatever the release.
    fn installed<'a>(site: &Site<'a>) -> (Hooks<'a>, State) {
        let (hooks, older) = (ClaudeCode::hooks(site, EVENTS), ClaudeCode::hooks(site, OLDER_EVENTS));
        match (hooks.state(), older.state()) {
            (State::Stale(_), State::Installed) => (older, State::Installed),
            (state, _) => (hooks, state),
        }
    }
}

impl Guard for ClaudeCode {
    fn agent(&self) -> AgentId {
        AGENT
    }

    fn install(&self, site: &Site<'_>) -> Result<Plan, GuardError> {
        let events = if version(site).is_some_and(|version| version >= BATCHES_SINCE) { EVENTS } else { OLDER_EVENTS };
        let mut plan = Plan::default();
        plan.push(ClaudeCode::hooks(site, events).install()?);
        Ok(plan)
    }

    fn uninstall(&self, site: &Site<'_>) -> Result<Plan, GuardError> {
        let mut plan = Plan::default();
        plan.push(ClaudeCode::hooks(site, EVENTS).uninstall()?);
        Ok(plan)
    }

    fn status(&self, site: &Site<'_>) -> Status {
        let (hooks, state) = ClaudeCode::installed(site);
        let dir = hooks.file.parent().unwrap_or(Path::new("/"));
        let state = match state {
            State::NotInstalled if !dir.is_dir() && site.program("claude").is_none() => State::Absent,
            State::Installed => switched_off(&hooks.file, &MANAGED.map(PathBuf::from)).map_or(State::Installed, State::Disabled),
            state => state,
        };
        Status { file: hooks.file, state }
    }

    fn read(&self, event: Option<&str>, stdin: &[u8]) -> Result<Ask, GuardError> {
        let fields = ask::fields(event, stdin)?;
        let mut ask = fields.ask;
        ask.moment = match event.or(fields.event.as_deref()) {
            Some("UserPromptSubmit") => Moment::Prompt,
            Some("PreToolUse" | "PostToolUse" | "PostToolBatch") => Moment::Step,
            _ => Moment::Other,
        };
        if let (Some(session), Some(agent)) = (&ask.transcript, &ask.subagent) {
            // A subagent's calls are in its own file, beside the session's; before 2.1.2 they were in the session's.
            let own = session.with_extension("").join("subagents").join(format!("agent-{agent}.jsonl"));
            if !agent.contains(['/', '\\']) && own.is_file() {
                ask.transcript = Some(own);
            }
        }
        Ok(ask)
    }

    fn speak(&self, ask: &Ask, verdict: Verdict<'_>) -> Reply {
        match (verdict, ask.moment) {
            (Verdict::Halt(text), Moment::Prompt) => Reply::json(&json!({"decision": "block", "reason": text})),
            // Alone: beside a refusal of the tool, 2.1.197 goes on.
            (Verdict::Halt(text), Moment::Step) => Reply::json(&json!({"continue": false, "stopReason": text})),
            _ => Reply::default(),
        }
    }

    fn samples(&self, site: &Site<'_>) -> Vec<Sample> {
        ClaudeCode::installed(site).0.samples()
    }
}

/// Whether a settings file has hooks of ours.
pub(super) fn has_hooks(site: &Site<'_>, document: &Document) -> bool {
    !ClaudeCode::hooks(site, EVENTS).ours(document).is_empty()
}

/// Why neither a hook nor a status line of the user's settings runs; `None` when they do.
pub(super) fn hooks_off(site: &Site<'_>) -> Option<String> {
    switched_off(&ClaudeCode::hooks(site, EVENTS).file, &MANAGED.map(PathBuf::from))
}

/// Why no hook of a user's settings runs; `None` when they do. Settings of projects are not looked at: which project an
/// agent will run in is not known here.
fn switched_off(user: &Path, managed: &[PathBuf]) -> Option<String> {
    let is_set = |file: &Path, key: &str| {
        let text = file::read(file).ok().flatten()?;
        let value: Value = serde_json::from_str(&text).ok()?;
        (value.get(key)? == &Value::Bool(true)).then(|| format!("`{key}` is set in {}", file.display()))
    };
    let everywhere = managed.iter().find_map(|file| is_set(file, "allowManagedHooksOnly").or_else(|| is_set(file, "disableAllHooks")));
    everywhere.or_else(|| is_set(user, "disableAllHooks"))
}

/// The release on the search path.
fn version(site: &Site<'_>) -> Option<(u32, u32, u32)> {
    let program = site.program("claude")?;
    let mut command = Command::new(program);
    command.arg("--version");
    if let Some(path) = (site.places.env)("PATH") {
        command.env("PATH", path);
    }
    parse_version(&process::output_of(&mut command, Duration::from_secs(10))?)
}

/// `2.1.197 (Claude Code)`.
fn parse_version(text: &str) -> Option<(u32, u32, u32)> {
    let mut parts = text.split_whitespace().next()?.split('.');
    let mut next = || parts.next()?.parse().ok();
    Some((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_numbers() {
        assert_eq!(parse_version("2.1.197 (Claude Code)\n"), Some((2, 1, 197)));
        assert!(parse_version("2.1.99 (Claude Code)").unwrap() < BATCHES_SINCE);
        assert_eq!(parse_version("command not found"), None);
    }

    #[test]
    fn an_administrator_s_switch_is_found_first() {
        let dir = tempfile::tempdir().unwrap();
        let (user, managed) = (dir.path().join("settings.json"), dir.path().join("managed.json"));
        assert_eq!(switched_off(&user, std::slice::from_ref(&managed)), None);
        std::fs::write(&user, r#"{"disableAllHooks": true}"#).unwrap();
        assert!(switched_off(&user, std::slice::from_ref(&managed)).unwrap().contains("disableAllHooks"));
        std::fs::write(&managed, r#"{"allowManagedHooksOnly": true}"#).unwrap();
        assert!(switched_off(&user, &[managed]).unwrap().contains("allowManagedHooksOnly"));
    }
}
