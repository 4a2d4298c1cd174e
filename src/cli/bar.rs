//! The one progress bar: on standard error, where somebody looks, and only for work that takes long.

use std::io::{self, IsTerminal as _};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::context::Context;

/// Work that takes longer than this shows how far it is.
const PATIENCE: Duration = Duration::from_millis(300);
/// How often a bar without an end moves.
const TICK: Duration = Duration::from_millis(120);

/// How far something is. It leaves the screen when it is dropped.
#[derive(Debug)]
pub struct Bar {
    is_wanted: bool,
    since: Instant,
    template: &'static str,
    drawn: Option<ProgressBar>,
}

impl Bar {
    /// A bar that looks like `template`; nothing is drawn yet.
    #[must_use]
    pub fn new(context: &Context, template: &'static str) -> Bar {
        let is_wanted = !context.quiet && !context.json && io::stderr().is_terminal();
        Bar { is_wanted, since: Instant::now(), template, drawn: None }
    }

    /// The same, where it would not stand in the way of something else.
    #[must_use]
    pub fn only_if(mut self, is_wanted: bool) -> Bar {
        self.is_wanted &= is_wanted;
        self
    }

    /// Something that is one piece: only that it goes on can be shown, and is from the first moment.
    #[must_use]
    pub fn endless(context: &Context, template: &'static str) -> Bar {
        let mut bar = Bar::new(context, template);
        if bar.is_wanted {
            bar.draw(None).enable_steady_tick(TICK);
        }
        bar
    }

    /// So much is done, of so much.
    pub fn show(&mut self, done: u64, all: u64) {
        if self.is_due() {
            self.draw(Some(all)).set_position(done.min(all));
        }
    }

    /// What is being done, in words made only if somebody sees them.
    pub fn say(&mut self, words: impl FnOnce() -> String) {
        if self.is_due() {
            let words = words();
            self.draw(None).set_message(words);
        }
    }

    fn is_due(&self) -> bool {
        self.is_wanted && self.since.elapsed() >= PATIENCE
    }

    fn draw(&mut self, all: Option<u64>) -> &ProgressBar {
        let template = self.template;
        self.drawn.get_or_insert_with(|| {
            let bar = ProgressBar::with_draw_target(all, ProgressDrawTarget::stderr());
            // The templates are fixed; a mistake in one would only leave the default one.
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        })
    }

    /// Takes it from the screen, before something else is said there.
    pub fn clear(&self) {
        if let Some(bar) = &self.drawn {
            bar.finish_and_clear();
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.clear();
    }
}
