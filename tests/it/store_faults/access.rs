//! Who may use a store, and stores that have no room.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aifinops::budgets::Assumed;
use aifinops::engine::ingest::Ingest;
use aifinops::engine::rules::Rules;
use aifinops::engine::{Engine, Setup, Span, caps};
use aifinops::model::cap::{Amount, Cap, Span as CapSpan, Unit};
use aifinops::model::{Window, Zone};
use aifinops::query::caps::{Asking, Beyond, standings};
use aifinops::store::{Ledger, Store};
use chrono::Weekday;
use rusqlite::Connection;

use super::{history, is_clear, program};
use crate::logs::{Home, answer, append, look, prompt, scan, total, uuid};

#[test]
fn where_nothing_can_be_written_the_store_lives_in_memory() {
    let (home, truth) = history();
    let file = home.path().join("a-file");
    fs::write(&file, "").unwrap();
    let opened = Store::open(&file.join("data")).unwrap();
    let notice = opened.notice.unwrap();
    assert!(is_clear(&notice) && notice.starts_with("nothing will be remembered after this run: could not create "), "{notice}");
    let mut ingest = home.reader(opened.store);
    assert!(ingest.store.is_writer());
    scan(&mut ingest);
    assert_eq!(total(&ingest), truth);
}

#[test]
fn a_locked_store_is_waited_for_and_loses_nothing() {
    let (home, truth) = history();
    let mut ingest = home.resume();
    scan(&mut ingest);
    let other = Connection::open(ingest.store.path()).unwrap();
    other.execute_batch("BEGIN EXCLUSIVE").unwrap();
    append(&home.claude(&uuid(1, 0)), answer(&uuid(1, 0), 9001, 9001, 70, None) + "\n");
    let error = ingest.scan_quietly().unwrap_err();
    assert!(error.is_passing() && !error.is_damage(), "{error:?}");
    assert!(is_clear(&error.to_string()) && error.to_string().contains("locked"), "{error}");
    assert_eq!(total(&ingest), truth, "what was known can be read meanwhile");
    let follower = Store::open(&home.data()).unwrap();
    assert_eq!((follower.notice, follower.store.is_writer()), (None, false), "and be opened");
    other.execute_batch("COMMIT").unwrap();
    look(&mut ingest);
    assert_eq!((total(&ingest).calls, total(&ingest).output), (truth.calls + 1, truth.output + 70));
}

#[test]
fn of_two_processes_one_writes_and_the_other_takes_over() {
    let (home, truth) = history();
    let mut first = home.resume();
    let mut second = home.resume();
    assert!(first.store.is_writer() && !second.store.is_writer() && !second.store.become_writer());
    scan(&mut first);
    assert_eq!(total(&second), truth, "the other sees what the one writes");
    drop(first);
    assert!(second.store.become_writer() && second.store.is_writer());
    append(&home.claude(&uuid(1, 0)), answer(&uuid(1, 0), 9001, 9001, 70, None) + "\n");
    assert_eq!(scan(&mut second), 1, "only what is new is read");
    assert_eq!(total(&second).calls, truth.calls + 1);
}

/// The other one will never have read it: whoever follows looks for himself, says why, and does not wait.
#[test]
fn beside_another_process_what_cannot_be_read_is_told_and_not_waited_for() {
    let (home, truth) = history();
    let rollout = home.path().join(".codex/sessions/2026/11/02/rollout-2026-11-02T09-00-00-019feae6-7680-7000-8000-000000000001.jsonl.zst");
    fs::create_dir_all(rollout.parent().unwrap()).unwrap();
    fs::write(&rollout, "no frame").unwrap();
    let mut writer = home.resume();
    assert_eq!(writer.scan_quietly().unwrap().failed.len(), 1);
    assert_eq!(total(&writer), truth);
    let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
    let sample = program(&home, "true");
    command.args(["report", "daily", "--all"]).envs(sample.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let begun = Instant::now();
    let output = command.output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 log file could not be read; `aifinops doctor` says why"), "{told}");
}

#[test]
fn processes_that_begin_at_once_share_one_store() {
    for round in 0..10 {
        let home = Home::new();
        let start = std::sync::Barrier::new(8);
        let opened: Vec<_> = std::thread::scope(|scope| {
            let open = || {
                start.wait();
                Store::open(&home.data()).unwrap()
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(opened.iter().all(|o| o.notice.is_none()), "round {round}: {:?}", opened.iter().map(|o| &o.notice).collect::<Vec<_>>());
        assert_eq!(opened.iter().filter(|o| o.store.is_writer()).count(), 1, "round {round}");
    }
}

#[test]
fn sqlite_is_free_of_the_race_that_corrupts_stores_of_two_writers() {
    let parts: Vec<u32> = Store::sqlite_version().split('.').map(|p| p.parse().unwrap()).collect();
    assert!(parts >= vec![3, 51, 3], "{}", Store::sqlite_version());
}

#[cfg(unix)]
fn everything_in(dir: &Path, found: &mut Vec<(PathBuf, u32)>) {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    found.push((dir.to_path_buf(), mode(dir)));
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { everything_in(&path, found) } else { found.push((path.clone(), mode(&path))) }
    }
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_read_what_is_stored_whatever_the_umask() {
    for umask in ["000", "077", "022"] {
        let (home, _) = history();
        let output = program(&home, &format!("umask {umask}")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut found = Vec::new();
        everything_in(&home.data(), &mut found);
        assert!(found.iter().any(|(path, _)| path.ends_with("aifinops.db-wal")), "the store is there: {found:?}");
        for (path, mode) in found {
            let wanted = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode, wanted, "{} under umask {umask} is {mode:o}", path.display());
        }
    }
}

/// A limit on the size of files stands in for a full disk; the second time it is met as an error, not as a signal.
#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_costs_nothing_once_there_is_room() {
    for blocks in [1, 8, 64, 130, 200, 400, 800] {
        for signal in ["", "trap '' XFSZ; "] {
            let (home, truth) = history();
            let output = program(&home, &format!("{signal}ulimit -f {blocks}")).output().unwrap();
            let words = String::from_utf8_lossy(&output.stderr);
            if !signal.is_empty() {
                assert!(output.status.code().is_some(), "it ends by itself, {blocks} blocks: {words}");
                assert!(!words.contains("panicked"), "{words}");
                assert!(words.lines().count() <= 1, "one line: {words}");
            }
            let again = program(&home, "true").output().unwrap();
            assert!(again.status.success(), "{}", String::from_utf8_lossy(&again.stderr));
            let ingest = home.resume();
            assert_eq!(total(&ingest), truth, "{blocks} blocks");
            assert_eq!(ingest.store.integrity(), None);
        }
    }
}

/// Whoever closes a file takes away the locks that its process has on it, wherever in it they were taken: then any other program that
/// looks into the store would throw its log away, with what was written last.
#[cfg(target_os = "linux")]
#[test]
fn who_opens_a_store_or_a_ledger_once_more_takes_no_lock_away() {
    use std::os::unix::fs::MetadataExt as _;
    let (home, _) = history();
    let mut ingest = home.resume();
    scan(&mut ingest);
    let ledger = Ledger::open(&home.data(), Duration::from_secs(1)).unwrap().0;
    let locks = || {
        let (all, own) = (fs::read_to_string("/proc/locks").unwrap_or_default(), std::process::id().to_string());
        ["aifinops.db", "ledger.db"].map(|name| {
            let inode = format!(":{}", fs::metadata(home.data().join(name)).unwrap().ino());
            let is_held = |line: &&str| line.split_whitespace().any(|word| word == own) && line.contains(&format!("{inode} "));
            all.lines().filter(is_held).count()
        })
    };
    assert!(ledger.decisions(0, 1).unwrap().is_empty());
    let before = locks();
    drop(Store::open_beside(&home.data(), Duration::from_secs(1)).unwrap());
    drop(Store::open(&home.data()).unwrap());
    drop(Ledger::open(&home.data(), Duration::from_secs(1)).unwrap());
    assert_eq!(locks(), before, "the system counts them, where it tells");
}

#[test]
fn a_store_that_was_exchanged_or_deleted_is_written_by_nobody_any_more() {
    let (home, truth) = history();
    let (mut first, mut second) = (home.resume(), home.resume());
    scan(&mut first);
    assert_eq!(total(&second), truth);
    first.heal().unwrap();
    assert!(second.store.is_displaced() && !first.store.is_displaced());
    scan(&mut first);
    drop(first);
    assert!(!second.store.become_writer(), "what it wrote would be read by nobody");
    drop(second);
    let third = home.resume();
    assert_eq!(total(&third), truth);
    fs::remove_file(third.store.path()).unwrap();
    assert!(third.store.is_displaced());
}

#[test]
fn under_a_screen_the_store_may_be_deleted_or_exchanged_and_everything_is_there_again() {
    let home = Home::new();
    append(&home.claude(&uuid(1, 0)), answer(&uuid(1, 0), 1, 1, 5, None) + "\n");
    let engine = |home: &Home| engine(home.reader(Store::open(&home.data()).unwrap().store), home);
    let (writer, follower) = (engine(&home), engine(&home));
    let calls = |engine: &Engine, calls: i64| {
        let begun = Instant::now();
        while engine.snapshots.borrow().total.calls != calls {
            assert!(begun.elapsed() < Duration::from_secs(30), "{calls} calls were never shown: {:?}", engine.snapshots.borrow().notices);
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    calls(&writer, 1);
    calls(&follower, 1);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(home.data().join(format!("aifinops.db{suffix}")));
    }
    append(&home.claude(&uuid(1, 0)), answer(&uuid(1, 0), 2, 2, 5, None) + "\n");
    calls(&writer, 2);
    calls(&follower, 2);
    let stored = |calls: i64| {
        let begun = Instant::now();
        let told = || Store::open_beside(&home.data(), Duration::from_secs(1)).and_then(|store| store.total(Window::ALL));
        while told().map_or(0, |total| total.calls) != calls {
            assert!(begun.elapsed() < Duration::from_secs(30), "{calls} calls were never stored");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    stored(2);
    // Whoever followed takes over, in the file that stands there now.
    drop(writer);
    append(&home.claude(&uuid(1, 0)), answer(&uuid(1, 0), 3, 3, 5, None) + "\n");
    calls(&follower, 3);
    stored(3);
}

/// Who remembers a sum for the next time may not be able to: another process writes. What it added up is true all the same.
#[test]
fn a_locked_store_keeps_no_sum_of_a_week_from_being_told() {
    let (home, truth) = history();
    let mut ingest = home.resume();
    scan(&mut ingest);
    let cap = Cap::new("week", Amount { unit: Unit::Steps, count: 100 }, CapSpan::Week);
    let asking = Asking {
        caps: &[cap],
        raises: &[],
        beyond: &Beyond::default(),
        assumed: Assumed::default(),
        week_start: Weekday::Mon,
        // The Saturday after.
        now: chrono::DateTime::parse_from_rfc3339("2026-03-07T12:00:00Z").unwrap().timestamp_millis(),
        zone: Zone::UTC,
    };
    let other = Connection::open(ingest.store.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let steps = |ingest: &Ingest| standings(&ingest.store, &asking, None).unwrap()[0].spend.steps;
    assert_eq!(i64::try_from(steps(&ingest)).unwrap(), truth.calls);
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(i64::try_from(steps(&ingest)).unwrap(), truth.calls);
}

fn engine(ingest: Ingest, home: &Home) -> Engine {
    let caps = caps::Setup { rules: Arc::new(Rules::default()), dir: home.data(), who: "tester".to_owned() };
    Engine::start(Setup {
        ingest,
        zone: Zone::UTC,
        span: Span::All,
        notices: Vec::new(),
        caps,
        real: true,
        watched: Vec::new(),
        clock: || 1_800_000_000_000,
    })
}

#[test]
fn a_stopped_screen_lets_others_write_and_shows_what_they_wrote() {
    let home = Home::new();
    append(&home.claude(&uuid(1, 0)), answer(&uuid(1, 0), 1, 1, 5, None) + "\n");
    let ingest = home.reader(Store::open(&home.data()).unwrap().store);
    let engine = engine(ingest, &home);
    let shows = |sessions: usize| {
        let begun = Instant::now();
        while engine.snapshots.borrow().sessions.len() != sessions {
            assert!(begun.elapsed() < Duration::from_secs(20), "{sessions} sessions were never shown");
            std::thread::sleep(Duration::from_millis(10));
        }
    };
    shows(1);
    // As the screen does before it is stopped. This one is not, so it soon wants to go on: whoever is slower tries again.
    let other = (0..50)
        .map(|_| {
            engine.rest();
            Store::open(&home.data()).unwrap().store
        })
        .find(Store::is_writer)
        .expect("the lock is free");
    append(&home.claude(&uuid(1, 1)), answer(&uuid(1, 1), 2, 2, 5, None) + "\n");
    let mut other = home.reader(other);
    scan(&mut other);
    drop(other);
    shows(2);
}

#[test]
fn a_store_that_may_only_be_read_is_worked_on_in_memory() {
    let (home, truth) = history();
    scan(&mut home.resume());
    // A directory where the lock should be: as good as a lock that may not be opened, whoever runs the test.
    fs::remove_file(home.data().join("writer.lock")).unwrap();
    fs::create_dir(home.data().join("writer.lock")).unwrap();
    let opened = Store::open(&home.data()).unwrap();
    assert!(is_clear(opened.notice.as_deref().unwrap()), "{:?}", opened.notice);
    let mut ingest = home.reader(opened.store);
    assert_eq!(total(&ingest), truth, "what is stored is known");
    assert!(ingest.store.is_writer());
    scan(&mut ingest);
    assert_eq!(total(&ingest), truth);
}

#[test]
fn who_notes_late_that_nothing_was_read_stops_no_judgements() {
    let home = Home::new();
    let store = Store::open(&home.data()).unwrap().store;
    store.set_partial(true).unwrap();
    assert!(store.is_partial(), "nobody has read anything");
    let session = uuid(1, 1);
    append(&home.claude(&session), prompt(&session, 1) + "\n");
    let mut ingest = home.reader(store);
    scan(&mut ingest);
    assert!(!ingest.store.is_partial(), "everything has been read");
    Store::open(&home.data()).unwrap().store.set_partial(true).unwrap();
    assert!(!ingest.store.is_partial(), "a hook that had looked before is late");
}
