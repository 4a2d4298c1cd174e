//! An answer of a gateway, and everything that can be wrong with it.

use serde::Deserialize;
use serde::de::{DeserializeOwned, Deserializer};
use serde_json::value::RawValue;

use crate::model::text::shown;
use crate::model::{Millis, Money, Rate, time};

/// An answer as it came.
#[derive(Debug, Clone, Copy)]
pub struct Answer<'a> {
    /// The status.
    pub status: u16,
    /// The version that a header tells, where one does.
    pub version: Option<&'a str>,
    /// The body, decompressed.
    pub body: &'a [u8],
}

/// Why a gateway's answer is of no use. None of them ever holds a key or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The key is not known, or no longer.
    #[error("the gateway does not accept the key (401): {0}")]
    Key(String),
    /// The key may not do this.
    #[error("the key may not do this (403): {0}")]
    Forbidden(String),
    /// There is nothing at this address.
    #[error("the gateway has nothing there (404): {0}")]
    Missing(String),
    /// Too many questions.
    #[error("the gateway asks for fewer requests (429)")]
    TooMany,
    /// It keeps nothing that could be asked for.
    #[error("{0}")]
    Useless(&'static str),
    /// Another refusal.
    #[error("the gateway refuses ({status}): {why}")]
    Refused {
        /// The status.
        status: u16,
        /// In its words.
        why: String,
    },
    /// It is broken, or what stands before it is.
    #[error("the gateway is in trouble ({status}): {why}")]
    Broken {
        /// The status.
        status: u16,
        /// In its words.
        why: String,
    },
    /// It sends us elsewhere: the key does not go there.
    #[error("the gateway redirects to another address ({0}), which the key is not sent to: use the address itself")]
    Elsewhere(String),
    /// What came is no JSON, or not as it should be.
    #[error("the gateway's answer cannot be read: {0}")]
    Unreadable(String),
}

impl Refusal {
    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        matches!(self, Refusal::TooMany | Refusal::Broken { .. })
    }
}

impl Answer<'_> {
    /// Whether it is good.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.status >= 200 && self.status < 300
    }

    /// Whether the key may not have this, or the release does not know it. What comes as 401 although the key is good is
    /// `LiteLLM`'s word for "only admins".
    #[must_use]
    pub fn is_denied(&self) -> bool {
        matches!(self.status, 403..=405) || (self.status == 401 && self.says("admin"))
    }

    /// Whether its body has a word in it.
    #[must_use]
    pub fn says(&self, word: &str) -> bool {
        String::from_utf8_lossy(self.body).to_ascii_lowercase().contains(word)
    }

    /// The body as JSON, or why not.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        if !self.is_good() {
            return Err(self.refusal());
        }
        serde_json::from_slice(self.body).map_err(|error| {
            // The library's own words would repeat what it met, which may be a key, or a prompt.
            let is_page = self.body.trim_ascii_start().starts_with(b"<");
            let kind = if is_page { "a web page" } else { "not the JSON that was expected" };
            Refusal::Unreadable(format!("{kind} (line {}, column {})", error.line(), error.column()))
        })
    }

    /// Why it is no good answer.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        let why = self.why();
        match self.status {
            401 => Refusal::Key(why),
            403 => Refusal::Forbidden(why),
            404 => Refusal::Missing(why),
            429 => Refusal::TooMany,
            status @ 500.. => Refusal::Broken { status, why },
            status => Refusal::Refused { status, why },
        }
    }

    /// The gateway's own words for what is wrong, short and without anything that may be a key.
    fn why(&self) -> String {
        #[derive(Deserialize)]
        struct Words {
            #[serde(default)]
            error: Option<serde_json::Value>,
            #[serde(default)]
            detail: Option<serde_json::Value>,
            #[serde(default)]
            message: Option<String>,
        }
        let text = |value: serde_json::Value| match value {
            serde_json::Value::String(text) => Some(text),
            serde_json::Value::Object(map) => {
                ["message", "error", "detail"].iter().find_map(|key| Some(map.get(*key)?.as_str()?.to_owned()))
            }
            _ => None,
        };
        let words = serde_json::from_slice::<Words>(self.body).ok();
        let said = words.and_then(|words| words.error.and_then(text).or(words.message).or_else(|| words.detail.and_then(text)));
        let said = said.unwrap_or_else(|| "no reason given".to_owned());
        without_keys(&shown(said.lines().next().unwrap_or_default()))
    }
}

/// A text without words that look like keys or their hashes, short enough to be read.
fn without_keys(text: &str) -> String {
    const LONGEST: usize = 160;
    const KEY: usize = 24;
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c| is_of_word(c) != is_of_word(first)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        out.push_str(if word.starts_with("sk-") || (is_of_word(first) && word.len() >= KEY) { "…" } else { word });
        rest = after;
    }
    if out.chars().count() > LONGEST { format!("{}…", out.chars().take(LONGEST).collect::<String>()) } else { out }
}

/// Dollars as another program's floating point number, read from its text; `null` is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Usd(pub(super) Option<Money>);

/// Cents in the same way, also as a string.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Cents(pub(super) Option<Money>);

/// Dollars per token in the same way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PerToken(pub(super) Option<Rate>);

/// A number of something: an integer, or what should be one; nothing below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Count(pub(super) u64);

/// A number's text, whether or not it stands in quotes.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Box::<RawValue>::deserialize(deserializer)?.get().trim_matches('"').to_owned())
}

impl<'de> Deserialize<'de> for Usd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Usd, D::Error> {
        Ok(Usd(Money::near_usd(&number(deserializer)?)))
    }
}

impl<'de> Deserialize<'de> for Cents {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cents, D::Error> {
        Ok(Cents(Money::near_cents(&number(deserializer)?)))
    }
}

impl<'de> Deserialize<'de> for PerToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<PerToken, D::Error> {
        Ok(PerToken(Rate::parse_usd_per_token(&number(deserializer)?)))
    }
}

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Count, D::Error> {
        let text = number(deserializer)?;
        let whole = text.split_once('.').map_or(text.as_str(), |(whole, _)| whole);
        Ok(Count(whole.parse().unwrap_or(0)))
    }
}

/// A text that says something.
pub(super) fn some(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// An instant as the gateway writes it. Without a zone it is UTC's: some answers leave it out.
pub(super) fn instant(text: Option<&str>) -> Option<Millis> {
    let text = text?;
    time::parse_stamp(text.as_bytes()).or_else(|| time::parse_stamp(format!("{text}Z").as_bytes()))
}

/// A day, `2026-11-22` or the beginning of an instant, in days since 1970-01-01.
pub(super) fn day(text: &str) -> Option<i64> {
    let day = chrono::NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()?;
    Some(i64::from(day.to_epoch_days()))
}

/// A day as gateways write it.
pub(super) fn date(day: i64) -> String {
    i32::try_from(day).ok().and_then(chrono::NaiveDate::from_epoch_days).map(|day| day.to_string()).unwrap_or_default()
}

/// Text as a part of a query.
pub(super) fn escaped(text: &str) -> String {
    let one = |byte: u8| match byte {
        b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).to_string(),
        b => format!("%{b:02X}"),
    };
    text.bytes().map(one).collect()
}
/// An id as a part of a path; none of one that would lead elsewhere: whoever reads an address takes dots alone for directories.
pub(super) fn segment(id: &str) -> Option<String> {
    (!matches!(id, "" | "." | "..")).then(|| escaped(id))
}

/// Whether a header names a release, and nothing else: it is kept and shown, and is whatever the gateway puts there.
#[must_use]
pub fn is_release(text: &str) -> bool {
    let number = text.strip_prefix('v').unwrap_or(text);
    let is_sound = number.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+_".contains(&b));
    text.len() <= 24 && number.starts_with(|c: char| c.is_ascii_digit()) && is_sound
}
