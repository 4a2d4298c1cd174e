//! What a card's time was, and what that cost: a card that is looked at every two seconds, on a scripted clock.

use std::collections::BTreeMap;

use aifinops::insight::gpu::meter::Scaled;
use aifinops::insight::gpu::rate::Counts;
use aifinops::insight::gpu::{Flow, Look, Machine, Meter, Minute, Rules, Serving, State, Tick};
use aifinops::model::gpu::{Health, Permille};
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{Millis, Money};
use proptest::prelude::*;

/// 2026-11-22, noon, UTC: the beginning of a minute.
pub(super) const NOON: Millis = 1_795_348_800_000;
/// The usual time between two looks.
const TICK: Millis = 2000;
const SECOND: Millis = 1000;

pub(super) fn usd(text: &str) -> Money {
    Money::parse_usd(text).unwrap()
}

/// What the card draws and has drawn.
#[derive(Debug, Clone, Copy, Default)]
struct Drawn {
    energy: Option<u64>,
    power: Option<u64>,
}

/// A card that is looked at.
#[derive(Default)]
struct Card {
    machine: Machine,
    meter: Meter,
    rules: Rules,
    price: Option<Money>,
    taken: Vec<(i64, Minute)>,
}

impl Card {
    fn at(dollars: &str) -> Self {
        Self { price: Some(usd(dollars)), ..Self::default() }
    }

    fn look(&mut self, look: Look, drawn: Drawn) -> State {
        let state = self.machine.look(&look, &self.rules);
        let tick = Tick {
            at: look.at,
            state,
            pausing: self.machine.pausing_since().is_some(),
            used: look.used,
            energy: drawn.energy,
            power: drawn.power,
            per_hour: self.price,
            target: self.rules.target,
            ..Tick::default()
        };
        self.meter.tick(tick, TICK);
        state
    }

    fn see(&mut self, at: Millis, used: Permille) -> State {
        self.look(used_at(at, used), Drawn::default())
    }

    /// It is used so much from then until then, both looks included.
    fn goes(&mut self, from: Millis, to: Millis, used: Permille) -> &mut Self {
        for at in (from..=to).step_by(2000) {
            self.see(NOON + at, used);
        }
        self
    }

    fn take(&mut self, now: Millis) -> Vec<i64> {
        let minutes = self.meter.take(NOON + now);
        self.taken.extend(minutes.iter().cloned());
        minutes.iter().map(|(number, _)| number - NOON / MINUTE).collect()
    }

    /// All its minutes, by their number since noon.
    fn end(mut self) -> BTreeMap<i64, Minute> {
        self.taken.extend(self.meter.end());
        let count = self.taken.len();
        let minutes: BTreeMap<i64, Minute> = self.taken.into_iter().map(|(number, minute)| (number - NOON / MINUTE, minute)).collect();
        assert_eq!(minutes.len(), count, "each minute is given once");
        minutes
    }
}

fn used_at(at: Millis, used: Permille) -> Look {
    Look { at, health: Some(Health::Well), used: Some(used), ..Look::default() }
}

/// Milliseconds of a minute in a state.
fn in_state(minute: &Minute, state: State) -> Millis {
    minute.states[State::ALL.iter().position(|known| *known == state).unwrap()]
}

fn sum(minutes: &BTreeMap<i64, Minute>, state: State) -> Millis {
    minutes.values().map(|minute| in_state(minute, state)).sum()
}

fn seen(minutes: &BTreeMap<i64, Minute>) -> Millis {
    minutes.values().map(Minute::seen).sum()
}

fn cost(minutes: &BTreeMap<i64, Minute>) -> Money {
    minutes.values().filter_map(|minute| minute.cost).map(Scaled::money).sum()
}

#[test]
fn idle_then_busy_then_idle_is_counted_to_the_second_and_to_the_nano_dollar() {
    let mut card = Card::at("3.50");
    card.goes(0, 118 * SECOND, 0).goes(120 * SECOND, 298 * SECOND, 900).goes(300 * SECOND, 600 * SECOND, 0);
    assert_eq!(card.machine.state(), (State::Idle, NOON + 300 * SECOND));
    let minutes = card.end();
    // The two seconds before a look are what the look has said: too few at the one end, too many at the other.
    assert_eq!((sum(&minutes, State::Idle), sum(&minutes, State::Busy)), (420 * SECOND, 180 * SECOND));
    assert_eq!(seen(&minutes), 600 * SECOND);
    let per_minute: Vec<_> = minutes.values().map(|m| (in_state(m, State::Idle) / SECOND, m.idle.unwrap_or_default().money())).collect();
    let nanos = Money::from_nanos;
    let (whole, most, least) = (nanos(58_333_333), nanos(56_388_888), nanos(1_944_444));
    let expected = [(60, whole), (58, most), (0, nanos(0)), (0, nanos(0)), (2, least)];
    assert_eq!(per_minute, expected.into_iter().chain([(60, whole); 5]).collect::<Vec<_>>());
    assert!(minutes.values().all(|minute| minute.seen() == MINUTE && minute.cost.unwrap().money() == whole), "{minutes:?}");
}

#[test]
fn a_pause_is_work_and_a_quiet_minute_was_idle_from_its_beginning() {
    for (quiet, is_idle) in [(0, false), (2, false), (30, false), (58, false), (60, true), (62, true), (90, true), (200, true)] {
        for begin in [2, 20, 58, 60, 62, 118] {
            let (begin, end) = (begin * SECOND, (begin + quiet) * SECOND);
            let mut card = Card::at("3.50");
            card.goes(0, begin - TICK, 900).goes(begin, end, 0);
            assert_eq!(card.machine.state().0, if is_idle { State::Idle } else { State::Busy }, "{quiet} from {begin}");
            card.goes(end + TICK, 480 * SECOND, 900);
            // From the last look that saw work to the last one that saw none.
            let (from, to) = if is_idle { (begin - TICK, end) } else { (0, 0) };
            let minutes = card.end();
            for (number, minute) in &minutes {
                let overlap = (to.min((number + 1) * MINUTE) - from.max(number * MINUTE)).max(0);
                assert_eq!(in_state(minute, State::Idle), overlap, "{quiet} from {begin}: minute {number}");
                assert_eq!(minute.idle.unwrap_or_default().money(), usd("3.50").scale(overlap, HOUR));
            }
            assert_eq!((seen(&minutes), minutes.len()), (480 * SECOND, 8));
        }
    }
}

#[test]
fn a_minute_with_a_pause_is_taken_once_it_is_known_what_the_pause_was() {
    // Idle after all, and work after all.
    for (used, known_at, idle) in [(0, 90, 32), (900, 80, 0)] {
        let mut card = Card::at("3.50");
        card.goes(0, 28 * SECOND, 900).goes(30 * SECOND, 78 * SECOND, 0);
        assert_eq!(card.take(78 * SECOND), [0; 0], "half of it may have been idle");
        for at in (80..known_at).step_by(2) {
            card.see(NOON + at * SECOND, used);
            assert_eq!(card.take(at * SECOND), [0; 0], "at {at}");
        }
        card.see(NOON + known_at * SECOND, used);
        assert_eq!((card.take(known_at * SECOND), card.take(known_at * SECOND)), (vec![0], vec![]), "each is given once");
        assert_eq!((in_state(&card.taken[0].1, State::Idle), card.taken[0].1.seen()), (idle * SECOND, MINUTE));
    }
    let mut card = Card::at("3.50");
    card.goes(0, 28 * SECOND, 900).goes(30 * SECOND, 50 * SECOND, 0);
    let minutes = card.end();
    assert_eq!((sum(&minutes, State::Busy), sum(&minutes, State::Idle)), (50 * SECOND, 0), "the end of watching is no idleness");
}

#[test]
fn a_time_that_nobody_looked_at_is_of_no_state_and_costs_nothing() {
    let counted = [1, 2000, 4000, 6000];
    let unknown = [0, 6001, 10_000, HOUR, 8 * HOUR, -1, -2000, -HOUR];
    for (gap, expected) in counted.map(|gap| (gap, gap)).into_iter().chain(unknown.map(|gap| (gap, 0))) {
        let mut card = Card::at("3.50");
        card.goes(0, 20 * SECOND, 0);
        let after = NOON + 20 * SECOND + gap;
        assert_eq!(card.meter.is_gap(after, TICK), expected == 0, "{gap}");
        card.see(after, 0);
        card.see(after + TICK, 0);
        let minutes = card.end();
        assert_eq!(seen(&minutes), 22 * SECOND + expected, "{gap}");
        let exact = usd("3.50").scale(22 * SECOND + expected, HOUR);
        assert!((0..=2).contains(&(exact - cost(&minutes)).nanos()), "{gap}");
    }
}

#[test]
fn a_pause_whose_end_nobody_saw_was_a_pause() {
    for gap in [10 * SECOND, 8 * HOUR, -HOUR] {
        let mut card = Card::at("3.50");
        card.goes(0, 20 * SECOND, 900).goes(22 * SECOND, 50 * SECOND, 0);
        card.see(NOON + 50 * SECOND + gap, 0);
        let minutes = card.end();
        assert_eq!((sum(&minutes, State::Busy), sum(&minutes, State::Idle)), (50 * SECOND, 0), "{gap}");
    }
}

#[test]
fn every_state_is_counted_for_itself_and_only_some_are_waste() {
    let well = |at| Look { at, health: Some(Health::Well), ..Look::default() };
    let stuck = Some(Serving { is_running: true, has_moved: false, is_live: true });
    let looks: [(State, &dyn Fn(Millis) -> Look); 7] = [
        (State::Busy, &|at| used_at(at, 500)),
        (State::Idle, &|at| used_at(at, 10)),
        (State::Reserved, &|at| Look { is_held: true, ..used_at(at, 10) }),
        (State::Stalled, &|at| Look { serving: stuck, ..used_at(at, 990) }),
        (State::Asleep, &|at| Look { health: Some(Health::Asleep), ..well(at) }),
        (State::Lost, &|at| Look { health: Some(Health::Lost), ..well(at) }),
        (State::Unknown, &|at| Look { health: None, ..well(at) }),
    ];
    for (state, look) in looks {
        let mut card = Card { rules: Rules { stalled: 0, ..Rules::default() }, ..Card::at("3.50") };
        for at in (0..=60 * SECOND).step_by(2000) {
            assert_eq!(card.look(look(NOON + at), Drawn::default()), state);
        }
        let minutes = card.end();
        let known = if state == State::Unknown { 0 } else { MINUTE };
        assert_eq!((sum(&minutes, state), seen(&minutes)), (known, known), "{state:?}");
        let paid = (known > 0).then_some(Money::from_nanos(58_333_333));
        assert_eq!(minutes.values().find_map(|minute| minute.cost).map(Scaled::money), paid, "{state:?}");
        let wasted = paid.filter(|_| [State::Idle, State::Reserved, State::Stalled].contains(&state));
        assert_eq!(minutes.values().find_map(|minute| minute.idle).map(Scaled::money), wasted, "{state:?}");
    }
}

#[test]
fn a_card_without_a_price_has_no_cost_and_no_waste() {
    let mut card = Card::default();
    card.goes(0, 300 * SECOND, 0);
    let minutes = card.end();
    assert_eq!(seen(&minutes), 300 * SECOND);
    assert!(minutes.values().all(|minute| (minute.cost, minute.idle, minute.underuse) == (None, None, None)), "{minutes:?}");
}

#[test]
fn energy_is_counted_by_the_card_or_else_by_what_it_draws() {
    let drawn = |energy, power| Drawn { energy, power };
    let watts = |watts: u64| Some(watts * 1000);
    for (what, looks, expected) in [
        ("its counter", [drawn(Some(5000), None), drawn(Some(205_000), None), drawn(Some(605_000), None)], Some(600_000)),
        ("its counter goes before its power", [drawn(Some(0), watts(9)), drawn(Some(7), watts(9)), drawn(Some(8), watts(9))], Some(8)),
        ("the mean of what it draws", [drawn(None, watts(100)), drawn(None, watts(300)), drawn(None, watts(500))], Some(1_200_000)),
        ("the counter began anew", [drawn(Some(9000), watts(100)), drawn(Some(20), watts(100)), drawn(Some(50), watts(9))], Some(200_030)),
        ("and nothing else is known", [drawn(Some(9000), None), drawn(Some(20), None), drawn(Some(50), None)], Some(30)),
        ("it did not say once", [drawn(Some(10), None), drawn(None, None), drawn(Some(50), None)], None),
        ("nothing is known", [Drawn::default(); 3], None),
    ] {
        // Within a minute, and across the border of two.
        for begin in [10 * SECOND, 58 * SECOND] {
            let mut card = Card::default();
            for (at, drawn) in (begin..).step_by(2000).zip(looks) {
                card.look(used_at(NOON + at, 500), drawn);
            }
            let minutes = card.end();
            let energy = minutes.values().filter_map(|minute| minute.energy).reduce(|a, b| a + b);
            assert_eq!(energy, expected, "{what}, from {begin}");
        }
    }
}

#[test]
fn what_two_counters_say_is_never_subtracted() {
    let at = |seconds: i64, energy, counter| Tick {
        at: NOON + seconds * SECOND,
        state: State::Busy,
        energy: Some(energy),
        counter,
        ..Tick::default()
    };
    let mut meter = Meter::default();
    for tick in [at(0, 10, 0), at(2, 30, 0), at(4, 5_000_000, 1), at(6, 5_000_007, 1), at(8, 40, 2)] {
        meter.tick(tick, TICK);
    }
    assert_eq!(meter.end()[0].1.energy, Some(20 + 7));
}

#[test]
fn a_card_that_tells_nothing_of_itself_does_what_its_instances_do() {
    use State::{Busy, Idle, Reserved, Stalled, Unknown};
    assert_eq!([Busy.with(Idle), Idle.with(Stalled), Idle.with(Reserved), Idle.with(Idle)], [Busy, Stalled, Reserved, Idle]);
    let look = |seconds: i64, parts| Look { at: NOON + seconds * SECOND, health: Some(Health::Well), parts, ..Look::default() };
    for (parts, expected) in [(None, Unknown), (Some(Busy), Busy), (Some(Idle), Idle), (Some(Reserved), Reserved), (Some(Stalled), Stalled)]
    {
        assert_eq!(Machine::default().look(&look(0, parts), &Rules::default()), expected);
    }
    let mut card = Card::at("3.60");
    for seconds in (0..=40).step_by(2) {
        card.look(look(seconds, Some(if seconds <= 20 { Busy } else { Idle })), Drawn::default());
    }
    assert_eq!(card.machine.state().0, Busy, "a pause of its instances is one of its own");
    for seconds in (42..=90).step_by(2) {
        card.look(look(seconds, Some(Idle)), Drawn::default());
    }
    assert_eq!(card.machine.state(), (Idle, NOON + 22 * SECOND));
    assert_eq!(cost(&card.end()), usd("0.09"));
    // What the card says itself goes first.
    assert_eq!(Machine::default().look(&Look { used: Some(900), ..look(0, Some(Idle)) }, &Rules::default()), Busy);
}

#[test]
fn energy_of_an_interval_is_shared_between_its_minutes() {
    let mut card = Card::default();
    for (at, energy) in [(57_500, 0), (59_500, 400), (61_500, 1400)] {
        card.look(used_at(NOON + at, 500), Drawn { energy: Some(energy), power: None });
    }
    let energy: Vec<_> = card.end().values().map(|minute| minute.energy).collect();
    assert_eq!(energy, [Some(650), Some(750)]);
}

#[test]
fn too_little_use_is_told_apart_from_idleness() {
    // Used for a half of the target, for all of it and more, and not at all.
    for (used, underuse, idle) in [(300, 29_166_666, 0), (600, 0, 0), (900, 0, 0), (150, 43_750_000, 0), (0, 58_333_333, 58_333_333)] {
        let mut card = Card::at("3.50");
        card.goes(0, 60 * SECOND, used);
        let minutes = card.end();
        let minute = &minutes[&0];
        let nanos = |money: Option<Scaled>| money.unwrap_or_default().money().nanos();
        assert_eq!((nanos(minute.underuse), nanos(minute.idle), nanos(minute.cost)), (underuse, idle, 58_333_333), "{used}");
        assert_eq!(minute.used, (u64::from(used) * 60_000, 60_000));
    }
    let mut card = Card { rules: Rules { target: 0, ..Rules::default() }, ..Card::at("3.50") };
    card.goes(0, 60 * SECOND, 10);
    assert_eq!(card.end()[&0].underuse, None, "without a target nothing is too little");
    let mut card = Card::at("3.50");
    for at in (0..=60 * SECOND).step_by(2000) {
        card.look(Look { used: None, driver_idle: Some(false), ..used_at(NOON + at, 0) }, Drawn::default());
    }
    let minutes = card.end();
    assert_eq!((sum(&minutes, State::Busy), minutes[&0].underuse, minutes[&0].used), (MINUTE, None, (0, 0)), "unknown is not zero");
}

#[test]
fn a_million_tokens_cost_what_was_paid_while_they_were_made() {
    let mut flow = Flow::default();
    let counts = |generated| Counts { prompt: Some(generated), generated: Some(generated), ..Counts::default() };
    // The price is known from the second interval on.
    for (at, price) in [(0, None), (2, None), (4, Some("3.50")), (6, Some("3.50"))] {
        flow.look(NOON + at * SECOND, counts(2500 * at.unsigned_abs()), true, price.map(usd), TICK);
    }
    let now = flow.now();
    assert_eq!((now.generated, now.millis), (15_000, 6 * SECOND));
    assert_eq!(now.per_million().unwrap().nanos(), 388_888_800, "not less because the first tokens had no price");
    assert_eq!(now.per_million_at_load(), now.per_million());
    assert_eq!(now.per_million_blended().unwrap().nanos(), 194_444_400);
}

/// A step of the clock: as usual, early or late, after a gap, or back.
fn step() -> impl Strategy<Value = Millis> {
    prop_oneof![12 => Just(TICK), 3 => 1..=3 * TICK, 1 => 3 * TICK + 1..=10 * MINUTE, 1 => -5 * MINUTE..=0]
}

fn any_look() -> impl Strategy<Value = Look> {
    let used = prop::option::weighted(0.9, prop_oneof![4 => Just(0), 2 => Just(49), 3 => Just(50), 2 => 0..=1000_u16]);
    let health =
        prop_oneof![20 => Just(Some(Health::Well)), 1 => Just(Some(Health::Asleep)), 1 => Just(Some(Health::Lost)), 1 => Just(None)];
    let serving = prop::option::weighted(0.1, (any::<bool>(), any::<bool>(), any::<bool>()));
    (used, health, any::<bool>(), serving).prop_map(|(used, health, is_held, serving)| Look {
        health,
        used,
        is_held,
        serving: serving.map(|(is_running, has_moved, is_live)| Serving { is_running, has_moved, is_live }),
        ..Look::default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn no_more_time_is_counted_than_has_passed_and_money_follows_from_it(
        looks in prop::collection::vec((step(), any_look(), prop::bool::weighted(0.1)), 1..200),
        nanos in 0..50_000_000_000_i64,
    ) {
        let price = Money::from_nanos(nanos);
        let rules = Rules { stalled: 20 * SECOND, quiet: 20 * SECOND, ..Rules::default() };
        let mut card = Card { price: Some(price), rules, ..Card::default() };
        let (mut now, mut passed, mut known) = (NOON, 0, 0);
        for (number, (step, look, takes)) in looks.into_iter().enumerate() {
            now += step;
            let state = card.look(Look { at: now, ..look }, Drawn::default());
            passed += if number > 0 { step.max(0) } else { 0 };
            known += if number > 0 && (1..=3 * TICK).contains(&step) && state != State::Unknown { step } else { 0 };
            if takes {
                card.take(now - NOON);
            }
        }
        card.taken.extend(card.meter.end());
        let all: Millis = card.taken.iter().map(|(_, minute)| minute.seen()).sum();
        prop_assert!(all <= passed, "{all} of {passed}");
        prop_assert_eq!(all, known);
        for (number, minute) in &card.taken {
            let (cost, idle) = (minute.cost.unwrap_or_default().money(), minute.idle.unwrap_or_default().money());
            let wasted: Millis = [State::Idle, State::Reserved, State::Stalled].map(|state| in_state(minute, state)).iter().sum();
            prop_assert!((price.scale(minute.seen(), HOUR) - cost).nanos().abs() <= 1, "{number}: {minute:?}");
            prop_assert!((price.scale(wasted, HOUR) - idle).nanos().abs() <= 1, "{number}: {minute:?}");
            prop_assert!(idle <= cost, "{number}: {minute:?}");
        }
    }
}
