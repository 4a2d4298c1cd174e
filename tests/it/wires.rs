//! Usage, refusals and estimates of each wire, from streams of the shape that the services send.

use aifinops::model::{Beside, Tier, Tokens};
use aifinops::wires::{self, Estimate, Meter, Part, Usage, Wire};
use proptest::prelude::*;

/// A stream of Anthropic's: 12 outside the cache, 1000 read, 300 written (200 of them for an hour), 57 written.
const ANTHROPIC: &str = concat!(
    "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_01\",\"type\":\"message\",\"role\":\"assistant\",",
    "\"model\":\"claude-sonnet-4-5-20250929\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":12,",
    "\"cache_creation_input_tokens\":300,\"cache_read_input_tokens\":1000,\"cache_creation\":{\"ephemeral_5m_input_tokens\":100,",
    "\"ephemeral_1h_input_tokens\":200},\"output_tokens\":1,\"service_tier\":\"standard\"}}}\n\n",
    "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    "event: ping\ndata: {\"type\":\"ping\"}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"Hello, you\"}}\n\n",
    "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\\\"usage\\\":{\\\"input_tokens\\\":9}}\"}}\n\n",
    "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
    "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},",
    "\"usage\":{\"output_tokens\":57,\"server_tool_use\":{\"web_search_requests\":2}}}\n\n",
    "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
);

const RESPONSES: &str = concat!(
    "event: response.created\ndata: {\"type\":\"response.created\",\"sequence_number\":0,\"response\":{\"id\":\"resp_1\",\"object\":\"response\",\"status\":\"in_progress\",\"model\":\"gpt-5.2-codex\",\"usage\":null}}\n\n",
    "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"item_id\":\"m\",\"delta\":\"Hello\"}\n\n",
    "event: response.completed\ndata: {\"response\":{\"id\":\"resp_1\",\"model\":\"gpt-5.2-codex\",\"service_tier\":\"priority\",\"output\":[{\"type\":\"message\",\"usage\":1}],",
    "\"usage\":{\"input_tokens\":5000,\"input_tokens_details\":{\"cached_tokens\":4000},\"output_tokens\":300,\"output_tokens_details\":{\"reasoning_tokens\":120},\"total_tokens\":5300}},\"type\":\"response.completed\"}\n\n",
);

const CHAT: &str = concat!(
    "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4.1\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"Hi\"},\"finish_reason\":null}],\"usage\":null}\r\n\r\n",
    ": keep-alive\r\n\r\n",
    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4.1\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}],\"usage\":null}\r\n\r\n",
    "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4.1\",\"choices\":[],\"usage\":{\"prompt_tokens\":100,\"completion_tokens\":20,\"total_tokens\":120,\"prompt_tokens_details\":{\"cached_tokens\":60},\"completion_tokens_details\":{\"reasoning_tokens\":5}}}\r\n\r\n",
    "data: [DONE]\r\n\r\n",
);

const GEMINI: &str = concat!(
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"Hel\"}]},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":900,\"totalTokenCount\":900},\"modelVersion\":\"gemini-2.5-pro\",\"responseId\":\"r1\"}\n\n",
    "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"lo\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":900,\"candidatesTokenCount\":30,\"cachedContentTokenCount\":800,\"thoughtsTokenCount\":70,\"toolUsePromptTokenCount\":10,\"totalTokenCount\":1010},\"modelVersion\":\"gemini-2.5-pro\",\"responseId\":\"r1\"}\n\n",
);

fn tokens(input: u64, cache_read: u64, written: (u64, u64), output: u64, reasoning: u64) -> Tokens {
    Tokens { input, cache_read, cache_write_5m: written.0, cache_write_1h: written.1, output, reasoning }
}

/// Path, stream, id, model and tokens of each wire.
fn table() -> [(&'static str, &'static str, &'static str, &'static str, Tokens); 4] {
    [
        ("/v1/messages?beta=true", ANTHROPIC, "msg_01", "claude-sonnet-4-5-20250929", tokens(12, 1000, (100, 200), 57, 0)),
        ("/v1/responses", RESPONSES, "resp_1", "gpt-5.2-codex", tokens(1000, 4000, (0, 0), 300, 120)),
        ("/v1/chat/completions", CHAT, "chatcmpl-1", "gpt-4.1", tokens(40, 60, (0, 0), 20, 5)),
        ("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", GEMINI, "r1", "gemini-2.5-pro", tokens(110, 800, (0, 0), 100, 70)),
    ]
}

fn wire(path: &str) -> &'static dyn Wire {
    wires::of_path(path).unwrap_or_else(|| panic!("{path}"))
}

fn meter(path: &str, pieces: &[&[u8]]) -> Meter {
    let mut meter = Meter::new(wire(path), Estimate { model: Some("asked".to_owned()), input: 77, ..Estimate::default() });
    for piece in pieces {
        meter.feed(piece);
    }
    meter
}

fn usage(path: &str, text: &str) -> Option<Usage> {
    meter(path, &[text.as_bytes()]).usage()
}

#[test]
fn each_wire_says_what_was_used() {
    for (path, stream, id, model, tokens) in table() {
        let usage = usage(path, stream).unwrap();
        assert_eq!(
            (usage.id.as_deref(), usage.model.as_deref(), usage.tokens, usage.told),
            (Some(id), Some(model), tokens, true),
            "{path}"
        );
    }
    assert_eq!(usage("/v1/messages", ANTHROPIC).unwrap().searches, 2);
    assert_eq!(usage("/v1/responses", RESPONSES).unwrap().tier, Tier::Priority);
}

#[test]
fn what_is_billed_beside_an_answer_is_told_with_it() {
    let stream = |iterations: &str| {
        ANTHROPIC.replace("\"usage\":{\"output_tokens\":57,", &format!("\"usage\":{{\"output_tokens\":57,\"iterations\":[{iterations}],"))
    };
    let summary = r#"{"type":"compaction","input_tokens":180,"output_tokens":35},{"type":"message","input_tokens":12,"output_tokens":57}"#;
    let usage_of = |iterations: &str| usage("/v1/messages", &stream(iterations)).unwrap();
    let answer = usage_of(summary);
    assert_eq!(answer.tokens, tokens(12, 1000, (100, 200), 57, 0));
    assert_eq!(answer.beside, [Part { why: Beside::Compaction, model: None, tokens: tokens(180, 0, (0, 0), 35, 0) }]);
    assert_eq!(answer.all_tokens().output, 92);
    let declined = r#"{"type":"message","model":"a","input_tokens":9,"output_tokens":0},{"type":"message","model":"b","input_tokens":9,"output_tokens":3},
        {"type":"message","model":"c","input_tokens":9,"output_tokens":5},{"type":"fallback_message","model":"c","input_tokens":9,"output_tokens":52}"#;
    let answer = usage_of(&declined.replace('\n', ""));
    assert_eq!(answer.model.as_deref(), Some("c"), "the head of a stream names the one that was asked");
    assert_eq!(answer.beside, [Part { why: Beside::Declined, model: Some("b".to_owned()), tokens: tokens(9, 0, (0, 0), 3, 0) }]);
    assert_eq!(usage("/v1/messages", ANTHROPIC).unwrap().beside, []);
}

#[test]
fn one_document_says_the_same_as_a_stream() {
    let documents = [
        r#"{"id":"msg_01","type":"message","role":"assistant","model":"claude-sonnet-4-5-20250929","content":[{"type":"tool_use","input":{"model":"x","usage":{}}}],"stop_reason":"end_turn","usage":{"input_tokens":12,"cache_creation_input_tokens":300,"cache_read_input_tokens":1000,"cache_creation":{"ephemeral_5m_input_tokens":100,"ephemeral_1h_input_tokens":200},"output_tokens":57}}"#,
        r#"{"id":"resp_1","object":"response","status":"completed","model":"gpt-5.2-codex","output":[],"usage":{"input_tokens":5000,"input_tokens_details":{"cached_tokens":4000},"output_tokens":300,"output_tokens_details":{"reasoning_tokens":120},"total_tokens":5300}}"#,
        r#"{"id":"chatcmpl-1","object":"chat.completion","model":"gpt-4.1","choices":[{"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"stop"}],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":60},"completion_tokens_details":{"reasoning_tokens":5}}}"#,
        r#"[{"candidates":[{"content":{"parts":[{"text":"Hello"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":900,"candidatesTokenCount":30,"cachedContentTokenCount":800,"thoughtsTokenCount":70,"toolUsePromptTokenCount":10},"modelVersion":"gemini-2.5-pro","responseId":"r1"}]"#,
    ];
    for (document, (path, _, id, _, tokens)) in documents.into_iter().zip(table()) {
        let usage = usage(path, document).unwrap();
        assert_eq!((usage.id.as_deref(), usage.tokens, usage.told), (Some(id), tokens, true), "{path}");
    }
    let wrapped = r#"data: {"response":{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":9,"candidatesTokenCount":1},"responseId":"r2"}}"#;
    let usage = usage("/v1internal:streamGenerateContent", &format!("{wrapped}\n\n")).unwrap();
    assert_eq!((usage.id.as_deref(), usage.tokens), (Some("r2"), tokens(9, 0, (0, 0), 1, 0)));
}

#[test]
fn a_stream_that_breaks_off_counts_what_was_streamed() {
    let cut = |stream: &str, before: &str| stream[..stream.find(before).unwrap()].to_owned();
    // The prompt was told at the beginning; 10 bytes of text and 31 of a tool's arguments as they are escaped.
    let usage_of = |path, text: String| usage(path, &text).unwrap();
    let anthropic = usage_of("/v1/messages", cut(ANTHROPIC, "event: message_delta"));
    assert_eq!((anthropic.tokens, anthropic.told), (tokens(12, 1000, (100, 200), 11, 0), false));
    // Nothing was told of the prompt: the request's size counts.
    let responses = usage_of("/v1/responses", cut(RESPONSES, "event: response.completed"));
    assert_eq!((responses.tokens, responses.told), (tokens(77, 0, (0, 0), 2, 0), false));
    assert_eq!(responses.model.as_deref(), Some("gpt-5.2-codex"));
    let chat = usage_of("/v1/chat/completions", cut(CHAT, "data: {\"id\":\"chatcmpl-1\",\"model\":\"gpt-4.1\",\"choices\":[]"));
    assert_eq!((chat.tokens, chat.told), (tokens(77, 0, (0, 0), 1, 0), false));
    let gemini = usage_of(
        "/m/models/g:streamGenerateContent",
        cut(GEMINI, "data: {\"candidates\":[{\"content\":{\"role\":\"model\",\"parts\":[{\"text\":\"lo"),
    );
    assert_eq!((gemini.tokens, gemini.told), (tokens(900, 0, (0, 0), 1, 0), false));
}

#[test]
fn what_is_no_answer_has_used_nothing() {
    for (path, ..) in table() {
        for text in [
            "",
            "<html><body>captive portal</body></html>",
            "{\"error\":{\"message\":\"no\"}}",
            "data: [DONE]\n\n",
            "data: {\"type\":\"error\"}\n\n",
            "\u{0}\u{1}",
        ] {
            assert_eq!(usage(path, text), None, "{path} {text}");
        }
    }
    let failed = "data: {\"type\":\"response.failed\",\"response\":{\"id\":\"resp_1\",\"model\":\"m\",\"usage\":null}}\n\n";
    assert_eq!(usage("/v1/responses", failed), None);
}

#[test]
fn usage_is_known_before_the_last_bytes_are() {
    for (path, stream, ..) in table() {
        let mut known = None;
        let mut meter = meter(path, &[]);
        for (at, byte) in stream.bytes().enumerate() {
            meter.feed(&[byte]);
            if meter.is_done() {
                known.get_or_insert(at);
            }
        }
        assert!(known.is_some_and(|at| at + 2 < stream.len()), "{path}: {known:?} of {}", stream.len());
    }
}

#[test]
fn model_calls_are_known_by_their_path() {
    for path in [
        "/v1/messages/count_tokens",
        "/v1/models",
        "/v1/files",
        "/v1beta/models/g:countTokens",
        "/analytics/codex/turn-costs",
        "/",
        "/v1/embeddings",
    ] {
        assert!(wires::of_path(path).is_none(), "{path}");
    }
    let names = [
        "/messages",
        "/v1/responses/compact",
        "/api/v1/completions",
        "/v1/projects/p/models/g:generateContent",
        "/models/claude:streamRawPredict",
    ];
    let names = names.map(|path| wire(path).name());
    assert_eq!(names, ["anthropic", "openai-responses", "openai-chat", "gemini", "anthropic"]);
}

#[test]
fn a_request_says_what_it_may_use() {
    let of = |path: &str, body: &str| Estimate::of(wire(path), path, body.as_bytes());
    let anthropic =
        of("/v1/messages", r#"{"messages":[{"content":"\"model\":\"no\""}],"max_tokens":32000,"model":"claude-opus-4-6","stream":true}"#);
    assert_eq!((anthropic.model.as_deref(), anthropic.most_output, anthropic.streams), (Some("claude-opus-4-6"), Some(32_000), true));
    assert_eq!(anthropic.input, 26);
    let gemini = of("/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse", r#"{"generationConfig":{"maxOutputTokens":8192}}"#);
    assert_eq!((gemini.model.as_deref(), gemini.most_output), (Some("gemini-2.5-pro"), Some(8192)));
    let broken = of("/v1/responses", "\u{1f}\u{8b} not json");
    assert_eq!((broken.model, broken.most_output, broken.input), (None, None, 3));
}

#[test]
fn a_chat_stream_is_asked_to_tell_its_usage() {
    let amended = |body: &str| {
        let path = "/v1/chat/completions";
        let wire = wire(path);
        wire.amend(&Estimate::of(wire, path, body.as_bytes()), body.as_bytes()).map(|bytes| String::from_utf8(bytes).unwrap())
    };
    let body = " {\"model\":\"m\",  \"stream\":true}";
    assert_eq!(amended(body).unwrap(), " {\"stream_options\":{\"include_usage\":true},\"model\":\"m\",  \"stream\":true}");
    for body in [r#"{"model":"m"}"#, r#"{"stream":false}"#, r#"{"stream":true,"stream_options":{"include_usage":false}}"#, "[true]", ""] {
        assert_eq!(amended(body), None, "{body}");
    }
    for wire in wires::ALL.into_iter().filter(|wire| wire.name() != "openai-chat") {
        assert_eq!(wire.amend(&Estimate { streams: true, ..Estimate::default() }, b"{}"), None);
    }
}

#[test]
fn each_agent_is_refused_in_its_own_tongue() {
    let text = "the \"limit\" is used up";
    let answers = wires::ALL.map(|wire| wire.refusal(text));
    assert_eq!(answers.each_ref().map(|answer| answer.status), [402, 400, 402, 403]);
    let quoted = r#"the \"limit\" is used up"#;
    assert_eq!(answers[0].body, format!(r#"{{"error":{{"message":"{quoted}","type":"billing_error"}},"type":"error"}}"#));
    assert_eq!((answers[1].body.as_str(), answers[1].content_type), (text, "text/plain; charset=utf-8"));
    assert_eq!(answers[2].body, format!(r#"{{"error":{{"code":"budget_exceeded","message":"{quoted}","type":"budget_exceeded"}}}}"#));
    assert_eq!(answers[3].body, format!(r#"{{"error":{{"code":402,"message":"{quoted}","status":"FAILED_PRECONDITION"}}}}"#));
}

#[test]
fn a_session_is_an_id_and_nothing_else() {
    let session =
        |name: &'static str, value: &str| wires::session(wire("/v1/messages"), &|asked| (asked == name).then(|| value.to_owned()));
    assert_eq!(session("x-claude-code-session-id", "3f2a91c0-1").as_deref(), Some("3f2a91c0-1"));
    for value in ["", "a b", "\u{1b}[2J", &"x".repeat(129)] {
        assert_eq!(session("x-claude-code-session-id", value), None);
    }
}

proptest! {
    #[test]
    fn pieces_of_any_size_say_the_same(which in 0_usize..4, cuts in prop::collection::vec(0_usize..2000, 0..12)) {
        let (path, stream, ..) = table()[which];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % stream.len()).collect();
        cuts.sort_unstable();
        cuts.push(stream.len());
        let mut from = 0;
        let mut pieces = Vec::new();
        for cut in cuts {
            pieces.push(&stream.as_bytes()[from..cut]);
            from = cut;
        }
        prop_assert_eq!(meter(path, &pieces).usage(), usage(path, stream));
    }

    #[test]
    fn nothing_that_comes_is_too_much(which in 0_usize..4, bytes in prop::collection::vec(any::<u8>(), 0..500)) {
        let mut meter = meter(table()[which].0, &[&bytes, b"\n\n"]);
        let _ = meter.usage();
        // Whatever came before, the next event is read.
        let (_, stream, id, ..) = table()[which];
        meter.feed(b"\"}]}\r\n\r\n");
        meter.feed(stream.as_bytes());
        let starts_as_json = bytes.iter().find(|b| !b.is_ascii_whitespace()).is_none_or(|b| matches!(b, b'{' | b'['));
        prop_assert!(starts_as_json || meter.usage().is_some_and(|usage| usage.id.as_deref() == Some(id)));
    }
}
