//! What each agent is answered. The questions are as the agents asked them (names and ids shortened); that the answers
//! halt was seen with the real agents, by `tests/agents/prove.py`.

use aifinops::guards::{Ask, Moment, Verdict};
use serde_json::{Value, json};

use super::{Home, guard};

fn ask(agent: &str, question: &Value) -> Ask {
    guard(agent).read(None, question.to_string().as_bytes()).unwrap()
}

fn halted(agent: &str, ask: &Ask) -> Option<Value> {
    let reply = guard(agent).speak(ask, Verdict::Halt("the cap is used up"));
    assert_eq!((reply.code, reply.stderr.as_slice()), (0, b"".as_slice()));
    assert_eq!(guard(agent).speak(ask, Verdict::Go), aifinops::guards::Reply::default(), "going on says nothing");
    (!reply.stdout.is_empty()).then(|| serde_json::from_slice(&reply.stdout).unwrap())
}

#[test]
fn claude_code() {
    let question = |event: &str| json!({"session_id": "s1", "transcript_path": "/h/.claude/projects/p/s1.jsonl", "cwd": "/w", "prompt_id": "p", "permission_mode": "default", "hook_event_name": event});
    let prompt = ask("claude-code", &question("UserPromptSubmit"));
    assert_eq!(prompt.moment, Moment::Prompt);
    assert_eq!(halted("claude-code", &prompt), Some(json!({"decision": "block", "reason": "the cap is used up"})));
    let mut batch = question("PostToolBatch");
    batch["tool_calls"] = json!([{"tool_name": "Bash", "tool_input": {"command": "x"}, "tool_use_id": "toolu_1", "tool_response": "y"}]);
    let step = ask("claude-code", &batch);
    assert_eq!((step.moment, step.tool_use.as_deref(), step.session.as_deref()), (Moment::Step, Some("toolu_1"), Some("s1")));
    // A refusal of the tool beside it would let 2.1.197 go on.
    assert_eq!(halted("claude-code", &step), Some(json!({"continue": false, "stopReason": "the cap is used up"})));
    for other in ["Stop", "SessionStart", "SubagentStop"] {
        let ask = ask("claude-code", &question(other));
        assert_eq!((ask.moment, halted("claude-code", &ask)), (Moment::Other, None), "{other}: blocking a stop means to go on");
    }
}

#[test]
fn a_subagent_of_claude_code_has_a_transcript_of_its_own() {
    let home = Home::new();
    home.write(".claude/projects/p/s1/subagents/agent-a1.jsonl", "");
    let session = home.path(".claude/projects/p/s1.jsonl");
    let question =
        |agent: &str| json!({"session_id": "s1", "transcript_path": session, "hook_event_name": "PostToolBatch", "agent_id": agent});
    assert_eq!(ask("claude-code", &question("a1")).transcript, Some(home.path(".claude/projects/p/s1/subagents/agent-a1.jsonl")));
    for other in ["a2", "../../x"] {
        assert_eq!(ask("claude-code", &question(other)).transcript.as_ref(), Some(&session), "{other}");
    }
}

#[test]
fn codex() {
    let question = |event: &str| json!({"session_id": "s1", "turn_id": "t", "transcript_path": "/h/.codex/sessions/r.jsonl", "cwd": "/w", "hook_event_name": event, "model": "m", "tool_use_id": "call_1"});
    let prompt = ask("codex", &question("UserPromptSubmit"));
    assert_eq!(halted("codex", &prompt), Some(json!({"decision": "block", "reason": "the cap is used up"})));
    let step = ask("codex", &question("PostToolUse"));
    assert_eq!((step.moment, step.tool_use.as_deref()), (Moment::Step, Some("call_1")));
    // No answer ends a turn of Codex: this one only tells the model, and the process is interrupted beside it.
    assert_eq!(halted("codex", &step), Some(json!({"continue": false, "stopReason": "the cap is used up"})));
    assert_eq!(halted("codex", &ask("codex", &question("Stop"))), None);
}

#[test]
fn gemini_cli() {
    let question = |event: &str| json!({"session_id": "s1", "transcript_path": "/h/.gemini/tmp/p/chats/s.jsonl", "cwd": "/w", "hook_event_name": event, "timestamp": "2026-11-22T04:57:23.399Z"});
    let prompt = ask("gemini-cli", &question("BeforeAgent"));
    assert_eq!(
        (prompt.moment, halted("gemini-cli", &prompt)),
        (Moment::Prompt, Some(json!({"decision": "deny", "reason": "the cap is used up"})))
    );
    let step = ask("gemini-cli", &question("BeforeModel"));
    assert_eq!(
        (step.moment, halted("gemini-cli", &step)),
        (Moment::Step, Some(json!({"continue": false, "stopReason": "the cap is used up"})))
    );
    assert_eq!(halted("gemini-cli", &ask("gemini-cli", &question("AfterAgent"))), None);
}

#[test]
fn opencode() {
    let step = ask("opencode", &json!({"hook_event_name": "chat.params", "session_id": "ses_1", "cwd": "/w", "agent": "build"}));
    assert_eq!((step.moment, halted("opencode", &step)), (Moment::Step, Some(json!({"halt": true, "text": "the cap is used up"}))));
}

#[test]
fn an_event_on_the_command_line_wins() {
    let ask = guard("codex").read(Some("UserPromptSubmit"), b"{}").unwrap();
    assert_eq!(ask.moment, Moment::Prompt);
}
