//! Import of a history.

use super::split;
use aifinops::model::{AgentId, Window};
use aifinops::pricing::{Book, Pricer};
use aifinops::sources;
use aifinops::store::archive::{Counts, check};
use aifinops::store::{Memory, Store};
use flate2::{Compression, write::GzEncoder};
use std::io::Write as _;

fn known(agent: &str) -> Option<AgentId> {
    sources::by_agent(agent).map(aifinops::sources::Source::agent)
}

fn packed(lines: &[u8]) -> Vec<u8> {
    let mut gz = GzEncoder::new(Vec::new(), Compression::fast());
    gz.write_all(lines).unwrap();
    gz.finish().unwrap()
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    let bytes = if how & 1 == 0 { packed(data) } else { data.to_vec() };
    let looked = check(bytes.as_slice(), &known);
    let contents = match looked {
        Ok(contents) => contents,
        Err(error) => {
            let _ = error.to_string();
            return;
        }
    };
    assert_eq!(contents.head.aifinops_history, 1);
    // A whole archive is cut off at every other place.
    if how & 1 == 0 && how & 2 != 0 && bytes.len() > 20 {
        assert!(check(&bytes[..bytes.len() - 1 - (how >> 2) % 18], &known).is_err());
    }
    let mut prices = Pricer::new(Book::embedded());
    let mut store = Store::in_memory().unwrap();
    let first = store.import(bytes.as_slice(), &known, &mut Memory::default(), &mut prices).expect("what was found sound is brought in");
    assert_eq!(first.contents, contents);
    assert!(
        first.new.calls <= contents.counts.calls
            && first.new.facts <= contents.counts.facts
            && first.new.sessions <= contents.counts.sessions
    );
    let total = store.total(Window::ALL).unwrap();
    // Doing it again changes nothing.
    let again = store.import(bytes.as_slice(), &known, &mut Memory::default(), &mut prices).unwrap();
    assert_eq!(again.new, Counts::default());
    assert_eq!(store.total(Window::ALL).unwrap(), total);
    assert_eq!(store.rebuild().unwrap().wrong(), 0, "the sums are those of the rows");
    assert_eq!(store.integrity(), None);
    // And out again, and in elsewhere.
    let mut out = Vec::new();
    let counts = store.export(&mut out, "desk", 0, &mut |_| Ok(())).unwrap();
    assert_eq!(check(out.as_slice(), &known).unwrap().counts, counts);
    let other = Store::in_memory().unwrap();
    other.import(out.as_slice(), &known, &mut Memory::default(), &mut prices).unwrap();
    assert_eq!(other.total(Window::ALL).unwrap(), total);
}
