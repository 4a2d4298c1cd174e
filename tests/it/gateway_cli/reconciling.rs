//! `gateway reconcile`: a small log and a gateway's ledger, and each difference by its name and its exact amount.

use std::fs;

use aifinops::model::Tokens;
use aifinops::model::time::rfc3339;
use serde_json::{Value, json};

use super::Machine;
use super::ledger::{Call, Ledger, ago};
use super::server::Server;

/// The session that the log is of.
const SESSION: &str = "aaaa1111-0000-4000-8000-000000000001";
/// What each of its calls costs: (1000 × $3 + 5000 × $0.30 + 400 × $3.75 + 200 × $15) / 1,000,000.
const EACH: i64 = 9_000_000;

/// A call of the log as the gateway has it.
fn call(n: i64) -> Call {
    Call { session: SESSION.to_owned(), ..Call::of("alice", &format!("msg-{n}"), ago(0, 10 * n), EACH) }
}

/// A log of Claude Code with these calls.
fn log(machine: &Machine, session: &str, model: &str, calls: &[i64]) {
    let line = |n: &i64| {
        let message = json!({
            "id": format!("msg-{n}"), "role": "assistant", "model": model, "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "done"}],
            "usage": {"input_tokens": 1000, "cache_read_input_tokens": 5000, "cache_creation_input_tokens": 400, "output_tokens": 200},
        });
        let (at, id) = (rfc3339(ago(0, 10 * n) + 500), format!(r#""uuid":"u-{session}-{n}","requestId":"req-{n}""#));
        format!(r#"{{"type":"assistant","sessionId":"{session}",{id},"timestamp":"{at}","cwd":"/code/api","message":{message}}}"#)
    };
    let dir = machine.path("home/.claude/projects/-code-api");
    fs::create_dir_all(&dir).unwrap();
    let text: Vec<String> = calls.iter().map(line).collect();
    fs::write(dir.join(format!("{session}.jsonl")), text.join("\n") + "\n").unwrap();
}

/// Alice's machine with a log of three calls, and a gateway that has counted the same three.
fn scene() -> (Server, Machine) {
    scene_of("ALICE")
}

/// The same, looked at with another key.
fn scene_of(variable: &str) -> (Server, Machine) {
    let server = Server::new(Ledger { calls: vec![call(1), call(2), call(3)], ..Ledger::new() });
    let machine = Machine::new();
    let prices = r#"house = { input = "3", output = "15", cache_read = "0.30", cache_write_5m = "3.75" }"#;
    fs::write(machine.path("config.toml"), format!("[prices]\n{prices}\n")).unwrap();
    log(&machine, SESSION, "house", &[1, 2, 3]);
    machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", variable]);
    server.news();
    (server, machine)
}

/// A class: its name, why, calls, nano-dollars.
type Class = (String, String, u64, i64);

fn class(name: &str, why: &str, calls: u64, nanos: i64) -> Class {
    (name.to_owned(), why.to_owned(), calls, nanos)
}

/// The classes that were found, after what holds whatever was found.
fn classes(found: &Value) -> Vec<Class> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let nanos = |value: &Value| value["nano_usd"].as_i64().unwrap();
    let read = |entry: &Value| (text(&entry["class"]), text(&entry["why"]), entry["calls"].as_u64().unwrap(), nanos(entry));
    let classes: Vec<Class> = found["classes"].as_array().unwrap().iter().map(read).collect();
    let (difference, listed) = (nanos(&found["difference"]), found["calls"].as_array().unwrap());
    assert_eq!(nanos(&found["local"]) + difference, nanos(&found["gateway_total"]), "{found}");
    assert_eq!(classes.iter().map(|class| class.3).sum::<i64>(), difference, "{found}");
    assert_eq!(listed.iter().map(|call| nanos(&call["difference"])).sum::<i64>(), difference, "{found}");
    let differing: u64 = classes.iter().filter(|class| class.0 != "same").map(|class| class.2).sum();
    assert_eq!(u64::try_from(listed.len()).unwrap(), differing, "{found}");
    classes
}

#[test]
fn the_same_on_both_sides_is_no_difference() {
    let (_server, machine) = scene();
    let found = machine.json(&["gateway", "reconcile"]);
    assert_eq!(classes(&found), [class("same", "", 3, 0)]);
    assert_eq!((&found["gateway"], &found["user"], &found["calls"]), (&json!("team"), &json!("alice"), &json!([])));
    let sum = json!({"usd": 0.027, "nano_usd": 27_000_000});
    assert_eq!((&found["local"], &found["gateway_total"]), (&sum, &sum));
    assert_eq!((&found["from"], &found["to"]), (&json!(rfc3339(ago(0, 0))), &json!(rfc3339(ago(-1, 0)))));
    let out = machine.ok(&["gateway", "reconcile"]);
    assert!(out.starts_with("team (alice), since ") && out.ends_with("\nno difference\n"), "{out}");
    assert_eq!(machine.ok(&["gateway", "reconcile", "--csv"]).lines().count(), 1, "nothing but the heading");
}

#[test]
fn what_a_gateway_tells_before_the_logs_were_read_counts_once() {
    for first in [&["gateway", "sync"][..], &["team", "--sync"]] {
        let (_server, machine) = scene();
        let config = machine.config().unwrap();
        fs::write(machine.path("config.toml"), format!("{config}\n[caps.day]\nlimit = \"$10\"\n")).unwrap();
        machine.ok(first);
        let caps = machine.json(&["cap", "show"]);
        assert_eq!(caps["caps"][0]["spent"]["nano_usd"], json!(3 * EACH), "{first:?}: {caps}");
    }
}

#[test]
fn each_difference_has_its_name_and_its_exact_amount() {
    type Change = fn(&mut Vec<Call>);
    let one_less: Change = |calls| drop(calls.remove(2));
    let one_more: Change = |calls| calls.push(Call { session: "another".to_owned(), nanos: 5_000_001, ..call(9) });
    let a_title: Change = |calls| calls.push(Call { nanos: 70_007, tokens: Tokens { input: 9, ..call(9).tokens }, ..call(9) });
    let dearer: Change = |calls| calls[1].nanos = 2 * EACH;
    let unpriced: Change = |calls| calls[1].nanos = 0;
    let other_tokens: Change = |calls| (calls[1].tokens.output, calls[1].nanos) = (300, EACH + 1_500_000);
    let twice: Change = |calls| calls.push(Call { id: "written-again".to_owned(), ..call(2) });
    let rounded: Change = |calls| calls[1].nanos = EACH + 1;
    let table: [(&str, Change, u64, Class); 8] = [
        ("one less", one_less, 2, class("only-local", "row-lost", 1, -EACH)),
        ("one more", one_more, 3, class("only-gateway", "elsewhere", 1, 5_000_001)),
        ("a title", a_title, 3, class("only-gateway", "side-call", 1, 70_007)),
        ("dearer", dearer, 2, class("price", "rate", 1, EACH)),
        ("unpriced", unpriced, 2, class("price", "gateway-unpriced", 1, -EACH)),
        ("other tokens", other_tokens, 2, class("tokens", "", 1, 1_500_000)),
        ("twice", twice, 3, class("duplicate", "", 1, EACH)),
        ("rounded", rounded, 2, class("rounding", "", 1, 1)),
    ];
    for (what, change, same, wanted) in table {
        let (server, machine) = scene();
        server.change(|ledger| change(&mut ledger.calls));
        let mut found = classes(&machine.json(&["gateway", "reconcile"]));
        found.sort_by_key(|class| class.0 != "same");
        assert_eq!(found, [class("same", "", same, 0), wanted], "{what}");
    }
}

#[test]
fn what_went_around_the_gateway_and_what_has_no_price_here_is_told() {
    let (server, machine) = scene();
    log(&machine, "bbbb2222-0000-4000-8000-000000000002", "house", &[7]);
    log(&machine, "cccc3333-0000-4000-8000-000000000003", "nobody-knows-this", &[8]);
    server.change(|ledger| {
        let session = "cccc3333-0000-4000-8000-000000000003".to_owned();
        ledger.calls.push(Call { session, model: "nobody-knows-this".to_owned(), nanos: 123, ..call(8) });
    });
    let found = machine.json(&["gateway", "reconcile"]);
    let wanted = [class("same", "", 3, 0), class("only-local", "bypassed", 1, -EACH), class("price", "local-unpriced", 1, 123)];
    assert_eq!(classes(&found), wanted);
    // The largest difference comes first.
    let calls = found["calls"].as_array().unwrap();
    assert_eq!((&calls[0]["session"], &calls[0]["gateway"]), (&json!("bbbb2222-0000-4000-8000-000000000002"), &Value::Null));
    assert_eq!((&calls[1]["local"], &calls[1]["gateway"]["nano_usd"]), (&Value::Null, &json!(123)));
}

#[test]
fn a_difference_is_told_with_both_sides() {
    let (server, machine) = scene();
    server.change(|ledger| {
        ledger.calls[1].nanos = 2 * EACH;
        ledger.calls[1].prices = json!({
            "input_cost_per_token": 6e-6, "output_cost_per_token": 3e-5, "cache_read_input_token_cost": 6e-7,
            "cache_creation_input_token_cost": 7.5e-6,
        });
    });
    let found = machine.json(&["gateway", "reconcile"]);
    let call = &found["calls"][0];
    let money = |usd: f64, nanos: i64| json!({"usd": usd, "nano_usd": nanos});
    for (name, value) in [
        ("class", json!("price")),
        ("why", json!("rate")),
        ("at", json!(rfc3339(ago(0, 20)))),
        ("agent", json!("claude-code")),
        ("session", json!(SESSION)),
        ("model", json!("house")),
        ("gateway_call", json!("msg-2")),
        ("user", json!("alice")),
        ("local", money(0.009, EACH)),
        ("gateway", money(0.018, 2 * EACH)),
        ("difference", money(0.009, EACH)),
    ] {
        assert_eq!(call[name], value, "{name}");
    }
    let tokens = json!({"input": 1000, "cache_read": 5000, "cache_write_5m": 400, "cache_write_1h": 0, "output": 200, "reasoning": 0});
    assert_eq!((&call["local_tokens"], &call["gateway_tokens"]), (&tokens, &tokens));
    let rates = |side: &str| ["input", "output", "cache_read", "cache_write"].map(|rate| call[side][rate]["nano_usd"].as_i64().unwrap());
    assert_eq!(rates("local_rates"), [3_000_000_000, 15_000_000_000, 300_000_000, 3_750_000_000]);
    assert_eq!(rates("gateway_rates"), rates("local_rates").map(|rate| 2 * rate));

    let out = machine.ok(&["gateway", "reconcile"]);
    assert!(out.contains("same tokens at another price") && out.contains("input 3 here, 6 there; output 15 here, 30 there"), "{out}");
    assert!(out.contains("$0.009") && out.contains("$0.018") && out.contains("+$0.009"), "{out}");

    let out = machine.ok(&["gateway", "reconcile", "--csv"]);
    let mut sheet = csv::Reader::from_reader(out.as_bytes());
    let heading: Vec<String> = sheet.headers().unwrap().iter().map(str::to_owned).collect();
    let rows: Vec<csv::StringRecord> = sheet.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 1);
    let of = |name: &str| rows[0].get(heading.iter().position(|column| column == name).unwrap()).unwrap().to_owned();
    for (name, value) in [
        ("class", "price"),
        ("why", "rate"),
        ("session", SESSION),
        ("gateway_call", "msg-2"),
        ("user", "alice"),
        ("local_usd", "0.009"),
        ("gateway_usd", "0.018"),
        ("difference_usd", "0.009"),
        ("local_prompt_tokens", "6400"),
        ("local_output_tokens", "200"),
        ("gateway_prompt_tokens", "6400"),
        ("gateway_output_tokens", "200"),
    ] {
        assert_eq!(of(name), value, "{name}");
    }
}

#[test]
fn whose_calls_are_compared_can_be_said() {
    let (server, machine) = scene_of("VIEWER");
    server.change(|ledger| ledger.calls.push(Call { session: "bobs".to_owned(), ..Call::of("bob", "msg-b", ago(0, 50), 777) }));
    let same = class("same", "", 3, 0);
    let bob = class("only-gateway", "elsewhere", 1, 777);
    // Whoever sees everybody is not the one who uses the agents here.
    let found = machine.json(&["gateway", "reconcile"]);
    assert_eq!((&found["user"], classes(&found)), (&Value::Null, vec![same.clone(), bob.clone()]));
    let found = machine.json(&["gateway", "reconcile", "--user", "alice"]);
    assert_eq!((&found["user"], classes(&found)), (&json!("alice"), vec![same.clone()]));
    let found = machine.json(&["gateway", "reconcile", "--user", "bob"]);
    assert_eq!(classes(&found), [class("only-local", "bypassed", 3, -3 * EACH), bob.clone()]);
    // It can be said once and for all, and taken back for once.
    machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", "VIEWER", "--user", "alice"]);
    assert_eq!(classes(&machine.json(&["gateway", "reconcile"])), std::slice::from_ref(&same));
    assert_eq!(classes(&machine.json(&["gateway", "reconcile", "--everybody"])), [same, bob]);
    assert_eq!(machine.run(&["gateway", "reconcile", "--everybody", "--user", "alice"]).code, 2);
}

#[test]
fn a_row_that_the_gateway_has_lost_is_missed() {
    let (server, machine) = scene();
    assert_eq!(classes(&machine.json(&["gateway", "reconcile"])), [class("same", "", 3, 0)]);
    server.change(|ledger| ledger.calls.clear());
    server.news();
    assert_eq!(classes(&machine.json(&["gateway", "reconcile", "--offline"])), [class("same", "", 3, 0)], "what is known");
    assert!(server.news().is_empty());
    assert_eq!(classes(&machine.json(&["gateway", "reconcile"])), [class("only-local", "row-lost", 3, -3 * EACH)]);
    // It has been found again: nothing is counted twice.
    server.change(|ledger| ledger.calls.extend([call(1), call(2), call(3)]));
    for _ in 0..2 {
        assert_eq!(classes(&machine.json(&["gateway", "reconcile"])), [class("same", "", 3, 0)]);
    }
}

#[test]
fn a_key_that_sees_no_calls_cannot_be_compared_with() {
    let (server, machine) = scene();
    server.change(|ledger| ledger.denied = vec!["/spend/logs/v2"]);
    let run = machine.run(&["gateway", "reconcile", "--json"]);
    assert_eq!((run.code, &run.error()["code"]), (1, &json!("gateway")));
    assert_eq!(run.error()["message"], json!("the key of team does not see single calls"));
    assert!(run.error()["hint"].is_string());
    // Figures of days need none.
    assert_eq!(machine.json(&["team", "--sync"])["gateway"]["cannot"], json!(["calls"]));
}
