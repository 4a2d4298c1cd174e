//! Where a session's money went. What is estimated has a `~` before it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::insight::waste::Category;
use crate::model::Cost;
use crate::query::SessionDetail;
use crate::ui::app::{App, Part, Section};
use crate::ui::columns::money_cell;
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::{list, section};

/// Draws it.
pub fn draw(app: &App, detail: &SessionDetail, alone: bool, area: Rect, buf: &mut Buffer) -> Part {
    let inner = section(app, detail, Section::Waste, alone, area, buf);
    let style = |role| app.theme.style(role);
    let waste = &detail.waste;
    let below = detail.children.iter().fold(Cost::default(), |sum, child| sum + child.lifetime);
    let row = |i: usize| {
        let (name, cost, whole, mark) = match Category::ALL.get(i) {
            Some(category) => {
                let part = waste.part(*category);
                let mark = if category.attribution(&part) == "estimated" && part.steps > 0 { "~" } else { "" };
                (name(*category), part.cost, waste.cost, mark)
            }
            None => ("subagents and forks", below, waste.cost + below, ""),
        };
        let mut line = Pieces::default();
        line.left(format!(" {name}"), style(Role::Text));
        let share = cost.permille_of(&whole).map_or_else(|| "·".to_owned(), |permille| format!("{}%", (permille + 5) / 10));
        line.right(format!("{share:>5} "), style(Role::Dim));
        let (text, cost_style) = money_cell(&cost, &app.currency, &app.theme);
        line.right(format!(" {mark}{text}"), cost_style);
        line
    };
    list(app, Section::Waste, Section::Waste.lines(detail), &row, inner, buf)
}

/// The categories in few columns.
const fn name(category: Category) -> &'static str {
    match category {
        Category::Resent => "context sent again",
        Category::Missed => "misses after a pause",
        Category::Compacted => "after compactions",
        Category::Unread => "writes never read",
        Category::Failed => "failed tools",
    }
}
