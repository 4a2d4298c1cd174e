//! The records of Claude Code's transcripts and Codex' rollouts, as JSON.

use serde_json::{Value, json};

use super::rng::Rng;
use super::words;

/// The counters of one model call, each kind of token apart.
#[derive(Clone, Copy, Default)]
pub(super) struct Usage {
    pub input: u64,
    pub read: u64,
    pub written: u64,
    pub output: u64,
    pub reasoning: u64,
}

impl Usage {
    /// As Claude Code writes it; main conversations write to the cache for an hour, subagents for five minutes.
    pub(super) fn claude(&self, hour: bool) -> Value {
        let (short, long) = if hour { (0, self.written) } else { (self.written, 0) };
        json!({
            "input_tokens": self.input,
            "cache_read_input_tokens": self.read,
            "cache_creation_input_tokens": self.written,
            "cache_creation": {"ephemeral_5m_input_tokens": short, "ephemeral_1h_input_tokens": long},
            "output_tokens": self.output,
            "output_tokens_details": {"thinking_tokens": self.reasoning},
            "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
            "service_tier": "standard",
            "speed": "standard",
        })
    }

    /// As Codex writes it: cached tokens are part of the input.
    pub(super) fn codex(&self) -> Value {
        let input = self.input + self.read + self.written;
        json!({
            "input_tokens": input,
            "cached_input_tokens": self.read,
            "cache_write_input_tokens": self.written,
            "output_tokens": self.output,
            "reasoning_output_tokens": self.reasoning,
            "total_tokens": input + self.output,
        })
    }

    /// Adds another call's counters.
    pub(super) const fn add(&mut self, other: &Usage) {
        self.input += other.input;
        self.read += other.read;
        self.written += other.written;
        self.output += other.output;
        self.reasoning += other.reasoning;
    }
}

/// A human's prompt.
pub(super) fn prompt(text: &str) -> Value {
    json!({"type": "user", "promptSource": "typed", "origin": {"kind": "human"}, "message": {"role": "user", "content": text}})
}

/// One block of a response.
pub(super) fn block(id: &str, request: &str, model: &str, stop: &str, usage: &Value, content: &Value) -> Value {
    json!({
        "type": "assistant",
        "requestId": request,
        "message": {
            "id": id, "type": "message", "role": "assistant", "model": model, "stop_reason": stop,
            "content": [content], "usage": usage,
        },
    })
}

/// A tool and what it is given; one that only searches for a subagent that does nothing else.
pub(super) fn tool(rng: &mut Rng, cwd: &str, searches: bool) -> (&'static str, Value) {
    let names: &[&'static str] =
        if searches { &["Grep", "Read", "Glob"] } else { &["Read", "Edit", "Bash", "Grep", "Bash", "Edit", "Write"] };
    let name = rng.pick(names);
    let path = format!("{cwd}/{}", rng.pick(words::FILES));
    let input = match name {
        "Bash" => json!({"command": rng.pick(words::COMMANDS)}),
        "Grep" | "Glob" => json!({"pattern": "period", "path": cwd}),
        "Edit" => json!({"file_path": path, "old_string": "a", "new_string": "b"}),
        "Write" => json!({"file_path": path, "content": ""}),
        _ => json!({"file_path": path}),
    };
    (name, input)
}

/// What a tool gave back.
pub(super) fn result(tool: &str, failed: bool, text: &str, details: &Value) -> Value {
    json!({
        "type": "user",
        "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": tool, "content": text, "is_error": failed}]},
        "toolUseResult": details,
    })
}

/// A call that was refused and will be tried again.
pub(super) fn retry() -> Value {
    json!({
        "type": "system", "subtype": "api_error", "level": "error",
        "error": {"status": 529, "error": {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}},
        "retryInMs": 1400, "retryAttempt": 1, "maxRetries": 10,
    })
}

/// The context was summarized, and the summary.
pub(super) fn compaction(before: u64, after: u64) -> [Value; 2] {
    [
        json!({
            "type": "system", "subtype": "compact_boundary",
            "compactMetadata": {"trigger": "auto", "preTokens": before, "postTokens": after, "durationMs": 9000},
        }),
        json!({"type": "user", "isCompactSummary": true, "message": {"role": "user", "content": "What was done so far, in short."}}),
    ]
}

/// The agent's answer is complete.
pub(super) fn turn_end(millis: i64) -> Value {
    json!({"type": "system", "subtype": "turn_duration", "durationMs": millis})
}

/// A Codex message.
pub(super) fn message(role: &str, text: &str) -> Value {
    let kind = if role == "user" { "input_text" } else { "output_text" };
    json!({"type": "message", "role": role, "content": [{"type": kind, "text": text}]})
}

/// Codex' counters: all of the thread, the last call, and the plan's windows with the percentage used of each.
pub(super) fn token_count(total: &Usage, last: &Usage, window: u64, limits: [(f64, u64, i64); 2]) -> Value {
    let limit = |(used, minutes, resets): (f64, u64, i64)| json!({"used_percent": used, "window_minutes": minutes, "resets_at": resets});
    let [primary, secondary] = limits.map(limit);
    json!({
        "type": "token_count",
        "info": {"total_token_usage": total.codex(), "last_token_usage": last.codex(), "model_context_window": window},
        "rate_limits": {"limit_id": "codex", "primary": primary, "secondary": secondary, "plan_type": "pro"},
    })
}
