//! All calls of some sessions in the order of time, each in eighty bytes.

use crate::insight::waste::Step;
use crate::model::{IdMap, Key, Millis, Money, Speed, Tier, Tokens, Window};
use crate::store::merge::CallRow;
use crate::store::strain::Billing;
use crate::store::{Store, StoreError};

use super::models::Models;
use super::{Order, SessionView};

const PRICED: u8 = 1;
const REPORTED: u8 = 2;
const LOWER: u8 = 4;
/// Its counters are too large for a row, and stand elsewhere.
const WIDE: u8 = 8;

/// A call: what is needed of it, and no more. There may be a million.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The place of its session.
    pub session: u32,
    /// The number of its model.
    pub model: u32,
    at: Millis,
    key: Key,
    task: Key,
    /// Input, read, written for five minutes, for an hour, output, reasoning; and the context left. Of counters that no
    /// real call has, the first is the place in [`Calls::wide`].
    counts: [u32; 7],
    nanos: i64,
    searches: u32,
    tier: Tier,
    speed: Speed,
    bits: u8,
}

impl Row {
    fn of(session: u32, model: u32, key: Key, call: &CallRow, wide: &mut Vec<(Tokens, u64)>) -> Row {
        let t = &call.tokens;
        let all = [t.input, t.cache_read, t.cache_write_5m, t.cache_write_1h, t.output, t.reasoning, call.context];
        let counts = all.map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let is_wide = counts.contains(&u32::MAX);
        let place = u32::try_from(wide.len()).unwrap_or(u32::MAX);
        wide.extend(is_wide.then_some((call.tokens, call.context)));
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        Row {
            session,
            model,
            at: call.at,
            key,
            task: call.task,
            counts: if is_wide { [place, 0, 0, 0, 0, 0, 0] } else { counts },
            nanos: call.money.map_or(0, Money::nanos),
            searches: call.searches,
            tier: call.tier,
            speed: call.speed,
            bits: bit(call.money.is_some(), PRICED)
                | bit(call.reported.is_some(), REPORTED)
                | bit(call.lower_bound, LOWER)
                | bit(is_wide, WIDE),
        }
    }

    const fn is(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    const fn order(&self) -> Order {
        (self.session, self.at, self.key)
    }

    /// Its tokens, and the context it left.
    #[expect(clippy::similar_names, reason = "the two lifetimes of cache writes")]
    fn tokens(&self, wide: &[(Tokens, u64)]) -> (Tokens, u64) {
        let [input, cache_read, cache_write_5m, cache_write_1h, output, reasoning, context] = self.counts.map(u64::from);
        if self.is(WIDE) {
            return self.counts.first().and_then(|place| wide.get(*place as usize)).copied().unwrap_or_default();
        }
        (Tokens { input, cache_read, cache_write_5m, cache_write_1h, output, reasoning }, context)
    }

    /// The call as a step.
    pub(super) fn step(&self, calls: &Calls) -> Step {
        let (tokens, context) = self.tokens(&calls.wide);
        Step {
            at: self.at,
            task: self.task,
            model: self.model,
            tokens,
            context,
            money: self.is(PRICED).then_some(Money::from_nanos(self.nanos)),
            reported: self.is(REPORTED),
            lower_bound: self.is(LOWER),
        }
    }

    /// What else its price depends on.
    pub(super) const fn billing(&self) -> Billing {
        Billing { searches: self.searches, tier: self.tier, speed: self.speed, reported: self.is(REPORTED) }
    }
}

/// The calls, by session and time.
#[derive(Debug)]
pub(super) struct Calls {
    rows: Vec<Row>,
    wide: Vec<(Tokens, u64)>,
}

impl Calls {
    /// Reads them: of few sessions each one's, else all there are, once.
    pub(super) fn gather(store: &Store, few: bool, views: &[SessionView], models: &mut Models<'_>) -> Result<Calls, StoreError> {
        // Said beforehand: a list of a million that grows holds itself twice.
        let all = views.iter().map(|view| view.lifetime.priced_calls + view.lifetime.reported_calls + view.lifetime.unpriced_calls);
        let mut rows = Vec::with_capacity(usize::try_from(all.sum::<u64>()).unwrap_or(0));
        let mut wide = Vec::new();
        let places: IdMap<u64, u32> = views.iter().map(|view| view.id.cast_unsigned()).zip(0..).collect();
        let mut look = |key: Key, call: &CallRow| {
            if let Some(place) = places.get(&call.session.cast_unsigned()) {
                rows.push(Row::of(*place, models.number(call.model), key, call, &mut wide));
            }
        };
        if few {
            for view in views {
                store.each_call_of(view.id, &mut look)?;
            }
        } else {
            store.each_call(Window::ALL, look)?;
        }
        rows.sort_unstable_by_key(Row::order);
        Ok(Calls { rows, wide })
    }

    /// Session by session.
    pub(super) fn by_session(&self) -> impl Iterator<Item = &[Row]> {
        self.rows.chunk_by(|a, b| a.session == b.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_calls_are_eighty_megabytes() {
        assert!(size_of::<Row>() <= 80, "{} bytes", size_of::<Row>());
    }

    #[test]
    fn counters_of_every_size_come_back() {
        let call = |input, context| CallRow {
            session: 1,
            task: Key(2),
            at: 3,
            model: 0,
            tokens: Tokens { input, cache_read: 5, cache_write_5m: 6, cache_write_1h: 7, output: 8, reasoning: 9 },
            searches: 0,
            tier: Tier::Standard,
            speed: Speed::default(),
            context,
            sidechain: false,
            lower_bound: false,
            gap: false,
            reported: None,
            money: None,
        };
        let mut calls = Calls { rows: Vec::new(), wide: Vec::new() };
        for (input, context) in [(4, 10), (u64::MAX, 11), (4, u64::from(u32::MAX)), (u64::from(u32::MAX) - 1, 12)] {
            let call = call(input, context);
            let step = Row::of(0, 0, Key(1), &call, &mut calls.wide).step(&calls);
            assert_eq!((step.tokens, step.context), (call.tokens, context));
        }
        assert_eq!(calls.wide.len(), 2);
    }
}
