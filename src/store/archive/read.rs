//! Reading an archive: line by line, nothing believed before it is looked at.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, ErrorKind, Read};
use std::sync::Arc;

use flate2::read::GzDecoder;

use crate::model::{AgentId, FactKind, Millis, Money};
use crate::pricing::Pricer;
use crate::store::Store;
use crate::store::memory::{Claim, Memory};
use crate::store::merge::FactRow;
use crate::store::write::Writer;

use super::line::{Also, CallLine, FactLine, LimitLine, Line, SessionLine};
use super::{ArchiveError, Contents, Counts, FORMAT, Head};

/// A line has some hundred bytes. What is longer than this is none of ours.
const LONGEST: u64 = 1 << 20;
/// Tokens and the like that no call has. Sums of ten million calls with fewer fit into the store.
const MOST: u64 = 100_000_000_000;
/// The last instant of the year 9999.
const LAST: Millis = 253_402_300_799_999;
/// Rows that are written before they are added to the sums.
const ROWS_A_WRITE: u64 = 16_000;
/// Rows that are written before they are kept: as many as a scan of logs takes.
const ROWS_A_TRANSACTION: u64 = 250_000;

/// Says which agents there are: the program's own string for a name.
pub type Known<'a> = &'a dyn Fn(&str) -> Option<AgentId>;

/// What an import has done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// What the archive holds.
    pub contents: Contents,
    /// How much of that was not known here.
    pub new: Counts,
}

/// Reads a whole archive and changes nothing: whether it is sound, and what it holds.
pub fn check(from: impl Read, known: Known<'_>) -> Result<Contents, ArchiveError> {
    let mut records = Records::open(from, known)?;
    while records.next()?.is_some() {}
    Ok(Contents { head: records.head, counts: records.counts, unknown: records.unknown })
}

/// A record, looked at.
enum Record {
    Session(AgentId, Box<SessionLine>),
    Call(CallLine),
    Fact(FactLine, FactKind),
    Limit(LimitLine),
}

/// The records of an archive.
struct Records<'a, R: Read> {
    lines: BufReader<GzDecoder<R>>,
    known: Known<'a>,
    head: Head,
    /// The line that was read last, from 1.
    line: u64,
    text: Vec<u8>,
    counts: Counts,
    unknown: u64,
}

impl<'a, R: Read> Records<'a, R> {
    fn open(from: R, known: Known<'a>) -> Result<Records<'a, R>, ArchiveError> {
        let head = Head { aifinops_history: 0, schema: 0, version: String::new(), machine: String::new(), at: 0 };
        let lines = BufReader::with_capacity(64 << 10, GzDecoder::new(from));
        let mut records = Records { lines, known, head, line: 0, text: Vec::new(), counts: Counts::default(), unknown: 0 };
        let foreign = |why: &str| ArchiveError::Foreign { why: why.to_owned() };
        match records.read_line() {
            Ok(true) => {}
            Ok(false) => return Err(foreign("it is empty")),
            Err(ArchiveError::Damaged { .. }) => return Err(foreign("it is not compressed by gzip, or damaged from its start")),
            Err(ArchiveError::Cut { .. }) => return Err(foreign("it is too short")),
            Err(error) => return Err(error),
        }
        records.head = serde_json::from_slice(&records.text).map_err(|_| foreign("its first line does not say so"))?;
        match records.head.aifinops_history {
            0 => Err(foreign("its first line does not say so")),
            found if found > FORMAT => Err(ArchiveError::Newer { version: records.head.version, found }),
            _ => Ok(records),
        }
    }

    /// Reads the next line; `false` at the end.
    fn read_line(&mut self) -> Result<bool, ArchiveError> {
        self.text.clear();
        let read = (&mut self.lines).take(LONGEST).read_until(b'\n', &mut self.text);
        match read {
            Ok(0) => return Ok(false),
            Ok(_) if self.text.ends_with(b"\n") => self.line += 1,
            Ok(length) if length as u64 == LONGEST => {
                self.line += 1;
                return Err(self.damaged("it is too long"));
            }
            Ok(_) => return Err(ArchiveError::Cut { line: self.line }),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => return Err(ArchiveError::Cut { line: self.line }),
            Err(error) if matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::InvalidInput) => {
                self.line += 1;
                return Err(self.damaged("its compression does not fit"));
            }
            Err(error) => return Err(ArchiveError::Read(error)),
        }
        Ok(true)
    }

    fn damaged(&self, why: impl Into<String>) -> ArchiveError {
        ArchiveError::Damaged { line: self.line, why: why.into() }
    }

    /// The next record; nothing at the end of a whole archive.
    fn next(&mut self) -> Result<Option<Record>, ArchiveError> {
        loop {
            if !self.read_line()? {
                return Err(ArchiveError::Cut { line: self.line });
            }
            let line: Line = serde_json::from_slice(&self.text).map_err(|error| {
                let told = error.to_string();
                self.damaged(told.split(" at line ").next().unwrap_or_default())
            })?;
            if let Some(end) = line.end {
                return self.end(end).map(|()| None);
            }
            if let Some(record) = self.record(line)? {
                return Ok(Some(record));
            }
            self.unknown += 1;
        }
    }

    fn end(&mut self, end: Counts) -> Result<(), ArchiveError> {
        if end != self.counts {
            return Err(self.damaged("there is not as much as it says"));
        }
        // Reading to the end of the stream compares its checksum.
        if self.read_line()? {
            return Err(self.damaged("there is something behind the end"));
        }
        Ok(())
    }

    /// Looks at a record. Nothing for one that a newer release has added.
    fn record(&mut self, line: Line) -> Result<Option<Record>, ArchiveError> {
        Ok(Some(if let Some(session) = line.session {
            let agent = (self.known)(&session.agent).ok_or_else(|| ArchiveError::Agent { agent: session.agent.clone() })?;
            self.times([session.first, session.last, session.cwd_at])?;
            let told = &session.told;
            self.times([told.branch, told.remote, told.version, told.model, told.context, told.window, told.turn])?;
            self.numbers([session.context.unwrap_or(0), session.window.unwrap_or(0)])?;
            if session.uid.is_empty() || self.counts.calls + self.counts.facts + self.counts.limits > 0 {
                return Err(self.damaged("a session without an id, or behind what belongs to sessions"));
            }
            self.counts.sessions += 1;
            Record::Session(agent, Box::new(session))
        } else if let Some(call) = line.call {
            self.places(call.session, &call.also)?;
            self.times([Some(call.at)])?;
            let c = &call;
            self.numbers([c.input, c.cache_read, c.cache_write_5m, c.cache_write_1h, c.output, c.reasoning, c.context, c.searches.into()])?;
            if call.reported.is_some_and(|nanos| !(0..=Money::MOST_OF_A_CALL.nanos()).contains(&nanos)) {
                return Err(self.damaged("a cost that cannot be"));
            }
            self.counts.calls += 1;
            Record::Call(call)
        } else if let Some(fact) = line.fact {
            self.places(fact.session, &fact.also)?;
            self.times([Some(fact.at)])?;
            self.counts.facts += 1;
            let Some(kind) = FactKind::from_sql(fact.kind) else { return Ok(None) };
            Record::Fact(fact, kind)
        } else if let Some(limit) = line.limit {
            self.places(limit.session, &[])?;
            self.times([Some(limit.at), limit.resets_at])?;
            self.counts.limits += 1;
            Record::Limit(limit)
        } else {
            return Ok(None);
        }))
    }

    fn places(&self, session: u32, also: &[Also]) -> Result<(), ArchiveError> {
        let is_there = |place: u32| u64::from(place) < self.counts.sessions;
        if is_there(session) && also.iter().all(|also| is_there(also.session)) {
            Ok(())
        } else {
            Err(self.damaged("a session that is not there"))
        }
    }

    fn times<const N: usize>(&self, times: [Option<Millis>; N]) -> Result<(), ArchiveError> {
        let can_be = times.into_iter().flatten().all(|at| (0..=LAST).contains(&at));
        if can_be { Ok(()) } else { Err(self.damaged("a time that cannot be")) }
    }

    fn numbers<const N: usize>(&self, numbers: [u64; N]) -> Result<(), ArchiveError> {
        if numbers.into_iter().all(|number| number <= MOST) { Ok(()) } else { Err(self.damaged("a number that cannot be")) }
    }
}

impl Store {
    /// Brings in an archive that [`check`] has found sound. Doing it again changes nothing, and what is interrupted can be
    /// done again. `prices` are those of this machine.
    pub fn import(&self, from: impl Read, known: Known<'_>, memory: &mut Memory, prices: &mut Pricer) -> Result<Imported, ArchiveError> {
        let mut records = Records::open(from, known)?;
        let before = self.session_count()?;
        self.begin(memory)?;
        let mut bringing = Bringing { store: self, sessions: Vec::new(), texts: HashMap::new(), new: Counts::default(), rows: 0 };
        let brought = bringing.all(&mut records, memory, prices).inspect_err(|_| self.rollback(memory));
        memory.forget_keys();
        let new = brought.map(|()| Counts { sessions: self.session_count().unwrap_or(before).saturating_sub(before), ..bringing.new })?;
        Ok(Imported { contents: Contents { head: records.head, counts: records.counts, unknown: records.unknown }, new })
    }
}

/// What an import remembers from one record to the next.
struct Bringing<'a> {
    store: &'a Store,
    /// The archive's sessions in their order: their ids here, and their agents.
    sessions: Vec<(i64, AgentId)>,
    texts: HashMap<String, Arc<str>>,
    new: Counts,
    rows: u64,
}

impl Bringing<'_> {
    fn all<R: Read>(&mut self, records: &mut Records<'_, R>, memory: &mut Memory, prices: &mut Pricer) -> Result<(), ArchiveError> {
        let fail = self.store.fail("importing a history");
        let fail = |error| ArchiveError::Store(fail(error));
        while let Some(record) = records.next()? {
            let mut writer = Writer { tx: &self.store.conn, memory, prices };
            self.one(record, &mut writer).map_err(fail)?;
            self.rows += 1;
            if self.rows.is_multiple_of(ROWS_A_WRITE) {
                writer.flush().map_err(fail)?;
            }
            if self.rows.is_multiple_of(ROWS_A_TRANSACTION) {
                self.keep(memory, prices)?;
                self.store.begin(memory)?;
            }
        }
        self.keep(memory, prices)
    }

    fn keep(&self, memory: &mut Memory, prices: &mut Pricer) -> Result<(), ArchiveError> {
        let flushed = Writer { tx: &self.store.conn, memory, prices }.flush();
        flushed.map_err(self.store.fail("importing a history"))?;
        self.store.commit(memory)?;
        Ok(())
    }

    fn one(&mut self, record: Record, writer: &mut Writer<'_>) -> rusqlite::Result<()> {
        match record {
            Record::Session(agent, line) => {
                let id = writer.session(agent, &line.update())?;
                self.sessions.push((id, agent));
                writer.memory.pending.touched.insert(id);
            }
            Record::Call(line) => {
                let Some((session, _)) = self.session(line.session) else { return Ok(()) };
                let model = self.name(line.model.as_deref(), writer)?.unwrap_or(0);
                let (key, is_new) = writer.meet_call(line.key.0, line.row(session, model))?;
                self.new.calls += u64::from(is_new);
                // A call that another session's has pushed aside here is nobody else's.
                if key == line.key.0 {
                    self.claim(&line.also, line.key.0, writer);
                }
            }
            Record::Fact(line, kind) => {
                let Some((session, _)) = self.session(line.session) else { return Ok(()) };
                let name = self.name(line.name.as_deref(), writer)?;
                let (task, at, seen) = (line.task.0, line.at, !line.unseen);
                let (failed, open, same, sidechain) = (line.failed, line.open, line.same, line.side);
                let row = FactRow { session, task, at, kind, name, seen, failed, open, sidechain, same };
                self.new.facts += u64::from(writer.meet_fact(line.key.0, row)?);
                self.claim(&line.also, line.key.0, writer);
            }
            Record::Limit(line) => {
                let Some((session, agent)) = self.session(line.session) else { return Ok(()) };
                writer.limits(agent, &[line.limit()], &[session])?;
            }
        }
        Ok(())
    }

    fn session(&self, place: u32) -> Option<(i64, AgentId)> {
        self.sessions.get(usize::try_from(place).ok()?).copied()
    }

    fn name(&mut self, text: Option<&str>, writer: &mut Writer<'_>) -> rusqlite::Result<Option<i64>> {
        let Some(text) = text else { return Ok(None) };
        let shared = match self.texts.get(text) {
            Some(shared) => shared.clone(),
            None => self.texts.entry(text.to_owned()).or_insert(Arc::from(text)).clone(),
        };
        writer.name(&shared).map(Some)
    }

    /// Says who else could own what has this key.
    fn claim(&self, also: &[Also], key: crate::model::Key, writer: &mut Writer<'_>) {
        let claims = also.iter().filter_map(|also| Some(Claim { key, session: self.session(also.session)?.0, task: also.task.0 }));
        writer.memory.pending.claims.extend(claims);
    }
}
