//! The help: every key, from the table of actions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::text;
use crate::ui::action::TABLE;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::line::{Pieces, field};

use super::popup;

/// What the signs mean, and what the mouse does.
const LEGEND: [(&str, &str); 15] = [
    ("● ◐ ‖ ○ ·", "working, waiting for you, paused, idle, ended"),
    ("● ▲ ■", "a cap: has room, is close or reached, stops agents"),
    ("◂", "the cap that binds: the one that stops first"),
    ("LOOP", "steps (model calls) of the running or last task"),
    ("!", "a very long loop: 45 steps and more"),
    ("CTX", "how full the context window is"),
    ("CACHE", "share of the prompt served from the cache"),
    ("$/H", "spent in the last hour, in your currency"),
    ("≥", "a lower bound: calls without a price, or too low counters in the log"),
    ("?", "the price of this model is not known"),
    ("·", "nothing: no call, no cost, not said by the log"),
    ("READ, WRITE", "tokens of a task that came from the cache, and went into it"),
    ("✗", "tool calls that failed"),
    ("click", "selects; again: opens; on a column's head: sorts, again: the other way round"),
    ("wheel", "scrolls what is under it"),
];

/// The columns before what is explained.
const SIGNS: usize = 20;

/// Draws it over everything else; gives how far it can be scrolled, and how many lines are in view.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer) -> (u16, u16) {
    let width = area.width.min(80);
    let room = usize::from(width).saturating_sub(SIGNS + 4);
    let mut lines: Vec<Pieces> = Vec::new();
    let explain = |lines: &mut Vec<Pieces>, sign: &str, words: &str, role, words_role| {
        for (i, words) in text::wrap(words, room).into_iter().enumerate() {
            let mut line = Pieces::default();
            let sign = if i == 0 { text::fit(sign, SIGNS - 2) } else { String::new() };
            line.left(format!(" {} ", field(&sign, SIGNS - 2, false)), app.theme.style(role));
            line.left(words, app.theme.style(words_role));
            lines.push(line);
        }
    };
    for binding in TABLE {
        explain(&mut lines, &app.keys.keys(binding.action), binding.help, Role::HintKey, Role::HintText);
    }
    lines.push(Pieces::default());
    for (sign, means) in LEGEND {
        let sign = if sign == "$/H" { format!("{}/H", app.currency.symbol) } else { sign.to_owned() };
        explain(&mut lines, &sign, means, Role::Accent, Role::Text);
    }
    let wanted = u16::try_from(lines.len() + 2).unwrap_or(u16::MAX);
    let height = area.height.min(wanted);
    let right = if height < wanted { "arrows scroll, another key closes" } else { "any key closes" };
    let inner = popup(app, "Help", right, (width, height), area, buf);
    let most = lines.len().saturating_sub(usize::from(inner.height));
    let skip = usize::from(app.help_scroll).min(most);
    for (line, y) in lines.iter().skip(skip).zip(inner.y..inner.bottom()) {
        line.draw(Rect { y, height: 1, ..inner }, buf);
    }
    let edge = inner.right().saturating_sub(1);
    if skip > 0 && inner.height > 0 {
        buf.set_string(edge, inner.y, "↑", app.theme.style(Role::Dim));
    }
    if skip < most && inner.height > 0 {
        buf.set_string(edge, inner.bottom() - 1, "↓", app.theme.style(Role::Dim));
    }
    (u16::try_from(most).unwrap_or(u16::MAX), inner.height)
}
