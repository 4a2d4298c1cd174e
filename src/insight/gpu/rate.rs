//! What an inference server gets done, and what a million tokens of it cost.

use std::collections::VecDeque;

use super::meter::Scaled;
use crate::model::gpu::Timing;
use crate::model::{Millis, Money};

/// How far back "now" reaches.
const NOW: Millis = 5 * 60_000;
/// A gap of more than so many times the usual time between two looks is a time that nobody looked at.
const GAP: Millis = 3;
/// Looks that are kept.
const MOST: usize = 1024;

/// Counts of a server at one look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Tokens of prompts, those from the cache among them.
    pub prompt: Option<u64>,
    /// Those from the cache.
    pub cached: Option<u64>,
    /// Tokens made.
    pub generated: Option<u64>,
    /// What moves while a request is answered.
    pub progress: Option<u64>,
    /// From a request to its first token.
    pub first_token: Option<Timing>,
}

impl Counts {
    /// Whether there is a count that moves with what is done.
    #[must_use]
    pub const fn is_any(&self) -> bool {
        self.prompt.is_some() || self.generated.is_some() || self.progress.is_some()
    }
}

/// What was done between two looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Done {
    /// When it was over.
    pub at: Millis,
    /// How long it took.
    pub millis: Millis,
    /// Tokens of prompts that were worked on: without those from the cache.
    pub prompt: u64,
    /// Tokens of prompts that came from the cache.
    pub cached: u64,
    /// Tokens made.
    pub generated: u64,
    /// Whether anything moved at all.
    pub has_moved: bool,
    /// Whether the server was at work.
    pub is_busy: bool,
    /// From requests to first tokens.
    pub first_token: Timing,
    /// What its cards cost meanwhile; nothing where no price is known.
    pub cost: Option<Scaled>,
}

/// The growth of a counter: one that is less than before began anew.
#[must_use]
pub fn growth(before: u64, now: u64) -> u64 {
    now.checked_sub(before).unwrap_or(now)
}

/// A server's counts over time.
#[derive(Debug, Clone, Default)]
pub struct Flow {
    last: Option<(Millis, Counts)>,
    recent: VecDeque<Done>,
}

impl Flow {
    /// Takes a look; says what was done since the last one, where there was one a moment ago.
    pub fn look(&mut self, at: Millis, counts: Counts, is_running: bool, per_hour: Option<Money>, every: Millis) -> Option<Done> {
        let (last_at, last) = self.last.replace((at, counts))?;
        let millis = at - last_at;
        if !(1..=GAP * every).contains(&millis) {
            return None;
        }
        let grown = |of: fn(&Counts) -> Option<u64>| of(&last).zip(of(&counts)).map_or(0, |(before, now)| growth(before, now));
        let (prompt, cached, generated) = (grown(|c| c.prompt), grown(|c| c.cached), grown(|c| c.generated));
        let moved = grown(|c| c.progress) > 0 || generated > 0 || prompt > 0;
        let first_token = last
            .first_token
            .zip(counts.first_token)
            .map(|(before, now)| Timing { micros: growth(before.micros, now.micros), count: growth(before.count, now.count) });
        let done = Done {
            at,
            millis,
            prompt: prompt.saturating_sub(cached),
            cached,
            generated,
            has_moved: moved,
            is_busy: moved || is_running,
            first_token: first_token.unwrap_or_default(),
            cost: per_hour.map(|price| Scaled::of(price, millis)),
        };
        self.recent.push_back(done);
        while self.recent.len() > MOST || self.recent.front().is_some_and(|old| old.at <= at - NOW) {
            self.recent.pop_front();
        }
        Some(done)
    }

    /// What was done in the last minutes.
    #[must_use]
    pub fn now(&self) -> Worth {
        self.recent.iter().fold(Worth::default(), |mut worth, done| {
            worth.add(done);
            worth
        })
    }
}

/// What was done in a time, and what that cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worth {
    /// How long.
    pub millis: Millis,
    /// How long of it the server was at work.
    pub busy: Millis,
    /// Tokens of prompts that were worked on.
    pub prompt: u64,
    /// Tokens of prompts that came from the cache.
    pub cached: u64,
    /// Tokens made.
    pub generated: u64,
    /// Those worked on and those made while a price was known: what [`Worth::cost`] was paid for.
    pub priced: (u64, u64),
    /// From requests to first tokens.
    pub first_token: Timing,
    /// What its cards cost.
    pub cost: Option<Scaled>,
    /// The part of it while the server was at work.
    pub busy_cost: Option<Scaled>,
}

impl Worth {
    /// With what was done in a little more time.
    pub fn add(&mut self, done: &Done) {
        self.millis += done.millis;
        self.prompt += done.prompt;
        self.cached += done.cached;
        self.generated += done.generated;
        self.first_token.micros += done.first_token.micros;
        self.first_token.count += done.first_token.count;
        if done.is_busy {
            self.busy += done.millis;
        }
        if let Some(cost) = done.cost {
            *self.cost.get_or_insert_default() += cost;
            self.priced = (self.priced.0 + done.prompt, self.priced.1 + done.generated);
            if done.is_busy {
                *self.busy_cost.get_or_insert_default() += cost;
            }
        }
    }

    /// What a million tokens made cost, the time without work included.
    #[must_use]
    pub fn per_million(&self) -> Option<Money> {
        per_million(self.cost?, self.priced.1)
    }

    /// The same, counting only the time at work.
    #[must_use]
    pub fn per_million_at_load(&self) -> Option<Money> {
        per_million(self.busy_cost?, self.priced.1)
    }

    /// What a million tokens cost, those of prompts counted like those made.
    #[must_use]
    pub fn per_million_blended(&self) -> Option<Money> {
        per_million(self.cost?, self.priced.0 + self.priced.1)
    }

    /// Tokens made in a second, in thousandths.
    #[must_use]
    pub fn made_a_second(&self) -> Option<u64> {
        a_second(self.generated, self.millis)
    }

    /// Tokens of prompts in a second, those from the cache among them, in thousandths.
    #[must_use]
    pub fn read_a_second(&self) -> Option<u64> {
        a_second(self.prompt + self.cached, self.millis)
    }

    /// Milliseconds from a request to its first token, on average.
    #[must_use]
    pub fn first_token(&self) -> Option<u64> {
        self.first_token.micros.checked_div(self.first_token.count).map(|micros| micros / 1000)
    }
}

fn per_million(cost: Scaled, tokens: u64) -> Option<Money> {
    let tokens = i64::try_from(tokens).ok().filter(|tokens| *tokens > 0)?;
    Some(cost.money().scale(1_000_000, tokens))
}

fn a_second(tokens: u64, millis: Millis) -> Option<u64> {
    let millis = millis.unsigned_abs();
    (millis > 0).then(|| u64::try_from(u128::from(tokens) * 1_000_000 / u128::from(millis)).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worth(tokens_a_second: u64, hours: i64) -> Worth {
        let price = Money::parse_usd("3.50").unwrap();
        let mut worth = Worth::default();
        let millis = hours * 3_600_000;
        let cost = Some(Scaled::of(price, millis));
        worth.add(&Done { millis, generated: tokens_a_second * 3600 * hours.unsigned_abs(), is_busy: true, cost, ..Done::default() });
        worth
    }

    #[test]
    fn a_million_tokens_cost_what_their_hour_does() {
        assert_eq!(worth(2500, 1).per_million().unwrap().nanos(), 388_888_888);
        assert_eq!(worth(250, 1).per_million().unwrap().nanos(), 3_888_888_888);
        assert_eq!(worth(0, 1).per_million(), None, "of nothing there is no price");
    }

    #[test]
    fn idleness_is_in_the_price_unless_one_asks_for_it_at_load() {
        let mut worth = worth(2500, 1);
        let price = Money::parse_usd("3.50").unwrap();
        worth.add(&Done { millis: 3_600_000, cost: Some(Scaled::of(price, 3_600_000)), ..Done::default() });
        assert_eq!(worth.per_million().unwrap().nanos(), 777_777_777);
        assert_eq!(worth.per_million_at_load().unwrap().nanos(), 388_888_888);
    }

    #[test]
    fn a_counter_that_begins_anew_is_no_negative_work() {
        let mut flow = Flow::default();
        let counts = |generated| Counts { generated: Some(generated), ..Counts::default() };
        assert_eq!(flow.look(0, counts(1000), true, None, 2000), None);
        assert_eq!(flow.look(2000, counts(1500), true, None, 2000).unwrap().generated, 500);
        assert_eq!(flow.look(4000, counts(40), true, None, 2000).unwrap().generated, 40);
        assert_eq!(flow.look(60_000, counts(90), true, None, 2000), None, "nobody looked for a minute");
        assert_eq!(flow.now().generated, 540);
        assert_eq!(flow.now().made_a_second(), Some(135_000));
    }
}
