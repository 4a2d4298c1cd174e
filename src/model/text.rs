//! Text that came from a log, made safe to show.

use unicode_width::UnicodeWidthChar as _;

/// What the system says of a failure, without its number: `Permission denied (os error 13)`.
#[must_use]
pub fn without_number(text: &str) -> String {
    let mut out = text.to_owned();
    while let Some(from) = out.find(" (os error ") {
        let Some(to) = out.get(from..).and_then(|rest| rest.find(')')) else { break };
        out.replace_range(from..=from + to, "");
    }
    out
}

/// Whether a character could move the cursor, change colours or reorder text in a terminal.
///
/// C0, DEL and C1 controls, line and paragraph separators, and the Unicode bidirectional controls.
#[must_use]
pub fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// The text with every hostile character replaced, so that nothing in a log can drive a terminal.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars().map(|c| if is_hostile(c) { '\u{fffd}' } else { c }).collect()
}

/// [`clean`], cut to `width` terminal columns with an ellipsis.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    let text = clean(text);
    if columns(&text) <= width {
        return text;
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let w = c.width().unwrap_or(0);
        if used + w + 1 > width {
            break;
        }
        out.push(c);
        used += w;
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// The terminal columns a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}
