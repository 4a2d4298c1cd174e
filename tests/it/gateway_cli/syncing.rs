//! `gateway sync` and `team`: figures are the gateway's to the nano-dollar; whatever goes wrong is said, loses nothing, and
//! doubles nothing.

use std::process::Stdio;

use aifinops::model::Tokens;
use aifinops::model::text::is_hostile;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::ledger::{Call, Ledger, WORDS, ago, date, key, stamp, token, user};
use super::server::{Mood, Server, plain_port};
use super::{Machine, Run};
use crate::proxy::service::Service;

/// Six calls of two people within three weeks; one of them was refused for want of a budget.
fn ledger() -> Ledger {
    let tags = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
    let calls = vec![
        Call { tags: tags(&["feature:search"]), ..Call::of("alice", "c1", ago(0, 1), 9_000_000) },
        Call { model: "large".to_owned(), ..Call::of("alice", "c2", ago(0, 2), 123_456_789) },
        Call::of("alice", "c3", ago(3, 1), 1_000_000_001),
        Call { is_refused: true, tokens: Tokens::default(), ..Call::of("alice", "c4", ago(10, 1), 0) },
        Call { tags: tags(&["feature:search", "nightly"]), ..Call::of("bob", "c5", ago(0, 3), 500_000_000) },
        Call::of("bob", "c6", ago(20, 1), 2_000_000_000),
    ];
    Ledger { calls, ..Ledger::new() }
}

/// A row: its name, nano-dollars of today, 7 and 30 days, calls, failed ones.
type Row = (String, [i64; 3], u64, u64);

fn row(name: &str, nanos: [i64; 3], calls: u64, failed: u64) -> Row {
    (name.to_owned(), nanos, calls, failed)
}

fn rows(team: &Value) -> Vec<Row> {
    let read = |row: &Value| {
        let nanos = ["today", "week", "month"].map(|span| row[span]["nano_usd"].as_i64().unwrap());
        (row["name"].as_str().unwrap().to_owned(), nanos, row["requests"].as_u64().unwrap(), row["failed"].as_u64().unwrap())
    };
    team["rows"].as_array().unwrap().iter().map(read).collect()
}

/// The rows of everybody, which are those of the ledger.
fn everybody() -> Vec<Row> {
    vec![row("Bob", [500_000_000, 500_000_000, 2_500_000_000], 2, 0), row("Alice", [132_456_789, 1_132_456_790, 1_132_456_790], 4, 1)]
}

#[test]
fn figures_are_those_of_the_gateway() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    let sum = [632_456_789, 1_632_456_790, 3_632_456_790];
    let by = |what: &str| machine.json(&["team", "--by", what]);
    let users = by("user");
    assert_eq!(rows(&users), everybody());
    assert_eq!(rows(&by("team")), [row("platform", sum, 6, 1)]);
    let [bob, alice] = <[Row; 2]>::try_from(everybody()).unwrap();
    let named = |name: &str, row: Row| (name.to_owned(), row.1, row.2, row.3);
    assert_eq!(rows(&by("key")), [named("bob-laptop", bob), named("alice-laptop", alice)]);
    assert_eq!(rows(&by("model")), [row("house", [509_000_000, 1_509_000_001, 3_509_000_001], 5, 1), row("large", [123_456_789; 3], 1, 0)]);
    let tags = by("tag");
    assert_eq!(rows(&tags), [row("feature:search", [509_000_000; 3], 2, 0), row("nightly", [500_000_000; 3], 1, 0)]);
    assert_eq!(tags["total"], Value::Null, "tags overlap");

    // Dollars are the same digits; tokens are all kinds of them.
    let total = json!({"usd": 0.632_456_789, "nano_usd": 632_456_789, "requests": 3, "failed": 0, "tokens": 19_800});
    assert_eq!((&users["total"]["today"], &users["total"]["requests"]), (&total, &json!(6)));
    assert_eq!((&users["by"], &users["zone"], &users["rows"][1]["over_budget"]), (&json!("user"), &json!("UTC"), &json!(1)));
    assert_eq!((&users["rows"][1]["team"], &users["rows"][1]["id"]), (&json!("platform"), &json!("alice")));
}

#[test]
fn budgets_are_those_of_the_gateway() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    let budget = |by: &str, at: usize| machine.json(&["team", "--by", by])["rows"][at]["budget"].clone();
    let money = |usd: Value, nanos: i64| json!({"usd": usd, "nano_usd": nanos});
    let alice = json!({
        "of": "user", "limit": money(json!(10), 10_000_000_000), "spent": money(json!(4.5), 4_500_000_000),
        "left": money(json!(5.5), 5_500_000_000), "permille": 450, "period": "1d", "resets_at": null, "runs_out_at": null, "state": "ok",
    });
    assert_eq!((budget("user", 1), budget("user", 0)), (alice, Value::Null));
    let bob = budget("key", 0);
    assert_eq!((&bob["state"], &bob["permille"], &bob["left"]), (&json!("over"), &json!(1000), &money(json!(0), 0)));
    let team = budget("team", 0);
    assert_eq!((&team["state"], &team["permille"], &team["spent"]["usd"]), (&json!("near"), &json!(800), &json!(20)));
    assert_eq!(budget("tag", 0)["limit"], money(json!(0.5), 500_000_000));

    // Within a team less may be left than of one's own, and a period that is over has been used for nothing.
    server.change(|ledger| {
        ledger.teams[0]["team_memberships"][0]["spend"] = json!(2.9);
        ledger.keys[1]["budget_reset_at"] = json!("2026-01-01T00:00:00Z");
    });
    machine.ok(&["gateway", "sync"]);
    let alice = budget("user", 1);
    assert_eq!((&alice["of"], &alice["permille"], &alice["left"]["usd"]), (&json!("member"), &json!(966), &json!(0.1)));
    assert_eq!(budget("key", 0)["spent"], money(json!(0), 0));
    // A budget that is taken away is gone.
    server.change(|ledger| ledger.keys[1]["max_budget"] = Value::Null);
    machine.ok(&["gateway", "sync"]);
    assert_eq!(budget("key", 0), Value::Null);
}

#[test]
fn one_row_shows_what_is_below_it() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    let alice = machine.json(&["team", "Alice"]);
    assert_eq!((rows(&alice), &alice["total"]), (vec![everybody().remove(1)], &Value::Null));
    let parts: Vec<(&str, i64)> = alice["inside"]["parts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["name"].as_str().unwrap(), part["month"]["nano_usd"].as_i64().unwrap()))
        .collect();
    assert_eq!(parts, [("house", 1_009_000_001), ("large", 123_456_789)]);
    let session = &alice["inside"]["sessions"][0];
    assert_eq!((&session["session"], &session["calls"]), (&json!("a-session-of-nobody"), &json!(3)), "a refused call is none");
    assert_eq!(session["spend"]["nano_usd"], json!(1_132_456_790));
    let run = machine.run(&["team", "zoe", "--json"]);
    assert_eq!((run.code, &run.error()["code"]), (3, &json!("not_found")));
}

#[test]
fn the_second_time_only_what_is_new_is_asked() {
    let (server, machine) = (Server::new(ledger()), Machine::new());
    let of = |place: &str| server.news().into_iter().filter(|asked| asked.place().starts_with(place)).collect::<Vec<_>>();
    machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER"]);
    let days = of("/user/daily");
    assert_eq!((days.len(), days[0].query("start_date"), days[0].query("end_date")), (1, Some(date(ago(30, 0))), Some(date(ago(-1, 0)))));

    machine.ok(&["gateway", "sync"]);
    let calls = of("/spend/logs");
    assert_eq!((calls.len(), calls[0].query("start_date")), (1, Some(stamp(ago(30, 0)))));

    server.change(|ledger| ledger.calls.push(Call::of("bob", "c7", ago(0, 4), 7)));
    let before = stamp(Utc::now().timestamp_millis() - 31 * 60_000);
    let told = machine.json(&["gateway", "sync"])["gateways"][0].clone();
    let asked = server.news();
    let (days, calls) = (asked.iter().find(|asked| asked.place().starts_with("/user/daily")), asked.last().unwrap());
    assert_eq!(days.unwrap().query("start_date"), Some(date(ago(1, 0))));
    assert!(calls.place() == "/spend/logs/v2" && calls.query("start_date").unwrap() >= before, "{}", calls.path);
    assert_eq!((&told["ok"], &told["requests"]), (&json!(true), &json!(asked.len())));
    assert_eq!(rows(&machine.json(&["team"]))[0], row("Bob", [500_000_007, 500_000_007, 2_500_000_007], 3, 0));
}

/// After this mood: the error in two lines, figures as before that are called stale, and the same figures once it is over.
fn survives(server: &Server, machine: &Machine, mood: Mood, error: &str, hint: &str) {
    let what = format!("{mood:?}");
    let known = machine.json(&["team"]);
    server.be(mood);
    let run = machine.run(&["gateway", "sync"]);
    assert_eq!((run.code, run.out.as_str()), (1, ""), "{what}: {}", run.err);
    let [first, second] = run.err.lines().collect::<Vec<_>>()[..] else { panic!("{what}: {}", run.err) };
    assert!(first.starts_with("error: ") && first.contains(error), "{what}: {first}");
    assert!(second.starts_with(" hint: ") && second.contains(hint), "{what}: {second}");
    assert!(!run.err.contains("sk-"), "{what}: {}", run.err);

    let stale = machine.json(&["team"]);
    assert_eq!((&stale["rows"], &stale["total"]), (&known["rows"], &known["total"]), "{what}");
    let gateway = &stale["gateway"];
    assert_eq!((&gateway["stale"], &gateway["state"], &gateway["as_of"]), (&json!(true), &json!("stale"), &known["gateway"]["as_of"]));
    assert!(gateway["problem"].as_str().unwrap().contains(error), "{what}: {gateway}");
    let out = machine.ok(&["team"]);
    assert!(out.contains(" ago, stale; days are UTC's") && out.contains(&format!("since then: {}", &first["error: ".len()..])), "{out}");

    server.be(Mood::Usual);
    machine.ok(&["gateway", "sync"]);
    let again = machine.json(&["team"]);
    assert_eq!((&again["rows"], &again["total"]), (&known["rows"], &known["total"]), "{what}: nothing is counted twice");
    assert_eq!((&again["gateway"]["stale"], &again["gateway"]["problem"]), (&json!(false), &Value::Null), "{what}");
}

#[test]
fn whatever_goes_wrong_is_said_and_what_was_known_stays() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    let table = [
        (Mood::Says(401, WORDS), "the gateway does not accept the key (401): Not today.", "check the key"),
        (Mood::Says(403, WORDS), "the key may not do this (403): Not today.", "this needs a key with more rights"),
        (Mood::Says(404, WORDS), "the gateway has nothing there (404): Not today.", "is the address really a gateway's"),
        (Mood::Says(422, WORDS), "the gateway refuses (422): Not today.", "is the address really a gateway's"),
        (Mood::Says(500, WORDS), "the gateway is in trouble (500): Not today.", "try again in a while"),
        (Mood::Says(500, "DB not connected"), "runs without a database, and keeps no spend", "there is nothing to be asked of it"),
        (Mood::Busy { times: 99, again: "120" }, "the gateway asks for fewer requests (429)", "try again in a while"),
        (Mood::Page, "the gateway's answer cannot be read: a web page", "is the address really a gateway's"),
        (Mood::Cut, "the gateway's answer cannot be read: not the JSON that was expected", "is the address really a gateway's"),
        (Mood::Endless, "127.0.0.1 answers with more than 64 MB, which is no answer", "is the address really a gateway's"),
    ];
    for (mood, error, hint) in table {
        survives(&server, &machine, mood, error, hint);
    }
    assert_eq!(rows(&machine.json(&["team"])), everybody());
}

#[test]
fn a_connection_that_breaks_is_tried_again_before_it_is_an_error() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    survives(&server, &machine, Mood::HangsUp, "127.0.0.1 cannot be reached: ", "check the address, the network");
    assert_eq!(server.news().iter().filter(|asked| asked.place() == "/key/info").count(), 3 + 1);
}

#[test]
fn an_answer_that_breaks_off_is_no_answer() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    survives(&server, &machine, Mood::BreaksOff, "127.0.0.1 cannot be reached: ", "check the address, the network");
}

#[test]
fn a_gateway_that_is_busy_for_a_moment_is_waited_for() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    server.be(Mood::Busy { times: 2, again: "0" });
    machine.ok(&["gateway", "sync"]);
    assert_eq!(server.news().iter().filter(|asked| asked.place() == "/key/info").count(), 3);
    // For longer nobody waits; when it wants to be asked again is remembered.
    server.be(Mood::Busy { times: 99, again: "120" });
    assert_eq!(machine.run(&["gateway", "sync"]).code, 1);
    assert_eq!(server.news().len(), 1);
    let status = machine.json(&["gateway", "status"])["gateways"][0].clone();
    let at = |name: &str| DateTime::parse_from_rfc3339(status[name].as_str().unwrap()).unwrap().timestamp_millis();
    assert_eq!((at("next_at") - at("tried_at"), &status["state"]), (120_000, &json!("stale")));
}

#[test]
fn scripts_are_told_in_one_object_and_by_the_exit_code() {
    let (good, bad) = (Server::new(ledger()), Server::new(ledger()));
    let machine = Machine::knowing(&bad);
    machine.ok(&["gateway", "add", "other", &good.url(), "--token-env", "VIEWER"]);
    bad.be(Mood::Says(500, WORDS));
    let run = machine.run(&["gateway", "sync", "--json"]);
    assert_eq!((run.code, run.err.as_str()), (1, ""));
    let told: Value = serde_json::from_str(&run.out).unwrap();
    let of = |name: &str| told["gateways"].as_array().unwrap().iter().find(|gateway| gateway["name"] == name).unwrap().clone();
    assert_eq!((&of("team")["ok"], &of("other")["ok"], &of("other")["calls"]), (&json!(false), &json!(true), &json!(6)));
    assert!(of("team")["problem"].as_str().unwrap().starts_with("the gateway is in trouble (500)"));
    // One that cannot be asked does not keep the others from it, and does not stand in their way.
    assert_eq!(rows(&machine.json(&["team", "--gateway", "other"])), everybody());
    assert_eq!((machine.run(&["gateway", "sync", "other"]).code, machine.run(&["gateway", "sync", "team"]).code), (0, 1));
}

#[test]
fn calls_that_are_read_by_half_are_read_whole_the_next_time() {
    let server = Server::new(ledger());
    let machine = Machine::knowing(&server);
    server.change(|ledger| ledger.calls = (0..700).map(|n| Call::of("alice", &format!("c{n}"), ago(1, n), 1_000_001)).collect());
    let sessions = || machine.json(&["team", "alice"])["inside"]["sessions"].clone();
    server.be(Mood::DiesLater);
    let run = machine.run(&["gateway", "sync"]);
    assert!(run.code == 1 && run.err.contains("127.0.0.1 cannot be reached"), "{}", run.err);
    assert_eq!(sessions()[0]["calls"], json!(500), "what was told is kept");

    server.be(Mood::Usual);
    for _ in 0..2 {
        machine.ok(&["gateway", "sync"]);
        assert_eq!((&sessions()[0]["calls"], &sessions()[0]["spend"]["nano_usd"]), (&json!(700), &json!(700_000_700)));
    }
}

#[test]
fn days_of_an_older_release_come_in_pages_and_replace_nothing_by_half() {
    let server = Server::new(ledger());
    server.change(|ledger| ledger.is_old = true);
    let machine = Machine::synced(&server);
    assert_eq!(rows(&machine.json(&["team"])), everybody());
    assert_eq!(rows(&machine.json(&["team", "--by", "tag"])).len(), 2);
    // Today and yesterday are asked anew: two pages, of which the second one never comes.
    server.change(|ledger| ledger.calls.push(Call::of("bob", "c7", ago(1, 1), 7)));
    machine.ok(&["gateway", "sync"]);
    let before = machine.json(&["team"]);
    server.change(|ledger| ledger.calls.push(Call::of("bob", "c8", ago(1, 2), 1000)));
    server.be(Mood::DiesLater);
    assert_eq!(machine.run(&["gateway", "sync"]).code, 1);
    assert_eq!(machine.json(&["team"])["rows"], before["rows"]);
    server.be(Mood::Usual);
    machine.ok(&["gateway", "sync"]);
    assert_eq!(rows(&machine.json(&["team"]))[0], row("Bob", [500_000_000, 500_001_007, 2_500_001_007], 4, 0));
}

#[test]
fn the_key_never_follows_a_redirect() {
    let other = Service::saying(200, "application/json", "{}");
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    let port = other.at.port();
    for to in [
        format!("http://localhost:{port}/key/info"),
        format!("{}/key/info", other.url()),
        format!("//localhost:{port}/key/info"),
        format!("http://127.0.0.1@localhost:{port}/"),
        "/sign-in".to_owned(),
    ] {
        server.be(Mood::Elsewhere(to.clone()));
        server.news();
        for args in [
            &["gateway", "sync"][..],
            &["team", "--sync"],
            &["gateway", "reconcile"],
            &["gateway", "cap", "set", "alice", "20/day", "--token-env", "ADMIN"],
            &["gateway", "add", "more", &server.url(), "--token-env", "VIEWER"],
            &["gateway", "add", "more", &server.url(), "--token-env", "VIEWER", "--kind", "litellm"],
        ] {
            let run = machine.run(args);
            assert_eq!((run.code, run.out.as_str()), (1, ""), "{to} {args:?}: {}", run.err);
            let is_told = run.err.contains("redirects to another address") || run.err.contains("not like any gateway");
            assert!(is_told && !run.err.contains("/key/info") && run.err.contains("\n hint: "), "{to} {args:?}: {}", run.err);
        }
        assert_eq!(server.news().len(), 6, "{to}: one question each");
    }
    assert!(other.asked().is_empty(), "nobody has gone there: {:?}", other.asked());
    server.be(Mood::Usual);
    machine.ok(&["gateway", "sync"]);
    assert_eq!(rows(&machine.json(&["team"])), everybody());
}

#[test]
fn a_place_without_tls_is_told_as_that() {
    let machine = Machine::new();
    let url = format!("https://127.0.0.1:{}", plain_port());
    let run = machine.run(&["gateway", "add", "team", &url, "--token-env", "VIEWER"]);
    assert_eq!((run.code, run.out.as_str(), machine.config()), (1, "", None));
    assert!(run.err.starts_with("error: 127.0.0.1 cannot be reached: ") && run.err.contains("\n hint: "), "{}", run.err);
    assert!(run.err.contains("TLS"), "{}", run.err);
}

#[test]
fn nobody_waits_for_a_gateway_that_never_answers() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    let known = machine.json(&["team"]);
    server.be(Mood::Silent);
    let mut asking = machine.command(&["gateway", "sync"]);
    let mut asking = asking.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    server.wait();
    // While one asks, others show what is known.
    let meanwhile = machine.json(&["team"]);
    assert_eq!((&meanwhile["rows"], &meanwhile["gateway"]["as_of"]), (&known["rows"], &known["gateway"]["as_of"]));
    assert!(machine.ok(&["gateway", "status"]).contains("LiteLLM 1.106.2"));
    assert!(asking.try_wait().unwrap().is_none());
    asking.kill().unwrap();
    asking.wait().unwrap();
    server.be(Mood::Usual);
    machine.ok(&["gateway", "sync"]);
    assert_eq!(rows(&machine.json(&["team"])), everybody());
}

/// Names that try to drive the terminal, or a spreadsheet, and calls under them.
fn hostile() -> Ledger {
    let mut ledger = ledger();
    let people =
        [("=1+1", "=cmd|' /C calc'!A0"), ("e\u{1b}[31mve\u{9b}2J", "+\u{202e}eve\nsecond line"), ("@a;=b", "\t-3\u{1b}]0;owned\u{7}")];
    for (n, (id, alias)) in people.into_iter().enumerate() {
        let n = 20 + u8::try_from(n).unwrap();
        ledger.users.push(user(id, alias, "internal_user"));
        ledger.users.last_mut().unwrap()["max_budget"] = json!(5.0);
        ledger.keys.push(key(n, &format!("-{alias}"), id, Some("@t\u{1b}[2J"), "default"));
        ledger.calls.push(Call {
            key: token(n),
            team: "@t\u{1b}[2J".to_owned(),
            model: "=HYPERLINK(\"http://evil.example\")\u{1b}]8;;x\u{7}".to_owned(),
            session: "+\u{1b}[2Jsession".to_owned(),
            client: "\u{1b}[1mclaude\u{202e}".to_owned(),
            tags: vec!["+1\r\n=2".to_owned(), "\u{9b}31mtag".to_owned()],
            ..Call::of(id, &format!("-h{n}\u{1b}c"), ago(0, i64::from(n)), 1_000_000)
        });
    }
    let mut team = ledger.teams[0].clone();
    (team["team_id"], team["team_alias"]) = (json!("@t\u{1b}[2J"), json!("=\u{1b}]0;team\u{7}\u{2028}x"));
    ledger.teams.push(team);
    ledger
}

/// Nothing of what was printed could drive a terminal.
fn is_harmless(run: &Run, what: &[&str]) {
    let bad = |c: &char| is_hostile(*c) && *c != '\n';
    assert_eq!(run.all().chars().find(bad), None, "{what:?}: {:?}", run.all());
}

#[test]
fn hostile_names_never_reach_the_terminal() {
    let server = Server::new(hostile());
    let machine = Machine::synced(&server);
    let by = ["user", "team", "key", "model", "tag"];
    let mut commands: Vec<Vec<&str>> = by.iter().map(|by| vec!["team", "--by", *by]).collect();
    commands.extend([
        vec!["team", "=1+1"],
        vec!["team", "@a;=b"],
        vec!["team", "--by", "team", "@t\u{1b}[2J"],
        vec!["team", "\u{1b}[2Jnobody"],
        vec!["gateway", "reconcile", "--everybody"],
        vec!["gateway", "status"],
        vec!["gateway", "sync"],
        vec!["gateway", "cap", "set", "\u{1b}[2Jnobody", "1/day", "--token-env", "ADMIN"],
    ]);
    for command in &commands {
        for more in [&[][..], &["--json"]] {
            let args = [command.as_slice(), more].concat();
            let run = machine.run(&args);
            is_harmless(&run, &args);
            assert!(!run.all().contains(r"\u001b"), "{args:?}: {}", run.all());
        }
    }
    let users = machine.json(&["team"]);
    let names: Vec<&str> = users["rows"].as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"+\u{fffd}eve\u{fffd}second line"), "{names:?}");
}

#[test]
fn hostile_ids_do_not_reach_the_terminal_in_what_would_be_sent() {
    let server = Server::new(hostile());
    let machine = Machine::knowing(&server);
    for more in [&[][..], &["--json"]] {
        // Who is meant is known by another name than the one that was typed.
        let args = [&["gateway", "cap", "set", "+\u{202e}eve\nsecond line", "1/day", "--dry-run", "--token-env", "ADMIN"], more].concat();
        let run = machine.run(&args);
        assert_eq!(run.code, 0, "{}", run.err);
        is_harmless(&run, &args);
    }
}

#[test]
fn what_the_gateway_says_is_made_harmless() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    server.be(Mood::Says(422, "\u{1b}[2J\u{9b}31mowned\u{7}\u{202e}"));
    for args in [&["gateway", "sync"][..], &["gateway", "sync", "--json"], &["gateway", "status"], &["team"], &["team", "--json"]] {
        let run = machine.run(args);
        is_harmless(&run, args);
        assert!(run.all().contains("owned") && !run.all().contains(r"\u001b"), "{args:?}: {}", run.all());
    }
}

#[test]
fn no_cell_of_a_sheet_is_run_as_a_formula() {
    let server = Server::new(hostile());
    let machine = Machine::synced(&server);
    let mut sheets: Vec<(Vec<&str>, usize)> = Vec::new();
    for (by, rows) in [("user", 5), ("team", 2), ("key", 5), ("model", 3), ("tag", 4)] {
        sheets.push((vec!["team", "--by", by, "--csv"], rows));
        sheets.push((vec!["export", "team", "--by", by], rows));
    }
    // Five calls were answered, and one of everybody was refused; none of them stands in a log.
    sheets.push((vec!["gateway", "reconcile", "--everybody", "--all", "--csv"], 8));
    for (args, count) in sheets {
        let run = machine.run(&args);
        assert_eq!(run.code, 0, "{args:?}: {}", run.err);
        is_harmless(&run, &args);
        let mut sheet = csv::Reader::from_reader(run.out.as_bytes());
        let records: Vec<csv::StringRecord> = sheet.records().map(Result::unwrap).collect();
        assert_eq!((records.len(), run.out.lines().count()), (count, count + 1), "{args:?}: {}", run.out);
        for cell in records.iter().flatten() {
            let is_number = cell.parse::<f64>().is_ok();
            let begins = cell.split(';').map(str::trim_start).all(|part| !part.starts_with(['=', '+', '-', '@']));
            assert!(is_number || begins, "{args:?}: {cell:?}");
        }
    }
}

#[test]
fn a_team_is_exported_in_any_format_but_a_page() {
    let server = Server::new(ledger());
    let machine = Machine::synced(&server);
    let sheet = machine.ok(&["export", "team", "--sort", "name"]);
    assert_eq!(sheet, machine.ok(&["team", "--csv", "--sort", "name"]), "the same sheet");
    let rows = sheet.lines().count() - 1;

    let document = machine.json(&["export", "team"]);
    assert_eq!(document["team"].as_array().unwrap().len(), rows);
    let ids = |rows: &Value| rows.as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&document["team"]), ids(&machine.json(&["team"])["rows"]), "in the same order");
    let lines = machine.ok(&["export", "team", "--format", "jsonl"]);
    assert!(lines.lines().all(|line| serde_json::from_str::<Value>(line).unwrap()["id"].is_string()));

    let page = machine.ok(&["export", "team", "--format", "markdown"]);
    assert!(page.starts_with("# Spend through the gateway team by user (days of UTC)\n"), "{page}");
    assert!(page.ends_with(&format!("\n{rows} rows\n")), "amounts of three windows have no sum: {page}");

    let file = machine.path("team.csv");
    let name = file.to_str().unwrap();
    let told = machine.json(&["export", "team", "--sort", "name", "-o", name]);
    assert_eq!((told["format"].as_str(), told["rows"].as_u64()), (Some("csv"), Some(rows as u64)));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), sheet);
    assert_eq!(machine.run(&["export", "team", "-o", name]).code, 2, "nothing is written over");
    let refused = machine.run(&["export", "team", "-o", machine.path("team.html").to_str().unwrap()]);
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(!machine.path("team.html").exists());
}
