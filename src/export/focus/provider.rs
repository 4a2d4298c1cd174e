//! Who made a model and who sells it, as far as its name tells.

/// A model's seller and maker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// Who sells it.
    pub name: &'static str,
    /// Who made it.
    pub publisher: &'static str,
}

/// What is said where a name tells nothing: neither may be empty.
pub(super) const UNKNOWN: &str = "Unknown";

/// Parts of names that tell the maker.
const MAKERS: [(&str, &str); 17] = [
    ("claude", "Anthropic"),
    ("gpt", "OpenAI"),
    ("codex", "OpenAI"),
    ("chatgpt", "OpenAI"),
    ("gemini", "Google"),
    ("gemma", "Google"),
    ("grok", "xAI"),
    ("mistral", "Mistral AI"),
    ("codestral", "Mistral AI"),
    ("devstral", "Mistral AI"),
    ("llama", "Meta"),
    ("deepseek", "DeepSeek"),
    ("qwen", "Alibaba Cloud"),
    ("kimi", "Moonshot AI"),
    ("glm", "Z.ai"),
    ("minimax", "MiniMax"),
    ("nova", "Amazon Web Services"),
];

/// How names begin, or what is in them, where somebody else than the maker sells.
const SELLERS: [(&str, &str); 9] = [
    ("openrouter/", "OpenRouter"),
    ("bedrock", "Amazon Web Services"),
    ("vertex", "Google Cloud"),
    ("azure", "Microsoft"),
    ("github_copilot/", "GitHub"),
    ("groq/", "Groq"),
    ("together", "Together AI"),
    ("fireworks", "Fireworks AI"),
    ("opencode/", "OpenCode"),
];

/// Seller and maker of a model.
#[must_use]
pub fn provider(model: &str) -> Provider {
    let name = model.to_lowercase();
    let maker =
        MAKERS.iter().find(|(part, _)| name.contains(part)).map(|(_, maker)| *maker).or_else(|| is_o_series(&name).then_some("OpenAI"));
    let publisher = maker.unwrap_or(UNKNOWN);
    let by_name = SELLERS.iter().find(|(part, _)| name.contains(part)).map(|(_, seller)| *seller);
    // Amazon names models `us.anthropic.claude-…-v1:0`, Google `claude-…@20250929`.
    let by_shape = || {
        let is_amazons = name.contains("anthropic.") || name.contains("amazon.");
        is_amazons.then_some("Amazon Web Services").or_else(|| name.contains('@').then_some("Google Cloud"))
    };
    Provider { name: by_name.or_else(by_shape).unwrap_or(publisher), publisher }
}

/// `o3`, `o4-mini`: a letter and a digit.
fn is_o_series(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    let mut chars = last.chars();
    chars.next() == Some('o') && chars.next().is_some_and(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_who_sells_and_who_made() {
        for (model, name, publisher) in [
            ("claude-opus-4-6", "Anthropic", "Anthropic"),
            ("gpt-5.1-codex", "OpenAI", "OpenAI"),
            ("o4-mini", "OpenAI", "OpenAI"),
            ("gemini-3-pro", "Google", "Google"),
            ("us.anthropic.claude-opus-4-6-v1:0", "Amazon Web Services", "Anthropic"),
            ("claude-sonnet-4-5@20250929", "Google Cloud", "Anthropic"),
            ("openrouter/anthropic/claude-opus-4.6", "OpenRouter", "Anthropic"),
            ("house", UNKNOWN, UNKNOWN),
            ("", UNKNOWN, UNKNOWN),
        ] {
            assert_eq!(provider(model), Provider { name, publisher }, "{model}");
        }
    }
}
