//! Text.

use super::{harmless, split};
use aifinops::model::text::{clean, columns, fit, fit_end, is_hostile, shown, without_number, wrap};
use aifinops::model::{label, remote};

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((width, data)) = split(data) else { return };
    let text = String::from_utf8_lossy(data);
    let cleaned = clean(&text);
    harmless(&cleaned);
    assert_eq!(cleaned.chars().count(), text.chars().count());
    assert_eq!(clean(&cleaned), cleaned);
    if !text.chars().any(is_hostile) {
        assert_eq!(cleaned, text);
    }
    let drawn = shown(&text);
    harmless(&drawn);
    assert_eq!(shown(&drawn), drawn);
    for cut in [fit(&text, width), fit_end(&text, width)] {
        harmless(&cut);
        assert!(columns(&cut) <= width, "{cut:?} is wider than {width}");
    }
    assert_eq!(fit(&text, usize::MAX), drawn);
    assert_eq!(fit_end(&text, usize::MAX), drawn);
    for line in wrap(&drawn, width) {
        harmless(&line);
        assert!(columns(&line) <= width, "{line:?}");
    }
    assert!(!without_number(&text).contains(" (os error ") || !text.split(" (os error ").skip(1).all(|rest| rest.contains(')')));
    if let Some(value) = label::value(&text) {
        harmless(&value);
        assert!(columns(&value) <= label::LONGEST && !value.is_empty());
    }
    if let Ok(value) = label::typed(&text) {
        assert_eq!(label::value(&value).as_deref(), Some(&*value));
    }
    if let Some(address) = remote::normal(&text) {
        harmless(&address);
        assert!(!address.is_empty() && address.len() <= 300 && !address.contains(['?', '#']));
    }
}
