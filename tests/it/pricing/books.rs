//! Where prices come from: the embedded book, a refreshed one, the user's own.

use aifinops::model::{Money, Tier, Tokens};
use aifinops::pricing::{Book, BookError, Override, litellm};

use super::{PLAIN, input, per_million};

mod the_embedded_book {
    use super::*;

    #[test]
    fn is_whole_and_tells_its_source() {
        let book = Book::embedded();
        let checked = Book::parse(book.text()).unwrap();
        assert_eq!((book.date(), book.source()), ("2026-11-22", "LiteLLM 1.109.1 and 1.83.14"));
        assert_eq!(checked.fingerprint(), book.fingerprint());
        assert!(book.text().contains("MIT"));
    }

    #[test]
    fn finds_every_model_it_lists_under_its_own_name() {
        let book = Book::embedded();
        let mut models = 0;
        for name in book.names() {
            let rates = book.find(name).unwrap_or_else(|| panic!("{name} is listed but not found"));
            assert!(rates.cost(&input(1), 0, Tier::Batch, PLAIN).is_some());
            models += 1;
        }
        assert!(models > 3_000);
    }
}

mod overrides {
    use super::*;

    fn with(given: Override) -> Book {
        Book::embedded().with_overrides(vec![given]).unwrap()
    }

    #[test]
    fn price_a_model_that_no_list_knows() {
        let given = Override {
            model: "qwen3-coder:30b".into(),
            input: Some(per_million("0.1")),
            output: Some(per_million("0.3")),
            context_window: Some(64_000),
            ..Override::default()
        };
        let rates = with(given).find("qwen3-coder:30b").unwrap();
        assert_eq!(rates.context_window, Some(64_000));
        let call = Tokens { input: 10, cache_read: 10, output: 1, ..Tokens::default() };
        assert_eq!(rates.cost(&call, 0, Tier::Standard, PLAIN).unwrap().nanos(), 2_300);
    }

    #[test]
    fn need_both_basic_prices_for_such_a_model() {
        let given = Override { model: "qwen3-coder:30b".into(), input: Some(per_million("0.1")), ..Override::default() };
        let refused = Book::embedded().with_overrides(vec![given]).unwrap_err();
        assert!(matches!(&refused, BookError::NeedsBoth { model } if model == "qwen3-coder:30b"));
        assert_eq!(refused.to_string(), "`qwen3-coder:30b` is in no price list: give it at least an input and an output price");
    }

    #[test]
    fn refuse_a_price_per_token_taken_for_one_per_million() {
        let given = Override { model: "gpt-5.4".into(), input: Some(per_million("2500000")), ..Override::default() };
        assert!(matches!(Book::embedded().with_overrides(vec![given]), Err(BookError::TooHigh { .. })));
    }

    #[test]
    fn change_only_what_they_name_and_at_every_length_and_tier() {
        let book = with(Override { model: "gpt-5.4".into(), input: Some(per_million("2")), ..Override::default() });
        let rates = book.find("gpt-5.4").unwrap();
        for (prompt, tier) in [(1, Tier::Standard), (300_000, Tier::Standard), (1, Tier::Priority), (300_000, Tier::Flex)] {
            assert_eq!(rates.effective(prompt, tier).input, per_million("2"));
        }
        assert_eq!(rates.effective(300_000, Tier::Standard).output, per_million("22.5"));
        assert_eq!(rates.cache_read, Some(per_million("0.25")));
    }

    #[test]
    fn leave_what_the_list_derives_from_the_input_as_it_was() {
        let plain = Book::embedded();
        let hour = |book: &Book, model: &str, prompt, tier| book.find(model).unwrap().effective(prompt, tier).cache_write_1h;
        for (model, prompt, tier) in [
            ("claude-opus-4-6", 1, Tier::Batch),
            ("claude-opus-4-6", 1, Tier::Standard),
            ("claude-sonnet-4-20250514", 1, Tier::Standard),
            ("claude-sonnet-4-20250514", 200_001, Tier::Standard),
        ] {
            let book = with(Override { model: model.into(), input: Some(per_million("2")), ..Override::default() });
            assert_eq!(hour(&book, model, prompt, tier), hour(&plain, model, prompt, tier), "{model}, {prompt}, {tier:?}");
        }
        let own = Override { model: "claude-opus-4-6".into(), cache_write_1h: Some(per_million("7")), ..Override::default() };
        assert_eq!(hour(&with(own), "claude-opus-4-6", 1, Tier::Batch), per_million("7"));
    }

    #[test]
    fn hold_for_every_spelling_of_the_model() {
        let book = with(Override { model: "Anthropic/Claude-Opus-4.6".into(), output: Some(per_million("20")), ..Override::default() });
        for name in [
            "claude-opus-4-6",
            "claude-opus-4-6[1m]",
            "anthropic/claude-opus-4.6",
            "claude-opus-4-6-20260205",
            "us.anthropic.claude-opus-4-6-v1:0",
        ] {
            assert_eq!(book.find(name).unwrap().output, per_million("20"), "{name}");
        }
        assert_eq!(book.find("claude-opus-4-7").unwrap().output, per_million("25"));
    }

    #[test]
    fn of_a_particular_model_win_over_those_of_a_more_general_one() {
        let own = |model: &str, input: &str| Override {
            model: model.into(),
            input: Some(per_million(input)),
            output: Some(per_million(input)),
            ..Override::default()
        };
        let both = [own("claude-opus-4-6", "4"), own("azure_ai/claude-opus-4-6", "1"), own("us.anthropic.claude-opus-4-6-v1:0", "2")];
        let reversed: Vec<Override> = both.iter().rev().cloned().collect();
        for given in [both.to_vec(), reversed] {
            let book = Book::embedded().with_overrides(given).unwrap();
            let input = |model: &str| book.find(model).unwrap().input;
            assert_eq!(input("claude-opus-4-6"), per_million("4"));
            assert_eq!(input("azure_ai/claude-opus-4-6"), per_million("1"));
            assert_eq!(input("us.anthropic.claude-opus-4-6-v1:0"), per_million("2"));
            assert_eq!(input("openrouter/anthropic/claude-opus-4.6"), per_million("4"));
        }
        let twice = Book::embedded().with_overrides(vec![own("gpt-5.4", "1"), own("gpt-5.4", "2")]).unwrap();
        assert_eq!(twice.find("gpt-5.4").unwrap().input, per_million("2"), "the later one of two alike");
    }

    #[test]
    fn hold_for_a_model_behind_a_local_program_and_for_any_tier() {
        let given = |model: &str| {
            with(Override { model: model.into(), input: Some(per_million("0.1")), output: Some(per_million("0.2")), ..Override::default() })
        };
        for model in ["ollama/qwen3-coder:30b", "qwen3-coder:30b"] {
            assert_eq!(given(model).find("ollama/qwen3-coder:30b").unwrap().input, per_million("0.1"), "{model}");
        }
        let tier = |tier| given("gpt-5.4").find("gpt-5.4").unwrap().cost(&input(10), 0, tier, PLAIN).map(Money::nanos);
        assert_eq!([Tier::Ultrafast, Tier::Unknown, Tier::Flex].map(tier), [Some(1_000); 3]);
    }

    #[test]
    fn change_the_fingerprint() {
        let plain = Book::embedded().fingerprint();
        let given = |price| Override { model: "gpt-5.4".into(), input: Some(per_million(price)), ..Override::default() };
        let (two, three) = (with(given("2")).fingerprint(), with(given("3")).fingerprint());
        let other_kind = with(Override { model: "gpt-5.4".into(), output: Some(per_million("2")), ..Override::default() }).fingerprint();
        assert!(plain != two && two != three && two != other_kind);
        assert_eq!(two, with(given("2.0")).fingerprint());
    }
}

mod a_refreshed_book {
    use super::*;

    fn book(json: &str) -> Book {
        Book::parse(&litellm::from_json(json.as_bytes(), "2026-12-01", "LiteLLM 9").unwrap()).unwrap()
    }

    #[test]
    fn is_read_from_the_digits_of_the_numbers() {
        let book = book(
            r#"{"noisy": {"mode": "chat", "input_cost_per_token": 1.0000000000000001e-07, "output_cost_per_token": "5e-06",
                          "cache_read_input_token_cost": 0.000000001, "max_input_tokens": 2000000.0, "of_tomorrow": [1]}}"#,
        );
        assert_eq!((book.date(), book.source()), ("2026-12-01", "LiteLLM 9"));
        let rates = book.find("noisy").unwrap();
        assert_eq!((rates.input, rates.output), (per_million("0.1"), per_million("5")));
        assert_eq!((rates.cache_read, rates.context_window), (Some(per_million("0.001")), Some(2_000_000)));
    }

    #[test]
    fn rounds_digits_that_no_rate_can_hold_half_up() {
        let book = book(r#"{"m": {"mode": "chat", "input_cost_per_token": 1.1428571428571428e-06, "output_cost_per_token": 2.5e-15}}"#);
        let rates = book.find("m").unwrap();
        assert_eq!((rates.input.nanos_per_million(), rates.output.nanos_per_million()), (1_142_857_143, 3));
    }

    #[test]
    fn leaves_out_and_counts_what_it_cannot_read() {
        let text = litellm::from_json(
            br#"{"good": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
                 "image": {"mode": "image_generation", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
                 "placeholder": {"mode": "chat", "input_cost_per_token": 0.0, "output_cost_per_token": 0},
                 "negative": {"mode": "chat", "input_cost_per_token": -1, "output_cost_per_token": 0},
                 "wordy": {"mode": "chat", "input_cost_per_token": "cheap", "output_cost_per_token": 0},
                 "absurd": {"mode": "chat", "input_cost_per_token": 1e999999999, "output_cost_per_token": 1e-999999999},
                 "ab\u001b[2J": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
                 "tab\tbed": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6},
                 "junk": 7}"#,
            "2026-12-01",
            "LiteLLM 9",
        )
        .unwrap();
        let book = Book::parse(&text).unwrap();
        assert_eq!(book.names().collect::<Vec<_>>(), ["good"]);
        assert!(text.contains("# note: left out 2 entries of other kinds and 6 unreadable ones\n"), "{text}");
    }

    #[test]
    fn is_refused_when_it_is_no_price_list() {
        for junk in ["<html>", "", "[]", "{\"a\": "] {
            assert!(matches!(litellm::from_json(junk.as_bytes(), "", ""), Err(BookError::Json(_))), "{junk}");
        }
        assert!(matches!(litellm::from_json(b"{}", "", ""), Err(BookError::NoPrices)));
        assert!(matches!(Book::parse("name,price\n"), Err(BookError::NotABook)));
    }

    #[test]
    fn is_refused_when_it_is_cut_off_or_shuffled() {
        let text = Book::embedded().text().to_owned();
        let cut = text.get(..text.len() / 2).unwrap_or_default();
        assert!(matches!(Book::parse(cut), Err(BookError::Incomplete { .. } | BookError::Damaged { .. })));
        assert!(matches!(Book::parse(text.trim_end()), Err(BookError::Incomplete { .. })));
        let head = text.split_inclusive("\n# models").next().unwrap_or_default();
        assert!(matches!(Book::parse(&format!("{head}: 2\nb\t1,1\na\t1,1\n")), Err(BookError::Damaged { line: 9 })));
    }

    #[test]
    fn keeps_steps_tiers_and_surcharges_through_its_text() {
        let book = book(
            r#"{"claude-x": {"mode": "chat", "input_cost_per_token": 2e-6, "output_cost_per_token": 1e-5,
                 "cache_creation_input_token_cost": 2.5e-6, "cache_creation_input_token_cost_above_1hr": 4e-6,
                 "input_cost_per_token_above_200k_tokens": 4e-6, "input_cost_per_token_above_200k_tokens_priority": 8e-6,
                 "cache_creation_input_token_cost_above_1hr_above_200k_tokens": 8e-6, "output_cost_per_token_flex": 5e-6,
                 "output_cost_per_token_ultrafast": 7e-5, "output_cost_per_token_balanced": 1.0, "provider_specific_entry": {"fast": 2.5, "us": 1.1, "x": {}}}}"#,
        );
        let rates = book.find("claude-x").unwrap();
        assert_eq!((rates.fast_permille, rates.us_permille, rates.variants.len()), (Some(2500), Some(1100), 4));
        let long = rates.effective(200_001, Tier::Priority);
        assert_eq!((long.input, long.output), (per_million("8"), per_million("10")));
        assert_eq!(long.cache_write_1h, per_million("16"), "twice the input of the same call");
        assert_eq!(rates.effective(200_001, Tier::Standard).cache_write_1h, per_million("8"));
        assert_eq!(rates.effective(200_000, Tier::Flex).output, per_million("5"));
        let fast = rates.cost(&Tokens { output: 1, ..Tokens::default() }, 0, Tier::Ultrafast, PLAIN);
        assert_eq!(fast.unwrap().nanos(), 70_000);
    }

    #[test]
    fn keeps_retired_models_and_premiums_of_an_older_one() {
        let list = |entries: &str, label: &str| litellm::from_json(entries.as_bytes(), label, label).unwrap();
        let older = list(
            r#"{"both": {"mode": "chat", "input_cost_per_token": 9e-6, "output_cost_per_token": 9e-6, "provider_specific_entry": {"fast": 6}},
                "retired": {"mode": "chat", "input_cost_per_token": 3e-6, "output_cost_per_token": 3e-6}}"#,
            "1",
        );
        let newer = list(r#"{"both": {"mode": "chat", "input_cost_per_token": 1e-6, "output_cost_per_token": 1e-6}}"#, "2");
        let book = Book::parse(&litellm::merge(&newer, &older).unwrap()).unwrap();
        assert_eq!((book.date(), book.source()), ("2", "2 and 1"));
        assert_eq!(book.find("retired").unwrap().input, per_million("3"));
        let both = book.find("both").unwrap();
        assert_eq!((both.input, both.fast_permille), (per_million("1"), Some(6000)));
    }

    #[test]
    fn keeps_the_price_of_prompts_that_a_model_no_longer_takes() {
        let list = |window: &str, more: &str| {
            let entry = format!(
                r#"{{"m": {{"mode": "chat", "input_cost_per_token": 3e-6, "output_cost_per_token": 15e-6, "max_input_tokens": {window}{more}}}}}"#
            );
            litellm::from_json(entry.as_bytes(), "1", "1").unwrap()
        };
        let older =
            list("1000000", r#", "input_cost_per_token_above_200k_tokens": 6e-6, "input_cost_per_token_above_200k_tokens_batches": 3e-6"#);
        let long = |newer: &str, tier| {
            Book::parse(&litellm::merge(newer, &older).unwrap()).unwrap().find("m").unwrap().effective(200_001, tier).input
        };
        assert_eq!(long(&list("200000", ""), Tier::Standard), per_million("6"));
        assert_eq!(long(&list("200000", ""), Tier::Batch), per_million("3"));
        assert_eq!(long(&list("1000000", ""), Tier::Standard), per_million("3"), "it takes them, at the price of any other");
        let dearer = list("200000", r#", "input_cost_per_token_above_200k_tokens": 9e-6"#);
        assert_eq!(long(&dearer, Tier::Standard), per_million("9"), "the newer one tells");
    }
}
