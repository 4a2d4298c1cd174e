//! Below the table: the selected session's running task, its steps as charts, its tools and tokens.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use crate::engine::Snapshot;
use crate::model::time::span;
use crate::model::tokens::compact;
use crate::model::{Millis, text};
use crate::query::SessionDetail;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::bars::{Fold, bars};
use crate::ui::widgets::line::Pieces;

use super::frame;

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) {
    let detail = snapshot.detail.as_deref().filter(|d| Some(d.session.id) == app.selected);
    let [left, right] = if area.width >= 90 {
        Layout::horizontal([Constraint::Fill(3), Constraint::Fill(2)]).areas(area)
    } else {
        [area, Rect { width: 0, ..area }]
    };
    let Some(detail) = detail else {
        frame("", "", Role::Border, &app.theme, left, buf);
        if right.width > 0 {
            frame("", "", Role::Border, &app.theme, right, buf);
        }
        return;
    };
    task(app, detail, left, buf);
    if right.width > 0 {
        tokens(app, detail, now, right, buf);
    }
}

fn task(app: &App, detail: &SessionDetail, area: Rect, buf: &mut Buffer) {
    let s = &detail.session;
    let style = |role| app.theme.style(role);
    let name = if s.project.is_empty() { "(no directory)" } else { &s.project };
    let mut title = text::shown(s.role.as_deref().unwrap_or(name));
    let last = detail.tasks.last();
    if let Some(task) = last {
        title = format!("{title} · task {} · {} steps · {}", detail.tasks.len(), task.sums.calls, span(task.ended_at - task.started_at));
    }
    let inner = frame(&title, "", Role::Border, &app.theme, area, buf);
    let steps: Vec<_> = match last {
        Some(task) => detail.steps.iter().filter(|step| step.task == task.key).collect(),
        None => detail.steps.iter().collect(),
    };
    let costs: Vec<u64> = steps.iter().map(|step| step.money.map_or(0, |m| m.nanos().unsigned_abs())).collect();
    let contexts: Vec<u64> = steps.iter().map(|step| step.context).filter(|c| *c > 0).collect();
    chart(app, inner, 0, &format!("{} per step", app.currency.symbol), &costs, Fold::Sum, Role::Spend, "", buf);
    let growth = match (contexts.first(), contexts.last()) {
        (Some(first), Some(last)) if *first > 0 => {
            let change = (i128::from(*last) - i128::from(*first)) * 100 / i128::from(*first);
            format!(" {} → {} ({change:+}%)", compact(*first), compact(*last))
        }
        _ => String::new(),
    };
    chart(app, inner, 1, "context", &contexts, Fold::Max, Role::Chart2, &growth, buf);
    let mut line = Pieces::default();
    line.left(" tools ", style(Role::Dim));
    for (i, tool) in detail.tools.iter().enumerate() {
        let failed = if tool.failures > 0 { format!(" ({} failed)", tool.failures) } else { String::new() };
        let gap = if i > 0 { " · " } else { "" };
        line.left(gap, style(Role::Dim));
        line.left(
            format!("{} {}{failed}", text::shown(&tool.name), tool.calls),
            style(if tool.failures > 0 { Role::Warn } else { Role::Text }),
        );
    }
    row(inner, 2, &line, buf);
    let mut line = Pieces::default();
    let sums = &s.sums;
    line.left(format!(" retries {}", sums.retries), style(if sums.retries > 0 { Role::Warn } else { Role::Dim }));
    line.left(format!("   errors {}", sums.errors), style(if sums.errors > 0 { Role::Over } else { Role::Dim }));
    line.left(format!("   compactions {}", sums.compactions), style(Role::Dim));
    line.left(format!("   prompts {}", sums.prompts + sums.queued), style(Role::Dim));
    row(inner, 3, &line, buf);
}

/// A line with a label, a chart and what it says in numbers.
#[expect(clippy::too_many_arguments, reason = "a line of one chart, called twice, next to each other")]
fn chart(app: &App, inner: Rect, at: u16, label: &str, values: &[u64], fold: Fold, role: Role, says: &str, buf: &mut Buffer) {
    let mut line = Pieces::default();
    line.left(format!(" {label:<10} "), app.theme.style(Role::Dim));
    line.right(says, app.theme.style(Role::Text));
    row(inner, at, &line, buf);
    let taken = 12 + u16::try_from(text::columns(says)).unwrap_or(0) + 1;
    if at < inner.height && inner.width > taken {
        bars(values, fold, app.theme.style(role), Rect { x: inner.x + 12, y: inner.y + at, width: inner.width - taken, height: 1 }, buf);
    }
}

fn tokens(app: &App, detail: &SessionDetail, now: Millis, area: Rect, buf: &mut Buffer) {
    let s = &detail.session;
    let style = |role| app.theme.style(role);
    let inner = frame("tokens", &super::header::money(app, &s.lifetime), Role::Border, &app.theme, area, buf);
    let t = s.tokens();
    let total = t.total().max(1);
    let kinds = [
        ("input", t.input, Role::Input),
        ("cache read", t.cache_read, Role::Cache),
        ("cache write", t.cache_write_5m + t.cache_write_1h, Role::Chart3),
        ("output", t.output, Role::Output),
    ];
    for (i, (name, count, role)) in kinds.into_iter().enumerate() {
        let mut line = Pieces::default();
        let share = u128::from(count) * 1000 / u128::from(total);
        line.left(format!(" {name:<12}{:>8} ", compact(count)), style(role));
        let room = u128::from(inner.width.saturating_sub(29));
        let cells = usize::try_from(share * room / 1000).unwrap_or(0);
        line.left("█".repeat(cells.max(usize::from(count > 0 && room > 0))), style(role));
        line.right(format!("{}% ", (share + 5) / 10), style(Role::Dim));
        row(inner, u16::try_from(i).unwrap_or(0), &line, buf);
    }
    for (i, limit) in detail.limits.iter().enumerate() {
        let mut line = Pieces::default();
        line.left(format!(" limit {:<6}", super::session::window_name(limit.window_minutes)), style(Role::Dim));
        let role = if limit.used_permille >= 900 { Role::Over } else { Role::Text };
        line.left(format!("{:>7}% used", limit.used_permille / 10), style(role));
        if let Some(at) = limit.resets_at.filter(|at| *at > now) {
            line.left(format!(", resets in {}", span(at - now)), style(Role::Dim));
        }
        row(inner, u16::try_from(4 + i).unwrap_or(u16::MAX), &line, buf);
    }
}

fn row(inner: Rect, at: u16, line: &Pieces, buf: &mut Buffer) {
    if at < inner.height {
        line.draw(Rect { y: inner.y + at, height: 1, ..inner }, buf);
    }
}
