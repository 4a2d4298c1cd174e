//! What people read when a cap stops their agent: the same everywhere, and short.

use super::Standing;
use crate::model::cap::{Action, Span, Term, Unit};
use crate::model::{Millis, Money, Zone, time};

/// When a cap begins anew: `resets at midnight (Thu 26 Nov 00:00)`.
#[must_use]
pub fn resets(standing: &Standing, zone: Zone) -> String {
    if let Some(experiment) = &standing.cap.experiment {
        return experiment.ends.as_ref().map_or_else(|| "has no last day".to_owned(), |day| format!("ends with {day}"));
    }
    if standing.window.to == Millis::MAX && standing.cap.gateway.is_some() {
        return "does not reset".to_owned();
    }
    match standing.cap.span {
        Span::Session => "holds for this session".to_owned(),
        Span::Task => "holds for this task".to_owned(),
        span => {
            let at = time::utc(standing.window.to).with_timezone(&zone);
            let midnight = if span == Span::Day && at.format("%H:%M").to_string() == "00:00" { " at midnight" } else { "" };
            format!("resets{midnight} ({})", at.format("%a %-d %b %H:%M"))
        }
    }
}

/// Why the agent was stopped, and how it goes on.
///
/// `aifinops: $20.31 of $20.00 spent: the daily cap is reached and resets at midnight (Thu 26 Nov 00:00). To go on now: aifinops cap raise 11`
#[must_use]
pub fn halt_text(standing: &Standing, zone: Zone) -> String {
    if let Some(experiment) = &standing.cap.experiment {
        return experiment_text(standing, experiment);
    }
    if let Some(gateway) = &standing.cap.gateway {
        let (spent, resets) = (spent_text(standing), resets(standing, zone));
        return format!(
            "aifinops: {spent}: the budget at the gateway {gateway} is used up and {resets}. Who looks after the gateway can raise it: aifinops gateway cap set"
        );
    }
    let how = match (standing.cap.managed, standing.cap.action) {
        (true, _) => "It is set by this machine's policy: ask your administrator.".to_owned(),
        (false, Action::Warn | Action::Block | Action::Stop) => {
            format!("To go on now: aifinops cap raise {}", raise_hint(standing))
        }
    };
    let (spent, name) = (spent_text(standing), cap_name(standing));
    format!("aifinops: {spent}: the {name} is reached and {}. {how}", resets(standing, zone))
}

/// Why an experiment's sessions are stopped, and how they go on.
fn experiment_text(standing: &Standing, experiment: &Term) -> String {
    let owner = experiment.owner.as_ref().map(|owner| format!(" Ask {owner}, whose it is.")).unwrap_or_default();
    let table = format!("[experiments.{}] of the configuration", experiment.name);
    let (why, how) = match &experiment.ends {
        Some(day) if standing.has_ended() => {
            (format!("the experiment {} has ended with {day}", experiment.name), format!("set a later `ends` in {table}"))
        }
        _ => (
            format!("{}: the experiment {} is over its budget", spent_text(standing), experiment.name),
            format!("raise `budget` in {table}"),
        ),
    };
    format!("aifinops: {why}.{owner} To go on: {how}, or take this session out of it with `aifinops tag SESSION experiment=none`")
}

/// What was spent of what may be, and how much of that is not known: `~$1.65 of $2.00 spent, $1.50 of it assumed for 2 calls
/// without a known price`.
#[must_use]
pub fn spent_text(standing: &Standing) -> String {
    let assumed = if standing.is_assumed() {
        format!(", {} of it assumed for {} without a known price", standing.spend.assumed, calls(standing.spend.unpriced_calls))
    } else {
        String::new()
    };
    if standing.cap.limit.unit == Unit::Repeats {
        return format!("the same tool call made {} times of {}", standing.spent().count, standing.allowed().count);
    }
    if standing.cap.limit.unit == Unit::Gpu {
        let dollars = Money::from_nanos(standing.spent().count).display();
        return format!("{}{dollars} of {} spent", standing.mark(), standing.allowed());
    }
    format!("{}{} of {} spent{assumed}", standing.mark(), standing.spent(), standing.allowed())
}

fn cap_name(standing: &Standing) -> String {
    let cap = &standing.cap;
    let scope = if cap.scope.is_everything() { String::new() } else { format!(" ({})", cap.scope) };
    match cap.span {
        Span::Session => format!("cap per session{scope}"),
        Span::Task => format!("cap per task{scope}"),
        span => format!("{} cap{scope}", span.adjective()),
    }
}

/// An amount that makes room again: half of the limit, in the cap's unit, and the cap's name where it is not the plain one.
fn raise_hint(standing: &Standing) -> String {
    use crate::model::money::NANOS_PER_USD;

    let (limit, over) = (standing.cap.limit.count, standing.spent().count.saturating_sub(standing.allowed().count).max(0));
    let by = (limit / 2).max(1).saturating_add(over);
    let dollars = match by / NANOS_PER_USD {
        0 => "1".to_owned(),
        dollars => (dollars + i64::from(over > 0)).to_string(),
    };
    let amount = match standing.cap.limit.unit {
        Unit::Money => dollars,
        Unit::Gpu => format!("\"{dollars} gpu\""),
        unit => format!("\"{by} {}\"", unit.word()),
    };
    if standing.cap.name == standing.cap.span.word() { amount } else { format!("{amount} {}", standing.cap.name) }
}

fn calls(n: u64) -> String {
    if n == 1 { "1 call".to_owned() } else { format!("{n} calls") }
}

/// The time that is left of a span, for gauges: `4h 12m`.
#[must_use]
pub fn time_left(standing: &Standing, now: Millis) -> Option<String> {
    standing.ends().map(|end| time::span(end - now))
}

/// When a cap begins anew, for tables: `in 4h 12m`, `new task`, `never`.
#[must_use]
pub fn resets_in(standing: &Standing, now: Millis) -> String {
    match time_left(standing, now) {
        Some(left) => format!("in {left}"),
        None if standing.cap.span.is_calendar() => "never".to_owned(),
        None => format!("new {}", standing.cap.span),
    }
}
