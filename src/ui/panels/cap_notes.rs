//! What a cap's row has no room for: its raises, who set it, and what of its spend is assumed.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::budgets::Standing;
use crate::engine::Snapshot;
use crate::model::cap::Amount;
use crate::model::text;
use crate::model::time::utc;
use crate::ui::action::Action;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::line::count_of;

use super::frame;

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, area: Rect, buf: &mut Buffer) {
    let caps = app.caps_of(snapshot);
    let Some(standing) = caps.standings.get(app.cap_at(caps)) else {
        frame("", "", Role::Border, &app.theme, area, buf);
        return;
    };
    let raises = caps.raises.iter().filter(|raise| raise.cap == standing.cap.name).count();
    let title = if raises == 0 { "no raises".to_owned() } else { count_of(raises, "raise") };
    let inner = frame(&title, "", Role::Border, &app.theme, area, buf);
    let room = usize::from(inner.width.saturating_sub(2));
    let mut lines = Vec::new();
    for (words, role) in notes(app, snapshot, standing) {
        lines.extend(text::wrap(&words, room).into_iter().map(|line| (line, role)));
    }
    for ((line, role), y) in lines.into_iter().zip(inner.y..inner.bottom()) {
        buf.set_stringn(inner.x + 1, y, line, room, app.theme.style(role));
    }
}

fn notes(app: &App, snapshot: &Snapshot, standing: &Standing) -> Vec<(String, Role)> {
    let mut notes = Vec::new();
    let cap = &standing.cap;
    for raise in app.caps_of(snapshot).raises.iter().filter(|raise| raise.cap == cap.name) {
        let until = utc(raise.until).with_timezone(&app.zone).format("%a %-d %b %H:%M");
        let reason = raise.reason.as_deref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        notes.push((format!("+{} until {until}{reason}", app.currency.amount(raise.by)), Role::Ok));
    }
    if standing.halts() {
        let how = match (&cap.gateway, cap.managed) {
            (Some(_), _) => "whoever looks after the gateway can raise it".to_owned(),
            (None, true) => "your administrator can raise it".to_owned(),
            (None, false) => format!("{} raises it", app.keys.first(Action::Cap)),
        };
        notes.push((format!("Agents are STOPPED by it: {how}."), Role::Over));
    }
    if let Some(gateway) = &cap.gateway {
        notes.push((format!("Held by the gateway {}.", text::shown(gateway)), Role::Text));
    } else if cap.managed {
        notes.push(("Set by this machine's policy.".to_owned(), Role::Text));
    }
    notes.push((text::shown(&cap.words()), Role::Dim));
    if standing.is_assumed() {
        let assumed = app.currency.amount(Amount::money(standing.spend.assumed));
        let calls = count_of(standing.spend.unpriced_calls, "call");
        notes.push((format!("{assumed} of it is assumed for {calls} without a known price"), Role::Warn));
    }
    if let Some(session) = &standing.subject {
        notes.push((format!("as in session {}, which has used up most of it", text::shown(session)), Role::Dim));
    }
    if !cap.notify.is_empty() {
        let levels: Vec<String> = cap.notify.iter().map(|level| format!("{level}%")).collect();
        notes.push((format!("told at {}", levels.join(", ")), Role::Dim));
    }
    notes
}
