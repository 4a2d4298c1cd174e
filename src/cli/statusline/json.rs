//! The same figures for scripts.

use std::process::ExitCode;

use serde::Serialize;

use crate::budgets::Standing;
use crate::cli::cap::show::{AmountJson, amount_json};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::export::json::{CostJson, cost};
use crate::model::RateLimit;
use crate::model::text::clean;
use crate::model::time::rfc3339;

use super::input::Given;

#[derive(Serialize)]
struct Answer {
    at: String,
    session: Option<SessionJson>,
    today: CostJson,
    burn_rate: CostJson,
    caps: Vec<CapJson>,
    live: Option<usize>,
    limits: Vec<LimitJson>,
}

#[derive(Serialize)]
struct SessionJson {
    id: Option<String>,
    cost: CostJson,
    loop_steps: u64,
    context_permille: Option<u32>,
}

#[derive(Serialize)]
struct CapJson {
    name: String,
    per: &'static str,
    spent: AmountJson,
    allowed: AmountJson,
    used_permille: u64,
}

#[derive(Serialize)]
struct LimitJson {
    limit: String,
    window_minutes: u32,
    used_permille: u32,
    resets_at: Option<String>,
}

fn cap(standing: &Standing) -> CapJson {
    CapJson {
        name: clean(&standing.cap.name),
        per: standing.cap.span.word(),
        spent: amount_json(standing.spent()),
        allowed: amount_json(standing.allowed()),
        used_permille: standing.permille(),
    }
}

/// Prints them. Where the store cannot be used, that is an error here; what has not been read yet is read first.
pub fn print(context: &Context, given: &Option<Given>) -> Result<ExitCode, CliError> {
    let given = given.as_ref();
    let mut seen = super::look(context, given, true)?;
    if seen.partial {
        context.open()?;
        seen = super::look(context, given, true)?;
    }
    let limit = |l: &RateLimit| LimitJson {
        limit: clean(l.limit.as_deref().unwrap_or_default()),
        window_minutes: l.window_minutes,
        used_permille: l.used_permille,
        resets_at: l.resets_at.map(rfc3339),
    };
    Out::json(&Answer {
        at: rfc3339(context.now),
        session: seen.session.as_ref().map(|session| SessionJson {
            id: given.and_then(|given| given.session.as_deref()).map(clean),
            cost: cost(&session.cost),
            loop_steps: session.steps,
            context_permille: given.and_then(|given| given.context_permille).or(session.context_permille),
        }),
        today: cost(&seen.today),
        burn_rate: cost(&seen.last_hour),
        caps: seen.caps.iter().map(cap).collect(),
        live: seen.live,
        limits: given.map(|given| given.limits.iter().map(limit).collect()).unwrap_or_default(),
    })?;
    Ok(ExitCode::SUCCESS)
}
