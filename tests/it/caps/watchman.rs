//! What a person hears of: each thing once, with the number, the cap and what to do.

use aifinops::alerts::{AlertKind, Memory as _, Urgency};
use aifinops::engine::lookout::Sight;
use aifinops::engine::rules::Rules;
use aifinops::engine::watchman::{BrokenGuard, Round, Told, Watch, round};
use aifinops::model::cap::{Action, Cap, Span};
use aifinops::model::time::HOUR;
use aifinops::model::{Millis, Money};
use aifinops::store::Store;
use aifinops::store::ledger::{Decision, Kind};

use super::ledger::open;
use super::{cap, usd};
use crate::logs::{Home, MODEL, answer, append, scan, stamp, uuid};

fn now() -> Millis {
    chrono::DateTime::parse_from_rfc3339(&stamp(100)).unwrap().timestamp_millis()
}

struct Desk {
    home: Home,
    data: tempfile::TempDir,
}

impl Desk {
    /// Calls of $0.015 and a little each.
    fn new(calls: u64) -> Desk {
        let home = Home::new();
        let uid = uuid(1, 1);
        for n in 1..=calls {
            append(&home.claude(&uid), answer(&uid, n, n, 1000, None) + "\n");
        }
        Desk { home, data: tempfile::tempdir().unwrap() }
    }

    fn round(&self, caps: Vec<Cap>, session_over: Option<Money>, guards: &[BrokenGuard]) -> Round {
        let mut ingest = self.home.reader(Store::open(self.data.path()).unwrap().store);
        scan(&mut ingest);
        let rules = Rules { caps, ..Rules::default() };
        round(&ingest.store, &open(&self.data), &Watch { rules: &rules, session_over, guards, sight: &Sight::default(), now: now() })
            .unwrap()
    }

    fn told(&self, caps: Vec<Cap>) -> Vec<(AlertKind, String, Urgency)> {
        self.round(caps, None, &[]).alerts.into_iter().map(|a| (a.kind, a.title, a.urgency)).collect()
    }
}

#[test]
fn levels_and_limits_are_told_with_their_numbers() {
    let desk = Desk::new(10);
    assert_eq!(desk.told(vec![cap("1", Span::Day)]), []);
    let one = |caps: Vec<Cap>| desk.told(caps).pop().unwrap();
    assert_eq!(one(vec![cap("0.18", Span::Day)]), (AlertKind::CapLevel, "80% of the daily cap of $0.18".into(), Urgency::Normal));
    assert_eq!(one(vec![cap("0.15", Span::Day)]), (AlertKind::CapHit, "Cap reached: daily cap of $0.15".into(), Urgency::Critical));
    let warns = Cap { action: Action::Warn, ..cap("0.15", Span::Day) };
    assert_eq!(one(vec![warns]), (AlertKind::CapHit, "Limit reached: daily cap of $0.15".into(), Urgency::Normal));
    let body = desk.round(vec![cap("0.15", Span::Day)], None, &[]).alerts.pop().unwrap().body;
    assert!(body.starts_with("$0.15 of $0.15 spent: the daily cap is reached and resets at midnight"), "{body}");
    assert!(body.ends_with("aifinops cap raise 1"), "{body}");
}

#[test]
fn costly_sessions_broken_guards_stopped_loops_and_models_without_a_price_are_told() {
    let desk = Desk::new(10);
    let other = uuid(1, 2);
    append(&desk.home.claude(&other), answer(&other, 50, 50, 9, None).replace(MODEL, "nobody-knows-this") + "\n");
    open(&desk.data)
        .record(&Decision {
            at: now() - 1000,
            kind: Kind::HaltStep,
            cap: "day".into(),
            agent: Some("codex".into()),
            session: Some("0123456789".into()),
            unit: "usd".into(),
            spent: 1,
            amount: 1,
            until: None,
            who: "me".into(),
            why: None,
        })
        .unwrap();
    // Whoever stops an agent by hand knows of it.
    let by_hand = open(&desk.data).decisions(0, 1).unwrap().pop().unwrap();
    open(&desk.data).record(&Decision { kind: Kind::Stop, cap: String::new(), ..by_hand }).unwrap();
    let guards = [BrokenGuard { agent: "codex", why: "its hook is not trusted".into() }];
    let alerts = desk.round(Vec::new(), Some(usd("0.10")), &guards).alerts;
    let told: Vec<(AlertKind, String)> = alerts.into_iter().map(|a| (a.kind, a.title)).collect();
    assert_eq!(
        told,
        [
            (AlertKind::SessionOver, "A session has cost $0.15".into()),
            (AlertKind::LoopStopped, "codex was halted between two steps".into()),
            (AlertKind::Unpriced, "No price is known for nobody-knows-this".into()),
            (AlertKind::GuardBroken, "The guard of codex does not hold".into()),
        ]
    );
    assert_eq!(desk.round(Vec::new(), Some(usd("0.20")), &[]).alerts.len(), 2, "no session is over it");
}

/// One that has spent more, and whose task is over, hides no other one.
#[test]
fn a_cap_per_session_or_task_is_told_of_each() {
    let desk = Desk::new(10);
    for (n, calls) in [(2, 4), (3, 1)] {
        for call in 1..=calls {
            append(&desk.home.claude(&uuid(1, n)), answer(&uuid(1, n), 20 * n + call, 100 * n + call, 1000, None) + "\n");
        }
    }
    for span in [Span::Session, Span::Task] {
        let round = desk.round(vec![cap("3 steps", span)], None, &[]);
        let subjects: Vec<String> = round.standings.iter().filter(|s| s.halts()).filter_map(|s| s.subject.clone()).collect();
        assert_eq!(subjects, [uuid(1, 2), uuid(1, 1)], "{span:?}");
        let keys: Vec<&str> = round.alerts.iter().map(|alert| alert.key.as_str()).collect();
        assert!(round.alerts.iter().all(|alert| alert.kind == AlertKind::CapHit));
        assert!(keys.len() == 2 && keys[0].contains(&uuid(1, 2)) && keys[1].contains(&uuid(1, 1)), "{keys:?}");
    }
}

#[test]
fn what_of_the_spend_is_assumed_is_told_before_the_limit_too() {
    let desk = Desk::new(0);
    append(&desk.home.claude(&uuid(1, 1)), answer(&uuid(1, 1), 50, 50, 1000, None).replace(MODEL, "nobody-knows-this") + "\n");
    let body = desk.round(vec![cap("0.10", Span::Day)], None, &[]).alerts.remove(0).body;
    assert!(body.starts_with("~$0.08 of $0.10 spent, $0.08 of it assumed for 1 call without a known price; it resets"), "{body}");
}

#[test]
fn what_was_told_stays_told_in_every_process_until_its_window_ends() {
    let desk = Desk::new(10);
    let alert = desk.round(vec![cap("0.15", Span::Day)], None, &[]).alerts.pop().unwrap();
    let memory = || Told::open(desk.data.path(), std::time::Duration::from_secs(5), 0).unwrap();
    assert!(memory().first(&alert.key, alert.until, now()));
    assert!(!memory().first(&alert.key, alert.until, now() + HOUR));
    assert!(memory().first(&alert.key, alert.until + 24 * HOUR, alert.until), "tomorrow it is news again");
    // A level that a hook has noticed is still to be told.
    open(&desk.data).first("cap:day:x", alert.until, now()).unwrap();
    assert!(memory().first("cap:day:x", alert.until, now()));
}
