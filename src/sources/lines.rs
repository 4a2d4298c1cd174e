//! Bytes to lines: what every line-based log has in common.

use super::json::{Bad, Cursor};
use crate::model::Batch;

/// Tool calls, their results and the like that count of one message. Agents write some dozens at most; a message that is made
/// to hold a million costs no more memory than its line.
pub const MOST_PARTS: usize = 1 << 17;

/// The result of reading many lines.
#[derive(Debug)]
pub struct Lines<T> {
    /// One record for each line that says something, in order.
    pub records: Vec<T>,
    /// Lines that were not blank.
    pub lines: u64,
    /// Lines that were no JSON.
    pub malformed: u64,
    /// What was wrong with the first of them.
    pub first_malformed: Option<String>,
}

/// Reads every line with `read`, which gives `None` for a line that says nothing of interest.
///
/// CRLF, blank lines, a byte-order mark, and the NUL bytes that a crashed writer leaves around a record are passed over.
pub fn each<T>(bytes: &[u8], mut read: impl FnMut(&mut Cursor<'_>) -> Result<Option<T>, Bad>) -> Lines<T> {
    let mut out = Lines::none();
    let mut start = 0;
    while start < bytes.len() {
        let rest = bytes.get(start..).unwrap_or_default();
        let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
        start += len + 1;
        out.take(rest.get(..len).unwrap_or_default(), "line", &mut read);
    }
    out
}

/// Reads bytes that are one document, however many lines it takes, as [`each`] reads a line.
pub fn whole<T>(bytes: &[u8], mut read: impl FnMut(&mut Cursor<'_>) -> Result<Option<T>, Bad>) -> Lines<T> {
    let mut out = Lines::none();
    out.take(bytes, "document", &mut read);
    out
}

impl<T> Lines<T> {
    /// The records, once what was counted of the lines is in a batch: every fold begins with this.
    pub fn counted(self, out: &mut Batch) -> Vec<T> {
        out.lines += self.lines;
        out.malformed += self.malformed;
        if out.first_malformed.is_none() {
            out.first_malformed = self.first_malformed;
        }
        self.records
    }

    const fn none() -> Lines<T> {
        Lines { records: Vec::new(), lines: 0, malformed: 0, first_malformed: None }
    }

    fn take(&mut self, bytes: &[u8], what: &str, read: &mut impl FnMut(&mut Cursor<'_>) -> Result<Option<T>, Bad>) {
        let line = trim(bytes);
        if line.is_empty() {
            return;
        }
        self.lines += 1;
        let mut cursor = Cursor::new(line);
        match read(&mut cursor).and_then(|record| cursor.end().map(|()| record)) {
            Ok(Some(record)) => self.records.push(record),
            Ok(None) => {}
            Err(bad) => {
                self.malformed += 1;
                self.first_malformed.get_or_insert_with(|| format!("no JSON after byte {} of a {what} of {} bytes", bad.at, line.len()));
            }
        }
    }
}

fn trim(mut line: &[u8]) -> &[u8] {
    if let Some(rest) = line.strip_prefix(b"\xef\xbb\xbf") {
        line = rest;
    }
    let blank = |b: &u8| matches!(b, b' ' | b'\t' | b'\r' | 0);
    while let [first, rest @ ..] = line {
        if !blank(first) {
            break;
        }
        line = rest;
    }
    while let [rest @ .., last] = line {
        if !blank(last) {
            break;
        }
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oddities_around_records_are_passed_over() {
        let bytes = b"\xef\xbb\xbf{\"a\":1}\r\n\n   \n\0\0\0{\"a\":2}\0\n{\"a\":\n{\"a\":3} x\n{\"a\":4}";
        let lines = each(bytes, |c| {
            let mut value = None;
            c.object(|_, c| {
                value = c.counter()?;
                Ok(())
            })?;
            Ok(value)
        });
        assert_eq!(lines.records, [1, 2, 4]);
        assert_eq!((lines.lines, lines.malformed), (5, 2));
    }
}
