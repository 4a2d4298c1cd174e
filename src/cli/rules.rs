//! The rules in force: the user's settings and the machine's policy together.

use std::sync::Arc;

use crate::attribution::Attribution;
use crate::config::Settings;
use crate::config::policy::{self, Policy};
use crate::engine::rules::{Elsewhere, Rules};
use crate::model::cap::OnFailure;

/// The rules that settings and policy make. A policy adds caps and closes what the user left open; it never loosens.
#[must_use]
pub fn rules(settings: &Settings, policy: &Policy) -> Rules {
    let assumed = match policy.assumed {
        // The dearer of the two, rate by rate.
        Some(least) => crate::budgets::Assumed {
            input: settings.assumed_price.input.max(least.input),
            output: settings.assumed_price.output.max(least.output),
        },
        None => settings.assumed_price.value,
    };
    Rules {
        caps: settings.caps.iter().chain(&policy.caps).cloned().collect(),
        assumed,
        week_start: settings.week_start.weekday(),
        zone: settings.timezone.value,
        attribution: attribution(settings),
        elsewhere: Elsewhere {
            dir: settings.data_dir.value.clone(),
            gateways: settings.gateways.iter().map(|gateway| gateway.name.clone()).collect(),
        },
    }
}

/// What sessions are for, and experiments, by these settings.
#[must_use]
pub fn attribution(settings: &Settings) -> Arc<Attribution> {
    Arc::new(Attribution { rules: settings.attribution.value.clone(), experiments: settings.experiments.value.clone() })
}

/// What a guard does when it cannot tell what was spent.
#[must_use]
pub fn on_failure(settings: &Settings, policy: &Policy) -> OnFailure {
    if policy.on_failure == Some(OnFailure::Closed) { OnFailure::Closed } else { settings.on_failure.value }
}

/// The policy of this machine.
#[must_use]
pub fn policy(settings: &Settings) -> Policy {
    policy::system(&settings.data_dir)
}

/// Whose caps these are: the name that decisions are signed with.
#[must_use]
pub fn who() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    crate::model::text::clean(&name.unwrap_or_else(|| "unknown".to_owned()))
}
