//! A store of each earlier release opens and keeps what it held.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aifinops::model::{Key, Window};
use aifinops::store::ledger::Kind;
use aifinops::store::{Ledger, Store, health, ledger, open};
use rusqlite::Connection;
use serde_json::Value;
use walkdir::WalkDir;

use super::program;
use crate::content::difference;
use crate::logs::{Home, scan};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/stores").join(name)
}

/// A database as an earlier program left it: its own words, the home's path put in.
fn restore(home: &Home, name: &str, file: &str) {
    fs::create_dir_all(home.data()).unwrap();
    let text = fs::read_to_string(fixture(name)).unwrap().replace("@HOME@", home.path().to_str().unwrap());
    let conn = Connection::open(home.data().join(file)).unwrap();
    conn.pragma_update(None, "journal_mode", "WAL").unwrap();
    conn.execute_batch(&text).unwrap();
}

/// The logs that those programs read.
fn logs(home: &Home) {
    for entry in WalkDir::new(fixture("home")).into_iter().map(Result::unwrap).filter(|entry| entry.file_type().is_file()) {
        let below = entry.path().strip_prefix(fixture("home")).unwrap();
        let to = home.path().join(format!(".{}", below.display()));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(entry.path(), to).unwrap();
    }
}

type Calls = BTreeMap<(String, String, String), [u64; 6]>;

/// What was spent by day, model and session: as it was counted when the logs were made.
fn truth() -> (Calls, BTreeMap<String, [u64; 2]>) {
    let json: Value = serde_json::from_slice(&fs::read(fixture("truth.json")).unwrap()).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let calls = json["calls"].as_array().unwrap().iter().map(|row| {
        let of = ["calls", "input", "cache_read", "cache_write_5m", "cache_write_1h", "output"].map(|name| number(&row[3][name]));
        ((text(&row[0]), text(&row[1]), text(&row[2])), of)
    });
    let sessions = json["sessions"].as_array().unwrap().iter().map(|row| (text(&row[0]), [number(&row[1]), number(&row[2])]));
    (calls.collect(), sessions.collect())
}

/// What the program answers.
fn ask(home: &Home, args: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
    let sample = program(home, "true");
    command.args(args).envs(sample.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("TZ", "UTC");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// What each session cost, to the nano-dollar, and all of them together.
fn money(home: &Home) -> BTreeMap<String, Value> {
    let sessions: Value = serde_json::from_str(&ask(home, &["sessions", "--all", "--json"])).unwrap();
    let rows = sessions["sessions"].as_array().unwrap().iter().chain([&sessions["total"]]);
    rows.map(|row| (row["id"].as_str().unwrap_or("all").to_owned(), row["cost"].clone())).collect()
}

/// The same, as the program tells it.
fn told(home: &Home) -> (Calls, BTreeMap<String, [u64; 2]>) {
    let ask = |args: &[&str]| ask(home, args);
    let mut calls = Calls::new();
    for line in ask(&["export", "calls", "--all", "--format", "jsonl", "-q"]).lines() {
        let call: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| call[name].as_str().unwrap().to_owned();
        let sums = calls.entry((text("at")[..10].to_owned(), text("model"), text("session"))).or_default();
        sums[0] += 1;
        for (i, name) in ["input", "cache_read", "cache_write_5m", "cache_write_1h", "output"].into_iter().enumerate() {
            sums[i + 1] += call["tokens"][name].as_u64().unwrap();
        }
    }
    let sessions: Value = serde_json::from_str(&ask(&["sessions", "--all", "--json"])).unwrap();
    let row = |row: &Value| (row["id"].as_str().unwrap().to_owned(), ["prompts", "tool_calls"].map(|name| row[name].as_u64().unwrap()));
    (calls, sessions["sessions"].as_array().unwrap().iter().map(row).collect())
}

/// The stores are of the programs that had these schemas, run over the logs in `home/`.
#[test]
fn a_store_of_every_earlier_schema_keeps_every_total() {
    // What nobody has stored before.
    let fresh = Home::new();
    logs(&fresh);
    let costs = money(&fresh);
    assert!(costs["all"]["usd"] != "0" && costs.len() > 3, "{costs:?}");
    for schema in 1..=7 {
        // Its logs are long gone: all that is left is what the store holds.
        let home = Home::new();
        restore(&home, &format!("schema{schema}.sql"), open::FILE);
        assert_eq!(told(&home), truth(), "schema {schema}, without its logs");
        assert_eq!(money(&home), costs, "schema {schema}, without its logs");
        let mut store = Store::open(&home.data()).unwrap().store;
        assert_eq!((store.rebuild().unwrap().wrong(), store.integrity()), (0, None), "schema {schema}");
        let found = &health::databases(&home.data())[0];
        assert_eq!((found.schema, found.came_from, &found.damage), (Some(8), Some(schema), &None));
        drop(store);

        // They are there, and are read once more by a reader that has learned something since.
        let home = Home::new();
        restore(&home, &format!("schema{schema}.sql"), open::FILE);
        logs(&home);
        assert_eq!(told(&home), truth(), "schema {schema}, with its logs");
        assert_eq!(money(&home), costs, "schema {schema}, with its logs");
        let mut ingest = home.resume();
        assert_eq!(scan(&mut ingest), 0, "all of it has been read");
        assert_eq!((ingest.store.rebuild().unwrap().wrong(), ingest.store.integrity()), (0, None), "schema {schema}");
    }
}

#[test]
fn a_record_of_caps_of_every_earlier_schema_keeps_every_decision() {
    for schema in 1..=2 {
        let home = Home::new();
        restore(&home, &format!("ledger{schema}.sql"), ledger::FILE);
        let (ledger, notice) = Ledger::open(&home.data(), std::time::Duration::from_secs(1)).unwrap();
        assert_eq!(notice, None);
        let decisions = ledger.decisions(0, 10).unwrap();
        let words: Vec<_> = decisions.iter().map(|d| (d.kind, &*d.cap, d.amount, d.why.as_deref())).collect();
        let expected = [
            (Kind::Raise, "day-app", 5_000_000_000, Some("release day")),
            (Kind::Set, "day-app", 5_000_000_000, None),
            (Kind::Set, "day", 20_000_000_000, None),
        ];
        assert_eq!(words, expected, "schema {schema}");
        assert_eq!(ledger.raises(decisions[0].at).unwrap().len(), 1, "and the raise is in force");
        // The first one had no tags.
        assert_eq!(ledger.tags().unwrap().len(), schema - 1);
        ledger.keep_copy().unwrap();
    }
}

#[test]
fn a_record_of_caps_comes_back_from_the_copy_of_an_earlier_release() {
    for schema in 1..=2 {
        let home = Home::new();
        restore(&home, &format!("ledger{schema}.sql"), "ledger.db.copy");
        fs::write(home.data().join(ledger::FILE), vec![7; 5000]).unwrap();
        let (ledger, notice) = Ledger::open(&home.data(), std::time::Duration::from_secs(1)).unwrap();
        assert!(notice.is_some_and(|notice| notice.contains(&format!("{} came back from its copy", 2 + schema))));
        assert_eq!(ledger.decisions(0, 10).unwrap().len(), 3);
    }
}

/// A store as 0.1.0 left it: one session with a call, a tool call, and the failure of another that no log shows.
fn first_release(dir: &std::path::Path) {
    let schema = include_str!("../../../src/store/migrations/0001_first.sql");
    let conn = Connection::open(dir.join(open::FILE)).unwrap();
    conn.execute_batch(schema).unwrap();
    conn.execute_batch(
        "INSERT INTO name VALUES (1, 'claude-opus-4-6'), (2, 'Bash');
         INSERT INTO session (id, agent, uid, kind, forked, started_at, last_at, turn) VALUES (1, 'claude-code', 'S', 0, 0, 0, 9000, 0);
         INSERT INTO call VALUES (11, 1, 21, 1000, 1, 10, 0, 0, 0, 5, 0, 0, 15, 0, NULL, 175000);
         INSERT INTO fact VALUES (31, 1, 21, 1000, 1, 2, 1), (32, 1, 21, 1000, 1, NULL, 2);
         INSERT INTO rollup VALUES (0, 1, 1, 1, 10, 0, 0, 0, 5, 0, 0, 175000, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0),
                                   (0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0);
         INSERT INTO task VALUES (21, 1, 1000, 1000, 1, 10, 0, 0, 0, 5, 0, 0, 175000, 1, 0, 0, 0, 0, 0, 1, 1, 0, 0, 0);
         PRAGMA application_id = 1634297449; PRAGMA user_version = 1;",
    )
    .unwrap();
}

#[test]
fn a_store_of_the_first_release_keeps_every_total() {
    let dir = tempfile::tempdir().unwrap();
    first_release(dir.path());
    let opened = Store::open(dir.path()).unwrap();
    assert_eq!(opened.notice, None);
    let mut store = opened.store;
    let total = store.total(Window::ALL).unwrap();
    assert_eq!((total.calls, total.input, total.output, total.nanos, total.tools), (1, 10, 5, 175_000, 1));
    assert_eq!(total.failures, 0, "the call that failed is in no log");
    let tools = store.tools(1).unwrap();
    assert_eq!(tools.iter().map(|t| (&*t.name, t.calls, t.failures)).collect::<Vec<_>>(), [("Bash", 1, 0)]);
    assert_eq!(store.rebuild().unwrap().wrong(), 0);
}

/// The first readers knew tool calls by their ids alone, also those that are handed out again and again.
#[test]
fn a_tool_call_that_the_first_readers_knew_by_a_short_id_is_counted_once_when_its_log_is_read_again() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sources/claude-code/tool_ids_that_are_handed_out_again");
    let mut logs: Vec<PathBuf> = fs::read_dir(case).unwrap().map(|entry| entry.unwrap().path()).collect();
    logs.sort();
    let key = Key::of(&[b"claude-code", b"tool", b"call_0"]).to_sql();
    let tools = |store: &Store| {
        let kin = store.all_kin().unwrap();
        let of = |kin: &aifinops::store::kin::Kin| {
            store.tools(kin.id).unwrap().iter().map(|tool| (tool.calls, tool.failures)).collect::<Vec<_>>()
        };
        kin.iter().map(|kin| (kin.uid[34..].to_owned(), of(kin))).collect::<BTreeMap<_, _>>()
    };
    // Who is the owner of all calls of that id, and which logs are still there.
    for (owner, there) in [(1, &logs[..]), (2, &logs[..]), (1, &logs[1..]), (2, &logs[1..])] {
        let home = Home::new();
        fs::create_dir_all(home.claude("").parent().unwrap()).unwrap();
        for log in there {
            fs::copy(log, home.claude(log.file_stem().unwrap().to_str().unwrap())).unwrap();
        }
        fs::create_dir_all(home.data()).unwrap();
        let conn = Connection::open(home.data().join(open::FILE)).unwrap();
        conn.execute_batch(include_str!("../../../src/store/migrations/0001_first.sql")).unwrap();
        conn.execute_batch(&format!(
            "INSERT INTO name VALUES (2, 'Bash');
             INSERT INTO session (id, agent, uid, kind, forked, turn) VALUES
                (1, 'claude-code', '00000000-0000-4000-8000-0000000000a1', 0, 0, 0), (2, 'claude-code', '00000000-0000-4000-8000-0000000000b1', 0, 0, 0);
             INSERT INTO fact VALUES ({key}, {owner}, 21, 1000, 1, 2, 3);
             INSERT INTO claim VALUES ({key}, 1, 21), ({key}, 2, 21);
             PRAGMA application_id = 1634297449; PRAGMA user_version = 1;"
        ))
        .unwrap();
        drop(conn);
        let mut ingest = home.resume();
        scan(&mut ingest);
        let gone = if owner == 1 { vec![(1, 1)] } else { Vec::new() };
        let expected = [("a1", if there.len() == 2 { vec![(1, 1), (1, 0)] } else { gone }), ("b1", vec![(1, 0), (1, 0)])];
        assert_eq!(tools(&ingest.store), expected.map(|(uid, tools)| (uid.to_owned(), tools)).into(), "of {owner}, {} logs", there.len());
        if there.len() == 2 {
            let mut fresh = home.reader(Store::in_memory().unwrap());
            scan(&mut fresh);
            assert_eq!(difference(&fresh.store, &ingest.store), "", "of {owner}");
        }
        assert_eq!((ingest.store.rebuild().unwrap().wrong(), ingest.store.integrity()), (0, None));
    }
}

#[test]
fn a_store_of_the_second_schema_keeps_every_call_and_fact() {
    let dir = tempfile::tempdir().unwrap();
    first_release(dir.path());
    let conn = Connection::open(dir.path().join(open::FILE)).unwrap();
    conn.execute_batch(include_str!("../../../src/store/migrations/0002_tools.sql")).unwrap();
    conn.execute_batch(
        "WITH RECURSIVE n(i) AS (VALUES (100) UNION ALL SELECT i + 1 FROM n WHERE i < 1099)
         INSERT INTO call SELECT i * 7919, 1, 21, i, 1, 1, 2, 3, 4, 5, 1, 1, 10, 8, NULL, 50 FROM n;
         WITH RECURSIVE n(i) AS (VALUES (100) UNION ALL SELECT i + 1 FROM n WHERE i < 1099)
         INSERT INTO fact SELECT -i * 7919, 1, 21, i, 1, 2, 3 FROM n;
         INSERT INTO fact VALUES (1, 1, 21, 5, 99, NULL, 1);
         UPDATE rollup SET calls = 1001, input = 1010, cache_read = 2000, cache_write_5m = 3000, cache_write_1h = 4000, output = 5005,
            reasoning = 1000, searches = 1000, nanos = 225000, priced = 1001, lower = 1000 WHERE model = 1;
         UPDATE rollup SET tools = 1001, failures = 1000 WHERE model = 0;
         UPDATE task SET calls = 1001, input = 1010, cache_read = 2000, cache_write_5m = 3000, cache_write_1h = 4000, output = 5005,
            reasoning = 1000, searches = 1000, nanos = 225000, priced = 1001, lower = 1000, tools = 1001, failures = 1000;
         UPDATE tool SET calls = 1001, failures = 1000 WHERE name = 2;
         DELETE FROM tool WHERE name = 0;
         PRAGMA user_version = 2;",
    )
    .unwrap();
    drop(conn);
    let mut store = Store::open(dir.path()).unwrap().store;
    let total = store.total(Window::ALL).unwrap();
    let steps = store.steps(1, usize::MAX).unwrap();
    assert_eq!(steps.len(), 1001);
    assert!(steps.is_sorted_by_key(|step| step.at));
    assert_eq!(steps[0].at, 100);
    assert_eq!(store.recent_spend(900).unwrap().len(), 201);
    let report = store.rebuild().unwrap();
    assert_eq!((report.calls, report.facts), (1001, 1002));
    assert_eq!(report.wrong(), 0);
    assert_eq!(store.total(Window::ALL).unwrap(), total);
    assert_eq!(store.integrity(), None);
}
