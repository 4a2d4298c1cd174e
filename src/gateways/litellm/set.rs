//! Setting budgets, and the traps of it.
//!
//! * `/user/update` silently makes a user that it does not know, so whoever is meant is looked up first.
//! * What has been counted stays when a budget is set: a new low one may be exceeded from its first moment.
//! * A key that belongs to a team does not obey its user's own budget (unless `apply_user_budget_to_team_keys` is set).

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::{Usd, escaped, segment, some};
use super::super::{Answer, BudgetWish, Holder, Per, Refusal, Request};
use super::budgets::{CustomerRow, KeyRow, MemberRow, TeamRow};
use crate::model::{Money, Whose};

pub(super) fn find(wish: &BudgetWish) -> Option<Request> {
    let id = escaped(&wish.id);
    Some(Request::get(match wish.whose {
        Whose::User => format!("/user/info?user_id={id}"),
        Whose::Team => format!("/team/info?team_id={id}"),
        Whose::Member => format!("/team/info?team_id={}", escaped(wish.team.as_deref()?)),
        Whose::Key if is_hash(&wish.id) => format!("/key/info?key={id}"),
        Whose::Key => format!("/key/list?return_full_object=true&size=100&page=1&key_alias={id}"),
        Whose::Customer => format!("/customer/info?end_user_id={id}"),
        Whose::Tag | Whose::Model | Whose::Organization => return None,
    }))
}

fn is_hash(id: &str) -> bool {
    id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit())
}

#[derive(Deserialize)]
struct UserAnswer {
    user_info: Option<UserRow>,
    #[serde(default)]
    keys: Option<Vec<KeyRow>>,
}

#[derive(Deserialize)]
struct UserRow {
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    user_alias: Option<String>,
    #[serde(default)]
    user_email: Option<String>,
    #[serde(default)]
    spend: Usd,
    #[serde(default)]
    max_budget: Usd,
    #[serde(default)]
    budget_duration: Option<String>,
}

#[derive(Deserialize)]
struct TeamAnswer {
    team_info: TeamRow,
    #[serde(default)]
    team_memberships: Option<Vec<MemberRow>>,
}

#[derive(Deserialize)]
struct KeyAnswer {
    #[serde(default)]
    key: Option<String>,
    #[serde(default)]
    info: Option<KeyRow>,
    #[serde(default)]
    keys: Option<Vec<KeyRow>>,
}

pub(super) fn found(wish: &BudgetWish, answer: &Answer<'_>) -> Result<Option<Holder>, Refusal> {
    if answer.status == 404 {
        return Ok(None);
    }
    match wish.whose {
        Whose::User => Ok(user(answer.json()?, &wish.id)),
        Whose::Team => {
            let row = answer.json::<TeamAnswer>()?.team_info;
            let mut holder = holder(&row.team_id, row.team_alias, row.max_budget, row.budget_duration, row.spend);
            if wish.reset {
                holder.notes.push("LiteLLM cannot set back what a team has spent; that happens when its period ends".to_owned());
            }
            Ok(Some(holder))
        }
        Whose::Member => {
            let rows = answer.json::<TeamAnswer>()?.team_memberships.unwrap_or_default();
            Ok(rows.into_iter().find(|row| row.user_id == wish.id).map(|row| {
                let (limit, period) = row.litellm_budget_table.map_or((Usd(None), None), |table| (table.max_budget, table.budget_duration));
                holder(&row.user_id, None, limit, period, row.spend)
            }))
        }
        Whose::Key => key(answer.json()?),
        Whose::Customer => {
            let row: CustomerRow = answer.json()?;
            let (limit, period) = row.litellm_budget_table.map_or((Usd(None), None), |table| (table.max_budget, table.budget_duration));
            let mut holder = holder(&row.user_id, row.alias, limit, period, row.spend);
            if wish.reset {
                holder.notes.push("LiteLLM cannot set back what a customer has spent; that happens when the period ends".to_owned());
            }
            Ok(Some(holder))
        }
        Whose::Tag | Whose::Model | Whose::Organization => Ok(None),
    }
}

fn holder(id: &str, name: Option<String>, limit: Usd, period: Option<String>, spent: Usd) -> Holder {
    Holder { id: id.to_owned(), name: some(name), limit: limit.0, period: some(period), spent: spent.0, notes: Vec::new() }
}

fn user(answer: UserAnswer, id: &str) -> Option<Holder> {
    // A release that knows nobody of the name may answer with an empty form.
    let row = answer.user_info.filter(|row| row.user_id.as_deref() == Some(id))?;
    let name = some(row.user_alias).or_else(|| some(row.user_email));
    let mut holder = holder(id, name, row.max_budget, row.budget_duration, row.spend);
    let of_teams = answer.keys.unwrap_or_default().iter().filter(|key| key.team_id.as_deref().is_some_and(|team| !team.is_empty())).count();
    if of_teams > 0 {
        holder.notes.push(format!(
            "{of_teams} of this user's keys belong to a team: those do not obey a user's own budget (unless the gateway has apply_user_budget_to_team_keys); set the member's budget as well: --team TEAM"
        ));
    }
    Some(holder)
}

fn key(answer: KeyAnswer) -> Result<Option<Holder>, Refusal> {
    if let (Some(token), Some(row)) = (answer.key, answer.info) {
        return Ok(Some(holder(&token, row.key_alias, row.max_budget, row.budget_duration, row.spend)));
    }
    let mut rows = answer.keys.unwrap_or_default();
    if rows.len() > 1 {
        return Err(Refusal::Refused { status: 409, why: format!("{} keys have this name: give the key's hash", rows.len()) });
    }
    Ok(rows.pop().and_then(|row| Some(holder(&row.token?, row.key_alias, row.max_budget, row.budget_duration, row.spend))))
}

/// `LiteLLM`'s words for periods: midnight, Monday, the first of the month.
const fn period(per: Per) -> &'static str {
    match per {
        Per::Day => "1d",
        Per::Week => "7d",
        Per::Month => "30d",
    }
}

pub(super) fn requests(wish: &BudgetWish, holder: &Holder) -> Vec<Request> {
    let limit = wish.limit.map_or(Value::Null, usd);
    let duration = if wish.limit.is_some() { json!(period(wish.per)) } else { Value::Null };
    let mut out = Vec::new();
    match wish.whose {
        Whose::User => {
            let mut body = json!({"user_id": holder.id, "max_budget": limit, "budget_duration": duration});
            if wish.reset
                && let Some(body) = body.as_object_mut()
            {
                body.insert("spend".to_owned(), json!(0));
            }
            out.push(Request::post("/user/update", &body));
        }
        Whose::Team => {
            out.push(Request::post("/team/update", &json!({"team_id": holder.id, "max_budget": limit, "budget_duration": duration})));
        }
        Whose::Member => {
            let body = json!({"team_id": wish.team, "user_id": holder.id, "max_budget_in_team": limit, "budget_duration": duration});
            out.push(Request::post("/team/member_update", &body));
            let ids = || Some((segment(wish.team.as_deref()?)?, segment(&holder.id)?));
            if let (true, Some((team, member))) = (wish.reset, ids()) {
                let path = format!("/team/{team}/member/{member}/reset_spend");
                out.push(Request::post(path, &json!({"reset_to": 0})));
            }
        }
        Whose::Key => {
            out.push(Request::post("/key/update", &json!({"key": holder.id, "max_budget": limit, "budget_duration": duration})));
            if let (true, Some(key)) = (wish.reset, segment(&holder.id)) {
                out.push(Request::post(format!("/key/{key}/reset_spend"), &json!({"reset_to": 0})));
            }
        }
        // A customer has no period: only a budget of its own has one.
        Whose::Customer if wish.limit.is_some() => {
            let id = customer_budget(&holder.id);
            let body = json!({"budget_id": id, "max_budget": limit, "budget_duration": duration});
            out.push(Request::post("/budget/new", &body));
            out.push(Request::post("/budget/update", &body));
            out.push(Request::post("/customer/update", &json!({"user_id": holder.id, "budget_id": id})));
        }
        // No order takes a customer's budget away but the end of the budget itself; one that others have made stays.
        Whose::Customer => out.push(Request::post("/budget/delete", &json!({"id": customer_budget(&holder.id)}))),
        Whose::Tag | Whose::Model | Whose::Organization => {}
    }
    out
}

/// The name of the budget that is made for a customer from here.
fn customer_budget(customer: &str) -> String {
    format!("aifinops-customer-{customer}")
}

/// Dollars as a JSON number with the digits that they have.
fn usd(money: Money) -> Value {
    serde_json::from_str(&money.exact()).unwrap_or(Value::Null)
}
