//! The line splitter.

use aifinops::tail::{Buffer, fingerprint, span};
use std::os::unix::fs::FileExt as _;

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let [text @ .., limit, step] = data else { return };
    let file = &tempfile::tempfile_in(super::dir()).unwrap();
    file.write_all_at(text, 0).unwrap();
    let size = text.len() as u64;
    // The file may have grown since it was looked at: what is complete by then counts.
    let limit = size - (size * u64::from(*limit) / 512);
    let step = 1 + u64::from(*step);
    let seen = &text[..usize::try_from(limit).unwrap()];
    let complete = seen.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (mut all, mut at, mut end, mut buf) = (Vec::new(), 0, 0, Buffer::default());
    while at < limit {
        let got = span::read(file, at, at + step, limit, at == 0, &mut buf).unwrap();
        assert_eq!((got.to - got.from, got.oversized), (buf.bytes().len() as u64, 0));
        if !buf.bytes().is_empty() {
            // Each span begins where the last one has ended: no line twice, none left out.
            assert_eq!(got.from, end);
            assert!(buf.bytes().ends_with(b"\n"));
            end = got.to;
        }
        all.extend_from_slice(buf.bytes());
        buf.shrink_to(64);
        at += step;
    }
    assert_eq!(all, &text[..complete], "cut every {step} bytes");
    for from in [0, size / 2, size] {
        let len = (size - from).min(fingerprint::TAIL);
        assert_eq!(fingerprint::hash_at(file, from, len).unwrap(), fingerprint::hash_at(file, from, len).unwrap());
        assert!(fingerprint::hash_at(file, from, size - from + 1).is_err() || size - from + 1 > fingerprint::HEAD);
    }
}
