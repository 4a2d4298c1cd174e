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
/// What is compared after each round; all of a month the first time.
const RECENT: Millis = 2 * 3_600_000;
/// How often it is looked how far a gateway and the logs are apart: all calls of the day are gone through.
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
            let mut state = State { dir, open: None, compared: Vec::new(), drift_at: HashMap::new() };
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
    /// Gateways that have been compared with a month of logs.
    compared: Vec<String>,
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
                let is_first = !self.compared.contains(&setup.name);
                let since = now - if is_first { LOOK_BACK } else { RECENT };
                let Ok(store) = Store::open_beside(&self.dir, PATIENCE) else { continue };
                let drift = self.drift_at.get(&setup.name).is_none_or(|at| at.elapsed() >= DRIFT);
                if drift {
                    // Looked for again in a while, whatever goes wrong.
                    self.drift_at.insert(setup.name.clone(), Instant::now());
                }
                if settle(&store, books, &setup.name, since, drift, now).is_ok() && is_first {
                    self.compared.push(setup.name.clone());
                }
            }
        }
        pause
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
