//! `alerts snooze` and `alerts wake`: kinds of alerts that are not told for a while.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use serde::Serialize;

use crate::engine::journal;
use crate::engine::watchman::SNOOZE;
use crate::model::text::clean;
use crate::model::time::rfc3339;

use super::super::ahead::ahead;
use super::super::context::Context;
use super::super::error::CliError;
use super::super::out::Out;
use super::super::when::clock;

/// How long a lock of another process is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Serialize)]
struct Answer<'a> {
    kind: &'a str,
    snoozed_until: Option<String>,
}

/// Tells nothing of a kind until then.
pub(super) fn snooze(context: &Context, kind: &str, until: &str) -> Result<ExitCode, CliError> {
    let until = ahead(until, context.now, context.zone()).ok_or_else(|| {
        CliError::usage(format!("`{}` is no time that is known here", clean(until)), "such as 2h, 30m, 18:00, midnight or friday")
    })?;
    let ledger = journal::ledger(&context.settings.data_dir, PATIENCE, context.now)?;
    ledger.hold(&format!("{SNOOZE}{kind}"), until, context.now)?;
    say(context, kind, Some(until), &format!("Nothing is told of {kind} until {}.", clock(until, context.zone())))
}

/// Tells it again.
pub(super) fn wake(context: &Context, kind: &str) -> Result<ExitCode, CliError> {
    let ledger = journal::ledger(&context.settings.data_dir, PATIENCE, context.now)?;
    ledger.forget(&format!("{SNOOZE}{kind}"))?;
    say(context, kind, None, &format!("{kind} is told again."))
}

fn say(context: &Context, kind: &str, until: Option<i64>, text: &str) -> Result<ExitCode, CliError> {
    if context.json {
        Out::json(&Answer { kind, snoozed_until: until.map(rfc3339) })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.line(text)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
