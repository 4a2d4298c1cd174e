//! `prices`, `doctor`, `config`, `completions`, `man`.

use std::fs;

use serde_json::json;

use super::{Machine, is_private};

#[test]
fn prices_of_a_model() {
    let machine = Machine::new();
    let shown = machine.json(&["prices", "show", "us.anthropic.claude-opus-4-6-v1:0"]);
    assert!(shown["models"][0]["listed_as"].is_string());
    assert_eq!(shown["models"][0]["per_million_tokens"]["input"], json!({"usd": 5.5, "nano_usd": 5_500_000_000_u64}));
    let other = machine.json(&["prices", "show", "anthropic/claude-opus-4.6"]);
    assert_eq!(other["models"][0]["listed_as"], "claude-opus-4-6", "as the README says");
    let own = machine.json(&["prices", "show", "house"]);
    assert_eq!(own["models"][0]["overridden"], json!(true));
    assert_eq!(own["models"][0]["per_million_tokens"]["cache_read"]["usd"], json!(0.3));
    let run = machine.run(&["prices", "show", "nobody-knows-this", "--json"]);
    assert_eq!(run.code, 3);
    assert_eq!(run.error()["code"], "unknown_model");
    assert!(run.error()["hint"].as_str().unwrap().contains("prices set nobody-knows-this"));
    assert!(machine.run(&["prices", "show", "claude-opus-4-6"]).out.contains("web search       $0.01 each"));
}

#[test]
fn a_price_of_ones_own_changes_stored_costs() {
    let machine = Machine::new();
    let unpriced = || machine.json(&["report", "models", "--all"])["total"]["cost"]["unpriced_calls"].clone();
    assert_eq!(unpriced(), json!(1));
    assert_eq!(machine.run(&["prices", "set", "nobody-knows-this", "--input", "1"]).code, 1, "an output price is needed");
    let set = machine.run(&["prices", "set", "nobody-knows-this", "--input", "1", "--output", "2", "--cache-read", "0.10"]);
    assert_eq!((set.code, set.err.as_str()), (0, ""));
    assert_eq!(unpriced(), json!(0));
    let shown = machine.json(&["prices", "show", "nobody-knows-this"]);
    assert_eq!(shown["models"][0]["per_million_tokens"]["cache_read"]["usd"], json!(0.1));
    // Another rate leaves those set before.
    assert_eq!(machine.run(&["prices", "set", "nobody-knows-this", "--cache-write", "3"]).code, 0);
    let rates = machine.json(&["prices", "show", "nobody-knows-this"])["models"][0]["per_million_tokens"].clone();
    assert_eq!((&rates["input"]["usd"], &rates["cache_write_5m"]["usd"]), (&json!(1), &json!(3)));
}

#[test]
fn a_model_with_dots_and_slashes_can_be_priced() {
    let machine = Machine::empty();
    let name = "Org/model-1.5:30b";
    let set = machine.run(&["prices", "set", name, "--input", "0", "--output", "0.5"]);
    assert_eq!((set.code, set.err.as_str()), (0, ""));
    assert_eq!(machine.json(&["prices", "show", name])["models"][0]["per_million_tokens"]["output"]["usd"], json!(0.5));
}

#[test]
fn an_update_from_a_file_adds_and_keeps() {
    let machine = Machine::new();
    let list = r#"{"nobody-knows-this":{"mode":"chat","litellm_provider":"x","input_cost_per_token":1e-06,"output_cost_per_token":2e-06}}"#;
    machine.write("list.json", list);
    let list = machine.path("list.json");
    let answer = machine.json(&["prices", "update", "--file", list.to_str().unwrap()]);
    assert_eq!((&answer["new"], &answer["changed"]), (&json!(1), &json!(0)));
    assert!(is_private(&machine.path("data/prices.tsv")));
    assert_eq!(machine.json(&["report", "models", "--all"])["total"]["cost"]["unpriced_calls"], json!(0));
    assert_eq!(machine.run(&["prices", "show", "claude-opus-4-6"]).code, 0, "what the list has not stays known");
    let again = machine.json(&["prices", "update", "--file", list.to_str().unwrap()]);
    assert_eq!((&again["new"], &again["models"]), (&json!(0), &answer["models"]));

    machine.write("page.html", "<html>");
    let before = fs::read(machine.path("data/prices.tsv")).unwrap();
    let run = machine.run(&["prices", "update", "--file", machine.path("page.html").to_str().unwrap(), "--json"]);
    assert_eq!((run.code, &run.error()["code"]), (1, &json!("prices")));
    assert_eq!(fs::read(machine.path("data/prices.tsv")).unwrap(), before);
}

#[test]
fn a_network_that_is_not_there_changes_nothing() {
    let machine = Machine::new();
    let run = machine.run(&["prices", "update", "--url", "https://127.0.0.1:9/list.json", "--json"]);
    assert_eq!((run.code, &run.error()["code"]), (1, &json!("network")));
    assert!(!machine.path("data/prices.tsv").exists());
}

#[test]
fn a_damaged_price_list_is_passed_over() {
    let machine = Machine::new();
    machine.write("data/prices.tsv", "# aifinops prices 1\n# models: 5\nx\t1,2\n");
    let run = machine.run(&["prices", "show", "claude-opus-4-6"]);
    assert!(run.code == 0 && run.err.contains("using the built-in prices"), "{}", run.err);
}

#[test]
fn doctor_tells_everything() {
    let machine = Machine::new().with_hostile_log();
    let found = machine.json(&["doctor"]);
    let files = found["files"].as_array().unwrap();
    assert_eq!(files.len(), 4);
    let bad: Vec<_> = files.iter().filter(|f| f["malformed"] != json!(0)).collect();
    assert_eq!((bad.len(), &bad[0]["malformed"]), (1, &json!(1)));
    assert!(bad[0]["first_malformed"].is_string());
    assert!(files.iter().all(|f| f["offset"] == f["size"]));
    assert_eq!(found["unpriced"].as_array().unwrap().len(), 2);
    assert_eq!((&found["store"]["damage"], &found["store"]["writer"]), (&json!(null), &json!(true)));
    assert_eq!(found["prices"]["overrides"], json!(1));
    assert!(found["settings"].as_array().unwrap().iter().any(|s| s["key"] == "timezone" && s["origin"] == "AIFINOPS_TIMEZONE"));
    assert!(found["parsers"].as_array().unwrap().iter().any(|p| p["agent"] == "codex"));
    let text = machine.run(&["doctor"]).out;
    assert!(text.contains("1 of them unreadable") && text.contains("! nobody-knows-this: 1 call without a price"), "{text}");
}

#[test]
fn doctor_recomputes_and_compares() {
    let machine = Machine::new();
    let sound = machine.json(&["doctor", "--rebuild"]);
    assert_eq!(
        sound["rebuild"],
        json!({"calls": 4, "facts": sound["rebuild"]["facts"], "wrong_slots": 0, "wrong_tasks": 0, "wrong_tools": 0})
    );
    let db = rusqlite::Connection::open(machine.path("data/aifinops.db")).unwrap();
    db.execute("UPDATE rollup SET nanos = nanos + 1 WHERE nanos > 0", []).unwrap();
    drop(db);
    let run = machine.run(&["doctor", "--rebuild"]);
    assert_eq!(run.code, 1);
    assert!(run.out.contains("2 sums by time"), "{}", run.out);
    assert_eq!(machine.run(&["doctor", "--rebuild"]).code, 0, "mended");
}

#[test]
fn settings_can_be_shown_set_and_unset() {
    let machine = Machine::empty();
    let value = |key: &str| {
        let shown = machine.json(&["config", "show"]);
        let row = shown["settings"].as_array().unwrap().iter().find(|s| s["key"] == key).cloned().unwrap();
        (row["value"].as_str().unwrap().to_owned(), row["origin"].as_str().unwrap().to_owned())
    };
    assert_eq!(value("theme"), ("dark".to_owned(), "default".to_owned()));
    assert_eq!(machine.run(&["config", "set", "theme", "nord"]).code, 0);
    assert_eq!(value("theme"), ("nord".to_owned(), "config file".to_owned()));
    assert_eq!(machine.run(&["config", "unset", "theme"]).code, 0);
    assert_eq!(value("theme").1, "default");
    let run = machine.run(&["config", "set", "thme", "nord", "--json"]);
    assert_eq!((run.code, &run.error()["code"]), (1, &json!("config")));
    assert_eq!(machine.run(&["config", "path"]).out.trim_end(), machine.path("config.toml").to_str().unwrap());
    assert!(machine.run(&["config"]).out.contains("#theme = \"dark\""));
}

#[test]
fn a_broken_config_is_told_and_stops_nothing() {
    let machine = Machine::new();
    machine.write("config.toml", "theme = [");
    let run = machine.run(&["sessions", "--all"]);
    assert_eq!(run.code, 0);
    assert!(run.err.starts_with("config: "), "{}", run.err);
    assert_eq!(machine.json(&["config", "show"])["problems"].as_array().unwrap().len(), 1);
}

#[cfg(unix)]
#[test]
fn the_editor_is_the_users_and_mistakes_are_told() {
    let machine = Machine::empty();
    let edit = |editor: &str| super::Run::of(machine.command(&["config", "edit"]).env("EDITOR", editor).output().unwrap());
    let run = edit("true");
    assert!(run.code == 0 && run.out.contains("all settings can be used"), "{}{}", run.out, run.err);
    assert!(is_private(&machine.path("config.toml")));
    machine.write("config.toml", "theme = 3");
    assert_eq!(edit("true --wait").code, 1);
    let run = edit("/no/such/editor");
    assert!(run.code == 1 && run.err.contains("could not be started"), "{}", run.err);
}

#[test]
fn shells_and_manual() {
    let machine = Machine::empty();
    for shell in ["bash", "zsh", "fish"] {
        let script = machine.run(&["completions", shell]);
        assert!(script.code == 0 && script.out.contains("aifinops") && script.out.contains("sessions"), "{shell}");
    }
    let page = machine.run(&["man"]).out;
    assert!(page.contains(".TH aifinops 1") && page.contains("EXAMPLES"), "{page}");
    let dir = machine.path("man1");
    assert_eq!(machine.run(&["man", "--dir", dir.to_str().unwrap()]).code, 0);
    assert!(dir.join("aifinops-sessions.1").exists());
}
