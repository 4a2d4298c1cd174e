//! One session in short, for a pull request: what it was, how long it took, how it went, what it cost. No prompt, no code.

use std::io::{self, Write};

use serde::Serialize;

use crate::insight::spread::Spread;
use crate::model::text::clean;
use crate::model::time::rfc3339;
use crate::model::{Cost, Millis, SessionKind, Tokens};
use crate::query::{SessionDetail, SessionView, TaskView};
use crate::store::read::ToolRow;
use crate::store::spend::SpendRow;

use super::json::{self, CostJson, TokensJson};

/// How long the loops of a session were, in steps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Loops {
    /// The median.
    pub p50: Option<i64>,
    /// 19 of 20 tasks took no more.
    pub p95: Option<i64>,
    /// The longest.
    pub max: Option<i64>,
}

/// A model's part.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields say it")]
pub struct ModelPart {
    pub name: String,
    pub calls: i64,
    pub tokens: Tokens,
    pub cost: Cost,
}

/// A subagent's part.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields say it")]
pub struct SubagentPart {
    pub id: String,
    pub role: Option<String>,
    pub steps: i64,
    pub tokens: Tokens,
    pub cost: Cost,
}

impl SubagentPart {
    /// What it is called, else its own part of its id.
    #[must_use]
    pub fn name(&self) -> &str {
        let id = || self.id.rsplit('/').next().unwrap_or_default();
        self.role.as_deref().filter(|role| !role.is_empty()).unwrap_or_else(id)
    }
}

/// The summary. Models, tokens and the total are those of the session and of all its subagents; tasks, tools and what else is
/// counted are its own.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the fields say it")]
pub struct Summary {
    pub id: String,
    pub agent: String,
    pub version: Option<String>,
    pub project: String,
    pub branch: Option<String>,
    pub state: &'static str,
    pub started_at: Option<Millis>,
    pub last_at: Option<Millis>,
    /// Milliseconds inside of tasks.
    pub busy: Millis,
    pub tasks: Vec<TaskView>,
    pub steps: i64,
    pub loops: Loops,
    pub tools: Vec<ToolRow>,
    pub tool_calls: i64,
    pub tool_failures: i64,
    pub retries: i64,
    pub compactions: i64,
    pub api_errors: i64,
    pub models: Vec<ModelPart>,
    /// The dearest first.
    pub subagents: Vec<SubagentPart>,
    pub tokens: Tokens,
    pub total: Cost,
    /// The day of the price book.
    pub book: String,
}

impl Summary {
    /// Puts it together: the session, its subagents however deep, what was spent by model in all of them, and the day of the
    /// price book.
    #[must_use]
    pub fn of(detail: &SessionDetail, subagents: &[SessionView], spend: &[SpendRow], book: &str) -> Summary {
        let (view, sums) = (&detail.session, &detail.session.sums);
        let steps: Spread = detail.tasks.iter().map(|task| task.sums.calls).filter(|steps| *steps > 0).collect();
        let subagents = subagents.iter().filter(|sub| sub.kind == SessionKind::Subagent && sub.id != view.id);
        let mut subagents: Vec<SubagentPart> = subagents.map(subagent).collect();
        subagents.sort_by(|a, b| (b.cost.known, b.steps).cmp(&(a.cost.known, a.steps)).then_with(|| a.id.cmp(&b.id)));
        Summary {
            id: clean(&view.uid),
            agent: clean(&view.agent),
            version: view.version.as_deref().map(clean),
            project: clean(&view.project),
            branch: view.branch.as_deref().map(clean),
            state: view.state.word(),
            started_at: view.started_at,
            last_at: view.last_at,
            busy: detail.tasks.iter().map(|task| (task.ended_at - task.started_at).max(0)).sum(),
            tasks: detail.tasks.clone(),
            steps: sums.calls,
            loops: Loops { p50: steps.median(), p95: steps.percentile(95), max: steps.max() },
            tools: detail.tools.clone(),
            tool_calls: sums.tools,
            tool_failures: sums.failures,
            retries: sums.retries,
            compactions: sums.compactions,
            api_errors: sums.errors,
            models: models(spend),
            tokens: subagents.iter().fold(view.tokens(), |sum, sub| sum + sub.tokens),
            total: subagents.iter().fold(view.cost(), |sum, sub| sum + sub.cost),
            subagents,
            book: book.to_owned(),
        }
    }
}

fn subagent(view: &SessionView) -> SubagentPart {
    SubagentPart {
        id: clean(&view.uid),
        role: view.role.as_deref().map(clean),
        steps: view.sums.calls,
        tokens: view.tokens(),
        cost: view.cost(),
    }
}

/// The spend of several sessions by model, the dearest first.
fn models(spend: &[SpendRow]) -> Vec<ModelPart> {
    let mut found: Vec<ModelPart> = Vec::new();
    for row in spend.iter().filter(|row| row.sums.calls > 0) {
        let name = row.model.as_deref().map_or_else(|| "(no model)".to_owned(), clean);
        let (tokens, cost) = (row.sums.tokens(), row.sums.cost());
        match found.iter_mut().find(|part| part.name == name) {
            Some(part) => {
                part.calls += row.sums.calls;
                part.tokens += tokens;
                part.cost += cost;
            }
            None => found.push(ModelPart { name, calls: row.sums.calls, tokens, cost }),
        }
    }
    found.sort_by(|a, b| (b.cost.known, b.calls).cmp(&(a.cost.known, a.calls)).then_with(|| a.name.cmp(&b.name)));
    found
}

/// The summary as JSON.
#[derive(Debug, Serialize)]
struct SummaryJson<'a> {
    id: &'a str,
    agent: &'a str,
    version: Option<&'a str>,
    project: Option<&'a str>,
    branch: Option<&'a str>,
    state: &'static str,
    started_at: Option<String>,
    last_at: Option<String>,
    busy_seconds: i64,
    tasks: usize,
    steps: i64,
    loops: Loops,
    tool_calls: i64,
    tool_failures: i64,
    retries: i64,
    compactions: i64,
    api_errors: i64,
    tokens: TokensJson,
    cost: CostJson,
    prices_of: &'a str,
    models: Vec<PartJson<'a>>,
    tools: Vec<json::ToolJson>,
    subagents: Vec<PartJson<'a>>,
    task_list: Vec<json::TaskJson>,
}

/// A part of it that spent something.
#[derive(Debug, Serialize)]
struct PartJson<'a> {
    name: &'a str,
    calls: i64,
    tokens: TokensJson,
    cost: CostJson,
}

/// Writes the summary as JSON.
pub fn json(out: &mut impl Write, s: &Summary) -> io::Result<()> {
    let part = |name, calls, tokens: &Tokens, cost: &Cost| PartJson { name, calls, tokens: json::tokens(tokens), cost: json::cost(cost) };
    let body = SummaryJson {
        id: &s.id,
        agent: &s.agent,
        version: s.version.as_deref(),
        project: Some(s.project.as_str()).filter(|name| !name.is_empty()),
        branch: s.branch.as_deref(),
        state: s.state,
        started_at: s.started_at.map(rfc3339),
        last_at: s.last_at.map(rfc3339),
        busy_seconds: s.busy / 1000,
        tasks: s.tasks.len(),
        steps: s.steps,
        loops: s.loops,
        tool_calls: s.tool_calls,
        tool_failures: s.tool_failures,
        retries: s.retries,
        compactions: s.compactions,
        api_errors: s.api_errors,
        tokens: json::tokens(&s.tokens),
        cost: json::cost(&s.total),
        prices_of: &s.book,
        models: s.models.iter().map(|m| part(m.name.as_str(), m.calls, &m.tokens, &m.cost)).collect(),
        tools: s.tools.iter().map(|t| json::ToolJson { name: clean(&t.name), calls: t.calls, failures: t.failures }).collect(),
        subagents: s.subagents.iter().map(|sub| part(sub.name(), sub.steps, &sub.tokens, &sub.cost)).collect(),
        task_list: s.tasks.iter().map(json::task).collect(),
    };
    json::write(out, &body)
}
