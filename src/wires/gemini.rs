//! Google's Gemini: <https://ai.google.dev/api/generate-content>, on its own, on Vertex AI, and as Code Assist, which
//! wraps requests and answers in an object.
//!
//! Chunks have usage so far; the last one's counts. `promptTokenCount` includes what the cache read; thoughts are not
//! part of the candidates, and what tools brought into the prompt is not part of the prompt.

use serde_json::{Value, json};

use super::meter::Counters;
use super::{Answer, Asked, Fields, Said, Seen, Wire, count};

#[derive(Debug)]
pub(super) struct Gemini;

impl Wire for Gemini {
    fn name(&self) -> &'static str {
        "gemini"
    }

    fn is_call(&self, path: &str) -> bool {
        path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent")
    }

    fn model_in(&self, path: &str) -> Option<String> {
        let (models, method) = path.rsplit_once('/')?;
        let (model, _) = method.split_once(':')?;
        models.ends_with("/models").then(|| model.to_owned())
    }

    fn asked(&self) -> Fields<Asked> {
        &[
            ("model", Asked::Model),
            ("generationConfig.maxOutputTokens", Asked::Most),
            ("request.generationConfig.maxOutputTokens", Asked::Most),
        ]
    }

    fn said(&self) -> Fields<Said> {
        &[
            ("responseId", Said::Id),
            ("modelVersion", Said::Model),
            ("usageMetadata", Said::Usage),
            ("candidates.finishReason", Said::Finish),
            // Refused before anything was written.
            ("promptFeedback.blockReason", Said::Finish),
            ("candidates.content.parts.text", Said::Text),
            ("candidates.content.parts.functionCall", Said::Text),
            ("response.responseId", Said::Id),
            ("response.modelVersion", Said::Model),
            ("response.usageMetadata", Said::Usage),
            ("response.candidates.finishReason", Said::Finish),
            ("response.candidates.content.parts.text", Said::Text),
            ("response.candidates.content.parts.functionCall", Said::Text),
        ]
    }

    fn usage(&self, json: &Value, seen: &mut Seen) {
        let sum = |a: Option<u64>, b: Option<u64>| a.map(|a| a.saturating_add(b.unwrap_or(0)));
        let prompt = sum(count(json, "/promptTokenCount"), count(json, "/toolUsePromptTokenCount"));
        let thoughts = count(json, "/thoughtsTokenCount");
        // Absent when nothing was written.
        let output = sum(count(json, "/candidatesTokenCount").or(thoughts.map(|_| 0)).or(prompt.map(|_| 0)), thoughts);
        seen.counters.replace(Counters {
            output,
            reasoning: thoughts,
            ..Counters::of_whole_prompt(prompt, count(json, "/cachedContentTokenCount"), None)
        });
    }

    /// 402 and 403 stop Gemini CLI after this one call.
    fn refusal(&self, text: &str) -> Answer {
        Answer::json(403, &json!({"error": {"code": 402, "message": text, "status": "FAILED_PRECONDITION"}}))
    }

    fn failure(&self, status: u16, text: &str) -> Answer {
        Answer::json(status, &json!({"error": {"code": status, "message": text, "status": "UNAVAILABLE"}}))
    }

    fn session_headers(&self) -> &'static [&'static str] {
        &["x-session-affinity", "x-session-id"]
    }
}
