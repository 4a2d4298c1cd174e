//! Where a session's money went. What is estimated has a `~` before it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::insight::waste::{Category, Place};
use crate::model::Cost;
use crate::query::SessionDetail;
use crate::ui::app::full::places;
use crate::ui::app::{App, Part, Section};
use crate::ui::columns::money_cell;
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::{list, section};

/// Draws it.
pub fn draw(app: &App, detail: &SessionDetail, alone: bool, area: Rect, buf: &mut Buffer) -> Part {
    let inner = section(app, detail, Section::Waste, alone, area, buf);
    let waste = &detail.waste;
    let below = detail.children.iter().fold(Cost::default(), |sum, child| sum + child.lifetime);
    let has_children = !detail.children.is_empty();
    let row = |i: usize| match (Category::ALL.get(i), i.checked_sub(Category::ALL.len())) {
        (Some(category), _) => {
            let part = waste.part(*category);
            let mark = if category.attribution(&part) == "estimated" && part.steps > 0 { "~" } else { "" };
            line(app, name(*category), &part.cost, &waste.cost, mark)
        }
        (None, Some(0)) if has_children => line(app, "subagents and forks", &below, &(waste.cost + below), ""),
        (None, rest) => places(detail)
            .nth(rest.unwrap_or(0) - usize::from(has_children))
            .map_or_else(Pieces::default, |(steps, place)| of_place(app, steps, place)),
    };
    list(app, Section::Waste, Section::Waste.lines(detail), &row, inner, buf)
}

/// A part of the money and its share.
fn line(app: &App, name: &str, cost: &Cost, whole: &Cost, mark: &str) -> Pieces {
    let mut line = Pieces::default();
    line.left(format!(" {name}"), app.theme.style(Role::Text));
    let share = cost.permille_of(whole).map_or_else(|| "·".to_owned(), |permille| format!("{}%", (permille + 5) / 10));
    line.right(format!("{share:>5} "), app.theme.style(Role::Dim));
    let (text, style) = money_cell(cost, &app.currency, &app.theme);
    line.right(format!(" {mark}{text}"), style);
    line
}

/// What a step pays for its context at some places in its task.
fn of_place(app: &App, (first, last): (u64, Option<u64>), place: &Place) -> Pieces {
    let mut line = Pieces::default();
    let steps = last.map_or_else(|| format!("step {first} on"), |last| format!("steps {first} to {last}"));
    line.left(format!(" context, {steps}"), app.theme.style(Role::Dim));
    let cost = place.per_step().map_or_else(|| "?".to_owned(), |money| app.currency.show(money));
    line.right(format!("{cost} each "), app.theme.style(Role::Spend));
    line
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
