//! Two sightings of the same call or fact as one row: pure, and the same in whatever order they come.

use crate::model::{Cost, FactKind, Key, Millis, Money, Speed, Tier, Tokens};

use super::Sums;

/// A call as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the one of model::Call of its name, ids instead of names")]
pub struct CallRow {
    pub session: i64,
    pub task: Key,
    pub at: Millis,
    /// The id of the model's name; 0 where the log does not say.
    pub model: i64,
    pub tokens: Tokens,
    pub searches: u32,
    pub tier: Tier,
    pub speed: Speed,
    pub context: u64,
    pub sidechain: bool,
    pub lower_bound: bool,
    pub gap: bool,
    pub reported: Option<Money>,
    /// What it costs; `None` when no price is known.
    pub money: Option<Money>,
}

const FAST: i64 = 1;
const US_ONLY: i64 = 2;
const SIDECHAIN: i64 = 4;
const LOWER: i64 = 8;
const TIER_SHIFT: u32 = 4;
const GAP: i64 = 64;
/// The tier's low two bits are at [`TIER_SHIFT`]; its third one came later and is here.
const TIER_HIGH: i64 = 128;

/// How far apart two calls of one id must be to be two calls: some gateways hand out the same id again and again.
const SAME_CALL: Millis = 10 * 60_000;

impl CallRow {
    /// The flags as one number.
    #[must_use]
    pub const fn flags(&self) -> i64 {
        let tier = self.tier.to_sql();
        let mut flags = (tier & 3) << TIER_SHIFT;
        if tier & 4 != 0 {
            flags |= TIER_HIGH;
        }
        if self.speed.fast {
            flags |= FAST;
        }
        if self.speed.us_only {
            flags |= US_ONLY;
        }
        if self.sidechain {
            flags |= SIDECHAIN;
        }
        if self.lower_bound {
            flags |= LOWER;
        }
        if self.gap {
            flags |= GAP;
        }
        flags
    }

    /// Sets the flags from that number.
    pub const fn set_flags(&mut self, flags: i64) {
        self.speed = Speed { fast: flags & FAST != 0, us_only: flags & US_ONLY != 0 };
        self.sidechain = flags & SIDECHAIN != 0;
        self.lower_bound = flags & LOWER != 0;
        self.gap = flags & GAP != 0;
        let high = if flags & TIER_HIGH == 0 { 0 } else { 4 };
        self.tier = Tier::from_sql((flags >> TIER_SHIFT) & 3 | high);
    }

    /// Whether the other sighting is another call that happens to carry the same id. One without any prompt is a
    /// placeholder, whenever it was written.
    #[must_use]
    pub fn is_other_call(&self, other: &CallRow) -> bool {
        let prompts = (self.tokens.prompt(), other.tokens.prompt());
        self.session != other.session && (self.at - other.at).abs() > SAME_CALL && prompts.0 != prompts.1 && prompts.0 > 0 && prompts.1 > 0
    }

    /// The fuller of both sightings, owned as decided so far. `money` has to be computed anew.
    ///
    /// Counters are taken from one sighting, never mixed: the one with the most output, and of equals the one that tells
    /// most about the prompt.
    #[must_use]
    pub fn merged(&self, other: &CallRow) -> CallRow {
        let rank = |c: &CallRow| {
            let t = &c.tokens;
            (t.output, t.prompt(), t.cache_write_1h, t.cache_read, t.input, t.reasoning, std::cmp::Reverse(c.at), c.model)
        };
        let (full, less) = if rank(self) >= rank(other) { (self, other) } else { (other, self) };
        let owner = self.owner(other);
        CallRow {
            session: owner.session,
            task: owner.task,
            at: full.at,
            model: if full.model == 0 { less.model } else { full.model },
            // Tokens that may be others' as well give way to those that are not.
            tokens: match (self.gap, other.gap) {
                (false, false) => full.tokens,
                (true, true) => each(&self.tokens, &other.tokens, u64::min),
                (true, false) => other.tokens,
                (false, true) => self.tokens,
            },
            gap: self.gap && other.gap,
            searches: self.searches.max(other.searches),
            tier: if self.tier.to_sql() >= other.tier.to_sql() { self.tier } else { other.tier },
            speed: Speed { fast: self.speed.fast || other.speed.fast, us_only: self.speed.us_only || other.speed.us_only },
            context: full.context.max(less.context),
            sidechain: self.sidechain && other.sidechain,
            lower_bound: self.lower_bound && other.lower_bound,
            reported: self.reported.max(other.reported),
            money: None,
        }
    }

    /// A side conversation's copy never owns the call; among one session's sightings the earliest names the task.
    fn owner<'a>(&'a self, other: &'a CallRow) -> &'a CallRow {
        if self.sidechain != other.sidechain {
            return if self.sidechain { other } else { self };
        }
        if self.session == other.session && (other.at, other.task) < (self.at, self.task) { other } else { self }
    }

    /// The tokens of the prompt that decide which rates hold.
    #[must_use]
    pub fn billed_prompt(&self) -> u64 {
        self.tokens.longest_prompt(self.context)
    }

    /// Its cost.
    #[must_use]
    pub fn cost(&self) -> Cost {
        self.sums().cost()
    }

    /// What the call counts for.
    #[must_use]
    pub fn sums(&self) -> Sums {
        let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let known = self.money.is_some();
        let reported = self.reported.is_some();
        Sums {
            calls: 1,
            input: count(self.tokens.input),
            cache_read: count(self.tokens.cache_read),
            cache_write_5m: count(self.tokens.cache_write_5m),
            cache_write_1h: count(self.tokens.cache_write_1h),
            output: count(self.tokens.output),
            reasoning: count(self.tokens.reasoning),
            searches: i64::from(self.searches),
            nanos: self.money.map_or(0, Money::nanos),
            priced: i64::from(known && !reported),
            reported: i64::from(known && reported),
            unpriced: i64::from(!known),
            lower: i64::from(known && self.lower_bound),
            ..Sums::default()
        }
    }
}

fn each(a: &Tokens, b: &Tokens, of: fn(u64, u64) -> u64) -> Tokens {
    Tokens {
        input: of(a.input, b.input),
        cache_read: of(a.cache_read, b.cache_read),
        cache_write_5m: of(a.cache_write_5m, b.cache_write_5m),
        cache_write_1h: of(a.cache_write_1h, b.cache_write_1h),
        output: of(a.output, b.output),
        reasoning: of(a.reasoning, b.reasoning),
    }
}

/// A fact as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "each field is the one of model::Fact of its name, ids instead of names")]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about what was met")]
pub struct FactRow {
    pub session: i64,
    pub task: Key,
    pub at: Millis,
    pub kind: FactKind,
    pub name: Option<i64>,
    pub seen: bool,
    pub failed: bool,
    pub open: bool,
    pub sidechain: bool,
    pub same: Option<u32>,
}

/// Set where [`FactRow::same`] is known.
const HAS_SAME: i64 = 8;
/// Set as long as [`FactRow::open`].
const OPEN: i64 = 16;

impl FactRow {
    /// The flags as one number.
    #[must_use]
    pub const fn flags(&self) -> i64 {
        (if self.seen { 1 } else { 0 })
            | (if self.failed { 2 } else { 0 })
            | (if self.sidechain { 4 } else { 0 })
            | (if self.same.is_some() { HAS_SAME } else { 0 })
            | (if self.open { OPEN } else { 0 })
    }

    /// Whether flags say that [`FactRow::same`] is known.
    #[must_use]
    pub const fn has_same(flags: i64) -> bool {
        flags & HAS_SAME != 0
    }

    /// Sets the flags from that number.
    pub const fn set_flags(&mut self, flags: i64) {
        self.seen = flags & 1 != 0;
        self.failed = flags & 2 != 0;
        self.sidechain = flags & 4 != 0;
        self.open = flags & OPEN != 0;
    }

    /// Both sightings as one. When a tool call was, and in which task, is told by what the log says of it in the end.
    #[must_use]
    pub fn merged(&self, other: &FactRow) -> FactRow {
        let rank = |fact: &FactRow| (fact.open, !fact.seen, fact.at, fact.task);
        let owner = if self.sidechain != other.sidechain {
            if self.sidechain { other } else { self }
        } else if self.session == other.session && rank(other) > rank(self) {
            self
        } else if self.session == other.session {
            other
        } else {
            self
        };
        let queued = self.kind == FactKind::QueuedPrompt && other.kind == FactKind::Prompt;
        FactRow {
            session: owner.session,
            task: owner.task,
            at: match (self.open, other.open) {
                (true, false) => other.at,
                (false, true) => self.at,
                _ => self.at.min(other.at),
            },
            kind: if queued { FactKind::Prompt } else { self.kind },
            name: self.name.or(other.name),
            seen: self.seen || other.seen,
            failed: self.failed || other.failed,
            open: self.open && other.open,
            sidechain: self.sidechain && other.sidechain,
            // Of a history that begins in the middle, fewer calls before it are known.
            same: self.same.or(other.same),
        }
    }

    /// What the fact counts for.
    #[must_use]
    pub fn sums(&self) -> Sums {
        Sums::of_fact(self.kind, self.seen, self.failed)
    }
}
