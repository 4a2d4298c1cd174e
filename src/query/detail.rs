//! One session in full.

use std::path::PathBuf;

use crate::insight::waste::Waste;
use crate::model::time::MINUTE;
use crate::model::{Key, Millis, Window};
use crate::pricing::Pricer;
use crate::store::read::{LimitRow, StepRow, ToolRow};
use crate::store::{Store, StoreError, Sums};

use super::{Asking, SessionView, sessions_by_id, waste};

/// A task as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskView {
    /// Its identity.
    pub key: Key,
    /// When it began.
    pub started_at: Millis,
    /// When the last thing in it happened.
    pub ended_at: Millis,
    /// Its sums; `calls` are its steps.
    pub sums: Sums,
}

/// Everything about one session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionDetail {
    /// The session, with its sums over all its life.
    pub session: SessionView,
    /// Its subagents and forks.
    pub children: Vec<SessionView>,
    /// Its tasks, oldest first.
    pub tasks: Vec<TaskView>,
    /// Its steps, oldest first, the newest [`MOST_STEPS`] of them.
    pub steps: Vec<StepRow>,
    /// Its tools, most used first.
    pub tools: Vec<ToolRow>,
    /// Where the money of these steps went.
    pub waste: Waste,
    /// What its provider said about limits.
    pub limits: Vec<LimitRow>,
    /// The logs it was read from.
    pub files: Vec<PathBuf>,
}

/// More steps than a chart can show are not loaded.
pub const MOST_STEPS: usize = 5000;

/// Reads everything about one session.
pub fn session(store: &Store, prices: &mut Pricer, asking: &Asking<'_>, id: i64) -> Result<Option<SessionDetail>, StoreError> {
    session_after(store, prices, asking, id, None)
}

/// What a call may still be told of so long after it: partial answers become whole ones.
const UNSETTLED: Millis = 2 * MINUTE;

/// As [`session`]; of the one that was looked at before only what may have changed is read again.
pub fn session_after(
    store: &Store,
    prices: &mut Pricer,
    asking: &Asking<'_>,
    id: i64,
    before: Option<&SessionDetail>,
) -> Result<Option<SessionDetail>, StoreError> {
    let all = Asking { window: Window::ALL, ..*asking };
    let Some(view) = sessions_by_id(store, prices, &all, &[id])?.pop() else { return Ok(None) };
    let children = store.children_of(&view.agent, &view.uid)?;
    let children = sessions_by_id(store, prices, &all, &children)?;
    let tasks = store
        .tasks(id)?
        .into_iter()
        .map(|t| TaskView { key: t.key, started_at: t.started_at, ended_at: t.ended_at, sums: t.sums })
        .collect();
    let steps = steps(store, id, before)?;
    Ok(Some(SessionDetail {
        children,
        tasks,
        waste: waste::of_steps(store, prices, asking.now, id, &steps)?,
        steps,
        tools: store.tools(id)?,
        limits: store.limits(id)?,
        files: store.files_of(id)?,
        session: view,
    }))
}

fn steps(store: &Store, id: i64, before: Option<&SessionDetail>) -> Result<Vec<StepRow>, StoreError> {
    let before = before.filter(|detail| detail.session.id == id);
    let Some((last, before)) = before.and_then(|detail| Some((detail.steps.last()?, &detail.steps))) else {
        return store.steps(id, MOST_STEPS);
    };
    let since = last.at - UNSETTLED;
    let mut all: Vec<StepRow> = before.iter().filter(|step| step.at < since).cloned().collect();
    all.extend(store.steps_since(id, since, MOST_STEPS)?);
    all.drain(..all.len().saturating_sub(MOST_STEPS));
    Ok(all)
}
