//! What GPUs did, hour by hour.

use crate::model::time::HOUR;
use crate::model::{Millis, Money, Window};
use crate::store::gpus::CardRow;
use crate::store::{GpuBook, StoreError};

/// An hour of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HeatCell {
    /// Its use on average, in permille; nothing where that is not known.
    pub used: Option<u16>,
    /// Milliseconds of which that is known.
    pub known: Millis,
    /// Milliseconds that somebody looked at.
    pub seen: Millis,
    /// What it cost for nothing; nothing where no price is known.
    pub idle_cost: Option<Money>,
}

/// The hours of a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeatRow {
    /// The card.
    pub card: CardRow,
    /// Its hours, the oldest first.
    pub cells: Vec<HeatCell>,
}

/// The hours of all cards.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Heat {
    /// When the first hour begins.
    pub from: Millis,
    /// How many hours there are.
    pub hours: usize,
    /// The cards that were seen in that time.
    pub rows: Vec<HeatRow>,
}

/// The last days of all cards, the present hour included.
pub fn heat(book: &GpuBook, now: Millis, days: u32) -> Result<Heat, StoreError> {
    let hours = i64::from(days.clamp(1, 100)) * 24;
    let last = now.div_euclid(HOUR);
    let first = last - hours + 1;
    let found = book.hours(Window { from: first * HOUR, to: (last + 1) * HOUR })?;
    let count = usize::try_from(hours).unwrap_or(0);
    let mut rows = Vec::new();
    for card in book.cards()? {
        let mut cells = vec![HeatCell::default(); count];
        let mut any = false;
        for hour in found.iter().filter(|hour| hour.card == card.id) {
            if let Some(cell) = usize::try_from(hour.hour - first).ok().and_then(|at| cells.get_mut(at)) {
                *cell = HeatCell { used: hour.used, known: hour.known, seen: hour.seen, idle_cost: hour.idle_cost };
                any = true;
            }
        }
        if any {
            rows.push(HeatRow { card, cells });
        }
    }
    Ok(Heat { from: first * HOUR, hours: count, rows })
}

impl HeatRow {
    /// What the card cost for nothing in all these hours.
    #[must_use]
    pub fn idle_cost(&self) -> Option<Money> {
        self.cells.iter().filter_map(|cell| cell.idle_cost).reduce(|a, b| a + b)
    }

    /// Its use on average over the time of which it is known, in permille.
    #[must_use]
    pub fn used(&self) -> Option<u16> {
        let hours = self.cells.iter().filter_map(|cell| Some((i64::from(cell.used?), cell.known)));
        let (sum, known) = hours.fold((0, 0), |(sum, known), (used, millis)| (sum + used * millis, known + millis));
        sum.checked_div(known).and_then(|used| u16::try_from(used).ok())
    }
}
