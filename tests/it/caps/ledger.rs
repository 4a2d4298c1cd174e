//! The ledger: what exists nowhere else is written down for good, by several processes at once.

use std::fs;
use std::sync::Barrier;
use std::time::Duration;

use aifinops::model::{Dimension, Money};
use aifinops::store::health;
use aifinops::store::ledger::{Decision, FILE, Kind};
use aifinops::store::pending::Pending;
use aifinops::store::{Ledger, StoreError};
use tempfile::TempDir;

use crate::logs::Rng;

const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn open(dir: &TempDir) -> Ledger {
    let (ledger, notice) = Ledger::open(dir.path(), PATIENCE).unwrap();
    assert_eq!(notice, None);
    ledger
}

fn decision(at: i64, kind: Kind, until: Option<i64>) -> Decision {
    Decision {
        at,
        kind,
        cap: "day".into(),
        agent: Some("codex".into()),
        session: Some("s1".into()),
        unit: "usd".into(),
        spent: 21_000_000_000,
        amount: 20_000_000_000,
        until,
        who: "me".into(),
        why: Some("because".into()),
    }
}

#[test]
fn decisions_are_kept_in_full_and_come_back_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    for (i, kind) in Kind::ALL.into_iter().enumerate() {
        open(&dir).record(&decision(i64::try_from(i).unwrap(), kind, None)).unwrap();
    }
    let all = open(&dir).decisions(0, 100).unwrap();
    assert_eq!(all.iter().map(|d| d.kind).rev().collect::<Vec<_>>(), Kind::ALL);
    assert_eq!(all[0], decision(8, Kind::Failure, None));
    assert_eq!(open(&dir).decisions(5, 2).unwrap().len(), 2);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for entry in fs::read_dir(dir.path()).unwrap() {
            let entry = entry.unwrap();
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", entry.path());
        }
    }
}

#[test]
fn a_record_that_is_empty_or_gone_comes_back_from_its_copy() {
    for empty in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(&dir);
        ledger.record(&decision(1, Kind::Raise, Some(100))).unwrap();
        ledger.keep_copy().unwrap();
        drop(ledger);
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(dir.path().join(format!("{FILE}{ending}")));
        }
        if empty {
            fs::write(dir.path().join(FILE), "").unwrap();
        }
        let (ledger, notice) = Ledger::open(dir.path(), PATIENCE).unwrap();
        assert_eq!(notice.unwrap(), "the record of caps was gone; 1 of its decisions and tags came back from its copy");
        assert_eq!(ledger.decisions(0, 10).unwrap(), [decision(1, Kind::Raise, Some(100))]);
        drop(ledger);
        open(&dir); // told once
    }
}

#[test]
fn raises_hold_until_they_end_or_are_ended() {
    let dir = tempfile::tempdir().unwrap();
    let ledger = open(&dir);
    ledger.record(&decision(1, Kind::Raise, Some(100))).unwrap();
    ledger.record(&decision(2, Kind::Raise, Some(50))).unwrap();
    ledger.record(&decision(3, Kind::BlockPrompt, None)).unwrap();
    assert_eq!(ledger.raises(10).unwrap().len(), 2);
    assert_eq!(ledger.raises(50).unwrap().len(), 1);
    assert_eq!(ledger.end_raises("day", 60).unwrap(), 1);
    assert_eq!(ledger.raises(60).unwrap(), []);
    assert_eq!(ledger.decisions(0, 100).unwrap().len(), 3, "what was granted stays on record");
}

#[test]
fn of_many_who_want_to_tell_one_may_and_again_in_the_next_window() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    let barrier = Barrier::new(8);
    let first = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    let ledger = open(&dir);
                    barrier.wait();
                    ledger.first("cap:day:80", 100, 10).unwrap()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).filter(|first| *first).count()
    });
    assert_eq!(first, 1);
    assert!(!open(&dir).first("cap:day:80", 100, 99).unwrap());
    assert!(open(&dir).first("cap:day:80", 200, 100).unwrap(), "the window has ended");
    assert!(open(&dir).first("cap:day:100", 100, 10).unwrap(), "another level");
}

fn pending(run: &str, money: i64) -> Pending {
    Pending {
        run: run.into(),
        pid: 1,
        at: 1000,
        ended_at: None,
        agent: "codex".into(),
        session: None,
        cwd: None,
        model: None,
        money: Money::from_nanos(money),
        unpriced: false,
        tokens: 1,
    }
}

#[test]
fn what_is_left_is_given_to_one_of_many_who_ask_at_once() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(&dir));
    // There is room while less than ten are reserved; each asks for one.
    let admitted = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|i| {
                let dir = &dir;
                scope.spawn(move || {
                    let mut ledger = open(dir);
                    let room = |all: &[Pending]| if all.len() < 10 { Ok(()) } else { Err(()) };
                    (0..20).filter(|_| ledger.reserve(&pending(&i.to_string(), 1), |_| true, room).unwrap().is_ok()).count()
                })
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum::<usize>()
    });
    assert_eq!(admitted, 10);
}

#[test]
fn reservations_become_costs_and_are_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let mut ledger = open(&dir);
    let id = ledger.reserve(&pending("a", 500), |_| true, |_| Ok::<_, ()>(())).unwrap().unwrap();
    ledger.settle_pending(id, &Pending { ended_at: Some(2000), ..pending("a", 70) }).unwrap();
    assert_eq!(open(&dir).pending().unwrap(), [Pending { ended_at: Some(2000), ..pending("a", 70) }]);
    ledger.forget_pending(id).unwrap();
    assert_eq!(ledger.pending().unwrap(), []);
    // What a proxy that was killed has left behind does not hold for ever.
    ledger.reserve(&pending("a", 500), |_| true, |_| Ok::<_, ()>(())).unwrap().unwrap();
    let later = Pending { at: 1000 + 7 * 3_600_000, ..pending("b", 1) };
    let seen = std::cell::Cell::new(99);
    ledger
        .reserve(
            &later,
            |_| false,
            |all| {
                seen.set(all.len());
                Ok::<_, ()>(())
            },
        )
        .unwrap()
        .unwrap();
    assert_eq!(seen.get(), 0);
}

#[test]
fn a_damaged_ledger_is_moved_aside_and_said_and_a_newer_one_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(FILE), vec![7; 5000]).unwrap();
    let (ledger, notice) = Ledger::open(dir.path(), PATIENCE).unwrap();
    assert!(notice.unwrap().contains("ledger.db.damaged-1"));
    ledger.record(&decision(1, Kind::Set, None)).unwrap();
    drop(ledger);
    assert_eq!(open(&dir).decisions(0, 9).unwrap().len(), 1);

    let newer = tempfile::tempdir().unwrap();
    open(&newer).record(&decision(1, Kind::Set, None)).unwrap();
    let path = newer.path().join(FILE);
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Ledger::open(newer.path(), PATIENCE).map(|_| ()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 99, .. }), "{error}");
    assert!(error.to_string().contains("newer aifinops"), "{error}");
    assert!(fs::read(&path).unwrap() == before);
}

#[test]
fn a_database_of_another_program_in_the_ledgers_place_is_moved_aside_untouched() {
    for (schema, version) in
        [("CREATE TABLE holidays (place TEXT); INSERT INTO holidays VALUES ('Elba')", 0), ("CREATE TABLE decision (id)", 1)]
    {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        rusqlite::Connection::open(&path).unwrap().execute_batch(&format!("{schema}; PRAGMA user_version = {version}")).unwrap();
        let before = fs::read(&path).unwrap();
        let (ledger, notice) = Ledger::open(dir.path(), PATIENCE).unwrap();
        assert!(notice.unwrap().contains("ledger.db.damaged-1"));
        ledger.record(&decision(1, Kind::Set, None)).unwrap();
        assert!(fs::read(dir.path().join("ledger.db.damaged-1")).unwrap() == before, "nothing of ours is written into it");
    }
}

/// A ledger of two hundred decisions, raises and tags, with its copy.
fn full(dir: &TempDir) -> Vec<Decision> {
    let ledger = open(dir);
    for i in 0..200 {
        ledger.record(&decision(i, Kind::ALL[usize::try_from(i).unwrap() % Kind::ALL.len()], Some(i + 1_000_000))).unwrap();
    }
    ledger.keep_copy().unwrap();
    rusqlite::Connection::open(dir.path().join(FILE)).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    ledger.decisions(0, 1000).unwrap()
}

/// A directory with what lies in another one.
fn copied(from: &TempDir) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(from.path()).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, dir.path().join(path.file_name().unwrap())).unwrap();
    }
    dir
}

/// Everything that can be asked of it; an error where damage is met.
fn read(ledger: &Ledger) -> Result<Vec<Decision>, StoreError> {
    ledger.raises(0)?;
    ledger.tags()?;
    ledger.decisions(0, 1000)
}

#[test]
fn decisions_survive_a_torn_ledger() {
    let (mut met, mut harmless) = (0, 0);
    let sound = tempfile::tempdir().unwrap();
    let truth = full(&sound);
    for seed in 1..=60 {
        let dir = copied(&sound);
        let path = dir.path().join(FILE);
        let mut bytes = fs::read(&path).unwrap();
        let mut rng = Rng(seed);
        match seed % 4 {
            0 => bytes.truncate(bytes.len() / 3 + rng.below(bytes.len() / 2)),
            1 => {
                let (page, pages) = (4096, bytes.len() / 4096);
                let torn = rng.below(pages) * page;
                bytes[torn..torn + page].fill(0);
            }
            few => (0..if few == 2 { 3 } else { 100 }).for_each(|_| {
                let at = rng.below(bytes.len());
                bytes[at] ^= 1 << rng.below(8);
            }),
        }
        fs::write(&path, bytes).unwrap();
        // Who opens it meets the damage, or who reads, or who copies it; the next one has everything again.
        let mut notices = Vec::new();
        for _ in 0..3 {
            let (ledger, notice) = Ledger::open(dir.path(), PATIENCE).unwrap();
            notices.extend(notice);
            let _ = read(&ledger);
            ledger.keep_copy().unwrap();
        }
        let found = read(&open(&dir)).unwrap();
        if let Some(notice) = notices.first() {
            met += 1;
            assert!(notices.len() == 1 && notice.contains("came back from its copy"), "seed {seed}: {notices:?}");
            assert!(truth.iter().all(|decision| found.contains(decision)), "seed {seed}: {} of {}", found.len(), truth.len());
        } else {
            assert!(found == truth, "seed {seed}: {} of {}, and nobody is told", found.len(), truth.len());
            harmless += 1;
        }
        assert!(health::databases(dir.path()).iter().all(|database| database.damage.is_none()), "seed {seed}");
    }
    assert!(met >= 30, "{met} met, {harmless} harmless");
}

/// The newest decisions lie in the log beside the ledger. Where that is torn or gone, `SQLite` goes on without them, and says nothing.
#[test]
fn decisions_survive_a_torn_log_beside_the_ledger() {
    let sound = tempfile::tempdir().unwrap();
    full(&sound);
    let ledger = open(&sound);
    for i in 200..240 {
        ledger.record(&decision(i, Kind::ALL[usize::try_from(i).unwrap() % Kind::ALL.len()], Some(i + 1_000_000))).unwrap();
    }
    ledger.end_raises("day", 500_000).unwrap();
    assert_eq!(ledger.keep_copy().unwrap(), None);
    let truth = ledger.decisions(0, 1000).unwrap();
    drop(ledger);
    let mut met = 0;
    for seed in 1..=30 {
        let dir = copied(&sound);
        let wal = dir.path().join(format!("{FILE}-wal"));
        let mut bytes = fs::read(&wal).unwrap();
        let mut rng = Rng(seed);
        match seed % 3 {
            0 => fs::remove_file(&wal).unwrap(),
            1 => fs::write(&wal, &bytes[..rng.below(bytes.len())]).unwrap(),
            _ => {
                let at = rng.below(bytes.len());
                bytes[at] ^= 1 << rng.below(8);
                fs::write(&wal, bytes).unwrap();
            }
        }
        let ledger = open(&dir);
        let left = read(&ledger).unwrap();
        let lost = truth.iter().filter(|decision| !left.contains(decision)).count();
        // Somebody decides something before anybody has noticed.
        ledger.record(&decision(5000, Kind::BlockPrompt, None)).unwrap();
        let notice = if seed % 2 == 0 { ledger.regain() } else { ledger.keep_copy().unwrap() };
        let expected = format!("the record of caps had lost the newest of its decisions; {lost} came back from its copy");
        assert_eq!(notice, (lost > 0).then_some(expected), "seed {seed}");
        let found = read(&ledger).unwrap();
        assert_eq!(found[0], decision(5000, Kind::BlockPrompt, None), "seed {seed}");
        assert!(found[1..] == truth, "seed {seed}: {} of {}", found.len() - 1, truth.len());
        assert_eq!(open(&dir).regain(), None, "told once");
        met += usize::from(lost > 0);
    }
    assert!(met >= 15, "{met} met");
}

/// That a raise was ended is written into it: the copy may not know that yet, and its row must not make the raise hold again.
#[test]
fn what_was_ended_or_said_anew_after_the_copy_stays_so() {
    for is_log_torn in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        let ledger = open(&dir);
        ledger.record(&decision(5000, Kind::Raise, Some(9_000_000))).unwrap();
        let tag = |value: &str, at| ledger.tag(("codex", "s1"), &[(Dimension::Feature, Some(value.into()))], at, "me").unwrap();
        tag("checkout", 1);
        if is_log_torn {
            // The end of the raise is in the copy, and lost with the log.
            rusqlite::Connection::open(dir.path().join(FILE)).unwrap().execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
            ledger.end_raises("day", 6000).unwrap();
            ledger.keep_copy().unwrap();
            drop(ledger);
            fs::remove_file(dir.path().join(format!("{FILE}-wal"))).unwrap();
            let ledger = open(&dir);
            assert_eq!(ledger.raises(7000).unwrap().len(), 1, "it holds again, by what is left");
            assert_eq!(ledger.regain().unwrap(), "the record of caps had lost the newest of its decisions; 1 came back from its copy");
            assert_eq!((ledger.raises(7000).unwrap(), ledger.raises(5500).unwrap().len()), (vec![], 1));
            assert_eq!(ledger.regain(), None);
            continue;
        }
        ledger.keep_copy().unwrap();
        ledger.end_raises("day", 6000).unwrap();
        tag("search", 2);
        drop(ledger);
        // Somebody has met damage elsewhere in it.
        fs::write(dir.path().join(format!("{FILE}-damaged")), "").unwrap();
        let (ledger, notice) = Ledger::open(dir.path(), PATIENCE).unwrap();
        assert!(notice.unwrap().contains("1 could be read"), "the tag");
        assert_eq!((ledger.raises(7000).unwrap(), ledger.raises(5500).unwrap().len()), (vec![], 1));
        assert_eq!(ledger.tags().unwrap().iter().map(|tag| &*tag.value).collect::<Vec<_>>(), ["search"]);
    }
}

#[test]
fn a_ledger_that_was_moved_aside_under_somebody_is_left_and_does_no_harm_to_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let old = open(&dir);
    old.record(&decision(1, Kind::Set, None)).unwrap();
    old.keep_copy().unwrap();
    assert!(!old.is_displaced());
    fs::write(dir.path().join(format!("{FILE}-damaged")), "").unwrap();
    let (new, notice) = Ledger::open(dir.path(), PATIENCE).unwrap();
    assert!(notice.is_some() && old.is_displaced() && !new.is_displaced());
    new.record(&decision(2, Kind::Set, None)).unwrap();
    new.keep_copy().unwrap();
    old.keep_copy().unwrap();
    fs::remove_file(dir.path().join(FILE)).unwrap();
    assert!(new.is_displaced());
    let (again, _) = Ledger::open(dir.path(), PATIENCE).unwrap();
    assert_eq!(again.decisions(0, 9).unwrap().len(), 2, "the copy is the new one's");
}

/// What has been decided since the copy was made is read from the damaged record, but for what is not as it was written: that would be
/// met as damage again and again.
#[test]
fn what_is_rescued_is_what_was_written() {
    let sound = tempfile::tempdir().unwrap();
    let truth = full(&sound);
    let newer = decision(5000, Kind::Raise, Some(9_000_000));
    for (what, change) in [("a number", "amount = amount + 64"), ("a word", "cap = 'dax'"), ("nothing", "amount = amount")] {
        let dir = copied(&sound);
        open(&dir).record(&newer).unwrap();
        let path = dir.path().join(FILE);
        let conn = rusqlite::Connection::open(&path).unwrap();
        // As a flipped bit does it, without the seal being made anew.
        let schema: String = conn.query_row("SELECT sql FROM sqlite_schema WHERE name = 'decision'", [], |r| r.get(0)).unwrap();
        let begin = schema.find("GENERATED ALWAYS").unwrap();
        let end = schema.find("STORED").unwrap() + "STORED".len();
        let plain = format!("{}{}", &schema[..begin], &schema[end..]);
        conn.execute_batch("PRAGMA writable_schema = ON").unwrap();
        conn.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = 'decision'", [&plain]).unwrap();
        drop(conn);
        let conn = rusqlite::Connection::open(&path).unwrap();
        assert_eq!(conn.execute(&format!("UPDATE decision SET {change} WHERE at = 5000"), []).unwrap(), 1);
        conn.execute_batch("PRAGMA writable_schema = ON").unwrap();
        conn.execute("UPDATE sqlite_schema SET sql = ?1 WHERE name = 'decision'", [&schema]).unwrap();
        drop(conn);
        let is_met = read(&open(&dir)).is_err();
        assert_eq!(is_met, what != "nothing", "{what}");
        let notices: Vec<String> = (0..3).filter_map(|_| Ledger::open(dir.path(), PATIENCE).unwrap().1).collect();
        assert_eq!(notices.len(), usize::from(is_met), "{what}: {notices:?}");
        let expected: Vec<Decision> = (!is_met).then(|| newer.clone()).into_iter().chain(truth.clone()).collect();
        assert!(read(&open(&dir)).unwrap() == expected, "{what}");
    }
}

#[test]
fn of_many_who_meet_the_same_damage_one_mends_it() {
    let sound = tempfile::tempdir().unwrap();
    let truth = full(&sound);
    for round in 0..10 {
        let dir = copied(&sound);
        fs::write(dir.path().join(FILE), vec![7; 5000]).unwrap();
        let barrier = Barrier::new(8);
        let notices: usize = std::thread::scope(|scope| {
            let open = || {
                barrier.wait();
                let (ledger, notice) = Ledger::open(dir.path(), PATIENCE).unwrap();
                ledger.record(&decision(5000, Kind::Set, None)).unwrap();
                usize::from(notice.is_some())
            };
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(notices, 1, "round {round}");
        assert_eq!(open(&dir).decisions(0, 1000).unwrap().len(), truth.len() + 8, "round {round}");
        assert!(!dir.path().join("ledger.db.damaged-2").exists());
    }
}

#[test]
fn what_exists_nowhere_else_is_written_through() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(open(&dir).durability(), 2, "synchronous = FULL");
}
