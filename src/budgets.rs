//! Budgets: caps, what was spent, and the verdict. Pure: no clock, no file, no store.
//!
//! **Why so.** The same judgement is asked by the screen, by `cap show`, by the hook inside an agent and by the proxy in
//! front of it. They differ in where the figures come from, never in what the figures mean; so that is decided here, from
//! values alone, and can be tested without any of them.
//!
//! Spend whose price is not known counts at a conservative rate, and says so; a lower bound counts as at least itself.

use chrono::Weekday;

use crate::model::cap::{Amount, Cap, Span, Unit};
use crate::model::{Millis, Money, Rate, Tokens, Window, Zone, time};

mod words;

pub use words::{halt_text, resets, resets_in, spent_text, time_left};

/// From how much of a limit on, in per mille, one is near it.
pub const NEAR: u64 = 800;

/// What was spent under one cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spend {
    /// What is known of the money, reported or priced.
    pub known: Money,
    /// What calls without a known price count for.
    pub assumed: Money,
    /// Calls without a known price.
    pub unpriced_calls: u64,
    /// Whether the true amount is higher than what is known.
    pub lower_bound: bool,
    /// Tokens of all kinds.
    pub tokens: u64,
    /// Model calls.
    pub steps: u64,
    /// How often a task made its most frequent tool call; known for tasks only.
    pub repeats: u64,
    /// Model calls that failed and were tried again; known for sessions and tasks.
    pub retries: u64,
    /// What GPUs' time has cost, which is no part of the money.
    pub gpu: Money,
}

impl Spend {
    /// The money that counts against a cap.
    #[must_use]
    pub fn money(&self) -> Money {
        self.known + self.assumed
    }

    /// The amount in a cap's unit.
    #[must_use]
    pub fn in_unit(&self, unit: Unit) -> Amount {
        let count = match unit {
            Unit::Money => self.money().nanos(),
            Unit::Tokens => i64::try_from(self.tokens).unwrap_or(i64::MAX),
            Unit::Steps => i64::try_from(self.steps).unwrap_or(i64::MAX),
            Unit::Repeats => i64::try_from(self.repeats).unwrap_or(i64::MAX),
            Unit::Retries => i64::try_from(self.retries).unwrap_or(i64::MAX),
            Unit::Gpu => self.gpu.nanos(),
        };
        Amount { unit, count }
    }

    /// Adds what else was spent.
    pub fn add(&mut self, other: &Spend) {
        self.known += other.known;
        self.assumed += other.assumed;
        self.unpriced_calls = self.unpriced_calls.saturating_add(other.unpriced_calls);
        self.lower_bound |= other.lower_bound;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.steps = self.steps.saturating_add(other.steps);
        self.repeats = self.repeats.max(other.repeats);
        self.retries = self.retries.saturating_add(other.retries);
        self.gpu += other.gpu;
    }
}

/// Prices for calls whose model has none, in nano-dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Assumed {
    /// For everything that goes in, however it was cached.
    pub input: Rate,
    /// For everything that comes out.
    pub output: Rate,
}

impl Default for Assumed {
    /// $15 in and $75 out: dearer than nearly everything that coding agents use, so that a cap is met too early rather than
    /// too late.
    fn default() -> Assumed {
        const DOLLAR: u64 = 1_000_000_000;
        Assumed { input: Rate::from_nanos_per_million(15 * DOLLAR), output: Rate::from_nanos_per_million(75 * DOLLAR) }
    }
}

impl Assumed {
    /// What `unpriced` of `calls` calls with these tokens together count for: all of them where none has a price, else
    /// their share, rounded up.
    #[must_use]
    pub fn cost(&self, tokens: &Tokens, unpriced: u64, calls: u64) -> Money {
        if unpriced == 0 || calls == 0 {
            return Money::ZERO;
        }
        let scaled = self.input.scaled(tokens.prompt()) + self.output.scaled(tokens.output);
        let (unpriced, calls) = (i128::from(unpriced.min(calls)), i128::from(calls));
        Money::from_scaled((scaled * unpriced + calls - 1) / calls)
    }
}

/// Money or counts that a person has added to a cap for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raise {
    /// The cap's name.
    pub cap: String,
    /// How much more may be spent.
    pub by: Amount,
    /// When it was granted.
    pub at: Millis,
    /// Until when it holds.
    pub until: Millis,
    /// Why, in the person's words.
    pub reason: Option<String>,
}

/// A cap, its span and what was spent in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// The cap.
    pub cap: Cap,
    /// Its span: the first instant, and the one when it begins anew. All of time for a session or a task.
    pub window: Window,
    /// What was spent in it.
    pub spend: Spend,
    /// What raises in force add to the limit, in the cap's unit.
    pub raised: i64,
    /// The session or task that the figures are of, for caps per session or task.
    pub subject: Option<String>,
}

impl Standing {
    /// When the cap begins anew; nothing for one of a session or a task, and for a gateway's budget that never does.
    #[must_use]
    pub const fn ends(&self) -> Option<Millis> {
        if self.cap.span.is_calendar() && self.window.to != Millis::MAX { Some(self.window.to) } else { None }
    }

    /// What was spent, in the cap's unit.
    #[must_use]
    pub fn spent(&self) -> Amount {
        self.spend.in_unit(self.cap.limit.unit)
    }

    /// What may be spent, raises included.
    #[must_use]
    pub fn allowed(&self) -> Amount {
        Amount { unit: self.cap.limit.unit, count: self.cap.limit.count.saturating_add(self.raised) }
    }

    /// What is left; nothing once the limit is reached.
    #[must_use]
    pub fn left(&self) -> Amount {
        let count = self.allowed().count.saturating_sub(self.spent().count).max(0);
        Amount { unit: self.cap.limit.unit, count }
    }

    /// Whether a part of what was spent is assumed, since its price is not known.
    #[must_use]
    pub fn is_assumed(&self) -> bool {
        self.cap.limit.unit == Unit::Money && self.spend.unpriced_calls > 0
    }

    /// What stands before the amount that was spent: `≥` where it is known to be more, `~` where a part of it is assumed.
    #[must_use]
    pub fn mark(&self) -> &'static str {
        match (self.is_assumed(), self.spend.lower_bound) {
            (true, _) => "~",
            (false, true) => "≥",
            (false, false) => "",
        }
    }

    /// How much of the limit is used, in tenths of a percent.
    #[must_use]
    pub fn permille(&self) -> u64 {
        let (spent, allowed) = (i128::from(self.spent().count.max(0)), i128::from(self.allowed().count.max(1)));
        u64::try_from(spent * 1000 / allowed).unwrap_or(u64::MAX)
    }

    /// Whether it is an experiment's budget, and the experiment is over by the calendar: then nothing may be spent.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.cap.experiment.is_some() && self.allowed().count <= 0
    }

    /// Whether the limit is reached: what is spent next would be too much.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        self.spent().count >= self.allowed().count
    }

    /// Whether it stops what would spend more.
    #[must_use]
    pub fn halts(&self) -> bool {
        self.cap.has_teeth() && self.is_reached()
    }

    /// The highest of the cap's levels that has been reached, in percent. Under a raise only those count that lie above the
    /// limit it has raised: of the others the person has heard.
    #[must_use]
    pub fn level(&self) -> Option<u16> {
        let percent = if self.is_reached() { self.permille().max(1000) / 10 } else { self.permille().min(999) / 10 };
        let is_news = |level: u16| {
            let at = i128::from(self.allowed().count) * i128::from(level) / 100;
            self.raised <= 0 || at > i128::from(self.cap.limit.count)
        };
        self.cap.notify.iter().copied().filter(|level| u64::from(*level) <= percent && is_news(*level)).max()
    }
}

/// The window of a calendar span at an instant; `None` for a session or a task, whose span is their life.
#[must_use]
pub fn window(span: Span, now: Millis, zone: Zone, week_start: Weekday) -> Option<Window> {
    match span {
        Span::Day => Some(Window::today(now, zone)),
        Span::Week => Some(time::week(now, zone, week_start)),
        Span::Month => Some(time::month(now, zone)),
        Span::Session | Span::Task => None,
    }
}

/// What raises in force add to a cap.
#[must_use]
pub fn raised(cap: &Cap, raises: &[Raise], now: Millis) -> i64 {
    let holds = |raise: &&Raise| raise.cap == cap.name && raise.by.unit == cap.limit.unit && now < raise.until && !cap.managed;
    raises.iter().filter(holds).fold(0_i64, |sum, raise| sum.saturating_add(raise.by.count))
}

/// The cap that stops, or would stop first: of those with teeth the one whose limit is used up most.
#[must_use]
pub fn binding(standings: &[Standing]) -> Option<&Standing> {
    standings
        .iter()
        .filter(|s| s.cap.has_teeth())
        .max_by(|a, b| a.permille().cmp(&b.permille()).then_with(|| b.left().count.cmp(&a.left().count)))
}

/// The cap that stops now: where several do, the one that holds longest.
#[must_use]
pub fn verdict(standings: &[Standing]) -> Option<&Standing> {
    standings.iter().filter(|s| s.halts()).max_by_key(|s| s.window.to)
}

/// The cap to speak of: the one that stops, or would stop first; where none stops anything, the fullest.
#[must_use]
pub fn foremost(standings: &[Standing]) -> Option<&Standing> {
    verdict(standings).or_else(|| binding(standings)).or_else(|| standings.iter().max_by_key(|standing| standing.permille()))
}

/// Pairs of caps of which one can never be reached: the second binds always before the first.
#[must_use]
pub fn shadowed(caps: &[Cap]) -> Vec<(&Cap, &Cap)> {
    let order = |span: Span| match span {
        Span::Day => Some(1),
        Span::Week => Some(2),
        Span::Month => Some(3),
        Span::Session | Span::Task => None,
    };
    let shadows = |outer: &Cap, inner: &Cap| {
        let wider = outer.span == inner.span || order(outer.span).zip(order(inner.span)).is_some_and(|(outer, inner)| outer >= inner);
        let same = outer.scope.is_everything() || outer.scope == inner.scope;
        outer.name != inner.name
            && outer.limit.unit == inner.limit.unit
            && outer.has_teeth()
            && wider
            && same
            && outer.limit.count <= inner.limit.count
    };
    let mut out = Vec::new();
    for (i, a) in caps.iter().enumerate() {
        for (j, b) in caps.iter().enumerate() {
            // Of two equal ones only the later is idle.
            if i != j && shadows(b, a) && !(shadows(a, b) && i < j) {
                out.push((a, b));
            }
        }
    }
    out
}
