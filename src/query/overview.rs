//! What the charts of a page show: spend by day and model, and how many steps tasks took.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::NaiveDate;

use crate::model::time::{day_of, week_of};
use crate::model::{Money, Zone};
use crate::store::Sums;
use crate::store::read::SlotRow;

/// Models that are told apart; the others share one name.
pub const MODELS: usize = 7;
/// Bars that a chart of days holds at most: from more days on, each stands for a week.
const BARS: usize = 100;
/// Steps up to which tasks share a bar; the last bar holds all longer ones.
pub const STEPS: [(&str, i64); 9] =
    [("1", 1), ("2", 2), ("3–4", 4), ("5–8", 8), ("9–16", 16), ("17–32", 32), ("33–64", 64), ("65–128", 128), ("129+", i64::MAX)];

/// The spend of a day, or of the week that begins with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// The day.
    pub day: NaiveDate,
    /// The spend by model, in the order of [`Overview::models`].
    pub spend: Vec<Money>,
}

/// What charts show.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Everything together.
    pub total: Sums,
    /// The models, the dearest first; the last one may stand for several, by the name "others".
    pub models: Vec<(Arc<str>, Sums)>,
    /// The spend by day, none left out between the first and the last.
    pub days: Vec<Bar>,
    /// Whether bars stand for weeks.
    pub by_week: bool,
    /// Tasks by their steps, as many as [`STEPS`].
    pub steps: [u64; STEPS.len()],
}

impl Overview {
    /// Adds up slots.
    #[must_use]
    pub fn of<'a>(slots: impl Iterator<Item = &'a SlotRow>, zone: Zone) -> Overview {
        let mut total = Sums::default();
        let mut models: HashMap<&str, Sums> = HashMap::new();
        let mut days: BTreeMap<NaiveDate, HashMap<&str, i64>> = BTreeMap::new();
        for slot in slots {
            let model = slot.model.as_deref().unwrap_or("(no model)");
            total.add(&slot.sums, 1);
            models.entry(model).or_default().add(&slot.sums, 1);
            *days.entry(day_of(slot.at, zone)).or_default().entry(model).or_default() += slot.sums.nanos;
        }
        let mut ranked: Vec<(&str, Sums)> = models.into_iter().collect();
        ranked.sort_unstable_by(|(a, x), (b, y)| (y.nanos, y.calls).cmp(&(x.nanos, x.calls)).then(a.cmp(b)));
        let shown = if ranked.len() > MODELS { MODELS - 1 } else { ranked.len() };
        let (first, others) = ranked.split_at(shown);
        let place: HashMap<&str, usize> = first.iter().enumerate().map(|(i, (name, _))| (*name, i)).collect();
        let mut models: Vec<(Arc<str>, Sums)> = first.iter().map(|(name, sums)| (Arc::from(*name), *sums)).collect();
        if !others.is_empty() {
            let mut rest = Sums::default();
            for (_, sums) in others {
                rest.add(sums, 1);
            }
            models.push((Arc::from("others"), rest));
        }
        let (days, by_week) = bars(&days, &place, models.len());
        Overview { total, models, days, by_week, steps: [0; STEPS.len()] }
    }

    /// Counts a task.
    pub fn add_task(&mut self, steps: i64) {
        if let Some((_, count)) = STEPS.iter().zip(&mut self.steps).find(|((_, most), _)| steps <= *most) {
            *count += 1;
        }
    }
}

/// One bar a day; where those are too many, one a week.
fn bars(days: &BTreeMap<NaiveDate, HashMap<&str, i64>>, place: &HashMap<&str, usize>, models: usize) -> (Vec<Bar>, bool) {
    let (Some((first, _)), Some((last, _))) = (days.first_key_value(), days.last_key_value()) else { return (Vec::new(), false) };
    let by_week = usize::try_from((*last - *first).num_days()).is_ok_and(|n| n >= BARS);
    let begin = |day: NaiveDate| if by_week { week_of(day) } else { day };
    let step = if by_week { 7 } else { 1 };
    let mut found: BTreeMap<NaiveDate, Vec<Money>> = BTreeMap::new();
    for (day, spend) in days {
        let bar = found.entry(begin(*day)).or_insert_with(|| vec![Money::ZERO; models]);
        for (model, nanos) in spend {
            let at = place.get(model).copied().unwrap_or(models.saturating_sub(1));
            if let Some(money) = bar.get_mut(at) {
                *money += Money::from_nanos(*nanos);
            }
        }
    }
    let all = begin(*first).iter_days().step_by(step).take_while(|day| *day <= *last).take(BARS * 8);
    let bar = |day| Bar { day, spend: found.remove(&day).unwrap_or_else(|| vec![Money::ZERO; models]) };
    (all.map(bar).collect(), by_week)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::HOUR;

    fn slot(day: i64, model: &str, nanos: i64) -> SlotRow {
        let sums = Sums { calls: 1, nanos, priced: 1, ..Sums::default() };
        SlotRow { at: day * 24 * HOUR, session: 1, model: Some(Arc::from(model)), sums }
    }

    #[test]
    fn every_day_has_its_bar_and_bars_add_up() {
        let slots = [slot(0, "a", 5), slot(3, "b", 7), slot(3, "a", 1)];
        let found = Overview::of(slots.iter(), Zone::UTC);
        assert_eq!(found.models.iter().map(|(name, sums)| (&**name, sums.nanos)).collect::<Vec<_>>(), [("b", 7), ("a", 6)]);
        let spend = |bar: &Bar| bar.spend.iter().map(|m| m.nanos()).collect::<Vec<_>>();
        assert_eq!(found.days.iter().map(spend).collect::<Vec<_>>(), [[0, 5], [0, 0], [0, 0], [7, 1]]);
        assert_eq!(found.total.nanos, 13);
    }

    #[test]
    fn many_days_are_weeks_and_many_models_share_a_name() {
        let names: Vec<String> = (0..20).map(|n| format!("m{n:02}")).collect();
        let slots: Vec<SlotRow> = (0..400).map(|day| slot(day, &names[usize::try_from(day % 20).unwrap()], 1)).collect();
        let found = Overview::of(slots.iter(), Zone::UTC);
        assert!(found.by_week && found.days.len() == 58, "{}", found.days.len());
        assert_eq!(found.days.iter().flat_map(|bar| &bar.spend).copied().sum::<Money>().nanos(), 400);
        assert_eq!((found.models.len(), found.models.last().map(|(name, sums)| (&**name, sums.calls))), (MODELS, Some(("others", 280))));
    }

    #[test]
    fn tasks_are_counted_by_their_steps() {
        let mut found = Overview::default();
        for steps in [1, 2, 3, 4, 5, 128, 129, 9000] {
            found.add_task(steps);
        }
        assert_eq!(found.steps, [1, 1, 2, 1, 0, 0, 0, 1, 2]);
    }
}
