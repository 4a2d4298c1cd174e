//! `POST /teams/filtered-usage-events`: every use, with its tokens and its price.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::answer::{Cents, Count, some};
use super::super::sheet::{Sheet, is_closed, packed, unpacked};
use super::super::{Answer, Ask, DAY, News, Plan, Refusal, Request};
use super::what;
use crate::model::time::HOUR;
use crate::model::{GatewayCall, GatewayFact, Key, Millis, Tokens};

/// Events of a page.
const PAGE: usize = 100;
/// Days of a question, at most.
const RANGE: i64 = 30;
/// Events come late, as they are put together once an hour.
const LATE: Millis = 2 * HOUR;

/// A walk through the pages.
#[derive(Serialize, Deserialize)]
struct Walk {
    sheet: Sheet,
    /// From when on events are read.
    from: Millis,
    /// The page that is asked for, from 1.
    page: u64,
    /// Events that were read.
    seen: u64,
    /// Those of the page before, by the hashes of their ids: what comes late moves the last of them onto the next page.
    before: BTreeSet<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    usage_events: Vec<Event>,
    #[serde(default)]
    pagination: Option<Paging>,
    #[serde(default)]
    total_usage_events_count: Count,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    #[serde(default)]
    has_next_page: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    /// Milliseconds, as a string.
    #[serde(default)]
    timestamp: Count,
    #[serde(default)]
    user_email: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    token_usage: Option<TokenUsage>,
    #[serde(default)]
    charged_cents: Cents,
    #[serde(default)]
    cursor_token_fee: Cents,
}

/// Tokens in kinds that do not overlap, and their price.
#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct TokenUsage {
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    cache_write_tokens: Count,
    #[serde(default)]
    cache_read_tokens: Count,
    #[serde(default)]
    total_cents: Cents,
}

/// The first page, since the first day or the first call that is wanted. Days are told from their first instant on.
pub(super) fn first(plan: &Plan) -> Ask {
    let today = plan.today();
    let earliest = today - (RANGE - 1);
    let since = plan.from_day.max(earliest).min(today);
    let from = plan.calls_from.map_or(since * DAY, |calls| calls.max(earliest * DAY).min(since * DAY));
    ask(&Walk { sheet: Sheet::new(since, today), from, page: 1, seen: 0, before: BTreeSet::new() }, plan)
}

fn ask(walk: &Walk, plan: &Plan) -> Ask {
    let body = json!({"startDate": walk.from, "endDate": plan.now, "page": walk.page, "pageSize": PAGE});
    Ask::at(what::EVENTS, packed(walk), Request::post("/teams/filtered-usage-events", &body))
}

pub(super) fn page(asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if is_closed(answer) {
        return Ok(News::cannot("spend by day, and single calls"));
    }
    let mut walk: Walk = unpacked(asked)?;
    let page: Page = answer.json()?;
    let count = u64::try_from(page.usage_events.len()).unwrap_or(u64::MAX);
    walk.seen = walk.seen.saturating_add(count);
    let told = page.pagination.and_then(|paging| paging.has_next_page);
    let has_more = count > 0 && told.unwrap_or(walk.seen < page.total_usage_events_count.0);
    let mut calls = Vec::new();
    let before = std::mem::take(&mut walk.before);
    for call in page.usage_events.into_iter().filter_map(call) {
        let hash = Key::of(&[call.id.as_bytes()]).0;
        walk.before.insert(hash);
        if before.contains(&hash) {
            continue;
        }
        walk.sheet.add_call(&call, true);
        if plan.calls_from.is_some_and(|from| from <= call.at) {
            calls.push(call);
        }
    }
    let mut news = News::default();
    if plan.calls_from.is_some() {
        news.facts.push(GatewayFact::Calls(calls));
    }
    if has_more {
        walk.page = walk.page.saturating_add(1);
        news.asks.push(ask(&walk, plan));
        return Ok(news);
    }
    if let Some(from) = plan.calls_from.map(|from| from.max(walk.from))
        && from < plan.now - LATE
    {
        news.facts.push(GatewayFact::AllCalls { from, to: plan.now - LATE });
    }
    news.facts.push(walk.sheet.since_first());
    Ok(news)
}

/// An event as a call. It has no id of its own: what makes it up is its id.
fn call(event: Event) -> Option<GatewayCall> {
    let at = i64::try_from(event.timestamp.0).ok().filter(|at| *at > 0)?;
    let counts = event.token_usage.unwrap_or_default();
    let tokens = Tokens {
        input: counts.input_tokens.0,
        cache_read: counts.cache_read_tokens.0,
        cache_write_5m: counts.cache_write_tokens.0,
        output: counts.output_tokens.0,
        ..Tokens::default()
    };
    let of_tokens = || Some(counts.total_cents.0? + event.cursor_token_fee.0.unwrap_or_default());
    let spend = event.charged_cents.0.or_else(of_tokens).unwrap_or_default();
    let (user, model) = (some(event.user_email), some(event.model));
    let id = format!(
        "{at} {} {} {}/{}/{}/{}",
        user.as_deref().unwrap_or("-"),
        model.as_deref().unwrap_or("-"),
        tokens.input,
        tokens.cache_read,
        tokens.cache_write_5m,
        tokens.output
    );
    let failed = event.kind.is_some_and(|kind| kind.to_ascii_lowercase().contains("errored"));
    Some(GatewayCall { id, at, ended: at, user, model, tokens, spend, failed, ..GatewayCall::default() })
}
