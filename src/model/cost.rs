//! What something cost, together with how sure that is.

use std::ops::{Add, AddAssign};

use super::money::Money;

/// Where a cost comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Basis {
    /// The agent or gateway said so itself.
    Reported,
    /// Tokens times the price book's rates.
    Priced,
    /// Some calls one way, some another.
    Mixed,
    /// No call's price is known.
    Unknown,
}

impl Basis {
    /// The word used on screen and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Basis::Reported => "reported",
            Basis::Priced => "priced",
            Basis::Mixed => "mixed",
            Basis::Unknown => "unknown",
        }
    }
}

/// The cost of a number of calls. An unknown price is counted, never taken for zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Cost {
    /// The sum over the calls whose price is known.
    pub known: Money,
    /// Calls priced from the price book.
    pub priced_calls: u64,
    /// Calls whose agent or gateway reported the cost.
    pub reported_calls: u64,
    /// Calls of unknown price.
    pub unpriced_calls: u64,
    /// Calls of known price whose tokens are known to be too low in the log.
    pub lower_bound_calls: u64,
}

impl Cost {
    /// The cost of one call priced from the book.
    #[must_use]
    pub const fn priced(money: Money) -> Cost {
        Cost { known: money, priced_calls: 1, reported_calls: 0, unpriced_calls: 0, lower_bound_calls: 0 }
    }

    /// The cost of one call as reported by its agent.
    #[must_use]
    pub const fn reported(money: Money) -> Cost {
        Cost { known: money, priced_calls: 0, reported_calls: 1, unpriced_calls: 0, lower_bound_calls: 0 }
    }

    /// The cost of one call of a model whose price is not known.
    #[must_use]
    pub const fn unknown() -> Cost {
        Cost { known: Money::ZERO, priced_calls: 0, reported_calls: 0, unpriced_calls: 1, lower_bound_calls: 0 }
    }

    /// The known money, or `None` when there were calls and none of them has a known price.
    #[must_use]
    pub fn money(&self) -> Option<Money> {
        (self.basis() != Basis::Unknown).then_some(self.known)
    }

    /// How the cost came about. No calls at all is a known cost of zero.
    #[must_use]
    pub const fn basis(&self) -> Basis {
        match (self.priced_calls > 0, self.reported_calls > 0, self.unpriced_calls > 0) {
            (_, false, false) => Basis::Priced,
            (false, true, false) => Basis::Reported,
            (false, false, true) => Basis::Unknown,
            _ => Basis::Mixed,
        }
    }

    /// Whether the true cost may be higher: counters known to be too low, or calls without a price.
    #[must_use]
    pub const fn is_lower_bound(&self) -> bool {
        self.lower_bound_calls > 0 || self.unpriced_calls > 0
    }

    /// The share of this in a whole, in per mille; `None` where either is unknown or there is no whole.
    #[must_use]
    pub fn permille_of(&self, whole: &Cost) -> Option<u32> {
        let (part, whole) = (i128::from(self.money()?.nanos()), i128::from(whole.money()?.nanos()));
        u32::try_from((part * 1000 + whole / 2).checked_div(whole)?).ok()
    }

    /// For people: `$1.20`, `≥ $1.20` for a lower bound, `?` when unknown.
    #[must_use]
    pub fn display(&self) -> String {
        match self.money() {
            None => "?".to_owned(),
            Some(money) if self.is_lower_bound() => format!("≥{}", money.display()),
            Some(money) => money.display(),
        }
    }
}

impl Add for Cost {
    type Output = Cost;
    fn add(self, o: Cost) -> Cost {
        Cost {
            known: self.known + o.known,
            priced_calls: self.priced_calls + o.priced_calls,
            reported_calls: self.reported_calls + o.reported_calls,
            unpriced_calls: self.unpriced_calls + o.unpriced_calls,
            lower_bound_calls: self.lower_bound_calls + o.lower_bound_calls,
        }
    }
}

impl AddAssign for Cost {
    fn add_assign(&mut self, other: Cost) {
        *self = *self + other;
    }
}
