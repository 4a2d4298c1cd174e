//! The view of the trends: which period and what it is told apart by, and what keys do there.

use crate::query::trends::{Dimension, PERIODS, Period};

use super::{Action, App, Effect, Message, View};

/// A panel of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Panel {
    /// Spend by period.
    #[default]
    Spend,
    /// What one of something costs.
    Units,
    /// The calendar.
    Calendar,
    /// The hours of the day.
    Hours,
}

impl Panel {
    /// The next one.
    #[must_use]
    pub const fn next(self) -> Panel {
        match self {
            Panel::Spend => Panel::Units,
            Panel::Units => Panel::Calendar,
            Panel::Calendar => Panel::Hours,
            Panel::Hours => Panel::Spend,
        }
    }
}

/// The state of the view.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrendsView {
    /// How long a period is.
    pub period: Period,
    /// What spend is told apart by.
    pub by: Dimension,
    /// The panel in front: the only one where there is no room for more.
    pub panel: Panel,
}

impl Default for TrendsView {
    fn default() -> TrendsView {
        TrendsView { period: Period::Day, by: Dimension::Model, panel: Panel::Spend }
    }
}

/// The one after this.
fn after<T: Copy + PartialEq>(all: &[T], one: T) -> T {
    let at = all.iter().position(|other| *other == one).map_or(0, |at| at + 1);
    all.get(at).or(all.first()).copied().unwrap_or(one)
}

impl App {
    /// What a key does here; `None` is for what means the same everywhere.
    pub(super) fn act_in_trends(&mut self, action: Action) -> Option<Vec<Effect>> {
        match action {
            Action::Range => self.trends.period = after(&PERIODS, self.trends.period),
            Action::Group => self.trends.by = after(&Dimension::ALL, self.trends.by),
            Action::Section | Action::Down => self.trends.panel = self.trends.panel.next(),
            Action::Up => self.trends.panel = self.trends.panel.next().next().next(),
            Action::Back => return Some(self.show(View::Sessions)),
            Action::Stop | Action::Hold => {
                let message = format!("this is done with a session: {} shows them", self.keys.first(Action::Sessions));
                self.message = Some(Message::failed(message));
            }
            Action::PageUp
            | Action::PageDown
            | Action::Top
            | Action::Bottom
            | Action::Open
            | Action::Fold
            | Action::FoldAll
            | Action::Filter
            | Action::ClearFilter
            | Action::SortNext
            | Action::SortPrevious
            | Action::Reverse
            | Action::CopyId
            | Action::OpenLog => {}
            Action::Help
            | Action::Quit
            | Action::Sessions
            | Action::Loops
            | Action::Trends
            | Action::Caps
            | Action::Team
            | Action::Gpus
            | Action::Cap
            | Action::Theme
            | Action::Freeze
            | Action::Redraw
            | Action::Suspend => return None,
        }
        Some(Vec::new())
    }
}
