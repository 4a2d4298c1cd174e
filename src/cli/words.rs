//! Values that are one of a few words: help lists them, shells offer them, and a slip gets a suggestion.

use std::ffi::OsStr;

use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use clap::{Arg, Command};

use crate::config::{Group, Range, THEMES};
use crate::model::cap::{Action, Span};
use crate::sources;

use super::listing::Order;

/// Reads a value for clap. What is offered need not be all that is taken.
#[derive(Debug, Clone)]
pub struct Words<T> {
    offered: fn() -> Vec<&'static str>,
    read: fn(&str) -> Option<T>,
}

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Words<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, clap::Error> {
        if let Some(found) = value.to_str().and_then(self.read) {
            return Ok(found);
        }
        // Refused in clap's own words, with the one that was probably meant.
        let word = PossibleValuesParser::new((self.offered)()).parse_ref(command, arg, value)?;
        (self.read)(&word).ok_or_else(|| clap::Error::new(clap::error::ErrorKind::InvalidValue).with_cmd(command))
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        Some(Box::new((self.offered)().into_iter().map(PossibleValue::new)))
    }
}

/// Ranges.
#[must_use]
pub fn ranges() -> Words<Range> {
    Words { offered: || Range::ALL.iter().map(|range| range.word()).collect(), read: |word| word.parse().ok() }
}

/// What sessions are grouped by.
#[must_use]
pub fn groups() -> Words<Group> {
    Words { offered: || Group::ALL.iter().map(|group| group.word()).collect(), read: |word| word.parse().ok() }
}

/// Orders, each also with a `-` before it.
#[must_use]
pub fn orders() -> Words<Order> {
    Words { offered: Order::names, read: |word| word.parse().ok() }
}

/// Orders that the screen has, too.
#[must_use]
pub fn columns() -> Words<Order> {
    let names = || Order::names().into_iter().filter(|name| Order::of(name).column().is_some()).collect();
    Words { offered: names, read: |word| word.parse().ok().filter(|order: &Order| order.column().is_some()) }
}

/// Themes. Which of his own the user has, the settings know.
#[must_use]
pub fn themes() -> Words<String> {
    Words { offered: || THEMES.to_vec(), read: |word| Some(word.to_owned()) }
}

/// The names of all agents.
fn agent_names() -> Vec<&'static str> {
    sources::ALL.iter().map(|source| source.agent()).collect()
}

/// Agents; a part of a name is enough, as in the filter line.
#[must_use]
pub fn agents() -> Words<String> {
    let read = |word: &str| {
        let part = word.to_lowercase();
        agent_names().iter().any(|name| name.contains(&part)).then(|| word.to_owned())
    };
    Words { offered: agent_names, read }
}

/// One agent by its whole name; a part of it is enough where it is no other's.
#[must_use]
pub fn agent() -> Words<String> {
    let read = |word: &str| {
        let part = word.to_lowercase();
        let names = agent_names();
        let mut like = names.iter().filter(|name| **name == part || (!part.is_empty() && name.contains(&part)));
        let exact = names.iter().find(|name| **name == part);
        exact.or_else(|| like.next().filter(|_| like.next().is_none())).map(|name| (*name).to_owned())
    };
    Words { offered: agent_names, read }
}

/// Spans of caps.
#[must_use]
pub fn spans() -> Words<Span> {
    Words { offered: || Span::ALL.iter().map(|span| span.word()).collect(), read: Span::from_word }
}

/// What caps do.
#[must_use]
pub fn actions() -> Words<Action> {
    Words { offered: || Action::ALL.iter().map(|action| action.word()).collect(), read: Action::from_word }
}
