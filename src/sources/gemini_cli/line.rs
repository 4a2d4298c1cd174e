//! One line, or a whole document, as a record, without regard to any other.

use std::sync::Arc;

use memchr::memmem;

use crate::model::time::parse_stamp;
use crate::model::{Key, Millis, Tokens};
use crate::sources::intern::Interner;
use crate::sources::json::{Bad, Cursor, RawStr};
use crate::sources::lines::{Lines, MOST_PARTS, each, whole};
use crate::sources::recent;

use super::AGENT;

/// A line.
#[derive(Debug)]
pub(super) enum Record {
    /// What begins a session, with its messages where the log is one document.
    Header(Box<Header>),
    /// What has changed of the session.
    Change(Box<Header>),
    /// A message.
    Message(Box<Message>),
    /// The conversation went back to an earlier message.
    Rewind,
}

/// What is said of the session as a whole.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub session: Option<Arc<str>>,
    pub started: Option<Millis>,
    pub updated: Option<Millis>,
    pub subagent: bool,
    pub cwd: Option<Arc<str>>,
    pub messages: Vec<Message>,
    /// The answers to the summaries that stand in a repeated conversation.
    pub summaries: Vec<Key>,
}

/// Who speaks, and what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speaker {
    /// A human typed something.
    Human,
    /// A slash command or a question mark: a prompt only if the model answers it.
    Slash,
    /// Tools gave something back, or the program tells the model to go on.
    Machine,
    /// The model; whether it said anything.
    Model { spoke: bool },
    /// A model call was given up.
    ApiError,
    /// The human stopped the agent.
    Interrupt,
    /// The program itself.
    Program,
}

/// A message.
#[derive(Debug)]
pub(super) struct Message {
    pub id: Key,
    pub at: Option<Millis>,
    pub speaker: Speaker,
    pub model: Option<Arc<str>>,
    pub tokens: Option<Tokens>,
    pub tools: Vec<Tool>,
    /// The directory that the program tells the model.
    pub cwd: Option<Arc<str>>,
}

/// A tool call and how far it is.
#[derive(Debug)]
pub(super) struct Tool {
    pub id: Option<Key>,
    pub name: Arc<str>,
    pub status: Status,
    /// The hash of its name and arguments.
    pub same: u32,
    /// A subagent says that it is done.
    pub is_last: bool,
}

/// How far a tool call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Done,
    Failed,
    /// The human said no, or stopped it.
    Declined,
}

#[derive(Default)]
struct Names {
    session: Interner,
    model: Interner,
    tool: Interner,
}

/// Reads all lines.
pub(super) fn skim(bytes: &[u8]) -> Lines<Record> {
    let mut names = Names::default();
    each(bytes, |cursor| read(cursor, &mut names))
}

/// Reads a document.
pub(super) fn skim_document(bytes: &[u8]) -> Lines<Record> {
    let mut names = Names::default();
    whole(bytes, |cursor| read(cursor, &mut names))
}

/// The fields of an object before they are made sense of together.
#[derive(Default)]
struct Raw<'a> {
    id: Option<&'a [u8]>,
    kind: &'a [u8],
    at: Option<Millis>,
    content: Content<'a>,
    model: Option<Arc<str>>,
    tokens: Option<Tokens>,
    tools: Vec<Tool>,
    header: Header,
}

/// What `content` holds.
#[derive(Default)]
struct Content<'a> {
    /// The first text that somebody said.
    text: Option<&'a [u8]>,
    /// The directory in a context that the program added.
    cwd: Option<Arc<str>>,
    results: bool,
    media: bool,
}

/// Where an object stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Line,
    /// In `$set`: messages there are repeated ones.
    Change,
    Message,
}

fn read(cursor: &mut Cursor<'_>, names: &mut Names) -> Result<Option<Record>, Bad> {
    if cursor.peek() != Some(b'{') {
        return Err(Bad { at: 0 });
    }
    let (mut raw, mut change, mut rewind) = (Raw::default(), None, false);
    cursor.object(|key, c| match key {
        b"$rewindTo" => {
            rewind = c.string()?.is_some();
            Ok(())
        }
        b"$set" if c.peek() == Some(b'{') => {
            let mut fields = Raw::default();
            c.object(|key, c| field(key, c, &mut fields, names, Place::Change))?;
            change = Some(fields.header);
            Ok(())
        }
        _ => field(key, c, &mut raw, names, Place::Line),
    })?;
    // The order in which the agent itself asks what a line is.
    if rewind {
        return Ok(Some(Record::Rewind));
    }
    if raw.id.is_some() {
        return Ok(message(raw).map(|message| Record::Message(Box::new(message))));
    }
    if let Some(change) = change {
        return Ok(Some(Record::Change(Box::new(change))));
    }
    Ok(raw.header.session.is_some().then(|| Record::Header(Box::new(raw.header))))
}

fn field<'a>(key: &[u8], c: &mut Cursor<'a>, raw: &mut Raw<'a>, names: &mut Names, place: Place) -> Result<(), Bad> {
    match key {
        b"id" => raw.id = bytes(c)?,
        b"type" => raw.kind = bytes(c)?.unwrap_or_default(),
        b"timestamp" => raw.at = bytes(c)?.and_then(parse_stamp),
        b"content" => read_content(c, &mut raw.content)?,
        b"model" => raw.model = names.model.non_empty(c.string()?),
        b"tokens" => raw.tokens = read_tokens(c)?,
        b"toolCalls" => read_tools(c, &mut raw.tools, names)?,
        _ if place == Place::Message => {}
        b"sessionId" => raw.header.session = names.session.non_empty(c.string()?),
        b"startTime" => raw.header.started = bytes(c)?.and_then(parse_stamp),
        b"lastUpdated" => raw.header.updated = bytes(c)?.and_then(parse_stamp),
        b"kind" => raw.header.subagent = bytes(c)? == Some(b"subagent"),
        b"directories" => c.array(|c| {
            let directory = c.string()?.filter(|d| !d.0.is_empty());
            raw.header.cwd = raw.header.cwd.take().or(directory.map(|d| Arc::from(d.text())));
            Ok(())
        })?,
        b"messages" => c.array(|c| {
            let mut fields = Raw::default();
            c.object(|key, c| field(key, c, &mut fields, names, Place::Message))?;
            let is_summary = fields.kind == b"gemini" && fields.content.text == Some(AFTER_SUMMARY);
            if let Some(message) = message(fields) {
                raw.header.cwd = raw.header.cwd.take().or_else(|| message.cwd.clone());
                raw.header.summaries.extend(is_summary.then_some(message.id));
                if place == Place::Line {
                    raw.header.messages.push(message);
                }
            }
            Ok(())
        })?,
        _ => {}
    }
    Ok(())
}

/// What the program lets the model say after a summary (`chatCompressionService.ts`).
const AFTER_SUMMARY: &[u8] = b"Got it. Thanks for the additional context!";

fn bytes<'a>(c: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Bad> {
    Ok(c.string()?.map(|s| s.0).filter(|s| !s.is_empty()))
}

/// A text, a part, or a list of both.
fn read_content<'a>(c: &mut Cursor<'a>, content: &mut Content<'a>) -> Result<(), Bad> {
    if c.peek() == Some(b'[') { c.array(|c| read_part(c, content)) } else { read_part(c, content) }
}

fn read_part<'a>(c: &mut Cursor<'a>, content: &mut Content<'a>) -> Result<(), Bad> {
    if c.peek() == Some(b'"') {
        content.hear(c.string()?);
        return Ok(());
    }
    c.object(|key, c| {
        match key {
            b"text" => content.hear(c.string()?),
            b"functionResponse" => content.results = true,
            b"inlineData" | b"fileData" => content.media = true,
            _ => {}
        }
        Ok(())
    })
}

impl<'a> Content<'a> {
    fn hear(&mut self, said: Option<RawStr<'a>>) {
        let Some(said) = said else { return };
        let text = trim(said.0);
        if text.starts_with(b"<session_context>") {
            self.cwd = self.cwd.take().or_else(|| directory(&said.text()));
        } else if self.text.is_none() && !text.is_empty() && !text.starts_with(b"<hook_context>") {
            self.text = Some(text);
        }
    }
}

/// The text without white space at its beginning; line ends are still escaped.
fn trim(mut text: &[u8]) -> &[u8] {
    loop {
        text = match text {
            [b' ' | b'\t', rest @ ..] | [b'\\', b'n' | b'r' | b't', rest @ ..] => rest,
            _ => return text,
        };
    }
}

/// A path is not longer than this.
const LONGEST_PATH: usize = 4096;

/// The first of the directories that the program tells the model at the beginning (`environmentContext.ts`).
fn directory(context: &str) -> Option<Arc<str>> {
    let list = context.split_once("**Workspace Directories:**\n")?.1;
    let first = list.lines().next()?.trim_start().strip_prefix("- ")?;
    (!first.is_empty() && first.len() <= LONGEST_PATH).then(|| Arc::from(first))
}

fn read_tokens(c: &mut Cursor<'_>) -> Result<Option<Tokens>, Bad> {
    if c.peek() != Some(b'{') {
        c.skip()?;
        return Ok(None);
    }
    let (mut input, mut cached, mut tool, mut output, mut thoughts) = (0_u64, 0, 0, 0, 0);
    c.object(|key, c| {
        let counter = match key {
            b"input" => &mut input,
            b"cached" => &mut cached,
            b"tool" => &mut tool,
            b"output" => &mut output,
            b"thoughts" => &mut thoughts,
            _ => return Ok(()),
        };
        *counter = c.counter()?.unwrap_or(0);
        Ok(())
    })?;
    let cache_read = cached.min(input);
    let input = input - cache_read + tool;
    Ok(Some(Tokens { input, cache_read, output: output + thoughts, reasoning: thoughts, ..Tokens::default() }))
}

fn read_tools(c: &mut Cursor<'_>, tools: &mut Vec<Tool>, names: &mut Names) -> Result<(), Bad> {
    c.array(|c| {
        let (mut id, mut name, mut status): (_, Option<RawStr<'_>>, _) = (None, None, Status::Done);
        let mut arguments: &[u8] = b"";
        let is_call = c.peek() == Some(b'{');
        c.object(|key, c| {
            match key {
                b"id" => id = bytes(c)?,
                b"name" => name = c.string()?,
                b"args" => arguments = c.raw()?,
                b"status" => {
                    status = match bytes(c)?.unwrap_or_default() {
                        b"validating" | b"scheduled" | b"executing" | b"awaiting_approval" => Status::Pending,
                        b"error" => Status::Failed,
                        b"cancelled" => Status::Declined,
                        _ => Status::Done,
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        if is_call && tools.len() < MOST_PARTS {
            let is_last = status == Status::Done && name.is_some_and(|n| n.0 == b"complete_task");
            let same = recent::same(name.map_or(b"", |name| name.0), arguments);
            let name = names.tool.non_empty(name).unwrap_or_else(|| Arc::from("?"));
            tools.push(Tool { id: id.map(|id| Key::of(&[AGENT.as_bytes(), b"tool", id])), name, status, same, is_last });
        }
        Ok(())
    })
}

/// What the program writes in the human's name: of loops that it has found, and of answers without a word (`geminiChat.ts`).
const MACHINE: [&[u8]; 2] = [b"[System: ", b"System: "];

/// Makes one thing of the fields that were read; `None` for what the agent would not take for a message either.
fn message(raw: Raw<'_>) -> Option<Message> {
    let id = Key::of(&[AGENT.as_bytes(), raw.id?]);
    let text = raw.content.text.unwrap_or_default();
    let speaker = match raw.kind {
        b"user" if raw.content.results || MACHINE.iter().any(|m| text.starts_with(m)) => Speaker::Machine,
        b"user" if text.is_empty() && !raw.content.media => Speaker::Program,
        b"user" if text.starts_with(b"/") || text.starts_with(b"?") => Speaker::Slash,
        b"user" => Speaker::Human,
        b"gemini" => Speaker::Model { spoke: !text.is_empty() },
        // Errors of the program's own commands are no model calls.
        b"error" if text.starts_with(b"[API Error") => Speaker::ApiError,
        b"info" if memmem::find(text, b"Request cancelled").is_some() => Speaker::Interrupt,
        _ => Speaker::Program,
    };
    let (model, tokens, tools) = if raw.kind == b"gemini" { (raw.model, raw.tokens, raw.tools) } else { (None, None, Vec::new()) };
    Some(Message { id, at: raw.at, speaker, model, tokens, tools, cwd: raw.content.cwd })
}
