//! `session ID`: one conversation in full.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Args;

use crate::export::json;
use crate::model::time::{HOUR, span};
use crate::model::tokens::compact;
use crate::model::{Basis, Cost, Tokens, Window};
use crate::query::{self, Asking, Filter, SessionDetail, SessionView};
use crate::store::Store;
use crate::ui::columns::state_sign;

use super::context::Context;
use super::error::CliError;
use super::listing;
use super::out::{FAINT, Out, STRONG};
use super::table::{Column, Table, count};
use super::waste;
use super::when::clock;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops session 3f2a91c0                     the beginning of an id is enough
  aifinops session 3f2a91c0 --json | jq '.task_list[].cost.usd'";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct SessionArgs {
    /// The session's id, or its beginning; of a subagent also the part behind the slash
    #[arg(value_name = "ID")]
    pub id: String,
}

/// Shows one session.
pub fn run(context: &Context, args: &SessionArgs) -> Result<ExitCode, CliError> {
    let mut fresh = context.open()?;
    let id = find(&fresh.ingest.store, &args.id)?;
    let living = fresh.living();
    let asking = Asking { window: Window::ALL, now: context.now, zone: context.zone(), living: &living, hour: None };
    let detail = query::detail::session(&fresh.ingest.store, &mut fresh.ingest.prices, &asking, id)?;
    let mut detail = detail.ok_or_else(|| CliError::NoSession(args.id.clone()))?;
    fresh.labeler.fill(&fresh.ingest.store, std::iter::once(&mut detail.session).chain(&mut detail.children))?;
    let filter = Filter::default();
    let found =
        waste::ask(context, &mut fresh, &waste::Question { window: Window::ALL, filter: &filter, only: Some(id), swaps: &[], limit: 1 })?;
    let whole = found.total.cost + found.subagents;
    if context.json {
        let waste = json::waste::waste(&found.total, &found.counts, &found.subagents, &whole);
        Out::json(&json::detail(&detail, waste))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    head(context, &detail.session, fresh.ingest.prices.book().date(), &mut out)?;
    tasks(context, &detail, &mut out)?;
    tools(&detail, &mut out)?;
    limits(context, &detail, &mut out)?;
    if !detail.children.is_empty() {
        out.line("")?;
        listing::write_below(context, &detail.children, 1, &mut out)?;
    }
    if found.total.steps > 0 {
        out.line("")?;
        waste::print::categories(context, &found.total, &found.counts, (&found.subagents, &whole), &mut out)?;
    }
    for file in &detail.files {
        out.styled(FAINT, &format!("read from {}", crate::model::text::clean(&file.display().to_string())))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The one session that is meant; a session's own id wins over those of its subagents, which begin with it.
pub(super) fn find(store: &Store, wanted: &str) -> Result<i64, CliError> {
    let wanted = wanted.trim().trim_end_matches('…');
    if wanted.is_empty() {
        return Err(CliError::NoSession(String::new()));
    }
    let mut found = store.find_sessions(wanted)?;
    let exact: Vec<_> = found.iter().filter(|(_, _, uid)| &**uid == wanted).cloned().collect();
    if !exact.is_empty() {
        found = exact;
    }
    let parents: Vec<String> = found.iter().map(|(_, _, uid)| format!("{uid}/")).collect();
    found.retain(|(_, _, uid)| !parents.iter().any(|parent| uid.starts_with(parent.as_str())));
    match found.as_slice() {
        [] => Err(CliError::NoSession(wanted.to_owned())),
        [(id, ..)] => Ok(*id),
        several => {
            let candidates = several.iter().take(10).map(|(_, agent, uid)| format!("{uid} ({agent})")).collect();
            Err(CliError::Ambiguous { prefix: wanted.to_owned(), candidates, count: several.len() })
        }
    }
}

fn head(context: &Context, view: &SessionView, book: &str, out: &mut Out) -> io::Result<()> {
    let zone = context.zone();
    let mut title = vec![view.agent.to_string()];
    title.extend([&*view.project, view.branch.as_deref().unwrap_or_default()].iter().filter(|t| !t.is_empty()).map(|t| (*t).to_owned()));
    title.extend(view.role.as_deref().map(str::to_owned));
    out.styled(STRONG, &crate::model::text::clean(&format!("{} {}  {}", state_sign(view.state), title.join(" · "), view.state.word())))?;
    let mut line = |name: &str, value: String| {
        if value.is_empty() {
            return Ok(());
        }
        out.line(&format!("{FAINT}{name:<10}{FAINT:#} {}", crate::model::text::clean(&value)))
    };
    line("id", view.uid.to_string())?;
    line("parent", view.parent.as_deref().unwrap_or_default().to_owned())?;
    line("directory", view.cwd.as_deref().unwrap_or_default().to_owned())?;
    line("remote", view.remote.as_deref().unwrap_or_default().to_owned())?;
    let labels: Vec<String> = view.labels.iter().map(|(dimension, value)| format!("{} {value}", dimension.word())).collect();
    line("for", labels.join(" · "))?;
    line("models", view.models.join(", "))?;
    line("version", view.version.as_deref().unwrap_or_default().to_owned())?;
    if let (Some(from), Some(to)) = (view.started_at, view.last_at) {
        line("time", format!("{} – {} (last {} ago)", clock(from, zone), clock(to, zone), span(context.now - to)))?;
    }
    let recent =
        if view.last_hour.known.nanos() == 0 { String::new() } else { format!(" · {} in the last hour", context.cost(&view.last_hour)) };
    line(
        "cost",
        format!("{} {} · {} today{recent}", context.cost(&view.lifetime), basis(&view.lifetime, book), context.cost(&view.today)),
    )?;
    line("tokens", tokens(&view.tokens()))?;
    if let Some(context) = view.context {
        let share = view.context_permille().map(|p| format!(" ({}%)", (p + 5) / 10)).unwrap_or_default();
        let size = view.context_window.map(|w| format!(" of {}", compact(w))).unwrap_or_default();
        line("context", format!("{}{size}{share}", compact(context)))?;
    }
    let sums = &view.sums;
    line(
        "work",
        format!(
            "{} · {} (longest loop {}) · {}, {} failed · {} · {}",
            count(sums.prompts, "task", "tasks"),
            count(sums.calls, "step", "steps"),
            view.longest_loop,
            count(sums.tools, "tool call", "tool calls"),
            sums.failures,
            count(sums.retries, "retry", "retries"),
            count(sums.compactions, "compaction", "compactions"),
        ),
    )
}

/// Where a cost comes from, in parentheses.
fn basis(cost: &Cost, book: &str) -> String {
    let unpriced = match cost.unpriced_calls {
        0 => String::new(),
        n => format!(", {} without a price", count(n, "call", "calls")),
    };
    match cost.basis() {
        Basis::Priced => format!("(prices of {book}{unpriced})"),
        Basis::Unknown => "(no price known)".to_owned(),
        other => format!("({}{unpriced})", other.word()),
    }
}

fn tokens(tokens: &Tokens) -> String {
    let mut parts = vec![format!("{} in", compact(tokens.input))];
    let more = [
        (tokens.cache_read, "from the cache"),
        (tokens.cache_write_5m, "into the cache for 5 minutes"),
        (tokens.cache_write_1h, "into the cache for an hour"),
        (tokens.output, "out"),
        (tokens.reasoning, "of it reasoning"),
    ];
    parts.extend(more.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{} {what}", compact(*n))));
    format!("{}: {}", compact(tokens.total()), parts.join(", "))
}

fn tasks(context: &Context, detail: &SessionDetail, out: &mut Out) -> io::Result<()> {
    if detail.tasks.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(vec![
        Column::number("TASK"),
        Column::text("STARTED"),
        Column::number("TOOK"),
        Column::number("STEPS"),
        Column::number("TOOLS"),
        Column::number("FAILED").expendable(1),
        Column::number("RETRIES").expendable(2),
        Column::number("TOKENS"),
        Column::number("COST"),
    ]);
    for (i, task) in detail.tasks.iter().enumerate() {
        table.row(vec![
            (i + 1).to_string(),
            clock(task.started_at, context.zone()),
            span(task.ended_at - task.started_at),
            task.sums.calls.to_string(),
            task.sums.tools.to_string(),
            task.sums.failures.to_string(),
            task.sums.retries.to_string(),
            compact(task.sums.tokens().total()),
            context.cost(&task.sums.cost()),
        ]);
    }
    out.line("")?;
    table.write(out)
}

fn tools(detail: &SessionDetail, out: &mut Out) -> io::Result<()> {
    if detail.tools.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(vec![Column::text("TOOL"), Column::number("CALLS"), Column::number("FAILED")]);
    for tool in &detail.tools {
        table.row(vec![tool.name.to_string(), tool.calls.to_string(), tool.failures.to_string()]);
    }
    out.line("")?;
    table.write(out)
}

fn limits(context: &Context, detail: &SessionDetail, out: &mut Out) -> io::Result<()> {
    if detail.limits.is_empty() {
        return Ok(());
    }
    let mut table = Table::new(vec![Column::text("LIMIT"), Column::number("USED"), Column::text("TOLD"), Column::text("RESETS")]);
    for limit in &detail.limits {
        let name = match &*limit.limit {
            "" => format!("per {}", span(i64::from(limit.window_minutes) * HOUR / 60)),
            name => format!("{name} per {}", span(i64::from(limit.window_minutes) * HOUR / 60)),
        };
        table.row(vec![
            name,
            format!("{}.{}%", limit.used_permille / 10, limit.used_permille % 10),
            clock(limit.at, context.zone()),
            limit.resets_at.map_or_else(|| "·".to_owned(), |at| clock(at, context.zone())),
        ]);
    }
    out.line("")?;
    table.write(out)
}
