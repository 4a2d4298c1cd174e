//! `loops`: how long agents' loops run, which were the longest, and where the running ones stand.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::export::json;
use crate::insight::loops::{Points, histogram};
use crate::insight::spread::Spread;
use crate::model::time::span;
use crate::model::{Money, Window};
use crate::query::Asking;
use crate::query::loops::{self, BASELINE, Baselines, By, Group, Loop, Seen, Tasks, Told, groups, top};

use super::context::{Context, Fresh};
use super::error::CliError;
use super::filters::FilterArgs;
use super::out::{FAINT, Out, STRONG};
use super::sessions::nothing;
use super::table::{Column, Table, count};
use super::when::{self, WindowArgs, clock};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops loops                                 the last 30 days, by agent
  aifinops loops --by model --range 7d           which model's loops are long
  aifinops loops --by week project:api           one project over time
  aifinops loops --top 20 agent:codex            the longest and the dearest tasks
  aifinops loops --json | jq '.running[] | select(.place.over_percentile == 99)'

A task is what follows a prompt of yours; its steps are the model calls of the conversation itself. What its
subagents cost is part of its cost. Percentiles are of tasks that were seen (nearest rank).";

/// What tells tasks apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// The agent
    Agent,
    /// The model that most of its steps asked
    Model,
    /// The project
    Project,
    /// The day it began on
    Day,
    /// The week, from Monday
    Week,
    /// The month
    Month,
}

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct LoopsArgs {
    /// Which sessions.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Which time.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Tell tasks apart by these
    ///
    /// Several with commas: `--by agent,model`. Usually by agent; in JSON by agent, model and project.
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub by: Vec<What>,
    /// Show this many of the longest and of the dearest tasks
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub top: usize,
}

impl LoopsArgs {
    fn by(&self, json: bool) -> By {
        if self.by.is_empty() {
            return By { agent: true, model: json, project: json, ..By::default() };
        }
        let has = |what| self.by.contains(&what);
        By {
            agent: has(What::Agent),
            model: has(What::Model),
            project: has(What::Project),
            day: has(What::Day),
            week: has(What::Week),
            month: has(What::Month),
        }
    }
}

/// Shows them.
pub fn run(context: &Context, args: &LoopsArgs) -> Result<ExitCode, CliError> {
    let zone = context.zone();
    let window = args.window.window(context.now, zone)?.unwrap_or_else(|| Window::last_days(context.now, zone, 30));
    let mut fresh = context.open()?;
    let living = fresh.living();
    let running = loops::running(&fresh.ingest.store, &living, context.now)?;
    // Running tasks are compared with the last weeks, whatever the window.
    let baselines = if running.is_empty() {
        Baselines::default()
    } else {
        let baseline = Window { from: context.now - BASELINE, to: i64::MAX };
        Baselines::of(&Tasks::read(&fresh.ingest.store, baseline, &living, context.now)?)
    };
    let mut all = Tasks::read(&fresh.ingest.store, window, &living, context.now)?;
    all.find_models(&fresh.ingest.store)?;
    let passes = wanted(context, &mut fresh, args, window)?;
    let tasks: Vec<Seen<'_>> = all.iter().filter(|task| passes(task.session(), task.model())).collect();
    let running: Vec<&Loop> = running.iter().filter(|task| passes(task.session, task.model.as_deref())).collect();
    let store = &fresh.ingest.store;
    let tops = Tops {
        longest: top(store, &tasks, args.top, Told::steps)?,
        dearest: top(store, &tasks, args.top, |task| task.cost().known.nanos())?,
    };
    let by = args.by(context.json);
    if context.json {
        Out::json(&json::loops::LoopsJson {
            all: json::loops::group(&loops::group(&tasks)),
            by: groups(&tasks, by, zone).iter().map(json::loops::group).collect(),
            histogram: histogram(&steps(&tasks)).iter().map(json::loops::bar).collect(),
            longest: tops.longest.iter().map(json::loops::task).collect(),
            dearest: tops.dearest.iter().map(json::loops::task).collect(),
            running: running.iter().map(|task| json::loops::placed(task, &baselines.place(task))).collect(),
            window: json::window(window),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if tasks.is_empty() {
        let text = if fresh.is_empty()? { fresh.nothing_found() } else { nothing(window, zone, !args.filter.filter().is_empty()) };
        out.line(&text)?;
    } else {
        let page = Page { context, out: &mut out };
        page.write(&tasks, &tops, &running, &baselines, (by, window))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Which tasks pass the filter.
fn wanted(
    context: &Context,
    fresh: &mut Fresh,
    args: &LoopsArgs,
    window: Window,
) -> Result<impl Fn(i64, Option<&str>) -> bool + use<>, CliError> {
    let filter = args.filter.filter();
    let sessions = if filter.is_empty() {
        None
    } else {
        let living = fresh.living();
        let asking = Asking { window, now: context.now, zone: context.zone(), living: &living, hour: None };
        let views = fresh.sessions(&asking)?;
        Some(views.iter().filter(|view| filter.matches(view)).map(|view| view.id).collect::<std::collections::HashSet<i64>>())
    };
    Ok(move |session, model: Option<&str>| {
        sessions.as_ref().is_none_or(|ids| ids.contains(&session)) && filter.meets_model(model.unwrap_or_default())
    })
}

fn steps(tasks: &[Seen<'_>]) -> Spread {
    tasks.iter().map(Told::steps).collect()
}

/// The tasks with most steps, and those that cost most.
struct Tops {
    longest: Vec<Loop>,
    dearest: Vec<Loop>,
}

/// Where the text goes.
struct Page<'a> {
    context: &'a Context,
    out: &'a mut Out,
}

impl Page<'_> {
    fn write(
        self,
        tasks: &[Seen<'_>],
        tops: &Tops,
        running: &[&Loop],
        baselines: &Baselines,
        (by, window): (By, Window),
    ) -> io::Result<()> {
        let Page { context, out } = self;
        let zone = context.zone();
        let all = loops::group(tasks);
        let head = [when::describe(window, zone), count(tasks.len() as u64, "task", "tasks"), context.cost(&all.cost)];
        out.styled(STRONG, &head.join(" · "))?;
        summary(context, &all).write(out)?;
        out.line(&counts(&all))?;
        out.line("")?;
        for line in bars(&steps(tasks)) {
            out.line(&line)?;
        }
        let groups = groups(tasks, by, zone);
        if groups.len() > 1 || by.day || by.week || by.month {
            out.line("")?;
            by_table(context, &groups, by).write(out)?;
        }
        for (title, found) in [("longest", &tops.longest), ("dearest", &tops.dearest)] {
            if !found.is_empty() {
                out.line("")?;
                out.styled(STRONG, &format!("the {title} tasks"))?;
                tasks_table(context, found).write(out)?;
            }
        }
        if !running.is_empty() {
            out.line("")?;
            out.styled(STRONG, "running now")?;
            for task in running {
                let (place, among) = baselines.place(task);
                let title = format!("{} · {}", task.agent, task.project);
                let steps = count(task.steps(), "step", "steps");
                let words = format!("{title}: {steps}, {} ({}; {} tasks)", place.words(), among.words(task), place.among);
                out.line(&crate::model::text::clean(&words))?;
            }
        }
        Ok(())
    }
}

/// The distribution of everything.
fn summary(context: &Context, all: &Group) -> Table {
    let mut table = Table::new(vec![
        Column::text("PER TASK"),
        Column::number("P50"),
        Column::number("P95"),
        Column::number("P99"),
        Column::number("MAX"),
    ]);
    let mut row = |name: &str, points: Option<Points>, show: &dyn Fn(i64) -> String| {
        let cells = points.map_or_else(|| vec!["?".to_owned(); 4], |p| [p.p50, p.p95, p.p99, p.max].iter().map(|v| show(*v)).collect());
        table.row([vec![name.to_owned()], cells].concat());
    };
    row("steps", Some(all.steps), &|steps| steps.to_string());
    row("cost", all.nanos, &|nanos| context.money(Money::from_nanos(nanos)));
    row("time", Some(all.millis), &span);
    row("tool calls", Some(all.tools), &|tools| tools.to_string());
    table
}

fn counts(all: &Group) -> String {
    let (calls, failed) = all.tool_calls;
    let mut parts = vec![format!("{}, {failed} failed", count(calls, "tool call", "tool calls"))];
    parts.push(count(all.retries, "retry", "retries"));
    parts.push(format!("{} made the same call again", count(all.repeating as u64, "task", "tasks")));
    if all.unpriced > 0 {
        parts.push(format!("{} with calls of unknown price, left out of the cost row", count(all.unpriced as u64, "task", "tasks")));
    }
    parts.join(" · ")
}

/// The widest bar.
const WIDEST: usize = 40;

fn bars(steps: &Spread) -> Vec<String> {
    let bars = histogram(steps);
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    let line = |bar: &crate::insight::loops::Bar| {
        let range = if bar.from == bar.to { bar.from.to_string() } else { format!("{}-{}", bar.from, bar.to) };
        let width = (bar.count * WIDEST).div_ceil(most);
        format!("{FAINT}{range:>11} steps{FAINT:#} {:>7}  {}", bar.count, "█".repeat(width)).trim_end().to_owned()
    };
    bars.iter().map(line).collect()
}

fn by_table(context: &Context, groups: &[Group], by: By) -> Table {
    let time = [(by.day, "DAY"), (by.week, "WEEK OF"), (by.month, "MONTH OF")].into_iter().find(|(wanted, _)| *wanted);
    let names = [(by.agent, "AGENT"), (by.model, "MODEL"), (by.project, "PROJECT")];
    let mut columns: Vec<Column> =
        time.iter().chain(names.iter().filter(|(wanted, _)| *wanted)).map(|(_, name)| Column::text(*name)).collect();
    columns.extend([
        Column::number("TASKS"),
        Column::number("P50"),
        Column::number("P95"),
        Column::number("P99"),
        Column::number("MAX"),
        Column::number("$ P50").expendable(4),
        Column::number("$ P95").expendable(5),
        Column::number("$ P99").expendable(3),
        Column::number("TIME P50").expendable(7),
        Column::number("TIME P95").expendable(8),
        Column::number("FAILED").expendable(6),
        Column::number("COST"),
    ]);
    let mut table = Table::new(columns);
    for group in groups {
        let mut cells: Vec<String> = group.day.map(|day| day.to_string()).into_iter().collect();
        let names = [&group.agent, &group.model, &group.project];
        cells.extend(names.into_iter().flatten().map(|name| if name.is_empty() { "·".to_owned() } else { name.clone() }));
        cells.push(group.tasks.to_string());
        let steps = group.steps;
        cells.extend([steps.p50, steps.p95, steps.p99, steps.max].map(|n| n.to_string()));
        let money = |of: fn(Points) -> i64| group.nanos.map_or_else(|| "?".to_owned(), |p| context.money(Money::from_nanos(of(p))));
        cells.extend([money(|p| p.p50), money(|p| p.p95), money(|p| p.p99)]);
        cells.extend([span(group.millis.p50), span(group.millis.p95)]);
        let (made, failed) = group.tool_calls;
        cells.push(if made == 0 { "·".to_owned() } else { format!("{}%", failed * 100 / made) });
        cells.push(context.cost(&group.cost));
        table.row(cells);
    }
    table
}

fn tasks_table(context: &Context, tasks: &[Loop]) -> Table {
    let mut table = Table::new(vec![
        Column::text("BEGAN"),
        Column::text("AGENT").expendable(3),
        Column::text("PROJECT"),
        Column::text("MODEL").expendable(5),
        Column::number("STEPS"),
        Column::number("TIME").expendable(4),
        Column::number("TOOLS").expendable(7),
        Column::number("FAILED").expendable(6),
        Column::text("SAME CALL").expendable(8),
        Column::number("COST"),
        Column::text("SESSION"),
    ]);
    for task in tasks {
        let same = task.repeat.as_ref().map(|repeat| format!("{} ×{}", repeat.tool, repeat.times)).unwrap_or_default();
        table.row(vec![
            clock(task.started_at, context.zone()),
            task.agent.to_string(),
            task.project.to_string(),
            task.model.as_deref().unwrap_or("·").to_owned(),
            task.steps().to_string(),
            span(task.millis()),
            task.sums.tools.to_string(),
            task.sums.failures.to_string(),
            same,
            context.cost(&task.cost()),
            task.uid.chars().take(8).collect(),
        ]);
    }
    table
}
