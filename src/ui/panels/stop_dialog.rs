//! Whether a process is really to be stopped, and how that goes.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::process::Process;
use crate::model::text;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::popup;

/// Its size, where there is room.
const SIZE: (u16, u16) = (72, 9);

/// Draws it over everything else.
pub fn draw(app: &App, name: &str, process: &Process, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let inner = popup(app, &format!("Stop {name}?"), "", SIZE, area, buf);
    let room = usize::from(inner.width.saturating_sub(2));
    let with = if process.leads { ", with all that it has started" } else { "" };
    let says = [
        (format!("process {}{with}", process.pid), Role::Text),
        (text::fit(&process.command, room), Role::Accent),
        (String::new(), Role::Text),
        ("SIGINT; after 5 s SIGTERM; after 5 s more SIGKILL.".to_owned(), Role::Warn),
    ];
    let mut y = inner.y;
    for (words, role) in says {
        let lines = if words.is_empty() { vec![String::new()] } else { text::wrap(&words, room) };
        for line in lines {
            if y < inner.bottom() {
                buf.set_stringn(inner.x + 1, y, line, room, style(role));
            }
            y = y.saturating_add(1);
        }
    }
    let mut keys = Pieces::default();
    for (key, word) in [("y", "stops it"), ("n", "leaves it alone")] {
        keys.left(format!(" {key} "), style(Role::HintKey)).left(format!("{word}  "), style(Role::HintText));
    }
    if inner.height > 0 {
        keys.draw(Rect { y: inner.bottom() - 1, height: 1, ..inner }, buf);
    }
}
