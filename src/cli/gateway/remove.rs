//! `gateway remove`: forgets a gateway and what it has counted.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::ask::{books, chosen};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::config::unset_path;
use crate::engine::gateways;
use crate::model::KeySource;
use crate::model::text::clean;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops gateway remove team

At the gateway itself nothing changes. A key that `gateway add --keyring` has put into the keyring leaves it.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct RemoveArgs {
    /// The gateway
    #[arg(value_name = "NAME")]
    pub name: String,
}

#[derive(Serialize)]
struct Answer {
    removed: String,
}

/// Removes a gateway.
pub fn run(context: &Context, args: &RemoveArgs) -> Result<ExitCode, CliError> {
    let setup = chosen(context, Some(&args.name))?;
    unset_path(&context.settings, &["gateways", &setup.name])?;
    books(context)?.forget(&setup.name)?;
    if setup.key == KeySource::Keyring
        && let Err(error) = gateways::forget(&setup.name)
    {
        context.note(&format!("the key is still in the keyring: {error}"));
    }
    if context.json {
        Out::json(&Answer { removed: clean(&setup.name) })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.line(&format!("{} is forgotten, with everything that it had counted", clean(&setup.name)))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
