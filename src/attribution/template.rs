//! The regular expression of a rule, and the values that are put together from what it has found.

use regex::{Captures, Regex, RegexBuilder};

/// The bytes that a compiled expression may take: far more than any that a person writes.
const MOST: usize = 1 << 20;

/// A regular expression that can be compared by its text.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.regex.as_str() == other.regex.as_str()
    }
}

impl Eq for Pattern {}

impl Pattern {
    /// Reads an expression; why it is none, in words.
    pub fn new(text: &str) -> Result<Pattern, String> {
        let regex = RegexBuilder::new(text).size_limit(MOST).build();
        regex.map(|regex| Pattern { regex }).map_err(|error| {
            // The last line says what is wrong, the others draw where.
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            last.trim_start_matches("error: ").to_owned()
        })
    }

    /// The expression.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.regex.as_str()
    }

    /// What it finds, anywhere in the text.
    #[must_use]
    pub(super) fn find<'a>(&self, text: &'a str) -> Option<Captures<'a>> {
        self.regex.captures(text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A group of the rule's expression, by number.
    Group(usize),
    /// A group by name.
    Named(String),
    /// A variable of the agent's process.
    Variable(String),
}

/// A value with places for what an expression has found: `$1`, `${ticket}`, `${env:CUSTOMER}`; `$$` is a dollar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    text: String,
    pieces: Vec<Piece>,
}

impl Template {
    /// Reads a value of a rule with this expression; why it is none, in words.
    pub fn new(text: &str, pattern: Option<&Pattern>) -> Result<Template, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            if !before.is_empty() {
                pieces.push(Piece::Text(before.to_owned()));
            }
            let (piece, behind) = place(after)?;
            pieces.push(piece);
            rest = behind;
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.to_owned()));
        }
        if pieces.is_empty() {
            return Err("is empty".to_owned());
        }
        pieces.iter().try_for_each(|piece| known(piece, pattern))?;
        Ok(Template { text: text.to_owned(), pieces })
    }

    /// As it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The variables in it.
    pub(super) fn variables(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| if let Piece::Variable(name) = piece { Some(name.as_str()) } else { None })
    }

    /// The value; nothing where a group has found nothing or a variable is not known: half a value would be a wrong one.
    pub(super) fn fill<'a>(&self, found: Option<&Captures<'_>>, env: &dyn Fn(&str) -> Option<&'a str>) -> Option<String> {
        let mut out = String::new();
        for piece in &self.pieces {
            let part = match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Group(number) => found?.get(*number)?.as_str(),
                Piece::Named(name) => found?.name(name)?.as_str(),
                Piece::Variable(name) => env(name)?,
            };
            out.push_str(part);
        }
        Some(out)
    }
}

/// What stands behind a `$`, and the rest.
fn place(after: &str) -> Result<(Piece, &str), String> {
    let alone = || "has a `$` alone; write `$1`, `${name}`, `${env:NAME}`, or `$$` for a dollar".to_owned();
    if let Some(rest) = after.strip_prefix('$') {
        return Ok((Piece::Text("$".to_owned()), rest));
    }
    if let Some(rest) = after.strip_prefix('{') {
        let (name, rest) = rest.split_once('}').ok_or_else(|| "has a `${` without its `}`".to_owned())?;
        let piece = match name.strip_prefix("env:") {
            Some(variable) if is_name(variable) => Piece::Variable(variable.to_owned()),
            None if name.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => group(name)?,
            None if is_name(name) => Piece::Named(name.to_owned()),
            _ => return Err(alone()),
        };
        return Ok((piece, rest));
    }
    let digits = after.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = after.split_at_checked(digits).filter(|(number, _)| !number.is_empty()).ok_or_else(alone)?;
    Ok((group(number)?, rest))
}

fn group(number: &str) -> Result<Piece, String> {
    number.parse().map(Piece::Group).map_err(|_| format!("asks for group {number}"))
}

/// Whether it may be the name of a group or of a variable.
fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether the expression has such a group.
fn known(piece: &Piece, pattern: Option<&Pattern>) -> Result<(), String> {
    let wanted = match piece {
        Piece::Text(_) | Piece::Variable(_) => return Ok(()),
        Piece::Group(number) => format!("${number}"),
        Piece::Named(name) => format!("${{{name}}}"),
    };
    let Some(Pattern { regex }) = pattern else {
        return Err(format!("asks for `{wanted}`, and the rule has no `branch` that could find it"));
    };
    let has = match piece {
        Piece::Group(number) => *number < regex.captures_len(),
        Piece::Named(name) => regex.capture_names().flatten().any(|known| known == name),
        Piece::Text(_) | Piece::Variable(_) => true,
    };
    if has { Ok(()) } else { Err(format!("asks for `{wanted}`, and `branch` has no such group")) }
}
