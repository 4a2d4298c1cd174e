//! Readers: from a value that is not understood yet to a setting, or to a reason in words.

use std::path::PathBuf;
use std::str::FromStr;

use crate::model::Zone;

use super::choice::{COLUMNS, THEMES};
use super::context::{Context, is_name};
use super::node::{Node, Raw, dotted, quoted};

/// A part that could not be used.
pub(super) struct Fault {
    /// The dotted key below the setting's own; empty for the setting itself.
    pub below: String,
    /// The line in the file.
    pub line: Option<usize>,
    /// What is wrong; the allowed values are added by whoever reports it.
    pub reason: String,
}

/// The faults met while one setting is read.
#[derive(Default)]
pub(super) struct Faults(pub Vec<Fault>);

impl Faults {
    /// Notes a fault of the setting itself.
    pub(super) fn add(&mut self, node: &Node, reason: impl Into<String>) {
        self.below(&[], node, reason);
    }

    /// Notes a fault of a part.
    pub(super) fn below(&mut self, path: &[&str], node: &Node, reason: impl Into<String>) {
        self.0.push(Fault { below: dotted(path.iter().copied()), line: node.line, reason: reason.into() });
    }
}

/// The text of a value that must be text.
pub(super) fn as_text(node: &Node) -> Result<&str, String> {
    match &node.raw {
        Raw::Text(text) => Ok(text),
        Raw::Bare(text) => Err(format!("{} should be text in quotes", quoted(text))),
        _ => Err(format!("is {} and should be text in quotes", node.kind())),
    }
}

/// The text of a number or a truth value, in quotes or not.
pub(super) fn as_scalar(node: &Node) -> Result<&str, String> {
    match &node.raw {
        Raw::Text(text) | Raw::Bare(text) => Ok(text.trim()),
        _ => Err(format!("is {} and should be a single value", node.kind())),
    }
}

/// The items of a value that must be a list; a single text is a list of one.
pub(super) fn as_list(node: &Node) -> Result<Vec<(&Node, &str)>, String> {
    match &node.raw {
        Raw::Text(text) => Ok(vec![(node, text)]),
        Raw::List(nodes) => nodes.iter().map(|node| Ok((node, as_text(node)?))).collect(),
        _ => Err(format!("is {} and should be a list of texts", node.kind())),
    }
}

/// Notes the reason, if there is one.
pub(super) fn note<T>(result: Result<T, String>, node: &Node, faults: &mut Faults) -> Option<T> {
    result.map_err(|reason| faults.add(node, reason)).ok()
}

/// A path as people write it.
pub(super) fn path(text: &str, cx: &Context) -> Result<PathBuf, String> {
    if text.is_empty() {
        return Err("is empty".to_owned());
    }
    let path = match text.strip_prefix('~') {
        Some("") => cx.home.clone(),
        Some(rest) if rest.starts_with(std::path::is_separator) => cx.home.join(rest.trim_start_matches(std::path::is_separator)),
        _ => PathBuf::from(text),
    };
    if cx.in_file && !path.is_absolute() {
        return Err(format!("{} should be an absolute path or start with `~/`", quoted(text)));
    }
    Ok(std::path::absolute(&path).unwrap_or(path))
}

/// The home directory.
pub(super) fn home(node: &Node, cx: &Context, faults: &mut Faults) -> Option<PathBuf> {
    place(node, &cx.home, cx, faults)
}

/// The directory of the store.
pub(super) fn data_dir(node: &Node, cx: &Context, faults: &mut Faults) -> Option<PathBuf> {
    place(node, &cx.data_dir, cx, faults)
}

/// The configuration file.
pub(super) fn config_file(node: &Node, cx: &Context, faults: &mut Faults) -> Option<PathBuf> {
    place(node, &cx.config_file, cx, faults)
}

/// A path, where an empty text means the usual one.
fn place(node: &Node, usual: &std::path::Path, cx: &Context, faults: &mut Faults) -> Option<PathBuf> {
    let read = |text: &str| if text.is_empty() { Ok(usual.to_owned()) } else { path(text, cx) };
    note(as_text(node).and_then(read), node, faults)
}

/// A time zone by its name; `local` is the machine's.
pub(super) fn zone(node: &Node, cx: &Context, faults: &mut Faults) -> Option<Zone> {
    let find = |name: &str| {
        if name.eq_ignore_ascii_case("local") {
            return Ok(cx.zone);
        }
        Zone::named(name).ok_or_else(|| {
            let near = nearest(name, Zone::names());
            format!("{} is no time zone{}", quoted(name), did_you_mean(near))
        })
    };
    note(as_text(node).and_then(find), node, faults)
}

/// A theme's name. What the theme's own file says is for the screen to judge.
pub(super) fn theme(node: &Node, cx: &Context, faults: &mut Faults) -> Option<String> {
    let read = |text: &str| {
        if !is_name(text) {
            return Err(format!("{} is not a name of letters, digits, `-` and `_`", quoted(text)));
        }
        if THEMES.contains(&text) || cx.themes.join(format!("{text}.toml")).exists() {
            return Ok(text.to_owned());
        }
        let names = cx.theme_names();
        Err(format!("no theme is named {}{}", quoted(text), did_you_mean(nearest(text, names.iter().map(String::as_str)))))
    };
    note(as_text(node).and_then(read), node, faults)
}

/// One of a few words.
pub(super) fn choice<T: FromStr>(node: &Node, _: &Context, faults: &mut Faults) -> Option<T> {
    note(as_text(node).and_then(|text| text.parse().map_err(|_| format!("{} is none of them", quoted(text)))), node, faults)
}

/// A truth value or a number.
pub(super) fn scalar<T: FromStr>(node: &Node, _: &Context, faults: &mut Faults) -> Option<T> {
    note(as_scalar(node).and_then(|text| text.parse().map_err(|_| format!("{} is none of them", quoted(text)))), node, faults)
}

/// How many threads.
pub(super) fn threads(node: &Node, _: &Context, faults: &mut Faults) -> Option<usize> {
    let read = |text: &str| text.parse().ok().filter(|n| *n <= 1024).ok_or_else(|| format!("{} is out of range", quoted(text)));
    note(as_scalar(node).and_then(read), node, faults)
}

/// A line of text for a shell; empty is allowed.
pub(super) fn command(node: &Node, _: &Context, faults: &mut Faults) -> Option<String> {
    let read =
        |text: &str| if text.chars().any(char::is_control) { Err("has a control character in it".to_owned()) } else { Ok(text.to_owned()) };
    note(as_text(node).and_then(read), node, faults)
}

/// A column to sort by, with a `-` before it for the reversed order.
pub(super) fn sort(node: &Node, _: &Context, faults: &mut Faults) -> Option<String> {
    let read = |text: &str| column(text.strip_prefix('-').unwrap_or(text)).map(|_| text.to_owned());
    note(as_text(node).and_then(read), node, faults)
}

/// Columns, each once.
pub(super) fn columns(node: &Node, _: &Context, faults: &mut Faults) -> Option<Vec<String>> {
    let mut out = Vec::new();
    for (item, text) in note(as_list(node), node, faults)? {
        let text = note(column(text), item, faults)?;
        if out.iter().any(|other| other == text) {
            faults.add(item, format!("{} is there twice", quoted(text)));
            return None;
        }
        out.push(text.to_owned());
    }
    if out.is_empty() {
        faults.add(node, "names no column");
        return None;
    }
    Some(out)
}

fn column(text: &str) -> Result<&str, String> {
    if COLUMNS.contains(&text) {
        return Ok(text);
    }
    Err(format!("{} is no column{}", quoted(text), did_you_mean(nearest(text, COLUMNS.iter().copied()))))
}

/// `, did you mean …?`, where there is something near.
pub(super) fn did_you_mean(near: Option<&str>) -> String {
    near.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default()
}

/// The word that a slip of the hand would turn into the given one.
#[must_use]
pub fn nearest<'a>(word: &str, words: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.chars().take(64).flat_map(char::to_lowercase).collect();
    let most = word.len().div_ceil(3).min(3);
    words.map(|other| (distance(&word, other), other)).filter(|(far, _)| *far <= most).min_by_key(|(far, _)| *far).map(|(_, other)| other)
}

/// The number of letters to insert, drop or change (Levenshtein), ignoring case.
fn distance(word: &[char], other: &str) -> usize {
    let mut row: Vec<usize> = (0..=word.len()).collect();
    for (above, letter) in other.chars().flat_map(char::to_lowercase).enumerate() {
        let (mut corner, mut left) = (above, above + 1);
        for (cell, own) in row.iter_mut().skip(1).zip(word) {
            let best = (corner + usize::from(*own != letter)).min(*cell + 1).min(left + 1);
            (corner, left) = (*cell, best);
            *cell = best;
        }
        if let Some(first) = row.first_mut() {
            *first = above + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}
