//! Instead of the table on a machine without any logs: where was looked, and what to do next.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
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
    let mut lines: Vec<Pieces> = Vec::new();
    let mut say = |text: String, role| {
        let mut line = Pieces::default();
        line.left(text, style(role));
        lines.push(line);
    };
    say(String::new(), Role::Text);
    say(" Looked in:".to_owned(), Role::Text);
    for root in &snapshot.roots {
        let state = if root.exists { "empty" } else { "not there" };
        say(format!("   {:<12} {} ({state})", root.agent, root.path.display()), Role::Dim);
    }
    say(String::new(), Role::Text);
    say(" Start an agent in another terminal: it shows up here within a moment.".to_owned(), Role::Text);
    say(" To see what this looks like with a day's work:  aifinops top --demo".to_owned(), Role::Accent);
    say(" Logs somewhere else?  aifinops config  explains roots.".to_owned(), Role::Dim);
    for (i, line) in lines.iter().take(usize::from(inner.height)).enumerate() {
        line.draw(Rect { y: inner.y + u16::try_from(i).unwrap_or(0), height: 1, ..inner }, buf);
    }
}
