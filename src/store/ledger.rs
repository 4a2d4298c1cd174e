//! The ledger: what exists nowhere else. Decisions, overrides of caps, what people have been told already,
//! and what they have said that sessions were for.
//!
//! **Why a file of its own.** Everything in the store can be read again from the agents' logs; this cannot. So it is written
//! with full durability, survives a damaged store that is begun anew, and is small enough for a hook to open in a
//! millisecond. Several processes write it at the same time, a row each.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::beside::{self, Opened, Place};
use super::{StoreError, rescue, seal};
use crate::model::Millis;

/// The ledger's name in the data directory.
pub const FILE: &str = "ledger.db";

/// Nothing of it may be lost, not even with the power.
pub(super) const KIND: beside::Kind = beside::Kind {
    file: FILE,
    // "aifl"
    application: 0x6169_666c,
    migrations: &[
        include_str!("migrations/ledger_0001.sql"),
        include_str!("migrations/ledger_0002.sql"),
        include_str!("migrations/ledger_0003.sql"),
    ],
    synchronous: "FULL",
    opening: "opening the record of caps",
};

/// What was decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A cap was set or changed.
    Set,
    /// A cap was taken away.
    Clear,
    /// A cap was raised for a while.
    Raise,
    /// A level was reached, and the person told.
    Level,
    /// A prompt was blocked.
    BlockPrompt,
    /// A loop was halted between two steps.
    HaltStep,
    /// The proxy refused a call.
    Refuse,
    /// A process was ended by a signal.
    Stop,
    /// A guard could not tell what was spent, and let go or blocked by the setting `on_failure`.
    Failure,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 9] =
        [Kind::Set, Kind::Clear, Kind::Raise, Kind::Level, Kind::BlockPrompt, Kind::HaltStep, Kind::Refuse, Kind::Stop, Kind::Failure];

    /// The word in the ledger and in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Kind::Set => "set",
            Kind::Clear => "clear",
            Kind::Raise => "raise",
            Kind::Level => "level",
            Kind::BlockPrompt => "block-prompt",
            Kind::HaltStep => "halt-step",
            Kind::Refuse => "refuse",
            Kind::Stop => "stop",
            Kind::Failure => "failure",
        }
    }

    fn from_word(word: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// Whether something was kept from going on.
    #[must_use]
    pub const fn stops(self) -> bool {
        matches!(self, Kind::BlockPrompt | Kind::HaltStep | Kind::Refuse | Kind::Stop)
    }
}

/// One decision or override.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Millis,
    /// What.
    pub kind: Kind,
    /// The cap's name.
    pub cap: String,
    /// The agent it met, where it met one.
    pub agent: Option<String>,
    /// The agent's id of the session.
    pub session: Option<String>,
    /// The unit of the amounts, as [`Unit::word`](crate::model::cap::Unit::word) says it: `usd` and `gpu_usd` are in nano-dollars,
    /// all others are counts. Empty where there are no amounts.
    pub unit: String,
    /// What had been spent.
    pub spent: i64,
    /// What was allowed; for a raise, how much more.
    pub amount: i64,
    /// Until when it holds, for a raise.
    pub until: Option<Millis>,
    /// The user who did it, or whose agent it met.
    pub who: String,
    /// Why, in words.
    pub why: Option<String>,
}

/// The open ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(super) conn: Connection,
    place: Place,
}

impl Ledger {
    /// Opens the ledger in `dir`, making it if need be. A statement waits at most `patience` for another process.
    ///
    /// A damaged ledger is moved aside and a new one begun with what its copy and its readable rows hold; the notice says so, and
    /// how much that was.
    pub fn open(dir: &Path, patience: Duration) -> Result<(Ledger, Option<String>), StoreError> {
        let Opened { conn, place, aside } = KIND.open(dir, patience)?;
        let ledger = Ledger { conn, place };
        let notice = aside.map(|aside| {
            let found = rescue::rescue(&ledger.conn, &ledger.place.path, &aside);
            // Decisions have other numbers now than in the copy that was.
            let _ = ledger.keep_copy();
            if std::fs::metadata(&aside).map_or(true, |meta| meta.len() == 0) {
                return format!("the record of caps was gone; {} of its decisions and tags came back from its copy", found.copied);
            }
            format!(
                "the record of caps was damaged and has been moved to {}; of its decisions and tags {} came back from its copy and {} \
                 could be read, what else it held is lost",
                aside.display(),
                found.copied,
                found.read
            )
        });
        Ok((ledger, notice))
    }

    /// Whether its file is another one by now, or gone: it has to be opened anew.
    #[must_use]
    pub fn is_displaced(&self) -> bool {
        self.place.is_displaced()
    }

    /// As [`Ledger::open`], where there is a ledger or the copy of one; for who does not begin one.
    pub fn open_existing(dir: &Path, patience: Duration) -> Result<Option<(Ledger, Option<String>)>, StoreError> {
        let path = dir.join(FILE);
        if path.exists() || rescue::copy_of(&path).exists() { Ledger::open(dir, patience).map(Some) } else { Ok(None) }
    }

    /// Puts back the newest decisions where the log beside the ledger was torn or taken away, and says so. For who has time: not
    /// for a hook.
    pub fn regain(&self) -> Option<String> {
        // What cannot be read is met by who reads it.
        rescue::regain(&self.conn, &self.place.path).ok().and_then(regained)
    }

    /// How far a decision is written through before it counts, as `SQLite` numbers it: 2 is `FULL`.
    #[must_use]
    pub fn durability(&self) -> i64 {
        self.conn.query_row("PRAGMA synchronous", [], |r| r.get(0)).unwrap_or(0)
    }

    /// Makes the copy that a damaged ledger comes back from. For who has time: not for a hook. Gives what is to be said of it, as
    /// [`Ledger::regain`] does: a copy must not be replaced by less than it holds.
    pub fn keep_copy(&self) -> Result<Option<String>, StoreError> {
        // A number that is not the one that was written must not take a sound one's place; it is marked, and mended by the next.
        match self.ask("true", &[]) {
            Err(error) if error.is_damage() => return Ok(None),
            asked => asked?,
        };
        if self.is_displaced() {
            return Ok(None);
        }
        let count = match rescue::regain(&self.conn, &self.place.path).map_err(self.fail("looking what its copy holds")) {
            Err(error) if error.is_damage() => return Ok(None),
            regained => regained?,
        };
        rescue::copy(&self.conn, &self.place).map(|()| regained(count))
    }

    pub(super) fn fail(&self, doing: &'static str) -> impl Fn(rusqlite::Error) -> StoreError + use<> {
        beside::failed(&self.place, doing)
    }

    /// Writes a decision down.
    pub fn record(&self, decision: &Decision) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(
                "INSERT INTO decision (at, kind, cap, agent, session, unit, spent, amount, until, who, why, words)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )
            .and_then(|mut q| {
                q.execute(params![
                    decision.at,
                    decision.kind.word(),
                    decision.cap,
                    decision.agent,
                    decision.session,
                    decision.unit,
                    decision.spent,
                    decision.amount,
                    decision.until,
                    decision.who,
                    decision.why,
                    words(decision.kind.word(), decision)
                ])
            })
            .map(|_| ())
            .map_err(self.fail("writing down a decision"))
    }

    /// The decisions since an instant, the newest first, at most `most`.
    pub fn decisions(&self, since: Millis, most: usize) -> Result<Vec<Decision>, StoreError> {
        self.ask("at >= ?1 ORDER BY at DESC, id DESC LIMIT ?2", params![since, i64::try_from(most).unwrap_or(i64::MAX)])
    }

    /// The raises that hold at an instant, the oldest first.
    pub fn raises(&self, now: Millis) -> Result<Vec<Decision>, StoreError> {
        self.ask("kind = 'raise' AND until > ?1 ORDER BY at, id", params![now])
    }

    fn ask(&self, condition: &str, values: &[&dyn rusqlite::ToSql]) -> Result<Vec<Decision>, StoreError> {
        let fail = self.fail("reading the record of caps");
        let sql = format!("{DECISION} WHERE {condition}");
        let mut query = self.conn.prepare_cached(&sql).map_err(&fail)?;
        let rows = query.query_map(values, decision).map_err(&fail)?;
        rows.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(&fail)
    }

    /// Ends all raises of a cap.
    pub fn end_raises(&self, cap: &str, now: Millis) -> Result<usize, StoreError> {
        self.conn
            .execute("UPDATE decision SET until = ?2 WHERE kind = 'raise' AND cap = ?1 AND until > ?2", params![cap, now])
            .map_err(self.fail("ending raises"))
    }

    /// Whether nobody has been told of this yet; from now on somebody has. `until` says when that may be forgotten.
    pub fn first(&self, key: &str, until: Millis, now: Millis) -> Result<bool, StoreError> {
        let fail = self.fail("remembering what has been told");
        let told: Option<i64> = self
            .conn
            .query_row("SELECT 1 FROM told WHERE key = ?1 AND until > ?2", params![key, now], |r| r.get(0))
            .optional()
            .map_err(&fail)?;
        if told.is_some() {
            return Ok(false);
        }
        self.conn.execute("DELETE FROM told WHERE until <= ?1", [now]).map_err(&fail)?;
        let added = self.conn.execute("INSERT OR IGNORE INTO told VALUES (?1, ?2, ?3)", params![key, now, until]).map_err(&fail)?;
        Ok(added == 1)
    }

    /// Until when it is remembered that somebody has been told of this.
    pub fn until(&self, key: &str, now: Millis) -> Result<Option<Millis>, StoreError> {
        self.conn
            .query_row("SELECT until FROM told WHERE key = ?1 AND until > ?2", params![key, now], |r| r.get(0))
            .optional()
            .map_err(self.fail("looking up what has been told"))
    }

    /// Remembers this until an instant, whatever was remembered of it before.
    pub fn hold(&self, key: &str, until: Millis, now: Millis) -> Result<(), StoreError> {
        let kept = self.conn.execute("INSERT OR REPLACE INTO told VALUES (?1, ?2, ?3)", params![key, now, until]);
        kept.map(|_| ()).map_err(self.fail("remembering what is held back"))
    }

    /// Everything remembered whose key begins so, and until when.
    pub fn held(&self, prefix: &str, now: Millis) -> Result<Vec<(String, Millis)>, StoreError> {
        let fail = self.fail("looking up what is held back");
        let sql = "SELECT key, until FROM told WHERE substr(key, 1, length(?1)) = ?1 AND until > ?2 ORDER BY key";
        let mut query = self.conn.prepare_cached(sql).map_err(&fail)?;
        let rows = query.query_map(params![prefix, now], |r| Ok((r.get(0)?, r.get(1)?))).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// Forgets that somebody has been told of this.
    pub fn forget(&self, key: &str) -> Result<(), StoreError> {
        let gone = self.conn.execute("DELETE FROM told WHERE key = ?1", [key]);
        gone.map(|_| ()).map_err(self.fail("remembering what has been told"))
    }

    /// A number that changes when another process has written.
    #[must_use]
    pub fn data_version(&self) -> i64 {
        self.conn.query_row("PRAGMA data_version", [], |r| r.get(0)).unwrap_or(0)
    }
}

/// What is said of so many decisions that came back.
fn regained(count: usize) -> Option<String> {
    (count > 0).then(|| format!("the record of caps had lost the newest of its decisions; {count} came back from its copy"))
}

/// What [`decision`] reads.
pub(super) const DECISION: &str = "SELECT at, kind, cap, agent, session, unit, spent, amount, until, who, why, seal, words FROM decision";

/// A row; `None` for one of a kind that this release does not know, an error where it is not what was written.
pub(super) fn decision(r: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Decision>> {
    let word: String = r.get(1)?;
    let kind = Kind::from_word(&word);
    let (at, spent, amount, until) = (r.get(0)?, r.get(6)?, r.get(7)?, r.get(8)?);
    seal::check(r.get(11)?, [at, spent, amount, Option::unwrap_or_default(until)])?;
    let found = Decision {
        at,
        kind: kind.unwrap_or(Kind::Failure),
        cap: r.get(2)?,
        agent: r.get(3)?,
        session: r.get(4)?,
        unit: r.get(5)?,
        spent,
        amount,
        until,
        who: r.get(9)?,
        why: r.get(10)?,
    };
    match r.get::<_, Option<i64>>(12)? {
        Some(sealed) if sealed != words(&word, &found) => Err(seal::broken()),
        _ => Ok(kind.is_some().then_some(found)),
    }
}

/// The hash of a decision's texts; `kind` may be a word that this release does not know.
fn words(kind: &str, decision: &Decision) -> i64 {
    let Decision { cap, agent, session, unit, who, why, .. } = decision;
    let texts = [Some(kind), Some(cap), agent.as_deref(), session.as_deref(), Some(unit), Some(who), why.as_deref()];
    seal::words(&texts)
}
