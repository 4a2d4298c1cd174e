//! Readers of the rules of attribution. A rule with one bad part is no rule at all: half of it would match more than was
//! meant.

use super::caps::{agent, pattern};
use super::context::Context;
use super::map::{as_map, unknown};
use super::node::{Node, Raw, quoted};
use super::read::{Faults, as_text};
use super::value::Value;
use crate::attribution::{Pattern, Rule, Template, Variable};
use crate::model::Dimension;
use crate::model::text::is_hostile;
use crate::sources::ALL;

/// The keys of a rule.
const KEYS: &[&str] = &["project", "branch", "agent", "remote", "env", "set"];

/// The allowed values of a rule, in words.
pub(super) fn allowed() -> String {
    let agents: Vec<&str> = ALL.iter().map(|source| source.agent()).collect();
    format!(
        "project = a pattern; branch = a regular expression; agent = {}; remote = a pattern; env = NAME, or NAME=pattern; set = a table of {}",
        agents.join(", "),
        Dimension::ALL.map(Dimension::word).join(", ")
    )
}

/// The rules, in their order.
pub(super) fn rules(node: &Node, _: &Context, faults: &mut Faults) -> Option<Vec<Rule>> {
    let Raw::List(nodes) = &node.raw else {
        faults.add(node, format!("is {} and should be a list of tables: `[[attribution]]`", node.kind()));
        return None;
    };
    let read = |(at, part): (usize, &Node)| rule(&(at + 1).to_string(), part, faults);
    Some(nodes.iter().enumerate().filter_map(read).collect())
}

/// A rule; `number` counts from 1.
fn rule(number: &str, node: &Node, faults: &mut Faults) -> Option<Rule> {
    let fields = as_map(node, "conditions and `set`").map_err(|reason| faults.below(&[number], node, reason)).ok()?;
    let mut rule = Rule::default();
    let mut whole = true;
    let mut values = None;
    for (key, field) in fields {
        let result = match key.as_str() {
            "project" => as_text(field).and_then(pattern).map(|read| rule.project = Some(read)),
            "remote" => as_text(field).and_then(pattern).map(|read| rule.remote = Some(read)),
            "agent" => as_text(field).and_then(agent).map(|read| rule.agent = Some(read)),
            "branch" => as_text(field).and_then(expression).map(|read| rule.branch = Some(read)),
            "env" => as_text(field).and_then(variable).map(|read| rule.env = Some(read)),
            "set" => as_map(field, "dimensions and their values").map(|read| values = Some((field, read))),
            other => Err(unknown(other, KEYS)),
        };
        if let Err(reason) = result {
            whole = false;
            faults.below(&[number, key], field, reason);
        }
    }
    let Some((set, values)) = values else {
        if whole {
            faults.below(&[number, "set"], node, "is missing");
        }
        return None;
    };
    if values.is_empty() {
        faults.below(&[number, "set"], set, "sets nothing");
        return None;
    }
    for (name, field) in values {
        let words = || Dimension::ALL.map(Dimension::word);
        let dimension = Dimension::from_word(name).ok_or_else(|| unknown(name, &words()));
        // What the expression would have found cannot be told where it is broken.
        let template = || as_text(field).and_then(|text| value(text, rule.branch.as_ref()));
        match dimension.and_then(|dimension| Ok((dimension, template()?))) {
            Ok(read) => rule.set.push(read),
            Err(reason) if whole || !reason.starts_with("asks for") => {
                whole = false;
                faults.below(&[number, "set", name], field, reason);
            }
            Err(_) => {}
        }
    }
    whole.then_some(rule)
}

fn expression(text: &str) -> Result<Pattern, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    Pattern::new(text).map_err(|why| format!("{} is no regular expression: {why}", quoted(text)))
}

fn variable(text: &str) -> Result<Variable, String> {
    let (name, wanted) = text.split_once('=').map_or((text, None), |(name, wanted)| (name, Some(wanted)));
    let is_name = !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !is_name {
        return Err(format!("{} is no name of a variable; write NAME, or NAME=pattern", quoted(name)));
    }
    Ok(Variable { name: name.to_owned(), pattern: wanted.map(pattern).transpose()? })
}

fn value(text: &str, branch: Option<&Pattern>) -> Result<Template, String> {
    if text.trim().is_empty() || text.chars().any(is_hostile) {
        return Err(format!("{} is no value", quoted(text)));
    }
    Template::new(text.trim(), branch)
}

impl Value for Vec<Rule> {
    /// The rules as a whole: their order is a part of what they mean.
    fn show(&self) -> String {
        if self.is_empty() { String::new() } else { node(self).to_value().to_string() }
    }
}

fn node(rules: &[Rule]) -> Node {
    let rule = |rule: &Rule| {
        let mut parts: Vec<(String, Node)> = Vec::new();
        let env = rule.env.as_ref().map(|env| match &env.pattern {
            Some(pattern) => format!("{}={pattern}", env.name),
            None => env.name.clone(),
        });
        let branch = rule.branch.as_ref().map(|branch| branch.as_str().to_owned());
        let conditions = [
            ("project", rule.project.clone()),
            ("branch", branch),
            ("agent", rule.agent.clone()),
            ("remote", rule.remote.clone()),
            ("env", env),
        ];
        parts.extend(conditions.into_iter().filter_map(|(key, text)| Some((key.to_owned(), Node::text(&text?)))));
        let set = rule.set.iter().map(|(dimension, template)| (dimension.word().to_owned(), Node::text(template.as_str())));
        parts.push(("set".to_owned(), Node::map(set.collect())));
        Node::map(parts)
    };
    Raw::List(rules.iter().map(rule).collect()).into()
}

/// Reads one text as [`rules`] shows them: a list as TOML writes it.
pub(super) fn on_one_line(text: &str) -> Result<Node, String> {
    if text.trim().is_empty() {
        return Ok(Node::list([]));
    }
    let whole = if text.trim().starts_with('[') { text.to_owned() } else { format!("[{text}]") };
    Node::array(&whole).ok_or_else(|| "should look like `[{ project = \"web-*\", set = { team = \"web\" } }]`".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_again_as_they_are_shown() {
        let text = r#"[{ project = "web-*", branch = '([A-Z]+-\d+)', agent = "codex", env = "A=b*", set = { feature = "$1", team = "web" } }, { set = { team = "all" } }]"#;
        let (cx, _) = Context::new(&|_| None);
        let mut faults = Faults::default();
        let read = rules(&on_one_line(text).unwrap(), &cx, &mut faults).unwrap();
        let again = rules(&on_one_line(&read.show()).unwrap(), &cx, &mut faults).unwrap();
        assert_eq!((read.len(), faults.0.len()), (2, 0));
        assert_eq!(read, again);
    }
}
