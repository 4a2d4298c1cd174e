//! One rollout line as a record, without regard to any other line.

use std::sync::Arc;

use crate::model::remote;
use crate::model::time::parse_stamp;
use crate::model::{Key, Millis, Tier};
use crate::sources::intern::Interner;
use crate::sources::json::{Bad, Cursor};
use crate::sources::lines::{Lines, each};

mod item;
mod usage;

use usage::usage;

use item::{call_key, item, text_key, texts};

/// Counters as Codex writes them: `input` includes `cached` and `written`, `output` includes `reasoning`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct Usage {
    pub input: u64,
    pub cached: u64,
    pub written: u64,
    pub output: u64,
    pub reasoning: u64,
    pub total: u64,
}

impl Usage {
    /// Tokens in and out.
    pub(super) const fn size(&self) -> u64 {
        self.input.saturating_add(self.output)
    }
}

/// A `token_count` event.
#[derive(Debug, Clone, Default)]
pub(super) struct Count {
    pub totals: Option<Usage>,
    /// Whether there are totals that cannot be.
    pub odd: bool,
    pub last: Option<Usage>,
    pub window: Option<u64>,
    pub limits: Vec<Limit>,
}

/// One rate-limit window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Limit {
    pub id: Option<Arc<str>>,
    pub plan: Option<Arc<str>>,
    pub minutes: u32,
    pub used_permille: u32,
    pub resets_at: Option<Millis>,
    /// Seconds until then, as older releases say it.
    pub resets_in: Option<u64>,
}

/// The first record of a thread.
#[derive(Debug, Clone, Default)]
pub(super) struct Meta {
    pub id: Option<Arc<str>>,
    pub at: Option<Millis>,
    pub cwd: Option<Arc<str>>,
    pub version: Option<Arc<str>>,
    pub branch: Option<Arc<str>>,
    /// Without user and password.
    pub remote: Option<Arc<str>>,
    pub forked_from: Option<Arc<str>>,
    pub parent: Option<Arc<str>>,
    pub subagent: bool,
    pub nickname: Option<Arc<str>>,
    pub own_from: Option<u64>,
}

/// What a line is about.
#[derive(Debug)]
pub(super) enum Body {
    Meta(Box<Meta>),
    /// The settings of a turn: its id, model, directory and tier.
    Context {
        turn: Option<Arc<str>>,
        model: Option<Arc<str>>,
        cwd: Option<Arc<str>>,
        tier: Option<Tier>,
    },
    /// Settings that hold from the next turn on.
    Settings {
        model: Option<Arc<str>>,
        tier: Option<Tier>,
    },
    Started {
        turn: Option<Arc<str>>,
        window: Option<u64>,
    },
    /// A turn is over; whether it failed in the end.
    Ended {
        failed: bool,
    },
    /// A human prompt, by its text's hash.
    Prompt(Key),
    /// A user message among the model's input: a prompt only if nothing better tells of one.
    Input(Key),
    /// Something that the model said.
    Output,
    Count(Box<Count>),
    /// What one call used, told before its tools run; the counter tells it again.
    Call {
        totals: Usage,
        own: Usage,
    },
    Tool {
        call: Key,
        name: Arc<str>,
        /// The hash of its name and arguments.
        same: u32,
        /// Whether the provider bills it by the piece.
        search: bool,
    },
    /// A tool's result; whether it failed.
    Result {
        call: Key,
        failed: bool,
    },
    Retry,
    ApiError,
    Compaction,
    Other,
}

/// One line.
#[derive(Debug)]
pub(super) struct Record {
    pub at: Option<Millis>,
    pub ordinal: Option<u64>,
    pub body: Body,
}

#[derive(Default)]
struct Names {
    model: Interner,
    turn: Interner,
    cwd: Interner,
    tool: Interner,
    id: Interner,
    other: Interner,
}

/// Reads all lines.
pub(super) fn skim(bytes: &[u8]) -> Lines<Record> {
    let mut names = Names::default();
    each(bytes, |cursor| read(cursor, &mut names))
}

fn read(cursor: &mut Cursor<'_>, names: &mut Names) -> Result<Option<Record>, Bad> {
    let mut record = Record { at: None, ordinal: None, body: Body::Other };
    let mut kind: &[u8] = b"";
    let mut early = None;
    if cursor.peek() != Some(b'{') {
        return Err(Bad { at: 0 });
    }
    let mut bare = BareMeta::default();
    cursor.object(|key, c| {
        match key {
            b"timestamp" => record.at = c.string()?.and_then(|s| parse_stamp(s.0)),
            b"ordinal" => record.ordinal = c.counter()?,
            b"type" => kind = c.string()?.map_or(b"", |s| s.0),
            b"payload" if kind.is_empty() => {
                early = Some(c.clone());
                c.skip()?;
            }
            b"payload" => record.body = payload(kind, c, names)?,
            b"id" => bare.id = names.id.non_empty(c.string()?),
            b"git" | b"instructions" => bare.is_meta = true,
            _ => {}
        }
        Ok(())
    })?;
    if let Some(mut c) = early {
        record.body = payload(kind, &mut c, names)?; // the type came after the payload
    }
    if kind.is_empty() && bare.is_meta && bare.id.is_some() {
        // Before September 2025 the first line was a bare header.
        record.body = Body::Meta(Box::new(Meta { id: bare.id, at: record.at, ..Meta::default() }));
    }
    Ok(Some(record))
}

#[derive(Default)]
struct BareMeta {
    id: Option<Arc<str>>,
    is_meta: bool,
}

fn payload(kind: &[u8], c: &mut Cursor<'_>, names: &mut Names) -> Result<Body, Bad> {
    match kind {
        b"session_meta" => meta(c, names),
        b"turn_context" => context(c, names),
        b"token_usage_record" => call_usage(c),
        b"event_msg" => event(c, names),
        b"response_item" => item(c, names),
        b"compacted" => {
            c.skip()?;
            Ok(Body::Compaction)
        }
        _ => {
            c.skip()?;
            Ok(Body::Other)
        }
    }
}

fn meta(c: &mut Cursor<'_>, names: &mut Names) -> Result<Body, Bad> {
    let mut meta = Meta::default();
    c.object(|key, c| {
        match key {
            b"id" => meta.id = names.id.non_empty(c.string()?),
            b"timestamp" => meta.at = c.string()?.and_then(|s| parse_stamp(s.0)),
            b"cwd" => meta.cwd = names.cwd.non_empty(c.string()?),
            b"cli_version" => meta.version = names.other.non_empty(c.string()?),
            b"forked_from_id" => meta.forked_from = names.id.non_empty(c.string()?),
            b"parent_thread_id" => meta.parent = names.id.non_empty(c.string()?),
            b"thread_source" => meta.subagent |= c.string()?.is_some_and(|s| s.0 != b"user"),
            b"agent_nickname" => meta.nickname = names.other.non_empty(c.string()?),
            b"subagent_history_start_ordinal" => meta.own_from = c.counter()?,
            b"git" => c.object(|key, c| {
                match key {
                    b"branch" => meta.branch = names.other.non_empty(c.string()?),
                    b"repository_url" => meta.remote = c.string()?.and_then(|url| remote::normal(&url.text())).map(Arc::from),
                    _ => {}
                }
                Ok(())
            })?,
            b"source" => source(c, &mut meta, names)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(Body::Meta(Box::new(meta)))
}

/// `source` is a word for people's sessions and an object for subagents.
fn source(c: &mut Cursor<'_>, meta: &mut Meta, names: &mut Names) -> Result<(), Bad> {
    c.object(|key, c| {
        if key != b"subagent" {
            return Ok(());
        }
        meta.subagent = true;
        if c.peek() == Some(b'"') {
            meta.nickname = names.other.non_empty(c.string()?);
            return Ok(());
        }
        c.object(|_, c| {
            if c.peek() == Some(b'"') {
                meta.nickname = names.other.non_empty(c.string()?);
                return Ok(());
            }
            c.object(|key, c| {
                match key {
                    b"parent_thread_id" => meta.parent = names.id.non_empty(c.string()?),
                    b"agent_nickname" => meta.nickname = names.other.non_empty(c.string()?),
                    _ => {}
                }
                Ok(())
            })
        })
    })
}

/// A tier that is null is the default one.
fn service_tier(c: &mut Cursor<'_>) -> Result<Tier, Bad> {
    Ok(c.string()?.map_or(Tier::Standard, |s| Tier::named(s.0)))
}

fn context(c: &mut Cursor<'_>, names: &mut Names) -> Result<Body, Bad> {
    let (mut turn, mut model, mut cwd, mut service) = (None, None, None, None);
    c.object(|key, c| {
        match key {
            b"turn_id" => turn = names.turn.non_empty(c.string()?),
            b"model" => model = names.model.non_empty(c.string()?),
            b"cwd" => cwd = names.cwd.non_empty(c.string()?),
            b"service_tier" => service = Some(service_tier(c)?),
            _ => {}
        }
        Ok(())
    })?;
    Ok(Body::Context { turn, model, cwd, tier: service })
}

/// All of an event's fields that any kind of event needs: the kind may come after them.
#[derive(Default)]
struct Event<'a> {
    kind: &'a [u8],
    turn: Option<Arc<str>>,
    text: Option<Key>,
    count: Count,
    window: Option<u64>,
    failed: bool,
    call: Option<Key>,
    success: Option<bool>,
    tier: Option<Tier>,
    model: Option<Arc<str>>,
    item: Item<'a>,
}

fn event(c: &mut Cursor<'_>, names: &mut Names) -> Result<Body, Bad> {
    let mut event = Event::default();
    c.object(|key, c| {
        match key {
            b"type" => event.kind = c.string()?.map_or(b"", |s| s.0),
            b"turn_id" => event.turn = names.turn.non_empty(c.string()?),
            b"message" => event.text = c.string()?.map(|s| text_key(s.0)),
            b"model_context_window" => event.window = c.counter()?,
            b"info" => info(c, &mut event.count)?,
            b"rate_limits" => limits(c, &mut event.count.limits, names)?,
            b"error" => {
                event.failed = c.peek() == Some(b'{') || c.peek() == Some(b'"');
                c.skip()?;
            }
            b"call_id" => event.call = c.string()?.map(|s| call_key(s.0)),
            b"success" => event.success = Some(c.is_true()?),
            b"result" => c.object(|key, _| {
                if key == b"Err" {
                    event.success = Some(false);
                }
                Ok(())
            })?,
            b"thread_settings" => c.object(|key, c| {
                match key {
                    b"service_tier" => event.tier = Some(service_tier(c)?),
                    b"model" => event.model = names.model.non_empty(c.string()?),
                    _ => {}
                }
                Ok(())
            })?,
            b"service_tier" => event.tier = Some(service_tier(c)?),
            b"item" => read_item(c, &mut event.item)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(event_body(event))
}

fn event_body(event: Event<'_>) -> Body {
    match event.kind {
        b"token_count" => Body::Count(Box::new(event.count)),
        b"task_started" | b"turn_started" => Body::Started { turn: event.turn, window: event.window },
        b"task_complete" | b"turn_complete" => Body::Ended { failed: event.failed },
        b"turn_aborted" => Body::Ended { failed: false },
        b"user_message" => event.text.map_or(Body::Other, Body::Prompt),
        b"thread_settings_applied" => Body::Settings { model: event.model, tier: event.tier },
        b"context_compacted" => Body::Compaction,
        b"agent_message" | b"agent_reasoning" => Body::Output,
        b"stream_error" => Body::Retry,
        b"error" => Body::ApiError,
        b"patch_apply_end" | b"mcp_tool_call_end" => match (event.call, event.success) {
            (Some(call), Some(false)) => Body::Result { call, failed: true },
            _ => Body::Other,
        },
        b"item_completed" => match event.item.kind {
            b"UserMessage" => event.item.text.map_or(Body::Other, Body::Prompt),
            b"ContextCompaction" => Body::Compaction,
            b"AgentMessage" | b"Reasoning" | b"Plan" => Body::Output,
            b"CommandExecution" | b"McpToolCall" | b"FileChange" | b"DynamicToolCall" | b"CollabAgentToolCall" => {
                match (event.item.id, event.item.status) {
                    (Some(call), b"failed" | b"declined") => Body::Result { call, failed: true },
                    _ => Body::Other,
                }
            }
            _ => Body::Other,
        },
        _ => Body::Other,
    }
}

#[derive(Default)]
struct Item<'a> {
    kind: &'a [u8],
    id: Option<Key>,
    status: &'a [u8],
    text: Option<Key>,
}

fn read_item<'a>(c: &mut Cursor<'a>, item: &mut Item<'a>) -> Result<(), Bad> {
    c.object(|key, c| {
        match key {
            b"type" => item.kind = c.string()?.map_or(b"", |s| s.0),
            b"id" => item.id = c.string()?.map(|s| call_key(s.0)),
            b"status" => item.status = c.string()?.map_or(b"", |s| s.0),
            b"content" => item.text = texts(c)?,
            _ => {}
        }
        Ok(())
    })
}

fn info(c: &mut Cursor<'_>, count: &mut Count) -> Result<(), Bad> {
    c.object(|key, c| {
        match key {
            b"total_token_usage" => {
                let is_told = c.peek() == Some(b'{');
                count.totals = usage(c)?;
                count.odd = is_told && count.totals.is_none();
            }
            b"last_token_usage" => count.last = usage(c)?,
            b"model_context_window" => count.window = c.counter()?,
            _ => {}
        }
        Ok(())
    })
}

/// A `token_usage_record` (0.169): what the call used, and the thread's totals with it.
fn call_usage(c: &mut Cursor<'_>) -> Result<Body, Bad> {
    let (mut totals, mut own) = (None, None);
    c.object(|key, c| {
        match key {
            b"thread_token_usage" => totals = usage(c)?,
            b"usage" => own = usage(c)?,
            _ => {}
        }
        Ok(())
    })?;
    Ok(totals.zip(own).map_or(Body::Other, |(totals, own)| Body::Call { totals, own }))
}

fn limits(c: &mut Cursor<'_>, out: &mut Vec<Limit>, names: &mut Names) -> Result<(), Bad> {
    let (mut id, mut plan) = (None, None);
    c.object(|key, c| {
        match key {
            b"limit_id" => id = names.other.non_empty(c.string()?),
            b"plan_type" => plan = names.other.non_empty(c.string()?),
            b"primary" | b"secondary" => {
                let mut limit = Limit { id: None, plan: None, minutes: 0, used_permille: 0, resets_at: None, resets_in: None };
                c.object(|key, c| {
                    match key {
                        b"window_minutes" => limit.minutes = c.counter()?.and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
                        b"used_percent" => limit.used_permille = permille(c.scalar()?),
                        b"resets_in_seconds" => limit.resets_in = c.counter()?,
                        b"resets_at" => limit.resets_at = c.counter()?.and_then(|s| i64::try_from(s).ok()).map(|s| s * 1000),
                        _ => {}
                    }
                    Ok(())
                })?;
                if limit.minutes > 0 {
                    out.push(limit);
                }
            }
            _ => {}
        }
        Ok(())
    })?;
    for limit in out {
        limit.id.clone_from(&id);
        limit.plan.clone_from(&plan);
    }
    Ok(())
}

/// `68.0` percent as 680.
fn permille(text: &[u8]) -> u32 {
    let mut parts = text.split(|b| *b == b'.');
    let whole = parts
        .next()
        .unwrap_or_default()
        .iter()
        .fold(0_u32, |n, c| n.saturating_mul(10).saturating_add(u32::from(c.wrapping_sub(b'0').min(9))));
    let tenth = parts.next().and_then(|p| p.first()).map_or(0, |c| u32::from(c.wrapping_sub(b'0').min(9)));
    whole.saturating_mul(10).saturating_add(tenth)
}
