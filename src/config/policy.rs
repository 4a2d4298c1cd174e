//! The policy of a machine: caps that its administrator sets and a user's configuration can only tighten.
//!
//! It counts only while root owns it and nobody else can write it; a file that anybody could have written is told and
//! left out. Its caps stand beside the user's own, so the tighter one binds; nothing that a user sets replaces one.

use std::path::{Path, PathBuf};

use super::Problem;
use super::caps;
use super::context::Context;
use super::keep;
use super::node::Node;
use super::read::{Faults, as_text};
use super::salvage::salvage;
use crate::budgets::Assumed;
use crate::disk;
use crate::model::Cap;
use crate::model::cap::OnFailure;

/// What the names of its caps begin with, so that they are never taken for the user's.
pub const PREFIX: &str = "policy.";

/// What a policy may say.
const KEYS: &[&str] = &["caps", "on_failure", "assumed_price"];

/// The policy in force.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Policy {
    /// Where it lies, if there is one that counts.
    pub path: Option<PathBuf>,
    /// Its caps.
    pub caps: Vec<Cap>,
    /// What guards do when they cannot tell: `closed` cannot be opened by a user.
    pub on_failure: Option<OnFailure>,
    /// The price of calls without one.
    pub assumed: Option<Assumed>,
    /// What could not be used of it.
    pub problems: Vec<Problem>,
}

/// Where this system keeps it; nowhere, where files have no owner that could be told apart.
#[must_use]
pub fn system_path() -> Option<PathBuf> {
    match std::env::consts::OS {
        "macos" => Some(PathBuf::from("/Library/Application Support/aifinops/policy.toml")),
        "windows" => None,
        _ => Some(PathBuf::from("/etc/aifinops/policy.toml")),
    }
}

/// The policy of this machine. While it is broken, what held before holds, as remembered in the data directory.
#[must_use]
pub fn system(data_dir: &Path) -> Policy {
    let mut policy = system_path().map(|path| read(&path)).unwrap_or_default();
    keep::settle_policy(&mut policy, data_dir);
    policy
}

/// The policy in a file; nothing where there is none.
#[must_use]
pub fn read(path: &Path) -> Policy {
    let problem = |message: String| Policy { problems: vec![at(path, None, "", &message)], ..Policy::default() };
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Policy::default(),
        Err(error) => return Policy { path: Some(path.to_owned()), ..problem(format!("cannot be read: {error}")) },
    };
    if let Err(why) = is_roots(&meta) {
        return problem(format!("{why}; it is no policy and is left out"));
    }
    match disk::read_text(path) {
        Ok(text) => parse(&text, path),
        Err(error) => Policy { path: Some(path.to_owned()), ..problem(format!("cannot be read: {error}")) },
    }
}

#[cfg(unix)]
fn is_roots(meta: &std::fs::Metadata) -> Result<(), &'static str> {
    use std::os::unix::fs::MetadataExt as _;

    match (meta.uid(), meta.mode() & 0o022) {
        (0, 0) => Ok(()),
        (0, _) => Err("others than its owner can write it"),
        _ => Err("is not owned by root"),
    }
}

#[cfg(not(unix))]
fn is_roots(_: &std::fs::Metadata) -> Result<(), &'static str> {
    Err("has no owner that could be told apart")
}

/// Reads a policy's text. A key that is wrong costs itself only.
#[must_use]
pub fn parse(text: &str, path: &Path) -> Policy {
    let (nodes, broken) = salvage(text);
    let mut policy = Policy { path: Some(path.to_path_buf()), ..Policy::default() };
    policy.problems.extend(broken.into_iter().map(|part| at(path, part.line, &part.key.join("."), &part.reason)));
    let (cx, _) = Context::new(&|_| None);
    for (name, node) in &nodes {
        let mut faults = Faults::default();
        match name.as_str() {
            "caps" => policy.caps = caps::caps(node, &cx, &mut faults).unwrap_or_default(),
            "on_failure" => policy.on_failure = on_failure(node, &mut faults),
            "assumed_price" => policy.assumed = caps::assumed(node, &cx, &mut faults),
            _ => faults.add(node, format!("unknown key; allowed: {}", KEYS.join(", "))),
        }
        for fault in faults.0 {
            let key = if fault.below.is_empty() { name.clone() } else { format!("{name}.{}", fault.below) };
            policy.problems.push(at(path, fault.line, &key, &fault.reason));
        }
    }
    policy.caps = policy.caps.into_iter().map(keep::managed).collect();
    policy
}

fn on_failure(node: &Node, faults: &mut Faults) -> Option<OnFailure> {
    let read = as_text(node).and_then(|text| text.parse().map_err(|_| "is neither open nor closed".to_owned()));
    read.map_err(|reason| faults.add(node, reason)).ok()
}

fn at(path: &Path, line: Option<usize>, key: &str, message: &str) -> Problem {
    Problem::in_file(path, &path.display().to_string(), line, key, message)
}
