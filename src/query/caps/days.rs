//! What was spent under each cap of the calendar on each of the last days.

use super::{Asking, Read, part};
use crate::budgets;
use crate::model::time::{day_of, start_of};
use crate::model::{Millis, Window};
use crate::store::{Store, StoreError};

/// How many days there are, today included.
pub const DAYS: usize = 30;

/// The days of one cap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Days {
    /// The cap's name.
    pub cap: String,
    /// For each day before today, the oldest first: what had been spent at its end since the cap's span began, in the cap's
    /// unit. That is what stood against the limit then.
    pub spent: Vec<i64>,
}

/// The instants at which the last days begin, the oldest first, today's last.
fn beginnings(asking: &Asking<'_>) -> Vec<Millis> {
    let today = day_of(asking.now, asking.zone);
    let day = |back: u64| today.checked_sub_days(chrono::Days::new(back)).map(|day| start_of(day, asking.zone));
    (0..DAYS as u64).rev().filter_map(day).collect()
}

/// The days of all caps of a day, a week or a month. Today is left out: how a cap stands says it.
pub fn days(store: &Store, asking: &Asking<'_>) -> Result<Vec<Days>, StoreError> {
    let beginnings = beginnings(asking);
    let mut read = Read::new();
    let mut out = Vec::new();
    for cap in asking.caps.iter().filter(|cap| cap.span.is_calendar()) {
        let mut spent = Vec::with_capacity(DAYS);
        let mut sum = 0_i64;
        for (from, to) in beginnings.iter().zip(beginnings.iter().skip(1)) {
            let Some(span) = budgets::window(cap.span, *from, asking.zone, asking.week_start) else { break };
            let mut count = |from, to| -> Result<i64, StoreError> {
                Ok(part(store, asking, cap, Window { from, to }, &mut read)?.in_unit(cap.limit.unit).count)
            };
            if span.from == *from {
                sum = 0;
            } else if spent.is_empty() {
                sum = count(span.from, *from)?;
            }
            sum = sum.saturating_add(count(*from, *to)?);
            spent.push(sum);
        }
        out.push(Days { cap: cap.name.clone(), spent });
    }
    Ok(out)
}
