//! Finds a few values in JSON that arrives in pieces, keeping those only.
//!
//! It does not check that the text is JSON: of what is not, it finds little or nothing, and never fails. Its memory is
//! bounded by [`LONGEST`] and [`DEEPEST`], whatever comes.

use super::Fields;

/// Bytes of one value that are kept; of a longer one only its length is right.
pub const LONGEST: usize = 16 * 1024;
/// Levels that may lie within each other; deeper ones are not looked into.
pub const DEEPEST: usize = 256;
/// Bytes of a name that are looked at. No wanted one is as long.
const NAME: usize = 64;

/// Something found.
#[derive(Debug, PartialEq, Eq)]
pub enum Picked<'a, T> {
    /// A wanted value.
    Value {
        /// What it was wanted for.
        field: T,
        /// Its text, a string with its quotes; cut at [`LONGEST`].
        text: &'a [u8],
        /// The length that it has uncut.
        length: usize,
    },
    /// One whole document has ended.
    End,
}

/// Where in a document it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between values.
    Between,
    /// In a number or a word.
    Bare,
    /// In a string, and whether right after a backslash.
    Text(bool),
    /// The same in a name.
    Name(bool),
    /// Too deep: the rest of the document is not looked at.
    Lost,
}

/// The state between two pieces.
#[derive(Debug)]
pub struct Picker<T: Copy + 'static> {
    fields: Fields<T>,
    /// The names on the way to here, joined by points.
    path: Vec<u8>,
    /// For each open level: whether it is an object, and how long the path was outside.
    levels: Vec<(bool, usize)>,
    place: Place,
    /// Whether the next string of this object is a name.
    wants_name: bool,
    name: Vec<u8>,
    /// The wanted value being read: its field, and the number of levels outside it.
    taking: Option<(T, usize)>,
    text: Vec<u8>,
    length: usize,
}

impl<T: Copy> Picker<T> {
    /// Looks for these fields.
    #[must_use]
    pub const fn new(fields: Fields<T>) -> Picker<T> {
        Picker {
            fields,
            path: Vec::new(),
            levels: Vec::new(),
            place: Place::Between,
            wants_name: false,
            name: Vec::new(),
            taking: None,
            text: Vec::new(),
            length: 0,
        }
    }

    /// Forgets an unfinished document.
    pub fn reset(&mut self) {
        *self = Picker::new(self.fields);
    }

    /// Whether it is between documents.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        self.levels.is_empty() && matches!(self.place, Place::Between)
    }

    /// Reads the next bytes.
    pub fn feed(&mut self, bytes: &[u8], found: &mut dyn FnMut(Picked<'_, T>)) {
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            if self.place == Place::Lost {
                return;
            }
            // Most of a document lies in strings that nobody wants.
            if matches!(self.place, Place::Text(false) | Place::Name(false)) {
                let plain = rest.iter().position(|b| matches!(b, b'"' | b'\\')).unwrap_or(rest.len());
                let (skipped, more) = rest.split_at(plain);
                if !skipped.is_empty() {
                    self.keep(skipped);
                    rest = more;
                    continue;
                }
            }
            self.step(byte, found);
            rest = after;
        }
    }

    fn step(&mut self, byte: u8, found: &mut dyn FnMut(Picked<'_, T>)) {
        match self.place {
            Place::Text(escaped) => {
                self.keep(&[byte]);
                match byte {
                    _ if escaped => self.place = Place::Text(false),
                    b'\\' => self.place = Place::Text(true),
                    b'"' => {
                        self.place = Place::Between;
                        self.value_ends(found);
                    }
                    _ => {}
                }
            }
            Place::Name(escaped) => {
                let ends = byte == b'"' && !escaped;
                if ends {
                    self.place = Place::Between;
                }
                self.keep(&[byte]);
                if !ends {
                    self.place = Place::Name(byte == b'\\' && !escaped);
                }
            }
            Place::Between | Place::Bare => self.structure(byte, found),
            Place::Lost => {}
        }
    }

    fn structure(&mut self, byte: u8, found: &mut dyn FnMut(Picked<'_, T>)) {
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => self.bare_ends(found),
            b'"' => {
                if self.wants_name {
                    self.name.clear();
                } else {
                    self.value_begins();
                }
                self.keep(&[byte]);
                self.place = if self.wants_name { Place::Name(false) } else { Place::Text(false) };
            }
            b'{' | b'[' => {
                self.value_begins();
                self.keep(&[byte]);
                if self.levels.len() >= DEEPEST {
                    self.place = Place::Lost;
                    return;
                }
                self.levels.push((byte == b'{', self.path.len()));
                self.wants_name = byte == b'{';
            }
            b'}' | b']' => {
                self.bare_ends(found);
                self.keep(&[byte]);
                if let Some((_, outside)) = self.levels.pop() {
                    self.path.truncate(outside);
                    self.value_ends(found);
                }
            }
            b',' => {
                self.bare_ends(found);
                self.keep(&[byte]);
                if let Some(&(is_object, outside)) = self.levels.last() {
                    self.path.truncate(outside);
                    self.wants_name = is_object;
                }
            }
            b':' => {
                self.keep(&[byte]);
                if self.wants_name {
                    self.wants_name = false;
                    self.enter();
                }
            }
            _ => {
                if self.place == Place::Between {
                    self.place = Place::Bare;
                    self.value_begins();
                }
                self.keep(&[byte]);
            }
        }
    }

    /// Goes below the name that has been read.
    fn enter(&mut self) {
        if !self.path.is_empty() {
            self.path.push(b'.');
        }
        self.path.extend_from_slice(&self.name);
    }

    fn value_begins(&mut self) {
        if self.taking.is_some() || self.path.is_empty() {
            return;
        }
        if let Some((_, field)) = self.fields.iter().find(|(at, _)| at.as_bytes() == self.path) {
            self.taking = Some((*field, self.levels.len()));
            self.text.clear();
            self.length = 0;
        }
    }

    fn bare_ends(&mut self, found: &mut dyn FnMut(Picked<'_, T>)) {
        if self.place == Place::Bare {
            self.place = Place::Between;
            self.value_ends(found);
        }
    }

    fn value_ends(&mut self, found: &mut dyn FnMut(Picked<'_, T>)) {
        if let Some((field, outside)) = self.taking
            && outside == self.levels.len()
        {
            self.taking = None;
            found(Picked::Value { field, text: &self.text, length: self.length });
        }
        if self.levels.is_empty() {
            self.path.clear();
            self.wants_name = false;
            found(Picked::End);
        }
    }

    /// Keeps bytes of a name or of a wanted value.
    fn keep(&mut self, bytes: &[u8]) {
        let copy = |to: &mut Vec<u8>, most: usize| to.extend_from_slice(bytes.get(..most.saturating_sub(to.len())).unwrap_or(bytes));
        if matches!(self.place, Place::Name(_)) {
            copy(&mut self.name, NAME);
        }
        if self.taking.is_some() {
            copy(&mut self.text, LONGEST);
            self.length += bytes.len();
        }
    }
}

/// A string's text, without its quotes and escapes.
#[must_use]
pub fn string(text: &[u8]) -> Option<String> {
    serde_json::from_slice(text).ok()
}

/// A counter.
#[must_use]
pub fn number(text: &[u8]) -> Option<u64> {
    serde_json::from_slice(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: Fields<u8> = &[("a", 1), ("b.c", 2), ("l.x", 3), ("u", 4)];

    fn pick(pieces: &[&[u8]]) -> Vec<(u8, String)> {
        let mut picker = Picker::new(FIELDS);
        let mut found = Vec::new();
        for piece in pieces {
            picker.feed(piece, &mut |picked| match picked {
                Picked::Value { field, text, .. } => found.push((field, String::from_utf8_lossy(text).into_owned())),
                Picked::End => found.push((0, String::new())),
            });
        }
        found
    }

    #[test]
    fn values_are_found_wherever_the_pieces_end() {
        let text = br#" {"x":{"a":9,"b":{"c":1}},"a":"q\"}{","b":{"z":[1,{"c":2}],"c":12.5},"l":[{"x":true},{"x":null}],"u":{"a":[1,"]"]}} {"a":7}"#;
        let all: Vec<(u8, String)> =
            [(1, r#""q\"}{""#), (2, "12.5"), (3, "true"), (3, "null"), (4, r#"{"a":[1,"]"]}"#), (0, ""), (1, "7"), (0, "")]
                .map(|(field, text)| (field, text.to_owned()))
                .to_vec();
        assert_eq!(pick(&[text]), all);
        for cut in 0..text.len() {
            let (left, right) = text.split_at(cut);
            assert_eq!(pick(&[left, right]), all, "cut at {cut}");
        }
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(pick(&single), all);
    }

    #[test]
    fn nothing_that_comes_makes_it_large_or_fail() {
        for text in ["]]]}}}", "{{{{", "<html>\"", ",,,:::", "{\"a\"", "\u{0}\u{1b}"] {
            pick(&[text.as_bytes()]);
        }
        let mut picker = Picker::new(FIELDS);
        picker.feed(&b"[".repeat(1_000_000), &mut |_| panic!("nothing is there"));
        assert!(picker.levels.len() <= DEEPEST && picker.path.len() < 1000);
        let long = format!(r#"{{"a":"{}"}}"#, "y".repeat(100_000));
        let mut lengths = Vec::new();
        Picker::new(FIELDS).feed(long.as_bytes(), &mut |picked| {
            if let Picked::Value { text, length, .. } = picked {
                lengths.push((text.len(), length));
            }
        });
        assert_eq!(lengths, [(LONGEST, 100_002)]);
        let name = format!(r#"{{"{}":1}}"#, "n".repeat(100_000));
        let mut picker = Picker::new(FIELDS);
        picker.feed(name.as_bytes(), &mut |_| {});
        assert!(picker.name.capacity() < 1000);
    }
}
