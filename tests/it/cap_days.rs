//! The last days of caps: what stood against the limit at the end of each.

use aifinops::budgets::Assumed;
use aifinops::model::Zone;
use aifinops::model::cap::{Amount, Cap, Scope, Span, Unit};
use aifinops::query::caps::{Asking, Beyond, DAYS, days, standings};
use aifinops::store::Store;
use chrono::Weekday;

use crate::logs::{Home, answer, append, scan, stamp, uuid};

fn zurich() -> Zone {
    Zone::named("Europe/Zurich").unwrap()
}

fn at(text: &str) -> i64 {
    chrono::DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis()
}

/// At noon in Zurich of the 18th of November.
fn asked<'a>(caps: &'a [Cap], beyond: &'a Beyond, zone: Zone) -> Asking<'a> {
    let now = at("2026-11-18T12:00:00+01:00");
    Asking { caps, raises: &[], beyond, assumed: Assumed::default(), week_start: Weekday::Mon, now, zone }
}

#[test]
fn days_are_the_viewers_and_spans_begin_anew() {
    let home = Home::new();
    // In Zurich: a Friday, a Sunday evening, a Monday a moment after midnight, a Tuesday (twice), and today.
    let times = [
        "2026-11-13T10:00:00Z",
        "2026-11-15T22:30:00Z",
        "2026-11-15T23:15:00Z",
        "2026-11-17T10:00:00Z",
        "2026-11-17T20:00:00Z",
        "2026-11-18T09:00:00Z",
    ];
    for (i, time) in (1..).zip(times) {
        append(&home.claude(&uuid(1, 0)), answer(&uuid(1, 0), i, i, 5, None).replace(&stamp(i), time) + "\n");
    }
    let mut ingest = home.reader(Store::open(&home.data()).unwrap().store);
    scan(&mut ingest);
    let steps = |name: &str, span| Cap::new(name, Amount { unit: Unit::Steps, count: 10 }, span);
    let other = Cap { scope: Scope { agent: Some("codex".to_owned()), ..Scope::default() }, ..steps("other", Span::Day) };
    let caps = [steps("day", Span::Day), steps("week", Span::Week), steps("month", Span::Month), steps("task", Span::Task), other];
    let beyond = Beyond::default();
    let asking = asked(&caps, &beyond, zurich());
    let found = days(&ingest.store, &asking).unwrap();
    let last = |name: &str| {
        let days = found.iter().find(|days| days.cap == name).unwrap();
        assert_eq!(days.spent.len(), DAYS - 1, "without today");
        days.spent[days.spent.len() - 6..].to_vec()
    };
    // Thursday the 12th to Tuesday the 17th.
    assert_eq!(last("day"), [0, 1, 0, 1, 1, 2]);
    assert_eq!(last("week"), [0, 1, 1, 2, 1, 3]);
    assert_eq!(last("month"), [0, 1, 1, 2, 3, 5]);
    assert_eq!(last("other"), [0; 6]);
    assert!(!found.iter().any(|days| days.cap == "task"), "a task has no days");
}

/// In which directory a session is at work may come to be known when its days are over: what was remembered of them was without that, and
/// who is at work nobody knows where counts for every project.
#[test]
fn a_cap_of_a_project_follows_what_comes_to_be_known_of_days_that_are_over() {
    let home = Home::new();
    let uid = uuid(1, 0);
    let call = |n: u64, day: &str| answer(&uid, n, n, 5, None).replace(&stamp(n), &format!("{day}T10:00:00Z")) + "\n";
    append(&home.claude(&uid), call(1, "2026-11-10").replace("\"cwd\":\"/code/app\",", ""));
    let mut ingest = home.reader(Store::open(&home.data()).unwrap().store);
    scan(&mut ingest);
    let caps = ["/code/app", "/code/web"].map(|project| Cap {
        scope: Scope { project: Some(project.to_owned()), ..Scope::default() },
        ..Cap::new(project, Amount { unit: Unit::Steps, count: 10 }, Span::Month)
    });
    let beyond = Beyond::default();
    let asking = asked(&caps, &beyond, Zone::UTC);
    let steps = |store: &Store| standings(store, &asking, None).unwrap().iter().map(|standing| standing.spend.steps).collect::<Vec<_>>();
    assert_eq!((steps(&ingest.store), steps(&ingest.store)), (vec![1, 1], vec![1, 1]));
    append(&home.claude(&uid), call(2, "2026-11-18"));
    scan(&mut ingest);
    assert_eq!(steps(&ingest.store), [2, 0]);
}
