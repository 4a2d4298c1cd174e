//! The log of what went wrong where nobody was looking: in a hook, in a process without a screen.
//!
//! One file beside the store, readable by its owner only, with one line each and a bound on its size.

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;

use crate::disk::append;
use crate::model::text::clean;
use crate::model::{Millis, time};
use crate::store::{Ledger, StoreError};

/// Its name in the data directory.
pub const FILE: &str = "aifinops.log";

/// Above this size it is begun anew, and the old one kept beside it.
const MOST: u64 = 1 << 20;

/// Writes one line. Where that fails there is nobody left to tell.
pub fn note(dir: &Path, now: Millis, text: &str) {
    let _ = write(dir, now, text);
}

/// Writes one line, for who can tell somebody if that fails.
pub fn write(dir: &Path, now: Millis, text: &str) -> io::Result<()> {
    let path = dir.join(FILE);
    if path.metadata().is_ok_and(|meta| meta.len() > MOST) {
        let _ = std::fs::rename(&path, dir.join(format!("{FILE}.1")));
    }
    let line = format!("{} {}\n", time::rfc3339(now), clean(text));
    append(&path)?.write_all(line.as_bytes())
}

/// Opens the ledger where nobody is looking. That a damaged one was moved aside, and raises with it, stands in the log.
pub fn ledger(dir: &Path, patience: Duration, now: Millis) -> Result<Ledger, StoreError> {
    let (ledger, notice) = Ledger::open(dir, patience)?;
    if let Some(notice) = notice {
        note(dir, now, &notice);
    }
    Ok(ledger)
}
