//! The terminal that a program and the agent below it share: one of them has it at a time.
//!
//! Whoever is not in the terminal's foreground group is stopped when it reads a key or changes a setting. So the agent's
//! group gets the foreground, and gives it back when it ends or is stopped.

use std::fs::File;
use std::io::IsTerminal as _;

use nix::sys::signal::{SigSet, Signal};
use nix::sys::termios::{SetArg, Termios, tcgetattr, tcsetattr};
use nix::unistd::{Pid, getpgrp, tcgetpgrp, tcsetpgrp};

/// The terminal that this process was started from.
#[derive(Debug)]
pub(super) struct Terminal {
    file: File,
    /// The settings that it had at the beginning.
    original: Option<Termios>,
    /// The agent's, while it is paused.
    agents: Option<Termios>,
    /// Whether the agent is known to use it.
    given: bool,
}

impl Terminal {
    /// `None` where there is none, or where another program has it.
    pub(super) fn open() -> Option<Terminal> {
        let file = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let terminal = Terminal { original: tcgetattr(&file).ok(), file, agents: None, given: false };
        terminal.is_ours().then_some(terminal)
    }

    /// Whether an agent is to have it from the beginning: in a pipe, another program may be using it.
    pub(super) fn is_wanted() -> bool {
        std::io::stdin().is_terminal() && std::io::stdout().is_terminal()
    }

    fn is_ours(&self) -> bool {
        tcgetpgrp(&self.file) == Ok(getpgrp())
    }

    /// Gives it to this group, if it is ours to give.
    pub(super) fn give(&mut self, group: Pid) {
        if self.is_ours() {
            self.given = tcsetpgrp(&self.file, group).is_ok();
        }
    }

    /// Gives it again to who had it before it was taken away.
    pub(super) fn give_back(&mut self, group: Pid) {
        if self.given {
            self.give(group);
            if let Some(settings) = self.agents.take() {
                self.set(&settings);
            }
        }
    }

    /// Takes it from this group, if it has it.
    pub(super) fn take(&self, group: Pid) {
        if tcgetpgrp(&self.file) == Ok(group) {
            // Who is in the background and asks for the foreground is stopped by SIGTTOU, unless it is blocked.
            quietly(|| tcsetpgrp(&self.file, getpgrp()));
        }
    }

    /// Makes keys do again what they did at the beginning: Ctrl-C interrupts.
    pub(super) fn restore(&mut self) {
        self.agents = tcgetattr(&self.file).ok();
        if let Some(original) = self.original.clone() {
            self.set(&original);
        }
    }

    fn set(&self, settings: &Termios) {
        quietly(|| tcsetattr(&self.file, SetArg::TCSADRAIN, settings));
    }
}

/// Does something that is for the foreground only. That it failed changes nothing: the terminal is gone.
fn quietly(what: impl FnOnce() -> nix::Result<()>) {
    let mut set = SigSet::empty();
    set.add(Signal::SIGTTOU);
    let blocked = set.thread_block().is_ok();
    let _ = what();
    if blocked {
        let _ = set.thread_unblock();
    }
}
