//! How long agents' loops run: every task of a person, with what it took, and where the running ones stand.
//!
//! A task is what follows a prompt of a person; its steps are the model calls of the conversation itself. Subagents' steps
//! are not part of its length, for they run beside it; what they cost is part of its cost, for it started them.

use std::collections::HashMap;
use std::sync::Arc;

use crate::insight::loops::{ENOUGH, Place};
use crate::insight::spread::{Counts, Spread};
use crate::model::time::HOUR;
use crate::model::{Cost, Key, Millis, SessionKind, SessionState, Window};
use crate::store::read::{SessionRow, TaskRow};
use crate::store::scan::Repeat;
use crate::store::{Store, StoreError, Sums};

use super::{Living, project_of, state};

mod groups;
mod models;
mod past;
mod short;
mod tasks;

pub use groups::{By, Group, Told, group, groups};
pub use past::{Paid, past};
pub use short::{MOST_OUTPUT, Short, short};
pub use tasks::{Seen, Tasks, top};

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
    /// The model calls of its subagents.
    pub subagent_steps: i64,
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

impl Told for &Loop {
    fn agent(&self) -> &str {
        &self.agent
    }

    fn project(&self) -> &str {
        &self.project
    }

    fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    fn started_at(&self) -> Millis {
        self.started_at
    }

    fn steps(&self) -> i64 {
        Loop::steps(self)
    }

    fn millis(&self) -> Millis {
        Loop::millis(self)
    }

    fn tools(&self) -> (i64, i64) {
        (self.sums.tools, self.sums.failures)
    }

    fn retries(&self) -> i64 {
        self.sums.retries
    }

    fn cost(&self) -> Cost {
        Loop::cost(self)
    }

    fn repeats(&self) -> bool {
        self.repeat.is_some()
    }
}

/// The tasks that began in the window, in full, oldest first.
pub fn loops(store: &Store, window: Window, living: &Living, now: Millis) -> Result<Vec<Loop>, StoreError> {
    let mut tasks = Tasks::read(store, window, living, now)?;
    tasks.find_models(store)?;
    tasks.iter().filter_map(|task| task.in_full(store).transpose()).collect()
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
        subagent_steps: 0,
        repeat,
        is_running: false,
    }
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

impl From<HashMap<(Arc<str>, Arc<str>), Counts>> for Baselines {
    /// From the lengths of each agent in each project.
    fn from(lengths: HashMap<(Arc<str>, Arc<str>), Counts>) -> Baselines {
        let (mut by_agent, mut all): (HashMap<Arc<str>, Counts>, Counts) = (HashMap::new(), Counts::default());
        for ((agent, _), counts) in &lengths {
            by_agent.entry(agent.clone()).or_default().merge(counts);
            all.merge(counts);
        }
        Baselines {
            by_project: lengths.into_iter().map(|(of, counts)| (of, counts.into())).collect(),
            by_agent: by_agent.into_iter().map(|(agent, counts)| (agent, counts.into())).collect(),
            all: all.into(),
        }
    }
}

impl Baselines {
    /// Those of some tasks; running ones are left out.
    #[must_use]
    pub fn of(tasks: &Tasks) -> Baselines {
        let mut lengths: HashMap<(Arc<str>, Arc<str>), Counts> = HashMap::new();
        for task in tasks.iter().filter(|task| !task.is_running()) {
            lengths.entry((task.agent().into(), task.project().into())).or_default().add(task.steps());
        }
        lengths.into()
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
        let Some(row) = store.newest_task(head.id)? else { continue };
        let repeat = store.repeat_of(row.key)?;
        let mut below = store.last_task(&store.conversation(head.id)?)?.map_or(row.sums, |all| all.sums);
        below.add(&row.sums, -1);
        let found = task(&row, head, head.model.clone(), repeat);
        tasks.push(Loop { subagents: below.cost(), subagent_steps: below.calls, is_running: true, ..found });
    }
    tasks.sort_by_key(|task| (task.started_at, task.key));
    Ok(tasks)
}
