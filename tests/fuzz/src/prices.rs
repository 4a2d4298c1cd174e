//! Price tables.

use super::{harmless, split};
use aifinops::model::{Money, Speed, Tier, Tokens};
use aifinops::pricing::{Book, litellm, lookup};

const TIERS: [Tier; 6] = [Tier::Standard, Tier::Priority, Tier::Flex, Tier::Batch, Tier::Ultrafast, Tier::Unknown];

fn look(book: &Book) {
    assert!(book.names().is_sorted());
    for name in book.names().take(64) {
        assert!(lookup::candidates(name).len() <= 64);
        let Some(rates) = book.find(name) else { continue };
        for tier in TIERS {
            for count in [0, 1, 1_000_000, u64::MAX] {
                let tokens =
                    Tokens { input: count, cache_read: count, cache_write_5m: count, cache_write_1h: count, output: count, reasoning: 0 };
                for speed in [Speed::default(), Speed { fast: true, us_only: true }] {
                    let _ = rates.cost(&tokens, u32::MAX, tier, speed);
                }
            }
            // Nothing is free of charge by being nothing.
            if let Some(cost) = rates.cost(&Tokens::default(), 0, tier, Speed::default()) {
                assert_eq!(cost, Money::ZERO);
            }
        }
    }
}

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, data)) = split(data) else { return };
    if how & 1 == 0 {
        // A list as it is fetched.
        let Ok(text) = litellm::from_json(data, "2026-12-01", "LiteLLM 9") else { return };
        let book = Book::parse(&text).expect("what is written is read");
        assert_eq!((book.date(), book.source()), ("2026-12-01", "LiteLLM 9"));
        text.lines().flat_map(|line| line.split('\t')).for_each(harmless);
        for name in book.names().filter(|name| name.trim() == *name) {
            assert!(book.find(name).is_some(), "{name:?} is listed and not found");
        }
        look(&book);
        // Joined with itself it says the same.
        let twice = Book::parse(&litellm::merge(&text, &text).unwrap()).unwrap();
        assert!(twice.names().eq(book.names()));
        assert!(book.names().all(|name| twice.find(name) == book.find(name)));
        if how & 2 == 0 {
            let joined = litellm::merge(&text, Book::embedded().text()).unwrap();
            let joined = Book::parse(&joined).unwrap();
            assert!(book.names().all(|name| joined.names().any(|known| known == name)));
        }
    } else if let Ok(text) = std::str::from_utf8(data)
        && let Ok(book) = Book::parse(text)
    {
        // A file of ours that somebody has touched.
        assert_eq!(book.text(), text);
        look(&book);
        for (current, older) in [(text, Book::embedded().text()), (Book::embedded().text(), text)] {
            let joined = Book::parse(&litellm::merge(current, older).unwrap()).expect("two books make a book");
            look(&joined);
        }
    }
}
