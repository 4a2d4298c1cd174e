//! A gateway's team: who has spent what, and of which budget.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::model::time::span;
use crate::model::{Millis, text};
use crate::query::team::{BudgetView, State, TeamRow};
use crate::store::books::{Account, Freshness, SpendSum};
use crate::ui::app::{App, Hits};
use crate::ui::theme::Role;
use crate::ui::widgets::gauge::gauge;
use crate::ui::widgets::line::{Pieces, count_of};
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

/// The columns; the bar stands behind the last of them.
const COLUMNS: [Column; 11] = [
    words("NAME", 0, 34),
    words("TEAM", 6, 16),
    figures("TODAY", 0),
    figures("7 DAYS", 3),
    figures("30 DAYS", 1),
    figures("CALLS", 7),
    figures("FAILED", 8),
    figures("OVER", 9),
    figures("BUDGET", 2),
    figures("LEFT", 2),
    words("RESETS", 5, 14),
];
/// The bar's width: at least, where it is there at all, and at most.
const BAR: (usize, usize) = (8, 30);

/// Draws it, and tells where the rows are.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    let Some(account) = snapshot.gateways.get(app.team.gateway).or(snapshot.gateways.first()) else {
        let inner = frame("No gateway yet", "", Role::Focus, &app.theme, area, buf);
        empty(app, inner, buf);
        return hits;
    };
    let rows = app.team_rows(snapshot);
    let title = format!("{} by {}", text::shown(&account.name), app.team.by().word());
    let filter = app.input.value();
    let shown = if filter.is_empty() { count_of(rows.len(), "row") } else { format!("{} with “{}”", rows.len(), text::shown(filter)) };
    let right = format!("{shown}, by {}{} · {}", app.team.sort.name(), if app.team.reversed { " ▴" } else { "" }, freshness(account, now));
    let border = if account.problem.is_some() { Role::Warn } else { Role::Focus };
    let inner = frame(&title, &right, border, &app.theme, area, buf);
    if inner.height < 2 || inner.width < 10 {
        return hits;
    }
    // Why figures are old has a line of its own.
    let lines = u16::from(account.problem.is_some() && inner.height > 4);
    if lines > 0 {
        let why = text::shown(account.problem.as_deref().unwrap_or_default());
        let y = inner.bottom() - 1;
        buf.set_stringn(
            inner.x + 1,
            y,
            text::fit(&why, usize::from(inner.width.saturating_sub(2))),
            usize::from(inner.width),
            app.theme.style(Role::Warn),
        );
    }
    let inner = Rect { height: inner.height - lines, ..inner };
    if rows.is_empty() {
        let says = if app.team_of(snapshot).is_none() { "reading…" } else { "nothing" };
        buf.set_string(inner.x + 1, inner.y, says, app.theme.style(Role::Dim));
        return hits;
    }
    hits.body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let height = usize::from(hits.body.height);
    let selected = app.team_at(&rows);
    hits.first = app.team.first.min(selected).max((selected + 1).saturating_sub(height)).min(rows.len().saturating_sub(height));
    let cells: Vec<Vec<Cell>> = rows.iter().map(|row| cells(app, row, now)).collect();
    // A sign before, and a column at the edge for the marks of more.
    let room = usize::from(inner.width).saturating_sub(4);
    let with_bar = table::widths(&COLUMNS, &cells, room.saturating_sub(BAR.0 + 2));
    let without = table::widths(&COLUMNS, &cells, room);
    let has_budgets = rows.iter().any(|row| row.budget.is_some());
    let widths = if has_budgets && with_bar.iter().flatten().count() + 2 >= without.iter().flatten().count() { with_bar } else { without };
    let bar = room.saturating_sub(table::total(&widths) + 2).min(BAR.1);
    let bar = if bar < BAR.0 || !has_budgets { 0 } else { bar };
    let line = |y: u16| Rect { x: inner.x + 3, y, width: inner.width.saturating_sub(4), height: 1 };
    table::heads(&COLUMNS, &widths, app.theme.style(Role::Header), line(inner.y), buf);
    let bar_at = inner.x.saturating_add(3).saturating_add(u16::try_from(table::total(&widths) + 2).unwrap_or(u16::MAX));
    for ((row, cells), y) in rows.iter().zip(&cells).skip(hits.first).zip(hits.body.y..hits.body.bottom()) {
        let (sign, role) = sign(row);
        buf.set_string(inner.x + 1, y, sign, app.theme.style(role));
        table::row(&COLUMNS, &widths, cells, line(y), buf);
        if let Some(view) = row.budget.as_ref().filter(|_| bar > 0) {
            let (full, rest) = gauge(view.permille(), u16::try_from(bar).unwrap_or(0));
            let mut pieces = Pieces::default();
            pieces.left(full, app.theme.style(role)).left(rest, app.theme.style(Role::Dim));
            pieces.draw(Rect { x: bar_at, y, width: u16::try_from(bar).unwrap_or(0), height: 1 }.intersection(inner), buf);
        }
    }
    let at = hits.body.y + u16::try_from(selected - hits.first).unwrap_or(0);
    if at < hits.body.bottom() {
        buf.set_style(Rect { y: at, height: 1, ..hits.body }, app.theme.style(Role::Select));
    }
    super::more(&hits, rows.len(), app, buf);
    hits
}

/// How old the figures are, and whether that is more than it should be.
pub(super) fn freshness(account: &Account, now: Millis) -> String {
    let age = || span(account.asked_at.map_or(0, |at| (now - at).max(0)));
    match account.freshness(now) {
        Freshness::Never | Freshness::Failed => "never asked".to_owned(),
        Freshness::Stale => format!("stale, {} old", age()),
        Freshness::Old => format!("{} old", age()),
        Freshness::Fresh => "live".to_owned(),
    }
}

/// What is at the beginning of a row: the own one is marked, and so is one whose budget is at its end.
fn sign(row: &TeamRow) -> (&'static str, Role) {
    match row.budget.as_ref().map(BudgetView::state) {
        Some(State::Over) => ("■", Role::Over),
        Some(State::Blocked) => ("✕", Role::Over),
        Some(State::Near) => ("▲", Role::Warn),
        _ if row.own => ("▸", Role::Accent),
        Some(State::Fine) => ("●", Role::Ok),
        None => (" ", Role::Dim),
    }
}

fn cells(app: &App, row: &TeamRow, now: Millis) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let money = |sum: &SpendSum| sum.spend.map_or_else(|| "?".to_owned(), |spend| app.currency.show(spend));
    let [today, week, month] = &row.sums;
    let budget = row.budget.as_ref();
    let own = if row.own { " (you)" } else { "" };
    let count = |n: u64| if n == 0 { "·".to_owned() } else { n.to_string() };
    let resets = budget.map(|view| match (view.runs_out_at, view.budget.resets_at) {
        (Some(at), _) => format!("out in {}", span((at - now).max(0))),
        (None, Some(at)) => format!("in {}", span((at - now).max(0))),
        (None, None) => "never".to_owned(),
    });
    let left_role = match budget.map(BudgetView::state) {
        Some(State::Over | State::Blocked) => Role::Over,
        Some(State::Near) => Role::Warn,
        _ => Role::Text,
    };
    vec![
        (format!("{}{own}", text::shown(&row.name)), style(if row.own { Role::Accent } else { Role::Text })),
        (row.team.as_deref().map(text::shown).unwrap_or_default(), style(Role::Dim)),
        (money(today), style(Role::Spend)),
        (money(week), style(Role::Text)),
        (money(month), style(Role::Text)),
        (month.requests.to_string(), style(Role::Dim)),
        (count(month.failed), style(if month.failed > 0 { Role::Warn } else { Role::Dim })),
        (row.over_budget.map_or_else(|| "?".to_owned(), count), style(if row.over_budget > Some(0) { Role::Over } else { Role::Dim })),
        (budget.map(|view| app.currency.show(view.limit)).unwrap_or_default(), style(Role::Text)),
        (budget.map(|view| app.currency.show(view.left())).unwrap_or_default(), style(left_role)),
        (resets.unwrap_or_default(), style(Role::Dim)),
    ]
}

/// What to do where there is none.
fn empty(app: &App, inner: Rect, buf: &mut Buffer) {
    let room = usize::from(inner.width.saturating_sub(2));
    let says = [
        ("A gateway knows what a whole team has spent; the logs on this machine know why.", Role::Text),
        ("With a key that may read, this view shows both side by side, and where they differ:", Role::Text),
        ("aifinops gateway add team https://gateway.example.com --token-env GATEWAY_KEY", Role::Accent),
    ];
    let mut y = inner.y;
    for (words, role) in says {
        for line in text::wrap(words, room) {
            if y < inner.bottom() {
                buf.set_stringn(inner.x + 1, y, line, room, app.theme.style(role));
            }
            y = y.saturating_add(1);
        }
    }
}
