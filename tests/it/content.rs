//! All records of a store, in words that no order of reading changes: what two stores of the same logs have in common.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use aifinops::store::Store;
use serde_json::{Value, json};

/// Each record, as an archive has it, and how often it is there.
pub(crate) fn content(store: &Store) -> BTreeMap<String, usize> {
    let mut archive = Vec::new();
    store.export(&mut archive, "", 0, &mut |_| Ok(())).unwrap();
    let mut text = String::new();
    flate2::read::GzDecoder::new(archive.as_slice()).read_to_string(&mut text).unwrap();
    let (mut sessions, mut sides) = (Vec::new(), BTreeSet::new());
    let mut records = BTreeMap::new();
    for line in text.lines().skip(1) {
        let mut line: Value = serde_json::from_str(line).unwrap();
        let (_, record) = line.as_object_mut().unwrap().iter_mut().next().unwrap();
        let name = |sessions: &[Value], place: &Value| sessions[usize::try_from(place.as_u64().unwrap()).unwrap()].clone();
        if let Some(uid) = record.get("uid") {
            sessions.push(json!([record["agent"], uid]));
            if record["kind"] == 1 {
                sides.insert(sessions.len() as u64 - 1);
            }
        } else if let Some(place) = record.get("session").cloned() {
            record["session"] = name(&sessions, &place);
        }
        // That side conversations which repeat a call met before its owner did is remembered, and decides nothing.
        let is_side = record.get("side").is_some();
        if let Some(also) = record.get_mut("also").and_then(Value::as_array_mut) {
            also.retain(|other| is_side || !sides.contains(&other["session"].as_u64().unwrap()));
            for other in &mut *also {
                other["session"] = name(&sessions, &other["session"]);
            }
            also.sort_by_key(ToString::to_string);
            if also.is_empty() {
                record.as_object_mut().unwrap().remove("also");
            }
        }
        *records.entry(line.to_string()).or_default() += 1;
    }
    records
}

/// Where two stores differ, or nothing.
pub(crate) fn difference(expected: &Store, found: &Store) -> String {
    let (expected, found) = (content(expected), content(found));
    let lost = expected.iter().filter(|(record, times)| found.get(*record) != Some(times));
    let new = found.iter().filter(|(record, times)| expected.get(*record) != Some(times));
    let words = |(word, record): (&str, &String)| format!("    {word} {record}\n");
    lost.map(|(record, _)| ("lost", record)).chain(new.map(|(record, _)| ("new ", record))).map(words).collect()
}
