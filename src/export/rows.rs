//! What can be exported as a table: sessions, tasks, calls and days, each with its columns.
//!
//! Rows end with tokens and cost; what comes before says whose they are. A further dimension is a further column here.

use std::sync::Arc;

use crate::model::{Dimension, Key, Labels, SessionKind};
use crate::query::SessionView;
use crate::query::report::Row;
use crate::store::merge::CallRow;
use crate::store::read::TaskRow;

use super::table::{Column, Kind, Value};

const fn column(key: &'static str, title: &'static str, kind: Kind) -> Column {
    Column { key, title, kind }
}

/// What a task or a call has of its session.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are those of SessionView of their names")]
pub struct Owner {
    pub agent: Arc<str>,
    pub uid: Arc<str>,
    pub kind: SessionKind,
    pub project: Arc<str>,
    pub branch: Option<Arc<str>>,
    pub labels: Labels,
}

impl Owner {
    /// What rows show of a session.
    #[must_use]
    pub fn of(view: &SessionView) -> Owner {
        Owner {
            agent: view.agent.clone(),
            uid: view.uid.clone(),
            kind: view.kind,
            project: view.project.clone(),
            branch: view.branch.clone(),
            labels: view.labels.clone(),
        }
    }
}

/// A row's own values, and what its session was for.
fn with_labels<'a, const OWN: usize>(own: [Value<'a>; OWN], labels: &'a Labels) -> Vec<Value<'a>> {
    own.into_iter().chain(Dimension::ALL.map(|dimension| Value::text(labels.get(dimension).map(|value| &**value)))).collect()
}

/// The columns of sessions.
pub const SESSIONS: &[Column] = &[
    column("started_at", "Started", Kind::Time),
    column("last_at", "", Kind::Time),
    column("agent", "Agent", Kind::Text),
    column("id", "Session", Kind::Id),
    column("kind", "", Kind::Text),
    column("parent", "", Kind::Text),
    column("role", "", Kind::Text),
    column("project", "Project", Kind::Text),
    column("branch", "Branch", Kind::Text),
    column("cwd", "", Kind::Text),
    column("version", "", Kind::Text),
    column("state", "", Kind::Text),
    column("models", "Models", Kind::List),
    column("tasks", "Tasks", Kind::Number),
    column("steps", "Steps", Kind::Number),
    column("longest_loop", "Longest loop", Kind::Number),
    column("tool_calls", "Tools", Kind::Number),
    column("tool_failures", "Failed", Kind::Number),
    column("retries", "", Kind::Number),
    column("compactions", "", Kind::Number),
    column("api_errors", "", Kind::Number),
    column("web_searches", "", Kind::Number),
    column("tokens", "Tokens", Kind::Tokens),
    column("cost", "Cost", Kind::Cost),
    column("team", "", Kind::Text),
    column("feature", "", Kind::Text),
    column("customer", "", Kind::Text),
    column("environment", "", Kind::Text),
    column("experiment", "", Kind::Text),
];

/// A session as a row.
#[must_use]
pub fn session(view: &SessionView) -> Vec<Value<'_>> {
    let sums = &view.sums;
    with_labels(
        [
            Value::time(view.started_at),
            Value::time(view.last_at),
            Value::Text(&view.agent),
            Value::Text(&view.uid),
            Value::Text(view.kind.word()),
            Value::text(view.parent.as_deref()),
            Value::text(view.role.as_deref()),
            Value::text(Some(&view.project)),
            Value::text(view.branch.as_deref()),
            Value::text(view.cwd.as_deref()),
            Value::text(view.version.as_deref()),
            Value::Text(view.state.word()),
            Value::List(&view.models),
            Value::Number(sums.prompts),
            Value::Number(sums.calls),
            Value::Number(i64::try_from(view.longest_loop).unwrap_or(i64::MAX)),
            Value::Number(sums.tools),
            Value::Number(sums.failures),
            Value::Number(sums.retries),
            Value::Number(sums.compactions),
            Value::Number(sums.errors),
            Value::Number(sums.searches),
            Value::Tokens(view.tokens()),
            Value::Cost(view.cost()),
        ],
        &view.labels,
    )
}

/// The columns of tasks.
pub const TASKS: &[Column] = &[
    column("started_at", "Started", Kind::Time),
    column("ended_at", "", Kind::Time),
    column("seconds", "Seconds", Kind::Number),
    column("agent", "Agent", Kind::Text),
    column("session", "Session", Kind::Id),
    column("kind", "", Kind::Text),
    column("project", "Project", Kind::Text),
    column("branch", "Branch", Kind::Text),
    column("task", "", Kind::Text),
    column("steps", "Steps", Kind::Number),
    column("tool_calls", "Tools", Kind::Number),
    column("tool_failures", "Failed", Kind::Number),
    column("retries", "Retries", Kind::Number),
    column("compactions", "", Kind::Number),
    column("tokens", "Tokens", Kind::Tokens),
    column("cost", "Cost", Kind::Cost),
    column("team", "", Kind::Text),
    column("feature", "", Kind::Text),
    column("customer", "", Kind::Text),
    column("environment", "", Kind::Text),
    column("experiment", "", Kind::Text),
];

/// A task as a row; `name` is its [`name_of`].
#[must_use]
pub fn task<'a>(task: &TaskRow, owner: &'a Owner, name: &'a str) -> Vec<Value<'a>> {
    let sums = &task.sums;
    with_labels(
        [
            Value::Time(task.started_at),
            Value::Time(task.ended_at),
            Value::Number((task.ended_at - task.started_at).max(0) / 1000),
            Value::Text(&owner.agent),
            Value::Text(&owner.uid),
            Value::Text(owner.kind.word()),
            Value::text(Some(&owner.project)),
            Value::text(owner.branch.as_deref()),
            Value::Text(name),
            Value::Number(sums.calls),
            Value::Number(sums.tools),
            Value::Number(sums.failures),
            Value::Number(sums.retries),
            Value::Number(sums.compactions),
            Value::Tokens(sums.tokens()),
            Value::Cost(sums.cost()),
        ],
        &owner.labels,
    )
}

/// A task's or call's identity as a word: the same in every export, and no number to any spreadsheet.
#[must_use]
pub fn name_of(key: Key) -> String {
    format!("x{:016x}", key.0)
}

/// The columns of calls.
pub const CALLS: &[Column] = &[
    column("at", "At", Kind::Time),
    column("agent", "Agent", Kind::Text),
    column("session", "Session", Kind::Id),
    column("kind", "", Kind::Text),
    column("project", "Project", Kind::Text),
    column("branch", "Branch", Kind::Text),
    column("task", "", Kind::Text),
    column("call", "", Kind::Text),
    column("model", "Model", Kind::Text),
    column("tier", "", Kind::Text),
    column("fast", "", Kind::Flag),
    column("web_searches", "", Kind::Number),
    column("context", "Context", Kind::Number),
    column("tokens", "Tokens", Kind::Tokens),
    column("cost", "Cost", Kind::Cost),
    column("team", "", Kind::Text),
    column("feature", "", Kind::Text),
    column("customer", "", Kind::Text),
    column("environment", "", Kind::Text),
    column("experiment", "", Kind::Text),
];

/// A model call as a row; `names` are its task's and its own [`name_of`].
#[must_use]
pub fn call<'a>(call: &CallRow, owner: &'a Owner, model: Option<&'a str>, names: &'a (String, String)) -> Vec<Value<'a>> {
    with_labels(
        [
            Value::Time(call.at),
            Value::Text(&owner.agent),
            Value::Text(&owner.uid),
            Value::Text(owner.kind.word()),
            Value::text(Some(&owner.project)),
            Value::text(owner.branch.as_deref()),
            Value::Text(&names.0),
            Value::Text(&names.1),
            Value::text(model),
            Value::Text(call.tier.word()),
            Value::Flag(call.speed.fast),
            Value::Number(i64::from(call.searches)),
            Value::Number(i64::try_from(call.context).unwrap_or(i64::MAX)),
            Value::Tokens(call.tokens),
            Value::Cost(call.cost()),
        ],
        &owner.labels,
    )
}

/// The columns of days.
pub const DAYS: &[Column] = &[
    column("day", "Day", Kind::Text),
    column("agent", "Agent", Kind::Text),
    column("project", "Project", Kind::Text),
    column("model", "Model", Kind::Text),
    column("calls", "Calls", Kind::Number),
    column("web_searches", "", Kind::Number),
    column("tokens", "Tokens", Kind::Tokens),
    column("cost", "Cost", Kind::Cost),
    column("team", "", Kind::Text),
    column("feature", "", Kind::Text),
    column("customer", "", Kind::Text),
    column("environment", "", Kind::Text),
    column("experiment", "", Kind::Text),
];

/// What one agent spent in one project with one model on one day, as a row.
#[must_use]
pub fn day(row: &Row) -> Vec<Value<'_>> {
    with_labels(
        [
            Value::Text(&row.period),
            Value::text(Some(&row.agent)),
            Value::text(Some(&row.project)),
            Value::text(Some(&row.model)),
            Value::Number(row.sums.calls),
            Value::Number(row.sums.searches),
            Value::Tokens(row.sums.tokens()),
            Value::Cost(row.sums.cost()),
        ],
        &row.labels,
    )
}
