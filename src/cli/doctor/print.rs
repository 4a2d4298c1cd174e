//! What `doctor` finds, for people: what is well in one line, what is not in full.

use std::io;

use crate::cli::out::{Out, STRONG};
use crate::cli::table::{Column, Table, bytes, count};

use super::findings::{Findings, LogFile, Row};
use super::{gateways, holds};

/// Prints everything.
pub fn print(found: &Findings, all_files: bool, out: &mut Out) -> io::Result<()> {
    out.styled(STRONG, &format!("aifinops {}", found.version))?;
    roots(found, out)?;
    if !found.store.unusable {
        files(found, all_files, out)?;
    }
    prices(found, out)?;
    store(found, out)?;
    holds::print(&found.policy, &found.guards, out)?;
    gateways::print(&found.gateways, out)?;
    out.line("")?;
    out.styled(STRONG, "Settings")?;
    settings(&found.settings, out)?;
    for problem in &found.problems {
        out.line(&format!("! {problem}"))?;
    }
    if let Some(limits) = &found.inotify {
        let number = |n: Option<u64>| n.map_or_else(|| "?".to_owned(), |n| n.to_string());
        out.line("")?;
        let (watches, instances) = (number(limits.max_user_watches), number(limits.max_user_instances));
        out.line(&format!("Watching files: at most {watches} directories and {instances} programs (inotify)"))?;
    }
    Ok(())
}

fn roots(found: &Findings, out: &mut Out) -> io::Result<()> {
    let mut table =
        Table::new(vec![Column::text(""), Column::text("AGENT"), Column::number("READER"), Column::number("FILES"), Column::text("ROOT")]);
    for root in &found.roots {
        let reader = found.parsers.iter().find(|p| p.agent == root.agent).map_or_else(|| "?".to_owned(), |p| p.version.to_string());
        let sign = if !root.problems.is_empty() {
            "!"
        } else if root.exists {
            "✓"
        } else {
            "·"
        };
        table.row(vec![sign.to_owned(), root.agent.to_owned(), reader, root.files.to_string(), root.path.clone()]);
    }
    out.line("")?;
    table.write(out)?;
    found.roots.iter().flat_map(|root| &root.problems).try_for_each(|problem| out.line(&format!("! {problem}")))
}

fn files(found: &Findings, all: bool, out: &mut Out) -> io::Result<()> {
    let troubled = |file: &LogFile| file.malformed > 0;
    let (lines, malformed) = found.files.iter().fold((0, 0), |(l, m), f| (l + f.lines, m + f.malformed));
    let gone = found.files.iter().filter(|f| !f.exists).count();
    out.line("")?;
    out.styled(
        STRONG,
        &format!(
            "{}, {}, {malformed} of them unreadable; {} gone, {} figures kept",
            count(found.files.len(), "log file", "log files"),
            count(lines, "line", "lines"),
            count(gone, "file is", "files are"),
            if gone == 1 { "its" } else { "their" }
        ),
    )?;
    let told = |path: &str| found.roots.iter().flat_map(|root| &root.problems).any(|problem| problem.starts_with(&format!("{path}: ")));
    for failed in found.failed.iter().filter(|failed| !told(&failed.path)) {
        out.line(&format!("! {}: {}", failed.path, failed.error))?;
    }
    let mut table = Table::new(vec![
        Column::text("AGENT").expendable(2),
        Column::number("SIZE"),
        Column::number("READ"),
        Column::number("LINES"),
        Column::number("BAD"),
        Column::text("FILE"),
        Column::text("FIRST FAULT").expendable(1),
    ]);
    for file in found.files.iter().filter(|f| all || troubled(f)) {
        table.row(vec![
            file.agent.clone(),
            bytes(file.size),
            bytes(file.offset),
            file.lines.to_string(),
            file.malformed.to_string(),
            if file.exists { file.path.clone() } else { format!("{} (gone)", file.path) },
            file.first_malformed.clone().unwrap_or_else(|| "·".to_owned()),
        ]);
    }
    if table.is_empty() { Ok(()) } else { table.write(out) }
}

fn prices(found: &Findings, out: &mut Out) -> io::Result<()> {
    let prices = &found.prices;
    out.line("")?;
    out.styled(
        STRONG,
        &format!(
            "Prices of {}: {}, {} of your own ({})",
            prices.date,
            count(prices.models, "model", "models"),
            prices.overrides,
            prices.source
        ),
    )?;
    if found.store.unusable {
        return Ok(());
    }
    if found.unpriced.is_empty() {
        return out.line("✓ every model in the logs has a price");
    }
    for model in &found.unpriced {
        let what = if model.listed { "a surcharge of its own (fast mode, searches)" } else { "it" };
        out.line(&format!("! {}: {} without a price: the list has none for {what}", model.model, count(model.calls, "call", "calls")))?;
    }
    Ok(())
}

fn store(found: &Findings, out: &mut Out) -> io::Result<()> {
    let store = &found.store;
    out.line("")?;
    out.styled(
        STRONG,
        &format!("Store {}: {}, {}, SQLite {}", store.path, bytes(store.size), count(store.sessions, "session", "sessions"), store.sqlite),
    )?;
    match &store.damage {
        None => out.line("✓ sound")?,
        Some(word) if store.unusable => out.line(&format!("! {word}"))?,
        Some(word) => out.line(&format!("! damaged: {word}"))?,
    }
    for database in &found.databases {
        let name = database.path.rsplit('/').next().unwrap_or_default();
        let schema = database.schema.map_or_else(|| "its schema cannot be read".to_owned(), |schema| format!("schema {schema}"));
        let from = database.came_from.map_or_else(String::new, |from| format!(", brought up to date from {from}"));
        match &database.damage {
            None => out.line(&format!("✓ {name}: {schema}{from}"))?,
            Some(word) => out.line(&format!("! {name}: {schema}{from}: {word}"))?,
        }
    }
    for path in &found.moved_aside {
        out.line(&format!("! {path}: was damaged or another program's, and was moved aside; another was begun in its place"))?;
    }
    if !store.writer && !store.unusable {
        out.line("· another aifinops reads the logs; this one follows")?;
    }
    if let Some(rebuilt) = &found.rebuild {
        let sign = if rebuilt.is_right() { "✓" } else { "!" };
        out.line(&format!(
            "{sign} recomputed from {} and {}: {} by time, {} by task and {} by tool differed",
            count(rebuilt.calls, "call", "calls"),
            count(rebuilt.facts, "event", "events"),
            count(rebuilt.wrong_slots, "sum", "sums"),
            rebuilt.wrong_tasks,
            rebuilt.wrong_tools
        ))?;
    }
    Ok(())
}

/// The table of settings, also for `config show`.
pub fn settings(rows: &[Row], out: &mut Out) -> io::Result<()> {
    let mut table = Table::new(vec![Column::text("KEY"), Column::text("VALUE"), Column::text("FROM")]);
    for row in rows {
        table.row(vec![row.key.clone(), row.value.clone(), row.origin.clone()]);
    }
    table.write(out)
}
