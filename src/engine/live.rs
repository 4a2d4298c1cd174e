//! The thread that keeps the store and the picture up to date while a screen is open.
//!
//! It alone touches the store. What changes on disk reaches it as a wake and a set of paths; what the screen wants
//! reaches it as commands; what it has to say is published as a [`Snapshot`], of which only the newest counts. Nobody
//! ever waits for anybody but this thread for the disk.

use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::model::time::HOUR;
use crate::model::{Cost, Millis, Window};
use crate::pricing::Pricer;
use crate::query::{self, Asking, Living, SessionDetail, SessionView};
use crate::store::{Store, StoreError, Sums};
use crate::tail::watch::Watch;

use super::ingest::{Ingest, Progress, Watcher};
pub use super::living::living;
use super::snapshot::{Burn, Snapshot, Span, project};

/// What a screen may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Other sessions.
    Show(Span),
    /// One session in full, or none any more.
    Detail(Option<i64>),
    /// The end.
    Quit,
}

enum Wake {
    Dirty,
    Command(Command),
}

/// The running engine.
#[derive(Debug)]
pub struct Engine {
    wakes: SyncSender<Wake>,
    thread: Option<JoinHandle<()>>,
    /// The newest picture.
    pub snapshots: watch::Receiver<Arc<Snapshot>>,
}

/// What the engine needs to know from its start.
pub struct Setup {
    /// The parts that bring logs into the store.
    pub ingest: Ingest,
    /// The viewer's zone.
    pub zone: chrono_tz::Tz,
    /// What to show first.
    pub span: Span,
    /// What the user should know from the start.
    pub notices: Vec<String>,
    /// The clock.
    pub clock: fn() -> Millis,
}

/// Wakes that may wait; a full queue means that the engine will look at everything anyway.
const QUEUE: usize = 64;
/// The pause between two rounds of news: what the screen shows is at most this old.
const PACE: Duration = Duration::from_millis(160);
/// How long the first word of a change waits for the rest of it.
const SETTLE: Duration = Duration::from_millis(15);
/// How often the clock's own changes (states, the last hour) are looked at.
const TICK: Duration = Duration::from_secs(2);
/// How often all roots are walked although nothing was heard.
const RESCAN: Duration = Duration::from_secs(30);
/// The same where changes cannot be heard.
const RESCAN_DEAF: Duration = Duration::from_secs(1);
/// How often a follower looks whether the writer has written.
const FOLLOW: Duration = Duration::from_millis(200);
/// More changed sessions than this are read anew all together.
const MANY: usize = 300;

impl Engine {
    /// Starts the thread. The first picture is what the store knows, before any log is read.
    #[must_use]
    pub fn start(setup: Setup) -> Engine {
        let (wakes, inbox) = mpsc::sync_channel(QUEUE);
        let (publish, snapshots) = watch::channel(Arc::new(Snapshot { progress: Some(Progress::default()), ..Snapshot::default() }));
        let on_change = wakes.clone();
        let thread = std::thread::spawn(move || {
            let mut worker = Worker::new(setup, publish);
            worker.refresh_all();
            worker.publish();
            let watch = Watch::new(move || {
                let _ = on_change.try_send(Wake::Dirty);
            });
            worker.run(&inbox, watch);
        });
        Engine { wakes, thread: Some(thread), snapshots }
    }

    /// Asks for something.
    pub fn send(&self, command: Command) {
        // The queue is full only while the engine is busy; a screen never waits for long.
        let _ = self.wakes.send(Wake::Command(command));
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.send(Command::Quit);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    ingest: Ingest,
    view: View,
    publish: watch::Sender<Arc<Snapshot>>,
    last_publish: Option<Instant>,
    rescan_at: Instant,
    failing: Option<String>,
    data_version: i64,
}

/// The picture in the making.
struct View {
    zone: chrono_tz::Tz,
    clock: fn() -> Millis,
    span: Span,
    window: Window,
    wanted: Option<i64>,
    living: Living,
    /// What each session cost in the last hour, as of the last tick: it changes slowly, and asking costs most of all.
    hour: HashMap<i64, Cost>,
    sessions: HashMap<i64, Arc<SessionView>>,
    detail: Option<Arc<SessionDetail>>,
    draft: Snapshot,
    notices: Vec<String>,
}

impl Worker {
    fn new(setup: Setup, publish: watch::Sender<Arc<Snapshot>>) -> Worker {
        let Setup { ingest, zone, span, notices, clock } = setup;
        let view = View {
            zone,
            clock,
            span,
            window: span.window(clock(), zone),
            wanted: None,
            living: Living::new(),
            hour: HashMap::new(),
            sessions: HashMap::new(),
            detail: None,
            draft: Snapshot { progress: Some(Progress::default()), ..Snapshot::default() },
            notices,
        };
        let data_version = ingest.store.data_version();
        Worker { ingest, view, publish, last_publish: None, rescan_at: Instant::now(), failing: None, data_version }
    }

    fn run(&mut self, inbox: &mpsc::Receiver<Wake>, mut watch: Watch) {
        self.watch_roots(&mut watch);
        match self.ingest.store.reprice(&mut self.ingest.prices) {
            Ok(0) => {}
            Ok(_) => self.refresh_all(),
            Err(error) => self.failing = Some(error.to_string()),
        }
        let mut tick_at = Instant::now();
        loop {
            let now = Instant::now();
            if now >= self.rescan_at {
                self.watch_roots(&mut watch);
                if self.rescan(inbox).is_break() {
                    return;
                }
                self.rescan_at = Instant::now() + if watch.is_sound() { RESCAN } else { RESCAN_DEAF };
            }
            if now >= tick_at {
                tick_at = Instant::now() + TICK;
                self.tick(&mut watch);
            }
            self.publish();
            let mut wait = self.rescan_at.min(tick_at).saturating_duration_since(Instant::now());
            if !self.ingest.store.is_writer() {
                wait = wait.min(FOLLOW);
            }
            match inbox.recv_timeout(wait) {
                Ok(Wake::Command(command)) => {
                    if self.view.obey(&command, &mut self.ingest).is_break() {
                        return;
                    }
                }
                Ok(Wake::Dirty) => {
                    if self.news(inbox, &watch).is_break() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.follow(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn watch_roots(&mut self, watch: &mut Watch) {
        for (_, root) in self.ingest.catalog.roots() {
            watch.add(root);
        }
        self.view.draft.notices = watch.problem.iter().cloned().collect();
    }

    /// Waits until a change has settled, then reads it. Commands do not wait with it.
    fn news(&mut self, inbox: &mpsc::Receiver<Wake>, watch: &Watch) -> ControlFlow<()> {
        let due = self.last_publish.map_or(Instant::now(), |last| last + PACE).max(Instant::now() + SETTLE);
        loop {
            match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Wake::Command(command)) => {
                    self.view.obey(&command, &mut self.ingest)?;
                    self.publish();
                }
                Ok(Wake::Dirty) => {}
                Err(_) => break,
            }
        }
        let dirty = watch.take();
        if dirty.rescan {
            self.rescan_at = Instant::now();
        }
        if dirty.paths.is_empty() {
            return ControlFlow::Continue(());
        }
        if !self.ingest.store.is_writer() {
            // Whoever has read the logs so far may be gone: then this one does, beginning with everything.
            if self.ingest.store.become_writer() {
                self.rescan_at = Instant::now();
            }
            return ControlFlow::Continue(());
        }
        // A new directory may have been filled before it was watched.
        if dirty.paths.iter().any(|p| p.is_dir()) {
            self.rescan_at = Instant::now();
        }
        match self.ingest.look(&dirty.paths) {
            Ok(report) => {
                self.failing = None;
                // Where nothing was found so far there is something now: the roots have to be told anew.
                if report.files_read > 0 && self.view.draft.roots.iter().all(|r| r.files == 0) {
                    self.rescan_at = Instant::now();
                }
                self.view.refresh(&mut self.ingest, &report.sessions);
            }
            Err(error) => self.fail(&error),
        }
        ControlFlow::Continue(())
    }

    /// What could not be written is read again later: nothing is lost, since no offset has moved.
    fn fail(&mut self, error: &StoreError) {
        if error.is_damage()
            && let Ok(notice) = self.ingest.heal()
        {
            self.view.notices.insert(0, notice);
            self.rescan_at = Instant::now();
            return;
        }
        self.failing = Some(error.to_string());
        self.rescan_at = Instant::now() + Duration::from_secs(2);
    }

    fn rescan(&mut self, inbox: &mpsc::Receiver<Wake>) -> ControlFlow<()> {
        if !self.ingest.store.is_writer() && !self.ingest.store.become_writer() {
            let (_, roots) = self.ingest.catalog.walk();
            self.view.draft.roots = roots;
            self.view.draft.progress = None;
            return ControlFlow::Continue(());
        }
        let Worker { ingest, view, publish, .. } = self;
        let mut stop = ControlFlow::Continue(());
        let mut shown = Instant::now();
        let result = ingest.scan(&mut Watcher::Screen(&mut |store, prices, progress, touched| {
            while let Ok(wake) = inbox.try_recv() {
                if let Wake::Command(command) = wake {
                    stop = view.obey_with(&command, store, prices);
                }
            }
            view.draft.progress = Some(progress);
            view.refresh_with(store, prices, touched);
            if shown.elapsed() >= PACE {
                shown = Instant::now();
                publish.send_replace(Arc::new(view.picture(store, &[])));
            }
            stop
        }));
        self.view.draft.progress = None;
        match result {
            Ok(report) => {
                self.failing = None;
                let failed = report.failed.first().map(|(path, why)| {
                    let more = report.failed.len() - 1;
                    let others = if more > 0 { format!(" (and {more} more)") } else { String::new() };
                    format!("cannot read {}: {why}{others}", path.display())
                });
                self.view.draft.notices.extend(failed);
                if report.files_read > 50 {
                    self.ingest.store.checkpoint();
                }
                self.view.draft.roots = report.roots;
                self.view.refresh(&mut self.ingest, &report.sessions);
            }
            Err(error) => self.fail(&error),
        }
        stop
    }

    /// Another process writes: look what it wrote.
    fn follow(&mut self) {
        if self.ingest.store.is_writer() {
            return;
        }
        let version = self.ingest.store.data_version();
        if version != self.data_version {
            self.data_version = version;
            if self.view.draft.roots.iter().all(|r| r.files == 0) {
                self.rescan_at = Instant::now();
            }
            self.refresh_all();
        }
    }

    /// What changes because time passes.
    fn tick(&mut self, watch: &mut Watch) {
        let appeared = self.view.draft.roots.iter().any(|r| !r.exists && r.path.is_dir());
        if appeared {
            self.watch_roots(watch);
            self.rescan_at = Instant::now();
        }
        self.view.tick(&mut self.ingest);
    }

    fn refresh_all(&mut self) {
        self.view.reload(&self.ingest.store, &mut self.ingest.prices);
    }

    /// Publishes the picture if it would look any different.
    fn publish(&mut self) {
        let failing: Vec<String> = self.failing.iter().map(|why| format!("{why}; trying again")).collect();
        let picture = self.view.picture(&self.ingest.store, &failing);
        if !picture.shows_same(&self.publish.borrow()) {
            self.publish.send_replace(Arc::new(picture));
            self.last_publish = Some(Instant::now());
        }
    }
}

impl View {
    fn obey(&mut self, command: &Command, ingest: &mut Ingest) -> ControlFlow<()> {
        self.obey_with(command, &ingest.store, &mut ingest.prices)
    }

    fn obey_with(&mut self, command: &Command, store: &Store, prices: &mut Pricer) -> ControlFlow<()> {
        match command {
            Command::Quit => return ControlFlow::Break(()),
            Command::Show(span) => {
                self.span = *span;
                self.reload(store, prices);
            }
            Command::Detail(id) => {
                self.wanted = *id;
                self.load_detail(store, prices);
            }
        }
        ControlFlow::Continue(())
    }

    fn asking(&self) -> Asking<'_> {
        Asking { window: self.window, now: (self.clock)(), zone: self.zone, living: &self.living, hour: Some(&self.hour) }
    }

    /// Reads everything that is shown from the store. What cannot be read keeps its last state.
    fn reload(&mut self, store: &Store, prices: &mut Pricer) {
        self.window = self.span.window((self.clock)(), self.zone);
        self.look_back(store);
        if let Ok(rows) = query::sessions(store, prices, &self.asking()) {
            self.sessions = rows.into_iter().map(|s| (s.id, Arc::new(s))).collect();
        }
        self.load_detail(store, prices);
        self.sums(store);
    }

    fn refresh(&mut self, ingest: &mut Ingest, touched: &BTreeSet<i64>) {
        self.refresh_with(&ingest.store, &mut ingest.prices, touched);
    }

    fn refresh_with(&mut self, store: &Store, prices: &mut Pricer, touched: &BTreeSet<i64>) {
        if touched.is_empty() {
            return;
        }
        if touched.len() > MANY {
            self.reload(store, prices);
            return;
        }
        let ids: Vec<i64> = touched.iter().copied().collect();
        if let Ok(rows) = query::sessions_by_id(store, prices, &self.asking(), &ids) {
            for row in rows {
                // A touched session without anything in the window is not part of the picture.
                if self.window == Window::ALL || !row.sums.is_zero() {
                    self.sessions.insert(row.id, Arc::new(row));
                }
            }
        }
        let family =
            self.detail.as_ref().is_some_and(|d| touched.contains(&d.session.id) || d.children.iter().any(|c| touched.contains(&c.id)));
        if family {
            self.load_detail(store, prices);
        }
        self.sums(store);
    }

    fn load_detail(&mut self, store: &Store, prices: &mut Pricer) {
        let Some(id) = self.wanted else {
            self.detail = None;
            return;
        };
        if let Ok(found) = query::detail::session(store, prices, &self.asking(), id) {
            self.detail = found.map(Arc::new);
        }
    }

    fn sums(&mut self, store: &Store) {
        let now = (self.clock)();
        let today = Window::today(now, self.zone);
        self.draft.today = store.total(today).unwrap_or(self.draft.today);
        self.draft.projection = project(self.draft.today.cost(), &self.draft.burn, now, today.to);
    }

    /// What the last hour cost, all together and session by session.
    fn look_back(&mut self, store: &Store) {
        let now = (self.clock)();
        if let Ok(spend) = store.recent_spend(now - HOUR) {
            self.draft.burn = Burn::of(&spend, now);
            self.hour.clear();
            for (_, session, cost) in spend {
                *self.hour.entry(session).or_default() += cost;
            }
        }
    }

    /// The clock alone changes states, the last hour and, at midnight, the window.
    fn tick(&mut self, ingest: &mut Ingest) {
        let now = (self.clock)();
        if self.span.window(now, self.zone) != self.window {
            self.reload(&ingest.store, &mut ingest.prices);
        }
        self.living = living(ingest);
        self.look_back(&ingest.store);
        for session in self.sessions.values_mut() {
            let live = self.living.get(&(session.agent.clone(), session.uid.clone()));
            let state = query::state(session.turn, session.kind, session.last_at, live, now);
            let last_hour = self.hour.get(&session.id).copied().unwrap_or_default();
            if state != session.state || last_hour != session.last_hour {
                let session = Arc::make_mut(session);
                session.state = state;
                session.last_hour = last_hour;
            }
        }
        self.sums(&ingest.store);
    }

    fn picture(&self, store: &Store, failing: &[String]) -> Snapshot {
        let mut sessions: Vec<Arc<SessionView>> = self.sessions.values().cloned().collect();
        sessions.sort_unstable_by_key(|s| s.id);
        let mut total = Sums::default();
        for session in &sessions {
            total.add(&session.sums, 1);
        }
        let mut notices: Vec<String> = failing.to_vec();
        notices.extend(self.notices.iter().cloned());
        notices.extend(self.draft.notices.iter().cloned());
        if !store.is_writer() {
            notices.push("another aifinops reads the logs; this one follows it".to_owned());
        }
        Snapshot {
            at: (self.clock)(),
            span: self.span,
            live: sessions.iter().filter(|s| s.state.is_live()).count(),
            sessions,
            total,
            detail: self.detail.clone(),
            notices,
            ..self.draft.clone()
        }
    }
}
