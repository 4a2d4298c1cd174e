//! Bringing logs into the store.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::model::{AgentId, Batch};
use crate::pricing::Pricer;
use crate::sources;
use crate::store::files::path_key;
use crate::store::{Memory, Piece, Store, StoreError};
use crate::tail::{Buffer, Catalog, Found, Job, Pool, Reading, RootReport};

/// Rows gathered before they are written: the writer works while the readers read.
const ROWS_A_WRITE: usize = 16_000;
/// Rows that come with every piece: its file's, its session's, and what its reader remembers.
const ROWS_A_PIECE: usize = 3;
/// Rows written before they are kept. Keys are hashes, so every transaction touches most pages of the file.
const ROWS_A_TRANSACTION: usize = 250_000;
/// How long things wait to be written, so that a screen has something to show.
const WRITE_AFTER: Duration = Duration::from_millis(250);
/// How long things wait to be kept: a kill loses at most the work of this time.
const KEEP_AFTER: Duration = Duration::from_secs(3);
/// From how many files on reading is worth several threads.
const MANY: usize = 64;
/// From how many bytes on reading gets more memory for the database's pages.
const MUCH: u64 = 20 << 20;
/// Pieces that may wait between the readers and the writer.
const QUEUE: usize = 256;

/// How far a scan is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// Files to read.
    pub files: usize,
    /// Of them read.
    pub files_done: usize,
    /// Bytes to read.
    pub bytes: u64,
    /// Of them read.
    pub bytes_done: u64,
}

/// Who looks on while a scan runs. `Break` ends it; what was read until then is kept.
pub enum Watcher<'a> {
    /// A bar: told how far the scan is. The sums are brought up to date at the end, which is quicker.
    Bar(&'a mut dyn FnMut(Progress) -> ControlFlow<()>),
    /// A screen: told after each write, the sums up to date, with the sessions that changed.
    Screen(&'a mut OnWrite<'a>),
}

/// Told after a write: the store, how far the scan is, and which sessions changed.
pub type OnWrite<'a> = dyn FnMut(&Store, &mut Pricer, Progress, &BTreeSet<i64>) -> ControlFlow<()> + 'a;

/// What a scan found and did.
#[derive(Debug, Default)]
pub struct ScanReport {
    /// The roots and what lies below them.
    pub roots: Vec<RootReport>,
    /// Files read.
    pub files_read: usize,
    /// Sessions that changed.
    pub sessions: BTreeSet<i64>,
    /// Files that could not be read, and why.
    pub failed: Vec<(PathBuf, String)>,
    /// Lines that could not be read.
    pub unreadable: u64,
    /// Whether somebody had enough before everything was read.
    pub interrupted: bool,
}

/// What becomes of what was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// It is kept.
    Keep,
    /// It is left to whoever asked, who undoes it: another process is the one that writes.
    Leave,
}

/// Brings logs into a store.
#[derive(Debug)]
pub struct Ingest {
    /// The store.
    pub store: Store,
    /// The prices.
    pub prices: Pricer,
    /// The files.
    pub catalog: Catalog,
    memory: Memory,
    threads: usize,
}

impl Ingest {
    /// Puts the parts together. `threads` read at the same time; 0 is one per core.
    #[must_use]
    pub fn new(store: Store, prices: Pricer, catalog: Catalog, threads: usize) -> Ingest {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(16);
        Ingest { store, prices, catalog, memory: Memory::default(), threads: if threads == 0 { cores() } else { threads } }
    }

    /// Walks all roots and reads what has changed.
    pub fn scan(&mut self, watcher: &mut Watcher<'_>) -> Result<ScanReport, StoreError> {
        let (found, roots) = self.catalog.walk();
        let known = self.store.file_stats()?;
        self.catalog.index(&found); // forks that come later look for their parents
        let mut changed = Vec::new();
        for file in found {
            let before = known.get(&path_key(&file.path));
            if before != Some(&file.stat) {
                changed.push((file, before.is_some()));
            }
        }
        if known.is_empty() && !changed.is_empty() {
            self.store.set_partial(true)?;
        }
        drop(known); // of many files it is large, and so is what comes now
        let mut report = self.read(changed, watcher, Ending::Keep)?;
        report.roots = roots;
        if !report.interrupted && self.store.is_partial() {
            self.store.set_partial(false)?;
        }
        Ok(report)
    }

    /// [`Ingest::scan`] with nobody looking on.
    pub fn scan_quietly(&mut self) -> Result<ScanReport, StoreError> {
        self.scan(&mut Watcher::Bar(&mut |_| ControlFlow::Continue(())))
    }

    /// Reads what has changed among these paths.
    pub fn look(&mut self, paths: &BTreeSet<PathBuf>) -> Result<ScanReport, StoreError> {
        let mut news = Vec::new();
        for path in paths {
            let Some(found) = self.catalog.look(path) else { continue };
            // One database is heard of by several paths, and sometimes because it was opened.
            let is_database = sources::by_agent(found.agent).is_some_and(|source| !source.tables().is_empty());
            let is_known = |f: &Found| f.path == found.path;
            if is_database && (news.iter().any(is_known) || self.store.file(&found.path)?.is_some_and(|row| row.stat == found.stat)) {
                continue;
            }
            news.push(found);
        }
        let news = news.into_iter().map(|found| (found, true)).collect();
        self.read(news, &mut Watcher::Bar(&mut |_| ControlFlow::Continue(())), Ending::Keep)
    }

    /// Answers a question with the new lines of these files counted.
    ///
    /// Where another process writes, it will read these lines itself, but nobody knows how soon: so they are counted here
    /// as well, and forgotten with the answer.
    pub fn ask<T>(
        &mut self,
        agent: AgentId,
        paths: &BTreeSet<PathBuf>,
        question: impl FnOnce(&Store) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut found = Vec::new();
        for file in paths.iter().filter_map(|path| self.catalog.look_as(agent, path)).collect::<Vec<_>>() {
            let known = self.store.file(&file.path)?;
            if known.is_none() {
                // A new log may begin with the history of one that has been read.
                self.catalog.index_paths(self.store.paths()?.iter().map(PathBuf::as_path));
            }
            if known.is_none_or(|known| known.stat != file.stat) {
                found.push((file, true));
            }
        }
        let ending = if self.store.is_writer() { Ending::Keep } else { Ending::Leave };
        let nobody = &mut Watcher::Bar(&mut |_| ControlFlow::Continue(()));
        let read = self.read(found, nobody, ending);
        let answer = read.and_then(|_| question(&self.store));
        self.store.rollback(&mut self.memory);
        answer
    }

    /// Which of these files cannot be read, and why. Nothing of them is kept: for who follows another process that writes, and waits for
    /// it in vain.
    pub fn unreadable(&mut self, found: Vec<Found>) -> Result<Vec<(PathBuf, String)>, StoreError> {
        let nobody = &mut Watcher::Bar(&mut |_| ControlFlow::Continue(()));
        let read = self.read(found.into_iter().map(|file| (file, true)).collect(), nobody, Ending::Leave);
        self.store.rollback(&mut self.memory);
        read.map(|report| report.failed)
    }

    /// Writes calls that no log shows.
    pub fn add(&mut self, agent: AgentId, batch: &Batch) -> Result<(), StoreError> {
        self.store.begin(&mut self.memory)?;
        self.store.add(agent, batch, &mut self.memory, &mut self.prices)?;
        let kept = self.store.commit(&mut self.memory).map(|_| ());
        self.memory.forget_keys();
        kept
    }

    /// Whether an agent's logs have news that nobody has read: for who waits for another process that reads them.
    pub fn is_behind(&mut self, agent: AgentId) -> Result<bool, StoreError> {
        let (found, _) = self.catalog.walk();
        let known = self.store.file_stats()?;
        Ok(found.iter().any(|file| file.agent == agent && known.get(&path_key(&file.path)) != Some(&file.stat)))
    }

    /// How many bytes of these files have not been read yet.
    pub fn unread(&mut self, agent: AgentId, paths: &BTreeSet<PathBuf>) -> Result<u64, StoreError> {
        let mut bytes = 0;
        for found in paths.iter().filter_map(|path| self.catalog.look_as(agent, path)).collect::<Vec<_>>() {
            let read = self.store.file(&found.path)?.map_or(0, |known| known.offset);
            bytes += found.stat.size.saturating_sub(read);
        }
        Ok(bytes)
    }

    fn job(&self, found: Found, may_be_known: bool) -> Result<Job, StoreError> {
        let known = if may_be_known { self.store.file(&found.path)? } else { None };
        Ok(Job { agent: found.agent, path: found.path, stat: found.stat, known })
    }

    /// Reads files, each with whether it may have been read before.
    fn read(&mut self, found: Vec<(Found, bool)>, watcher: &mut Watcher<'_>, ending: Ending) -> Result<ScanReport, StoreError> {
        let mut report = ScanReport::default();
        let mut state = Progress { files: found.len(), bytes: found.iter().map(|(f, _)| f.stat.size).sum(), ..Progress::default() };
        let mut jobs = Vec::with_capacity(found.len());
        for (file, may_be_known) in found {
            jobs.push(self.job(file, may_be_known)?);
        }
        if jobs.is_empty() {
            return Ok(report);
        }
        let Ingest { store, prices, catalog, memory, threads } = self;
        // Measured by what is to be read, not by what the files hold: ten lines in large logs are not much.
        let much = jobs.iter().map(|j| j.stat.size - j.known.as_ref().map_or(0, |k| k.offset.min(j.stat.size))).sum::<u64>() > MUCH;
        if much {
            store.make_room(true);
        }
        let threads = if much || jobs.len() > MANY { *threads } else { 1 };
        let pool = Pool::new(jobs, catalog);
        let writing = Writing {
            store,
            prices,
            memory,
            gathered: RefCell::default(),
            kept_at: Instant::now(),
            unkept: 0,
            state: &mut state,
            report: &mut report,
            ending,
        };
        let result = writing.run(&pool, threads, watcher);
        self.memory.forget_keys();
        if much {
            self.store.make_room(false);
        }
        result.map(|()| report)
    }

    /// Moves a damaged store aside and begins a new one; gives what to tell the user.
    pub fn heal(&mut self) -> Result<String, StoreError> {
        let dir = self.store.dir();
        self.store = Store::in_memory()?; // closes the damaged one
        let opened = Store::replace(&dir)?;
        self.move_to(opened.store);
        Ok(opened.notice.unwrap_or_default())
    }

    /// Goes on in another store.
    pub fn move_to(&mut self, store: Store) {
        self.store = store;
        self.memory = Memory::default();
    }

    /// Reads one file's new lines at once, for a caller that waits.
    pub fn look_at(&mut self, path: &Path) -> Result<ScanReport, StoreError> {
        self.look(&BTreeSet::from([path.to_path_buf()]))
    }
}

/// Pieces that have been read and not yet written.
#[derive(Default)]
struct Gathered {
    pieces: Vec<Piece>,
    failed: Vec<(PathBuf, String)>,
    rows: usize,
    since: Option<Instant>,
}

impl Gathered {
    fn add(&mut self, reading: Reading) {
        match reading {
            Reading::Piece(piece) => {
                self.since.get_or_insert_with(Instant::now);
                self.rows += piece.batch.calls.len() + piece.batch.facts.len();
                self.pieces.push(*piece);
            }
            Reading::Failed { path, error } => self.failed.push((path, error.to_string())),
        }
    }

    fn is_due(&self) -> bool {
        self.rows + ROWS_A_PIECE * self.pieces.len() >= ROWS_A_WRITE || self.since.is_some_and(|s| s.elapsed() >= WRITE_AFTER)
    }

    /// How long what was read may still wait for more.
    fn patience(&self) -> Duration {
        self.since.map_or(WRITE_AFTER, |since| WRITE_AFTER.saturating_sub(since.elapsed()))
    }
}

/// A scan's writing: batches go into one transaction while the readers read on.
struct Writing<'a> {
    store: &'a mut Store,
    prices: &'a mut Pricer,
    memory: &'a mut Memory,
    gathered: RefCell<Gathered>,
    kept_at: Instant,
    /// Rows written and not yet kept.
    unkept: usize,
    state: &'a mut Progress,
    report: &'a mut ScanReport,
    ending: Ending,
}

impl Writing<'_> {
    /// Reads and writes everything. This thread writes; as long as nothing is to be written it reads like the others, so
    /// that every core works, and none waits for the one that writes.
    fn run(mut self, pool: &Pool<'_>, threads: usize, watcher: &mut Watcher<'_>) -> Result<(), StoreError> {
        self.store.begin(self.memory)?;
        std::thread::scope(|scope| {
            let (send, receive) = mpsc::sync_channel::<Reading>(QUEUE);
            for _ in 1..threads {
                let send = send.clone();
                scope.spawn(move || pool.work(&|reading| send.send(reading).is_ok()));
            }
            drop(send); // the last reader ends the queue
            let outcome = self.pump(pool, &receive, watcher);
            pool.stop();
            outcome
        })?;
        match self.ending {
            Ending::Keep => self.keep(),
            Ending::Leave => self.store.settle(self.memory).map(|_| ()),
        }
    }

    /// Writes what the others read, and reads itself in between, until everything is written or the watcher has enough.
    fn pump(&mut self, pool: &Pool<'_>, receive: &mpsc::Receiver<Reading>, watcher: &mut Watcher<'_>) -> Result<(), StoreError> {
        let mut buffer = Buffer::default();
        loop {
            let mut others_work = true;
            while !self.gathered.borrow().is_due() {
                match receive.try_recv() {
                    Ok(reading) => self.gathered.borrow_mut().add(reading),
                    Err(error) => {
                        others_work = error == mpsc::TryRecvError::Empty;
                        break;
                    }
                }
            }
            if self.gathered.borrow().is_due() {
                if self.write(watcher)?.is_break() {
                    self.report.interrupted = true;
                    return Ok(());
                }
                continue;
            }
            let gathered = &self.gathered;
            let sink = |reading| {
                // Another thread may have read what comes before this in the same file.
                let mut gathered = gathered.borrow_mut();
                for earlier in receive.try_iter() {
                    gathered.add(earlier);
                }
                gathered.add(reading);
                true
            };
            if pool.step(&mut buffer, &sink) {
                continue;
            }
            if !others_work {
                return self.write(watcher).map(|_| ());
            }
            let patience = self.gathered.borrow().patience();
            if let Ok(reading) = receive.recv_timeout(patience) {
                self.gathered.borrow_mut().add(reading);
            }
        }
    }

    fn write(&mut self, watcher: &mut Watcher<'_>) -> Result<ControlFlow<()>, StoreError> {
        let Gathered { pieces, rows, failed, .. } = self.gathered.take();
        self.report.failed.extend(failed);
        self.store.write(&pieces, self.memory, self.prices)?;
        self.unkept += rows;
        for piece in &pieces {
            self.report.unreadable += piece.batch.malformed;
            let finished = piece.file.stat.size > 0 || piece.file.stat.ino != 0;
            if finished {
                self.state.files_done += 1;
                self.state.bytes_done += piece.file.stat.size;
                self.report.files_read += 1;
            }
        }
        let flow = match watcher {
            Watcher::Bar(bar) => bar(*self.state),
            Watcher::Screen(screen) => {
                let settled = self.store.settle(self.memory)?;
                let flow = screen(self.store, self.prices, *self.state, &settled);
                self.report.sessions.extend(settled);
                flow
            }
        };
        if self.unkept >= ROWS_A_TRANSACTION || self.kept_at.elapsed() >= KEEP_AFTER {
            self.keep()?;
            self.store.begin(self.memory)?;
            (self.unkept, self.kept_at) = (0, Instant::now());
        }
        Ok(flow)
    }

    /// Keeps what was written.
    fn keep(&mut self) -> Result<(), StoreError> {
        self.report.sessions.extend(self.store.commit(self.memory)?);
        Ok(())
    }
}
