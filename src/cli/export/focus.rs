//! `export focus`: cost and usage in the columns of FOCUS 1.2.

use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;

use crate::cli::context::{Context, Fresh};
use crate::cli::error::CliError;
use crate::cli::filters::FilterArgs;
use crate::cli::table::count;
use crate::cli::when::WindowArgs;
use crate::export::focus::{Account, Billed, Focus, LeftOut};
use crate::model::Window;
use crate::model::tokens::compact;
use crate::query::charges;

use super::output::{Format, Output, OutputArgs};
use super::progress::Progress;
use super::table::{about, owners};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops export focus -o focus.csv
  aifinops export focus --since 2026-11-01 --until 2026-11-30 -o november.csv
  aifinops export focus --billing-account org-4711 --billing-account-name 'Example Ltd' -o focus.csv

A row is a day of UTC, a session, a model and a kind of token. Costs are list prices or what the agent reported: no invoice
is known here. Calls without a known price have no row; how many there are is said.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct FocusArgs {
    /// Which sessions.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Which time; everything that is known where none is given.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Where to.
    #[command(flatten)]
    pub output: OutputArgs,
    /// `BillingAccountId`: the account that pays, as your provider calls it
    #[arg(long, value_name = "ID", default_value = "local", help_heading = "Output")]
    pub billing_account: String,
    /// `BillingAccountName`: what that account is called
    #[arg(long, value_name = "NAME", help_heading = "Output")]
    pub billing_account_name: Option<String>,
}

/// Writes the file.
pub fn run(context: &Context, args: &FocusArgs) -> Result<ExitCode, CliError> {
    let window = args.window.window(context.now, context.zone())?.unwrap_or(Window::ALL);
    if args.billing_account.trim().is_empty() {
        return Err(CliError::usage(
            "--billing-account is empty",
            "FOCUS wants the id of an account; leave the flag out where there is none",
        ));
    }
    if args.output.format(context, None).is_some_and(|format| format != Format::Csv && args.output.file().is_some()) {
        return Err(CliError::usage("FOCUS is written as CSV", "give the file the ending .csv"));
    }
    let mut output = args.output.begin()?;
    let mut progress = Progress::begin(context, &output);
    let mut fresh = context.open()?;
    progress.check()?;
    let (rows, left_out) = match write(context, args, window, &mut fresh, &mut output, &mut progress) {
        Ok(done) => done,
        Err(error) => return Err(about(&output, error)),
    };
    progress.end()?;
    output.keep(context, "focus", rows, ["row", "rows"])?;
    if left_out.calls > 0 {
        context.note(&told(&left_out));
    }
    Ok(ExitCode::SUCCESS)
}

fn write(
    context: &Context,
    args: &FocusArgs,
    window: Window,
    fresh: &mut Fresh,
    output: &mut Output,
    progress: &mut Progress,
) -> Result<(u64, LeftOut), CliError> {
    let filter = args.filter.filter();
    let owners = owners(context, fresh, &filter, window)?;
    let names = fresh.ingest.store.names()?;
    let nameless: Arc<str> = Arc::from("");
    let (store, prices) = (&fresh.ingest.store, &mut fresh.ingest.prices);
    let model = |id: i64| names.get(&id).unwrap_or(&nameless);
    let calls = store.chronicle(window, |call| owners.contains_key(&call.session) && filter.meets_model(model(call.model)))?;
    let account = Account { id: args.billing_account.clone(), name: args.billing_account_name.clone() };
    let mut file = Focus::begin(output, account, window)?;
    let mut left_out = LeftOut::default();
    let all = calls.len() as u64;
    calls.each(|_, call| {
        let Some(owner) = owners.get(&call.session) else { return Ok(()) };
        let model = model(call.model).clone();
        match call.money {
            None => left_out.add(model, call.tokens.total()),
            Some(money) => {
                let parts = charges::of(call, money, prices.rates(&model));
                let (at, session, tier, speed) = (call.at, call.session, call.tier, call.speed);
                file.add(&Billed { at, session, owner, model, tier, speed, cost: call.cost() }, &parts)?;
            }
        }
        progress.step(all)
    })?;
    Ok((file.end()?, left_out))
}

/// What is said of calls that have no row.
fn told(left_out: &LeftOut) -> String {
    let mut models: Vec<(&str, u64)> = left_out.models.iter().map(|(name, calls)| (&**name, *calls)).collect();
    models.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
    let models: Vec<&str> = models.iter().map(|(name, _)| if name.is_empty() { "(no model)" } else { name }).take(3).collect();
    let more = if left_out.models.len() > models.len() { ", …" } else { "" };
    let calls = count(left_out.calls, "call has", "calls have");
    format!(
        "left out: {calls} no known price ({} tokens of {}{more}); `aifinops prices set` sets one",
        compact(left_out.tokens),
        models.join(", ")
    )
}
