//! How experiments stand: what their sessions have cost, against their budgets and their last days.

use crate::attribution::Experiment;
use crate::budgets::{Assumed, Spend, Standing};
use crate::model::{Dimension, Millis, Window, Zone};
use crate::store::{Kin, Store, StoreError};

use super::caps::spend_of_sums;
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
    let experiments: Vec<&Experiment> = asking.labeler.attribution().experiments.iter().collect();
    if experiments.is_empty() { Ok(Vec::new()) } else { views(store, asking, &experiments) }
}

fn views(store: &Store, asking: &Asking<'_>, experiments: &[&Experiment]) -> Result<Vec<ExperimentView>, StoreError> {
    let labels = asking.labeler.all(store)?;
    let view = |experiment: &&Experiment| {
        let is_of =
            |(_, labels): &(&i64, &crate::model::Labels)| labels.get(Dimension::Experiment).is_some_and(|name| **name == *experiment.name);
        let members: Vec<i64> = labels.iter().filter(is_of).map(|(id, _)| *id).collect();
        let mut spend = Spend::default();
        for sums in store.sums_of(&members)? {
            spend.add(&spend_of_sums(&sums, asking.assumed));
        }
        let has_ended = experiment.has_ended(asking.now, asking.zone);
        let standing = standing(experiment, spend, has_ended);
        Ok(ExperimentView { standing, experiment: (*experiment).clone(), sessions: members.len(), has_ended })
    };
    experiments.iter().map(view).collect()
}

/// How the experiment stands that a session belongs to, if it belongs to one. Of all other sessions nothing is asked before
/// that is known.
pub fn of(store: &Store, asking: &Asking<'_>, kin: &Kin) -> Result<Option<Standing>, StoreError> {
    let labels = asking.labeler.of(store, kin)?;
    let Some(experiment) = asking.labeler.attribution().experiment(&labels) else { return Ok(None) };
    // A session that no log shows yet has spent nothing, and is stopped with the others.
    Ok(views(store, asking, &[experiment])?.pop().map(|view| view.standing))
}

fn standing(experiment: &Experiment, spend: Spend, has_ended: bool) -> Standing {
    let cap = experiment.cap();
    // After the end nothing may be spent.
    let raised = if has_ended { -cap.limit.count } else { 0 };
    Standing { window: Window::ALL, spend, raised, subject: Some(experiment.name.clone()), cap }
}
