//! `store import`: brings in what `export` has written, here or on other machines.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::bar::Bar;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::model::text::clean;
use crate::model::time::rfc3339;
use crate::model::{AgentId, time};
use crate::pricing::Pricer;
use crate::sources::{self, Source};
use crate::store::archive::{self, ArchiveError, Contents, Counts, Imported};
use crate::store::{Memory, Store};

use super::export::words;
use super::holder::store_to_write;
use super::progress::Reading;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops store import laptop.history.gz
  aifinops store import *.history.gz                   several machines become one history
  aifinops store import laptop.history.gz --dry-run    what is in it, and whether it is whole

A session, call or tool call that is here already counts once, whether it came from a log or from a file. All files are
looked at before anything changes. Costs are computed from the prices of this machine.";

/// Logs beyond this size deserve the preparations for a large import.
const LARGE: u64 = 1 << 20;

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ImportArgs {
    /// The files
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,
    /// Look at the files and change nothing
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Serialize)]
struct Answer {
    dry_run: bool,
    files: Vec<FileJson>,
}

#[derive(Serialize)]
struct FileJson {
    path: String,
    machine: String,
    version: String,
    written_at: String,
    #[serde(flatten)]
    counts: Counts,
    unknown_records: u64,
    new: Option<Counts>,
}

/// A file that has been looked at.
struct Looked<'a> {
    path: &'a Path,
    file: File,
    size: u64,
    contents: Contents,
}

fn known(agent: &str) -> Option<AgentId> {
    sources::by_agent(agent).map(Source::agent)
}

/// Brings them in.
pub fn run(context: &Context, args: &ImportArgs) -> Result<ExitCode, CliError> {
    let looked = args.files.iter().map(|path| look(context, path)).collect::<Result<Vec<_>, _>>()?;
    let mut done = Vec::with_capacity(looked.len());
    if args.dry_run {
        done.extend(looked.into_iter().map(|file| (file.path, file.contents, None)));
    } else {
        let store = store_to_write(context)?;
        let mut prices = Pricer::new(context.book());
        for file in looked {
            let path = file.path;
            let Imported { contents, new } = bring(context, &store, file, &mut prices)?;
            done.push((path, contents, Some(new)));
        }
        store.tidy();
    }
    tell(context, args.dry_run, &done)
}

fn look<'a>(context: &Context, path: &'a Path) -> Result<Looked<'a>, CliError> {
    let cannot = |source| CliError::File { doing: "read", path: path.to_path_buf(), source };
    let mut file = File::open(path).map_err(cannot)?;
    let meta = file.metadata().map_err(cannot)?;
    if !meta.is_file() {
        // It is read twice: first to see that it is whole.
        return Err(cannot(io::Error::new(io::ErrorKind::InvalidInput, "it is no file")));
    }
    let size = meta.len();
    let bar = Bar::new(context, "looking {bar:30} {bytes} of {total_bytes}");
    let contents = archive::check(Reading::new(&file, size, bar), &known).map_err(|error| failed(path, error))?;
    file.rewind().map_err(cannot)?;
    Ok(Looked { path, file, size, contents })
}

fn bring(context: &Context, store: &Store, looked: Looked<'_>, prices: &mut Pricer) -> Result<Imported, CliError> {
    let Looked { path, file, size, .. } = looked;
    let bar = Bar::new(context, "importing {bar:30} {bytes} of {total_bytes}, {eta} to go");
    if size > LARGE {
        store.make_room(true);
    }
    let imported = store.import(Reading::new(file, size, bar), &known, &mut Memory::default(), prices);
    if size > LARGE {
        store.make_room(false);
    }
    imported.map_err(|error| failed(path, error))
}

fn failed(path: &Path, error: ArchiveError) -> CliError {
    match error {
        ArchiveError::Store(error) => CliError::Store(error),
        source => CliError::Archive { path: path.to_path_buf(), source: Box::new(source) },
    }
}

fn tell(context: &Context, dry_run: bool, done: &[(&Path, Contents, Option<Counts>)]) -> Result<ExitCode, CliError> {
    let shown = |path: &Path| clean(&path.display().to_string());
    if context.json {
        let file = |(path, Contents { head, counts, unknown }, new): &(&Path, Contents, Option<Counts>)| FileJson {
            path: shown(path),
            machine: clean(&head.machine),
            version: clean(&head.version),
            written_at: rfc3339(head.at),
            counts: *counts,
            unknown_records: *unknown,
            new: *new,
        };
        Out::json(&Answer { dry_run, files: done.iter().map(file).collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    for (path, Contents { head, counts, unknown }, new) in done {
        let at = time::utc(head.at).with_timezone(&context.zone()).format("%Y-%m-%d %H:%M");
        out.line(&format!("{}: {} from {}, {at}", shown(path), words(counts), clean(&head.machine)))?;
        match new {
            None => out.line("  it is whole; nothing was changed")?,
            Some(new) if *new == Counts::default() => out.line("  nothing in it is new here")?,
            Some(new) => out.line(&format!("  new here: {}", words(new)))?,
        }
        if *unknown > 0 {
            out.line(&format!("  {unknown} records are of a newer aifinops and were left out; update, then import it again"))?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
