//! Costs as agents report them.

use crate::model::Money;

/// Reads a reported cost. It is a float in the log: digits finer than a nano-dollar are its noise, and are rounded off. What no
/// call can cost is none.
#[must_use]
pub fn parse(text: &str) -> Option<Money> {
    Money::near_usd(text.trim()).filter(|cost| (Money::ZERO..=Money::MOST_OF_A_CALL).contains(cost))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_read_to_the_nano_dollar() {
        let nanos = |text: &str| parse(text).map(Money::nanos);
        assert_eq!(nanos("0.02085"), Some(20_850_000));
        assert_eq!(nanos("0.020849999999999997"), Some(20_850_000));
        assert_eq!(nanos("0.0038400000000000005"), Some(3_840_000));
        assert_eq!(nanos("0"), Some(0));
        assert_eq!(nanos("12"), Some(12_000_000_000));
        assert_eq!(nanos("1.25e-7"), Some(125));
        assert_eq!(nanos("1.23456789012e-4"), Some(123_457));
        assert_eq!(nanos("6e-10"), Some(1));
        assert_eq!(nanos("4.9e-10"), Some(0));
        assert_eq!(nanos("1e-30"), Some(0));
        for text in ["", "x", "-", "1e", "1e99", "NaN", "null", "1.2.3", "-1", "10000.000000001", "9223372036"] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }
}
