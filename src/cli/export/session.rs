//! `export session ID`: one session in short, for a pull request.

use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::session::find;
use crate::export::summary::Summary;
use crate::export::{html, markdown, summary};
use crate::model::{SessionKind, Window};
use crate::query::{self, Asking};

use super::output::{Format, Output, OutputArgs};
use super::table::{about, made};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops export session 3f2a91c0 | pbcopy         Markdown, into the clipboard
  aifinops export session 3f2a91c0 -o summary.html
  aifinops export session 3f2a91c0 --format json | jq .loops";

/// The formats of a summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SummaryFormat {
    /// To paste into a pull request
    #[value(alias = "markdown")]
    Md,
    /// A page
    Html,
    /// For a script
    Json,
}

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct SessionArgs {
    /// The session's id, or its beginning; of a subagent also the part behind the slash
    #[arg(value_name = "ID")]
    pub id: String,
    /// Where to.
    #[command(flatten)]
    pub output: OutputArgs,
    /// The format; without it, what the file's ending says, else md
    #[arg(long, value_name = "FORMAT", help_heading = "Output")]
    pub format: Option<SummaryFormat>,
}

impl SessionArgs {
    fn format(&self, context: &Context) -> Result<SummaryFormat, CliError> {
        if let Some(format) = self.format {
            return Ok(format);
        }
        match self.output.format(context, None) {
            None | Some(Format::Markdown) => Ok(SummaryFormat::Md),
            Some(Format::Html) => Ok(SummaryFormat::Html),
            Some(Format::Json) => Ok(SummaryFormat::Json),
            Some(other) => Err(CliError::usage(
                format!("a session's summary is no {} table", other.word()),
                "it is md, html or json; `export tasks` and `export calls` write tables",
            )),
        }
    }
}

/// Writes the summary.
pub fn run(context: &Context, args: &SessionArgs) -> Result<ExitCode, CliError> {
    let format = args.format(context)?;
    let mut output = args.output.begin()?;
    let summary = read(context, &args.id)?;
    let zone = context.zone();
    let (written, word) = match format {
        SummaryFormat::Md => (markdown::summary(&mut output, &summary, zone), "markdown"),
        SummaryFormat::Html => (html::summary(&mut output, &summary, &made(context), zone), "html"),
        SummaryFormat::Json => (summary::json(&mut output, &summary), "json"),
    };
    written.map_err(|error| about(&output, error.into()))?;
    keep(output, context, word)
}

fn keep(output: Output, context: &Context, format: &str) -> Result<ExitCode, CliError> {
    output.keep(context, format, 1, ["session", "sessions"])?;
    Ok(ExitCode::SUCCESS)
}

fn read(context: &Context, wanted: &str) -> Result<Summary, CliError> {
    let mut fresh = context.open()?;
    let id = find(&fresh.ingest.store, wanted)?;
    let living = fresh.living();
    let asking = Asking { window: Window::ALL, now: context.now, zone: context.zone(), living: &living, hour: None };
    let detail = query::detail::session(&fresh.ingest.store, &mut fresh.ingest.prices, &asking, id)?;
    let detail = detail.ok_or_else(|| CliError::NoSession(wanted.to_owned()))?;
    // Of whoever started it: all subagents, theirs too. Of a subagent: those that it started itself.
    let below = fresh.ingest.store.conversation(id)?;
    let subagents = if below.first() == Some(&id) {
        let below: Vec<i64> = below.into_iter().skip(1).collect();
        query::sessions_by_id(&fresh.ingest.store, &mut fresh.ingest.prices, &asking, &below)?
    } else {
        detail.children.iter().filter(|child| child.kind == SessionKind::Subagent).cloned().collect()
    };
    let ids: Vec<i64> = std::iter::once(id).chain(subagents.iter().map(|sub| sub.id)).collect();
    let spend = fresh.ingest.store.spend_of(&ids)?;
    Ok(Summary::of(&detail, &subagents, &spend, fresh.ingest.prices.book().date()))
}
