//! The calendar: what each day cost, weeks beside each other, weekdays below each other.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use chrono::Datelike as _;

use crate::insight::spread::Spread;
use crate::model::time::day_of;
use crate::model::{Cost, Millis, text};
use crate::query::trends::Trends;
use crate::ui::app::App;
use crate::ui::app::trends::Panel;
use crate::ui::theme::Role;

use super::frame;

/// From nothing to the dearest quarter of all days with any spend.
const SIGNS: [&str; 5] = ["·", "░", "▒", "▓", "█"];
const WEEKDAYS: [&str; 7] = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
/// The columns before the weeks.
const NAMES: u16 = 3;
/// The columns of a week.
const WEEK: u16 = 2;

/// Draws it.
pub fn draw(app: &App, trends: &Trends, now: Millis, area: Rect, buf: &mut Buffer) {
    let role = if app.trends.panel == Panel::Calendar { Role::Focus } else { Role::Border };
    let fit = usize::from(area.width.saturating_sub(NAMES + 3) / WEEK);
    let all = &trends.heat.weeks;
    let weeks = all.get(all.len().saturating_sub(fit)..).unwrap_or_default();
    let days = || weeks.iter().flat_map(|(monday, days)| monday.iter_days().zip(days)).filter_map(|(day, cost)| Some((day, (*cost)?)));
    let dearest = days().max_by_key(|(_, cost)| cost.known).filter(|(_, cost)| *cost != Cost::default());
    let title = "Calendar";
    let says = dearest.map_or_else(String::new, |(day, cost)| format!("most {} on {}", app.currency.cost(&cost), day.format("%a %-d %b")));
    let inner = frame(title, &says, role, &app.theme, area, buf);
    if inner.height == 0 || inner.width < NAMES + WEEK + 1 {
        return;
    }
    let usual: Spread = days().map(|(_, cost)| cost.known.nanos()).filter(|nanos| *nanos > 0).collect();
    let quarters = [25, 50, 75].map(|percent| usual.percentile(percent).unwrap_or(0));
    let months = u16::from(inner.height >= 8);
    let dim = app.theme.style(Role::Dim);
    let end = inner.right();
    let x_of = |week: usize| inner.x + 1 + NAMES + u16::try_from(week).unwrap_or(u16::MAX).saturating_mul(WEEK);
    for (name, y) in WEEKDAYS.iter().zip(inner.y + months..inner.bottom()) {
        buf.set_string(inner.x + 1, y, name, dim);
    }
    let today = day_of(now, app.zone);
    let mut free = inner.x;
    for (i, (monday, days)) in weeks.iter().enumerate() {
        let x = x_of(i);
        let begins = days.len() == 7 && (monday.day() <= 7 || i == 0);
        let name = monday.format("%b").to_string();
        if months > 0 && begins && x >= free && x + 3 <= end {
            buf.set_string(x, inner.y, &name, dim);
            free = x + u16::try_from(text::columns(&name)).unwrap_or(3) + 1;
        }
        for ((day, cost), y) in monday.iter_days().zip(days).zip(inner.y + months..inner.bottom()) {
            let Some(cost) = cost else { continue };
            let (sign, role) = sign(cost, &quarters);
            let style = if day == today { app.theme.style(role).patch(app.theme.style(Role::Select)) } else { app.theme.style(role) };
            buf.set_string(x, y, sign.repeat(if sign == "·" || sign == "?" { 1 } else { usize::from(WEEK) - 1 }), style);
        }
    }
}

/// How dear a day was, beside the others.
fn sign(cost: &Cost, quarters: &[i64; 3]) -> (&'static str, Role) {
    if cost.money().is_none() {
        return ("?", Role::Warn);
    }
    let nanos = cost.known.nanos();
    let level = if nanos <= 0 { 0 } else { 1 + quarters.iter().filter(|quarter| nanos > **quarter).count() };
    (SIGNS.get(level).copied().unwrap_or("█"), if level == 0 { Role::Dim } else { Role::Spend })
}
