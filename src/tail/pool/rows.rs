//! Reading a database: its rows are the lines.

use std::io;
use std::time::{Duration, SystemTime};

use crate::model::Batch;
use crate::sources::{RowId, Source};
use crate::store::{FileRow, FileStat, Piece};
use crate::tail::foreign::{Database, Place, Rows};
use crate::tail::{CHUNK, MAX_LINE, fingerprint};

use super::{FileState, Job, Pool, Reading, Sink, fresh};

/// A file that was written this shortly before is looked at once more: clocks of file systems are coarse.
const COARSE: Duration = Duration::from_millis(20);

/// Rows of a database on their way to its fold.
struct Flow<'a> {
    pool: &'a Pool<'a>,
    source: &'static dyn Source,
    sink: &'a Sink<'a>,
    state: FileState,
    place: Place,
}

impl Pool<'_> {
    /// Reads the rows of a database that are new, or were unfinished when they were last read.
    pub(super) fn database(&self, source: &'static dyn Source, mut job: Job, sink: &Sink<'_>) -> io::Result<()> {
        job.stat = fingerprint::of(source, &job.path, &std::fs::metadata(&job.path)?);
        let stat = job.stat;
        let database = Database::open(&job.path, source.tables())?;
        let (state, place) = resume(source, &database, job)?;
        let mut flow = Flow { pool: self, source, sink, state, place };
        let again: Vec<RowId> = flow.state.fold.unfinished().to_vec();
        let most = usize::try_from(CHUNK).unwrap_or(usize::MAX);
        let mut rows = Rows::default();
        for row in again {
            database.read_again(&row, &mut rows)?;
            if rows.lines.len() >= most {
                flow.pass(&mut rows);
            }
        }
        for table in database.tables() {
            while database.read(table, &mut flow.place, most, &mut rows)? {
                flow.pass(&mut rows);
                if self.is_stopped() {
                    return Ok(());
                }
            }
        }
        flow.pass(&mut rows);
        flow.end(stat, database.is_live());
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.queue.lock().unwrap_or_else(std::sync::PoisonError::into_inner).stopped
    }
}

impl Flow<'_> {
    /// Hands on what was read. Until the end the file does not count as read.
    fn pass(&mut self, rows: &mut Rows) {
        let mut batch = Batch::default();
        if !rows.lines.is_empty() {
            self.state.fold.feed(self.source.skim(&rows.lines), &mut batch);
        }
        batch.lines += rows.passed_over;
        batch.malformed += rows.passed_over;
        let row = &mut self.state.row;
        row.lines += batch.lines;
        row.malformed += batch.malformed;
        if rows.passed_over > 0 {
            row.first_malformed
                .get_or_insert_with(|| format!("a row that is empty, or longer than {} MiB, was passed over", MAX_LINE >> 20));
        }
        if row.first_malformed.is_none() {
            row.first_malformed.clone_from(&batch.first_malformed);
        }
        rows.lines.clear();
        rows.passed_over = 0;
        if batch.lines > 0 {
            let stat = FileStat { version: self.state.row.stat.version, ..FileStat::default() };
            self.emit(stat, 0, batch);
        }
    }

    /// Notes that the database is read as far as it was written when it looked like this.
    fn end(&self, stat: FileStat, is_live: bool) {
        let mut seen = stat;
        let age = |at: i64| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()?;
            now.checked_sub(Duration::from_nanos(u64::try_from(at).ok()?))
        };
        if is_live && age(stat.mtime).is_none_or(|age| age < COARSE) {
            seen.mtime -= 1;
        }
        self.emit(seen, stat.size, Batch::default());
    }

    fn emit(&self, stat: FileStat, offset: u64, batch: Batch) {
        let carry = join(&self.place, &self.state.fold.carry());
        let file = FileRow { stat, offset, carry, ..self.state.row.clone() };
        let piece = Piece { agent: self.state.agent, file, batch, is_shared: true };
        self.pool.emit(Reading::Piece(Box::new(piece)), self.sink);
    }
}

/// Where reading goes on, if it is still the database that was read.
fn resume(source: &'static dyn Source, database: &Database, mut job: Job) -> io::Result<(FileState, Place)> {
    let Some(row) = job.known.take() else { return Ok((fresh(source, job, 0), Place::default())) };
    let generation = row.generation;
    if row.stat.version == job.stat.version
        && let Some((mut place, carry)) = split(&row.carry)
    {
        let was_start = place.is_start();
        database.find_again(&mut place)?;
        if was_start || !place.is_start() {
            let fold = source.fold(&job.path, Some(carry));
            let state = FileState { row: FileRow { stat: job.stat, ..row }, fold, agent: job.agent };
            return Ok((state, place));
        }
    }
    let mut state = fresh(source, job, generation + 1);
    state.fold.again();
    Ok((state, Place::default()))
}

/// The place and the fold's memory as one: the place is the first line.
fn join(place: &Place, memory: &[u8]) -> Vec<u8> {
    let mut carry = serde_json::to_vec(place).unwrap_or_default();
    carry.push(b'\n');
    carry.extend_from_slice(memory);
    carry
}

fn split(carry: &[u8]) -> Option<(Place, &[u8])> {
    let (place, memory) = carry.split_at(memchr::memchr(b'\n', carry)?);
    Some((serde_json::from_slice(place).ok()?, memory.get(1..)?))
}
