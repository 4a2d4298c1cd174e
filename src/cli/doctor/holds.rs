//! What makes caps hold on this machine: its policy, and the guards of its agents.

use std::io;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::guard::{self, status::GuardJson, status::words};
use crate::cli::out::{Out, STRONG};
use crate::cli::rules;
use crate::cli::table::{Column, Table};
use crate::config::policy;
use crate::guards::{self, State};
use crate::model::text::clean;

/// The machine's policy.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct PolicyState {
    /// Where it would lie; nowhere on a system where none can be told from a user's file.
    pub path: Option<String>,
    /// Whether there is one that counts.
    pub holds: bool,
    pub caps: Vec<PolicyCap>,
    pub on_failure: Option<&'static str>,
    /// What of it cannot be used.
    pub problems: Vec<String>,
}

/// A cap that the policy sets.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct PolicyCap {
    pub name: String,
    pub what: String,
}

/// A guard, and its state in words for people.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the JSON's")]
pub struct GuardState {
    #[serde(flatten)]
    pub guard: GuardJson,
    #[serde(skip)]
    words: String,
}

/// The policy as it is now.
#[must_use]
pub fn policy(context: &Context) -> PolicyState {
    let policy = rules::policy(&context.settings);
    PolicyState {
        path: policy::system_path().map(|path| clean(&path.display().to_string())),
        holds: policy.path.is_some(),
        caps: policy.caps.iter().map(|cap| PolicyCap { name: clean(&cap.name), what: clean(&cap.words()) }).collect(),
        on_failure: policy.on_failure.map(crate::model::cap::OnFailure::word),
        problems: policy.problems.iter().map(|problem| clean(&problem.to_string())).collect(),
    }
}

/// The guards of the agents on this machine.
pub fn guards(context: &Context) -> Result<Vec<GuardState>, CliError> {
    guard::at(context, |site| {
        let all = guards::ALL.iter().map(|guard| (guard, guard.status(site)));
        let here = all.filter(|(_, status)| status.state != State::Absent);
        Ok(here.map(|(guard, status)| GuardState { guard: GuardJson::of(*guard, &status), words: words(&status.state) }).collect())
    })
}

/// Prints both.
pub fn print(policy: &PolicyState, guards: &[GuardState], out: &mut Out) -> io::Result<()> {
    out.line("")?;
    out.styled(STRONG, "Guards")?;
    if guards.is_empty() {
        out.line("· no agent that can be guarded is on this machine")?;
    } else {
        let mut table = Table::new(vec![Column::text("AGENT"), Column::text("GUARD"), Column::text("FILE"), Column::text("WHY")]);
        for GuardState { guard, words } in guards {
            table.row(vec![guard.agent.to_owned(), words.clone(), guard.file.clone(), guard.why.clone().unwrap_or_default()]);
        }
        table.write(out)?;
    }
    let Some(path) = &policy.path else { return Ok(()) };
    out.line("")?;
    let what = if policy.holds { "" } else { ": none holds" };
    out.styled(STRONG, &format!("Policy {path}{what}"))?;
    for cap in &policy.caps {
        out.line(&format!("✓ {}: {}", cap.name, cap.what))?;
    }
    if let Some(word) = policy.on_failure {
        out.line(&format!("✓ on_failure: {word}"))?;
    }
    policy.problems.iter().try_for_each(|problem| out.line(&format!("! {problem}")))
}
