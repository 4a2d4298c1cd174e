//! Logs that are one document, written anew with every change.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::logs::{Home, scan, session, stamp, total};

const UID: &str = "6e3a1f00-0000-4000-8000-000000000001";

/// A session of so many calls, laid out as the agent does.
fn document(calls: u64) -> String {
    let tokens = |n: u64| json!({"input": 100, "output": n, "cached": 0, "thoughts": 0, "tool": 0, "total": 100 + n});
    let messages: Vec<_> = (1..=calls)
        .map(|n| json!({"id": format!("m{n}"), "timestamp": stamp(n), "type": "gemini", "content": "ok", "tokens": tokens(n), "model": "gemini-2.5-pro"}))
        .collect();
    let document =
        json!({"sessionId": UID, "projectHash": "9f2c", "startTime": stamp(0), "lastUpdated": stamp(calls), "messages": messages});
    serde_json::to_string_pretty(&document).unwrap()
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

#[test]
fn a_document_that_is_written_anew_counts_what_is_new() {
    for stopped in [false, true] {
        let home = Home::new();
        let path = home.path().join(".gemini/tmp/4bf4/chats/session-2026-08-10T09-00-6e3a1f00.json");
        let mut ingest = home.resume();
        let mut unreadable = Vec::new();
        let half = document(4).split_at(300).0.to_owned();
        // It is met in the middle of being written, empty, and shorter than it was: what was spent stays.
        for (text, calls) in [(document(2), 2), (half, 2), (String::new(), 2), (document(4), 4), (document(1), 4), (document(5), 5)] {
            if stopped {
                drop(ingest);
                ingest = home.resume();
            }
            write(&path, &text);
            scan(&mut ingest);
            let sums = total(&ingest);
            assert_eq!((sums.calls, sums.output), (calls, calls * (calls + 1) / 2), "stopped: {stopped}");
            assert_eq!(scan(&mut ingest), 0, "nothing is read again and again");
            unreadable.push(ingest.store.file(&path).unwrap().unwrap().malformed);
        }
        assert_eq!(unreadable, [0, 1, 0, 0, 0, 0], "half a document is unreadable only while it is half");
        assert_eq!(session(&ingest, UID).calls, 5);
    }
}

#[test]
fn a_document_of_any_size_is_read_whole() {
    let home = Home::new();
    let path = home.path().join(".gemini/tmp/4bf4/chats/session-2026-08-10T09-00-6e3a1f00.json");
    let long = document(2).replacen("\"ok\"", &format!("\"{}\"", "a word ".repeat(2_000_000)), 1);
    assert!(long.len() > 12_000_000);
    write(&path, &long);
    let mut ingest = home.resume();
    scan(&mut ingest);
    assert_eq!(total(&ingest).calls, 2);
    // There is a limit, as for lines.
    write(&path, &document(3).replacen("\"ok\"", &format!("\"{}\"", "a word ".repeat(6_000_000)), 1));
    scan(&mut ingest);
    assert_eq!((total(&ingest).calls, ingest.store.file(&path).unwrap().unwrap().malformed), (2, 1));
}
