//! Which model a task asked: by the quarters of an hour it lasted, and where those say several, by its steps.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::model::time::SLOT;
use crate::model::{IdMap, Key, Millis, Window};
use crate::store::scan::Asked;
use crate::store::{Store, StoreError};

/// The models of some tasks.
type OfTasks = HashMap<Key, Option<Arc<str>>>;

/// What tells it.
pub(super) struct Models {
    asked: IdMap<i64, Vec<Asked>>,
    names: HashMap<i64, Arc<str>>,
    /// The session that was looked at last step by step, and the models of its tasks.
    exact: Option<(i64, OfTasks)>,
}

impl Models {
    /// For tasks of this time.
    pub(super) fn new(store: &Store, window: Window) -> Result<Models, StoreError> {
        Ok(Models { asked: store.asked(window)?, names: store.names()?, exact: None })
    }

    /// The model of a task that began and ended so.
    pub(super) fn of(
        &mut self,
        store: &Store,
        session: i64,
        task: Key,
        (began, ended): (Millis, Millis),
    ) -> Result<Option<Arc<str>>, StoreError> {
        let from = began.div_euclid(SLOT) * SLOT;
        let mut models = self.asked.get(&session).into_iter().flatten().filter(|(at, _)| (from..=ended).contains(at)).map(|(_, m)| *m);
        let first = models.next();
        if models.all(|model| Some(model) == first) {
            return Ok(first.and_then(|model| self.names.get(&model).cloned()));
        }
        let (_, tasks) = match self.exact.take().filter(|(known, _)| *known == session) {
            Some(known) => self.exact.insert(known),
            None => self.exact.insert((session, by_steps(store, session)?)),
        };
        Ok(tasks.get(&task).cloned().flatten())
    }
}

/// The model that most steps of each task asked; of equals the first by name.
fn by_steps(store: &Store, session: i64) -> Result<OfTasks, StoreError> {
    let mut counts: HashMap<Key, BTreeMap<Option<Arc<str>>, usize>> = HashMap::new();
    for step in store.steps(session, usize::MAX)? {
        *counts.entry(step.task).or_default().entry(step.model).or_default() += 1;
    }
    let most = |models: BTreeMap<Option<Arc<str>>, usize>| models.into_iter().rev().max_by_key(|(_, n)| *n).and_then(|(model, _)| model);
    Ok(counts.into_iter().map(|(task, models)| (task, most(models))).collect())
}
