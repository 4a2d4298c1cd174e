//! One file per panel. A panel draws a part of the screen from the state, the picture and the theme, and does nothing else.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::{Block, BorderType, Clear, Widget as _};

use crate::model::text;
use crate::query::SessionDetail;

use super::action::Action;
use super::app::{App, Hits, Part, Section};
use super::theme::{Role, Theme};
use super::widgets::line::{Pieces, count_of};

pub mod cap_days;
pub mod cap_dialog;
pub mod cap_notes;
pub mod caps;
pub mod charts;
pub mod decisions;
pub mod empty;
pub mod gpu_cards;
pub mod gpu_detail;
pub mod gpu_heat;
pub mod gpu_processes;
pub mod gpu_servers;
pub mod header;
pub mod help;
pub mod loop_groups;
pub mod loop_list;
pub mod loops;
pub mod preview;
pub mod session;
pub mod sessions;
pub mod status;
pub mod stop_dialog;
pub mod subagents;
pub mod tabs;
pub mod tasks;
pub mod team;
pub mod team_inside;
pub mod team_ledger;
pub mod tools;
pub mod trend_calendar;
pub mod trend_hours;
pub mod trend_spend;
pub mod trend_units;
pub mod waste;

/// A frame with a title on the left and one on the right; gives the room inside.
pub(super) fn frame(left: &str, right: &str, role: Role, theme: &Theme, area: Rect, buf: &mut Buffer) -> Rect {
    let title = |text: &str| format!(" {text} ");
    let room = usize::from(area.width.saturating_sub(4));
    let left = text::fit(left, room);
    let right_fits = text::columns(&left) + text::columns(right) + 6 <= room;
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

/// A frame in the middle of everything else; gives the room inside.
fn popup(app: &App, left: &str, right: &str, (width, height): (u16, u16), area: Rect, buf: &mut Buffer) -> Rect {
    let (width, height) = (width.min(area.width), height.min(area.height));
    let popup = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(popup, buf);
    buf.set_style(popup, app.theme.style(Role::Background));
    frame(left, right, Role::Focus, &app.theme, popup, buf)
}

/// The frame of a section of the session in full. Where it stands alone it says which others there are.
fn section(app: &App, detail: &SessionDetail, section: Section, alone: bool, area: Rect, buf: &mut Buffer) -> Rect {
    let role = if app.full.section == section { Role::Focus } else { Role::Border };
    let name = |section: Section| match section {
        Section::Tasks => count_of(detail.tasks.len(), "task"),
        Section::Tools => count_of(detail.tools.len(), "tool"),
        Section::Subagents => match (detail.limits.len(), detail.children.len()) {
            (0, n) => count_of(n, "subagent"),
            (limits, 0) => count_of(limits, "limit"),
            (limits, n) => format!("{}, {}", count_of(limits, "limit"), count_of(n, "subagent")),
        },
        Section::Waste => "where the money went".to_owned(),
    };
    let title = name(section);
    let key = app.keys.first(Action::Section);
    let others = std::iter::successors(Some(section.next()), |other| Some(other.next())).take_while(|other| *other != section);
    let others = format!("{key}: {}", others.map(name).collect::<Vec<_>>().join(" · "));
    let fits = text::columns(&title) + text::columns(&others) + 10 <= usize::from(area.width);
    let right = match (alone, fits) {
        (true, true) => others,
        (true, false) => format!("{key}: more"),
        (false, _) => String::new(),
    };
    frame(&title, &right, role, &app.theme, area, buf)
}

/// Marks at the edge of a list that has more rows than are in view.
fn more(hits: &Hits, rows: usize, app: &App, buf: &mut Buffer) {
    let edge = hits.body.right().saturating_sub(1);
    if hits.first > 0 {
        buf.set_string(edge, hits.body.y, "↑", app.theme.style(Role::Dim));
    }
    if hits.first + usize::from(hits.body.height) < rows && hits.body.height > 0 {
        buf.set_string(edge, hits.body.bottom() - 1, "↓", app.theme.style(Role::Dim));
    }
}

/// The lines of a section that are in view, the selected one marked, and marks where there are more.
fn list(app: &App, section: Section, lines: usize, line: &dyn Fn(usize) -> Pieces, body: Rect, buf: &mut Buffer) -> Part {
    let height = usize::from(body.height);
    let first = app.full.first(section, lines, height);
    let selected = app.full.selected(section, lines);
    for (i, y) in (first..lines).zip(body.y..body.bottom()) {
        let row = Rect { y, height: 1, ..body };
        line(i).draw(row, buf);
        // The task's bar says which steps stand out in the charts, also while another section is in front.
        if i == selected && (section == Section::Tasks || section == app.full.section) {
            buf.set_style(row, app.theme.style(Role::Select));
        }
    }
    let style = app.theme.style(Role::Dim);
    let edge = body.right().saturating_sub(1);
    if first > 0 && height > 0 {
        buf.set_string(edge, body.y, "↑", style);
    }
    if first + height < lines && height > 0 {
        buf.set_string(edge, body.bottom() - 1, "↓", style);
    }
    Part { section, body, first }
}
