//! A line of pieces that knows its width: what does not fit is left out, not cut.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::text;

/// Pieces from the left and from the right of one line.
#[derive(Debug, Default)]
pub struct Pieces {
    left: Vec<(String, Style)>,
    right: Vec<Vec<(String, Style)>>,
}

impl Pieces {
    /// Adds to the left part.
    pub fn left(&mut self, text: impl Into<String>, style: Style) -> &mut Pieces {
        self.left.push((text.into(), style));
        self
    }

    /// Adds to the right part, outermost first.
    pub fn right(&mut self, text: impl Into<String>, style: Style) -> &mut Pieces {
        self.right.push(vec![(text.into(), style)]);
        self
    }

    /// Adds pieces that stand and leave together to the right part, outermost first.
    pub fn right_together(&mut self, pieces: Vec<(String, Style)>) -> &mut Pieces {
        self.right.push(pieces);
        self
    }

    /// The columns that the left part takes.
    #[must_use]
    pub fn width(&self) -> u16 {
        u16::try_from(self.left.iter().map(|(piece, _)| text::columns(piece)).sum::<usize>()).unwrap_or(u16::MAX)
    }

    /// Draws: the left part first, then as much of the right part as there is room for.
    pub fn draw(&self, area: Rect, buf: &mut Buffer) {
        if area.height == 0 {
            return;
        }
        let mut x = area.x;
        // What stands on the right edge is worth more than the end of what is on the left.
        let width_of = |pieces: &[(String, Style)]| {
            u16::try_from(pieces.iter().map(|(piece, _)| text::columns(piece)).sum::<usize>()).unwrap_or(u16::MAX)
        };
        let outermost = self.right.first().map_or(0, |pieces| width_of(pieces));
        let is_free = outermost == 0 || self.width() < area.width.saturating_sub(outermost);
        // With a column between them, and never more than a third of the line.
        let kept = if is_free || outermost >= area.width / 3 { 0 } else { outermost + 1 };
        let end = area.right().saturating_sub(kept);
        let is_whole = self.width() <= end.saturating_sub(x);
        for (piece, style) in &self.left {
            let room = usize::from(end.saturating_sub(x));
            if room == 0 {
                break;
            }
            if is_whole || text::columns(piece) < room {
                (x, _) = buf.set_stringn(x, area.y, text::shown(piece), room, *style);
                continue;
            }
            // A part of a figure would be another figure.
            let piece = if is_figure(piece) { "…".to_owned() } else { cut(piece, room) };
            (x, _) = buf.set_stringn(x, area.y, &piece, room, *style);
            break;
        }
        let mut edge = area.right();
        for pieces in &self.right {
            let width = width_of(pieces);
            if edge.saturating_sub(x) < width.saturating_add(1) {
                break;
            }
            edge -= width;
            let mut at = edge;
            for (piece, style) in pieces {
                (at, _) = buf.set_stringn(at, area.y, text::shown(piece), usize::from(edge + width - at), *style);
            }
        }
    }
}

/// As much of a text as there is room for, with an ellipsis; a number in it is there as a whole or not at all.
fn cut(piece: &str, room: usize) -> String {
    let whole = text::shown(piece);
    // Somebody else's piece follows that has no room: the mark is for that.
    let kept = text::fit(&format!("{whole}  "), room);
    let kept = kept.strip_suffix('…').unwrap_or(&kept);
    let is_part = |c: char| c.is_ascii_digit() || c == '.' || c == ',';
    let rest = whole.get(kept.len()..).unwrap_or_default();
    let kept = if rest.starts_with(is_part) { kept.trim_end_matches(is_part) } else { kept };
    format!("{}…", kept.trim_end())
}

/// Whether a piece is a number, perhaps with a unit or a currency.
fn is_figure(piece: &str) -> bool {
    let piece = piece.trim();
    !piece.starts_with(char::is_alphabetic) && piece.chars().any(|c| c.is_ascii_digit()) && text::columns(piece) <= 16
}

/// `1 task`, `2 tasks`.
#[must_use]
pub fn count_of(n: impl TryInto<u64>, what: &str) -> String {
    let n = n.try_into().unwrap_or(0);
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A text in a field of a width, to the left or to the right.
#[must_use]
pub fn field(value: &str, width: usize, right: bool) -> String {
    let value = text::fit(value, width);
    let pad = " ".repeat(width.saturating_sub(text::columns(&value)));
    if right { pad + &value } else { value + &pad }
}
