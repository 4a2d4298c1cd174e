//! The cost and the context of every step; those of the selected task stand out.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};

use crate::model::text;
use crate::model::tokens::compact;
use crate::query::SessionDetail;
use crate::ui::app::{App, Section};
use crate::ui::theme::Role;
use crate::ui::widgets::bars::{Fold, Look, Value, chart, values_a_bar};
use crate::ui::widgets::line::count_of;

use super::frame;

/// Draws them.
pub fn draw(app: &App, detail: &SessionDetail, area: Rect, buf: &mut Buffer) {
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
    let task = detail.tasks.get(app.full.selected(Section::Tasks, detail.tasks.len())).map(|task| task.key);
    let style = |role| app.theme.style(role);

    let costs: Vec<Value> = detail
        .steps
        .iter()
        .map(|step| Value { amount: step.money.map(|m| m.nanos().unsigned_abs()), lit: Some(step.task) == task })
        .collect();
    let all = usize::try_from(detail.session.sums.calls).unwrap_or(0);
    let steps = if costs.len() < all { format!("newest {} of {all} steps", costs.len()) } else { count_of(costs.len(), "step") };
    let bar = a_bar(costs.len(), left.width);
    let most = detail.steps.iter().filter_map(|s| s.money).max().map_or_else(String::new, |m| format!(", most {}", app.currency.show(m)));
    let title = format!("{} per step", app.currency.symbol);
    let unpriced = match costs.iter().filter(|cost| cost.amount.is_none()).count() {
        0 => String::new(),
        n => format!(", {n} unpriced"),
    };
    let says =
        [format!("{steps}{bar}{unpriced}{most}"), format!("{steps}{bar}{unpriced}"), format!("{steps}{bar}"), bar.replacen(", ", "", 1)];
    let says = first_that_fits(&title, &says, left);
    let inner = frame(&title, &says, Role::Border, &app.theme, left, buf);
    chart(&costs, Fold::Max, &Look { lit: bright(style(Role::Spend)), rest: style(Role::Dim), unknown: style(Role::Warn) }, inner, buf);

    let contexts: Vec<Value> = detail
        .steps
        .iter()
        .filter(|step| step.context > 0)
        .map(|step| Value { amount: Some(step.context), lit: Some(step.task) == task })
        .collect();
    let bar = a_bar(contexts.len(), right.width);
    let most = contexts.iter().filter_map(|value| value.amount).max().map_or_else(String::new, |most| format!("most {}", compact(most)));
    let now = detail.session.context.map_or_else(String::new, compact);
    let of = detail.session.context_window.map_or_else(String::new, |window| format!(" of {}", compact(window)));
    let says = [format!("{now}{of}, {most}{bar}"), format!("{now}{of}, {most}"), format!("{now}, {most}"), most];
    let says = first_that_fits("context", &says, right);
    let inner = frame("context", says.trim_start_matches(", "), Role::Border, &app.theme, right, buf);
    chart(&contexts, Fold::Max, &Look { lit: bright(style(Role::Chart2)), rest: style(Role::Dim), unknown: style(Role::Warn) }, inner, buf);
}

/// A style that stands out beside the dim one, also where there are no colours.
fn bright(style: Style) -> Style {
    style.remove_modifier(Modifier::DIM).add_modifier(Modifier::BOLD)
}

/// `, 15 a bar` where steps share bars.
fn a_bar(values: usize, width: u16) -> String {
    match values_a_bar(values, width.saturating_sub(2)) {
        1 => String::new(),
        n => format!(", {n} a bar"),
    }
}

/// The fullest of several titles that has room on the frame.
fn first_that_fits(left: &str, titles: &[String], area: Rect) -> String {
    let room = usize::from(area.width).saturating_sub(10 + text::columns(left));
    titles.iter().find(|title| text::columns(title) <= room).cloned().unwrap_or_default()
}
