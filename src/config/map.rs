//! Readers of the settings that are tables: currency, keys, roots and prices. A part that is wrong leaves the others be.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::context::Context;
use super::currency::Currency;
use super::keys::{ACTIONS, parse};
use super::node::{Node, Raw, quoted};
use super::read::{Faults, as_list, as_scalar, as_text, did_you_mean, nearest, note, path};
use crate::disk;
use crate::model::Rate;
use crate::model::text::{columns, is_hostile};
use crate::pricing::{Book, BookError, Override};
use crate::sources::{ALL, by_agent};

/// The keys of the currency's table.
const CURRENCY_KEYS: &[&str] = &["code", "rate", "symbol"];
/// The keys of a model's price table.
const PRICE_KEYS: &[&str] = &["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "context_window"];

/// The parts of a value that must be a table.
pub(super) fn as_map<'a>(node: &'a Node, what: &str) -> Result<&'a [(String, Node)], String> {
    match &node.raw {
        Raw::Map(parts) => Ok(parts),
        _ => Err(format!("is {} and should be a table of {what}", node.kind())),
    }
}

/// The currency; all of it or nothing, since a code with the rate of another would show wrong amounts.
pub(super) fn currency(node: &Node, _: &Context, faults: &mut Faults) -> Option<Currency> {
    let parts = note(as_map(node, "`code`, `rate` and `symbol`"), node, faults)?;
    let (mut code, mut rate, mut symbol) = (None, None, None);
    let before = faults.0.len();
    for (name, part) in parts {
        let result = match name.as_str() {
            "code" => as_text(part).and_then(read_code).map(|read| code = Some(read)),
            "rate" => as_scalar(part).and_then(read_rate).map(|read| rate = Some(read)),
            "symbol" => as_text(part).and_then(read_symbol).map(|read| symbol = Some(read)),
            other => {
                faults.below(&[other], part, unknown(other, CURRENCY_KEYS));
                continue;
            }
        };
        if let Err(reason) = result {
            faults.below(&[name], part, reason);
        }
    }
    let unknown_only = faults.0.iter().skip(before).all(|fault| !CURRENCY_KEYS.contains(&fault.below.as_str()));
    let code = code.unwrap_or_else(|| "USD".to_owned());
    let dollars = code == "USD";
    let money =
        Currency { symbol: symbol.unwrap_or_else(|| Currency::usual_symbol(&code)), rate: rate.unwrap_or(Currency::default().rate), code };
    if unknown_only && !dollars && rate.is_none() {
        faults.below(
            &["rate"],
            node,
            format!("is missing: how many {0} a dollar is; `aifinops config set currency {0}:RATE` sets both", money.code),
        );
        return None;
    }
    if unknown_only && dollars && !money.at_par() {
        faults.below(&["code"], node, "is missing: a rate other than 1 needs it; `aifinops config set currency CODE:RATE` sets both");
        return None;
    }
    unknown_only.then_some(money)
}

fn read_code(text: &str) -> Result<String, String> {
    let three = text.len() == 3 && text.bytes().all(|b| b.is_ascii_alphabetic());
    three.then(|| text.to_ascii_uppercase()).ok_or_else(|| format!("{} is not a code of three letters", quoted(text)))
}

fn read_rate(text: &str) -> Result<u64, String> {
    Currency::parse_rate(text).ok_or_else(|| format!("{} is not a positive number with at most six decimals", quoted(text)))
}

fn read_symbol(text: &str) -> Result<String, String> {
    let shown = !text.is_empty() && columns(text) <= 6 && !text.chars().any(is_hostile);
    shown.then(|| text.to_owned()).ok_or_else(|| format!("{} is not one to six visible characters", quoted(text)))
}

pub(super) fn unknown(name: &str, known: &[&str]) -> String {
    format!("unknown key{}", did_you_mean(nearest(name, known.iter().copied())))
}

/// The keys of actions. What is no key is left out; an action without any has its usual ones.
pub(super) fn keys(node: &Node, _: &Context, faults: &mut Faults) -> Option<BTreeMap<String, Vec<String>>> {
    let mut out = BTreeMap::new();
    for (action, part) in note(as_map(node, "actions and their keys"), node, faults)? {
        // As 0.1.0 called it, when nothing else could be paused.
        let action = if action == "pause" { "freeze" } else { action.as_str() };
        if !ACTIONS.contains(&action) {
            let near = nearest(action, ACTIONS.iter().copied());
            faults.below(&[action], part, format!("there is no such action{}; there are {}", did_you_mean(near), ACTIONS.join(", ")));
            continue;
        }
        let mut keys = Vec::new();
        match as_list(part) {
            Ok(list) => {
                for (item, key) in list {
                    if parse(key).is_some() {
                        keys.push(key.to_owned());
                    } else {
                        faults.below(
                            &[action],
                            item,
                            format!("{} is no key; write it like `q`, `ctrl-c`, `T`, `f1`, `enter`", quoted(key)),
                        );
                    }
                }
            }
            Err(reason) => faults.below(&[action], part, reason),
        }
        if !keys.is_empty() {
            out.insert(action.to_owned(), keys);
        }
    }
    Some(out)
}

/// The directories of agents' logs. Repeated flags for one agent add up.
pub(super) fn roots(node: &Node, cx: &Context, faults: &mut Faults) -> Option<BTreeMap<String, Vec<PathBuf>>> {
    let mut out: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (agent, part) in note(as_map(node, "agents and their directories"), node, faults)? {
        if by_agent(agent).is_none() {
            let near = nearest(agent, ALL.iter().map(|source| source.agent()));
            faults.below(&[agent], part, format!("unknown agent{}", did_you_mean(near)));
            continue;
        }
        match as_list(part).and_then(|list| list.into_iter().map(|(_, text)| path(text, cx)).collect::<Result<Vec<_>, _>>()) {
            Ok(paths) => out.entry(agent.clone()).or_default().extend(paths),
            Err(reason) => faults.below(&[agent], part, reason),
        }
    }
    Some(out)
}

/// The user's prices. A model with one bad number has none of them: half a price list would be a wrong price.
pub(super) fn prices(node: &Node, cx: &Context, faults: &mut Faults) -> Option<Vec<Override>> {
    let mut out = Vec::new();
    for (model, part) in note(as_map(node, "models and their prices"), node, faults)? {
        match as_map(part, "prices") {
            Ok(fields) => out.extend(price(model, part, fields, cx, faults)),
            Err(reason) => faults.below(&[model], part, reason),
        }
    }
    Some(out)
}

fn price(model: &str, node: &Node, fields: &[(String, Node)], cx: &Context, faults: &mut Faults) -> Option<Override> {
    let mut price = Override { model: model.to_owned(), ..Override::default() };
    let mut whole = true;
    for (name, field) in fields {
        let rate = |out: &mut Option<Rate>| {
            let text = as_scalar(field)?;
            let rate = Rate::parse_usd_per_million(&text.replace('_', ""));
            *out =
                Some(rate.ok_or_else(|| format!("{} is no price: a positive number of dollars with at most nine decimals", quoted(text)))?);
            Ok(())
        };
        let result = match name.as_str() {
            "input" => rate(&mut price.input),
            "output" => rate(&mut price.output),
            "cache_read" => rate(&mut price.cache_read),
            "cache_write_5m" => rate(&mut price.cache_write_5m),
            "cache_write_1h" => rate(&mut price.cache_write_1h),
            "context_window" => as_scalar(field).and_then(window).map(|tokens| price.context_window = Some(tokens)),
            other => Err(unknown(other, PRICE_KEYS)),
        };
        if let Err(reason) = result {
            whole &= !PRICE_KEYS.contains(&name.as_str());
            faults.below(&[model, name], field, reason);
        }
    }
    if !whole || price == (Override { model: model.to_owned(), ..Override::default() }) {
        return None;
    }
    let whole = price.input.is_some() && price.output.is_some();
    let refused = book(cx, whole).with_overrides(vec![price.clone()]).err();
    if let Some(error) = refused {
        let example = match error {
            BookError::NeedsBoth { .. } => {
                format!("; `aifinops config set {} input:USD,output:USD` sets both", super::node::dotted(["prices", model]))
            }
            _ => String::new(),
        };
        faults.below(&[model], node, format!("{error}{example}"));
        return None;
    }
    Some(price)
}

/// The list that an incomplete price has to stand in: the fetched one where there is a sound one, else the built-in one.
fn book(cx: &Context, whole: bool) -> Book {
    let fetched = || Book::parse(&disk::read_text(&cx.data_dir.join(Book::FILE)).ok()?).ok();
    // One that is whole needs no list, and no file to be read.
    (if whole { None } else { fetched() }).unwrap_or_else(Book::embedded)
}

fn window(text: &str) -> Result<u64, String> {
    text.replace('_', "").parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("{} is no number of tokens", quoted(text)))
}
