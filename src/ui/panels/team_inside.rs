//! What is below a row of the team: its models (of a model, its users), and its sessions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::model::time::span;
use crate::model::{Millis, Whose, text};
use crate::query::team::{Inside, TeamSession};
use crate::store::books::SpendSum;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

const PARTS: [Column; 5] = [words("", 0, 40), figures("TODAY", 1), figures("7 DAYS", 2), figures("30 DAYS", 0), figures("CALLS", 3)];
const SESSIONS: [Column; 5] =
    [words("SESSION", 0, 38), words("PROGRAM", 2, 24), figures("CALLS", 1), figures("30 DAYS", 0), words("LAST", 3, 12)];

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) {
    let rows = app.team_rows(snapshot);
    let row = rows.get(app.team_at(&rows));
    let name = row.map_or_else(String::new, |row| text::shown(&row.name));
    let below = app.team_of(snapshot).and_then(|picture| picture.inside.as_ref());
    let below = below.filter(|(id, _)| row.is_some_and(|row| row.id == *id)).map(|(_, inside)| inside);
    let what = if app.team.by() == Whose::Model { "users" } else { "models" };
    let Some(inside) = below else {
        frame(&name, "", Role::Border, &app.theme, area, buf);
        return;
    };
    let right = format!("{} {what}, {} sessions", inside.parts.len(), inside.sessions.len());
    let inner = frame(&name, &right, Role::Border, &app.theme, area, buf);
    // The models have what they need, up to half; the sessions what is left.
    let parts = u16::try_from(inside.parts.len()).unwrap_or(u16::MAX).saturating_add(1);
    let upper = if inside.sessions.is_empty() { inner.height } else { parts.min((inner.height / 2).max(2)).min(inner.height) };
    draw_parts(app, inside, Rect { height: upper, ..inner }, buf);
    draw_sessions(app, inside, now, Rect { y: inner.y + upper, height: inner.height - upper, ..inner }, buf);
}

fn list(app: &App, columns: &[Column], rows: &[Vec<Cell>], area: Rect, buf: &mut Buffer) {
    let widths = table::widths(columns, rows, usize::from(area.width.saturating_sub(2)));
    let line = |y: u16| Rect { x: area.x + 1, y, width: area.width.saturating_sub(2), height: 1 };
    let mut ys = area.y..area.bottom();
    if let Some(y) = ys.next() {
        table::heads(columns, &widths, app.theme.style(Role::Header), line(y), buf);
    }
    for (row, y) in rows.iter().zip(ys) {
        table::row(columns, &widths, row, line(y), buf);
    }
}

fn draw_parts(app: &App, inside: &Inside, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let money = |sum: &SpendSum| sum.spend.map_or_else(|| "?".to_owned(), |spend| app.currency.show(spend));
    let rows: Vec<Vec<Cell>> = inside
        .parts
        .iter()
        .map(|(name, [today, week, month])| {
            let name = if name.is_empty() { "(none)".to_owned() } else { text::shown(name) };
            vec![
                (name, style(Role::Text)),
                (money(today), style(Role::Spend)),
                (money(week), style(Role::Text)),
                (money(month), style(Role::Text)),
                (month.requests.to_string(), style(Role::Dim)),
            ]
        })
        .collect();
    list(app, &PARTS, &rows, area, buf);
}

fn draw_sessions(app: &App, inside: &Inside, now: Millis, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let program = |session: &TeamSession| {
        let client = session.client.as_deref().unwrap_or_default();
        text::shown(client.split([' ', '(']).next().unwrap_or_default())
    };
    let rows: Vec<Vec<Cell>> = inside
        .sessions
        .iter()
        .take(usize::from(area.height))
        .map(|session| {
            vec![
                (text::shown(&session.id), style(Role::Accent)),
                (program(session), style(Role::Dim)),
                (session.calls.to_string(), style(Role::Text)),
                (app.currency.show(session.spend), style(Role::Spend)),
                (format!("{} ago", span((now - session.last_at).max(0))), style(Role::Dim)),
            ]
        })
        .collect();
    if !rows.is_empty() {
        list(app, &SESSIONS, &rows, area, buf);
    }
}
