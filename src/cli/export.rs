//! `export`: figures as files, for spreadsheets, scripts, pull requests and cost tools.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;

pub mod focus;
pub mod output;
pub mod progress;
pub mod session;
pub mod table;
pub mod team;

use table::What;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops export sessions -o sessions.csv          every session; the ending says the format
  aifinops export days --range 30d -o november.html a page with charts
  aifinops export calls --since monday --format jsonl | jq .cost.usd
  aifinops export session 3f2a91c0                  a summary to paste into a pull request
  aifinops export focus -o focus.csv                FOCUS 1.2 for a cost tool
  aifinops export team -o team.csv                  a team's spend through its gateway

Without -o, and with `-o -`, it goes to standard output.";

const SESSIONS: &str = "\
EXAMPLES:
  aifinops export sessions -o sessions.csv
  aifinops export sessions --range 7d --project api --format markdown
  aifinops export sessions --all -o sessions.html --force";

const TASKS: &str = "\
EXAMPLES:
  aifinops export tasks -o tasks.csv
  aifinops export tasks --agent codex --since yesterday --format jsonl";

const CALLS: &str = "\
EXAMPLES:
  aifinops export calls -o calls.csv
  aifinops export calls --since 2026-11-01 --until 2026-11-30 --format jsonl | gzip > calls.jsonl.gz";

const DAYS: &str = "\
EXAMPLES:
  aifinops export days -o days.csv                  a row per day, agent, project and model
  aifinops export days --range 30d -o november.html a page with charts";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// What to export.
    #[command(subcommand)]
    pub command: ExportCommand,
}

/// What can be exported.
#[derive(Debug, Clone, Subcommand)]
pub enum ExportCommand {
    /// A row per session, by the time they began
    #[command(after_help = SESSIONS)]
    Sessions(table::TableArgs),
    /// A row per task: from a prompt to the end of the agent's answer
    #[command(after_help = TASKS)]
    Tasks(table::TableArgs),
    /// A row per model call, in the order of time
    #[command(after_help = CALLS)]
    Calls(table::TableArgs),
    /// A row per day, agent, project and model
    #[command(after_help = DAYS)]
    Days(table::TableArgs),
    /// One session in short, to paste into a pull request: no prompt, no code
    #[command(after_help = session::EXAMPLES)]
    Session(session::SessionArgs),
    /// Cost and usage in the columns of FOCUS 1.2, as CSV
    #[command(after_help = focus::EXAMPLES)]
    Focus(focus::FocusArgs),
    /// A row per developer, team, key, model or tag of a gateway: today, 7 and 30 days, budget
    #[command(after_help = team::EXAMPLES)]
    Team(team::TeamExportArgs),
}

/// Does it.
pub fn run(context: &Context, args: &ExportArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        ExportCommand::Sessions(args) => table::run(context, args, What::Sessions),
        ExportCommand::Tasks(args) => table::run(context, args, What::Tasks),
        ExportCommand::Calls(args) => table::run(context, args, What::Calls),
        ExportCommand::Days(args) => table::run(context, args, What::Days),
        ExportCommand::Session(args) => session::run(context, args),
        ExportCommand::Focus(args) => focus::run(context, args),
        ExportCommand::Team(args) => team::run(context, args),
    }
}
