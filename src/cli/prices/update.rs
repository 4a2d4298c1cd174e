//! `prices update`: the newest public list over the built-in one; and how the built-in one is made.

use crate::model::Zone;
use std::collections::HashMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::context::{Context, PRICES};
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::disk;
use crate::model::time::day_of;
use crate::pricing::{Book, litellm};
use crate::store::open::private_dir;

use super::{BuildArgs, fetch};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops prices update
  aifinops prices update --file model_prices_and_context_window.json

Models that the new list has dropped keep the prices that were known before. Nothing changes if anything fails.";

/// `LiteLLM`'s list, under the MIT licence.
const LIST: &str = "https://raw.githubusercontent.com/BerriAI/litellm/main/model_prices_and_context_window.json";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct UpdateArgs {
    /// Where to fetch the list; https only
    #[arg(long, value_name = "URL", default_value = LIST, conflicts_with = "file")]
    pub url: String,
    /// A list that you have downloaded yourself
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

#[derive(Serialize)]
struct Answer {
    path: String,
    date: String,
    source: String,
    models: usize,
    new: usize,
    changed: usize,
}

/// Fetches the list, checks it as a whole and only then puts it in the place of the old one.
pub fn run(context: &Context, args: &UpdateArgs) -> Result<ExitCode, CliError> {
    let (bytes, source) = match &args.file {
        Some(path) => (read(path)?, "LiteLLM, from a file"),
        None if args.url == LIST => (fetch::fetch(&args.url)?, "LiteLLM main"),
        None => (fetch::fetch(&args.url)?, "LiteLLM's format, from an address of your own"),
    };
    let path = context.settings.data_dir.join(PRICES);
    let date = day_of(context.now, Zone::UTC).to_string();
    let known = known(&path)?;
    let text = with_source(&litellm::merge(&litellm::from_json(&bytes, &date, source)?, &known)?, source);
    let book = Book::parse(&text)?;
    private_dir(&context.settings.data_dir)?;
    disk::replace(&disk::target(&path), text.as_bytes()).map_err(|source| CliError::File { doing: "write", path: path.clone(), source })?;
    let (new, changed) = differences(&known, &text);
    let answer = Answer {
        path: crate::model::text::clean(&path.display().to_string()),
        date: book.date().to_owned(),
        source: book.source().to_owned(),
        models: book.names().count(),
        new,
        changed,
    };
    if context.json {
        Out::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    let Answer { models, new, changed, .. } = answer;
    out.line(&format!(
        "Prices of {date}: {models} models, {new} of them new, {changed} changed. Stored costs follow with the next command."
    ))?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// Everything known before: what was fetched, over the built-in book.
fn known(path: &Path) -> Result<String, CliError> {
    let embedded = Book::embedded();
    let fetched = fs::read_to_string(path).ok().filter(|text| Book::parse(text).is_ok());
    Ok(match fetched {
        Some(text) => litellm::merge(&text, embedded.text())?,
        None => embedded.text().to_owned(),
    })
}

/// Names one source: joining lists again and again would tell of all of them.
fn with_source(text: &str, source: &str) -> String {
    let name = |line: &str| {
        if line.starts_with("# source: ") { format!("# source: {source}, retired models from earlier lists\n") } else { line.to_owned() }
    };
    text.split_inclusive('\n').map(name).collect()
}

fn differences(before: &str, after: &str) -> (usize, usize) {
    let old: HashMap<&str, &str> = before.lines().filter_map(|line| line.split_once('\t')).collect();
    let new = after.lines().filter_map(|line| line.split_once('\t'));
    new.fold((0, 0), |(new, changed), (name, rest)| match old.get(name) {
        None => (new + 1, changed),
        Some(before) => (new, changed + usize::from(*before != rest)),
    })
}

fn read(path: &Path) -> Result<Vec<u8>, CliError> {
    fs::read(path).map_err(|source| CliError::File { doing: "read", path: path.to_path_buf(), source })
}

/// Prints the built-in book, made from two lists named `litellm-VERSION.json`.
pub fn build(args: &BuildArgs) -> Result<ExitCode, CliError> {
    let version = |path: &Path| {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        stem.strip_prefix("litellm-").map_or_else(|| stem.clone(), str::to_owned)
    };
    let current = litellm::from_json(&read(&args.current)?, &args.date, &format!("LiteLLM {}", version(&args.current)))?;
    let older = litellm::from_json(&read(&args.older)?, &args.date, &version(&args.older))?;
    let mut out = Out::bytes();
    out.write_all(litellm::merge(&current, &older)?.as_bytes())?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
