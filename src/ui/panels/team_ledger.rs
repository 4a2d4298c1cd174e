//! Today in two ledgers: what the logs of this machine say, what the gateway says, and why they differ.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::Snapshot;
use crate::insight::reconcile::Class;
use crate::model::{Money, text};
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::line::{Pieces, count_of};

use super::frame;

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let ledger = app.team_of(snapshot).and_then(|picture| picture.ledger.as_ref());
    let whose = ledger.and_then(|ledger| ledger.user.as_deref()).map_or_else(|| "everybody".to_owned(), text::shown);
    let title = if ledger.is_some() { format!("today, logs and gateway ({whose})") } else { "today, logs and gateway".to_owned() };
    let inner = frame(&title, "aifinops gateway reconcile", Role::Border, &app.theme, area, buf);
    let Some(ledger) = ledger else { return };
    let exact = |money: Money| app.currency.show(money);
    let mut ys = inner.y..inner.bottom();
    let mut line = |left: &str, right: String, role: Role, buf: &mut Buffer| {
        let Some(y) = ys.next() else { return };
        let mut pieces = Pieces::default();
        let room = usize::from(inner.width).saturating_sub(text::columns(&right) + 4);
        pieces.left(format!(" {}", text::fit(left, room)), app.theme.style(role));
        pieces.right(format!("{right} "), app.theme.style(role));
        pieces.draw(Rect { x: inner.x, y, width: inner.width, height: 1 }, buf);
    };
    line("the logs say", exact(ledger.local), Role::Text, buf);
    for (class, total) in ledger.totals.iter().filter(|(class, _)| *class != Class::Same) {
        let sign = if total.difference < Money::ZERO { "" } else { "+" };
        let calls = count_of(total.calls, "call");
        let role = if total.difference == Money::ZERO { Role::Dim } else { Role::Warn };
        line(&format!("  {} ({calls})", class.short()), format!("{sign}{}", exact(total.difference)), role, buf);
    }
    line("the gateway says", exact(ledger.gateway), Role::Spend, buf);
    if ledger.local == ledger.gateway && ledger.totals.iter().all(|(class, _)| *class == Class::Same) {
        line("no difference", String::new(), Role::Ok, buf);
    }
}
