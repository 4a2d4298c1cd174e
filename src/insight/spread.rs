//! How values spread: percentiles, and the middle of what is usual. In integers, by rank: a percentile is a value that
//! was seen.

/// Values in order, smallest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread(Vec<i64>);

impl FromIterator<i64> for Spread {
    fn from_iter<I: IntoIterator<Item = i64>>(values: I) -> Spread {
        let mut values: Vec<i64> = values.into_iter().collect();
        values.sort_unstable();
        Spread(values)
    }
}

impl Spread {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The values, smallest first.
    #[must_use]
    pub fn values(&self) -> &[i64] {
        &self.0
    }

    /// The smallest value that at least `percent` of all values do not exceed (nearest rank); `None` without any value.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<i64> {
        let rank = (u128::from(percent.min(100)) * self.0.len() as u128).div_ceil(100);
        self.0.get(usize::try_from(rank).ok()?.saturating_sub(1)).copied()
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> Option<i64> {
        self.0.last().copied()
    }

    /// The middle value; of an even number the lower one of both.
    #[must_use]
    pub fn median(&self) -> Option<i64> {
        self.percentile(50)
    }

    /// The median distance from the median: how far values usually are from it, whatever a few far ones do.
    #[must_use]
    pub fn deviation(&self) -> Option<i64> {
        let median = self.median()?;
        self.0.iter().map(|value| value.saturating_sub(median).saturating_abs()).collect::<Spread>().median()
    }

    /// The share of values that are smaller, in percent.
    #[must_use]
    pub fn below(&self, value: i64) -> Option<u32> {
        let smaller = self.0.partition_point(|known| *known < value);
        u32::try_from((smaller * 100).checked_div(self.0.len())?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let spread: Spread = (1..=100).rev().collect();
        assert_eq!([1, 50, 95, 99, 100].map(|p| spread.percentile(p).unwrap()), [1, 50, 95, 99, 100]);
        let few: Spread = [7, 3, 9].into_iter().collect();
        assert_eq!([0, 33, 34, 50, 99].map(|p| few.percentile(p).unwrap()), [3, 3, 7, 7, 9]);
        assert_eq!(Spread::default().percentile(50), None);
    }

    #[test]
    fn a_few_far_values_do_not_move_the_middle() {
        let spread: Spread = [10, 11, 9, 10, 12, 9_000_000].into_iter().collect();
        assert_eq!((spread.median(), spread.deviation()), (Some(10), Some(1)));
        assert_eq!(spread.below(12), Some(66));
    }
}
