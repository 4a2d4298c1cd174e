//! The first line: what today costs, how fast, where it will end, and who is at work.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use crate::budgets::{Standing, foremost};
use crate::engine::Snapshot;
use crate::engine::gpus::words::percent;
use crate::model::cap::{Span, Unit};
use crate::model::{Basis, Cost, Millis, text};
use crate::query::forecast::Midnight;
use crate::store::books::Freshness;
use crate::ui::app::App;
use crate::ui::theme::Role;
use crate::ui::widgets::bars::{Fold, bars};
use crate::ui::widgets::gauge::{gauge, role};
use crate::ui::widgets::line::{Pieces, count_of};

/// The width of the sparkline.
const SPARK: u16 = 15;

/// A piece of the line.
type Piece = (String, Role);

/// What is on the line: everything, less what has left for want of room.
struct Parts {
    title: Option<Piece>,
    today: Vec<Piece>,
    /// The cap that binds: the widest first, each with less than the one before.
    gauge: Vec<Vec<Piece>>,
    rate: Option<Piece>,
    spark: u16,
    projection: Option<Piece>,
    by: Option<Piece>,
    unpriced: Option<Piece>,
    frozen: Option<Piece>,
    /// How much GPUs are used, and what they have cost.
    gpu: Option<Piece>,
    /// How gateways stand.
    gateway: Option<Piece>,
    live: Piece,
    /// The same in fewer words.
    live_short: Option<Piece>,
}

impl Parts {
    fn left(&self) -> impl Iterator<Item = &Piece> {
        self.title.iter().chain(&self.today).chain(self.gauge.first().into_iter().flatten()).chain(&self.rate)
    }

    fn middle(&self) -> impl Iterator<Item = &Piece> {
        self.projection.iter().chain(&self.by)
    }

    fn right(&self) -> impl Iterator<Item = &Piece> {
        self.unpriced.iter().chain(&self.frozen).chain(&self.gpu).chain(&self.gateway).chain(std::iter::once(&self.live))
    }

    fn width(&self) -> usize {
        let pieces = self.left().chain(self.middle()).chain(self.right());
        pieces.map(|(piece, _)| text::columns(piece)).sum::<usize>() + usize::from(self.spark) + 1
    }

    /// Takes away what matters least of what is left; whole, since a part of an amount is another amount.
    fn shorten(&mut self) -> bool {
        if self.spark > 0 {
            self.spark = if self.spark > SPARK / 2 { SPARK / 2 } else { 0 };
            return true;
        }
        // The bar shrinks first, and leaves before any amount does; what stops agents stays in a word.
        if self.gauge.len() > GAUGE_FIGURES + 1 {
            self.gauge.remove(0);
            return true;
        }
        if [&mut self.by, &mut self.gateway, &mut self.unpriced, &mut self.title, &mut self.gpu]
            .into_iter()
            .find_map(Option::take)
            .is_some()
        {
            return true;
        }
        if self.gauge.len() > GAUGE_FIGURES {
            self.gauge.remove(0);
            return true;
        }
        if [&mut self.projection, &mut self.rate].into_iter().find_map(Option::take).is_some() {
            return true;
        }
        if self.gauge.len() > 1 {
            self.gauge.remove(0);
            return true;
        }
        if self.today.len() > 1 && self.today.pop().is_some() {
            return true;
        }
        self.live_short.take().is_some_and(|short| {
            self.live = short;
            true
        })
    }
}

/// The last shapes of the gauge, which have no bar: figures, the percentage alone, and nothing or a word.
const GAUGE_FIGURES: usize = 3;
/// The cells of the bar, where there is room and where there is less.
const CELLS: [u16; 2] = [16, 8];

/// The cap that binds in all its shapes, the widest first.
fn shapes(app: &App, standing: &Standing) -> Vec<Vec<Piece>> {
    let cap = &standing.cap;
    let role = role(standing);
    let mark = standing.mark();
    let percent = format!("{mark}{}%", standing.permille() / 10);
    let limit = app.currency.amount(standing.allowed());
    // Today's spend stands before the gauge already.
    let is_today = cap.span == Span::Day && cap.scope.is_everything() && cap.limit.unit == Unit::Money;
    let of = if is_today {
        format!(" of {limit}")
    } else {
        format!(" {mark}{} of {limit} {}", app.currency.amount(standing.spent()), text::shown(&cap.name))
    };
    let stopped = standing.halts().then(|| (" STOPPED".to_owned(), Role::Over));
    let figures = [(format!(" {percent}"), role), (of, Role::Text)];
    let with_bar = |cells: u16| -> Vec<Piece> {
        let (full, rest) = gauge(standing.permille(), cells);
        let bar = [(" ▐".to_owned(), Role::Dim), (full, role), (rest, Role::Dim), ("▌".to_owned(), Role::Dim)];
        stopped.iter().cloned().chain(bar).chain(figures.iter().cloned()).collect()
    };
    let plain = |parts: &[Piece]| -> Vec<Piece> { stopped.iter().chain(parts).cloned().collect() };
    CELLS.into_iter().map(with_bar).chain([plain(&figures), plain(&figures[..1]), plain(&[])]).collect()
}

/// Whether what gateways say is as new as it should be.
fn gateway(snapshot: &Snapshot, now: Millis) -> Option<Piece> {
    let stale = snapshot.gateways.iter().filter(|account| account.freshness(now) != Freshness::Fresh).count();
    match (snapshot.gateways.len(), stale) {
        (0, _) => None,
        (_, 0) => Some((" gw ✓ ".to_owned(), Role::Ok)),
        (_, _) => Some((" gw ✗ ".to_owned(), Role::Warn)),
    }
}

/// How much the GPUs are used, and what they have cost today: beside the agents' spend, never in it.
fn gpu(app: &App, is_roomy: bool) -> Option<Piece> {
    let picture = &app.gpu_picture;
    if picture.cards.is_empty() {
        return None;
    }
    let cost = picture.cost_today().filter(|_| is_roomy).map_or_else(String::new, |cost| format!(" {}", app.currency.show(cost)));
    let is_waste = picture.whole().any(|card| card.state.is_waste());
    Some((format!(" GPU {}{cost} ", percent(picture.used())), if is_waste { Role::Warn } else { Role::Gpu }))
}

/// The width from which the range of the forecast is said, too.
const RANGE: u16 = 140;

/// What stands behind the forecast.
fn by_midnight(app: &App, to: &Midnight, width: u16) -> String {
    match width {
        RANGE.. => format!(" ({} – {}) by midnight", app.currency.show(to.low), app.currency.show(to.high)),
        _ => " by midnight".to_owned(),
    }
}

/// Draws it.
pub fn draw(app: &App, snapshot: &Snapshot, now: Millis, area: Rect, buf: &mut Buffer) {
    let money = |cost: &Cost| app.currency.cost(cost);
    let today = snapshot.today.cost();
    let burn = &snapshot.burn;
    let roomy = area.width >= 100;
    let mut amount = vec![(format!(" {}", money(&today)), Role::Spend), (" today".to_owned(), Role::Dim)];
    if today.basis() == Basis::Unknown {
        amount.push((" (no prices known)".to_owned(), Role::Warn));
    }
    let live_role = if snapshot.live > 0 { Role::Working } else { Role::Dim };
    let mut parts = Parts {
        title: Some((" aifinops ".to_owned(), Role::Title)),
        today: amount,
        gauge: foremost(&snapshot.caps.standings).map(|standing| shapes(app, standing)).unwrap_or_default(),
        rate: Some((format!("   {}/h ", money(&burn.last_hour)), Role::Spend)),
        spark: if roomy { SPARK } else { SPARK / 2 },
        projection: snapshot.projection.map(|to| (format!("  → {}", money(&to.cost())), Role::Text)),
        by: snapshot.projection.filter(|_| roomy).map(|to| (by_midnight(app, &to, area.width), Role::Text)),
        unpriced: Some((format!("{} unpriced ", count_of(today.unpriced_calls, "call")), Role::Warn))
            .filter(|_| today.unpriced_calls > 0 && roomy),
        frozen: app.frozen.as_ref().map(|_| (" FROZEN ".to_owned(), Role::Warn)),
        gpu: gpu(app, roomy),
        gateway: gateway(snapshot, now),
        live: (format!(" ●{} live ", snapshot.live), live_role),
        live_short: Some((format!(" ●{} ", snapshot.live), live_role)),
    };
    while parts.width() > usize::from(area.width) && parts.shorten() {}

    let mut line = Pieces::default();
    let style = |role| app.theme.style(role);
    for (piece, role) in parts.left() {
        line.left(piece, style(*role));
    }
    let spark_at = area.x.saturating_add(line.width());
    line.left(" ".repeat(usize::from(parts.spark)), style(Role::Text));
    for (piece, role) in parts.middle() {
        line.left(piece, style(*role));
    }
    line.right_together(parts.right().map(|(piece, role)| (piece.clone(), style(*role))).collect());
    line.draw(area, buf);
    if parts.spark > 0 && area.height > 0 {
        bars(&burn.buckets, Fold::Sum, style(Role::Chart), Rect { x: spark_at, y: area.y, width: parts.spark, height: 1 }, buf);
    }
}
