//! Text that came from a log, made safe to show; what a failure says, made short.

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

/// The causes of an error, the last of which is usually the one that helps.
#[must_use]
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = inner.source();
    }
    text
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

/// [`clean`], and without the signs whose width terminals do not agree on: a cell drawn too wide leaves ghosts behind.
///
/// Of an emoji that is glued together from several only the first is left, without skin tone or presentation selector;
/// a flag is the two letters it is made of. What is left takes the columns that [`columns`] says, everywhere.
#[must_use]
pub fn shown(text: &str) -> String {
    if text.is_ascii() {
        return clean(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut glued = false;
    for c in text.chars() {
        let joined = std::mem::take(&mut glued);
        match c {
            '\u{200d}' => glued = true,
            '\u{200b}' | '\u{2060}' | '\u{fe00}'..='\u{fe0f}' | '\u{20e3}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0000}'..='\u{e01ef}' => {
                glued = joined;
            }
            '\u{1f1e6}'..='\u{1f1ff}' => out.extend(char::from_u32(u32::from('A') + (u32::from(c) - 0x1f1e6))),
            // Joined letters of scripts that need the joiner stay; only pictures are left out.
            _ if joined && is_picture(c) => {}
            _ if is_hostile(c) => out.push('\u{fffd}'),
            _ => out.push(c),
        }
    }
    out
}

/// Whether a character may be the second part of an emoji.
const fn is_picture(c: char) -> bool {
    matches!(c, '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{1faff}')
}

/// [`shown`], cut to `width` terminal columns with an ellipsis; a character keeps the marks that belong to it.
#[must_use]
pub fn fit(text: &str, width: usize) -> String {
    let text = shown(text);
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

/// [`shown`], cut at its beginning: what is left is the end, after an ellipsis.
#[must_use]
pub fn fit_end(text: &str, width: usize) -> String {
    let text = shown(text);
    let mut left = columns(&text);
    if left <= width {
        return text;
    }
    let mut rest = text.as_str();
    while let Some(c) = rest.chars().next() {
        // Marks leave with the character that they belong to.
        if left < width && c.width().unwrap_or(0) > 0 {
            break;
        }
        left -= c.width().unwrap_or(0);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    if width > 0 { format!("…{rest}") } else { String::new() }
}

/// The lines that a text, made safe to show, takes where one has `width` columns; a word that is longer than a line is cut.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace().map(shown) {
        match lines.last_mut() {
            Some(line) if columns(line) + 1 + columns(&word) <= width => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(fit(&word, width)),
        }
    }
    lines
}

/// The terminal columns a text takes.
#[must_use]
pub fn columns(text: &str) -> usize {
    text.chars().map(|c| c.width().unwrap_or(0)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_uncertain_width_are_shown_as_what_they_begin_with() {
        let table = [
            ("👨\u{200d}👩\u{200d}👧 team", "👨 team"),
            ("❤\u{fe0f}", "❤"),
            ("👍🏽", "👍"),
            ("1\u{fe0f}\u{20e3}", "1"),
            ("🇨🇭-release", "CH-release"),
            ("e\u{301}te\u{301}", "e\u{301}te\u{301}"),
            ("データ", "データ"),
            ("plain", "plain"),
            ("\u{1b}é", "\u{fffd}é"),
        ];
        for (text, safe) in table {
            assert_eq!(shown(text), safe);
        }
    }

    #[test]
    fn a_cut_is_marked_at_either_end_and_spares_marks() {
        assert_eq!(fit("abcdef", 4), "abc…");
        assert_eq!(fit_end("abcdef", 4), "…def");
        assert_eq!(fit_end("abc", 4), "abc");
        assert_eq!(fit("ae\u{301}bcd", 3), "ae\u{301}…");
        assert_eq!(fit_end("abce\u{301}d", 3), "…e\u{301}d");
        for width in 0..12 {
            for text in ["データ基盤", "ab データ", "👨\u{200d}👩x🇨🇭y"] {
                assert!(columns(&fit(text, width)) <= width && columns(&fit_end(text, width)) <= width, "{text} {width}");
            }
        }
    }

    #[test]
    fn words_go_on_in_the_next_line() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("everything", 4), ["eve…"]);
        assert_eq!(wrap("a \u{1b}[2J b", 80), ["a \u{fffd}[2J b"]);
    }
}
