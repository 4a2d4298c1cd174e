//! Rows.

use aifinops::gpus::nvidia_smi::rows::{Row, fields, process};

const HELP: &str = include_str!("../../fixtures/gpus/nvidia_smi/help-query-gpu.txt");

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    // The help may stand before the rows.
    let (help, lines) = text.split_once('\u{1}').unwrap_or((HELP, &text));
    let fields = fields(help);
    assert!(fields.contains(&"index"));
    for line in lines.lines() {
        if let Some(row) = Row::read(line, &fields) {
            let card = &row.card;
            assert!(card.index.is_some() && !card.id.is_empty() && !card.name.is_empty());
            assert!(card.used.is_none_or(|share| share <= 1000) && card.temperature.is_none_or(|degrees| (-60..=250).contains(&degrees)));
            assert_eq!(card.throttle.is_some(), card.driver_idle.is_some());
        }
        if let Some((card, _)) = process(line) {
            assert_eq!(card, card.to_ascii_lowercase());
        }
    }
}
