//! `tag`: says by hand what a session was for.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use serde::Serialize;

use crate::export::json::{self, LabelsJson};
use crate::model::text::clean;
use crate::model::{Dimension, Labels, label, time};
use crate::query::Labeler;
use crate::query::labels::{Origin, Reasons};
use crate::store::tags::Tag;
use crate::store::{Kin, Store};

use super::cap::show as ledger;
use super::context::Context;
use super::error::CliError;
use super::out::{FAINT, Out};
use super::rules::who;
use super::session::find;
use super::table::{Column, Table};
use super::when::clock;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops tag 3f2a91c0 feature=checkout team=payments
  aifinops tag 3f2a91c0 feature=                      takes the tag away: rules decide again
  aifinops tag 3f2a91c0 feature=none                  for no feature, whatever rules say
  aifinops tag 3f2a91c0                               what the session is for, and who says so
  aifinops tag --list --json

The dimensions are team, feature, customer, environment and experiment. A tag goes before every rule of the
configuration. Subagents follow their session; so do forks, unless a tag or a rule says otherwise.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct TagArgs {
    /// The session's id, or its beginning; of a subagent also the part behind the slash
    #[arg(value_name = "SESSION", required_unless_present = "list", conflicts_with = "list")]
    pub id: Option<String>,
    /// What it was for, such as `feature=checkout`; `feature=` takes the tag away
    #[arg(value_name = "NAME=VALUE", conflicts_with = "list")]
    pub tags: Vec<String>,
    /// List all tags, the newest first
    #[arg(long)]
    pub list: bool,
}

/// One dimension of a session, and who says so.
#[derive(Debug, Clone, Serialize)]
struct WhyJson {
    dimension: &'static str,
    value: String,
    from: &'static str,
}

/// The answer about one session.
#[derive(Debug, Clone, Serialize)]
struct SessionTagsJson {
    id: String,
    agent: String,
    dimensions: LabelsJson,
    why: Vec<WhyJson>,
    tags: LabelsJson,
}

/// One tag of the list.
#[derive(Debug, Clone, Serialize)]
struct TagJson {
    session: String,
    agent: String,
    dimension: &'static str,
    value: String,
    at: String,
    who: String,
}

#[derive(Debug, Clone, Serialize)]
struct ListJson {
    tags: Vec<TagJson>,
}

/// Tags, shows or lists.
pub fn run(context: &Context, args: &TagArgs) -> Result<ExitCode, CliError> {
    let Some(id) = args.id.as_deref().filter(|_| !args.list) else { return list(context) };
    let changes: Vec<Change> = args.tags.iter().map(|text| change(text)).collect::<Result<_, _>>()?;
    let fresh = context.open()?;
    let store = &fresh.ingest.store;
    let found = find(store, id)?;
    let kin = store.kin_of(found)?.ok_or_else(|| CliError::NoSession(id.to_owned()))?;
    if !changes.is_empty() {
        let ledger = ledger::ledger(context)?;
        ledger.tag((&kin.agent, &kin.uid), &changes, context.now, &who())?;
        ledger::keep_copy(context, &ledger);
    }
    show(context, store, &kin, &context.labeler())
}

/// A dimension and its new value; nothing takes the tag away.
type Change = (Dimension, Option<Arc<str>>);

fn change(text: &str) -> Result<Change, CliError> {
    let known = Dimension::ALL.map(Dimension::word).join(", ");
    let usage = |why: String| CliError::usage(why, format!("write NAME=VALUE; the names are {known}"));
    let (name, value) = text.split_once('=').ok_or_else(|| usage(format!("`{}` has no `=`", clean(text))))?;
    let dimension = Dimension::from_word(name.trim()).ok_or_else(|| usage(format!("`{}` is no dimension", clean(name))))?;
    if value.trim().is_empty() {
        return Ok((dimension, None));
    }
    let value = label::typed(value).map_err(|why| usage(format!("the value of `{name}` {why}")))?;
    Ok((dimension, Some(value)))
}

fn show(context: &Context, store: &Store, kin: &Kin, labeler: &Labeler) -> Result<ExitCode, CliError> {
    let reasons = labeler.reasons(store, kin)?;
    if context.json {
        Out::json(&SessionTagsJson {
            id: clean(&kin.uid),
            agent: clean(&kin.agent),
            dimensions: json::labels(&reasons.labels),
            why: said(&reasons).map(|(dimension, value)| why(&reasons, dimension, value)).collect(),
            tags: json::said(&reasons.tags),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.line(&format!("{} {}", clean(&kin.agent), clean(&kin.uid)))?;
    write(&reasons, &mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What is said of a session, be it that it was for none.
fn said(reasons: &Reasons) -> impl Iterator<Item = (Dimension, &Arc<str>)> {
    Dimension::ALL.into_iter().filter_map(move |dimension| Some((dimension, reasons.labels.said(dimension)?)))
}

/// Who says so. [`Reasons::origin`] knows it of values; that there is none is said by somebody, too.
fn origin(reasons: &Reasons, dimension: Dimension) -> Origin {
    let says_so = |labels: &Labels| labels.said(dimension) == reasons.labels.said(dimension);
    reasons.origin(dimension).unwrap_or_else(|| match (says_so(&reasons.tags), says_so(&reasons.ruled)) {
        (true, _) => Origin::Tag,
        (false, true) => Origin::Rule,
        (false, false) => Origin::Parent,
    })
}

fn why(reasons: &Reasons, dimension: Dimension, value: &str) -> WhyJson {
    WhyJson { dimension: dimension.word(), value: clean(value), from: origin(reasons, dimension).word() }
}

fn write(reasons: &Reasons, out: &mut Out) -> io::Result<()> {
    let mut lines = said(reasons).peekable();
    if lines.peek().is_none() {
        return out.line("No tag, no rule and no parent says what it was for.");
    }
    for (dimension, value) in lines {
        let from = origin(reasons, dimension).word();
        out.line(&format!("{:<12} {}  {FAINT}{from}{FAINT:#}", dimension.word(), clean(value)))?;
    }
    Ok(())
}

fn list(context: &Context) -> Result<ExitCode, CliError> {
    let tags =
        if context.settings.data_dir.join(crate::store::ledger::FILE).exists() { ledger::ledger(context)?.tags()? } else { Vec::new() };
    if context.json {
        Out::json(&ListJson { tags: tags.iter().map(tag_json).collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if tags.is_empty() {
        out.line("No session is tagged. `aifinops tag SESSION feature=NAME` tags one.")?;
    } else {
        let mut table = Table::new(vec![
            Column::text("SESSION"),
            Column::text("AGENT"),
            Column::text("DIMENSION"),
            Column::text("VALUE"),
            Column::text("TAGGED"),
            Column::text("BY").expendable(1),
        ]);
        for tag in &tags {
            table.row(vec![
                clean(&tag.session),
                clean(&tag.agent),
                tag.dimension.word().to_owned(),
                clean(&tag.value),
                clock(tag.at, context.zone()),
                clean(&tag.who),
            ]);
        }
        table.write(&mut out)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn tag_json(tag: &Tag) -> TagJson {
    TagJson {
        session: clean(&tag.session),
        agent: clean(&tag.agent),
        dimension: tag.dimension.word(),
        value: clean(&tag.value),
        at: time::rfc3339(tag.at),
        who: clean(&tag.who),
    }
}
