//! How long loops run: the distribution of steps, cost and time, and a histogram of the steps.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Layout, Rect};

use crate::engine::Snapshot;
use crate::engine::loops::LoopsPicture;
use crate::insight::loops::{Bar, Points};
use crate::model::Money;
use crate::model::time::span;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::line::{Pieces, count_of};
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

const COLUMNS: [Column; 5] = [words("PER TASK", 0, 12), figures("P50", 0), figures("P95", 0), figures("P99", 0), figures("MAX", 1)];
/// The width of the distribution where the histogram stands beside it.
const LEFT: u16 = 46;

/// Draws them.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let Some(picture) = app.loops_of(snapshot) else {
        frame("looking…", "", Role::Border, &app.theme, area, buf);
        return;
    };
    if picture.all.tasks == 0 {
        let inner = frame("No tasks in this range", "", Role::Border, &app.theme, area, buf);
        let hint = format!("{} shows other days", app.keys.first(crate::ui::action::Action::Range));
        Pieces::default().left(hint, app.theme.style(Role::Dim)).draw(Rect { height: 1.min(inner.height), ..inner }, buf);
        return;
    }
    let beside = area.width >= LEFT + 24;
    let [left, right] =
        Layout::horizontal([if beside { Constraint::Length(LEFT) } else { Constraint::Fill(1) }, Constraint::Fill(u16::from(beside))])
            .areas(area);
    distribution(app, picture, left, buf);
    if beside {
        steps(app, &picture.histogram, right, buf);
    }
}

fn distribution(app: &App, picture: &LoopsPicture, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let all = &picture.all;
    let inner = frame(&count_of(all.tasks, "task"), &app.currency.cost(&all.cost), Role::Border, &app.theme, area, buf);
    let row = |name: &str, points: Option<Points>, role: Role, show: &dyn Fn(i64) -> String| -> Vec<Cell> {
        let values = points.map_or_else(|| vec!["?".to_owned(); 4], |p| [p.p50, p.p95, p.p99, p.max].map(show).to_vec());
        std::iter::once((name.to_owned(), style(Role::Dim))).chain(values.into_iter().map(|text| (text, style(role)))).collect()
    };
    let rows = [
        row("steps", Some(all.steps), Role::Text, &|n| n.to_string()),
        row("cost", all.nanos, Role::Spend, &|nanos| app.currency.show(Money::from_nanos(nanos))),
        row("time", Some(all.millis), Role::Text, &span),
        row("tool calls", Some(all.tools), Role::Text, &|n| n.to_string()),
    ];
    let widths = table::widths(&COLUMNS, &rows, usize::from(inner.width.saturating_sub(2)));
    let mut lines = (inner.y..inner.bottom()).map(|y| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 });
    if let Some(line) = lines.next() {
        table::heads(&COLUMNS, &widths, style(Role::Header), line, buf);
    }
    for cells in &rows {
        let Some(line) = lines.next() else { return };
        table::row(&COLUMNS, &widths, cells, line, buf);
    }
    let (calls, failed) = all.tool_calls;
    let percent = (failed * 100).checked_div(calls).unwrap_or(0);
    if let Some(line) = lines.next() {
        let text = format!(
            "{percent}% of tools failed · {} · {} circling",
            count_of(all.retries, "retry").replace("retrys", "retries"),
            all.repeating
        );
        Pieces::default().left(text, style(Role::Dim)).draw(line, buf);
    }
}

fn steps(app: &App, bars: &[Bar], area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let inner = frame("steps", "tasks", Role::Border, &app.theme, area, buf);
    let most = bars.iter().map(|bar| bar.count).max().unwrap_or(0).max(1);
    // Where there are more bars than lines, the rare long loops matter more than the short ones.
    let skipped = bars.len().saturating_sub(usize::from(inner.height));
    let name = |bar: &Bar| if bar.from == bar.to { bar.from.to_string() } else { format!("{}-{}", bar.from, bar.to) };
    let label = bars.iter().map(|bar| name(bar).len()).max().unwrap_or(0);
    let digits = most.to_string().len();
    let room = usize::from(inner.width).saturating_sub(label + digits + 5);
    for (bar, y) in bars.iter().skip(skipped).zip(inner.y..inner.bottom()) {
        let width = (bar.count * room).div_ceil(most);
        let mut line = Pieces::default();
        line.left(format!(" {:>label$} ", name(bar)), style(Role::Dim))
            .left("█".repeat(width), style(Role::Chart))
            .left(format!(" {}", bar.count), style(Role::Text));
        line.draw(Rect { y, height: 1, ..inner }, buf);
    }
}
