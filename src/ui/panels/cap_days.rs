//! The last thirty days of a cap: what stood against its limit at the end of each.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::budgets::Standing;
use crate::engine::Snapshot;
use crate::model::cap::Amount;
use crate::model::time::{HOUR, utc};
use crate::model::{Millis, text};
use crate::query::caps::DAYS;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::bars::EIGHTHS;

use super::frame;

/// The limit, where no bar hides it.
const LIMIT: &str = "┄";

/// Draws them.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) {
    let caps = app.caps_of(snapshot);
    let Some(standing) = caps.standings.get(app.cap_at(caps)) else {
        frame("", "", Role::Border, &app.theme, area, buf);
        return;
    };
    let name = text::shown(&standing.cap.name);
    if !standing.cap.span.is_calendar() {
        let inner = frame(&name, "", Role::Border, &app.theme, area, buf);
        let words = format!("A cap {} begins anew with each {}: it has no days.", standing.cap.span.adjective(), standing.cap.span);
        for (line, y) in text::wrap(&words, usize::from(inner.width.saturating_sub(2))).iter().zip(inner.y..inner.bottom()) {
            buf.set_stringn(inner.x + 1, y, line, usize::from(inner.width.saturating_sub(1)), app.theme.style(Role::Dim));
        }
        return;
    }
    let past = caps.days.iter().find(|days| days.cap == standing.cap.name).map(|days| days.spent.as_slice()).unwrap_or_default();
    let values: Vec<i64> = past.iter().copied().chain([standing.spent().count]).collect();
    let most = values.iter().copied().max().unwrap_or(0);
    let unit = standing.cap.limit.unit;
    let show = |count| app.currency.amount(Amount { unit, count });
    let title = format!("{name} · last {DAYS} days");
    let limit = format!("limit {}", show(standing.cap.limit.count));
    let right = [format!("{limit}, most {}", show(most)), limit]
        .into_iter()
        .find(|says| text::columns(says) + text::columns(&title) + 10 <= usize::from(area.width));
    let inner = frame(&title, &right.unwrap_or_default(), Role::Border, &app.theme, area, buf);
    if inner.height == 0 || inner.width < 3 {
        return;
    }
    let with_axis = inner.height >= 4;
    let chart = Rect { x: inner.x + 1, width: inner.width - 2, height: inner.height - u16::from(with_axis), ..inner };
    bars(app, standing, &values, chart, buf);
    if with_axis {
        let shown = values.len().min(usize::from(chart.width));
        let back = i64::try_from(shown.saturating_sub(1)).unwrap_or(0) * 24 * HOUR;
        let first = utc(now - back).with_timezone(&app.zone).format("%-d %b").to_string();
        let style = app.theme.style(Role::Dim);
        let y = inner.bottom() - 1;
        let end = chart.x + width_of(shown, chart.width);
        buf.set_stringn(chart.x, y, &first, usize::from(chart.width), style);
        let today = u16::try_from("today".len()).unwrap_or(0);
        if end > chart.x + today + u16::try_from(first.len()).unwrap_or(0) {
            buf.set_string(end - today, y, "today", style);
        }
    }
}

/// The columns that so many bars take.
fn width_of(bars: usize, width: u16) -> u16 {
    u16::try_from(bars).unwrap_or(u16::MAX).saturating_mul(step(bars, width)).min(width)
}

/// The columns from one bar to the next.
fn step(bars: usize, width: u16) -> u16 {
    (width / u16::try_from(bars.max(1)).unwrap_or(u16::MAX)).clamp(1, 6)
}

/// The bars and the limit's line. A bar that has reached the limit crosses the line and means something else.
fn bars(app: &App, standing: &Standing, values: &[i64], area: Rect, buf: &mut Buffer) {
    let limit = standing.cap.limit.count.max(1);
    // There is room above the line, so that it can be crossed.
    let top = i128::from(values.iter().copied().max().unwrap_or(0).max(limit.saturating_add(limit / 4)).max(1));
    let height = i128::from(area.height);
    let eighths_of = |count: i64| i128::from(count.max(0)) * height * 8 / top;
    let values = values.get(values.len().saturating_sub(usize::from(area.width))..).unwrap_or_default();
    let step = step(values.len(), area.width);
    let line = area.bottom().saturating_sub(u16::try_from(((eighths_of(limit) + 7) / 8).max(1)).unwrap_or(1));
    for x in area.x..area.x + width_of(values.len(), area.width) {
        if let Some(cell) = buf.cell_mut((x, line)) {
            cell.set_symbol(LIMIT).set_style(app.theme.style(Role::Warn));
        }
    }
    for (value, at) in values.iter().zip((area.x..area.right()).step_by(usize::from(step))) {
        let role = if *value >= limit { Role::Over } else { Role::Spend };
        let mut left = eighths_of(*value).max(i128::from(*value > 0));
        for y in (area.y..area.bottom()).rev() {
            let part = usize::try_from(left.min(8)).unwrap_or(8);
            left -= left.min(8);
            if part == 0 {
                break;
            }
            // Bars of more than one column have one between them.
            for x in at..at + step.saturating_sub(1).max(1) {
                if let Some(cell) = buf.cell_mut((x, y)) {
                    cell.set_symbol(EIGHTHS.get(part).copied().unwrap_or("█")).set_style(app.theme.style(role));
                }
            }
        }
    }
}
