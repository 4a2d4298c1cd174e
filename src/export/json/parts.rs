//! The small shapes that all answers are made of: money, costs, tokens, windows.

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::model::time::rfc3339;
use crate::model::{Cost, Money, Rate, Tokens, Window};

/// Dollars as a JSON number with all their decimals and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usd(pub Money);

impl Serialize for Usd {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.exact()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

/// A cost and how sure it is.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct CostJson {
    pub usd: Option<Usd>,
    pub nano_usd: Option<i64>,
    pub basis: &'static str,
    pub lower_bound: bool,
    pub unpriced_calls: u64,
}

/// A cost as the contract writes it.
#[must_use]
pub fn cost(cost: &Cost) -> CostJson {
    let money = cost.money();
    CostJson {
        usd: money.map(Usd),
        nano_usd: money.map(Money::nanos),
        basis: cost.basis().word(),
        lower_bound: cost.is_lower_bound(),
        unpriced_calls: cost.unpriced_calls,
    }
}

/// Token counters, disjoint but for `reasoning`, which is a part of `output`.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct TokensJson {
    pub input: u64,
    pub cache_read: u64,
    pub cache_write_5m: u64,
    pub cache_write_1h: u64,
    pub output: u64,
    pub reasoning: u64,
}

/// Tokens as the contract writes them.
#[must_use]
pub fn tokens(tokens: &Tokens) -> TokensJson {
    TokensJson {
        input: tokens.input,
        cache_read: tokens.cache_read,
        cache_write_5m: tokens.cache_write_5m,
        cache_write_1h: tokens.cache_write_1h,
        output: tokens.output,
        reasoning: tokens.reasoning,
    }
}

/// An amount without further ado, twice as all money.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct MoneyJson {
    pub usd: Usd,
    pub nano_usd: i64,
}

/// An amount as the contract writes it.
#[must_use]
pub const fn money(money: Money) -> MoneyJson {
    MoneyJson { usd: Usd(money), nano_usd: money.nanos() }
}

/// A price per million tokens, twice as all money.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct RateJson {
    pub usd: Box<RawValue>,
    pub nano_usd: u64,
}

/// A rate as JSON; `None` where its digits are no JSON number, which no rate's are.
#[must_use]
pub fn rate(rate: Rate) -> Option<RateJson> {
    Some(RateJson { usd: RawValue::from_string(rate.per_million()).ok()?, nano_usd: rate.nanos_per_million() })
}

/// The window that figures are for; `null` is open.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct WindowJson {
    pub from: Option<String>,
    pub to: Option<String>,
}

/// A window as JSON.
#[must_use]
pub fn window(window: Window) -> WindowJson {
    WindowJson {
        from: (window.from != Window::ALL.from).then(|| rfc3339(window.from)),
        to: (window.to != Window::ALL.to).then(|| rfc3339(window.to)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_written_from_its_digits() {
        for (nanos, text) in [
            (0, "0"),
            (1, "0.000000001"),
            (-1, "-0.000000001"),
            (10_000_000, "0.01"),
            (12_345_678_901_234, "12345.678901234"),
            (i64::MAX, "9223372036.854775807"),
            (i64::MIN, "-9223372036.854775808"),
        ] {
            assert_eq!(serde_json::to_string(&Usd(Money::from_nanos(nanos))).unwrap(), text);
        }
    }

    #[test]
    fn an_unknown_cost_is_null_and_a_part_of_one_is_a_bound() {
        let text = |cost: &Cost| serde_json::to_string(&super::cost(cost)).unwrap();
        assert_eq!(text(&Cost::unknown()), r#"{"usd":null,"nano_usd":null,"basis":"unknown","lower_bound":true,"unpriced_calls":1}"#);
        let mixed = Cost::unknown() + Cost::priced(Money::from_nanos(1_500_000_000));
        assert_eq!(text(&mixed), r#"{"usd":1.5,"nano_usd":1500000000,"basis":"mixed","lower_bound":true,"unpriced_calls":1}"#);
        assert_eq!(text(&Cost::default()), r#"{"usd":0,"nano_usd":0,"basis":"priced","lower_bound":false,"unpriced_calls":0}"#);
    }
}
