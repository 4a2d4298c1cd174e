//! The table of prices: a sorted text that is searched, not parsed.
//!
//! A start of the program must not pay for thousands of models of which it meets three. So a book stays the text it
//! was delivered as; a look-up is a binary search over its lines and reads the one line it finds.

use std::borrow::Cow;
use std::cmp::Reverse;

use crate::model::{Key, Rate};

use super::line::{self, MAGIC};
use super::lookup;
use super::rate::{Card, MAX_RATE, Rates, Variant, doubled};

/// The book that the program carries.
const EMBEDDED: &str = include_str!("book.tsv");
/// Counted up whenever the same book comes to give other prices: a change of the rules of look-up or of cost.
const RULES: u64 = 3;
/// What `[1m]` behind a model's name asks for.
const LONG_WINDOW: u64 = 1_000_000;

/// Why a price table was refused.
#[derive(Debug, thiserror::Error)]
pub enum BookError {
    /// The file is something else.
    #[error("this is no price book: its first line is not `{MAGIC}`")]
    NotABook,
    /// Lines are missing, out of order or damaged.
    #[error("the price book is damaged at line {line}; fetch it again")]
    Damaged {
        /// The line's number, counted from 1.
        line: usize,
    },
    /// The file was cut off.
    #[error("the price book is incomplete: {found} models instead of {promised}; fetch it again")]
    Incomplete {
        /// The number of models that the head of the file tells.
        promised: usize,
        /// The number of models in it.
        found: usize,
    },
    /// A downloaded price list is no JSON.
    #[error("the price list is not readable as JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// A downloaded price list is JSON of some other kind.
    #[error("the price list names no model with a price per token")]
    NoPrices,
    /// The user gave some rates of a model that no list knows.
    #[error("`{model}` is in no price list: give it at least an input and an output price")]
    NeedsBoth {
        /// The model as configured.
        model: String,
    },
    /// The user gave a price beyond all reason.
    #[error("the price of `{model}` is above a dollar per token: prices are dollars per million tokens")]
    TooHigh {
        /// The model as configured.
        model: String,
    },
}

/// Prices that the user sets: for a model that no list knows, or in place of list prices.
///
/// A price given here holds for prompts of any length and every service tier.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Override {
    /// The model, in any spelling that a logged name leads to; case does not matter.
    pub model: String,
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
    /// The longest prompt the model takes.
    pub context_window: Option<u64>,
}

impl Override {
    const fn card(&self) -> Card {
        Card {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write_5m: self.cache_write_5m,
            cache_write_1h: self.cache_write_1h,
        }
    }

    /// The model's rates with this override in force.
    fn apply(&self, listed: Option<Rates>) -> Option<Rates> {
        let mut rates = match listed {
            Some(rates) => self.freeze(rates),
            None => Rates { anthropic: self.model.to_ascii_lowercase().contains("claude"), ..Rates::new(self.input?, self.output?) },
        };
        rates.input = self.input.unwrap_or(rates.input);
        rates.output = self.output.unwrap_or(rates.output);
        rates.cache_read = self.cache_read.or(rates.cache_read);
        rates.cache_write_5m = self.cache_write_5m.or(rates.cache_write_5m);
        rates.cache_write_1h = self.cache_write_1h.or(rates.cache_write_1h);
        rates.context_window = self.context_window.or(rates.context_window);
        rates.any_tier |= self.input.is_some() && self.output.is_some();
        let given = self.card();
        for variant in &mut rates.variants {
            let card = &mut variant.card;
            card.input = card.input.filter(|_| given.input.is_none());
            card.output = card.output.filter(|_| given.output.is_none());
            card.cache_read = card.cache_read.filter(|_| given.cache_read.is_none());
            card.cache_write_5m = card.cache_write_5m.filter(|_| given.cache_write_5m.is_none());
            // Said on every card: where none says it, Anthropic's rule would derive it from the card's own input.
            card.cache_write_1h = given.cache_write_1h.or(card.cache_write_1h);
        }
        Some(rates)
    }

    /// An hour's cache write that the list derives from an input rate stays what it is there when that rate is replaced.
    fn freeze(&self, mut rates: Rates) -> Rates {
        if rates.anthropic && self.input.is_some() {
            rates.cache_write_1h = rates.cache_write_1h.or_else(|| Some(doubled(rates.input)));
            for Variant { card, .. } in &mut rates.variants {
                card.cache_write_1h = card.cache_write_1h.or_else(|| card.input.map(doubled));
            }
        }
        rates
    }

    fn too_high(&self) -> bool {
        let card = self.card();
        [card.input, card.output, card.cache_read, card.cache_write_5m, card.cache_write_1h].into_iter().flatten().any(|r| r > MAX_RATE)
    }

    /// All of it as numbers, for the fingerprint.
    fn bytes(&self) -> Vec<u8> {
        let card = self.card();
        let mut out = Vec::new();
        for rate in [card.input, card.output, card.cache_read, card.cache_write_5m, card.cache_write_1h] {
            out.push(u8::from(rate.is_some()));
            out.extend(rate.unwrap_or_default().nanos_per_million().to_le_bytes());
        }
        out.push(u8::from(self.context_window.is_some()));
        out.extend(self.context_window.unwrap_or_default().to_le_bytes());
        out
    }
}

/// A table of prices together with what the user overrides in it.
#[derive(Debug, Clone)]
pub struct Book {
    /// When the prices were taken over.
    date: String,
    /// Whose list they are from.
    source: String,
    text: Cow<'static, str>,
    /// Where the lines of models start.
    body: usize,
    overrides: Vec<Given>,
}

/// An override and the listed name that its model resolves to.
#[derive(Debug, Clone)]
struct Given {
    model: String,
    prices: Override,
}

/// How many spellings lie between a logged name and the one of an override, and whether it is the override's own spelling
/// that was met (`false`) or the listed name that it leads to: the smaller, the closer.
type Closeness = (usize, bool);

impl Given {
    /// How close it is to the model of these spellings, the logged one first; `None` where it is for another one.
    fn closeness(&self, names: &[String]) -> Option<Closeness> {
        let own = self.prices.model.trim();
        let place = |model: &str| names.iter().position(|name| name.eq_ignore_ascii_case(model));
        let is_local = || names.first().and_then(|name| lookup::behind_local(name)).is_some_and(|name| name.eq_ignore_ascii_case(own));
        let resolved = || place(&self.model).or_else(|| is_local().then_some(names.len()));
        place(own).map(|at| (at, false)).or_else(|| Some((resolved()?, true)))
    }
}

impl Book {
    /// The name of a fetched book's file in the data directory.
    pub const FILE: &str = "prices.tsv";

    /// The book that the program carries, ready at once.
    #[must_use]
    pub fn embedded() -> Book {
        Book::open(Cow::Borrowed(EMBEDDED)).0
    }

    /// A book from a refreshed file. Checks that the file is whole and sorted, since the search relies on it; a
    /// single line that turns out unreadable only makes its model unknown.
    pub fn parse(text: &str) -> Result<Book, BookError> {
        if text.lines().next() != Some(MAGIC) {
            return Err(BookError::NotABook);
        }
        let (book, promised) = Book::open(Cow::Owned(text.to_owned()));
        let first = book.text.get(..book.body).map_or(0, |head| head.lines().count());
        let (mut found, mut last) = (0, "");
        for line in book.body().lines() {
            found += 1;
            match line.split_once('\t') {
                Some((name, _)) if last < name => last = name,
                _ => return Err(BookError::Damaged { line: first + found }),
            }
        }
        if found != promised || !text.ends_with('\n') {
            return Err(BookError::Incomplete { promised, found });
        }
        Ok(book)
    }

    /// Reads the head only; also tells how many models it promises.
    fn open(text: Cow<'static, str>) -> (Book, usize) {
        let (mut date, mut source, mut promised, mut body) = (String::new(), String::new(), 0, 0);
        for line in text.split_inclusive('\n').take_while(|line| line.starts_with('#')) {
            body += line.len();
            match line.trim_start_matches('#').trim().split_once(": ") {
                Some(("date", value)) => value.clone_into(&mut date),
                Some(("source", value)) => value.clone_into(&mut source),
                Some(("models", value)) => promised = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        (Book { date, source, text, body, overrides: Vec::new() }, promised)
    }

    /// The book with the user's prices in force; where two are for one model, the one that names it more closely wins, and
    /// of two alike the later one.
    ///
    /// A model that the book does not know needs at least an input and an output price.
    pub fn with_overrides(mut self, overrides: Vec<Override>) -> Result<Book, BookError> {
        self.overrides.clear();
        for prices in overrides {
            if prices.too_high() {
                return Err(BookError::TooHigh { model: prices.model });
            }
            let names = lookup::candidates(&prices.model);
            let listed = names.into_iter().find(|name| self.listed(name).is_some());
            if listed.is_none() && (prices.input.is_none() || prices.output.is_none()) {
                return Err(BookError::NeedsBoth { model: prices.model });
            }
            let model = listed.unwrap_or_else(|| prices.model.trim().to_owned());
            self.overrides.push(Given { model, prices });
        }
        Ok(self)
    }

    /// When the prices were taken over (`2026-11-22`).
    #[must_use]
    pub fn date(&self) -> &str {
        &self.date
    }

    /// Whose list the prices are from, and which release of it.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The overrides in force.
    pub fn overrides(&self) -> impl Iterator<Item = &Override> {
        self.overrides.iter().map(|given| &given.prices)
    }

    /// The names of all listed models, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.body().lines().filter_map(|line| line.split_once('\t')).map(|(name, _)| name)
    }

    /// The text of the book, as a refreshed file keeps it; without overrides.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// A number that changes whenever any price could: stored costs made under another one are made anew.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let rules = RULES.to_le_bytes();
        let overrides: Vec<_> = self.overrides().map(|o| (o.model.as_bytes(), o.bytes())).collect();
        let mut parts: Vec<&[u8]> = vec![&rules, self.text.as_bytes()];
        for (model, bytes) in &overrides {
            parts.push(model);
            parts.push(bytes);
        }
        Key::of(&parts).0
    }

    /// The rates of a model by its name in a log, or `None`: an unknown model has no price.
    ///
    /// An override holds for every spelling that leads to the model it names. The search is quick but not free:
    /// callers keep what they found.
    #[must_use]
    pub fn find(&self, model: &str) -> Option<Rates> {
        let names = lookup::candidates(model);
        let mut rates = names.iter().find_map(|name| self.listed(name));
        let mut own: Vec<(Closeness, &Given)> = self.overrides.iter().filter_map(|given| Some((given.closeness(&names)?, given))).collect();
        // The closest one comes last and has the last word; the sort keeps the order of those alike.
        own.sort_by_key(|(closeness, _)| Reverse(*closeness));
        for (_, given) in own {
            rates = given.prices.apply(rates);
        }
        let mut rates = rates?;
        if lookup::is_long_window(model) {
            rates.context_window = rates.context_window.max(Some(LONG_WINDOW));
        }
        Some(rates)
    }

    /// The rates under exactly this name, overrides aside.
    fn listed(&self, name: &str) -> Option<Rates> {
        line::search(self.body(), name).and_then(line::read)
    }

    fn body(&self) -> &str {
        self.text.get(self.body..).unwrap_or("")
    }
}
