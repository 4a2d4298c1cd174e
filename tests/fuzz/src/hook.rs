//! Questions of agents.

use super::split;
use aifinops::guards::{ALL, Moment, Verdict};
use serde_json::Value;
use std::path::PathBuf;

const EVENTS: [Option<&str>; 6] =
    [None, Some("UserPromptSubmit"), Some("PostToolBatch"), Some("BeforeModel"), Some("chat.params"), Some("?")];

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    let Some((how, question)) = split(data) else { return };
    let guard = ALL[how % ALL.len()];
    let event = EVENTS[(how >> 2) % EVENTS.len()];
    let first = question.iter().find(|byte| !b" \t\n\r".contains(byte));
    let asked = guard.read(event, question);
    // What does not begin like an object is no question, and what breaks off before it has said at which event it asks.
    let begins = first == Some(&b'{');
    assert!(begins || asked.is_err());
    assert!(asked.is_ok() || !begins || event.is_none());
    let Ok(ask) = asked else { return };
    let texts = [ask.session.as_deref(), ask.subagent.as_deref(), ask.tool_use.as_deref()];
    assert!(texts.iter().flatten().all(|text| !text.is_empty()));
    // A question that breaks off is read as far as it goes, and is a question all the same where the event is known.
    let open = question.iter().position(|byte| *byte == b'{').unwrap();
    for cut in [open + 1, (open + question.len()).div_ceil(2), question.len()] {
        assert!(guard.read(event, &question[..cut.max(open + 1)]).is_ok() || event.is_none());
    }
    // What a whole question says is what is heard.
    if !question.contains(&b'\\')
        && let Ok(Value::Object(said)) = serde_json::from_slice::<Value>(question)
    {
        let text = |key: &str| said.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        assert_eq!(ask.session.as_deref(), text("session_id"));
        assert_eq!(ask.cwd, text("cwd").map(PathBuf::from));
        assert_eq!(ask.subagent.as_deref(), text("agent_id"));
        if event.is_none() && ["UserPromptSubmit", "BeforeAgent"].contains(&text("hook_event_name").unwrap_or_default()) {
            assert!(matches!(ask.moment, Moment::Prompt | Moment::Other));
        }
    }
    for verdict in [Verdict::Go, Verdict::Halt("the \u{1b}[31mcap\" is\nused up")] {
        if guard.agent() == "codex" && ask.moment == Moment::Step && verdict != Verdict::Go {
            continue; // looks for the agent's process
        }
        let reply = guard.speak(&ask, verdict);
        assert!(reply.code == 0 && reply.stderr.is_empty() && reply.interrupt.is_none());
        if reply.stdout.is_empty() {
            assert!(verdict == Verdict::Go || ask.moment == Moment::Other);
        } else {
            let text = std::str::from_utf8(&reply.stdout).unwrap();
            assert!(text.ends_with('\n') && text.matches('\n').count() == 1);
            serde_json::from_str::<Value>(text).unwrap();
        }
    }
}
