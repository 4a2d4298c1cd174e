//! A call's cost, taken apart into what it was billed for: each kind of token with its own list price.
//!
//! Cost tools think in charges: so many units of one thing at one price. The parts of a call add up to what the call costs,
//! to the nano-dollar; what a reported cost has been divided by is each part's share at list prices.

use crate::model::{Money, Rate};
use crate::pricing::Rates;
use crate::store::merge::CallRow;

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Meter {
    /// Prompt tokens outside any cache.
    Input,
    /// Prompt tokens served from the cache.
    CacheRead,
    /// Prompt tokens written to the cache for five minutes.
    CacheWrite5m,
    /// Prompt tokens written to the cache for an hour.
    CacheWrite1h,
    /// Tokens the model wrote, reasoning included.
    Output,
    /// Web searches.
    Search,
    /// All tokens of a call whose agent says what it cost, and that no list has a price for.
    Whole,
}

/// One part of what a call costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Charge {
    /// What is counted.
    pub meter: Meter,
    /// How many of it.
    pub quantity: u64,
    /// The list price of a million tokens, or of one search, in [`Charge::UNIT`]s; 0 for what no list has a price for.
    pub unit: i128,
    /// This part of what the call costs.
    pub money: Money,
}

/// A factor of one in per mille. Two of them make nano-dollars [`Charge::UNIT`]s.
const ONE: i128 = 1000;

impl Charge {
    /// List prices are told in parts of a dollar of 10 to the power of minus this: no surcharge makes them inexact.
    pub const UNIT: u32 = 15;
    /// Amounts at list prices are told in parts of a dollar of 10 to the power of minus this.
    pub const AMOUNT: u32 = 21;
}

impl Meter {
    /// Whether its list price is one of a million.
    #[must_use]
    pub const fn is_tokens(self) -> bool {
        !matches!(self, Meter::Search)
    }

    /// What so many of it cost at a list price: in parts of a dollar of 10 to the power of minus [`Charge::AMOUNT`].
    #[must_use]
    pub fn amount(self, unit: i128, quantity: u64) -> i128 {
        unit.saturating_mul(i128::from(quantity)).saturating_mul(if self.is_tokens() { 1 } else { 1_000_000 })
    }
}

/// The parts of a call that costs `money`, by the rates of its model if there are any. What was not used is no part.
#[must_use]
pub fn of(call: &CallRow, money: Money, rates: Option<&Rates>) -> Vec<Charge> {
    let mut parts = rates.and_then(|rates| at_list(call, rates)).unwrap_or_default();
    let total = parts.iter().fold(0_i128, |sum, part| sum.saturating_add(part.meter.amount(part.unit, part.quantity)));
    if total == 0 && money != Money::ZERO {
        return vec![Charge { meter: Meter::Whole, quantity: call.tokens.total(), unit: 0, money }];
    }
    // Each part ends where the sum up to it ends: rounding never adds up.
    let (mut reached, mut given) = (0_i128, 0_i64);
    for part in &mut parts {
        reached = reached.saturating_add(part.meter.amount(part.unit, part.quantity));
        let upto = share(money, reached, total);
        part.money = Money::from_nanos(upto.saturating_sub(given));
        given = upto;
    }
    parts
}

/// `money × reached ÷ total`, rounded down.
fn share(money: Money, reached: i128, total: i128) -> i64 {
    if total == 0 || reached == total {
        return money.nanos();
    }
    let (mut reached, mut total) = (reached, total);
    // Amounts of broken logs: a share of them needs no 38 digits.
    while reached > i128::from(i64::MAX) {
        (reached, total) = (reached / 10, total / 10);
    }
    i64::try_from(i128::from(money.nanos()) * reached / total.max(1)).unwrap_or(i64::MAX)
}

/// The parts at list prices; nothing where the list cannot tell one of them.
fn at_list(call: &CallRow, rates: &Rates) -> Option<Vec<Charge>> {
    let fast = if call.speed.fast { i128::from(rates.fast_permille?) } else { ONE };
    let here = rates.us_permille.filter(|_| call.speed.us_only).map_or(ONE, i128::from);
    let at = rates.effective(call.billed_prompt(), call.tier);
    let tokens = &call.tokens;
    let part = |meter, quantity: u64, rate: Rate| {
        let unit = i128::from(rate.nanos_per_million()).saturating_mul(fast.saturating_mul(here));
        Charge { meter, quantity, unit, money: Money::ZERO }
    };
    let mut parts = vec![
        part(Meter::Input, tokens.input, at.input),
        part(Meter::CacheRead, tokens.cache_read, at.cache_read),
        part(Meter::CacheWrite5m, tokens.cache_write_5m, at.cache_write_5m),
        part(Meter::CacheWrite1h, tokens.cache_write_1h, at.cache_write_1h),
        part(Meter::Output, tokens.output, at.output),
    ];
    if call.searches > 0 {
        let unit = i128::from(rates.search_fee?.nanos()).saturating_mul(ONE * ONE);
        parts.push(Charge { meter: Meter::Search, quantity: u64::from(call.searches), unit, money: Money::ZERO });
    }
    parts.retain(|part| part.quantity > 0);
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Key, Speed, Tier, Tokens};

    fn call() -> CallRow {
        CallRow {
            session: 1,
            task: Key(1),
            at: 0,
            model: 1,
            tokens: Tokens { input: 1001, cache_read: 7, cache_write_5m: 3, cache_write_1h: 0, output: 333, reasoning: 100 },
            searches: 0,
            tier: Tier::Standard,
            speed: Speed::default(),
            context: 0,
            sidechain: false,
            lower_bound: false,
            gap: false,
            reported: None,
            money: None,
        }
    }

    fn rates() -> Rates {
        let rate = |text| Rate::parse_usd_per_million(text).unwrap();
        let mut rates = Rates::new(rate("3"), rate("15"));
        (rates.cache_read, rates.fast_permille, rates.us_permille) = (Some(rate("0.0375")), Some(6000), Some(1100));
        rates
    }

    fn sum(parts: &[Charge]) -> Money {
        parts.iter().map(|part| part.money).sum()
    }

    #[test]
    fn parts_have_list_prices_and_add_up_to_the_cost_of_the_call() {
        let call = call();
        let cost = rates().cost(&call.tokens, 0, call.tier, call.speed).unwrap();
        let parts = of(&call, cost, Some(&rates()));
        let seen: Vec<_> = parts.iter().map(|part| (part.meter, part.quantity, part.unit)).collect();
        let dollar = 10_i128.pow(Charge::UNIT);
        assert_eq!(
            seen,
            [
                (Meter::Input, 1001, 3 * dollar),
                (Meter::CacheRead, 7, dollar * 375 / 10_000),
                (Meter::CacheWrite5m, 3, 3 * dollar),
                (Meter::Output, 333, 15 * dollar),
            ]
        );
        assert_eq!(sum(&parts), cost);
    }

    #[test]
    fn surcharges_are_part_of_the_list_price() {
        let call = CallRow { speed: Speed { fast: true, us_only: true }, ..call() };
        let cost = rates().cost(&call.tokens, 0, call.tier, call.speed).unwrap();
        let parts = of(&call, cost, Some(&rates()));
        assert_eq!(parts[0].unit, 10_i128.pow(Charge::UNIT) * 198 / 10, "3 × 6 × 1.1");
        assert_eq!(sum(&parts), cost);
    }

    #[test]
    fn a_reported_cost_is_divided_as_list_prices_would() {
        let parts = of(&call(), Money::from_nanos(1_000_000_007), Some(&rates()));
        assert_eq!(sum(&parts).nanos(), 1_000_000_007);
        assert!(parts[3].money > parts[0].money, "the output cost more: {parts:?}");
    }

    #[test]
    fn what_no_list_can_tell_is_one_part() {
        let cost = Money::from_nanos(5);
        let whole = [Charge { meter: Meter::Whole, quantity: 1344, unit: 0, money: cost }];
        assert_eq!(of(&call(), cost, None), whole);
        assert_eq!(of(&CallRow { searches: 2, ..call() }, cost, Some(&rates())), whole, "no fee is known");
        assert_eq!(of(&call(), Money::ZERO, None), []);
    }

    #[test]
    fn counters_of_a_broken_log_do_not_overflow() {
        let tokens = Tokens { input: u64::MAX, output: u64::MAX, ..Tokens::default() };
        let parts = of(&CallRow { tokens, ..call() }, Money::from_nanos(i64::MAX), Some(&rates()));
        assert_eq!(sum(&parts).nanos(), i64::MAX);
    }
}
