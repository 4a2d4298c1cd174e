//! `gateway status`: what gateways are, when they were asked last, and what went wrong since.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::add::{MeJson, me_json};
use super::ask;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out};
use crate::cli::table::{Column, Table};
use crate::gateways::by_kind;
use crate::model::text::clean;
use crate::model::time::{rfc3339, span};
use crate::model::{GatewaySetup, Millis};
use crate::store::Books;
use crate::store::books::{Account, Freshness};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops gateway status
  aifinops gateway status team --json | jq '.gateways[0].problem'";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// The gateway; all of them unless you say so
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

#[derive(Serialize)]
struct StatusJson {
    name: String,
    kind: String,
    version: Option<String>,
    url: String,
    proven: Option<&'static str>,
    key_from: String,
    user: Option<String>,
    me: Option<MeJson>,
    state: &'static str,
    as_of: Option<String>,
    tried_at: Option<String>,
    next_at: Option<String>,
    problem: Option<String>,
    cannot: Vec<String>,
    advice: Vec<String>,
}

#[derive(Serialize)]
struct Answer {
    gateways: Vec<StatusJson>,
}

/// How a gateway's figures are, in a word.
#[must_use]
pub fn state(account: Option<&Account>, now: Millis) -> &'static str {
    match account.map_or(Freshness::Never, |account| account.freshness(now)) {
        Freshness::Never => "never asked",
        Freshness::Failed => "failed",
        Freshness::Stale => "stale",
        Freshness::Old => "old",
        Freshness::Fresh => "ok",
    }
}

/// How old figures are: `12s ago`.
#[must_use]
pub fn age(at: Option<Millis>, now: Millis) -> String {
    at.map_or_else(|| "never".to_owned(), |at| format!("{} ago", span((now - at).max(0))))
}

/// Shows how gateways stand.
pub fn run(context: &Context, args: &StatusArgs) -> Result<ExitCode, CliError> {
    context.note_problems();
    let setups = match ask::all(context, args.name.as_deref()) {
        Err(CliError::NoGateways) if context.json => Vec::new(),
        Err(CliError::NoGateways) => {
            let mut out = Out::text();
            out.line("There is no gateway. `aifinops gateway add NAME URL --token-env VARIABLE` adds one.")?;
            out.flush()?;
            return Ok(ExitCode::SUCCESS);
        }
        setups => setups?,
    };
    let books = Books::open_existing(&context.settings.data_dir, ask::PATIENCE)?;
    let account = |setup: &GatewaySetup| -> Result<Option<Account>, CliError> {
        let account = books.as_ref().map(|books| books.account(&setup.name)).transpose()?.flatten();
        Ok(account.filter(|account| account.url == setup.url && account.kind == setup.kind))
    };
    if context.json {
        let gateways: Result<Vec<_>, CliError> = setups.iter().map(|setup| Ok(status(context, setup, account(setup)?))).collect();
        Out::json(&Answer { gateways: gateways? })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    let mut table = Table::new(vec![
        Column::text("GATEWAY"),
        Column::text("KIND"),
        Column::text("ADDRESS").expendable(2),
        Column::text("KEY FROM").expendable(3),
        Column::text("KEY OF").expendable(1),
        Column::text("AS OF"),
        Column::text("STATE"),
    ]);
    let mut notes = Vec::new();
    for setup in &setups {
        let account = account(setup)?;
        let title = by_kind(&setup.kind).map_or(setup.kind.as_str(), |gateway| gateway.title());
        let version = account.as_ref().and_then(|account| account.version.as_deref()).unwrap_or_default();
        let me = account.as_ref().and_then(|account| account.me.as_ref());
        table.row(vec![
            clean(&setup.name),
            clean(format!("{title} {version}").trim()),
            clean(&setup.url),
            clean(&setup.key.words()),
            me.map_or_else(|| "·".to_owned(), |me| clean(me.name.as_deref().or(me.user.as_deref()).unwrap_or(&me.role))),
            age(account.as_ref().and_then(|account| account.asked_at), context.now),
            state(account.as_ref(), context.now).to_owned(),
        ]);
        if let Some(account) = account {
            notes.extend(account.problem.map(|problem| format!("{}: {}", clean(&setup.name), clean(&problem))));
            notes
                .extend(account.cannot.iter().map(|what| format!("{}: not to be seen with this key: {}", clean(&setup.name), clean(what))));
        }
    }
    table.write(&mut out)?;
    for note in notes {
        out.styled(FAINT, &note)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn status(context: &Context, setup: &GatewaySetup, account: Option<Account>) -> StatusJson {
    let gateway = by_kind(&setup.kind);
    let word = state(account.as_ref(), context.now);
    let account = account.unwrap_or_default();
    StatusJson {
        name: clean(&setup.name),
        kind: clean(&setup.kind),
        version: account.version.as_deref().map(clean),
        url: clean(&setup.url),
        proven: gateway.map(|gateway| gateway.proof().words()),
        key_from: clean(&setup.key.words()),
        user: setup.user.as_deref().map(clean),
        me: account.me.as_ref().map(me_json),
        state: word,
        as_of: account.asked_at.map(rfc3339),
        tried_at: account.tried_at.map(rfc3339),
        next_at: Some(account.not_before).filter(|at| *at > context.now).map(rfc3339),
        problem: account.problem.as_deref().map(clean),
        cannot: account.cannot,
        advice: gateway.zip(account.me.as_ref()).map(|(gateway, me)| gateway.advice(me)).unwrap_or_default(),
    }
}
