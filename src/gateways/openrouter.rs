//! `OpenRouter`, as its own `Python` package specifies it (`PyPI` openrouter 1.3.84). Money is in dollars, days are UTC.
//!
//! * Any key may ask about itself: what it has spent today, and the budgets that it is held to. A management key sees all
//!   keys and the account's last thirty days; it cannot ask models.
//! * `/activity` has days that are over only. Today's spend is that of the keys, one by one.
//! * `/keys` without a workspace lists those of the default workspace only, so workspaces are listed first.
//! * What is spent at a provider with the account's own key ("BYOK") stands beside what is paid to `OpenRouter`; the two
//!   do not overlap, and a day is both together.
//! * Rows of `/activity` have no user and no key, rows of today no model: they are never of the same day.

use super::sheet::{is_under, packed};
use super::{Answer, Ask, Auth, BudgetWish, Gateway, Holder, News, Pace, Plan, Proof, Refusal, Request};
use crate::model::Me;
use crate::model::time::MINUTE;

mod account;
mod own;
mod set;

/// The gateway.
#[derive(Debug, Clone, Copy)]
pub struct OpenRouter;

/// What is asked.
mod what {
    pub(super) const KEY: &str = "the key";
    pub(super) const ACTIVITY: &str = "spend of days that are over";
    pub(super) const MEMBERS: &str = "members";
    pub(super) const WORKSPACES: &str = "workspaces";
    pub(super) const KEYS: &str = "keys";
}

impl Gateway for OpenRouter {
    fn kind(&self) -> &'static str {
        "openrouter"
    }

    fn title(&self) -> &'static str {
        "OpenRouter"
    }

    fn proof(&self) -> Proof {
        Proof::Specified
    }

    fn auth(&self) -> Auth {
        Auth::Bearer
    }

    fn pace(&self) -> Pace {
        Pace { every: MINUTE, between: 250 }
    }

    fn is_home(&self, host: &str) -> bool {
        is_under(host, "openrouter.ai")
    }

    fn knock(&self) -> Option<Request> {
        None
    }

    fn is_it(&self, _: &Answer<'_>) -> bool {
        false
    }

    fn begin(&self, _: &Plan) -> Vec<Ask> {
        vec![Ask::new(what::KEY, Request::get("/api/v1/key"))]
    }

    fn read(&self, ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
        match ask.what {
            what::KEY => own::key(answer, plan),
            what::ACTIVITY => account::activity(answer, plan),
            what::MEMBERS => account::members(ask, answer),
            what::WORKSPACES => account::workspaces(ask, answer, plan),
            what::KEYS => account::keys(ask, answer, plan),
            _ => Ok(News::default()),
        }
    }

    fn advice(&self, me: &Me) -> Vec<String> {
        if me.sees_all {
            return vec![
                "this management key sees every key's spend today, its limit, and the account's last thirty days by model".to_owned(),
                "it cannot ask models, but it can make keys and take them away; a key that only reads does not exist".to_owned(),
                "for a developer's own spend and budgets, that developer's ordinary key does".to_owned(),
                "`aifinops gateway cap set` can set limits of keys with this key".to_owned(),
            ];
        }
        vec![
            "this key sees its own spend and the budgets that it is held to, and nobody else's".to_owned(),
            "it also asks models, and so spends: keep it as you keep the key of an agent".to_owned(),
            "everybody's spend, spend by model, and `aifinops gateway cap set` need a management key".to_owned(),
        ]
    }

    fn find(&self, wish: &BudgetWish) -> Option<Request> {
        set::find(wish)
    }

    fn found(&self, wish: &BudgetWish, answer: &Answer<'_>) -> Result<Option<Holder>, Refusal> {
        set::found(wish, answer)
    }

    fn set_budget(&self, wish: &BudgetWish, holder: &Holder) -> Vec<Request> {
        set::requests(wish, holder)
    }
}

/// What a management key is asked for besides itself.
fn of_account(plan: &Plan) -> Vec<Ask> {
    let mut asks = Vec::new();
    if plan.from_day < plan.today() {
        asks.push(Ask::new(what::ACTIVITY, Request::get("/api/v1/activity?group_by=workspace")));
    }
    asks.push(account::members_ask(0));
    asks.push(account::workspaces_ask(&packed(&Vec::<String>::new()), 0));
    asks
}
