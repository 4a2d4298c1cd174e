//! The thread that keeps the store and the picture up to date while a screen is open.
//!
//! It alone touches the store. What changes on disk reaches it as a wake and a set of paths; what the screen wants
//! reaches it as commands; what it has to say is published as a [`Snapshot`], of which only the newest counts. Nobody
//! ever waits for anybody but this thread for the disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::model::text::without_number;
use crate::model::{Millis, Zone};
use crate::sources;
use crate::tail::RootReport;
use crate::tail::watch::Watch;

use super::caps;
use super::hand::{Said, Wish};
use super::ingest::{Ingest, Progress, Watcher};
use super::process::Process;
use super::rules::Rules;
use super::snapshot::{Snapshot, Span};
use super::team::TeamAsk;
use super::view::View;
use super::watched::{Files, Seen};

mod home;

use home::HOME;

/// What a screen may ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// Other sessions.
    Show(Span),
    /// One session in full, or none any more.
    Detail(Option<i64>),
    /// How spend changes over time is looked at, or no more.
    Trends(bool),
    /// Somebody looks at a gateway's team, or nobody any more.
    Team(Option<TeamAsk>),
    /// Other rules are in force.
    Rules(Arc<Rules>),
    /// Something has been decided about a cap.
    Decided,
    /// Whether somebody looks at loops.
    Loops(bool),
    /// The process of a session's agent is to be found, and paused; or the person asked whether it is to be stopped.
    Find(i64, Wish),
    /// The process of this session is to be ended.
    Stop(i64, Process),
    /// The end.
    Quit,
}

pub(super) enum Wake {
    Dirty,
    Command(Command),
    /// How it goes with a process that is to be stopped.
    Said(Said),
    /// The process is about to be stopped: others may write meanwhile. Answered when they may.
    Rest(SyncSender<()>),
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
    pub zone: Zone,
    /// What to show first.
    pub span: Span,
    /// What the user should know from the start.
    pub notices: Vec<String>,
    /// The caps.
    pub caps: caps::Setup,
    /// Whether sessions have processes that can be stopped.
    pub real: bool,
    /// Files whose changes are told.
    pub watched: Vec<PathBuf>,
    /// The clock.
    pub clock: fn() -> Millis,
}

/// Wakes that may wait; a full queue means that the engine will look at everything anyway.
const QUEUE: usize = 64;
/// The pause between two rounds of news: what the screen shows is at most this old.
const PACE: Duration = Duration::from_millis(190);
/// How long the first word of a change waits for the rest of it.
const SETTLE: Duration = Duration::from_millis(15);
/// How often the clock's own changes (states, the last hour) are looked at.
const TICK: Duration = Duration::from_secs(2);
/// How soon it is looked whether an edit is over.
const EDIT: Duration = Duration::from_millis(250);
/// How often all roots are walked although nothing was heard.
const RESCAN: Duration = Duration::from_secs(30);
/// The same where changes cannot be heard.
const RESCAN_DEAF: Duration = Duration::from_secs(1);
/// How often a follower looks whether the writer has written.
const FOLLOW: Duration = Duration::from_millis(200);
/// How long a process that is to be stopped waits for its store.
const MOST_REST: Duration = Duration::from_secs(1);

impl Engine {
    /// Starts the thread. The first picture is what the store knows, before any log is read.
    #[must_use]
    pub fn start(setup: Setup) -> Engine {
        let (wakes, inbox) = mpsc::sync_channel(QUEUE);
        let (publish, snapshots) = watch::channel(Arc::new(Snapshot { progress: Some(Progress::default()), ..Snapshot::default() }));
        let (on_change, on_word) = (wakes.clone(), wakes.clone());
        let thread = std::thread::spawn(move || {
            let mut worker = Worker::new(setup, publish, on_word);
            worker.refresh_all();
            worker.publish();
            worker.view.hurries = false;
            worker.view.sums(&worker.ingest.store);
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

impl Engine {
    /// Lets other processes write, until this one is at work again; waits for as long as that may take.
    pub fn rest(&self) {
        let (done, wait) = mpsc::sync_channel(1);
        if self.wakes.send(Wake::Rest(done)).is_ok() {
            let _ = wait.recv_timeout(MOST_REST);
        }
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
    files: Files,
    /// Whether something has changed while everything was looked at.
    heard: bool,
    /// Whether something could be looked into that could not before.
    opened: bool,
    /// Logs that could not be read, and why.
    unread: BTreeMap<PathBuf, String>,
    /// Where the store belongs that lives in memory since it could not be opened, and when that is tried again.
    homeless: Option<(PathBuf, Instant)>,
}

impl Worker {
    fn new(setup: Setup, publish: watch::Sender<Arc<Snapshot>>, wakes: SyncSender<Wake>) -> Worker {
        let files = Files::new(setup.watched.clone());
        let data_version = setup.ingest.store.data_version();
        // Demonstrations and tests have a store in memory because they want one.
        let is_homeless = setup.real && setup.ingest.store.is_in_memory();
        let homeless = is_homeless.then(|| (setup.caps.dir.clone(), Instant::now() + HOME));
        let (ingest, view) = View::new(setup, wakes);
        Worker {
            ingest,
            view,
            publish,
            last_publish: None,
            rescan_at: Instant::now(),
            failing: None,
            data_version,
            files,
            heard: false,
            opened: false,
            unread: BTreeMap::new(),
            homeless,
        }
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
                let pause = if watch.problem().is_none() { RESCAN } else { RESCAN_DEAF };
                self.rescan_at = now + pause;
                if self.rescan(inbox).is_break() {
                    return;
                }
                if std::mem::take(&mut self.opened) {
                    watch.distrust();
                    self.rescan_at = now;
                }
                // What went wrong may have set an earlier moment.
                self.rescan_at = self.rescan_at.min(Instant::now() + pause);
                if std::mem::take(&mut self.heard) && self.news(inbox, &mut watch).is_break() {
                    return;
                }
            }
            if now >= tick_at {
                let seen = self.files.look();
                if seen == Seen::Changed {
                    self.view.draft.edits += 1;
                }
                tick_at = Instant::now() + if seen == Seen::Soon { EDIT } else { TICK };
                self.tick(&mut watch);
            }
            if let Some(trouble) = self.view.trouble.take() {
                self.fail(&trouble);
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
                Ok(Wake::Said(said)) => self.view.hand.say(said),
                Ok(Wake::Rest(done)) => self.rest(&done),
                Ok(Wake::Dirty) => {
                    if self.news(inbox, &mut watch).is_break() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => self.follow(),
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn watch_roots(&mut self, watch: &mut Watch) {
        let is_deep = |agent: &str| sources::by_agent(agent).is_none_or(|source| source.depth() > 1);
        watch.cover(self.ingest.catalog.roots().iter().map(|(agent, root)| (root.as_path(), is_deep(agent))), Instant::now());
        self.view.deaf = watch.problem().map(str::to_owned);
    }

    /// Waits until a change has settled, then reads it. Commands do not wait with it.
    fn news(&mut self, inbox: &mpsc::Receiver<Wake>, watch: &mut Watch) -> ControlFlow<()> {
        let due = self.last_publish.map_or(Instant::now(), |last| last + PACE).max(Instant::now() + SETTLE);
        loop {
            match inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(Wake::Command(command)) => {
                    self.view.obey(&command, &mut self.ingest)?;
                    self.publish();
                }
                Ok(Wake::Said(said)) => {
                    self.view.hand.say(said);
                    self.publish();
                }
                Ok(Wake::Rest(done)) => self.rest(&done),
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
            self.take_over();
            return ControlFlow::Continue(());
        }
        // A new directory may have been filled before it was watched.
        if dirty.paths.iter().any(|p| p.is_dir()) {
            self.rescan_at = Instant::now();
        }
        self.look_at(&dirty.paths);
        ControlFlow::Continue(())
    }

    /// Reads what is new in these files.
    fn look_at(&mut self, paths: &BTreeSet<PathBuf>) {
        match self.ingest.look(paths) {
            Ok(report) => {
                self.failing = None;
                self.unread.retain(|path, _| !paths.contains(path));
                self.unread.extend(report.failed);
                // Where nothing was found so far there is something now: the roots have to be told anew.
                if report.files_read > 0 && self.view.draft.roots.iter().all(|r| r.files == 0) {
                    self.rescan_at = Instant::now();
                }
                self.view.unreadable += report.unreadable;
                self.view.refresh(&mut self.ingest, &report.sessions);
            }
            Err(error) => self.fail(&error),
        }
    }

    fn rest(&mut self, done: &SyncSender<()>) {
        self.ingest.store.stop_writing();
        let _ = done.send(()); // whoever asked may have stopped waiting
    }

    fn rescan(&mut self, inbox: &mpsc::Receiver<Wake>) -> ControlFlow<()> {
        if !self.ingest.store.is_writer() && !self.take_over() {
            let (_, roots) = self.ingest.catalog.walk();
            self.view.draft.roots = roots;
            self.view.draft.progress = None;
            return ControlFlow::Continue(());
        }
        let Worker { ingest, view, publish, heard, .. } = self;
        let mut stop = ControlFlow::Continue(());
        let mut rest = None;
        let mut shown = Instant::now();
        let result = ingest.scan(&mut Watcher::Screen(&mut |store, prices, progress, touched| {
            while let Ok(wake) = inbox.try_recv() {
                match wake {
                    Wake::Command(command) => stop = view.obey_with(&command, store, prices),
                    Wake::Said(said) => view.hand.say(said),
                    Wake::Rest(done) => rest = Some(done),
                    Wake::Dirty => *heard = true,
                }
            }
            view.draft.progress = Some(progress);
            view.refresh_with(store, prices, touched);
            if shown.elapsed() >= PACE {
                shown = Instant::now();
                publish.send_replace(Arc::new(view.picture(store, &[])));
            }
            if rest.is_some() { ControlFlow::Break(()) } else { stop }
        }));
        if let Some(done) = rest {
            self.rescan_at = Instant::now();
            self.rest(&done);
        }
        self.view.draft.progress = None;
        match result {
            Ok(report) => {
                self.failing = None;
                self.unread = report.failed.into_iter().collect();
                // Whoever leaves does not wait for the disk: the next one writes the log back.
                if report.files_read > 50 && !report.interrupted {
                    self.ingest.store.checkpoint();
                }
                self.view.unreadable += report.unreadable;
                let is_closed = |path: &PathBuf| report.roots.iter().flat_map(|r| &r.problems).any(|(other, _)| other == path);
                // What could not be looked into could not be watched either.
                self.opened = self.view.draft.roots.iter().flat_map(|r| &r.problems).any(|(path, _)| !is_closed(path));
                self.view.draft.roots = report.roots;
                self.view.refresh_after(&mut self.ingest, &report.sessions, report.files_read);
            }
            Err(error) => self.fail(&error),
        }
        stop
    }

    /// What changes because time passes.
    fn tick(&mut self, watch: &mut Watch) {
        let appeared = self.view.draft.roots.iter().any(|r| !r.exists && r.path.is_dir());
        let opened = self.view.draft.roots.iter().any(RootReport::is_mended);
        if appeared || opened || watch.has_lost() {
            self.watch_roots(watch);
            self.rescan_at = Instant::now();
        }
        if !self.unread.is_empty() && self.ingest.store.is_writer() {
            self.look_at(&self.unread.keys().cloned().collect());
        }
        self.go_home();
        self.view.tick(&mut self.ingest);
    }

    /// What cannot be read just now.
    fn troubles(&self) -> Vec<String> {
        let mut troubles: Vec<String> = self.failing.iter().map(|why| format!("{why}; trying again")).collect();
        let closed = self.view.draft.roots.iter().flat_map(|root| &root.problems).map(|(path, why)| (path, why));
        let mut all = self.unread.iter().chain(closed);
        troubles.extend(all.next().map(|(path, why)| {
            let more = all.count();
            let others = if more > 0 { format!(" (and {more} more)") } else { String::new() };
            // The last parts of a path say which it is; all of it has no room beside the reason.
            let short: PathBuf = path.components().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
            format!("cannot read {}: {}{others}", short.display(), without_number(why))
        }));
        troubles
    }

    fn refresh_all(&mut self) {
        self.view.reload(&self.ingest.store, &mut self.ingest.prices);
    }

    /// Publishes the picture if it would look any different.
    fn publish(&mut self) {
        let picture = self.view.picture(&self.ingest.store, &self.troubles());
        if !picture.shows_same(&self.publish.borrow()) {
            self.publish.send_replace(Arc::new(picture));
            self.last_publish = Some(Instant::now());
        }
    }
}
