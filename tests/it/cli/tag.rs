//! `tag`: who says what a session was for, be it that it was for none.

use serde_json::{Value, json};

use super::{FIRST, Machine};

#[test]
fn that_a_session_was_for_none_is_said_by_somebody() {
    let machine = Machine::new();
    machine.write("config.toml", "[[attribution]]\nproject = \"api\"\nset = { feature = \"search\", customer = \"none\" }\n");
    let told = machine.json(&["tag", FIRST, "feature=none"]);
    let why = json!([
        {"dimension": "feature", "value": "none", "from": "tag"},
        {"dimension": "customer", "value": "none", "from": "rule"},
    ]);
    assert_eq!(told["why"], why);
    assert_eq!((&told["dimensions"]["feature"], &told["tags"]["feature"]), (&Value::Null, &json!("none")));
    let line = |dimension: &str, value: &str, from: &str| format!("{dimension:<12} {value}  {from}\n");
    let lines = line("feature", "none", "tag") + &line("customer", "none", "rule");
    assert_eq!(machine.run(&["tag", FIRST]).out, format!("claude-code {FIRST}\n{lines}"));
}

#[test]
fn what_nobody_says_has_no_origin() {
    let machine = Machine::new();
    assert_eq!(machine.json(&["tag", FIRST])["why"], json!([]));
    assert!(machine.run(&["tag", FIRST]).out.ends_with("\nNo tag, no rule and no parent says what it was for.\n"));
}
