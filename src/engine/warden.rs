//! The thread that watches over caps while something runs: it looks whenever the picture of the present has changed, hands
//! what there is to tell to the teller, and ends what goes on past a cap that is to stop it.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::enforcer::{Enforcer, Scene};
use super::gpus::picture::Pictures;
use super::journal;
use super::lookout::{self, Sight};
use super::rules::Rules;
use super::snapshot::Snapshot;
use super::view::living_of;
use super::watchman::{self, BrokenGuard, Round, Watch};
use crate::alerts::{Alert, Teller};
use crate::budgets::Standing;
use crate::model::cap::Action;
use crate::model::time::HOUR;
use crate::model::{Lookout, Millis, Money};
use crate::pricing::Class;
use crate::query::baseline::{self, Baseline};
use crate::query::loops;
use crate::store::{Ledger, Store, StoreError};
use crate::tail::Catalog;

/// The pause between two looks while things happen.
const PACE: Duration = Duration::from_secs(2);
/// The longest pause: windows end although nothing happens.
const NAP: Duration = Duration::from_secs(30);
/// How often agents' settings are looked at: guards may be switched off.
const GUARDS: Duration = Duration::from_mins(1);
/// How often it is looked whether something is unusual: a loop of a hundred steps is as long ten seconds later.
const SIGHT: Duration = Duration::from_secs(10);
/// How often it is looked up what is usual.
const BASELINE: Duration = Duration::from_mins(10);
/// How long a lock of another process is waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// News that may wait for whoever shows them; more are dropped, for the teller tells them all the same.
const QUEUE: usize = 64;

/// What holds now.
#[derive(Debug, Clone)]
pub struct Orders {
    /// The rules.
    pub rules: Rules,
    /// What a session may cost before somebody should hear of it.
    pub session_over: Option<Money>,
    /// From when on something is unusual.
    pub lookout: Lookout,
}

/// Says of which class a model is; `None` where nobody knows.
pub type Classes = Box<dyn Fn(&str) -> Option<Class> + Send>;

/// What the thread needs to know.
pub struct Setup {
    /// Where the store and the ledger lie.
    pub dir: PathBuf,
    /// The pictures of the present.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
    /// The pictures of the GPUs, where somebody watches them.
    pub gpus: Option<Pictures>,
    /// What holds, asked before each look: settings may be changed meanwhile.
    pub orders: Box<dyn FnMut() -> Orders + Send>,
    /// The class of a model, asked only of those that may be worth telling of.
    pub class: Classes,
    /// Which guards do not hold.
    pub guards: Box<dyn Fn() -> Vec<BrokenGuard> + Send>,
    /// Who tells.
    pub teller: Teller,
    /// Where agents say which of their sessions live.
    pub catalog: Catalog,
    /// Whether sessions have processes that can be stopped.
    pub real: bool,
    /// Whose name decisions are signed with.
    pub who: String,
    /// The clock.
    pub clock: fn() -> Millis,
}

/// What has happened, for whoever shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// There is something to tell: for the first time in this process, or again since it was over.
    Alert(Alert),
    /// Everything that there is to tell now; told when that changes.
    Present(Vec<Alert>),
    /// Which guards do not hold; told when that changes.
    Guards(Vec<BrokenGuard>),
    /// An agent was stopped, in words.
    Stopped(String),
    /// Something went wrong, in words.
    Trouble(String),
}

/// The running thread.
#[derive(Debug)]
pub struct Warden {
    /// What has happened.
    pub news: Receiver<News>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Warden {
    /// Starts the thread.
    #[must_use]
    pub fn start(setup: Setup) -> Warden {
        let (send, news) = mpsc::sync_channel(QUEUE);
        let stop = Arc::new(AtomicBool::new(false));
        let of_thread = Arc::clone(&stop);
        let thread = std::thread::spawn(move || Worker::new(setup, send).run(&of_thread));
        Warden { news, stop, thread: Some(thread) }
    }
}

impl Drop for Warden {
    /// The thread notices within a nap at most; nobody waits for it.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        drop(self.thread.take());
    }
}

struct Worker {
    setup: Setup,
    news: SyncSender<News>,
    store: Option<Store>,
    ledger: Option<Ledger>,
    guards: Vec<BrokenGuard>,
    guards_at: Option<Instant>,
    baseline: Option<(Instant, Baseline)>,
    sight: Option<(Instant, Sight)>,
    known: HashSet<String>,
    /// What was said, and until when it is not said again: as long as it is not told again.
    said: HashMap<String, Millis>,
    /// The words of what was there to tell when that was last told.
    shown: Vec<(String, String)>,
    enforcer: Enforcer,
    trouble: Option<String>,
}

impl Worker {
    fn new(setup: Setup, news: SyncSender<News>) -> Worker {
        Worker {
            setup,
            news,
            store: None,
            ledger: None,
            guards: Vec::new(),
            guards_at: None,
            baseline: None,
            // Nobody needs to know in the first moments, in which everything else begins.
            sight: Some((Instant::now(), Sight::default())),
            known: HashSet::new(),
            said: HashMap::new(),
            shown: Vec::new(),
            enforcer: Enforcer::default(),
            trouble: None,
        }
    }

    fn run(mut self, stop: &AtomicBool) {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_time().build() else { return };
        while !stop.load(Ordering::Relaxed) {
            let begun = Instant::now();
            match self.look() {
                Ok(round) => self.tell(round),
                Err(error) => self.complain(error.to_string()),
            }
            for text in self.setup.teller.take_news() {
                self.say(News::Trouble(text));
            }
            let changed = runtime.block_on(async { tokio::time::timeout(NAP, self.setup.snapshots.changed()).await });
            if matches!(changed, Ok(Err(_))) {
                return; // whoever made the pictures has ended
            }
            std::thread::sleep(PACE.saturating_sub(begun.elapsed()));
        }
    }

    fn say(&self, news: News) {
        let _ = self.news.try_send(news);
    }

    /// Says what is wrong, once.
    fn complain(&mut self, why: String) {
        // The next look opens everything anew.
        (self.store, self.ledger) = (None, None);
        if self.trouble.as_ref() != Some(&why) {
            self.say(News::Trouble(why.clone()));
            self.trouble = Some(why);
        }
    }

    fn look(&mut self) -> Result<Round, StoreError> {
        let store = if let Some(store) = self.store.take().filter(|store| !store.is_displaced()) {
            store
        } else {
            let mut store = Store::open_quickly(&self.setup.dir, PATIENCE)?;
            store.stop_writing(); // somebody else reads the logs
            store
        };
        let ledger = match self.ledger.take().filter(|ledger| !ledger.is_displaced()) {
            Some(ledger) => ledger,
            None => journal::ledger(&self.setup.dir, PATIENCE, (self.setup.clock)())?,
        };
        if self.guards_at.is_none_or(|at| at.elapsed() >= GUARDS) {
            self.guards_at = Some(Instant::now());
            let guards = (self.setup.guards)();
            if guards != self.guards {
                self.guards = guards;
                self.say(News::Guards(self.guards.clone()));
            }
        }
        let orders = (self.setup.orders)();
        let now = (self.setup.clock)();
        let mut sight = self.sight(&store, &orders, now)?;
        if let Some(gpus) = &self.setup.gpus {
            let picture = gpus.borrow();
            sight.alerts.extend(picture.alerts.iter().cloned());
            sight.over.extend(picture.over.iter().cloned());
        }
        let watch = Watch { rules: &orders.rules, session_over: orders.session_over, guards: &self.guards, sight: &sight, now };
        let round = watchman::round(&store, &ledger, &watch)?;
        let stops = |standing: &Standing| standing.halts() && standing.cap.action == Action::Stop;
        if self.setup.real && round.standings.iter().any(stops) {
            let snapshot = self.setup.snapshots.borrow_and_update().clone();
            let living = living_of(&self.setup.catalog);
            let scene = Scene { standings: &round.standings, sessions: &snapshot.sessions, living: &living, now, who: &self.setup.who };
            self.enforcer.enforce(&scene, &store, &ledger, &self.news)?;
        }
        self.trouble = None;
        (self.store, self.ledger) = (Some(store), Some(ledger));
        Ok(round)
    }

    /// What is unusual now, or was a moment ago. What is usual is looked up now and then only.
    fn sight(&mut self, store: &Store, orders: &Orders, now: Millis) -> Result<Sight, StoreError> {
        if let Some((_, sight)) = self.sight.as_ref().filter(|(at, _)| at.elapsed() < SIGHT) {
            return Ok(sight.clone());
        }
        let living = &living_of(&self.setup.catalog);
        if self.baseline.as_ref().is_none_or(|(at, _)| at.elapsed() >= BASELINE) {
            self.baseline = Some((Instant::now(), baseline::baseline(store, living, now, orders.rules.zone)?));
        }
        let Some((_, usual)) = &self.baseline else { return Ok(Sight::default()) };
        let view = lookout::View {
            limits: &orders.lookout,
            baseline: usual,
            present: baseline::present(store, living, now, orders.rules.zone)?,
            running: &loops::running(store, living, now)?,
            drifts: &orders.rules.elsewhere.drifts(now),
            class: &self.setup.class,
            now,
        };
        let sight = lookout::look(&view);
        self.sight = Some((Instant::now(), sight.clone()));
        Ok(sight)
    }

    fn tell(&mut self, round: Round) {
        self.setup.teller.ask_again(&round.over);
        for key in &round.over {
            self.said.remove(key);
        }
        let present: HashSet<String> = round.alerts.iter().map(|alert| alert.key.clone()).collect();
        let all = round.alerts.clone();
        for alert in round.alerts {
            if !self.known.contains(&alert.key) {
                self.setup.teller.tell(alert.clone());
                if self.is_news(&alert) {
                    self.say(News::Alert(alert));
                }
            }
        }
        let words = |alert: &Alert| (alert.title.clone(), alert.body.clone());
        let shown: Vec<(String, String)> = all.iter().map(words).collect();
        if shown != self.shown {
            self.say(News::Present(all));
            self.shown = shown;
        }
        // What is over may come again; whether it is told again is for the memory of what was told to say.
        self.known = present;
    }

    /// Whether to say it: what goes up and down around its threshold is said once, until it is over or its window is.
    fn is_news(&mut self, alert: &Alert) -> bool {
        let now = (self.setup.clock)();
        self.said.retain(|_, until| *until > now);
        self.said.insert(alert.key.clone(), alert.until.max(now + HOUR)).is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::alerts::{AlertKind, Hours, InMemory, Memory as _, Urgency, Way, WayError};
    use crate::model::Zone;

    /// A way that keeps what it is told.
    struct Ear(Arc<Mutex<Vec<String>>>);

    impl Way for Ear {
        fn name(&self) -> &'static str {
            "ear"
        }

        fn tell(&self, alert: &Alert) -> Result<(), WayError> {
            self.0.lock().unwrap().push(alert.key.clone());
            Ok(())
        }
    }

    const KEY: &str = "burn_rate";

    fn round(is_unusual: bool, is_over: bool) -> Round {
        let alert = Alert {
            kind: AlertKind::BurnRate,
            key: KEY.to_owned(),
            at: 0,
            until: 24 * HOUR,
            title: "$21.00 in the last hour".to_owned(),
            body: String::new(),
            urgency: Urgency::Normal,
        };
        Round {
            standings: Vec::new(),
            alerts: is_unusual.then_some(alert).into_iter().collect(),
            over: is_over.then(|| KEY.to_owned()).into_iter().collect(),
        }
    }

    #[test]
    fn what_was_over_is_told_and_said_again_when_it_comes_back() {
        let (heard, memory) = (Arc::new(Mutex::new(Vec::new())), Arc::new(InMemory::default()));
        let hours = Hours { quiet: None, zone: Zone::UTC };
        let ways: Vec<Box<dyn Way>> = vec![Box::new(Ear(Arc::clone(&heard)))];
        let (_pictures, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let setup = Setup {
            dir: PathBuf::new(),
            snapshots,
            gpus: None,
            orders: Box::new(|| Orders { rules: Rules::default(), session_over: None, lookout: Lookout::default() }),
            class: Box::new(|_| None),
            guards: Box::new(Vec::<BrokenGuard>::new),
            teller: Teller::start(ways, Box::new(Arc::clone(&memory)), hours, || 0).unwrap(),
            catalog: Catalog::new(Vec::new()),
            real: false,
            who: "me".to_owned(),
            clock: || 0,
        };
        let (send, news) = mpsc::sync_channel(QUEUE);
        let mut worker = Worker::new(setup, send);
        // How often it was told, and how often said.
        let mut look = |is_unusual, is_over| {
            worker.tell(round(is_unusual, is_over));
            assert!(worker.setup.teller.flush(Duration::from_secs(10)));
            let said = news.try_iter().filter(|news| matches!(news, News::Alert(_))).count();
            (heard.lock().unwrap().len(), said)
        };
        assert_eq!(look(true, false), (1, 1));
        assert_eq!((look(false, false), look(true, false)), ((1, 0), (1, 0)), "it goes up and down around its threshold");
        memory.forget(KEY);
        assert_eq!((look(false, true), look(true, false)), ((1, 0), (2, 1)), "it was over");
        // Another process has told it since.
        assert_eq!((look(false, true), look(true, false)), ((2, 0), (2, 1)), "the memory judges whether it is told");
    }
}
