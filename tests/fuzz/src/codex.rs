//! Logs of `codex`.

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    super::log(
        "codex",
        [
            "/h/.codex/sessions/2026/08/10/rollout-2026-08-10T09-00-00-019feae6-7680-7000-8000-000000000001.jsonl",
            "/h/.codex/sessions/2026/08/10/rollout-2026-08-10T09-00-00-019feae6-7680-7000-8000-000000000001_019feae7-60e0-7000-8000-000000000002.jsonl",
        ],
        data,
    );
}
