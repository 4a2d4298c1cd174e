//! The caps: what was spent under each of them, and what is left.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::budgets::{self, Standing};
use crate::engine::Snapshot;
use crate::model::{Millis, text};
use crate::ui::action::Action;
use crate::ui::app::{App, Hits};
use crate::ui::theme::Role;
use crate::ui::widgets::gauge::{gauge, role, sign};
use crate::ui::widgets::line::{Pieces, count_of};
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

/// The columns beside the bar.
const COLUMNS: [Column; 8] = [
    words("CAP", 0, 24),
    figures("USED", 0),
    figures("SPENT", 0),
    figures("OF", 2),
    figures("LEFT", 1),
    words("RESETS", 4, 14),
    words("AT LIMIT", 3, 9),
    words("SCOPE", 5, 40),
];
/// The bar's width: at least, where it is there at all, and at most.
const BAR: (usize, usize) = (8, 40);

/// Draws them, and tells where the rows are.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    let style = |role| app.theme.style(role);
    let caps = app.caps_of(snapshot);
    let all = &caps.standings;
    let mut hits = Hits::default();
    let stopping = all.iter().filter(|standing| standing.halts()).count();
    let right = match (all.len(), stopping) {
        (0, _) => String::new(),
        (n, 0) => count_of(n, "cap"),
        (n, stopping) => format!("{}, {stopping} stopping", count_of(n, "cap")),
    };
    let border = if app.caps.in_log { Role::Border } else { Role::Focus };
    let inner = frame(if all.is_empty() { "No caps yet" } else { "Caps" }, &right, border, &app.theme, area, buf);
    if all.is_empty() {
        empty(app, inner, buf);
        return hits;
    }
    if inner.height < 2 || inner.width < 10 {
        return hits;
    }
    let binding = budgets::foremost(&caps.standings).map(|standing| standing.cap.name.as_str());
    let rows: Vec<Vec<Cell>> = all.iter().map(|standing| cells(app, standing, binding, now)).collect();
    // A sign before, and a column at the edge for the marks of more.
    let room = usize::from(inner.width).saturating_sub(4);
    let without = table::widths(&COLUMNS, &rows, room);
    // The bar gets what is left over; it is worth more than a column that says what the rest says as well.
    let least = table::widths(&COLUMNS, &rows, room.saturating_sub(BAR.0 + 2));
    let widths = if least.iter().flatten().count() + 2 >= without.iter().flatten().count() { least } else { without };
    let bar = room.saturating_sub(table::total(&widths) + 2).min(BAR.1);
    let bar = if bar < BAR.0 { 0 } else { bar };
    // The bar stands behind the name.
    let name = widths.first().copied().flatten().unwrap_or(0);
    let (left, rest) = COLUMNS.split_at(1);
    let (left_widths, rest_widths) = widths.split_at(1.min(widths.len()));
    let x = |by: usize| inner.x.saturating_add(u16::try_from(by).unwrap_or(u16::MAX));
    let shift = if bar > 0 { bar + 2 } else { 0 };
    let parts = |y: u16| {
        let at = |by: usize| Rect { x: x(by), y, width: inner.right().saturating_sub(x(by)), height: 1 };
        (at(3), at(3 + name + 2 + shift))
    };
    let (first, second) = parts(inner.y);
    table::heads(left, left_widths, style(Role::Header), first, buf);
    table::heads(rest, rest_widths, style(Role::Header), second, buf);
    hits.body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let height = usize::from(hits.body.height);
    let selected = app.cap_at(caps);
    hits.first = app.caps.first.min(selected).max((selected + 1).saturating_sub(height)).min(all.len().saturating_sub(height));
    for (i, (standing, cells)) in all.iter().zip(&rows).enumerate().skip(hits.first).take(height) {
        let y = hits.body.y + u16::try_from(i - hits.first).unwrap_or(0);
        let (first, second) = parts(y);
        buf.set_string(inner.x + 1, y, sign(standing), style(role(standing)));
        let (left_cells, rest_cells) = cells.split_at(1.min(cells.len()));
        table::row(left, left_widths, left_cells, first, buf);
        table::row(rest, rest_widths, rest_cells, second, buf);
        if bar > 0 {
            let (full, rest) = gauge(standing.permille(), u16::try_from(bar).unwrap_or(0));
            let mut line = Pieces::default();
            line.left(full, style(role(standing))).left(rest, style(Role::Dim));
            line.draw(Rect { x: x(3 + name + 2), y, width: u16::try_from(bar).unwrap_or(0), height: 1 }.intersection(inner), buf);
        }
        if i == selected {
            buf.set_style(Rect { y, height: 1, ..inner }, style(Role::Select));
        }
    }
    let edge = inner.right().saturating_sub(1);
    if hits.first > 0 {
        buf.set_string(edge, hits.body.y, "↑", style(Role::Dim));
    }
    if hits.first + height < all.len() {
        buf.set_string(edge, hits.body.bottom() - 1, "↓", style(Role::Dim));
    }
    hits
}

fn cells(app: &App, standing: &Standing, binding: Option<&str>, now: Millis) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let cap = &standing.cap;
    let mark = if binding == Some(cap.name.as_str()) { " ◂" } else { "" };
    let resets = budgets::resets_in(standing, now);
    let limit = if standing.halts() { "STOPPED".to_owned() } else { cap.action.to_string() };
    let managed = if cap.gateway.is_some() { "gateway" } else { "managed" };
    let scope = match (cap.scope.is_everything(), cap.managed) {
        (true, true) => managed.to_owned(),
        (true, false) => "everything".to_owned(),
        (false, true) => format!("{managed}, {}", cap.scope),
        (false, false) => cap.scope.to_string(),
    };
    vec![
        (format!("{}{mark}", text::shown(&cap.name)), style(Role::Accent)),
        (format!("{}%", standing.permille() / 10), style(role(standing))),
        (format!("{}{}", standing.mark(), app.currency.amount(standing.spent())), style(Role::Spend)),
        (app.currency.amount(standing.allowed()), style(Role::Text)),
        (app.currency.amount(standing.left()), style(Role::Text)),
        (resets, style(Role::Dim)),
        (limit, style(if standing.halts() { Role::Over } else { Role::Text })),
        (text::shown(&scope), style(Role::Dim)),
    ]
}

/// What to do where there are none.
fn empty(app: &App, inner: Rect, buf: &mut Buffer) {
    let room = usize::from(inner.width.saturating_sub(2));
    let key = app.keys.first(Action::Cap);
    let says = [
        ("A cap says how much may be spent: in a day, a week or a month, per session or per task.".to_owned(), Role::Text),
        ("When it is reached, agents with a guard are stopped until it resets or somebody raises it.".to_owned(), Role::Text),
        (format!("{key} sets one now; on the command line it is"), Role::Text),
        ("aifinops cap set 20".to_owned(), Role::Accent),
        ("which is $20 a day over all agents together.".to_owned(), Role::Text),
    ];
    let mut y = inner.y;
    for (words, role) in says {
        for line in text::wrap(&words, room) {
            if y < inner.bottom() {
                buf.set_stringn(inner.x + 1, y, line, room, app.theme.style(role));
            }
            y = y.saturating_add(1);
        }
        if inner.height > 10 {
            y = y.saturating_add(1);
        }
    }
}
