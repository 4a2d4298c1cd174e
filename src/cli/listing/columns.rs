//! The columns and groups of the screen as a text table, for `top --once`.

use std::collections::BTreeMap;
use std::io;

use crate::cli::context::Context;
use crate::cli::out::Out;
use crate::cli::table::{Column, Table, count};
use crate::cli::when::span_of;
use crate::config::Group;
use crate::model::Cost;
use crate::query::SessionView;
use crate::ui::columns::{self as screen, Layout, Look};
use crate::ui::theme::Theme;

use super::{nested, short_ids, total};

/// A session and how deep below its parent it stands.
type Placed<'a> = (&'a SessionView, usize);

/// Writes the table: the columns of the settings and each session's id, in the groups of the settings.
pub fn write(context: &Context, views: &[SessionView], out: &mut Out) -> io::Result<()> {
    let settings = &context.settings;
    let theme = Theme::default();
    let look = Look { now: context.now, span: span_of(settings.range.value), currency: &settings.currency, theme: &theme };
    let money = |cost: &Cost| screen::money_cell(cost, &settings.currency, &theme).0;
    let shown: Vec<screen::Column> = settings.columns.iter().filter_map(|name| screen::Column::from_name(name)).collect();
    let mut columns: Vec<Column> = shown.iter().map(|column| head(*column, &look)).collect();
    columns.push(Column::text("ID").expendable(1));
    let mut table = Table::new(columns);
    let ids = short_ids(views);
    for (name, members) in groups(nested(views), settings.group.value) {
        if let Some(name) = name {
            let sums = total(members.iter().map(|(view, _)| *view));
            let sessions = count(members.len(), "session", "sessions");
            table.row(summary(&shown, &format!("{name} · {sessions}"), &money(&sums.cost())));
        }
        for (view, depth) in members {
            let mut cells: Vec<String> = shown.iter().map(|column| cell(*column, view, depth, &look)).collect();
            cells.push(ids.get(&view.id).cloned().unwrap_or_default());
            table.row(cells);
        }
    }
    table.total(summary(&shown, "total", &money(&total(views).cost())));
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

/// The sessions by group, the dearest first; a subagent stays with its session. One group without a name where there
/// are none.
fn groups(placed: Vec<Placed<'_>>, group: Group) -> Vec<(Option<String>, Vec<Placed<'_>>)> {
    let name_of = |view: &SessionView| match group {
        Group::Agent => view.agent.to_string(),
        Group::Model => view.model.as_deref().unwrap_or("(no model)").to_owned(),
        Group::Project | Group::None if view.project.is_empty() => "(no directory)".to_owned(),
        Group::Project | Group::None => view.project.to_string(),
    };
    if group == Group::None {
        return vec![(None, placed)];
    }
    let mut found: BTreeMap<String, Vec<Placed<'_>>> = BTreeMap::new();
    let mut current = String::new();
    for (view, depth) in placed {
        if depth == 0 {
            current = name_of(view);
        }
        found.entry(current.clone()).or_default().push((view, depth));
    }
    let mut found: Vec<_> = found.into_iter().map(|(name, members)| (Some(name), members)).collect();
    found.sort_by_key(|(_, members)| std::cmp::Reverse(total(members.iter().map(|(view, _)| *view)).nanos));
    found
}
