//! The first line: what today costs, how fast, where it will end, and who is at work.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::model::{Basis, Cost, text};
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::bars::{Fold, bars};
use crate::ui::widgets::line::Pieces;

/// The width of the sparkline.
const SPARK: u16 = 15;

/// An amount with its currency: `?` when unknown, `≥` when too low.
#[must_use]
pub fn money(app: &App, cost: &Cost) -> String {
    match cost.money() {
        Some(money) => format!("{}{}", if cost.is_lower_bound() { "≥" } else { "" }, app.currency.show(money)),
        None => "?".to_owned(),
    }
}

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let money = |cost: &Cost| money(app, cost);
    let today = snapshot.today.cost();
    let mut line = Pieces::default();
    line.left(" aifinops ", style(Role::Title));
    line.left(format!(" {}", money(&today)), style(Role::Spend));
    line.left(" today", style(Role::Dim));
    if today.basis() == Basis::Unknown {
        line.left(" (no prices known)", style(Role::Warn));
    }
    let burn = &snapshot.burn;
    line.left(format!("   {}/h ", money(&burn.last_hour)), style(Role::Spend));
    let spark_at = area.x.saturating_add(line.width());
    let roomy = area.width >= 100;
    let spark = if roomy { SPARK } else { SPARK / 2 };
    line.left(" ".repeat(usize::from(spark)), style(Role::Text));
    if let Some(projection) = snapshot.projection {
        let words = if roomy { " by midnight" } else { "" };
        let mark = if today.is_lower_bound() || burn.last_hour.is_lower_bound() { "≥" } else { "" };
        line.left(format!("  → {mark}{}{words}", app.currency.show(projection)), style(Role::Text));
    }
    let at_work = format!(" ●{} live ", snapshot.live);
    line.right(at_work.clone(), style(if snapshot.live > 0 { Role::Working } else { Role::Dim }));
    if app.paused.is_some() {
        line.right(" PAUSED ", style(Role::Warn));
    }
    if today.unpriced_calls > 0 && roomy {
        line.right(format!("{} calls unpriced ", today.unpriced_calls), style(Role::Warn));
    }
    line.draw(area, buf);
    // On a narrow line the sparkline gives way to what stands on the right.
    let kept = u16::try_from(text::columns(&at_work)).unwrap_or(0) + 1;
    if area.right().saturating_sub(kept) >= spark_at.saturating_add(spark) && area.height > 0 {
        bars(&burn.buckets, Fold::Sum, style(Role::Chart), Rect { x: spark_at, y: area.y, width: spark, height: 1 }, buf);
    }
}
