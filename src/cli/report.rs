//! `report`: sums by day, week, month, model, project or agent.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::process::ExitCode;

use chrono::Datelike as _;
use clap::{Args, ValueEnum};

use crate::export::json::{self, RowJson};
use crate::model::time::day_of;
use crate::model::tokens::compact;
use crate::model::{Tokens, Window};
use crate::query::Asking;
use crate::store::Sums;

use super::context::{Context, Fresh};
use super::error::CliError;
use super::filters::FilterArgs;
use super::out::{Out, STRONG};
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
    /// The agent
    Agent,
    /// The model
    Model,
    /// The project
    Project,
}

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// What the rows stand for
    #[arg(value_name = "REPORT")]
    pub kind: Kind,
    /// Which sessions.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Which time.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Tell rows apart by these only, besides the report's own
    ///
    /// Several with commas: `--by agent,model`. In JSON, reports by time otherwise have a row for each agent and model.
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
            Kind::Daily => by.period = Some(Period::Day),
            Kind::Weekly => by.period = Some(Period::Week),
            Kind::Monthly => by.period = Some(Period::Month),
            Kind::Models => (by.model, timed) = (true, false),
            Kind::Projects => (by.project, timed) = (true, false),
            Kind::Agents => (by.agent, timed) = (true, false),
        }
        for more in &self.by {
            match more {
                By::Day => by.period = by.period.or(Some(Period::Day)),
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
    fn usual_window(&self, context: &Context) -> Window {
        let days = |n| Window::last_days(context.now, context.zone(), n);
        match self.kind {
            Kind::Monthly => Window::ALL,
            // Whole weeks, this one included.
            Kind::Weekly => days(11 * 7 + 1 + u64::from(day_of(context.now, context.zone()).weekday().num_days_from_monday())),
            _ => days(30),
        }
    }
}

/// Prints the report.
pub fn run(context: &Context, args: &ReportArgs) -> Result<ExitCode, CliError> {
    let zone = context.zone();
    let window = args.window.window(context.now, zone)?.unwrap_or_else(|| args.usual_window(context));
    let by = args.dimensions(context.json);
    let mut fresh = context.open()?;
    let filter = args.filter.filter();
    let places = places(context, &mut fresh, args, window)?;
    let slots = fresh.ingest.store.slots(window)?;
    let (rows, total) = rows::add_up(&slots, by, zone, &|id| places.get(&id), &|model| filter.meets_model(model));
    if context.json {
        let rows = rows.iter().map(|row| row_json(row, by)).collect();
        Out::json(&json::report(rows, &total, window))?;
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
        sums: &row.sums,
    }
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
        let models: Vec<&str> = row.models.iter().map(|m| &**m).collect();
        cell(true, &if by.model { row.model.to_string() } else { models.join(", ") });
        cells.extend(figures(context, &row.sums));
        table.row(cells);
    }
    let words = usize::from(by.period.is_some()) + usize::from(by.agent) + usize::from(by.project) + 1;
    let mut last = vec![String::new(); words];
    if let Some(first) = last.first_mut() {
        "total".clone_into(first);
    }
    last.extend(figures(context, total));
    table.total(last);
    table.write(out)
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
