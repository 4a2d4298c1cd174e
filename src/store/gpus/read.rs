//! What cards did, summed up.

use rusqlite::params;

use super::super::StoreError;
use super::{GpuBook, money};
use crate::model::time::MINUTE;
use crate::model::{Millis, Money, Window};

/// What a card did in a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardSums {
    /// The card's number.
    pub card: i64,
    /// Milliseconds busy, idle, reserved, stalled, asleep, lost.
    pub states: [Millis; 6],
    /// Use in permille times milliseconds, and the milliseconds that it is known of.
    pub used: (i64, Millis),
    /// The most that it was used, in permille.
    pub used_most: Option<u16>,
    /// Millijoules.
    pub energy: Option<i64>,
    /// What it cost.
    pub cost: Option<Money>,
    /// The part of it that was for nothing.
    pub idle_cost: Option<Money>,
    /// What more use would have been had for the same money.
    pub underuse: Option<Money>,
    /// Milliseconds for which no price was known.
    pub unpriced: Millis,
    /// The number of the last minute in it.
    pub last: i64,
}

/// An hour of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HourRow {
    /// The card's number.
    pub card: i64,
    /// The hour since 1970.
    pub hour: i64,
    /// Its use on average, in permille; nothing where that is not known.
    pub used: Option<u16>,
    /// Milliseconds of which that is known.
    pub known: Millis,
    /// Milliseconds that somebody looked at.
    pub seen: Millis,
    /// What it cost for nothing.
    pub idle_cost: Option<Money>,
}

/// What a session had of cards.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldSums {
    /// The card's number.
    pub card: i64,
    /// The agent.
    pub agent: String,
    /// The agent's id of the session.
    pub session: String,
    /// Milliseconds.
    pub millis: Millis,
    /// What they cost.
    pub cost: Option<Money>,
    /// The part of it that was for nothing.
    pub idle_cost: Option<Money>,
}

/// The numbers of the minutes that begin in a window.
fn minutes(window: Window) -> (i64, i64) {
    let first = |at: Millis| at.saturating_add(MINUTE - 1).div_euclid(MINUTE);
    (first(window.from), first(window.to))
}

// A card's rows lie together, and those of a window together in it: so questions go from card to card, which `CROSS JOIN` tells
// SQLite not to turn around.
impl GpuBook {
    /// What each card did in a window.
    pub fn sums(&self, window: Window) -> Result<Vec<CardSums>, StoreError> {
        let fail = self.fail("summing up what cards did");
        let (from, to) = minutes(window);
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT card, SUM(busy), SUM(idle), SUM(reserved), SUM(stalled), SUM(asleep), SUM(lost), SUM(used), SUM(used_for),
                        MAX(used_most), SUM(energy), SUM(cost), SUM(idle_cost), SUM(underuse),
                        SUM(CASE WHEN cost IS NULL THEN busy + idle + reserved + stalled + asleep + lost ELSE 0 END), MAX(at)
                 FROM card CROSS JOIN minute ON card = id AND at >= ?1 AND at < ?2 GROUP BY card ORDER BY card",
            )
            .map_err(&fail)?;
        let row = |r: &rusqlite::Row<'_>| {
            Ok(CardSums {
                card: r.get(0)?,
                states: [r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?, r.get(5)?, r.get(6)?],
                used: (r.get(7)?, r.get(8)?),
                used_most: r.get(9)?,
                energy: r.get(10)?,
                cost: money(r.get(11)?),
                idle_cost: money(r.get(12)?),
                underuse: money(r.get(13)?),
                unpriced: r.get(14)?,
                last: r.get(15)?,
            })
        };
        query.query_map(params![from, to], row).map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }

    /// What each card did in each hour of a window.
    pub fn hours(&self, window: Window) -> Result<Vec<HourRow>, StoreError> {
        let fail = self.fail("summing up the hours of cards");
        let (from, to) = minutes(window);
        // One card after the other: its minutes lie together.
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT card.id, minute.at / 60, SUM(used), SUM(used_for), SUM(busy + idle + reserved + stalled + asleep + lost),
                        SUM(idle_cost)
                 FROM card CROSS JOIN minute ON minute.card = card.id AND minute.at >= ?1 AND minute.at < ?2
                 GROUP BY card.id, minute.at / 60 ORDER BY card.id, minute.at / 60",
            )
            .map_err(&fail)?;
        let row = |r: &rusqlite::Row<'_>| {
            let (used, known): (i64, i64) = (r.get(2)?, r.get(3)?);
            let used = used.checked_div(known).and_then(|used| u16::try_from(used).ok());
            Ok(HourRow { card: r.get(0)?, hour: r.get(1)?, used, known, seen: r.get(4)?, idle_cost: money(r.get(5)?) })
        };
        query.query_map(params![from, to], row).map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }

    /// What cards cost in a window, known prices alone, and the part of it that was for nothing; nothing where no card with a
    /// price was looked at. An instance is a part of its card.
    pub fn spent(&self, window: Window) -> Result<Option<(Money, Money)>, StoreError> {
        let (from, to) = minutes(window);
        let (cost, idle): (Option<i64>, Option<i64>) = self
            .conn
            .prepare_cached(
                "SELECT SUM(cost), SUM(idle_cost) FROM card CROSS JOIN minute ON card = id AND at >= ?1 AND at < ?2 WHERE parent IS NULL",
            )
            .and_then(|mut query| query.query_row(params![from, to], |r| Ok((r.get(0)?, r.get(1)?))))
            .map_err(self.fail("summing up what cards cost"))?;
        Ok(cost.map(|cost| (Money::from_nanos(cost), Money::from_nanos(idle.unwrap_or(0)))))
    }

    /// Since which minute a card has done nothing, as far as it was watched without a gap until just now.
    pub fn idle_since(&self, card: i64, now: Millis) -> Result<Option<i64>, StoreError> {
        const GAP: i64 = 2;
        const LOOK_BACK: i64 = 7 * 24 * 60;
        let fail = self.fail("looking up since when a card is idle");
        let last = now.div_euclid(MINUTE);
        let mut query = self
            .conn
            .prepare_cached("SELECT at, busy + stalled + asleep + lost FROM minute WHERE card = ?1 AND at >= ?2 ORDER BY at DESC")
            .map_err(&fail)?;
        let mut rows = query.query(params![card, last - LOOK_BACK]).map_err(&fail)?;
        let mut since = None;
        while let Some(row) = rows.next().map_err(&fail)? {
            let (at, other): (i64, i64) = (row.get(0).map_err(&fail)?, row.get(1).map_err(&fail)?);
            if other > 0 || since.unwrap_or(last) - at > GAP {
                break;
            }
            since = Some(at);
        }
        Ok(since)
    }

    /// Who had which card in a window.
    pub fn held(&self, window: Window) -> Result<Vec<HeldSums>, StoreError> {
        let fail = self.fail("looking up who had which card");
        let (from, to) = minutes(window);
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT card, agent, session, SUM(millis), SUM(cost), SUM(idle_cost)
                 FROM card CROSS JOIN held ON card = id AND at >= ?1 AND at < ?2 GROUP BY card, agent, session",
            )
            .map_err(&fail)?;
        let row = |r: &rusqlite::Row<'_>| {
            Ok(HeldSums {
                card: r.get(0)?,
                agent: r.get(1)?,
                session: r.get(2)?,
                millis: r.get(3)?,
                cost: money(r.get(4)?),
                idle_cost: money(r.get(5)?),
            })
        };
        query.query_map(params![from, to], row).map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }
}
