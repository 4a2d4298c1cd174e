//! How values spread: percentiles, and the middle of what is usual. In integers, by rank: a percentile is a value that
//! was seen.

use std::collections::BTreeMap;

/// How often each value was seen: what a [`Spread`] of many values is made from without keeping all of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Counts(BTreeMap<i64, usize>);

impl Counts {
    /// Counts a value once more.
    pub fn add(&mut self, value: i64) {
        *self.0.entry(value).or_default() += 1;
    }

    /// Takes back a value that was counted.
    pub fn take_back(&mut self, value: i64) {
        if let Some(count) = self.0.get_mut(&value) {
            *count = count.saturating_sub(1);
        }
    }

    /// Counts what another one has counted.
    pub fn merge(&mut self, other: &Counts) {
        for (value, count) in &other.0 {
            *self.0.entry(*value).or_default() += count;
        }
    }
}

impl From<Counts> for Spread {
    fn from(counts: Counts) -> Spread {
        runs(counts.0.into_iter())
    }
}

/// Values in order, smallest first; each with how many are not larger. Lengths of loops are some dozens of values, however many
/// loops there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spread(Vec<(i64, usize)>);

/// Values that rise, each with how often it was seen.
fn runs(values: impl Iterator<Item = (i64, usize)>) -> Spread {
    let mut runs: Vec<(i64, usize)> = Vec::new();
    for (value, count) in values.filter(|(_, count)| *count > 0) {
        let before = runs.last().map_or(0, |(_, upto)| *upto);
        match runs.last_mut() {
            Some((last, upto)) if *last == value => *upto += count,
            _ => runs.push((value, before + count)),
        }
    }
    runs.shrink_to_fit();
    Spread(runs)
}

impl FromIterator<i64> for Spread {
    fn from_iter<I: IntoIterator<Item = i64>>(values: I) -> Spread {
        let mut values: Vec<i64> = values.into_iter().collect();
        values.sort_unstable();
        runs(values.into_iter().map(|value| (value, 1)))
    }
}

impl Spread {
    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.last().map_or(0, |(_, upto)| *upto)
    }

    /// How many are not larger than a value.
    #[must_use]
    pub fn up_to(&self, value: i64) -> usize {
        let after = self.0.partition_point(|(known, _)| *known <= value);
        after.checked_sub(1).and_then(|last| self.0.get(last)).map_or(0, |(_, upto)| *upto)
    }

    /// The smallest value that at least `percent` of all values do not exceed (nearest rank); `None` without any value.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<i64> {
        let rank = (u128::from(percent.min(100)) * self.count() as u128).div_ceil(100);
        let rank = usize::try_from(rank).ok()?.max(1);
        self.0.get(self.0.partition_point(|(_, upto)| *upto < rank)).map(|(value, _)| *value)
    }

    /// The largest value.
    #[must_use]
    pub fn max(&self) -> Option<i64> {
        self.0.last().map(|(value, _)| *value)
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
        let mut before = 0;
        let mut distances: Vec<(i64, usize)> = Vec::with_capacity(self.0.len());
        for (value, upto) in &self.0 {
            distances.push((value.saturating_sub(median).saturating_abs(), upto - before));
            before = *upto;
        }
        distances.sort_unstable();
        runs(distances.into_iter()).median()
    }

    /// The share of values that are smaller, in percent.
    #[must_use]
    pub fn below(&self, value: i64) -> Option<u32> {
        let smaller = value.checked_sub(1).map_or(0, |smaller| self.up_to(smaller));
        u32::try_from((smaller * 100).checked_div(self.count())?).ok()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn counts_and_the_values_themselves_tell_the_same(values in prop::collection::vec(-5..5_i64, 0..60), more in prop::collection::vec(-5..5_i64, 0..9)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let spread: Spread = values.iter().copied().collect();
            let (mut counts, mut others) = (Counts::default(), Counts::default());
            for value in values.iter().chain(&more) {
                counts.add(*value);
            }
            for value in &more {
                counts.take_back(*value);
                others.add(*value);
            }
            prop_assert_eq!(&Spread::from(counts.clone()), &spread);
            for percent in [0, 1, 33, 50, 95, 99, 100] {
                let rank = (percent as usize * sorted.len()).div_ceil(100);
                prop_assert_eq!(spread.percentile(percent), sorted.get(rank.saturating_sub(1)).copied());
            }
            for value in -6..6 {
                prop_assert_eq!(spread.up_to(value), sorted.iter().filter(|known| **known <= value).count());
                let smaller = sorted.iter().filter(|known| **known < value).count();
                prop_assert_eq!(spread.below(value), (smaller * 100).checked_div(sorted.len()).map(|share| u32::try_from(share).unwrap()));
            }
            prop_assert_eq!((spread.count(), spread.max()), (sorted.len(), sorted.last().copied()));
            counts.merge(&others);
            prop_assert_eq!(Spread::from(counts), values.iter().chain(&more).copied().collect::<Spread>());
        }
    }
}
