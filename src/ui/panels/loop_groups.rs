//! Loops by agent, model, project or week.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::model::{Money, text};
use crate::query::loops::Group;
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::app::loops::GROUPS;
use crate::ui::theme::Role;
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

const COLUMNS: [Column; 9] = [
    words("", 0, 28),
    figures("TASKS", 0),
    figures("P50", 0),
    figures("P95", 0),
    figures("P99", 0),
    figures("MAX", 2),
    figures("$ P50", 3),
    figures("$ P99", 4),
    figures("COST", 1),
];

/// Draws them.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let by = GROUPS.get(app.loops.group).copied().unwrap_or_default();
    let key = format!("{}: by another", app.keys.first(Action::Group));
    let inner = frame(&format!("by {by}"), &key, Role::Border, &app.theme, area, buf);
    let Some(groups) = app.loops_of(snapshot).and_then(|picture| picture.groups.get(app.loops.group)) else { return };
    let rows: Vec<Vec<Cell>> = groups.iter().map(|group| cells(app, group)).collect();
    let widths = table::widths(&COLUMNS, &rows, usize::from(inner.width.saturating_sub(2)));
    let line = |y: u16| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
    if inner.height == 0 {
        return;
    }
    table::heads(&COLUMNS, &widths, style(Role::Header), line(inner.y), buf);
    // Of the weeks the newest are worth more.
    let room = usize::from(inner.height - 1);
    let skipped = if by == "week" { rows.len().saturating_sub(room) } else { 0 };
    for (row, y) in rows.iter().skip(skipped).zip(inner.y + 1..inner.bottom()) {
        table::row(&COLUMNS, &widths, row, line(y), buf);
    }
    if skipped == 0 && rows.len() > room && room > 0 {
        buf.set_string(inner.right().saturating_sub(1), inner.bottom() - 1, "↓", style(Role::Dim));
    }
}

fn cells(app: &App, group: &Group) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let names = [&group.agent, &group.model, &group.project];
    let name = names.into_iter().flatten().next().cloned().or_else(|| group.day.map(|day| day.to_string())).unwrap_or_default();
    let name = if name.is_empty() { "·".to_owned() } else { text::shown(&name) };
    let money = |nanos: Option<i64>| nanos.map_or_else(|| "?".to_owned(), |nanos| app.currency.show(Money::from_nanos(nanos)));
    let steps = group.steps;
    let mut cells = vec![(name, style(Role::Text)), (group.tasks.to_string(), style(Role::Dim))];
    cells.extend([steps.p50, steps.p95, steps.p99, steps.max].map(|n| (n.to_string(), style(Role::Text))));
    cells.push((money(group.nanos.map(|p| p.p50)), style(Role::Spend)));
    cells.push((money(group.nanos.map(|p| p.p99)), style(Role::Spend)));
    cells.push((app.currency.cost(&group.cost), style(Role::Spend)));
    cells
}
