//! Which agents are ended: those that go on past a cap that is to stop them, and no others.

use std::sync::Arc;

use aifinops::budgets::Standing;
use aifinops::engine::enforcer::{Enforcer, Scene};
use aifinops::model::cap::{Action, Cap, Span};
use aifinops::model::{Millis, Window, Zone};
use aifinops::query::{self, Living};
use aifinops::store::Store;

use super::{cap, standing};
use crate::logs::{Home, answer, append, scan, stamp, uuid};

fn at(n: u64) -> Millis {
    chrono::DateTime::parse_from_rfc3339(&stamp(n)).unwrap().timestamp_millis()
}

struct Desk {
    home: Home,
    data: tempfile::TempDir,
    enforcer: Enforcer,
    calls: u64,
}

impl Desk {
    fn new() -> Desk {
        Desk { home: Home::new(), data: tempfile::tempdir().unwrap(), enforcer: Enforcer::default(), calls: 0 }
    }

    /// A call at second `n`.
    fn call(&mut self, n: u64) {
        self.calls += 1;
        append(&self.home.claude(&uuid(1, 1)), answer(&uuid(1, 1), n, self.calls, 10, Some(self.calls)) + "\n");
    }

    /// How many sessions are to be ended at second `n`.
    fn culprits(&mut self, n: u64, action: Action) -> usize {
        self.ended(n, &[standing(Cap { action, ..cap("1", Span::Day) }, "2")]).len()
    }

    /// The sessions that are to be ended at second `n`.
    fn ended(&mut self, n: u64, standings: &[Standing]) -> Vec<String> {
        let mut ingest = self.home.reader(Store::open(self.data.path()).unwrap().store);
        scan(&mut ingest);
        let living = Living::default();
        let asking = query::Asking { window: Window::ALL, now: at(n), zone: Zone::UTC, living: &living, hour: None };
        let sessions: Vec<_> = query::sessions(&ingest.store, &mut ingest.prices, &asking).unwrap().into_iter().map(Arc::new).collect();
        let scene = Scene { standings, sessions: &sessions, living: &living, now: at(n), who: "me" };
        let culprits = self.enforcer.culprits(&scene);
        culprits.iter().map(|culprit| sessions.iter().find(|session| session.id == culprit.session).unwrap().uid.to_string()).collect()
    }
}

#[test]
fn who_goes_on_past_a_cap_is_ended_after_a_grace() {
    let mut desk = Desk::new();
    desk.call(1000);
    assert_eq!(desk.culprits(1000, Action::Stop), 0, "an agent that asks has its time");
    assert_eq!(desk.culprits(1020, Action::Stop), 0, "it has not gone on");
    desk.call(1025);
    assert_eq!(desk.culprits(1026, Action::Stop), 1);
    assert_eq!(desk.culprits(1026, Action::Block), 0);
}

/// Each has its own grace, and one that has spent more shields nobody.
#[test]
fn of_caps_per_session_each_session_is_looked_at() {
    let mut desk = Desk::new();
    desk.call(1000);
    let other = uuid(1, 2);
    append(&desk.home.claude(&other), answer(&other, 1001, 50, 10, Some(50)) + "\n");
    let stops = |subject: &str, spent| Standing {
        subject: Some(subject.to_owned()),
        ..standing(Cap { action: Action::Stop, ..cap("1", Span::Session) }, spent)
    };
    let standings = [stops(&uuid(1, 1), "9"), stops(&other, "2")];
    assert_eq!(desk.ended(1002, &standings), [] as [String; 0]);
    append(&desk.home.claude(&other), answer(&other, 1010, 51, 10, Some(51)) + "\n");
    assert_eq!(desk.ended(1013, &standings), [other], "the first one is still, and hides no other");
    desk.call(1014);
    assert_eq!(desk.ended(1015, &standings).len(), 2);
}

#[test]
fn a_clock_that_is_set_back_gives_nobody_an_hour() {
    let mut desk = Desk::new();
    desk.call(5000);
    assert_eq!(desk.culprits(5000, Action::Stop), 0);
    // An hour back.
    assert_eq!(desk.culprits(1400, Action::Stop), 0);
    desk.call(1405);
    desk.call(1412);
    let ended = desk.culprits(1413, Action::Stop);
    assert_eq!(ended, 1);
}
