//! The settings behind an open screen: read anew when they are edited, and written when the screen sets a cap.
//!
//! A broken edit changes nothing: of a part that cannot be used the last good one holds, and that is said.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::budgets::Standing;
use crate::config::policy::{self, Policy};
use crate::config::{Problem, Settings, keep};
use crate::engine::rules::Rules;
use crate::model::Millis;
use crate::model::cap::{Amount, Span};
use crate::model::text::{clean, without_number};
use crate::ui::keymap::Keymap;
use crate::ui::surroundings::{Change, Surroundings};

use super::cap::{raise, set};
use super::context::Context;
use super::error::CliError;
use super::when::coming;
use super::{rules, screen};

/// The settings as the screen has them.
pub struct Desk {
    context: Context,
    /// The demo's caps are its own: of the settings only they are looked at.
    is_demo: bool,
    rules: Arc<Rules>,
    problems: Vec<String>,
    clock: fn() -> Millis,
}

impl Desk {
    /// The settings of a command's context.
    #[must_use]
    pub fn new(context: &Context, clock: fn() -> Millis) -> Desk {
        Desk::of(context.clone(), false, clock)
    }

    /// The caps of a demo that lives in a directory.
    #[must_use]
    pub fn demo(context: &Context, config_file: &Path, data_dir: &Path, clock: fn() -> Millis) -> Desk {
        Desk::of(context.elsewhere(config_file, data_dir), true, clock)
    }

    fn of(mut context: Context, is_demo: bool, clock: fn() -> Millis) -> Desk {
        let loaded = context.reload();
        // A screen is no place for notes.
        context.quiet = true;
        let policy = policy_of(is_demo, &context.settings);
        let problems = texts(&loaded.problems, &policy);
        context.settings = loaded.settings;
        let rules = Arc::new(rules::rules(&context.settings, &policy));
        Desk { context, is_demo, rules, problems, clock }
    }

    /// The rules in force.
    #[must_use]
    pub fn rules(&self) -> Arc<Rules> {
        self.rules.clone()
    }

    /// Where decisions are written down.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        self.context.settings.data_dir.value.clone()
    }

    /// What is wrong with the settings.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        if self.is_demo { Vec::new() } else { self.problems.clone() }
    }

    /// The files that settings come from.
    #[must_use]
    pub fn files(&self) -> Vec<PathBuf> {
        let policy = policy::system_path().filter(|_| !self.is_demo);
        std::iter::once(self.context.config_file()).chain(policy).collect()
    }
}

fn policy_of(is_demo: bool, settings: &Settings) -> Policy {
    if is_demo { Policy::default() } else { rules::policy(settings) }
}

fn texts(problems: &[Problem], policy: &Policy) -> Vec<String> {
    let policy = policy.problems.iter().map(|problem| format!("policy: {problem}"));
    problems.iter().map(ToString::to_string).chain(policy).map(|text| without_number(&text)).collect()
}

/// An error in one line, as a dialog has room for.
fn told(error: &CliError) -> String {
    clean(&without_number(&error.to_string()))
}

impl Surroundings for Desk {
    fn set_cap(&mut self, limit: Amount, span: Span) -> Result<String, String> {
        self.context.now = (self.clock)();
        let cap = set::plain(limit, span, &self.context.settings.caps);
        let notes = set::write(&self.context, &cap).map_err(|error| told(&error))?;
        let said: Vec<String> = std::iter::once(format!("set: {}", cap.words())).chain(notes).collect();
        Ok(clean(&said.join("; ")))
    }

    fn raise_cap(&mut self, standing: &Standing, by: Amount, until: &str) -> Result<String, String> {
        self.context.now = (self.clock)();
        let until = Some(until.trim()).filter(|text| !text.is_empty());
        let written = raise::grant(&self.context, standing, by, until, None).map_err(|error| told(&error))?;
        let until =
            written.until.map_or_else(String::new, |until| format!(" until {}", coming(until, self.context.now, self.context.zone())));
        Ok(clean(&format!("raised: `{}` by {}{until}", standing.cap.name, self.context.amount(by))))
    }

    fn settings(&mut self) -> Option<Change> {
        let mut loaded = self.context.reload();
        let was_broken = keep::hold(&mut loaded, &self.context.settings);
        let policy = policy_of(self.is_demo, &self.context.settings);
        let problems = texts(&loaded.problems, &policy);
        let mut change = Change::default();
        let new = loaded.settings;
        let rules = Arc::new(rules::rules(&new, &policy));
        let old = std::mem::replace(&mut self.context.settings, new);
        let new = &self.context.settings;
        if rules.caps != self.rules.caps {
            change.says.push("caps");
        }
        if rules != self.rules {
            change.rules = Some(rules.clone());
            self.rules = rules;
        }
        if !self.is_demo {
            if new.theme.value != old.theme.value {
                change.theme = Some(new.theme.value.clone());
                change.says.push("theme");
            }
            if new.keys.value != old.keys.value {
                change.keys = Some(Keymap::new(&new.keys.value).0);
                change.says.push("keys");
            }
            if new.currency.value != old.currency.value {
                change.currency = Some(new.currency.value.clone());
                change.says.push("currency");
            }
            if new.columns.value != old.columns.value {
                change.columns = Some(screen::columns(new));
                change.says.push("columns");
            }
            if new.open_with.value != old.open_with.value {
                change.open_with = Some(new.open_with.value.clone());
                change.says.push("open_with");
            }
        }
        let is_new = problems != self.problems;
        let is_same = change.rules.is_none() && change.says.is_empty() && !is_new;
        self.problems.clone_from(&problems);
        if was_broken && let Some(first) = problems.first() {
            change.problems.push(format!("the edit is broken, the last good one holds: {}", short(first, &self.context)));
            change.problems.extend(problems.into_iter().skip(1));
        } else {
            change.problems = problems;
        }
        (!is_same).then_some(change)
    }
}

/// A problem without the directory that its file lies in.
fn short(problem: &str, context: &Context) -> String {
    let file = context.config_file();
    let dir = file.parent().map(|dir| format!("{}/", dir.display())).unwrap_or_default();
    problem.strip_prefix(&dir).unwrap_or(problem).to_owned()
}
