//! Short tasks: what a small model could have done as well.

use std::collections::HashMap;
use std::sync::Arc;

use super::models::Models;
use super::{Living, state};
use crate::model::{Millis, SessionKind, SessionState, Window};
use crate::store::read::{SessionRow, TaskRow};
use crate::store::{Store, StoreError};

/// A task that wrote no more tokens than this is short: about a page.
pub const MOST_OUTPUT: i64 = 500;

/// A task that is over, of one model call without a tool and with a short answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Short {
    /// The model that was asked.
    pub model: Arc<str>,
    /// The directory of its session.
    pub cwd: Option<Arc<str>>,
}

/// The short tasks of persons that began since an instant. Looks at the sessions of that time only.
pub fn short(store: &Store, since: Millis, living: &Living, now: Millis) -> Result<Vec<Short>, StoreError> {
    let mut rows: Vec<TaskRow> = Vec::new();
    store.each_loop(Window { from: since, to: i64::MAX }, |row| rows.extend(is_short(row).then(|| row.clone())))?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let heads: HashMap<i64, SessionRow> = store.heads_since(since)?.into_iter().map(|head| (head.id, head)).collect();
    let mut models = Models::new(store, Window { from: since, to: i64::MAX })?;
    let mut tasks = Vec::new();
    for row in rows {
        let Some(head) = heads.get(&row.session).filter(|head| head.kind != SessionKind::Subagent) else { continue };
        let live = living.get(&(head.agent.clone(), head.uid.clone()));
        let is_last = head.last_at.is_none_or(|at| row.ended_at >= at);
        let may_go_on = is_last && state(head.turn, head.kind, head.last_at, live, now) == SessionState::Working;
        let model = models.of(store, row.session, row.key, (row.started_at, row.ended_at))?;
        if let Some(model) = model.filter(|_| !may_go_on) {
            tasks.push(Short { model, cwd: head.cwd.clone() });
        }
    }
    Ok(tasks)
}

fn is_short(row: &TaskRow) -> bool {
    row.sums.calls == 1 && row.sums.tools == 0 && row.sums.output <= MOST_OUTPUT
}
