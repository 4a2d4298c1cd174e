//! How much a cap is to be, and for how long.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::model::cap::{Action, Amount, Cap, Span};
use crate::model::text;
use crate::ui::app::{App, CapDialog, Field};
use crate::ui::theme::Role;
use crate::ui::widgets::line::Pieces;

use super::popup;

/// The columns that labels take.
const LABEL: usize = 9;
/// Its size, where there is room.
const SIZE: (u16, u16) = (64, 10);

/// Draws it over everything else.
pub fn draw(app: &App, dialog: &CapDialog, area: Rect, buf: &mut Buffer) {
    let style = |role| app.theme.style(role);
    let title = if dialog.raises().is_some() { "Raise a cap" } else { "Set a cap" };
    let inner = popup(app, title, "", SIZE, area, buf);
    let room = usize::from(inner.width.saturating_sub(2));
    let what = dialog.raises().map_or_else(|| "set a cap over everything".to_owned(), |s| format!("raise {} by", text::shown(&s.cap.name)));
    let mut lines = vec![chosen(app, dialog, Field::What, "what", &what), typed(app, dialog, Field::Amount, "amount", room)];
    lines.push(match dialog.raises() {
        Some(_) => typed(app, dialog, Field::Time, "until", room),
        None => chosen(app, dialog, Field::Time, "per", dialog.span.word()),
    });
    lines.push(Pieces::default());
    let (says, role) = says(app, dialog);
    for line in text::wrap(&says, room).into_iter().take(2) {
        let mut pieces = Pieces::default();
        pieces.left(format!(" {line}"), style(role));
        lines.push(pieces);
    }
    for (line, y) in lines.iter().zip(inner.y..inner.bottom()) {
        line.draw(Rect { y, height: 1, ..inner }, buf);
    }
    let mut keys = Pieces::default();
    for (key, word) in [("enter", "does it"), ("tab", "next field"), ("←→", "choose"), ("esc", "leave")] {
        keys.left(format!(" {key} "), style(Role::HintKey)).left(format!("{word} "), style(Role::HintText));
    }
    if inner.height > 6 {
        keys.draw(Rect { y: inner.bottom() - 1, height: 1, ..inner }, buf);
    }
}

fn label(app: &App, dialog: &CapDialog, field: Field, name: &str) -> Pieces {
    let is_here = dialog.field == field;
    let mut line = Pieces::default();
    // The field that has the keys is marked without colours, too.
    let mark = if is_here { "▸" } else { " " };
    line.left(format!("{mark}{name:<LABEL$}"), app.theme.style(if is_here { Role::Accent } else { Role::Dim }));
    line
}

fn chosen(app: &App, dialog: &CapDialog, field: Field, name: &str, value: &str) -> Pieces {
    let style = |role| app.theme.style(role);
    let mut line = label(app, dialog, field, name);
    line.left("‹ ", style(Role::HintKey)).left(value, style(Role::Text)).left(" ›", style(Role::HintKey));
    line
}

fn typed(app: &App, dialog: &CapDialog, field: Field, name: &str, room: usize) -> Pieces {
    let style = |role| app.theme.style(role);
    let input = if field == Field::Amount { &dialog.amount } else { &dialog.until };
    let mut line = label(app, dialog, field, name);
    if dialog.field != field && input.value().is_empty() {
        line.left(if field == Field::Amount { "·" } else { "it resets" }, style(Role::Dim));
        return line;
    }
    let split = |from, most| input.value().chars().skip(from).take(most).collect::<String>();
    let room = room.saturating_sub(LABEL + 3);
    let after = text::fit(&split(input.cursor(), usize::MAX), room / 3);
    let before = text::fit_end(&split(0, input.cursor()), room.saturating_sub(text::columns(&after)));
    let cursor = if dialog.field == field { "▏" } else { "" };
    line.left(before, style(Role::Text)).left(cursor, style(Role::Accent)).left(after, style(Role::Text));
    if input.value().is_empty() {
        let hint = match (field, dialog.raises().is_some()) {
            (Field::Amount, true) => "how much more",
            (Field::Amount, false) => "20, 5M tokens, 60 steps",
            _ => "it resets; or 2h, 18:00, friday",
        };
        line.left(hint, style(Role::Dim));
    }
    line
}

/// What would be done, or why it cannot be.
fn says(app: &App, dialog: &CapDialog) -> (String, Role) {
    if let Some(error) = &dialog.error {
        return (error.clone(), Role::Over);
    }
    let Some(Ok(parsed)) = dialog.parsed() else {
        return match dialog.parsed() {
            // What is half typed is no mistake yet.
            Some(Err(_)) => ("…".to_owned(), Role::Dim),
            _ => (String::new(), Role::Dim),
        };
    };
    match dialog.raises() {
        Some(standing) if standing.cap.limit.unit != parsed.unit => {
            (format!("`{}` is a {}", text::shown(&standing.cap.name), text::shown(&standing.cap.words())), Role::Warn)
        }
        Some(standing) => {
            let from = standing.allowed();
            let to = Amount { count: from.count.saturating_add(parsed.count), ..from };
            (
                format!(
                    "from {} to {}; {} spent",
                    app.currency.amount(from),
                    app.currency.amount(to),
                    app.currency.amount(standing.spent())
                ),
                Role::Ok,
            )
        }
        None => {
            let replaced = dialog.choices.iter().flatten().map(|s| &s.cap).find(|cap| is_replaced(cap, parsed, dialog.span));
            let instead = replaced.map(|cap| format!(", instead of {}", app.currency.amount(cap.limit))).unwrap_or_default();
            let then = match replaced.map(|cap| cap.action).unwrap_or_default() {
                Action::Warn => "at which you are told",
                Action::Block => "at which agents are blocked",
                Action::Stop => "at which agents are stopped",
            };
            (format!("a {}{instead}, {then}", Cap::new("", parsed, dialog.span).words()), Role::Ok)
        }
    }
}

/// Whether a cap is the one that setting this would put another in the place of.
fn is_replaced(cap: &Cap, amount: Amount, span: Span) -> bool {
    cap.span == span && cap.limit.unit == amount.unit && cap.scope.is_everything() && cap.name.starts_with(span.word())
}
