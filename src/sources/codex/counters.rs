//! Running totals to single calls.
//!
//! Codex tells the thread's totals and the last call's own use, again at every refresh. A call is what raises the totals.
//! When any of them falls, or they are the last call's alone, a new count has begun and the last call's own use is what was spent; unless they fall a
//! little only and tell an old picture of the same count, which Codex sometimes writes late.

use serde::{Deserialize, Serialize};

use super::history::count_key;
use super::line::{Count, Usage};
use crate::model::Tokens;

/// How many counters are known again when they come once more.
const MOST_SEEN: usize = 16;

/// What is remembered of a thread's counters.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Counters {
    totals: Option<Usage>,
    /// The totals before the last call.
    base: Option<Usage>,
    /// Totals from which the counters fell, until they go on from one or the other.
    fell_from: Option<Usage>,
    /// The last counters met, by their identity: one that comes again is an old picture of them.
    seen: Vec<u64>,
    /// How often the counters have begun anew.
    pub segment: u32,
}

impl Counters {
    /// Whether no counter was met yet.
    pub(super) const fn are_none(&self) -> bool {
        self.totals.is_none()
    }

    /// Whether these totals are those of before and this one call. Of a thread's first totals that cannot be said where they
    /// may be another's.
    pub(super) fn go_on(&self, totals: &Usage, own: &Usage, of_others: bool) -> bool {
        match &self.totals {
            Some(before) => minus(totals, before).as_ref() == Some(own),
            None => !of_others && totals == own,
        }
    }

    /// The totals that are told. Such as cannot be are those of before, and the call that is told beside them.
    pub(super) fn told(&self, count: &Count) -> Option<Usage> {
        count.totals.or_else(|| count.last.filter(|_| count.odd).map(|last| self.and(last)))
    }

    /// The totals after one more call.
    fn and(&self, last: Usage) -> Usage {
        let before = self.totals.unwrap_or_default();
        Usage {
            input: before.input.saturating_add(last.input),
            cached: before.cached.saturating_add(last.cached),
            written: before.written.saturating_add(last.written),
            output: before.output.saturating_add(last.output),
            reasoning: before.reasoning.saturating_add(last.reasoning),
            total: before.total.saturating_add(last.total),
        }
    }

    /// Forgets the totals: those of a history were another thread's.
    pub(super) fn begin_anew(&mut self) {
        (self.totals, self.base) = (None, None);
    }

    /// Takes a counter of a history: the thread's own go on from it.
    pub(super) fn pass_over(&mut self, totals: Usage, last: Option<Usage>) {
        self.totals = Some(totals);
        self.is_old(&totals, last.as_ref());
    }

    /// What the thread used since the last counter, and whether that is more than the last call; `None` when this is no
    /// new call. `inherited` says that a first counter is another thread's, `again` that what the file no longer holds
    /// has been counted.
    pub(super) fn raise(&mut self, totals: Usage, last: Option<Usage>, inherited: bool, again: bool) -> Option<(Usage, bool)> {
        let is_old = self.is_old(&totals, last.as_ref());
        let Some(before) = self.totals.replace(totals) else {
            // After a revert the first totals already hold history, so the last call's own count.
            return if is_old || inherited { None } else { some(last.unwrap_or(totals), false) };
        };
        // Totals that are the last call alone hold nothing of before, however high they are.
        let is_anew = before.total > 0 && totals != before && last == Some(totals);
        if let Some(used) = minus(&totals, &before).filter(|_| !is_anew) {
            let high = self.fell_from.take();
            if used != Usage::default() {
                self.base = Some(before);
            }
            return match last.filter(|l| l.size() < used.size()) {
                Some(last) if again => some(last, false),
                // The counters have climbed back: the low ones were an old picture.
                Some(last) if high.and_then(|high| minus(&totals, &high)) == Some(last) => {
                    self.segment = self.segment.saturating_sub(1);
                    some(last, false)
                }
                more => some(used, more.is_some()),
            };
        }
        // A picture taken while the last call was answered goes on from the same base.
        let base = last.and_then(|last| minus(&totals, &last)).filter(|base| base.total > 0);
        let is_slight = totals.total.saturating_mul(2) > before.total;
        if is_slight && !is_anew && (is_old || base.is_some() && base == self.base) {
            self.totals = Some(before);
            return None;
        }
        (self.fell_from, self.base) = (Some(before), None);
        self.segment = self.segment.wrapping_add(1);
        some(last.unwrap_or(totals), false)
    }

    /// Whether this very counter was met before; remembers it.
    fn is_old(&mut self, totals: &Usage, last: Option<&Usage>) -> bool {
        let identity = count_key(totals, last).0;
        if self.seen.contains(&identity) {
            return true;
        }
        if self.seen.len() >= MOST_SEEN {
            self.seen.remove(0);
        }
        self.seen.push(identity);
        false
    }
}

/// A use that is one.
fn some(used: Usage, gap: bool) -> Option<(Usage, bool)> {
    (used.size() > 0).then_some((used, gap))
}

fn minus(a: &Usage, b: &Usage) -> Option<Usage> {
    Some(Usage {
        input: a.input.checked_sub(b.input)?,
        cached: a.cached.checked_sub(b.cached)?,
        written: a.written.checked_sub(b.written)?,
        output: a.output.checked_sub(b.output)?,
        reasoning: a.reasoning.checked_sub(b.reasoning)?,
        total: a.total.checked_sub(b.total)?,
    })
}

/// Codex counts cached and cache-write tokens inside the input; here every kind is apart.
pub(super) fn normal(used: &Usage) -> Tokens {
    let cache_read = used.cached.min(used.input);
    let written = used.written.min(used.input - cache_read);
    Tokens {
        input: used.input - cache_read - written,
        cache_read,
        cache_write_5m: written,
        cache_write_1h: 0,
        output: used.output,
        reasoning: used.reasoning.min(used.output),
    }
}
