//! Sums over what gateways have told.

use std::collections::{BTreeMap, HashMap};

use rusqlite::params;

use super::super::StoreError;
use super::Books;
use crate::model::{Millis, Money, Whose, Window};

/// What somebody or something amounts to over some days.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SpendSum {
    /// What was spent; nothing where the gateway tells no money at all.
    pub spend: Option<Money>,
    /// Calls, failed ones included.
    pub requests: u64,
    /// Calls that failed.
    pub failed: u64,
    /// Tokens of all kinds.
    pub tokens: u64,
}

/// What a gateway has counted that this machine's logs do not say: a call of which they know nothing, or the part by which
/// it says that a call was dearer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extra {
    /// The gateway's id of the call.
    pub id: String,
    /// When the call began.
    pub at: Millis,
    /// The agent, where it is known.
    pub agent: Option<String>,
    /// The agent's own id of the session, where a log knows the call.
    pub session: Option<String>,
    /// The model, as the gateway calls it.
    pub model: Option<String>,
    /// How much more.
    pub money: Money,
    /// The tokens of a call that no log knows.
    pub tokens: u64,
}

/// The user of a day's row. Older releases of `LiteLLM` name no user there: then it is whose key it is.
const USER: &str =
    "coalesce(nullif(user, ''), (SELECT n.user FROM named n WHERE n.gateway = day_spend.gateway AND n.whose = 'key' AND n.id = key), '')";

impl Books {
    /// Sums by somebody or something over some days, both included. Of a tag and of everything else by its own table.
    pub fn sums(&self, gateway: &str, whose: Whose, days: (i64, i64)) -> Result<BTreeMap<String, SpendSum>, StoreError> {
        let column = match whose {
            Whose::User => USER,
            Whose::Team => "team",
            Whose::Key => "key",
            Whose::Model => "model",
            Whose::Tag => return self.tag_sums(gateway, days),
            Whose::Member | Whose::Customer | Whose::Organization => return Ok(BTreeMap::new()),
        };
        self.sum_up(gateway, column, "", days, None)
    }

    /// What one user, team or key has spent by model.
    pub fn sums_within(&self, gateway: &str, whose: Whose, id: &str, days: (i64, i64)) -> Result<BTreeMap<String, SpendSum>, StoreError> {
        let column = match whose {
            Whose::Team => "team",
            Whose::Key => "key",
            Whose::Model => return self.sum_up(gateway, USER, "AND model = ?4", days, Some(id)),
            _ => USER,
        };
        self.sum_up(gateway, "model", &format!("AND {column} = ?4"), days, Some(id))
    }

    fn sum_up(
        &self,
        gateway: &str,
        column: &str,
        and: &str,
        days: (i64, i64),
        id: Option<&str>,
    ) -> Result<BTreeMap<String, SpendSum>, StoreError> {
        let fail = self.fail("adding up what a gateway has counted");
        let sql = format!(
            "SELECT {column}, sum(nanos), sum(requests), sum(failed), sum(input + cache_read + cache_write + output) FROM day_spend
             WHERE gateway = ?1 AND day >= ?2 AND day <= ?3 {and} GROUP BY 1"
        );
        let mut query = self.conn.prepare_cached(&sql).map_err(&fail)?;
        let values: &[&dyn rusqlite::ToSql] = &[&gateway, &days.0, &days.1, &id];
        let values = if and.is_empty() { values.get(..3).unwrap_or(values) } else { values };
        let rows = query.query_map(values, |r| {
            let sum = SpendSum {
                spend: r.get::<_, Option<i64>>(1)?.map(Money::from_nanos),
                requests: count(r.get(2)?),
                failed: count(r.get(3)?),
                tokens: count(r.get(4)?),
            };
            Ok((r.get(0)?, sum))
        });
        rows.map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }

    fn tag_sums(&self, gateway: &str, days: (i64, i64)) -> Result<BTreeMap<String, SpendSum>, StoreError> {
        let fail = self.fail("adding up what a gateway has counted");
        let sql = "SELECT tag, sum(nanos), sum(requests), sum(failed), sum(tokens) FROM tag_spend
             WHERE gateway = ?1 AND day >= ?2 AND day <= ?3 GROUP BY 1";
        let mut query = self.conn.prepare_cached(sql).map_err(&fail)?;
        let rows = query.query_map(params![gateway, days.0, days.1], |r| {
            let spend = r.get::<_, Option<i64>>(1)?.map(Money::from_nanos);
            Ok((r.get(0)?, SpendSum { spend, requests: count(r.get(2)?), failed: count(r.get(3)?), tokens: count(r.get(4)?) }))
        });
        rows.map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }

    /// How many calls of a window were refused for want of a budget, by somebody or something.
    pub fn over_budget(&self, gateway: &str, whose: Whose, window: Window) -> Result<BTreeMap<String, u64>, StoreError> {
        let column = match whose {
            Whose::User => "user",
            Whose::Team => "team",
            Whose::Key => "key",
            Whose::Model => "model",
            _ => return Ok(BTreeMap::new()),
        };
        let fail = self.fail("counting calls over budget");
        let sql = format!(
            "SELECT coalesce({column}, ''), count(*) FROM call WHERE gateway = ?1 AND at >= ?2 AND at < ?3 AND over_budget AND NOT gone GROUP BY 1"
        );
        let mut query = self.conn.prepare_cached(&sql).map_err(&fail)?;
        let rows = query.query_map(params![gateway, window.from, window.to], |r| Ok((r.get(0)?, count(r.get(1)?))));
        rows.map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }

    /// What a user's calls of a window add up to.
    pub fn spend_of(&self, gateway: &str, user: &str, window: Window) -> Result<Money, StoreError> {
        let sql = "SELECT coalesce(sum(nanos), 0) FROM call WHERE gateway = ?1 AND user = ?2 AND at >= ?3 AND at < ?4 AND NOT gone";
        let values = params![gateway, user, window.from, window.to];
        let mut query = self.conn.prepare_cached(sql).map_err(self.fail("adding up a user's calls"))?;
        query.query_row(values, |r| r.get(0)).map(Money::from_nanos).map_err(self.fail("adding up a user's calls"))
    }

    /// What a gateway has counted in a window that no log of this machine says.
    pub fn extras(&self, gateway: &str, window: Window) -> Result<Vec<Extra>, StoreError> {
        let fail = self.fail("adding up what only gateways know");
        let sql = "SELECT id, at, agent, session, model, nanos, tokens FROM extra WHERE gateway = ?1 AND at >= ?2 AND at < ?3";
        let mut query = self.conn.prepare_cached(sql).map_err(&fail)?;
        let rows = query.query_map(params![gateway, window.from, window.to], |r| {
            Ok(Extra {
                id: r.get(0)?,
                at: r.get(1)?,
                agent: r.get(2)?,
                session: r.get(3)?,
                model: r.get(4)?,
                money: Money::from_nanos(r.get(5)?),
                tokens: count(r.get(6)?),
            })
        });
        rows.map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }

    /// The provider's ids of the answers of those calls, by the gateway's own id, where they are others.
    pub fn answers_of_extras(&self, gateway: &str, window: Window) -> Result<HashMap<String, String>, StoreError> {
        let fail = self.fail("looking up what only gateways know");
        let sql = "SELECT e.id, c.answer FROM extra e JOIN call c ON c.gateway = e.gateway AND c.id = e.id
                   WHERE e.gateway = ?1 AND e.at >= ?2 AND e.at < ?3 AND c.answer IS NOT NULL";
        let mut query = self.conn.prepare_cached(sql).map_err(&fail)?;
        let rows = query.query_map(params![gateway, window.from, window.to], |r| Ok((r.get(0)?, r.get(1)?)));
        rows.map_err(&fail)?.collect::<Result<_, _>>().map_err(&fail)
    }
}

fn count(n: Option<i64>) -> u64 {
    u64::try_from(n.unwrap_or(0)).unwrap_or(0)
}
