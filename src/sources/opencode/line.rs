//! One row as a record, without regard to any other row.

use std::sync::Arc;

use crate::model::{Key, Millis, Money, Tokens, Turn};
use crate::sources::json::{Bad, Cursor};
use crate::sources::lines::{Lines, each};
use crate::sources::recent;
use crate::sources::table::RowId;

use super::AGENT;
use super::data::{self, Data, Names, Outcome, Tool, bytes, millis};

/// Tool calls' ids shorter than this are numbers that some gateways hand out again and again.
const SHORTEST_UNIQUE: usize = 9;

/// Whether a row will change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowState {
    Final,
    Unfinished,
    Gone,
}

/// What a row says of its session.
#[derive(Debug)]
pub(super) struct Session {
    pub uid: Arc<str>,
    pub parent: Option<Arc<str>>,
    pub forked_from: Option<Arc<str>>,
    pub directory: Option<Arc<str>>,
    pub version: Option<Arc<str>>,
    pub created: Option<Millis>,
}

impl Session {
    /// What belongs to this session alone, as a part of keys: of main sessions nothing, since forks copy them.
    fn scope(&self) -> &[u8] {
        if self.parent.is_some() { self.uid.as_bytes() } else { b"" }
    }
}

/// Something to count.
#[derive(Debug)]
pub(super) enum Event {
    /// A human asked something, in the message of this task.
    Prompt(Key),
    /// The program asked something, in the message of this task.
    Machine(Key),
    Call(Box<Step>),
    /// A tool call, the hash of its name and arguments, and when it was.
    Tool(Key, Option<Arc<str>>, Outcome, u32, Millis),
    Retry,
    Error,
    Compaction,
}

/// A model call.
#[derive(Debug)]
pub(super) struct Step {
    pub tokens: Tokens,
    pub cost: Option<Money>,
    pub is_summary: bool,
}

/// One row.
#[derive(Debug)]
pub(super) struct Record {
    pub row: RowId,
    pub state: RowState,
    pub session: Session,
    pub at: Millis,
    /// When its message was made.
    pub said_at: Millis,
    /// It is of an answer, and no prompt.
    pub is_answer: bool,
    /// The row is older than its session: it was copied into it.
    pub is_copy: bool,
    /// The task that the message belongs to by its own word.
    pub answers: Option<Key>,
    /// The model as it is priced.
    pub model: Option<Arc<str>>,
    /// The model as it is called: a part of calls' identities.
    called: Option<Arc<str>>,
    pub agent: Option<Arc<str>>,
    /// Where the task stands after this message.
    pub turn: Option<Turn>,
    /// What happened, each with its identity.
    pub events: Vec<(Key, Event)>,
}

/// The members of a line before they are made sense of together.
#[expect(clippy::struct_excessive_bools, reason = "the format's own independent marks")]
#[derive(Default)]
struct Raw<'a> {
    table: &'a [u8],
    id: &'a [u8],
    kind: &'a [u8],
    message_id: &'a [u8],
    session_id: Option<Arc<str>>,
    created: Option<Millis>,
    gone: bool,
    has_data: bool,
    has_parts: bool,
    has_older: bool,
    twins: u64,
    data: Data<'a>,
    message: Data<'a>,
    session: Columns,
}

/// The columns of the session's row.
#[derive(Default)]
struct Columns {
    parent: Option<Arc<str>>,
    forked_from: Option<Arc<str>>,
    directory: Option<Arc<str>>,
    version: Option<Arc<str>>,
    created: Option<Millis>,
}

/// Reads all rows.
pub(super) fn skim(lines: &[u8]) -> Lines<Record> {
    let mut names = Names::default();
    each(lines, |cursor| read(cursor, &mut names))
}

fn read(cursor: &mut Cursor<'_>, names: &mut Names) -> Result<Option<Record>, Bad> {
    if cursor.peek() != Some(b'{') {
        return Err(Bad { at: 0 });
    }
    let mut raw = Raw::default();
    cursor.object(|key, c| {
        match key {
            b"table" => raw.table = bytes(c)?.unwrap_or_default(),
            b"id" => raw.id = bytes(c)?.unwrap_or_default(),
            b"type" => raw.kind = bytes(c)?.unwrap_or_default(),
            b"message_id" => raw.message_id = bytes(c)?.unwrap_or_default(),
            b"session_id" => raw.session_id = names.session.non_empty(c.string()?),
            b"time_created" => raw.created = millis(c)?,
            b"gone" => raw.gone = c.is_true()?,
            b"parts" => raw.has_parts = c.is_true()?,
            b"older" => raw.has_older = c.is_true()?,
            b"twins" => raw.twins = c.counter()?.unwrap_or_default(),
            b"session" => c.object(|key, c| {
                match key {
                    b"parent_id" => raw.session.parent = names.parent.non_empty(c.string()?),
                    b"fork_session_id" => raw.session.forked_from = names.parent.non_empty(c.string()?),
                    b"directory" => raw.session.directory = names.directory.non_empty(c.string()?),
                    b"version" => raw.session.version = names.version.non_empty(c.string()?),
                    b"time_created" => raw.session.created = millis(c)?,
                    _ => {}
                }
                Ok(())
            })?,
            b"message" => c.object(|key, c| {
                if key == b"data" {
                    raw.message = data::read(c, names)?;
                }
                Ok(())
            })?,
            b"data" => {
                raw.has_data = true;
                raw.data = data::read(c, names)?;
            }
            _ => {}
        }
        Ok(())
    })?;
    if raw.has_data && !raw.data.is_object {
        return Err(Bad { at: 0 });
    }
    Ok(record(raw))
}

fn record(mut raw: Raw<'_>) -> Option<Record> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let columns = std::mem::take(&mut raw.session);
    let session = Session {
        uid: raw.session_id.take().unwrap_or_else(|| Arc::from("unknown")),
        parent: columns.parent,
        forked_from: columns.forked_from,
        directory: columns.directory,
        version: columns.version,
        created: columns.created,
    };
    let message = if raw.table == b"part" { &raw.message } else { &raw.data };
    let said_at = message.created.or(raw.created).unwrap_or_default();
    let mut record = Record {
        row: RowId { table: text(raw.table), id: text(raw.id) },
        state: RowState::Final,
        at: said_at,
        said_at,
        is_answer: message.role == b"assistant" || raw.kind == b"assistant",
        is_copy: session.created.is_some_and(|made| said_at < made),
        answers: message.answers.map(task),
        model: message.priced_as(),
        called: message.model.clone(),
        agent: message.agent.clone().filter(|_| message.role != b"user"),
        turn: None,
        events: Vec::new(),
        session,
    };
    if raw.gone {
        record.state = RowState::Gone;
        return Some(record);
    }
    match raw.table {
        b"message" => record.message(&raw),
        b"part" => record.part(&raw),
        b"session_message" if !raw.has_older => record.step(&raw),
        _ => return None,
    }
    let says_something = !record.events.is_empty() || record.turn.is_some();
    says_something.then_some(record)
}

impl Record {
    /// The identity of something in this message, the same in every copy of it.
    fn key(&self, what: &[u8], which: &[u8]) -> Key {
        Key::of(&[AGENT.as_bytes(), what, self.session.scope(), &self.said_at.to_le_bytes(), which])
    }

    /// A row of `message`. What a human said is told by its parts.
    fn message(&mut self, raw: &Raw<'_>) {
        let data = &raw.data;
        if data.role != b"assistant" {
            return;
        }
        self.answer(data);
        if !raw.has_parts && self.state == RowState::Final {
            self.call(data, 0);
        }
    }

    /// Where an answer stands, and whether it failed.
    fn answer(&mut self, data: &Data<'_>) {
        let is_over = data.completed.is_some() || data.error.is_some();
        self.state = if is_over { RowState::Final } else { RowState::Unfinished };
        self.at = data.completed.unwrap_or(self.said_at);
        // After tool calls another step follows.
        let goes_on = data.error.is_none() && matches!(data.finish, b"tool-calls" | b"unknown");
        self.turn = Some(if is_over && !goes_on { Turn::Ended } else { Turn::Open });
        // What was broken off by its human is no error; the second generation says `aborted`.
        if data.error.is_some_and(|name| !name.to_ascii_lowercase().windows(5).any(|word| word == b"abort")) {
            self.events.push((self.key(b"error", b""), Event::Error));
        }
    }

    /// A model call with these counters.
    fn call(&mut self, data: &Data<'_>, twins: u64) {
        let Some(counters) = data.counters else { return };
        if counters.is_zero() && data.cost.is_none() {
            return; // nothing was asked, or nothing came back
        }
        let model = self.called.as_deref().unwrap_or_default();
        let nanos = data.cost.map_or(0, Money::nanos);
        let which = [model.as_bytes(), &counters.bytes(), &nanos.to_le_bytes(), &twins.to_le_bytes()].concat();
        let version = self.session.version.as_deref();
        let cost = data.cost.filter(|_| !counters.is_charged_twice(version));
        let step = Step { tokens: counters.normal(version), cost, is_summary: data.is_summary };
        self.events.push((self.key(b"call", &which), Event::Call(Box::new(step))));
    }

    /// A row of `part`.
    fn part(&mut self, raw: &Raw<'_>) {
        let (data, message) = (&raw.data, &raw.message);
        // A copied row is stamped anew, its message is not.
        let written_at = if self.is_copy { message.completed } else { raw.created };
        match data.kind {
            b"step-finish" => {
                self.at = written_at.unwrap_or(self.said_at);
                let data = Data { is_summary: message.is_summary, ..counted(data) };
                self.call(&data, raw.twins);
            }
            b"tool" => {
                self.at = data.tool.at.or(written_at).unwrap_or(self.said_at);
                self.tool(&data.tool, raw.id, self.at);
                if data.tool.outcome == Outcome::Open {
                    self.state = RowState::Unfinished;
                }
            }
            b"retry" => {
                self.at = data.created.or(written_at).unwrap_or(self.said_at);
                self.events.push((self.key(b"retry", &data.attempt.to_le_bytes()), Event::Retry));
            }
            b"compaction" => {
                self.asked(raw.message_id, true);
                self.events.push((self.key(b"compaction", b""), Event::Compaction));
            }
            b"text" | b"file" | b"agent" | b"subtask" if message.role == b"user" && !data.ignored => {
                self.asked(raw.message_id, data.synthetic);
            }
            _ => {}
        }
    }

    /// A row of `session_message`.
    fn step(&mut self, raw: &Raw<'_>) {
        match raw.kind {
            b"user" => self.asked(raw.id, false),
            b"synthetic" => self.asked(raw.id, true),
            b"compaction" => self.events.push((self.key(b"compaction", b""), Event::Compaction)),
            b"assistant" => {
                self.answer(&raw.data);
                for tool in &raw.data.tools {
                    self.tool(tool, raw.id, tool.at.unwrap_or(self.said_at)); // when the step completes says nothing of it
                    if tool.outcome == Outcome::Open {
                        self.state = RowState::Unfinished; // a step ends before its tools do
                    }
                }
                if raw.data.completed.is_some() {
                    self.call(&raw.data, 0);
                }
            }
            _ => {}
        }
    }

    fn asked(&mut self, message: &[u8], by_machine: bool) {
        let task = task(message);
        // What a subagent is asked, it is asked by the session that started it.
        let is_machine = by_machine || self.session.parent.is_some();
        let event = if is_machine { Event::Machine(task) } else { Event::Prompt(task) };
        self.turn = Some(Turn::Open);
        self.events.push((self.key(b"prompt", b""), event));
    }

    fn tool(&mut self, tool: &Tool<'_>, row: &[u8], at: Millis) {
        let more: &[u8] = if tool.call.len() < SHORTEST_UNIQUE { row } else { b"" };
        let key = self.key(b"tool", &[tool.call, b" ", more].concat());
        let same = recent::same(tool.name.as_deref().unwrap_or_default().as_bytes(), tool.arguments);
        self.events.push((key, Event::Tool(key, tool.name.clone(), tool.outcome, same, at)));
    }
}

/// The task that begins with this message.
fn task(message: &[u8]) -> Key {
    Key::of(&[AGENT.as_bytes(), b"task", message])
}

/// The counters of a step alone.
fn counted<'a>(data: &Data<'a>) -> Data<'a> {
    Data { counters: data.counters, cost: data.cost, ..Data::default() }
}
