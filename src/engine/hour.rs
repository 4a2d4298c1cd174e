//! The last hour's spend, second by second.
//!
//! Calls are not kept one by one: a busy hour has tens of thousands, and all that is asked is what a session, or everybody,
//! spent in it. What a second cost takes the same room however many calls there were.

use std::collections::{BTreeMap, HashMap};

use crate::model::time::HOUR;
use crate::model::{Cost, Millis};

use super::snapshot::Burn;

/// What is summed up.
const SECOND: Millis = 1000;

/// When the last hour begins, to the second.
pub(super) fn since(now: Millis) -> Millis {
    second(now - HOUR)
}

/// The second that an instant falls in.
const fn second(at: Millis) -> Millis {
    at.div_euclid(SECOND) * SECOND
}

/// What each session spent in the last hour.
#[derive(Debug, Default)]
pub(super) struct LastHour(HashMap<i64, BTreeMap<Millis, Cost>>);

impl LastHour {
    /// Adds what a call cost.
    pub(super) fn add(&mut self, at: Millis, session: i64, cost: Cost) {
        *self.0.entry(session).or_default().entry(second(at)).or_default() += cost;
    }

    /// Forgets what was before an instant, and sessions of which there is nothing left.
    pub(super) fn forget_before(&mut self, since: Millis) {
        self.0.retain(|_, seconds| {
            *seconds = seconds.split_off(&second(since));
            !seconds.is_empty()
        });
    }

    /// Forgets what a session spent lately, `unsettled` before the newest: that may have become another sum. Gives from when on
    /// it has to be added again.
    pub(super) fn reopen(&mut self, session: i64, unsettled: Millis, since: Millis) -> Millis {
        let Some(seconds) = self.0.get_mut(&session) else { return since };
        let from = seconds.last_key_value().map_or(since, |(newest, _)| second(*newest - unsettled).max(since));
        drop(seconds.split_off(&from));
        from
    }

    /// What each session spent.
    pub(super) fn costs(&self) -> HashMap<i64, Cost> {
        let sum = |seconds: &BTreeMap<Millis, Cost>| seconds.values().fold(Cost::default(), |sum, cost| sum + *cost);
        self.0.iter().map(|(session, seconds)| (*session, sum(seconds))).collect()
    }

    /// What all of them spent since an instant.
    pub(super) fn burn(&self, since: Millis) -> Burn {
        Burn::of(self.0.values().flatten().map(|(at, cost)| (*at, *cost)), since)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Money;

    fn cost(nanos: i64) -> Cost {
        Cost::priced(Money::from_nanos(nanos))
    }

    #[test]
    fn an_hour_takes_no_more_room_for_more_calls() {
        let now = 10 * HOUR;
        let mut hour = LastHour::default();
        for call in 0..10_000 {
            hour.add(now - HOUR + call * 6, 1, cost(1));
        }
        assert_eq!(hour.0.values().map(BTreeMap::len).sum::<usize>(), 60);
        assert_eq!(hour.costs(), HashMap::from([(1, Cost { priced_calls: 10_000, ..cost(10_000) })]));
        let burn = hour.burn(since(now));
        assert_eq!((burn.last_hour.known.nanos(), burn.buckets[0], burn.buckets[1]), (10_000, 10_000, 0));
        hour.forget_before(since(now + 30_000));
        assert_eq!(hour.costs()[&1].known.nanos(), 5_000);
        hour.forget_before(since(now + 60_000));
        assert!(hour.0.is_empty(), "a session of which nothing is left is forgotten");
    }

    #[test]
    fn what_may_still_change_is_added_again_and_nothing_twice() {
        let mut hour = LastHour::default();
        hour.add(1_500, 1, cost(1));
        hour.add(7_900, 1, cost(2));
        hour.add(9_100, 2, cost(4));
        assert_eq!(hour.reopen(1, 2_000, 0), 5_000);
        hour.add(7_900, 1, cost(3));
        assert_eq!(hour.costs(), HashMap::from([(1, Cost { priced_calls: 2, ..cost(4) }), (2, cost(4))]));
        assert_eq!(hour.reopen(3, 2_000, 700), 700, "of a session that is not known all is read");
    }
}
