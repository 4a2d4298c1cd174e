//! The text of a price book: a head of `#` lines, then one line per model.
//!
//! A model's line is its `name`, then the five rates in dollars per million tokens (`input,output,read,write 5m,write 1h`, gaps empty),
//! then `key=value` fields, all separated by tabs:
//!
//! ```text
//! claude-opus-5   5,25,0.5,6.25,10   anthropic   window=1000000   search=0.01   fast=2000   us=1100   batch=2.5,12.5,…
//! gpt-5.4         2.5,15,0.25        window=1050000   >272000=5,22.5,0.5   flex=1.25,7.5,…   >272000/flex=2.5,…
//! ```
//!
//! A field that a later release adds is skipped; a known field that cannot be read makes the model unknown.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::Write as _;

use crate::model::{Money, Rate, Tier};

use super::rate::{Card, MAX_RATE, Rates, Variant};

/// The first line of every book; the number is the version of the format.
pub(super) const MAGIC: &str = "# aifinops prices 1";

/// The line of a model, without its newline.
pub(super) fn write(name: &str, rates: &Rates) -> String {
    let mut line = format!("{name}\t{}", card_text(&rates.base()));
    if rates.anthropic {
        line.push_str("\tanthropic");
    }
    let mut field = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            // Writing to a string cannot fail.
            let _ = write!(line, "\t{key}={value}");
        }
    };
    field("window", rates.context_window.map(|n| n.to_string()));
    field("search", rates.search_fee.map(Money::exact));
    field("fast", rates.fast_permille.map(|n| n.to_string()));
    field("us", rates.us_permille.map(|n| n.to_string()));
    for variant in &rates.variants {
        let key = match (variant.above, tier_word(variant.tier)) {
            (0, word) => word.to_owned(),
            (above, "") => format!(">{above}"),
            (above, word) => format!(">{above}/{word}"),
        };
        field(&key, Some(card_text(&variant.card)));
    }
    line
}

/// Reads what follows a model's name on its line; `None` when it is damaged.
pub(super) fn read(rest: &str) -> Option<Rates> {
    let mut fields = rest.split('\t');
    let base = read_card(fields.next()?)?;
    let mut rates = Rates {
        cache_read: base.cache_read,
        cache_write_5m: base.cache_write_5m,
        cache_write_1h: base.cache_write_1h,
        ..Rates::new(base.input?, base.output?)
    };
    for field in fields {
        let (key, value) = field.split_once('=').unwrap_or((field, ""));
        match key {
            "anthropic" => rates.anthropic = true,
            "window" => rates.context_window = Some(value.parse().ok()?),
            "search" => rates.search_fee = Some(Money::parse_usd(value)?),
            "fast" => rates.fast_permille = Some(value.parse().ok()?),
            "us" => rates.us_permille = Some(value.parse().ok()?),
            _ => {
                if let Some((above, tier)) = situation(key) {
                    rates.variants.push(Variant { above, tier, card: read_card(value)? });
                }
            }
        }
    }
    Some(rates)
}

/// `batch`, `>200000`, `>200000/batch`; `None` for a key of some other meaning.
fn situation(key: &str) -> Option<(u64, Tier)> {
    match key.strip_prefix('>') {
        None => Some((0, read_tier(key)?)),
        Some(rest) => match rest.split_once('/') {
            None => Some((rest.parse().ok()?, Tier::Standard)),
            Some((above, word)) => Some((above.parse().ok()?, read_tier(word)?)),
        },
    }
}

const fn tier_word(tier: Tier) -> &'static str {
    match tier {
        Tier::Standard => "",
        Tier::Priority => "priority",
        Tier::Flex => "flex",
        Tier::Batch => "batch",
        Tier::Ultrafast => "ultrafast",
        Tier::Unknown => "unknown",
    }
}

fn read_tier(word: &str) -> Option<Tier> {
    [Tier::Priority, Tier::Flex, Tier::Batch, Tier::Ultrafast].into_iter().find(|t| tier_word(*t) == word)
}

fn card_text(card: &Card) -> String {
    let rates = [card.input, card.output, card.cache_read, card.cache_write_5m, card.cache_write_1h];
    let text = rates.map(|rate| rate.map_or_else(String::new, Rate::per_million)).join(",");
    text.trim_end_matches(',').to_owned()
}

fn read_card(text: &str) -> Option<Card> {
    let mut parts = text.split(',');
    let mut next = || match parts.next() {
        None | Some("") => Some(None),
        Some(number) => Rate::parse_usd_per_million(number).filter(|r| *r <= MAX_RATE).map(Some),
    };
    Some(Card { input: next()?, output: next()?, cache_read: next()?, cache_write_5m: next()?, cache_write_1h: next()? })
}

/// A whole book: its head and the lines, sorted by name.
pub(super) fn compose<'a>(date: &str, source: &str, note: &str, lines: impl ExactSizeIterator<Item = Cow<'a, str>>) -> String {
    let mut text = format!("{MAGIC}\n# date: {date}\n# source: {source}\n");
    text.push_str("# licence: MIT, Copyright (c) 2023 Berri AI, https://github.com/BerriAI/litellm\n");
    text.push_str("# rates: dollars per million tokens: input,output,cache read,cache write 5m,cache write 1h\n");
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# note: {note}\n# models: {}", lines.len());
    for line in lines {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

/// Binary search over sorted lines: what follows the name and its tab.
pub(super) fn search<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let (mut low, mut high) = (0, body.len());
    while low < high {
        let middle = low + (high - low) / 2;
        let start = memchr::memrchr(b'\n', body.as_bytes().get(low..middle)?).map_or(low, |i| low + i + 1);
        let end = memchr::memchr(b'\n', body.as_bytes().get(middle..high)?).map_or(high, |i| middle + i);
        let (key, rest) = body.get(start..end)?.split_once('\t')?;
        match key.cmp(name) {
            Ordering::Equal => return Some(rest.trim_end()),
            Ordering::Less => low = end + 1,
            Ordering::Greater => high = start,
        }
    }
    None
}
