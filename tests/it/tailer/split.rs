//! Lines that arrive in parts.

use std::collections::HashMap;
use std::fs;

use aifinops::model::Window;

use crate::logs::{self, Home, answer, append, context, count, file, header, message, prompt, scan, session, shell, total, uuid};

/// Three lines with characters of several bytes, an escaped surrogate pair, and an end of two bytes.
fn claude(n: u64) -> (String, Vec<u8>) {
    let uid = uuid(1, n);
    let lines = [prompt(&uid, 10 * n + 1), answer(&uid, 10 * n + 2, n, 7, None), answer(&uid, 10 * n + 3, n, 40, Some(n))];
    (uid, (lines.join("\r\n") + "\r\n").into_bytes())
}

fn codex(n: u64) -> (String, Vec<u8>) {
    let uid = uuid(2, n);
    let lines = [header(&uid, 1), message(2), count(3, [110, 100, 40], [110, 100, 40])];
    (uid, (lines.join("\n") + "\n").into_bytes())
}

#[test]
fn a_record_may_be_cut_at_any_byte() {
    let home = Home::new();
    let mut ingest = home.resume();
    let mut rests = Vec::new();
    for (make, place) in [(claude as fn(u64) -> (String, Vec<u8>), true), (codex, false)] {
        let longest = make(9_999).1.len() as u64;
        for n in 0..=longest {
            let (uid, bytes) = make(n);
            let path = if place { home.claude(&uid) } else { home.codex(&uid) };
            let (before, after) = bytes.split_at(bytes.len().min(usize::try_from(n).unwrap()));
            append(&path, before);
            rests.push((uid, path, after.to_vec()));
        }
    }
    scan(&mut ingest);
    for (_, path, rest) in &rests {
        append(path, rest);
    }
    scan(&mut ingest);
    let found: HashMap<_, _> = ingest.store.sessions(Window::ALL).unwrap().into_iter().map(|s| (s.uid, s.sums)).collect();
    for (at, (uid, path, _)) in rests.iter().enumerate() {
        let sums = found[uid.as_str()];
        assert_eq!((sums.calls, sums.output, sums.prompts), (1, 40, 1), "position {at}: {}", path.display());
        let row = file(&ingest, path);
        assert_eq!((row.malformed, row.offset), (0, fs::metadata(path).unwrap().len()), "position {at}");
    }
    assert_eq!((found.len(), total(&ingest).calls), (rests.len(), i64::try_from(rests.len()).unwrap()));
}

#[test]
fn a_file_may_grow_byte_by_byte() {
    for (make, place) in [(claude as fn(u64) -> (String, Vec<u8>), true), (codex, false)] {
        let home = Home::new();
        let (uid, bytes) = make(5);
        let path = if place { home.claude(&uid) } else { home.codex(&uid) };
        let mut ingest = home.resume();
        for (i, byte) in bytes.iter().enumerate() {
            append(&path, [*byte]);
            scan(&mut ingest);
            let complete = bytes[..=i].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
            assert_eq!(file(&ingest, &path).offset, complete as u64, "the offset stays behind a newline");
        }
        let sums = session(&ingest, &uid);
        assert_eq!((sums.calls, sums.output, sums.prompts), (1, 40, 1));
        assert_eq!(ingest.store.session_places().unwrap().len(), 1, "a file without a line is no session");
        assert_eq!(ingest.store.rebuild().unwrap().wrong_slots, 0);
    }
}

/// A fork begins with a copy of its parent's records. Whether it is read whole or as it is written is the same.
#[test]
fn a_fork_may_be_met_after_any_of_its_lines() {
    let (parent, fork) = (uuid(2, 1), uuid(2, 2));
    let copied = [
        header(&parent, 1),
        context("turn-1", 2),
        message(3),
        count(4, [110, 100, 40], [110, 100, 40]),
        count(5, [230, 210, 60], [120, 110, 20]),
    ];
    let begun = header(&fork, 60).replace(r#""cwd""#, &format!(r#""forked_from_id":"{parent}","cwd""#));
    let own = [context("turn-2", 70), message(71), shell(72), count(73, [350, 330, 90], [120, 120, 30])];
    let lines: Vec<String> = std::iter::once(begun).chain(copied.clone()).chain(own).map(|l| l + "\n").collect();
    for cut in 0..=lines.len() {
        let home = Home::new();
        append(&home.codex(&parent), copied.join("\n") + "\n");
        let mut ingest = home.resume();
        append(&home.codex(&fork), lines[..cut].concat());
        scan(&mut ingest);
        let mut ingest = {
            drop(ingest);
            home.resume()
        };
        append(&home.codex(&fork), lines[cut..].concat());
        scan(&mut ingest);
        let (old, new) = (session(&ingest, &parent), session(&ingest, &fork));
        assert_eq!((old.calls, old.output, old.prompts), (2, 60, 1), "cut after line {cut}");
        assert_eq!((new.calls, new.output, new.prompts, new.tools), (1, 30, 1, 1), "cut after line {cut}");
    }
}

#[test]
fn half_a_line_waits_for_its_other_half() {
    let home = Home::new();
    let uid = uuid(1, 1);
    let path = home.claude(&uid);
    let line = answer(&uid, 2, 1, 40, None);
    let (first, second) = line.split_at(120);
    append(&path, prompt(&uid, 1) + "\n" + first);
    let mut ingest = home.resume();
    scan(&mut ingest);
    for _ in 0..20 {
        assert_eq!(scan(&mut ingest), 0, "nothing has happened to the file");
        assert_eq!((total(&ingest).calls, file(&ingest, &path).malformed), (0, 0));
    }
    append(&path, second);
    scan(&mut ingest);
    assert_eq!(total(&ingest).calls, 1, "it counts although its newline is missing");
    let before = file(&ingest, &path).offset;
    append(&path, "\n");
    scan(&mut ingest);
    let row = file(&ingest, &path);
    assert_eq!((total(&ingest).calls, total(&ingest).output, row.malformed), (1, 40, 0));
    assert!(before < row.offset && row.offset == row.stat.size, "and is passed only with it");
}

#[test]
fn half_a_line_that_another_writer_goes_on_from_is_counted_as_garbage() {
    let home = Home::new();
    let uid = uuid(1, 1);
    let path = home.claude(&uid);
    let torn = answer(&uid, 1, 1, 40, None);
    append(&path, &torn[..150]);
    let mut ingest = home.resume();
    scan(&mut ingest);
    append(&path, answer(&uid, 2, 2, 50, None) + "\n" + &answer(&uid, 3, 3, 60, None) + "\n");
    scan(&mut ingest);
    let row = file(&ingest, &path);
    assert_eq!((row.lines, row.malformed), (2, 1), "one line of two writers, one good line");
    let words = row.first_malformed.unwrap();
    assert!(words.starts_with("no JSON after byte ") && !words.contains('\n'), "{words}");
    assert_eq!((total(&ingest).calls, total(&ingest).output), (1, 60));
}

#[test]
fn marks_and_ends_of_other_systems_are_passed_over() {
    let home = Home::new();
    let uid = uuid(1, 1);
    let path = home.claude(&uid);
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend((prompt(&uid, 1) + "\r\n\r\n").bytes());
    bytes.extend(vec![0; 5000]);
    bytes.extend((answer(&uid, 2, 1, 40, None) + "\r\n").bytes());
    let mut wrong = (answer(&uid, 3, 2, 50, None) + "\n").into_bytes();
    let at = logs::find(&wrong, "漢");
    wrong[at] = 0xff; // no UTF-8 any more, but text that nobody counts
    bytes.extend(wrong);
    append(&path, bytes);
    let mut ingest = home.resume();
    scan(&mut ingest);
    let sums = total(&ingest);
    assert_eq!((sums.prompts, sums.calls, sums.output), (1, 2, 90));
    assert_eq!(file(&ingest, &path).malformed, 0);
}
