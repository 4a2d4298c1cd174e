//! One session in full: what it is, its charts, every task.
//!
//! ```text
//! ┌ api-server · claude-code · opus-4.7 ─────────────┐
//! │ facts                                            │
//! ├ $ per step ───────────┐┌ context ────────────────┤
//! ├ tasks ────────────────────────────┐┌ tools ──────┤
//! └───────────────────────────────────┘└─────────────┘
//! ```

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use crate::engine::Snapshot;
use crate::model::time::{span, utc};
use crate::model::tokens::compact;
use crate::model::{Millis, SessionKind, text};
use crate::query::{SessionDetail, TaskView};
use crate::ui::app::{App, Hits};
use crate::ui::columns::{money_cell, short_model, state_role, state_sign};
use crate::ui::theme::Role;
use crate::ui::widgets::bars::{Fold, bars};
use crate::ui::widgets::line::{Pieces, field};

use super::frame;

/// Draws it, and tells where its tasks are.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    let Some(detail) = snapshot.detail.as_deref().filter(|d| Some(d.session.id) == app.selected) else {
        frame("reading…", "", Role::Focus, &app.theme, area, buf);
        return Hits::default();
    };
    let charts = if area.height >= 24 {
        7
    } else if area.height >= 16 {
        4
    } else {
        0
    };
    let [head, graphs, rest] = Layout::vertical([Constraint::Length(5), Constraint::Length(charts), Constraint::Fill(1)]).areas(area);
    facts(app, detail, now, head, buf);
    if charts > 0 {
        draw_charts(app, detail, graphs, buf);
    }
    let side = if rest.width >= 100 { 34 } else { 0 };
    let [list, tools] = Layout::horizontal([Constraint::Fill(1), Constraint::Length(side)]).areas(rest);
    if side > 0 {
        draw_tools(app, detail, now, tools, buf);
    }
    tasks(app, detail, list, buf)
}

fn facts(app: &App, detail: &SessionDetail, now: Millis, area: Rect, buf: &mut Buffer) {
    let s = &detail.session;
    let style = |role| app.theme.style(role);
    let name = s.role.as_deref().filter(|_| s.kind == SessionKind::Subagent).unwrap_or(if s.project.is_empty() {
        "(no directory)"
    } else {
        &s.project
    });
    let mut title = format!("{name} · {}", s.agent);
    if let Some(model) = &s.model {
        title = format!("{title} · {}", short_model(model));
    }
    let inner = frame(&title, &text::shown(&s.uid), Role::Focus, &app.theme, area, buf);
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
    for (label, count, role) in [
        ("input", t.input, Role::Input),
        ("cache read", t.cache_read, Role::Cache),
        ("write 5m", t.cache_write_5m, Role::Cache),
        ("write 1h", t.cache_write_1h, Role::Cache),
        ("output", t.output, Role::Output),
        ("reasoning", t.reasoning, Role::Reasoning),
    ] {
        second.left(format!(" {label} "), style(Role::Dim)).left(format!("{}  ", compact(count)), style(role));
    }
    if let Some(branch) = s.branch.as_deref().filter(|b| !b.is_empty()) {
        third.left(" branch ", style(Role::Dim)).left(text::shown(branch), style(Role::Text));
    }
    if let (Some(start), Some(last)) = (s.started_at, s.last_at) {
        let local = utc(start).with_timezone(&app.zone).format("%Y-%m-%d %H:%M").to_string();
        third.left("  since ", style(Role::Dim)).left(format!("{local}, last {} ago", span(now - last)), style(Role::Text));
    }
    let counts = &s.sums;
    third.left("  retries ", style(Role::Dim)).left(counts.retries.to_string(), style(Role::Text));
    third
        .left("  errors ", style(Role::Dim))
        .left(counts.errors.to_string(), style(if counts.errors > 0 { Role::Over } else { Role::Text }));
    third.left("  compactions ", style(Role::Dim)).left(counts.compactions.to_string(), style(Role::Text));
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

fn draw_charts(app: &App, detail: &SessionDetail, area: Rect, buf: &mut Buffer) {
    let [left, right] = Layout::horizontal([Constraint::Fill(1), Constraint::Fill(1)]).areas(area);
    let costs: Vec<u64> = detail.steps.iter().map(|s| s.money.map_or(0, |m| m.nanos().unsigned_abs())).collect();
    let top = detail.steps.iter().filter_map(|s| s.money).max();
    let most = top.map_or_else(String::new, |m| format!("{} steps, most {}", detail.steps.len(), app.currency.show(m)));
    let inner = frame(&format!("{} per step", app.currency.symbol), &most, Role::Border, &app.theme, left, buf);
    bars(&costs, Fold::Max, app.theme.style(Role::Spend), inner, buf);
    let contexts: Vec<u64> = detail.steps.iter().map(|s| s.context).filter(|c| *c > 0).collect();
    let now = detail.session.context.map_or_else(String::new, |context| match detail.session.context_window {
        Some(window) => format!("{} of {}", compact(context), compact(window)),
        None => compact(context),
    });
    let inner = frame("context", &now, Role::Border, &app.theme, right, buf);
    bars(&contexts, Fold::Max, app.theme.style(Role::Chart2), inner, buf);
}

/// The columns of the task list: head, width, and from which width of the screen they are shown.
const COLUMNS: [(&str, u16, u16); 11] = [
    ("#", 4, 0),
    ("BEGAN", 11, 0),
    ("STEPS", 5, 0),
    ("COST", 8, 0),
    ("INPUT", 6, 60),
    ("CACHE R", 7, 70),
    ("CACHE W", 7, 80),
    ("OUTPUT", 6, 60),
    ("TIME", 7, 0),
    ("TOOLS", 9, 50),
    ("RETRIES", 7, 90),
];

fn tasks(app: &App, detail: &SessionDetail, area: Rect, buf: &mut Buffer) -> Hits {
    let inner = frame(&count_of(detail.tasks.len(), "task"), "", Role::Border, &app.theme, area, buf);
    let mut hits = Hits::default();
    if inner.height < 2 {
        return hits;
    }
    let shown: Vec<_> = COLUMNS.iter().filter(|(_, _, from)| inner.width >= *from).collect();
    let mut x = inner.x + 1;
    for (name, width, _) in &shown {
        buf.set_stringn(
            x,
            inner.y,
            field(name, usize::from(*width), true),
            usize::from(inner.right().saturating_sub(x)),
            app.theme.style(Role::Header),
        );
        x += width + 1;
    }
    hits.body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let height = usize::from(hits.body.height);
    let selected = app.task.min(detail.tasks.len().saturating_sub(1));
    hits.first = (selected + 1).saturating_sub(height).min(detail.tasks.len().saturating_sub(height));
    let longest = detail.tasks.iter().map(|t| t.sums.calls).max().unwrap_or(0);
    for (i, task) in detail.tasks.iter().enumerate().skip(hits.first).take(height) {
        let y = hits.body.y + u16::try_from(i - hits.first).unwrap_or(0);
        let mut x = inner.x + 1;
        for (name, width, _) in &shown {
            let (value, role) = cell(app, name, i, task, longest);
            let room = usize::from(inner.right().saturating_sub(x)).min(usize::from(*width));
            buf.set_stringn(x, y, field(&value, usize::from(*width), true), room, app.theme.style(role));
            x += width + 1;
        }
        if i == selected {
            buf.set_style(Rect { y, height: 1, ..inner }, app.theme.style(Role::Select));
        }
    }
    hits
}

fn cell(app: &App, column: &str, index: usize, task: &TaskView, longest: i64) -> (String, Role) {
    let t = task.sums.tokens();
    match column {
        "#" => ((index + 1).to_string(), Role::Dim),
        "BEGAN" => (utc(task.started_at).with_timezone(&app.zone).format("%m-%d %H:%M").to_string(), Role::Text),
        "STEPS" => (task.sums.calls.to_string(), if task.sums.calls == longest && longest > 1 { Role::Warn } else { Role::Text }),
        "COST" => (money_cell(&task.sums.cost(), &app.currency, &app.theme).0, Role::Spend),
        "INPUT" => (compact(t.input), Role::Input),
        "CACHE R" => (compact(t.cache_read), Role::Cache),
        "CACHE W" => (compact(t.cache_write_5m + t.cache_write_1h), Role::Cache),
        "OUTPUT" => (compact(t.output), Role::Output),
        "TIME" => (span(task.ended_at - task.started_at), Role::Text),
        "TOOLS" if task.sums.failures > 0 => (format!("{} ({}✗)", task.sums.tools, task.sums.failures), Role::Warn),
        "TOOLS" => (task.sums.tools.to_string(), Role::Text),
        _ => (task.sums.retries.to_string(), if task.sums.retries > 0 { Role::Warn } else { Role::Dim }),
    }
}

fn draw_tools(app: &App, detail: &SessionDetail, now: Millis, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let inner = frame("tools", "calls", Role::Border, &app.theme, area, buf);
    let mut lines = Vec::new();
    for tool in &detail.tools {
        let mut line = Pieces::default();
        line.left(format!(" {}", text::shown(&tool.name)), style(Role::Text));
        line.right(format!("{} ", tool.calls), style(Role::Text));
        if tool.failures > 0 {
            line.right(format!("{}✗ ", tool.failures), style(Role::Warn));
        }
        lines.push(line);
    }
    let mut blank = !lines.is_empty();
    for limit in &detail.limits {
        if std::mem::take(&mut blank) {
            lines.push(Pieces::default());
        }
        let mut line = Pieces::default();
        line.left(format!(" limit {}", window_name(limit.window_minutes)), style(Role::Dim));
        if let Some(at) = limit.resets_at.filter(|at| *at > now) {
            line.left(format!(" resets in {}", span(at - now)), style(Role::Dim));
        }
        line.right(format!("{}% ", limit.used_permille / 10), style(if limit.used_permille >= 900 { Role::Over } else { Role::Text }));
        lines.push(line);
    }
    blank = !lines.is_empty();
    for child in &detail.children {
        if std::mem::take(&mut blank) {
            lines.push(Pieces::default());
        }
        let mut line = Pieces::default();
        let name = child.role.as_deref().unwrap_or(child.kind.word());
        line.left(format!(" {} {}", state_sign(child.state), text::shown(name)), style(state_role(child.state)));
        let (cost, cost_style) = money_cell(&child.lifetime, &app.currency, &app.theme);
        line.right(format!("{cost} "), cost_style);
        lines.push(line);
    }
    for (i, line) in lines.iter().take(usize::from(inner.height)).enumerate() {
        line.draw(Rect { y: inner.y + u16::try_from(i).unwrap_or(0), height: 1, ..inner }, buf);
    }
}

/// `1 task`, `2 tasks`.
fn count_of(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// A rate limit's window in words: `5h`, `week`.
#[must_use]
pub fn window_name(minutes: u32) -> String {
    match minutes {
        300 => "5h".to_owned(),
        10_080 => "week".to_owned(),
        1_440 => "day".to_owned(),
        m if m.is_multiple_of(60) => format!("{}h", m / 60),
        m => format!("{m}m"),
    }
}
