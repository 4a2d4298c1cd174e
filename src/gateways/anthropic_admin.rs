//! Anthropic's Admin API: the books of an organization. As its `Python` package specifies it (`PyPI` anthropic 2.12.0), and
//! the pages "Usage and Cost API", "Cost report" and "Claude Code Analytics API" on platform.claude.com.
//!
//! What carries what, so that nothing is counted twice:
//!
//! * **Analytics** tell tokens and requests in `/usage` and money in `/cost`, both by day, identity, workspace, key and
//!   model. Requests stand in both answers and are taken from `/usage`. One answer's row and the other's are one row.
//! * Where a key or an organization has no analytics, the **messages report** tells tokens by key, workspace and model, and
//!   the **cost report** tells money by workspace and model: a key's row has tokens and no money, and the other way round.
//! * **Claude Code analytics** then add what these reports do not hold: the tokens of members with a subscription, without
//!   the estimate of what they would have cost, which nobody is billed. What Claude Code has used with keys is in the
//!   reports already, and is taken from here only where there are none.
//!
//! Amounts are strings of cents with fractions, after discounts. All days are UTC. Data are about five minutes old and may
//! be asked for once a minute. An organization without members' limits is answered 400, as is one for a wrong grouping.

use super::answer::date;
use super::sheet::{Sheet, is_under, packed, spans};
use super::{Answer, Ask, Auth, Gateway, News, Pace, Plan, Proof, Refusal, Request};
use crate::model::Me;
use crate::model::time::MINUTE;

mod analytics;
mod limits;
mod names;
mod reports;

/// The gateway.
#[derive(Debug, Clone, Copy)]
pub struct AnthropicAdmin;

/// What is asked.
mod what {
    pub(super) const KEYS: &str = "keys";
    pub(super) const WORKSPACES: &str = "workspaces";
    pub(super) const USAGE: &str = "usage";
    pub(super) const COST: &str = "cost";
    pub(super) const PLAIN_USAGE: &str = "usage by identity and model";
    pub(super) const PLAIN_COST: &str = "cost by identity and model";
    pub(super) const MESSAGES: &str = "the report of messages";
    pub(super) const REPORT: &str = "the report of cost";
    pub(super) const CODE: &str = "the report of Claude Code";
    pub(super) const EFFECTIVE: &str = "limits of members";
    pub(super) const LIMITS: &str = "limits";
}

/// Days of a range, at most.
const RANGE: i64 = 31;
/// How far back the books go: 365 days, and no further than 2026-01-01.
const BACK: i64 = 364;
/// 2026-01-01, in days since 1970-01-01.
const FIRST: i64 = 20_454;

/// A question with the version that this file speaks.
fn get(path: String) -> Request {
    Request::get(path).with("anthropic-version", "2023-06-01")
}

/// The span of a sheet as both ends are written, the second one excluded.
fn range(sheet: &Sheet) -> String {
    let stamp = |day| format!("{}T00:00:00Z", date(day));
    format!("starting_at={}&ending_at={}", stamp(sheet.from), stamp(sheet.to + 1))
}

impl Gateway for AnthropicAdmin {
    fn kind(&self) -> &'static str {
        "anthropic-admin"
    }

    fn title(&self) -> &'static str {
        "Anthropic Admin API"
    }

    fn proof(&self) -> Proof {
        Proof::Specified
    }

    fn auth(&self) -> Auth {
        Auth::Header("x-api-key")
    }

    fn pace(&self) -> Pace {
        Pace { every: 5 * MINUTE, between: 1000 }
    }

    fn is_home(&self, host: &str) -> bool {
        is_under(host, "api.anthropic.com")
    }

    fn knock(&self) -> Option<Request> {
        None
    }

    fn is_it(&self, _: &Answer<'_>) -> bool {
        false
    }

    fn begin(&self, plan: &Plan) -> Vec<Ask> {
        let mut asks = vec![names::keys_ask(None), names::workspaces_ask(None)];
        let today = plan.today();
        let from = plan.from_day.max(today - BACK).max(FIRST);
        let sheets = spans(from, today, RANGE).into_iter().map(|(from, to)| Sheet::new(from, to));
        asks.extend(sheets.map(|sheet| analytics::ask(what::USAGE, &packed(&sheet), &sheet, None)));
        asks.push(limits::effective_ask(None));
        asks
    }

    fn read(&self, ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
        match ask.what {
            what::KEYS => names::keys(ask, answer),
            what::WORKSPACES => names::workspaces(ask, answer),
            what::USAGE | what::PLAIN_USAGE => analytics::usage(ask, answer),
            what::COST | what::PLAIN_COST => analytics::cost(ask, answer),
            what::MESSAGES => reports::messages(ask, answer),
            what::REPORT => reports::cost(ask, answer, plan),
            what::CODE => reports::code(ask, answer),
            what::EFFECTIVE => limits::effective(ask, answer, plan),
            what::LIMITS => limits::limits(ask, answer, plan),
            _ => Ok(News::default()),
        }
    }

    fn advice(&self, me: &Me) -> Vec<String> {
        let mut out =
            vec!["this key sees what the whole organization has used and what it costs, by day, member, key and model".to_owned()];
        if me.role == names::ANALYTICS {
            out.push(
                "it may read analytics and nothing else, which is all that is needed; names of keys and workspaces stay unknown".to_owned(),
            );
        } else {
            out.push(
                "an Admin API key may also change members and keys: for looking on, a key with the scope read:analytics does".to_owned(),
            );
        }
        out.push("limits are shown and not set from here: only some organizations may set them through the API".to_owned());
        out.push("single calls are not told, and a subscription of one person has no books here".to_owned());
        out
    }
}
