//! Instead of the table on a machine without any logs: where was looked, and what to do next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::model::text;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::frame;

/// Whether there is nothing at all to show.
#[must_use]
pub fn is_due(snapshot: &Snapshot) -> bool {
    snapshot.sessions.is_empty() && !snapshot.roots.is_empty() && snapshot.roots.iter().all(|r| r.files == 0) && snapshot.progress.is_none()
}

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let inner = frame("No agent logs yet", "", Role::Focus, &app.theme, area, buf);
    let room = usize::from(inner.width.saturating_sub(2));
    let mut lines: Vec<Pieces> = Vec::new();
    // Words go on in the next line, so that a narrow screen says the same.
    let mut say = |words: &str, role| {
        for text in text::wrap(words, room) {
            let mut line = Pieces::default();
            line.left(format!(" {text}"), style(role));
            lines.push(line);
        }
        lines.push(Pieces::default());
    };
    say("To see what this looks like with a day's work:", Role::Text);
    say("aifinops top --demo", Role::Accent);
    say("Start an agent in another terminal: it shows up here within a moment.", Role::Text);
    say("Logs somewhere else? aifinops config explains roots.", Role::Dim);
    let mut found = Pieces::default();
    found.left(" Looked in:", style(Role::Text));
    lines.push(found);
    for root in &snapshot.roots {
        let state = if root.exists { "empty" } else { "not there" };
        let before = format!("   {:<12} ", root.agent);
        let path = root.path.display().to_string();
        let path = text::fit_end(&path, room.saturating_sub(text::columns(&before) + state.len() + 3));
        let mut line = Pieces::default();
        line.left(format!("{before}{path} ({state})"), style(Role::Dim));
        lines.push(line);
    }
    for (i, line) in lines.iter().take(usize::from(inner.height)).enumerate() {
        line.draw(Rect { y: inner.y + u16::try_from(i).unwrap_or(0), height: 1, ..inner }, buf);
    }
}
