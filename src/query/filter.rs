//! The filter line: words that must all be met.

use crate::model::{Dimension, label};

use super::SessionView;

/// A parsed filter such as `agent:codex project:api live billing`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    words: Vec<Word>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Word {
    Agent(String),
    Project(String),
    Model(String),
    Branch(String),
    Label(Dimension, String),
    Live,
    Text(String),
}

impl Filter {
    /// What may stand before a colon.
    pub const KEYS: [&str; 9] = ["agent", "project", "model", "branch", "team", "feature", "customer", "environment", "experiment"];

    /// The first word's `key` in `key:value` that is none of [`Filter::KEYS`]: most likely a slip of the hand.
    #[must_use]
    pub fn unknown_key(line: &str) -> Option<String> {
        let key = |word: String| word.split_once(':').map(|(key, _)| key.to_lowercase());
        words(line).into_iter().filter_map(key).find(|key| !Filter::KEYS.contains(&key.as_str()))
    }

    /// Reads a filter line: words with spaces between them, which may stand in quotes where they hold spaces themselves.
    /// Every line is a filter: an unknown `key:` is text to look for.
    #[must_use]
    pub fn parse(line: &str) -> Filter {
        Filter::of_words(words(line))
    }

    /// The filter of these words, each of which is one whatever it holds.
    #[must_use]
    pub fn of_words(words: impl IntoIterator<Item = String>) -> Filter {
        let words = words
            .into_iter()
            .map(|word| word.to_lowercase())
            .map(|word| match word.split_once(':') {
                Some(("agent", value)) => Word::Agent(value.to_owned()),
                Some(("project", value)) => Word::Project(value.to_owned()),
                Some(("model", value)) => Word::Model(value.to_owned()),
                Some(("branch", value)) => Word::Branch(value.to_owned()),
                Some((key, value)) => match Dimension::from_word(key) {
                    Some(dimension) => Word::Label(dimension, value.to_owned()),
                    None => Word::Text(word),
                },
                None if word == "live" => Word::Live,
                None => Word::Text(word),
            })
            .collect();
        Filter { words }
    }

    /// Adds the conditions of another filter.
    #[must_use]
    pub fn and(mut self, other: Filter) -> Filter {
        self.words.extend(other.words);
        self
    }

    /// Whether everything passes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// Whether a session meets every word.
    #[must_use]
    pub fn matches(&self, session: &SessionView) -> bool {
        self.words.iter().all(|word| match word {
            Word::Live => session.state.is_live(),
            Word::Agent(part) => holds(&session.agent, part),
            Word::Project(part) => holds(&session.project, part) || session.cwd.as_deref().is_some_and(|c| holds(c, part)),
            Word::Branch(part) => session.branch.as_deref().is_some_and(|b| holds(b, part)),
            Word::Model(part) => has_model(session, part),
            Word::Label(dimension, part) => match session.labels.get(*dimension) {
                Some(value) => holds(value, part),
                None => part == label::NONE,
            },
            Word::Text(part) => {
                holds(&session.agent, part)
                    || holds(&session.project, part)
                    || holds(&session.uid, part)
                    || session.branch.as_deref().is_some_and(|b| holds(b, part))
                    || session.role.as_deref().is_some_and(|r| holds(r, part))
                    || has_model(session, part)
                    || session.labels.iter().any(|(_, value)| holds(value, part))
            }
        })
    }

    /// Whether a row of this model may be shown: only `model:` words have a say.
    #[must_use]
    pub fn meets_model(&self, model: &str) -> bool {
        self.words.iter().all(|word| !matches!(word, Word::Model(part) if !holds(model, part)))
    }
}

/// The words of a line. Between two `"` a space is a part of its word; of a quote that nobody closes, as while it is being
/// typed, the rest of the line is.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quoted) = (String::new(), false);
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && !quoted => words.push(std::mem::take(&mut word)),
            c => word.push(c),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

fn holds(text: &str, part: &str) -> bool {
    text.to_lowercase().contains(part)
}

fn has_model(session: &SessionView, part: &str) -> bool {
    session.model.as_deref().is_some_and(|m| holds(m, part)) || session.models.iter().any(|m| holds(m, part))
}
