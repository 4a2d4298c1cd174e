//! The thread that makes one picture of everything that was seen, every two seconds.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::super::watched::{Files, Seen as Edited};
use super::card::Card;
use super::hosts::Hosts;
use super::ledger::{Holders, Ledger, hold};
use super::local::Local;
use super::merge;
use super::owner::Clue;
use super::picture::{CardView, GpuPicture, Pictures, ProcessView};
use super::server::{Id, Server, port_of};
use super::sources::Sources;
use super::users::Users;
use super::{EVERY, GpuSettings, News, TICK, alerts};
use crate::gpus::Places;
use crate::insight::gpu::{Serving, State};
use crate::model::address::{host as host_of, is_loopback};
use crate::model::gpu_setup::GpuHost;
use crate::model::text::clean;
use crate::model::{Millis, Zone};
use crate::proc::Table;

/// What was seen and not taken yet.
const QUEUE: usize = 64;
/// How soon what is heard for the first time is shown.
const FIRST: Duration = Duration::from_millis(50);
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
    sources: Sources,
    cards: HashMap<String, Card>,
    servers: HashMap<Id, Server>,
    users: Users,
    holders: Holders,
    ledger: Ledger,
    alerts: alerts::Watch,
    ticked_at: Option<Millis>,
    /// Who is asked over the network.
    asked: Vec<GpuHost>,
    /// This machine's own name, where the system tells it.
    hostname: Option<String>,
}

impl Worker {
    fn new(mut setup: Setup, publish: watch::Sender<Arc<GpuPicture>>, (send, inbox): (SyncSender<News>, Receiver<News>)) -> Worker {
        let settings = (setup.settings)();
        let table = Table::at(&setup.places.proc);
        Worker {
            hostname: table.text("sys/kernel/hostname").map(|name| name.trim().to_owned()),
            files: Files::new(setup.files.clone()),
            hosts: Hosts::new(send.clone(), setup.clock),
            local: None,
            users: Users::new(table),
            ledger: Ledger::new(&setup.dir, setup.zone),
            settings,
            setup,
            publish,
            inbox,
            send,
            sources: Sources::default(),
            cards: HashMap::new(),
            servers: HashMap::new(),
            holders: Holders::new(),
            alerts: alerts::Watch::default(),
            ticked_at: None,
            asked: Vec::new(),
        }
    }

    fn run(mut self) {
        let mut due = Instant::now();
        loop {
            match self.inbox.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(News::Seen(seen)) => {
                    // What is heard for the first time is shown at once.
                    if self.sources.is_new(&seen.source) {
                        due = due.min(Instant::now() + FIRST);
                    }
                    self.sources.take(*seen);
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
                self.local = None;
                self.sources.clear();
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
        self.sources.keep(&hosts);
        self.asked = hosts;
    }

    /// The hosts of the settings, and the servers of this machine that hold its cards.
    fn wanted(&self) -> Vec<GpuHost> {
        let mut hosts = self.settings.hosts.clone();
        let is_named =
            |port: u16| self.settings.hosts.iter().any(|host| is_loopback(host_of(&host.url)) && port_of(&host.url) == Some(port));
        hosts.extend(self.users.ports().into_iter().filter(|port| !is_named(*port)).take(MOST_PORTS).map(GpuHost::found));
        hosts
    }

    /// Makes the next picture.
    fn tick(&mut self, now: Millis) {
        let found = {
            let before = |id: &str| self.cards.get(id)?.found();
            merge::cards(self.sources.sights(), now, self.hostname.as_deref(), before)
        };
        let known: Vec<String> = found.iter().map(|found| found.reading.id.clone()).collect();
        for (seen, sight) in self.sources.sights() {
            for (place, reading) in &sight.servers {
                let id = Id::of(place.as_deref().or(sight.url.as_deref()), reading);
                self.servers.entry(id).or_default().see(seen, (sight, place.as_deref()), reading);
            }
        }
        for found in found {
            rename(&mut self.cards, &found);
            self.cards.entry(found.reading.id.clone()).or_default().see(found, &self.settings);
        }
        let mut gone: HashMap<String, Card> = self.cards.extract_if(|id, _| !known.contains(id)).collect();
        if !gone.is_empty() {
            self.ledger.finish(&mut gone, &mut HashMap::new(), &mut self.holders, now);
        }
        self.servers.retain(|_, server| !server.is_gone(now) && !self.sources.is_new(server.source()));
        let has_any = !self.cards.is_empty() || !self.servers.is_empty();
        if has_any && self.ledger.book().is_none() {
            self.ledger.open();
            let _ = self.ledger.read(&mut self.cards, &mut self.servers, now); // what cannot be read is not shown
        }
        let patience = self.settings.setup.zombie.unwrap_or(Millis::MAX / 4);
        let processes = self.users.look(&self.cards, &mut self.setup.clues, &self.ledger, (now, patience));
        self.ask_hosts();
        self.tick_cards(now);
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

    /// Instances first: what a card does whose own figures do not tell follows from what they do.
    fn tick_cards(&mut self, now: Millis) {
        let rules = self.settings.rules();
        let mut parts: HashMap<String, State> = HashMap::new();
        for are_parts in [true, false] {
            for (id, card) in &mut self.cards {
                let Some(slice) = card.found().map(|found| found.reading.slice.clone()) else { continue };
                if slice.is_some() != are_parts {
                    continue;
                }
                card.tick(now, serving_of(&self.servers, id, now), parts.get(id).copied(), &rules);
                if let Some((slice, state)) = slice.zip(card.as_part()) {
                    parts.entry(slice.parent).and_modify(|known| *known = known.with(state)).or_insert(state);
                }
            }
        }
    }

    fn picture(&mut self, processes: Vec<ProcessView>, order: &[String], now: Millis) -> GpuPicture {
        let since = self.ledger.midnight(now);
        let mut cards: Vec<CardView> = order.iter().filter_map(|id| self.cards.get(id)?.view(since, self.settings.setup.kwh)).collect();
        let listeners = self.users.listeners(&processes);
        // Of several servers on a host it cannot be told which card is whose.
        let places: Vec<String> = self.servers.keys().map(|id| id.place.clone()).collect();
        let host = |place: &str| place.rsplit_once(':').map_or(place, |(host, _)| host).to_owned();
        for (id, server) in &mut self.servers {
            let own = host(&id.place);
            let is_alone = places.iter().filter(|place| host(place) == own).collect::<BTreeSet<_>>().len() == 1;
            server.find_cards(&cards, &listeners, is_alone);
        }
        let mut servers: Vec<_> = self.servers.values().map(|server| server.view(now)).collect();
        servers.sort_by(|a, b| (&a.name, &a.reading.host, &a.reading.model).cmp(&(&b.name, &b.reading.host, &b.reading.model)));
        for card in &mut cards {
            card.owner = owner_of(card, &processes, &servers);
        }
        let mut picture = GpuPicture {
            at: now,
            sources: if self.settings.setup.watch { self.sources.views(&self.asked, now) } else { Vec::new() },
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
}

/// A card that has slept since the beginning is known by its address, and says its name once it is awake. At the same address of
/// another machine there is another card.
fn rename(cards: &mut HashMap<String, Card>, found: &merge::Found) {
    let reading = &found.reading;
    let Some(pci) = reading.pci.as_ref().filter(|pci| **pci != reading.id && reading.slice.is_none()) else { return };
    let is_it = |card: &Card| card.found().is_some_and(|old| old.is_local == found.is_local && old.reading.host == reading.host);
    if !cards.contains_key(&reading.id)
        && cards.get(pci).is_some_and(is_it)
        && let Some(mut card) = cards.remove(pci)
    {
        card.id = None;
        cards.insert(reading.id.clone(), card);
    }
}

/// What the servers on a card do, together. Beside one that counts nothing nobody knows that the card gets nowhere.
fn serving_of(servers: &HashMap<Id, Server>, card: &str, now: Millis) -> Option<Serving> {
    let all: Vec<_> = servers.values().filter(|server| server.is_on(card, now)).map(Server::serving).collect();
    let is_counted = all.iter().all(Option::is_some);
    let together = all.into_iter().flatten().reduce(|a, b| Serving {
        is_running: a.is_running || b.is_running,
        has_moved: a.has_moved || b.has_moved,
        is_live: a.is_live && b.is_live,
    });
    together.filter(|serving| is_counted || serving.has_moved)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::gpu::GpuReading;

    const PCI: &str = "0000:83:00.0";

    fn found(id: &str, host: Option<&str>) -> merge::Found {
        let reading = GpuReading { id: id.to_owned(), host: host.map(str::to_owned), pci: Some(PCI.to_owned()), ..GpuReading::default() };
        merge::Found { reading, source: String::new(), at: 0, is_local: host.is_none() }
    }

    #[test]
    fn a_card_that_wakes_up_is_the_one_at_its_address_on_its_own_machine_alone() {
        for (host, expected) in [(None, "aa"), (Some("n1"), PCI)] {
            let mut cards = HashMap::from([(PCI.to_owned(), Card::default())]);
            cards.entry(PCI.to_owned()).or_default().see(found(PCI, None), &GpuSettings::default());
            rename(&mut cards, &found("aa", host));
            assert_eq!(cards.keys().collect::<Vec<_>>(), [expected], "{host:?}");
        }
    }
}
