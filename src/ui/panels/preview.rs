//! Below the table: the selected session's running task, its steps as charts, its tools and tokens.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use crate::engine::{Snapshot, Span};
use crate::model::time::span;
use crate::model::tokens::compact;
use crate::model::{Millis, text};
use crate::query::{SessionDetail, Sums};
use crate::ui::app::App;
use crate::ui::columns::project_name;
use crate::ui::rows::Row;
use crate::ui::theme::Role;
use crate::ui::widgets::bars::{Fold, Look, Value, chart, values_a_bar};
use crate::ui::widgets::line::{Pieces, count_of};

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
    let name = project_name(&s.project);
    let name = text::fit(s.role.as_deref().unwrap_or(name), usize::from(area.width / 3));
    let last = detail.tasks.last();
    let title = last.map_or_else(
        || name.clone(),
        |task| {
            let steps = count_of(task.sums.calls, "step");
            format!("{name} · task {} · {steps} · {}", detail.tasks.len(), span(task.ended_at - task.started_at))
        },
    );
    let cost = last.map_or_else(String::new, |task| app.currency.cost(&task.sums.cost()));
    let inner = frame(&title, &cost, Role::Border, &app.theme, area, buf);
    let steps: Vec<_> = match last {
        Some(task) => detail.steps.iter().filter(|step| step.task == task.key).collect(),
        None => detail.steps.iter().collect(),
    };
    let lit = |amount| Value { amount, lit: true };
    let costs: Vec<Value> = steps.iter().map(|step| lit(step.money.map(|m| m.nanos().unsigned_abs()))).collect();
    let contexts: Vec<u64> = steps.iter().map(|step| step.context).filter(|c| *c > 0).collect();
    let unpriced = costs.iter().filter(|cost| cost.amount.is_none()).count();
    let without = if unpriced > 0 { format!(" {unpriced} unpriced ") } else { String::new() };
    line_chart(app, inner, 0, &format!("{} per step", app.currency.symbol), &costs, Fold::Sum, Role::Spend, &without, buf);
    let growth = match (contexts.first(), contexts.last()) {
        (Some(first), Some(last)) if *first > 0 => {
            let change = (i128::from(*last) - i128::from(*first)) * 100 / i128::from(*first);
            format!(" {} → {} ({change:+}%) ", compact(*first), compact(*last))
        }
        _ => String::new(),
    };
    let contexts: Vec<Value> = contexts.into_iter().map(|context| lit(Some(context))).collect();
    line_chart(app, inner, 1, "context", &contexts, Fold::Max, Role::Chart2, &growth, buf);
    if let Some(task) = last {
        row(inner, 2, &counts(app, "this task", &task.sums), buf);
    }
    let mut line = Pieces::default();
    line.left(" all tasks  ", style(Role::Dim));
    for (i, tool) in detail.tools.iter().enumerate() {
        let failed = if tool.failures > 0 { format!(" ({} failed)", tool.failures) } else { String::new() };
        let gap = if i > 0 { " · " } else { "" };
        line.left(gap, style(Role::Dim));
        line.left(
            format!("{} {}{failed}", text::shown(&tool.name), tool.calls),
            style(if tool.failures > 0 { Role::Warn } else { Role::Text }),
        );
    }
    row(inner, 3, &line, buf);
    row(inner, 4, &counts(app, "", &s.sums), buf);
}

/// What went on in a task, or in a session.
fn counts(app: &App, label: &str, sums: &Sums) -> Pieces {
    let style = |role| app.theme.style(role);
    let mut line = Pieces::default();
    line.left(format!(" {label:<10} "), style(Role::Dim));
    line.left(format!("tools {}", sums.tools), style(Role::Text));
    if sums.failures > 0 {
        line.left(format!(" ({} failed)", sums.failures), style(Role::Warn));
    }
    let worse = |n: i64, role| style(if n > 0 { role } else { Role::Dim });
    line.left(format!("   retries {}", sums.retries), worse(sums.retries, Role::Warn));
    line.left(format!("   errors {}", sums.errors), worse(sums.errors, Role::Over));
    line.left(format!("   compactions {}", sums.compactions), style(Role::Dim));
    line
}

/// A line with a label, a chart and what it says in numbers.
#[expect(clippy::too_many_arguments, reason = "a line of one chart, called twice, next to each other")]
fn line_chart(app: &App, inner: Rect, at: u16, label: &str, values: &[Value], fold: Fold, role: Role, says: &str, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let room = |says: &str| inner.width.saturating_sub(13 + u16::try_from(text::columns(says)).unwrap_or(0));
    let says = match values_a_bar(values.len(), room(says)) {
        1 => says.to_owned(),
        _ => format!(" {} a bar {says}", values_a_bar(values.len(), room(says).saturating_sub(10))),
    };
    let mut line = Pieces::default();
    line.left(format!(" {label:<10} "), style(Role::Dim));
    line.right(&says, style(Role::Text));
    row(inner, at, &line, buf);
    if at < inner.height {
        let area = Rect { x: inner.x + 12, y: inner.y + at, width: room(&says), height: 1 };
        chart(values, fold, &Look { lit: style(role), rest: style(role), unknown: style(Role::Warn) }, area, buf);
    }
}

fn tokens(app: &App, detail: &SessionDetail, now: Millis, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    // The figures of the row, which may sum up what is folded into it.
    let row_of = |row: &Row| match row {
        Row::Session { session, folded, .. } if session.id == detail.session.id => Some((session.clone(), *folded)),
        _ => None,
    };
    let shown = app.rows.get(app.cursor).and_then(row_of);
    let (t, cost, folded) = match &shown {
        Some((session, folded)) if app.span == Span::Today => (session.tokens(), session.today, *folded),
        Some((session, folded)) => (session.tokens(), session.cost(), *folded),
        None => (detail.session.tokens(), detail.session.lifetime, 0),
    };
    let of = match (&shown, app.span) {
        (None, _) | (_, Span::All) => String::new(),
        (_, Span::Today) => " today".to_owned(),
        (_, Span::Days(days)) => format!(" in {days} days"),
    };
    let with = if folded > 0 { format!(", {folded} folded in") } else { String::new() };
    let inner = frame(&format!("tokens{of}{with}"), &app.currency.cost(&cost), Role::Border, &app.theme, area, buf);
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
        line.left(format!(" limit {:<6}", super::subagents::window_name(limit.window_minutes)), style(Role::Dim));
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
