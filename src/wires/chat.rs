//! `OpenAI`'s Chat Completions: <https://platform.openai.com/docs/api-reference/chat-streaming>, and the many services
//! that speak it.
//!
//! A stream tells its usage only to who asks for it with `stream_options.include_usage`; then its last chunk has it.
//! `prompt_tokens` includes what the cache read.

use serde_json::{Value, json};

use super::meter::Counters;
use super::{Answer, Asked, Estimate, Fields, Said, Seen, Wire, count};

#[derive(Debug)]
pub(super) struct Chat;

impl Wire for Chat {
    fn name(&self) -> &'static str {
        "openai-chat"
    }

    fn is_call(&self, path: &str) -> bool {
        path.ends_with("/completions")
    }

    fn asked(&self) -> Fields<Asked> {
        &[
            ("model", Asked::Model),
            ("max_tokens", Asked::Most),
            ("max_completion_tokens", Asked::Most),
            ("stream", Asked::Stream),
            ("stream_options", Asked::Options),
        ]
    }

    fn said(&self) -> Fields<Said> {
        &[
            ("id", Said::Id),
            ("model", Said::Model),
            ("usage", Said::Usage),
            ("service_tier", Said::Tier),
            ("choices.finish_reason", Said::Finish),
            ("choices.text", Said::Text),
            ("choices.delta.content", Said::Text),
            ("choices.delta.reasoning_content", Said::Text),
            ("choices.delta.reasoning", Said::Text),
            ("choices.delta.tool_calls.function.arguments", Said::Text),
        ]
    }

    fn usage(&self, json: &Value, seen: &mut Seen) {
        let prompt = count(json, "/prompt_tokens");
        // DeepSeek has a name of its own for it.
        let read = count(json, "/prompt_tokens_details/cached_tokens").or_else(|| count(json, "/prompt_cache_hit_tokens"));
        let reasoning = count(json, "/completion_tokens_details/reasoning_tokens");
        let mut output = count(json, "/completion_tokens");
        // Some services leave reasoning out of the output; their own total gives it away.
        if let (Some(all), Some(prompt), Some(written), Some(thought)) = (count(json, "/total_tokens"), prompt, output, reasoning)
            && thought > 0
            && Some(all) == prompt.checked_add(written).and_then(|sum| sum.checked_add(thought))
        {
            output = written.checked_add(thought);
        }
        seen.counters.replace(Counters { output, reasoning, ..Counters::of_whole_prompt(prompt, read, None) });
    }

    /// 402 with JSON stops every agent that was tried after this one call.
    fn refusal(&self, text: &str) -> Answer {
        Answer::json(402, &json!({"error": {"message": text, "type": "budget_exceeded", "code": "budget_exceeded"}}))
    }

    fn failure(&self, status: u16, text: &str) -> Answer {
        Answer::json(status, &json!({"error": {"message": text, "type": "server_error", "code": null}}))
    }

    fn session_headers(&self) -> &'static [&'static str] {
        &["x-session-affinity", "x-session-id", "session-id", "x-opencode-session"]
    }

    fn amend(&self, estimate: &Estimate, body: &[u8]) -> Option<Vec<u8>> {
        if !estimate.streams || estimate.has_options {
            return None;
        }
        // Right behind the opening brace: all other bytes stay as they are. A stream that is asked for has a field.
        let at = body.iter().position(|b| !b.is_ascii_whitespace())?;
        let (head, tail) = body.split_at_checked(at + 1)?;
        head.ends_with(b"{").then(|| [head, br#""stream_options":{"include_usage":true},"#, tail].concat())
    }
}
