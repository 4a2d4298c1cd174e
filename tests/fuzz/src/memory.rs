//! The carry from arbitrary bytes.

use super::{parts, read_log, split};
use aifinops::sources;
use std::path::Path;

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    let source = sources::ALL[how % sources::ALL.len()];
    let path = Path::new(if how & 4 == 0 { "/h/s1.jsonl" } else { "/h/agent-a1.jsonl" });
    let mut parts = parts(data);
    let (carry, log) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    // What is loaded is saved in a form that is loaded again as the same; nothing at all is the memory of a beginning.
    let saved = |carry: &[u8]| source.fold(path, Some(carry)).carry();
    let loaded = saved(&saved(carry));
    assert_eq!(saved(&loaded), loaded);
    let (told, after) = read_log(source, path, log, 1 + (how >> 3) % 4, Some(carry.to_vec()));
    told.check();
    if !log.is_empty() {
        assert_eq!(saved(&after), after);
    }
}
