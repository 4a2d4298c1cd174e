//! Readers of gateways. One with a bad part is no gateway at all: a key must not travel by half a setting.

use super::caps;
use super::context::Context;
use super::map::{as_map, unknown};
use super::node::{Node, quoted};
use super::read::{Faults, as_scalar, as_text, did_you_mean, nearest, note, path};
use super::value::Value;
use crate::gateways::{ALL, by_kind};
use crate::model::gateway::{address, is_variable};
use crate::model::text::is_hostile;
use crate::model::{GatewaySetup, KeySource, Millis};

/// The keys of a gateway.
const KEYS: &[&str] = &["url", "kind", "token_env", "token_command", "token_file", "keyring", "user", "every"];
/// The least and the most seconds between two rounds.
pub const SECONDS: std::ops::RangeInclusive<u64> = 5..=86_400;

/// The allowed values of a gateway, in words.
pub(super) fn allowed() -> String {
    let kinds: Vec<&str> = ALL.iter().map(|gateway| gateway.kind()).collect();
    format!(
        "url = https://…; kind = {}; one of token_env = a variable's name, token_command = a command that prints the key, \
         token_file = a file that only you may read, keyring = true; user = whose spend is yours; every = seconds",
        kinds.join(", ")
    )
}

/// The gateways, in their order.
pub(super) fn gateways(node: &Node, cx: &Context, faults: &mut Faults) -> Option<Vec<GatewaySetup>> {
    let mut out = Vec::new();
    for (name, part) in note(as_map(node, "names and their gateways"), node, faults)? {
        match caps::check_name(name).and_then(|()| as_map(part, "`url`, `kind` and more")) {
            Ok(fields) => out.extend(gateway(name, part, fields, cx, faults)),
            Err(reason) => faults.below(&[name], part, reason),
        }
    }
    Some(out)
}

fn gateway(name: &str, node: &Node, fields: &[(String, Node)], cx: &Context, faults: &mut Faults) -> Option<GatewaySetup> {
    let (mut url, mut kind, mut keys, mut whole) = (None, None, Vec::new(), true);
    let (mut user, mut every) = (None, None);
    for (key, field) in fields {
        let result = match key.as_str() {
            "url" => untold(field).and_then(|text| address(text).map_err(|why| why.to_string())).map(|read| url = Some(read)),
            "kind" => as_text(field).and_then(of_kind).map(|read| kind = Some(read)),
            "token_env" => untold(field).and_then(variable).map(|read| keys.push(KeySource::Env(read))),
            "token_command" => untold(field).and_then(sound).map(|read| keys.push(KeySource::Command(read))),
            "token_file" => untold(field).and_then(|text| path(text, cx)).map(|read| keys.push(KeySource::File(read))),
            "keyring" => as_scalar(field).and_then(truth).map(|is_wanted| keys.extend(is_wanted.then_some(KeySource::Keyring))),
            "user" => untold(field).and_then(sound).map(|read| user = Some(read)),
            "every" => as_scalar(field).and_then(seconds).map(|read| every = Some(read)),
            other => Err(unknown(other, KEYS)),
        };
        if let Err(reason) = result {
            whole = false;
            faults.below(&[name, key], field, reason);
        }
    }
    if !whole {
        return None;
    }
    for (key, is_there) in [("url", url.is_some()), ("kind", kind.is_some())] {
        if !is_there {
            faults.below(&[name, key], node, "is missing");
        }
    }
    let Ok([key]) = <[KeySource; 1]>::try_from(keys) else {
        faults.below(&[name], node, "needs exactly one of token_env, token_command, token_file and keyring");
        return None;
    };
    Some(GatewaySetup { name: name.to_owned(), url: url?, kind: kind?, key, user, every })
}

fn of_kind(text: &str) -> Result<String, String> {
    let near = || did_you_mean(nearest(text, ALL.iter().map(|gateway| gateway.kind())));
    by_kind(text).map(|gateway| gateway.kind().to_owned()).ok_or_else(|| format!("unknown kind {}{}", quoted(text), near()))
}

/// Whether a gateway may be called so; why not, in words.
pub fn check_name(name: &str) -> Result<(), String> {
    caps::check_name(name)
}

/// The name of a variable; what looks like a key is refused without being repeated.
pub(super) fn variable(text: &str) -> Result<String, String> {
    let wrong = "is no name of a variable in capital letters; put the key into a variable and write that one's name here";
    if is_variable(text) { Ok(text.to_owned()) } else { Err(wrong.to_owned()) }
}

/// A text that is not repeated where it is none: somebody may have put a key there.
fn untold(field: &Node) -> Result<&str, String> {
    as_text(field).map_err(|_| "should be text in quotes".to_owned())
}

fn sound(text: &str) -> Result<String, String> {
    let fits = !text.trim().is_empty() && !text.chars().any(is_hostile);
    if fits { Ok(text.to_owned()) } else { Err("is empty, or has control characters in it".to_owned()) }
}

fn truth(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("is neither true nor false".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Millis, String> {
    let number = text.trim().trim_end_matches('s').parse::<u64>().ok().filter(|seconds| SECONDS.contains(seconds));
    number
        .and_then(|seconds| Millis::try_from(seconds * 1000).ok())
        .ok_or_else(|| format!("{} is no number of seconds between {} and {}", quoted(text), SECONDS.start(), SECONDS.end()))
}

/// The parts of a gateway as the file has them.
#[must_use]
pub fn parts(setup: &GatewaySetup) -> Vec<(&'static str, String)> {
    let key = match &setup.key {
        KeySource::Env(name) => ("token_env", name.clone()),
        KeySource::Command(command) => ("token_command", command.clone()),
        KeySource::File(path) => ("token_file", path.display().to_string()),
        KeySource::Keyring => ("keyring", "true".to_owned()),
    };
    let mut parts = vec![("url", setup.url.clone()), ("kind", setup.kind.clone()), key];
    parts.extend(setup.user.as_ref().map(|user| ("user", user.clone())));
    parts.extend(setup.every.map(|every| ("every", (every / 1000).to_string())));
    parts
}

impl Value for Vec<GatewaySetup> {
    /// A gateway is replaced as a whole.
    fn layer(&mut self, upper: Self) -> Option<Vec<String>> {
        let names = upper.iter().map(|gateway| gateway.name.clone()).collect();
        self.retain(|gateway| upper.iter().all(|other| other.name != gateway.name));
        self.extend(upper);
        Some(names)
    }

    fn parts(&self) -> Option<Vec<(String, String)>> {
        // A command may have a secret in it: it is not shown.
        Some(
            self.iter()
                .map(|gateway| (gateway.name.clone(), format!("{} ({}, key from {})", gateway.url, gateway.kind, gateway.key.words())))
                .collect(),
        )
    }

    fn show(&self) -> String {
        self.parts().unwrap_or_default().into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(";")
    }
}
