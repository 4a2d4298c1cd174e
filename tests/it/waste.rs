//! Where money goes: nothing is counted twice, nothing is made up.

use aifinops::insight::waste::{Category, LONG_LIFE, SHORT_LIFE, Session, Step, Strain, Waste, of_session};
use aifinops::model::{Bill, Effective, Key, Millis, Money, Rate, Tokens};
use proptest::prelude::*;

/// Long after everything.
const LATER: Millis = 1_000_000_000;

fn bill([input, output, read, short, long]: [u64; 5]) -> Bill {
    let rate = Rate::from_nanos_per_million;
    Bill::new(Effective {
        input: rate(input),
        output: rate(output),
        cache_read: rate(read),
        cache_write_5m: rate(short),
        cache_write_1h: rate(long),
    })
}

/// $3 in, $15 out, $0.30 read, $3.75 and $6 written.
fn house() -> Bill {
    bill([3000, 15_000, 300, 3750, 6000].map(|nanos_a_token| nanos_a_token * 1_000_000))
}

/// A step: in, read, written for five minutes and for an hour; nothing out.
fn step(at: Millis, [input, read, short, long]: [u64; 4]) -> Step {
    let tokens = Tokens { input, cache_read: read, cache_write_5m: short, cache_write_1h: long, ..Tokens::default() };
    Step {
        at,
        task: Key(1),
        model: 0,
        tokens,
        context: tokens.total(),
        money: Some(house().cost(&tokens)),
        reported: false,
        lower_bound: false,
    }
}

fn look(steps: &[Step], now: Millis) -> Waste {
    of_session(&Session { steps, now, strain: &|_| Strain::default(), bill: &|_| Some(house()), counts: &|_| true })
}

fn nanos(waste: &Waste, category: Category) -> i64 {
    waste.part(category).cost.known.nanos()
}

#[test]
fn a_cache_is_alive_up_to_the_last_instant_of_its_life() {
    let pause = |pause| {
        let waste = look(&[step(0, [0, 0, 1000, 0]), step(pause, [0, 0, 1100, 0])], LATER);
        (nanos(&waste, Category::Missed), nanos(&waste, Category::Unread))
    };
    // Within its life nothing reads it either: that is no miss after a pause, but writes that nobody reads, twice.
    assert_eq!(pause(SHORT_LIFE), (0, 2100 * 750));
    // After it, the first 1000 tokens of the second step are a miss, and only the rest of them counts as never read.
    assert_eq!(pause(SHORT_LIFE + 1), (1000 * 3450, 1000 * 750 + 100 * 750));
    let read_after = |pause| nanos(&look(&[step(0, [0, 0, 0, 1000]), step(pause, [10, 1000, 0, 0])], LATER), Category::Unread);
    assert_eq!((read_after(LONG_LIFE), read_after(LONG_LIFE + 1)), (0, 1000 * 3000));
}

#[test]
fn what_may_yet_be_read_is_not_called_unread() {
    let steps = [step(0, [0, 0, 1000, 0])];
    assert_eq!(nanos(&look(&steps, SHORT_LIFE), Category::Unread), 0);
    assert_eq!(nanos(&look(&steps, SHORT_LIFE + 1), Category::Unread), 1000 * 750);
}

#[test]
fn a_cache_is_its_models_own() {
    let other = Step { model: 1, ..step(1000, [0, 1000, 0, 0]) };
    let waste = look(&[step(0, [0, 0, 1000, 0]), other], LATER);
    assert_eq!(nanos(&waste, Category::Unread), 1000 * 750, "the other model's reads are of another cache");
    let other = Step { model: 1, ..step(SHORT_LIFE + 1, [1000, 0, 0, 0]) };
    assert_eq!(nanos(&look(&[step(0, [0, 0, 1000, 0]), other], LATER), Category::Missed), 0);
}

#[test]
fn a_provider_that_tells_no_writes_is_estimated() {
    let steps = [step(0, [5000, 0, 0, 0]), step(1000, [1000, 5000, 0, 0]), step(1000 + SHORT_LIFE + 1, [6000, 500, 0, 0])];
    let waste = look(&steps, LATER);
    // Of the 6000 tokens that the second prompt had, 500 are still read.
    assert_eq!((nanos(&waste, Category::Missed), waste.part(Category::Missed).tokens.input), (5500 * 2700, 5500));
    assert_eq!(Category::Missed.attribution(&waste.part(Category::Missed)), "estimated");
    let never = [step(0, [5000, 0, 0, 0]), step(SHORT_LIFE + 1, [6000, 0, 0, 0])];
    assert_eq!(nanos(&look(&never, LATER), Category::Missed), 0, "who never reads a cache has none");
}

#[test]
fn a_cost_that_the_agent_told_is_shared_out_by_price() {
    let twice = |step: Step| Step { money: step.money.map(|money| money + money), reported: true, ..step };
    let steps = [step(0, [0, 0, 1000, 0]), step(1000, [10, 1000, 200, 0])];
    let (priced, told) = (look(&steps, LATER), look(&steps.map(twice), LATER));
    for category in Category::ALL {
        assert_eq!(nanos(&told, category), 2 * nanos(&priced, category), "{}", category.name());
    }
    assert_eq!(told.part(Category::Resent).cost.reported_calls, 1);
    let unpriced = of_session(&Session { steps: &steps, now: LATER, strain: &|_| Strain::default(), bill: &|_| None, counts: &|_| true });
    let part = unpriced.part(Category::Resent);
    assert_eq!((part.cost.money(), part.tokens.cache_read), (None, 1000), "a cost that nobody can share out");
}

#[test]
fn later_steps_pay_more_for_their_context() {
    let steps: Vec<Step> = (0..12).map(|n| step(n * 1000, [0, u64::try_from(n).unwrap() * 1000, 1000, 0])).collect();
    let waste = look(&steps, LATER);
    let places: Vec<(u64, u64)> = waste.places.iter().map(|place| (place.steps, place.tokens)).collect();
    assert_eq!(places[..4], [(5, 10_000), (5, 35_000), (2, 21_000), (0, 0)]);
    assert_eq!(waste.places[0].per_step(), Some(Money::from_nanos(2000 * 300)));
    assert_eq!(waste.places[3].per_step(), None);
}

#[test]
fn counters_of_a_broken_log_do_no_harm() {
    let huge = step(0, [u64::MAX, u64::MAX, u64::MAX, u64::MAX]);
    let waste = look(&[huge, huge, Step { at: Millis::MAX / 4, ..huge }], LATER);
    assert!(waste.claimed().known.nanos() >= 0);
}

prop_compose! {
    fn tokens()(counts in prop::array::uniform5(prop_oneof![Just(0_u64), 0..300_u64, 0..3_000_000_u64])) -> Tokens {
        let [input, cache_read, cache_write_5m, cache_write_1h, output] = counts;
        Tokens { input, cache_read, cache_write_5m, cache_write_1h, output, reasoning: 0 }
    }
}

prop_compose! {
    fn bills()(
        rates in prop::array::uniform5(0..90_000_000_000_u64),
        fast in prop::option::of(1..6000_u32), us in prop::option::of(1000..1200_u32), searches in 0..4_u32,
    ) -> Bill {
        let bill = bill(rates).with_fees(Money::from_nanos(10_000_000), searches);
        let bill = fast.map_or(bill, |permille| bill.times(permille));
        us.map_or(bill, |permille| bill.times(permille))
    }
}

prop_compose! {
    fn some_step()(
        tokens in tokens(), wait in prop_oneof![0..1000_i64, 0..2 * LONG_LIFE], task in 0..4_u64, model in 0..2_u32,
        context in 0..3_000_000_u64, told in prop::option::weighted(0.3, 0..10_000_000_000_i64), priced in prop::bool::weighted(0.9),
    ) -> (Step, Millis) {
        let money = if priced { told.map(Money::from_nanos) } else { None };
        (Step { at: 0, task: Key(task), model, tokens, context, money, reported: told.is_some(), lower_bound: !priced }, wait)
    }
}

proptest! {
    #[test]
    fn parts_of_a_priced_call_sum_to_its_price(bill in bills(), tokens in tokens(), cuts in prop::array::uniform4(0..=1000_u64), paid in prop::option::of(0..9_000_000_000_000_i64)) {
        let price = bill.cost(&tokens);
        let paid = paid.map_or(price, Money::from_nanos);
        let Some(mut meter) = bill.meter(&tokens, paid) else {
            prop_assert!(price == Money::ZERO && paid != price);
            return Ok(());
        };
        let rates = bill.rates;
        let kinds = [
            (rates.cache_read, tokens.cache_read), (rates.cache_write_1h, tokens.cache_write_1h),
            (rates.cache_write_5m, tokens.cache_write_5m), (rates.input, tokens.input),
        ];
        let mut sum = Money::ZERO;
        for ((rate, count), cut) in kinds.into_iter().zip(cuts) {
            let first = count * cut / 1000;
            for tokens in [first, count - first] {
                let part = meter.take(rate, tokens);
                prop_assert!(part >= Money::ZERO);
                sum += part;
            }
        }
        sum += meter.take(rates.output, tokens.output);
        sum += meter.fees();
        prop_assert_eq!(sum, paid);
    }

    #[test]
    fn categories_never_exceed_what_a_session_cost(
        steps in prop::collection::vec(some_step(), 0..40), bill in bills(), strains in prop::array::uniform4((0..6_u64, 0..6_u64, 0..3_u64)),
        now in 0..4 * LONG_LIFE, some in any::<bool>(),
    ) {
        let mut at = 0;
        let steps: Vec<Step> = steps.into_iter().map(|(step, wait)| {
            at += wait;
            let priced = (!step.reported && !step.lower_bound).then(|| bill.cost(&step.tokens));
            Step { at, money: step.money.or(priced), ..step }
        }).collect();
        let strain = |task: Key| {
            let (tools, failures, compactions) = strains[usize::try_from(task.0).unwrap()];
            Strain { tools, failures, compactions }
        };
        let counts = |step: &Step| !some || step.task != Key(0);
        let waste = of_session(&Session { steps: &steps, now: at + now, strain: &strain, bill: &|_| Some(bill), counts: &counts });
        let cost: Money = steps.iter().filter(|step| counts(step)).filter_map(|step| step.money).sum();
        prop_assert_eq!(waste.cost.known, cost);
        let claimed: Money = Category::ALL.into_iter().map(|category| waste.part(category).cost.known).sum();
        prop_assert_eq!(waste.claimed().known, claimed);
        prop_assert!(claimed <= cost, "{:?} of {:?}", claimed, cost);
        for category in Category::ALL {
            let part = waste.part(category);
            prop_assert!(part.cost.known >= Money::ZERO);
            let (some, all) = (part.tokens, waste.tokens);
            prop_assert!(some.input <= all.input && some.cache_read <= all.cache_read && some.output == 0);
            prop_assert!(some.cache_write_5m <= all.cache_write_5m && some.cache_write_1h <= all.cache_write_1h);
        }
        let places: Money = waste.places.iter().map(|place| place.cost.known).sum();
        prop_assert_eq!(places, waste.part(Category::Resent).cost.known, "by place it is the same money");
    }
}
