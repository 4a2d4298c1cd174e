//! Logs of `opencode`.

/// Holds the promises for one input.
pub fn run(data: &[u8]) {
    super::log("opencode", ["/h/.local/share/opencode/opencode.db", "/h/.local/share/opencode/opencode-dev.db"], data);
}
