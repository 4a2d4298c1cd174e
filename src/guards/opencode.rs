//! `OpenCode`: a plugin of ours in its configuration.
//!
//! **Event.** `chat.params` comes before every model call, also before those for titles and in subagents, and at that
//! time the last call is in the database with its tokens, always (1.18.33). At `tool.execute.before` and `.after` it is
//! not. One question per call covers new prompts and running loops alike.
//!
//! **Answer.** The plugin aborts the session; the call is not made. `OpenCode` says "Aborted" and the plugin says why. A
//! plugin that throws instead makes "Unexpected server error" of it.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::file::{self, Edit};
use super::{Ask, Guard, GuardError, Moment, Plan, Reply, Sample, Site, State, Status, Verdict, ask, command};
use crate::model::AgentId;

/// The name used everywhere.
pub const AGENT: AgentId = "opencode";

/// The plugin; the program's path is put in for the placeholder.
const PLUGIN: &str = include_str!("opencode.js");

/// A string of JavaScript with the placeholder.
const PLACEHOLDER: &str = "\"@BINARY@\"";

/// The first line of every version of it: what it is known by.
const MARK: &str = "// The guard of `aifinops` for OpenCode";

/// The guard.
pub struct OpenCode;

impl OpenCode {
    fn config(site: &Site<'_>) -> PathBuf {
        let below = |dir: PathBuf| dir.join("opencode");
        (site.places.env)("XDG_CONFIG_HOME").map_or_else(|| below(site.places.home.join(".config")), |dir| below(PathBuf::from(dir)))
    }

    fn file(site: &Site<'_>) -> PathBuf {
        OpenCode::config(site).join("plugin/aifinops.js")
    }

    fn is_here(site: &Site<'_>) -> bool {
        let data = site.places.home.join(".local/share/opencode");
        OpenCode::config(site).is_dir() || data.is_dir() || site.program("opencode").is_some()
    }
}

/// The plugin that asks this program.
fn plugin(binary: &Path) -> String {
    // A string of JSON is one of JavaScript.
    PLUGIN.replace(PLACEHOLDER, &Value::from(binary.to_string_lossy()).to_string())
}

impl Guard for OpenCode {
    fn agent(&self) -> AgentId {
        AGENT
    }

    fn install(&self, site: &Site<'_>) -> Result<Plan, GuardError> {
        let (path, after) = (OpenCode::file(site), plugin(site.binary));
        let before = file::read(&path)?;
        let backup = before.as_ref().is_some_and(|text| !text.starts_with(MARK));
        let mut plan = Plan::default();
        plan.push(Edit { path, before, after: Some(after), backup });
        Ok(plan)
    }

    fn uninstall(&self, site: &Site<'_>) -> Result<Plan, GuardError> {
        let path = OpenCode::file(site);
        let before = file::read(&path)?;
        let mut plan = Plan::default();
        if before.as_ref().is_some_and(|text| text.starts_with(MARK)) {
            // A file of somebody else's under our name comes back.
            plan.push(Edit { after: file::backup(&path), path, before, backup: false });
        }
        Ok(plan)
    }

    fn status(&self, site: &Site<'_>) -> Status {
        let path = OpenCode::file(site);
        let state = match file::read(&path) {
            Err(error) => State::Broken(error.to_string()),
            Ok(Some(text)) if text == plugin(site.binary) => State::Installed,
            Ok(Some(text)) if text.starts_with(MARK) => State::Stale("it is another version's or another program's".to_owned()),
            Ok(_) if OpenCode::is_here(site) => State::NotInstalled,
            Ok(_) => State::Absent,
        };
        let state = match (state, (site.places.env)("OPENCODE_PURE")) {
            (State::Installed, Some(_)) => State::Disabled("`OPENCODE_PURE` switches plugins off".to_owned()),
            (state, _) => state,
        };
        Status { file: path, state }
    }

    fn read(&self, event: Option<&str>, stdin: &[u8]) -> Result<Ask, GuardError> {
        let fields = ask::fields(event, stdin)?;
        let mut ask = fields.ask;
        ask.moment = match event.or(fields.event.as_deref()) {
            Some("chat.params") => Moment::Step,
            _ => Moment::Other,
        };
        Ok(ask)
    }

    fn speak(&self, ask: &Ask, verdict: Verdict<'_>) -> Reply {
        match (verdict, ask.moment) {
            (Verdict::Halt(text), Moment::Prompt | Moment::Step) => Reply::json(&json!({"halt": true, "text": text})),
            _ => Reply::default(),
        }
    }

    fn samples(&self, site: &Site<'_>) -> Vec<Sample> {
        let question = json!({"session_id": "self-test", "cwd": "/", "hook_event_name": "chat.params", "agent": "build"});
        vec![Sample { event: "chat.params", command: command::plain(site.binary, AGENT), stdin: question.to_string().into_bytes() }]
    }
}
