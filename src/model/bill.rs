//! What one call is billed at, and the price of a part of it: exact, and rounded so that parts sum to the whole.
//!
//! A call is rounded once. So the price of a part is what the running sum of the parts, rounded as a whole would be, grows
//! by with it: each part is at most a nano-dollar off, and all of them together are the call's price to the nano-dollar.

use super::money::{Money, Rate, TOKENS_PER_RATE};
use super::tokens::Tokens;

/// The rates that one particular call is billed at, all gaps filled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Effective {
    /// Prompt tokens outside any cache.
    pub input: Rate,
    /// Tokens the model wrote, reasoning included.
    pub output: Rate,
    /// Prompt tokens served from the cache.
    pub cache_read: Rate,
    /// Prompt tokens written to the five-minute cache.
    pub cache_write_5m: Rate,
    /// Prompt tokens written to the one-hour cache.
    pub cache_write_1h: Rate,
}

/// How one call is billed: its rates, what multiplies all of them, and its fees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bill {
    /// The rates.
    pub rates: Effective,
    factor: i128,
    divisor: i128,
    fees: i128,
}

impl Bill {
    /// A bill at these rates, without surcharges or fees.
    #[must_use]
    pub const fn new(rates: Effective) -> Bill {
        Bill { rates, factor: 1, divisor: TOKENS_PER_RATE, fees: 0 }
    }

    /// With a surcharge on all rates, in per mille of them.
    #[must_use]
    pub fn times(self, permille: u32) -> Bill {
        Bill { factor: self.factor * i128::from(permille), divisor: self.divisor * 1000, ..self }
    }

    /// With a fee for each of so many web searches.
    #[must_use]
    pub fn with_fees(self, fee: Money, searches: u32) -> Bill {
        Bill { fees: i128::from(fee.nanos()).saturating_mul(i128::from(searches)), ..self }
    }

    /// What the call costs: exact to the nano-dollar and rounded once, half up.
    #[must_use]
    pub fn cost(&self, tokens: &Tokens) -> Money {
        let sum = [
            (self.rates.input, tokens.input),
            (self.rates.output, tokens.output),
            (self.rates.cache_read, tokens.cache_read),
            (self.rates.cache_write_5m, tokens.cache_write_5m),
            (self.rates.cache_write_1h, tokens.cache_write_1h),
        ]
        .into_iter()
        .fold(0_i128, |sum, (rate, count)| sum.saturating_add(scaled(rate, count)));
        money(self.nanos(sum).saturating_add(self.fees))
    }

    /// A rate with the bill's surcharges: a million tokens, in parts of a dollar of 10 to the power of minus 15. Exact, for
    /// there are two surcharges at most.
    #[must_use]
    pub fn unit(&self, rate: Rate) -> i128 {
        let surcharges = self.divisor / TOKENS_PER_RATE;
        i128::from(rate.nanos_per_million()).saturating_mul(self.factor).saturating_mul(1_000_000 / surcharges.max(1))
    }

    fn nanos(&self, sum: i128) -> i128 {
        rounded(sum.saturating_mul(self.factor), self.divisor)
    }

    /// Takes the call apart, which cost `paid` in all. That is its price as a rule; where the agent told another cost, each
    /// part has its share of that.
    ///
    /// `None` where there is nothing to share it out by: a cost below zero, or any cost of what is free by its price.
    #[must_use]
    pub fn meter(&self, tokens: &Tokens, paid: Money) -> Option<Meter> {
        let price = i128::from(self.cost(tokens).nanos());
        let paid = i128::from(paid.nanos());
        if paid < 0 || price <= 0 && paid != price {
            return None;
        }
        Some(Meter { bill: *self, price, paid, sum: 0, told: 0 })
    }
}

/// Gives the prices of a call's parts, one after the other.
#[derive(Debug, Clone, Copy)]
pub struct Meter {
    bill: Bill,
    price: i128,
    paid: i128,
    sum: i128,
    told: i128,
}

impl Meter {
    /// The price of so many more tokens at this rate.
    pub fn take(&mut self, rate: Rate, tokens: u64) -> Money {
        self.sum = self.sum.saturating_add(scaled(rate, tokens));
        self.up_to(self.bill.nanos(self.sum))
    }

    /// The fees; taken last.
    pub fn fees(&mut self) -> Money {
        self.up_to(self.bill.nanos(self.sum).saturating_add(self.bill.fees))
    }

    fn up_to(&mut self, nanos: i128) -> Money {
        let nanos = nanos.min(self.price);
        let share = if self.paid == self.price { nanos } else { nanos * self.paid / self.price.max(1) };
        let part = share - self.told;
        self.told = share;
        money(part)
    }
}

fn money(nanos: i128) -> Money {
    Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

/// As [`Rate::scaled`], but even the counters of a broken log cannot overflow it.
fn scaled(rate: Rate, tokens: u64) -> i128 {
    i128::from(rate.nanos_per_million()).saturating_mul(i128::from(tokens))
}

/// A quotient of non-negative numbers, rounded half up: the one rounding of a call.
const fn rounded(value: i128, divisor: i128) -> i128 {
    let (whole, rest) = (value / divisor, value % divisor);
    if rest >= divisor - rest { whole + 1 } else { whole }
}
