//! One transcript line as a record, without regard to any other line.

use std::sync::Arc;

use crate::model::time::parse_stamp;
use crate::model::{Beside, Key, Millis, Money, Speed, Tier, Tokens};
use crate::sources::cost;
use crate::sources::intern::Interner;
use crate::sources::json::{Bad, Cursor, RawStr};
use crate::sources::lines::{Lines, MOST_PARTS, each};
use crate::sources::recent;

use super::AGENT;

mod usage;

/// What a line is about.
#[derive(Debug)]
pub(super) enum Body {
    /// A block of a model's response.
    Answer(Box<Answer>),
    /// Something a human typed.
    Prompt,
    /// A prompt that was typed while the agent worked.
    Queued,
    /// A slash command: a prompt only if the model answers it.
    Slash,
    /// What tools gave back: whose call it was and whether it failed.
    Results(Vec<(ToolId, bool)>),
    /// What the program itself printed, such as the output of a slash command.
    Machine,
    /// The human stopped the agent.
    Interrupt,
    /// A failed model call that will be tried again.
    Retry,
    /// The context was summarized; the tokens left in it, where told.
    Compaction(Option<u64>),
    /// The agent says that its answer is complete.
    TurnEnd,
    /// Nothing to count, but the session was alive.
    Other,
}

/// One line of a response.
#[derive(Debug, Default)]
pub(super) struct Answer {
    pub key: Option<Key>,
    pub model: Option<Arc<str>>,
    pub tokens: Tokens,
    /// The context after this call, where it differs from what the counters add up to.
    pub context: Option<u64>,
    pub searches: u32,
    pub tier: Tier,
    pub speed: Speed,
    pub stop: Option<Stop>,
    pub tools: Vec<ToolUse>,
    /// Requests that were made for it and are billed beside it.
    pub beside: Vec<Part>,
    /// The model that has answered in place of the one that was asked.
    pub served: Option<Arc<str>>,
    pub reported: Option<Money>,
    pub synthetic: bool,
    pub api_error: bool,
}

/// A request that was made for an answer: its tokens are not among the answer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Part {
    pub why: Beside,
    /// `None` where the log does not say: a summary is by the model that answers.
    pub model: Option<Arc<str>>,
    pub tokens: Tokens,
}

/// A tool call's id. Those that some gateways hand out again and again (`call_0`) tell it only together with its message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ToolId {
    pub key: Key,
    pub is_unique: bool,
}

/// A tool call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ToolUse {
    pub id: ToolId,
    pub name: Arc<str>,
    /// The hash of its name and arguments.
    pub same: u32,
}

/// Ids shorter than this are numbers, not random.
const SHORTEST_UNIQUE: usize = 12;

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    Tool,
    Done,
}

/// One line.
#[derive(Debug)]
pub(super) struct Record {
    pub at: Option<Millis>,
    pub session: Option<Arc<str>>,
    pub agent: Option<Arc<str>>,
    pub cwd: Option<Arc<str>>,
    pub branch: Option<Arc<str>>,
    pub version: Option<Arc<str>>,
    pub uuid: Option<Key>,
    pub parent: Option<Key>,
    pub sidechain: bool,
    /// The session that this line was copied from.
    pub forked_from: Option<Arc<str>>,
    pub body: Body,
}

#[derive(Default)]
struct Names {
    session: Interner,
    origin: Interner,
    agent: Interner,
    cwd: Interner,
    branch: Interner,
    version: Interner,
    model: Interner,
    tool: Interner,
}

/// Reads all lines.
pub(super) fn skim(bytes: &[u8]) -> Lines<Record> {
    let mut names = Names::default();
    each(bytes, |cursor| read(cursor, &mut names))
}

/// The fields of a line before they are made sense of together.
#[expect(clippy::struct_excessive_bools, reason = "the format's own independent marks")]
#[derive(Default)]
struct Raw<'a> {
    kind: &'a [u8],
    subtype: &'a [u8],
    request: Option<&'a [u8]>,
    id: Option<&'a [u8]>,
    is_meta: bool,
    is_summary: bool,
    machine: bool,
    queued: bool,
    content: Content<'a>,
    answer: Answer,
    post_tokens: Option<u64>,
    parent_session: Option<Arc<str>>,
}

/// What `message.content` holds.
#[derive(Default)]
struct Content<'a> {
    /// The first text that a human may have typed.
    text: Option<&'a [u8]>,
    results: Vec<(ToolId, bool)>,
    tools: Vec<ToolUse>,
    images: bool,
}

fn read(cursor: &mut Cursor<'_>, names: &mut Names) -> Result<Option<Record>, Bad> {
    let mut raw = Raw::default();
    let mut record = Record {
        at: None,
        session: None,
        agent: None,
        cwd: None,
        branch: None,
        version: None,
        uuid: None,
        parent: None,
        sidechain: false,
        forked_from: None,
        body: Body::Other,
    };
    if cursor.peek() != Some(b'{') {
        return Err(Bad { at: 0 });
    }
    cursor.object(|key, c| {
        match key {
            b"type" => raw.kind = bytes(c)?.unwrap_or_default(),
            b"subtype" => raw.subtype = bytes(c)?.unwrap_or_default(),
            b"timestamp" => record.at = bytes(c)?.and_then(parse_stamp),
            b"sessionId" | b"session_id" => record.session = names.session.non_empty(c.string()?).or(record.session.take()),
            b"agentId" => record.agent = names.agent.non_empty(c.string()?),
            b"cwd" => record.cwd = names.cwd.non_empty(c.string()?),
            b"gitBranch" => record.branch = names.branch.non_empty(c.string()?),
            b"version" => record.version = names.version.non_empty(c.string()?),
            b"uuid" => record.uuid = bytes(c)?.map(|id| Key::of(&[AGENT.as_bytes(), id])),
            b"parentUuid" => record.parent = bytes(c)?.map(|id| Key::of(&[AGENT.as_bytes(), id])),
            b"requestId" => raw.request = bytes(c)?,
            b"isSidechain" => record.sidechain = c.is_true()?,
            b"isMeta" => raw.is_meta = c.is_true()?,
            b"isCompactSummary" => raw.is_summary = c.is_true()?,
            b"isApiErrorMessage" => raw.answer.api_error = c.is_true()?,
            // A copy of a copy names both; the last one is where this file's copy was taken.
            b"forkedFrom" => c.object(|key, c| {
                if key == b"sessionId" {
                    record.forked_from = names.origin.non_empty(c.string()?);
                }
                Ok(())
            })?,
            b"parentSessionId" => raw.parent_session = names.origin.non_empty(c.string()?),
            b"costUSD" => raw.answer.reported = std::str::from_utf8(c.scalar()?).ok().and_then(cost::parse),
            b"origin" => c.object(|key, c| {
                if key == b"kind" {
                    raw.machine = bytes(c)?.is_some_and(|kind| kind != b"human");
                }
                Ok(())
            })?,
            b"attachment" => read_attachment(c, &mut raw)?,
            b"compactMetadata" => c.object(|key, c| {
                if key == b"postTokens" {
                    raw.post_tokens = c.counter()?;
                }
                Ok(())
            })?,
            b"message" => read_message(c, &mut raw, names)?,
            _ => {}
        }
        Ok(())
    })?;
    if raw.kind == b"fork-context-ref" {
        record.forked_from = raw.parent_session.take().or(record.forked_from); // newer forks say it in a line of its own
    }
    record.body = body(&mut raw, &record);
    Ok(Some(record))
}

fn bytes<'a>(c: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Bad> {
    Ok(c.string()?.map(|s| s.0).filter(|s| !s.is_empty()))
}

fn read_attachment<'a>(c: &mut Cursor<'a>, raw: &mut Raw<'a>) -> Result<(), Bad> {
    let (mut queued, mut prompt) = (false, true);
    c.object(|key, c| {
        match key {
            b"type" => queued = bytes(c)? == Some(b"queued_command"),
            b"commandMode" => prompt = bytes(c)? == Some(b"prompt"),
            _ => {}
        }
        Ok(())
    })?;
    raw.queued = queued && prompt;
    Ok(())
}

fn read_message<'a>(c: &mut Cursor<'a>, raw: &mut Raw<'a>, names: &mut Names) -> Result<(), Bad> {
    c.object(|key, c| {
        match key {
            b"id" => raw.id = bytes(c)?,
            b"model" => {
                let model = c.string()?;
                raw.answer.synthetic = model.is_some_and(|m| m.0 == b"<synthetic>");
                raw.answer.model = names.model.non_empty(model);
            }
            b"stop_reason" => {
                raw.answer.stop =
                    bytes(c)?.map(|reason| if reason == b"tool_use" || reason == b"pause_turn" { Stop::Tool } else { Stop::Done });
            }
            b"usage" => usage::read(c, &mut raw.answer, names)?,
            b"content" => read_content(c, &mut raw.content, names)?,
            _ => {}
        }
        Ok(())
    })
}

fn read_content<'a>(c: &mut Cursor<'a>, content: &mut Content<'a>, names: &mut Names) -> Result<(), Bad> {
    if c.peek() == Some(b'"') {
        content.text = c.string()?.map(|s| s.0);
        return Ok(());
    }
    c.array(|c| {
        let (mut kind, mut id, mut result, mut text): (&[u8], _, _, Option<&[u8]>) = (b"", None, None, None);
        let mut name: Option<RawStr<'_>> = None;
        let mut input: &[u8] = b"";
        let mut failed = false;
        c.object(|key, c| {
            match key {
                b"type" => kind = bytes(c)?.unwrap_or_default(),
                b"id" => id = bytes(c)?,
                b"name" => name = c.string()?,
                b"input" => input = c.raw()?,
                b"tool_use_id" => result = bytes(c)?,
                b"is_error" => failed = c.is_true()?,
                b"text" => text = c.string()?.map(|s| s.0),
                _ => {}
            }
            Ok(())
        })?;
        match kind {
            b"tool_use" => {
                if let Some(id) = id.filter(|_| content.tools.len() < MOST_PARTS) {
                    let same = recent::same(name.map_or(b"", |name| name.0), input);
                    let name = name.map_or_else(|| Arc::from("?"), |n| names.tool.get(n));
                    content.tools.push(ToolUse { id: tool_key(id), name, same });
                }
            }
            b"tool_result" if content.results.len() < MOST_PARTS => content.results.extend(result.map(|id| (tool_key(id), failed))),
            // The editor puts notes before what was typed, each in a block of its own.
            b"text" if content.text.is_none_or(is_note) => content.text = text,
            b"image" | b"document" => content.images = true,
            _ => {}
        }
        Ok(())
    })
}

fn tool_key(id: &[u8]) -> ToolId {
    ToolId { key: Key::of(&[AGENT.as_bytes(), b"tool", id]), is_unique: id.len() >= SHORTEST_UNIQUE }
}

/// The identity of a model call, by the id of the model's answer.
pub(super) fn call_key(id: &[u8]) -> Key {
    Key::of(&[AGENT.as_bytes(), b"call", id])
}

/// Makes one thing of the fields that were read.
fn body(raw: &mut Raw<'_>, record: &Record) -> Body {
    match raw.kind {
        b"assistant" => {
            let mut answer = std::mem::take(&mut raw.answer);
            answer.tools = std::mem::take(&mut raw.content.tools);
            answer.model = answer.served.take().or(answer.model); // a stream names the one that was asked
            let agent = AGENT.as_bytes();
            answer.key =
                raw.id.or(raw.request).map(call_key).or_else(|| record.uuid.map(|uuid| Key::of(&[agent, b"line", &uuid.0.to_le_bytes()])));
            Body::Answer(Box::new(answer))
        }
        b"user" => user(raw),
        b"attachment" if raw.queued && !raw.machine && !raw.is_meta => Body::Queued,
        b"system" => match raw.subtype {
            b"api_error" => Body::Retry,
            b"compact_boundary" => Body::Compaction(raw.post_tokens),
            b"turn_duration" => Body::TurnEnd,
            _ => Body::Other,
        },
        _ => Body::Other,
    }
}

/// What machines write in a human's name.
const MACHINE: [&[u8]; 9] = [
    b"<local-command-stdout>",
    b"<local-command-stderr>",
    b"<local-command-caveat>",
    b"<bash-input>",
    b"<bash-stdout>",
    b"<task-notification>",
    b"<system-reminder>",
    b"<teammate-message",
    b"Caveat:",
];

fn is_note(text: &[u8]) -> bool {
    text.starts_with(b"<ide_opened_file>") || text.starts_with(b"<ide_selection>") || text.starts_with(b"<system-reminder>")
}

fn user(raw: &mut Raw<'_>) -> Body {
    if !raw.content.results.is_empty() {
        return Body::Results(std::mem::take(&mut raw.content.results));
    }
    let text = raw.content.text.unwrap_or_default();
    if text.starts_with(b"[Request interrupted by user") {
        return Body::Interrupt;
    }
    if raw.is_meta || raw.is_summary {
        return Body::Other;
    }
    if raw.machine {
        return Body::Machine;
    }
    if MACHINE.iter().any(|m| text.starts_with(m)) {
        return Body::Machine;
    }
    if text.starts_with(b"<command-name>") || text.starts_with(b"<command-message>") {
        return Body::Slash;
    }
    if text.is_empty() && !raw.content.images {
        return Body::Other;
    }
    Body::Prompt
}
