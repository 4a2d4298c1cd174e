//! `export team`: what a team has spent through its gateway, as a file.

use std::process::ExitCode;

use clap::Args;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::team::{Pick, picked};
use crate::export::csv::Csv;
use crate::export::json::sheet::{Document, Lines};
use crate::export::markdown::Markdown;
use crate::export::table::Sheet;
use crate::export::team::{TEAM, team as row};
use crate::gateways::DAY;
use crate::model::text::clean;
use crate::model::{Window, Zone};

use super::output::{Format, Output, OutputArgs};
use super::table::about;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops export team -o team.csv                     every developer: today, 7 and 30 days, budget
  aifinops export team --by key --sort budget -o keys.md
  aifinops export team --by tag --format jsonl

Days are those of the gateway, which are UTC's.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct TeamExportArgs {
    /// Which rows.
    #[command(flatten)]
    pub pick: Pick,
    /// Where to.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The format; without it, what the file's ending says, else csv
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<Format>,
}

/// Writes the team.
pub fn run(context: &Context, args: &TeamExportArgs) -> Result<ExitCode, CliError> {
    let format = args.output.format(context, args.format).unwrap_or(Format::Csv);
    if format == Format::Html {
        return Err(CliError::usage("a team is written as csv, json, jsonl or markdown", "give the file the ending .csv or .md"));
    }
    let mut output = args.output.begin()?;
    let (_, team) = picked(context, &args.pick)?;
    let rows: Vec<_> = team.rows.iter().map(row).collect();
    let today = context.now.div_euclid(DAY);
    let window = Window { from: (today - 29) * DAY, to: (today + 1) * DAY };
    let title = format!("Spend through the gateway {} by {} (days of UTC)", clean(&team.account.name), args.pick.by.word());
    let mut write = || {
        let mut sheet = sheet(&mut output, format, window, &title)?;
        rows.iter().try_for_each(|row| sheet.row(row))?;
        sheet.end()
    };
    if let Err(error) = write() {
        return Err(about(&output, CliError::Output(error)));
    }
    output.keep(context, format.word(), rows.len() as u64, ["row", "rows"])?;
    Ok(ExitCode::SUCCESS)
}

fn sheet<'a>(output: &'a mut Output, format: Format, window: Window, title: &str) -> std::io::Result<Box<dyn Sheet + 'a>> {
    Ok(match format {
        Format::Json => Box::new(Document::begin(output, "team", TEAM, window)?),
        Format::Jsonl => Box::new(Lines::begin(output, TEAM)),
        Format::Markdown => Box::new(Markdown::begin(output, title, TEAM, Zone::UTC)?),
        Format::Csv | Format::Html => Box::new(Csv::begin(output, TEAM)?),
    })
}
