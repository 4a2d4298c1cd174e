//! What a case should come to, in the words of the house.

use std::collections::BTreeMap;

use aifinops::engine::ingest::Ingest;
use aifinops::model::time::rfc3339;
use aifinops::model::{Money, SessionKind, Turn};
use aifinops::query::SessionView;
use serde::Deserialize;

use crate::home::sessions;

/// A case's expectation.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Expected {
    /// The rule in a sentence.
    pub about: String,
    sessions: Vec<Session>,
    /// Lines that are no JSON.
    #[serde(default)]
    malformed: u64,
}

/// A session. Counters that are left out are zero; the other fields are compared where they are given.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Session {
    /// The agent's id; one that ends with `*` stands for a name made from a hash.
    uid: String,
    #[serde(default = "main")]
    kind: String,
    #[serde(default)]
    parent: Option<String>,
    turn: String,
    #[serde(default)]
    calls: i64,
    #[serde(default)]
    tokens: Tokens,
    #[serde(default)]
    prompts: i64,
    #[serde(default)]
    queued: i64,
    #[serde(default)]
    tools: i64,
    #[serde(default)]
    failures: i64,
    #[serde(default)]
    retries: i64,
    #[serde(default)]
    errors: i64,
    #[serde(default)]
    compactions: i64,
    #[serde(default)]
    searches: i64,
    /// Calls whose output is known to be too low.
    #[serde(default)]
    lower_bound: i64,
    /// Calls whose price is not known.
    #[serde(default)]
    unpriced: i64,
    /// Exact dollars.
    cost: Option<String>,
    context: Option<u64>,
    window: Option<u64>,
    model: Option<String>,
    models: Option<Vec<String>>,
    project: Option<String>,
    branch: Option<String>,
    version: Option<String>,
    role: Option<String>,
    started_at: Option<String>,
    last_at: Option<String>,
    /// Prompts and steps of each task, oldest first.
    tasks: Option<Vec<(i64, i64)>>,
    /// Calls and failures of each tool.
    by_tool: Option<BTreeMap<String, (u64, u64)>>,
    /// Used per mille of each rate-limit window, by its minutes.
    limits: Option<BTreeMap<u32, u32>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Tokens {
    input: u64,
    cache_read: u64,
    cache_write_5m: u64,
    cache_write_1h: u64,
    output: u64,
    reasoning: u64,
}

fn main() -> String {
    "main".to_owned()
}

impl Expected {
    /// Compares everything that a store holds with this.
    pub(super) fn check(&self, ingest: &mut Ingest) -> Result<(), String> {
        let mut found = sessions(ingest, 1_800_000_000_000);
        let mut wrong = Vec::new();
        for expected in &self.sessions {
            let mut matching = found.extract_if(.., |s| names(&expected.uid, &s.uid)).collect::<Vec<_>>();
            match (matching.pop(), matching.pop()) {
                (Some(view), None) => wrong.extend(differences(expected, &Session::of(&view, expected, ingest))),
                (None, _) => wrong.push(format!("  {}: is missing", expected.uid)),
                (Some(_), Some(_)) => wrong.push(format!("  {}: are several", expected.uid)),
            }
        }
        wrong.extend(found.iter().map(|s| format!("  {}: nobody expects it: {:?}", s.uid, s.sums)));
        let malformed: u64 = ingest.store.files().unwrap().iter().map(|f| f.malformed).sum();
        if malformed != self.malformed {
            wrong.push(format!("  malformed lines: {malformed}, expected {}", self.malformed));
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
    }
}

fn names(expected: &str, uid: &str) -> bool {
    expected.strip_suffix('*').map_or(expected == uid, |start| uid.starts_with(start))
}

/// The lines in which two sessions differ.
fn differences(expected: &Session, actual: &Session) -> Vec<String> {
    let (expected_text, actual_text) = (format!("{expected:#?}"), format!("{actual:#?}"));
    if expected == actual {
        return Vec::new();
    }
    let lines = expected_text.lines().zip(actual_text.lines()).filter(|(e, a)| e != a);
    let told: Vec<String> = lines.map(|(e, a)| format!("    expected {} is {}", e.trim(), a.trim())).collect();
    vec![format!("  {}:\n{}", expected.uid, told.join("\n"))]
}

impl Session {
    /// The session as it was read, with those fields that the expectation speaks of.
    fn of(view: &SessionView, like: &Session, ingest: &Ingest) -> Session {
        let store = &ingest.store;
        let sums = &view.sums;
        let tokens = view.tokens();
        let told =
            |text: &Option<std::sync::Arc<str>>, asked: &Option<String>| asked.as_ref().map(|_| text.as_deref().unwrap_or("").to_owned());
        let time = |at: Option<i64>, asked: &Option<String>| asked.as_ref().map(|_| at.map(rfc3339).unwrap_or_default());
        Session {
            uid: like.uid.clone(),
            kind: match view.kind {
                SessionKind::Main => "main".to_owned(),
                SessionKind::Subagent => "subagent".to_owned(),
                SessionKind::Fork => "fork".to_owned(),
            },
            parent: view.parent.as_deref().map(str::to_owned),
            turn: match view.turn {
                Turn::Ended => "ended".to_owned(),
                Turn::Open => "open".to_owned(),
                Turn::ToolPending => "tool pending".to_owned(),
            },
            calls: sums.calls,
            tokens: Tokens {
                input: tokens.input,
                cache_read: tokens.cache_read,
                cache_write_5m: tokens.cache_write_5m,
                cache_write_1h: tokens.cache_write_1h,
                output: tokens.output,
                reasoning: tokens.reasoning,
            },
            prompts: sums.prompts,
            queued: sums.queued,
            tools: sums.tools,
            failures: sums.failures,
            retries: sums.retries,
            errors: sums.errors,
            compactions: sums.compactions,
            searches: sums.searches,
            lower_bound: sums.lower,
            unpriced: sums.unpriced,
            cost: like.cost.as_ref().map(|_| view.cost().money().map(Money::exact).unwrap_or_default()),
            context: like.context.and(view.context),
            window: like.window.and(view.context_window),
            model: told(&view.model, &like.model),
            models: like.models.as_ref().map(|_| view.models.iter().map(ToString::to_string).collect()),
            project: told(&Some(view.project.clone()), &like.project),
            branch: told(&view.branch, &like.branch),
            version: told(&view.version, &like.version),
            role: told(&view.role, &like.role),
            started_at: time(view.started_at, &like.started_at),
            last_at: time(view.last_at, &like.last_at),
            tasks: like.tasks.as_ref().map(|_| store.tasks(view.id).unwrap().iter().map(|t| (t.sums.prompts, t.sums.calls)).collect()),
            by_tool: like
                .by_tool
                .as_ref()
                .map(|_| store.tools(view.id).unwrap().iter().map(|t| (t.name.to_string(), (t.calls, t.failures))).collect()),
            limits: like
                .limits
                .as_ref()
                .map(|_| store.limits(view.id).unwrap().iter().map(|l| (l.window_minutes, l.used_permille)).collect()),
        }
    }
}
