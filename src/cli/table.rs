//! Tables for people: numbers to the right, as wide as the terminal and no wider.
//!
//! A table that is too wide first shortens its longest texts, then leaves out the columns that matter least. What goes
//! into a pipe keeps everything.

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal as _};

use comfy_table::{CellAlignment, Table as Comfy, presets};

use crate::model::text::{columns, fit};

use super::out::{FAINT, Out, STRONG};

/// The space between two columns.
const GAP: usize = 2;
/// Columns leave before texts are shortened below this.
const READABLE: usize = 16;
/// Texts are never shortened below this.
const SHORTEST: usize = 8;

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    title: Cow<'static, str>,
    right: bool,
    /// The lowest leaves last; 0 never leaves.
    expendable: u8,
}

impl Column {
    /// A column of words, which may be shortened.
    #[must_use]
    pub fn text(title: impl Into<Cow<'static, str>>) -> Column {
        Column { title: title.into(), right: false, expendable: 0 }
    }

    /// A column of numbers, which may not.
    #[must_use]
    pub fn number(title: impl Into<Cow<'static, str>>) -> Column {
        Column { title: title.into(), right: true, expendable: 0 }
    }

    /// May be left out, the sooner the higher.
    #[must_use]
    pub fn expendable(self, rank: u8) -> Column {
        Column { expendable: rank, ..self }
    }
}

/// A table.
#[derive(Debug, Clone, Default)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    total: Option<Vec<String>>,
}

impl Table {
    /// A table without rows.
    #[must_use]
    pub fn new(columns: Vec<Column>) -> Table {
        Table { columns, rows: Vec::new(), total: None }
    }

    /// Adds a row: one text per column.
    pub fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// Sets the last row, which is set apart.
    pub fn total(&mut self, cells: Vec<String>) {
        self.total = Some(cells);
    }

    /// Whether it has no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes it, headings faint and the total strong.
    pub fn write(&self, out: &mut Out) -> io::Result<()> {
        let lines = self.lines(terminal_width());
        let last = lines.len().saturating_sub(1);
        for (i, line) in lines.iter().enumerate() {
            match i {
                0 => out.styled(FAINT, line)?,
                _ if i == last && self.total.is_some() => out.styled(STRONG, line)?,
                _ => out.line(line)?,
            }
        }
        Ok(())
    }

    /// The lines at a width; `None` is as wide as it takes.
    #[must_use]
    pub fn lines(&self, width: Option<usize>) -> Vec<String> {
        let widths = self.widths(width.unwrap_or(usize::MAX));
        let mut table = Comfy::new();
        table.load_style(presets::NOTHING);
        let kept = |cells: &[String]| -> Vec<String> {
            cells.iter().zip(&widths).filter_map(|(cell, width)| width.map(|w| fit(cell, w))).collect()
        };
        let titles: Vec<String> = self.columns.iter().map(|c| c.title.clone().into_owned()).collect();
        table.set_header(kept(&titles));
        for row in self.rows.iter().chain(&self.total) {
            table.add_row(kept(row));
        }
        let shown = self.columns.iter().zip(&widths).filter(|(_, width)| width.is_some()).map(|(column, _)| column);
        for (column, cells) in shown.zip(table.column_iter_mut()) {
            cells.set_padding((0, u16::try_from(GAP).unwrap_or(2)));
            cells.set_cell_alignment(if column.right { CellAlignment::Right } else { CellAlignment::Left });
        }
        table.lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// How wide each column is drawn; `None` leaves it out.
    fn widths(&self, room: usize) -> Vec<Option<usize>> {
        let natural = |(i, column): (usize, &Column)| {
            let cells = self.rows.iter().chain(&self.total).filter_map(|row| row.get(i));
            Some(cells.map(|cell| columns(cell)).max().unwrap_or(0).max(columns(&column.title)))
        };
        let mut widths: Vec<Option<usize>> = self.columns.iter().enumerate().map(natural).collect();
        self.shorten(&mut widths, room, READABLE);
        while over(&widths, room) > 0 {
            let kept = self.columns.iter().zip(&mut widths).filter(|(column, width)| column.expendable > 0 && width.is_some());
            match kept.max_by_key(|(column, _)| column.expendable) {
                Some((_, width)) => *width = None,
                None => break,
            }
        }
        self.shorten(&mut widths, room, SHORTEST);
        widths
    }

    /// Shortens the longest texts as far as need be, none below `least`.
    fn shorten(&self, widths: &mut [Option<usize>], room: usize, least: usize) {
        loop {
            let too_much = over(widths, room);
            let texts = self.columns.iter().zip(&mut *widths).filter(|(column, _)| !column.right);
            let long = texts.filter_map(|(column, width)| width.as_mut().filter(|w| **w > least.max(columns(&column.title))));
            match long.max_by_key(|width| **width) {
                // A part at a time keeps several long columns alike.
                Some(width) if too_much > 0 => *width -= too_much.min((*width - least) / 4 + 1),
                _ => return,
            }
        }
    }
}

/// By how much a table is too wide.
fn over(widths: &[Option<usize>], room: usize) -> usize {
    widths.iter().flatten().map(|width| width + GAP).sum::<usize>().saturating_sub(GAP).saturating_sub(room)
}

/// A number of things: `1 call`, `2 calls`.
#[must_use]
pub fn count<N: Copy + Display + PartialEq + From<u8>>(n: N, one: &str, many: &str) -> String {
    let word = if n == N::from(1) { one } else { many };
    format!("{n} {word}")
}

/// Bytes the way people read them.
#[must_use]
pub fn bytes(n: u64) -> String {
    const UNITS: [(u64, &str); 3] = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    UNITS.iter().find(|(size, _)| n >= *size).map_or_else(
        || format!("{n} B"),
        |(size, unit)| {
            let tenths = u128::from(n) * 10 / u128::from(*size);
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        },
    )
}

/// The terminal's width, or `COLUMNS` where that is set; `None` in a pipe.
#[must_use]
pub fn terminal_width() -> Option<usize> {
    let told = || std::env::var("COLUMNS").ok()?.parse::<usize>().ok().filter(|n| *n > 0);
    if !io::stdout().is_terminal() {
        return told();
    }
    crossterm::terminal::size().ok().map(|(width, _)| usize::from(width)).filter(|n| *n > 0).or_else(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![Column::text("NAME"), Column::text("NOTE").expendable(1), Column::number("N")]);
        table.row(vec!["a name of some length".into(), "a note that is longer than the name".into(), "1".into()]);
        table.row(vec!["\u{1b}[31mred".into(), "日本".into(), "12345".into()]);
        table
    }

    #[test]
    fn a_pipe_gets_everything() {
        let lines = table().lines(None);
        assert_eq!(lines[0], "NAME                   NOTE                                     N");
        assert_eq!(lines[1], "a name of some length  a note that is longer than the name      1");
        assert_eq!(lines[2], "\u{fffd}[31mred               日本                                 12345");
    }

    #[test]
    fn a_terminal_is_never_too_wide() {
        for width in 16..70 {
            for line in table().lines(Some(width)) {
                assert!(columns(&line) <= width, "{width}: {line}");
            }
        }
        assert!(table().lines(Some(45))[1].contains("a note"));
        assert_eq!(table().lines(Some(30))[1], "a name of some …      1", "the note has left");
    }
}
