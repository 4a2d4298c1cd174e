//! A store of each earlier release opens and keeps what it held.

use aifinops::model::Window;
use aifinops::store::{Store, open};
use rusqlite::Connection;

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
