//! Which class a model is of: flagship, workhorse or small.
//!
//! Makers do not say it in a way that can be compared, and names change with every release. What stays comparable is
//! what they ask for it. So the class follows from the list price of a million written tokens, at the plain rates:
//!
//! | class | output per million | in the price list of November 2026 |
//! |---|---|---|
//! | flagship | $20 and more | Claude Opus, Fable and Mythos, GPT-5.5, GPT-5.6 Sol, the `-pro` models of `OpenAI` |
//! | workhorse | $6 up to $20 | Claude Sonnet, GPT-5 to GPT-5.4, GPT-5.6 Terra, Gemini Pro, Grok 4 |
//! | small | under $6 | Claude Haiku, GPT-5.6 Luna, `mini` and `nano`, most of Gemini Flash, `DeepSeek` |
//!
//! The borders are where that list has its gaps: $15 to $20 below the flagships, $5 to $6 above the small ones. They
//! are those of a moment. Who sees a model differently says so in the configuration (`tier_models`). The output's price
//! is taken and not the input's: there the classes of one maker are furthest apart, and no cache blurs it.

use std::fmt;
use std::str::FromStr;

use crate::model::Rate;

use super::lookup;
use super::rate::Rates;

/// From this price of a million written tokens on, a model is a flagship.
const FLAGSHIP: Rate = Rate::from_nanos_per_million(20_000_000_000);
/// From this price on, and below that of a flagship, it is a workhorse.
const WORKHORSE: Rate = Rate::from_nanos_per_million(6_000_000_000);

/// The class of a model, dearest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// For what nothing else can do.
    Flagship,
    /// For most work.
    Workhorse,
    /// For short and simple work.
    Small,
}

/// The share of all tokens that a class is to have, in per cent, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The class.
    pub class: Class,
    /// At least.
    pub from: u8,
    /// At most.
    pub to: u8,
}

impl Target {
    /// Whether a share in per mille is within it.
    #[must_use]
    pub fn is_met(&self, permille: u32) -> bool {
        (u32::from(self.from) * 10..=u32::from(self.to) * 10).contains(&permille)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}-{}", self.class.word(), self.from, self.to)
    }
}

impl FromStr for Target {
    type Err = NoClass;

    /// `workhorse=70-80`.
    fn from_str(text: &str) -> Result<Target, NoClass> {
        let read = || {
            let (class, range) = text.split_once('=')?;
            let (from, to) = range.trim().trim_end_matches('%').split_once('-')?;
            let percent = |text: &str| text.trim().trim_end_matches('%').parse().ok().filter(|n| *n <= 100);
            let target = Target { class: class.trim().parse().ok()?, from: percent(from)?, to: percent(to)? };
            (target.from <= target.to).then_some(target)
        };
        read().ok_or(NoClass)
    }
}

/// A word that is no class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there are flagship, workhorse and small")]
pub struct NoClass;

impl Class {
    /// All of them, dearest first.
    pub const ALL: [Class; 3] = [Class::Flagship, Class::Workhorse, Class::Small];

    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Class::Flagship => "flagship",
            Class::Workhorse => "workhorse",
            Class::Small => "small",
        }
    }

    /// The class of a model of these rates.
    #[must_use]
    pub fn of(rates: &Rates) -> Class {
        match rates.output {
            output if output >= FLAGSHIP => Class::Flagship,
            output if output >= WORKHORSE => Class::Workhorse,
            _ => Class::Small,
        }
    }

    /// The class that somebody has given to a model, in any spelling that the logged name leads to; the last one holds.
    #[must_use]
    pub fn given(model: &str, given: &[(String, Class)]) -> Option<Class> {
        if given.is_empty() {
            return None;
        }
        let names = lookup::candidates(model);
        let is_meant = |(name, _): &&(String, Class)| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        given.iter().rev().find(is_meant).map(|(_, class)| *class)
    }
}

impl FromStr for Class {
    type Err = NoClass;

    fn from_str(word: &str) -> Result<Class, NoClass> {
        Class::ALL.into_iter().find(|class| class.word().eq_ignore_ascii_case(word)).ok_or(NoClass)
    }
}

#[cfg(test)]
mod tests {
    use super::super::Book;
    use super::*;

    #[test]
    fn models_of_agents_are_where_people_expect_them() {
        let book = Book::embedded();
        let class = |model: &str| Class::of(&book.find(model).unwrap());
        for (model, expected) in [
            ("claude-opus-4-1", Class::Flagship),
            ("claude-opus-4-7-20260416", Class::Flagship),
            ("claude-opus-5-5", Class::Flagship),
            ("gpt-5-pro", Class::Flagship),
            ("claude-sonnet-4-5", Class::Workhorse),
            ("claude-sonnet-5-5", Class::Workhorse),
            ("gpt-5-codex", Class::Workhorse),
            ("gemini-3-pro-preview", Class::Workhorse),
            ("claude-haiku-4-5", Class::Small),
            ("gpt-5-mini", Class::Small),
            ("gemini-2.5-flash", Class::Small),
        ] {
            assert_eq!(class(model), expected, "{model}");
        }
    }

    #[test]
    fn what_the_user_says_holds_for_every_spelling() {
        let given = [("claude-sonnet-4-5".to_owned(), Class::Flagship)];
        assert_eq!(Class::given("us.anthropic.claude-sonnet-4-5-20250929-v1:0", &given), Some(Class::Flagship));
        assert_eq!(Class::given("claude-sonnet-4-6", &given), None);
        assert_eq!("Small".parse(), Ok(Class::Small));
        assert!("tiny".parse::<Class>().is_err());
    }

    #[test]
    fn a_target_is_a_class_and_two_ends() {
        let target: Target = " Workhorse=70-80% ".trim().parse().unwrap();
        assert_eq!((target.to_string().as_str(), target.from, target.to), ("workhorse=70-80", 70, 80));
        assert_eq!([699, 700, 800, 801].map(|permille| target.is_met(permille)), [false, true, true, false]);
        for text in ["workhorse", "workhorse=80-70", "workhorse=1-101", "big=1-2", "workhorse=70"] {
            assert!(text.parse::<Target>().is_err(), "{text}");
        }
    }
}
