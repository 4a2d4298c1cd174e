//! The README as a text: its headings, its tables, its links.

use std::collections::BTreeSet;

use super::README;

/// Its lines outside of blocks of code, each with the one before it.
fn prose() -> Vec<(&'static str, &'static str)> {
    let (mut before, mut in_code, mut lines) = ("", false, Vec::new());
    for line in README.lines() {
        let is_fence = line.starts_with("```");
        if !in_code && !is_fence {
            lines.push((before, line));
        }
        in_code ^= is_fence;
        before = line;
    }
    lines
}

fn headings() -> Vec<&'static str> {
    prose().into_iter().map(|(_, line)| line).filter(|line| line.starts_with('#')).collect()
}

#[test]
fn headings_and_tables_stand_apart() {
    for (before, line) in prose() {
        let (begins, is_row) = (line.starts_with('#'), line.starts_with('|'));
        let goes_on = before.is_empty() || is_row && (before.starts_with('|') || before.starts_with("<!--"));
        assert!(goes_on || !(begins || is_row), "nothing parts {line:?} from {before:?}");
        assert!(is_row || !before.starts_with('|') || line.is_empty() || line.starts_with("<!--"), "{line:?} is glued to a table");
        assert!(!before.starts_with('#') || line.is_empty(), "{line:?} is glued to a heading");
    }
}

#[test]
fn the_rows_of_a_table_have_as_many_cells_as_its_head() {
    let cells = |line: &str| line.replace("\\|", "").matches('|').count();
    for (before, line) in prose() {
        if before.starts_with('|') && line.starts_with('|') {
            // What stands in backticks is no cell's end.
            assert_eq!(cells(&without_code(before)), cells(&without_code(line)), "{line}");
        }
    }
}

fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

#[test]
fn no_heading_stands_twice_and_every_link_leads_to_one() {
    let headings = headings();
    let anchors: BTreeSet<String> = headings.iter().map(|heading| anchor(heading)).collect();
    assert_eq!(anchors.len(), headings.len());
    let text: String = prose().into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n");
    let links: Vec<&str> = text.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > 10);
    for link in links {
        assert!(anchors.contains(link), "#{link} leads nowhere");
    }
}

/// As the places where READMEs are read make it: lower case, signs left out, spaces as lines.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_')).map(|c| if c == ' ' { '-' } else { c }).collect()
}
