//! One file per panel. A panel draws a part of the screen from the state, the picture and the theme, and does nothing else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Widget as _};

use super::theme::{Role, Theme};

pub mod empty;
pub mod header;
pub mod help;
pub mod preview;
pub mod session;
pub mod sessions;
pub mod status;

/// A frame with a title on the left and one on the right; gives the room inside.
pub(super) fn frame(left: &str, right: &str, role: Role, theme: &Theme, area: Rect, buf: &mut Buffer) -> Rect {
    let title = |text: &str| format!(" {text} ");
    let room = usize::from(area.width.saturating_sub(4));
    let left = crate::model::text::fit(left, room);
    let right_fits = crate::model::text::columns(&left) + crate::model::text::columns(right) + 6 <= room;
    let mut block = Block::bordered().border_type(BorderType::Rounded).border_style(theme.style(role)).title_style(Style::default());
    if !left.is_empty() {
        block = block.title(ratatui::text::Line::styled(title(&left), theme.style(Role::Title)));
    }
    if right_fits && !right.is_empty() {
        block = block.title(ratatui::text::Line::styled(title(right), theme.style(Role::Dim)).right_aligned());
    }
    let inner = block.inner(area);
    block.render(area, buf);
    inner
}
