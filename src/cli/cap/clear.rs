//! `cap clear`: takes caps away.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::show;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::cli::rules;
use crate::config;
use crate::model::cap::Cap;
use crate::model::text::clean;
use crate::store::ledger::Kind;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops cap clear day
  aifinops cap clear --all";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ClearArgs {
    /// The names of the caps; not needed where there is only one
    #[arg(value_name = "CAP")]
    pub names: Vec<String>,
    /// All caps of your own
    #[arg(long, conflicts_with = "names")]
    pub all: bool,
}

#[derive(Serialize)]
struct Answer {
    cleared: Vec<String>,
}

/// Takes caps away.
pub fn run(context: &Context, args: &ClearArgs) -> Result<ExitCode, CliError> {
    let own = context.settings.caps.value.clone();
    let mut chosen: Vec<Cap> = Vec::new();
    for name in &args.names {
        chosen.push(find(context, name, &own)?);
    }
    if args.all {
        chosen.clone_from(&own);
    } else if chosen.is_empty() {
        match own.as_slice() {
            [only] => chosen.push(only.clone()),
            [] => return Err(CliError::usage("there is no cap of your own to clear", "`aifinops cap show` lists all caps")),
            several => {
                let names = several.iter().map(|cap| clean(&cap.name)).collect::<Vec<_>>().join(", ");
                return Err(CliError::usage(format!("there are several caps: {names}"), "name one, or take --all"));
            }
        }
    }
    let ledger = show::ledger(context)?;
    for cap in &chosen {
        if let Some(origin) = show::from_outside(context, cap) {
            return Err(CliError::usage(format!("`{}` is set by {origin}, not by the file", clean(&cap.name)), "take it away there"));
        }
        config::unset_path(&context.settings, &["caps", &cap.name])?;
        ledger.end_raises(&cap.name, context.now)?;
        ledger.record(&show::decision(context, cap, Kind::Clear, cap.limit.count))?;
    }
    context.remember();
    show::keep_copy(context, &ledger);
    let cleared: Vec<String> = chosen.iter().map(|cap| clean(&cap.name)).collect();
    if context.json {
        Out::json(&Answer { cleared })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    for cap in &chosen {
        out.line(&format!("Cleared: {}, called `{}`.", clean(&cap.words()), clean(&cap.name)))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn find(context: &Context, name: &str, own: &[Cap]) -> Result<Cap, CliError> {
    if let Some(cap) = own.iter().find(|cap| cap.name == name) {
        return Ok(cap.clone());
    }
    if let Some(cap) = rules::policy(&context.settings).caps.into_iter().find(|cap| cap.name == name) {
        return Err(CliError::Managed { cap: clean(&cap.name), words: clean(&cap.words()), at_gateway: cap.gateway.is_some() });
    }
    let known = own.iter().map(|cap| clean(&cap.name)).collect::<Vec<_>>().join(", ");
    Err(CliError::NoCap { name: clean(name), known })
}
