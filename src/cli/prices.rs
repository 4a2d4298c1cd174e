//! `prices`: what models cost, by whose list, and how to change it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;

pub mod fetch;
pub mod set;
pub mod show;
pub mod update;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops prices show                           the prices of the models in your logs
  aifinops prices show claude-opus-4-6           all rates of one model; exit code 3 if it has none
  aifinops prices set my-model --input 3 --output 15 --cache-read 0.30
  aifinops prices update                         the newest list from LiteLLM, over the network
  aifinops prices update --file list.json        the same without a network";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct PricesArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: PricesCommand,
}

/// What can be done with prices.
#[derive(Debug, Clone, Subcommand)]
pub enum PricesCommand {
    /// Show the prices in force
    #[command(after_help = show::EXAMPLES)]
    Show(show::ShowArgs),
    /// Set a price of your own, in dollars per million tokens
    #[command(after_help = set::EXAMPLES)]
    Set(set::SetArgs),
    /// Fetch the newest public price list over the network
    #[command(after_help = update::EXAMPLES)]
    Update(update::UpdateArgs),
    /// Print the built-in book, made from two price lists
    #[command(hide = true)]
    BuildBook(BuildArgs),
}

/// The lists that the built-in book is made from.
#[derive(Debug, Clone, Args)]
pub struct BuildArgs {
    /// The newest list
    #[arg(long, value_name = "FILE")]
    pub current: PathBuf,
    /// An older list, for models that have been retired since
    #[arg(long, value_name = "FILE")]
    pub older: PathBuf,
    /// The day that the book is of
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub date: String,
}

/// Does it.
pub fn run(context: &Context, args: &PricesArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        PricesCommand::Show(args) => show::run(context, args),
        PricesCommand::Set(args) => set::run(context, args),
        PricesCommand::Update(args) => update::run(context, args),
        PricesCommand::BuildBook(args) => update::build(args),
    }
}
