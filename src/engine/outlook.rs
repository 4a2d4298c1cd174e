//! Where today ends and how spend changes over time, for a screen: asked rarely, and kept.
//!
//! What is over changes little. The past that forecasts come from is read once an hour; trends are put together only while
//! somebody looks at them, and neither for more than a small part of the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::insight::forecast::MOST_DAYS;
use crate::model::time::{DAY, HOUR, SLOT};
use crate::model::{Cost, Millis, Window, Zone};
use crate::pricing::Pricer;
use crate::query::forecast::{self, History, Midnight};
use crate::query::trends::{self, Trends};
use crate::store::{Store, StoreError};

/// After a look there is none for so many times as long as it took.
const REST: u32 = 60;
/// Trends that somebody looks at are not put together more often than this.
const PACE: Duration = Duration::from_secs(5);

/// Keeps both.
pub(super) struct Outlook {
    history: Option<History>,
    /// When it was read.
    read_at: Millis,
    /// What it was made of: today's beginning, and how often the days before it had changed.
    days_of: (Millis, i64),
    not_before: Instant,
    /// Whether somebody looks at the trends.
    wanted: bool,
    /// The trends as last put together.
    pub(super) trends: Option<Arc<Trends>>,
    /// The hour that they are of.
    trends_of: Millis,
    trends_are_old: bool,
    trends_not_before: Instant,
}

impl Outlook {
    pub(super) fn new() -> Outlook {
        let now = Instant::now();
        Outlook {
            history: None,
            read_at: 0,
            days_of: (Millis::MIN, 0),
            not_before: now,
            wanted: false,
            trends: None,
            trends_of: Millis::MIN,
            trends_are_old: true,
            trends_not_before: now,
        }
    }

    /// There is news.
    pub(super) fn touch(&mut self) {
        self.trends_are_old = true;
    }

    /// Somebody looks at the trends, or nobody any more.
    pub(super) fn want(&mut self, wanted: bool) {
        self.wanted = wanted;
        // A person waits for them.
        self.trends_not_before = Instant::now();
    }

    /// Where today ends. The past is read anew once an hour, at midnight, and when days that are over have changed.
    pub(super) fn midnight(&mut self, store: &Store, now: Millis, zone: Zone, today: Cost) -> Result<Option<Midnight>, StoreError> {
        let from = Window::today(now, zone).from;
        // Days of UTC, of which the last may have begun before this day here.
        let last = (from + DAY - 1).div_euclid(DAY);
        let first = last - i64::try_from(MOST_DAYS).unwrap_or(0) - 3;
        let days_of = (from, store.changes_of_days((first, last))?);
        let begin = Instant::now();
        let is_due = self.history.is_none() || days_of.0 != self.days_of.0 || !(0..HOUR).contains(&(now - self.read_at));
        if is_due || (days_of != self.days_of && begin >= self.not_before) {
            self.history = Some(forecast::recent(store, now, zone)?);
            (self.read_at, self.days_of) = (now, days_of);
            self.not_before = Instant::now() + begin.elapsed() * REST;
        }
        // Time alone moves it on a quarter of an hour at a time: a figure that always changes is always drawn.
        let quarter = now.div_euclid(SLOT) * SLOT;
        Ok(self.history.as_ref().and_then(|history| forecast::midnight(history, quarter, today)))
    }

    /// Puts the trends together if somebody looks at them and they may have changed.
    pub(super) fn look(&mut self, store: &Store, prices: &mut Pricer, now: Millis, zone: Zone) -> Result<(), StoreError> {
        let hour = now.div_euclid(HOUR);
        let begin = Instant::now();
        let is_due = self.trends_are_old || self.trends_of != hour || self.trends.is_none();
        if !self.wanted || !is_due || begin < self.trends_not_before {
            return Ok(());
        }
        let found = trends::trends(store, prices, now, zone)?;
        (self.trends_are_old, self.trends_of) = (false, hour);
        if self.trends.as_deref() != Some(&found) {
            self.trends = Some(Arc::new(found));
        }
        self.trends_not_before = Instant::now() + (begin.elapsed() * REST).max(PACE);
        Ok(())
    }
}
