//! The cards: what each does, what it costs, and who has it.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::engine::gpus::words::{OFF, UNKNOWN, an_hour, memory, number, percent, state, use_of, watts};
use crate::engine::gpus::{CardView, GpuPicture, SourceState};
use crate::insight::gpu::State;
use crate::model::gpu::Permille;
use crate::model::text;
use crate::ui::app::{App, Hits};
use crate::ui::theme::Role;
use crate::ui::widgets::bars::spark;
use crate::ui::widgets::table::{self, Cell, Column, figures, words};

use super::frame;

/// The columns.
const COLUMNS: [Column; 13] = [
    words("#", 0, 4),
    words("GPU", 0, 26),
    words("STATE", 0, 20),
    words("", 6, 10),
    figures("USED", 0),
    figures("SM", 8),
    figures("MEMORY", 1),
    figures("POWER", 4),
    figures("TEMP", 7),
    figures("$/H", 2),
    figures("IDLE $", 2),
    words("OWNER", 3, 32),
    words("LAST HOUR", 9, 60),
];
/// The cells of the bar, and of the last hour where there is less room and more.
const BAR: u16 = 10;
const HOUR: (usize, usize) = (30, 60);
/// The width from which each minute of the hour has a cell.
const WIDE: u16 = 170;

/// Draws them, and tells where the rows are.
pub fn draw(app: &App, area: Rect, buf: &mut Buffer) -> Hits {
    let mut hits = Hits::default();
    let picture = &*app.gpu_picture;
    let cards = app.gpu_cards();
    let role = if app.gpus.in_processes { Role::Border } else { Role::Focus };
    let sort = format!("by {}{}", app.gpus.sort.name(), if app.gpus.reversed { " ▴" } else { "" });
    let right = match as_of(picture) {
        Some(as_of) => format!("{sort} · list {as_of}"),
        None => sort,
    };
    let inner = frame(&summary(app, picture, usize::from(area.width.saturating_sub(8))), &right, role, &app.theme, area, buf);
    if inner.height < 2 || inner.width < 10 {
        return hits;
    }
    if cards.is_empty() {
        let why = if picture.cards.is_empty() { picture.no_card() } else { "no GPU meets the filter" };
        let room = usize::from(inner.width.saturating_sub(2));
        buf.set_stringn(inner.x + 1, inner.y, why, room, app.theme.style(Role::Dim));
        return hits;
    }
    hits.body = Rect { y: inner.y + 1, height: inner.height - 1, ..inner };
    let height = usize::from(hits.body.height);
    let selected = app.gpu_card_at(&cards);
    let first = if app.gpus.in_processes { 0 } else { app.gpus.first };
    hits.first = first.min(selected).max((selected + 1).saturating_sub(height)).min(cards.len().saturating_sub(height));
    let rows: Vec<Vec<Cell>> =
        cards.iter().map(|card| cells(app, card, picture.at, if area.width >= WIDE { HOUR.1 } else { HOUR.0 })).collect();
    let widths = table::widths(&COLUMNS, &rows, usize::from(inner.width).saturating_sub(3));
    let line = |y: u16| Rect { x: inner.x + 1, y, width: inner.width.saturating_sub(2), height: 1 };
    table::heads(&COLUMNS, &widths, app.theme.style(Role::Header), line(inner.y), buf);
    for ((i, row), y) in rows.iter().enumerate().skip(hits.first).zip(hits.body.y..hits.body.bottom()) {
        table::row(&COLUMNS, &widths, row, line(y), buf);
        if i == selected && app.gpus.card.is_some() {
            buf.set_style(line(y), app.theme.style(Role::Select));
        }
    }
    super::more(&hits, cards.len(), app, buf);
    hits
}

/// `GPUs 4 · 1 busy 1 idle 1 stalled · $7.00/h + 1 unpriced · idle today $2.85 · 41% ▼ 60%`; what has no room leaves.
fn summary(app: &App, picture: &GpuPicture, room: usize) -> String {
    let states: Vec<String> = State::ALL
        .into_iter()
        .filter_map(|state| Some(picture.count(state)).filter(|count| *count > 0).map(|count| format!("{count} {}", state.word())))
        .collect();
    let an_hour = an_hour(picture.per_hour(), |money| app.currency.show(money));
    let mut parts = vec![format!("GPUs {}", picture.whole().count()), states.join(" "), an_hour];
    parts.retain(|part| !part.is_empty());
    let both = picture.idle_today().zip(picture.cost_today());
    parts.extend(both.map(|(idle, cost)| format!("idle today {} of {}", app.currency.show(idle), app.currency.show(cost))));
    parts.extend(picture.used().map(|used| format!("{} used", percent(Some(used)))));
    while parts.len() > 1 && text::columns(&parts.join(" · ")) > room {
        parts.pop();
    }
    parts.join(" · ")
}

/// Of when the list's prices are, where one of them is used.
fn as_of(picture: &GpuPicture) -> Option<&'static str> {
    picture.whole().filter_map(|card| card.price.as_ref()).find_map(|price| price.as_of)
}

/// What a state means on the screen.
pub(super) const fn role(state: State, is_stale: bool) -> Role {
    match state {
        _ if is_stale => Role::Dim,
        State::Busy => Role::Gpu,
        State::Idle | State::Reserved => Role::Warn,
        State::Stalled | State::Lost => Role::Over,
        State::Asleep | State::Unknown => Role::Dim,
    }
}

/// A sign before a state, so that it is not told by colour alone.
const fn sign(state: State) -> &'static str {
    match state {
        State::Busy => "●",
        State::Idle => "○",
        State::Reserved => "◐",
        State::Stalled => "■",
        State::Lost => "✕",
        State::Asleep => "z",
        State::Unknown => "?",
    }
}

fn bar(used: Option<Permille>) -> String {
    let Some(used) = used else { return String::new() };
    let full = usize::from((used * BAR + 500) / 1000);
    "▇".repeat(full) + &"░".repeat(usize::from(BAR).saturating_sub(full))
}

fn cells(app: &App, card: &CardView, at: i64, hour: usize) -> Vec<Cell> {
    let style = |role| app.theme.style(role);
    let reading = &card.reading;
    let host = reading.host.as_deref().map_or_else(String::new, |host| format!("{}/", text::shown(host)));
    let indent = if reading.slice.is_some() { " " } else { "" };
    let uma = if reading.is_unified { " UMA" } else { "" };
    let money = |money: Option<crate::model::Money>| money.map_or_else(|| UNKNOWN.to_owned(), |money| app.currency.show(money));
    let role = role(card.state, card.is_stale);
    let fades = if card.is_stale { Role::Dim } else { Role::Text };
    let throttled = reading.throttle.is_some_and(|throttle| throttle.heat || throttle.hardware);
    let history: Vec<Option<Permille>> = card.history.iter().copied().collect();
    let idle = card.today.idle_cost.filter(|idle| idle.nanos() > 0);
    vec![
        (number(card), style(Role::Dim)),
        (format!("{indent}{host}{}{uma}", text::shown(&card.short_name())), style(fades)),
        (format!("{} {}", sign(card.state), state(card, at)), style(role)),
        (bar(reading.used.filter(|_| !card.is_stale)), style(role)),
        (use_of(reading), style(fades)),
        (reading.sm.map(|sm| percent(Some(sm))).unwrap_or_default(), style(Role::Dim)),
        (memory(reading.memory_used, reading.memory_total), style(fades)),
        (watts(reading.power, reading.power_cap), style(fades)),
        (
            reading.temperature.map_or_else(|| UNKNOWN.to_owned(), |degrees| format!("{degrees}°")),
            style(if throttled { Role::Over } else { Role::Dim }),
        ),
        (money(card.price.as_ref().map(|price| price.per_hour)), style(Role::Text)),
        (money(card.today.idle_cost), style(if idle.is_some() { Role::Spend } else { Role::Dim })),
        (card.owner.as_deref().map(text::shown).unwrap_or_default(), style(Role::Accent)),
        (spark(&history, hour), style(role)),
    ]
}

/// What to do where there is none.
pub fn empty(app: &App, area: Rect, buf: &mut Buffer) {
    let inner = frame("No GPU", "", Role::Focus, &app.theme, area, buf);
    let room = usize::from(inner.width.saturating_sub(2));
    if let Some(why) = app.gpus.instead.or(app.gpu_picture.is_off.then_some(OFF)) {
        for (line, y) in text::wrap(why, room).into_iter().zip(inner.y..inner.bottom()) {
            buf.set_stringn(inner.x + 1, y, line, room, app.theme.style(Role::Text));
        }
        return;
    }
    let waits = app.gpu_picture.sources.iter().any(|source| source.state == SourceState::Waiting) || app.gpu_picture.at == 0;
    let first = if waits { "Looking for GPUs…" } else { app.gpu_picture.no_card() };
    let says = [
        (first, Role::Text),
        (
            "A machine with an exporter (dcgm-exporter, nvidia_gpu_exporter, all-smi, AMD's), a Prometheus, or an inference server (vLLM, \
          SGLang, TGI, llama.cpp, Triton, Ollama) can be asked:",
            Role::Text,
        ),
        ("aifinops config set gpu_hosts.n1 http://n1:9400", Role::Accent),
        ("aifinops doctor gpu says where it was looked, and why nothing was found.", Role::Dim),
    ];
    let fails = app.gpu_picture.sources.iter().filter(|source| matches!(source.state, SourceState::Broken | SourceState::Stale));
    let fails: Vec<(String, Role)> =
        fails.map(|source| (format!("! {}: {}", source.name, source.why.as_deref().unwrap_or_default()), Role::Warn)).collect();
    let mut y = inner.y;
    for (words, role) in says.into_iter().map(|(words, role)| (words.to_owned(), role)).chain(fails) {
        for line in text::wrap(&text::shown(&words), room) {
            if y < inner.bottom() {
                buf.set_stringn(inner.x + 1, y, line, room, app.theme.style(role));
            }
            y = y.saturating_add(1);
        }
    }
}
