//! Names of keys and workspaces, and what kind of key asks.
//!
//! `GET /v1/organizations/api_keys` and `/workspaces`. A key for analytics may list neither, which is how it is known.

use serde::Deserialize;

use super::super::answer::{escaped, some};
use super::super::sheet::{is_closed, next_page};
use super::super::{Answer, Ask, News, Refusal};
use super::{get, what};
use crate::model::{GatewayFact, Me, Named, Whose};

/// The role of a key that reads analytics and nothing else.
pub(super) const ANALYTICS: &str = "analytics key";
/// The role of an Admin API key.
const ADMIN: &str = "admin key";

#[derive(Deserialize)]
struct Page {
    data: Vec<Row>,
    #[serde(default)]
    has_more: Option<bool>,
    #[serde(default)]
    last_id: Option<String>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default)]
    scope: Option<Scope>,
}

#[derive(Deserialize)]
struct Scope {
    #[serde(default)]
    workspace_id: Option<String>,
}

fn path(of: &str, after: Option<&str>) -> String {
    let after = after.map(|id| format!("&after_id={}", escaped(id))).unwrap_or_default();
    format!("/v1/organizations/{of}{after}")
}

pub(super) fn keys_ask(after: Option<&str>) -> Ask {
    Ask::new(what::KEYS, get(path("api_keys?limit=1000", after)))
}

pub(super) fn workspaces_ask(after: Option<&str>) -> Ask {
    Ask::new(what::WORKSPACES, get(path("workspaces?limit=100&include_archived=true", after)))
}

fn me(role: &str) -> GatewayFact {
    GatewayFact::Me(Me { role: role.to_owned(), sees_all: true, ..Me::default() })
}

pub(super) fn keys(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    if is_closed(answer) {
        return Ok(News::facts(vec![me(ANALYTICS), GatewayFact::Cannot("names of keys")]));
    }
    let mut news = named(asked, answer, Whose::Key, keys_ask)?;
    news.facts.insert(0, me(ADMIN));
    Ok(news)
}

pub(super) fn workspaces(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    if is_closed(answer) {
        return Ok(News::cannot("names of workspaces"));
    }
    named(asked, answer, Whose::Team, workspaces_ask)
}

fn named(asked: &Ask, answer: &Answer<'_>, whose: Whose, ask: fn(Option<&str>) -> Ask) -> Result<News, Refusal> {
    let page: Page = answer.json()?;
    let next = next_page(asked, page.last_id.filter(|_| page.has_more == Some(true)));
    let names = page.data.into_iter().filter_map(|row| {
        let team = some(row.scope.and_then(|scope| scope.workspace_id)).or_else(|| some(row.workspace_id));
        Some(Named { whose, id: some(row.id)?, name: some(row.name), team, user: None })
    });
    let facts = vec![GatewayFact::Names(names.collect())];
    Ok(News { facts, asks: next.map(|next| ask(Some(&next))).into_iter().collect() })
}
