//! What every format of a table knows: columns, values, and how people and spreadsheets read them.

use std::borrow::Cow;
use std::io;
use std::sync::Arc;

use crate::model::text::clean;
use crate::model::time::utc;
use crate::model::tokens::compact;
use crate::model::{Cost, Millis, Money, Tokens, Zone};

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// The id of a session: people see its beginning, which is enough to name it.
    Id,
    /// Several texts.
    List,
    /// A number of things.
    Number,
    /// An instant.
    Time,
    /// Yes or no.
    Flag,
    /// Counters of tokens: several columns where there is nothing but columns.
    Tokens,
    /// A cost and its basis, as well.
    Cost,
    /// An amount without a basis.
    Money,
}

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its name for programs.
    pub key: &'static str,
    /// Its heading for people; none where it is left out for them.
    pub title: &'static str,
    /// What it holds.
    pub kind: Kind,
}

/// A value.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// Not known.
    Null,
    /// A text, of a log perhaps.
    Text(&'a str),
    /// Several texts.
    List(&'a [Arc<str>]),
    /// A number of things.
    Number(i64),
    /// An instant.
    Time(Millis),
    /// Yes or no.
    Flag(bool),
    /// Counters of tokens.
    Tokens(Tokens),
    /// A cost and its basis.
    Cost(Cost),
    /// An amount.
    Money(Money),
}

impl<'a> Value<'a> {
    /// A text that may be missing; an empty one is.
    #[must_use]
    pub fn text(text: Option<&'a str>) -> Value<'a> {
        text.filter(|text| !text.is_empty()).map_or(Value::Null, Value::Text)
    }

    /// An amount that may not be known.
    #[must_use]
    pub fn money(money: Option<Money>) -> Value<'a> {
        money.map_or(Value::Null, Value::Money)
    }

    /// An instant that may be missing.
    #[must_use]
    pub fn time(at: Option<Millis>) -> Value<'a> {
        at.map_or(Value::Null, Value::Time)
    }
}

/// A format that takes rows one by one.
pub trait Sheet {
    /// Writes a row: one value per column.
    fn row(&mut self, values: &[Value<'_>]) -> io::Result<()>;

    /// Writes what comes after the rows.
    fn end(&mut self) -> io::Result<()>;
}

/// Characters of an id that people see: of those that begin with the time, enough to tell a millisecond.
const ID: usize = 13;

/// A heading or cell for people, and whether it is a number.
pub(super) type Shown<'a> = (Cow<'a, str>, bool);

/// The headings of a column for people.
pub(super) fn headings(column: &Column) -> Vec<Shown<'static>> {
    let is_number = matches!(column.kind, Kind::Number | Kind::Cost | Kind::Money);
    match column.kind {
        _ if column.title.is_empty() => Vec::new(),
        Kind::Tokens => ["Input", "Cache read", "Cache write", "Output"].map(|title| (Cow::Borrowed(title), true)).to_vec(),
        _ => vec![(Cow::Borrowed(column.title), is_number)],
    }
}

/// The cells of a value for people, as many as its column has headings. Cleaned, not escaped.
pub(super) fn cells<'a>(column: &Column, value: &Value<'a>, zone: Zone) -> Vec<Shown<'a>> {
    let one = |text: String| vec![(Cow::Owned(text), matches!(column.kind, Kind::Number | Kind::Cost | Kind::Money))];
    match value {
        _ if column.title.is_empty() => Vec::new(),
        Value::Null | Value::List([]) => one("·".to_owned()),
        Value::Text(text) if column.kind == Kind::Id => one(clean(text).rsplit('/').next().unwrap_or_default().chars().take(ID).collect()),
        Value::Text(text) => one(clean(text)),
        Value::List(texts) => one(clean(&texts.join(", "))),
        Value::Number(n) => one(n.to_string()),
        Value::Money(money) => one(money.display()),
        Value::Time(at) => one(clock(*at, zone)),
        Value::Flag(flag) => one(if *flag { "yes" } else { "no" }.to_owned()),
        Value::Cost(cost) => one(cost.display()),
        Value::Tokens(t) => {
            let writes = t.cache_write_5m.saturating_add(t.cache_write_1h);
            [t.input, t.cache_read, writes, t.output].map(|n| (Cow::Owned(compact(n)), true)).to_vec()
        }
    }
}

/// A moment on the viewer's clock.
pub(super) fn clock(at: Millis, zone: Zone) -> String {
    utc(at).with_timezone(&zone).format("%Y-%m-%d %H:%M").to_string()
}

/// A text as a spreadsheet may take it: cleaned, and with a `'` before whatever it would run as a formula. Such begin with a
/// sign, behind blanks too, and behind a semicolon, which ends a cell where commas are decimal points.
pub(super) fn harmless(text: &str) -> Cow<'_, str> {
    let mut begins = true;
    let mut out = String::new();
    for c in text.chars() {
        if begins && matches!(c, '=' | '+' | '-' | '@' | '＝' | '＋' | '－' | '＠') {
            out.push('\'');
        }
        begins = c == ';' || begins && (c.is_whitespace() || c.is_control() || matches!(c, '"' | '\u{feff}' | '\u{200b}'..='\u{200f}'));
        out.push(if crate::model::text::is_hostile(c) { '\u{fffd}' } else { c });
    }
    if out == text { Cow::Borrowed(text) } else { Cow::Owned(out) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_run_as_a_formula() {
        for (text, safe) in [
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("  =1", "  '=1"),
            ("\t=1", "\u{fffd}'=1"),
            ("\r\n=1", "\u{fffd}\u{fffd}'=1"),
            ("a;=1", "a;'=1"),
            ("a; =1", "a; '=1"),
            ("\"=1", "\"'=1"),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
            ("claude-opus-4-6", "claude-opus-4-6"),
            ("feat/x", "feat/x"),
            ("", ""),
        ] {
            assert_eq!(harmless(text), safe);
        }
    }
}
