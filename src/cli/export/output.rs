//! Where an export goes: a file that is begun before the work and gets its name at the end, or standard output.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::cli::table::count;
use crate::disk::Beside;

/// The formats of tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For spreadsheets
    Csv,
    /// One document
    Json,
    /// An object per line
    #[value(alias = "ndjson")]
    Jsonl,
    /// A table to paste
    #[value(alias = "md")]
    Markdown,
    /// A page with charts
    Html,
}

impl Format {
    /// The format that a file's ending means.
    #[must_use]
    pub fn of(file: &Path) -> Option<Format> {
        let ending = file.extension()?.to_str()?.to_lowercase();
        Some(match ending.as_str() {
            "csv" => Format::Csv,
            "json" => Format::Json,
            "jsonl" | "ndjson" => Format::Jsonl,
            "md" | "markdown" => Format::Markdown,
            "html" | "htm" => Format::Html,
            _ => return None,
        })
    }

    /// Its name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Markdown => "markdown",
            Format::Html => "html",
        }
    }
}

/// Where to.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// The file to write; `-` is standard output, as if it were left out
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Replace the file if there is one
    #[arg(long)]
    pub force: bool,
}

impl OutputArgs {
    /// The file; nothing is standard output.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref().filter(|file| file.as_os_str() != "-")
    }

    /// The format: as asked for, else JSON where the whole answer shall be, else by the file's ending.
    #[must_use]
    pub fn format(&self, context: &Context, asked: Option<Format>) -> Option<Format> {
        let json = (context.json && self.file().is_none()).then_some(Format::Json);
        asked.or(json).or_else(|| self.file().and_then(Format::of))
    }

    /// Begins the output.
    pub fn begin(&self) -> Result<Output, CliError> {
        let Some(file) = self.file() else { return Ok(Output::Standard(Out::bytes())) };
        let beside = Beside::create(file, self.force).map_err(|error| failure(file, error))?;
        Ok(Output::File { out: BufWriter::with_capacity(256 * 1024, beside), path: file.to_owned() })
    }
}

/// An output that has been begun.
#[derive(Debug)]
pub enum Output {
    /// Standard output.
    Standard(Out),
    /// A file.
    #[expect(missing_docs, reason = "the fields say it")]
    File { out: BufWriter<Beside>, path: PathBuf },
}

/// The answer where the export itself is a file.
#[derive(Debug, Serialize)]
struct Written<'a> {
    file: String,
    format: &'a str,
    rows: u64,
}

impl Output {
    /// Whether a line on standard error would come between what is written here.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        matches!(self, Output::Standard(_)) && io::stdout().is_terminal()
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Output::Standard(_) => None,
            Output::File { path, .. } => Some(path),
        }
    }

    /// The output is whole: gives the file its name, and says so. `things` is what rows are called, one and many.
    pub fn keep(self, context: &Context, format: &str, rows: u64, things: [&str; 2]) -> Result<(), CliError> {
        let (out, path) = match self {
            Output::Standard(mut out) => return Ok(out.flush()?),
            Output::File { out, path } => (out, path),
        };
        let beside = out.into_inner().map_err(|error| failure(&path, error.into_error()))?;
        beside.keep().map_err(|error| failure(&path, error))?;
        let file = path.display().to_string();
        if context.json {
            Out::json(&Written { file, format, rows })?;
        } else {
            let [one, many] = things;
            context.note(&format!("{}: {}", file, count(rows, one, many)));
        }
        Ok(())
    }

    /// An error while writing, told with the file it was about.
    #[must_use]
    pub fn failed(&self, error: io::Error) -> CliError {
        match self {
            Output::Standard(_) => CliError::Output(error),
            Output::File { path, .. } => failure(path, error),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Output::Standard(out) => out.write(bytes),
            Output::File { out, .. } => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Output::Standard(out) => out.flush(),
            Output::File { out, .. } => out.flush(),
        }
    }
}

fn failure(path: &Path, source: io::Error) -> CliError {
    match source.kind() {
        io::ErrorKind::AlreadyExists => {
            CliError::usage(format!("{} is there already", path.display()), "--force replaces it; -o FILE takes another name")
        }
        _ => CliError::File { doing: "write", path: path.to_owned(), source },
    }
}
