//! `waste`: where the money goes, and what the same tokens cost at other models' prices.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::config::nearest;
use crate::export::json::waste as json;
use crate::model::Window;
use crate::pricing::{Book, Rates};
use crate::query::waste::{self, Asked, Found};
use crate::query::{Asking, Filter, SessionView, sessions_by_id};

use super::context::{Context, Fresh};
use super::error::CliError;
use super::filters::FilterArgs;
use super::out::{Out, STRONG};
use super::session;
use super::sessions::nothing;
use super::table::count;
use super::when::{self, WindowArgs};

pub mod print;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops waste                                         the last 30 days
  aifinops waste --range 7d --project api --limit 3
  aifinops waste --session 3f2a91c0                      one session, all of it
  aifinops waste --what-if claude-haiku-4-5 --what-if gpt-5-mini
  aifinops waste --all --json | jq '.categories[] | [.name, .cost.usd, .attribution]'

CATEGORIES, each part of a step's price in one of them at most, in this order:
  context sent again          tokens of the prompt that were in the context the step before left,
                              at what they were billed at: cache reads first, then cache writes,
                              then input; without what the next two claim
  cache misses after a pause  the session paused longer than the cache lives (5 minutes, an hour
                              where an hour was paid for): what had been cached and was written or
                              sent anew, above the price of reading it
  compactions                 after a compaction, what did not come from the cache, above the price
                              of reading it
  cache writes never read     written, and no later step of the session read the cache of that model
                              before its life ended: the price above plain input
  failed tools                the share of a task's failed tool calls in the new tokens of its steps

Context has to be sent; the other four are what other habits would have saved. Tokens may stand in
several categories, money never does. Retries are counted: logs tell no tokens of them. The share of
subagents is a share of the money, no loss, and overlaps with all categories.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct WasteArgs {
    /// Which sessions.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Which time.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Only this session, by its id or the beginning of it; all of its life unless a window is given
    #[arg(long, value_name = "ID", conflicts_with_all = ["words", "agent", "project", "live"])]
    pub session: Option<String>,
    /// Show what the same tokens would cost at this model's price; may be given more than once
    #[arg(long = "what-if", value_name = "MODEL")]
    pub what_if: Vec<String>,
    /// List no more sessions than this
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub limit: usize,
}

/// Shows where the money goes.
pub fn run(context: &Context, args: &WasteArgs) -> Result<ExitCode, CliError> {
    let zone = context.zone();
    let given = args.window.window(context.now, zone)?;
    let usual = if args.session.is_some() { Window::ALL } else { Window::last_days(context.now, zone, 30) };
    let window = given.unwrap_or(usual);
    let mut fresh = context.open()?;
    let swaps = swaps(fresh.ingest.prices.book(), &args.what_if)?;
    let only = args.session.as_deref().map(|id| session::find(&fresh.ingest.store, id)).transpose()?;
    let filter = args.filter.filter();
    let found = ask(context, &mut fresh, &Question { window, filter: &filter, only, swaps: &swaps, limit: args.limit })?;
    if context.json {
        Out::json(&json::found(&found, only.is_some()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if found.total.steps == 0 {
        let empty = fresh.is_empty()?;
        out.line(&if empty { fresh.nothing_found() } else { nothing(found.window, zone, !filter.is_empty()) })?;
    } else {
        let of = match (only, found.sessions.first()) {
            (Some(_), Some(one)) => one.view.uid.to_string(),
            _ => count(found.all_sessions as u64, "session", "sessions"),
        };
        let steps = count(found.total.steps, "step", "steps");
        let head = format!("{} · {of} · {steps} · {}", when::describe(found.window, zone), context.cost(&found.total.cost));
        out.styled(STRONG, &crate::model::text::clean(&head))?;
        print::all(context, &found, only.is_some(), &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What is asked, besides what the settings say.
pub(super) struct Question<'a> {
    pub window: Window,
    pub filter: &'a Filter,
    pub only: Option<i64>,
    pub swaps: &'a [(String, Rates)],
    pub limit: usize,
}

/// Asks it.
pub(super) fn ask(context: &Context, fresh: &mut Fresh, question: &Question<'_>) -> Result<Found, CliError> {
    let views = views(context, fresh, question)?;
    let asked = Asked {
        window: question.window,
        now: context.now,
        filter: question.filter,
        only: question.only,
        swaps: question.swaps,
        classes: &context.settings.tier_models,
        targets: &context.settings.tier_target,
        limit: question.limit,
    };
    Ok(waste::find(&fresh.ingest.store, &mut fresh.ingest.prices, &asked, views)?)
}

/// The sessions that count; with a single one those that work for it.
fn views(context: &Context, fresh: &mut Fresh, question: &Question<'_>) -> Result<Vec<SessionView>, CliError> {
    let living = fresh.living();
    let window = question.window.in_quarters();
    let asking = Asking { window, now: context.now, zone: context.zone(), living: &living, hour: None };
    let Some(id) = question.only else {
        let mut views = fresh.sessions(&asking)?;
        views.retain(|view| question.filter.matches(view));
        return Ok(views);
    };
    let family = fresh.ingest.store.conversation(id)?;
    Ok(sessions_by_id(&fresh.ingest.store, &mut fresh.ingest.prices, &asking, &family)?)
}

/// The rates of models by name.
fn swaps(book: &Book, names: &[String]) -> Result<Vec<(String, Rates)>, CliError> {
    let rates = |name: &String| match book.find(name) {
        Some(rates) => Ok((name.clone(), rates)),
        None => Err(CliError::NoModel { near: near(book, name), model: name.clone() }),
    };
    names.iter().map(rates).collect()
}

/// Names that are shown in place of one that nobody knows.
const NEAR: usize = 5;

/// Names of the price list that look like this one: those that hold it, the shortest first, then those a slip of the hand away.
fn near(book: &Book, name: &str) -> Vec<String> {
    let wanted = name.trim().to_lowercase();
    let mut found: Vec<&str> = if wanted.len() < 3 { Vec::new() } else { book.names().filter(|known| known.contains(&wanted)).collect() };
    found.sort_by_key(|known| (known.len(), *known));
    found.truncate(NEAR);
    while found.len() < NEAR
        && let Some(next) = nearest(&wanted, book.names().filter(|known| !found.contains(known)))
    {
        found.push(next);
    }
    found.into_iter().map(str::to_owned).collect()
}
