//! A file that grows, through the pool (last line without newline, fingerprints, zstd).

use super::{Told, dir, read_file, split};
use aifinops::sources;
use aifinops::store::{FileRow, FileStat};
use std::fs::{self, OpenOptions};
use std::io::Write as _;

const FILES: [(&str, &str); 4] = [
    ("claude-code", "p/agent-a1.jsonl"),
    ("codex", "rollout-2026-08-10T09-00-00-019feae6-7680-7000-8000-000000000001.jsonl"),
    ("gemini-cli", "tmp/p/chats/session-a1.jsonl"),
    ("gemini-cli", "tmp/p/chats/session-a2.json"), // a document
];

/// All that is remembered but what the system says of the file.
fn bare(row: &FileRow) -> FileRow {
    FileRow { stat: FileStat::default(), ..row.clone() }
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, text)) = split(data) else { return };
    let (agent, name) = FILES[how % FILES.len()];
    let source = sources::by_agent(agent).unwrap();
    let path = dir().join("tail").join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();

    fs::write(&path, text).unwrap();
    let whole = read_file(source, &path, None);
    let last = whole.last().expect("a file that can be read says at least that").file.clone();
    assert_eq!(last.generation, 0);
    assert!(last.offset <= text.len() as u64 && last.malformed <= last.lines);
    if !source.is_document(&path) {
        let complete = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        assert_eq!(last.offset, complete as u64);
    }
    let mut told = Told::default();
    for piece in &whole {
        told.take(&piece.batch);
    }
    told.check();
    // Looked at again, nothing has happened to it.
    let again = read_file(source, &path, Some(last.clone()));
    assert_eq!(bare(&again.last().unwrap().file).carry, last.carry);

    if !source.is_document(&path) {
        // Written in two goes, and read in between: the same is remembered in the end.
        let cut = text.len() * (how >> 2) / 64;
        fs::write(&path, &text[..cut]).unwrap();
        let begun = read_file(source, &path, None).pop().unwrap().file;
        if cut < text.len() {
            OpenOptions::new().append(true).open(&path).unwrap().write_all(&text[cut..]).unwrap();
        }
        let after = read_file(source, &path, Some(begun)).pop().unwrap().file;
        assert_eq!(bare(&after), bare(&last), "cut at {cut} of {}", text.len());
    }

    if agent == "codex" {
        // Compressed, the same lines say the same; what is no frame is a failure and nothing else.
        let cold = path.with_extension("jsonl.zst");
        let packed = ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest);
        fs::write(&cold, if how & 0x80 == 0 { packed.as_slice() } else { text }).unwrap();
        let pieces = read_file(source, &cold, None);
        if how & 0x80 == 0 {
            // It is finished: a last line that only lacks its newline is read, and not read again.
            let ended = if text.ends_with(b"}") { [text, b"\n"].concat() } else { text.to_vec() };
            fs::write(&path, &ended).unwrap();
            let last = read_file(source, &path, None).pop().unwrap().file;
            let row = &pieces.last().unwrap().file;
            assert_eq!((row.lines, row.malformed, &row.carry), (last.lines, last.malformed, &last.carry));
        }
    }
}
