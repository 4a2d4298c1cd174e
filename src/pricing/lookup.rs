//! Under which names a logged model may be listed.
//!
//! Agents, gateways and clouds each spell a model in their own way: `us.anthropic.claude-opus-4-6-v1:0`,
//! `claude-opus-4-6[1m]`, `openrouter/anthropic/claude-opus-4.6`. The rules here undo spellings one at a time. All
//! that they yield are names of *the same model*, the closest to the logged one first, so that a price of its own
//! (a region's, a cloud's) wins. Nothing is matched by likeness: whether a name is known is for the price book to
//! say, and a name that no rule leads to a listed one has no price.
//!
//! Sources: `LiteLLM`'s names; Anthropic's "Models overview" for its aliases and the ids on Bedrock and Vertex AI;
//! the names met in logs of agents.

use crate::model::LOCAL_PROGRAMS;

/// A rule gives the other spelling of a name, or `None` where it does not apply.
type Rule = fn(&str) -> Option<String>;

/// In this order: what only changes spelling comes before what drops where the model was served.
const RULES: [Rule; 16] = [
    lower_case,
    without_window,
    without_effort,
    from_arn,
    claude_dashes,
    claude_order,
    without_bedrock_build,
    without_bedrock_version,
    without_date,
    without_latest,
    without_host,
    sibling_region,
    without_region,
    without_vendor,
    full_name,
    at_its_maker,
];

/// `ollama/deepseek-r1`: the name behind a program of [`LOCAL_PROGRAMS`]. Only a price of the user's own may be meant by it.
#[must_use]
pub fn behind_local(logged: &str) -> Option<&str> {
    let (host, model) = logged.trim().split_once('/')?;
    LOCAL_PROGRAMS.contains(&host).then_some(model)
}

/// Names in logs are short; a longer one is a mistake and only looked up as it is.
const LONGEST: usize = 200;
/// More spellings than any real name has.
const MOST: usize = 64;

/// The spellings under which a model may be listed, the logged one first.
#[must_use]
pub fn candidates(logged: &str) -> Vec<String> {
    let mut names = vec![logged.trim().to_owned()];
    if logged.len() > LONGEST {
        return names;
    }
    for rule in RULES {
        let mut at = 0;
        // A rule also applies to what it has made itself: `openrouter/anthropic/…` loses one part after the other.
        while let Some(name) = names.get(at) {
            at += 1;
            if let Some(other) = rule(name).filter(|other| !other.is_empty() && !names.contains(other))
                && names.len() < MOST
            {
                names.push(other);
            }
        }
    }
    names
}

/// Whether the name asks for the window of a million tokens (`claude-opus-4-6[1m]`).
#[must_use]
pub fn is_long_window(logged: &str) -> bool {
    logged.trim().to_ascii_lowercase().ends_with("[1m]")
}

fn lower_case(name: &str) -> Option<String> {
    let lower = name.to_lowercase();
    (lower != name).then_some(lower)
}

/// `claude-opus-4-6[1m]`: Claude Code's mark of the long context window.
fn without_window(name: &str) -> Option<String> {
    name.strip_suffix("[1m]").map(str::to_owned)
}

/// `gpt-5.5-high`, `gpt-5.5 (high)`: how hard an `OpenAI` model was to think; its price per token is the same.
fn without_effort(name: &str) -> Option<String> {
    const EFFORTS: [&str; 5] = ["minimal", "low", "medium", "high", "xhigh"];
    let last = name.rsplit('/').next()?;
    let generation = last.strip_prefix("gpt-")?.chars().next()?;
    if !('5'..='9').contains(&generation) {
        return None;
    }
    let (bare, effort) = match name.strip_suffix(')') {
        Some(rest) => rest.rsplit_once(" (")?,
        None => name.rsplit_once('-')?,
    };
    EFFORTS.contains(&effort).then(|| bare.to_owned())
}

/// `arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.…`: the id behind the slash.
fn from_arn(name: &str) -> Option<String> {
    let (resource, id) = name.strip_prefix("arn:aws")?.rsplit_once('/')?;
    // Other resources are a customer's own and say nothing about the model.
    (resource.ends_with(":inference-profile") || resource.ends_with(":foundation-model")).then(|| id.to_owned())
}

/// `claude-opus-4.6` is written `claude-opus-4-6` by Anthropic.
fn claude_dashes(name: &str) -> Option<String> {
    let (host, model) = name.split_at(name.find("claude-")?);
    let dashed: String = model.split('.').collect::<Vec<_>>().join("-");
    let between_digits = model
        .split('.')
        .zip(model.split('.').skip(1))
        .all(|(left, right)| left.ends_with(|c: char| c.is_ascii_digit()) && right.starts_with(|c: char| c.is_ascii_digit()));
    (between_digits && dashed != model).then(|| format!("{host}{dashed}"))
}

/// `claude-4-5-sonnet` is `claude-sonnet-4-5`: since version 4 Anthropic puts the family first.
fn claude_order(name: &str) -> Option<String> {
    const FAMILIES: [&str; 5] = ["opus", "sonnet", "haiku", "fable", "mythos"];
    let (host, model) = name.split_at(name.find("claude-")?);
    let parts: Vec<&str> = model.split('-').skip(1).collect();
    let at = parts.iter().position(|part| FAMILIES.contains(part))?;
    let (version, rest) = parts.split_at(at);
    let (family, rest) = rest.split_first()?;
    let is_digit = |part: &&str| part.len() == 1 && part.starts_with(|c: char| c.is_ascii_digit());
    if !version.iter().all(is_digit) || !matches!(version, [major] | [major, _] if *major >= "4") {
        return None;
    }
    let ordered = [&[*family], version, rest].concat().join("-");
    Some(format!("{host}claude-{ordered}"))
}

/// `…-v1:0`, `…-v1:0:200k` on Bedrock: the build, then the size, behind the version.
fn without_bedrock_build(name: &str) -> Option<String> {
    let (bare, build) = name.rsplit_once(':')?;
    let number = build.strip_suffix('k').unwrap_or(build);
    (name.contains("claude-") && bare.contains("-v") && is_number(number)).then(|| bare.to_owned())
}

/// `…-v1` on Bedrock: Amazon's version of its offer of a model.
fn without_bedrock_version(name: &str) -> Option<String> {
    let (bare, version) = name.rsplit_once("-v")?;
    (name.contains("claude-") && is_number(version)).then(|| bare.to_owned())
}

/// `-20250929`, `-2025-09-29`, `@20250929`, `@default`: which snapshot of a model. Snapshots that differ in price are
/// listed under their full names.
fn without_date(name: &str) -> Option<String> {
    if let Some(bare) = name.strip_suffix("@default") {
        return Some(bare.to_owned());
    }
    let cut = |length: usize, marks: &[char]| {
        let (bare, date) = name.split_at_checked(name.len().checked_sub(length)?)?;
        date.strip_prefix(marks).filter(|date| is_date(date)).map(|_| bare.to_owned())
    };
    cut(9, &['-', '@']).or_else(|| cut(11, &['-', '@']))
}

/// `20250929` or `2025-09-29`.
fn is_date(text: &str) -> bool {
    let digits = if text.len() == 10 {
        let mut parts = text.split('-').map(str::len);
        if (parts.next(), parts.next(), parts.next(), parts.next()) != (Some(4), Some(2), Some(2), None) {
            return false;
        }
        text.replace('-', "")
    } else {
        text.to_owned()
    };
    let part = |from, to| digits.get(from..to).and_then(|part: &str| part.parse::<u32>().ok()).unwrap_or(0);
    digits.len() == 8
        && is_number(&digits)
        && (2020..2100).contains(&part(0, 4))
        && (1..=12).contains(&part(4, 6))
        && (1..=31).contains(&part(6, 8))
}

/// `claude-3-5-haiku-latest`, `grok-4-latest`: these makers' own word for the newest snapshot of the model before it.
/// Elsewhere `-latest` moves on to other models (`mistral-medium-latest`), so it stays.
fn without_latest(name: &str) -> Option<String> {
    let bare = name.strip_suffix("-latest")?;
    let last = bare.rsplit('/').next()?;
    ["claude-", "gpt-", "grok-"].iter().any(|maker| last.starts_with(maker)).then(|| bare.to_owned())
}

/// `openrouter/…`, `anthropic/…`, `models/…`: through whom the model was reached, one part at a time. Only parts that
/// cannot stand for a machine of the user's: `ollama/…` or an organization's open weights are not the maker's offer.
fn without_host(name: &str) -> Option<String> {
    const HOSTS: [&str; 26] = [
        "amazon-bedrock",
        "anthropic",
        "azure",
        "azure_ai",
        "bedrock",
        "converse",
        "copilot",
        "gemini",
        "generic-copilot",
        "github-copilot",
        "github_copilot",
        "google",
        "google-vertex",
        "google-vertex-anthropic",
        "invoke",
        "litellm",
        "litellm_proxy",
        "models",
        "openai",
        "openrouter",
        "publishers",
        "vercel_ai_gateway",
        "vertex",
        "vertex_ai",
        "x-ai",
        "xai",
    ];
    let (host, rest) = name.split_once('/')?;
    HOSTS.contains(&host).then(|| rest.to_owned())
}

/// The region and the model of a name on Bedrock that tells a group of regions (`us.anthropic.…`).
fn regional(name: &str) -> Option<(&str, &str)> {
    const REGIONS: [&str; 9] = ["us", "us-gov", "eu", "apac", "jp", "au", "ca", "sa", "global"];
    let (region, rest) = name.split_once('.')?;
    (REGIONS.contains(&region) && (rest.starts_with("anthropic.") || rest.starts_with("openai."))).then_some((region, rest))
}

/// `apac.anthropic.…` where only other regions are listed: Bedrock asks the same everywhere, which is a tenth more than
/// for `global.…`; in its regions for governments it asks more.
fn sibling_region(name: &str) -> Option<String> {
    match regional(name)? {
        ("global", _) => None,
        ("us", rest) => Some(format!("eu.{rest}")),
        ("us-gov", rest) => Some(format!("bedrock/us-gov-west-1/{rest}")),
        (_, rest) => Some(format!("us.{rest}")),
    }
}

/// `us.anthropic.…`, `global.anthropic.…`: a model that is listed for no region costs the same in each, except in those for
/// governments.
fn without_region(name: &str) -> Option<String> {
    let (region, rest) = regional(name)?;
    (region != "us-gov").then(|| rest.to_owned())
}

/// `anthropic.claude-…`, `openai.gpt-…`: Bedrock's name for the maker.
fn without_vendor(name: &str) -> Option<String> {
    let model = name.strip_prefix("anthropic.").or_else(|| name.strip_prefix("openai."))?;
    (model.starts_with("claude-") || model.starts_with("gpt-")).then(|| model.to_owned())
}

/// Anthropic's documented aliases of models that are listed by their full names only. Of the retired models the last
/// ones are listed for Bedrock alone, whose prices were Anthropic's own.
fn full_name(name: &str) -> Option<String> {
    let full = match name {
        "claude-opus-4" | "claude-opus-4-0" => "claude-opus-4-20250514",
        "claude-sonnet-4" | "claude-sonnet-4-0" => "claude-sonnet-4-20250514",
        "claude-3-7-sonnet" => "claude-3-7-sonnet-20250219",
        "claude-3-5-sonnet" => "claude-3-5-sonnet-20241022",
        "claude-3-5-haiku" => "claude-3-5-haiku-20241022",
        "claude-3-opus" => "claude-3-opus-20240229",
        "claude-3-sonnet" => "claude-3-sonnet-20240229",
        "claude-3-haiku" => "claude-3-haiku-20240307",
        "claude-3-5-sonnet-20241022" => "anthropic.claude-3-5-sonnet-20241022-v2:0",
        "claude-3-5-sonnet-20240620" => "anthropic.claude-3-5-sonnet-20240620-v1:0",
        "claude-3-5-haiku-20241022" => "anthropic.claude-3-5-haiku-20241022-v1:0",
        "claude-3-sonnet-20240229" => "anthropic.claude-3-sonnet-20240229-v1:0",
        _ => return None,
    };
    Some(full.to_owned())
}

/// `grok-4.5` is listed as `xai/grok-4.5`: a bare name is the offer of the model's own maker. Local models carry a tag
/// (`qwen3-coder:30b`) or an organization (`Qwen/Qwen3-Coder`) and are not meant.
fn at_its_maker(name: &str) -> Option<String> {
    const MAKERS: [(&str, &str); 11] = [
        ("codestral-", "mistral"),
        ("deepseek-", "deepseek"),
        ("devstral-", "mistral"),
        ("gemini-", "gemini"),
        ("glm-", "zai"),
        ("grok-", "xai"),
        ("kimi-", "moonshot"),
        ("magistral-", "mistral"),
        ("minimax-", "minimax"),
        ("ministral-", "mistral"),
        ("mistral-", "mistral"),
    ];
    if name.contains(['/', ':']) {
        return None;
    }
    let lower = name.to_lowercase();
    if let Some((_, maker)) = MAKERS.iter().find(|(prefix, _)| lower.starts_with(prefix)) {
        return Some(format!("{maker}/{name}"));
    }
    // Of Qwen, these exist as Alibaba's service only; the others are open weights that run anywhere.
    let hosted = ["-plus", "-max", "-flash", "-turbo"].iter().any(|line| lower.contains(line));
    (lower.starts_with("qwen") && hosted).then(|| format!("dashscope/{name}"))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())
}
