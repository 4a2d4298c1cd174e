//! The table of sessions.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::config::Group;
use crate::engine::{Snapshot, Span};
use crate::model::{Millis, text};
use crate::ui::app::{App, Hits};
use crate::ui::columns::{Column, Look, fit, project_name};
use crate::ui::rows::Row;
use crate::ui::theme::Role;
use crate::ui::widgets::line::{Pieces, count_of, field};

use super::frame;

/// Draws it, and tells where its rows and heads are.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) -> Hits {
    let inner = frame(&title(app), &count(app, snapshot), Role::Focus, &app.theme, area, buf);
    let mut hits = Hits::default();
    if inner.height < 2 || inner.width < 10 {
        return hits;
    }
    let look = Look { now, span: app.span, currency: &app.currency, theme: &app.theme };
    hits.body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let height = usize::from(hits.body.height);
    hits.first = first_row(app, height);
    let visible = app.rows.get(hits.first..(hits.first + height).min(app.rows.len())).unwrap_or_default();
    let widths = fit(app.columns_at(inner.width), inner.width.saturating_sub(2), &|column| wanted(column, visible, &look));
    heads(&look, app.order.sort, &widths, Rect { height: 1, ..inner }, buf, &mut hits);
    if app.rows.is_empty() {
        let hint = if app.input.value().is_empty() {
            format!("nothing {}: {} shows other days", span_words(app.span), app.keys.first(crate::ui::action::Action::Range))
        } else {
            "no session meets the filter".to_owned()
        };
        let y = hits.body.y + u16::from(hits.body.height > 1);
        buf.set_stringn(inner.x + 2, y, text::shown(&hint), usize::from(inner.width.saturating_sub(3)), app.theme.style(Role::Dim));
    }
    for (i, row) in app.rows.iter().enumerate().skip(hits.first).take(height) {
        let y = hits.body.y + u16::try_from(i - hits.first).unwrap_or(0);
        let line = Rect { y, height: 1, ..inner };
        match row {
            Row::Group { .. } => group(app, row, &widths, &look, line, buf),
            Row::Session { .. } => session(row, &widths, &look, line, buf),
        }
        if i == app.cursor && row.id().is_some() {
            buf.set_style(line, app.theme.style(Role::Select));
        }
    }
    more(app, height, &hits, inner, buf);
    hits
}

fn span_words(span: Span) -> &'static str {
    match span {
        Span::Today => "today",
        Span::Days(7) => "in the last 7 days",
        Span::Days(_) => "in the last 30 days",
        Span::All => "so far",
    }
}

fn title(app: &App) -> String {
    let span = match app.span {
        Span::Today => "today".to_owned(),
        Span::Days(days) => format!("{days} days"),
        Span::All => "all".to_owned(),
    };
    let group = match app.order.group {
        Group::None => String::new(),
        group => format!(" · by {group}"),
    };
    let filter = app.input.value();
    let filter = if filter.is_empty() { String::new() } else { format!(" · {filter}") };
    format!("Sessions · {span}{group}{filter}")
}

fn count(app: &App, snapshot: &Snapshot) -> String {
    let (mut shown, mut at_work) = (0, 0);
    for row in &app.rows {
        if let Row::Session { folded, live, .. } = row {
            // Who is folded away is at work all the same.
            shown += 1 + folded;
            at_work += live;
        }
    }
    let total = snapshot.sessions.len();
    let of = if shown < total { format!("{at_work} live of {shown} ({total} in all)") } else { format!("{at_work} live of {shown}") };
    let sort = app.order.sort;
    format!("by {} {} ─ {of}", sort.layout().name, sort.mark(app.order.reversed))
}

fn heads(look: &Look<'_>, sort: Column, widths: &[(Column, u16)], line: Rect, buf: &mut Buffer, hits: &mut Hits) {
    let mut x = line.x + 1;
    for (column, width) in widths {
        let sorted = *column == sort;
        let title = column.title(look);
        let mut style = look.theme.style(Role::Header);
        if sorted {
            style = style.add_modifier(Modifier::UNDERLINED);
        }
        let text = field(&title, usize::from(*width), column.layout().numeric);
        // Only the word is underlined, not the field.
        buf.set_stringn(x, line.y, &text, usize::from(*width), look.theme.style(Role::Header));
        if sorted {
            let pad = u16::try_from(text.len() - text.trim_start().len()).unwrap_or(0);
            buf.set_stringn(x + pad, line.y, title, usize::from(*width), style);
        }
        hits.heads.push((Rect { x, y: line.y, width: *width, height: 1 }, *column));
        x += width + 1;
    }
}

/// The first row in view: the selected one is always inside.
fn first_row(app: &App, height: usize) -> usize {
    let most = app.rows.len().saturating_sub(height);
    let first = app.scroll.min(app.cursor);
    first.max((app.cursor + 1).saturating_sub(height)).min(most)
}

/// A group's name, and its sums below the heads of their columns.
fn group(app: &App, row: &Row, widths: &[(Column, u16)], look: &Look<'_>, line: Rect, buf: &mut Buffer) {
    let Row::Group { name, sessions, live, sum } = row else { return };
    let name = project_name(name);
    let count = format!(" {}, {live} live", count_of(*sessions, "session"));
    let wish = 2 + text::columns(&text::shown(name)) + text::columns(&count);
    let mut x = line.x + 1;
    let mut sums: Vec<(u16, u16, Column)> = Vec::new();
    for (column, width) in widths {
        if column.adds_up() {
            sums.push((x, *width, *column));
        }
        x += width + 1;
    }
    // The name takes the room of columns that say less than the one that everybody looks for.
    while let Some((x, _, column)) = sums.first()
        && usize::from(x - line.x) < wish + 1
        && !matches!(column, Column::Today | Column::Session)
    {
        sums.remove(0);
    }
    let end = sums.first().map_or(line.right(), |(x, ..)| *x);
    let mut pieces = Pieces::default();
    pieces.left(format!(" {} ", text::shown(name)), app.theme.style(Role::Title)).left(count, app.theme.style(Role::Dim));
    pieces.draw(Rect { width: end.saturating_sub(line.x), ..line }, buf);
    for (x, width, column) in sums {
        let (value, style) = column.cell(sum, look);
        buf.set_stringn(x, line.y, field(&value, usize::from(width), true), usize::from(width), style);
    }
}

fn session(row: &Row, widths: &[(Column, u16)], look: &Look<'_>, line: Rect, buf: &mut Buffer) {
    if !matches!(row, Row::Session { .. }) {
        return;
    }
    let mut x = line.x + 1;
    for (column, width) in widths {
        let (value, style) = value(*column, row, tree_column(widths), look);
        let text = field(&value, usize::from(*width), column.layout().numeric);
        buf.set_stringn(x, line.y, text, usize::from(*width), style);
        x += width + 1;
    }
}

/// What stands in a cell: the session's value, in one column with the tree's branches before it.
fn value(column: Column, row: &Row, tree: Column, look: &Look<'_>) -> (String, Style) {
    let Row::Session { session, depth, last, folded, parent, .. } = row else { return Default::default() };
    let (mut value, style) = column.cell(session, look);
    if column == tree {
        value = branch(*depth, *last) + &value;
        if *folded > 0 {
            value = format!("{value} +{folded}");
        } else if *parent && *depth == 0 && column != Column::Agent {
            value.push_str(" ▾");
        }
    }
    (value, style)
}

/// The columns of the terminal that a column's content needs.
fn wanted(column: Column, rows: &[Row], look: &Look<'_>) -> u16 {
    let cell = |row: &Row| match row {
        Row::Group { sum, .. } if column.adds_up() => text::columns(&column.cell(sum, look).0),
        row => text::columns(&value(column, row, Column::Agent, look).0),
    };
    let widest = rows.iter().map(cell).max().unwrap_or(0);
    u16::try_from(widest).unwrap_or(u16::MAX)
}

/// The tree is drawn in the agent's column, or the project's where there is no agent.
fn tree_column(widths: &[(Column, u16)]) -> Column {
    if widths.iter().any(|(c, _)| *c == Column::Agent) { Column::Agent } else { Column::Project }
}

fn branch(depth: usize, last: bool) -> String {
    match depth {
        0 => String::new(),
        _ => format!("{}{} ", "  ".repeat((depth - 1).min(4)), if last { "└" } else { "├" }),
    }
}

/// Says at the frame that there are rows above or below.
fn more(app: &App, height: usize, hits: &Hits, inner: Rect, buf: &mut Buffer) {
    let style = app.theme.style(Role::Dim);
    if hits.first > 0 {
        buf.set_string(inner.right().saturating_sub(1), hits.body.y, "↑", style);
    }
    if hits.first + height < app.rows.len() {
        buf.set_string(inner.right().saturating_sub(1), hits.body.bottom().saturating_sub(1), "↓", style);
    }
}
