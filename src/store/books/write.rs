//! Writing what a gateway has told: each answer is one transaction, and telling it twice changes nothing.

use rusqlite::{Transaction, params};

use super::super::StoreError;
use super::read::me_text;
use super::{Books, Extra, Word};
use crate::model::{DaySpend, GatewayBudget, GatewayCall, GatewayFact, Millis, Money, Named, Rate, TagSpend};

/// What a proxy has seen is kept for so long.
const WORDS_FOR: Millis = 40 * 86_400_000;

impl Books {
    /// Begins a round of questions and gives its number. What was known under the name is forgotten where it was another
    /// gateway's.
    pub fn begin_round(&mut self, name: &str, url: &str, kind: &str, user: Option<&str>, now: Millis) -> Result<i64, StoreError> {
        let is_other = self.account(name)?.is_some_and(|account| account.url != url || account.kind != kind);
        if is_other {
            self.forget(name)?;
        }
        let fail = self.fail("beginning to ask a gateway");
        self.conn
            .query_row(
                "INSERT INTO gateway VALUES (?1, ?2, ?3, ?4, NULL, NULL, ?5, NULL, NULL, 0, 0, 1, '')
                 ON CONFLICT (name) DO UPDATE SET user = ?4, tried_at = ?5, round = round + 1 RETURNING round",
                params![name, url, kind, user, now],
                |r| r.get(0),
            )
            .map_err(fail)
    }

    /// Writes down what one answer has told. `whole` says that calls of its windows that this round has not told are gone.
    pub fn take(&mut self, name: &str, round: i64, facts: &[GatewayFact], whole: bool) -> Result<(), StoreError> {
        let fail = self.fail("writing down what a gateway has told");
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        for fact in facts {
            apply(&tx, name, round, fact, whole).map_err(&fail)?;
        }
        tx.commit().map_err(&fail)
    }

    /// A round has come to its end: budgets that it has not told are gone.
    pub fn end_round(&mut self, name: &str, round: i64, now: Millis, cannot: &[&str]) -> Result<(), StoreError> {
        let fail = self.fail("writing down what a gateway has told");
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        tx.execute("DELETE FROM budget WHERE gateway = ?1 AND round < ?2", params![name, round]).map_err(&fail)?;
        tx.execute(
            "UPDATE gateway SET asked_at = ?2, problem = NULL, not_before = 0, failures = 0, cannot = ?3 WHERE name = ?1",
            params![name, now, cannot.join("\n")],
        )
        .map_err(&fail)?;
        tx.commit().map_err(&fail)
    }

    /// A round has failed: what was known before stays, and is as old as it is.
    pub fn fail_round(&self, name: &str, problem: &str, not_before: Millis) -> Result<(), StoreError> {
        self.conn
            .execute(
                "UPDATE gateway SET problem = ?2, not_before = ?3, failures = failures + 1 WHERE name = ?1",
                params![name, problem, not_before],
            )
            .map(|_| ())
            .map_err(self.fail("writing down that a gateway could not be asked"))
    }

    /// What a gateway's calls since an instant add to what this machine's logs say.
    pub fn set_extras(&mut self, name: &str, since: Millis, extras: &[Extra]) -> Result<(), StoreError> {
        let fail = self.fail("comparing a gateway with the logs");
        let tx = self.conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(&fail)?;
        tx.execute("DELETE FROM extra WHERE gateway = ?1 AND at >= ?2", params![name, since]).map_err(&fail)?;
        {
            let mut insert = tx.prepare_cached("INSERT OR REPLACE INTO extra VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)").map_err(&fail)?;
            for e in extras {
                let tokens = i64::try_from(e.tokens).unwrap_or(i64::MAX);
                insert.execute(params![name, e.id, e.at, e.agent, e.session, e.model, e.money.nanos(), tokens]).map_err(&fail)?;
            }
        }
        tx.commit().map_err(&fail)
    }

    /// Keeps a gateway's own word on a call, as a proxy has seen it.
    pub fn keep_word(&self, word: &Word) -> Result<(), StoreError> {
        let fail = self.fail("keeping what a gateway said of a call");
        self.conn.execute("DELETE FROM word WHERE at < ?1", [word.at - WORDS_FOR]).map_err(&fail)?;
        self.conn
            .execute(
                "INSERT OR REPLACE INTO word VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![
                    word.call,
                    word.at,
                    word.agent,
                    word.session,
                    word.model,
                    word.version,
                    word.spend.map(Money::nanos),
                    word.retries,
                    word.status
                ],
            )
            .map(|_| ())
            .map_err(&fail)
    }
}

fn apply(tx: &Transaction<'_>, name: &str, round: i64, fact: &GatewayFact, whole: bool) -> rusqlite::Result<()> {
    match fact {
        GatewayFact::Version(version) => {
            tx.execute("UPDATE gateway SET version = ?2 WHERE name = ?1", params![name, version])?;
        }
        GatewayFact::Me(me) => {
            tx.execute("UPDATE gateway SET me = ?2 WHERE name = ?1", params![name, me_text(me)])?;
        }
        GatewayFact::Days { from, to, rows } => {
            tx.execute("DELETE FROM day_spend WHERE gateway = ?1 AND day >= ?2 AND day <= ?3", params![name, from, to])?;
            rows.iter().try_for_each(|row| day(tx, name, row))?;
        }
        GatewayFact::Tags { from, to, rows } => {
            tx.execute("DELETE FROM tag_spend WHERE gateway = ?1 AND day >= ?2 AND day <= ?3", params![name, from, to])?;
            rows.iter().try_for_each(|row| tag(tx, name, row))?;
        }
        GatewayFact::Names(names) => names.iter().try_for_each(|row| named(tx, name, row))?,
        GatewayFact::Budgets(budgets) => budgets.iter().try_for_each(|row| budget(tx, name, round, row))?,
        GatewayFact::Calls(calls) => calls.iter().try_for_each(|row| call(tx, name, round, row))?,
        GatewayFact::AllCalls { from, to } => {
            if whole {
                // That it was there once is worth knowing: its row is lost.
                let sql = "UPDATE call SET gone = 1 WHERE gateway = ?1 AND at >= ?2 AND at < ?3 AND round < ?4";
                tx.execute(sql, params![name, from, to, round])?;
            }
            remember(tx, name, "calls", &to.to_string())?;
        }
        GatewayFact::Remember(what, value) => remember(tx, name, what, value)?,
        GatewayFact::Cannot(_) => {}
    }
    Ok(())
}

fn remember(tx: &Transaction<'_>, name: &str, what: &str, value: &str) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO memory VALUES (?1, ?2, ?3)")?.execute(params![name, what, value]).map(|_| ())
}

/// Counts are far below what an integer of `SQLite` holds; a gateway that says otherwise is cut off there.
fn int(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn day(tx: &Transaction<'_>, name: &str, row: &DaySpend) -> rusqlite::Result<()> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    // Rows that fall on one place add up: a gateway may tell two names that are one here.
    tx.prepare_cached(
        "INSERT INTO day_spend VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
         ON CONFLICT DO UPDATE SET nanos = CASE WHEN nanos IS NULL THEN excluded.nanos ELSE nanos + coalesce(excluded.nanos, 0) END,
             requests = requests + excluded.requests, failed = failed + excluded.failed, input = input + excluded.input,
             cache_read = cache_read + excluded.cache_read, cache_write = cache_write + excluded.cache_write,
             output = output + excluded.output",
    )?
    .execute(params![
        name,
        row.day,
        text(&row.user),
        text(&row.team),
        text(&row.key),
        text(&row.model),
        row.spend.map(Money::nanos),
        int(row.requests),
        int(row.failed),
        int(row.tokens.input),
        int(row.tokens.cache_read),
        int(row.tokens.cache_write_5m.saturating_add(row.tokens.cache_write_1h)),
        int(row.tokens.output)
    ])
    .map(|_| ())
}

fn tag(tx: &Transaction<'_>, name: &str, row: &TagSpend) -> rusqlite::Result<()> {
    tx.prepare_cached("INSERT OR REPLACE INTO tag_spend VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![name, row.day, row.tag, row.spend.nanos(), int(row.requests), int(row.failed), int(row.tokens)])
        .map(|_| ())
}

fn named(tx: &Transaction<'_>, name: &str, row: &Named) -> rusqlite::Result<()> {
    // One answer knows the name, another one the team: nothing that is known is taken back.
    tx.prepare_cached(
        "INSERT INTO named VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO UPDATE SET name = coalesce(excluded.name, name),
             team = coalesce(excluded.team, team), user = coalesce(excluded.user, user)",
    )?
    .execute(params![name, row.whose.word(), row.id, row.name, row.team, row.user])
    .map(|_| ())
}

fn budget(tx: &Transaction<'_>, name: &str, round: i64, row: &GatewayBudget) -> rusqlite::Result<()> {
    let (limit, spent) = (row.limit.map(Money::nanos), row.spent.map(Money::nanos));
    // Of two rounds at once the later one's word stays: the earlier one's end would take it for gone.
    tx.prepare_cached(
        "INSERT OR REPLACE INTO budget SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11 WHERE NOT EXISTS (SELECT 1 FROM budget
             WHERE gateway = ?1 AND whose = ?2 AND id = ?3 AND team = ?4 AND period = ?7 AND round > ?11)",
    )?
    .execute(params![
        name,
        row.whose.word(),
        row.id,
        row.team.as_deref().unwrap_or_default(),
        limit,
        spent,
        row.period.as_deref().unwrap_or_default(),
        row.since,
        row.resets_at,
        row.blocked,
        round
    ])
    .map(|_| ())
}

fn call(tx: &Transaction<'_>, name: &str, round: i64, row: &GatewayCall) -> rusqlite::Result<()> {
    let rate = |rate: Option<Rate>| rate.map(|rate| int(rate.nanos_per_million()));
    tx.prepare_cached(
        "INSERT OR REPLACE INTO call SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20,
             ?21, ?22, ?23, ?24, ?25, ?26, 0 WHERE NOT EXISTS (SELECT 1 FROM call WHERE gateway = ?1 AND id = ?2 AND round > ?26)",
    )?
    .execute(params![
        name,
        row.id,
        row.answer,
        row.request,
        row.at,
        row.ended,
        row.user,
        row.team,
        row.key,
        row.model,
        row.session,
        row.client,
        int(row.tokens.input),
        int(row.tokens.cache_read),
        int(row.tokens.cache_write_5m),
        int(row.tokens.cache_write_1h),
        int(row.tokens.output),
        int(row.tokens.reasoning),
        row.spend.nanos(),
        rate(row.rates.input),
        rate(row.rates.output),
        rate(row.rates.cache_read),
        rate(row.rates.cache_write),
        row.failed,
        row.over_budget,
        round
    ])
    .map(|_| ())
}
