//! Asking gateways again and again, beside everything else: nobody ever waits for it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};

use super::super::watched::{Files, Seen};
use super::compare::settle;
use super::round::{self, Ask, usual};
use crate::model::time::DAY;
use crate::model::{GatewaySetup, Millis};
use crate::store::books::Account;
use crate::store::{Books, Store};

/// How long the books wait for another process that writes.
const PATIENCE: Duration = Duration::from_secs(2);
/// The longest pause: settings may have changed, and somebody may have asked by hand.
const PAUSE: Duration = Duration::from_secs(5);
/// What is compared after each round.
const RECENT: Millis = 2 * 3_600_000;
/// How often all calls of the day are gone through: how far a gateway and the logs are apart, and what logs have told late.
const DRIFT: Duration = Duration::from_mins(2);
/// Caps look back a month at most.
pub const LOOK_BACK: Millis = 32 * DAY;

/// A thread that keeps the books up to date. Dropped, it ends with its next breath; nobody waits for it.
#[derive(Debug)]
pub struct Poller {
    stop: Arc<AtomicBool>,
    thread: Thread,
}

impl Poller {
    /// Starts to ask the gateways of `setups`, which is called again when one of `files` has changed.
    pub fn start(
        dir: PathBuf,
        files: Vec<PathBuf>,
        mut setups: impl FnMut() -> Vec<GatewaySetup> + Send + 'static,
    ) -> std::io::Result<Poller> {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let handle = thread::Builder::new().name("gateways".to_owned()).spawn(move || {
            let mut state = State { dir, open: None, compared: HashMap::new(), drift_at: HashMap::new() };
            let mut files = Files::new(files);
            let mut known = setups();
            while !stopped.load(Ordering::Relaxed) {
                if files.look() == Seen::Changed {
                    known = setups();
                }
                let pause = state.look(&known);
                thread::park_timeout(pause);
            }
            if let Some((_, runtime)) = state.open {
                runtime.shutdown_background();
            }
        })?;
        Ok(Poller { stop, thread: handle.thread().clone() })
    }
}

impl Drop for Poller {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.unpark();
    }
}

struct State {
    dir: PathBuf,
    /// The books, and what asks; nothing before there is a gateway.
    open: Option<(Books, Runtime)>,
    /// Gateways that have been compared with a month of logs, and how often the sums of that month's earlier days had been changed
    /// by then.
    compared: HashMap<String, i64>,
    /// When it was last looked how far a gateway and the logs are apart: each has its own turn, for they are asked at different paces.
    drift_at: HashMap<String, Instant>,
}

impl State {
    /// Asks those whose turn it is and says how long to pause.
    fn look(&mut self, setups: &[GatewaySetup]) -> Duration {
        if setups.is_empty() {
            return PAUSE;
        }
        if self.open.as_ref().is_none_or(|(books, _)| books.is_displaced()) {
            let runtime = match self.open.take() {
                Some((_, runtime)) => Some(runtime),
                None => Builder::new_current_thread().enable_all().build().ok(),
            };
            self.open = Books::open(&self.dir, PATIENCE).ok().map(|(books, _)| books).zip(runtime);
        }
        let Some((books, runtime)) = &mut self.open else { return PAUSE };
        let mut pause = PAUSE;
        for setup in setups {
            let now = clock();
            let account = books.account(&setup.name).ok().flatten().filter(|account| account.url == setup.url);
            let due = due(setup, account.as_ref(), now);
            if due > now {
                pause = pause.min(Duration::from_millis(u64::try_from(due - now).unwrap_or(0)));
                continue;
            }
            // A failure is written down where it happened; what was known stays.
            let done = runtime.block_on(round::round(books, setup, Ask { now, again_from: None, calls: true }, &mut |_| {}));
            if done.is_ok() {
                let Ok(store) = Store::open_beside(&self.dir, PATIENCE) else { continue };
                let drift = self.drift_at.get(&setup.name).is_none_or(|at| at.elapsed() >= DRIFT);
                if drift {
                    // Looked for again in a while, whatever goes wrong.
                    self.drift_at.insert(setup.name.clone(), Instant::now());
                }
                let days = ((now - LOOK_BACK).div_euclid(DAY), now.div_euclid(DAY));
                let Ok(changes) = store.changes_of_days(days) else { continue };
                let back = back(self.compared.get(&setup.name).copied(), changes, drift, now);
                let done = settle(&store, books, &setup.name, now - back, drift, now);
                if done.is_ok() && back == LOOK_BACK {
                    self.compared.insert(setup.name.clone(), changes);
                }
            }
        }
        pause
    }
}

/// How far back calls are compared: a month the first time, and where logs have told something of days that were over; now and then
/// all of the day, for a log may tell of its morning late; else what is recent.
fn back(known: Option<i64>, changes: i64, thorough: bool, now: Millis) -> Millis {
    match known {
        Some(known) if !thorough || known == changes => {
            if thorough {
                now.rem_euclid(DAY).max(RECENT)
            } else {
                RECENT
            }
        }
        _ => LOOK_BACK,
    }
}

/// When a gateway's turn is: a while after the last try, whoever made it, and not before it wants to be asked.
fn due(setup: &GatewaySetup, account: Option<&Account>, now: Millis) -> Millis {
    let Some(account) = account else { return now };
    let Some(tried) = account.tried_at.filter(|tried| *tried <= now) else { return now };
    (tried + jittered(usual(setup), tried)).max(account.not_before)
}

/// A time up to a tenth longer, so that a team's machines do not all ask in the same second.
fn jittered(every: Millis, salt: Millis) -> Millis {
    use std::sync::OnceLock;
    static STATE: OnceLock<RandomState> = OnceLock::new();
    let random = STATE.get_or_init(RandomState::new).hash_one(salt);
    every + i64::try_from(random % 100).unwrap_or(0) * every / 1000
}

fn clock() -> Millis {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| Millis::try_from(d.as_millis()).unwrap_or(Millis::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_logs_tell_late_is_compared_again() {
        let noon = 20_000 * DAY + DAY / 2;
        assert_eq!([back(None, 7, false, noon), back(None, 7, true, noon)], [LOOK_BACK; 2], "nothing has been compared");
        assert_eq!(back(Some(7), 7, false, noon), RECENT);
        assert_eq!(back(Some(7), 7, true, noon), DAY / 2, "all of the day");
        assert_eq!(back(Some(7), 7, true, noon - DAY / 2 + 1000), RECENT);
        assert_eq!(back(Some(7), 8, false, noon), RECENT, "in a moment");
        assert_eq!(back(Some(7), 8, true, noon), LOOK_BACK, "a day that was over has changed");
    }
}
