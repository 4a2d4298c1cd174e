//! Bringing logs into the store.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::pricing::Pricer;
use crate::store::files::path_key;
use crate::store::write::Ids;
use crate::store::{Piece, Store, StoreError};
use crate::tail::{self, Catalog, Found, Job, Reading, RootReport};

/// Rows gathered before they are written. Keys are hashes, so every write touches most pages: few large ones are cheap.
const ROWS_A_WRITE: usize = 25_000;
/// How long the first things read wait to be written: soon, so that a screen has something to show.
const FIRST_WRITE_AFTER: Duration = Duration::from_millis(150);
/// How long later ones wait.
const WRITE_AFTER: Duration = Duration::from_millis(900);
/// How long things wait that nobody watches: a kill loses at most the work of this time.
const UNWATCHED_WRITE_AFTER: Duration = Duration::from_secs(3);
/// From how many bytes on reading gets more memory for the database's pages.
const MUCH: u64 = 20 << 20;
/// Pieces that may wait between the readers and the writer.
const QUEUE: usize = 64;

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

/// Told after each write: the store, how far the scan is, and which sessions changed. `Break` ends the scan.
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
    ids: Ids,
    threads: usize,
    /// Whether somebody watches: what is read is then written soon, else when it is enough to be worth it.
    pub watched: bool,
}

impl Ingest {
    /// Puts the parts together. `threads` read at the same time; 0 is one per core.
    #[must_use]
    pub fn new(store: Store, prices: Pricer, catalog: Catalog, threads: usize) -> Ingest {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(16);
        Ingest { store, prices, catalog, ids: Ids::default(), watched: false, threads: if threads == 0 { cores() } else { threads } }
    }

    /// Walks all roots and reads what has changed. `progress` is called after each write.
    pub fn scan(&mut self, progress: &mut OnWrite<'_>) -> Result<ScanReport, StoreError> {
        let (found, roots) = self.catalog.walk();
        let known = self.store.file_stats()?;
        let is_news = |f: &Found| known.get(&path_key(&f.path)) != Some(&f.stat);
        if found.iter().any(is_news) {
            self.catalog.index(&found);
        }
        let changed: Vec<Found> = found.into_iter().filter(is_news).collect();
        let mut report = self.read(changed, progress)?;
        report.roots = roots;
        Ok(report)
    }

    /// Reads what has changed among these paths.
    pub fn look(&mut self, paths: &BTreeSet<PathBuf>) -> Result<ScanReport, StoreError> {
        let found = paths.iter().filter_map(|path| self.catalog.look(path)).collect();
        self.read(found, &mut |_, _, _, _| ControlFlow::Continue(()))
    }

    fn job(&self, found: Found) -> Result<Job, StoreError> {
        let known = self.store.file(&found.path)?;
        Ok(Job { agent: found.agent, path: found.path, stat: found.stat, known })
    }

    fn read(&mut self, found: Vec<Found>, progress: &mut OnWrite<'_>) -> Result<ScanReport, StoreError> {
        let mut report = ScanReport::default();
        let mut state = Progress { files: found.len(), bytes: found.iter().map(|f| f.stat.size).sum(), ..Progress::default() };
        let jobs = found.into_iter().map(|f| self.job(f)).collect::<Result<Vec<_>, _>>()?;
        if jobs.is_empty() {
            return Ok(report);
        }
        let Ingest { store, prices, catalog, ids, threads, watched } = self;
        store.make_room(state.bytes > MUCH);
        let (send, receive) = mpsc::sync_channel::<Reading>(QUEUE);
        let result = std::thread::scope(|scope| {
            let readers = scope.spawn(|| {
                let send = send; // dropped with the readers, which ends the writing
                tail::read_all(jobs, catalog, *threads, &|reading| send.send(reading).is_ok());
            });
            let mut gathered = Gathered { watched: *watched, ..Gathered::default() };
            let mut outcome = Ok(ControlFlow::Continue(()));
            while let Some(reading) = gathered.next(&receive) {
                match reading {
                    Next::Read(Reading::Piece(piece)) => gathered.add(*piece),
                    Next::Read(Reading::Failed { path, error }) => report.failed.push((path, error.to_string())),
                    Next::Late => {}
                }
                if gathered.is_due() {
                    outcome = write(store, prices, ids, &mut gathered, &mut state, &mut report, progress);
                    if !matches!(outcome, Ok(ControlFlow::Continue(()))) {
                        break;
                    }
                }
            }
            drop(receive);
            let _ = readers.join();
            if matches!(outcome, Ok(ControlFlow::Continue(()))) && !gathered.pieces.is_empty() {
                outcome = write(store, prices, ids, &mut gathered, &mut state, &mut report, progress);
            }
            outcome
        });
        self.store.make_room(false);
        result.map(|_| report)
    }

    /// Moves a damaged store aside and begins a new one; gives what to tell the user.
    pub fn heal(&mut self) -> Result<String, StoreError> {
        let dir = self.store.path().parent().map(Path::to_path_buf).unwrap_or_default();
        self.store = Store::in_memory()?; // closes the damaged one
        let opened = Store::replace(&dir)?;
        self.store = opened.store;
        self.ids = Ids::default();
        Ok(opened.notice.unwrap_or_default())
    }

    /// Reads one file's new lines at once, for a caller that waits.
    pub fn look_at(&mut self, path: &Path) -> Result<ScanReport, StoreError> {
        self.look(&BTreeSet::from([path.to_path_buf()]))
    }
}

enum Next {
    Read(Reading),
    Late,
}

/// Pieces that have been read and not yet written.
#[derive(Default)]
struct Gathered {
    pieces: Vec<Piece>,
    rows: usize,
    since: Option<Instant>,
    written: bool,
    watched: bool,
}

impl Gathered {
    fn next(&self, receive: &mpsc::Receiver<Reading>) -> Option<Next> {
        let Some(since) = self.since else { return receive.recv().ok().map(Next::Read) };
        match receive.recv_timeout(self.patience().saturating_sub(since.elapsed())) {
            Ok(reading) => Some(Next::Read(reading)),
            Err(mpsc::RecvTimeoutError::Timeout) => Some(Next::Late),
            Err(mpsc::RecvTimeoutError::Disconnected) => None,
        }
    }

    fn add(&mut self, piece: Piece) {
        self.since.get_or_insert_with(Instant::now);
        self.rows += piece.batch.calls.len() + piece.batch.facts.len();
        self.pieces.push(piece);
    }

    fn is_due(&self) -> bool {
        self.rows >= ROWS_A_WRITE || self.since.is_some_and(|s| s.elapsed() >= self.patience())
    }

    const fn patience(&self) -> Duration {
        match (self.watched, self.written) {
            (false, _) => UNWATCHED_WRITE_AFTER,
            (true, true) => WRITE_AFTER,
            (true, false) => FIRST_WRITE_AFTER,
        }
    }
}

fn write(
    store: &mut Store,
    prices: &mut Pricer,
    ids: &mut Ids,
    gathered: &mut Gathered,
    state: &mut Progress,
    report: &mut ScanReport,
    progress: &mut OnWrite<'_>,
) -> Result<ControlFlow<()>, StoreError> {
    let pieces = std::mem::replace(gathered, Gathered { written: true, watched: gathered.watched, ..Gathered::default() }).pieces;
    let written = store.write(&pieces, ids, prices)?;
    for piece in &pieces {
        let finished = piece.file.stat.size > 0 || piece.file.stat.ino != 0;
        state.files_done += usize::from(finished);
        if finished {
            state.bytes_done += piece.file.stat.size;
        }
        report.files_read += usize::from(finished);
    }
    let flow = progress(store, prices, *state, &written.sessions);
    report.sessions.extend(written.sessions);
    Ok(flow)
}
