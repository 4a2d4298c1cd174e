//! Gemini CLI: hooks in `settings.json`, where comments may stand.
//!
//! **Events.** `BeforeAgent` before a prompt's first call, `BeforeModel` before every call. At `BeforeModel` the last
//! call is in the session's log with its tokens, always (0.61.0): the gate that every agent should have. `AfterModel`
//! comes with every piece of an answer and is not used.
//!
//! **Answers.** `{"decision":"deny"}` refuses a prompt, `{"continue":false}` ends the turn; no further call was made.
//! Any exit code but 0 and 1 refuses, too: a shell that does not find our program (127) would refuse every prompt, so
//! the command looks for it first.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::hooks::Hooks;
use super::settings::Dialect;
use super::{Ask, Guard, GuardError, Moment, Plan, Reply, Sample, Site, State, Status, Verdict, ask, command, file};
use crate::model::AgentId;

/// The name used everywhere.
pub const AGENT: AgentId = "gemini-cli";

/// The name under which Gemini's `/hooks` lists it.
const NAME: &str = "aifinops";

const EVENTS: &[&str] = &["BeforeAgent", "BeforeModel"];

/// Settings that an administrator has written, which win over the user's.
const SYSTEM: [&str; 2] = ["/etc/gemini-cli/settings.json", "/Library/Application Support/GeminiCli/settings.json"];

/// The guard.
pub struct GeminiCli;

impl GeminiCli {
    fn hooks<'a>(site: &Site<'a>) -> Hooks<'a> {
        let home = (site.places.env)("GEMINI_CLI_HOME").map_or_else(|| site.places.home.to_path_buf(), PathBuf::from);
        Hooks {
            agent: AGENT,
            file: home.join(".gemini/settings.json"),
            dialect: Dialect::Comments,
            binary: site.binary,
            command: command::guarded(site.binary, AGENT),
            // In milliseconds.
            timeout: command::PATIENCE_SECONDS * 1000,
            name: Some(NAME),
            events: EVENTS,
        }
    }
}

impl Guard for GeminiCli {
    fn agent(&self) -> AgentId {
        AGENT
    }

    fn install(&self, site: &Site<'_>) -> Result<Plan, GuardError> {
        let mut plan = Plan::default();
        plan.push(GeminiCli::hooks(site).install()?);
        Ok(plan)
    }

    fn uninstall(&self, site: &Site<'_>) -> Result<Plan, GuardError> {
        let mut plan = Plan::default();
        plan.push(GeminiCli::hooks(site).uninstall()?);
        Ok(plan)
    }

    fn status(&self, site: &Site<'_>) -> Status {
        let hooks = GeminiCli::hooks(site);
        let dir = hooks.file.parent().unwrap_or(Path::new("/"));
        let state = match hooks.state() {
            State::NotInstalled if !dir.is_dir() && site.program("gemini").is_none() => State::Absent,
            State::Installed => switched_off(&hooks).map_or(State::Installed, State::Disabled),
            state => state,
        };
        Status { file: hooks.file, state }
    }

    fn read(&self, event: Option<&str>, stdin: &[u8]) -> Result<Ask, GuardError> {
        let fields = ask::fields(event, stdin)?;
        let mut ask = fields.ask;
        ask.moment = match event.or(fields.event.as_deref()) {
            Some("BeforeAgent") => Moment::Prompt,
            Some("BeforeModel") => Moment::Step,
            _ => Moment::Other,
        };
        Ok(ask)
    }

    fn speak(&self, ask: &Ask, verdict: Verdict<'_>) -> Reply {
        match (verdict, ask.moment) {
            (Verdict::Halt(text), Moment::Prompt) => Reply::json(&json!({"decision": "deny", "reason": text})),
            (Verdict::Halt(text), Moment::Step) => Reply::json(&json!({"continue": false, "stopReason": text})),
            _ => Reply::default(),
        }
    }

    fn samples(&self, site: &Site<'_>) -> Vec<Sample> {
        GeminiCli::hooks(site).samples()
    }
}

/// Why Gemini does not run our hook; `None` when it does.
fn switched_off(hooks: &Hooks<'_>) -> Option<String> {
    let files = SYSTEM.iter().map(PathBuf::from).chain([hooks.file.clone()]);
    files.into_iter().find_map(|file| {
        let text = file::read(&file).ok().flatten()?;
        let document = hooks.document(Some(&text)).ok().flatten()?;
        let config = document.value_at(&["hooksConfig"])?;
        if config.get("enabled") == Some(&Value::Bool(false)) {
            return Some(format!("`hooksConfig.enabled` is false in {}", file.display()));
        }
        let disabled = config.get("disabled").and_then(Value::as_array)?;
        let is_ours = |entry: &Value| entry.as_str().is_some_and(|entry| entry == NAME || entry == hooks.command);
        disabled.iter().any(is_ours).then(|| format!("`hooksConfig.disabled` names it in {}", file.display()))
    })
}
