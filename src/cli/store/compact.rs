//! `store compact`: gives back the space that the store does not need.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::bar::Bar;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::cli::table::bytes;
use crate::model::text::clean;

use super::holder::store_to_write;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops store compact
  aifinops store compact --json

Nothing that is kept is lost. It needs as much free space as the store has, and end the screen and `watch` first.
A hook that asks meanwhile cannot read its agent's newest lines, and does what `on_failure` says.";

#[derive(Serialize)]
struct Answer {
    path: String,
    before: u64,
    after: u64,
}

/// Does it.
pub fn run(context: &Context) -> Result<ExitCode, CliError> {
    let store = store_to_write(context)?;
    let before = store.size();
    let progress = Bar::endless(context, "{spinner} writing the store anew, {elapsed}");
    store.compact()?;
    drop(progress);
    let (path, after) = (clean(&store.path().display().to_string()), store.size());
    if context.json {
        Out::json(&Answer { path, before, after })?;
    } else {
        let mut out = Out::text();
        out.line(&format!("{path}: {} before, {} now", bytes(before), bytes(after)))?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}
