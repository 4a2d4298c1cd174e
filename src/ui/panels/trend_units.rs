//! What one of something costs in the running period, beside the same length of the one before.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::tokens::compact;
use crate::model::{Money, text};
use crate::query::trends::units::{Measure, arrow, change};
use crate::query::trends::{Metric, ModelUnits, Pair, Period, Trends, Units};
use crate::ui::app::App;
use crate::ui::app::trends::Panel;
use crate::ui::columns::short_model;
use crate::ui::theme::Role;
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

const COLUMNS: [Column; 4] = [words("", 0, 20), figures("NOW", 0), words("CHANGE", 0, 8), figures("BEFORE", 1)];
const MODELS: [Column; 6] =
    [words("FOR 1M TOKENS", 0, 24), figures("IN", 0), words("", 1, 6), figures("OUT", 0), words(" ", 2, 6), figures("COST", 3)];

/// Draws it.
pub fn draw(app: &App, trends: &Trends, area: Rect, buf: &mut Buffer) {
    let period = app.trends.period;
    let none = Pair::default();
    let pair = trends.units(period).unwrap_or(&none);
    let role = if app.trends.panel == Panel::Units { Role::Focus } else { Role::Border };
    let (title, against) = match period {
        Period::Day => ("Units today", "against yesterday until now"),
        Period::Week => ("Units this week", "against last week until now"),
        Period::Month => ("Units this month", "against last month until now"),
    };
    let fits = text::columns(title) + text::columns(against) + 10 <= usize::from(area.width);
    let inner = frame(title, if fits { against } else { "" }, role, &app.theme, area, buf);
    if inner.height < 2 || inner.width < 12 {
        return;
    }
    let inner = Rect { x: inner.x + 1, width: inner.width - 2, ..inner };
    let style = |role| app.theme.style(role);
    let row = |metric: Metric| -> Vec<Cell> {
        let title = if metric.measure() == Measure::Money && metric != Metric::Spend {
            format!("{} {}", app.currency.symbol, metric.title())
        } else {
            metric.title().to_owned()
        };
        let changed = pair.now.change(&pair.before, metric);
        vec![
            (title, style(Role::Text)),
            (shown(app, &pair.now, metric), style(if metric.measure() == Measure::Money { Role::Spend } else { Role::Text })),
            (arrow(changed), style(Role::Accent)),
            (shown(app, &pair.before, metric), style(Role::Dim)),
        ]
    };
    let rows: Vec<Vec<Cell>> = Metric::ALL.into_iter().map(row).collect();
    let below = lines(app, &COLUMNS, &rows, inner, buf);
    let models: Vec<Vec<Cell>> = models(app, pair);
    if below.height >= 3 && !models.is_empty() {
        lines(app, &MODELS, &models, Rect { y: below.y + 1, height: below.height - 1, ..below }, buf);
    }
}

/// A table's heads and as many rows as there is room for; gives what is left.
fn lines(app: &App, columns: &[Column], rows: &[Vec<Cell>], area: Rect, buf: &mut Buffer) -> Rect {
    let widths = table::widths(columns, rows, usize::from(area.width));
    table::heads(columns, &widths, app.theme.style(Role::Header), Rect { height: 1, ..area }, buf);
    let mut y = area.y + 1;
    for row in rows.iter().take(usize::from(area.height.saturating_sub(1))) {
        table::row(columns, &widths, row, Rect { y, height: 1, ..area }, buf);
        y += 1;
    }
    Rect { y, height: area.bottom().saturating_sub(y), ..area }
}

/// A figure; `?` where no price is known, `·` where there is nothing to divide by.
fn shown(app: &App, units: &Units, metric: Metric) -> String {
    let is_money = metric.measure() == Measure::Money;
    let Some(value) = units.value(metric) else {
        return if is_money && units.cost().money().is_none() { "?" } else { "·" }.to_owned();
    };
    match metric.measure() {
        Measure::Money => {
            let mark = if units.cost().is_lower_bound() { "≥" } else { "" };
            format!("{mark}{}", app.currency.show(Money::from_nanos(value)))
        }
        Measure::Tokens => compact(value.unsigned_abs()),
        Measure::Permille => format!("{}.{}%", value / 10, value % 10),
    }
}

/// The models, the dearest first.
fn models(app: &App, pair: &Pair) -> Vec<Vec<Cell>> {
    let mut models: Vec<_> = pair.now.models.iter().collect();
    models.sort_by(|(a_name, a), (b_name, b)| b.cost.known.cmp(&a.cost.known).then(a_name.cmp(b_name)));
    let style = |role| app.theme.style(role);
    let row = |(name, model): (&std::sync::Arc<str>, &ModelUnits)| {
        let before = pair.before.models.get(name);
        let figure = |of: fn(&ModelUnits) -> Option<Money>| {
            let now = of(model);
            let unknown = if model.cost.unpriced_calls > 0 { "?" } else { "·" };
            let text = now.map_or_else(|| unknown.to_owned(), |money| app.currency.show(money));
            [(text, style(Role::Spend)), (arrow(change(now.map(Money::nanos), before.and_then(of).map(Money::nanos))), style(Role::Accent))]
        };
        let mut cells = vec![(short_model(name), style(Role::Text))];
        cells.extend(figure(ModelUnits::million_in));
        cells.extend(figure(ModelUnits::million_out));
        cells.push((app.currency.cost(&model.cost), style(Role::Dim)));
        cells
    };
    models.into_iter().map(row).collect()
}
