//! All calls of some sessions in the order of time, each in about a hundred bytes.

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
    tokens: Tokens,
    context: u64,
    nanos: i64,
    searches: u32,
    tier: Tier,
    speed: Speed,
    bits: u8,
}

impl Row {
    fn of(session: u32, model: u32, key: Key, call: &CallRow) -> Row {
        let bit = |is_set: bool, bit: u8| if is_set { bit } else { 0 };
        Row {
            session,
            model,
            at: call.at,
            key,
            task: call.task,
            tokens: call.tokens,
            context: call.context,
            nanos: call.money.map_or(0, Money::nanos),
            searches: call.searches,
            tier: call.tier,
            speed: call.speed,
            bits: bit(call.money.is_some(), PRICED) | bit(call.reported.is_some(), REPORTED) | bit(call.lower_bound, LOWER),
        }
    }

    const fn is(&self, bit: u8) -> bool {
        self.bits & bit != 0
    }

    const fn order(&self) -> Order {
        (self.session, self.at, self.key)
    }

    /// The call as a step.
    pub(super) fn step(&self) -> Step {
        Step {
            at: self.at,
            task: self.task,
            model: self.model,
            tokens: self.tokens,
            context: self.context,
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
pub(super) struct Calls(Vec<Row>);

impl Calls {
    /// Reads them: of few sessions each one's, else all there are, once.
    pub(super) fn gather(store: &Store, few: bool, views: &[SessionView], models: &mut Models<'_>) -> Result<Calls, StoreError> {
        // Said beforehand: a list of a million that grows holds itself twice.
        let all = views.iter().map(|view| view.lifetime.priced_calls + view.lifetime.reported_calls + view.lifetime.unpriced_calls);
        let mut rows = Vec::with_capacity(usize::try_from(all.sum::<u64>()).unwrap_or(0));
        let places: IdMap<u64, u32> = views.iter().map(|view| view.id.cast_unsigned()).zip(0..).collect();
        let mut look = |key: Key, call: &CallRow| {
            if let Some(place) = places.get(&call.session.cast_unsigned()) {
                rows.push(Row::of(*place, models.number(call.model), key, call));
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
        Ok(Calls(rows))
    }

    /// Session by session.
    pub(super) fn by_session(&self) -> impl Iterator<Item = &[Row]> {
        self.0.chunk_by(|a, b| a.session == b.session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_calls_are_a_hundred_megabytes() {
        assert!(size_of::<Row>() <= 104, "{} bytes", size_of::<Row>());
    }
}
