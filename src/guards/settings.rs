//! JSON settings, changed in place: where each value lies, so that text can be put in and taken out again.
//!
//! **Why not read, change, write.** That would format a person's file anew and lose comments. Here every byte that is
//! not ours stays, and what was put in can be taken out so that the file is what it was, byte by byte: see `edit`.
//!
//! Comments are only understood where the agent understands them. They are blanked for parsing, so that every offset
//! still fits the text.

use std::ops::Range;

use serde_json::Value;

mod edit;
mod render;
mod spans;

pub use render::Json;
pub use spans::Node;

/// What may stand in a settings file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// JSON, nothing else.
    Strict,
    /// JSON with `//` and `/* */` comments.
    Comments,
}

/// Why a text is no settings file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong.
    pub why: String,
}

/// A settings file's text and where everything in it lies.
#[derive(Debug, Clone)]
pub struct Document {
    text: String,
    /// The text with comments blanked.
    bare: String,
    root: Node,
    dialect: Dialect,
}

impl Document {
    /// Reads a text whose whole is an object.
    pub fn parse(text: &str, dialect: Dialect) -> Result<Document, Fault> {
        let bare = match dialect {
            Dialect::Strict => text.to_owned(),
            Dialect::Comments => blanked(text),
        };
        // One parser says whether it is JSON, the other where things are.
        let value: Value = serde_json::from_str(&bare).map_err(|error| {
            let told = error.to_string();
            let why = told.split(" at line ").next().unwrap_or_default().to_owned();
            Fault { line: error.line(), why }
        })?;
        if !value.is_object() {
            return Err(Fault { line: 1, why: "expected an object".to_owned() });
        }
        let root = Node::parse(&bare).ok_or_else(|| Fault { line: 1, why: "is not understood".to_owned() })?;
        Ok(Document { text: text.to_owned(), bare, root, dialect })
    }

    /// The text as it is now.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The outermost object.
    #[must_use]
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// The value at a path of keys; the last one where a key is there twice, as agents read it.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Node> {
        path.iter().try_fold(&self.root, |node, key| node.member(key))
    }

    /// A value's meaning.
    #[must_use]
    pub fn value(&self, node: &Node) -> Value {
        self.bare.get(node.span.clone()).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// The meaning of the value at a path.
    #[must_use]
    pub fn value_at(&self, path: &[&str]) -> Option<Value> {
        self.at(path).map(|node| self.value(node))
    }

    /// The line on which a value begins, from 1.
    #[must_use]
    pub fn line_of(&self, node: &Node) -> usize {
        self.text.get(..node.span.start).unwrap_or_default().matches('\n').count() + 1
    }

    /// Replaces parts of the text, which must not overlap; what results is read again.
    fn replaced(&self, mut parts: Vec<(Range<usize>, String)>) -> Option<Document> {
        parts.sort_by_key(|(range, _)| range.start);
        let mut text = String::with_capacity(self.text.len() + 256);
        let mut at = 0;
        for (range, new) in parts {
            text.push_str(self.text.get(at..range.start)?);
            text.push_str(&new);
            at = range.end;
        }
        text.push_str(self.text.get(at..)?);
        Document::parse(&text, self.dialect).ok()
    }
}

/// The text with comments made of spaces, each byte where it was.
fn blanked(text: &str) -> String {
    let mut out: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    let mut in_string = false;
    while let Some((&byte, more)) = rest.split_first() {
        let length = match (byte, more.first()) {
            (b'\\', Some(_)) if in_string => {
                out.extend(rest.iter().take(2));
                rest = rest.get(2..).unwrap_or_default();
                continue;
            }
            (b'/', Some(b'/')) if !in_string => rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len()),
            (b'/', Some(b'*')) if !in_string => rest.windows(2).skip(2).position(|end| end == b"*/").map_or(rest.len(), |at| at + 4),
            _ => 0,
        };
        if length == 0 {
            in_string ^= byte == b'"';
            out.push(byte);
            rest = more;
            continue;
        }
        // Line ends stay, so that lines can still be counted.
        out.extend(rest.iter().take(length).map(|b| if matches!(b, b'\n' | b'\r') { *b } else { b' ' }));
        rest = rest.get(length..).unwrap_or_default();
    }
    // Only whole characters have been replaced, each by as many spaces as it has bytes.
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_blanked_where_they_are_comments() {
        assert_eq!(blanked("{\"a\": \"//\\\"/*\" // ä\n}"), "{\"a\": \"//\\\"/*\"      \n}");
        assert_eq!(blanked("/* x\n */1/**/"), "    \n   1    ");
        assert_eq!(blanked("1 /* open"), "1        ");
    }

    #[test]
    fn faults_name_their_line() {
        let fault = |text: &str| Document::parse(text, Dialect::Strict).unwrap_err();
        assert_eq!(fault("{\n  \"a\": 1,\n}").line, 3);
        assert_eq!(fault("[]"), Fault { line: 1, why: "expected an object".to_owned() });
        assert!(fault("{} // no").why.contains("trailing"));
        assert!(fault("\u{feff}{}").line == 1);
        assert!(Document::parse("{} // yes", Dialect::Comments).is_ok());
        let deep = "[".repeat(100_000);
        assert!(Document::parse(&format!("{{\"a\":{deep}"), Dialect::Strict).is_err());
    }
}
