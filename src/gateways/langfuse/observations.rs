//! `GET /api/public/v2/observations`: single calls, and so the spend of users.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::answer::{Count, Usd, escaped, instant, some};
use super::super::sheet::{Sheet, next_page, packed, unpacked};
use super::super::{Answer, Ask, DAY, News, Plan, Refusal, Request};
use super::{is_absent, metrics, what};
use crate::model::time::{HOUR, rfc3339};
use crate::model::{GatewayCall, GatewayFact, Millis, Tokens};

/// Observations of a page, the most that there may be.
const PAGE: usize = 1000;
/// Days that are read by user in a first round.
const FIRST: i64 = 7;
/// The same in later ones, which read what is new: that they were away for longer is rare.
const MOST: i64 = 30;
/// An observation is told when it has ended, and then it may take ten minutes.
const LATE: Millis = HOUR;

/// A walk through the pages.
#[derive(Serialize, Deserialize)]
struct Walk {
    sheet: Sheet,
    /// From when on observations are read.
    from: Millis,
}

#[derive(Deserialize)]
struct Page {
    data: Vec<Row>,
    #[serde(default)]
    meta: Option<Meta>,
}

#[derive(Deserialize)]
struct Meta {
    #[serde(default)]
    cursor: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    trace_id: Option<String>,
    #[serde(default)]
    start_time: Option<String>,
    #[serde(default)]
    end_time: Option<String>,
    #[serde(default)]
    level: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    /// Tokens by kind, as whoever sent them calls the kinds.
    #[serde(default)]
    usage_details: Option<BTreeMap<String, Count>>,
    #[serde(default)]
    total_cost: Usd,
}

/// The first page. The days of a first round that lie further back are told by model.
pub(super) fn first(plan: &Plan) -> Ask {
    let today = plan.today();
    let days = if plan.me.is_none() { FIRST } else { MOST };
    let since = plan.from_day.max(today - (days - 1)).min(today);
    let from = plan.calls_from.map_or(since * DAY, |calls| calls.min(since * DAY));
    ask(&Walk { sheet: Sheet::new(since, today), from }, plan, None)
}

fn ask(walk: &Walk, plan: &Plan, cursor: Option<&str>) -> Ask {
    let cursor = cursor.map(|cursor| format!("&cursor={}", escaped(cursor))).unwrap_or_default();
    let path = format!(
        "/api/public/v2/observations?fields=core,basic,usage,model&limit={PAGE}&fromStartTime={}&toStartTime={}{cursor}",
        escaped(&rfc3339(walk.from)),
        escaped(&rfc3339(plan.now))
    );
    Ask::at(what::OBSERVATIONS, packed(walk), Request::get(path))
}

pub(super) fn page(asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if is_absent(answer) {
        let cannot = GatewayFact::Cannot("spend of users, and single calls");
        return Ok(News {
            facts: vec![cannot],
            asks: vec![metrics::daily_ask(Sheet::new(plan.from_day.max(plan.today() - metrics::BACK), plan.today()))],
        });
    }
    let mut walk: Walk = unpacked(asked)?;
    let page: Page = answer.json()?;
    let mut calls = Vec::new();
    for row in page.data {
        let is_priced = row.total_cost.0.is_some();
        let Some(call) = call(row) else { continue };
        walk.sheet.add_call(&call, is_priced);
        if plan.calls_from.is_some_and(|from| from <= call.at) {
            calls.push(call);
        }
    }
    let mut news = News::default();
    if plan.calls_from.is_some() {
        news.facts.push(GatewayFact::Calls(calls));
    }
    if let Some(next) = next_page(asked, page.meta.and_then(|meta| meta.cursor)) {
        news.asks.push(ask(&walk, plan, Some(&next)));
        return Ok(news);
    }
    if let Some(from) = plan.calls_from
        && from < plan.now - LATE
    {
        news.facts.push(GatewayFact::AllCalls { from, to: plan.now - LATE });
    }
    news.asks.extend(metrics::earlier(walk.sheet.from, plan));
    news.facts.push(walk.sheet.days());
    Ok(news)
}

/// A call of a model; nothing for other steps of a program.
fn call(row: Row) -> Option<GatewayCall> {
    let at = instant(row.start_time.as_deref())?;
    let model = some(row.model);
    if model.is_none() && row.total_cost.0.is_none() {
        return None;
    }
    let id = some(row.id)?;
    Some(GatewayCall {
        answer: answer_in(&id).map(str::to_owned),
        id,
        at,
        ended: instant(row.end_time.as_deref()).unwrap_or(at).max(at),
        user: some(row.user_id),
        model,
        session: some(row.session_id).or_else(|| some(row.trace_id)),
        tokens: tokens(&row.usage_details.unwrap_or_default()),
        spend: row.total_cost.0.unwrap_or_default(),
        failed: row.level.as_deref() == Some("ERROR"),
        ..GatewayCall::default()
    })
}

/// The provider's id of the answer in an id that `LiteLLM`'s callback has made: `time-09-00-00-000000_msg_…` (its
/// `get_logging_id`).
fn answer_in(id: &str) -> Option<&str> {
    let (time, answer) = id.strip_prefix("time-")?.split_once('_')?;
    let is_time = time.chars().all(|c| c.is_ascii_digit() || c == '-');
    (is_time && !answer.is_empty()).then_some(answer)
}

/// Kinds do not overlap: `input` beside `input_cached_tokens`, `output` beside `output_reasoning_tokens`. `total` is their
/// sum, and is what there is where no kind is told.
fn tokens(details: &BTreeMap<String, Count>) -> Tokens {
    let mut tokens = Tokens::default();
    for (kind, count) in details {
        let kind = kind.to_ascii_lowercase();
        let part = if kind.contains("cache") && (kind.contains("creation") || kind.contains("write")) {
            if kind.contains("1h") { &mut tokens.cache_write_1h } else { &mut tokens.cache_write_5m }
        } else if kind.contains("cache") {
            &mut tokens.cache_read
        } else if kind.contains("output") {
            &mut tokens.output
        } else if kind.contains("input") {
            &mut tokens.input
        } else {
            continue;
        };
        *part = part.saturating_add(count.0);
        if kind.contains("output") && kind.contains("reasoning") {
            tokens.reasoning = tokens.reasoning.saturating_add(count.0);
        }
    }
    if tokens == Tokens::default() {
        tokens.input = details.get("total").map_or(0, |total| total.0);
    }
    tokens
}
