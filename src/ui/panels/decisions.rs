//! What was decided about a cap: by people, and by what stops agents.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::model::cap::{Amount, Unit};
use crate::model::time::utc;
use crate::model::{Millis, text};
use crate::query::caps::{Decision, Kind};
use crate::ui::app::App;
use crate::ui::app::caps::decisions;
use crate::ui::theme::Role;
use crate::ui::widgets::line::count_of;
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

const COLUMNS: [Column; 8] = [
    words("WHEN", 0, 12),
    words("WHAT", 0, 14),
    figures("AMOUNT", 2),
    figures("SPENT", 1),
    words("AGENT", 3, 12),
    words("SESSION", 6, 8),
    words("WHO", 5, 16),
    words("WHY", 4, 60),
];

/// Draws them; tells where they are and which is the first in view.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> (Rect, usize) {
    let style = |role| app.theme.style(role);
    let caps = app.caps_of(snapshot);
    let cap = caps.standings.get(app.cap_at(caps)).map_or("", |standing| &standing.cap.name);
    let all: Vec<&Decision> = decisions(caps, cap).collect();
    let role = if app.caps.in_log { Role::Focus } else { Role::Border };
    let title = if all.is_empty() { "no decisions".to_owned() } else { count_of(all.len(), "decision") };
    let inner = frame(&title, "aifinops cap log", role, &app.theme, area, buf);
    if inner.height < 2 || all.is_empty() {
        return (Rect { height: 0, ..inner }, 0);
    }
    let rows: Vec<Vec<Cell>> = all.iter().map(|decision| cells(app, decision, now)).collect();
    let widths = table::widths(&COLUMNS, &rows, usize::from(inner.width.saturating_sub(3)));
    let indent = |y: u16| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
    table::heads(&COLUMNS, &widths, style(Role::Header), indent(inner.y), buf);
    let body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let height = usize::from(body.height);
    let first = app.caps.log.min(rows.len().saturating_sub(height));
    for (row, y) in rows.iter().skip(first).zip(body.y..body.bottom()) {
        table::row(&COLUMNS, &widths, row, indent(y), buf);
    }
    let edge = inner.right().saturating_sub(1);
    if first > 0 {
        buf.set_string(edge, body.y, "↑", style(Role::Dim));
    }
    if first + height < rows.len() {
        buf.set_string(edge, body.bottom() - 1, "↓", style(Role::Dim));
    }
    (body, first)
}

/// What was decided, in two words.
const fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Set => "set",
        Kind::Clear => "cleared",
        Kind::Raise => "raised",
        Kind::Level => "told",
        Kind::BlockPrompt => "prompt blocked",
        Kind::HaltStep => "loop halted",
        Kind::Refuse => "call refused",
        Kind::Stop => "stopped",
        Kind::Failure => "cannot tell",
    }
}

fn cells(app: &App, decision: &Decision, now: Millis) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let at = utc(decision.at).with_timezone(&app.zone);
    // The day where it was another one.
    let is_today = at.date_naive() == utc(now).with_timezone(&app.zone).date_naive();
    let when = if is_today { at.format("%H:%M:%S") } else { at.format("%-d %b %H:%M") };
    let show = |count: i64| Unit::from_word(&decision.unit).map(|unit| app.currency.amount(Amount { unit, count })).unwrap_or_default();
    let limit = match decision.kind {
        Kind::Failure | Kind::Stop => String::new(),
        Kind::Raise => format!("+{}", show(decision.amount)),
        _ => show(decision.amount),
    };
    let spent = if matches!(decision.kind, Kind::Set | Kind::Clear | Kind::Failure) { String::new() } else { show(decision.spent) };
    let told = |value: &Option<String>| value.as_deref().map(text::shown).unwrap_or_default();
    let role = match decision.kind {
        kind if kind.stops() => Role::Over,
        Kind::Level | Kind::Failure => Role::Warn,
        _ => Role::Text,
    };
    vec![
        (when.to_string(), style(Role::Dim)),
        (what(decision.kind).to_owned(), style(role)),
        (limit, style(Role::Text)),
        (spent, style(Role::Spend)),
        (told(&decision.agent), style(Role::Text)),
        (told(&decision.session).chars().take(8).collect(), style(Role::Dim)),
        (text::shown(&decision.who), style(Role::Dim)),
        (told(&decision.why), style(Role::Text)),
    ]
}
