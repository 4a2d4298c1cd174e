//! GPUs: what is watched, what an hour costs, and which machines are asked.

use std::collections::BTreeMap;

use super::caps;
use super::context::Context;
use super::gateways::variable;
use super::map::{as_map, unknown};
use super::node::{Node, Raw, quoted};
use super::read::{Faults, as_list, as_scalar, as_text, did_you_mean, nearest, note, path};
use super::value::{Value, joined};
use crate::model::address::{host, is_loopback};
use crate::model::gpu::Permille;
use crate::model::gpu_setup::{GpuHost, GpuSetup};
use crate::model::text::is_hostile;
use crate::model::time::{HOUR, MINUTE};
use crate::model::{KeySource, Millis, Money};
use crate::pricing::gpu::{For, List, OwnPrice, owned};

/// What a part of the table may be.
#[derive(Clone, Copy)]
enum Kind {
    /// `on` or `off`.
    Switch,
    /// Whose list of prices.
    List,
    /// A number between these two; whether `off` is one, too.
    Number(u32, u32, bool),
    /// Dollars; whether `off` is some, too.
    Dollars(bool),
}

/// The parts of the table.
const PARTS: [(&str, Kind); 14] = [
    ("watch", Kind::Switch),
    ("list", Kind::List),
    ("busy", Kind::Number(1, 99, false)),
    ("quiet", Kind::Number(2, 3600, false)),
    ("target", Kind::Number(1, 100, true)),
    ("idle", Kind::Number(1, 10_000, true)),
    ("idle_cost", Kind::Dollars(false)),
    ("reserved", Kind::Number(1, 10_000, true)),
    ("stalled", Kind::Number(1, 10_000, true)),
    ("zombie", Kind::Number(1, 10_000, true)),
    ("ttl", Kind::Number(1, 10_000, true)),
    ("kv", Kind::Number(1, 100, true)),
    ("hot", Kind::Number(1, 150, true)),
    ("kwh", Kind::Dollars(true)),
];

/// The parts that are set, as they were read: each is sound.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Gpu(pub(super) BTreeMap<String, String>);

impl Gpu {
    /// What is watched, and told.
    #[must_use]
    pub fn setup(&self) -> GpuSetup {
        let text = |name: &str| self.0.get(name).map(String::as_str);
        let number = |name: &str| text(name).and_then(|text| text.parse::<u32>().ok());
        let minutes = |name: &str| number(name).map(|n| Millis::from(n) * MINUTE);
        let percent = |name: &str| number(name).and_then(|n| Permille::try_from(n * 10).ok());
        let base = GpuSetup::default();
        GpuSetup {
            watch: text("watch") != Some("off"),
            busy: percent("busy").unwrap_or(base.busy),
            quiet: number("quiet").map_or(base.quiet, |n| Millis::from(n) * 1000),
            target: percent("target"),
            idle: minutes("idle"),
            idle_cost: text("idle_cost").and_then(Money::parse_usd).unwrap_or(base.idle_cost),
            reserved: minutes("reserved"),
            stalled: minutes("stalled"),
            zombie: minutes("zombie"),
            ttl: number("ttl").map(|n| Millis::from(n) * HOUR),
            kv: percent("kv"),
            hot: number("hot").and_then(|n| i32::try_from(n).ok()),
            kwh: text("kwh").and_then(Money::parse_usd),
        }
    }

    /// Whose list of prices is in force.
    #[must_use]
    pub fn list(&self) -> List {
        self.0.get("list").and_then(|word| List::from_word(word)).unwrap_or_default()
    }
}

/// The allowed values of the table, in words.
pub(super) fn allowed() -> String {
    let lists: Vec<&str> = List::ALL.into_iter().map(List::word).collect();
    format!(
        "watch = on or off; list = {}; busy, target, kv = per cent; quiet = seconds; idle, reserved, stalled, zombie = minutes; ttl = \
         hours; hot = degrees Celsius; idle_cost, kwh = dollars; off for what is not wanted",
        lists.join(", ")
    )
}

/// Reads the table. A part that is wrong leaves the others be.
pub(super) fn read(node: &Node, _: &Context, faults: &mut Faults) -> Option<Gpu> {
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    let mut gpu = Gpu::default();
    for (name, part) in note(as_map(node, "`watch`, `idle` and more"), node, faults)? {
        let result = match PARTS.iter().find(|(known, _)| known == name) {
            Some((_, kind)) => as_scalar(part).and_then(|text| one(text, *kind)),
            None => Err(unknown(name, &names)),
        };
        match result {
            Ok(text) => drop(gpu.0.insert(name.clone(), text)),
            Err(reason) => faults.below(&[name], part, reason),
        }
    }
    Some(gpu)
}

fn one(text: &str, kind: Kind) -> Result<String, String> {
    match kind {
        Kind::Switch => match text {
            "on" | "true" => Ok("on".to_owned()),
            "off" | "false" => Ok("off".to_owned()),
            _ => Err(format!("{} is neither `on` nor `off`", quoted(text))),
        },
        Kind::List => List::from_word(text).map(|list| list.word().to_owned()).ok_or_else(|| {
            let near = nearest(text, List::ALL.into_iter().map(List::word));
            format!("{} is no list{}", quoted(text), did_you_mean(near))
        }),
        Kind::Number(_, _, true) | Kind::Dollars(true) if text == "off" => Ok(text.to_owned()),
        Kind::Number(least, most, may_be_off) => {
            let found = text.parse::<u32>().ok().filter(|n| (least..=most).contains(n));
            let off = if may_be_off { " nor `off`" } else { "" };
            let neither = if may_be_off { "neither a" } else { "no" };
            found.map(|n| n.to_string()).ok_or_else(|| format!("{} is {neither} number from {least} to {most}{off}", quoted(text)))
        }
        Kind::Dollars(_) => dollars(text).map(Money::exact),
    }
}

fn dollars(text: &str) -> Result<Money, String> {
    let amount = Money::parse_usd(text.strip_prefix('$').unwrap_or(text)).filter(|amount| *amount >= Money::ZERO);
    amount.ok_or_else(|| format!("{} is no number of dollars", quoted(text)))
}

/// The keys of an owned card.
const OWNED: &[&str] = &["price", "resale", "years", "hosting"];

/// Prices of one's own, by card, host or model.
pub(super) fn prices(node: &Node, _: &Context, faults: &mut Faults) -> Option<Vec<OwnPrice>> {
    let mut out = Vec::new();
    for (name, part) in note(as_map(node, "cards and what an hour of them costs"), node, faults)? {
        let read = match &part.raw {
            Raw::Map(fields) => owned_card(fields).map(|per_hour| (per_hour, true)),
            _ => as_scalar(part).and_then(dollars).map(|per_hour| (per_hour, false)),
        };
        match read {
            Ok((per_hour, is_owned)) => out.push(OwnPrice { name: name.clone(), of: For::parse(name), per_hour, is_owned }),
            Err(reason) => faults.below(&[name], part, reason),
        }
    }
    Some(out)
}

fn owned_card(fields: &[(String, Node)]) -> Result<Money, String> {
    let (mut price, mut resale, mut years, mut hosting) = (None, Money::ZERO, None, Money::ZERO);
    for (name, field) in fields {
        let text = as_scalar(field).map_err(|reason| format!("{name} {reason}"))?;
        match name.as_str() {
            "price" => price = Some(dollars(text)?),
            "resale" => resale = dollars(text)?,
            "hosting" => hosting = dollars(text)?,
            "years" => years = Some(text.parse::<u32>().map_err(|_| format!("{} is no number of years", quoted(text)))?),
            other => return Err(format!("{}: {}", quoted(other), unknown(other, OWNED))),
        }
    }
    let (Some(price), Some(years)) = (price, years) else {
        return Err("an owned card needs `price` and `years`; `resale` and `hosting` (dollars an hour) may be left out".to_owned());
    };
    owned(price, resale, years, hosting)
        .ok_or_else(|| "an owned card has at least a year, and is not sold for more than it cost".to_owned())
}

impl Value for Vec<OwnPrice> {
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        let names = upper.iter().map(|price| price.name.clone()).collect();
        self.retain(|price| upper.iter().all(|other| other.name != price.name));
        self.extend(upper);
        Some(names)
    }

    fn parts(&self) -> Option<Vec<(String, String)>> {
        let show = |price: &OwnPrice| format!("{}{}", price.per_hour.exact(), if price.is_owned { " (owned)" } else { "" });
        Some(self.iter().map(|price| (price.name.clone(), show(price))).collect())
    }

    fn show(&self) -> String {
        joined(self.parts())
    }
}

/// The keys of a host.
const HOST: &[&str] = &["url", "gpus", "token_env", "token_file", "token_command"];

/// The allowed values of a host, in words.
pub(super) fn hosts_allowed() -> String {
    "an address such as http://n1:9400, or url = the address, gpus = [\"GPU-…\"] and one of token_env, token_file, token_command".to_owned()
}

/// The machines that are asked, in their order. One with a bad part is not asked at all.
pub(super) fn hosts(node: &Node, cx: &Context, faults: &mut Faults) -> Option<Vec<GpuHost>> {
    let mut out = Vec::new();
    for (name, part) in note(as_map(node, "names and addresses"), node, faults)? {
        let read = caps::check_name(name).and_then(|()| match &part.raw {
            Raw::Map(fields) => one_host(name, fields, cx),
            _ => Ok(GpuHost { name: name.clone(), url: as_text(part).and_then(address)?, gpus: Vec::new(), key: None }),
        });
        match read {
            Ok(host) => out.push(host),
            Err(reason) => faults.below(&[name], part, reason),
        }
    }
    Some(out)
}

fn one_host(name: &str, fields: &[(String, Node)], cx: &Context) -> Result<GpuHost, String> {
    let (mut url, mut gpus, mut keys) = (None, Vec::new(), Vec::new());
    for (key, field) in fields {
        match key.as_str() {
            "url" => url = Some(as_text(field).and_then(address)?),
            "gpus" => gpus = as_list(field)?.into_iter().map(|(_, text)| text.to_owned()).collect(),
            "token_env" => keys.push(KeySource::Env(as_text(field).and_then(variable)?)),
            "token_file" => keys.push(KeySource::File(as_text(field).and_then(|text| path(text, cx))?)),
            "token_command" => keys.push(KeySource::Command(as_text(field)?.to_owned())),
            other => return Err(unknown(other, HOST)),
        }
    }
    let url = url.ok_or("needs a `url`")?;
    if keys.len() > 1 {
        return Err("needs at most one of token_env, token_file and token_command".to_owned());
    }
    let key = keys.pop();
    let is_safe = url.to_ascii_lowercase().starts_with("https://") || is_loopback(host(&url));
    if key.is_some() && !is_safe {
        return Err("would send its key over http:// for everybody to read; use https://".to_owned());
    }
    Ok(GpuHost { name: name.to_owned(), url, gpus, key })
}

/// An address without a name, a password or a question in it. It may be plain HTTP: [`one_host`] refuses that where a key goes there.
fn address(text: &str) -> Result<String, String> {
    let text = text.trim().trim_end_matches('/');
    let lower = text.to_ascii_lowercase();
    let rest = lower.strip_prefix("https://").or_else(|| lower.strip_prefix("http://"));
    let rest = rest.ok_or_else(|| format!("{} is no address such as http://n1:9400", quoted(text)))?;
    let is_clean = !text.chars().any(|c| c.is_whitespace() || is_hostile(c) || c == '\\') && !rest.contains(['@', '?', '#']);
    if !is_clean || host(text).is_empty() {
        return Err("is no plain address: no user, no question, no blanks; a key has settings of its own (token_env)".to_owned());
    }
    Ok(text.to_owned())
}

impl Value for Vec<GpuHost> {
    /// A host is replaced as a whole.
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        let names = upper.iter().map(|host| host.name.clone()).collect();
        self.retain(|host| upper.iter().all(|other| other.name != host.name));
        self.extend(upper);
        Some(names)
    }

    fn parts(&self) -> Option<Vec<(String, String)>> {
        let show = |host: &GpuHost| {
            let key = host.key.as_ref().map(|key| format!(" (key from {})", key.words())).unwrap_or_default();
            let gpus = if host.gpus.is_empty() { String::new() } else { format!(" on {}", host.gpus.join(", ")) };
            format!("{}{gpus}{key}", host.url)
        };
        Some(self.iter().map(|host| (host.name.clone(), show(host))).collect())
    }

    fn show(&self) -> String {
        joined(self.parts())
    }
}
