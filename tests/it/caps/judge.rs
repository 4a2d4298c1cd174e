//! Judging for a hook: the tail of the conversation counts before anybody has read it, and only what is covered stops.

use std::path::PathBuf;

use aifinops::budgets::{Assumed, Raise};
use aifinops::engine::judge::{Judgement, Moment, Question, judge};
use aifinops::engine::rules::Rules;
use aifinops::model::cap::{Amount, Cap, Scope, Span};
use aifinops::model::time::{HOUR, SLOT};
use aifinops::model::{Millis, Window, Zone};
use aifinops::query::caps::{Asking, Focus, standings};
use aifinops::store::Store;
use aifinops::store::ledger::{Decision, Kind};
use aifinops::store::pending::{Pending, announce};
use chrono::Weekday;
use proptest::prelude::*;

use super::cap;
use super::ledger::open;
use crate::logs::{Home, answer, append, prompt, scan, stamp, uuid};

const AGENT: &str = "claude-code";

fn rules(caps: Vec<Cap>) -> Rules {
    Rules { caps, ..Rules::default() }
}

/// The moment after line `n`.
fn after(n: u64) -> Millis {
    chrono::DateTime::parse_from_rfc3339(&stamp(n)).unwrap().timestamp_millis() + 1
}

struct Desk {
    home: Home,
    data: tempfile::TempDir,
    uid: String,
    lines: u64,
}

impl Desk {
    fn new() -> Desk {
        let home = Home::new();
        let uid = uuid(1, 1);
        append(&home.claude(&uid), prompt(&uid, 0) + "\n");
        Desk { home, data: tempfile::tempdir().unwrap(), uid, lines: 0 }
    }

    /// The agent makes calls: each has 3 tokens in, some from the cache, and 1,000 out.
    fn calls(&mut self, n: u64) {
        for _ in 0..n {
            self.lines += 1;
            append(&self.home.claude(&self.uid), answer(&self.uid, self.lines, self.lines, 1000, Some(self.lines)) + "\n");
        }
    }

    fn question(&self, moment: Moment) -> Question {
        Question {
            agent: AGENT,
            session: Some(self.uid.clone()),
            transcript: Some(self.home.claude(&self.uid)),
            cwd: Some(PathBuf::from("/code/app")),
            moment,
            tool_use: None,
        }
    }

    fn ask(&self, caps: Vec<Cap>, moment: Moment) -> Judgement {
        let store = Store::open(self.data.path()).unwrap().store;
        let mut ingest = self.home.reader(store);
        judge(&mut ingest, self.data.path(), &rules(caps), &self.question(moment), after(self.lines), "me", &|| ()).unwrap()
    }

    /// The person makes room for so many steps.
    fn raise(&self, amount: i64) {
        let now = after(self.lines);
        let raise = Decision {
            at: now,
            kind: Kind::Raise,
            cap: "day".into(),
            agent: None,
            session: None,
            unit: "steps".into(),
            spent: 10,
            amount,
            until: Some(now + HOUR),
            who: "me".into(),
            why: None,
        };
        open(&self.data).record(&raise).unwrap();
    }

    fn decisions(&self) -> Vec<Decision> {
        open(&self.data).decisions(0, 100).unwrap()
    }
}

fn steps(n: u64, span: Span) -> Cap {
    cap(&format!("{n} steps"), span)
}

#[test]
fn what_the_agent_has_just_done_counts_although_nobody_has_read_it() {
    let mut desk = Desk::new();
    desk.calls(4);
    assert_eq!(desk.ask(vec![steps(5, Span::Day)], Moment::Step).halt, None);
    desk.calls(1);
    let halt = desk.ask(vec![steps(5, Span::Day)], Moment::Step).halt.unwrap();
    assert_eq!(halt.spent().count, 5);
    // And it counts once, however often it is asked.
    assert_eq!(desk.ask(vec![steps(6, Span::Day)], Moment::Step).halt, None);
    assert_eq!(desk.ask(vec![steps(6, Span::Day)], Moment::Prompt).halt, None);
}

#[test]
fn every_span_and_unit_stops_at_its_limit() {
    let mut desk = Desk::new();
    desk.calls(10); // $0.015 and a little for the prompts each: claude-sonnet-4-5 writes at $15 per million
    for span in Span::ALL {
        let moment = Moment::Step;
        assert!(desk.ask(vec![steps(10, *span)], moment).halt.is_some(), "{span}");
        assert!(desk.ask(vec![steps(11, *span)], moment).halt.is_none(), "{span}");
        assert!(desk.ask(vec![cap("0.15", *span)], moment).halt.is_some(), "{span}");
        assert!(desk.ask(vec![cap("0.16", *span)], moment).halt.is_none(), "{span}");
        assert!(desk.ask(vec![cap("11k tokens", *span)], moment).halt.is_some(), "{span}");
        assert!(desk.ask(vec![cap("12k tokens", *span)], moment).halt.is_none(), "{span}");
    }
}

/// Of which model a call was that failed stands in no log: a cap for one model counts them all.
#[test]
fn retries_of_a_task_are_counted_for_a_model_too() {
    let mut desk = Desk::new();
    desk.calls(1);
    for _ in 0..3 {
        desk.lines += 1;
        let call = answer(&desk.uid, desk.lines, desk.lines, 1, None);
        let (head, tail) = (call.split(r#""message":"#).next().unwrap(), &call[call.rfind(r#","uuid""#).unwrap()..]);
        let retry = r#""type":"system","subtype":"api_error","level":"error","error":{"status":529},"retryInMs":500,"retryAttempt":1,"maxRetries":10"#;
        append(&desk.home.claude(&desk.uid), format!("{head}{retry}{tail}\n"));
    }
    for model in [None, Some("claude-*"), Some("*")] {
        let capped = |limit: &str| Cap { scope: Scope { model: model.map(str::to_owned), ..Scope::default() }, ..cap(limit, Span::Task) };
        assert!(desk.ask(vec![capped("3 retries")], Moment::Step).halt.is_some(), "{model:?}");
        assert!(desk.ask(vec![capped("4 retries")], Moment::Step).halt.is_none(), "{model:?}");
    }
}

#[test]
fn a_new_prompt_is_a_new_task() {
    let mut desk = Desk::new();
    desk.calls(10);
    assert!(desk.ask(vec![steps(10, Span::Task)], Moment::Step).halt.is_some());
    assert!(desk.ask(vec![steps(10, Span::Task)], Moment::Prompt).halt.is_none());
    assert!(desk.ask(vec![steps(10, Span::Session)], Moment::Prompt).halt.is_some());
    desk.lines += 1;
    append(&desk.home.claude(&desk.uid), prompt(&desk.uid, desk.lines) + "\n");
    desk.calls(3);
    assert!(desk.ask(vec![steps(10, Span::Task)], Moment::Step).halt.is_none(), "three steps");
    desk.calls(7);
    assert!(desk.ask(vec![steps(10, Span::Task)], Moment::Step).halt.is_some());
}

#[test]
fn a_cap_per_task_for_a_model_counts_that_model_only() {
    let mut desk = Desk::new();
    desk.calls(3);
    desk.lines += 1;
    let other = answer(&desk.uid, desk.lines, desk.lines, 1000, None).replace(crate::logs::MODEL, "claude-haiku-4-5");
    append(&desk.home.claude(&desk.uid), other + "\n");
    let of = |model: &str, n: u64| Cap { scope: Scope { model: Some(model.into()), ..Scope::default() }, ..steps(n, Span::Task) };
    assert!(desk.ask(vec![of("haiku", 1)], Moment::Step).halt.is_some());
    assert!(desk.ask(vec![of("haiku", 2)], Moment::Step).halt.is_none());
}

#[test]
fn only_a_cap_that_covers_the_session_stops_it() {
    let mut desk = Desk::new();
    desk.calls(10);
    let narrowed = |scope: Scope| vec![Cap { scope, ..steps(1, Span::Day) }];
    let part = |text: &str| Some(text.to_owned());
    for (scope, stops) in [
        (Scope { agent: part("codex"), ..Scope::default() }, false),
        (Scope { agent: part(AGENT), ..Scope::default() }, true),
        (Scope { project: part("ap?"), ..Scope::default() }, true),
        (Scope { project: part("web"), ..Scope::default() }, false),
        (Scope { model: part("sonnet"), ..Scope::default() }, true),
        (Scope { model: part("opus"), ..Scope::default() }, false),
    ] {
        assert_eq!(desk.ask(narrowed(scope.clone()), Moment::Step).halt.is_some(), stops, "{scope}");
    }
    // A new session in the same directory, whose log has not begun.
    let mut question = desk.question(Moment::Prompt);
    question.session = Some(uuid(1, 2));
    question.transcript = Some(desk.home.claude(&uuid(1, 2)));
    let mut ingest = desk.home.reader(Store::open(desk.data.path()).unwrap().store);
    let mut judged =
        |caps: Vec<Cap>| judge(&mut ingest, desk.data.path(), &rules(caps), &question, after(desk.lines), "me", &|| ()).unwrap().halt;
    assert!(judged(vec![steps(10, Span::Day)]).is_some(), "a daily cap holds for every session");
    assert!(judged(vec![steps(10, Span::Session)]).is_none(), "it has spent nothing itself");
    assert!(judged(narrowed(Scope { project: part("app"), ..Scope::default() })).is_some());
    assert!(judged(narrowed(Scope { project: part("web"), ..Scope::default() })).is_none());
}

#[test]
fn subagents_spend_for_the_session_that_started_them() {
    let mut desk = Desk::new();
    desk.calls(2);
    let log = desk.home.claude(&desk.uid).with_extension("").join("subagents/agent-a1.jsonl");
    for n in 100..110 {
        let line = answer(&desk.uid, n, n, 10, None).replace("\"isSidechain\":false", "\"isSidechain\":true,\"agentId\":\"a1\"");
        append(&log, line + "\n");
    }
    desk.lines = 110;
    assert_eq!(desk.ask(vec![steps(12, Span::Session)], Moment::Step).halt.map(|s| s.spent().count), Some(12));
    assert_eq!(desk.ask(vec![steps(12, Span::Task)], Moment::Step).halt.map(|s| s.spent().count), Some(12));
    assert!(desk.ask(vec![steps(13, Span::Day)], Moment::Step).halt.is_none());
}

#[test]
fn each_level_is_told_once_in_its_window_and_written_down() {
    let mut desk = Desk::new();
    desk.calls(4);
    let caps = || vec![steps(10, Span::Day)];
    assert_eq!(desk.ask(caps(), Moment::Step).reached, []);
    desk.calls(1);
    assert_eq!(desk.ask(caps(), Moment::Step).reached[0].level(), Some(50));
    assert_eq!(desk.ask(caps(), Moment::Step).reached, []);
    desk.calls(5);
    assert_eq!(desk.ask(caps(), Moment::Step).reached[0].level(), Some(100));
    let told: Vec<_> = desk.decisions().into_iter().rev().map(|d| (d.kind, d.why, d.spent)).collect();
    assert_eq!(told, [(Kind::Level, Some("50%".into()), 5), (Kind::Level, Some("100%".into()), 10), (Kind::HaltStep, None, 10),]);
}

#[test]
fn after_a_raise_the_session_goes_on() {
    let mut desk = Desk::new();
    desk.calls(10);
    let caps = || vec![steps(10, Span::Day)];
    assert!(desk.ask(caps(), Moment::Prompt).halt.is_some());
    desk.raise(5);
    assert!(desk.ask(caps(), Moment::Prompt).halt.is_none());
    desk.calls(5);
    assert_eq!(desk.ask(caps(), Moment::Step).halt.unwrap().allowed().count, 15);
}

#[test]
fn a_raise_is_no_reason_to_tell_of_lower_levels_again() {
    let mut desk = Desk::new();
    desk.calls(10);
    let caps = || vec![steps(10, Span::Day)];
    assert_eq!(desk.ask(caps(), Moment::Step).reached[0].level(), Some(100));
    desk.raise(10);
    assert_eq!(desk.ask(caps(), Moment::Step).reached, []);
    desk.calls(10);
    assert_eq!(desk.ask(caps(), Moment::Step).reached[0].level(), Some(100), "the new limit is news");
}

#[test]
fn where_another_process_writes_the_answer_is_the_same_and_nothing_is_left_behind() {
    let mut desk = Desk::new();
    desk.calls(3);
    // The other one has read three calls; two more come that it has not looked at yet.
    let mut other = desk.home.reader(Store::open(desk.data.path()).unwrap().store);
    scan(&mut other);
    assert!(other.store.is_writer());
    desk.calls(2);
    let halt = desk.ask(vec![steps(5, Span::Day)], Moment::Step).halt.unwrap();
    assert_eq!(halt.spent().count, 5);
    assert_eq!(other.store.total(Window::ALL).unwrap().calls, 3, "what was counted for the answer is forgotten");
    scan(&mut other);
    assert_eq!(other.store.total(Window::ALL).unwrap().calls, 5);
}

#[test]
fn a_locked_store_is_an_error_in_time_and_not_an_answer() {
    let mut desk = Desk::new();
    desk.calls(3);
    drop(Store::open(desk.data.path()).unwrap());
    let other = rusqlite_lock(&desk.data);
    let begun = std::time::Instant::now();
    let store = Store::open_quickly(desk.data.path(), std::time::Duration::from_millis(20));
    let judged = store.and_then(|store| {
        let mut ingest = desk.home.reader(store);
        judge(&mut ingest, desk.data.path(), &rules(vec![steps(1, Span::Day)]), &desk.question(Moment::Step), after(3), "me", &|| ())
    });
    assert!(judged.unwrap_err().is_busy());
    assert!(begun.elapsed() < std::time::Duration::from_secs(1));
    drop(other);
}

/// Another process in the middle of a long write.
fn rusqlite_lock(data: &tempfile::TempDir) -> Store {
    let store = Store::open(data.path()).unwrap().store;
    store.begin(&mut aifinops::store::Memory::default()).unwrap();
    store
}

#[test]
fn what_is_too_much_to_read_while_an_agent_waits_is_left_to_others() {
    let mut desk = Desk::new();
    desk.calls(2);
    let line = answer(&desk.uid, 3, 3, 10, None).replace("漢字", &"x".repeat(1 << 20));
    for _ in 0..9 {
        append(&desk.home.claude(&desk.uid), line.clone() + "\n");
    }
    let judged = desk.ask(vec![steps(1, Span::Day)], Moment::Step);
    assert!(judged.behind && judged.halt.is_none());
    let mut ingest = desk.home.reader(Store::open(desk.data.path()).unwrap().store);
    scan(&mut ingest);
    drop(ingest);
    let judged = desk.ask(vec![steps(1, Span::Day)], Moment::Step);
    assert!(!judged.behind && judged.halt.is_some());
}

#[test]
fn what_other_conversations_spend_after_their_last_question_is_read_by_somebody() {
    let mut desk = Desk::new();
    desk.calls(2);
    let caps = || vec![steps(100, Span::Day)];
    assert!(desk.ask(caps(), Moment::Prompt).behind, "nobody else reads the logs");
    assert!(!desk.ask(caps(), Moment::Step).behind, "once per prompt is enough");
    let other = Store::open(desk.data.path()).unwrap().store;
    assert!(other.is_writer());
    assert!(!desk.ask(caps(), Moment::Prompt).behind, "somebody reads them already");
}

#[test]
fn what_a_proxy_has_let_through_counts_before_a_log_shows_it_and_once() {
    let mut desk = Desk::new();
    desk.calls(3);
    let proxied = |agent: &str, session: Option<&str>| Pending {
        run: "r".into(),
        pid: 1,
        at: after(desk.lines),
        ended_at: None,
        agent: agent.into(),
        session: session.map(str::to_owned),
        cwd: None,
        model: None,
        money: aifinops::model::Money::ZERO,
        unpriced: false,
        tokens: 0,
    };
    let mut ledger = open(&desk.data);
    let proxy = announce(desk.data.path()).unwrap();
    // What may be a call of the session itself is in its own log.
    for (agent, session, spent) in [("codex", None, 4), (AGENT, Some("another"), 5), (AGENT, None, 5), (AGENT, Some(desk.uid.as_str()), 5)]
    {
        ledger.reserve(&proxied(agent, session), |_| true, |_| Ok::<(), ()>(())).unwrap().unwrap();
        assert!(desk.ask(vec![steps(spent, Span::Day)], Moment::Step).halt.is_some(), "{agent} {session:?}");
        assert!(desk.ask(vec![steps(spent + 1, Span::Day)], Moment::Step).halt.is_none(), "{agent} {session:?}");
    }
    assert!(desk.ask(vec![steps(4, Span::Session)], Moment::Step).halt.is_none(), "others do not spend for this session");
    // A proxy that has died leaves its calls behind, which the logs show by now.
    drop(proxy);
    assert!(desk.ask(vec![steps(4, Span::Day)], Moment::Step).halt.is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Days that are over are added up once; the sum is that of the calls, whatever was asked in between.
    #[test]
    fn a_month_is_the_sum_of_its_calls(
        days in prop::collection::vec((0_u64..40, 1_u64..6), 1..25),
        asks in prop::collection::vec(0_u64..40, 1..6),
        zone in prop::sample::select(vec![Zone::UTC, Zone::named("Asia/Kathmandu").unwrap(), Zone::named("America/New_York").unwrap()]),
    ) {
        const DAY: u64 = 86_400;
        let home = Home::new();
        let mut ingest = home.reader(Store::in_memory().unwrap());
        let caps = [steps(1_000_000, Span::Month), steps(1_000_000, Span::Week), Cap { name: "app".into(), scope: Scope { project: Some("app".into()), ..Scope::default() }, ..steps(9, Span::Month) }];
        let mut calls: Vec<Millis> = Vec::new();
        let mut key = 0;
        let mut asks = asks.into_iter().cycle();
        for (i, (day, n)) in days.into_iter().enumerate() {
            let uid = uuid(1, u64::try_from(i).unwrap());
            for k in 0..n {
                key += 1;
                let n = day * DAY + k * 997 + key % 13;
                calls.push(after(n) - 1);
                append(&home.claude(&uid), answer(&uid, n, key, 5, None) + "\n");
            }
            scan(&mut ingest);
            let now = after(asks.next().unwrap() * DAY + 40_000);
            let asking = Asking { caps: &caps, raises: &[] as &[Raise], beyond: &aifinops::query::caps::Beyond::default(), assumed: Assumed::default(), week_start: Weekday::Mon, now, zone };
            let focus = Focus { session: None, uid: None, agent: AGENT.into(), cwd: None, model: None };
            for standing in standings(&ingest.store, &asking, Some(&focus)).unwrap() {
                // The grain of the sums is a quarter of an hour, and so are all borders of windows.
                let Window { from, to } = standing.window;
                prop_assert_eq!(from.rem_euclid(SLOT), 0);
                let expected = calls.iter().filter(|at| (from..to).contains(*at)).count();
                prop_assert_eq!(standing.spend.steps, u64::try_from(expected).unwrap(), "{} at {}", standing.cap.name, now);
            }
        }
    }
}

#[test]
fn a_model_without_a_price_counts_at_the_assumed_one_and_says_so() {
    let mut desk = Desk::new();
    desk.lines = 1;
    let line = answer(&desk.uid, 1, 1, 1000, None).replace(crate::logs::MODEL, "nobody-knows-this");
    append(&desk.home.claude(&desk.uid), line + "\n");
    // 104 tokens in at $15, 1,000 out at $75 per million.
    let exact = Amount::parse("0.07656").unwrap();
    let halt = desk.ask(vec![Cap { limit: exact, ..cap("1", Span::Day) }], Moment::Step).halt.unwrap();
    assert_eq!((halt.spent(), halt.spend.unpriced_calls), (exact, 1));
    let more = Amount { count: exact.count + 1, ..exact };
    assert_eq!(desk.ask(vec![Cap { limit: more, ..cap("1", Span::Day) }], Moment::Step).halt, None);
}
