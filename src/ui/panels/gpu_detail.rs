//! One card, or one process on a card, in full.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::gpus::alerts;
use crate::engine::gpus::words::{UNKNOWN, memory, owner, percent, price_command, use_of, watts};
use crate::engine::gpus::{CardView, ProcessView};
use crate::insight::gpu::State;
use crate::model::time::span;
use crate::model::{Money, text};
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::bars::spark;

use super::frame;

/// A line: what it is, and what it says.
type Line = (&'static str, String, Role);

/// Draws what is selected.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer) {
    let views = app.gpu_processes();
    let cards = app.gpu_cards();
    let process = views.get(app.gpu_process_at(&views)).filter(|_| app.gpus.in_processes);
    let is_gone = app.gpus.in_processes && app.gpu_process_is_gone(&views);
    let (title, lines) = match (process, cards.get(app.gpu_card_at(&cards))) {
        _ if is_gone => ("the process has ended".to_owned(), Vec::new()),
        (Some(view), _) => (format!("process {}", view.process.pid), of_process(app, view)),
        (None, Some(card)) => (alerts::name(card), of_card(app, card)),
        (None, None) => ("gone".to_owned(), Vec::new()),
    };
    let inner = frame(&text::shown(&title), "esc: back", Role::Focus, &app.theme, area, buf);
    let room = usize::from(inner.width.saturating_sub(18));
    let mut y = inner.y;
    for (name, says, role) in lines {
        for (i, part) in text::wrap(&text::shown(&says), room.max(10)).into_iter().enumerate() {
            if y >= inner.bottom() {
                return;
            }
            if i == 0 {
                buf.set_stringn(inner.x + 1, y, name, 15, app.theme.style(Role::Dim));
            }
            buf.set_stringn(inner.x + 16, y, part, room, app.theme.style(role));
            y += 1;
        }
    }
}

fn of_card(app: &App, card: &CardView) -> Vec<Line> {
    let reading = &card.reading;
    let at = app.gpu_picture.at;
    let money = |money: Option<Money>| money.map_or_else(|| UNKNOWN.to_owned(), |money| app.currency.show(money));
    let show = |value: Option<String>| value.unwrap_or_else(|| UNKNOWN.to_owned());
    let today = &card.today;
    let parts = State::ALL.into_iter().zip(today.states).filter(|(_, millis)| *millis > 0);
    let spent: Vec<String> = parts.map(|(state, millis)| format!("{} {}", state.word(), span(millis))).collect();
    let price = card.price.as_ref().map(|price| {
        let as_of = price.as_of.map_or_else(String::new, |as_of| format!(", {as_of}"));
        format!("{} an hour ({}{as_of})", app.currency.show(price.per_hour), price.source)
    });
    let history: Vec<_> = card.history.iter().copied().collect();
    let kilowatt_hours = today.energy.map(|millijoules| {
        let cost = card.energy_cost.map_or_else(String::new, |cost| format!(", {}", app.currency.show(cost)));
        format!("{}.{:03} kWh today{cost}", millijoules / 3_600_000_000, millijoules / 3_600_000 % 1000)
    });
    let mut lines = vec![
        ("name", reading.name.clone(), Role::Text),
        ("id", reading.id.clone(), Role::Dim),
        ("pci", show(reading.pci.clone()), Role::Dim),
        ("seen by", format!("{}, {} ago", card.source, span((at - card.seen_at).max(0))), Role::Dim),
        (
            "state",
            format!("{} for {}", card.state.word(), span((at - card.since).max(0))),
            super::gpu_cards::role(card.state, card.is_stale),
        ),
        ("used", format!("{} ({})", use_of(reading), reading.used_kind.word()), Role::Text),
        ("sm", percent(reading.sm), Role::Text),
        ("tensor", percent(reading.tensor), Role::Text),
        ("bandwidth", percent(reading.bandwidth), Role::Text),
        ("memory", memory(reading.memory_used, reading.memory_total), Role::Text),
        ("power", watts(reading.power, reading.power_cap), Role::Text),
        ("energy", show(kilowatt_hours), Role::Text),
        ("temperature", show(reading.temperature.map(|degrees| format!("{degrees} °C"))), Role::Text),
        ("clock", show(reading.clock.map(|clock| format!("{clock} MHz"))), Role::Text),
        ("held back by", show(reading.throttle.map(crate::model::gpu::Throttle::words).filter(|w| !w.is_empty())), Role::Warn),
        ("errors", errors(card), Role::Text),
        ("price", price.unwrap_or_else(|| format!("{UNKNOWN}: {}", price_command(&reading.name))), Role::Spend),
        ("today", format!("{}; for nothing {}", money(today.cost), money(today.idle_cost)), Role::Spend),
        ("", spent.join(", "), Role::Dim),
        ("below target", format!("{} of today's price, for use that was missing", money(today.underuse)), Role::Dim),
        ("owner", show(card.owner.clone()), Role::Accent),
        ("last hour", spark(&history, 60), Role::Gpu),
    ];
    if let Some(slice) = &reading.slice {
        lines.insert(2, ("part of", format!("{} ({})", slice.parent, slice.profile), Role::Dim));
    }
    lines
}

fn errors(card: &CardView) -> String {
    let reading = &card.reading;
    let ecc = reading.ecc.map(|count| format!("{count} of memory, uncorrected"));
    let xid = reading.xid.map(|code| format!("XID {code}"));
    let found: Vec<String> = ecc.into_iter().chain(xid).collect();
    if found.is_empty() { UNKNOWN.to_owned() } else { found.join(", ") }
}

fn of_process(app: &App, view: &ProcessView) -> Vec<Line> {
    let at = app.gpu_picture.at;
    let card = app.gpu_picture.card(&view.card).map_or_else(|| view.card.clone(), alerts::name);
    let age = view.started_at.map_or_else(|| UNKNOWN.to_owned(), |started| span((at - started).max(0)));
    let visible = if view.is_visible { "" } else { "its number is one of another namespace: nothing more is known of it here" };
    let mut lines = vec![
        ("command", view.command.clone(), Role::Text),
        ("", visible.to_owned(), Role::Warn),
        ("user", view.user.clone().unwrap_or_else(|| UNKNOWN.to_owned()), Role::Text),
        ("card", card, Role::Text),
        ("memory", memory(view.process.memory, None), Role::Text),
        ("used", percent(view.process.used), Role::Text),
        ("age", age, Role::Text),
        ("owner", owner(view, at), if view.is_zombie { Role::Over } else { Role::Accent }),
    ];
    if let Some(owner) = &view.owner {
        let session = if owner.session.is_empty() { "which session is not known".to_owned() } else { format!("session {}", owner.session) };
        lines.push(("", session, Role::Dim));
        lines.push(("because", format!("{}: {}", owner.rule, owner.reason()), Role::Dim));
    }
    if let Some(burnt) = view.burnt {
        lines.push(("today", format!("{} while that session had the card", app.currency.show(burnt)), Role::Spend));
    }
    for (i, (pid, command)) in view.parents.iter().enumerate() {
        lines.push((if i == 0 { "started by" } else { "" }, format!("{}{pid} {command}", "  ".repeat(i)), Role::Dim));
    }
    lines.push(("to end it", alerts::kill(view), Role::Warn));
    lines.retain(|(name, says, _)| !(name.is_empty() && says.is_empty()));
    lines
}
