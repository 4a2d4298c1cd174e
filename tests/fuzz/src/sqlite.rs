//! An agent's database.

use super::{Told, empty, parts, read_file, split};
use aifinops::model::Batch;
use aifinops::sources;
use aifinops::store::FileRow;
use rusqlite::types::Value as Sql;
use rusqlite::{Connection, params_from_iter};
use serde_json::Value;
use std::fs;

/// The tables as 1.18 has them, without constraints: a fuzzer's rows are to get in.
const SCHEMA: &str = "
CREATE TABLE session (id, project_id, parent_id, slug, directory, title, version, time_created, time_updated, fork_session_id);
CREATE TABLE message (id, session_id, time_created, time_updated, data);
CREATE TABLE part (id, message_id, session_id, time_created, time_updated, data);
CREATE TABLE session_message (id, session_id, type, seq, time_created, time_updated, data);
CREATE INDEX part_message ON part (message_id, id);
CREATE INDEX message_session ON message (session_id);";

fn sql(value: &Value) -> Sql {
    match value {
        Value::Null => Sql::Null,
        Value::Bool(truth) => Sql::Integer(i64::from(*truth)),
        Value::Number(number) => number.as_i64().map_or_else(|| Sql::Real(number.as_f64().unwrap_or(0.0)), Sql::Integer),
        Value::String(text) => Sql::Text(text.clone()),
        Value::Array(bytes) => Sql::Blob(bytes.iter().filter_map(Value::as_u64).map(|byte| byte.to_le_bytes()[0]).collect()),
        Value::Object(_) => Sql::Text(value.to_string()),
    }
}

fn write(conn: &Connection, lines: &[u8]) {
    for line in lines.split(|byte| *byte == b'\n') {
        let Ok(Value::Object(row)) = serde_json::from_slice::<Value>(line) else { continue };
        let id = row.get("id").cloned().unwrap_or_default();
        if let Some(table) =
            row.get("delete").and_then(Value::as_str).filter(|table| ["message", "part", "session_message", "session"].contains(table))
        {
            let _ = conn.execute(&format!("DELETE FROM {table} WHERE id = ?1"), [sql(&id)]);
            continue;
        }
        let Some(table) = row.get("table").and_then(Value::as_str) else { continue };
        let (names, values): (Vec<_>, Vec<_>) = row
            .iter()
            .filter(|(name, _)| *name != "table")
            .map(|(name, value)| (if name == "raw" { "data" } else { name.as_str() }, sql(value)))
            .unzip();
        let names: Vec<String> = names.iter().map(|name| format!("\"{}\"", name.replace('"', ""))).collect();
        let marks = vec!["?"; names.len()].join(",");
        // Columns and tables that there are not are SQLite's to refuse.
        let _ = conn.execute(
            &format!("INSERT INTO \"{}\" ({}) VALUES ({marks})", table.replace('"', ""), names.join(",")),
            params_from_iter(values),
        );
    }
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    let source = sources::by_agent("opencode").unwrap();
    let home = empty("sqlite");
    let path = home.join("opencode.db");
    if how & 1 == 0 {
        // Bytes, and what may lie beside them.
        let mut files = parts(data);
        fs::write(&path, files.next().unwrap_or_default()).unwrap();
        if let Some(log) = files.next() {
            fs::write(home.join("opencode.db-wal"), log).unwrap();
        }
        let before = fs::read(&path).unwrap();
        let mut told = Told::default();
        for piece in read_file(source, &path, None) {
            told.take(&piece.batch);
        }
        told.check();
        assert_eq!(fs::read(&path).unwrap(), before, "it is only read");
        if !home.join("opencode.db-wal").exists() {
            assert_eq!(fs::read_dir(&home).unwrap().count(), 1, "nothing is left beside it");
        }
        return;
    }
    let conn = Connection::open(&path).unwrap();
    conn.execute_batch("PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF;").unwrap();
    conn.execute_batch(SCHEMA).unwrap();
    let mut known: Option<FileRow> = None;
    let mut rows = parts(data);
    for more in [rows.next().unwrap_or_default(), rows.next().unwrap_or_default()] {
        write(&conn, more);
        // Nobody holds a lock: whatever is there is read.
        let pieces = read_file(source, &path, known.take());
        let mut told = Told::default();
        for piece in &pieces {
            told.take(&piece.batch);
        }
        told.check();
        known = pieces.last().map(|piece| piece.file.clone());
        let Some(row) = known.clone() else { return };
        // A second look finds nothing but rows that are not finished.
        let again = read_file(source, &path, Some(row.clone()));
        let lines: u64 = again.iter().map(|piece| piece.batch.lines).sum();
        assert!(lines <= 256, "{lines} rows are read again");
        assert!(again.last().is_none_or(|piece| piece.batch == Batch::default()));
    }
    // What is remembered may be damaged, as any file of ours.
    if let (Some(row), Some(carry)) = (known, rows.next()) {
        let mut told = Told::default();
        for piece in read_file(source, &path, Some(FileRow { carry: carry.to_vec(), ..row })) {
            told.take(&piece.batch);
        }
        told.check();
    }
}
