//! `GET /api/v1/key`: the key itself, what it has spent, and the budgets that it is held to.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::super::answer::{Usd, instant, some};
use super::super::sheet::{Sheet, left, running, tightest_last};
use super::super::{Answer, News, Plan, Refusal};
use super::of_account;
use crate::model::{DaySpend, GatewayBudget, GatewayFact, Me, Millis, Money, Named, Whose};

#[derive(Deserialize)]
struct Told {
    data: Own,
}

#[derive(Deserialize)]
struct Own {
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    limit: Usd,
    #[serde(default)]
    limit_remaining: Usd,
    #[serde(default)]
    limit_reset: Option<String>,
    #[serde(default)]
    usage_daily: Usd,
    #[serde(default)]
    byok_usage_daily: Usd,
    #[serde(default)]
    is_management_key: Option<bool>,
    #[serde(default)]
    is_provisioning_key: Option<bool>,
    #[serde(default)]
    budgets: Option<Vec<Layer>>,
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default)]
    creator_user_id: Option<String>,
}

/// A budget that is checked before a request of this key.
#[derive(Deserialize)]
struct Layer {
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    limit_usd: Usd,
    #[serde(default)]
    spend_usd: Usd,
    #[serde(default)]
    reset_interval: Option<String>,
    #[serde(default)]
    resets_at: Option<String>,
}

/// What was spent in dollars paid here and at providers; nothing where neither is told.
pub(super) fn both(here: Usd, there: Usd) -> Option<Money> {
    match (here.0, there.0) {
        (Some(here), Some(there)) => Some(here + there),
        (here, there) => here.or(there),
    }
}

/// A budget in one of the running periods; without a period it is for good.
pub(super) fn budget(whose: Whose, id: &str, limit: Usd, spent: Option<Money>, period: Option<String>, now: Millis) -> GatewayBudget {
    let running = running(period.as_deref(), now);
    GatewayBudget {
        whose,
        id: id.to_owned(),
        team: None,
        limit: limit.0,
        spent,
        period: some(period),
        since: running.map(|window| window.from),
        resets_at: running.map(|window| window.to),
        blocked: false,
    }
}

/// What is spent of a limit, as what is left of it says.
pub(super) fn spent(limit: Usd, remaining: Usd) -> Option<Money> {
    Some(limit.0? - remaining.0?)
}

pub(super) fn key(answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    let Told { data: own } = answer.json()?;
    let sees_all = own.is_management_key.or(own.is_provisioning_key).unwrap_or(false);
    // A key does not know its own hash; its label is the key with all but its ends left out, or a name.
    let label = some(own.label.clone()).unwrap_or_else(|| "key".to_owned());
    let me = Me {
        user: some(own.creator_user_id.clone()),
        name: None,
        key: Some(label.clone()),
        alias: Some(label.clone()),
        teams: some(own.workspace_id.clone()).into_iter().collect(),
        role: if sees_all { "management key" } else { "key" }.to_owned(),
        sees_all,
        may_write: sees_all,
        may_spend: !sees_all,
    };
    if sees_all {
        return Ok(News { facts: vec![GatewayFact::Me(me)], asks: of_account(plan) });
    }
    let today = plan.today();
    let mut sheet = Sheet::new(today, today);
    sheet.add(DaySpend {
        day: today,
        user: me.user.clone(),
        team: me.teams.first().cloned(),
        key: me.key.clone(),
        spend: both(own.usage_daily, own.byok_usage_daily),
        ..DaySpend::default()
    });
    let named =
        Named { whose: Whose::Key, id: label.clone(), name: Some(label.clone()), team: me.teams.first().cloned(), user: me.user.clone() };
    let budgets = layers(own, &me, &label, plan.now);
    Ok(News::facts(vec![
        GatewayFact::Me(me),
        GatewayFact::Names(vec![named]),
        sheet.days(),
        GatewayFact::Budgets(budgets),
        GatewayFact::Cannot("spend of other keys, by model, and of days that are over: they need a management key"),
    ]))
}

/// The budgets of the key, its user and its workspace. Where two hold for the same one and period, the tighter is told.
fn layers(own: Own, me: &Me, label: &str, now: Millis) -> Vec<GatewayBudget> {
    let mut tightest: BTreeMap<(Whose, String, Option<String>), GatewayBudget> = BTreeMap::new();
    for layer in own.budgets.unwrap_or_default().into_iter().filter(|layer| layer.limit_usd.0.is_some()) {
        let (whose, id) = match (layer.scope.as_deref().unwrap_or_default(), &me.user, me.teams.first()) {
            ("workspace_default_member" | "member", Some(user), _) => (Whose::User, user.as_str()),
            ("workspace", _, Some(team)) => (Whose::Team, team.as_str()),
            ("workspace_default_key" | "api_key" | "key_limit", _, _) => (Whose::Key, label),
            _ => continue,
        };
        let mut budget = budget(whose, id, layer.limit_usd, layer.spend_usd.0, layer.reset_interval, now);
        budget.resets_at = instant(layer.resets_at.as_deref()).or(budget.resets_at);
        let place = (whose, id.to_owned(), budget.period.clone());
        if tightest.get(&place).is_none_or(|known| left(&budget) < left(known)) {
            tightest.insert(place, budget);
        }
    }
    if tightest.is_empty() && own.limit.0.is_some() {
        return vec![budget(Whose::Key, label, own.limit, spent(own.limit, own.limit_remaining), own.limit_reset, now)];
    }
    let mut budgets: Vec<GatewayBudget> = tightest.into_values().collect();
    tightest_last(&mut budgets);
    budgets
}
