//! `POST /teams/spend`: what each member has spent in the billing cycle beyond the plan, and may.

use chrono::Months;
use serde::Deserialize;
use serde_json::json;

use super::super::answer::{Cents, Count, Usd, some};
use super::super::sheet::{is_closed, unpacked};
use super::super::{Answer, Ask, News, Refusal, Request};
use super::what;
use crate::model::{GatewayBudget, GatewayFact, Me, Millis, Money, Named, Whose, time};

/// Members of a page.
const PAGE: usize = 100;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    team_member_spend: Vec<Member>,
    /// When the cycle began, in milliseconds.
    #[serde(default)]
    subscription_cycle_start: Count,
    #[serde(default)]
    total_pages: Count,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Member {
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    spend_cents: Cents,
    #[serde(default)]
    hard_limit_override_dollars: Usd,
    #[serde(default)]
    monthly_limit_dollars: Usd,
    #[serde(default)]
    effective_per_user_limit_dollars: Usd,
}

pub(super) fn ask(page: u64) -> Ask {
    let body = json!({"page": page, "pageSize": PAGE});
    Ask::at(what::SPEND, page.to_string(), Request::post("/teams/spend", &body))
}

pub(super) fn page(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    if is_closed(answer) {
        return Ok(News::cannot("budgets, and what members have spent in this cycle"));
    }
    let page: Page = answer.json()?;
    let number: u64 = unpacked(asked)?;
    let since = i64::try_from(page.subscription_cycle_start.0).ok().filter(|since| *since > 0);
    let asks = if number < page.total_pages.0 && !page.team_member_spend.is_empty() { vec![ask(number + 1)] } else { Vec::new() };
    let (mut names, mut budgets) = (Vec::new(), Vec::new());
    for member in page.team_member_spend {
        // Events name members by their address, and by nothing else.
        let Some(id) = some(member.email.clone()) else { continue };
        budgets.push(GatewayBudget {
            whose: Whose::User,
            id: id.clone(),
            team: None,
            limit: limit(&member),
            spent: member.spend_cents.0,
            period: Some("billing cycle".to_owned()),
            since,
            resets_at: since.and_then(a_month_later),
            blocked: false,
        });
        names.push(Named { whose: Whose::User, name: some(member.name).or_else(|| Some(id.clone())), id, team: None, user: None });
    }
    let me = Me { role: "team key".to_owned(), sees_all: true, ..Me::default() };
    Ok(News { facts: vec![GatewayFact::Me(me), GatewayFact::Names(names), GatewayFact::Budgets(budgets)], asks })
}

/// The limit in force. An override of zero is none.
fn limit(member: &Member) -> Option<Money> {
    let of_override = member.hard_limit_override_dollars.0.filter(|limit| *limit > Money::ZERO);
    member.effective_per_user_limit_dollars.0.or(of_override).or(member.monthly_limit_dollars.0)
}

fn a_month_later(since: Millis) -> Option<Millis> {
    time::utc(since).checked_add_months(Months::new(1)).map(|end| end.timestamp_millis())
}
