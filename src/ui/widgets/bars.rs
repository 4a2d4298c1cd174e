//! A chart of bars with eighths of a cell, for any number of values.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// How several values that share one bar become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Their sum, for amounts.
    Sum,
    /// The largest, for levels.
    Max,
}

/// Draws `values`, oldest left, the newest at the right edge when there are fewer values than columns.
pub fn bars(values: &[u64], fold: Fold, style: Style, area: Rect, buf: &mut Buffer) {
    let width = usize::from(area.width);
    if width == 0 || area.height == 0 || values.is_empty() {
        return;
    }
    let shown = squeeze(values, width, fold);
    let top = shown.iter().copied().max().unwrap_or(0);
    if top == 0 {
        return;
    }
    let height = u64::from(area.height);
    for (i, value) in shown.iter().enumerate() {
        let Ok(column) = u16::try_from(i) else { break };
        // At least the lowest bar for anything at all: a small cost is not no cost.
        let scaled = u128::from(*value) * u128::from(height) * 8 / u128::from(top);
        let mut eighths = u64::try_from(scaled).unwrap_or(0).max(u64::from(*value > 0));
        for row in (0..area.height).rev() {
            let part = usize::try_from(eighths.min(8)).unwrap_or(8);
            eighths -= eighths.min(8);
            let symbol = EIGHTHS.get(part).copied().unwrap_or(" ");
            if part > 0
                && let Some(cell) = buf.cell_mut((area.x + column, area.y + row))
            {
                cell.set_symbol(symbol).set_style(style);
            }
        }
    }
}

/// As many values as fit.
fn squeeze(values: &[u64], width: usize, fold: Fold) -> Vec<u64> {
    if values.len() <= width {
        return values.to_vec();
    }
    (0..width)
        .map(|i| {
            let (from, to) = (i * values.len() / width, ((i + 1) * values.len() / width).max(i * values.len() / width + 1));
            let part = values.get(from..to).unwrap_or_default().iter().copied();
            match fold {
                Fold::Sum => part.fold(0, u64::saturating_add),
                Fold::Max => part.max().unwrap_or(0),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[u64], fold: Fold, width: u16, height: u16) -> Vec<String> {
        let area = Rect::new(0, 0, width, height);
        let mut buf = Buffer::empty(area);
        bars(values, fold, Style::default(), area, &mut buf);
        (0..height).map(|y| (0..width).map(|x| buf[(x, y)].symbol()).collect()).collect()
    }

    #[test]
    fn the_largest_value_fills_the_height_and_the_smallest_is_seen() {
        assert_eq!(drawn(&[0, 1, 50, 100], Fold::Max, 4, 1), [" ▁▄█"]);
        assert_eq!(drawn(&[0, 25, 100], Fold::Max, 3, 2), ["  █", " ▄█"]);
    }

    #[test]
    fn more_values_than_columns_are_folded() {
        assert_eq!(drawn(&[1, 1, 1, 1, 4, 4], Fold::Sum, 3, 1), ["▂▂█"]);
        assert_eq!(drawn(&[8, 1, 1, 1, 4, 4], Fold::Max, 3, 1), ["█▁▄"]);
    }
}
