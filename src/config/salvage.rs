//! A file that is no TOML: the lines that are not are left out, so that a slip costs the key that it is in and no other.
//!
//! Why so: a parser stops at the first fault, and one forgotten quotation mark would take back every setting. What is
//! left out is always a whole value, or a whole table where its head cannot be read: half of a list would be a value that
//! nobody wrote, and the keys of a table without its head would come to belong to the one above.

use toml_edit::Key;

use super::node::{Node, Raw, parse_file, quoted};

/// After so many faults the file is taken for something else.
const MOST: usize = 50;

/// A part that was left out.
pub(super) struct Broken {
    /// Its line, counted from 1.
    pub line: Option<usize>,
    /// The key, part by part; empty where the line has none.
    pub key: Vec<String>,
    /// The table that it stands in; empty at the top.
    table: Vec<String>,
    /// What is wrong.
    pub reason: String,
}

/// The values that can be read, and what had to be left out for it.
pub(super) fn salvage(text: &str) -> (Vec<(String, Node)>, Vec<Broken>) {
    let mut lines: Vec<&str> = text.split('\n').collect();
    let mut broken: Vec<Broken> = Vec::new();
    let mut first = None;
    while broken.len() < MOST {
        let error = match parse_file(&lines.join("\n")) {
            Ok(mut nodes) => {
                broken.sort_by_key(|part| part.line);
                halved(&mut nodes, &broken);
                halved_rules(&mut nodes, &broken);
                return (nodes, broken);
            }
            Err(error) => error,
        };
        let told = error.line.unwrap_or(1);
        first.get_or_insert((told, error.reason.clone()));
        let (from, to) = extent(&lines, told - 1);
        if lines.iter().take(to).skip(from).all(|line| line.trim().is_empty()) {
            break; // nothing is left to leave out, and still it cannot be read
        }
        let reason = unquoted(lines.get(from).copied().unwrap_or_default()).unwrap_or(error.reason);
        broken.push(Broken { line: Some(from + 1), key: key_of(&lines, from), table: table_of(&lines, from), reason });
        for line in lines.iter_mut().take(to).skip(from) {
            *line = "";
        }
    }
    let (line, reason) = first.unwrap_or_default();
    let reason = format!("{reason}; no value of the file is used until it is mended");
    (Vec::new(), vec![Broken { line: Some(line), key: Vec::new(), table: Vec::new(), reason }])
}

/// Tables whose entries mean what they mean only as a whole.
const WHOLE: [&str; 4] = ["prices", "caps", "experiments", "gateways"];
/// The list of tables of which the same is true.
const RULES: &str = "attribution";

/// Takes out prices and caps of which a part was left out: the others alone would be a wrong price, or stop what was not
/// meant.
fn halved(nodes: &mut [(String, Node)], broken: &[Broken]) {
    let halves = |model: &str| {
        let at =
            |key: &[String]| key.first().is_some_and(|table| WHOLE.contains(&table.as_str())) && key.get(1).is_some_and(|of| of == model);
        broken.iter().any(|part| at(&part.key) || at(&part.table))
    };
    for (_, node) in nodes.iter_mut().filter(|(name, _)| WHOLE.contains(&name.as_str())) {
        if let Raw::Map(models) = &mut node.raw {
            models.retain(|(model, _)| !halves(model));
        }
    }
}

/// As [`halved`], of rules: with a condition less one would match what was not meant. Which one lost a part, its line tells:
/// the lines of what was left out are empty and still counted.
fn halved_rules(nodes: &mut [(String, Node)], broken: &[Broken]) {
    let is_part = |part: &&Broken| {
        let of = |key: &[String]| key.first().is_some_and(|table| table == RULES);
        // A rule whose own head cannot be read has gone as a whole.
        of(&part.table) || of(&part.key) && part.key.len() > 1
    };
    let lost: Vec<usize> = broken.iter().filter(is_part).filter_map(|part| part.line).collect();
    for (_, node) in nodes.iter_mut().filter(|(name, _)| name == RULES) {
        let Raw::List(rules) = &mut node.raw else { continue };
        let begins: Vec<usize> = rules.iter().map(|rule| rule.line.unwrap_or(0)).collect();
        let of = |line: usize| begins.iter().rposition(|begin| *begin <= line);
        let halves: Vec<Option<usize>> = lost.iter().map(|line| of(*line)).collect();
        let mut at = 0;
        rules.retain(|_| {
            at += 1;
            !halves.contains(&Some(at - 1))
        });
    }
}

/// What has to go for a fault that was met at a line: from which line on, and up to which.
fn extent(lines: &[&str], met: usize) -> (usize, usize) {
    let met = met.min(lines.len().saturating_sub(1));
    let line = |at: usize| lines.get(at).copied().unwrap_or_default();
    let next = |at: usize, begins: fn(&str) -> bool| (at + 1..lines.len()).find(|at| begins(line(*at))).unwrap_or(lines.len());
    let before = (0..met).rev().find(|at| begins(line(*at)));
    // A list or a text that has no end is met where something else begins.
    if let Some(before) = before
        && parse_file(&lines.get(before..met).unwrap_or_default().join("\n")).is_err()
    {
        return (before, if begins(line(met)) { met } else { next(met, begins) });
    }
    if is_head(line(met)) || is_half_a_head(line(met)) {
        return (met, next(met, is_head));
    }
    (met, if begins(line(met)) { next(met, begins) } else { met + 1 })
}

/// The commonest slip, in words: a text without its quotation marks, which a parser takes for something else.
fn unquoted(line: &str) -> Option<String> {
    name_of(line)?;
    let (_, value) = line.split_once('=')?;
    let value = value.split('#').next().unwrap_or_default().trim();
    let is_word = !value.is_empty() && !value.contains(['"', '\'', '[', ']', '{', '}', '=']) && value.chars().any(char::is_alphabetic);
    // Whatever is no plain word may be a secret.
    let is_plain = value.len() <= 16 && value.bytes().all(|b| b.is_ascii_lowercase() || b"-_ ".contains(&b));
    let shown = match (is_plain, value.contains("://")) {
        (true, _) => quoted(value),
        (false, true) => "an address".to_owned(),
        (false, false) => "what stands there".to_owned(),
    };
    is_word.then(|| format!("is not TOML: {shown} should be text in quotes"))
}

/// Whether a line begins a table or a value.
fn begins(line: &str) -> bool {
    is_head(line) || name_of(line).is_some()
}

fn is_head(line: &str) -> bool {
    line.trim_start().starts_with('[')
}

/// A head that has lost its first bracket, where no list is open.
fn is_half_a_head(line: &str) -> bool {
    let name = line.split('#').next().unwrap_or_default().trim().strip_suffix(']');
    name.is_some_and(|name| parts(name.trim_end_matches(']')).is_some()) && name_of(line).is_none()
}

/// The key of a line such as `range = "7d"`.
fn name_of(line: &str) -> Option<Vec<String>> {
    let line = line.trim_start();
    // A quoted name may hold the sign itself.
    let mut signs = line.match_indices('=').map(|(at, _)| at);
    signs.find_map(|at| parts(line.get(..at)?))
}

fn parts(text: &str) -> Option<Vec<String>> {
    let keys = Key::parse(text.trim()).ok()?;
    Some(keys.iter().map(|key| key.get().to_owned()).collect())
}

/// The whole key of what begins at a line: the table it stands in, then its own name.
fn key_of(lines: &[&str], at: usize) -> Vec<String> {
    let line = lines.get(at).copied().unwrap_or_default();
    if is_head(line) {
        return head(line);
    }
    if is_half_a_head(line) {
        return parts(line.split(']').next().unwrap_or_default()).unwrap_or_default();
    }
    name_of(line).map(|name| [table_of(lines, at), name].concat()).unwrap_or_default()
}

/// The table that a line stands in.
fn table_of(lines: &[&str], at: usize) -> Vec<String> {
    let begun = lines.get(at).is_some_and(|line| is_head(line) || is_half_a_head(line));
    let at = if begun { 0 } else { at }; // a table stands in none
    lines.iter().take(at).rev().find(|line| is_head(line)).map(|line| head(line)).unwrap_or_default()
}

/// The name in a table's head, as far as it can be read.
fn head(line: &str) -> Vec<String> {
    let text = line.trim().trim_start_matches('[');
    parts(text.split([']', '#']).next().unwrap_or_default()).unwrap_or_default()
}
