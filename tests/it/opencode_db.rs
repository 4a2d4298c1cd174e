//! The database of `OpenCode`, made of rows that a fixture tells: one JSON object a line, in the order in which they are written.
//!
//! `{"table":"part","id":"…", columns…, "data":{…}}` inserts a row, or changes the one of that id; `"raw"` is `data` as
//! text that need not be JSON. `{"delete":"part","id":"…"}` takes a row back. What a column needs and a fixture does not
//! care about is filled in. The tables are those of 1.18, and `session.fork_session_id` of later releases.

use std::fs;
use std::path::Path;

use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value;

const SCHEMA: &str = "
CREATE TABLE project (id text PRIMARY KEY, worktree text NOT NULL, vcs text, name text, icon_url text, icon_color text, time_created integer NOT NULL, time_updated integer NOT NULL, time_initialized integer, sandboxes text NOT NULL, commands text);
CREATE TABLE session (id text PRIMARY KEY, project_id text NOT NULL, workspace_id text, parent_id text, slug text NOT NULL, directory text NOT NULL, path text, title text NOT NULL, version text NOT NULL, share_url text, summary_additions integer, summary_deletions integer, summary_files integer, summary_diffs text, metadata text, cost real DEFAULT 0 NOT NULL, tokens_input integer DEFAULT 0 NOT NULL, tokens_output integer DEFAULT 0 NOT NULL, tokens_reasoning integer DEFAULT 0 NOT NULL, tokens_cache_read integer DEFAULT 0 NOT NULL, tokens_cache_write integer DEFAULT 0 NOT NULL, revert text, permission text, agent text, model text, time_created integer NOT NULL, time_updated integer NOT NULL, time_compacting integer, time_archived integer, fork_session_id text);
CREATE TABLE message (id text PRIMARY KEY, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE part (id text PRIMARY KEY, message_id text NOT NULL, session_id text NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE TABLE session_message (id text PRIMARY KEY, session_id text NOT NULL, type text NOT NULL, seq integer NOT NULL, time_created integer NOT NULL, time_updated integer NOT NULL, data text NOT NULL);
CREATE INDEX message_session_time_created_id_idx ON message (session_id, time_created, id);
CREATE INDEX part_message_id_id_idx ON part (message_id, id);
CREATE INDEX part_session_idx ON part (session_id);
CREATE UNIQUE INDEX session_message_session_seq_idx ON session_message (session_id, seq);
";

/// Opens the database as its agent does, and makes it where there is none.
pub(crate) fn open(path: &Path) -> Connection {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    let conn = Connection::open(path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA busy_timeout = 5000;").unwrap();
    if !conn.table_exists(None, "part").unwrap() {
        conn.execute_batch(SCHEMA).unwrap();
    }
    conn
}

/// Writes rows, all in one transaction.
pub(crate) fn write(conn: &Connection, lines: &[u8]) {
    conn.execute_batch("BEGIN IMMEDIATE").unwrap();
    for line in lines.split(|b| *b == b'\n').filter(|line| !line.is_empty()) {
        row(conn, &serde_json::from_slice(line).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(line))));
    }
    conn.execute_batch("COMMIT").unwrap();
}

/// Writes one row.
pub(crate) fn row(conn: &Connection, row: &Value) {
    let id = row["id"].as_str().unwrap();
    if let Some(table) = row["delete"].as_str() {
        conn.execute(&format!("DELETE FROM {table} WHERE id = ?1"), [id]).unwrap();
        return;
    }
    let table = row["table"].as_str().unwrap();
    let mut columns: Vec<(String, Sql)> = Vec::new();
    for (name, value) in row.as_object().unwrap() {
        let value = match (name.as_str(), value) {
            ("table", _) => continue,
            ("data", _) => Sql::Text(value.to_string()),
            (_, Value::Number(number)) => Sql::Integer(number.as_i64().unwrap()),
            (_, Value::String(text)) => Sql::Text(text.clone()),
            _ => panic!("{name}: {value}"),
        };
        columns.push((if name == "raw" { "data" } else { name }.to_owned(), value));
    }
    let made_at = Sql::Integer(row["time_created"].as_i64().unwrap());
    columns.push(("time_updated".to_owned(), made_at));
    if table == "session" {
        columns.extend(["project_id", "slug", "title"].map(|name| (name.to_owned(), Sql::Text("x".to_owned()))));
    }
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let sets: Vec<String> = names.iter().map(|name| format!("{name} = excluded.{name}")).collect();
    let sql = format!(
        "INSERT INTO {table} ({}) VALUES ({}) ON CONFLICT (id) DO UPDATE SET {}",
        names.join(", "),
        vec!["?"; names.len()].join(", "),
        sets.join(", ")
    );
    conn.execute(&sql, params_from_iter(columns.iter().map(|(_, value)| value))).unwrap();
}
