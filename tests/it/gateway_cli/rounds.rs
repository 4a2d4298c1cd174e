//! A round beside what changes while it goes on: the day, the key, and how busy the gateway is.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::ledger::{Call, Ledger, ago};
use super::server::Server;
use super::{ALICE, Machine};
use crate::proxy::service::{Request, Service};

/// An answer with these headers.
fn answer(stream: &mut TcpStream, status: u16, headers: &str, body: &Value) {
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n{headers}content-length: {}\r\n\r\n", body.len());
    let _ = stream.write_all(format!("{head}{body}").as_bytes());
}

/// What was spent today, in seven days and in thirty, in nano-dollars.
fn spent(machine: &Machine) -> [i64; 3] {
    let team = machine.json(&["team"]);
    ["today", "week", "month"].map(|span| team["total"][span]["nano_usd"].as_i64().unwrap())
}

#[test]
fn what_was_spent_today_is_of_the_gateways_day() {
    // Its clock still shows yesterday.
    let yesterday = DateTime::<Utc>::from_timestamp_millis(ago(0, -1)).unwrap();
    let date = format!("date: {}\r\n", yesterday.format("%a, %d %b %Y %H:%M:%S GMT"));
    let service = Service::new(move |request: &Request, stream| {
        if !request.line.contains("/api/v1/key") {
            return answer(stream, 404, &date, &json!({}));
        }
        let own = json!({"label": "sk-or-v1-abc...def", "usage": 900, "usage_daily": 42.5, "byok_usage_daily": 0, "limit": null,
            "is_management_key": false, "creator_user_id": "alice", "workspace_id": "w1", "budgets": []});
        answer(stream, 200, &date, &json!({"data": own}));
    });
    let machine = Machine::new();
    machine.ok(&["gateway", "add", "team", &service.url(), "--kind", "openrouter", "--token-env", "ALICE"]);
    machine.ok(&["gateway", "sync"]);
    assert_eq!(spent(&machine), [0, 42_500_000_000, 42_500_000_000]);
}

#[test]
fn another_key_sees_other_figures_of_days_that_are_over_too() {
    let calls = vec![Call::of("alice", "c1", ago(10, 1), 1_000_000_000), Call::of("bob", "c2", ago(10, 2), 10_000_000_000)];
    let server = Server::new(Ledger { calls, ..Ledger::new() });
    let machine = Machine::new();
    for (key, all) in [("ALICE", 1_000_000_000), ("VIEWER", 11_000_000_000), ("ALICE", 1_000_000_000)] {
        machine.ok(&["gateway", "add", "team", &server.url(), "--token-env", key]);
        machine.ok(&["gateway", "sync"]);
        assert_eq!(spent(&machine), [0, 0, all], "{key}");
        // The same key again reads nothing anew.
        server.news();
        machine.ok(&["gateway", "sync"]);
        assert!(server.news().iter().all(|asked| asked.place() != "/spend/logs/v2" || asked.query("start_date").is_some()), "{key}");
    }
}

#[test]
fn a_question_is_asked_again_by_whatever_method() {
    let asked = AtomicUsize::new(0);
    let service = Service::new(move |request: &Request, stream| {
        assert!(request.header("authorization").is_some_and(|key| key.starts_with("Basic ")), "{ALICE}");
        if request.line.contains("/teams/filtered-usage-events") {
            if asked.fetch_add(1, Ordering::Relaxed) == 0 {
                return answer(stream, 429, "retry-after: 0\r\n", &json!({"error": "slow down"}));
            }
            let event = json!({"timestamp": ago(0, 1).to_string(), "userEmail": "ada@example.com", "model": "m", "kind": "Usage-based",
                "chargedCents": 25, "tokenUsage": {"inputTokens": 1, "outputTokens": 1}});
            return answer(stream, 200, "", &json!({"totalUsageEventsCount": 1, "usageEvents": [event]}));
        }
        answer(stream, 200, "", &json!({"teamMemberSpend": [], "totalMembers": 0, "totalPages": 1}));
    });
    let machine = Machine::new();
    machine.ok(&["gateway", "add", "team", &service.url(), "--kind", "cursor-admin", "--token-env", "ALICE"]);
    assert_eq!(spent(&machine), [250_000_000; 3]);
}
