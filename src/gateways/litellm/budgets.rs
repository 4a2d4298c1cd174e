//! Budgets: of keys, users, teams, members of teams, customers and tags.

use serde::Deserialize;

use super::super::answer::{Usd, instant, some};
use super::super::{Answer, Ask, DAY, News, Refusal, Request};
use super::what;
use crate::model::{GatewayBudget, GatewayFact, Millis, Named, Whose};

/// Rows of a page.
const PAGE: usize = 100;

/// A key, from `/key/info` and `/key/list`.
#[derive(Deserialize)]
pub(super) struct KeyRow {
    #[serde(default)]
    pub(super) token: Option<String>,
    #[serde(default)]
    pub(super) key_alias: Option<String>,
    #[serde(default)]
    key_name: Option<String>,
    #[serde(default)]
    pub(super) key_type: Option<String>,
    #[serde(default)]
    pub(super) user_id: Option<String>,
    #[serde(default)]
    pub(super) team_id: Option<String>,
    #[serde(default)]
    pub(super) spend: Usd,
    #[serde(default)]
    pub(super) max_budget: Usd,
    #[serde(default)]
    pub(super) budget_duration: Option<String>,
    #[serde(default)]
    budget_reset_at: Option<String>,
    #[serde(default)]
    blocked: Option<bool>,
}

/// A user, from `/user/list` and `/v2/user/info`.
#[derive(Deserialize)]
pub(super) struct UserRow {
    pub(super) user_id: String,
    #[serde(default)]
    pub(super) user_alias: Option<String>,
    #[serde(default)]
    pub(super) user_email: Option<String>,
    #[serde(default)]
    pub(super) spend: Usd,
    #[serde(default)]
    pub(super) max_budget: Usd,
    #[serde(default)]
    pub(super) budget_duration: Option<String>,
    #[serde(default)]
    pub(super) budget_reset_at: Option<String>,
}

/// A team, from `/team/list`, and within `/team/info`.
#[derive(Deserialize)]
pub(super) struct TeamRow {
    pub(super) team_id: String,
    #[serde(default)]
    pub(super) team_alias: Option<String>,
    #[serde(default)]
    pub(super) spend: Usd,
    #[serde(default)]
    pub(super) max_budget: Usd,
    #[serde(default)]
    pub(super) budget_duration: Option<String>,
    #[serde(default)]
    budget_reset_at: Option<String>,
    #[serde(default)]
    blocked: Option<bool>,
    #[serde(default)]
    team_memberships: Option<Vec<MemberRow>>,
}

/// A user's membership in a team.
#[derive(Deserialize)]
pub(super) struct MemberRow {
    pub(super) user_id: String,
    #[serde(default)]
    team_id: Option<String>,
    #[serde(default)]
    pub(super) spend: Usd,
    #[serde(default)]
    pub(super) litellm_budget_table: Option<Table>,
}

/// A row of the table of budgets.
#[derive(Deserialize)]
pub(super) struct Table {
    #[serde(default)]
    pub(super) max_budget: Usd,
    #[serde(default)]
    pub(super) budget_duration: Option<String>,
    #[serde(default)]
    budget_reset_at: Option<String>,
}

/// A customer, from `/customer/list` and `/customer/info`.
#[derive(Deserialize)]
pub(super) struct CustomerRow {
    pub(super) user_id: String,
    #[serde(default)]
    pub(super) alias: Option<String>,
    #[serde(default)]
    pub(super) spend: Usd,
    #[serde(default)]
    blocked: Option<bool>,
    #[serde(default)]
    pub(super) litellm_budget_table: Option<Table>,
}

#[derive(Deserialize)]
struct TagRow {
    name: String,
    #[serde(default)]
    spend: Usd,
    #[serde(default)]
    litellm_budget_table: Option<Table>,
}

#[derive(Deserialize)]
struct Keys {
    #[serde(default)]
    pub(super) keys: Option<Vec<KeyRow>>,
    #[serde(default)]
    total_pages: Option<u32>,
}

#[derive(Deserialize)]
struct Users {
    #[serde(default)]
    users: Option<Vec<UserRow>>,
    #[serde(default)]
    total_pages: Option<u32>,
}

#[derive(Deserialize)]
struct TeamInfo {
    team_info: TeamRow,
    #[serde(default)]
    team_memberships: Option<Vec<MemberRow>>,
}

pub(super) fn keys_path(page: u32) -> String {
    format!("/key/list?return_full_object=true&size={PAGE}&page={page}")
}

pub(super) fn users_path(page: u32) -> String {
    format!("/user/list?page={page}&page_size={PAGE}")
}

pub(super) fn keys(ask: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("budgets of keys"));
    }
    let Keys { keys, total_pages } = answer.json()?;
    let keys = keys.unwrap_or_default();
    let with_ids: Vec<(&str, &KeyRow)> = keys.iter().filter_map(|row| Some((row.token.as_deref()?, row))).collect();
    let names = with_ids.iter().map(|(token, row)| key_name(token, row)).collect();
    let budgets = with_ids.iter().map(|(token, row)| key_budget(token, row)).collect();
    let asks = next(ask, total_pages, what::KEYS, keys_path);
    Ok(News { facts: vec![GatewayFact::Names(names), GatewayFact::Budgets(budgets)], asks })
}

pub(super) fn users(ask: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("budgets of users"));
    }
    let Users { users, total_pages } = answer.json()?;
    let users = users.unwrap_or_default();
    let facts =
        vec![GatewayFact::Names(users.iter().map(user_name).collect()), GatewayFact::Budgets(users.iter().map(user_budget).collect())];
    Ok(News { facts, asks: next(ask, total_pages, what::USERS, users_path) })
}

/// The question for the next page, if there is one.
fn next(ask: &Ask, total_pages: Option<u32>, what: &'static str, path: fn(u32) -> String) -> Vec<Ask> {
    let page: u32 = ask.at.parse().unwrap_or(1);
    let has_more = total_pages.is_some_and(|total| page < total);
    has_more.then(|| Ask::at(what, (page + 1).to_string(), Request::get(path(page + 1)))).into_iter().collect()
}

pub(super) fn teams(answer: &Answer<'_>) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("budgets of teams"));
    }
    let teams: Vec<TeamRow> = answer.json()?;
    let mut budgets = Vec::new();
    let mut names = Vec::new();
    for team in &teams {
        team_facts(team, team.team_memberships.as_deref().unwrap_or_default(), &mut names, &mut budgets);
    }
    Ok(News::facts(vec![GatewayFact::Names(names), GatewayFact::Budgets(budgets)]))
}

pub(super) fn team(answer: &Answer<'_>) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("the budget of your team"));
    }
    let TeamInfo { team_info, team_memberships } = answer.json()?;
    let (mut names, mut budgets) = (Vec::new(), Vec::new());
    team_facts(&team_info, team_memberships.as_deref().unwrap_or_default(), &mut names, &mut budgets);
    Ok(News::facts(vec![GatewayFact::Names(names), GatewayFact::Budgets(budgets)]))
}

fn team_facts(team: &TeamRow, members: &[MemberRow], names: &mut Vec<Named>, budgets: &mut Vec<GatewayBudget>) {
    let call_it = |whose, id: &str, name: Option<String>, team| Named { whose, id: id.to_owned(), name, team, user: None };
    names.push(call_it(Whose::Team, &team.team_id, some(team.team_alias.clone()), None));
    budgets.push(GatewayBudget {
        blocked: team.blocked.unwrap_or(false),
        ..budget(Whose::Team, &team.team_id, team.max_budget, team.spend, team.budget_duration.as_deref(), team.budget_reset_at.as_deref())
    });
    for member in members {
        budgets.extend(member_budget(member, Some(&team.team_id)));
    }
}

/// A plain user's own membership. Older releases do not know the question; `/team/info` has told it then.
pub(super) fn member(answer: &Answer<'_>) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::default());
    }
    let row: MemberRow = answer.json()?;
    Ok(News::facts(vec![GatewayFact::Budgets(member_budget(&row, None).into_iter().collect())]))
}

fn member_budget(row: &MemberRow, team: Option<&str>) -> Option<GatewayBudget> {
    let table = row.litellm_budget_table.as_ref()?;
    table.max_budget.0?;
    let team = team.map(str::to_owned).or_else(|| row.team_id.clone())?;
    let of = budget(
        Whose::Member,
        &row.user_id,
        table.max_budget,
        row.spend,
        table.budget_duration.as_deref(),
        table.budget_reset_at.as_deref(),
    );
    Some(GatewayBudget { team: Some(team), ..of })
}

/// Customers come into being by themselves, one for each session of Claude Code: those with a budget are told.
pub(super) fn customers(answer: &Answer<'_>) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("budgets of customers"));
    }
    let rows: Vec<CustomerRow> = answer.json()?;
    let mut names = Vec::new();
    let mut budgets = Vec::new();
    for row in &rows {
        let Some(table) = row.litellm_budget_table.as_ref().filter(|table| table.max_budget.0.is_some()) else { continue };
        names.push(Named { whose: Whose::Customer, id: row.user_id.clone(), name: some(row.alias.clone()), team: None, user: None });
        budgets.push(GatewayBudget {
            blocked: row.blocked.unwrap_or(false),
            ..budget(
                Whose::Customer,
                &row.user_id,
                table.max_budget,
                row.spend,
                table.budget_duration.as_deref(),
                table.budget_reset_at.as_deref(),
            )
        });
    }
    Ok(News::facts(vec![GatewayFact::Names(names), GatewayFact::Budgets(budgets)]))
}

pub(super) fn tags(answer: &Answer<'_>) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("budgets of tags"));
    }
    let rows: Vec<TagRow> = answer.json()?;
    let budgets = rows.iter().filter_map(|row| {
        let table = row.litellm_budget_table.as_ref().filter(|table| table.max_budget.0.is_some())?;
        Some(budget(Whose::Tag, &row.name, table.max_budget, row.spend, table.budget_duration.as_deref(), table.budget_reset_at.as_deref()))
    });
    Ok(News::facts(vec![GatewayFact::Budgets(budgets.collect())]))
}

pub(super) fn key_name(token: &str, row: &KeyRow) -> Named {
    let name = some(row.key_alias.clone()).or_else(|| some(row.key_name.clone()));
    Named { whose: Whose::Key, id: token.to_owned(), name, team: some(row.team_id.clone()), user: some(row.user_id.clone()) }
}

pub(super) fn key_budget(token: &str, row: &KeyRow) -> GatewayBudget {
    let of = budget(Whose::Key, token, row.max_budget, row.spend, row.budget_duration.as_deref(), row.budget_reset_at.as_deref());
    GatewayBudget { blocked: row.blocked.unwrap_or(false), ..of }
}

pub(super) fn user_name(row: &UserRow) -> Named {
    let name = some(row.user_alias.clone()).or_else(|| some(row.user_email.clone()));
    Named { whose: Whose::User, id: row.user_id.clone(), name, team: None, user: None }
}

pub(super) fn user_budget(row: &UserRow) -> GatewayBudget {
    budget(Whose::User, &row.user_id, row.max_budget, row.spend, row.budget_duration.as_deref(), row.budget_reset_at.as_deref())
}

fn budget(whose: Whose, id: &str, limit: Usd, spent: Usd, period: Option<&str>, resets_at: Option<&str>) -> GatewayBudget {
    let resets_at = instant(resets_at);
    GatewayBudget {
        whose,
        id: id.to_owned(),
        team: None,
        limit: limit.0,
        spent: spent.0,
        since: resets_at.zip(period).and_then(|(end, period)| began(end, period)),
        period: some(period.map(str::to_owned)),
        resets_at,
        blocked: false,
    }
}

/// When the period began that ends then. Periods of thirty days are months of the calendar here.
fn began(end: Millis, period: &str) -> Option<Millis> {
    const HOUR: Millis = 3_600_000;
    let digits = period.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let count: Millis = if digits.is_empty() { 1 } else { digits.parse().ok()? };
    let unit = match period.get(digits.len()..)? {
        "s" => 1000,
        "m" => 60_000,
        "h" => HOUR,
        "d" | "daily" => DAY,
        "w" | "weekly" => 7 * DAY,
        "mo" | "monthly" => return Some(month_before(end)),
        _ => return None,
    };
    if (count, unit) == (30, DAY) { Some(month_before(end)) } else { end.checked_sub(count.checked_mul(unit)?) }
}

fn month_before(end: Millis) -> Millis {
    use chrono::Months;
    let end = crate::model::time::utc(end);
    end.checked_sub_months(Months::new(1)).unwrap_or(end).timestamp_millis()
}
