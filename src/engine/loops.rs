//! Loops for a screen: looked at while their view is open, and never for more than a small part of the time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::insight::loops::{Bar, Place, histogram};
use crate::insight::spread::Spread;
use crate::model::{Millis, Window, Zone};
use crate::query::Living;
use crate::query::loops::{self, Among, BASELINE, Baselines, By, Group, Loop, Seen, Tasks, Told, groups, top};
use crate::store::{Store, StoreError};

/// Tasks that are kept of each list.
const MOST: usize = 100;
/// After a look there is none for so many times as long as it took.
const REST: u32 = 60;
/// How often it is looked up anew what running tasks are compared with.
const BASELINES: Duration = Duration::from_mins(10);

/// What loops look like in a span of time.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LoopsPicture {
    /// All tasks together.
    pub all: Group,
    /// How many tasks took how many steps.
    pub histogram: Vec<Bar>,
    /// Tasks by agent, by model, by project and by week.
    pub groups: [Vec<Group>; 4],
    /// The tasks with the most steps.
    pub longest: Vec<Loop>,
    /// The tasks that cost most.
    pub dearest: Vec<Loop>,
    /// Running tasks, and where each stands among those that are over.
    pub running: Vec<(Loop, Place, Among)>,
}

/// By what [`LoopsPicture::groups`] are told apart.
const GROUPS: [By; 4] = [
    By { agent: true, model: false, project: false, day: false, week: false, month: false },
    By { agent: false, model: true, project: false, day: false, week: false, month: false },
    By { agent: false, model: false, project: true, day: false, week: false, month: false },
    By { agent: false, model: false, project: false, day: false, week: true, month: false },
];

/// Keeps a [`LoopsPicture`] up to date while somebody looks.
#[derive(Debug)]
pub(super) struct LoopsKeeper {
    pub(super) picture: Option<Arc<LoopsPicture>>,
    is_wanted: bool,
    is_old: bool,
    not_before: Instant,
    baselines: Option<(Instant, Baselines)>,
}

impl LoopsKeeper {
    pub(super) fn new() -> LoopsKeeper {
        LoopsKeeper { picture: None, is_wanted: false, is_old: true, not_before: Instant::now(), baselines: None }
    }

    /// Somebody looks, or looks no more.
    pub(super) fn want(&mut self, is_wanted: bool) {
        self.is_wanted = is_wanted;
        self.now_old();
    }

    /// There is news.
    pub(super) fn touch(&mut self) {
        self.is_old = true;
    }

    /// There is news for which a person waits.
    pub(super) fn now_old(&mut self) {
        (self.is_old, self.not_before) = (true, Instant::now());
    }

    /// Looks, if somebody wants to know and anything can have changed.
    pub(super) fn look(&mut self, store: &Store, window: Window, living: &Living, now: Millis, zone: Zone) -> Result<(), StoreError> {
        let begin = Instant::now();
        if !self.is_wanted || !self.is_old || begin < self.not_before {
            return Ok(());
        }
        self.is_old = false;
        let running = loops::running(store, living, now)?;
        if !running.is_empty() && self.baselines.as_ref().is_none_or(|(at, _)| at.elapsed() >= BASELINES) {
            let recent = Tasks::read(store, Window { from: now - BASELINE, to: i64::MAX }, living, now)?;
            self.baselines = Some((Instant::now(), Baselines::of(&recent)));
        }
        let mut tasks = Tasks::read(store, window, living, now)?;
        tasks.find_models(store)?;
        let mut picture = picture(store, &tasks, zone)?;
        drop(tasks);
        if let Some((_, baselines)) = &self.baselines {
            let placed = |task: Loop| {
                let (place, among) = baselines.place(&task);
                (task, place, among)
            };
            picture.running = running.into_iter().map(placed).collect();
        }
        if self.picture.as_deref() != Some(&picture) {
            self.picture = Some(Arc::new(picture));
        }
        self.not_before = Instant::now() + begin.elapsed() * REST;
        Ok(())
    }
}

fn picture(store: &Store, tasks: &Tasks, zone: Zone) -> Result<LoopsPicture, StoreError> {
    let all: Vec<Seen<'_>> = tasks.iter().collect();
    Ok(LoopsPicture {
        all: loops::group(&all),
        histogram: histogram(&all.iter().map(Told::steps).collect::<Spread>()),
        groups: GROUPS.map(|by| groups(&all, by, zone)),
        longest: top(store, &all, MOST, Told::steps)?,
        dearest: top(store, &all, MOST, |task| task.cost().known.nanos())?,
        running: Vec::new(),
    })
}
