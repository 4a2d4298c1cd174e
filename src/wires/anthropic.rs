//! Anthropic's Messages: <https://docs.anthropic.com/en/api/messages-streaming>.
//!
//! A stream begins with `message_start`, which has the prompt's counters, and ends with a `message_delta` whose counters
//! are sums for the whole message: they replace the earlier ones. `input_tokens` holds nothing that the cache read or
//! wrote. On Google's cloud the same answers come from a path that names the model.
//!
//! `iterations` lists the requests that were made for an answer. A summary, advice, and what another model had begun to
//! write before it declined are billed, and are not in the counters.

use serde_json::{Value, json};

use super::meter::Counters;
use super::{Answer, Asked, Fields, Part, Said, Seen, Wire, count};
use crate::model::{Beside, Tier};

#[derive(Debug)]
pub(super) struct Anthropic;

impl Wire for Anthropic {
    fn name(&self) -> &'static str {
        "anthropic"
    }

    fn is_call(&self, path: &str) -> bool {
        path.ends_with("/messages") || path.ends_with(":rawPredict") || path.ends_with(":streamRawPredict")
    }

    fn model_in(&self, path: &str) -> Option<String> {
        let (model, _) = path.rsplit('/').next()?.split_once(':')?;
        Some(model.to_owned())
    }

    fn asked(&self) -> Fields<Asked> {
        &[("model", Asked::Model), ("max_tokens", Asked::Most), ("stream", Asked::Stream)]
    }

    fn said(&self) -> Fields<Said> {
        &[
            ("type", Said::Kind),
            ("message.id", Said::Id),
            ("message.model", Said::Model),
            ("message.usage", Said::Usage),
            ("usage", Said::Usage),
            ("delta.stop_reason", Said::Finish),
            ("delta.text", Said::Text),
            ("delta.thinking", Said::Text),
            ("delta.partial_json", Said::Text),
            // One document instead of a stream.
            ("id", Said::Id),
            ("model", Said::Model),
            ("stop_reason", Said::Finish),
        ]
    }

    fn usage(&self, json: &Value, seen: &mut Seen) {
        seen.counters.replace(counters(json));
        if let Some(made) = json.get("iterations").and_then(Value::as_array) {
            requests(made, seen);
        }
        if let Some(searches) = count(json, "/server_tool_use/web_search_requests") {
            seen.searches = u32::try_from(searches).unwrap_or(u32::MAX);
        }
        let word = |name: &str| json.get(name).and_then(Value::as_str);
        if let Some(word) = word("service_tier") {
            seen.tier = Tier::named(word.as_bytes());
        }
        seen.speed.fast |= word("speed") == Some("fast");
        seen.speed.us_only |= word("inference_geo") == Some("us");
    }

    fn is_last(&self, kind: &str, seen: &Seen) -> bool {
        matches!(kind, "message_delta" | "message") && seen.finished && seen.counters.is_told()
    }

    /// 402 stops Claude Code after this one call; 403 does too, but shows "Please run /login" in front of the text.
    fn refusal(&self, text: &str) -> Answer {
        Answer::json(402, &json!({"type": "error", "error": {"type": "billing_error", "message": text}}))
    }

    fn failure(&self, status: u16, text: &str) -> Answer {
        Answer::json(status, &json!({"type": "error", "error": {"type": "api_error", "message": text}}))
    }

    fn session_headers(&self) -> &'static [&'static str] {
        &["x-claude-code-session-id", "x-session-affinity", "x-session-id", "session-id"]
    }
}

fn counters(json: &Value) -> Counters {
    let split = |at| count(json, at);
    let (short, long) = (split("/cache_creation/ephemeral_5m_input_tokens"), split("/cache_creation/ephemeral_1h_input_tokens"));
    Counters {
        input: count(json, "/input_tokens"),
        read: count(json, "/cache_read_input_tokens"),
        written: count(json, "/cache_creation_input_tokens"),
        split: (short.is_some() || long.is_some()).then(|| (short.unwrap_or(0), long.unwrap_or(0))),
        output: count(json, "/output_tokens"),
        reasoning: count(json, "/output_tokens_details/thinking_tokens"),
    }
}

/// Takes what is billed beside the answer; the last list is the whole one.
fn requests(made: &[Value], seen: &mut Seen) {
    let kind = |request: &Value| request.get("type").and_then(Value::as_str).map(str::to_owned).unwrap_or_default();
    let model = |request: &Value| request.get("model").and_then(Value::as_str).map(str::to_owned);
    let served = made.iter().find(|request| kind(request) == "fallback_message").and_then(model);
    let part = |request: &Value| {
        let (model, tokens) = (model(request), counters(request).tokens());
        let why = match kind(request).as_str() {
            "advisor_message" => Beside::Advisor,
            "compaction" => Beside::Compaction,
            // One that declines before it has written anything is billed for some reasons only, which are not told here.
            "message" if served.is_some() && model.is_some() && model != served && tokens.output > 0 => Beside::Declined,
            _ => return None,
        };
        Some(Part { why, model, tokens })
    };
    seen.beside = made.iter().filter_map(part).collect();
    seen.served = served.or(seen.served.take());
}
