//! How a person is told: the setting of that name.

use super::choice::WAYS;
use super::context::Context;
use super::map::{as_map, unknown};
use super::node::{Node, quoted};
use super::read::{Faults, as_list, as_scalar, as_text, did_you_mean, nearest};
use super::value::Value;
use crate::model::{Money, Quiet, Webhook};

/// The keys of the table.
const KEYS: &[&str] = &["ways", "webhook", "quiet", "session_over"];
/// Words that stand alone among the ways.
const ALONE: [&str; 2] = ["auto", "none"];

/// A part of the setting: one that is switched off is not one that nobody spoke of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Part<T> {
    #[default]
    Unset,
    Off,
    Is(T),
}

impl<T> Part<T> {
    fn of(value: Option<T>) -> Part<T> {
        value.map_or(Part::Off, Part::Is)
    }

    fn get(&self) -> Option<&T> {
        if let Part::Is(value) = self { Some(value) } else { None }
    }

    /// Takes a higher layer and says whether there was anything in it.
    fn layer(&mut self, upper: Part<T>) -> bool {
        if matches!(upper, Part::Unset) {
            return false;
        }
        *self = upper;
        true
    }
}

/// How and when a person is told.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Alerts {
    ways: Part<Vec<String>>,
    webhook: Part<Webhook>,
    quiet: Part<Quiet>,
    session_over: Part<Money>,
}

impl Alerts {
    /// The ways by their names; `auto` alone for whatever fits, `none` alone for no way.
    #[must_use]
    pub fn ways(&self) -> &[String] {
        self.ways.get().map(Vec::as_slice).unwrap_or_default()
    }

    /// Where JSON is sent, if anywhere.
    #[must_use]
    pub fn webhook(&self) -> Option<&Webhook> {
        self.webhook.get()
    }

    /// The hours in which nothing is told, if there are any.
    #[must_use]
    pub fn quiet(&self) -> Option<Quiet> {
        self.quiet.get().copied()
    }

    /// What one session may cost before a person is told; `None` is never.
    #[must_use]
    pub fn session_over(&self) -> Option<Money> {
        self.session_over.get().copied()
    }
}

impl Value for Alerts {
    fn layer(&mut self, upper: Alerts) -> Option<Vec<String>> {
        let set = [
            self.ways.layer(upper.ways),
            self.webhook.layer(upper.webhook),
            self.quiet.layer(upper.quiet),
            self.session_over.layer(upper.session_over),
        ];
        Some(KEYS.iter().zip(set).filter(|(_, set)| *set).map(|(key, _)| (*key).to_owned()).collect())
    }

    /// The webhook by its host only.
    fn parts(&self) -> Option<Vec<(String, String)>> {
        let dollars = self.session_over().map_or_else(|| "off".to_owned(), Money::exact);
        let values = [
            self.ways().join(","),
            self.webhook().map(ToString::to_string).unwrap_or_default(),
            self.quiet().map(|quiet| quiet.to_string()).unwrap_or_default(),
            dollars,
        ];
        Some(KEYS.iter().map(|key| (*key).to_owned()).zip(values).collect())
    }

    fn show(&self) -> String {
        let parts = self.parts().unwrap_or_default();
        parts.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
    }
}

/// Reads the table. A part that is wrong leaves the others be.
pub(super) fn read(node: &Node, _: &Context, faults: &mut Faults) -> Option<Alerts> {
    let parts = super::read::note(as_map(node, "`ways`, `webhook`, `quiet` and `session_over`"), node, faults)?;
    let mut alerts = Alerts::default();
    for (name, part) in parts {
        let result = match name.as_str() {
            "ways" => ways(part).map(|read| alerts.ways = Part::Is(read)),
            "webhook" => as_text(part).map_err(|_| "should be text in quotes".to_owned()).and_then(|text| {
                let read = if text.is_empty() { None } else { Some(Webhook::parse(text).map_err(|why| why.to_string())?) };
                alerts.webhook = Part::of(read);
                Ok(())
            }),
            "quiet" => as_text(part).and_then(quiet).map(|read| alerts.quiet = Part::of(read)),
            "session_over" => as_scalar(part).and_then(dollars).map(|read| alerts.session_over = Part::of(read)),
            other => Err(unknown(other, KEYS)),
        };
        if let Err(reason) = result {
            faults.below(&[name], part, reason);
        }
    }
    Some(alerts)
}

fn ways(node: &Node) -> Result<Vec<String>, String> {
    let mut out: Vec<String> = Vec::new();
    for (_, text) in as_list(node)? {
        if !WAYS.contains(&text) && !ALONE.contains(&text) {
            let near = nearest(text, WAYS.iter().chain(&ALONE).copied());
            return Err(format!("{} is no way{}", quoted(text), did_you_mean(near)));
        }
        if !out.iter().any(|other| other == text) {
            out.push(text.to_owned());
        }
    }
    match (out.iter().find(|way| ALONE.contains(&way.as_str())), out.len()) {
        (_, 0) => Err("names no way; `none` is for no way at all".to_owned()),
        (Some(word), 2..) => Err(format!("`{word}` stands alone")),
        _ => Ok(out),
    }
}

fn quiet(text: &str) -> Result<Option<Quiet>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    Quiet::parse(text).map(Some).ok_or_else(|| format!("{} is not two times such as `22:00-07:00`", quoted(text)))
}

fn dollars(text: &str) -> Result<Option<Money>, String> {
    if text == "off" {
        return Ok(None);
    }
    let amount = Money::parse_usd(text.strip_prefix('$').unwrap_or(text)).filter(|amount| *amount > Money::ZERO);
    amount.map(Some).ok_or_else(|| format!("{} is neither a positive number of dollars nor `off`", quoted(text)))
}
