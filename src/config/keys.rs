//! Keys of the screen, as people write them: `q`, `ctrl-c`, `T`, `f1`, `enter`.

use crokey::KeyCombination;

/// What keys can do, by name. The screen's own table says the same; a test holds the two together.
pub const ACTIONS: &[&str] = &[
    "sessions",
    "loops",
    "caps",
    "up",
    "down",
    "page-up",
    "page-down",
    "top",
    "trends",
    "team",
    "gpus",
    "bottom",
    "open",
    "back",
    "section",
    "fold",
    "fold-all",
    "filter",
    "clear-filter",
    "sort",
    "sort-back",
    "reverse",
    "range",
    "group",
    "cap",
    "stop",
    "hold",
    "theme",
    "freeze",
    "copy-id",
    "open-log",
    "redraw",
    "suspend",
    "help",
    "quit",
];

/// A key by its name; a capital letter is that letter with shift.
#[must_use]
pub fn parse(key: &str) -> Option<KeyCombination> {
    let mut letters = key.chars();
    let capital = letters.next().filter(|c| c.is_uppercase() && letters.next().is_none());
    let key = capital.map_or_else(|| key.to_owned(), |c| format!("shift-{}", c.to_lowercase()));
    crokey::parse(&key).ok().map(KeyCombination::normalized)
}
