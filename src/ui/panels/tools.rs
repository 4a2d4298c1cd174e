//! A session's tools, with how often each was called and failed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::text;
use crate::query::SessionDetail;
use crate::ui::app::{App, Part, Section};
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::{list, section};

/// Draws them.
pub fn draw(app: &App, detail: &SessionDetail, alone: bool, area: Rect, buf: &mut Buffer) -> Part {
    let inner = section(app, detail, Section::Tools, alone, area, buf);
    let style = |role| app.theme.style(role);
    let row = |i: usize| {
        let mut line = Pieces::default();
        if let Some(tool) = detail.tools.get(i) {
            line.left(format!(" {}", text::shown(&tool.name)), style(Role::Text));
            line.right(format!("{} ", tool.calls), style(Role::Text));
            if tool.failures > 0 {
                line.right(format!(" {}✗ ", tool.failures), style(Role::Warn));
            }
        }
        line
    };
    list(app, Section::Tools, detail.tools.len(), &row, inner, buf)
}
