//! A chart of bars with eighths of a cell, for any number of values.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

/// Parts of a cell from below, by eighths.
pub const EIGHTHS: [&str; 9] = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/// How several values that share one bar become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Their sum, for amounts.
    Sum,
    /// The largest, for levels.
    Max,
}

/// A value of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Value {
    /// How much; `None` where nobody knows.
    pub amount: Option<u64>,
    /// Whether it stands out.
    pub lit: bool,
}

/// The styles of a chart.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// Of what stands out.
    pub lit: Style,
    /// Of the rest.
    pub rest: Style,
    /// Of what is not known.
    pub unknown: Style,
}

/// How many values share a bar.
#[must_use]
pub fn values_a_bar(values: usize, width: u16) -> usize {
    values.div_ceil(usize::from(width).max(1)).max(1)
}

/// Values as one line of text, the newest on the right: a dot is what is not known, never a bar of nothing. Values that share
/// a sign are the larger of them.
#[must_use]
pub fn spark(values: &[Option<u16>], width: usize) -> String {
    let a_sign = values.len().div_ceil(width.max(1)).max(1);
    let sign = |part: &[Option<u16>]| match part.iter().flatten().max() {
        Some(value) => EIGHTHS.get(usize::from((*value).min(1000)) * 7 / 1000 + 1).copied().unwrap_or(" "),
        None => "·",
    };
    values.rchunks(a_sign).rev().map(sign).collect()
}

/// Draws `values`, oldest left. [`chart`] for values that are known and of one kind.
pub fn bars(values: &[u64], fold: Fold, style: Style, area: Rect, buf: &mut Buffer) {
    let values: Vec<Value> = values.iter().map(|value| Value { amount: Some(*value), lit: true }).collect();
    chart(&values, fold, &Look { lit: style, rest: style, unknown: style }, area, buf);
}

/// Draws `values`, oldest left. What is not known is a question mark, never a bar of nothing.
pub fn chart(values: &[Value], fold: Fold, look: &Look, area: Rect, buf: &mut Buffer) {
    if area.width == 0 || area.height == 0 || values.is_empty() {
        return;
    }
    let shown = squeeze(values, usize::from(area.width), fold);
    let top = shown.iter().filter_map(|value| value.amount).max().unwrap_or(0).max(1);
    let height = u64::from(area.height);
    for (value, x) in shown.iter().zip(area.x..area.right()) {
        let Some(amount) = value.amount else {
            if let Some(cell) = buf.cell_mut((x, area.bottom() - 1)) {
                cell.set_symbol("?").set_style(look.unknown);
            }
            continue;
        };
        // At least the lowest bar for anything at all: a small cost is not no cost.
        let scaled = u128::from(amount) * u128::from(height) * 8 / u128::from(top);
        let mut eighths = u64::try_from(scaled).unwrap_or(0).max(u64::from(amount > 0));
        for row in (0..area.height).rev() {
            let part = usize::try_from(eighths.min(8)).unwrap_or(8);
            eighths -= eighths.min(8);
            let symbol = EIGHTHS.get(part).copied().unwrap_or(" ");
            if part > 0
                && let Some(cell) = buf.cell_mut((x, area.y + row))
            {
                cell.set_symbol(symbol).set_style(if value.lit { look.lit } else { look.rest });
            }
        }
    }
}

/// As many values as fit. Of values that share a bar those that are known count.
fn squeeze(values: &[Value], width: usize, fold: Fold) -> Vec<Value> {
    if values.len() <= width {
        return values.to_vec();
    }
    (0..width)
        .map(|i| {
            let (from, to) = (i * values.len() / width, ((i + 1) * values.len() / width).max(i * values.len() / width + 1));
            let part = values.get(from..to).unwrap_or_default();
            let known = part.iter().filter_map(|value| value.amount);
            let amount = match fold {
                Fold::Sum => known.reduce(u64::saturating_add),
                Fold::Max => known.max(),
            };
            Value { amount, lit: part.iter().any(|value| value.lit) }
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

    #[test]
    fn what_is_not_known_is_asked_and_not_zero() {
        let values = [Some(4), None, Some(0), Some(2)].map(|amount| Value { amount, lit: false });
        let style = Style::default();
        let look = Look { lit: style, rest: style, unknown: style };
        let area = Rect::new(0, 0, 4, 2);
        let mut buf = Buffer::empty(area);
        chart(&values, Fold::Max, &look, area, &mut buf);
        let line = |y| (0..4).map(|x| buf[(x, y)].symbol()).collect::<String>();
        assert_eq!([line(0), line(1)], ["█   ", "█? █"]);
        assert_eq!((values_a_bar(892, 60), values_a_bar(60, 60), values_a_bar(61, 60), values_a_bar(0, 0)), (15, 1, 2, 1));
    }
}
