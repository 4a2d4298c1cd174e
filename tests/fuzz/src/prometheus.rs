//! Answers of its API.

use aifinops::gpus::{EXPORTERS, SERVERS, prometheus};
use std::collections::BTreeMap;

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let _ = prometheus::is_it(data);
    for server in SERVERS {
        let _ = server.answers(data);
    }
    let Ok(said) = prometheus::read(data) else { return };
    assert!(said.iter().is_sorted_by(|one, other| one.name <= other.name));
    for sample in said.iter() {
        assert!(sample.label("__name__").is_none() && sample.labels.iter().all(|(_, value)| !value.is_empty()));
    }
    let count = |said: &aifinops::gpus::Exposition| {
        let mut names: BTreeMap<String, usize> = BTreeMap::new();
        said.iter().for_each(|sample| *names.entry(sample.name.clone()).or_default() += 1);
        names
    };
    let all = count(&said);
    let targets = prometheus::by_target(said.clone());
    let mut parts: BTreeMap<String, usize> = BTreeMap::new();
    for (name, part) in &targets {
        assert!(!part.is_empty());
        assert!(part.iter().all(|sample| sample.label("instance").unwrap_or_default() == name));
        for (name, n) in count(part) {
            *parts.entry(name).or_default() += n;
        }
        for exporter in EXPORTERS.iter().filter(|exporter| exporter.is_it(part)) {
            assert!(exporter.read(part).iter().all(|card| card.used.is_none_or(|share| share <= 1000)));
        }
        for server in SERVERS.iter().filter(|server| server.is_it(part)) {
            let _ = server.read(part, &[]);
        }
    }
    assert_eq!(parts, all, "every sample is of one target");
}
