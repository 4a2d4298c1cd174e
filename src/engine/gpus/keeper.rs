//! The thread that makes one picture of everything that was seen, every two seconds.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::proc::Table;
use super::super::watched::{Files, Seen as Edited};
use super::card::{Card, is_held};
use super::hosts::Hosts;
use super::ledger::{Holders, Ledger, hold};
use super::local::Local;
use super::merge;
use super::owner::{Clue, Owners};
use super::picture::{CardView, GpuPicture, Pictures, ProcessView, SourceState, SourceView};
use super::server::{Id, Server, port_of};
use super::{EVERY, GpuSettings, News, Seen, TICK, Trouble, alerts, ports};
use crate::gpus::Places;
use crate::insight::gpu::Serving;
use crate::model::gateway::host as host_of;
use crate::model::gpu_setup::{GpuHost, is_found};
use crate::model::text::clean;
use crate::model::webhook::is_loopback;
use crate::model::{Millis, Zone};

/// What was seen and not taken yet.
const QUEUE: usize = 64;
/// How soon what is heard for the first time is shown.
const FIRST: Duration = Duration::from_millis(50);
/// How often it is looked who listens on which port, where the processes stay the same.
const PORTS: Duration = Duration::from_secs(30);
/// A source that has said nothing for so long is stale; and a local one.
const STALE: Millis = 20_000;
const LOCAL_STALE: Millis = 8_000;
/// Local servers that are asked without having been named.
const MOST_PORTS: usize = 16;

/// What the keeper needs.
pub struct Setup {
    /// Where the store lies.
    pub dir: PathBuf,
    /// The viewer's zone.
    pub zone: Zone,
    /// Where this machine's files are.
    pub places: Places,
    /// The settings as they are now.
    pub settings: Box<dyn FnMut() -> GpuSettings + Send>,
    /// The files that they are read from.
    pub files: Vec<PathBuf>,
    /// Sessions that may own processes.
    pub clues: Box<dyn FnMut() -> Vec<Clue> + Send>,
    /// The clock.
    pub clock: fn() -> Millis,
}

/// The running thread. Dropped, it writes down what it has, and ends.
#[derive(Debug)]
pub struct Keeper {
    stop: SyncSender<News>,
    thread: Option<JoinHandle<()>>,
    /// The newest picture.
    pub pictures: Pictures,
}

impl Keeper {
    /// Starts to watch.
    pub fn start(setup: Setup) -> std::io::Result<Keeper> {
        let (stop, inbox) = sync_channel(QUEUE);
        let (publish, pictures) = watch::channel(Arc::default());
        let send = stop.clone();
        let body = move || Worker::new(setup, publish, (send, inbox)).run();
        let thread = std::thread::Builder::new().name("gpus".to_owned()).spawn(body)?;
        Ok(Keeper { stop, thread: Some(thread), pictures })
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.stop.send(News::Stop); // or it has ended already
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Worker {
    setup: Setup,
    settings: GpuSettings,
    files: Files,
    publish: watch::Sender<Arc<GpuPicture>>,
    inbox: Receiver<News>,
    hosts: Hosts,
    local: Option<Local>,
    send: SyncSender<News>,
    table: Table,
    /// What each source has said last, and when it last had something to say.
    seen: BTreeMap<String, Source>,
    cards: HashMap<String, Card>,
    servers: HashMap<Id, Server>,
    owners: Owners,
    holders: Holders,
    ledger: Ledger,
    alerts: alerts::Watch,
    /// Ports of this machine, and the processes that hold cards there.
    ports: Vec<(u16, u32)>,
    ports_at: Option<(Instant, Vec<u32>)>,
    ticked_at: Option<Millis>,
    /// Who is asked over the network.
    asked: Vec<GpuHost>,
    clues: Vec<Clue>,
}

struct Source {
    last: Seen,
    good: Option<Seen>,
    is_local: bool,
}

impl Worker {
    fn new(mut setup: Setup, publish: watch::Sender<Arc<GpuPicture>>, (send, inbox): (SyncSender<News>, Receiver<News>)) -> Worker {
        let settings = (setup.settings)();
        let table = Table::at(&setup.places.proc);
        Worker {
            files: Files::new(setup.files.clone()),
            hosts: Hosts::new(send.clone(), setup.clock),
            local: None,
            owners: Owners::new(&table),
            ledger: Ledger::new(&setup.dir, setup.zone),
            table,
            settings,
            setup,
            publish,
            inbox,
            send,
            seen: BTreeMap::new(),
            cards: HashMap::new(),
            servers: HashMap::new(),
            holders: Holders::new(),
            alerts: alerts::Watch::default(),
            ports: Vec::new(),
            ports_at: None,
            ticked_at: None,
            asked: Vec::new(),
            clues: Vec::new(),
        }
    }

    fn run(mut self) {
        let mut due = Instant::now();
        loop {
            match self.inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(News::Seen(seen)) => {
                    // What is heard for the first time is shown at once.
                    if !self.seen.contains_key(&seen.source) {
                        due = due.min(Instant::now() + FIRST);
                    }
                    self.take(*seen);
                }
                Ok(News::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {}
            }
            if Instant::now() >= due {
                self.look_at_settings();
                self.tick((self.setup.clock)());
                due = Instant::now() + EVERY;
            }
        }
        self.end();
    }

    /// What is not complete is written as it is.
    fn end(&mut self) {
        let now = (self.setup.clock)();
        self.ledger.finish(&mut self.cards, &mut self.servers, &mut self.holders, now);
    }

    fn look_at_settings(&mut self) {
        if self.files.look() == Edited::Changed {
            self.settings = (self.setup.settings)();
        }
        match (self.settings.setup.watch, self.local.is_some()) {
            (true, false) => self.local = Some(Local::start(&self.setup.places, &self.send, self.setup.clock)),
            (false, true) => {
                self.end();
                (self.local, self.seen) = (None, BTreeMap::new());
                self.cards.clear();
                self.servers.clear();
            }
            _ => {}
        }
    }

    /// Sees to it that those are asked who are to be asked, and forgets the others.
    fn ask_hosts(&mut self) {
        let hosts = if self.settings.setup.watch { self.wanted() } else { Vec::new() };
        self.hosts.want(&hosts);
        let is_host = |name: &String| hosts.iter().any(|host| host.name == *name);
        self.seen.retain(|name, source| source.is_local || is_host(name));
        self.asked = hosts;
    }

    /// The hosts of the settings, and the servers of this machine that hold its cards.
    fn wanted(&self) -> Vec<GpuHost> {
        let mut hosts = self.settings.hosts.clone();
        let mut ports: Vec<u16> = self.ports.iter().map(|(port, _)| *port).collect();
        ports.dedup();
        let is_named =
            |port: u16| self.settings.hosts.iter().any(|host| is_loopback(host_of(&host.url)) && port_of(&host.url) == Some(port));
        hosts.extend(ports.into_iter().filter(|port| !is_named(*port)).take(MOST_PORTS).map(GpuHost::found));
        hosts
    }

    fn take(&mut self, seen: Seen) {
        let is_local = seen.is_local;
        let good = if seen.what.is_ok() { Some(seen.clone()) } else { self.seen.remove(&seen.source).and_then(|source| source.good) };
        // A card that is gone is not seen any more; one that could not be looked at is seen as it was.
        let good = good.filter(|_| !matches!(seen.what, Err(Trouble::Absent(_))));
        self.seen.insert(seen.source.clone(), Source { last: seen, good, is_local });
    }

    /// Makes the next picture.
    fn tick(&mut self, now: Millis) {
        let sights = || self.seen.values().filter_map(|source| Some((source.good.as_ref()?, source.is_local)));
        let sights = sights().filter_map(|(seen, is_local)| Some((seen, seen.what.as_ref().ok()?, is_local)));
        let (for_cards, for_servers) = (sights.clone(), sights);
        let found = merge::cards(for_cards);
        let known: Vec<String> = found.iter().map(|found| found.reading.id.clone()).collect();
        for (seen, sight, _) in for_servers {
            for (place, reading) in &sight.servers {
                let id = Id::of(place.as_deref().or(sight.url.as_deref()), reading);
                self.servers.entry(id).or_default().see(seen, (sight, place.as_deref()), reading);
            }
        }
        for found in found {
            self.rename(&found);
            self.cards.entry(found.reading.id.clone()).or_default().see(found, &self.settings);
        }
        let mut gone: HashMap<String, Card> = self.cards.extract_if(|id, _| !known.contains(id)).collect();
        if !gone.is_empty() {
            self.ledger.finish(&mut gone, &mut HashMap::new(), &mut self.holders, now);
        }
        self.servers.retain(|_, server| !server.is_gone(now) && self.seen.contains_key(server.source()));
        let has_any = !self.cards.is_empty() || !self.servers.is_empty();
        if has_any && self.ledger.book().is_none() {
            self.ledger.open();
            let _ = self.ledger.read(&mut self.cards, &mut self.servers, now); // what cannot be read is not shown
        }
        let processes = self.processes(now);
        self.find_ports(&processes);
        self.ask_hosts();
        let rules = self.settings.rules();
        for (id, card) in &mut self.cards {
            let serving = serving_of(&self.servers, id, now);
            let held = card.found().is_some_and(|found| is_held(&found.reading));
            card.tick(now, held, serving, &rules);
        }
        let passed = self.ticked_at.map_or(0, |at| now - at).clamp(0, 3 * TICK);
        self.ticked_at = Some(now);
        hold(&mut self.holders, &processes, now, passed);
        self.ledger.keep(&mut self.cards, &mut self.servers, &mut self.holders, now);
        let picture = self.picture(processes, &known, now);
        // Where there is nothing, nobody is woken to be told so again.
        self.publish.send_if_modified(|last| {
            let is_news = last.at == 0 || !picture.is_empty() || !last.is_empty() || last.sources != picture.sources;
            *last = Arc::new(picture);
            is_news
        });
    }

    /// A card that has slept since the beginning is known by its address, and says its name once it is awake.
    fn rename(&mut self, found: &merge::Found) {
        let Some(pci) = found.reading.pci.as_ref().filter(|pci| **pci != found.reading.id && found.reading.slice.is_none()) else { return };
        if !self.cards.contains_key(&found.reading.id)
            && let Some(mut card) = self.cards.remove(pci)
        {
            card.id = None;
            self.cards.insert(found.reading.id.clone(), card);
        }
    }

    /// The processes on this machine's cards, and whose they are.
    fn processes(&mut self, now: Millis) -> Vec<ProcessView> {
        let any = self.cards.values().filter_map(Card::found).any(|f| f.reading.processes.as_ref().is_some_and(|p| !p.is_empty()));
        if !any {
            return Vec::new();
        }
        self.clues = (self.setup.clues)();
        let mut views = Vec::new();
        for (id, found) in self.cards.iter().filter_map(|(id, card)| Some((id, card.found()?))) {
            for process in found.reading.processes.iter().flatten() {
                let stat = self.table.stat(process.pid).filter(|_| found.is_local);
                let mut view = ProcessView { card: id.clone(), process: process.clone(), ..ProcessView::default() };
                match stat {
                    Some(stat) => {
                        view.is_visible = true;
                        view.command = super::super::process::command(&self.table, process.pid);
                        view.user = self.table.user(process.pid).map(user_name);
                        view.started_at = self.table.age(&stat).map(|age| now - age);
                        view.owner = self.owners.of(&self.table, process.pid, &stat, &self.clues, self.ledger.book(), now);
                        let parents = self.table.ancestors(process.pid);
                        view.parents = parents.into_iter().map(|pid| (pid, super::super::process::command(&self.table, pid))).collect();
                    }
                    None => view.command = process.name.as_deref().map(clean).unwrap_or_default(),
                }
                view.is_shared = self.ports.iter().any(|(_, pid)| *pid == process.pid);
                let patience = self.settings.setup.zombie.unwrap_or(Millis::MAX / 4);
                let ended = view.owner.as_ref().and_then(|owner| owner.ended_at);
                view.is_zombie = ended.is_some_and(|at| now - at >= patience);
                view.burnt = burnt(&self.ledger, self.cards.get(id).and_then(|card| card.id), &view);
                views.push(view);
            }
        }
        views.sort_by(|a, b| (&a.card, a.process.pid).cmp(&(&b.card, b.process.pid)));
        views
    }

    fn find_ports(&mut self, processes: &[ProcessView]) {
        let mut pids: Vec<u32> =
            processes.iter().filter(|view| view.is_visible && !view.process.is_graphics).map(|v| v.process.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        let is_new = self.ports_at.as_ref().is_none_or(|(at, known)| at.elapsed() >= PORTS || *known != pids);
        if !is_new {
            return;
        }
        self.ports_at = Some((Instant::now(), pids.clone()));
        self.ports = ports::of(&self.table, &pids);
    }

    fn picture(&mut self, processes: Vec<ProcessView>, order: &[String], now: Millis) -> GpuPicture {
        let since = self.ledger.midnight(now);
        let mut cards: Vec<CardView> = order.iter().filter_map(|id| self.cards.get(id)?.view(since, self.settings.setup.kwh)).collect();
        let listeners: Vec<(u16, String)> = self
            .ports
            .iter()
            .flat_map(|(port, pid)| processes.iter().filter(|view| view.process.pid == *pid).map(|view| (*port, view.card.clone())))
            .collect();
        // Of several servers on a host it cannot be told which card is whose.
        let places: Vec<String> = self.servers.keys().map(|id| id.place.clone()).collect();
        let host = |place: &str| place.rsplit_once(':').map_or(place, |(host, _)| host).to_owned();
        for (id, server) in &mut self.servers {
            let own = host(&id.place);
            let is_alone = places.iter().filter(|place| host(place) == own).collect::<std::collections::BTreeSet<_>>().len() == 1;
            server.find_cards(&cards, &listeners, is_alone);
        }
        let mut servers: Vec<_> = self.servers.values().map(|server| server.view(now)).collect();
        servers.sort_by(|a, b| (&a.name, &a.reading.host, &a.reading.model).cmp(&(&b.name, &b.reading.host, &b.reading.model)));
        for card in &mut cards {
            card.owner = owner_of(card, &processes, &servers);
        }
        let mut picture = GpuPicture {
            at: now,
            sources: self.sources(now),
            cards,
            servers,
            processes,
            heat: self.ledger.heat.clone(),
            alerts: Vec::new(),
            over: Vec::new(),
            notices: self.ledger.problem.iter().map(|why| clean(why)).collect(),
            is_off: !self.settings.setup.watch,
        };
        picture.alerts = self.alerts.look(&picture, &self.settings.setup);
        picture.over.clone_from(&self.alerts.over);
        picture
    }

    fn sources(&self, now: Millis) -> Vec<SourceView> {
        let view = |source: &Source| {
            let last = &source.last;
            let good = source.good.as_ref();
            let state = match &last.what {
                _ if good.is_some_and(|good| now - good.at > if source.is_local { LOCAL_STALE } else { STALE }) => SourceState::Stale,
                Ok(_) => SourceState::Well,
                Err(Trouble::Absent(_)) => SourceState::Absent,
                Err(Trouble::Broken(_)) => SourceState::Broken,
            };
            let sight = good.and_then(|good| good.what.as_ref().ok());
            SourceView {
                name: last.source.clone(),
                about: last.about.clone(),
                state,
                why: match &last.what {
                    Err(Trouble::Absent(why) | Trouble::Broken(why)) => Some(why.clone()),
                    Ok(_) if state == SourceState::Stale => Some("it has not answered since: the driver or the host hangs".to_owned()),
                    Ok(_) => None,
                },
                seen_at: good.map(|good| good.at),
                took: u64::try_from(last.took.as_millis()).ok(),
                sees: sight.map_or((0, 0), |sight| (sight.cards.len(), sight.servers.len())),
                is_remote: !source.is_local,
            }
        };
        if !self.settings.setup.watch {
            return Vec::new();
        }
        let is_local = self.local.is_some();
        let unheard =
            crate::gpus::PROBES.iter().filter(|known| is_local && known.instead_of.is_none() && !self.seen.contains_key(known.name));
        let unheard =
            unheard.map(|known| SourceView { name: known.name.to_owned(), about: known.about.to_owned(), ..SourceView::default() });
        let waiting = |host: &&GpuHost| !self.seen.contains_key(&host.name);
        let asked = self.asked.iter().filter(waiting).map(|host| SourceView {
            name: host.name.clone(),
            about: host.url.clone(),
            is_remote: true,
            ..SourceView::default()
        });
        // A port that was found and turned out to be nobody's is nobody's failure.
        let is_told = |source: &&Source| source.good.is_some() || !is_found(&source.last.source);
        self.seen.values().filter(is_told).map(view).chain(unheard).chain(asked).collect()
    }
}

/// What the servers on a card do, together.
fn serving_of(servers: &HashMap<Id, Server>, card: &str, now: Millis) -> Option<Serving> {
    servers.values().filter(|server| server.cards.iter().any(|own| own == card)).filter_map(|server| server.serving(now)).reduce(|a, b| {
        Serving { is_running: a.is_running || b.is_running, has_moved: a.has_moved || b.has_moved, is_live: a.is_live && b.is_live }
    })
}

/// What a card has cost today while the session of a process had it.
fn burnt(ledger: &Ledger, card: Option<i64>, view: &ProcessView) -> Option<crate::model::Money> {
    let (owner, card) = (view.owner.as_ref()?, card?);
    ledger.held.iter().find(|held| held.card == card && held.agent == owner.agent && held.session == owner.session)?.cost
}

/// Who has a card, in a few words: a server, a session, or a program.
fn owner_of(card: &CardView, processes: &[ProcessView], servers: &[super::ServerView]) -> Option<String> {
    let id = &card.reading.id;
    if let Some(server) = servers.iter().find(|server| server.cards.contains(id)) {
        return Some(format!("{}{} (shared)", server.reading.kind, port_text(&server.url)));
    }
    let mine = || processes.iter().filter(|view| view.card == *id && !view.process.is_graphics);
    if let Some((view, owner)) = mine().find_map(|view| Some((view, view.owner.as_ref()?))) {
        let zombie = if view.is_zombie { " ended" } else { "" };
        return Some(format!("{} {}{zombie}", owner.short(), owner.rule));
    }
    if let Some(view) = mine().max_by_key(|view| (view.is_visible, view.process.memory)) {
        let program = view.command.split_whitespace().next().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
        return Some(match (&view.user, view.is_visible) {
            (_, false) => format!("pid {}, not visible here", view.process.pid),
            (Some(user), true) => format!("{user}: {program}"),
            (None, true) => program.to_owned(),
        });
    }
    let label = |name: &str| card.reading.labels.iter().find(|(own, _)| own == name).map(|(_, value)| clean(value));
    label("pod").or_else(|| label("job_id")).map(|text| format!("{text} E"))
}

fn port_text(url: &str) -> String {
    let place = url.split('/').nth(2).unwrap_or_default();
    place.rsplit_once(':').map(|(_, port)| format!(":{port}")).unwrap_or_default()
}

#[cfg(unix)]
fn user_name(uid: u32) -> String {
    let found = nix::unistd::User::from_uid(nix::unistd::Uid::from_raw(uid)).ok().flatten();
    found.map_or_else(|| uid.to_string(), |user| clean(&user.name))
}

#[cfg(not(unix))]
fn user_name(uid: u32) -> String {
    uid.to_string()
}
