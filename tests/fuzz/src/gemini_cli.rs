//! Logs of `gemini-cli`.

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    super::log(
        "gemini-cli",
        ["/h/.gemini/tmp/p/chats/session-a1.jsonl", "/h/.gemini/tmp/p/chats/6e3a1f00-0000-4000-8000-000000000012/b1.jsonl"],
        data,
    );
}
