//! Under which names a model is found, and which names must find nothing.

use aifinops::pricing::{Book, lookup};
use proptest::prelude::*;

use super::{per_million, rates};

fn known(model: &str) -> bool {
    Book::embedded().find(model).is_some()
}

/// Asserts that two names have the same rates.
fn same(logged: &str, listed: &str) {
    assert!(lookup::candidates(logged).iter().any(|name| name == listed), "{logged} does not lead to {listed}");
    assert_eq!(Book::embedded().find(logged), Book::embedded().find(listed), "{logged} is not priced as {listed}");
    assert!(known(listed), "{listed} is unknown");
}

#[test]
fn is_tried_as_logged_first() {
    assert_eq!(lookup::candidates(" azure/GPT-5.4 ").first().unwrap(), "azure/GPT-5.4");
    assert_eq!(rates("us.anthropic.claude-opus-4-6-v1").input, per_million("5.5"), "a region's own price");
}

#[test]
fn may_differ_in_case() {
    same("Claude-Opus-4-6", "claude-opus-4-6");
}

#[test]
fn may_ask_for_the_long_window() {
    same("claude-opus-4-6[1m]", "claude-opus-4-6");
    assert_eq!(rates("claude-sonnet-4-5").context_window, Some(200_000));
    assert_eq!(rates("claude-sonnet-4-5[1m]").context_window, Some(1_000_000));
}

#[test]
fn may_carry_a_date() {
    same("claude-sonnet-4-6-20260217", "claude-sonnet-4-6");
    same("claude-opus-5@20260301", "claude-opus-5");
    same("gpt-5.5-2026-12-01", "gpt-5.5");
    same("claude-opus-4-5@20251101", "claude-opus-4-5");
    same("claude-opus-5@default", "claude-opus-5");
    assert!(!known("gpt-5.5-2026-13-01"), "no such month");
    assert!(!known("gpt-5.5-20261"));
}

#[test]
fn may_be_the_latest() {
    same("claude-3-7-sonnet-latest", "claude-3-7-sonnet-20250219");
    assert!(!known("claude-opus-5-preview"), "a preview is another model");
}

#[test]
fn may_tell_through_whom_the_model_was_reached() {
    same("anthropic/claude-opus-4-6", "claude-opus-4-6");
    same("openai/gpt-5.4", "gpt-5.4");
    same("models/gemini-2.5-pro", "gemini-2.5-pro");
    same("publishers/anthropic/models/claude-sonnet-5", "claude-sonnet-5");
    same("openrouter/anthropic/claude-opus-5.5", "claude-opus-5-5");
    same("generic-copilot/litellm/anthropic/claude-haiku-4.5", "claude-haiku-4-5");
    assert_eq!(rates("azure/eu/gpt-5.1").input, per_million("1.375"), "a price of its own stays");
}

#[test]
fn may_be_bedrocks() {
    same("us.anthropic.claude-opus-4-6-v1:0", "us.anthropic.claude-opus-4-6-v1");
    same("global.anthropic.claude-opus-4-6-v1:0", "global.anthropic.claude-opus-4-6-v1");
    same("bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    same("anthropic.claude-sonnet-4-6-v1:0:200k", "anthropic.claude-sonnet-4-6");
    same("arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.anthropic.claude-opus-4-7-v1:0", "eu.anthropic.claude-opus-4-7");
    same("arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-opus-5", "anthropic.claude-opus-5");
    assert!(!known("arn:aws:bedrock:us-east-1:123456789012:custom-model/claude-opus-5"));
    assert!(!known("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"));
}

#[test]
fn of_a_region_that_is_not_listed_costs_what_its_siblings_do() {
    // $5 in for `global.`, a tenth more in every region, a fifth more in those for governments.
    same("apac.anthropic.claude-opus-4-6-v1:0", "us.anthropic.claude-opus-4-6-v1");
    same("ca.anthropic.claude-opus-5", "us.anthropic.claude-opus-5");
    same("eu.anthropic.claude-mythos-5", "us.anthropic.claude-mythos-5");
    assert_eq!(rates("ca.anthropic.claude-opus-5").input, per_million("5.5"));
    same("us-gov.anthropic.claude-3-7-sonnet-20250219-v1:0", "bedrock/us-gov-west-1/anthropic.claude-3-7-sonnet-20250219-v1:0");
    assert!(!known("us-gov.anthropic.claude-opus-4-6-v1"), "nobody says what it costs there");
    same("ca.anthropic.claude-instant-v1", "anthropic.claude-instant-v1");
}

#[test]
fn behind_a_local_program_is_not_its_makers() {
    for name in ["ollama/deepseek-r1", "lmstudio/mistral-small", "llama.cpp/gemini-2.5-pro", "vllm/claude-opus-5"] {
        assert!(!known(name), "{name} was resolved");
    }
}

#[test]
fn may_write_claudes_version_otherwise() {
    same("claude-opus-4.6", "claude-opus-4-6");
    same("claude-4.5-sonnet", "claude-sonnet-4-5");
    same("claude-4-5-haiku-20251001", "claude-haiku-4-5-20251001");
}

#[test]
fn may_be_a_documented_alias() {
    same("claude-sonnet-4", "claude-sonnet-4-20250514");
    same("claude-opus-4-0", "claude-opus-4-20250514");
    same("claude-3.5-haiku", "anthropic.claude-3-5-haiku-20241022-v1:0");
    same("claude-3-5-sonnet-20240620", "anthropic.claude-3-5-sonnet-20240620-v1:0");
}

#[test]
fn may_tell_the_effort() {
    same("gpt-5.5-high", "gpt-5.5");
    same("gpt-5.5 (xhigh)", "gpt-5.5");
    same("gpt-5.3-codex-medium", "gpt-5.3-codex");
    assert!(!known("claude-opus-5-high"), "only OpenAI names efforts so");
}

#[test]
fn may_be_a_makers_own() {
    same("grok-4.5", "xai/grok-4.5");
    same("glm-4.7", "zai/glm-4.7");
    same("mistral-medium-3.5", "mistral/mistral-medium-3.5");
    same("MiniMax-M2.1", "minimax/MiniMax-M2.1");
    same("qwen3-coder-plus", "dashscope/qwen3-coder-plus");
}

#[test]
fn never_leads_to_another_model() {
    for name in [
        "",
        "<synthetic>",
        "opus",
        "sonnet",
        "haiku",
        "claude",
        "claude-",
        "claude-zephyr-9-preview-20991231",
        "claude-opus-4-6-mini",
        "claude-opus-4-6-fast",
        "internal-unlisted-model",
        "internal/claude-opus-4-6",
        "qwen3-coder:30b",
        "Qwen/Qwen3-Coder-Next",
        "gpt-oss-120b",
        "openai/gpt-oss-120b",
        "deepseek-r1:14b",
        "gpt-5.4-foo",
        "gpt-5.41",
        "gpt-5.",
        "ft:gpt-5.4:acme",
        "# models",
        "claude-opus-4-6\t1,1",
        "gpt\n5",
    ] {
        assert!(!known(name), "{name:?} was resolved");
    }
    assert_ne!(rates("gpt-5.4").input, rates("gpt-5").input);
    assert_ne!(rates("gpt-5.4-mini").input, rates("gpt-5.4").input);
    assert!(!known(&"claude-".repeat(1000)));
}

/// A pattern of pieces of real names.
const PART: &str = "us\\.|anthropic[./]|claude-|4|[.]5|-|opus|-v1|:0|-20250929|@default|\\[1m\\]|gpt-5| \\(high\\)|openrouter/|é";

proptest! {
    #[test]
    fn of_any_kind_is_looked_up_quietly(name in "\\PC{0,40}") {
        let names = lookup::candidates(&name);
        prop_assert!(!names.is_empty() && names.len() <= 64);
        let _ = Book::embedded().find(&name);
    }

    #[test]
    fn made_of_real_parts_is_looked_up_quietly(parts in proptest::collection::vec(PART, 0..12)) {
        let _ = Book::embedded().find(&parts.concat());
    }
}
