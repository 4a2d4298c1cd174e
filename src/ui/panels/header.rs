//! The first line: what today costs, how fast, where it will end, and who is at work.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::model::{Basis, Cost};
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::bars::{Fold, bars};
use crate::ui::widgets::line::Pieces;

/// The width of the sparkline.
const SPARK: u16 = 15;

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let money = |cost: &Cost| match cost.money() {
        Some(money) => format!("{}{}", if cost.is_lower_bound() { "≥" } else { "" }, app.currency.show(money)),
        None => "?".to_owned(),
    };
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
        line.left(format!("  → {}{words}", app.currency.show(projection)), style(Role::Text));
    }
    line.right(format!(" ●{} live ", snapshot.live), style(if snapshot.live > 0 { Role::Working } else { Role::Dim }));
    if app.paused.is_some() {
        line.right(" PAUSED ", style(Role::Warn));
    }
    if today.unpriced_calls > 0 && roomy {
        line.right(format!("{} calls unpriced ", today.unpriced_calls), style(Role::Warn));
    }
    line.draw(area, buf);
    if area.right() > spark_at.saturating_add(spark) && area.height > 0 {
        bars(&burn.buckets, Fold::Sum, style(Role::Chart), Rect { x: spark_at, y: area.y, width: spark, height: 1 }, buf);
    }
}
