//! How long agents' loops run: every task of a person, with what it took, and where the running ones stand.
//!
//! A task is what follows a prompt of a person; its steps are the model calls of the conversation itself. Subagents' steps
//! are not part of its length, for they run beside it; what they cost is part of its cost, for it started them.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::insight::loops::{ENOUGH, Place};
use crate::insight::spread::Spread;
use crate::model::session::MOST_ANCESTORS;
use crate::model::time::{HOUR, SLOT};
use crate::model::{Cost, IdMap, Key, Millis, SessionKind, SessionState, Window};
use crate::store::read::{SessionRow, TaskRow};
use crate::store::scan::{Asked, Repeat};
use crate::store::{Store, StoreError, Sums};

use super::{Living, project_of, state};

mod groups;
mod short;

pub use groups::{By, Group, group, groups};
pub use short::{MOST_OUTPUT, Short, short};

/// How far back a running task is compared with others.
pub const BASELINE: Millis = 30 * 24 * HOUR;

/// A person's task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loop {
    /// Its identity.
    pub key: Key,
    /// The store's id of its session.
    pub session: i64,
    /// The agent's id of its session.
    pub uid: Arc<str>,
    /// The agent's name.
    pub agent: Arc<str>,
    /// The last part of the session's directory.
    pub project: Arc<str>,
    /// The whole directory.
    pub cwd: Option<Arc<str>>,
    /// The git branch.
    pub branch: Option<Arc<str>>,
    /// The model that most of its steps asked; `None` where the log does not say.
    pub model: Option<Arc<str>>,
    /// When it began.
    pub started_at: Millis,
    /// When the last thing in it happened.
    pub ended_at: Millis,
    /// Its own sums; `calls` are its steps.
    pub sums: Sums,
    /// What its subagents cost.
    pub subagents: Cost,
    /// The tool call that it made most often, if any came again with the same arguments.
    pub repeat: Option<Repeat>,
    /// Whether it still runs.
    pub is_running: bool,
}

impl Loop {
    /// The loop length: its model calls.
    #[must_use]
    pub const fn steps(&self) -> i64 {
        self.sums.calls
    }

    /// How long it took, in milliseconds.
    #[must_use]
    pub const fn millis(&self) -> Millis {
        self.ended_at - self.started_at
    }

    /// What it cost, subagents included.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let mut cost = self.sums.cost();
        cost += self.subagents;
        cost
    }
}

/// The tasks that began in the window, oldest first.
pub fn loops(store: &Store, window: Window, living: &Living, now: Millis) -> Result<Vec<Loop>, StoreError> {
    let heads = store.heads()?;
    // What a task's subagents began after the window is part of it all the same.
    let rows = store.tasks_in(Window { from: window.from, to: i64::MAX })?;
    let repeats = store.repeats()?;
    let ids: Ids<'_> = heads.values().map(|head| ((&*head.agent, &*head.uid), head.id)).collect();
    let mut models = Models::new(store, &rows)?;
    let mut tasks: Vec<Loop> = Vec::new();
    let mut sides: Vec<(i64, TaskRow)> = Vec::new();
    for row in rows {
        let Some(head) = heads.get(&row.session) else { continue };
        if head.kind == SessionKind::Subagent {
            sides.extend(root_of(head, &heads, &ids).map(|root| (root, row)));
        } else if window.contains(row.started_at) {
            let model = models.of(store, &row)?;
            tasks.push(task(&row, head, model, repeats.get(&row.key).cloned()));
        }
    }
    add_subagents(&mut tasks, &sides);
    mark_running(&mut tasks, &heads, living, now);
    Ok(tasks)
}

fn task(row: &TaskRow, head: &SessionRow, model: Option<Arc<str>>, repeat: Option<Repeat>) -> Loop {
    Loop {
        key: row.key,
        session: row.session,
        uid: head.uid.clone(),
        agent: head.agent.clone(),
        project: project_of(head.cwd.as_deref()),
        cwd: head.cwd.clone(),
        branch: head.branch.clone(),
        model,
        started_at: row.started_at,
        ended_at: row.ended_at,
        sums: row.sums,
        subagents: Cost::default(),
        repeat,
        is_running: false,
    }
}

/// The store's ids of sessions by their agent and its own id.
type Ids<'a> = HashMap<(&'a str, &'a str), i64>;

/// The session of the person that a subagent works for.
fn root_of(head: &SessionRow, heads: &HashMap<i64, SessionRow>, ids: &Ids<'_>) -> Option<i64> {
    let mut head = head;
    for _ in 0..MOST_ANCESTORS {
        if head.kind != SessionKind::Subagent {
            return Some(head.id);
        }
        let parent = ids.get(&(&*head.agent, head.parent.as_deref()?))?;
        head = heads.get(parent)?;
    }
    None
}

/// Adds what subagents cost to the task during which they began.
fn add_subagents(tasks: &mut [Loop], sides: &[(i64, TaskRow)]) {
    let mut of: IdMap<i64, Vec<usize>> = IdMap::default();
    for (i, task) in tasks.iter().enumerate() {
        of.entry(task.session).or_default().push(i);
    }
    for (root, side) in sides {
        let Some(own) = of.get(root) else { continue };
        let began = |i: &usize| tasks.get(*i).is_some_and(|task| task.started_at <= side.started_at);
        let found = own.iter().rev().find(|i| began(i)).copied();
        if let Some(task) = found.and_then(|i| tasks.get_mut(i)) {
            task.subagents += side.sums.cost();
        }
    }
}

/// Marks the last task of each session that is at work.
fn mark_running(tasks: &mut [Loop], heads: &HashMap<i64, SessionRow>, living: &Living, now: Millis) {
    let mut last: IdMap<i64, usize> = IdMap::default();
    for (i, task) in tasks.iter().enumerate() {
        last.insert(task.session, i);
    }
    for i in last.into_values() {
        let Some(task) = tasks.get_mut(i) else { continue };
        let Some(head) = heads.get(&task.session) else { continue };
        let live = living.get(&(head.agent.clone(), head.uid.clone()));
        task.is_running = state(head.turn, head.kind, head.last_at, live, now) == SessionState::Working;
    }
}

/// Which model a task asked: by the quarters of an hour it lasted, and where those say several, by its steps.
struct Models {
    asked: IdMap<i64, Vec<Asked>>,
    names: HashMap<i64, Arc<str>>,
    /// The models of the tasks of sessions that were looked at step by step.
    exact: IdMap<i64, HashMap<Key, Option<Arc<str>>>>,
}

impl Models {
    fn new(store: &Store, rows: &[TaskRow]) -> Result<Models, StoreError> {
        let from = rows.iter().map(|row| row.started_at).min().unwrap_or_default();
        let to = rows.iter().map(|row| row.ended_at).max().unwrap_or_default();
        Ok(Models { asked: store.asked(Window { from, to: to + 1 })?, names: store.names()?, exact: IdMap::default() })
    }

    fn of(&mut self, store: &Store, row: &TaskRow) -> Result<Option<Arc<str>>, StoreError> {
        let (from, to) = (row.started_at.div_euclid(SLOT) * SLOT, row.ended_at);
        let mut models = self.asked.get(&row.session).into_iter().flatten().filter(|(at, _)| (from..=to).contains(at)).map(|(_, m)| *m);
        let first = models.next();
        if models.all(|model| Some(model) == first) {
            return Ok(first.and_then(|model| self.names.get(&model).cloned()));
        }
        let tasks = match self.exact.entry(row.session) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(by_steps(store, row.session)?),
        };
        Ok(tasks.get(&row.key).cloned().flatten())
    }
}

/// The model that most steps of each task asked; of equals the first by name.
fn by_steps(store: &Store, session: i64) -> Result<HashMap<Key, Option<Arc<str>>>, StoreError> {
    let mut counts: HashMap<Key, BTreeMap<Option<Arc<str>>, usize>> = HashMap::new();
    for step in store.steps(session, usize::MAX)? {
        *counts.entry(step.task).or_default().entry(step.model).or_default() += 1;
    }
    let most = |models: BTreeMap<Option<Arc<str>>, usize>| models.into_iter().rev().max_by_key(|(_, n)| *n).and_then(|(model, _)| model);
    Ok(counts.into_iter().map(|(task, models)| (task, most(models))).collect())
}

/// What a running task is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Among {
    /// Tasks of the same agent in the same project.
    Project,
    /// Tasks of the same agent.
    Agent,
    /// All tasks.
    All,
}

impl Among {
    /// The words that tell whose tasks: `of codex in api`.
    #[must_use]
    pub fn words(self, task: &Loop) -> String {
        match self {
            Among::Project => format!("of {} in {}", task.agent, task.project),
            Among::Agent => format!("of {}", task.agent),
            Among::All => "of all agents".to_owned(),
        }
    }
}

/// The loop lengths of tasks that are over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baselines {
    by_project: HashMap<(Arc<str>, Arc<str>), Spread>,
    by_agent: HashMap<Arc<str>, Spread>,
    all: Spread,
}

impl Baselines {
    /// Those of some tasks; running ones are left out.
    #[must_use]
    pub fn of(tasks: &[Loop]) -> Baselines {
        let over = || tasks.iter().filter(|task| !task.is_running);
        let mut by_project: HashMap<(Arc<str>, Arc<str>), Vec<i64>> = HashMap::new();
        let mut by_agent: HashMap<Arc<str>, Vec<i64>> = HashMap::new();
        for task in over() {
            by_project.entry((task.agent.clone(), task.project.clone())).or_default().push(task.steps());
            by_agent.entry(task.agent.clone()).or_default().push(task.steps());
        }
        Baselines {
            by_project: by_project.into_iter().map(|(key, steps)| (key, steps.into_iter().collect())).collect(),
            by_agent: by_agent.into_iter().map(|(key, steps)| (key, steps.into_iter().collect())).collect(),
            all: over().map(Loop::steps).collect(),
        }
    }

    /// Places a task among the nearest tasks of which there are enough.
    #[must_use]
    pub fn place(&self, task: &Loop) -> (Place, Among) {
        let enough = |spread: &&Spread| spread.count() >= ENOUGH;
        let near = self.by_project.get(&(task.agent.clone(), task.project.clone())).filter(enough).map(|spread| (spread, Among::Project));
        let agent = || self.by_agent.get(&task.agent).filter(enough).map(|spread| (spread, Among::Agent));
        let (spread, among) = near.or_else(agent).unwrap_or((&self.all, Among::All));
        (Place::of(task.steps(), spread), among)
    }
}

/// The running tasks, each the last one of a session that is at work. Looks at the sessions of the last hour only.
pub fn running(store: &Store, living: &Living, now: Millis) -> Result<Vec<Loop>, StoreError> {
    let heads: HashMap<i64, SessionRow> = store.heads_since(now - HOUR)?.into_iter().map(|head| (head.id, head)).collect();
    let mut tasks = Vec::new();
    for head in heads.values().filter(|head| head.kind != SessionKind::Subagent) {
        let live = living.get(&(head.agent.clone(), head.uid.clone()));
        if state(head.turn, head.kind, head.last_at, live, now) != SessionState::Working {
            continue;
        }
        let Some(row) = store.tasks(head.id)?.pop() else { continue };
        let repeat = store.repeat_of(row.key)?;
        let subagents = store.last_task(&store.conversation(head.id)?)?.map_or_else(Cost::default, |all| {
            let mut sums = all.sums;
            sums.add(&row.sums, -1);
            sums.cost()
        });
        let found = task(&row, head, head.model.clone(), repeat);
        tasks.push(Loop { subagents, is_running: true, ..found });
    }
    tasks.sort_by_key(|task| (task.started_at, task.key));
    Ok(tasks)
}
