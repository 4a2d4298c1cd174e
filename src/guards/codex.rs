//! Codex CLI: hooks in `hooks.json`, trusted in `config.toml`.
//!
//! **Events.** `UserPromptSubmit` before a prompt's first call, `PostToolUse` after each tool, also after failed ones and
//! for the tools that a model uses from code. A model that asks for nothing but tools that do not exist, or runs code
//! without tools, is asked about at the next prompt only.
//!
//! **The rollout.** Since 0.169 a `token_usage_record` follows the call's own records, before its tools run: at
//! `PostToolUse` it is there unless the tool was done before the answer had ended. Releases without it write
//! `token_count` after the tools and their hooks, so they are one call late.
//!
//! **Answers.** `{"decision":"block"}` refuses a prompt. No answer ends a running turn: `continue: false` only replaces
//! what the tool said. So the Codex process that runs the turn is interrupted; no further call was made by 0.169, and the
//! session can be resumed. In `codex exec` that is the process itself. On the screen it is a server behind it (0.169:
//! `app-server-daemon`), which several screens may share: it ends its turns' hooks and tools first at one signal, and one
//! more call is made; at a second one it ends. The screen then says "Reconnecting to server…".
//!
//! **Trust.** Codex passes over hooks that nobody has trusted, without a word (see `codex/trust.rs`).

use std::path::{Path, PathBuf};

use serde_json::json;

use super::file::Edit;
use super::hooks::Hooks;
use super::settings::Dialect;
use super::{Ask, Guard, GuardError, Moment, Plan, Reply, Sample, Site, State, Status, Verdict, ask, command, file, process};
use crate::model::AgentId;
use crate::sources::codex::AGENT;

mod server;
mod trust;

const EVENTS: &[&str] = &["UserPromptSubmit", "PostToolUse"];

/// The name of the process.
const PROCESS: &str = "codex";

/// The guard.
pub struct Codex;

impl Codex {
    fn home(site: &Site<'_>) -> PathBuf {
        site.dir("CODEX_HOME", ".codex")
    }

    fn hooks<'a>(site: &Site<'a>) -> Hooks<'a> {
        Hooks {
            agent: AGENT,
            file: Codex::home(site).join("hooks.json"),
            dialect: Dialect::Strict,
            binary: site.binary,
            command: command::plain(site.binary, AGENT),
            timeout: command::PATIENCE_SECONDS,
            name: None,
            events: EVENTS,
        }
    }

    /// The trust that a `hooks.json` of this text needs.
    fn trust(hooks: &Hooks<'_>, text: Option<&str>) -> Result<Vec<trust::Entry>, GuardError> {
        let ours = hooks.document(text)?.map(|document| hooks.ours(&document)).unwrap_or_default();
        Ok(trust::entries(&hooks.file, &ours))
    }

    /// The change of `config.toml` that a change of `hooks.json` needs: ours are trusted, and others stay trusted where they have moved.
    fn trusting(site: &Site<'_>, hooks: &Hooks<'_>, edit: &Edit) -> Result<Edit, GuardError> {
        let (old, new) = (Codex::trust(hooks, edit.before.as_deref())?, Codex::trust(hooks, edit.after.as_deref())?);
        let documents = hooks.document(edit.before.as_deref())?.zip(hooks.document(edit.after.as_deref())?);
        let moves = documents.map(|(before, after)| hooks.moves(&before, &after)).unwrap_or_default();
        trust::edit(&Codex::home(site).join("config.toml"), &trust::Change { old, new, moves: trust::keys(&hooks.file, &moves) })
    }
}

impl Guard for Codex {
    fn agent(&self) -> AgentId {
        AGENT
    }

    fn install(&self, site: &Site<'_>) -> Result<Plan, GuardError> {
        let hooks = Codex::hooks(site);
        let edit = hooks.install()?;
        let config = Codex::trusting(site, &hooks, &edit)?;
        let mut plan = Plan::default();
        plan.push(edit);
        plan.push(config);
        Ok(plan)
    }

    fn uninstall(&self, site: &Site<'_>) -> Result<Plan, GuardError> {
        let hooks = Codex::hooks(site);
        let edit = hooks.uninstall()?;
        let config = Codex::trusting(site, &hooks, &edit)?;
        let mut plan = Plan::default();
        plan.push(edit);
        plan.push(config);
        Ok(plan)
    }

    fn status(&self, site: &Site<'_>) -> Status {
        let hooks = Codex::hooks(site);
        let home = Codex::home(site);
        let state = match hooks.state() {
            State::NotInstalled if !home.is_dir() && site.program(PROCESS).is_none() => State::Absent,
            State::Installed => trusted(&hooks, &home),
            state => state,
        };
        Status { file: hooks.file, state }
    }

    fn read(&self, event: Option<&str>, stdin: &[u8]) -> Result<Ask, GuardError> {
        let fields = ask::fields(event, stdin)?;
        let mut ask = fields.ask;
        ask.moment = match event.or(fields.event.as_deref()) {
            Some("UserPromptSubmit") => Moment::Prompt,
            Some("PreToolUse" | "PostToolUse") => Moment::Step,
            _ => Moment::Other,
        };
        Ok(ask)
    }

    fn speak(&self, ask: &Ask, verdict: Verdict<'_>) -> Reply {
        match (verdict, ask.moment) {
            (Verdict::Halt(text), Moment::Prompt) => Reply::json(&json!({"decision": "block", "reason": text})),
            (Verdict::Halt(text), Moment::Step) => {
                let answer = Reply::json(&json!({"continue": false, "stopReason": text}));
                Reply { interrupt: process::ancestor(PROCESS), ..answer }
            }
            _ => Reply::default(),
        }
    }

    fn samples(&self, site: &Site<'_>) -> Vec<Sample> {
        Codex::hooks(site).samples()
    }

    fn second_opinion(&self, site: &Site<'_>) -> Option<State> {
        let hooks = Codex::hooks(site);
        server::listed(&site.program(PROCESS)?, site.places.home, &Codex::home(site), &hooks.command, EVENTS.len())
    }
}

/// Whether the hooks that are there will run.
fn trusted(hooks: &Hooks<'_>, home: &Path) -> State {
    let managed = file::read(Path::new("/etc/codex/requirements.toml")).ok().flatten();
    if managed.is_some_and(|text| trust::is_true(&text, &["allow_managed_hooks_only"])) {
        return State::Disabled("`allow_managed_hooks_only` is set in /etc/codex/requirements.toml".to_owned());
    }
    let config = home.join("config.toml");
    let text = match file::read(&config) {
        Ok(text) => text.unwrap_or_default(),
        Err(error) => return State::Broken(error.to_string()),
    };
    let entries = file::read(&hooks.file).and_then(|text| Codex::trust(hooks, text.as_deref()));
    entries.map_or_else(|error| State::Broken(error.to_string()), |entries| trust::state(&config, &text, &entries))
}
