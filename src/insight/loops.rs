//! How long loops run: tasks as a distribution, and one task placed in it.

use super::spread::Spread;

/// Where the usual ends: values beyond this percentile are rare.
pub const RARE: u32 = 99;
/// Fewer values than this say nothing about what is rare.
pub const ENOUGH: usize = 20;

/// A value at each of the percentiles that are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Points {
    /// Half of the values are not larger.
    pub p50: i64,
    /// 95 % of them are not.
    pub p95: i64,
    /// 99 % of them are not.
    pub p99: i64,
    /// The largest one.
    pub max: i64,
}

impl Points {
    /// Those of a spread; `None` without any value.
    #[must_use]
    pub fn of(spread: &Spread) -> Option<Points> {
        Some(Points { p50: spread.percentile(50)?, p95: spread.percentile(95)?, p99: spread.percentile(RARE)?, max: spread.max()? })
    }
}

/// A bar of a histogram: how many values lie from `from` to `to`, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The smallest value that counts.
    pub from: i64,
    /// The largest one.
    pub to: i64,
    /// How many there are.
    pub count: usize,
}

/// A histogram whose bars double in width: 1, 2, 3-4, 5-8, 9-16 and so on, up to the largest value. Values below 1 count
/// as 1.
#[must_use]
pub fn histogram(spread: &Spread) -> Vec<Bar> {
    let Some(max) = spread.max() else { return Vec::new() };
    let mut bars = Vec::new();
    let (mut from, mut to, mut before) = (1_i64, 1_i64, 0);
    loop {
        let upto = spread.up_to(to);
        bars.push(Bar { from, to, count: upto - before });
        if to >= max {
            return bars;
        }
        (before, from) = (upto, to + 1);
        to = to.saturating_mul(2);
    }
}

/// Where one value stands among others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The value.
    pub value: i64,
    /// How many others there are to compare it with.
    pub among: usize,
    /// The percentiles of the others; `None` where there are too few to tell.
    pub points: Option<Points>,
    /// The share of the others that are smaller, in percent.
    pub above: Option<u32>,
}

impl Place {
    /// Places a value among others.
    #[must_use]
    pub fn of(value: i64, others: &Spread) -> Place {
        let points = Points::of(others).filter(|_| others.count() >= ENOUGH);
        Place { value, among: others.count(), points, above: others.below(value) }
    }

    /// Whether the value is larger than what is rare.
    #[must_use]
    pub fn is_rare(&self) -> bool {
        self.points.is_some_and(|points| self.value > points.p99)
    }

    /// The highest percentile that the value is over, with what stands there: `(99, 41)` for 48 steps over a p99 of 41.
    #[must_use]
    pub fn over(&self) -> Option<(u32, i64)> {
        let points = self.points?;
        [(99, points.p99), (95, points.p95), (50, points.p50)].into_iter().find(|(_, at)| self.value > *at)
    }

    /// In words: `over your p99 of 41`, `within your usual 8`, `too few tasks to compare with`.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.points, self.over()) {
            (None, _) => "too few tasks to compare with".to_owned(),
            (Some(_), Some((percent, at))) => format!("over your p{percent} of {at}"),
            (Some(points), None) => format!("within your usual {}", points.p50),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_double_and_together_hold_every_value() {
        let spread: Spread = [0, 1, 1, 2, 3, 4, 9, 16, 17].into_iter().collect();
        let bars = histogram(&spread);
        let shown: Vec<(i64, i64, usize)> = bars.iter().map(|bar| (bar.from, bar.to, bar.count)).collect();
        assert_eq!(shown, [(1, 1, 3), (2, 2, 1), (3, 4, 2), (5, 8, 0), (9, 16, 2), (17, 32, 1)]);
        assert!(histogram(&Spread::default()).is_empty());
        let huge: Spread = [i64::MAX].into_iter().collect();
        assert_eq!(histogram(&huge).iter().map(|bar| bar.count).sum::<usize>(), 1);
    }

    #[test]
    fn a_task_is_placed_among_others() {
        let others: Spread = (1..=100).collect();
        assert_eq!(Place::of(48, &others).over(), None);
        assert_eq!(Place::of(51, &others).over(), Some((50, 50)));
        assert_eq!(Place::of(99, &others).over(), Some((95, 95)));
        let long = Place::of(120, &others);
        assert_eq!((long.over(), long.above, long.is_rare()), (Some((99, 99)), Some(100), true));
        assert_eq!(long.words(), "over your p99 of 99");
    }

    #[test]
    fn few_tasks_say_nothing() {
        let place = Place::of(500, &(1..20).collect());
        assert_eq!((place.points, place.over(), place.is_rare()), (None, None, false));
    }
}
