//! The counters that are summed everywhere: per slot, per task, per row on the screen.

use rusqlite::Row;

use super::seal;
use crate::model::{Cost, Fact, FactKind, Money, Tokens};

/// How many counters there are.
pub const WIDTH: usize = 20;

/// Their columns, in the order of [`Sums::to_array`].
pub const COLUMNS: [&str; WIDTH] = [
    "calls",
    "input",
    "cache_read",
    "cache_write_5m",
    "cache_write_1h",
    "output",
    "reasoning",
    "searches",
    "nanos",
    "priced",
    "reported",
    "unpriced",
    "lower",
    "prompts",
    "queued",
    "tools",
    "failures",
    "retries",
    "errors",
    "compactions",
];

/// Everything that is counted. As a difference, counters may be negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "each field is the column of its name, described where the words are: model.rs")]
pub struct Sums {
    pub calls: i64,
    pub input: i64,
    pub cache_read: i64,
    pub cache_write_5m: i64,
    pub cache_write_1h: i64,
    pub output: i64,
    pub reasoning: i64,
    pub searches: i64,
    pub nanos: i64,
    pub priced: i64,
    pub reported: i64,
    pub unpriced: i64,
    pub lower: i64,
    pub prompts: i64,
    pub queued: i64,
    pub tools: i64,
    pub failures: i64,
    pub retries: i64,
    pub errors: i64,
    pub compactions: i64,
}

impl Sums {
    /// The counters in the order of [`COLUMNS`].
    #[must_use]
    pub const fn to_array(&self) -> [i64; WIDTH] {
        [
            self.calls,
            self.input,
            self.cache_read,
            self.cache_write_5m,
            self.cache_write_1h,
            self.output,
            self.reasoning,
            self.searches,
            self.nanos,
            self.priced,
            self.reported,
            self.unpriced,
            self.lower,
            self.prompts,
            self.queued,
            self.tools,
            self.failures,
            self.retries,
            self.errors,
            self.compactions,
        ]
    }

    /// Back from [`Sums::to_array`].
    #[must_use]
    #[expect(clippy::similar_names, reason = "the two lifetimes of cache writes")]
    pub const fn from_array(a: [i64; WIDTH]) -> Sums {
        let [
            calls,
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
            searches,
            nanos,
            priced,
            reported,
            unpriced,
            lower,
            prompts,
            queued,
            tools,
            failures,
            retries,
            errors,
            compactions,
        ] = a;
        Sums {
            calls,
            input,
            cache_read,
            cache_write_5m,
            cache_write_1h,
            output,
            reasoning,
            searches,
            nanos,
            priced,
            reported,
            unpriced,
            lower,
            prompts,
            queued,
            tools,
            failures,
            retries,
            errors,
            compactions,
        }
    }

    /// Reads the counters from a row's columns, beginning at `first`, as [`columns`] and [`sum_columns`] have them. An error
    /// where they are not those that were written.
    pub(super) fn from_row(row: &Row<'_>, first: usize) -> rusqlite::Result<Sums> {
        seal::checked(row, first).map(Sums::from_array)
    }

    /// Adds the other, or with a negative `sign` takes it away.
    pub fn add(&mut self, other: &Sums, sign: i64) {
        let mut mine = self.to_array();
        for (a, b) in mine.iter_mut().zip(other.to_array()) {
            *a = if sign < 0 { a.saturating_sub(b) } else { a.saturating_add(b) };
        }
        *self = Sums::from_array(mine);
    }

    /// Whether nothing would change.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        *self == Sums::default()
    }

    /// What one fact counts for.
    #[must_use]
    pub fn of_fact(kind: FactKind, seen: bool, failed: bool) -> Sums {
        let mut sums = Sums::default();
        let (seen, failed) = (i64::from(seen), i64::from(failed));
        match kind {
            FactKind::Prompt => sums.prompts = seen,
            FactKind::QueuedPrompt => sums.queued = seen,
            FactKind::Tool => {
                // The failure of a call that no log shows is not one of the calls counted.
                sums.tools = seen;
                sums.failures = failed * seen;
            }
            FactKind::Retry => sums.retries = seen,
            FactKind::ApiError => sums.errors = seen,
            FactKind::Compaction => sums.compactions = seen,
        }
        sums
    }

    /// What a fact as read from a log counts for.
    #[must_use]
    pub fn of(fact: &Fact) -> Sums {
        Sums::of_fact(fact.kind, fact.seen, fact.failed)
    }

    /// The token counters.
    #[must_use]
    pub fn tokens(&self) -> Tokens {
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        Tokens {
            input: count(self.input),
            cache_read: count(self.cache_read),
            cache_write_5m: count(self.cache_write_5m),
            cache_write_1h: count(self.cache_write_1h),
            output: count(self.output),
            reasoning: count(self.reasoning),
        }
    }

    /// The cost.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let count = |n: i64| u64::try_from(n).unwrap_or(0);
        Cost {
            known: Money::from_nanos(self.nanos),
            priced_calls: count(self.priced),
            reported_calls: count(self.reported),
            unpriced_calls: count(self.unpriced),
            lower_bound_calls: count(self.lower),
        }
    }
}

/// A table of counters.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// By quarter of an hour, session and model: `rollup r`.
    Slots,
    /// By task: `task t`.
    Tasks,
}

impl Of {
    const fn alias(self) -> &'static str {
        match self {
            Of::Slots => "r",
            Of::Tasks => "t",
        }
    }

    /// What of a row's seal is that of its counters: the columns that they are kept by come behind them.
    fn seal(self) -> String {
        let keys: &[&str] = match self {
            Of::Slots => &["slot", "session", "model"],
            Of::Tasks => &["key", "session", "started_at", "ended_at"],
        };
        seal::without(self.alias(), (WIDTH..).zip(keys.iter().copied()))
    }
}

/// `sum(r.calls), sum(r.input), …` for a query, and the sum of the seals: what [`Sums::from_row`] reads.
#[must_use]
pub(super) fn sum_columns(of: Of) -> String {
    let alias = of.alias();
    COLUMNS.map(|c| format!("sum({alias}.{c}), ")).concat() + &format!("sum({})", of.seal())
}

/// `r.calls, r.input, …` for a query, and the seal: what [`Sums::from_row`] reads.
#[must_use]
pub(super) fn columns(of: Of) -> String {
    let alias = of.alias();
    COLUMNS.map(|c| format!("{alias}.{c}, ")).concat() + &of.seal()
}

/// The same of no row: zeros fit a seal of zero.
#[must_use]
pub(super) fn zeros() -> String {
    ["0"; WIDTH + 1].join(", ")
}
