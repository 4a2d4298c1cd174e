//! `man`: the manual page, made from the same words as `--help`.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _};

use super::Cli;
use super::error::CliError;
use super::out::Out;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops man | man -l -
  aifinops man --dir ~/.local/share/man/man1      one page for each command";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ManArgs {
    /// Write a page for each command into this directory
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Prints the page, or writes all of them.
pub fn run(args: &ManArgs) -> Result<ExitCode, CliError> {
    if let Some(dir) = &args.dir {
        let fail = |source| CliError::File { doing: "write manual pages to", path: dir.clone(), source };
        std::fs::create_dir_all(dir).map_err(fail)?;
        clap_mangen::generate_to(Cli::command(), dir).map_err(fail)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::bytes();
    clap_mangen::Man::new(Cli::command()).render(&mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
