//! What model calls cost. All figures are worked out by hand from the vendors' published list prices.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "helpers of tests")]

use aifinops::model::{Money, Rate, Speed, Tier, Tokens};
use aifinops::pricing::{Book, Card, Rates, Variant};
use proptest::prelude::*;

mod books;
mod names;

const FAST: Speed = Speed { fast: true, us_only: false };
const US: Speed = Speed { fast: false, us_only: true };
const PLAIN: Speed = Speed { fast: false, us_only: false };

fn rates(model: &str) -> Rates {
    Book::embedded().find(model).unwrap_or_else(|| panic!("{model} is not in the book"))
}

fn nanos(model: &str, tokens: Tokens, tier: Tier, speed: Speed) -> i64 {
    rates(model).cost(&tokens, 0, tier, speed).unwrap().nanos()
}

fn standard(model: &str, tokens: Tokens) -> i64 {
    nanos(model, tokens, Tier::Standard, PLAIN)
}

fn input(n: u64) -> Tokens {
    Tokens { input: n, ..Tokens::default() }
}

fn per_million(text: &str) -> Rate {
    Rate::parse_usd_per_million(text).unwrap()
}

mod a_call_of_claude {
    use super::*;

    #[test]
    fn has_five_rates() {
        // Opus 4.6: $5 in, $25 out, $0.50 read, $6.25 and $10 written, per million.
        let one = |t: Tokens| standard("claude-opus-4-6", t);
        assert_eq!(one(input(1)), 5_000);
        assert_eq!(one(Tokens { output: 1, ..Tokens::default() }), 25_000);
        assert_eq!(one(Tokens { cache_read: 1, ..Tokens::default() }), 500);
        assert_eq!(one(Tokens { cache_write_5m: 1, ..Tokens::default() }), 6_250);
        assert_eq!(one(Tokens { cache_write_1h: 1, ..Tokens::default() }), 10_000);
    }

    #[test]
    fn is_the_sum_of_them() {
        // 6×5 000 + 29 152×10 000 + 17 441×500 + 412×25 000 nano-dollars.
        let call = Tokens { input: 6, cache_write_1h: 29_152, cache_read: 17_441, output: 412, ..Tokens::default() };
        assert_eq!(standard("claude-opus-4-6", call), 310_570_500);
    }

    #[test]
    fn counts_reasoning_once() {
        let call = Tokens { output: 100, reasoning: 90, ..Tokens::default() };
        assert_eq!(standard("claude-opus-4-6", call), 2_500_000);
    }

    #[test]
    fn takes_the_cache_read_rate_from_the_list_not_from_a_ratio() {
        // Opus 5.5 lists $4 in and $0.20 read: a twentieth, not a tenth.
        assert_eq!(standard("claude-opus-5-5", Tokens { cache_read: 1_000_000, ..Tokens::default() }), 200_000_000);
    }

    #[test]
    fn doubles_the_input_for_an_hour_of_cache_where_the_list_is_silent() {
        let write = Tokens { cache_write_1h: 1_000_000, ..Tokens::default() };
        let batch = nanos("claude-opus-4-6", write, Tier::Batch, PLAIN);
        assert_eq!(batch, 5_000_000_000, "half of the standard $10, as the batch input is half of $5");
        // Sonnet 4 above 200k: the input doubles to $6, no hour's rate is listed.
        assert_eq!(standard("claude-sonnet-4-20250514", write), 12_000_000_000);
    }

    #[test]
    fn switches_all_rates_above_200k_of_prompt() {
        let model = "claude-sonnet-4-20250514";
        let at = Tokens { input: 100_000, cache_read: 99_000, cache_write_5m: 1_000, output: 10, ..Tokens::default() };
        assert_eq!(standard(model, at), 300_000_000 + 29_700_000 + 3_750_000 + 150_000);
        let above = Tokens { input: 100_001, ..at };
        assert_eq!(standard(model, above), 600_006_000 + 59_400_000 + 7_500_000 + 225_000);
    }

    #[test]
    fn costs_a_multiple_in_fast_mode() {
        let call = Tokens { input: 10, cache_read: 100, output: 7, ..Tokens::default() };
        let plain = 10 * 5_000 + 100 * 500 + 7 * 25_000;
        assert_eq!(nanos("claude-opus-5", call, Tier::Standard, FAST), 2 * plain);
        assert_eq!(nanos("claude-opus-4-6", call, Tier::Standard, FAST), 6 * plain, "the launch premium, from the older list");
    }

    #[test]
    fn in_fast_mode_is_of_unknown_price_where_no_premium_is_listed() {
        assert_eq!(rates("claude-sonnet-5").cost(&input(1), 0, Tier::Standard, FAST), None);
    }

    #[test]
    fn costs_a_tenth_more_inside_the_united_states() {
        assert_eq!(nanos("claude-sonnet-5", input(1_000), Tier::Standard, US), 2_200_000);
        assert_eq!(nanos("claude-opus-4-5", input(1_000), Tier::Standard, US), 5_000_000, "this model has no such surcharge");
        let both = Speed { fast: true, us_only: true };
        assert_eq!(nanos("claude-opus-5", input(1_000), Tier::Standard, both), 11_000_000);
    }

    #[test]
    fn pays_ten_dollars_for_a_thousand_web_searches() {
        let searched = rates("claude-opus-5").cost(&input(1_000), 3, Tier::Standard, FAST).unwrap();
        assert_eq!(searched.nanos(), 10_000_000 + 30_000_000, "no premium on the fee");
        let haiku = rates("claude-haiku-4-5").cost(&Tokens::default(), 1_000, Tier::Standard, PLAIN).unwrap();
        assert_eq!(haiku, Money::parse_usd("10").unwrap(), "the list forgets the fee of this one");
    }
}

mod a_call_of_gpt {
    use super::*;

    #[test]
    fn costs_what_nobody_knows_in_a_tier_without_a_price() {
        let of = |model: &str, tier| rates(model).cost(&input(1_000), 0, tier, PLAIN).map(Money::nanos);
        assert_eq!(of("gpt-6-astra", Tier::Standard), Some(10_000_000));
        assert_eq!(of("gpt-6-astra", Tier::Ultrafast), Some(60_000_000), "six times the plain price");
        assert_eq!(of("gpt-5.4", Tier::Ultrafast), None);
        assert_eq!(of("gpt-6-astra", Tier::Unknown), None);
        assert_eq!(
            ["default", "auto", "", "scale", "warp"].map(|word| Tier::named(word.as_bytes()) == Tier::Unknown),
            [false, false, false, true, true]
        );
    }

    #[test]
    fn is_billed_for_long_prompts_of_the_time_when_the_model_took_them() {
        // Sonnet 4.5 above 200k: $6 in; the newer list has it without.
        assert_eq!(standard("claude-sonnet-4-5-20250929", input(300_000)), 1_800_000_000);
    }

    #[test]
    fn switches_all_rates_above_272k_of_prompt() {
        // GPT-5.4: $2.50 in, $0.25 read, $15 out; above 272k $5, $0.50 and $22.50.
        let at = Tokens { input: 72_000, cache_read: 200_000, output: 1_000, ..Tokens::default() };
        assert_eq!(standard("gpt-5.4", at), 180_000_000 + 50_000_000 + 15_000_000);
        let above = Tokens { cache_read: 200_001, ..at };
        assert_eq!(standard("gpt-5.4", above), 360_000_000 + 100_000_500 + 22_500_000);
    }

    #[test]
    fn has_a_price_for_each_service_tier() {
        let call = Tokens { input: 1_000, cache_read: 1_000, output: 1_000, ..Tokens::default() };
        let tier = |tier| nanos("gpt-5.5", call, tier, PLAIN);
        assert_eq!(tier(Tier::Standard), 5_000_000 + 500_000 + 30_000_000);
        assert_eq!(tier(Tier::Priority), 12_500_000 + 1_250_000 + 75_000_000);
        assert_eq!(tier(Tier::Flex), 2_500_000 + 250_000 + 15_000_000);
        assert_eq!(tier(Tier::Batch), 2_500_000 + 250_000 + 15_000_000);
    }

    #[test]
    fn combines_tier_and_length() {
        let call = Tokens { input: 300_000, output: 1_000, ..Tokens::default() };
        assert_eq!(nanos("gpt-5.4", call, Tier::Flex, PLAIN), 750_000_000 + 11_250_000);
        let priority = nanos("gpt-5.4", call, Tier::Priority, PLAIN);
        assert_eq!(priority, standard("gpt-5.4", call), "priority is not offered for long prompts");
    }

    #[test]
    fn falls_back_to_the_standard_rate_of_a_tier_without_its_own() {
        assert_eq!(nanos("gpt-5.3-codex", input(1_000), Tier::Flex, PLAIN), 1_750_000);
        assert_eq!(nanos("gpt-5.3-codex", input(1_000), Tier::Priority, PLAIN), 3_500_000);
    }

    #[test]
    fn bills_cache_writes_as_input_where_they_have_no_rate() {
        let call = Tokens { cache_write_5m: 1_000, cache_write_1h: 1_000, ..Tokens::default() };
        assert_eq!(standard("gpt-5.3-codex", call), 3_500_000);
    }
}

mod a_price {
    use super::*;

    #[test]
    fn may_have_several_steps_of_length() {
        // Qwen3 Coder Plus: $1, above 32k $1.80, above 128k $3, above 256k $6.
        let cost = |n| standard("dashscope/qwen3-coder-plus", input(n));
        assert_eq!(cost(32_000), 32_000_000);
        assert_eq!(cost(32_001), 57_601_800);
        assert_eq!(cost(128_001), 384_003_000);
        assert_eq!(cost(256_001), 1_536_006_000);
    }

    #[test]
    fn is_rounded_once_half_up() {
        // 1.5 nano-dollars a token, times 1.1: rounding before the surcharge would give 2.2.
        let mut model = Rates::new(per_million("0.0015"), Rate::default());
        model.us_permille = Some(1100);
        let cost = |n, speed| model.cost(&input(n), 0, Tier::Standard, speed).unwrap().nanos();
        assert_eq!((cost(1, PLAIN), cost(2, PLAIN), cost(3, PLAIN)), (2, 3, 5));
        assert_eq!((cost(1, US), cost(3, US)), (2, 5));
    }

    #[test]
    fn of_a_search_is_unknown_where_no_fee_is_listed() {
        let model = Rates::new(per_million("1"), per_million("2"));
        assert_eq!(model.cost(&input(1), 1, Tier::Standard, PLAIN), None);
        assert!(model.cost(&input(1), 0, Tier::Standard, PLAIN).is_some());
    }

    #[test]
    fn survives_absurd_counters() {
        let all = Tokens {
            input: u64::MAX,
            cache_read: u64::MAX,
            cache_write_5m: u64::MAX,
            cache_write_1h: u64::MAX,
            output: u64::MAX,
            reasoning: 0,
        };
        let both = Speed { fast: true, us_only: true };
        assert_eq!(rates("claude-opus-5").cost(&all, u32::MAX, Tier::Standard, both).unwrap().nanos(), i64::MAX);
    }

    #[test]
    fn of_an_hour_of_cache_is_the_five_minute_one_outside_anthropic() {
        let mut model = Rates::new(per_million("1"), per_million("2"));
        model.cache_write_5m = Some(per_million("1.25"));
        assert_eq!(model.effective(1, Tier::Standard).cache_write_1h, per_million("1.25"));
        model.anthropic = true;
        assert_eq!(model.effective(1, Tier::Standard).cache_write_1h, per_million("2"));
    }

    #[test]
    fn missing_above_a_length_is_the_tiers_then_the_plain_one() {
        let card = |input: Option<&str>, output: Option<&str>| Card {
            input: input.map(per_million),
            output: output.map(per_million),
            ..Card::default()
        };
        let mut model = Rates::new(per_million("1"), per_million("2"));
        model.variants = vec![
            Variant { above: 0, tier: Tier::Flex, card: card(None, Some("0.5")) },
            Variant { above: 200_000, tier: Tier::Standard, card: card(Some("3"), None) },
        ];
        let long = model.effective(200_001, Tier::Flex);
        assert_eq!((long.input, long.output, long.cache_read), (per_million("3"), per_million("0.5"), per_million("3")));
    }

    proptest! {
        #[test]
        fn adds_up_within_a_nano(a in tokens(), b in tokens()) {
            let model = rates("claude-opus-5"); // the same rates at every length
            let cost = |t: &Tokens| model.cost(t, 0, Tier::Standard, US).unwrap().nanos();
            prop_assert!((cost(&(a + b)) - cost(&a) - cost(&b)).abs() <= 1);
        }

        #[test]
        fn never_falls_as_tokens_rise(a in tokens(), more in tokens(), at in 0..3_usize) {
            // Not at priority: it ends where long prompts begin, and what follows may be cheaper.
            let tier = [Tier::Standard, Tier::Flex, Tier::Batch][at];
            for model in ["claude-sonnet-4-20250514", "gpt-5.5", "dashscope/qwen3-coder-plus"] {
                let model = rates(model);
                let cost = |t: &Tokens| model.cost(t, 0, tier, PLAIN).unwrap();
                prop_assert!(cost(&a) <= cost(&(a + more)));
            }
        }
    }

    fn tokens() -> impl Strategy<Value = Tokens> {
        (0..300_000_u64, 0..300_000_u64, 0..50_000_u64, 0..50_000_u64, 0..50_000_u64).prop_map(|(input, cache_read, w5, w1, output)| {
            Tokens { input, cache_read, cache_write_5m: w5, cache_write_1h: w1, output, reasoning: 0 }
        })
    }
}
