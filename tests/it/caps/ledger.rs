//! The ledger: what exists nowhere else is written down for good, by several processes at once.

use std::fs;
use std::sync::Barrier;
use std::time::Duration;

use aifinops::model::Money;
use aifinops::store::ledger::{Decision, FILE, Kind};
use aifinops::store::pending::Pending;
use aifinops::store::{Ledger, StoreError};
use tempfile::TempDir;

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
                    (0..20).filter(|_| ledger.reserve(&pending(&i.to_string(), 1), room).unwrap().is_ok()).count()
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
    let id = ledger.reserve(&pending("a", 500), |_| Ok::<_, ()>(())).unwrap().unwrap();
    ledger.settle_pending(id, &Pending { ended_at: Some(2000), ..pending("a", 70) }).unwrap();
    assert_eq!(open(&dir).pending().unwrap(), [Pending { ended_at: Some(2000), ..pending("a", 70) }]);
    ledger.forget_pending(id).unwrap();
    assert_eq!(ledger.pending().unwrap(), []);
    // What a proxy that was killed has left behind does not hold for ever.
    ledger.reserve(&pending("a", 500), |_| Ok::<_, ()>(())).unwrap().unwrap();
    let later = Pending { at: 1000 + 7 * 3_600_000, ..pending("b", 1) };
    let seen = std::cell::Cell::new(99);
    ledger
        .reserve(&later, |all| {
            seen.set(all.len());
            Ok::<_, ()>(())
        })
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
    drop(open(&newer));
    let path = newer.path().join(FILE);
    let mut bytes = Vec::new();
    // `user_version` lies at byte 60 of the file's head.
    for suffix in ["-wal", "-shm"] {
        let _ = fs::remove_file(newer.path().join(format!("{FILE}{suffix}")));
    }
    bytes.extend(fs::read(&path).unwrap());
    if bytes.len() > 64 {
        bytes[63] = 99;
        fs::write(&path, &bytes).unwrap();
        let error = Ledger::open(newer.path(), PATIENCE).map(|_| ()).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 99, .. }) || error.is_damage(), "{error}");
    }
}
