//! What the ways to see inference servers have in common: a page's samples by model, sums of them, and lists in JSON.
//!
//! A page is somebody else's. Every sample is looked at once, no more models are told apart than anybody serves, and what
//! a list holds beyond that is skipped unread. A sum of which one part is no true figure is not known: taken without that
//! part it would step back now, and forth again at the next look.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, DeserializeOwned, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::exposition::{Exposition, LONGEST_VALUE, Sample};
use super::number;
use crate::model::gpu::{Permille, Timing};

/// Models of one server that are told: the first ones, by their names.
pub(super) const MOST_MODELS: usize = 64;

/// A page's samples of one model.
pub(super) struct Model<'a> {
    /// Its name; empty where it is not named.
    name: &'a str,
    /// By their names, as a page has them.
    samples: Vec<&'a Sample>,
}

impl<'a> Model<'a> {
    /// Its name, where it has one.
    pub(super) fn name(&self) -> Option<String> {
        (!self.name.is_empty()).then(|| self.name.to_owned())
    }

    /// All samples of a name.
    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &'a Sample> {
        let from = self.samples.partition_point(|sample| sample.name.as_str() < name);
        let rest = self.samples.get(from..).unwrap_or_default();
        let count = rest.partition_point(|sample| sample.name == name);
        rest.get(..count).unwrap_or_default().iter().copied()
    }

    /// The sum of a name's samples.
    pub(super) fn count(&self, name: &str) -> Option<u64> {
        count(self.all(name))
    }

    /// The largest of a name's samples, each of which is a share between 0 and 1.
    pub(super) fn most(&self, name: &str) -> Option<Permille> {
        self.all(name).filter_map(|sample| number::ratio(sample.value)).max()
    }

    /// A histogram of seconds.
    pub(super) fn timing(&self, name: &str) -> Option<Timing> {
        timing(self.all(&format!("{name}_sum")), self.all(&format!("{name}_count")))
    }
}

/// The samples whose names begin so, by the model that their label names. One without the label is about no model; where none
/// has it, all of them are about one that is not named.
pub(super) fn models<'a>(said: &'a Exposition, label: &str, prefixes: &[&str]) -> Vec<Model<'a>> {
    let own = || said.iter().filter(|sample| prefixes.iter().any(|prefix| sample.name.starts_with(prefix)));
    let has_names = own().any(|sample| sample.label(label).is_some());
    let mut found: BTreeMap<&str, Vec<&Sample>> = BTreeMap::new();
    for sample in own() {
        if let Some(name) = sample.label(label).or_else(|| (!has_names).then_some("")) {
            found.entry(name).or_default().push(sample);
        }
    }
    found.into_iter().take(MOST_MODELS).map(|(name, samples)| Model { name, samples }).collect()
}

/// Whether a page has a sample whose name begins so.
pub(super) fn speaks(said: &Exposition, prefix: &str) -> bool {
    said.iter().any(|sample| sample.name.starts_with(prefix))
}

/// Whether a page has a sample whose name begins so and that has this label.
pub(super) fn labels(said: &Exposition, prefix: &str, label: &str) -> bool {
    said.iter().any(|sample| sample.name.starts_with(prefix) && sample.label(label).is_some())
}

/// The sum of counts.
pub(super) fn count<'a>(samples: impl IntoIterator<Item = &'a Sample>) -> Option<u64> {
    scaled(samples, 1.0)
}

/// The sum of figures, each as a count of a smaller unit.
pub(super) fn scaled<'a>(samples: impl IntoIterator<Item = &'a Sample>, by: f64) -> Option<u64> {
    let figures = samples.into_iter().map(|sample| number::scaled(sample.value, by));
    figures.reduce(|sum, next| sum?.checked_add(next?)).flatten()
}

/// Seconds and how many times.
pub(super) fn timing<'a>(seconds: impl IntoIterator<Item = &'a Sample>, times: impl IntoIterator<Item = &'a Sample>) -> Option<Timing> {
    Some(Timing { micros: scaled(seconds, 1_000_000.0)?, count: count(times)? })
}

/// The sum of those counts that are known.
pub(super) fn together(counts: [Option<u64>; 2]) -> Option<u64> {
    counts.into_iter().flatten().reduce(u64::saturating_add)
}

/// What a path has answered.
pub(super) fn answer<'a>(more: &[(&str, &'a [u8])], path: &str) -> Option<&'a [u8]> {
    more.iter().find(|(asked, _)| *asked == path).map(|(_, body)| *body)
}

/// A name that a screen can show.
pub(super) fn name(text: String) -> Option<String> {
    (!text.is_empty() && text.len() <= LONGEST_VALUE).then_some(text)
}

/// A value of JSON as what it should be; nothing where it is something else, which spoils nothing beside it.
pub(super) fn told<T: DeserializeOwned>(raw: Option<&RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// The first so many values of a list in JSON, as they stand.
pub(super) struct Items<'a, const MOST: usize>(pub(super) Vec<&'a RawValue>);

impl<'de: 'a, 'a, const MOST: usize> Deserialize<'de> for Items<'a, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(List)
    }
}

/// Reads [`Items`].
struct List<const MOST: usize>;

impl<'a, const MOST: usize> Visitor<'a> for List<MOST> {
    type Value = Items<'a, MOST>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'a>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while items.len() < MOST
            && let Some(item) = list.next_element()?
        {
            items.push(item);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Items(items))
    }
}
