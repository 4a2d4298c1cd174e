//! `alerts test`: a trial of the ways that a person is told by.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::alerts::{self, Alert, AlertKind, Setup, Urgency, Way};
use crate::model::text::{clean, without_number};

use super::super::context::{Context, variable};
use super::super::error::{CliError, FAILURE};
use super::super::out::Out;

#[derive(Serialize)]
struct Answer {
    ways: Vec<Tried>,
}

#[derive(Serialize)]
struct Tried {
    way: &'static str,
    ok: bool,
    error: Option<String>,
}

/// Does it.
pub(super) fn run(context: &Context, ways: &[String]) -> Result<ExitCode, CliError> {
    let chosen = &context.settings.alerts;
    context.note_problems();
    let mut setup = Setup { env: &variable, webhook: chosen.webhook().cloned(), screen: None };
    let names = if ways.is_empty() { chosen.ways() } else { ways };
    let sample = sample(context);
    let tried: Vec<Tried> = alerts::ways(names, &mut setup).iter().map(|way| attempt(way.as_ref(), &sample)).collect();
    let all = tried.iter().all(|tried| tried.ok);
    if context.json {
        Out::json(&Answer { ways: tried })?;
    } else {
        print(&tried)?;
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

fn attempt(way: &dyn Way, sample: &Alert) -> Tried {
    let error = way.tell(sample).err().map(|error| clean(&without_number(&error.to_string())));
    Tried { way: way.name(), ok: error.is_none(), error }
}

fn sample(context: &Context) -> Alert {
    Alert {
        kind: AlertKind::Test,
        key: format!("test:{}", context.now),
        at: context.now,
        until: context.now,
        title: "A sample from aifinops".to_owned(),
        body: "This is how you will be told of caps, costly sessions and stopped loops.".to_owned(),
        urgency: Urgency::Normal,
    }
}

fn print(tried: &[Tried]) -> Result<(), CliError> {
    let mut out = Out::text();
    if tried.is_empty() {
        out.line("No way is in use: `alerts.ways` is `none`.")?;
    }
    for Tried { way, error, .. } in tried {
        let about = alerts::ALL.iter().find(|known| known.name == *way).map_or("", |known| known.about);
        match error {
            None => out.line(&format!("✓ {way:<9} sent: {about}"))?,
            Some(error) => out.line(&format!("✗ {way:<9} {error}"))?,
        }
    }
    Ok(out.flush()?)
}
