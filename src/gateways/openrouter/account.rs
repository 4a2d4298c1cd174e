//! What a management key sees: days that are over, members, workspaces, and keys with what they have spent today.

use serde::{Deserialize, Serialize};

use super::super::answer::{Count, Usd, day, escaped, some};
use super::super::sheet::{Sheet, is_closed, packed, unpacked};
use super::super::{Answer, Ask, News, Plan, Refusal, Request};
use super::own::{both, budget, spent};
use super::what;
use crate::model::{DaySpend, GatewayBudget, GatewayFact, Named, Tokens, Whose};

/// Days that `/activity` goes back.
const DAYS: i64 = 30;
/// Rows of a page of members and of workspaces; the most that there may be.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Activity {
    data: Vec<Item>,
}

/// A day of a model, an endpoint and a workspace.
#[derive(Deserialize)]
struct Item {
    date: String,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default)]
    usage: Usd,
    #[serde(default)]
    byok_usage_inference: Usd,
    #[serde(default)]
    requests: Count,
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    cached_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(default)]
    reasoning_tokens: Count,
}

#[derive(Deserialize)]
struct Members {
    data: Vec<Member>,
}

#[derive(Deserialize)]
struct Member {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    first_name: Option<String>,
    #[serde(default)]
    last_name: Option<String>,
}

#[derive(Deserialize)]
struct Workspaces {
    data: Vec<Workspace>,
}

#[derive(Deserialize)]
struct Workspace {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct Keys {
    data: Vec<KeyRow>,
}

/// A key, from `/keys` and `/keys/{hash}`.
#[derive(Deserialize)]
pub(super) struct KeyRow {
    #[serde(default)]
    pub(super) hash: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    disabled: Option<bool>,
    #[serde(default)]
    creator_user_id: Option<String>,
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default)]
    pub(super) limit: Usd,
    #[serde(default)]
    pub(super) limit_remaining: Usd,
    #[serde(default)]
    pub(super) limit_reset: Option<String>,
    #[serde(default)]
    usage_daily: Usd,
    #[serde(default)]
    byok_usage_daily: Usd,
}

impl KeyRow {
    /// Its name for people.
    pub(super) fn title(&self) -> Option<String> {
        some(self.name.clone()).or_else(|| some(self.label.clone()))
    }
}

/// A walk through the keys of all workspaces.
#[derive(Serialize, Deserialize)]
struct Walk {
    /// Today's spend so far.
    sheet: Sheet,
    /// The workspace that is being read; the default one where none could be listed.
    workspace: Option<String>,
    /// Those that come after it.
    left: Vec<String>,
    /// Keys of this workspace that are read.
    offset: usize,
    /// The first key of the last page, by which a server that knows no pages is known.
    first: Option<String>,
}

/// An ordinary key is answered 401 or 403.
fn is_denied(answer: &Answer<'_>) -> bool {
    is_closed(answer) || answer.status == 401
}

pub(super) fn activity(answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if is_denied(answer) {
        return Ok(News::cannot("spend of days that are over"));
    }
    let yesterday = plan.today() - 1;
    let mut sheet = Sheet::new(plan.from_day.max(plan.today() - DAYS), yesterday);
    for item in answer.json::<Activity>()?.data {
        let Some(day) = day(&item.date) else { continue };
        let prompt = item.prompt_tokens.0;
        // Answers from OpenRouter's own cache are counted as read beyond the prompt.
        let cache_read = item.cached_tokens.0.min(prompt);
        let output = item.completion_tokens.0;
        sheet.add(DaySpend {
            day,
            team: some(item.workspace_id),
            model: some(item.model),
            spend: both(item.usage, item.byok_usage_inference),
            requests: item.requests.0,
            tokens: Tokens {
                input: prompt - cache_read,
                cache_read,
                output,
                reasoning: item.reasoning_tokens.0.min(output),
                ..Tokens::default()
            },
            ..DaySpend::default()
        });
    }
    Ok(News::facts(sheet.until_last().into_iter().collect()))
}

pub(super) fn members_ask(offset: usize) -> Ask {
    Ask::at(what::MEMBERS, offset.to_string(), Request::get(format!("/api/v1/organization/members?limit={PAGE}&offset={offset}")))
}

/// The members' names. An account that is no organization has none, whatever it is answered with.
pub(super) fn members(ask: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    if is_denied(answer) || answer.status == 400 {
        return Ok(News::default());
    }
    let rows = answer.json::<Members>()?.data;
    let offset: usize = unpacked(ask)?;
    let asks = if rows.len() < PAGE { Vec::new() } else { vec![members_ask(offset.saturating_add(rows.len()))] };
    let names = rows.into_iter().filter_map(|row| {
        let name = [row.first_name, row.last_name].into_iter().filter_map(some).collect::<Vec<_>>().join(" ");
        Some(Named { whose: Whose::User, id: some(row.id)?, name: some(Some(name)).or_else(|| some(row.email)), team: None, user: None })
    });
    Ok(News { facts: vec![GatewayFact::Names(names.collect())], asks })
}

/// The question for a page of workspaces; those that are known already travel with it.
pub(super) fn workspaces_ask(known: &str, offset: usize) -> Ask {
    Ask::at(what::WORKSPACES, known, Request::get(format!("/api/v1/workspaces?limit={PAGE}&offset={offset}")))
}

pub(super) fn workspaces(ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    let mut known: Vec<String> = unpacked(ask)?;
    let rows = if is_denied(answer) { Vec::new() } else { answer.json::<Workspaces>()?.data };
    let is_full = rows.len() >= PAGE;
    let before = known.len();
    let names: Vec<Named> = rows
        .into_iter()
        .filter_map(|row| Some(Named { whose: Whose::Team, id: some(row.id)?, name: some(row.name), team: None, user: None }))
        .collect();
    for workspace in &names {
        if !known.contains(&workspace.id) {
            known.push(workspace.id.clone());
        }
    }
    let next = if is_full && known.len() > before {
        workspaces_ask(&packed(&known), known.len())
    } else {
        let sheet = Sheet::new(plan.today(), plan.today());
        let mut left = known;
        left.reverse();
        keys_ask(&Walk { sheet, workspace: left.pop(), left, offset: 0, first: None })
    };
    Ok(News { facts: vec![GatewayFact::Names(names)], asks: vec![next] })
}

fn keys_ask(walk: &Walk) -> Ask {
    let workspace = walk.workspace.as_deref().map(|id| format!("&workspace_id={}", escaped(id))).unwrap_or_default();
    let path = format!("/api/v1/keys?include_disabled=true&offset={}{workspace}", walk.offset);
    Ask::at(what::KEYS, packed(walk), Request::get(path))
}

pub(super) fn keys(ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if is_denied(answer) {
        return Ok(News::cannot("keys, and what they have spent today"));
    }
    let mut walk: Walk = unpacked(ask)?;
    let rows = answer.json::<Keys>()?.data;
    let first = rows.first().and_then(|row| row.hash.clone());
    if rows.is_empty() || (first.is_some() && first == walk.first) {
        let Some(next) = walk.left.pop() else {
            // Of a day that has ended meanwhile no whole figure was told.
            let days = Some(walk.sheet).filter(|sheet| sheet.ends_with(plan.today())).map(Sheet::days);
            return Ok(News::facts(days.into_iter().collect()));
        };
        walk = Walk { workspace: Some(next), offset: 0, first: None, ..walk };
        return Ok(News { facts: Vec::new(), asks: vec![keys_ask(&walk)] });
    }
    walk.offset = walk.offset.saturating_add(rows.len());
    walk.first = first;
    let (mut names, mut budgets) = (Vec::new(), Vec::new());
    for row in rows {
        let Some(hash) = some(row.hash.clone()) else { continue };
        let (user, team) = (some(row.creator_user_id.clone()), some(row.workspace_id.clone()));
        names.push(Named { whose: Whose::Key, id: hash.clone(), name: row.title(), team: team.clone(), user: user.clone() });
        budgets.extend(of_key(&row, &hash, plan));
        walk.sheet.add(DaySpend {
            day: plan.today(),
            user,
            team,
            key: Some(hash),
            spend: both(row.usage_daily, row.byok_usage_daily),
            ..DaySpend::default()
        });
    }
    Ok(News { facts: vec![GatewayFact::Names(names), GatewayFact::Budgets(budgets)], asks: vec![keys_ask(&walk)] })
}

/// The limit of a key; one that has none is told where it is disabled.
fn of_key(row: &KeyRow, hash: &str, plan: &Plan) -> Option<GatewayBudget> {
    let blocked = row.disabled.unwrap_or(false);
    if row.limit.0.is_none() && !blocked {
        return None;
    }
    let budget = budget(Whose::Key, hash, row.limit, spent(row.limit, row.limit_remaining), row.limit_reset.clone(), plan.now);
    Some(GatewayBudget { blocked, ..budget })
}
