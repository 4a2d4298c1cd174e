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

/// Rows gathered before they are written: the writer works while the readers read.
const ROWS_A_WRITE: usize = 20_000;
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
}

impl Ingest {
    /// Puts the parts together. `threads` read at the same time; 0 is one per core.
    #[must_use]
    pub fn new(store: Store, prices: Pricer, catalog: Catalog, threads: usize) -> Ingest {
        let cores = || std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(16);
        Ingest { store, prices, catalog, ids: Ids::default(), threads: if threads == 0 { cores() } else { threads } }
    }

    /// Walks all roots and reads what has changed. `progress` is called after each write.
    pub fn scan(&mut self, progress: &mut OnWrite<'_>) -> Result<ScanReport, StoreError> {
        let (found, roots) = self.catalog.walk();
        let known = self.store.file_stats()?;
        let is_news = |f: &Found| known.get(&path_key(&f.path)) != Some(&f.stat);
        self.catalog.index(&found); // forks that come later look for their parents
        let changed: Vec<Found> = found.into_iter().filter(is_news).collect();
        let mut report = self.read(changed, &|f| known.contains_key(&path_key(&f.path)), progress)?;
        report.roots = roots;
        Ok(report)
    }

    /// Reads what has changed among these paths.
    pub fn look(&mut self, paths: &BTreeSet<PathBuf>) -> Result<ScanReport, StoreError> {
        let found = paths.iter().filter_map(|path| self.catalog.look(path)).collect();
        self.read(found, &|_| true, &mut |_, _, _, _| ControlFlow::Continue(()))
    }

    fn job(&self, found: Found, may_be_known: bool) -> Result<Job, StoreError> {
        let known = if may_be_known { self.store.file(&found.path)? } else { None };
        Ok(Job { agent: found.agent, path: found.path, stat: found.stat, known })
    }

    fn read(
        &mut self,
        found: Vec<Found>,
        may_be_known: &dyn Fn(&Found) -> bool,
        progress: &mut OnWrite<'_>,
    ) -> Result<ScanReport, StoreError> {
        let mut report = ScanReport::default();
        let mut state = Progress { files: found.len(), bytes: found.iter().map(|f| f.stat.size).sum(), ..Progress::default() };
        let jobs = found
            .into_iter()
            .map(|f| {
                let known = may_be_known(&f);
                self.job(f, known)
            })
            .collect::<Result<Vec<_>, _>>()?;
        if jobs.is_empty() {
            return Ok(report);
        }
        let Ingest { store, prices, catalog, ids, threads } = self;
        // Measured by what is to be read, not by what the files hold: ten lines in large logs are not much.
        let much = jobs.iter().map(|j| j.stat.size - j.known.as_ref().map_or(0, |k| k.offset.min(j.stat.size))).sum::<u64>() > MUCH;
        if much {
            store.make_room(true);
        }
        let threads = if much || jobs.len() > MANY { *threads } else { 1 };
        let (send, receive) = mpsc::sync_channel::<Reading>(QUEUE);
        let result = std::thread::scope(|scope| {
            let readers = scope.spawn(|| {
                let send = send; // dropped with the readers, which ends the writing
                tail::read_all(jobs, catalog, threads, &|reading| send.send(reading).is_ok());
            });
            let mut writing =
                Writing { store, prices, ids, gathered: Gathered::default(), kept_at: Instant::now(), unkept: 0, state: &mut state };
            let mut outcome = writing.store.begin().map(|()| ControlFlow::Continue(()));
            while let (Ok(ControlFlow::Continue(())), Some(next)) = (&outcome, writing.gathered.next(&receive)) {
                match next {
                    Next::Read(Reading::Piece(piece)) => writing.gathered.add(*piece),
                    Next::Read(Reading::Failed { path, error }) => report.failed.push((path, error.to_string())),
                    Next::Late => {}
                }
                if writing.gathered.is_due() {
                    outcome = writing.write(&mut report, progress);
                }
            }
            drop(receive);
            let _ = readers.join();
            if let Ok(ControlFlow::Continue(())) = outcome {
                outcome = writing.write(&mut report, progress);
            }
            outcome.and_then(|_| writing.store.commit(writing.ids))
        });
        if much {
            self.store.make_room(false);
        }
        result.map(|()| report)
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
}

impl Gathered {
    fn next(&self, receive: &mpsc::Receiver<Reading>) -> Option<Next> {
        let Some(since) = self.since else { return receive.recv().ok().map(Next::Read) };
        match receive.recv_timeout(WRITE_AFTER.saturating_sub(since.elapsed())) {
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
        self.rows >= ROWS_A_WRITE || self.since.is_some_and(|s| s.elapsed() >= WRITE_AFTER)
    }
}

/// A scan's writing: batches go into one transaction while the readers read on.
struct Writing<'a> {
    store: &'a mut Store,
    prices: &'a mut Pricer,
    ids: &'a mut Ids,
    gathered: Gathered,
    kept_at: Instant,
    /// Rows written and not yet kept.
    unkept: usize,
    state: &'a mut Progress,
}

impl Writing<'_> {
    fn write(&mut self, report: &mut ScanReport, progress: &mut OnWrite<'_>) -> Result<ControlFlow<()>, StoreError> {
        let Gathered { pieces, rows, .. } = std::mem::take(&mut self.gathered);
        let written = self.store.write(&pieces, self.ids, self.prices)?;
        self.unkept += rows;
        if self.unkept >= ROWS_A_TRANSACTION || self.kept_at.elapsed() >= KEEP_AFTER {
            self.store.commit(self.ids)?;
            self.store.begin()?;
            (self.unkept, self.kept_at) = (0, Instant::now());
        }
        for piece in &pieces {
            let finished = piece.file.stat.size > 0 || piece.file.stat.ino != 0;
            if finished {
                self.state.files_done += 1;
                self.state.bytes_done += piece.file.stat.size;
                report.files_read += 1;
            }
        }
        let flow = progress(self.store, self.prices, *self.state, &written.sessions);
        report.sessions.extend(written.sessions);
        Ok(flow)
    }
}
