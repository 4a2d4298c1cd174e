//! A log file that grows by whole lines.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::disk::{append, private_directory};
use crate::model::Millis;

/// Lines for a file, held until they are flushed together.
pub(super) struct Log {
    path: PathBuf,
    pending: Vec<u8>,
}

impl Log {
    pub(super) const fn new(path: PathBuf) -> Log {
        Log { path, pending: Vec::new() }
    }

    /// Adds one line.
    pub(super) fn push(&mut self, record: &Value) {
        self.pending.extend_from_slice(record.to_string().as_bytes());
        self.pending.push(b'\n');
    }

    /// Appends the lines to the file; whether there were any.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        self.write().map(|file| file.is_some())
    }

    /// Appends the lines to a file that was last written at that instant.
    pub(super) fn close(mut self, at: Millis) -> io::Result<()> {
        if let Some(file) = self.write()? {
            let written = UNIX_EPOCH + Duration::from_millis(u64::try_from(at).unwrap_or(0));
            let _ = file.set_modified(written); // only the order in which files are read hangs on it
        }
        Ok(())
    }

    fn write(&mut self) -> io::Result<Option<File>> {
        if self.pending.is_empty() {
            return Ok(None);
        }
        let mut file = match append(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(dir) = self.path.parent() {
                    private_directory().create(dir)?;
                }
                append(&self.path)?
            }
            opened => opened?,
        };
        file.write_all(&std::mem::take(&mut self.pending))?;
        file.flush()?;
        Ok(Some(file))
    }
}
