//! `alerts`: what there is to tell now, what is not told for a while, and a trial of the ways that a person is told by.

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};

use crate::alerts::AlertKind;
use crate::config::WAYS;

use super::context::Context;
use super::error::CliError;

mod list;
mod snooze;
mod trial;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops alerts list                     what there is to tell now, and what is snoozed
  aifinops alerts snooze same_call 2h      tell nothing of circling loops for two hours
  aifinops alerts wake same_call           tell it again
  aifinops alerts test                     a sample by every way in use; exit code 1 if one failed
  aifinops config set lookout.same_call 8  when it is told; `off` is never
  aifinops config set lookout.mute 'scratch*,same_call@api'
  aifinops config set alerts.quiet 22:00-07:00
  AIFINOPS_WEBHOOK=https://… aifinops alerts test --way webhook";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct AlertsArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: AlertsCommand,
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(AlertKind::TOLD.map(AlertKind::word))
}

/// What can be done with alerts.
#[derive(Debug, Clone, Subcommand)]
pub enum AlertsCommand {
    /// List what there is to tell now, told before or not
    #[command(after_help = "EXAMPLES:\n  aifinops alerts list\n  aifinops alerts list --json | jq '.alerts[].kind'")]
    List,
    /// Tell nothing of a kind for a while
    #[command(after_help = "EXAMPLES:\n  aifinops alerts snooze burn_rate 2h\n  aifinops alerts snooze loop_long friday")]
    Snooze {
        /// The kind
        #[arg(value_parser = kinds())]
        kind: String,
        /// For how long, or until when: `2h`, `18:00`, `midnight`, `friday`
        #[arg(value_name = "WHEN", default_value = "2h")]
        until: String,
    },
    /// Tell of a kind again
    #[command(after_help = "EXAMPLES:\n  aifinops alerts wake burn_rate")]
    Wake {
        /// The kind
        #[arg(value_parser = kinds())]
        kind: String,
    },
    /// Send a sample through each way and say what became of it, quiet hours or not
    #[command(after_help = "EXAMPLES:\n  aifinops alerts test\n  aifinops alerts test --way desktop --json")]
    Test {
        /// This way only, whether it is in use or not; may be given more than once
        #[arg(long = "way", value_name = "NAME", value_parser = PossibleValuesParser::new(WAYS))]
        ways: Vec<String>,
    },
}

/// Does it.
pub fn run(context: &Context, args: &AlertsArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        AlertsCommand::List => list::run(context),
        AlertsCommand::Snooze { kind, until } => snooze::snooze(context, kind, until),
        AlertsCommand::Wake { kind } => snooze::wake(context, kind),
        AlertsCommand::Test { ways } => trial::run(context, ways),
    }
}
