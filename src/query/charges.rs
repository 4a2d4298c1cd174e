//! A call's cost, taken apart into what it was billed for: each kind of token with its own list price.
//!
//! Cost tools think in charges: so many units of one thing at one price. The parts of a call add up to what the call costs,
//! to the nano-dollar; what a reported cost has been divided by is each part's share at list prices.

use crate::model::Money;
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
    let apart = || {
        let rates = rates?;
        let bill = rates.bill(call.billed_prompt(), call.searches, call.tier, call.speed)?;
        Some((bill, rates.search_fee, bill.meter(&call.tokens, money)?))
    };
    let Some((bill, fee, mut prices)) = apart() else {
        let whole = Charge { meter: Meter::Whole, quantity: call.tokens.total(), unit: 0, money };
        return if money == Money::ZERO { Vec::new() } else { vec![whole] };
    };
    let (tokens, at) = (&call.tokens, bill.rates);
    let kinds = [
        (Meter::Input, tokens.input, at.input),
        (Meter::CacheRead, tokens.cache_read, at.cache_read),
        (Meter::CacheWrite5m, tokens.cache_write_5m, at.cache_write_5m),
        (Meter::CacheWrite1h, tokens.cache_write_1h, at.cache_write_1h),
        (Meter::Output, tokens.output, at.output),
    ];
    let used = kinds.into_iter().filter(|(_, quantity, _)| *quantity > 0);
    let mut parts: Vec<Charge> =
        used.map(|(meter, quantity, rate)| Charge { meter, quantity, unit: bill.unit(rate), money: prices.take(rate, quantity) }).collect();
    if let Some(fee) = fee.filter(|_| call.searches > 0) {
        let unit = i128::from(fee.nanos()).saturating_mul(1_000_000);
        parts.push(Charge { meter: Meter::Search, quantity: u64::from(call.searches), unit, money: prices.fees() });
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Key, Rate, Speed, Tier, Tokens};

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
