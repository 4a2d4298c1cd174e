//! Computing the sums anew from the rows they stand for, and pricing the calls anew.

use std::collections::HashMap;

use rusqlite::Connection;

use crate::pricing::Pricer;

use super::deltas::Deltas;
use super::merge::{CallRow, FactRow};
use super::pack;
use super::sums::COLUMNS;
use super::write::price;
use super::{Store, StoreError};

/// How the stored sums differed from the rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RebuildReport {
    /// Calls looked at.
    pub calls: u64,
    /// Facts looked at.
    pub facts: u64,
    /// Slots whose sums were wrong.
    pub wrong_slots: u64,
    /// Tasks whose sums were wrong.
    pub wrong_tasks: u64,
    /// Tools of a session whose sums were wrong.
    pub wrong_tools: u64,
}

impl RebuildReport {
    /// Sums that were wrong, of every kind.
    #[must_use]
    pub const fn wrong(&self) -> u64 {
        self.wrong_slots + self.wrong_tasks + self.wrong_tools
    }
}

/// The price book that the stored costs were computed with.
const BOOK: &str = "price_book";

impl Store {
    /// Recomputes every sum from the calls and facts, counts what differed, and keeps the recomputed ones.
    pub fn rebuild(&mut self) -> Result<RebuildReport, StoreError> {
        let fail = self.fail("recomputing the sums");
        self.conn
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .and_then(|tx| {
                let report = rebuild(&tx)?;
                tx.commit()?;
                Ok(report)
            })
            .map_err(&fail)
    }

    /// Prices all calls anew if the book has changed since they were priced. Gives the number of calls that changed.
    pub fn reprice(&mut self, prices: &mut Pricer) -> Result<u64, StoreError> {
        let fingerprint = format!("{:016x}", prices.book().fingerprint());
        if self.meta(BOOK).as_deref() == Some(&fingerprint) {
            return Ok(0);
        }
        let fail = self.fail("pricing calls anew");
        let changed = self
            .conn
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .and_then(|tx| {
                let changed = reprice(&tx, prices)?;
                tx.commit()?;
                Ok(changed)
            })
            .map_err(&fail)?;
        self.set_meta(BOOK, &fingerprint)?;
        Ok(changed)
    }
}

fn names(tx: &Connection) -> rusqlite::Result<HashMap<i64, String>> {
    tx.prepare("SELECT id, text FROM name")?.query_map([], |r| Ok((r.get(0)?, r.get(1)?)))?.collect()
}

fn reprice(tx: &Connection, prices: &mut Pricer) -> rusqlite::Result<u64> {
    let names = names(tx)?;
    let mut deltas = Deltas::default();
    let changed = pack::update(tx, |call: &mut CallRow| {
        let money = price(prices, names.get(&call.model).map(String::as_str), call);
        if money == call.money {
            return false;
        }
        deltas.call(call, -1);
        call.money = money;
        deltas.call(call, 1);
        true
    })?;
    deltas.flush(tx)?;
    Ok(changed)
}

/// [`Store::rebuild`] inside a transaction.
pub(super) fn rebuild(tx: &Connection) -> rusqlite::Result<RebuildReport> {
    let mut report = RebuildReport::default();
    let mut deltas = Deltas::default();
    {
        pack::each::<CallRow>(tx, |_, call| {
            report.calls += 1;
            if let Some(call) = call {
                deltas.call(&call, 1);
            }
        })?;
        pack::each::<FactRow>(tx, |_, fact| {
            report.facts += 1;
            if let Some(fact) = fact {
                deltas.fact(&fact, 1);
            }
        })?;
    }
    tx.execute_batch("DELETE FROM closed")?;
    let names = COLUMNS.join(", ");
    let differ = COLUMNS.map(|c| format!("a.{c} <> b.{c}")).join(" OR ");
    let zero = COLUMNS.map(|c| format!("{c} = 0")).join(" AND ");
    tx.execute_batch(&format!(
        "CREATE TEMP TABLE old_rollup AS SELECT * FROM rollup WHERE NOT ({zero});
         CREATE TEMP TABLE old_task AS SELECT key, {names} FROM task WHERE NOT ({zero});
         CREATE TEMP TABLE old_tool AS SELECT * FROM tool WHERE calls <> 0 OR failures <> 0;
         DELETE FROM rollup; DELETE FROM task; DELETE FROM tool; DELETE FROM repeat;"
    ))?;
    deltas.flush(tx)?;
    let count = |sql: String| tx.query_row(&sql, [], |r| r.get::<_, i64>(0)).map(i64::unsigned_abs);
    report.wrong_slots = count(format!(
        "SELECT count(*) FROM old_rollup a FULL JOIN rollup b ON a.slot = b.slot AND a.session = b.session AND a.model = b.model
         WHERE a.slot IS NULL OR b.slot IS NULL OR {differ}"
    ))?;
    report.wrong_tasks = count(format!(
        "SELECT count(*) FROM old_task a FULL JOIN task b ON a.key = b.key WHERE a.key IS NULL OR b.key IS NULL OR {differ}"
    ))?;
    report.wrong_tools = count(
        "SELECT count(*) FROM old_tool a FULL JOIN tool b ON a.session = b.session AND a.name = b.name
         WHERE a.session IS NULL OR b.session IS NULL OR a.calls <> b.calls OR a.failures <> b.failures"
            .to_owned(),
    )?;
    tx.execute_batch("DROP TABLE old_rollup; DROP TABLE old_task; DROP TABLE old_tool;")?;
    Ok(report)
}
