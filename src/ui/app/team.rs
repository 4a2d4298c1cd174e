//! The view of a gateway's team: what rows are made of, which one is selected, their order, and what keys do there.

use std::sync::Arc;

use crate::engine::team::{TeamAsk, TeamPicture};
use crate::engine::{Command, Snapshot};
use crate::model::Whose;
use crate::query::team::{BY, Order, TeamRow, sort};

use super::{Action, App, Effect, Message, View};

/// The state of the view.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TeamView {
    /// Which of the gateways.
    pub gateway: usize,
    /// Which of [`BY`] rows are made of.
    pub by: usize,
    /// The selected row's id, once somebody has chosen one.
    pub selected: Option<String>,
    /// The first row in view.
    pub first: usize,
    /// The order.
    pub sort: Order,
    /// Whether the order is the other way round.
    pub reversed: bool,
    /// Whether what is below the selected row has the room for itself.
    pub opened: bool,
}

impl TeamView {
    /// What rows are made of.
    #[must_use]
    pub fn by(&self) -> Whose {
        BY.get(self.by).copied().unwrap_or(Whose::User)
    }
}

impl App {
    /// The team as it is shown: that of a frozen picture stays.
    #[must_use]
    pub fn team_of<'a>(&'a self, snapshot: &'a Snapshot) -> Option<&'a TeamPicture> {
        let picture = self.frozen.as_deref().unwrap_or(snapshot).team.as_deref();
        picture.filter(|picture| self.is_team_wanted(picture))
    }

    /// Whether a picture is of what the view shows.
    fn is_team_wanted(&self, picture: &TeamPicture) -> bool {
        picture.ask.by == self.team.by() && picture.ask.gateway == self.team.gateway
    }

    /// What a frozen team becomes by what a new one has and it lacks: all of it, or only what is below another row.
    pub(super) fn team_beyond(&self, frozen: Option<&TeamPicture>, new: Option<&Arc<TeamPicture>>) -> Option<Arc<TeamPicture>> {
        let new = new.filter(|new| self.is_team_wanted(new))?;
        let Some(frozen) = frozen.filter(|frozen| self.is_team_wanted(frozen)) else { return Some(Arc::clone(new)) };
        let row = self.team.selected.as_ref()?;
        let is_below = |picture: &TeamPicture| picture.inside.as_ref().is_some_and(|(of, _)| of == row);
        // Its rows and both ledgers stay what they are.
        (is_below(new) && !is_below(frozen))
            .then(|| Arc::new(TeamPicture { ask: new.ask.clone(), inside: new.inside.clone(), ..frozen.clone() }))
    }

    /// The rows that the filter leaves, in their order.
    #[must_use]
    pub fn team_rows<'a>(&'a self, snapshot: &'a Snapshot) -> Vec<&'a TeamRow> {
        let Some(team) = self.team_of(snapshot).and_then(|picture| picture.team.as_ref()) else { return Vec::new() };
        let words: Vec<String> = self.input.value().split_whitespace().map(str::to_lowercase).collect();
        let has = |row: &TeamRow, word: &str| {
            let texts = [Some(row.name.as_str()), Some(row.id.as_str()), row.team.as_deref()];
            texts.into_iter().flatten().any(|text| text.to_lowercase().contains(word))
        };
        let mut rows: Vec<&TeamRow> = team.rows.iter().filter(|row| words.iter().all(|word| has(row, word))).collect();
        sort(&mut rows, self.team.sort);
        if self.team.reversed {
            rows.reverse();
        }
        rows
    }

    /// The place of the selected row; the first until somebody moves.
    #[must_use]
    pub fn team_at(&self, rows: &[&TeamRow]) -> usize {
        self.team.selected.as_ref().and_then(|id| rows.iter().position(|row| row.id == *id)).unwrap_or(0)
    }

    /// What the view wants to know.
    fn team_ask(&self) -> Effect {
        let ask = TeamAsk { gateway: self.team.gateway, by: self.team.by(), row: self.team.selected.clone() };
        Effect::Send(Command::Team(Some(ask)))
    }

    /// What the engine is asked when the view comes or goes.
    pub(super) fn look_at_team(&self, looks: bool) -> Effect {
        if looks { self.team_ask() } else { Effect::Send(Command::Team(None)) }
    }

    /// What a key does here; `None` is for what means the same everywhere.
    pub(super) fn act_in_team(&mut self, action: Action, page: isize, snapshot: &Arc<Snapshot>) -> Option<Vec<Effect>> {
        match action {
            Action::Up => return Some(self.move_in_team(-1, snapshot)),
            Action::Down => return Some(self.move_in_team(1, snapshot)),
            Action::PageUp => return Some(self.move_in_team(-page, snapshot)),
            Action::PageDown => return Some(self.move_in_team(page, snapshot)),
            Action::Top => return Some(self.move_in_team(isize::MIN / 2, snapshot)),
            Action::Bottom => return Some(self.move_in_team(isize::MAX / 2, snapshot)),
            Action::Open => self.team.opened = true,
            Action::Back if self.team.opened => self.team.opened = false,
            Action::Back if !self.input.value().is_empty() => return None,
            Action::Back => return Some(self.show(View::Sessions)),
            Action::Group => {
                let by = (self.team.by + 1) % BY.len();
                self.team = TeamView { by, gateway: self.team.gateway, sort: self.team.sort, ..TeamView::default() };
                return Some(vec![self.team_ask()]);
            }
            Action::Section => {
                let gateways = snapshot.gateways.len().max(1);
                self.team = TeamView { gateway: (self.team.gateway + 1) % gateways, by: self.team.by, ..TeamView::default() };
                return Some(vec![self.team_ask()]);
            }
            Action::SortNext | Action::SortPrevious => {
                let all = Order::ALL;
                let at = all.iter().position(|sort| *sort == self.team.sort).unwrap_or(0);
                let step = if action == Action::SortNext { 1 } else { all.len() - 1 };
                self.team.sort = all.get((at + step) % all.len()).copied().unwrap_or_default();
            }
            Action::Reverse => self.team.reversed = !self.team.reversed,
            Action::CopyId => {
                let rows = self.team_rows(snapshot);
                let Some(id) = rows.get(self.team_at(&rows)).map(|row| row.id.clone()) else { return Some(Vec::new()) };
                self.message = Some(Message::done(format!("copied {}", crate::model::text::shown(&id))));
                return Some(vec![Effect::Copy(id)]);
            }
            Action::Stop | Action::Hold | Action::OpenLog => {
                let message = format!("this is done with a session: {} shows them", self.keys.first(Action::Sessions));
                self.message = Some(Message::failed(message));
            }
            Action::Range | Action::Fold | Action::FoldAll => {}
            _ => return None,
        }
        Some(Vec::new())
    }

    /// Moves the bar, and asks for what is below the row it comes to.
    pub(super) fn move_in_team(&mut self, step: isize, snapshot: &Snapshot) -> Vec<Effect> {
        let rows = self.team_rows(snapshot);
        let at = self.team_at(&rows).saturating_add_signed(step).min(rows.len().saturating_sub(1));
        let selected = rows.get(at).map(|row| row.id.clone());
        if selected == self.team.selected {
            return Vec::new();
        }
        self.team.selected = selected;
        vec![self.team_ask()]
    }
}
