//! Reading what gateways have told.

use rusqlite::{OptionalExtension as _, params};
use serde::{Deserialize, Serialize};

use super::super::StoreError;
use super::{ACCOUNT, Account, Books, account};
use crate::model::{GatewayBudget, GatewayCall, GatewayRates, Me, Millis, Money, Named, Rate, Tokens, Whose, Window};

/// A gateway's own word on a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The gateway's id of the request.
    pub call: String,
    /// When it answered.
    pub at: Millis,
    /// The agent that asked.
    pub agent: String,
    /// The agent's own id of the session, where it is known.
    pub session: Option<String>,
    /// The model, as the gateway calls it.
    pub model: Option<String>,
    /// The gateway's version.
    pub version: Option<String>,
    /// What it says the call cost; it does not say while it streams.
    pub spend: Option<Money>,
    /// How often it has tried again.
    pub retries: Option<u32>,
    /// The status of the answer.
    pub status: u16,
}

/// Names and budgets of one gateway.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Known {
    /// Names of users, teams, keys and customers.
    pub names: Vec<Named>,
    /// Budgets and what was spent of them.
    pub budgets: Vec<GatewayBudget>,
}

/// [`Me`] as the store keeps it.
#[derive(Serialize, Deserialize)]
struct Kept {
    user: Option<String>,
    name: Option<String>,
    key: Option<String>,
    alias: Option<String>,
    teams: Vec<String>,
    role: String,
    sees_all: bool,
    may_write: bool,
    may_spend: bool,
}

pub(super) fn me_text(me: &Me) -> String {
    let Me { user, name, key, alias, teams, role, sees_all, may_write, may_spend } = me.clone();
    serde_json::to_string(&Kept { user, name, key, alias, teams, role, sees_all, may_write, may_spend }).unwrap_or_default()
}

pub(super) fn me(text: &str) -> Option<Me> {
    let Kept { user, name, key, alias, teams, role, sees_all, may_write, may_spend } = serde_json::from_str(text).ok()?;
    Some(Me { user, name, key, alias, teams, role, sees_all, may_write, may_spend })
}

fn count(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

impl Books {
    /// How all gateways stand that were ever asked.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let fail = self.fail("listing gateways");
        let mut query = self.conn.prepare_cached(&format!("{ACCOUNT} ORDER BY name")).map_err(&fail)?;
        let rows = query.query_map([], account).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// Names and budgets.
    pub fn known(&self, gateway: &str) -> Result<Known, StoreError> {
        let fail = self.fail("listing names");
        let mut query = self.conn.prepare_cached("SELECT whose, id, name, team, user FROM named WHERE gateway = ?1").map_err(&fail)?;
        let rows = query.query_map([gateway], |r| {
            let Some(whose) = whose(r)? else { return Ok(None) };
            Ok(Some(Named { whose, id: r.get(1)?, name: r.get(2)?, team: r.get(3)?, user: r.get(4)? }))
        });
        let names = rows.map_err(&fail)?.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(&fail)?;
        let fail = self.fail("listing budgets");
        let mut query = self.conn.prepare_cached(&format!("{BUDGET} WHERE gateway = ?1")).map_err(&fail)?;
        let rows = query.query_map([gateway], budget).map_err(&fail)?;
        let budgets = rows.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(&fail)?;
        Ok(Known { names, budgets })
    }

    /// The team of a key, where it has one.
    pub fn team_of_key(&self, gateway: &str, key: &str) -> Result<Option<String>, StoreError> {
        let fail = self.fail("looking up a key");
        let sql = "SELECT team FROM named WHERE gateway = ?1 AND whose = ?2 AND id = ?3";
        let mut query = self.conn.prepare_cached(sql).map_err(&fail)?;
        let team = query.query_row(params![gateway, Whose::Key.word(), key], |r| r.get(0)).optional().map_err(&fail)?;
        Ok(team.flatten())
    }

    /// The budgets of whatever has one of these ids.
    pub fn budgets_of(&self, gateway: &str, ids: [Option<&str>; 3]) -> Result<Vec<GatewayBudget>, StoreError> {
        let fail = self.fail("looking up budgets");
        let mut query = self.conn.prepare_cached(&format!("{BUDGET} WHERE gateway = ?1 AND id IN (?2, ?3, ?4)")).map_err(&fail)?;
        let rows = query.query_map(params![gateway, ids[0], ids[1], ids[2]], budget).map_err(&fail)?;
        rows.filter_map(Result::transpose).collect::<Result<_, _>>().map_err(&fail)
    }

    /// The calls that began in a window, of one user or of everybody, oldest first.
    pub fn calls(&self, gateway: &str, window: Window, user: Option<&str>) -> Result<Vec<GatewayCall>, StoreError> {
        self.calls_that(gateway, window, user, false)
    }

    /// The calls of a window that the gateway once had and has no longer.
    pub fn gone(&self, gateway: &str, window: Window, user: Option<&str>) -> Result<Vec<GatewayCall>, StoreError> {
        self.calls_that(gateway, window, user, true)
    }

    fn calls_that(&self, gateway: &str, window: Window, user: Option<&str>, are_gone: bool) -> Result<Vec<GatewayCall>, StoreError> {
        let fail = self.fail("listing a gateway's calls");
        let sql = "SELECT id, answer, request, at, ended, user, team, key, model, session, client, input, cache_read, cache_write_5m,
                cache_write_1h, output, reasoning, nanos, rate_input, rate_output, rate_read, rate_write, failed, over_budget
            FROM call WHERE gateway = ?1 AND at >= ?2 AND at < ?3 AND (?4 IS NULL OR user = ?4) AND gone = ?5 ORDER BY at, id";
        let mut query = self.conn.prepare_cached(sql).map_err(&fail)?;
        let rows = query.query_map(params![gateway, window.from, window.to, user, are_gone], call).map_err(&fail)?;
        rows.collect::<Result<_, _>>().map_err(&fail)
    }

    /// What proxies have seen of calls in a window, oldest first.
    pub fn words(&self, window: Window) -> Result<Vec<Word>, StoreError> {
        let fail = self.fail("listing what gateways said of calls");
        let sql =
            "SELECT call, at, agent, session, model, version, nanos, retries, status FROM word WHERE at >= ?1 AND at < ?2 ORDER BY at";
        let mut query = self.conn.prepare_cached(sql).map_err(&fail)?;
        let rows = query.query_map(params![window.from, window.to], |r| {
            Ok(Word {
                call: r.get(0)?,
                at: r.get(1)?,
                agent: r.get(2)?,
                session: r.get(3)?,
                model: r.get(4)?,
                version: r.get(5)?,
                spend: r.get::<_, Option<i64>>(6)?.map(Money::from_nanos),
                retries: r.get(7)?,
                status: r.get(8)?,
            })
        });
        rows.map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }
}

/// How a budget is read.
const BUDGET: &str = "SELECT whose, id, team, nanos, spent, period, since, resets_at, blocked FROM budget";

fn budget(r: &rusqlite::Row<'_>) -> rusqlite::Result<Option<GatewayBudget>> {
    let Some(whose) = whose(r)? else { return Ok(None) };
    Ok(Some(GatewayBudget {
        whose,
        id: r.get(1)?,
        team: Some(r.get::<_, String>(2)?).filter(|team| !team.is_empty()),
        limit: r.get::<_, Option<i64>>(3)?.map(Money::from_nanos),
        spent: r.get::<_, Option<i64>>(4)?.map(Money::from_nanos),
        period: Some(r.get::<_, String>(5)?).filter(|period| !period.is_empty()),
        since: r.get(6)?,
        resets_at: r.get(7)?,
        blocked: r.get(8)?,
    }))
}

/// The first column; nothing for a word of a later version.
fn whose(r: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Whose>> {
    Ok(Whose::from_word(&r.get::<_, String>(0)?))
}

fn call(r: &rusqlite::Row<'_>) -> rusqlite::Result<GatewayCall> {
    let tokens = |i| Ok::<_, rusqlite::Error>(count(r.get(i)?));
    let rate = |i| Ok::<_, rusqlite::Error>(r.get::<_, Option<i64>>(i)?.map(|n| Rate::from_nanos_per_million(count(n))));
    Ok(GatewayCall {
        id: r.get(0)?,
        answer: r.get(1)?,
        request: r.get(2)?,
        at: r.get(3)?,
        ended: r.get(4)?,
        user: r.get(5)?,
        team: r.get(6)?,
        key: r.get(7)?,
        model: r.get(8)?,
        session: r.get(9)?,
        client: r.get(10)?,
        tokens: Tokens {
            input: tokens(11)?,
            cache_read: tokens(12)?,
            cache_write_5m: tokens(13)?,
            cache_write_1h: tokens(14)?,
            output: tokens(15)?,
            reasoning: tokens(16)?,
        },
        spend: Money::from_nanos(r.get(17)?),
        rates: GatewayRates { input: rate(18)?, output: rate(19)?, cache_read: rate(20)?, cache_write: rate(21)? },
        failed: r.get(22)?,
        over_budget: r.get(23)?,
    })
}
