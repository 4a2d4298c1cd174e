//! Tasks told apart by agent, model, project or time, each group with its distribution.

use std::collections::BTreeMap;

use chrono::{Datelike as _, NaiveDate};

use crate::insight::loops::Points;
use crate::insight::spread::Spread;
use crate::model::time::{day_of, week_of};
use crate::model::{Cost, Millis, Zone};

/// What tasks are told apart and compared by.
pub trait Told {
    /// The agent's name.
    fn agent(&self) -> &str;
    /// The last part of the session's directory.
    fn project(&self) -> &str;
    /// The model that most of its steps asked, where known.
    fn model(&self) -> Option<&str>;
    /// When it began.
    fn started_at(&self) -> Millis;
    /// Its model calls.
    fn steps(&self) -> i64;
    /// How long it took.
    fn millis(&self) -> Millis;
    /// Its tool calls, and how many of them failed.
    fn tools(&self) -> (i64, i64);
    /// Model calls that failed and were tried again.
    fn retries(&self) -> i64;
    /// What it cost, subagents included.
    fn cost(&self) -> Cost;
    /// Whether a tool was called again with the same arguments.
    fn repeats(&self) -> bool;
}

/// What tells groups apart. Nothing at all is one group of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent properties, any of them together")]
pub struct By {
    /// The agent.
    pub agent: bool,
    /// The model.
    pub model: bool,
    /// The project.
    pub project: bool,
    /// The viewer's day that tasks began on.
    pub day: bool,
    /// The week of it, from Monday.
    pub week: bool,
    /// The month of it.
    pub month: bool,
}

/// Tasks that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Group {
    /// The agent, where groups differ in it.
    pub agent: Option<String>,
    /// The model; an empty one is a model that the log does not name.
    pub model: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The first day of the time, where groups differ in time.
    pub day: Option<NaiveDate>,
    /// How many tasks there are.
    pub tasks: usize,
    /// Their steps.
    pub steps: Points,
    /// What they cost in nano-dollars, subagents included: of those whose whole cost is known.
    pub nanos: Option<Points>,
    /// How long they took, in milliseconds.
    pub millis: Points,
    /// Their tool calls.
    pub tools: Points,
    /// Of all their tool calls, how many there were and how many failed.
    pub tool_calls: (i64, i64),
    /// Model calls that failed and were tried again.
    pub retries: i64,
    /// Tasks in which a tool was called again with the same arguments.
    pub repeating: usize,
    /// Everything they cost.
    pub cost: Cost,
    /// Tasks with calls whose price is not known.
    pub unpriced: usize,
}

/// What a group is told apart by: its day, agent, model and project.
type Names = (Option<NaiveDate>, Option<String>, Option<String>, Option<String>);

/// The groups, those by time from the oldest, others from the one with the most tasks.
#[must_use]
pub fn groups<T: Told + Copy>(tasks: &[T], by: By, zone: Zone) -> Vec<Group> {
    let mut found: BTreeMap<Names, Vec<T>> = BTreeMap::new();
    for task in tasks {
        let text = |wanted: bool, text: &str| wanted.then(|| text.to_owned());
        let key = (
            day(task, by, zone),
            text(by.agent, task.agent()),
            text(by.model, task.model().unwrap_or_default()),
            text(by.project, task.project()),
        );
        found.entry(key).or_default().push(*task);
    }
    let mut all: Vec<Group> =
        found.into_iter().map(|((day, agent, model, project), tasks)| Group { agent, model, project, day, ..group(&tasks) }).collect();
    // The sort keeps the order of names among equals.
    all.sort_by(|a, b| a.day.cmp(&b.day).then(b.tasks.cmp(&a.tasks)));
    all
}

fn day(task: &impl Told, by: By, zone: Zone) -> Option<NaiveDate> {
    let day = day_of(task.started_at(), zone);
    match (by.day, by.week, by.month) {
        (true, ..) => Some(day),
        (_, true, _) => Some(week_of(day)),
        (.., true) => Some(day.with_day(1).unwrap_or(day)),
        _ => None,
    }
}

/// What some tasks have in common.
#[must_use]
pub fn group<T: Told>(tasks: &[T]) -> Group {
    let points = |value: fn(&T) -> i64| Points::of(&tasks.iter().map(value).collect::<Spread>()).unwrap_or_default();
    let priced: Spread = tasks.iter().map(Told::cost).filter(|cost| cost.unpriced_calls == 0).map(|cost| cost.known.nanos()).collect();
    let sum = |value: fn(&T) -> i64| tasks.iter().map(value).sum::<i64>();
    Group {
        tasks: tasks.len(),
        steps: points(Told::steps),
        nanos: Points::of(&priced),
        millis: points(Told::millis),
        tools: points(|task| task.tools().0),
        tool_calls: (sum(|task| task.tools().0), sum(|task| task.tools().1)),
        retries: sum(Told::retries),
        repeating: tasks.iter().filter(|task| task.repeats()).count(),
        cost: tasks.iter().fold(Cost::default(), |cost, task| cost + task.cost()),
        unpriced: tasks.len() - priced.count(),
        ..Group::default()
    }
}
