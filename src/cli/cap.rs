//! `cap`: how much may be spent, how it stands, and what was decided.

use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;

pub mod clear;
pub mod log;
pub mod raise;
pub mod set;
pub mod show;
mod usual;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops cap set 20                          $20 a day, over all agents together
  aifinops cap set 5 --agent codex             $5 a day for Codex
  aifinops cap set '60 steps' --per task       no task of more than 60 steps
  aifinops cap set '5M tokens' --per week --project 'web-*' --action warn
  aifinops cap show                            what is left, and when it resets
  aifinops cap raise 10 --until 2h --reason 'release day'
  aifinops cap log                             every decision and override
  aifinops cap clear day                       takes a cap away

A cap stops agents through their guards: `aifinops guard install --all`.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct CapArgs {
    /// What to do; `show` when nothing is said.
    #[command(subcommand)]
    pub command: Option<CapCommand>,
}

/// What can be done with caps.
#[derive(Debug, Clone, Subcommand)]
pub enum CapCommand {
    /// Set a cap
    #[command(after_help = set::EXAMPLES)]
    Set(set::SetArgs),
    /// Show all caps: what was spent, what is left, when they reset, which one binds
    #[command(after_help = show::EXAMPLES)]
    Show(show::ShowArgs),
    /// Raise a cap for a while
    #[command(after_help = raise::EXAMPLES)]
    Raise(raise::RaiseArgs),
    /// Take a cap away
    #[command(after_help = clear::EXAMPLES)]
    Clear(clear::ClearArgs),
    /// List every decision and override: when, who, why, and the spend at that moment
    #[command(after_help = log::EXAMPLES)]
    Log(log::LogArgs),
}

/// Does it.
pub fn run(context: &Context, args: &CapArgs) -> Result<ExitCode, CliError> {
    match &args.command {
        None => show::run(context, &show::ShowArgs::default()),
        Some(CapCommand::Set(args)) => set::run(context, args),
        Some(CapCommand::Show(args)) => show::run(context, args),
        Some(CapCommand::Raise(args)) => raise::run(context, args),
        Some(CapCommand::Clear(args)) => clear::run(context, args),
        Some(CapCommand::Log(args)) => log::run(context, args),
    }
}
