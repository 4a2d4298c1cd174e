//! Sums by day and model: `GET /api/public/v2/metrics`, and `/api/public/metrics/daily` where a release has no other.
//!
//! A column of metrics is called by its aggregation and its measure: `sum_totalCost`. Counts may come as strings. Days that a
//! plan does not keep any more are no days without spend: nothing is told of those before the first one with a row.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::answer::{Count, Usd, day, escaped, some};
use super::super::sheet::{Sheet, packed, spans, unpacked};
use super::super::{Answer, Ask, DAY, News, Plan, Refusal, Request};
use super::{is_absent, what};
use crate::model::time::rfc3339;
use crate::model::{DaySpend, Tokens};

/// Rows of an answer of metrics, at most; there are no pages.
const ROWS: usize = 1000;
/// Days of a question.
const RANGE: i64 = 31;
/// How far back is asked.
pub(super) const BACK: i64 = 364;
/// Days of a page of daily metrics.
const PAGE: usize = 50;

#[derive(Deserialize)]
struct Metrics {
    data: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    time_dimension: String,
    #[serde(rename = "providedModelName", default)]
    model: Option<String>,
    #[serde(rename = "sum_totalCost", default)]
    cost: Usd,
    #[serde(rename = "sum_inputTokens", default)]
    input: Count,
    #[serde(rename = "sum_outputTokens", default)]
    output: Count,
    #[serde(rename = "count_count", alias = "count", default)]
    count: Count,
}

#[derive(Deserialize)]
struct Daily {
    data: Vec<Day>,
    #[serde(default)]
    meta: Option<Paging>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Paging {
    #[serde(default)]
    total_pages: Count,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Day {
    date: String,
    #[serde(default)]
    total_cost: Usd,
    #[serde(default)]
    usage: Option<Vec<OfModel>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfModel {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    input_usage: Count,
    #[serde(default)]
    output_usage: Count,
    #[serde(default)]
    count_observations: Count,
    #[serde(default)]
    total_cost: Usd,
}

/// A walk through the pages of daily metrics.
#[derive(Serialize, Deserialize)]
struct Walk {
    sheet: Sheet,
    page: u64,
}

/// The questions for days that are wanted and lie before those that observations have told.
pub(super) fn earlier(before: i64, plan: &Plan) -> Vec<Ask> {
    let spans = spans(plan.from_day.max(plan.today() - BACK), before - 1, RANGE);
    spans.into_iter().map(|(from, to)| metrics_ask(from, to)).collect()
}

fn metrics_ask(from: i64, to: i64) -> Ask {
    let query = json!({
        "view": "observations",
        "dimensions": [{"field": "providedModelName"}],
        "metrics": [
            {"measure": "totalCost", "aggregation": "sum"},
            {"measure": "inputTokens", "aggregation": "sum"},
            {"measure": "outputTokens", "aggregation": "sum"},
            {"measure": "count", "aggregation": "count"},
        ],
        "filters": [],
        "timeDimension": {"granularity": "day"},
        "fromTimestamp": rfc3339(from * DAY),
        "toTimestamp": rfc3339((to + 1) * DAY - 1),
        "config": {"row_limit": ROWS},
    });
    let path = format!("/api/public/v2/metrics?query={}", escaped(&query.to_string()));
    Ask::at(what::METRICS, packed(&Sheet::new(from, to)), Request::get(path))
}

pub(super) fn metrics(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    let mut sheet: Sheet = unpacked(asked)?;
    if is_absent(answer) {
        return Ok(News { facts: Vec::new(), asks: vec![daily_ask(sheet)] });
    }
    let rows = answer.json::<Metrics>()?.data;
    if rows.len() >= ROWS && sheet.from < sheet.to {
        let half = sheet.from.midpoint(sheet.to);
        return Ok(News { facts: Vec::new(), asks: vec![metrics_ask(sheet.from, half), metrics_ask(half + 1, sheet.to)] });
    }
    for row in rows {
        let Some(day) = day(&row.time_dimension) else { continue };
        sheet.add(of_model(day, row.model, row.cost, row.input, row.output, row.count));
    }
    Ok(News::facts(vec![sheet.since_first()]))
}

/// A row of a model. What has no model is no call, whatever it is counted as.
fn of_model(day: i64, model: Option<String>, cost: Usd, input: Count, output: Count, count: Count) -> DaySpend {
    let model = some(model);
    DaySpend {
        day,
        spend: cost.0,
        requests: if model.is_some() { count.0 } else { 0 },
        tokens: Tokens { input: input.0, output: output.0, ..Tokens::default() },
        model,
        ..DaySpend::default()
    }
}

pub(super) fn daily_ask(sheet: Sheet) -> Ask {
    page_ask(&Walk { sheet, page: 1 })
}

fn page_ask(walk: &Walk) -> Ask {
    let path = format!(
        "/api/public/metrics/daily?limit={PAGE}&page={}&fromTimestamp={}&toTimestamp={}",
        walk.page,
        escaped(&rfc3339(walk.sheet.from * DAY)),
        escaped(&rfc3339((walk.sheet.to + 1) * DAY - 1))
    );
    Ask::at(what::DAILY, packed(walk), Request::get(path))
}

pub(super) fn daily(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    if is_absent(answer) {
        return Ok(News::cannot("spend by day and model"));
    }
    let mut walk: Walk = unpacked(asked)?;
    let page: Daily = answer.json()?;
    let has_more = !page.data.is_empty() && page.meta.is_some_and(|meta| walk.page < meta.total_pages.0);
    for told in page.data {
        let Some(day) = day(&told.date) else { continue };
        let models = told.usage.unwrap_or_default();
        if models.is_empty() {
            walk.sheet.add(DaySpend { day, spend: told.total_cost.0, ..DaySpend::default() });
        }
        for of in models {
            walk.sheet.add(of_model(day, of.model, of.total_cost, of.input_usage, of.output_usage, of.count_observations));
        }
    }
    if has_more {
        walk.page = walk.page.saturating_add(1);
        return Ok(News { facts: Vec::new(), asks: vec![page_ask(&walk)] });
    }
    Ok(News::facts(vec![walk.sheet.since_first()]))
}
