//! What a provider says of a plan's limits, beside a counter.

use crate::model::{Batch, Millis, RateLimit};

use super::line::Limit;

/// Keeps what was told at `at`: of each limit the newest word, as its stamp says, even where the clock was set back since.
pub(super) fn keep(limits: &[Limit], at: Millis, out: &mut Batch) {
    for limit in limits {
        let resets_in = || Some(at.saturating_add(i64::try_from(limit.resets_in?).ok()?.saturating_mul(1000)));
        let told = RateLimit {
            session: 0,
            at,
            limit: limit.id.clone(),
            window_minutes: limit.minutes,
            used_permille: limit.used_permille,
            resets_at: limit.resets_at.or_else(resets_in),
            plan: limit.plan.clone(),
        };
        match out.limits.iter_mut().find(|l| l.limit == told.limit && l.window_minutes == told.window_minutes) {
            Some(known) if at < known.at => {}
            Some(known) => *known = told,
            None => out.limits.push(told),
        }
    }
}
