//! `store export`: the history as a file that another machine takes.

use std::io::{self, BufWriter, ErrorKind, IsTerminal as _, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::bar::Bar;
use crate::cli::context::{Context, variable};
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::cli::signals;
use crate::cli::table::{bytes, count};
use crate::disk::Beside;
use crate::model::text::clean;
use crate::proc::Table;
use crate::store::Store;
use crate::store::archive::{ArchiveError, Counts};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops store export laptop.history.gz
  aifinops store export - | ssh desk 'cat > laptop.history.gz'
  aifinops store import laptop.history.gz      on the other machine

It holds counters, times and names (of sessions, directories, branches, models, tools), never a prompt or code. Caps,
decisions and settings stay on this machine.";

/// Standard output.
const STDOUT: &str = "-";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The file to write, `-` for standard output
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,
}

#[derive(Serialize)]
struct Answer {
    path: String,
    size: u64,
    #[serde(flatten)]
    counts: Counts,
}

/// Writes it.
pub fn run(context: &Context, args: &ExportArgs) -> Result<ExitCode, CliError> {
    if args.file == Path::new(STDOUT) {
        if io::stdout().is_terminal() {
            return Err(CliError::usage("an archive is nothing for a terminal", "give a file, or lead it into a program: `| ssh …`"));
        }
        let fresh = context.open()?;
        let mut out = Out::bytes();
        write(context, &fresh.ingest.store, &mut out, &args.file)?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    // The file comes first: whoever cannot write it hears so before the work.
    let file = |source: io::Error| match source.kind() {
        ErrorKind::AlreadyExists => CliError::usage(format!("{} is already there", args.file.display()), "--force replaces it"),
        _ => CliError::File { doing: "write", path: args.file.clone(), source },
    };
    let beside = Beside::create(&args.file, args.force).map_err(file)?;
    let fresh = context.open()?;
    let mut out = BufWriter::with_capacity(1 << 20, beside);
    let counts = write(context, &fresh.ingest.store, &mut out, &args.file)?;
    out.into_inner().map_err(io::IntoInnerError::into_error).and_then(Beside::keep).map_err(file)?;
    let size = std::fs::metadata(&args.file).map_or(0, |meta| meta.len());
    let path = clean(&args.file.display().to_string());
    if context.json {
        Out::json(&Answer { path, size, counts })?;
    } else {
        let mut out = Out::text();
        out.line(&format!("{path}: {}, {}", bytes(size), words(&counts)))?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

/// What an archive holds, in words.
#[must_use]
pub fn words(counts: &Counts) -> String {
    let (sessions, calls) = (count(counts.sessions, "session", "sessions"), count(counts.calls, "call", "calls"));
    format!("{sessions}, {calls}, {}", count(counts.facts, "fact", "facts"))
}

fn write(context: &Context, store: &Store, out: &mut impl Write, path: &Path) -> Result<Counts, CliError> {
    let (calls, facts) = store.row_counts()?;
    let mut progress = Bar::new(context, "writing {bar:30} {human_pos} of {human_len} calls and facts, {eta} to go");
    let ended = signals::ended().ok();
    let mut look = |done: u64| {
        progress.show(done, calls + facts);
        let is_over = ended.as_ref().is_some_and(signals::Ended::is_set);
        if is_over { Err(io::Error::new(ErrorKind::Interrupted, "interrupted, nothing is left behind")) } else { Ok(()) }
    };
    store.export(out, &machine(), context.now, &mut look).map_err(|error| match error {
        ArchiveError::Store(error) => CliError::Store(error),
        ArchiveError::Write(error) if path == Path::new(STDOUT) => CliError::Output(error),
        ArchiveError::Write(source) => CliError::File { doing: "write", path: path.to_path_buf(), source },
        source => CliError::Archive { path: path.to_path_buf(), source: Box::new(source) },
    })
}

/// What this machine is called.
fn machine() -> String {
    let told = Table::default().text("sys/kernel/hostname").or_else(|| std::fs::read_to_string("/etc/hostname").ok());
    let name = told.or_else(|| variable("HOSTNAME")).or_else(|| variable("COMPUTERNAME")).unwrap_or_default();
    let name = clean(name.trim());
    if name.is_empty() { "unknown".to_owned() } else { name }
}
