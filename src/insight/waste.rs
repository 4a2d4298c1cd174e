//! Where the money of a session goes: what each step pays for again, and what it would not have had to pay for.
//!
//! **How a prompt is read.** The prompt of a step consists, from its beginning, of what came from the cache, what was
//! written to it (for an hour, then for five minutes) and what was neither. What had been in the context before stands
//! in front of what is new. So the first `min(prompt, context left by the step before)` tokens are *old*, the rest is
//! *new*: tool results and prompts. After a compaction the old context is gone, and only what came from the cache is old.
//!
//! **What is counted once.** Each part of a step's price goes to one category at most, the first that claims it:
//!
//! 1. [`Category::Resent`]: old tokens, at what they were billed at; where 2 or 4 claims a part of that, at the rest.
//! 2. [`Category::Missed`]: old tokens that had been in the cache and were not read from it after a pause longer than its
//!    life: what they cost above cache reads.
//! 3. [`Category::Compacted`]: in the step after a compaction, the tokens that did not come from the cache: what they cost
//!    above cache reads. The call that summarizes is in few logs; where it is, it is a step as any other.
//! 4. [`Category::Unread`]: tokens written to a cache that no later step of the session asked of the same model reads before
//!    its life ends: what they cost above fresh input. Not where 2 or 3 has claimed it, and not while it may yet be read.
//! 5. [`Category::Failed`]: of the new tokens of a step within a task, at what 3 and 4 leave, the share of the task's tool
//!    calls that failed. New tokens are mostly tool results, and the log does not say how long each of them was.
//!
//! So the parts never exceed the step's price, and their sum is part of the session's cost. The same *tokens* may stand in
//! several categories, each with its own part of their price: tokens are not to be added up. What has no price has
//! tokens and no money. Written tokens (output) and fees belong to no category.

mod session;

use std::ops::AddAssign;

use crate::model::{Cost, Key, Millis, Money, Tokens};

pub use session::{Session, of_session};

/// How long a cache lives after it was written or read last, unless it was written for an hour.
pub const SHORT_LIFE: Millis = 5 * 60_000;
/// How long a cache lives that was written for an hour.
pub const LONG_LIFE: Millis = 60 * 60_000;

/// One step, as far as its price and its prompt go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// When it was answered.
    pub at: Millis,
    /// Its task.
    pub task: Key,
    /// A number for its model: caches are a model's own.
    pub model: u32,
    /// Its tokens.
    pub tokens: Tokens,
    /// The context it left.
    pub context: u64,
    /// What it cost, where that is known.
    pub money: Option<Money>,
    /// Whether the agent told the cost.
    pub reported: bool,
    /// Whether the log is known to tell too little output.
    pub lower_bound: bool,
}

impl Step {
    /// What it cost.
    #[must_use]
    pub fn cost(&self) -> Cost {
        match self.money {
            None => Cost::unknown(),
            Some(money) => {
                let cost = if self.reported { Cost::reported(money) } else { Cost::priced(money) };
                Cost { lower_bound_calls: u64::from(self.lower_bound), ..cost }
            }
        }
    }

    /// A part of its cost; unknown where that is. Low output says nothing about a prompt.
    fn part(&self, money: Option<Money>) -> Cost {
        match (money, self.reported) {
            (None, _) => Cost::unknown(),
            (Some(money), true) => Cost::reported(money),
            (Some(money), false) => Cost::priced(money),
        }
    }
}

/// What a task's facts say, that no step tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Strain {
    /// Its tool calls.
    pub tools: u64,
    /// Those that failed.
    pub failures: u64,
    /// How often its context was summarized.
    pub compactions: u64,
}

/// Where money goes, in the order in which a part of a price is claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Category {
    /// The context that is sent again at each step.
    Resent,
    /// Cache misses after a pause longer than the cache's life.
    Missed,
    /// What a compaction makes be sent anew.
    Compacted,
    /// Cache writes that nothing reads.
    Unread,
    /// Results of tool calls that failed.
    Failed,
}

impl Category {
    /// All of them.
    pub const ALL: [Category; 5] = [Category::Resent, Category::Missed, Category::Compacted, Category::Unread, Category::Failed];

    /// The name in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Category::Resent => "context_sent_again",
            Category::Missed => "cache_misses_after_pause",
            Category::Compacted => "compactions",
            Category::Unread => "cache_writes_never_read",
            Category::Failed => "failed_tools",
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Category::Resent => "context sent again",
            Category::Missed => "cache misses after a pause",
            Category::Compacted => "compactions",
            Category::Unread => "cache writes never read",
            Category::Failed => "failed tools",
        }
    }

    /// Whether all of a part is counted, or some of it inferred: `measured` or `estimated`.
    ///
    /// Which tokens a step sends again, and what a provider that tells of cache writes reads back, are counted. Which cache
    /// writes were for nothing, what a failed tool's result was, and where a compaction was is inferred from counts.
    #[must_use]
    pub const fn attribution(self, part: &Part) -> &'static str {
        match self {
            Category::Resent | Category::Missed if part.estimated == 0 => "measured",
            _ => "estimated",
        }
    }

    /// Whether other habits would have saved it. A context has to be sent, so that one is not called avoidable.
    #[must_use]
    pub const fn is_avoidable(self) -> bool {
        !matches!(self, Category::Resent)
    }
}

/// What a category stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Part {
    /// The steps with anything in it.
    pub steps: u64,
    /// The tokens.
    pub tokens: Tokens,
    /// The money.
    pub cost: Cost,
    /// Of the steps, those where it is inferred which tokens are meant.
    pub estimated: u64,
}

impl AddAssign for Part {
    fn add_assign(&mut self, other: Part) {
        self.steps += other.steps;
        self.tokens += other.tokens;
        self.cost += other.cost;
        self.estimated += other.estimated;
    }
}

/// The first step of each group of places in a task; a group reaches up to the next.
pub const PLACES: [u64; 6] = [1, 6, 11, 21, 41, 81];

/// The groups of places as they are called: the first step and the last, `None` where there is no last.
pub fn places() -> impl Iterator<Item = (u64, Option<u64>)> {
    let ends = PLACES.iter().skip(1).map(|next| Some(next - 1)).chain([None]);
    PLACES.into_iter().zip(ends)
}

/// What steps pay for the context they send again, by their place in their task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The steps at these places.
    pub steps: u64,
    /// The tokens that they sent again.
    pub tokens: u64,
    /// What those cost.
    pub cost: Cost,
}

impl Place {
    /// What one step pays; `None` where no step has a price.
    #[must_use]
    pub fn per_step(&self) -> Option<Money> {
        let steps = i64::try_from(self.cost.priced_calls + self.cost.reported_calls).ok().filter(|steps| *steps > 0)?;
        Some(self.cost.known.scale(1, steps))
    }
}

impl AddAssign for Place {
    fn add_assign(&mut self, other: Place) {
        self.steps += other.steps;
        self.tokens = self.tokens.saturating_add(other.tokens);
        self.cost += other.cost;
    }
}

/// Where the money of some steps went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Waste {
    /// The steps.
    pub steps: u64,
    /// Their tokens.
    pub tokens: Tokens,
    /// Their cost.
    pub cost: Cost,
    /// What the categories stand for, in the order of [`Category::ALL`].
    pub parts: [Part; Category::ALL.len()],
    /// The context sent again by the step's place in its task, in the groups of [`PLACES`].
    pub places: [Place; PLACES.len()],
}

impl Waste {
    /// What a category stands for.
    #[must_use]
    pub fn part(&self, category: Category) -> Part {
        self.parts.get(category as usize).copied().unwrap_or_default()
    }

    /// The sum of all categories: what is part of the cost for one of these reasons.
    #[must_use]
    pub fn claimed(&self) -> Cost {
        self.sum(|_| true)
    }

    /// The sum of the categories that other habits would have saved.
    #[must_use]
    pub fn avoidable(&self) -> Cost {
        self.sum(Category::is_avoidable)
    }

    /// A sum of money over categories. A call may have parts in several, so its numbers of calls are those of the largest.
    fn sum(&self, wanted: impl Fn(Category) -> bool) -> Cost {
        Category::ALL.into_iter().filter(|category| wanted(*category)).fold(Cost::default(), |sum, category| {
            let cost = self.part(category).cost;
            Cost {
                known: sum.known + cost.known,
                priced_calls: sum.priced_calls.max(cost.priced_calls),
                reported_calls: sum.reported_calls.max(cost.reported_calls),
                unpriced_calls: sum.unpriced_calls.max(cost.unpriced_calls),
                lower_bound_calls: 0,
            }
        })
    }

    /// Adds to what a category stands for.
    pub fn add(&mut self, category: Category, part: Part) {
        if let Some(sum) = self.parts.get_mut(category as usize) {
            *sum += part;
        }
    }
}

impl AddAssign for Waste {
    fn add_assign(&mut self, other: Waste) {
        self.steps += other.steps;
        self.tokens += other.tokens;
        self.cost += other.cost;
        self.parts.iter_mut().zip(other.parts).for_each(|(sum, part)| *sum += part);
        self.places.iter_mut().zip(other.places).for_each(|(sum, place)| *sum += place);
    }
}
