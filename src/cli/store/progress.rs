//! A bar on standard error that only long work shows.

use std::io::{self, IsTerminal as _, Read};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::context::Context;

/// Work that takes longer than this shows how far it is.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often a bar without an end moves.
const TICK: Duration = Duration::from_millis(120);

/// How far something is.
#[derive(Debug)]
pub struct Progress {
    wanted: bool,
    since: Instant,
    template: &'static str,
    all: u64,
    drawn: Option<ProgressBar>,
}

impl Progress {
    /// Begins something of a known size. `template` is the bar's.
    #[must_use]
    pub fn begin(context: &Context, template: &'static str, all: u64) -> Progress {
        let wanted = !context.quiet && !context.json && io::stderr().is_terminal();
        Progress { wanted, since: Instant::now(), template, all, drawn: None }
    }

    /// Begins something that is one piece: only that it goes on can be shown.
    #[must_use]
    pub fn unknown(context: &Context, template: &'static str) -> Progress {
        let mut progress = Progress::begin(context, template, 0);
        if progress.wanted {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            progress.style(&bar);
            bar.enable_steady_tick(TICK);
            progress.drawn = Some(bar);
        }
        progress
    }

    fn style(&self, bar: &ProgressBar) {
        // The templates are fixed; a mistake in one would only leave the default one.
        if let Ok(style) = ProgressStyle::with_template(self.template) {
            bar.set_style(style);
        }
    }

    /// So much is done.
    pub fn show(&mut self, done: u64) {
        if !self.wanted || self.since.elapsed() < PATIENCE {
            return;
        }
        if self.drawn.is_none() {
            let bar = ProgressBar::with_draw_target(Some(self.all), ProgressDrawTarget::stderr());
            self.style(&bar);
            self.drawn = Some(bar);
        }
        if let Some(bar) = &self.drawn {
            bar.set_position(done.min(self.all));
        }
    }

    /// A file that shows how much of it has been read.
    pub fn reading<R: Read>(self, file: R) -> Reading<R> {
        Reading { file, read: 0, progress: self }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}

/// A file that shows how much of it has been read.
#[derive(Debug)]
pub struct Reading<R> {
    file: R,
    read: u64,
    progress: Progress,
}

impl<R: Read> Read for Reading<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.read += read as u64;
        self.progress.show(self.read);
        Ok(read)
    }
}
