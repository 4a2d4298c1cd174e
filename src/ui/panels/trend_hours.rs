//! The hours of the day: when it is that money is spent.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::{Cost, text};
use crate::query::trends::{HOUR_DAYS, Trends};
use crate::ui::app::App;
use crate::ui::app::trends::Panel;
use crate::ui::theme::Role;
use crate::ui::widgets::bars::{Fold, Look, Value, chart};

use super::frame;

/// The hours that have a name below the bars.
const NAMED: [usize; 4] = [0, 6, 12, 18];

/// Draws them.
pub fn draw(app: &App, trends: &Trends, area: Rect, buf: &mut Buffer) {
    let role = if app.trends.panel == Panel::Hours { Role::Focus } else { Role::Border };
    let title = format!("Hours · last {HOUR_DAYS} days");
    let busiest = trends.hours.iter().enumerate().max_by_key(|(_, cost)| cost.known).filter(|(_, cost)| **cost != Cost::default());
    let says = busiest.map_or_else(String::new, |(hour, cost)| format!("most {} at {hour}:00", app.currency.cost(cost)));
    let says = if text::columns(&says) + text::columns(&title) + 10 <= usize::from(area.width) { says } else { String::new() };
    let inner = frame(&title, &says, role, &app.theme, area, buf);
    if inner.height == 0 || inner.width < 4 {
        return;
    }
    let step = (inner.width.saturating_sub(2) / 24).max(1);
    let axis = u16::from(inner.height >= 3);
    let width = (step * 24).min(inner.width - 2);
    let body = Rect { x: inner.x + 1, width, height: inner.height - axis, ..inner };
    let value = |cost: &Cost| Value { amount: cost.money().map(|money| money.nanos().unsigned_abs()), lit: true };
    // Bars of more than one column have one between them.
    let gap = (step > 1).then_some(Value { amount: Some(0), lit: true });
    let values: Vec<Value> = trends
        .hours
        .iter()
        .flat_map(|cost| std::iter::repeat_n(value(cost), usize::from(step) - usize::from(gap.is_some())).chain(gap))
        .collect();
    let style = |role| app.theme.style(role);
    chart(&values, Fold::Sum, &Look { lit: style(Role::Spend), rest: style(Role::Dim), unknown: style(Role::Warn) }, body, buf);
    if axis > 0 {
        for hour in NAMED {
            let x = body.x + u16::try_from(hour).unwrap_or(0) * width / 24;
            buf.set_stringn(x, inner.bottom() - 1, format!("{hour}h"), usize::from(inner.right().saturating_sub(x)), style(Role::Dim));
        }
    }
}
