//! `guard status`: which agents ask before they spend.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::cli::table::{Column, Table};
use crate::guards::{Guard, Site, State, Status};
use crate::model::text::clean;

use super::{AgentsArgs, chosen};

/// A guard as JSON tells it.
#[derive(Debug, Clone, Serialize)]
pub struct GuardJson {
    /// The agent.
    pub agent: &'static str,
    /// `installed`, `not_installed`, `absent`, `stale`, `untrusted`, `disabled` or `broken`.
    pub state: &'static str,
    /// Why it is so, where there is more to say.
    pub why: Option<String>,
    /// The file that makes the agent ask.
    pub file: String,
}

impl GuardJson {
    /// Of a guard that stands so.
    #[must_use]
    pub fn of(guard: &dyn Guard, status: &Status) -> GuardJson {
        let file = clean(&status.file.display().to_string());
        GuardJson { agent: guard.agent(), state: status.state.word(), why: status.state.why().map(clean), file }
    }
}

/// The state in words for people.
#[must_use]
pub fn words(state: &State) -> String {
    let word = match state {
        State::Absent => "no such agent here",
        State::NotInstalled => "not installed",
        State::Installed => "✓ installed",
        State::Stale(_) => "! stale",
        State::Untrusted(_) => "! not trusted",
        State::Disabled(_) => "! disabled",
        State::Broken(_) => "! broken",
    };
    word.to_owned()
}

#[derive(Serialize)]
struct Answer {
    guards: Vec<GuardJson>,
}

/// Shows it.
pub fn run(context: &Context, site: &Site<'_>, args: &AgentsArgs) -> Result<ExitCode, CliError> {
    let guards: Vec<_> = chosen(site, &args.agents).into_iter().map(|guard| (guard, guard.status(site))).collect();
    if context.json {
        Out::json(&Answer { guards: guards.iter().map(|(guard, status)| GuardJson::of(*guard, status)).collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if guards.is_empty() {
        out.line("No agent that can be guarded was found on this machine.")?;
    } else {
        let mut table = Table::new(vec![Column::text("AGENT"), Column::text("GUARD"), Column::text("FILE"), Column::text("WHY")]);
        for (guard, status) in &guards {
            let file = clean(&status.file.display().to_string());
            table.row(vec![guard.agent().to_owned(), words(&status.state), file, clean(status.state.why().unwrap_or_default())]);
        }
        table.write(&mut out)?;
        if guards.iter().any(|(_, status)| matches!(status.state, State::NotInstalled | State::Stale(_))) {
            context.note("`aifinops guard install --all` makes them ask before they spend");
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
