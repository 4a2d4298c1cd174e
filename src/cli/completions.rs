//! `completions`: what a shell needs to complete commands and flags.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, Command, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use super::error::CliError;
use super::out::Out;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops completions bash > ~/.local/share/bash-completion/completions/aifinops
  aifinops completions zsh > ~/.zfunc/_aifinops
  aifinops completions fish > ~/.config/fish/completions/aifinops.fish";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct CompletionsArgs {
    /// The shell
    pub shell: Shell,
}

/// Prints the script.
pub fn run(args: &CompletionsArgs) -> Result<ExitCode, CliError> {
    // Through memory: the generator panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut offered(), "aifinops", &mut script);
    let mut out = Out::bytes();
    out.write_all(&script)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The command without what is hidden below `prices`: the generators would offer that, too.
fn offered() -> Command {
    Cli::command().mut_subcommand("prices", |prices| {
        let shown = prices.get_subcommands().filter(|below| !below.is_hide_set()).cloned();
        let about = prices.get_about().cloned().unwrap_or_default();
        Command::new("prices").about(about).args(prices.get_arguments().cloned()).subcommands(shown)
    })
}
