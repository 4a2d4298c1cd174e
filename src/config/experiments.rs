//! Readers of experiments. One with a bad part is no experiment: it would hold something else than was meant.

use chrono::NaiveDate;

use super::caps::{amount, check_name, word};
use super::context::Context;
use super::map::{as_map, unknown};
use super::node::{Node, quoted};
use super::read::{Faults, as_scalar, as_text, note};
use super::value::Value;
use crate::attribution::Experiment;
use crate::model::Money;
use crate::model::cap::{Action, Unit};
use crate::model::label;

/// The keys of an experiment.
const KEYS: &[&str] = &["owner", "budget", "ends", "action"];
/// What may happen over the budget and after the end.
const ACTIONS: &[Action] = &[Action::Warn, Action::Block];

/// The allowed values of an experiment, in words.
pub(super) fn allowed() -> String {
    format!(
        "owner = text; budget = dollars; ends = a day, such as 2026-12-31; action = {}",
        ACTIONS.iter().map(|a| a.word()).collect::<Vec<_>>().join(", ")
    )
}

/// The experiments, in their order.
pub(super) fn experiments(node: &Node, _: &Context, faults: &mut Faults) -> Option<Vec<Experiment>> {
    let mut out = Vec::new();
    for (name, part) in note(as_map(node, "names and their experiments"), node, faults)? {
        let named =
            check_name(name).and_then(|()| if name == label::NONE { Err("stands for no experiment at all".to_owned()) } else { Ok(()) });
        match named.and_then(|()| as_map(part, "`owner`, `budget`, `ends` and `action`")) {
            Ok(fields) => out.extend(experiment(name, part, fields, faults)),
            Err(reason) => faults.below(&[name], part, reason),
        }
    }
    Some(out)
}

fn experiment(name: &str, node: &Node, fields: &[(String, Node)], faults: &mut Faults) -> Option<Experiment> {
    let (mut budget, mut whole) = (None, true);
    let mut experiment = Experiment { name: name.to_owned(), owner: None, budget: Money::ZERO, ends: None, action: Action::Warn };
    for (key, field) in fields {
        let result = match key.as_str() {
            "owner" => as_text(field).and_then(owner).map(|read| experiment.owner = Some(read)),
            "budget" => as_scalar(field).and_then(money).map(|read| budget = Some(read)),
            "ends" => as_scalar(field).and_then(day).map(|read| experiment.ends = Some(read)),
            "action" => as_text(field).and_then(|text| word(text, action, ACTIONS, Action::word)).map(|read| experiment.action = read),
            other => Err(unknown(other, KEYS)),
        };
        if let Err(reason) = result {
            whole = false;
            faults.below(&[name, key], field, reason);
        }
    }
    if whole && budget.is_none() {
        faults.below(&[name, "budget"], node, "is missing");
    }
    experiment.budget = budget.filter(|_| whole)?;
    Some(experiment)
}

fn action(text: &str) -> Option<Action> {
    Action::from_word(text).filter(|action| ACTIONS.contains(action))
}

fn owner(text: &str) -> Result<String, String> {
    label::typed(text).map(|owner| owner.to_string()).map_err(|why| format!("{} {why}", quoted(text)))
}

fn money(text: &str) -> Result<Money, String> {
    let amount = amount(text)?;
    match amount.unit {
        Unit::Money => Ok(Money::from_nanos(amount.count)),
        Unit::Tokens | Unit::Steps | Unit::Repeats | Unit::Retries | Unit::Gpu => {
            Err(format!("{} is no money; an experiment's budget is in dollars", quoted(text)))
        }
    }
}

fn day(text: &str) -> Result<NaiveDate, String> {
    NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| format!("{} is no day; write it like 2026-12-31", quoted(text)))
}

/// Experiments as [`experiments`] reads them.
pub(super) fn node(experiments: &[Experiment]) -> Node {
    let parts = |one: &Experiment| {
        let mut parts = vec![("budget", format!("${}", one.budget.exact())), ("action", one.action.word().to_owned())];
        parts.extend(one.owner.as_ref().map(|owner| ("owner", owner.clone())));
        parts.extend(one.ends.map(|day| ("ends", day.to_string())));
        Node::map(parts.into_iter().map(|(key, text)| (key.to_owned(), Node::text(&text))).collect())
    };
    Node::map(experiments.iter().map(|one| (one.name.clone(), parts(one))).collect())
}

impl Value for Vec<Experiment> {
    /// An experiment is replaced as a whole.
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        let names = upper.iter().map(|experiment| experiment.name.clone()).collect();
        self.retain(|experiment| upper.iter().all(|other| other.name != experiment.name));
        self.extend(upper);
        Some(names)
    }

    fn parts(&self) -> Option<Vec<(String, String)>> {
        Some(self.iter().map(|experiment| (experiment.name.clone(), card(experiment))).collect())
    }

    fn show(&self) -> String {
        self.parts().unwrap_or_default().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
    }
}

/// An experiment on one line, as variables and flags read it.
fn card(experiment: &Experiment) -> String {
    let mut parts = vec![format!("budget:${}", experiment.budget.exact())];
    parts.extend(experiment.owner.as_ref().map(|owner| format!("owner:{owner}")));
    parts.extend(experiment.ends.map(|day| format!("ends:{day}")));
    parts.push(format!("action:{}", experiment.action));
    parts.join(",")
}
