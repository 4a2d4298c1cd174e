//! Whatever happens to the files: the store holds what was ever there to be read, each thing once.

use aifinops::model::{Money, Speed, Tier, Tokens, Window};
use aifinops::store::Sums;
use proptest::prelude::*;
use proptest::test_runner::Config;

use super::program::{Told, World, program};
use crate::logs::{MODEL, scan, session, total};

fn sum(told: &Told, i: usize) -> i64 {
    told.calls.values().map(|c| c[i].cast_signed()).sum()
}

/// The counts that a model's session has.
fn counts(told: &Told) -> [i64; 3] {
    [told.calls.len(), told.prompts.len(), told.tools.len()].map(|n| i64::try_from(n).unwrap())
}

fn check(world: &mut World, step: usize) -> Result<(), TestCaseError> {
    let mut all = Sums::default();
    for (i, (uid, seen)) in world.seen.iter().enumerate() {
        let sums = session(&world.ingest, uid);
        all.add(&sums, 1);
        prop_assert_eq!([sums.calls, sums.prompts, sums.tools], counts(seen), "{} after step {}", uid, step);
        let got = [sums.input, sums.cache_read, sums.output];
        let (least, most) = ([0, 1, 2].map(|i| sum(seen, i)), [0, 1, 2].map(|k| sum(&world.made[i], k)));
        if i == 2 {
            // Running totals also tell what lines said that were gone before they were read: never less than was seen,
            // never more than was spent.
            prop_assert!((0..3).all(|k| least[k] <= got[k] && got[k] <= most[k]), "{least:?} {got:?} {most:?} after step {step}");
            continue;
        }
        prop_assert_eq!(got, least, "{} after step {}", uid, step);
        let price = |c: &[u64; 3]| {
            let tokens = Tokens { input: c[0], cache_read: c[1], output: c[2], ..Tokens::default() };
            world.ingest.prices.cost(MODEL, &tokens, 0, Tier::Standard, Speed::default()).map_or(0, Money::nanos)
        };
        prop_assert_eq!(sums.nanos, seen.calls.values().map(price).sum::<i64>());
    }
    prop_assert_eq!(all, total(&world.ingest), "no other session has anything");
    prop_assert_eq!(scan(&mut world.ingest), 0, "a second look finds nothing new");
    Ok(())
}

proptest! {
    #![proptest_config(Config { cases: 96, failure_persistence: None, ..Config::default() })]
    #[test]
    fn any_program_of_changes_is_counted_exactly(program in program()) {
        let mut world = World::new();
        for (step, op) in program.iter().enumerate() {
            if world.run(op) {
                check(&mut world, step)?;
            }
        }
        world.run(&super::program::Op::Scan);
        check(&mut world, program.len())?;
        let report = world.ingest.store.rebuild().unwrap();
        prop_assert_eq!(report.wrong(), 0);
        prop_assert_eq!(world.ingest.store.integrity(), None);
        prop_assert!(world.ingest.store.total(Window::ALL).unwrap().lower == 0);
    }
}
#[test]
fn a_line_that_loses_its_carriage_return_is_the_same_line() {
    use super::program::Op::{Append, Rewrite, Scan};

    let mut world = World::new();
    for op in [Append(2, vec![2, 41]), Rewrite(2), Append(2, vec![0]), Scan] {
        world.run(&op);
    }
    check(&mut world, 4).unwrap();
}
