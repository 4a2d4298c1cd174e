//! Adding up quarter hours into the rows of a report, by any of their properties together.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chrono::{Datelike as _, NaiveDate};

use crate::model::time::{day_of, week_of};
use crate::model::{Cost, Dimension, Labels, Millis, Zone};
use crate::store::Sums;
use crate::store::read::SlotRow;

/// A length of time that rows stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Period {
    /// The viewer's days.
    Day,
    /// Weeks from Monday.
    Week,
    /// Calendar months.
    Month,
}

impl Period {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Period::Day => "day",
            Period::Week => "week",
            Period::Month => "month",
        }
    }

    /// The first day of the period that an instant falls in.
    #[must_use]
    pub fn first(self, at: Millis, zone: Zone) -> NaiveDate {
        let day = day_of(at, zone);
        match self {
            Period::Day => day,
            Period::Week => week_of(day),
            Period::Month => day.with_day(1).unwrap_or(day),
        }
    }

    /// What the period beginning on a day is called: the day, the Monday, or the month.
    #[must_use]
    pub fn name(self, first: NaiveDate) -> String {
        match self {
            Period::Month => format!("{:04}-{:02}", first.year(), first.month()),
            _ => first.to_string(),
        }
    }
}

/// A session's agent and project.
pub use crate::store::read::Place;

/// What tells the rows of a report apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dimensions {
    /// Their time.
    pub period: Option<Period>,
    /// Their agent.
    pub agent: bool,
    /// Their project.
    pub project: bool,
    /// Their model.
    pub model: bool,
    /// Which of their labels.
    pub labels: Wanted,
}

/// A choice of dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Wanted([bool; Dimension::ALL.len()]);

impl Wanted {
    /// Chooses one more.
    pub fn add(&mut self, dimension: Dimension) {
        if let Some(place) = self.0.get_mut(dimension as usize) {
            *place = true;
        }
    }

    /// The chosen ones, in their order.
    pub fn iter(self) -> impl Iterator<Item = Dimension> {
        Dimension::ALL.into_iter().zip(self.0).filter_map(|(dimension, wanted)| wanted.then_some(dimension))
    }

    /// Whether none is chosen.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Wanted::default()
    }

    /// These dimensions of some labels, and no others.
    #[must_use]
    pub fn of(self, labels: &Labels) -> Labels {
        let mut out = Labels::default();
        for dimension in self.iter() {
            out.set(dimension, labels.get(dimension).cloned());
        }
        out
    }

    /// Whether a chosen dimension has no value.
    #[must_use]
    pub fn misses(self, labels: &Labels) -> bool {
        self.iter().any(|dimension| labels.get(dimension).is_none())
    }
}

/// What a report could not attribute: the rows in which a chosen dimension has no value, together.
#[must_use]
pub fn unattributed(rows: &[Row], wanted: Wanted) -> Sums {
    let mut out = Sums::default();
    for row in rows.iter().filter(|row| wanted.misses(&row.labels)) {
        out.add(&row.sums, 1);
    }
    out
}

/// The part of a cost that another one is, in tenths of a percent, rounded; of what is known of both. Nothing, where nothing is.
#[must_use]
pub fn share_permille(part: &Sums, total: &Sums) -> Option<u64> {
    let (part, total) = (i128::from(part.cost().known.nanos()), i128::from(total.cost().known.nanos()));
    if total <= 0 { None } else { u64::try_from((part * 1000 + total / 2) / total).ok() }
}

/// One row; empty texts where the rows do not differ in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The day, the week's Monday, or the month.
    pub period: String,
    /// The agent.
    pub agent: Arc<str>,
    /// The project.
    pub project: Arc<str>,
    /// The model; also empty where the log names none.
    pub model: Arc<str>,
    /// The labels that rows differ in.
    pub labels: Labels,
    /// All models in it.
    pub models: BTreeSet<Arc<str>>,
    /// The sums.
    pub sums: Sums,
}

/// First day, agent, project, model and labels, where rows differ in them.
type RowKey<'a> = (Option<NaiveDate>, &'a str, &'a str, &'a str, Labels);

/// Rows by time from the oldest, others from the dearest; and the sum over all.
#[must_use]
pub fn add_up<'a>(
    slots: &[SlotRow],
    by: Dimensions,
    zone: Zone,
    place: &dyn Fn(i64) -> Option<&'a Place>,
    labels: &dyn Fn(i64) -> Option<&'a Labels>,
    model_passes: &dyn Fn(&str) -> bool,
) -> (Vec<Row>, Sums) {
    let none: Arc<str> = Arc::from("");
    let mut total = Sums::default();
    let mut rows: HashMap<RowKey<'_>, (Row, Option<NaiveDate>)> = HashMap::new();
    let mut passes: HashMap<&str, bool> = HashMap::new();
    let mut moment: Option<(Millis, NaiveDate)> = None;
    for slot in slots {
        let Some((agent, project)) = place(slot.session) else { continue };
        let model = slot.model.as_deref().unwrap_or_default();
        if !*passes.entry(model).or_insert_with(|| model_passes(model)) {
            continue;
        }
        let first = by.period.map(|period| match moment {
            Some((at, first)) if at == slot.at => first,
            _ => {
                let first = period.first(slot.at, zone);
                moment = Some((slot.at, first));
                first
            }
        });
        let pick = |wanted: bool, text: &'a Arc<str>| if wanted { &**text } else { "" };
        let labels = labels(slot.session).filter(|_| !by.labels.is_empty()).map(|labels| by.labels.of(labels)).unwrap_or_default();
        let model_key = if by.model { model } else { "" };
        let key = (first, pick(by.agent, agent), pick(by.project, project), model_key, labels.clone());
        let (row, _) = rows.entry(key).or_insert_with(|| {
            let shared = |wanted: bool, text: &Arc<str>| if wanted { text.clone() } else { none.clone() };
            let row = Row {
                period: by.period.zip(first).map(|(period, first)| period.name(first)).unwrap_or_default(),
                agent: shared(by.agent, agent),
                project: shared(by.project, project),
                model: slot.model.as_ref().map_or_else(|| none.clone(), |m| shared(by.model, m)),
                labels,
                models: BTreeSet::new(),
                sums: Sums::default(),
            };
            (row, first)
        });
        if let Some(name) = slot.model.as_ref().filter(|_| slot.sums.calls != 0)
            && !row.models.contains(name)
        {
            row.models.insert(name.clone());
        }
        row.sums.add(&slot.sums, 1);
        total.add(&slot.sums, 1);
    }
    // A row stands for calls or a cost; what else happened, prompts and tool calls without a model, only reaches the total.
    let spent = |sums: &Sums| sums.calls != 0 || sums.cost() != Cost::default();
    let mut rows: Vec<(Row, Option<NaiveDate>)> = rows.into_values().filter(|(row, _)| spent(&row.sums)).collect();
    let names = |row: &Row| (row.agent.clone(), row.project.clone(), row.model.clone(), row.labels.clone());
    rows.sort_by(|(a, a_first), (b, b_first)| {
        let dearer = || b.sums.nanos.cmp(&a.sums.nanos).then_with(|| b.sums.calls.cmp(&a.sums.calls));
        let by_rank = if by.period.is_some() { std::cmp::Ordering::Equal } else { dearer() };
        a_first.cmp(b_first).then(by_rank).then_with(|| names(a).cmp(&names(b)))
    });
    (rows.into_iter().map(|(row, _)| row).collect(), total)
}
