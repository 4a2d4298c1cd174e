//! What a line can be made of, in words.

use crate::budgets::{self, NEAR, Standing};
use crate::config::Currency;
use crate::engine::glance::Glance;
use crate::model::Millis;
use crate::model::cap::{Span, Unit};
use crate::model::text::shown;
use crate::model::time::span;
use crate::query::project_of;

use super::input::Given;

/// The names of all parts.
pub const NAMES: [&str; 11] = ["session", "today", "cap", "burn", "loop", "context", "5h", "week", "model", "project", "live"];

/// From how much of a context or a plan's window on there is hardly anything left, in per mille.
const OVER: u64 = 900;

/// How near to a limit something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// It is not.
    Usual,
    /// Near.
    Near,
    /// At or over it.
    Over,
}

/// The parts that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts(Vec<(&'static str, String, Tone)>);

impl Parts {
    /// These parts and no others.
    #[cfg(test)]
    pub(super) fn of(parts: &[(&'static str, &str, Tone)]) -> Parts {
        Parts(parts.iter().map(|(name, text, tone)| (*name, (*text).to_owned(), *tone)).collect())
    }

    /// The part of this name, where it is known.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&str, Tone)> {
        self.0.iter().find(|(known, ..)| *known == name).map(|(_, text, tone)| (text.as_str(), *tone))
    }

    /// What the agent has handed over and what the store says, as far as there is either.
    #[must_use]
    pub fn new(given: Option<&Given>, seen: Option<&Glance>, currency: &Currency, now: Millis) -> Parts {
        let mut parts = Parts::default();
        parts.of_session(given, seen, currency, now);
        parts.of_all(seen, currency);
        parts
    }

    fn put(&mut self, name: &'static str, text: String, tone: Tone) {
        self.0.push((name, text, tone));
    }

    fn of_session(&mut self, given: Option<&Given>, seen: Option<&Glance>, currency: &Currency, now: Millis) {
        let session = seen.and_then(|seen| seen.session.as_ref());
        let told = given.and_then(|given| given.cost).map(|cost| currency.show(cost));
        if let Some(text) = session.map(|session| currency.cost(&session.cost)).or(told) {
            self.put("session", text, Tone::Usual);
        }
        if let Some(steps) = session.map(|session| session.steps).filter(|steps| *steps > 0) {
            self.put("loop", steps.to_string(), Tone::Usual);
        }
        let context = given.and_then(|given| given.context_permille).or_else(|| session.and_then(|session| session.context_permille));
        if let Some(permille) = context {
            self.put("context", percent(permille.into()), tone(permille.into(), OVER));
        }
        for (name, minutes) in [("5h", 300), ("week", 10_080)] {
            let told = given.and_then(|given| {
                let limit = given.limits.iter().find(|l| l.window_minutes == minutes && l.limit.as_deref().is_none_or(str::is_empty))?;
                Some((limit.used_permille, limit.resets_at))
            });
            let kept = || {
                let limit = session?.limits.iter().find(|l| l.window_minutes == minutes && l.limit.is_empty())?;
                // A window that has begun anew since is not what was told.
                limit.resets_at.filter(|at| *at > now).map(|at| (limit.used_permille, Some(at)))
            };
            if let Some((used, resets_at)) = told.or_else(kept) {
                let used = u64::from(used);
                let wait = resets_at.filter(|at| *at > now && used >= NEAR).map(|at| format!(", new in {}", span(at - now)));
                self.put(name, format!("{}{}", percent(used), wait.unwrap_or_default()), tone(used, OVER));
            }
        }
        if let Some(model) = given.and_then(|given| given.model.as_deref()) {
            self.put("model", shown(model), Tone::Usual);
        }
        if let Some(cwd) = given.and_then(|given| given.cwd.as_ref()) {
            self.put("project", shown(&project_of(Some(&cwd.to_string_lossy()))), Tone::Usual);
        }
    }

    fn of_all(&mut self, seen: Option<&Glance>, currency: &Currency) {
        let Some(seen) = seen.filter(|seen| !seen.partial) else {
            // What was spent is not known, and that is no zero.
            self.put("today", "?".to_owned(), Tone::Usual);
            self.put("burn", "?".to_owned(), Tone::Usual);
            return;
        };
        let daily = seen.caps.iter().filter(|s| is_daily(s)).max_by_key(|s| s.permille());
        let today = daily.map_or_else(|| (currency.cost(&seen.today), Tone::Usual), |s| (against(s, currency), cap_tone(s)));
        self.put("today", today.0, today.1);
        self.put("burn", currency.cost(&seen.last_hour), Tone::Usual);
        let fullest = || seen.caps.iter().max_by_key(|s| s.permille());
        if let Some(cap) = budgets::binding(&seen.caps).or_else(fullest).filter(|cap| !is_daily(cap)) {
            self.put("cap", format!("{} {}", shown(&cap.cap.name), against(cap, currency)), cap_tone(cap));
        }
        if let Some(live) = seen.live {
            self.put("live", live.to_string(), Tone::Usual);
        }
    }
}

/// Whether a cap is on what is spent in a day by everybody: then today's spend stands against it.
fn is_daily(standing: &Standing) -> bool {
    standing.cap.span == Span::Day && standing.cap.limit.unit == Unit::Money && standing.cap.scope.is_everything()
}

/// `$12.30 of $20.00 (61%)`.
fn against(standing: &Standing, currency: &Currency) -> String {
    let amount = |amount| currency.amount(amount);
    format!("{}{} of {} ({})", standing.mark(), amount(standing.spent()), amount(standing.allowed()), percent(standing.permille()))
}

fn percent(permille: u64) -> String {
    format!("{}%", permille / 10)
}

fn tone(permille: u64, over: u64) -> Tone {
    match permille {
        p if p >= over => Tone::Over,
        p if p >= NEAR => Tone::Near,
        _ => Tone::Usual,
    }
}

fn cap_tone(standing: &Standing) -> Tone {
    if standing.is_reached() { Tone::Over } else { tone(standing.permille(), 1000) }
}
