//! Packed rows that a transaction works on: each is fetched once, and written back once, at its end.

use rusqlite::Connection;

use crate::model::{Key, KeyMap, KeySet};

use super::pack::{self, Found, Packed};
use super::trail::{self, Step};

/// The rows met since the transaction began.
#[derive(Debug)]
pub(super) struct Shelf<R> {
    places: KeyMap<usize>,
    rows: Vec<Kept<R>>,
    /// All keys in the table, while a store that was empty is filled: what is not among them is new, and the table need
    /// not be asked.
    stored: Option<KeySet>,
    /// Keys that were written last: they come to the others when somebody asks, which nobody does at the end.
    written: KeyMap<usize>,
}

#[derive(Debug)]
struct Kept<R> {
    key: Key,
    row: R,
    state: State,
}

/// How what is kept differs from what the table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Same,
    Changed,
    /// The table has none, or one of another session or time.
    New,
    /// It is to be taken out of the table.
    Gone,
}

impl<R> Default for Shelf<R> {
    fn default() -> Shelf<R> {
        Shelf { places: KeyMap::default(), rows: Vec::new(), stored: None, written: KeyMap::default() }
    }
}

impl<R: Packed> Shelf<R> {
    /// Says that the table is empty, and only filled from here.
    pub(super) fn begin_empty(&mut self) {
        self.stored = Some(KeySet::default());
    }

    /// Whether all keys of the table are known.
    pub(super) fn knows_all(&self) -> bool {
        self.stored.is_some()
    }

    /// How many rows it holds.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Forgets which keys there are.
    pub(super) fn forget_keys(&mut self) {
        self.stored = None;
        self.written = KeyMap::default();
    }

    /// The row of a key, or nothing, or that it is not to be touched.
    pub(super) fn find(&mut self, tx: &Connection, key: Key) -> rusqlite::Result<Found<&mut R>> {
        let place = match self.places.get(&key).copied() {
            Some(place) => place,
            None if self.is_new(key) => return Ok(Found::Nothing),
            None => match pack::find::<R>(tx, key)? {
                Found::Row(row) => self.put(key, row, State::Same),
                Found::Nothing => return Ok(Found::Nothing),
                Found::Foreign => return Ok(Found::Foreign),
            },
        };
        let kept = self.rows.get_mut(place).filter(|kept| kept.state != State::Gone);
        Ok(kept.map_or(Found::Nothing, |kept| Found::Row(&mut kept.row)))
    }

    /// Whether the table is known not to hold a key.
    fn is_new(&mut self, key: Key) -> bool {
        let Some(stored) = &mut self.stored else { return false };
        stored.extend(std::mem::take(&mut self.written).into_keys());
        !stored.contains(&key)
    }

    fn put(&mut self, key: Key, row: R, state: State) -> usize {
        let place = self.rows.len();
        self.places.insert(key, place);
        self.rows.push(Kept { key, row, state });
        place
    }

    /// Adds a row whose key [`Shelf::find`] did not find.
    pub(super) fn add(&mut self, key: Key, row: R) {
        match self.places.get(&key).and_then(|place| self.rows.get_mut(*place)) {
            Some(gone) => *gone = Kept { key, row, state: State::New },
            None => _ = self.put(key, row, State::New),
        }
    }

    /// Takes out a row that [`Shelf::find`] has found.
    pub(super) fn remove(&mut self, key: Key) {
        if let Some(kept) = self.places.get(&key).and_then(|place| self.rows.get_mut(*place)) {
            kept.state = State::Gone;
        }
    }

    /// Puts another version in the place of a row that [`Shelf::find`] has found.
    pub(super) fn change(&mut self, key: Key, row: R) {
        if let Some(kept) = self.places.get(&key).and_then(|place| self.rows.get_mut(*place)) {
            if kept.state == State::Same {
                kept.state = State::Changed;
            }
            if kept.row.step() != row.step() {
                kept.state = State::New;
            }
            kept.row = row;
        }
    }

    /// Session, time and key of all rows whose session and time the table does not know.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step> {
        self.rows.iter().filter(|kept| kept.state == State::New).map(|kept| {
            let (session, at) = kept.row.step();
            (session, at, kept.key)
        })
    }

    /// Writes what has changed, and clears the shelf.
    pub(super) fn store(&mut self, tx: &Connection) -> rusqlite::Result<()> {
        if R::HAS_TRAIL {
            trail::add(tx, self.steps().collect())?;
        }
        let rows = std::mem::take(&mut self.rows);
        let places = std::mem::take(&mut self.places);
        if self.stored.is_some() {
            self.is_new(Key(0)); // what was written before this
            self.written = places;
        }
        for gone in rows.iter().filter(|kept| kept.state == State::Gone) {
            pack::remove::<R>(tx, gone.key)?;
        }
        let is_news = |kept: &&Kept<R>| matches!(kept.state, State::Changed | State::New);
        pack::save(tx, rows.iter().filter(is_news).map(|kept| (kept.key, &kept.row)).collect())
    }
}
