//! Rows of the screen as a text table, for `top --once`.

use std::io;

use crate::cli::context::Context;
use crate::cli::out::Out;
use crate::cli::table::{Column, Table, count};
use crate::cli::when::span_of;
use crate::model::Cost;
use crate::query::SessionView;
use crate::ui::columns::{self as screen, Layout, Look};
use crate::ui::rows::Row;
use crate::ui::theme::Theme;

use super::{short_ids, total};

/// Writes rows of the screen: the columns of the settings and each session's id.
pub fn write(context: &Context, rows: &[Row], out: &mut Out) -> io::Result<()> {
    let settings = &context.settings;
    let theme = Theme::default();
    let look = Look { now: context.now, span: span_of(settings.range.value), currency: &settings.currency, theme: &theme };
    let money = |cost: &Cost| screen::money_cell(cost, &settings.currency, &theme).0;
    let shown: Vec<screen::Column> = settings.columns.iter().filter_map(|name| screen::Column::from_name(name)).collect();
    let mut columns: Vec<Column> = shown.iter().map(|column| head(*column, &look)).collect();
    columns.push(Column::text("ID").expendable(1));
    let mut table = Table::new(columns);
    let views: Vec<&SessionView> = rows.iter().filter_map(Row::session).collect();
    let ids = short_ids(views.iter().copied());
    for row in rows {
        match row {
            Row::Group { name, sessions, sum, .. } => {
                let name = screen::project_name(name);
                let sessions = count(*sessions, "session", "sessions");
                table.row(summary(&shown, &format!("{name} · {sessions}"), &money(&sum.cost())));
            }
            Row::Session { session, depth, .. } => {
                let mut cells: Vec<String> = shown.iter().map(|column| cell(*column, session, *depth, &look)).collect();
                cells.push(ids.get(&session.id).cloned().unwrap_or_default());
                table.row(cells);
            }
        }
    }
    table.total(summary(&shown, "total", &money(&total(views.iter().copied()).cost())));
    table.write(out)
}

fn head(column: screen::Column, look: &Look<'_>) -> Column {
    let Layout { numeric, rank, .. } = column.layout();
    let title = column.title(look);
    (if numeric { Column::number(title) } else { Column::text(title) }).expendable(rank)
}

fn cell(column: screen::Column, view: &SessionView, depth: usize, look: &Look<'_>) -> String {
    let (text, _) = column.cell(view, look);
    let nested = column == screen::Column::Agent && depth > 0;
    if nested { format!("{}└ {text}", "  ".repeat(depth.min(4) - 1)) } else { text }
}

/// A row for several sessions: a name where the project stands, else in the first column of words; their cost in the
/// column of the range.
fn summary(shown: &[screen::Column], name: &str, cost: &str) -> Vec<String> {
    let words = |column: &screen::Column| !column.layout().numeric && *column != screen::Column::State;
    let at = shown.iter().position(|column| *column == screen::Column::Project).or_else(|| shown.iter().position(words));
    let cell = |(i, column): (usize, &screen::Column)| match column {
        screen::Column::Today => cost.to_owned(),
        _ if Some(i) == at => name.to_owned(),
        _ => String::new(),
    };
    let mut cells: Vec<String> = shown.iter().enumerate().map(cell).collect();
    // Without any words the name stands where the ids do.
    cells.push(if at.is_none() { name.to_owned() } else { String::new() });
    cells
}
