//! The older reports, for keys and organizations without analytics: messages, cost, and Claude Code.
//!
//! `GET /v1/organizations/usage_report/messages` and `/v1/organizations/cost_report` come in buckets of days, at most 31;
//! `/v1/organizations/usage_report/claude_code` tells one day, the members of which it knows by their e-mail address.

use serde::{Deserialize, Serialize};

use super::super::answer::{Cents, Count, date, day, escaped, some};
use super::super::sheet::{Sheet, is_closed, next_page, packed, unpacked};
use super::super::{Answer, Ask, News, Plan, Refusal};
use super::analytics::{CacheCreation, is_dollars, tokens};
use super::{RANGE, get, range, what};
use crate::model::{DaySpend, GatewayFact, Named, Tokens, Whose};

/// Rows of a page of Claude Code's.
const PAGE: usize = 1000;

/// What was gathered, and from where.
#[derive(Serialize, Deserialize)]
struct Gathered {
    sheet: Sheet,
    /// Whether messages were told.
    tokens: bool,
    /// Whether cost was told.
    money: bool,
    /// Whether Claude Code was told.
    code: bool,
    /// The day that Claude Code is asked of.
    day: i64,
}

#[derive(Deserialize)]
struct Buckets<T> {
    data: Vec<Bucket<T>>,
    #[serde(default)]
    has_more: Option<bool>,
    #[serde(default)]
    next_page: Option<String>,
}

#[derive(Deserialize)]
struct Bucket<T> {
    starting_at: String,
    #[serde(default = "Vec::new")]
    results: Vec<T>,
}

#[derive(Deserialize)]
struct Message {
    #[serde(default)]
    api_key_id: Option<String>,
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    uncached_input_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation: Option<CacheCreation>,
    #[serde(default)]
    output_tokens: Count,
}

#[derive(Deserialize)]
struct Cost {
    #[serde(default)]
    workspace_id: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    amount: Cents,
    #[serde(default)]
    currency: Option<String>,
}

#[derive(Deserialize)]
struct Report {
    data: Vec<Person>,
    #[serde(default)]
    has_more: Option<bool>,
    #[serde(default)]
    next_page: Option<String>,
}

/// What one person, or one key, has done with Claude Code on a day.
#[derive(Deserialize)]
struct Person {
    #[serde(default)]
    actor: Option<Actor>,
    #[serde(default)]
    customer_type: Option<String>,
    #[serde(default)]
    model_breakdown: Option<Vec<OfModel>>,
}

#[derive(Deserialize, Default)]
struct Actor {
    #[serde(default)]
    email_address: Option<String>,
    #[serde(default)]
    api_key_name: Option<String>,
}

#[derive(Deserialize)]
struct OfModel {
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    tokens: Option<CodeTokens>,
    #[serde(default)]
    estimated_cost: Option<Estimate>,
}

#[derive(Deserialize, Default)]
struct CodeTokens {
    #[serde(default)]
    input: Count,
    #[serde(default)]
    output: Count,
    #[serde(default)]
    cache_read: Count,
    #[serde(default)]
    cache_creation: Count,
}

#[derive(Deserialize)]
struct Estimate {
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    amount: Cents,
}

/// Whether this key or this organization has no such report.
fn is_refused(answer: &Answer<'_>) -> bool {
    is_closed(answer) || answer.status == 400
}

fn bucket_ask(what: &'static str, gathered: &Gathered, page: Option<&str>) -> Ask {
    let (of, groups) = if what == what::MESSAGES {
        ("usage_report/messages", "group_by[]=api_key_id&group_by[]=workspace_id&group_by[]=model")
    } else {
        ("cost_report", "group_by[]=workspace_id&group_by[]=description")
    };
    let mut path = format!("/v1/organizations/{of}?{}&bucket_width=1d&limit={RANGE}&{groups}", range(&gathered.sheet));
    if let Some(page) = page {
        path.push_str("&page=");
        path.push_str(&escaped(page));
    }
    Ask::at(what, packed(gathered), get(path))
}

fn code_ask(gathered: &Gathered, page: Option<&str>) -> Ask {
    let mut path = format!("/v1/organizations/usage_report/claude_code?starting_at={}&limit={PAGE}", date(gathered.day));
    if let Some(page) = page {
        path.push_str("&page=");
        path.push_str(&escaped(page));
    }
    Ask::at(what::CODE, packed(gathered), get(path))
}

/// The first question for the days of a sheet.
pub(super) fn first_ask(sheet: Sheet) -> Ask {
    bucket_ask(what::MESSAGES, &Gathered { sheet, tokens: false, money: false, code: false, day: 0 }, None)
}

fn then(ask: Ask) -> News {
    News { facts: Vec::new(), asks: vec![ask] }
}

pub(super) fn messages(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    let mut gathered: Gathered = unpacked(asked)?;
    if is_refused(answer) {
        return Ok(then(bucket_ask(what::REPORT, &gathered, None)));
    }
    let page: Buckets<Message> = answer.json()?;
    gathered.tokens = true;
    for bucket in page.data {
        let Some(day) = day(&bucket.starting_at) else { continue };
        for row in bucket.results {
            gathered.sheet.add(DaySpend {
                day,
                team: some(row.workspace_id),
                key: some(row.api_key_id),
                model: some(row.model),
                tokens: tokens(row.uncached_input_tokens, row.cache_read_input_tokens, row.cache_creation, row.output_tokens),
                ..DaySpend::default()
            });
        }
    }
    let next = next_page(asked, page.next_page.filter(|_| page.has_more != Some(false)));
    let what = if next.is_some() { what::MESSAGES } else { what::REPORT };
    Ok(then(bucket_ask(what, &gathered, next.as_deref())))
}

pub(super) fn cost(asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    let mut gathered: Gathered = unpacked(asked)?;
    if !is_refused(answer) {
        let page: Buckets<Cost> = answer.json()?;
        gathered.money = true;
        for bucket in page.data {
            let Some(day) = day(&bucket.starting_at) else { continue };
            for row in bucket.results {
                let spend = row.amount.0.filter(|_| is_dollars(row.currency.as_deref()));
                gathered.sheet.add(DaySpend { day, team: some(row.workspace_id), model: some(row.model), spend, ..DaySpend::default() });
            }
        }
        if let Some(next) = next_page(asked, page.next_page.filter(|_| page.has_more != Some(false))) {
            return Ok(then(bucket_ask(what::REPORT, &gathered, Some(&next))));
        }
    }
    // Claude Code is asked day by day, so no further back than a month.
    gathered.day = gathered.sheet.from.max(plan.today() - (RANGE - 1));
    if gathered.day > gathered.sheet.to { Ok(finished(gathered)) } else { Ok(then(code_ask(&gathered, None))) }
}

pub(super) fn code(asked: &Ask, answer: &Answer<'_>) -> Result<News, Refusal> {
    let mut gathered: Gathered = unpacked(asked)?;
    if is_refused(answer) {
        return Ok(finished(gathered));
    }
    let page: Report = answer.json()?;
    gathered.code = true;
    let mut names = Vec::new();
    for person in page.data {
        let actor = person.actor.unwrap_or_default();
        let user = some(actor.email_address);
        names.extend(user.clone().map(|id| Named { whose: Whose::User, name: Some(id.clone()), id, team: None, user: None }));
        let is_member = person.customer_type.as_deref() == Some("subscription");
        if !is_member && (gathered.tokens || gathered.money) {
            continue;
        }
        let key = some(actor.api_key_name);
        for of in person.model_breakdown.unwrap_or_default() {
            let counts = of.tokens.unwrap_or_default();
            let estimate = of.estimated_cost.filter(|cost| is_dollars(cost.currency.as_deref())).and_then(|cost| cost.amount.0);
            gathered.sheet.add(DaySpend {
                day: gathered.day,
                user: user.clone(),
                key: key.clone(),
                model: some(of.model),
                spend: estimate.filter(|_| !is_member),
                tokens: Tokens {
                    input: counts.input.0,
                    cache_read: counts.cache_read.0,
                    cache_write_5m: counts.cache_creation.0,
                    output: counts.output.0,
                    ..Tokens::default()
                },
                ..DaySpend::default()
            });
        }
    }
    let mut news = match next_page(asked, page.next_page.filter(|_| page.has_more != Some(false))) {
        Some(next) => then(code_ask(&gathered, Some(&next))),
        None if gathered.day < gathered.sheet.to => {
            gathered.day += 1;
            then(code_ask(&gathered, None))
        }
        None => finished(gathered),
    };
    news.facts.push(GatewayFact::Names(names));
    Ok(news)
}

/// What was gathered, and what was not to be had.
fn finished(gathered: Gathered) -> News {
    let cannot = match (gathered.tokens, gathered.money, gathered.code) {
        (false, false, false) => return News::cannot("usage, and what it costs"),
        (false, false, true) => Some("usage besides that of Claude Code"),
        (true, false, _) => Some("what usage costs"),
        (false, true, _) => Some("usage in tokens"),
        (true, true, _) => None,
    };
    let mut facts = vec![gathered.sheet.days()];
    facts.extend(cannot.map(GatewayFact::Cannot));
    News::facts(facts)
}
