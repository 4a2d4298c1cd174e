//! Token counts in the one normal form that every agent's own counters are turned into.

use std::ops::{Add, AddAssign};

/// Tokens of one call or a sum of calls, in disjoint kinds.
///
/// Agents disagree about what "input" and "output" mean; each source converts at its border.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Tokens {
    /// Prompt tokens neither read from nor written to a cache.
    pub input: u64,
    /// Prompt tokens served from the cache.
    pub cache_read: u64,
    /// Prompt tokens written to a cache that lives five minutes (or for an unknown time).
    pub cache_write_5m: u64,
    /// Prompt tokens written to a cache that lives an hour.
    pub cache_write_1h: u64,
    /// Everything the model wrote and that is billed, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning: information, never added again.
    pub reasoning: u64,
}

impl Tokens {
    /// The prompt of the call: everything the model was sent.
    #[must_use]
    pub const fn prompt(&self) -> u64 {
        self.input.saturating_add(self.cache_read).saturating_add(self.cache_write_5m).saturating_add(self.cache_write_1h)
    }

    /// The longest prompt in a call that left so much in the context (0 where nobody knows): tokens that several requests
    /// used together are no long prompt, what the last one left tells.
    #[must_use]
    pub const fn longest_prompt(&self, context: u64) -> u64 {
        let prompt = self.prompt();
        if context > 0 && context < prompt { context } else { prompt }
    }

    /// Prompt and output together.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.prompt().saturating_add(self.output)
    }

    /// The share of the prompt that came from the cache, in per mille; `None` without a prompt.
    #[must_use]
    pub fn cache_hit_permille(&self) -> Option<u32> {
        let prompt = u128::from(self.prompt());
        if prompt == 0 {
            return None;
        }
        u32::try_from(u128::from(self.cache_read) * 1000 / prompt).ok()
    }
}

impl Add for Tokens {
    type Output = Tokens;
    fn add(self, o: Tokens) -> Tokens {
        Tokens {
            input: self.input.saturating_add(o.input),
            cache_read: self.cache_read.saturating_add(o.cache_read),
            cache_write_5m: self.cache_write_5m.saturating_add(o.cache_write_5m),
            cache_write_1h: self.cache_write_1h.saturating_add(o.cache_write_1h),
            output: self.output.saturating_add(o.output),
            reasoning: self.reasoning.saturating_add(o.reasoning),
        }
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Tokens) {
        *self = *self + other;
    }
}

/// A count the way people read it at a glance: `812`, `14.2k`, `4.1M`, `1.3B`.
#[must_use]
pub fn compact(n: u64) -> String {
    const UNITS: [(u64, &str); 4] = [(1_000_000_000_000, "T"), (1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")];
    for (size, unit) in UNITS {
        if n >= size {
            let tenths = n / (size / 10);
            return if tenths >= 1000 { format!("{}{unit}", tenths / 10) } else { format!("{}.{}{unit}", tenths / 10, tenths % 10) };
        }
    }
    n.to_string()
}
