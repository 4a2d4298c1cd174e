//! `statusline install` and `uninstall`: Claude Code's settings, changed as the guards change them.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::guard;
use crate::cli::out::Out;
use crate::guards::{Plan, status_line};
use crate::model::text::clean;

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Installing.
    In,
    /// Uninstalling.
    Out,
}

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ChangeArgs {
    /// Show the change and make none
    #[arg(long)]
    pub dry_run: bool,
}

#[derive(Serialize)]
struct Answer {
    dry_run: bool,
    changed: bool,
    path: String,
    state: &'static str,
    why: Option<String>,
}

/// Changes the settings, or says how they would change.
pub fn run(context: &Context, args: &ChangeArgs, way: Way) -> Result<ExitCode, CliError> {
    guard::at(context, |site| {
        let plan = match way {
            Way::In => status_line::install(site),
            Way::Out => status_line::uninstall(site),
        }?;
        if !args.dry_run {
            plan.apply()?;
        }
        let status = status_line::status(site);
        if context.json {
            Out::json(&Answer {
                dry_run: args.dry_run,
                changed: !plan.is_nothing(),
                path: clean(&status.file.display().to_string()),
                state: status.state.word(),
                why: status.state.why().map(clean),
            })?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut out = Out::text();
        let words = match (way, plan.is_nothing(), args.dry_run) {
            (Way::In, true, _) => "Claude Code shows the status line already",
            (Way::In, false, false) => "Claude Code shows the status line from its next start on",
            (Way::Out, true, _) => "nothing of ours in Claude Code's settings",
            (Way::Out, false, false) => "Claude Code does not show the status line any more",
            (_, false, true) => "Claude Code's settings would be changed so",
        };
        out.line(&format!("✓ {words}"))?;
        files(&plan, args.dry_run, &mut out)?;
        if let Some(why) = status.state.why().filter(|_| way == Way::In && !args.dry_run) {
            out.line(&format!("  ! {}: {}", status.state.word(), clean(why)))?;
        }
        out.flush()?;
        Ok(ExitCode::SUCCESS)
    })
}

fn files(plan: &Plan, dry_run: bool, out: &mut Out) -> Result<(), CliError> {
    for edit in &plan.edits {
        let file = guard::change::file_row(edit);
        out.line(&format!("    {} {}", file.action, file.path))?;
        if dry_run {
            for (mark, lines) in [('-', &file.removed), ('+', &file.added)] {
                lines.iter().try_for_each(|line| out.line(&format!("    {mark} {line}")))?;
            }
        }
    }
    Ok(())
}
