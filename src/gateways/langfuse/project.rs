//! What the keys belong to, and the version: `GET /api/public/projects` and `/api/public/health`.

use serde::Deserialize;

use super::super::answer::some;
use super::super::sheet::is_closed;
use super::super::{Answer, News, Refusal};
use crate::model::{GatewayFact, Me};

#[derive(Deserialize)]
struct Health {
    status: String,
    version: String,
}

#[derive(Deserialize)]
struct Projects {
    data: Vec<Project>,
}

#[derive(Deserialize)]
struct Project {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

/// The version, where the answer is Langfuse's.
pub(super) fn health(answer: &Answer<'_>) -> Option<String> {
    let health: Health = answer.json().ok()?;
    some(Some(health.version)).filter(|_| health.status == "OK")
}

pub(super) fn project(answer: &Answer<'_>) -> Result<News, Refusal> {
    let project = if is_closed(answer) { None } else { answer.json::<Projects>()?.data.into_iter().next() };
    let (id, name) = project.map_or((None, None), |project| (some(project.id), some(project.name)));
    let me = Me { alias: name, teams: id.into_iter().collect(), role: "keys of a project".to_owned(), sees_all: true, ..Me::default() };
    Ok(News::facts(vec![GatewayFact::Me(me)]))
}
