//! The teller: each alert once, whoever tells it, and nobody waits for it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use aifinops::alerts::{Alert, AlertKind, InMemory, Urgency, Way, WayError};

use super::{Clock, Ear, NOON, alert, heard_by, teller};

const PATIENCE: Duration = Duration::from_secs(10);

#[test]
fn an_alert_is_told_once_however_often_it_is_noticed() {
    let (ear, clock) = (Ear::default(), Clock::at(NOON));
    let teller = heard_by(&ear, None, &clock);
    for _ in 0..3 {
        teller.tell(alert("cap:daily:2026-11-25:80", NOON));
        teller.tell(alert("cap:daily:2026-11-25:100", NOON));
        assert!(teller.flush(PATIENCE));
    }
    assert_eq!(ear.titles(), ["title of cap:daily:2026-11-25:80", "title of cap:daily:2026-11-25:100"]);
    assert_eq!(teller.take_news(), Vec::<String>::new());
}

#[test]
fn when_its_window_is_over_it_may_be_told_again() {
    let (ear, clock) = (Ear::default(), Clock::at(NOON));
    let teller = heard_by(&ear, None, &clock);
    teller.tell(alert("k", NOON));
    assert!(teller.flush(PATIENCE));
    clock.set(NOON + 24 * 3_600_000);
    teller.tell(alert("k", NOON + 24 * 3_600_000));
    assert!(teller.flush(PATIENCE));
    assert_eq!(ear.titles().len(), 2);
}

#[test]
fn two_tellers_with_one_memory_tell_each_alert_once_between_them() {
    let (ear, clock, memory) = (Ear::default(), Clock::at(NOON), Arc::new(InMemory::default()));
    let tellers: Vec<_> = (0..4).map(|_| teller(vec![Box::new(ear.clone())], Box::new(Arc::clone(&memory)), None, &clock)).collect();
    for n in 0..20 {
        for teller in &tellers {
            teller.tell(alert(&format!("k{n}"), NOON));
        }
    }
    assert!(tellers.iter().all(|teller| teller.flush(PATIENCE)));
    let mut titles = ear.titles();
    titles.sort();
    titles.dedup();
    assert_eq!((titles.len(), ear.titles().len()), (20, 20));
}

#[test]
fn without_a_way_nothing_counts_as_told() {
    let (ear, clock, memory) = (Ear::default(), Clock::at(NOON), Arc::new(InMemory::default()));
    let mute = teller(Vec::new(), Box::new(Arc::clone(&memory)), None, &clock);
    mute.tell(alert("k", NOON));
    assert!(mute.flush(PATIENCE));
    let other = teller(vec![Box::new(ear.clone())], Box::new(memory), None, &clock);
    other.tell(alert("k", NOON));
    assert!(other.flush(PATIENCE));
    assert_eq!(ear.titles().len(), 1);
}

#[test]
fn a_failure_is_said_once_and_what_waits_is_told_later() {
    let (ear, clock) = (Ear::default(), Clock::at(NOON));
    let good = Ear::default();
    let ways: Vec<Box<dyn Way>> = vec![Box::new(ear.clone()), Box::new(good.clone())];
    let teller = teller(ways, Box::new(InMemory::default()), None, &clock);
    ear.broken.store(true, Ordering::SeqCst);
    for n in 0..3 {
        teller.tell(alert(&format!("k{n}"), NOON));
        assert!(teller.flush(PATIENCE));
        clock.set(NOON + n * 200_000);
    }
    assert_eq!(teller.take_news(), ["ear notifications: the screen takes no more"]);
    assert_eq!((ear.titles().len(), good.titles().len()), (0, 3), "one way's trouble is not another's");
    ear.broken.store(false, Ordering::SeqCst);
    clock.set(NOON + 3_600_000);
    teller.tell(alert("k3", NOON));
    assert!(teller.flush(PATIENCE));
    assert_eq!(ear.titles(), ["title of k0", "title of k1", "title of k2", "title of k3"]);
    assert_eq!(teller.take_news(), Vec::<String>::new());
}

/// A way that never comes back.
struct Hole;

impl Way for Hole {
    fn name(&self) -> &'static str {
        "hole"
    }

    fn tell(&self, _: &Alert) -> Result<(), WayError> {
        std::thread::sleep(Duration::from_hours(1));
        Ok(())
    }
}

#[test]
fn a_way_that_hangs_holds_up_nobody_and_the_room_is_bounded() {
    let begin = Instant::now();
    let clock = Clock::at(NOON);
    let teller = teller(vec![Box::new(Hole)], Box::new(InMemory::default()), None, &clock);
    for n in 0..10_000 {
        teller.tell(alert(&format!("k{n}"), NOON));
    }
    assert!(!teller.flush(Duration::from_millis(50)));
    drop(teller);
    assert!(begin.elapsed() < Duration::from_secs(3), "{:?}", begin.elapsed());
}

#[test]
fn what_there_is_no_room_for_is_counted() {
    let (ear, clock) = (Ear::default(), Clock::at(NOON));
    let teller = heard_by(&ear, None, &clock);
    ear.broken.store(true, Ordering::SeqCst);
    for n in 0..100 {
        teller.tell(alert(&format!("k{n}"), NOON));
        assert!(teller.flush(PATIENCE));
    }
    let news = teller.take_news();
    assert_eq!(news.first().map(String::as_str), Some("ear notifications: the screen takes no more"));
    assert!(news.len() > 1 && news.iter().skip(1).all(|line| line.contains("not told")), "{news:?}");
    ear.broken.store(false, Ordering::SeqCst);
    clock.set(NOON + 3_600_000);
    teller.tell(alert("last", NOON));
    assert!(teller.flush(PATIENCE));
    let titles = ear.titles();
    assert_eq!((titles.len(), titles.last().map(String::as_str)), (64, Some("title of last")), "the newest are kept");
}

#[test]
fn quiet_hours_hold_everything_back_and_sum_it_up_once() {
    const DAY: i64 = 24 * 3_600_000;
    let midnight = NOON + DAY / 2;
    let (ear, clock, memory) = (Ear::default(), Clock::at(midnight), Arc::new(InMemory::default()));
    let tellers: Vec<_> =
        (0..2).map(|_| teller(vec![Box::new(ear.clone())], Box::new(Arc::clone(&memory)), Some("22:00-07:00"), &clock)).collect();
    for n in 0..9 {
        for teller in &tellers {
            let mut alert = alert(&format!("k{n}"), midnight);
            // The window ends in the quiet hours.
            alert.until = midnight + 1000;
            alert.urgency = if n == 8 { Urgency::Critical } else { Urgency::Low };
            teller.tell(alert);
            assert!(teller.flush(PATIENCE));
        }
    }
    assert_eq!(ear.titles(), Vec::<String>::new());
    clock.set(midnight + 7 * 3_600_000);
    // Each of them looks at the clock at the latest when it is told something; these have been told already.
    for teller in &tellers {
        teller.tell(alert("k0", midnight));
    }
    assert!(tellers.iter().all(|teller| teller.flush(PATIENCE)));
    let heard = ear.heard.lock().unwrap().clone();
    assert!(!heard.is_empty());
    let sums: Vec<_> = heard.iter().filter(|alert| alert.kind == AlertKind::HeldBack).collect();
    let held: usize = sums.iter().map(|sum| sum.title.split(' ').next().unwrap().parse::<usize>().unwrap()).sum();
    let alone = heard.len() - sums.len();
    assert_eq!(held + alone, 9, "{heard:?}");
    if let [sum] = sums.as_slice() {
        assert_eq!(sum.title, format!("{held} alerts during quiet hours"));
        // As urgent as the most urgent of them, unless that one was the only one left for the other teller.
        let is_alone = heard.iter().any(|alert| alert.kind != AlertKind::HeldBack && alert.urgency == Urgency::Critical);
        assert_eq!(sum.urgency == Urgency::Critical, !is_alone, "{heard:?}");
        assert!(sum.body.lines().count() <= 7, "{}", sum.body);
    }
}

#[test]
fn a_process_that_ends_in_quiet_hours_leaves_its_alerts_to_others() {
    let (ear, clock, memory) = (Ear::default(), Clock::at(NOON), Arc::new(InMemory::default()));
    let first = teller(vec![Box::new(ear.clone())], Box::new(Arc::clone(&memory)), Some("11:00-13:00"), &clock);
    first.tell(alert("k", NOON));
    assert!(first.flush(PATIENCE));
    drop(first);
    clock.set(NOON + 3_600_000);
    let second = teller(vec![Box::new(ear.clone())], Box::new(memory), Some("11:00-13:00"), &clock);
    second.tell(alert("k", NOON));
    assert!(second.flush(PATIENCE));
    assert_eq!(ear.titles(), ["title of k"]);
}

/// A way that never works.
struct Dead;

impl Way for Dead {
    fn name(&self) -> &'static str {
        "dead"
    }

    fn tell(&self, _: &Alert) -> Result<(), WayError> {
        Err(WayError::System(std::io::Error::other("nobody there")))
    }
}

#[test]
fn what_a_process_could_not_tell_before_its_end_another_one_tells() {
    let (ear, clock, memory) = (Ear::default(), Clock::at(NOON), Arc::new(InMemory::default()));
    let mute = teller(vec![Box::new(Dead)], Box::new(Arc::clone(&memory)), None, &clock);
    mute.tell(alert("k", NOON));
    let (_, news) = mute.end(PATIENCE);
    assert!(news.len() == 1 && news[0].contains("nobody there"), "{news:?}");
    let half = teller(vec![Box::new(Dead), Box::new(ear.clone())], Box::new(Arc::clone(&memory)), None, &clock);
    half.tell(alert("k", NOON));
    let _ = half.end(PATIENCE);
    assert_eq!(ear.titles(), ["title of k"]);
    let other = teller(vec![Box::new(ear.clone())], Box::new(memory), None, &clock);
    other.tell(alert("k", NOON));
    assert!(other.flush(PATIENCE));
    assert_eq!(ear.titles().len(), 1, "one way was enough");
}
