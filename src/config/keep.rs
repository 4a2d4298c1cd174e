//! The caps, and experiments, that were last in order: a slip of the pen in the file must not set agents free.
//!
//! Whoever loads the settings passes them through [`settle`], and whoever reads the policy through [`settle_policy`]. While
//! a file's caps are sound they are remembered beside the store; while one is broken, the one that was there before holds,
//! and that is said.

use std::path::Path;

use toml_edit::{Array, DocumentMut, Item, Table, value};

use super::context::Context;
use super::node::parse_file;
use super::policy::{PREFIX, Policy};
use super::read::{Faults, as_text, nearest};
use super::registry::Entry;
use super::{Loaded, Origin, Problem, Settings, caps, experiments, write};
use crate::disk;
use crate::model::Cap;
use crate::model::cap::OnFailure;

/// Where they are remembered, in the data directory.
pub const FILE: &str = "caps.last.toml";
/// Where experiments are.
pub const EXPERIMENTS_FILE: &str = "experiments.last.toml";
/// Where those of the policy are.
pub const POLICY_FILE: &str = "policy.last.toml";

/// The table of caps.
const CAPS: &str = "caps";
/// The table of experiments.
const EXPERIMENTS: &str = "experiments";

/// Puts the caps and experiments that were last in order in the place of broken ones, or remembers those of now.
pub fn settle(loaded: &mut Loaded) {
    settle_caps(loaded);
    settle_experiments(loaded);
}

/// Puts what held before in the place of what an edit has broken, key by key; gives whether there was any. Of caps and
/// experiments [`settle`] keeps each by itself.
pub fn hold(loaded: &mut Loaded, before: &Settings) -> bool {
    let mut any = false;
    for entry in Entry::of_file().filter(|entry| loaded.problems.iter().any(|problem| is_about(problem, entry.name))) {
        any = true;
        if ![CAPS, EXPERIMENTS].contains(&entry.name) {
            (entry.keep)(&mut loaded.settings, before);
        }
    }
    any
}

/// Whether a problem is about this key of the file, or about the file as a whole.
fn is_about(problem: &Problem, key: &str) -> bool {
    let below = problem.key.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    problem.file.is_some() && (problem.key.is_empty() || below)
}

/// What is broken in the file's table of this name.
fn broken_in(loaded: &Loaded, table: &str) -> Vec<String> {
    let file = &loaded.settings.config_file.value;
    loaded.problems.iter().filter(|p| p.file.as_deref() == Some(file)).filter_map(|problem| broken(problem, table)).collect()
}

fn settle_caps(loaded: &mut Loaded) {
    let file = loaded.settings.config_file.value.clone();
    let broken = broken_in(loaded, CAPS);
    let path = loaded.settings.data_dir.join(FILE);
    let before = disk::read_text(&path).unwrap_or_default();
    if broken.is_empty() {
        let now = text(&loaded.settings.caps);
        // What a variable or a flag says holds for its run only.
        if now != before && loaded.settings.caps.origin == Origin::File {
            let _ = write::write(&path, &now);
        } else if now != before && !before.is_empty() && loaded.settings.caps.is_empty() {
            let _ = std::fs::remove_file(&path);
        }
        return;
    }
    let kept = restore(&mut loaded.settings.caps.value, &broken, read(&before));
    loaded.problems.extend(held(&file, CAPS, &kept));
}

/// The same for experiments. Where there are none, nothing is read.
fn settle_experiments(loaded: &mut Loaded) {
    let broken = broken_in(loaded, EXPERIMENTS);
    let path = loaded.settings.data_dir.join(EXPERIMENTS_FILE);
    let ours = &mut loaded.settings.experiments;
    if broken.is_empty() {
        let now = if ours.is_empty() { String::new() } else { format!("{EXPERIMENTS} = {}\n", experiments::node(ours).to_value()) };
        if now.is_empty() && path.exists() {
            let _ = std::fs::remove_file(&path);
        } else if ours.origin == Origin::File && disk::read_text(&path).ok().as_ref() != Some(&now) {
            let _ = write::write(&path, &now);
        }
        return;
    }
    let nodes = parse_file(&disk::read_text(&path).unwrap_or_default()).unwrap_or_default();
    let (cx, _) = Context::new(&|_| None);
    let before = nodes
        .iter()
        .find(|(name, _)| name == EXPERIMENTS)
        .and_then(|(_, node)| experiments::experiments(node, &cx, &mut Faults::default()));
    let mut kept = Vec::new();
    for experiment in before.unwrap_or_default() {
        let is_broken = broken.iter().any(|broken| broken.is_empty() || *broken == experiment.name);
        if is_broken && ours.value.iter().all(|other| other.name != experiment.name) {
            kept.push(experiment.name.clone());
            ours.value.push(experiment);
        }
    }
    let file = loaded.settings.config_file.value.clone();
    loaded.problems.extend(held(&file, EXPERIMENTS, &kept));
}

/// As [`settle`], for the machine's policy: what an administrator mistypes must not lift the caps that were there.
pub fn settle_policy(policy: &mut Policy, data_dir: &Path) {
    let remembered = data_dir.join(POLICY_FILE);
    // Without a policy of root's there is nothing to hold on to.
    let Some(file) = policy.path.clone() else {
        let _ = std::fs::remove_file(&remembered);
        return;
    };
    let before = disk::read_text(&remembered).unwrap_or_default();
    let broken: Vec<String> = policy.problems.iter().filter_map(|problem| broken(problem, CAPS)).collect();
    let is_failure_broken = policy.problems.iter().any(|problem| problem.key.is_empty() || problem.key == ON_FAILURE);
    if broken.is_empty() && !is_failure_broken {
        let now = policy_text(policy);
        if now != before {
            let _ = write::write(&remembered, &now);
        }
        return;
    }
    let mut kept = restore(&mut policy.caps, &broken, read(&before).into_iter().map(managed).collect());
    if is_failure_broken && policy.on_failure.is_none() {
        policy.on_failure = read_on_failure(&before);
        kept.extend(policy.on_failure.map(|_| ON_FAILURE.to_owned()));
    }
    policy.problems.extend(held(&file, CAPS, &kept));
}

/// A policy's cap as it stands beside the user's own.
pub(super) fn managed(cap: Cap) -> Cap {
    Cap { managed: true, name: format!("{PREFIX}{}", cap.name), ..cap }
}

const ON_FAILURE: &str = "on_failure";

fn policy_text(policy: &Policy) -> String {
    let caps: Vec<Cap> =
        policy.caps.iter().map(|cap| Cap { name: cap.name.trim_start_matches(PREFIX).to_owned(), ..cap.clone() }).collect();
    let closed = policy.on_failure.map(|word| format!("{ON_FAILURE} = \"{word}\"\n")).unwrap_or_default();
    closed + &text(&caps)
}

fn read_on_failure(text: &str) -> Option<OnFailure> {
    let nodes = parse_file(text).unwrap_or_default();
    let (_, node) = nodes.iter().find(|(name, _)| name == ON_FAILURE)?;
    as_text(node).ok()?.parse().ok()
}

/// Puts caps of before in the place of broken ones; gives their names. A cap that is sound, or gone, stays as it is.
fn restore(caps: &mut Vec<Cap>, broken: &[String], before: Vec<Cap>) -> Vec<String> {
    let mut kept = Vec::new();
    // A name that no cap has or had may be what is left of any cap's.
    let has = |caps: &[Cap], name: &str| caps.iter().any(|cap| cap.name.trim_start_matches(PREFIX) == name);
    let is_any = broken.iter().any(|broken| broken.is_empty() || !has(caps, broken) && !has(&before, broken));
    for cap in before {
        let name = cap.name.trim_start_matches(PREFIX);
        let is_broken = is_any || broken.iter().any(|broken| broken == name);
        if is_broken && caps.iter().all(|other| other.name != cap.name) {
            kept.push(cap.name.clone());
            caps.push(cap);
        }
    }
    kept
}

/// Says what of before holds.
fn held(file: &Path, table: &str, kept: &[String]) -> Option<Problem> {
    let message = || format!("until it is mended, what was there before holds: {}", kept.join(", "));
    (!kept.is_empty()).then(|| Problem::in_file(file, &file.display().to_string(), None, table, &message()))
}

/// The name of the cap or experiment that a problem is about; empty where it may be about any of the table, as a table whose name is
/// mistyped.
fn broken(problem: &Problem, table: &str) -> Option<String> {
    let path = toml_edit::Key::parse(&problem.key).unwrap_or_default();
    let mut path = path.iter().map(toml_edit::Key::get);
    let is_known = |name: &str| Entry::of_file().any(|entry| entry.name == name);
    match path.next() {
        None => Some(String::new()),
        Some(first) if first == table => Some(path.next().unwrap_or_default().to_owned()),
        Some(first) => (!is_known(first) && nearest(first, std::iter::once(table)).is_some()).then(String::new),
    }
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
