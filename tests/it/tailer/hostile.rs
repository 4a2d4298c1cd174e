//! Lines that no agent writes, and things in the place of logs that are none.

use std::fs::{self, File};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::logs::{Home, answer, append, context, count, file, header, look, prompt, scan, session, total, uuid};

/// Two calls with something between them.
fn between(middle: impl FnOnce(&Path)) -> (Home, aifinops::engine::ingest::Ingest) {
    let home = Home::new();
    let uid = uuid(1, 1);
    let path = home.claude(&uid);
    append(&path, answer(&uid, 1, 1, 10, None) + "\n");
    middle(&path);
    append(&path, answer(&uid, 2, 2, 20, None) + "\n");
    let mut ingest = home.resume();
    scan(&mut ingest);
    assert_eq!((total(&ingest).calls, total(&ingest).output), (2, 30), "its neighbours are read");
    (home, ingest)
}

#[test]
fn a_line_of_a_hundred_megabytes_is_passed_over_and_counted() {
    let begun = Instant::now();
    let (home, ingest) = between(|path| {
        // Almost all of it is a hole in the file.
        let mut log = File::options().append(true).open(path).unwrap();
        log.write_all(br#"{"type":"assistant","text":""#).unwrap();
        let end = log.seek(SeekFrom::End(0)).unwrap() + (100 << 20);
        log.set_len(end).unwrap();
        log.write_all(b"\"}\n").unwrap();
    });
    let row = file(&ingest, &home.claude(&uuid(1, 1)));
    assert_eq!((row.lines, row.malformed), (3, 1));
    assert_eq!(row.first_malformed.as_deref(), Some("a line of over 32 MiB was passed over"));
    assert_eq!(row.offset, row.stat.size);
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
}

#[test]
fn nothing_but_nul_bytes_is_no_line() {
    let (home, ingest) = between(|path| append(path, vec![0; 10 << 20]));
    assert_eq!(file(&ingest, &home.claude(&uuid(1, 1))).malformed, 0);
}

#[test]
fn nesting_without_end_is_a_malformed_line() {
    let deep = |n: usize| format!(r#"{{"type":"user","message":{{"content":{}{}}}}}"#, "[".repeat(n), "]".repeat(n)) + "\n";
    let open = format!(r#"{{"message":{{"content":{}"#, r#"[{"a":"#.repeat(100_000)) + "\n";
    let (home, ingest) = between(|path| append(path, deep(100_000) + &open));
    assert_eq!(file(&ingest, &home.claude(&uuid(1, 1))).malformed, 1);
}

#[test]
fn numbers_that_cannot_be_are_not_counted() {
    for (number, counted) in [
        ("7", 7),
        ("\"7\"", 7),
        ("7.0", 7),
        ("null", 0),
        ("-1", 0),
        ("1e999", 0),
        ("9223372036854775808", 0),
        ("18446744073709551615", 0),
        ("[1]", 0),
        ("{\"a\":1}", 0),
    ] {
        let home = Home::new();
        let uid = uuid(1, 1);
        let line =
            answer(&uid, 1, 1, 4242, None).replace("4242", number).replace(r#""input_tokens":3"#, &format!(r#""input_tokens":{number}"#));
        append(&home.claude(&uid), line + "\n" + &answer(&uid, 2, 2, 20, None) + "\n");
        let mut ingest = home.resume();
        scan(&mut ingest);
        let sums = total(&ingest);
        assert_eq!((sums.calls, sums.output, sums.input), (2, 20 + counted, 3 + counted), "{number}");
    }
}

#[test]
fn lines_of_other_kinds_of_json_are_no_calls() {
    let (home, ingest) = between(|path| append(path, "[]\n\"text\"\n17\nnull\n{}\n{\"type\":\n}\n\u{7f}\n"));
    let row = file(&ingest, &home.claude(&uuid(1, 1)));
    assert_eq!((row.lines, row.malformed), (10, 7), "{:?}", row.first_malformed);
}

#[test]
fn a_million_blocks_in_one_message_are_read() {
    let (home, ingest) = between(|path| {
        let blocks = vec![r#"{"type":"text","text":"x"}"#; 1_000_000].join(",");
        append(path, format!(r#"{{"type":"user","sessionId":"{}","message":{{"content":[{blocks}]}}}}"#, uuid(1, 1)) + "\n");
    });
    assert_eq!((total(&ingest).prompts, file(&ingest, &home.claude(&uuid(1, 1))).malformed), (1, 0));
}

/// Reads on a thread, so that a reader that waits for a pipe fails the test instead of stopping it.
#[cfg(unix)]
#[test]
fn pipes_directories_and_dangling_links_are_left_alone() {
    use std::os::unix::fs::symlink;
    let home = Home::new();
    let uid = uuid(1, 1);
    let path = home.claude(&uid);
    append(&path, prompt(&uid, 1) + "\n");
    let dir = path.parent().unwrap().to_path_buf();
    let made = std::process::Command::new("mkfifo").arg(dir.join("pipe.jsonl")).status().unwrap();
    assert!(made.success());
    symlink("/dev/zero", dir.join("device.jsonl")).unwrap();
    symlink("nowhere", dir.join("dangling.jsonl")).unwrap();
    fs::create_dir(dir.join("directory.jsonl")).unwrap();
    symlink(&dir, dir.join("loop")).unwrap();
    symlink("self.jsonl", dir.join("self.jsonl")).unwrap();
    symlink(&path, dir.join("again.jsonl")).unwrap();
    symlink(home.path().join(".claude"), home.path().join(".claude/projects/round")).unwrap();
    let (send, receive) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut ingest = home.resume();
        let report = look(&mut ingest);
        let pipe = ingest.look_at(&dir.join("pipe.jsonl")).unwrap();
        send.send((total(&ingest).prompts, report.failed, pipe.files_read, report.roots)).unwrap();
    });
    let (prompts, failed, piped, roots) = receive.recv_timeout(Duration::from_secs(20)).unwrap();
    assert_eq!((prompts, failed.len(), piped), (1, 0, 0), "{failed:?}");
    let problems: Vec<String> =
        roots.into_iter().flat_map(|r| r.problems).map(|(path, why)| format!("{}: {why}", path.display())).collect();
    assert!(problems.iter().any(|p| p.contains("dangling.jsonl")), "what cannot be looked into is told: {problems:?}");
    assert!(problems.iter().all(|p| !p.contains('\n')));
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read_is_told_and_read_later() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    let (one, other) = (uuid(1, 1), uuid(1, 2));
    for uid in [&one, &other] {
        append(&home.claude(uid), prompt(uid, 1 + u64::from(*uid == other)) + "\n");
    }
    let allow = |mode| fs::set_permissions(home.claude(&one), fs::Permissions::from_mode(mode)).unwrap();
    allow(0o000);
    if File::open(home.claude(&one)).is_ok() {
        return; // who may everything is refused nothing
    }
    let mut ingest = home.resume();
    for _ in 0..2 {
        let report = look(&mut ingest);
        assert_eq!(report.failed.len(), 1);
        assert_eq!(report.failed[0].0, home.claude(&one));
        assert!(report.failed[0].1.contains("ermission denied"), "{}", report.failed[0].1);
        assert_eq!(total(&ingest).prompts, 1);
    }
    allow(0o600);
    scan(&mut ingest);
    assert_eq!(total(&ingest).prompts, 2);
}

#[test]
fn a_root_may_appear_later() {
    let home = Home::new();
    let mut ingest = home.resume();
    let report = look(&mut ingest);
    assert!(report.roots.iter().all(|r| !r.exists && r.problems.is_empty()), "a root that is not there is no fault");
    let uid = uuid(1, 1);
    append(&home.claude(&uid), prompt(&uid, 1) + "\n");
    assert_eq!(scan(&mut ingest), 1);
    assert_eq!(total(&ingest).prompts, 1);
}

/// What lies behind a line that is too long is read, compressed or not.
#[test]
fn an_overlong_line_of_a_compressed_log_is_passed_over_and_counted() {
    let home = Home::new();
    let thread = uuid(2, 1);
    let mut text = format!("{}\n{}\n{}\n", header(&thread, 1), context("t", 2), count(3, [100, 0, 10], [100, 0, 10]));
    let filler = "x".repeat(aifinops::tail::MAX_LINE + (3 << 20)); // longer than what is decompressed at once
    text += &["{\"timestamp\":\"", &filler, "\"}\n"].concat();
    text.push_str(&(count(4, [300, 0, 30], [200, 0, 20]) + "\n"));
    let path = home.codex(&thread).with_extension("jsonl.zst");
    append(&path, ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest));
    let mut ingest = home.resume();
    assert_eq!(scan(&mut ingest), 1);
    let sums = session(&ingest, &thread);
    assert_eq!((sums.calls, sums.input, sums.output), (2, 300, 30));
    assert_eq!(file(&ingest, &path).malformed, 1, "the long one");
}

/// Codex compresses what it has not touched for long, also what a crash has left without a line's end.
#[test]
fn the_last_line_of_a_compressed_log_counts_without_its_newline_and_half_a_line_does_not() {
    for (end, calls) in [("", 2), ("\n", 2), ("\n{\"timestamp\":\"2026-03-02T08", 2)] {
        let home = Home::new();
        let thread = uuid(2, 1);
        let text = format!(
            "{}\n{}\n{}\n{}{end}",
            header(&thread, 1),
            context("t", 2),
            count(3, [100, 0, 10], [100, 0, 10]),
            count(4, [300, 0, 30], [200, 0, 20])
        );
        let path = home.codex(&thread).with_extension("jsonl.zst");
        append(&path, ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest));
        let mut ingest = home.resume();
        assert_eq!(scan(&mut ingest), 1);
        assert_eq!((session(&ingest, &thread).calls, file(&ingest, &path).malformed), (calls, 0), "{end:?}");
    }
}

/// Counters that cannot be are none: the next ones have not risen from nothing.
#[test]
fn a_running_total_that_cannot_be_is_passed_over() {
    for odd in ["-1", "1e999", "9223372036854775808", "\"many\""] {
        let home = Home::new();
        let thread = uuid(2, 1);
        let nonsense = count(4, [200, 0, 20], [100, 0, 10]).replace("\"input_tokens\":200", &format!("\"input_tokens\":{odd}"));
        assert!(nonsense.contains(odd));
        let lines =
            [header(&thread, 1), context("t", 2), count(3, [100, 0, 10], [100, 0, 10]), nonsense, count(5, [300, 0, 30], [100, 0, 10])];
        append(&home.codex(&thread), lines.join("\n") + "\n");
        let mut ingest = home.resume();
        scan(&mut ingest);
        let sums = session(&ingest, &thread);
        assert_eq!((sums.calls, sums.input, sums.output), (3, 300, 30), "{odd}");
    }
}
