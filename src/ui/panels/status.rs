//! The last line: what goes on, what is wrong, or which keys to press.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::model::text;
use crate::ui::action::Action;
use crate::ui::app::{App, View};
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let mut line = Pieces::default();
    if app.typing {
        line.left(" filter ", style(Role::HintKey)).left(text::shown(app.input.value()), style(Role::Text)).left("▏", style(Role::Accent));
        line.right("enter keeps · esc clears ", style(Role::HintText));
        line.draw(area, buf);
        return;
    }
    if let Some(message) = &app.message {
        line.left(format!(" {message}"), style(Role::Ok));
    } else if let Some(progress) = snapshot.progress.filter(|p| p.files > 0) {
        let share = (progress.bytes_done.min(progress.bytes) * 100).checked_div(progress.bytes).unwrap_or(0);
        let filled = usize::try_from(share / 5).unwrap_or(0);
        line.left(" catching up ", style(Role::Accent));
        line.left("█".repeat(filled) + &"░".repeat(20 - filled.min(20)), style(Role::Chart));
        line.left(format!(" {share}% · {} of {} logs ", progress.files_done, progress.files), style(Role::Dim));
    } else if let Some(notice) = snapshot.notices.first() {
        let more = snapshot.notices.len() - 1;
        let others = if more > 0 { format!(" (+{more} more: aifinops doctor)") } else { String::new() };
        line.left(format!(" ! {}{others}", text::shown(notice)), style(Role::Warn));
    }
    let hints: &[(Action, &str)] = match app.view {
        View::Sessions => &[
            (Action::Quit, "quit"),
            (Action::Help, "help"),
            (Action::Open, "open"),
            (Action::Range, "range"),
            (Action::SortNext, "sort"),
            (Action::Filter, "filter"),
        ],
        View::Session => {
            &[(Action::Quit, "quit"), (Action::Help, "help"), (Action::OpenLog, "log"), (Action::CopyId, "copy id"), (Action::Back, "back")]
        }
    };
    for (action, word) in hints {
        let key = (format!("{} ", app.keys.first(*action)), style(Role::HintKey));
        line.right_together(vec![key, (format!("{word}  "), style(Role::HintText))]);
    }
    line.draw(area, buf);
}
