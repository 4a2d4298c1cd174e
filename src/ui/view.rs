//! The screen as a whole: which panel goes where.
//!
//! ```text
//! header                                          1 line
//! ┌ sessions ──────────────────────────────────┐  what is left
//! └────────────────────────────────────────────┘
//! ┌ task ──────────────────┐┌ tokens ──────────┐  from 20 lines on
//! └────────────────────────┘└──────────────────┘
//! status                                          1 line
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use crate::engine::Snapshot;
use crate::model::{Millis, text};

use super::app::{App, Hits, View};
use super::panels::{empty, header, help, preview, session, sessions, status};
use super::theme::Role;

/// The smallest screen that anything can be said on.
const LEAST: (u16, u16) = (30, 6);

/// Draws everything, and tells where things are for the mouse. Pure: the same input gives the same picture.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    buf.set_style(area, app.theme.style(Role::Background));
    let snapshot = app.paused.as_deref().unwrap_or(snapshot);
    if area.width < LEAST.0 || area.height < LEAST.1 {
        return tiny(app, snapshot, area, buf);
    }
    let preview_height = match area.height {
        ..20 => 0,
        20..40 => 6,
        _ => 8,
    };
    let full = app.view == View::Session || empty::is_due(snapshot);
    let below = if full { 0 } else { preview_height };
    let [top, body, bottom, last] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1), Constraint::Length(below), Constraint::Length(1)]).areas(area);
    header::draw(app, snapshot, top, buf);
    let hits = match app.view {
        View::Session => session::draw(app, snapshot, now, body, buf),
        View::Sessions if empty::is_due(snapshot) => {
            empty::draw(app, snapshot, body, buf);
            Hits::default()
        }
        View::Sessions => sessions::draw(app, snapshot, now, body, buf),
    };
    if below > 0 {
        preview::draw(app, snapshot, now, bottom, buf);
    }
    status::draw(app, snapshot, last, buf);
    if app.help {
        help::draw(app, area, buf);
    }
    hits
}

/// On a screen for nothing else: the figure that matters.
fn tiny(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) -> Hits {
    let lines = [
        format!("{} today", header::money(app, &snapshot.today.cost())),
        format!("{}/h  {} live", header::money(app, &snapshot.burn.last_hour), snapshot.live),
        "make me larger".to_owned(),
    ];
    for (y, line) in (area.y..area.bottom()).zip(lines) {
        buf.set_stringn(area.x, y, text::shown(&line), usize::from(area.width), app.theme.style(Role::Text));
    }
    Hits::default()
}
