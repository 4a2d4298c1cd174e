//! The line's template: `today {today}[ · 5h {5h}]`.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style as Ansi};

use super::parts::{NAMES, Parts, Tone};
use crate::cli::out::FAINT;

/// What stands where nothing is known, outside of brackets.
const NOTHING: &str = "–";

/// Whether the line has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// What is near its limit is yellow, what is at it red.
    Coloured,
}

/// One piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Name(&'static str),
    /// Left out where a name in it has nothing to say.
    Optional(Vec<Piece>),
}

/// A template that has been understood.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template(Vec<Piece>);

impl Template {
    /// Reads a template, or says what is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut chars = text.chars().peekable();
        let mut outer: Vec<Piece> = Vec::new();
        let mut inner: Option<Vec<Piece>> = None;
        let mut literal = String::new();
        while let Some(c) = chars.next() {
            let is_twice = matches!(c, '{' | '}' | '[' | ']') && chars.next_if_eq(&c).is_some();
            let pieces = inner.as_mut().unwrap_or(&mut outer);
            match c {
                '{' if !is_twice => {
                    flush(&mut literal, pieces);
                    pieces.push(Piece::Name(name(&mut chars)?));
                }
                '[' if !is_twice => {
                    flush(&mut literal, pieces);
                    if inner.replace(Vec::new()).is_some() {
                        return Err("brackets stand in brackets".to_owned());
                    }
                }
                ']' if !is_twice => {
                    flush(&mut literal, pieces);
                    outer.push(Piece::Optional(inner.take().ok_or("a bracket is closed that is not open; ]] is the sign itself")?));
                }
                '}' if !is_twice => return Err("a brace is closed that is not open; }} is the sign itself".to_owned()),
                c => literal.push(c),
            }
        }
        if inner.is_some() {
            return Err("a bracket is not closed; [[ is the sign itself".to_owned());
        }
        flush(&mut literal, &mut outer);
        Ok(Template(outer))
    }

    /// Whether a name occurs in it.
    #[must_use]
    pub fn names(&self, name: &str) -> bool {
        fn has(pieces: &[Piece], name: &str) -> bool {
            pieces.iter().any(|piece| match piece {
                Piece::Text(_) => false,
                Piece::Name(known) => *known == name,
                Piece::Optional(pieces) => has(pieces, name),
            })
        }
        has(&self.0, name)
    }

    /// The line. Nothing in it can drive a terminal but the colours that were asked for, and it is one line.
    #[must_use]
    pub fn fill(&self, parts: &Parts, style: Style) -> String {
        let mut line = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Optional(pieces) if pieces.iter().all(|piece| is_known(piece, parts)) => {
                    for piece in pieces {
                        put(piece, parts, style, &mut line);
                    }
                }
                Piece::Optional(_) => {}
                piece => put(piece, parts, style, &mut line),
            }
        }
        line
    }
}

/// The name up to the brace that closes it.
fn name(chars: &mut impl Iterator<Item = char>) -> Result<&'static str, String> {
    let mut name = String::new();
    loop {
        match chars.next() {
            Some('}') => break,
            Some(c) => name.push(c),
            None => return Err("a brace is not closed; {{ is the sign itself".to_owned()),
        }
    }
    let known = NAMES.iter().find(|known| **known == name).copied();
    known.ok_or_else(|| format!("there is no {{{name}}}; there are {}", NAMES.map(|name| format!("{{{name}}}")).join(" ")))
}

fn flush(literal: &mut String, pieces: &mut Vec<Piece>) {
    if !literal.is_empty() {
        pieces.push(Piece::Text(crate::model::text::shown(&std::mem::take(literal))));
    }
}

fn is_known(piece: &Piece, parts: &Parts) -> bool {
    if let Piece::Name(name) = piece { parts.get(name).is_some() } else { true }
}

fn put(piece: &Piece, parts: &Parts, style: Style, line: &mut String) {
    let (text, ansi) = match piece {
        Piece::Text(text) => (text.as_str(), FAINT),
        Piece::Name(name) => match parts.get(name) {
            Some((text, tone)) => (text, ansi(tone)),
            None => (NOTHING, FAINT),
        },
        Piece::Optional(_) => return,
    };
    if style == Style::Coloured && ansi != Ansi::new() {
        // Writing into a string does not fail.
        let _ = write!(line, "{ansi}{text}{ansi:#}");
    } else {
        line.push_str(text);
    }
}

fn ansi(tone: Tone) -> Ansi {
    match tone {
        Tone::Usual => Ansi::new(),
        Tone::Near => AnsiColor::Yellow.on_default(),
        Tone::Over => AnsiColor::Red.on_default().bold(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> String {
        let parts = Parts::of(&[("today", "$1.00", Tone::Usual), ("5h", "91%", Tone::Over)]);
        Template::parse(template).unwrap().fill(&parts, Style::Plain)
    }

    #[test]
    fn what_is_not_known_is_left_out_with_its_brackets() {
        assert_eq!(filled("today {today}[ · 5h {5h}][ · week {week}]"), "today $1.00 · 5h 91%");
        assert_eq!(filled("{week}|{today}"), "–|$1.00");
        assert_eq!(filled("[[{{{today}}}]]"), "[{$1.00}]");
        assert_eq!(filled("a\nb\u{1b}[[31m"), "a\u{fffd}b\u{fffd}[31m");
        assert_eq!(filled(""), "");
    }

    #[test]
    fn a_mistake_is_named() {
        for (bad, why) in [
            ("{nothing}", "there is no {nothing}; there are {session} {today} "),
            ("{today", "a brace is not closed"),
            ("[a", "a bracket is not closed"),
            ("a]", "a bracket is closed that is not open"),
            ("a}", "a brace is closed that is not open"),
            ("[a[b]", "brackets stand in brackets"),
        ] {
            let told = Template::parse(bad).unwrap_err();
            assert!(told.starts_with(why), "{bad}: {told}");
        }
    }

    #[test]
    fn colours_tell_what_is_near_its_limit() {
        let parts = Parts::of(&[("5h", "91%", Tone::Over), ("week", "82%", Tone::Near), ("today", "$1", Tone::Usual)]);
        let line = Template::parse("{5h} {week} {today}").unwrap().fill(&parts, Style::Coloured);
        assert_eq!(line, "\u{1b}[1m\u{1b}[31m91%\u{1b}[0m\u{1b}[2m \u{1b}[0m\u{1b}[33m82%\u{1b}[0m\u{1b}[2m \u{1b}[0m$1");
    }
}
