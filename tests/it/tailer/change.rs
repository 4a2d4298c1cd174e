//! Files that are cut, moved, replaced and written anew, while the program runs and while it does not.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::Path;

use aifinops::engine::ingest::Ingest;

use crate::logs::{Home, answer, append, context, count, header, look, prompt, replace, scan, session, total, uuid};

/// Call `n` of a session, as one line. Lines of the same number of digits are equally long.
fn call(uid: &str, n: u64) -> String {
    answer(uid, n, n, n, None) + "\n"
}

fn calls(uid: &str, numbers: std::ops::RangeInclusive<u64>) -> String {
    numbers.map(|n| call(uid, n)).collect()
}

/// Ten calls are read, something happens to their file, and what is there then is read; while running and after a stop.
///
/// `after` is the calls that were ever there. Gives what is known of the file at the end.
fn happens(name: &str, after: std::ops::RangeInclusive<u64>, what: impl Fn(&Home, &Path, &str)) -> [aifinops::store::FileRow; 2] {
    [false, true].map(|stopped| {
        let home = Home::new();
        let uid = uuid(1, 1);
        let path = home.claude(&uid);
        append(&path, calls(&uid, 101..=110));
        let mut ingest = home.resume();
        scan(&mut ingest);
        if stopped {
            drop(ingest);
            what(&home, &path, &uid);
            ingest = home.resume();
        } else {
            what(&home, &path, &uid);
        }
        scan(&mut ingest);
        let truth = (i64::try_from(after.clone().count()).unwrap(), after.clone().sum::<u64>().cast_signed());
        assert_eq!((total(&ingest).calls, total(&ingest).output), truth, "{name}, stopped: {stopped}");
        assert_eq!(scan(&mut ingest), 0, "{name}: nothing is read again and again");
        settled(&mut ingest);
        ingest.store.file(&path).unwrap().unwrap_or_default()
    })
}

fn settled(ingest: &mut Ingest) {
    let report = ingest.store.rebuild().unwrap();
    assert_eq!(report.wrong(), 0, "the sums are those of the rows");
    assert_eq!(ingest.store.integrity(), None);
}

fn cut(path: &Path, len: u64) {
    File::options().write(true).open(path).unwrap().set_len(len).unwrap();
}

fn len(path: &Path) -> u64 {
    fs::metadata(path).unwrap().len()
}

#[test]
fn a_truncated_file_keeps_what_was_counted_and_is_read_once_more() {
    let rows = [
        happens("cut to nothing", 101..=111, |_, path, uid| {
            cut(path, 0);
            append(path, call(uid, 111));
        }),
        happens("cut to half", 101..=111, |_, path, uid| {
            cut(path, len(path) / 2);
            append(path, "\n".to_owned() + &call(uid, 111));
        }),
        happens("cut before its last newline", 101..=111, |_, path, uid| {
            cut(path, len(path) - 1);
            append(path, "\n".to_owned() + &call(uid, 111));
        }),
        happens("cut, and longer than before", 101..=130, |_, path, uid| {
            cut(path, len(path) / 2);
            append(path, "\n".to_owned() + &calls(uid, 106..=130));
        }),
    ];
    for row in rows.iter().flatten() {
        assert!(row.generation <= 1, "begun anew once at most: {row:?}");
        assert_eq!(row.offset, row.stat.size);
    }
}

#[test]
fn a_file_that_is_only_shorter_stays_counted() {
    happens("cut and left", 101..=110, |_, path, _| cut(path, 1000));
    happens("emptied", 101..=110, |_, path, _| cut(path, 0));
    happens("deleted", 101..=110, |_, path, _| fs::remove_file(path).unwrap());
    happens("its directory deleted", 101..=110, |home, _, _| fs::remove_dir_all(home.path().join(".claude")).unwrap());
}

#[test]
fn a_rotated_or_replaced_file_is_counted_once() {
    happens("renamed, and begun anew", 101..=112, |_, path, uid| {
        fs::rename(path, path.with_file_name("old.jsonl")).unwrap();
        append(&path.with_file_name("old.jsonl"), call(uid, 111));
        append(path, call(uid, 112));
    });
    happens("copied and truncated", 101..=111, |_, path, uid| {
        fs::copy(path, path.with_file_name("old.jsonl")).unwrap();
        cut(path, 0);
        append(path, call(uid, 111));
    });
    happens("deleted and made again, perhaps with its inode", 101..=120, |_, path, uid| {
        fs::remove_file(path).unwrap();
        append(path, calls(uid, 111..=120));
    });
    happens("replaced by a rename", 101..=120, |_, path, uid| replace(path, calls(uid, 111..=120)));
    happens("replaced by its own content", 101..=110, |_, path, uid| replace(path, calls(uid, 101..=110)));
    happens("replaced by a longer copy", 101..=140, |_, path, uid| replace(path, calls(uid, 101..=140)));
    happens("rewritten with the same size", 101..=120, |_, path, uid| fs::write(path, calls(uid, 111..=120)).unwrap());
}

#[test]
fn a_rewrite_is_seen_although_its_size_and_time_are_the_same() {
    happens("its time set back", 101..=120, |_, path, uid| {
        let before = fs::metadata(path).unwrap().modified().unwrap();
        fs::write(path, calls(uid, 111..=120)).unwrap();
        File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
    });
}

/// What a file is known by is its first kilobyte and the bytes before its end: a rewrite may leave both alone.
#[test]
fn a_rewrite_is_seen_although_its_beginning_and_end_are_the_same() {
    happens("only its middle rewritten", 101..=114, |_, path, uid| {
        let text = calls(uid, 101..=104) + &calls(uid, 111..=114) + &calls(uid, 109..=110);
        assert_eq!(text.len() as u64, len(path));
        fs::write(path, text).unwrap();
    });
}

/// Lines may all end alike, and a rewrite may put the end of one where another ended.
#[test]
fn a_rewrite_is_seen_although_its_lines_end_alike() {
    let home = Home::new();
    let uid = uuid(1, 1);
    let path = home.claude(&uid);
    let alike = |text: String| text.replace("\"}\n", &format!("\",\"slug\":\"{}\"}}\n", "so-it-ends".repeat(10)));
    append(&path, alike(calls(&uid, 101..=110)));
    let mut ingest = home.resume();
    scan(&mut ingest);
    fs::write(&path, alike(calls(&uid, 101..=105) + &calls(&uid, 111..=120))).unwrap();
    scan(&mut ingest);
    assert_eq!((total(&ingest).calls, total(&ingest).output), (20, (101..=120).sum()));
}

/// The counters of a rollout are totals of the thread. A rewrite that drops lines, as Codex' own migration does with
/// turns that were taken back, leaves a gap between two of them: what lies in it was counted from the dropped lines.
#[test]
fn a_gap_that_a_rewrite_leaves_in_running_totals_is_not_counted_again() {
    let thread = uuid(2, 1);
    let lines: Vec<String> = (1..=5).map(|n| count(10 + n, [110 * n, 100 * n, 7 * n], [110, 100, 7]) + "\n").collect();
    let begun = header(&thread, 1) + "\n" + &context("turn", 2) + "\n";
    for stopped in [false, true] {
        let home = Home::new();
        let path = home.codex(&thread);
        append(&path, begun.clone() + &lines[..4].concat());
        let mut ingest = home.resume();
        scan(&mut ingest);
        assert_eq!((total(&ingest).calls, total(&ingest).output), (4, 28));
        replace(&path, begun.clone() + &lines[0] + &lines[3]);
        if stopped {
            drop(ingest);
            ingest = home.resume();
        }
        scan(&mut ingest);
        assert_eq!((total(&ingest).calls, total(&ingest).output), (4, 28), "stopped: {stopped}");
        append(&path, &lines[4]);
        scan(&mut ingest);
        assert_eq!((total(&ingest).calls, total(&ingest).output, total(&ingest).input), (5, 35, 50));
    }
}

/// Totals may jump over calls that no line tells. A file that is read once more although it holds the same, since its rights were changed
/// or its reader has learned something, has lost no line: what the jump was counted as stays.
#[test]
fn a_jump_of_running_totals_is_counted_alike_when_the_same_file_is_read_once_more() {
    use std::os::unix::fs::PermissionsExt as _;
    let thread = uuid(2, 1);
    let home = Home::new();
    let path = home.codex(&thread);
    let lines = [count(11, [110, 100, 7], [110, 100, 7]), count(12, [330, 300, 21], [110, 100, 7])].map(|line| line + "\n").concat();
    append(&path, header(&thread, 1) + "\n" + &context("turn", 2) + "\n" + &lines);
    let mut ingest = home.resume();
    scan(&mut ingest);
    let first = total(&ingest);
    assert_eq!(first.output, 21);
    for mode in [0o600, 0o640] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(scan(&mut ingest), 1, "it is read once more");
        assert_eq!(total(&ingest), first);
    }
}

/// Copied and truncated, a rollout has lost its header; its name still tells whose it is.
#[test]
fn a_rollout_without_its_header_is_the_same_thread() {
    let home = Home::new();
    let thread = uuid(2, 1);
    let path = home.codex(&thread);
    let counter = |n: u64| count(10 + n, [110 * n, 100 * n, 7 * n], [110, 100, 7]) + "\n";
    append(&path, header(&thread, 1) + "\n" + &context("turn", 2) + "\n" + &counter(1) + &counter(2));
    let mut ingest = home.resume();
    scan(&mut ingest);
    cut(&path, 0);
    append(&path, counter(2) + &counter(3)); // the screen was refreshed: the same totals once more
    scan(&mut ingest);
    let sums = session(&ingest, &thread);
    assert_eq!((sums.calls, sums.output), (3, 21));
    assert_eq!(total(&ingest), sums, "no second session");
}

#[test]
fn inodes_that_are_used_again_hide_nothing() {
    let home = Home::new();
    let mut ingest = home.resume();
    let mut expected = (0, 0);
    let (mut inodes, mut again) = (BTreeSet::new(), 0);
    for round in 0..500 {
        let n = 100 + round;
        let (one, other) = (uuid(1, 0), uuid(3, round));
        // One name with ever new files, and ever new names.
        for (uid, id) in [(&one, n), (&other, 1000 + n)] {
            append(&home.claude(uid), answer(uid, id, id, n, None) + "\n");
            expected = (expected.0 + 1, expected.1 + n.cast_signed());
            again += usize::from(!inodes.insert(inode(&home.claude(uid))));
        }
        scan(&mut ingest);
        assert_eq!((total(&ingest).calls, total(&ingest).output), expected, "round {round}");
        for uid in [&one, &other] {
            fs::remove_file(home.claude(uid)).unwrap();
        }
    }
    // A file system that hands out ever new inodes has nothing to test here; most of them do not.
    let path = home.path().join("probe");
    let probed: BTreeSet<u64> = (0..20).map(|_| made_anew(&path)).collect();
    assert!(again > 900 || probed.len() == 20, "{again} of 1,000 inodes came again; {} of 20", 20 - probed.len());
}

fn inode(path: &Path) -> u64 {
    std::os::unix::fs::MetadataExt::ino(&fs::metadata(path).unwrap())
}

/// The inode of a file that was made and deleted.
fn made_anew(path: &Path) -> u64 {
    fs::write(path, "").unwrap();
    let found = inode(path);
    fs::remove_file(path).unwrap();
    found
}

#[test]
fn files_of_every_size_are_read_and_read_on() {
    let home = Home::new();
    let mut ingest = home.resume();
    let sizes = [0, 1, 100, 1023, 1024, 1025, 2047, 2048];
    for (i, size) in sizes.into_iter().enumerate() {
        let uid = uuid(1, i as u64);
        let line = prompt(&uid, i as u64 + 1);
        let text = if size > line.len() { line.clone() + &" ".repeat(size - line.len() - 1) + "\n" } else { line[..size].to_owned() };
        append(&home.claude(&uid), text);
    }
    look(&mut ingest);
    let whole = i64::try_from(sizes.iter().filter(|s| **s > 1000).count()).unwrap();
    assert_eq!(total(&ingest).prompts, whole);
    for (i, size) in sizes.into_iter().enumerate() {
        let uid = uuid(1, i as u64);
        let line = prompt(&uid, i as u64 + 1) + "\n";
        append(&home.claude(&uid), if size > line.len() { "" } else { &line[size..] });
        append(&home.claude(&uid), answer(&uid, 100 + i as u64, i as u64, 5, None) + "\n");
    }
    scan(&mut ingest);
    assert_eq!((total(&ingest).prompts, total(&ingest).calls), (8, 8));
    assert!(ingest.store.files().unwrap().iter().all(|f| f.generation == 0 && f.malformed == 0), "nothing was begun anew");
}
