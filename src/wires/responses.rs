//! `OpenAI`'s Responses: <https://platform.openai.com/docs/api-reference/responses-streaming>.
//!
//! The last event (`response.completed`, `.incomplete` or `.failed`) holds the whole response once more, with its usage.
//! `input_tokens` includes what the cache read and wrote; `output_tokens` includes reasoning.

use serde_json::{Value, json};

use super::meter::Counters;
use super::{Answer, Asked, Fields, Said, Seen, Wire, count};

#[derive(Debug)]
pub(super) struct Responses;

impl Wire for Responses {
    fn name(&self) -> &'static str {
        "openai-responses"
    }

    fn is_call(&self, path: &str) -> bool {
        path.ends_with("/responses") || path.ends_with("/responses/compact")
    }

    fn asked(&self) -> Fields<Asked> {
        &[("model", Asked::Model), ("max_output_tokens", Asked::Most), ("stream", Asked::Stream)]
    }

    fn said(&self) -> Fields<Said> {
        &[
            ("type", Said::Kind),
            ("response.id", Said::Id),
            ("response.model", Said::Model),
            ("response.usage", Said::Usage),
            ("response.service_tier", Said::Tier),
            // Text, reasoning and the arguments of tools alike.
            ("delta", Said::Text),
            // One document instead of a stream.
            ("object", Said::Kind),
            ("id", Said::Id),
            ("model", Said::Model),
            ("usage", Said::Usage),
            ("service_tier", Said::Tier),
        ]
    }

    fn usage(&self, json: &Value, seen: &mut Seen) {
        let read = count(json, "/input_tokens_details/cached_tokens");
        let written = count(json, "/input_tokens_details/cache_write_tokens");
        seen.counters.replace(Counters {
            output: count(json, "/output_tokens"),
            reasoning: count(json, "/output_tokens_details/reasoning_tokens"),
            ..Counters::of_whole_prompt(count(json, "/input_tokens"), read, written)
        });
    }

    fn is_last(&self, kind: &str, seen: &Seen) -> bool {
        match kind {
            "response.completed" | "response.incomplete" | "response.failed" | "response.cancelled" => true,
            "response" | "response.compaction" => seen.counters.is_told(),
            _ => false,
        }
    }

    /// Plain text of status 400 is the one answer that stops Codex after this one call and is shown as it is: it tries
    /// 402 and 403 six times, and prints JSON as JSON.
    fn refusal(&self, text: &str) -> Answer {
        Answer { status: 400, content_type: "text/plain; charset=utf-8", body: text.to_owned() }
    }

    fn failure(&self, status: u16, text: &str) -> Answer {
        Answer::json(status, &json!({"error": {"message": text, "type": "server_error", "param": null, "code": null}}))
    }

    fn session_headers(&self) -> &'static [&'static str] {
        &["thread-id", "session-id", "session_id", "conversation_id", "x-session-affinity", "x-session-id"]
    }
}
