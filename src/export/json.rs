//! The JSON contract: stable names, exact money, nothing that could drive a terminal.
//!
//! Money appears twice: as `usd`, a JSON number written from the integer's own digits (never through a float, never
//! with an exponent), and as `nano_usd`, the integer. What is not known is `null`. Times are RFC 3339 in UTC. Text from
//! logs is cleaned of control characters here too, since JSON is often looked at in a terminal.

use std::io::{self, Write};

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::model::text::clean;
use crate::model::time::rfc3339;
use crate::model::{Dimension, Millis, Window};
use crate::query::{SessionDetail, SessionView, TaskView};
use crate::store::Sums;
use crate::store::read::{LimitRow, ToolRow};

mod labels;
pub mod loops;
mod parts;
pub mod sheet;
pub mod waste;

pub use labels::{LabelsJson, UnattributedJson, labels, said, unattributed};
pub use parts::{CostJson, MoneyJson, RateJson, TokensJson, Usd, WindowJson, cost, money, rate, tokens, window};

/// Writes one document and ends the line.
pub fn write(out: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    out.write_all(b"\n")
}

/// A session: first the contract's fields in its order, then what else is known.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct SessionJson {
    pub id: String,
    pub agent: String,
    pub parent: Option<String>,
    pub project: Option<String>,
    pub branch: Option<String>,
    pub models: Vec<String>,
    pub state: &'static str,
    pub started_at: Option<String>,
    pub last_at: Option<String>,
    pub tasks: i64,
    pub steps: i64,
    pub longest_loop: u64,
    pub tool_calls: i64,
    pub tool_failures: i64,
    pub retries: i64,
    pub compactions: i64,
    pub tokens: TokensJson,
    pub cost: CostJson,
    pub kind: &'static str,
    pub role: Option<String>,
    pub cwd: Option<String>,
    pub version: Option<String>,
    pub model: Option<String>,
    pub prompts: i64,
    pub api_errors: i64,
    pub web_searches: i64,
    pub loop_steps: u64,
    pub context: Option<u64>,
    pub context_window: Option<u64>,
    pub today: CostJson,
    pub last_hour: CostJson,
    pub lifetime: CostJson,
    pub remote: Option<String>,
    pub dimensions: LabelsJson,
}

fn text(value: Option<&str>) -> Option<String> {
    value.map(clean)
}

fn time(at: Option<Millis>) -> Option<String> {
    at.map(rfc3339)
}

/// A session as the contract writes it.
#[must_use]
pub fn session(view: &SessionView) -> SessionJson {
    let sums = &view.sums;
    SessionJson {
        id: clean(&view.uid),
        agent: clean(&view.agent),
        parent: text(view.parent.as_deref()),
        project: text(Some(&*view.project).filter(|name| !name.is_empty())),
        branch: text(view.branch.as_deref()),
        models: view.models.iter().map(|m| clean(m)).collect(),
        state: view.state.word(),
        started_at: time(view.started_at),
        last_at: time(view.last_at),
        tasks: sums.prompts,
        steps: sums.calls,
        longest_loop: view.longest_loop,
        tool_calls: sums.tools,
        tool_failures: sums.failures,
        retries: sums.retries,
        compactions: sums.compactions,
        tokens: tokens(&view.tokens()),
        cost: cost(&view.cost()),
        kind: view.kind.word(),
        role: text(view.role.as_deref()),
        cwd: text(view.cwd.as_deref()),
        version: text(view.version.as_deref()),
        model: text(view.model.as_deref()),
        prompts: sums.prompts + sums.queued,
        api_errors: sums.errors,
        web_searches: sums.searches,
        loop_steps: view.loop_steps,
        context: view.context,
        context_window: view.context_window,
        today: cost(&view.today),
        last_hour: cost(&view.last_hour),
        lifetime: cost(&view.lifetime),
        remote: text(view.remote.as_deref()),
        dimensions: labels(&view.labels),
    }
}

/// The answer of `sessions`.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct SessionsJson {
    pub sessions: Vec<SessionJson>,
    pub window: WindowJson,
}

/// A list of sessions and the window of their figures.
#[must_use]
pub fn sessions<'a>(views: impl IntoIterator<Item = &'a SessionView>, shown: Window) -> SessionsJson {
    SessionsJson { sessions: views.into_iter().map(session).collect(), window: window(shown) }
}

/// One task of a session.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct TaskJson {
    pub started_at: String,
    pub ended_at: String,
    pub steps: i64,
    pub tool_calls: i64,
    pub tool_failures: i64,
    pub retries: i64,
    pub tokens: TokensJson,
    pub cost: CostJson,
}

/// A task as the contract writes it.
#[must_use]
pub fn task(task: &TaskView) -> TaskJson {
    let sums = &task.sums;
    TaskJson {
        started_at: rfc3339(task.started_at),
        ended_at: rfc3339(task.ended_at),
        steps: sums.calls,
        tool_calls: sums.tools,
        tool_failures: sums.failures,
        retries: sums.retries,
        tokens: tokens(&sums.tokens()),
        cost: cost(&sums.cost()),
    }
}

/// How often a tool was called.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct ToolJson {
    pub name: String,
    pub calls: u64,
    pub failures: u64,
}

/// How much of a plan's window is used.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct LimitJson {
    pub limit: String,
    pub window_minutes: u32,
    pub used_percent: f64,
    pub at: String,
    pub resets_at: Option<String>,
}

/// The answer of `session ID`: the session's own fields, then its parts.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct DetailJson {
    #[serde(flatten)]
    pub session: SessionJson,
    pub task_list: Vec<TaskJson>,
    pub tools: Vec<ToolJson>,
    pub limits: Vec<LimitJson>,
    pub subagents: Vec<SessionJson>,
    pub waste: waste::WasteJson,
}

/// Everything about one session.
#[must_use]
pub fn detail(detail: &SessionDetail, waste: waste::WasteJson) -> DetailJson {
    let tool = |t: &ToolRow| ToolJson { name: clean(&t.name), calls: t.calls, failures: t.failures };
    let limit = |l: &LimitRow| LimitJson {
        limit: clean(&l.limit),
        window_minutes: l.window_minutes,
        used_percent: f64::from(l.used_permille) / 10.0,
        at: rfc3339(l.at),
        resets_at: time(l.resets_at),
    };
    DetailJson {
        session: session(&detail.session),
        task_list: detail.tasks.iter().map(task).collect(),
        tools: detail.tools.iter().map(tool).collect(),
        limits: detail.limits.iter().map(limit).collect(),
        subagents: detail.children.iter().map(session).collect(),
        waste,
    }
}

/// One row of a report; `None` in the contract's fields is a sum over all of them.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct RowJson<'a> {
    /// The name and value of the period: `day`, `week` or `month`.
    pub period: Option<(&'static str, &'a str)>,
    pub agent: Option<&'a str>,
    pub model: Option<&'a str>,
    /// Only reports by project have it; empty where the log has no directory.
    pub project: Option<&'a str>,
    /// The dimensions that the report tells apart, and the row's values.
    pub labels: Vec<(Dimension, Option<&'a str>)>,
    pub sums: &'a Sums,
}

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let (name, value) = self.period.map_or(("day", None), |(name, value)| (name, Some(value)));
        map.serialize_entry(name, &value)?;
        map.serialize_entry("agent", &text(self.agent))?;
        map.serialize_entry("model", &text(self.model))?;
        if let Some(project) = self.project {
            map.serialize_entry("project", &text(Some(project).filter(|name| !name.is_empty())))?;
        }
        for (dimension, value) in &self.labels {
            map.serialize_entry(dimension.word(), &text(*value))?;
        }
        map.serialize_entry("calls", &self.sums.calls)?;
        map.serialize_entry("tokens", &tokens(&self.sums.tokens()))?;
        map.serialize_entry("cost", &cost(&self.sums.cost()))?;
        map.end()
    }
}

/// The sum under a report.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct TotalJson {
    pub calls: i64,
    pub tokens: TokensJson,
    pub cost: CostJson,
}

/// The answer of `report`.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct ReportJson<'a> {
    pub rows: Vec<RowJson<'a>>,
    pub total: TotalJson,
    pub window: WindowJson,
    /// Only reports by dimensions have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unattributed: Option<UnattributedJson>,
}

/// A report's rows with their sum.
#[must_use]
pub fn report<'a>(rows: Vec<RowJson<'a>>, total: &Sums, shown: Window) -> ReportJson<'a> {
    let total = TotalJson { calls: total.calls, tokens: tokens(&total.tokens()), cost: cost(&total.cost()) };
    ReportJson { rows, total, window: window(shown), unattributed: None }
}

/// The answer of `top --once`.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct MomentJson {
    pub today: CostJson,
    pub burn_rate: CostJson,
    pub projection: Option<CostJson>,
    pub live: usize,
    pub sessions: Vec<SessionJson>,
}

/// The answer to anything that failed.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct ErrorJson {
    pub error: ErrorBody,
}

/// What failed, for a program by its code and for a person by its words.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "the fields are the contract's")]
pub struct ErrorBody {
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
}
