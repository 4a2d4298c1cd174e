//! `gateway sync`: asks gateways now.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::ask::{self, books, wait};
use crate::cli::bar::Bar;
use crate::cli::context::{Context, clock};
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out, note};
use crate::cli::table::count;
use crate::engine::gateways::{self, Ask, Report};
use crate::model::text::clean;
use crate::model::{GatewaySetup, Millis};
use crate::store::Books;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops gateway sync
  aifinops gateway sync team --json

The screen and `aifinops watch` ask by themselves. The first time reads 31 days; later only what is new.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct SyncArgs {
    /// The gateway; all of them unless you say so
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Serialize)]
struct SyncedJson {
    name: String,
    ok: bool,
    problem: Option<String>,
    requests: u32,
    bytes: u64,
    calls: u64,
    cannot: Vec<String>,
}

#[derive(Serialize)]
struct Answer {
    gateways: Vec<SyncedJson>,
}

/// How a round looks while it goes on.
pub const TEMPLATE: &str = "{spinner} {msg}";

/// How far a round is, in words.
#[must_use]
pub fn words(name: &str, report: &Report) -> String {
    format!("asking {}: {} requests, {} calls", clean(name), report.requests, report.calls)
}

/// Asks one gateway and compares what it says with what the store has. The logs are to have been read: a call that they tell
/// later counts twice until then.
pub fn sync(context: &Context, books: &mut Books, setup: &GatewaySetup, again_from: Option<Millis>) -> Result<Report, CliError> {
    let mut bar = Bar::new(context, TEMPLATE);
    let now = clock();
    let ask = Ask { now, again_from, calls: true };
    let report = wait(gateways::round(books, setup, ask, &mut |report| bar.say(|| words(&setup.name, report))))?;
    let store = crate::store::Store::open_beside(&context.settings.data_dir, ask::PATIENCE)?;
    gateways::settle(&store, books, &setup.name, now - gateways::LOOK_BACK, true, now)?;
    Ok(report)
}

/// Asks all gateways, or one. One that cannot be asked does not keep the others from it.
pub fn run(context: &Context, args: &SyncArgs) -> Result<ExitCode, CliError> {
    context.note_problems();
    let setups = ask::all(context, args.name.as_deref())?;
    context.open()?;
    let mut books = books(context)?;
    let mut out = Out::text();
    let mut answers = Vec::new();
    let mut failed = Vec::new();
    for setup in setups {
        let done = sync(context, &mut books, setup, None);
        let report = done.as_ref().cloned().unwrap_or_default();
        if let (Ok(report), false) = (&done, context.json) {
            let calls = count(usize::try_from(report.calls).unwrap_or(usize::MAX), "call", "calls");
            out.line(&format!("{}: {calls} in {} requests", clean(&setup.name), report.requests))?;
            for what in &report.cannot {
                out.line(&format!("  not to be seen with this key: {what}"))?;
            }
        }
        answers.push(SyncedJson {
            name: clean(&setup.name),
            ok: done.is_ok(),
            problem: done.as_ref().err().map(ToString::to_string),
            requests: report.requests,
            bytes: report.bytes,
            calls: report.calls,
            cannot: report.cannot.iter().map(|what| (*what).to_owned()).collect(),
        });
        if let Err(error) = done {
            failed.push((setup.name.clone(), error));
        }
    }
    if context.json {
        Out::json(&Answer { gateways: answers })?;
        return Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    out.flush()?;
    let Some((_, last)) = failed.pop() else { return Ok(ExitCode::SUCCESS) };
    for (name, error) in &failed {
        note(FAINT, &format!("{}: {error}", clean(name)));
    }
    Err(last)
}
