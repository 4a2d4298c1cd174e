//! How far an export is: a bar on standard error where somebody looks and it takes long, and an ear for Ctrl-C.

use std::io;

use crate::cli::bar::Bar;
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::signals::{self, Ended};

use super::output::Output;

/// Rows between two looks at the clock.
const ROWS: u64 = 512;

/// How far it is.
#[derive(Debug)]
pub struct Progress {
    bar: Bar,
    done: u64,
    ended: Option<Ended>,
}

impl Progress {
    /// Begins, before anything is done. A file that is only half written goes away when somebody ends the export; what has gone
    /// to standard output is out, and there a signal ends everything as usual.
    #[must_use]
    pub fn begin(context: &Context, output: &Output) -> Progress {
        let bar = Bar::new(context, "writing {bar:30} {human_pos} of {human_len} rows, {eta} to go").only_if(!output.is_seen());
        let ended = output.path().and_then(|_| signals::ended().ok());
        Progress { bar, done: 0, ended }
    }

    /// How many rows are written.
    #[must_use]
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// One more row of `all` is written.
    pub fn step(&mut self, all: u64) -> Result<(), CliError> {
        self.done += 1;
        if self.done.is_multiple_of(ROWS) {
            self.check()?;
            self.bar.show(self.done, all);
        }
        Ok(())
    }

    /// Fails where somebody has asked for the end.
    pub fn check(&self) -> Result<(), CliError> {
        if self.ended.as_ref().is_some_and(Ended::is_set) {
            self.bar.clear();
            return Err(CliError::Output(io::Error::new(io::ErrorKind::Interrupted, "interrupted, nothing is left behind")));
        }
        Ok(())
    }

    /// Takes the bar away; gives how many rows there were.
    pub fn end(self) -> Result<u64, CliError> {
        self.check()?;
        self.bar.clear();
        Ok(self.done)
    }
}
