//! The screen's filter by what sessions were for, with tags that change while it is open.

use std::process::Command;

use aifinops::model::time::rfc3339;

use super::terminal::Machine;

const SHOP: &str = "aaaa1111-0000-4000-8000-000000000001";
const NOTES: &str = "bbbb1111-0000-4000-8000-000000000002";

fn answer(session: &str, project: &str, branch: &str) -> String {
    let at = rfc3339(chrono::Utc::now().timestamp_millis() - 1000);
    format!(
        r#"{{"type":"assistant","sessionId":"{session}","uuid":"u-{project}","requestId":"r-{project}","timestamp":"{at}","cwd":"/code/{project}","gitBranch":"{branch}","version":"2.1.80","message":{{"id":"m-{project}","role":"assistant","model":"house","stop_reason":"end_turn","content":[{{"type":"text","text":"x"}}],"usage":{{"input_tokens":1000000,"output_tokens":0}}}}}}"#
    ) + "\n"
}

#[test]
fn a_tag_shows_and_hides_a_session_at_once() {
    let machine = Machine::new();
    machine.write(
        "config.toml",
        "[[attribution]]\nbranch = '([A-Z]+-\\d+)'\nset = { feature = \"$1\" }\n\n[prices]\nhouse = { input = \"1\", output = \"1\" }\n",
    );
    machine.write(&format!("home/.claude/projects/-shop/{SHOP}.jsonl"), &answer(SHOP, "shop-of-acme", "feat/PAY-7"));
    machine.write(&format!("home/.claude/projects/-notes/{NOTES}.jsonl"), &answer(NOTES, "notes-of-mine", "main"));
    let mut top = machine.run(&["top", "feature:pay-7"], 120, 30);
    top.shows(&["shop-of-acme", "$2.00 today"]);
    top.shows_no("notes-of-mine");
    let tag = |pair: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_aifinops"));
        command.args(["tag", NOTES, pair]).env("AIFINOPS_HOME", machine.path("home")).env("AIFINOPS_DATA_DIR", machine.path("data"));
        assert!(command.env("AIFINOPS_CONFIG", machine.path("config.toml")).output().unwrap().status.success());
    };
    tag("feature=PAY-7");
    top.shows(&["shop-of-acme", "notes-of-mine"]);
    tag("feature=");
    top.shows_no("notes-of-mine");
    top.press("q");
    assert!(top.ended().success());
}
