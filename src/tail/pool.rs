//! Reading many files on all cores: small ones whole, large ones in pieces that any core may take.

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use crate::model::{AgentId, Batch, Key};
use crate::sources::{self, Fold, Skim, Source};
use crate::store::{FileRow, FileStat, Piece};

use super::fingerprint::{HEAD, TAIL, hash_at, read_at};
use super::span::{self, Buffer};
use super::{CHUNK, Catalog, MAX_LINE, fingerprint};

mod cold;
mod rows;

use cold::decompress;

/// A file to read on.
#[derive(Debug)]
pub struct Job {
    /// Whose log it is.
    pub agent: AgentId,
    /// Where it lies.
    pub path: PathBuf,
    /// As it was seen.
    pub stat: FileStat,
    /// What is remembered of it.
    pub known: Option<FileRow>,
}

/// What comes out of a file.
#[derive(Debug)]
pub enum Reading {
    /// Some lines.
    Piece(Box<Piece>),
    /// The file could not be read.
    Failed {
        /// Which.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
}

/// Takes what comes out of the files; `false` stops the reading.
pub type Sink<'a> = dyn Fn(Reading) -> bool + 'a;

enum Task {
    Whole(Box<Job>),
    Part(Arc<Large>, usize),
}

struct Queue {
    tasks: VecDeque<Task>,
    /// Files that are not finished.
    open: usize,
    stopped: bool,
}

impl Queue {
    /// The next task, unless that is a part of a file that has to wait for its turn.
    fn take(&mut self) -> Option<Task> {
        let must_wait = matches!(self.tasks.front(), Some(Task::Part(large, index)) if large.is_far(*index));
        if must_wait { None } else { self.tasks.pop_front() }
    }
}

/// Files to read, for any number of threads that take part.
///
/// Each thread has a sink of its own. The pieces of one file are handed out in order, one after the other, whichever
/// threads read it.
pub struct Pool<'a> {
    queue: Mutex<Queue>,
    news: Condvar,
    catalog: &'a Catalog,
}

/// So many parts of a file are read ahead of the one whose turn it is.
const MOST_AHEAD: usize = 8;
/// How long a thread without work sleeps, should nobody wake it.
const NAP: Duration = Duration::from_millis(20);

/// A file that several workers read.
struct Large {
    file: File,
    path: PathBuf,
    source: &'static dyn Source,
    start: u64,
    size: u64,
    parts: usize,
    order: Mutex<Order>,
    /// Held by the one thread that hands out what is next. Nobody waits for it: a sink may wait for whoever would.
    state: Mutex<FileState>,
}

/// Parts that are done out of turn wait for those before them.
struct Order {
    next: usize,
    waiting: BTreeMap<usize, (Skim, span::Span)>,
}

impl Large {
    fn order(&self) -> MutexGuard<'_, Order> {
        self.order.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The part whose turn it is, if it is done, and whether it is the last.
    fn next(&self) -> Option<(Skim, span::Span, bool)> {
        let mut order = self.order();
        let next = order.next;
        let (skim, span) = order.waiting.remove(&next)?;
        order.next += 1;
        Some((skim, span, order.next == self.parts))
    }

    fn has_next(&self) -> bool {
        let order = self.order();
        order.waiting.contains_key(&order.next)
    }

    /// Whether a part is too far ahead of those that wait for their turn: what was read of it would only lie there.
    fn is_far(&self, index: usize) -> bool {
        index > self.order().next + MOST_AHEAD
    }
}

struct FileState {
    row: FileRow,
    fold: Box<dyn Fold>,
    agent: AgentId,
}

impl<'a> Pool<'a> {
    /// A pool of these jobs. `catalog` finds the files of sessions that others were forked from.
    #[must_use]
    pub fn new(jobs: Vec<Job>, catalog: &'a Catalog) -> Pool<'a> {
        let open = jobs.len();
        let tasks = jobs.into_iter().map(|job| Task::Whole(Box::new(job))).collect();
        Pool { queue: Mutex::new(Queue { tasks, open, stopped: false }), news: Condvar::new(), catalog }
    }

    /// Reads until everything is read.
    pub fn work(&self, sink: &Sink<'_>) {
        let mut buf = Buffer::default();
        while let Some(task) = self.next() {
            self.run(task, &mut buf, sink);
        }
    }

    /// Reads one file, or a part of one, if there is one that no other thread reads; says whether there was.
    pub fn step(&self, buf: &mut Buffer, sink: &Sink<'_>) -> bool {
        let task = {
            let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
            if queue.stopped { None } else { queue.take() }
        };
        task.map(|task| self.run(task, buf, sink)).is_some()
    }

    /// Ends the reading.
    pub fn stop(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).stopped = true;
        self.news.notify_all();
    }

    fn run(&self, task: Task, buf: &mut Buffer, sink: &Sink<'_>) {
        match task {
            Task::Whole(job) => self.whole(*job, buf, sink),
            Task::Part(large, index) => self.part(&large, index, buf, sink),
        }
        buf.shrink_to(4 * usize::try_from(CHUNK).unwrap_or(usize::MAX));
    }

    fn next(&self) -> Option<Task> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if queue.stopped || queue.open == 0 {
                return None;
            }
            if let Some(task) = queue.take() {
                return Some(task);
            }
            // A large file that another worker holds may still be cut into parts, or comes to those that are far ahead.
            queue = self.news.wait_timeout(queue, NAP).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn close_one(&self) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        queue.open -= 1;
        if queue.open == 0 {
            self.news.notify_all();
        }
    }

    fn emit(&self, reading: Reading, sink: &Sink<'_>) {
        if !sink(reading) {
            self.stop();
        }
    }

    fn whole(&self, job: Job, buf: &mut Buffer, sink: &Sink<'_>) {
        let path = job.path.clone();
        match self.begin(job, buf, sink) {
            Ok(Some(large)) => {
                let parts = large.parts;
                let large = Arc::new(large);
                let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
                for index in (0..parts).rev() {
                    queue.tasks.push_front(Task::Part(large.clone(), index));
                }
                drop(queue);
                self.news.notify_all();
                return;
            }
            Ok(None) => {}
            Err(error) => self.emit(Reading::Failed { path, error }, sink),
        }
        self.close_one();
    }

    /// Reads a small file, or prepares a large one for all workers.
    fn begin(&self, mut job: Job, buf: &mut Buffer, sink: &Sink<'_>) -> io::Result<Option<Large>> {
        let Some(source) = sources::by_agent(job.agent) else { return Ok(None) };
        if !source.tables().is_empty() {
            return self.database(source, job, sink).map(|()| None);
        }
        let file = super::open(&job.path)?;
        let meta = file.metadata()?;
        job.stat = fingerprint::stat(&meta, job.stat.version); // it may have changed since it was found
        if job.path.extension().is_some_and(|e| e == "zst") {
            self.compressed(source, &file, job, sink)?;
            return Ok(None);
        }
        let size = meta.len();
        if source.is_document(&job.path) {
            self.document(source, &file, job, buf, sink)?;
            return Ok(None);
        }
        let mut state = resume(source, &file, job, size)?;
        let start = state.row.offset;
        if size - start >= 4 * CHUNK {
            know_head(&mut state.row, &file, size, &[])?;
            let parts = usize::try_from((size - start).div_ceil(CHUNK)).unwrap_or(usize::MAX);
            let order = Mutex::new(Order { next: 0, waiting: BTreeMap::new() });
            let path = state.row.path.clone();
            return Ok(Some(Large { file, path, source, start, size, parts, order, state: Mutex::new(state) }));
        }
        let mut at = start;
        loop {
            let to = (at + CHUNK).min(size);
            let span = span::read(&file, at, to, size, at == start, buf)?;
            if at == start {
                know_head(&mut state.row, &file, size, if start == 0 { buf.bytes() } else { &[] })?;
            }
            let skim = source.skim(buf.bytes());
            let last = to >= size;
            self.feed(&mut state, &file, skim, (span, buf.bytes()), last, sink)?;
            if last {
                return Ok(None);
            }
            at = to;
        }
    }

    fn part(&self, large: &Large, index: usize, buf: &mut Buffer, sink: &Sink<'_>) {
        let from = large.start + index as u64 * CHUNK;
        let to = (from + CHUNK).min(large.size);
        match span::read(&large.file, from, to, large.size, index == 0, buf) {
            Ok(span) => {
                let skim = large.source.skim(buf.bytes());
                large.order().waiting.insert(index, (skim, span));
                self.hand_out(large, sink);
            }
            Err(error) => {
                // The parts behind it stay unread with it: the offset must not pass a gap.
                large.order().next = large.parts + 1;
                self.news.notify_all();
                self.emit(Reading::Failed { path: large.path.clone(), error }, sink);
            }
        }
        let done = index + 1 == large.parts;
        if done {
            self.close_one();
        }
    }

    /// Hands out the parts whose turn it is, unless another thread is doing so: then that one finds them.
    fn hand_out(&self, large: &Large, sink: &Sink<'_>) {
        while large.has_next() {
            let mut state = match large.state.try_lock() {
                Ok(state) => state,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            while let Some((skim, span, last)) = large.next() {
                if let Err(error) = self.feed(&mut state, &large.file, skim, (span, &[]), last, sink) {
                    self.emit(Reading::Failed { path: large.path.clone(), error }, sink);
                    large.order().next = large.parts + 1; // what follows stays unread with it
                }
                self.news.notify_all();
            }
        }
    }

    /// Feeds one span's records. The span's bytes, where they are at hand, save reading its end again.
    fn feed(
        &self,
        state: &mut FileState,
        file: &File,
        skim: Skim,
        (span, bytes): (span::Span, &[u8]),
        last: bool,
        sink: &Sink<'_>,
    ) -> io::Result<()> {
        if let Some(id) = state.fold.wants_ancestor(&skim)
            && let Some(path) = self.catalog.file_of(&id).filter(|p| *p != state.row.path)
            && let Some(source) = sources::by_agent(state.agent)
        {
            show_ancestor(source, path, state.fold.as_mut()).ok(); // a parent that cannot be read is as good as gone
        }
        let mut batch = Batch::default();
        state.fold.feed(skim, &mut batch);
        let row = &mut state.row;
        if span.to > span.from {
            row.offset = span.to;
        }
        batch.lines += span.oversized;
        batch.malformed += span.oversized;
        row.lines += batch.lines;
        row.malformed += batch.malformed;
        if span.oversized > 0 {
            row.first_malformed.get_or_insert_with(|| format!("a line of over {} MiB was passed over", MAX_LINE >> 20));
        }
        if row.first_malformed.is_none() {
            row.first_malformed.clone_from(&batch.first_malformed);
        }
        let mut saved = row.clone();
        if !last {
            saved.stat = FileStat { version: saved.stat.version, ..FileStat::default() }; // not up to date before the last piece
        }
        let tail = saved.offset.min(TAIL);
        let at_hand = usize::try_from(tail).ok().and_then(|tail| bytes.len().checked_sub(tail)).and_then(|from| bytes.get(from..));
        saved.tail_hash = match at_hand {
            Some(end) if span.to - span.from == bytes.len() as u64 => Key::of(&[end]).0,
            _ => hash_at(file, saved.offset - tail, tail)?,
        };
        saved.carry = state.fold.carry();
        let unfinished = (last && saved.stat.size > saved.offset).then(|| saved.clone());
        self.emit(Reading::Piece(Box::new(Piece { agent: state.agent, file: saved, batch, is_shared: false })), sink);
        match unfinished {
            Some(saved) => self.last_line(state, file, saved, sink),
            None => Ok(()),
        }
    }

    /// A last line that only lacks its newline counts already, but stays unread: the offset does not pass it and the
    /// fold's memory is saved without it. When the newline comes it is read again, which changes nothing.
    fn last_line(&self, state: &mut FileState, file: &File, saved: FileRow, sink: &Sink<'_>) -> io::Result<()> {
        let rest = saved.stat.size.saturating_sub(saved.offset);
        if rest == 0 || rest > MAX_LINE as u64 || saved.path.extension().is_some_and(|e| e == "zst") {
            return Ok(());
        }
        let mut last = [0];
        if read_at(file, &mut last, saved.stat.size - 1)? != 1 || last != *b"}" {
            return Ok(());
        }
        let Some(source) = sources::by_agent(state.agent) else { return Ok(()) };
        let mut line = Buffer::default();
        span::fill(file, saved.offset, saved.stat.size, &mut line)?;
        let mut batch = Batch::default();
        state.fold.feed(source.skim(line.bytes()), &mut batch);
        if batch.lines == 1 && batch.malformed == 0 {
            self.emit(Reading::Piece(Box::new(Piece { agent: state.agent, file: saved, batch, is_shared: false })), sink);
        }
        Ok(())
    }

    /// Documents are read whole whenever they change. One that is being written is broken, says nothing, and changes again.
    fn document(&self, source: &'static dyn Source, file: &File, job: Job, buf: &mut Buffer, sink: &Sink<'_>) -> io::Result<()> {
        let size = job.stat.size;
        let fits = size <= MAX_LINE as u64;
        span::fill(file, 0, if fits { size } else { 0 }, buf)?;
        let mut state = fresh(source, job, 0);
        let span = span::Span { from: 0, to: size, oversized: u64::from(!fits) };
        self.feed(&mut state, file, source.skim_document(buf.bytes()), (span, buf.bytes()), true, sink)
    }

    /// Compressed logs are finished: read whole whenever they change.
    fn compressed(&self, source: &'static dyn Source, file: &File, job: Job, sink: &Sink<'_>) -> io::Result<()> {
        let mut state = fresh(source, job, 0);
        decompress(file, |lines, oversized, last| {
            let span = span::Span { from: 0, to: 0, oversized };
            state.row.offset = 0;
            self.feed(&mut state, file, source.skim(lines), (span, &[]), last, sink)
        })
    }
}

/// The state of a file that is read from the start.
fn fresh(source: &'static dyn Source, job: Job, generation: u32) -> FileState {
    let mut fold = source.fold(&job.path, None);
    show_companion(source, &job.path, &mut *fold);
    let row = FileRow { path: job.path, agent: job.agent.to_owned(), stat: job.stat, generation, ..FileRow::default() };
    FileState { row, fold, agent: job.agent }
}

/// The state where reading goes on: behind what was read, if the file still is the one that was read.
fn resume(source: &'static dyn Source, file: &File, mut job: Job, size: u64) -> io::Result<FileState> {
    let state = match job.known.take() {
        Some(row) if is_same(file, &row, size, &job.stat)? => {
            let mut fold = source.fold(&job.path, Some(&row.carry));
            if fold.lacks_companion() {
                show_companion(source, &job.path, &mut *fold);
            }
            FileState { row: FileRow { stat: job.stat, ..row }, fold, agent: job.agent }
        }
        Some(row) => {
            // The same once more, for a reader that has learned something or after a change of rights: nothing of it is gone.
            let goes_on = goes_on(file, &row, size)?;
            let mut state = fresh(source, job, row.generation + 1);
            if !goes_on {
                state.fold.again();
            }
            state
        }
        None => fresh(source, job, 0),
    };
    Ok(state)
}

/// Notes by which bytes the file is known again. `bytes` are its first ones, where they are at hand.
fn know_head(row: &mut FileRow, file: &File, size: u64, bytes: &[u8]) -> io::Result<()> {
    let len = size.min(HEAD);
    if row.head_len < len || row.head_hash == 0 {
        row.head_len = len;
        row.head_hash = match usize::try_from(len).ok().and_then(|len| bytes.get(..len)) {
            Some(head) => Key::of(&[head]).0,
            None => hash_at(file, 0, len)?,
        };
    }
    Ok(())
}

/// Whether the file still begins and goes on as it did when it was read. One that has changed and not grown was written
/// anew in place, wherever.
fn is_same(file: &File, row: &FileRow, size: u64, stat: &FileStat) -> io::Result<bool> {
    let rewritten = size == row.stat.size && row.stat != *stat;
    Ok(row.stat.version == stat.version && !rewritten && goes_on(file, row, size)?)
}

/// Whether it begins as it did, and holds what was read last where that was.
fn goes_on(file: &File, row: &FileRow, size: u64) -> io::Result<bool> {
    if size < row.offset || size < row.head_len {
        return Ok(false);
    }
    let tail = row.offset.min(TAIL);
    Ok(hash_at(file, 0, row.head_len)? == row.head_hash && hash_at(file, row.offset - tail, tail)? == row.tail_hash)
}

fn show_ancestor(source: &dyn Source, path: &Path, fold: &mut dyn Fold) -> io::Result<()> {
    let file = super::open(path)?;
    if path.extension().is_some_and(|e| e == "zst") {
        return decompress(&file, |lines, _, _| {
            fold.ancestor(source.skim(lines));
            Ok(())
        });
    }
    let size = file.metadata()?.len();
    let (mut at, mut buf) = (0, Buffer::default());
    while at < size {
        let to = (at + CHUNK).min(size);
        span::read(&file, at, to, size, at == 0, &mut buf)?;
        fold.ancestor(source.skim(buf.bytes()));
        at = to;
    }
    Ok(())
}

fn show_companion(source: &dyn Source, path: &Path, fold: &mut dyn Fold) {
    if let Some(bytes) = source.companion(path).and_then(|companion| read_small(&companion)) {
        fold.companion(&bytes);
    }
}

/// A companion file is a few hundred bytes.
fn read_small(path: &Path) -> Option<Vec<u8>> {
    let meta = std::fs::symlink_metadata(path).ok()?;
    (meta.is_file() && meta.len() <= 64 * 1024).then(|| std::fs::read(path).ok()).flatten()
}
