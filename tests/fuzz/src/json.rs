//! The cursor under every source and under hooks.

use aifinops::sources::json::{Bad, Cursor};
use aifinops::sources::lines::{each, whole};
use serde_json::Value;

/// Looks into everything, no deeper than is sensible for a test.
fn walk(c: &mut Cursor<'_>, depth: usize) -> Result<usize, Bad> {
    let mut found = 0;
    match c.peek() {
        Some(b'{') if depth < 64 => c.object(|_, c| walk(c, depth + 1).map(|n| found += n + 1))?,
        Some(b'[') if depth < 64 => c.array(|c| walk(c, depth + 1).map(|n| found += n + 1))?,
        _ => c.skip()?,
    }
    Ok(found)
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let skipped = {
        let mut c = Cursor::new(data);
        c.skip().and_then(|()| c.end())
    };
    let walked = {
        let mut c = Cursor::new(data);
        walk(&mut c, 0).and_then(|_| c.end())
    };
    // What is passed over and what is looked into end at the same place.
    if skipped.is_ok() && walked.is_ok() {
        let raw = Cursor::new(data).raw().unwrap();
        assert_eq!(raw, data.trim_ascii());
    }
    // It may take more than JSON, never less.
    if let Ok(value) = serde_json::from_slice::<Value>(data) {
        skipped.unwrap();
        walked.unwrap();
        match &value {
            Value::String(text) => assert_eq!(Cursor::new(data).string().unwrap().unwrap().text(), *text),
            Value::Bool(truth) => assert_eq!(Cursor::new(data).is_true().unwrap(), *truth),
            Value::Number(n) if n.as_u64().is_some_and(|n| n < 1_000_000_000_000) => {
                assert_eq!(Cursor::new(data).counter().unwrap(), n.as_u64());
            }
            _ => {}
        }
    }
    assert!(Cursor::new(data).counter().is_ok_and(|n| n.is_none_or(|n| n < 1_000_000_000_000)) || Cursor::new(data).counter().is_err());
    let read = |c: &mut Cursor<'_>| walk(c, 0).map(Some);
    let lines = each(data, read);
    assert!(lines.malformed <= lines.lines && lines.records.len() as u64 + lines.malformed == lines.lines);
    assert_eq!(lines.first_malformed.is_some(), lines.malformed > 0);
    let document = whole(data, read);
    assert!(document.lines <= 1);
}
