//! The caps that were last in order: a slip of the pen in the file must not set agents free.
//!
//! Whoever loads the settings passes them through [`settle`]. While the file's caps are sound they are remembered beside
//! the store; while one is broken, the one that was there before holds, and that is said.

use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::context::Context;
use super::node::parse_file;
use super::read::Faults;
use super::{Loaded, Origin, Problem, caps, write};
use crate::model::Cap;

/// Where they are remembered, in the data directory.
pub const FILE: &str = "caps.last.toml";

/// Puts the caps that were last in order in the place of broken ones, or remembers those of now.
pub fn settle(loaded: &mut Loaded) {
    let file = loaded.settings.config_file.value.clone();
    let broken: Vec<String> = loaded.problems.iter().filter(|p| p.file.as_deref() == Some(&file)).filter_map(broken_cap).collect();
    let path = loaded.settings.data_dir.join(FILE);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    if broken.is_empty() {
        let now = text(&loaded.settings.caps);
        // A directory that is not there yet has no caps to lose; what a variable or a flag says holds for its run only.
        if now != before && loaded.settings.caps.origin == Origin::File && loaded.settings.data_dir.is_dir() {
            let _ = write::write(&path, &now);
        } else if now != before && !before.is_empty() && loaded.settings.caps.is_empty() {
            let _ = std::fs::remove_file(&path);
        }
        return;
    }
    let mut kept = Vec::new();
    for cap in read(&before) {
        let is_broken = broken.iter().any(|name| name.is_empty() || *name == cap.name);
        if is_broken && loaded.settings.caps.iter().all(|other| other.name != cap.name) {
            kept.push(cap.name.clone());
            loaded.settings.caps.value.push(cap);
        }
    }
    if !kept.is_empty() {
        let message = format!("until it is mended, what was there before holds: {}", kept.join(", "));
        loaded.problems.push(Problem {
            file: Some(file.clone()),
            line: None,
            key: "caps".to_owned(),
            message,
            place: file.display().to_string(),
        });
    }
}

/// The name of the cap that a problem is about; empty where it may be about any.
fn broken_cap(problem: &Problem) -> Option<String> {
    if problem.key.is_empty() || problem.key == "caps" {
        return Some(String::new());
    }
    let rest = problem.key.strip_prefix("caps.")?;
    Some(toml_edit::Key::parse(rest).ok()?.first().map(|key| key.get().to_owned()).unwrap_or_default())
}

fn read(text: &str) -> Vec<Cap> {
    let nodes = parse_file(text).unwrap_or_default();
    let (cx, _) = Context::new(&|_| None);
    nodes
        .iter()
        .filter(|(name, _)| name == "caps")
        .filter_map(|(_, node)| caps::caps(node, &cx, &mut Faults::default()))
        .flatten()
        .collect()
}

fn text(caps: &[Cap]) -> String {
    let mut doc = DocumentMut::new();
    let mut all = Table::new();
    all.set_implicit(true);
    for cap in caps {
        let mut table = Table::new();
        table.insert("limit", value(cap.limit.text()));
        table.insert("per", value(cap.span.word()));
        for (name, part) in [("agent", &cap.scope.agent), ("project", &cap.scope.project), ("model", &cap.scope.model)] {
            if let Some(part) = part {
                table.insert(name, value(part.as_str()));
            }
        }
        table.insert("notify", value(cap.notify.iter().map(|level| i64::from(*level)).collect::<Array>()));
        table.insert("action", value(cap.action.word()));
        all.insert(&cap.name, Item::Table(table));
    }
    if !caps.is_empty() {
        doc.insert("caps", Item::Table(all));
    }
    doc.to_string()
}
