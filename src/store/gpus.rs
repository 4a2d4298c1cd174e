//! What GPUs did, minute by minute: kept in a file of its own.
//!
//! **Why a file of its own.** It is neither made of logs nor can anybody be asked for it again, and it is worth less than
//! either: a minute that is lost is a minute without a figure. Several processes may watch the same cards; each writes the
//! minutes that it has seen, and of two that have seen the same one the row of the one that saw more of it stays.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;
use super::beside::{self, Opened, Place};
use crate::model::{Millis, Money};

mod owners;
mod read;
mod serving;

pub use owners::OwnerRow;
pub use read::{CardSums, HeldSums, HourRow};
pub use serving::ServingRow;

/// Its name in the data directory.
pub const FILE: &str = "gpus.db";
/// Minutes are kept for so long.
const KEEP: Millis = 100 * 24 * 60 * 60_000;

pub(super) const KIND: beside::Kind = beside::Kind {
    file: FILE,
    // "aifu"
    application: 0x6169_6675,
    migrations: &[include_str!("migrations/gpus_0001.sql")],
    synchronous: "NORMAL",
    opening: "opening what GPUs did",
};

/// The open file.
#[derive(Debug)]
pub struct GpuBook {
    conn: Connection,
    place: Place,
}

/// A card as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CardRow {
    /// Its number here.
    pub id: i64,
    /// Its host; empty is this machine.
    pub host: String,
    /// What tells it apart.
    pub uid: String,
    /// Its name.
    pub name: String,
    /// Who made it.
    pub vendor: String,
    /// The card that it is a part of.
    pub parent: Option<String>,
    /// When it was last seen.
    pub seen_at: Millis,
}

/// A minute of a card.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MinuteRow {
    /// Its number since 1970.
    pub at: i64,
    /// Milliseconds busy, idle, reserved, stalled, asleep, lost.
    pub states: [Millis; 6],
    /// Use in permille times milliseconds, and the milliseconds that it is known of.
    pub used: (i64, Millis),
    /// The most that it was used, in permille.
    pub used_most: Option<u16>,
    /// Millijoules.
    pub energy: Option<i64>,
    /// The most bytes of memory in use.
    pub memory: Option<i64>,
    /// What it cost.
    pub cost: Option<Money>,
    /// The part of it that was for nothing.
    pub idle_cost: Option<Money>,
    /// What more use would have been had for the same money.
    pub underuse: Option<Money>,
}

/// A minute of a card that a session had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldRow {
    /// The minute's number since 1970.
    pub at: i64,
    /// The agent.
    pub agent: String,
    /// The agent's id of the session.
    pub session: String,
    /// Milliseconds that it had the card.
    pub millis: Millis,
    /// What they cost.
    pub cost: Option<Money>,
    /// The part of it that was for nothing.
    pub idle_cost: Option<Money>,
}

impl GpuBook {
    /// Opens it in `dir`, making it if need be. A damaged one is moved aside, which is said.
    pub fn open(dir: &Path, patience: Duration) -> Result<(GpuBook, Option<String>), StoreError> {
        let Opened { conn, place, aside } = KIND.open(dir, patience)?;
        conn.set_prepared_statement_cache_capacity(32);
        let notice = aside.map(|aside| format!("what GPUs did was damaged and has been moved to {}; it begins anew", aside.display()));
        Ok((GpuBook { conn, place }, notice))
    }

    /// Opens it if there is one.
    pub fn open_existing(dir: &Path, patience: Duration) -> Result<Option<GpuBook>, StoreError> {
        if dir.join(FILE).exists() { GpuBook::open(dir, patience).map(|(book, _)| Some(book)) } else { Ok(None) }
    }

    /// Whether its file is another one by now, or gone: it has to be opened anew.
    #[must_use]
    pub fn is_displaced(&self) -> bool {
        self.place.is_displaced()
    }

    fn fail(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        beside::failed(&self.place, doing)
    }

    /// A number that changes when another connection has written.
    #[must_use]
    pub fn data_version(&self) -> i64 {
        self.conn.query_row("PRAGMA data_version", [], |r| r.get(0)).unwrap_or(0)
    }

    /// Notes that a card is there, and gives its number.
    pub fn note_card(&self, card: &CardRow) -> Result<i64, StoreError> {
        self.conn
            .query_row(
                "INSERT INTO card (host, uid, name, vendor, parent, seen_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (host, uid) DO UPDATE SET name = ?3, vendor = ?4, parent = ?5, seen_at = MAX(seen_at, ?6) RETURNING id",
                params![card.host, card.uid, card.name, card.vendor, card.parent, card.seen_at],
                |r| r.get(0),
            )
            .map_err(self.fail("noting a card"))
    }

    /// The cards that were ever seen.
    pub fn cards(&self) -> Result<Vec<CardRow>, StoreError> {
        let fail = self.fail("listing cards");
        let mut query =
            self.conn.prepare_cached("SELECT id, host, uid, name, vendor, parent, seen_at FROM card ORDER BY host, uid").map_err(&fail)?;
        let row = |r: &rusqlite::Row<'_>| {
            Ok(CardRow {
                id: r.get(0)?,
                host: r.get(1)?,
                uid: r.get(2)?,
                name: r.get(3)?,
                vendor: r.get(4)?,
                parent: r.get(5)?,
                seen_at: r.get(6)?,
            })
        };
        query.query_map([], row).map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }

    /// Writes minutes of a card, and who had it. What another process has seen more of stays.
    pub fn write(&mut self, card: i64, minutes: &[MinuteRow], held: &[HeldRow]) -> Result<(), StoreError> {
        let fail = self.fail("writing down what a card did");
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        for minute in minutes {
            let seen = tx.prepare_cached(SEEN).and_then(|mut query| query.query_row(params![card, minute.at], |r| r.get(0)).optional());
            let seen: Option<Millis> = seen.map_err(&fail)?;
            if seen.is_some_and(|seen| seen >= minute.states.iter().sum()) {
                continue;
            }
            write_minute(&tx, card, minute).map_err(&fail)?;
            tx.execute("DELETE FROM held WHERE card = ?1 AND at = ?2", params![card, minute.at]).map_err(&fail)?;
            for row in held.iter().filter(|row| row.at == minute.at) {
                write_held(&tx, card, row).map_err(&fail)?;
            }
        }
        tx.commit().map_err(&fail)
    }

    /// Forgets what is older than it has to be kept, and cards of which nothing is left.
    pub fn forget_old(&mut self, now: Millis) -> Result<(), StoreError> {
        let fail = self.fail("forgetting what cards did long ago");
        let before = (now - KEEP).div_euclid(crate::model::time::MINUTE);
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        for table in ["minute", "held", "serving"] {
            tx.execute(&format!("DELETE FROM {table} WHERE at < ?1"), [before]).map_err(&fail)?;
        }
        tx.execute("DELETE FROM owner WHERE seen_at < ?1", [now - KEEP]).map_err(&fail)?;
        tx.execute("DELETE FROM card WHERE seen_at < ?1 AND NOT EXISTS (SELECT 1 FROM minute WHERE card = card.id)", [now - KEEP])
            .map_err(&fail)?;
        tx.commit().map_err(&fail)
    }
}

const SEEN: &str = "SELECT busy + idle + reserved + stalled + asleep + lost FROM minute WHERE card = ?1 AND at = ?2";

fn write_minute(tx: &rusqlite::Transaction<'_>, card: i64, minute: &MinuteRow) -> rusqlite::Result<usize> {
    let [busy, idle, reserved, stalled, asleep, lost] = minute.states;
    tx.prepare_cached("INSERT OR REPLACE INTO minute VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)")?
        .execute(params![
            card,
            minute.at,
            busy,
            idle,
            reserved,
            stalled,
            asleep,
            lost,
            minute.used.0,
            minute.used.1,
            minute.used_most,
            minute.energy,
            minute.memory,
            nanos(minute.cost),
            nanos(minute.idle_cost),
            nanos(minute.underuse),
        ])
}

fn write_held(tx: &rusqlite::Transaction<'_>, card: i64, row: &HeldRow) -> rusqlite::Result<usize> {
    tx.prepare_cached("INSERT OR REPLACE INTO held VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?.execute(params![
        card,
        row.at,
        row.agent,
        row.session,
        row.millis,
        nanos(row.cost),
        nanos(row.idle_cost)
    ])
}

fn nanos(money: Option<Money>) -> Option<i64> {
    money.map(Money::nanos)
}

fn money(nanos: Option<i64>) -> Option<Money> {
    nanos.map(Money::from_nanos)
}
