//! The agent as a child: in a process group of its own, with the terminal where it needs it, stopped with all that it
//! has started.
//!
//! **Why a group.** An agent starts shells, servers and helpers; a signal to it alone leaves them running. A group is
//! reached as a whole, and job control works as ever: Ctrl-C and Ctrl-Z go to the agent's group, because it has the
//! terminal; when it stops, so does this process, and the shell can bring both back.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, raise};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use tokio::signal::unix::{SignalKind, signal};

use super::stop::{Due, Ladder, Step, Target, Waits};

mod terminal;

use terminal::Terminal;

/// How often it is looked whether the agent is to be stopped, or may go on.
const LOOK: Duration = Duration::from_millis(500);
/// The same while it is being stopped.
const LOOK_CLOSELY: Duration = Duration::from_millis(20);

/// How a child is treated.
pub struct Care<'a> {
    /// Whether it may have this process' terminal.
    pub shares_terminal: bool,
    /// The patience with it when it is to be stopped.
    pub waits: Waits,
    /// Whether it is to be stopped.
    pub watch: Option<Watch<'a>>,
    /// Takes what is to be told the person.
    pub tell: &'a mut dyn FnMut(&str),
}

/// What happens to a child that would have to be stopped.
pub struct Watch<'a> {
    /// Says why, if it is so right now; asked twice a second.
    pub over: &'a mut dyn FnMut() -> Option<String>,
    /// Whether it is paused until that ends, instead of being stopped for good.
    pub pauses: bool,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// By itself.
    Exit(i32),
    /// By a signal of this number.
    Signal(i32),
}

impl Ended {
    /// The exit code that tells the same: 128 and the number for a signal, as shells do.
    #[must_use]
    pub fn code(self) -> u8 {
        let code = match self {
            Ended::Exit(code) => code,
            Ended::Signal(number) => number.saturating_add(128),
        };
        u8::try_from(code & 0xff).unwrap_or(u8::MAX)
    }
}

/// Why there is no child.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The program could not be started.
    #[error("{0}")]
    Start(#[source] io::Error),
    /// The system does not say what becomes of it.
    #[error("the child process cannot be watched: {0}")]
    Wait(#[source] io::Error),
}

/// A running child.
struct Child<'a> {
    pid: Pid,
    group: Target,
    terminal: Option<Terminal>,
    waits: Waits,
    ladder: Option<Ladder>,
    paused: bool,
    ended: Option<Ended>,
    tell: &'a mut dyn FnMut(&str),
}

/// Runs a command to its end.
///
/// SIGINT, SIGQUIT, SIGHUP, SIGTERM and SIGWINCH that this process gets are handed to the child's group; the two that
/// mean an end are followed by stronger ones if they do not help.
pub fn run(command: &mut Command, care: Care<'_>) -> Result<Ended, ChildError> {
    let Care { shares_terminal, waits, mut watch, tell } = care;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(ChildError::Wait)?;
    let _entered = runtime.enter();
    // Before the child is there, so that no word of it is missed.
    let listen = |kind| signal(kind).map_err(ChildError::Wait);
    let mut news = listen(SignalKind::child())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut quit = listen(SignalKind::quit())?;
    let mut hangup = listen(SignalKind::hangup())?;
    let mut terminate = listen(SignalKind::terminate())?;
    let mut resize = listen(SignalKind::window_change())?;
    let mut child = Child::start(command, shares_terminal, waits, tell)?;
    runtime.block_on(async {
        loop {
            child.hear()?;
            if let Some(ended) = child.is_over() {
                return Ok(ended);
            }
            let look = if child.ladder.is_some() { LOOK_CLOSELY } else { LOOK };
            tokio::select! {
                _ = news.recv() => {}
                _ = interrupt.recv() => child.interrupted(),
                _ = quit.recv() => child.group.tell(Signal::SIGQUIT),
                _ = resize.recv() => child.group.tell(Signal::SIGWINCH),
                _ = hangup.recv() => {
                    child.group.tell(Signal::SIGHUP);
                    child.stop(Step::Terminate);
                }
                _ = terminate.recv() => child.stop(Step::Terminate),
                () = tokio::time::sleep(look) => {
                    child.climb();
                    if let Some(watch) = &mut watch {
                        child.look(watch);
                    }
                }
            }
        }
    })
}

impl<'a> Child<'a> {
    fn start(command: &mut Command, shares_terminal: bool, waits: Waits, tell: &'a mut dyn FnMut(&str)) -> Result<Child<'a>, ChildError> {
        let mut terminal = if shares_terminal { Terminal::open() } else { None };
        let child = command.process_group(0).spawn().map_err(ChildError::Start)?;
        let number = child.id();
        let pid = Pid::from_raw(i32::try_from(number).unwrap_or(i32::MAX));
        let group = Target::Group(number);
        if let Some(terminal) = terminal.as_mut().filter(|_| Terminal::is_wanted()) {
            terminal.give(pid);
            // It may have asked for the terminal before it had it, and been stopped for that.
            group.tell(Signal::SIGCONT);
        }
        Ok(Child { pid, group, terminal, waits, ladder: None, paused: false, ended: None, tell })
    }

    /// Takes in what has become of the child.
    fn hear(&mut self) -> Result<(), ChildError> {
        while self.ended.is_none() {
            match waitpid(self.pid, Some(WaitPidFlag::WNOHANG | WaitPidFlag::WUNTRACED)) {
                Ok(WaitStatus::Exited(_, code)) => self.end(Ended::Exit(code)),
                Ok(WaitStatus::Signaled(_, signal, _)) => self.end(Ended::Signal(signal as i32)),
                Ok(WaitStatus::Stopped(_, signal)) => self.stopped(signal),
                Ok(_) => break,
                Err(nix::errno::Errno::EINTR) => {}
                Err(error) => return Err(ChildError::Wait(error.into())),
            }
        }
        Ok(())
    }

    fn end(&mut self, ended: Ended) {
        self.ended = Some(ended);
        if let Some(terminal) = &mut self.terminal {
            terminal.take(self.pid);
            if matches!(ended, Ended::Signal(_)) {
                terminal.restore();
            }
        }
    }

    /// How it ended, once nothing is left to be done: what was to be stopped is gone with all that it had started.
    fn is_over(&self) -> Option<Ended> {
        let ended = self.ended?;
        let is_left = self.ladder.is_some() && self.group.is_there().unwrap_or(false);
        (!is_left).then_some(ended)
    }

    /// The child has been stopped, by a key or by somebody.
    fn stopped(&mut self, signal: Signal) {
        if self.paused || self.ladder.is_some() {
            return;
        }
        let Some(terminal) = &mut self.terminal else { return };
        if matches!(signal, Signal::SIGTTIN | Signal::SIGTTOU) {
            terminal.give(self.pid);
        } else {
            terminal.take(self.pid);
            // Where no shell would ever bring it back, this does nothing, and the child goes on at once.
            let _ = raise(Signal::SIGTSTP);
            terminal.give_back(self.pid);
        }
        self.group.tell(Signal::SIGCONT);
    }

    fn interrupted(&mut self) {
        if self.paused {
            self.stop(Step::Interrupt); // who interrupts a paused agent wants no more of it
        } else {
            self.group.tell(Signal::SIGINT);
        }
    }

    fn stop(&mut self, step: Step) {
        if self.ladder.as_ref().is_none_or(|ladder| ladder.step() < step) {
            self.paused = false;
            let _ = self.group.take(step); // what is gone already needs no stopping
            self.ladder = Some(Ladder::begun(step, self.waits, Instant::now()));
        }
    }

    /// Takes the next step, if one is due.
    fn climb(&mut self) {
        let Some(ladder) = &mut self.ladder else { return };
        match ladder.due(Instant::now()) {
            Due::Take(step) => {
                let _ = self.group.take(step);
            }
            Due::GiveUp if self.ended.is_some() => self.ladder = None,
            Due::Nothing | Due::GiveUp => {}
        }
    }

    fn look(&mut self, watch: &mut Watch<'_>) {
        if self.ladder.is_some() || self.ended.is_some() {
            return;
        }
        match ((watch.over)(), self.paused) {
            (Some(why), false) if watch.pauses => {
                self.group.tell(Signal::SIGSTOP);
                self.paused = true;
                if let Some(terminal) = &mut self.terminal {
                    terminal.take(self.pid);
                    terminal.restore();
                }
                (self.tell)(&format!("The agent is paused and goes on when there is room; Ctrl-C ends it. {why}"));
            }
            (Some(why), false) => {
                (self.tell)(&why);
                self.stop(Step::Interrupt);
            }
            (None, true) => {
                self.paused = false;
                if let Some(terminal) = &mut self.terminal {
                    terminal.give_back(self.pid);
                }
                (self.tell)("The agent goes on.");
                self.group.tell(Signal::SIGCONT);
                self.group.tell(Signal::SIGWINCH); // draws its screen again
            }
            (Some(_), true) | (None, false) => {}
        }
    }
}
