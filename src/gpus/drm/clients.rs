//! Who uses the cards: the processes that have one of their files open, and what the driver says of each.
//!
//! To find them is to look at every open file of every process, so that is done every few seconds only; what is known is
//! read again each time. Files are told from copies of themselves by card and client, as the kernel documentation wants it
//! (gpu/drm-usage-stats.rst): a file that was inherited or handed over counts once, for the process with the lowest number.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::fdinfo::{self, Fdinfo};
use super::meter::{Meters, permille};
use crate::gpus::sysfs::{self, Card};
use crate::model::gpu::Permille;

/// How long the list of open files is good.
const FILES_FOR: Duration = Duration::from_secs(5);
/// Processes whose open files are looked at.
const MOST_PROCESSES: usize = 4096;
/// Entries of `/proc` that are looked at.
const MOST_PIDS: usize = 1 << 17;
/// Open files that are looked at, of all processes together.
const MOST_FILES: usize = 1 << 18;
/// Those of them that are files of cards.
const MOST_LINKS: usize = 1 << 14;
/// The flag of `/proc/<pid>/stat` that a thread of the kernel has: `PF_KTHREAD`.
const KERNEL_THREAD: u64 = 0x0020_0000;

/// How a card is used.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Use {
    /// The share of time in which its busiest engine was at work, for those that could be looked at.
    pub used: Option<Permille>,
    /// How many clients that were.
    pub clients: usize,
    /// The processes that hold memory of it or have it work.
    pub processes: Vec<Process>,
}

/// A process that uses a card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The share of time in which the engine that it uses most was at work for it.
    pub used: Option<Permille>,
    /// Bytes of the card's own memory.
    pub vram: Option<u64>,
    /// Bytes of the machine's memory that it has for the card.
    pub system: Option<u64>,
    /// Whether it has the card's screens: whoever only computes opens a render node.
    pub draws: bool,
}

/// An open file of a card.
struct Link {
    pid: u32,
    fd: u32,
    node: String,
}

/// What tells a client from others: its card, and its number there.
type Id = (String, u64);

/// A client as it was met this time.
struct Met {
    pid: u32,
    info: Fdinfo,
}

/// All that was met this time.
#[derive(Default)]
struct Round {
    clients: BTreeMap<Id, Met>,
    /// Who has which card's screens.
    draw: BTreeSet<(String, u32)>,
}

/// All clients of some cards.
pub struct Clients {
    proc: PathBuf,
    links: Vec<Link>,
    scanned: Option<Instant>,
    /// Processes whose open files could not be listed.
    closed: u32,
    /// Processes of which a card's file could be seen and not read.
    blind: u32,
    known: BTreeMap<Id, Meters>,
    uses: BTreeMap<String, Use>,
}

impl Clients {
    /// Of this `/proc`.
    #[must_use]
    pub fn new(proc: &Path) -> Self {
        let (known, uses) = (BTreeMap::new(), BTreeMap::new());
        Self { proc: proc.to_owned(), links: Vec::new(), scanned: None, closed: 0, blind: 0, known, uses }
    }

    /// Looks at the clients of these cards and of no others: to read what a driver says of a client can wake its card.
    pub fn look(&mut self, cards: &[&Card], now: Instant) {
        if self.scanned.is_none_or(|then| now.saturating_duration_since(then) >= FILES_FOR) {
            self.scanned = Some(now);
            self.scan();
        }
        let keys: BTreeSet<String> = cards.iter().map(|card| card.key()).collect();
        let round = self.meet(cards, &keys);
        self.known.retain(|id, _| !keys.contains(&id.0) || round.clients.contains_key(id));
        for (id, client) in &round.clients {
            self.known.entry(id.clone()).or_insert_with(|| Meters::new(now)).read(&client.info.engines, now);
        }
        for key in keys {
            let clients = round.clients.iter().filter(|(id, _)| id.0 == key);
            let with_meters = clients.filter_map(|(id, client)| Some((client, self.known.get(id)?)));
            let mut told = tally(with_meters);
            for process in &mut told.processes {
                process.draws = round.draw.contains(&(key.clone(), process.pid));
            }
            self.uses.insert(key, told);
        }
    }

    /// How this card was used when its clients were looked at last.
    #[must_use]
    pub fn of(&self, key: &str) -> Option<&Use> {
        self.uses.get(key)
    }

    /// Forgets a card: it sleeps.
    pub fn forget(&mut self, key: &str) {
        self.uses.remove(key);
        self.known.retain(|id, _| id.0 != key);
    }

    /// How many processes there are that may not be looked at.
    #[must_use]
    pub fn hidden(&self) -> u32 {
        self.closed.saturating_add(self.blind)
    }

    /// Finds the open files of cards.
    fn scan(&mut self) {
        self.links.clear();
        self.closed = 0;
        let (mut processes, mut files) = (0, MOST_FILES);
        for (pid, dir) in pids(&self.proc) {
            // What there is no time for is hidden, too: nobody may take it for idle.
            let is_too_much = processes >= MOST_PROCESSES || files == 0 || self.links.len() >= MOST_LINKS;
            let listed = if is_too_much { None } else { std::fs::read_dir(dir.join("fd")).ok() };
            let Some(entries) = listed else {
                self.closed = self.closed.saturating_add(u32::from(can_have_files(&dir)));
                continue;
            };
            let before = files;
            for entry in entries.flatten().take(files) {
                files -= 1;
                if let Some((fd, node)) = node_of(&entry) {
                    self.links.push(Link { pid, fd, node });
                }
            }
            processes += usize::from(files < before);
        }
        self.links.truncate(MOST_LINKS);
        self.links.sort_by_key(|link| (link.pid, link.fd));
    }

    /// Reads what drivers say of the open files.
    fn meet(&mut self, cards: &[&Card], keys: &BTreeSet<String>) -> Round {
        let nodes: BTreeMap<&str, String> =
            cards.iter().flat_map(|card| card.nodes.iter().map(|node| (node.as_str(), card.key()))).collect();
        let (mut round, mut blind) = (Round::default(), BTreeSet::new());
        for link in &self.links {
            let Some(key) = nodes.get(link.node.as_str()) else { continue };
            let dir = self.proc.join(link.pid.to_string());
            let Some(text) = sysfs::text(&dir.join("fdinfo").join(link.fd.to_string())) else {
                if std::fs::read_link(dir.join("fd").join(link.fd.to_string())).is_ok() {
                    blind.insert(link.pid);
                }
                continue;
            };
            let Some(info) = fdinfo::parse(&text) else { continue };
            // The number may be another file's by now, and that one another card's.
            let card = info.pdev.clone().unwrap_or_else(|| key.clone());
            if !keys.contains(&card) {
                continue;
            }
            if link.node.starts_with("card") {
                round.draw.insert((card.clone(), link.pid));
            }
            round.clients.entry((card, info.client)).or_insert(Met { pid: link.pid, info });
        }
        self.blind = u32::try_from(blind.len()).unwrap_or(u32::MAX);
        round
    }
}

/// The processes of this `/proc`, by number.
fn pids(proc: &Path) -> Vec<(u32, PathBuf)> {
    let entries = std::fs::read_dir(proc).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    let mut pids: Vec<(u32, PathBuf)> = numbered.take(MOST_PIDS).collect();
    pids.sort();
    pids
}

/// Whether a process whose files cannot be listed may have some: it still lives, and is no thread of the kernel.
fn can_have_files(dir: &Path) -> bool {
    if !dir.is_dir() {
        return false;
    }
    // After the name, which may hold anything: the state, and as the seventh field the flags.
    let Some(stat) = sysfs::text(&dir.join("stat")) else { return dir.is_dir() };
    let mut fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let is_dead = matches!(fields.next(), Some("Z" | "X"));
    let flags: u64 = fields.nth(5).and_then(|flags| flags.parse().ok()).unwrap_or(0);
    !is_dead && flags & KERNEL_THREAD == 0
}

/// The number of an open file, and the card's file that it is.
fn node_of(entry: &std::fs::DirEntry) -> Option<(u32, String)> {
    let target = std::fs::read_link(entry.path()).ok()?;
    let is_ours = target.starts_with("/dev/dri") || target.starts_with("/dev/accel");
    let node = target.file_name().filter(|_| is_ours)?.to_str()?.to_owned();
    Some((entry.file_name().to_str()?.parse().ok()?, node))
}

/// Adds up what clients of one card did.
fn tally<'a>(clients: impl Iterator<Item = (&'a Met, &'a Meters)>) -> Use {
    let mut card: BTreeMap<&str, u64> = BTreeMap::new();
    let mut users: BTreeMap<u32, (Process, BTreeMap<&str, u64>, bool)> = BTreeMap::new();
    let mut count = 0;
    for (client, meters) in clients {
        count += 1;
        let (process, engines, is_user) = users.entry(client.pid).or_default();
        process.pid = client.pid;
        process.vram = plus(process.vram, client.info.vram);
        process.system = plus(process.system, client.info.system);
        *is_user |= client.info.engines.values().any(fdinfo::Engine::worked);
        for (engine, share) in meters.shares() {
            *card.entry(engine).or_default() += share;
            *engines.entry(engine).or_default() += share;
        }
    }
    // Whoever has a card's file open, and nothing more, does not use it: programs open all cards to choose one.
    let holds = |process: &Process| plus(process.vram, process.system).is_none_or(|bytes| bytes > 0);
    let processes = users.into_values().filter(|(process, _, is_user)| *is_user || holds(process));
    Use {
        used: card.into_values().max().map(permille),
        clients: count,
        processes: processes.map(|(process, engines, _)| Process { used: engines.into_values().max().map(permille), ..process }).collect(),
    }
}

fn plus(a: Option<u64>, b: Option<u64>) -> Option<u64> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    }
}
