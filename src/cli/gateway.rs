//! `gateway`: a team's gateway, or a provider's own books: which there are, what they say, what differs.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;

pub mod add;
pub mod ask;
pub mod cap;
pub mod key;
pub mod reconcile;
pub mod remove;
pub mod status;
pub mod sync;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops gateway add team https://gateway.example.com --token-env LITELLM_KEY
  aifinops gateway add team https://gateway.example.com --keyring
  aifinops gateway status
  aifinops team                                    who has spent what, and of which budget
  aifinops gateway reconcile --range 7d            why the logs and the gateway differ
  aifinops gateway cap set alice 20/day --dry-run";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct GatewayArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: GatewayCommand,
}

/// What can be done.
#[derive(Debug, Clone, Subcommand)]
pub enum GatewayCommand {
    /// Find out what is at an address and what a key may read there, and remember it
    #[command(after_help = add::EXAMPLES)]
    Add(add::AddArgs),
    /// Show how gateways stand: what they are, when they were asked, what went wrong
    #[command(after_help = status::EXAMPLES)]
    Status(status::StatusArgs),
    /// Ask gateways now
    #[command(after_help = sync::EXAMPLES)]
    Sync(sync::SyncArgs),
    /// Explain every difference between this machine's logs and a gateway
    #[command(after_help = reconcile::EXAMPLES)]
    Reconcile(reconcile::ReconcileArgs),
    /// Set and clear budgets at a gateway
    #[command(after_help = cap::EXAMPLES)]
    Cap(cap::CapArgs),
    /// Forget a gateway and what it has counted
    #[command(after_help = remove::EXAMPLES)]
    Remove(remove::RemoveArgs),
}

/// Runs a subcommand.
pub fn run(context: &Context, args: &GatewayArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        GatewayCommand::Add(args) => add::run(context, args),
        GatewayCommand::Status(args) => status::run(context, args),
        GatewayCommand::Sync(args) => sync::run(context, args),
        GatewayCommand::Reconcile(args) => reconcile::run(context, args),
        GatewayCommand::Cap(args) => cap::run(context, args),
        GatewayCommand::Remove(args) => remove::run(context, args),
    }
}
