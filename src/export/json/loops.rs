//! The answer of `loops`.

use serde::Serialize;

use super::{CostJson, Usd, WindowJson, cost};
use crate::insight::loops::{Bar, Place, Points};
use crate::model::text::clean;
use crate::model::time::rfc3339;
use crate::model::{Millis, Money};
use crate::query::loops::{Among, Group, Loop};

/// Values at the percentiles, and the largest one.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct PointsJson<T> {
    pub p50: T,
    pub p95: T,
    pub p99: T,
    pub max: T,
}

fn points<T>(points: Points, of: impl Fn(i64) -> T) -> PointsJson<T> {
    PointsJson { p50: of(points.p50), p95: of(points.p95), p99: of(points.p99), max: of(points.max) }
}

/// Tasks that belong together.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct GroupJson {
    pub agent: Option<String>,
    pub model: Option<String>,
    pub project: Option<String>,
    /// The first day of the time, where rows differ in time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    pub tasks: usize,
    pub steps: PointsJson<i64>,
    /// Of tasks whose whole cost is known; `null` where there is none.
    pub usd: Option<PointsJson<Usd>>,
    pub nano_usd: Option<PointsJson<i64>>,
    pub seconds: PointsJson<i64>,
    pub tool_calls_per_task: PointsJson<i64>,
    pub tool_calls: i64,
    pub tool_failures: i64,
    pub retries: i64,
    pub tasks_with_repeated_calls: usize,
    pub unpriced_tasks: usize,
    pub cost: CostJson,
}

/// A group as the contract writes it.
#[must_use]
pub fn group(group: &Group) -> GroupJson {
    let text = |text: &Option<String>| text.as_deref().filter(|text| !text.is_empty()).map(clean);
    GroupJson {
        agent: text(&group.agent),
        model: text(&group.model),
        project: text(&group.project),
        since: group.day.map(|day| day.to_string()),
        tasks: group.tasks,
        steps: points(group.steps, |steps| steps),
        usd: group.nanos.map(|nanos| points(nanos, |nanos| Usd(Money::from_nanos(nanos)))),
        nano_usd: group.nanos.map(|nanos| points(nanos, |nanos| nanos)),
        seconds: points(group.millis, seconds),
        tool_calls_per_task: points(group.tools, |tools| tools),
        tool_calls: group.tool_calls.0,
        tool_failures: group.tool_calls.1,
        retries: group.retries,
        tasks_with_repeated_calls: group.repeating,
        unpriced_tasks: group.unpriced,
        cost: cost(&group.cost),
    }
}

const fn seconds(millis: Millis) -> i64 {
    millis / 1000
}

/// A bar of the histogram.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct BarJson {
    pub from: i64,
    pub to: i64,
    pub tasks: usize,
}

/// The tool call that a task made most often.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct RepeatJson {
    pub tool: String,
    pub times: u64,
}

/// One task.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct LoopJson {
    pub session: String,
    pub agent: String,
    pub project: String,
    pub branch: Option<String>,
    pub model: Option<String>,
    pub started_at: String,
    pub ended_at: String,
    pub running: bool,
    pub steps: i64,
    pub seconds: i64,
    pub tool_calls: i64,
    pub tool_failures: i64,
    pub retries: i64,
    pub repeated: Option<RepeatJson>,
    pub cost: CostJson,
    /// What its subagents cost; a part of `cost`.
    pub subagents_cost: CostJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceJson>,
}

/// Where a running task stands among those that are over.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct PlaceJson {
    pub among: String,
    pub tasks: usize,
    pub steps: Option<PointsJson<i64>>,
    /// How many percent of them have fewer steps.
    pub above_percent: Option<u32>,
    /// The highest of the percentiles 50, 95 and 99 that it is over.
    pub over_percentile: Option<u32>,
}

/// A task as the contract writes it.
#[must_use]
pub fn task(task: &Loop) -> LoopJson {
    LoopJson {
        session: clean(&task.uid),
        agent: clean(&task.agent),
        project: clean(&task.project),
        branch: task.branch.as_deref().map(clean),
        model: task.model.as_deref().map(clean),
        started_at: rfc3339(task.started_at),
        ended_at: rfc3339(task.ended_at),
        running: task.is_running,
        steps: task.steps(),
        seconds: seconds(task.millis()),
        tool_calls: task.sums.tools,
        tool_failures: task.sums.failures,
        retries: task.sums.retries,
        repeated: task.repeat.as_ref().map(|repeat| RepeatJson { tool: clean(&repeat.tool), times: repeat.times }),
        cost: cost(&task.cost()),
        subagents_cost: cost(&task.subagents),
        place: None,
    }
}

/// A running task, placed.
#[must_use]
pub fn placed(loop_: &Loop, (place, among): &(Place, Among)) -> LoopJson {
    let place = PlaceJson {
        among: clean(&among.words(loop_)),
        tasks: place.among,
        steps: place.points.map(|p| points(p, |steps| steps)),
        above_percent: place.above,
        over_percentile: place.over().map(|(percent, _)| percent),
    };
    LoopJson { place: Some(place), ..task(loop_) }
}

/// A bar as the contract writes it.
#[must_use]
pub const fn bar(bar: &Bar) -> BarJson {
    BarJson { from: bar.from, to: bar.to, tasks: bar.count }
}

/// The whole answer.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct LoopsJson {
    pub all: GroupJson,
    pub by: Vec<GroupJson>,
    pub histogram: Vec<BarJson>,
    pub longest: Vec<LoopJson>,
    pub dearest: Vec<LoopJson>,
    pub running: Vec<LoopJson>,
    pub window: WindowJson,
}
