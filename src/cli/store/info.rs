//! `store info`: what is kept, from when, and what nothing but the store knows any more.

use std::io::{self, Write as _};
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::context::{Context, Fresh};
use crate::cli::error::CliError;
use crate::cli::out::{Out, STRONG};
use crate::cli::table::{Column, Table, bytes, count};
use crate::export::json::{CostJson, cost};
use crate::model::Zone;
use crate::model::text::clean;
use crate::model::time::{day_of, rfc3339};
use crate::store::Store;
use crate::store::info::{Held, Holdings};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops store info
  aifinops store info --json | jq '.total.only_here'    what would be lost with the store";

#[derive(Serialize)]
struct Answer {
    path: String,
    size: u64,
    schema: i64,
    sqlite: &'static str,
    writer: bool,
    total: HeldJson,
    agents: Vec<AgentJson>,
}

#[derive(Serialize)]
struct AgentJson {
    agent: String,
    #[serde(flatten)]
    held: HeldJson,
}

#[derive(Serialize)]
struct HeldJson {
    sessions: u64,
    tasks: u64,
    calls: u64,
    facts: u64,
    oldest: Option<String>,
    newest: Option<String>,
    logs: u64,
    logs_gone: u64,
    only_here: OnlyHereJson,
}

/// Sessions whose logs are gone, or never were on this machine.
#[derive(Serialize)]
struct OnlyHereJson {
    sessions: u64,
    calls: i64,
    cost: CostJson,
}

fn held_json(held: &Held) -> HeldJson {
    HeldJson {
        sessions: held.sessions,
        tasks: held.tasks,
        calls: held.calls,
        facts: held.facts,
        oldest: held.span.map(|(first, _)| rfc3339(first)),
        newest: held.span.map(|(_, last)| rfc3339(last)),
        logs: held.logs,
        logs_gone: held.logs_gone,
        only_here: OnlyHereJson { sessions: held.only_here, calls: held.only_here_sums.calls, cost: cost(&held.only_here_sums.cost()) },
    }
}

/// Shows it.
pub fn run(context: &Context) -> Result<ExitCode, CliError> {
    let fresh = context.open()?;
    let store = &fresh.ingest.store;
    // Of what may not be looked at nobody knows that it is gone.
    let found = store.holdings(&|path| path.try_exists().unwrap_or(true))?;
    if context.json {
        let agents = found.agents.iter().map(|(agent, held)| AgentJson { agent: clean(agent), held: held_json(held) });
        Out::json(&Answer {
            path: clean(&store.path().display().to_string()),
            size: store.size(),
            schema: store.schema(),
            sqlite: Store::sqlite_version(),
            writer: store.is_writer(),
            total: held_json(&found.total()),
            agents: agents.collect(),
        })?;
    } else {
        let mut out = Out::text();
        print(context, &fresh, &found, &mut out)?;
        out.flush()?;
    }
    Ok(ExitCode::SUCCESS)
}

fn days(held: &Held, zone: Zone) -> (String, String) {
    let day = |at| day_of(at, zone).format("%Y-%m-%d").to_string();
    held.span.map_or_else(|| ("·".to_owned(), "·".to_owned()), |(first, last)| (day(first), day(last)))
}

fn print(context: &Context, fresh: &Fresh, found: &Holdings, out: &mut Out) -> io::Result<()> {
    let store = &fresh.ingest.store;
    let (path, size) = (clean(&store.path().display().to_string()), bytes(store.size()));
    out.styled(STRONG, &format!("Store {path}: {size}, schema {}, SQLite {}", store.schema(), Store::sqlite_version()))?;
    let total = found.total();
    if total.sessions == 0 {
        return out.line("Nothing is in it yet.");
    }
    let mut table = Table::new(vec![
        Column::text("AGENT"),
        Column::number("SESSIONS"),
        Column::number("TASKS"),
        Column::number("CALLS"),
        Column::number("FACTS").expendable(3),
        Column::number("LOGS"),
        Column::number("GONE"),
        Column::number("ONLY HERE"),
        Column::text("OLDEST").expendable(2),
        Column::text("NEWEST").expendable(1),
    ]);
    let cells = |name: &str, held: &Held| {
        let (oldest, newest) = days(held, context.zone());
        let numbers = [held.sessions, held.tasks, held.calls, held.facts, held.logs, held.logs_gone, held.only_here];
        let numbers = numbers.iter().map(u64::to_string);
        std::iter::once(name.to_owned()).chain(numbers).chain([oldest, newest]).collect::<Vec<_>>()
    };
    for (agent, held) in &found.agents {
        table.row(cells(agent, held));
    }
    table.total(cells("all", &total));
    table.write(out)?;
    out.line("")?;
    if total.only_here == 0 {
        return out.line("Every session's log is still there: the store could be made again from them.");
    }
    let sessions = count(total.only_here, "session is", "sessions are");
    let cost = context.cost(&total.only_here_sums.cost());
    out.line(&format!("{sessions} only here ({cost}): agents have deleted the logs, or they are on another machine. Their figures stay."))?;
    out.line("`aifinops store export FILE` makes a copy of the whole history.")
}
