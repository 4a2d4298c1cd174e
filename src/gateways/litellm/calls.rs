//! Single calls: `GET /spend/logs/v2`, oldest first. Older releases do not show it to a plain user; `GET /spend/logs` shows him
//! his own, whatever is asked for, a day at a time.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::super::answer::{Count, PerToken, Usd, date, escaped, instant, some};
use super::super::{Answer, Ask, DAY, News, Plan, Refusal, Request};
use super::what;
use crate::model::{GatewayCall, GatewayFact, GatewayRates, Millis, Tokens, time};

/// Rows of a page. A row has seven to ten kilobytes, most of which is the gateway's price list.
const PAGE: usize = 500;
/// Older releases take no more than this, and say so with 422.
const OLD_PAGE: usize = 100;
/// The gateway counts to ten thousand and no further; and late pages cost it more than early ones. A window with more calls than
/// this is asked for in two halves.
const MOST: u64 = 5_000;
/// Rows of a day that older releases tell at most; a header says that there were more.
const OLD_MOST: usize = 10_000;
/// No window is halved below this.
const SHORTEST: Millis = 60_000;
/// What the gateway's clock may be ahead.
const AHEAD: Millis = 3_600_000;

#[derive(Deserialize)]
struct Page {
    // Without it nothing is said: that is not a window without calls.
    data: Vec<Row>,
    #[serde(default)]
    total: Count,
    #[serde(default)]
    total_is_capped: Option<bool>,
}

#[derive(Deserialize)]
struct Row {
    #[serde(default)]
    request_id: Option<String>,
    #[serde(default)]
    litellm_call_id: Option<String>,
    #[serde(default)]
    call_type: Option<String>,
    #[serde(default)]
    api_key: Option<String>,
    #[serde(default)]
    spend: Usd,
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(rename = "startTime", default)]
    start: Option<String>,
    #[serde(rename = "endTime", default)]
    end: Option<String>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    user: Option<String>,
    #[serde(default)]
    team_id: Option<String>,
    #[serde(default)]
    end_user: Option<String>,
    #[serde(default)]
    session_id: Option<String>,
    #[serde(default)]
    status: Option<String>,
    #[serde(default, deserialize_with = "meta")]
    metadata: Option<Meta>,
}

#[derive(Deserialize, Default)]
struct Meta {
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    user_agent: Option<String>,
    #[serde(default)]
    litellm_call_id: Option<String>,
    #[serde(default)]
    usage_object: Option<Usage>,
    #[serde(default)]
    additional_usage_values: Option<Usage>,
    #[serde(default)]
    error_information: Option<Trouble>,
    #[serde(default)]
    model_map_information: Option<Map>,
}

#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    prompt_tokens: Option<Count>,
    #[serde(default)]
    completion_tokens: Option<Count>,
    #[serde(default)]
    cache_read_input_tokens: Option<Count>,
    #[serde(default)]
    cache_creation_input_tokens: Option<Count>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    #[serde(default)]
    completion_tokens_details: Option<OutputDetails>,
}

#[derive(Deserialize, Default)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<Count>,
    #[serde(default)]
    cache_creation_tokens: Option<Count>,
    #[serde(default)]
    cache_creation_token_details: Option<WriteDetails>,
}

#[derive(Deserialize, Default)]
struct WriteDetails {
    #[serde(default)]
    ephemeral_1h_input_tokens: Count,
}

#[derive(Deserialize, Default)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Count,
}

#[derive(Deserialize)]
struct Trouble {
    #[serde(default)]
    error_class: Option<String>,
    #[serde(default)]
    error_message: Option<String>,
}

#[derive(Deserialize)]
struct Map {
    #[serde(default)]
    model_map_value: Option<Prices>,
}

#[derive(Deserialize)]
struct Prices {
    #[serde(default)]
    input_cost_per_token: PerToken,
    #[serde(default)]
    output_cost_per_token: PerToken,
    #[serde(default)]
    cache_read_input_token_cost: PerToken,
    #[serde(default)]
    cache_creation_input_token_cost: PerToken,
}

/// The metadata: an object, or one that was written into a text. What is neither says nothing.
fn meta<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Meta>, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let text = serde_json::from_str::<String>(raw.get());
    Ok(serde_json::from_str(text.as_deref().unwrap_or(raw.get())).ok())
}

/// The first page of all calls that are wanted.
pub(super) fn asks(plan: &Plan) -> Vec<Ask> {
    plan.calls_from.map(|from| ask(from, plan.now + AHEAD, 1, PAGE)).into_iter().collect()
}

fn ask(from: Millis, to: Millis, page: u32, size: usize) -> Ask {
    // The end is included: a row that both halves tell is the same row.
    let stamp = |at: Millis| escaped(&time::utc(at).format("%Y-%m-%d %H:%M:%S").to_string());
    let path = format!(
        "/spend/logs/v2?start_date={}&end_date={}&page={page}&page_size={size}&sort_by=startTime&sort_order=asc",
        stamp(from),
        stamp(to + 999)
    );
    Ask::at(what::CALLS, format!("{from} {to} {page} {size}"), Request::get(path))
}

pub(super) fn page(asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    let mut at = asked.at.split(' ').filter_map(|part| part.parse::<Millis>().ok());
    let (Some(from), Some(to), Some(page), Some(size)) = (at.next(), at.next(), at.next(), at.next()) else { return Ok(News::default()) };
    let size = usize::try_from(size).unwrap_or(PAGE);
    if answer.status == 422 && size > OLD_PAGE {
        return Ok(News { facts: Vec::new(), asks: vec![ask(from, to, 1, OLD_PAGE)] });
    }
    if answer.is_denied() {
        return Ok(News { facts: Vec::new(), asks: vec![old_ask(from.div_euclid(DAY))] });
    }
    let Page { data, total, total_is_capped } = answer.json()?;
    if page == 1 && (total.0 > MOST || total_is_capped == Some(true)) && to - from > SHORTEST {
        let middle = from + (to - from) / 2;
        return Ok(News { facts: Vec::new(), asks: vec![ask(from, middle, 1, size), ask(middle, to, 1, size)] });
    }
    let is_full = data.len() >= size;
    let mut news = News::facts(vec![GatewayFact::Calls(data.into_iter().filter_map(call).collect())]);
    if is_full {
        news.asks.push(ask(from, to, u32::try_from(page).unwrap_or(1).saturating_add(1), size));
    } else {
        news.facts.push(GatewayFact::AllCalls { from, to: to.min(plan.now) });
    }
    Ok(news)
}

fn old_ask(day: i64) -> Ask {
    let path = format!("/spend/logs?start_date={}&end_date={}&summarize=false", date(day), date(day + 1));
    Ask::at(what::OLD_CALLS, day.to_string(), Request::get(path))
}

/// A day of a user's own calls.
pub(super) fn day(asked: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("calls"));
    }
    let day = asked.at.parse::<i64>().unwrap_or_else(|_| plan.today());
    let rows: Vec<Row> = answer.json()?;
    let whole = if rows.len() < OLD_MOST {
        GatewayFact::AllCalls { from: day * DAY, to: ((day + 1) * DAY).min(plan.now) }
    } else {
        GatewayFact::Cannot("calls beyond the ten thousandth of a day")
    };
    let facts = vec![GatewayFact::Calls(rows.into_iter().filter_map(call).collect()), whole];
    Ok(News { facts, asks: (day < plan.today()).then(|| old_ask(day + 1)).into_iter().collect() })
}

fn call(row: Row) -> Option<GatewayCall> {
    // Refused questions about keys and users stand among the calls of models.
    if row.call_type.as_deref().is_some_and(|kind| kind.starts_with('/')) {
        return None;
    }
    let meta = row.metadata.unwrap_or_default();
    // What Claude Code calls its user has the session in it. Older releases leave it on other agents' calls with the same key.
    let is_claude =
        row.call_type.as_deref() == Some("anthropic_messages") || meta.user_agent.as_deref().is_some_and(|name| name.starts_with("claude"));
    let at = instant(row.start.as_deref())?;
    let failed = [row.status.as_deref(), meta.status.as_deref()].contains(&Some("failure"));
    let over_budget = meta.error_information.is_some_and(|trouble| {
        trouble.error_class.as_deref() == Some("BudgetExceededError")
            || trouble.error_message.is_some_and(|said| said.contains("Budget has been exceeded") || said.contains("ExceededBudget"))
    });
    let rates = meta.model_map_information.and_then(|map| map.model_map_value).map_or_else(GatewayRates::default, |prices| GatewayRates {
        input: prices.input_cost_per_token.0,
        output: prices.output_cost_per_token.0,
        cache_read: prices.cache_read_input_token_cost.0,
        cache_write: prices.cache_creation_input_token_cost.0,
    });
    let usage = meta.usage_object.unwrap_or_default();
    let more = meta.additional_usage_values.unwrap_or_default();
    Some(GatewayCall {
        id: some(row.request_id)?,
        answer: None,
        request: some(row.litellm_call_id).or_else(|| some(meta.litellm_call_id)),
        at,
        ended: instant(row.end.as_deref()).unwrap_or(at),
        user: some(row.user),
        team: some(row.team_id),
        key: some(row.api_key),
        model: some(row.model),
        session: some(row.end_user).filter(|_| is_claude).as_deref().and_then(session_of_user).or_else(|| some(row.session_id)),
        client: some(meta.user_agent),
        tokens: tokens(row.prompt_tokens, row.completion_tokens, &usage, &more),
        spend: row.spend.0.unwrap_or_default(),
        rates,
        failed,
        over_budget,
    })
}

fn tokens(prompt: Count, output: Count, usage: &Usage, more: &Usage) -> Tokens {
    let details = usage.prompt_tokens_details.as_ref();
    let first = |options: [Option<Count>; 3]| options.into_iter().flatten().map(|count| count.0).max().unwrap_or(0);
    let read = first([usage.cache_read_input_tokens, more.cache_read_input_tokens, details.and_then(|d| d.cached_tokens)]);
    let write = first([usage.cache_creation_input_tokens, more.cache_creation_input_tokens, details.and_then(|d| d.cache_creation_tokens)]);
    let hour = details.and_then(|d| d.cache_creation_token_details.as_ref()).map_or(0, |d| d.ephemeral_1h_input_tokens.0).min(write);
    let prompt = usage.prompt_tokens.unwrap_or(prompt).0;
    Tokens {
        input: prompt.saturating_sub(read).saturating_sub(write),
        cache_read: read,
        cache_write_5m: write - hour,
        cache_write_1h: hour,
        output: usage.completion_tokens.unwrap_or(output).0,
        reasoning: usage.completion_tokens_details.as_ref().map_or(0, |d| d.reasoning_tokens.0),
    }
}

/// The session in what Claude Code calls its user: `user_…_account_…_session_ID`, or JSON with a `session_id`.
fn session_of_user(user: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Told {
        session_id: String,
    }
    let session = user.rsplit_once("_session_").map(|(_, session)| session.to_owned());
    session.or_else(|| serde_json::from_str::<Told>(user).ok().map(|told| told.session_id)).filter(|session| !session.is_empty())
}
