//! What is far from usual: measured by the median and the median deviation, which a few wild days do not move.

use super::spread::Spread;

/// Fewer values than this do not say what is usual.
pub const ENOUGH: usize = 5;

/// A median deviation is so much of what a standard deviation would be for values that spread evenly around the middle:
/// 1.4826, in ten-thousandths.
const TO_STANDARD: i128 = 14_826;

/// Up to where values are usual.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usual {
    /// The middle.
    pub median: i64,
    /// Values above this are far from it.
    pub limit: i64,
}

impl Usual {
    /// The median and so many standard deviations above it, but at least twice the median: where nearly all values are the
    /// same, a small difference is not far. `None` where there are too few values to tell.
    #[must_use]
    pub fn of(values: &Spread, deviations: u32) -> Option<Usual> {
        if values.count() < ENOUGH {
            return None;
        }
        let (median, deviation) = (values.median()?, values.deviation()?);
        let far = i128::from(median) + i128::from(deviation) * i128::from(deviations) * TO_STANDARD / 10_000;
        let limit = far.max(i128::from(median) * 2);
        Some(Usual { median, limit: i64::try_from(limit).unwrap_or(i64::MAX) })
    }
}

/// By how many percent a value is larger than another; negative where it is smaller. `None` where there was nothing.
#[must_use]
pub fn growth(now: i64, before: i64) -> Option<i64> {
    if before <= 0 {
        return None;
    }
    let percent = (i128::from(now) - i128::from(before)) * 100 / i128::from(before);
    i64::try_from(percent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn far_is_measured_by_what_usually_differs() {
        let steady: Spread = [100, 102, 98, 101, 99, 100].into_iter().collect();
        assert_eq!(Usual::of(&steady, 6), Some(Usual { median: 100, limit: 200 }));
        let wild: Spread = [10, 200, 90, 400, 100].into_iter().collect();
        // The distances from 100 are 90, 100, 10, 300, 0: their median is 90.
        assert_eq!(Usual::of(&wild, 6), Some(Usual { median: 100, limit: 100 + 800 }));
        // One wild day does not move it.
        let once: Spread = [100, 102, 98, 101, 99, 90_000].into_iter().collect();
        assert_eq!(Usual::of(&once, 6).map(|usual| usual.limit), Some(200));
        assert_eq!(Usual::of(&[1, 2, 3, 4].into_iter().collect(), 6), None);
    }

    #[test]
    fn growth_is_in_percent() {
        assert_eq!([(150, 100), (100, 100), (50, 100)].map(|(a, b)| growth(a, b)), [Some(50), Some(0), Some(-50)]);
        assert_eq!((growth(1, 0), growth(i64::MAX, 1)), (None, None));
    }
}
