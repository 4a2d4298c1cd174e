//! Compressed logs, some lines at a time.

use std::fs::File;
use std::io::{self, Read as _};

use crate::tail::{CHUNK, MAX_LINE};

/// Hands out the lines of a compressed log, some at a time, with how many were passed over since they are too long, and with the
/// last of them a `true`.
pub(super) fn decompress(file: &File, mut take: impl FnMut(&[u8], u64, bool) -> io::Result<()>) -> io::Result<()> {
    let broken = |e: ruzstd::decoding::errors::FrameDecoderError| io::Error::new(io::ErrorKind::InvalidData, e.to_string());
    let mut decoder = ruzstd::decoding::StreamingDecoder::new(file).map_err(broken)?;
    let (mut buf, mut skipping) = (Vec::new(), false);
    loop {
        let got = decoder.by_ref().take(CHUNK).read_to_end(&mut buf)?;
        let mut oversized = 0;
        if skipping {
            let end = memchr::memchr(b'\n', &buf).map(|i| i + 1);
            buf.drain(..end.unwrap_or(buf.len()));
            skipping = end.is_none();
        }
        // A last line that only lacks its newline counts, as it does in a log that is not compressed.
        let is_whole = got == 0 && !skipping && buf.last() == Some(&b'}') && buf.len() <= MAX_LINE;
        let len = if is_whole { buf.len() } else { memchr::memrchr(b'\n', &buf).map_or(0, |i| i + 1) };
        if buf.len() - len > MAX_LINE {
            (oversized, skipping) = (1, true);
        }
        take(buf.get(..len).unwrap_or_default(), oversized, got == 0)?;
        buf.drain(..if skipping { buf.len() } else { len });
        if got == 0 {
            return Ok(());
        }
    }
}
