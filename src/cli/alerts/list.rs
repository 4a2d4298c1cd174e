//! `alerts list`: what there is to tell now.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::alerts::{Alert, Urgency};
use crate::engine::watchman::SNOOZE;
use crate::model::text::clean;
use crate::model::time::rfc3339;

use super::super::context::Context;
use super::super::error::CliError;
use super::super::out::{FAINT, Out, STRONG};
use super::super::telling;
use super::super::when::clock;

#[derive(Serialize)]
struct Answer {
    alerts: Vec<AlertJson>,
    snoozed: Vec<SnoozeJson>,
}

#[derive(Serialize)]
struct AlertJson {
    kind: &'static str,
    urgency: &'static str,
    title: String,
    body: String,
    key: String,
}

#[derive(Serialize)]
struct SnoozeJson {
    kind: String,
    until: String,
}

/// Shows it.
pub(super) fn run(context: &Context) -> Result<ExitCode, CliError> {
    let fresh = context.open()?;
    let (alerts, held) = telling::present(context, &fresh.ingest.store)?;
    let snoozed: Vec<(String, i64)> =
        held.into_iter().filter_map(|(key, until)| Some((key.strip_prefix(SNOOZE)?.to_owned(), until))).collect();
    if context.json {
        let snoozed = snoozed.into_iter().map(|(kind, until)| SnoozeJson { kind: clean(&kind), until: rfc3339(until) }).collect();
        Out::json(&Answer { alerts: alerts.iter().map(json).collect(), snoozed })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if alerts.is_empty() {
        out.line("Nothing to tell.")?;
    }
    for alert in &alerts {
        out.styled(STRONG, &clean(&format!("{} {}", sign(alert.urgency), alert.title)))?;
        out.line(&format!("  {}", clean(&alert.body)))?;
        out.styled(FAINT, &format!("  {}", alert.kind.word()))?;
    }
    for (kind, until) in snoozed {
        out.styled(FAINT, &format!("{} is snoozed until {}", clean(&kind), clock(until, context.zone())))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn json(alert: &Alert) -> AlertJson {
    AlertJson {
        kind: alert.kind.word(),
        urgency: word(alert.urgency),
        title: clean(&alert.title),
        body: clean(&alert.body),
        key: clean(&alert.key),
    }
}

const fn word(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Low => "low",
        Urgency::Normal => "normal",
        Urgency::Critical => "critical",
    }
}

const fn sign(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Low => "·",
        Urgency::Normal => "!",
        Urgency::Critical => "‼",
    }
}
