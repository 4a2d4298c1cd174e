//! A workday to look at: agents' logs that are made up as time goes by.
//!
//! `aifinops top --demo` shows the product to somebody whose machine has no agents yet. Nothing in the rest of the
//! program knows of it: the demo writes the same files that Claude Code and Codex write, into a home directory of its
//! own, and everything after that is the ordinary way from a log to the screen.
//!
//! Everybody on stage is an `Actor`: asked at an instant, it does the next thing and says when it wants to be asked
//! again. The past is made by asking without waiting.

use std::io;
use std::path::Path;

use crate::model::Millis;

mod actor;
mod cast;
mod claude;
mod codex;
mod log;
mod past;
mod records;
mod rng;
mod words;

use actor::Actor;
use rng::Rng;

/// After a longer silence (a machine that slept) the play goes on from now instead of making up for it.
const CATCH_UP: Millis = 60_000;

/// A workday written into a home directory as the agents' own logs.
pub struct Demo {
    cast: Vec<Role>,
}

/// Somebody on stage, and when they act next.
struct Role {
    actor: Box<dyn Actor>,
    next: Millis,
}

impl Role {
    /// Lets the actor do everything up to and including `now`.
    fn play(&mut self, now: Millis) {
        while self.next <= now {
            self.next += self.actor.act(self.next).max(1);
        }
    }
}

impl Demo {
    /// Begins a workday whose "now" is `now` in `home`, a directory that is empty or does not exist yet: writes what
    /// happened in the last thirty days and the last eight hours, at once. The same seed gives the same day.
    pub fn begin(home: &Path, now: Millis, seed: u64) -> io::Result<Demo> {
        let mut rng = Rng::new(seed);
        past::month(home, now, &mut rng)?;
        past::today(home, now, &mut rng)?;
        let mut demo = Demo { cast: cast::cast(home, now, &mut rng) };
        demo.play(now)?;
        Ok(demo)
    }

    /// Writes what has happened up to `now`; to be called every 100 to 300 ms. Returns whether anything was written.
    pub fn play(&mut self, now: Millis) -> io::Result<bool> {
        let mut written = false;
        for role in &mut self.cast {
            if now - role.next > CATCH_UP {
                role.next = now;
            }
            role.play(now);
            written |= role.actor.flush()?;
        }
        Ok(written)
    }
}
