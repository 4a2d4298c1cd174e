//! Costs as agents report them.

use crate::model::Money;

/// Reads a reported cost. It is a float in the log: digits finer than a nano-dollar are its noise, and are rounded off.
#[must_use]
pub fn parse(text: &str) -> Option<Money> {
    Money::parse_usd(text).or_else(|| {
        let (mantissa, exponent) = text.trim().split_once(['e', 'E']).unwrap_or((text.trim(), "0"));
        let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{part}");
        if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        // How many of the digits stand before the ninth decimal's end.
        let kept = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse::<i64>().ok()?)?.checked_add(9)?;
        let Ok(kept) = usize::try_from(kept) else { return Some(Money::ZERO) };
        let (kept, noise) = digits.split_at_checked(kept)?;
        let nanos: i64 = if kept.is_empty() { 0 } else { kept.parse().ok()? };
        nanos.checked_add(i64::from(noise.starts_with(['5', '6', '7', '8', '9']))).map(Money::from_nanos)
    })
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
        for text in ["", "x", "-", "1e", "1e99", "NaN", "null", "1.2.3", "-0.00000000001"] {
            assert_eq!(nanos(text), None, "{text}");
        }
    }
}
