//! A value that is not understood yet, with the line it stands on: the one form in which the file, the variables and
//! the flags reach the readers.

use toml_edit::{Array, Document, InlineTable, Item, Key, TableLike, Value};

use crate::model::text::{clean, fit};

/// A value and its line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    /// The line in the file, counted from 1.
    pub line: Option<usize>,
    /// What stands there.
    pub raw: Raw,
}

/// What a value looks like before anyone asks what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Raw {
    /// Text in quotes, or any text of a variable or a flag that may be text.
    Text(String),
    /// A number, a truth value or a date, in its own digits: no number passes through a float.
    Bare(String),
    /// An array.
    List(Vec<Node>),
    /// A table. A name may come twice where flags are repeated.
    Map(Vec<(String, Node)>),
}

impl From<Raw> for Node {
    fn from(raw: Raw) -> Node {
        Node { line: None, raw }
    }
}

impl Node {
    /// A text without a line.
    pub(super) fn text(text: &str) -> Node {
        Raw::Text(text.to_owned()).into()
    }

    /// A list of texts without lines.
    pub(super) fn list<'a>(texts: impl IntoIterator<Item = &'a str>) -> Node {
        Raw::List(texts.into_iter().map(Node::text).collect()).into()
    }

    /// A table without lines.
    pub(super) fn map(parts: Vec<(String, Node)>) -> Node {
        Raw::Map(parts).into()
    }

    /// A value of the file.
    fn of(item: &Item, line: Option<usize>, source: &str) -> Node {
        let raw = if let Some(text) = item.as_str() {
            Raw::Text(text.to_owned())
        } else if let Some(table) = item.as_table_like() {
            Raw::Map(entries(table, source))
        } else if let Some(array) = item.as_array() {
            Raw::List(array.iter().map(|value| Node::of_value(value, line, source)).collect())
        } else if let Some(tables) = item.as_array_of_tables() {
            let at = |table: &toml_edit::Table| table.span().map(|span| line_of(source, span.start)).or(line);
            Raw::List(tables.iter().map(|table| Node { line: at(table), raw: Raw::Map(entries(table, source)) }).collect())
        } else {
            Raw::Bare(item.span().and_then(|span| source.get(span)).unwrap_or_default().to_owned())
        };
        Node { line, raw }
    }

    fn of_value(value: &Value, line: Option<usize>, source: &str) -> Node {
        let line = value.span().map(|span| line_of(source, span.start)).or(line);
        Node::of(&Item::Value(value.clone()), line, source)
    }

    /// The value as TOML; a table becomes an inline one.
    pub(super) fn to_value(&self) -> Value {
        match &self.raw {
            Raw::Text(text) => text.as_str().into(),
            Raw::Bare(text) => text.parse().unwrap_or_else(|_| text.as_str().into()),
            Raw::List(nodes) => nodes.iter().map(Node::to_value).collect::<Array>().into(),
            Raw::Map(parts) => parts.iter().map(|(name, node)| (name.as_str(), node.to_value())).collect::<InlineTable>().into(),
        }
    }

    /// Reads one array as TOML writes it.
    pub(super) fn array(text: &str) -> Option<Node> {
        // As a line of a file: only there numbers keep their own digits.
        let node = parse_file(&format!("it = {text}")).ok()?.into_iter().next()?.1;
        matches!(node.raw, Raw::List(_)).then(|| node.without_lines())
    }

    fn without_lines(self) -> Node {
        let raw = match self.raw {
            Raw::List(nodes) => Raw::List(nodes.into_iter().map(Node::without_lines).collect()),
            raw => raw,
        };
        raw.into()
    }

    /// What it is, as a message says it.
    pub(super) fn kind(&self) -> String {
        match &self.raw {
            Raw::Text(text) | Raw::Bare(text) => quoted(text),
            Raw::List(_) => "a list".to_owned(),
            Raw::Map(_) => "a table".to_owned(),
        }
    }
}

/// A text in backticks, cut and safe for a terminal.
pub(super) fn quoted(text: &str) -> String {
    format!("`{}`", fit(text, 60))
}

/// Dotted keys as TOML writes them, quoted where they must be.
pub(super) fn dotted<'a>(parts: impl IntoIterator<Item = &'a str>) -> String {
    parts.into_iter().map(|part| Key::new(part).display_repr().into_owned()).collect::<Vec<_>>().join(".")
}

/// Why a file is no TOML.
pub(super) struct NotToml {
    /// Where the reader gave up, counted from 1.
    pub line: Option<usize>,
    /// In words.
    pub reason: String,
}

/// The top level of a file.
pub(super) fn parse_file(text: &str) -> Result<Vec<(String, Node)>, NotToml> {
    match Document::parse(text) {
        Ok(doc) => Ok(entries(doc.as_table(), text)),
        Err(error) => {
            let line = error.span().map(|span| line_of(text, span.start));
            let why = clean(error.message().trim()).replace('\u{fffd}', "; ");
            Err(NotToml { line, reason: format!("is not TOML: {why}") })
        }
    }
}

fn entries(table: &dyn TableLike, source: &str) -> Vec<(String, Node)> {
    let entry = |(name, item): (&str, &Item)| {
        let span = table.key(name).and_then(Key::span).or_else(|| item.span());
        (name.to_owned(), Node::of(item, span.map(|span| line_of(source, span.start)), source))
    };
    table.iter().map(entry).collect()
}

/// The line of a place in a text, counted from 1.
fn line_of(source: &str, at: usize) -> usize {
    source.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}
