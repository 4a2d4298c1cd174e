//! The file in which what cards did is kept: what two writers make of one minute, what is summed up, and what becomes of a
//! file that is old, damaged or newer.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{Millis, Money, Window};
use aifinops::query::gpus::heat;
use aifinops::store::GpuBook;
use aifinops::store::gpus::{CardRow, CardSums, FILE, HeldRow, HeldSums, MinuteRow, OwnerRow, ServingRow};

use super::meter::{NOON, usd};

const DAY: Millis = 24 * HOUR;
const PATIENCE: Duration = Duration::from_secs(5);
/// The minute that begins at noon, and the one at which its day does.
const MINUTE_OF_NOON: i64 = NOON / MINUTE;

fn open(dir: &Path) -> GpuBook {
    let (book, notice) = GpuBook::open(dir, PATIENCE).unwrap();
    assert_eq!(notice, None);
    book
}

fn card(uid: &str) -> CardRow {
    let name = "NVIDIA H200".to_owned();
    CardRow { uid: uid.to_owned(), name, vendor: "nvidia".to_owned(), seen_at: NOON, ..CardRow::default() }
}

/// A minute of which so much was seen, a half of it busy; at $3.60 an hour.
fn minute(at: i64, seen: Millis) -> MinuteRow {
    MinuteRow {
        at,
        states: [seen / 2, seen / 2, 0, 0, 0, 0],
        used: (500 * seen, seen),
        used_most: Some(900),
        energy: Some(seen),
        memory: Some(1 << 30),
        cost: Some(usd("3.60").scale(seen, HOUR)),
        idle_cost: Some(usd("1.80").scale(seen, HOUR)),
        underuse: None,
    }
}

fn held(at: i64, session: &str, millis: Millis) -> HeldRow {
    let cost = Some(usd("3.60").scale(millis, HOUR));
    HeldRow { at, agent: "codex".to_owned(), session: session.to_owned(), millis, cost, idle_cost: None }
}

/// What becomes of a file.
type Spoil<'a> = &'a dyn Fn(&Path);

const ALL: Window = Window { from: NOON - 400 * DAY, to: NOON + 400 * DAY };

fn one(book: &GpuBook) -> CardSums {
    let mut sums = book.sums(ALL).unwrap();
    assert_eq!(sums.len(), 1, "{sums:?}");
    sums.remove(0)
}

#[test]
fn of_two_writers_of_a_minute_the_one_that_saw_more_is_believed() {
    let dir = tempfile::tempdir().unwrap();
    let (mut first, mut second) = (open(dir.path()), open(dir.path()));
    let id = first.note_card(&card("aa")).unwrap();
    assert_eq!(second.note_card(&card("aa")).unwrap(), id, "both mean the same card");
    let version = second.data_version();
    for (writer, seen, session, expected) in [
        (0, 20_000, "a", (20_000, "a")),
        (1, 50_000, "b", (50_000, "b")),
        (0, 50_000, "c", (50_000, "b")),
        (0, 40_000, "d", (50_000, "b")),
        (1, 60_000, "e", (60_000, "e")),
    ] {
        let book = if writer == 0 { &mut first } else { &mut second };
        book.write(id, &[minute(MINUTE_OF_NOON, seen)], &[held(MINUTE_OF_NOON, session, seen)]).unwrap();
        let sums = one(book);
        assert_eq!((sums.states.iter().sum::<Millis>(), sums.cost), (expected.0, Some(usd("3.60").scale(expected.0, HOUR))));
        let sessions: Vec<(String, Millis)> = book.held(ALL).unwrap().into_iter().map(|held| (held.session, held.millis)).collect();
        assert_eq!(sessions, [(expected.1.to_owned(), expected.0)], "who had it belongs to the minute");
    }
    assert_ne!(second.data_version(), version, "one hears of the other");
}

#[test]
fn sums_are_those_of_the_minutes_that_begin_in_a_window() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = open(dir.path());
    let (first, two) = (book.note_card(&card("aa")).unwrap(), book.note_card(&card("bb")).unwrap());
    let unpriced = MinuteRow { cost: None, idle_cost: None, energy: None, used_most: Some(950), ..minute(MINUTE_OF_NOON + 2, MINUTE) };
    let minutes = [minute(MINUTE_OF_NOON, MINUTE), minute(MINUTE_OF_NOON + 1, 30_000), unpriced];
    let holders = [held(MINUTE_OF_NOON, "s1", MINUTE), held(MINUTE_OF_NOON + 1, "s1", 10_000), held(MINUTE_OF_NOON + 1, "s2", 30_000)];
    book.write(first, &minutes, &holders).unwrap();
    book.write(two, &[minute(MINUTE_OF_NOON + 1, MINUTE)], &[]).unwrap();
    let sums = book.sums(ALL).unwrap();
    let expected = CardSums {
        card: first,
        states: [75_000, 75_000, 0, 0, 0, 0],
        used: (75_000_000, 150_000),
        used_most: Some(950),
        energy: Some(90_000),
        cost: Some(usd("0.09")),
        idle_cost: Some(usd("0.045")),
        underuse: None,
        unpriced: MINUTE,
        last: MINUTE_OF_NOON + 2,
    };
    assert_eq!((&sums[0], sums[1].cost), (&expected, Some(usd("0.06"))));
    for (from, to, cards, dollars) in [
        (0, 3 * MINUTE, 2, "0.15"),
        (0, MINUTE, 1, "0.06"),
        (1, MINUTE, 0, "0"),
        (0, 1, 1, "0.06"),
        (MINUTE, MINUTE + 1, 2, "0.09"),
        (3 * MINUTE, HOUR, 0, "0"),
    ] {
        let window = Window { from: NOON + from, to: NOON + to };
        let spent = (cards > 0).then(|| (usd(dollars), usd(dollars).scale(1, 2)));
        assert_eq!((book.sums(window).unwrap().len(), book.spent(window).unwrap()), (cards, spent), "{from}..{to}");
    }
    let sessions = book.held(ALL).unwrap();
    let sum = |session: &str, millis, dollars| HeldSums {
        card: first,
        agent: "codex".to_owned(),
        session: session.to_owned(),
        millis,
        cost: Some(usd(dollars)),
        idle_cost: None,
    };
    assert_eq!(sessions, [sum("s1", 70_000, "0.07"), sum("s2", 30_000, "0.03")]);
}

#[test]
fn what_cards_cost_counts_an_instance_only_as_a_part_of_its_card() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = open(dir.path());
    let whole = book.note_card(&card("aa")).unwrap();
    let part = book.note_card(&CardRow { parent: Some("aa".to_owned()), ..card("mig-1") }).unwrap();
    let elsewhere = book.note_card(&CardRow { host: "n1".to_owned(), ..card("aa") }).unwrap();
    for id in [whole, part, elsewhere] {
        book.write(id, &[minute(MINUTE_OF_NOON, MINUTE)], &[]).unwrap();
    }
    assert!(whole != elsewhere, "a card of another host is another card");
    assert_eq!((book.spent(ALL).unwrap(), book.sums(ALL).unwrap().len()), (Some((usd("0.12"), usd("0.06"))), 3));
}

#[test]
fn hours_know_their_use_their_time_and_what_was_for_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = open(dir.path());
    let id = book.note_card(&card("aa")).unwrap();
    book.note_card(&card("never-seen-at-work")).unwrap();
    let of_noon = |number: i64, used| MinuteRow { used, ..minute(MINUTE_OF_NOON + number, MINUTE) };
    let minutes = [of_noon(0, (900 * MINUTE, MINUTE)), of_noon(59, (100 * 30_000, 30_000)), of_noon(-1, (0, 0))];
    book.write(id, &minutes, &[]).unwrap();
    let heat = heat(&book, NOON + 59 * MINUTE, 1).unwrap();
    assert_eq!((heat.from, heat.hours, heat.rows.len()), (NOON - 23 * HOUR, 24, 1));
    let row = &heat.rows[0];
    let cells: Vec<_> = row.cells.iter().map(|cell| (cell.used, cell.seen, cell.idle_cost)).collect();
    let mut expected = vec![(None, 0, None); 22];
    // What is not known is not zero; and of two minutes the one that knows it for longer weighs more.
    expected.extend([(None, MINUTE, Some(usd("0.03"))), (Some(633), 2 * MINUTE, Some(usd("0.06")))]);
    assert_eq!(cells, expected);
    assert_eq!((row.used(), row.idle_cost()), (Some(633), Some(usd("0.09"))));
}

#[test]
fn an_hour_weighs_as_long_as_its_use_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = open(dir.path());
    let id = book.note_card(&card("aa")).unwrap();
    // An hour of full use of which a minute is known, and one of no use of which three are.
    let of = |number: i64, used| MinuteRow { used, ..minute(MINUTE_OF_NOON + number, MINUTE) };
    let first = (-60..0).map(|number| of(number, if number == -60 { (1000 * MINUTE, MINUTE) } else { (0, 0) }));
    let minutes: Vec<_> = first.chain((0..3).map(|number| of(number, (0, MINUTE)))).collect();
    book.write(id, &minutes, &[]).unwrap();
    let heat = heat(&book, NOON + 3 * MINUTE, 1).unwrap();
    assert_eq!(heat.rows[0].used(), Some(250));
    assert_eq!(heat.rows[0].cells[22].used, Some(1000));
}

#[test]
fn since_when_a_card_is_idle_is_known_as_far_as_it_was_watched() {
    let idle = |ago: i64| MinuteRow { states: [0, 30_000, 30_000, 0, 0, 0], ..minute(MINUTE_OF_NOON - ago, MINUTE) };
    let busy = |ago: i64| minute(MINUTE_OF_NOON - ago, MINUTE);
    let gone = |ago: i64| MinuteRow { states: [0, 0, 0, 0, 0, 1], ..idle(ago) };
    for (what, minutes, expected) in [
        ("nobody watched", vec![], None),
        ("it is idle", vec![idle(1), idle(2), idle(3)], Some(3)),
        ("it was at work", vec![idle(1), idle(2), busy(3), idle(4)], Some(2)),
        ("it was gone", vec![idle(0), gone(1), idle(2)], Some(0)),
        ("it is at work", vec![busy(1), idle(2)], None),
        ("a minute is missing", vec![idle(1), idle(3), idle(5)], Some(5)),
        ("two are missing", vec![idle(1), idle(4)], Some(1)),
        ("nobody has watched just now", vec![idle(3), idle(4)], None),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let mut book = open(dir.path());
        let id = book.note_card(&card("aa")).unwrap();
        book.write(id, &minutes, &[]).unwrap();
        let other = book.note_card(&card("bb")).unwrap();
        assert_eq!(book.idle_since(id, NOON + 30_000).unwrap(), expected.map(|ago| MINUTE_OF_NOON - ago), "{what}");
        assert_eq!(book.idle_since(other, NOON).unwrap(), None, "{what}: another card");
    }
}

#[test]
fn what_is_older_than_a_hundred_days_is_forgotten_with_its_card() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = open(dir.path());
    let old = book.note_card(&CardRow { seen_at: NOON - 101 * DAY, ..card("old") }).unwrap();
    let kept = book.note_card(&CardRow { seen_at: NOON - 101 * DAY, ..card("kept") }).unwrap();
    let owner = |pid, seen_at| OwnerRow { process: ("boot".to_owned(), pid, 7), seen_at, ..OwnerRow::default() };
    let served = |at, generated| ServingRow { server: "v".to_owned(), at, millis: 1, generated, ..ServingRow::default() };
    let (before, after) = (MINUTE_OF_NOON - 100 * 1440 - 1, MINUTE_OF_NOON - 100 * 1440);
    book.write(old, &[minute(before, MINUTE)], &[held(before, "s1", 1)]).unwrap();
    book.write(kept, &[minute(before, MINUTE), minute(after, MINUTE)], &[held(after, "s2", 1)]).unwrap();
    book.write_serving(&[served(before, 5), served(after, 7)]).unwrap();
    book.remember(&owner(1, NOON - 101 * DAY)).unwrap();
    book.remember(&owner(2, NOON - 99 * DAY)).unwrap();
    book.forget_old(NOON).unwrap();
    assert_eq!(book.cards().unwrap().iter().map(|card| card.id).collect::<Vec<_>>(), [kept]);
    assert_eq!((one(&book).card, one(&book).last, one(&book).states[0]), (kept, after, 30_000));
    assert_eq!(book.held(ALL).unwrap().iter().map(|held| held.session.as_str()).collect::<Vec<_>>(), ["s2"]);
    assert_eq!(book.served(0).unwrap().iter().map(|row| row.generated).collect::<Vec<_>>(), [7]);
    let known = |pid| book.recall("boot", pid, 7).unwrap().is_some();
    assert_eq!((known(1), known(2)), (false, true));
}

#[test]
fn a_process_is_known_by_its_number_its_start_and_the_start_of_the_system() {
    let dir = tempfile::tempdir().unwrap();
    let book = open(dir.path());
    let row = OwnerRow {
        process: ("boot-1".to_owned(), 42, u64::MAX >> 1),
        agent: "codex".to_owned(),
        session: "s1".to_owned(),
        project: "api".to_owned(),
        rule: "A".to_owned(),
        root: Some((41, 7)),
        seen_at: NOON,
        ended_at: None,
    };
    book.remember(&row).unwrap();
    let ended = OwnerRow { ended_at: Some(NOON), root: None, ..row.clone() };
    let recall = |boot: &str, pid, started| open(dir.path()).recall(boot, pid, started).unwrap();
    assert_eq!(recall("boot-1", 42, u64::MAX >> 1).as_ref(), Some(&row));
    book.remember(&ended).unwrap();
    assert_eq!(recall("boot-1", 42, u64::MAX >> 1), Some(ended), "what is known later goes before");
    assert_eq!([recall("boot-2", 42, u64::MAX >> 1), recall("boot-1", 43, u64::MAX >> 1), recall("boot-1", 42, 8)], [None, None, None]);
}

#[test]
fn of_a_server_s_minute_the_fuller_one_stays_and_money_is_summed_with_the_tokens_that_it_paid_for() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = open(dir.path());
    let row = |at, millis, generated, cost: Option<&str>| ServingRow {
        server: "n1 ".to_owned(),
        model: "qwen".to_owned(),
        at,
        millis,
        busy: millis / 2,
        prompt: 2 * generated,
        cached: generated,
        generated,
        cost: cost.map(usd),
        busy_cost: cost.map(usd),
        ..ServingRow::default()
    };
    book.write_serving(&[row(10, 30_000, 100, Some("1")), row(11, MINUTE, 900, None), row(12, MINUTE, 50, Some("2"))]).unwrap();
    book.write_serving(&[row(10, 30_000, 7, Some("7")), row(12, 20_000, 8, None), row(10, 40_000, 150, Some("1.5"))]).unwrap();
    let sums = book.served(10).unwrap();
    let expected = ServingRow {
        at: 10,
        millis: 160_000,
        busy: 80_000,
        generated: 1100,
        prompt: 2200,
        cached: 1100,
        priced: (400, 200),
        cost: Some(usd("3.5")),
        busy_cost: Some(usd("3.5")),
        ..row(0, 0, 0, None)
    };
    assert_eq!(sums, [expected]);
    assert_eq!(book.served(12).unwrap()[0].generated, 50);
    book.write_serving(&[ServingRow { model: "other".to_owned(), ..row(12, 1, 1, None) }]).unwrap();
    let of_other = &book.served(12).unwrap()[0];
    assert_eq!((of_other.model.as_str(), of_other.cost, of_other.priced), ("other", None, (0, 0)));
}

#[test]
fn a_damaged_or_foreign_file_is_set_aside_and_that_is_said() {
    let write_sql = |path: &Path, sql: &str| rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    let cases: [(&str, Spoil<'_>); 3] = [
        ("it is no database", &|path| fs::write(path, "what GPUs did, in somebody's own words; ".repeat(200)).unwrap()),
        ("it was overwritten", &|path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[..4096].fill(7);
            fs::write(path, bytes).unwrap();
        }),
        ("it is another program's", &|path| write_sql(path, "PRAGMA application_id = 7; PRAGMA user_version = 1")),
    ];
    for (what, spoil) in cases {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(FILE);
        let mut book = open(dir.path());
        let id = book.note_card(&card("aa")).unwrap();
        book.write(id, &[minute(MINUTE_OF_NOON, MINUTE)], &[]).unwrap();
        drop(book);
        write_sql(&path, "PRAGMA wal_checkpoint(TRUNCATE)");
        spoil(&path);
        let (book, notice) = GpuBook::open(dir.path(), PATIENCE).unwrap();
        let notice = notice.unwrap_or_else(|| panic!("{what}"));
        assert!(notice.starts_with("what GPUs did was damaged and has been moved to ") && !notice.contains('\n'), "{what}: {notice}");
        assert_eq!(book.cards().unwrap(), [], "{what}: it begins anew");
        let names = fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        assert!(names.filter(|name| name.starts_with(FILE)).any(|name| notice.contains(&name) && name != FILE), "{what}: {notice}");
        drop(book);
        assert_eq!(open(dir.path()).cards().unwrap(), [], "{what}: and is whole from then on");
    }
}

#[test]
fn a_newer_file_is_refused_in_words_and_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let path = dir.path().join(FILE);
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 99; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
    let before = fs::read(&path).unwrap();
    let words = GpuBook::open(dir.path(), PATIENCE).unwrap_err().to_string();
    assert!(words.contains("newer") && words.contains(FILE) && !words.contains('\n') && !words.contains("Some("), "{words}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_it() {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    assert!(GpuBook::open_existing(&data, PATIENCE).unwrap().is_none() && !data.exists(), "who only reads makes none");
    drop(open(&data));
    assert!(GpuBook::open_existing(&data, PATIENCE).unwrap().is_some());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&data.join(FILE)), mode(&data)), (0o600, 0o700));
}

#[test]
fn a_week_of_eight_cards_is_shown_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let mut book = open(dir.path());
    for number in 0..8 {
        let id = book.note_card(&card(&format!("card-{number}"))).unwrap();
        book.write(id, &[minute(MINUTE_OF_NOON, MINUTE)], &[]).unwrap();
    }
    let others = "WITH RECURSIVE ago (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM ago WHERE n < 30 * 1440 - 1)
        INSERT INTO minute SELECT card, at - n, busy, idle, reserved, stalled, asleep, lost, used, used_for, used_most, energy, memory,
        cost, idle_cost, underuse FROM minute, ago";
    rusqlite::Connection::open(dir.path().join(FILE)).unwrap().execute_batch(others).unwrap();
    let begun = Instant::now();
    let heat = heat(&book, NOON, 7).unwrap();
    let took = begun.elapsed();
    println!("8 cards, 30 days of minutes, 7 days shown: {took:?}");
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert_eq!((heat.rows.len(), heat.hours), (8, 168));
    for row in &heat.rows {
        assert_eq!(row.cells.iter().map(|cell| cell.seen).sum::<Millis>(), 167 * HOUR + MINUTE);
        assert_eq!((row.used(), row.idle_cost()), (Some(500), Some(usd("0.03").scale(167 * 60 + 1, 1))));
    }
    let all = Money::from_nanos(8 * 30 * 1440 * 60_000_000);
    assert_eq!(book.spent(ALL).unwrap(), Some((all, all.scale(1, 2))));
}
