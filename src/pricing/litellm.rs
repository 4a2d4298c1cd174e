//! Turns `LiteLLM`'s price list into the text of a [`Book`].
//!
//! The list (`model_prices_and_context_window.json`, MIT, <https://github.com/BerriAI/litellm>) is one JSON object:
//! a model's name to its fields. Prices are dollars per token, written the way floats print (`6.25e-06`). They are
//! read from their digits, never as floats. Some carry the noise of somebody's float arithmetic
//! (`1.0000000000000001e-07`) or a converted currency; digits finer than a nano-dollar per million tokens are
//! rounded half up, and nothing else is.
//!
//! What the list leaves out and is added here, because it is public and the same for all models of the vendor:
//! a web search costs $10 per 1000 with Anthropic's models and with `OpenAI`'s from GPT-5 on.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use crate::model::text::is_hostile;
use crate::model::{Money, Rate, Tier};

use super::book::{Book, BookError};
use super::line::{self, compose};
use super::rate::{Card, MAX_RATE, Rates, Variant};

/// The kinds of models that answer in text.
const TEXT_MODES: [&str; 3] = ["chat", "completion", "responses"];
/// Where a price of zero means free; elsewhere it stands for a price that the list does not know.
const FREE: [&str; 3] = ["ollama", "lemonade", "zai"];
/// What a web search costs where the list forgot it.
const USUAL_SEARCH: Money = Money::from_nanos(10_000_000);

/// The fields of one entry, not interpreted.
type Fields<'a> = BTreeMap<String, &'a RawValue>;

/// An entry with a price that is no number, or a name that could break a terminal.
struct Unreadable;

/// Converts the bytes of a price list to the text of a book. `label` names the list and its release.
///
/// Fields it does not know are ignored and entries it cannot read are left out and counted; a list without any
/// price is refused, so that a page of HTML or an empty object never replaces a working book.
pub fn from_json(bytes: &[u8], date: &str, label: &str) -> Result<String, BookError> {
    let entries: BTreeMap<String, &RawValue> = serde_json::from_slice(bytes)?;
    let (mut lines, mut other, mut unreadable) = (Vec::new(), 0, 0);
    for (name, raw) in &entries {
        match read(name, raw) {
            Ok(Some(rates)) => lines.push(Cow::Owned(line::write(name, &rates))),
            Ok(None) => other += 1,
            Err(Unreadable) => unreadable += 1,
        }
    }
    if lines.is_empty() {
        return Err(BookError::NoPrices);
    }
    Ok(compose(date, label, &format!("left out {other} entries of other kinds and {unreadable} unreadable ones"), lines.into_iter()))
}

/// Joins two books: the current one wins, the older one adds the models that have been retired since.
///
/// What only the older book tells of a model is kept where old logs contain calls that paid it: a premium for fast mode, and
/// the rates of prompts that are longer than the model takes by now.
pub fn merge(current: &str, older: &str) -> Result<String, BookError> {
    let (new, old) = (Book::parse(current)?, Book::parse(older)?);
    let mut lines: BTreeMap<&str, Cow<'_, str>> = models(older).map(|(name, line)| (name, Cow::Borrowed(line))).collect();
    for (name, line) in models(current) {
        let rates = |line: &str| line.split_once('\t').and_then(|(_, rest)| line::read(rest));
        let before = lines.get(name).and_then(|line| rates(line));
        let merged = before.zip(rates(line)).and_then(|(before, now)| completed(&now, &before));
        lines.insert(name, merged.map_or(Cow::Borrowed(line), |rates| Cow::Owned(line::write(name, &rates))));
    }
    let source = format!("{} and {}", new.source(), old.source());
    let retired = lines.len() - models(current).map(|(name, _)| name).collect::<BTreeSet<_>>().len();
    Ok(compose(
        new.date(),
        &source,
        &format!("{retired} models are no longer in the newer list and come from the older one"),
        lines.into_values(),
    ))
}

/// A model's rates with what only the older ones tell; `None` where that is nothing.
///
/// A length that the older ones bill otherwise and the model still takes is billed as any other by now. Where the plain rates
/// have changed, the older ones are of another offer.
fn completed(now: &Rates, before: &Rates) -> Option<Rates> {
    let mut rates = Rates { fast_permille: now.fast_permille.or(before.fast_permille), ..now.clone() };
    let is_known = |above: u64| now.variants.iter().any(|variant| variant.above == above);
    let is_past = |above: u64| now.context_window.is_some_and(|window| window <= above);
    if (now.input, now.output) == (before.input, before.output) {
        rates.variants.extend(before.variants.iter().filter(|v| v.above > 0 && is_past(v.above) && !is_known(v.above)));
        rates.variants.sort_by_key(|variant| (variant.above, variant.tier.to_sql()));
    }
    (rates != *now).then_some(rates)
}

/// The models of a book's text with their whole lines.
fn models(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| Some((line.split_once('\t')?.0, line)))
}

/// The rates of an entry; `None` for other things: image models, models without a price, the sample entry.
fn read(name: &str, raw: &RawValue) -> Result<Option<Rates>, Unreadable> {
    if name.is_empty() || name.starts_with('#') || name.contains(is_hostile) {
        return Err(Unreadable);
    }
    let fields: Fields<'_> = parsed(raw)?;
    if !string(&fields, "mode").is_some_and(|mode| TEXT_MODES.contains(&mode.as_str())) {
        return Ok(None);
    }
    let mut cards: BTreeMap<(u64, i64), Card> = BTreeMap::new();
    collect(&fields, 0, &mut cards)?;
    if let Some(raw) = present(&fields, "tiered_pricing") {
        for step in parsed::<Vec<Fields<'_>>>(raw)? {
            let range: Vec<&RawValue> = parsed(step.get("range").ok_or(Unreadable)?)?;
            let floor = range.first().and_then(|raw| whole(raw.get())).ok_or(Unreadable)?;
            collect(&step, floor, &mut cards)?;
        }
    }
    let base = cards.remove(&(0, Tier::Standard.to_sql())).unwrap_or_default();
    let (Some(input), Some(output)) = (base.input, base.output) else {
        return Ok(None);
    };
    let provider = string(&fields, "litellm_provider").unwrap_or_default();
    if input == Rate::default() && output == Rate::default() && !FREE.contains(&provider.as_str()) {
        return Ok(None);
    }
    let anthropic = name.contains("claude") || matches!(provider.as_str(), "anthropic" | "vertex_ai-anthropic_models");
    let usual_search = anthropic || is_gpt5_or_later(name, &provider);
    let mut rates = Rates {
        cache_read: base.cache_read,
        cache_write_5m: base.cache_write_5m,
        cache_write_1h: base.cache_write_1h,
        anthropic,
        search_fee: search_fee(&fields)?.or(usual_search.then_some(USUAL_SEARCH)),
        context_window: present(&fields, "max_input_tokens").and_then(|raw| whole(raw.get())),
        ..Rates::new(input, output)
    };
    if let Some(raw) = present(&fields, "provider_specific_entry") {
        // Other providers keep other things under this name.
        let factors: Fields<'_> = parsed(raw).unwrap_or_default();
        rates.fast_permille = factor(&factors, "fast")?;
        rates.us_permille = factor(&factors, "us")?;
    }
    rates.variants = cards.into_iter().map(|((above, tier), card)| Variant { above, tier: Tier::from_sql(tier), card }).collect();
    Ok(Some(rates))
}

/// Sorts the price fields of an entry, or of a step of its price scale, onto cards.
fn collect(fields: &Fields<'_>, floor: u64, cards: &mut BTreeMap<(u64, i64), Card>) -> Result<(), Unreadable> {
    for (key, raw) in fields {
        let Some((slot, above, tier)) = meaning(key) else {
            continue;
        };
        if raw.get() == "null" {
            continue;
        }
        let card = cards.entry((above.max(floor), tier.to_sql())).or_default();
        *slot(card) = Some(rate(raw.get()).ok_or(Unreadable)?);
    }
    if let Some(raw) = present(fields, "input_cost_per_token_cache_hit") {
        let hit = rate(raw.get()).ok_or(Unreadable)?;
        cards.entry((floor, Tier::Standard.to_sql())).or_default().cache_read.get_or_insert(hit);
    }
    for card in cards.values_mut() {
        // A free write beside a paid input means that there is no charge on top of the input's.
        if card.input.is_some_and(|r| r > Rate::default()) {
            card.cache_write_5m = card.cache_write_5m.filter(|r| *r > Rate::default());
        }
    }
    Ok(())
}

/// A field of a card.
type Slot = fn(&mut Card) -> &mut Option<Rate>;

/// Which rate a field is, above which length, for which tier; `None` for fields that are no rate of ours.
fn meaning(key: &str) -> Option<(Slot, u64, Tier)> {
    const KINDS: [(&str, Slot); 5] = [
        ("cache_creation_input_token_cost_above_1hr", |c| &mut c.cache_write_1h),
        ("cache_creation_input_token_cost", |c| &mut c.cache_write_5m),
        ("cache_read_input_token_cost", |c| &mut c.cache_read),
        ("input_cost_per_token", |c| &mut c.input),
        ("output_cost_per_token", |c| &mut c.output),
    ];
    let (rest, slot) = KINDS.iter().find_map(|(prefix, slot)| Some((key.strip_prefix(prefix)?, *slot)))?;
    let (above, rest) = match rest.strip_prefix("_above_") {
        None => (0, rest),
        Some(rest) => {
            let (thousands, rest) = rest.split_once("k_tokens")?;
            (thousands.parse::<u64>().ok()?.checked_mul(1000)?, rest)
        }
    };
    let tier = match rest {
        "" => Tier::Standard,
        "_priority" => Tier::Priority,
        "_flex" => Tier::Flex,
        "_batches" => Tier::Batch,
        "_ultrafast" => Tier::Ultrafast,
        _ => return None,
    };
    Some((slot, above, tier))
}

/// A field that is there and not null.
fn present<'a>(fields: &Fields<'a>, key: &str) -> Option<&'a RawValue> {
    fields.get(key).copied().filter(|raw| raw.get() != "null")
}

fn string(fields: &Fields<'_>, key: &str) -> Option<String> {
    serde_json::from_str(fields.get(key)?.get()).ok()
}

fn parsed<'a, T: serde::Deserialize<'a>>(raw: &'a RawValue) -> Result<T, Unreadable> {
    serde_json::from_str(raw.get()).map_err(|_| Unreadable)
}

/// The fee of one web search at the medium context size.
fn search_fee(fields: &Fields<'_>) -> Result<Option<Money>, Unreadable> {
    let Some(raw) = present(fields, "search_context_cost_per_query") else {
        return Ok(None);
    };
    let sizes: Fields<'_> = parsed(raw)?;
    let Some(raw) = present(&sizes, "search_context_size_medium") else {
        return Ok(None);
    };
    Money::parse_usd(number(raw.get())).filter(|fee| *fee >= Money::ZERO).map(Some).ok_or(Unreadable)
}

/// Whether the model is one of `OpenAI`'s own that pay $10 per 1000 searches: GPT-5 and its successors.
fn is_gpt5_or_later(name: &str, provider: &str) -> bool {
    provider == "openai" && name.strip_prefix("gpt-").is_some_and(|rest| rest.starts_with(|c| ('5'..='9').contains(&c)))
}

/// A surcharge as per mille, which it must be exactly.
fn factor(fields: &Fields<'_>, key: &str) -> Result<Option<u32>, Unreadable> {
    let Some(raw) = present(fields, key) else {
        return Ok(None);
    };
    let nanos = Money::parse_usd(number(raw.get())).map(Money::nanos).filter(|n| n % 1_000_000 == 0).ok_or(Unreadable)?;
    u32::try_from(nanos / 1_000_000).map(Some).map_err(|_| Unreadable)
}

/// A whole number, also when written `32000.0` or `1e6`.
fn whole(text: &str) -> Option<u64> {
    let nanos = Money::parse_usd(number(text))?.nanos();
    if nanos % 1_000_000_000 != 0 {
        return None;
    }
    u64::try_from(nanos / 1_000_000_000).ok()
}

/// A number's digits, also when it comes as a string.
fn number(text: &str) -> &str {
    text.trim_matches('"')
}

/// Dollars per token as a rate.
fn rate(text: &str) -> Option<Rate> {
    let text = number(text);
    Rate::parse_usd_per_token(text).or_else(|| rounded(text)).filter(|rate| *rate <= MAX_RATE)
}

/// Dollars per token with more digits than a rate holds, rounded half up.
fn rounded(text: &str) -> Option<Rate> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (integral, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{integral}{fraction}");
    if !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let finer = i64::try_from(fraction.len()).ok()?.checked_sub(exponent.parse::<i64>().ok()?.checked_add(15)?)?;
    let unit = 10_u128.checked_pow(u32::try_from(finer).ok()?)?;
    let value = digits.parse::<u128>().ok()?.checked_add(unit / 2)? / unit;
    u64::try_from(value).ok().map(Rate::from_nanos_per_million)
}
