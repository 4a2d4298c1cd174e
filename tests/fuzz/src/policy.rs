//! Salvage without a file.

use super::{empty, harmless, split};
use aifinops::config::keep::settle_policy;
use aifinops::config::policy::{PREFIX, parse};
use std::path::Path;

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    let Ok(text) = std::str::from_utf8(data) else { return };
    let path = Path::new("/etc/aifinops/policy.toml");
    let policy = parse(text, path);
    assert_eq!(policy, parse(text, path));
    for cap in &policy.caps {
        assert!(cap.managed && cap.name.starts_with(PREFIX), "{cap:?}");
        assert!(cap.limit.count > 0);
        harmless(&cap.name);
    }
    for problem in &policy.problems {
        harmless(&problem.message);
        harmless(&problem.place);
        assert!(problem.line.is_none_or(|line| (1..=text.split('\n').count()).contains(&line)), "{problem:?}");
    }
    // What is no TOML as a whole is told.
    assert!(text.parse::<toml::Table>().is_ok() || !policy.problems.is_empty(), "{text:?}");
    // Every so often with the disk: what a slip breaks is what was there before.
    if how % 16 == 0 {
        let dir = empty("policy");
        let mut sound = parse("on_failure = 'closed'\n[caps.day]\nlimit = '$20'\n", path);
        settle_policy(&mut sound, &dir);
        let mut settled = policy.clone();
        settle_policy(&mut settled, &dir);
        let is_broken = policy.problems.iter().any(|p| p.key.is_empty() || p.key == "caps" || p.key.starts_with("caps.day"));
        assert!(!is_broken || settled.caps.iter().any(|cap| cap.name == "policy.day"), "a slip of the pen lifts a cap");
    }
}
