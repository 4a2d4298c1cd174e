//! `export sessions|tasks|calls|days`: a table in any format, row by row.

use std::collections::{HashMap, HashSet};
use std::process::ExitCode;

use clap::Args;

use crate::cli::context::{Context, Fresh};
use crate::cli::error::CliError;
use crate::cli::filters::FilterArgs;
use crate::cli::when::{self, WindowArgs};
use crate::export::csv::Csv;
use crate::export::html::{Head, MOST_ROWS, Page};
use crate::export::json::sheet::{Document, Lines};
use crate::export::markdown::Markdown;
use crate::export::rows::{self, Owner};
use crate::export::table::{Column, Sheet};
use crate::model::{Dimension, Labels, Window, Zone};
use crate::query::overview::Overview;
use crate::query::report::{Dimensions, Period, Place, Row, add_up};
use crate::query::{Asking, Filter, SessionView};

use super::output::{Format, Output, OutputArgs};
use super::progress::Progress;

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct TableArgs {
    /// Which sessions.
    #[command(flatten)]
    pub filter: FilterArgs,
    /// Which time; everything that is known where none is given.
    #[command(flatten)]
    pub window: WindowArgs,
    /// Where to.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The format; without it, what the file's ending says, else csv
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<Format>,
}

/// What the rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum What {
    Sessions,
    Tasks,
    Calls,
    Days,
}

impl What {
    const fn columns(self) -> &'static [Column] {
        match self {
            What::Sessions => rows::SESSIONS,
            What::Tasks => rows::TASKS,
            What::Calls => rows::CALLS,
            What::Days => rows::DAYS,
        }
    }

    /// What they are called: in JSON, as a heading, one and many of them.
    const fn names(self) -> (&'static str, &'static str, [&'static str; 2]) {
        match self {
            What::Sessions => ("sessions", "Sessions", ["session", "sessions"]),
            What::Tasks => ("tasks", "Tasks", ["task", "tasks"]),
            What::Calls => ("calls", "Model calls", ["call", "calls"]),
            What::Days => ("days", "Days", ["row", "rows"]),
        }
    }
}

/// Writes the table.
pub fn run(context: &Context, args: &TableArgs, what: What) -> Result<ExitCode, CliError> {
    let zone = context.zone();
    let window = args.window.window(context.now, zone)?.unwrap_or(Window::ALL);
    let format = args.output.format(context, args.format).unwrap_or(Format::Csv);
    let mut output = args.output.begin()?;
    let mut progress = Progress::begin(context, &output);
    let mut fresh = context.open()?;
    progress.check()?;
    let mut asked = Asked::new(context, &mut fresh, args.filter.filter(), window)?;
    let head = if format == Format::Html { Some(asked.head(context, &fresh, what)?) } else { None };
    asked.most = head.as_ref().map_or(u64::MAX, |_| MOST_ROWS);
    let written = match asked.sheet(&mut output, format, what, head.as_ref()) {
        Ok(mut sheet) => asked.write(&fresh, what, sheet.as_mut(), &mut progress),
        Err(error) => Err(CliError::Output(error)),
    };
    if let Err(error) = written {
        return Err(about(&output, error));
    }
    let rows = progress.end()?;
    output.keep(context, format.word(), rows, what.names().2)?;
    if let Some(head) = head.filter(|head| head.rows > rows) {
        let [_, many] = what.names().2;
        context.note(&format!("a page holds the first {rows} of {} {many}; csv, json and jsonl hold all", head.rows));
    }
    Ok(ExitCode::SUCCESS)
}

/// What failed while the output was written was the output, whichever it is.
pub(super) fn about(output: &Output, error: CliError) -> CliError {
    match error {
        CliError::Output(error) if error.kind() != std::io::ErrorKind::Interrupted => output.failed(error),
        other => other,
    }
}

/// What was asked for, and the sessions that it is about.
struct Asked {
    window: Window,
    zone: Zone,
    filter: Filter,
    views: Vec<SessionView>,
    /// Rows that are written at most.
    most: u64,
}

/// Sessions by the store's id, without what rows do not show.
pub(super) fn owners(context: &Context, fresh: &mut Fresh, filter: &Filter, window: Window) -> Result<HashMap<i64, Owner>, CliError> {
    Ok(Asked::new(context, fresh, filter.clone(), window)?.owners())
}

impl Asked {
    fn new(context: &Context, fresh: &mut Fresh, filter: Filter, window: Window) -> Result<Asked, CliError> {
        let (zone, living) = (context.zone(), fresh.living());
        let mut views = fresh.sessions(&Asking { window, now: context.now, zone, living: &living, hour: None })?;
        views.retain(|view| filter.matches(view));
        views.sort_by(|a, b| (a.started_at, &a.agent, &a.uid).cmp(&(b.started_at, &b.agent, &b.uid)));
        Ok(Asked { window, zone, filter, views, most: u64::MAX })
    }

    fn owners(&self) -> HashMap<i64, Owner> {
        self.views.iter().map(|view| (view.id, Owner::of(view))).collect()
    }

    fn sheet<'a>(&self, output: &'a mut Output, format: Format, what: What, head: Option<&Head>) -> std::io::Result<Box<dyn Sheet + 'a>> {
        let (columns, (name, title, _)) = (what.columns(), what.names());
        Ok(match (format, head) {
            (Format::Json, _) => Box::new(Document::begin(output, name, columns, self.window)?),
            (Format::Jsonl, _) => Box::new(Lines::begin(output, columns)),
            (Format::Markdown, _) => {
                let title = format!("{title}, {} ({})", when::describe(self.window, self.zone), self.zone);
                Box::new(Markdown::begin(output, &title, columns, self.zone)?)
            }
            (Format::Html, Some(head)) => Box::new(Page::begin(output, head, columns, self.zone)?),
            (Format::Csv | Format::Html, _) => Box::new(Csv::begin(output, columns)?),
        })
    }

    fn write(&self, fresh: &Fresh, what: What, sheet: &mut dyn Sheet, progress: &mut Progress) -> Result<(), CliError> {
        match what {
            What::Sessions => {
                for view in self.views.iter().take(self.most()) {
                    sheet.row(&rows::session(view))?;
                    progress.step(self.views.len() as u64)?;
                }
            }
            What::Days => {
                let days = self.days(fresh)?;
                for row in days.iter().take(self.most()) {
                    sheet.row(&rows::day(row))?;
                    progress.step(days.len() as u64)?;
                }
            }
            What::Tasks => self.tasks(fresh, sheet, progress)?,
            What::Calls => self.calls(fresh, sheet, progress)?,
        }
        Ok(sheet.end()?)
    }

    fn most(&self) -> usize {
        usize::try_from(self.most).unwrap_or(usize::MAX)
    }

    fn tasks(&self, fresh: &Fresh, sheet: &mut dyn Sheet, progress: &mut Progress) -> Result<(), CliError> {
        let owners = self.owners();
        let all = fresh.ingest.store.tasks_count(self.window)?;
        fresh.ingest.store.each_task(self.window, |task| {
            if let Some(owner) = owners.get(&task.session).filter(|_| progress.done() < self.most) {
                sheet.row(&rows::task(task, owner, &rows::name_of(task.key)))?;
                progress.step(all)?;
            }
            Ok(())
        })
    }

    fn calls(&self, fresh: &Fresh, sheet: &mut dyn Sheet, progress: &mut Progress) -> Result<(), CliError> {
        let owners = self.owners();
        let names = fresh.ingest.store.names()?;
        let model = |id: i64| names.get(&id).map(|name| &**name);
        let wanted = |call: &crate::store::merge::CallRow| {
            owners.contains_key(&call.session) && self.filter.meets_model(model(call.model).unwrap_or_default())
        };
        let mut calls = fresh.ingest.store.chronicle(self.window, wanted)?;
        calls.truncate(self.most());
        let all = calls.len() as u64;
        calls.each(|key, call| {
            let Some(owner) = owners.get(&call.session) else { return Ok(()) };
            sheet.row(&rows::call(call, owner, model(call.model), &(rows::name_of(call.task), rows::name_of(key))))?;
            progress.step(all)
        })
    }

    fn days(&self, fresh: &Fresh) -> Result<Vec<Row>, CliError> {
        let mut by = Dimensions { period: Some(Period::Day), agent: true, project: true, model: true, ..Dimensions::default() };
        if !fresh.labeler.is_idle() {
            for dimension in Dimension::ALL {
                by.labels.add(dimension);
            }
        }
        let places: HashMap<i64, Place> = self.views.iter().map(|v| (v.id, (v.agent.clone(), v.project.clone()))).collect();
        let labels: HashMap<i64, &Labels> = self.views.iter().map(|view| (view.id, &view.labels)).collect();
        let slots = fresh.ingest.store.slots(self.window)?;
        let passes = |model: &str| self.filter.meets_model(model);
        Ok(add_up(&slots, by, self.zone, &|id| places.get(&id), &|id| labels.get(&id).copied(), &passes).0)
    }

    fn head(&self, context: &Context, fresh: &Fresh, what: What) -> Result<Head, CliError> {
        let ids: HashSet<i64> = self.views.iter().map(|view| view.id).collect();
        let mut slots = fresh.ingest.store.slots(self.window)?;
        slots.retain(|slot| ids.contains(&slot.session) && self.filter.meets_model(slot.model.as_deref().unwrap_or_default()));
        let mut overview = Overview::of(slots.iter(), self.zone);
        let mut tasks = 0;
        fresh.ingest.store.each_task(self.window, |task| {
            if ids.contains(&task.session) {
                overview.add_task(task.sums.calls);
                tasks += 1;
            }
            Ok::<(), CliError>(())
        })?;
        let rows = match what {
            What::Sessions => self.views.len() as u64,
            What::Tasks => tasks,
            What::Calls => overview.total.calls.unsigned_abs(),
            What::Days => self.days(fresh)?.len() as u64,
        };
        let filtered = if self.filter.is_empty() { "" } else { ", filtered" };
        Ok(Head {
            title: format!("Coding agents' {}", what.names().1.to_lowercase()),
            things: what.names().2[1],
            about: format!("{}{filtered} · days and times of {}", when::describe(self.window, self.zone), self.zone),
            made: made(context),
            book: fresh.ingest.prices.book().date().to_owned(),
            overview,
            rows,
        })
    }
}

/// When a page was made, and by which program.
pub(super) fn made(context: &Context) -> String {
    let zone = context.zone();
    format!("Made {} ({zone}) by aifinops {}. Costs are US dollars.", when::clock(context.now, zone), env!("CARGO_PKG_VERSION"))
}
