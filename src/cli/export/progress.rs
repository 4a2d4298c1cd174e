//! How far an export is: a bar on standard error where somebody looks and it takes long, and an ear for Ctrl-C.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::signals::{self, Ended};

use super::output::Output;

/// Work that takes longer than this shows how far it is.
const PATIENCE: Duration = Duration::from_millis(300);
/// Rows between two looks at the clock.
const ROWS: u64 = 512;

/// How far it is.
#[derive(Debug)]
pub struct Progress {
    wanted: bool,
    since: Instant,
    done: u64,
    drawn: Option<ProgressBar>,
    ended: Option<Ended>,
}

impl Progress {
    /// Begins, before anything is done. A file that is only half written goes away when somebody ends the export; what has gone
    /// to standard output is out, and there a signal ends everything as usual.
    #[must_use]
    pub fn begin(context: &Context, output: &Output) -> Progress {
        let wanted = !context.quiet && !context.json && io::stderr().is_terminal() && !output.is_seen();
        let ended = output.path().and_then(|_| signals::ended().ok());
        Progress { wanted, since: Instant::now(), done: 0, drawn: None, ended }
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
            if self.wanted && self.since.elapsed() > PATIENCE {
                let bar = self.drawn.get_or_insert_with(|| {
                    let bar = ProgressBar::with_draw_target(Some(all), ProgressDrawTarget::stderr());
                    // The template is fixed; a mistake in it would only leave the default one.
                    if let Ok(style) = ProgressStyle::with_template("writing {bar:30} {human_pos} of {human_len} rows, {eta} to go") {
                        bar.set_style(style);
                    }
                    bar
                });
                bar.set_position(self.done);
            }
        }
        Ok(())
    }

    /// Fails where somebody has asked for the end.
    pub fn check(&self) -> Result<(), CliError> {
        if self.ended.as_ref().is_some_and(Ended::is_set) {
            self.clear();
            return Err(CliError::Output(io::Error::new(io::ErrorKind::Interrupted, "interrupted, nothing is left behind")));
        }
        Ok(())
    }

    /// Takes the bar away; gives how many rows there were.
    pub fn end(self) -> Result<u64, CliError> {
        self.check()?;
        self.clear();
        Ok(self.done)
    }

    fn clear(&self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}
