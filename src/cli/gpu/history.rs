//! `gpu history`: use and idle dollars of each card, hour by hour.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::{FAINT, Out, STRONG};
use crate::export::json::Usd;
use crate::model::Money;
use crate::model::text::{clean, columns, fit};
use crate::model::time::{HOUR, rfc3339, utc};
use crate::query::gpus::{Heat, HeatCell, HeatRow, heat};
use crate::store::GpuBook;

/// How long another process that writes is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// How many days, up to 100
    #[arg(long, value_name = "DAYS", default_value = "2", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub days: u32,
    /// Show what idleness cost in the place of use
    #[arg(long)]
    pub idle: bool,
}

#[derive(Serialize)]
struct HourJson {
    at: String,
    utilization: Option<f64>,
    watched_seconds: i64,
    idle_usd: Option<Usd>,
    idle_nano_usd: Option<i64>,
}

#[derive(Serialize)]
struct CardJson {
    id: String,
    host: Option<String>,
    name: String,
    parent: Option<String>,
    utilization: Option<f64>,
    idle_usd: Option<Usd>,
    idle_nano_usd: Option<i64>,
    hours: Vec<HourJson>,
}

#[derive(Serialize)]
struct Answer {
    from: String,
    cards: Vec<CardJson>,
}

/// Shows it.
pub fn run(context: &Context, args: &HistoryArgs) -> Result<ExitCode, CliError> {
    context.note_problems();
    let book = GpuBook::open_existing(&context.settings.data_dir, PATIENCE)?;
    let heat = match &book {
        Some(book) => heat(book, context.now, args.days)?,
        None => Heat::default(),
    };
    if context.json {
        Out::json(&answer(&heat, context.now))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if heat.rows.is_empty() {
        out.line("Nothing is known of any GPU yet: `aifinops top` and `aifinops watch` note what they do while they run.")?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    print(context, args, &heat, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn percent(permille: Option<u16>) -> Option<f64> {
    permille.map(|permille| f64::from(permille) / 10.0)
}

fn answer(heat: &Heat, now: i64) -> Answer {
    let hours = |row: &HeatRow| {
        let at = |i: usize| heat.from + i64::try_from(i).unwrap_or(0) * HOUR;
        let hour = |(i, cell): (usize, &HeatCell)| HourJson {
            at: rfc3339(at(i)),
            utilization: percent(cell.used),
            watched_seconds: cell.seen / 1000,
            idle_usd: cell.idle_cost.map(Usd),
            idle_nano_usd: cell.idle_cost.map(Money::nanos),
        };
        row.cells.iter().enumerate().map(hour).collect()
    };
    let card = |row: &HeatRow| CardJson {
        id: clean(&row.card.uid),
        host: Some(clean(&row.card.host)).filter(|host| !host.is_empty()),
        name: clean(&row.card.name),
        parent: row.card.parent.as_deref().map(clean),
        utilization: percent(row.used()),
        idle_usd: row.idle_cost().map(Usd),
        idle_nano_usd: row.idle_cost().map(Money::nanos),
        hours: hours(row),
    };
    Answer { from: rfc3339(if heat.hours == 0 { now } else { heat.from }), cards: heat.rows.iter().map(card).collect() }
}

/// The columns of a card's name, and the letters of its id in it.
const NAME: usize = 28;
const ID: usize = 8;

fn print(context: &Context, args: &HistoryArgs, heat: &Heat, out: &mut Out) -> std::io::Result<()> {
    let width = crate::cli::table::terminal_width().unwrap_or(120).clamp(60, 400);
    // Name, cells, use, idle dollars.
    let room = width.saturating_sub(NAME + 20);
    let first = heat.hours.saturating_sub(room);
    let from = heat.from + i64::try_from(first).unwrap_or(0) * HOUR;
    let begin = utc(from).with_timezone(&context.zone()).format("%a %H:%M").to_string();
    let what = if args.idle { "idle dollars an hour" } else { "use" };
    out.styled(STRONG, &format!("{what}, hour by hour since {begin}, the newest on the right"))?;
    for row in &heat.rows {
        let host = if row.card.host.is_empty() { String::new() } else { format!("{}/", row.card.host) };
        // Cards of one kind are told apart by how their ids begin.
        let id: String = row.card.uid.chars().take(ID).collect();
        let bare = row.card.name.strip_prefix("NVIDIA ").unwrap_or(&row.card.name);
        let name = fit(&format!("{host}{bare} {id}"), NAME);
        let pad = " ".repeat(NAME - columns(&name));
        let cells: String = row.cells.iter().skip(first).map(|cell| if args.idle { idle_sign(cell) } else { use_sign(cell) }).collect();
        let used = row.used().map_or_else(|| "—".to_owned(), |used| format!("{}%", used / 10));
        let idle = row.idle_cost().map_or_else(|| "—".to_owned(), |idle| context.money(idle));
        out.line(&format!("{name}{pad} {cells} {used:>5} {idle:>10}"))?;
    }
    let legend = if args.idle { "░ <10¢  ▒ <$1  ▓ <$3  █ ≥$3" } else { "░ <5%  ▒ <30%  ▓ <60%  █ ≥60%" };
    out.styled(FAINT, &format!("{legend}  · not known; on the right what the hours shown and before were used, and cost for nothing"))
}

/// The shade of an hour by its use.
#[must_use]
pub fn use_sign(cell: &HeatCell) -> char {
    match cell.used {
        None => '·',
        Some(..50) => '░',
        Some(..300) => '▒',
        Some(..600) => '▓',
        Some(_) => '█',
    }
}

/// The shade of an hour by what it cost for nothing.
#[must_use]
pub fn idle_sign(cell: &HeatCell) -> char {
    match cell.idle_cost.map(crate::model::Money::nanos) {
        None => '·',
        Some(..=0) => ' ',
        Some(..100_000_000) => '░',
        Some(..1_000_000_000) => '▒',
        Some(..3_000_000_000) => '▓',
        Some(_) => '█',
    }
}
