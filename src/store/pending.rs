//! Calls that a proxy has let through and that no log shows yet. All proxies of a machine see each other's: so two agents
//! at once cannot both use what is left of a cap.

use std::path::Path;

use rusqlite::{TransactionBehavior, params};

use super::StoreError;
use super::ledger::Ledger;
use crate::disk::Lock;
use crate::model::{Millis, Money};

/// A proxy that has ended without a word leaves its calls for so long.
const FORGOTTEN: Millis = 6 * crate::model::time::HOUR;

/// A call that no log shows yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The run that its proxy belongs to.
    pub run: String,
    /// The process of the proxy.
    pub pid: u32,
    /// When it began.
    pub at: Millis,
    /// When it ended; nothing while it runs.
    pub ended_at: Option<Millis>,
    /// The agent's name.
    pub agent: String,
    /// The agent's id of the session, where its requests tell.
    pub session: Option<String>,
    /// The directory that the agent runs in.
    pub cwd: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// What is reserved for it, or what it has cost.
    pub money: Money,
    /// Whether its model has no known price, so that the money is assumed.
    pub unpriced: bool,
    /// Its tokens, reserved or used.
    pub tokens: u64,
}

/// The file that every proxy holds for as long as it runs.
const PROXIES: &str = "proxies.lock";

/// Says that a proxy runs, for as long as the lock is kept.
pub fn announce(dir: &Path) -> Result<Lock, StoreError> {
    let path = dir.join(PROXIES);
    Lock::wait_shared(&path).map_err(|source| StoreError::Create { path, source })
}

/// Whether a proxy may be running: told in microseconds, where opening the ledger to see its calls takes a millisecond.
#[must_use]
pub fn is_announced(dir: &Path) -> bool {
    let path = dir.join(PROXIES);
    path.exists() && !Lock::take(&path).is_ok_and(|alone| alone.is_some())
}

impl Ledger {
    /// Admits a call if `judge` does, with all calls pending before its eyes, and gives the number of its reservation.
    /// Nobody else is admitted meanwhile. What `judge` says no with comes back. What a proxy has left behind that `is_alive` no more
    /// is forgotten after a while; of one that lives it is all that is known of what no log shows.
    pub fn reserve<E>(
        &mut self,
        pending: &Pending,
        is_alive: impl Fn(u32) -> bool,
        judge: impl FnOnce(&[Pending]) -> Result<(), E>,
    ) -> Result<Result<i64, E>, StoreError> {
        let fail = self.fail("reserving for a call");
        let tx = self.conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(&fail)?;
        for pid in pids(&tx, pending.at - FORGOTTEN).map_err(&fail)?.into_iter().filter(|pid| !is_alive(*pid)) {
            tx.execute("DELETE FROM pending WHERE at < ?1 AND pid = ?2", params![pending.at - FORGOTTEN, pid]).map_err(&fail)?;
        }
        let all = all(&tx).map_err(&fail)?;
        if let Err(no) = judge(&all) {
            return Ok(Err(no));
        }
        tx.prepare_cached(
            "INSERT INTO pending (run, pid, at, ended_at, agent, session, cwd, model, nanos, unpriced, tokens)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        )
        .and_then(|mut q| {
            q.insert(params![
                pending.run,
                pending.pid,
                pending.at,
                pending.ended_at,
                pending.agent,
                pending.session,
                pending.cwd,
                pending.model,
                pending.money.nanos(),
                pending.unpriced,
                i64::try_from(pending.tokens).unwrap_or(i64::MAX)
            ])
        })
        .and_then(|id| tx.commit().map(|()| Ok(id)))
        .map_err(&fail)
    }

    /// Puts the real figures in the place of a reservation.
    pub fn settle_pending(&self, id: i64, pending: &Pending) -> Result<(), StoreError> {
        let tokens = i64::try_from(pending.tokens).unwrap_or(i64::MAX);
        self.conn
            .execute(
                "UPDATE pending SET ended_at = ?2, model = ?3, nanos = ?4, unpriced = ?5, tokens = ?6 WHERE id = ?1",
                params![id, pending.ended_at, pending.model, pending.money.nanos(), pending.unpriced, tokens],
            )
            .map(|_| ())
            .map_err(self.fail("writing down what a call has cost"))
    }

    /// Forgets a call: a log shows it, or it was never made.
    pub fn forget_pending(&self, id: i64) -> Result<(), StoreError> {
        self.conn.execute("DELETE FROM pending WHERE id = ?1", [id]).map(|_| ()).map_err(self.fail("forgetting a call"))
    }

    /// All calls that no log shows yet.
    pub fn pending(&self) -> Result<Vec<Pending>, StoreError> {
        all(&self.conn).map_err(self.fail("listing calls under way"))
    }
}

/// The processes whose calls are older than an instant.
fn pids(conn: &rusqlite::Connection, before: Millis) -> rusqlite::Result<Vec<u32>> {
    conn.prepare_cached("SELECT DISTINCT pid FROM pending WHERE at < ?1")?.query_map([before], |r| r.get(0))?.collect()
}

fn all(conn: &rusqlite::Connection) -> rusqlite::Result<Vec<Pending>> {
    let mut query =
        conn.prepare_cached("SELECT run, pid, at, ended_at, agent, session, cwd, model, nanos, unpriced, tokens FROM pending ORDER BY id")?;
    let rows = query.query_map([], |r| {
        Ok(Pending {
            run: r.get(0)?,
            pid: r.get(1)?,
            at: r.get(2)?,
            ended_at: r.get(3)?,
            agent: r.get(4)?,
            session: r.get(5)?,
            cwd: r.get(6)?,
            model: r.get(7)?,
            money: Money::from_nanos(r.get(8)?),
            unpriced: r.get(9)?,
            tokens: u64::try_from(r.get::<_, i64>(10)?).unwrap_or(0),
        })
    })?;
    rows.collect()
}
