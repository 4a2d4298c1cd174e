//! The thread that tells.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::desk::Desk;
use super::{Alert, Memory, Way, WayError};
use crate::model::{Millis, Quiet, Zone};

/// Alerts that wait for the thread. More at once than a person can read are not worth more room.
const MOST: usize = 64;
/// The longest sleep: a machine that was asleep itself is noticed this late.
const NAP: Duration = Duration::from_secs(20);

/// When nothing is told.
#[derive(Debug, Clone, Copy)]
pub struct Hours {
    /// The quiet hours, if there are any.
    pub quiet: Option<Quiet>,
    /// The zone whose clock they go by.
    pub zone: Zone,
}

/// Tells alerts on a thread of its own, each once; see [`Memory`].
///
/// In quiet hours nothing is told; what they held back is told once, summed up, when they end. A way that fails is tried
/// again later, its failure is said once.
pub struct Teller {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Alert>,
    /// Keys of what is over, for the desk.
    over: BTreeSet<String>,
    dropped: u64,
    news: Vec<String>,
    /// Whether the thread has nothing to do, but for what has to wait.
    idle: bool,
    stop: bool,
    /// Whether it has been said that the thread has ended, which only a fault can bring about.
    mourned: bool,
}

impl Teller {
    /// Starts the thread. `clock` says what time it is. Without a way, alerts are passed over, and not remembered.
    pub fn start(
        ways: Vec<Box<dyn Way>>,
        memory: Box<dyn Memory>,
        hours: Hours,
        clock: impl Fn() -> Millis + Send + 'static,
    ) -> Result<Teller, WayError> {
        let shared = Arc::new(Shared { state: Mutex::new(State::default()), changed: Condvar::new() });
        let desk = Desk::new(ways, memory, hours);
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name("alerts".to_owned());
        let thread = thread.spawn(move || work(&of_thread, desk, &clock)).map_err(WayError::System)?;
        Ok(Teller { shared, thread })
    }

    /// Takes an alert and returns at once. Where too many wait, the oldest one is dropped, which is said in the news.
    pub fn tell(&self, alert: Alert) {
        let mut state = self.shared.lock();
        if state.queue.iter().any(|other| other.key == alert.key) {
            return;
        }
        if state.queue.len() >= MOST {
            state.queue.pop_front();
            state.dropped += 1;
        }
        state.queue.push_back(alert);
        state.idle = false;
        self.shared.changed.notify_all();
    }

    /// Takes the keys of what is over: when it comes back, the memory is asked anew whether it is to be told. Whoever finds
    /// that it is over takes it out of the memory; this is about what the thread itself remembers.
    pub fn ask_again(&self, keys: &[String]) {
        if !keys.is_empty() {
            self.shared.lock().over.extend(keys.iter().cloned());
        }
    }

    /// What has gone wrong since this was last asked, in words: `desktop notifications: no session bus (…)`.
    #[must_use]
    pub fn take_news(&self) -> Vec<String> {
        let mut state = self.shared.lock();
        let mut news = std::mem::take(&mut state.news);
        if !state.mourned && !state.stop && self.thread.is_finished() {
            state.mourned = true;
            news.push("notifications have stopped: their thread has ended".to_owned());
        }
        news
    }

    /// Waits until everything that can be told now has been, for `patience` at most; gives whether it has.
    #[must_use]
    pub fn flush(&self, patience: Duration) -> bool {
        let end = Instant::now() + patience;
        let mut state = self.shared.lock();
        while !state.idle {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.thread.is_finished() {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(state, left.min(Duration::from_millis(100)));
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// As [`Teller::flush`], and the end: what could not be told may be told by another process. For one that ends soon.
    #[must_use]
    pub fn end(self, patience: Duration) -> (bool, Vec<String>) {
        let end = Instant::now() + patience;
        let is_told = self.flush(patience);
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        while !self.thread.is_finished() && Instant::now() < end {
            thread::sleep(Duration::from_millis(2));
        }
        (is_told, self.take_news())
    }
}

impl Drop for Teller {
    /// Lets the thread end by itself: a way that hangs is to hold up nobody. [`Teller::flush`] waits for it.
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn work(shared: &Shared, mut desk: Desk, clock: &dyn Fn() -> Millis) {
    let mut next = None;
    let mut state = shared.lock();
    loop {
        if state.queue.is_empty() {
            if state.stop {
                drop(state);
                desk.give_up();
                return;
            }
            let nap = next.map_or(NAP, |at: Millis| Duration::from_millis(u64::try_from(at - clock()).unwrap_or(0)).min(NAP));
            if !nap.is_zero() {
                state.idle = true;
                shared.changed.notify_all();
                state = shared.changed.wait_timeout(state, nap).unwrap_or_else(PoisonError::into_inner).0;
            }
        }
        state.idle = false;
        let (alerts, over) = (std::mem::take(&mut state.queue), std::mem::take(&mut state.over));
        desk.lose(std::mem::take(&mut state.dropped));
        // Ways may take seconds; nobody is to wait for the lock meanwhile.
        drop(state);
        let now = clock();
        // First: what has come back since is to be asked for.
        for key in &over {
            desk.ask_again(key);
        }
        for alert in alerts {
            desk.take(alert, now);
        }
        next = desk.turn(now);
        let news = desk.take_news();
        state = shared.lock();
        state.news.extend(news);
        // Who never asks gets the newest.
        let old = state.news.len().saturating_sub(MOST);
        state.news.drain(..old);
    }
}
