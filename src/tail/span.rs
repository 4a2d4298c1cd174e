//! Complete lines of a part of a file.
//!
//! A file is cut at fixed places. The lines that *begin* between two cuts are one span, so each line is read exactly
//! once, whoever reads which part, and a line may be longer than the parts.

use std::fs::File;
use std::io;

use super::MAX_LINE;
use super::fingerprint::read_at;

/// How much is looked at when a border between lines is searched.
const PROBE: usize = 64 << 10;

/// Where a span lies and what was passed over in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first byte of its first line.
    pub from: u64,
    /// The first byte behind its last newline.
    pub to: u64,
    /// Lines longer than [`MAX_LINE`], passed over.
    pub oversized: u64,
}

/// Bytes of a file. Kept from one reading to the next, so that its memory is asked for and zeroed once.
#[derive(Debug, Default)]
pub struct Buffer {
    room: Vec<u8>,
    len: usize,
}

impl Buffer {
    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.room.get(..self.len).unwrap_or_default()
    }

    /// Gives up memory beyond `most` bytes.
    pub fn shrink_to(&mut self, most: usize) {
        if self.room.len() > most {
            *self = Buffer::default();
        }
    }

    /// Room for `len` bytes.
    fn room(&mut self, len: usize) -> &mut [u8] {
        if self.room.len() < len {
            self.room.resize(len, 0);
        }
        self.room.get_mut(..len).unwrap_or_default()
    }
}

/// Reads the lines that begin in `from..to` into `buf`. `aligned` says that a line begins at `from`.
///
/// `limit` is where the file ended when it was looked at: lines that are complete by then are read, newer ones are left
/// for the next time.
pub fn read(file: &File, from: u64, to: u64, limit: u64, aligned: bool, buf: &mut Buffer) -> io::Result<Span> {
    buf.len = 0;
    let nothing = Span { from, to: from, oversized: 0 };
    let to = to.min(limit);
    let start = if aligned { Some(from) } else { behind_newline(file, from - 1, to)? };
    let Some(start) = start.filter(|s| *s < to) else { return Ok(nothing) };
    let whole_lines = if to < limit { behind_newline(file, to - 1, limit)? } else { None };
    let end = whole_lines.unwrap_or(to);
    if end - start > MAX_LINE as u64 {
        return read_long(file, start, end, buf);
    }
    fill(file, start, end, buf)?;
    buf.len = memchr::memrchr(b'\n', buf.bytes()).map_or(0, |i| i + 1);
    Ok(Span { from: start, to: start + buf.len as u64, oversized: 0 })
}

/// The place behind the first newline at or behind `at`, before `limit`.
fn behind_newline(file: &File, mut at: u64, limit: u64) -> io::Result<Option<u64>> {
    let mut block = vec![0; PROBE];
    while at < limit {
        let want = usize::try_from(limit - at).unwrap_or(PROBE).min(PROBE);
        let got = read_some(file, block.get_mut(..want).unwrap_or_default(), at)?;
        if got == 0 {
            return Ok(None);
        }
        if let Some(i) = memchr::memchr(b'\n', block.get(..got).unwrap_or_default()) {
            return Ok(Some(at + i as u64 + 1));
        }
        at += got as u64;
    }
    Ok(None)
}

/// Reads `from..to`, or up to where the file ends meanwhile.
pub(super) fn fill(file: &File, from: u64, to: u64, buf: &mut Buffer) -> io::Result<()> {
    let len = usize::try_from(to - from).unwrap_or(0);
    let room = buf.room(len);
    let mut done = 0;
    while done < len {
        let got = read_some(file, room.get_mut(done..).unwrap_or_default(), from + done as u64)?;
        if got == 0 {
            break;
        }
        done += got;
    }
    buf.len = done;
    Ok(())
}

fn read_some(file: &File, buf: &mut [u8], at: u64) -> io::Result<usize> {
    loop {
        match read_at(file, buf, at) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// A span with a very long line: the lines are gathered one by one, and the overlong ones never held in memory.
fn read_long(file: &File, from: u64, to: u64, buffer: &mut Buffer) -> io::Result<Span> {
    let buf = &mut buffer.room;
    buf.clear();
    let mut span = Span { from, to: from, oversized: 0 };
    let mut block = vec![0; PROBE];
    let (mut at, mut line_start, mut skipping) = (from, 0, false);
    while at < to {
        let want = usize::try_from(to - at).unwrap_or(PROBE).min(PROBE);
        let got = read_some(file, block.get_mut(..want).unwrap_or_default(), at)?;
        if got == 0 {
            break;
        }
        let mut rest = block.get(..got).unwrap_or_default();
        while let Some(i) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(i + 1);
            at += line.len() as u64;
            if skipping || buf.len() - line_start + line.len() > MAX_LINE {
                span.oversized += 1;
                skipping = false;
                buf.truncate(line_start);
            } else {
                buf.extend_from_slice(line);
            }
            line_start = buf.len();
            span.to = at;
            rest = after;
        }
        at += rest.len() as u64;
        if !skipping {
            buf.extend_from_slice(rest);
            if buf.len() - line_start > MAX_LINE {
                buf.truncate(line_start);
                buf.shrink_to(PROBE);
                skipping = true;
            }
        }
    }
    buf.truncate(line_start);
    buffer.len = line_start;
    Ok(span)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn file(bytes: &[u8]) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    #[test]
    fn every_line_is_in_exactly_one_span_wherever_the_cuts_are() {
        let text = b"a\nbb\n\nccc ccc ccc\nd\neeeeee\nlast without newline";
        let file = file(text);
        let size = text.len() as u64;
        let complete = memchr::memrchr(b'\n', text).unwrap() + 1;
        for step in 1..=size {
            let mut all: Vec<u8> = Vec::new();
            let mut at = 0;
            while at < size {
                let mut buf = Buffer::default();
                let span = read(&file, at, at + step, size, at == 0, &mut buf).unwrap();
                assert_eq!(span.to - span.from, buf.bytes().len() as u64);
                all.extend_from_slice(buf.bytes());
                at += step;
            }
            assert_eq!(all, &text[..complete], "cut every {step} bytes");
        }
    }

    #[test]
    fn an_overlong_line_is_passed_over_and_its_neighbours_are_read() {
        let mut text = b"first\n".to_vec();
        text.resize(text.len() + MAX_LINE + 10, b'x');
        text.extend(b"\nlast\n");
        let size = text.len() as u64;
        let file = file(&text);
        let mut buf = Buffer::default();
        let span = read(&file, 0, super::super::CHUNK, size, true, &mut buf).unwrap();
        assert!(buf.bytes() == b"first\n" && span.oversized == 1, "{} bytes, {} oversized", buf.bytes().len(), span.oversized);
        let rest = read(&file, super::super::CHUNK, size, size, false, &mut buf).unwrap();
        assert!(buf.bytes() == b"last\n" && rest.oversized == 0 && rest.to == size, "{} bytes", buf.bytes().len());
    }
}
