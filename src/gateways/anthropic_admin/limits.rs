//! Spend limits: of members where an organization has them, else of the organization and its workspaces.
//!
//! `GET /v1/organizations/spend_limits/effective` is for Claude Enterprise only, and in the form of the Claude apps gateway;
//! `GET /v1/organizations/spend_limits` (the package's `BetaSpendLimit`) tells limits without what was spent of them.

use serde::Deserialize;

use super::super::answer::{Cents, escaped, some};
use super::super::claude_apps::effective::{self, Page, Scope};
use super::super::sheet::{is_closed, next_page, running, tightest_last};
use super::super::{Answer, Ask, News, Plan, Refusal};
use super::analytics::is_dollars;
use super::{get, what};
use crate::model::{GatewayBudget, GatewayFact};

/// Members, or limits, of a page.
const PAGE: usize = 100;

#[derive(Deserialize)]
struct Limits {
    data: Vec<Limit>,
    #[serde(default)]
    next_page: Option<String>,
}

#[derive(Deserialize)]
struct Limit {
    #[serde(default)]
    scope: Option<Scope>,
    #[serde(default)]
    amount: Cents,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    period: Option<String>,
    /// False where use beyond what is included is switched off: the limit does not apply then.
    #[serde(default)]
    is_enabled: Option<bool>,
}

fn path(below: &str, page: Option<&str>) -> String {
    let page = page.map(|page| format!("&page={}", escaped(page))).unwrap_or_default();
    format!("/v1/organizations/spend_limits{below}?limit={PAGE}{page}")
}

pub(super) fn effective_ask(page: Option<&str>) -> Ask {
    Ask::new(what::EFFECTIVE, get(path("/effective", page)))
}

fn limits_ask(page: Option<&str>) -> Ask {
    Ask::new(what::LIMITS, get(path("", page)).with("anthropic-beta", "spend-limit-reads-2026-09-26"))
}

pub(super) fn effective(asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if is_closed(answer) || answer.status == 400 {
        return Ok(News { facts: Vec::new(), asks: vec![limits_ask(None)] });
    }
    let page: Page = answer.json()?;
    let asks = next_page(asked, page.next).map(|next| effective_ask(Some(&next))).into_iter().collect();
    Ok(News { facts: effective::facts(&page.data, plan.now), asks })
}

pub(super) fn limits(asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if is_closed(answer) || answer.status == 400 {
        return Ok(News::cannot("budgets"));
    }
    let page: Limits = answer.json()?;
    let asks = next_page(asked, page.next_page).map(|next| limits_ask(Some(&next))).into_iter().collect();
    let mut budgets: Vec<GatewayBudget> = page.data.iter().filter_map(|limit| budget(limit, plan)).collect();
    tightest_last(&mut budgets);
    Ok(News { facts: vec![GatewayFact::Budgets(budgets)], asks })
}

fn budget(limit: &Limit, plan: &Plan) -> Option<GatewayBudget> {
    let scope = limit.scope.as_ref().filter(|scope| !scope.is_default())?;
    let amount = limit.amount.0.filter(|_| is_dollars(limit.currency.as_deref()) && limit.is_enabled != Some(false))?;
    let (whose, id) = scope.holder()?;
    let running = running(limit.period.as_deref(), plan.now);
    Some(GatewayBudget {
        whose,
        id,
        team: None,
        limit: Some(amount),
        spent: None,
        period: some(limit.period.clone()),
        since: running.map(|window| window.from),
        resets_at: running.map(|window| window.to),
        blocked: false,
    })
}
