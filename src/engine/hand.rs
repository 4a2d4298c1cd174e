//! What a person does to a session's agent from the screen: ending its process, pausing it, letting it go on.
//!
//! The engine looks for the process and says what it has found; the screen asks the person. The signals' waits are a
//! thread of their own: neither the logs nor the screen wait for a process that will not end.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use crate::model::Millis;
use crate::model::text::shown;
use crate::query::caps::{Decision, Kind};
use crate::query::{Living, project_of};
use crate::store::{Store, StoreError};

use super::caps::Keeper;
use super::launch;
use super::live::Wake;
use super::process::{self, Clues, Missing, Process};

/// After a signal a process may look as before for so long.
const SETTLES: Duration = Duration::from_secs(1);

/// What is wanted of a session's agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// That it ends: the person is asked first.
    Stop,
    /// That it pauses, or goes on where it is paused.
    Hold,
}

/// What there is to say about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// This is the process; shall it be stopped?
    Asks {
        /// The session's id in the store.
        session: i64,
        /// The process.
        process: Process,
    },
    /// Something has been done, or goes on.
    Done(String),
    /// Something has failed.
    Failed(String),
}

/// The last thing that was said; another number, another word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// Grows with each word.
    pub serial: u64,
    /// What was said.
    pub said: Said,
}

/// A paused agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Its sessions: the conversation's own and its subagents'.
    pub sessions: Vec<i64>,
    /// The project.
    pub name: String,
    /// The process.
    pub process: Process,
    /// When it was paused.
    since: Instant,
}

impl Held {
    /// The command that lets it go on.
    #[must_use]
    pub fn way_out(&self) -> String {
        format!("kill -CONT {}{}", if self.process.leads { "-- -" } else { "" }, self.process.pid)
    }
}

/// The agents' processes as the screen's person has them.
pub(super) struct Hand {
    /// Whether sessions have processes at all; those of the demo have none.
    real: bool,
    wakes: SyncSender<Wake>,
    serial: u64,
    pub(super) word: Option<Arc<Word>>,
    pub(super) held: Arc<Vec<Held>>,
}

/// What a session is to whoever looks for its process.
pub(super) struct Subject {
    pub(super) sessions: Vec<i64>,
    pub(super) name: String,
    pub(super) clues: Clues,
}

impl Hand {
    pub(super) fn new(real: bool, wakes: SyncSender<Wake>) -> Hand {
        Hand { real, wakes, serial: 0, word: None, held: Arc::default() }
    }

    pub(super) fn say(&mut self, said: Said) {
        self.serial += 1;
        self.word = Some(Arc::new(Word { serial: self.serial, said }));
    }

    /// Whether a session's agent is paused.
    pub(super) fn is_held(&self, session: i64) -> bool {
        self.held.iter().any(|held| held.sessions.contains(&session))
    }

    /// Looks for a session's process, and does with it what needs no question.
    pub(super) fn find(&mut self, session: i64, wish: Wish, store: &Store, living: &Living) -> Result<(), StoreError> {
        if wish == Wish::Hold
            && let Some(held) = self.held.iter().find(|held| held.sessions.contains(&session)).cloned()
        {
            self.release(&held);
            return Ok(());
        }
        if !self.real {
            self.say(Said::Failed("the demo's agents have no processes".to_owned()));
            return Ok(());
        }
        let Some(subject) = subject(session, store, living)? else {
            self.say(Said::Failed(Missing::None.to_string()));
            return Ok(());
        };
        match (process::find(&subject.clues), wish) {
            (Ok(process), Wish::Stop) => self.say(Said::Asks { session, process }),
            (Ok(process), Wish::Hold) => self.hold(subject, process),
            (Err(missing), _) => self.say(Said::Failed(missing.to_string())),
        }
        Ok(())
    }

    /// Ends a process, and writes that down.
    pub(super) fn stop(
        &mut self,
        session: i64,
        process: &Process,
        store: &Store,
        caps: &mut Keeper,
        now: Millis,
    ) -> Result<(), StoreError> {
        if !process.is_same() {
            self.say(Said::Failed(format!("process {} has ended already", process.pid)));
            return Ok(());
        }
        let who = store.who(session)?;
        let spent = store.spend_of(&[session])?.iter().map(|row| row.sums.nanos).sum();
        let decision = Decision {
            at: now,
            kind: Kind::Stop,
            cap: String::new(),
            agent: who.as_ref().map(|who| who.agent.to_string()),
            session: who.as_ref().map(|who| who.uid.to_string()),
            unit: "usd".to_owned(),
            spent,
            amount: 0,
            until: None,
            who: String::new(),
            why: Some(format!("by hand: process {}", process.pid)),
        };
        // A record that cannot be written must not keep a person from stopping what spends.
        let recorded = caps.record(decision);
        signals::stop(process.clone(), self.wakes.clone());
        if let Err(error) = recorded {
            self.say(Said::Failed(format!("stopping process {}; it could not be written down: {error}", process.pid)));
        }
        Ok(())
    }

    fn hold(&mut self, subject: Subject, process: Process) {
        match signals::pause(&process) {
            Ok(()) => {
                let name = shown(&subject.name);
                self.say(Said::Done(format!("paused: {name}, process {} ({})", process.pid, process.command)));
                Arc::make_mut(&mut self.held).push(Held { sessions: subject.sessions, name, process, since: Instant::now() });
            }
            Err(why) => self.say(Said::Failed(why)),
        }
    }

    fn release(&mut self, held: &Held) {
        Arc::make_mut(&mut self.held).retain(|other| other != held);
        match signals::resume(&held.process) {
            Ok(()) => self.say(Said::Done(format!("goes on: {}, process {}", held.name, held.process.pid))),
            Err(why) => self.say(Said::Failed(why)),
        }
    }

    /// Forgets what somebody else has let go on, and what has ended; gives whether there was any.
    pub(super) fn tick(&mut self) -> bool {
        let goes_on = |held: &Held| held.since.elapsed() > SETTLES && (!held.process.is_same() || held.process.is_stopped() == Some(false));
        let any = self.held.iter().any(goes_on);
        if any {
            Arc::make_mut(&mut self.held).retain(|held| !goes_on(held));
        }
        any
    }
}

/// Whose process it is: a subagent runs in that of the conversation which has started it.
pub(super) fn subject(session: i64, store: &Store, living: &Living) -> Result<Option<Subject>, StoreError> {
    let sessions = store.conversation(session)?;
    let Some(who) = store.who(sessions.first().copied().unwrap_or(session))? else { return Ok(None) };
    let mut logs = Vec::new();
    for id in &sessions {
        logs.extend(store.files_of(*id)?);
    }
    let clues = Clues {
        pid: living.get(&(who.agent.clone(), who.uid.clone())).and_then(|live| live.pid),
        logs,
        cwd: who.cwd.as_deref().map(Into::into),
        programs: programs(&who.agent),
    };
    let name = project_of(who.cwd.as_deref()).to_string();
    Ok(Some(Subject { sessions, name, clues }))
}

/// The programs that an agent is started by.
fn programs(agent: &str) -> &'static [&'static str] {
    launch::of_agent(agent).map(launch::Launch::programs).unwrap_or_default()
}

#[cfg(unix)]
pub(super) use signals::target;

#[cfg(unix)]
mod signals {
    use std::sync::mpsc::SyncSender;

    use super::super::stop::{Step, StopError, Target, Waits, ladder_telling, pause as hold, resume as release};
    use super::{Process, Said, Wake};

    pub(in super::super) const fn target(process: &Process) -> Target {
        if process.leads { Target::Group(process.pid) } else { Target::Process(process.pid) }
    }

    /// Ends a process in a thread of its own, which says how far it is.
    pub(super) fn stop(process: Process, wakes: SyncSender<Wake>) {
        std::thread::spawn(move || {
            let pid = process.pid;
            let waits = Waits::default();
            // The engine may have ended: then nobody is left to be told.
            let say = |said| drop(wakes.send(Wake::Said(said)));
            let ended = ladder_telling(target(&process), &waits, &mut |step| {
                let then = match step {
                    Step::Interrupt => format!("; SIGTERM in {} s", waits.interrupt.as_secs()),
                    Step::Terminate => format!("; SIGKILL in {} s", waits.terminate.as_secs()),
                    Step::Kill => String::new(),
                };
                say(Said::Done(format!("stopping process {pid}: {}{then}", step.word())));
            });
            say(match ended {
                Ok(Some(step)) => Said::Done(format!("process {pid} has ended after {}", step.word())),
                Ok(None) => Said::Failed(format!("process {pid} has ended already")),
                Err(error) => Said::Failed(error.to_string()),
            });
        });
    }

    fn done(process: &Process, sent: Result<bool, StopError>) -> Result<(), String> {
        match sent {
            Ok(true) => Ok(()),
            Ok(false) => Err(format!("process {} has ended already", process.pid)),
            Err(error) => Err(error.to_string()),
        }
    }

    pub(super) fn pause(process: &Process) -> Result<(), String> {
        done(process, hold(target(process)))
    }

    pub(super) fn resume(process: &Process) -> Result<(), String> {
        if !process.is_same() {
            return Err(format!("process {} has ended", process.pid));
        }
        done(process, release(target(process)))
    }
}

#[cfg(not(unix))]
mod signals {
    use std::sync::mpsc::SyncSender;

    use super::{Process, Said, Wake};

    const NOT_HERE: &str = "processes cannot be stopped from here on this system";

    pub(super) fn stop(_: Process, wakes: SyncSender<Wake>) {
        let _ = wakes.try_send(Wake::Said(Said::Failed(NOT_HERE.to_owned())));
    }

    pub(super) fn pause(_: &Process) -> Result<(), String> {
        Err(NOT_HERE.to_owned())
    }

    pub(super) fn resume(_: &Process) -> Result<(), String> {
        Err(NOT_HERE.to_owned())
    }
}
