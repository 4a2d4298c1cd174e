//! Lists: kinds, codes, settings, themes.

use std::collections::BTreeSet;

use aifinops::alerts::AlertKind;
use aifinops::config::{THEMES, default_text};
use aifinops::store::ledger;

use super::{README, between, names, section, without_asides, words};

#[test]
fn every_kind_of_alert_is_in_the_list_of_watch() {
    let said = words(between(section("### `watch --json`"), "`kind` is one of", ";"));
    assert_eq!(said, AlertKind::TOLD.map(AlertKind::word));
}

#[test]
fn what_is_unusual_has_its_row_among_the_alerts() {
    let table: Vec<&str> = section("## Alerts").lines().filter(|line| line.starts_with("| `")).flat_map(words).collect();
    let plain = ["cap_level", "cap_hit", "experiment", "session_over", "loop_stopped", "guard_broken", "unpriced"];
    for kind in AlertKind::TOLD.map(AlertKind::word) {
        assert!(plain.contains(&kind) || table.contains(&kind), "{kind}");
    }
}

#[test]
fn every_kind_of_decision_is_in_the_list_of_the_log() {
    let said = without_asides(between(section("### `cap … --json`"), "`decision` is one of", ". `amount`"));
    assert_eq!(words(&said), ledger::Kind::ALL.map(ledger::Kind::word));
}

#[test]
fn every_code_of_an_error_is_told() {
    let source = include_str!("../../../src/cli/error.rs");
    let codes = between(source, "fn code(&self)", "\n    }\n");
    let known: BTreeSet<&str> = codes.split('"').skip(1).step_by(2).collect();
    let said: BTreeSet<&str> = words(between(section("### Errors"), "`code` is one of", ". `hint`")).into_iter().collect();
    assert!(known.len() > 15);
    assert_eq!(said, known);
}

#[test]
fn every_variable_and_every_flag_of_a_setting_is_among_the_settings() {
    let (chapter, text) = (names(section("## Settings")), default_text());
    let said = text.lines().filter_map(|line| line.strip_prefix("# Variable: ")?.split_once(". Flag: "));
    let wanted: Vec<&str> = said.flat_map(|(variables, flag)| variables.split(", ").chain([flag])).collect();
    assert!(wanted.len() > 50);
    for name in wanted {
        assert!(chapter.contains(name), "{name}");
    }
}

#[test]
fn every_theme_is_named() {
    let said = between(&README, "`T` shows one theme after the other:", "Keep one with:");
    assert_eq!(words(said), THEMES);
}
