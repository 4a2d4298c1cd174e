//! llama.cpp's server, as its `tools/server/README.md` and `server-task.cpp` name its series. It has them with `--metrics`.
//!
//! * Prompt tokens are those that were computed: what came from the cache is counted beside them, and by older releases not
//!   at all.
//! * Token counts move at the end of a request. What moves before are its steps, and the tokens of its slots.
//! * Figures have six digits: a count beyond a million moves in tens.
//! * Nothing has a label. `/v1/models` names the model.
//! * `/slots` may repeat what was asked and answered: only the named fields are read, and the rest is skipped.
//! * How full the cache is cannot be told: slots that share one tell its whole size each, and releases differ in whether a
//!   slot's tokens are those of its prompt or all that it holds.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::serving::{self, Items};
use super::{Exposition, Server};
use crate::model::gpu::ServerReading;

/// The server.
#[derive(Debug, Clone, Copy)]
pub struct LlamaCpp;

/// Its name, for people and for programs.
const NAME: &str = "llama-cpp";
/// How all of its series begin.
const PREFIX: &str = "llamacpp:";
/// Tokens that came from the cache.
const CACHED: &str = "llamacpp:prompt_tokens_cached_total";
/// Where it tells the model.
const MODELS: &str = "/v1/models";
/// Where it tells what it is at.
const SLOTS: &str = "/slots";
/// Slots that are looked at.
const MOST_SLOTS: usize = 1024;

/// What is read of [`MODELS`].
#[derive(Deserialize)]
struct Models<'a> {
    #[serde(borrow)]
    data: Items<'a, 1>,
}

/// A model of it.
#[derive(Deserialize)]
struct Entry<'a> {
    #[serde(borrow)]
    id: Option<&'a RawValue>,
}

/// What is read of a slot.
#[derive(Deserialize)]
struct Slot<'a> {
    #[serde(borrow)]
    is_processing: Option<&'a RawValue>,
    #[serde(borrow)]
    next_token: Option<&'a RawValue>,
}

/// How far the answer to a slot's request is.
#[derive(Deserialize)]
struct NextToken {
    n_decoded: u32,
}

impl Server for LlamaCpp {
    fn name(&self) -> &'static str {
        NAME
    }

    fn is_it(&self, said: &Exposition) -> bool {
        serving::speaks(said, PREFIX)
    }

    fn more(&self) -> &'static [&'static str] {
        &[MODELS, SLOTS]
    }

    fn read(&self, said: &Exposition, more: &[(&str, &[u8])]) -> Vec<ServerReading> {
        let count = |name| serving::count(said.all(name));
        let millis = |name| serving::scaled(said.all(name), 1000.0);
        let (computed, cached) = (count("llamacpp:prompt_tokens_total"), count(CACHED));
        let (running, decoded) = serving::answer(more, SLOTS).map_or((None, None), slots);
        let reading = ServerReading {
            kind: NAME,
            model: serving::answer(more, MODELS).and_then(model),
            prompt: if said.has(CACHED) { computed.zip(cached).map(|(one, other)| one.saturating_add(other)) } else { computed },
            cached,
            generated: count("llamacpp:tokens_predicted_total"),
            progress: count("llamacpp:n_decode_total").or(decoded),
            running: count("llamacpp:requests_processing").or(running),
            waiting: count("llamacpp:requests_deferred"),
            seconds: millis("llamacpp:prompt_seconds_total").zip(millis("llamacpp:tokens_predicted_seconds_total")),
            ..ServerReading::default()
        };
        vec![reading]
    }
}

fn model(body: &[u8]) -> Option<String> {
    let models: Models<'_> = serde_json::from_slice(body).ok()?;
    let first: Entry<'_> = serde_json::from_str(models.data.0.first()?.get()).ok()?;
    serving::told(first.id).and_then(serving::name)
}

/// The slots that are at work, and the tokens that all of them have made for their latest requests.
fn slots(body: &[u8]) -> (Option<u64>, Option<u64>) {
    let Ok(slots) = serde_json::from_slice::<Items<'_, MOST_SLOTS>>(body) else { return (None, None) };
    let (mut running, mut decoded) = (None, None);
    for slot in slots.0.iter().filter_map(|slot| serde_json::from_str::<Slot<'_>>(slot.get()).ok()) {
        if let Some(is_processing) = serving::told::<bool>(slot.is_processing) {
            running = serving::together([running, Some(u64::from(is_processing))]);
        }
        decoded = serving::together([decoded, slot.next_token.and_then(tokens)]);
    }
    (running, decoded)
}

/// Some releases tell one next token, and some a list of it.
fn tokens(raw: &RawValue) -> Option<u64> {
    let first = |list: Items<'_, 1>| list.0.first().and_then(|item| serving::told::<NextToken>(Some(item)));
    let next = serving::told(Some(raw)).or_else(|| serde_json::from_str(raw.get()).ok().and_then(first));
    next.map(|next: NextToken| u64::from(next.n_decoded))
}
