//! `cap log`: every decision and override.

use std::io::Write as _;
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
  aifinops cap log --since monday --limit 1000
  aifinops cap log --json";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// How many, the newest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    pub limit: usize,
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
    let window = args.window.window(context.now, context.zone())?.unwrap_or(Window::ALL);
    let ledger = show::ledger(context)?;
    let mut decisions = ledger.decisions(window.from, usize::MAX)?;
    decisions.retain(|decision| window.contains(decision.at));
    decisions.truncate(args.limit);
    if context.json {
        Out::json(&Answer { decisions: decisions.iter().map(as_json).collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if decisions.is_empty() {
        let is_all = window == Window::ALL && args.limit > 0;
        out.line(if is_all { "Nothing has been decided yet." } else { "Nothing was decided in this window." })?;
    } else {
        table(context, &decisions).write(&mut out)?;
    }
    out.flush()?;
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
