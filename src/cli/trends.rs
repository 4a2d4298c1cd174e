//! `trends`: days, weeks or months beside each other by what one of something costs, each with its change.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write as _};
use std::process::ExitCode;

use chrono::NaiveDate;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::Value;

use crate::export::json::{self, CostJson, MoneyJson, TokensJson};
use crate::model::text::clean;
use crate::model::time::rfc3339;
use crate::model::tokens::compact;
use crate::model::{Money, Window};
use crate::query::Asking;
use crate::query::trends::units::{self, Measure, arrow, change};
use crate::query::trends::{self, Metric, ModelUnits, Period, Units};

use super::context::{Context, Fresh};
use super::error::CliError;
use super::filters::FilterArgs;
use super::out::{FAINT, Out, STRONG};
use super::sessions::nothing;
use super::table::{Column, Table, count};
use super::when::WindowArgs;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops trends                                the last twelve weeks, each against the one before
  aifinops trends daily --since monday
  aifinops trends monthly project:api            one project's months
  aifinops trends --json | jq '.rows[-1].change_permille'

A period that is not over is compared with the same length of the one before it.";

/// Periods are told apart up to this number; a year of days has fewer.
const MOST: usize = 400;

/// How long a period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Rows {
    /// Your days
    #[value(alias = "day", alias = "days")]
    Daily,
    /// Weeks from Monday
    #[default]
    #[value(alias = "week", alias = "weeks")]
    Weekly,
    /// Calendar months
    #[value(alias = "month", alias = "months")]
    Monthly,
}

impl Rows {
    const fn period(self) -> Period {
        match self {
            Rows::Daily => Period::Day,
            Rows::Weekly => Period::Week,
            Rows::Monthly => Period::Month,
        }
    }

    /// Periods shown where no window was asked for.
    const fn usual(self) -> usize {
        match self {
            Rows::Daily => 14,
            _ => 12,
        }
    }
}

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
pub struct TrendsArgs {
    /// How long a period is
    #[arg(value_name = "PERIOD", default_value = "weekly")]
    pub rows: Rows,
    /// Which sessions.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Which periods: those that the window touches.
    #[command(flatten)]
    pub window: WindowArgs,
}

/// A period, and the same length of the one before.
struct Row {
    first: NaiveDate,
    window: Window,
    running: bool,
    now: Units,
    before: Units,
}

/// Prints the trends.
pub fn run(context: &Context, args: &TrendsArgs) -> Result<ExitCode, CliError> {
    let zone = context.zone();
    let period = args.rows.period();
    let window = args.window.window(context.now, zone)?;
    let mut fresh = context.open()?;
    let firsts = firsts(context, &fresh, args, window)?;
    let rows = rows(context, &mut fresh, args, &firsts)?;
    if context.json {
        Out::json(&answer(period, &rows))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if rows.iter().all(|row| row.now.sums.is_zero()) {
        let empty = fresh.is_empty()?;
        let shown = Window { from: rows.first().map_or(context.now, |row| row.window.from), to: context.now };
        out.line(&if empty { fresh.nothing_found() } else { nothing(shown, zone, !args.filter.filter().is_empty()) })?;
    } else {
        print(context, period, &rows, &mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The first days of the periods asked for.
fn firsts(context: &Context, fresh: &Fresh, args: &TrendsArgs, window: Option<Window>) -> Result<Vec<NaiveDate>, CliError> {
    let (zone, period) = (context.zone(), args.rows.period());
    // Before records begin there is nothing to tell.
    let begin = fresh.ingest.store.first_slot()?.unwrap_or(context.now).min(context.now);
    let (from, last, most) = match window {
        None => (begin, context.now, args.rows.usual()),
        Some(window) => (window.from.max(begin), window.to.min(context.now.saturating_add(1)) - 1, MOST),
    };
    let mut firsts = trends::beginnings(period, last.max(from), zone, most);
    let first = period.first(from, zone);
    firsts.retain(|day| *day >= first);
    Ok(firsts)
}

/// What happened in each period, and in the same length before it.
fn rows(context: &Context, fresh: &mut Fresh, args: &TrendsArgs, firsts: &[NaiveDate]) -> Result<Vec<Row>, CliError> {
    let (zone, period) = (context.zone(), args.rows.period());
    let mut windows = Vec::new();
    for first in firsts {
        let own = trends::window(period, *first, zone);
        windows.push(own);
        windows.push(trends::same_before(period, *first, context.now, zone).unwrap_or(Window { to: own.from, from: own.from }));
    }
    let filter = args.filter.filter();
    let kept: Option<HashSet<i64>> = if filter.is_empty() {
        None
    } else {
        let window = Window { from: windows.iter().map(|w| w.from).min().unwrap_or(0), to: context.now.saturating_add(1) };
        let living = fresh.living();
        let views = fresh.sessions(&Asking { window, now: context.now, zone, living: &living, hour: None })?;
        Some(views.iter().filter(|view| filter.matches(view)).map(|view| view.id).collect())
    };
    let keeps = |session: i64| kept.as_ref().is_none_or(|kept| kept.contains(&session));
    let asking = units::Asking { windows: &windows, keeps: &keeps, passes: &|model| filter.meets_model(model) };
    let mut found = units::units(&fresh.ingest.store, &mut fresh.ingest.prices, &asking)?.into_iter();
    let row = |first: &NaiveDate| {
        let window = trends::window(period, *first, zone);
        let (now, before) = (found.next().unwrap_or_default(), found.next().unwrap_or_default());
        Row { first: *first, window, running: window.contains(context.now), now, before }
    };
    Ok(firsts.iter().map(row).collect())
}

/// A figure in words.
fn show(context: &Context, units: &Units, metric: Metric) -> String {
    let Some(value) = units.value(metric) else {
        let is_unknown = metric.measure() == Measure::Money && units.cost().money().is_none();
        return if is_unknown { "?" } else { "·" }.to_owned();
    };
    let mark = if metric.measure() == Measure::Money && units.cost().is_lower_bound() { "≥" } else { "" };
    match metric.measure() {
        Measure::Money => format!("{mark}{}", context.money(Money::from_nanos(value))),
        Measure::Tokens => compact(value.unsigned_abs()),
        Measure::Permille => format!("{}.{}%", value / 10, value % 10),
    }
}

fn print(context: &Context, period: Period, rows: &[Row], out: &mut Out) -> io::Result<()> {
    let heads = ["SPEND", "PER TASK", "PER SESSION", "P50/REQUEST", "P99/REQUEST", "CACHE HIT", "RETRIES", "FAILED TOOLS"];
    let ranks = [0, 0, 4, 6, 5, 1, 3, 2];
    let mut columns = vec![Column::text(match period {
        Period::Day => "DAY",
        Period::Week => "WEEK OF",
        Period::Month => "MONTH",
    })];
    for (head, rank) in heads.into_iter().zip(ranks) {
        columns.push(Column::number(head).expendable(rank));
        columns.push(Column::text("").expendable(rank));
    }
    columns.push(Column::number("TASKS").expendable(7));
    columns.push(Column::number("SESSIONS").expendable(8));
    let mut table = Table::new(columns);
    for row in rows {
        let mut cells = vec![format!("{}{}", period.name(row.first), if row.running { " …" } else { "" })];
        for metric in Metric::ALL {
            cells.push(show(context, &row.now, metric));
            cells.push(arrow(row.now.change(&row.before, metric)));
        }
        cells.push(row.now.beside_models(|sums| sums.prompts).map_or_else(|| "·".to_owned(), |tasks| tasks.to_string()));
        cells.push(row.now.sessions.to_string());
        table.row(cells);
    }
    table.write(out)?;
    let Some(last) = rows.iter().rev().find(|row| !row.now.models.is_empty()) else { return Ok(()) };
    out.line("")?;
    out.styled(STRONG, &format!("{} · by model, for a million tokens", period.name(last.first)))?;
    let mut table = Table::new(vec![
        Column::text("MODEL"),
        Column::number("CALLS").expendable(1),
        Column::number("COST"),
        Column::number("1M IN"),
        Column::text(""),
        Column::number("1M OUT"),
        Column::text(""),
    ]);
    for (name, model) in by_cost(&last.now) {
        let before = last.before.models.get(name);
        let cell = |of: fn(&ModelUnits) -> Option<Money>| {
            let (now, before) = (of(model), before.and_then(of));
            let text = now.map_or_else(|| if model.cost.unpriced_calls > 0 { "?" } else { "·" }.to_owned(), |money| context.money(money));
            [text, arrow(change(now.map(Money::nanos), before.map(Money::nanos)))]
        };
        let [million_in, change_in] = cell(ModelUnits::million_in);
        let [million_out, change_out] = cell(ModelUnits::million_out);
        let cost = &model.cost;
        let calls = cost.priced_calls + cost.reported_calls + cost.unpriced_calls;
        table.row(vec![clean(name), calls.to_string(), context.cost(cost), million_in, change_in, million_out, change_out]);
    }
    table.write(out)?;
    let unpriced: u64 = rows.iter().map(|row| row.now.cost().unpriced_calls).sum();
    if unpriced > 0 {
        let calls = count(unpriced, "call has", "calls have");
        out.styled(FAINT, &format!("{calls} no known price; what is shown of them is a lower bound (≥)"))?;
    }
    Ok(())
}

/// The models, the dearest first.
fn by_cost(units: &Units) -> Vec<(&str, &ModelUnits)> {
    let mut models: Vec<(&str, &ModelUnits)> = units.models.iter().map(|(name, model)| (&**name, model)).collect();
    models.sort_by(|(a_name, a), (b_name, b)| b.cost.known.cmp(&a.cost.known).then(a_name.cmp(b_name)));
    models
}

#[derive(Serialize)]
struct Answer {
    period: &'static str,
    rows: Vec<RowJson>,
}

#[derive(Serialize)]
struct RowJson {
    #[serde(flatten)]
    name: BTreeMap<&'static str, String>,
    from: String,
    to: String,
    running: bool,
    cost: CostJson,
    tasks: Option<i64>,
    sessions: u64,
    calls: i64,
    tool_calls: Option<i64>,
    tokens: TokensJson,
    usd_per_task: Option<MoneyJson>,
    usd_per_session: Option<MoneyJson>,
    tokens_per_request_p50: Option<i64>,
    tokens_per_request_p99: Option<i64>,
    cache_hit_permille: Option<i64>,
    retry_permille: Option<i64>,
    tool_failure_permille: Option<i64>,
    change_permille: BTreeMap<&'static str, Value>,
    models: Vec<ModelJson>,
}

#[derive(Serialize)]
struct ModelJson {
    model: String,
    cost: CostJson,
    tokens: TokensJson,
    usd_per_million_in: Option<MoneyJson>,
    usd_per_million_out: Option<MoneyJson>,
    change_permille: BTreeMap<&'static str, Value>,
}

/// The names of the figures in JSON, in the order of [`Metric::ALL`].
const NAMES: [&str; 8] = [
    "cost",
    "usd_per_task",
    "usd_per_session",
    "tokens_per_request_p50",
    "tokens_per_request_p99",
    "cache_hit_permille",
    "retry_permille",
    "tool_failure_permille",
];

fn answer(period: Period, rows: &[Row]) -> Answer {
    Answer { period: period.word(), rows: rows.iter().map(|row| row_json(period, row)).collect() }
}

fn row_json(period: Period, row: &Row) -> RowJson {
    let units = &row.now;
    let money = |metric| units.value(metric).map(|nanos| json::money(Money::from_nanos(nanos)));
    let changes = NAMES.into_iter().zip(Metric::ALL).map(|(name, metric)| (name, Value::from(units.change(&row.before, metric))));
    let model = |(name, model): (&'_ str, &ModelUnits)| -> ModelJson {
        let before = row.before.models.get(name);
        let moved =
            |of: fn(&ModelUnits) -> Option<Money>| Value::from(change(of(model).map(Money::nanos), before.and_then(of).map(Money::nanos)));
        ModelJson {
            model: clean(name),
            cost: json::cost(&model.cost),
            tokens: json::tokens(&model.tokens),
            usd_per_million_in: model.million_in().map(json::money),
            usd_per_million_out: model.million_out().map(json::money),
            change_permille: BTreeMap::from([
                ("usd_per_million_in", moved(ModelUnits::million_in)),
                ("usd_per_million_out", moved(ModelUnits::million_out)),
            ]),
        }
    };
    RowJson {
        name: BTreeMap::from([(period.word(), period.name(row.first))]),
        from: rfc3339(row.window.from),
        to: rfc3339(row.window.to),
        running: row.running,
        cost: json::cost(&units.cost()),
        tasks: units.beside_models(|sums| sums.prompts),
        sessions: units.sessions,
        calls: units.sums.calls,
        tool_calls: units.beside_models(|sums| sums.tools),
        tokens: json::tokens(&units.sums.tokens()),
        usd_per_task: money(Metric::PerTask),
        usd_per_session: money(Metric::PerSession),
        tokens_per_request_p50: units.value(Metric::RequestMedian),
        tokens_per_request_p99: units.value(Metric::RequestMost),
        cache_hit_permille: units.value(Metric::CacheHit),
        retry_permille: units.value(Metric::Retries),
        tool_failure_permille: units.value(Metric::ToolFailures),
        change_permille: changes.collect(),
        models: by_cost(units).into_iter().map(model).collect(),
    }
}
