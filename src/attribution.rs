//! Attribution: what a session was for, by rules over what its log says. Pure: no clock, no file, no store.
//!
//! **Why so.** The same question is asked by a report over a year, by the screen with every news and by the hook inside an
//! agent. They differ in which sessions they ask about, never in the answer.
//!
//! A dimension's value comes, in this order, from: a tag that a person has given the session; the rules, of which **the
//! first that matches and has a value for the dimension** wins; the session's parent. Of a subagent the parent goes before
//! the rules: it is a part of its session's work, wherever it does it. See [`settle`].

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::model::cap::{self, Action, Term};
use crate::model::label::value;
use crate::model::{Amount, Cap, Dimension, Labels, Millis, Money, SessionKind, Zone, time};

mod template;

pub use template::{Pattern, Template};

/// What the names of experiments' caps begin with.
pub const PREFIX: &str = "experiment.";

/// What is known of a session.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The agent's name.
    pub agent: &'a str,
    /// Its directory.
    pub cwd: Option<&'a str>,
    /// Its git branch.
    pub branch: Option<&'a str>,
    /// The address of its git remote.
    pub remote: Option<&'a str>,
    /// The variables of its agent's process, as far as a hook has seen them.
    pub env: &'a dyn Fn(&str) -> Option<&'a str>,
}

/// A variable of the agent's process that must be there, and what its value must look like.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// A pattern for its value; any will do where there is none.
    pub pattern: Option<String>,
}

/// Conditions that must all be met, and the values that hold then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rule {
    /// A pattern for the directory: its last part, or the whole path where the pattern has a slash.
    pub project: Option<String>,
    /// A regular expression for the branch.
    pub branch: Option<Pattern>,
    /// One agent's name.
    pub agent: Option<String>,
    /// A pattern for the remote: its last part, or all of it where the pattern has a slash.
    pub remote: Option<String>,
    /// A variable.
    pub env: Option<Variable>,
    /// The values.
    pub set: Vec<(Dimension, Template)>,
}

impl Rule {
    /// Adds this rule's values to the dimensions that have none yet, if its conditions are met. A condition on what is not
    /// known is not met.
    fn apply(&self, facts: &Facts<'_>, labels: &mut Labels) {
        let path = |pattern: &Option<String>, path: Option<&str>| match pattern {
            None => true,
            Some(pattern) => path.is_some_and(|path| cap::names_path(pattern, path)),
        };
        let env = |wanted: &Variable| {
            (facts.env)(&wanted.name).is_some_and(|value| wanted.pattern.as_deref().is_none_or(|pattern| cap::matches(pattern, value)))
        };
        let is_met = self.agent.as_deref().is_none_or(|agent| agent == facts.agent)
            && path(&self.project, facts.cwd)
            && path(&self.remote, facts.remote)
            && self.env.as_ref().is_none_or(env);
        if !is_met {
            return;
        }
        let found = match &self.branch {
            None => None,
            Some(pattern) => match facts.branch.and_then(|branch| pattern.find(branch)) {
                Some(found) => Some(found),
                None => return,
            },
        };
        for (dimension, template) in &self.set {
            if labels.said(*dimension).is_none() {
                labels.set(*dimension, template.fill(found.as_ref(), facts.env).as_deref().and_then(value));
            }
        }
    }
}

/// A trial with a budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Experiment {
    /// Its name: the value of the dimension `experiment`.
    pub name: String,
    /// Whose it is.
    pub owner: Option<String>,
    /// The most that all of its sessions together may cost.
    pub budget: Money,
    /// Its last day.
    pub ends: Option<NaiveDate>,
    /// What happens over the budget and after the last day.
    pub action: Action,
}

impl Experiment {
    /// The first instant after its last day.
    #[must_use]
    pub fn end(&self, zone: Zone) -> Option<Millis> {
        self.ends.and_then(|day| day.checked_add_days(chrono::Days::new(1))).map(|day| time::start_of(day, zone))
    }

    /// Whether its last day is over.
    #[must_use]
    pub fn has_ended(&self, now: Millis, zone: Zone) -> bool {
        self.end(zone).is_some_and(|end| now >= end)
    }

    /// Its budget as a cap, so that it is judged, told and held like one.
    #[must_use]
    pub fn cap(&self) -> Cap {
        let term = Term { name: self.name.clone(), owner: self.owner.clone(), ends: self.ends.map(|day| day.to_string()) };
        let cap = Cap::new(&format!("{PREFIX}{}", self.name), Amount::money(self.budget), cap::Span::Session);
        Cap { action: self.action, experiment: Some(term), ..cap }
    }
}

/// What settings say of attribution.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Attribution {
    /// The rules, in their order.
    pub rules: Vec<Rule>,
    /// The experiments.
    pub experiments: Vec<Experiment>,
}

impl Attribution {
    /// What the rules make of a session.
    #[must_use]
    pub fn labels(&self, facts: &Facts<'_>) -> Labels {
        let mut labels = Labels::default();
        for rule in &self.rules {
            if labels.is_full() {
                break;
            }
            rule.apply(facts, &mut labels);
        }
        labels
    }

    /// The variables that rules ask for.
    #[must_use]
    pub fn variables(&self) -> BTreeSet<&str> {
        let conditions = self.rules.iter().filter_map(|rule| Some(rule.env.as_ref()?.name.as_str()));
        let values = self.rules.iter().flat_map(|rule| rule.set.iter().flat_map(|(_, template)| template.variables()));
        conditions.chain(values).collect()
    }

    /// The experiment that a session belongs to.
    #[must_use]
    pub fn experiment(&self, labels: &Labels) -> Option<&Experiment> {
        let name = labels.get(Dimension::Experiment)?;
        self.experiments.iter().find(|experiment| *experiment.name == **name)
    }
}

/// A session's labels: its tags, what the rules make of it, and its parent's labels, each where those before have none. Of a
/// subagent the parent goes before the rules.
#[must_use]
pub fn settle(kind: SessionKind, tags: &Labels, ruled: &Labels, parent: &Labels) -> Labels {
    let (first, second) = if kind == SessionKind::Subagent { (parent, ruled) } else { (ruled, parent) };
    tags.clone().or(first).or(second)
}
