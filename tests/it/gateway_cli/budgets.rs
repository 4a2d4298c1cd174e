//! `gateway cap`: who is meant is looked up first, what is sent has every digit, and what became of it is read back.

use std::thread;

use serde_json::{Value, json};

use super::ledger::{ADMIN, Ledger, Obeys, VIEWER, token, user};
use super::server::{Asked, Server};
use super::{Machine, Run};

/// Runs `gateway cap` with the key of an admin.
fn cap(machine: &Machine, args: &[&str]) -> Run {
    machine.run(&[&["gateway", "cap"], args, &["--token-env", "ADMIN"]].concat())
}

/// The same many times at once: each waits a while before it reads back.
fn all_at_once(machine: &Machine, commands: &[&[&str]]) {
    thread::scope(|scope| {
        let runs: Vec<_> = commands.iter().map(|args| (args, scope.spawn(move || cap(machine, args)))).collect();
        for (args, run) in runs {
            let run = run.join().unwrap();
            assert_eq!((run.code, run.err.as_str()), (0, ""), "{args:?}");
            assert!(run.out.contains("; read back and found so\n"), "{args:?}: {}", run.out);
        }
    });
}

/// The orders among what was asked: where to, and what.
fn orders(asked: &[Asked]) -> Vec<(String, Value)> {
    let mut orders: Vec<(String, Value)> =
        asked.iter().filter(|asked| asked.method != "GET").map(|asked| (asked.path.clone(), asked.json())).collect();
    orders.sort_by(|a, b| (&a.0, a.1.to_string()).cmp(&(&b.0, b.1.to_string())));
    orders
}

fn order(path: &str, body: Value) -> (String, Value) {
    (path.to_owned(), body)
}

#[test]
fn a_budget_is_looked_up_set_and_read_back() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    let run = cap(&machine, &["set", "alice", "7.123456789/week", "--json"]);
    assert_eq!((run.code, run.err.as_str()), (0, ""));
    let (asked, others): (Vec<Asked>, Vec<Asked>) = server.news().into_iter().partition(|asked| asked.key.as_deref() == Some(ADMIN));
    let told: Vec<(&str, &str)> = asked.iter().map(|asked| (asked.method.as_str(), asked.path.as_str())).collect();
    assert_eq!(told, [("GET", "/user/info?user_id=alice"), ("POST", "/user/update"), ("GET", "/user/info?user_id=alice")]);
    assert!(others.iter().all(|asked| asked.key.as_deref() == Some(VIEWER) && asked.method == "GET"), "who looks on only looks on");
    assert!(asked[1].body.contains("\"max_budget\":7.123456789"), "{}", asked[1].body);
    assert_eq!(asked[1].json(), json!({"user_id": "alice", "max_budget": 7.123_456_789, "budget_duration": "7d"}));

    let told: Value = serde_json::from_str(&run.out).unwrap();
    for (name, value) in [
        ("gateway", json!("team")),
        ("of", json!("user")),
        ("id", json!("alice")),
        ("limit", json!({"usd": 7.123_456_789, "nano_usd": 7_123_456_789_i64})),
        ("per", json!("week")),
        ("spent", json!({"usd": 4.5, "nano_usd": 4_500_000_000_i64})),
        ("already_over", json!(false)),
        ("dry_run", json!(false)),
    ] {
        assert_eq!(told[name], value, "{name}");
    }
    assert_eq!((&server.ledger().users[0]["max_budget"], &server.ledger().users[0]["spend"]), (&json!(7.123_456_789), &json!(4.5)));
    // It is seen at once, without being asked for.
    let budget = machine.json(&["team"])["rows"][0]["budget"].clone();
    assert_eq!((&budget["limit"]["nano_usd"], &budget["period"]), (&json!(7_123_456_789_i64), &json!("7d")));
}

#[test]
fn whoever_has_a_budget_can_get_one() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    all_at_once(
        &machine,
        &[
            &["set", "alice", "20/day"],
            &["set", "Bob", "$7.50/weekly"],
            &["set", "alice-laptop", "5", "--of", "key"],
            &["set", &token(2), "0.25/d", "--of", "key"],
            &["set", "platform", "1,500/month", "--of", "team"],
            &["set", "alice", "3/day", "--of", "member", "--team", "platform"],
            &["set", "acme", "2/mo", "--of", "customer"],
        ],
    );
    let asked: Vec<Asked> = server.news().into_iter().filter(|asked| asked.key.as_deref() == Some(ADMIN)).collect();
    let customers = json!({"budget_id": "aifinops-customer-acme", "max_budget": 2, "budget_duration": "30d"});
    let member = json!({"team_id": "team-1", "user_id": "alice", "max_budget_in_team": 3, "budget_duration": "1d"});
    let wanted = [
        // A customer has no period but that of a budget of its own.
        order("/budget/new", customers.clone()),
        order("/budget/update", customers),
        order("/customer/update", json!({"user_id": "acme", "budget_id": "aifinops-customer-acme"})),
        order("/key/update", json!({"key": token(1), "max_budget": 5, "budget_duration": "1d"})),
        order("/key/update", json!({"key": token(2), "max_budget": 0.25, "budget_duration": "1d"})),
        order("/team/member_update", member),
        order("/team/update", json!({"team_id": "team-1", "max_budget": 1500, "budget_duration": "30d"})),
        order("/user/update", json!({"user_id": "alice", "max_budget": 20, "budget_duration": "1d"})),
        order("/user/update", json!({"user_id": "bob", "max_budget": 7.5, "budget_duration": "7d"})),
    ];
    assert_eq!(orders(&asked), wanted);
    // Each of the seven was looked for once before and once after.
    assert_eq!(asked.iter().filter(|asked| asked.method == "GET").count(), 2 * 7);
    let customer = machine.json(&["gateway", "cap", "set", "acme", "2/mo", "--of", "customer", "--dry-run", "--token-env", "ADMIN"]);
    assert_eq!(customer["spent"]["usd"], json!(0.02));
}

#[test]
fn what_was_counted_can_be_set_back_and_a_budget_taken_away() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    // More was spent than may be: that is said.
    let run = cap(&machine, &["set", "alice", "4/day", "--dry-run"]);
    assert!(run.out.contains("$4.50: it is used up from the first moment; --reset sets it back to nothing"), "{}", run.out);
    // A customer whose budget was made from here, and one of that name that is there already.
    server.change(|ledger| {
        let budget = |id: &str| json!({"budget_id": id, "max_budget": 1.0, "budget_duration": "1d"});
        ledger.budgets.extend([budget("aifinops-customer-acme"), budget("aifinops-customer-zeta")]);
        ledger.customers[0]["budget_id"] = json!("aifinops-customer-acme");
        ledger.customers.push(json!({"user_id": "zeta", "alias": null, "spend": 0.0, "blocked": false, "budget_id": null}));
    });
    server.news();
    all_at_once(
        &machine,
        &[
            &["set", "alice", "4/day", "--reset"],
            &["set", "bob-laptop", "5/day", "--of", "key", "--reset"],
            &["set", "alice", "3/day", "--of", "member", "--team", "team-1", "--reset"],
            &["set", "zeta", "6/day", "--of", "customer"],
            &["clear", "alice-laptop", "--of", "key"],
            &["clear", "bob"],
            &["clear", "acme", "--of", "customer"],
        ],
    );
    let orders = orders(&server.news());
    for wanted in [
        order("/user/update", json!({"user_id": "alice", "max_budget": 4, "budget_duration": "1d", "spend": 0})),
        order("/key/update", json!({"key": token(2), "max_budget": 5, "budget_duration": "1d"})),
        order(&format!("/key/{}/reset_spend", token(2)), json!({"reset_to": 0})),
        order("/team/team-1/member/alice/reset_spend", json!({"reset_to": 0})),
        order("/customer/update", json!({"user_id": "zeta", "budget_id": "aifinops-customer-zeta"})),
        order("/key/update", json!({"key": token(1), "max_budget": null, "budget_duration": null})),
        order("/user/update", json!({"user_id": "bob", "max_budget": null, "budget_duration": null})),
        order("/budget/delete", json!({"id": "aifinops-customer-acme"})),
    ] {
        assert!(orders.contains(&wanted), "{wanted:?} is not among {orders:?}");
    }
    let ledger = server.ledger();
    let member = &ledger.teams[0]["team_memberships"][0];
    assert_eq!([&ledger.users[0], &ledger.keys[1], member].map(|row| &row["spend"]), [&json!(0); 3]);
    assert_eq!(ledger.budgets.iter().find(|budget| budget["budget_id"] == "aifinops-customer-zeta").unwrap()["max_budget"], json!(6));
}

#[test]
fn what_the_gateway_cannot_do_is_said() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    let run = cap(&machine, &["set", "platform", "30/month", "--of", "team", "--reset", "--dry-run"]);
    assert!(run.out.contains("note: LiteLLM cannot set back what a team has spent"), "{}", run.out);
    // A release that has no periods within a team, and a gateway that takes an order and shows nothing of it.
    server.change(|ledger| ledger.is_old = true);
    let run = cap(&machine, &["set", "alice", "3/day", "--of", "member", "--team", "platform"]);
    assert!(run.code == 0 && run.out.contains("note: team has taken no period for alice: the budget holds for good"), "{}", run.all());
    server.change(|ledger| ledger.obeys = Obeys::Nothing);
    let run = cap(&machine, &["set", "bob", "3/day"]);
    assert!(run.code == 0 && run.out.contains("it took the order, and does not show it yet"), "{}", run.all());
}

#[test]
fn a_dry_run_shows_the_orders_and_sends_none() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    let before = server.ledger();
    let run = cap(&machine, &["set", "alice", "20/day", "--dry-run"]);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], "would give user alice (Alice) a budget of $20.00 a day at team (LiteLLM):");
    assert!(lines[1].starts_with("  POST /user/update {") && lines[1].contains("\"max_budget\":20"), "{}", run.out);
    let run = cap(&machine, &["set", "bob-laptop", "1/day", "--of", "key", "--reset", "--dry-run", "--json"]);
    let told: Value = serde_json::from_str(&run.out).unwrap();
    let paths: Vec<&str> = told["requests"].as_array().unwrap().iter().map(|request| request["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/key/update", &format!("/key/{}/reset_spend", token(2))]);
    assert_eq!((&told["dry_run"], &told["requests"][0]["body"]["max_budget"]), (&json!(true), &json!(1)));
    assert!(cap(&machine, &["clear", "alice", "--dry-run"]).out.contains("would give user alice (Alice) no budget at team"));
    assert!(server.news().iter().all(|asked| asked.method == "GET"));
    assert!(server.ledger() == before);
}

#[test]
fn nobody_is_made_by_a_slip_of_the_hand() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    let hash = token(77);
    let unknown: [(&str, &[&str]); 7] = [
        ("alcie", &["--of", "user"]),
        ("alcie-laptop", &["--of", "key"]),
        (&hash, &["--of", "key"]),
        ("platfrom", &["--of", "team"]),
        ("alcie", &["--of", "member", "--team", "platform"]),
        ("alice", &["--of", "member", "--team", "platfrom"]),
        ("acem", &["--of", "customer"]),
    ];
    for is_old in [false, true] {
        server.change(|ledger| ledger.is_old = is_old);
        let before = server.ledger();
        for (who, more) in unknown {
            for command in [&["set", who, "20/day"][..], &["clear", who]] {
                let run = cap(&machine, &[command, more, &["--json"]].concat());
                let error = run.error();
                assert_eq!((run.code, &error["code"]), (3, &json!("not_found")), "{who} {more:?}: {}", run.err);
                let message = error["message"].as_str().unwrap();
                assert!(message.contains(&format!("team knows no {} called `{who}`", more[1])), "{message}");
                assert!(error["hint"].as_str().unwrap().contains("nothing was changed"));
            }
        }
        let asked = server.news();
        assert!(asked.len() == 14 && asked.iter().all(|asked| asked.method == "GET"), "{asked:?}");
        assert!(server.ledger() == before);
    }
}

#[test]
fn a_name_that_several_have_is_not_guessed_at() {
    let server = Server::new(Ledger::new());
    server.change(|ledger| ledger.users.extend([user("sam-1", "Sam", "internal_user"), user("sam-2", "Sam", "internal_user")]));
    let machine = Machine::knowing(&server);
    let run = cap(&machine, &["set", "Sam", "1/day", "--json"]);
    assert_eq!((run.code, &run.error()["message"]), (2, &json!("2 users are called `Sam`")));
    assert_eq!(run.error()["hint"], json!("give the id: sam-1, sam-2"));
    assert!(server.news().is_empty());
}

#[test]
fn amounts_that_make_no_sense_are_refused_before_anybody_is_asked() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    for (amount, why) in [
        ("", "is no amount"),
        ("0", "is zero"),
        ("0/day", "is zero"),
        ("-5", "is negative"),
        ("$-5/day", "is negative"),
        ("much", "is no amount"),
        ("NaN", "is no amount"),
        ("inf", "is no amount"),
        ("1e400", "is no amount"),
        ("20/fortnight", "has no period that is known: day, week or month"),
        ("20/", "has no period that is known: day, week or month"),
        ("20/day/day", "has no period that is known: day, week or month"),
        ("/day", "is no amount"),
        ("0.0000000001", "is too fine"),
        ("99999999999999999999", "is too much"),
        ("5M tokens", "is no money; a gateway's budget is in dollars"),
        ("60 steps/day", "is no money; a gateway's budget is in dollars"),
    ] {
        let run = cap(&machine, &["set", "alice", amount, "--json"]);
        let error = run.error();
        assert_eq!((run.code, &error["code"]), (2, &json!("usage")), "{amount:?}");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with(&format!("`{amount}` {why}")), "{message}");
    }
    let run = cap(&machine, &["set", "alice", "3/day", "--of", "member", "--json"]);
    assert_eq!((run.code, &run.error()["hint"]), (2, &json!("--team TEAM says of which")));
    assert!(server.news().is_empty());
}

#[test]
fn a_key_without_the_right_changes_nothing_and_says_so() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    let before = server.ledger();
    let run = machine.run(&["gateway", "cap", "set", "alice", "20/day"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""));
    assert!(run.err.contains("the key may not do this (403)") && run.err.contains("this needs a key with more rights"), "{}", run.err);
    let asked = server.news();
    assert!(asked.len() == 2 && asked.iter().all(|asked| asked.key.as_deref() == Some(VIEWER)), "{asked:?}");
    assert!(server.ledger() == before);
    // A key that cannot be had is told before anybody is asked.
    let run = machine.run(&["gateway", "cap", "set", "alice", "20/day", "--token-env", "NOBODY"]);
    assert!(run.code == 1 && run.err.contains("the variable NOBODY is not set"), "{}", run.err);
    assert!(server.news().is_empty());
}

#[test]
fn an_order_that_is_only_said_to_be_done_is_told() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    server.change(|ledger| ledger.obeys = Obeys::Nothing);
    let run = cap(&machine, &["set", "alice", "20/day", "--json"]);
    let error = run.error();
    assert_eq!((run.code, &error["code"]), (1, &json!("gateway")));
    assert!(error["message"].as_str().unwrap().contains("shows another budget than it was given"), "{error}");
    assert_eq!(orders(&server.news()).len(), 1);
}

#[test]
fn a_budget_for_another_period_is_another_budget() {
    let server = Server::new(Ledger::new());
    let machine = Machine::knowing(&server);
    server.change(|ledger| ledger.obeys = Obeys::OtherPeriod);
    let run = cap(&machine, &["set", "alice", "20/day"]);
    assert!(run.code == 1 && run.err.contains("shows a budget for another period"), "$20 a month is not $20 a day: {}", run.all());
}
