//! Exact money: integer nano-dollars, never a float.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Neg, Sub, SubAssign};

/// Nano-dollars in one dollar.
pub const NANOS_PER_USD: i64 = 1_000_000_000;
/// Tokens that a [`Rate`] is quoted for.
pub const TOKENS_PER_RATE: i128 = 1_000_000;

/// An amount of money in nano-dollars (±9.2 billion dollars).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Money(i64);

impl Money {
    /// No money at all. Not the same as an unknown amount, which is `Option::None`.
    pub const ZERO: Money = Money(0);

    /// The most that one model call is believed to have cost: ten thousand dollars, a hundred times what the largest prompt
    /// costs at the dearest model. A log that says more is wrong, and sums of what it says would overflow.
    pub const MOST_OF_A_CALL: Money = Money(10_000 * NANOS_PER_USD);

    /// An amount from nano-dollars.
    #[must_use]
    pub const fn from_nanos(nanos: i64) -> Money {
        Money(nanos)
    }

    /// The amount in nano-dollars.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Reads a decimal number of dollars exactly from its text (`12`, `0.05`, `6.25e-6`).
    ///
    /// `None` when the text is no number, is out of range, or is finer than a nano-dollar.
    #[must_use]
    pub fn parse_usd(text: &str) -> Option<Money> {
        i64::try_from(parse_scaled(text, 9)?).ok().map(Money)
    }

    /// Reads a decimal number of dollars that another program has computed in floating point, from its text: what is finer
    /// than a nano-dollar is rounded, half away from zero. `None` when the text is no number or is out of range.
    #[must_use]
    pub fn near_usd(text: &str) -> Option<Money> {
        Money::near(text, 9)
    }

    /// As [`Money::near_usd`], of cents.
    #[must_use]
    pub fn near_cents(text: &str) -> Option<Money> {
        Money::near(text, 7)
    }

    fn near(text: &str, scale: i32) -> Option<Money> {
        let (value, shift) = parse_decimal(text, scale)?;
        let nanos = match u32::try_from(-i64::from(shift)) {
            Ok(digits) => {
                let unit = 10_i128.checked_pow(digits).unwrap_or(i128::MAX);
                let half = if value < 0 { -(unit / 2) } else { unit / 2 };
                value.checked_add(half)? / unit
            }
            Err(_) => shifted(value, shift)?,
        };
        i64::try_from(nanos).ok().map(Money)
    }

    /// A sum of products of rate and tokens, in nano-dollars × [`TOKENS_PER_RATE`], as money.
    ///
    /// This is the one place where money is rounded: half away from zero, once per model call.
    #[must_use]
    pub fn from_scaled(scaled: i128) -> Money {
        let half = if scaled < 0 { -(TOKENS_PER_RATE / 2) } else { TOKENS_PER_RATE / 2 };
        let nanos = (scaled + half) / TOKENS_PER_RATE;
        Money(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }

    /// This amount times `numerator / denominator`, rounded toward zero; saturates.
    #[must_use]
    pub fn scale(self, numerator: i64, denominator: i64) -> Money {
        if denominator == 0 {
            return Money::ZERO;
        }
        let nanos = i128::from(self.0) * i128::from(numerator) / i128::from(denominator);
        Money(i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX }))
    }

    /// Dollars and cents: `$1,234.50`. Amounts under a cent keep two significant digits (`$0.0042`).
    #[must_use]
    pub fn display(self) -> String {
        let negative = self.0 < 0;
        let nanos = self.0.unsigned_abs();
        let sign = if negative { "-" } else { "" };
        if nanos > 0 && nanos < 10_000_000 {
            return format!("{sign}$0.{}", small_digits(nanos));
        }
        let cents = (nanos + 5_000_000) / 10_000_000;
        format!("{sign}${}.{:02}", grouped(cents / 100), cents % 100)
    }

    /// As [`Money::display`] without the dollar sign and with cents only: for columns that say `$` once.
    #[must_use]
    pub fn cents(self) -> String {
        let negative = self.0 < 0;
        let cents = (self.0.unsigned_abs() + 5_000_000) / 10_000_000;
        format!("{}{}.{:02}", if negative { "-" } else { "" }, grouped(cents / 100), cents % 100)
    }

    /// The exact decimal number of dollars, without trailing zeros: `0.0042`, `12.5`, `0`.
    #[must_use]
    pub fn exact(self) -> String {
        let sign = if self.0 < 0 { "-" } else { "" };
        let nanos = self.0.unsigned_abs();
        let (whole, part) = (nanos / 1_000_000_000, nanos % 1_000_000_000);
        if part == 0 {
            return format!("{sign}{whole}");
        }
        let digits = format!("{part:09}");
        format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.display())
    }
}

impl Add for Money {
    type Output = Money;
    fn add(self, other: Money) -> Money {
        Money(self.0.saturating_add(other.0))
    }
}

impl Sub for Money {
    type Output = Money;
    fn sub(self, other: Money) -> Money {
        Money(self.0.saturating_sub(other.0))
    }
}

impl Neg for Money {
    type Output = Money;
    fn neg(self) -> Money {
        Money(self.0.saturating_neg())
    }
}

impl AddAssign for Money {
    fn add_assign(&mut self, other: Money) {
        *self = *self + other;
    }
}

impl SubAssign for Money {
    fn sub_assign(&mut self, other: Money) {
        *self = *self - other;
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Money>>(iter: I) -> Money {
        iter.fold(Money::ZERO, Add::add)
    }
}

/// A price: nano-dollars per million tokens, so that $0.0375 per million is the integer 37 500 000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rate(u64);

impl Rate {
    /// A rate from nano-dollars per million tokens.
    #[must_use]
    pub const fn from_nanos_per_million(nanos: u64) -> Rate {
        Rate(nanos)
    }

    /// Nano-dollars per million tokens.
    #[must_use]
    pub const fn nanos_per_million(self) -> u64 {
        self.0
    }

    /// Reads dollars per *token* exactly from a number's text, as price tables write them (`6.25e-06`).
    #[must_use]
    pub fn parse_usd_per_token(text: &str) -> Option<Rate> {
        u64::try_from(parse_scaled(text, 15)?).ok().map(Rate)
    }

    /// Reads dollars per *million* tokens exactly from a number's text, as people write them (`6.25`).
    #[must_use]
    pub fn parse_usd_per_million(text: &str) -> Option<Rate> {
        u64::try_from(parse_scaled(text, 9)?).ok().map(Rate)
    }

    /// The price of `tokens`, in nano-dollars × [`TOKENS_PER_RATE`]: not rounded yet.
    #[must_use]
    pub fn scaled(self, tokens: u64) -> i128 {
        i128::from(self.0) * i128::from(tokens)
    }

    /// Dollars per million tokens as people write them: `6.25`.
    #[must_use]
    pub fn per_million(self) -> String {
        Money(i64::try_from(self.0).unwrap_or(i64::MAX)).exact()
    }
}

/// Reads a decimal number exactly as an integer of `10^-scale` units; digits finer than that make it `None`.
fn parse_scaled(text: &str, scale: i32) -> Option<i128> {
    let (mut value, mut shift) = parse_decimal(text, scale)?;
    while shift < 0 {
        if value % 10 != 0 {
            return None;
        }
        value /= 10;
        shift += 1;
    }
    shifted(value, shift)
}

/// A number as an integer and the power of ten that makes it one of `10^-scale` units.
fn parse_decimal(text: &str, scale: i32) -> Option<(i128, i32)> {
    let text = text.trim();
    let (negative, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((m, e)) => (m, e.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && part.is_empty() {
        return None;
    }
    let mut value: i128 = 0;
    for digit in whole.bytes().chain(part.bytes()) {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value.checked_mul(10)?.checked_add(i128::from(digit - b'0'))?;
    }
    let shift = exponent.checked_add(scale)?.checked_sub(i32::try_from(part.len()).ok()?)?;
    Some(if value == 0 { (0, 0) } else { (if negative { -value } else { value }, shift) })
}

/// A number times a power of ten that is not negative.
fn shifted(mut value: i128, mut shift: i32) -> Option<i128> {
    while shift > 0 {
        value = value.checked_mul(10)?;
        shift -= 1;
    }
    Some(value)
}

/// The decimals of an amount under a cent: two significant digits, rounded.
fn small_digits(nanos: u64) -> String {
    let mut unit = 1;
    while nanos / unit >= 100 {
        unit *= 10;
    }
    let rounded = (nanos + unit / 2) / unit * unit;
    format!("{rounded:09}").trim_end_matches('0').to_owned()
}

/// An integer with thousands separators.
#[must_use]
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}
