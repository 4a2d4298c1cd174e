//! Reports: sums by day, week, month, model, project or agent.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::Datelike as _;
use chrono_tz::Tz;

use crate::model::time::{day_of, week_of};
use crate::model::{Millis, Window};
use crate::store::{Store, StoreError, Sums};

use super::SessionView;

/// What the rows of a report stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReportBy {
    /// The viewer's days.
    Day,
    /// Weeks from Monday.
    Week,
    /// Calendar months.
    Month,
    /// Models.
    Model,
    /// Projects.
    Project,
    /// Agents.
    Agent,
}

impl ReportBy {
    /// Whether the rows are periods of time.
    #[must_use]
    pub const fn is_timed(self) -> bool {
        matches!(self, ReportBy::Day | ReportBy::Week | ReportBy::Month)
    }
}

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportRow {
    /// The day, the week's Monday or the month; empty where the report is not by time.
    pub period: String,
    /// The agent; empty where the report sums over agents.
    pub agent: Arc<str>,
    /// The project; empty unless the report is by project.
    pub project: Arc<str>,
    /// The model; empty where the report sums over models, or the log does not say.
    pub model: Arc<str>,
    /// The sums.
    pub sums: Sums,
}

/// A report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The rows, in order.
    pub rows: Vec<ReportRow>,
    /// The sums over all rows, prompts and tool calls included.
    pub total: Sums,
}

/// What to report.
pub struct Question<'a> {
    /// The window.
    pub window: Window,
    /// The viewer's zone.
    pub zone: Tz,
    /// What the rows stand for.
    pub by: ReportBy,
    /// For reports by time: a row for each period, agent and model instead of one for each period.
    pub detailed: bool,
    /// The sessions that rows may come from; `None` is all.
    pub sessions: Option<&'a [SessionView]>,
    /// Which models count.
    pub model_passes: &'a dyn Fn(&str) -> bool,
}

type RowKey = (String, Arc<str>, Arc<str>, Arc<str>);

/// Sums the window.
pub fn report(store: &Store, question: &Question<'_>) -> Result<Report, StoreError> {
    let known: HashMap<i64, (Arc<str>, Arc<str>)> = match question.sessions {
        Some(list) => list.iter().map(|s| (s.id, (s.agent.clone(), s.project.clone()))).collect(),
        None => store.session_places()?,
    };
    let by = question.by;
    let none: Arc<str> = Arc::from("");
    let mut rows: BTreeMap<RowKey, Sums> = BTreeMap::new();
    let mut total = Sums::default();
    let mut periods: HashMap<Millis, String> = HashMap::new();
    for slot in store.slots(question.window)? {
        let Some((agent, project)) = known.get(&slot.session) else { continue };
        let model = slot.model.clone().unwrap_or_else(|| none.clone());
        if !(question.model_passes)(&model) {
            continue;
        }
        let period = if by.is_timed() {
            periods.entry(slot.at).or_insert_with(|| period(slot.at, question.zone, by)).clone()
        } else {
            String::new()
        };
        let key = match by {
            _ if by.is_timed() && question.detailed => (period, agent.clone(), none.clone(), model),
            ReportBy::Model => (period, none.clone(), none.clone(), model),
            ReportBy::Project => (period, none.clone(), project.clone(), none.clone()),
            ReportBy::Agent => (period, agent.clone(), none.clone(), none.clone()),
            _ => (period, none.clone(), none.clone(), none.clone()),
        };
        total.add(&slot.sums, 1);
        rows.entry(key).or_default().add(&slot.sums, 1);
    }
    // A row by model holds calls; prompts and tools have no model and only reach the total.
    let by_model = by.is_timed() && question.detailed || by == ReportBy::Model;
    let mut rows: Vec<ReportRow> = rows
        .into_iter()
        .filter(|(_, sums)| if by_model { sums.calls != 0 } else { !sums.is_zero() })
        .map(|((period, agent, project, model), sums)| ReportRow { period, agent, project, model, sums })
        .collect();
    if !by.is_timed() {
        rows.sort_by(|a, b| b.sums.nanos.cmp(&a.sums.nanos).then_with(|| b.sums.calls.cmp(&a.sums.calls)));
    }
    Ok(Report { rows, total })
}

fn period(at: Millis, zone: Tz, by: ReportBy) -> String {
    let day = day_of(at, zone);
    match by {
        ReportBy::Week => week_of(day).to_string(),
        ReportBy::Month => format!("{:04}-{:02}", day.year(), day.month()),
        _ => day.to_string(),
    }
}
