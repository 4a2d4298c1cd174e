//! `guard install` and `guard uninstall`.

use std::io::Write as _;
use std::process::ExitCode;

use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::{CliError, FAILURE};
use crate::cli::out::Out;
use crate::guards::file::Edit;
use crate::guards::{Guard, GuardError, Plan, Site, State};
use crate::model::text::clean;

use super::{ChangeArgs, chosen};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Installing.
    In,
    /// Uninstalling.
    Out,
}

#[derive(Serialize)]
struct Answer {
    dry_run: bool,
    guards: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    agent: &'static str,
    changed: bool,
    files: Vec<FileRow>,
    state: &'static str,
    why: Option<String>,
    error: Option<String>,
}

/// The change of one file.
#[derive(Serialize)]
pub struct FileRow {
    /// The file.
    pub path: String,
    /// `create`, `change` or `remove`.
    pub action: &'static str,
    /// Lines that go.
    pub removed: Vec<String>,
    /// Lines that come.
    pub added: Vec<String>,
}

/// Changes the settings of each agent. One that fails keeps the others from nothing.
pub fn run(context: &Context, site: &Site<'_>, args: &ChangeArgs, way: Way) -> Result<ExitCode, CliError> {
    let rows: Vec<Row> = chosen(site, &args.agents).into_iter().map(|guard| row(site, guard, args.dry_run, way)).collect();
    let failed = rows.iter().any(|row| row.error.is_some() || is_idle(row, args.dry_run, way));
    if context.json {
        Out::json(&Answer { dry_run: args.dry_run, guards: rows })?;
    } else {
        print(&rows, args.dry_run, way)?;
    }
    Ok(if failed { ExitCode::from(FAILURE) } else { ExitCode::SUCCESS })
}

fn row(site: &Site<'_>, guard: &'static dyn Guard, dry_run: bool, way: Way) -> Row {
    let plan = match way {
        Way::In => guard.install(site),
        Way::Out => guard.uninstall(site),
    };
    let done = plan.and_then(|plan| if dry_run { Ok(plan) } else { plan.apply().map(|()| plan) });
    let state = guard.status(site).state;
    let (plan, error) = match done {
        Ok(plan) => (plan, None),
        Err(error) => (Plan::default(), Some(told(&error))),
    };
    Row {
        agent: guard.agent(),
        changed: !plan.is_nothing(),
        files: plan.edits.iter().map(file_row).collect(),
        state: state.word(),
        why: state.why().map(clean),
        error,
    }
}

/// Whether what was put in will not ask.
fn is_idle(row: &Row, dry_run: bool, way: Way) -> bool {
    way == Way::In && !dry_run && row.error.is_none() && row.state != State::Installed.word()
}

fn told(error: &GuardError) -> String {
    let left_alone = if matches!(error, GuardError::Invalid { .. }) { "; nothing was changed" } else { "" };
    clean(&format!("{error}{left_alone}"))
}

/// A change as it is told.
#[must_use]
pub fn file_row(edit: &Edit) -> FileRow {
    let (removed, added) = lines(edit.before.as_deref().unwrap_or_default(), edit.after.as_deref().unwrap_or_default());
    let action = match (&edit.before, &edit.after) {
        (None, _) => "create",
        (_, None) => "remove",
        _ => "change",
    };
    FileRow { path: clean(&edit.path.display().to_string()), action, removed, added }
}

/// The lines between the first and the last that differ.
fn lines(before: &str, after: &str) -> (Vec<String>, Vec<String>) {
    let (old, new): (Vec<&str>, Vec<&str>) = (before.lines().collect(), after.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let room = old.len().min(new.len()) - same;
    let tail = old.iter().rev().zip(new.iter().rev()).take(room).take_while(|(a, b)| a == b).count();
    let part = |all: &[&str]| all.get(same..all.len() - tail).unwrap_or_default().iter().map(|line| clean(line)).collect();
    (part(&old), part(&new))
}

fn print(rows: &[Row], dry_run: bool, way: Way) -> Result<(), CliError> {
    let mut out = Out::text();
    if rows.is_empty() {
        out.line("No agent that can be guarded was found on this machine.")?;
    }
    for row in rows {
        let verb = match (way, row.changed, dry_run) {
            (Way::In, true, false) => "asks before it spends from its next start on",
            (Way::In, false, _) => "asks already",
            (Way::Out, true, false) => "does not ask any more",
            (_, true, true) => "would be changed so",
            (Way::Out, false, _) => "nothing of ours in its settings",
        };
        let idle = is_idle(row, dry_run, way);
        match &row.error {
            None if idle => out.line(&format!("! {}: it stands in the settings, and does not ask", row.agent))?,
            Some(error) => out.line(&format!("! {}: {error}", row.agent))?,
            None => out.line(&format!("✓ {}: {verb}", row.agent))?,
        }
        for file in &row.files {
            out.line(&format!("    {} {}", file.action, file.path))?;
            if dry_run {
                let marked = |mark: char, lines: &[String]| lines.iter().map(|line| format!("    {mark} {line}")).collect::<Vec<_>>();
                for line in marked('-', &file.removed).into_iter().chain(marked('+', &file.added)) {
                    out.line(&line)?;
                }
            }
        }
        if let Some(why) = row.why.as_ref().filter(|_| idle) {
            out.line(&format!("    ! {}: {why}", row.state))?;
        }
    }
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_the_lines_that_differ() {
        let strings = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        assert_eq!(lines("a\nb\nc\n", "a\nx\ny\nc\n"), (strings(&["b"]), strings(&["x", "y"])));
        assert_eq!(lines("", "a\n"), (vec![], strings(&["a"])));
        assert_eq!(lines("a\na\n", "a\na\na\n"), (vec![], strings(&["a"])));
        assert_eq!(lines("same\n", "same\n"), (vec![], vec![]));
    }
}
