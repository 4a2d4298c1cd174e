//! Whose key it is, what it may do, and so what to ask next.

use serde::Deserialize;
use serde_json::json;

use super::super::answer::{Usd, escaped, segment, some};
use super::super::{Answer, Ask, News, Plan, Refusal, Request};
use super::{budgets, calls, days, what};
use crate::model::{GatewayFact, Me};

/// The role of those who may do everything.
const ADMIN: &str = "proxy_admin";
/// The role of those who see everything.
const VIEWER: &str = "proxy_admin_viewer";
/// What the master key is called here: it belongs to nobody.
const MASTER: &str = "master key";

/// `GET /key/info`: the caller's own key. The master key is in no table, which is told as 404.
#[derive(Deserialize)]
struct KeyInfo {
    key: String,
    info: budgets::KeyRow,
}

/// `GET /v2/user/info`; in older releases this lies in `user_info` of `GET /user/info`.
#[derive(Deserialize)]
struct UserInfo {
    user_id: String,
    #[serde(default)]
    user_alias: Option<String>,
    #[serde(default)]
    user_email: Option<String>,
    #[serde(default)]
    user_role: Option<String>,
    #[serde(default)]
    teams: Option<Vec<String>>,
    #[serde(default)]
    spend: Usd,
    #[serde(default)]
    max_budget: Usd,
    #[serde(default)]
    budget_duration: Option<String>,
    #[serde(default)]
    budget_reset_at: Option<String>,
}

#[derive(Deserialize)]
struct OldUserInfo {
    user_info: UserInfo,
}

pub(super) fn key(answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if answer.status == 404 && answer.says("key not found") {
        let me = Me { role: MASTER.to_owned(), sees_all: true, may_write: true, may_spend: true, ..Me::default() };
        return Ok(all_else(me, Vec::new(), plan));
    }
    if answer.status >= 500 && answer.says("not connected") {
        return Err(Refusal::Useless("this LiteLLM runs without a database, and keeps no spend"));
    }
    let KeyInfo { key, info } = answer.json()?;
    let me = Me {
        user: some(info.user_id.clone()),
        alias: some(info.key_alias.clone()),
        key: Some(key.clone()),
        teams: info.team_id.clone().into_iter().collect(),
        may_spend: !matches!(info.key_type.as_deref(), Some("management" | "read_only")),
        may_write: info.key_type.as_deref() != Some("read_only"),
        ..Me::default()
    };
    let facts =
        vec![GatewayFact::Names(vec![budgets::key_name(&key, &info)]), GatewayFact::Budgets(vec![budgets::key_budget(&key, &info)])];
    match me.user.clone() {
        // What the answer about the user is to be read with.
        Some(user) => {
            let at = json!([me.key, me.alias, info.team_id, me.may_spend, me.may_write]).to_string();
            let ask = Ask::at(what::USER, at, Request::get(format!("/v2/user/info?user_id={}", escaped(&user))));
            Ok(News { facts, asks: vec![ask] })
        }
        None => Ok(all_else(Me { may_write: false, role: "a key without a user".to_owned(), ..me }, facts, plan)),
    }
}

pub(super) fn user(ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if answer.is_denied() {
        let path = ask.request.path.replacen("/v2", "", 1);
        return Ok(News { facts: Vec::new(), asks: vec![Ask::at(what::OLD_USER, ask.at.clone(), Request::get(path))] });
    }
    told(ask, answer.json()?, plan)
}

pub(super) fn old_user(ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    told(ask, answer.json::<OldUserInfo>()?.user_info, plan)
}

fn told(ask: &Ask, info: UserInfo, plan: &Plan) -> Result<News, Refusal> {
    type Kept = (Option<String>, Option<String>, Option<String>, bool, bool);
    let (key, alias, team, may_spend, may_write): Kept =
        serde_json::from_str(&ask.at).map_err(|error| Refusal::Unreadable(error.to_string()))?;
    let role = info.user_role.clone().unwrap_or_default();
    let mut teams: Vec<String> = team.into_iter().chain(info.teams.clone().unwrap_or_default()).collect();
    teams.sort_unstable();
    teams.dedup();
    let me = Me {
        user: Some(info.user_id.clone()),
        name: some(info.user_alias.clone()).or_else(|| some(info.user_email.clone())),
        key,
        alias,
        teams,
        sees_all: role == ADMIN || role == VIEWER,
        may_write: may_write && role == ADMIN,
        may_spend,
        role,
    };
    let row = budgets::UserRow {
        user_id: info.user_id,
        user_alias: info.user_alias,
        user_email: info.user_email,
        spend: info.spend,
        max_budget: info.max_budget,
        budget_duration: info.budget_duration,
        budget_reset_at: info.budget_reset_at,
    };
    let facts = vec![GatewayFact::Names(vec![budgets::user_name(&row)]), GatewayFact::Budgets(vec![budgets::user_budget(&row)])];
    Ok(all_else(me, facts, plan))
}

/// Everything else, once it is known who asks.
fn all_else(me: Me, mut facts: Vec<GatewayFact>, plan: &Plan) -> News {
    let get = |what, path: &str| Ask::new(what, Request::get(path));
    let mut asks = days::asks(plan);
    asks.push(Ask::at(what::KEYS, "1", Request::get(budgets::keys_path(1))));
    if me.sees_all {
        asks.push(Ask::at(what::USERS, "1", Request::get(budgets::users_path(1))));
        asks.push(get(what::TEAMS, "/team/list"));
        asks.push(get(what::CUSTOMERS, "/customer/list"));
        asks.push(get(what::TAG_BUDGETS, "/tag/list"));
    } else {
        for team in &me.teams {
            asks.push(Ask::at(what::TEAM, team, Request::get(format!("/team/info?team_id={}", escaped(team)))));
            if let Some(id) = segment(team) {
                asks.push(Ask::at(what::MEMBER, team, Request::get(format!("/team/{id}/members/me"))));
            }
        }
    }
    // The one place where any key, and nobody at all, is told the version.
    asks.push(get(what::VERSION, "/public/model_hub/info"));
    asks.extend(calls::asks(plan));
    facts.insert(0, GatewayFact::Me(me));
    News { facts, asks }
}

/// Whatever the release tells of itself; what it keeps to itself is no reason to stop.
pub(super) fn version(answer: &Answer<'_>) -> News {
    #[derive(Deserialize)]
    struct Readiness {
        #[serde(default)]
        litellm_version: Option<String>,
    }
    let version = answer.json::<Readiness>().ok().and_then(|ready| some(ready.litellm_version));
    News::facts(version.map(GatewayFact::Version).into_iter().collect())
}

pub(super) fn advice(me: &Me) -> Vec<String> {
    let mut out = Vec::new();
    if me.role == MASTER {
        out.push(
            "this is the master key: it sees and may change everything, and belongs to nobody; `gateway add --user` says whose spend is yours"
                .to_owned(),
        );
    } else if me.sees_all {
        out.push(format!("this key sees the spend, budgets and calls of everybody ({})", me.role));
    } else {
        let teams = if me.teams.is_empty() { "" } else { ", and the budgets of your teams" };
        out.push(format!("this key sees your own spend, budget and calls{teams}"));
        out.push("to see everybody's, a key of a user with the role proxy_admin_viewer does".to_owned());
    }
    if me.sees_all && (me.may_spend || me.may_write) {
        out.push("for looking on, fewer rights do: a user with the role proxy_admin_viewer and a key of the type management, which can neither spend nor change anything".to_owned());
    }
    if me.may_write {
        out.push("`aifinops gateway cap set` can set budgets with this key".to_owned());
    } else {
        out.push(
            "`aifinops gateway cap set` needs a key of a proxy_admin; one of the type management does, and is asked for when it is used"
                .to_owned(),
        );
    }
    out
}
