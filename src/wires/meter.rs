//! Reads what a call has used from its answer, while the bytes flow by.

use serde_json::Value;

use crate::model::{Speed, Tier, Tokens};

use super::picker::{Picked, Picker, string};
use super::{BYTES_PER_TOKEN, Estimate, Part, Said, Usage, Wire};

/// Bytes of text per token of output, for what was streamed before a stream broke off.
const WRITTEN_PER_TOKEN: u64 = 4;
/// The longest id or model name that is believed.
const LONGEST_NAME: usize = 256;

/// Token counters as a service tells them, already in the disjoint kinds of the house; `None` is "not told".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Prompt tokens outside any cache.
    pub input: Option<u64>,
    /// Prompt tokens from the cache.
    pub read: Option<u64>,
    /// Prompt tokens into the cache, all of them.
    pub written: Option<u64>,
    /// Of these, for five minutes and for an hour.
    pub split: Option<(u64, u64)>,
    /// Everything written by the model.
    pub output: Option<u64>,
    /// The part of it that was reasoning.
    pub reasoning: Option<u64>,
}

impl Counters {
    /// Whether prompt and output are both told.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.input.is_some() && self.output.is_some()
    }

    /// Later counters replace earlier ones; those that are not told again stay.
    pub fn replace(&mut self, later: Counters) {
        *self = Counters {
            input: later.input.or(self.input),
            read: later.read.or(self.read),
            written: later.written.or(self.written),
            split: later.split.or(self.split),
            output: later.output.or(self.output),
            reasoning: later.reasoning.or(self.reasoning),
        };
    }

    /// A prompt counter that includes what came from or went into a cache, taken apart.
    #[must_use]
    pub fn of_whole_prompt(prompt: Option<u64>, read: Option<u64>, written: Option<u64>) -> Counters {
        let cached = read.unwrap_or(0).saturating_add(written.unwrap_or(0));
        Counters { input: prompt.map(|all| all.saturating_sub(cached)), read, written, ..Counters::default() }
    }

    /// In the house's own kinds; what is not told is nothing.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        let written = self.written.unwrap_or(0);
        // Without a split by lifetime every write is a five-minute one.
        let (short, long) = self.split.filter(|(short, long)| short.saturating_add(*long) > 0 || written == 0).unwrap_or((written, 0));
        let output = self.output.unwrap_or(0);
        Tokens {
            input: self.input.unwrap_or(0),
            cache_read: self.read.unwrap_or(0),
            cache_write_5m: short,
            cache_write_1h: long,
            output,
            reasoning: self.reasoning.unwrap_or(0).min(output),
        }
    }
}

/// What has been seen of an answer.
#[derive(Debug, Default)]
pub struct Seen {
    /// The counters so far.
    pub counters: Counters,
    /// Requests that are billed beside the answer.
    pub beside: Vec<Part>,
    /// The model that has answered in place of the one that was asked, and by which the answer goes.
    pub served: Option<String>,
    /// Web searches.
    pub searches: u32,
    /// The tier.
    pub tier: Tier,
    /// Fast mode and residency.
    pub speed: Speed,
    /// Whether the model has said why it ended.
    pub finished: bool,
    model: Option<String>,
    id: Option<String>,
    /// Bytes of text, reasoning and tool arguments.
    written: u64,
    /// The kind of the event being read.
    kind: String,
    /// Whether everything about usage has been said.
    done: bool,
}

/// How documents follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    /// Nothing but white space so far.
    Unknown,
    /// One document, or one after the other.
    Json,
    /// Server-sent events: <https://html.spec.whatwg.org/multipage/server-sent-events.html>.
    Events(Line),
}

/// Where in a line of an event stream it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// So many bytes of `data:` have been read.
    Prefix(usize),
    /// Behind a carriage return, to which a line feed may still belong.
    Return,
    /// Behind `data:`.
    Data,
    /// In a line that says something else.
    Other,
}

const DATA: &[u8] = b"data:";

/// Eats an answer and says what it has used.
#[derive(Debug)]
pub struct Meter {
    wire: &'static dyn Wire,
    estimate: Estimate,
    picker: Picker<Said>,
    framing: Framing,
    seen: Seen,
}

impl Meter {
    /// For the answer to this call.
    #[must_use]
    pub fn new(wire: &'static dyn Wire, estimate: Estimate) -> Meter {
        Meter { wire, estimate, picker: Picker::new(wire.said()), framing: Framing::Unknown, seen: Seen::default() }
    }

    /// Looks at the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        if self.framing == Framing::Unknown {
            let Some(at) = rest.iter().position(|b| !b.is_ascii_whitespace()) else { return };
            rest = rest.get(at..).unwrap_or_default();
            // The content type is no help: services send either under the name of the other.
            let is_json = matches!(rest.first(), Some(b'{' | b'['));
            self.framing = if is_json { Framing::Json } else { Framing::Events(Line::Prefix(0)) };
        }
        let Framing::Events(mut line) = self.framing else { return self.document(rest) };
        while let Some(&byte) = rest.first() {
            let whole = rest.iter().position(|b| matches!(b, b'\n' | b'\r')).unwrap_or(rest.len());
            let next = rest.get(1..).unwrap_or_default();
            line = match (byte, if line == Line::Return && byte != b'\n' { Line::Prefix(0) } else { line }) {
                (b'\n', Line::Return) => {
                    rest = next;
                    Line::Prefix(0)
                }
                (b'\n' | b'\r', before) => {
                    // An empty line ends an event: what it left open is no document.
                    if before == Line::Prefix(0) && !self.picker.is_idle() {
                        self.picker.reset();
                    }
                    rest = next;
                    if byte == b'\r' { Line::Return } else { Line::Prefix(0) }
                }
                (_, Line::Prefix(n)) if DATA.get(n) == Some(&byte) => {
                    rest = next;
                    if n + 1 == DATA.len() { Line::Data } else { Line::Prefix(n + 1) }
                }
                (_, Line::Data) => {
                    let (text, more) = rest.split_at(whole);
                    self.document(text);
                    rest = more;
                    Line::Data
                }
                _ => {
                    rest = rest.get(whole..).unwrap_or_default();
                    Line::Other
                }
            };
        }
        self.framing = Framing::Events(line);
    }

    fn document(&mut self, bytes: &[u8]) {
        let (wire, seen) = (self.wire, &mut self.seen);
        self.picker.feed(bytes, &mut |picked| match picked {
            Picked::Value { text: b"null", .. } => {}
            Picked::Value { field, text, length } => take(wire, seen, field, text, length),
            Picked::End => {
                seen.done = seen.done || wire.is_last(&seen.kind, seen);
                seen.kind.clear();
            }
        });
    }

    /// Whether everything about usage has been said: whoever gets the next byte can already be told what was used.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        self.seen.done
    }

    /// Whether this was no answer of a model at all.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        let seen = &self.seen;
        seen.id.is_none() && seen.model.is_none() && seen.counters == Counters::default() && seen.written == 0
    }

    /// What the call has used so far. `None` where nothing of a model's answer was seen, or where the service gave up
    /// before the model had written anything.
    #[must_use]
    pub fn usage(&self) -> Option<Usage> {
        let seen = &self.seen;
        let told = seen.done && seen.counters.is_told();
        if !told && (self.is_foreign() || seen.done && seen.written == 0) {
            return None;
        }
        let mut counters = seen.counters;
        if !told {
            counters.input = counters.input.or(Some(self.estimate.input));
            counters.output = Some(counters.output.unwrap_or(0).max(seen.written.div_ceil(WRITTEN_PER_TOKEN)));
        }
        Some(self.usage_of(counters, told))
    }

    /// What the call is taken to have used when its answer cannot be read, being compressed: the request's size, and
    /// the answer's.
    #[must_use]
    pub fn unread(&self, bytes: u64) -> Usage {
        let counters = Counters { input: Some(self.estimate.input), output: Some(bytes.div_ceil(BYTES_PER_TOKEN)), ..Counters::default() };
        self.usage_of(counters, false)
    }

    fn usage_of(&self, counters: Counters, told: bool) -> Usage {
        let seen = &self.seen;
        Usage {
            model: seen.served.clone().or_else(|| seen.model.clone()).or_else(|| self.estimate.model.clone()),
            id: seen.id.clone(),
            tokens: counters.tokens(),
            beside: seen.beside.clone(),
            searches: seen.searches,
            tier: seen.tier,
            speed: seen.speed,
            told,
        }
    }
}

fn take(wire: &dyn Wire, seen: &mut Seen, field: Said, text: &[u8], length: usize) {
    let name = || string(text).filter(|name| !name.is_empty() && name.len() <= LONGEST_NAME);
    match field {
        Said::Id => seen.id = name().or(seen.id.take()),
        Said::Model => seen.model = name().or(seen.model.take()),
        Said::Kind => seen.kind = name().unwrap_or_default(),
        Said::Finish => seen.finished = true,
        Said::Tier => seen.tier = Tier::named(name().unwrap_or_default().as_bytes()),
        // Without its quotes.
        Said::Text => seen.written = seen.written.saturating_add((length as u64).saturating_sub(2)),
        Said::Usage => {
            if let Ok(json @ Value::Object(_)) = serde_json::from_slice(text) {
                wire.usage(&json, seen);
            }
        }
    }
}
