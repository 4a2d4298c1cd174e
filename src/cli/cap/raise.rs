//! `cap raise`: more room under a cap for a while, and why.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::show::{self, AmountJson, Standings, amount_json};
use crate::budgets::{self, Standing};
use crate::cli::ahead::ahead;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::cli::when::coming;
use crate::model::cap::{Amount, AmountError, Cap, Unit};
use crate::model::text::clean;
use crate::model::{Millis, Window, time};
use crate::store::ledger::{Decision, Kind};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops cap raise 10                                  the cap that binds, until it resets
  aifinops cap raise 5 day-codex --until 2h
  aifinops cap raise 20 week --until friday --reason 'release'
  aifinops cap raise '40 steps' task-steps --until 18:00";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct RaiseArgs {
    /// How much more: dollars, tokens or steps
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true)]
    pub amount: String,
    /// The cap's name; the one that binds unless you say so
    #[arg(value_name = "CAP")]
    pub cap: Option<String>,
    /// Until when: `midnight`, a time from now (`2h`, `30m`, `1d`), a time of day (`18:00`), a day, or a moment of one
    ///
    /// Unless you say so: until the cap resets; for a cap per session or task, until midnight.
    #[arg(long, value_name = "WHEN", allow_hyphen_values = true)]
    pub until: Option<String>,
    /// Why; kept in the log
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

#[derive(Serialize)]
struct Answer {
    cap: String,
    by: AmountJson,
    until: String,
    reason: Option<String>,
    allowed: AmountJson,
    left: AmountJson,
    stopped_by: Option<String>,
}

/// Grants a raise of one cap: checks it and writes it down. Gives what was written.
pub fn grant(context: &Context, standing: &Standing, by: Amount, until: Option<&str>, reason: Option<&str>) -> Result<Decision, CliError> {
    let cap = &standing.cap;
    fits(cap, by)?;
    let decision = Decision {
        unit: by.unit.word().to_owned(),
        spent: standing.spent().count,
        until: Some(self::until(until, standing, context)?),
        why: reason.map(clean),
        ..show::decision(context, cap, Kind::Raise, by.count)
    };
    let ledger = show::ledger(context)?;
    ledger.record(&decision)?;
    show::keep_copy(context, &ledger);
    Ok(decision)
}

/// Raises a cap.
pub fn run(context: &Context, args: &RaiseArgs) -> Result<ExitCode, CliError> {
    let by = Amount::parse(&args.amount).map_err(|error| {
        let why = if error == AmountError::Zero { "is nothing to raise a cap by".to_owned() } else { error.to_string() };
        CliError::usage(format!("`{}` {why}", clean(&args.amount)), "such as `aifinops cap raise 10`")
    })?;
    let mut standings = show::standings(context)?;
    let standing = chosen(&standings, args.cap.as_deref(), by.unit)?.clone();
    let cap = &standing.cap;
    let decision = grant(context, &standing, by, args.until.as_deref(), args.reason.as_deref())?;
    let until = decision.until.unwrap_or(standing.window.to);
    for other in &mut standings.all {
        if other.cap.name == cap.name {
            other.raised = other.raised.saturating_add(by.count);
        }
    }
    let after = standings.all.iter().find(|s| s.cap.name == cap.name).unwrap_or(&standing);
    let stopped_by = budgets::verdict(&standings.all).map(|s| s.cap.name.clone());
    if context.json {
        Out::json(&Answer {
            cap: clean(&cap.name),
            by: amount_json(by),
            until: time::rfc3339(until),
            reason: decision.why,
            allowed: amount_json(after.allowed()),
            left: amount_json(after.left()),
            stopped_by: stopped_by.as_deref().map(clean),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    let at = coming(until, context.now, context.zone());
    let (more, allowed, left) = (context.amount(by), context.amount(after.allowed()), context.amount(after.left()));
    out.line(&format!("`{}` is raised by {more} to {allowed} until {at}; {left} left.", clean(&cap.name)))?;
    if let Some(name) = stopped_by {
        out.line(&format!("Agents are still stopped by `{}`.", clean(&name)))?;
    } else if standing.halts() {
        out.line("Stopped agents go on with their next prompt: type \"continue\".")?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The cap that was named, or the one that binds: first of those that stop now.
fn chosen<'a>(standings: &'a Standings, name: Option<&str>, unit: Unit) -> Result<&'a Standing, CliError> {
    let names = || standings.all.iter().map(|s| s.cap.name.as_str()).collect::<Vec<_>>().join(", ");
    if let Some(name) = name {
        let found = standings.all.iter().find(|s| s.cap.name == name);
        return found.ok_or_else(|| CliError::NoCap { name: clean(name), known: clean(&names()) });
    }
    let of_unit: Vec<Standing> = standings.all.iter().filter(|s| s.cap.limit.unit == unit && !s.cap.managed).cloned().collect();
    let best = budgets::verdict(&of_unit).or_else(|| budgets::binding(&of_unit)).or(of_unit.first()).map(|s| s.cap.name.clone());
    let best = best.or_else(|| budgets::binding(&standings.all).map(|s| s.cap.name.clone()));
    match standings.all.iter().find(|s| Some(&s.cap.name) == best.as_ref()) {
        Some(found) => Ok(found),
        None => Err(CliError::NoCaps),
    }
}

fn fits(cap: &Cap, by: Amount) -> Result<(), CliError> {
    if cap.managed {
        return Err(CliError::Managed { cap: clean(&cap.name), words: clean(&cap.words()), at_gateway: cap.gateway.is_some() });
    }
    if cap.limit.unit != by.unit {
        let message = format!("`{}` is a {}, which cannot be raised by {by}", clean(&cap.name), clean(&cap.words()));
        return Err(CliError::usage(message, "name the cap that you mean: `aifinops cap raise AMOUNT CAP`"));
    }
    Ok(())
}

fn until(text: Option<&str>, standing: &Standing, context: &Context) -> Result<Millis, CliError> {
    let midnight = Window::today(context.now, context.zone()).to;
    let Some(text) = text else {
        return Ok(if standing.cap.span.is_calendar() { standing.window.to } else { midnight });
    };
    let until = ahead(text, context.now, context.zone());
    let until = until.ok_or_else(|| {
        CliError::usage(
            format!("`{}` is no time that is known here", clean(text)),
            "for --until, such as midnight, 2h, 30m, 18:00, friday, 2026-12-01 or 2026-12-01T18:00",
        )
    })?;
    if until <= context.now {
        return Err(CliError::usage("--until lies in the past", "such as midnight, 2h or 18:00"));
    }
    Ok(until)
}
