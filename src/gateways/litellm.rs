//! `LiteLLM`'s proxy with a database, from 1.81 to 1.109.
//!
//! What endpoints answer, to whom, and their traps were recorded on real servers (1.106.2 and 1.81.16):
//!
//! * Pages of daily activity are pages of database rows: a day may stand on two of them, and their `metadata` sums up one
//!   page only. The aggregated form has one page, and newer releases only have it for tags.
//! * Every request is tagged with its program twice, so sums of tags are a multiple of the truth.
//! * `prompt_tokens` include what was read from and written to a cache, for Anthropic's models too.
//! * A model that is missing in the price map costs nothing, without any word.
//! * Spend is written ten seconds late, and up to five more.
//! * A plain user is answered 401 where others are answered 403.

use super::{Answer, Ask, Auth, BudgetWish, Gateway, Holder, News, Pace, Plan, Proof, Refusal, Request};
use crate::model::Me;

mod budgets;
mod calls;
mod days;
mod set;
mod who;

/// The gateway.
#[derive(Debug, Clone, Copy)]
pub struct LiteLlm;

/// What is asked.
mod what {
    pub(super) const KEY: &str = "the key";
    pub(super) const USER: &str = "the user";
    pub(super) const OLD_USER: &str = "the user, as older releases tell it";
    pub(super) const VERSION: &str = "the version";
    pub(super) const DAYS: &str = "spend by day";
    pub(super) const DAY_PAGES: &str = "spend by day, in pages";
    pub(super) const TAGS: &str = "spend by tag";
    pub(super) const TAG_PAGES: &str = "spend by tag, in pages";
    pub(super) const USERS: &str = "budgets of users";
    pub(super) const TEAMS: &str = "budgets of teams";
    pub(super) const TEAM: &str = "the budget of a team";
    pub(super) const MEMBER: &str = "the budget within a team";
    pub(super) const KEYS: &str = "budgets of keys";
    pub(super) const CUSTOMERS: &str = "budgets of customers";
    pub(super) const TAG_BUDGETS: &str = "budgets of tags";
    pub(super) const CALLS: &str = "calls";
    pub(super) const OLD_CALLS: &str = "calls, as older releases tell them to a user";
}

impl Gateway for LiteLlm {
    fn kind(&self) -> &'static str {
        "litellm"
    }

    fn title(&self) -> &'static str {
        "LiteLLM"
    }

    fn proof(&self) -> Proof {
        Proof::Real
    }

    fn auth(&self) -> Auth {
        Auth::Bearer
    }

    fn pace(&self) -> Pace {
        // Spend is flushed every ten to fifteen seconds.
        Pace { every: 20_000, between: 0 }
    }

    fn is_home(&self, _: &str) -> bool {
        false
    }

    fn knock(&self) -> Option<Request> {
        Some(Request::get("/health/liveliness"))
    }

    fn is_it(&self, answer: &Answer<'_>) -> bool {
        // Releases write it with and without quotes.
        answer.is_good() && answer.says("i'm alive")
    }

    fn begin(&self, _: &Plan) -> Vec<Ask> {
        vec![Ask::new(what::KEY, Request::get("/key/info"))]
    }

    fn read(&self, ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
        let mut news = match ask.what {
            what::KEY => who::key(answer, plan),
            what::USER => who::user(ask, answer, plan),
            what::OLD_USER => who::old_user(ask, answer, plan),
            what::VERSION => Ok(who::version(answer)),
            what::DAYS => days::days(answer, plan),
            what::DAY_PAGES => days::day_page(ask, answer, plan),
            what::TAGS => days::tags(answer, plan),
            what::TAG_PAGES => days::tag_page(ask, answer, plan),
            what::USERS => budgets::users(ask, answer),
            what::TEAMS => budgets::teams(answer),
            what::TEAM => budgets::team(answer),
            what::MEMBER => budgets::member(answer),
            what::KEYS => budgets::keys(ask, answer),
            what::CUSTOMERS => budgets::customers(answer),
            what::TAG_BUDGETS => budgets::tags(answer),
            what::CALLS => calls::page(ask, answer, plan),
            what::OLD_CALLS => calls::day(ask, answer, plan),
            _ => Ok(News::default()),
        }?;
        if let Some(version) = answer.version {
            news.facts.push(crate::model::GatewayFact::Version(version.to_owned()));
        }
        Ok(news)
    }

    fn advice(&self, me: &Me) -> Vec<String> {
        who::advice(me)
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
