//! Names of users and projects, and the limits of the organization and of each project: `…/spend_limit`, per month.

use serde::Deserialize;

use super::super::answer::{Cents, escaped, segment, some};
use super::super::sheet::{is_closed, next_page, running};
use super::super::{Answer, Ask, News, Plan, Refusal, Request};
use super::what;
use crate::model::{GatewayBudget, GatewayFact, Me, Named, Whose};

/// Rows of a page; the most that there may be.
const PAGE: usize = 100;
/// What the organization is called here.
const ORGANIZATION: &str = "organization";

#[derive(Deserialize)]
struct Page {
    data: Vec<Row>,
    #[serde(default)]
    has_more: Option<bool>,
    #[serde(default)]
    last_id: Option<String>,
}

/// A user or a project.
#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    status: Option<String>,
    /// Newer answers have a user's name in here.
    #[serde(default)]
    user: Option<User>,
}

#[derive(Deserialize)]
struct User {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
}

#[derive(Deserialize)]
struct Limit {
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    interval: Option<String>,
    /// In cents.
    #[serde(default)]
    threshold_amount: Cents,
    #[serde(default)]
    enforcement: Option<Enforcement>,
}

#[derive(Deserialize)]
struct Enforcement {
    #[serde(default)]
    status: Option<String>,
}

fn list_ask(what: &'static str, of: &str, after: Option<&str>) -> Ask {
    let after = after.map(|id| format!("&after={}", escaped(id))).unwrap_or_default();
    Ask::new(what, Request::get(format!("/v1/organization/{of}?limit={PAGE}{after}")))
}

pub(super) fn users_ask(after: Option<&str>) -> Ask {
    list_ask(what::USERS, "users", after)
}

pub(super) fn projects_ask(after: Option<&str>) -> Ask {
    list_ask(what::PROJECTS, "projects", after)
}

pub(super) fn limit_ask() -> Ask {
    Ask::new(what::LIMIT, Request::get("/v1/organization/spend_limit"))
}

fn project_ask(project: &str) -> Option<Ask> {
    let path = format!("/v1/organization/projects/{}/spend_limit", segment(project)?);
    Some(Ask::at(what::PROJECT_LIMIT, project, Request::get(path)))
}

pub(super) fn users(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    let me = GatewayFact::Me(Me { role: "admin key".to_owned(), sees_all: true, ..Me::default() });
    if is_closed(answer) {
        return Ok(News::facts(vec![me, GatewayFact::Cannot("names of users")]));
    }
    let page: Page = answer.json()?;
    let next = next_page(asked, page.last_id.filter(|_| page.has_more == Some(true)));
    let names = page.data.into_iter().filter_map(|row| {
        let (name, email) = row.user.map_or((None, None), |user| (user.name, user.email));
        let name = [row.name, name, row.email, email].into_iter().find_map(some);
        Some(Named { whose: Whose::User, id: some(row.id)?, name, team: None, user: None })
    });
    let facts = vec![me, GatewayFact::Names(names.collect())];
    Ok(News { facts, asks: next.map(|next| users_ask(Some(&next))).into_iter().collect() })
}

pub(super) fn projects(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    if is_closed(answer) {
        return Ok(News::cannot("names and limits of projects"));
    }
    let page: Page = answer.json()?;
    let next = next_page(asked, page.last_id.filter(|_| page.has_more == Some(true)));
    let mut asks: Vec<Ask> = next.map(|next| projects_ask(Some(&next))).into_iter().collect();
    let mut names = Vec::new();
    for row in page.data {
        let Some(id) = some(row.id) else { continue };
        if row.status.as_deref() != Some("archived") {
            asks.extend(project_ask(&id));
        }
        names.push(Named { whose: Whose::Team, id, name: some(row.name), team: None, user: None });
    }
    Ok(News { facts: vec![GatewayFact::Names(names)], asks })
}

/// The limit of the organization, or of the project that travels with the question. Who has none is answered 404.
pub(super) fn limit(asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if answer.status == 404 {
        return Ok(News::default());
    }
    if is_closed(answer) {
        return Ok(News::cannot(if asked.what == what::LIMIT { "the limit of the organization" } else { "limits of projects" }));
    }
    let limit: Limit = answer.json()?;
    if limit.currency.is_some_and(|currency| !currency.eq_ignore_ascii_case("usd")) {
        return Ok(News::cannot("budgets in another currency than US dollars"));
    }
    let Some(amount) = limit.threshold_amount.0 else { return Ok(News::default()) };
    let (whose, id) =
        if asked.what == what::LIMIT { (Whose::Organization, ORGANIZATION.to_owned()) } else { (Whose::Team, asked.at.clone()) };
    let running = running(limit.interval.as_deref(), plan.now);
    let budget = GatewayBudget {
        whose,
        id,
        team: None,
        limit: Some(amount),
        spent: None,
        period: some(limit.interval),
        since: running.map(|window| window.from),
        resets_at: running.map(|window| window.to),
        blocked: limit.enforcement.and_then(|enforcement| enforcement.status).as_deref() == Some("enforcing"),
    };
    Ok(News::facts(vec![GatewayFact::Budgets(vec![budget])]))
}
