//! `store`: what is kept of the past, and how it moves from one machine to another.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;

pub mod compact;
pub mod export;
pub mod holder;
pub mod import;
pub mod info;
pub mod progress;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops store info                          what is kept, by agent, and what only the store knows any more
  aifinops store export laptop.history.gz      the history as a file that another machine takes
  aifinops store import laptop.history.gz      brings it in; what is here already counts once
  aifinops store compact                       gives back space on the disk";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct StoreArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: StoreCommand,
}

/// What can be done with the store.
#[derive(Debug, Clone, Subcommand)]
pub enum StoreCommand {
    /// Show what is kept, from when, and what has no log any more
    #[command(after_help = info::EXAMPLES)]
    Info,
    /// Give back the space that is not needed
    #[command(after_help = compact::EXAMPLES)]
    Compact,
    /// Write the history into a file for another machine: no prompts, no code, no caps
    #[command(after_help = export::EXAMPLES)]
    Export(export::ExportArgs),
    /// Bring in histories that `export` has written; twice changes nothing
    #[command(after_help = import::EXAMPLES)]
    Import(import::ImportArgs),
}

/// Does it.
pub fn run(context: &Context, args: &StoreArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        StoreCommand::Info => info::run(context),
        StoreCommand::Compact => compact::run(context),
        StoreCommand::Export(args) => export::run(context, args),
        StoreCommand::Import(args) => import::run(context, args),
    }
}
