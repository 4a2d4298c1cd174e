//! Numbers of others, as the house has them: whole, in small units, and only where they can be true.

use crate::model::gpu::Permille;

/// The largest number that is taken for a count: above it two neighbouring counts are the same `f64`.
const MOST: f64 = 9_007_199_254_740_992.0;
/// A share may be so much too large: whoever averaged it may have rounded.
const SLACK: f64 = 1.05;

/// A count, rounded: nothing where it is negative, endless or no number.
#[must_use]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked the line before")]
pub fn whole(value: f64) -> Option<u64> {
    (value.is_finite() && (0.0..=MOST).contains(&value)).then(|| value.round() as u64)
}

/// A count of a smaller unit: 1.5 W are 1500 mW with `by` 1000.
#[must_use]
pub fn scaled(value: f64, by: f64) -> Option<u64> {
    whole(value * by)
}

/// A share between 0 and 1.
#[must_use]
pub fn ratio(value: f64) -> Option<Permille> {
    let fits = value.is_finite() && (0.0..=SLACK).contains(&value);
    fits.then(|| scaled(value.min(1.0), 1000.0)).flatten().and_then(|permille| Permille::try_from(permille).ok())
}

/// A share between 0 and 100.
#[must_use]
pub fn percent(value: f64) -> Option<Permille> {
    ratio(value / 100.0)
}

/// Degrees: nothing that a card could not have survived.
#[must_use]
#[expect(clippy::cast_possible_truncation, reason = "checked the line before")]
pub fn celsius(value: f64) -> Option<i32> {
    (value.is_finite() && (-60.0..=250.0).contains(&value)).then(|| value.round() as i32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_true_is_not_known() {
        for wrong in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -1.0, 9.223_372_036_854_776e18] {
            assert_eq!((whole(wrong), ratio(wrong), percent(wrong), celsius(wrong.abs() * -1000.0)), (None, None, None, None), "{wrong}");
        }
        assert_eq!((percent(97.4), percent(102.0), percent(140.0), ratio(0.425)), (Some(974), Some(1000), None, Some(425)));
        assert_eq!((scaled(1.5, 1000.0), whole(0.4), celsius(-3.0)), (Some(1500), Some(0), Some(-3)));
    }
}
