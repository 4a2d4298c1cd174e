//! A small table: columns as wide as their content; where there is no room, the least important leave whole.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use super::line::field;
use crate::model::text;

/// A column.
#[derive(Debug, Clone, Copy)]
pub struct Column {
    /// Its head.
    pub title: &'static str,
    /// Whether its content stands on the right.
    pub right: bool,
    /// The higher, the sooner it leaves; 0 never does.
    pub rank: u8,
    /// The columns of the terminal that it takes at most; what is longer is cut, so that a figure must never be.
    pub most: usize,
}

/// A column of text.
#[must_use]
pub const fn words(title: &'static str, rank: u8, most: usize) -> Column {
    Column { title, right: false, rank, most }
}

/// A column of figures.
#[must_use]
pub const fn figures(title: &'static str, rank: u8) -> Column {
    Column { title, right: true, rank, most: 24 }
}

/// A cell.
pub type Cell = (String, Style);

/// The width of each column; `None` for one that has left. Columns without any content take no room.
#[must_use]
pub fn widths(columns: &[Column], rows: &[Vec<Cell>], room: usize) -> Vec<Option<usize>> {
    let mut widths: Vec<Option<usize>> = columns
        .iter()
        .enumerate()
        .map(|(i, column)| {
            let widest = rows.iter().filter_map(|row| row.get(i)).map(|(value, _)| text::columns(value)).max().unwrap_or(0);
            (widest > 0 || column.rank == 0).then(|| widest.max(text::columns(column.title)).min(column.most))
        })
        .collect();
    while total(&widths) > room {
        let left = columns.iter().zip(&widths).enumerate().filter(|(_, (column, width))| column.rank > 0 && width.is_some());
        let Some((worst, _)) = left.max_by_key(|(_, (column, _))| column.rank) else { break };
        if let Some(width) = widths.get_mut(worst) {
            *width = None;
        }
    }
    // Words are cut only when nothing can leave any more.
    while total(&widths) > room {
        let shrinks =
            |(i, width): (usize, &Option<usize>)| width.filter(|w| *w > 4 && columns.get(i).is_some_and(|c| !c.right)).map(|w| (w, i));
        let Some((_, at)) = widths.iter().enumerate().filter_map(shrinks).max() else { break };
        if let Some(Some(width)) = widths.get_mut(at) {
            *width -= 1;
        }
    }
    widths
}

/// Gives what is left of the room to one column, up to what its content needs: text that may be cut, behind all others.
pub fn stretch(widths: &mut [Option<usize>], at: usize, rows: &[Vec<Cell>], room: usize) {
    let free = room.saturating_sub(total(widths));
    let longest = rows.iter().filter_map(|row| row.get(at)).map(|(value, _)| text::columns(value)).max().unwrap_or(0);
    if let Some(Some(width)) = widths.get_mut(at) {
        *width = longest.clamp(*width, *width + free);
    }
}

/// The room that columns of these widths take.
#[must_use]
pub fn total(widths: &[Option<usize>]) -> usize {
    widths.iter().flatten().map(|width| width + 2).sum::<usize>().saturating_sub(2)
}

/// Draws the heads.
pub fn heads(columns: &[Column], widths: &[Option<usize>], style: Style, area: Rect, buf: &mut Buffer) {
    let cells: Vec<Cell> = columns.iter().map(|column| (column.title.to_owned(), style)).collect();
    row(columns, widths, &cells, area, buf);
}

/// Draws a row.
pub fn row(columns: &[Column], widths: &[Option<usize>], cells: &[Cell], area: Rect, buf: &mut Buffer) {
    let mut x = area.x;
    for ((column, width), (value, style)) in columns.iter().zip(widths).zip(cells) {
        let Some(width) = width else { continue };
        if x >= area.right() || area.height == 0 {
            return;
        }
        let room = usize::from(area.right() - x).min(*width);
        buf.set_stringn(x, area.y, field(value, room, column.right), room, *style);
        x = x.saturating_add(u16::try_from(width + 2).unwrap_or(u16::MAX));
    }
}
