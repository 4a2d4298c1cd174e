//! Ending a process, or a group of them, ever less politely; and pausing it.
//!
//! Codex and Claude Code end within a tenth of a second of a SIGINT and leave readable transcripts; SIGTERM is for what
//! does not listen, SIGKILL for what will not. A pause is the one of these that can be taken back: after SIGCONT agents
//! go on as if nothing had happened, if the service has kept their connection.

use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;

use crate::proc::Table;

/// How often it is looked whether a process is still there.
const LOOK: Duration = Duration::from_millis(20);

/// What is to be stopped. Whoever names it must know that the number has not been given to another process since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// One process.
    Process(u32),
    /// All processes of a group, named by its leader.
    Group(u32),
}

/// How long each step is given to work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// After SIGINT.
    pub interrupt: Duration,
    /// After SIGTERM.
    pub terminate: Duration,
    /// After SIGKILL: what is not gone then is stuck in the kernel.
    pub kill: Duration,
}

impl Default for Waits {
    fn default() -> Waits {
        Waits { interrupt: Duration::from_secs(5), terminate: Duration::from_secs(5), kill: Duration::from_secs(2) }
    }
}

/// How far one had to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// SIGKILL.
    Kill,
}

impl Step {
    /// The signal's name.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Step::Interrupt => "SIGINT",
            Step::Terminate => "SIGTERM",
            Step::Kill => "SIGKILL",
        }
    }

    const fn signal(self) -> Signal {
        match self {
            Step::Interrupt => Signal::SIGINT,
            Step::Terminate => Signal::SIGTERM,
            Step::Kill => Signal::SIGKILL,
        }
    }
}

/// Why something could not be stopped.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum StopError {
    /// It belongs to somebody else.
    #[error("process {0} belongs to another user")]
    Forbidden(u32),
    /// This number cannot be signalled: it would mean several processes, or none.
    #[error("{0} is no process that can be stopped")]
    NoTarget(u32),
    /// It is still there after SIGKILL.
    #[error("process {0} is still there after SIGKILL")]
    Stuck(u32),
    /// The system refuses.
    #[error("process {0} cannot be signalled: {1}")]
    System(u32, String),
}

impl Target {
    const fn number(self) -> u32 {
        match self {
            Target::Process(number) | Target::Group(number) => number,
        }
    }

    /// Sends a signal, or none to ask whether it is there. Gives whether it is.
    fn signal(self, signal: Option<Signal>) -> Result<bool, StopError> {
        let number = self.number();
        // 0 and 1 would mean the own group and everything.
        let pid = i32::try_from(number).ok().filter(|pid| *pid > 1).map(Pid::from_raw).ok_or(StopError::NoTarget(number))?;
        let sent = match self {
            Target::Process(_) => kill(pid, signal),
            Target::Group(_) => killpg(pid, signal),
        };
        match sent {
            Ok(()) => Ok(true),
            Err(Errno::ESRCH) => Ok(false),
            Err(Errno::EPERM) => Err(StopError::Forbidden(number)),
            Err(error) => Err(StopError::System(number, error.desc().to_owned())),
        }
    }

    /// Whether anything of it is running or could run again. Whatever has ended and waits for its parent does not count,
    /// where that can be known.
    pub fn is_there(self) -> Result<bool, StopError> {
        Ok(self.signal(None)? && !matches!(self, Target::Process(number) if is_zombie(number)))
    }

    /// Sends a signal of this step, and wakes what is stopped, which would not hear it. Gives whether anything was there.
    pub(super) fn take(self, step: Step) -> Result<bool, StopError> {
        let is_there = self.signal(Some(step.signal()))?;
        if is_there {
            // By now it may have ended, of the first one.
            self.signal(Some(Signal::SIGCONT))?;
        }
        Ok(is_there)
    }

    /// Sends any signal; what is not there any more is no error.
    pub(super) fn tell(self, signal: Signal) {
        let _ = self.signal(Some(signal));
    }
}

/// Whether a process has ended and nobody has asked how. Known on Linux only.
fn is_zombie(number: u32) -> bool {
    Table::default().stat(number).is_some_and(|stat| stat.is_over())
}

/// The steps one after the other: says when which is due.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ladder {
    waits: Waits,
    step: Step,
    since: Instant,
}

/// What a ladder wants done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    Take(Step),
    GiveUp,
}

impl Ladder {
    /// A ladder whose first step has just been taken.
    pub(super) const fn begun(step: Step, waits: Waits, now: Instant) -> Ladder {
        Ladder { waits, step, since: now }
    }

    pub(super) const fn step(&self) -> Step {
        self.step
    }

    /// What is due now, if what is to be stopped is still there.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let (wait, next) = match self.step {
            Step::Interrupt => (self.waits.interrupt, Some(Step::Terminate)),
            Step::Terminate => (self.waits.terminate, Some(Step::Kill)),
            Step::Kill => (self.waits.kill, None),
        };
        if now.saturating_duration_since(self.since) < wait {
            return Due::Nothing;
        }
        match next {
            Some(step) => {
                (self.step, self.since) = (step, now);
                Due::Take(step)
            }
            None => Due::GiveUp,
        }
    }
}

/// Ends it: SIGINT, then SIGTERM, then SIGKILL, each when the one before has not helped in its time. Gives the step that
/// did, or `None` where nothing was there. Blocks as long as that takes.
pub fn ladder(target: Target, waits: &Waits) -> Result<Option<Step>, StopError> {
    ladder_telling(target, waits, &mut |_| {})
}

/// As [`ladder`], and says which step is taken.
pub fn ladder_telling(target: Target, waits: &Waits, tell: &mut dyn FnMut(Step)) -> Result<Option<Step>, StopError> {
    if !target.is_there()? || !target.take(Step::Interrupt)? {
        return Ok(None);
    }
    tell(Step::Interrupt);
    let mut ladder = Ladder::begun(Step::Interrupt, *waits, Instant::now());
    while target.is_there()? {
        match ladder.due(Instant::now()) {
            Due::Nothing => std::thread::sleep(LOOK),
            Due::Take(step) => {
                target.take(step)?;
                tell(step);
            }
            Due::GiveUp => return Err(StopError::Stuck(target.number())),
        }
    }
    Ok(Some(ladder.step()))
}

/// Stops it where it stands, until [`resume`]. Gives whether it was there.
pub fn pause(target: Target) -> Result<bool, StopError> {
    target.signal(Some(Signal::SIGSTOP))
}

/// Lets it go on. Gives whether it was there.
pub fn resume(target: Target) -> Result<bool, StopError> {
    target.signal(Some(Signal::SIGCONT))
}
