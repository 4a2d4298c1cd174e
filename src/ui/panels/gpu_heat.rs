//! A week of all cards, hour by hour: their use, or what their idleness cost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::gpus::words::{number, percent};
use crate::model::text;
use crate::model::time::{HOUR, utc};
use crate::query::gpus::{HeatCell, HeatRow};
use crate::ui::app::App;
use crate::ui::app::gpus::Lower;
use crate::ui::theme::Role;

use super::frame;

/// The columns of a card's name, and of its figure.
const NAME: u16 = 16;
const FIGURE: u16 = 10;
/// Idle dollars an hour from which the shades change, in nano-dollars.
const DOLLARS: [i64; 3] = [100_000_000, 1_000_000_000, 3_000_000_000];

/// Draws it.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let heat = &*app.gpu_picture.heat;
    let is_use = app.gpus.lower != Lower::Idle;
    let (title, legend) = if is_use {
        ("7 days of use, hour by hour", "░<5% ▒<30% ▓<60% █≥60% ╱ no data")
    } else {
        ("7 days of idle $, hour by hour", "░<10¢ ▒<$1 ▓<$3 █≥$3 ╱ no data")
    };
    let inner = frame(title, legend, Role::Border, &app.theme, area, buf);
    if inner.height < 2 || inner.width < NAME + FIGURE + 10 {
        return;
    }
    if heat.rows.is_empty() {
        buf.set_string(inner.x + 1, inner.y, "nothing is known yet; a minute is noted when it is over", app.theme.style(Role::Dim));
        return;
    }
    let room = usize::from(inner.width - NAME - FIGURE - 3);
    let first = heat.hours.saturating_sub(room);
    let left = inner.x + 1 + NAME;
    days(app, heat.from, (first, heat.hours), (left, inner), buf);
    // The order of the list above; cards that are gone come last.
    let place = |row: &&HeatRow| app.gpu_picture.cards.iter().position(|card| card.reading.id == row.card.uid).unwrap_or(usize::MAX);
    let mut rows: Vec<&HeatRow> = heat.rows.iter().collect();
    rows.sort_by_key(place);
    for (row, y) in rows.into_iter().zip(inner.y + 1..inner.bottom()) {
        let name = text::fit(&name(app, row), usize::from(NAME) - 1);
        buf.set_string(inner.x + 1, y, name, app.theme.style(Role::Text));
        for (cell, x) in row.cells.iter().skip(first).zip(left..inner.right()) {
            let (sign, role) = if is_use { of_use(cell) } else { of_idle(cell) };
            buf.set_string(x, y, sign, app.theme.style(role));
        }
        let figure =
            if is_use { percent(row.used()) } else { row.idle_cost().map_or_else(|| "—".to_owned(), |money| app.currency.show(money)) };
        let width = u16::try_from(text::columns(&figure)).unwrap_or(FIGURE);
        buf.set_string(inner.right().saturating_sub(width + 1), y, figure, app.theme.style(if is_use { Role::Gpu } else { Role::Spend }));
    }
}

/// A card in few letters: its number where it is there, and its host.
fn name(app: &App, row: &HeatRow) -> String {
    let host = if row.card.host.is_empty() { String::new() } else { format!("{}/", row.card.host) };
    match app.gpu_picture.card(&row.card.uid) {
        Some(card) => format!("{} {host}{}", number(card), card.short_name()),
        None => format!("- {host}{}", row.card.name.strip_prefix("NVIDIA ").unwrap_or(&row.card.name)),
    }
}

/// The names of the days above the hours.
fn days(app: &App, from: i64, (first, hours): (usize, usize), (left, inner): (u16, Rect), buf: &mut Buffer) {
    let mut free = left;
    for hour in first..hours {
        let at = from + i64::try_from(hour).unwrap_or(0) * HOUR;
        let local = utc(at).with_timezone(&app.zone);
        let x = left + u16::try_from(hour - first).unwrap_or(u16::MAX);
        let is_midnight = local.format("%H").to_string() == "00";
        if (is_midnight || hour == first) && x >= free && x + 3 < inner.right() {
            buf.set_string(x, inner.y, local.format("%a").to_string(), app.theme.style(Role::Header));
            free = x + 4;
        }
    }
}

fn of_use(cell: &HeatCell) -> (&'static str, Role) {
    match cell.used {
        None => ("╱", Role::Dim),
        Some(..50) => ("░", Role::Warn),
        Some(..300) => ("▒", Role::Warn),
        Some(..600) => ("▓", Role::Gpu),
        Some(_) => ("█", Role::Gpu),
    }
}

fn of_idle(cell: &HeatCell) -> (&'static str, Role) {
    let [small, middle, large] = DOLLARS;
    match cell.idle_cost.map(crate::model::Money::nanos) {
        None => ("╱", Role::Dim),
        Some(0) => (" ", Role::Dim),
        Some(nanos) if nanos < small => ("░", Role::Spend),
        Some(nanos) if nanos < middle => ("▒", Role::Spend),
        Some(nanos) if nanos < large => ("▓", Role::Over),
        Some(_) => ("█", Role::Over),
    }
}
