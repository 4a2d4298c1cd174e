//! `OpenAI`'s Admin API: the books of an organization, as its `Python` package specifies it (`PyPI` openai 3.54.0).
//!
//! What carries what, so that nothing is counted twice:
//!
//! * `/usage/completions` tells **tokens and requests**, by day, project, user, key and model. Its prompts include what was
//!   read from and written to a cache.
//! * `/costs` tells **money**, by day, project, key and line item (`gpt-6-astra, input_tokens`). Its quantities are the same
//!   tokens once more, and are not read.
//! * Costs know no user here: many organizations are refused users and projects together. A key that one user alone has
//!   used on the days of the question is that user's, and so is what it costs. Whatever nobody is known for has no user.
//! * A line item's model and the one in usage may be spelled differently: then two rows stand side by side, one with tokens
//!   and one with money. A row without tokens is no call, and one without money is not free.
//!
//! Times are Unix seconds, days are UTC, costs are dollars and limits cents. Costs of a day may still move for some days, so
//! a week is read each time. A plan of `ChatGPT` is in none of these books. Limits are per month only, and are shown, not set.

use super::sheet::{Sheet, is_under, packed, spans};
use super::{Answer, Ask, Auth, Gateway, News, Pace, Plan, Proof, Refusal, Request};
use crate::model::Me;
use crate::model::time::MINUTE;

mod books;
mod limits;

/// The gateway.
#[derive(Debug, Clone, Copy)]
pub struct OpenAiAdmin;

/// What is asked.
mod what {
    pub(super) const USERS: &str = "users";
    pub(super) const PROJECTS: &str = "projects";
    pub(super) const USAGE: &str = "usage";
    pub(super) const COSTS: &str = "costs";
    pub(super) const PLAIN_COSTS: &str = "costs by project and line item";
    pub(super) const LIMIT: &str = "the limit of the organization";
    pub(super) const PROJECT_LIMIT: &str = "the limit of a project";
}

/// Days of a question: the most buckets that usage has on a page.
const RANGE: i64 = 31;
/// How far back is asked.
const BACK: i64 = 364;
/// Days that may still move.
const MOVING: i64 = 6;

impl Gateway for OpenAiAdmin {
    fn kind(&self) -> &'static str {
        "openai-admin"
    }

    fn title(&self) -> &'static str {
        "OpenAI Admin API"
    }

    fn proof(&self) -> Proof {
        Proof::Specified
    }

    fn auth(&self) -> Auth {
        Auth::Bearer
    }

    fn pace(&self) -> Pace {
        Pace { every: 5 * MINUTE, between: 1000 }
    }

    fn is_home(&self, host: &str) -> bool {
        is_under(host, "api.openai.com")
    }

    fn knock(&self) -> Option<Request> {
        None
    }

    fn is_it(&self, _: &Answer<'_>) -> bool {
        false
    }

    fn begin(&self, plan: &Plan) -> Vec<Ask> {
        let mut asks = vec![limits::users_ask(None), limits::projects_ask(None), limits::limit_ask()];
        let from = plan.from_day.min(plan.today() - MOVING).max(plan.today() - BACK);
        let sheets = spans(from, plan.today(), RANGE);
        asks.extend(sheets.into_iter().map(|(from, to)| {
            let sheet = Sheet::new(from, to);
            books::ask(what::USAGE, &packed(&books::Gathered::new(sheet.clone())), &sheet, None)
        }));
        asks
    }

    fn read(&self, ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
        match ask.what {
            what::USERS => limits::users(ask, answer),
            what::PROJECTS => limits::projects(ask, answer),
            what::USAGE => books::usage(ask, answer),
            what::COSTS | what::PLAIN_COSTS => books::costs(ask, answer),
            what::LIMIT | what::PROJECT_LIMIT => limits::limit(ask, answer, plan),
            _ => Ok(News::default()),
        }
    }

    fn advice(&self, _: &Me) -> Vec<String> {
        vec![
            "this key sees what the whole organization has used, by day, project, user, key and model, and what it costs".to_owned(),
            "for looking on, an admin key with the scope api.usage.read does; names and limits want api.management.read".to_owned(),
            "limits are per month, and are shown and not set from here; a daily one is a cap of aifinops' own".to_owned(),
            "single calls are not told, and neither is what Codex uses of a ChatGPT plan".to_owned(),
        ]
    }
}
