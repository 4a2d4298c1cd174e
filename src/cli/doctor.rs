//! `doctor`: everything that is read, stored and set, and what is wrong with it.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::model::text::clean;
use crate::store::Ledger;

use super::cap::show::PATIENCE;
use super::context::Context;
use super::error::{CliError, FAILURE};
use super::modes;
use super::out::Out;

pub mod findings;
pub mod gateways;
pub mod gpus;
pub mod holds;
pub mod print;

use findings::{Findings, StoreState};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops doctor                       roots, troubled files, unpriced models, settings
  aifinops doctor --files               every log file with its offset
  aifinops doctor --rebuild             recompute all sums and compare; exit code 1 if any differed
  aifinops doctor gpu                   every way to see a GPU: found, or why not
  aifinops doctor --json | jq '.files[] | select(.malformed > 0)'";

/// What can be looked at closely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Every way to see a GPU
    Gpu,
}

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
pub struct DoctorArgs {
    /// Look at one thing only, closely
    #[arg(value_name = "WHAT")]
    pub what: Option<What>,
    /// List every log file, not only the troubled ones
    #[arg(long)]
    pub files: bool,
    /// Recompute every sum from the stored calls, and keep the recomputed ones
    #[arg(long)]
    pub rebuild: bool,
}

/// Opens the record of caps, if there is one: who does that mends what is damaged, and `doctor` is asked for no less. Why it cannot be
/// opened stands beside its schema.
fn mend_record(context: &Context) {
    if let Ok(Some((ledger, notice))) = Ledger::open_existing(&context.settings.data_dir, PATIENCE) {
        context.mended.borrow_mut().extend(notice.into_iter().chain(ledger.regain()));
    }
}

/// Looks at everything.
pub fn run(context: &Context, args: &DoctorArgs) -> Result<ExitCode, CliError> {
    if args.what == Some(What::Gpu) {
        return gpus::run(context);
    }
    let loose = modes::tighten(&context.settings.data_dir);
    let (mut fresh, unusable) = match context.read() {
        Ok(fresh) => (fresh, None),
        // Roots and settings can be looked at all the same.
        Err(CliError::Store(error)) if !args.rebuild && !error.is_damage() => (context.without_store()?, Some(error.to_string())),
        Err(error) => return Err(error),
    };
    if args.rebuild && !fresh.ingest.store.is_writer() {
        return Err(CliError::Busy);
    }
    let rebuilt = if args.rebuild { Some(fresh.ingest.store.rebuild()?) } else { None };
    mend_record(context);
    let mut findings = Findings::of(context, &fresh, rebuilt.as_ref())?;
    let loose = loose.into_iter().chain(modes::writable(&context.settings.config_file));
    findings.problems.extend(loose.map(|found| clean(&found.words())).chain(context.mended.take().iter().map(|notice| clean(notice))));
    if let Some(why) = unusable {
        findings.store = StoreState::unusable(&context.settings.data_dir, &why);
    }
    if context.json {
        Out::json(&findings)?;
    } else {
        let mut out = Out::text();
        print::print(&findings, args.files, &mut out)?;
        out.flush()?;
    }
    let sound = findings.store.damage.is_none() && findings.rebuild.as_ref().is_none_or(findings::Rebuild::is_right);
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}
