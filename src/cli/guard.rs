//! `guard`: makes agents ask before they spend, says how that stands, and takes it back.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use crate::config::Origin;
use crate::guards::{self, Guard, Site, State, process};
use crate::sources::Places;

use super::context::{Context, variable};
use super::error::CliError;

pub mod change;
pub mod status;
pub mod verify;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops guard install --all             every agent on this machine asks before it spends
  aifinops guard install claude-code codex
  aifinops guard install --all --dry-run   what would be written, and where
  aifinops guard status                    which agents ask, and which do not
  aifinops guard verify                    asks as the agents would, and looks at the answer
  aifinops guard uninstall --all           takes it out again; do this before removing aifinops";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct GuardArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GuardCommand,
}

/// What can be done with guards.
#[derive(Debug, Clone, Subcommand)]
pub enum GuardCommand {
    /// Make agents ask; doing it twice changes nothing
    #[command(after_help = "EXAMPLES:\n  aifinops guard install --all\n  aifinops guard install codex --dry-run")]
    Install(ChangeArgs),
    /// Show which agents ask
    #[command(
        after_help = "EXAMPLES:\n  aifinops guard status\n  aifinops guard status --json | jq '.guards[] | select(.state != \"installed\")'"
    )]
    Status(AgentsArgs),
    /// Prove each guard: ask as its agent would, and look at the answer; exit code 1 if one does not hold
    #[command(after_help = "EXAMPLES:\n  aifinops guard verify\n  aifinops guard verify codex --json")]
    Verify(AgentsArgs),
    /// Take out exactly what was put in
    #[command(after_help = "EXAMPLES:\n  aifinops guard uninstall --all\n  aifinops guard uninstall gemini-cli --dry-run")]
    Uninstall(ChangeArgs),
}

/// Which agents.
#[derive(Debug, Clone, Args)]
pub struct AgentsArgs {
    /// Agents; all that are on this machine when there is none
    #[arg(value_name = "AGENT", value_parser = agents())]
    pub agents: Vec<String>,
    /// All agents that are on this machine
    #[arg(long, conflicts_with = "agents")]
    pub all: bool,
}

/// Which agents, and whether really.
#[derive(Debug, Clone, Args)]
pub struct ChangeArgs {
    /// Agents
    #[arg(value_name = "AGENT", value_parser = agents(), required_unless_present = "all")]
    pub agents: Vec<String>,
    /// All agents that are on this machine
    #[arg(long, conflicts_with = "agents")]
    pub all: bool,
    /// Show the change and make none
    #[arg(long)]
    pub dry_run: bool,
}

fn agents() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(guards::ALL.iter().map(|guard| guard.agent()))
}

/// Does it.
pub fn run(context: &Context, args: &GuardArgs) -> Result<ExitCode, CliError> {
    at(context, |site| match &args.command {
        GuardCommand::Install(args) => change::run(context, site, args, change::Way::In),
        GuardCommand::Uninstall(args) => change::run(context, site, args, change::Way::Out),
        GuardCommand::Status(args) => status::run(context, site, args),
        GuardCommand::Verify(args) => verify::run(context, site, args),
    })
}

/// Does something with the guards of this home and this program.
pub fn at<T>(context: &Context, work: impl FnOnce(&Site<'_>) -> Result<T, CliError>) -> Result<T, CliError> {
    let home = &context.settings.home;
    let env = environment(home, home.origin != Origin::Default);
    let places = Places { home, env: &env };
    let binary = own_path(&env).map_err(|source| CliError::File { doing: "find", path: PathBuf::from("aifinops"), source })?;
    work(&Site { places: &places, binary: &binary })
}

/// The variables that place agents' settings. Who has moved the home is not to change real settings by way of a variable
/// that points to them.
pub fn environment(home: &Path, moved: bool) -> impl Fn(&str) -> Option<String> + '_ {
    move |name| {
        let value = variable(name)?;
        let is_elsewhere = moved && name != "PATH" && Path::new(&value).is_absolute() && !Path::new(&value).starts_with(home);
        (!is_elsewhere).then_some(value)
    }
}

/// Agents on this machine that do not ask before they spend.
#[must_use]
pub fn unguarded(context: &Context) -> Vec<&'static str> {
    let home = &context.settings.home;
    let env = environment(home, home.origin != Origin::Default);
    let places = Places { home, env: &env };
    let Ok(binary) = own_path(&env) else { return Vec::new() };
    let site = Site { places: &places, binary: &binary };
    let asks = |state: &State| matches!(state, State::Absent | State::Installed);
    guards::ALL.iter().filter(|guard| !asks(&guard.status(&site).state)).map(|guard| guard.agent()).collect()
}

/// The guards that were named, or those of agents on this machine.
fn chosen(site: &Site<'_>, named: &[String]) -> Vec<&'static dyn Guard> {
    let is_named = |guard: &&'static dyn Guard| named.iter().any(|name| name == guard.agent());
    let is_here = |guard: &&'static dyn Guard| guard.status(site).state != State::Absent;
    guards::ALL.iter().copied().filter(|guard| if named.is_empty() { is_here(guard) } else { is_named(guard) }).collect()
}

/// The path under which this program will still be found after an update: the one on the search path where that is
/// this program, for package managers put every release into a directory of its own.
pub fn own_path(env: &dyn Fn(&str) -> Option<String>) -> std::io::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let real = std::fs::canonicalize(&own).unwrap_or_else(|_| own.clone());
    let name = if cfg!(windows) { "aifinops.exe" } else { "aifinops" };
    let path = env("PATH").unwrap_or_default();
    let mut found = std::env::split_paths(&path).filter(|dir| dir.is_absolute()).map(|dir| dir.join(name));
    Ok(found.find(|file| process::is_program(file) && std::fs::canonicalize(file).is_ok_and(|file| file == real)).unwrap_or(own))
}
