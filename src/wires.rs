//! How agents talk to models over HTTP; one file per wire, and the registry. Nothing here opens a connection: a wire
//! says which requests are model calls, what such a call may use, what it has used, and how to refuse one.
//!
//! **Why so.** A proxy must hand every byte on as it comes and know at the end what was billed. So an answer is looked
//! at while it flows by, in pieces of any size, and only a few named values of it are kept ([`picker`]): the memory
//! that a call takes does not depend on what the model writes. What a wire does not tell, because its stream broke
//! off, is estimated from what has been seen of it, and marked so ([`Usage::told`]).

use std::fmt;

use crate::model::{Beside, Speed, Tier, Tokens};

mod anthropic;
mod chat;
mod gemini;
pub mod meter;
pub mod picker;
mod responses;

pub use meter::{Meter, Seen};

/// Bytes of JSON that make a token at least: a guess that is rather too high for prose and code.
pub const BYTES_PER_TOKEN: u64 = 4;

/// Every wire; the first one that knows a path has it.
pub static ALL: [&dyn Wire; 4] = [&anthropic::Anthropic, &responses::Responses, &chat::Chat, &gemini::Gemini];

/// The wire whose model calls are posted to this path, if there is one. A query is left out of account.
#[must_use]
pub fn of_path(path: &str) -> Option<&'static dyn Wire> {
    let path = path.split('?').next().unwrap_or_default();
    ALL.into_iter().find(|wire| wire.is_call(path))
}

/// What a field of a request says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// The model's name.
    Model,
    /// The most tokens that may be written.
    Most,
    /// Whether the answer is to be streamed.
    Stream,
    /// How it is to be streamed.
    Options,
}

/// What a field of an answer says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// The answer's own id.
    Id,
    /// The model that answers.
    Model,
    /// What kind of event it is.
    Kind,
    /// Why the model has ended.
    Finish,
    /// Its tokens.
    Usage,
    /// The service tier.
    Tier,
    /// A piece of what the model writes.
    Text,
}

/// A table of fields: where each is, its names joined by points; lists do not count as a level.
pub type Fields<T> = &'static [(&'static str, T)];

/// A way to talk to models.
pub trait Wire: fmt::Debug + Sync {
    /// Its name, as used in messages.
    fn name(&self) -> &'static str;

    /// Whether what is posted to this path (without its query) is a model call.
    fn is_call(&self, path: &str) -> bool;

    /// The model where the path names it.
    fn model_in(&self, _path: &str) -> Option<String> {
        None
    }

    /// The fields of a request that matter.
    fn asked(&self) -> Fields<Asked>;

    /// The fields of an answer that matter, streamed or not.
    fn said(&self) -> Fields<Said>;

    /// Reads a [`Said::Usage`] into the counters.
    fn usage(&self, json: &serde_json::Value, seen: &mut Seen);

    /// Whether the event of this kind, which has just ended, was the last that says anything of usage.
    fn is_last(&self, _kind: &str, seen: &Seen) -> bool {
        seen.finished && seen.counters.is_told()
    }

    /// The answer that makes an agent stop after this one call, and show the text.
    fn refusal(&self, text: &str) -> Answer;

    /// The answer for a call that could not be made, of this status.
    fn failure(&self, status: u16, text: &str) -> Answer;

    /// Headers that name the conversation, the best one first.
    fn session_headers(&self) -> &'static [&'static str];

    /// The request body with what is needed to learn its usage, where it lacks that.
    fn amend(&self, _estimate: &Estimate, _body: &[u8]) -> Option<Vec<u8>> {
        None
    }
}

/// What a call may use, as far as its request tells.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Estimate {
    /// The model that is asked.
    pub model: Option<String>,
    /// Prompt tokens, rather too many than too few.
    pub input: u64,
    /// The most tokens that the request lets the model write, where it sets a limit.
    pub most_output: Option<u64>,
    /// Whether the answer is asked for as a stream.
    pub streams: bool,
    /// Whether the request says how it is to be streamed.
    pub has_options: bool,
}

impl Estimate {
    /// Reads a request. What is no JSON has a size only.
    #[must_use]
    pub fn of(wire: &dyn Wire, path: &str, body: &[u8]) -> Estimate {
        let path = path.split('?').next().unwrap_or_default();
        let mut estimate =
            Estimate { model: wire.model_in(path), input: (body.len() as u64).div_ceil(BYTES_PER_TOKEN), ..Estimate::default() };
        picker::Picker::new(wire.asked()).feed(body, &mut |picked| {
            let picker::Picked::Value { field, text, .. } = picked else { return };
            match field {
                Asked::Model => estimate.model = picker::string(text).or_else(|| estimate.model.take()),
                Asked::Most => estimate.most_output = picker::number(text).or(estimate.most_output),
                Asked::Stream => estimate.streams = text == b"true",
                Asked::Options => estimate.has_options = text != b"null",
            }
        });
        estimate
    }
}

/// What a call has used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Usage {
    /// The model that has answered; the one that was asked where the answer does not say.
    pub model: Option<String>,
    /// The answer's own id: what an agent's log knows the call by, if it does.
    pub id: Option<String>,
    /// Its tokens.
    pub tokens: Tokens,
    /// Requests that were made for it and are billed beside it.
    pub beside: Vec<Part>,
    /// Web searches billed per request.
    pub searches: u32,
    /// The service tier.
    pub tier: Tier,
    /// Fast mode and residency.
    pub speed: Speed,
    /// Whether the service has said all this. If not, the stream broke off, and the tokens are an estimate: the input
    /// from the request's size unless it was told, the output from what was streamed.
    pub told: bool,
}

impl Usage {
    /// Its tokens with those of all that is billed beside it.
    #[must_use]
    pub fn all_tokens(&self) -> Tokens {
        self.beside.iter().fold(self.tokens, |sum, part| sum + part.tokens)
    }
}

/// A request that was made for an answer: its tokens are not among the answer's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Why it was made.
    pub why: Beside,
    /// Its model; `None` where it is not told: that of the answer, unless another one was asked for advice.
    pub model: Option<String>,
    /// Its tokens.
    pub tokens: Tokens,
}

/// An answer that is not the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The type of the body.
    pub content_type: &'static str,
    /// The body.
    pub body: String,
}

impl Answer {
    fn json(status: u16, body: &serde_json::Value) -> Answer {
        Answer { status, content_type: "application/json", body: body.to_string() }
    }
}

/// The conversation that a request belongs to, by its headers: an id of sensible length and letters, or nothing.
#[must_use]
pub fn session(wire: &dyn Wire, header: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let sound = |id: &String| (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    wire.session_headers().iter().find_map(|name| header(name).filter(sound))
}

/// A counter in a usage object; `None` where it is absent or no sensible number.
fn count(json: &serde_json::Value, path: &str) -> Option<u64> {
    json.pointer(path)?.as_u64()
}
