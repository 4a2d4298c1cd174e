//! What a session's plan has left, and its subagents and forks, the dearest first.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::time::span;
use crate::model::{Millis, text};
use crate::query::SessionDetail;
use crate::ui::app::full::children;
use crate::ui::app::{App, Part, Section};
use crate::ui::columns::{money_cell, short_model, state_role, state_sign};
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::{list, section};

/// Draws them.
pub fn draw(app: &App, detail: &SessionDetail, now: Millis, alone: bool, area: Rect, buf: &mut Buffer) -> Part {
    let inner = section(app, detail, Section::Subagents, alone, area, buf);
    let style = |role| app.theme.style(role);
    let children = children(detail);
    let row = |i: usize| {
        let mut line = Pieces::default();
        if let Some(limit) = detail.limits.get(i) {
            let role = if limit.used_permille >= 900 { Role::Over } else { Role::Text };
            line.left(format!(" limit {}", window_name(limit.window_minutes)), style(Role::Dim));
            if let Some(at) = limit.resets_at.filter(|at| *at > now) {
                line.left(format!(", new in {}", span(at - now)), style(Role::Dim));
            }
            line.right(format!(" {}% ", limit.used_permille / 10), style(role));
        } else if let Some(child) = i.checked_sub(detail.limits.len()).and_then(|i| children.get(i)) {
            let name = child.role.as_deref().unwrap_or(child.kind.word());
            line.left(format!(" {} ", state_sign(child.state)), style(state_role(child.state)));
            line.left(text::shown(name), style(Role::Text));
            if let Some(model) = &child.model {
                line.left(format!(" · {}", short_model(model)), style(Role::Dim));
            }
            let (cost, cost_style) = money_cell(&child.lifetime, &app.currency, &app.theme);
            line.right(format!(" {cost} "), cost_style);
        }
        line
    };
    list(app, Section::Subagents, Section::Subagents.lines(detail), &row, inner, buf)
}

/// A rate limit's window in words: `5h`, `week`.
#[must_use]
pub fn window_name(minutes: u32) -> String {
    match minutes {
        300 => "5h".to_owned(),
        10_080 => "week".to_owned(),
        1_440 => "day".to_owned(),
        m if m.is_multiple_of(60) => format!("{}h", m / 60),
        m => format!("{m}m"),
    }
}
