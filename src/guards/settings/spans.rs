//! Where each value of a JSON text lies.

use std::ops::Range;

use serde_json::de::from_str;

/// Deeper than any settings; the JSON parser refuses earlier.
const DEEPEST: usize = 200;

/// A value and its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// From its first byte to after its last.
    pub span: Range<usize>,
    /// What is in it.
    pub kind: Kind,
}

/// What kind of value it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Members in their order.
    Object(Vec<Member>),
    /// Items in their order.
    Array(Vec<Node>),
    /// A string, a number, `true`, `false` or `null`.
    Scalar,
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The key, decoded.
    pub key: String,
    /// Where the key begins.
    pub start: usize,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Reads a text that is known to be JSON. `None` when it is not after all.
    pub(super) fn parse(text: &str) -> Option<Node> {
        let mut walk = Walk { bytes: text.as_bytes(), text, at: 0 };
        walk.value(0)
    }

    /// The value of a key, the last one where there are several.
    #[must_use]
    pub fn member(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Object(members) => members.iter().rev().find(|member| member.key == key).map(|member| &member.value),
            _ => None,
        }
    }

    /// The items of an array; none for anything else.
    #[must_use]
    pub fn items(&self) -> &[Node] {
        if let Kind::Array(items) = &self.kind { items } else { &[] }
    }

    /// The bytes of each part: items, or members with their keys.
    pub(crate) fn parts(&self) -> Vec<Range<usize>> {
        match &self.kind {
            Kind::Object(members) => members.iter().map(|member| member.start..member.value.span.end).collect(),
            Kind::Array(items) => items.iter().map(|item| item.span.clone()).collect(),
            Kind::Scalar => Vec::new(),
        }
    }

    /// The keys of an object, in their order.
    #[must_use]
    pub fn keys(&self) -> Vec<&str> {
        if let Kind::Object(members) = &self.kind { members.iter().map(|member| member.key.as_str()).collect() } else { Vec::new() }
    }

    /// Whether it is a list.
    #[must_use]
    pub fn is_array(&self) -> bool {
        matches!(self.kind, Kind::Array(_))
    }

    /// Whether it has keys.
    #[must_use]
    pub fn is_object(&self) -> bool {
        matches!(self.kind, Kind::Object(_))
    }
}

struct Walk<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
}

impl Walk<'_> {
    fn peek(&mut self) -> Option<u8> {
        while self.bytes.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.bytes.get(self.at).copied()
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        if depth > DEEPEST {
            return None;
        }
        let first = self.peek()?;
        let start = self.at;
        let kind = match first {
            b'{' => Kind::Object(self.list(b'}', |walk| {
                walk.peek()?;
                let start = walk.at;
                walk.string()?;
                let key = from_str(walk.text.get(start..walk.at)?).ok()?;
                (walk.peek()? == b':').then_some(())?;
                walk.at += 1;
                Some(Member { key, start, value: walk.value(depth + 1)? })
            })?),
            b'[' => Kind::Array(self.list(b']', |walk| walk.value(depth + 1))?),
            b'"' => {
                self.string()?;
                Kind::Scalar
            }
            _ => {
                while self.bytes.get(self.at).is_some_and(|b| !b.is_ascii_whitespace() && !b",]}".contains(b)) {
                    self.at += 1;
                }
                Kind::Scalar
            }
        };
        Some(Node { span: start..self.at, kind })
    }

    fn list<T>(&mut self, close: u8, mut part: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut parts = Vec::new();
        loop {
            match self.peek()? {
                byte if byte == close => {
                    self.at += 1;
                    return Some(parts);
                }
                b',' => self.at += 1,
                _ => parts.push(part(self)?),
            }
        }
    }

    fn string(&mut self) -> Option<()> {
        self.at += 1;
        loop {
            match self.bytes.get(self.at)? {
                b'"' => {
                    self.at += 1;
                    return Some(());
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
    }
}
