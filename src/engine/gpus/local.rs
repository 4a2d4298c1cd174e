//! This machine's own cards: a thread for each way to see them, so that a driver that hangs holds up nobody else.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{EVERY, News, Seen, Sight, Trouble};
use crate::gpus::{Ask, Known, PROBES, Places, Probe, ProbeError};
use crate::model::Millis;

/// How often it is looked who uses the cards.
const PROCESSES: Duration = Duration::from_secs(4);
/// How often it is looked at what hardly ever changes.
const SLOW: Duration = Duration::from_mins(1);
/// What is not there is looked for again after so long.
const AGAIN: Duration = Duration::from_mins(1);

/// Where this machine's files are: as usual, or below another root that a test has built.
#[must_use]
pub fn places(env: &dyn Fn(&str) -> Option<OsString>) -> Places {
    let env = |name: &str| env(name).filter(|value| !value.is_empty());
    let root = env("AIFINOPS_SYSROOT").map_or_else(|| PathBuf::from("/"), PathBuf::from);
    let path = env("PATH").unwrap_or_default();
    let program = std::env::split_paths(&path).map(|dir| dir.join("nvidia-smi")).find(|file| is_program(file));
    Places { sys: root.join("sys"), proc: root.join("proc"), nvml: env("AIFINOPS_NVML").map(PathBuf::from), nvidia_smi: program }
}

fn is_program(file: &Path) -> bool {
    file.is_absolute() && file.metadata().is_ok_and(|meta| meta.is_file())
}

/// The threads. Dropped, they end with their next breath; one that hangs in a driver is left alone.
pub(super) struct Local {
    stop: Arc<AtomicBool>,
    bells: Vec<SyncSender<()>>,
    threads: Vec<JoinHandle<()>>,
}

impl Local {
    /// Starts a thread for each way that does not only stand in for another.
    pub(super) fn start(places: &Places, seen: &SyncSender<News>, clock: fn() -> Millis) -> Local {
        let stop = Arc::new(AtomicBool::new(false));
        let (mut bells, mut threads) = (Vec::new(), Vec::new());
        for leader in PROBES.iter().filter(|known| known.instead_of.is_none()) {
            let ways: Vec<&'static Known> =
                PROBES.iter().filter(|known| known.name == leader.name || known.instead_of == Some(leader.name)).collect();
            let (bell, rung) = sync_channel(1);
            let (stopped, seen, places) = (stop.clone(), seen.clone(), places.clone());
            let body = move || {
                let mut worker =
                    Worker { ways, places, seen, clock, open: None, passed: None, untold: Vec::new(), processes_at: None, slow_at: None };
                while !stopped.load(Ordering::Relaxed) {
                    let pause = worker.look();
                    if !matches!(rung.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
                        return;
                    }
                }
            };
            // A thread that cannot be had is a card that is not seen.
            if let Ok(thread) = std::thread::Builder::new().name(format!("gpu-{}", leader.name)).spawn(body) {
                bells.push(bell);
                threads.push(thread);
            }
        }
        Local { stop, bells, threads }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.bells.clear();
        for thread in self.threads.drain(..).filter(JoinHandle::is_finished) {
            let _ = thread.join();
        }
    }
}

/// One way to see cards, and the ways that stand in for it.
struct Worker {
    ways: Vec<&'static Known>,
    places: Places,
    seen: SyncSender<News>,
    clock: fn() -> Millis,
    open: Option<(&'static Known, Box<dyn Probe>)>,
    /// The way that was open and turned out to be none: others are tried before it.
    passed: Option<&'static str>,
    /// Why ways are none, until what stands in for them has answered: whoever waits for an answer would go home before it.
    untold: Vec<Seen>,
    processes_at: Option<Instant>,
    slow_at: Option<Instant>,
}

impl Worker {
    /// Looks, says what was seen, and how long to pause.
    fn look(&mut self) -> Duration {
        if self.open.is_none() && !self.find() {
            self.tell();
            return AGAIN;
        }
        let Some((known, probe)) = &mut self.open else { return AGAIN };
        let begun = Instant::now();
        let due = |last: &mut Option<Instant>, every: Duration| {
            let is_due = last.is_none_or(|at| begun.duration_since(at) >= every);
            if is_due {
                *last = Some(begun);
            }
            is_due
        };
        let ask = Ask { processes: due(&mut self.processes_at, PROCESSES), slow: due(&mut self.slow_at, SLOW) };
        let result = probe.poll(ask);
        let took = begun.elapsed();
        let (name, about) = (known.name, probe.about());
        let is_gone = matches!(result, Err(ProbeError::Absent(_)));
        let what = result.map(|cards| Sight { cards, ..Sight::default() }).map_err(trouble);
        let seen = Seen { source: name.to_owned(), is_local: true, about, at: (self.clock)(), took, what };
        if is_gone {
            self.untold.push(seen);
            (self.passed, self.open) = (Some(name), None);
            if self.ways.len() > 1 {
                return Duration::ZERO;
            }
            self.tell();
            return AGAIN;
        }
        self.say(seen);
        self.tell();
        EVERY.saturating_sub(begun.elapsed()).max(EVERY / 4)
    }

    /// Opens the first way that there is; says why the others are none.
    fn find(&mut self) -> bool {
        (self.processes_at, self.slow_at) = (None, None);
        let passed = self.passed.take();
        for known in self.ways.clone().into_iter().filter(|known| Some(known.name) != passed) {
            let begun = Instant::now();
            match (known.open)(&self.places) {
                Ok(probe) => {
                    self.open = Some((known, probe));
                    return true;
                }
                Err(error) => {
                    self.untold.push(Seen {
                        source: known.name.to_owned(),
                        is_local: true,
                        about: known.about.to_owned(),
                        at: (self.clock)(),
                        took: begun.elapsed(),
                        what: Err(trouble(error)),
                    });
                }
            }
        }
        false
    }

    fn say(&self, seen: Seen) {
        // Whoever hears it is behind: the next look says more.
        let _ = self.seen.try_send(News::Seen(Box::new(seen)));
    }

    /// Says why the other ways are none, now that what stands in for them has been heard.
    fn tell(&mut self) {
        for seen in std::mem::take(&mut self.untold) {
            self.say(seen);
        }
    }
}

fn trouble(error: ProbeError) -> Trouble {
    match error {
        ProbeError::Absent(why) => Trouble::Absent(why),
        ProbeError::Broken(why) => Trouble::Broken(why),
    }
}
