//! How a table is asked, and what becomes of its rows.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::Write as _;

use rusqlite::Connection;
use rusqlite::types::ValueRef;

use crate::sources::table::Table;
use crate::tail::MAX_LINE;

use super::Rows;

/// Rows before a row among which its twins are looked for.
const MOST_TWINS: u32 = 256;

/// How one table is asked.
pub(super) struct Query {
    pub table: &'static Table,
    pub sql: String,
    /// What becomes of each column.
    shape: Vec<Column>,
}

#[derive(Clone, Copy)]
enum Column {
    /// A member of the line.
    Value(&'static str),
    /// The same, true or false.
    Flag(&'static str),
    /// The same, holding JSON.
    Json(&'static str),
    /// The members that follow are those of this member.
    Begin(&'static str),
    End,
}

/// The columns of a table; none of a view or of what is not there.
fn columns(conn: &Connection, table: &str) -> rusqlite::Result<BTreeSet<String>> {
    let mut ask = conn.prepare_cached(
        "SELECT c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND m.name = ?1 COLLATE NOCASE",
    )?;
    ask.query_map([table], |r| r.get(0))?.collect()
}

/// How the tables that are there are asked. They are joined by the ids of their rows, which have indexes.
pub(super) fn queries(conn: &Connection, tables: &'static [Table]) -> rusqlite::Result<Vec<Query>> {
    let mut queries = Vec::new();
    for table in tables {
        let there = columns(conn, table.name)?;
        if !there.contains(table.id) || !there.contains(table.json) {
            continue;
        }
        let json = |of: &str, column: &str| {
            let column = format!("{of}.{}", quoted(column));
            format!("iif(octet_length({column}) <= {MAX_LINE}, {column}, NULL)")
        };
        let mut select = vec!["t.rowid".to_owned(), format!("t.{}", quoted(table.id)), json("t", table.json)];
        let mut shape = vec![Column::Value(table.id), Column::Json(table.json)];
        for column in table.columns.iter().filter(|column| there.contains(**column)) {
            select.push(format!("t.{}", quoted(column)));
            shape.push(Column::Value(column));
        }
        let mut from = format!("FROM {} t", quoted(table.name));
        for (i, related) in table.related.iter().enumerate() {
            let other = columns(conn, related.table)?;
            if !there.contains(related.by) || !other.contains(related.id) {
                continue;
            }
            let (name, id, by) = (quoted(related.table), quoted(related.id), quoted(related.by));
            let _ = write!(from, " LEFT JOIN {name} r{i} ON r{i}.{id} = t.{by}");
            shape.push(Column::Begin(related.table));
            for column in related.columns.iter().filter(|column| other.contains(**column)) {
                select.push(format!("r{i}.{}", quoted(column)));
                shape.push(Column::Value(column));
            }
            if let Some(column) = related.json.filter(|column| other.contains(*column)) {
                select.push(json(&format!("r{i}"), column));
                shape.push(Column::Json(column));
            }
            shape.push(Column::End);
        }
        for has in table.has {
            if there.contains(has.by) && columns(conn, has.table)?.contains(has.column) {
                let (other, column, by) = (quoted(has.table), quoted(has.column), quoted(has.by));
                select.push(format!("EXISTS (SELECT 1 FROM {other} o WHERE o.{column} = t.{by})"));
                shape.push(Column::Flag(has.name));
            }
        }
        if let Some(twins) = table.twins.as_ref().filter(|twins| there.contains(twins.group)) {
            // The nearest ones only: whoever fills a group with rows is not to make this slow.
            let (name, id, json, group) = (quoted(table.name), quoted(table.id), quoted(table.json), quoted(twins.group));
            select.push(format!(
                "iif(octet_length(t.{json}) > 4096 OR instr(t.{json}, '{}') = 0, NULL, (SELECT count(*) FROM (SELECT o.{json} j FROM {name} o \
                 WHERE o.{group} = t.{group} AND o.{id} < t.{id} ORDER BY o.{id} DESC LIMIT {MOST_TWINS}) \
                 WHERE octet_length(j) = octet_length(t.{json}) AND j = t.{json}))",
                twins.containing
            ));
            shape.push(Column::Value("twins"));
        }
        queries.push(Query { table, sql: format!("SELECT {} {from}", select.join(", ")), shape });
    }
    Ok(queries)
}

impl Query {
    /// Adds a row as a line.
    pub(super) fn line(&self, row: &rusqlite::Row<'_>, out: &mut Rows) -> rusqlite::Result<()> {
        if matches!(row.get_ref(2)?, ValueRef::Null) {
            out.passed_over += 1;
            return Ok(());
        }
        let lines = &mut out.lines;
        lines.extend_from_slice(b"{\"table\":");
        string(self.table.name, lines);
        let mut column = 1; // behind the row's number
        for part in &self.shape {
            match part {
                Column::Begin(name) => {
                    member(name, lines);
                    lines.push(b'{');
                }
                Column::End => lines.push(b'}'),
                Column::Value(name) => {
                    value(name, row.get_ref(column)?, lines);
                    column += 1;
                }
                Column::Flag(name) => {
                    member(name, lines);
                    lines.extend_from_slice(if row.get::<_, bool>(column)? { b"true" } else { b"false" });
                    column += 1;
                }
                Column::Json(name) => {
                    json(name, row.get_ref(column)?, lines);
                    column += 1;
                }
            }
        }
        lines.extend_from_slice(b"}\n");
        Ok(())
    }
}

fn member(name: &str, lines: &mut Vec<u8>) {
    if lines.last() != Some(&b'{') {
        lines.push(b',');
    }
    string(name, lines);
    lines.push(b':');
}

pub(super) fn string(text: &str, lines: &mut Vec<u8>) {
    // It can fail only where memory cannot be had.
    let _ = serde_json::to_writer(&mut *lines, text);
}

fn value(name: &str, value: ValueRef<'_>, lines: &mut Vec<u8>) {
    match value {
        ValueRef::Null | ValueRef::Blob(_) => {}
        ValueRef::Integer(number) => {
            member(name, lines);
            let _ = write!(lines, "{number}");
        }
        ValueRef::Real(number) => {
            member(name, lines);
            let _ = serde_json::to_writer(&mut *lines, &number);
        }
        ValueRef::Text(text) => {
            member(name, lines);
            string(&String::from_utf8_lossy(text), lines);
        }
    }
}

/// JSON as it stands there. A line end cannot be inside of a string, and outside of one it is as good as a space.
fn json(name: &str, value: ValueRef<'_>, lines: &mut Vec<u8>) {
    let (ValueRef::Text(bytes) | ValueRef::Blob(bytes)) = value else { return };
    member(name, lines);
    let from = lines.len();
    lines.extend_from_slice(bytes);
    if let Some(json) = lines.get_mut(from..)
        && memchr::memchr2(b'\n', b'\r', json).is_some()
    {
        json.iter_mut().filter(|b| matches!(b, b'\n' | b'\r')).for_each(|b| *b = b' ');
    }
}

pub(super) fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        ValueRef::Integer(number) => number.to_string(),
        _ => String::new(),
    }
}

/// A name in SQL. All of them are written in the sources, none is the database's.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{name}\"")
}
