//! How experiments stand: what their sessions have cost, against their budgets and their last days.

use std::collections::HashSet;

use crate::attribution::Experiment;
use crate::budgets::{Assumed, Spend, Standing};
use crate::model::time::DAY;
use crate::model::{Dimension, Key, Labels, Millis, Window, Zone};
use crate::store::{Kin, Ledger, Store, StoreError};

use super::caps::{from_closed, remembered, spend_of_sums, to_closed};
use super::labels::Labeler;

/// What a question about experiments needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// The experiments, and who says which session belongs to one.
    pub labeler: &'a Labeler,
    /// The price of calls without one.
    pub assumed: Assumed,
    /// Now.
    pub now: Millis,
    /// The person's zone, in which days end.
    pub zone: Zone,
}

/// An experiment and what has become of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExperimentView {
    /// The experiment.
    pub experiment: Experiment,
    /// Its budget as a cap, and what was spent under it. After its last day the limit is nothing.
    pub standing: Standing,
    /// Its sessions.
    pub sessions: usize,
    /// Whether its last day is over.
    pub has_ended: bool,
}

/// All experiments, in the order of the settings.
pub fn all(store: &Store, asking: &Asking<'_>) -> Result<Vec<ExperimentView>, StoreError> {
    let experiments = &asking.labeler.attribution().experiments;
    if experiments.is_empty() {
        return Ok(Vec::new());
    }
    let labels = asking.labeler.all(store)?;
    let view = |experiment: &Experiment| {
        let is_of = |(_, labels): &(&i64, &Labels)| labels.get(Dimension::Experiment).is_some_and(|name| **name == *experiment.name);
        let members: Vec<i64> = labels.iter().filter(is_of).map(|(id, _)| *id).collect();
        let has_ended = experiment.has_ended(asking.now, asking.zone);
        let standing = standing(experiment, add_up(store, asking, &members)?, has_ended);
        Ok(ExperimentView { standing, experiment: experiment.clone(), sessions: members.len(), has_ended })
    };
    experiments.iter().map(view).collect()
}

/// How the experiment stands that a session belongs to, if it belongs to one. Of all other sessions nothing is asked before
/// that is known.
pub fn of(store: &Store, asking: &Asking<'_>, ledger: &Ledger, kin: &Kin) -> Result<Option<Standing>, StoreError> {
    let labels = asking.labeler.of(store, kin)?;
    let Some(experiment) = asking.labeler.attribution().experiment(&labels) else { return Ok(None) };
    // A session that no log shows yet has spent nothing, and is stopped with the others.
    let spend = quickly(store, asking, ledger, experiment)?;
    Ok(Some(standing(experiment, spend, experiment.has_ended(asking.now, asking.zone))))
}

/// What an experiment has cost, for who has no time to look at all sessions: those without a line since yesterday are added
/// up once, and anew when anything has changed that the sum depends on.
fn quickly(store: &Store, asking: &Asking<'_>, ledger: &Ledger, experiment: &Experiment) -> Result<Spend, StoreError> {
    // A session goes over from the quiet ones to the others with a line of its own: their number tells.
    let yesterday = asking.now.div_euclid(DAY) - 1;
    let (quiet, changes) = store.past(yesterday)?;
    let rates = [asking.assumed.input, asking.assumed.output].map(|rate| rate.nanos_per_million().cast_signed());
    let parts = [asking.labeler.state(), yesterday, quiet, changes].into_iter().chain(rates);
    let state = Key::of(&[&parts.flat_map(i64::to_le_bytes).collect::<Vec<u8>>()]).0.cast_signed();
    let is_of = |labels: &Labels| labels.get(Dimension::Experiment).is_some_and(|name| **name == *experiment.name);
    let recent = asking.labeler.each(store, store.kin_since(yesterday * DAY)?)?;
    let mut total = if let Some(numbers) = ledger.trial(&experiment.name, state)? {
        from_closed(numbers)
    } else {
        let is_recent: HashSet<i64> = recent.iter().map(|(kin, _)| kin.id).collect();
        let all = asking.labeler.all(store)?;
        let old: Vec<i64> = all.iter().filter(|(id, labels)| is_of(labels) && !is_recent.contains(id)).map(|(id, _)| *id).collect();
        let spend = add_up(store, asking, &old)?;
        remembered(ledger.keep_trial(&experiment.name, state, to_closed(&spend)))?;
        spend
    };
    let members: Vec<i64> = recent.iter().filter(|(_, labels)| is_of(labels)).map(|(kin, _)| kin.id).collect();
    total.add(&add_up(store, asking, &members)?);
    Ok(total)
}

/// What some sessions have spent over all their life.
fn add_up(store: &Store, asking: &Asking<'_>, sessions: &[i64]) -> Result<Spend, StoreError> {
    let mut spend = Spend::default();
    for sums in store.sums_of(sessions)? {
        spend.add(&spend_of_sums(&sums, asking.assumed));
    }
    Ok(spend)
}

fn standing(experiment: &Experiment, spend: Spend, has_ended: bool) -> Standing {
    let cap = experiment.cap();
    // After the end nothing may be spent.
    let raised = if has_ended { -cap.limit.count } else { 0 };
    Standing { window: Window::ALL, spend, raised, subject: Some(experiment.name.clone()), cap }
}
