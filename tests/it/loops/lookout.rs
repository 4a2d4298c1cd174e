//! What is unusual: told with the number and what it is compared with, once, and not where it is muted.

use std::collections::HashMap;

use aifinops::alerts::{Alert, AlertKind, Memory as _};
use aifinops::engine::lookout::{Sight, View, look};
use aifinops::engine::rules::Rules;
use aifinops::engine::watchman::{SNOOZE, Told, Watch, round};
use aifinops::insight::spread::Spread;
use aifinops::model::lookout::{Lookout, Mute};
use aifinops::model::{Money, Zone};
use aifinops::pricing::Class;
use aifinops::query::baseline::{Baseline, Present, baseline, present};
use aifinops::query::loops::{Short, running};
use aifinops::store::{Ledger, Store};

use super::{at, task};
use crate::logs::{Home, answer, append, prompt, scan, uuid};

/// Twenty-five tasks of up to 25 steps that are over, and one that runs, with so many steps.
fn home(steps: u64) -> Home {
    let home = Home::new();
    for n in 1..=25 {
        task(&home, &uuid(1, n), n * 1000, n);
    }
    let session = uuid(1, 99);
    let log = home.claude(&session);
    append(&log, prompt(&session, 90_000) + "\n");
    for n in 1..=steps {
        // The last word of a line decides whether the agent is still at it.
        let line = answer(&session, 90_000 + n, 90_000 + n, 10, Some(90_000 + n)).replace("end_turn", "tool_use");
        append(&log, line.replace("\"true\"", &format!("\"step {n}\"")) + "\n");
    }
    home
}

fn alerts(home: &Home, limits: &Lookout) -> Vec<(AlertKind, String)> {
    let mut ingest = home.reader(Store::open(&home.data()).unwrap().store);
    scan(&mut ingest);
    let (living, now) = (HashMap::new(), at(90_040));
    let usual = baseline(&ingest.store, &living, now, Zone::UTC).unwrap();
    let running = running(&ingest.store, &living, now).unwrap();
    assert_eq!(running.len(), 1);
    let view = View { limits, baseline: &usual, present: Present::default(), running: &running, drifts: &[], class: &|_| None, now };
    look(&view).alerts.into_iter().map(|alert| (alert.kind, format!("{}. {}", alert.title, alert.body))).collect()
}

#[test]
fn a_running_task_over_its_own_p99_is_told_from_its_first_step_over_it() {
    assert_eq!(alerts(&home(25), &Lookout::default()), []);
    let told = alerts(&home(26), &Lookout::default());
    assert_eq!(told.len(), 1, "{told:?}");
    let (kind, text) = &told[0];
    assert_eq!(*kind, AlertKind::LoopLong);
    assert!(text.starts_with("A loop has run 26 steps in app. claude-code: your p99 of claude-code in app is 25 steps"), "{text}");
    assert!(text.contains("half of them take 13") && text.contains("It has cost $"), "{text}");
    let off = Lookout { loop_p99: false, ..Lookout::default() };
    assert_eq!(alerts(&home(26), &off), []);
    let fixed = Lookout { loop_steps: Some(10), ..off };
    assert!(alerts(&home(11), &fixed)[0].1.contains("the limit is 10 steps"));
    assert_eq!(alerts(&home(10), &fixed), []);
}

#[test]
fn the_same_call_again_and_again_is_told() {
    let home = home(1);
    let session = uuid(1, 99);
    let same = |n: u64| answer(&session, 90_010 + n, 90_010 + n, 10, Some(90_010 + n)).replace("end_turn", "tool_use") + "\n";
    for n in 1..=4 {
        append(&home.claude(&session), same(n));
    }
    assert_eq!(alerts(&home, &Lookout::default()), []);
    append(&home.claude(&session), same(5));
    let told = alerts(&home, &Lookout::default());
    assert_eq!(told.iter().map(|(kind, _)| *kind).collect::<Vec<_>>(), [AlertKind::SameCall]);
    assert!(
        told[0].1.starts_with("claude-code calls Bash again and again. 5 times with the same arguments in one task in app"),
        "{told:?}"
    );
    let muted = Lookout { mute: vec![Mute::parse("same_call@ap*").unwrap()], ..Lookout::default() };
    assert_eq!(alerts(&home, &muted), []);
}

fn dollars(amount: i64) -> i64 {
    amount * 1_000_000_000
}

/// What is seen of an hour that costs so much, where it usually costs 10 dollars.
fn hour(cost: i64) -> Sight {
    let hours: Spread = [9, 10, 11, 10, 10].map(dollars).into_iter().collect();
    let usual = Baseline { hours, ..Baseline::default() };
    let present = Present { hour: Money::from_nanos(dollars(cost)), ..Present::default() };
    look(&View { limits: &Lookout::default(), baseline: &usual, present, running: &[], drifts: &[], class: &|_| None, now: at(0) })
}

#[test]
fn an_hour_far_above_what_it_usually_costs_is_told_and_is_over_only_clearly_below() {
    assert!(hour(20).alerts.is_empty() && hour(20).over.is_empty(), "on the threshold it is neither");
    let alert = hour(21).alerts.pop().unwrap();
    assert_eq!((alert.kind, alert.title.as_str()), (AlertKind::BurnRate, "$21.00 in the last hour"));
    assert!(alert.body.starts_with("This hour of the day usually costs $10.00 (the median of 5 days); above $20.00"), "{}", alert.body);
    assert!(hour(17).over.is_empty());
    assert_eq!(hour(15).over, ["burn_rate"]);
}

#[test]
fn what_is_over_may_be_told_again_and_what_is_snoozed_is_not_told() {
    let data = tempfile::tempdir().unwrap();
    let store = Store::open(data.path()).unwrap().store;
    let rules = Rules::default();
    let look = |sight: &Sight| {
        let ledger = Ledger::open(data.path(), std::time::Duration::from_secs(1)).unwrap().0;
        round(&store, &ledger, &Watch { rules: &rules, session_over: None, guards: &[], sight, now: at(0) }).unwrap().alerts
    };
    let told = Told::open(data.path(), std::time::Duration::from_secs(1), 0).unwrap();
    let alert = look(&hour(30)).pop().unwrap();
    assert!(told.first(&alert.key, alert.until, at(0)));
    // It goes up and down around the threshold.
    for cost in [18, 30, 17, 25] {
        assert!(look(&hour(cost)).iter().all(|alert| !told.first(&alert.key, alert.until, at(0))), "{cost}");
    }
    look(&hour(5));
    assert!(told.first(&alert.key, alert.until, at(0)), "it has ended and come back");
    let ledger = Ledger::open(data.path(), std::time::Duration::from_secs(1)).unwrap().0;
    ledger.hold(&format!("{SNOOZE}burn_rate"), at(100), at(0)).unwrap();
    assert!(look(&hour(30)).is_empty());
    ledger.forget(&format!("{SNOOZE}burn_rate")).unwrap();
    assert_eq!(look(&hour(30)).len(), 1);
}

#[test]
fn larger_prompts_and_dearer_tasks_are_told_against_what_they_were() {
    use aifinops::query::baseline::TaskCost;

    let week = |tasks, cost| TaskCost { tasks, total: Money::from_nanos(dollars(cost)) };
    let usual = Baseline { prompts: [50_000; 5].into_iter().collect(), weeks: (week(20, 40), week(20, 20)), ..Baseline::default() };
    let seen = |prompt, usual: &Baseline| {
        let present = Present { prompt: Some(prompt), ..Present::default() };
        let view = View { limits: &Lookout::default(), baseline: usual, present, running: &[], drifts: &[], class: &|_| None, now: at(0) };
        look(&view).alerts.into_iter().map(|alert| alert.title).collect::<Vec<_>>()
    };
    assert_eq!(seen(75_000, &usual), ["Prompts are 50% larger than usual", "A task costs $2.00 now"]);
    assert_eq!(seen(74_000, &usual), ["A task costs $2.00 now"]);
    // Few tasks say nothing.
    assert!(seen(1, &Baseline { weeks: (week(19, 40), week(20, 20)), ..usual }).is_empty());
}

#[test]
fn a_gateway_that_drifts_from_the_logs_is_told_from_a_threshold_on() {
    use aifinops::engine::gateways::Drift;
    const USD: i64 = 1_000_000_000;

    let usual = Baseline::default();
    let told = |apart: i64, base: i64, limits: &Lookout| {
        let drifts = [Drift { gateway: "team".to_owned(), day: 20_000, apart: Money::from_nanos(apart), base: Money::from_nanos(base) }];
        let view =
            View { limits, baseline: &usual, present: Present::default(), running: &[], drifts: &drifts, class: &|_| None, now: at(0) };
        look(&view).alerts
    };
    let limits = Lookout::default();
    let alerts = told(2 * USD, 40 * USD, &limits);
    assert_eq!(alerts.len(), 1, "five per cent, and more than a dollar");
    assert_eq!((alerts[0].kind, alerts[0].key.as_str()), (AlertKind::GatewayDrift, "gateway_drift:team:20000"), "told once a day");
    assert_eq!(alerts[0].title, "The gateway team and the logs differ by $2.00");
    assert!(alerts[0].body.starts_with("Of $40.00 today"), "{}", alerts[0].body);
    assert!(told(2 * USD, 40 * USD + 1, &limits).is_empty(), "a hair below the threshold");
    assert!(told(USD - 1, USD, &limits).is_empty(), "less than a dollar is nothing to worry about");
    assert!(told(2 * USD, 40 * USD, &Lookout { drift: None, ..limits }).is_empty(), "off is off");
}

/// What is seen of so many short tasks of two models, one of which is made for more.
fn short_tasks(limits: &Lookout, tasks: &[(&str, &str, usize)]) -> Vec<Alert> {
    let one = |model: &str, cwd: &str| Short { model: model.into(), cwd: Some(cwd.into()) };
    let short = tasks.iter().flat_map(|(model, cwd, n)| std::iter::repeat_n(one(model, cwd), *n)).collect();
    let present = Present { short, ..Present::default() };
    let class = |model: &str| Some(if model == "opus" { Class::Flagship } else { Class::Small });
    look(&View { limits, baseline: &Baseline::default(), present, running: &[], drifts: &[], class: &class, now: at(0) }).alerts
}

#[test]
fn a_flagship_that_does_many_short_tasks_is_told_once_a_day() {
    let limits = Lookout::default();
    assert_eq!(short_tasks(&limits, &[("opus", "/home/me/api", 9), ("haiku", "/home/me/api", 40)]), []);
    let told = short_tasks(&limits, &[("opus", "/home/me/api", 6), ("opus", "/home/me/web", 4), ("haiku", "/home/me/api", 40)]);
    assert_eq!(
        told.iter().map(|alert| (alert.kind, &*alert.title)).collect::<Vec<_>>(),
        [(AlertKind::Flagship, "opus did 10 short tasks today")]
    );
    assert_eq!(told[0].key, "flagship:1970-01-01");
    assert!(told[0].body.contains("from 10 on it is told") && told[0].body.contains("aifinops waste --what-if MODEL"), "{}", told[0].body);
    let muted = Lookout { mute: vec![Mute::parse("flagship@web").unwrap()], ..Lookout::default() };
    assert_eq!(short_tasks(&muted, &[("opus", "/home/me/api", 6), ("opus", "/home/me/web", 4)]), []);
    let off = Lookout { flagship: None, ..Lookout::default() };
    assert_eq!(short_tasks(&off, &[("opus", "/home/me/api", 99)]), []);
}

#[test]
fn a_task_is_short_with_one_call_no_tool_and_a_short_answer_once_it_is_over() {
    let home = Home::new();
    let told = |n: u64| {
        let session = uuid(1, n);
        let log = home.claude(&session);
        append(&log, prompt(&session, n * 1000) + "\n");
        (session, log)
    };
    let (session, log) = told(1);
    append(&log, answer(&session, 1001, 1001, 500, None) + "\n");
    let (session, log) = told(2);
    append(&log, answer(&session, 2001, 2001, 501, None) + "\n");
    let (session, log) = told(3);
    append(&log, answer(&session, 3001, 3001, 10, Some(3001)) + "\n");
    let (session, log) = told(4);
    append(&log, answer(&session, 4001, 4001, 10, None) + "\n" + &answer(&session, 4002, 4002, 10, None) + "\n");
    let (session, log) = told(5);
    append(&log, answer(&session, 5001, 5001, 10, None).replace("end_turn", "tool_use") + "\n");
    let mut ingest = home.reader(Store::open(&home.data()).unwrap().store);
    scan(&mut ingest);
    let short = |now| present(&ingest.store, &HashMap::new(), now, Zone::UTC).unwrap().short.len();
    assert_eq!(short(at(5002)), 1, "the last one still runs");
    assert_eq!(short(at(5002) + 4 * 60 * 60 * 1000), 2, "whoever says nothing for hours has ended");
    assert_eq!(short(at(5002) + 48 * 60 * 60 * 1000), 0, "not today's");
}
