//! The inference servers: what comes out of them, and what a million tokens cost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::gpus::ServerView;
use crate::engine::gpus::words::{UNKNOWN, percent, rate, seconds};
use crate::model::{Money, text};
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::line::count_of;
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

const COLUMNS: [Column; 13] = [
    words("SERVER", 0, 22),
    words("MODEL", 2, 26),
    figures("OUT/S", 0),
    figures("IN/S", 5),
    figures("CACHE", 9),
    figures("RUN", 4),
    figures("WAIT", 4),
    figures("KV", 6),
    figures("TTFT", 7),
    figures("$/1M OUT", 0),
    figures("1 HOUR", 1),
    figures("AT LOAD", 3),
    words("", 8, 8),
];

/// Draws them.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let servers = &app.gpu_picture.servers;
    let inner = frame(&count_of(servers.len(), "server"), "$ per 1M tokens, idleness included", Role::Border, &app.theme, area, buf);
    if inner.height < 2 {
        return;
    }
    let rows: Vec<Vec<Cell>> = servers.iter().map(|server| cells(app, server)).collect();
    let room = usize::from(inner.width).saturating_sub(3);
    let mut widths = table::widths(&COLUMNS, &rows, room);
    table::stretch(&mut widths, COLUMNS.len() - 1, &rows, room);
    let line = |y: u16| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
    table::heads(&COLUMNS, &widths, app.theme.style(Role::Header), line(inner.y), buf);
    for (row, y) in rows.iter().zip(inner.y + 1..inner.bottom()) {
        table::row(&COLUMNS, &widths, row, line(y), buf);
    }
}

fn cells(app: &App, server: &ServerView) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let reading = &server.reading;
    let count = |n: Option<u64>| n.map_or_else(|| UNKNOWN.to_owned(), |n| n.to_string());
    let money = |money: Option<Money>| money.map_or_else(|| UNKNOWN.to_owned(), |money| app.currency.show(money));
    let fades = if server.is_stale { Role::Dim } else { Role::Text };
    let read = server.now.prompt + server.now.cached;
    let cache = (server.now.cached * 100).checked_div(read).filter(|_| reading.cached.is_some());
    let full = reading.kv.is_some_and(|kv| kv >= 950);
    let now = match (server.now.per_million(), server.per_hour) {
        (Some(money), _) => app.currency.show(money),
        (None, Some(per_hour)) if reading.generated.is_some() => format!("— idle {}/h", app.currency.show(per_hour)),
        (None, _) => UNKNOWN.to_owned(),
    };
    let note = match (server.is_stale, server.stuck_since, reading.is_asleep) {
        (true, _, _) => "stale",
        (_, Some(_), _) => "gets nowhere",
        (_, _, true) => "asleep",
        (_, _, false) if server.cards.is_empty() => "which GPU is not known",
        _ => "",
    };
    vec![
        (format!("{} {}", reading.kind, text::shown(&server.name)), style(fades)),
        (reading.model.as_deref().map(text::shown).unwrap_or_default(), style(Role::Accent)),
        (rate(server.now.made_a_second(), reading.generated.is_some()), style(Role::Output)),
        (rate(server.now.read_a_second(), reading.prompt.is_some()), style(Role::Input)),
        (cache.map(|share| format!("{share}%")).unwrap_or_default(), style(Role::Cache)),
        (count(reading.running), style(fades)),
        (count(reading.waiting), style(if reading.waiting > Some(0) { Role::Warn } else { fades })),
        (percent(reading.kv), style(if full { Role::Over } else { fades })),
        (seconds(server.now.first_token()), style(Role::Dim)),
        (now, style(Role::Spend)),
        (money(server.hour.per_million()), style(Role::Text)),
        (money(server.hour.per_million_at_load()), style(Role::Dim)),
        (note.to_owned(), style(if note == "gets nowhere" { Role::Over } else { Role::Dim })),
    ]
}
