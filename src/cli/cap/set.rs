//! `cap set`: writes a cap into the configuration file, whose comments stay.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;

use super::show::{self, CapJson};
use super::usual;
use crate::budgets;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::out::Out;
use crate::cli::{guard, rules, words};
use crate::config;
use crate::model::cap::{Action, Amount, Cap, Scope, Span};
use crate::model::text::clean;
use crate::store::ledger::Kind;

/// Shown under `--help`.
pub const EXAMPLES: &str = "\
EXAMPLES:
  aifinops cap set 20                            $20 a day, over all agents together
  aifinops cap set 100 --per week                and $100 a week
  aifinops cap set 8 --per session --action stop
  aifinops cap set '60 steps' --per task --agent claude-code
  aifinops cap set 'p99 steps' --per task        what 99% of your own tasks stay within, as it is now
  aifinops cap set '6 repeats' --per task        a tool called so often with the same arguments
  aifinops cap set '20 retries' --per task
  aifinops cap set '40 gpu'                      $40 a day of GPUs' time, which counts under no other cap
  aifinops cap set 2 --model opus --notify 80,100
  aifinops cap set 30 --project '*/clients/*' --name clients";

/// The arguments.
#[derive(Debug, Clone, Args)]
pub struct SetArgs {
    /// How much: dollars (`20`, `7.50`), tokens (`5M tokens`), steps (`60 steps`), `repeats` of one call, `retries`, GPU dollars (`40 gpu`)
    #[arg(value_name = "AMOUNT", allow_hyphen_values = true)]
    pub amount: String,
    /// In which span of time
    #[arg(long, value_parser = words::spans(), default_value = "day", value_name = "SPAN")]
    pub per: Span,
    /// Only what this agent spends
    #[arg(long, value_parser = words::agent())]
    pub agent: Option<String>,
    /// Only in projects whose name matches this pattern; with a slash in it, whose path does
    #[arg(long, value_name = "PATTERN")]
    pub project: Option<String>,
    /// Only with models whose name contains this, or matches this pattern
    #[arg(long, value_name = "PATTERN")]
    pub model: Option<String>,
    /// What happens at the limit
    #[arg(long, value_parser = words::actions(), default_value = "block")]
    pub action: Action,
    /// At which percentages you are told; `none` for no word at all
    #[arg(long, value_name = "PERCENT,…", value_delimiter = ',', default_values = ["50", "80", "100"])]
    pub notify: Vec<String>,
    /// What to call it; made from the rest unless you say so
    #[arg(long)]
    pub name: Option<String>,
}

impl SetArgs {
    fn cap(&self, context: &Context) -> Result<Cap, CliError> {
        let scope = Scope { agent: self.agent.clone(), project: self.project.clone(), model: self.model.clone() };
        let mut text = self.amount.clone();
        if let Some((steps, tasks)) = usual::limit(context, &text, self.per, &scope)? {
            context.note(&format!("{} is {steps} now, of {tasks} tasks of the last 30 days; that number is the limit", clean(text.trim())));
            text = steps;
        }
        let limit = Amount::parse(&text).map_err(|error| {
            CliError::usage(
                format!("`{}` {error}", clean(&text)),
                "such as `aifinops cap set 20` or `aifinops cap set '60 steps' --per task`",
            )
        })?;
        let notify =
            if self.notify == ["none"] { Vec::new() } else { self.notify.iter().map(|text| percent(text)).collect::<Result<_, _>>()? };
        let name = self.name.clone().unwrap_or_else(|| free_name(limit, self.per, &scope, &context.settings.caps));
        let mut cap = Cap { scope, notify, action: self.action, ..Cap::new(&name, limit, self.per) };
        cap.notify.sort_unstable();
        cap.notify.dedup();
        config::check_cap(&cap).map_err(|why| CliError::usage(clean(&why), "such as `--name clients` or `--project 'web-*'`"))?;
        Ok(cap)
    }
}

fn percent(text: &str) -> Result<u16, CliError> {
    let number = text.trim().trim_end_matches('%').parse().ok().filter(|n| (1..=1000).contains(n));
    number.ok_or_else(|| CliError::usage(format!("`{}` is no percentage", clean(text)), "such as `--notify 50,80,100`, from 1 to 1000"))
}

/// `day`, `week-codex`, `task-steps`, `day-web`: the span, what it is counted in unless that is money, and the scope.
fn name_of(limit: Amount, span: Span, scope: &Scope) -> String {
    let mut name = span.word().to_owned();
    if limit.unit != crate::model::cap::Unit::Money {
        name.push('-');
        name.push_str(limit.unit.word());
    }
    for part in [&scope.agent, &scope.project, &scope.model].into_iter().flatten() {
        let plain: String = part.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
        let plain = plain.split('-').filter(|p| !p.is_empty()).collect::<Vec<_>>().join("-");
        name.push('-');
        // Of a text without any such letter nothing is left; but it is no cap over everything.
        name.extend(if plain.is_empty() { "scope" } else { &plain }.chars().take(16));
    }
    name.chars().take(40).collect()
}

/// The same; with a number behind it where another cap is called so that is over something else.
fn free_name(limit: Amount, span: Span, scope: &Scope, caps: &[Cap]) -> String {
    let name = name_of(limit, span, scope);
    let is_other = |cap: &Cap| cap.span != span || cap.scope != *scope || cap.limit.unit != limit.unit;
    let is_taken = |name: &str| caps.iter().any(|cap| cap.name == name && is_other(cap));
    let numbered = (2..).map(|n| format!("{name}-{n}"));
    std::iter::once(name.clone()).chain(numbered).find(|name| !is_taken(name)).unwrap_or(name)
}

/// The cap over everything of this amount and span, as the screen sets it: called as the command line would call it, and
/// where there is one of that name already, with its levels and what happens at its limit.
#[must_use]
pub fn plain(limit: Amount, span: Span, caps: &[Cap]) -> Cap {
    let cap = Cap::new(&free_name(limit, span, &Scope::default(), caps), limit, span);
    match caps.iter().find(|other| other.name == cap.name && other.span == span && other.scope.is_everything()) {
        Some(other) => Cap { notify: other.notify.clone(), action: other.action, ..cap },
        None => cap,
    }
}

/// The cap as the configuration's table takes it.
fn fields(cap: &Cap) -> Vec<(&'static str, String)> {
    let mut fields = vec![("limit", cap.limit.text()), ("per", cap.span.to_string())];
    let scope = [("agent", &cap.scope.agent), ("project", &cap.scope.project), ("model", &cap.scope.model)];
    fields.extend(scope.into_iter().filter_map(|(name, value)| Some((name, value.clone()?))));
    if cap.notify != Cap::NOTIFY {
        fields.push(("notify", format!("[{}]", cap.notify.iter().map(u16::to_string).collect::<Vec<_>>().join(", "))));
    }
    if cap.action != Action::default() {
        fields.push(("action", cap.action.to_string()));
    }
    fields
}

/// Writes a cap into the configuration file and into the ledger. Gives what the person should know besides.
pub fn write(context: &Context, cap: &Cap) -> Result<Vec<String>, CliError> {
    config::set_table(&context.settings, &["caps", &cap.name], &fields(cap))?;
    context.remember();
    let mut notes = Vec::new();
    let ledger = show::ledger(context)?;
    ledger.record(&show::decision(context, cap, Kind::Set, cap.limit.count))?;
    // Who sets a cap means it: what was granted on top of the old one is over.
    if ledger.end_raises(&cap.name, context.now)? > 0 {
        notes.push("the raises of the cap that it replaces have ended".to_owned());
    }
    show::keep_copy(context, &ledger);
    if let Some(origin) = show::from_outside(context, cap) {
        notes.push(format!("{origin} sets a cap of the same name, which goes before the file"));
    }
    let mut all: Vec<Cap> = context.settings.caps.iter().filter(|other| other.name != cap.name).cloned().collect();
    all.push(cap.clone());
    all.extend(rules::policy(&context.settings).caps);
    for (inner, outer) in budgets::shadowed(&all) {
        if inner.name == cap.name || outer.name == cap.name {
            notes.push(format!(
                "`{}` ({}) can never be reached: `{}` ({}) binds before it",
                inner.name,
                inner.words(),
                outer.name,
                outer.words()
            ));
        }
    }
    Ok(notes)
}

/// Which agents would not hear of the cap.
fn toothless(context: &Context, cap: &Cap) -> Option<String> {
    let named = |agent: &&str| cap.scope.agent.as_deref().is_none_or(|wanted| wanted == *agent);
    let silent: Vec<&str> = guard::unguarded(context).into_iter().filter(named).collect();
    let (first, more) = (silent.first().filter(|_| cap.has_teeth())?, silent.len() > 1);
    let install = if more { "--all" } else { first };
    let (verb, all) = (if more { "do" } else { "does" }, silent.join(", "));
    Some(format!("{all} {verb} not ask before spending yet: `aifinops guard install {install}`"))
}

#[derive(Serialize)]
struct Answer {
    cap: CapJson,
    config_file: String,
    notes: Vec<String>,
}

/// Sets the cap.
pub fn run(context: &Context, args: &SetArgs) -> Result<ExitCode, CliError> {
    let cap = args.cap(context)?;
    let mut notes = write(context, &cap)?;
    notes.extend(toothless(context, &cap));
    let config_file = clean(&context.config_file().display().to_string());
    if context.json {
        Out::json(&Answer { cap: show::cap_json(&cap), config_file, notes })?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut out = Out::text();
    out.line(&format!("Set: {}, called `{}`, in {config_file}.", clean(&cap.words()), clean(&cap.name)))?;
    for note in &notes {
        out.line(&format!("  {}", clean(note)))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
