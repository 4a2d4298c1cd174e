//! How good forecasts would have been: the past foretold from what was known then, beside a straight line.

use chrono::{Days, Weekday};

use crate::insight::forecast::Futures;
use crate::insight::spread::Spread;
use crate::model::cap::Span;
use crate::model::time::{HOUR, day_of, start_of};
use crate::model::{Millis, Window};

use super::{History, SPANS, window_of};

/// The hours after midnight at which each day is foretold.
pub const HOURS: [Millis; 7] = [3, 6, 9, 12, 15, 18, 21];
/// The days that are foretold at most: half a year.
pub const MOST: usize = 182;

/// How far from the truth forecasts of one span were. Errors are in per mille of the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Score {
    /// A day, a week or a month; nothing for all of them together.
    pub span: Option<Span>,
    /// The spans that were foretold.
    pub spans: usize,
    /// How often.
    pub forecasts: usize,
    /// The median error of the forecast.
    pub ours: Option<i64>,
    /// The median error of a straight line: what was spent, divided by the part of the span that was over.
    pub line: Option<i64>,
    /// The error that nine of ten forecasts stay below.
    pub ours_most: Option<i64>,
    /// The same of a straight line.
    pub line_most: Option<i64>,
    /// How often of a thousand the truth was in the range, which is meant to hold eight of ten.
    pub held: Option<i64>,
}

/// Foretells each span of the past at several hours of each of its days, and adds all of them up at the end. A span counts
/// that began after the first day, and after whose end something was spent: of others nobody knows whether their end has
/// been read.
#[must_use]
pub fn backtest(history: &History, week_start: Weekday) -> Vec<Score> {
    let mut all = Errors::default();
    let mut scores = Vec::new();
    for span in SPANS {
        let errors = errors(history, span, week_start);
        all.add(&errors);
        scores.push(errors.score(Some(span)));
    }
    scores.push(all.score(None));
    scores
}

/// How far off each forecast was.
#[derive(Debug, Default)]
struct Errors {
    ours: Vec<i64>,
    line: Vec<i64>,
    held: i64,
    spans: usize,
}

impl Errors {
    fn add(&mut self, other: &Errors) {
        self.ours.extend(&other.ours);
        self.line.extend(&other.line);
        self.held += other.held;
        self.spans += other.spans;
    }

    fn score(&self, span: Option<Span>) -> Score {
        let (ours, line): (Spread, Spread) = (self.ours.iter().copied().collect(), self.line.iter().copied().collect());
        Score {
            span,
            spans: self.spans,
            forecasts: ours.count(),
            ours: ours.median(),
            line: line.median(),
            ours_most: ours.percentile(90),
            line_most: line.percentile(90),
            held: (self.held * 1000).checked_div(i64::try_from(ours.count()).unwrap_or(0)),
        }
    }
}

fn errors(history: &History, span: Span, week_start: Weekday) -> Errors {
    let zone = history.zone();
    let mut errors = Errors::default();
    let mut spans = Vec::new();
    let last = history.last().unwrap_or(Millis::MIN);
    let end = day_of(last.max(0), zone);
    let oldest = end.checked_sub_days(Days::new(MOST as u64)).unwrap_or(end);
    let begin = history.first().and_then(|first| first.succ_opt());
    let mut day = begin.map(|begin| begin.max(oldest));
    while let Some(at) = day.filter(|at| *at < end) {
        day = at.succ_opt();
        for now in HOURS.map(|hour| start_of(at, zone) + hour * HOUR) {
            let Some(window) = window_of(span, now, zone, week_start) else { continue };
            let is_known = begin.is_some_and(|begin| window.from >= start_of(begin, zone)) && window.to <= last;
            let truth = history.spent(window);
            if !is_known || truth <= 0 {
                continue;
            }
            let course = history.course(now, window);
            let Some(outlook) = Futures::of(&course).map(|futures| futures.outlook()) else { continue };
            errors.ours.push(error(i128::from(outlook.likely), truth));
            errors.line.push(error(straight(course.spent, window, now), truth));
            errors.held += i64::from(outlook.low <= truth && truth <= outlook.high);
            spans.push(window.from);
        }
    }
    spans.dedup();
    errors.spans = spans.len();
    errors
}

/// Where a straight line from the beginning of a window through now ends.
fn straight(spent: i64, window: Window, now: Millis) -> i128 {
    i128::from(spent) * i128::from(window.to - window.from) / i128::from((now - window.from).max(1))
}

/// How far something is from the truth, in per mille of it.
fn error(foretold: i128, truth: i64) -> i64 {
    let truth = i128::from(truth);
    i64::try_from((foretold - truth).abs() * 1000 / truth.max(1)).unwrap_or(i64::MAX)
}
