//! Spend by day, week or month, stacked by model, project or agent.

use std::sync::Arc;

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;

use crate::model::{Cost, text};
use crate::query::trends::{Bar, Dimension, PARTS, Period, Stack, Trends};
use crate::ui::app::App;
use crate::ui::app::trends::Panel;
use crate::ui::columns::short_model;
use crate::ui::theme::Role;
use crate::ui::widgets::line::{Pieces, count_of, field};

use super::frame;

/// How each part is drawn: told apart without colours, too. The last is that of all others.
const SIGNS: [(&str, Role); PARTS + 1] =
    [("█", Role::Chart), ("▒", Role::Chart2), ("▓", Role::Chart3), ("░", Role::Accent), ("▚", Role::Dim)];
/// The width from which names stand beside the bars, and theirs.
const BESIDE: (u16, u16) = (90, 36);

/// Draws it.
pub fn draw(app: &App, trends: &Trends, area: Rect, buf: &mut Buffer) {
    let (period, by) = (app.trends.period, app.trends.by);
    let none = Stack::default();
    let stack = trends.stack(period, by).unwrap_or(&none);
    // What is before all records is no bar.
    let known = stack.bars.iter().position(|bar| bar.cost != Cost::default()).unwrap_or(stack.bars.len());
    let bars = stack.bars.get(known..).unwrap_or_default();
    let role = if app.trends.panel == Panel::Spend { Role::Focus } else { Role::Border };
    let title = format!("Spend by {} and {}", period.word(), by.word());
    if bars.is_empty() {
        let inner = frame(&title, "", role, &app.theme, area, buf);
        buf.set_stringn(
            inner.x + 1,
            inner.y,
            "nothing has been spent yet",
            usize::from(inner.width.saturating_sub(1)),
            app.theme.style(Role::Dim),
        );
        return;
    }
    let room = area.width.saturating_sub(4);
    let beside = if room >= BESIDE.0 { BESIDE.1 } else { 0 };
    let fit = usize::from(room.saturating_sub(beside).max(1) / least(period));
    let bars = bars.get(bars.len().saturating_sub(fit)..).unwrap_or_default();
    let total = bars.iter().fold(Cost::default(), |sum, bar| sum + bar.cost);
    let most = bars.iter().map(|bar| bar.cost).max_by_key(|cost| cost.known).unwrap_or_default();
    let shown = count_of(bars.len(), period.word());
    let says = [
        format!("{shown}: {}, most {}", app.currency.cost(&total), app.currency.cost(&most)),
        format!("{shown}: {}", app.currency.cost(&total)),
    ];
    let says = says.into_iter().find(|says| text::columns(says) + text::columns(&title) + 10 <= usize::from(area.width));
    let inner = frame(&title, &says.unwrap_or_default(), role, &app.theme, area, buf);
    if inner.height == 0 || inner.width < 4 {
        return;
    }
    let inner = Rect { x: inner.x + 1, width: inner.width - 2, ..inner };
    let (axis, legend) = (u16::from(inner.height >= 4), u16::from(beside == 0 && inner.height >= 5));
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(beside)]).areas(inner);
    let [chart, below, names] = Layout::vertical([Constraint::Fill(1), Constraint::Length(axis), Constraint::Length(legend)]).areas(left);
    draw_bars(app, bars, least(period), chart, buf);
    if axis > 0 {
        draw_axis(app, bars, period, below, buf);
    }
    let parts = parts(app, stack, by);
    if beside > 0 {
        for ((sign, style, name, cost), y) in parts.iter().zip(right.y..right.bottom()) {
            let amount = app.currency.cost(cost);
            let width = usize::from(right.width).saturating_sub(3 + text::columns(&amount) + 1);
            let mut line = Pieces::default();
            line.left(format!(" {sign} "), *style).left(field(name, width, false), app.theme.style(Role::Text));
            line.left(format!(" {amount}"), app.theme.style(Role::Spend));
            line.draw(Rect { y, height: 1, ..right }, buf);
        }
    } else if legend > 0 {
        let mut line = Pieces::default();
        for (sign, style, name, _) in &parts {
            let piece = format!("{name}  ");
            if usize::from(line.width()) + 2 + text::columns(&piece) > usize::from(names.width) {
                break;
            }
            line.left(format!("{sign} "), *style).left(piece, app.theme.style(Role::Dim));
        }
        line.draw(names, buf);
    }
}

/// The columns that a bar takes at least.
const fn least(period: Period) -> u16 {
    match period {
        Period::Day => 1,
        Period::Week => 2,
        Period::Month => 4,
    }
}

/// A sign, its style, a name and what it cost.
type Part = (&'static str, Style, String, Cost);

fn parts(app: &App, stack: &Stack, by: Dimension) -> Vec<Part> {
    let shown = |name: &Arc<str>| match by {
        _ if name.is_empty() => format!("no {}", by.word()),
        Dimension::Model => short_model(name),
        _ => text::shown(name),
    };
    let named = stack.names.iter().map(|(name, cost)| (shown(name), *cost));
    let others = stack.others.map(|cost| ("others".to_owned(), cost));
    let signs = SIGNS.iter().take(stack.names.len()).chain(SIGNS.last());
    named.chain(others).zip(signs).map(|((name, cost), (sign, role))| (*sign, app.theme.style(*role), name, cost)).collect()
}

fn draw_bars(app: &App, bars: &[Bar], least: u16, area: Rect, buf: &mut Buffer) {
    let top = bars.iter().map(|bar| bar.cost.known.nanos()).max().unwrap_or(0).max(1);
    let step = step(bars.len(), least, area.width);
    let cells = |nanos: i64| {
        let height = i128::from(area.height);
        u16::try_from((i128::from(nanos.max(0)) * height * 2 / i128::from(top) + 1) / 2).unwrap_or(area.height)
    };
    for (bar, x) in bars.iter().zip((area.x..area.right()).step_by(usize::from(step))) {
        let width = step.saturating_sub(1).max(1);
        let mut set = |y: u16, sign: &str, role: Role| {
            for x in (x..x + width).take_while(|x| *x < area.right()) {
                if let Some(cell) = buf.cell_mut((x, y)) {
                    cell.set_symbol(sign).set_style(app.theme.style(role));
                }
            }
        };
        if bar.cost.money().is_none() {
            set(area.bottom() - 1, "?", Role::Warn);
            continue;
        }
        let (mut sum, mut drawn) = (0_i64, 0_u16);
        for (part, (sign, role)) in bar.parts.iter().zip(SIGNS) {
            sum = sum.saturating_add(*part);
            // What rounds to nothing is drawn by whoever comes next; a small cost is not no cost.
            let to = cells(sum).max(u16::from(sum > 0)).min(area.height);
            for row in drawn..to {
                set(area.bottom() - 1 - row, sign, role);
            }
            drawn = drawn.max(to);
        }
    }
}

/// The columns from one bar to the next.
fn step(bars: usize, least: u16, width: u16) -> u16 {
    (width / u16::try_from(bars.max(1)).unwrap_or(u16::MAX)).clamp(least, least.max(8))
}

fn draw_axis(app: &App, bars: &[Bar], period: Period, area: Rect, buf: &mut Buffer) {
    let style = app.theme.style(Role::Dim);
    let Some(first) = bars.first() else { return };
    let first = first.first.format(if period == Period::Month { "%b %Y" } else { "%-d %b" }).to_string();
    let last = match period {
        Period::Day => "today",
        Period::Week => "this week",
        Period::Month => "this month",
    };
    let taken = u16::try_from(bars.len()).unwrap_or(u16::MAX).saturating_mul(step(bars.len(), least(period), area.width)).min(area.width);
    buf.set_stringn(area.x, area.y, &first, usize::from(area.width), style);
    let width = u16::try_from(last.len()).unwrap_or(0);
    let from = (area.x + taken).saturating_sub(width);
    if from > area.x + u16::try_from(first.len()).unwrap_or(0) {
        buf.set_string(from, area.y, last, style);
    }
}
