//! `experiments`: what trials have cost, against their budgets and their last days.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use crate::budgets;
use crate::export::json::{self, MoneyJson};
use crate::model::cap::Action;
use crate::model::text::clean;
use crate::model::{Money, time};
use crate::query::experiments::{self, ExperimentView};

use super::context::Context;
use super::error::CliError;
use super::out::{FAINT, Out};
use super::rules;
use super::table::{Column, Table};

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops experiments
  aifinops experiments --json | jq '.experiments[] | select(.state != \"running\") | .name'
  aifinops config set experiments.new-router 'budget:200,owner:ana,ends:2026-12-31,action:block'
  aifinops tag 3f2a91c0 experiment=new-router

A session belongs to the experiment that a tag or a rule of attribution gives it. Over its budget, or after
its last day, you are told; with `action = \"block\"` guards and the proxy stop its sessions.";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct ExperimentsArgs {}

/// An experiment as the contract writes it.
#[derive(Debug, Clone, Serialize)]
struct ExperimentJson {
    name: String,
    owner: Option<String>,
    state: &'static str,
    action: &'static str,
    stops: bool,
    ends: Option<String>,
    ended_at: Option<String>,
    sessions: usize,
    budget: MoneyJson,
    spent: MoneyJson,
    assumed: MoneyJson,
    left: MoneyJson,
    used_permille: u64,
    lower_bound: bool,
    unpriced_calls: u64,
}

#[derive(Debug, Clone, Serialize)]
struct Answer {
    experiments: Vec<ExperimentJson>,
}

/// What an experiment is at, in a word.
fn state(view: &ExperimentView) -> &'static str {
    match (view.has_ended, is_over(view)) {
        (true, true) => "ended over budget",
        (true, false) => "ended",
        (false, true) => "over budget",
        (false, false) => "running",
    }
}

/// The word for programs.
fn state_word(view: &ExperimentView) -> &'static str {
    match (view.has_ended, is_over(view)) {
        (true, _) => "ended",
        (false, true) => "over_budget",
        (false, false) => "running",
    }
}

fn is_over(view: &ExperimentView) -> bool {
    view.standing.spend.money() >= view.experiment.budget
}

/// What is left of the budget, whether or not it may still be spent.
fn left(view: &ExperimentView) -> Money {
    Money::from_nanos(view.experiment.budget.nanos().saturating_sub(view.standing.spend.money().nanos()).max(0))
}

/// How much of the budget is used, in tenths of a percent.
fn used(view: &ExperimentView) -> u64 {
    let running = budgets::Standing { raised: 0, ..view.standing.clone() };
    running.permille()
}

fn experiment_json(context: &Context, view: &ExperimentView) -> ExperimentJson {
    let (experiment, spend) = (&view.experiment, &view.standing.spend);
    ExperimentJson {
        name: clean(&experiment.name),
        owner: experiment.owner.as_deref().map(clean),
        state: state_word(view),
        action: experiment.action.word(),
        stops: view.standing.halts(),
        ends: experiment.ends.map(|day| day.to_string()),
        ended_at: experiment.end(context.zone()).filter(|_| view.has_ended).map(time::rfc3339),
        sessions: view.sessions,
        budget: json::money(experiment.budget),
        spent: json::money(spend.money()),
        assumed: json::money(spend.assumed),
        left: json::money(left(view)),
        used_permille: used(view),
        lower_bound: spend.lower_bound,
        unpriced_calls: spend.unpriced_calls,
    }
}

/// Shows all experiments.
pub fn run(context: &Context, _: &ExperimentsArgs) -> Result<ExitCode, CliError> {
    let rules = rules::rules(&context.settings, &rules::policy(&context.settings));
    let fresh = context.open()?;
    let views = experiments::all(&fresh.ingest.store, &rules.about(&fresh.labeler, context.now))?;
    if context.json {
        Out::json(&Answer { experiments: views.iter().map(|view| experiment_json(context, view)).collect() })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    if views.is_empty() {
        out.line("There is no experiment. `aifinops config set experiments.NAME budget:200,ends:2026-12-31` begins one.")?;
        out.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = Table::new(vec![
        Column::text("EXPERIMENT"),
        Column::text("OWNER").expendable(3),
        Column::number("SESSIONS").expendable(1),
        Column::number("%").expendable(2),
        Column::number("SPENT"),
        Column::number("BUDGET"),
        Column::number("LEFT"),
        Column::text("ENDS"),
        Column::text("STATE"),
    ]);
    for view in &views {
        table.row(row(context, view));
    }
    table.write(&mut out)?;
    for view in views.iter().filter(|view| view.standing.is_assumed()) {
        let calls = super::table::count(usize::try_from(view.standing.spend.unpriced_calls).unwrap_or(usize::MAX), "call", "calls");
        let assumed = context.money(view.standing.spend.assumed);
        out.styled(
            FAINT,
            &format!("{}: {assumed} of it is assumed for {calls} without a known price (`assumed_price`)", clean(&view.experiment.name)),
        )?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn row(context: &Context, view: &ExperimentView) -> Vec<String> {
    let experiment = &view.experiment;
    let stops = if view.standing.halts() { ", stops agents" } else { "" };
    let teeth = if experiment.action == Action::Block && !view.standing.is_reached() { ", will block" } else { "" };
    vec![
        clean(&experiment.name),
        experiment.owner.as_deref().map_or_else(|| "·".to_owned(), clean),
        view.sessions.to_string(),
        format!("{}%", used(view) / 10),
        format!("{}{}", view.standing.mark(), context.money(view.standing.spend.money())),
        context.money(experiment.budget),
        context.money(left(view)),
        experiment.ends.map_or_else(|| "never".to_owned(), |day| day.to_string()),
        format!("{}{stops}{teeth}", state(view)),
    ]
}
