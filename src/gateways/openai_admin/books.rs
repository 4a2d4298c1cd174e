//! `GET /v1/organization/usage/completions` and `/v1/organization/costs`, in buckets of a day.

use serde::{Deserialize, Serialize};

use super::super::answer::{Count, Usd, escaped, some};
use super::super::sheet::{Sheet, is_closed, next_page, packed, unpacked};
use super::super::{Answer, Ask, News, Refusal, Request};
use super::{RANGE, what};
use crate::model::{DaySpend, GatewayFact, Money, Tokens};

/// Seconds of a day.
const DAY: i64 = 86_400;

/// What was gathered.
#[derive(Serialize, Deserialize)]
pub(super) struct Gathered {
    sheet: Sheet,
    /// Whether usage was told.
    tokens: bool,
}

impl Gathered {
    pub(super) fn new(sheet: Sheet) -> Gathered {
        Gathered { sheet, tokens: false }
    }
}

#[derive(Deserialize)]
struct Page<T> {
    data: Vec<Bucket<T>>,
    #[serde(default)]
    has_more: Option<bool>,
    #[serde(default)]
    #[serde(rename = "next_page")]
    next: Option<String>,
}

#[derive(Deserialize)]
struct Bucket<T> {
    /// Unix seconds.
    start_time: i64,
    #[serde(default = "Vec::new")]
    results: Vec<T>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
    #[serde(default)]
    api_key_id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    /// With everything that was read from or written to a cache.
    #[serde(default)]
    input_tokens: Count,
    #[serde(default)]
    input_cached_tokens: Count,
    #[serde(default)]
    input_cache_write_tokens: Count,
    #[serde(default)]
    output_tokens: Count,
    #[serde(default)]
    num_model_requests: Count,
}

#[derive(Deserialize)]
struct Cost {
    #[serde(default)]
    amount: Option<Amount>,
    #[serde(default)]
    line_item: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    api_key_id: Option<String>,
}

#[derive(Deserialize)]
struct Amount {
    #[serde(default)]
    value: Usd,
    #[serde(default)]
    currency: Option<String>,
}

/// A question for a page.
pub(super) fn ask(what: &'static str, kept: &str, sheet: &Sheet, page: Option<&str>) -> Ask {
    let of = if what == what::USAGE { "usage/completions" } else { "costs" };
    let groups: &[&str] = match what {
        what::USAGE => &["project_id", "user_id", "api_key_id", "model"],
        what::COSTS => &["project_id", "api_key_id", "line_item"],
        _ => &["project_id", "line_item"],
    };
    let (start, end) = (sheet.from.saturating_mul(DAY), sheet.to.saturating_add(1).saturating_mul(DAY));
    let mut path = format!("/v1/organization/{of}?start_time={start}&end_time={end}&bucket_width=1d&limit={RANGE}");
    for group in groups {
        path.push_str("&group_by[]=");
        path.push_str(group);
    }
    if let Some(page) = page {
        path.push_str("&page=");
        path.push_str(&escaped(page));
    }
    Ask::at(what, kept, Request::get(path))
}

pub(super) fn usage(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    let mut gathered: Gathered = unpacked(asked)?;
    if is_closed(answer) {
        let next = ask(what::COSTS, &packed(&gathered), &gathered.sheet, None);
        return Ok(News { facts: vec![GatewayFact::Cannot("usage in tokens")], asks: vec![next] });
    }
    let page: Page<Usage> = answer.json()?;
    gathered.tokens = true;
    for bucket in page.data {
        let day = bucket.start_time.div_euclid(DAY);
        for row in bucket.results {
            let (read, write) = (row.input_cached_tokens.0, row.input_cache_write_tokens.0);
            gathered.sheet.add(DaySpend {
                day,
                user: some(row.user_id),
                team: some(row.project_id),
                key: some(row.api_key_id),
                model: some(row.model),
                spend: None,
                requests: row.num_model_requests.0,
                failed: 0,
                tokens: Tokens {
                    input: row.input_tokens.0.saturating_sub(read).saturating_sub(write),
                    cache_read: read,
                    cache_write_5m: write,
                    output: row.output_tokens.0,
                    ..Tokens::default()
                },
            });
        }
    }
    let next = next_page(asked, page.next.filter(|_| page.has_more != Some(false)));
    let what = if next.is_some() { what::USAGE } else { what::COSTS };
    Ok(News { facts: Vec::new(), asks: vec![ask(what, &packed(&gathered), &gathered.sheet, next.as_deref())] })
}

pub(super) fn costs(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    let mut gathered: Gathered = unpacked(asked)?;
    if answer.status == 400 && asked.what == what::COSTS {
        let next = ask(what::PLAIN_COSTS, &packed(&gathered), &gathered.sheet, None);
        return Ok(News { facts: Vec::new(), asks: vec![next] });
    }
    if is_closed(answer) {
        let cannot = GatewayFact::Cannot("what usage costs");
        return Ok(News::facts(if gathered.tokens { vec![gathered.sheet.days(), cannot] } else { vec![cannot] }));
    }
    let page: Page<Cost> = answer.json()?;
    let owners = gathered.sheet.owners();
    for bucket in page.data {
        let day = bucket.start_time.div_euclid(DAY);
        for row in bucket.results {
            let key = some(row.api_key_id);
            gathered.sheet.add(DaySpend {
                day,
                user: key.as_ref().and_then(|key| owners.get(key).cloned()),
                team: some(row.project_id),
                model: row.line_item.as_deref().and_then(model),
                spend: row.amount.and_then(dollars),
                key,
                ..DaySpend::default()
            });
        }
    }
    match next_page(asked, page.next.filter(|_| page.has_more != Some(false))) {
        Some(next) => {
            let next = ask(asked.what, &packed(&gathered), &gathered.sheet, Some(&next));
            Ok(News { facts: Vec::new(), asks: vec![next] })
        }
        None => Ok(News::facts(vec![gathered.sheet.days()])),
    }
}

fn dollars(amount: Amount) -> Option<Money> {
    amount.value.0.filter(|_| amount.currency.is_none_or(|currency| currency.eq_ignore_ascii_case("usd")))
}

/// The model of a line item, which stands before what was counted of it. What has no such part is no model's.
fn model(line_item: &str) -> Option<String> {
    line_item.split_once(", ").map(|(model, _)| model.to_owned()).filter(|model| !model.is_empty())
}
