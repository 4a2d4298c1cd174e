//! The proxy's gate over the store: a call is counted once, whoever shows it, and nobody gets past a cap by asking at the
//! same time as somebody else.

use aifinops::engine::gate::caps::{CapGate, Setup};
use aifinops::engine::gate::{Ask, Gate, RunLimit, Ticket};
use aifinops::engine::rules::Rules;
use aifinops::model::cap::{Cap, OnFailure, Scope, Span};
use aifinops::model::{Beside, Millis, Money, Speed, Tier, Tokens, Window};
use aifinops::pricing::{Book, Pricer};
use aifinops::store::ledger::Kind;
use aifinops::store::pending::Pending;
use aifinops::store::{Ledger, Store, Sums};
use aifinops::wires::{Estimate, Part, Usage};

use super::ledger::open;
use super::{cap, usd};
use crate::logs::{Home, MODEL, answer, append, prompt, scan, stamp, total, uuid};

/// The clock of these tests: a moment after the first lines.
fn clock() -> Millis {
    chrono::DateTime::parse_from_rfc3339(&stamp(60)).unwrap().timestamp_millis()
}

struct Desk {
    home: Home,
    data: tempfile::TempDir,
}

impl Desk {
    fn new() -> Desk {
        Desk { home: Home::new(), data: tempfile::tempdir().unwrap() }
    }

    fn gate(&self, caps: &[Cap]) -> CapGate {
        let rules = Rules { caps: caps.to_vec(), ..Rules::default() };
        self.gate_by(rules)
    }

    fn gate_by(&self, rules: Rules) -> CapGate {
        let again = rules.clone();
        CapGate::new(Setup {
            ingest: self.home.reader(Store::open(self.data.path()).unwrap().store),
            dir: self.data.path().to_path_buf(),
            rules,
            reload: Box::new(move || again.clone()),
            on_failure: OnFailure::Open,
            agent: "claude-code",
            cwd: Some("/code/app".into()),
            who: "me".into(),
            clock,
        })
        .unwrap()
    }

    /// What the store holds once everything has been read.
    fn stored(&self) -> Sums {
        let mut ingest = self.home.reader(Store::open(self.data.path()).unwrap().store);
        scan(&mut ingest);
        total(&ingest)
    }

    /// The agent's own log shows a call.
    fn logs(&self, uid: &str, call: u64, output: u64) {
        append(&self.home.claude(uid), answer(uid, 60, call, output, None) + "\n");
    }
}

fn ask(session: Option<&str>, model: &str) -> Ask {
    let estimate = Estimate { model: Some(model.into()), input: 1000, most_output: Some(1000), ..Estimate::default() };
    Ask { wire: "anthropic", agent: "claude-code".into(), session: session.map(str::to_owned), estimate }
}

/// A call as `Desk::logs` shows it.
fn used(id: Option<&str>, call: u64, output: u64) -> Usage {
    Usage {
        model: Some(MODEL.into()),
        id: id.map(str::to_owned),
        tokens: Tokens { input: 3, cache_read: 100 + call, output, ..Tokens::default() },
        beside: Vec::new(),
        searches: 0,
        tier: Tier::default(),
        speed: Speed::default(),
        told: true,
    }
}

fn steps(n: u64) -> Cap {
    cap(&format!("{n} steps"), Span::Day)
}

/// Asks, and is answered.
fn call(gate: &CapGate, session: Option<&str>, usage: &Usage) -> Result<(), String> {
    let ticket = gate.admit(&ask(session, MODEL))?;
    gate.settle(ticket, Some(usage));
    Ok(())
}

#[test]
fn a_call_that_the_log_shows_is_the_same_call() {
    let desk = Desk::new();
    let uid = uuid(1, 1);
    append(&desk.home.claude(&uid), prompt(&uid, 0) + "\n");
    let gate = desk.gate(&[]);
    call(&gate, Some(&uid), &used(Some("msg_00000001"), 1, 50)).unwrap();
    // Without an id, by its tokens.
    call(&gate, Some(&uid), &used(None, 2, 60)).unwrap();
    // A title, which no log shows.
    call(&gate, Some(&uid), &used(Some("msg_title"), 3, 7)).unwrap();
    assert_eq!(open(&desk.data).pending().unwrap().len(), 3);
    desk.logs(&uid, 1, 50);
    desk.logs(&uid, 2, 60);
    assert_eq!(gate.finish().unwrap(), 1, "the title becomes a call of its own");
    drop(gate);
    assert_eq!(open(&desk.data).pending().unwrap(), []);
    let stored = desk.stored();
    assert_eq!((stored.calls, stored.output), (3, 117));
    // The log shows the title after all, under its own id: still one.
    append(&desk.home.claude(&uid), answer(&uid, 61, 3, 7, None).replace("msg_00000003", "msg_title") + "\n");
    assert_eq!(desk.stored().calls, 3);
}

/// Codex and others give their calls ids of their own: nothing but the log, once it is read, says that it is the same call.
#[test]
fn the_last_call_is_waited_for_where_another_process_reads_the_logs() {
    let desk = Desk::new();
    let uid = uuid(1, 1);
    let mut reader = desk.home.reader(Store::open(desk.data.path()).unwrap().store);
    let gate = desk.gate(&[]);
    call(&gate, Some(&uid), &used(None, 1, 50)).unwrap();
    desk.logs(&uid, 1, 50);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            scan(&mut reader);
        });
        assert_eq!(gate.finish().unwrap(), 0, "it is the log's");
    });
    drop(gate);
    assert_eq!(total(&reader).calls, 1);
    // What no log shows is not waited for.
    let gate = desk.gate(&[]);
    call(&gate, Some(&uid), &used(Some("msg_title"), 3, 7)).unwrap();
    let begun = std::time::Instant::now();
    assert_eq!(gate.finish().unwrap(), 1);
    assert!(begun.elapsed() < std::time::Duration::from_secs(2), "{:?}", begun.elapsed());
}

/// Others count a call as under way until whoever let it through has seen it in the log: an agent that is idle asks nothing.
#[test]
fn a_call_that_the_log_shows_counts_once_for_others_while_its_agent_is_idle() {
    let desk = Desk::new();
    let uid = uuid(1, 1);
    let gate = desk.gate(&[]);
    call(&gate, Some(&uid), &used(None, 1, 50)).unwrap();
    desk.logs(&uid, 1, 50);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !open(&desk.data).pending().unwrap().is_empty() {
        assert!(std::time::Instant::now() < end, "it stays pending");
        gate.tidy();
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(gate.finish().unwrap(), 0);
}

#[test]
fn what_was_asked_yesterday_is_of_yesterday() {
    let desk = Desk::new();
    let ended = |at| Pending { run: "r".into(), pid: std::process::id(), at, ended_at: Some(at), ..pending_of_nobody() };
    let yesterday = clock() - 9 * 3_600_000;
    let mut ledger = open(&desk.data);
    ledger.reserve(&ended(yesterday), |_| true, |_| Ok::<(), ()>(())).unwrap().unwrap();
    let gate = desk.gate(&[steps(1)]);
    assert!(gate.admit(&ask(None, MODEL)).is_ok(), "the day has begun since");
    drop(gate);
    let other = Desk::new();
    open(&other.data).reserve(&ended(clock() - 1000), |_| true, |_| Ok::<(), ()>(())).unwrap().unwrap();
    assert!(other.gate(&[steps(1)]).admit(&ask(None, MODEL)).is_err(), "this one is of today");
}

/// A call of somebody's that no log will show.
fn pending_of_nobody() -> Pending {
    Pending {
        run: String::new(),
        pid: 0,
        at: 0,
        ended_at: None,
        agent: "other".into(),
        session: None,
        cwd: None,
        model: None,
        money: Money::ZERO,
        unpriced: false,
        tokens: 1,
    }
}

#[test]
fn what_a_living_proxy_knows_alone_is_kept_however_old_it_is() {
    let desk = Desk::new();
    let old = Pending {
        run: "r".into(),
        pid: std::process::id(),
        at: clock() - 7 * 3_600_000,
        ended_at: Some(clock() - 6 * 3_600_000),
        ..pending_of_nobody()
    };
    open(&desk.data).reserve(&old, |_| true, |_| Ok::<(), ()>(())).unwrap().unwrap();
    let gate = desk.gate(&[steps(1)]);
    assert!(gate.admit(&ask(None, MODEL)).is_err());
    assert_eq!(open(&desk.data).pending().unwrap().len(), 1);
}

/// Titles and the like of earlier prompts are in no log, and of no later task.
#[test]
fn a_cap_per_task_counts_the_side_calls_of_that_task() {
    let desk = Desk::new();
    let uid = uuid(1, 1);
    append(&desk.home.claude(&uid), prompt(&uid, 50) + "\n");
    let gate = desk.gate(&[cap("2 steps", Span::Task)]);
    for n in 1..=2 {
        call(&gate, Some(&uid), &used(Some(&format!("msg_title{n}")), n, 7)).unwrap();
    }
    assert!(gate.admit(&ask(Some(&uid), MODEL)).is_err(), "two of this task");
    append(&desk.home.claude(&uid), prompt(&uid, 70) + "\n");
    std::thread::sleep(std::time::Duration::from_millis(300)); // figures may be so old
    assert!(gate.admit(&ask(Some(&uid), MODEL)).is_ok(), "a new task");
}

/// An agent that no proxy stands before says nothing of its sessions; its logs do.
#[test]
fn caps_per_session_and_task_hold_where_no_request_names_the_session() {
    for span in [Span::Session, Span::Task, Span::Day] {
        let desk = Desk::new();
        let uid = uuid(1, 1);
        let gate = desk.gate(&[cap("3 steps", span)]);
        append(&desk.home.claude(&uid), prompt(&uid, 60) + "\n");
        for n in 1..=3 {
            assert_eq!(gate.over(), None, "{span} {n}");
            desk.logs(&uid, n, 50);
            std::thread::sleep(std::time::Duration::from_millis(300));
        }
        assert!(gate.over().is_some(), "{span}");
        assert!(gate.admit(&ask(None, MODEL)).is_err(), "{span}");
    }
    // A model's cap stops who uses that model.
    let desk = Desk::new();
    let uid = uuid(1, 1);
    let opus = Cap { scope: Scope { model: Some("opus".into()), ..Scope::default() }, ..cap("1 step", Span::Day) };
    let gate = desk.gate(&[opus]);
    append(&desk.home.claude(&uuid(1, 2)), answer(&uuid(1, 2), 40, 9, 50, None).replace(MODEL, "claude-opus-4-6") + "\n");
    desk.logs(&uid, 1, 50);
    assert_eq!(gate.over(), None, "{MODEL} is no opus");
}

#[test]
fn two_calls_of_the_same_size_are_two_calls() {
    let desk = Desk::new();
    let uid = uuid(1, 1);
    let gate = desk.gate(&[]);
    for _ in 0..2 {
        call(&gate, Some(&uid), &used(None, 1, 50)).unwrap();
    }
    desk.logs(&uid, 1, 50);
    assert_eq!(gate.finish().unwrap(), 1);
    drop(gate);
    assert_eq!(desk.stored().calls, 2);
}

#[test]
fn what_the_proxy_has_seen_counts_at_once_and_the_next_call_is_refused() {
    let desk = Desk::new();
    let uid = uuid(1, 1);
    let gate = desk.gate(&[steps(3)]);
    for n in 1..=3 {
        call(&gate, Some(&uid), &used(None, n, 50)).unwrap();
    }
    let why = call(&gate, Some(&uid), &used(None, 4, 50)).unwrap_err();
    assert!(why.contains("3 steps of 3 steps spent: the daily cap is reached"), "{why}");
    assert!(gate.over().is_some_and(|why| why.contains("daily cap")));
    assert!(gate.over().is_some());
    let kinds: Vec<Kind> = open(&desk.data).decisions(0, 9).unwrap().iter().rev().map(|d| d.kind).collect();
    assert_eq!(kinds, [Kind::Refuse, Kind::Stop], "a stop is written down once");
}

#[test]
fn what_is_billed_beside_an_answer_counts_with_it() {
    let desk = Desk::new();
    let gate = desk.gate(&[]);
    let part = |why| Part { why, model: None, tokens: Tokens { input: 1000, output: 100, ..Tokens::default() } };
    let usage = Usage { beside: vec![part(Beside::Compaction)], ..used(Some("id1"), 1, 10) };
    call(&gate, None, &usage).unwrap();
    assert_eq!(gate.finish().unwrap(), 1, "one call was let through");
    drop(gate);
    let kept = desk.stored();
    assert_eq!((kept.calls, kept.output, kept.unpriced), (2, 110, 0));

    let mut prices = Pricer::new(Book::embedded());
    let mut price = |tokens: &Tokens| prices.cost(MODEL, tokens, 0, Tier::Standard, Speed::default()).unwrap();
    let (answer, summary) = (price(&usage.tokens), price(&usage.beside[0].tokens));
    let spent = |usage: &Usage| {
        let limit = RunLimit::new(Money::parse_usd("9").unwrap(), Pricer::new(Book::embedded()));
        let ticket = limit.admit(&ask(None, MODEL)).unwrap();
        limit.settle(ticket, Some(usage));
        limit.spent()
    };
    assert_eq!(spent(&usage), answer + summary);
    let long = Usage { tier: Tier::Unknown, ..used(None, 1, 1_000_000) };
    assert!(spent(&long) >= price(&long.tokens), "a tier without a price is no way around a limit");
}

#[test]
fn what_was_spent_before_and_elsewhere_counts() {
    let desk = Desk::new();
    let uid = uuid(1, 9);
    for n in 1..=5 {
        desk.logs(&uid, n, 50);
    }
    let gate = desk.gate(&[steps(6)]);
    call(&gate, Some(&uuid(1, 1)), &used(None, 77, 50)).unwrap();
    assert!(call(&gate, Some(&uuid(1, 1)), &used(None, 78, 50)).is_err());
}

#[test]
fn two_proxies_share_what_is_left() {
    let desk = Desk::new();
    let (one, two) = (desk.gate(&[steps(3)]), desk.gate(&[steps(3)]));
    let first = one.admit(&ask(None, MODEL)).unwrap();
    let second = two.admit(&ask(None, MODEL)).unwrap();
    let third = one.admit(&ask(None, MODEL)).unwrap();
    assert!(two.admit(&ask(None, MODEL)).is_err(), "three are under way");
    // One of them is never made: there is room again.
    one.settle(first, None);
    let fourth = two.admit(&ask(None, MODEL)).unwrap();
    assert!(one.admit(&ask(None, MODEL)).is_err());
    two.settle(second, Some(&used(None, 1, 1)));
    one.settle(third, Some(&used(None, 2, 1)));
    two.settle(fourth, Some(&used(None, 3, 1)));
    assert!(one.admit(&ask(None, MODEL)).is_err() && two.admit(&ask(None, MODEL)).is_err());
}

#[test]
fn many_at_once_get_no_more_than_one_call_each_beyond_what_is_left() {
    let desk = Desk::new();
    // Room for a few reservations of 1,000 tokens in and 1,000 out: $0.018 each.
    let gate = desk.gate(&[cap("0.05", Span::Day)]);
    let admitted: Vec<Ticket> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..40).map(|_| scope.spawn(|| gate.admit(&ask(None, MODEL)).ok())).collect();
        threads.into_iter().filter_map(|t| t.join().unwrap()).collect()
    });
    assert_eq!(admitted.len(), 3, "$0.054 reserved: the third was admitted below the limit");
    let mut spent = Money::ZERO;
    for (n, ticket) in admitted.into_iter().enumerate() {
        gate.settle(ticket, Some(&used(None, u64::try_from(n).unwrap(), 1000)));
        spent += usd("0.015");
    }
    assert!(spent < usd("0.05") + usd("0.018"));
}

#[test]
fn a_model_without_a_price_counts_at_the_assumed_one() {
    let desk = Desk::new();
    let gate = desk.gate(&[cap("0.10", Span::Day)]);
    let ticket = gate.admit(&ask(None, "nobody-knows-this")).unwrap();
    let usage = Usage { model: Some("nobody-knows-this".into()), ..used(None, 1, 2000) };
    gate.settle(ticket, Some(&usage));
    let why = gate.admit(&ask(None, MODEL)).unwrap_err();
    assert!(why.contains("assumed for 1 call without a known price"), "{why}");
}

#[test]
fn a_cap_set_while_the_agent_runs_holds() {
    let desk = Desk::new();
    let now = std::sync::Arc::new(std::sync::Mutex::new(Vec::<Cap>::new()));
    let later = std::sync::Arc::clone(&now);
    let rules = Rules::default();
    let again = rules.clone();
    let gate = CapGate::new(Setup {
        ingest: desk.home.reader(Store::open(desk.data.path()).unwrap().store),
        dir: desk.data.path().to_path_buf(),
        rules,
        reload: Box::new(move || Rules { caps: later.lock().unwrap().clone(), ..again.clone() }),
        on_failure: OnFailure::Open,
        agent: "claude-code",
        cwd: None,
        who: "me".into(),
        clock,
    })
    .unwrap();
    call(&gate, None, &used(None, 1, 1)).unwrap();
    now.lock().unwrap().push(steps(1));
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(call(&gate, None, &used(None, 2, 1)).is_err());
    now.lock().unwrap().clear();
    std::thread::sleep(std::time::Duration::from_millis(300));
    call(&gate, None, &used(None, 3, 1)).unwrap();
}

#[test]
fn an_experiment_over_its_budget_has_its_sessions_calls_refused_and_no_others() {
    use aifinops::attribution::{Attribution, Experiment, Pattern, Rule, Template};
    use aifinops::model::Dimension;
    use aifinops::model::cap::Action;

    let desk = Desk::new();
    let (trial, other) = (uuid(1, 1), uuid(1, 2));
    desk.logs(&trial, 1, 1000);
    append(&desk.home.claude(&other), answer(&other, 60, 2, 1000, None).replace("\"gitBranch\":\"main\"", "\"gitBranch\":\"dev\"") + "\n");
    let set = vec![(Dimension::Experiment, Template::new("trial", None).unwrap())];
    let rule = Rule { branch: Pattern::new("^main$").ok(), set, ..Rule::default() };
    let of = |budget: &str, action| {
        let experiment = Experiment { name: "trial".into(), owner: None, budget: usd(budget), ends: None, action };
        let attribution = std::sync::Arc::new(Attribution { rules: vec![rule.clone()], experiments: vec![experiment] });
        Rules { attribution, ..Rules::default() }
    };
    // The session has cost $0.015 and a little.
    let gate = desk.gate_by(of("0.01", Action::Block));
    let why = gate.admit(&ask(Some(&trial), MODEL)).unwrap_err();
    assert!(why.contains("the experiment trial is over its budget"), "{why}");
    call(&gate, Some(&other), &used(None, 3, 1)).unwrap();
    drop(gate);
    call(&desk.gate_by(of("0.01", Action::Warn)), Some(&trial), &used(None, 4, 1)).unwrap();
    call(&desk.gate_by(of("5", Action::Block)), Some(&trial), &used(None, 5, 1)).unwrap();
}

#[test]
fn an_agent_whose_logs_nobody_reads_has_its_calls_kept_all_the_same() {
    let desk = Desk::new();
    let gate = desk.gate(&[]);
    for n in 1..=3 {
        call(&gate, None, &used(Some(&format!("id{n}")), n, 10)).unwrap();
    }
    assert_eq!(gate.finish().unwrap(), 3);
    drop(gate);
    let mut ingest = desk.home.reader(Store::open(desk.data.path()).unwrap().store);
    scan(&mut ingest);
    let sessions = ingest.store.sessions(Window::ALL).unwrap();
    assert_eq!(sessions.len(), 1);
    assert!(sessions[0].uid.starts_with("run-"));
    assert_eq!((sessions[0].sums.calls, sessions[0].cwd.as_deref()), (3, Some("/code/app")));
}

#[test]
fn a_session_s_own_tag_decides_its_experiment_before_any_log_shows_it() {
    use aifinops::attribution::{Attribution, Experiment};
    use aifinops::model::Dimension;
    use aifinops::model::cap::Action;

    let desk = Desk::new();
    let (tagged, other, spent) = (uuid(1, 1), uuid(1, 2), uuid(1, 3));
    desk.logs(&spent, 1, 1000);
    let ledger = Ledger::open(desk.data.path(), std::time::Duration::from_secs(1)).unwrap().0;
    let tag = |session: &str| ledger.tag(("claude-code", session), &[(Dimension::Experiment, Some("trial".into()))], 0, "me").unwrap();
    tag(&tagged);
    tag(&spent);
    let experiment = Experiment { name: "trial".into(), owner: None, budget: usd("0.01"), ends: None, action: Action::Block };
    let attribution = std::sync::Arc::new(Attribution { rules: Vec::new(), experiments: vec![experiment] });
    let gate = desk.gate_by(Rules { attribution, ..Rules::default() });
    let why = gate.admit(&ask(Some(&tagged), MODEL)).unwrap_err();
    assert!(why.contains("the experiment trial is over its budget"), "{why}");
    call(&gate, Some(&other), &used(None, 3, 1)).unwrap();
}
