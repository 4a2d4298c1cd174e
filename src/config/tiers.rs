//! Readers of what is said about classes of models: their targets, and which class a model is of.

use super::context::Context;
use super::node::{Node, quoted};
use super::read::{Faults, as_list, note};
use super::value::Value;
use crate::pricing::{Class, Target};

/// Models and the classes that they have been given.
pub(super) type Given = Vec<(String, Class)>;

impl Value for Vec<Target> {
    fn show(&self) -> String {
        self.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
}

impl Value for Given {
    fn show(&self) -> String {
        self.iter().map(|(model, class)| format!("{model}={}", class.word())).collect::<Vec<_>>().join(",")
    }
}

/// The shares that classes are to have. A class that is named twice has no one target.
pub(super) fn targets(node: &Node, _: &Context, faults: &mut Faults) -> Option<Vec<Target>> {
    let mut out: Vec<Target> = Vec::new();
    for (item, text) in note(as_list(node), node, faults)? {
        let read = text.parse::<Target>().map_err(|_| format!("{} is not a class and its share, such as `workhorse=70-80`", quoted(text)));
        let target = note(read, item, faults)?;
        if out.iter().any(|other| other.class == target.class) {
            faults.add(item, format!("names {} a second time", target.class.word()));
            return None;
        }
        out.push(target);
    }
    Some(out)
}

/// The classes that models are given. One that is wrong leaves the others be.
pub(super) fn given(node: &Node, _: &Context, faults: &mut Faults) -> Option<Given> {
    let mut out = Given::new();
    for (item, text) in note(as_list(node), node, faults)? {
        let read = text.rsplit_once('=').and_then(|(model, class)| Some((model.trim(), class.trim().parse().ok()?)));
        match read.filter(|(model, _)| !model.is_empty()) {
            Some((model, class)) => out.push((model.to_owned(), class)),
            None => faults.add(item, format!("{} is not a model and its class, such as `my-model=small`", quoted(text))),
        }
    }
    Some(out)
}
