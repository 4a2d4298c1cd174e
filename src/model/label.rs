//! Labels: which team, feature, customer, environment or experiment a session was for.

use std::sync::Arc;

use super::text::{clean, fit, is_hostile};

/// The columns that a value may take; what a rule takes out of a log is cut to them.
pub const LONGEST: usize = 80;

/// The value that says that there is none, whatever rules and parents say.
pub const NONE: &str = "none";

/// What spend can be attributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Whose work it was.
    Team,
    /// What was built: a feature, a ticket.
    Feature,
    /// Who pays for it.
    Customer,
    /// Where it runs: `staging`, `production`.
    Environment,
    /// The trial that it belongs to, which may have a budget of its own.
    Experiment,
}

impl Dimension {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Dimension; 5] =
        [Dimension::Team, Dimension::Feature, Dimension::Customer, Dimension::Environment, Dimension::Experiment];

    /// The word in configuration, in filters, in the ledger and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Dimension::Team => "team",
            Dimension::Feature => "feature",
            Dimension::Customer => "customer",
            Dimension::Environment => "environment",
            Dimension::Experiment => "experiment",
        }
    }

    /// Back from the word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Dimension> {
        Dimension::ALL.into_iter().find(|dimension| dimension.word() == word)
    }
}

/// The values of a session; a dimension without one is not attributed.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels([Option<Arc<str>>; 5]);

impl Labels {
    /// The value of a dimension; [`NONE`] is none.
    #[must_use]
    pub fn get(&self, of: Dimension) -> Option<&Arc<str>> {
        self.said(of).filter(|value| ***value != *NONE)
    }

    /// What is said of a dimension, be it [`NONE`].
    #[must_use]
    pub fn said(&self, of: Dimension) -> Option<&Arc<str>> {
        self.0.get(of as usize).and_then(Option::as_ref)
    }

    /// Sets the value of a dimension, or takes it away.
    pub fn set(&mut self, of: Dimension, value: Option<Arc<str>>) {
        if let Some(place) = self.0.get_mut(of as usize) {
            *place = value;
        }
    }

    /// Whether nothing is attributed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// Whether something is said of every dimension.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// The dimensions with a value, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (Dimension, &Arc<str>)> {
        Dimension::ALL.into_iter().filter_map(|dimension| Some((dimension, self.get(dimension)?)))
    }

    /// These, and those of `others` where these say nothing.
    #[must_use]
    pub fn or(mut self, others: &Labels) -> Labels {
        for (own, other) in self.0.iter_mut().zip(&others.0) {
            if own.is_none() {
                own.clone_from(other);
            }
        }
        self
    }
}

/// A value that comes from a log or a variable: trimmed, harmless on a terminal, and no longer than [`LONGEST`] columns.
/// Nothing where nothing is left.
#[must_use]
pub fn value(text: &str) -> Option<Arc<str>> {
    let text = fit(&clean(text.trim()), LONGEST);
    (!text.is_empty()).then(|| Arc::from(text))
}

/// A value that a person has typed: it is taken as it is, or not at all.
pub fn typed(text: &str) -> Result<Arc<str>, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty");
    }
    if text.chars().any(is_hostile) {
        return Err("has a control character in it");
    }
    if fit(text, LONGEST) != text {
        return Err("is longer than 80 columns, or has signs that terminals do not agree on");
    }
    Ok(Arc::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dimension_has_a_place_and_a_word_of_its_own() {
        let mut labels = Labels::default();
        for dimension in Dimension::ALL {
            assert_eq!(Dimension::from_word(dimension.word()), Some(dimension));
            labels.set(dimension, value(dimension.word()));
        }
        assert!(labels.is_full());
        assert!(labels.iter().all(|(dimension, value)| dimension.word() == &**value));
    }

    #[test]
    fn a_value_of_a_log_cannot_drive_a_terminal() {
        assert_eq!(value("  PAY-12\u{1b}[31m ").as_deref(), Some("PAY-12\u{fffd}[31m"));
        assert_eq!(value(" \t "), None);
        assert_eq!(value(&"x".repeat(500)).unwrap().chars().count(), LONGEST);
    }

    #[test]
    fn a_value_that_is_typed_is_refused_rather_than_changed() {
        assert_eq!(typed(" checkout ").as_deref(), Ok("checkout"));
        for text in ["", "  ", "a\u{202e}b", "a\nb", &"x".repeat(81)] {
            assert!(typed(text).is_err(), "{text:?}");
        }
    }
}
