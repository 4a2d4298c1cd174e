//! Spend by day: of each user, key and model, and of each tag.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::super::answer::{Count, Usd, date, day, some};
use super::super::sheet::{Sheet, packed, unpacked};
use super::super::{Answer, Ask, News, Plan, Refusal, Request};
use super::what;
use crate::model::{DaySpend, GatewayFact, Money, Named, TagSpend, Tokens, Whose};

/// Rows of a page; pages are of database rows, whatever they are merged into.
const PAGE: usize = 1000;
/// Keys that the aggregated form tells apart at most. Further ones are in the totals, and so in a row without a key.
const KEYS: usize = 1000;

#[derive(Deserialize)]
struct Activity {
    // Without it nothing is said: that is not a day on which nothing was spent.
    results: Vec<Day>,
    #[serde(default)]
    metadata: Option<Paging>,
}

#[derive(Deserialize)]
struct Paging {
    #[serde(default)]
    has_more: Option<bool>,
}

#[derive(Deserialize)]
struct Day {
    date: String,
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    breakdown: Option<Breakdown>,
}

#[derive(Deserialize, Default)]
struct Breakdown {
    #[serde(default)]
    models: Option<BTreeMap<String, Part>>,
    #[serde(default)]
    api_keys: Option<BTreeMap<String, OfKey>>,
    #[serde(default)]
    entities: Option<BTreeMap<String, Part>>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    api_key_breakdown: Option<BTreeMap<String, OfKey>>,
}

#[derive(Deserialize)]
struct OfKey {
    #[serde(default)]
    metrics: Metrics,
    #[serde(default)]
    metadata: KeyNames,
}

#[derive(Serialize, Deserialize, Default, Clone)]
struct KeyNames {
    #[serde(default)]
    key_alias: Option<String>,
    #[serde(default)]
    team_id: Option<String>,
    #[serde(default)]
    user_id: Option<String>,
}

#[derive(Deserialize, Default, Clone, Copy)]
struct Metrics {
    #[serde(default)]
    spend: Usd,
    #[serde(default)]
    prompt_tokens: Count,
    #[serde(default)]
    completion_tokens: Count,
    #[serde(default)]
    cache_read_input_tokens: Count,
    #[serde(default)]
    cache_creation_input_tokens: Count,
    #[serde(default)]
    api_requests: Count,
    #[serde(default)]
    failed_requests: Count,
}

impl Metrics {
    fn tokens(&self) -> Tokens {
        let (read, write) = (self.cache_read_input_tokens.0, self.cache_creation_input_tokens.0);
        Tokens {
            input: self.prompt_tokens.0.saturating_sub(read).saturating_sub(write),
            cache_read: read,
            cache_write_5m: write,
            output: self.completion_tokens.0,
            ..Tokens::default()
        }
    }

    fn row(&self, day: i64) -> DaySpend {
        DaySpend {
            day,
            spend: self.spend.0,
            requests: self.api_requests.0,
            failed: self.failed_requests.0,
            tokens: self.tokens(),
            ..DaySpend::default()
        }
    }
}

/// The questions of a round.
pub(super) fn asks(plan: &Plan) -> Vec<Ask> {
    let path = |whose: &str| format!("/{whose}/daily/activity/aggregated?{}&api_key_limit={KEYS}", span(plan));
    vec![Ask::new(what::DAYS, Request::get(path("user"))), Ask::new(what::TAGS, Request::get(path("tag")))]
}

/// The days of a round. Tomorrow has begun on a gateway whose clock is ahead.
fn span(plan: &Plan) -> String {
    format!("start_date={}&end_date={}", date(plan.from_day), date(plan.today() + 1))
}

/// A page, and what those before it have told.
fn page_ask<T: Serialize>(what: &'static str, whose: &str, so_far: &(u32, T), plan: &Plan) -> Ask {
    let path = format!("/{whose}/daily/activity?{}&page_size={PAGE}&page={}", span(plan), so_far.0);
    Ask::at(what, packed(so_far), Request::get(path))
}

pub(super) fn days(answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News { facts: Vec::new(), asks: vec![page_ask(what::DAY_PAGES, "user", &(1, Sums::new(plan)), plan)] });
    }
    let activity: Activity = answer.json()?;
    let mut sums = Sums::new(plan);
    sums.take(activity.results);
    Ok(News::facts(sums.facts()))
}

/// One of the pages. The rows of earlier pages travel in the question: a day may go on behind a page's end.
pub(super) fn day_page(ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("spend by day"));
    }
    let activity: Activity = answer.json()?;
    let (page, mut sums): (u32, Sums) = unpacked(ask)?;
    let is_last = activity.metadata.as_ref().and_then(|paging| paging.has_more) != Some(true);
    sums.take(activity.results);
    if is_last {
        return Ok(News::facts(sums.facts()));
    }
    Ok(News { facts: Vec::new(), asks: vec![page_ask(what::DAY_PAGES, "user", &(page + 1, sums), plan)] })
}

/// What the pages have told so far.
#[derive(Serialize, Deserialize)]
struct Sums {
    sheet: Sheet,
    names: BTreeMap<String, KeyNames>,
}

impl Sums {
    fn new(plan: &Plan) -> Sums {
        Sums { sheet: Sheet::new(plan.from_day, plan.today() + 1), names: BTreeMap::new() }
    }

    fn take(&mut self, days: Vec<Day>) {
        for told in days {
            let Some(at) = day(&told.date) else { continue };
            let breakdown = told.breakdown.unwrap_or_default();
            let keys = breakdown.api_keys.unwrap_or_default();
            let mut left: BTreeMap<&str, DaySpend> = keys.iter().map(|(key, of)| (key.as_str(), of.metrics.row(at))).collect();
            let mut rest = told.metrics.row(at);
            for (key, of) in &keys {
                subtract(&mut rest, &of.metrics.row(at));
                self.name(key, &of.metadata);
            }
            for (model, part) in breakdown.models.unwrap_or_default() {
                for (key, of) in part.api_key_breakdown.unwrap_or_default() {
                    let row = of.metrics.row(at);
                    if let Some(left) = left.get_mut(key.as_str()) {
                        subtract(left, &row);
                    } else {
                        subtract(&mut rest, &row);
                        self.name(&key, &of.metadata);
                    }
                    self.add(Some(&key), Some(&of.metadata), Some(&model), &row);
                }
            }
            // What a key has done without a model, such as being refused; and what no key is named for.
            for (key, row) in left {
                self.add(Some(key), keys.get(key).map(|of| &of.metadata), None, &row);
            }
            self.add(None, None, None, &rest);
        }
    }

    fn name(&mut self, key: &str, names: &KeyNames) {
        if some(names.key_alias.clone()).is_some() {
            self.names.insert(key.to_owned(), names.clone());
        }
    }

    fn add(&mut self, key: Option<&str>, names: Option<&KeyNames>, model: Option<&str>, row: &DaySpend) {
        let owned = |text: Option<&str>| some(text.map(str::to_owned));
        let (user, team) = names.map_or((None, None), |names| (some(names.user_id.clone()), some(names.team_id.clone())));
        self.sheet.add(DaySpend { user, team, key: owned(key), model: owned(model), ..row.clone() });
    }

    fn facts(self) -> Vec<GatewayFact> {
        let named = |(id, names): (String, KeyNames)| {
            let KeyNames { key_alias, team_id, user_id } = names;
            Named { whose: Whose::Key, id, name: some(key_alias), team: some(team_id), user: some(user_id) }
        };
        vec![GatewayFact::Names(self.names.into_iter().map(named).collect()), self.sheet.days()]
    }
}

/// Takes a part away; what is left is never less than nothing but for money, which may have been paid back.
fn subtract(whole: &mut DaySpend, part: &DaySpend) {
    whole.spend = Some(whole.spend.unwrap_or_default() - part.spend.unwrap_or_default());
    whole.requests = whole.requests.saturating_sub(part.requests);
    whole.failed = whole.failed.saturating_sub(part.failed);
    let (tokens, less) = (&mut whole.tokens, &part.tokens);
    for (of, less) in [
        (&mut tokens.input, less.input),
        (&mut tokens.cache_read, less.cache_read),
        (&mut tokens.cache_write_5m, less.cache_write_5m),
        (&mut tokens.output, less.output),
    ] {
        *of = of.saturating_sub(less);
    }
}

pub(super) fn tags(answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News { facts: Vec::new(), asks: vec![page_ask(what::TAG_PAGES, "tag", &(1, Vec::<KeptTag>::new()), plan)] });
    }
    let activity: Activity = answer.json()?;
    Ok(News::facts(tag_facts(tag_rows(activity.results, BTreeMap::new()), plan)))
}

/// A tag's row between two pages: day, tag, nano-dollars, calls, failed ones, tokens.
type KeptTag = (i64, String, i64, u64, u64, u64);

pub(super) fn tag_page(ask: &Ask, answer: &Answer<'_>, plan: &Plan) -> Result<News, Refusal> {
    if answer.is_denied() {
        return Ok(News::cannot("spend by tag"));
    }
    let activity: Activity = answer.json()?;
    let (page, known): (u32, Vec<KeptTag>) = unpacked(ask)?;
    let known = known.into_iter().map(|(day, tag, nanos, requests, failed, tokens)| {
        ((day, tag.clone()), TagSpend { day, tag, spend: Money::from_nanos(nanos), requests, failed, tokens })
    });
    let is_last = activity.metadata.as_ref().and_then(|paging| paging.has_more) != Some(true);
    let rows = tag_rows(activity.results, known.collect());
    if is_last {
        return Ok(News::facts(tag_facts(rows, plan)));
    }
    let rows: Vec<_> = rows.values().map(|row| (row.day, &row.tag, row.spend.nanos(), row.requests, row.failed, row.tokens)).collect();
    Ok(News { facts: Vec::new(), asks: vec![page_ask(what::TAG_PAGES, "tag", &(page + 1, rows), plan)] })
}

fn tag_rows(days: Vec<Day>, mut rows: BTreeMap<(i64, String), TagSpend>) -> BTreeMap<(i64, String), TagSpend> {
    for told in days {
        let Some(day) = day(&told.date) else { continue };
        for (tag, part) in told.breakdown.unwrap_or_default().entities.unwrap_or_default() {
            let row = rows.entry((day, tag.clone())).or_insert_with(|| TagSpend { day, tag, ..TagSpend::default() });
            row.spend += part.metrics.spend.0.unwrap_or_default();
            row.requests = row.requests.saturating_add(part.metrics.api_requests.0);
            row.failed = row.failed.saturating_add(part.metrics.failed_requests.0);
            row.tokens = row.tokens.saturating_add(part.metrics.tokens().total());
        }
    }
    rows
}

fn tag_facts(rows: BTreeMap<(i64, String), TagSpend>, plan: &Plan) -> Vec<GatewayFact> {
    vec![GatewayFact::Tags { from: plan.from_day, to: plan.today() + 1, rows: rows.into_values().collect() }]
}
