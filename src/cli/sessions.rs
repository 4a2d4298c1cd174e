//! `sessions`: all conversations of a window with their spend.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;

use crate::export::json;
use crate::model::{Window, Zone};
use crate::query::Asking;

use super::context::Context;
use super::error::CliError;
use super::filters::FilterArgs;
use super::listing::{self, Order};
use super::out::{Out, STRONG};
use super::table::count;
use super::when::{self, WindowArgs};
use super::words;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops sessions                              the window of your settings (today, unless you changed it)
  aifinops sessions --range 7d --sort spend      the dearest of the last seven days first
  aifinops sessions --since 2026-11-01 --until 2026-11-15
  aifinops sessions --live agent:codex
  aifinops sessions --all --json | jq '.sessions[] | [.project, .cost.usd]'";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct SessionsArgs {
    /// Which sessions.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Which time.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Sort by this
    ///
    /// A `-` before it reverses the order: `--sort -spend`.
    #[arg(long, value_name = "COLUMN", value_parser = words::orders(), allow_hyphen_values = true)]
    pub sort: Option<Order>,
    /// Show no more than this many
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
}

/// Lists sessions.
pub fn run(context: &Context, args: &SessionsArgs) -> Result<ExitCode, CliError> {
    let zone = context.zone();
    let window = args.window.window(context.now, zone)?.unwrap_or_else(|| when::window_of(context.settings.range.value, context.now, zone));
    let mut fresh = context.open()?;
    let living = fresh.living();
    let filter = args.filter.filter();
    let mut views = fresh.sessions(&Asking { window, now: context.now, zone, living: &living, hour: None })?;
    views.retain(|view| filter.matches(view));
    listing::sort(&mut views, args.sort.unwrap_or_else(|| Order::of(&context.settings.sort)));
    let found = views.len();
    views.truncate(args.limit.unwrap_or(usize::MAX));
    if context.json {
        Out::json(&json::sessions(&views, window))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if views.is_empty() {
        let empty = fresh.is_empty()?;
        out.line(&if empty { fresh.nothing_found() } else { nothing(window, zone, !filter.is_empty()) })?;
    } else {
        let live = views.iter().filter(|v| v.state.is_live()).count();
        let all = count(found, "session", "sessions");
        let shown = if found > views.len() { format!("{} of {all}", views.len()) } else { all };
        out.styled(STRONG, &format!("{shown} · {} · {live} live", when::describe(window, zone)))?;
        listing::write(context, &views, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What to say where the window or the filter leaves nothing. Who looked at all time already is not sent there.
#[must_use]
pub fn nothing(window: Window, zone: Zone, filtered: bool) -> String {
    let span = when::describe(window, zone);
    let hint = match (filtered, window == Window::ALL) {
        (true, true) => " The filter may be too narrow.",
        (true, false) => " The filter may be too narrow; --all looks at all time.",
        (false, true) => "",
        (false, false) => " --all looks at all time.",
    };
    format!("Nothing in this window ({span}).{hint}")
}
