//! The JSON in a row's `data`: a message, a part of one, or a step of the second generation.
//!
//! All of them are read by one reader: the same names mean the same things in each, and what is not there stays empty.

use std::sync::Arc;

use crate::model::{LOCAL_PROGRAMS, Millis, Money, Tokens};
use crate::sources::cost;
use crate::sources::intern::Interner;
use crate::sources::json::{Bad, Cursor};
use crate::sources::lines::MOST_PARTS;

/// Strings that repeat from row to row.
#[derive(Default)]
pub(super) struct Names {
    pub session: Interner,
    pub parent: Interner,
    pub directory: Interner,
    pub version: Interner,
    pub model: Interner,
    pub agent: Interner,
    pub tool: Interner,
}

/// Counters as they are logged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counters {
    total: Option<u64>,
    input: u64,
    output: u64,
    reasoning: u64,
    read: u64,
    written: u64,
}

/// What a tool call has come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is being written, waits for a permission, or runs.
    #[default]
    Open,
    /// It ended well.
    Done,
    /// It failed, was declined or was broken off.
    Failed,
}

/// A tool call.
#[derive(Debug, Default)]
pub(super) struct Tool<'a> {
    pub call: &'a [u8],
    pub name: Option<Arc<str>>,
    pub outcome: Outcome,
    pub at: Option<Millis>,
    /// As they stand.
    pub arguments: &'a [u8],
}

/// What was found. Every field is optional in the format.
#[expect(clippy::struct_excessive_bools, reason = "the format's own independent marks")]
#[derive(Default)]
pub(super) struct Data<'a> {
    /// Whether it is an object at all.
    pub is_object: bool,
    pub kind: &'a [u8],
    pub role: &'a [u8],
    pub answers: Option<&'a [u8]>,
    pub agent: Option<Arc<str>>,
    pub model: Option<Arc<str>>,
    /// The id of the model's provider in the settings.
    pub provider: &'a [u8],
    pub created: Option<Millis>,
    pub completed: Option<Millis>,
    pub cost: Option<Money>,
    pub counters: Option<Counters>,
    pub finish: &'a [u8],
    /// The error's name.
    pub error: Option<&'a [u8]>,
    /// The answer is a summary of what was said before.
    pub is_summary: bool,
    pub synthetic: bool,
    pub ignored: bool,
    pub attempt: u64,
    pub tool: Tool<'a>,
    /// The tools of a step of the second generation.
    pub tools: Vec<Tool<'a>>,
}

pub(super) fn bytes<'a>(c: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Bad> {
    Ok(c.string()?.map(|s| s.0).filter(|s| !s.is_empty()))
}

/// Milliseconds since 1970.
pub(super) fn millis(c: &mut Cursor<'_>) -> Result<Option<Millis>, Bad> {
    let text = std::str::from_utf8(c.scalar()?).unwrap_or_default();
    let whole = text.split('.').next().unwrap_or_default();
    // Anything longer is no time that a calendar knows.
    Ok(whole.parse().ok().filter(|at| (1..=99_999_999_999_999).contains(at)))
}

pub(super) fn read<'a>(c: &mut Cursor<'a>, names: &mut Names) -> Result<Data<'a>, Bad> {
    let mut data = Data { is_object: c.peek() == Some(b'{'), ..Data::default() };
    c.object(|key, c| {
        match key {
            b"type" => data.kind = bytes(c)?.unwrap_or_default(),
            b"role" => data.role = bytes(c)?.unwrap_or_default(),
            b"parentID" => data.answers = bytes(c)?,
            b"agent" => data.agent = names.agent.non_empty(c.string()?).or(data.agent.take()),
            b"mode" if data.agent.is_none() => data.agent = names.agent.non_empty(c.string()?),
            b"modelID" => data.model = names.model.non_empty(c.string()?),
            b"providerID" => data.provider = bytes(c)?.unwrap_or_default(),
            b"model" => c.object(|key, c| {
                match key {
                    b"id" | b"modelID" => data.model = names.model.non_empty(c.string()?),
                    b"providerID" => data.provider = bytes(c)?.unwrap_or_default(),
                    _ => {}
                }
                Ok(())
            })?,
            b"time" => c.object(|key, c| {
                match key {
                    b"created" => data.created = millis(c)?,
                    b"completed" => data.completed = millis(c)?,
                    _ => {}
                }
                Ok(())
            })?,
            // Zero is what it says of subscriptions and of models that it has no price for.
            b"cost" => data.cost = std::str::from_utf8(c.scalar()?).ok().and_then(cost::parse).filter(|cost| *cost > Money::ZERO),
            b"tokens" => data.counters = Some(counters(c)?),
            b"finish" => data.finish = bytes(c)?.unwrap_or_default(),
            b"error" => data.error = error(c)?,
            b"summary" => data.is_summary = c.is_true()?,
            b"synthetic" => data.synthetic = c.is_true()?,
            b"ignored" => data.ignored = c.is_true()?,
            b"attempt" => data.attempt = c.counter()?.unwrap_or_default(),
            b"callID" => data.tool.call = bytes(c)?.unwrap_or_default(),
            b"tool" => data.tool.name = names.tool.non_empty(c.string()?),
            b"state" => state(c, &mut data.tool)?,
            b"content" => c.array(|c| {
                let tool = content(c, names)?;
                data.tools.extend(tool.filter(|_| data.tools.len() < MOST_PARTS));
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    data.tool.settle();
    Ok(data)
}

/// The name of an error; the second generation calls it a type.
fn error<'a>(c: &mut Cursor<'a>) -> Result<Option<&'a [u8]>, Bad> {
    if c.peek() != Some(b'{') {
        return bytes(c);
    }
    let mut name: &[u8] = b"unknown";
    c.object(|key, c| {
        if matches!(key, b"name" | b"type") {
            name = bytes(c)?.unwrap_or(name);
        }
        Ok(())
    })?;
    Ok(Some(name))
}

fn counters(c: &mut Cursor<'_>) -> Result<Counters, Bad> {
    let mut counters = Counters::default();
    c.object(|key, c| {
        match key {
            b"total" => counters.total = c.counter()?,
            b"input" => counters.input = c.counter()?.unwrap_or_default(),
            b"output" => counters.output = c.counter()?.unwrap_or_default(),
            b"reasoning" => counters.reasoning = c.counter()?.unwrap_or_default(),
            b"cache" => c.object(|key, c| {
                match key {
                    b"read" => counters.read = c.counter()?.unwrap_or_default(),
                    b"write" => counters.written = c.counter()?.unwrap_or_default(),
                    _ => {}
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(counters)
}

/// What is known of a tool call's end.
fn state<'a>(c: &mut Cursor<'a>, tool: &mut Tool<'a>) -> Result<(), Bad> {
    c.object(|key, c| {
        match key {
            b"input" => tool.arguments = c.raw()?,
            b"status" => {
                let outcome = match bytes(c)?.unwrap_or_default() {
                    b"completed" => Outcome::Done,
                    b"error" => Outcome::Failed,
                    _ => Outcome::Open,
                };
                tool.outcome = tool.outcome.or(outcome);
            }
            // `structured` is what the second generation calls it.
            b"metadata" | b"structured" => c.object(|key, c| {
                match key {
                    b"exit" if !matches!(c.scalar()?, b"0" | b"null" | b"") => tool.outcome = Outcome::Failed,
                    b"timeout" if c.is_true()? => tool.outcome = Outcome::Failed,
                    _ => {}
                }
                Ok(())
            })?,
            b"time" => c.object(|key, c| {
                if key == b"start" {
                    tool.at = millis(c)?;
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })
}

fn content<'a>(c: &mut Cursor<'a>, names: &mut Names) -> Result<Option<Tool<'a>>, Bad> {
    let (mut tool, mut is_tool) = (Tool::default(), false);
    c.object(|key, c| {
        match key {
            b"type" => is_tool = bytes(c)? == Some(b"tool"),
            b"id" | b"callID" => tool.call = bytes(c)?.unwrap_or_default(),
            b"name" => tool.name = names.tool.non_empty(c.string()?),
            b"state" => state(c, &mut tool)?,
            b"time" => c.object(|key, c| {
                if key == b"created" {
                    tool.at = millis(c)?;
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    })?;
    tool.settle();
    Ok(is_tool.then_some(tool))
}

impl Data<'_> {
    /// The model as it is priced: one that a program on the user's machine serves carries that program's name, for it is not
    /// what its maker offers under the same name.
    pub(super) fn priced_as(&self) -> Option<Arc<str>> {
        let model = self.model.clone()?;
        let local = LOCAL_PROGRAMS.into_iter().find(|program| program.as_bytes().eq_ignore_ascii_case(self.provider));
        Some(match local {
            Some(program) => Arc::from(format!("{program}/{model}")),
            None => model,
        })
    }
}

impl Outcome {
    /// A failure that the details tell holds whatever the status says.
    const fn or(self, status: Outcome) -> Outcome {
        if matches!(self, Outcome::Failed) { self } else { status }
    }
}

impl Tool<'_> {
    /// A call of a tool that there is not is answered by a tool that completes.
    fn settle(&mut self) {
        if self.outcome == Outcome::Done && self.name.as_deref() == Some("invalid") {
            self.outcome = Outcome::Failed;
        }
    }
}

impl Counters {
    /// As bytes, for an identity.
    pub(super) fn bytes(&self) -> [u8; 40] {
        let mut bytes = [0; 40];
        let counters = [self.input, self.output, self.reasoning, self.read, self.written];
        for (to, from) in bytes.chunks_exact_mut(8).zip(counters) {
            to.copy_from_slice(&from.to_le_bytes());
        }
        bytes
    }

    /// Whether the reasoning is no part of the output.
    fn is_apart(&self, version: Option<&str>) -> bool {
        let included = self.input + self.output + self.read + self.written;
        match self.total {
            Some(total) if total == included => false,
            Some(total) if total == included + self.reasoning => true,
            _ => !version.is_some_and(is_old),
        }
    }

    /// Whether the agent's own cost charges the reasoning twice: it adds the price of both counters up, also where one
    /// holds the other.
    pub(super) fn is_charged_twice(&self, version: Option<&str>) -> bool {
        self.reasoning > 0 && !self.is_apart(version)
    }

    /// In the house's own kinds.
    pub(super) fn normal(&self, version: Option<&str>) -> Tokens {
        let output = if self.is_apart(version) { self.output + self.reasoning } else { self.output };
        Tokens {
            input: self.input,
            cache_read: self.read,
            cache_write_5m: self.written,
            cache_write_1h: 0,
            output,
            reasoning: self.reasoning.min(output),
        }
    }

    pub(super) fn is_zero(&self) -> bool {
        self.bytes() == [0; 40]
    }
}

/// Whether a release counted reasoning inside the output (measured on 1.2; those from 1.3 on do not).
fn is_old(version: &str) -> bool {
    let mut parts = version.split('.').map(|part| part.parse::<u32>().ok());
    match (parts.next().flatten(), parts.next().flatten()) {
        // Builds of its developers are numbered 0.0.
        (Some(0), Some(0)) | (None, _) => false,
        (Some(major), minor) => (major, minor.unwrap_or(0)) < (1, 3),
    }
}
