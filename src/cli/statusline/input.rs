//! What Claude Code writes to a status line's standard input: an object with much in it, of which every part may be missing.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::model::{Millis, Money, RateLimit};
use crate::sources::cost;

/// What of it is used. Any part that is not as expected is as if it were not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// The session's id.
    pub session: Option<String>,
    /// Its log.
    pub transcript: Option<PathBuf>,
    /// Its directory.
    pub cwd: Option<PathBuf>,
    /// The model's name for people.
    pub model: Option<String>,
    /// What the agent says that it has cost.
    pub cost: Option<Money>,
    /// How full the context is, in per mille.
    pub context_permille: Option<u32>,
    /// What the provider says of the plan's limits.
    pub limits: Vec<RateLimit>,
}

type Part<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    session_id: Part<'a>,
    #[serde(borrow, default)]
    transcript_path: Part<'a>,
    #[serde(borrow, default)]
    cwd: Part<'a>,
    #[serde(borrow, default)]
    workspace: Part<'a>,
    #[serde(borrow, default)]
    model: Part<'a>,
    #[serde(borrow, default)]
    cost: Part<'a>,
    #[serde(borrow, default)]
    context_window: Part<'a>,
    #[serde(borrow, default)]
    rate_limits: Part<'a>,
}

/// A part as what it should be; nothing where it is something else.
fn part<'a, T: Deserialize<'a>>(raw: Part<'a>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// A text that says something.
fn text(raw: Part<'_>) -> Option<String> {
    part::<String>(raw).filter(|text| !text.is_empty())
}

/// A member of an object.
fn member<'a>(raw: Part<'a>, key: &str) -> Part<'a> {
    part::<BTreeMap<String, &'a RawValue>>(raw)?.remove(key)
}

impl Given {
    /// Reads it. `None` for anything that is no object.
    #[must_use]
    pub fn read(stdin: &[u8], now: Millis) -> Option<Given> {
        // A list would be taken for the fields in their order.
        let object = stdin.trim_ascii_start().starts_with(b"{").then_some(stdin)?;
        let fields: Fields<'_> = serde_json::from_slice(object).ok()?;
        let directory = || text(fields.cwd).or_else(|| text(member(fields.workspace, "current_dir")));
        Some(Given {
            session: text(fields.session_id),
            transcript: text(fields.transcript_path).map(PathBuf::from),
            cwd: directory().map(PathBuf::from),
            model: text(member(fields.model, "display_name")).or_else(|| text(member(fields.model, "id"))),
            cost: member(fields.cost, "total_cost_usd").and_then(|cost| cost::parse(cost.get())),
            context_permille: member(fields.context_window, "used_percentage").and_then(|share| permille(share.get())),
            limits: limits(fields.rate_limits, now),
        })
    }
}

/// Tenths of a percent from a number of percent. More than ten times a window is no share.
fn permille(percent: &str) -> Option<u32> {
    const MOST: u32 = 10_000;
    let percent: f64 = percent.parse().ok()?;
    if !percent.is_finite() || percent < 0.0 {
        return None;
    }
    let text = format!("{:.0}", (percent * 10.0).min(f64::from(MOST)));
    text.parse().ok()
}

/// `five_hour`, `seven_day`, and of the same windows what holds for one model only, such as `seven_day_opus`.
fn limits(raw: Part<'_>, now: Millis) -> Vec<RateLimit> {
    const WINDOWS: [(&str, u32); 2] = [("five_hour", 300), ("seven_day", 10_080)];
    let Some(all) = part::<BTreeMap<String, &RawValue>>(raw) else { return Vec::new() };
    let limit = |(name, raw): (&String, &&RawValue)| {
        let (rest, window_minutes) = WINDOWS.iter().find_map(|(window, minutes)| Some((name.strip_prefix(window)?, *minutes)))?;
        let id = match rest.strip_prefix('_') {
            Some(id) => id,
            None if rest.is_empty() => "",
            None => return None,
        };
        let used_permille = permille(member(Some(raw), "used_percentage")?.get())?;
        let seconds = member(Some(raw), "resets_at").and_then(|at| part::<f64>(Some(at)));
        Some(RateLimit {
            session: 0,
            at: now,
            limit: Some(Arc::from(id)),
            window_minutes,
            used_permille,
            resets_at: seconds.and_then(instant),
            plan: None,
        })
    };
    all.iter().filter_map(limit).collect()
}

/// Milliseconds from seconds since 1970, as long as they can be a time.
fn instant(seconds: f64) -> Option<Millis> {
    const LAST: f64 = 253_402_300_799.0;
    (0.0..=LAST).contains(&seconds).then(|| format!("{:.0}", seconds * 1000.0).parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_agent_hands_over_is_read() {
        let text = r#"{"session_id":"s","transcript_path":"/t.jsonl","cwd":"/w","model":{"id":"m","display_name":"M"},
            "workspace":{"current_dir":"/w"},"cost":{"total_cost_usd":0.25},"context_window":{"used_percentage":34.56},
            "rate_limits":{"five_hour":{"used_percentage":42,"resets_at":1781290000},"seven_day":{"used_percentage":36.04},
            "seven_day_opus":{"used_percentage":1e9},"five_hours":{"used_percentage":1},"thirty_day":{"used_percentage":1}}}"#;
        let given = Given::read(text.as_bytes(), 7).unwrap();
        assert_eq!((given.session.as_deref(), given.model.as_deref()), (Some("s"), Some("M")));
        assert_eq!((given.cost, given.context_permille), (Some(Money::from_nanos(250_000_000)), Some(346)));
        let limits: Vec<_> =
            given.limits.iter().map(|l| (l.limit.as_deref().unwrap(), l.window_minutes, l.used_permille, l.resets_at)).collect();
        assert_eq!(limits, [("", 300, 420, Some(1_781_290_000_000)), ("", 10_080, 360, None), ("opus", 10_080, 10_000, None)]);
    }

    #[test]
    fn what_is_missing_or_wrong_is_not_there_and_takes_nothing_else_with_it() {
        let text = r#"{"session_id":7,"cwd":null,"workspace":{"current_dir":"/w"},"model":"M","cost":{"total_cost_usd":"much"},
            "context_window":{"used_percentage":null},"rate_limits":[1],"transcript_path":""}"#;
        let given = Given::read(text.as_bytes(), 7).unwrap();
        assert_eq!(given, Given { cwd: Some(PathBuf::from("/w")), ..Given::default() });
        assert_eq!(Given::read(b"{}", 7), Some(Given::default()));
        for bad in [&b""[..], b"[]", b"[1]", b"null", b"{\"session_id\":", b"\xff", b"no"] {
            assert_eq!(Given::read(bad, 7), None);
        }
        assert_eq!((permille("-1"), permille("NaN"), permille("1e400"), instant(-1.0), instant(f64::MAX)), (None, None, None, None, None));
    }
}
