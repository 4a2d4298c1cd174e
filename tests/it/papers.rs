//! What the README says, beside what the program does: lists that are behind the code are found here.

use std::collections::BTreeSet;
use std::sync::LazyLock;

mod commands;
mod lists;
mod shape;

/// The README.
pub(crate) static README: LazyLock<String> =
    LazyLock::new(|| std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap());

/// A part of the README: from this heading to the next one of its rank or a higher one.
pub(crate) fn section(heading: &str) -> &'static str {
    let rank = heading.split(' ').next().unwrap().len();
    let begin = README.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("the README has no `{heading}`")) + 1 + heading.len();
    let rest = &README[begin..];
    let end = (1..=rank).filter_map(|rank| outside_of_code(rest, &format!("{} ", "#".repeat(rank)))).min();
    &rest[..end.unwrap_or(rest.len())]
}

/// Where the first line that begins so begins, if it is not in a block of code.
fn outside_of_code(text: &str, begin: &str) -> Option<usize> {
    let (mut at, mut in_code) = (0, false);
    for line in text.split_inclusive('\n') {
        in_code ^= line.starts_with("```");
        if !in_code && line.starts_with(begin) {
            return Some(at);
        }
        at += line.len();
    }
    None
}

/// What stands between two pieces of a text.
pub(crate) fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("nothing says `{from}`"));
    rest.split_once(to).unwrap_or_else(|| panic!("nothing says `{to}` behind `{from}`")).0
}

/// What stands in backticks, in its order. Blocks of code are left out.
pub(crate) fn words(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    for (n, prose) in text.split("```").enumerate() {
        if n % 2 == 0 {
            found.extend(prose.split('`').skip(1).step_by(2));
        }
    }
    found
}

/// A text without what stands in its parentheses.
pub(crate) fn without_asides(text: &str) -> String {
    let mut deep = 0_usize;
    let keeps = |c: &char| {
        deep += usize::from(*c == '(');
        let keeps = deep == 0;
        deep -= usize::from(*c == ')');
        keeps
    };
    text.chars().filter(keeps).collect()
}

/// Everything in a text that may be a name: `cost`, `--dry-run`, `AIFINOPS_HOME`.
pub(crate) fn names(text: &str) -> BTreeSet<&str> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    text.split(|c| !is_part(c)).filter(|name| !name.is_empty()).collect()
}
