//! The rates of one model and the cost of one call, computed exactly and rounded once.
//!
//! Providers bill a call by four questions: which kind of token, how long the prompt was, which service tier
//! answered, and which surcharges applied. Price lists leave gaps, and every gap has a rule here:
//!
//! * A tier whose surcharge is not listed costs what nobody knows: priority, flex and batch aside, which providers bill at the
//!   plain rates where they have no others.
//! * Above a length and for a tier: the rate listed for both, else the one for the length, else the one for the
//!   tier, else the plain one. Once a prompt is longer than a threshold, *all* tokens of the call are billed at the
//!   rates above it (Anthropic, `OpenAI` and Google all document it so for their long-context prices).
//! * A cache read or a five-minute cache write without a rate is an ordinary input token.
//! * An hour's cache write of Anthropic's models costs twice the input (Anthropic's documentation of prompt
//!   caching); elsewhere it costs what the five-minute write does.

pub use crate::model::Effective;
use crate::model::{Bill, Money, Rate, Speed, Tier, Tokens};

/// No list price comes near a dollar per token: a number above it is a mistake, and is refused rather than billed.
pub const MAX_RATE: Rate = Rate::from_nanos_per_million(1_000_000_000_000_000);

/// What one situation changes about a model's rates. A gap leaves the more general rate in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Card {
    /// Prompt tokens outside any cache.
    pub input: Option<Rate>,
    /// Tokens the model wrote.
    pub output: Option<Rate>,
    /// Prompt tokens served from the cache.
    pub cache_read: Option<Rate>,
    /// Prompt tokens written to the five-minute cache.
    pub cache_write_5m: Option<Rate>,
    /// Prompt tokens written to the one-hour cache.
    pub cache_write_1h: Option<Rate>,
}

/// Rates that hold for long prompts, for a service tier, or for both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Variant {
    /// Holds for prompts of more tokens than this; 0 for any length.
    pub above: u64,
    /// Holds for this tier; a standard variant holds for every tier that has none of its own.
    pub tier: Tier,
    /// The rates.
    pub card: Card,
}

/// Everything the price list says about one model.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rates {
    /// Prompt tokens outside any cache.
    pub input: Rate,
    /// Tokens the model wrote, reasoning included.
    pub output: Rate,
    /// Prompt tokens served from the cache.
    pub cache_read: Option<Rate>,
    /// Prompt tokens written to the five-minute cache.
    pub cache_write_5m: Option<Rate>,
    /// Prompt tokens written to the one-hour cache.
    pub cache_write_1h: Option<Rate>,
    /// What long prompts and service tiers change.
    pub variants: Vec<Variant>,
    /// Whether this is a model of Anthropic's, whoever serves it: its one-hour cache writes follow Anthropic's rule.
    pub anthropic: bool,
    /// The price of one web search at the usual context size.
    pub search_fee: Option<Money>,
    /// The factor of fast mode on all token rates, in per mille.
    pub fast_permille: Option<u32>,
    /// The factor of inference inside the United States on all token rates, in per mille.
    pub us_permille: Option<u32>,
    /// The longest prompt the model takes.
    pub context_window: Option<u64>,
    /// Whether the plain rates hold for every service tier, also for one that is not known: they are the user's own.
    pub any_tier: bool,
}

impl Rates {
    /// A model of which only the two basic rates are known.
    #[must_use]
    pub fn new(input: Rate, output: Rate) -> Rates {
        Rates { input, output, ..Rates::default() }
    }

    /// The plain rates as a card.
    #[must_use]
    pub const fn base(&self) -> Card {
        Card {
            input: Some(self.input),
            output: Some(self.output),
            cache_read: self.cache_read,
            cache_write_5m: self.cache_write_5m,
            cache_write_1h: self.cache_write_1h,
        }
    }

    /// The rates of a call with a prompt of that many tokens (cached ones included) at that tier.
    #[must_use]
    pub fn effective(&self, prompt: u64, tier: Tier) -> Effective {
        let cards = self.cards(prompt, tier);
        let pick = |kind: fn(&Card) -> Option<Rate>| cards.iter().flatten().find_map(kind);
        let input = pick(|c| c.input).unwrap_or(self.input);
        let short = pick(|c| c.cache_write_5m).unwrap_or(input);
        let long = if self.anthropic {
            // Not from a more general card than the input rate's: a discounted or long call doubles its own input.
            let nearest = cards.iter().flatten().find(|c| c.cache_write_1h.is_some() || c.input.is_some());
            nearest.and_then(|c| c.cache_write_1h).unwrap_or_else(|| doubled(input))
        } else {
            pick(|c| c.cache_write_1h).unwrap_or(short)
        };
        Effective {
            input,
            output: pick(|c| c.output).unwrap_or(self.output),
            cache_read: pick(|c| c.cache_read).unwrap_or(input),
            cache_write_5m: short,
            cache_write_1h: long,
        }
    }

    /// The cards that apply, the most particular first.
    fn cards(&self, prompt: u64, tier: Tier) -> [Option<Card>; 4] {
        let applies = |v: &&Variant| v.above < prompt && (v.tier == tier || v.tier == Tier::Standard);
        let above = self.variants.iter().filter(applies).map(|v| v.above).max().unwrap_or(0);
        let card = |above, tier| self.variants.iter().find(|v| v.above == above && v.tier == tier).map(|v| v.card);
        [card(above, tier), card(above, Tier::Standard), card(0, tier), Some(self.base())]
    }

    /// What a call costs, exact to the nano-dollar and rounded once, half up.
    ///
    /// `None` where the list cannot tell: fast mode of a model without a known premium, a tier that is not known, or web
    /// searches of a model without a known fee. A residency surcharge that the model does not have changes nothing.
    #[must_use]
    pub fn cost(&self, tokens: &Tokens, searches: u32, tier: Tier, speed: Speed) -> Option<Money> {
        self.cost_at(tokens.prompt(), tokens, searches, tier, speed)
    }

    /// As [`Rates::cost`], of tokens that several requests used, the largest of which had a prompt of `prompt` tokens.
    #[must_use]
    pub fn cost_at(&self, prompt: u64, tokens: &Tokens, searches: u32, tier: Tier, speed: Speed) -> Option<Money> {
        Some(self.bill(prompt, searches, tier, speed)?.cost(tokens))
    }

    /// Whether the rates of a tier are known.
    fn knows(&self, tier: Tier) -> bool {
        match tier {
            Tier::Standard | Tier::Priority | Tier::Flex | Tier::Batch => true,
            Tier::Ultrafast => self.any_tier || self.variants.iter().any(|v| v.tier == tier && v.above == 0),
            Tier::Unknown => self.any_tier,
        }
    }

    /// How a call is billed whose largest prompt had so many tokens; `None` where the list cannot tell.
    #[must_use]
    pub fn bill(&self, prompt: u64, searches: u32, tier: Tier, speed: Speed) -> Option<Bill> {
        if !self.knows(tier) {
            return None;
        }
        let mut bill = Bill::new(self.effective(prompt, tier));
        if searches > 0 {
            bill = bill.with_fees(self.search_fee?, searches);
        }
        if speed.fast {
            bill = bill.times(self.fast_permille?);
        }
        if speed.us_only
            && let Some(permille) = self.us_permille
        {
            bill = bill.times(permille);
        }
        Some(bill)
    }
}

/// Twice a rate.
pub(super) const fn doubled(rate: Rate) -> Rate {
    Rate::from_nanos_per_million(rate.nanos_per_million().saturating_mul(2))
}
