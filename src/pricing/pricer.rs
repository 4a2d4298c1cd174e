//! A price book with a memory: each model's name is looked up once.

use std::collections::HashMap;

use crate::model::{Money, Speed, Tier, Tokens};

use super::{Book, Rates};

/// Prices calls.
#[derive(Debug)]
pub struct Pricer {
    book: Book,
    known: HashMap<String, Option<Rates>>,
}

/// Names beyond this are looked up each time: a hostile log must not fill the memory.
const MOST_NAMES: usize = 4096;

impl Pricer {
    /// Prices by this book.
    #[must_use]
    pub fn new(book: Book) -> Pricer {
        Pricer { book, known: HashMap::new() }
    }

    /// The book.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// The model's rates, if the book has them.
    pub fn rates(&mut self, model: &str) -> Option<&Rates> {
        if !self.known.contains_key(model) {
            if self.known.len() >= MOST_NAMES {
                self.known.clear();
            }
            self.known.insert(model.to_owned(), self.book.find(model));
        }
        self.known.get(model).and_then(Option::as_ref)
    }

    /// What a call costs; `None` when its price is not known.
    pub fn cost(&mut self, model: &str, tokens: &Tokens, searches: u32, tier: Tier, speed: Speed) -> Option<Money> {
        self.rates(model)?.cost(tokens, searches, tier, speed)
    }

    /// As [`Pricer::cost`], of tokens that several requests used, the largest of which had a prompt of `prompt` tokens.
    pub fn cost_at(&mut self, prompt: u64, model: &str, tokens: &Tokens, searches: u32, tier: Tier, speed: Speed) -> Option<Money> {
        self.rates(model)?.cost_at(prompt, tokens, searches, tier, speed)
    }
}
