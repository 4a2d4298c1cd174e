//! The picture that a running engine keeps: every part of it says the same, whatever it was read from and when.

#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::sync::Arc;
use std::thread::sleep;
use std::time::{Duration, Instant};

use aifinops::engine::rules::Rules;
use aifinops::engine::{Engine, Setup, Snapshot, Span as Shown, caps};
use aifinops::model::cap::{Amount, Cap, Span};
use aifinops::model::{Millis, Money, Zone};
use aifinops::store::Store;

use crate::logs::{Home, answer, append, prompt, stamp, uuid};

/// A Monday in March, some minutes after eight in the morning of UTC.
fn clock() -> Millis {
    chrono::DateTime::parse_from_rfc3339(&stamp(100)).unwrap().timestamp_millis()
}

/// An engine that has yet to read everything, and so many caps per day.
fn start(home: &Home, caps: usize, zone: Zone) -> Engine {
    let caps = (0..caps).map(|n| Cap::new(&format!("day-{n}"), Amount::money(Money::from_nanos(100_000_000_000)), Span::Day)).collect();
    let rules = Arc::new(Rules { caps, zone, ..Rules::default() });
    Engine::start(Setup {
        ingest: home.reader(Store::in_memory().unwrap()),
        zone,
        span: Shown::Today,
        notices: Vec::new(),
        caps: caps::Setup { rules, dir: home.data(), who: "somebody".to_owned() },
        real: false,
        watched: Vec::new(),
        clock,
    })
}

/// The first picture that is as it should be once everything has been read.
fn when(engine: &Engine, is_so: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
    let end = Instant::now() + Duration::from_mins(1);
    loop {
        let picture = engine.snapshots.borrow().clone();
        if picture.progress.is_none() && is_so(&picture) {
            return picture;
        }
        assert!(Instant::now() < end, "{:?}", picture.notices);
        sleep(Duration::from_millis(1));
    }
}

#[test]
fn when_all_logs_have_been_read_caps_stand_where_the_spend_does() {
    let home = Home::new();
    let uid = uuid(1, 1);
    append(&home.claude(&uid), answer(&uid, 1, 1, 1000, None) + "\n");
    // Enough caps for the look at the empty store to take longer than reading a line: the rest after it is many times as long.
    let engine = start(&home, 200, Zone::UTC);
    let picture = when(&engine, |picture| !picture.today.is_zero());
    let spent = picture.today.cost().known;
    assert_ne!(spent, Money::ZERO);
    assert_eq!(picture.caps.standings.len(), 200);
    assert!(picture.caps.standings.iter().all(|standing| standing.spend.known == spent), "{:?}", picture.caps.standings.first());
}

/// Days of UTC are what is counted by, and yesterday of somebody in Zurich ends in the middle of one.
#[test]
fn yesterday_is_shown_as_soon_as_it_has_been_read_wherever_one_lives() {
    for zone in ["Europe/Zurich", "America/New_York", "UTC"] {
        let home = Home::new();
        let uid = uuid(1, 1);
        append(&home.claude(&uid), answer(&uid, 1, 1, 1000, None).replace(&stamp(1), "2026-03-01T18:00:00.000Z") + "\n");
        let engine = start(&home, 1, Zone::named(zone).unwrap());
        let yesterday = |picture: &Snapshot| picture.caps.days.first().and_then(|days| days.spent.last().copied()).unwrap_or(0);
        when(&engine, |picture| yesterday(picture) > 0);
    }
}

/// A fork begins with its original's whole history; until the original's log is there, all of that is the fork's.
#[test]
fn what_turns_out_to_be_anothers_is_shown_once() {
    let home = Home::new();
    let (original, fork) = (uuid(1, 1), uuid(1, 2));
    let lines = prompt(&original, 1) + "\n" + &answer(&original, 2, 2, 1000, None) + "\n";
    let from = format!(r#""isSidechain":false,"forkedFrom":{{"sessionId":"{original}"}},"#);
    let copy = lines.replace(&original, &fork).replace(r#""isSidechain":false,"#, &from);
    append(&home.claude(&fork), copy);
    let engine = start(&home, 0, Zone::UTC);
    let before = when(&engine, |picture| picture.sessions.len() == 1);
    assert_eq!(&*before.sessions[0].uid, fork.as_str());
    append(&home.claude(&original), lines);
    let after = when(&engine, |picture| picture.sessions.iter().any(|session| *session.uid == *original));
    assert_eq!(after.sessions.len(), 1, "{:?}", after.sessions.iter().map(|session| &session.uid).collect::<Vec<_>>());
    assert_eq!((after.total.cost(), after.today.cost()), (before.total.cost(), before.today.cost()));
}
