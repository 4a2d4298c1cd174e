//! Databases that are written while they are read, taken back, damaged, locked, or another agent's.

use std::fs;
use std::path::{Path, PathBuf};

use aifinops::engine::ingest::Ingest;
use aifinops::model::Money;
use aifinops::sources::{self, Places, Source as _, opencode::OpenCode};
use rusqlite::Connection;
use serde_json::{Value, json};

use crate::home::{Home, scan, sessions};
use crate::opencode_db::{open, row, write};

const START: i64 = 1_786_352_400_000;
const DB: &str = ".local/share/opencode/opencode.db";

fn database(home: &Home) -> PathBuf {
    home.path().join(DB)
}

fn session(id: &str) -> Value {
    json!({"table": "session", "id": id, "directory": "/work/api", "version": "1.18.33", "time_created": START})
}

/// An answer to nobody, and the step that it took: a cent, 100 tokens in and `n` out.
fn answer(session: &str, n: i64) -> [Value; 2] {
    let at = START + n * 1000;
    let tokens = json!({"total": 100 + n, "input": 100, "output": n, "reasoning": 0, "cache": {"read": 0, "write": 0}});
    let message = json!({"table": "message", "id": format!("msg_{n:06}"), "session_id": session, "time_created": at, "data": {
        "role": "assistant", "parentID": "msg_none", "modelID": "mystery", "cost": 0.01, "tokens": tokens, "finish": "stop",
        "time": {"created": at, "completed": at + 500}}});
    let part = json!({"table": "part", "id": format!("prt_{n:06}"), "message_id": format!("msg_{n:06}"), "session_id": session,
        "time_created": at + 400, "data": {"type": "step-finish", "reason": "stop", "tokens": tokens, "cost": 0.01}});
    [message, part]
}

fn add(conn: &Connection, session: &str, numbers: impl IntoIterator<Item = i64>) {
    for n in numbers {
        let [message, part] = answer(session, n);
        row(conn, &message);
        row(conn, &part);
    }
}

/// Calls, and what was written in them.
fn sums(ingest: &mut Ingest) -> (i64, u64) {
    let sessions = sessions(ingest, START);
    (sessions.iter().map(|s| s.sums.calls).sum(), sessions.iter().map(|s| s.tokens().output).sum())
}

fn lines(ingest: &Ingest) -> u64 {
    ingest.store.files().unwrap().iter().map(|file| file.lines).sum()
}

fn failures(ingest: &mut Ingest) -> Vec<String> {
    ingest.scan_quietly().unwrap().failed.into_iter().map(|(_, why)| why).collect()
}

#[test]
fn only_what_is_new_is_read() {
    let home = Home::new();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", 1..=500);
    let mut ingest = home.fresh_reader();
    std::thread::sleep(std::time::Duration::from_millis(50)); // what is written while it is read is looked at once more
    assert_eq!(scan(&mut ingest), 1);
    assert_eq!((sums(&mut ingest), lines(&ingest)), ((500, 125_250), 1000));
    assert_eq!(scan(&mut ingest), 0, "nothing has changed");
    add(&conn, "ses_1", [501]);
    // The agent writes beside its database, and that is what is heard of.
    ingest.look_at(&home.path().join(format!("{DB}-wal"))).unwrap();
    assert_eq!((sums(&mut ingest), lines(&ingest)), ((501, 125_751), 1002));
    let file = &ingest.store.files().unwrap()[0];
    assert_eq!((file.path.as_path(), file.offset, file.generation), (database(&home).as_path(), file.stat.size, 0));
}

#[test]
fn rows_that_were_taken_back_stay_spent_and_their_numbers_are_read_again() {
    let home = Home::new();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    let mut ingest = home.fresh_reader();
    for n in 1..=40 {
        add(&conn, "ses_1", [n]);
        scan(&mut ingest);
    }
    assert_eq!(sums(&mut ingest), (40, 820));
    // A revert takes the newest back; what comes then has their numbers.
    for n in 36..=40 {
        row(&conn, &json!({"delete": "message", "id": format!("msg_{n:06}")}));
        row(&conn, &json!({"delete": "part", "id": format!("prt_{n:06}")}));
    }
    add(&conn, "ses_1", 41..=43);
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (43, 946), "nothing is lost, and what was spent stays so");
    assert!(lines(&ingest) < 120, "not everything was read again: {}", lines(&ingest));
    conn.execute_batch("DELETE FROM part; DELETE FROM message; DELETE FROM session;").unwrap();
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (43, 946));
    add(&conn, "ses_2", 44..=45);
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (45, 1035));
}

#[test]
fn a_database_that_was_packed_or_replaced_counts_nothing_twice() {
    let home = Home::new();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", 1..=300);
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    conn.execute_batch("DELETE FROM part WHERE rowid % 3 = 0; DELETE FROM message WHERE rowid % 3 = 0; VACUUM;").unwrap();
    add(&conn, "ses_1", [301]);
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (301, 45_451));
    drop(conn);
    fs::remove_file(database(&home)).unwrap();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", 290..=310);
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (310, 48_205));
}

#[test]
fn a_killed_agents_open_rows_are_remembered_and_not_for_ever() {
    let home = Home::new();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    let tool = |n: i64, status: &str| {
        json!({"table": "part", "id": format!("prt_{n:06}"), "message_id": "msg_1", "session_id": "ses_1", "time_created": START + n,
            "data": {"type": "tool", "tool": "bash", "callID": format!("call_{n:010}"), "state": {"status": status}}})
    };
    let mut ingest = home.fresh_reader();
    for n in 0..400 {
        row(&conn, &tool(n, "running"));
    }
    scan(&mut ingest);
    let carry = |ingest: &Ingest| ingest.store.file(&database(&home)).unwrap().unwrap().carry.len();
    assert!(carry(&ingest) < 20_000, "{}", carry(&ingest));
    // The newest are still looked at, and those that are gone are forgotten.
    row(&conn, &tool(399, "error"));
    conn.execute("DELETE FROM part WHERE rowid < 390", []).unwrap();
    scan(&mut ingest);
    let seen = &sessions(&mut ingest, START)[0];
    assert_eq!((seen.sums.tools, seen.sums.failures), (400, 1));
    assert!(carry(&ingest) < 3_000, "{}", carry(&ingest));
}

#[test]
fn large_rows_and_many_rows_are_read_in_pages() {
    let home = Home::new();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    let text = "x".repeat(600_000);
    for n in 1..=40 {
        let [message, part] = answer("ses_1", n);
        row(&conn, &message);
        row(&conn, &part);
        row(
            &conn,
            &json!({"table": "part", "id": format!("prt_{n:06}t"), "message_id": format!("msg_{n:06}"), "session_id": "ses_1",
            "time_created": START, "data": {"type": "text", "text": text}}),
        );
    }
    conn.execute(
        "INSERT INTO part VALUES ('prt_huge', 'msg_000001', 'ses_1', 1, 1, '{\"type\":\"text\",\"text\":\"' || hex(zeroblob(17000000)) || '\"}')",
        [],
    )
    .unwrap();
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (40, 820));
    let file = &ingest.store.files().unwrap()[0];
    assert_eq!((file.lines, file.malformed), (121, 1));
    assert!(file.first_malformed.as_deref().unwrap().contains("longer than 32 MiB"));
}

#[test]
fn reading_leaves_nothing_beside_a_database_that_nobody_has_open() {
    let home = Home::new();
    write(&open(&database(&home)), format!("{}\n", session("ses_1")).as_bytes());
    let conn = open(&database(&home));
    add(&conn, "ses_1", [1]);
    drop(conn); // whoever is the last leaves one file
    let mut ingest = home.fresh_reader();
    let before = fs::read(database(&home)).unwrap();
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (1, 1));
    let files: Vec<_> = fs::read_dir(database(&home).parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(files, ["opencode.db"]);
    assert_eq!(fs::read(database(&home)).unwrap(), before);
}

#[test]
fn a_lock_is_told_and_what_it_kept_is_read_later() {
    let home = Home::new();
    let conn = open(&database(&home));
    conn.execute_batch("PRAGMA journal_mode = DELETE").unwrap(); // in which writers keep readers out
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", [1]);
    let mut ingest = home.fresh_reader();
    conn.execute_batch("BEGIN EXCLUSIVE").unwrap();
    add(&conn, "ses_1", [2]);
    assert_eq!(failures(&mut ingest), ["is locked by another program; it is read later"]);
    conn.execute_batch("COMMIT").unwrap();
    assert_eq!(failures(&mut ingest), Vec::<String>::new());
    assert_eq!(sums(&mut ingest), (2, 3));
}

#[test]
fn a_writer_in_the_middle_of_a_transaction_is_not_in_the_way() {
    let home = Home::new();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", [1]);
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    add(&conn, "ses_1", [2]);
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (1, 1));
    conn.execute_batch("COMMIT").unwrap();
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (2, 3));
}

#[test]
fn what_is_no_database_of_the_agents_is_told_in_a_line_and_the_others_are_read() {
    let home = Home::new();
    let dir = database(&home).parent().unwrap().to_path_buf();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", 1..=200);
    drop(conn);
    let whole = fs::read(database(&home)).unwrap();
    fs::write(dir.join("opencode-cut.db"), &whole[..whole.len() / 2]).unwrap();
    fs::write(
        dir.join("opencode-noise.db"),
        b"no database at all, but long enough to have a header of a hundred bytes, which is what is asked for first of all",
    )
    .unwrap();
    fs::write(dir.join("opencode-empty.db"), b"").unwrap();
    fs::write(dir.join("opencode.db.bak"), b"not looked at").unwrap();
    let other = Connection::open(dir.join("opencode-other.db")).unwrap();
    other.execute_batch("CREATE TABLE note (id TEXT); CREATE VIEW part AS SELECT 1 AS id, '{}' AS data;").unwrap();
    drop(other);
    let mut ingest = home.fresh_reader();
    let mut told = failures(&mut ingest);
    told.sort();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[0].starts_with("is a damaged SQLite database"), "{told:?}");
    assert!(told[1].starts_with("is no SQLite database"), "{told:?}");
    assert_eq!(told[2], "is no database of this agent, or of a newer release: it has no table message or part or session_message");
    assert_eq!(sums(&mut ingest), (200, 20_100));
}

#[test]
fn columns_and_tables_that_a_release_lacks_are_done_without() {
    let home = Home::new();
    fs::create_dir_all(database(&home).parent().unwrap()).unwrap();
    let conn = Connection::open(database(&home)).unwrap();
    conn.execute_batch(
        "CREATE TABLE session (id text PRIMARY KEY, directory text);
         CREATE TABLE message (id text PRIMARY KEY, session_id text, data text);
         CREATE TABLE part (id text PRIMARY KEY, message_id text, session_id text, data text);
         INSERT INTO session VALUES ('ses_1', '/work/api');",
    )
    .unwrap();
    for [message, part] in [answer("ses_1", 1), answer("ses_1", 2)] {
        conn.execute("INSERT INTO message VALUES (?1, 'ses_1', ?2)", [message["id"].as_str().unwrap(), &message["data"].to_string()])
            .unwrap();
        conn.execute(
            "INSERT INTO part VALUES (?1, ?2, 'ses_1', ?3)",
            [&part["id"], &part["message_id"], &json!(part["data"].to_string())].map(|v| v.as_str().unwrap()),
        )
        .unwrap();
    }
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (2, 3));
    let seen = &sessions(&mut ingest, START)[0];
    assert_eq!((&*seen.project, seen.cost().money()), ("api", Some(Money::from_nanos(20_000_000))));
}

#[test]
fn a_link_to_a_database_is_read_with_what_lies_beside_the_database() {
    let home = Home::new();
    let real = home.path().join("elsewhere/real.db");
    let conn = open(&real);
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", [1]);
    fs::create_dir_all(database(&home).parent().unwrap()).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(&real, database(&home)).unwrap();
    let mut ingest = home.fresh_reader();
    scan(&mut ingest);
    add(&conn, "ses_1", [2]);
    scan(&mut ingest);
    assert_eq!(sums(&mut ingest), (2, 3));
}

#[test]
fn trees_beside_the_database_are_not_walked() {
    let home = Home::new();
    let conn = open(&database(&home));
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", [1]);
    open(&home.path().join(".local/share/opencode/snapshot/deep/opencode.db"));
    let mut ingest = home.fresh_reader();
    let report = ingest.scan_quietly().unwrap();
    assert_eq!(report.files_read, 1);
    ingest.look_at(&home.path().join(".local/share/opencode/snapshot/deep/opencode.db")).unwrap();
    assert_eq!(ingest.store.files().unwrap().len(), 1);
}

/// The roots that these variables lead to.
fn roots(variables: &[(&str, &str)]) -> Vec<PathBuf> {
    let env = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    OpenCode.roots(&Places { home: Path::new("/home/me"), env: &env })
}

#[test]
fn variables_say_where_the_database_lies() {
    let paths = |list: &[&str]| list.iter().map(PathBuf::from).collect::<Vec<_>>();
    if !cfg!(windows) {
        assert_eq!(roots(&[]), paths(&["/home/me/.local/share/opencode"]));
        assert_eq!(roots(&[("XDG_DATA_HOME", "/x")]), paths(&["/x/opencode"]));
        assert_eq!(roots(&[("XDG_DATA_HOME", "/x"), ("OPENCODE_DB", "mine.db")]), paths(&["/x/opencode", "/x/opencode/mine.db"]));
    }
    assert_eq!(roots(&[("OPENCODE_DATA_DIR", "/d, /e")]), paths(&["/d", "/e"]));
    assert_eq!(roots(&[("OPENCODE_DATA_DIR", "/d"), ("OPENCODE_DB", "/else/where.sqlite")]), paths(&["/d", "/else/where.sqlite"]));
    assert_eq!(roots(&[("OPENCODE_DATA_DIR", "/d"), ("OPENCODE_DB", "/d/opencode-x.db")]), paths(&["/d"]));
    assert_eq!(roots(&[("OPENCODE_DATA_DIR", "/d"), ("OPENCODE_DB", ":memory:")]), paths(&["/d"]));
}

#[test]
fn a_database_may_be_a_root_itself() {
    let home = Home::new();
    let mine = home.path().join("mine.sqlite");
    let conn = open(&mine);
    row(&conn, &session("ses_1"));
    add(&conn, "ses_1", [1]);
    let mut ingest = home.fresh_reader();
    ingest.catalog = aifinops::tail::Catalog::new(vec![("opencode", mine.clone()), ("opencode", mine.clone())]);
    let report = ingest.scan_quietly().unwrap();
    assert_eq!((report.files_read, report.roots[0].exists, report.roots[0].files), (1, true, 1));
    add(&conn, "ses_1", [2]);
    ingest.look_at(&home.path().join("mine.sqlite-wal")).unwrap();
    assert_eq!(sums(&mut ingest), (2, 3));
    assert!(sources::by_agent("opencode").is_some());
}
