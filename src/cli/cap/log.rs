//! `cap log`: every decision and override.

use std::io::Write as _;
use std::num::NonZeroUsize;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::show::{self, AmountJson, amount_json};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::cli::table::{Column, Table};
use crate::cli::when::WindowArgs;
use crate::model::cap::{Amount, Unit};
use crate::model::text::clean;
use crate::model::{Window, time};
use crate::store::ledger::{Decision, Kind};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops cap log                       the last 50
  aifinops cap log --all                 every one
  aifinops cap log --since monday --limit 1000
  aifinops cap log --json";

/// So many are shown where nobody says which.
const SHOWN: usize = 50;

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// How many, the newest first [default: 50 in a table, all of a window and in JSON]
    #[arg(long, value_name = "N")]
    pub limit: Option<NonZeroUsize>,
    /// The window.
    #[command(flatten)]
    pub window: WindowArgs,
}

#[derive(Serialize)]
struct DecisionJson {
    at: String,
    decision: &'static str,
    cap: String,
    agent: Option<String>,
    session: Option<String>,
    spent: Option<AmountJson>,
    amount: Option<AmountJson>,
    until: Option<String>,
    who: String,
    why: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    decisions: Vec<DecisionJson>,
}

/// Lists decisions.
pub fn run(context: &Context, args: &LogArgs) -> Result<ExitCode, CliError> {
    let asked = args.window.exact(context.now, context.zone())?;
    let window = asked.unwrap_or(Window::ALL);
    let few = if asked.is_none() && !context.json { SHOWN } else { usize::MAX };
    let ledger = show::ledger(context)?;
    let mut decisions = ledger.decisions(window.from, usize::MAX)?;
    decisions.retain(|decision| window.contains(decision.at));
    let all = decisions.len();
    decisions.truncate(args.limit.map_or(few, NonZeroUsize::get));
    if context.json {
        Out::json(&Answer { decisions: decisions.iter().map(as_json).collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if decisions.is_empty() {
        out.line(if window == Window::ALL { "Nothing has been decided yet." } else { "Nothing was decided in this window." })?;
    } else {
        table(context, &decisions).write(&mut out)?;
    }
    out.flush()?;
    if decisions.len() < all && args.limit.is_none() {
        context.note(&format!("{} of {all}; `--all` shows all of them", decisions.len()));
    }
    Ok(ExitCode::SUCCESS)
}

fn amount(decision: &Decision, count: i64) -> Option<Amount> {
    Unit::from_word(&decision.unit).map(|unit| Amount { unit, count })
}

fn as_json(decision: &Decision) -> DecisionJson {
    let text = |value: &Option<String>| value.as_deref().map(clean);
    DecisionJson {
        at: time::rfc3339(decision.at),
        decision: decision.kind.word(),
        cap: clean(&decision.cap),
        agent: text(&decision.agent),
        session: text(&decision.session),
        spent: amount(decision, decision.spent).map(amount_json),
        amount: amount(decision, decision.amount).map(amount_json),
        until: decision.until.map(time::rfc3339),
        who: clean(&decision.who),
        why: text(&decision.why),
    }
}

fn table(context: &Context, decisions: &[Decision]) -> Table {
    let mut table = Table::new(vec![
        Column::text("WHEN"),
        Column::text("DECISION"),
        Column::text("CAP"),
        Column::text("AGENT").expendable(2),
        Column::text("SESSION").expendable(4),
        Column::number("SPENT"),
        Column::number("AMOUNT").expendable(1),
        Column::text("UNTIL").expendable(3),
        Column::text("WHO").expendable(5),
        Column::text("WHY"),
    ]);
    let at = |at| time::utc(at).with_timezone(&context.zone()).format("%Y-%m-%d %H:%M:%S").to_string();
    let shown = |amount: Option<Amount>| amount.map(|amount| context.amount(amount)).unwrap_or_default();
    for decision in decisions {
        let spent = if matches!(decision.kind, Kind::Set | Kind::Clear | Kind::Failure) { None } else { amount(decision, decision.spent) };
        let text = |value: &Option<String>| value.as_deref().map(clean).unwrap_or_default();
        table.row(vec![
            at(decision.at),
            decision.kind.word().to_owned(),
            clean(&decision.cap),
            text(&decision.agent),
            text(&decision.session).chars().take(8).collect(),
            shown(spent),
            // What was stopped by hand was stopped by no cap.
            if decision.kind == Kind::Failure || decision.cap.is_empty() {
                String::new()
            } else {
                shown(amount(decision, decision.amount))
            },
            decision.until.map(at).unwrap_or_default(),
            clean(&decision.who),
            text(&decision.why),
        ]);
    }
    table
}
