//! One session's steps, one after the other.

use std::collections::HashMap;

use crate::model::{Bill, Cost, Key, KeyMap, Meter, Millis, Money, Rate, Tokens};

use super::{Category, LONG_LIFE, PLACES, Part, Place, SHORT_LIFE, Step, Strain, Waste};

/// What is asked about a session.
pub struct Session<'a> {
    /// All of its steps, oldest first, also those that do not count: the ones before and after tell what a step sends again
    /// and whether its cache is read.
    pub steps: &'a [Step],
    /// Now: a cache that still lives may yet be read.
    pub now: Millis,
    /// What the facts of a task say.
    pub strain: &'a dyn Fn(Key) -> Strain,
    /// How a step is billed, by its place in `steps`; `None` where no price is known.
    pub bill: &'a dyn Fn(usize) -> Option<Bill>,
    /// Whether a step counts.
    pub counts: &'a dyn Fn(&Step) -> bool,
}

/// Where the money of the steps that count went.
#[must_use]
pub fn of_session(session: &Session<'_>) -> Waste {
    let unread = unread(session);
    let compacted = compacted(session);
    let mut waste = Waste::default();
    let mut cache = Cache::default();
    let (mut before, mut place): (Option<&Step>, u64) = (None, 0);
    for (i, step) in session.steps.iter().enumerate() {
        place = if before.is_some_and(|b| b.task == step.task) { place + 1 } else { 1 };
        if (session.counts)(step) {
            let flag = |flags: &[bool]| flags.get(i).copied().unwrap_or(false);
            let claims = Claims {
                before,
                compacted: flag(&compacted),
                missed: before.map_or(0, |before| cache.missed(before, step)),
                guessed_miss: !cache.was_written,
                unread: unread.get(i).copied().unwrap_or_default(),
                strain: (session.strain)(step.task),
            };
            take_apart(step, (session.bill)(i), &claims, place, &mut waste);
        }
        cache.learn(step);
        before = Some(step);
    }
    waste
}

/// What a session shows of its provider's cache.
#[derive(Debug, Default)]
struct Cache {
    /// Whether writes are told. Where they are not, what is cached and for how long is the provider's secret.
    was_written: bool,
    was_read: bool,
    for_an_hour: bool,
}

impl Cache {
    fn learn(&mut self, step: &Step) {
        let tokens = &step.tokens;
        if tokens.cache_write_5m.saturating_add(tokens.cache_write_1h) > 0 {
            self.was_written = true;
            self.for_an_hour = tokens.cache_write_1h > 0;
        }
        self.was_read |= tokens.cache_read > 0;
    }

    /// The tokens that were in the cache after the step before, and have fallen out of it in the pause.
    fn missed(&self, before: &Step, step: &Step) -> u64 {
        let life = if self.for_an_hour { LONG_LIFE } else { SHORT_LIFE };
        if step.at - before.at <= life || step.model != before.model {
            return 0;
        }
        let cached = match (self.was_written, self.was_read) {
            (true, _) => before.tokens.prompt() - before.tokens.input,
            // A provider that caches by itself keeps whole prompts.
            (false, true) => before.tokens.prompt(),
            (false, false) => 0,
        };
        cached.saturating_sub(step.tokens.cache_read)
    }
}

/// Which writes of each step nothing reads: those for five minutes, those for an hour.
fn unread(session: &Session<'_>) -> Vec<(bool, bool)> {
    let mut next: HashMap<u32, Millis> = HashMap::new();
    let mut flags: Vec<(bool, bool)> = session
        .steps
        .iter()
        .rev()
        .map(|step| {
            let ends = |life: Millis| match next.get(&step.model) {
                Some(read) => read - step.at > life,
                None => session.now - step.at > life,
            };
            let flags = (ends(SHORT_LIFE), ends(LONG_LIFE));
            if step.tokens.cache_read > 0 {
                next.insert(step.model, step.at);
            }
            flags
        })
        .collect();
    flags.reverse();
    flags
}

/// Which steps follow a compaction. Facts say how many there were in a task; where they were, the prompts show: they are
/// shorter by most than the context left before.
fn compacted(session: &Session<'_>) -> Vec<bool> {
    let mut left: KeyMap<u64> = KeyMap::default();
    for step in session.steps {
        left.entry(step.task).or_insert_with(|| (session.strain)(step.task).compactions);
    }
    if left.values().all(|compactions| *compactions == 0) {
        return Vec::new();
    }
    let pairs = session.steps.iter().zip(session.steps.iter().skip(1)).enumerate();
    let fall = |(i, (before, step)): (usize, (&Step, &Step))| {
        let fall = before.context.saturating_sub(step.tokens.prompt());
        (fall > 0).then_some((std::cmp::Reverse(fall), i + 1, [step.task, before.task]))
    };
    let mut falls: Vec<_> = pairs.filter_map(fall).collect();
    falls.sort_unstable_by_key(|(fall, i, _)| (*fall, *i));
    let mut flags = vec![false; session.steps.len()];
    for (_, i, tasks) in falls {
        for task in tasks {
            if let Some(compactions) = left.get_mut(&task).filter(|compactions| **compactions > 0) {
                *compactions -= 1;
                if let Some(flag) = flags.get_mut(i) {
                    *flag = true;
                }
                break;
            }
        }
    }
    flags
}

/// What is claimed of a step's price.
struct Claims<'a> {
    before: Option<&'a Step>,
    compacted: bool,
    missed: u64,
    guessed_miss: bool,
    unread: (bool, bool),
    strain: Strain,
}

/// Tokens of one kind in a prompt.
struct Kind {
    count: u64,
    rate: fn(&Bill) -> Rate,
    field: fn(&mut Tokens) -> &mut u64,
    is_read: bool,
    is_unread: bool,
}

/// The kinds of a prompt from its beginning.
fn kinds(tokens: &Tokens, unread: (bool, bool)) -> [Kind; 4] {
    [
        Kind { count: tokens.cache_read, rate: |b| b.rates.cache_read, field: |t| &mut t.cache_read, is_read: true, is_unread: false },
        Kind {
            count: tokens.cache_write_1h,
            rate: |b| b.rates.cache_write_1h,
            field: |t| &mut t.cache_write_1h,
            is_read: false,
            is_unread: unread.1,
        },
        Kind {
            count: tokens.cache_write_5m,
            rate: |b| b.rates.cache_write_5m,
            field: |t| &mut t.cache_write_5m,
            is_read: false,
            is_unread: unread.0,
        },
        Kind { count: tokens.input, rate: |b| b.rates.input, field: |t| &mut t.input, is_read: false, is_unread: false },
    ]
}

/// One step's parts in the making.
struct Parts {
    /// How the step is billed and what its parts cost, where that is known.
    price: Option<(Bill, Meter)>,
    taken: [(Tokens, Money); Category::ALL.len()],
}

impl Parts {
    /// The price of so many tokens of a kind in two: up to a lower rate, and what is above it.
    fn split(&mut self, kind: &Kind, count: u64, lower: fn(&Bill) -> Rate) -> (Money, Money) {
        let Some((bill, meter)) = &mut self.price else { return (Money::ZERO, Money::ZERO) };
        let full = (kind.rate)(bill).nanos_per_million();
        let low = full.min(lower(bill).nanos_per_million());
        let base = meter.take(Rate::from_nanos_per_million(low), count);
        (base, meter.take(Rate::from_nanos_per_million(full - low), count))
    }

    fn add(&mut self, category: Category, kind: &Kind, count: u64, money: Money) {
        if let Some((tokens, sum)) = self.taken.get_mut(category as usize).filter(|_| count > 0) {
            *(kind.field)(tokens) += count;
            *sum += money;
        }
    }
}

/// Gives the parts of a step's price to their categories.
fn take_apart(step: &Step, bill: Option<Bill>, claims: &Claims<'_>, place: u64, waste: &mut Waste) {
    waste.steps += 1;
    waste.tokens += step.tokens;
    waste.cost += step.cost();
    let price = bill.zip(step.money).and_then(|(bill, money)| Some((bill, bill.meter(&step.tokens, money)?)));
    let is_priced = price.is_some();
    let mut parts = Parts { price, taken: Default::default() };
    let left = claims.before.map_or(0, |before| before.context);
    let mut old = step.tokens.prompt().min(left);
    if claims.compacted {
        old = old.min(step.tokens.cache_read);
    }
    let mut missed = if claims.compacted { 0 } else { claims.missed };
    let follows_tools = claims.before.is_some_and(|before| before.task == step.task);
    for kind in kinds(&step.tokens, claims.unread) {
        let again = kind.count.min(old);
        old -= again;
        sent_again(&mut parts, &kind, again, &mut missed);
        let base = sent_first(&mut parts, &kind, kind.count - again, claims.compacted);
        if follows_tools && !kind.is_read {
            failed(&mut parts, &kind, kind.count - again, base, claims.strain);
        }
    }
    for (category, (tokens, money)) in Category::ALL.into_iter().zip(parts.taken) {
        if tokens != Tokens::default() {
            let is_estimated = match category {
                Category::Resent => false,
                Category::Missed => claims.guessed_miss,
                Category::Compacted | Category::Unread | Category::Failed => true,
            };
            let cost = step.part(is_priced.then_some(money));
            waste.add(category, Part { steps: 1, tokens, cost, estimated: u64::from(is_estimated) });
        }
    }
    let (tokens, money) = parts.taken.first().copied().unwrap_or_default();
    let group = PLACES.partition_point(|first| *first <= place).saturating_sub(1);
    if let Some(sum) = waste.places.get_mut(group) {
        let cost = if is_priced || tokens == Tokens::default() && step.money.is_some() { step.part(Some(money)) } else { Cost::unknown() };
        *sum += Place { steps: 1, tokens: tokens.prompt(), cost };
    }
}

/// Tokens that had been in the context before.
fn sent_again(parts: &mut Parts, kind: &Kind, count: u64, missed: &mut u64) {
    let fallen = if kind.is_read { 0 } else { count.min(*missed) };
    *missed -= fallen;
    let (base, above) = parts.split(kind, fallen, |bill| bill.rates.cache_read);
    parts.add(Category::Resent, kind, fallen, base);
    parts.add(Category::Missed, kind, fallen, above);
    let rest = count - fallen;
    if kind.is_unread {
        let (base, above) = parts.split(kind, rest, |bill| bill.rates.input);
        parts.add(Category::Resent, kind, rest, base);
        parts.add(Category::Unread, kind, rest, above);
    } else {
        let (all, _) = parts.split(kind, rest, kind.rate);
        parts.add(Category::Resent, kind, rest, all);
    }
}

/// Tokens that are new in the context. Gives the part of their price that nothing has claimed.
fn sent_first(parts: &mut Parts, kind: &Kind, count: u64, compacted: bool) -> Money {
    if compacted && !kind.is_read {
        let (base, above) = parts.split(kind, count, |bill| bill.rates.cache_read);
        parts.add(Category::Compacted, kind, count, above);
        base
    } else if kind.is_unread {
        let (base, above) = parts.split(kind, count, |bill| bill.rates.input);
        parts.add(Category::Unread, kind, count, above);
        base
    } else {
        parts.split(kind, count, kind.rate).0
    }
}

/// The share of failed tool calls in the new tokens of a step.
fn failed(parts: &mut Parts, kind: &Kind, count: u64, base: Money, strain: Strain) {
    let failures = strain.failures.min(strain.tools);
    if failures == 0 {
        return;
    }
    let share = u128::from(count) * u128::from(failures) / u128::from(strain.tools);
    let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let money = base.scale(whole(failures), whole(strain.tools));
    parts.add(Category::Failed, kind, u64::try_from(share).unwrap_or(u64::MAX), money);
}
