//! What an answer has used: its own counters, and the requests that were made for it.
//!
//! `iterations` lists those requests. Which of them the answer's own counters hold, as Anthropic documents it
//! (platform.claude.com/docs: "Compaction", "Refusals and fallback", "Advisor tool"):
//!
//! | type | held? |
//! |---|---|
//! | `message` | yes: a round of tools that the service runs, by the model that answers |
//! | `message` of another model than the `fallback_message` | no: that model was asked first and declined |
//! | `fallback_message` | yes: the model that answers in its place |
//! | `compaction` | no: a summary that made room, by the model that answers |
//! | `advisor_message` | no: another model's advice |

use std::sync::Arc;

use crate::model::{Beside, Tier, Tokens};
use crate::sources::json::{Bad, Cursor};
use crate::sources::lines::MOST_PARTS;

use super::{Answer, Names, Part, bytes};

/// Counters as they are logged, of an answer or of one request for it.
#[derive(Default)]
struct Counters {
    input: u64,
    output: u64,
    read: u64,
    written: u64,
    split: Option<(u64, u64)>,
    reasoning: u64,
}

impl Counters {
    fn tokens(&self) -> Tokens {
        // Without the split by lifetime (old logs) every write is a five-minute one.
        let (short, long) = self.split.filter(|(s, l)| s + l > 0 || self.written == 0).unwrap_or((self.written, 0));
        Tokens {
            input: self.input,
            cache_read: self.read,
            cache_write_5m: short,
            cache_write_1h: long,
            output: self.output,
            reasoning: self.reasoning.min(self.output),
        }
    }

    fn take(&mut self, key: &[u8], c: &mut Cursor<'_>) -> Result<(), Bad> {
        match key {
            b"input_tokens" => self.input = c.counter()?.unwrap_or(0),
            b"output_tokens" => self.output = c.counter()?.unwrap_or(0),
            b"cache_read_input_tokens" => self.read = c.counter()?.unwrap_or(0),
            b"cache_creation_input_tokens" => self.written = c.counter()?.unwrap_or(0),
            b"cache_creation" if c.peek() == Some(b'{') => {
                let (mut short, mut long) = (0, 0);
                c.object(|key, c| {
                    match key {
                        b"ephemeral_5m_input_tokens" => short = c.counter()?.unwrap_or(0),
                        b"ephemeral_1h_input_tokens" => long = c.counter()?.unwrap_or(0),
                        _ => {}
                    }
                    Ok(())
                })?;
                self.split = Some((short, long));
            }
            b"output_tokens_details" => c.object(|key, c| {
                if key == b"thinking_tokens" {
                    self.reasoning = c.counter()?.unwrap_or(0);
                }
                Ok(())
            })?,
            _ => {}
        }
        Ok(())
    }
}

/// What is known of the requests so far.
#[derive(Default)]
struct Requests {
    /// Those of type `message` that name their model: whether they were declined is known at the end.
    rounds: Vec<(Arc<str>, Tokens)>,
    /// How many the answer's own counters may hold.
    held: usize,
}

pub(super) fn read(c: &mut Cursor<'_>, answer: &mut Answer, names: &mut Names) -> Result<(), Bad> {
    let mut counters = Counters::default();
    let mut requests = Requests::default();
    c.object(|key, c| {
        match key {
            b"server_tool_use" => c.object(|key, c| {
                if key == b"web_search_requests" {
                    answer.searches = c.counter()?.and_then(|n| u32::try_from(n).ok()).unwrap_or(0);
                }
                Ok(())
            })?,
            b"service_tier" => answer.tier = Tier::named(bytes(c)?.unwrap_or_default()),
            b"speed" => answer.speed.fast = bytes(c)? == Some(b"fast"),
            b"inference_geo" => answer.speed.us_only = bytes(c)? == Some(b"us"),
            b"iterations" => c.array(|c| iteration(c, answer, &mut requests, names))?,
            _ => counters.take(key, c)?,
        }
        Ok(())
    })?;
    if requests.held < 2 {
        answer.context = None; // a single iteration repeats the counters, sometimes without all of them
    }
    if let Some(served) = &answer.served {
        // One that declines before it has written anything is billed for some reasons only, which are not logged.
        let declined = requests.rounds.into_iter().filter(|(model, tokens)| model != served && tokens.output > 0);
        answer.beside.extend(declined.map(|(model, tokens)| Part { why: Beside::Declined, model: Some(model), tokens }));
    }
    answer.tokens = counters.tokens();
    Ok(())
}

fn iteration(c: &mut Cursor<'_>, answer: &mut Answer, requests: &mut Requests, names: &mut Names) -> Result<(), Bad> {
    let mut counters = Counters::default();
    let (mut kind, mut model): (&[u8], _) = (b"", None);
    c.object(|key, c| {
        match key {
            b"type" => kind = bytes(c)?.unwrap_or_default(),
            b"model" => model = names.model.non_empty(c.string()?),
            _ => counters.take(key, c)?,
        }
        Ok(())
    })?;
    let tokens = counters.tokens();
    let beside = match kind {
        b"advisor_message" => Some(Beside::Advisor),
        b"compaction" => Some(Beside::Compaction),
        _ => None,
    };
    if let Some(why) = beside {
        answer.beside.extend((answer.beside.len() < MOST_PARTS).then_some(Part { why, model, tokens }));
        return Ok(());
    }
    requests.held += 1;
    answer.context = Some(tokens.total());
    if kind == b"fallback_message" {
        answer.served = model;
    } else if requests.rounds.len() < MOST_PARTS {
        requests.rounds.extend(model.map(|model| (model, tokens)));
    }
    Ok(())
}
