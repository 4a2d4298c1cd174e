//! What one of something costs: a task, a session, a million tokens; and how often things go wrong.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::insight::loops::Points;
use crate::insight::spread::Spread;
use crate::model::money::TOKENS_PER_RATE;
use crate::model::{Cost, Money, Tokens, Window};
use crate::pricing::Pricer;
use crate::store::merge::CallRow;
use crate::store::{Store, StoreError, Sums};

/// What calls of one model cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ModelUnits {
    /// The calls.
    pub cost: Cost,
    /// Their tokens.
    pub tokens: Tokens,
    /// What the prompts cost, of calls that the price book prices.
    pub prompts: Money,
    /// What the output cost, of the same.
    pub outputs: Money,
    /// The tokens of those prompts.
    prompt_tokens: u64,
    /// And of that output.
    output_tokens: u64,
}

/// An amount for each million tokens; nothing of none.
fn per_million(money: Money, tokens: u64) -> Option<Money> {
    (tokens > 0).then(|| per(money, i128::from(tokens), TOKENS_PER_RATE))
}

fn per(money: Money, count: i128, of: i128) -> Money {
    let nanos = (i128::from(money.nanos()) * of + count / 2) / count.max(1);
    Money::from_nanos(i64::try_from(nanos).unwrap_or(i64::MAX))
}

impl ModelUnits {
    /// A million tokens of prompt, whether from the cache or not.
    #[must_use]
    pub fn million_in(&self) -> Option<Money> {
        per_million(self.prompts, self.prompt_tokens)
    }

    /// A million tokens of output.
    #[must_use]
    pub fn million_out(&self) -> Option<Money> {
        per_million(self.outputs, self.output_tokens)
    }
}

/// What happened in a window.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Units {
    /// Whether records begin inside of it: then it is no whole one.
    pub partial: bool,
    /// Whether only some models count: then tasks, tool calls and retries, which are no model's, are not among the sums.
    pub only_models: bool,
    /// The sums.
    pub sums: Sums,
    /// Sessions that asked a model; a subagent is a part of another one.
    pub sessions: u64,
    /// How the tokens of model calls spread, prompt and output; nothing without a call.
    pub requests: Option<Points>,
    /// By model, the ones without a name left out.
    pub models: BTreeMap<Arc<str>, ModelUnits>,
}

/// A figure that periods are compared by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Metric {
    /// What was spent.
    Spend,
    /// For each task.
    PerTask,
    /// For each session.
    PerSession,
    /// The median of the tokens of a model call.
    RequestMedian,
    /// What 99 of 100 model calls do not exceed.
    RequestMost,
    /// The share of all prompt tokens that came from the cache.
    CacheHit,
    /// Model calls that failed and were tried again, of all that were tried.
    Retries,
    /// Tool calls that failed, of all.
    ToolFailures,
}

/// What a figure counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Nano-dollars.
    Money,
    /// Tokens.
    Tokens,
    /// Tenths of a percent.
    Permille,
}

impl Metric {
    /// All of them, the most important first.
    pub const ALL: [Metric; 8] = [
        Metric::Spend,
        Metric::PerTask,
        Metric::PerSession,
        Metric::RequestMedian,
        Metric::RequestMost,
        Metric::CacheHit,
        Metric::Retries,
        Metric::ToolFailures,
    ];

    /// What people call it.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Metric::Spend => "spend",
            Metric::PerTask => "per task",
            Metric::PerSession => "per session",
            Metric::RequestMedian => "tokens/request p50",
            Metric::RequestMost => "tokens/request p99",
            Metric::CacheHit => "cache hit",
            Metric::Retries => "retries",
            Metric::ToolFailures => "failed tools",
        }
    }

    /// What its values count.
    #[must_use]
    pub const fn measure(self) -> Measure {
        match self {
            Metric::Spend | Metric::PerTask | Metric::PerSession => Measure::Money,
            Metric::RequestMedian | Metric::RequestMost => Measure::Tokens,
            Metric::CacheHit | Metric::Retries | Metric::ToolFailures => Measure::Permille,
        }
    }
}

impl Units {
    /// The cost.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.sums.cost()
    }

    /// A count of what is no model's; nothing where only some models count.
    #[must_use]
    pub fn beside_models(&self, count: fn(&Sums) -> i64) -> Option<i64> {
        (!self.only_models).then(|| count(&self.sums))
    }

    /// A figure; nothing where there is nothing to divide by, or where no price is known.
    #[must_use]
    pub fn value(&self, metric: Metric) -> Option<i64> {
        let sums = &self.sums;
        let share = |part: i64, all: i64| (all > 0).then(|| permille(part, all));
        if self.only_models && matches!(metric, Metric::PerTask | Metric::Retries | Metric::ToolFailures) {
            return None;
        }
        let each = |count: i64| Some(per(self.cost().money()?, i128::from(count), 1).nanos()).filter(|_| count > 0);
        match metric {
            Metric::Spend => self.cost().money().map(Money::nanos),
            Metric::PerTask => each(sums.prompts),
            Metric::PerSession => each(i64::try_from(self.sessions).unwrap_or(i64::MAX)),
            Metric::RequestMedian => self.requests.map(|points| points.p50),
            Metric::RequestMost => self.requests.map(|points| points.p99),
            Metric::CacheHit => sums.tokens().cache_hit_permille().map(i64::from),
            Metric::Retries => share(sums.retries, sums.calls.saturating_add(sums.retries)),
            Metric::ToolFailures => share(sums.failures, sums.tools),
        }
    }

    /// By how much a figure has changed, in per mille of what it was; nothing where it was nothing, or the sum of a part.
    #[must_use]
    pub fn change(&self, before: &Units, metric: Metric) -> Option<i64> {
        if metric == Metric::Spend && before.partial {
            return None;
        }
        change(self.value(metric), before.value(metric))
    }
}

/// By how much a value has changed, in per mille of what it was.
#[must_use]
pub fn change(now: Option<i64>, before: Option<i64>) -> Option<i64> {
    let (now, before) = (i128::from(now?), i128::from(before.filter(|before| *before > 0)?));
    i64::try_from((now - before) * 1000 / before).ok()
}

/// A change in words: `▲12%`, `▼3%`, `=`, `▲14×`; nothing where there is nothing to compare with.
#[must_use]
pub fn arrow(permille: Option<i64>) -> String {
    match permille {
        None => String::new(),
        Some(permille) if permille.abs() < 5 => "=".to_owned(),
        Some(permille) if permille >= 9_995 => format!("▲{}×", (permille + 1000) / 1000),
        Some(permille) => format!("{}{}%", if permille > 0 { '▲' } else { '▼' }, (permille.abs() + 5) / 10),
    }
}

fn permille(part: i64, all: i64) -> i64 {
    i64::try_from((i128::from(part) * 1000 + i128::from(all) / 2) / i128::from(all)).unwrap_or(0)
}

/// Which windows, and whose doings.
pub struct Asking<'a> {
    /// The windows; they may lie over each other.
    pub windows: &'a [Window],
    /// Whether a session counts.
    pub keeps: &'a dyn Fn(i64) -> bool,
    /// Whether a model counts; an empty name is none.
    pub passes: &'a dyn Fn(&str) -> bool,
}

/// What happened in each window: one look at the sums and one at the calls.
pub fn units(store: &Store, prices: &mut Pricer, asking: &Asking<'_>) -> Result<Vec<Units>, StoreError> {
    let from = asking.windows.iter().map(|window| window.from).min().unwrap_or(0);
    let to = asking.windows.iter().map(|window| window.to).max().unwrap_or(0);
    let people = store.sessions_of_people()?;
    let begin = store.first_slot()?;
    let partial = |window: &Window| begin.is_none_or(|begin| window.from < begin);
    let only_models = !(asking.passes)("");
    let empty = |window: &Window| Units { partial: partial(window), only_models, ..Units::default() };
    let mut out: Vec<Units> = asking.windows.iter().map(empty).collect();
    let mut sessions: Vec<HashSet<i64>> = vec![HashSet::new(); asking.windows.len()];
    store.each_happening(Window { from, to }, |row| {
        if !(asking.keeps)(row.session) || !(asking.passes)(row.model.as_deref().unwrap_or_default()) {
            return;
        }
        let found = asking.windows.iter().zip(&mut out).zip(&mut sessions).filter(|((window, _), _)| window.contains(row.at));
        for ((_, units), sessions) in found {
            units.sums.add(&row.sums, 1);
            if row.sums.calls > 0 && people.contains(&row.session) {
                sessions.insert(row.session);
            }
        }
    })?;
    let names = store.names()?;
    let mut requests: Vec<Vec<i64>> = vec![Vec::new(); asking.windows.len()];
    store.each_call(Window { from, to }, |_, call| {
        let name = names.get(&call.model);
        if !(asking.keeps)(call.session) || !(asking.passes)(name.map_or("", |name| name)) {
            return;
        }
        let parts = name.and_then(|name| split(prices, name, call));
        for ((window, units), requests) in asking.windows.iter().zip(&mut out).zip(&mut requests) {
            if window.contains(call.at) {
                requests.push(i64::try_from(call.tokens.total()).unwrap_or(i64::MAX));
                if let Some(name) = name {
                    add(units.models.entry(name.clone()).or_default(), call, parts);
                }
            }
        }
    })?;
    for ((units, sessions), requests) in out.iter_mut().zip(sessions).zip(requests) {
        units.sessions = sessions.len() as u64;
        units.requests = Points::of(&requests.into_iter().collect::<Spread>());
    }
    Ok(out)
}

/// What the prompt and what the output of a call cost, where the price book says.
fn split(prices: &mut Pricer, model: &str, call: &CallRow) -> Option<(Money, Money)> {
    if call.reported.is_some() || call.money.is_none() {
        return None;
    }
    let prompt = call.billed_prompt();
    let mut of = |tokens: Tokens| prices.cost_at(prompt, model, &tokens, 0, call.tier, call.speed);
    let prompts = of(Tokens { output: 0, reasoning: 0, ..call.tokens })?;
    let outputs = of(Tokens { output: call.tokens.output, ..Tokens::default() })?;
    Some((prompts, outputs))
}

fn add(units: &mut ModelUnits, call: &CallRow, priced: Option<(Money, Money)>) {
    units.cost += call.cost();
    units.tokens += call.tokens;
    if let Some((prompts, outputs)) = priced {
        units.prompts += prompts;
        units.outputs += outputs;
        units.prompt_tokens = units.prompt_tokens.saturating_add(call.tokens.prompt());
        units.output_tokens = units.output_tokens.saturating_add(call.tokens.output);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_nothing_are_nothing_and_not_zero() {
        let units = Units::default();
        assert_eq!(units.value(Metric::Spend), Some(0));
        for metric in Metric::ALL.into_iter().filter(|metric| *metric != Metric::Spend) {
            assert_eq!(units.value(metric), None, "{metric:?}");
        }
        let unknown = Units { sums: Sums { calls: 2, unpriced: 2, prompts: 1, ..Sums::default() }, sessions: 1, ..Units::default() };
        assert_eq!((unknown.value(Metric::Spend), unknown.value(Metric::PerTask)), (None, None), "no price is no zero");
    }

    #[test]
    fn changes_are_of_what_was() {
        assert_eq!(change(Some(150), Some(100)), Some(500));
        assert_eq!(change(Some(50), Some(100)), Some(-500));
        assert_eq!([Some(123), Some(-30), Some(4), Some(13_000), None].map(arrow), ["▲12%", "▼3%", "=", "▲14×", ""]);
        assert_eq!((change(Some(1), Some(0)), change(None, Some(3)), change(Some(3), None)), (None, None, None));
    }
}
