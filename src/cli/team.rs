//! `team`: who has spent what through the gateway, and of which budget.

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::context::Context;
use super::error::CliError;
use super::gateway::ask::{books, chosen};
use super::gateway::status::{age, state};
use super::gateway::sync::sync;
use super::out::{FAINT, Out};
use super::table::{Column, Table};
use crate::export::csv::Csv;
use crate::export::table::Sheet as _;
use crate::export::team as rows;
use crate::model::text::clean;
use crate::model::time::span;
use crate::model::{Millis, Whose};
use crate::query::team::{self, BudgetView, Inside, Order, Team};
use crate::store::Books;
use crate::store::books::SpendSum;

mod answer;

use answer::answer;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops team                              every developer: today, 7 and 30 days, budget, what is left
  aifinops team --by key --sort budget       keys, those that are nearest to their budget first
  aifinops team alice                        one developer: by model, and by session
  aifinops team --by team --json | jq '.rows[] | select(.budget.state == \"over\") | .name'
  aifinops team --sync                       ask the gateway first
  aifinops team --csv > team.csv

Days are those of the gateway, which are UTC's.";

/// What rows are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum By {
    /// Developers
    #[default]
    User,
    /// Teams
    Team,
    /// Keys
    Key,
    /// Models
    Model,
    /// Tags; they overlap
    Tag,
}

impl By {
    /// Its word, in titles and JSON.
    pub(super) const fn word(self) -> &'static str {
        self.whose().word()
    }

    const fn whose(self) -> Whose {
        match self {
            By::User => Whose::User,
            By::Team => Whose::Team,
            By::Key => Whose::Key,
            By::Model => Whose::Model,
            By::Tag => Whose::Tag,
        }
    }
}

/// The order of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Sort {
    /// What was spent in 30 days, the most first
    #[default]
    Month,
    /// What was spent in 7 days, the most first
    Week,
    /// What was spent today, the most first
    Today,
    /// The share of the budget that is used, the most first
    Budget,
    /// Calls that failed, the most first
    Failed,
    /// By name
    Name,
}

impl Sort {
    const fn order(self) -> Order {
        match self {
            Sort::Month => Order::Month,
            Sort::Week => Order::Week,
            Sort::Today => Order::Today,
            Sort::Budget => Order::Budget,
            Sort::Failed => Order::Failed,
            Sort::Name => Order::Name,
        }
    }
}

/// Which rows, and in which order.
#[derive(Debug, Clone, Default, Args)]
pub struct Pick {
    /// What rows are made of
    #[arg(long, value_name = "WHAT", default_value = "user")]
    pub by: By,
    /// The order of rows
    #[arg(long, value_name = "ORDER", default_value = "month")]
    pub sort: Sort,
    /// Only rows whose name, id or team has this in it
    #[arg(long, value_name = "TEXT")]
    pub filter: Option<String>,
    /// The gateway, where there are several
    #[arg(long, value_name = "NAME")]
    pub gateway: Option<String>,
    /// Ask the gateway first
    #[arg(long)]
    pub sync: bool,
}

/// The arguments.
#[derive(Debug, Clone, Default, Args)]
pub struct TeamArgs {
    /// One row, by its name or id, and what is below it
    #[arg(value_name = "WHO")]
    pub who: Option<String>,
    /// Which rows.
    #[command(flatten)]
    pub pick: Pick,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
}

/// The rows that are asked for, and the books that they are from.
pub(super) fn picked(context: &Context, pick: &Pick) -> Result<(Books, Team), CliError> {
    context.note_problems();
    let setup = chosen(context, pick.gateway.as_deref())?;
    let mut books = books(context)?;
    let account = books.account(&setup.name)?;
    // Who has just added it has read no call yet; figures of days are there.
    if pick.sync || account.as_ref().is_none_or(|account| account.asked_at.is_none()) {
        context.open()?;
        sync(context, &mut books, setup, None)?;
    }
    let found = team::team(&books, &setup.name, pick.by.whose(), context.now)?;
    let Some(mut team) = found else { return Err(CliError::NoGateways) };
    if let Some(text) = &pick.filter {
        let text = text.to_lowercase();
        let has = |part: &str| part.to_lowercase().contains(&text);
        team.rows.retain(|row| has(&row.name) || has(&row.id) || row.team.as_deref().is_some_and(has));
        team.total = None; // it is of everybody
    }
    team::sort(&mut team.rows, pick.sort.order());
    Ok((books, team))
}

/// Shows the team.
pub fn run(context: &Context, args: &TeamArgs) -> Result<ExitCode, CliError> {
    let (books, mut team) = picked(context, &args.pick)?;
    let by = args.pick.by;
    let gateway = team.account.name.clone();
    let inside = match &args.who {
        Some(who) => Some(one(&mut team, who).and_then(|id| Ok(team::inside(&books, &gateway, (by.whose(), &id), context.now)?))?),
        None => None,
    };
    if context.json {
        Out::json(&answer(&team, by, inside.as_ref(), context.now))?;
        return Ok(ExitCode::SUCCESS);
    }
    if args.csv {
        let mut sheet = Csv::begin(Out::bytes(), rows::TEAM)?;
        for row in &team.rows {
            sheet.row(&rows::team(row))?;
        }
        sheet.end()?;
        return Ok(ExitCode::SUCCESS);
    }
    print(context, &team, by, inside.as_ref())?;
    Ok(ExitCode::SUCCESS)
}

/// Leaves the one row that is meant.
fn one(team: &mut Team, who: &str) -> Result<String, CliError> {
    team.rows.retain(|row| row.id == who || row.name == who);
    team.total = None;
    match team.rows.as_slice() {
        [row] => Ok(row.id.clone()),
        [] => Err(CliError::NoHolder(format!("the gateway has counted nothing for `{}`", clean(who)))),
        rows => Err(CliError::usage(
            format!("{} rows are called `{}`", rows.len(), clean(who)),
            format!("give the id: {}", rows.iter().map(|row| clean(&row.id)).collect::<Vec<_>>().join(", ")),
        )),
    }
}

/// Sessions that are listed below a row.
const SESSIONS: usize = 15;

fn print(context: &Context, team: &Team, by: By, inside: Option<&Inside>) -> Result<(), CliError> {
    let mut out = Out::text();
    let account = &team.account;
    let money = |sum: &SpendSum| sum.spend.map_or_else(|| "?".to_owned(), |spend| context.money(spend));
    let has_teams = matches!(by, By::User | By::Key);
    let mut table = Table::new(vec![
        Column::text(by.whose().word().to_uppercase()),
        Column::text(if has_teams { "TEAM" } else { "" }).expendable(if has_teams { 4 } else { u8::MAX }),
        Column::number("TODAY"),
        Column::number("7 DAYS").expendable(2),
        Column::number("30 DAYS"),
        Column::number("CALLS").expendable(5),
        Column::number("FAILED").expendable(6),
        Column::number("OVER").expendable(7),
        Column::number("USED").expendable(1),
        Column::number("LEFT").expendable(1),
        Column::text("RESETS").expendable(3),
        Column::text("STATE").expendable(1),
    ]);
    for row in &team.rows {
        let [today, week, month] = &row.sums;
        let own = if row.own { "* " } else { "" };
        let budget = row.budget.as_ref();
        let dot = || "·".to_owned();
        table.row(vec![
            format!("{own}{}", clean(&row.name)),
            if has_teams { row.team.as_deref().map_or_else(dot, clean) } else { String::new() },
            money(today),
            money(week),
            money(month),
            month.requests.to_string(),
            month.failed.to_string(),
            row.over_budget.map_or_else(|| "?".to_owned(), |calls| calls.to_string()),
            budget.map_or_else(dot, |view| format!("{}% of {}", view.permille() / 10, context.money(view.limit))),
            budget.map_or_else(dot, |view| context.money(view.left())),
            budget.and_then(|view| view.budget.resets_at).map_or_else(dot, |at| format!("in {}", span((at - context.now).max(0)))),
            budget.map_or_else(dot, |view| said(view, context.now)),
        ]);
    }
    if let Some([today, week, month]) = &team.total {
        let mut cells = vec!["all".to_owned(), String::new(), money(today), money(week), money(month)];
        cells.extend([month.requests.to_string(), month.failed.to_string()]);
        cells.resize(12, String::new());
        table.total(cells);
    }
    table.write(&mut out)?;
    if let Some(inside) = inside {
        print_inside(context, by, inside, &mut out)?;
    }
    let what = match state(Some(account), context.now) {
        "ok" => String::new(),
        word => format!(", {word}"),
    };
    let days = if by == By::Tag { "; tags overlap, so they have no sum" } else { "" };
    out.styled(FAINT, &format!("{}, as of {}{what}; days are UTC's{days}", clean(&account.name), age(account.asked_at, context.now)))?;
    if let Some(problem) = &account.problem {
        out.styled(FAINT, &format!("since then: {}", clean(problem)))?;
    }
    for what in &account.cannot {
        out.styled(FAINT, &format!("not to be seen with this key: {}", clean(what)))?;
    }
    if team.rows.iter().any(|row| row.own) {
        out.styled(FAINT, "* yours")?;
    }
    out.flush()?;
    Ok(())
}

/// How a budget stands, in words.
fn said(view: &BudgetView, now: Millis) -> String {
    match (view.state(), view.runs_out_at) {
        (team::State::Near, Some(at)) => format!("runs out in {}", span((at - now).max(0))),
        (state, _) => state.word().to_owned(),
    }
}

fn print_inside(context: &Context, by: By, inside: &Inside, out: &mut Out) -> Result<(), CliError> {
    let money = |sum: &SpendSum| sum.spend.map_or_else(|| "?".to_owned(), |spend| context.money(spend));
    out.line("")?;
    let title = if by == By::Model { "USER" } else { "MODEL" };
    let mut table = Table::new(vec![
        Column::text(title),
        Column::number("TODAY"),
        Column::number("7 DAYS"),
        Column::number("30 DAYS"),
        Column::number("CALLS"),
    ]);
    for (name, [today, week, month]) in &inside.parts {
        let name = if name.is_empty() { "(none)".to_owned() } else { clean(name) };
        table.row(vec![name, money(today), money(week), money(month), month.requests.to_string()]);
    }
    table.write(out)?;
    if inside.sessions.is_empty() {
        return Ok(());
    }
    out.line("")?;
    let mut table = Table::new(vec![
        Column::text("SESSION"),
        Column::text("PROGRAM").expendable(1),
        Column::number("CALLS"),
        Column::number("30 DAYS"),
        Column::text("LAST"),
    ]);
    for session in inside.sessions.iter().take(SESSIONS) {
        table.row(vec![
            clean(&session.id),
            session.client.as_deref().map_or_else(|| "·".to_owned(), |client| clean(client.split([' ', '(']).next().unwrap_or(client))),
            session.calls.to_string(),
            context.money(session.spend),
            age(Some(session.last_at), context.now),
        ]);
    }
    table.write(out)?;
    Ok(())
}
