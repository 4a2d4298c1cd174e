//! What a session is: its state, its costs, its tokens, and where it runs.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::time::{span, utc};
use crate::model::tokens::compact;
use crate::model::{Millis, SessionKind, text};
use crate::query::SessionDetail;
use crate::ui::app::App;
use crate::ui::columns::{money_cell, project_name, short_model, state_role, state_sign};
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::frame;

/// The columns that a branch may take beside everything else.
const BRANCH: usize = 24;

/// Draws it.
pub fn draw(app: &App, detail: &SessionDetail, now: Millis, area: Rect, buf: &mut Buffer) {
    let s = &detail.session;
    let style = |role| app.theme.style(role);
    let name = s.role.as_deref().filter(|_| s.kind == SessionKind::Subagent).unwrap_or(project_name(&s.project));
    let mut title = format!("{name} · {}", s.agent);
    if let Some(model) = &s.model {
        title = format!("{title} · {}", short_model(model));
    }
    let inner = frame(&title, &text::shown(&s.uid), Role::Border, &app.theme, area, buf);
    let mut lines: [Pieces; 3] = Default::default();
    let [first, second, third] = &mut lines;
    first.left(format!(" {} {}", state_sign(s.state), s.state.word()), style(state_role(s.state)));
    let (cost, cost_style) = money_cell(&s.lifetime, &app.currency, &app.theme);
    first.left(format!("   {cost}"), cost_style).left(" in all", style(Role::Dim));
    let (today, today_style) = money_cell(&s.today, &app.currency, &app.theme);
    first.left(format!("   {today}"), today_style).left(" today", style(Role::Dim));
    let (rate, rate_style) = money_cell(&s.last_hour, &app.currency, &app.theme);
    first.left(format!("   {rate}"), rate_style).left(" last hour", style(Role::Dim));
    first.left(format!("   basis {}", s.lifetime.basis().word()), style(Role::Dim));
    if s.lifetime.unpriced_calls > 0 {
        first.left(format!("   {} calls without a price", s.lifetime.unpriced_calls), style(Role::Warn));
    }
    if s.lifetime.lower_bound_calls > 0 {
        first.left(format!("   {} calls log too little output", s.lifetime.lower_bound_calls), style(Role::Warn));
    }
    let t = s.tokens();
    let kinds = [
        ("input", "in", t.input, Role::Input),
        ("cache read", "read", t.cache_read, Role::Cache),
        ("write 5m", "w5m", t.cache_write_5m, Role::Cache),
        ("write 1h", "w1h", t.cache_write_1h, Role::Cache),
        ("output", "out", t.output, Role::Output),
        ("reasoning", "think", t.reasoning, Role::Reasoning),
    ];
    let width: usize = kinds.iter().map(|(label, _, count, _)| label.len() + compact(*count).len() + 4).sum();
    let is_roomy = width <= usize::from(inner.width) + 2;
    for (long, short, count, role) in kinds {
        let label = if is_roomy { long } else { short };
        second.left(format!(" {label} "), style(Role::Dim)).left(compact(count), style(role));
        second.left(if is_roomy { "  " } else { " " }, style(Role::Dim));
    }
    if let Some(branch) = s.branch.as_deref().filter(|b| !b.is_empty()) {
        third.left(" branch ", style(Role::Dim)).left(text::fit(branch, BRANCH), style(Role::Text));
    }
    let counts = &s.sums;
    third.left("  retries ", style(Role::Dim)).left(counts.retries.to_string(), style(Role::Text));
    third
        .left("  errors ", style(Role::Dim))
        .left(counts.errors.to_string(), style(if counts.errors > 0 { Role::Over } else { Role::Text }));
    third.left("  compactions ", style(Role::Dim)).left(counts.compactions.to_string(), style(Role::Text));
    if let (Some(start), Some(last)) = (s.started_at, s.last_at) {
        let local = utc(start).with_timezone(&app.zone).format("%Y-%m-%d %H:%M").to_string();
        third.left("  since ", style(Role::Dim)).left(format!("{local}, last {} ago", span(now - last)), style(Role::Text));
    }
    if let Some(version) = &s.version {
        third.left("  version ", style(Role::Dim)).left(text::shown(version), style(Role::Dim));
    }
    for (i, line) in lines.iter().enumerate() {
        let y = inner.y + u16::try_from(i).unwrap_or(0);
        if y < inner.bottom() {
            line.draw(Rect { y, height: 1, ..inner }, buf);
        }
    }
}
