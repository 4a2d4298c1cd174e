//! The help: every key, from the table of actions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::widgets::{Clear, Widget as _};

use crate::ui::action::TABLE;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::frame;

/// What the signs in the table mean.
const LEGEND: [(&str, &str); 6] = [
    ("● ◐ ○ ·", "working, waiting for you, idle, ended"),
    ("LOOP", "steps (model calls) of the running or last task"),
    ("CTX", "how full the context window is"),
    ("CACHE", "share of the prompt served from the cache"),
    ("≥", "a lower bound: calls without a price, or too low counters in the log"),
    ("?", "the price of this model is not known"),
];

/// Draws it over everything else.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let width = area.width.min(76);
    let wanted = u16::try_from(TABLE.len() + LEGEND.len() + 3).unwrap_or(u16::MAX);
    let height = area.height.min(wanted);
    let popup = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(popup, buf);
    buf.set_style(popup, app.theme.style(Role::Background));
    let inner = frame("Help", "any key closes", Role::Focus, &app.theme, popup, buf);
    let mut lines: Vec<Pieces> = Vec::new();
    for binding in TABLE {
        let mut line = Pieces::default();
        line.left(format!(" {:<19}", app.keys.keys(binding.action)), app.theme.style(Role::HintKey));
        line.left(binding.help, app.theme.style(Role::HintText));
        lines.push(line);
    }
    lines.push(Pieces::default());
    for (sign, means) in LEGEND {
        let mut line = Pieces::default();
        line.left(format!(" {sign:<19}"), app.theme.style(Role::Accent));
        line.left(means, app.theme.style(Role::Text));
        lines.push(line);
    }
    let most = lines.len().saturating_sub(usize::from(inner.height));
    let skip = usize::from(app.help_scroll).min(most);
    for (i, line) in lines.iter().skip(skip).take(usize::from(inner.height)).enumerate() {
        line.draw(Rect { y: inner.y + u16::try_from(i).unwrap_or(0), height: 1, ..inner }, buf);
    }
    if skip < most {
        buf.set_string(inner.right().saturating_sub(1), inner.bottom().saturating_sub(1), "↓", app.theme.style(Role::Dim));
    }
}
