//! All tasks of a window: of each only what tasks are compared by, for there may be many.

use std::collections::HashMap;
use std::sync::Arc;

use crate::model::session::MOST_ANCESTORS;
use crate::model::{Cost, Key, Millis, SessionKind, SessionState, Window};
use crate::store::read::{SessionRow, TaskRow};
use crate::store::{Store, StoreError};

use super::super::{Living, project_of, state};
use super::models::Models;
use super::{Loop, Told, task};

/// A task in brief: a quarter of what one in full takes.
#[derive(Debug, Clone)]
pub(super) struct Brief {
    key: Key,
    session: i64,
    started_at: Millis,
    ended_at: Millis,
    /// What it cost, subagents included.
    cost: Cost,
    /// What they did, of a task that has any.
    subagents: Option<Box<Below>>,
    steps: u32,
    tools: u32,
    failures: u32,
    retries: u32,
    /// The place of its model among [`Tasks::models`].
    model: u32,
    repeats: bool,
    is_running: bool,
}

impl Brief {
    fn of(row: &TaskRow, repeats: bool) -> Brief {
        let few = |count: i64| u32::try_from(count.max(0)).unwrap_or(u32::MAX);
        Brief {
            key: row.key,
            session: row.session,
            started_at: row.started_at,
            ended_at: row.ended_at,
            cost: row.sums.cost(),
            subagents: None,
            steps: few(row.sums.calls),
            tools: few(row.sums.tools),
            failures: few(row.sums.failures),
            retries: few(row.sums.retries),
            model: NO_MODEL,
            repeats,
            is_running: false,
        }
    }
}

/// What subagents did.
#[derive(Debug, Clone, Copy, Default)]
struct Below {
    cost: Cost,
    steps: i64,
}

/// The place of the model that is none.
const NO_MODEL: u32 = 0;

/// A session, and the last part of its directory.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) row: SessionRow,
    pub(super) project: Arc<str>,
}

/// All sessions.
pub(super) fn heads(store: &Store) -> Result<HashMap<i64, Head>, StoreError> {
    let head = |row: SessionRow| Head { project: project_of(row.cwd.as_deref()), row };
    Ok(store.heads()?.into_iter().map(|(id, row)| (id, head(row))).collect())
}

/// Tasks, the oldest first.
#[derive(Debug)]
pub struct Tasks {
    heads: HashMap<i64, Head>,
    models: Vec<Option<Arc<str>>>,
    all: Vec<Brief>,
}

/// A task among others.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    tasks: &'a Tasks,
    brief: &'a Brief,
}

/// What a subagent's task cost, when it began, and the session of the person that it was for.
type Side = (i64, Millis, Below);

impl Tasks {
    /// The tasks that began in the window. Which models they asked is not known before [`Tasks::find_models`].
    pub fn read(store: &Store, window: Window, living: &Living, now: Millis) -> Result<Tasks, StoreError> {
        let mut tasks = Tasks { heads: heads(store)?, models: vec![None], all: Vec::new() };
        let sides = tasks.fill(store, window)?;
        tasks.all.sort_unstable_by_key(|task| (task.session, task.started_at, task.key));
        tasks.add_subagents(&sides);
        tasks.mark_running(living, now);
        tasks.all.sort_unstable_by_key(|task| (task.started_at, task.key));
        Ok(tasks)
    }

    /// Reads the tasks; gives what subagents did.
    fn fill(&mut self, store: &Store, window: Window) -> Result<Vec<Side>, StoreError> {
        let repeating = store.repeating()?;
        let Tasks { heads, all, .. } = self;
        let ids: Ids<'_> = heads.values().map(|head| ((&*head.row.agent, &*head.row.uid), head.row.id)).collect();
        let mut sides = Vec::new();
        let mut firsts: HashMap<i64, usize> = HashMap::new();
        // What a task's subagents began after the window is part of it all the same.
        store.each_loop(Window { from: window.from, to: i64::MAX }, |row| {
            let Some(head) = heads.get(&row.session) else { return };
            if head.row.kind == SessionKind::Subagent {
                let Some(root) = root_of(&head.row, heads, &ids) else { return };
                let first = *firsts.entry(row.session).or_insert(sides.len());
                sides.push((root, row.started_at, Below { cost: row.sums.cost(), steps: row.sums.calls }));
                if sides.get(first).is_some_and(|side| row.started_at < side.1) {
                    firsts.insert(row.session, sides.len() - 1);
                }
            } else if window.contains(row.started_at) {
                if all.len() == all.capacity() {
                    all.reserve_exact((all.len() / 8).max(256)); // twice as much as there is would be too much
                }
                all.push(Brief::of(row, repeating.contains(&row.key)));
            }
        })?;
        // Its first task began with its session. When its calls were is told by the fuller of two lines, and is another time
        // where sums are made anew.
        for (session, first) in firsts {
            let began = heads.get(&session).and_then(|head| head.row.started_at).filter(|began| *began >= window.from);
            if let (Some(began), Some(side)) = (began, sides.get_mut(first)) {
                side.1 = side.1.min(began);
            }
        }
        Ok(sides)
    }

    /// The tasks of a session, where they stand session by session.
    fn of_session(&mut self, session: i64) -> &mut [Brief] {
        let from = self.all.partition_point(|task| task.session < session);
        let to = self.all.partition_point(|task| task.session <= session);
        self.all.get_mut(from..to).unwrap_or_default()
    }

    /// Adds what subagents cost to the task during which they began.
    fn add_subagents(&mut self, sides: &[Side]) {
        for (root, began, below) in sides {
            let own = self.of_session(*root);
            let before = own.partition_point(|task| task.started_at <= *began);
            if let Some(task) = before.checked_sub(1).and_then(|last| own.get_mut(last)) {
                task.cost += below.cost;
                let all = task.subagents.get_or_insert_default();
                all.cost += below.cost;
                all.steps += below.steps;
            }
        }
    }

    /// Marks the last task of each session that is at work.
    fn mark_running(&mut self, living: &Living, now: Millis) {
        let Tasks { heads, all, .. } = self;
        for tasks in all.chunk_by_mut(|a, b| a.session == b.session) {
            let Some(task) = tasks.last_mut() else { continue };
            let Some(Head { row, .. }) = heads.get(&task.session) else { continue };
            let live = living.get(&(row.agent.clone(), row.uid.clone()));
            task.is_running = state(row.turn, row.kind, row.last_at, live, now) == SessionState::Working;
        }
    }

    /// Finds out which model each task asked.
    pub fn find_models(&mut self, store: &Store) -> Result<(), StoreError> {
        let from = self.all.iter().map(|task| task.started_at).min().unwrap_or_default();
        let to = self.all.iter().map(|task| task.ended_at).max().unwrap_or_default();
        let mut models = Models::new(store, Window { from, to: to + 1 })?;
        // One session after the other: of each it is looked up once what its steps say.
        self.all.sort_unstable_by_key(|task| (task.session, task.started_at, task.key));
        let Tasks { models: known, all, .. } = self;
        for task in all.iter_mut() {
            let model = models.of(store, task.session, task.key, (task.started_at, task.ended_at))?;
            let place = known.iter().position(|known| *known == model).unwrap_or_else(|| {
                known.push(model);
                known.len() - 1
            });
            task.model = u32::try_from(place).unwrap_or(NO_MODEL);
        }
        all.sort_unstable_by_key(|task| (task.started_at, task.key));
        Ok(())
    }

    /// The tasks, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Seen<'_>> {
        self.all.iter().map(|brief| Seen { tasks: self, brief })
    }
}

/// The store's ids of sessions by their agent and its own id.
pub(super) type Ids<'a> = HashMap<(&'a str, &'a str), i64>;

/// The session of the person that a subagent works for.
pub(super) fn root_of(head: &SessionRow, heads: &HashMap<i64, Head>, ids: &Ids<'_>) -> Option<i64> {
    let mut head = head;
    for _ in 0..MOST_ANCESTORS {
        if head.kind != SessionKind::Subagent {
            return Some(head.id);
        }
        let parent = ids.get(&(&*head.agent, head.parent.as_deref()?))?;
        head = &heads.get(parent)?.row;
    }
    None
}

impl Seen<'_> {
    fn head(&self) -> Option<&Head> {
        self.tasks.heads.get(&self.brief.session)
    }

    /// The store's id of its session.
    #[must_use]
    pub const fn session(&self) -> i64 {
        self.brief.session
    }

    /// The whole directory of its session, where known.
    #[must_use]
    pub fn cwd(&self) -> Option<&str> {
        self.head().and_then(|head| head.row.cwd.as_deref())
    }

    /// Whether it still runs.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.brief.is_running
    }

    /// All of it; nothing where the store has it no more.
    pub fn in_full(&self, store: &Store) -> Result<Option<Loop>, StoreError> {
        let (Some(Head { row: head, .. }), Some(row)) = (self.head(), store.task(self.brief.key)?) else { return Ok(None) };
        let model = self.model().map(Arc::from);
        let found = task(&row, head, model, store.repeat_of(row.key)?);
        let below = self.brief.subagents.as_deref().copied().unwrap_or_default();
        Ok(Some(Loop { subagents: below.cost, subagent_steps: below.steps, is_running: self.brief.is_running, ..found }))
    }
}

impl Told for Seen<'_> {
    fn agent(&self) -> &str {
        self.head().map_or("", |head| &head.row.agent)
    }

    fn project(&self) -> &str {
        self.head().map_or("", |head| &head.project)
    }

    fn model(&self) -> Option<&str> {
        let place = usize::try_from(self.brief.model).ok()?;
        self.tasks.models.get(place)?.as_deref()
    }

    fn started_at(&self) -> Millis {
        self.brief.started_at
    }

    fn steps(&self) -> i64 {
        i64::from(self.brief.steps)
    }

    fn millis(&self) -> Millis {
        self.brief.ended_at - self.brief.started_at
    }

    fn tools(&self) -> (i64, i64) {
        (i64::from(self.brief.tools), i64::from(self.brief.failures))
    }

    fn retries(&self) -> i64 {
        i64::from(self.brief.retries)
    }

    fn cost(&self) -> Cost {
        self.brief.cost
    }

    fn repeats(&self) -> bool {
        self.brief.repeats
    }
}

/// The tasks with most of something, in full; of equals the newest first.
pub fn top<'a>(store: &Store, tasks: &[Seen<'a>], most: usize, of: impl Fn(&Seen<'a>) -> i64) -> Result<Vec<Loop>, StoreError> {
    let mut places: Vec<(i64, Millis, usize)> = tasks.iter().enumerate().map(|(i, task)| (of(task), task.started_at(), i)).collect();
    places.sort_unstable_by(|a, b| (b.0, b.1).cmp(&(a.0, a.1)).then(a.2.cmp(&b.2)));
    places.truncate(most);
    let mut found = Vec::with_capacity(places.len());
    for (_, _, place) in places {
        if let Some(task) = tasks.get(place) {
            found.extend(task.in_full(store)?);
        }
    }
    Ok(found)
}
