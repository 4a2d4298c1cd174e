//! Reports by what sessions were for: every cent is in one row, and what nobody can attribute is said.

use serde_json::Value;

use super::Machine;

const RULES: &str = r#"
[[attribution]]
branch = '([A-Z]+-\d+)'
set = { feature = "$1" }

[[attribution]]
agent = "codex"
set = { team = "web" }
"#;

fn rows(report: &Value, keys: &[&str]) -> Vec<String> {
    let row = |row: &Value| {
        let parts = keys.iter().map(|key| row[*key].as_str().unwrap_or("-").to_owned()).chain([row["cost"]["usd"].to_string()]);
        parts.collect::<Vec<_>>().join(" ")
    };
    report["rows"].as_array().unwrap().iter().map(row).collect()
}

#[test]
fn a_report_by_a_dimension_says_what_share_has_none() {
    let machine = Machine::new(RULES);
    let report = machine.json(&["report", "--by", "feature"]);
    // Two calls of the session and one of its subagent; the subagent follows its session.
    assert_eq!(rows(&report, &["feature"]), ["PAY-7 3", "- 2"]);
    assert_eq!(report["total"]["cost"]["usd"], 5);
    let none = &report["unattributed"];
    assert_eq!((&none["calls"], &none["cost"]["usd"], &none["share_permille"]), (&2.into(), &2.into(), &400.into()));
    let text = machine.ok(&["report", "--by", "feature"]);
    assert!(text.contains("FEATURE") && text.contains("PAY-7"), "{text}");
    assert!(text.ends_with("without feature: 40.0% of the cost: $2.00 of $5.00, 2 calls of 5 calls\n"), "{text}");
}

#[test]
fn dimensions_stand_alone_together_and_beside_the_others() {
    let machine = Machine::new(RULES);
    let report = machine.json(&["report", "--by", "team,feature"]);
    assert_eq!(rows(&report, &["team", "feature"]), ["- PAY-7 3", "- - 1", "web - 1"]);
    assert_eq!(report["unattributed"]["share_permille"], 1000, "none has both");
    let report = machine.json(&["report", "--by", "month,feature,agent", "--all"]);
    let months: Vec<&Value> = report["rows"].as_array().unwrap().iter().map(|row| &row["month"]).collect();
    assert!(months.iter().all(|month| month.as_str().is_some_and(|month| month.len() == 7)), "{report}");
    assert_eq!(report["total"]["cost"]["usd"], 5);
    let report = machine.json(&["report", "monthly", "--by", "feature", "agent:codex"]);
    assert_eq!(rows(&report, &["feature"]), ["- 1"]);
    assert_eq!(report["unattributed"]["share_permille"], 1000);
}

#[test]
fn a_report_by_something_else_says_nothing_of_it() {
    let machine = Machine::new(RULES);
    let report = machine.json(&["report", "daily"]);
    assert!(report.get("unattributed").is_none() && report["rows"][0].get("feature").is_none(), "{report}");
    let output = machine.run(&["report"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("<REPORT>"));
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn what_nothing_is_known_of_is_no_share() {
    let machine = Machine::new("");
    let report = machine.json(&["report", "--by", "customer", "--since", "2020-01-01", "--until", "2020-01-02"]);
    assert_eq!(report["unattributed"]["share_permille"], Value::Null);
}
