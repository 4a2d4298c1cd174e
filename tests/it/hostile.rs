//! Logs are written by others: no bytes in them may stop the reader, exhaust it, or reach a terminal as commands.

use std::path::Path;

use aifinops::model::text::{clean, columns, fit, is_hostile};
use aifinops::model::{Batch, Tokens};
use aifinops::sources::{self, Source};
use aifinops::store::Sums;
use proptest::prelude::*;

/// Reads bytes as one agent's log, in pieces of so many lines, saving and loading the memory between the pieces.
fn read(source: &dyn Source, bytes: &[u8], lines: usize) -> Vec<Batch> {
    let path = Path::new("/logs/agent-a1.jsonl");
    let mut batches = Vec::new();
    let mut carry: Option<Vec<u8>> = None;
    let all: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    for piece in all.chunks(lines.max(1)) {
        let skim = source.skim(&piece.concat());
        let mut fold = source.fold(path, carry.as_deref());
        let _ = fold.wants_ancestor(&skim);
        fold.ancestor(source.skim(&piece.concat()));
        fold.companion(bytes);
        let mut batch = Batch::default();
        fold.feed(skim, &mut batch);
        carry = Some(fold.carry());
        batches.push(batch);
    }
    batches
}

/// Reads bytes as one agent's document, which may take any number of lines.
fn read_document(source: &dyn Source, bytes: &[u8]) -> Batch {
    let mut batch = Batch::default();
    source.fold(Path::new("/logs/chats/session-a1.json"), None).feed(source.skim_document(bytes), &mut batch);
    batch
}

fn survives(bytes: &[u8]) {
    for source in sources::ALL {
        read_document(*source, bytes);
        for lines in [1, 3, usize::MAX] {
            for batch in read(*source, bytes, lines) {
                let sessions = batch.sessions.len();
                assert!(batch.calls.iter().all(|c| usize::try_from(c.session).unwrap() < sessions));
                assert!(batch.facts.iter().all(|f| usize::try_from(f.session).unwrap() < sessions));
                let sum = batch.calls.iter().fold(Tokens::default(), |sum, call| sum + call.tokens);
                let _ = (sum.total(), sum.cache_hit_permille());
                let mut facts = Sums::default();
                batch.facts.iter().for_each(|fact| facts.add(&Sums::of(fact), 1));
            }
        }
    }
}

/// Lines as the agents write them, each rich in members.
const VALID: [&str; 21] = [
    r#"{"parentUuid":null,"isSidechain":false,"cwd":"/code/api","sessionId":"s","version":"2.1.226","gitBranch":"main","type":"user","message":{"role":"user","content":"fix it"},"uuid":"u1","timestamp":"2026-08-10T09:00:00.000Z"}"#,
    r#"{"type":"assistant","uuid":"u2","parentUuid":"u1","sessionId":"s","isSidechain":true,"requestId":"r","timestamp":"2026-08-10T09:00:02.000Z","message":{"id":"msg_1","model":"claude-opus-4-6","stop_reason":"tool_use","content":[{"type":"tool_use","id":"t1","name":"Bash","input":{"usage":{"x":null}}}],"usage":{"input_tokens":6,"cache_creation_input_tokens":10,"cache_read_input_tokens":5,"cache_creation":{"ephemeral_5m_input_tokens":4,"ephemeral_1h_input_tokens":6},"output_tokens":278,"output_tokens_details":{"thinking_tokens":120},"server_tool_use":{"web_search_requests":1},"service_tier":"standard","inference_geo":"us","iterations":[{"type":"advisor_message","model":"m","input_tokens":4,"output_tokens":6}],"speed":"fast"}}}"#,
    r#"{"type":"user","uuid":"u3","sessionId":"s","agentId":"a","forkedFrom":{"sessionId":"o"},"timestamp":"2026-08-10T09:00:03.000Z","message":{"role":"user","content":[{"tool_use_id":"t1","type":"tool_result","content":"no","is_error":true}]}}"#,
    r#"{"type":"system","subtype":"compact_boundary","sessionId":"s","compactMetadata":{"trigger":"auto","preTokens":167000,"postTokens":12000},"uuid":"u4","timestamp":"2026-08-10T09:00:04.000Z"}"#,
    r#"{"type":"assistant","isApiErrorMessage":true,"costUSD":0.0125,"sessionId":"s","timestamp":"2026-08-10T09:00:05.000Z","message":{"model":"<synthetic>","usage":{"output_tokens":0}}}"#,
    r#"{"timestamp":"2026-08-10T09:00:00.000Z","type":"session_meta","payload":{"id":"t","timestamp":"2026-08-10T09:00:00.000Z","cwd":"/code/api","cli_version":"0.147.0","source":{"subagent":{"thread_spawn":{"parent_thread_id":"p","agent_nickname":"Ada"}}},"forked_from_id":"p","subagent_history_start_ordinal":3,"git":{"branch":"main"}}}"#,
    r#"{"timestamp":"2026-08-10T09:00:00.000Z","type":"session_meta","payload":{"id":"p"}}"#,
    r#"{"timestamp":"2026-08-10T09:00:01.000Z","ordinal":4,"type":"turn_context","payload":{"turn_id":"019feae6-7680-7000-8000-000000000001","cwd":"/w","model":"gpt-5","service_tier":"priority"}}"#,
    r#"{"timestamp":"2026-08-10T09:00:01.000Z","type":"event_msg","payload":{"type":"task_started","turn_id":"019feae6-7680-7000-8000-000000000001","model_context_window":258400}}"#,
    r#"{"timestamp":"2026-08-10T09:00:02.000Z","type":"event_msg","payload":{"type":"token_count","info":{"total_token_usage":{"input_tokens":22724,"cached_input_tokens":11008,"cache_write_input_tokens":7,"output_tokens":177,"reasoning_output_tokens":3,"total_tokens":22901},"last_token_usage":{"input_tokens":22724,"total_tokens":22901},"model_context_window":258400},"rate_limits":{"limit_id":"codex","primary":{"used_percent":68.5,"window_minutes":10080,"resets_at":1787205653}}}}"#,
    r#"{"timestamp":"2026-08-10T09:00:03.000Z","type":"response_item","payload":{"type":"function_call_output","call_id":"c1","output":"{\"output\":\"x\",\"metadata\":{\"exit_code\":-1}}"}}"#,
    r#"{"timestamp":"2026-08-10T09:00:04.000Z","type":"event_msg","payload":{"type":"item_completed","item":{"type":"UserMessage","id":"u","content":[{"type":"text","text":"fix it"}]}}}"#,
    r#"{"sessionId":"s","projectHash":"9f2c","startTime":"2026-08-10T09:00:00.000Z","lastUpdated":"2026-08-10T09:00:00.000Z","kind":"main","directories":["/code/api"],"messages":[{"id":"m1","timestamp":"2026-08-10T09:00:00.000Z","type":"user","content":"fix it"}]}"#,
    r#"{"id":"m2","timestamp":"2026-08-10T09:00:01.000Z","type":"user","content":[{"text":"<session_context>\n- **Workspace Directories:**\n  - /code/api\n</session_context>"},{"text":"fix it"},{"inlineData":{"mimeType":"image/png","data":"iVBO"}}]}"#,
    r#"{"id":"m3","timestamp":"2026-08-10T09:00:02.000Z","type":"gemini","content":"","thoughts":[],"tokens":{"input":100,"output":10,"cached":40,"thoughts":5,"tool":1,"total":116},"model":"gemini-2.5-pro","toolCalls":[{"id":"c1","name":"glob","args":{},"result":[],"status":"error","timestamp":"2026-08-10T09:00:02.000Z"}]}"#,
    r#"{"$set":{"messages":[{"id":"m4","type":"gemini","content":[{"text":"Got it. Thanks for the additional context!"}]}],"lastUpdated":"2026-08-10T09:00:03.000Z"}}"#,
    r#"{"id":"m5","timestamp":"2026-08-10T09:00:04.000Z","type":"error","content":"[API Error: no]"}"#,
    r#"{"table":"message","id":"msg_2","session_id":"ses_1","time_created":1786352402000,"session":{"parent_id":"ses_0","directory":"/w","version":"1.18.33","time_created":1786352400000},"parts":false,"data":{"role":"assistant","parentID":"msg_1","modelID":"m","agent":"build","time":{"created":1786352402000,"completed":1786352404000},"cost":0.0125,"tokens":{"total":161,"input":100,"output":40,"reasoning":16,"cache":{"read":5,"write":0}},"finish":"tool-calls","error":{"name":"APIError"}}}"#,
    r#"{"table":"part","id":"prt_1","session_id":"ses_1","message_id":"msg_2","time_created":1786352403000,"session":{"directory":"/w","version":"1.2.26"},"message":{"data":{"role":"assistant","parentID":"msg_1","modelID":"m","time":{"created":1786352402000}}},"twins":1,"data":{"type":"step-finish","cost":1e-7,"tokens":{"input":100,"output":40,"reasoning":16,"cache":{"read":5,"write":7}}}}"#,
    r#"{"table":"part","id":"prt_2","session_id":"ses_1","message_id":"msg_2","time_created":1786352403000,"message":{"data":{"role":"user","time":{"created":1786352402000}}},"data":{"type":"tool","tool":"bash","callID":"c1","state":{"status":"running","metadata":{"exit":1},"time":{"start":1786352403000}}}}"#,
    r#"{"table":"session_message","id":"msg_3","session_id":"ses_1","type":"assistant","time_created":1786352403000,"older":false,"data":{"model":{"id":"m"},"content":[{"type":"tool","id":"c2","name":"bash","state":{"status":"error"}}],"time":{"created":1786352402000,"completed":1786352404000},"cost":2,"tokens":{"input":1,"output":2}}}"#,
];

/// What takes the place of a number or a whole value.
const ODD: [&str; 17] = [
    "1e999",
    "-1",
    "9223372036854775808",
    "18446744073709551616",
    "\"7\"",
    "\"\"",
    "null",
    "true",
    "[]",
    "{}",
    "[[[[]]]]",
    "1.5e-3",
    "-0",
    "\"\\ud83d\"",
    "\"\\",
    "{\"a\":",
    "999999999999",
];

/// A line whose numbers have been replaced, one after another in turn.
fn with_numbers(line: &str, odd: &str) -> String {
    let mut out = String::new();
    let mut rest = line;
    while let Some(i) = rest.find(':') {
        out.push_str(&rest[..=i]);
        rest = &rest[i + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 && rest[digits..].starts_with([',', '}']) {
            out.push_str(odd);
            rest = &rest[digits..];
        }
    }
    out + rest
}

#[test]
fn the_valid_lines_are_valid() {
    let all = VALID.join("\n") + "\n";
    for source in sources::ALL {
        let batch = &read(*source, all.as_bytes(), usize::MAX)[0];
        assert_eq!((batch.lines, batch.malformed), (21, 0));
        assert!(!batch.calls.is_empty() && !batch.facts.is_empty(), "{} finds its own lines", source.agent());
    }
}

#[test]
fn odd_numbers_are_survived_in_every_place() {
    for odd in ODD {
        let lines: Vec<String> = VALID.iter().map(|line| with_numbers(line, odd)).collect();
        survives((lines.join("\n") + "\n").as_bytes());
    }
}

#[test]
fn every_string_may_be_something_else() {
    for odd in ODD {
        for line in VALID {
            let pieces: Vec<&str> = line.split('"').collect();
            for i in (1..pieces.len()).step_by(2) {
                let value = pieces[i + 1..].first().is_some_and(|after| !after.starts_with(':'));
                if value {
                    let (before, after) = (pieces[..i].join("\""), pieces[i + 1..].join("\""));
                    let both = format!("{before}{odd}{after}\n{line}\n");
                    for source in sources::ALL {
                        read(*source, both.as_bytes(), usize::MAX);
                    }
                }
            }
        }
    }
}

#[test]
fn every_beginning_of_a_line_is_survived() {
    for line in VALID {
        for end in 0..line.len() {
            for source in sources::ALL {
                source.skim(&line.as_bytes()[..end]);
            }
        }
        survives(&line.as_bytes()[..line.len() / 2]);
    }
}

#[test]
fn deep_nesting_does_not_exhaust_the_stack() {
    for (open, close) in [
        ("[", "]"),
        ("{\"a\":", "}"),
        ("[{\"content\":", "}]"),
        ("{\"message\":", "}"),
        ("{\"payload\":{\"item\":", "}}"),
        ("{\"subagent\":", "}"),
    ] {
        let deep = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        let lines = [
            deep.clone(),
            format!(r#"{{"type":"assistant","message":{{"id":"m","content":{deep},"usage":{deep}}}}}"#),
            format!(r#"{{"type":"event_msg","payload":{{"type":"token_count","info":{deep},"item":{deep},"rate_limits":{deep}}}}}"#),
            format!(r#"{{"type":"session_meta","payload":{{"id":"t","source":{deep}}}}}"#),
            format!(r#"{{"id":"m","type":"gemini","content":{deep},"tokens":{deep},"toolCalls":{deep},"$set":{deep}}}"#),
            format!(r#"{{"sessionId":"s","messages":{deep},"directories":{deep},"$set":{{"messages":{deep}}}}}"#),
            open.repeat(10_000),
        ];
        survives((lines.join("\n") + "\n").as_bytes());
    }
}

#[test]
fn a_hundred_thousand_blocks_are_read_in_one_line() {
    let tools: Vec<String> = (0..100_000).map(|i| format!(r#"{{"type":"tool_use","id":"t{i}","name":"Bash"}}"#)).collect();
    let line = format!(
        r#"{{"type":"assistant","sessionId":"s","message":{{"id":"m","model":"x","content":[{}],"usage":{{"output_tokens":1}}}}}}"#,
        tools.join(",")
    );
    let batch = &read(sources::ALL[0], line.as_bytes(), 1)[0];
    assert_eq!((batch.calls.len(), batch.facts.len()), (1, 100_000));
    let text = VALID[11].replace(r#"{"type":"text","text":"fix it"}"#, &vec![r#"{"type":"text","text":"x"}"#; 100_000].join(","));
    assert_eq!(read(sources::ALL[1], text.as_bytes(), 1)[0].malformed, 0);
}

#[test]
fn a_file_s_memory_stays_small_whatever_it_holds() {
    let numbered = |line: &str| (0..3_000).map(|i| line.replace('#', &i.to_string()) + "\n").collect::<String>();
    let logs = [
        (
            0,
            numbered(r#"{"type":"assistant","sessionId":"s","uuid":"u#","message":{"id":"m#","content":[{"type":"tool_use","id":"t#"}]}}"#),
        ),
        (0, numbered(r#"{"type":"assistant","sessionId":"s","isSidechain":true,"uuid":"u#","parentUuid":"u","message":{"id":"m#"}}"#)),
        (0, numbered(r#"{"type":"user","sessionId":"s","isSidechain":true,"uuid":"u#","message":{"content":"one more sidechain"}}"#)),
        (0, numbered(r#"{"type":"user","sessionId":"session-#","uuid":"u#","message":{"content":"one more session"}}"#)),
        (1, numbered(r#"{"type":"response_item","payload":{"type":"function_call","name":"x","call_id":"c#"}}"#)),
        (1, numbered(r#"{"type":"event_msg","payload":{"type":"task_started","turn_id":"t#"}}"#)),
        (1, numbered(r#"{"type":"event_msg","payload":{"type":"user_message","message":"steer #"}}"#)),
        (2, numbered(r#"{"id":"m#","type":"gemini","tokens":{},"toolCalls":[{"id":"c#","name":"x","status":"executing"}]}"#)),
        (2, numbered(r#"{"sessionId":"session-#","directories":["/code/#"],"$set":{"messages":[{"id":"m#"}]}}"#)),
        (2, format!(r#"{{"sessionId":"{0}","directories":["{0}"]}}"#, "x".repeat(1_000_000))),
    ];
    for (agent, log) in logs {
        let source = sources::ALL[agent];
        let mut fold = source.fold(Path::new("/logs/s.jsonl"), None);
        fold.feed(source.skim(log.as_bytes()), &mut Batch::default());
        let size = fold.carry().len();
        assert!(size < 128 * 1024, "{} remembers {size} bytes of {}", source.agent(), log.lines().next().unwrap());
    }
}

#[test]
fn sessions_beyond_those_that_are_remembered_still_count() {
    let line = r#"{"type":"assistant","sessionId":"session-#","uuid":"u#","timestamp":"2026-08-10T09:00:00Z","message":{"id":"m#","model":"x","usage":{"output_tokens":1}}}"#;
    let log: String = (0..3_000).map(|i| line.replace('#', &(i % 1_000).to_string()) + "\n").collect();
    for batch in read(sources::ALL[0], log.as_bytes(), usize::MAX) {
        let uids: Vec<&str> = batch.calls.iter().map(|c| &*batch.sessions[usize::try_from(c.session).unwrap()].uid).collect();
        assert_eq!(uids.len(), 3_000);
        assert!(uids.iter().enumerate().all(|(i, uid)| uid.starts_with(&format!("session-{}/", i % 1_000))));
    }
}

#[test]
fn a_memory_that_was_damaged_is_begun_anew() {
    for source in sources::ALL {
        for carry in [
            &b""[..],
            b"{",
            b"null",
            b"[1]",
            b"{\"talks\":7}",
            b"{\"pending\":7}",
            b"\xff\xff",
            b"{\"thread\":\"t\",\"totals\":{\"input\":-1}}",
        ] {
            let mut fold = source.fold(Path::new("/logs/s.jsonl"), Some(carry));
            fold.feed(source.skim((VALID.join("\n") + "\n").as_bytes()), &mut Batch::default());
        }
    }
}

#[test]
fn nothing_that_is_shown_can_drive_a_terminal() {
    for c in (0..=0x9f_u32).chain(0x2000..=0x206f).chain([0x61c, 0xfeff, 0xfff9, 0xfffa, 0xfffb]).filter_map(char::from_u32) {
        let control = u32::from(c) < 0x20 || (0x7f..=0x9f).contains(&u32::from(c));
        let bidi = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        let separator = matches!(c, '\u{2028}' | '\u{2029}');
        assert!(is_hostile(c) || !(control || bidi || separator), "{:04x}", u32::from(c));
    }
    assert_eq!(clean("a\x1b]0;pwned\x07b"), "a\u{fffd}]0;pwned\u{fffd}b");
    assert_eq!(clean("grüße 日本 👩‍💻"), "grüße 日本 👩‍💻", "ordinary text stays as it is");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_stop_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&bytes);
    }

    #[test]
    fn bytes_that_look_like_json_do_not_either(text in r#"[\[\]{}":,\\ a-f0-9.nult\n\x00-]{0,300}"#) {
        survives(text.as_bytes());
    }

    #[test]
    fn damaged_lines_do_not_either(order in prop::collection::vec((0..VALID.len(), any::<u16>(), any::<u8>(), 0..4_u8), 1..12)) {
        let mut log = Vec::new();
        for (line, place, byte, how) in order {
            let mut bytes = VALID[line].as_bytes().to_vec();
            let place = usize::from(place) % bytes.len();
            match how {
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                2 => { bytes.remove(place); }
                _ => bytes.truncate(place),
            }
            log.extend(bytes);
            log.push(b'\n');
        }
        survives(&log);
    }

    #[test]
    fn cleaned_text_is_harmless_and_fits(text in any::<String>(), more in "[\\x00-\\x1f\\x7f-\\x9f\u{202a}-\u{202e}\u{2066}-\u{2069}]{0,8}", width in 0..40_usize) {
        let text = text + &more;
        prop_assert!(!clean(&text).chars().any(|c| c.is_control() || is_hostile(c)));
        prop_assert_eq!(clean(&text).chars().count(), text.chars().count());
        let fitted = fit(&text, width);
        prop_assert!(columns(&fitted) <= width, "{fitted:?} is wider than {width}");
        prop_assert!(!fitted.chars().any(is_hostile));
    }
}
