//! Keys to actions.

use std::collections::{BTreeMap, HashMap};

use crokey::{KeyCombination, KeyCombinationFormat};
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::config::keys::parse;

use super::action::{Action, TABLE};

/// The keys in force.
#[derive(Debug, Clone)]
pub struct Keymap {
    by_key: HashMap<KeyCombination, Action>,
    by_action: Vec<(Action, Vec<KeyCombination>)>,
    format: KeyCombinationFormat,
}

/// An entry of the configuration that means nothing.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyProblem {
    /// No such action.
    #[error("keys.{name}: there is no such action; the actions are {all}")]
    Action {
        /// As written.
        name: String,
        /// All of them.
        all: String,
    },
    /// No such key.
    #[error("keys.{name}: `{key}` is no key; write it like `q`, `ctrl-c`, `T`, `f1`, `enter`")]
    Key {
        /// The action.
        name: String,
        /// As written.
        key: String,
    },
}

impl Keymap {
    /// The default keys with the configuration's in their place. What means nothing is told and left at its default.
    #[must_use]
    pub fn new(custom: &BTreeMap<String, Vec<String>>) -> (Keymap, Vec<KeyProblem>) {
        let mut problems = Vec::new();
        for name in custom.keys().filter(|name| !TABLE.iter().any(|b| b.name == name.as_str())) {
            let all = TABLE.iter().map(|b| b.name).collect::<Vec<_>>().join(", ");
            problems.push(KeyProblem::Action { name: name.clone(), all });
        }
        let mut by_action = Vec::new();
        for binding in TABLE {
            let mut keys = Vec::new();
            for key in custom.get(binding.name).into_iter().flatten() {
                match parse(key) {
                    Some(key) => keys.push(key),
                    None => problems.push(KeyProblem::Key { name: binding.name.to_owned(), key: key.clone() }),
                }
            }
            if keys.is_empty() {
                keys = binding.keys.iter().filter_map(|key| parse(key)).collect();
            }
            by_action.push((binding.action, keys));
        }
        // A key that the user gave to one action is taken from the others.
        let mut by_key = HashMap::new();
        let is_custom = |action: Action| TABLE.iter().any(|b| b.action == action && custom.contains_key(b.name));
        for pass in [false, true] {
            for (action, keys) in by_action.iter().filter(|(action, _)| is_custom(*action) == pass) {
                by_key.extend(keys.iter().map(|key| (*key, *action)));
            }
        }
        (Keymap { by_key, by_action, format: KeyCombinationFormat::default().with_lowercase_modifiers() }, problems)
    }

    /// What a key does.
    #[must_use]
    pub fn action(&self, key: KeyEvent) -> Option<Action> {
        let find = |key: KeyEvent| self.by_key.get(&KeyCombination::from(key).normalized()).copied();
        // Some terminals add shift to a sign that is typed with it.
        let is_sign = matches!(key.code, KeyCode::Char(c) if !c.is_alphanumeric());
        find(key).or_else(|| find(KeyEvent { modifiers: key.modifiers - KeyModifiers::SHIFT, ..key }).filter(|_| is_sign))
    }

    /// The keys of an action, for people: `s, >`.
    #[must_use]
    pub fn keys(&self, action: Action) -> String {
        let keys = self.by_action.iter().find(|(a, _)| *a == action).map(|(_, keys)| keys.as_slice()).unwrap_or_default();
        keys.iter().filter(|k| self.by_key.get(k) == Some(&action)).map(|k| self.name(*k)).collect::<Vec<_>>().join(", ")
    }

    /// The first key of an action.
    #[must_use]
    pub fn first(&self, action: Action) -> String {
        self.keys(action).split(", ").next().unwrap_or_default().to_owned()
    }

    fn name(&self, key: KeyCombination) -> String {
        let name = self.format.to_string(key);
        match name.strip_prefix("shift-") {
            // Capital letters are what people see on the screen.
            Some(letter) if letter.chars().count() == 1 => letter.to_uppercase(),
            _ => name.to_lowercase(),
        }
    }
}
