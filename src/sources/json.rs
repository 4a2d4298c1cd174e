//! A forward-only walk over one JSON line.
//!
//! Logs carry megabytes of text that is never looked at. This cursor passes over it once, with a byte search inside
//! strings, and decodes only what a source asks for. It recurses no deeper than its caller's closures do, so nesting
//! in a hostile line cannot exhaust the stack. It checks structure, not every rule of JSON: what it skips may be
//! slightly wrong, what it hands out is not.

use std::borrow::Cow;

use memchr::memchr;

/// The line is no JSON, or breaks off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bad {
    /// The byte where the walk stopped.
    pub at: usize,
}

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Counters have at most so many digits: what is longer is no count of anything, and sums of it would overflow.
const MOST_DIGITS: usize = 11;

/// Words without a quote after which a search is worth its start.
const FEW_WORDS: u32 = 4;

/// The high bit of each byte that may be `byte`; the lowest one set is always right.
const fn places_of(byte: u8, word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let zero_where_equal = word ^ (ONES * byte as u64);
    zero_where_equal.wrapping_sub(ONES) & !zero_where_equal & (ONES << 7)
}

/// A string's bytes between its quotes, escapes still in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RawStr<'a>(pub &'a [u8]);

impl<'a> RawStr<'a> {
    /// The text. Lone surrogates and invalid UTF-8 are replaced, never an error.
    #[must_use]
    pub fn text(self) -> Cow<'a, str> {
        if memchr(b'\\', self.0).is_none() {
            return String::from_utf8_lossy(self.0);
        }
        let mut quoted = Vec::with_capacity(self.0.len() + 2);
        quoted.push(b'"');
        quoted.extend_from_slice(self.0);
        quoted.push(b'"');
        match serde_json::from_slice::<String>(&quoted) {
            Ok(text) => Cow::Owned(text),
            Err(_) => Cow::Owned(String::from_utf8_lossy(self.0).into_owned()),
        }
    }
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of a line.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    const fn bad<T>(&self) -> Result<T, Bad> {
        Err(Bad { at: self.at })
    }

    /// The next byte that is not white space, without passing it.
    pub fn peek(&mut self) -> Option<u8> {
        loop {
            match self.bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn eat(&mut self, byte: u8) -> Result<(), Bad> {
        if self.peek() == Some(byte) {
            self.at += 1;
            Ok(())
        } else {
            self.bad()
        }
    }

    /// Walks an object's members. The closure reads the value or leaves it to be skipped.
    ///
    /// A value that is no object is passed over, as agents' fields change type between releases.
    pub fn object(&mut self, mut member: impl FnMut(&'a [u8], &mut Cursor<'a>) -> Result<(), Bad>) -> Result<(), Bad> {
        if self.peek() != Some(b'{') {
            return self.skip();
        }
        self.at += 1;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(());
        }
        loop {
            let key = self.raw_string()?;
            self.eat(b':')?;
            self.peek();
            let before = self.at;
            member(key.0, self)?;
            if self.at == before {
                self.skip()?;
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.bad(),
            }
        }
    }

    /// Walks an array's items; a value that is no array is passed over.
    pub fn array(&mut self, mut item: impl FnMut(&mut Cursor<'a>) -> Result<(), Bad>) -> Result<(), Bad> {
        if self.peek() != Some(b'[') {
            return self.skip();
        }
        self.at += 1;
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(());
        }
        loop {
            self.peek();
            let before = self.at;
            item(self)?;
            if self.at == before {
                self.skip()?;
            }
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(());
                }
                _ => return self.bad(),
            }
        }
    }

    /// Only white space is left.
    pub fn end(&mut self) -> Result<(), Bad> {
        if self.peek().is_none() { Ok(()) } else { self.bad() }
    }

    /// A string value; any other value is passed over and is `None`.
    pub fn string(&mut self) -> Result<Option<RawStr<'a>>, Bad> {
        if self.peek() == Some(b'"') {
            return self.raw_string().map(Some);
        }
        self.skip()?;
        Ok(None)
    }

    /// `true`; any other value is `false`.
    pub fn is_true(&mut self) -> Result<bool, Bad> {
        let scalar = self.scalar()?;
        Ok(scalar == b"true")
    }

    /// A counter as agents and gateways write them: a number, a number in a string, or null. Implausible ones are `None`.
    pub fn counter(&mut self) -> Result<Option<u64>, Bad> {
        let text = self.scalar()?;
        let whole = text.split(|b| *b == b'.').next().unwrap_or(text);
        if whole.is_empty() || whole.len() > MOST_DIGITS {
            return Ok(None);
        }
        let plain = |digits: &[u8]| digits.iter().try_fold(0_u64, |n, c| c.is_ascii_digit().then(|| n * 10 + u64::from(c - b'0')));
        match plain(whole) {
            Some(number) if whole.len() == text.len() => Ok(Some(number)),
            // Rare: a fraction, an exponent, or no number.
            _ => Ok(with_exponent(text).and_then(|digits| plain(&digits))),
        }
    }

    /// A number, literal or string as its text; containers are passed over and are empty.
    pub fn scalar(&mut self) -> Result<&'a [u8], Bad> {
        match self.peek() {
            Some(b'"') => Ok(self.raw_string()?.0),
            Some(b'{' | b'[') => {
                self.skip()?;
                Ok(b"")
            }
            _ => self.literal(),
        }
    }

    /// Passes over one value of any kind.
    pub fn skip(&mut self) -> Result<(), Bad> {
        match self.peek() {
            Some(b'"') => self.raw_string().map(|_| ()),
            Some(b'{' | b'[') => self.skip_container(),
            _ => self.literal().map(|_| ()),
        }
    }

    /// Passes over one value and gives its bytes as they stand.
    pub fn raw(&mut self) -> Result<&'a [u8], Bad> {
        self.peek();
        let start = self.at;
        self.skip()?;
        Ok(self.bytes.get(start..self.at).unwrap_or_default())
    }

    fn literal(&mut self) -> Result<&'a [u8], Bad> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let len =
            rest.iter().position(|b| !matches!(b, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'+' | b'-' | b'.')).unwrap_or(rest.len());
        if len == 0 {
            return self.bad();
        }
        self.at += len;
        Ok(rest.get(..len).unwrap_or_default())
    }

    fn raw_string(&mut self) -> Result<RawStr<'a>, Bad> {
        self.eat(b'"')?;
        let start = self.at;
        self.close_string()?;
        Ok(RawStr(self.bytes.get(start..self.at - 1).unwrap_or_default()))
    }

    /// Moves past the closing quote of the string that the cursor is in.
    ///
    /// Most strings are short, and text inside text is full of escaped quotes: both are walked eight bytes at a time, which
    /// costs less than starting a search. Long stretches without a quote are searched.
    fn close_string(&mut self) -> Result<(), Bad> {
        let mut plain_words = 0;
        while let Some(word) = self.bytes.get(self.at..).and_then(|rest| rest.first_chunk()).copied().map(u64::from_le_bytes) {
            let special = places_of(b'"', word) | places_of(b'\\', word);
            if special == 0 {
                self.at += 8;
                plain_words += 1;
                if plain_words == FEW_WORDS {
                    if self.seek_quote()? {
                        return Ok(());
                    }
                    plain_words = 0;
                }
                continue;
            }
            let before = special.trailing_zeros() / 8;
            self.at += before as usize;
            if word.to_le_bytes().get(before as usize) == Some(&b'"') {
                self.at += 1;
                return Ok(());
            }
            self.at += 2;
        }
        loop {
            match self.bytes.get(self.at) {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'\\') => self.at += 2,
                Some(_) => self.at += 1,
                None => return self.bad(),
            }
        }
    }

    /// Moves past the next quote. Says whether it ends the string: escaped line ends are frequent in logs, so only quotes
    /// are looked for, and then the backslashes before them.
    fn seek_quote(&mut self) -> Result<bool, Bad> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let Some(i) = memchr(b'"', rest) else {
            self.at = self.bytes.len();
            return self.bad();
        };
        let slashes = rest.get(..i).unwrap_or_default().iter().rev().take_while(|b| **b == b'\\').count();
        self.at += i + 1;
        Ok(slashes.is_multiple_of(2))
    }

    fn skip_container(&mut self) -> Result<(), Bad> {
        let mut depth = 0_usize;
        loop {
            let Some(byte) = self.bytes.get(self.at) else { return self.bad() };
            self.at += 1;
            match byte {
                b'"' => self.close_string()?,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth -= 1;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                0 => return self.bad(),
                _ => {}
            }
        }
    }
}

/// The digits before the point of a number such as `1.5e3`; nothing where it has too many of them, or is none.
fn with_exponent(text: &[u8]) -> Option<Vec<u8>> {
    let (number, exponent) = match text.iter().position(|b| matches!(b, b'e' | b'E')) {
        Some(at) => (text.get(..at)?, std::str::from_utf8(text.get(at + 1..)?).ok()?.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, rest) = match number.iter().position(|b| *b == b'.') {
        Some(at) => (number.get(..at)?, number.get(at + 1..)?),
        None => (number, &b""[..]),
    };
    if whole.is_empty() || rest.iter().any(|b| !b.is_ascii_digit()) {
        return None;
    }
    let len = usize::try_from(i32::try_from(whole.len()).ok()?.checked_add(exponent)?).unwrap_or(0);
    let zeros = std::iter::repeat(&b'0');
    let mut digits =
        whole.iter().chain(rest).chain(zeros).take(len.min(2 * MOST_DIGITS)).skip_while(|b| **b == b'0').copied().collect::<Vec<u8>>();
    if len == 0 && !whole.iter().all(u8::is_ascii_digit) || digits.len() > MOST_DIGITS {
        return None;
    }
    if digits.is_empty() {
        digits.push(b'0');
    }
    Some(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(text: &str) -> Option<u64> {
        Cursor::new(text.as_bytes()).counter().unwrap()
    }

    #[test]
    fn counters_are_read_leniently() {
        assert_eq!(counter("7"), Some(7));
        assert_eq!(counter("\"7\""), Some(7));
        assert_eq!(counter("7.0"), Some(7));
        assert_eq!(counter("null"), None);
        assert_eq!(counter("-1"), None);
        for (text, number) in
            [("1e1", 10), ("1.5e3", 1500), ("1.777E+3", 1777), ("12e-1", 1), ("0e5", 0), ("7.0e0", 7), ("5e-9", 0), ("0.5", 0)]
        {
            assert_eq!(counter(text), Some(number), "{text}");
        }
        for text in ["1e999", "1e40", "-1", "-1.0", "-1e-5", "1e", "e5", ".5", "1.x", "1e99999999999", "0x10", "1e2147483647"] {
            assert_eq!(counter(text), None, "{text}");
        }
        assert_eq!(counter("9223372036854775808"), None);
        assert_eq!(counter("{\"a\":1}"), None);
    }

    #[test]
    fn unread_values_are_skipped_whatever_they_hold() {
        let line = br#" { "a" : {"x":[1,"]}\"",{}]} , "b":"\\", "c": 5 } "#;
        let mut cursor = Cursor::new(line);
        let mut seen = Vec::new();
        cursor
            .object(|key, c| {
                if key == b"c" {
                    seen.push(c.counter()?);
                }
                Ok(())
            })
            .unwrap();
        cursor.end().unwrap();
        assert_eq!(seen, [Some(5)]);
    }

    #[test]
    fn a_string_ends_at_its_first_unescaped_quote_wherever_that_is() {
        for before in 0..80 {
            for escape in ["", "\\n", "\\\"", "\\\\", "\\\\\\\"", "\\\\\\\\", "\\u00e9\\\""] {
                for after in 0..80 {
                    let inside = format!("{}{escape}{}", "x".repeat(before), "é".repeat(after));
                    let line = format!("\"{inside}\",");
                    let mut cursor = Cursor::new(line.as_bytes());
                    assert_eq!(cursor.string().unwrap().unwrap().0, inside.as_bytes());
                    assert_eq!(cursor.peek(), Some(b','));
                    assert!(Cursor::new(line.trim_end_matches("\",").as_bytes()).string().is_err());
                }
            }
        }
    }

    #[test]
    fn broken_lines_are_errors_not_panics() {
        for line in
            ["", "{", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":\"\\", "{\"a\":1", "[1,", "{\"a\":{\"b\":[", "{\"a\":5,\0\0", "\0\0"]
        {
            assert!(Cursor::new(line.as_bytes()).object(|_, _| Ok(())).is_err(), "{line:?}");
        }
    }

    #[test]
    fn deep_nesting_is_walked_without_recursion() {
        let line = format!("{{\"a\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
        Cursor::new(line.as_bytes()).object(|_, _| Ok(())).unwrap();
    }

    #[test]
    fn lone_surrogates_and_invalid_utf8_become_text() {
        assert_eq!(RawStr(br"caf\u00e9").text(), "café");
        assert!(RawStr(br"x\ud83d").text().starts_with('x'));
        assert_eq!(RawStr(b"a\xffb").text(), "a\u{fffd}b");
    }
}
