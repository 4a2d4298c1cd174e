//! Cursor's Admin API of a team, as the pages "Admin API" on docs.cursor.com and cursor.com/docs specify it.
//!
//! * Events are the only place with money per use, and there it is cents. What an event was charged has the token fee in it
//!   already; where only the tokens' price is told, the fee is added. `requestsCosts` are no money.
//! * What a member has spent in the billing cycle is told by `/teams/spend`: beyond what the plan includes, in cents, while
//!   limits are dollars. These sums are budgets here and never added to the events.
//! * History goes back six to thirty days, depending on whom one asks. So days before the first event that is told are left
//!   as they are known: they are no days without spend.
//! * Twenty requests a minute, and figures that change once an hour.

use super::sheet::is_under;
use super::{Answer, Ask, Auth, Gateway, News, Pace, Plan, Proof, Refusal, Request};
use crate::model::Me;
use crate::model::time::HOUR;

mod events;
mod spend;

/// The gateway.
#[derive(Debug, Clone, Copy)]
pub struct CursorAdmin;

/// What is asked.
mod what {
    pub(super) const SPEND: &str = "spend of members in this cycle";
    pub(super) const EVENTS: &str = "events";
}

impl Gateway for CursorAdmin {
    fn kind(&self) -> &'static str {
        "cursor-admin"
    }

    fn title(&self) -> &'static str {
        "Cursor Admin API"
    }

    fn proof(&self) -> Proof {
        Proof::Specified
    }

    fn auth(&self) -> Auth {
        Auth::Basic
    }

    fn pace(&self) -> Pace {
        Pace { every: HOUR, between: 3200 }
    }

    fn is_home(&self, host: &str) -> bool {
        is_under(host, "api.cursor.com")
    }

    fn knock(&self) -> Option<Request> {
        None
    }

    fn is_it(&self, _: &Answer<'_>) -> bool {
        false
    }

    fn begin(&self, plan: &Plan) -> Vec<Ask> {
        vec![spend::ask(1), events::first(plan)]
    }

    fn read(&self, ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
        match ask.what {
            what::SPEND => spend::page(ask, answer),
            what::EVENTS => events::page(ask, answer, plan),
            _ => Ok(News::default()),
        }
    }

    fn advice(&self, _: &Me) -> Vec<String> {
        vec![
            "this key sees what each member of the team has used, by day and model, and has spent in the billing cycle".to_owned(),
            "for looking on, a team's key that only reads does; small teams may be refused, as this API is for Enterprise".to_owned(),
            "limits are per month and cap what goes beyond the plan; they are shown and not set from here".to_owned(),
            "figures change once an hour, so this gateway is asked no more often".to_owned(),
        ]
    }
}
