//! Langfuse, in its cloud and self-hosted: a project's traces. As its `Python` package specifies it (`PyPI` langfuse 5.0.4),
//! and the pages on its metrics and daily metrics API on langfuse.com.
//!
//! * The second version of metrics sums up by day and model, and refuses to group by user. Users are in the observations
//!   themselves, which are read for the last days. A day is told from one of the two, never from both.
//! * Self-hosted releases may know neither: then the older daily metrics are asked, which know models and no users.
//! * Prompt tokens of metrics include what came from a cache; those of observations are told by kind.
//! * An observation without a model and without a price is a step of a program, and no call.
//! * Metrics may be asked for a hundred times a day in the smallest plan, so they are asked for the first round's days only.
//! * Money is dollars, days are UTC, and some ways into Langfuse take ten minutes.

use super::sheet::is_under;
use super::{Answer, Ask, Auth, Gateway, News, Pace, Plan, Proof, Refusal, Request};
use crate::model::time::MINUTE;
use crate::model::{GatewayFact, Me};

mod metrics;
mod observations;
mod project;

/// The gateway.
#[derive(Debug, Clone, Copy)]
pub struct Langfuse;

/// What is asked.
mod what {
    pub(super) const PROJECT: &str = "the project";
    pub(super) const VERSION: &str = "the version";
    pub(super) const OBSERVATIONS: &str = "observations";
    pub(super) const METRICS: &str = "metrics";
    pub(super) const DAILY: &str = "daily metrics";
}

/// What is asked without a key, and tells the version.
const HEALTH: &str = "/api/public/health";

/// Whether a release does not know it, or this key may not have it.
fn is_absent(answer: &Answer<'_>) -> bool {
    super::sheet::is_closed(answer) || matches!(answer.status, 400 | 501)
}

impl Gateway for Langfuse {
    fn kind(&self) -> &'static str {
        "langfuse"
    }

    fn title(&self) -> &'static str {
        "Langfuse"
    }

    fn proof(&self) -> Proof {
        Proof::Specified
    }

    fn auth(&self) -> Auth {
        Auth::Basic
    }

    fn pace(&self) -> Pace {
        Pace { every: 15 * MINUTE, between: 2100 }
    }

    fn is_home(&self, host: &str) -> bool {
        host != "langfuse.com" && is_under(host, "langfuse.com")
    }

    fn knock(&self) -> Option<Request> {
        Some(Request::get(HEALTH))
    }

    fn is_it(&self, answer: &Answer<'_>) -> bool {
        project::health(answer).is_some()
    }

    fn begin(&self, plan: &Plan) -> Vec<Ask> {
        vec![
            Ask::new(what::PROJECT, Request::get("/api/public/projects")),
            Ask::new(what::VERSION, Request::get(HEALTH)),
            observations::first(plan),
        ]
    }

    fn read(&self, ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
        match ask.what {
            what::PROJECT => project::project(answer),
            what::VERSION => Ok(News::facts(project::health(answer).map(GatewayFact::Version).into_iter().collect())),
            what::OBSERVATIONS => observations::page(ask, answer, plan),
            what::METRICS => metrics::metrics(ask, answer),
            what::DAILY => metrics::daily(ask, answer),
            _ => Ok(News::default()),
        }
    }

    fn advice(&self, _: &Me) -> Vec<String> {
        vec![
            "this pair of keys sees the spend and the calls of everybody in its project, and of no other project".to_owned(),
            "write it as PUBLIC:SECRET, such as pk-lf-…:sk-lf-…; Langfuse has no pair that only reads".to_owned(),
            "Langfuse watches calls after they were made: it can neither cap nor stop anybody".to_owned(),
        ]
    }
}
