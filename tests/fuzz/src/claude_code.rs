//! Logs of `claude-code`.

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    super::log("claude-code", ["/h/.claude/projects/p/s1.jsonl", "/h/.claude/projects/p/s1/subagents/agent-a1.jsonl"], data);
}
