//! The processes on cards, and the sessions that own them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::gpus::ProcessView;
use crate::engine::gpus::words::{UNKNOWN, memory, owner, percent};
use crate::model::text;
use crate::model::time::span;
use crate::ui::action::Action;
use crate::ui::app::{App, Hits};
use crate::ui::theme::Role;
use crate::ui::widgets::line::count_of;
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

const COLUMNS: [Column; 8] = [
    figures("PID", 0),
    words("GPU", 0, 6),
    figures("MEMORY", 1),
    figures("USED", 4),
    figures("AGE", 3),
    words("OWNER", 0, 48),
    figures("TODAY", 2),
    words("COMMAND", 5, 12),
];

/// Draws them, and tells where the rows are.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    let views = app.gpu_processes();
    let hidden: u32 = app.gpu_picture.cards.iter().map(|card| card.reading.hidden).max().unwrap_or(0);
    let key = app.keys.first(Action::CopyId);
    let right = match (hidden, app.gpus.in_processes) {
        (_, true) => format!("{key}: copy the command that ends it"),
        (0, false) => String::new(),
        (hidden, false) => format!("{hidden} of others not to be seen"),
    };
    let role = if app.gpus.in_processes { Role::Focus } else { Role::Border };
    let title =
        if views.is_empty() { "no process on a GPU".to_owned() } else { count_of(views.len(), "process").replace("processs", "processes") };
    let inner = frame(&title, &right, role, &app.theme, area, buf);
    if inner.height < 2 || views.is_empty() {
        return hits;
    }
    hits.body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let height = usize::from(hits.body.height);
    let selected = app.gpu_process_at(&views);
    let first = if app.gpus.in_processes { app.gpus.first } else { 0 };
    hits.first = first.min(selected).max((selected + 1).saturating_sub(height)).min(views.len().saturating_sub(height));
    let rows: Vec<Vec<Cell>> = views.iter().map(|view| cells(app, view)).collect();
    let room = usize::from(inner.width).saturating_sub(3);
    let mut widths = table::widths(&COLUMNS, &rows, room);
    table::stretch(&mut widths, COLUMNS.len() - 1, &rows, room);
    let line = |y: u16| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
    table::heads(&COLUMNS, &widths, app.theme.style(Role::Header), line(inner.y), buf);
    for ((i, row), y) in rows.iter().enumerate().skip(hits.first).zip(hits.body.y..hits.body.bottom()) {
        table::row(&COLUMNS, &widths, row, line(y), buf);
        if i == selected && app.gpus.in_processes && !app.gpu_process_is_gone(&views) {
            buf.set_style(line(y), app.theme.style(Role::Select));
        }
    }
    super::more(&hits, views.len(), app, buf);
    hits
}

fn cells(app: &App, view: &ProcessView) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let at = app.gpu_picture.at;
    let card = app.gpu_picture.card(&view.card);
    let number = card.and_then(|card| card.reading.index).map_or_else(|| UNKNOWN.to_owned(), |index| index.to_string());
    let role = match (view.is_zombie, &view.owner) {
        (true, _) => Role::Over,
        (false, Some(_)) => Role::Accent,
        (false, None) => Role::Dim,
    };
    let command =
        if view.is_visible { text::shown(&view.command) } else { format!("{} not visible here (a container)", text::shown(&view.command)) };
    vec![
        (view.process.pid.to_string(), style(Role::Text)),
        (number, style(Role::Dim)),
        (memory(view.process.memory, None), style(Role::Text)),
        (percent(view.process.used), style(Role::Text)),
        (view.started_at.map_or_else(|| UNKNOWN.to_owned(), |started| span((at - started).max(0))), style(Role::Dim)),
        (text::shown(&owner(view, at)), style(role)),
        (view.burnt.map_or_else(String::new, |money| app.currency.show(money)), style(Role::Spend)),
        (command, style(Role::Dim)),
    ]
}
