//! Tasks one by one: the running ones with their place, the longest, the dearest; and what is told now.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::engine::loops::LoopsPicture;
use crate::insight::loops::Place;
use crate::model::text;
use crate::model::time::{span, utc};
use crate::query::loops::{Among, Loop};
use crate::ui::action::Action;
use crate::ui::app::loops::LoopList;
use crate::ui::app::{App, Hits};
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

const RUNNING: [Column; 6] = [
    words("PROJECT", 0, 20),
    words("AGENT", 3, 12),
    figures("STEPS", 0),
    words("PLACE", 0, 60),
    words("SAME CALL", 2, 20),
    figures("COST", 1),
];
const TASKS: [Column; 10] = [
    words("PROJECT", 0, 20),
    words("AGENT", 5, 12),
    words("MODEL", 4, 24),
    figures("STEPS", 0),
    figures("COST", 0),
    figures("TIME", 2),
    figures("TOOLS", 6),
    figures("FAILED", 7),
    words("SAME CALL", 3, 20),
    words("BEGAN", 1, 16),
];

/// Draws the list in front, and tells where its rows are.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) -> Hits {
    let front = app.loops_of(snapshot).map_or(LoopList::Running, |picture| app.loops.list(picture));
    let others: Vec<&str> = LoopList::ALL.iter().filter(|list| **list != front).map(|list| list.name()).collect();
    let right = format!("{}: {}", app.keys.first(Action::Section), others.join(" · "));
    let count = app.loop_rows(snapshot);
    let title = match (front, count) {
        _ if app.loops_of(snapshot).is_none() => "looking…".to_owned(),
        (LoopList::Running, 0) => "nothing is running".to_owned(),
        (LoopList::Alerts, 0) => "nothing to tell".to_owned(),
        (LoopList::Running | LoopList::Alerts, n) => format!("{} {n}", front.name()),
        (list, _) => list.name().to_owned(),
    };
    let inner = frame(&title, &right, Role::Focus, &app.theme, area, buf);
    let mut hits = Hits::default();
    if inner.height < 2 || count == 0 {
        return hits;
    }
    hits.body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let height = usize::from(hits.body.height);
    let selected = app.loop_at(snapshot);
    hits.first = app.loops.first.min(selected).max((selected + 1).saturating_sub(height)).min(count.saturating_sub(height));
    if front == LoopList::Alerts {
        alerts(app, hits.first, inner, buf);
    } else if let Some(picture) = app.loops_of(snapshot) {
        let (columns, rows) = rows(app, picture);
        let widths = table::widths(columns, &rows, usize::from(inner.width.saturating_sub(3)));
        let line = |y: u16| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(3), height: 1 };
        table::heads(columns, &widths, app.theme.style(Role::Header), line(inner.y), buf);
        for (row, y) in rows.iter().skip(hits.first).zip(hits.body.y..hits.body.bottom()) {
            table::row(columns, &widths, row, line(y), buf);
        }
    }
    let bar = hits.body.y + u16::try_from(selected - hits.first).unwrap_or(0);
    if bar < hits.body.bottom() {
        buf.set_style(Rect { y: bar, height: 1, ..hits.body }, app.theme.style(Role::Select));
    }
    let edge = inner.right().saturating_sub(1);
    if hits.first > 0 {
        buf.set_string(edge, hits.body.y, "↑", app.theme.style(Role::Dim));
    }
    if hits.first + height < count {
        buf.set_string(edge, hits.body.bottom() - 1, "↓", app.theme.style(Role::Dim));
    }
    hits
}

fn rows(app: &App, picture: &LoopsPicture) -> (&'static [Column], Vec<Vec<Cell>>) {
    match app.loops.list(picture) {
        LoopList::Longest => (&TASKS, picture.longest.iter().map(|task| cells(app, task)).collect()),
        LoopList::Dearest => (&TASKS, picture.dearest.iter().map(|task| cells(app, task)).collect()),
        LoopList::Running | LoopList::Alerts => {
            (&RUNNING, picture.running.iter().map(|(task, place, among)| running(app, task, place, *among)).collect())
        }
    }
}

fn same_call(task: &Loop) -> String {
    task.repeat.as_ref().map(|repeat| format!("{} ×{}", text::shown(&repeat.tool), repeat.times)).unwrap_or_default()
}

fn running(app: &App, task: &Loop, place: &Place, among: Among) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let (sign, role) = match place.over() {
        Some((99, _)) => ("‼ ", Role::Over),
        Some((95, _)) => ("! ", Role::Warn),
        _ => ("", Role::Text),
    };
    vec![
        (text::shown(&task.project), style(Role::Text)),
        (text::shown(&task.agent), style(Role::Dim)),
        (task.steps().to_string(), style(role)),
        (format!("{sign}{}, {}", place.words(), text::shown(&among.words(task))), style(role)),
        (same_call(task), style(Role::Warn)),
        (app.currency.cost(&task.cost()), style(Role::Spend)),
    ]
}

fn cells(app: &App, task: &Loop) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let began = utc(task.started_at).with_timezone(&app.zone).format("%m-%d %H:%M").to_string();
    vec![
        (text::shown(&task.project), style(Role::Text)),
        (text::shown(&task.agent), style(Role::Dim)),
        (task.model.as_deref().map_or_else(|| "·".to_owned(), text::shown), style(Role::Dim)),
        (task.steps().to_string(), style(Role::Text)),
        (app.currency.cost(&task.cost()), style(Role::Spend)),
        (span(task.millis()), style(Role::Text)),
        (task.sums.tools.to_string(), style(Role::Dim)),
        (task.sums.failures.to_string(), style(if task.sums.failures > 0 { Role::Warn } else { Role::Dim })),
        (same_call(task), style(Role::Warn)),
        (began, style(Role::Dim)),
    ]
}

/// What is told now, and the whole of the selected one in the line of the heads.
fn alerts(app: &App, first: usize, inner: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let row = |y: u16| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(3), height: 1 };
    for ((critical, title, body), y) in app.alerts.iter().skip(first).zip(inner.y + 1..inner.bottom()) {
        let (sign, role) = if *critical { ("‼", Role::Over) } else { ("!", Role::Warn) };
        let mut line = Pieces::default();
        line.left(format!("{sign} {}", text::shown(title)), style(role)).left(format!("  {}", text::shown(body)), style(Role::Dim));
        line.draw(row(y), buf);
    }
    Pieces::default().left("WHAT", style(Role::Header)).draw(row(inner.y), buf);
}
