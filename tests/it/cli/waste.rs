//! `waste`, from handwritten logs to the nano-dollar.
//!
//! `house` costs $3 a million in, $15 out, $0.30 from the cache, $3.75 into it for five minutes and $6 for an hour: 3000,
//! 15000, 300, 3750 and 6000 nano-dollars a token. A prompt consists, from its beginning, of what was read, written for an
//! hour, written for five minutes, and neither.

use serde_json::{Value, json};

use super::Machine;

const ID: &str = "cccc1111-0000-4000-8000-00000000000c";
const HELPER: &str = "cccc1111-0000-4000-8000-00000000000c/1";

/// Tokens: in, read, written for five minutes and for an hour, out.
type Usage = [u64; 5];

/// The steps of the session: when each was answered.
const STEPS: [(&str, Usage); 6] = [
    ("10:00:10", [100, 0, 10_000, 0, 200]),
    ("10:00:30", [50, 10_000, 2_000, 0, 300]),
    ("10:10:30", [40, 0, 12_400, 0, 100]),
    ("10:11:00", [10, 12_400, 0, 1_000, 50]),
    ("10:51:00", [20, 13_400, 500, 0, 100]),
    ("10:52:00", [30, 4_000, 3_000, 0, 80]),
];

fn cost_of([input, read, short, long, output]: Usage) -> u64 {
    input * 3000 + read * 300 + short * 3750 + long * 6000 + output * 15_000
}

fn line(at: &str, kind: &str, fields: &Value) -> String {
    let mut line = json!({
        "type": kind, "sessionId": ID, "uuid": format!("{kind}-{at}"), "timestamp": format!("2026-11-01T{at}.000Z"),
        "cwd": "/code/api", "version": "2.1.80",
    });
    line.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
    line.to_string()
}

fn typed(at: &str) -> String {
    line(at, "user", &json!({"message": {"role": "user", "content": "do it"}}))
}

fn said(n: usize, at: &str, usage: Usage, tools: &[&str]) -> String {
    let [input, read, short, long, output] = usage;
    let mut content: Vec<Value> = tools.iter().map(|id| json!({"type": "tool_use", "id": id, "name": "Bash", "input": {}})).collect();
    content.push(json!({"type": "text", "text": "so"}));
    let usage = json!({
        "input_tokens": input, "cache_read_input_tokens": read, "cache_creation_input_tokens": short + long, "output_tokens": output,
        "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
    });
    let message = json!({
        "id": format!("msg-{n}"), "role": "assistant", "model": "house", "content": content, "usage": usage,
        "stop_reason": if tools.is_empty() { "end_turn" } else { "tool_use" },
    });
    line(at, "assistant", &json!({"requestId": format!("req-{n}"), "message": message}))
}

fn result(at: &str, tool: &str, failed: bool) -> String {
    let content = json!([{"type": "tool_result", "tool_use_id": tool, "is_error": failed, "content": "x"}]);
    line(at, "user", &json!({"toolUseResult": {}, "message": {"role": "user", "content": content}}))
}

/// Three tasks: a tool that fails, a pause of ten minutes, a cache for an hour and a pause of forty minutes, a compaction;
/// and a subagent.
fn machine() -> Machine {
    let machine = Machine::empty();
    let price = "input = \"3\", output = \"15\", cache_read = \"0.30\", cache_write_5m = \"3.75\", cache_write_1h = \"6\"";
    machine.write("config.toml", &format!("[prices]\nhouse = {{ {price} }}\n"));
    let step = |n: usize, tools: &[&str]| said(n, STEPS[n].0, STEPS[n].1, tools);
    let compaction =
        json!({"subtype": "compact_boundary", "compactMetadata": {"trigger": "auto", "preTokens": 14_020, "postTokens": 6_000}});
    let retry =
        json!({"subtype": "api_error", "level": "error", "error": {"status": 529}, "retryInMs": 1400, "retryAttempt": 1, "maxRetries": 10});
    let log = [
        typed("10:00:00"),
        step(0, &["t1", "t2"]),
        result("10:00:15", "t1", false),
        result("10:00:16", "t2", true),
        step(1, &[]),
        typed("10:10:20"),
        step(2, &[]),
        step(3, &[]),
        line("10:11:05", "system", &retry),
        typed("10:50:50"),
        step(4, &[]),
        line("10:51:30", "system", &compaction),
        step(5, &[]),
    ];
    machine.write(&format!("home/.claude/projects/-work-api/{ID}.jsonl"), &log.join("\n"));
    let helper = said(9, "10:00:20", [1_000, 0, 0, 0, 100], &[]);
    machine.write(&format!("home/.claude/projects/-work-api/{ID}/subagents/agent-1.jsonl"), &helper);
    machine
}

fn category<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["categories"].as_array().unwrap().iter().find(|category| category["name"] == name).unwrap()
}

/// Nano-dollars, steps, and tokens: in, read, written for five minutes and for an hour.
fn figures(answer: &Value, name: &str) -> (u64, u64, [u64; 4]) {
    let category = category(answer, name);
    let tokens = ["input", "cache_read", "cache_write_5m", "cache_write_1h"].map(|kind| category["tokens"][kind].as_u64().unwrap());
    (category["cost"]["nano_usd"].as_u64().unwrap(), category["steps"].as_u64().unwrap(), tokens)
}

#[test]
fn every_category_is_what_a_hand_calculates() {
    let answer = machine().json(&["waste", "--session", ID]);
    let cost: u64 = STEPS.iter().map(|(_, usage)| cost_of(*usage)).sum();
    assert_eq!((answer["cost"]["nano_usd"].as_u64(), answer["steps"].as_u64()), (Some(cost), Some(6)));

    // What each step sends again is the beginning of its prompt, as long as the context that the one before left:
    let again = [
        // the second: 10 300 of 12 050, the last 300 of them written; nothing reads them, so they count as input here;
        10_000 * 300 + 300 * 3000,
        // the third: 12 350 of 12 440, all written; of 12 000 that had been cached the rest of the price is a miss;
        12_000 * 300 + 350 * 3750,
        // the fourth: 12 540 of 13 410, the last 140 of them written for an hour;
        12_400 * 300 + 140 * 6000,
        // the fifth: 13 460 of 13 920, the last 60 of them written;
        13_400 * 300 + 60 * 3750,
        // the sixth follows a compaction: what came from the cache.
        4_000 * 300,
    ];
    assert_eq!(figures(&answer, "context_sent_again"), (again.iter().sum(), 5, [0, 39_800, 300 + 12_350 + 60, 140]));
    assert_eq!(category(&answer, "context_sent_again")["attribution"], "measured");

    // After ten minutes a cache of five is gone; after forty minutes one of an hour is not.
    assert_eq!(figures(&answer, "cache_misses_after_pause"), (12_000 * (3750 - 300), 1, [0, 0, 12_000, 0]));
    assert_eq!(category(&answer, "cache_misses_after_pause")["attribution"], "measured");

    // What the step after the compaction did not read: 3000 written, 30 sent.
    assert_eq!(figures(&answer, "compactions"), (3_000 * (3750 - 300) + 30 * (3000 - 300), 1, [30, 0, 3_000, 0]));

    // What the second step wrote is read by nobody within five minutes; what the last one wrote belongs to the compaction.
    assert_eq!(figures(&answer, "cache_writes_never_read"), (2_000 * (3750 - 3000), 1, [0, 0, 2_000, 0]));

    // One of two tool calls failed: half of what is new in the step after them, 1700 written (as input) and 50 sent.
    assert_eq!(figures(&answer, "failed_tools"), (1_750 * 3000 / 2, 1, [25, 0, 850, 0]));

    let claimed: u64 = answer["categories"].as_array().unwrap().iter().map(|c| c["cost"]["nano_usd"].as_u64().unwrap()).sum();
    assert_eq!(answer["claimed"]["nano_usd"].as_u64(), Some(claimed));
    assert_eq!(answer["avoidable"]["nano_usd"].as_u64(), Some(claimed - again.iter().sum::<u64>()));
    assert!(claimed < cost);
    assert_eq!((&answer["tool_calls"], &answer["tool_failures"], &answer["compactions"]), (&json!(2), &json!(1), &json!(1)));
    assert_eq!(answer["retries"], json!({"count": 1, "attribution": "measured", "tokens": null, "cost": null}));
}

#[test]
fn subagents_are_a_share_and_no_category() {
    let machine = machine();
    let (own, below) = (STEPS.iter().map(|(_, usage)| cost_of(*usage)).sum::<u64>(), 4_500_000);
    let one = machine.json(&["waste", "--session", ID]);
    assert_eq!(one["subagents"]["cost"]["nano_usd"].as_u64(), Some(below));
    let whole = own + below;
    assert_eq!(one["subagents"]["share_permille"].as_u64(), Some((below * 1000 + whole / 2) / whole));
    let all = machine.json(&["waste", "--all"]);
    assert_eq!(all["cost"]["nano_usd"].as_u64(), Some(own + below));
    assert_eq!(all["subagents"]["cost"]["nano_usd"].as_u64(), Some(below));
    assert_eq!(all["claimed"], one["claimed"], "the subagent's only step has nothing in any category");
    let sessions: Vec<&Value> = all["sessions"].as_array().unwrap().iter().collect();
    assert_eq!(sessions.iter().map(|s| s["id"].as_str().unwrap()).collect::<Vec<_>>(), [ID, HELPER]);
    assert_eq!(sessions[0]["categories"], one["categories"]);
}

#[test]
fn a_window_counts_its_own_steps_and_knows_those_before_and_after() {
    let machine = machine();
    let answer = machine.json(&["waste", "--since", "2026-11-01T10:45", "--until", "2026-11-01T11:00"]);
    assert_eq!(answer["steps"], 2);
    assert_eq!(figures(&answer, "context_sent_again"), (13_400 * 300 + 60 * 3750 + 4_000 * 300, 2, [0, 17_400, 60, 0]));
    let before = machine.json(&["waste", "--until", "2026-11-01T10:10"]);
    assert_eq!(before["window"], json!({"from": null, "to": "2026-11-01T10:15:00.000Z"}), "whole quarters");
    assert_eq!(before["steps"], 5, "four of the session, one of its subagent");
    assert_eq!(figures(&before, "cache_writes_never_read").0, 2_000 * 750, "the third step's writes are read after the window");
}

#[test]
fn the_session_itself_says_the_same() {
    let machine = machine();
    let (session, waste) = (machine.json(&["session", ID]), machine.json(&["waste", "--session", ID]));
    for field in ["categories", "claimed", "avoidable", "subagents", "places", "cost"] {
        assert_eq!(session["waste"][field], waste[field], "{field}");
    }
    let text = machine.run(&["session", ID]).out;
    assert!(text.contains("context sent again") && text.contains("avoidable"), "{text}");
}

#[test]
fn other_models_are_priced_step_by_step_and_promise_nothing() {
    let machine = machine();
    let answer = machine.json(&["waste", "--session", ID, "--what-if", "claude-haiku-4-5", "--what-if", "gpt-5-mini"]);
    let steps = || STEPS.iter().map(|(_, usage)| *usage);
    let own: u64 = steps().map(cost_of).sum();
    // $1 in, $0.10 read, $1.25 and $2 written, $5 out.
    let haiku: u64 = steps().map(|[i, r, s, l, o]| i * 1000 + r * 100 + s * 1250 + l * 2000 + o * 5000).sum();
    // $0.25 in, $0.025 read, no price of writes, $2 out.
    let mini: u64 = steps().map(|[i, r, s, l, o]| (i + s + l) * 250 + r * 25 + o * 2000).sum();
    for (i, (name, then)) in [("claude-haiku-4-5", haiku), ("gpt-5-mini", mini)].into_iter().enumerate() {
        let (total, model) = (&answer["what_if"][i], &answer["models"][0]["what_if"][i]);
        assert_eq!((total["model"].as_str(), total["cost"]["nano_usd"].as_u64()), (Some(name), Some(then)));
        assert_eq!(total["difference"]["nano_usd"].as_i64(), Some(then.cast_signed() - own.cast_signed()));
        assert_eq!(model["cost"], total["cost"]);
        assert!(total["note"].as_str().unwrap().contains("not a promise of quality"));
    }
    assert_eq!(answer["what_if"][1]["assumed"], json!(["it has no price for cache writes: they count as input"]));
    let text = machine.run(&["waste", "--all", "--what-if", "claude-haiku-4-5"]).out;
    assert!(text.contains("IF ALL HAD BEEN claude-haiku-4-5") && text.contains("not a promise of quality"), "{text}");
}

#[test]
fn a_model_that_nobody_knows_is_an_error_with_names_that_are_near() {
    let run = machine().run(&["waste", "--what-if", "claude-haiku-45", "--json"]);
    assert_eq!(run.code, 3);
    let error = run.error();
    assert_eq!(error["code"], "unknown_model");
    assert!(error["hint"].as_str().unwrap().contains("claude-haiku-4-5"), "{error}");
}

#[test]
fn what_has_no_price_has_tokens_and_no_money() {
    let machine = machine();
    machine.write("config.toml", "");
    let answer = machine.json(&["waste", "--session", ID]);
    let again = category(&answer, "context_sent_again");
    assert_eq!((&again["cost"]["nano_usd"], &again["tokens"]["cache_read"]), (&Value::Null, &json!(39_800)));
    assert_eq!((&answer["avoidable"]["usd"], &again["share_permille"]), (&Value::Null, &Value::Null));
    assert_eq!(answer["tiers"][3]["tier"], Value::Null);
    let text = machine.run(&["waste", "--session", ID]).out;
    assert!(text.contains("6 steps have no known price"), "{text}");
}

#[test]
fn classes_follow_from_the_price_and_are_held_against_the_target() {
    let machine = machine();
    let tiers = |machine: &Machine| machine.json(&["waste", "--all"])["tiers"].clone();
    let workhorse = tiers(&machine)[1].clone();
    assert_eq!((&workhorse["tier"], &workhorse["share_permille"]), (&json!("workhorse"), &json!(1000)));
    assert_eq!((&workhorse["target_percent"], &workhorse["within_target"]), (&json!([70, 80]), &json!(false)));
    let price = "input = \"3\", output = \"15\"";
    machine.write(
        "config.toml",
        &format!("tier_target = [\"small=90-100\"]\ntier_models = [\"house=small\"]\n[prices]\nhouse = {{ {price} }}\n"),
    );
    let small = tiers(&machine)[2].clone();
    assert_eq!((&small["tier"], &small["share_permille"], &small["within_target"]), (&json!("small"), &json!(1000), &json!(true)));
    machine.write("config.toml", "tier_target = [\"workhorse=80-70\"]\n");
    let noted = machine.run(&["waste", "--all"]).err;
    assert!(noted.contains("tier_target") && noted.contains("workhorse=70-80"), "{noted}");
}
