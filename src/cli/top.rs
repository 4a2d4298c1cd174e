//! `top`: the live screen, and with `--once` one moment of it as text or JSON.

use std::collections::HashSet;
use std::io::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::budgets::{self, Standing};
use crate::config::{Flags, Group, Range};
use crate::export::json::{self, MomentJson};
use crate::model::text::clean;
use crate::model::time::HOUR;
use crate::model::{Cost, Money, Window};
use crate::query::{Asking, Filter, SessionView, forecast};
use crate::store::GpuBook;
use crate::ui::columns::Column;
use crate::ui::rows::{self, Row};

use super::cap::show::{self, StandingJson};
use super::context::Context;
use super::error::CliError;
use super::listing::{self, Order, columns};
use super::out::{Out, STRONG};
use super::sessions::nothing;
use super::{rules, when, words};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops top                                  the screen; `?` there explains every key
  aifinops top --demo                           the screen with made-up sessions
  aifinops top --range 7d --group project
  aifinops top agent:codex live                 only these sessions
  aifinops top --once --json | jq .today.usd    one moment, for a script or a status bar";

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags as typed")]
pub struct TopArgs {
    /// Words that sessions must all meet: `billing`, `agent:codex`, `project:api`, `model:opus`, `feature:checkout`, `live`
    #[arg(value_name = "FILTER")]
    pub filter: Vec<String>,
    /// Print one moment and end
    #[arg(long)]
    pub once: bool,
    /// Show made-up sessions, touching neither logs nor store
    #[arg(long)]
    pub demo: bool,
    /// The window to begin with
    #[arg(long, value_parser = words::ranges())]
    pub range: Option<Range>,
    /// Everything that is known, as `--range all`
    #[arg(long, conflicts_with = "range")]
    pub all: bool,
    /// The column to sort by
    #[arg(long, value_name = "COLUMN", value_parser = words::columns(), allow_hyphen_values = true)]
    pub sort: Option<Order>,
    /// What to group sessions by
    #[arg(long, value_name = "WHAT", value_parser = words::groups())]
    pub group: Option<Group>,
    /// Begin with the GPUs
    #[arg(skip)]
    pub gpus: bool,
    /// The theme: a built-in one, or one of your own
    #[arg(long, value_name = "NAME", value_parser = words::themes())]
    pub theme: Option<String>,
}

impl TopArgs {
    /// Says what of it is a setting, so that it is checked and told like one.
    pub fn give(&self, flags: &mut Flags) {
        flags.theme.clone_from(&self.theme);
        flags.group = self.group.map(|group| group.word().to_owned());
        flags.range = if self.all { Some(Range::All) } else { self.range }.map(|range| range.word().to_owned());
    }
}

/// Opens the screen, or prints one moment of it.
pub fn run(context: &Context, args: &TopArgs) -> Result<ExitCode, CliError> {
    if args.once || context.json {
        if args.demo {
            return Err(CliError::usage("the demo plays on the screen only", "leave out --once and --json"));
        }
        return once(context, args);
    }
    super::screen::run(context, args)
}

/// The moment, and how caps stand at it.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    moment: MomentJson,
    caps: Option<Vec<StandingJson>>,
    stopped: Option<bool>,
    /// What GPUs have cost today, beside all of the above and in none of it.
    gpu: Option<GpuJson>,
}

/// What GPUs have cost today.
#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "the fields are the JSON's")]
struct GpuJson {
    cost_today_usd: json::Usd,
    cost_today_nano_usd: i64,
    idle_today_usd: json::Usd,
    idle_today_nano_usd: i64,
}

/// How long whoever writes down what GPUs do is waited for.
const PATIENCE: Duration = Duration::from_millis(200);

/// What GPUs have cost today and for nothing, as far as a screen or a watch has noted it.
fn gpus(context: &Context) -> Option<(Money, Money)> {
    let book = GpuBook::open_existing(&context.settings.data_dir, PATIENCE).ok().flatten()?;
    book.spent(Window::today(context.now, context.zone())).ok().flatten()
}

/// The cap that the screen's head shows: `75% of $10.00 (day)`.
fn gauge(context: &Context, standings: &[Standing]) -> String {
    let Some(standing) = budgets::foremost(standings) else { return String::new() };
    let stopped = if standing.halts() { "STOPPED " } else { "" };
    let (mark, percent, limit) = (standing.mark(), standing.permille() / 10, context.amount(standing.allowed()));
    format!("   {stopped}{mark}{percent}% of {limit} ({})", clean(&standing.cap.name))
}

/// The rows of the screen, with nothing folded.
fn rows_of(context: &Context, views: Vec<SessionView>, order: Order, filter: Filter) -> Vec<Row> {
    let order = rows::Order {
        filter,
        sort: order.column().unwrap_or(Column::Today),
        reversed: order.is_reversed(),
        group: context.settings.group.value,
        folded: HashSet::new(),
        fold_all: false,
    };
    let sessions: Vec<Arc<SessionView>> = views.into_iter().map(Arc::new).collect();
    rows::rows(&sessions, &order)
}

/// One moment of the screen.
fn once(context: &Context, args: &TopArgs) -> Result<ExitCode, CliError> {
    let zone = context.zone();
    let window = when::window_of(context.settings.range.value, context.now, zone);
    let mut fresh = context.open()?;
    let living = fresh.living();
    let mut views = fresh.sessions(&Asking { window, now: context.now, zone, living: &living, hour: None })?;
    let store = &fresh.ingest.store;
    let today = store.total(Window::today(context.now, zone))?.cost();
    let mut burn = Cost::default();
    store.each_recent(context.now - HOUR, |_, _, cost| burn += cost)?;
    let ahead = forecast::midnight(&forecast::recent(store, context.now, zone)?, context.now, today);
    let projection = ahead.map(|ahead| ahead.cost());
    let policy = rules::policy(&context.settings);
    let standings = match show::standings_in(context, store, &rules::rules(&context.settings, &policy), policy) {
        Ok(standings) => Some(standings),
        // The rest can be told all the same.
        Err(error) => {
            context.note(&format!("how caps stand cannot be told: {error}"));
            None
        }
    };
    let filter = Filter::parse(&args.filter.join(" "));
    let live = views.iter().filter(|v| v.state.is_live()).count();
    let order = args.sort.unwrap_or_else(|| Order::of(&context.settings.sort));
    if context.json {
        views.retain(|view| filter.matches(view));
        listing::sort(&mut views, order);
        let stopped = standings.as_ref().map(|standings| budgets::verdict(&standings.all).is_some());
        let moment = MomentJson {
            today: json::cost(&today),
            burn_rate: json::cost(&burn),
            projection: projection.as_ref().map(json::cost),
            live,
            sessions: views.iter().map(json::session).collect(),
        };
        let gpu = gpus(context).map(|(cost, idle)| GpuJson {
            cost_today_usd: json::Usd(cost),
            cost_today_nano_usd: cost.nanos(),
            idle_today_usd: json::Usd(idle),
            idle_today_nano_usd: idle.nanos(),
        });
        Out::json(&Answer { moment, caps: standings.as_ref().map(show::all_json), stopped, gpu })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    let ahead = projection.map(|p| format!("   → {} by midnight", context.cost(&p))).unwrap_or_default();
    let gauge = standings.map(|standings| gauge(context, &standings.all)).unwrap_or_default();
    let spent = format!("{} today   {}/h", context.cost(&today), context.cost(&burn));
    let gpu = gpus(context).map(|(cost, idle)| format!("   GPU {} today, idle {}", context.money(cost), context.money(idle)));
    out.styled(STRONG, &format!("aifinops   {spent}{ahead}{gauge}{}   ●{live} live", gpu.unwrap_or_default()))?;
    let is_all = filter.is_empty();
    let rows = rows_of(context, views, order, filter);
    if rows.is_empty() {
        let empty = fresh.is_empty()?;
        out.line(&if empty { fresh.nothing_found() } else { nothing(window, zone, !is_all) })?;
    } else {
        columns::write(context, &rows, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
