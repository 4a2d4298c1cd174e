//! `GET /v1/organizations/analytics/usage` and `/cost`: tokens and money by day, identity, workspace, key and model.
//!
//! The package's types `BetaAnalyticsUsageItem` and `BetaAnalyticsCostItem`. A row is of a time bucket; every combination of
//! the groups is told, over pages of at most a thousand rows.

use serde::Deserialize;

use super::super::answer::{Cents, Count, day, escaped, some};
use super::super::sheet::{Sheet, is_closed, next_page, packed, unpacked};
use super::super::{Answer, Ask, News, Refusal};
use super::{get, range, reports, what};
use crate::model::{DaySpend, GatewayFact, Named, Tokens, Whose};

/// What these endpoints want to hear besides the version.
const BETA: (&str, &str) = ("anthropic-beta", "analytics-usage-cost-2026-08-24");
/// Rows of a page.
const PAGE: usize = 1000;

#[derive(Deserialize)]
struct Page {
    data: Vec<Item>,
    #[serde(default)]
    has_more: Option<bool>,
    #[serde(default)]
    #[serde(rename = "next_page")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    starting_at: String,
    #[serde(default)]
    group: Option<Group>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    cost: Option<Cost>,
}

#[derive(Deserialize, Default)]
struct Group {
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default)]
    api_key_id: Option<String>,
    #[serde(default)]
    model: Option<String>,
}

/// Whom usage belongs to: a user, else a service account, else somebody a cloud knows, else the key.
#[derive(Deserialize, Default)]
struct Actor {
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default)]
    service_account_id: Option<String>,
    #[serde(default)]
    subject: Option<String>,
    #[serde(default)]
    api_key_id: Option<String>,
}

/// Tokens, in kinds that do not overlap.
#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    uncached_input_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation: Option<CacheCreation>,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    requests: Count,
}

/// Tokens written to caches of two lifetimes.
#[derive(Deserialize, Default)]
pub(super) struct CacheCreation {
    #[serde(default)]
    ephemeral_5m_input_tokens: Count,
    #[serde(default)]
    ephemeral_1h_input_tokens: Count,
}

#[derive(Deserialize)]
struct Cost {
    #[serde(default)]
    amount: Cents,
    #[serde(default)]
    currency: Option<String>,
}

/// Tokens as both kinds of reports tell them.
pub(super) fn tokens(input: Count, read: Count, written: Option<CacheCreation>, output: Count) -> Tokens {
    let written = written.unwrap_or_default();
    Tokens {
        input: input.0,
        cache_read: read.0,
        cache_write_5m: written.ephemeral_5m_input_tokens.0,
        cache_write_1h: written.ephemeral_1h_input_tokens.0,
        output: output.0,
        reasoning: 0,
    }
}

/// Whether an amount is in dollars; where nothing is said, it is.
pub(super) fn is_dollars(currency: Option<&str>) -> bool {
    currency.is_none_or(|currency| currency.eq_ignore_ascii_case("USD"))
}

/// A question for a page. Usage and cost are asked with the same groups, so that their rows meet.
pub(super) fn ask(what: &'static str, kept: &str, sheet: &Sheet, page: Option<&str>) -> Ask {
    let of = if matches!(what, what::USAGE | what::PLAIN_USAGE) { "usage" } else { "cost" };
    let is_plain = matches!(what, what::PLAIN_USAGE | what::PLAIN_COST);
    let groups: &[&str] = if is_plain { &["actor", "model"] } else { &["actor", "workspace_id", "api_key_id", "model"] };
    let mut path = format!("/v1/organizations/analytics/{of}?{}&time_bucket_width=1d&limit={PAGE}", range(sheet));
    for group in groups {
        path.push_str("&group_by[]=");
        path.push_str(group);
    }
    if let Some(page) = page {
        path.push_str("&page=");
        path.push_str(&escaped(page));
    }
    Ask::at(what, kept, get(path).with(BETA.0, BETA.1))
}

fn place(starting_at: &str, group: Group) -> Option<(DaySpend, Option<Named>)> {
    let actor = group.actor.unwrap_or_default();
    let name = some(actor.name).or_else(|| some(actor.email_address));
    let user = some(actor.user_id);
    let named = user.clone().map(|id| Named { whose: Whose::User, id, name, team: None, user: None });
    let row = DaySpend {
        day: day(starting_at)?,
        user: user.or_else(|| some(actor.service_account_id)).or_else(|| some(actor.subject)),
        team: some(group.workspace_id),
        key: some(group.api_key_id).or_else(|| some(actor.api_key_id)),
        model: some(group.model),
        ..DaySpend::default()
    };
    Some((row, named))
}

pub(super) fn usage(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    let mut sheet: Sheet = unpacked(asked)?;
    if is_closed(answer) || answer.status == 400 {
        // Not every organization knows keys and workspaces; one that has no analytics has the older reports.
        let sheet = Sheet::new(sheet.from, sheet.to);
        let is_plain = asked.what == what::PLAIN_USAGE || answer.status != 400;
        let next = if is_plain { reports::first_ask(sheet) } else { ask(what::PLAIN_USAGE, &packed(&sheet), &sheet, None) };
        return Ok(News { facts: Vec::new(), asks: vec![next] });
    }
    let page: Page = answer.json()?;
    let mut names = Vec::new();
    for item in page.data {
        let (Some((row, member)), Some(usage)) = (place(&item.starting_at, item.group.unwrap_or_default()), item.usage) else { continue };
        names.extend(member);
        let tokens = tokens(usage.uncached_input_tokens, usage.cache_read_input_tokens, usage.cache_creation, usage.output_tokens);
        sheet.add(DaySpend { requests: usage.requests.0, tokens, ..row });
    }
    let next = next_page(asked, page.next.filter(|_| page.has_more != Some(false)));
    let cost = if asked.what == what::USAGE { what::COST } else { what::PLAIN_COST };
    let next = match next {
        Some(next) => ask(asked.what, &packed(&sheet), &sheet, Some(&next)),
        None => ask(cost, &packed(&sheet), &sheet, None),
    };
    Ok(News { facts: vec![GatewayFact::Names(names)], asks: vec![next] })
}

pub(super) fn cost(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    let mut sheet: Sheet = unpacked(asked)?;
    if is_closed(answer) {
        return Ok(News::facts(vec![sheet.days(), GatewayFact::Cannot("what usage costs")]));
    }
    let page: Page = answer.json()?;
    let mut names = Vec::new();
    for item in page.data {
        let (Some((row, member)), Some(cost)) = (place(&item.starting_at, item.group.unwrap_or_default()), item.cost) else { continue };
        names.extend(member);
        let spend = cost.amount.0.filter(|_| is_dollars(cost.currency.as_deref()));
        sheet.add(DaySpend { spend, ..row });
    }
    let mut news = News::facts(vec![GatewayFact::Names(names)]);
    match next_page(asked, page.next.filter(|_| page.has_more != Some(false))) {
        Some(next) => news.asks.push(ask(asked.what, &packed(&sheet), &sheet, Some(&next))),
        None => news.facts.push(sheet.days()),
    }
    Ok(news)
}
