//! Readers of caps and of what guards do. A cap with one bad part is no cap at all: half of it would stop something else
//! than was meant.

use super::context::Context;
use super::map::{as_map, unknown};
use super::node::{Node, Raw, quoted};
use super::policy::PREFIX;
use super::read::{Faults, as_scalar, as_text, did_you_mean, nearest, note};
use crate::attribution;
use crate::budgets::Assumed;
use crate::model::cap::{Action, Amount, Cap, GATEWAY_PREFIX, Span, Unit};
use crate::model::text::is_hostile;
use crate::model::{Money, Rate};
use crate::sources::{ALL, by_agent};

/// The keys of a cap's table.
const CAP_KEYS: &[&str] = &["limit", "per", "agent", "project", "model", "notify", "action"];
/// The keys of the assumed price.
const ASSUMED_KEYS: &[&str] = &["input", "output"];
/// Names that a cap may have are at most this long.
const LONGEST_NAME: usize = 40;
/// The highest level that can be told, in percent.
const MOST_PERCENT: u16 = 1000;

/// The allowed values of a cap, in words.
pub(super) fn allowed() -> String {
    format!(
        "limit = dollars, \"5M tokens\" or \"60 steps\"; per = {}; agent = {}; project = a pattern; model = a pattern; notify = percentages; \
         action = {}",
        words(Span::ALL.iter().map(|span| span.word())),
        words(ALL.iter().map(|source| source.agent())),
        words(Action::ALL.iter().map(|action| action.word()))
    )
}

fn words(all: impl Iterator<Item = &'static str>) -> String {
    all.collect::<Vec<_>>().join(", ")
}

/// The caps.
pub(super) fn caps(node: &Node, _: &Context, faults: &mut Faults) -> Option<Vec<Cap>> {
    let mut out = Vec::new();
    for (name, part) in note(as_map(node, "names and their caps"), node, faults)? {
        if let Err(reason) = check_name(name) {
            faults.below(&[name], part, reason);
            continue;
        }
        match as_map(part, "`limit`, `per` and more") {
            Ok(fields) => out.extend(cap(name, part, fields, faults)),
            Err(reason) => faults.below(&[name], part, reason),
        }
    }
    Some(out)
}

/// Whether a cap may be called so.
pub(super) fn check_name(name: &str) -> Result<(), String> {
    if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(|c| is_hostile(c) || c.is_whitespace()) {
        return Err(format!("a name is one word of at most {LONGEST_NAME} characters"));
    }
    // Two caps of one name could not be told apart, in `cap raise` for one.
    if name.starts_with(PREFIX) {
        return Err(format!("names that begin with `{PREFIX}` are those of the machine's policy"));
    }
    if name.starts_with(GATEWAY_PREFIX) {
        return Err(format!("names that begin with `{GATEWAY_PREFIX}` are those of budgets at gateways"));
    }
    if name.starts_with(attribution::PREFIX) {
        return Err(format!("names that begin with `{}` are those of experiments", attribution::PREFIX));
    }
    Ok(())
}

/// Whether what is counted is known in the cap's span.
fn fits(cap: &Cap) -> Result<(), &'static str> {
    match (cap.limit.unit, cap.span) {
        (Unit::Repeats, span) if span != Span::Task => Err("repeats are counted per task: `--per task`, in the file `per = \"task\"`"),
        (Unit::Retries, span) if span.is_calendar() => {
            Err("retries are counted per task or session: `--per task`, in the file `per = \"task\"`")
        }
        (Unit::Gpu, span) if !span.is_calendar() => Err("GPU time is counted per day, week or month: `per = \"day\"`"),
        (Unit::Gpu, _) if !cap.scope.is_everything() => Err("GPU time is that of all cards: no agent, project or model can be named"),
        _ => Ok(()),
    }
}

/// Whether a cap that is put together elsewhere could stand in the file; why not, in words.
pub fn check(cap: &Cap) -> Result<(), String> {
    check_name(&cap.name).map_err(|reason| format!("{}: {reason}", quoted(&cap.name)))?;
    fits(cap)?;
    [&cap.scope.project, &cap.scope.model].into_iter().flatten().try_for_each(|text| pattern(text).map(|_| ()))
}

fn cap(name: &str, node: &Node, fields: &[(String, Node)], faults: &mut Faults) -> Option<Cap> {
    let (mut limit, mut whole) = (None, true);
    let mut cap = Cap::new(name, Amount::money(Money::ZERO), Span::Day);
    // A cap that is named after its span need not say it twice.
    cap.span = Span::from_word(name).unwrap_or_default();
    for (key, field) in fields {
        let result = match key.as_str() {
            "limit" => as_scalar(field).and_then(amount).map(|read| limit = Some(read)),
            "per" => as_text(field)
                .and_then(|text| word(text, Span::from_word, Span::ALL, super::super::model::cap::Span::word))
                .map(|span| cap.span = span),
            "agent" => as_text(field).and_then(agent).map(|read| cap.scope.agent = Some(read)),
            "project" => as_text(field).and_then(pattern).map(|read| cap.scope.project = Some(read)),
            "model" => as_text(field).and_then(pattern).map(|read| cap.scope.model = Some(read)),
            "notify" => levels(field).map(|read| cap.notify = read),
            "action" => as_text(field)
                .and_then(|text| word(text, Action::from_word, Action::ALL, super::super::model::cap::Action::word))
                .map(|action| cap.action = action),
            other => Err(unknown(other, CAP_KEYS)),
        };
        if let Err(reason) = result {
            whole = false;
            faults.below(&[name, key], field, reason);
        }
    }
    if whole && limit.is_none() {
        faults.below(&[name, "limit"], node, "is missing");
    }
    cap.limit = limit.filter(|_| whole)?;
    if let Err(reason) = fits(&cap) {
        faults.below(&[name, "limit"], node, reason);
        return None;
    }
    Some(cap)
}

pub(super) fn amount(text: &str) -> Result<Amount, String> {
    Amount::parse(text).map_err(|error| format!("{} {error}", quoted(text)))
}

pub(super) fn word<T: Copy>(text: &str, read: fn(&str) -> Option<T>, all: &[T], show: fn(T) -> &'static str) -> Result<T, String> {
    let near = || did_you_mean(nearest(text, all.iter().map(|one| show(*one))));
    read(text).ok_or_else(|| format!("{} is not one of the allowed values{}", quoted(text), near()))
}

pub(super) fn agent(text: &str) -> Result<String, String> {
    let near = || did_you_mean(nearest(text, ALL.iter().map(|source| source.agent())));
    by_agent(text).map(|source| source.agent().to_owned()).ok_or_else(|| format!("unknown agent {}{}", quoted(text), near()))
}

pub(super) fn pattern(text: &str) -> Result<String, String> {
    let sound = !text.trim().is_empty() && !text.chars().any(is_hostile);
    sound.then(|| text.to_owned()).ok_or_else(|| format!("{} is no pattern", quoted(text)))
}

/// Percentages, rising, each once: a list, or `50/80/100` on one line. An empty list tells nothing.
fn levels(node: &Node) -> Result<Vec<u16>, String> {
    let level = |text: &str| {
        let number = text.trim().trim_end_matches('%').parse::<u16>().ok().filter(|n| (1..=MOST_PERCENT).contains(n));
        number.ok_or_else(|| format!("{} is no percentage from 1 to {MOST_PERCENT}", quoted(text)))
    };
    let mut out = match &node.raw {
        Raw::List(nodes) => nodes.iter().map(|node| as_scalar(node).and_then(level)).collect::<Result<Vec<_>, _>>()?,
        _ => as_scalar(node)?.split('/').filter(|part| !part.trim().is_empty()).map(level).collect::<Result<Vec<_>, _>>()?,
    };
    out.sort_unstable();
    out.dedup();
    Ok(out)
}

/// The price of calls without one.
pub(super) fn assumed(node: &Node, _: &Context, faults: &mut Faults) -> Option<Assumed> {
    let (mut input, mut output) = (None, None);
    for (name, part) in note(as_map(node, "`input` and `output`"), node, faults)? {
        let rate = || {
            let text = as_scalar(part)?;
            let rate = Rate::parse_usd_per_million(&text.replace('_', ""));
            rate.ok_or_else(|| format!("{} is no price: dollars per million tokens, with at most nine decimals", quoted(text)))
        };
        let result = match name.as_str() {
            "input" => rate().map(|read| input = Some(read)),
            "output" => rate().map(|read| output = Some(read)),
            other => Err(unknown(other, ASSUMED_KEYS)),
        };
        if let Err(reason) = result {
            faults.below(&[name], part, reason);
        }
    }
    if input.is_none() || output.is_none() {
        faults.add(node, "needs both `input` and `output`");
    }
    Some(Assumed { input: input?, output: output? })
}

/// A cap on one line, as variables and flags read it.
pub(super) fn card(cap: &Cap) -> String {
    let notify = cap.notify.iter().map(u16::to_string).collect::<Vec<_>>().join("/");
    let scope = [("agent", &cap.scope.agent), ("project", &cap.scope.project), ("model", &cap.scope.model)];
    let mut parts = vec![format!("limit:{}", cap.limit.text()), format!("per:{}", cap.span)];
    parts.extend(scope.iter().filter_map(|(key, value)| Some(format!("{key}:{}", value.as_ref()?))));
    if cap.notify != Cap::NOTIFY {
        parts.push(format!("notify:{notify}"));
    }
    if cap.action != Action::default() {
        parts.push(format!("action:{}", cap.action));
    }
    parts.join(",")
}
