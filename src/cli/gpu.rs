//! `gpu`: what the GPUs do, what their idleness costs, and who holds them.

use std::io::{IsTerminal as _, Write as _};
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::context::Context;
use super::error::CliError;
use super::out::Out;
use super::top::{self, TopArgs};

pub mod answer;
pub mod history;
pub mod prices;
pub mod print;
pub mod watch;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops gpu                                 the screen, at its GPUs
  aifinops gpu --once                          one look, as text
  aifinops gpu --json | jq '.cards[] | select(.state == \"idle\") | .today.idle_usd'
  aifinops gpu history --days 7                use and idle dollars, hour by hour
  aifinops gpu prices                          what an hour of each card costs, and who says so
  aifinops config set 'gpu_prices.H200' 3.10
  aifinops config set gpu_hosts.n1 http://n1:9400
  aifinops doctor gpu                          every way to see a GPU: found, or why not";

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
pub struct GpuArgs {
    /// Print one look and end; so it does where standard output is no terminal
    #[arg(long)]
    pub once: bool,
    /// What else.
    #[command(subcommand)]
    pub what: Option<What>,
}

/// What else there is.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Show use and idle dollars, hour by hour
    History(history::HistoryArgs),
    /// Show what an hour of each card costs, and who says so
    Prices,
}

/// Shows the GPUs.
pub fn run(context: &Context, args: &GpuArgs) -> Result<ExitCode, CliError> {
    match &args.what {
        Some(What::History(args)) => return history::run(context, args),
        Some(What::Prices) => return prices::run(context),
        None => {}
    }
    if !args.once && !context.json && std::io::stdout().is_terminal() {
        return top::run(context, &TopArgs { gpus: true, ..TopArgs::default() });
    }
    context.note_problems();
    let picture = watch::one_look(context)?;
    if context.json {
        Out::json(&answer::answer(&picture))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    print::print(context, &picture, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
