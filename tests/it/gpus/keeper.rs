//! The thread that watches this machine's cards: what its pictures show, what it does while a driver hangs, and what is left
//! on disk once it has ended.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use aifinops::alerts::AlertKind;
use aifinops::engine::gpus::{CardView, Clue, GpuPicture, SourceState};
use aifinops::gpus::{PROBES, Places};
use aifinops::insight::gpu::State;
use aifinops::model::time::{HOUR, MINUTE};
use aifinops::model::{Millis, Money, Window};
use aifinops::store::GpuBook;
use aifinops::store::gpus::{CardRow, CardSums};

use super::fake::{Fake, Machine};
use super::meter::{NOON, usd};
use super::watching::{Agent, Running, Stage, agent, clock, orphan, own_price, passes, process, sets, source};

const GIB: i64 = 1 << 30;
const SECOND: Millis = 1000;
/// No system gives this number to a process.
const FOREIGN: u32 = 4_194_999;

/// The fake's driver, beside the real table of processes.
pub(super) fn places(fake: &Fake) -> Places {
    Places { proc: "/proc".into(), ..fake.places() }
}

/// A machine with one card that does nothing, at $3.50 an hour.
fn idle() -> Option<Fake> {
    let mut fake = Fake::new()?;
    fake.says(&[("gpu0.util", 0), ("gpu0.compute", 0)]).set("gpu0.name", "NVIDIA H200").set("gpu0.uuid", "GPU-AA");
    Some(fake)
}

/// All that was seen of it today, which has to be what it cost.
fn seen(card: &CardView) -> Millis {
    let seen = card.today.states.iter().sum();
    let off = (card.price.as_ref().unwrap().per_hour.scale(seen, HOUR) - card.today.cost.unwrap_or_default()).nanos();
    assert!((0..=seen / MINUTE + 2).contains(&off), "{off} nano-dollars off: {card:#?}");
    seen
}

fn cost(picture: &GpuPicture) -> Money {
    picture.cards.first().and_then(|card| card.today.cost).unwrap_or_default()
}

fn names(dir: &Path) -> Vec<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_machine_without_any_gpu_is_told_why_and_nothing_is_written() {
    let machine = Machine::new();
    let places = Places { nvml: Some(machine.path().join("none.so")), ..machine.places() };
    let stage = Stage::at(places, clock::<0>);
    let watching = stage.start();
    let picture = watching.until("all have answered", |picture| {
        picture.sources.len() == PROBES.len() && picture.sources.iter().all(|source| source.state != SourceState::Waiting)
    });
    let known: BTreeSet<&str> = PROBES.iter().map(|known| known.name).collect();
    assert_eq!(picture.sources.iter().map(|source| source.name.as_str()).collect::<BTreeSet<_>>(), known);
    for source in &picture.sources {
        assert_eq!((source.state, source.sees, source.seen_at), (SourceState::Absent, (0, 0), None), "{source:?}");
        assert!(source.why.as_ref().is_some_and(|why| why.len() > 10), "{source:?}");
    }
    assert!(picture.is_empty() && picture.processes.is_empty() && picture.alerts.is_empty() && picture.notices.is_empty());
    drop(watching);
    assert_eq!(names(stage.dir()), Vec::<String>::new());
}

#[test]
fn cards_are_shown_with_what_they_do_and_what_that_costs() {
    let Some(mut fake) = Fake::new() else { return };
    let Agent { agent, child: trains } = agent("wrapper", fake.machine.path(), &[]);
    let holds = orphan(fake.machine.path(), &[]);
    fake.says(&[("count", 4), ("gpu0.util", 97), ("gpu0.mem.total", 141 * GIB), ("gpu0.mem.used", 112 * GIB), ("gpu0.compute", 1)]);
    fake.says(&[("gpu0.power", 500_000), ("gpu1.util", 0), ("gpu1.reasons", 1), ("gpu1.compute", 0)]);
    fake.says(&[("gpu2.util", 0), ("gpu2.power", 100_000), ("gpu2.compute", 1), ("gpu3.util", 0), ("gpu3.compute", 0)]);
    fake.set("gpu0.compute0.pid", trains.0).set("gpu2.compute0.pid", holds.0).set("gpu2.compute0.mem", 8 * GIB);
    for (number, name) in ["NVIDIA H200", "NVIDIA H100 80GB HBM3", "NVIDIA GeForce RTX 4090", "NVIDIA A10"].iter().enumerate() {
        fake.set(&format!("gpu{number}.name"), name);
    }
    let stage = Stage::at(places(&fake), clock::<1>);
    stage.edit(|settings| settings.setup.kwh = Some(usd("0.36")));
    stage.knows(vec![Clue { agent: "codex".to_owned(), session: "s1".to_owned(), pid: Some(agent.0), is_live: true, ..Clue::default() }]);
    let begun = clock::<1>();
    let watching = stage.start();
    let first = watching.until("all cards have been seen for a while", |picture| {
        picture.cards.len() == 4 && picture.cards.iter().all(|card| card.today.states.iter().sum::<Millis>() > 0)
    });
    let [h200, h100, rtx, a10] = &first.cards[..] else { panic!("{first:#?}") };
    let states = [h200, h100, rtx, a10].map(|card| (card.reading.index, card.state, card.source.as_str(), card.is_stale));
    let expected = [State::Busy, State::Idle, State::Reserved, State::Idle];
    assert_eq!(states, [0, 1, 2, 3].map(|index| (Some(index), expected[index as usize], "nvml", false)));
    let prices = [h200, h100, rtx, a10].map(|card| card.price.as_ref().map(|price| price.per_hour));
    assert_eq!(prices, [Some(usd("3.50")), Some(usd("2.95")), None, None]);
    assert_eq!((first.per_hour(), first.count(State::Idle)), ((Some(usd("6.45")), 2), 2));
    // Of a rented card the price is all. One that nobody rents costs what it draws, where that has a price; a third one's
    // cost is not known.
    assert_eq!((h200.today.idle_cost, h100.today.idle_cost), (Some(Money::ZERO), h100.today.cost));
    let (drawn, known) = (rtx.today.cost.unwrap(), usd("0.036").scale(rtx.today.states[2], HOUR));
    assert!((0..=3).contains(&(known - drawn).nanos()) && rtx.today.idle_cost == Some(drawn), "{drawn:?} of {known:?}");
    assert!(h200.energy_cost > Some(Money::ZERO) && h100.energy_cost.is_none() && rtx.energy_cost == Some(drawn));
    assert_eq!((a10.today.cost, a10.today.unpriced), (None, a10.today.states[1]));

    let view = process(&first, trains.0);
    assert_eq!((view.card.as_str(), view.is_visible, view.parents[0].0), (h200.reading.id.as_str(), true, agent.0));
    assert!(view.command.contains("sleep 600") && view.user.is_some() && view.owner.as_ref().unwrap().session == "s1", "{view:#?}");
    let age = first.at - view.started_at.unwrap();
    assert!((-SECOND..60 * SECOND).contains(&age), "{age}");
    assert_eq!(process(&first, holds.0).process.memory, Some(8 << 30));
    assert_eq!(h200.owner.as_deref(), Some("codex A"));

    let later = watching.next();
    for (before, now) in first.cards.iter().zip(&later.cards).take(2) {
        let passed = later.at - first.at;
        assert_eq!(seen(now) - seen(before), passed, "what has passed is counted, all of it and no more");
        assert!(seen(now) <= later.at - begun);
    }
    assert_eq!(source(&later, "nvml").sees, (4, 0));
    drop(watching);
    // The next one goes on from there.
    let again = stage.start().with(&[trains.0]);
    assert!((h100.since - MINUTE..=h100.since).contains(&again.cards[1].since), "idle since {}", again.cards[1].since);
    let burnt = process(&again, trains.0).burnt.unwrap();
    assert!(burnt > Money::ZERO && burnt <= again.cards[0].today.cost.unwrap(), "{burnt:?} of {:?}", again.cards[0].today);
}

#[test]
fn a_number_of_another_namespace_is_not_visible_and_nobody_s_zombie() {
    let Some(mut fake) = idle() else { return };
    fake.set("gpu0.compute", 1).set("gpu0.compute0.pid", FOREIGN).set("gpu0.compute0.mem", GIB);
    let stage = Stage::at(places(&fake), clock::<2>);
    stage.edit(|settings| (settings.setup.zombie, settings.setup.ttl) = (Some(0), Some(0)));
    stage.knows(vec![Clue { agent: "codex".to_owned(), session: "s1".to_owned(), pid: Some(FOREIGN), ..Clue::default() }]);
    let picture = stage.start().with(&[FOREIGN]);
    let view = process(&picture, FOREIGN);
    assert_eq!((view.is_visible, &view.owner, view.is_zombie, view.started_at), (false, &None, false, None));
    assert_eq!(picture.cards[0].owner.as_deref(), Some("pid 4194999, not visible here"));
    assert_eq!(picture.cards[0].state, State::Reserved, "somebody holds it, whoever that is");
    assert!(picture.alerts.iter().all(|alert| ![AlertKind::GpuZombie, AlertKind::GpuTtl].contains(&alert.kind)), "{:?}", picture.alerts);
}

#[test]
fn a_key_in_a_command_is_neither_shown_nor_told() {
    let Some(mut fake) = idle() else { return };
    let command = ["sh", "-c", "sleep 600; :", "serve", "--api-key", "nobody-has-this", "-H", "Authorization: Bearer nor-this"];
    let holds = Running::start(fake.machine.path(), &[], &command);
    fake.set("gpu0.compute", 1).set("gpu0.compute0.pid", holds.0).set("gpu0.compute0.mem", GIB);
    let stage = Stage::at(places(&fake), clock::<16>);
    stage.edit(|settings| (settings.setup.ttl, settings.setup.reserved) = (Some(0), Some(0)));
    let watching = stage.start();
    let told = [AlertKind::GpuTtl, AlertKind::GpuReserved];
    let picture = watching.until("both are told", |picture| told.iter().all(|kind| picture.alerts.iter().any(|alert| alert.kind == *kind)));
    let shown = "serve --api-key *** -H Authorization: ***";
    assert!(process(&picture, holds.0).command.ends_with(shown), "{:?}", process(&picture, holds.0));
    for alert in picture.alerts.iter().filter(|alert| told.contains(&alert.kind)) {
        assert!(alert.body.contains(shown), "{alert:?}");
    }
    let all = format!("{picture:?}");
    assert!(!all.contains("nobody-has-this") && !all.contains("nor-this"));
}

#[test]
fn pictures_go_on_while_a_driver_hangs_and_what_it_has_said_grows_stale() {
    let Some(mut fake) = idle() else { return };
    let stage = Stage::at(places(&fake), clock::<3>);
    let (watching, other) = (stage.start(), stage.start());
    for watching in [&watching, &other] {
        watching.until("the card is seen", |picture| !picture.cards.is_empty());
    }
    let calls = |fake: &Fake| fake.calls_of("nvmlDeviceGetUtilizationRates");
    let before = calls(&fake);
    fake.set("delay", 3_600_000);
    let (asked, mut last) = (Instant::now(), Instant::now());
    while calls(&fake) < before + 2 {
        assert!(asked.elapsed() < Duration::from_secs(30), "both ask the driver again");
        watching.next();
        assert!(last.elapsed() < Duration::from_secs(5), "a picture every two seconds, whatever a driver does");
        last = Instant::now();
    }
    passes::<3>(21 * SECOND);
    let hung = watching.until("the source is stale", |picture| source(picture, "nvml").state == SourceState::Stale);
    assert_eq!(source(&hung, "nvml").why.as_deref(), Some("it has not answered since: the driver or the host hangs"));
    assert_eq!((hung.cards[0].is_stale, hung.cards[0].state), (true, State::Unknown));
    assert!(seen(&hung.cards[0]) < 15 * SECOND, "what nobody sees costs nothing: {:?}", hung.cards[0].today);
    let end = Instant::now();
    drop(other);
    assert!(end.elapsed() < Duration::from_secs(2), "the end waits for no driver");
    fake.set("delay", 0);
    let well = watching.until("it answers again", |picture| source(picture, "nvml").state == SourceState::Well);
    assert_eq!((well.cards[0].is_stale, well.cards[0].state), (false, State::Idle));
}

#[test]
fn settings_that_are_edited_are_taken_up() {
    let Some(fake) = idle() else { return };
    let stage = Stage::at(places(&fake), clock::<4>);
    stage.edit(|settings| settings.setup.watch = false);
    let watching = stage.start();
    let off = watching.until("it says that nothing is watched", |picture| picture.is_off);
    assert_eq!((&off.sources, off.is_empty(), fake.calls()), (&Vec::new(), true, 0), "nobody is asked");
    stage.edit(|settings| {
        settings.setup.watch = true;
        settings.tariff.own.push(own_price("GPU-AA", "2"));
    });
    let on = watching.until("it is watched, and has cost something", |picture| cost(picture) > Money::ZERO);
    assert_eq!((on.is_off, on.cards[0].price.as_ref().unwrap().per_hour), (false, usd("2")));
    stage.edit(|settings| settings.setup.watch = false);
    let off = watching.until("nothing is watched", |picture| picture.is_off);
    assert_eq!((&off.sources, off.is_empty()), (&Vec::new(), true));
    let (book, _) = GpuBook::open(stage.dir(), Duration::from_secs(5)).unwrap();
    let (written, _) = book.spent(Window { from: NOON - HOUR, to: NOON + HOUR }).unwrap().unwrap_or_default();
    assert!(written >= cost(&on), "what was seen before is kept: {written:?} of {:?}", cost(&on));
}

#[test]
fn two_keepers_of_one_directory_double_nothing_and_the_end_writes_what_is_open() {
    let Some(mut fake) = idle() else { return };
    fake.set("gpu0.util", 97);
    // Their minute ends amid the test.
    sets::<5>(NOON + 55_000);
    let (stage, begun) = (Stage::at(places(&fake), clock::<5>), clock::<5>());
    // To the one the card makes a pause, whose minute is not complete yet. To the other, which looks between the looks of the
    // first one, it is idle.
    let first = stage.start();
    let seen_at = first.until("the card is busy", |picture| picture.cards.first().is_some_and(|card| card.state == State::Busy)).at;
    fake.set("gpu0.util", 0);
    while clock::<5>() < seen_at + SECOND {
        std::thread::sleep(Duration::from_millis(10));
    }
    let second = stage.start();
    let picture = second.until("its minute is over", |picture| picture.at >= NOON + MINUTE && cost(picture) > Money::ZERO);
    let by_second = seen(&picture.cards[0]);
    assert!((1..=picture.at - begun).contains(&by_second), "{by_second} of {}", picture.at - begun);
    let picture = first.until("it has heard of that", |picture| picture.at >= NOON + MINUTE && cost(picture) > Money::ZERO);
    assert_eq!(picture.cards[0].state, State::Busy);
    assert!(cost(&picture) <= usd("3.50").scale(picture.at - begun, HOUR), "{:?}", picture.cards[0].today);
    drop((first, second));

    let passed = clock::<5>() - begun;
    let (book, _) = GpuBook::open(stage.dir(), Duration::from_secs(5)).unwrap();
    assert_eq!(book.cards().unwrap().iter().map(|card| card.uid.as_str()).collect::<Vec<_>>(), ["aa"]);
    let sums = |from, to| book.sums(Window { from: NOON + from, to: NOON + to }).unwrap().remove(0);
    let (all, minute, open) = (sums(0, HOUR), sums(0, MINUTE), sums(MINUTE, HOUR));
    let time = |sums: &CardSums| sums.states.iter().sum::<Millis>();
    assert!((1..=5000).contains(&time(&minute)) && time(&open) > 0 && time(&all) <= passed, "{minute:?} {open:?} in {passed}");
    assert_eq!(minute.states[1], 0, "the first one has seen more of it, and knows it as a pause");
    let exact = usd("3.50").scale(time(&all), HOUR);
    assert!((0..=3).contains(&(exact - all.cost.unwrap()).nanos()), "{all:?}");
    let third = stage.start().until("it knows of today", |picture| cost(picture) > Money::ZERO);
    assert!(cost(&third) >= all.cost.unwrap(), "{:?} after {:?}", cost(&third), all.cost);
}

#[test]
fn a_book_that_was_exchanged_is_left_for_the_one_that_stands_there_now() {
    let Some(mut fake) = idle() else { return };
    fake.set("gpu0.util", 97);
    sets::<9>(NOON + 56_000);
    let stage = Stage::at(places(&fake), clock::<9>);
    let watching = stage.start();
    watching.until("a minute is written", |picture| picture.at >= NOON + MINUTE && cost(picture) > Money::ZERO);
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(stage.dir().join(format!("gpus.db{suffix}")));
    }
    // Where it has the number that another card had in the old one.
    let (book, _) = GpuBook::open(stage.dir(), Duration::from_secs(5)).unwrap();
    let other = CardRow {
        id: 0,
        host: String::new(),
        uid: "other".into(),
        name: "other".into(),
        vendor: "nvidia".into(),
        parent: None,
        seen_at: NOON,
    };
    let other = book.note_card(&other).unwrap();
    sets::<9>(NOON + 3 * MINUTE - 4000);
    let written = |_: &GpuPicture| {
        let sums = book.sums(Window { from: NOON, to: NOON + HOUR }).unwrap();
        assert!(sums.iter().all(|sums| sums.card != other), "{sums:?}");
        sums.iter().any(|sums| sums.states[0] > 0)
    };
    watching.until("the next one is, in the new book", written);
    assert_eq!(book.cards().unwrap().len(), 2);
}

#[test]
fn a_clock_that_is_set_and_a_machine_that_slept_are_no_idleness() {
    let Some(fake) = idle() else { return };
    let stage = Stage::at(places(&fake), clock::<6>);
    let begun = Instant::now();
    let watching = stage.start();
    watching.until("the card is idle", |picture| picture.cards.first().is_some_and(|card| card.state == State::Idle));
    // Just after a picture, so that the driver is looked at before the next one: the look is a fresh one.
    let before = watching.next();
    passes::<6>(-2 * MINUTE);
    let back = watching.until("the clock is back", |picture| picture.at < before.at);
    assert!(back.cards[0].history.iter().all(Option::is_some), "there is no minute that nobody looked at: {:?}", back.cards[0].history);
    assert!(back.cards[0].since <= back.at, "it is idle since then, and not since what is to come");
    passes::<6>(8 * HOUR);
    let jumped = clock::<6>();
    let slept = watching.until("the machine is awake", |picture| picture.at >= jumped);
    let awake = if slept.cards[0].is_stale { watching.until("the card is seen", |picture| !picture.cards[0].is_stale) } else { slept };
    assert_eq!(awake.cards[0].state, State::Idle);
    assert!(awake.cards[0].since >= jumped, "idle since it was seen to be: {} before", jumped - awake.cards[0].since);
    assert_eq!(awake.alerts, [], "nothing is told of hours that nobody looked at");
    let real = Millis::try_from(begun.elapsed().as_millis()).unwrap();
    assert!(seen(&awake.cards[0]) <= real, "{:?} in {real}", awake.cards[0].today);
}
