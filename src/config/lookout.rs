//! From when on something is unusual enough to be told: the setting of that name.

use std::collections::BTreeMap;

use super::context::Context;
use super::map::{as_map, unknown};
use super::node::{Node, quoted};
use super::read::{Faults, as_list, as_scalar, note};
use crate::model::lookout::{Lookout as Limits, Mute};

/// The keys that are numbers, each with the least that makes sense.
const NUMBERS: [(&str, u32); 8] = [
    ("loop_steps", 1),
    ("same_call", 2),
    ("retries", 1),
    ("burn", 1),
    ("prompt_growth", 1),
    ("task_cost", 101),
    ("flagship", 1),
    ("drift", 1),
];
/// The one that is a switch, and the one that is a list.
const SWITCH: &str = "loop_p99";
const MUTE: &str = "mute";
/// More than this is taken for a slip of the finger.
const MOST: u32 = 1_000_000;

/// The parts that are set, as they were read: each is sound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Lookout(pub(super) BTreeMap<String, String>);

impl Lookout {
    /// What is looked out for.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let number = |name: &str| self.0.get(name).and_then(|text| text.parse().ok());
        Limits {
            loop_steps: number("loop_steps"),
            loop_p99: self.0.get(SWITCH).is_some_and(|text| text == "on"),
            same_call: number("same_call"),
            retries: number("retries"),
            burn: number("burn"),
            prompt_growth: number("prompt_growth"),
            task_cost: number("task_cost"),
            flagship: number("flagship"),
            drift: number("drift"),
            mute: self.0.get(MUTE).into_iter().flat_map(|text| text.split(',')).filter_map(Mute::parse).collect(),
        }
    }
}

fn names() -> Vec<&'static str> {
    NUMBERS.iter().map(|(name, _)| *name).chain([SWITCH, MUTE]).collect()
}

/// Reads the table. A part that is wrong leaves the others be.
pub(super) fn read(node: &Node, _: &Context, faults: &mut Faults) -> Option<Lookout> {
    let parts = note(as_map(node, "thresholds"), node, faults)?;
    let mut lookout = Lookout::default();
    for (name, part) in parts {
        let result = match (name.as_str(), NUMBERS.iter().find(|(known, _)| known == name)) {
            (_, Some((_, least))) => as_scalar(part).and_then(|text| number(text, *least)),
            (SWITCH, _) => as_scalar(part).and_then(switch),
            (MUTE, _) => mute(part),
            (other, _) => Err(unknown(other, &names())),
        };
        match result {
            Ok(text) => drop(lookout.0.insert(name.clone(), text)),
            Err(reason) => faults.below(&[name], part, reason),
        }
    }
    Some(lookout)
}

fn number(text: &str, least: u32) -> Result<String, String> {
    if text == "off" {
        return Ok(text.to_owned());
    }
    let found = text.parse::<u32>().ok().filter(|n| (least..=MOST).contains(n));
    found.map(|n| n.to_string()).ok_or_else(|| format!("{} is neither a number from {least} to {MOST} nor `off`", quoted(text)))
}

fn switch(text: &str) -> Result<String, String> {
    match text {
        "on" | "true" => Ok("on".to_owned()),
        "off" | "false" => Ok("off".to_owned()),
        _ => Err(format!("{} is neither `on` nor `off`", quoted(text))),
    }
}

fn mute(node: &Node) -> Result<String, String> {
    let mut out = Vec::new();
    for (_, text) in as_list(node)? {
        if Mute::parse(text).is_none() || text.contains(',') {
            return Err(format!("{} names no project; write it like `scratch*` or `same_call@scratch*`", quoted(text)));
        }
        out.push(text);
    }
    Ok(out.join(","))
}
