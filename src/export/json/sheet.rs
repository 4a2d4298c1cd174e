//! Any table as one JSON document or as a line of JSON per row, in the shapes of the contract.

use std::io::{self, Write};

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};

use crate::export::table::{Column, Sheet, Value};
use crate::model::Window;
use crate::model::text::clean;
use crate::model::time::rfc3339;

/// A row as an object of its columns.
struct Row<'a>(&'a [Column], &'a [Value<'a>]);

impl Serialize for Row<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (column, value) in self.0.iter().zip(self.1) {
            map.serialize_entry(column.key, value)?;
        }
        map.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_none(),
            Value::Text(text) => serializer.serialize_str(&clean(text)),
            Value::List(texts) => {
                let mut list = serializer.serialize_seq(Some(texts.len()))?;
                for text in *texts {
                    list.serialize_element(&clean(text))?;
                }
                list.end()
            }
            Value::Number(n) => serializer.serialize_i64(*n),
            Value::Money(amount) => super::money(*amount).serialize(serializer),
            Value::Time(at) => serializer.serialize_str(&rfc3339(*at)),
            Value::Flag(yes) => serializer.serialize_bool(*yes),
            Value::Tokens(tokens) => super::tokens(tokens).serialize(serializer),
            Value::Cost(cost) => super::cost(cost).serialize(serializer),
        }
    }
}

/// One object per line.
pub struct Lines<W: Write> {
    out: W,
    columns: &'static [Column],
}

impl<W: Write> Lines<W> {
    /// Begins a file, which has no head.
    pub const fn begin(out: W, columns: &'static [Column]) -> Lines<W> {
        Lines { out, columns }
    }
}

impl<W: Write> Sheet for Lines<W> {
    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        super::write(&mut self.out, &Row(self.columns, values))
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// One document: an array of rows by what they are, and the window of their figures.
pub struct Document<W: Write> {
    out: W,
    columns: &'static [Column],
    window: Window,
    is_first: bool,
}

impl<W: Write> Document<W> {
    /// Begins a document of rows that are called so: `sessions`, `tasks`.
    pub fn begin(mut out: W, name: &'static str, columns: &'static [Column], window: Window) -> io::Result<Document<W>> {
        write!(out, "{{\"{name}\":[")?;
        Ok(Document { out, columns, window, is_first: true })
    }
}

impl<W: Write> Sheet for Document<W> {
    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()> {
        let before: &[u8] = if std::mem::take(&mut self.is_first) { b"\n" } else { b",\n" };
        self.out.write_all(before)?;
        Ok(serde_json::to_writer(&mut self.out, &Row(self.columns, values))?)
    }

    fn end(&mut self) -> io::Result<()> {
        self.out.write_all(b"\n],\"window\":")?;
        serde_json::to_writer(&mut self.out, &super::window(self.window))?;
        self.out.write_all(b"}\n")?;
        self.out.flush()
    }
}
