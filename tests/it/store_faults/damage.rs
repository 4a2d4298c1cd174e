//! Databases that are broken or not ours.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use aifinops::engine::ingest::Ingest;
use aifinops::model::{Key, Millis, Money, Tokens, Window};
use aifinops::store::read::{SessionRow, TaskRow};
use aifinops::store::{Store, StoreError, Sums};
use rusqlite::Connection;

use super::{history, is_clear};
use crate::logs::{Home, Rng, look, scan, total};

/// A history whose store is whole on disk, no log beside it.
fn stored() -> (Home, Sums, PathBuf) {
    let (home, truth) = history();
    let mut ingest = home.resume();
    scan(&mut ingest);
    assert_eq!(total(&ingest), truth);
    ingest.store.checkpoint();
    let db = ingest.store.path().to_path_buf();
    (home, truth, db)
}

/// Opens the store; gives the reader and what the user is told.
fn open(home: &Home) -> (Ingest, Option<String>) {
    let opened = Store::open(&home.data()).unwrap();
    (home.reader(opened.store), opened.notice)
}

#[test]
fn what_is_no_database_is_moved_aside_and_rebuilt() {
    let (home, truth, db) = stored();
    let sound = fs::read(&db).unwrap();
    let garbage: Vec<u8> = std::iter::successors(Some(1_u8), |b| Some(b.wrapping_mul(31).wrapping_add(7))).take(10_000).collect();
    let header = [&garbage[..100], &sound[100..]].concat();
    let page = [&sound[..100], &garbage[..3996], &sound[4096..]].concat();
    let broken = [
        ("garbage", garbage),
        ("a broken header", header),
        ("a broken first page", page),
        ("half of it", sound[..sound.len() / 2].to_vec()),
    ];
    for (i, (name, bytes)) in broken.into_iter().enumerate() {
        fs::write(&db, &bytes).unwrap();
        let (mut ingest, notice) = open(&home);
        let notice = notice.unwrap_or_else(|| panic!("{name}: nobody was told"));
        let aside = home.data().join(format!("aifinops.db.damaged-{}", i + 1));
        assert!(is_clear(&notice) && notice.contains(&aside.display().to_string()), "{notice}");
        assert!(fs::read(&aside).unwrap() == bytes, "what was found is kept");
        scan(&mut ingest);
        assert_eq!(total(&ingest), truth, "{name}");
        assert_eq!(ingest.store.integrity(), None);
        ingest.store.checkpoint();
    }
    assert_eq!(open(&home).1, None, "told once");
}

/// Every number that a store tells of what was spent.
#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    total: Sums,
    sessions: Vec<SessionRow>,
    tools: Vec<(u64, u64)>,
    tasks: Vec<TaskRow>,
    calls: Vec<(Key, i64, Millis, Tokens, Option<Money>)>,
}

fn numbers(store: &Store) -> Result<Numbers, StoreError> {
    let sessions = store.sessions(Window::ALL)?;
    let mut tools = Vec::new();
    for session in &sessions {
        tools.extend(store.tools(session.id)?.iter().map(|tool| (tool.calls, tool.failures)));
    }
    // A name with another letter in it is no number.
    let no_words = |s: SessionRow| {
        let (agent, uid) = (Arc::default(), Arc::default());
        SessionRow { agent, uid, parent: None, cwd: None, branch: None, version: None, role: None, model: None, remote: None, ..s }
    };
    let sessions = sessions.into_iter().map(no_words).collect();
    let (mut tasks, mut calls) = (Vec::new(), Vec::new());
    store.each_loop(Window::ALL, |task| tasks.push(task.clone()))?;
    store.each_call(Window::ALL, |key, call| calls.push((key, call.session, call.at, call.tokens, call.money)))?;
    Ok(Numbers { total: store.total(Window::ALL)?, sessions, tools, tasks, calls })
}

/// Damage in the middle of a database shows when that place is read. The run that meets it says so and ends; the next
/// one begins anew.
#[test]
fn damage_that_is_met_later_is_moved_aside_by_the_next_run() {
    let (home, truth, db) = stored();
    let sound = fs::read(&db).unwrap();
    let right = numbers(&home.resume().store).unwrap();
    let (mut met, mut harmless) = (0, 0);
    for seed in 1..=40 {
        for file in fs::read_dir(home.data()).unwrap() {
            fs::remove_file(file.unwrap().path()).unwrap();
        }
        let mut rng = Rng(seed);
        let mut bytes = sound.clone();
        for _ in 0..100 {
            let at = rng.below(bytes.len());
            bytes[at] ^= 1 << rng.below(8);
        }
        fs::write(&db, bytes).unwrap();
        let found = attempt(&home);
        if let Ok((numbers, told)) = &found {
            assert!(*told || *numbers == right, "seed {seed}: a wrong number that nobody is told of");
            harmless += 1;
        } else if let Err(error) = &found {
            assert!(is_clear(&error.to_string()), "seed {seed}: {error}");
            assert!(error.is_damage(), "seed {seed}: {error:?}");
            met += 1;
            let (mut ingest, notice) = open(&home);
            assert!(notice.is_some_and(|n| n.contains(".damaged-1")), "seed {seed}");
            scan(&mut ingest);
            assert_eq!(total(&ingest), truth, "seed {seed}");
        }
    }
    assert!(met > 0, "{met} met, {harmless} harmless");
}

/// Opens and reads everything; whether it is told that it has been begun anew.
fn attempt(home: &Home) -> Result<(Numbers, bool), StoreError> {
    let opened = Store::open(&home.data())?;
    let mut ingest = home.reader(opened.store);
    ingest.scan_quietly()?;
    Ok((numbers(&ingest.store)?, opened.notice.is_some()))
}

/// A letter of a model's name decides at which price its calls are counted.
#[test]
fn a_wrong_letter_in_a_name_is_damage() {
    let (home, truth, db) = stored();
    let conn = Connection::open(&db).unwrap();
    assert_eq!(conn.execute("UPDATE name SET text = replace(text, '4', '5') WHERE id = 1", []), Ok(1));
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())).unwrap();
    drop(conn);
    let (mut ingest, notice) = open(&home);
    assert!(notice.is_some_and(|notice| notice.contains("was damaged and has been moved to")));
    scan(&mut ingest);
    assert_eq!(total(&ingest), truth);
}

#[test]
fn a_damaged_write_ahead_log_costs_nothing() {
    for seed in 1..=10 {
        let (home, truth) = history();
        drop({
            let mut ingest = home.resume();
            scan(&mut ingest);
            ingest
        });
        let wal = home.data().join("aifinops.db-wal");
        let mut bytes = fs::read(&wal).unwrap();
        let mut rng = Rng(seed);
        for _ in 0..3 {
            let at = rng.below(bytes.len());
            bytes[at] ^= 0x55;
        }
        bytes.truncate(bytes.len() - rng.below(5000));
        fs::write(&wal, bytes).unwrap();
        let mut ingest = home.resume();
        look(&mut ingest);
        assert_eq!(total(&ingest), truth, "seed {seed}");
        assert_eq!(ingest.store.integrity(), None);
        drop(ingest);
        fs::remove_file(&wal).unwrap();
        let mut ingest = home.resume();
        look(&mut ingest);
        assert_eq!(total(&ingest), truth, "seed {seed}, without its log");
    }
}

#[test]
fn a_lost_database_is_read_again() {
    let (home, truth, db) = stored();
    for victim in [db.clone(), home.data()] {
        if victim == db {
            fs::remove_file(victim).unwrap();
        } else {
            fs::remove_dir_all(victim).unwrap();
        }
        let (mut ingest, notice) = open(&home);
        assert_eq!(notice, None);
        scan(&mut ingest);
        assert_eq!(total(&ingest), truth);
    }
}

#[test]
fn a_database_of_another_program_is_moved_aside_untouched() {
    for schema in [
        "CREATE TABLE holidays (place TEXT); INSERT INTO holidays VALUES ('Elba')",
        "CREATE TABLE meta (other INTEGER)",
        "CREATE TABLE call (key TEXT); PRAGMA user_version = 1",
    ] {
        let (home, truth, db) = stored();
        fs::remove_file(&db).unwrap();
        Connection::open(&db).unwrap().execute_batch(schema).unwrap();
        let foreign = fs::read(&db).unwrap();
        let (mut ingest, notice) = open(&home);
        let notice = notice.unwrap_or_else(|| panic!("{schema}: nobody was told"));
        assert!(is_clear(&notice) && notice.contains("aifinops.db.damaged-1"), "{notice}");
        scan(&mut ingest);
        assert_eq!(total(&ingest), truth);
        assert!(ingest.store.is_writer() && ingest.store.path() == db, "remembered on disk");
        assert!(fs::read(home.data().join("aifinops.db.damaged-1")).unwrap() == foreign, "{schema}");
    }
}

#[test]
fn a_store_of_a_newer_release_is_refused_in_words_and_left_alone() {
    let (home, _, db) = stored();
    Connection::open(&db).unwrap().execute_batch("PRAGMA user_version = 999; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = fs::read(&db).unwrap();
    let error = Store::open(&home.data()).unwrap_err();
    let words = error.to_string();
    assert!(matches!(error, StoreError::Newer { found: 999, .. }));
    assert!(is_clear(&words) && words.contains("newer aifinops") && words.contains("999") && words.contains("update"), "{words}");
    assert!(!error.is_damage() && !error.is_passing());
    assert!(fs::read(&db).unwrap() == before);
}
