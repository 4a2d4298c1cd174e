//! The settings written down: the commented default file, and the rows that `doctor` shows.

use std::fmt::Write as _;

use super::node::{Node, Raw};
use super::registry::{Entry, REGISTRY, Row, Settings};

/// Every key with its value and origin; a table has a row for each of its parts.
#[must_use]
pub fn describe(settings: &Settings) -> Vec<Row> {
    REGISTRY.iter().flat_map(|entry| (entry.rows)(settings)).collect()
}

/// A configuration file in which every key is explained and commented out at its default.
///
/// A line that starts with `# ` is prose; one that starts with `#` alone is a value.
#[must_use]
pub fn default_text() -> String {
    let mut out = "# Settings of aifinops. Everything here is at its default: take away a `#` to change a value; a value below a\n\
                   # [table] needs the `#` of the [table] taken away too.\n\
                   # Variables of the environment go before this file, and flags before both; `aifinops doctor` says where each\n\
                   # value came from.\n"
        .to_owned();
    for entry in REGISTRY {
        // Writing to a String cannot fail.
        let _ = section(&mut out, entry);
    }
    out
}

fn section(out: &mut String, entry: &Entry) -> std::fmt::Result {
    out.push('\n');
    if !entry.in_file {
        writeln!(out, "# ({}: not in this file, which it helps to find.)", entry.name)?;
    }
    for line in entry.doc {
        writeln!(out, "# {}", line.trim_start())?;
    }
    wrapped(out, &format!("Allowed: {}", (entry.allowed)()))?;
    writeln!(out, "# Variable: {}. Flag: {}", entry.shape.variable_names(entry.env), entry.flag)?;
    if !entry.in_file {
        return Ok(());
    }
    match entry.shape.parse(entry.default) {
        Ok(Node { raw: Raw::Map(parts), .. }) => table(out, entry, &parts),
        Ok(node) => writeln!(out, "#{} = {}", entry.name, node.to_value()),
        Err(_) => table(out, entry, &[]),
    }
}

/// A comment on as many lines as it takes.
fn wrapped(out: &mut String, text: &str) -> std::fmt::Result {
    const WIDTH: usize = 116;
    let mut line = String::new();
    for word in text.split(' ') {
        if !line.is_empty() && line.chars().count() + word.chars().count() >= WIDTH {
            writeln!(out, "# {line}")?;
            line = String::from(" ");
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "# {line}")
}

fn table(out: &mut String, entry: &Entry, parts: &[(String, Node)]) -> std::fmt::Result {
    writeln!(out, "#[{}]", entry.name)?;
    parts.iter().try_for_each(|(name, node)| writeln!(out, "#{name} = {}", node.to_value()))
}
