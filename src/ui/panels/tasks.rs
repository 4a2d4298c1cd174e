//! The tasks of a session: a row for each, and what the table has no room for below it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;

use crate::model::text;
use crate::model::time::{span, utc};
use crate::model::tokens::compact;
use crate::query::{SessionDetail, TaskView};
use crate::ui::app::{App, Part, Section};
use crate::ui::columns::money_cell;
use crate::ui::theme::Role;
use crate::ui::widgets::line::{Pieces, field};

use super::{list, section};

/// A column: its head, what it is called below the table, and which leave first when it gets narrow.
struct Column {
    head: &'static str,
    name: &'static str,
    rank: u8,
}

const fn column(head: &'static str, name: &'static str, rank: u8) -> Column {
    Column { head, name, rank }
}

const COLUMNS: [Column; 12] = [
    column("#", "task", 0),
    column("BEGAN", "began", 5),
    column("STEPS", "steps", 1),
    column("COST", "cost", 0),
    column("INPUT", "input", 4),
    column("READ", "cache read", 6),
    column("WRITE", "cache write", 7),
    column("OUTPUT", "output", 3),
    column("TIME", "time", 2),
    column("TOOLS", "tools", 8),
    column("RETRY", "retries", 9),
    column("COMPACT", "compactions", 10),
];

/// Draws them.
pub fn draw(app: &App, detail: &SessionDetail, alone: bool, area: Rect, buf: &mut Buffer) -> Part {
    let inner = section(app, detail, Section::Tasks, alone, area, buf);
    let longest = detail.tasks.iter().map(|t| t.sums.calls).max().unwrap_or(0);
    let value = |column: &Column, i: usize| detail.tasks.get(i).map_or_else(Default::default, |task| cell(app, column, i, task, longest));
    // The widths are those of what is in view, or would be with no line below.
    let height = usize::from(inner.height.saturating_sub(1));
    let first = app.full.first(Section::Tasks, detail.tasks.len(), height);
    let width = |column: &Column| {
        let widest = (first..first + height).map(|i| text::columns(&value(column, i).0)).max().unwrap_or(0);
        widest.max(column.head.len())
    };
    let mut shown: Vec<(&Column, usize)> = COLUMNS.iter().map(|column| (column, width(column))).collect();
    let mut absent: Vec<&Column> = Vec::new();
    let room = usize::from(inner.width.saturating_sub(2));
    while shown.iter().map(|(_, width)| width + 1).sum::<usize>() > room + 1 && shown.len() > 1 {
        let Some((worst, _)) = shown.iter().enumerate().max_by_key(|(_, (column, _))| column.rank) else { break };
        absent.insert(0, shown.remove(worst).0);
    }
    absent.sort_by_key(|column| COLUMNS.iter().position(|other| other.head == column.head));
    // What is left over makes the columns breathe.
    let spare = (room + 1).saturating_sub(shown.iter().map(|(_, width)| width + 1).sum()) / shown.len().max(1);
    for (_, width) in &mut shown {
        *width += spare.min(2);
    }

    let selected = app.full.selected(Section::Tasks, detail.tasks.len());
    let below = if detail.tasks.is_empty() { Vec::new() } else { figures(app, &absent, &|column| value(column, selected), room) };
    let below_height = u16::try_from(below.len()).unwrap_or(0).min(inner.height.saturating_sub(3));
    for (line, y) in below.iter().zip(inner.bottom() - below_height..inner.bottom()) {
        line.draw(Rect { y, height: 1, ..inner }, buf);
    }
    if inner.height > 0 {
        let mut heads = Pieces::default();
        heads.left(" ", Style::default());
        for (column, width) in &shown {
            heads.left(field(column.head, *width, true) + " ", app.theme.style(Role::Header));
        }
        heads.draw(Rect { height: 1, ..inner }, buf);
    }
    let row = |i: usize| {
        let mut line = Pieces::default();
        line.left(" ", Style::default());
        for (column, width) in &shown {
            let (text, style) = value(column, i);
            line.left(field(&text, *width, true) + " ", style);
        }
        line
    };
    let body = Rect { y: inner.y + 1, height: inner.height.saturating_sub(1 + below_height), ..inner };
    list(app, Section::Tasks, detail.tasks.len(), &row, if inner.height == 0 { inner } else { body }, buf)
}

fn cell(app: &App, column: &Column, index: usize, task: &TaskView, longest: i64) -> (String, Style) {
    let t = task.sums.tokens();
    let sums = &task.sums;
    let warn_if = |is_worse, otherwise| if is_worse { Role::Warn } else { otherwise };
    let (text, role) = match column.head {
        "#" => ((index + 1).to_string(), Role::Dim),
        "BEGAN" => (utc(task.started_at).with_timezone(&app.zone).format("%m-%d %H:%M").to_string(), Role::Text),
        "STEPS" => (sums.calls.to_string(), warn_if(sums.calls == longest && longest > 1, Role::Text)),
        "COST" => return money_cell(&sums.cost(), &app.currency, &app.theme),
        "INPUT" => (compact(t.input), Role::Input),
        "READ" => (compact(t.cache_read), Role::Cache),
        "WRITE" => (compact(t.cache_write_5m + t.cache_write_1h), Role::Cache),
        "OUTPUT" => (compact(t.output), Role::Output),
        "TIME" => (span(task.ended_at - task.started_at), Role::Text),
        "TOOLS" if sums.failures > 0 => (format!("{} ({}✗)", sums.tools, sums.failures), Role::Warn),
        "TOOLS" => (sums.tools.to_string(), Role::Text),
        "RETRY" => (sums.retries.to_string(), warn_if(sums.retries > 0, Role::Dim)),
        _ => (sums.compactions.to_string(), warn_if(sums.compactions > 0, Role::Dim)),
    };
    (text, app.theme.style(role))
}

/// The selected task's figures that have no column, in as many lines as they take.
fn figures(app: &App, absent: &[&Column], value: &dyn Fn(&Column) -> (String, Style), room: usize) -> Vec<Pieces> {
    let mut lines: Vec<Pieces> = Vec::new();
    let mut used = room;
    for column in absent {
        let (text, style) = value(column);
        let width = column.name.len() + 1 + text::columns(&text) + 3;
        if used + width > room + 2 {
            let mut line = Pieces::default();
            line.left(if lines.is_empty() { " └ " } else { "   " }, app.theme.style(Role::Dim));
            used = 3;
            lines.push(line);
        }
        used += width;
        if let Some(line) = lines.last_mut() {
            line.left(format!("{} ", column.name), app.theme.style(Role::Dim)).left(text, style).left("   ", Style::default());
        }
    }
    lines
}
