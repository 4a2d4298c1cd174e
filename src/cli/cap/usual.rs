//! `p99 steps`: a limit taken from the person's own loops, as a number that stands in the file.

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::insight::loops::ENOUGH;
use crate::insight::spread::Spread;
use crate::model::Window;
use crate::model::cap::{Scope, Span};
use crate::query::loops::{self, BASELINE, Loop};

/// The limit that a text such as `p99 steps` stands for, and from how many tasks it was taken; `None` for other texts.
pub(super) fn limit(context: &Context, text: &str, span: Span, scope: &Scope) -> Result<Option<(String, usize)>, CliError> {
    let Some(percent) = percentile(text) else { return Ok(None) };
    if span != Span::Task {
        return Err(CliError::usage("a percentile is of the steps of a task", "add `--per task`"));
    }
    let fresh = context.open()?;
    let window = Window { from: context.now - BASELINE, to: i64::MAX };
    let tasks = loops::loops(&fresh.ingest.store, window, &fresh.living(), context.now)?;
    let covered = |task: &&Loop| scope.covers(&task.agent, task.cwd.as_deref(), task.model.as_deref());
    // A cap counts what subagents do as their task's.
    let all = |task: &Loop| task.steps() + task.subagent_steps;
    let steps: Spread = tasks.iter().filter(|task| !task.is_running).filter(covered).map(all).collect();
    match steps.percentile(percent).filter(|_| steps.count() >= ENOUGH) {
        Some(limit) => Ok(Some((format!("{} steps", limit.max(1)), steps.count()))),
        None => Err(CliError::usage(
            format!("{} tasks of the last 30 days are too few for a percentile", steps.count()),
            "give a number: `aifinops cap set '60 steps' --per task`",
        )),
    }
}

fn percentile(text: &str) -> Option<u32> {
    let number = text.trim().strip_prefix(['p', 'P'])?.strip_suffix("steps")?.trim();
    number.parse().ok().filter(|percent| (1..=100).contains(percent))
}

#[cfg(test)]
mod tests {
    use super::percentile;

    #[test]
    fn percentiles_are_known_from_other_amounts() {
        assert_eq!(["p99 steps", "P95steps", " p50  steps"].map(percentile), [Some(99), Some(95), Some(50)]);
        assert_eq!(["60 steps", "p steps", "p0 steps", "p101 steps", "p99", "p99 tokens"].map(percentile), [None; 6]);
    }
}
