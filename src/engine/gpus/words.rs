//! The figures of GPUs in few letters, the same on the screen and in a table.

use super::picture::{CardView, ProcessView};
use crate::insight::gpu::State;
use crate::model::Money;
use crate::model::gpu::{GpuReading, Permille, UseKind};
use crate::model::text::clean;
use crate::model::time::span;
use crate::model::tokens;

/// What stands for what is not known.
pub const UNKNOWN: &str = "—";

/// How much a card is used: a mark before it says that it was at most so much.
#[must_use]
pub fn use_of(reading: &GpuReading) -> String {
    let sign = if reading.used_kind == UseKind::Awake && reading.used.is_some() { "~" } else { "" };
    format!("{sign}{}", percent(reading.used))
}

/// The number of a card; an instance stands below its card.
#[must_use]
pub fn number(card: &CardView) -> String {
    match (&card.reading.slice, card.reading.index) {
        (Some(_), _) => "└".to_owned(),
        (None, Some(index)) => index.to_string(),
        (None, None) => "·".to_owned(),
    }
}

/// That nothing is looked at, and how it would be.
pub const OFF: &str = "GPUs are not watched: `gpu.watch` is off. `aifinops config set gpu.watch on` watches them.";

/// What cards cost an hour: `$7.00/h + 1 unpriced`.
#[must_use]
pub fn an_hour((per_hour, unpriced): (Option<Money>, usize), show: impl Fn(Money) -> String) -> String {
    let without = (unpriced > 0).then(|| format!("{unpriced} unpriced"));
    per_hour.map(|money| format!("{}/h", show(money))).into_iter().chain(without).collect::<Vec<_>>().join(" + ")
}

/// The command that gives a card a price. A name that a shell could take for anything else does not get into it.
#[must_use]
pub fn price_command(name: &str) -> String {
    let is_plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || " _-".contains(c));
    format!("aifinops config set 'gpu_prices.{}' 2.50", if is_plain { name } else { "NAME" })
}

/// Seconds with two decimals.
#[must_use]
pub fn seconds(millis: Option<u64>) -> String {
    millis.map_or_else(|| UNKNOWN.to_owned(), |millis| format!("{}.{:02}s", millis / 1000, millis % 1000 / 10))
}

/// Per cent, or that they are not known.
#[must_use]
pub fn percent(value: Option<Permille>) -> String {
    value.map_or_else(|| UNKNOWN.to_owned(), |permille| format!("{}%", (permille + 5) / 10))
}

/// `112/141G`
#[must_use]
pub fn memory(used: Option<u64>, total: Option<u64>) -> String {
    let gib = |bytes: u64| {
        let tenths = (bytes * 10) >> 30;
        if bytes < 10 << 30 { format!("{}.{}", tenths / 10, tenths % 10) } else { ((bytes + (1 << 29)) >> 30).to_string() }
    };
    match (used, total) {
        (None, None) => UNKNOWN.to_owned(),
        (used, total) => {
            let text = |bytes: Option<u64>| bytes.map_or_else(|| "?".to_owned(), gib);
            if total.is_some() { format!("{}/{}G", text(used), text(total)) } else { format!("{}G", text(used)) }
        }
    }
}

/// `512/700W`
#[must_use]
pub fn watts(power: Option<u64>, cap: Option<u64>) -> String {
    let watts = |milliwatts: u64| ((milliwatts + 500) / 1000).to_string();
    match (power, cap) {
        (None, _) => UNKNOWN.to_owned(),
        (Some(power), None) => format!("{}W", watts(power)),
        (Some(power), Some(cap)) => format!("{}/{}W", watts(power), watts(cap)),
    }
}

/// `idle 42m`
#[must_use]
pub fn state(card: &CardView, at: i64) -> String {
    if card.is_stale {
        return format!("stale {}", span((at - card.seen_at).max(0)));
    }
    match card.state {
        State::Busy | State::Unknown => card.state.word().to_owned(),
        state => format!("{} {}", state.word(), span((at - card.since).max(0))),
    }
}

/// Tokens a second: nothing is known of what a server does not count.
#[must_use]
pub fn rate(thousandths: Option<u64>, is_counted: bool) -> String {
    match thousandths.filter(|_| is_counted) {
        Some(rate) => tokens::compact(rate / 1000),
        None => UNKNOWN.to_owned(),
    }
}

/// Whose a process is, in words.
#[must_use]
pub fn owner(view: &ProcessView, at: i64) -> String {
    match &view.owner {
        Some(owner) => {
            let ended = owner.ended_at.map_or_else(String::new, |ended| format!(", ended {} ago", span((at - ended).max(0))));
            let zombie = if view.is_zombie { " ZOMBIE?" } else { "" };
            format!("{} {}{ended}{zombie}", clean(&owner.short()), owner.rule)
        }
        None => view.user.clone().unwrap_or_else(|| "unknown".to_owned()),
    }
}
