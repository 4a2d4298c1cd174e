//! The second line: the views, and which cap is next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Modifier;

use crate::budgets;
use crate::engine::Snapshot;
use crate::model::{Millis, text};
use crate::ui::action::Action;
use crate::ui::app::{App, View};
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

/// The views, in the order of their keys.
const VIEWS: [(View, Action, &str); 6] = [
    (View::Sessions, Action::Sessions, "Sessions"),
    (View::Loops, Action::Loops, "Loops"),
    (View::Trends, Action::Trends, "Trends"),
    (View::Caps, Action::Caps, "Caps"),
    (View::Team, Action::Team, "Team"),
    (View::Gpus, Action::Gpus, "GPU"),
];

/// Draws them, and tells where they are.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Vec<(Rect, View)> {
    let style = |role| app.theme.style(role);
    let mut line = Pieces::default();
    let mut places = Vec::new();
    // A session in full belongs to the sessions.
    let shown = if app.view == View::Session { View::Sessions } else { app.view };
    for (view, action, name) in VIEWS {
        let from = line.width();
        let key = app.keys.first(action);
        if view == shown {
            line.left(format!(" {key} {name} "), style(Role::Select).add_modifier(Modifier::BOLD));
        } else {
            line.left(format!(" {key} "), style(Role::HintKey)).left(format!("{name} "), style(Role::HintText));
        }
        let (x, width) = (area.x.saturating_add(from), line.width() - from);
        line.left(" ", style(Role::Text));
        places.push((Rect { x, width, height: 1, ..area }.intersection(area), view));
    }
    let caps = &*snapshot.caps;
    if let Some(standing) = budgets::foremost(&caps.standings) {
        let words = text::shown(&standing.cap.words());
        let resets = budgets::time_left(standing, now).map_or_else(String::new, |left| format!(", resets in {left}"));
        let full = if standing.halts() { format!("stopped by the {words}{resets} ") } else { format!("{words}{resets} ") };
        let room = usize::from(area.width.saturating_sub(line.width() + 2));
        let short = format!("{}{resets} ", text::shown(&standing.cap.name));
        let role = if standing.halts() { Role::Over } else { Role::Dim };
        if let Some(fits) = [full, short].into_iter().find(|says| text::columns(says) <= room) {
            line.right(fits, style(role));
        }
    }
    line.draw(area, buf);
    places
}
