//! The books: what gateways have counted, and how asking them went.
//!
//! **Why a file of its own.** The store is made of this machine's logs, and is begun anew from them when it is damaged; the
//! books are made of what others have counted, and can be asked for again. Neither may stand in the other's way: whoever
//! reads logs holds the store's one lock, while `gateway sync` and a screen may both write here, a transaction an answer.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::StoreError;
use super::beside::{self, Opened, Place};
use crate::model::{Me, Millis};

mod read;
mod sums;
mod write;

pub use read::{Known, Word};
pub use sums::{Extra, SpendSum};

/// The books' name in the data directory.
pub const FILE: &str = "gateways.db";

/// What is lost with the power is asked for again.
pub(super) const KIND: beside::Kind = beside::Kind {
    file: FILE,
    // "aifg"
    application: 0x6169_6667,
    migrations: &[include_str!("migrations/books_0001.sql")],
    synchronous: "NORMAL",
    opening: "opening what gateways have counted",
};

/// The open books.
#[derive(Debug)]
pub struct Books {
    pub(super) conn: Connection,
    place: Place,
}

/// How a gateway stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// Its name in the settings.
    pub name: String,
    /// Its address.
    pub url: String,
    /// What it is.
    pub kind: String,
    /// Whose spend the settings say is one's own.
    pub user: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Whose key is used.
    pub me: Option<Me>,
    /// When it was asked last.
    pub tried_at: Option<Millis>,
    /// When it was last asked with success.
    pub asked_at: Option<Millis>,
    /// What went wrong since.
    pub problem: Option<String>,
    /// When it may be asked again.
    pub not_before: Millis,
    /// The usual time between two rounds; `None` before the first one is whole.
    pub every: Option<Millis>,
    /// How many rounds have failed in a row.
    pub failures: u32,
    /// The number of the last round.
    pub round: i64,
    /// What this key, or this release, does not tell.
    pub cannot: Vec<String>,
}

/// How much the figures of a gateway are worth now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// As new as they should be.
    Fresh,
    /// Older than they should be, and nobody knows why.
    Old,
    /// From before something went wrong.
    Stale,
    /// There are none: it could not be asked.
    Failed,
    /// There are none: it was never asked.
    Never,
}

impl Account {
    /// How much its figures are worth. They are old once two rounds have not come; a minute is for the rounds themselves.
    #[must_use]
    pub fn freshness(&self, now: Millis) -> Freshness {
        const ROUND: Millis = 60_000;
        const USUAL: Millis = 2 * ROUND;
        match (self.asked_at, self.problem.is_some()) {
            (Some(_), true) => Freshness::Stale,
            (None, true) => Freshness::Failed,
            (None, false) => Freshness::Never,
            (Some(at), false) if now - at > 2 * self.every.unwrap_or(USUAL) + ROUND => Freshness::Old,
            (Some(_), false) => Freshness::Fresh,
        }
    }

    /// Whose spend is one's own: as the settings say, else as the key says. A key that sees everybody is not the one that
    /// agents use.
    #[must_use]
    pub fn own_user(&self) -> Option<String> {
        let of_key = || self.me.as_ref().filter(|me| !me.sees_all).and_then(|me| me.user.clone());
        self.user.clone().or_else(of_key)
    }
}

impl Books {
    /// Opens the books in `dir`, making them if need be. Damaged ones are moved aside: everything in them can be asked for
    /// again, which is said.
    pub fn open(dir: &Path, patience: Duration) -> Result<(Books, Option<String>), StoreError> {
        let Opened { conn, place, aside } = KIND.open(dir, patience)?;
        conn.set_prepared_statement_cache_capacity(64);
        let notice = aside
            .map(|aside| format!("what gateways have counted was damaged and has been moved to {}; they are asked anew", aside.display()));
        Ok((Books { conn, place }, notice))
    }

    /// Whether its file is another one by now, or gone: it has to be opened anew.
    #[must_use]
    pub fn is_displaced(&self) -> bool {
        self.place.is_displaced()
    }

    /// Whether a gateway tells single calls, not only sums: it has told some, and this key may see them.
    pub fn tells_calls(&self, account: &Account) -> Result<bool, StoreError> {
        Ok(account.cannot.iter().all(|what| what != "calls") && self.memory(&account.name)?.contains_key("calls"))
    }

    /// Opens the books if there are any.
    pub fn open_existing(dir: &Path, patience: Duration) -> Result<Option<Books>, StoreError> {
        if dir.join(FILE).exists() { Books::open(dir, patience).map(|(books, _)| Some(books)) } else { Ok(None) }
    }

    pub(super) fn fail(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        beside::failed(&self.place, doing)
    }

    /// A number that changes when another connection has written.
    #[must_use]
    pub fn data_version(&self) -> i64 {
        self.conn.query_row("PRAGMA data_version", [], |r| r.get(0)).unwrap_or(0)
    }

    /// How a gateway stands; nothing where it has never been asked.
    pub fn account(&self, name: &str) -> Result<Option<Account>, StoreError> {
        self.conn.query_row(&format!("{ACCOUNT} WHERE name = ?1"), [name], account).optional().map_err(self.fail("looking up a gateway"))
    }

    /// What a gateway wants to be remembered.
    pub fn memory(&self, name: &str) -> Result<std::collections::BTreeMap<String, String>, StoreError> {
        let fail = self.fail("looking up how far a gateway was read");
        let mut query = self.conn.prepare_cached("SELECT name, value FROM memory WHERE gateway = ?1").map_err(&fail)?;
        let rows = query.query_map([name], |r| Ok((r.get(0)?, r.get(1)?))).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// Forgets what a gateway has counted, and how far it was read: another key sees other figures.
    pub fn forget_figures(&mut self, name: &str) -> Result<(), StoreError> {
        let fail = self.fail("forgetting a gateway's figures");
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        empty(&tx, name, &FIGURES).map_err(&fail)?;
        tx.commit().map_err(&fail)
    }

    /// Forgets a gateway and everything that it has counted.
    pub fn forget(&mut self, name: &str) -> Result<(), StoreError> {
        let fail = self.fail("forgetting a gateway");
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        empty(&tx, name, &FIGURES).and_then(|()| empty(&tx, name, &["named", "budget"])).map_err(&fail)?;
        tx.execute("DELETE FROM gateway WHERE name = ?1", params![name]).map_err(&fail)?;
        tx.commit().map_err(&fail)
    }
}

/// Where what a gateway has counted stands, and how far it was read.
const FIGURES: [&str; 5] = ["memory", "day_spend", "tag_spend", "call", "extra"];

fn empty(tx: &Connection, gateway: &str, tables: &[&str]) -> rusqlite::Result<()> {
    tables.iter().try_for_each(|table| tx.execute(&format!("DELETE FROM {table} WHERE gateway = ?1"), [gateway]).map(|_| ()))
}

/// How an account is read.
const ACCOUNT: &str = "SELECT name, url, kind, user, version, me, tried_at, asked_at, problem, not_before, failures, round, cannot,
            (SELECT CAST(m.value AS INTEGER) FROM memory m WHERE m.gateway = gateway.name AND m.name = 'every') FROM gateway";

fn account(r: &rusqlite::Row<'_>) -> rusqlite::Result<Account> {
    let me: Option<String> = r.get(5)?;
    Ok(Account {
        name: r.get(0)?,
        url: r.get(1)?,
        kind: r.get(2)?,
        user: r.get(3)?,
        version: r.get(4)?,
        me: me.as_deref().and_then(read::me),
        tried_at: r.get(6)?,
        asked_at: r.get(7)?,
        problem: r.get(8)?,
        not_before: r.get(9)?,
        failures: r.get(10)?,
        round: r.get(11)?,
        cannot: r.get::<_, String>(12)?.lines().map(str::to_owned).collect(),
        every: r.get(13)?,
    })
}
