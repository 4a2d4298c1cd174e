//! Money is exact: it is read, added and multiplied as integers, and rounded in one place.

use aifinops::model::money::{NANOS_PER_USD, TOKENS_PER_RATE, grouped};
use aifinops::model::{Basis, Cost, Money, Rate};
use proptest::prelude::*;

fn usd(text: &str) -> Option<i64> {
    Money::parse_usd(text).map(Money::nanos)
}

fn shown(nanos: i64) -> String {
    Money::from_nanos(nanos).display()
}

#[test]
fn dollars_are_read_exactly() {
    assert_eq!(usd("12"), Some(12_000_000_000));
    assert_eq!(usd("0.05"), Some(50_000_000));
    assert_eq!(usd(".5"), Some(500_000_000));
    assert_eq!(usd("5."), Some(5_000_000_000));
    assert_eq!(usd(" 6.25e-6 "), Some(6_250));
    assert_eq!(usd("1E3"), Some(1_000_000_000_000));
    assert_eq!(usd("-0.000000001"), Some(-1));
    assert_eq!(usd("+1"), Some(1_000_000_000));
    assert_eq!(usd("0.1000000000000000"), Some(100_000_000), "zeros beyond a nano-dollar say nothing");
    assert_eq!(usd("0e-400"), Some(0));
}

#[test]
fn what_another_program_computed_in_floating_point_is_rounded_once() {
    let near = |text| Money::near_usd(text).map(Money::nanos);
    assert_eq!(near("0.06992000000000001"), Some(69_920_000));
    assert_eq!(near("1.7399448000000002"), Some(1_739_944_800));
    assert_eq!(near("6.749999999999999e-3"), Some(6_750_000));
    assert_eq!(near("0.0000000005"), Some(1), "half away from zero");
    assert_eq!(near("-0.0000000005"), Some(-1));
    assert_eq!(near("0.00000000049"), Some(0));
    assert_eq!(near("1e-300"), Some(0));
    assert_eq!(near("12"), Some(12_000_000_000));
    assert_eq!(Money::near_cents("15.938").map(Money::nanos), Some(159_380_000));
    for text in ["", "NaN", "Infinity", "1e999", "null", "1,5"] {
        assert_eq!(near(text), None, "{text:?}");
    }
}

#[test]
fn what_is_no_exact_amount_is_none() {
    for text in ["", "-", ".", "e5", "1e", "$1", "1,000", "1_000", "0x10", "NaN", "inf", "1e999", "1 2", "--1", "٣"] {
        assert_eq!(usd(text), None, "{text:?}");
    }
    assert_eq!(usd("0.0000000001"), None, "finer than a nano-dollar");
    assert_eq!(usd("9223372036.854775807"), Some(i64::MAX));
    assert_eq!(usd("9223372036.854775808"), None, "beyond the range");
    assert_eq!(usd(&"9".repeat(60)), None);
    assert_eq!(usd("1e-2147483648"), None);
    assert_eq!(usd("1e2147483647"), None);
}

#[test]
fn rates_are_read_per_token_and_per_million() {
    let per_token = |text| Rate::parse_usd_per_token(text).map(Rate::nanos_per_million);
    assert_eq!(per_token("6.25e-06"), Some(6_250_000_000));
    assert_eq!(per_token("3.75e-08"), Some(37_500_000), "$0.0375 per million");
    assert_eq!(per_token("1e-15"), Some(1));
    assert_eq!(per_token("1e-16"), None);
    assert_eq!(per_token("-1e-6"), None);
    assert_eq!(Rate::parse_usd_per_million("6.25"), Rate::parse_usd_per_token("6.25e-06"));
    assert_eq!(Rate::parse_usd_per_million("6.25").unwrap().per_million(), "6.25");
}

#[test]
fn cents_and_small_amounts_are_shown_as_people_write_them() {
    assert_eq!(shown(0), "$0.00");
    assert_eq!(shown(1_234_500_000_000), "$1,234.50");
    assert_eq!(shown(-1_234_500_000_000), "-$1,234.50");
    assert_eq!(shown(1_004_999_999), "$1.00");
    assert_eq!(shown(1_005_000_000), "$1.01");
    assert_eq!(shown(10_000_000), "$0.01");
    assert_eq!(shown(999_995_000_000), "$1,000.00");
}

#[test]
fn an_amount_under_a_cent_keeps_two_digits() {
    assert_eq!(shown(4_200_000), "$0.0042");
    assert_eq!(shown(4_249_999), "$0.0042");
    assert_eq!(shown(4_250_000), "$0.0043");
    assert_eq!(shown(9_990_000), "$0.01", "rounded up to a cent it is one");
    assert_eq!(shown(-4_200_000), "-$0.0042");
    assert_eq!(shown(1), "$0.000000001");
    assert_eq!(shown(99), "$0.000000099");
    assert_eq!(shown(9_000_000), "$0.009");
}

#[test]
fn the_ends_of_the_range_can_be_shown_and_never_wrap() {
    assert_eq!(shown(i64::MAX), "$9,223,372,036.85");
    assert_eq!(shown(i64::MIN), "-$9,223,372,036.85");
    let most = Money::from_nanos(i64::MAX);
    assert_eq!(most + most, most);
    assert_eq!(-Money::from_nanos(i64::MIN), most);
    assert_eq!(Money::from_scaled(i128::MAX / 2), most);
    assert_eq!(Money::from_scaled(i128::MIN / 2), Money::from_nanos(i64::MIN));
    assert_eq!(most.scale(5, 0), Money::ZERO);
    assert_eq!(most.scale(3, 2), most);
}

#[test]
fn columns_show_cents_only_and_exports_show_everything() {
    assert_eq!(Money::from_nanos(4_200_000).cents(), "0.00");
    assert_eq!(Money::from_nanos(-1_234_567_890_000).cents(), "-1,234.57");
    assert_eq!(Money::from_nanos(4_200_000).exact(), "0.0042");
    assert_eq!(Money::from_nanos(12_500_000_000).exact(), "12.5");
    assert_eq!(Money::from_nanos(-1).exact(), "-0.000000001");
    assert_eq!(Money::ZERO.exact(), "0");
    assert_eq!(format!("[{:>8}]", Money::from_nanos(NANOS_PER_USD)), "[   $1.00]");
}

#[test]
fn an_unknown_price_is_never_zero() {
    let cost =
        |known, priced_calls, unpriced_calls| Cost { known: Money::from_nanos(known), priced_calls, unpriced_calls, ..Cost::default() };
    assert_eq!(cost(0, 0, 0).display(), "$0.00", "no calls cost nothing");
    assert_eq!(cost(0, 0, 3).display(), "?");
    assert_eq!((cost(0, 0, 3).money(), cost(0, 0, 3).basis()), (None, Basis::Unknown));
    assert_eq!(cost(1_200_000_000, 2, 1).display(), "≥$1.20");
    assert_eq!(cost(1_200_000_000, 2, 0).display(), "$1.20");
    let low = Cost { lower_bound_calls: 1, ..cost(1_200_000_000, 2, 0) };
    assert_eq!(low.display(), "≥$1.20", "outputs that are too low in the log");
    assert_eq!((Cost::reported(Money::ZERO) + Cost::priced(Money::ZERO)).basis(), Basis::Mixed);
}

/// A decimal number of dollars with up to nine decimals, and its nano-dollars.
fn decimals() -> impl Strategy<Value = (String, i64)> {
    (any::<bool>(), 0..9_000_000_000_i64, 0..1_000_000_000_i64).prop_map(|(negative, whole, part)| {
        let nanos = whole * NANOS_PER_USD + part;
        (format!("{}{whole}.{part:09}", if negative { "-" } else { "" }), if negative { -nanos } else { nanos })
    })
}

/// The exact cents of nano-dollars, halves away from zero.
fn cents(nanos: i64) -> String {
    let cents = (i128::from(nanos).abs() + 5_000_000) / 10_000_000;
    format!("{}{}.{:02}", if nanos < 0 { "-" } else { "" }, grouped(u64::try_from(cents / 100).unwrap()), cents % 100)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn reading_is_exact((text, nanos) in decimals()) {
        prop_assert_eq!(usd(&text), Some(nanos));
    }

    #[test]
    fn an_exponent_only_moves_the_point(digits in 0..1_000_000_000_000_u64, exponent in -9..6_i32) {
        let expected = if exponent >= -9 { i128::from(digits) * 10_i128.pow(u32::try_from(exponent + 9).unwrap()) } else { 0 };
        prop_assert_eq!(usd(&format!("{digits}e{exponent}")), i64::try_from(expected).ok());
    }

    #[test]
    fn what_is_printed_exactly_is_read_again(nanos in any::<i64>().prop_filter("in range", |n| *n > i64::MIN)) {
        prop_assert_eq!(Money::parse_usd(&Money::from_nanos(nanos).exact()), Some(Money::from_nanos(nanos)));
    }

    #[test]
    fn a_rate_that_is_printed_is_read_again(nanos in 0..i64::MAX.cast_unsigned()) {
        let rate = Rate::from_nanos_per_million(nanos);
        prop_assert_eq!(Rate::parse_usd_per_million(&rate.per_million()), Some(rate));
    }

    #[test]
    fn rate_times_tokens_is_rounded_once_half_away_from_zero(rate in 0..1_000_000_000_000_u64, tokens in 0..2_000_000_u64, sign in prop::sample::select(vec![1_i128, -1])) {
        let scaled = Rate::from_nanos_per_million(rate).scaled(tokens) * sign;
        prop_assert_eq!(scaled.abs(), i128::from(rate) * i128::from(tokens));
        let money = i128::from(Money::from_scaled(scaled).nanos());
        let error = (money * TOKENS_PER_RATE - scaled).abs() * 2;
        prop_assert!(error < TOKENS_PER_RATE || error == TOKENS_PER_RATE && money.abs() * TOKENS_PER_RATE > scaled.abs());
    }

    #[test]
    fn adding_and_scaling_are_exact_or_stop_at_the_end_of_the_range(a in any::<i64>(), b in any::<i64>(), n in any::<i64>(), d in any::<i64>()) {
        let clamp = |n: i128| i64::try_from(n.clamp(i64::MIN.into(), i64::MAX.into())).unwrap();
        let (x, y) = (Money::from_nanos(a), Money::from_nanos(b));
        prop_assert_eq!((x + y).nanos(), clamp(i128::from(a) + i128::from(b)));
        prop_assert_eq!((x - y).nanos(), clamp(i128::from(a) - i128::from(b)));
        let scaled = if d == 0 { 0 } else { clamp(i128::from(a) * i128::from(n) / i128::from(d)) };
        prop_assert_eq!(x.scale(n, d).nanos(), scaled);
    }

    #[test]
    fn cents_are_rounded_half_away_from_zero(nanos in any::<i64>()) {
        prop_assert_eq!(Money::from_nanos(nanos).cents(), cents(nanos));
    }

    #[test]
    fn what_is_shown_is_within_half_of_its_last_digit(nanos in -20_000_000..20_000_000_i64) {
        let text = shown(nanos).replace('$', "");
        let unit = 10_i64.pow(9 - u32::try_from(text.split_once('.').unwrap().1.len()).unwrap());
        let told = usd(&text).unwrap();
        prop_assert!((told - nanos).abs() * 2 <= unit.max(10_000_000 / 10), "{nanos} is shown as {text}");
        prop_assert!(nanos == 0 || told != 0, "{nanos} is shown as nothing");
    }

    #[test]
    fn no_text_makes_it_panic(text in "[-+0-9.eE ]{0,40}") {
        let _ = (Money::parse_usd(&text), Rate::parse_usd_per_token(&text), Rate::parse_usd_per_million(&text));
    }
}
