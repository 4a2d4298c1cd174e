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
