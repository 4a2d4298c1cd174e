//! The currency that amounts are shown in. Stored money stays in dollars.

use crate::model::cap::{Amount, Unit};
use crate::model::money::{NANOS_PER_USD, grouped};
use crate::model::{Cost, Money};

/// Millionths of a unit in one unit.
const MICROS: u64 = 1_000_000;
/// More units than any currency gives for a dollar, in millionths.
const MOST: u64 = 1_000_000_000 * MICROS;
/// Symbols in common use; other currencies are shown by their code.
const SYMBOLS: &[(&str, &str)] = &[("USD", "$"), ("EUR", "€"), ("GBP", "£"), ("JPY", "¥"), ("INR", "₹"), ("KRW", "₩")];
/// Currencies that have no decimals (ISO 4217).
const WHOLE: &[&str] =
    &["BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"];

/// A currency and its fixed exchange rate.
///
/// The rate is the user's: a number looked up behind their back would make yesterday's figures change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currency {
    /// Three letters, such as `EUR`.
    pub code: String,
    /// What stands before an amount.
    pub symbol: String,
    /// Millionths of a unit for one dollar: 920 000 when a dollar is 0.92 units.
    pub rate: u64,
}

impl Default for Currency {
    /// Dollars.
    fn default() -> Currency {
        Currency { code: "USD".to_owned(), symbol: "$".to_owned(), rate: MICROS }
    }
}

impl Currency {
    /// As [`Money::display`], converted and with this currency's symbol. A currency without decimals is shown without,
    /// but for amounts of less than one unit, which keep their decimals.
    #[must_use]
    pub fn show(&self, money: Money) -> String {
        if let Some((sign, units)) = self.units(money)
            && (units > 0 || money == Money::ZERO)
        {
            return format!("{sign}{}{}", self.symbol, grouped(units));
        }
        self.convert(money).display().replacen('$', &self.symbol, 1)
    }

    /// An amount of whatever a cap counts; money in this currency.
    #[must_use]
    pub fn amount(&self, amount: Amount) -> String {
        match amount.unit {
            Unit::Money => self.show(Money::from_nanos(amount.count)),
            Unit::Gpu => format!("{} GPU", self.show(Money::from_nanos(amount.count))),
            Unit::Tokens | Unit::Steps | Unit::Repeats | Unit::Retries => amount.to_string(),
        }
    }

    /// A cost: `≥` where it is a lower bound, `?` where it is unknown.
    #[must_use]
    pub fn cost(&self, cost: &Cost) -> String {
        match cost.money() {
            None => "?".to_owned(),
            Some(money) if cost.is_lower_bound() => format!("≥{}", self.show(money)),
            Some(money) => self.show(money),
        }
    }

    /// As [`Money::cents`], converted.
    #[must_use]
    pub fn cents(&self, money: Money) -> String {
        if let Some((sign, units)) = self.units(money) {
            return format!("{sign}{}", grouped(units));
        }
        self.convert(money).cents()
    }

    /// Sign and whole units of an amount, in a currency that has nothing smaller.
    fn units(&self, money: Money) -> Option<(&'static str, u64)> {
        if !WHOLE.contains(&self.code.as_str()) {
            return None;
        }
        let nanos = self.convert(money).nanos();
        let units = (nanos.unsigned_abs() + NANOS_PER_USD.unsigned_abs() / 2) / NANOS_PER_USD.unsigned_abs();
        Some((if nanos < 0 && units > 0 { "-" } else { "" }, units))
    }

    /// The amount in this currency's billionths, rounded half away from zero.
    fn convert(&self, money: Money) -> Money {
        if self.rate == MICROS {
            return money;
        }
        Money::from_scaled(i128::from(money.nanos()) * i128::from(self.rate.min(MOST)))
    }

    /// The symbol that a currency has unless the user gives another.
    pub(super) fn usual_symbol(code: &str) -> String {
        SYMBOLS.iter().find(|(known, _)| *known == code).map_or_else(|| format!("{code} "), |(_, symbol)| (*symbol).to_owned())
    }

    /// Reads units per dollar exactly from a number's text.
    pub(super) fn parse_rate(text: &str) -> Option<u64> {
        let nanos = u64::try_from(Money::parse_usd(text)?.nanos()).ok()?;
        let micros = nanos / 1000;
        (nanos.is_multiple_of(1000) && (1..=MOST).contains(&micros)).then_some(micros)
    }

    /// Whether one unit is one dollar.
    pub(super) fn at_par(&self) -> bool {
        self.rate == MICROS
    }

    /// Units per dollar as people write them: `0.92`.
    pub(super) fn rate_text(&self) -> String {
        Money::from_nanos(i64::try_from(self.rate.min(MOST) * 1000).unwrap_or(i64::MAX)).exact()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_a_cap_counts_is_shown_in_the_viewer_s_currency() {
        let euro = Currency { code: "EUR".to_owned(), symbol: "€".to_owned(), rate: MICROS / 2 };
        let amount = |unit| euro.amount(Amount { unit, count: 3 * NANOS_PER_USD });
        assert_eq!((amount(Unit::Money), amount(Unit::Gpu)), ("€1.50".to_owned(), "€1.50 GPU".to_owned()));
        assert_eq!(euro.amount(Amount { unit: Unit::Steps, count: 3 }), "3 steps");
    }
}
