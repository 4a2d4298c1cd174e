//! `report`: sums by day, week, month, model, project, agent, or by what sessions were for.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

use chrono::Datelike as _;
use clap::{Args, ValueEnum};

use crate::export::json::{self, RowJson};
use crate::model::time::day_of;
use crate::model::tokens::compact;
use crate::model::{Dimension, Tokens, Window};
use crate::query::Asking;
use crate::store::Sums;

use super::context::{Context, Fresh};
use super::error::CliError;
use super::filters::FilterArgs;
use super::out::{FAINT, Out, STRONG};
use super::sessions::nothing;
use super::table::{Column, Table, count};
use super::when::{self, WindowArgs};

use crate::query::report::{self as rows, Dimensions, Period, Place, Row};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops report daily                          the last 30 days, one row a day
  aifinops report daily --breakdown              each day by agent and model
  aifinops report weekly --by project            each week by project
  aifinops report models --since monday
  aifinops report daily --all --json             rows of day, agent and model
  aifinops report daily --by day --all --json    rows of days only
  aifinops report --by feature                   what each feature has cost, and the share of none
  aifinops report --by month,customer,team --all

Without a window: daily, models, projects and agents show 30 days, weekly 12 weeks, monthly everything.";

/// What the rows stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Your days
    #[value(alias = "day", alias = "days")]
    Daily,
    /// Weeks from Monday
    #[value(alias = "week", alias = "weeks")]
    Weekly,
    /// Calendar months
    #[value(alias = "month", alias = "months")]
    Monthly,
    /// Models
    #[value(alias = "model")]
    Models,
    /// Projects
    #[value(alias = "project")]
    Projects,
    /// Agents
    #[value(alias = "agent")]
    Agents,
}

/// What else tells rows apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The day
    Day,
    /// The week, from Monday
    Week,
    /// The calendar month
    Month,
    /// The agent
    Agent,
    /// The model
    Model,
    /// The project
    Project,
    /// Whose work it was
    Team,
    /// What was built
    Feature,
    /// Who pays for it
    Customer,
    /// Where it runs
    Environment,
    /// The experiment it belongs to
    Experiment,
}

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// What the rows stand for; without it, --by says so
    #[arg(value_name = "REPORT", required_unless_present = "by")]
    pub kind: Option<Kind>,
    /// Which sessions.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Which time.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Tell rows apart by these only, besides the report's own
    ///
    /// Several with commas: `--by agent,model`. Of team, feature, customer, environment and experiment the report also says
    /// what share has none; rules in the configuration and `aifinops tag` attribute. In JSON, reports by time otherwise have a row for each agent and model.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub by: Vec<By>,
    /// A row for each agent and model
    #[arg(long, conflicts_with = "by")]
    pub breakdown: bool,
}

impl ReportArgs {
    /// What tells the rows apart.
    fn dimensions(&self, json: bool) -> Dimensions {
        let mut by = Dimensions::default();
        let mut timed = true;
        match self.kind {
            Some(Kind::Daily) => by.period = Some(Period::Day),
            Some(Kind::Weekly) => by.period = Some(Period::Week),
            Some(Kind::Monthly) => by.period = Some(Period::Month),
            Some(Kind::Models) => (by.model, timed) = (true, false),
            Some(Kind::Projects) => (by.project, timed) = (true, false),
            Some(Kind::Agents) => (by.agent, timed) = (true, false),
            None => {}
        }
        for more in &self.by {
            match more {
                By::Day => by.period = by.period.or(Some(Period::Day)),
                By::Week => by.period = by.period.or(Some(Period::Week)),
                By::Month => by.period = by.period.or(Some(Period::Month)),
                By::Team => by.labels.add(Dimension::Team),
                By::Feature => by.labels.add(Dimension::Feature),
                By::Customer => by.labels.add(Dimension::Customer),
                By::Environment => by.labels.add(Dimension::Environment),
                By::Experiment => by.labels.add(Dimension::Experiment),
                By::Agent => by.agent = true,
                By::Model => by.model = true,
                By::Project => by.project = true,
            }
        }
        if self.breakdown || json && timed && self.by.is_empty() {
            (by.agent, by.model) = (true, true);
        }
        by
    }

    /// The window where none was asked for: as much as fits the rows.
    fn usual_window(context: &Context, by: Dimensions) -> Window {
        let days = |n| Window::last_days(context.now, context.zone(), n);
        match by.period {
            Some(Period::Month) => Window::ALL,
            // Whole weeks, this one included.
            Some(Period::Week) => days(11 * 7 + 1 + u64::from(day_of(context.now, context.zone()).weekday().num_days_from_monday())),
            _ => days(30),
        }
    }
}

/// Prints the report.
pub fn run(context: &Context, args: &ReportArgs) -> Result<ExitCode, CliError> {
    let zone = context.zone();
    let by = args.dimensions(context.json);
    let window = args.window.window(context.now, zone)?.unwrap_or_else(|| ReportArgs::usual_window(context, by));
    let mut fresh = context.open()?;
    let filter = args.filter.filter();
    let places = places(context, &mut fresh, args, window)?;
    let slots = fresh.ingest.store.slots(window)?;
    let labels = if by.labels.is_empty() { HashMap::new() } else { fresh.labeler.all(&fresh.ingest.store)? };
    let passes = |model: &str| filter.meets_model(model);
    let (rows, total) = rows::add_up(&slots, by, zone, &|id| places.get(&id), &|id| labels.get(&id), &passes);
    let unattributed = (!by.labels.is_empty()).then(|| rows::unattributed(&rows, by.labels));
    if context.json {
        let rows = rows.iter().map(|row| row_json(row, by)).collect();
        let unattributed = unattributed.map(|sums| json::unattributed(&sums, rows::share_permille(&sums, &total)));
        Out::json(&json::ReportJson { unattributed, ..json::report(rows, &total, window) })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    let span = when::describe(window, zone);
    if rows.is_empty() {
        let empty = fresh.is_empty()?;
        out.line(&if empty { fresh.nothing_found() } else { nothing(window, zone, !filter.is_empty()) })?;
    } else {
        out.styled(STRONG, &format!("{span} · {} · {}", context.cost(&total.cost()), count(total.calls, "call", "calls")))?;
        write(context, &rows, &total, by, &mut out)?;
        if let Some(sums) = unattributed {
            out.styled(FAINT, &nobodys(context, &sums, &total, by))?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Agent and project of the sessions that count.
fn places(context: &Context, fresh: &mut Fresh, args: &ReportArgs, window: Window) -> Result<HashMap<i64, Place>, CliError> {
    let filter = args.filter.filter();
    if filter.is_empty() {
        return Ok(fresh.ingest.store.session_places()?);
    }
    let living = fresh.living();
    let views = fresh.sessions(&Asking { window, now: context.now, zone: context.zone(), living: &living, hour: None })?;
    Ok(views.into_iter().filter(|v| filter.matches(v)).map(|v| (v.id, (v.agent, v.project))).collect())
}

fn row_json(row: &Row, by: Dimensions) -> RowJson<'_> {
    RowJson {
        period: by.period.map(|period| (period.word(), row.period.as_str())),
        agent: by.agent.then_some(&*row.agent),
        model: Some(&*row.model).filter(|m| by.model && !m.is_empty()),
        project: by.project.then_some(&*row.project),
        labels: by.labels.iter().map(|dimension| (dimension, row.labels.get(dimension).map(|value| &**value))).collect(),
        sums: &row.sums,
    }
}

/// What share of the report has no value, in words.
fn nobodys(context: &Context, sums: &Sums, total: &Sums, by: Dimensions) -> String {
    let names: Vec<&str> = by.labels.iter().map(Dimension::word).collect();
    let share = rows::share_permille(sums, total).map(|share| format!("{}.{}% of the cost: ", share / 10, share % 10)).unwrap_or_default();
    let calls = count(sums.calls, "call", "calls");
    let all = count(total.calls, "call", "calls");
    let (cost, whole) = (context.cost(&sums.cost()), context.cost(&total.cost()));
    format!("without {}: {share}{cost} of {whole}, {calls} of {all}", names.join(" or "))
}

fn write(context: &Context, rows: &[Row], total: &Sums, by: Dimensions, out: &mut Out) -> io::Result<()> {
    let mut columns = Vec::new();
    columns.extend(by.period.map(|period| {
        Column::text(match period {
            Period::Day => "DAY",
            Period::Week => "WEEK OF",
            Period::Month => "MONTH",
        })
    }));
    columns.extend(by.agent.then_some(Column::text("AGENT")));
    columns.extend(by.project.then_some(Column::text("PROJECT")));
    columns.extend(by.labels.iter().map(|dimension| Column::text(head(dimension))));
    columns.push(if by.model { Column::text("MODEL") } else { Column::text("MODELS").expendable(9) });
    columns.extend([
        Column::number("CALLS").expendable(6),
        Column::number("INPUT").expendable(5),
        Column::number("CACHE READ").expendable(4),
        Column::number("CACHE WRITE").expendable(7),
        Column::number("OUTPUT").expendable(3),
        Column::number("TOKENS").expendable(8),
        Column::number("COST"),
    ]);
    let mut table = Table::new(columns);
    for row in rows {
        let mut cells = Vec::new();
        let mut cell = |wanted: bool, text: &str| cells.extend(wanted.then(|| named(text)));
        cell(by.period.is_some(), &row.period);
        cell(by.agent, &row.agent);
        cell(by.project, &row.project);
        for dimension in by.labels.iter() {
            cell(true, row.labels.get(dimension).map_or("", |value| &**value));
        }
        let models: Vec<&str> = row.models.iter().map(|m| &**m).collect();
        cell(true, &if by.model { row.model.to_string() } else { models.join(", ") });
        cells.extend(figures(context, &row.sums));
        table.row(cells);
    }
    let words = usize::from(by.period.is_some()) + usize::from(by.agent) + usize::from(by.project) + by.labels.iter().count() + 1;
    let mut last = vec![String::new(); words];
    if let Some(first) = last.first_mut() {
        "total".clone_into(first);
    }
    last.extend(figures(context, total));
    table.total(last);
    table.write(out)
}

/// The head of a dimension's column.
const fn head(dimension: Dimension) -> &'static str {
    match dimension {
        Dimension::Team => "TEAM",
        Dimension::Feature => "FEATURE",
        Dimension::Customer => "CUSTOMER",
        Dimension::Environment => "ENVIRONMENT",
        Dimension::Experiment => "EXPERIMENT",
    }
}

/// A name, or a sign for a missing one.
fn named(text: &str) -> String {
    if text.is_empty() { "·".to_owned() } else { text.to_owned() }
}

fn figures(context: &Context, sums: &Sums) -> Vec<String> {
    let tokens: Tokens = sums.tokens();
    vec![
        sums.calls.to_string(),
        compact(tokens.input),
        compact(tokens.cache_read),
        compact(tokens.cache_write_5m.saturating_add(tokens.cache_write_1h)),
        compact(tokens.output),
        compact(tokens.total()),
        context.cost(&sums.cost()),
    ]
}
