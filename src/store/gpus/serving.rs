//! What inference servers got done, minute by minute.

use rusqlite::params;

use super::super::StoreError;
use super::{GpuBook, money, nanos};
use crate::model::{Millis, Money};

/// A minute of a server, or the sum of several.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ServingRow {
    /// What tells the server apart.
    pub server: String,
    /// The model; empty where it is not known.
    pub model: String,
    /// The minute's number since 1970; of a sum, the first one.
    pub at: i64,
    /// Milliseconds that somebody looked at.
    pub millis: Millis,
    /// Milliseconds at work.
    pub busy: Millis,
    /// Tokens of prompts that were worked on.
    pub prompt: i64,
    /// Tokens of prompts from the cache.
    pub cached: i64,
    /// Tokens made.
    pub generated: i64,
    /// Those worked on and those made in minutes whose cost is known: sums have it.
    pub priced: (i64, i64),
    /// What its cards cost.
    pub cost: Option<Money>,
    /// The part of it while it was at work.
    pub busy_cost: Option<Money>,
}

impl GpuBook {
    /// Writes minutes of servers. What another process has seen more of stays.
    pub fn write_serving(&mut self, rows: &[ServingRow]) -> Result<(), StoreError> {
        let fail = self.fail("writing down what servers did");
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        for row in rows {
            tx.prepare_cached(
                "INSERT INTO serving VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO UPDATE SET
                 millis = ?4, busy = ?5, prompt = ?6, cached = ?7, generated = ?8, cost = ?9, busy_cost = ?10 WHERE millis < ?4",
            )
            .and_then(|mut insert| {
                insert.execute(params![
                    row.server,
                    row.model,
                    row.at,
                    row.millis,
                    row.busy,
                    row.prompt,
                    row.cached,
                    row.generated,
                    nanos(row.cost),
                    nanos(row.busy_cost)
                ])
            })
            .map_err(&fail)?;
        }
        tx.commit().map_err(&fail)
    }

    /// What each server got done from a minute on.
    pub fn served(&self, from: i64) -> Result<Vec<ServingRow>, StoreError> {
        let fail = self.fail("summing up what servers did");
        let mut query = self
            .conn
            .prepare_cached(
                "SELECT server, model, MIN(at), SUM(millis), SUM(busy), SUM(prompt), SUM(cached), SUM(generated), SUM(cost),
                        SUM(busy_cost), SUM(IIF(cost IS NULL, 0, prompt)), SUM(IIF(cost IS NULL, 0, generated))
                 FROM serving WHERE at >= ?1 GROUP BY server, model",
            )
            .map_err(&fail)?;
        let row = |r: &rusqlite::Row<'_>| {
            Ok(ServingRow {
                server: r.get(0)?,
                model: r.get(1)?,
                at: r.get(2)?,
                millis: r.get(3)?,
                busy: r.get(4)?,
                prompt: r.get(5)?,
                cached: r.get(6)?,
                generated: r.get(7)?,
                cost: money(r.get(8)?),
                busy_cost: money(r.get(9)?),
                priced: (r.get(10)?, r.get(11)?),
            })
        };
        query.query_map([from], row).map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }
}
